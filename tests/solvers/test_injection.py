"""Faults of solvers under every verb: a quick set; `validation/faults/injection.py` tries all."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

import adnflex
from adnflex.errors import SolverError
from adnflex.problems.flexibility.search import TopologySearch
from adnflex.solvers.injection import injected

_FILE = Path(__file__).parents[2] / "validation" / "faults" / "injection.py"


@pytest.fixture(scope="module")
def faults():
    spec = importlib.util.spec_from_file_location("injection_campaign", _FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("verb", "fault", "share"),
    [
        ("reconfigure", "exception", 1.0),
        ("reconfigure", "wrong bound", 1.0),
        ("dispatch without positions", "wrong point", 0.5),
        ("flexibility", "unknown", 1.0),
        ("reconfigure for flexibility", "numerical error", 0.3),
        ("pq_region", "wrong bound", 0.3),
        ("schedule_rolling mpc", "exception", 1.0),
    ],
)
def test_answers_are_honest_whatever_a_solver_does(faults, verb, fault, share):
    assert faults.tried(verb, fault, share, seed=1) == ""


def test_what_the_campaign_would_find(faults, monkeypatch):
    """A verb that calls what exists infeasible, one that breaks, one that promises too much."""

    def refutes():
        raise adnflex.errors.Infeasible("no.", None, True)

    for broken, word in ((refutes, "infeasible"), (lambda: {}["x"], "KeyError")):
        monkeypatch.setitem(faults.VERBS, "broken", broken)
        monkeypatch.setattr(faults, "truth", lambda verb: faults.Truth(1.0, 1.0))
        assert word in faults.tried("broken", "unknown", 1.0, 1)


def test_a_tree_whose_bound_was_not_solved_is_not_refuted(faults, monkeypatch):
    """What the best topology is worth is forgotten, then the solver of the proof gives up: more stays possible."""
    net = faults.ring()
    net.line["max_i_ka"] = 0.11
    options = {"profiles": faults._flat(net), "hours_per_period": 1.0, "workers": 1, "search_time": 0.3}
    real, seen = TopologySearch._enumerate, {}

    def enumerate_blindly(self, *args):
        state, seen["best"] = self.best
        self.best = state, 0.9 * seen["best"]
        self.values = {state: 0.9 * seen["best"]}
        with injected("unknown", kinds=("linear",)):
            seen["bound"] = real(self, *args)
        return seen["bound"]

    monkeypatch.setattr(TopologySearch, "_enumerate", enumerate_blindly)
    found = adnflex.reconfigure_for_flexibility(net, time_limit=120, **options)
    assert seen["best"] == pytest.approx(1.6469, abs=1e-3)
    assert seen["bound"] is None or seen["bound"] >= seen["best"]
    assert found.linear.bound >= seen["best"]
    assert found.status != "optimal"


@pytest.mark.parametrize("fault", ["time limit", "numerical error"])
def test_a_time_limit_within_a_linear_program_loses_nothing(faults, fault):
    """The box of one topology is there; then nothing is solved any more."""
    net = faults.ring()
    options = {"profiles": faults._flat(net), "hours_per_period": 1.0, "workers": 1, "search_time": 0.2}
    with injected(fault, kinds=("linear",), after=40):
        try:
            found = adnflex.reconfigure_for_flexibility(net, time_limit=20, **options)
        except SolverError:
            found = None
    assert found is None or found.linear.bound >= 1.914
