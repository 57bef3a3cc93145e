"""Whether devices can follow what a policy or a second stage decides, each fault named."""

from __future__ import annotations

import math

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.policies import Action
from adnflex.problems.rolling.reactive_stage import ReactiveAnswer
from adnflex.problems.rolling.vehicles import Vehicles, split


def drawn_by(action: Action, vehicles: Vehicles, hour: int, nodes: int) -> FloatArray:
    """Power of each vehicle (J,) [MW]."""
    if action.vehicles is not None:
        return action.vehicles
    drawn = np.zeros(len(vehicles))
    for i in range(nodes):
        mine = np.flatnonzero(vehicles.node == i)
        if len(mine):
            drawn[mine] = split(vehicles.take(mine), hour, action.ev[i : i + 1])[0]
    return drawn


def require_followed(
    who: str,
    case: RollingCase,
    vehicles: Vehicles,
    charging: tuple[FloatArray, FloatArray, FloatArray],
    nodes: tuple[FloatArray, FloatArray],
    storages: tuple[FloatArray, FloatArray],
) -> None:
    """See that a policy's action is one that the devices can follow.

    Parameters
    ----------
    who : str
        The policy and the hour.
    case : RollingCase
        The case.
    vehicles : Vehicles
        The vehicles that are there.
    charging : (J,) arrays
        What each draws, must and can draw [MW].
    nodes : (n,) arrays
        Power of the vehicles of each node, as asked and as split [MW].
    storages : (k,) arrays
        Power of each storage, as asked and as it can be [MW].
    """
    drawn, low, high = charging
    findings = []
    outside = ~((drawn >= low - 1e-9) & (drawn <= high + 1e-9))
    for k in np.flatnonzero(outside)[:3]:
        findings.append(
            f"{who}: vehicle {vehicles.number[k]} of load {vehicles.load[k]} draws {drawn[k]:g} MW, outside "
            f"{low[k]:g} and {high[k]:g}; decide within its elastic capacity."
        )
    asked, ev = nodes
    for i in np.flatnonzero(~(np.abs(ev - asked) <= 1e-6 * (1e-3 + np.abs(ev)))):
        findings.append(
            f"{who}: {asked[i]:g} MW at bus {case.buses[i]} can be split to {ev[i]:g} MW; decide within the elastic "
            "capacity of the node."
        )
    asked, storage = storages
    for k in np.flatnonzero(~(np.abs(storage - asked) <= 1e-6 * (1e-3 + np.abs(storage)))):
        findings.append(
            f"{who}: storage {case.storages.index[k]} cannot run at {asked[k]:g} MW, at most at {storage[k]:g}; decide "
            "within its power, its energy and what it has to end with."
        )
    if findings:
        raise InputError(findings)


def require_answered(who: str, case: RollingCase, answer: ReactiveAnswer) -> None:
    """See that a second stage speaks of sgens that there are, in numbers."""
    known = set(case.net.sgen.index.tolist())
    findings = [
        f"{who}: sgen {k} is not in the net; answer for rows of net.sgen." for k in answer.q_mvar if k not in known
    ]
    findings += [
        f"{who}: sgen {k} is to give {q} Mvar; answer with a finite number."
        for k, q in answer.q_mvar.items()
        if k in known and not math.isfinite(q)
    ]
    if findings:
        raise InputError(findings)
