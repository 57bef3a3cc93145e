"""Base policies: the rules in hand numbers, and that simulation and decision are the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from adnflex.devices.stored_energy import EnergyStep, reachable
from adnflex.problems.rolling import RollingCase
from adnflex.problems.rolling.policies import own, pool, simulate
from adnflex.problems.rolling.settlement import settle
from adnflex.problems.rolling.storages import Storages
from tests.problems.rolling.small import Steady, net


def storages(nodes, energy, hours=6, **other):
    k = len(nodes)
    full = np.full
    low, high, power = full(k, 120.0), full(k, 1080.0), full(k, 300.0)
    step = EnergyStep.of(full(k, other.get("keep", 1.0)), full(k, 0.95), full(k, 0.95), 1.0)
    band = reachable(step, (low, high), (power, power), full(k, other.get("end", np.nan)), hours)
    return Storages(
        np.arange(k), np.array(nodes), low, high, np.array(energy, float), power, power, step,
        full(k, other.get("wear", 0.0)), full(k, other.get("price", 0.0)), *band,
    )  # fmt: skip


def powers(box, hour=0):
    return box.powers(box.start[:, None], hour)


def test_own_gives_surplus_to_its_own_storage_first():
    box = storages([0], [600.0])
    power = own(np.array([[350.0], [-100.0]]), powers(box), box.node, np.full((2, 1), 300.0))
    assert power.tolist() == [[300.0]]


def test_own_covers_its_own_shortfall_after_exchange_only():
    box = storages([0], [600.0])
    # node 1 has no storage: its shortfall is bought although node 0 has energy
    residual = np.array([[-10.0], [-50.0]])
    power = own(residual, powers(box), box.node, np.full((2, 1), 300.0))
    assert power.tolist() == [[-10.0]]


def test_pool_without_exchange_is_own():
    box = storages([0, 2], [600.0, 300.0])
    residual = np.random.default_rng(0).normal(0, 150, (3, 50))
    able = box.powers(np.repeat(box.start[:, None], 50, axis=1), 0)
    none = np.zeros((3, 1))
    assert np.array_equal(pool(residual, able, box.node, none), own(residual, able, box.node, none))


@pytest.mark.parametrize("base", [own, pool])
@pytest.mark.parametrize("limit", [0.0, 80.0, 300.0])
def test_powers_keep_their_limits_and_do_not_buy_to_store(base, limit):
    rng = np.random.default_rng(1)
    box = storages([0, 2], [130.0, 1075.0])
    residual = rng.normal(0, 200, (4, 300))
    energy = rng.uniform(120, 1080, (2, 300))
    power = base(residual, box.powers(energy, 0), box.node, np.full((4, 1), limit))
    assert np.allclose(power, box.clip(energy, power, 0))
    # own: within the node's surplus or shortfall; pool: within that of all, and all storages the same way
    need = residual[box.node] if base is own or not limit else residual.sum(axis=0)[None]
    total = power if base is own or not limit else power.sum(axis=0)[None]
    assert (total <= np.maximum(need, 0) + 1e-9).all()
    assert (total >= np.minimum(need, 0) - 1e-9).all()
    assert base is own or not limit or (power.prod(axis=0) >= 0).all()


@pytest.mark.parametrize("base", [own, pool])
def test_simulation_is_deciding_hour_by_hour(base):
    rng = np.random.default_rng(2)
    box = storages([1], [500.0], wear=0.07, price=0.02, end=300.0, keep=0.99)
    limit, price = rng.uniform(20, 90, (6, 2)), rng.uniform(0.2, 0.8, 6)
    case = RollingCase.from_net(net(), renewables=Steady(), stored_value_per_mwh=0.3)
    case = dataclasses.replace(case, storages=box, exchange_mw=limit)
    residual = rng.normal(0, 120, (6, 2, 4))
    cost = simulate(case, base, 0, residual, np.repeat(box.start[:, None], 4, axis=1), price)
    for b in range(4):
        energy, total = box.start, 0.0
        for t in range(6):
            power = base(residual[t, :, b : b + 1], box.powers(energy[:, None], t), box.node, limit[t][:, None])[:, 0]
            rest = residual[t, :, b].copy()
            rest[box.node] -= power
            total += price[t] * settle(rest, limit[t]).buys.sum() + 0.07 * np.abs(power).sum() + 0.02 * power.sum()
            energy = box.after(energy, power)
        assert energy == pytest.approx([300.0])
        assert cost[b] == pytest.approx(total - 0.3 * energy.sum())
