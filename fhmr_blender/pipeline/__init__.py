"""The stages, from footage to a shot."""
