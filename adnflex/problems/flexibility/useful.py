r"""What the devices make of an import, and the most that they could make without any network.

.. math::

    u_t = p_t - \text{loss}_t - \sum_s \left(p_{s,t} - \frac{e_{s,t} - e_{s,t-1}}{\Delta t}\right)

Power that is burnt counts as import and is of no use, so that boxes are compared by :math:`u`.
"""

from __future__ import annotations

import numpy as np

from adnflex.arrays import BoolArray, FloatArray
from adnflex.devices import Stores, able
from adnflex.devices.resource import Resource
from adnflex.problems.flexibility.model import BoxProblem
from adnflex.problems.flexibility.states import Sampled
from adnflex.problems.flexibility.study import FlexibilityStudy


def useful_width(problem: BoxProblem, x: tuple[FloatArray, FloatArray], sampled: Sampled) -> FloatArray:
    """Return the useful width (T,) of a box by its states [MW].

    Parameters
    ----------
    problem : BoxProblem
        The problem.
    x : two (T, k) arrays
        Columns of the devices at both ends.
    sampled : Sampled
        The states between the ends.
    """
    base = problem.grid.base_mva
    made = [
        sampled.imports[:, k].real - base * sampled.flow.loss[:, k] - sampled.converted[:, k] - _burnt(problem, here)
        for k, here in zip((0, -1), x, strict=True)
    ]
    return np.asarray(made[1] - made[0])


def _burnt(problem: BoxProblem, x: FloatArray) -> FloatArray:
    """Power (T,) that storages draw and do not store [MW]."""
    found = np.zeros(problem.periods)
    for resource, own in zip(problem.resources, problem.split(x), strict=True):
        for level in resource.accumulators:
            if level.kind == "energy low":
                found += np.einsum("tk,tk->t", resource.p, own) - _stored(resource, own) / problem.hours
    return found


def _stored(resource: Resource, x: FloatArray) -> FloatArray:
    """Change of the energy of a storage in every period (T,) [MWh]."""
    low = next(level for level in resource.accumulators if level.kind == "energy low")
    added = np.max([np.einsum("tk,tk->t", part, x) for part in low.parts], axis=0)
    energy = [-low.start]
    for more in added.tolist():
        energy.append(low.keep * energy[-1] - more)
    return np.diff(energy)


def giving(problem: BoxProblem, x: tuple[FloatArray, FloatArray]) -> BoolArray:
    """Columns (2, T, k) of storages that give energy in a box whose ends have the columns x."""
    found = np.zeros((2, *x[0].shape), dtype=bool)
    for offset, resource, _ in problem.storing():
        own = slice(offset, offset + len(resource.names))
        for side, here in enumerate(x):
            found[side][:, own] = (resource.p != 0) & (resource.p * here[:, own] < -_IDLE)
    return found


# Power up to which a storage is idle [MW].
_IDLE = 1e-6


def without_network(study: FlexibilityStudy, weights: FloatArray) -> float:
    r"""Bound the useful width that the devices have without any network, weighted [MWh].

    Every device moves between the least and the most that it draws; what a storage stores adds up to the difference of
    two levels, by parts

    .. math:: \sum_t w_t (e_t - e_{t-1}) = w_T e_T - w_1 e_0 + \sum_{t < T} (w_t - w_{t+1}) e_t .

    Parameters
    ----------
    study : FlexibilityStudy
        What is asked.
    weights : (T,) array
        Worth of a MWh in every period.
    """
    hours, total = study.study.horizon.hours, 0.0
    stores = {d.place: d for d in able(study.devices, Stores)}
    for r in study.resources:
        most = np.maximum(r.p * r.low, r.p * r.high).sum(axis=1)
        least = np.minimum(r.p * r.low, r.p * r.high).sum(axis=1)
        storage = stores.get(r.place)
        if storage is None:
            total += float(weights @ (most - least)) * hours
            continue
        room = storage.e_max - storage.e_min
        left = (1 - storage.step(hours).kept) * room
        rates = hours * (storage.charging * np.maximum(most, 0) + np.maximum(-least, 0) / storage.discharging) + left
        moved = room * (np.abs(np.diff(weights)).sum() + weights[-1])
        total += min(float(weights @ rates), float(moved))
    return total
