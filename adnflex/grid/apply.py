"""Write switch states back into a copy of the caller's net."""

from __future__ import annotations

import copy
import logging

import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import InputError
from adnflex.grid.identity import fingerprint
from adnflex.grid.model import Decision, Grid

__all__ = ["apply_switches", "require_same", "switch_table"]

log = logging.getLogger(__name__)


def require_same(net: pandapowerNet, expected: str) -> None:
    """Refuse a net whose fingerprint is another one than a plan's."""
    if fingerprint(net) != expected:
        raise InputError(
            f"the net (fingerprint {fingerprint(net)}) is not the one that the plan was made for ({expected}): data or "
            "switch states differ; make a new plan, or give the net as it was."
        )


def switch_table(grid: Grid, closed: pd.Series | list[bool]) -> pd.DataFrame:
    """Tabulate the decisions of a grid, before and after, and the open lines that are locked."""
    rows = []
    for branch, after in zip(grid.branches, closed, strict=True):
        d = branch.decision
        if d is None:
            continue
        rows.append(_row(d, bool(after)))
    rows.extend({**_row(d, after=False), "how": "locked", "locked": True} for d in grid.locked)
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "element",
    "index",
    "name",
    "from_bus",
    "to_bus",
    "closed_before",
    "closed_after",
    "operated",
    "how",
    "switches",
    "by_service",
    "locked",
]


def _row(d: Decision, after: bool) -> dict[str, object]:
    operated = after != d.closed
    used = d.close_switches if after else d.open_switches
    # A branch out of service that carries switches needs both: the switches and the service flag.
    return {
        "element": d.element,
        "index": d.index,
        "name": d.name,
        "from_bus": d.from_bus,
        "to_bus": d.to_bus,
        "closed_before": d.closed,
        "closed_after": after,
        "operated": operated,
        "how": d.how,
        "switches": list(used) if operated and (after or not d.by_service) else [],
        "by_service": d.by_service,
        "locked": False,
    }


def apply_switches(net: pandapowerNet, switches: pd.DataFrame, expected: str | None = None) -> pandapowerNet:
    """Return a copy of `net` with the states of a switch table.

    Parameters
    ----------
    net : pandapowerNet
        The net that the table was made for; it is not changed.
    switches : pandas.DataFrame
        `Plan.switches`.
    expected : str, optional
        Fingerprint of that net.

    Raises
    ------
    InputError
        If the net is not the one that the plan was made for.
    """
    if expected is not None:
        require_same(net, expected)
    new = copy.deepcopy(net)
    for row in switches[switches["operated"].astype(bool)].itertuples(index=False):
        after = bool(row.closed_after)
        if len(row.switches):
            new.switch.loc[[int(s) for s in row.switches], "closed"] = after
        if row.by_service:
            new[row.element].loc[row.index, "in_service"] = after
    return new
