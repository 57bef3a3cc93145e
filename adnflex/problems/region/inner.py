r"""The inner polygon at given positions: which imports are reached by set-points between AC-proved states.

Between a state in the middle and the proved states around it, set-points are interpolated piecewise linearly (all
devices have convex limits at given positions, so everything between is admissible).  With ``F`` the exact power flow
and ``u(z)`` the interpolation that has ``F(u(z)) = z`` at the corners, an import is reached by

.. math:: z_{k+1} = z_k + (\text{target} - F(u(z_k)))

which converges fast, as losses are a small part of the import.  Where the target is reached inside the fan and every
limit holds there, it is *verified*.  Corners, edges (at quarters) and a lattice inside are; a polygon whose samples do
not all pass gets more corners where it failed, then shrinks there until they do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from adnflex.algorithms.polygons import area, contains, hull
from adnflex.grid.model import FloatArray, IntArray
from adnflex.problems.region.corners import farthest
from adnflex.problems.region.states import EvaluatedSetting, PeriodStates

__all__ = ["Inner", "Sample", "inner_polygon"]

# An import is reached when power flow gives it up to this [MVA, of 1 MVA base power].
_REACHED = 1e-9

# Where an edge fails, its ends shrink towards the middle, doubling from the first share; beyond the second one, so many
# times a corner is added in the middle of the edge before it shrinks on.
_SHRINK, _MUCH, _SPLITS = 1e-4, 1e-3, 3

# A corner that costs a smaller share of the area may be left out, if its neighbour is no farther than the root of this.
_CHEAP = 0.01

# Where an edge is checked.
_QUARTERS = (0.5, 0.25, 0.75)


@dataclass(frozen=True)
class Sample:
    """A verified state.

    Attributes
    ----------
    role : str
        ``middle``, ``corner`` (of the polygon), ``edge`` or ``interior``.
    outcome : EvaluatedSetting
        Its set-points and import.
    """

    role: str
    outcome: EvaluatedSetting


@dataclass(frozen=True)
class Inner:
    """A polygon of imports.

    Attributes
    ----------
    polygon : (n, 2) array
        Vertices, counter-clockwise [MW, Mvar]; empty where the reached imports have no area.
    samples : list of Sample
        What was verified, and is to be kept.
    checked : int
        How many imports were verified on edges and inside.
    """

    polygon: FloatArray
    samples: list[Sample]
    checked: int


class _Fan:
    """Interpolation of set-points between a middle and a ring of proved states around it."""

    def __init__(
        self, flow: PeriodStates, middle: EvaluatedSetting, ring: Sequence[EvaluatedSetting], grain: float
    ) -> None:
        self.flow, self.middle, self.grain = flow, middle, grain
        angle = [_angle(middle, o) for o in ring]
        self.ring = [ring[k] for k in np.argsort(angle)]
        self.depth = [0] * len(self.ring)  # how often the edge after a corner was split
        self.shrink = [0.0] * len(self.ring)

    def places(self) -> FloatArray:
        return np.array([o.place for o in self.ring])

    def corners(self) -> FloatArray:
        """Return the polygon's vertices, shrunk where they had to be."""
        return self.middle.place + (1 - np.array(self.shrink))[:, None] * (self.places() - self.middle.place)

    def usable(self) -> bool:
        """Whether the ring goes around the middle, every sector less than half a turn."""
        if len(self.ring) < 3:
            return False
        off = self.places() - self.middle.place
        after = np.roll(off, -1, axis=0)
        cross = off[:, 0] * after[:, 1] - off[:, 1] * after[:, 0]
        return bool(np.all(cross > 1e-9 * np.hypot(*off.T) * np.hypot(*after.T)))

    def reach(self, target: FloatArray, scale: float) -> EvaluatedSetting | None:
        """Return the state that imports just this, if it lies in the fan and meets every limit."""
        z = np.array(target)
        for _ in range(25):
            found = self._at(z)
            if found is None:
                return None
            off = target - found.place
            if float(np.abs(off).max()) <= _REACHED * max(scale, 1.0):
                return found if found.feasible else None
            z = z + off
        return None

    def _at(self, z: FloatArray) -> EvaluatedSetting | None:
        """Run the interpolated set-points; None outside the fan."""
        off = self.places() - self.middle.place
        d = z - self.middle.place
        after = np.roll(off, -1, axis=0)
        det = off[:, 0] * after[:, 1] - off[:, 1] * after[:, 0]
        a = (d[0] * after[:, 1] - d[1] * after[:, 0]) / det
        b = (off[:, 0] * d[1] - off[:, 1] * d[0]) / det
        k = int(np.argmax(np.minimum(a, b)))
        if a[k] + b[k] > 1 + 1e-12:
            return None
        near = [self.ring[k].setting, self.ring[(k + 1) % len(self.ring)].setting]
        weights = np.maximum(np.array([a[k], b[k]]), 0.0)
        return self.flow.run(self.middle.setting.combined(near, weights))

    def split(self, k: int) -> bool:
        """Add a corner in the middle of an edge, as far out as limits allow; False where it would not help."""
        j = (k + 1) % len(self.ring)
        if self.depth[k] >= _SPLITS or self.length(k) < self.grain:
            return False
        target = self.ring[k].setting.towards(self.ring[j].setting, 0.5)
        new = farthest(self.flow, self.middle, target)
        ends = _angle(self.middle, self.ring[k]), _angle(self.middle, new), _angle(self.middle, self.ring[j])
        turn, whole = (ends[1] - ends[0]) % (2 * np.pi), (ends[2] - ends[0]) % (2 * np.pi)
        if not 1e-6 < turn < whole - 1e-6:
            return False
        depth = self.depth[k] + 1
        self.depth[k] = depth
        self.ring.insert(k + 1, new)
        self.depth.insert(k + 1, depth)
        self.shrink.insert(k + 1, 0.0)
        return True

    def length(self, k: int) -> float:
        """Return the length of an edge [MVA]."""
        places = self.corners()
        return float(np.hypot(*(places[(k + 1) % len(places)] - places[k])))

    def drop(self, k: int) -> bool:
        """Leave out that end of an edge which costs less area; False where it would cost much.

        Two states can import nearly the same with quite different set-points; what lies between them is then far
        from the short edge, and the polygon does better without one of them.
        """
        count = len(self.ring)
        if count <= 4:
            return False
        places = self.corners()
        ends = [k, (k + 1) % count]
        cost = [area(places[[(i - 1) % count, i, (i + 1) % count]]) for i in ends]
        i = ends[int(np.argmin(cost))]
        rest = [o for n, o in enumerate(self.ring) if n != i]
        if self.length(k) ** 2 > _CHEAP * area(places) or min(cost) > _CHEAP * area(places):
            return False
        if not _Fan(self.flow, self.middle, rest, self.grain).usable():
            return False
        for part in (self.ring, self.depth, self.shrink):
            part.pop(i)
        # an edge that replaces two is not split again, so that this ends
        self.depth[(i - 1) % (count - 1)] = _SPLITS
        return True

    def shrunk(self, k: int) -> float:
        """Return how much the end of an edge that has shrunk least was moved."""
        return min(self.shrink[k], self.shrink[(k + 1) % len(self.ring)])

    def contract(self, edges: Sequence[int]) -> None:
        """Shrink the ends of some edges, of two ends the one that has shrunk less."""
        ends: set[int] = set()
        for k in edges:
            j = (k + 1) % len(self.ring)
            least = min(self.shrink[k], self.shrink[j])
            ends |= {i for i in (k, j) if self.shrink[i] <= least}
        for i in ends:
            self.shrink[i] = min(max(2 * self.shrink[i], _SHRINK), 1.0)


