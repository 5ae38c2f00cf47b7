"""Everything that knows Blender: state, rig, camera, keyframes and the interface."""
