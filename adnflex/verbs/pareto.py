"""Cost against carbon: the cheapest plan, the cleanest one, and plans under budgets between."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arguments import keywords_of, public
from adnflex.errors import Infeasible, InputError, SolverError
from adnflex.grid import read_grid
from adnflex.results import DispatchPlan
from adnflex.verbs.dispatch import dispatch

__all__ = ["Pareto", "pareto"]

log = logging.getLogger(__name__)


class Pareto(NamedTuple):
    """A sweep of cost against carbon.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a plan, from cheapest to cleanest: ``budget_kg``, ``carbon_kg``, ``cost``, ``bound``, ``gap``,
        ``imported_mwh``.
    plans : tuple of DispatchPlan
        The plans.
    """

    table: pd.DataFrame
    plans: tuple[DispatchPlan, ...]


@public(options=lambda: keywords_of(dispatch), reading=read_grid)
def pareto(net: pandapowerNet, points: int = 6, **options: Any) -> Pareto:
    """Sweep the carbon budget between the cheapest and the cleanest dispatch.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    points : int
        Number of plans, at least 2.
    **options
        Further arguments of `adnflex.dispatch`, without ``objective`` and ``carbon_budget_kg``.

    Returns
    -------
    Pareto
        Each plan costs least among all within its budget, up to its gap. Where nothing is found within the time limit,
        the discrete decisions of the cleanest plan are kept, and the bound is that of the budget before.

    Raises
    ------
    InputError
        If `points` is below 2 or an option belongs to the sweep itself.

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
    cheapest = dispatch(net, **options)
    cleanest = dispatch(net, objective="carbon", **options)
    budgets = np.linspace(cheapest.carbon_kg, cleanest.carbon_kg, points)
    # at the clean end a little room, or rounding decides whether there is an answer
    room = max(1e-4 * abs(cleanest.carbon_kg), 1e-6 * abs(cheapest.carbon_kg), 0.01)
    plans = [cheapest]
    for budget in budgets[1:]:
        plans.append(_within(net, float(budget) + room, plans[-1], cleanest, options))
    rows = [
        {
            "budget_kg": p.options["carbon_budget_kg"],
            "carbon_kg": p.carbon_kg,
            "cost": p.objective,
            "bound": p.bound,
            "gap": p.gap,
            "imported_mwh": float(p.energy.at["imported", "mwh"]),
        }
        for p in plans
    ]
    return Pareto(pd.DataFrame(rows), tuple(plans))


def _within(
    net: pandapowerNet, budget: float, before: DispatchPlan, cleanest: DispatchPlan, options: dict[str, Any]
) -> DispatchPlan:
    """Return the cheapest plan within a budget; if none is found in time, what the cleanest plan's decisions allow."""
    try:
        return dispatch(net, carbon_budget_kg=budget, **options)
    except Infeasible as error:
        if error.proven:
            raise
    except SolverError as error:
        log.warning("carbon budget of %g kg: %s", budget, error)
    # not solved is not refuted: the decisions of the cleanest plan keep every budget
    kept = dispatch(net, carbon_budget_kg=budget, follow=cleanest, **options)
    # a tighter budget cannot cost less than a wider one
    gap = max(kept.objective - before.bound, 0.0) / max(abs(kept.objective), 1e-12)
    return replace(kept, bound=before.bound, gap=gap, status="time_limit")
