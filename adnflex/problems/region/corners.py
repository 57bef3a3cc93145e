"""One direction at given positions: the proven half-plane of the relaxation, and the farthest AC point found."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from adnflex.arrays import FloatArray, IntArray
from adnflex.problems.clock import Deadline
from adnflex.problems.dispatch.present import present_point
from adnflex.problems.dispatch.state import evaluate
from adnflex.problems.region.model import RegionModel, solve_support
from adnflex.problems.region.states import EvaluatedSetting, PeriodStates, Setting, open_states, read_setting
from adnflex.solvers.clarabel import solve_relaxation
from adnflex.solvers.conic import ConicForm
from adnflex.solvers.sequential import tighten

# AC and relaxation count as equal up to this share of the base power.
_SAME = 1e-7

# Rounds of sequential tightening, which converges within a few.
_ROUNDS = 12


@dataclass(frozen=True)
class Corner:
    """What a direction gave.

    Attributes
    ----------
    normal : (2,) array
        Outward direction, of length 1.
    support : float
        Proven: no AC state that meets every limit has a larger ``normal · (p, q)`` [MVA]; -inf where there is none.
    reached : EvaluatedSetting or None
        The farthest AC state found that meets every limit.
    relaxed : Setting or None
        Set-points of the relaxation.
    x : (N,) array or None
        Point of the relaxation.
    """

    normal: FloatArray
    support: float
    reached: EvaluatedSetting | None
    relaxed: Setting | None
    x: FloatArray | None

    @property
    def value(self) -> float:
        """Largest ``normal · (p, q)`` reached [MVA]."""
        return -math.inf if self.reached is None else float(self.normal @ self.reached.place)

    @property
    def gap(self) -> float:
        """Distance between the half-plane and the farthest state found [MVA]."""
        return self.support - self.value


class Support:
    """The relaxation and the power flow of one combination of positions.

    Parameters
    ----------
    model : RegionModel
        Positions fixed.
    """

    def __init__(self, model: RegionModel) -> None:
        self.model = model
        self.flow: PeriodStates | None = None
        self.present: EvaluatedSetting | None = None
        self._looked = False

    def at_rest(self) -> EvaluatedSetting | None:
        """Return the state in which every device stays as it is, if it meets every limit, the devices' own too."""
        if not self._looked:
            self._looked = True
            dispatch = self.model.dispatch
            x = present_point(dispatch)
            setting = self._setting(x)
            assert self.flow is not None
            # power flow alone knows nothing of energy that a storage loses by itself
            self.present = self.flow.feasible(setting) if evaluate(dispatch, x).feasible else None
        return self.present

    def unsolved(self, normal: FloatArray) -> Corner:
        """Return what is known of a direction without solving: the bounds of the import, and the present state."""
        return Corner(normal, self.model.largest(normal), self.at_rest(), None, None)

    def corner(self, normal: FloatArray, clock: Deadline) -> Corner:
        """Solve one direction and bring its set-points to where exact power flow meets every limit."""
        model, known = self.model, self.unsolved(normal)
        if clock.spent:
            return known
        answer = solve_support(model, normal, clock.left)
        if answer.status == "infeasible" and known.reached is None:
            return Corner(normal, -math.inf, None, None, None)
        # a present state that holds refutes a solver that knows of none
        support = known.support if answer.status == "infeasible" else min(-answer.bound * model.base_mva, known.support)
        if answer.x is None:
            return replace(known, support=support)
        setting = self._setting(answer.x)
        assert self.flow is not None
        best, first = known.reached, self.flow.feasible(setting)
        if first is not None and (best is None or normal @ first.place > normal @ best.place):
            best = first
        found = Corner(normal, support, best, setting, answer.x)
        if found.gap <= _SAME * model.base_mva or clock.spent:
            return found
        for outcome in self._sequential(normal, answer.x, clock):
            if outcome.feasible and (best is None or normal @ outcome.place > normal @ best.place):
                best = outcome
        return replace(found, reached=best)

    def _setting(self, x: FloatArray) -> Setting:
        setting, now, keys = read_setting(self.model, x)
        if self.flow is None:
            self.flow = open_states(self.model, now, keys)
        return setting

    def _sequential(self, normal: FloatArray, start: FloatArray, clock: Deadline) -> Iterator[EvaluatedSetting]:
        """Tighten the cones round by round, which ends in a local optimum of the exact equations."""
        found: list[EvaluatedSetting] = []

        def accept(x: FloatArray) -> bool:
            assert self.flow is not None
            outcome = self.flow.run(self._setting(x))
            if outcome is not None:
                found.append(outcome)
            return outcome is not None and outcome.margin >= -_NEAR

        model, form = self.model, self.model.towards(normal)
        tighten(form, start, model.cones, model.price, accept, lambda: clock.left, _ROUNDS)
        yield from found


# A violation that a step towards the inside removes at next to no cost ends the tightening too.
_NEAR = 1e-5


def farthest(flow: PeriodStates, inside: EvaluatedSetting, target: Setting, steps: int = 30) -> EvaluatedSetting:
    """Go from a feasible state towards other set-points as far as every limit holds (bisection)."""
    best, low, high = inside, 0.0, 1.0
    found = flow.feasible(target)
    if found is not None:
        return found
    for _ in range(steps):
        middle = (low + high) / 2
        found = flow.feasible(inside.setting.towards(target, middle))
        if found is None:
            high = middle
        else:
            best, low = found, middle
    return best


