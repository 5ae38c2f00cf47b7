"""The commands of `python -m fhmr_blender`, a file each."""
