"""How right the pipeline is on held-out rendered pairs: `training.evaluate`, as a benchmark.

python -m tests.benchmarks.pairs_accuracy [--state DIR] [--clips N]: by default a short run of 12
clips of each split; `python -m training.evaluate` has more options. Prints the tables of
`models/EVALUATION.md`: single frames and clips, alignment on and off, visible and hidden joints,
the nearest sample, guidance and steps, what each part is worth; the peers are in the same run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Measure, or say what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--state", type=Path, default=ROOT / ".build" / "training")
    parser.add_argument("--clips", type=int, default=12, help="of each split, at most")
    options = parser.parse_args()
    if not list(options.state.glob("pairs/*/pairs_*.npz")):
        print(f"Nothing was measured: there are no pairs in {options.state / 'pairs'}.")
        print("`python3 build.py train` renders them, or name the training's state with --state.")
        return
    words = ["--state", options.state.resolve(), "--clips", options.clips]
    words += ["--compared", max(options.clips // 3, 1), "--swept", options.clips]
    command = [sys.executable, "-m", "training.evaluate", *(str(word) for word in words)]
    sys.stdout.flush()
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
