"""How the front end behaves on rendered pictures and on real footage, without truth.

    python -m training.data.front_end_report --state DIR --footage FOLDER --out FILE.md

What can be measured on both: how often it finds and loses somebody, how much its landmarks shake,
how far the answer to the flipped picture lies from the answer to the picture, how its bones vary.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from fhmr_blender.core.arrays import Bools, Floats
from fhmr_blender.core.skeleton import MIRRORED_LANDMARKS
from fhmr_blender.pipeline.footage import Footage
from fhmr_blender.pipeline.perception.boxes import overlaps
from fhmr_blender.pipeline.perception.crops import Picture
from fhmr_blender.pipeline.perception.detector import detect_people
from fhmr_blender.pipeline.weights import Networks, load_networks

from .pairs import MIRRORED_PICTURE, SPLITS
from .sample import PairClip, load_shards
from .watching import Sighting, watch

FRAMES = 60  # of a movie, from its start
CLIPS = 200  # rendered ones of a split, the newest
STEP_MAX = 0.05  # seconds between frames for which shaking is measured
VISIBLE = 0.5  # of the front end's own visibility
_PERSON_SCORE = 0.4
_THIGHS = ((23, 25), (24, 26))
_BONES = (*_THIGHS, (25, 27), (26, 28), (11, 13), (12, 14), (13, 15), (14, 16))
MOVIES = (".mp4", ".mov", ".avi")


@dataclass(frozen=True, eq=False)
class Seen:
    """T frames of the front end's answer, and of its answer to the flipped pictures turned back."""

    seconds: Floats  # (T,)
    found: Bools  # (T,)
    side: Floats  # (T,) of the region, pixels
    keypoints: Floats  # (T, 33, 5)
    world: Floats  # (T, 33, 3)
    mirrored_found: Bools
    mirrored_keypoints: Floats
    mirrored_world: Floats


@dataclass(frozen=True)
class Behaviour:
    """Figures over some clips."""

    frames: int
    found: float  # share of frames
    losses: float  # times that somebody found is not found in the next frame, a hundred frames
    visibility: float  # mean
    shake: float  # median second difference of visible landmarks, share of the region's side
    mirror: float  # median distance to the flipped picture's landmarks, share of the side
    mirror_world: float  # median, metres
    bones: float  # median over bones and clips: deviation of its length over its mean
    thighs: float  # left over right, median


def behaviour(clips: Sequence[Seen]) -> Behaviour:
    """Measure what needs no truth."""
    found = np.concatenate([clip.found for clip in clips])
    lost = sum(int(np.sum(clip.found[:-1] & ~clip.found[1:])) for clip in clips)
    shakes, mirrors, worlds, bones, thighs = [], [], [], [], []
    for clip in clips:
        visible = (clip.keypoints[..., 3] > VISIBLE) & clip.found[:, None]
        points = clip.keypoints[..., :2] / clip.side[:, None, None]
        both = visible & clip.mirrored_found[:, None]
        apart = np.linalg.norm(clip.keypoints[..., :2] - clip.mirrored_keypoints[..., :2], axis=-1)
        mirrors.append((apart / clip.side[:, None])[both])
        worlds.append(np.linalg.norm(clip.world - clip.mirrored_world, axis=-1)[both])
        if len(points) > 2 and np.diff(clip.seconds).max() <= STEP_MAX:
            steady = visible[:-2] & visible[1:-1] & visible[2:]
            second = points[:-2] - 2 * points[1:-1] + points[2:]
            shakes.append(np.linalg.norm(second, axis=-1)[steady])
        if clip.found.sum() > 2:
            world = clip.world[clip.found]
            lengths = np.stack(
                [np.linalg.norm(world[:, a] - world[:, b], axis=-1) for a, b in _BONES]
            )
            bones.append(lengths.std(axis=1) / np.maximum(lengths.mean(axis=1), 1e-6))
            thighs.append(lengths[0] / np.maximum(lengths[1], 1e-6))
    seen = [clip.keypoints[clip.found, :, 3].ravel() for clip in clips]
    return Behaviour(
        frames=len(found),
        found=float(found.mean()),
        losses=100.0 * lost / len(found),
        visibility=_over(seen, np.mean),
        shake=_over(shakes, np.median),
        mirror=_over(mirrors, np.median),
        mirror_world=_over(worlds, np.median),
        bones=_over(bones, np.median),
        thighs=_over(thighs, np.median),
    )


def seen_in_pairs(clip: PairClip, reflected: PairClip) -> Seen:
    """What was seen of a rendered clip and of the same pictures flipped."""
    keypoints, world = _turned_back(
        reflected.keypoints.astype(float), reflected.keypoints_world, int(clip.size[0])
    )
    return Seen(
        seconds=clip.seconds,
        found=clip.found,
        side=clip.region[:, 2].astype(float),
        keypoints=clip.keypoints.astype(float),
        world=clip.keypoints_world.astype(float),
        mirrored_found=reflected.found,
        mirrored_keypoints=keypoints,
        mirrored_world=world,
    )


def rendered(clips: Sequence[PairClip]) -> tuple[Seen, ...]:
    """Clips and their mirror images, which follow them."""
    return tuple(
        seen_in_pairs(first, second)
        for first, second in pairwise(clips)
        if second.name == first.name + MIRRORED_PICTURE
    )


