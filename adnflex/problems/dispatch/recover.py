"""Dispatch where the cone is not tight: decisions fixed, set-points moved until exact power flow agrees.

The ways: where only rounding is in the way, a margin of its size; loss priced once more; sequential tightening, from
the best so far; where nothing held yet, the upper voltage limit also on the LinDistFlow voltage; the exact equations by
spatial branch and bound, where the model is small.  The bound of the relaxation stays valid throughout.  A candidate
counts only if the devices' own audit and exact power flow find nothing in it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from adnflex.algorithms.recovery import Recovered, recover
from adnflex.arrays import FloatArray, IntArray
from adnflex.devices import Supplies, able
from adnflex.errors import SolverError, SolverUnavailable
from adnflex.formulations import FORMULATIONS
from adnflex.formulations.attachments import Attachments
from adnflex.formulations.bounds import compute_bounds
from adnflex.formulations.branch_flow import declare_voltages
from adnflex.problems.dispatch.charge_modes import Modes, conflicts_at, rule_out_other_side
from adnflex.problems.dispatch.limits import LimitViolation
from adnflex.problems.dispatch.model import Dispatch
from adnflex.problems.dispatch.state import DispatchState, evaluate
from adnflex.solvers.clarabel import solve_relaxation
from adnflex.solvers.conic import ConicForm, compile_model
from adnflex.solvers.gate import solve_model
from adnflex.solvers.sequential import tighten

log = logging.getLogger(__name__)


# Cones up to which the exact equations are worth a try.
_SMALL = 400


@dataclass(frozen=True)
class NetworkCones:
    """The cones of the network in a model's form.

    Attributes
    ----------
    cone : (k,) array of int
        Row in ``form.cones``.
    s, t, branch : (k,) array of int
        Which branch, when.
    price : (k,) array
        Value of the squared current that a cone may invent: its loss at the price of energy, by probability.
    """

    cone: IntArray
    s: IntArray
    t: IntArray
    branch: IntArray
    price: FloatArray

    def gaps(self, dispatch: Dispatch, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return relative gap (S, T, m) and invented loss [kW] of every branch."""
        h, grid = dispatch.horizon, dispatch.points.grid
        gap, loss = (np.zeros((h.scenarios, h.periods, grid.m)) for _ in range(2))
        p, q, l, w = (x[dispatch.form.cones[self.cone, k]] for k in range(4))  # noqa: E741
        slack = np.maximum(l * w - p**2 - q**2, 0.0)
        at = (self.s, self.t, self.branch)
        gap[at] = slack / np.maximum(l * w, 1e-6)
        invented = np.divide(slack, w, out=np.zeros_like(w), where=w > 1e-6)
        loss[at] = grid.r[self.branch] * invented * grid.base_mva * 1e3
        return gap, loss


def network_cones(dispatch: Dispatch) -> NetworkCones:
    """Find the cones of the network among all cones of the model."""
    h, grid, form = dispatch.horizon, dispatch.points.grid, dispatch.form
    columns = dispatch.variable("l", grid.m)
    place = np.full(len(form.c), -1, dtype=np.int64)
    place[columns[columns >= 0]] = np.flatnonzero(columns.ravel() >= 0)
    at = place[form.cones[:, 2]]
    cone = np.flatnonzero(at >= 0)
    s, t, branch = np.unravel_index(at[cone], columns.shape)
    worth = _energy_price(dispatch)
    size = np.hypot(grid.r, 0.1 * grid.x)
    price = h.probabilities[s] * worth[s, t] * size[branch] * grid.base_mva * h.hours
    return NetworkCones(cone, s, t, branch, price)


def _energy_price(dispatch: Dispatch) -> FloatArray:
    """Price a megawatt-hour at each point, at least a little [unit of the objective]."""
    h, costs = dispatch.horizon, dispatch.costs
    total = np.full((h.scenarios, h.periods), costs.loss_per_mwh)
    for d in able(dispatch.devices, Supplies):
        total = total + np.abs(d.price) + np.abs(d.carbon) * costs.carbon_per_kg
        if costs.minimise == "carbon":
            total = total + np.abs(d.carbon)
    return np.asarray(np.maximum(total, max(1e-3 * float(total.max()), 1e-3)))


