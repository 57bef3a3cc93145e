"""A plan for many periods as its report sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from adnflex.grid.switch_tables import is_locked
from adnflex.reporting.views import NetFacts, View, paired
from adnflex.results import MultiPeriodCheck, MultiPeriodPlan


@dataclass(frozen=True, kw_only=True)
class PeriodsView(View):
    """A plan for many periods and its check.

    Attributes
    ----------
    plan, check : MultiPeriodPlan, MultiPeriodCheck or None
        What is reported.
    """

    plan: MultiPeriodPlan
    check: MultiPeriodCheck | None
    timed = True

    @property
    def answer(self) -> MultiPeriodPlan:
        """The plan."""
        return self.plan

    def when(self, row: Any) -> str:
        """Say when, of a row of a table."""
        return self.period(row["period"]) if "period" in row else ""

    def period(self, label: Any) -> str:
        """Name a period: its situation, its time, else its number."""
        if self.plan.situations:
            return self.plan.situations[int(label)]
        begins = str(self.plan.periods.at[label, "begins"])
        return begins if begins else f"period {label}"

    @property
    def has_map(self) -> bool:
        """Whether the plan carries the tables that a map needs."""
        return len(self.plan.topology) > 0 and len(self.plan.coordinates) > 0

    def states(self) -> pd.DataFrame:
        """Whether each branch that may be switched is closed, by branch and first period of a topology."""
        rows = self.plan.switches[~is_locked(self.plan.switches)]
        return rows.pivot(index=["element", "index"], columns="first_period", values="closed_after")

    def topology(self, first: int) -> pd.DataFrame:
        """Drawing table of the branches with the states from a period on."""
        rows = self.plan.switches[self.plan.switches["first_period"] == first]
        rows = rows[~is_locked(rows)]
        after = dict(zip(zip(rows["element"], rows["index"], strict=True), rows["closed_after"], strict=True))
        table = self.plan.topology.copy()
        keys = list(zip(table["element"], table["index"], strict=True))
        states = [bool(after.get(key, now)) for key, now in zip(keys, table["closed_after"], strict=True)]
        return table.assign(closed_after=states)


def views(
    plans: Sequence[MultiPeriodPlan], checks: Sequence[MultiPeriodCheck | None], _facts: NetFacts | None = None
) -> list[PeriodsView]:
    """One view a plan."""
    known = enumerate(paired(plans, checks, "plans"), start=1)
    return [PeriodsView(name=p.net_name or f"plan {k}", plan=p, check=c) for k, (p, c) in known]
