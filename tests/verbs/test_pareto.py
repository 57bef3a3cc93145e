"""Cost against carbon."""

from __future__ import annotations

import functools
import sys

import pytest

import adnflex
from adnflex.errors import Infeasible, InputError


def evening():
    return adnflex.networks.load("ieee33_dispatch"), {"periods": range(16, 22), "gap": 1e-2}


def test_less_carbon_costs_more():
    net, options = evening()
    table = adnflex.pareto(net, points=3, **options).table
    assert table["carbon_kg"].is_monotonic_decreasing
    assert (table["cost"].diff().dropna() >= -1e-2 * table["cost"].iloc[0]).all()
    assert (table["carbon_kg"] <= table["budget_kg"].fillna(float("inf")) + 1e-2).all()
    assert (table["bound"] <= table["cost"] * (1 + 1e-9)).all()


def test_a_point_that_is_not_found_in_time_does_not_lose_the_others(monkeypatch):
    net, options = evening()
    # the package shows the verb under the name of its module
    module = sys.modules["adnflex.verbs.pareto"]
    real = module.dispatch

    @functools.wraps(real)  # the arguments that it takes are read from it
    def late(net, **arguments):
        if arguments.get("carbon_budget_kg") is not None and "follow" not in arguments:
            raise Infeasible("nothing was found in the time given.", None, False)
        return real(net, **arguments)

    monkeypatch.setattr(module, "dispatch", late)
    sweep = adnflex.pareto(net, points=3, **options)
    assert [p.status for p in sweep.plans[1:]] == ["time_limit"] * 2
    assert (sweep.table["bound"].iloc[1:] == sweep.plans[0].bound).all()
    assert adnflex.validate(sweep.plans[-1], net).passed


@pytest.mark.parametrize("wrong", [{"points": 1}, {"objective": "carbon"}, {"carbon_budget_kg": 1.0}])
def test_what_belongs_to_the_sweep_is_refused(wrong):
    net, options = evening()
    with pytest.raises(InputError):
        adnflex.pareto(net, **{"points": 3, **options, **wrong})
