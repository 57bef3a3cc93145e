"""Reliability beside the losses of a frontier: what each of the best plans makes of outages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.problems.clock import Deadline
from adnflex.results import Plan
from adnflex.verbs.contingencies import contingencies

COLUMNS = ("saifi", "saidi_hours", "ens_mwh", "left_mw")

_SAME = ("vm_limits", "max_loading_percent", "limits", "switchable_lines", "switchable_switches", "locked_lines")
_LEAST = 1e-3


def with_reliability(
    net: pandapowerNet, table: pd.DataFrame, plans: Mapping[int, Plan], asked: Mapping[str, Any], clock: Deadline
) -> tuple[pd.DataFrame, list[str]]:
    """Return the table of a frontier with what each plan makes of outages, and what is to be said of it.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    table : pandas.DataFrame
        As `OperationsFrontier.table`.
    plans : mapping of int to Plan
        By number of operations.
    asked : mapping
        Arguments of the frontier, of which limits and switches count.
    clock : Deadline
        Of the frontier; what it has no time for is not known.
    """
    found: dict[int, dict[str, float]] = {}
    known: dict[tuple[tuple[str, int], ...], dict[str, float]] = {}
    notes: list[str] = []
    for budget, plan in plans.items():
        rows = plan.switches[~plan.switches["closed_after"].astype(bool)]
        state = tuple(sorted(zip(rows["element"], rows["index"], strict=True)))
        if state not in known and clock.left > _LEAST:
            known[state], more = _of_plan(net, plan, {name: asked[name] for name in _SAME}, clock.left)
            notes += more
        found[budget] = known.get(state, {})
    if late := [budget for budget, values in found.items() if not values]:
        notes.append(f"reliability is not known of {', '.join(map(str, late))} operations: the time was over.")
    told = [[found.get(int(b), {}).get(name, np.nan) for name in COLUMNS] for b in table["operations"]]
    return table.assign(**dict(zip(COLUMNS, np.array(told, dtype=float).T, strict=True))), list(dict.fromkeys(notes))


def _of_plan(
    net: pandapowerNet, plan: Plan, asked: Mapping[str, Any], seconds: float
) -> tuple[dict[str, float], list[str]]:
    """Return the values of one plan; none where not all outages could be looked at."""
    every = contingencies(plan.apply(net), outages=["line", "trafo"], time_limit=seconds, **asked)
    if every.status != "complete" or every.indices is None:
        return {}, list(every.notes)
    indices = every.indices
    left = float(every.outages["left_mw"].sum())
    return dict(zip(COLUMNS, (indices.saifi, indices.saidi_hours, indices.ens_mwh, left), strict=True)), [
        *every.notes,
        *indices.notes,
    ]
