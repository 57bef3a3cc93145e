r"""Reactive power over scenarios, as a second-order cone programme that is built once and solved every hour.

With scenarios :math:`s`, branch flow as in `adnflex.formulations.distflow`, sites :math:`i`:

.. math::

    \min\; \sum_{s,h} \pi_s \Bigl[ w_l \sum_k r_k l_{skh} + \sum_b \varphi_b(v_{sbh}) + w_l^+ \sum_k o_{skh} \Bigr]
    + w_m \sum_{i,h} |q_{ih} - q_{i,h-1}|, \qquad
    \varphi_b(v) = w_d |v - 1| + w_v \max\{0,\; \underline v - v,\; v - \overline v\}

with probabilities :math:`\pi_s` of the scenarios, subject to the balances, the voltage law and the cone in every
scenario. :math:`q_i` is the same in all scenarios of the first hour, which is the one that is carried out, and free in
each scenario later. The voltage limits are soft, because at peak load they can be out of reach; :math:`\varphi` is one
variable above its four affine pieces. Ratings are soft in the same way, ``l <= i² (1 + o)``.

References
----------
Xu et al., doi:10.3390/wevj16090515, section 2.3 (loss and voltage deviation over scenarios, the cone). Baran and Wu,
doi:10.1109/61.19266; Farivar and Low, doi:10.1109/TPWRS.2013.2255317 (branch flow and its relaxation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.devices import Device, Frame, Timeline
from adnflex.errors import SolverError
from adnflex.formulations import FORMULATIONS
from adnflex.formulations.attachments import Attachments
from adnflex.formulations.bounds import compute_bounds
from adnflex.formulations.branch_flow import declare_voltages
from adnflex.grid.model import Grid
from adnflex.problems.dispatch.reactive_model import Sites, Weights, declare_cost, declare_sites, ranges_of, unrated
from adnflex.solvers.conic import ConicForm, compile_model
from adnflex.solvers.gate import solve_model
from adnflex.solvers.repeated import RepeatedConic


@dataclass(frozen=True, eq=False)
class ReactiveSolution:
    """A solved hour.

    Attributes
    ----------
    q_mvar : (k,) array
        Injection of each site [Mvar].
    v : (S, H, n) array
        Squared voltages of the model [pu].
    objective : float
        Value of the model.
    loss_mw : float
        Mean loss of the model in the first hour [MW].
    gap : float
        Largest ``(l v - P² - Q²) / max(l v, 1e-4)``.
    gaps : (m,) array
        The same by branch, the largest of its scenarios in the first hour.
    invented_kw : float
        Largest loss of a scenario and hour that is due to cones that are not tight [kW].
    residual : float
        Largest violation of any row or cone.
    """

    q_mvar: FloatArray
    v: FloatArray
    objective: float
    loss_mw: float
    gap: float
    gaps: FloatArray
    invented_kw: float
    residual: float


class ReactiveProblem:
    """The programme of one net, number of scenarios and horizon; see `build_reactive`."""

    def __init__(
        self,
        model: pyo.ConcreteModel,
        form: ConicForm,
        grid: Grid,
        sites: Sites,
        weights: Weights,
        devices: Sequence[Device],
        frame: Frame,
    ) -> None:
        self.model, self.form, self.grid, self.sites = model, form, grid, sites
        self.weights, self.devices, self.frame = weights, list(devices), frame
        self.shape = (frame.horizon.scenarios, frame.horizon.periods)
        row_of = {id(constraint): k for k, constraint in enumerate(form.rows)}
        self._p_rows, self._q_rows = (self._rows(row_of, name) for name in ("p_balance", "q_balance"))
        self._built = (form.row_low.copy(), form.row_high.copy())
        self._q = form.columns_of(model.q[i] for i in range(len(sites)))
        self._columns = {name: self._all(name, size) for name, size in (("v", grid.n), ("p", grid.m), ("q", grid.m))}
        self._columns["l"] = self._all("l", grid.m)
        self._moved = [
            [row_of[id(row[i])] for i in range(len(sites))]
            for row in ((model.move_up, model.move_down) if weights.move else ())
        ]
        self._solver: RepeatedConic | None = None
        if not form.integer.any():
            self._solver = RepeatedConic(form, self._sizes_only())

    def _rows(self, row_of: dict[int, int], name: str) -> IntArray:
        """Rows (S, H, n) of a balance; -1 at the roots."""
        rows = np.full((*self.shape, self.grid.n), -1, dtype=np.int64)
        for s, h in self.frame.horizon.points:
            for j, constraint in getattr(self.model.at[s, h], name).items():
                rows[s, h, j] = row_of[id(constraint)]
        return rows

    def _all(self, name: str, size: int) -> IntArray:
        columns = np.full((*self.shape, size), -1, dtype=np.int64)
        known = self.form.columns()
        for s, h in self.frame.horizon.points:
            for k, variable in getattr(self.model.at[s, h], name).items():
                columns[s, h, k] = known.get(id(variable), -1)
        return columns

    def _sizes_only(self) -> BoolArray:
        """Variables of the branch flow, whose bounds are only there for their size."""
        found = np.zeros(len(self.form.c), dtype=bool)
        for columns in self._columns.values():
            found[columns[columns >= 0]] = True
        known = self.form.columns()
        for block in self.model.at.values():
            for variable in block.u.values():
                found[known[id(variable)]] = True
        return found

    def solve(
        self,
        p: FloatArray,
        q: FloatArray,
        low: FloatArray,
        high: FloatArray,
        before: FloatArray | None = None,
        seconds: float = 60.0,
    ) -> ReactiveSolution:
        """Decide an hour.

        Parameters
        ----------
        p, q : (S, H, n) array
            Withdrawal of every node without the sites [pu].
        low, high : (k,) array
            Limits of the sites' injections in this hour [Mvar].
        before : (k,) array, optional
            Injections of the hour before, for the cost of moves [Mvar].
        seconds : float
            Time limit where integers are decided [s].

        Raises
        ------
        SolverError
            If no optimum is found.
        """
        row_low, row_high = (sides.copy() for sides in self._built)
        for rows, values in ((self._p_rows, p), (self._q_rows, q)):
            there = rows >= 0
            for sides in (row_low, row_high):
                sides[rows[there]] = values[there]
        base = self.grid.base_mva
        if self._moved:
            now = np.zeros(len(self.sites)) if before is None else before / base
            row_high[self._moved[0]], row_high[self._moved[1]] = now, -now
        bound_low, bound_high = self.form.low.copy(), self.form.high.copy()
        bound_low[self._q], bound_high[self._q] = low / base, high / base
        if self._solver is None:
            x = self._by_gate(p, q, low, high, before, seconds)
        else:
            x = self._solver.solve(row_low, row_high, bound_low, bound_high)
        return self._answer(x, row_low, row_high)

    def _by_gate(
        self, p: FloatArray, q: FloatArray, low: FloatArray, high: FloatArray, before: FloatArray | None, seconds: float
    ) -> FloatArray:
        """Solve with integers: the model itself is changed, because the gate compiles it again."""
        base = self.grid.base_mva
        for s, h in self.frame.horizon.points:
            for name, values in (("p_balance", p), ("q_balance", q)):
                for j, constraint in getattr(self.model.at[s, h], name).items():
                    constraint.set_value(constraint.body == float(values[s, h, j]))
        for i in range(len(self.sites)):
            self.model.q[i].setlb(float(low[i]) / base)
            self.model.q[i].setub(float(high[i]) / base)
            if self.weights.move:
                now = 0.0 if before is None else float(before[i]) / base
                self.model.move_up[i].set_value(self.model.move_up[i].body <= now)
                self.model.move_down[i].set_value(self.model.move_down[i].body <= -now)
        solved = solve_model(self.model, gap=1e-4, seconds=seconds)
        if solved.x is None:
            raise SolverError(
                f"reactive power with tap positions or steps ended as {solved.status} after {seconds:g} s; give it "
                "more seconds, fewer scenarios, or leave the positions out."
            )
        return solved.x

    def _answer(self, x: FloatArray, row_low: FloatArray, row_high: FloatArray) -> ReactiveSolution:
        grid, columns = self.grid, self._columns
        value = {name: np.where(at >= 0, x[at], 0.0) for name, at in columns.items()}
        v = value["v"].copy()
        roots = ~np.isnan(grid.root_v)
        fixed = roots & (columns["v"][0, 0] < 0)
        v[:, :, fixed] = grid.root_v[fixed]
        k = self.form.cones
        squares = x[k[:, 0]] ** 2 + x[k[:, 1]] ** 2
        product = x[k[:, 2]] * x[k[:, 3]]
        of_cones = np.maximum((product - squares) / np.maximum(product, 1e-4), 0.0)
        too_much = np.maximum(x[k[:, 2]] - squares / np.maximum(x[k[:, 3]], 1e-6), 0.0)
        current = np.zeros(len(x))
        current[k[:, 2]] = too_much
        slack = np.zeros(len(x))
        slack[k[:, 2]] = of_cones
        invented = (np.where(columns["l"] >= 0, current[columns["l"]], 0.0) @ grid.r).max(initial=0.0)
        rows = self.form.a @ x
        off = np.maximum(row_low - rows, rows - row_high).max(initial=0.0)
        cone = ((squares - product) / (1.0 + product)).max(initial=0.0)
        loss = self.frame.horizon.probabilities @ (value["l"][:, 0] @ grid.r)
        return ReactiveSolution(
            q_mvar=x[self._q] * grid.base_mva,
            v=v,
            objective=float(self.form.objective(x)),
            loss_mw=float(loss) * grid.base_mva,
            gap=float(of_cones.max(initial=0.0)),
            gaps=np.where(columns["l"] >= 0, slack[columns["l"]], 0.0)[:, 0].max(axis=0),
            invented_kw=1e3 * grid.base_mva * float(invented),
            residual=float(max(off, cone)),
        )


def build_reactive(
    grid: Grid,
    sites: Sites,
    *,
    probabilities: FloatArray,
    p: tuple[FloatArray, FloatArray],
    q: tuple[FloatArray, FloatArray],
    periods: int = 1,
    weights: Weights | None = None,
    devices: Sequence[Device] = (),
) -> ReactiveProblem:
    """Declare the programme.

    Parameters
    ----------
    grid : Grid
        A radial grid of closed branches.
    sites : Sites
        Where reactive power is decided.
    probabilities : (S,) array
        Of the scenarios.
    periods : int
        Number H of hours.
    p, q : (array, array) of (n,)
        Lowest and highest withdrawal of every node without the sites, which say how large flows can be [pu].
    weights : Weights, optional
        Of the objective.
    devices : sequence of Device
        Tap changers and banks of steps, decided for all scenarios together; the price of their moves counts as it is.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> from adnflex.knobs import Switching
    >>> grid = read_grid(pn.case33bw(), switching=Switching(switchable_lines=()))
    >>> sites = Sites(np.array([0]), np.array([29]), np.array([-0.2]), np.array([1.0]))
    >>> reach = (grid.p, grid.p), (grid.q, grid.q)
    >>> problem = build_reactive(grid, sites, probabilities=np.ones(1), p=reach[0], q=reach[1])
    >>> answer = problem.solve(grid.p[None, None], grid.q[None, None], sites.low, sites.high)
    >>> answer.q_mvar.round(2).tolist(), round(1e3 * answer.loss_mw, 1), answer.gap < 1e-3
    ([1.0], 145.9, True)
    """
    weights = Weights() if weights is None else weights
    horizon = Timeline(periods, 1.0, 0.0, probabilities)
    soft = unrated(grid)
    extra = list(devices)
    bounds = compute_bounds(soft, ranges_of(soft, sites, p, q, extra))
    model = pyo.ConcreteModel()
    model.at = pyo.Block(range(horizon.scenarios), range(periods))
    for s, h in horizon.points:
        declare_voltages(model.at[s, h], soft, bounds)
    at = {point: Attachments() for point in horizon.points}
    frame = Frame(
        horizon, soft.base_mva, lambda s, t, node: model.at[s, t].v[node], bounds.v_min, bounds.v_max, at, frozenset()
    )
    model.device = pyo.Block(range(len(extra)))
    for i, device in enumerate(extra):
        device.declare(model.device[i], frame)
    cost = declare_sites(model, sites, frame, weights)
    # the withdrawals are right-hand sides, exchanged before every solve
    for s, h in horizon.points:
        FORMULATIONS["distflow"].declare(model.at[s, h], soft, bounds, (), at[s, h])
        cost.append(float(probabilities[s]) * declare_cost(model.at[s, h], grid, bounds, weights))
    cost += [
        float(p) * part
        for i, device in enumerate(extra)
        for parts in device.costs(model.device[i], frame).values()
        for p, part in zip(probabilities, parts, strict=True)
    ]
    model.objective = pyo.Objective(expr=pyo.quicksum(cost))
    return ReactiveProblem(model, compile_model(model), soft, sites, weights, extra, frame)
