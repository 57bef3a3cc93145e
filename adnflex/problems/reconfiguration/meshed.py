r"""Where local search starts: the loops of the meshed net opened one after the other (Merlin and Back).

The meshed flow is that of constant load currents through the resistances alone, which is the flow of least loss.  With
the loops of a tree as unknowns, :math:`B R B^T i = -B R I_0` for the tree's own currents :math:`I_0`, and the currents
are :math:`I_0 + B^T i`.  To open branch k is to hold its current at 0: the inverse :math:`W = (B R B^T)^{-1}` loses
:math:`w w^T / d` with :math:`w = W b_k` and :math:`d = b_k^T w`, and the losses rise by :math:`|I_k|^2 / d` exactly.
One factorisation does for all loops; a branch without loop is one with :math:`d = 0`.

References
----------
Merlin and Back, "Search for a minimal-loss operating spanning tree configuration in an urban power distribution
system", 5th PSCC, 1975.
"""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
from scipy import sparse

from adnflex.arrays import BoolArray, ComplexArray, FloatArray
from adnflex.grid.model import Grid
from adnflex.grid.topology import Adjacency, Forest, closed_of

Open = frozenset[int]

# Share of what it was at first below which the freedom of a branch's current counts as none, and of the median
# resistance below which a branch counts as having that.
_FREE, _LEAST = 1e-9, 1e-3

# With more loops than these the inverse does not fit the memory: all are opened by the first flow.
_MOST_LOOPS = 4000


def meshed_start(grid: Grid, required: BoolArray, stop: Callable[[], bool] = lambda: False) -> Open:
    """Open the branch whose opening costs least in every loop of the meshed net, one after the other.

    Parameters
    ----------
    grid : Grid
        The grid.
    required : (m,) array of bool
        Branches that stay closed.
    stop : callable
        Asked between openings; True opens the loops that are left by their present currents, all at once.

    Returns
    -------
    frozenset of int
        Open branches of a radial state.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> grid = read_grid(pn.case33bw())
    >>> sorted(meshed_start(grid, ~grid.switchable))
    [6, 8, 13, 31, 36]
    """
    # a tree of small resistances: its loops are short
    first = kept_tree(grid, np.where(required, -1.0, grid.r))
    mesh = _Mesh(grid, first)
    opened: set[int] = set()
    if 0 < len(first) <= _MOST_LOOPS:
        mesh.close()
        while len(opened) < len(first) and not stop():
            k = mesh.cheapest(required)
            if k is None:
                break
            opened.add(k)
            mesh.open(k)
    # what is left, and what rounding may have spared, is opened by the currents
    weight = -np.abs(mesh.current)
    weight[list(opened)] = 1.0
    weight[required] = -np.inf
    return kept_tree(grid, weight)


def kept_tree(grid: Grid, weight: FloatArray) -> Open:
    """Open branches of the spanning tree of least weight; all roots are one node."""
    merged = np.where(np.isnan(grid.root_v), np.arange(grid.n), -1)
    union = nx.utils.UnionFind(merged.tolist())
    ends = list(zip(merged[grid.f].tolist(), merged[grid.t].tolist(), strict=True))
    opened = set()
    for k in np.argsort(weight, kind="stable").tolist():
        a, b = union[ends[k][0]], union[ends[k][1]]
        if a == b:
            opened.add(k)
        else:
            union.union(a, b)
    return frozenset(opened)


def nearest_tree(grid: Grid, required: BoolArray, far: bool = False) -> Open:
    """Open branches of a radial state as few operations from the present one as any; `far`: as many.

    A spanning forest that keeps as many of the closed branches as loops allow, or closes as many of the open ones.
    """
    return kept_tree(grid, np.where(required, 0.0, np.where(grid.closed == far, 2.0, 1.0)))


class _Mesh:
    """Currents of the meshed net, by the loops that some branches close in a tree.

    Parameters
    ----------
    grid : Grid
        The grid.
    ties : frozenset of int
        Branches that are no part of the tree.

    Attributes
    ----------
    current : (m,) complex array
        Currents in from-to direction.
    """

    def __init__(self, grid: Grid, ties: Open) -> None:
        tree = Adjacency(grid).forest(closed_of(grid, ties))
        assert tree is not None, "a spanning tree of small resistances is a tree"
        self.r = np.maximum(grid.r, 1e-9 + _LEAST * float(np.median(grid.r[grid.r > 0])) if (grid.r > 0).any() else 1.0)
        self.current = _tree_currents(grid, tree)
        self.loops = _loops(grid, tree, sorted(ties))

    def close(self) -> None:
        """Let the loop currents flow that lose least."""
        self._across = self.loops.T.tocsr()
        weighted = self.loops.multiply(self.r).tocsr()
        self._inverse = np.linalg.inv((weighted @ self.loops.T).toarray())
        self.current = self.current - self._across @ (self._inverse @ (weighted @ self.current))
        # how much the current of a branch follows a voltage in it
        part = self._across @ self._inverse
        self._freedom = np.asarray(self._across.multiply(part).sum(axis=1)).ravel()
        self._least = _FREE * np.maximum(self._freedom, 1e-300)

    def cheapest(self, required: BoolArray) -> int | None:
        """Return the branch in a loop whose opening raises the losses least; None where no loop is left."""
        able = np.flatnonzero((self._freedom > self._least) & ~required)
        if not len(able):
            return None
        return int(able[np.argmin(np.abs(self.current[able]) ** 2 / self._freedom[able])])

    def open(self, k: int) -> None:
        """Hold the current of a branch at 0."""
        column = self._across[[k]]
        w = np.asarray(column @ self._inverse).ravel()
        along = self._across @ w
        d = float(along[k])
        self.current = self.current - along * (self.current[k] / d)
        self._freedom = self._freedom - along**2 / d
        self._freedom[k] = 0.0
        self._inverse -= np.outer(w, w / d)


def _tree_currents(grid: Grid, tree: Forest) -> ComplexArray:
    """Currents of a tree if all voltages were 1 pu, in from-to direction."""
    total = (grid.p - 1j * grid.q + grid.y)[tree.order]
    padded = np.append(total, 0.0)
    here = np.arange(grid.n)
    ends = np.column_stack([here, here + tree.below[tree.order] + 1]).ravel()
    carried = np.empty(grid.n, dtype=complex)
    carried[tree.order] = np.add.reduceat(padded, ends)[::2]
    found = np.zeros(grid.m, dtype=complex)
    below = np.flatnonzero(tree.parent >= 0)
    found[tree.branch[below]] = np.where(tree.away[below], carried[below], -carried[below])
    return found


def _loops(grid: Grid, tree: Forest, ties: list[int]) -> sparse.csr_matrix:
    """Which branches lie in the loop of every tie, +1 along it (through the tie from its from to its to end)."""
    depth, parent, up, away = (a.tolist() for a in (tree.depth, tree.parent, tree.branch, tree.away))
    rows, columns, signs = list(range(len(ties))), list(ties), [1.0] * len(ties)
    for row, tie in enumerate(ties):
        a, b = int(grid.t[tie]), int(grid.f[tie])
        # both ends are walked up to where they meet, or to their roots
        while a != b and (depth[a] or depth[b]):
            sign = -1.0
            if depth[a] < depth[b]:
                a, b, sign = b, a, 1.0
            rows.append(row)
            columns.append(up[a])
            signs.append(sign if away[a] else -sign)
            a = parent[a]
            if sign > 0:
                a, b = b, a
    return sparse.csr_matrix((signs, (rows, columns)), shape=(len(ties), grid.m))
