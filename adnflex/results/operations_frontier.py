"""The frontier of operations: the best plan of every number of switching operations, and the AC truth about each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from adnflex.errors import InputError
from adnflex.results.base import Answer, Verdict
from adnflex.results.reconfiguration import Check, Plan
from adnflex.results.scope import looked_at
from adnflex.text import cut

# Letters of a column of branches in a terminal; the table has them all.
_WIDE = 48


@dataclass(frozen=True, repr=False, eq=False)
class OperationsFrontier(Answer):
    """The best that so many switching operations can do, row by row, each with its bound.

    Attributes
    ----------
    net_name, fingerprint, asked_limits, solver, seconds, topology, coordinates, options, notes, versions
        What all answers have (see `adnflex.results.base.Answer`).
    objective_name, weights : str, dict of str to float
        As in `Plan`.
    unit : str
        Of the objective in `table`: ``kW`` for losses, else that of the plans.
    base : float
        Objective of the net as it stands [`unit`]; NaN where it has none, as some buses have no supply.
    table : pandas.DataFrame
        One row a budget: ``operations`` (allowed), ``used``, ``objective`` [`unit`], ``saved`` [`unit`] and
        ``saved_percent`` against `base`, ``gain`` [`unit`] (against the row before), ``close`` and ``open`` (branches
        with index and name), ``bound`` [`unit`] (no state within the budget is better), ``gap``, ``proven``,
        ``status``, and in AC power flow ``vm_min_pu``, ``vm_min_bus``, ``vm_max_pu``, ``vm_max_bus``,
        ``loading_percent``, ``loading_at``. Where reliability was asked for ``saifi`` (interruptions a customer and
        year), ``saidi_hours`` [h], ``ens_mwh`` [MWh a year] and ``left_mw`` (load that all outages together leave
        without supply until the repair [MW]). What is not known is NaN, -1 or empty.
    plans : tuple of Plan
        The plans of the rows that have one, in their order.
    status : str
        ``complete``, or what ended the first row that is not proven, e.g. ``time_limit`` or ``interrupted``.
    whole : bool
        Whether it is proven that more operations than those of the last row gain no more than the gap asked for.
    """

    objective_name: str
    weights: dict[str, float]
    unit: str
    base: float
    table: pd.DataFrame
    plans: tuple[Plan, ...]
    status: str
    whole: bool

    _form = "adnflex-operations-frontier-1"

    def plan(self, operations: int) -> Plan:
        """Return the best plan with at most so many operations.

        Raises
        ------
        InputError
            If no row has so few.
        """
        rows = self.table[self.table["operations"].le(operations) & self.table["objective"].notna()]
        if rows.empty:
            known = ", ".join(map(str, self.table["operations"]))
            raise InputError(f"operations is {operations}; no row with so few has a plan, the rows are {known}.")
        return self.plans[len(rows) - 1]

    @property
    def gap(self) -> float:
        """Largest relative gap of the rows with a plan."""
        return float(self.table["gap"].max()) if len(self.plans) else math.inf

    @property
    def headline(self) -> dict[str, str]:
        """What is proven, and what most operations save."""
        found = {"": self.status, "rows": f"{int(self.table['proven'].sum())} of {len(self.table)} proven"}
        known = self.table[self.table["objective"].notna()]
        # the first that switches anything, and the last
        for row in [*known[known["used"] > 0].head(1).itertuples(index=False), *known.tail(1).itertuples(index=False)]:
            found[f"{row.operations} operations"] = f"{row.objective:.6g} {self.unit}"
        return found

    def _lines(self) -> list[str]:
        own = "not known" if math.isnan(self.base) else f"{self.base:.6g} {self.unit}"
        lines = [f"{self.net_name}: {self.objective_name} by switching operations, now {own}"]
        shown = self.table[["operations", "objective", "saved", "saved_percent", "gain", "bound", "close", "open"]]
        short = {name: shown[name].map(lambda text: cut(text, _WIDE)) for name in ("close", "open")}
        text = shown.assign(**short, status=self.table["status"]).rename(columns={"saved_percent": "saved %"})
        lines += text.to_string(index=False, float_format="{:.6g}".format, na_rep="-").splitlines()
        if self.whole and len(self.plans):
            lines.append("more operations gain no more than the gap asked for (proven)")
        return lines


@dataclass(frozen=True, repr=False, eq=False)
class FrontierCheck(Verdict):
    """What full AC power flow says of every row of a frontier.

    Attributes
    ----------
    passed, verdict
        See `adnflex.results.base.Verdict`; passed only where every row that has a plan passes.
    certificate : float or None
        The largest of the rows, None where one has none.
    table : pandas.DataFrame
        One row a plan: ``operations``, ``passed``, ``objective`` (AC, in the unit of the frontier), ``certificate``
        (NaN: none), ``verdict``.
    checks : tuple of Check
        The checks of the plans, in their order.
    """

    certificate: float | None
    table: pd.DataFrame
    checks: tuple[Check, ...]

    _form = "adnflex-frontier-check-1"

    @property
    def scope(self) -> str:
        """What was looked at: every plan at one operating point, and how far goes in any what has no limit."""
        if not self.checks:
            return ""
        loadings = pd.concat([check.loadings for check in self.checks])
        worst = loadings.groupby(level=[0, 1]).max()
        points = f"each of {len(self.checks)} plans at one operating point, that of the net's tables"
        return looked_at(points, self.checks[0].limits, worst["loading_percent"], worst["loading_limit_percent"])

    def _more(self) -> list[str]:
        bad = self.table[~self.table["passed"].astype(bool)]
        return [f"{row.operations} operations: FAILED: {row.verdict}" for row in bad.itertuples(index=False)]
