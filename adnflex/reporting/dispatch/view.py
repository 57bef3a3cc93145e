"""A dispatch as its report sees it: studies by their names, scenarios weighed, limits, labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from adnflex.reporting.clock import Clock, clock_of
from adnflex.reporting.labels import Labels
from adnflex.reporting.views import NetFacts, View, paired
from adnflex.results import DispatchCheck, DispatchPlan
from adnflex.results.status import NO_RECOVERY


@dataclass(frozen=True, kw_only=True)
class DispatchView(View):
    """A dispatch and its check under the name by which the report calls them.

    Attributes
    ----------
    plan, check : DispatchPlan, DispatchCheck or None
        What is reported.
    """

    plan: DispatchPlan
    check: DispatchCheck | None
    timed = True

    @property
    def answer(self) -> DispatchPlan:
        """The plan."""
        return self.plan

    @cached_property
    def clock(self) -> Clock:
        """Time axis of the plan."""
        hours = self.plan.times["clock_hour"] if len(self.plan.times) else ()
        first = self.plan.periods[0]
        # Periods of a dispatch follow each other, whatever rows of the series they are.
        through = clock_of(
            range(first, first + len(self.plan.periods)), self.plan.start_hour, self.plan.hours_per_period, hours
        )
        return Clock(tuple(self.plan.periods), through.start, through.step, through.shifts)

    @cached_property
    def labels(self) -> Labels:
        """Names of buses, branches and devices."""
        return Labels(self.plan.coordinates, self.plan.topology, self.plan.devices)

    @property
    def least_carbon(self) -> bool:
        """Whether emissions were made least, so that objective, bound and progress are emissions [kg]."""
        return bool(self.plan.options.get("objective") == "carbon")

    @property
    def unit(self) -> str:
        """Unit of the objective."""
        return "kg CO₂" if self.least_carbon else self.plan.currency

    # Costs ----------------------------------------------------------------------------------------------------

    @property
    def cost(self) -> float:
        """Cost of the horizon, by AC power flow where there is a check that knows it [currency]."""
        # where emissions are least, the model's objective is one of emissions
        return float(self.costs.sum()) if self.costs_are_model else float(self._checked.objective)

    @property
    def bound(self) -> float:
        """Proven lower bound of the cost [currency]; NaN where there is none, or it bounds emissions."""
        return self.plan.bound if math.isfinite(self.plan.bound) and not self.least_carbon else math.nan

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
    def certificate(self) -> float:
        """Certificate, NaN where there is none, which is so where the check has failed."""
        found = None if self.check is None or not self.check.passed else self.check.certificate
        return math.nan if found is None else float(found)

    @property
    def _checked(self) -> DispatchCheck:
        assert self.check is not None
        return self.check

    def mwh(self, what: str) -> float:
        """Energy of the horizon [MWh]; NaN where the plan does not tell it."""
        return float(self.plan.energy["mwh"].get(what, math.nan))

    # Tables ---------------------------------------------------------------------------------------------------

    @property
    def several(self) -> bool:
        """Whether there are several scenarios."""
        return len(self.plan.scenarios) > 1

    @property
    def weights(self) -> pd.Series:
        """Probability of each scenario, adding up to one."""
        found = self.plan.scenarios["probability"].astype(float)
        return found / found.sum()

    def expected(self, table: pd.DataFrame) -> pd.DataFrame:
        """Mean over the scenarios of a table by period, by their probabilities; indexed by period."""
        if table.index.nlevels == 1:
            return table
        share = self.weights.reindex(table.index.get_level_values("scenario")).to_numpy()
        return table.astype(float).mul(share, axis=0).groupby(level="period", sort=False).sum(min_count=1)

    @property
    def vm_pu(self) -> pd.DataFrame:
        """Voltages by AC power flow where there is a check [pu]."""
        return self.plan.vm_pu if self.check is None else self.check.vm_pu

    @property
    def loading_percent(self) -> pd.DataFrame:
        """Loadings by AC power flow where there is a check [%]."""
        return self.plan.loading_percent if self.check is None else self.check.loading_percent

    @property
    def i_ka(self) -> pd.DataFrame:
        """Currents by AC power flow where there is a check [kA]."""
        return self.plan.i_ka if self.check is None else self.check.i_ka

    def vm_limits(self, buses: pd.Index) -> tuple[pd.Series, pd.Series]:
        """Lowest and highest voltage allowed at each bus [pu]; NaN where no limit is known."""
        if self.check is not None:
            return self.check.vm_min_pu.reindex(buses).astype(float), self.check.vm_max_pu.reindex(buses).astype(float)
        low, high = self.plan.asked_limits.vm_limits or (math.nan, math.nan)
        return pd.Series(low, index=buses, dtype=float), pd.Series(high, index=buses, dtype=float)

    def devices(self, table: str) -> pd.DataFrame:
        """Rows of `DispatchPlan.devices` of one table, indexed by the device's own index."""
        columns = ["table", "index", "moves", "max_moves", "initial", "low", "high"]
        rows = self.plan.devices.reindex(columns=columns)
        rows = rows[rows["table"] == table].drop_duplicates("index").set_index("index")
        return rows.drop(columns="table").astype(float)

    # Words ----------------------------------------------------------------------------------------------------

    @property
    def averaged(self) -> str:
        """Sentence that values are expected ones; empty where there is one scenario."""
        return f" All values are expected ones over {len(self.plan.scenarios)} scenarios." if self.several else ""

    def when(self, row: pd.Series) -> str:
        """Hour of a finding, and its scenario where there are several."""
        period, scenario = row["period"], row["scenario"]
        if period is None or period != period:
            return "whole horizon"
        told = self.clock.text(period)
        return (
            told if not self.several or scenario is None or scenario != scenario else f"{told}, scenario {scenario:g}"
        )

    def text_of(self, key: object) -> str:
        """Text of a row of a table by period, and its scenario where there are several."""
        if isinstance(key, tuple):
            return f"{self.clock.text(key[-1])}, scenario {key[0]}"
        return self.clock.text(key)


