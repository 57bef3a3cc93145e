"""What a policy gains: paired differences on common days, and how they are spread over the days."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.arrays import FloatArray
from adnflex.reporting import page, style
from adnflex.reporting.canvas import BarFigure
from adnflex.reporting.page import Html
from adnflex.reporting.rolling.view import RollingView, cents, gain, spread
from adnflex.reporting.text import dash, energy, number
from adnflex.results.policies import FLOOR

_ROW = 48
#: A row this many times as far from zero as the next one is left to its number.
_FAR = 15.0


def difference(view: RollingView, reference: str | None = None) -> go.Figure:
    """Draw the paired difference of each policy to a reference (by default the base) with its 95 % interval.

    To the left of zero is cheaper than the reference.
    """
    comparison = view.pairs
    reference = reference or view.base
    table = comparison.against(reference).drop(index=reference)
    names = [str(name) for name in table.index]
    off, width = (table[c].to_numpy(dtype=float) for c in ("difference", "ci95"))
    error = np.nan_to_num(width)
    # A sure difference is filled, one whose interval holds zero (or is not known) is hollow.
    sure = np.isfinite(width) & (np.abs(off) > error)
    near, far = _near(off, off - error, off + error, _least(names, off))
    told = [spread(o, w, sign=True) for o, w in zip(off, width, strict=True)]
    fig = BarFigure(
        names, [(f"less {reference} [{comparison.currency} a day]", comparison.currency)], _ROW,
        ticks=[f"{escape(n)}<br><b>{t}</b>" for n, t in zip(names, told, strict=True)],
    )  # fmt: skip
    for k, name in enumerate(names):
        tint = style.MUTED if not sure[k] else style.AFTER if off[k] < 0 else style.LIMIT
        marker = {
            "color": tint if sure[k] else "white", "size": 12, "line": {"color": tint, "width": 2.5},
            "symbol": ("triangle-right" if off[k] > 0 else "triangle-left") if k in far else "circle",
        }  # fmt: skip
        row = table.iloc[k]
        text = (
            f"<b>{escape(name)}</b> less {escape(reference)}<br>{told[k]} {comparison.currency} a day<br>"
            f"not dearer on {int(row['not_worse'])} of {int(row['days'])} days"
        )
        at = [min(max(float(off[k]), near[0]), near[1])]
        fig.marks(0, at, name, marker, [text], rows=[k], widths=None if k in far else error[k : k + 1], key=False)
    fig.axis(0, range=near)
    fig.zero()
    return fig.done()


def _near(off: FloatArray, low: FloatArray, high: FloatArray, least: float = 0.0) -> tuple[list[float], list[int]]:
    """View that shows what is near to zero, and which rows are so far off that they would press the rest flat.

    Rows up to `least` from zero are shown in any case.

    Examples
    --------
    >>> _near(np.array([1.0, -5.0, 700.0]), np.array([-1.0, -9.0, 600.0]), np.array([2.0, 1.0, 900.0]))
    ([-10.375, 3.375], [2])
    """
    size = np.abs(off)
    order = np.argsort(size, kind="stable")
    kept = len(order)
    for place in range(1, len(order)):
        before = max(float(size[order[place - 1]]), least)
        if before > 0 and size[order[place]] > _FAR * before:
            kept = place
            break
    shown = order[:kept]
    left, right = min(0.0, float(low[shown].min(initial=0.0))), max(0.0, float(high[shown].max(initial=0.0)))
    room = 0.125 * max(right - left, 1e-6)
    return [left - room, right + room], sorted(int(k) for k in order[kept:])


def _least(names: list[str], off: FloatArray) -> float:
    """Distance of the floor from the reference: the scale that a gain is seen on."""
    return float(abs(off[names.index(FLOOR)])) if FLOOR in names else 0.0


def totals(view: RollingView) -> go.Figure:
    """Draw the distribution of the total over the days [currency]: a box a policy, and every day as a dot."""
    return _boxes(view, view.days.days.astype(float), f"total of a day [{view.currency}]", "")


def days(view: RollingView, reference: str | None = None) -> go.Figure:
    """Draw how the paired differences to a reference (by default the base) are spread over the days [currency]."""
    reference = reference or view.base
    view.pairs.against(reference)  # says what is wrong with a reference
    table = view.pairs.days.astype(float)
    off = table.drop(columns=reference).sub(table[reference], axis=0)
    return _boxes(view, off, f"less {reference}, day by day [{view.currency}]", f" less {reference}")


def _boxes(view: RollingView, table: pd.DataFrame, title: str, against: str) -> go.Figure:
    """One box a policy; differences that are far off are told by their ends."""
    names = [str(name) for name in table.columns]
    ticks, near = [escape(name) for name in names], None
    if against:
        values = table.to_numpy(dtype=float)
        off = values.mean(axis=0)
        near, far = _near(off, values.min(axis=0), values.max(axis=0), _least(names, off))
        for k in far:
            side = "→" if off[k] > 0 else "←"
            ticks[k] += (
                f"<br><b>{cents(values[:, k].min(), sign=True)} to {cents(values[:, k].max(), sign=True)} {side}</b>"
            )
    fig = BarFigure(names, [(title, view.currency)], _ROW, ticks=ticks)
    for k, name in enumerate(names):
        tint = style.MUTED if name == FLOOR else style.AFTER
        fig.box(0, k, table[name], tint, [f"day {day}" for day in table.index], against)
    if near is not None:
        fig.axis(0, range=near)
        fig.zero()
    return fig.done()


# Tables -------------------------------------------------------------------------------------------------------


def gain_blocks(view: RollingView) -> list[Html]:
    """Paired differences to the base policy and to the floor."""
    comparison, base = view.pairs, view.base
    table, pairs = comparison.table, comparison.against(base)
    floor = FLOOR if FLOOR in view.policies and base != FLOOR else None
    figures = [view.draw("difference", f"Less {base}")]
    if floor is not None:
        figures.append(page.figure(difference(view, floor), f"less-floor-figure{view.suffix}", "Less the floor"))

    def less(reference: str) -> Callable[[str], str]:
        return lambda name: dash if name == reference else gain(comparison, name, reference)

    def not_dearer(name: str) -> str:
        return dash if name == base else f"{pairs.at[name, 'not_worse']:.0f} of {pairs.at[name, 'days']:.0f} days"

    columns: dict[str, Callable[[str], str]] = {
        "policy": str,
        ">total": lambda name: spread(table.at[name, "mean"], table.at[name, "ci95"]),
        f">less {base}": less(base),
        ">not dearer": not_dearer,
        **({} if floor is None else {">less floor": less(floor)}),
        ">bought": lambda name: energy(table.at[name, "bought_mwh"]),
        ">spilled": lambda name: energy(table.at[name, "spilled_mwh"]),
        ">decision": lambda name: number(table.at[name, "ms"], "ms", 3),
    }
    drawn = page.side_by_side(*figures) if len(figures) > 1 else figures[0]
    return [drawn, *page.listing(view.policies, columns)]


def day_blocks(view: RollingView) -> list[Html]:
    """Distribution over the days."""
    table, names = view.days.days, view.policies
    drawn: list[Html] = [view.draw("totals", "Totals")]
    if len(names) > 1:
        # The base is a poor scale where the floor tells the same of all.
        drawn = [page.side_by_side(drawn[0], view.draw("days", f"Less {view.base}, day by day"))]
    rows = [[str(day), *(cents(float(v)) for v in row)] for day, row in zip(table.index, table.to_numpy(), strict=True)]
    title = f"Totals of the {len(rows)} days [{view.currency}]"
    return [*drawn, page.details(title, page.table(["day", *names], rows, names))]
