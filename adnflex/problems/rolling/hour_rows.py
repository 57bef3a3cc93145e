r"""What an hour of a place has to keep: declared in Pyomo, compiled once a case, put into the programme of every hour.

A place is an hour of the day in a branch of the future. Its rows are the balance of every bus, the exchange between
them and the energy of the storages; what vehicles draw, sun and wind, and the energy before are given to it. A model
has a block of them for each place. A policy solves a programme every hour of thousands of days, and puts the same
rows there as arrays.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray, IntArray
from adnflex.problems.rolling.case import RollingCase
from adnflex.solvers.conic import compile_model

# Variables of a place, by bus and by storage.
PARTS = ("imports", "exports", "buys", "spills", "supply", "drawn"), ("charge", "discharge", "energy", "before")


def declare_hour(b: Any, case: RollingCase) -> None:
    """Declare the variables of a place and its rows.

    Parameters
    ----------
    b : pyomo Block
        Gets ``imports`` from and ``exports`` to other nodes, ``buys``, ``spills``, ``supply`` of sun and wind and what
        vehicles have ``drawn`` by bus [MW]; ``charge``, ``discharge`` [MW], ``energy`` at the end and ``before`` [MWh]
        by storage.
    case : RollingCase
        The case.
    """
    s, buses, storages = case.storages, case.buses.tolist(), case.storages.index.tolist()
    for name in PARTS[0]:
        b.add_component(name, pyo.Var(buses))
    for name in PARTS[1]:
        b.add_component(name, pyo.Var(storages))
    at = {k: i for i, k in enumerate(storages)}
    here: dict[int, list[int]] = {bus: [] for bus in buses}
    for k, node in zip(storages, s.node, strict=True):
        here[buses[int(node)]].append(k)

    def balance(_: Any, bus: int) -> Any:
        stored = pyo.quicksum(b.charge[k] - b.discharge[k] for k in here[bus])
        exchanged = b.imports[bus] - b.exports[bus] + b.buys[bus] - b.spills[bus]
        return b.supply[bus] + exchanged - b.drawn[bus] - stored == 0

    def follows(_: Any, k: int) -> Any:
        i = at[k]
        gained = float(s.step.gained[i]) * b.charge[k] - float(s.step.drawn[i]) * b.discharge[k]
        return b.energy[k] - float(s.step.kept[i]) * b.before[k] - gained == 0

    b.balance = pyo.Constraint(buses, rule=balance, doc="power of a node")
    exchange = pyo.quicksum(b.imports[bus] - b.exports[bus] for bus in buses)
    b.trade = pyo.Constraint(expr=exchange == 0, doc="what some nodes import others export")
    b.stored = pyo.Constraint(storages, rule=follows, doc="energy from hour to hour")


@dataclass(frozen=True)
class HourRows:
    """The rows of a place as arrays.

    Attributes
    ----------
    low, high : (R,) array
        Their limits.
    parts : dict of str to (rows, members, values)
        Their entries by the variable's name: row, position of the bus or storage, coefficient.
    bounds : dict of str to (2, size) array
        Bounds of the variables.
    """

    low: FloatArray
    high: FloatArray
    parts: dict[str, tuple[IntArray, IntArray, FloatArray]]
    bounds: dict[str, FloatArray]


def rows_of(case: RollingCase) -> HourRows:
    """Compile the rows of a case, or find them compiled."""
    if case not in _KNOWN:
        _KNOWN[case] = _compiled(case)
    return _KNOWN[case]


_KNOWN: weakref.WeakKeyDictionary[RollingCase, HourRows] = weakref.WeakKeyDictionary()


def _compiled(case: RollingCase) -> HourRows:
    m = pyo.ConcreteModel()
    m.hour = pyo.Block()
    declare_hour(m.hour, case)
    m.nothing = pyo.Objective(expr=0.0)
    form = compile_model(m)
    if len(form.cones) or form.integer.any():
        raise ValueError("the rows of an hour have to be linear, so that its programme is")
    known, parts, bounds = form.columns(), {}, {}
    a = form.a.tocsc()
    for name in (*PARTS[0], *PARTS[1]):
        variables = list(getattr(m.hour, name).values())
        columns = [known.get(id(v), -1) for v in variables]
        used = [i for i, k in enumerate(columns) if k >= 0]
        entries = a[:, [columns[i] for i in used]].tocoo()
        parts[name] = entries.row.astype(np.int64), np.array(used, dtype=np.int64)[entries.col], entries.data
        ends = [(-np.inf if v.lb is None else v.lb, np.inf if v.ub is None else v.ub) for v in variables]
        bounds[name] = np.array(ends, dtype=float).reshape(-1, 2).T
    return HourRows(form.row_low, form.row_high, parts, bounds)
