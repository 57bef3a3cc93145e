"""How the box was found: the linear model and its bound, what holding in AC costs, the AC states."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.reporting import page, recipes, style
from adnflex.reporting.canvas import BarFigure, HeatFigure
from adnflex.reporting.canvas.heat import Shade
from adnflex.reporting.flexibility.view import FlexibilityView, is_weighted
from adnflex.reporting.flexibility.words import size
from adnflex.reporting.page import Html
from adnflex.reporting.text import dash, fixed, number, percent
from adnflex.reporting.views import NothingToDraw
from adnflex.results.boxes import Box
from adnflex.results.flexibility import Flexibility

#: What the states are coloured by: the words of the choice, column, columns of the place, colours, unit, decimals.
HEATS = {
    "lowest voltage": ("vm_min_pu", ("bus", "vm_min_bus"), style.VOLTAGE_SCALE, "pu", 4),
    "highest voltage": ("vm_max_pu", ("bus", "vm_max_bus"), style.VOLTAGE_SCALE, "pu", 4),
    "loading": ("loading_percent", ("loading_element", "loading_index"), style.LOADING_SCALE, "%", 1),
}
_ENDED = {"optimal": "settled", "time_limit": "time limit"}
_ROUNDS = (
    ("total_mwh", "box [MWh]", "MWh"), ("voltage_excess_pu", "voltage beyond its limit [pu]", "pu"),
    ("loading_excess_percent", "loading beyond its limit [%]", "%"),
    ("import_error_kw", "import, model against AC [kW]", "kW"),
)  # fmt: skip


def bounds(view: FlexibilityView) -> go.Figure:
    """Box and bound of the linear model [MWh] as they converged, and their gap [%] where there is one."""
    lines = {"linear_bound_mwh": ("bound of the linear model", style.BOUND), "box_mwh": ("box so far", style.AFTER)}
    return recipes.convergence(view.flex.progress, "size of the box", "MWh", lines, above=True)


def sizes(view: FlexibilityView) -> go.Figure:
    """Box that was run in AC power flow, boxes of the linear model and its bound [MWh]."""
    flex = view.flex
    rows = [
        ("run in AC", flex.total_mwh, style.AFTER, "what AC power flow leaves"),
        ("linear, hour by hour", flex.separable.total_mwh, "#56B4E9", "followed without knowledge of later hours"),
        ("linear, with foresight", flex.foresighted.total_mwh, style.FAINT,
         "if the whole trajectory were known at first"),
    ]  # fmt: skip
    if not is_weighted(flex):
        told = f"bounds boxes of the linear model, not boxes in AC: {flex.linear.bound_kind}"
        rows.append(("bound of the linear model", flex.linear.bound, style.BOUND, told))
    rows = [row for row in rows if np.isfinite(row[1])]
    values = np.array([row[1] for row in rows])
    spread = max(float(values.max() - values.min()), 1e-3 * float(values.max()))
    fig = BarFigure([row[0] for row in rows], [("size of the box [MWh]", "MWh")], margin={"t": 16, "r": 76})
    for k, (name, value, tint, words) in enumerate(rows):
        # Dots, not bars: the axis does not begin at zero.
        sign = "line-ns" if "bound" in name else "circle"
        marker = {"color": tint, "size": 15, "symbol": sign, "line": {"color": tint, "width": 3}}
        told = f"<b>{name}</b>: {number(value, 'MWh', 6)}<br>{escape(words)}"
        fig.marks(0, [value], name, marker, [told], rows=[k], key=False)
    fig.ends(0, values, [f"  {number(v, 'MWh', 4)}" for v in values])
    start = max(0.0, float(values.min()) - 0.4 * spread)
    fig.axis(0, range=[start, float(values.max()) + 0.35 * spread], nticks=6)
    return fig.done()


def rounds(view: FlexibilityView) -> go.Figure:
    """Draw the rounds of AC tightening: the box [MWh], and what was beyond limits or off in each."""
    flex = view.flex
    table = flex.rounds
    shown = [r for r in _ROUNDS if r[0] in table and table[r[0]].notna().any()]
    if table.empty or not shown:
        raise NothingToDraw("plan: rounds is empty, so there is nothing to draw; no round of AC tightening was run.")
    lines = (len(shown) + 1) // 2
    fig = make_subplots(
        rows=lines, cols=min(2, len(shown)), subplot_titles=[r[1] for r in shown], vertical_spacing=0.22,
        horizontal_spacing=0.12,
    )  # fmt: skip
    fig.update_layout(template=style.figure().layout.template, height=60 + 190 * lines, hovermode="closest")
    fig.update_annotations(font={"size": 12.5, "color": style.INK})
    numbers = list(range(1, len(table) + 1))
    for k, (column, _, unit) in enumerate(shown):
        values = table[column].astype(float)
        where = {"row": k // 2 + 1, "col": k % 2 + 1}
        fig.add_trace(
            go.Scatter(
                x=numbers, y=values.to_numpy(), mode="lines+markers", showlegend=False, name=column,
                line={"color": style.AFTER if k == 0 else style.LIMIT, "width": 2}, marker={"size": 8},
                hovertext=[f"round {n}: {number(v, unit)}" for n, v in zip(numbers, values, strict=True)],
                hoverinfo="text",
            ),
            **where,
        )  # fmt: skip
        if column != "total_mwh":
            fig.update_yaxes(rangemode="tozero", **where)
        fig.update_yaxes(exponentformat="none", nticks=5, **where)
    step = max(1, len(numbers) // 8)
    fig.update_xaxes(tickmode="linear", tick0=1, dtick=step, range=[0.7, len(numbers) + 0.3])
    for k in range(len(shown)):
        if k >= len(shown) - 2:
            fig.update_xaxes(title_text="round", row=k // 2 + 1, col=k % 2 + 1)
    return fig


def states(view: FlexibilityView) -> go.Figure:
    """Lowest and highest voltage [pu] and highest loading [%] of every AC state, by period and share."""
    flex = view.flex
    if flex.ac.empty:
        raise NothingToDraw("plan: ac is empty, so there is nothing to draw; no AC power flow was run.")
    shares = sorted(set(flex.ac.index.get_level_values("share")))
    heat = HeatFigure(view.clock, [_share(s) for s in shares], title="share of the way up", height=360)
    # The lower end is below.
    heat.fig.update_yaxes(range=[-0.5, len(shares) - 0.5])
    for name, (column, (element, index), scale, unit, decimals) in HEATS.items():
        if column in flex.ac:
            values = flex.ac[column].astype(float).unstack("share").reindex(index=flex.box.index, columns=shares)
            told = _places(view, element, index, name, unit, decimals).reindex(values.index, columns=shares)
            shown = values.to_numpy(dtype=float).T
            stops = [[k / (len(scale) - 1), c] for k, c in enumerate(scale)]
            nothing, bar = np.zeros(shown.shape, dtype=bool), style.colour_bar(f"{name} [{unit}]")
            heat.cells(
                told.to_numpy().T,
                Shade(shown, (np.nanmin(shown), np.nanmax(shown)), stops, nothing, bar),
                "{}",
                "",
                name,
            )
    return heat.done()


def _share(share: float) -> str:
    """Name of a share of the way from the lower to the upper end."""
    return {0.0: "lower end", 1.0: "upper end"}.get(round(float(share), 9), f"{100 * float(share):.0f} %")


def _places(view: FlexibilityView, element: str, index: str, name: str, unit: str, decimals: int) -> pd.DataFrame:
    """Each state's extreme value and its place in words, by period and share."""
    table = view.flex.ac
    values = [f"{name} {fixed(v, decimals, unit)}" for v in table[next(c for n, (c, *_) in HEATS.items() if n == name)]]
    if index in table:
        elements = table[element] if element in table else pd.Series(element, index=table.index)
        known = {key: escape(view.labels.of(*key)) for key in set(zip(elements, table[index], strict=True))}
        values = [
            f"{v} at {known[key]}" for v, key in zip(values, zip(elements, table[index], strict=True), strict=True)
        ]
    return pd.Series(values, index=table.index, dtype=object).unstack("share")


