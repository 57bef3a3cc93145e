"""Why the plan may be believed: limits, exactness, bounds, and how it was computed."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.reporting import findings, page, recipes, style
from adnflex.reporting.page import Html, Section
from adnflex.reporting.reconfiguration.view import SwitchingView
from adnflex.reporting.text import branch_label, dash, number, power
from adnflex.reporting.views import NothingToDraw
from adnflex.results.status import status_words

__all__ = [
    "details_section", "exactness_section", "limits_section", "progress", "progress_section", "tightness",
]  # fmt: skip

#: Relative gap below which only the solver's own accuracy is left.
_EXACT_GAP = 1e-5
_FLOOR = 1e-12
_MOST_BARS = 200
#: Invented loss below this share of the losses does not matter.
_WEIGHTLESS = 1e-4


def limits_section(view: SwitchingView) -> Section:
    """Every kind of limit with its worst place and margin."""
    check = view.check
    if check is None:
        return Section("limits", "Limits", "No limit has been checked: the plan is not validated.", [])
    blocks = [
        findings.checks_bar(
            (check.converged, "AC power flow converges", "AC power flow does not converge"),
            (check.radial, "radial", "not radial"),
            (check.supplied, "every bus supplied", "not every bus supplied"),
        )
    ]
    if len(check.limits):
        blocks.append(findings.limit_table(check.limits, check.violations, view.labels))
    intro = "Checked in AC power flow with the plan's switch states; margin is what is left until the limit."
    return Section("limits", "Limits", intro, blocks)


def tightness(view: SwitchingView) -> go.Figure:
    """Cone gap [-] of every closed branch on a logarithmic scale, and the loss that it invents [W].

    The model lets the current of a branch be larger than its power flow asks for. Where it is not (gap near
    zero) the model's answer obeys the laws of physics exactly.
    """
    table = view.relaxation
    if table.empty:
        raise NothingToDraw("plan: no cone gap is known, so there is nothing to draw.")
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    fig.update_layout(template=style.TEMPLATE, height=440, showlegend=False)
    gaps = table.sort_values("cone_gap", ascending=False, kind="stable")
    # A logarithm needs a floor; gaps below it (some solvers give −1e-15) stand on it and are told as is.
    height = gaps["cone_gap"].clip(lower=_FLOOR)
    fig.add_trace(_ranked(gaps, height, bars=False), row=1, col=1)
    losses = table.sort_values("cone_loss_mw", ascending=False, kind="stable").head(_MOST_BARS)
    fig.add_trace(_ranked(losses, losses["cone_loss_mw"] * 1e6, bars=True), row=2, col=1)
    _mark_exact(fig)
    ends = [_EXACT_GAP, *height]
    reach = [np.log10(min(ends)) - 0.6, np.log10(max(ends)) + 0.9]
    fig.update_xaxes(title_text="branches, largest first", row=2, col=1)
    fig.update_yaxes(title_text="cone gap [–]", type="log", range=reach, row=1, col=1)
    fig.update_yaxes(exponentformat="power", tickfont_size=11)
    fig.update_yaxes(dtick=max(1, round((reach[1] - reach[0]) / 5)), row=1, col=1)
    fig.update_yaxes(title_text="invented loss [W]", rangemode="tozero", row=2, col=1)
    return fig


def _mark_exact(fig: go.Figure) -> None:
    """Draw the line below which the relaxation is exact for all purposes."""
    fig.add_hline(y=_EXACT_GAP, row=1, col=1, line={"color": style.LIMIT, "dash": "dash", "width": 1.5})
    fig.add_annotation(
        text="exact below this line",
        x=1,
        xref="x domain",
        xanchor="right",
        y=np.log10(_EXACT_GAP),
        yanchor="bottom",
        showarrow=False,
        font={"color": style.LIMIT, "size": 12},
        row=1,
        col=1,
    )


def _ranked(table: pd.DataFrame, values: pd.Series, bars: bool) -> go.Scatter | go.Bar:
    """Values by rank, as points or bars."""
    pairs = table[["element", "index"]].itertuples(index=False)
    numbers = np.column_stack([table["cone_gap"], table["cone_loss_mw"] * 1e6]).astype(np.float32)
    common = {
        "x": np.arange(1, len(table) + 1),
        "y": values.to_numpy(dtype=float),
        "marker": {"color": style.AFTER} if bars else {"color": style.AFTER, "size": 5},
        "hovertext": [escape(branch_label(*pair)) for pair in pairs],
        "customdata": numbers,
        "hovertemplate": "<b>%{hovertext}</b><br>cone gap %{customdata[0]:.1e}"
        "<br>invented loss %{customdata[1]:.2g} W<extra></extra>",
    }
    return go.Bar(common) if bars else go.Scatter(common, mode="markers")


def exactness_section(view: SwitchingView) -> Section:
    """How far the model is from physics."""
    intro = (
        "The optimiser works with a model that may let a branch carry more current than physics asks for "
        "(a relaxation). The cone gap measures by how much: near zero, the model and physics are the same. "
        "Independently of that, every number is compared with AC power flow."
    )
    blocks: list[Html] = []
    if len(view.relaxation):
        blocks += [page.paragraph(_exactness_words(view)), view.draw("tightness")]
    if view.check is not None:
        blocks += findings.deviation_table(view.check.deviations, view.labels, "Model against AC power flow")
    return Section("exactness", "How exact is the model", intro, blocks, "Exactness")


def _exactness_words(view: SwitchingView) -> str:
    """Judge the relaxation by its largest gap and by the loss that it invents in all."""
    table = view.relaxation
    worst = table.loc[table["cone_gap"].idxmax()]
    loss = float(table["cone_loss_mw"].sum())
    losses = (view.plan if view.check is None else view.check).losses_mw
    invented = "below 1 W" if abs(loss) < 1e-6 else power(loss, 2)
    if worst["cone_gap"] <= _EXACT_GAP:
        judgement = "the relaxation is exact here"
    elif abs(loss) <= _WEIGHTLESS * losses:
        judgement = "without weight, as hardly any current is concerned"
    else:
        judgement = "the relaxation is not exact, so compare with AC power flow below"
    return (
        f"Largest cone gap {number(float(worst['cone_gap']), digits=2)} at "
        f"{view.labels.of(worst['element'], worst['index'])}: {judgement}. "
        f"Invented loss in all: {invented} of {power(losses)}."
    )


def progress(view: SwitchingView) -> go.Figure:
    """Incumbent and bound in the plan's unit (MW as kW), and the gap between them [%], against seconds."""
    plan = view.plan
    scale, unit = (1e3, "kW") if plan.unit == "MW" else (1.0, plan.unit)
    what = plan.objective_name if plan.objective_name == "losses" else "objective"
    lines = {"bound": ("proven bound", style.BOUND), "incumbent": ("best plan", style.AFTER)}
    return recipes.convergence(plan.progress, what, unit, lines, scale)


def progress_section(view: SwitchingView) -> Section:
    """Bounds against time; nothing where the solver reported none."""
    intro = (
        "The best plan known can only get better and the proven bound can only rise; the true optimum lies "
        "between them. Where they meet, the plan is proven the best."
    )
    return Section("progress", "How the answer was found", intro, [view.draw("progress")], "Progress")


def details_section(view: SwitchingView) -> Section:
    """Everything needed to repeat the run."""
    plan = view.plan
    facts = [
        ["net", plan.net_name or dash],
        ["fingerprint", plan.fingerprint or dash],
        ["objective", plan.objective_name],
        ["weights", ", ".join(f"{k} {v:g}" for k, v in plan.weights.items()) or dash],
        [
            "voltage limits",
            dash if plan.vm_limits is None else f"{plan.vm_limits[0]:g} to {plan.vm_limits[1]:g} pu",
        ],
        ["solver", plan.solver],
        ["status", f"{plan.status}: {status_words(plan.status)}"],
        ["time", number(plan.seconds, "s", 3)],
    ]
    if plan.vm_limits is None:
        facts[4][1] = "those in the net"
    blocks = findings.run_tables(facts, plan.options, plan.versions)
    return Section("details", "How it was computed", "", blocks, "Details")
