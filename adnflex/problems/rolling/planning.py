r"""Linear programmes over the rest of the day: one hour that is common, and branches that may differ after it.

For each hour and node, with import, export, purchase and spill :math:`i, x, b, s \ge 0` (:math:`i, x \le \bar X`),
charge, discharge and energy :math:`c, d, z` of a storage and power :math:`p_j` of each vehicle that is there,

.. math::

    g + d - c - \textstyle\sum_j p_j + i - x + b - s = 0, \qquad \textstyle\sum_i i = \sum_i x, \\
    z_\tau = k z_{\tau - 1} + \eta_c c - d / \eta_d, \qquad R_j \le \textstyle\sum_\tau p_{j\tau} \le X_j, \quad
    0 \le p_{j\tau} \le P_j

at the least cost
:math:`\sum_\tau (\lambda_\tau \sum b - \lambda^{EV}_\tau \sum p + w \sum (c + d)) - v_T \sum z_T`, the mean over the
branches. Energies keep the band of `Storages`, so that what a storage has to end with is reached.
Vehicles that are to come in a branch are known ones (perfect foresight) or mean envelopes of what they may draw.

Ties are broken towards buying little and late, charging early, and not moving energy about. A programme of one hour
has some thousand variables and other vehicles every hour; a modelling language would take many times longer to build it
than the solver needs. So the rows of an hour are compiled once from their Pyomo model
(`adnflex.problems.rolling.hour_rows`) and put at every place; vehicles are columns and rows of arrays, which tests hold
to those of the whole model (`adnflex.problems.rolling.whole`).

References
----------
Xu et al., doi:10.3390/wevj16090515, section 2.2 (the balance of a node, storage, exchange). The method is the usual
certainty-equivalent or scenario-based model predictive control.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from adnflex.arrays import FloatArray, IntArray
from adnflex.errors import SolverError
from adnflex.problems.rolling.arrivals import Envelopes
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.hour_rows import HourRows, rows_of
from adnflex.problems.rolling.vehicles import Vehicles
from adnflex.solvers.conic import linear_form
from adnflex.solvers.linear import minimise_linear

# Weights that break ties [money/MWh].
_LATE, EARLY, IDLE = 0.1, 1e-3, 1e-3


@dataclass(frozen=True, eq=False)
class DayPlan:
    """What a programme decides; with one branch for all hours T, with several for the first one.

    Attributes
    ----------
    vehicles : (T, J) array
        Power of each vehicle [MW].
    storage : (T, k) array
        Power of the storages, charge positive [MW].
    cost : float
        Mean cost of the rest of the day, with tie-breaks [money].
    """

    vehicles: FloatArray
    storage: FloatArray
    cost: float


class _Programme:
    """Columns and rows of a linear programme, added as blocks."""

    def __init__(self) -> None:
        self.cost: list[FloatArray] = []
        self.low: list[FloatArray] = []
        self.high: list[FloatArray] = []
        self.count = 0
        self.rows: list[IntArray] = []
        self.columns: list[IntArray] = []
        self.values: list[FloatArray] = []
        self.row_low: list[FloatArray] = []
        self.row_high: list[FloatArray] = []
        self.row_count = 0

    def variables(self, shape: tuple[int, ...], low: ArrayLike, high: ArrayLike, cost: ArrayLike) -> IntArray:
        """Add variables; return their columns in the shape."""
        size = int(np.prod(shape))
        for part, value in ((self.low, low), (self.high, high), (self.cost, cost)):
            part.append(np.broadcast_to(np.asarray(value, dtype=float), shape).ravel())
        self.count += size
        return np.arange(self.count - size, self.count).reshape(shape)

    def constraints(self, low: FloatArray, high: FloatArray) -> IntArray:
        """Add rows; return their numbers in the shape of the bounds."""
        self.row_low.append(low.ravel())
        self.row_high.append(high.ravel())
        self.row_count += low.size
        return np.arange(self.row_count - low.size, self.row_count).reshape(low.shape)

    def put(self, rows: IntArray, columns: IntArray, values: ArrayLike) -> None:
        """Add coefficients; what is given broadcasts."""
        rows, columns, numbers = np.broadcast_arrays(rows, columns, np.asarray(values, dtype=float))
        self.rows.append(rows.ravel())
        self.columns.append(columns.ravel())
        self.values.append(numbers.ravel())

    def solve(self, seconds: float) -> tuple[FloatArray, float]:
        """Solve within a time limit; return the point and its cost."""
        matrix = sparse.coo_matrix(
            (np.concatenate(self.values), (np.concatenate(self.rows), np.concatenate(self.columns))),
            shape=(self.row_count, self.count),
        ).tocsr()
        form = linear_form(
            np.concatenate(self.cost),
            matrix,
            (np.concatenate(self.row_low), np.concatenate(self.row_high)),
            (np.concatenate(self.low), np.concatenate(self.high)),
        )
        # tie-breaks are as small as the solver's own tolerance
        answer = minimise_linear(form, seconds, dual_tolerance=1e-9)
        if answer.status != "optimal" or answer.x is None:
            why = answer.words or "no point exists"
            raise SolverError(
                f"the linear programme of the hour was not solved ({answer.status}: {why}); "
                "check the energies and vehicles that were reported, or use a policy without it ('pool', 'rollout')."
            )
        return answer.x, answer.objective


def plan(
    case: RollingCase,
    hour: int,
    energy: FloatArray,
    vehicles: Vehicles,
    generation: FloatArray,
    envelopes: Envelopes | None = None,
    ties: float = 1.0,
    seconds: float = 60.0,
) -> DayPlan:
    """Plan the rest of a day.

    Parameters
    ----------
    case : RollingCase
        The case.
    hour : int
        The first hour t.
    energy : ndarray, shape (k,)
        Energies at its start [MWh].
    vehicles : Vehicles
        The J vehicles that are there or, with perfect foresight, will come.
    generation : ndarray, shape (S, T, n)
        Sun and wind of the hours from t on in S equally likely branches; the first hour is the same in all [MW].
    envelopes : Envelopes, optional
        Mean of the vehicles to come; those that arrive after t count.
    ties : float
        Factor on the weights that break ties.
    seconds : float
        Time limit [s].

    Raises
    ------
    SolverError
        If no optimum is proven.

    Examples
    --------
    Two hours without sun, wind and vehicles leave the storages as they are where their content is worth something:

    >>> from adnflex.problems.rolling.vehicles import empty
    >>> case = RollingCase.load("rolling33", stored_value_per_mwh=450)
    >>> result = plan(case, 22, case.storages.start, empty(), np.zeros((1, 2, 8)))
    >>> bool(abs(result.storage).max() < 1e-6), round(result.cost, 1)
    (True, -810.0)
    """
    branches, hours, nodes = generation.shape
    program, prices = _Programme(), case.prices
    # The tree: one first hour, then the branches hour by hour.
    after = np.arange(hours - 1)
    step = np.concatenate([[0], np.repeat(after + 1, branches)])
    branch = np.concatenate([[0], np.tile(np.arange(branches), hours - 1)])
    weight = np.where(step == 0, 1.0, 1.0 / branches)
    count = len(step)
    supply = generation[branch, step]
    total = len(prices.buy)
    late = late_weights(total, hour, hours)[step]
    buy_price = (weight * (prices.buy[hour + step] + ties * late))[:, None]
    drawn_price = weight * (ties * EARLY * step - prices.ev[hour + step])
    idle = (weight * ties * IDLE)[:, None]

    rows, shape, limit = rows_of(case), (count, nodes), case.exchange_mw[hour + step]

    def place(name: str, shape: tuple[int, ...], low: ArrayLike, high: ArrayLike, cost: ArrayLike) -> IntArray:
        """Add the variables of a name at all places, within the bounds that the model gives them too."""
        least, most = rows.bounds[name]
        return program.variables(shape, np.maximum(low, least), np.minimum(high, most), cost)

    own = {
        "imports": place("imports", shape, 0.0, limit, idle),
        "exports": place("exports", shape, 0.0, limit, 0.0),
        "buys": place("buys", shape, 0.0, np.inf, buy_price),
        "spills": place("spills", shape, 0.0, np.inf, 0.0),
    }
    s, store = case.storages, (count, len(case.storages))
    energy = np.clip(energy, s.low, s.high)
    floor, ceiling = s.band(energy, hour)
    worth = np.where(step == step[-1], -weight * prices.stored, 0.0)[:, None]
    own["charge"] = place("charge", store, 0.0, s.charge, idle + weight[:, None] * (s.wear + s.price))
    own["discharge"] = place("discharge", store, 0.0, s.discharge, weight[:, None] * (s.wear - s.price))
    own["energy"] = place("energy", store, floor[step], ceiling[step], worth)
    # all branches begin with the first hour, and go on with their own hour before
    before = np.where(step == 1, 0, np.arange(count) - branches)
    at = _hours(program, rows, own, (supply, energy), before)

    pairs, power = _vehicles(program, vehicles, hour, step, branch, branches, drawn_price)
    _draw(program, rows, at, pairs[0], vehicles.node[pairs[1]], power)
    if envelopes is not None:
        _draw(program, rows, at, *_envelopes(program, envelopes, hour, branches, hours, drawn_price))

    point, cost = program.solve(seconds)
    known = hours if branches == 1 else 1
    drawn = np.zeros((known, len(vehicles)))
    first = pairs[0] < known
    drawn[pairs[0][first], pairs[1][first]] = point[power[first]]
    return DayPlan(drawn, point[own["charge"][:known]] - point[own["discharge"][:known]], cost)


def late_weights(total: int, hour: int, hours: int) -> FloatArray:
    """Weights (T,) of purchase in the hours of a day from one on, so that it comes late [money/MWh]."""
    return np.asarray(_LATE * (1.0 + 10.0 * (total - hour - np.arange(hours)) / total))


def _hours(
    program: _Programme,
    rows: HourRows,
    own: dict[str, IntArray],
    given: tuple[FloatArray, FloatArray],
    before: IntArray,
) -> IntArray:
    """Put the rows of an hour at every place (V, R), given sun and wind (V, n) and the energy (k,) before the first."""
    supply, start = given
    row, member, value = rows.parts["supply"]
    each = np.zeros((supply.shape[1], len(rows.low)))
    each[member, row] = value
    fixed = supply @ each
    row, member, value = rows.parts["before"]
    np.add.at(fixed[0], row, start[member] * value)
    at = program.constraints(rows.low - fixed, rows.high - fixed)
    program.put(at[1:, row], own["energy"][before[1:, None], member], value)
    for name, columns in own.items():
        row, member, value = rows.parts[name]
        program.put(at[:, row], columns[:, member], value)
    return at


def _draw(program: _Programme, rows: HourRows, at: IntArray, place: IntArray, node: IntArray, power: IntArray) -> None:
    """Let columns be drawn by vehicles at places and nodes."""
    for row, member, value in zip(*rows.parts["drawn"], strict=True):
        here = node == member
        program.put(at[place[here], row], power[here], value)


def _vehicles(
    program: _Programme,
    vehicles: Vehicles,
    hour: int,
    step: IntArray,
    branch: IntArray,
    branches: int,
    price: FloatArray,
) -> tuple[tuple[IntArray, IntArray], IntArray]:
    """Power of each vehicle where it is there; returns place in the tree and vehicle, and the columns."""
    there = vehicles.there(hour + step)
    place, who = np.nonzero(there > 0)
    power = program.variables((len(who),), 0.0, vehicles.power[who] * there[place, who], price[place])
    each = (branches, len(vehicles))
    rows = program.constraints(np.broadcast_to(vehicles.need, each), np.broadcast_to(vehicles.limit, each))
    root = step[place] == 0
    program.put(rows[:, who[root]], power[root], 1.0)
    program.put(rows[branch[place[~root]], who[~root]], power[~root], 1.0)
    return (place, who), power


def _envelopes(
    program: _Programme,
    envelopes: Envelopes,
    hour: int,
    branches: int,
    hours: int,
    price: FloatArray,
) -> tuple[IntArray, IntArray, IntArray]:
    """Power and energy drawn of the vehicles to come, by node and hour of arrival, in every branch.

    Returns place in the tree, node and column of what is drawn.
    """
    e = envelopes
    chosen = np.flatnonzero((e.arrival > hour) & (e.hour < hour + hours))
    place = 1 + (e.hour[chosen, None] - hour - 1) * branches + np.arange(branches)
    shape = place.shape
    power = program.variables(shape, 0.0, e.power[chosen, None], price[place])
    level = program.variables(shape, e.low[chosen, None], e.high[chosen, None], 0.0)
    rows = program.constraints(np.zeros(shape), np.zeros(shape))
    program.put(rows, level, 1.0)
    program.put(rows, power, -1.0)
    # rows of one cohort follow each other
    goes_on = np.flatnonzero(e.hour[chosen] > e.arrival[chosen])
    program.put(rows[goes_on], level[goes_on - 1], -1.0)
    return place.ravel(), np.broadcast_to(e.node[chosen, None], shape).ravel(), power.ravel()
