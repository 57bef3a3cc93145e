"""A part of a grid as a grid of its own: some nodes, some of them held at given voltages."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from adnflex.arrays import FloatArray, IntArray
from adnflex.grid.model import Grid


@dataclass(frozen=True)
class GridPart:
    """A grid cut out of another one.

    Attributes
    ----------
    grid : Grid
        The part; its taps and locked lines are left out.
    nodes : (k,) array of int
        Node of the whole grid by node of the part.
    branches : (l,) array of int
        Branch of the whole grid by branch of the part.
    """

    grid: Grid
    nodes: IntArray
    branches: IntArray


def cut_out(grid: Grid, nodes: IntArray, held: dict[int, float]) -> GridPart:
    """Cut out some nodes with all branches between them.

    Parameters
    ----------
    grid : Grid
        The whole grid.
    nodes : (k,) array of int
        The nodes.
    held : dict of int to float
        Squared voltages [pu] of nodes among them that are the roots of the part.  What such a node itself draws stays
        outside.

    Examples
    --------
    The last three nodes of a feeder of case33bw, held at their present voltage:

    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> from adnflex.grid.flow import flow_of
    >>> grid = read_grid(pn.case33bw())
    >>> whole = flow_of(grid, grid.closed)
    >>> part = cut_out(grid, np.array([15, 16, 17]), {15: float(whole.v[15])})
    >>> alone = flow_of(part.grid, part.grid.closed)
    >>> bool(np.allclose(alone.v, whole.v[part.nodes]))
    True
    """
    nodes = np.unique(nodes)
    number = np.full(grid.n, -1)
    number[nodes] = np.arange(len(nodes))
    root = np.array([int(v) in held for v in nodes.tolist()])
    inside = (number[grid.f] >= 0) & (number[grid.t] >= 0)
    branches = np.flatnonzero(inside)
    place = np.full(grid.m, -1)
    place[branches] = np.arange(len(branches))
    rated = grid.ratings
    kept = place[rated.branch] >= 0
    ratings = dataclasses.replace(
        rated,
        branch=place[rated.branch[kept]],
        **{name: getattr(rated, name)[kept] for name in ("member", "at_from", "share", "y", "limit")},
    )
    root_v: FloatArray = np.array([held.get(int(v), np.nan) for v in nodes.tolist()])
    by_node = ("base_kv", "v_min", "v_max", "has_injection", "z_share_p", "z_share_q")
    by_branch = ("r", "x", "ratio", "y_from", "y_to", "open_from", "open_to", "switchable", "closed")
    changes = {name: getattr(grid, name)[nodes] for name in by_node}
    changes |= {name: getattr(grid, name)[branches] for name in by_branch}
    part = grid.replace(
        **changes,
        buses=tuple(grid.buses[int(v)] for v in nodes),
        node_of={},
        p=np.where(root, 0.0, grid.p[nodes]),
        q=np.where(root, 0.0, grid.q[nodes]),
        y=np.where(root, 0.0, grid.y[nodes]),
        root_v=root_v,
        f=number[grid.f[branches]],
        t=number[grid.t[branches]],
        ratings=ratings,
        branches=tuple(grid.branches[int(k)] for k in branches),
        taps=(),
        locked=(),
    )
    return GridPart(part, nodes, branches)
