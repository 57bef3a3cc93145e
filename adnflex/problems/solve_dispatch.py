"""Solve a dispatch: relaxation and integers first, exact power flow next, recovery where they disagree."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from adnflex.algorithms.recovery import Recovered
from adnflex.devices import Device, Horizon, Storage
from adnflex.errors import SolverError
from adnflex.grid.model import FloatArray
from adnflex.grid.operating_points import OperatingPoints
from adnflex.problems.dispatch import Costs, Dispatch, Pins, Topology, build_dispatch
from adnflex.problems.dispatch_state import Excess, State, evaluate
from adnflex.problems.explain_dispatch import least_violation
from adnflex.problems.recover_dispatch import network_cones, recover_dispatch
from adnflex.problems.solve_reconfiguration import Progress
from adnflex.solvers.conic import compile_model
from adnflex.solvers.ending import Ending
from adnflex.solvers.gate import solve_model

__all__ = ["DispatchAnswer", "solve_dispatch"]

log = logging.getLogger(__name__)

Modes = frozenset[tuple[int, int]]

# Relaxation and exact power flow count as equal up to this relative difference of the objective.
_SAME = 1e-6


@dataclass(frozen=True)
class DispatchAnswer:
    """What solving gave.

    Attributes
    ----------
    status : str
        ``optimal``, ``gap``, ``infeasible``, ``not recovered``, ``time_limit`` or ``interrupted``.
    dispatch : Dispatch
        The model as it was last built.
    state : State or None
        The dispatch as it runs; where no limit-abiding one was found, the least violating one.
    relaxed : (N,) array or None
        The point of the plain relaxation with the same integers.
    bound : float
        Proven lower bound of the objective.
    gap_of, invented_kw : (S, T, m) array
        Tightness of the plain relaxation.
    method : str
        What recovered; empty where nothing had to.
    excess : list of Excess
        Where nothing meets every limit: what the least violating dispatch breaks, worst first.
    progress : list of Progress
        How incumbent and bound went.
    solver : str
        What did it.
    """

    status: str
    dispatch: Dispatch
    state: State | None
    relaxed: NDArray[np.float64] | None
    bound: float
    gap_of: FloatArray
    invented_kw: FloatArray
    method: str
    excess: list[Excess]
    progress: list[Progress]
    solver: str


class _Clock:
    """Seconds, progress and the caller's ear."""

    def __init__(self, seconds: float, tell: Callable[[Progress], None] | None) -> None:
        self.begin, self.seconds, self.tell = time.monotonic(), seconds, tell
        self.progress: list[Progress] = []

    @property
    def left(self) -> float:
        return max(self.begin + self.seconds - time.monotonic(), 1.0)

    @property
    def spent(self) -> bool:
        return time.monotonic() > self.begin + self.seconds

    def report(self, incumbent: float, bound: float, event: str) -> None:
        entry = Progress(time.monotonic() - self.begin, incumbent, bound, event)
        self.progress.append(entry)
        if self.tell is not None:
            self.tell(entry)


