"""Limits of one device that contradict each other, found before or after a solver says that nothing is feasible."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.devices.base import Contradiction, Device, Place
from adnflex.devices.inverter import TOLERANCE, Inverter
from adnflex.devices.resource import polygon
from adnflex.devices.timeline import Timeline

if TYPE_CHECKING:
    from adnflex.devices.storage import Storage
from adnflex.solvers.linear import minimise_below

# Sides of the polygon around the circle of a rating.
_SIDES = 128


@runtime_checkable
class _Contradictable(Protocol):
    def contradictions(self, horizon: Timeline) -> list[Contradiction]: ...


def contradictions(devices: Iterable[Device], horizon: Timeline) -> list[Contradiction]:
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
    return minimise_below(np.zeros(2), a[:, :2], a[:, 2] + TOLERANCE, bounds).status != "infeasible"


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


def storage_contradictions(storage: Storage, horizon: Timeline, end: tuple[float, float]) -> list[Contradiction]:
    """Find energies that no charging and discharging reaches; exact, as every level between two can be reached.

    Parameters
    ----------
    storage : Storage
        The storage.
    horizon : Timeline
        The time axis.
    end : (float, float)
        Energy wanted at the end [MWh].
    """
    shape, step = (horizon.scenarios, horizon.periods), storage.step(horizon.hours)
    charge, discharge = (storage.inverter.within(np.full(shape, p)) for p in (storage.charge_mw, storage.discharge_mw))
    low = high = np.full(shape[0], storage.e_start)
    slack = 1e-6 * max(storage.e_max, 1e-3)
    for t in range(horizon.periods):
        low, high = step.energy(low, 0.0, discharge[:, t]), step.energy(high, charge[:, t], 0.0)
        if high.min() < storage.e_min - slack:
            return [Contradiction(storage.place, t, _drained(storage, float(high.min())))]
        low, high = np.maximum(low, storage.e_min), np.minimum(high, storage.e_max)
    last = horizon.periods - 1
    if high.min() < end[0] - slack:
        return [Contradiction(storage.place, last, _missed(storage, end[0], float(high.min()), "most"))]
    if low.max() > end[1] + slack:
        return [Contradiction(storage.place, last, _missed(storage, end[1], float(low.max()), "least"))]
    return []


def _drained(storage: Storage, level: float) -> str:
    return (
        f"even charging all it can, its energy falls to {level:.4g} MWh, {storage.e_min - level:.4g} MWh short of "
        f"min_e_mwh {storage.e_min:g}; lower min_e_mwh or self_discharge_percent_per_hour, or give more max_p_mw"
    )


def _missed(storage: Storage, wanted: float, reached: float, word: str) -> str:
    # rounded to the side that works
    steps = 1e4 * reached / storage.e_max if storage.e_max else 0.0
    percent = (math.floor(steps) if word == "most" else math.ceil(steps)) / 100
    missing = "short" if word == "most" else "too much"
    power = f"max_p_mw {storage.charge_mw:g}" if word == "most" else f"min_p_mw {-storage.discharge_mw:g}"
    return (
        f"its energy at the end is to be {wanted:.4g} MWh, and from {storage.e_start:.4g} MWh at the start it reaches "
        f"at {word} {reached:.4g} MWh by then, {abs(wanted - reached):.4g} MWh {missing}; give "
        f"terminal_soc_percent {percent:g}, more power ({power}) or more periods"
    )
