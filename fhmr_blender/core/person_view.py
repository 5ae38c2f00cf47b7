"""Observations as the networks see them: everything in the person camera.

Training and run time share this file, so that both see the same numbers.
"""

from dataclasses import dataclass, fields

import numpy as np

from .arrays import Floats, check_shapes
from .camera import PersonCamera, person_camera, rays_person
from .rotations import rotation_about, sixd_from_matrix


@dataclass(frozen=True, eq=False)
class NetworkInputs:
    """One window of one person; a batch adds an axis in front."""

    landmarks: Floats  # (T, 33, 5) ray x y, z over the region's side, visibility, presence
    landmark_given: Floats  # (T, 33) 0 where a landmark is withheld
    landmarks_world: Floats  # (T, 33, 3) metres, hip-centred, person camera
    image_feature: Floats  # (T, 288)
    box: Floats  # (T, 7) log half size, 6D of R_cam_from_person
    camera_motion: Floats  # (T, 6) 6D of the person camera's turn since the last frame
    given: Floats  # (T, 5) frame, z, world landmarks, feature, camera motion: 0 where withheld
    seconds: Floats  # (T,)

    def __post_init__(self) -> None:
        check_shapes(
            self,
            landmarks="T 33 5",
            landmark_given="T 33",
            landmarks_world="T 33 3",
            image_feature="T 288",
            box="T 7",
            camera_motion="T 6",
            given="T 5",
            seconds="T",
        )

    def as_batch(self) -> dict[str, Floats]:
        """The arrays by name, float32, with a batch axis of one."""
        return {
            item.name: np.asarray(getattr(self, item.name), dtype=np.float32)[None]
            for item in fields(self)
        }


def network_inputs(
    *,
    seconds: Floats,
    intrinsics: Floats,
    region: Floats,
    keypoints: Floats,
    keypoints_world: Floats,
    image_feature: Floats,
    R_world_from_cam: Floats | None,
) -> tuple[NetworkInputs, PersonCamera]:
    """Turn one person's observations into the person camera.

    Args:
        seconds: (T,).
        intrinsics: (T, 4) or (4,) pixels.
        region: (T, 4) centre x y, side, clockwise roll.
        keypoints: (T, 33, 5) x y z pixels, visibility, presence.
        keypoints_world: (T, 33, 3) metres, picture axes.
        image_feature: (T, 288); NaN where it is not known.
        R_world_from_cam: (T, 3, 3) up to one common rotation, or None when the camera's own
            rotation is not known. A static camera is any constant rotation.

    Returns:
        The inputs with everything given, and the person camera that turns answers back.
    """
    count = len(seconds)
    camera = person_camera(region, intrinsics)
    rays = rays_person(keypoints[..., :2], intrinsics, camera)
    depth = keypoints[..., 2:3] / region[:, None, 2:3]
    # The landmark network sees the upright crop and takes it as looked at straight on, so its
    # 3D lies along the person camera's axes once the picture's roll is taken out.
    upright = rotation_about(2, -region[:, 3])
    feature_known = np.asarray(np.all(np.isfinite(image_feature), axis=-1))
    given = np.ones((count, 5))
    given[:, 3] = feature_known
    turn = np.broadcast_to(np.eye(3), (count, 3, 3)).copy()
    if R_world_from_cam is not None and count > 1:
        R_world_from_person = R_world_from_cam @ camera.R_cam_from_person
        turn[1:] = np.swapaxes(R_world_from_person[1:], -1, -2) @ R_world_from_person[:-1]
    given[:, 4] = R_world_from_cam is not None
    given[:1, 4] = 0.0
    inputs = NetworkInputs(
        landmarks=np.concatenate((rays, depth, keypoints[..., 3:]), axis=-1),
        landmark_given=np.ones(keypoints.shape[:2]),
        landmarks_world=np.einsum("tij,tnj->tni", upright, keypoints_world),
        image_feature=np.where(feature_known[:, None], image_feature, 0.0),
        box=np.concatenate(
            (
                np.log(camera.half_size)[:, None],
                sixd_from_matrix(camera.R_cam_from_person),
            ),
            axis=-1,
        ),
        camera_motion=sixd_from_matrix(turn),
        given=given,
        seconds=seconds,
    )
    return inputs, camera


def pelvis_cam(translation: Floats, camera: PersonCamera) -> Floats:
    """The networks' translation (T, 3) -> pelvis (T, 3) in `cam`, metres.

    `translation`: x/z/s, y/z/s and log(z s) of the pelvis in the person camera, s its half size.
    """
    depth = np.exp(translation[:, 2:]) / camera.half_size[:, None]
    plane = translation[:, :2] * camera.half_size[:, None] * depth
    point = np.concatenate((plane, depth), axis=-1)
    return np.einsum("tij,tj->ti", camera.R_cam_from_person, point)


def translation_person(pelvis: Floats, camera: PersonCamera) -> Floats:
    """The inverse of `pelvis_cam`, (T, 3) -> (T, 3)."""
    point = np.einsum("tji,tj->ti", camera.R_cam_from_person, pelvis)
    depth = np.maximum(point[:, 2:], 1e-3)
    plane = point[:, :2] / depth / camera.half_size[:, None]
    return np.concatenate((plane, np.log(depth * camera.half_size[:, None])), axis=-1)
