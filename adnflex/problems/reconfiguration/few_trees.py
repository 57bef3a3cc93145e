"""Nodes of the search over modes that are settled at once: few radial states are left, and all of them are run."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.problems.reconfiguration.directed import DirectedReconfiguration
from adnflex.problems.reconfiguration.mode_trees import ModeTrees

Open = frozenset[int]

# States without a power flow that was found, of which a relaxation each has to say what they can be worth.
_ODD = 4


class StateValues(Protocol):
    """What radial states are worth; picklable."""

    few: int
    """How many are valued rather than relaxed further: all of them take about as long as some relaxations."""

    def __call__(self, opened: IntArray, cutoff: float) -> FloatArray:
        """Return values (B,) of states (B, j): inf where a limit is violated, NaN where no power flow was found.

        From the cutoff on, a lower bound of the value is enough.
        """

    def refuted(self, opened: IntArray, cutoff: float) -> bool:
        """Whether a state (j,) without power flow is shown to be no better than a cutoff."""


class Enumerated(NamedTuple):
    """What the states of a node are worth.

    Attributes
    ----------
    least : float
        Least value, inf where none meets every limit.
    best : frozenset of int or None
        The state that has it.
    odd : list of array of bool
        Modes of states of which nothing is known: no power flow was found, and they are not refuted.
    """

    least: float
    best: Open | None
    odd: list[BoolArray]


class FewTrees:
    """Enumerates nodes.

    Parameters
    ----------
    problem : DirectedReconfiguration
        The model.
    values : StateValues
        What its states are worth.
    """

    def __init__(self, problem: DirectedReconfiguration, values: StateValues) -> None:
        self.trees, self.values, self.most = ModeTrees(problem), values, values.few

    def __call__(self, allowed: BoolArray, cutoff: float) -> Enumerated | None:
        """Run the states that some modes leave; None where they are many, or several have no power flow.

        Parameters
        ----------
        allowed : (k,) array of bool
            The modes.
        cutoff : float
            States that are worth no less are of no interest.
        """
        states = self.trees.few(allowed, self.most)
        if states is None:
            return None
        if not len(states):
            return Enumerated(math.inf, None, [])
        found = self.values(states, cutoff)
        odd = [s for s in states[np.isnan(found)] if not self.values.refuted(s, cutoff)]
        if len(odd) > _ODD:
            return None
        found = np.where(np.isnan(found), np.inf, found)
        first = int(found.argmin())
        best = frozenset(states[first].tolist()) if found[first] < math.inf else None
        return Enumerated(float(found[first]), best, [self.trees.modes_of(allowed, s) for s in odd])
