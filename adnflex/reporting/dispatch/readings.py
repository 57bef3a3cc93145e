"""What a day does to voltages and currents in a few figures: several readings of peak and valley, maximum and mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from adnflex.reporting.dispatch.view import DispatchView
from adnflex.reporting.text import fixed, number

_AMPERE = 1e3
#: A change of less than this part is none.
_SAME = 5e-3


class VoltageSpread(NamedTuple):
    """Readings of "peak-valley difference of the voltage" [% of nominal]; means are weighed by the scenarios.

    `whole`: highest less lowest of all buses and periods. `period`, `period_mean`: over the buses in the same period,
    the largest and the mean one. `bus`, `bus_mean`: over the periods (of a scenario) at the same bus.
    """

    whole: float
    period: float
    period_mean: float
    bus: float
    bus_mean: float


#: What the readings are called.
READINGS = {
    "whole": "of all buses and periods",
    "period": "over the buses in a period, the largest",
    "period_mean": "over the buses in a period, the mean",
    "bus": "over the periods at a bus, the largest",
    "bus_mean": "over the periods at a bus, the mean",
}


def voltage_spread(view: DispatchView) -> VoltageSpread:
    """Read the peak-valley difference of a plan in every way."""
    table = view.vm_pu.astype(float)
    if not np.isfinite(table.to_numpy()).any():
        return VoltageSpread(*[math.nan] * 5)
    by_period = table.max(axis=1) - table.min(axis=1)
    by_bus = _each_scenario(view, table)
    share = view.weights.to_numpy() if view.several else np.ones(1)
    weight = np.repeat(share, len(table) // len(share)) / (len(table) / len(share))
    whole = float(np.nanmax(table.to_numpy()) - np.nanmin(table.to_numpy()))
    return VoltageSpread(
        100 * whole,
        100 * float(by_period.max()),
        100 * float(weight @ by_period.to_numpy()),
        100 * float(np.nanmax(by_bus)),
        100 * float(share @ np.nanmean(by_bus, axis=1)),
    )


def _each_scenario(view: DispatchView, table: pd.DataFrame) -> np.ndarray:
    """Highest less lowest voltage of each bus (columns) in each scenario (rows) [pu]."""
    parts = [view.plan.of(table, s) for s in view.plan.scenarios.index] if table.index.nlevels > 1 else [table]
    return np.array([(part.max() - part.min()).to_numpy(dtype=float) for part in parts])


class Currents(NamedTuple):
    """Currents of the branches that carry any [A]: the largest with its place, and the mean of all and periods."""

    largest: float
    mean: float
    element: str
    number: int


def carrying(view: DispatchView) -> pd.DataFrame:
    """Currents [A] of the branches that carry any in some period; of a plan without a check the model's."""
    table = _AMPERE * view.i_ka.astype(float)
    return table.loc[:, table.max(axis=0) > 0]


def currents(view: DispatchView) -> Currents:
    """Read the currents of a plan; NaN where it has none."""
    table = carrying(view)
    if not len(table.columns):
        return Currents(math.nan, math.nan, "", -1)
    highest = table.max(axis=0)
    element, index = highest.idxmax()
    return Currents(float(highest.max()), float(view.expected(table).mean().mean()), str(element), int(index))


def currents_words(views: Sequence[DispatchView]) -> str:
    """Say from study to study which way largest current, mean current and losses go, as they need not go together.

    Parameters
    ----------
    views : sequence of DispatchView
        Two or more.
    """
    told = []
    for before, after in pairwise(views):
        first, then = currents(before), currents(after)
        parts = [
            _way("the largest current", first.largest, then.largest, "A"),
            _way("the mean current", first.mean, then.mean, "A"),
            _way("the losses", before.mwh("losses"), after.mwh("losses"), "MWh"),
        ]
        told.append(f"From {before.name} to {after.name} {parts[0]}, {parts[1]} and {parts[2]}.")
    return " ".join(told)


def _way(what: str, before: float, after: float, unit: str) -> str:
    """Say whether something rises or falls."""
    if not (math.isfinite(before) and math.isfinite(after)):
        return f"of {what} nothing is known"
    apart = after - before
    plural = what.endswith("s")
    if abs(apart) <= _SAME * max(abs(before), abs(after)):
        return f"{what} stay{'' if plural else 's'} the same ({number(after, unit, 4)})"
    word = ("rise" if apart > 0 else "fall") + ("" if plural else "s")
    return f"{what} {word} ({number(before, '', 4)} to {number(after, unit, 4)})"


def spread_rows(views: Sequence[DispatchView]) -> list[list[str]]:
    """Rows of a table of studies: every reading of the voltages, largest and mean current."""
    spreads, flows = [voltage_spread(v) for v in views], [currents(v) for v in views]
    rows = [
        [f"peak-valley voltage {words}", *(fixed(getattr(s, key), 2, "%") for s in spreads)]
        for key, words in READINGS.items()
    ]
    rows.append(["largest current", *(number(f.largest, "A", 4) for f in flows)])
    return [*rows, ["mean current of branches that carry any", *(number(f.mean, "A", 4) for f in flows)]]
