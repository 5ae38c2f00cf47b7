"""Numbered pictures that are one clip: `shot_0001.png`, `shot_0002.png`, ..."""

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import FhmrError

_NAMED = 8  # missing numbers that are named in a message
_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".bmp", ".webp", ".jp2"})


@dataclass(frozen=True)
class Sequence:
    """The files of a sequence, in order, none missing."""

    pattern: Path  # # stands for a digit
    files: tuple[Path, ...]


def is_pattern(path: Path) -> bool:
    """Whether a path means a sequence: it has a # in its name and is no file itself."""
    return "#" in path.name and not path.exists()


def find_sequence(path: Path) -> Sequence:
    """The sequence behind a pattern, any of its files, or its folder.

    Raises:
        FhmrError: There is none, the folder holds several, or numbers are missing.
    """
    pattern = path if is_pattern(path) else _pattern_of(_one_file(path))
    if len(re.findall("#+", pattern.name)) != 1:
        raise FhmrError(f"{pattern.name} is no pattern.", "Write one run of #, like shot_####.png.")
    before, digits, after = re.split("(#+)", pattern.name)
    name = re.compile(re.escape(before) + rf"(\d{{{len(digits)},}})" + re.escape(after), re.ASCII)
    if not pattern.parent.is_dir():
        raise FhmrError(f"There is no folder {pattern.parent}.", "Check its name and place.")
    numbered = {
        int(match[1]): file
        for file in sorted(pattern.parent.iterdir())
        if (match := name.fullmatch(file.name))
        # A longer number than the pattern's must not begin with a 0: that is another sequence.
        and (len(match[1]) == len(digits) or not match[1].startswith("0"))
    }
    if not numbered:
        raise FhmrError(
            f"No picture is called {pattern.name}.", "Write one # for every digit of the number."
        )
    _check_complete(numbered, pattern)
    return Sequence(pattern, tuple(numbered[number] for number in sorted(numbered)))


def _check_complete(numbered: dict[int, Path], pattern: Path) -> None:
    first, last = min(numbered), max(numbered)
    if last - first + 1 == len(numbered):
        return
    missing: list[int] = []
    for number, following in zip(sorted(numbered), sorted(numbered)[1:], strict=False):
        missing.extend(range(number + 1, min(following, number + 2 + _NAMED)))
    count = last - first + 1 - len(numbered)
    named = ", ".join(str(number) for number in missing[:_NAMED])
    more = f" and {count - _NAMED} more" if count > _NAMED else ""
    raise FhmrError(
        f"{pattern.name} lacks the number{'s' if count > 1 else ''} {named}{more}.",
        "Render them, or rename the pictures so that none is missing.",
    )


def _one_file(path: Path) -> Path:
    """The file itself, or the first picture of a folder with one sequence."""
    if not path.is_dir():
        if not path.exists():
            raise FhmrError(f"There is no file {path}.", "Check its name and place.")
        return path
    pictures = sorted(file for file in path.iterdir() if file.suffix.lower() in _PICTURES)
    numbered = [file for file in pictures if re.search(r"\d", file.stem)]
    if not numbered:
        raise FhmrError(f"{path} holds no numbered pictures.", "Choose another folder.")
    patterns = {re.sub(r"\d+(?=\D*$)", "#", file.stem) + file.suffix for file in numbered}
    if len(patterns) > 1:
        raise FhmrError(
            f"{path} holds several sequences ({', '.join(sorted(patterns)[:3])}).",
            "Choose a file of the one that is meant.",
        )
    return numbered[0]


def _pattern_of(file: Path) -> Path:
    """The last run of digits in a file's name becomes #."""
    match = re.search(r"\d+(?=\D*$)", file.stem)
    if match is None:
        raise FhmrError(
            f"{file.name} has no number: it is no part of a sequence.", "Choose a numbered picture."
        )
    start, stop = match.span()
    return file.with_name(file.stem[:start] + "#" * (stop - start) + file.stem[stop:] + file.suffix)
