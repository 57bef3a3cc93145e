r"""A fleet whose vehicles are known: arrival, departure, need, and what the battery can take besides.

.. math::

    0 \le p_{v,t} \le P_v \; (a_v \le t < d_v), \qquad R_v \le \sum_t p_{v,t} \Delta t \le X_v

Every vehicle keeps its own limits: the sum of their envelopes would admit trajectories that no split can follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo
from scipy import sparse

from adnflex.arrays import FloatArray
from adnflex.devices.base import BrokenLimit, Frame, NoDecisions, Place, Reach, Schedule, Withdrawal, assign
from adnflex.devices.cost_tables import refuse_cost
from adnflex.devices.inputs import Inputs
from adnflex.devices.inverter import TOLERANCE
from adnflex.devices.resource import Accumulator, Resource
from adnflex.devices.timeline import Timeline
from adnflex.devices.vehicles import COLUMNS, read_stays
from adnflex.solvers.conic import linear_form
from adnflex.solvers.linear import minimise_linear


@dataclass(frozen=True)
class Fleet(NoDecisions):
    """The vehicles at one load.

    Attributes
    ----------
    place : Place
        The load.
    names : tuple of str
        The vehicles, k of them.
    present : (T, k) array
        Share of each period in which each is there, 0 to 1: it charges at most so much of its power.
    p_max : (k,) array
        Largest power of each [MW].
    need, most : (k,) array
        Energy that each must and may take by its departure [MWh].
    wanted, q : (T,) array
        What the fleet draws if left alone: every vehicle as soon as possible up to its need [MW]; reactive withdrawal
        of the profile [Mvar].
    scaling : float
        The table's own factor.
    """

    place: Place
    names: tuple[str, ...]
    present: FloatArray
    p_max: FloatArray
    need: FloatArray
    most: FloatArray
    wanted: FloatArray
    q: FloatArray
    scaling: float

    @property
    def carries(self) -> str:
        """What it carries from one period to the next."""
        return "energy of vehicles"

    def unpriced(self) -> Fleet:
        """Return it as it is: it has no prices."""
        return self

    def reach(self) -> tuple[Reach, ...]:
        """Range of its withdrawal."""
        top = (self.present * self.p_max).sum(axis=1)[None]
        return (Reach(self.place.node, np.zeros_like(top), top, float(self.q.min()), float(self.q.max())),)

    def declare(self, block: pyo.Block, frame: Frame) -> None:
        """Declare the power ``p`` of every vehicle while it is there, and its energy."""
        h, base = frame.horizon, frame.base_mva
        when = [np.flatnonzero(self.present[:, v]).tolist() for v in range(len(self.names))]
        keys = [(s, t, v) for s in range(h.scenarios) for v, periods in enumerate(when) for t in periods]
        block.p = pyo.Var(keys, bounds=lambda _, s, t, v: (0, float(self.present[t, v] * self.p_max[v]) / base))

        def charged(_: Any, s: int, v: int) -> Any:
            total = sum(block.p[s, t, v] for t in when[v]) * h.hours
            return pyo.inequality(float(self.need[v]) / base, total, float(self.most[v]) / base)

        block.charged = pyo.Constraint(range(h.scenarios), [v for v, w in enumerate(when) if w], rule=charged)
        for s, t in h.points:
            total = pyo.quicksum(block.p[s, t, v] for v in np.flatnonzero(self.present[t]).tolist())
            frame.at[s, t].withdraw(self.place.node, total, float(self.q[t]) / base)

    def stay(self, block: pyo.Block, frame: Frame) -> None:
        """Charge every vehicle as soon as possible."""
        p = self._as_soon_as_possible(frame.horizon) / frame.base_mva
        assign(block.p, {(s, t, v): float(p[t, v]) for s, t, v in block.p})

    def resource(self, horizon: Timeline, sides: int) -> Resource:
        """Power of every vehicle between nothing and its largest, need and capacity as levels."""
        periods, count = self.present.shape
        ones = np.ones((periods, count))
        accumulators = []
        for v in range(count):
            part = np.zeros((periods, count))
            part[:, v] = horizon.hours
            leaves = int(np.flatnonzero(self.present[:, v]).max(initial=-1))
            at_end = np.where(np.arange(periods) == leaves, 0.0, np.inf)
            if self.need[v] > 0:
                accumulators.append(Accumulator("need", float(self.need[v]), 1.0, (-part,), at_end))
            if self.most[v] < self.p_max[v] * horizon.hours * self.present[:, v].sum():
                accumulators.append(Accumulator("battery full", -float(self.most[v]), 1.0, (part,), at_end))
        i, nothing = self.place.index, np.zeros(periods)
        return Resource(
            self.place,
            self.names,
            np.zeros((periods, count)),
            self.present * self.p_max,
            ones,
            np.zeros((periods, count)),
            nothing,
            self.q,
            self._as_soon_as_possible(horizon),
            np.zeros((0, count)),
            np.zeros((periods, 0)),
            tuple(accumulators),
            {
                ("load", "p_mw", i): (ones / self.scaling, nothing),
                ("load", "q_mvar", i): (np.zeros((periods, count)), self.q / self.scaling),
            },
            np.zeros(count),
            self.scaling,
        )

    def _as_soon_as_possible(self, horizon: Timeline) -> FloatArray:
        return as_soon_as_possible(self.present * self.p_max, self.need, horizon.hours)

    def costs(self, block: pyo.Block, frame: Frame) -> dict[str, list[Any]]:
        """Nothing: when a vehicle charges within its stay costs nobody anything."""
        return {}

    def schedule(self, block: pyo.Block, frame: Frame) -> Schedule:
        """Withdrawal of the fleet, before and after."""
        h = frame.horizon
        p = np.zeros((h.scenarios, h.periods))
        for (s, t, _), variable in block.p.items():
            p[s, t] += max(float(pyo.value(variable)), 0.0) * frame.base_mva
        q, before = (np.broadcast_to(x, p.shape).copy() for x in (self.q, self.wanted))
        i, none = self.place.index, np.zeros_like(p)
        return Schedule(
            (Withdrawal(self.place.node, p, q),),
            {("load", "p_mw", i): p / self.scaling, ("load", "q_mvar", i): q / self.scaling},
            {
                "ev": {
                    ("before_mw", i): before,
                    ("after_mw", i): p,
                    ("block_before_mw", i): none,
                    ("block_mw", i): none,
                    ("reduced_mw", i): none,
                }
            },
        )

    def bill(self, setpoints: Callable[[str], FloatArray], horizon: Timeline, v2: FloatArray) -> dict[str, FloatArray]:
        """Return nothing, as `costs`."""
        return {}

    def audit(self, setpoints: Callable[[str], FloatArray], horizon: Timeline) -> list[BrokenLimit]:
        """Check that the withdrawal can be split to the vehicles."""
        p = setpoints("p_mw") * self.scaling
        faults = []
        for s in range(len(p)):
            short, t = self.shortage(p[s], horizon.hours)
            if short > TOLERANCE:
                value, limit = float(p[s, t]), float(p[s, t]) - short
                faults.append(BrokenLimit("split to vehicles", "load", self.place.index, s, t, value, limit, "MW"))
        return faults

    def shortage(self, p: FloatArray, hours: float) -> tuple[float, int]:
        """Largest power that no split of a withdrawal (T,) to the vehicles explains [MW], and its period."""
        periods, count = self.present.shape
        cells = np.argwhere(self.present)
        size = len(cells) + 2 * periods
        balance = np.zeros((periods, size))
        energy = np.zeros((count, size))
        for column, (t, v) in enumerate(cells):
            balance[t, column], energy[v, column] = 1.0, hours
        balance[:, len(cells) : len(cells) + periods] = np.eye(periods)
        balance[:, len(cells) + periods :] = -np.eye(periods)
        bounds = [(0.0, float(self.present[t, v] * self.p_max[v])) for t, v in cells] + [(0.0, np.inf)] * (2 * periods)
        cost = np.concatenate([np.zeros(len(cells)), np.ones(2 * periods)])
        slack = TOLERANCE * hours
        limits = np.concatenate([np.full(count, -np.inf), p]), np.concatenate([self.most + slack, p])
        low, high = np.array(bounds, dtype=float).T
        limits[0][:count] = self.need - slack
        form = linear_form(cost, sparse.csr_matrix(np.vstack([energy, balance])), limits, (low, high))
        found = minimise_linear(form)
        if found.x is None:
            # not explained is not shown to be right
            return float("inf"), 0
        off = found.x[len(cells) :].reshape(2, periods).max(axis=0)
        return float(off.max()), int(off.argmax())


def as_soon_as_possible(p_max: FloatArray, energy: FloatArray, hours: float) -> FloatArray:
    """Power (T, k) of vehicles that charge from their arrival on until they have `energy` (k,) [MW].

    Examples
    --------
    >>> as_soon_as_possible(np.array([[0.0], [6.0], [6.0], [6.0]]), np.array([9.0]), 1.0).ravel().tolist()
    [0.0, 6.0, 3.0, 0.0]
    """
    before = np.vstack([np.zeros((1, p_max.shape[1])), np.cumsum(p_max, axis=0)[:-1]]) * hours
    return np.asarray(np.clip((energy - before) / hours, 0.0, p_max))


def vehicles_of(inputs: Inputs) -> pd.DataFrame:
    """Return the table ``net.ev``, empty where there is none; a malformed one is a fault."""
    table = inputs.net.get("ev")
    if table is None or not len(table):
        return pd.DataFrame(columns=list(COLUMNS))
    faults: list[str] = []
    if any(c not in table.columns for c in COLUMNS):
        read_stays(table, np.arange(1), 1.0, faults)
        table = pd.DataFrame(columns=list(COLUMNS))
    elif "run" in table.columns and table["run"].nunique() > 1:
        faults.append(
            f"net.ev: its column run names {table['run'].nunique()} draws of the fleet; keep the rows of one."
        )
    inputs.faults.extend(fault for fault in faults if fault not in inputs.faults)
    return table


def read_fleets(inputs: Inputs) -> list[Fleet]:
    """Read the controllable loads of type ``ev`` that have vehicles in ``net.ev``."""
    table = vehicles_of(inputs)
    unknown = sorted(set(table["load"]) - set(inputs.net.load.index))
    if unknown:
        inputs.faults.append(f"net.ev: load {unknown} is no index of net.load; correct the column load.")
    found = []
    for place, row in inputs.controllable("load", "vehicles"):
        mine = table[table["load"] == place.index]
        if row.get("type") != "ev" or not len(mine) or float(row["scaling"]) == 0:
            continue
        inputs.require(
            not float(row.get("transferable_share") or 0) > 0 and not float(row.get("reducible_share") or 0) > 0,
            place,
            "has vehicles in net.ev and a transferable_share or reducible_share; give one description of the fleet.",
        )
        refuse_cost(inputs, place, "price what is bought at the source")
        hours = inputs.horizon.hours
        stays = read_stays(mine, np.array(inputs.rows or range(inputs.horizon.periods)), hours, inputs.faults)
        if stays is not None:
            names = tuple(str(v) for v in stays.vehicle)
            wanted = as_soon_as_possible(stays.there * stays.p_max, stays.need, hours).sum(axis=1)
            q = inputs.series("load", "q_mvar", place.index)[0]
            energy = stays.need, stays.most
            found.append(Fleet(place, names, stays.there, stays.p_max, *energy, wanted, q, float(row["scaling"])))
    return found