# Words and tables ---------------------------------------------------------------------------------------------


def choice(view: FlexibilityView) -> Html:
    """Buttons to choose what the states are coloured by."""
    return page.bar(page.toggle(f"states{view.suffix}", list(HEATS), "Show"))


def foresight(view: FlexibilityView) -> Html:
    """Say what knowing the trajectory beforehand would give, and what holding in AC costs."""
    flex = view.flex
    more = flex.foresighted.total_mwh - flex.separable.total_mwh
    cost = flex.tightening_mwh
    told = "In the linear model, knowing the whole trajectory beforehand would gain nothing."
    if more > 1e-6 * max(flex.separable.total_mwh, 1e-9):
        told = f"Knowing the whole trajectory beforehand would gain {number(more, 'MWh', 3)} in the linear model."
    amount = f"{number(abs(cost), 'MWh', 3)} ({_part(abs(cost), flex.separable.total_mwh)})"
    ac = f"In AC the box is {amount} larger: the linear model knows no losses." if cost < 0 else ""
    return page.paragraph(f"{told} {ac or f'Holding in AC costs {amount}.'}")


def _part(value: float, whole: float) -> str:
    return percent(100 * value / whole, 2) if whole > 0 else dash


def tables(view: FlexibilityView) -> list[Html]:
    """Bounds and rounds as they converged, and both boxes of the linear model with their bounds."""
    flex = view.flex
    found: list[Html] = []
    if not flex.progress.empty:
        found.append(view.draw("bounds", "The linear model as it converged"))
        if flex.tightening_mwh < 0:
            words = "The box in AC lies above that of the linear model, which knows no losses."
            found.append(page.paragraph(words, "small"))
    if not flex.rounds.empty:
        found.append(view.draw("rounds", "Rounds of AC tightening"))
        found.append(page.details("The rounds as numbers", _rounds_table(flex.rounds.astype(float))))
    return [*found, _boxes(flex), *_generated(flex)]


