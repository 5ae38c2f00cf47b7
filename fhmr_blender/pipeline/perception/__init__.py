"""From pictures to observations: boxes, tracks, regions, landmarks."""
