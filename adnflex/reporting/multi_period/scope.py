"""What a plan for many periods was weighed against, what was looked at, and what was not."""

from __future__ import annotations

import math

import pandas as pd

from adnflex.reporting import page
from adnflex.reporting.findings import has_ratings
from adnflex.reporting.multi_period.view import PeriodsView
from adnflex.reporting.page import Html
from adnflex.reporting.text import dash, energy, fixed, mass, money, number, relative

_STATES = (("loss_before_mw", "violation_before"), ("loss_peak_mw", "violation_peak"), ("loss_mw", "violation"))


def counted(count: int, word: str = "period") -> str:
    """Count with its word, thousands apart.

    Examples
    --------
    >>> counted(1), counted(8760).replace(chr(0x202f), " ")
    ('1 period', '8 760 periods')
    """
    return f"{fixed(count, 0)} {word}{'' if count == 1 else 's'}"


def compared(view: PeriodsView) -> list[Html]:
    """Present states, best ones of the peak hour and the plan, over the same periods."""
    table = view.plan.periods
    rows = [["energy lost", *_row(view, "", energy)]]
    if "loss_cost_per_mwh" in table:
        rows.append(["cost of losses", *_row(view, "loss_cost_per_mwh", lambda v: money(v, view.plan.currency))])
    if "co2_kg_per_mwh" in table:
        rows.append(["carbon of losses", *_row(view, "co2_kg_per_mwh", mass)])
    broken = [int((table[v].fillna(math.inf) > 0).sum()) for _, v in _STATES]
    rows.append(["periods that break a limit", *(fixed(count, 0) for count in broken), dash])
    head = ["over all periods", "present states", "best of the peak hour", "plan", "plan against present"]
    return [page.table(head, rows, head[1:])]


def _row(view: PeriodsView, worth: str, told: object) -> list[str]:
    """Values of the three states, and the change."""
    table = view.plan.periods
    weight = table["weight"].astype(float) * view.plan.hours_per_period
    weight = weight * (table[worth].astype(float) if worth else 1.0)
    counts = weight != 0
    values = [float((weight * table[loss])[counts].sum(skipna=False)) for loss, _ in _STATES]
    assert callable(told)
    return [*(told(v) if math.isfinite(v) else dash for v in values), relative(values[2], values[0])]


def looked_at(view: PeriodsView) -> list[Html]:
    """Table of what the plan rests on, and of what it does not."""
    plan, check = view.plan, view.check
    seen = [
        ("operating points", f"all {counted(len(plan.periods))} of {plan.hours_per_period:g} h, by exact power flow"),
        ("AC power flow", _judged(view)),
        ("limits", _limits(view)),
        ("search", f"{plan.solver}; the bound is {_bound(view)}"),
    ]
    if check is not None and check.deviation_mwh == check.deviation_mwh:
        off = number(check.deviation_mwh * 1e3, "kWh", 2)
        seen.append(("model against AC", f"losses of a period at most {off} apart"))
    way = [] if view.sequence is None else ["every state between two topologies, in the order that is shown"]
    seen += [("the way", words) for words in way]
    unseen = [
        *([] if way else [("the way", "states between two topologies: adnflex.switching_sequence orders them")]),
        ("faults", "short circuit, protection and outages"),
        ("devices", "taps, capacitors, storages and generators stay as they are or follow their series"),
        ("uncertainty", "the plan holds for these series; others may break limits that it keeps"),
        ("phases", "all loads are taken as balanced"),
    ]
    return [page.table(["looked at", "how"], seen), page.table(["not looked at", "which"], unseen)]


def _judged(view: PeriodsView) -> str:
    check = view.check
    if check is None:
        return "none has been run"
    if not check.power_flows:
        return check.verdict
    if check.by_pandapower >= check.power_flows or not check.other_judge:
        return f"{counted(check.power_flows)} by pandapower"
    return (
        f"{counted(check.power_flows)} by {check.other_judge}, {fixed(check.by_pandapower, 0)} of them by pandapower "
        "too, those nearest to limits among them"
    )


def _limits(view: PeriodsView) -> str:
    """Say which kinds of limits there are, and which there are not."""
    known = view.plan.critical_periods["kind"].unique() if view.check is None else _checked(view.check.limits)
    told = [kind for kind in ("voltage low", "voltage high", "loading") if kind in known]
    if "loading" in told and not has_ratings(view.plan.periods["loading_percent"]):
        told[told.index("loading")] = "loading (far below every rating, which may be placeholders)"
    missing = [kind for kind in ("voltage low", "voltage high", "loading") if kind not in known]
    none = f"; none is set for {' and '.join(missing)}" if missing else ""
    return (", ".join(told) or "none") + none


def _checked(limits: pd.DataFrame) -> list[str]:
    return [str(kind) for kind in limits.loc[limits["checked"] > 0, "kind"]]


def _bound(view: PeriodsView) -> str:
    plan = view.plan
    return f"the {plan.bound_kind}" if math.isfinite(plan.bound) and plan.bound > 0 else "not known"
