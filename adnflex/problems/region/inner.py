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
from adnflex.arrays import FloatArray, IntArray
from adnflex.problems.region.corners import farthest
from adnflex.problems.region.fan import Fan, angle_of
from adnflex.problems.region.states import EvaluatedSetting, PeriodStates

# Where an edge fails, its ends shrink towards the middle; beyond this share, corners are added in its middle before it
# shrinks on.
_MUCH = 1e-3


# So many edges, or imports inside, are verified together before the clock is looked at.
_TOGETHER = 32

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
    fan = Fan(flow, middle, [reached[k] for k in outer], scale / (2 * directions))
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
    corners = fan.reach_all(fan.corners(), scale)
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


def _settle_edges(fan: Fan, scale: float, stop: Callable[[], bool]) -> list[tuple[EvaluatedSetting, int]]:
    """Split and shrink until every edge is verified; return the states in the middle of the edges."""
    passed: dict[tuple[bytes, bytes], EvaluatedSetting] = {}
    for _ in range(200):
        corners = fan.corners()
        after = np.roll(corners, -1, axis=0)
        keys = [(a.tobytes(), b.tobytes()) for a, b in zip(corners, after, strict=True)]
        new = [k for k, key in enumerate(keys) if key not in passed]
        bad = []
        for first in range(0, len(new), _TOGETHER):
            if stop():
                return []
            part = new[first : first + _TOGETHER]
            for k, found in zip(part, _edges(fan, corners[part], after[part], scale), strict=True):
                if found is None:
                    bad.append(k)
                else:
                    passed[keys[k]] = found
        if not bad:
            break
        much = [k for k in bad if fan.shrunk(k) >= _MUCH]
        # one at a time from the last, as it changes the numbers of those after it
        if not any(fan.split(k) for k in reversed(much)) and not any(fan.drop(k) for k in much):
            fan.contract(bad)
    corners = fan.corners()
    keys = [(corners[k].tobytes(), corners[(k + 1) % len(corners)].tobytes()) for k in range(len(corners))]
    return [(passed[key], k) for k, key in enumerate(keys) if key in passed]


def _edges(fan: Fan, a: FloatArray, b: FloatArray, scale: float) -> list[EvaluatedSetting | None]:
    """Verify edges at an end and quarters; the state in the middle of each, None where one of them is not reached."""
    at = (0.0, *_QUARTERS)
    targets = a[:, None] + np.array(at)[:, None] * (b - a)[:, None]
    found = fan.reach_all(targets.reshape(-1, 2), scale)
    groups = [found[k : k + len(at)] for k in range(0, len(found), len(at))]
    return [None if any(o is None for o in group) else group[1] for group in groups]


def _settle_inside(
    fan: Fan, scale: float, count: int, rng: np.random.Generator, stop: Callable[[], bool]
) -> list[EvaluatedSetting] | None:
    """Verify imports inside, shrinking where one fails; None where that does not end."""
    for _ in range(12):
        polygon = fan.corners()
        found: list[tuple[FloatArray, EvaluatedSetting | None]] = []
        points = _spread(polygon, count, rng)
        for first in range(0, len(points), _TOGETHER):
            if stop():
                break
            part = points[first : first + _TOGETHER]
            found += zip(part, fan.reach_all(part, scale), strict=True)
        bad = [z for z, o in found if o is None]
        if not bad:
            return [o for _, o in found if o is not None]
        fan.contract([_sector(fan, z) for z in bad])
    return None


def _sector(fan: Fan, z: FloatArray) -> int:
    d = z - fan.middle.place
    turn = [(np.arctan2(d[1], d[0]) - angle_of(fan.middle, o)) % (2 * np.pi) for o in fan.ring]
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
