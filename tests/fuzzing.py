"""How many random inputs a reader must survive: in the gate, and ten times as many in `bench`."""

from __future__ import annotations

import os

FUZZ_CASES = int(os.environ.get("FHMR_FUZZ_CASES", "10000"))
