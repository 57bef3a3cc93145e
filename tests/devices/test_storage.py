"""Storage against a mixed-integer program by hand, on a feeder that loses next to nothing."""

from __future__ import annotations

import os

import numpy as np
import pandapower as pp
import pandas as pd
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

import adnflex
from adnflex.errors import Infeasible

SOAK = float(os.environ.get("ADNFLEX_SOAK", "1"))


def feeder(load: float = 2.0, **storage: float):
    """Source, a line of a thousandth of an ohm, load and storage."""
    net = pp.create_empty_network(sn_mva=1.0)
    bus = [pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(2)]
    pp.create_ext_grid(net, bus[0])
    net.ext_grid["price_per_mwh"] = 1.0
    pp.create_line_from_parameters(net, *bus, 0.01, 0.1, 0.1, 0, 0.4, max_loading_percent=1000.0)
    pp.create_load(net, bus[1], load)
    data = {
        "min_p_mw": -1.0, "max_p_mw": 1.0, "min_e_mwh": 0.0, "max_e_mwh": 2.0, "soc_percent": 50.0,
        "efficiency_charge_percent": 90.0, "efficiency_discharge_percent": 95.0, "scaling": 1.0,
    } | storage  # fmt: skip
    pp.create_storage(net, bus[1], 0.0, data["max_e_mwh"], controllable=True)
    for column, value in data.items():
        net.storage[column] = value
    return net


def prices(buy, sell=None) -> dict:
    found = {("ext_grid", "price_per_mwh"): pd.DataFrame({0: buy})}
    if sell is not None:
        found["ext_grid", "sell_price_per_mwh"] = pd.DataFrame({0: sell})
    return found


def by_hand(net, buy, sell, hours: float) -> float:
    """Least cost without losses in the line; b says whether it charges, x whether the feeder imports."""
    s, load, n = net.storage.iloc[0], float(net.load.p_mw.sum()), len(buy)
    get = lambda c, d: float(s[c]) if c in s.index and pd.notna(s[c]) else d  # noqa: E731
    eta_c, eta_d = s.efficiency_charge_percent / 100, s.efficiency_discharge_percent / 100
    keep, wear = (1 - get("self_discharge_percent_per_hour", 0.0) / 100) ** hours, get("cost_per_mwh", 0.0)
    start = s.soc_percent / 100 * s.max_e_mwh
    end = get("terminal_soc_percent", s.soc_percent) / 100 * s.max_e_mwh
    c, d, b, buys, sells, x = (np.arange(n) + k * n for k in range(6))
    cost = np.zeros(6 * n)
    cost[c] = cost[d] = wear * hours
    cost[buys], cost[sells] = np.array(buy) * hours, -np.array(sell) * hours
    rows, low, high = [], [], []

    def add(entries, lo, hi):
        row = np.zeros(6 * n)
        for i, v in entries:
            row[i] += v
        rows.append(row), low.append(lo), high.append(hi)

    big = load + 10
    for t in range(n):
        add([(c[t], 1), (d[t], -1), (buys[t], -1), (sells[t], 1)], -load, -load)
        add([(c[t], 1), (b[t], -s.max_p_mw)], -np.inf, 0)
        add([(d[t], 1), (b[t], -s.min_p_mw)], -np.inf, -s.min_p_mw)
        add([(buys[t], 1), (x[t], -big)], -np.inf, 0)
        add([(sells[t], 1), (x[t], big)], -np.inf, big)
        gained = [(i[k], keep ** (t - k) * f * hours) for k in range(t + 1) for i, f in ((c, eta_c), (d, -1 / eta_d))]
        left = keep ** (t + 1) * start
        last = t == n - 1
        add(gained, (end if last else s.min_e_mwh) - left, (end if last else s.max_e_mwh) - left)
    integer = np.zeros(6 * n)
    integer[b] = integer[x] = 1
    upper = np.full(6 * n, np.inf)
    upper[b] = upper[x] = 1
    found = milp(cost, constraints=LinearConstraint(np.array(rows), low, high), integrality=integer,
                 bounds=Bounds(0, upper))  # fmt: skip
    return float(found.fun) if found.success else np.inf


def examine(net, buy, sell, hours: float):
    """Compare one dispatch with the program by hand; every line of the energy balance too."""
    plan = adnflex.dispatch(net, profiles=prices(buy, sell), hours_per_period=hours, gap=1e-6)
    wanted = by_hand(net, buy, buy if sell is None else sell, hours)
    # the line loses about 1e-5 of what flows
    assert plan.objective == pytest.approx(wanted, abs=1e-3 * np.abs(buy).max() * hours * len(buy))
    table, s = plan.storage, net.storage.iloc[0]
    c, d, e = (table[k, 0].to_numpy(dtype=float) for k in ("charge_mw", "discharge_mw", "e_mwh"))
    assert np.minimum(c, d).max() <= 1e-6
    assert c.max() <= s.max_p_mw + 1e-6
    assert d.max() <= -s.min_p_mw + 1e-6
    leak = s.get("self_discharge_percent_per_hour", 0.0)
    before = np.concatenate([[s.soc_percent / 100 * s.max_e_mwh], e[:-1]])
    gained = (s.efficiency_charge_percent / 100 * c - d / (s.efficiency_discharge_percent / 100)) * hours
    np.testing.assert_allclose(e, (1 - leak / 100) ** hours * before + gained, atol=1e-5)
    end = s.get("terminal_soc_percent", s.soc_percent) / 100 * s.max_e_mwh
    assert e[-1] == pytest.approx(end, abs=1e-4)
    assert e.min() >= s.min_e_mwh - 1e-4
    assert e.max() <= s.max_e_mwh + 1e-4
    check = adnflex.validate(plan, net)
    assert check.passed, check.verdict
    assert check.objective == pytest.approx(plan.objective, rel=1e-6, abs=1e-5)
    return plan


