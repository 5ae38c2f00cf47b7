"""What an artist does to a result before it is shown: smoothing, a steady root, feet that hold.

Everything is computed from the stored result at any time and never written into it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..core.arrays import Bools, Floats
from ..core.body import Body
from ..core.filters import cutoff_of, smooth_rotations
from ..core.motion import Motion, Person, Shot
from ..core.skeleton import CONTACT_JOINTS, JOINT_INDEX, LIMBS, TORSO_JOINTS, forward_kinematics
from ..errors import FhmrError
from .foot_lock import Ground, lock
from .root_motion import Walker, steady_root
from .stance import resting

REGIONS: Mapping[str, tuple[int, ...]] = {
    "torso": TORSO_JOINTS,
    "head": LIMBS["head"],
    "arms": (*LIMBS["left_arm"], *LIMBS["right_arm"]),
    "legs": (*LIMBS["left_leg"], *LIMBS["right_leg"]),
}
# m^2 / s^3 of the root at a smoothing next to 0, and how much less at 1; guesses: sprinters turn
# at 30, and at 1 a walk still turns its corners.
_AGILITY, _AGILITY_RANGE = 30.0, 1e-4


@dataclass(frozen=True)
class CleanUpSettings:
    """What the artist chose for one person."""

    smoothing: float = 0.3  # 0..1
    regions: Mapping[str, float] = field(default_factory=lambda: {})  # own smoothing, by REGIONS
    feet: Literal["off", "auto", "grounded"] = "auto"
    foot_strength: float = 1.0  # 0..1
    hands: bool = False  # hold wrists that rest, too
    in_place: bool = False  # no way over the floor

    def __post_init__(self) -> None:
        for name in self.regions:
            if name not in REGIONS:
                raise FhmrError(
                    f"There is no region {name!r}.", f"Choose among {', '.join(REGIONS)}."
                )
        for value in (self.smoothing, self.foot_strength, *self.regions.values()):
            if not 0.0 <= value <= 1.0:
                raise FhmrError(f"A strength of {value:g} means nothing.", "Choose 0 to 1.")
        if self.feet not in ("off", "auto", "grounded"):
            raise FhmrError(f"{self.feet!r} is no foot lock.", "Choose off, auto or grounded.")

    def smoothing_of(self, region: str) -> float:
        return self.regions.get(region, self.smoothing)


def clean_up(person: Person, shot: Shot, settings: CleanUpSettings, body: Body) -> Motion:
    """Make a person's motion in `world` fit to be looked at.

    Args:
        person: As stored; only read.
        shot: The camera is read.
        settings: What to do. No smoothing and feet off give back the stored motion itself.
        body: The one that the person is shown with.
    """
    motion = person.motion_world
    count = len(motion.transl)
    rest_joints = body.rest_joints(motion.betas)
    rotations, pelvis = motion.rotations, motion.transl + rest_joints[0]
    ground = sole(body, motion.betas) if settings.feet == "grounded" else None
    works = settings.feet != "off" and settings.foot_strength > 0.0
    if count > 2:
        rotations = _smoothed(rotations, _times(person, shot), settings)
        if works or settings.smoothing_of("torso") > 0.0:
            pelvis, rests = _rooted(person, shot, settings, rotations, rest_joints, ground)
            if works:
                rotations = lock(
                    rotations,
                    rest_joints,
                    pelvis,
                    rests,
                    _times(person, shot),
                    strength=settings.foot_strength,
                    hands=settings.hands,
                    ground=ground,
                )
    if settings.in_place:
        pelvis = np.concatenate((np.broadcast_to(pelvis[:1, :2], (count, 2)), pelvis[:, 2:]), 1)
    if rotations is motion.rotations and np.array_equal(pelvis, motion.transl + rest_joints[0]):
        return motion
    return Motion(rotations=rotations, transl=pelvis - rest_joints[0], betas=motion.betas)


def contact_states(
    person: Person, shot: Shot, body: Body, settings: CleanUpSettings | None = None
) -> Bools:
    """(N, 6) what is taken to rest, CONTACT_NAMES: what `clean_up` would hold."""
    chosen = CleanUpSettings() if settings is None else settings
    motion = person.motion_world
    rotations = _smoothed(motion.rotations, _times(person, shot), chosen)
    rest_joints = body.rest_joints(motion.betas)
    ground = sole(body, motion.betas) if chosen.feet == "grounded" else None
    return _rooted(person, shot, chosen, rotations, rest_joints, ground)[1]


def sole(body: Body, betas: Floats) -> Ground:
    """How high the joints of the foot lie over the floor of one who stands flat."""
    lowest = float(body.rest_vertices(betas)[:, 1].min())
    joints = body.rest_joints(betas)[:, 1] - lowest
    return Ground(
        ankle=float(joints[JOINT_INDEX["left_ankle"]]), toe=float(joints[JOINT_INDEX["left_foot"]])
    )


def _times(person: Person, shot: Shot) -> Floats:
    """(N,) seconds; by the frame rate where those that are stored do not increase."""
    seconds = person.observations.seconds
    increase = bool(np.all(np.diff(seconds) > 0.0))
    return seconds if increase else person.observations.frames / shot.fps


def _smoothed(rotations: Floats, seconds: Floats, settings: CleanUpSettings) -> Floats:
    smooth = rotations
    for region, joints in REGIONS.items():
        strength = settings.smoothing_of(region)
        if strength > 0.0:
            smooth = smooth.copy() if smooth is rotations else smooth
            joined = smooth_rotations(rotations[:, joints], seconds, cutoff_of(strength))
            smooth[:, joints] = joined
    return smooth


def _rooted(
    person: Person,
    shot: Shot,
    settings: CleanUpSettings,
    rotations: Floats,
    rest_joints: Floats,
    ground: Ground | None,
) -> tuple[Floats, Bools]:
    """The pelvis (N, 3) on a steady way, and what rests (N, 6)."""
    seen, motion = person.observations, person.motion_world
    walker = Walker(
        limbs=forward_kinematics(rotations, rest_joints)[1][:, CONTACT_JOINTS],
        pelvis=motion.transl + rest_joints[0],
        said=person.contacts,
        edits=person.edits.get("contact_edits"),
        frames=seen.frames,
        seconds=_times(person, shot),
    )
    way, likely = steady_root(
        walker,
        camera=shot.T_world_from_cam[np.searchsorted(shot.frames, seen.frames), :3, 3],
        agility=_AGILITY * _AGILITY_RANGE ** settings.smoothing_of("torso"),
        push=0.0 if settings.feet == "off" else settings.foot_strength,
        ground=None if ground is None else np.array([ground.ankle] * 2 + [ground.toe] * 2),
    )
    return way, resting(likely)
