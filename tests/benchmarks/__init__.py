"""Measurements: they report figures and assert nothing."""
