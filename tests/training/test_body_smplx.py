"""Our skinning against the reference implementation of SMPL, on our own bodies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from smplx import SMPL
from smplx.utils import Struct

from fhmr_blender.core.body import BODY_NAMES, body_folder, load_body
from fhmr_blender.core.rotations import matrix_from_axis_angle


@pytest.mark.parametrize("name", BODY_NAMES)
def test_skin_and_joints_agree_with_smplx(name: str):
    body = load_body(name)
    with np.load(body_folder() / f"{name}.npz") as archive:
        arrays = {key: archive[key] for key in archive.files}
    reference = SMPL(
        model_path="",
        data_struct=Struct(**arrays),
        vertex_ids=body.landmark_vertices,
        batch_size=8,
    )
    rng = np.random.default_rng(21)
    poses = rng.normal(0.0, 0.6, (8, 24, 3))
    transl = rng.normal(0.0, 1.0, (8, 3))
    for betas in rng.normal(0.0, 1.5, (4, 10)):
        result = reference(
            betas=torch.tensor(np.tile(betas, (8, 1)), dtype=torch.float32),
            global_orient=torch.tensor(poses[:, :1], dtype=torch.float32),
            body_pose=torch.tensor(poses[:, 1:], dtype=torch.float32),
            transl=torch.tensor(transl, dtype=torch.float32),
        )
        rotations = matrix_from_axis_angle(poses)
        skin = body.vertices(rotations, betas, transl)
        np.testing.assert_allclose(skin, result.vertices.detach().numpy(), atol=1e-5)
        joints = result.joints.detach().numpy()
        np.testing.assert_allclose(body.joints(rotations, betas, transl), joints[:, :24], atol=1e-5)
        nose = skin[:, body.landmark_vertices["nose"]]
        np.testing.assert_allclose(joints[:, 24], nose, atol=1e-5)
