"""Where the plain relaxation of a dispatch is loose, by how much, and which of the known causes are there."""

from __future__ import annotations

import pandas as pd

from adnflex.reporting import page
from adnflex.reporting.dispatch.costs import energy
from adnflex.reporting.dispatch.exactness import TIGHT_GAP
from adnflex.reporting.dispatch.inputs import Study, expected, place, voltage_limits, weights
from adnflex.reporting.page import Html
from adnflex.reporting.text import fixed, number

__all__ = ["belief_words", "invented_words", "loose_hours", "loose_table"]

#: Voltages of the relaxation this near to their upper limit are at it [pu].
_AT_LIMIT = 1e-4
#: Invented loss below this is what the solver leaves of zero [kW].
_WATT = 1e-3
_FIRST, _MOST = 8, 100


def invented_words(study: Study) -> str:
    """Say how much loss the plain relaxation invents: the most in one period, and over the horizon.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> from adnflex.reporting.dispatch.inputs import studies
    >>> invented_words(studies(*example())[0]).replace(chr(0x202f), " ")
    'invented loss 0.0293 kW at most (13:00–14:00), 0.0862 kWh in all'
    """
    plan = study.plan
    kw = plan.recovery["invented_kw"].astype(float).dropna()
    if kw.empty or kw.max() < _WATT:
        return "invented loss less than 1 W"
    total = float(expected(plan, plan.recovery[["invented_kw"]].astype(float))["invented_kw"].sum())
    when = study.clock.text(kw.idxmax() if kw.index.nlevels == 1 else kw.idxmax()[-1])
    mean = ", expected over the scenarios" if len(plan.scenarios) > 1 else ""
    kwh = number(total * plan.hours_per_period, "kWh", 3)
    return f"invented loss {number(float(kw.max()), 'kW', 3)} at most ({when}), {kwh} in all{mean}"


def belief_words(study: Study) -> str:
    """Say what the relaxation believes of losses and import, beside what AC power flow finds; empty if not known."""
    plan, check = study.plan, study.check
    if check is None or not len(plan.relaxation_balance) or not check.periods["converged"].all():
        return ""
    share = weights(plan).reindex(check.periods.index.get_level_values("scenario")).to_numpy()
    told = []
    for words, column in (("losses", "losses_mw"), ("import", "grid_mw")):
        said = float(expected(plan, plan.relaxation_balance[[column]])[column].sum()) * plan.hours_per_period
        true = float((check.periods[column] * share).sum()) * plan.hours_per_period
        told.append(f"{words} of {energy(said)} where AC power flow finds {energy(true)}")
    return f"With its own set-points the relaxation believes in {' and '.join(told)}."


def loose_hours(study: Study) -> pd.DataFrame:
    """Return the periods in which the relaxation invents loss, the largest first.

    Index as in `DispatchPlan.recovery`; ``invented_kw``, ``gap``, ``branches`` (count), ``branch`` (the loosest, its
    element and index, or None), ``causes``.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> from adnflex.reporting.dispatch.inputs import studies
    >>> loose_hours(studies(*example())[0]).index.tolist()
    [13, 12, 11]
    """
    plan = study.plan
    table = plan.recovery[["invented_kw", "gap"]].astype(float)
    table = table[(table["gap"] > TIGHT_GAP) & (table["invented_kw"] > _WATT)]
    rows = []
    for key in table.index:
        gaps = plan.cone_gap.loc[key].astype(float).dropna() if len(plan.cone_gap) else pd.Series(dtype=float)
        loose = gaps[gaps > TIGHT_GAP]
        rows.append((len(loose), loose.idxmax() if len(loose) else None, causes(study, key)))
    table = table.assign(**{c: [r[k] for r in rows] for k, c in enumerate(("branches", "branch", "causes"))})
    return table.sort_values("invented_kw", ascending=False, kind="stable")


def causes(study: Study, key: object) -> str:
    """Name those of the known causes of a loose relaxation that are there in one period.

    Parameters
    ----------
    study : Study
        The study.
    key : int or (int, int)
        Period, or scenario and period, as in the tables.
    """
    plan = study.plan
    found = _high_voltage(study, key)
    now = plan.balance.loc[key].astype(float)
    if now.get("price", 1.0) <= 0:
        found.append(f"a price of {number(now['price'], f'{plan.currency}/MWh', 3)}, at which loss costs nothing")
    taken, used = now.get("must_take_mw", 0.0), now.get("load_mw", 0.0) + now.get("ev_mw", 0.0)
    if taken > used:
        found.append(f"{number(taken, 'MW', 3)} must be taken, the load is {number(used, 'MW', 3)}")
    return "; ".join(found) or "none of the known ones"


def _high_voltage(study: Study, key: object) -> list[str]:
    """Buses that the relaxation holds at their upper limit."""
    plan = study.plan
    if not len(plan.relaxation_vm_pu):
        return []
    vm = plan.relaxation_vm_pu.loc[key].astype(float)
    high = voltage_limits(plan, study.check, vm.index)[1]
    fed = plan.coordinates.index[plan.coordinates["kind"] == "root"] if "kind" in plan.coordinates else []
    at = vm.index[(vm >= high - _AT_LIMIT) & ~vm.index.isin(fed)]
    if not len(at):
        return []
    more = f" and {len(at) - 2} more" if len(at) > 2 else ""
    names = ", ".join(place(plan, "bus", bus) for bus in at[:2])
    return [f"upper voltage limit {fixed(float(high[at[0]]), 4, 'pu')} at {names}{more}"]


def loose_table(study: Study) -> list[Html]:
    """Show the loose periods with place, size and cause; nothing where the relaxation is exact."""
    plan, table = study.plan, loose_hours(study)
    if table.empty:
        return []
    several = len(plan.scenarios) > 1
    rows = []
    for key, row in list(table.iterrows())[:_MOST]:
        period, scenario = (key[-1], key[0]) if isinstance(key, tuple) else (key, None)
        when = study.clock.text(period) + (f", scenario {scenario}" if several else "")
        where = "–" if row["branch"] is None else f"{place(plan, *row['branch'])} (gap {number(row['gap'], digits=2)})"
        size = number(row["invented_kw"], "kW", 3)
        rows.append([when, size, str(row["branches"] or "–"), where, row["causes"]])
    columns = ["when", "invented loss", "loose branches", "loosest", "known causes there"]
    blocks = [
        Html("<h3>When and why the relaxation is loose</h3>"),
        page.paragraph(
            "Relaxations are known to be loose at an upper voltage limit (loss that does not exist lowers the "
            "voltage), at prices of zero or below (loss earns) and where more generation must be taken than is used."
        ),
        page.table(columns, rows[:_FIRST], columns[1:3]),
    ]
    if len(rows) > _FIRST:
        rest = page.table(columns, rows[_FIRST:], columns[1:3])
        blocks.append(page.details(f"The following hours ({len(rows)} of {len(table)} are listed)", rest))
    return blocks
