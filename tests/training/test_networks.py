"""Both networks: what is withheld leaves no trace, one frame is a window, time is relative."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from fhmr_blender.core.body import betas_for_height
from fhmr_blender.core.latent import heading_frame
from fhmr_blender.core.rotations import matrix_from_axis_angle
from fhmr_blender.core.skeleton import MIRRORED_JOINTS, forward_kinematics
from tests.training import tiny
from training.average import average
from training.data.windows import plain_batch
from training.networks import rotations
from training.networks.anchor import AnchorPrediction
from training.networks.blocks import ObservationTensors
from training.networks.body_layer import forward_kinematics as forward_kinematics_torch
from training.networks.completion import CompletionConditions, CompletionPrediction, assemble
from training.networks.mirror import mirrored_observation, mirrored_prediction


def observed(windows: int = 2, frames: int = 5) -> ObservationTensors:
    chosen = tiny.store().starts[:windows, None] + np.arange(frames)
    return plain_batch(tiny.store(), chosen).observed


def conditions(windows: int = 2, frames: int = 5) -> CompletionConditions:
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return CompletionConditions(
        anchor_rotations=rotations.matrix_from_sixd(random(windows, frames, 6, 6)),
        anchor_translation=random(windows, frames, 3),
        anchor_betas=random(windows, 10),
        anchor_log_variance=random(windows, frames, 8) - 3.0,
        first_guess=rotations.matrix_from_sixd(random(windows, frames, 18, 6)),
        guess_given=torch.ones(windows, frames),
        latent=random(windows, frames, 168),
        known=torch.zeros(windows, frames, 168),
        time=torch.rand(windows, generator=generator),
    )


def answers(prediction: AnchorPrediction | CompletionPrediction) -> list[torch.Tensor]:
    return [tensor.detach() for tensor in prediction.tensors()]


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_stage_1_answers_proper_rotations() -> None:
    prediction = tiny.anchor_network()(observed())
    for matrices in (prediction.rotations, prediction.first_guess):
        product = matrices @ matrices.transpose(-1, -2)
        assert torch.allclose(product, torch.eye(3).expand_as(product), atol=1e-5)
        assert torch.allclose(torch.linalg.det(matrices), torch.tensor(1.0), atol=1e-5)


WITHHELD = (
    ("frame", 0, ("landmarks", "landmarks_world", "image_feature")),
    ("depth", 1, ()),
    ("world landmarks", 2, ("landmarks_world",)),
    ("feature", 3, ("image_feature",)),
    ("camera motion", 4, ("camera_motion",)),
)


@pytest.mark.parametrize(("flag", "names"), [row[1:] for row in WITHHELD], ids=lambda _: None)
def test_a_withheld_group_leaves_no_trace(flag: int, names: tuple[str, ...]) -> None:
    seen = observed()
    given = seen.given.clone()
    given[..., flag] = 0.0
    hidden = replace(seen, given=given)
    changes = {name: getattr(seen, name) * 3.0 + 1.0 for name in names}
    if flag == 1:
        landmarks = seen.landmarks.clone()
        landmarks[..., 2] = float("nan")
        changes = {"landmarks": landmarks}
    changed = replace(hidden, **changes)
    stage1, stage2, told = tiny.anchor_network(), tiny.completion_network(), conditions()
    assert same(answers(stage1(hidden)), answers(stage1(changed)))
    assert same(answers(stage2(hidden, told)), answers(stage2(changed, told)))
    # The same change is heard where the group is given.
    given = torch.ones_like(seen.given)
    before, after = replace(seen, given=given), replace(changed, given=given)
    assert not same(answers(stage1(before)), answers(stage1(after)))


def test_a_removed_landmark_leaves_no_trace_in_either_of_its_groups() -> None:
    seen = observed()
    landmark_given = seen.landmark_given.clone()
    landmark_given[..., 15] = 0.0
    hidden = replace(seen, landmark_given=landmark_given)
    landmarks, world = seen.landmarks.clone(), seen.landmarks_world.clone()
    landmarks[..., 15, :] += 5.0
    world[..., 15, :] -= 5.0
    changed = replace(hidden, landmarks=landmarks, landmarks_world=world)
    stage1, stage2, told = tiny.anchor_network(), tiny.completion_network(), conditions()
    assert same(answers(stage1(hidden)), answers(stage1(changed)))
    assert same(answers(stage2(hidden, told)), answers(stage2(changed, told)))


def test_a_withheld_first_guess_leaves_no_trace() -> None:
    network, seen, told = tiny.completion_network(), observed(), conditions()
    hidden = replace(told, guess_given=torch.zeros_like(told.guess_given))
    changed = replace(
        hidden,
        first_guess=told.first_guess.flip(2),
        anchor_log_variance=told.anchor_log_variance + 1.0,
    )
    assert same(answers(network(seen, hidden)), answers(network(seen, changed)))
    heard = replace(told, first_guess=changed.first_guess)
    assert not same(answers(network(seen, told)), answers(network(seen, heard)))


def test_known_coordinates_are_handed_through_to_the_bit() -> None:
    network, told = tiny.completion_network(), conditions()
    known = (torch.rand(told.known.shape) < 0.5).float()
    clean = network(observed(), replace(told, known=known)).clean
    assert torch.equal(clean[known > 0.5], told.latent[known > 0.5])
    assert not torch.equal(clean[known < 0.5], told.latent[known < 0.5])


def test_at_the_end_of_the_flow_the_belief_is_the_latent_itself() -> None:
    network, told = tiny.completion_network(), conditions()
    torch.nn.init.zeros_(network.clean.weight)
    clean = network(observed(), replace(told, time=torch.ones(2))).clean
    assert torch.allclose(clean, told.latent, atol=1e-4)


def test_windows_do_not_hear_each_other() -> None:
    seen = observed(2)
    both = tiny.anchor_network()(seen)
    one = ObservationTensors(
        **{item.name: getattr(seen, item.name)[:1] for item in fields(ObservationTensors)}
    )
    alone = tiny.anchor_network()(one)
    for a, b in zip(answers(both), answers(alone), strict=True):
        assert torch.allclose(a[:1], b, atol=1e-5)  # float32, another batch size


def test_a_single_frame_is_a_window_of_one_and_its_time_does_not_matter() -> None:
    seen = observed(2, 1)
    later = replace(seen, seconds=seen.seconds + 1234.5)
    assert same(answers(tiny.anchor_network()(seen)), answers(tiny.anchor_network()(later)))


def test_only_the_distance_in_time_matters() -> None:
    seen = observed()
    network = tiny.anchor_network()
    later = replace(seen, seconds=seen.seconds + 8.0)
    slower = replace(seen, seconds=seen.seconds * 4.0)
    first = answers(network(seen))
    for a, b in zip(first, answers(network(later)), strict=True):
        assert torch.allclose(a, b, atol=1e-4)  # float32 of later seconds
    assert not torch.allclose(first[0], network(slower).rotations, atol=1e-6)


def test_frames_beyond_the_reach_are_not_heard() -> None:
    network = tiny.anchor_network()
    network.transformer.reach = 2
    network.transformer.blocks = network.transformer.blocks[:1]
    seen = observed(1, 6)
    box = seen.box.clone()
    box[:, 5] += 3.0
    before, after = network(seen).rotations, network(replace(seen, box=box)).rotations
    assert torch.allclose(before[:, :3], after[:, :3], atol=1e-6)
    assert not torch.allclose(before[:, 3:], after[:, 3:], atol=1e-6)


def test_the_body_layer_is_the_body() -> None:
    body, layer = tiny.body(), tiny.body_model().body
    rng = np.random.default_rng(0)
    betas = rng.normal(size=10)
    poses = matrix_from_axis_angle(rng.normal(size=(3, 24, 3)))
    outer, joints = forward_kinematics(poses, body.rest_joints(betas))
    rest = layer.rest_joints(torch.tensor(betas, dtype=torch.float32))
    found = forward_kinematics_torch(torch.tensor(poses, dtype=torch.float32), rest)
    assert np.allclose(found[0], outer, atol=1e-5)
    assert np.allclose(found[1], joints, atol=1e-5)


def test_the_body_layer_knows_the_stature() -> None:
    body, layer = tiny.body(), tiny.body_model().body
    betas = betas_for_height(body, np.zeros(10), 1.9)
    # The highest vertex may change with the shape, so the stature is not quite affine.
    found = float(layer.stature(torch.tensor(betas, dtype=torch.float32)))
    assert found == pytest.approx(float(body.stature(betas)), abs=0.005)


def test_assembling_puts_every_joint_in_its_place() -> None:
    whole = rotations.matrix_from_sixd(torch.randn(2, 24, 6))
    from fhmr_blender.core.skeleton import LIMB_JOINTS, TORSO_JOINTS

    again = assemble(whole[:, list(TORSO_JOINTS)], whole[:, list(LIMB_JOINTS)])
    assert torch.equal(again, whole)


def test_the_angle_between_rotations_is_measured_in_radians() -> None:
    turn = matrix_from_axis_angle(np.array([[0.3, 0.0, 0.0], [0.0, 2.0, 0.0]]))
    angle = rotations.geodesic_angle(torch.tensor(turn), torch.eye(3, dtype=torch.float64))
    assert np.allclose(angle, [0.3, 2.0])


def test_the_heading_of_the_losses_is_the_core_s() -> None:
    from training.losses import _heading_frame

    turn = matrix_from_axis_angle(np.random.default_rng(0).normal(size=(50, 3)) * 2)
    expected = heading_frame(turn, np.array([0.0, 0.0, 1.0]))
    found = _heading_frame(torch.tensor(turn, dtype=torch.float32))
    assert np.allclose(found, expected, atol=1e-4)


def test_stage_1_treats_left_and_right_alike() -> None:
    seen = observed()
    given = seen.given.clone()
    given[..., 3] = 0.0  # the image feature has no mirror image
    seen = replace(seen, given=given)
    network = tiny.anchor_network()
    reflected = mirrored_prediction(network(mirrored_observation(seen)))
    for one, other in zip(answers(network(seen)), answers(reflected), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    network.train()
    once = answers(network(seen))
    assert not same(once, answers(mirrored_prediction(network(mirrored_observation(seen)))))


def test_a_mirrored_prediction_shows_the_mirrored_body() -> None:
    prediction = tiny.anchor_network()(observed())

    def joints(said: AnchorPrediction) -> torch.Tensor:
        rest = torch.tensor(tiny.body().rest_joints(np.zeros(10)), dtype=torch.float32)
        rest = (rest + rest[list(MIRRORED_JOINTS)] * torch.tensor([-1.0, 1.0, 1.0])) / 2.0
        turned = assemble(said.rotations, said.first_guess)
        return forward_kinematics_torch(turned, rest)[1].detach()

    swapped = joints(mirrored_prediction(prediction))[..., list(MIRRORED_JOINTS), :]
    assert torch.allclose(swapped * torch.tensor([-1.0, 1.0, 1.0]), joints(prediction), atol=1e-4)


def test_the_average_of_two_runs_lies_between_them() -> None:
    first, second = tiny.anchor_network().state_dict(), tiny.anchor_network().state_dict()
    second = {name: value + 2.0 for name, value in second.items()}
    mean = average([{"averaged": first, "step": 3}, {"averaged": second, "step": 9}])
    assert mean["step"] == 3
    for name, value in mean["averaged"].items():
        assert torch.allclose(value, first[name] + 1.0)
