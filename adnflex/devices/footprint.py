"""What devices do to the network, for whoever puts them into it: ranges before they are solved, values after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.devices.base import Device, Schedule
from adnflex.devices.capabilities import MovesVoltages, able


class Stamped(NamedTuple):
    """Withdrawals, shunts and squared root voltages (S, T, n), ratios (S, T, m) with devices in them [pu]."""

    p: FloatArray
    q: FloatArray
    y: Any
    ratio: FloatArray
    root_v: FloatArray


def add_reach(devices: Iterable[Device], p: FloatArray, q: FloatArray, base_mva: float) -> None:
    """Widen intervals of withdrawals by what devices can do.

    Parameters
    ----------
    devices : iterable of Device
        The devices.
    p, q : (2, n) or (2, S, T, n) array
        Lowest and highest withdrawal [pu]; changed. Without scenarios and periods the widest range of all counts.
    base_mva : float
        Base power [MVA].
    """
    ends = (np.min, np.max) if p.ndim == 2 else (np.asarray, np.asarray)
    for device in devices:
        for r in device.reach():
            for total, low, high in ((p, r.p_low, r.p_high), (q, r.q_low, r.q_high)):
                total[0, ..., r.node] += ends[0](low) / base_mva
                total[1, ..., r.node] += ends[1](high) / base_mva


def voltage_ranges(devices: Iterable[Device], root_v: FloatArray, ratio: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Intervals (2, n) of squared root voltages and (2, m) of ratios [pu], from those of the grid."""
    roots, ratios = np.stack([root_v] * 2), np.stack([ratio] * 2)
    for device in able(devices, MovesVoltages):
        of_branches, of_roots = device.voltages()
        for k, ends in of_branches.items():
            ratios[:, k] = ends
        for j, ends in of_roots.items():
            roots[:, j] = ends
    return roots, ratios


def stamp(schedules: Sequence[Schedule], at: Stamped, base_mva: float) -> None:
    """Put what devices do into arrays of the network.

    Parameters
    ----------
    schedules : sequence of Schedule
        What they do.
    at : Stamped
        The network without them; changed.
    base_mva : float
        Base power [MVA].
    """
    for schedule in schedules:
        for w in schedule.withdrawals:
            at.p[..., w.node] += w.p_mw / base_mva
            at.q[..., w.node] += w.q_mvar / base_mva
            # a withdrawal P + jQ at 1 pu is the admittance P - jQ
            at.y[..., w.node] += np.conj(w.shunt_mva) / base_mva
        for k, squared in schedule.squared_ratio.items():
            at.ratio[..., k] = np.sqrt(squared)
        for j, squared in schedule.root_v.items():
            at.root_v[..., j] = squared