def recover_dispatch(
    dispatch: Dispatch,
    relaxed: FloatArray,
    enough: Callable[[DispatchState], bool],
    left: Callable[[], float],
    rebuilt: Callable[[Modes], Dispatch],
) -> Recovered[DispatchState]:
    """Look for set-points that hold in exact power flow, integers fixed.

    Every candidate is a `DispatchState`: its devices have audited it and exact power flow has measured it. One that
    charges and discharges at once is solved again with the other side ruled out, or with binary charge modes.

    Parameters
    ----------
    dispatch : Dispatch
        The model.
    relaxed : (N,) array
        Its relaxed solution, integers settled.
    enough : callable
        Whether a state is close enough to the bound.
    left : callable
        Seconds that are left; no further way is begun without any.
    rebuilt : callable
        Maps charge modes to the model that has them.
    """
    form, cones = dispatch.form, network_cones(dispatch)
    low, high = form.low.copy(), form.high.copy()
    low[form.integer] = high[form.integer] = np.round(relaxed[form.integer])
    ways: list[tuple[str, Callable[[DispatchState | None], Iterator[DispatchState]]]] = [
        ("margin", partial(_margin, dispatch, low, high, relaxed, left, _ROUNDING)),
        ("priced loss", partial(_priced, dispatch, cones, low, high, left)),
        ("sequential", partial(_sequential, dispatch, cones, low, high, relaxed, left)),
        ("LinDistFlow cap", partial(_capped, dispatch, cones, relaxed, left)),
    ]
    if not dispatch.formulation.bounds_ac:
        # its set-points are wanted, only moved as far as power flow differs from it
        ways = [("margin", partial(_margin, dispatch, low, high, relaxed, left, _APPROXIMATE))]
    elif len(cones.cone) <= _SMALL:
        ways.append(("exact", partial(_exact, dispatch, left, rebuilt)))
    return recover(ways, lambda s: s.feasible, lambda s: s.objective, enough, left())


# Violations up to this share of a limit come from the solver's rounding, not from the cone.
_ROUNDING = 2e-4
# Those of a formulation that leaves something out.
_APPROXIMATE = 0.1


def _margin(
    dispatch: Dispatch,
    low: FloatArray,
    high: FloatArray,
    relaxed: FloatArray,
    left: Callable[[], float],
    most: float,
    best: DispatchState | None,
) -> Iterator[DispatchState]:
    """Tighten voltage and import limits by as much as exact power flow exceeds them."""
    low, high = low.copy(), high.copy()
    x, state, columns = relaxed, evaluate(dispatch, relaxed), dispatch.form.columns()
    for _ in range(4):
        yield state
        one_way = not rule_out_other_side(dispatch, x, high)
        if state.feasible or (one_way and state.worst > most):
            return
        for e in state.excess:
            variable = _limited(dispatch, e)
            column = -1 if variable is None else columns.get(id(variable), -1)
            if column < 0 or e.share > most:
                continue
            over = abs(e.value**2 - e.limit**2) if e.kind.startswith("voltage") else _beyond(dispatch, e)
            if e.kind.endswith("low"):
                low[column] += 2 * over
            else:
                high[column] -= 2 * over
        answer = solve_relaxation(dispatch.form, low, high, left())
        if answer.x is None:
            return
        x = answer.x
        state = evaluate(dispatch, x)


def _beyond(dispatch: Dispatch, e: LimitViolation) -> float:
    return abs(e.value - e.limit) / dispatch.points.grid.base_mva


def _limited(dispatch: Dispatch, e: LimitViolation) -> Any:
    """Return the variable whose bound a limit is; None where it is a row."""
    if e.kind.startswith("voltage"):
        return dispatch.model.at[e.s, e.t].v[e.where]
    for i, d in enumerate(dispatch.devices):
        if isinstance(d, Supplies) and d.place.node == e.where and "import" in e.kind:
            block = dispatch.model.device[i]
            return (block.q if e.kind.startswith("reactive") else block.p)[e.s, e.t]
    return None


# Rounds in which storages that do both are left one side only.
_SIDES = 3


def _priced(
    dispatch: Dispatch,
    cones: NetworkCones,
    low: FloatArray,
    high: FloatArray,
    left: Callable[[], float],
    best: DispatchState | None,
) -> Iterator[DispatchState]:
    form = dispatch.form
    for factor in (1.0, 10.0):
        c = form.c.copy()
        np.add.at(c, form.cones[cones.cone, 2], factor * cones.price)
        for state in _one_way(dispatch, replace(form, c=c), low, high, left):
            yield state
            if state.feasible:
                return


def _one_way(
    dispatch: Dispatch, form: ConicForm, low: FloatArray, high: FloatArray, left: Callable[[], float]
) -> Iterator[DispatchState]:
    """Solve, and again with one side ruled out as long as a storage charges and discharges at once."""
    high = high.copy()
    for _ in range(_SIDES):
        answer = solve_relaxation(form, low, high, left())
        if answer.x is None:
            return
        yield evaluate(dispatch, answer.x)
        if not rule_out_other_side(dispatch, answer.x, high):
            return


