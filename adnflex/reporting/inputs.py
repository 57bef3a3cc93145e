"""What the figures draw, gathered from a plan and its check under one roof; and refusal of anything else."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import pandas as pd

from adnflex.errors import InputError
from adnflex.reporting.text import branch_label
from adnflex.results import Check, Plan

__all__ = [
    "PLACEHOLDER_LOADING", "Drawn", "branch_table", "bus_table", "has_drawing", "has_ratings", "require",
    "require_check", "require_drawing", "span",
]  # fmt: skip

#: Ratings that give loadings below this everywhere are placeholders [%].
PLACEHOLDER_LOADING = 2.0


class Drawn(Protocol):
    """A result that may carry the tables from which a map is drawn."""

    @property
    def topology(self) -> pd.DataFrame:
        """One row a branch."""

    @property
    def coordinates(self) -> pd.DataFrame:
        """One row a bus."""


def require(plan: object, check: object = None) -> None:
    """Refuse what is not a plan, or not a check (None is a plan that was not validated).

    Examples
    --------
    >>> require("plan.json")
    Traceback (most recent call last):
    ...
    adnflex.errors.InputError: plan: is a str; give an adnflex.Plan, e.g. from Plan.load.
    """
    findings = []
    if not isinstance(plan, Plan):
        findings.append(f"plan: is a {type(plan).__name__}; give an adnflex.Plan, e.g. from Plan.load.")
    if check is not None and not isinstance(check, Check):
        findings.append(f"check: is a {type(check).__name__}; give the adnflex.Check of the plan, or None.")
    if findings:
        raise InputError(findings)


def require_check(check: Check | None, what: str) -> Check:
    """Return the check, or say that `what` cannot be drawn without one."""
    if check is None:
        raise InputError(f"check: is None, but {what} come from AC power flow; validate the plan first.")
    return check


def has_drawing(plan: Drawn) -> bool:
    """Whether the plan carries the tables that a map needs."""
    return len(plan.topology) > 0 and len(plan.coordinates) > 0


def has_ratings(check: Check | None) -> bool:
    """Whether loadings mean something: converted cases often carry ratings of 99999 A."""
    if check is None:
        return False
    columns = ["loading_before_percent", "loading_percent"]
    highest = check.branches.reindex(columns=columns).astype(float).max().max()
    return bool(highest >= PLACEHOLDER_LOADING)


def require_drawing(plan: Drawn) -> None:
    """Refuse a plan from which no map can be drawn."""
    if not has_drawing(plan):
        raise InputError(
            "plan: topology and coordinates are empty, so there is no map to draw; "
            "fill them with adnflex.reporting.drawing_tables(net, plan.switches), or give report() the net."
        )


def bus_table(plan: Plan, check: Check | None) -> pd.DataFrame:
    """Drawn buses with ``vm_before_pu``, ``vm_after_pu``, ``vm_min_pu`` and ``vm_max_pu`` [pu].

    What is not known is NaN. Without a check the voltages are the model's.
    """
    table = plan.coordinates.copy()
    columns = ["vm_before_pu", "vm_after_pu", "vm_min_pu", "vm_max_pu"]
    if check is None:
        found = plan.buses[["vm_pu"]].rename(columns={"vm_pu": "vm_after_pu"})
    else:
        found = check.buses.rename(columns={"vm_pu": "vm_after_pu"})
    found = found.reindex(index=table.index, columns=columns).astype(float)
    return pd.concat([table, found], axis=1)


def branch_table(plan: Plan, check: Check | None) -> pd.DataFrame:
    """Drawn branches with their label, whether the plan operates them, loading [%] and loss [MW]."""
    columns = ["loading_before_percent", "loading_percent", "loading_limit_percent", "loss_mw"]
    source = plan.branches if check is None else check.branches
    found = source.reindex(columns=["element", "index", *columns]).drop_duplicates(["element", "index"])
    table = plan.topology.merge(found, how="left", on=["element", "index"])
    table[columns] = table[columns].astype(float)
    table["operated"] = table["closed_before"].astype(bool) != table["closed_after"].astype(bool)
    table["label"] = [branch_label(*row) for row in table[["element", "index", "name"]].itertuples(index=False)]
    return table


def span(*series: pd.Series) -> tuple[float, float]:
    """Smallest and largest finite value; (NaN, NaN) where there is none.

    Examples
    --------
    >>> span(pd.Series([1.0, float("nan")]), pd.Series([3.0]))
    (1.0, 3.0)
    """
    values = np.concatenate([s.to_numpy(dtype=float) for s in series])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else (math.nan, math.nan)
