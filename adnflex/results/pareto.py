"""A sweep of cost against carbon: its table and its plans."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from adnflex.results.base import Result
from adnflex.results.dispatch import DispatchPlan


@dataclass(frozen=True, repr=False, eq=False)
class Pareto(Result):
    """A sweep of cost against carbon.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a point, from cheapest to cleanest: ``budget_kg``, ``carbon_kg``, ``cost``, ``bound``, ``gap``,
        ``imported_mwh``, ``status``. Where a point was not reached in time the status is ``not_reached`` and what is
        not known is NaN.
    plans : tuple of DispatchPlan
        The plans of the points that were reached, in their order.
    """

    table: pd.DataFrame
    plans: tuple[DispatchPlan, ...]

    _form = "adnflex-pareto-1"

    @property
    def title(self) -> str:
        """Name of the net."""
        return self.plans[0].net_name if self.plans else ""

    @property
    def headline(self) -> dict[str, str]:
        """Points reached, and both ends."""
        found = {"points": f"{len(self.plans)} of {len(self.table)} reached"}
        for name, plan in zip(("cheapest", "cleanest"), (self.plans[0], self.plans[-1]), strict=True):
            cost = float(plan.costs["cost"].sum())
            found[name] = f"{cost:,.2f} {plan.currency} and {plan.carbon_kg:,.1f} kg"
        return found

    def _lines(self) -> list[str]:
        return [f"{self.title}: cost against carbon", self.table.to_string(index=False)]