def _angle(middle: EvaluatedSetting, other: EvaluatedSetting) -> float:
    d = other.place - middle.place
    return float(np.arctan2(d[1], d[0]))


def inner_polygon(
    flow: PeriodStates,
    reached: Sequence[EvaluatedSetting],
    directions: int,
    inside: int,
    rng: np.random.Generator,
    stop: Callable[[], bool] | None = None,
) -> Inner:
    """Make a polygon of what was reached, every sample of it verified.

    Parameters
    ----------
    flow : PeriodStates
        Exact power flow.
    reached : sequence of EvaluatedSetting
        States that meet every limit, at the same positions.
    directions : int
        Edges shorter than the region's size by twice this are not split, nor is a state in their middle kept.
    inside : int
        Number of imports to verify inside, about.
    rng : numpy Generator
        Places half of them.
    stop : callable
        Whether the time is over: then the polygon of a few states is what there is, or what was reached stays without
        one.
    """
    few = _extreme(reached)
    first = None
    if stop is not None and len(few) < len(reached):
        # soon done, and an answer wherever the time ends
        first = _polygon(flow, few, directions, _FEW_INSIDE, np.random.default_rng(0), stop)
    found = _polygon(flow, reached, directions, inside, rng, stop or _never)
    return found if first is None or len(found.polygon) else first


def _never() -> bool:
    return False


# Imports verified inside a polygon of a few states.
_FEW_INSIDE = 8


def _extreme(reached: Sequence[EvaluatedSetting]) -> list[EvaluatedSetting]:
    """Return the states with the least and largest active and reactive import."""
    places = np.array([o.place for o in reached])
    rows = dict.fromkeys([*places.argmin(axis=0).tolist(), *places.argmax(axis=0).tolist()])
    return [reached[k] for k in rows]


