"""Where a second stage attaches: reactive power after each hour's active power."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from adnflex.problems.rolling.case import RollingCase
    from adnflex.problems.rolling.policies import Action, State


@dataclass(frozen=True, eq=False)
class ActiveDecision:
    """What the second stage is told.

    Attributes
    ----------
    case : RollingCase
        The case, with its net.
    day, hour : int
        Number of the day, and the hour.
    state : State
        What the first stage knew.
    action : Action
        What it decided.
    generation_mw : dict of int to float
        Measured sun and wind, by index in ``net.sgen``.
    ev_mw : dict of int to float
        Power of each fleet, by index in ``net.load``.
    storage_mw : dict of int to float
        Power of each storage, charge positive, by index in ``net.storage``.
    previous : ReactiveAnswer or None
        Answer of the hour before.
    rng : numpy.random.Generator
        Random generator of the hour, the same in every run with the same seed.
    seconds : float
        Time that is left [s].
    """

    case: RollingCase
    day: int
    hour: int
    state: State
    action: Action
    generation_mw: Mapping[int, float]
    ev_mw: Mapping[int, float]
    storage_mw: Mapping[int, float]
    previous: ReactiveAnswer | None
    rng: np.random.Generator
    seconds: float = math.inf


@dataclass(frozen=True)
class ReactiveAnswer:
    """What the second stage gives back.

    Attributes
    ----------
    q_mvar : dict of int to float
        Reactive injection, by index in ``net.sgen``.
    vm_pu : dict of int to float
        Voltages of the realised hour, by bus.
    seconds : float
        Time it took [s].
    facts : dict of str to float
        Anything else that is a number: loss, gap ...
    gaps : dict of str to float
        Cone gap of each branch, ``"line 3"``, largest of the scenarios; empty where no cone was solved.
    """

    q_mvar: Mapping[int, float] = field(default_factory=dict)
    vm_pu: Mapping[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    facts: Mapping[str, float] = field(default_factory=dict)
    gaps: Mapping[str, float] = field(default_factory=dict)


class ReactiveStage(Protocol):
    """Anything that answers an active decision; picklable where days are simulated in several processes."""

    def __call__(self, decision: ActiveDecision, /) -> ReactiveAnswer:
        """Schedule reactive power for the hour."""
