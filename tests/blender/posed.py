"""Takes in the scene to try the artist's hand on, with networks of three lines."""

import bpy
import numpy as np
import pytest

from fhmr_blender.blender import body_mesh, live, models, shot_scene
from fhmr_blender.core.arrays import Floats
from fhmr_blender.core.body import Body
from fhmr_blender.core.motion import Shot
from fhmr_blender.core.skeleton import JOINT_NAMES, LIMBS
from tests.unit import sitter

LEFT_ARM = {JOINT_NAMES[joint] for joint in LIMBS["left_arm"]}


def use_made_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extension works with networks made in code, somebody looks on, and time is no object.

    Pose correctives are left out: making them takes longer than everything else, and no pose
    depends on them.
    """
    networks = sitter.networks()
    monkeypatch.setattr(models, "networks", lambda choices: networks)
    monkeypatch.setattr(models, "ready", lambda choices: True)
    monkeypatch.setattr(live, "attended", lambda: True)
    monkeypatch.setattr(live, "QUICK", 60.0)
    monkeypatch.setattr(body_mesh, "_add_correctives", lambda mesh, body, rig: None)


def build(scene: bpy.types.Scene, shot: Shot, body: Body) -> bpy.types.Object:
    """The first rig of a shot, active, its left arm chosen; what is stored is what is shown."""
    made = shot_scene.build(scene, shot, None, {person.id: body for person in shot.people})
    rig = made.rigs[0]
    bpy.context.view_layer.objects.active = rig
    take = rig.fhmr_take
    take.limbs = (False, True, False, False, False)
    take.clean_up.smoothing, take.clean_up.feet = 0.0, "off"
    return rig


def pose(rig: bpy.types.Object) -> dict[str, Floats]:
    """What every bone holds."""
    found = {bone.name: np.array(bone.rotation_quaternion) for bone in rig.pose.bones}
    return found | {"location": np.array(rig.pose.bones["pelvis"].location)}


def moved(before: dict[str, Floats], after: dict[str, Floats]) -> set[str]:
    """The bones that two poses hold otherwise."""
    return {name for name in before if not np.allclose(before[name], after[name], atol=1e-6)}


def poses(scene: bpy.types.Scene, rig: bpy.types.Object, count: int) -> list[dict[str, Floats]]:
    """The poses at the first frames of the scene, as the animation has them."""
    found: list[dict[str, Floats]] = []
    here = scene.frame_current
    for frame in range(1, count + 1):
        scene.frame_set(frame)
        found.append(pose(rig))
    scene.frame_set(here)
    return found
