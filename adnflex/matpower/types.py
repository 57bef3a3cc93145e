"""Types of values in a MATPOWER file."""

from __future__ import annotations

from typing import Any

from adnflex.arrays import FloatArray

Array = FloatArray
Mask = Any  # comparisons of arrays, which numpy types as bool or array
Value = Array | str | list[str]
