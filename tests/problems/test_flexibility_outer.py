"""No dispatch that AC power flow can follow, whatever it knew beforehand, leaves the bound of the useful width.

Feeders are drawn at random, and so are dispatches of all their devices, burning and cycling among them. Whether one
keeps every limit is found by the devices' own numbers and a backward and forward sweep of its own; what it makes of the
import is loads and devices, less what its storages burn.
"""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings

import adnflex
from adnflex import networks
from adnflex.errors import Infeasible
from adnflex.knobs import Horizon
from adnflex.problems.flexibility.study import read_flexibility_study
from adnflex.problems.flexibility.useful import without_network
from adnflex.problems.flexibility.wishes import Wishes
from tests.flexibility_nets import Feeder, FlexSpec, flex_specs, withdrawals


def kept(feeder: Feeder, p: np.ndarray, q: np.ndarray) -> bool:
    """Whether power flow of withdrawals (T, n) keeps voltages, ratings and the limits of the import."""
    graph = nx.Graph()
    graph.add_edges_from((s.start, s.end, {"line": s}) for k, s in enumerate(feeder.lines) if k not in feeder.open)
    order = list(nx.bfs_edges(graph, 0))
    s = feeder.load_p + p + 1j * (feeder.load_q + q)
    v = np.ones(s.shape, dtype=complex)
    for _ in range(60):
        i = np.conj(s / v)
        for parent, child in reversed(order):
            i[:, parent] += i[:, child]
        before = v.copy()
        for parent, child in order:
            line = graph.edges[parent, child]["line"]
            v[:, child] = v[:, parent] - (line.r + 1j * line.x) * i[:, child]
        if np.abs(v - before).max() < 1e-12:
            break
    else:
        return False
    if np.abs(v).min() < feeder.v_min or np.abs(v).max() > feeder.v_max:
        return False
    low, high = feeder.import_limits or (-math.inf, math.inf)
    if (i[:, 0].real < low).any() or (i[:, 0].real > high).any():
        return False
    return all(np.abs(i[:, c]).max() <= graph.edges[a, c]["line"].rating for a, c in order)


def drawn(feeder: Feeder, base: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, float]:
    """Return set-points of all devices and the energy that their storages burn [MWh]."""
    found, burnt, t = base.copy(), 0.0, feeder.periods
    lean = rng.choice([-1.0, 0.0, 1.0])
    for k, sun in enumerate(feeder.suns):
        part = np.clip(rng.uniform(0, 1, t) + lean * rng.choice([0.0, 1.0]), 0, 1)
        p = (1 - part) * np.array(sun.available)
        found["sgen", "p_mw", k] = p / sun.scaling
        if not math.isnan(sun.q):
            room = np.minimum(np.sqrt(np.maximum(sun.rating**2 - p**2, 0.0)), sun.q)
            found["sgen", "q_mvar", k] = room * rng.choice([-1, 0, 1], t) / sun.scaling
    for k, b in enumerate(feeder.batteries):
        level, powers, kept_share = b.e_start, [], b.keep**feeder.hours
        for _ in range(t):
            left = kept_share * level
            most = min(b.charge, (b.e_max - left) / (b.charging * feeder.hours))
            need = (b.e_min - left) / feeder.hours  # what leaked has to come back
            least = max(-b.discharge, need / b.charging if need > 0 else need * b.discharging)
            x = float(np.clip(rng.uniform(least, most) + lean * rng.choice([0.0, 9.0, -9.0]), least, most))
            level = left + feeder.hours * (b.charging * x if x > 0 else x / b.discharging)
            powers.append(x)
        found["storage", "p_mw", k] = np.array(powers) / b.scaling
        burnt += sum(powers) * feeder.hours - (level - b.e_start)
    first = feeder.nodes - 1
    for k, d in enumerate(feeder.bendables):
        p = np.array(d.wanted) if d.keep_energy else np.clip(rng.uniform(d.low, d.high, t) + lean, d.low, d.high)
        found["load", "p_mw", first + k], found["load", "q_mvar", first + k] = p, d.slope * p
    return found, burnt


