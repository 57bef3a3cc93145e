"""Cases made to break the relaxation: high infeed at the upper voltage limit (`benchmarks.md`)."""

from __future__ import annotations

import os

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pytest
from scipy.optimize import minimize

import adnflex
from adnflex.errors import Infeasible
from tests.brute_force import RUNPP

SOAK = float(os.environ.get("ADNFLEX_SOAK", "1"))
PLANTS = {17: 2.0, 21: 1.0, 24: 1.0, 32: 2.0}


def feeder(load: float = 1.0, controllable: bool = True):
    net = pn.case33bw()
    net.poly_cost = net.poly_cost.iloc[:0]
    net.load["scaling"] = load
    for bus, p in PLANTS.items():
        pp.create_sgen(net, bus, p, controllable=controllable, min_p_mw=0.0)
    for column, value in {"price_per_mwh": 1.0, "min_p_mw": -100.0, "max_p_mw": 100.0,
                          "min_q_mvar": -100.0, "max_q_mvar": 100.0}.items():  # fmt: skip
        net.ext_grid[column] = value
    return net


@pytest.mark.parametrize(("load", "exported", "plain"), [(1.0, 1.6357, 1.788), (0.3, 3.0442, 3.729)])
def test_curtailable_infeed_is_recovered(load, exported, plain):
    net = feeder(load)
    plan = adnflex.dispatch(net, vm_limits=(0.9, 1.05))
    assert plan.objective == pytest.approx(-exported, abs=2e-3)
    assert plan.energy.at["exported", "mwh"] == pytest.approx(exported, abs=2e-3)
    assert not plan.tight
    assert plan.status == "gap"
    row = plan.recovery.iloc[0]
    assert row["method"] != "none needed"
    assert row["gap"] > 0.1
    assert row["invented_kw"] > 10
    # a bound that holds, and is no worse than that of the plain relaxation
    assert -plain - 2e-3 <= plan.bound <= -exported + 1e-4
    check = adnflex.validate(plan, net)
    assert check.passed, check.verdict
    assert check.periods["vm_max_pu"].max() == pytest.approx(1.05, abs=1e-5)
    assert check.certificate == pytest.approx((check.objective - plan.bound) / abs(check.objective), abs=1e-6)


def test_the_exact_equations_close_the_gap():
    net = feeder()
    plan = adnflex.dispatch(net, vm_limits=(0.9, 1.05), exact=True)
    assert (plan.status, plan.gap <= 1e-3) == ("optimal", True)
    assert plan.objective == pytest.approx(-1.6357, abs=2e-3)
    assert plan.bound <= -1.6357 + 1e-4
    assert adnflex.validate(plan, net).passed


@pytest.mark.parametrize("load", [1.0, 0.3])
def test_must_take_infeed_is_infeasible(load):
    with pytest.raises(Infeasible):
        adnflex.dispatch(feeder(load, controllable=False), vm_limits=(0.9, 1.05))


@pytest.mark.skipif(SOAK < 2, reason="minutes; ADNFLEX_SOAK=2 and more")
def test_with_switching():
    net = feeder()
    plan = adnflex.dispatch(net, vm_limits=(0.9, 1.05), windows=None, switchable_lines=list(net.line.index))
    assert plan.objective == pytest.approx(-2.0398, abs=3e-3)
    opened = plan.switches.loc[~plan.switches["closed_after"].astype(bool), "index"]
    assert sorted(opened + 1) == [3, 9, 26, 35, 36]
    assert adnflex.validate(plan, net).passed


# -------------------------------------- what a search over power flows finds


