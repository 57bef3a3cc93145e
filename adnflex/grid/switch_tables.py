"""Switch tables (`Plan.switches`): which rows are decisions, which branches are open."""

from __future__ import annotations

import pandas as pd


def decided(switches: pd.DataFrame) -> pd.DataFrame:
    """Rows that are decisions, without the open lines that are locked."""
    return switches[~is_locked(switches)]


def moved(switches: pd.DataFrame) -> pd.DataFrame:
    """Rows of what is operated, with the ``first_period`` of the topology that it belongs to (0 where there is one).

    Each block of a plan of several topologies says how it stands against the net; what differs from the block before
    is operated.

    Examples
    --------
    >>> table = pd.DataFrame({"first_period": [0, 8, 16], "closed_after": [True, False, False]})
    >>> moved(table.assign(element="line", index=7, closed_before=True))["first_period"].tolist()
    [8]
    """
    if not {"closed_before", "closed_after", "element", "index"} <= set(switches.columns):
        return switches.iloc[:0].reindex(columns=["first_period", "element", "index", "closed_after"])
    ordered = switches if "first_period" in switches else switches.assign(first_period=0)
    ordered = ordered.sort_values("first_period", kind="stable")
    earlier = ordered.groupby(["element", "index"], sort=False)["closed_after"].shift()
    was = earlier.where(earlier.notna(), ordered["closed_before"]).astype(bool)
    return ordered[was != ordered["closed_after"].astype(bool)]


def is_locked(switches: pd.DataFrame) -> pd.Series:
    """Which rows are open lines that no decision can close."""
    if "locked" not in switches:
        return pd.Series(False, index=switches.index)
    return switches["locked"].fillna(False).astype(bool)


def open_lines(switches: pd.DataFrame) -> list[int]:
    """Pandapower indices of the lines that are open, decided or locked.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid, switch_table
    >>> from adnflex.knobs import Switching
    >>> grid = read_grid(pn.case33bw(), switching=Switching(locked_lines=[36]))
    >>> open_lines(switch_table(grid, grid.closed.tolist()))
    [32, 33, 34, 35, 36]
    """
    if not len(switches):
        return []
    rows = switches[(switches["element"] == "line") & ~switches["closed_after"].astype(bool)]
    return sorted({int(i) for i in rows["index"]})


def open_branches(switches: pd.DataFrame) -> list[str]:
    """Name every open branch, e.g. ``line 7`` or ``line 9 (locked)``."""
    shut = switches["closed_after"].astype(bool)
    rows = zip(switches["element"], switches["index"], is_locked(switches), shut, strict=True)
    return [f"{e} {i}{' (locked)' if locked else ''}" for e, i, locked, closed in rows if not closed]
