"""What the artist pins: a joint to a place or to a point of the picture, the face to a place."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from ..core.arrays import Indices
from ..core.skeleton import JOINT_INDEX, JOINT_NAMES, LIMBS
from ..errors import FhmrError

PINNABLE = tuple(joint for chain in LIMBS.values() for joint in chain[1:])
"""Joints that a limb can move; the first of each chain hangs on the torso."""

Kind = Literal["place", "look", "pixel"]
_SIGNS: dict[str, Kind] = {"=": "place", ">": "look", "~": "pixel"}
_FORMS = (
    "Write left_wrist=X,Y,Z or head>X,Y,Z, with @FRAME if it is one, or left_wrist~PX,PY@FRAME."
)


@dataclass(frozen=True)
class Pin:
    """Where a joint of a limb shall be."""

    joint: str  # SMPL name
    # "place": metres, `world`. "look": the same, what the face turns to. "pixel": x and y, then 0.
    place: tuple[float, float, float]
    frame: int | None = None  # of the source, from 0; None: every listed frame
    kind: Kind = "place"
    weight: float = 1.0  # how much of the way the limb goes

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "joint": self.joint,
            "place": list(self.place),
            "frame": self.frame,
            "kind": self.kind,
            "weight": self.weight,
        }


def pin_of(document: Mapping[str, Any]) -> Pin:
    """The inverse of `Pin.document`.

    Raises:
        FhmrError: It is no pin.
    """
    try:
        x, y, z = (float(value) for value in document["place"])
        frame = document.get("frame")
        kind = str(document.get("kind", "place"))
        if kind not in _SIGNS.values():
            raise ValueError(kind)
        return Pin(
            joint=str(document["joint"]),
            place=(x, y, z),
            frame=None if frame is None else int(frame),
            kind=cast("Kind", kind),
            weight=float(document.get("weight", 1.0)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FhmrError("A stored pin is damaged.", "Delete it and set it again.") from error


def parse_pin(text: str) -> Pin:
    """Read `left_wrist=X,Y,Z[@FRAME]`, `head>X,Y,Z[@FRAME]` or `left_wrist~PX,PY@FRAME`; `*WEIGHT`
    may follow.

    Raises:
        FhmrError: It is not written so.
    """
    found = re.fullmatch(r"(\w+)([=>~])([^@*]+)(?:@(\d+))?(?:\*([\d.]+))?", text)
    try:
        if found is None:
            raise ValueError(text)
        kind = _SIGNS[found[2]]
        numbers = [float(number) for number in found[3].split(",")]
        x, y, z = (*numbers, 0.0) if kind == "pixel" else numbers
        weight = 1.0 if found[5] is None else float(found[5])
    except ValueError:
        raise FhmrError(f"{text!r} is no pin.", _FORMS) from None
    return Pin(found[1], (x, y, z), None if found[4] is None else int(found[4]), kind, weight)


def check_pins(pins: Sequence[Pin], limbs: Sequence[str], frames: Indices) -> None:
    """Refuse pins that no listed limb can meet.

    Raises:
        FhmrError: Names the pin.
    """
    for pin in pins:
        joint = JOINT_INDEX.get(pin.joint)
        if joint is None or joint not in PINNABLE:
            names = ", ".join(JOINT_NAMES[joint] for joint in PINNABLE)
            raise FhmrError(f"{pin.joint} cannot be pinned.", f"Pin one of {names}.")
        if pin.kind == "look" and pin.joint != "head":
            raise FhmrError(f"{pin.joint} cannot look anywhere.", "Pin the head's direction.")
        limb = limb_of(joint)
        if limb not in limbs:
            raise FhmrError(f"{pin.joint} belongs to {limb}.", f"Draw {limb} again as well.")
        if not all(math.isfinite(value) for value in pin.place):
            raise FhmrError(f"The pin of {pin.joint} is nowhere.", "Give its place in metres.")
        if not 0.0 <= pin.weight <= 1.0:
            raise FhmrError(
                f"The pin of {pin.joint} cannot weigh {pin.weight:g}.", "Choose 0 to 1."
            )
        if pin.kind == "pixel" and pin.frame is None:
            raise FhmrError(
                f"The pin of {pin.joint} in the picture is in no frame.", "Say in which it is."
            )
        if pin.frame is not None and pin.frame not in frames:
            raise FhmrError(
                f"Frame {pin.frame} of the pin is not drawn again.", "Choose another frame."
            )


def limb_of(joint: int) -> str:
    """The limb that a joint belongs to."""
    return next(name for name, chain in LIMBS.items() if joint in chain)
