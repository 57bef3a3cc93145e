"""What the figures of a dispatch draw: studies by their names, scenarios weighed, devices by their labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from adnflex.errors import InputError
from adnflex.reporting import places
from adnflex.reporting.dispatch.clock import Clock
from adnflex.reporting.text import branch_label, dash
from adnflex.results import DispatchCheck, DispatchPlan

__all__ = [
    "NO_RECOVERY",
    "Checks",
    "Plans",
    "Study",
    "device_label",
    "devices_of",
    "expected",
    "place",
    "quantity",
    "require",
    "studies",
    "voltage_limits",
    "weights",
]  # fmt: skip

Plans = DispatchPlan | Sequence[DispatchPlan]
Checks = DispatchCheck | None | Sequence[DispatchCheck | None]

#: Word in `DispatchPlan.recovery` for a period where the plain relaxation was exact.
NO_RECOVERY = "none needed"
_WORDS = {
    "reactive source": "reactive source",
    "sgen": "generator",
    "shunt": "capacitor bank",
    "ext_grid": "grid connection",
}


@dataclass(frozen=True)
class Study:
    """A plan and its check under the name by which the report calls them.

    Attributes
    ----------
    name : str
        The name.
    plan, check : DispatchPlan, DispatchCheck or None
        What is reported.
    number : int
        Its place among the studies, from 1; 0 where it is the only one.
    """

    name: str
    plan: DispatchPlan
    check: DispatchCheck | None
    number: int = 0

    def anchor(self, word: str) -> str:
        """Return an identifier that is unique in a page of several studies."""
        return f"{word}-{self.number}" if self.number else word

    @property
    def clock(self) -> Clock:
        """Time axis of the plan."""
        return Clock.of(self.plan)

    @property
    def cost(self) -> float:
        """Cost of the horizon, by AC power flow where there is a check that knows it [currency]."""
        return self.plan.objective if self.costs_are_model else float(self._checked.objective)

    @property
    def costs(self) -> pd.Series:
        """Cost of each item, from the same source as `cost` [currency]."""
        source = self.plan.costs if self.costs_are_model else self._checked.costs
        return source["cost"].astype(float)

    @property
    def costs_are_model(self) -> bool:
        """Whether nothing better is known than the model's costs."""
        known = self.check is not None and "cost" in self.check.costs and math.isfinite(self.check.objective)
        return not known

    @property
    def _checked(self) -> DispatchCheck:
        assert self.check is not None
        return self.check

    def mwh(self, what: str) -> float:
        """Energy of the horizon [MWh]; NaN where the plan does not tell it."""
        return float(self.plan.energy["mwh"].get(what, math.nan))


def require(plan: object, check: object = None) -> None:
    """Refuse what is not a dispatch, or not its check (None is a plan that was not validated).

    Examples
    --------
    >>> require("plan.json")
    Traceback (most recent call last):
    ...
    adnflex.errors.InputError: plan: is a str; give an adnflex.DispatchPlan, e.g. from DispatchPlan.load.
    """
    findings = []
    if not isinstance(plan, DispatchPlan):
        findings.append(f"plan: is a {type(plan).__name__}; give an adnflex.DispatchPlan, e.g. from DispatchPlan.load.")
    if check is not None and not isinstance(check, DispatchCheck):
        findings.append(f"check: is a {type(check).__name__}; give the adnflex.DispatchCheck of the plan, or None.")
    if findings:
        raise InputError(findings)


def studies(plans: Plans, checks: Checks = None) -> list[Study]:
    """Pair plans with their checks and name them.

    A study is called by ``options["study"]`` of its plan, else by the name of its net, else by its number.

    Parameters
    ----------
    plans : DispatchPlan or sequence of DispatchPlan
        The plans.
    checks : DispatchCheck, None, or sequence of both
        Their checks, in the same order; None where nothing was validated.

    Raises
    ------
    InputError
        If something is neither, or the numbers of plans and checks differ.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> [study.name for study in studies(*example())]
    ['feeder of eight']
    """
    many = list(plans) if _is_sequence(plans) else [plans]  # type: ignore[arg-type]
    known = list(checks) if _is_sequence(checks) else [checks] * (len(many) if checks is None else 1)  # type: ignore[arg-type]
    if not many:
        raise InputError("plans: the list is empty; give at least one adnflex.DispatchPlan.")
    for plan, check in zip(many, known, strict=False):
        require(plan, check)
    if len(known) != len(many):
        raise InputError(f"checks: there are {len(known)} for {len(many)} plans; give one for each plan, or None.")
    numbers = range(1, len(many) + 1) if len(many) > 1 else [0]
    names = _names(many)  # type: ignore[arg-type]
    return [Study(*found) for found in zip(names, many, known, numbers, strict=True)]  # type: ignore[arg-type]


