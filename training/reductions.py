"""Training with one thing taken away, for the table of what each part is worth.

composite: no limb positions beside the rotations (stage 2). geometry: the flow's own loss alone,
besides contacts (stage 2). bank: rendered clips as they are, neither perturbed nor simulated (both
stages). feature: the landmark network's image feature is never given (both stages).
"""

from dataclasses import replace

from .configuration import TrainingSettings

REDUCTIONS = ("composite", "geometry", "bank", "feature")
OF_BOTH_STAGES = ("bank", "feature")


def checkpoint_name(network: str, without: str | None = None) -> str:
    """The file of a network's weights under `STATE`."""
    return f"{network}.pt" if without is None else f"{network}_without_{without}.pt"


def reduced(settings: TrainingSettings, without: str | None) -> TrainingSettings:
    """The settings of a training that goes without something.

    Raises:
        ValueError: There is no such thing to take away.
    """
    if without is None:
        return settings
    weights = settings.completion_weights
    if without == "composite":
        weights = replace(weights, flow_positions=0.0, consistency=0.0, bone_lengths=0.0)
        return replace(settings, completion_weights=weights)
    if without == "geometry":
        weights = replace(
            weights,
            joints=0.0,
            consistency=0.0,
            bone_lengths=0.0,
            projection=0.0,
            velocity=0.0,
            sliding=0.0,
        )
        return replace(settings, completion_weights=weights)
    if without == "bank":
        changes: dict[str, float] = {"perturbed": 0.0, "simulated": 0.0}
    elif without == "feature":
        changes = {"feature": 1.0}
    else:
        raise ValueError(f"{without!r} is none of {', '.join(REDUCTIONS)}")
    return replace(
        settings,
        anchor_augmentation=replace(settings.anchor_augmentation, **changes),
        completion_augmentation=replace(settings.completion_augmentation, **changes),
    )
