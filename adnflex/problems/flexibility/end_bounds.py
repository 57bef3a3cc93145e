"""What the ends of a box can be at all, by what is asked of them and by what the devices can do."""

from __future__ import annotations

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.problems.flexibility.model import BoxProblem


def end_bounds(problem: BoxProblem) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest values (2, T) of the ends of a box, lower end first [MW]."""
    ends = _reach(problem)
    # one end may lie beyond what a single dispatch reaches only by rounding
    least, most = problem.limits[0]
    low, high = np.tile(np.maximum(ends[0] - 1e-6, least), (2, 1)), np.tile(np.minimum(ends[1] + 1e-6, most), (2, 1))
    base, (down, up) = problem.base, problem.required
    high[0] = np.minimum(high[0], np.where(np.isfinite(down), base - down, np.inf))
    low[1] = np.maximum(low[1], np.where(np.isfinite(up), base + up, -np.inf))
    if problem.direction == "up":
        low[0] = high[0] = base
    elif problem.direction == "down":
        low[1] = high[1] = base
    return low, high


def _reach(problem: BoxProblem) -> tuple[FloatArray, FloatArray]:
    """Import if every device gave and took what it can, without any network [MW]."""
    low, high = problem.bounds()
    found = np.zeros((2, problem.periods))
    for t in range(problem.periods):
        weight = problem.imports(t)
        fixed = sorted(problem.operating[s][t].import_p * problem.grid.base_mva for s in range(2))
        found[0, t] = fixed[0] + np.maximum(weight, 0) @ low[t] + np.minimum(weight, 0) @ high[t]
        found[1, t] = fixed[1] + np.maximum(weight, 0) @ high[t] + np.minimum(weight, 0) @ low[t]
    return found[0], found[1]
