"""Motion, pictures and observations to train on."""
