"""One measurement for all: states run in a row, side by side or alone say the same; limits are compared once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest

from adnflex.grid.ac import run_ac
from adnflex.grid.write import one_state, write
from adnflex.knobs import Limits
from adnflex.powerflow import compare, limits_of, measure
from adnflex.powerflow.verdict import flaw, violated


def states(net, count: int, seed: int) -> pd.DataFrame:
    """Random powers; every fifth state moves a voltage as well, which no matrix is kept for."""
    rng = np.random.default_rng(seed)
    columns = [("load", "p_mw", int(i)) for i in net.load.index] + [("ext_grid", "vm_pu", 0)]
    values = np.column_stack(
        [rng.uniform(0, 1.4, (count, len(net.load))) * net.load["p_mw"].to_numpy(), np.ones(count)]
    )
    values[::5, -1] = 1.02
    return pd.DataFrame(values, pd.RangeIndex(count, name="period"), pd.MultiIndex.from_tuples(columns))


def dependent(net):
    for column in ("const_z_p_percent", "const_z_q_percent"):
        net.load[column] = 40.0
    return net


@pytest.mark.parametrize("make", [pn.case33bw, lambda: dependent(pn.case33bw()), pn.create_cigre_network_mv])
def test_states_in_a_row_are_those_of_a_run_of_each_alone(make):
    net = make()
    table = states(net, 12, 3)
    found = measure(net, table)
    assert found.converged.all()
    for label in table.index:
        alone = write(net, table.loc[label])
        assert run_ac(alone)
        np.testing.assert_allclose(found.vm_pu.loc[label], alone.res_bus["vm_pu"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(
            found.losses_mw[label], alone.res_line["pl_mw"].sum() + alone.res_trafo.pl_mw.sum(), atol=1e-8
        )
        assert found.sources.loc[label, ("ext_grid", 0, "p_mw")] == pytest.approx(alone.res_ext_grid.p_mw[0], abs=1e-8)
    with ThreadPoolExecutor(2) as executor:
        beside = measure(net, table, executor=executor)
    np.testing.assert_allclose(found.vm_pu, beside.vm_pu, rtol=0, atol=1e-9)


def test_a_state_without_a_solution_says_nothing_and_spoils_no_other():
    net = pn.case33bw()
    table = states(net, 4, 1)
    table.iloc[1, :32] = 50.0
    found = measure(net, table)
    assert found.converged.tolist() == [True, False, True, True]
    assert found.vm_pu.loc[1].isna().all()
    assert np.isnan(found.losses_mw[1])
    np.testing.assert_allclose(found.vm_pu.loc[2], measure(net, table.loc[[2]]).vm_pu.loc[2], atol=1e-9)
    judged = compare(found, limits_of(net, Limits((0.9, 1.1))))
    assert 1 not in set(judged.violations["period"])
    assert flaw(found).startswith("AC power flow does not converge in period 1, so the plan is neither")


def by_hand(net, vm_limits, labels, found):
    """All violations of all states, counted one by one."""
    rows = set()
    for label in labels:
        for bus in net.bus.index.drop(0):
            v = found.vm_pu.at[label, bus]
            rows |= {(label, "voltage low", bus)} if v < vm_limits[0] - 1e-6 else set()
            rows |= {(label, "voltage high", bus)} if v > vm_limits[1] + 1e-6 else set()
        for i in net.line.index[net.line["in_service"]]:
            if found.loading_percent.at[label, ("line", i)] > net.line.at[i, "max_loading_percent"] + 1e-3:
                rows.add((label, "loading", i))
    return rows


def test_the_comparison_finds_what_counting_finds():
    net = pn.case33bw()
    net.line["max_i_ka"] = 0.2
    net.line["max_loading_percent"] = 60.0
    table = states(net, 6, 2)
    found = measure(net, table)
    judged = compare(found, limits_of(net, Limits((0.95, 1.015))))
    rows = judged.violations
    assert set(zip(rows["period"], rows["kind"], rows["index"], strict=True)) == by_hand(
        net, (0.95, 1.015), table.index, found
    )
    assert (rows["excess"] > 0).all()
    worst = judged.limits.set_index("kind")
    assert worst.at["voltage low", "value"] == found.vm_pu.drop(columns=0).to_numpy().min()
    assert worst.at["voltage low", "checked"] == 6 * 32
    assert worst.at["loading", "checked"] == 6 * 32
    assert worst.at["loading", "margin"] == pytest.approx(60.0 - np.nanmax(found.loading_percent.to_numpy()))
    share = rows["excess"] / rows["limit"]
    first = rows.loc[share.idxmax()]
    assert violated(rows).startswith(f"{len(rows)} limits violated; worst: {first['kind']} at {first['element']} ")
    assert f"in period {first['period']}," in violated(rows)


def test_the_net_is_left_alone_and_one_state_has_no_label():
    net = pn.case33bw()
    before = net.load.copy()
    judged = compare(measure(net, one_state()), limits_of(net, Limits((0.95, 1.05))))
    pd.testing.assert_frame_equal(net.load, before)
    assert list(judged.violations.columns) == ["kind", "element", "index", "value", "limit", "excess", "unit"]
    assert not len(net.res_bus)


def test_sources_are_compared_with_their_own_limits():
    net = pn.case33bw()
    limits = limits_of(net, Limits((0.8, 1.2)))
    sources = pd.DataFrame(
        [(0.0, 3.9, -np.inf, 2.0)], index=pd.MultiIndex.from_tuples([("ext_grid", 0)]),
        columns=["min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar"],
    )  # fmt: skip
    from dataclasses import replace

    judged = compare(measure(net, one_state()), replace(limits, sources=sources))
    pp.runpp(net, numba=False)
    excess = judged.violations.set_index("kind")["excess"]
    assert excess["import high"] == pytest.approx(net.res_ext_grid.p_mw[0] - 3.9, abs=1e-6)
    assert excess["reactive import high"] == pytest.approx(net.res_ext_grid.q_mvar[0] - 2.0, abs=1e-6)
    assert set(judged.limits["kind"]) >= {"import low", "import high", "reactive import high"}
    assert "reactive import low" not in set(judged.limits["kind"])
