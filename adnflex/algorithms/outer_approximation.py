"""Outer approximation: a linear master that proves bounds, a conic problem with integers fixed that gives points.

References
----------
Duran and Grossmann, Mathematical Programming 36, 1986, doi:10.1007/BF02592064.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from numpy.typing import NDArray


class Master(NamedTuple):
    """Answer of the master.

    Attributes
    ----------
    point : array or None
        Its point; None where it is infeasible, out of time or failed.
    bound : float
        What it proves.
    infeasible : bool
        Whether it is proven that there is no point.
    gave_up : str
        ``failed`` or ``time_limit`` where to ask again would give the same; empty else.
    """

    point: NDArray | None  # type: ignore[type-arg]
    bound: float
    infeasible: bool
    gave_up: str = ""


class Settled(NamedTuple):
    """Best value with the master's integers (inf: none), and the point that has it."""

    value: float
    point: NDArray | None  # type: ignore[type-arg]


def outer_approximation(
    master: Callable[[float], Master],
    settle: Callable[[NDArray], Settled],  # type: ignore[type-arg]
    *,
    gap: float,
    seconds: float,
    value: float = math.inf,
    point: NDArray | None = None,  # type: ignore[type-arg]
    report: Callable[[float, float, str], None] = lambda incumbent, bound, event: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[str, NDArray | None, float, float]:  # type: ignore[type-arg]
    """Alternate between master and settlement until bound and value meet.

    Parameters
    ----------
    master : callable
        Solves the master within so many seconds.
    settle : callable
        Fixes the integers of a point, solves, and cuts the master at what it finds.
    gap, seconds : float
        Relative gap and time limit [s] at which to stop.
    value, point : float, array, optional
        A known solution.
    report, stop : callable
        Progress, and whether to stop.

    Returns
    -------
    status, point, value, bound
        ``optimal``, ``infeasible``, ``time_limit``, ``interrupted`` or ``failed`` (a master gave up, or the same point
        came back although it was not settled); the best solution; the proven bound.

    Examples
    --------
    Minimise ``y`` over integers x in 0…3 with ``y >= (x - 1.2)²``, with tangents as cuts.

    >>> import numpy as np
    >>> slopes = []
    >>> def master(seconds):
    ...     best = min(range(4), key=lambda x: max([s * (x - a) + b for a, s, b in slopes], default=0.0))
    ...     return Master(np.array([best]), max([s * (best - a) + b for a, s, b in slopes], default=0.0), False)
    >>> def settle(x):
    ...     a = float(x[0])
    ...     slopes.append((a, 2 * (a - 1.2), (a - 1.2) ** 2))
    ...     return Settled((a - 1.2) ** 2, x)
    >>> status, x, y, bound = outer_approximation(master, settle, gap=1e-9, seconds=5)
    >>> status, int(x[0]), round(y, 6)
    ('optimal', 1, 0.04)
    """
    end = time.monotonic() + seconds
    bound, status = -math.inf, "time_limit"
    before = None
    try:
        while time.monotonic() < end:
            if stop():
                status = "interrupted"
                break
            found = master(end - time.monotonic())
            bound = max(bound, found.bound)
            if found.infeasible:
                status = "optimal" if math.isfinite(value) else "infeasible"
                bound = value
                break
            if found.point is not None:
                # nothing that was added since moved the master: more rounds are the same round
                stuck = before is not None and bool((found.point == before).all())
                before = found.point
                settled = settle(found.point)
                if settled.value < value:
                    value, point = settled.value, settled.point
            report(value, min(bound, value), "outer approximation")
            if bound >= value - gap * abs(value):
                status = "optimal"
                break
            if found.gave_up or (found.point is not None and stuck):
                status = found.gave_up or "failed"
                break
    except KeyboardInterrupt:
        status = "interrupted"
    return status, point, value, min(bound, value)
