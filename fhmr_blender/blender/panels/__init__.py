"""The sidebar tab FHMR, from top to bottom in the order of work."""

from . import clean_up, estimate, footage, keyframes, people, resample, resample_hand, retarget

CLASSES = (
    *footage.CLASSES,
    *people.CLASSES,
    *estimate.CLASSES,
    *resample.CLASSES,
    *resample_hand.CLASSES,
    *clean_up.CLASSES,
    *keyframes.CLASSES,
    *retarget.CLASSES,
)
