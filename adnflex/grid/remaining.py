"""A grid after one of its branches is gone, without reading the net again."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from adnflex.arrays import BoolArray, IntArray
from adnflex.grid.model import Grid
from adnflex.grid.ratings import Ratings

_OF_NODES = ("base_kv", "v_min", "v_max", "p", "q", "has_injection", "y", "z_share_p", "z_share_q", "root_v")
_OF_BRANCHES = ("f", "t", "r", "x", "ratio", "y_from", "y_to", "open_from", "open_to", "switchable", "closed")


def joined(n: int, f: IntArray, t: IntArray) -> IntArray:
    """Label nodes (n,) by the parts that branches join, from 0."""
    graph = coo_array((np.ones(len(f)), (f, t)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def without(grid: Grid, branch: int) -> Grid:
    """Return a grid that lacks a branch, both ends of it open, and what no other branch can supply.

    Parameters
    ----------
    grid : Grid
        The grid; without decisions on taps.
    branch : int
        The branch.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> grid = read_grid(pn.case33bw())
    >>> without(grid, 5).m, without(grid, 5).n, without(grid, 0).n
    (36, 33, 1)
    """
    stays = np.arange(grid.m) != branch
    part = joined(grid.n, grid.f[stays], grid.t[stays])
    reached: BoolArray = np.isin(part, part[grid.roots])
    stays &= reached[grid.f] & reached[grid.t]
    node, place = np.cumsum(reached) - 1, np.cumsum(stays) - 1
    r = grid.ratings
    rated = stays[r.branch]
    kept = {f.name: getattr(r, f.name)[rated] for f in dataclasses.fields(Ratings)}
    arrays = {name: getattr(grid, name)[reached] for name in _OF_NODES}
    arrays |= {name: getattr(grid, name)[stays] for name in _OF_BRANCHES}
    return grid.replace(
        **{**arrays, "f": node[arrays["f"]], "t": node[arrays["t"]]},
        buses=tuple(b for b, here in zip(grid.buses, reached, strict=True) if here),
        node_of={bus: int(node[k]) for bus, k in grid.node_of.items() if reached[k]},
        ratings=Ratings(**{**kept, "branch": place[kept["branch"]]}),
        branches=tuple(b for b, here in zip(grid.branches, stays, strict=True) if here),
    )
