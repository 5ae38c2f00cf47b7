"""Pictures of skinned bodies in a room, by a GL rasteriser that needs no display.

EGL with any driver, Mesa's software one included. A picture comes with its depth in metres, from
which the true visibility of points is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import moderngl
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from fhmr_blender.core.arrays import Bools, Floats, Indices

from .appearance import Appearance, BodyMarks, is_hair, shell_offsets
from .boxes import Boxes, box_triangles
from .cameras import CameraPath
from .scenery import Scenery

NEAR, FAR = 0.05, 120.0  # metres

_PEOPLE_VERTEX = """
#version 330
uniform mat4 clip_from_world;
in vec3 position; in vec3 normal; in vec3 rest; in float hair;
out vec3 v_normal; out vec3 v_rest; out vec3 v_position; out float v_hair;
void main() {
    v_normal = normal; v_rest = rest; v_position = position; v_hair = hair;
    gl_Position = clip_from_world * vec4(position, 1.0);
}
"""

_LIGHTING = """
uniform vec3 light; uniform vec3 light_colour; uniform vec3 above; uniform vec3 below;
uniform vec3 eye;
vec3 lit(vec3 albedo, vec3 normal, vec3 position, float gloss) {
    vec3 n = normalize(normal);
    vec3 ambient = mix(below, above, 0.5 + 0.5 * n.z);
    float direct = max(dot(n, light), 0.0);
    vec3 halfway = normalize(light + normalize(eye - position));
    float shine = gloss * pow(max(dot(n, halfway), 0.0), 30.0) * step(0.0, dot(n, light));
    return albedo * (ambient + light_colour * direct) + light_colour * shine;
}
"""

_PEOPLE_FRAGMENT = (
    """
#version 330
uniform sampler2DArray surfaces;
uniform vec3 skin; uniform vec3 hair_colour; uniform vec3 lips; uniform vec3 shoes;
uniform vec3 top[2]; uniform vec3 bottom[2];
uniform int top_pattern; uniform int bottom_pattern; uniform vec2 pattern_size;
uniform float waist_y; uniform float collar_y; uniform float sleeve_x; uniform float hem_y;
uniform float shoe_y; uniform float shoulder_x; uniform float wrist_x;
uniform vec3 nose; uniform vec3 eyes[2]; uniform vec3 mouth; uniform float unit;
in vec3 v_normal; in vec3 v_rest; in vec3 v_position; in float v_hair;
out vec3 colour;
"""
    + _LIGHTING
    + """
