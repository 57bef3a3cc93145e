"""What a part of a network can draw by the number of its nodes: lines above and below, from all its pieces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from adnflex.arrays import ComplexArray, FloatArray
from adnflex.formulations.directed_planes import Planes
from adnflex.grid.core import Core
from adnflex.grid.model import Grid

# Parts of all nodes at which lines bound the power of so many.
_PARTS = (0.0, 0.15, 0.45)


class Pieces(NamedTuple):
    """What flows are made of.

    Attributes
    ----------
    nodes : (n,) array
        Nodes whose voltage counts: of every node of the core with the tree that hangs on it.
    need : (n,) complex array
        The least power that they draw, each part where it is positive [pu].
    back : (m,) complex array
        The most that all that can be behind a branch feeds back, each part [pu].
    """

    nodes: FloatArray
    need: ComplexArray
    back: ComplexArray


def pieces_of(g: Grid, core: Core, planes: Planes) -> Pieces:
    """Sum up what hangs on every node of the core, and what can feed back through every branch."""
    v = planes.bounds.v_max
    shunts = np.zeros((2, g.n))
    for node, scale, shut, opened in ((g.f, 1 / g.ratio**2, g.y_from, g.open_from), (g.t, 1.0, g.y_to, g.open_to)):
        np.add.at(shunts[0], node, np.maximum(np.maximum(-shut.real, -opened.real), 0) * scale)
        np.add.at(shunts[1], node, np.maximum(np.maximum(shut.imag, opened.imag), 0) * scale)
    low_p = g.p - (np.maximum(-g.y.real, 0) + shunts[0]) * v
    low_q = g.q - (np.maximum(g.y.imag, 0) + shunts[1]) * v
    need = np.maximum(low_p, 0) + 1j * np.maximum(low_q, 0)
    fed = np.maximum(-low_p, 0) + 1j * np.maximum(-low_q, 0)
    # a negative reactance makes reactive power
    with np.errstate(invalid="ignore"):
        made = 1j * np.where(g.x < 0, -g.x * planes.l_max, 0.0)
    groups = planes.bounds.groups
    back = (groups.below_nodes(fed) + groups.below_branches(made))[groups.of_branch]
    nodes = planes.sagging.copy()
    for tree, steps in core.hanging.items():
        far = [s.far for s in steps]
        nodes[tree] += nodes[far].sum()
        need[tree] += need[far].sum()
    return Pieces(nodes, need, back)


def ratio_spread(grid: Grid) -> float:
    """Largest factor by which ratios of branches that are not at a root can change what lies behind them."""
    at_root = ~np.isnan(grid.root_v[grid.f]) | ~np.isnan(grid.root_v[grid.t])
    return float(np.prod(np.maximum(grid.ratio, 1 / grid.ratio)[~at_root] ** 2))


class Strip(NamedTuple):
    """Power ``B`` of any choice of nodes by their number: ``low n - below <= B <= high n + above``.

    Attributes
    ----------
    high, above : float
        Slope and height of the line above.
    low, below : float
        Slope of the line below, and how far below 0 it begins.
    """

    high: float
    above: float
    low: float
    below: float

    @property
    def mean(self) -> float:
        """Geometric mean of the slopes."""
        return float(np.sqrt(self.high * self.low))

    @property
    def width(self) -> float:
        """What the square has to be divided by: the square of the sum of the roots of the slopes."""
        return self.high + self.low + 2 * self.mean


def strips_of(pieces: Pieces, core: Core, grid: Grid, need: FloatArray) -> list[Strip]:
    """Lines above the most and below the least power that a number of nodes can draw, at parts of the whole number."""
    inside = list(core.junctions) + [j for chain in core.chains for j in chain.nodes[1:-1]]
    nodes, power = pieces.nodes[inside], need[inside]
    free, nodes, power = float(power[nodes == 0].sum()), nodes[nodes > 0], power[nodes > 0]
    if not len(nodes):
        return [Strip(0.0, free, 0.0, 0.0)]
    spread, order = ratio_spread(grid), np.argsort(power / nodes)
    found = []
    for part in _PARTS:
        lines = []
        for at in (order[::-1], order):
            reached = np.concatenate([[0.0], np.cumsum(nodes[at])]), np.concatenate([[0.0], np.cumsum(power[at])])
            i = min(int(np.searchsorted(reached[0][1:], part * reached[0][-1])), len(at) - 1)
            slope = float(power[at[i]] / nodes[at[i]])
            lines.append((slope, float(reached[1][i] - slope * reached[0][i])))
        (high, above), (low, below) = lines
        found.append(Strip(high * spread, above + free, low / spread, -below))
    return found
