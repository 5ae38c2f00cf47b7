"""Contacts that the artist states: a hand or foot on the floor, on another joint or on a place."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..core.motion import Person, Shot
from ..core.skeleton import CONTACT_JOINTS, CONTACT_NAMES, JOINT_INDEX
from ..errors import FhmrError
from .people import person_of, with_person

Target = str | tuple[float, float, float] | None
"""What is touched: a joint by its SMPL name, a place in `world` (metres), or None: the floor."""


@dataclass(frozen=True)
class Contact:
    """One hand or foot that touches something over a range, or does not."""

    joint: str  # CONTACT_NAMES
    start: int  # frames of the source, from 0
    end: int  # outside
    state: bool = True
    target: Target = None

    @property
    def smpl_joint(self) -> int:
        return CONTACT_JOINTS[CONTACT_NAMES.index(self.joint)]

    def document(self) -> dict[str, Any]:
        """For JSON."""
        if isinstance(self.target, str):
            target: Any = {"joint": self.target}
        else:
            target = None if self.target is None else {"place": list(self.target)}
        return {
            "joint": self.joint,
            "start": self.start,
            "end": self.end,
            "state": self.state,
            "target": target,
        }


def contact_of(document: Mapping[str, Any]) -> Contact:
    """The inverse of `Contact.document`.

    Raises:
        FhmrError: It is no contact.
    """
    try:
        told = document.get("target")
        target: Target = None
        if told is not None and "joint" in told:
            target = str(told["joint"])
        elif told is not None:
            x, y, z = (float(value) for value in told["place"])
            target = (x, y, z)
        contact = Contact(
            joint=str(document["joint"]),
            start=int(document["start"]),
            end=int(document["end"]),
            state=bool(document.get("state", True)),
            target=target,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FhmrError("A stored contact is damaged.", "Delete it and set it again.") from error
    check_contacts((contact,))
    return contact


def check_contacts(contacts: Sequence[Contact]) -> None:
    """Refuse contacts that cannot be.

    Raises:
        FhmrError: Names the contact.
    """
    for contact in contacts:
        if contact.joint not in CONTACT_NAMES:
            raise FhmrError(
                f"{contact.joint} cannot touch anything.",
                f"Choose among {', '.join(CONTACT_NAMES)}.",
            )
        if contact.end <= contact.start:
            raise FhmrError(
                f"The contact of {contact.joint} ends in frame {contact.end}, before it starts.",
                "Set the end after the start.",
            )
        target = contact.target
        if isinstance(target, str):
            if target not in JOINT_INDEX:
                raise FhmrError(
                    f"There is no joint {target!r} to touch.", "Choose one of the body's joints."
                )
            if JOINT_INDEX[target] == contact.smpl_joint:
                raise FhmrError(f"{contact.joint} cannot touch itself.", "Choose another joint.")
        elif target is not None and not all(math.isfinite(value) for value in target):
            raise FhmrError(
                f"What {contact.joint} touches is nowhere.", "Give its place in metres."
            )


def contacts_of(person: Person) -> tuple[Contact, ...]:
    """What is stored with a person.

    Raises:
        FhmrError: It is damaged.
    """
    stored = person.edits.get("contact_edits", [])
    if not isinstance(stored, list):
        raise FhmrError("The stored contacts are damaged.", "Delete them and set them again.")
    return tuple(contact_of(document) for document in stored)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def with_contacts(shot: Shot, person_id: int | None, contacts: Sequence[Contact]) -> Shot:
    """Store a person's contacts in place of those that are stored.

    Every later draw of their limbs and the clean-up honour them; nothing moves by itself.

    Raises:
        FhmrError: There is no such person, or a contact cannot be.
    """
    check_contacts(contacts)
    person = person_of(shot, person_id)
    documents = [contact.document() for contact in contacts]
    return with_person(shot, replace(person, edits={**person.edits, "contact_edits": documents}))