float spot(vec3 q, vec3 centre, vec2 radius) {
    vec2 d = (q.xy - centre.xy) / (radius * unit);
    return (1.0 - smoothstep(0.7, 1.15, dot(d, d))) * step(nose.z - 0.085 * unit, q.z);
}
float pattern(int kind, vec3 q, float size) {
    if (kind == 1) return step(0.5, fract(q.y / size + q.x / size * 0.02));
    if (kind == 2) return step(0.5, fract(q.x / size));
    if (kind == 3) return 0.5 * (step(0.5, fract(q.x / size)) + step(0.5, fract(q.y / size)));
    return 0.0;
}
void main() {
    vec3 q = v_rest;
    float ax = abs(q.x);
    float folds = texture(surfaces, vec3(q.xy * 2.3 + q.z, 0.0)).g;
    vec3 albedo = skin;
    float gloss = 0.05;
    bool arm = ax > shoulder_x;
    float neck = collar_y - (q.z > 0.0 ? 0.05 * unit : 0.0) * step(ax, 0.07 * unit);
    neck += max(ax - 0.07, 0.0);  // from the neck the seam climbs over the shoulder
    if (q.y > waist_y && ax < sleeve_x && (arm || q.y < neck)) {
        albedo = mix(top[0], top[1], pattern(top_pattern, q, pattern_size.x)) * (0.7 + 0.5 * folds);
        gloss = 0.0;
    } else if (q.y <= waist_y && q.y > hem_y && ax < 0.7 * wrist_x) {
        float which = pattern(bottom_pattern, q, pattern_size.y);
        albedo = mix(bottom[0], bottom[1], which) * (0.7 + 0.5 * folds);
        gloss = 0.0;
    } else if (q.y < shoe_y) {
        albedo = q.y < shoe_y - 0.085 * unit ? shoes * 0.5 : shoes;
    } else if (v_hair > 0.5) {
        albedo = hair_colour * (0.6 + 0.6 * folds);
    } else {
        albedo *= 0.9 + 0.15 * folds;
        for (int side = 0; side < 2; side++) {
            vec3 e = eyes[side];
            albedo = mix(albedo, skin * 0.75, spot(q, e, vec2(0.020, 0.014)));
            albedo = mix(albedo, vec3(0.85), spot(q, e, vec2(0.014, 0.0065)));
            albedo = mix(albedo, vec3(0.06), spot(q, e, vec2(0.0062, 0.0066)));
            vec3 brow = e + vec3(sign(e.x) * 0.004, 0.02, 0.0) * unit;
            albedo = mix(albedo, hair_colour * 0.6, spot(q, brow, vec2(0.018, 0.004)));
            vec3 nostril = nose + vec3(sign(e.x) * 0.008, -0.008, 0.0) * unit;
            albedo = mix(albedo, skin * 0.4, spot(q, nostril, vec2(0.004, 0.0035)));
        }
        albedo = mix(albedo, lips, spot(q, mouth, vec2(0.026, 0.010)));
        albedo = mix(albedo, lips * 0.45, spot(q, mouth, vec2(0.024, 0.0022)));
    }
    colour = pow(clamp(lit(albedo, v_normal, v_position, gloss), 0.0, 1.0), vec3(1.0 / 2.2));
}
"""
)

_BOX_VERTEX = """
#version 330
uniform mat4 clip_from_world;
in vec3 position; in vec3 normal; in vec3 place; in vec3 tint;
out vec3 v_position; out vec3 v_normal; out vec3 v_place; out vec3 v_tint;
void main() {
    v_position = position; v_normal = normal; v_place = place; v_tint = tint;
    gl_Position = clip_from_world * vec4(position, 1.0);
}
"""

_BOX_FRAGMENT = (
    """
#version 330
uniform sampler2DArray surfaces;
uniform vec3 shaded[8]; uniform float shadow; uniform float floor_z;
in vec3 v_position; in vec3 v_normal; in vec3 v_place; in vec3 v_tint;
out vec3 colour;
"""
    + _LIGHTING
    + """
