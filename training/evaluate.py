"""Figures on held-out pairs, by the real pipeline, beside two peers on the same frames.

    python -m training.evaluate --state DIR [--models models] [--splits val,test,hdm05] [--clips N]

The peers: the landmark network's own 3D, and a regression of all joints by one network of the same
size and training as stage 1 (`STATE/regression.pt`, left out where it is missing).
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch

from fhmr_blender.core.arrays import Bools, Floats, Indices
from fhmr_blender.core.body import Body, load_body
from fhmr_blender.core.camera import project
from fhmr_blender.core.motion import Anchor, Observations, assemble
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import (
    LIMB_JOINTS,
    MAIN_LANDMARKS,
    TORSO_JOINTS,
    forward_kinematics,
)
from fhmr_blender.pipeline.alignment import (
    ANCHOR_STRENGTH,
    LIMB_STRENGTH,
    Build,
    Freedom,
    Posture,
    align,
    anchor_freedom,
    angle_deviations,
)
from fhmr_blender.pipeline.anchor import Regression, View, regress_anchor, view_of
from fhmr_blender.pipeline.completion import Draw, Subject, complete
from fhmr_blender.pipeline.evidence import Evidence, gather_evidence, landmark_calibration
from fhmr_blender.pipeline.runtime import Network
from fhmr_blender.pipeline.selection import (
    best_samples,
    mean_rotations,
    pick_limbs,
    score_samples,
)
from fhmr_blender.pipeline.weights import load_networks

from . import metrics
from .configuration import load_settings
from .data.sample import PairClip, load_shards
from .loop import load_averaged, say
from .networks.anchor import AnchorNetwork
from .networks.blocks import ObservationTensors
from .tallies import Hypotheses, Report, Tally, main_joints
from .train_anchor import CHECKPOINTS

_MAIN_LANDMARKS = list(MAIN_LANDMARKS)
INTRODUCTION = """# Figures on held-out rendered pairs

Made by `python -m training.evaluate --out models/EVALUATION.md`, through the pipeline's own stages
and the exported networks; {samples} samples, {steps} steps, guidance 1. No performer or take of a
split was trained on; `hdm05` is a source of its own. Settings were chosen while looking at them.

Millimetres. MPJPE and PA-MPJPE: the 12 main joints, hips' middle in common or the best similarity
a frame. Trunk and distal: joints near and far from the trunk, pelvis in common. PA seen and hidden:
main joints after the similarity, by true visibility. 2D: median distance of well seen limb
landmarks to their projection, % of the person's height. accel in m/s^2, jitter in 10 m/s^3.
Spread and error of samples are measured in the pelvis' frame.

