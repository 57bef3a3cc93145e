"""A day of dispatch recomputed from the pushed-back nets, by code that shares nothing with the package.

Only pandapower runs here: each hour of the plan as a net, and the prices and series as the case's own tables have them.
"""

from __future__ import annotations

import numpy as np
import pandapower as pp
import pandas as pd
import pytest
from pandapower.timeseries import OutputWriter, run_timeseries

import adnflex


@pytest.fixture(scope="module")
def day():
    """The heaviest study of the case: tap changer, banks, compensators, storages and vehicles all act."""
    net = adnflex.networks.study(adnflex.networks.load("ieee33_dispatch"), "3-heavy")
    plan = adnflex.dispatch(net)
    nets = []
    for hour in range(24):
        new = plan.apply(net, hour)
        pp.runpp(new, numba=False, tolerance_mva=1e-9)
        nets.append(new)
    return net, plan, adnflex.validate(plan, net), nets


def of(nets, table: str, column: str, index) -> np.ndarray:
    return np.array([new[table].at[index, column] for new in nets])


def carried(nets) -> pd.DataFrame:
    return pd.DataFrame([new.res_line.i_ka for new in nets]).reset_index(drop=True)


def prices(net) -> np.ndarray:
    return net.ext_grid.price_per_mwh[0] * net.profiles["ext_grid"]["mains_price"].to_numpy()


def before(net) -> np.ndarray:
    row = net.load.loc[32]
    return row.p_mw * row.scaling * net.profiles["load"][f"{row.profile}_pload"].to_numpy()


def moves(values, first) -> int:
    return int(np.count_nonzero(np.diff(values, prepend=first)))


def test_devices_act_in_this_study(day):
    net, _, _, nets = day
    assert moves(of(nets, "ext_grid", "tap_pos", 0), net.ext_grid.tap_pos[0]) > 0
    assert any(moves(of(nets, "shunt", "step", i), 0) for i in (0, 1))
    assert np.abs([of(nets, "sgen", "q_mvar", i) for i in net.sgen.index[net.sgen.type == "svc"]]).max() > 0.1


def test_import_losses_and_carbon(day):
    net, plan, check, nets = day
    imported = np.array([new.res_ext_grid.p_mw[0] for new in nets])
    lost = np.array([new.res_line.pl_mw.sum() for new in nets])
    assert plan.energy.at["imported", "mwh"] == pytest.approx(imported.sum(), abs=1e-5)
    assert plan.energy.at["losses", "mwh"] == pytest.approx(lost.sum(), abs=1e-5)
    assert plan.carbon_kg == pytest.approx(net.ext_grid.co2_kg_per_mwh[0] * imported.sum(), abs=1e-2)
    costs = check.costs["cost"]
    assert costs["purchase"] == pytest.approx(prices(net) @ imported, abs=1e-2)
    assert costs["losses"] == pytest.approx(500.0 * lost.sum(), abs=1e-2)
    assert costs["carbon"] == pytest.approx(0.048 * net.ext_grid.co2_kg_per_mwh[0] * imported.sum(), abs=1e-2)


def test_every_other_item_and_the_sum(day):
    net, plan, check, nets = day
    sites = net.sgen.index[net.sgen.in_service]
    made = sum(net.sgen.cost_per_mwh[i] * (of(nets, "sgen", "p_mw", i) * net.sgen.scaling[i]).sum() for i in sites)
    svcs = sum(net.sgen.cost_per_mvarh[i] * np.abs(of(nets, "sgen", "q_mvar", i)).sum() for i in sites)
    stored = sum(net.storage.cost_per_mwh[i] * np.abs(of(nets, "storage", "p_mw", i)).sum() for i in net.storage.index)
    banks = sum(100.0 * 0.1 * of(nets, "shunt", "step", i).sum() for i in net.shunt.index)
    taps = 200.0 * moves(of(nets, "ext_grid", "tap_pos", 0), net.ext_grid.tap_pos[0])
    left, alone = of(nets, "load", "p_mw", 32) * net.load.scaling[32], before(net)
    block = slice(18, 21)
    # a block keeps its energy, so that what is missing was reduced
    reduced = 400.0 * (alone - left).sum()
    moved = 300.0 * 0.4 * alone[block].sum() if np.all(left[block] < alone[block] - 1e-9) else 0.0
    items = {"generation": made, "reactive sources": svcs, "storage": stored, "capacitors": banks, "tap moves": taps,
             "EV transfer": moved, "EV reduction": reduced}  # fmt: skip
    costs = check.costs["cost"]
    for item, value in items.items():
        assert costs.get(item, 0.0) == pytest.approx(value, abs=0.05), item
    network = costs[["purchase", "losses", "carbon"]].sum()
    assert check.objective == pytest.approx(network + sum(items.values()), abs=0.1)
    assert plan.objective == pytest.approx(check.objective, rel=1e-5)


def test_currents_and_voltages(day):
    _, plan, check, nets = day
    table = carried(nets).loc[:, nets[0].line.in_service]
    for found in (plan.i_ka, check.i_ka):
        assert np.allclose(found[[("line", i) for i in table.columns]].to_numpy(), table.to_numpy(), atol=1e-6)
    v = pd.DataFrame([new.res_bus.vm_pu for new in nets]).to_numpy()
    assert np.allclose(check.vm_pu.to_numpy(), v, atol=1e-7)
    assert v.min() >= 0.94 - 1e-6
    assert v.max() <= 1.06 + 1e-6


def test_loads_and_banks_of_the_tables(day):
    _, plan, _, nets = day
    drawn = sum(new.res_load.p_mw.sum() for new in nets)
    assert plan.load_mw.to_numpy().sum() == pytest.approx(drawn, abs=1e-6)
    assert plan.load_mvar.to_numpy().sum() == pytest.approx(sum(new.res_load.q_mvar.sum() for new in nets), abs=1e-6)
    for i in plan.bank_mvar.columns:
        assert np.allclose(plan.bank_mvar[i], 0.1 * of(nets, "shunt", "step", i), atol=1e-9)


def test_the_time_series_runs_every_hour_with_its_taps_and_steps(day):
    net, plan, _, nets = day
    series = plan.to_timeseries(net)
    out = OutputWriter(series, time_steps=plan.periods, log_variables=[("res_bus", "vm_pu"), ("res_line", "i_ka")])
    run_timeseries(series, plan.periods, verbose=False, numba=False, tolerance_mva=1e-9)
    v = pd.DataFrame([new.res_bus.vm_pu for new in nets]).to_numpy()
    assert np.allclose(out.output["res_bus.vm_pu"].to_numpy(), v, atol=1e-8)
    assert np.allclose(out.output["res_line.i_ka"].to_numpy(), carried(nets).to_numpy(), atol=1e-7, equal_nan=True)


def test_what_pandapower_cannot_hold_is_named(day):
    _, plan, _, _ = day
    assert any("shunt 0, 1" in note and "constant_q" in note for note in plan.notes), plan.notes
