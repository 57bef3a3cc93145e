"""What a dispatch costs and emits, item by item, and how several studies compare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import page, style
from adnflex.reporting.canvas import BarFigure
from adnflex.reporting.dispatch.readings import READINGS, spread_rows, voltage_spread
from adnflex.reporting.dispatch.view import DispatchView
from adnflex.reporting.page import Html
from adnflex.reporting.published import beside_published, of_study
from adnflex.reporting.text import dash, distance, energy, fixed, mass, money, number, percent, relative, share
from adnflex.reporting.views import NothingToDraw

#: Items without weight in the sum would only be a line in the key.
_SHOWN = 1e-4
_TINTS = {
    "purchase": "#0072B2", "sale": "#56B4E9", "export": "#56B4E9", "loss": style.INK, "carbon": "#8c8c8c",
    "generation": "#009E73", "storage": "#CC79A7", "vehicle": "#E69F00", "ev": "#E69F00", "move": "#D55E00",
    "switch": "#D55E00", "reactive": "#F0E442", "capacitor": "#F0E442",
}  # fmt: skip
_PATTERNS = ["", "/", "\\", "x", "-", "|"]
#: What published quantities are called.
_WORDS = {
    "cost": "cost", "carbon_kg": "carbon [kg CO₂]", "imported_mwh": "imported [MWh]", "exported_mwh": "exported [MWh]",
    "curtailed_mwh": "curtailed [MWh]", "losses_mwh": "losses [MWh]",
    "cost_change_percent": "cost against the first study [%]",
    "carbon_change_percent": "carbon against the first study [%]",
}  # fmt: skip


def item_colours(items: list[str]) -> dict[str, tuple[str, str]]:
    """Colour and pattern of each item: the same in every report for what is known, no two alike.

    Examples
    --------
    >>> item_colours(["purchase", "purchase of heat"])
    {'purchase': ('#0072B2', ''), 'purchase of heat': ('#0072B2', '/')}
    """
    used: dict[str, int] = {}
    found = {}
    spare = 0
    for item in items:
        words = item.lower().replace("_", " ").split()
        # The kind of a cost stands at its end: capacitor moves are moves.
        tint = next((t for w in words[::-1] for known, t in _TINTS.items() if w.startswith(known)), "")
        if not tint:
            tint = style.PALETTE[spare % len(style.PALETTE)]
            spare += 1
            used.setdefault(tint, 1)
        found[item] = (tint, _PATTERNS[used.get(tint, 0) % len(_PATTERNS)])
        used[tint] = used.get(tint, 0) + 1
    return found


def costs(views: DispatchView | Sequence[DispatchView]) -> go.Figure:
    """Cost by item [currency], and of several studies emissions [kg CO₂]: a bar an item, or a stacked bar a study.

    Income stands to the left of zero.
    """
    found = [views] if isinstance(views, DispatchView) else list(views)
    items = list(dict.fromkeys(item for view in found for item in view.costs.index))
    table = pd.DataFrame([view.costs.reindex(items).fillna(0.0).to_numpy() for view in found], columns=items).T
    table = table[(table.abs() > _SHOWN * (float(table.sum().abs().max()) or 1.0)).any(axis=1)]
    return _stack(found, table) if len(found) > 1 else _items(found[0], table[0])


def _items(view: DispatchView, values: pd.Series) -> go.Figure:
    """One bar an item."""
    colours = item_colours(list(values.index))
    fig = BarFigure(list(values.index), [(f"cost of the horizon [{view.plan.currency}]", view.plan.currency)])
    fig.bars(
        0, values, "", [colours[i][0] for i in values.index], pattern=[colours[i][1] for i in values.index], width=0.7,
        text=[f" {money(v, '', view.cost)} " for v in values], textposition="outside", cliponaxis=False,
    )  # fmt: skip
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    # Texts are as wide on a narrow page as on a wide one.
    room = 0.3 * (high - low)
    fig.axis(0, range=[low - (room if low < 0 else 0), high + room], zeroline=True, zerolinecolor=style.FAINT)
    return fig.done()


def _stack(views: list[DispatchView], table: pd.DataFrame) -> go.Figure:
    """One stacked bar a study, and the carbon below."""
    currency = views[0].plan.currency
    panels = [(f"cost of the horizon [{currency}]", currency), ("carbon [kg CO₂]", "kg CO₂")]
    fig = BarFigure([view.name for view in views], panels, barmode="relative")
    for item, (tint, pattern) in item_colours(list(table.index)).items():
        fig.bars(0, table.loc[item], item, tint, pattern=pattern)
    carbon = np.array([view.plan.carbon_kg for view in views], dtype=float)
    fig.bars(1, carbon, "", _TINTS["carbon"])
    # The sum stands behind the end of its bar, which income does not shorten.
    ends = table.clip(lower=0).sum()
    fig.ends(0, ends, [money(view.cost, "") for view in views])
    fig.ends(1, carbon, [fixed(c, 0) for c in carbon])
    for panel, low, most in ((0, float(table.clip(upper=0).sum().min()), ends.max()), (1, 0.0, carbon.max())):
        fig.axis(panel, range=[low * 1.05, float(most) * 1.3 if most > 0 else 1.0])
    return fig.done()


def front(views: Sequence[DispatchView]) -> go.Figure:
    """Cost [currency] against carbon [kg CO₂] of several studies, and the proven bound of each cost."""
    if len(views) < 2:
        raise NothingToDraw("plan: is one study, and cost against carbon is drawn of several; give two or more.")
    currency = views[0].plan.currency
    carbon = np.array([view.plan.carbon_kg for view in views])
    cost, bound = (np.array([getattr(view, c, math.nan) for view in views]) for c in ("cost", "bound"))
    fig = style.figure(380, hovermode="closest")
    told = [
        f"<b>{escape(view.name)}</b><br>{mass(c)}<br>cost {money(v, currency)}, proven: not below {money(b, currency)}"
        for view, c, v, b in zip(views, carbon, cost, bound, strict=True)
    ]
    order = np.argsort(carbon, kind="stable")
    fig.add_scatter(
        x=carbon[order], y=cost[order], name="cost", mode="lines+markers+text", hoverinfo="text",
        text=[escape(views[k].name) for k in order], textposition="top right", hovertext=[told[k] for k in order],
        line={"color": style.AFTER, "width": 1.5, "dash": "dot"}, marker={"size": 10}, cliponaxis=False,
    )  # fmt: skip
    mark = {"symbol": "line-ew", "size": 16, "line": {"color": style.BOUND, "width": 3}}
    fig.add_scatter(x=carbon, y=bound, name="proven bound", mode="markers", marker=mark, hoverinfo="skip")
    air = 0.15 * (float(np.ptp(carbon)) or 1.0)
    reach = [carbon.min() - air / 3, carbon.max() + air]
    fig.update_xaxes(title_text="carbon [kg CO₂]", range=reach, exponentformat="none")
    fig.update_yaxes(title_text=f"cost of the horizon [{currency}]", exponentformat="none")
    return fig


def source_words(views: Sequence[DispatchView]) -> str:
    """Say where the costs come from."""
    model = [view.name for view in views if view.costs_are_model]
    source = "by AC power flow" if not model else "of the model, not validated"
    if model and len(model) < len(views):
        source = f"by AC power flow, except {', '.join(model)} (of the model)"
    return f"Costs are {source}; income is negative."


def cost_blocks(views: Sequence[DispatchView]) -> list[Html]:
    """Show costs and emissions: the figure, and a table with every item and the total."""
    drawn = page.figure(costs(views), f"costs-figure{views[0].suffix}")
    tables = [_one_study(views[0])] if len(views) == 1 else _comparison_tables(views)
    return [drawn, *tables, *_published_table(views)]


def _one_study(view: DispatchView) -> Html:
    """Items of one study, beside what the model has."""
    plan, items = view.plan, view.costs
    total, unit = float(items.sum()), plan.currency
    model = plan.costs["cost"].astype(float).reindex(items.index)
    rows = [
        [str(item), money(cost, unit, total), percent(100 * cost / total) if total > 0 else dash,
         money(model[item], unit, total)]
        for item, cost in items.items()
    ]  # fmt: skip
    whole = percent(100.0) if total > 0 else dash
    rows.append(["total", money(total, unit, total), whole, money(float(model.sum()), unit)])
    columns = ["item", "cost", "share", "in the model"]
    if view.costs_are_model:
        rows, columns = [row[:3] for row in rows], columns[:3]
    horizon = [["carbon of the import", mass(plan.carbon_kg)]]
    horizon += [[str(k), energy(float(v))] for k, v in plan.energy["mwh"].items()]
    return page.side_by_side(
        page.table(columns, rows, columns[1:], total=True), page.table(["of the horizon", ""], horizon, [""])
    )


def _comparison_tables(views: Sequence[DispatchView]) -> list[Html]:
    """Every cost item, the total, and the other key figures of several studies, with changes against the first."""
    unit, first = views[0].plan.currency, views[0]
    names = [view.name for view in views]
    items = list(dict.fromkeys(i for view in views for i in view.costs.index))
    scale = max(abs(view.cost) for view in views)
    rows = [[i, *(money(float(view.costs.get(i, 0.0)), unit, scale) for view in views)] for i in items]
    rows.append(["total", *(money(view.cost, unit, scale) for view in views)])
    facts = [
        ["cost against the first", *(relative(v.cost, first.cost) if v is not first else dash for v in views)],
        ["carbon", *(mass(v.plan.carbon_kg) for v in views)],
        ["carbon against the first",
         *(relative(v.plan.carbon_kg, first.plan.carbon_kg) if v is not first else dash for v in views)],
        *([what, *(energy(v.mwh(what)) for v in views)] for what in ("imported", "exported", "losses", "curtailed")),
        *spread_rows(views),
        ["AC check", *(_passed(v) for v in views)],
        ["certificate", *(distance(v.certificate, "≤") if math.isfinite(v.certificate) else dash for v in views)],
        ["gap of the model", *(share(max(v.plan.gap, 0.0)) for v in views)],
        ["solver time", *(number(v.plan.seconds, "s", 3) for v in views)],
    ]  # fmt: skip
    return [page.table(["cost", *names], rows, names, total=True), page.table(["", *names], facts, names)]


def _passed(view: DispatchView) -> Html:
    if view.check is None:
        return page.badge("not validated", "open")
    return page.badge("passed", "good") if view.check.passed else page.badge("FAILED", "bad")


# Scenarios --------------------------------------------------------------------------------------------------


def scenario_costs(view: DispatchView) -> Html:
    """Cost of each scenario in the model, on a click."""
    plan = view.plan
    total = plan.scenario_costs.sum(axis=1).astype(float)
    rows = [
        [str(s), percent(100 * float(p)), money(float(total.get(s, math.nan)), plan.currency)]
        for s, p in plan.scenarios["probability"].items()
    ]
    columns = ["scenario", "probability", "cost of the model"]
    return page.details(f"Cost of the {len(rows)} scenarios", page.table(columns, rows, columns[1:]))


def scenario_values(view: DispatchView) -> list[Html]:
    """Tell what planning with scenarios is worth, and what knowing the future would be."""
    plan = view.plan
    values = [
        ("planned with the mean, met by the scenarios", plan.expected_value_cost),
        ("planned with all scenarios", plan.objective),
        ("each scenario known in advance (wait and see)", plan.wait_and_see),
        ("value of the stochastic solution (VSS)", plan.value_of_stochastic_solution),
        ("expected value of perfect information (EVPI)", plan.value_of_perfect_information),
    ]
    known = [[label, money(v, plan.currency, plan.objective)] for label, v in values if v is not None]
    if len(known) < 2:
        return []
    return [page.heading("What the scenarios are worth"), page.table(["expected cost", "value"], known, ["value"])]


# Published figures --------------------------------------------------------------------------------------------


def _published_table(views: Sequence[DispatchView]) -> list[Html]:
    """Show our figures beside published ones, where a plan carries some."""
    told = [(v, of_study(v.plan.options, str(v.plan.options.get("study", "")), v.name)) for v in views]
    rows = [
        (view.name, words, ours, value)
        for view, figures in told for key, value in figures.items() if key != "source"
        for words, ours in _read(view, views[0], str(key))
    ]  # fmt: skip
    return beside_published("study", rows, [str(figures["source"]) for _, figures in told if "source" in figures])


def _read(view: DispatchView, first: DispatchView, key: str) -> list[tuple[str, float]]:
    """Our values of a published quantity, in every way that it can be read."""
    if key != "voltage_spread_percent":
        return [(_WORDS.get(key, key), _ours(view, first, key))]
    spread = voltage_spread(view)
    return [(f"peak-valley voltage {words} [%]", float(getattr(spread, name))) for name, words in READINGS.items()]


def _ours(view: DispatchView, first: DispatchView, key: str) -> float:
    """Our value of a published quantity; NaN where we have none of that name."""
    values = {"cost": view.cost, "carbon_kg": view.plan.carbon_kg}
    if key.endswith("_change_percent"):
        cost = key.startswith("cost")
        ours, theirs = (view.cost, first.cost) if cost else (view.plan.carbon_kg, first.plan.carbon_kg)
        return 100 * (ours - theirs) / abs(theirs) if theirs else math.nan
    return values.get(key, view.mwh(key.removesuffix("_mwh")) if key.endswith("_mwh") else math.nan)
