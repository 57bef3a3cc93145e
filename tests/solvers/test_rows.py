"""Constraints that are written as arrays are constraints like all others, and say the same either way."""

from __future__ import annotations

import copy
import io
from typing import Any

import numpy as np
import pandapower.networks as pn
import pyomo.environ as pyo
import pytest

import adnflex
from adnflex import networks
from adnflex.errors import SolverError
from adnflex.solvers.conic import ConicForm, compile_model
from adnflex.solvers.gate import solve_model
from adnflex.solvers.rows import LazyData, Rows, declare_cones, declare_rows, declare_variables


def model() -> pyo.ConcreteModel:
    """Least l with p = 3, q = 4, w <= 1: 25."""
    m = pyo.ConcreteModel()
    declare_variables(m, "flow", [-9.0, -9.0], [9.0, 9.0])
    declare_variables(m, "size", [0.0, 0.0], [400.0, 1.0])
    at = Rows([3.0, 4.0, -np.inf], [3.0, 4.0, 99.0])
    at.add(m.flow, [0, 1, 2, 2], [0, 1, 0, 1], [1.0, 1.0, 1.0, 0.0])
    declare_rows(m, "at", at, ["p", "q", "more"])
    declare_cones(m, "cone", [[m.flow[0]], [m.flow[1]], [m.size[0]], [m.size[1]]], [7])
    m.cost = pyo.Objective(expr=m.size[0])
    return m


def touch(m: pyo.ConcreteModel) -> int:
    """Look at every constraint, so that all are expressions; how many were not."""
    lazy = 0
    for data in m.component_data_objects(pyo.Constraint):
        lazy += isinstance(data, LazyData)
        assert data.expr is not None
        assert not isinstance(data, LazyData)
    return lazy


def said(form: ConicForm) -> dict[str, Any]:
    """What a form says by names, whatever the order."""
    names = [v.name if hasattr(v, "name") else f"derived {k}" for k, v in enumerate(form.variables)]
    a = form.a.tocsr()
    rows = {}
    for k, row in enumerate(form.rows):
        here = slice(a.indptr[k], a.indptr[k + 1])
        terms = dict(zip([names[j] for j in a.indices[here]], a.data[here].tolist(), strict=True))
        rows[f"{k} is a link" if row is None else row.name] = (form.row_low[k], form.row_high[k], terms)
    return {
        "rows": rows,
        "cost": {n: c for n, c in zip(names, form.c.tolist(), strict=True) if c},
        "bounds": dict(zip(names, zip(form.low.tolist(), form.high.tolist(), strict=True), strict=True)),
        "integer": {n for n, whole in zip(names, form.integer.tolist(), strict=True) if whole},
        "cones": sorted(tuple(names[j] for j in cone) for cone in form.cones),
    }


def require_alike(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a.keys() == b.keys()
    for part in ("cost", "bounds", "integer", "cones"):
        assert a[part] == pytest.approx(b[part]) if part == "cost" else a[part] == b[part]
    assert a["rows"].keys() == b["rows"].keys()
    for name, (low, high, terms) in a["rows"].items():
        other = b["rows"][name]
        assert (low, high) == pytest.approx(other[:2], rel=1e-12, abs=1e-12), name
        assert terms == pytest.approx(other[2], rel=1e-12, abs=1e-12), name


MODELS = {
    "rows and a cone": model,
    "dispatch": lambda: adnflex.model(networks.study(networks.load("ieee33_dispatch"), "3"), "dispatch", periods=[3]),
    "switched": lambda: adnflex.model(
        networks.study(networks.load("ieee33_dispatch"), "2"), "dispatch", periods=[3, 4], windows=None
    ),
    "transformers": lambda: adnflex.model(pn.mv_oberrhein(), "reconfigure", "distflow", vm_limits=(0.9, 1.1)),
    "linear": lambda: adnflex.model(pn.case33bw(), "reconfigure", "lindistflow"),
}


@pytest.mark.parametrize("name", MODELS)
def test_arrays_say_what_the_expressions_say(name: str) -> None:
    m = MODELS[name]()
    before = said(compile_model(m))
    assert touch(m) > 0
    require_alike(before, said(compile_model(m)))


def test_they_are_changed_deactivated_deleted_and_added() -> None:
    m = model()
    assert solve_model(m).objective == pytest.approx(25.0, rel=1e-5)
    m.at["q"].set_value(m.flow[1] == 0.0)
    assert solve_model(m).objective == pytest.approx(9.0, rel=1e-5)
    m.at["p"].deactivate()
    assert solve_model(m).objective == pytest.approx(0.0, abs=1e-6)
    m.at["p"].activate()
    m.at["less"] = m.size[1] <= 0.5
    assert solve_model(m).objective == pytest.approx(18.0, rel=1e-5)
    m.cone.deactivate()
    assert solve_model(m).objective == pytest.approx(0.0, abs=1e-6)
    m.cone.activate()
    del m.at["less"]
    m.at.extend("p", [m.flow[1], -1.0])
    m.at["q"].set_value(m.flow[1] == 2.0)
    assert solve_model(m).objective == pytest.approx(8.0, rel=1e-5)
    m.del_component(m.at)
    assert [c.name for c in compile_model(m).rows] == []


def test_a_fixed_variable_is_a_number() -> None:
    m = model()
    m.size[1].fix(0.5)
    m.flow[0].fix(3.0)
    form = compile_model(m)
    assert [c.name for c in form.rows] == ["at[p]", "at[q]", "at[more]"]
    assert form.row_high.tolist() == [0.0, 4.0, 96.0]
    assert solve_model(m).objective == pytest.approx(50.0, rel=1e-5)


def test_copies_stand_alone() -> None:
    m = model()
    other = m.clone()
    twin = copy.deepcopy(m)
    other.at["p"].set_value(other.flow[0] == 0.0)
    assert solve_model(other).objective == pytest.approx(16.0, rel=1e-5)
    for same in (m, twin):
        assert solve_model(same).objective == pytest.approx(25.0, rel=1e-5)
    assert {id(v) for v in compile_model(twin).variables}.isdisjoint(id(v) for v in compile_model(m).variables)


def test_other_writers_and_solvers_read_them() -> None:
    m = model()
    text = io.StringIO()
    m.pprint(ostream=text)
    assert "flow[0]**2 + flow[1]**2" in text.getvalue()
    m = model()
    assert solve_model(m, "scip", gap=1e-7).objective == pytest.approx(25.0, rel=1e-4)


def test_a_factor_below_zero_is_refused_by_name() -> None:
    m = model()
    m.size[1].setlb(-1.0)
    with pytest.raises(SolverError, match=r"cone\[7\]: size\[1\] can be below zero"):
        compile_model(m)


def test_what_nothing_can_keep_and_what_is_no_row_is_refused_by_name() -> None:
    m = model()
    m.never = pyo.Constraint(expr=0 * m.flow[0] >= 1)
    with pytest.raises(SolverError, match="never"):
        compile_model(m)
    m = model()
    m.either = pyo.SOSConstraint(var=m.flow, sos=1)
    with pytest.raises(SolverError, match="either"):
        compile_model(m)
    m = model()
    m.second = pyo.Objective(expr=m.flow[0])
    with pytest.raises(SolverError, match="2 objectives"):
        compile_model(m)
