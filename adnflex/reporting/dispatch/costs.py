"""What a dispatch costs and emits, item by item, and how several studies compare."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.reporting import style
from adnflex.reporting.dispatch.inputs import Checks, Plans, Study, studies
from adnflex.reporting.text import dash, fixed, percent

__all__ = ["cost_figure", "cost_table", "energy", "item_colours", "mass", "money", "relative"]

_ROW = 38
#: Items without weight in the sum would only be a line in the key.
_SHOWN = 1e-4
_TINTS = {
    "purchase": "#0072B2", "sale": "#56B4E9", "export": "#56B4E9", "loss": style.INK, "carbon": "#8c8c8c",
    "generation": "#009E73", "storage": "#CC79A7", "vehicle": "#E69F00", "ev": "#E69F00", "move": "#D55E00",
    "switch": "#D55E00", "reactive": "#F0E442", "capacitor": "#F0E442",
}  # fmt: skip
_PATTERNS = ["", "/", "\\", "x", "-", "|"]


def money(value: float, currency: str, scale: float | None = None) -> str:
    r"""Sum of money; cents only where they can matter beside `scale` (by default the sum itself).

    Examples
    --------
    >>> money(1234.567, "EUR"), money(13144.1, "CNY"), money(3.5, "CNY", scale=250000)
    ('1\u202f234.57\u202fEUR', '13\u202f144.1\u202fCNY', '4\u202fCNY')
    """
    size = abs(value if scale is None else scale)
    decimals = 2 if not size >= 1e4 else 1 if size < 1e5 else 0
    return fixed(value, decimals, currency)


def energy(mwh: float) -> str:
    r"""Write an energy, no finer than a kWh.

    Examples
    --------
    >>> energy(58.3123), energy(0.03216), energy(-1e-12), energy(float("nan"))
    ('58.31\u202fMWh', '0.032\u202fMWh', '0\u202fMWh', '–')
    """
    if abs(mwh) < 5e-4:
        return fixed(0, 0, "MWh")
    return fixed(mwh, 3 if abs(mwh) < 1 else 2 if abs(mwh) < 1e3 else 0, "MWh")


def mass(kg: float) -> str:
    r"""Write emissions, no finer than can matter.

    Examples
    --------
    >>> mass(6823.5), mass(12.34)
    ('6\u202f824\u202fkg CO₂', '12.3\u202fkg CO₂')
    """
    return fixed(kg, 1 if abs(kg) < 1e3 else 0, "kg CO₂")


def relative(value: float, reference: float) -> str:
    r"""Change against a reference in percent, with its sign.

    Examples
    --------
    >>> relative(52.1, 100.0), relative(1.0, 0.0)
    ('−47.9\u202f%', '–')
    """
    if not (math.isfinite(value) and math.isfinite(reference)) or reference == 0:
        return dash
    part = (value - reference) / abs(reference) * 100
    return f"{'+' if part > 0.05 else ''}{percent(part)}"


def cost_table(plans: Plans, checks: Checks = None) -> pd.DataFrame:
    """Cost of each item (rows) in each study (columns), by AC power flow where there is a check [currency].

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> plan, check = example()
    >>> bool(abs(cost_table(plan, check).sum().iloc[0] - check.objective) < 1e-6)
    True
    """
    return _costs(studies(plans, checks))


def _costs(found: list[Study]) -> pd.DataFrame:
    items = list(dict.fromkeys(item for study in found for item in study.costs.index))
    table = pd.DataFrame({s.name: s.costs.reindex(items) for s in found}, index=pd.Index(items, name="item"))
    return table.fillna(0.0)


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


def cost_figure(plans: Plans, checks: Checks = None) -> go.Figure:
    """Cost by item [currency] and emissions [kg CO₂]: a stacked bar a study, or a bar an item of a single one.

    Income stands to the left of zero. Costs are those of AC power flow where there is a check.

    Parameters
    ----------
    plans : DispatchPlan or sequence of DispatchPlan
        The plans.
    checks : DispatchCheck, None, or sequence of both
        Their checks.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels: cost and carbon.

    Raises
    ------
    InputError
        If an argument is none of these.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> [trace.name for trace in cost_figure(*example()).data][:2]
    ['purchase', 'sales']
    """
    found = studies(plans, checks)
    table = _costs(found)
    total = float(table.sum().abs().max()) or 1.0
    table = table[(table.abs() > _SHOWN * total).any(axis=1)]
    return _stack(found, table) if len(found) > 1 else _items(found[0], table)


def _items(study: Study, table: pd.DataFrame) -> go.Figure:
    """One bar an item, the largest on top."""
    values = table.iloc[:, 0]
    fig = style.figure(int(96 + _ROW * max(len(values), 2)), showlegend=False, bargap=0.3)
    colours = item_colours(list(values.index))
    total = study.cost
    for item, value in values.items():
        tint, pattern = colours[item]
        fig.add_trace(
            go.Bar(
                x=[value], y=[item], orientation="h", name=item, width=0.7,
                marker={"color": tint, "pattern": {"shape": pattern}},
                text=[f" {money(value, '', total)} "], textposition="outside", cliponaxis=False,
                hovertemplate=f"{item}: %{{x:,.2f}} {study.plan.currency}<extra></extra>",
            )
        )  # fmt: skip
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    # Texts are as wide on a narrow page as on a wide one.
    room = 0.3 * (high - low)
    fig.update_xaxes(title_text=f"cost of the horizon [{study.plan.currency}]", exponentformat="none")
    fig.update_xaxes(range=[low - (room if low < 0 else 0), high + room], zeroline=True, zerolinecolor=style.FAINT)
    fig.update_yaxes(autorange="reversed", type="category", ticks="", ticksuffix="  ", showgrid=False)
    return fig


def _stack(found: list[Study], table: pd.DataFrame) -> go.Figure:
    """One stacked bar a study, and the carbon below."""
    names = [s.name for s in found]
    fig = make_subplots(rows=2, cols=1, vertical_spacing=min(0.3, 110 / (150 + 2 * _ROW * len(names))))
    fig.update_layout(
        template=style.figure().layout.template, height=int(230 + 2 * _ROW * len(names)), barmode="relative", bargap=0.3
    )
    colours = item_colours(list(table.index))
    currency = found[0].plan.currency
    for item, row in table.iterrows():
        tint, pattern = colours[str(item)]
        fig.add_trace(
            go.Bar(
                x=row.to_numpy(dtype=float), y=names, orientation="h", name=str(item),
                marker={"color": tint, "pattern": {"shape": pattern}, "line": {"color": "white", "width": 0.5}},
                hovertemplate=f"%{{y}}, {item}: %{{x:,.2f}} {currency}<extra></extra>",
            ),
            row=1, col=1,
        )  # fmt: skip
    # The sum stands behind the end of its bar, which income does not shorten.
    ends = table.clip(lower=0).sum()
    fig.add_trace(_ends(ends, [money(s.cost, "") for s in found]), row=1, col=1)
    carbon = np.array([s.plan.carbon_kg for s in found], dtype=float)
    fig.add_trace(
        go.Bar(x=carbon, y=names, orientation="h", marker={"color": _TINTS["carbon"]}, showlegend=False,
               hovertemplate="%{y}: %{x:,.0f} kg CO₂<extra></extra>"),
        row=2, col=1,
    )  # fmt: skip
    fig.add_trace(_ends(pd.Series(carbon, index=names), [fixed(c, 0) for c in carbon]), row=2, col=1)
    panels = ((1, f"cost of the horizon [{currency}]", ends.max()), (2, "carbon [kg CO₂]", carbon.max()))
    for row, title, most in panels:
        low = float(table.clip(upper=0).sum().min()) if row == 1 else 0.0
        view = [low * 1.05, float(most) * 1.3 if most > 0 else 1.0]
        fig.update_xaxes(title_text=title, exponentformat="none", range=view, row=row, col=1)
    fig.update_yaxes(autorange="reversed", type="category", ticks="", ticksuffix="  ", showgrid=False)
    return fig


def _ends(values: pd.Series, texts: list[str]) -> go.Scatter:
    """Texts behind the ends of bars."""
    return go.Scatter(
        x=values.to_numpy(dtype=float), y=list(values.index), mode="text", text=[f"  {t}" for t in texts],
        textposition="middle right", hoverinfo="skip", showlegend=False, cliponaxis=False,
    )  # fmt: skip
