"""The linear programme of an hour of a rolling schedule as a Pyomo model, to be read, exported, and solved by anything.

The policy solves the same programme as arrays (`adnflex.problems.rolling.planning`), every hour with other vehicles.
What an hour has to keep is one declaration for both; tests hold the rest to the same optimum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.problems.rolling import hour_rows
from adnflex.problems.rolling.arrivals import Envelopes
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.planning import EARLY, IDLE, late_weights
from adnflex.problems.rolling.vehicles import Vehicles

_DOC = """The rest of a day from an hour on: one first hour, then branches of sun and wind that may differ.

Powers in MW, energies in MWh, money as in the case; nothing is per unit. A place (h, b) is an hour of the day in a
branch; the first hour has the branch 0 only. at[h, b] has imports, exports, buys, spills by bus, and charge, discharge,
energy by storage; vehicle by place and name; to_come by place and cohort. Minimised: mean cost of the rest of the day,
with weights that break ties.
"""


def declare_plan(
    case: RollingCase,
    hour: int,
    energy: FloatArray,
    vehicles: Vehicles,
    generation: FloatArray,
    envelopes: Envelopes | None = None,
    ties: float = 1.0,
) -> pyo.ConcreteModel:
    """Declare the programme of `adnflex.problems.rolling.planning.plan`.

    Parameters
    ----------
    case, hour, energy, vehicles, generation, envelopes, ties
        As there.
    """
    branches, hours, _ = generation.shape
    m = pyo.ConcreteModel(name="schedule_rolling", doc=_DOC)
    m.place = pyo.Set(
        initialize=[(hour, 0)] + [(hour + h, b) for h in range(1, hours) for b in range(branches)], dimen=2
    )
    weight = {(h, b): 1.0 if h == hour else 1.0 / branches for h, b in m.place}
    m.bus = pyo.Set(initialize=case.buses.tolist())
    at_bus = {bus: i for i, bus in enumerate(m.bus)}
    m.at = pyo.Block(m.place)
    for h, b in m.place:
        here = m.at[h, b]
        hour_rows.declare_hour(here, case)
        for bus, i in at_bus.items():
            for name in ("imports", "exports", "buys", "spills"):
                _within(getattr(here, name)[bus], 0.0, case.exchange_mw[h, i] if name.endswith("ports") else np.inf)
            here.supply[bus].fix(float(generation[b, h - hour, i]))
    drawn: dict[tuple[int, int, int], list[Any]] = {(h, b, bus): [] for h, b in m.place for bus in m.bus}
    prices, late = case.prices, late_weights(len(case.prices.buy), hour, hours)
    cost: list[Any] = []
    for h, b in m.place:
        buy = float(prices.buy[h] + ties * late[h - hour])
        for bus in m.bus:
            here = m.at[h, b]
            cost.append(weight[h, b] * (buy * here.buys[bus] + ties * IDLE * here.imports[bus]))
    cost += _declare_storages(m, case, (hour, energy), weight, ties)
    paid = {(h, b): weight[h, b] * float(ties * EARLY * (h - hour) - prices.ev[h]) for h, b in m.place}
    cost += _declare_vehicles(m, vehicles, (hour, branches), paid, drawn)
    if envelopes is not None:
        cost += _declare_envelopes(m, envelopes, (hour, hours, branches), paid, drawn)
    m.vehicles_draw = pyo.Constraint(
        m.place,
        m.bus,
        rule=lambda _, h, b, bus: m.at[h, b].drawn[bus] == pyo.quicksum(drawn[h, b, bus]),
        doc="what is drawn at a node is that of its vehicles",
    )
    m.objective = pyo.Objective(expr=pyo.quicksum(cost))
    return m


def _within(variable: Any, low: float, high: float) -> None:
    """Narrow the bounds of a variable."""
    variable.setlb(float(low) if variable.lb is None else max(variable.lb, float(low)))
    if np.isfinite(high):
        variable.setub(float(high) if variable.ub is None else min(variable.ub, float(high)))


def _declare_storages(
    m: pyo.ConcreteModel,
    case: RollingCase,
    start: tuple[int, FloatArray],
    weight: dict[tuple[int, int], float],
    ties: float,
) -> list[Any]:
    """Bounds of the storages, and their energy from place to place; returns what they cost."""
    s, (hour, now) = case.storages, start
    now = np.clip(now, s.low, s.high)
    floor, ceiling = s.band(now, hour)
    last = max(h for h, _ in weight)
    m.storage = pyo.Set(initialize=s.index.tolist())
    m.goes_on = pyo.Constraint(
        [(h, b, k) for h, b in m.place for k in m.storage if h > hour],
        rule=lambda _, h, b, k: m.at[h, b].before[k] == m.at[h - 1, 0 if h - 1 == hour else b].energy[k],
        doc="an hour begins with the energy of the one before",
    )
    cost = []
    for h, b in m.place:
        here = m.at[h, b]
        for i, k in enumerate(m.storage):
            _within(here.charge[k], 0.0, s.charge[i])
            _within(here.discharge[k], 0.0, s.discharge[i])
            _within(here.energy[k], floor[h - hour, i], ceiling[h - hour, i])
            if h == hour:
                here.before[k].fix(float(now[i]))
            wear, price = float(s.wear[i]), float(s.price[i])
            cost.append(weight[h, b] * (ties * IDLE + wear + price) * here.charge[k])
            cost.append(weight[h, b] * (wear - price) * here.discharge[k])
            if h == last:
                cost.append(-weight[h, b] * float(case.prices.stored) * here.energy[k])
    return cost


def _declare_vehicles(
    m: pyo.ConcreteModel,
    vehicles: Vehicles,
    shape: tuple[int, int],
    paid: dict[tuple[int, int], float],
    drawn: dict[tuple[int, int, int], list[Any]],
) -> list[Any]:
    """Power of each vehicle where it is there, and what it gets in every branch; returns what they pay."""
    hour, branches = shape
    names = [f"{load}.{number}" for load, number in zip(vehicles.load, vehicles.number, strict=True)]
    share = {h: vehicles.there(h) for h, _ in m.place}
    there = [(h, b, name) for h, b in m.place for j, name in enumerate(names) if share[h][j] > 0]
    at = {name: j for j, name in enumerate(names)}
    m.vehicle = pyo.Var(
        there, bounds=lambda _, h, b, name: (0, float(vehicles.power[at[name]] * share[h][at[name]])), doc="[MW]"
    )
    buses = list(m.bus)

    def needs(_: Any, b: int, name: str) -> Any:
        j = at[name]
        got = [m.vehicle[i] for i in there if i[2] == name and (i[0] == hour or i[1] == b)]
        low, high = float(vehicles.need[j]), float(vehicles.limit[j])
        if not got:
            return pyo.Constraint.Feasible if low <= 0 <= high else pyo.Constraint.Infeasible
        return pyo.inequality(low, pyo.quicksum(got), high)

    m.need = pyo.Constraint(range(branches), names, rule=needs, doc="what a vehicle gets until it leaves [MWh]")
    for h, b, name in there:
        drawn[h, b, buses[int(vehicles.node[at[name]])]].append(m.vehicle[h, b, name])
    return [paid[h, b] * m.vehicle[h, b, name] for h, b, name in there]


def _declare_envelopes(
    m: pyo.ConcreteModel,
    e: Envelopes,
    shape: tuple[int, int, int],
    paid: dict[tuple[int, int], float],
    drawn: dict[tuple[int, int, int], list[Any]],
) -> list[Any]:
    """Vehicles to come, as cohorts of a node and hour of arrival, in every branch; returns what they pay."""
    hour, hours, branches = shape
    buses = list(m.bus)
    row = {
        (int(e.hour[k]), b, buses[int(e.node[k])], int(e.arrival[k])): k
        for k in np.flatnonzero((e.arrival > hour) & (e.hour < hour + hours)).tolist()
        for b in range(branches)
    }
    m.to_come = pyo.Var(list(row), bounds=lambda _, *key: (0, float(e.power[row[key]])), doc="[MW]")
    m.drawn = pyo.Var(list(row), bounds=lambda _, *key: (float(e.low[row[key]]), float(e.high[row[key]])), doc="[MWh]")

    def adds(_: Any, h: int, b: int, bus: int, arrival: int) -> Any:
        before = m.drawn[h - 1, b, bus, arrival] if h > arrival else 0.0
        return m.drawn[h, b, bus, arrival] == before + m.to_come[h, b, bus, arrival]

    m.cohort = pyo.Constraint(list(row), rule=adds, doc="energy that a cohort has drawn")
    for h, b, bus, arrival in row:
        drawn[h, b, bus].append(m.to_come[h, b, bus, arrival])
    return [paid[key[0], key[1]] * m.to_come[key] for key in row]
