"""Tables of a plan for many periods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from adnflex.arrays import FloatArray
from adnflex.grid import Grid, switch_table
from adnflex.grid.switch_tables import open_branches
from adnflex.grid.topology import closed_of
from adnflex.problems.multi_period.evaluation import Evaluator
from adnflex.problems.multi_period.points import Points
from adnflex.problems.multi_period.reading import PeriodStudy
from adnflex.problems.multi_period.search import WindowSearch
from adnflex.problems.multi_period.sequence import Sequence
from adnflex.study import times_table

Open = frozenset[int]

# Periods that are told of each kind of limit.
_NEAREST = 3

# Part of a value that its sum may be off by rounding.
_ROUNDING = 1e-12

_CRITICAL = ["kind", "element", "index", "value", "limit", "margin", "unit"]


@dataclass(frozen=True)
class _Stretch:
    """Points that share a topology, from `first` up to `end`."""

    first: int
    end: int
    state: Open


def period_tables(study: PeriodStudy, search: WindowSearch, best: Sequence) -> dict[str, Any]:
    """Return the tables of a plan that follow from its topologies."""
    points, rows = study.points, pd.Index(study.axis.rows, name="period")
    blocks = _blocks(points, best)
    loss, violation = _of_blocks(search.exact, blocks)
    before, broken_before = _everywhere(search.exact, search.present)
    at_peak, broken_at_peak = _everywhere(search.exact, search.peak)
    lengths = [b.end - b.first for b in blocks]
    periods = pd.DataFrame(
        {
            "begins": times_table(study.axis)["begins"].to_numpy(),
            "weight": study.period_weights,
            **study.worth.columns,
            "loss_mw": loss,
            "loss_before_mw": before,
            "loss_peak_mw": at_peak,
            "violation": violation,
            "violation_before": broken_before,
            "violation_peak": broken_at_peak,
            "topology": np.repeat([int(rows[b.first]) for b in blocks], lengths),
        },
        index=rows,
    )
    margins = _margins(search.exact, blocks)
    return {
        "switches": _switches(study.grid, rows, blocks),
        "topologies": _topologies(study, rows, blocks, search, loss),
        "periods": periods.join(margins.extremes.set_index(rows)),
        "critical_periods": margins.nearest(rows),
        "infeasible_periods": periods.loc[periods["violation"] > 0, ["violation"]],
        "energy_mwh": float(study.hours @ loss),
        "energy_before_mwh": _counted(study.hours, before),
    }


def _counted(weight: FloatArray, loss: FloatArray) -> float:
    """Sum up what counts; NaN where a period that counts has no power flow."""
    counted = weight > 0
    return float(weight[counted] @ loss[counted]) if np.isfinite(loss[counted]).all() else np.nan


def value_of_switching(
    study: PeriodStudy, search: WindowSearch, found: list[tuple[int, Sequence]], bounds: list[float]
) -> pd.DataFrame:
    """Tabulate the best plans found with so many operations at most, with what each is proven to cost at least."""
    before, _ = _everywhere(search.exact, search.present)
    worth, energy = _counted(study.points.weight, before), _counted(study.hours, before)
    table = []
    for (_, sequence), bound in zip(found, bounds, strict=True):
        loss, _ = _of_blocks(search.exact, _blocks(study.points, sequence))
        used = float(study.hours @ loss)
        less = [_less(energy, used), _less(worth, sequence.objective)]
        table.append((sequence.objective, used, *less, bound, _less(worth, bound)))
    columns = ["objective", "energy_mwh", "saving_mwh", "saving", "bound", "saving_at_most"]
    index = pd.Index([count for count, _ in found], name="operations")
    return pd.DataFrame(table, columns=columns, index=index, dtype=float)


def _less(before: float, after: float) -> float:
    """Return a difference; what rounding leaves of one is none."""
    return 0.0 if abs(before - after) <= _ROUNDING * abs(before) else before - after


def _blocks(points: Points, best: Sequence) -> list[_Stretch]:
    """Join windows with the same topology."""
    found: list[_Stretch] = []
    for window, state in enumerate(best.states):
        rows = np.flatnonzero(points.window == window)
        first, end = int(rows[0]), int(rows[-1]) + 1
        if found and found[-1].state == state:
            first = found.pop().first
        found.append(_Stretch(first, end, state))
    return found


def _of_blocks(evaluator: Evaluator, blocks: list[_Stretch]) -> tuple[FloatArray, FloatArray]:
    """Losses [MW] and violations by point."""
    parts = [(_everywhere(evaluator, b.state), slice(b.first, b.end)) for b in blocks]
    return np.concatenate([v[0][s] for v, s in parts]), np.concatenate([v[1][s] for v, s in parts])


def _everywhere(evaluator: Evaluator, state: Open) -> tuple[FloatArray, FloatArray]:
    """Losses and violations of a state at every point; NaN where there are none."""
    found = evaluator(state)
    if found is None:
        none = np.full(len(evaluator.points), np.nan)
        return none, none
    solved = np.isfinite(found.loss_mw)
    return np.where(solved, found.loss_mw, np.nan), np.where(solved, found.violation, np.nan)


def _switches(grid: Grid, rows: pd.Index, blocks: list[_Stretch]) -> pd.DataFrame:
    """Switch table of every topology; the same elements in each."""
    tables = [
        switch_table(grid, closed_of(grid, b.state).tolist()).assign(first_period=int(rows[b.first])) for b in blocks
    ]
    return pd.concat(tables, ignore_index=True)


def _topologies(
    study: PeriodStudy, rows: pd.Index, blocks: list[_Stretch], search: WindowSearch, loss: FloatArray
) -> pd.DataFrame:
    """One row a topology."""
    table, last = [], search.present
    if search.switching.start == "free":
        last = blocks[0].state
    for b in blocks:
        part = slice(b.first, b.end)
        switches = switch_table(study.grid, closed_of(study.grid, b.state).tolist())
        table.append(
            {
                "last_period": int(rows[b.end - 1]),
                "periods": b.end - b.first,
                "hours": float((b.end - b.first) * study.axis.hours),
                "operations": len(last ^ b.state),
                "energy_mwh": float(study.hours[part] @ loss[part]),
                "open": ", ".join(open_branches(switches)) or "none",
            }
        )
        last = b.state
    return pd.DataFrame(table, index=pd.Index([int(rows[b.first]) for b in blocks], name="first_period"))


@dataclass(frozen=True)
class _Margins:
    """How near every point is to each kind of limit.

    Attributes
    ----------
    extremes : pandas.DataFrame
        ``vm_min_pu``, ``vm_max_pu``, ``loading_percent`` by point.
    kinds : dict of str to pandas.DataFrame
        By kind of limit: ``element``, ``index``, ``value``, ``limit``, ``margin``, ``unit`` by point.
    """

    extremes: pd.DataFrame
    kinds: dict[str, pd.DataFrame]

    def nearest(self, rows: pd.Index) -> pd.DataFrame:
        """Tabulate the points where each kind of limit is nearest, or broken most."""
        parts = []
        for kind, table in self.kinds.items():
            order = np.argsort(table["margin"].to_numpy(), kind="stable")[:_NEAREST]
            parts.append(table.iloc[order].assign(kind=kind).set_index(rows[order]))
        return pd.concat(parts)[_CRITICAL] if parts else pd.DataFrame(columns=_CRITICAL, index=rows[:0])


def _margins(evaluator: Evaluator, blocks: list[_Stretch]) -> _Margins:
    """Compare the voltages and currents of every point with their limits."""
    grid, rows = evaluator.grid, evaluator.points
    bus = np.array([b[0] if b else -1 for b in grid.buses])
    inner = np.flatnonzero((bus >= 0) & np.isnan(grid.root_v))
    rated = grid.ratings
    named = [grid.branches[k].members[m] for k, m in zip(rated.branch, rated.member, strict=True)]
    low, high = np.sqrt(grid.v_min[inner]), np.sqrt(grid.v_max[inner])
    extremes: list[pd.DataFrame] = []
    kinds: dict[str, list[pd.DataFrame]] = {}

    def add(kind: str, margin: FloatArray, value: FloatArray, limit: FloatArray, names: Any, unit: str) -> None:
        place = margin.argmin(axis=1)
        every = np.arange(len(margin))
        element, index = zip(*(names(k) for k in place.tolist()), strict=True)
        told = {"element": element, "index": index, "value": value[every, place], "limit": limit[place]}
        kinds.setdefault(kind, []).append(pd.DataFrame({**told, "margin": margin[every, place], "unit": unit}))

    for b in blocks:
        tree = evaluator.tree(b.state)
        assert tree is not None  # it was evaluated
        part = Evaluator(rows[np.arange(b.first, b.end)], evaluator.required)
        for _, flow in part.flows(tree):
            vm = np.sqrt(flow.v[:, inner])
            load = 100 * flow.loadings(grid)
            top = load.max(axis=1) if load.shape[1] else np.full(len(vm), np.nan)
            told = {"vm_min_pu": vm.min(axis=1), "vm_max_pu": vm.max(axis=1), "loading_percent": top}
            extremes.append(pd.DataFrame(told))
            if low.any():
                add("voltage low", vm - low, vm, low, lambda k: ("bus", int(bus[inner[k]])), "pu")
            if np.isfinite(high).any():
                add("voltage high", high - vm, vm, high, lambda k: ("bus", int(bus[inner[k]])), "pu")
            if load.shape[1]:
                full = np.full(load.shape[1], 100.0)
                add("loading", full - load, load, full, lambda k: (named[k].element, int(named[k].index)), "%")
    return _Margins(
        pd.concat(extremes, ignore_index=True), {k: pd.concat(v, ignore_index=True) for k, v in kinds.items()}
    )
