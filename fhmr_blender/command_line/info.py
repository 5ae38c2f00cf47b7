"""`info`: what a shot holds."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .messages import say

if TYPE_CHECKING:
    from ..core.motion import Person, Shot


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("shot", type=Path, metavar="SHOT.npz")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from ..core import shot_file

    summary = _summary(shot_file.read(options.shot))
    if options.json:
        say(json.dumps(summary, indent=2) + "\n")
        return
    for key, value in summary.items():
        if key != "people":
            say(f"{key.replace('_', ' '):14} {_plain(value)}\n")
    for person in summary["people"]:
        say(f"person {person.pop('id')}\n")
        for key, value in person.items():
            say(f"  {key.replace('_', ' '):12} {_plain(value)}\n")


def _summary(shot: "Shot") -> dict[str, Any]:
    from ..core.skeleton import LIMB_NAMES

    def of(person: "Person") -> dict[str, Any]:
        frames = person.observations.frames
        body = shot.settings.get("body", {}).get(str(person.id), {})
        trust = person.anchor.limb_trust.mean(axis=0)
        return {
            "id": person.id,
            "frames": f"{frames[0]}:{frames[-1] + 1}",
            "frame_count": len(frames),
            "body": body.get("name", "unknown"),
            "seed": person.seed,
            "samples": len(person.samples.rotations6d),
            "limb_trust": {
                limb: round(float(value), 3) for limb, value in zip(LIMB_NAMES, trust, strict=True)
            },
        }

    fx, fy, cx, cy = (round(float(value), 2) for value in shot.intrinsics[0])
    return {
        "source": shot.source,
        "source_sha256": shot.source_sha256,
        "size": list(shot.size),
        "fps": shot.fps,
        "frames": f"{shot.frames[0]}:{shot.frames[-1] + 1}",
        "frame_count": len(shot.frames),
        "focal_length": [fx, fy],
        "centre": [cx, cy],
        "camera_height": round(float(shot.T_world_from_cam[0, 2, 3]), 3),
        "settings": dict(shot.settings),
        "people": [of(person) for person in shot.people],
    }


def _plain(value: object) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
