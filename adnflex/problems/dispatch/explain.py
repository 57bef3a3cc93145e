"""Why a dispatch is infeasible: the same model with network limits that may be broken, as little as possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.devices import Device, Place, Supplies
from adnflex.devices.unserved import Unserved
from adnflex.errors import SolverError
from adnflex.formulations import FORMULATIONS
from adnflex.formulations.branch_flow import open_end_overload, rated_open_ends
from adnflex.formulations.positions import pin
from adnflex.grid.operating_points import OperatingPoints
from adnflex.problems.dispatch.limits import LimitViolation, excess_of
from adnflex.problems.dispatch.model import Dispatch, build_dispatch
from adnflex.problems.dispatch.problem import Costs, DispatchProblem
from adnflex.problems.dispatch.state import evaluate
from adnflex.solvers.conic import compile_model
from adnflex.solvers.gate import solve_form

# Voltages that even the elastic model keeps [pu].
_WIDE = (0.6, 1.4)

# A reason is wanted soon, and to a few percent.
_SECONDS = 20.0
# Price of all the largest fixed power, where limits cost their share.
_LEFT_OUT = 1e3
_ENOUGH = 0.02


def least_violation(problem: DispatchProblem, seconds: float) -> list[LimitViolation] | None:
    """Return the limits that the least violating dispatch breaks in exact power flow, worst first.

    Voltage limits, current limits, limits of the import and a carbon budget are soft, devices stay as they are.  Where
    even that has no answer, the network is let off fixed power that nothing can carry (``power beyond the lines``).

    Parameters
    ----------
    problem : DispatchProblem
        What is asked.
    seconds : float
        Time limit [s].

    Returns
    -------
    list of LimitViolation or None
        None where no dispatch was found even so: the devices' own limits contradict each other.
    """
    soft = _soft(problem)
    solved = _solved(soft, min(seconds, _SECONDS))
    if solved is None:
        # nothing in time: what the continuous devices can do while the discrete ones stay as they are
        soft = _at_rest(soft)
        solved = _solved(soft, _SECONDS)
    if solved is None:
        return _unserved(problem)
    state = evaluate(soft, solved)
    given = replace(soft, points=problem.points, devices=list(problem.devices), costs=problem.costs)
    return sorted(excess_of(given, state), key=lambda e: -e.share)


# Fixed powers (nodes times points) up to which they may be left out one by one.
_MANY = 20_000

# Power left out that is rounding, as a share of it.
_SERVED = 1e-4


def _unserved(problem: DispatchProblem) -> list[LimitViolation] | None:
    """Return the fixed power that the network cannot carry at any voltage, and where; None where that is not it."""
    points, grid = problem.points, problem.points.grid
    nodes = np.flatnonzero((np.abs(points.p) + np.abs(points.q)).max(axis=(0, 1)) > 0)
    if not len(nodes) or len(nodes) * len(problem.horizon.points) > _MANY:
        return None
    spare = [
        Unserved(
            Place("unserved", "bus", (grid.buses[j] or (-1,))[0], "", (grid.buses[j] or (-1,))[0], int(j)),
            points.p[:, :, j] * grid.base_mva,
            points.q[:, :, j] * grid.base_mva,
        )
        for j in nodes
    ]
    soft = _at_rest(_soft(replace(problem, devices=[*problem.devices, *spare])))
    solved = _solved(soft, _SECONDS)
    if solved is None:
        return None
    soft.form.load(solved)
    found = []
    for i, device in enumerate(soft.devices):
        if not isinstance(device, Unserved):
            continue
        share = device.left_out(soft.model.device[i], soft.frame)
        size = np.hypot(device.p_mw, device.q_mvar)
        for s, t in np.argwhere(share > _SERVED):
            carried = float((1 - share[s, t]) * size[s, t])
            lost = float(share[s, t] * size[s, t]) / max(float(size.max()), 1e-9)
            at = (int(s), int(t), device.place.node)
            found.append(LimitViolation("power beyond the lines", *at, float(size[s, t]), carried, lost, unit="MVA"))
    return sorted(found, key=lambda e: -(e.value - e.limit)) or None


def _solved(soft: Dispatch, seconds: float) -> FloatArray | None:
    try:
        return solve_form(soft.form, gap=0.1, seconds=seconds).x
    except SolverError:
        return None


def _soft(problem: DispatchProblem) -> Dispatch:
    points, devices, grid = problem.points, problem.devices, problem.points.grid
    wide = grid.replace(
        v_min=np.full(grid.n, _WIDE[0] ** 2),
        v_max=np.full(grid.n, _WIDE[1] ** 2),
        ratings=replace(grid.ratings, limit=np.full(len(grid.ratings.limit), np.inf)),
    )
    free = [d.unlimited() if isinstance(d, Supplies) else d for d in devices]
    there = replace(points, grid=wide)
    cones = FORMULATIONS["distflow"]
    dispatch = build_dispatch(replace(problem, points=there, devices=free, costs=Costs(), formulation=cones))
    _soften(dispatch, points, devices, problem.costs.carbon_budget_kg)
    return replace(dispatch, form=compile_model(dispatch.model))


def _at_rest(dispatch: Dispatch) -> Dispatch:
    """Pin every discrete decision to what it is before the horizon."""
    for i, device in enumerate(dispatch.devices):
        device.pin(dispatch.model.device[i], dispatch.frame, device.at_rest(dispatch.horizon.periods))
    for states in dispatch.model.states.values() if dispatch.topology.spans else ():
        for k in dispatch.free.tolist():
            pin(states.z[k], float(dispatch.points.grid.closed[k]))
    return replace(dispatch, form=compile_model(dispatch.model))


def _soften(dispatch: Dispatch, points: OperatingPoints, devices: Sequence[Device], budget: float | None) -> None:
    """Minimise what goes beyond the limits, relative to them, and a little loss."""
    model, grid, h = dispatch.model, points.grid, dispatch.horizon
    model.beyond = pyo.VarList(domain=pyo.NonNegativeReals)
    model.soft = pyo.ConstraintList()
    terms = []

    def soft(value: object, limit: float, upper: bool, unit: float) -> None:
        if not np.isfinite(limit):
            return
        slack = model.beyond.add()
        model.soft.add(value - limit <= slack if upper else limit - value <= slack)  # type: ignore[operator]
        terms.append(slack / unit)

    named = [j for j in range(grid.n) if grid.buses[j] and np.isnan(grid.root_v[j])]
    tightest = np.full(grid.m, np.inf)
    # ratings that nothing can reach (99999 kA) would only spoil the numbers
    rated = grid.ratings
    np.minimum.at(tightest, rated.branch, rated.limit / np.abs(rated.share))
    for s, t in h.points:
        b = model.at[s, t]
        for j in named:
            soft(b.v[j], float(grid.v_max[j]), True, 1.0)
            soft(b.v[j], float(grid.v_min[j]) if grid.v_min[j] > 0 else np.inf, False, 1.0)
        for k in np.flatnonzero(tightest < dispatch.bounds.i_max).tolist():
            soft(b.l[k], float(tightest[k]) ** 2, True, max(float(tightest[k]) ** 2, 1e-6))
        states = model.states[dispatch.topology.span_of(t)] if dispatch.topology.spans else b
        for r in rated_open_ends(grid, dispatch.free.tolist()):
            soft(open_end_overload(b, states, grid, r), 0.0, True, max(float(rated.limit[r]) ** 2, 1e-6))
    for i, d in enumerate(devices):
        if isinstance(d, Supplies):
            for s, t in h.points:
                own = model.device[i]
                for x, low, high in ((own.p[s, t], d.p_min, d.p_max), (own.q[s, t], d.q_min, d.q_max)):
                    soft(x, high / grid.base_mva, True, 1.0)
                    soft(x, low / grid.base_mva, False, 1.0)
        elif isinstance(d, Unserved):
            # far dearer than any limit: only what cannot be carried is left out
            largest = max(float(np.hypot(points.p, points.q).max()), 1e-6)
            for s, t in h.points:
                size = float(np.hypot(d.p_mw[s, t], d.q_mvar[s, t])) / grid.base_mva
                terms.append(_LEFT_OUT * size / largest * model.device[i].left_out[s, t])
    if budget is not None:
        kg = pyo.quicksum(float(w) * e for w, e in zip(h.probabilities, dispatch.emissions, strict=True))
        size = max(abs(budget), 1.0)
        soft(kg / size, budget / size, True, 1.0)
    loss = pyo.quicksum(model.at[s, t].loss for s, t in h.points)
    model.objective.set_value(pyo.quicksum(terms) + 1e-2 * loss + _ENOUGH)
