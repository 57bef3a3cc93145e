"""Active power of the hours to come, as far as it can be expected: for a second stage that looks ahead."""

from __future__ import annotations

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.problems.rolling.policies import BASES
from adnflex.problems.rolling.reactive_stage import ActiveDecision
from adnflex.problems.rolling.renewables import checked_sample
from adnflex.problems.rolling.sampling import MEAN_OF
from adnflex.problems.rolling.vehicles import soon_profile, split


def expected_hours(decision: ActiveDecision, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Expect the next hours: mean sun and wind, vehicles as soon as possible, storages as the base policy *pool*.

    Parameters
    ----------
    decision : ActiveDecision
        The hour that is decided.
    count : int
        Number T of hours after it.

    Returns
    -------
    (T, G), (T, F), (T, k) array
        Power of generators, fleets (by index) and storages [MW].
    """
    case, state, hour = decision.case, decision.state, decision.hour
    n, fleets = len(case.buses), sorted(case.fleets)
    drawn = checked_sample(
        case.renewables, state.weather, hour, MEAN_OF, decision.rng, case.hours, case.generators.index
    )
    generation = drawn.mean(axis=0)[:count]
    load = case.library.mean_later[hour, hour + 1 : hour + 1 + count].copy()
    for i in range(n):
        mine = state.vehicles.take(state.vehicles.node == i)
        if len(mine):
            given = split(mine, hour, decision.action.ev[i : i + 1])
            load[:, i] += soon_profile(mine, hour, np.maximum(mine.limit - given, 0.0), count)[0]
    energy = case.storages.after(state.energy, decision.action.storage)
    storage = np.zeros((count, len(case.storages)))
    for k in range(count):
        residual = generation[k] @ case.to_nodes - load[k]
        limit = case.exchange_mw[hour + 1 + k][:, None]
        powers = case.storages.powers(energy[:, None], hour + 1 + k)
        storage[k] = BASES["pool"](residual[:, None], powers, case.storages.node, limit)[:, 0]
        energy = case.storages.after(energy, storage[k])
    # fleets of one node share its load; the feeder sees only the node
    share = np.zeros((n, len(fleets)))
    for f, index in enumerate(fleets):
        share[case.fleets[index], f] = 1.0
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1.0)
    return generation, load @ share, storage
