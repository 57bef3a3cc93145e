"""How exact the model is in each period, by which method it was recovered where it was not, and why it is loose."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import page, style
from adnflex.reporting.canvas import DayFigure, HeatFigure
from adnflex.reporting.canvas.heat import Shade
from adnflex.reporting.dispatch.states import critical, fullest
from adnflex.reporting.dispatch.view import NO_RECOVERY, DispatchView
from adnflex.reporting.findings import deviation_table
from adnflex.reporting.page import Html, Section
from adnflex.reporting.text import energy, fixed, number
from adnflex.reporting.views import NothingToDraw

__all__ = [
    "belief_words", "causes", "exactness", "exactness_section", "gaps", "invented_words", "loose_hours",
    "recovered_words", "worst_recovery",
]  # fmt: skip

#: Relative gap up to which a period counts as exact in `DispatchPlan.recovery`.
_TIGHT = 1e-4
_FLOOR, _GAP_FLOOR = 1e-10, 1e-8
#: Invented loss below this is what the solver leaves of zero [kW].
_WATT = 1e-3
#: Voltages of the relaxation this near to their upper limit are at it [pu].
_AT_LIMIT = 1e-4
_FIRST, _MOST = 8, 100
_SIGNS = {
    NO_RECOVERY: ("circle", style.AFTER), "priced loss": ("square", "#E69F00"),
    "LinDistFlow cap": ("diamond", "#CC79A7"), "sequential": ("triangle-up", "#D55E00"), "exact": ("star", "#009E73"),
    "exact power flow": ("cross", "#56B4E9"),
}  # fmt: skip
_GAPS = ["#f4f4f2", "#dde3e8", "#f3b36b", "#d55e00", "#5f0f00"]


def exactness(view: DispatchView) -> go.Figure:
    """Largest cone gap [-] and invented loss [kW] of the plain relaxation in each period, by method of recovery.

    With several scenarios each period shows its worst one.
    """
    if view.plan.recovery.empty:
        raise NothingToDraw("plan: recovery is empty, so there is nothing to draw; solve the dispatch again.")
    table = worst_recovery(view.plan.recovery)
    day = DayFigure(view.clock, [("cone gap [–]", ""), ("invented<br>loss [kW]", "kW")], 440, shares=[0.6, 0.4],
                    barmode="overlay")  # fmt: skip
    methods = [m for m in dict.fromkeys([*_SIGNS, *table["method"]]) if (table["method"] == m).any()]
    for k, method in enumerate(methods):
        symbol, colour = _SIGNS.get(method, ("x", style.PALETTE[-1 - k % 4]))
        of = (table["method"] == method).to_numpy()
        marker = {"symbol": symbol, "color": colour, "size": 9 if len(table) <= 48 else 6}
        day.dots(0, table["gap"].clip(lower=_FLOOR), method, marker, of)
        day.bars(1, table["invented_kw"].where(of), method, colour)
    gaps_shown = table["gap"].clip(lower=_FLOOR)
    view_of = [np.log10(min(gaps_shown.min(), _TIGHT)) - 0.6, np.log10(max(gaps_shown.max(), _TIGHT)) + 0.9]
    day.limits(0, [_TIGHT], "exact below this line")
    day.axis(0, type="log", range=view_of, dtick=max(1, round((view_of[1] - view_of[0]) / 5)), tickfont_size=11,
             exponentformat="power")  # fmt: skip
    # A watt always is in view, so that what is nothing looks like nothing.
    day.axis(1, range=[0, 1.1 * max(float(table["invented_kw"].max()), _WATT)], exponentformat="power")
    fig = day.done()
    fig.add_annotation(
        text="exact below this line", x=1, xref="x domain", xanchor="right", y=np.log10(_TIGHT), yanchor="bottom",
        showarrow=False, font={"color": style.LIMIT, "size": 12}, row=1, col=1,
    )  # fmt: skip
    return fig


def worst_recovery(recovery: pd.DataFrame) -> pd.DataFrame:
    """Gap, invented loss and method of each period; of several scenarios, of the one with the largest gap."""
    table = recovery.astype({"gap": float, "invented_kw": float})
    if table.index.nlevels == 1:
        return table
    # A scenario that had to be recovered says more than one whose gap alone is larger.
    rank = table.assign(recovered=table["method"] != NO_RECOVERY).reset_index("scenario", drop=True)
    rank = rank.sort_values(["recovered", "gap"], kind="stable")
    return rank[~rank.index.duplicated(keep="last")].sort_index()[["gap", "invented_kw", "method"]]


def recovered_words(view: DispatchView) -> str:
    """Say which hours the plain relaxation did not get right, and what gave their values; empty where none."""
    table = worst_recovery(view.plan.recovery)
    table = table[table["method"] != NO_RECOVERY]
    methods = dict.fromkeys(table["method"])
    return "; ".join(f"{view.clock.spans(table.index[table['method'] == m])} ({m})" for m in methods)


def gaps(view: DispatchView) -> go.Figure:
    """Cone gap [-] of the loosest branches (rows) in every period (columns) in the plain relaxation."""
    table = view.plan.cone_gap
    if table.empty or not table.notna().to_numpy().any():
        raise NothingToDraw("plan: cone_gap is empty, so there is nothing to draw; solve the dispatch again.")
    branches = fullest(table)
    loose = table[branches].max().to_numpy(dtype=float) > _TIGHT
    branches = branches[loose] if loose.any() else branches
    told = critical(table[branches], lambda values: values).T
    bottom = math.log10(_GAP_FLOOR)
    # All that is exact is pale: colour begins where the gap begins to mean something.
    start = (math.log10(_TIGHT) - bottom) / -bottom
    stops = [[0.0, _GAPS[0]], *([start + (1 - start) * k / 3, c] for k, c in enumerate(_GAPS[1:]))]
    ticks = list(range(int(bottom), 1, 2))
    bar = style.colour_bar("cone gap [–], pale is exact")
    bar |= {"tickvals": ticks, "ticktext": [f"10<sup>{t}</sup>" if t else "1" for t in ticks]}
    shade = np.log10(np.clip(told, _GAP_FLOOR, 1.0))
    heat = HeatFigure(view.clock, [view.labels.of(*b) for b in branches], [f"{e} {i}" for e, i in branches])
    heat.cells(told, Shade(shade, (bottom, 0.0), stops, np.zeros(shade.shape, dtype=bool), bar), "cone gap {:.1e}")
    return heat.done()


def exactness_section(view: DispatchView) -> Section | None:
    """How far the model is from physics, hour by hour."""
    plan = view.plan
    blocks: list[Html] = []
    if len(plan.recovery):
        blocks += [page.paragraph(_words(view)), view.draw("exactness")]
    if plan.cone_gap.size and plan.cone_gap.max().max() > _TIGHT:
        blocks.append(view.draw("gaps", "Where the plain relaxation is loose"))
    blocks += _loose_table(view)
    if view.check is not None:
        blocks += deviation_table(view.check.deviations, view.labels, "Model against AC power flow", view.when)
    if not blocks:
        return None
    intro = (
        "The optimiser works with a model that may let a branch carry more current than physics asks for (a "
        "relaxation). Where that happened, the values shown were recovered by the method named; the bound stays that "
        "of the relaxation. Independently of that, every number is compared with AC power flow."
    )
    return Section("exactness", "How exact is the model", intro, blocks, "Exactness")


def _words(view: DispatchView) -> str:
    """Judge the relaxation, and name the hours that were recovered."""
    gap = float(worst_recovery(view.plan.recovery)["gap"].max())
    judgement = "that is without weight, as hardly any current is concerned, so nothing had to be recovered"
    if hours := recovered_words(view):
        judgement = f"recovered: {hours}"
    elif gap <= _TIGHT:
        judgement = "the relaxation is exact in every period, nothing had to be recovered"
    first = f"Largest cone gap {number(gap, digits=2)}, {invented_words(view)}; {judgement}."
    return " ".join(filter(None, [first, belief_words(view)]))


def invented_words(view: DispatchView) -> str:
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
    table = table[(table["gap"] > _TIGHT) & (table["invented_kw"] > _WATT)]
    rows = []
    for key in table.index:
        found = plan.cone_gap.loc[key].astype(float).dropna() if len(plan.cone_gap) else pd.Series(dtype=float)
        loose = found[found > _TIGHT]
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
    rows = [
        [view.text_of(key), number(row["invented_kw"], "kW", 3), str(row["branches"] or "–"),
         "–" if row["branch"] is None else f"{view.labels.of(*row['branch'])} (gap {number(row['gap'], digits=2)})",
         row["causes"]]
        for key, row in list(table.iterrows())[:_MOST]
    ]  # fmt: skip
    columns = ["when", "invented loss", "loose branches", "loosest", "known causes there"]
    blocks = [
        page.heading("When and why the relaxation is loose"),
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
