"""The camera that saw the shot, with the footage behind what it sees."""

import math
import re
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from ..core.arrays import Floats, Indices
from ..core.exif import read_exif
from ..core.motion import Shot
from ..core.rotations import nearest_rotation
from ..errors import FhmrError
from ..pipeline.camera_file import KnownCamera
from ..pipeline.sequences import find_sequence, is_pattern
from . import conversion, datablocks, keyframes
from .keyframes import Track

MOVIE_START = 1  # scene frame of the footage's frame 0
_ORIENTATIONS = {
    1: (0, False),
    2: (0, True),
    3: (180, False),
    4: (180, True),
    5: (270, True),
    6: (90, False),
    7: (90, True),
    8: (270, False),
}
"""EXIF orientation -> degrees clockwise that make the picture upright, after mirroring it."""
_LENS_PATHS = ("lens", "sensor_width", "shift_x", "shift_y")


def create(
    name: str, shot: Shot, scene: bpy.types.Scene, collection: bpy.types.Collection
) -> bpy.types.Object:
    """Make the shot's camera for the scene's present aspect.

    What changes over the shot becomes keyframes.
    """
    data = bpy.data.cameras.new(name)
    camera = bpy.data.objects.new(name, data)
    collection.objects.link(camera)
    data.sensor_fit = "HORIZONTAL"
    data.clip_start, data.clip_end = 0.01 * unit(scene), 1000.0 * unit(scene)
    data.show_passepartout = True
    place(camera, shot, scene)
    return camera


def place(camera: bpy.types.Object, shot: Shot, scene: bpy.types.Scene) -> None:
    """Set where a camera stands and what lens it has."""
    frames = shot.frames + MOVIE_START
    lenses = np.array(
        [
            (lens.focal_length, lens.sensor_width, lens.shift_x, lens.shift_y)
            for lens in (
                conversion.lens(row, shot.size, frame_aspect(scene)) for row in shot.intrinsics
            )
        ]
    )  # (T, 4)
    for path, value in zip(_LENS_PATHS, lenses[0], strict=True):
        setattr(datablocks.camera(camera), path, float(value))
    if np.ptp(lenses, axis=0).max() > 0:
        tracks = [
            Track(path, frames, lenses[:, index : index + 1])
            for index, path in enumerate(_LENS_PATHS)
        ]
        keyframes.write(datablocks.camera(camera), tracks)
    for background in datablocks.camera(camera).background_images:
        _fit(background, shot.size, scene)
    _stand(camera, shot.T_world_from_cam, frames, unit(scene))


def frame_aspect(scene: bpy.types.Scene) -> float:
    """Width over height of what the scene renders."""
    render = scene.render
    width = render.resolution_x * render.pixel_aspect_x
    return width / (render.resolution_y * render.pixel_aspect_y)


def unit(scene: bpy.types.Scene) -> float:
    """Blender units a metre."""
    return 1.0 / scene.unit_settings.scale_length


def show_footage(camera: bpy.types.Object, shot: Shot, path: Path, scene: bpy.types.Scene) -> None:
    """Put the footage behind what the camera sees.

    Raises:
        FhmrError: Blender cannot open the file.
    """
    sequence = find_sequence(path) if is_pattern(path) else None
    file = path if sequence is None else sequence.files[0]
    try:
        image = bpy.data.images.load(str(file.resolve()), check_existing=sequence is None)
    except RuntimeError as error:
        raise FhmrError(
            f"{path.name} cannot be shown behind the body.", "Set the camera's background by hand."
        ) from error
    if sequence is not None:
        image.source = "SEQUENCE"
    datablocks.camera(camera).show_background_images = True
    background = datablocks.camera(camera).background_images.new()
    background.image = image
    background.alpha = 1.0
    background.display_depth = "BACK"
    background.frame_method = "FIT"
    if image.source in ("MOVIE", "SEQUENCE"):
        user = background.image_user
        user.frame_start = MOVIE_START
        user.use_auto_refresh = True
        if sequence is None:
            user.frame_duration = max(image.frame_duration, int(shot.frames[-1]) + 1)
        else:
            user.frame_duration = len(sequence.files)
            user.frame_offset = first_number(file) - 1
    if image.source != "MOVIE":
        # Blender shows pictures as their pixels lie, whatever EXIF says.
        turn, mirrored = _ORIENTATIONS[read_exif(file.read_bytes()).orientation]
        background.rotation = math.radians(turn)
        background.use_flip_x = mirrored
    _fit(background, shot.size, scene)


