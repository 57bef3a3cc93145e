"""Bounds that every AC-feasible radial state obeys, computed from the data; they replace guessed big-Ms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adnflex.grid.model import BoolArray, FloatArray, Grid, IntArray
from adnflex.grid.topology import Block, blocks

__all__ = ["Bounds", "compute_bounds"]


@dataclass(frozen=True)
class Bounds:
    """Bounds per node and branch [pu].

    Attributes
    ----------
    v_min, v_max : (n,) array
        Squared voltages (roots fixed; where a node has no limit, a wide one).
    i_max : (m,) array
        Series current.
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
    groups : list of Block
        The blocks of the grid.
    """

    v_min: FloatArray
    v_max: FloatArray
    i_max: FloatArray
    one_way_p: BoolArray
    one_way_q: BoolArray
    falling: BoolArray
    direction: IntArray
    in_loop: BoolArray
    node_current: FloatArray
    groups: list[Block]


# Limits for nodes that have none (open line ends), and the widest that an elastic model allows.
_WIDE = (0.5**2, 1.5**2)


def compute_bounds(grid: Grid) -> Bounds:
    """Bound voltages, currents and flow directions of all radial states that meet the voltage limits.

    A branch of a radial net carries the currents of the nodes below it, so its current is at most the sum of
    ``|s| / v + |y| v`` over all nodes that can be below it.  Where all of them only withdraw active power (no
    generation), active power can only flow downwards, and likewise reactive power; with both, the voltage
    falls along the flow and no node lies above its root.

    Parameters
    ----------
    grid : Grid
        The grid, with its limits.
    """
    v_min, v_max = _voltage_bounds(grid)
    groups = blocks(grid)
    vm_low, vm_high = np.sqrt(v_min), np.sqrt(v_max)
    shunt_size = np.abs(grid.y).astype(float)
    at_from = np.maximum(np.abs(grid.y_from), np.abs(grid.open_from)) / grid.ratio**2
    at_to = np.maximum(np.abs(grid.y_to), np.abs(grid.open_to))
    np.add.at(shunt_size, grid.f, at_from)
    np.add.at(shunt_size, grid.t, at_to)
    node_current = np.hypot(grid.p, grid.q) / vm_low + shunt_size * vm_high
    only_p = (grid.p >= 0) & (grid.y.real >= 0)
    capacitive = grid.y.imag > 0
    for side, y_closed, y_open in ((grid.f, grid.y_from, grid.open_from), (grid.t, grid.y_to, grid.open_to)):
        np.logical_or.at(capacitive, side, (y_closed.imag > 0) | (y_open.imag > 0))
    only_q = (grid.q >= 0) & ~capacitive
    unit_ratio = np.ones(grid.n, dtype=bool)
    np.logical_and.at(unit_ratio, grid.f, grid.ratio == 1.0)
    np.logical_and.at(unit_ratio, grid.t, grid.ratio == 1.0)
    spread = _ratio_spread(grid)
    i_max = np.full(grid.m, np.inf)
    one_p, one_q, falling = (np.zeros(grid.m, dtype=bool) for _ in range(3))
    direction = np.zeros(grid.m, dtype=np.int64)
    in_loop = np.ones(grid.m, dtype=bool)
    for block in groups:
        nodes, branches = block.below, block.branches
        i_max[branches] = spread * node_current[nodes].sum()
        one_p[branches] = only_p[nodes].all()
        one_q[branches] = only_q[nodes].all()
        falling[branches] = one_p[branches] & one_q[branches] & unit_ratio[nodes].all()
        in_loop[branches] = not block.is_bridge
        direction[branches[np.isin(grid.f[branches], block.entry)]] = 1
        direction[branches[np.isin(grid.t[branches], block.entry)]] = -1
    v_top = np.minimum(v_max, np.maximum(_highest(grid, groups, v_max), v_min))
    return Bounds(
        v_min,
        v_top,
        np.minimum(
            i_max, grid.ratings.series_limit(grid.m, np.sqrt(v_max[grid.f]) / grid.ratio, np.sqrt(v_max[grid.t]))
        ),
        one_p,
        one_q,
        falling,
        direction,
        in_loop,
        spread * node_current,
        groups,
    )


def _voltage_bounds(grid: Grid) -> tuple[FloatArray, FloatArray]:
    v_min, v_max = grid.v_min.copy(), grid.v_max.copy()
    named = np.array([bool(b) for b in grid.buses])
    v_min[(v_min <= 0) | ~named] = _WIDE[0]
    v_max[~np.isfinite(v_max) | ~named] = _WIDE[1]
    roots = grid.roots
    v_min[roots] = v_max[roots] = grid.root_v[roots]
    return v_min, v_max


def _highest(grid: Grid, groups: list[Block], v_max: FloatArray) -> FloatArray:
    """Highest squared voltage that each node can reach, going down from the roots block by block.

    Along a closed branch the voltage rises by at most ``-2 (r P' + x Q')`` with the power ``P' + jQ'`` that
    arrives, which is at least the sum of all net infeed below: ``v_t = v_f - 2 (r P' + x Q') - |z|² l``.
    """
    low = np.minimum(grid.p + np.minimum(grid.y.real, 0) * v_max, 0) + 1j * 0
    capacitive = grid.y.imag.copy()
    np.add.at(capacitive, grid.f, np.maximum(grid.y_from.imag, grid.open_from.imag) / grid.ratio**2)
    np.add.at(capacitive, grid.t, np.maximum(grid.y_to.imag, grid.open_to.imag))
    low += 1j * np.minimum(grid.q - np.maximum(capacitive, 0) * v_max, 0)
    top = np.where(np.isnan(grid.root_v), 0.0, np.nan_to_num(grid.root_v))
    order = sorted(groups, key=lambda block: -len(block.below))
    for block in order:
        if not len(block.below):
            continue
        infeed = low[block.below].sum()
        inside = np.setdiff1d(np.union1d(grid.f[block.branches], grid.t[block.branches]), block.entry)
        z = (grid.r + 1j * grid.x)[block.branches]
        rise = float(np.sum(-2 * (z.real * infeed.real + np.maximum(z.imag, 0) * infeed.imag)))
        top[inside] = _behind_entry(grid, block, top) + rise * _worst_ratio(grid, block.branches)
    return top


def _behind_entry(grid: Grid, block: Block, top: FloatArray) -> float:
    """Highest squared voltage right behind the branches that leave the entry, all further ratios included.

    A path from the root enters a block once, so of the branches at the entry it uses one.
    """
    f, t, k = grid.f[block.branches], grid.t[block.branches], block.branches
    leaving, reverse = np.isin(f, block.entry), np.isin(t, block.entry)
    first = np.concatenate(
        [top[f[leaving]] / grid.ratio[k[leaving]] ** 2, top[t[reverse]] * grid.ratio[k[reverse]] ** 2]
    )
    return float(first.max()) * _worst_ratio(grid, k[~(leaving | reverse)])


def _worst_ratio(grid: Grid, branches: IntArray) -> float:
    """Largest factor by which the ratios of some branches can raise a squared voltage, each passed once."""
    highest = np.prod(np.maximum(grid.ratio[branches], 1 / grid.ratio[branches]))
    return float(highest) ** 2


def _ratio_spread(grid: Grid) -> float:
    """Largest factor by which ratios can raise a current on its way to the root.

    Of the branches at the roots a path uses one; of the others it might use all.
    """
    at_root = ~np.isnan(grid.root_v[grid.f]) | ~np.isnan(grid.root_v[grid.t])
    off = np.maximum(grid.ratio, 1 / grid.ratio)
    first = float(off[at_root].max()) if at_root.any() else 1.0
    return first * float(np.prod(off[~at_root]))
