"""Tests work on copies of nets that were made once: a copy is the net, and none sees what a test did to its own."""

from __future__ import annotations

import inspect

import pandapower as pp
import pandapower.networks as pn
import pytest
from pandapower.auxiliary import pandapowerNet

from tests.dispatch_nets import require_unchanged

KEPT = [pp.create_empty_network, pn.case33bw, pn.mv_oberrhein, pn.create_cigre_network_mv]


@pytest.mark.parametrize("function", KEPT)
def test_a_copy_is_the_net_whatever_was_done_to_another_one(function):
    spoilt = function()
    spoilt["name"] = "another"
    spoilt.bus.loc[999, "vn_kv"] = 1.0
    spoilt.std_types["line"].clear()
    fresh, copied = inspect.unwrap(function)(), function()
    assert fresh is not copied
    assert isinstance(copied, pandapowerNet)
    for net in (fresh, copied):
        net.pop("_ppc", None)  # of power flow, with its seconds
    require_unchanged(fresh, copied)
    tables = [name for name, table in fresh.items() if hasattr(table, "dtypes")]
    assert [fresh[name].dtypes.to_dict() for name in tables] == [copied[name].dtypes.to_dict() for name in tables]


def test_other_arguments_make_another_net():
    assert pp.create_empty_network(sn_mva=10.0).sn_mva == 10.0
    assert pp.create_empty_network().sn_mva == 1.0
