"""Local search without derivatives, for objectives that are a simulation; it proves nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from adnflex.arrays import FloatArray
from adnflex.solvers.ending import Said, listen


def search_locally(
    value: Callable[[FloatArray], float], start: FloatArray, low: FloatArray, high: FloatArray, most: int = 600
) -> FloatArray | None:
    """Return a better point within a box, by Powell's method; None where the search broke.

    Whoever asks values the point again.

    Parameters
    ----------
    value : callable
        What is minimised.
    start, low, high : (n,) array
        Where to begin, and the box.
    most : int
        Largest number of evaluations.

    Examples
    --------
    >>> found = search_locally(lambda x: float((x[0] - 0.3) ** 2), np.zeros(1), np.zeros(1), np.ones(1))
    >>> found.round(3).tolist()
    [0.3]
    """

    def run() -> Said:
        box = list(zip(low, high, strict=True))
        options = {"xtol": 1e-4, "ftol": 1e-7, "maxfev": most}
        found = minimize(value, start, method="Powell", bounds=box, options=options)
        return Said("optimal", str(found.message), np.asarray(found.x, dtype=float), float(found.fun))

    said = listen("local search", "Powell", run)
    if said.x is None or not np.isfinite(said.x).all():
        return None
    # the search stops just short of a limit
    return np.clip(said.x, low, high)
