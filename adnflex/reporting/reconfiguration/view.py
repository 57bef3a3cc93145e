"""A reconfiguration as its report sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from adnflex.reporting.findings import has_ratings
from adnflex.reporting.views import NetFacts, View, paired
from adnflex.results import Check, Plan


@dataclass(frozen=True, kw_only=True)
class SwitchingView(View):
    """A plan of switch states and its check.

    Attributes
    ----------
    plan, check : Plan, Check or None
        What is reported.
    """

    plan: Plan
    check: Check | None

    @property
    def answer(self) -> Plan:
        """The plan."""
        return self.plan

    def notes(self) -> list[str]:
        """Return the notes of plan and check, and say where there is no map."""
        more = [] if self.has_map else ["The plan carries no map; give report() the net to have one drawn."]
        return [*super().notes(), *more]

    @property
    def has_map(self) -> bool:
        """Whether the plan carries the tables that a map needs."""
        return len(self.plan.topology) > 0 and len(self.plan.coordinates) > 0

    @property
    def rated(self) -> bool:
        """Whether loadings mean something."""
        if self.check is None:
            return False
        return has_ratings(self.check.branches.reindex(columns=["loading_before_percent", "loading_percent"]))

    @property
    def voltages(self) -> pd.DataFrame:
        """Voltages by bus [pu]: ``vm_before_pu``, ``vm_after_pu``, limits; without a check the model's, after only."""
        found = self.plan.buses[["vm_pu"]] if self.check is None else self.check.buses
        return found.rename(columns={"vm_pu": "vm_after_pu"})

    @property
    def branches(self) -> pd.DataFrame:
        """Loadings and losses by branch; without a check the model's losses only."""
        return self.plan.branches if self.check is None else self.check.branches

    @property
    def relaxation(self) -> pd.DataFrame:
        """Branches whose cone gap is known."""
        source = self.plan.branches if self.check is None else self.check.relaxation
        table = source.reindex(columns=["element", "index", "cone_gap", "cone_loss_mw"])
        return table.astype({"cone_gap": float, "cone_loss_mw": float}).dropna(subset="cone_gap")


def views(plans: Sequence[Plan], checks: Sequence[Check | None], _facts: NetFacts | None = None) -> list[SwitchingView]:
    """One view a plan."""
    known = enumerate(paired(plans, checks, "plans"), start=1)
    return [SwitchingView(name=p.net_name or f"plan {k}", plan=p, check=c) for k, (p, c) in known]