def _capped(
    dispatch: Dispatch, cones: NetworkCones, relaxed: FloatArray, left: Callable[[], float], best: DispatchState | None
) -> Iterator[DispatchState]:
    """Bound the LinDistFlow voltage, which no loss can lower, by the upper limit too."""
    model, form = dispatch.model, dispatch.form
    h, grid = dispatch.horizon, dispatch.points.grid
    if best is not None or dispatch.topology.spans or grid.taps:
        return  # an inner approximation; with taps or switches it would need the chosen ones as constants
    import pyomo.environ as pyo

    form.load(relaxed)
    model.cap = pyo.Block(range(h.scenarios), range(h.periods))
    bounds = compute_bounds(grid)
    v_low = np.minimum(bounds.v_min, 0.25)
    roots = [int(r) for r in grid.roots]
    wide = replace(
        bounds,
        v_min=v_low,
        v_max=dispatch.bounds.v_max,
        i_max=1e3 * np.maximum(dispatch.bounds.i_max, 1e-3),
        s_max=1e3 * np.maximum(dispatch.bounds.s_max, 1e-3),
    )
    try:
        for s, t in h.points:
            b = model.cap[s, t]
            declare_voltages(b, grid, wide)
            b.in_p, b.in_q = pyo.Var(roots), pyo.Var(roots)
            more = dispatch.frame.at[s, t]
            own = Attachments(more.p, more.q, {r: b.in_p[r] for r in roots}, {r: b.in_q[r] for r in roots})
            FORMULATIONS["lindistflow"].declare(b, dispatch.points.at(s, t), wide, [], own)
            b.cone.deactivate()  # currents are those of the first copy
            b.same_root = pyo.Constraint(roots, rule=lambda b, r, s=s, t=t: b.v[r] == model.at[s, t].v[r])
        both = compile_model(model)
    finally:
        model.del_component(model.cap)
    where = form.columns()
    old = np.array([where.get(id(v), -1) for v in both.variables])
    known = old >= 0
    low, high, c = both.low.copy(), both.high.copy(), both.c.copy()
    fixed = known & both.integer
    low[fixed] = high[fixed] = np.round(relaxed[old[fixed]])
    np.add.at(c, both.cones[cones.cone, 2], 0.1 * cones.price)
    top = np.full(len(form.c), np.inf)
    for _ in range(_SIDES):
        high[known] = np.minimum(high[known], top[old[known]])
        answer = solve_relaxation(replace(both, c=c), low, high, left())
        if answer.x is None:
            return
        x = np.zeros(len(form.c))
        x[old[known]] = answer.x[known]
        yield evaluate(dispatch, x)
        if not rule_out_other_side(dispatch, x, top):
            return


def _sequential(
    dispatch: Dispatch,
    cones: NetworkCones,
    low: FloatArray,
    high: FloatArray,
    relaxed: FloatArray,
    left: Callable[[], float],
    best: DispatchState | None,
) -> Iterator[DispatchState]:
    found: list[DispatchState] = []

    for start in [relaxed] if best is None else [best.x, relaxed]:
        # what is ruled out in a round stays so in the following ones
        top = high.copy()
        form = replace(dispatch.form, low=low, high=top)
        keep = max(_LITTLE, left() - _LONGEST)

        def seconds(keep: float = keep) -> float:
            return left() - keep

        def accept(x: FloatArray, top: FloatArray = top) -> bool:
            found.append(evaluate(dispatch, x))
            return not rule_out_other_side(dispatch, x, top) and found[-1].feasible

        tighten(form, start, cones.cone, cones.price, accept, seconds)
        yield from found
        found.clear()


# Seconds below which no further round is begun, and after which the rounds from one point have had their turn.
_LITTLE, _LONGEST = 1.0, 60.0


def _exact(
    dispatch: Dispatch, left: Callable[[], float], rebuilt: Callable[[Modes], Dispatch], best: DispatchState | None
) -> Iterator[DispatchState]:
    """Spatial branch and bound on the exact equations, integers free again, charge modes as they are needed."""
    modes = Modes(dispatch.frame.modes)
    while True:
        try:
            solved: Any = solve_model(dispatch.model, "scip", exact=True, gap=1e-4, seconds=left())
        except (SolverUnavailable, SolverError) as error:
            log.info("exact equations: %s", error)
            return
        if solved.x is None:
            return
        yield evaluate(dispatch, solved.x)
        needed = conflicts_at(dispatch, solved.x)
        if needed <= modes or left() <= _LITTLE:
            return
        modes = modes | needed
        dispatch = rebuilt(modes)
