"""The ways in which a chain of the contracted grid can be used in a radial state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from adnflex.formulations.bounds import Bounds
from adnflex.grid.core import Core
from adnflex.grid.model import Grid


class Mode(NamedTuple):
    """A way in which a chain is used.

    Attributes
    ----------
    chain : int
        The chain.
    kind : int
        0 where it is open, 1 where it feeds its last node, -1 where it feeds its first one.
    at : int
        Position of the open branch, -1 where none is.
    """

    chain: int
    kind: int
    at: int


def openable(core: Core, free: Sequence[int]) -> list[list[int]]:
    """Positions of the branches of every chain that may be open."""
    able = set(free)
    return [[i for i, k in enumerate(chain.branches) if k in able] for chain in core.chains]


def modes_of(grid: Grid, bounds: Bounds, core: Core, able: Sequence[Sequence[int]]) -> list[Mode]:
    """List the modes of all chains.

    Parameters
    ----------
    grid, bounds, core : Grid, Bounds, Core
        The grid, its bounds, its core.
    able : sequence of sequence of int
        Positions of the branches of every chain that may be open.

    Examples
    --------
    >>> import numpy as np, pandapower.networks as pn
    >>> from adnflex.formulations.bounds import compute_bounds
    >>> from adnflex.grid import read_grid
    >>> from adnflex.grid.core import contract
    >>> from adnflex.grid.topology import must_close
    >>> grid = read_grid(pn.case33bw())
    >>> free = np.flatnonzero(~must_close(grid))
    >>> core = contract(grid)
    >>> len(modes_of(grid, compute_bounds(grid), core, openable(core, free)))
    61
    """
    roots = set(grid.roots.tolist())
    found = []
    for c, (chain, positions) in enumerate(zip(core.chains, able, strict=True)):
        found += [Mode(c, 0, i) for i in positions]
        first, last = chain.nodes[0], chain.nodes[-1]
        if first == last or {first, last} <= roots:
            continue
        # the sense in which each branch can feed at all, seen along the chain
        sense = [int(bounds.direction[k]) * (1 if a else -1) for k, a in zip(chain.branches, chain.along, strict=True)]
        if last not in roots and -1 not in sense:
            found.append(Mode(c, 1, -1))
        if first not in roots and 1 not in sense:
            found.append(Mode(c, -1, -1))
    return found
