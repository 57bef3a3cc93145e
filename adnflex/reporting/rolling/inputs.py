"""What the report of a rolling schedule shows: a day, a comparison of policies, an AC check, and what is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import InputError
from adnflex.reporting.clock import Clock
from adnflex.results.rolling import Comparison, RollingCheck, RollingRun

__all__ = [
    "FLOOR",
    "ITEM_WORDS",
    "Study",
    "base_of",
    "clock_of",
    "collected",
    "full_name",
    "is_rolling",
    "listed",
    "main_policy",
    "quantity",
    "require_check",
    "require_comparison",
    "require_run",
    "values_of",
    "voltage_limits",
]

#: Perfect foresight: what no policy can beat.
FLOOR = "floor"
#: Policies that need no simulation, the better one first.
_BASES = ("pool", "own")

ITEM_WORDS = {
    "purchase": "purchase",
    "storage": "wear of storages",
    "ev_profit": "paid by vehicles",
    "ev_subsidy": "subsidy for arrivals",
    "solar": "sun available",
    "wind": "wind available",
    "total": "total",
}


@dataclass(frozen=True)
class Study:
    """Everything that one report shows.

    Attributes
    ----------
    run : RollingRun or None
        The day that is shown in detail.
    comparison : Comparison or None
        Policies over common days.
    check : RollingCheck or None
        AC check of the run.
    net : pandapowerNet or None
        The net of the case: names, limits of storages, what is published.
    """

    run: RollingRun | None
    comparison: Comparison | None
    check: RollingCheck | None = None
    net: pandapowerNet | None = None

    @property
    def any(self) -> RollingRun | Comparison:
        """Whichever there is, the run first."""
        found = self.run if self.run is not None else self.comparison
        assert found is not None
        return found

    @property
    def currency(self) -> str:
        """Unit of money."""
        return self.any.currency

    @property
    def published(self) -> Mapping[str, Any]:
        """Published figures of the case; empty where there are none."""
        found = self.any.options.get("published")
        if found is None and self.net is not None and isinstance(self.net.get("rolling"), Mapping):
            found = self.net["rolling"].get("published")
        return found if isinstance(found, Mapping) else {}

    def bus(self, bus: object) -> str:
        """Short name of a bus: its index, and its name where that says more."""
        name = "" if self.net is None or bus not in self.net.bus.index else self.net.bus.at[bus, "name"]
        told = "" if name is None or name != name else str(name).strip()
        return f"{bus} “{told}”" if told not in {"", str(bus), "None", "nan"} else str(bus)


def is_rolling(value: object) -> bool:
    """Whether the report of a rolling schedule is meant: a run, a comparison, or a sequence that holds one."""
    return any(isinstance(item, RollingRun | Comparison) for item in listed(value))


def listed(value: object) -> list[Any]:
    """List of what was given; None is nothing, text is one thing."""
    if value is None:
        return []
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return list(value)
    return [value]


def collected(what: object, checks: object = None, net: pandapowerNet | None = None) -> Study:
    """Sort what was given.

    Parameters
    ----------
    what : RollingRun, Comparison, or sequence of both
        At most one of each.
    checks : RollingCheck, None, or sequence of both
        AC check of the run. In a sequence it may stand beside None for the comparison, which has no check.
    net : pandapowerNet, optional
        The net of the case.

    Raises
    ------
    InputError
        If something is neither, or there are two of a kind.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> run, comparison, check = example()
    >>> study = collected([run, comparison], check)
    >>> study.run is run, study.comparison is comparison, study.check.passed
    (True, True, True)
    """
    findings: list[str] = []
    items = listed(what)
    runs = [item for item in items if isinstance(item, RollingRun)]
    comparisons = [item for item in items if isinstance(item, Comparison)]
    wrong = [item for item in items if not isinstance(item, RollingRun | Comparison)]
    known = [check for check in listed(checks) if check is not None]
    if wrong:
        findings.append(
            f"plan: holds a {type(wrong[0]).__name__}; give a RollingRun, a Comparison, or one of each, e.g. from "
            "RollingRun.load."
        )
    elif not items:
        findings.append("plan: is empty; give a RollingRun, a Comparison, or one of each.")
    if len(runs) > 1 or len(comparisons) > 1:
        findings.append(
            f"plan: holds {len(runs)} runs and {len(comparisons)} comparisons; give at most one of each. Days are "
            "compared by adnflex.compare_policies."
        )
    findings += [
        f"check: is a {type(check).__name__}; give the adnflex.RollingCheck of the run, or None."
        for check in known
        if not isinstance(check, RollingCheck)
    ]
    if len(known) > len(runs):
        findings.append(f"check: there are {len(known)} for {len(runs)} runs; a comparison has none.")
    if findings:
        raise InputError(findings)
    return Study(runs[0] if runs else None, comparisons[0] if comparisons else None, known[0] if known else None, net)


def require_run(run: object) -> RollingRun:
    """Return the run, or refuse what is none.

    Examples
    --------
    >>> require_run("run.json")
    Traceback (most recent call last):
    ...
    adnflex.errors.InputError: run: is a str; give an adnflex.RollingRun, e.g. from RollingRun.load.
    """
    if not isinstance(run, RollingRun):
        raise InputError(f"run: is a {type(run).__name__}; give an adnflex.RollingRun, e.g. from RollingRun.load.")
    return run


def require_check(check: object) -> RollingCheck | None:
    """Return the check or None, or refuse what is neither."""
    if check is not None and not isinstance(check, RollingCheck):
        raise InputError(f"check: is a {type(check).__name__}; give the adnflex.RollingCheck of the run, or None.")
    return check


def require_comparison(comparison: object, least: int = 1) -> Comparison:
    """Return the comparison, or refuse what is none or has less than `least` policies on common days."""
    if not isinstance(comparison, Comparison):
        raise InputError(
            f"comparison: is a {type(comparison).__name__}; give an adnflex.Comparison, e.g. from Comparison.load."
        )
    if not len(comparison.days) or len(comparison.days.columns) < least:
        raise InputError(
            f"comparison: has {len(comparison.days.columns)} policies on {len(comparison.days)} common days, so there "
            "is nothing to draw; simulate more."
        )
    return comparison


def clock_of(run: RollingRun) -> Clock:
    """Time axis of a run.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> clock_of(example()[0]).text(3)
    '03:00–04:00'
    """
    hours = tuple(int(h) for h in run.actions.index)
    return Clock(hours, float(hours[0]) if hours else 0.0, 1.0)


def quantity(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """One quantity of a table with columns ``(quantity, place)``: columns are the places."""
    if table.columns.nlevels < 2 or name not in table.columns.get_level_values(0):
        return pd.DataFrame(index=table.index)
    return table.xs(name, axis=1, level=0).astype(float)


# Policies -----------------------------------------------------------------------------------------------------


def full_name(policy: str) -> str:
    """Name of a policy with what it leaves unsaid.

    Examples
    --------
    >>> full_name("rollout"), full_name("feeder:rollout:own"), full_name("mpc:5")
    ('rollout:pool/match', 'feeder:rollout:own/match', 'mpc:5')
    """
    kind, _, rest = policy.partition(":")
    if kind == "feeder":
        return f"feeder:{full_name(rest)}"
    if kind != "rollout":
        return policy
    base, _, tail = (rest or "pool/match").partition("/")
    return f"rollout:{base}/{tail or 'match'}"


def main_policy(study: Study) -> str | None:
    """Policy of the comparison that the first screen is about, under its name there.

    That of the run; without one the cheapest on average that does not know the future.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> run, comparison, check = example()
    >>> main_policy(collected([run, comparison], check)), main_policy(collected(comparison))
    ('rollout', 'rollout')
    """
    comparison = study.comparison
    if comparison is None or not len(comparison.days):
        return None
    names = [str(name) for name in comparison.days.columns]
    if study.run is not None:
        mine = full_name(study.run.policy)
        return next((name for name in names if full_name(name) == mine), None)
    means = comparison.days.mean()
    fair = [name for name in names if name != FLOOR] or names
    return min(fair, key=lambda name: float(means[name]))


def base_of(policy: str, names: Sequence[str]) -> str | None:
    """Policy that `policy` is measured against: its own base where that is compared, else the best base policy.

    What stays within the feeder is measured against the same policy that does not.

    Examples
    --------
    >>> base_of("rollout:own/match", ["own", "pool", "rollout:own/match"]), base_of("mpc:5", ["mpc:5", "pool"])
    ('own', 'pool')
    >>> base_of("pool", ["pool", "floor"]) is None
    True
    """
    kind, _, rest = full_name(policy).partition(":")
    if kind == "feeder":
        return next((name for name in names if full_name(name) == rest), base_of(rest, names))
    if kind == "rollout" and rest.partition("/")[0] in names:
        return rest.partition("/")[0]
    return next((name for name in _BASES if name in names and name != policy), None)


def values_of(table: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Values of a table as floats."""
    return np.asarray(table.to_numpy(dtype=float), dtype=np.float64)


def voltage_limits(
    check: RollingCheck | None, net: pandapowerNet | None, buses: pd.Index
) -> tuple[pd.Series, pd.Series]:
    """Lowest and highest voltage allowed at each bus [pu]; NaN where no limit is known.

    Those of the net; without one, those that the check names with its worst buses.
    """
    found = []
    for column, kind in (("min_vm_pu", "voltage low"), ("max_vm_pu", "voltage high")):
        if net is not None and column in net.bus:
            found.append(net.bus[column].reindex(buses).astype(float))
            continue
        rows = check.limits if check is not None else pd.DataFrame()
        told = rows.loc[rows["kind"] == kind, "limit"] if "kind" in rows else pd.Series(dtype=float)
        found.append(pd.Series(float(told.iloc[0]) if len(told) else np.nan, index=buses, dtype=float))
    return found[0], found[1]
