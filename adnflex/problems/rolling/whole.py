"""The linear programme of an hour of a rolling schedule as a Pyomo model, to be read, exported, and solved by anything.

The policy solves the same programme as arrays (`adnflex.problems.rolling.planning`), every hour with other vehicles;
tests hold both to the same optimum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from adnflex.problems.rolling.arrivals import Envelopes
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.planning import EARLY, IDLE, late_weights
from adnflex.problems.rolling.vehicles import Vehicles

__all__ = ["declare_plan"]

Floats = NDArray[np.float64]

_DOC = """The rest of a day from an hour on: one first hour, then branches of sun and wind that may differ.

Powers in MW, energies in MWh, money as in the case; nothing is per unit. A place (h, b) is an hour of the day in a
branch; the first hour has the branch 0 only. imports, exports, buys, spills by place and bus; charge, discharge, energy
by place and storage; vehicle by place and name; to_come by place and cohort. Minimised: mean cost of the rest of the
day, with weights that break ties.
"""


def declare_plan(
    case: RollingCase,
    hour: int,
    energy: Floats,
    vehicles: Vehicles,
    generation: Floats,
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
    limit = {(h, bus): float(case.exchange_mw[h, i]) for h in range(hour, hour + hours) for i, bus in enumerate(m.bus)}

    def within(_: Any, h: int, b: int, bus: int) -> tuple[float, float | None]:
        top = limit[h, bus]
        return 0.0, top if np.isfinite(top) else None

    m.imports = pyo.Var(m.place, m.bus, bounds=within, doc="from other nodes [MW]")
    m.exports = pyo.Var(m.place, m.bus, bounds=within, doc="to other nodes [MW]")
    m.buys = pyo.Var(m.place, m.bus, domain=pyo.NonNegativeReals, doc="purchase [MW]")
    m.spills = pyo.Var(m.place, m.bus, domain=pyo.NonNegativeReals, doc="what is left over [MW]")
    supply = {(h, b): dict(zip(m.bus, generation[b, h - hour].tolist(), strict=True)) for h, b in m.place}
    drawn: dict[tuple[int, int, int], list[Any]] = {(h, b, bus): [] for h, b in m.place for bus in m.bus}
    prices, late = case.prices, late_weights(len(case.prices.buy), hour, hours)
    cost: list[Any] = []
    for h, b in m.place:
        buy = float(prices.buy[h] + ties * late[h - hour])
        for bus in m.bus:
            cost.append(weight[h, b] * (buy * m.buys[h, b, bus] + ties * IDLE * m.imports[h, b, bus]))
    cost += _declare_storages(m, case, (hour, energy), weight, drawn, ties)
    paid = {(h, b): weight[h, b] * float(ties * EARLY * (h - hour) - prices.ev[h]) for h, b in m.place}
    cost += _declare_vehicles(m, vehicles, (hour, branches), paid, drawn)
    if envelopes is not None:
        cost += _declare_envelopes(m, envelopes, (hour, hours, branches), paid, drawn)
    m.balance = pyo.Constraint(
        m.place,
        m.bus,
        rule=lambda _, h, b, bus: (
            supply[h, b][bus] + m.imports[h, b, bus] - m.exports[h, b, bus] + m.buys[h, b, bus] - m.spills[h, b, bus]
            == pyo.quicksum(drawn[h, b, bus])
        ),
        doc="power of a node",
    )
    m.trade = pyo.Constraint(
        m.place,
        rule=lambda _, h, b: sum(m.imports[h, b, bus] - m.exports[h, b, bus] for bus in m.bus) == 0,
        doc="what some nodes import others export",
    )
    m.objective = pyo.Objective(expr=pyo.quicksum(cost))
    return m


def _declare_storages(
    m: pyo.ConcreteModel,
    case: RollingCase,
    start: tuple[int, Floats],
    weight: dict[tuple[int, int], float],
    drawn: dict[tuple[int, int, int], list[Any]],
    ties: float,
) -> list[Any]:
    """Charge, discharge and energy of the storages; returns what they cost."""
    s, (hour, now) = case.storages, start
    now = np.clip(now, s.low, s.high)
    floor, ceiling = s.band(now, hour)
    last = max(h for h, _ in weight)
    m.storage = pyo.Set(initialize=s.index.tolist())
    at = {k: i for i, k in enumerate(m.storage)}
    m.charge = pyo.Var(m.place, m.storage, bounds=lambda _, h, b, k: (0, float(s.charge[at[k]])), doc="[MW]")
    m.discharge = pyo.Var(m.place, m.storage, bounds=lambda _, h, b, k: (0, float(s.discharge[at[k]])), doc="[MW]")
    m.energy = pyo.Var(
        m.place,
        m.storage,
        bounds=lambda _, h, b, k: (float(floor[h - hour, at[k]]), float(ceiling[h - hour, at[k]])),
        doc="at the end of the hour [MWh]",
    )

    def follows(_: Any, h: int, b: int, k: int) -> Any:
        i = at[k]
        before = float(now[i]) if h == hour else m.energy[h - 1, 0 if h - 1 == hour else b, k]
        gained = float(s.step.gained[i]) * m.charge[h, b, k] - float(s.step.drawn[i]) * m.discharge[h, b, k]
        return m.energy[h, b, k] == float(s.step.kept[i]) * before + gained

    m.stored = pyo.Constraint(m.place, m.storage, rule=follows, doc="energy from hour to hour")
    cost = []
    for h, b, k in m.charge:
        bus, wear = int(case.buses[s.node[at[k]]]), float(s.wear[at[k]])
        drawn[h, b, bus].append(m.charge[h, b, k] - m.discharge[h, b, k])
        cost.append(weight[h, b] * ((ties * IDLE + wear) * m.charge[h, b, k] + wear * m.discharge[h, b, k]))
        if h == last:
            cost.append(-weight[h, b] * float(case.prices.stored) * m.energy[h, b, k])
    m.bus_of = pyo.Param(m.storage, initialize={k: int(case.buses[s.node[at[k]]]) for k in m.storage})
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
    there = [
        (h, b, name)
        for h, b in m.place
        for j, name in enumerate(names)
        if vehicles.arrival[j] <= h < vehicles.departure[j]
    ]
    at = {name: j for j, name in enumerate(names)}
    m.vehicle = pyo.Var(there, bounds=lambda _, h, b, name: (0, float(vehicles.power[at[name]])), doc="[MW]")
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
