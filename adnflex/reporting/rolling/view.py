"""A rolling schedule as its report sees it: a day, a comparison of policies, an AC check, and facts of the net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from adnflex.errors import InputError
from adnflex.reporting.clock import Clock, clock_of
from adnflex.reporting.labels import Labels
from adnflex.reporting.text import fixed, money
from adnflex.reporting.views import NetFacts, NothingToDraw, View
from adnflex.results.common_days import Comparison
from adnflex.results.policies import FLOOR, base_of, full_name
from adnflex.results.rolling import RollingCheck, RollingRun

ITEM_WORDS = {
    "purchase": "purchase",
    "storage": "wear of storages",
    "ev_profit": "paid by vehicles",
    "ev_subsidy": "subsidy for arrivals",
    "solar": "sun available",
    "wind": "wind available",
    "total": "total",
}


@dataclass(frozen=True, kw_only=True)
class RollingView(View):
    """Everything that one report of a rolling schedule shows.

    Attributes
    ----------
    run : RollingRun or None
        The day that is shown in detail.
    comparison : Comparison or None
        Policies over common days.
    check : RollingCheck or None
        AC check of the run.
    facts : NetFacts
        Names, order of the buses, limits, and what is published; empty where the net was not given.
    """

    run: RollingRun | None
    comparison: Comparison | None
    check: RollingCheck | None
    facts: NetFacts
    timed = True

    @property
    def answer(self) -> RollingRun | Comparison:
        """As `any`."""
        return self.any

    @property
    def fingerprint(self) -> str:
        """Of the net of the run."""
        known = self.run.inputs.get("fingerprint") if self.run is not None else None
        return str(known or "not known")

    @property
    def second(self) -> bool:
        """Whether the run has a second stage."""
        return self.run is not None and len(self.run.reactive.columns) > 0

    @property
    def any(self) -> RollingRun | Comparison:
        """Whichever there is, the run first."""
        found = self.run if self.run is not None else self.comparison
        assert found is not None
        return found

    @property
    def day(self) -> RollingRun:
        """The run, which has to be there and to have hours."""
        if self.run is None or not len(self.run.actions):
            raise NothingToDraw("run: no hour has been decided, so there is nothing to draw.")
        return self.run

    @property
    def days(self) -> Comparison:
        """The comparison, which has to be there and to have common days."""
        found = self.comparison
        if found is None or not len(found.days):
            raise NothingToDraw("comparison: has no common days, so there is nothing to draw; simulate more.")
        return found

    @property
    def pairs(self) -> Comparison:
        """The comparison, which has to have two policies at least."""
        if len(self.days.days.columns) < 2:
            raise NothingToDraw("comparison: has one policy, so there is nothing to draw; simulate more.")
        return self.days

    @cached_property
    def clock(self) -> Clock:
        """Time axis of the run."""
        hours = [] if self.run is None else [int(h) for h in self.run.actions.index]
        return clock_of(hours, float(hours[0]) if hours else 0.0, 1.0)

    @cached_property
    def labels(self) -> Labels:
        """Names of buses, branches and devices."""
        return Labels(self.facts.coordinates, self.facts.topology, self.facts.names)

    @property
    def currency(self) -> str:
        """Unit of money."""
        return self.any.currency

    @property
    def published(self) -> Mapping[str, Any]:
        """Published figures of the case; empty where there are none."""
        found = self.any.options.get("published", self.facts.study.get("published"))
        return found if isinstance(found, Mapping) else {}

    def when(self, row: pd.Series) -> str:
        """Hour of a finding."""
        return self.clock.text(row["hour"])

    def states(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Voltages with the second stage and without [pu]; without one, or without a check, one of them is empty."""
        run, check = self.day, self.check
        if check is None:
            return run.vm_pu, pd.DataFrame()
        return (check.vm_pu if len(run.reactive.columns) else pd.DataFrame()), check.vm_without_pu

    def vm_limits(self, buses: pd.Index) -> tuple[pd.Series, pd.Series]:
        """Lowest and highest voltage allowed at each bus [pu], of the net or else as the check names them; or NaN."""
        found = []
        for column, kind in (("min_vm_pu", "voltage low"), ("max_vm_pu", "voltage high")):
            if column in self.facts.vm_limits:
                found.append(self.facts.vm_limits[column].reindex(buses).astype(float))
                continue
            rows = self.check.limits if self.check is not None else pd.DataFrame()
            told = rows.loc[rows["kind"] == kind, "limit"] if "kind" in rows else pd.Series(dtype=float)
            found.append(pd.Series(float(told.iloc[0]) if len(told) else float("nan"), index=buses, dtype=float))
        return found[0], found[1]

    # Policies -------------------------------------------------------------------------------------------------

    @property
    def policies(self) -> list[str]:
        """Policies that are compared."""
        return [] if self.comparison is None else [str(name) for name in self.comparison.days.columns]

    @property
    def policy(self) -> str | None:
        """Policy of the comparison that the first screen is about, under its name there.

        That of the run; without one the cheapest on average that does not know the future.
        """
        comparison, names = self.comparison, self.policies
        if comparison is None or not len(comparison.days):
            return None
        if self.run is not None:
            mine = full_name(self.run.policy)
            return next((name for name in names if full_name(name) == mine), None)
        means = comparison.days.mean()
        return min([name for name in names if name != FLOOR] or names, key=lambda name: float(means[name]))

    @property
    def base(self) -> str:
        """Policy that the others are measured against."""
        found = base_of(self.policy, self.policies) if self.policy is not None else None
        return found or self.policies[0]

    def notes(self) -> list[str]:
        """Return what the reader has to know before he compares numbers."""
        run, comparison, check = self.run, self.comparison, self.check
        told = [*(run.notes if run else ()), *(comparison.notes if comparison else ()), *(check.notes if check else ())]
        if comparison is not None:
            finished = comparison.items.groupby(level="policy").size() if len(comparison.items) else []
            if comparison.interrupted:
                told.append(
                    f"the comparison was stopped early: {len(comparison.days)} days are finished by every policy, and "
                    "only these are compared."
                )
            elif len(finished) and int(max(finished)) > len(comparison.days):
                told.append(f"only the {len(comparison.days)} days that every policy finished are compared.")
            if 0 < len(comparison.days) < 10:
                told.append(
                    f"{len(comparison.days)} days are few: the confidence intervals take the differences as normally "
                    "distributed."
                )
            if not len(comparison.days):
                told.append("no day was finished by every policy, so nothing is compared.")
        policy = self.policy
        if run is None and policy is not None:
            told.append(f"the first screen is about {policy}, the cheapest on average that does not know the future.")
        if run is not None and comparison is not None:
            told += self._mismatch(run, comparison)
        if self.published:
            told.append(
                "published figures stand beside ours in “Beside what is published”; their days and laws are not "
                "printed, so only order and size can resemble."
            )
        return told

    def _mismatch(self, run: RollingRun, comparison: Comparison) -> list[str]:
        """Say where the day and the comparison do not belong together."""
        found = []
        if run.case_name != comparison.case_name:
            found.append(
                f"the day is of the case {run.case_name}, the comparison of {comparison.case_name}: they do not belong "
                "together."
            )
        if run.seed != comparison.seed:
            found.append(f"the day is of seed {run.seed}, the comparison of seed {comparison.seed}.")
        if len(comparison.days) and self.policy is None:
            found.append(f"the comparison does not hold the policy of the day, {full_name(run.policy)}.")
        return found


