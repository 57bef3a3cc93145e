"""Topologies side by side: what the present one, that of least losses and the answer promise."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import page, style
from adnflex.reporting.canvas import BarFigure
from adnflex.reporting.flexibility.view import FlexibilityView
from adnflex.reporting.page import Html
from adnflex.reporting.published import beside_published
from adnflex.reporting.text import cell, dash, fixed, number, signed
from adnflex.reporting.views import NothingToDraw
from adnflex.results.flexibility import Flexibility

_BARS = (
    ("linear_without_q_mwh", "linear model, without reactive power", style.FAINT),
    ("linear_mwh", "linear model, with reactive power", "#56B4E9"),
    ("total_without_q_mwh", "run in AC, without reactive power", "#B8C4D0"),
    ("total_mwh", "run in AC, with reactive power", style.AFTER),
)
#: What is no quantity among published figures.
_SAYS = ("source", "chosen")
_WORDS = {
    "total_mwh": "promised [MWh]",
    "change_percent": "against the present topology [%]",
    "change_without_q_percent": "the same without reactive power [%]",
    "linear_mwh": "linear model [MWh]",
    "total_without_q_mwh": "promised without reactive power [MWh]",
    "linear_without_q_mwh": "linear model without reactive power [MWh]",
    "flexibility_change_percent": "against the present topology [%]",
    "opened_lines": "opened",
    "closed_lines": "closed",
    "losses_kw": "losses [kW]",
    "open": "open",
    "operations": "switching operations",
}


def comparison(view: FlexibilityView) -> go.Figure:
    """Size of the box [MWh] of every topology that was compared: with and without reactive power, and run in AC.

    The linear model's bound of each topology is a mark.
    """
    table = view.flex.comparison
    if table.empty:
        raise NothingToDraw("plan: comparison is empty, so there is nothing to draw; no topologies were compared.")
    names = [str(n) for n in table.index]
    fig = BarFigure(names, [("size of the box [MWh]", "MWh")], 84, showlegend=True, barmode="group", bargroupgap=0.06)
    for column, name, tint in _BARS:
        values = _column(table, column)
        if values.notna().any():
            told = [fixed(v, 3, "MWh") for v in values]
            texts = [fixed(v, 1) if v == v else "" for v in values]
            fig.bars(0, values, name, tint, told, text=texts, textposition="inside", insidetextanchor="end")
    bound = _column(table, "linear_bound_mwh")
    if bound.notna().any():
        marker = {"symbol": "line-ns", "size": 46, "color": style.BOUND, "line": {"color": style.BOUND, "width": 3}}
        told = [f"<b>{n}</b><br>bound of the linear model {fixed(v, 3, 'MWh')}"
                for n, v in zip(fig.rows[0], bound, strict=True)]  # fmt: skip
        fig.marks(0, bound, "bound of the linear model", marker, told)
    fig.axis(0, rangemode="tozero")
    return fig.done()


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    """Column as numbers; NaN where there is none."""
    return table[name].astype(float) if name in table else pd.Series(math.nan, index=table.index, dtype=float)


def comparison_table(view: FlexibilityView) -> list[Html]:
    """Every topology that was compared with its open branches and numbers; nothing where none was."""
    table = view.flex.comparison
    if table.empty:
        return []
    plain = _column(table, "linear_without_q_mwh")
    without = 100 * (plain / plain.get("present", math.nan) - 1)

    def mwh(column: str) -> Callable[[pd.Series], str]:
        return lambda row: fixed(row.get(column), 2, "MWh")

    def against(change: Callable[[pd.Series], float]) -> Callable[[pd.Series], str]:
        return lambda row: dash if row.name == "present" else signed(change(row))

    columns: dict[str, Callable[[pd.Series], str]] = {
        "topology": lambda row: page.strong(row.name) if row.name == "flexibility" else str(row.name),
        "open": lambda row: cell(row.get("open")),
        ">operations": lambda row: fixed(row.get("operations"), 0),
        ">promised": mwh("total_mwh"),
        ">without reactive": mwh("total_without_q_mwh"),
        ">against present": against(lambda row: float(row.get("change_percent", math.nan))),
        ">linear model": mwh("linear_mwh"),
        ">linear without it": mwh("linear_without_q_mwh"),
        ">gain without it": against(lambda row: without[row.name]),
        ">losses": lambda row: number(row.get("losses_kw"), "kW"),
    }
    return page.listing([row for _, row in table.iterrows()], columns)


def published_table(view: FlexibilityView) -> list[Html]:
    """Show our figures beside published ones, where ``options["published"]`` gives some.

    They are a mapping of quantities (of the topology ``flexibility``), or one of topologies or of horizons (e.g. ``24
    periods`` and ``24 periods without q``; other horizons are left out), each with such a mapping; ``source`` says
    where they stand, ``chosen`` how the case was chosen.
    """
    flex = view.flex
    published = flex.options.get("published")
    if not isinstance(published, Mapping):
        return []
    nested = {str(k): v for k, v in published.items() if isinstance(v, Mapping) and _concerns(flex, str(k))}
    flat = {str(k): v for k, v in published.items() if not isinstance(v, Mapping)}
    sources = [str(m["source"]) for m in (flat, *nested.values()) if "source" in m]
    chosen = [str(m["chosen"]) for m in (flat, *nested.values()) if "chosen" in m]
    flat = {k: v for k, v in flat.items() if k not in _SAYS}
    rows = [
        (case, _WORDS.get(str(key), str(key)), _ours(flex, case, str(key)), value)
        for case, values in {**({"flexibility": flat} if flat else {}), **nested}.items()
        for key, value in values.items() if key not in _SAYS
    ]  # fmt: skip
    table = beside_published("case", rows, sources)
    return [*table, *(page.paragraph(text) for text in dict.fromkeys(chosen))] if table else []


def _concerns(flex: Flexibility, case: str) -> bool:
    """Whether a case is about this horizon; a case that names none is."""
    horizon = re.match(r"(\d+) periods?", case)
    return horizon is None or int(horizon[1]) == len(flex.box)


def _ours(flex: Flexibility, case: str, key: str) -> object:
    """Our value of a published quantity; None where we have none of that name."""
    table = flex.comparison
    if key in {"opened_lines", "closed_lines"}:
        return _switched(flex, key == "closed_lines")
    key = key.removeprefix("flexibility_")
    if key == "change_percent" and case.endswith("without q"):
        key = "change_without_q_percent"
    topology = "flexibility" if re.match(r"\d+ period", case) else case
    if topology not in table.index:
        return flex.total_mwh if key == "total_mwh" else None
    if key == "change_without_q_percent":
        plain = _column(table, "linear_without_q_mwh")
        return 100 * (plain[topology] / plain.get("present", math.nan) - 1)
    return table.at[topology, key] if key in table else None


def _switched(flex: Flexibility, closed: bool) -> list[str] | None:
    """Names of what is opened or closed, their numbers where they have none."""
    if not len(flex.switches):
        return None
    rows = flex.switches[flex.switches["operated"].astype(bool)]
    rows = rows[rows["closed_after"].astype(bool) == closed]
    return [str(n) if n else f"{e} {i}" for e, i, n in rows[["element", "index", "name"]].itertuples(index=False)]
