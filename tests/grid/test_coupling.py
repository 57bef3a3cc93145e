"""The coupling point at a transformer or a line: the same box as in the net cut there by hand."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pandapower as pp
import pytest

import adnflex
from adnflex.errors import InputError
from adnflex.grid.coupling import coupling_of
from tests.brute_force import RUNPP
from tests.dispatch_nets import require_unchanged


def station(flipped: bool = False):
    """110 kV source, a transformer, a busbar with a load and a second feeder, a line to the part looked at.

    Buses: 0 source, 1 busbar, 2 second feeder, 3 begin of the part, 4 its end with all devices.
    """
    net = pp.create_empty_network(sn_mva=10.0)
    for kv in (110.0, 20.0, 20.0, 20.0, 20.0):
        pp.create_bus(net, kv, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0, vm_pu=1.01)
    pp.create_transformer_from_parameters(
        net, 0, 1, sn_mva=25.0, vn_hv_kv=110.0, vn_lv_kv=20.0, vkr_percent=0.5, vk_percent=10.0, pfe_kw=20.0,
        i0_percent=0.05, max_loading_percent=100.0,
    )  # fmt: skip
    ends = [(1, 2), (3, 1) if flipped else (1, 3), (3, 4)]
    for a, b in ends:
        pp.create_line_from_parameters(net, a, b, 3.0, 0.3, 0.3, 200.0, 0.2, max_loading_percent=100.0)
    for bus, p, q in ((1, 2.0, 0.5), (2, 1.0, 0.3), (3, 0.5, 0.2), (4, 1.0, 0.3)):
        pp.create_load(net, bus, p, q, controllable=False)
    pp.create_sgen(
        net, 4, 1.5, 0.0, sn_mva=1.6, controllable=True, min_p_mw=0.0, max_p_mw=1.5, min_q_mvar=-0.8, max_q_mvar=0.8
    )
    pp.create_storage(net, 4, 0.0, 1.0, soc_percent=50.0, min_e_mwh=0.1, min_p_mw=-0.4, max_p_mw=0.4, controllable=True)
    net.storage["efficiency_percent"] = 90.0
    return net


PROFILES = {("load", "p_mw"): {0: [2.0, 1.0], 1: [1.0, 1.0], 2: [0.5, 0.4], 3: [1.0, 0.7]}}


def box(net, **arguments):
    import pandas as pd

    profiles = {key: pd.DataFrame({i: v for i, v in table.items() if i in net.load.index})
                for key, table in PROFILES.items()}  # fmt: skip
    return adnflex.flexibility(net, profiles=profiles, hours_per_period=1.0, **arguments)


def cut_by_hand(net, bus: int, keep_lines: list[int], keep_buses: list[int]):
    """Only the part behind the coupling point, fed at `bus` at the voltage that the whole net has there."""
    pp.runpp(net, **RUNPP)
    vm = float(net.res_bus.at[bus, "vm_pu"])
    cut = deepcopy(net)
    cut.ext_grid.drop(cut.ext_grid.index, inplace=True)
    pp.create_ext_grid(cut, bus, vm_pu=vm)
    for table in ("load", "sgen", "storage"):
        gone = cut[table].index[~cut[table]["bus"].isin([b for b in keep_buses if b != bus])]
        cut[table].drop(gone, inplace=True)
    cut.line.drop(cut.line.index.difference(keep_lines), inplace=True)
    if bus != 0:
        cut.trafo.drop(cut.trafo.index, inplace=True)
    cut.bus.drop(cut.bus.index.difference(keep_buses), inplace=True)
    return cut


def same(found, expected) -> None:
    for kind in ("separable", "foresighted"):
        a, b = getattr(found, kind), getattr(expected, kind)
        np.testing.assert_allclose(a.total_mwh, b.total_mwh, rtol=1e-6)
    np.testing.assert_allclose(found.linear.bound, expected.linear.bound, rtol=1e-6)
    # the source's voltage is rounded to 1e-6 pu
    np.testing.assert_allclose(found.total_mwh, expected.total_mwh, rtol=1e-4)


@pytest.mark.parametrize("flipped", [False, True])
def test_at_a_line(flipped: bool) -> None:
    net = station(flipped)
    before = deepcopy(net)
    flex = box(net, pcc=("line", 1))
    require_unchanged(before, net)
    assert flex.pcc == "line 1"
    assert any("replaced by a source" in n for n in flex.notes)
    same(flex, box(cut_by_hand(station(flipped), 1, [1, 2], [1, 3, 4])))
    # pushed back into the whole net, the line carries what was asked for but for the voltage upstream
    applied = flex.apply(net, 0)
    pp.runpp(applied, **RUNPP)
    column = "p_to_mw" if flipped else "p_from_mw"
    middle = float((flex.lower_mw[0] + flex.upper_mw[0]) / 2)
    assert applied.res_line.at[1, column] == pytest.approx(middle, abs=2e-3)
    check = adnflex.validate(flex, net, trajectories=12, levels=3)
    assert check.passed, check.verdict


def test_at_a_transformer() -> None:
    net = station()
    flex = box(net, pcc=("trafo", 0))
    # everything hangs below it, and nothing else stands at its upper bus
    same(flex, box(net))
    assert flex.pcc == "trafo 0"


def test_at_a_transformer_whose_upper_bus_feeds_more() -> None:
    net = station()
    other = pp.create_bus(net, 110.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_line_from_parameters(net, 0, other, 5.0, 0.2, 0.4, 9.0, 0.5, max_loading_percent=100.0)
    pp.create_load(net, other, 20.0, 5.0)
    pp.create_load(net, 0, 3.0, 1.0)
    import pandas as pd

    profiles = {("load", "p_mw"): pd.DataFrame(PROFILES["load", "p_mw"] | {4: [20.0] * 2, 5: [3.0] * 2})}
    flex = adnflex.flexibility(net, pcc=("trafo", 0), profiles=profiles, hours_per_period=1.0)
    same(flex, box(station()))


def test_a_source_is_found_by_itself() -> None:
    assert coupling_of(station(), None).source == ("ext_grid", 0)
    net = station()
    net.ext_grid["in_service"] = False
    pp.create_gen(net, 0, 0.0, vm_pu=1.01, slack=True)
    assert coupling_of(net, None).source == ("gen", 0)
    assert coupling_of(net, ("gen", 0)).name == "gen 0"


def refused(net, pcc, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        coupling_of(net, pcc)
    assert all(w in str(caught.value) for w in words), str(caught.value)


def test_what_is_no_root() -> None:
    net = station()
    refused(net, ("line", 9), "line", "9", "has")
    refused(net, ("bus", 0), "bus", "ext_grid")
    refused(net, ("ext_grid", 3), "ext_grid", "3")
    refused(net, "trafo", "trafo")
    # a closed path past the line
    pp.create_line_from_parameters(net, 2, 3, 1.0, 0.3, 0.3, 0.0, 0.2)
    refused(net, ("line", 1), "line 1", "closed path", "alone")
    net.line.loc[3, "in_service"] = False
    assert coupling_of(net, ("line", 1)).name == "line 1"
    # open, by service or by a switch
    refused(net, ("line", 3), "line 3", "out of service", "carries")
    switch = pp.create_switch(net, 1, 1, et="l", closed=False)
    refused(net, ("line", 1), "line 1", "open")
    net.switch.loc[switch, "closed"] = True
    # both sides fed
    pp.create_ext_grid(net, 4)
    refused(net, ("line", 1), "line 1", "both", "source")
    refused(net, None, "2 sources", "ext_grid 0", "ext_grid 1")
    net.ext_grid["in_service"] = False
    refused(net, None, "0 sources", "none")
    refused(net, ("ext_grid", 0), "ext_grid 0", "out of service")


def test_parallel_transformers_are_a_closed_path() -> None:
    net = station()
    other = net.trafo.loc[[0]].copy()
    other.index = [1]
    import pandas as pd

    net.trafo = pd.concat([net.trafo, other])
    refused(net, ("trafo", 0), "trafo 0", "closed path")


def test_couplers_upstream_do_not_matter() -> None:
    # the upper bus fused with another one, from which the source feeds it
    net = station()
    bar = pp.create_bus(net, 110.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_switch(net, bar, 0, et="b", closed=True)
    net.ext_grid.loc[0, "bus"] = bar
    found = coupling_of(net, ("trafo", 0))
    assert found.source[0] == "ext_grid"
    assert not found.net.switch["closed"].any()
    same(box(net, pcc=("trafo", 0)), box(station()))
