"""What was drawn, and one of it kept: everything but the drawing itself, without a network."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core import shot_file
from ..core.arrays import Floats, Indices, check_shapes
from ..core.frames import transform
from ..core.motion import LimbSamples, Person, Shot
from ..core.rotations import matrix_from_sixd, sixd_from_matrix
from ..core.skeleton import CONTACT_JOINTS, LIMB_JOINTS, LIMB_NAMES, LIMB_OF_LIMB_JOINT, LIMBS
from ..errors import FhmrError
from .bodies import body_of
from .people import person_of, with_person
from .resample_settings import ResampleSettings, draws_of, recipe_with
from .uncertainty import KEPT, decided, replaced, spread, with_decided
from .unmet import Unmet


@dataclass(frozen=True, eq=False)
class Drawn:
    """S variations of the n frames of a scope, as they would be shown; the best one first."""

    settings: ResampleSettings
    person: int
    frames: Indices  # (n,) of the source
    rotations: Floats  # (S, n, 24, 3, 3) the pelvis cam from body, others parent-relative
    joints_cam: Floats  # (S, n, 24, 3) metres, of the person's own body
    T_world_from_cam: Floats  # (n, 4, 4)
    contacts: Floats  # (S, n, 6) 0..1
    scores: Floats  # (S, n, 5) higher is better
    plausibility: Floats  # (S,) 0..1, how usual and of one piece the listed limbs are
    agreement: Floats  # (S,) 0..1, how well the listed limbs fit the landmarks that are seen
    unmet: tuple[tuple[Unmet, ...], ...]  # of each variation: pins and contacts out of reach
    drawn_ids: Indices  # (S,) which samples of the seed they are
    spread: Floats  # (n, 18) metres, of all samples that were drawn

    def __post_init__(self) -> None:
        check_shapes(
            self,
            frames="n",
            rotations="S n 24 3 3",
            joints_cam="S n 24 3",
            T_world_from_cam="n 4 4",
            contacts="S n 6",
            scores="S n 5",
            plausibility="S",
            agreement="S",
            drawn_ids="S",
            spread="n 18",
        )

    @property
    def joints_world(self) -> Floats:
        """(S, n, 24, 3) metres."""
        return transform(self.T_world_from_cam, self.joints_cam)


@dataclass(frozen=True)
class Variation:
    """One line of the list of variations."""

    index: int
    plausibility: float  # 0..1
    agreement: float  # 0..1


def commit(shot: Shot, drawn: Drawn, shown: int = 0) -> Shot:
    """The shot with one variation kept, and with what was drawn written down.

    Returns:
        The anchor, all other limbs and all other frames are the same to the bit.
    """
    person, settings = person_of(shot, drawn.person), drawn.settings
    rows = np.searchsorted(person.observations.frames, drawn.frames)
    changed = with_limbs(
        person, rows, settings.limbs, drawn.rotations[shown], drawn.joints_cam[shown]
    )
    columns = np.array(settings.columns)
    count, choice, contacts = (
        array.copy() for array in (person.sample_count, person.chosen, person.contacts)
    )
    count[np.ix_(rows, columns)] = len(drawn.rotations)
    choice[np.ix_(rows, columns)] = shown
    for column, joint in enumerate(CONTACT_JOINTS):
        if joint in settings.joints:
            contacts[rows, column] = drawn.contacts[shown][:, column]
    rest_joints = body_of(shot, person).rest_joints(person.motion_cam.betas)
    kept = replaced(spread(person, rest_joints), rows, settings.columns, drawn.spread)
    edits = {**person.edits, "pins": [pin.document() for pin in settings.pins]}
    if not settings.pins:
        edits.pop("pins")
    changed = replace(
        changed,
        seed=settings.seed,
        sample_count=count,
        chosen=choice,
        contacts=contacts,
        samples=LimbSamples(
            frames=drawn.frames,
            rotations6d=sixd_from_matrix(drawn.rotations[:, :, LIMB_JOINTS]),
            scores=drawn.scores,
        ),
        edits=edits,
        extra={**person.extra, KEPT: kept.joints.astype(np.float32)},
    )
    if decided(person).any():
        changed = with_decided(changed, rows, columns, content=False)
    recipe = recipe_with(
        shot,
        person.id,
        settings,
        {
            "shown": shown,
            "samples": [int(sample) for sample in drawn.drawn_ids],
            "plausibility": [round(float(value), 3) for value in drawn.plausibility],
            "agreement": [round(float(value), 3) for value in drawn.agreement],
        },
    )
    return shot_file.stored(replace(with_person(shot, changed), settings=recipe))


def with_limbs(
    person: Person, rows: Indices, limbs: tuple[str, ...], rotations: Floats, joints_cam: Floats
) -> Person:
    """The person with limbs of some rows from rotations (n, 24, 3, 3) and joints (n, 24, 3)."""
    joints = [joint for limb in limbs for joint in LIMBS[limb]]
    place = np.ix_(rows, np.array(joints))

    def mixed(array: Floats, new: Floats) -> Floats:
        changed = array.copy()
        changed[place] = new[:, joints]
        return changed

    return replace(
        person,
        motion_cam=replace(
            person.motion_cam, rotations=mixed(person.motion_cam.rotations, rotations)
        ),
        motion_world=replace(
            person.motion_world, rotations=mixed(person.motion_world.rotations, rotations)
        ),
        joints_cam=mixed(person.joints_cam, joints_cam),
    )


def variations(shot: Shot, person_id: int | None = None) -> tuple[Variation, ...]:
    """What was drawn last for a person; nothing before the first resampling."""
    person = person_of(shot, person_id)
    last = _last_draw(shot, person)
    if last is None:
        return ()
    count = len(person.samples.rotations6d)
    plausibility, agreement = (
        _written(last, name, count) for name in ("plausibility", "agreement")
    )
    return tuple(Variation(index, plausibility[index], agreement[index]) for index in range(count))


def drawn_limbs(shot: Shot, person_id: int | None = None) -> tuple[str, ...]:
    """The limbs that the stored samples were drawn for: all of them after Estimate."""
    last = _last_draw(shot, person_of(shot, person_id))
    if last is None:
        return LIMB_NAMES
    return tuple(last["limbs"])


def show_variation(shot: Shot, person_id: int | None, index: int) -> Shot:
    """Show another of the stored variations; they are stored as they are shown, to 1 mm.

    Raises:
        FhmrError: There is none such.
    """
    person = person_of(shot, person_id)
    found = variations(shot, person.id)
    if not 0 <= index < len(found):
        raise FhmrError(f"There is no variation {index + 1}.", "Resample the limb first.")
    limbs = drawn_limbs(shot, person.id)
    rows = np.searchsorted(person.observations.frames, person.samples.frames)
    rotations = person.motion_cam.rotations[rows].copy()
    stored = matrix_from_sixd(person.samples.rotations6d[index].astype(float))
    columns = np.array([LIMB_NAMES.index(limb) for limb in limbs])
    of_limbs = np.isin(LIMB_OF_LIMB_JOINT, columns)
    rotations[:, np.array(LIMB_JOINTS)[of_limbs]] = stored[:, of_limbs]
    changed = posed(shot, person, rows, limbs, rotations)
    choice = person.chosen.copy()
    choice[np.ix_(rows, columns)] = index
    changed = replace(changed, chosen=choice)
    draws = draws_of(shot)
    last = max(at for at, draw in enumerate(draws) if draw.get("person") == person.id)
    draws[last] = {**draws[last], "shown": index}
    recipe = {**shot.settings, "resampled": draws}
    return shot_file.stored(replace(with_person(shot, changed), settings=recipe))


def keep_variation(shot: Shot, person_id: int | None = None) -> Shot:
    """Mark what is shown of the limbs and frames last drawn as decided; a new draw opens them.

    Raises:
        FhmrError: Nothing was drawn.
    """
    person = person_of(shot, person_id)
    if _last_draw(shot, person) is None:
        raise FhmrError("No variation is shown.", "Resample a limb first.")
    rows = np.searchsorted(person.observations.frames, person.samples.frames)
    columns = np.array([LIMB_NAMES.index(limb) for limb in drawn_limbs(shot, person.id)])
    return shot_file.stored(with_person(shot, with_decided(person, rows, columns, content=True)))


def posed(
    shot: Shot, person: Person, rows: Indices, limbs: tuple[str, ...], rotations: Floats
) -> Person:
    """The person with limbs of some rows from rotations (n, 24, 3, 3), joints and world too."""
    motion = person.motion_cam
    joints = body_of(shot, person).joints(rotations, motion.betas, motion.transl[rows])
    return with_limbs(person, rows, limbs, rotations, joints)


def _written(draw: dict[str, Any], name: str, count: int) -> list[float]:
    """Numbers that a draw has written down; zeros where an older version has not."""
    try:
        numbers = [float(number) for number in draw[name]]
    except (KeyError, TypeError, ValueError):
        numbers = []
    return numbers if len(numbers) == count else [0.0] * count


def _last_draw(shot: Shot, person: Person) -> dict[str, Any] | None:
    """The draw that the stored samples come from, unless they are Estimate's."""
    draws = draws_of(shot, person.id)
    return draws[-1] if draws else None
