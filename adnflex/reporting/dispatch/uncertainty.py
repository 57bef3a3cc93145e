"""What a stochastic dispatch rests on: the scenarios it was made for, and its decisions on fresh ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from plotly import graph_objects as go

from adnflex.reporting import page, scenarios, style
from adnflex.reporting.dispatch.view import DispatchView
from adnflex.reporting.page import Html
from adnflex.reporting.text import money
from adnflex.reporting.views import NothingToDraw, Recipe, Sections, drawn_from
from adnflex.results.drawn_scenarios import DrawnScenarios
from adnflex.results.uncertainty import fresh_scenarios, fresh_words


def _known(view: DispatchView) -> DrawnScenarios | None:
    return scenarios.scenarios_of(view.scenario_sets, view.plan)


def _days(view: DispatchView) -> DrawnScenarios:
    found = _known(view)
    if found is None:
        raise NothingToDraw("plan: the scenarios that it was made for are not among the results; give them too.")
    return found


def fresh(view: DispatchView) -> go.Figure:
    """Share of the fresh scenarios that cost at most so much [%], and what the plan expects."""
    table = view.plan.out_of_sample
    held = table[table["passed"].astype(bool)] if len(table) else table
    if not len(held):
        raise NothingToDraw("plan: there are no fresh scenarios that hold, so there is nothing to draw.")
    order = held.sort_values("cost", kind="stable")
    share = 100 * np.cumsum(order["probability"].to_numpy(dtype=float)) / float(held["probability"].sum())
    fig = style.figure(360, hovermode="closest")
    fig.add_scatter(
        x=order["cost"].to_numpy(dtype=float), y=share, mode="lines+markers", name="fresh scenarios",
        line={"color": style.AFTER, "shape": "hv", "width": 2}, marker={"size": 5},
        customdata=order.index.to_numpy(),
        hovertemplate=f"scenario %{{customdata}}: %{{x:,.0f}} {page.escape(view.plan.currency)}, %{{y:.0f}} % cost no "
        "more<extra></extra>",
    )  # fmt: skip
    fig.add_vline(x=view.plan.objective, line={"color": style.INK, "dash": "dash", "width": 1.5})
    fig.add_annotation(x=view.plan.objective, y=1.0, yref="y domain", text=" expected by the plan", showarrow=False,
                       xanchor="left", yanchor="top")  # fmt: skip
    fig.update_xaxes(title_text=f"cost [{view.plan.currency}]", exponentformat="none")
    fig.update_yaxes(title_text="scenarios that cost no more [%]", range=[0, 103])
    return fig


def _fresh_table(view: DispatchView) -> list[Html]:
    found, currency = fresh_scenarios(view.plan.out_of_sample), view.plan.currency
    rows = [
        ["hold in AC power flow", str(found.passed)],
        ["break a limit in AC power flow", str(found.failed)],
        ["have no dispatch (proven)", str(found.infeasible)],
        ["were not decided in the time", str(found.undecided)],
        ["mean cost of those that hold", money(found.mean, currency)],
        ["expected by the plan", money(view.plan.objective, currency)],
        ["standard deviation", money(found.deviation, currency)],
        ["least and most", f"{money(found.lowest, currency)} to {money(found.highest, currency)}"],
    ]
    return [page.table([f"{found.tried} fresh scenarios", "value"], rows, ["value"])]


def _of(words: Callable[[DrawnScenarios], str]) -> Callable[[DispatchView], str]:
    return lambda view: words(_days(view))


SECTIONS: Sections = [
    Recipe(
        "reduction", "The scenarios before and after the reduction", _of(scenarios.words),
        (lambda view: view.drawn("reduction"), "probabilities", lambda view: scenarios.table(_days(view))),
        "Reduction", lambda view: _known(view) is not None,
    ),
    Recipe(
        "fleets", "Vehicles, run by run", _of(scenarios.fleet_words), ("fleets",), "Vehicle runs",
        lambda view: _known(view) is not None,
    ),
    Recipe(
        "fresh", "The decisions on fresh scenarios",
        lambda view: f"What is decided for all scenarios was kept in scenarios that the plan has not seen, all else "
        f"decided anew: {fresh_words(view.plan.out_of_sample)}.",
        (_fresh_table, lambda view: view.drawn("fresh")), "Fresh scenarios",
        lambda view: len(view.plan.out_of_sample),
    ),
]  # fmt: skip

FIGURES: dict[str, Callable[[DispatchView], go.Figure]] = {
    "reduction": drawn_from(_days, scenarios.reduction),
    "probabilities": drawn_from(_days, scenarios.probabilities),
    "fleets": drawn_from(_days, scenarios.fleets),
    "fresh": fresh,
}