def small(rng: np.random.Generator):
    """Two plants that may be curtailed, with or without reactive power, on a weak feeder."""
    net = pp.create_empty_network(sn_mva=1.0)
    bus = [pp.create_bus(net, 20.0) for _ in range(4)]
    pp.create_ext_grid(net, bus[0], vm_pu=float(rng.uniform(1.0, 1.03)))
    for a, b in ((0, 1), (1, 2), (3, 1)):
        pp.create_line_from_parameters(net, bus[a], bus[b], float(rng.uniform(2, 6)), 0.4, 0.3,
                                       float(rng.choice([0.0, 250.0])), 0.3, max_loading_percent=100.0)  # fmt: skip
    for b in bus[1:]:
        pp.create_load(net, b, float(rng.uniform(0.1, 1.0)), float(rng.uniform(0, 0.3)))
    reactive = rng.random() < 0.5
    for b in (bus[2], bus[3]):
        limits = {"min_q_mvar": -0.8, "max_q_mvar": 0.5, "sn_mva": 3.2} if reactive else {}
        pp.create_sgen(net, b, float(rng.uniform(1.5, 3)), controllable=True, min_p_mw=0.0, **limits)
    net.sgen["cost_per_mvarh"] = float(rng.choice([0.0, 2.0]))
    net.sgen["cost_per_mwh"] = float(rng.choice([0.0, 5.0]))
    if reactive and rng.random() < 0.5:
        net.sgen["min_cos_phi"] = 0.95
    net.ext_grid["price_per_mwh"] = float(rng.uniform(20, 80))
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 0.95, float(rng.uniform(1.04, 1.06))
    return net, reactive


def searched(net, reactive: bool, starts: list[np.ndarray]) -> float:
    """Least cost that a local search over power flows finds from some points; every answer is feasible."""
    available = net.sgen.p_mw.to_numpy(copy=True)
    n = len(available)
    price, own = float(net.ext_grid.price_per_mwh[0]), float(net.sgen.cost_per_mwh[0])
    reactive_price = float(net.sgen.cost_per_mvarh[0])
    best = [np.inf]

    def run(x: np.ndarray) -> tuple[float, np.ndarray]:
        p = np.clip(x[:n], 0, available)
        q = x[n:] if reactive else np.zeros(n)
        net.sgen["p_mw"], net.sgen["q_mvar"] = p, q
        pp.runpp(net, **RUNPP)
        vm = net.res_bus.vm_pu.to_numpy()[1:]
        room = [1.0 * (net.bus.max_vm_pu[0] - vm), vm - 0.95, (100 - net.res_line.loading_percent.to_numpy()) / 100]
        if reactive:
            room.append((3.2**2 - p**2 - q**2) / 10)
            if "min_cos_phi" in net.sgen.columns:
                room.append(np.tan(np.arccos(0.95)) * p - np.abs(q))
        room = np.concatenate(room)
        cost = price * net.res_ext_grid.p_mw[0] + own * p.sum() + reactive_price * np.abs(q).sum()
        if room.min() >= -1e-9:
            best[0] = min(best[0], cost)
        return cost, room

    memory: dict[bytes, tuple[float, np.ndarray]] = {}

    def known(x: np.ndarray) -> tuple[float, np.ndarray]:
        key = np.round(x, 12).tobytes()
        if key not in memory:
            memory[key] = run(x)
        return memory[key]

    bounds = [(0, a) for a in available] + ([(-0.8, 0.5)] * n if reactive else [])
    for x in starts:
        minimize(lambda x: known(x)[0], x, bounds=bounds, method="SLSQP", options={"maxiter": 15, "ftol": 1e-7},
                 constraints={"type": "ineq", "fun": lambda x: known(x)[1] - 1e-7})  # fmt: skip
    net.sgen["p_mw"], net.sgen["q_mvar"] = available, 0.0
    return best[0]


@pytest.mark.parametrize("seed", range(int(4 * SOAK)))
def test_nothing_found_by_search_beats_the_bound(seed):
    rng = np.random.default_rng(seed)
    net, reactive = small(rng)
    plan = adnflex.dispatch(net, gap=1e-5)
    check = adnflex.validate(plan, net)
    assert check.passed, check.verdict
    assert check.objective == pytest.approx(plan.objective, rel=1e-5)
    at = plan.generation["p_mw"].iloc[0].to_numpy(dtype=float), plan.generation["q_mvar"].iloc[0].to_numpy(dtype=float)
    starts = [np.concatenate(at if reactive else at[:1]), np.zeros(4 if reactive else 2)]
    best = searched(net, reactive, starts)
    assert plan.bound <= best + 1e-5 * abs(best)
    # a better local answer than the recovered one may exist, but not by much
    assert plan.objective <= best + max(1e-3, plan.gap) * abs(best)
