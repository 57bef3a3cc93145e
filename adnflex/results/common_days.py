"""Rolling schedules: the `Comparison` of policies over common days."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from adnflex.errors import InputError
from adnflex.results.base import Result
from adnflex.results.rolling import ITEMS


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Result):
    """Policies over common days.

    Attributes
    ----------
    case_name : str
        Name of the case.
    seed : int
        Seed of the run.
    currency : str
        Unit of money.
    days : pandas.DataFrame
        One row a day and one column a policy: total cost, less the value of what is stored at the end where that has
        one [currency]. Only days that every policy has finished.
    items : pandas.DataFrame
        Index ``(policy, day)``; the cost items, ``total``, ``stored_value``, ``bought_mwh``, ``spilled_mwh``,
        ``unmet_kwh``, ``seconds`` (mean time of a decision), ``slowest_seconds``, ``unsolved_hours`` (decided by the
        base policy, because the policy was not solved); every finished day. Of its AC check, NaN where there was none:
        ``passed`` (1 or 0), ``faults`` and ``violations`` (counts), ``bus_hours`` outside the voltage limits, and
        without the second stage ``bus_hours_without``, ``vm_min_pu``, ``vm_max_pu``, ``losses_mwh``.
    interrupted : bool
        Whether days are missing because the run was stopped, by the user or by its time limit.
    options, versions, notes
        As in `adnflex.DispatchPlan`.
    """

    case_name: str
    seed: int
    currency: str
    days: pd.DataFrame
    items: pd.DataFrame
    interrupted: bool = False

    _form = "adnflex-rolling-comparison-1"

    @property
    def title(self) -> str:
        """Name of the case."""
        return self.case_name

    @property
    def headline(self) -> dict[str, str]:
        """Days, and the mean cost of every policy."""
        means = {str(policy): f"{self.days[policy].mean():,.2f} {self.currency}" for policy in self.days.columns}
        return {"days": f"{len(self.days)}{' (interrupted)' if self.interrupted else ''}", **means}

    @property
    def table(self) -> pd.DataFrame:
        """One row a policy: ``mean`` and ``ci95`` (half width) of the cost, the mean items, mean milliseconds."""
        rows = {}
        for policy in self.days.columns:
            costs = self.days[policy].to_numpy(float)
            mine = self.items.xs(policy, level="policy").loc[self.days.index]
            rows[policy] = {
                "mean": costs.mean(),
                "ci95": half_width(costs),
                **{item: float(mine[item].mean()) for item in ITEMS},
                "bought_mwh": float(mine["bought_mwh"].mean()),
                "spilled_mwh": float(mine["spilled_mwh"].mean()),
                "ms": 1e3 * float(mine["seconds"].mean()),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("policy")

    @property
    def checks(self) -> pd.DataFrame:
        """What AC power flow says of each policy's days; empty where none was checked.

        One row a policy: ``days`` checked, ``passed`` of them, ``bus_hours`` outside the voltage limits (mean of a
        day), ``bus_hours_without`` the second stage, ``vm_min_pu``, ``vm_max_pu`` (worst), ``losses_mwh`` (mean).
        """
        done = self.items[self.items["passed"].notna()] if "passed" in self.items else self.items.iloc[:0]
        rows = {}
        for policy in self.days.columns:
            if policy not in done.index.get_level_values("policy"):
                continue
            mine = done.xs(policy, level="policy")
            rows[policy] = {
                "days": len(mine),
                "passed": int(mine["passed"].sum()),
                "bus_hours": float(mine["bus_hours"].mean()),
                "bus_hours_without": float(mine["bus_hours_without"].mean()),
                "vm_min_pu": float(mine["vm_min_pu"].min()),
                "vm_max_pu": float(mine["vm_max_pu"].max()),
                "losses_mwh": float(mine["losses_mwh"].mean()),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("policy")

    def against(self, reference: str | None = None) -> pd.DataFrame:
        """Paired differences: each policy less a reference on the same days.

        Parameters
        ----------
        reference : str, optional
            A policy; by default the first.

        Returns
        -------
        pandas.DataFrame
            One row a policy: ``difference`` (mean), ``ci95`` (half width of the 95 % confidence interval of the mean,
            Student), ``not_worse`` (days), ``days``.
        """
        names = list(self.days.columns)
        reference = names[0] if reference is None else reference
        if reference not in names:
            raise InputError(f"policy {reference!r} is not compared here; give one of {', '.join(map(repr, names))}.")
        rows = {}
        for policy in names:
            off = (self.days[policy] - self.days[reference]).to_numpy(float)
            rows[policy] = {
                "difference": off.mean() if len(off) else math.nan,
                "ci95": half_width(off),
                "not_worse": int((off <= 1e-6).sum()),
                "days": len(off),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("policy")

    def summary(self, reference: str | None = None) -> str:
        """Return a table for the terminal: mean costs, and differences to a reference on the same days."""
        if not len(self.days):
            return "\n".join([f"{self.case_name}: no day was finished by every policy.", *self.notes])
        table, pairs = self.table, self.against(reference)
        reference = self.days.columns[0] if reference is None else reference
        width = max(len("policy"), *(len(str(p)) for p in table.index))
        lines = [
            f"{self.case_name}: {len(self.days)} common days, {self.currency} a day, ± half a 95 % confidence interval"
            + (" (interrupted)" if self.interrupted else ""),
            f"{'policy':<{width}}  {'total':>18}  {'purchase':>9}  {'less ' + str(reference):>24}  {'ms':>7}",
        ]
        for policy in table.index:
            one, pair = table.loc[policy], pairs.loc[policy]
            off = "" if policy == reference else f"{pair['difference']:+.2f} ± {pair['ci95']:.2f}"
            lines.append(
                f"{policy:<{width}}  {one['mean']:>9.2f} ± {one['ci95']:>6.2f}  {one['purchase']:>9.2f}  {off:>24}  "
                f"{one['ms']:>7.2f}"
            )
        lines += [
            f"AC power flow, {policy}: {row['passed']:.0f} of {row['days']:.0f} days pass, "
            f"{row['bus_hours']:.1f} bus-hours a day outside limits, {row['vm_min_pu']:.4f} to "
            f"{row['vm_max_pu']:.4f} pu"
            for policy, row in self.checks.iterrows()
        ]
        if not len(self.checks):
            lines.append("AC power flow: no day was checked.")
        lines.extend(f"note: {note}" for note in self.notes)
        return "\n".join(lines)


def half_width(values: np.ndarray) -> float:
    """Half width of the 95 % confidence interval of a mean; NaN for a single value.

    Examples
    --------
    >>> round(half_width(np.array([1.0, 2.0, 3.0, 4.0])), 4)
    2.0543
    """
    n = len(values)
    if n < 2:
        return math.nan
    return float(stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / math.sqrt(n))
