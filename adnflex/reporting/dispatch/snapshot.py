"""The network in one period of a dispatch, drawn as the maps of a reconfiguration are."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting.dispatch.heat import has_loadings
from adnflex.reporting.dispatch.inputs import require, voltage_limits
from adnflex.reporting.inputs import require_drawing
from adnflex.reporting.network import network_figure
from adnflex.results import Check, DispatchCheck, DispatchPlan, Plan

__all__ = ["map_figure", "worst_period"]


def worst_period(plan: DispatchPlan, check: DispatchCheck | None) -> tuple[int, int, float]:
    """Period and scenario in which a voltage is nearest to its limit, and how near [pu] (negative: beyond it).

    Where no limit is known, the period with the largest distance from 1 pu, and NaN.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> worst_period(*example())[:2]
    (9, 0)
    """
    table = (plan.vm_pu if check is None else check.vm_pu).astype(float)
    low, high = voltage_limits(plan, check, table.columns)
    room = np.fmin(table - low, high - table).min(axis=1)
    limited = bool(room.notna().any())
    if not limited:
        room = -(table - 1).abs().max(axis=1)
    key = room.idxmin()
    scenario, period = key if table.index.nlevels > 1 else (plan.scenarios.index[0], key)
    return int(period), int(scenario), float(room.min()) if limited else math.nan


def map_figure(
    plan: DispatchPlan, check: DispatchCheck | None, period: int | None = None, scenario: int | None = None
) -> go.Figure:
    """Map of the network in one period, coloured by voltage [pu] or loading [%].

    Parameters
    ----------
    plan : DispatchPlan
        The plan, with its drawing tables.
    check : DispatchCheck or None
        Its AC check; without one the values are the model's.
    period, scenario : int, optional
        What is shown; by default where a voltage is nearest to its limit.

    Returns
    -------
    plotly.graph_objects.Figure
        The map.

    Raises
    ------
    InputError
        If an argument is none of these, or the plan has no drawing tables.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> map_figure(*example()).layout.meta["state"]
    'after'
    """
    require(plan, check)
    require_drawing(plan)
    worst = worst_period(plan, check)
    period, scenario = worst[0] if period is None else period, worst[1] if scenario is None else scenario
    fig = network_figure(*_state(plan, check, period, scenario), "after")
    # The name of the state means nothing here.
    fig.layout.annotations = ()
    if not has_loadings(plan, check):
        fig.layout.updatemenus = ()
    return fig


def _topology(plan: DispatchPlan, period: int) -> pd.DataFrame:
    """Branches as they stand in a period; what is switched between blocks is no change within it."""
    closed = plan.topology["closed_after"].astype(bool)
    if {"element", "index", "closed_after", "first_period"} <= set(plan.switches.columns):
        begun = plan.switches[plan.switches["first_period"] <= period].sort_values("first_period", kind="stable")
        now = begun.drop_duplicates(["element", "index"], keep="last").set_index(["element", "index"])["closed_after"]
        found = now.reindex(pd.MultiIndex.from_frame(plan.topology[["element", "index"]])).set_axis(closed.index)
        closed = found.where(found.notna(), closed).astype(bool)
    return plan.topology.assign(closed_before=closed, closed_after=closed)


def _state(plan: DispatchPlan, check: DispatchCheck | None, period: int, scenario: int) -> tuple[Plan, Check]:
    """One period as the plan and the check of a reconfiguration that operates nothing."""
    source = plan if check is None else check
    vm = plan.of(source.vm_pu, scenario).loc[period].astype(float)
    low, high = voltage_limits(plan, check, vm.index)
    loading = plan.of(source.loading_percent, scenario)
    found = loading.loc[period].astype(float) if len(loading.columns) else pd.Series(dtype=float)
    columns = {"vm_before_pu": math.nan, "vm_pu": vm, "vm_model_pu": vm, "vm_min_pu": low, "vm_max_pu": high}
    buses = pd.DataFrame(columns)
    branches = pd.DataFrame(
        {
            "element": [e for e, _ in found.index], "index": [i for _, i in found.index],
            "loading_before_percent": math.nan, "loading_percent": found.to_numpy(),
            "loading_limit_percent": math.nan, "loss_mw": math.nan, "i_ka": math.nan, "i_model_ka": math.nan,
        }
    )  # fmt: skip
    empty = pd.DataFrame()
    topology = _topology(plan, period)
    one = Plan(
        net_name=plan.net_name, objective_name="", weights={}, objective=math.nan, bound=math.nan, unit="",
        gap=math.nan, status="", switches=empty, buses=buses[["vm_pu"]], branches=branches, losses_mw=math.nan,
        losses_before_mw=math.nan, progress=empty, solver="", seconds=0.0, options={}, vm_limits=None, fingerprint="",
        topology=topology, coordinates=plan.coordinates,
    )  # fmt: skip
    other = Check(
        passed=False, verdict="", converged=True, radial=True, supplied=True, objective=math.nan, losses_mw=math.nan,
        losses_before_mw=math.nan, certificate=None, certificate_absolute=None, violations=empty, limits=empty,
        relaxation=empty, deviations=empty, buses=buses, branches=branches,
    )  # fmt: skip
    return one, other
