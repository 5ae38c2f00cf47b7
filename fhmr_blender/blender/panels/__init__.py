"""The sidebar tab FHMR, from top to bottom in the order of work."""

from . import estimate, footage, keyframes, people, resample

CLASSES = (
    *footage.CLASSES,
    *people.CLASSES,
    *estimate.CLASSES,
    *resample.CLASSES,
    *keyframes.CLASSES,
)
