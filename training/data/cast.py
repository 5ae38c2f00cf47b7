"""Who is filmed: the neutral body's joints in the skin of a man, a woman or of neither.

What the networks are to say is the neutral body's motion, so a skin of another sex is first shaped
like the neutral body as well as it can be and then moved onto its joints.
"""

from dataclasses import dataclass, fields

import numpy as np

from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import BODY_NAMES, Body, carry_shape, load_body

from .appearance import body_marks, random_appearance
from .performances import Performance
from .rendering import Figure, Template

SKIN_SHARES = (0.2, 0.4, 0.4)  # of BODY_NAMES: neutral, male, female
_ROUNDS = 8  # of moving the skin onto the joints; more of them gain nothing


@dataclass(frozen=True, eq=False)
class Skin:
    """A mesh and its marks."""

    body: Body
    template: Template


class Cast:
    """The three skins.

    Args:
        neutral: The body whose joints are the truth.
    """

    def __init__(self, neutral: Body) -> None:
        self._neutral = neutral
        bodies = [neutral if name == neutral.name else load_body(name) for name in BODY_NAMES]
        self._skins = tuple(Skin(body, template_of(body)) for body in bodies)

    def figure(self, rng: np.random.Generator, performance: Performance, betas: Floats) -> Figure:
        """Somebody of the neutral body's shape `betas` (10,) who does what is performed."""
        skin = self._skins[rng.choice(len(self._skins), p=SKIN_SHARES)]
        body = self._neutral
        if skin.body is not body:
            body = on_joints_of(body, betas, skin.body)
        transl = performance.pelvis - self._neutral.rest_joints(betas)[0]
        return Figure(
            vertices=body.vertices(performance.rotations, betas, transl),
            joints=self._neutral.joints(performance.rotations, betas, transl),
            appearance=random_appearance(rng, skin.template.marks),
            template=skin.template,
        )


@dataclass(frozen=True, eq=False)
class Reshaped(Body):
    """A skin that turns about given joints; its betas do nothing."""

    pivots: Floats  # (24, 3) rest joints, metres

    def rest_joints(self, betas: Floats) -> Floats:
        """The pivots, whatever the betas."""
        return np.broadcast_to(self.pivots, (*betas.shape[:-1], 24, 3))


def on_joints_of(neutral: Body, betas: Floats, skin: Body) -> Body:
    """Another body's skin on the neutral body's rest joints at `betas` (10,).

    Its shape is carried first, then its weights move it until its own joints are as near as they
    come: arms and legs to 1 to 3 mm on average, female hips to 7. The inner joints of the spine,
    which each body defines its own way, stay up to 35 mm apart; the skin turns about the neutral
    ones.
    """
    wanted = neutral.rest_joints(betas)
    vertices = skin.rest_vertices(carry_shape(betas, neutral, skin)).astype(float)
    for _ in range(_ROUNDS):
        joints = skin.J_regressor @ vertices
        missing = (wanted - wanted[0]) - (joints - joints[0])
        vertices = vertices + skin.weights @ missing
    joints = skin.J_regressor @ vertices
    arrays = {item.name: getattr(skin, item.name) for item in fields(Body)}
    arrays["v_template"] = (vertices + wanted[0] - joints[0]).astype(skin.v_template.dtype)
    arrays["shapedirs"] = np.zeros_like(skin.shapedirs)
    return Reshaped(**arrays, pivots=wanted)


def template_of(body: Body) -> Template:
    """The T-pose on which a skin's clothing is cut."""
    return Template(body.v_template, body_marks(body.v_template, body.rest_joints(np.zeros(10))))