def sampled(feeder: Feeder, flex: adnflex.Flexibility, count: int) -> np.ndarray:
    """Return what dispatches that keep every limit make of the import, over the horizon [MWh]."""
    rng, found = np.random.default_rng(1), []
    for _ in range(count):
        share = float(rng.choice([0.0, 0.5, 1.0]))
        base = (1 - share) * flex.setpoints_lower + share * flex.setpoints_upper
        setpoints, burnt = drawn(feeder, base, rng)
        p, q, broken = withdrawals(feeder, setpoints)
        if broken <= 1e-9 and kept(feeder, p, q):
            found.append(float((feeder.load_p + p).sum() * feeder.hours - burnt))
    return np.array(found)


@settings(max_examples=6, deadline=None)
@given(flex_specs())
def test_no_dispatch_leaves_the_bound(spec: FlexSpec) -> None:
    feeder = spec.feeder()
    try:
        flex = adnflex.flexibility(feeder.net(), **feeder.arguments)
    except Infeasible:
        return
    assert flex.useful_mwh <= flex.outer_mwh * (1 + 1e-6) + 1e-9
    if feeder.import_limits is not None:
        assert flex.lower_mw.min() >= feeder.import_limits[0] - 1e-5
        assert flex.upper_mw.max() <= feeder.import_limits[1] + 1e-5
    values = sampled(feeder, flex, 50)
    if len(values):
        assert np.ptp(values) <= flex.outer_mwh + 1e-7


@settings(max_examples=8, deadline=None)
@example(FlexSpec(seed=0, periods=3, sun=False, reactive=False, leaking=True))  # empty and leaking: it has to charge
@given(flex_specs())
def test_without_a_network_no_dispatch_makes_more(spec: FlexSpec) -> None:
    """The devices' own bound holds whatever they do, and for any weights; a feeder without limits comes near it."""
    feeder = spec.feeder()
    if feeder.garages:
        return
    asked = feeder.arguments
    study = read_flexibility_study(feeder.net(), Wishes(), Horizon(asked["profiles"], hours_per_period=feeder.hours))
    rng, base = np.random.default_rng(spec.seed), pd.DataFrame(index=range(feeder.periods))
    weights = rng.uniform(0.0, 2.0, feeder.periods)
    made = [_made(feeder, drawn(feeder, base, rng)[0]) for _ in range(40)]
    for w in (np.ones(feeder.periods), weights):
        values = np.array([float(w @ m) * feeder.hours for m in made])
        assert np.ptp(values) <= without_network(study, w) + 1e-9


def _made(feeder: Feeder, setpoints: pd.DataFrame) -> np.ndarray:
    """What devices draw less what their storages burn, by period [MW]."""
    p, _, _ = withdrawals(feeder, setpoints)
    made = p.sum(axis=1)
    for k, b in enumerate(feeder.batteries):
        power = setpoints["storage", "p_mw", k].to_numpy() * b.scaling
        level = [b.e_start]
        for x in power.tolist():
            stored = b.charging * x if x > 0 else x / b.discharging
            level.append(b.keep**feeder.hours * level[-1] + feeder.hours * stored)
        made = made - (power - np.diff(level) / feeder.hours)
    return made


def test_the_dispatches_are_worth_it() -> None:
    """Most of them keep every limit, and they come near the bound."""
    near = []
    for seed in range(4):
        feeder = FlexSpec(seed=seed, bendable=True, tight_voltage=bool(seed % 2)).feeder()
        flex = adnflex.flexibility(feeder.net(), **feeder.arguments)
        values = sampled(feeder, flex, 80)
        near.append(np.ptp(values) / flex.outer_mwh if len(values) > 1 else 0.0)
    assert sorted(near)[1] > 0.6


