"""Every set of operations already done: buses without supply, loops, sources that meet.

With k operations there are 2^k sets. All branches that are not operated are contracted; a set is numbered by its bits
and follows from the one without its highest operation by one more branch, so that k array operations label them all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
import pandapower.topology as top
from numpy.typing import NDArray
from pandapower import pandapowerNet

from adnflex.grid.loads import gross_load
from adnflex.grid.write import write
from adnflex.powerflow.structure import source_rows
from adnflex.problems.switching.operations import Operation, switch_table

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Parallel:
    """When two sources may feed the same part of a network at once.

    Attributes
    ----------
    allowed : bool
        Whether they may at all.
    max_angle_degree : float
        Largest difference of their angles on the way to the switch, phase shifts of transformers included [degree].
    max_vm_pu : float
        Largest difference of their voltage set-points [pu].
    """

    allowed: bool = True
    max_angle_degree: float = 10.0
    max_vm_pu: float = 0.1


@dataclass(frozen=True)
class Subsets:
    """What the graph says of every set of operations; k operations, 2^k sets.

    Attributes
    ----------
    dark_mw : (2^k,) array
        Load without supply [MW].
    loops : (2^k,) array of int
        Closed paths, those through two sources included, beside those that are closed throughout (parallel lines).
    barred : (2^k, k) array of bool
        Whether an operation, done from a set, would join sources that may not be in parallel.
    joins : (2^k, k) array of bool
        Whether it joins two sources.
    dark_buses : callable
        Buses without supply in a set.
    """

    dark_mw: FloatArray
    loops: IntArray
    barred: BoolArray
    joins: BoolArray
    parts: tuple[tuple[int, ...], ...]
    supplied: BoolArray

    def dark_buses(self, done: int) -> tuple[int, ...]:
        """Buses without supply in a set."""
        dark = np.flatnonzero(~self.supplied[done])
        return tuple(sorted(bus for part in dark for bus in self.parts[part]))


@dataclass
class _Labels:
    """Connected part of every contracted part, by set; angle [degree], set-point [pu], source that it is fed from."""

    part: IntArray
    angle: FloatArray
    level: FloatArray
    source: IntArray


def subsets_of(net: pandapowerNet, operations: Sequence[Operation], parallel: Parallel) -> Subsets:
    """Label every set of operations.

    Parameters
    ----------
    net : pandapowerNet
        The net before; it is only read.
    operations : sequence of Operation
        The operations, numbered by their bits.
    parallel : Parallel
        When sources may run in parallel.
    """
    core = _Core(net, operations)
    count = len(operations)
    first = sum(1 << j for j, o in enumerate(operations) if not o.close)
    labels, loops = core.all_open(), np.zeros(1, dtype=np.int64)
    joins, barred = np.zeros((1 << count, count), dtype=bool), np.zeros((1 << count, count), dtype=bool)
    for j in range(count):
        labels, loops = core.doubled(labels, loops, j)
    # what was labelled is a set of closed branches; a set of operations done is it with the openings turned round
    done = np.arange(1 << count) ^ first
    for j, operation in enumerate(operations):
        if operation.close:
            joins[:, j], barred[:, j] = core.met(labels, j, parallel)
    joins, barred = joins[done], barred[done]
    supplied = labels.part[done] == 0
    dark = np.where(supplied, 0.0, core.load_mw[None, :]).sum(axis=1)
    return Subsets(dark, loops[done], barred, joins, core.buses, supplied)


class _Core:
    """The net without the operated branches: its parts, and the branches between them."""

    def __init__(self, net: pandapowerNet, operations: Sequence[Operation]) -> None:
        table = switch_table(operations, [not o.close for o in operations]).assign(operated=True)
        opened = write(net, switches=table)
        graph = top.create_nxgraph(opened, multi=True, include_out_of_service=False, include_dclines=False)
        roots = _roots(opened)
        parts = [sorted(int(b) for b in part) for part in nx.connected_components(graph)]
        # parts with a source come first
        parts.sort(key=lambda part: (not any(bus in roots for bus in part), part))
        self.buses = tuple(tuple(part) for part in parts)
        place = {bus: k for k, part in enumerate(parts) for bus in part}
        self.sources = [sorted(b for b in part if b in roots) for part in parts]
        self.load_mw = _load_mw(opened, place, len(parts))
        shift = _shifts(opened, graph, parts, self.sources)
        self.roots = roots
        self.ends = [(place[o.from_bus], place[o.to_bus]) for o in operations]
        self.offset = [shift[o.from_bus] - shift[o.to_bus] - _shift_of(net, o) for o in operations]

    def all_open(self) -> _Labels:
        """Labels with every operated branch open: parts with a source are one, joined at their sources."""
        fed = np.array([bool(s) for s in self.sources])
        first = [s[0] if s else -1 for s in self.sources]
        part = np.where(fed, 0, np.arange(len(fed)) + 1)
        angle = np.array([self.roots[s][0] if s >= 0 else 0.0 for s in first])
        level = np.array([self.roots[s][1] if s >= 0 else math.nan for s in first])
        return _Labels(part[None], angle[None], level[None], np.array(first)[None])

    def doubled(self, before: _Labels, loops: IntArray, j: int) -> tuple[_Labels, IntArray]:
        """Labels of all sets of branches up to j from those without it."""
        a, b = self.ends[j]
        mine, other = before.part[:, [a]], before.part[:, [b]]
        same = (mine == other)[:, 0]
        # the part with the smaller label, which is the supplied one if any is, gives the other its name
        keeps_a = mine <= other
        taken = before.part == np.where(keeps_a, other, mine)
        name = np.minimum(mine, other)
        turn = np.where(keeps_a, 1.0, -1.0) * self._mismatch(before, j)[:, None]
        source = np.where(keeps_a, before.source[:, [a]], before.source[:, [b]])
        level = np.where(keeps_a, before.level[:, [a]], before.level[:, [b]])
        changed = taken & ~same[:, None]
        after = _Labels(
            np.where(taken, name, before.part),
            np.where(changed, before.angle + turn, before.angle),
            np.where(changed, level, before.level),
            np.where(changed, source, before.source),
        )
        joined = {f: np.concatenate([getattr(before, f), getattr(after, f)]) for f in vars(before)}
        return _Labels(**joined), np.concatenate([loops, loops + same])

    def _mismatch(self, labels: _Labels, j: int) -> FloatArray:
        """Angle over branch j while it is open, without the voltage drops of loads [degree]."""
        a, b = self.ends[j]
        found: FloatArray = labels.angle[:, a] - labels.angle[:, b] + self.offset[j]
        return found

    def met(self, labels: _Labels, j: int, parallel: Parallel) -> tuple[BoolArray, BoolArray]:
        """Whether branch j, closed in each set, joins two sources, and whether it must not be closed."""
        a, b = self.ends[j]
        both = (labels.part[:, a] == 0) & (labels.part[:, b] == 0)
        joins = both & (labels.source[:, a] != labels.source[:, b])
        angle = np.abs((self._mismatch(labels, j) + 180.0) % 360.0 - 180.0)
        step = np.abs(labels.level[:, a] - labels.level[:, b])
        apart = (angle > parallel.max_angle_degree + 1e-9) | (step > parallel.max_vm_pu + 1e-9)
        return joins, (both & apart) | (joins & (not parallel.allowed))


def _roots(net: pandapowerNet) -> dict[int, tuple[float, float]]:
    """Angle [degree] and set-point [pu] of the bus of every source."""
    found: dict[int, tuple[float, float]] = {}
    for table, index in source_rows(net):
        row = net[table].loc[index]
        angle = float(row["va_degree"]) if "va_degree" in net[table].columns else 0.0
        found.setdefault(int(row["bus"]), (0.0 if math.isnan(angle) else angle, float(row["vm_pu"])))
    return found


def _load_mw(net: pandapowerNet, place: dict[int, int], count: int) -> FloatArray:
    """Gross load of every part [MW]."""
    found = np.zeros(count)
    load = gross_load(net)
    for bus, mw in zip(load["bus"], load["gross_mw"], strict=True):
        if int(bus) in place:
            found[place[int(bus)]] += float(mw)
    return found


def _shifts(
    net: pandapowerNet, graph: nx.MultiGraph, parts: Sequence[Sequence[int]], sources: Sequence[Sequence[int]]
) -> dict[int, float]:
    """Angle of every bus against the first source, or the first bus, of its part, by phase shifts alone [degree]."""
    shift = {
        (int(hv), int(lv)): float(degree)
        for hv, lv, degree in net.trafo[["hv_bus", "lv_bus", "shift_degree"]].itertuples(index=False)
    }
    found: dict[int, float] = {}
    for part, mine in zip(parts, sources, strict=True):
        start = mine[0] if mine else part[0]
        found[start] = 0.0
        for a, b in nx.bfs_edges(graph, start):
            found[int(b)] = found[int(a)] - shift.get((int(a), int(b)), 0.0) + shift.get((int(b), int(a)), 0.0)
    return found


def _shift_of(net: pandapowerNet, operation: Operation) -> float:
    """Phase shift of an operated branch from its from to its to bus [degree]."""
    return float(net.trafo.at[operation.index, "shift_degree"]) if operation.element == "trafo" else 0.0