def _is_sequence(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | dict)


def _names(plans: Sequence[DispatchPlan]) -> list[str]:
    """One name a plan, no two alike: that of the study, else of the net, else a number."""
    told = [str(p.options["study"]) if p.options.get("study") is not None else "" for p in plans]
    names = [f"study {t}" if t.isdigit() else t or p.net_name for t, p in zip(told, plans, strict=True)]
    if len(set(names)) == len(names) and all(names):
        return names
    # Studies of one net bear its name; that says nothing.
    return [f"{n} ({k})" if t else f"study {k}" for k, (t, n) in enumerate(zip(told, names, strict=True), start=1)]


# Scenarios ----------------------------------------------------------------------------------------------------


def weights(plan: DispatchPlan) -> pd.Series:
    """Probability of each scenario, adding up to one.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> weights(example(scenarios=2)[0]).to_dict()
    {0: 0.6, 1: 0.4}
    """
    found = plan.scenarios["probability"].astype(float)
    return found / found.sum()


def expected(plan: DispatchPlan, table: pd.DataFrame) -> pd.DataFrame:
    """Mean over the scenarios of a table by period, by their probabilities; indexed by period.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> plan, check = example(scenarios=2)
    >>> len(plan.balance), len(expected(plan, plan.balance))
    (48, 24)
    """
    if table.index.nlevels == 1:
        return table
    share = weights(plan).reindex(table.index.get_level_values("scenario")).to_numpy()
    return table.astype(float).mul(share, axis=0).groupby(level="period", sort=False).sum(min_count=1)


def quantity(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """One quantity of a table with columns ``(quantity, index)``: columns are the devices.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> quantity(example()[0].storage, "e_mwh").columns.tolist()
    [0]
    """
    if table.columns.nlevels < 2 or name not in table.columns.get_level_values(0):
        return pd.DataFrame(index=table.index)
    return table.xs(name, axis=1, level=0).astype(float)


def voltage_limits(plan: DispatchPlan, check: DispatchCheck | None, buses: pd.Index) -> tuple[pd.Series, pd.Series]:
    """Lowest and highest voltage allowed at each bus [pu]; NaN where no limit is known."""
    if check is not None:
        return check.vm_min_pu.reindex(buses).astype(float), check.vm_max_pu.reindex(buses).astype(float)
    low, high = plan.vm_limits or (math.nan, math.nan)
    return pd.Series(low, index=buses, dtype=float), pd.Series(high, index=buses, dtype=float)


# Devices and places ---------------------------------------------------------------------------------------------


def devices_of(plan: DispatchPlan, table: str, kind: str = "") -> pd.DataFrame:
    """Rows of `DispatchPlan.devices` of one table, indexed by the device's own index; where given, of one kind."""
    columns = ["kind", "table", "index", "name", "bus", "moves", "max_moves", "initial", "low", "high"]
    rows = plan.devices.reindex(columns=columns)
    rows = rows[(rows["table"] == table) & ((rows["kind"] == kind) if kind else True)]
    return rows.drop_duplicates("index").set_index("index")


def device_label(plan: DispatchPlan, table: str, index: int) -> str:
    """Device with its index, and its name where that says more.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> device_label(example()[0], "storage", 0), device_label(example()[0], "sgen", 7)
    ('storage 0 “battery”', 'generator 7')
    """
    rows = devices_of(plan, table)
    name, kind = (rows[column].get(index, "") for column in ("name", "kind"))
    return branch_label(_WORDS.get(str(kind), _WORDS.get(table, table)), int(index), name)


def place(plan: DispatchPlan, element: object, index: object) -> str:
    """Bus, branch or device by its label; a dash where there is none.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> place(example()[0], "bus", 3), place(example()[0], "storage", 0.0), place(example()[0], "net", None)
    ('bus 3 “Mill”', 'storage 0 “battery”', '–')
    """
    if isinstance(index, float | np.floating) and math.isnan(index):
        return dash
    if index is not None and len(plan.devices) and element in set(plan.devices["table"]) - {"trafo"}:
        return device_label(plan, str(element), int(float(str(index))))
    return places.place(plan, element, index)
