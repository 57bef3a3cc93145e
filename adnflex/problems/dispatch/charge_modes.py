"""Where a device does two things at once: found after every solve, declared as a binary, or ruled out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.devices import Device, Timeline, TwoWays, able
from adnflex.problems.dispatch.model import Dispatch

# Table, index and period of a device with a binary mode.
Modes = frozenset[tuple[str, int, int]]

# Charge modes that are declared at once where scenarios have to agree on them.
_MODES_AT_ONCE = 200


def first_modes(horizon: Timeline, devices: Sequence[Device]) -> Modes:
    """Charge modes to begin with: none for one scenario, where they are rarely needed; all for several, if few."""
    modes = all_modes(horizon, devices)
    return frozenset() if horizon.scenarios == 1 or len(modes) > _MODES_AT_ONCE else modes


def all_modes(horizon: Timeline, devices: Sequence[Device]) -> Modes:
    """Every charge mode that there can be."""
    places = [d.place for d in able(devices, TwoWays)]
    return frozenset((p.table, p.index, t) for p in places for t in range(horizon.periods))


def conflicts_at(dispatch: Dispatch, x: FloatArray) -> Modes:
    """Return the charge modes that a point shows to be needed.

    Parameters
    ----------
    dispatch : Dispatch
        The model.
    x : (N,) array
        A point of its conic form.
    """
    dispatch.form.load(x)
    needed: set[tuple[str, int, int]] = set()
    for i, device in enumerate(dispatch.devices):
        if isinstance(device, TwoWays):
            needed |= device.conflicts(dispatch.model.device[i], dispatch.frame)
    return frozenset(needed)


def rule_out_other_side(dispatch: Dispatch, x: FloatArray, high: FloatArray) -> bool:
    """Leave a device that does both at a point only what it does on balance there.

    Parameters
    ----------
    dispatch : Dispatch
        The model.
    x : (N,) array
        A point of its conic form.
    high : (N,) array
        Upper bounds; those of the other side become 0.

    Returns
    -------
    bool
        Whether there was anything to rule out.
    """
    dispatch.form.load(x)
    columns = dispatch.form.columns()
    found = [
        columns[id(variable)]
        for i, device in enumerate(dispatch.devices)
        if isinstance(device, TwoWays)
        for variable in device.other_side(dispatch.model.device[i], dispatch.frame)
        if id(variable) in columns
    ]
    new = np.array([k for k in found if high[k] > 0], dtype=np.int64)
    high[new] = 0.0
    return len(new) > 0
