"""One gate: only `adnflex/solvers` imports a solver, and nobody else reads a solver's own words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import adnflex

ROOT = Path(adnflex.__file__).parent

SOLVERS = {"highspy", "clarabel", "pyscipopt", "gurobipy", "cplex", "mosek", "xpress", "cvxpy", "ipopt", "cyipopt"}

# Names of scipy.optimize and of Pyomo that solve; root finders and modelling are none.
SOLVING = {"linprog", "milp", "minimize", "least_squares", "linear_sum_assignment", "differential_evolution",
           "SolverFactory", "TerminationCondition", "SolverStatus", "appsi", "LegacySolverInterface"}  # fmt: skip

# Words of solvers; those of the gate are lower case and its own.
WORDS = {"kOptimal", "kInfeasible", "kUnknown", "kTimeLimit", "getModelStatus", "modelStatusToString", "getSolution",
         "AlmostSolved", "PrimalInfeasible", "DualInfeasible", "termination_condition"}  # fmt: skip

MODULES = sorted(p for p in ROOT.rglob("*.py") if ROOT / "solvers" not in p.parents)


def test_there_are_modules():
    assert len(MODULES) > 150


def findings(source: str) -> list[str]:
    """What of a module belongs behind the gate."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [(a.name, "") for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module or "", a.name) for a in node.names]
        else:
            names = []
        for module, name in names:
            if {module.split(".")[0], name} & SOLVERS or {*module.split("."), name} & SOLVING:
                found.append(f"line {node.lineno}: imports {module} {name}".strip())
        if isinstance(node, ast.Attribute) and node.attr in (SOLVING - {"minimize"}) | WORDS:
            found.append(f"line {node.lineno}: uses .{node.attr}")
        if isinstance(node, ast.Constant) and node.value in WORDS:
            found.append(f"line {node.lineno}: compares {node.value!r}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_gate_knows_solvers(path):
    assert findings(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import highspy",
        "from clarabel import DefaultSolver",
        "from scipy.optimize import linprog",
        "def f():\n    import pyscipopt",
        "from pyomo.contrib import appsi",
        "import pyomo.environ as pyo\npyo.SolverFactory('x')",
        "h.getModelStatus()",
        "if status == 'PrimalInfeasible': pass",
    ],
)
def test_what_the_test_would_find(source):
    assert findings(source)