def filmed(path: Path, networks: Networks) -> Seen | None:
    """The largest person of a movie's or picture's first frames; None where nobody is."""
    footage = Footage(path)
    numbers = range(min(footage.frame_count, FRAMES))
    images = [footage.frame(number) for number in numbers]
    seconds = footage.seconds(numbers)
    footage.close()
    boxes = _one_person(images, networks)
    if boxes is None:
        return None
    width = images[0].shape[1]
    other = boxes.copy()
    other[:, [2, 0]] = width - boxes[:, [0, 2]]
    plain = watch(images, boxes, networks)
    flipped = watch([np.ascontiguousarray(image[:, ::-1]) for image in images], other, networks)
    keypoints, world, found = _arrays(plain)
    there, there_world, there_found = _arrays(flipped)
    there, there_world = _turned_back(there, there_world, width)
    return Seen(
        seconds=np.asarray(seconds, dtype=float),
        found=found,
        side=np.array([sighting.region[2] for sighting in plain]),
        keypoints=keypoints,
        world=world,
        mirrored_found=there_found,
        mirrored_keypoints=there,
        mirrored_world=there_world,
    )


def table(rows: dict[str, Behaviour]) -> str:
    """Markdown, one row a source."""
    head = (
        "| | frames | found | lost a hundred frames | visibility | shake | mirror 2D | mirror 3D |"
    )
    lines = [head + " bones vary | left / right thigh |", "|---" * 10 + "|"]
    for name, one in rows.items():
        shake = f"{one.shake:.2%}" if np.isfinite(one.shake) else "-"  # frames too far apart
        lines.append(
            f"| {name} | {one.frames} | {one.found:.1%} | {one.losses:.1f} | {one.visibility:.2f} "
            f"| {shake} | {one.mirror:.2%} | {1000 * one.mirror_world:.0f} mm "
            f"| {one.bones:.1%} | {one.thighs:.2f} |"
        )
    return "\n".join(lines) + "\n"


def report(state: Path, footage: Path | None) -> str:
    """The table over rendered splits and every file of a folder of footage."""
    rows: dict[str, Behaviour] = {}
    for split in SPLITS:
        clips = rendered(load_shards(state / "pairs", split)[-2 * CLIPS :])
        if clips:
            rows[f"rendered, {split}"] = behaviour(clips)
    real: list[Seen] = []
    if footage is not None:
        networks = load_networks(threads=1)
        for path in sorted(footage.iterdir()):
            if path.suffix.lower() not in MOVIES:
                continue
            seen = filmed(path, networks)
            if seen is not None:
                rows[path.name] = behaviour([seen])
                real.append(seen)
    if real:
        rows["all real footage"] = behaviour(real)
    return table(rows)


def _one_person(images: Sequence[Picture], networks: Networks) -> Floats | None:
    """Boxes (T, 4) of the largest person of the first frame; unseen ones stay where they were."""
    boxes: list[Floats] = []
    for image in images:
        people = detect_people(image, networks.person_detector, _PERSON_SCORE, tiles=False)
        if not len(people.boxes):
            boxes.append(boxes[-1] if boxes else np.zeros(4))
            continue
        sizes = np.prod(people.boxes[:, 2:] - people.boxes[:, :2], axis=1)
        if boxes and boxes[-1].any():
            near = overlaps(boxes[-1][None], people.boxes)[0]
            boxes.append(people.boxes[int(np.argmax(near))] if near.max() > 0.1 else boxes[-1])
        else:
            boxes.append(people.boxes[int(np.argmax(sizes))])
    found = np.stack(boxes)
    return found if found.any() else None


def _arrays(sightings: Sequence[Sighting]) -> tuple[Floats, Floats, Bools]:
    """Keypoints (T, 33, 5), world (T, 33, 3), found (T,)."""
    count = len(sightings)
    keypoints, world = np.zeros((count, 33, 5)), np.zeros((count, 33, 3))
    found = np.zeros(count, dtype=bool)
    for frame, sighting in enumerate(sightings):
        if sighting.landmarks is not None:
            keypoints[frame] = sighting.landmarks.keypoints
            world[frame] = sighting.landmarks.keypoints_world
            found[frame] = True
    return keypoints, world, found


def _turned_back(keypoints: Floats, world: Floats, width: int) -> tuple[Floats, Floats]:
    """What was seen in a flipped picture, as the picture itself shows it."""
    swapped = keypoints[:, list(MIRRORED_LANDMARKS)].copy()
    swapped[..., 0] = width - swapped[..., 0]
    return swapped, world[:, list(MIRRORED_LANDMARKS)] * np.array([-1.0, 1.0, 1.0])


def _over(parts: Sequence[Floats], figure: Callable[[Floats], Floats]) -> float:
    values = np.concatenate([part.ravel() for part in parts]) if parts else np.zeros(0)
    return float(figure(values)) if values.size else float("nan")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="The front end on renders and on real footage.")
    parser.add_argument("--state", type=Path, default=Path(".build/training"))
    parser.add_argument("--footage", type=Path, help="a folder of movies; without, renders only")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(report(arguments.state, arguments.footage), encoding="utf-8")


if __name__ == "__main__":
    main()
