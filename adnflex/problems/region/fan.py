"""Interpolation of set-points between a middle and a ring of proved states around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adnflex.algorithms.polygons import area
from adnflex.arrays import FloatArray
from adnflex.problems.region.corners import farthest
from adnflex.problems.region.states import EvaluatedSetting, PeriodStates, Setting

# An import is reached when power flow gives it up to this [MVA, of 1 MVA base power].
_REACHED = 1e-9


# A corner that costs a smaller share of the area may be left out, if its neighbour is no farther than the root of this.
_CHEAP = 0.01

# Ends of edges shrink doubling from this share; so many times a corner is added in the middle of an edge.
_SHRINK, _SPLITS = 1e-4, 3


class Fan:
    """Interpolation of set-points between a middle and a ring of proved states around it."""

    def __init__(
        self, flow: PeriodStates, middle: EvaluatedSetting, ring: Sequence[EvaluatedSetting], grain: float
    ) -> None:
        self.flow, self.middle, self.grain = flow, middle, grain
        angle = [angle_of(middle, o) for o in ring]
        self.ring = [ring[k] for k in np.argsort(angle)]
        self.depth = [0] * len(self.ring)  # how often the edge after a corner was split
        self.shrink = [0.0] * len(self.ring)

    def places(self) -> FloatArray:
        """Return the imports of the ring (n, 2) [MW, Mvar]."""
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
        return self.reach_all(target[None], scale)[0]

    def reach_all(self, targets: FloatArray, scale: float) -> list[EvaluatedSetting | None]:
        """Return the states that import just what is asked (n, 2), each as `reach`; their power flows run together."""
        z = np.array(targets)
        found: list[EvaluatedSetting | None] = [None] * len(z)
        live = list(range(len(z)))
        for _ in range(25):
            between = [(i, setting) for i in live if (setting := self._between(z[i])) is not None]
            outcomes = self.flow.run_many([setting for _, setting in between])
            live = []
            for (i, _), outcome in zip(between, outcomes, strict=True):
                if outcome is None:
                    continue
                off = targets[i] - outcome.place
                if float(np.abs(off).max()) <= _REACHED * max(scale, 1.0):
                    found[i] = outcome if outcome.feasible else None
                else:
                    z[i] += off
                    live.append(i)
            if not live:
                break
        return found

    def _between(self, z: FloatArray) -> Setting | None:
        """Return the interpolated set-points; None outside the fan."""
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
        return self.middle.setting.combined(near, weights)

    def split(self, k: int) -> bool:
        """Add a corner in the middle of an edge, as far out as limits allow; False where it would not help."""
        j = (k + 1) % len(self.ring)
        if self.depth[k] >= _SPLITS or self.length(k) < self.grain:
            return False
        target = self.ring[k].setting.towards(self.ring[j].setting, 0.5)
        new = farthest(self.flow, self.middle, target)
        ends = angle_of(self.middle, self.ring[k]), angle_of(self.middle, new), angle_of(self.middle, self.ring[j])
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
        if not Fan(self.flow, self.middle, rest, self.grain).usable():
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


def angle_of(middle: EvaluatedSetting, other: EvaluatedSetting) -> float:
    """Direction in which a state lies from the middle."""
    d = other.place - middle.place
    return float(np.arctan2(d[1], d[0]))