def _generated(flex: Flexibility) -> list[Html]:
    """Tabulate the rounds of column and constraint generation; nothing where two linear programs settled the box."""
    table = flex.iterations
    if table.empty:
        return []
    columns: dict[str, Callable[[int], str]] = {
        "round": str,
        ">vertices": lambda k: str(int(table.at[k, "vertices"])),
        ">master problem": lambda k: number(table.at[k, "master_mwh"], "", 6),
        ">missing at the worst vertex": lambda k: number(table.at[k, "shortage_mw"], "MW", 3),
        "that vertex (1: upper end)": lambda k: str(table.at[k, "vertex"]),
        "no vertex is worse": lambda k: "shown" if table.at[k, "worst"] else dash,
    }
    return [page.heading("Column and constraint generation"), page.listing(list(table.index), columns)[0]]


def _rounds_table(rounds: pd.DataFrame) -> Html:
    names = {column: (title.partition(" [")[0], unit) for column, title, unit in _ROUNDS}
    heads = ["round", *(names.get(str(c), (str(c), ""))[0] for c in rounds)]
    units = [names.get(str(c), ("", ""))[1] for c in rounds]
    rows = [
        [str(n), *(number(v, u) for v, u in zip(row, units, strict=True))]
        for n, row in enumerate(rounds.to_numpy(), start=1)
    ]
    return page.table(heads, rows, heads[1:])


def _policies(flex: Flexibility) -> list[tuple[str, Box]]:
    """Boxes of the linear model by what a policy knows."""
    memory = int(flex.options.get("memory", 1))
    between = [(f"remembering {memory} periods", flex.remembering)] if memory > 1 else []
    return [("hour by hour", flex.separable), *between, ("with foresight", flex.foresighted)]


def _boxes(flex: Flexibility) -> Html:
    rows = [
        [words, size(box.total_mwh), size(box.bound_mwh), _part(box.bound_mwh - box.total_mwh, box.total_mwh),
         _ENDED.get(box.status, box.status), str(box.iterations) if box.iterations else "two linear programs"]
        for words, box in _policies(flex)
    ]  # fmt: skip
    columns = ["linear model", "box", "bound of its kind", "gap", "status", "iterations"]
    return page.table(columns, rows, columns[1:4])
