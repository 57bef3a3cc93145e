"""Why nothing is feasible, in words: devices that contradict themselves, numbers in the wrong unit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.devices import Device, Stores, Timeline, able
from adnflex.devices.contradictions import contradictions
from adnflex.errors import Infeasible
from adnflex.grid.model import Grid
from adnflex.problems.dispatch.limits import LimitViolation
from adnflex.study import Study

# Elements whose power is compared with what the branches at their bus can carry.
_TABLES = ("load", "sgen", "storage")
# From so many times on it is named; from so many on it looks like another unit.
_TOO_MUCH, _ODD = 2.0, 10.0
# From so many times all that is asked on, a rating is a placeholder.
_NO_RATING = 100.0
_SHOWN = 3


def contradiction_sentences(devices: Sequence[Device], horizon: Timeline, periods: Sequence[int]) -> list[str]:
    """Return a sentence for every device whose own limits nothing meets."""
    return [f"{c.place} in period {periods[c.period]}: {c.sentence}" for c in contradictions(devices, horizon)]


def require_possible(devices: Sequence[Device], horizon: Timeline, periods: Sequence[int]) -> None:
    """Refuse storages whose energy cannot go as it is asked to, before anything is solved.

    Raises
    ------
    Infeasible
        Proven, with storage, hour and energy.
    """
    found = contradiction_sentences(able(devices, Stores), horizon, periods)
    if found:
        raise Infeasible(f"no set-points meet every limit (proven): {'; '.join(found)}.", None, True)


def causes(
    net: pandapowerNet,
    study: Study,
    devices: Sequence[Device] | None = None,
) -> str:
    """Return what can be said without a solver, from "; " on; empty where nothing stands out.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    study : Study
        What was read.
    devices : sequence of Device, optional
        Devices as they were asked for; by default those of the study.
    """
    asked = study.devices if devices is None else devices
    found = contradiction_sentences(asked, study.horizon, study.series.periods)
    found += unit_suspects(net, study.grid, study.values)
    return "".join(f"; {sentence}" for sentence in found)


def violation_row(net: pandapowerNet, study: Study, e: LimitViolation) -> dict[str, Any]:
    """Say a violated limit under pandapower's index and in its unit.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    study : Study
        What was read.
    e : LimitViolation
        The limit.
    """
    element, index, unit, value, limit = e.element, e.index, e.unit, e.value, e.limit
    if e.kind == "loading":
        percent = float(net[element].at[index, "max_loading_percent"])
        if percent > 0:  # at 0 % no rating is left to measure by
            value, limit, unit = percent * (1 + e.share), percent, "%"
    elif not element:
        element, index = ("net", -1) if e.where < 0 else ("bus", study.grid.buses[e.where][0])
        power = "Mvar" if e.kind.startswith("reactive") else "MW"
        unit = unit or ("pu" if e.kind.startswith("voltage") else "kg" if e.kind == "carbon" else power)
    return {
        "scenario": e.s,
        "period": study.series.periods[e.t],
        "kind": e.kind,
        "element": element,
        "index": index,
        "value": value,
        "limit": limit,
        "excess": abs(value - limit),
        "unit": unit,
    }


def unit_suspects(
    net: pandapowerNet, grid: Grid, values: Mapping[tuple[str, str], FloatArray] | None = None
) -> list[str]:
    """Name elements far larger than what leads to them, and branches whose impedance belies their rating.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    grid : Grid
        Its grid.
    values : mapping, optional
        Series (S, T, E) by table and column; by default the tables' own values.
    """
    rated, passing = _capacities(grid)
    able = np.zeros(grid.n)
    for ends in (grid.f, grid.t):
        np.add.at(able, ends, np.minimum(rated, passing))
    able[grid.roots] = np.inf
    sizes = list(_sizes(net, grid, values or {}))
    found = sorted(_too_large(sizes, able * grid.base_mva), reverse=True)
    # a branch that could carry everything at once stands in nobody's way, and a rating far above all of it (99999 kA)
    # is none, so that nothing can belie it
    asked = sum(size for *_, size in sizes) / grid.base_mva
    branches = [
        (float(rated[k] / passing[k]), _long(grid, k, float(passing[k]), float(rated[k])))
        for k in np.flatnonzero((rated < _NO_RATING * asked) & (rated > _ODD * passing) & (passing < asked)).tolist()
    ]
    sentences = [sentence for _, sentence in [*sorted(branches, reverse=True), *found]]
    more = len(sentences) - _SHOWN
    return [*sentences[:_SHOWN], *([f"and {more} more of the kind"] if more > 0 else [])]


def _capacities(grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Power of each branch by its rating, and by its impedance at 1 pu; infinite where nothing limits [pu]."""
    rated = np.full(grid.m, np.inf)
    limits = grid.ratings
    np.minimum.at(rated, limits.branch, limits.limit / np.maximum(np.abs(limits.share), 1e-12))
    size = np.hypot(grid.r, grid.x)
    passing = np.divide(0.5, size, out=np.full(grid.m, np.inf), where=size > 0)
    return rated, passing


def _sizes(
    net: pandapowerNet, grid: Grid, values: Mapping[tuple[str, str], FloatArray]
) -> Iterator[tuple[str, int, int, int, float]]:
    """Table, index, bus, node and largest apparent power [MVA] of every element at a node."""
    for table in _TABLES:
        for place, (i, row) in enumerate(net[table].iterrows()):
            node = grid.node_of.get(int(row["bus"])) if bool(row["in_service"]) else None
            if node is None:
                continue
            p, q = (
                values[table, c][:, :, place] if (table, c) in values else np.array(float(row[c]))
                for c in ("p_mw", "q_mvar")
            )
            size = float(np.nanmax(np.hypot(p, np.nan_to_num(q))) * abs(float(row["scaling"])))
            yield table, int(i), int(row["bus"]), node, size


def _too_large(sizes: Sequence[tuple[str, int, int, int, float]], able_mva: FloatArray) -> Iterator[tuple[float, str]]:
    for table, i, bus, node, size in sizes:
        able = float(able_mva[node])
        if able == 0 < size:
            yield math.inf, f"{table} {i} at bus {bus}: the branches there may carry nothing, check their ratings"
        elif size >= _TOO_MUCH * able:
            times = size / max(able, 1e-12)
            hint = "; check its unit (kW given as MW?) and scaling, and the ratings there" if times >= _ODD else ""
            yield (
                times,
                f"{table} {i} has up to {size:.4g} MVA at bus {bus}, {times:.3g} times what the branches there can "
                f"carry ({able:.4g} MVA){hint}",
            )


def _long(grid: Grid, k: int, passing: float, rated: float) -> str:
    base = grid.base_mva
    return (
        f"the impedance of {grid.branches[k]} lets at most {passing * base:.4g} MVA pass, its rating "
        f"{rated * base:.4g} MVA; check length_km (m given as km?) and the impedances"
    )
