"""Bounds that every AC-feasible radial state obeys, computed from the data; they replace guessed big-Ms."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from adnflex.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from adnflex.grid.blocks import Blocks, blocks
from adnflex.grid.model import Grid


@dataclass(frozen=True)
class Ranges:
    """What may vary between operating points, as intervals [pu].

    Attributes
    ----------
    p, q : (2, n) array
        Lowest and highest withdrawal of constant power.
    g, b : (2, n) array
        Lowest and highest constant-impedance withdrawal ``g + jb``.
    root_v : (2, n) array
        Squared voltages of the roots, NaN elsewhere.
    ratio : (2, m) array
        Ratios at the from ends.
    """

    p: FloatArray
    q: FloatArray
    g: FloatArray
    b: FloatArray
    root_v: FloatArray
    ratio: FloatArray


def ranges_of(grid: Grid) -> Ranges:
    """Return the ranges of a single operating point: nothing varies."""
    return Ranges(*(np.stack([a, a]) for a in (grid.p, grid.q, grid.y.real, grid.y.imag, grid.root_v, grid.ratio)))


@dataclass(frozen=True)
class Bounds:
    """Bounds per node and branch [pu].

    Attributes
    ----------
    v_min, v_max : (n,) array
        Squared voltages (roots fixed; where a node has no limit, a wide one).
    i_max : (m,) array
        Series current.
    s_max : (m,) array
        Apparent power into the series impedance at the from end.
    ratio_min : (m,) array
        Lowest ratio at the from end.
    one_way_p, one_way_q : (m,) array of bool
        Whether active, reactive power can only flow away from the root through the branch.
    falling : (m,) array of bool
        Whether the voltage can only fall along the flow.
    direction : (m,) array of int
        1 where a closed branch can only feed its to node, -1 its from node, 0 where both are possible.
    in_loop : (m,) array of bool
        Whether the branch lies on a closed path of the whole graph (the others are bridges).
    node_current : (n,) array
        Largest current that the node itself can draw.
    withdrawn : (2, n) complex array
        Least and most that the node draws at constant power.
    groups : Blocks
        The blocks of the grid.
    """

    v_min: FloatArray
    v_max: FloatArray
    i_max: FloatArray
    s_max: FloatArray
    ratio_min: FloatArray
    one_way_p: BoolArray
    one_way_q: BoolArray
    falling: BoolArray
    direction: IntArray
    in_loop: BoolArray
    node_current: FloatArray
    withdrawn: ComplexArray
    groups: Blocks


# Limits for nodes that have none (open line ends), and the widest that an elastic model allows.
_WIDE = (0.5**2, 1.5**2)


def compute_bounds(grid: Grid, ranges: Ranges | None = None) -> Bounds:
    """Bound voltages, currents and flow directions of all radial states that meet the voltage limits.

    A branch of a radial net carries the currents of the nodes below it, so its current is at most the sum of
    ``|s| / v + |y| v`` over all nodes that can be below it.  Where all of them only withdraw active power (no
    generation), active power can only flow downwards, and likewise reactive power; with both, the voltage
    falls along the flow and no node lies above its root.

    Parameters
    ----------
    grid : Grid
        The grid, with its limits.
    ranges : Ranges, optional
        What may vary between operating points; by default nothing does.
    """
    vary = ranges_of(grid) if ranges is None else ranges
    v_min, v_max = _voltage_bounds(grid, vary)
    groups = blocks(grid)
    vm_low, vm_high = np.sqrt(v_min), np.sqrt(v_max)
    shunt_size = np.hypot(np.abs(vary.g).max(axis=0), np.abs(vary.b).max(axis=0))
    at_from = np.maximum(np.abs(grid.y_from), np.abs(grid.open_from)) / vary.ratio[0] ** 2
    at_to = np.maximum(np.abs(grid.y_to), np.abs(grid.open_to))
    np.add.at(shunt_size, grid.f, at_from)
    np.add.at(shunt_size, grid.t, at_to)
    power = np.hypot(np.abs(vary.p).max(axis=0), np.abs(vary.q).max(axis=0))
    node_current = power / vm_low + shunt_size * vm_high
    only_p = (vary.p[0] >= 0) & (vary.g[0] >= 0)
    capacitive = vary.b[1] > 0
    for side, y_closed, y_open in ((grid.f, grid.y_from, grid.open_from), (grid.t, grid.y_to, grid.open_to)):
        np.logical_or.at(capacitive, side, (y_closed.imag > 0) | (y_open.imag > 0))
    only_q = (vary.q[0] >= 0) & ~capacitive
    unit_ratio = np.ones(grid.n, dtype=bool)
    plain = (vary.ratio == 1.0).all(axis=0)
    np.logical_and.at(unit_ratio, grid.f, plain)
    np.logical_and.at(unit_ratio, grid.t, plain)
    spread = _ratio_spread(grid, vary)
    mine = groups.of_branch
    i_max = spread * groups.below_nodes(node_current)[mine]
    one_p = (groups.below_nodes(~only_p) == 0)[mine]
    # a negative reactance generates reactive power from its current
    one_q = (groups.below_nodes(~only_q) + groups.below_branches(grid.x < 0) == 0)[mine]
    falling = one_p & one_q & (groups.below_nodes(~unit_ratio) == 0)[mine]
    in_loop = ~groups.is_bridge[mine]
    direction = np.where(_at_entry(grid, groups, grid.t), -1, np.where(_at_entry(grid, groups, grid.f), 1, 0))
    i_max = np.minimum(i_max, _rated(grid, vary, v_max))
    v_top = np.minimum(v_max, np.maximum(_highest(grid, vary, groups, v_max, i_max), v_min))
    return Bounds(
        v_min,
        v_top,
        i_max,
        i_max * np.sqrt(v_top[grid.f]) / vary.ratio[0],
        vary.ratio[0],
        one_p,
        one_q,
        falling,
        direction,
        in_loop,
        spread * node_current,
        vary.p + 1j * vary.q,
        groups,
    )


def _voltage_bounds(grid: Grid, vary: Ranges) -> tuple[FloatArray, FloatArray]:
    v_min, v_max = grid.v_min.copy(), grid.v_max.copy()
    named = np.array([bool(b) for b in grid.buses])
    v_min[(v_min <= 0) | ~named] = _WIDE[0]
    v_max[~np.isfinite(v_max) | ~named] = _WIDE[1]
    roots = grid.roots
    v_min[roots], v_max[roots] = vary.root_v[0, roots], vary.root_v[1, roots]
    # an open end of a fixed branch has the voltage that its own charging leaves there, however high the other end is
    z = grid.r + 1j * grid.x
    for end, other, y, low, high in (
        (grid.t, grid.f, grid.y_to, 1 / vary.ratio[1] ** 2, 1 / vary.ratio[0] ** 2),
        (grid.f, grid.t, grid.y_from, vary.ratio[0] ** 2, vary.ratio[1] ** 2),
    ):
        k = np.flatnonzero(~named[end] & named[other])
        gain = 1 / np.abs(1 + z[k] * y[k]) ** 2
        np.maximum.at(v_max, end[k], v_max[other[k]] * gain * high[k])
        np.minimum.at(v_min, end[k], v_min[other[k]] * gain * low[k])
    return v_min, v_max


def _rated(grid: Grid, vary: Ranges, v_max: FloatArray) -> FloatArray:
    """Largest series currents within the ratings, at the most favourable ratio."""
    rated = grid.ratings
    stretch = np.where(rated.at_from, vary.ratio[1][rated.branch] / grid.ratio[rated.branch], 1.0)
    widest = replace(rated, limit=rated.limit * stretch)
    found = widest.series_limit(grid.m, np.sqrt(v_max[grid.f]) / vary.ratio[0], np.sqrt(v_max[grid.t]))
    return np.asarray(found)


def _at_entry(grid: Grid, groups: Blocks, node: IntArray) -> BoolArray:
    """Whether an end node of every branch is the entry of its block."""
    entry = groups.entry[groups.of_branch]
    at_root = (entry < 0) & ~np.isnan(grid.root_v[node])
    return np.asarray(((node == entry) | at_root) & groups.feeds[groups.of_branch])


def _highest(grid: Grid, vary: Ranges, groups: Blocks, v_max: FloatArray, i_max: FloatArray) -> FloatArray:
    """Highest squared voltage that each node can reach, going down from the roots block by block.

    Along a closed branch the voltage rises by at most ``-2 (r P' + x Q')`` with the power ``P' + jQ'`` that
    arrives, which is at least the sum of all net infeed below: ``v_t = v_f - 2 (r P' + x Q') - |z|² l``.  Where `x` is
    negative, it is the largest ``Q' <= |V| I`` that raises it most.
    """
    low = np.minimum(vary.p[0] + np.minimum(vary.g[0], 0) * v_max, 0) + 1j * 0
    capacitive = vary.b[1].copy()
    np.add.at(capacitive, grid.f, np.maximum(grid.y_from.imag, grid.open_from.imag) / vary.ratio[0] ** 2)
    np.add.at(capacitive, grid.t, np.maximum(grid.y_to.imag, grid.open_to.imag))
    low += 1j * np.minimum(vary.q[0] - np.maximum(capacitive, 0) * v_max, 0)
    negative = np.minimum(grid.x, 0)
    infeed = groups.below_nodes(low) + 1j * groups.below_branches(negative * i_max**2)
    arriving = np.sqrt(np.maximum(v_max[grid.f] / vary.ratio[0] ** 2, v_max[grid.t])) * i_max
    rise = -2 * (groups.within(grid.r) * infeed.real + groups.within(np.maximum(grid.x, 0)) * infeed.imag)
    rise += groups.within(-2 * negative * arriving)
    worst = np.maximum(vary.ratio[1], 1 / vary.ratio[0])
    return _from_the_roots(grid, vary, groups, (rise, worst))


def _from_the_roots(grid: Grid, vary: Ranges, groups: Blocks, most: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Squared voltages that rise by so much in every block, and by such factors of voltage along the branches."""
    rise, worst = most
    # behind a branch that leaves the entry
    leaving, reverse = _at_entry(grid, groups, grid.f), _at_entry(grid, groups, grid.t)
    gain = np.where(leaving, 1 / vary.ratio[0] ** 2, vary.ratio[1] ** 2)
    start, leaves = np.where(leaving, grid.f, grid.t), leaving | reverse
    branches, nodes = _members(groups.of_branch, len(rise)), _members(groups.of_node, len(rise))
    # of a bridge all is known without arrays
    top = np.nan_to_num(vary.root_v[1], nan=0.0).tolist()
    bridges, gains, starts = groups.is_bridge.tolist(), gain.tolist(), start.tolist()
    factors, rises = (worst**2).tolist(), rise.tolist()
    for c in np.flatnonzero(groups.feeds).tolist():
        mine = branches[c]
        if bridges[c]:
            only = mine[0]
            top[nodes[c][0]] = top[starts[only]] * gains[only] + rises[c] * factors[only]
            continue
        # a path from the root enters a block once, so of the branches at the entry it uses one
        k = np.array(mine)
        behind = max(top[starts[first]] * gains[first] for first in k[leaves[k]].tolist())
        highest = behind * float(np.prod(worst[k[~leaves[k]]])) ** 2 + rises[c] * float(np.prod(worst[k])) ** 2
        for node in nodes[c]:
            top[node] = highest
    return np.array(top)


def _members(block: IntArray, count: int) -> list[list[int]]:
    """Elements of every block."""
    found: list[list[int]] = [[] for _ in range(count)]
    for element, owner in enumerate(block.tolist()):
        if owner >= 0:
            found[owner].append(element)
    return found


def _ratio_spread(grid: Grid, vary: Ranges) -> float:
    """Largest factor by which ratios can raise a current on its way to the root.

    Of the branches at the roots a path uses one; of the others it might use all.
    """
    at_root = ~np.isnan(grid.root_v[grid.f]) | ~np.isnan(grid.root_v[grid.t])
    off = np.maximum(vary.ratio[1], 1 / vary.ratio[0])
    first = float(off[at_root].max()) if at_root.any() else 1.0
    return first * float(np.prod(off[~at_root]))
