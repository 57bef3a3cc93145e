"""Full AC power flow of every period and scenario of a dispatch, measured only."""

from __future__ import annotations

import copy
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandapower import pandapowerNet

from adnflex.algorithms.workers import run_each
from adnflex.grid.setpoints import PushBack
from adnflex.powerflow.limits import measure_limits
from adnflex.powerflow.run import losses_mw, run_ac
from adnflex.powerflow.structure import is_radial, unsupplied
from adnflex.results import DispatchPlan

__all__ = ["Measured", "measure_periods", "measuring_seconds"]

FloatArray = NDArray[np.float64]
Point = tuple[int, int]


@dataclass(frozen=True)
class Measured:
    """What one power flow says.

    Attributes
    ----------
    scenario, period : int
        The point.
    converged, radial : bool
        Whether power flow converged, and the net is a forest.
    dark : tuple of int
        Buses without supply.
    vm_pu : pandas.Series
        Voltages by bus [pu].
    loading_percent : pandas.Series
        By (element, index) [%].
    limits, violations : pandas.DataFrame
        See `adnflex.powerflow.limits.measure_limits`.
    losses_mw : float
        Network losses [MW].
    sources : pandas.DataFrame
        Index (table, index); ``p_mw``, ``q_mvar`` of every external grid and slack generator.
    """

    scenario: int
    period: int
    converged: bool
    radial: bool
    dark: tuple[int, ...]
    vm_pu: pd.Series
    loading_percent: pd.Series
    limits: pd.DataFrame
    violations: pd.DataFrame
    losses_mw: float
    sources: pd.DataFrame


def measure_periods(plan: DispatchPlan, net: pandapowerNet, executor: Executor | None = None) -> list[Measured]:
    """Run every period of every scenario.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    executor : concurrent.futures.Executor, optional
        Runs scenarios side by side.
    """
    scenarios = [int(s) for s in plan.scenarios.index]
    work = partial(_one_scenario, plan, net)
    parts = run_each(work, scenarios, executor)
    return [m for part in parts for m in part]


# What one state takes at least, and more a bus [s]: a computer that is twice as fast, or slow, is measured.
_STATE_SECONDS, _BUS_SECONDS = 0.04, 1e-4


def measuring_seconds(net: pandapowerNet, states: int, most: float) -> float:
    """Foresee the seconds that so many states of a net take to be measured.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    states : int
        Number of states.
    most : float
        Seconds that do not matter: where the size of the net says less than half of them, nothing is tried.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> measuring_seconds(pn.case33bw(), 2, 1.0)
    0.0
    >>> measuring_seconds(pn.case33bw(), 1000, 1.0) > 1.0
    True
    """
    if states * (_STATE_SECONDS + _BUS_SECONDS * len(net.bus)) < most / 2:
        return 0.0
    tried = copy.deepcopy(net)
    begin = time.monotonic()
    if run_ac(tried):
        measure_limits(tried, None)
    return states * (time.monotonic() - begin)


def _one_scenario(plan: DispatchPlan, net: pandapowerNet, scenario: int) -> list[Measured]:
    push = PushBack(plan, net)
    return [_measure(push.at(t, scenario), plan, scenario, t) for t in plan.periods]


def _measure(new: pandapowerNet, plan: DispatchPlan, scenario: int, period: int) -> Measured:
    converged = run_ac(new)
    radial = True
    dark: tuple[int, ...] = ()
    if len(plan.switches) or period == plan.periods[0]:
        radial = is_radial(new, plan.switches if len(plan.switches) else _NO_SWITCHES)
        dark = tuple(unsupplied(new, plan.vm_pu.columns))
    if not converged:
        empty = pd.DataFrame()
        nothing = pd.Series(np.nan, index=new.bus.index)
        return Measured(
            scenario, period, False, radial, dark, nothing, pd.Series(dtype=float), empty, empty, np.nan, empty
        )
    limits, violations, _ = measure_limits(new, plan.vm_limits)
    loading = {
        (element, int(i)): float(x)
        for element in ("line", "trafo")
        if len(new[element])
        for i, x in new[f"res_{element}"]["loading_percent"].items()
    }
    return Measured(
        scenario,
        period,
        True,
        radial,
        dark,
        new.res_bus["vm_pu"].copy(),
        pd.Series(loading, dtype=float),
        limits,
        violations,
        losses_mw(new),
        _sources(new),
    )


_NO_SWITCHES = pd.DataFrame({"element": [], "index": []})


def _sources(new: pandapowerNet) -> pd.DataFrame:
    parts = {}
    for table in ("ext_grid", "gen"):
        for i in new[table].index[new[table]["in_service"].astype(bool)] if len(new[table]) else []:
            if table == "ext_grid" or bool(new.gen.at[i, "slack"]):
                row = new[f"res_{table}"].loc[i]
                parts[table, int(i)] = (float(row["p_mw"]), float(row["q_mvar"]))
    return pd.DataFrame.from_dict(parts, orient="index", columns=["p_mw", "q_mvar"])
