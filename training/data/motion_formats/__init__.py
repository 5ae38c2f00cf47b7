"""Readers of recorded motion, one file a format, all to `recording.Recording`."""
