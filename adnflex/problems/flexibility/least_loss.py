"""Exchanges of one branch against another, and the radial state of least energy lost that they lead to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from adnflex.algorithms.branch_exchange import ExchangeSearch, Move, Open, Score, branch_exchange
from adnflex.arrays import BoolArray
from adnflex.grid.model import Grid
from adnflex.grid.topology import Adjacency, closed_of
from adnflex.problems.clock import Deadline
from adnflex.problems.flexibility.states import Network
from adnflex.problems.reconfiguration.exchange import loop_of


def exchanges(grid: Grid, required: BoolArray, adjacency: Adjacency, state: Open) -> Iterator[Move]:
    """Every exchange of one open against one closed switchable branch of its loop, those near the tie first."""
    tree = adjacency.forest(closed_of(grid, state))
    if tree is None:
        return
    for tie in sorted(state):
        if not grid.switchable[tie]:
            continue
        loop, _ = loop_of(grid, tree, tie)
        for distance, branch in enumerate(loop.tolist()):
            if grid.switchable[branch] and not required[branch]:
                yield Move(float(distance), tie, branch)


def least_loss_state(
    network_of: Callable[[BoolArray], Network],
    grid: Grid,
    required: BoolArray,
    starts: Iterable[Open],
    clock: Deadline,
    seconds: float,
    devices: bool = True,
) -> Open | None:
    """Return the topology of least energy lost if nothing is asked of the devices, by branch exchange.

    Parameters
    ----------
    network_of : callable
        Maps a radial state to its exact model.
    grid : Grid
        The grid.
    required : (m,) array of bool
        Branches that stay closed.
    starts : iterable of frozenset of int
        States to begin with.
    clock : Deadline
        Time limit.
    seconds : float
        Deadline time at which to end [s].
    devices : bool
        Whether the devices do what they would do anyway; else they are taken out, as a study of the loads alone does.
    """
    adjacency = Adjacency(grid)

    def lost(state: Open) -> Score | None:
        closed = closed_of(grid, state)
        if adjacency.forest(closed) is None:
            return None
        network = network_of(closed)
        # two dozen periods say enough of a longer horizon
        some = np.unique(np.linspace(0, len(network.still) - 1, 24).round().astype(int)).tolist()
        drawn = network.withdrawn(network.columns.idle) if devices else network.still
        total = float(np.sum(network.solve(drawn, some).loss))
        return Score(0.0, total) if math.isfinite(total) else None

    moves = partial(exchanges, grid, required, adjacency)
    search = ExchangeSearch(lost, moves, lambda: clock.now > seconds)
    found = [r for s in dict.fromkeys(starts) if (r := branch_exchange(search, s, batch=6)) is not None]
    return min(found, key=lambda r: r[1])[0] if found else None