void main() {
    vec3 n = dot(v_normal, eye - v_position) < 0.0 ? -v_normal : v_normal;
    vec3 albedo = v_tint * pow(texture(surfaces, v_place).rgb, vec3(2.2));
    vec3 c = lit(albedo, n, v_position, 0.0);
    if (n.z > 0.9 && v_position.z < floor_z + 0.01) {
        for (int k = 0; k < 8; k++) {
            vec2 d = v_position.xy - shaded[k].xy;
            float high = max(shaded[k].z - floor_z, 0.0);
            float width = 0.14 + 0.35 * high;
            c *= 1.0 - shadow * exp(-dot(d, d) / (2.0 * width * width)) / (1.0 + 6.0 * high);
        }
    }
    colour = pow(clamp(c, 0.0, 1.0), vec3(1.0 / 2.2));
}
"""
)

SHADED_JOINTS = (0, 4, 5, 7, 8, 10, 11, 15)


@dataclass(frozen=True, eq=False)
class Picture:
    """A rendered frame."""

    image: NDArray[np.uint8]  # (H, W, 3)
    depth: Floats  # (H, W) metres along the camera's axis


@dataclass(frozen=True, eq=False)
class Template:
    """The T-pose on which clothing is cut."""

    rest: Floats  # (V, 3) metres, `body` frame
    marks: BodyMarks


@dataclass(frozen=True, eq=False)
class Figure:
    """A person to draw over T frames."""

    vertices: Floats  # (T, V, 3) metres, `world`, without clothing
    joints: Floats  # (T, 24, 3) metres, `world`
    appearance: Appearance
    template: Template


class Renderer:
    """Draws any number of figures of one mesh's form; keeps GL buffers between pictures.

    Args:
        faces: (F, 3).
        count: Vertices of a figure.
        samples: Sub-samples a pixel against jagged edges, 0 or 4.
    """

    def __init__(self, faces: Indices, count: int, samples: int = 4) -> None:
        self._faces = faces
        self._samples = samples
        self._incidence = _incidence(faces, count)
        self._gl = moderngl.create_standalone_context(backend="egl")
        self._gl.enable(moderngl.DEPTH_TEST)
        self._people = self._gl.program(
            vertex_shader=_PEOPLE_VERTEX, fragment_shader=_PEOPLE_FRAGMENT
        )
        self._box = self._gl.program(vertex_shader=_BOX_VERTEX, fragment_shader=_BOX_FRAGMENT)
        self._body_buffer = self._gl.buffer(reserve=count * 6 * 4, dynamic=True)
        self._rest_buffer = self._gl.buffer(reserve=count * 4 * 4, dynamic=True)
        self._body_array = self._gl.vertex_array(
            self._people,
            [
                (self._body_buffer, "3f 3f", "position", "normal"),
                (self._rest_buffer, "3f 1f", "rest", "hair"),
            ],
            self._gl.buffer(faces.astype(np.int32).tobytes()),
        )
        self._targets: dict[tuple[int, int], tuple[moderngl.Framebuffer, moderngl.Framebuffer]] = {}

    def render(
        self, figures: Sequence[Figure], scenery: Scenery, path: CameraPath
    ) -> tuple[Picture, ...]:
        """Draw every frame of a path. The first figure is the one whose shadow falls."""
        textures = scenery.textures
        surfaces = self._gl.texture_array(
            (textures.shape[2], textures.shape[1], len(textures)), 3, textures.tobytes()
        )
        surfaces.build_mipmaps()
        surfaces.use(0)
        boxes = self._box_array(scenery.boxes)
        offsets = [shell_offsets(f.appearance, f.template.marks, f.template.rest) for f in figures]
        pictures: list[Picture] = []
        for frame in range(len(path.position)):
            drawn, finished = self._target(path.size)
            drawn.use()
            drawn.clear(0.5, 0.5, 0.5, 1.0, depth=1.0)
            clip_from_world = _clip_from_world(path, frame)
            self._light(scenery, path.position[frame], clip_from_world)
            if figures:
                _set(self._box, "shaded", figures[0].joints[frame, SHADED_JOINTS, :])
            _set(self._box, "shadow", scenery.shadow if figures else 0.0)
            _set(self._box, "floor_z", scenery.floor_z)
            boxes.render()
            for figure, offset in zip(figures, offsets, strict=True):
                self._draw(figure, figure.vertices[frame], offset)
            if drawn is not finished:
                self._gl.copy_framebuffer(finished, drawn)
            pictures.append(_read(finished, path.size))
        for resource in (boxes, surfaces):
            resource.release()
        return tuple(pictures)

    def _draw(self, figure: Figure, vertices: Floats, offset: Floats) -> None:
        normals = self._normals(vertices)
        dressed = vertices + normals * offset[:, None]
        self._body_buffer.write(np.hstack((dressed, normals)).astype(np.float32).tobytes())
        look, marks, rest = figure.appearance, figure.template.marks, figure.template.rest
        hair = is_hair(look, marks, rest)
        self._rest_buffer.write(np.hstack((rest, hair[:, None])).astype(np.float32).tobytes())
        values = {
            "skin": look.skin**2.2,
            "hair_colour": look.hair**2.2,
            "lips": look.lips**2.2,
            "shoes": look.shoes**2.2,
            "top": look.top**2.2,
            "bottom": look.bottom**2.2,
            "top_pattern": look.patterns[0],
            "bottom_pattern": look.patterns[1],
            "pattern_size": np.array(look.pattern_size),
            "waist_y": look.waist_y,
            "collar_y": look.collar_y,
            "sleeve_x": look.sleeve_x,
            "hem_y": look.hem_y,
            "shoe_y": look.shoe_y,
            "shoulder_x": marks.shoulder_x,
            "wrist_x": marks.wrist_x,
            "nose": marks.nose,
            "eyes": marks.eyes,
            "mouth": marks.mouth,
            "unit": (marks.top_y - marks.neck_y) / 0.27,
        }
        for name, value in values.items():
            _set(self._people, name, value)
        self._body_array.render()

    def _normals(self, vertices: Floats) -> Floats:
        """Unit normals (V, 3)."""
        corner = vertices[self._faces]  # (F, 3, 3)
        face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        normals = self._incidence @ face
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)

    def _light(self, scenery: Scenery, eye: Floats, clip_from_world: Floats) -> None:
        for program in (self._people, self._box):
            _set(program, "light", scenery.light)
            _set(program, "light_colour", scenery.light_colour)
            _set(program, "above", scenery.ambient[0])
            _set(program, "below", scenery.ambient[1])
            _set(program, "eye", eye)
            _set(program, "clip_from_world", clip_from_world.T)

    def _box_array(self, boxes: Boxes) -> moderngl.VertexArray:
        buffer = self._gl.buffer(box_triangles(boxes).tobytes())
        layout = [(buffer, "3f 3f 3f 3f", "position", "normal", "place", "tint")]
        return self._gl.vertex_array(self._box, layout)

    def _target(self, size: tuple[int, int]) -> tuple[moderngl.Framebuffer, moderngl.Framebuffer]:
        """Where to draw and where to read, the same one without sub-samples."""
        if size not in self._targets:
            gl = self._gl
            finished = gl.framebuffer([gl.renderbuffer(size, 3)], gl.depth_texture(size))
            drawn = finished
            if self._samples:
                drawn = gl.framebuffer(
                    [gl.renderbuffer(size, 3, samples=self._samples)],
                    gl.depth_renderbuffer(size, samples=self._samples),
                )
            self._targets[size] = drawn, finished
        return self._targets[size]


def seen(
    depth: Floats, points_cam: Floats, pixels: Floats, thickness: Floats, ring: float = 1.5
) -> Bools:
    """Which points the camera sees: in the picture, with nothing much nearer in front.

    Args:
        depth: (H, W) metres.
        points_cam: (N, 3) metres.
        pixels: (N, 2) their projection.
        thickness: (N,) metres of its own flesh that may lie in front of a point.
        ring: Pixels around it that are looked at too; one free pixel of five is enough.

    Returns:
        (N,).
    """
    height, width = depth.shape
    inside = (pixels >= 0).all(axis=1) & (pixels < np.array([width, height])).all(axis=1)
    inside &= points_cam[:, 2] > NEAR
    around = ring * np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])
    columns, rows = np.moveaxis(np.floor(pixels[:, None] + around).astype(int), -1, 0)
    surface = depth[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]  # (N, 5)
    free = (surface > (points_cam[:, 2] - thickness)[:, None]).any(axis=1)
    return inside & free


def _incidence(faces: Indices, vertex_count: int) -> csr_matrix:
    """(V, F) one where a vertex belongs to a face."""
    rows = faces.reshape(-1)
    columns = np.repeat(np.arange(len(faces)), 3)
    return csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(vertex_count, len(faces)))


def _clip_from_world(path: CameraPath, frame: int) -> Floats:
    """(4, 4) for one frame: OpenCV's axes and intrinsics into GL's clip space."""
    width, height = path.size
    fx, fy, cx, cy = path.intrinsics
    clip_from_cam = np.array(
        [
            [2 * fx / width, 0, 2 * cx / width - 1, 0],
            [0, -2 * fy / height, 1 - 2 * cy / height, 0],
            [0, 0, (FAR + NEAR) / (FAR - NEAR), -2 * FAR * NEAR / (FAR - NEAR)],
            [0, 0, 1, 0],
        ]
    )
    cam_from_world = np.eye(4)
    cam_from_world[:3, :3] = path.R_world_from_cam[frame].T
    cam_from_world[:3, 3] = -cam_from_world[:3, :3] @ path.position[frame]
    return clip_from_cam @ cam_from_world


def _read(target: moderngl.Framebuffer, size: tuple[int, int]) -> Picture:
    width, height = size
    image = np.frombuffer(target.read(components=3, alignment=1), np.uint8)
    window = np.frombuffer(target.depth_attachment.read(alignment=1), np.float32)
    window = window.reshape(height, width)[::-1].astype(float)
    depth = 2 * FAR * NEAR / ((FAR + NEAR) - (2 * window - 1) * (FAR - NEAR))
    return Picture(image=image.reshape(height, width, 3)[::-1].copy(), depth=depth)


def _set(program: moderngl.Program, name: str, value: Floats | float | int) -> None:
    """Set a uniform; those that the compiler found unused do not exist."""
    if name not in program:
        return
    if isinstance(value, int):
        program[name].value = value
        return
    program[name].write(np.asarray(value, dtype=np.float32).tobytes())