def test_one_cycle_by_hand():
    """Charge 1 MW at 10, discharge what is left at 100: 0.9 · 0.95 MWh come back."""
    plan = examine(feeder(soc_percent=0.0), [10.0, 100.0], None, 1.0)
    assert plan.objective == pytest.approx(10 * 3 + 100 * (2 - 0.9 * 0.95), rel=1e-4)


def test_the_scaling_of_the_table_is_minded():
    plan = examine(feeder(soc_percent=0.0, scaling=0.5), [10.0, 100.0], None, 1.0)
    assert plan.setpoints["storage", "p_mw", 0].iloc[0] == pytest.approx(2.0, abs=1e-4)
    assert plan.storage["charge_mw", 0].iloc[0] == pytest.approx(1.0, abs=1e-4)


def test_a_quarter_of_an_hour():
    examine(feeder(soc_percent=10.0), list(np.repeat([10.0, 100.0, 30.0, 60.0], 4)), None, 0.25)


def test_a_negative_price_burns_nothing_by_doing_both_at_once():
    """At -50 it would pay to charge and discharge at once; nobody can."""
    net = feeder(soc_percent=50.0, terminal_soc_percent=50.0)
    plan = examine(net, [-50.0, -50.0, -50.0, 20.0], None, 1.0)
    assert plan.bound <= plan.objective + 1e-6


@pytest.mark.parametrize("seed", range(int(6 * SOAK)))
def test_any_storage_at_any_prices(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    hours = float(rng.choice([0.25, 1.0, 2.0]))
    buy = rng.uniform(-40 if seed % 3 == 0 else 5, 120, n)
    sell = buy - rng.uniform(0, 30, n) if seed % 2 else None
    more = {"cost_per_mwh": float(rng.uniform(0, 10))} if rng.random() < 0.5 else {}
    if rng.random() < 0.5:
        more["self_discharge_percent_per_hour"] = float(rng.uniform(0, 3))
        more["terminal_soc_percent"] = 20.0
    net = feeder(
        load=float(rng.choice([0.3, 2.0])),
        soc_percent=float(rng.uniform(20, 60)),
        min_e_mwh=float(rng.uniform(0, 0.3)),
        min_p_mw=-float(rng.uniform(0.2, 1.5)),
        max_p_mw=float(rng.uniform(0.2, 1.5)),
        efficiency_charge_percent=float(rng.uniform(60, 100)),
        efficiency_discharge_percent=float(rng.uniform(60, 100)),
        **more,
    )
    if by_hand(net, buy, buy if sell is None else sell, hours) == np.inf:
        with pytest.raises(Infeasible):
            adnflex.dispatch(net, profiles=prices(buy, sell), hours_per_period=hours)
        return
    examine(net, buy, sell, hours)


def test_an_end_out_of_reach_is_infeasible():
    with pytest.raises(Infeasible) as caught:
        adnflex.dispatch(feeder(soc_percent=0.0, terminal_soc_percent=100.0), profiles=prices([1.0]),
                         hours_per_period=1.0)  # fmt: skip
    assert caught.value.proven


def test_the_inverter_keeps_to_its_circle():
    """1 MVA: what it charges is not there for reactive power, which the source must not deliver."""
    net = feeder(load=0.5, soc_percent=0.0, terminal_soc_percent=40.0, min_q_mvar=-1.0, max_q_mvar=1.0, sn_mva=1.0)
    net.load["q_mvar"] = 0.6
    net.ext_grid["min_q_mvar"], net.ext_grid["max_q_mvar"] = -1e-3, 1e-3
    plan = adnflex.dispatch(net, profiles=prices([10.0, 20.0]), hours_per_period=1.0, gap=1e-6)
    p = plan.storage["charge_mw", 0].to_numpy(dtype=float) - plan.storage["discharge_mw", 0].to_numpy(dtype=float)
    q = plan.setpoints["storage", "q_mvar", 0].to_numpy(dtype=float)
    # consumer sign: it delivers the 0.6 Mvar of the load, and 0.8 MW is all that is left to charge with
    np.testing.assert_allclose(q, -0.6, atol=2e-3)
    assert p[0] == pytest.approx(0.8, abs=2e-3)
    assert np.hypot(p, q).max() <= 1 + 1e-4
    assert adnflex.validate(plan, net).passed
