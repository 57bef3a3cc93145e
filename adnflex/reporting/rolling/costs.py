"""What a day costs, item by item, for one day and for policies over common days, and beside what is published."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import page, style
from adnflex.reporting.canvas import BarFigure
from adnflex.reporting.page import Html
from adnflex.reporting.rolling.view import ITEM_WORDS, RollingView, cents, spread
from adnflex.reporting.text import dash, many, money
from adnflex.reporting.views import NothingToDraw
from adnflex.results.common_days import Comparison
from adnflex.results.rolling import ITEMS, RollingRun

_TINTS = {
    "purchase": "#0072B2", "storage": "#D55E00", "ev_profit": "#E69F00", "ev_subsidy": "#CC79A7", "solar": "#009E73",
    "wind": "#56B4E9", "total": style.INK,
}  # fmt: skip
#: What does not depend on the policy first, then what does; the income brings the sum back to the total.
_ORDER = ("solar", "wind", "ev_subsidy", "purchase", "storage", "ev_profit")


def costs(view: RollingView) -> go.Figure:
    """Draw how the items of a day add up to its total [currency]: each bar begins where the one above it ends."""
    run = view.run
    if run is None:
        raise NothingToDraw("run: there is none, so there is nothing to draw.")
    values = run.costs["cost"].astype(float)
    values = values[(values != 0) | (values.index != "storage")]  # most storages cost nothing
    order = [i for i in _ORDER if i in values.index]
    order += [str(item) for item in values.index if item not in {*order, "total"}]
    sizes = np.array([*values[order], run.total])
    starts = np.append(np.cumsum(np.append(0.0, sizes[:-1]))[:-1], 0.0)
    words = [ITEM_WORDS.get(item, item) for item in [*order, "total"]]
    # Behind a long income the text would stand on the names of the items.
    within = (sizes < 0) & (np.abs(sizes) > 0.4 * np.abs(starts)) & (np.arange(len(sizes)) < len(order))
    fig = BarFigure(words, [(f"cost of the day [{run.currency}]", run.currency)])
    fig.bars(
        0, sizes, "", [_TINTS.get(item, style.MUTED) for item in [*order, "total"]],
        [money(v, run.currency, 1.0) for v in sizes], base=starts, width=0.7, cliponaxis=False, textangle=0,
        text=[f" {money(v, '', 1.0)} " for v in sizes], insidetextanchor="middle",
        textposition=["inside" if inside else "outside" for inside in within],
    )  # fmt: skip
    ends = [0.0, *starts, *(starts + sizes)]
    # Texts are as wide on a narrow page as on a wide one.
    room = 0.3 * max(max(ends) - min(ends), 1.0)
    fig.axis(0, range=[min(ends) - room, max(ends) + room], zeroline=True, zerolinecolor=style.INK)
    return fig.done()


def policy_costs(view: RollingView) -> go.Figure:
    """Mean cost of a day by item and policy [currency]: costs to the right of zero, income to the left."""
    comparison = view.days
    table, unit = comparison.table, f"{comparison.currency} a day"
    fig = BarFigure(
        view.policies, [(f"mean cost of a day [{comparison.currency}]", unit)], barmode="relative", showlegend=True
    )
    for item in ("purchase", "storage", "solar", "wind", "ev_subsidy", "ev_profit"):
        if item != "storage" or table[item].any():
            fig.bars(0, table[item], ITEM_WORDS[item], _TINTS[item])
    # The total as `Comparison.days` has it: less the value of what is stored at the end.
    marker = {"symbol": "diamond", "size": 11, "color": style.INK, "line": {"color": "white", "width": 1.5}}
    told = [
        f"{name}: {spread(*row)} {unit}"
        for name, row in zip(view.policies, table[["mean", "ci95"]].to_numpy(), strict=True)
    ]
    fig.marks(0, table["mean"], "total ± 95 %", marker, told, widths=np.nan_to_num(table["ci95"].to_numpy(dtype=float)))
    fig.axis(0, zeroline=True, zerolinecolor=style.INK)
    return fig.done()


def cost_blocks(view: RollingView) -> list[Html]:
    """Costs by item, of the day and of each policy on average."""
    run, comparison = view.run, view.comparison
    several = comparison is not None and len(comparison.days) > 0
    blocks: list[Html] = []
    if run is not None:
        head = f"Day {run.day}: {run.policy}" if several else ""
        blocks.append(page.side_by_side(view.draw("costs", head), _day_table(run)))
    if comparison is not None and several:
        title = f"Policies: mean over {many(len(comparison.days), 'common day')}"
        blocks += [view.draw("policy-costs", title), _policy_table(comparison)]
    return blocks


def _day_table(run: RollingRun) -> Html:
    known = run.costs["cost"].astype(float).drop("total", errors="ignore")
    rows = [[ITEM_WORDS.get(str(item), str(item)), cents(value, run.currency)] for item, value in known.items()]
    rows.append(["total", cents(run.total, run.currency)])
    if run.stored_value:
        rows.append(["value of what is stored at the end", cents(-run.stored_value, run.currency)])
        rows.append(["what policies are compared by", cents(run.objective, run.currency)])
    return page.table(["item", "cost"], rows, ["cost"], total=True)


def _policy_table(comparison: Comparison) -> Html:
    """Mean of each item by policy, and the total with its interval."""
    table, names = comparison.table, [str(name) for name in comparison.days.columns]
    rows = [[ITEM_WORDS[item], *(cents(float(table.at[n, item])) for n in names)] for item in ITEMS]
    kept = [comparison.items.xs(n, level="policy").loc[comparison.days.index, "stored_value"].mean() for n in names]
    if np.abs(kept).max(initial=0.0) > 5e-3:
        rows.append(["less value of what is stored at the end", *(cents(-float(v)) for v in kept)])
    rows.append(["total", *(spread(float(table.at[n, "mean"]), float(table.at[n, "ci95"])) for n in names)])
    return page.table([f"{comparison.currency} a day", *names], rows, names, total=True)


# What is published --------------------------------------------------------------------------------------------


def published(view: RollingView) -> list[Html]:
    """Put published figures beside ours; nothing where there are none."""
    found = (view.published.get(key) for key in ("costs", "total_by_weather"))
    items, weathers = (table if isinstance(table, Mapping) else {} for table in found)
    if not items and not weathers:
        return []
    (ours, label), options = _ours(view), view.any.options
    blocks: list[Html] = []
    if items:
        columns = ["item", label, *(f"published: {name}" for name in items)]
        rows = [
            [ITEM_WORDS[item], cents(float(ours.get(item, float("nan")))), *(_figure(items[k], item) for k in items)]
            for item in (*ITEMS, "total")
        ]
        blocks.append(page.table(columns, rows, columns[1:], total=True))
    if weathers:
        mine = str(options.get("weather") or view.facts.study.get("weather", ""))
        rows = [
            [str(name), cents(float(ours["total"])) if str(name) == mine else dash, cents(float(value))]
            for name, value in weathers.items()
        ]
        columns = ["total by weather", label, "published"]
        blocks.append(page.table(columns, rows, columns[1:]))
    under = [f"{word} {options[word]}" for word in ("weather", "tariff") if word in options]
    limit = options.get("exchange_limit_mw")
    if limit is not None:
        upto = f"up to {limit:g} MW a node" if isinstance(limit, int | float) else f"by {limit}"
        under.append(f"exchange {upto}")
    notes = [f"Here: {', '.join(under)}."] if under else []
    notes += [f"Published: {view.published['source']}."] if view.published.get("source") else []
    return [*blocks, *(page.paragraph(note, "small") for note in notes)]


def _ours(view: RollingView) -> tuple[pd.Series, str]:
    """Items and total to hold against published ones, and what they are."""
    comparison, policy = view.comparison, view.policy
    if comparison is not None and policy is not None:
        mine = comparison.items.xs(policy, level="policy").loc[comparison.days.index]
        return mine[[*ITEMS, "total"]].mean(), f"here: {policy}, mean of {len(comparison.days)} days"
    if view.run is not None:
        return view.run.costs["cost"].astype(float), f"here: {view.run.policy}, day {view.run.day}"
    return pd.Series(float("nan"), index=[*ITEMS, "total"]), "here"


def _figure(row: object, item: str) -> str:
    value = row.get(item) if isinstance(row, Mapping) else None
    return cents(float(value)) if isinstance(value, int | float) else dash