def solve_dispatch(
    points: OperatingPoints,
    horizon: Horizon,
    devices: Sequence[Device],
    costs: Costs,
    topology: Topology,
    *,
    gap: float = 1e-3,
    seconds: float = 300.0,
    solver: str = "auto",
    exact: bool = False,
    pins: Pins | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> DispatchAnswer:
    """Solve a dispatch and make it hold in exact power flow.

    Parameters
    ----------
    points, horizon, devices, costs, topology
        See `adnflex.problems.dispatch.build_dispatch`.
    gap, seconds : float
        Relative gap and time limit [s].
    solver : str
        See `adnflex.solvers.gate.SOLVERS`.
    exact : bool
        The exact equations by spatial branch and bound (SCIP, Gurobi) instead of the relaxation.
    pins : Pins, optional
        Decisions that are taken already.
    progress : callable, optional
        Told incumbent, bound and seconds.
    """
    clock = _Clock(seconds, progress)
    clock.report(math.inf, -math.inf, "building")
    dispatch, solved, modes = _with_modes(points, horizon, devices, costs, topology, pins, gap, solver, exact, clock)

    def refuse(status: str) -> DispatchAnswer:
        empty = np.zeros((horizon.scenarios, horizon.periods, points.grid.m))
        excess: list[Excess] = []
        if status == "infeasible":
            clock.report(math.inf, math.inf, "infeasible; looking for the reason")
            excess = least_violation(points, horizon, devices, costs, topology, pins, clock.left) or []
        return DispatchAnswer(
            status, dispatch, None, None, solved.bound, empty, empty, "", excess, clock.progress, solved.solver
        )

    if solved.x is None:
        if solved.status not in ("infeasible", "time_limit", "interrupted"):
            raise SolverError(
                f"{solved.solver} ended without an answer ({solved.words}); nothing is proven, neither a dispatch nor "
                "that there is none. Try another solver, or scale the data."
            )
        return refuse(solved.status)
    gaps, invented = network_cones(dispatch).gaps(dispatch, solved.x)
    state = evaluate(dispatch, solved.x)
    method, status, bound = "", solved.status, solved.bound
    relaxed = solved.x

    def enough(value: float) -> bool:
        return value <= bound + max(gap, _SAME) * max(abs(value), 1e-9)

    if not (state.feasible and enough(state.objective)) and status != "interrupted":
        clock.report(state.objective if state.feasible else math.inf, bound, "recovery")
        if not topology.spans:
            dispatch, relaxed, bound = _with_secants(dispatch, solved, relaxed, modes, pins, gap, solver, clock)
        if bound == math.inf:
            # no AC state meets every limit, unless rounding lets the one at hand pass
            if not state.feasible:
                return refuse("infeasible")
            bound = solved.bound
        found: Recovered[State] = recover_dispatch(dispatch, relaxed, enough, clock.left)
        if found.answer is None and not state.feasible:
            found = _next_best(dispatch, relaxed, gap, solver, enough, clock)
        if found.answer is not None and (not state.feasible or found.answer.objective < state.objective):
            state, method = found.answer, found.method
        if not state.feasible:
            status = "not recovered"
        elif not enough(state.objective) and status == "optimal":
            status = "gap"
    clock.report(state.objective if state.feasible else math.inf, bound, "exact power flow")
    excess = sorted(state.excess, key=lambda e: -e.share)
    return DispatchAnswer(
        status, dispatch, state, solved.x, bound, gaps, invented, method, excess, clock.progress, solved.solver
    )


# How many other decisions are tried where those of the relaxation do not hold in power flow.
_OTHERS = 8


def _next_best(
    dispatch: Dispatch,
    relaxed: FloatArray,
    gap: float,
    solver: str,
    enough: Callable[[float], bool],
    clock: _Clock,
) -> Recovered[State]:
    """Take decisions for which the cones have less to invent, then exclude what nothing could recover, one by one."""
    model, form = dispatch.model, dispatch.form
    found: Recovered[State] = Recovered(None, "", ())
    binaries = np.flatnonzero(form.integer)
    if not len(binaries):
        return found
    chosen = [form.variables[k] for k in binaries]
    clock.report(math.inf, -math.inf, "recovery: other decisions")
    priced = _priced_decisions(dispatch, gap, solver, clock)
    if priced is not None:
        found = recover_dispatch(dispatch, priced, enough, clock.left)
        if found.answer is not None:
            return found
    model.excluded = pyo.ConstraintList()
    values = np.round(relaxed[binaries])
    for _ in range(_OTHERS):
        if clock.spent:
            break
        ones = [v for v, x in zip(chosen, values, strict=True) if x > 0.5]
        zeros = [v for v, x in zip(chosen, values, strict=True) if x <= 0.5]
        model.excluded.add(sum(1 - v for v in ones) + sum(zeros) >= 1)
        solved = solve_model(model, solver, gap=max(gap, 1e-3), seconds=clock.left, report=clock.report)
        if solved.x is None:
            break
        again = replace(dispatch, form=compile_model(model))
        values = np.round(solved.x[again.form.columns_of(chosen)])
        found = recover_dispatch(again, solved.x, enough, clock.left)
        if found.answer is not None:
            break
    return found


def _priced_decisions(dispatch: Dispatch, gap: float, solver: str, clock: _Clock) -> FloatArray | None:
    """Solve with a price on what the cones may invent, decisions free."""
    model, form, cones = dispatch.model, dispatch.form, network_cones(dispatch)
    plain = model.objective.expr
    current = [form.variables[k] for k in form.cones[cones.cone, 2]]
    extra = pyo.quicksum(_INVENTED * float(w) * v for w, v in zip(cones.price, current, strict=True))
    model.objective.set_value(plain + extra)
    try:
        solved = solve_model(model, solver, gap=gap, seconds=clock.left, report=lambda *_: None)
    finally:
        model.objective.set_value(plain)
    if solved.x is None:
        return None
    return np.array([float(v.value) for v in form.variables])


# How many times over a loss is priced when decisions are taken that leave the cones nothing to invent.
_INVENTED = 10.0


def _with_secants(
    dispatch: Dispatch,
    solved: Ending,
    relaxed: FloatArray,
    modes: Modes,
    pins: Pins | None,
    gap: float,
    solver: str,
    clock: _Clock,
) -> tuple[Dispatch, FloatArray, float]:
    """Solve again with squared currents bounded from above: a better bound and a point nearer to the truth.

    The bound is inf where no AC state meets every limit.
    """
    points, horizon, devices, costs = dispatch.points, dispatch.horizon, dispatch.devices, dispatch.costs
    better = build_dispatch(points, horizon, devices, costs, dispatch.topology, modes, pins, secants=True)
    try:
        again = solve_model(better.model, solver, gap=gap, seconds=clock.left, report=clock.report)
    except SolverError as error:
        log.info("secants: %s", error)
        return dispatch, relaxed, solved.bound
    if again.x is None:
        proven = again.status == "infeasible"
        return dispatch, relaxed, math.inf if proven else max(solved.bound, again.bound)
    return better, again.x, max(solved.bound, again.bound)


# Charge modes that are declared at once where scenarios have to agree on them.
_MODES_AT_ONCE = 200


def _first_modes(horizon: Horizon, devices: Sequence[Device]) -> Modes:
    """Charge modes to begin with: none for one scenario, where they are rarely needed; all for several, if few."""
    storages = [d.place.index for d in devices if isinstance(d, Storage)]
    if horizon.scenarios == 1 or len(storages) * horizon.periods > _MODES_AT_ONCE:
        return frozenset()
    return frozenset((i, t) for i in storages for t in range(horizon.periods))


# Share of the time after which a search without any answer is given an easy one to start from.
_PATIENCE = 0.25


def _solve(dispatch: Dispatch, solver: str, exact: bool, gap: float, clock: _Clock) -> Ending:
    """Solve the model; where nothing is found for long, start again from positions that never change."""
    model = dispatch.model
    positions = [block.u for block in model.device.values() if hasattr(block, "u")]
    if exact or not positions:
        return solve_model(model, solver, exact=exact, gap=gap, seconds=clock.left, report=clock.report)
    first = solve_model(model, solver, gap=gap, seconds=_PATIENCE * clock.left, report=clock.report)
    if first.status != "time_limit":
        return first
    if first.x is None:
        clock.report(math.inf, first.bound, "looking for positions that never change")
        model.steady = pyo.ConstraintList()
        for u in positions:
            for t, k in u:
                if t:
                    model.steady.add(u[t, k] == u[0, k])
        easy = solve_model(model, solver, gap=1e-2, seconds=_PATIENCE * clock.left, report=lambda *_: None)
        start = None if easy.x is None else np.array([float(v.value) for v in dispatch.form.variables])
        model.del_component(model.steady)
    else:
        start = first.x
    again = solve_model(model, solver, gap=gap, seconds=clock.left, start=start, report=clock.report)
    return replace(again, bound=max(first.bound, again.bound))


def _with_modes(
    points: OperatingPoints,
    horizon: Horizon,
    devices: Sequence[Device],
    costs: Costs,
    topology: Topology,
    pins: Pins | None,
    gap: float,
    solver: str,
    exact: bool,
    clock: _Clock,
) -> tuple[Dispatch, Ending, Modes]:
    """Solve without charge modes, then with those that the solution shows to be needed."""
    modes = _first_modes(horizon, devices)
    while True:
        dispatch = build_dispatch(points, horizon, devices, costs, topology, modes, pins)
        solved = _solve(dispatch, solver, exact, gap, clock)
        if exact and solved.x is None and solved.status == "infeasible":
            # spatial branch and bound was seen to call feasible models infeasible: only the relaxation may say so
            log.warning("the solver of the exact equations found nothing; the relaxation decides")
            exact = False
            continue
        if solved.x is None or solved.status == "interrupted":
            return dispatch, solved, modes
        dispatch.form.load(solved.x)
        needed: set[tuple[int, int]] = set()
        for i, device in enumerate(devices):
            if isinstance(device, Storage):
                needed |= device.conflicts(dispatch.model.device[i], dispatch.frame)
        if needed <= modes:
            return dispatch, solved, modes
        log.info("%d charge modes are needed", len(needed))
        modes = modes | needed