def first_number(file: Path) -> int:
    """The last number in a file's name, by which Blender counts a sequence."""
    digits = re.findall(r"\d+", file.stem)
    return int(digits[-1]) if digits else 1


def as_it_films(
    camera: bpy.types.Object, numbers: Indices, size: tuple[int, int], scene: bpy.types.Scene
) -> KnownCamera:
    """A camera of the artist's over footage frames (K,), with what moves it: keys, constraints.

    A single frame is a picture's: it fits the frame that the scene shows.

    Raises:
        FhmrError: The camera has no perspective.
    """
    shown = scene.frame_current
    matrices, lenses = np.empty((len(numbers), 4, 4)), np.empty((len(numbers), 4))
    try:
        for row, number in enumerate(numbers):
            scene.frame_set(shown if len(numbers) == 1 else int(number) + MOVIE_START)
            matrix = np.array(camera.matrix_world)
            matrix[:3, :3] = nearest_rotation(matrix[:3, :3])
            matrix[:3, 3] *= scene.unit_settings.scale_length
            matrices[row] = matrix
            lenses[row] = scene_lens(camera, size, scene)
    finally:
        scene.frame_set(shown)
    return KnownCamera(numbers, conversion.opencv_matrices(matrices), lenses)


def scene_lens(camera: bpy.types.Object, size: tuple[int, int], scene: bpy.types.Scene) -> Floats:
    """(4,) fx fy cx cy of a camera of the artist's, in pixels of a picture that fills its frame.

    Args:
        camera: Any camera, as it is at the present frame.
        size: The picture's width and height; it lies centred in the frame, as large as fits.
        scene: For the frame's shape.

    Raises:
        FhmrError: The camera has no perspective.
    """
    if datablocks.camera(camera).type != "PERSP":
        raise FhmrError(
            f"{camera.name} has no perspective.", "Give the scene a perspective camera."
        )
    render = scene.render
    matrix = np.array(
        camera.calc_matrix_camera(
            bpy.context.evaluated_depsgraph_get(),
            x=render.resolution_x,
            y=render.resolution_y,
            scale_x=render.pixel_aspect_x,
            scale_y=render.pixel_aspect_y,
        )
    )
    width, height = size
    aspect = frame_aspect(scene)
    frame = np.array([max(width, height * aspect), max(height, width / aspect)])  # in its pixels
    return np.array(
        [
            matrix[0, 0] * frame[0] / 2,
            matrix[1, 1] * frame[1] / 2,
            width / 2 - matrix[0, 2] * frame[0] / 2,
            height / 2 + matrix[1, 2] * frame[1] / 2,
        ]
    )


def _fit(
    background: bpy.types.CameraBackgroundImage, size: tuple[int, int], scene: bpy.types.Scene
) -> None:
    """Blender fits a background into the frame before it turns it: make up for that."""
    quarter = abs(math.sin(background.rotation)) > 0.5
    background.scale = 1.0
    if quarter:
        width, height = size  # upright
        aspect = frame_aspect(scene)
        frame = max(width, height * aspect), max(height, width / aspect)
        background.scale = 1.0 / min(frame[0] / height, frame[1] / width)


def _stand(
    camera: bpy.types.Object, T_world_from_cam: Floats, frames: Indices, units: float
) -> None:
    matrices = conversion.camera_matrices(T_world_from_cam)
    matrices[:, :3, 3] *= units
    camera.rotation_mode = "QUATERNION"
    camera.matrix_world = Matrix(matrices[0].tolist())
    if np.ptp(matrices, axis=0).max() > 0:
        quaternions = conversion.object_quaternions(matrices)
        tracks = [
            Track("location", frames, matrices[:, :3, 3]),
            Track("rotation_quaternion", frames, quaternions),
        ]
        keyframes.write(camera, tracks)
