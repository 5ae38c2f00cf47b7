"""Runs networks: the only place that knows onnxruntime, and the place where float32 is fixed."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as _untyped  # pyright: ignore[reportMissingTypeStubs]

from ..core.arrays import Floats
from ..errors import FhmrError

onnxruntime: Any = _untyped  # it comes without types

Network = Callable[[Mapping[str, Floats]], dict[str, Floats]]
"""Named inputs -> named outputs, float32."""

MAX_THREADS = (
    4  # guess: more hardly helps networks this small and takes the artist's interface away
)
SMALL = 16  # frames; with fewer, threads only wait for each other: 9.4 ms on two, 9.2 on one


def default_threads() -> int:
    """Threads that are used when nobody says how many."""
    return min(os.cpu_count() or 1, MAX_THREADS)


def load_network(source: Path | bytes, threads: int) -> Network:
    """Load an ONNX file.

    Args:
        source: The file, or its content.
        threads: Cores to use, at least 1.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = max(threads, 1)
    options.inter_op_num_threads = 1
    # Waiting threads must sleep: spinning ones take the cores that the interface needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    content = source.read_bytes() if isinstance(source, Path) else source
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no base class
        name = source.name if isinstance(source, Path) else "A model file"
        raise FhmrError(
            f"{name} cannot be loaded as a network.", "Reinstall the models and try again."
        ) from error
    names: list[str] = [output.name for output in session.get_outputs()]
    wanted: set[str] = {value.name for value in session.get_inputs()}

    def run(inputs: Mapping[str, Floats]) -> dict[str, Floats]:
        feed = {
            name: np.ascontiguousarray(array, dtype=np.float32)
            for name, array in inputs.items()
            if name in wanted
        }
        return dict(zip(names, session.run(names, feed), strict=True))

    return run
