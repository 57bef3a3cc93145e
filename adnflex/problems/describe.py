"""What a planner has to be told in words: loops that nothing opens, limits that nothing meets."""

from __future__ import annotations

import numpy as np
import pandas as pd

from adnflex.errors import InputError, NotRadial
from adnflex.grid.model import Grid
from adnflex.grid.sweep import Flow
from adnflex.grid.topology import present_loops

__all__ = ["require_reconfigurable", "violation_sentence", "violations_of"]


def require_reconfigurable(grid: Grid) -> None:
    """Refuse nets in which a closed path remains that no switch in the caller's choice opens.

    Raises
    ------
    NotRadial
        With the elements of every such path.
    InputError
        If a root's set-point violates its own voltage limit.
    """
    _check_roots(grid)
    found = []
    for loop in present_loops(grid, ~grid.switchable):
        names = " - ".join(str(grid.branches[k]) for k in loop)
        roots = [n for k in loop for n in (grid.f[k], grid.t[k]) if not np.isnan(grid.root_v[n])]
        between = len({int(n) for n in roots}) > 1
        what = (
            f"external grids at {' and '.join(sorted({grid.bus_name(int(n)) for n in roots}))} are joined by a path "
            "that nothing can open"
            if between
            else "a closed path remains that nothing can open"
        )
        found.append(
            f"{what}: {names}; name one of its elements in switchable_lines or switchable_switches "
            "(command line: --switchable-lines, --switchable-switches), or open it in the net."
        )
    if found:
        raise NotRadial(found)


def _check_roots(grid: Grid) -> None:
    faults = []
    for node in grid.roots:
        v, low, high = grid.root_v[node], grid.v_min[node], grid.v_max[node]
        if v < low - 1e-9 or v > high + 1e-9:
            faults.append(
                f"external grid at {grid.bus_name(int(node))}: its set-point {np.sqrt(v):.4g} pu is outside the limits "
                f"{np.sqrt(low):.4g} to {np.sqrt(high):.4g} pu of its own bus; change vm_pu or the limits."
            )
    if faults:
        raise InputError(faults)


def violations_of(grid: Grid, flow: Flow) -> pd.DataFrame:
    """Violated limits of a state, worst first, in the form of `Check.violations`."""
    vm, low, high = np.sqrt(flow.v), np.sqrt(grid.v_min), np.sqrt(grid.v_max)
    rows: list[tuple[str, str, int, float, float, float, str]] = []
    for kind, limit, excess in (("voltage low", low, low - vm), ("voltage high", high, vm - high)):
        for node in np.flatnonzero(excess > 1e-8):
            if grid.buses[node]:
                bus = grid.buses[node][0]
                rows.append((kind, "bus", bus, float(vm[node]), float(limit[node]), float(excess[node]), "pu"))
    loading: dict[tuple[str, int], float] = {}
    for r, ratio in enumerate(flow.loadings(grid).tolist()):
        member = grid.branches[grid.ratings.branch[r]].members[grid.ratings.member[r]]
        key = member.element, member.index
        loading[key] = max(loading.get(key, 0.0), ratio)
    for (element, index), ratio in loading.items():
        if ratio <= 1 + 1e-8:
            continue
        percent = 100 * ratio
        rows.append(("loading", element, index, percent, 100.0, percent - 100, "% of its limit"))
    table = pd.DataFrame(rows, columns=["kind", "element", "index", "value", "limit", "excess", "unit"])
    order = (table["excess"] / table["limit"]).sort_values(ascending=False).index
    return table.loc[order].reset_index(drop=True)


def violation_sentence(table: pd.DataFrame, proven: bool) -> str:
    """Say which limit is the smallest obstacle, where and by how much."""
    start = (
        "no radial switch state meets every limit (proven)"
        if proven
        else "no radial switch state that meets every limit was found in the time given (not proven)"
    )
    if table.empty:
        return f"{start}."
    v = table.iloc[0]
    return (
        f"{start}; the least violating one found breaks {len(table)} limit{'s' if len(table) > 1 else ''}, worst "
        f"{v['kind']} at {v['element']} {v['index']}: {v['value']:.5g} against {v['limit']:.5g} {v['unit']}, "
        f"beyond it by {v['excess']:.4g}; relax that limit or add a measure there."
    )
