"""A whole run on a few clips and tiny networks: every table and picture of the page."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.camera import person_camera
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.pipeline.alignment import Posture
from tests.training import tiny
from tests.training.synthetic_pairs import exact_clip
from training import evaluate
from training.configuration import load_settings
from training.data.pairs import MIRRORED_PICTURE
from training.data.sample import PairClip
from training.evaluation import ablation, measuring
from training.evaluation.answers import Figure, of_body
from training.evaluation.clips import Case, paired, single_pictures, true_rotations
from training.evaluation.contestants import (
    Tools,
    read_anchor,
    read_reduced,
    torch_anchor,
    torch_completion,
    without_feature,
)
from training.evaluation.measuring import LANDMARKS, SHOWN, Measured, measure
from training.evaluation.methods import build_of, fit, look, regress
from training.evaluation.page import Run, page_text, write_page
from training.evaluation.plots import draw_all
from training.evaluation.tallies import Tally, misfit, nan_mean
from training.networks.anchor import AnchorNetwork
from training.networks.one_stage_flow import FLOW_SIZE, OneStageFlow

LARGEST = 300_000  # bytes of all pictures of the page


def tools(samples: int = 3) -> Tools:
    torch.manual_seed(1)
    flow = OneStageFlow(tiny.SETTINGS, np.zeros(FLOW_SIZE), np.full(FLOW_SIZE, 0.5)).eval()
    calibration = tiny.calibration()
    return Tools(
        anchor=torch_anchor(tiny.anchor_network()),
        completion=torch_completion(tiny.completion_network()),
        regression=torch_anchor(tiny.anchor_network(seed=1)),
        flow=flow,
        constants={
            "landmark_joint": calibration.joint,
            "landmark_offset": calibration.offset,
            "landmark_sigma": calibration.sigma,
            "latent_mean": np.zeros(168),
            "latent_std": np.full(168, 0.5),
            "visibility_slope": np.ones(33),
            "visibility_intercept": np.zeros(33),
        },
        body=tiny.body(),
        samples=samples,
        steps=2,
    )


def _with_own_3d(clip: PairClip) -> PairClip:
    """The landmark network's own 3D is the truth, as it would lie in the picture's axes."""
    body, betas = tiny.body(), clip.betas
    outer = body.outer_rotations(matrix_from_axis_angle(clip.poses))
    marks = tiny.calibration().landmarks(outer, clip.joints_cam, float(body.stature(betas)))
    marks = marks - marks[:, [23, 24]].mean(axis=1, keepdims=True)
    R_cam_from_person = person_camera(clip.region, clip.intrinsics).R_cam_from_person
    return replace(clip, keypoints_world=marks @ R_cam_from_person)


def cases(count: int = 2) -> tuple[Case, ...]:

    clips: list[PairClip] = []
    for seed in range(count):
        plain = exact_clip(seed, tiny.body(), tiny.calibration(), count=6)
        visible = np.random.default_rng(seed).random((6, 33)) < 0.7
        plain = replace(_with_own_3d(plain), name=f"clip {seed}", visible=visible)
        clips += [plain, replace(plain, name=plain.name + MIRRORED_PICTURE)]
    return paired(clips, tiny.body())


def rare(case: Case) -> Floats:
    return np.arange(len(case)) / 10


@cache
def run() -> Run:
    some, here = cases(), tools()
    windows = {"val": measure(some, here, rare)}
    pictures = single_pictures(some, 3)
    guided, stepped = ablation.sweep(pictures, here)
    rows = ablation.ablate(some, here, Path("nowhere"), "first", "as exported")
    return Run(
        command="python -m training.evaluate --state DIR",
        rarity="nothing",
        samples=here.samples,
        steps=here.steps,
        windows=windows,
        singles={"val": measure(pictures, here, rare)},
        rows=rows,
        guided=guided,
        stepped=stepped,
    )


@pytest.fixture(autouse=True)
def few_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation, "GUIDANCE", (0.0, 2.0))
    monkeypatch.setattr(ablation, "STEPS", (1, 3))


def test_the_page_names_its_command_and_holds_every_table(tmp_path: Path) -> None:
    pictures = draw_all(tmp_path / "pictures", run().windows, run().guided, run().stepped)
    write_page(tmp_path / "models" / "PAGE.md", run(), pictures)
    text = (tmp_path / "models" / "PAGE.md").read_text()
    assert "`python -m training.evaluate --state DIR`" in text
    for title in (
        "What is asked",
        "Clips",
        "Rare poses and hidden limbs",
        "The flipped picture",
        "In the world",
        "Samples",
        "Single pictures",
        "Guidance and steps",
        "What each part is worth",
        "How sure the anchor is",
    ):
        assert f"## {title}" in text, title
    for name in (LANDMARKS, measuring.FIT, measuring.REGRESSION, measuring.FLOW, SHOWN):
        assert text.count(name) >= 3, name
    assert "nan" not in text.replace("nanometre", "")
    for line in text.splitlines():
        if line.startswith("|---"):
            columns = line.count("|")
        elif (
            line.startswith("|") and "|---" in text.splitlines()[text.splitlines().index(line) - 1]
        ):
            assert line.count("|") == columns, line


def test_pictures_are_small_linked_and_the_same_on_every_run(tmp_path: Path) -> None:
    found = run()
    first, second = (
        draw_all(tmp_path / name, found.windows, found.guided, found.stepped) for name in "ab"
    )
    assert sum(path.stat().st_size for path in first) < LARGEST
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    text = page_text(found, tmp_path / "b", first)
    for path in first:
        assert f"](../a/{path.name})" in text


def test_what_was_not_trained_is_named_with_its_command() -> None:
    told = {row.name: row for row in run().rows}
    for without in ("composite target", "geometry losses"):
        assert told[f"minus {without}"].tally is None
        assert "not trained; `python -m training.train_completion --without" in (
            told[f"minus {without}"].told
        )
    assert "train_anchor --without bank`, then" in told["minus bank"].told
    assert told["factorized"].tally is not None


def test_every_method_answers_every_frame() -> None:
    measured = run().windows["val"]
    assert measured.frames.count == 12
    for name, tally in measured.tallies.items():
        assert tally.all("aligned").shape == (12, 12), name
        assert np.isfinite(tally.all("aligned")).all(), name


def test_the_skin_is_measured_on_every_third_frame_and_is_zero_for_the_truth() -> None:

    (case,), here = cases(1), tools()
    betas = case.clip.betas.astype(float)
    truth = Posture(true_rotations(case), case.clip.joints_cam[:, 0].astype(float))
    tally = Tally()
    answer = of_body(truth, build_of(betas, here), betas)
    tally.add(answer, case, look(case.clip, here.constants), tiny.body())
    np.testing.assert_array_equal(np.isfinite(tally.all("skin")), [1, 0, 0, 1, 0, 0])
    assert tally.mean("skin") == pytest.approx(0.0, abs=1e-5)  # float32 skins
    assert tally.mean("main") == pytest.approx(0.0, abs=1e-5)
    assert tally.median_misfit() < 0.01  # exact landmarks


def test_the_plain_fit_brings_the_landmarks_together() -> None:
    case, here = cases(1)[0], tools()
    seen = look(case.clip, here.constants)
    posture, build = fit(seen, here)

    figure = Figure(posture, build, np.zeros(10))
    assert nan_mean(misfit(figure, seen)) < 0.02
    depth = posture.pelvis[:, 2] / case.clip.joints_cam[:, 0, 2]
    assert np.abs(np.log(depth)).max() < 0.35  # an average body, a weak prior: about as far away


def test_threads_do_not_change_a_figure() -> None:
    one, two = (measure(cases(), tools(), rare, threads=count) for count in (1, 2))
    for name, tally in one.tallies.items():
        np.testing.assert_array_equal(tally.all("main"), two.tallies[name].all("main"), name)


def test_a_feature_that_is_withheld_leaves_no_trace() -> None:

    here = tools()
    blind = without_feature(here.anchor)
    case = cases(1)[0]
    feature = np.random.default_rng(0).normal(size=(6, 288)).astype(np.float16)
    other = replace(case.clip, image_feature=feature)
    plain, changed = (look(clip, here.constants) for clip in (case.clip, other))
    blindly = [regress(seen, blind, here).said.rotations for seen in (plain, changed)]
    seeing = [regress(seen, here.anchor, here).said.rotations for seen in (plain, changed)]
    np.testing.assert_array_equal(*blindly)
    assert np.abs(seeing[0] - seeing[1]).max() > 1e-4


def test_checkpoints_are_read_with_how_long_they_were_trained(tmp_path: Path) -> None:
    settings = load_settings("first")
    network = AnchorNetwork(settings.anchor_network)
    saved = {"averaged": network.state_dict(), "step": 1200, "seconds": 90.0}
    torch.save(saved, tmp_path / "anchor_without_bank.pt")
    found, told = read_anchor(tmp_path / "anchor_without_bank.pt", settings)
    assert found is not None and told == "1,200 steps, 2 minutes"
    torch.save(saved | {"averaged": tiny.anchor_network().state_dict()}, tmp_path / "anchor.pt")
    assert read_anchor(tmp_path / "anchor.pt", settings)[0] is None  # another size
    reduced = read_reduced(tmp_path, "first", "bank", tiny.body())
    assert reduced.completion is None and reduced.told.startswith("not trained")


def test_an_empty_level_is_a_dash() -> None:
    assert Measured().tallies == {}
    assert page_text(Run("command", "nothing", 1, 1, {}, {}, (), (), ()), Path(), ()).startswith(
        "# Figures"
    )


def test_the_command_on_the_page_hides_where_the_state_lies() -> None:
    words = ("--state", "/somewhere/else", "--clips", "3", "--out", "models/EVALUATION.md")
    assert evaluate.command_line(words) == (
        "python -m training.evaluate --state DIR --clips 3 --out models/EVALUATION.md"
    )


def test_without_pairs_the_command_ends_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["evaluate", "--state", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        evaluate.main()
    assert caught.value.code == 2
    assert "There are no held-out pairs" in capsys.readouterr().err
