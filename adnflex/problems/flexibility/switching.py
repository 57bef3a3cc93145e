r"""The box with the switch states free: LinDistFlow of every copy over all branches, the states a spanning tree.

.. math::

    |P_k|, |Q_k| \le M_k z_k, \qquad
    \Big| \frac{v_f}{\rho_k^2} - v_t - 2 (r_k P_k + x_k Q_k) \Big| \le D_k (1 - z_k)

The verb searches tree by tree (`adnflex.problems.flexibility.search`); with the states of one of them this is the
program of that tree (`adnflex.problems.flexibility.whole`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import BoolArray, ComplexArray, FloatArray
from adnflex.errors import InputError
from adnflex.formulations.radiality import declare_radiality
from adnflex.problems.flexibility.model import BoxProblem
from adnflex.problems.flexibility.states import Network
from adnflex.problems.flexibility.whole import declare_box

_DOC = """The largest box of any radial switch state, from lower[t] to upper[t] in every period t.

z[k] is 1 where branch k is closed; copy[c, t] is the network of copy c in period t. The rest is that of the box of one
state: powers in MW, Mvar and MVA, consumer sign; energies in MWh; squared voltages v in per unit. Minimised: the
negative weighted size of the box [MWh], and small prices of idle columns.
"""


def declare_switched_box(
    problem: BoxProblem, network: Network, required: BoolArray, most: int | None = None, separable: bool = True
) -> pyo.ConcreteModel:
    """Declare the box that the best topology has.

    Parameters
    ----------
    problem : BoxProblem
        The linear model of any radial state of the grid.
    network : Network
        The same state.
    required : (m,) array of bool
        Branches that stay closed.
    most : int, optional
        Largest number of branches whose state changes.
    separable : bool
        Followed hour by hour; else the master problem of the first two vertices, which bounds every box.

    Raises
    ------
    InputError
        If what is imported anyway, the base schedule or the voltages without load depend on the switch states.
    """
    grid = problem.grid
    if not problem.alike:
        raise InputError(
            "the switch states change what is imported anyway, or the base schedule; this model needs one source, and "
            "base_mw left out where a direction or required_mw is given."
        )
    still = _Still(network)
    free = np.flatnonzero(~required).tolist()

    def declare(b: Any, side: int, t: int, withdrawn: tuple[list[Any], list[Any]]) -> None:
        _declare_network(b, problem, still.at(t), withdrawn)

    def states(m: pyo.ConcreteModel) -> None:
        unknown = np.zeros(grid.m, dtype=np.int64)
        declare_radiality(m, grid, free, unknown)
        if most is not None:
            changed = [1 - m.z[k] if grid.closed[k] else m.z[k] for k in free]
            m.few_operations = pyo.Constraint(expr=pyo.quicksum(changed) <= most - _forced(grid.closed, required))

    ends = [np.zeros(problem.periods), np.ones(problem.periods)]
    m = declare_box(problem, ends, separable, separable, network=declare, before=states)
    m.name, m.doc = "reconfigure_for_flexibility", _DOC
    return m


def _forced(closed: BoolArray, required: BoolArray) -> int:
    """Operations that every radial state needs: open branches that have to be closed."""
    return int(np.count_nonzero(required & ~closed))


class _Still:
    """Withdrawals beside the devices' in a period: at the nodes, and what the shunts of a branch add by its state."""

    def __init__(self, network: Network) -> None:
        grid, self._network = network.grid, network
        self.v = network.flow.no_load_v
        away = np.abs(self.v[grid.f] / grid.ratio**2 - self.v[grid.t]) > 1e-9
        if away.any():
            raise InputError(
                f"the ratios in the loop of {grid.branches[int(np.flatnonzero(away)[0])]} do not cancel, so that the "
                "switch states change the voltages without load; this model needs equal ratios in a loop."
            )

    def at(self, t: int) -> tuple[ComplexArray, ComplexArray, ComplexArray, FloatArray]:
        """Withdrawals (n,), those of shunts at both ends of a branch open and closed (2, m) [pu], and voltages."""
        grid, v = self._network.grid, self.v
        whole: ComplexArray = self._network.still[t] + np.conj(self._network.points.y[0, t]) * v
        seen = np.stack([v[grid.f] / grid.ratio**2, v[grid.t]])
        opened: ComplexArray = np.conj(np.stack([grid.open_from, grid.open_to]).astype(complex))
        shut: ComplexArray = np.conj(np.stack([grid.y_from, grid.y_to]).astype(complex))
        opened *= seen
        shut *= seen
        return whole, opened, shut, v


