r"""What a dispatch proves of its losses: their value in the objective, and a bound of their energy.

With the objective :math:`C = C_0 + \Lambda`, where :math:`C_0` is what the same set-points would cost without losses,
a bound :math:`\underline C \le C` of all plans says of every plan with the set-points of the one at hand
:math:`\Lambda' = C' - C_0 \ge \underline C - C_0 = \Lambda - (C - \underline C)`: no switch states lose less, valued as
the objective values it, by more than :math:`C - \underline C`. As a share of :math:`\Lambda` this is the gap in losses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo

from adnflex.devices import Supplies, able
from adnflex.problems.dispatch.model import Dispatch
from adnflex.problems.dispatch.state import DispatchState
from adnflex.solvers.clarabel import solve_relaxation
from adnflex.solvers.conic import compile_model

# Relaxation and exact power flow count as equal up to this relative difference of the objective.
_SAME = 1e-6


@dataclass(frozen=True)
class Losses:
    """What is proven of the losses of an answer.

    Attributes
    ----------
    value : float
        What they are worth in the objective, in its unit.
    least_mwh : float
        No set-points and switch states within the limits lose less [MWh]; -inf: nothing proven.
    """

    value: float
    least_mwh: float


@dataclass(frozen=True)
class Goal:
    """When a search may end.

    Attributes
    ----------
    gap : float
        Relative gap.
    of_losses : bool
        Whether it is relative to the value of the losses, not to the objective.
    """

    gap: float
    of_losses: bool = False

    def room(self, dispatch: Dispatch, state: DispatchState) -> float:
        """How far above the bound a state may be, in the objective's unit."""
        whole = max(abs(state.objective), 1e-9)
        value = loss_value(dispatch, state) if self.of_losses else math.nan
        # losses that are welcome, or worth nothing, measure nothing
        return max(self.gap * value if value > 0 else self.gap * whole, _SAME * whole)

    def relative(self, dispatch: Dispatch, state: DispatchState) -> float:
        """Gap of the objective that a solver is asked for; half of the room that a state leaves."""
        if not self.of_losses or any(flow is None for flow in state.flows.values()):
            return self.gap
        return min(self.gap, 0.5 * self.room(dispatch, state) / max(abs(state.objective), 1e-9))


def loss_value(dispatch: Dispatch, state: DispatchState) -> float:
    """Value of the losses of a state in what is minimised.

    What the import would cost less (or emit less) if the network lost nothing, and the price of the losses
    themselves. Of several sources the one where the losses are worth least counts: the gap is never understated.

    Parameters
    ----------
    dispatch : Dispatch
        The model.
    state : DispatchState
        A state; NaN comes back where it has no power flow.
    """
    h, costs, loss = dispatch.horizon, dispatch.costs, state.losses_mw
    money, mass = [], []
    for k, source in enumerate(able(dispatch.devices, Supplies)):
        p = state.grid_mw[:, :, k]
        kg = (source.carbon * loss).sum(axis=1) * h.hours
        paid = source.purchase(p, h.hours) - source.purchase(p - loss, h.hours)
        money.append(paid + costs.loss_per_mwh * loss.sum(axis=1) * h.hours + costs.carbon_per_kg * kg)
        mass.append(kg)
    least = float(h.probabilities @ np.min(money, axis=0))
    if costs.minimise == "cost":
        return least
    return float(h.probabilities @ np.min(mass, axis=0)) + 1e-6 * least


def least_losses_mwh(dispatch: Dispatch, seconds: float) -> float:
    """Bound the energy that any set-points and switch states within the limits lose [MWh].

    The continuous relaxation of the same model, its objective replaced by the expected losses; -inf where the solver
    proves nothing in the time given.

    Parameters
    ----------
    dispatch : Dispatch
        The model; it is left as it was.
    seconds : float
        Time limit [s].
    """
    model, h = dispatch.model, dispatch.horizon
    plain = model.objective.expr
    model.objective.set_value(
        pyo.quicksum(
            float(h.probabilities[s]) * pyo.quicksum(dispatch.lost(s, t) for t in range(h.periods))
            for s in range(h.scenarios)
        )
    )
    try:
        answer = solve_relaxation(compile_model(model), time_limit=seconds)
    finally:
        model.objective.set_value(plain)
    return answer.bound * dispatch.points.grid.base_mva * h.hours