def cents(value: float, currency: str = "", sign: bool = False) -> str:
    r"""Sum of money with its cents, as a day's total is a small difference of large items; where asked with its sign.

    Examples
    --------
    >>> cents(-3653.958, "CNY"), cents(1.5, "CNY", sign=True), cents(-0.004, sign=True)
    ('−3\u202f653.96\u202fCNY', '+1.50\u202fCNY', '0.00')
    """
    text = money(value, currency, 1.0)
    return f"+{text}" if sign and value >= 0.005 else text


def spread(mean: float, width: float, currency: str = "", sign: bool = False) -> str:
    r"""Mean with half of its 95 % confidence interval, where there is one.

    Examples
    --------
    >>> spread(-1.44, 1.24, "CNY", sign=True), spread(3.0, float("nan"), "CNY")
    ('−1.44 ± 1.24\u202fCNY', '3.00\u202fCNY')
    """
    if width != width or abs(width) == float("inf"):
        return cents(mean, currency, sign)
    return f"{cents(mean, sign=sign)} ± {fixed(width, 2, currency)}"


def gain(comparison: Comparison, policy: str, reference: str, currency: str = "") -> str:
    """Paired difference of a policy to a reference."""
    row = comparison.against(reference).loc[policy]
    return spread(row["difference"], row["ci95"], currency, sign=True)


def views(results: Sequence[Any], checks: Sequence[Any], facts: NetFacts) -> list[RollingView]:
    """One view of a day, of policies over common days, or of one of each."""
    runs = [item for item in results if isinstance(item, RollingRun)]
    comparisons = [item for item in results if isinstance(item, Comparison)]
    known = [check for check in checks if check is not None]
    findings = []
    if len(runs) > 1 or len(comparisons) > 1:
        findings.append(
            f"plan: holds {len(runs)} runs and {len(comparisons)} comparisons; give at most one of each. Days are "
            "compared by adnflex.compare_policies."
        )
    if len(known) > len(runs):
        findings.append(f"check: there are {len(known)} for {len(runs)} runs; a comparison has none.")
    if findings:
        raise InputError(findings)
    run, comparison = next(iter(runs), None), next(iter(comparisons), None)
    name = f"day {run.day}" if run is not None else "policies"
    return [RollingView(name=name, run=run, comparison=comparison, check=next(iter(known), None), facts=facts)]
