"""The grid's own power flow is pandapower's: voltages to 1e-8 pu, losses to 1e-6 of them.

What is compared is the whole chain, reading, power flow and pushing back: a state is solved on the grid, written into a
copy of the net, and run there with ``runpp``.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pytest
from numpy.typing import NDArray

from adnflex.grid import Grid, read_grid, switch_table
from adnflex.grid.flow import flow_of
from adnflex.grid.topology import forest
from adnflex.grid.write import write
from adnflex.knobs import Limits, Switching
from tests.strategies import FLAGS, other_states, random_spec

WIDE = (0.5, 1.5)
SEEDS = range(20)


def run(net: pp.pandapowerNet) -> float:
    """Run AC power flow and return the losses in everything that has an impedance [MW]."""
    # the tolerance is compared per unit of net.sn_mva
    tolerance = 1e-10 / max(1.0, net.sn_mva)
    pp.runpp(net, init="auto", max_iteration=60, tolerance_mva=tolerance, voltage_depend_loads=True, numba=False)
    losses = net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum()
    couplers = net.res_switch.reindex(net.switch.index[(net.switch.et == "b") & (net.switch.z_ohm > 0)])
    return float(losses + (couplers.p_from_mw + couplers.p_to_mw).sum())


def assert_same(net: pp.pandapowerNet, grid: Grid, closed: NDArray[np.bool_]) -> None:
    """Solve a state on the grid and in a copy of the net."""
    flow = flow_of(grid, closed)
    assert flow is not None
    pushed = write(net, switches=switch_table(grid, closed.tolist()))
    losses = run(pushed)
    vm = pushed.res_bus.vm_pu
    mine = np.sqrt(flow.v)
    buses = sorted(grid.node_of)
    # a bus that pandapower supplies and the grid does not know would be lost without a word
    assert set(vm.dropna().index) == set(buses)
    np.testing.assert_allclose([mine[grid.node_of[b]] for b in buses], vm[buses], rtol=0, atol=1e-8)
    assert flow.loss * grid.base_mva == pytest.approx(losses, rel=1e-6, abs=1e-12)


def schutterwald() -> pp.pandapowerNet:
    """Open the one closed loop of the net at both ends of one of its lines."""
    net = pn.lv_schutterwald()
    for bus in net.line.loc[8294, ["from_bus", "to_bus"]]:
        pp.create_switch(net, int(bus), 8294, et="l", closed=False)
    return net


def simbench_net(code: str) -> pp.pandapowerNet:
    return pytest.importorskip("simbench").get_simbench_net(code)


NETS = {
    "case33bw": pn.case33bw,
    "cigre_mv": pn.create_cigre_network_mv,
    "cigre_mv_der": lambda: pn.create_cigre_network_mv(with_der="all"),
    "mv_oberrhein": pn.mv_oberrhein,
    "lv_schutterwald": schutterwald,
    "simbench_urban": lambda: simbench_net("1-MV-urban--0-sw"),
    "simbench_rural": lambda: simbench_net("1-MV-rural--0-sw"),
}


@pytest.mark.parametrize("name", NETS)
def test_known_nets_agree_in_present_and_other_states(name):
    net = NETS[name]()
    grid = read_grid(net, limits=Limits(WIDE))
    assert_same(net, grid, grid.closed)
    if name == "lv_schutterwald":
        return  # nothing to reconfigure
    for closed in other_states(grid, np.random.default_rng(1), 2):
        # far from the present state power flow may have no solution, for either of them
        if flow_of(grid, closed) is not None:
            assert_same(net, grid, closed)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_nets_agree_in_present_and_other_states(seed):
    spec = random_spec(seed)
    net = spec.net()
    grid = read_grid(net, limits=Limits(WIDE))
    # lines without a switch keep the state of another tree, so the present one may hold a loop there
    if spec.switch_style != "mixed" or forest(grid, grid.closed) is not None:
        assert_same(net, grid, grid.closed)
    solved = [s for s in other_states(grid, np.random.default_rng(seed), 2) if flow_of(grid, s) is not None]
    assert solved, f"{spec} is converged in every state by construction"
    for closed in solved:
        assert_same(net, grid, closed)


@pytest.mark.parametrize("seed", range(10))
def test_what_a_caller_adds_to_the_choice_does_not_change_the_present_state(seed):
    """Couplers and transformers as decisions are branches of another kind, the same state of the net."""
    kinds = {"transformers": True, "trafo_switches": True, "couplers": True, "zip_loads": False}
    net = dataclasses.replace(random_spec(seed), **kinds, switch_style="switches").net()
    # of two parallel transformers that are closed, one would have to be opened
    chosen = (net.switch.et == "b") | ((net.switch.et == "t") & ~net.switch.closed.astype(bool))
    switches = [int(s) for s in net.switch.index[chosen]]
    grid = read_grid(net, limits=Limits(WIDE), switching=Switching(switchable_switches=switches))
    if forest(grid, grid.closed) is None:
        pytest.skip("two transformers feed two sections of one busbar: a loop once their coupler is a branch")
    assert_same(net, grid, grid.closed)


def test_random_nets_have_every_kind():
    """Else the agreement above would say less than it seems to."""
    specs = [random_spec(seed) for seed in SEEDS]
    assert all(sum(getattr(s, flag) for s in specs) >= 5 for flag in FLAGS)
    assert {s.switch_style for s in specs} == {"switches", "mixed", "in_service"}
