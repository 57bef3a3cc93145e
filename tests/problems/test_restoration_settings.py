"""Taps that may move and loads that may come back in part, against pandapower."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pandapower as pp
import pytest

import adnflex
from adnflex.cli.program import main
from adnflex.errors import InputError
from tests.problems.test_restoration import ring, tight_feeders


def behind_a_transformer(tap: int = 0) -> Any:
    """The ring behind a transformer with taps on its high side, at a voltage that is low at its far end."""
    net = ring()
    high = pp.create_bus(net, 110.0, min_vm_pu=0.9, max_vm_pu=1.1)
    net.ext_grid["bus"] = high
    pp.create_transformer(net, high, 0, "25 MVA 110/20 kV", tap_pos=tap)
    net.trafo["max_loading_percent"], net.trafo["tap_min"], net.trafo["tap_max"] = 100.0, -4, 2
    net.bus["min_vm_pu"] = 0.985
    return net


def test_the_tap_that_restores_is_found_and_is_the_nearest_one(tmp_path):
    net = behind_a_transformer()
    fixed = adnflex.restore(net, ("line", 0))
    assert (fixed.restored_mw, fixed.limiting["kind"].iloc[0]) == (0.0, "voltage low")
    found = adnflex.restore(net, ("line", 0), taps=[0])
    assert (found.restored_mw, found.status) == (3.0, "optimal")
    assert adnflex.validate(found, net).passed
    position = int(found.moves["after"].iloc[0])
    assert found.actions == f"tap of trafo 0 to {position}, close line 6"
    for p in range(position + 1, 1):  # what is nearer does not do
        nearer = found.apply(net)
        nearer.trafo["tap_pos"] = p
        pp.runpp(nearer)
        assert nearer.res_bus.vm_pu.min() < 0.985
    found.save(tmp_path / "found.json")
    kept = adnflex.load(tmp_path / "found.json")
    assert adnflex.validate(kept, net).passed
    assert "tap of trafo 0" in adnflex.report(kept, adnflex.validate(kept, net), tmp_path / "a.html").read_text()


def test_a_tap_that_need_not_move_stays_and_time_that_is_over_is_said():
    net = behind_a_transformer(tap=-3)
    assert adnflex.restore(net, ("line", 0), taps=[0]).moves.empty
    late = adnflex.restore(behind_a_transformer(), ("line", 0), taps=[0], time_limit=1e-9)
    assert late.status == "time_limit"
    assert late.bound_mw == pytest.approx(3.0)


def test_as_much_of_a_load_comes_back_as_the_tie_carries():
    net = ring()
    net.line.loc[6, "max_i_ka"] = 0.075
    whole = adnflex.restore(net, ("line", 0))
    found = adnflex.restore(net, ("line", 0), curtailable=[1])
    assert whole.restored_mw < found.restored_mw < 3.0
    assert adnflex.validate(found, net).passed
    low, high = 0.0, 1.0
    state = found.apply(net)
    p, q = (float(net.load.at[1, c]) for c in ("p_mw", "q_mvar"))
    for _ in range(25):
        share = (low + high) / 2
        state.load.loc[1, ["p_mw", "q_mvar"]] = share * p, share * q
        pp.runpp(state)
        low, high = (share, high) if state.res_line.loading_percent[6] <= 100.0 else (low, share)
    assert found.restored_mw == pytest.approx(2.0 + low, abs=1e-5)
    assert found.curtailed.index.tolist() == [1]
    assert found.bound_mw == pytest.approx(found.restored_mw, abs=1e-4)


@pytest.mark.parametrize("seed", [2])
def test_loads_in_part_restore_no_less_within_the_bound_and_priority_counts(seed):
    net = tight_feeders(seed)
    alone = adnflex.restore(net, ("line", 0))
    found = adnflex.restore(net, ("line", 0), curtailable="all")
    assert alone.restored_mw < found.restored_mw <= found.bound_mw + 1e-9
    assert (found.status, found.operations <= 3) == ("optimal", True)
    assert adnflex.validate(found, net).passed
    dear = deepcopy(net)
    dear.load["priority"] = 1.0
    dear.load.loc[found.curtailed["left_out_mw"].idxmax(), "priority"] = 50.0
    other = adnflex.restore(dear, ("line", 0), curtailable="all")
    assert other.curtailed["left_out_mw"].get(found.curtailed["left_out_mw"].idxmax(), 0.0) < 1e-3
    assert adnflex.validate(other, dear).passed


def test_what_cannot_be_set_is_refused_by_name(tmp_path):
    net = ring()
    net.load["const_z_p_percent"] = 0.0
    net.load.loc[2, "const_z_p_percent"] = 30.0
    with pytest.raises(InputError) as refused:
        adnflex.restore(net, ("line", 0), taps=[7], curtailable=[2, 99])
    for words in ("trafo 7 has no tap_min", "load 2 depends on the voltage", "load 99 is not in net.load"):
        assert words in str(refused.value)
    pp.to_json(tight_feeders(2), str(tmp_path / "net.json"))
    assert main(["restore", str(tmp_path / "net.json"), "--outage", "line 0", "--curtailable", "all", "--quiet"]) == 0
