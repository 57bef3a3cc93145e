"""What makes tests quick changes nothing: copies of nets that were made once, questions to tables, types of columns.

A copy is the net, and no test sees what another did to its own.
"""

from __future__ import annotations

import inspect

import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest
from pandapower.auxiliary import pandapowerNet

from tests import quick
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


def rows(count: int, truth: object = bool) -> pd.DataFrame:
    table = pd.DataFrame({"in_service": [True, False, True][:count], "slack": [True, True, False][:count], "x": 1.0})
    return table.astype({"in_service": truth, "slack": bool})


@pytest.mark.parametrize("words", ["in_service", "slack & in_service", "in_service & (x == 1)"])
@pytest.mark.parametrize("table", [rows(3), rows(0), rows(2, object)])
def test_a_quick_answer_is_that_of_pandas(table, words):
    assert pd.DataFrame.query is quick.asked
    mine, theirs = table.query(words), quick._query(table, words)
    pd.testing.assert_frame_equal(mine, theirs)
    assert mine is not table


def test_columns_have_the_types_that_pandapower_gives_them(monkeypatch):
    def made() -> pandapowerNet:
        net = pp.create_empty_network()
        bus = pp.create_bus(net, 10.0, max_vm_pu=1.1)
        pp.create_load(net, bus, 1, controllable=True, scaling=2)
        pp.create_switch(net, bus, pp.create_bus(net, 10), et="b")
        return net

    assert pp.create._utils._preserve_dtypes is quick.preserved
    fast = made()
    monkeypatch.setattr("pandapower.create._utils._preserve_dtypes", quick._preserve)
    require_unchanged(made(), fast)
