"""The two networks: stage 1 (anchor) and stage 2 (completion)."""
