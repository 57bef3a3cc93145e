"""The one push-back: what is asked stands in the copy, nothing else moves, what cannot be written is told at once."""

from __future__ import annotations

import copy

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest
from pandapower.toolbox import nets_equal

from adnflex.errors import InputError
from adnflex.grid import read_grid, switch_table
from adnflex.grid.write import PushBack, one_state, write
from adnflex.knobs import Limits
from tests.strategies import other_states, random_spec


def whole_net():
    """A net with integers, floats and bools to write to, under odd indices."""
    net = pn.create_cigre_network_mv(with_der="all")
    net.load.index = net.load.index + 7
    pp.create_shunt(net, 5, q_mvar=0.1, step=2, max_step=4, index=3)
    return net


def writable(net, rng, count):
    """Random places and values of each type that they may have."""
    found = {}
    for table in ("load", "sgen", "storage", "trafo", "shunt", "switch", "line", "ext_grid"):
        for column in ("p_mw", "q_mvar", "tap_pos", "step", "in_service", "closed", "vm_pu"):
            if column not in net[table] or not len(net[table]) or net[table][column].dtype.kind not in "iufb":
                continue
            for index in rng.choice(net[table].index, min(2, len(net[table])), replace=False).tolist():
                kind = net[table][column].dtype.kind
                value = {"f": float(rng.normal()), "b": bool(rng.integers(2))}.get(kind, float(rng.integers(-3, 4)))
                found[table, column, index] = value
    keys = list(found)
    return {keys[i]: found[keys[i]] for i in rng.permutation(len(keys))[:count]}


@pytest.mark.parametrize("seed", range(3))
def test_what_is_asked_is_all_that_changes(seed):
    net, rng = whole_net(), np.random.default_rng(seed)
    before, values = copy.deepcopy(net), writable(net, rng, 12)
    new = write(net, values)
    assert nets_equal(net, before)
    for (table, column, index), value in values.items():
        assert new[table].at[index, column] == value
        assert new[table][column].dtype == net[table][column].dtype
        new[table].loc[index, column] = net[table].at[index, column]
    assert nets_equal(new, before)
    # nothing is shared with the caller's net
    new.load["p_mw"] += 1.0
    new.bus["vn_kv"] *= 2.0
    assert nets_equal(net, before)


@pytest.mark.parametrize("seed", range(3))
def test_states_one_after_another_are_each_as_if_alone(seed):
    net, rng = whole_net(), np.random.default_rng(seed)
    keys = list(writable(net, rng, 8))
    rows = [{k: writable(net, rng, 99).get(k, np.nan) for k in keys} for _ in range(4)]
    states = pd.DataFrame([list(r.values()) for r in rows], columns=pd.MultiIndex.from_tuples(keys)).astype(float)
    push = PushBack(net, states)
    for label in (0, 3, 1, 3, 2):
        # what is left open is the net's own value, whatever stood there before
        alone = write(net, {k: v for k, v in states.loc[label].items() if v == v})
        assert nets_equal(push.at(label), alone)


@pytest.mark.parametrize("seed", range(4))
def test_topologies_one_after_another_are_each_as_if_alone(seed):
    net, rng = random_spec(seed).net(), np.random.default_rng(seed)
    grid = read_grid(net, limits=Limits((0.5, 1.5)))
    tables = [switch_table(grid, closed.tolist()) for closed in other_states(grid, rng, 3)]
    switches = pd.concat([t.assign(first_period=2 * k) for k, t in enumerate(tables)], ignore_index=True)
    periods = pd.DataFrame(index=pd.Index(range(6), name="period"), columns=pd.MultiIndex.from_arrays([[], [], []]))
    before, push = copy.deepcopy(net), PushBack(net, periods, switches)
    for period in (0, 5, 3, 1, 4):
        assert nets_equal(push.at(period), write(net, switches=tables[period // 2]))
        found = read_grid(push.new, limits=Limits((0.5, 1.5)))
        assert sorted(str(b) for b, on in zip(found.branches, found.closed, strict=True) if on) == sorted(
            str(b) for b, on in zip(grid.branches, _closed(grid, tables[period // 2]), strict=True) if on
        )
    assert nets_equal(net, before)


def _closed(grid, table):
    after = {(r.element, r.place): r.closed_after for r in table.rename(columns={"index": "place"}).itertuples()}
    return [True if b.decision is None else after[b.decision.element, b.decision.index] for b in grid.branches]


def test_a_bank_of_constant_reactive_power_is_a_generator_that_stands_in():
    net = whole_net()
    net.shunt.loc[3, "controllable"] = True
    push = PushBack(
        net, pd.DataFrame([[0.5], [-0.2]], columns=pd.MultiIndex.from_tuples([("constant_q", "q_mvar", 3)]))
    )
    for label, drawn in ((0, 0.5), (1, -0.2)):
        new = push.at(label)
        assert not new.shunt.at[3, "in_service"]
        assert len(new.sgen) == len(net.sgen) + 1
        assert new.sgen["q_mvar"].iloc[-1] == -drawn
        assert new.sgen["bus"].iloc[-1] == 5
    assert net.shunt.at[3, "in_service"]


def test_all_that_cannot_be_written_is_told_at_once():
    net = whole_net()
    before = copy.deepcopy(net)
    wrong = {
        ("load", "p_mw", 0): 1.0,
        ("load", "volts", 7): 1.0,
        ("lamp", "p_mw", 0): 1.0,
        ("load", "q_mvar", 8): np.inf,
        ("trafo", "tap_pos", 0): 1.4,
        ("load", "p_mw", 9): 0.2,
    }
    net.trafo["tap_pos"] = net.trafo["tap_pos"].fillna(0).astype("int64")
    before.trafo["tap_pos"] = net.trafo["tap_pos"]
    with pytest.raises(InputError) as error:
        write(net, wrong)
    text = str(error.value)
    for part in ("load 0 is not in the net", "net.load has no column volts", "net.lamp has no column p_mw",
                 "load 8: q_mvar is to be inf", "trafo 0: tap_pos is to be 1.4"):  # fmt: skip
        assert part in text
    assert "load 9" not in text
    assert nets_equal(net, before)
    switches = switch_table(read_grid(pn.case33bw()), [False] * 37).assign(index=lambda t: t["index"] + 100)
    with pytest.raises(InputError, match="line 100 is not in the net"):
        write(pn.case33bw(), switches=switches)


def test_a_state_of_nothing_is_the_net():
    net = pn.case33bw()
    assert nets_equal(write(net), net)
    assert one_state().shape == (1, 0)
