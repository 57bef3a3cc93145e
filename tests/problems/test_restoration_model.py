"""The Pyomo model of a restoration beside the sets that are decided one by one."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo
import pytest

import adnflex
from adnflex.errors import InputError
from adnflex.solvers.gate import solve_model
from tests.problems.test_restoration import random_case, ring, tight_feeders, without_support


def most(net: Any, key: tuple[str, int], **knobs: Any) -> float:
    """Bound of the model [MW, weighted]; -1 where it has no point."""
    ending = solve_model(adnflex.model(net, "restore", outage=key, **knobs), gap=1e-7)
    return -1.0 if ending.status == "infeasible" else -ending.bound


@pytest.mark.parametrize("seed", [0, 36])
def test_the_model_restores_what_the_best_set_does(seed):
    net = tight_feeders(seed)
    net.load.loc[0, "priority"] = 3.0
    for operations in (1, 3):
        found = adnflex.restore(net, ("line", 0), max_operations=operations)
        assert most(net, ("line", 0), max_operations=operations) == pytest.approx(found.bound_mw, abs=1e-5)


@pytest.mark.parametrize("seed", [31, 41])
def test_the_model_bounds_a_restoration_of_blocks_sources_and_generation(seed):
    net, limits, keys = random_case(seed)
    found = adnflex.restore(net, keys[0], vm_limits=limits)
    assert most(net, keys[0], vm_limits=limits) >= found.bound_mw - 1e-6


def test_with_equations_the_model_is_the_restoration_itself():
    net = tight_feeders(0)
    model = adnflex.model(net, "restore", outage=("line", 0), exact=True)
    pyo.SolverFactory("scip_direct").solve(model)
    found = adnflex.restore(net, ("line", 0))
    assert -pyo.value(model.objective) == pytest.approx(found.restored_mw, abs=1e-6)
    back = {bus for b in model.lit if model.lit[b].value > 0.5 for bus in model.block[b]}
    assert back == set(found.buses.index[found.buses["restored"]])
    assert pyo.value(model.max_operations.body) == found.operations


def test_where_nothing_meets_the_limits_the_model_has_no_point():
    assert most(without_support(), ("bus", 3)) == -1.0


def test_generation_stays_off_in_the_model_too():
    net = ring(sgen=0.8)
    on, off = (adnflex.model(net, "restore", outage=("line", 0), generation_returns=g) for g in (True, False))
    parts = [str(m.p_balance[3].body) for m in (on, off)]
    assert parts[0] != parts[1]


def test_what_has_no_model():
    net = ring()
    with pytest.raises(InputError, match="outage is missing"):
        adnflex.model(net, "restore")
    with pytest.raises(InputError, match="no source is left"):
        adnflex.model(net, "restore", outage=("ext_grid", 0))
    with pytest.raises(InputError, match="known are distflow, lindistflow"):
        adnflex.model(net, "restore", "directed", outage=("line", 0))
