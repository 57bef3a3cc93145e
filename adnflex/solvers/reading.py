"""What a Pyomo model says, as arrays: columns, linear rows, cones."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.repn.linear import LinearRepnVisitor
from pyomo.repn.util import categorize_valid_components
from scipy import sparse

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.errors import SolverError
from adnflex.solvers.cones import Derived, ReadCone, above_zero, cone_at_a_glance, cone_in_full
from adnflex.solvers.members import bounds_of, fixed_of
from adnflex.solvers.rows import ConeConstraint, RowConstraint

# What a model may be made of; a set, a parameter or an expression says nothing by itself.
_KNOWN = {pyo.Block, pyo.Constraint, pyo.Var, pyo.Param, pyo.Expression, pyo.Set, pyo.RangeSet, pyo.ExternalFunction}


class Reading:
    """One walk through a model.

    Parameters
    ----------
    model : pyomo ConcreteModel
        A minimisation whose constraints are linear or cones.

    Attributes
    ----------
    variables : list
        Pyomo variables and `Derived` ones, in column order.
    rows : list
        The constraint behind each row.
    low, high : list of array
        Limits of the rows, part by part.
    """

    def __init__(self, model: pyo.ConcreteModel) -> None:
        _require_known(model)
        self.variables: list[Any] = []
        self.rows: list[Any] = []
        self.low: list[FloatArray] = []
        self.high: list[FloatArray] = []
        self._entries: list[tuple[IntArray, IntArray, FloatArray]] = []
        self._cones: list[ReadCone] = []
        self._held: dict[float, Derived] = {}
        # Pyomo's walker asks for the first by the `id` of a variable, and tells `add` what is not in it
        self.var_map: dict[int, Any] = {}
        self.column: dict[int, int] = {}
        self._places: dict[int, IntArray] = {}
        for component in model.component_objects(pyo.Var):
            self._take_variable(component)
        self._walker = LinearRepnVisitor({}, var_recorder=self)
        self._objective(model)
        self._constraints(model)

    def add(self, variable: Any) -> None:
        """Take the variable that a member belongs to, from outside the model."""
        self._take_variable(variable.parent_component())

    def _take_variable(self, component: Any) -> None:
        # members of a reference are those of another component
        members = [v for v in component.values() if id(v) not in self.column]
        names, start = list(map(id, members)), len(self.variables)
        self.column.update(zip(names, range(start, start + len(members)), strict=True))
        self.var_map.update(zip(names, members, strict=True))
        for k in np.flatnonzero(fixed_of(members)).tolist():
            del self.var_map[names[k]]
        self.variables += members

    def _columns_of(self, component: Any) -> IntArray:
        """Columns of the members of a variable, in their order."""
        found = self._places.get(id(component))
        if found is None:
            names = list(map(id, component.values()))
            if not all(map(self.column.__contains__, names)):
                self._take_variable(component)
            found = self._places[id(component)] = np.array([self.column[name] for name in names], np.int64)
        return found

    def _objective(self, model: pyo.ConcreteModel) -> None:
        found = list(model.component_data_objects(pyo.Objective, active=True))
        if len(found) != 1:
            raise SolverError(f"the model has {len(found)} objectives; give it one.")
        repn = self._walker.walk_expression(found[0].expr)
        if repn.nonlinear is not None:
            raise SolverError(f"objective {found[0].name} is not linear; write it by a variable and a cone.")
        sign = 1.0 if found[0].sense == pyo.minimize else -1.0
        self.c0 = sign * float(repn.constant)
        self._cost = {self.column[k]: sign * v for k, v in repn.linear.items()}

    def _constraints(self, model: pyo.ConcreteModel) -> None:
        for component in model.component_objects(pyo.Constraint, active=True):
            members = component.values()
            if isinstance(component, RowConstraint | ConeConstraint):
                untouched = component.untouched()
                if isinstance(component, RowConstraint):
                    self._take_rows(component, untouched)
                else:
                    self._take_cones(component, untouched)
                members = component.touched()
            self._take_each(member for member in members if member.active)

    def _take_rows(self, component: RowConstraint, untouched: BoolArray) -> None:
        rows, number = component.rows, len(self.rows) + np.cumsum(untouched) - 1
        for e in rows.entries:
            here = untouched[e.row]
            columns = self._columns_of(e.variable)
            self._entries.append((number[e.row[here]], columns[e.place[here]], e.value[here]))
        self.low.append(rows.low[untouched])
        self.high.append(rows.high[untouched])
        self.rows += component.members(untouched)

    def _take_cones(self, component: ConeConstraint, untouched: BoolArray) -> None:
        kept = np.flatnonzero(untouched).tolist()
        sides = [[side[k] for k in kept] for side in component.sides]
        for factor in sides[2:]:
            for at in np.flatnonzero(bounds_of(factor)[0] < 0).tolist():
                above_zero(ReadCone(*(side[at] for side in sides)), component, component.names[kept[at]])
        self._cones += [ReadCone(*cone) for cone in zip(*sides, strict=True)]

    def _take_each(self, members: Any) -> None:
        """Read constraints that are expressions."""
        row, column, value = list[int](), list[int](), list[float]()
        low, high = list[float](), list[float]()
        for data in members:
            cone = cone_at_a_glance(data.expr, self._held, data)
            if cone is not None:
                self._cones.append(cone)
                continue
            least, body, most = data.to_bounded_expression(evaluate_bounds=True)
            if least is None and most is None:
                continue
            repn = self._walker.walk_expression(body)
            if repn.nonlinear is not None:
                cone = cone_in_full(data, self._held)
                if cone is None:
                    raise SolverError(f"constraint {data.name} is neither linear nor a cone.")
                self._cones.append(cone)
                continue
            limits = (-np.inf if least is None else least), (np.inf if most is None else most)
            if not repn.linear:
                if not limits[0] <= repn.constant <= limits[1]:
                    said = f"{limits[0]:g} <= {repn.constant:g} <= {limits[1]:g}"
                    raise SolverError(f"constraint {data.name} says {said}, which nothing can keep.")
                continue
            row += [len(self.rows)] * len(repn.linear)
            column += [self.column[k] for k in repn.linear]
            value += repn.linear.values()
            low.append(limits[0] - repn.constant)
            high.append(limits[1] - repn.constant)
            self.rows.append(data)
        self._entries.append((np.array(row, np.int64), np.array(column, np.int64), np.array(value, float)))
        self.low.append(np.array(low, float))
        self.high.append(np.array(high, float))

    def matrix(self) -> tuple[sparse.csr_matrix, FloatArray, FloatArray]:
        """Rows without fixed variables, and their limits."""
        row, column, value = (np.concatenate(part) for part in zip(*self._entries, strict=True))
        a = sparse.csr_matrix((value, (row, column)), shape=(len(self.rows), len(self.variables)))
        low, high = np.concatenate(self.low), np.concatenate(self.high)
        fixed = fixed_of(self.variables)
        if fixed.any():
            values = np.array([v.value if v.fixed else 0.0 for v in self.variables], dtype=float)
            known = a @ values
            low, high = low - known, high - known
            a = a @ sparse.diags((~fixed).astype(float), format="csr")
        a.eliminate_zeros()
        return sparse.csr_matrix(a), low, high

    def cost(self) -> FloatArray:
        """Objective."""
        c = np.zeros(len(self.variables))
        c[list(self._cost)] = list(self._cost.values())
        return c

    def cones(self) -> IntArray:
        """Columns (k, 4) of cones, on each left side its own: the unit of such a column follows from its cone."""
        columns = self.column
        inside = list(chain.from_iterable(self._cones))
        for v in inside:
            if id(v) not in columns:
                self._take_of_cone(v)
        found = np.fromiter((columns[id(v)] for v in inside), dtype=np.int64, count=len(inside)).reshape(-1, 4)
        left, others = found[:, :2].ravel(), np.zeros(len(self.variables), dtype=bool)
        others[found[:, 2:]] = True
        again = np.ones(len(left), dtype=bool)
        again[np.unique(left, return_index=True)[1]] = False
        for k in np.flatnonzero(again | others[left]).tolist():
            v = self.variables[left[k]]
            if _moves(v):
                left[k] = len(self.variables)
                self._take_of_cone(Derived([v], [1.0], 0.0))
        found[:, :2] = left.reshape(-1, 2)
        return found

    def _take_of_cone(self, v: Any) -> None:
        """Give something that stands in a cone a column."""
        if not isinstance(v, Derived):
            self.add(v)
            return
        for x in v.variables:
            if id(x) not in self.column:
                self._take_of_cone(x)
        self.column[id(v)] = len(self.variables)
        self.variables.append(v)


def _moves(v: Any) -> bool:
    """Whether a column is no number."""
    return not isinstance(v, Derived) or bool(v.variables)


def _require_known(model: pyo.ConcreteModel) -> None:
    """Refuse what would be left out without a word."""
    _, unknown = categorize_valid_components(model, active=True, valid=_KNOWN, targets={pyo.Suffix, pyo.Objective})
    if unknown:
        names = ", ".join(str(part.name) for parts in unknown.values() for part in parts)
        raise SolverError(f"the model has parts that are neither linear rows nor cones: {names}.")
