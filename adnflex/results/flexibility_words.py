"""A flexibility in words: the lines of its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from adnflex.grid.switch_tables import open_branches
from adnflex.results.status import told_status

if TYPE_CHECKING:
    from adnflex.results.flexibility import Flexibility


def lines_of(flex: Flexibility) -> list[str]:
    """Return the lines of the summary of a box."""
    low, high = flex.lower_mw, flex.upper_mw
    lines = [
        f"{flex.net_name}: flexibility at {flex.pcc} {flex.total_mwh:.4f} MWh in {len(flex.box)} periods of "
        f"{flex.hours_per_period:g} h, {low.min():.3f} to {high.max():.3f} MW, every state run in AC power flow; "
        f"{told_status(flex.status)}, {flex.seconds:.1f} s",
        _proven(flex),
        flex.linear.summary(),
        f"linear model hour by hour {flex.separable.total_mwh:.4f} MWh, {_remembering(flex)}with foresight "
        f"{flex.foresighted.total_mwh:.4f} MWh; holding in AC costs {flex.tightening_mwh:.4f} MWh",
    ]
    if len(flex.switches):
        opened = ", ".join(open_branches(flex.switches)) or "none"
        lines.append(f"open: {opened} ({flex.operations} switching operations)")
    if len(flex.positions):
        moved = flex.positions[flex.positions["before"] != flex.positions["after"]]
        words = [f"{r.table} {r.index_} {r.column} {r.after:g}" for r in named(moved)]
        lines.append(f"positions: {', '.join(words) or 'as they are'}")
    if len(flex.comparison) == 1:
        row = flex.comparison.iloc[0]
        lines.append(
            f"without reactive power {_megawatt_hours(row['total_without_q_mwh'])} run in AC, "
            f"{_megawatt_hours(row['linear_without_q_mwh'])} in the linear model"
        )
    elif len(flex.comparison):
        lines.extend(
            f"{row.Index}: {_compared(row.total_mwh, row.change_percent)}, open {row.open}"
            for row in flex.comparison.itertuples()
        )
    return lines


def _proven(flex: Flexibility) -> str:
    """Say how useful the box is, and how much more useful another one can be."""
    useful = f"useful (less losses) {flex.useful_mwh:.4f} MWh"
    if not math.isfinite(flex.certificate):
        return f"{useful}; a larger box may exist: {flex.outer.kind}"
    return (
        f"{useful}, no box in AC above {flex.outer_mwh:.4f} MWh: certificate {flex.certificate:.2%}; as metered, "
        "with losses, a larger box may exist"
    )


def _remembering(flex: Flexibility) -> str:
    memory = int(flex.options.get("memory", 1))
    return f"remembering {memory} periods {flex.remembering.total_mwh:.4f} MWh, " if memory > 1 else ""


def _compared(total_mwh: float, change_percent: float) -> str:
    """Width of a topology beside the present one; NaN where the time was over before its box was computed."""
    return f"{total_mwh:.4f} MWh ({change_percent:+.2f} %)" if math.isfinite(total_mwh) else "not computed"


def _megawatt_hours(value: float) -> str:
    return f"{value:.4f} MWh" if math.isfinite(value) else "not computed"


def named(rows: pd.DataFrame) -> Any:
    """Iterate over rows that have a column ``index``, which becomes ``index_``."""
    return rows.rename(columns={"index": "index_"}).itertuples(index=False)