def _declare_network(
    b: Any,
    problem: BoxProblem,
    still: tuple[ComplexArray, ComplexArray, ComplexArray, FloatArray],
    withdrawn: tuple[list[Any], list[Any]],
) -> None:
    """Flows, voltages and limits of a copy in a period, over all branches."""
    grid, base, z = problem.grid, problem.grid.base_mva, b.model().z
    whole, opened, shut, no_load = still
    p, q = withdrawn
    most = _largest_flow(problem, whole, opened, shut)
    branches = range(grid.m)
    free = set(z)
    state = [z[k] if k in free else 1.0 for k in branches]
    b.open = pyo.ConstraintList(doc="through an open branch nothing flows")
    for k in z:
        for flow in (b.flow_p[k], b.flow_q[k]):
            flow.setlb(-most)
            flow.setub(most)
            b.open.add(flow <= most * z[k])
            b.open.add(flow >= -most * z[k])
    left: list[list[Any]] = [[], []]
    at = {int(node): d for d, node in enumerate(problem.columns.nodes)}
    for part, (flow, own, of) in enumerate(((b.flow_p, p, np.real), (b.flow_q, q, np.imag))):
        for j in range(grid.n):
            shunts = [
                float(of(opened[end, k])) + float(of(shut[end, k] - opened[end, k])) * state[k]
                for end, nodes in enumerate((grid.f, grid.t))
                for k in np.flatnonzero(nodes == j)
            ]
            mine = [own[at[j]]] if j in at else []
            total = base * (float(of(whole[j])) + pyo.quicksum(shunts)) + pyo.quicksum(mine)
            out = [flow[k] for k in np.flatnonzero(grid.f == j)]
            left[part].append(total + pyo.quicksum(out) - pyo.quicksum(flow[k] for k in np.flatnonzero(grid.t == j)))
    inner = np.flatnonzero(np.isnan(grid.root_v)).tolist()
    b.balance_p = pyo.Constraint(inner, rule=lambda _, j: left[0][j] == 0, doc="active power of a node [MW]")
    b.balance_q = pyo.Constraint(inner, rule=lambda _, j: left[1][j] == 0, doc="reactive power of a node [Mvar]")
    b.imported_p = pyo.Constraint(expr=b.import_p == left[0][problem.tree.root])
    b.imported_q = pyo.Constraint(expr=b.import_q == left[1][problem.tree.root])
    _declare_voltages(b, problem, no_load, most, state)
    radius = base * problem.tree.radius
    rated = [k for k in branches if np.isfinite(radius[k])]
    b.rated = pyo.Constraint(rated, rule=lambda _, k: b.rating[k] == float(radius[k]) * state[k])


def _declare_voltages(b: Any, problem: BoxProblem, no_load: FloatArray, most: float, state: list[Any]) -> None:
    """Squared voltages and their fall along closed branches."""
    grid = problem.grid
    # along any path the voltage moves by no more than all branches together
    reach = 2 * float((np.abs(grid.r) + np.abs(grid.x)).sum()) * most / grid.base_mva
    reach *= max(1.0, float(grid.ratio.max()), float(1 / grid.ratio.min())) ** 2
    limited = np.isnan(grid.root_v)
    low = np.where(limited, np.where(grid.v_min > 0, grid.v_min, no_load - reach), no_load)
    high = np.where(limited, np.where(np.isfinite(grid.v_max), grid.v_max, no_load + reach), no_load)
    for j in b.v:
        b.v[j].setlb(low[j])
        b.v[j].setub(high[j])

    def fall(k: int) -> Any:
        drop = 2 * (float(grid.r[k]) * b.flow_p[k] + float(grid.x[k]) * b.flow_q[k]) / grid.base_mva
        return float(1 / grid.ratio[k] ** 2) * b.v[int(grid.f[k])] - b.v[int(grid.t[k])] - drop

    f, t, square = grid.f, grid.t, grid.ratio**2
    # an open branch has no flow: the ends differ by what their limits let them
    up, down = np.maximum(high[f] / square - low[t], 0), np.minimum(low[f] / square - high[t], 0)
    fixed = [k for k in range(grid.m) if isinstance(state[k], float)]
    free = [k for k in range(grid.m) if not isinstance(state[k], float)]
    b.fall = pyo.Constraint(fixed, rule=lambda _, k: fall(k) == 0, doc="voltage along a closed branch")
    b.fall_most = pyo.Constraint(free, rule=lambda _, k: fall(k) <= float(up[k]) * (1 - state[k]))
    b.fall_least = pyo.Constraint(free, rule=lambda _, k: fall(k) >= float(down[k]) * (1 - state[k]))


def _largest_flow(problem: BoxProblem, whole: ComplexArray, opened: ComplexArray, shut: ComplexArray) -> float:
    """Bound every flow by all that is withdrawn anywhere [MW, Mvar]."""
    c, base = problem.columns, problem.grid.base_mva
    size = np.maximum(np.abs(c.low), np.abs(c.high))
    own = float(((np.abs(c.p) + np.abs(c.q)) * size).sum(axis=1).max())
    still = np.abs(whole).sum() + np.maximum(np.abs(opened), np.abs(shut)).sum()
    return own + float(still) * base
