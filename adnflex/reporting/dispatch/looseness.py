"""How far the relaxation is from physics, in words: how much, when, where, and why it is known to be loose there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from adnflex.reporting import page
from adnflex.reporting.dispatch.view import DispatchView, worst_recovery
from adnflex.reporting.findings import deviation_table
from adnflex.reporting.page import Html
from adnflex.reporting.recipes import TIGHT
from adnflex.reporting.text import dash, energy, fixed, number
from adnflex.results.status import NO_RECOVERY

#: Invented loss below this is what the solver leaves of zero [kW].
_WATT = 1e-3
#: Voltages of the relaxation this near to their upper limit are at it [pu].
_AT_LIMIT = 1e-4
_FIRST, _MOST = 8, 100


def blocks(view: DispatchView) -> list[Html]:
    """Words, figures and tables of how exact the model is; nothing where nothing is known."""
    plan = view.plan
    found: list[Html] = []
    if len(plan.recovery):
        found += [page.paragraph(_words(view)), view.draw("exactness")]
    if plan.cone_gap.size and plan.cone_gap.max().max() > TIGHT:
        found.append(view.draw("gaps", "Where the plain relaxation is loose"))
    return [*found, *_loose_table(view), *deviation_table(view)]


def known(view: DispatchView) -> bool:
    """Whether anything is known of it."""
    return bool(len(view.plan.recovery) or view.plan.cone_gap.size or len(deviation_table(view)))


def recovered_words(view: DispatchView) -> str:
    """Say which hours the plain relaxation did not get right, and what gave their values; empty where none."""
    table = worst_recovery(view.plan.recovery)
    table = table[table["method"] != NO_RECOVERY]
    methods = dict.fromkeys(table["method"])
    return "; ".join(f"{view.clock.spans(table.index[table['method'] == m])} ({m})" for m in methods)


def _words(view: DispatchView) -> str:
    """Judge the relaxation, and name the hours that were recovered."""
    gap = float(worst_recovery(view.plan.recovery)["gap"].max())
    judgement = "that is without weight, as hardly any current is concerned, so nothing had to be recovered"
    if hours := recovered_words(view):
        judgement = f"recovered: {hours}"
    elif gap <= TIGHT:
        judgement = "the relaxation is exact in every period, nothing had to be recovered"
    first = f"Largest cone gap {number(gap, digits=2)}, {_invented_words(view)}; {judgement}."
    return " ".join(filter(None, [first, belief_words(view)]))


def _invented_words(view: DispatchView) -> str:
    """Say how much loss the plain relaxation invents: the most in one period, and over the horizon."""
    plan = view.plan
    kw = plan.recovery["invented_kw"].astype(float).dropna()
    if kw.empty or kw.max() < _WATT:
        return "invented loss less than 1 W"
    total = float(view.expected(plan.recovery[["invented_kw"]].astype(float))["invented_kw"].sum())
    when = view.clock.text(kw.idxmax() if kw.index.nlevels == 1 else kw.idxmax()[-1])
    mean = ", expected over the scenarios" if view.several else ""
    kwh = number(total * plan.hours_per_period, "kWh", 3)
    return f"invented loss {number(float(kw.max()), 'kW', 3)} at most ({when}), {kwh} in all{mean}"


def belief_words(view: DispatchView) -> str:
    """Say what the relaxation believes of losses and import, beside what AC power flow finds; empty if not known."""
    plan, check = view.plan, view.check
    if check is None or not len(plan.relaxation_balance) or not check.periods["converged"].all():
        return ""
    share = view.weights.reindex(check.periods.index.get_level_values("scenario")).to_numpy()
    told = []
    for words, column in (("losses", "losses_mw"), ("import", "grid_mw")):
        said = float(view.expected(plan.relaxation_balance[[column]])[column].sum()) * plan.hours_per_period
        true = float((check.periods[column] * share).sum()) * plan.hours_per_period
        told.append(f"{words} of {energy(said)} where AC power flow finds {energy(true)}")
    return f"With its own set-points the relaxation believes in {' and '.join(told)}."


def loose_hours(view: DispatchView) -> pd.DataFrame:
    """Return the periods in which the relaxation invents loss, the largest first.

    Index as in `DispatchPlan.recovery`; ``invented_kw``, ``gap``, ``branches`` (count), ``branch`` (the loosest, its
    element and index, or None), ``causes``.
    """
    plan = view.plan
    table = plan.recovery[["invented_kw", "gap"]].astype(float)
    table = table[(table["gap"] > TIGHT) & (table["invented_kw"] > _WATT)]
    rows = []
    for key in table.index:
        found = plan.cone_gap.loc[key].astype(float).dropna() if len(plan.cone_gap) else pd.Series(dtype=float)
        loose = found[found > TIGHT]
        rows.append((len(loose), loose.idxmax() if len(loose) else None, causes(view, key)))
    table = table.assign(**{c: [r[k] for r in rows] for k, c in enumerate(("branches", "branch", "causes"))})
    return table.sort_values("invented_kw", ascending=False, kind="stable")


def causes(view: DispatchView, key: object) -> str:
    """Name those of the known causes of a loose relaxation that are there in one period.

    Parameters
    ----------
    view : DispatchView
        The dispatch.
    key : int or (int, int)
        Period, or scenario and period, as in the tables.
    """
    plan = view.plan
    found = _high_voltage(view, key)
    now = plan.balance.loc[key].astype(float)
    if now.get("price", 1.0) <= 0:
        found.append(f"a price of {number(now['price'], f'{plan.currency}/MWh', 3)}, at which loss costs nothing")
    taken, used = now.get("must_take_mw", 0.0), now.get("load_mw", 0.0) + now.get("ev_mw", 0.0)
    if taken > used:
        found.append(f"{number(taken, 'MW', 3)} must be taken, the load is {number(used, 'MW', 3)}")
    return "; ".join(found) or "none of the known ones"


def _high_voltage(view: DispatchView, key: object) -> list[str]:
    """Buses that the relaxation holds at their upper limit."""
    plan = view.plan
    if not len(plan.relaxation_vm_pu):
        return []
    vm = plan.relaxation_vm_pu.loc[key].astype(float)
    high = view.vm_limits(vm.index)[1]
    fed = plan.coordinates.index[plan.coordinates["kind"] == "root"] if "kind" in plan.coordinates else []
    at = vm.index[(vm >= high - _AT_LIMIT) & ~vm.index.isin(fed)]
    if not len(at):
        return []
    more = f" and {len(at) - 2} more" if len(at) > 2 else ""
    names = ", ".join(view.labels.of("bus", bus) for bus in at[:2])
    return [f"upper voltage limit {fixed(float(high[at[0]]), 4, 'pu')} at {names}{more}"]


def _loose_table(view: DispatchView) -> list[Html]:
    """Show the loose periods with place, size and cause; nothing where the relaxation is exact."""
    table = loose_hours(view)
    if table.empty:
        return []
    columns: dict[str, Callable[[Any], str]] = {
        "when": lambda row: view.text_of(row.name),
        ">invented loss": lambda row: number(row["invented_kw"], "kW", 3),
        ">loose branches": lambda row: str(row["branches"] or dash),
        "loosest": lambda row: dash if row["branch"] is None
        else f"{view.labels.of(*row['branch'])} (gap {number(row['gap'], digits=2)})",
        "known causes there": lambda row: row["causes"],
    }  # fmt: skip
    rows = [row for _, row in table.head(_MOST).iterrows()]
    rest = f"The following hours ({len(rows)} of {len(table)} are listed)"
    return [
        page.heading("When and why the relaxation is loose"),
        page.paragraph(
            "Relaxations are known to be loose at an upper voltage limit (loss that does not exist lowers the "
            "voltage), at prices of zero or below (loss earns) and where more generation must be taken than is used."
        ),
        *page.listing(rows, columns, first=_FIRST, rest=rest),
    ]