def test_the_study_case_by_hand() -> None:
    """Useful widths add up from the tables; another weight, another end, another topology keep the same grammar."""
    net = networks.load("park33_flexibility")
    flex = adnflex.flexibility(net, periods=[10, 11])
    ends = [flex.ac.xs(share, level="share") for share in (0.0, 1.0)]
    made = [(e["import_mw"] - e["losses_mw"]).sum() for e in ends]
    for k, setpoints in enumerate((flex.setpoints_lower, flex.setpoints_upper)):
        for storage, row in flex.storages.iterrows():
            power = setpoints["storage", "p_mw", storage].sum()
            level = flex.stored_energy(setpoints)[storage].iloc[-1]
            made[k] -= power - (level - row["start_mwh"])
    assert flex.useful_mwh == pytest.approx(made[1] - made[0], abs=1e-9)
    assert flex.certificate == pytest.approx(flex.outer_mwh / flex.useful_mwh - 1)
    assert 0 <= flex.certificate < 0.1

    twice = adnflex.flexibility(net, periods=[10, 11], period_weights=2.0)
    assert twice.outer_mwh == pytest.approx(flex.outer_mwh, rel=1e-6)
    assert twice.outer.worth == pytest.approx(2 * flex.outer_mwh, rel=1e-6)
    assert twice.certificate == pytest.approx(flex.certificate, abs=1e-4)

    free = adnflex.reconfigure_for_flexibility(net, periods=[10, 11], time_limit=3, search_time=0.3, workers=1)
    assert free.outer_mwh > flex.outer_mwh
    assert 0 <= free.certificate < 0.1
    assert "any policy" in free.outer.kind


def test_no_dispatch_leaves_the_tightened_bound() -> None:
    feeder = FlexSpec(seed=1, periods=2, bendable=True, tight_voltage=True).feeder()
    flex = adnflex.flexibility(feeder.net(), **feeder.arguments, gap=0.0, time_limit=6.0)
    assert flex.useful_mwh <= flex.outer_mwh * (1 + 1e-6) + 1e-9
    values = sampled(feeder, flex, 80)
    assert len(values) > 10
    assert np.ptp(values) <= flex.outer_mwh + 1e-7


def test_the_bound_is_tightened_where_the_relaxation_invents_losses() -> None:
    net = networks.load("park33_flexibility")
    plain = adnflex.flexibility(net, periods=[12])
    tight = adnflex.flexibility(net, periods=[12], gap=0.0, time_limit=20.0)
    assert tight.useful_mwh == pytest.approx(plain.useful_mwh, abs=1e-9)
    # of what may be missing at most a half is left
    assert tight.useful_mwh * (1 - 1e-9) <= tight.outer_mwh
    assert tight.certificate < 0.5 * plain.certificate
    enough = adnflex.flexibility(net, periods=[12], gap=plain.certificate)
    assert enough.outer_mwh == pytest.approx(plain.outer_mwh, rel=1e-9)


def test_a_source_elsewhere_takes_no_bound_away() -> None:
    import pandapower as pp

    net = FlexSpec(seed=3).feeder().net()
    feeder = FlexSpec(seed=3).feeder()
    single = adnflex.flexibility(net, **feeder.arguments)
    far = int(pp.create_bus(net, 10.0, min_vm_pu=0.9, max_vm_pu=1.1))
    pp.create_ext_grid(net, far)
    flex = adnflex.flexibility(net, pcc=("ext_grid", 0), **feeder.arguments)
    assert flex.outer_mwh == pytest.approx(single.outer_mwh, rel=1e-9)
    assert flex.useful_mwh == pytest.approx(single.useful_mwh, rel=1e-9)


def test_storages_are_no_reason_to_be_less_useful() -> None:
    """The upper ends of the study case are all that devices could do; energy stays within its limits on every mix."""
    net = networks.load("park33_flexibility")
    flex = adnflex.flexibility(net)
    assert flex.useful_mwh > 31.1
    assert flex.useful_mw["upper_mw"].sum() == pytest.approx(32.2928, abs=1e-3)
    for storage in flex.storages.index:
        own = flex.energy[storage]
        assert (own["high_mwh"] <= own["max_mwh"] + 1e-6).all()
        assert (own["low_mwh"] >= own["min_mwh"] - 1e-6).all()
