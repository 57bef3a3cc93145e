"""Topologies side by side: what the present one, that of least losses and the answer promise."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import page, style
from adnflex.reporting.canvas import BarFigure
from adnflex.reporting.flexibility.view import FlexibilityView
from adnflex.reporting.page import Html, Section
from adnflex.reporting.text import cell, dash, fixed, number, signed
from adnflex.reporting.views import NothingToDraw
from adnflex.results.flexibility import Flexibility

__all__ = ["comparison", "comparison_section", "published_table"]

_BARS = (
    ("linear_without_q_mwh", "linear model, without reactive power", style.FAINT),
    ("linear_mwh", "linear model, with reactive power", "#56B4E9"),
    ("total_mwh", "run in AC", style.AFTER),
)
_WORDS = {
    "total_mwh": "promised [MWh]",
    "change_percent": "against the present topology [%]",
    "change_without_q_percent": "the same without reactive power [%]",
    "linear_mwh": "linear model [MWh]",
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


def comparison_section(view: FlexibilityView) -> Section | None:
    """Topologies side by side; nothing where nothing was compared or published."""
    published = published_table(view.flex)
    if view.flex.comparison.empty:
        if not published:
            return None
        return Section("comparison", "Beside published figures", "", published[1:], "Published")
    intro = (
        "The same devices in three topologies: as it stands, the one with least losses, and the one chosen. Pale "
        "bars are the linear model without reactive power of the devices, blue is what holds in AC power flow; the "
        "orange stroke is the bound of the linear model, which boxes in AC may exceed."
    )
    blocks = [view.draw("comparison"), _comparison_table(view.flex), *published]
    return Section("comparison", "Gains, and what reactive power adds", intro, blocks, "Gains")


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    """Column as numbers; NaN where there is none."""
    return table[name].astype(float) if name in table else pd.Series(math.nan, index=table.index, dtype=float)


def _comparison_table(flex: Flexibility) -> Html:
    """Every topology with its open branches and numbers."""
    table = flex.comparison
    columns = ["topology", "open", "operations", "promised", "against present", "linear model", "without reactive",
               "gain without it", "linear bound", "losses"]  # fmt: skip
    plain = _column(table, "linear_without_q_mwh")
    base = plain.get("present", math.nan)
    rows = []
    for name, row in table.iterrows():
        change = float(row.get("change_percent", math.nan))
        without = 100 * (plain[name] / base - 1) if base and base == base else math.nan
        rows.append(
            [
                page.join(Html("<strong>"), str(name), Html("</strong>")) if name == "flexibility" else str(name),
                cell(row.get("open")),
                fixed(row.get("operations"), 0),
                fixed(row.get("total_mwh"), 2, "MWh"),
                dash if name == "present" else signed(change),
                fixed(row.get("linear_mwh"), 2, "MWh"),
                fixed(plain[name], 2, "MWh"),
                dash if name == "present" else signed(without),
                fixed(row.get("linear_bound_mwh"), 2, "MWh"),
                number(row.get("losses_kw"), "kW"),
            ]
        )
    return page.table(columns, rows, columns[2:])


def published_table(flex: Flexibility) -> list[Html]:
    """Show our figures beside published ones, where ``options["published"]`` gives some.

    They are a mapping of quantities (of the topology ``flexibility``), or one of topologies or of horizons (e.g. ``24
    periods`` and ``24 periods without q``; other horizons are left out), each with such a mapping; ``source`` says
    where they stand.
    """
    published = flex.options.get("published")
    if not isinstance(published, Mapping):
        return []
    nested = {str(k): v for k, v in published.items() if isinstance(v, Mapping) and _concerns(flex, str(k))}
    flat = {str(k): v for k, v in published.items() if not isinstance(v, Mapping)}
    sources = [str(m["source"]) for m in (flat, *nested.values()) if "source" in m]
    flat.pop("source", None)
    rows = []
    for case, values in {**({"flexibility": flat} if flat else {}), **nested}.items():
        for key, value in values.items():
            if key != "source":
                rows.append([case, _WORDS.get(str(key), str(key)), _text(_ours(flex, case, str(key))), _text(value)])
    if not rows:
        return []
    table = page.table(["case", "quantity", "ours", "published"], rows, ["ours", "published"])
    note = [page.paragraph(f"Published: {'; '.join(dict.fromkeys(sources))}.", "small")] if sources else []
    return [page.heading("Beside published figures"), table, *note]


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


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(v) for v in value) or dash
    return number(float(value), digits=4) if isinstance(value, int | float) else cell(value)
