"""Measures the pipeline on clips whose truth is known, beside its peers; `training.evaluate`."""
