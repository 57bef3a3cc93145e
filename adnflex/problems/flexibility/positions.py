"""Tap and bank positions that enlarge a box: one set for the whole horizon, by coordinate search."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from pandapower import pandapowerNet

from adnflex.devices import Positioned, able
from adnflex.grid.write import Key, write

Written = dict[Key, float]

_COLUMNS = ["table", "column", "index", "before", "after"]


def search_positions(
    net: pandapowerNet, devices: Sequence[Any], value_of: Callable[[pandapowerNet], float]
) -> tuple[Written, int]:
    """Move one tap changer or bank by one step while that helps.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    devices : sequence of Device
        Its devices; the discrete ones are moved.
    value_of : callable
        Worth of a net as it stands; -inf where it has no box.

    Returns
    -------
    dict, int
        What is written into the net, and how many nets were looked at.
    """
    movable = able(devices, Positioned)
    steps = [d.initial for d in movable]
    known: dict[tuple[int, ...], float] = {}

    def value(chosen: list[int]) -> float:
        key = tuple(chosen)
        if key not in known:
            known[key] = value_of(write(net, _written(movable, chosen)))
        return known[key]

    best = value(steps)
    improved = True
    while improved:
        improved = False
        for k, device in enumerate(movable):
            for way in (-1, 1):
                while True:
                    trial = [*steps[:k], steps[k] + way, *steps[k + 1 :]]
                    if trial[k] not in device.admitted:
                        break
                    found = value(trial)
                    if not found > best + 1e-6 * max(abs(best), 1e-9) or found == -math.inf:
                        break
                    steps, best, improved = trial, found, True
    return _written(movable, steps), len(known)


def _written(devices: Sequence[Positioned], steps: Sequence[int]) -> Written:
    """Translate steps of discrete devices to the net's own tables."""
    return {key: value for d, k in zip(devices, steps, strict=True) for key, value in d.written(k).items()}


def position_table(net: pandapowerNet, written: Written) -> pd.DataFrame:
    """Tabulate positions before and after."""
    rows = [(t, c, i, float(net[t].at[i, c]), value) for (t, c, i), value in written.items()]
    return pd.DataFrame(rows, columns=_COLUMNS)
