"""What buttons do: each operator translates the panel's words and calls a function."""

from . import bake, estimate, footage, resample, take

CLASSES = (
    *estimate.CLASSES,
    *resample.CLASSES,
    *bake.CLASSES,
    *take.CLASSES,
    *footage.CLASSES,
)
