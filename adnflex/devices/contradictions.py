"""Limits of one device that contradict each other, found before or after a solver says that nothing is feasible."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from scipy.optimize import linprog

from adnflex.devices.base import Contradiction, Device, FloatArray, Place
from adnflex.devices.horizon import Horizon
from adnflex.devices.inverter import TOLERANCE, Inverter
from adnflex.devices.resource import polygon

__all__ = ["contradictions", "holds", "inverter_contradiction"]

# Sides of the polygon around the circle of a rating.
_SIDES = 128


@runtime_checkable
class _Contradictable(Protocol):
    def contradictions(self, horizon: Horizon) -> list[Contradiction]: ...


def contradictions(devices: Iterable[Device], horizon: Horizon) -> list[Contradiction]:
    """Collect what the devices themselves cannot meet."""
    found: list[Contradiction] = []
    for device in devices:
        if isinstance(device, _Contradictable):
            found += device.contradictions(horizon)
    return found


def holds(inverter: Inverter, low: float, high: float, fixed: float) -> bool:
    """Whether some active injection from `low` to `high` [MW] has a reactive one within all limits.

    The circle is taken as a polygon around it, so that False is proven.
    """
    rows: list[Sequence[float]] = [] if inverter.capability is None else list(inverter.capability.rows())
    if inverter.free and not math.isnan(inverter.min_cos_phi):
        tan = math.tan(math.acos(inverter.min_cos_phi))
        rows += [(-tan, 1.0, 0.0), (-tan, -1.0, 0.0)]
    if not math.isnan(inverter.s_mva):
        rows += [(float(a), float(b), inverter.s_mva) for a, b in polygon(inverter.s_mva, _SIDES)[0]]
    q = (inverter.q_min, inverter.q_max) if inverter.free else (fixed, fixed)
    if low > high + TOLERANCE or q[0] > q[1] + TOLERANCE:
        return False
    if not rows:
        return True
    a = np.array(rows)
    bounds = [(low - TOLERANCE, high + TOLERANCE), (q[0] - TOLERANCE, q[1] + TOLERANCE)]
    return bool(linprog(np.zeros(2), a[:, :2], a[:, 2] + TOLERANCE, bounds=bounds).status != 2)


def inverter_contradiction(inverter: Inverter, place: Place, low: FloatArray, high: FloatArray) -> Contradiction | None:
    """Return the first period in which an active injection between (S, T) limits has no reactive one."""
    fixed = np.zeros_like(low) if inverter.free else np.broadcast_to(inverter.q_fixed, low.shape)
    known: dict[tuple[float, float, float], bool] = {}
    for s, t in np.ndindex(low.shape):
        key = (float(low[s, t]), float(high[s, t]), float(fixed[s, t]))
        if key not in known:
            known[key] = holds(inverter, *key)
        if not known[key]:
            return Contradiction(place, t, _narrow(inverter, *key))
    return None


def _narrow(inverter: Inverter, low: float, high: float, fixed: float) -> str:
    q = f"from {inverter.q_min:g} to {inverter.q_max:g}" if inverter.free else f"of {fixed:g}"
    rest = [f"sn_mva {inverter.s_mva:g}"] if not math.isnan(inverter.s_mva) else []
    rest += [f"min_cos_phi {inverter.min_cos_phi:g}"] if not math.isnan(inverter.min_cos_phi) else []
    rest += ["its capability curve"] if inverter.capability is not None else []
    return (
        f"its active power from {low:g} to {high:g} MW and its reactive power {q} Mvar cannot go together with "
        f"{', '.join(rest) or 'each other'}; widen one of them"
    )
