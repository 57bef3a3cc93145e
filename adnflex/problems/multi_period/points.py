r"""Operating points with weights: the periods themselves, or means of groups of them.

For one topology the optimum of the DistFlow relaxation is convex in the withdrawals and in the squared voltages of the
roots, so that (Jensen) the losses of the hours of a group are together at least their number times the loss at their
mean,

.. math:: \sum_{h \in k} w_h \, loss_z(d_h) \ge \Big(\sum_{h \in k} w_h\Big) \, loss_z(\bar d_k),

limits included: the mean of states that keep convex limits keeps them.  Constant-impedance withdrawals multiply the
voltage; points of one group have to share them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adnflex.algorithms.weighted_clusters import weighted_clusters
from adnflex.arrays import ComplexArray, FloatArray, IntArray
from adnflex.grid.flow import RadialFlow
from adnflex.grid.model import Grid

# Principal axes of the branch flows that are enough to tell hours apart.
_AXES = 12


@dataclass(frozen=True)
class Points:
    """T operating points of a grid.

    Attributes
    ----------
    grid : Grid
        The grid, without their withdrawals.
    p, q : (T, n) array
        Constant-power withdrawals [pu].
    y : (T, n) complex array
        Constant-impedance withdrawals, as `Grid.y` [pu].
    weight : (T,) array
        What a MW of losses there counts: hours, times money or carbon a MWh. 0: only the limits of the point count.
    window : (T,) array of int
        Which topology holds there, counted from 0 on in order.
    """

    grid: Grid
    p: FloatArray
    q: FloatArray
    y: ComplexArray
    weight: FloatArray
    window: IntArray

    def __len__(self) -> int:
        return len(self.weight)

    def __getitem__(self, rows: IntArray) -> Points:
        """Return some of the points."""
        p, q, y = self.p[rows], self.q[rows], self.y[rows]
        return Points(self.grid, p, q, y, self.weight[rows], self.window[rows])

    @property
    def windows(self) -> int:
        """Number of topologies."""
        return int(self.window[-1]) + 1

    def at(self, t: int) -> Grid:
        """Return the grid of one point."""
        return self.grid.replace(p=self.p[t].copy(), q=self.q[t].copy(), y=self.y[t].copy())

    def mean(self) -> Grid:
        """Return the grid at the weighted mean of all points."""
        weight = self.weight if self.weight.any() else np.ones(len(self))
        share = weight / weight.sum()
        return self.grid.replace(p=share @ self.p, q=share @ self.q, y=share @ self.y)


@dataclass(frozen=True)
class Groups:
    """Means of groups of points, and which points they are of.

    Attributes
    ----------
    means : Points
        One point a group; its weight is the sum of those of its members.
    members : tuple of array of int
        Points of each group; a single one of weight 0 guards its limits.
    """

    means: Points
    members: tuple[IntArray, ...]

    def __len__(self) -> int:
        return len(self.members)

    def guarded(self, points: Points, rows: IntArray) -> Groups:
        """Return these with some single points more, of weight 0, for the sake of their limits."""
        mine, more = self.means, points[rows]
        window = np.concatenate([mine.window, more.window])
        order = np.argsort(window, kind="stable")
        p, q, y = (np.concatenate([getattr(part, name) for part in (mine, more)])[order] for name in ("p", "q", "y"))
        weight = np.concatenate([mine.weight, np.zeros(len(rows))])[order]
        members = [*self.members, *(np.array([r]) for r in rows.tolist())]
        means = Points(mine.grid, p, q, y, weight, window[order])
        return Groups(means, tuple(members[k] for k in order.tolist()))


def grouped(
    points: Points, tree: RadialFlow, count: int, seed: int = 0, *, alike: bool = True, flows: FloatArray | None = None
) -> Groups:
    """Group the points of every window, so that flows and losses within a group are alike.

    Parameters
    ----------
    points : Points
        The points.
    tree : RadialFlow
        A good topology: points are near each other where its branch flows are, each weighted by the root of its
        resistance, as losses within a group are lost to the bound.
    count : int
        Largest number of groups in a window; at least as many as there are different constant-impedance withdrawals.
    seed : int
        Of the grouping.
    alike : bool
        Whether the points of a group share their constant-impedance withdrawals, as a bound asks for; an estimate does
        not.
    flows : (T, axes) array, optional
        What `weighted_flows` makes of points and tree, where it is known.
    """
    members: list[IntArray] = []
    if flows is None:
        flows = weighted_flows(points, tree) if len(points) > count else np.zeros((len(points), 1))
    shared = not alike or bool((points.y == points.y[0]).all())
    for window in range(points.windows):
        rows = np.flatnonzero(points.window == window)
        members += _groups_of(points, flows, rows, count, seed, shared)
    return Groups(_means(points, members), tuple(members))


def split(points: Points, flows: FloatArray, groups: Groups, count: int, seed: int = 0) -> Groups:
    """Split groups further, those most whose flows differ most, so that there are about so many in all.

    Parameters
    ----------
    points : Points
        The points that the groups are of.
    flows : (T, axes) array
        See `weighted_flows`.
    groups : Groups
        The groups; every new one is a part of one of them, so that what the means bound can only rise.
    count : int
        Number of groups in all.
    seed : int
        Of the grouping.
    """
    spread = np.array([_spread(flows[rows], points.weight[rows]) for rows in groups.members])
    total = float(spread.sum())
    members: list[IntArray] = []
    for rows, here in zip(groups.members, spread.tolist(), strict=True):
        parts = 1 if total <= 0 else 1 + round((count - len(groups)) * here / total)
        labels = weighted_clusters(flows[rows], points.weight[rows], min(parts, len(rows)), seed)
        members += [rows[labels == k] for k in range(int(labels.max()) + 1)]
    return Groups(_means(points, members), tuple(members))


def _spread(flows: FloatArray, weight: FloatArray) -> float:
    """Weighted sum of squared distances from the mean."""
    mean = weight @ flows / max(float(weight.sum()), 1e-12)
    return float(weight @ ((flows - mean) ** 2).sum(axis=1))


def _groups_of(
    points: Points, flows: FloatArray, rows: IntArray, count: int, seed: int, shared: bool
) -> list[IntArray]:
    """Group some points; those of weight 0, of which no mean is wanted, stand for themselves in the limits only."""
    if len(rows) <= count:
        return [np.array([r]) for r in rows.tolist()]
    counting = rows[points.weight[rows] > 0]
    if len(counting) <= count:
        return [np.array([r]) for r in (counting if len(counting) else rows[:1]).tolist()]
    parts = [counting]
    if not shared:
        _, inverse = np.unique(points.y[counting], axis=0, return_inverse=True)
        parts = [counting[inverse.ravel() == k] for k in range(int(inverse.max()) + 1)]
    found: list[IntArray] = []
    for part in parts:
        share = max(1, round(count * len(part) / len(counting)))
        labels = weighted_clusters(flows[part], points.weight[part], min(share, len(part)), seed)
        found += [part[labels == k] for k in range(int(labels.max()) + 1)]
    return found


def weighted_flows(points: Points, tree: RadialFlow) -> FloatArray:
    """Lossless flows of a topology times the root of the resistance, on their principal axes (T, axes)."""
    root = np.sqrt(np.maximum(tree.z.real, 0.0))
    drawn = points.p + 1j * points.q
    carried = tree.carried(drawn.T).T * root
    both = np.concatenate([carried.real, carried.imag], axis=1)
    both -= points.weight @ both / max(float(points.weight.sum()), 1e-12)
    _, vectors = np.linalg.eigh((both * points.weight[:, None]).T @ both)
    return np.asarray(both @ vectors[:, -_AXES:])


def _means(points: Points, members: list[IntArray]) -> Points:
    """Weighted means of groups."""

    def mean(values: np.ndarray, rows: IntArray) -> np.ndarray:
        weight = points.weight[rows]
        share = weight / weight.sum() if weight.sum() > 0 else np.full(len(rows), 1 / len(rows))
        return np.asarray(values[rows[0]] if len(rows) == 1 else share @ values[rows])

    p, q, y = (np.stack([mean(values, rows) for rows in members]) for values in (points.p, points.q, points.y))
    weight = np.array([points.weight[rows].sum() for rows in members])
    return Points(points.grid, p, q, y, weight, np.array([points.window[rows[0]] for rows in members]))
