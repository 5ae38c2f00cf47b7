"""From our rigs to the artist's own: which bone is which, and the motion as its keyframes."""