`regression` is one network of stage 1's size that answers all joints itself; `stage 1's first
guess` is its like inside stage 1. `nearest` is chosen with the truth in hand.
"""


@dataclass(frozen=True, eq=False)
class Tools:
    """What every clip is answered with."""

    anchor: Network
    completion: Network
    regression: Network | None
    constants: Mapping[str, Floats]
    body: Body
    samples: int
    steps: int


def evaluate_clips(
    clips: Sequence[PairClip], tools: Tools, progress: Callable[[int], None]
) -> Report:
    """Answer every clip with every method."""
    tallies: dict[str, Tally] = {}
    hypotheses = Hypotheses()
    frames = 0
    for index, clip in enumerate(clips):
        progress(index)
        if clip.found.any():
            _evaluate_clip(clip, tools, tallies, hypotheses)
            frames += int(clip.found.sum())
    return Report(tallies, hypotheses, frames)


def single_frames(clips: Sequence[PairClip], every: int) -> list[PairClip]:
    """Every so-manieth found frame of each clip as a clip of its own."""
    return [
        _frames_of(clip, np.array([frame]))
        for clip in clips
        for frame in np.flatnonzero(clip.found)[::every]
    ]


def _evaluate_clip(
    clip: PairClip, tools: Tools, tallies: dict[str, Tally], hypotheses: Hypotheses
) -> None:
    """All methods on the found frames of one clip."""
    clip = _frames_of(clip, np.flatnonzero(clip.found))
    observations = _observations(clip)
    view = view_of(observations, clip.R_world_from_cam.astype(float))
    evidence = gather_evidence(observations, tools.constants)
    true_joints = clip.joints_cam.astype(float)
    true_joints = true_joints - true_joints[:, :1]
    visible = clip.visible[:, _MAIN_LANDMARKS]

    def tally(name: str) -> Tally:
        return tallies.setdefault(name, Tally())

    def note(name: str, posture: Posture, build: Build) -> None:
        joints = forward_kinematics(posture.rotations, build.rest_joints)[1]
        tally(name).add(joints, true_joints, visible, clip.seconds)
        tally(name).reprojection.append(_reprojection(posture, build, evidence))

    own = np.einsum("tij,tnj->tni", view.camera.R_cam_from_person, view.inputs.landmarks_world)
    own = metrics.hip_centred(own[:, _MAIN_LANDMARKS], 0, 1)
    tally("landmark network").addmain_joints(own, main_joints(true_joints), visible)
    if tools.regression is not None:
        said = regress_anchor(view, tools.regression)
        build = _build(said, tools)
        note("regression", _posture(said), build)
        note("regression, aligned", _aligned_whole(said, build, evidence), build)
    said = regress_anchor(view, tools.anchor)
    build = _build(said, tools)
    note("stage 1's first guess", _posture(said), build)
    whole = _aligned_whole(said, build, evidence)
    note("stage 1's first guess, aligned", whole, build)
    _evaluate_completion(
        clip, view, said, whole, build, evidence, tools, note, hypotheses, true_joints, visible
    )


def _evaluate_completion(
    clip: PairClip,
    view: View,
    said: Regression,
    whole: Posture,
    build: Build,
    evidence: Evidence,
    tools: Tools,
    note: Callable[[str, Posture, Build], None],
    hypotheses: Hypotheses,
    true_joints: Floats,
    visible: Bools,
) -> None:
    """Stage 2 around the aligned anchor: mean, best, single and nearest samples."""
    anchor = Anchor(
        rotations=whole.rotations[:, list(TORSO_JOINTS)],
        transl=whole.pelvis - build.rest_joints[0],
        betas=said.betas,
        log_variance=said.log_variance,
        limb_trust=evidence.limb_visibility(),
        first_guess=said.first_guess,
    )
    subject = Subject(view, np.arange(len(clip)), anchor, build.rest_joints)
    draw = Draw(seed=0, person=1, samples=tools.samples, guidance=1.0, steps=tools.steps)
    drawn = complete(subject, tools.completion, tools.constants, draw)

    def posture(limbs: Floats) -> Posture:
        return Posture(assemble(anchor.rotations, limbs), whole.pelvis)

    postures = [posture(limbs) for limbs in drawn.rotations]
    joints = np.stack([forward_kinematics(p.rotations, build.rest_joints)[1] for p in postures])
    # In the pelvis' own frame: samples say how limbs hang on the torso, not where the root faces.
    R_cam_from_pelvis = matrix_from_axis_angle(clip.poses[:, 0].astype(float))
    hypotheses.add(joints @ anchor.rotations[:, 0], true_joints @ R_cam_from_pelvis, visible)
    mean = posture(mean_rotations(drawn.rotations))
    scores = score_samples(drawn, anchor.rotations, whole.pelvis, build, evidence, 1.0)
    limbs = pick_limbs(drawn.rotations, best_samples(scores))
    freedom = Freedom(LIMB_JOINTS, angle_deviations(said.log_variance), None)
    note("FHMR, mean of samples", mean, build)
    note(
        "FHMR, mean of samples, aligned",
        align(mean, build, evidence, freedom, LIMB_STRENGTH),
        build,
    )
    note("FHMR, best score", posture(limbs), build)
    note(
        "FHMR, best score, aligned",
        align(posture(limbs), build, evidence, freedom, LIMB_STRENGTH),
        build,
    )
    note("FHMR, one sample", postures[0], build)
    errors = metrics.pa_mpjpe(main_joints(joints), main_joints(true_joints)[None])  # (S, T)
    nearest = np.argmin(errors, axis=0)
    rotations = np.stack([p.rotations for p in postures])[nearest, np.arange(len(clip))]
    note(f"FHMR, nearest of {tools.samples}", Posture(rotations, whole.pelvis), build)


def _aligned_whole(said: Regression, build: Build, evidence: Evidence) -> Posture:
    """As the pipeline aligns stage 1: everything moves."""
    freedom = anchor_freedom(said.log_variance)
    return align(_posture(said), build, evidence, freedom, ANCHOR_STRENGTH)


def _posture(said: Regression) -> Posture:
    return Posture(assemble(said.rotations, said.first_guess), said.pelvis)


def _build(said: Regression, tools: Tools) -> Build:
    return Build(
        rest_joints=tools.body.rest_joints(said.betas),
        stature=float(tools.body.stature(said.betas)),
        calibration=landmark_calibration(tools.constants),
    )


def _reprojection(posture: Posture, build: Build, evidence: Evidence) -> Floats:
    """Distance of well seen limb landmarks to their projection, share of the person's height."""
    outer, joints = forward_kinematics(posture.rotations, build.rest_joints)
    marks = build.calibration.landmarks(outer, joints + posture.pelvis[:, None], build.stature)
    distance = np.linalg.norm(project(marks, evidence.intrinsics) - evidence.pixels, axis=-1)
    height = build.stature * evidence.intrinsics[:, 1] / np.maximum(posture.pelvis[:, 2], 0.1)
    limbs = [place for place in _MAIN_LANDMARKS if place not in (11, 12, 23, 24)]
    share = (distance / height[:, None])[:, limbs]
    return share[evidence.visible[:, limbs] > 0.5]


def _frames_of(clip: PairClip, frames: Indices) -> PairClip:
    """Some frames of a clip."""
    per_frame = [
        item.name
        for item in fields(clip)
        if item.name not in ("name", "source", "split", "size", "intrinsics", "betas")
    ]
    return replace(clip, **{name: getattr(clip, name)[frames] for name in per_frame})


def _observations(clip: PairClip) -> Observations:
    count = len(clip)
    return Observations(
        frames=np.arange(count),
        seconds=clip.seconds.astype(float),
        intrinsics=np.tile(clip.intrinsics.astype(float), (count, 1)),
        bbox=clip.bbox.astype(float),
        region=clip.region.astype(float),
        track_confidence=np.ones(count),
        keypoints=clip.keypoints.astype(float),
        keypoints_world=clip.keypoints_world.astype(float),
        image_feature=clip.image_feature.astype(np.float32),
    )


def torch_network(network: AnchorNetwork) -> Network:
    """A torch network under the runtime's interface."""

    def run(inputs: Mapping[str, Floats]) -> dict[str, Floats]:
        names = ObservationTensors.__dataclass_fields__
        tensors = {
            name: torch.from_numpy(np.ascontiguousarray(inputs[name], dtype=np.float32))
            for name in names
        }
        with torch.no_grad():
            answer = network(ObservationTensors(**tensors))
        return {name: getattr(answer, name).numpy() for name in answer.__dataclass_fields__}

    return run


def open_tools(
    state: Path, models: Path, settings: str, samples: int, steps: int, threads: int
) -> Tools:
    """The exported networks and the peer."""
    networks = load_networks(models, threads)
    checkpoint = state / CHECKPOINTS["regression"]
    regression = None
    if checkpoint.exists():
        peer = AnchorNetwork(load_settings(settings).anchor_network)
        load_averaged(peer, checkpoint)
        regression = torch_network(peer)
    return Tools(
        anchor=networks.anchor,
        completion=networks.completion,
        regression=regression,
        constants=networks.constants,
        body=load_body("neutral"),
        samples=samples,
        steps=steps,
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure the networks on held-out pairs.")
    parser.add_argument("--state", type=Path, default=Path(".build/training"))
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--settings", default="first")
    parser.add_argument("--splits", default="val,test,hdm05")
    parser.add_argument("--clips", type=int, default=60, help="of each split, at most")
    parser.add_argument("--single-every", type=int, default=5, help="frames, as single pictures")
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="file to write the tables to")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    tools = open_tools(
        arguments.state,
        arguments.models,
        arguments.settings,
        arguments.samples,
        arguments.steps,
        arguments.threads,
    )
    parts: list[str] = []
    for split in arguments.splits.split(","):
        clips = load_shards(arguments.state / "pairs", split)[: arguments.clips]
        if not clips:
            say(f"{split}: no pairs")
            continue
        singles = single_frames(clips, arguments.single_every)
        for title, chosen in ((f"{split}, windows", clips), (f"{split}, single frames", singles)):
            report = evaluate_clips(
                chosen, tools, lambda n, t=title: say(f"{t}: clip {n}") if n % 50 == 0 else None
            )
            parts.append(report.text(title))
            say("\n" + parts[-1])
    if arguments.out is not None:
        head = INTRODUCTION.format(samples=arguments.samples, steps=arguments.steps)
        arguments.out.write_text("\n".join((head, *parts)), encoding="utf-8")


if __name__ == "__main__":
    main()
