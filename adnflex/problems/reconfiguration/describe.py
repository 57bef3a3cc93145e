"""What a planner has to be told in words: loops that nothing opens, limits that nothing meets."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from adnflex.errors import InputError, NotRadial
from adnflex.grid.checks import shorten
from adnflex.grid.model import Grid
from adnflex.grid.topology import must_close, present_loops
from adnflex.problems.reconfiguration.answer import SearchedTopology
from adnflex.problems.reconfiguration.meshed import nearest_tree

# From so many times its limit on, a number is more likely in another unit than out of limits.
_ODD = 20.0


def require_reconfigurable(grid: Grid, locked: Iterable[int] = ()) -> None:
    """Refuse nets in which a closed path remains that no switch in the caller's choice opens.

    Parameters
    ----------
    grid : Grid
        The grid.
    locked : iterable of int
        Lines that the caller locks.

    Raises
    ------
    NotRadial
        With the elements of every such path.
    InputError
        If a root's set-point violates its own voltage limit.
    """
    _check_roots(grid)
    kept = set(locked)
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
        held = [m.index for k in loop for m in grid.branches[k].members if m.element == "line" and m.index in kept]
        if held:
            found.append(f"{what}: {names}; locked are line {shorten(held)}: leave one out of locked_lines.")
            continue
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


def unit_hint(value: float, limit: float) -> str:
    """Return a word on units where a number and its limit are worlds apart, else nothing.

    Examples
    --------
    >>> unit_hint(2.0, 1.5)
    ''
    >>> unit_hint(2.0, 0.002)
    ' (1e+03 times: check the units of both, such as kW given as MW or A as kA)'
    """
    small, large = sorted((abs(value), abs(limit)))
    if not (np.isfinite(large) and small > 0 and large >= _ODD * small):
        return ""
    return f" ({large / small:.3g} times: check the units of both, such as kW given as MW or A as kA)"


def budget_sentence(grid: Grid, most: int, proven: bool, fewest: SearchedTopology | None) -> str:
    """Say which budget of operations works where one is too small; empty where that is not what is wrong.

    Parameters
    ----------
    grid : Grid
        The grid.
    most : int
        The budget.
    proven : bool
        Whether it is proven that no state within it meets every limit.
    fewest : SearchedTopology or None
        The answer to how few operations are enough, if that was asked.
    """
    required, present = must_close(grid), frozenset(np.flatnonzero(~grid.closed).tolist())
    near = nearest_tree(grid, required)
    least = len(near ^ present)
    if most < least:
        start = (
            f"to supply every bus without a loop takes at least {least} operation{'s' if least > 1 else ''} (proven)"
        )
        return f"{start}, such as {_moves(grid, near)}; max_operations is {most}: give {least} or more."
    if fewest is None or fewest.flow is None:
        return ""
    state = frozenset(np.flatnonzero(~fewest.flow.closed).tolist())
    count, bound = len(state ^ present), math.ceil(fewest.bound - 1e-6)
    start = f"no radial switch state that meets every limit has at most {most} operations"
    how = "the fewest that do (proven)" if bound >= count else f"enough, at least {bound} are needed (proven)"
    sure = "proven" if proven else "not proven"
    return f"{start} ({sure}); {count} are {how}: {_moves(grid, state)}; give max_operations={count} or more."


def _moves(grid: Grid, state: frozenset[int]) -> str:
    """Name what is closed and opened to come to a state."""
    shut = [str(grid.branches[k]) for k in np.flatnonzero(~grid.closed).tolist() if k not in state]
    opened = [str(grid.branches[k]) for k in sorted(state) if grid.closed[k]]
    parts = [f"{word} {shorten(names)}" for word, names in (("close", shut), ("open", opened)) if names]
    return ", ".join(parts) or "none"


def violation_sentence(table: pd.DataFrame | None, proven: bool) -> str:
    """Say which limit is the smallest obstacle, where and by how much."""
    start = (
        "no radial switch state meets every limit (proven)"
        if proven
        else "no radial switch state that meets every limit was found in the time given (not proven)"
    )
    if table is None or table.empty:
        return f"{start}."
    v = table.iloc[0]
    return (
        f"{start}; the least violating one found breaks {len(table)} limit{'s' if len(table) > 1 else ''}, worst "
        f"{v['kind']} at {v['element']} {v['index']}: {v['value']:.5g} against {v['limit']:.5g} {v['unit']}"
        f"{unit_hint(v['value'], v['limit'])}, "
        f"beyond it by {v['excess']:.4g}; relax that limit or add a measure there."
    )
