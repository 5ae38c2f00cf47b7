"""Finding a person in a shot, and putting a changed one back."""

from dataclasses import replace

from ..core.motion import Person, Shot
from ..errors import FhmrError


def person_of(shot: Shot, person_id: int | None) -> Person:
    """The person with that id; None means the first.

    Raises:
        FhmrError: There is none.
    """
    for person in shot.people:
        if person_id in (None, person.id):
            return person
    if not shot.people:
        raise FhmrError("The shot holds no person.", "Estimate the footage again.")
    ids = ", ".join(str(person.id) for person in shot.people)
    raise FhmrError(f"There is no person {person_id}.", f"Choose among {ids}.")


def with_person(shot: Shot, person: Person) -> Shot:
    """The shot with one person in place of the one with the same id."""
    people = tuple(person if one.id == person.id else one for one in shot.people)
    return replace(shot, people=people)
