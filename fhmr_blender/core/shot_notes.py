"""What the artist should know of a shot: frames that cannot be read, cuts, a camera in doubt."""

from .motion import Shot


def notes_of(shot: Shot, first_frame: int = 0) -> tuple[str, ...]:
    """Sentences, most of them stored with the shot when it was estimated.

    Args:
        shot: As it is.
        first_frame: What the reader calls the footage's first frame.
    """
    notes = [str(note) for note in shot.settings.get("notes", ())]
    cuts = [str(int(cut) + first_frame) for cut in shot.settings.get("cuts", ())]
    if cuts:
        where = f"frame{'s' if len(cuts) > 1 else ''} {', '.join(cuts)}"
        notes.append(f"The picture cuts at {where}: people are new there.")
    return (*notes, *(str(note) for note in shot.settings.get("camera_notes", ())))
