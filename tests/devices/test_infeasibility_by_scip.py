"""Infeasibility that spatial branch and bound claims, where a power flow shows a state that meets every limit."""

from __future__ import annotations

import pandapower as pp
import pytest

import adnflex
from tests.brute_force import RUNPP


def feeder(turned: bool):
    """Source with five positions, a line (written from its end to the source, or not) and a load."""
    net = pp.create_empty_network(sn_mva=1.0)
    bus = [pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(2)]
    pp.create_ext_grid(net, bus[0], vm_pu=1.0)
    ends = bus[::-1] if turned else bus
    pp.create_line_from_parameters(net, *ends, 3.0, 0.3, 0.3, 0.0, 0.4, max_loading_percent=1000.0)
    pp.create_load(net, bus[1], 3.0, 0.4)
    columns = {"tap_pos": 0, "tap_min": -2, "tap_max": 2, "tap_neutral": 0, "tap_step_percent": 2.5,
               "controllable": True, "price_per_mwh": 100.0, "min_q_mvar": 0.4226}  # fmt: skip
    for column, value in columns.items():
        net.ext_grid[column] = value
    return net


@pytest.mark.parametrize(
    ("turned", "exact"),
    [
        (False, False),
        (False, True),
        (True, False),
        (True, True),  # SCIP 10.0 calls the exact equations infeasible here
    ],
)
def test_only_the_lowest_position_draws_enough_reactive_power(turned, exact):
    net = feeder(turned)
    state = feeder(turned)
    state.ext_grid["vm_pu"] = 0.95
    pp.runpp(state, **RUNPP)
    assert state.res_ext_grid.q_mvar[0] > 0.4226 + 5e-4
    plan = adnflex.dispatch(net, exact=exact)
    assert plan.taps["ext_grid", 0].tolist() == [-2]
    assert plan.objective == pytest.approx(100 * state.res_ext_grid.p_mw[0], rel=1e-6)


@pytest.mark.parametrize("exact", [False, True])
def test_the_decisions_are_those_of_the_answer_that_was_recovered(exact):
    """Recovery solves other models than the first one; what is kept for `follow=` belongs to the answer."""
    net = feeder(True)
    plan = adnflex.dispatch(net, exact=exact)
    positions = plan.decisions.set_index("name")["value"]
    assert positions["position:0"] - 2 == plan.taps["ext_grid", 0].iloc[0]
    again = adnflex.dispatch(net, follow=plan)
    assert again.objective == pytest.approx(plan.objective, rel=1e-6)