def tighter_support(model: RegionModel, corner: Corner, clock: Deadline, worst: int = 3, rounds: int = 2) -> float:
    """Improve the half-plane of a direction beyond its farthest AC state [MVA].

    Only states beyond the farthest one found matter.  Among them, flows and voltages of the branches with the largest
    invented losses are bounded by the relaxation itself, which makes their secants tighter (optimisation-based bound
    tightening).  The larger of the new bound and what is reached holds for every AC state.

    Parameters
    ----------
    model : RegionModel
        The relaxation.
    corner : Corner
        With a reached state.
    clock : Deadline
        No further round is begun after it.
    worst, rounds : int
        Branches in a round, rounds.

    References
    ----------
    Gleixner et al., "Three enhancements for optimization-based bound tightening", J. Global Optimization 67, 2017,
    doi:10.1007/s10898-016-0450-4.
    """
    base, form, x, support = model.base_mva, model.towards(corner.normal), corner.x, corner.support
    if corner.reached is None or x is None:
        return support
    # rounding of the power flow must not cut off the state itself
    form = _beyond(form, model, corner.normal, corner.value / base - 1e-6)
    for _ in range(rounds):
        cones = _loosest(form, x, model, worst)
        if clock.spent or not len(cones):
            break
        form = _with_secants(form, cones, clock)
        answer = solve_relaxation(form, time_limit=max(clock.left, 0.01))
        if answer.status == "infeasible":
            return min(support, corner.value + 1e-6 * base)
        better = max(-answer.bound * base, corner.value)
        if answer.x is None:
            break
        enough = support - better < 0.1 * (support - corner.value)
        support, x = min(support, better), answer.x
        if enough:
            break
    return support


def _beyond(form: ConicForm, model: RegionModel, normal: FloatArray, value: float) -> ConicForm:
    row = sparse.csr_matrix((normal, (np.zeros(2, dtype=int), model.import_columns)), shape=(1, len(form.c)))
    return _with_rows(form, row, np.array([value]), np.array([np.inf]))


def _with_rows(form: ConicForm, rows: sparse.csr_matrix, low: FloatArray, high: FloatArray) -> ConicForm:
    return replace(
        form,
        a=sparse.vstack([form.a, rows], format="csr"),
        row_low=np.concatenate([form.row_low, low]),
        row_high=np.concatenate([form.row_high, high]),
    )


def _loosest(form: ConicForm, x: FloatArray, model: RegionModel, count: int) -> IntArray:
    """Rows of the branch cones that invent most at a point."""
    p, q, l, w = (x[form.cones[model.cones, k]] for k in range(4))  # noqa: E741
    invented = model.price * np.maximum(l - (p**2 + q**2) / np.maximum(w, 1e-6), 0.0)
    order = np.argsort(-invented)[:count]
    return np.asarray(model.cones[order[invented[order] > 1e-7]])


def _with_secants(form: ConicForm, cones: IntArray, clock: Deadline) -> ConicForm:
    """Bound flow and voltage of some branches by the relaxation, and add the secants that follow."""
    low, high = form.low.copy(), form.high.copy()
    for columns in form.cones[cones][:, [0, 1, 3]]:
        for column in columns.tolist():
            for side in (1.0, -1.0):
                if clock.spent:
                    break
                c = np.zeros(len(form.c))
                c[column] = side
                bound = solve_relaxation(replace(form, c=c, c0=0.0), low, high, max(clock.left, 0.01)).bound
                # a bound that is a little too wide stays valid where the solver's last digit is not
                slack = 1e-9 * max(1.0, abs(bound)) if np.isfinite(bound) else 0.0
                if side > 0:
                    low[column] = max(low[column], min(bound - slack, high[column]))
                else:
                    high[column] = min(high[column], max(-bound + slack, low[column]))
    for p, q, l, w in form.cones[cones].tolist():  # noqa: E741
        # the exact current follows from the intervals
        least, most = _squares(low[p], high[p]) + _squares(low[q], high[q])
        low[l], high[l] = max(low[l], least / high[w]), min(high[l], most / max(low[w], 1e-6))
    rows = [_secants(form, cone, low, high) for cone in form.cones[cones]]
    matrix = sparse.vstack([r for r, _ in rows], format="csr")
    tops = np.concatenate([t for _, t in rows])
    return _with_rows(replace(form, low=low, high=high), matrix, np.full(len(tops), -np.inf), tops)


def _squares(low: float, high: float) -> FloatArray:
    """Smallest and largest square of an interval."""
    return np.array([0.0 if low <= 0 <= high else min(low**2, high**2), max(low**2, high**2)])


def _secants(
    form: ConicForm, cone: IntArray, low: FloatArray, high: FloatArray
) -> tuple[sparse.csr_matrix, FloatArray]:
    """Rows ``w l + l w - (P + P) P - (Q + Q) Q <= ...`` of both sides (see `adnflex.formulations.secants`)."""
    p, q, l, w = cone.tolist()  # noqa: E741
    squares = low[p] * high[p] + low[q] * high[q]
    data, tops = [], []
    for side in (low, high):
        data.append([side[w], side[l], -(low[p] + high[p]), -(low[q] + high[q])])
        tops.append(side[l] * side[w] - squares)
    columns = [l, w, p, q]
    rows = sparse.csr_matrix((np.ravel(data), (np.repeat([0, 1], 4), columns * 2)), shape=(2, len(form.c)))
    return rows, np.array(tops)
