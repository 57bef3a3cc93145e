"""A formulation is one object and one line in the table; problems hold no algebra of branch flow."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandapower.networks as pn
import pytest

import adnflex
from adnflex import formulations
from adnflex.errors import InputError
from adnflex.formulations.by_law import by_law
from adnflex.formulations.law import Law
from adnflex.networks import load, study

PACKAGE = Path(adnflex.__file__).parent


def _names(path: Path) -> set[str]:
    """Every name and attribute that a module uses."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    return found | {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)} | {
        a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names
    }


def test_a_formulation_knows_no_table_and_no_problem() -> None:
    for path in PACKAGE.glob("formulations/*.py"):
        for name in _imports(path):
            assert name.split(".")[0] not in ("pandas", "pandapower"), (path, name)
            assert not name.startswith(("adnflex.problems", "adnflex.verbs", "adnflex.devices")), (path, name)


def test_a_problem_declares_no_branch_flow() -> None:
    for path in PACKAGE.glob("problems/**/*.py"):
        assert not _names(path) & {"declare_branch_flow", "Law", "voltage_drop", "mark_relaxed"}, path
        for name in ("distflow", "lindistflow", "law", "by_law"):
            assert f"adnflex.formulations.{name}" not in _imports(path), f"{path}: take it from the table"


def _half(grid):
    """Half of the losses act back: between LinDistFlow and DistFlow, and a formulation like any other."""
    return Law(grid.r / 2, grid.x / 2, (grid.r**2 + grid.x**2) / 2)


@pytest.mark.parametrize("bounds_ac", [False, True])
def test_a_stub_in_the_table_is_usable(monkeypatch: pytest.MonkeyPatch, bounds_ac: bool) -> None:
    monkeypatch.setitem(formulations.FORMULATIONS, "stub", by_law("stub", _half, bounds_ac))
    net = pn.case33bw()
    plan = adnflex.reconfigure(net, formulation="stub", workers=1, gap=0.07)
    assert plan.options["formulation"] == "stub"
    assert adnflex.validate(plan, net).passed
    assert plan.bound_kind == ("optimum of stub" if bounds_ac else "relaxation of distflow without integers")
    if not bounds_ac:
        # of the best topology LinDistFlow says 131.9 kW, DistFlow 139.6 kW
        assert 0.1319 < plan.relaxation_losses_mw < plan.losses_mw


def test_lindistflow_plans_hold_in_ac_and_are_bounded_by_the_cone() -> None:
    net = pn.case33bw()
    plan = adnflex.reconfigure(net, formulation="lindistflow", workers=1)
    check = adnflex.validate(plan, net)
    assert check.passed
    # the closed form of this tree in LinDistFlow, and AC
    assert plan.open_lines == [6, 8, 13, 31, 36]
    assert plan.relaxation_losses_mw == pytest.approx(0.131877, abs=1e-6)
    assert plan.objective == pytest.approx(0.139551, abs=1e-6)
    assert plan.bound <= 0.1395514
    assert plan.bound > 0.12
    assert plan.status == "gap"
    assert "lindistflow" in plan.solver
    assert any("lindistflow" in note for note in plan.notes)


def test_lindistflow_dispatch_is_bounded_by_the_cone() -> None:
    net = study(load("ieee33_dispatch"), "2")
    cone = adnflex.dispatch(net, periods=range(2))
    plan = adnflex.dispatch(net, periods=range(2), formulation="lindistflow")
    assert adnflex.validate(plan, net).passed
    assert plan.bound == pytest.approx(cone.bound, rel=1e-5)
    assert plan.objective >= cone.bound * (1 - 1e-6)
    assert plan.bound_kind == "relaxation of distflow without integers"
    assert plan.cone_gap.isna().all(axis=None)
    # it is another model: its own losses do not act back
    low = plan.relaxation_balance["grid_mw"].sum()
    assert np.isfinite(low)
    assert low != pytest.approx(plan.balance["grid_mw"].sum(), rel=1e-6)


def test_infeasible_in_lindistflow_refutes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def tight(grid):
        return Law(grid.r, grid.x, -1e3 * np.ones(grid.m))

    monkeypatch.setitem(formulations.FORMULATIONS, "wrong", by_law("wrong", tight, bounds_ac=False))
    plan = adnflex.reconfigure(pn.case33bw(), formulation="wrong", workers=1, time_limit=20)
    assert plan.open_lines == [32, 33, 34, 35, 36], "the present state meets every limit"
    assert plan.status == "gap"


def test_an_unknown_formulation_is_refused() -> None:
    with pytest.raises(InputError, match="known are auto, directed, distflow, lindistflow"):
        adnflex.reconfigure(pn.case33bw(), formulation="acopf")
    with pytest.raises(InputError, match=r"known are auto, distflow, lindistflow\. 'directed' belongs to reconfigure"):
        adnflex.dispatch(study(load("ieee33_dispatch"), "2"), periods=[0], formulation="directed")
    with pytest.raises(InputError, match="lindistflow"):
        adnflex.dispatch(study(load("ieee33_dispatch"), "2"), periods=[0], formulation="lindistflow", exact=True)
