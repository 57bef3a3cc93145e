"""Closed chains of the directed chain hull: a copy of branch flow for each sense, zero where it is not used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyomo.environ as pyo

from adnflex.formulations.ledger import Ledger
from adnflex.grid.core import Step
from adnflex.grid.model import Grid
from adnflex.solvers.cones import mark_relaxed
from adnflex.solvers.rows import declare_cones
from adnflex.solvers.sums import IndexedTerms, Linear, RowList

# A chain and the sense in which it feeds.
Way = tuple[int, int]

_Pair = tuple[Linear, Linear]


@dataclass(frozen=True)
class _Branch:
    """A branch as a chain is walked: what its impedance sees, and its shunts at both ends."""

    r: float
    x: float
    near_scale: float
    far_scale: float
    near_y: complex
    far_y: complex

    @classmethod
    def of(cls, grid: Grid, step: Step) -> _Branch:
        k, ratio2 = step.branch, float(grid.ratio[step.branch]) ** 2
        at_from, at_to = (1 / ratio2, complex(grid.y_from[k]) / ratio2), (1.0, complex(grid.y_to[k]))
        near, far = (at_from, at_to) if step.away else (at_to, at_from)
        return cls(float(grid.r[k]), float(grid.x[k]), near[0], far[0], near[1], far[1])


class Passed(NamedTuple):
    """A branch of a closed chain as it feeds.

    Attributes
    ----------
    step : Step
        The branch.
    r, x : float
        Its impedance [pu].
    near_scale, far_scale : float
        What the impedance sees of the squared voltages at both ends.
    l : Linear
        Its squared current [pu].
    left : pair of Linear
        Active and reactive power at the far end of the impedance [pu].
    most : float
        Largest power through it [pu].
    """

    step: Step
    r: float
    x: float
    near_scale: float
    far_scale: float
    l: Linear  # noqa: E741 (the symbol of the field)
    left: tuple[Linear, Linear]
    most: float


def declare_closed(ledger: Ledger, ways: Sequence[Way]) -> dict[Way, list[Passed]]:
    """Declare ``p``, ``q``, ``l`` by (chain, sense, branch), ``w`` by (chain, sense, node), and their rows.

    Branches and nodes are counted as the chain feeds; returns the branches that each chain passes.
    """
    closed = _Closed(ledger, ways)
    closed.declare()
    # only deviations of voltages are told by what is passed
    return {way: closed.passed(way) for way in ways} if ledger.off else {}


class _Closed:
    def __init__(self, ledger: Ledger, ways: Sequence[Way]) -> None:
        self.ledger, self.b, self.grid, self.bounds = ledger, ledger.block, ledger.grid, ledger.bounds
        self.walks = {(c, d): ledger.core.chains[c].steps(d == 1) for c, d in ways}
        self.branches = {key: [_Branch.of(self.grid, s) for s in steps] for key, steps in self.walks.items()}
        self.one_way = {key: self._one_way(steps) for key, steps in self.walks.items()}
        self.rated: dict[int, list[int]] = {}
        for r, k in enumerate(self.grid.ratings.branch.tolist()):
            self.rated.setdefault(k, []).append(r)

    def declare(self) -> None:
        b, one_way = self.b, self.one_way
        most = {
            (*way, i): reach for way, steps in self.walks.items() for i, reach in enumerate(self._reach(way, steps))
        }
        self.most = most
        at = list(most)
        nodes = {(*way, i): node for way, steps in self.walks.items() for i, node in enumerate(_nodes(steps))}
        b.p = pyo.Var(
            at,
            bounds=lambda _, c, d, i: (0.0 if one_way[c, d][0] else -most[c, d, i][0], most[c, d, i][0]),
            doc="active power into the branch of a closed chain, walked as it feeds [pu]",
        )
        b.q = pyo.Var(
            at,
            bounds=lambda _, c, d, i: (0.0 if one_way[c, d][1] else -most[c, d, i][0], most[c, d, i][0]),
            doc="reactive power into it [pu]",
        )
        b.l = pyo.Var(at, bounds=lambda _, c, d, i: (0, most[c, d, i][1]), doc="its squared current [pu]")
        b.w = pyo.Var(
            list(nodes),
            bounds=lambda _, c, d, i: (0, self.bounds.v_max[nodes[c, d, i]]),
            doc="squared voltage of a node of a closed chain, 0 where it is not used so [pu]",
        )
        self.p, self.q, self.l, self.w = (IndexedTerms(v) for v in (b.p, b.q, b.l, b.w))
        self.feed, self.limits = IndexedTerms(b.feed), RowList()
        for way in self.walks:
            self._chain(way)
        self.limits.declare(b, "current_limit", doc="ratings at the ends of branches of closed chains")
        self._cones(at)

    def _cones(self, at: list[tuple[int, int, int]]) -> None:
        b, couplers = self.b, (self.grid.r == 0) & (self.grid.x == 0)
        curved = [(c, d, i) for c, d, i in at if not couplers[self.walks[c, d][i].branch]]
        scale = {(c, d, i): self.branches[c, d][i].near_scale for c, d, i in curved}
        plain = [key for key in curved if scale[key] == 1.0]
        sides = [[v[key] for key in plain] for v in (b.p, b.q, b.l, b.w)]
        declare_cones(b, "cone", sides, plain, doc="the current of a branch carries its power, relaxed")
        b.scaled_cone = pyo.Constraint(
            [key for key in curved if scale[key] != 1.0],
            rule=lambda _, *key: b.p[key] ** 2 + b.q[key] ** 2 <= scale[key] * b.l[key] * b.w[key],
            doc="the same behind a ratio",
        )
        mark_relaxed(b, b.cone)
        mark_relaxed(b, b.scaled_cone)

    def passed(self, way: Way) -> list[Passed]:
        """Return the branches of a chain with their flows."""
        found = []
        for i, (step, branch) in enumerate(zip(self.walks[way], self.branches[way], strict=True)):
            p, q, l = (v[(*way, i)] for v in (self.p, self.q, self.l))  # noqa: E741
            left = p - branch.r * l, q - branch.x * l
            most = self.most[(*way, i)][0]
            found.append(Passed(step, branch.r, branch.x, branch.near_scale, branch.far_scale, l, left, most))
        return found

    def _one_way(self, steps: Sequence[Step]) -> tuple[bool, bool]:
        branches = [s.branch for s in steps]
        return bool(self.bounds.one_way_p[branches].all()), bool(self.bounds.one_way_q[branches].all())

    def _reach(self, way: Way, steps: Sequence[Step]) -> list[tuple[float, float]]:
        """Largest power and squared current of every branch."""
        found = []
        for step, branch in zip(steps, self.branches[way], strict=True):
            most = float(self.ledger.planes.l_max[step.branch])
            power = float(np.sqrt(most * float(self.bounds.v_max[step.near]) * branch.near_scale))
            found.append((power, most if branch.r or branch.x else 0.0))
        return found

    def _chain(self, way: Way) -> None:
        add, steps, one_way = self.ledger.rows, self.walks[way], self.one_way[way]
        share = self.feed[way]
        nodes = _nodes(steps)
        w = [self.w[(*way, i)] for i in range(len(nodes))]
        self._voltages(way, nodes, w, share)
        # a cone without voltage carries nothing, so that the first branch is all that its share has to bound
        most = self.most[(*way, 0)][0]
        add.at_most(self.p[(*way, 0)] - most * share)
        if not one_way[0]:
            add.at_least(self.p[(*way, 0)] + most * share)
        first, arriving = self._branch(way, 0, w, share)
        for i in range(1, len(steps)):
            leaving, beyond = self._branch(way, i, w, share)
            self._inner(nodes[i], arriving, leaving, w[i], share)
            arriving = beyond
        self._deliver(nodes, first, arriving, one_way, share)

    def _branch(self, way: Way, i: int, w: list[Linear], share: Linear) -> tuple[_Pair, _Pair]:
        """Declare a branch; what it takes from its near node and what it leaves at its far one."""
        branch, step = self.branches[way][i], self.walks[way][i]
        p, q, l = (v[(*way, i)] for v in (self.p, self.q, self.l))  # noqa: E741
        near, far, r, x = w[i], w[i + 1], branch.r, branch.x
        seen = branch.near_scale * near - 2 * (r * p + x * q) + (r**2 + x**2) * l
        self.ledger.rows.equal(branch.far_scale * far - seen)
        self.ledger.lost.append(r * l)
        if branch.near_y.real or branch.far_y.real:
            self.ledger.lost.append(branch.near_y.real * near + branch.far_y.real * far)
        self._ratings(step, branch, (p, q, l), (near, far), share)
        taken = p + branch.near_y.real * near, q - branch.near_y.imag * near
        left = p - r * l - branch.far_y.real * far, q - x * l + branch.far_y.imag * far
        return taken, left

    def _deliver(
        self,
        nodes: list[int],
        taken: _Pair,
        arriving: _Pair,
        one_way: tuple[bool, bool],
        share: Linear,
    ) -> None:
        """Book what is taken from the feeding junction and what arrives at the fed one, at least what that draws."""
        ledger, near, far = self.ledger, nodes[0], nodes[-1]
        base = complex(ledger.base[far])
        for which, need in ((0, base.real), (1, base.imag)):
            if one_way[which]:
                ledger.rows.at_least(arriving[which] - need * share)
        ledger.p_in[far].append(arriving[0])
        ledger.q_in[far].append(arriving[1])
        if near not in ledger.roots:
            ledger.p_in[near].append(-taken[0])
            ledger.q_in[near].append(-taken[1])

    def _voltages(self, way: Way, nodes: list[int], w: list[Linear], share: Linear) -> None:
        """Bound the copies; those at the ends belong to the voltages of the junctions there."""
        ledger, add, low, high = self.ledger, self.ledger.rows, self.bounds.v_min, self.bounds.v_max
        falling = all(self.bounds.falling[s.branch] for s in self.walks[way])
        for i, (node, copy) in enumerate(zip(nodes, w, strict=True)):
            # a junction is fed once, so that it deviates as what feeds it
            if ledger.off and i > 0 and self.grid.buses[node]:
                ledger.deviate(copy, share)
            if low[node] == high[node]:
                add.equal(copy - float(low[node]) * share)
                continue
            # along a falling chain the first node bounds all from above, the last one from below
            if not falling or i == 0 or high[node] < high[nodes[0]]:
                add.at_most(copy - float(high[node]) * share)
            if not falling or i == len(nodes) - 1 or low[node] > low[nodes[-1]]:
                add.at_least(copy - float(low[node]) * share)
        ledger.fed.setdefault(nodes[-1], []).append(w[-1])
        chain, sense = way
        first, last = (0, 1) if sense == 1 else (1, 0)
        for end, copy, node, other in ((first, w[0], nodes[0], nodes[-1]), (last, w[-1], nodes[-1], nodes[0])):
            if node not in ledger.roots:
                ledger.ends.setdefault((chain, end), []).append(copy)
                ledger.joined.setdefault((node, other), []).append((chain, copy, share))

    def _ratings(
        self, step: Step, branch: _Branch, flow: tuple[Linear, Linear, Linear], w: _Pair, share: Linear
    ) -> None:
        """``|s|² l + |y|² v ± 2 (g P - b Q)`` at rated terminals, with flows in from-to direction."""
        g, k = self.grid, step.branch
        p, q, l = flow  # noqa: E741
        p_far, q_far = p - branch.r * l, q - branch.x * l
        at_from = (p, q) if step.away else (-p_far, -q_far)
        at_to = (p_far, q_far) if step.away else (-p, -q)
        seen = branch.near_scale * w[0], branch.far_scale * w[1]
        v_from, v_to = seen if step.away else seen[::-1]
        for r in self.rated.get(k, ()):
            rated = g.ratings
            s, y, here = complex(rated.share[r]), complex(rated.y[r]), bool(rated.at_from[r])
            own = at_from if here else at_to
            own_p, own_q = s.real * own[0] + s.imag * own[1], s.real * own[1] - s.imag * own[0]
            charging = (2 if here else -2) * (y.real * own_p - y.imag * own_q)
            current = abs(s) ** 2 * l + abs(y) ** 2 * (v_from if here else v_to) + charging
            vm = float(np.sqrt(self.bounds.v_max[g.f[k] if here else g.t[k]])) / (float(g.ratio[k]) if here else 1.0)
            if float(rated.limit[r]) < abs(s) * np.sqrt(self.ledger.planes.l_max[k]) + abs(y) * vm:
                self.limits.at_most(current - float(rated.limit[r]) ** 2 * share)

    def _inner(self, node: int, arriving: _Pair, leaving: _Pair, w: Linear, share: Linear) -> None:
        """Balance a node within a closed chain, its hanging tree from below."""
        ledger = self.ledger
        base, y = complex(ledger.base[node]), complex(self.grid.y[node])
        rest_p = arriving[0] - leaving[0] - (base.real * share + y.real * w)
        rest_q = arriving[1] - leaving[1] - (base.imag * share - y.imag * w)
        tree = ledger.planes.hanging.get(node)
        if tree is None:
            ledger.rows.equal(rest_p)
            ledger.rows.equal(rest_q)
        else:
            ledger.hang(tree, (rest_p, rest_q), w, share)


def _nodes(steps: Sequence[Step]) -> list[int]:
    return [steps[0].near, *(s.far for s in steps)]