def worst_recovery(recovery: pd.DataFrame) -> pd.DataFrame:
    """Gap, invented loss and method of each period; of several scenarios, of the one with the largest gap."""
    table = recovery.astype({"gap": float, "invented_kw": float})
    if table.index.nlevels == 1:
        return table
    # A scenario that had to be recovered says more than one whose gap alone is larger.
    rank = table.assign(recovered=table["method"] != NO_RECOVERY).reset_index("scenario", drop=True)
    rank = rank.sort_values(["recovered", "gap"], kind="stable")
    return rank[~rank.index.duplicated(keep="last")].sort_index()[["gap", "invented_kw", "method"]]


def quantity(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """One quantity of a table with columns ``(quantity, index)``: columns are the devices.

    Examples
    --------
    >>> quantity(pd.DataFrame({("e_mwh", 3): [1.0], ("p_mw", 3): [0.5]}), "e_mwh").columns.tolist()
    [3]
    """
    if table.columns.nlevels < 2 or name not in table.columns.get_level_values(0):
        return pd.DataFrame(index=table.index)
    return table.xs(name, axis=1, level=0).astype(float)


def views(
    plans: Sequence[DispatchPlan], checks: Sequence[DispatchCheck | None], _facts: NetFacts | None = None
) -> list[DispatchView]:
    """One view a plan; the first of several is what the others are compared with."""
    known = zip(_names(plans), paired(plans, checks, "plans"), strict=True)
    return [DispatchView(name=name, plan=plan, check=check) for name, (plan, check) in known]


def _names(plans: Sequence[DispatchPlan]) -> list[str]:
    """One name a plan, no two alike: that of the study, else of the net, else a number."""
    told = [str(p.options["study"]) if p.options.get("study") is not None else "" for p in plans]
    names = [f"study {t}" if t.isdigit() else t or p.net_name for t, p in zip(told, plans, strict=True)]
    if len(set(names)) == len(names) and all(names):
        return names
    # Studies of one net bear its name; that says nothing.
    return [f"{n} ({k})" if t else f"study {k}" for k, (t, n) in enumerate(zip(told, names, strict=True), start=1)]
