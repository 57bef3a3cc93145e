"""Types of values in a MATPOWER file."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = Any  # comparisons of arrays, which numpy types as bool or array
Value = Array | str | list[str]
