"""Cost against carbon: the cheapest plan, the cleanest one, and plans under budgets between."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.arrays import FloatArray
from adnflex.errors import Infeasible, InputError, SolverError, TimeExpired
from adnflex.grid import read_grid
from adnflex.problems.clock import Deadline
from adnflex.results import DispatchPlan, Pareto
from adnflex.results.certificate import relative_gap
from adnflex.results.status import NOT_REACHED
from adnflex.verbs.dispatch import dispatch

log = logging.getLogger(__name__)


@public(options=lambda: [dispatch], reading=read_grid)
def pareto(net: pandapowerNet, points: int = 6, *, time_limit: float = 300.0, **options: Any) -> Pareto:
    """Sweep the carbon budget between the cheapest and the cleanest dispatch.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    points : int
        Number of plans, at least 2.
    time_limit : float
        Time limit of the whole sweep [s]; each dispatch has an equal part of what is left. The points that were found
        by then are returned, and the table names those that were not. The first dispatch always runs, with at least
        what `adnflex.dispatch` takes however short its limit.
    **options
        Further arguments of `adnflex.dispatch`, without ``objective`` and ``carbon_budget_kg``.

    Returns
    -------
    Pareto
        Each plan costs least among all within its budget, up to its gap. Where nothing is found within the time limit,
        the discrete decisions of the cleanest plan are kept, and the bound is that of the budget before. Where the
        last budget is not reached, the cleanest plan itself stands in its place (its own objective is its emission).

    Raises
    ------
    InputError
        If `points` is below 2 or an option belongs to the sweep itself.
    TimeExpired
        If the time was over before the cheapest plan was found.

    Examples
    --------
    >>> from adnflex import networks
    >>> sweep = pareto(networks.load("ieee33_dispatch"), points=2, periods=range(17, 19))
    >>> bool(sweep.table["carbon_kg"].is_monotonic_decreasing)
    True
    """
    if points < 2:
        raise InputError(f"points is {points}; give 2 or more.")
    if own := {"objective", "carbon_budget_kg"} & set(options):
        raise InputError(f"pareto sets {', '.join(sorted(own))} itself; leave it out.")
    if options.get("change") is not None:
        raise InputError("change: a front is one of cost and emissions; leave it out, and call dispatch with budgets.")
    clock = Deadline(time_limit)
    cheapest = dispatch(net, time_limit=clock.share(points + 1), **options)
    cleanest = _cleanest(net, points, clock, options)
    plans: list[DispatchPlan | None] = [cheapest]
    budgets = np.full(points, np.nan)
    if cleanest is not None:
        # at the clean end a little room, or rounding decides whether there is an answer
        room = max(1e-4 * abs(cleanest.carbon_kg), 1e-6 * abs(cheapest.carbon_kg), 0.01)
        budgets = np.linspace(cheapest.carbon_kg, cleanest.carbon_kg, points) + room
    known = cheapest
    for k in range(1, points):
        plan = None
        if cleanest is not None and not clock.spent:
            plan = _within(net, float(budgets[k]), known, cleanest, clock, points - k, options)
        plans.append(plan)
        known = known if plan is None else plan
    return _sweep(plans, budgets, cleanest, known.bound)


def _cleanest(net: pandapowerNet, points: int, clock: Deadline, options: dict[str, Any]) -> DispatchPlan | None:
    if clock.spent:
        return None
    try:
        return dispatch(net, objective="carbon", time_limit=clock.share(points), **options)
    except TimeExpired as error:
        log.warning("cleanest plan: %s", error)
        return None


def _sweep(
    plans: list[DispatchPlan | None], budgets: FloatArray, cleanest: DispatchPlan | None, bound: float
) -> Pareto:
    """Tabulate the points; those that were not reached are named."""
    rows = [_row(p) if p is not None else {"budget_kg": b} for p, b in zip(plans, budgets, strict=True)]
    found = [p for p in plans if p is not None]
    if plans[-1] is None and cleanest is not None:
        # what is known of the last point: a plan that keeps every budget, whatever it costs
        cost = float(cleanest.costs["cost"].sum())
        gap = relative_gap(cost, bound)
        rows[-1] = {**_row(cleanest), "budget_kg": budgets[-1], "cost": cost, "bound": bound, "gap": gap}
        rows[-1]["status"] = "time_limit"
        found.append(cleanest)
    table = pd.DataFrame(rows, columns=_COLUMNS).fillna({"status": NOT_REACHED})
    missing = int((table["status"] == NOT_REACHED).sum())
    if missing:
        log.warning("the time was over before %d of %d points were reached; give more time_limit", missing, len(table))
    return Pareto(table, tuple(found))


_COLUMNS = ["budget_kg", "carbon_kg", "cost", "bound", "gap", "imported_mwh", "status"]


def _row(plan: DispatchPlan) -> dict[str, Any]:
    return {
        "budget_kg": plan.options["carbon_budget_kg"],
        "carbon_kg": plan.carbon_kg,
        "cost": plan.objective,
        "bound": plan.bound,
        "gap": plan.gap,
        "imported_mwh": float(plan.energy.at["imported", "mwh"]),
        "status": plan.status,
    }


def _within(
    net: pandapowerNet,
    budget: float,
    before: DispatchPlan,
    cleanest: DispatchPlan,
    clock: Deadline,
    parts: int,
    options: dict[str, Any],
) -> DispatchPlan | None:
    """Return the cheapest plan within a budget; if none is found in time, what the cleanest plan's decisions allow."""
    try:
        return dispatch(net, carbon_budget_kg=budget, time_limit=clock.share(parts), **options)
    except Infeasible as error:
        if error.proven:
            raise
    except SolverError as error:
        log.warning("carbon budget of %g kg: %s", budget, error)
    if clock.spent:
        return None
    # not solved is not refuted: the decisions of the cleanest plan keep every budget
    try:
        kept = dispatch(net, carbon_budget_kg=budget, follow=cleanest, time_limit=clock.share(parts), **options)
    except TimeExpired as error:
        log.warning("carbon budget of %g kg: %s", budget, error)
        return None
    # a tighter budget cannot cost less than a wider one
    gap = relative_gap(kept.objective, before.bound)
    return replace(kept, bound=before.bound, gap=gap, status="time_limit")
