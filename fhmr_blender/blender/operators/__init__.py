"""What buttons do: each operator translates the panel's words and calls a function."""

from . import (
    bake,
    contacts,
    draw_box,
    estimate,
    export,
    footage,
    keypoints,
    people,
    pins,
    resample,
    resolve,
    retarget,
    take,
    variations,
)

CLASSES = (
    *estimate.CLASSES,
    *resample.CLASSES,
    *variations.CLASSES,
    *pins.CLASSES,
    *keypoints.CLASSES,
    *contacts.CLASSES,
    *resolve.CLASSES,
    *bake.CLASSES,
    *retarget.CLASSES,
    *export.CLASSES,
    *take.CLASSES,
    *footage.CLASSES,
    *people.CLASSES,
    *draw_box.CLASSES,
)