def _polygon(
    flow: PeriodStates,
    reached: Sequence[EvaluatedSetting],
    directions: int,
    inside: int,
    rng: np.random.Generator,
    stop: Callable[[], bool],
) -> Inner:
    alone = Inner(np.empty((0, 2)), [Sample("corner", o) for o in reached], 0)
    if stop():
        return alone
    middle = _middle(flow, reached)
    places = np.array([o.place for o in reached])
    scale = float(np.ptp(places, axis=0).max())
    outer = _apart(places, hull(places), 1e-6 * scale)
    if len(outer) < 3 or area(places[outer]) < 1e-7 * scale**2:
        return alone
    fan = _Fan(flow, middle, [reached[k] for k in outer], scale / (2 * directions))
    if not fan.usable():
        return alone
    edges = _settle_edges(fan, scale, stop)
    before = list(fan.shrink)
    samples = _settle_inside(fan, scale, inside, rng, stop)
    if samples is None:
        return alone
    if fan.shrink != before:
        # shrinking for the inside moved edges
        edges = _settle_edges(fan, scale, stop)
    corners = [fan.reach(z, scale) for z in fan.corners()]
    middles = [o for o, k in edges if fan.length(k) >= fan.grain]
    if len(edges) < len(corners) or any(o is None for o in corners) or max(fan.shrink) >= 1.0:
        return alone
    kept = [Sample("corner", o) for o in corners if o is not None]
    kept += [Sample("middle", middle), *(Sample("edge", o) for o in middles), *(Sample("interior", o) for o in samples)]
    return Inner(fan.corners(), kept, len(_QUARTERS) * len(fan.ring) + len(samples))


def _apart(places: FloatArray, rows: IntArray, distance: float) -> IntArray:
    """Drop corners that another one stands next to: many directions end in the same state."""
    kept: list[int] = []
    for k in rows.tolist():
        if all(float(np.abs(places[k] - places[i]).max()) > distance for i in kept):
            kept.append(k)
    return np.array(kept, dtype=np.int64)


def _middle(flow: PeriodStates, reached: Sequence[EvaluatedSetting]) -> EvaluatedSetting:
    """Return a state well inside: the mean of all set-points, or as far towards it as limits allow."""
    first = reached[0].setting
    mean = first.combined([o.setting for o in reached], np.full(len(reached), 1 / len(reached)))
    return farthest(flow, reached[0], mean)


def _settle_edges(fan: _Fan, scale: float, stop: Callable[[], bool]) -> list[tuple[EvaluatedSetting, int]]:
    """Split and shrink until every edge is verified; return the states in the middle of the edges."""
    passed: dict[tuple[bytes, bytes], EvaluatedSetting] = {}
    for _ in range(200):
        corners = fan.corners()
        bad = []
        for k in range(len(corners)):
            if stop():
                return []
            ends = corners[k], corners[(k + 1) % len(corners)]
            key = ends[0].tobytes(), ends[1].tobytes()
            if key not in passed:
                found = _edge(fan, *ends, scale)
                if found is None:
                    bad.append(k)
                else:
                    passed[key] = found
        if not bad:
            break
        much = [k for k in bad if fan.shrunk(k) >= _MUCH]
        # one at a time from the last, as it changes the numbers of those after it
        if not any(fan.split(k) for k in reversed(much)) and not any(fan.drop(k) for k in much):
            fan.contract(bad)
    corners = fan.corners()
    keys = [(corners[k].tobytes(), corners[(k + 1) % len(corners)].tobytes()) for k in range(len(corners))]
    return [(passed[key], k) for k, key in enumerate(keys) if key in passed]


def _edge(fan: _Fan, a: FloatArray, b: FloatArray, scale: float) -> EvaluatedSetting | None:
    """Verify an edge at its ends and quarters; the state in its middle."""
    if fan.reach(a, scale) is None:
        return None
    found = [fan.reach(a + share * (b - a), scale) for share in _QUARTERS]
    return None if any(o is None for o in found) else found[0]


def _settle_inside(
    fan: _Fan, scale: float, count: int, rng: np.random.Generator, stop: Callable[[], bool]
) -> list[EvaluatedSetting] | None:
    """Verify imports inside, shrinking where one fails; None where that does not end."""
    for _ in range(12):
        polygon = fan.corners()
        found: list[tuple[FloatArray, EvaluatedSetting | None]] = []
        for z in _spread(polygon, count, rng):
            if stop():
                break
            found.append((z, fan.reach(z, scale)))
        bad = [z for z, o in found if o is None]
        if not bad:
            return [o for _, o in found if o is not None]
        fan.contract([_sector(fan, z) for z in bad])
    return None


def _sector(fan: _Fan, z: FloatArray) -> int:
    d = z - fan.middle.place
    turn = [(np.arctan2(d[1], d[0]) - _angle(fan.middle, o)) % (2 * np.pi) for o in fan.ring]
    return int(np.argmin(turn))


def _spread(polygon: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """About `count` points in a polygon: half a lattice, half at random."""
    low, size = polygon.min(axis=0), np.ptp(polygon, axis=0)
    share = area(polygon) / max(float(np.prod(size)), 1e-300)
    n = max(2, round((count / 2 / max(share, 1e-3)) ** 0.5))
    at = (np.arange(n) + 0.5) / n
    lattice = np.stack(np.meshgrid(at, at), axis=-1).reshape(-1, 2)
    points = low + size * np.concatenate([lattice, rng.random((int(count / 2 / max(share, 1e-3)), 2))])
    return np.asarray(points[contains(polygon, points)])
