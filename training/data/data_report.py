"""One page on the data: motion, poses covered, pairs, bank, and the front end on both worlds.

    python -m training.data.data_report --motion DIR --state DIR --out FOLDER [--footage FOLDER]

Writes `FOLDER/REPORT.md` and its pictures.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import load_body

from . import bank_report, front_end_report
from .calibration import FILE_NAME, load_calibration, template_calibration
from .coverage_report import kinds_table, write_made
from .motion_library import load_library
from .motion_report import table as motion_table
from .motion_report import write_sheets
from .pairs import MIRRORED_PICTURE, SPLITS
from .repertoire import Repertoire
from .sample import PairClip, load_shards

_SMALL = 100.0  # pixels of a person's box, below which it is small


def pairs_table(state: Path) -> str:
    """Clips, frames and what is hard about them, for every split; mirror images do not count."""
    head = f"{'split':8}{'clips':>7}{'frames':>8}{'found %':>9}{'hidden %':>10}{'small %':>9}"
    lines = [head + "   cut at left, top, right, bottom %"]
    for split in SPLITS:
        shards = load_shards(state / "pairs", split)
        clips = [clip for clip in shards if not clip.name.endswith(MIRRORED_PICTURE)]
        if not clips:
            continue
        found = np.concatenate([clip.found for clip in clips]).mean()
        hidden = 1.0 - np.concatenate([clip.visible.ravel() for clip in clips]).mean()
        boxes = np.concatenate([clip.bbox for clip in clips])
        tall = np.max(boxes[:, 2:] - boxes[:, :2], axis=1)
        small = (tall[tall > 0] < _SMALL).mean()
        cut = 100 * _cut(clips).mean(axis=0)
        lines.append(
            f"{split:8}{len(clips):7}{len(boxes):8}{100 * found:9.1f}{100 * hidden:10.1f}"
            f"{100 * small:9.1f}   " + " ".join(f"{share:.0f}" for share in cut)
        )
    return "\n".join(lines) + "\n"


def _cut(clips: Sequence[PairClip]) -> Floats:
    """(M, 4) whether a body reaches the picture's left, top, right and bottom edge."""
    rows: list[Floats] = []
    for clip in clips:
        low, high = clip.bbox[:, :2] < 1.5, clip.bbox[:, 2:] > clip.size - 1.5
        rows.append(np.concatenate((low, high), axis=1)[clip.bbox.any(axis=1)])
    return np.concatenate(rows).astype(float)


def write_report(motion: Path, state: Path, out: Path, footage: Path | None) -> None:
    """Make everything anew."""
    out.mkdir(parents=True, exist_ok=True)
    body = load_body("neutral")
    rest_joints = body.rest_joints(np.zeros(10))
    clips = load_library(motion, state)
    repertoire = Repertoire([clip for clip in clips if clip.split == "train"], rest_joints)
    write_sheets(clips, rest_joints, out / "motion")
    write_made(repertoire, rest_joints, out / "made.png")
    path = state / FILE_NAME
    calibration = load_calibration(path) if path.exists() else template_calibration(body)
    rendered = load_shards(state / "pairs", "train")[-bank_report.CLIPS_MOST :]
    measured, simulated = bank_report.compare(rendered, body, calibration)
    bank_report.draw(measured, simulated, out / "bank.png")
    thumbnails = "\n".join(
        f"![{sheet.stem}](motion/{sheet.name})" for sheet in sorted((out / "motion").glob("*.png"))
    )
    page = f"""# Data

## Recorded motion
{_fenced(motion_table(clips))}
{thumbnails}

## Poses
Recorded by split, drawn by rarity, and made (`coverage.py`).
{_fenced(kinds_table(clips, repertoire, rest_joints))}
![made performances](made.png)

## Rendered pairs
{_fenced(pairs_table(state))}
## Bank
Every fifth rendered clip, seen again by a bank of the others.
{_fenced(bank_report.table(measured, simulated))}
![measured and simulated errors](bank.png)

## Front end on renders and on real footage
Shake: median second difference between frames at most 50 ms apart; mirror: distance to the answer
for the flipped picture; both in sides of the person's region.

{front_end_report.report(state, footage)}"""
    (out / "REPORT.md").write_text(page, encoding="utf-8")
    sys.stdout.write(f"{out / 'REPORT.md'}\n")


def _fenced(text: str) -> str:
    return f"```\n{text}```\n"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write a page on the training data.")
    parser.add_argument("--motion", type=Path, required=True)
    parser.add_argument("--state", type=Path, default=Path(".build/training"))
    parser.add_argument("--footage", type=Path, help="a folder of movies; without, renders only")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    write_report(arguments.motion, arguments.state, arguments.out, arguments.footage)


if __name__ == "__main__":
    main()
