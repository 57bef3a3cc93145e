r"""How far all voltages together lie below 1: what flows through a branch times the number of nodes behind it.

The drop of a branch counts once for every node behind it, so that the sum of :math:`1 - v_j` over a radial state is

.. math:: \sum_k n_k \big( 2 (r_k P_k + x_k Q_k) + |z_k|^2 l_k \big)

with the power at the far end and the number :math:`n_k` of nodes behind.  Both are flows on the same tree, so that
the power lies between two lines over the number of nodes (`adnflex.formulations.flow_products`), and then the product
has a convex bound that knows both (docs/theory/directed_hull.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.formulations.closed_chains import Passed, Way
from adnflex.formulations.directed_planes import Planes
from adnflex.formulations.flow_products import pieces_of, ratio_spread, strips_of
from adnflex.formulations.ledger import Ledger
from adnflex.formulations.modes import Mode
from adnflex.grid.core import Core
from adnflex.grid.model import Grid
from adnflex.grid.state import Flow


def declare_moments(ledger: Ledger, closed: Mapping[Way, Sequence[Passed]], opened: Sequence[tuple[int, int]]) -> Any:
    """Declare nodes and power behind closed chains, and return a lower bound of the sum of ``1 - v`` that counts.

    Parameters
    ----------
    ledger : Ledger
        The model with its closed and open chains.
    closed : mapping of (int, int) to sequence of Passed
        Branches of every closed chain as it feeds.
    opened : sequence of (int, int)
        Chains with the position of an open branch.
    """
    return _Moments(ledger, closed, opened).declare()


class _Moments:
    def __init__(
        self, ledger: Ledger, closed: Mapping[Way, Sequence[Passed]], opened: Sequence[tuple[int, int]]
    ) -> None:
        self.ledger, self.b, self.closed, self.opened = ledger, ledger.block, closed, opened
        self.pieces = pieces_of(ledger.grid, ledger.core, ledger.planes)
        core = ledger.core
        self.strips = [
            strips_of(self.pieces, core, ledger.grid, part) for part in (self.pieces.need.real, self.pieces.need.imag)
        ]
        self.back = self.pieces.back.real, self.pieces.back.imag
        self.terms: list[Any] = []
        self.flows: dict[int, list[tuple[Any, Any, Any]]] = {j: [] for j in core.junctions}

    def declare(self) -> Any:
        b, total = self.b, self.pieces
        ways = list(self.closed)
        most = float(total.nodes.sum()) * ratio_spread(self.ledger.grid)
        power = total.need.real.sum(), total.need.imag.sum()
        b.behind = pyo.Var(ways, bounds=(0, most), doc="counted nodes at and behind the end of a closed chain")
        b.need = pyo.Var(
            [(*way, part) for way in ways for part in (0, 1)],
            bounds=lambda _, c, d, part: (0, float(power[part])),
            doc="constant active (0) and reactive (1) power drawn there, without losses [pu]",
        )
        parts = range(min(len(strips) for strips in self.strips))
        b.product = pyo.Var(ways, bounds=(0, None), doc="of both beyond the junction itself, times the impedance [pu]")
        b.pull = pyo.Var([(*way, part, t) for way in ways for part in (0, 1) for t in parts], doc="see `pulls`")
        b.moment = pyo.Var([(*way, t) for way in ways for t in parts], bounds=(0, None), doc="its square")
        b.moments = pyo.ConstraintList(doc="nodes and power behind closed chains")
        b.pulls = pyo.Constraint(pyo.Any, doc="flows in proportions that make their squares a bound of the product")
        b.products = pyo.Constraint(pyo.Any, doc="the product of two flows between two lines")
        for way, passed in self.closed.items():
            self._chain(way, passed, most, power)
        b.moment_cone = pyo.Constraint(
            list(b.moment),
            rule=lambda _, c, d, t: (
                b.pull[c, d, 0, t] ** 2 + b.pull[c, d, 1, t] ** 2 <= b.moment[c, d, t] * b.feed[c, d]
            ),
            doc="squares of flows of a closed chain",
        )
        self._stubs()
        self._balance()
        self._hanging()
        return pyo.quicksum(self.terms)

    # -- closed chains -------------------------------------------------------------------------------------------

    def _chain(self, way: Way, passed: Sequence[Passed], most: float, power: tuple[float, float]) -> None:
        """Count the drops of a closed chain, each for all nodes behind it."""
        b, total = self.b, self.pieces
        share, far, near = b.feed[way], passed[-1].step.far, passed[0].step.near
        nodes, drawn = b.behind[way], (b.need[(*way, 0)], b.need[(*way, 1)])
        own_n, own = float(total.nodes[far]), (float(total.need[far].real), float(total.need[far].imag))
        b.moments.add(nodes >= own_n * share)
        b.moments.add(nodes <= most * share)
        for part in (0, 1):
            b.moments.add(drawn[part] >= own[part] * share)
            b.moments.add(drawn[part] <= float(power[part]) * share)
        # nodes behind a branch are ``inner share + scale nodes``, power ``base share + drawn``
        inner, scale, base, weight = 0.0, 1.0, np.zeros(2), np.zeros(2)
        for i in range(len(passed) - 1, -1, -1):
            one = passed[i]
            if i < len(passed) - 1:
                inner += float(total.nodes[one.step.far])
                base += (total.need[one.step.far].real, total.need[one.step.far].imag)
            behind, least = inner * share + scale * nodes, inner + scale * own_n
            for part, z in ((0, one.r), (1, one.x)):
                self._drop(part, 2 * z / one.far_scale, one, (behind, least), (base[part], drawn[part]), inner, share)
                weight[part] += max(2 * z / one.far_scale, 0.0) * scale
            self.terms.append((one.r**2 + one.x**2) / one.far_scale * least * one.l.expression())
            # a ratio on the way: n (1 - v_far) = n a/b (1 - v_near) + n (1 - a/b) + n drop/b
            turn = one.near_scale / one.far_scale
            if turn != 1:
                self.terms.append((1 - turn) * behind)
            inner, scale = inner * turn, scale * turn
        self._product(way, weight, (own_n, own), share)
        taken = inner * share + scale * nodes
        if near in self.ledger.roots:
            self.terms.append((1 - float(self.ledger.bounds.v_max[near])) * taken)
        else:
            self.flows[near].append((-taken, -base[0] * share - drawn[0], -base[1] * share - drawn[1]))
        self.flows[far].append((nodes, *drawn))

    def _drop(
        self,
        part: int,
        z: float,
        one: Passed,
        behind: tuple[Any, float],
        drawn: tuple[float, Any],
        inner: float,
        share: Any,
    ) -> None:
        """Count ``z power nodes`` but for the product of what is unknown of both."""
        nodes, least = behind
        power = one.left[part].expression()
        if z == 0:
            return
        if z < 0:
            self.terms.append(z * one.most * nodes)
            return
        base, unknown = drawn
        back = float(self.back[part][one.step.branch])
        # B n / share: all but the product of the two unknown flows is linear
        self.terms.append(z * (base * nodes + inner * unknown))
        # losses and what else is drawn beyond B, for the nodes that are known to be behind
        self.terms.append(z * (least * (power + back * share - base * share - unknown) - back * nodes))

    def _product(self, way: Way, weight: np.ndarray, own: tuple[float, tuple[float, float]], share: Any) -> None:
        """Bound the product of power and nodes behind the junction at the end of a chain."""
        b, nodes = self.b, self.b.behind[way]
        own_n, own_s = own
        drawn = b.need[(*way, 0)], b.need[(*way, 1)]
        for part in (0, 1):
            # the junction itself is there for sure
            known = own_n * drawn[part] + own_s[part] * nodes - own_n * own_s[part] * share
            self.terms.append(float(weight[part]) * known)
        b.product[way].setub(sum(float(w) * d.ub for w, d in zip(weight, drawn, strict=True)) * nodes.ub)
        self.terms.append(b.product[way])
        for t, strips in enumerate(zip(*self.strips, strict=False)):
            linear, size = [], 0.0
            for part, strip in enumerate(strips):
                pull, per = b.pull[(*way, part, t)], float(weight[part]) / strip.width if strip.width else 0.0
                rest_n, rest = nodes - own_n * share, drawn[part] - own_s[part] * share
                b.pulls.add((*way, part, t), pull == float(np.sqrt(per)) * (rest + strip.mean * rest_n))
                pull.setub(float(np.sqrt(per)) * (drawn[part].ub + strip.mean * nodes.ub))
                pull.setlb(-pull.ub)
                size += pull.ub**2
                linear.append(per * strip.above * strip.below * share + per * (strip.above - strip.below) * rest)
                linear.append(per * (strip.high * strip.below - strip.above * strip.low) * rest_n)
            b.moment[(*way, t)].setub(size)
            b.products.add((*way, t), b.product[way] >= b.moment[(*way, t)] - pyo.quicksum(linear))

    # -- what else there is --------------------------------------------------------------------------------------

    def _stubs(self) -> None:
        """Count what stubs sag below their junctions, and the nodes in them there."""
        b, ledger, total = self.b, self.ledger, self.pieces
        positions: dict[int, list[int]] = {}
        for c, i in self.opened:
            positions.setdefault(c, []).append(i)
        keys = [(c, end) for c in positions for end in (0, 1)]
        top = float(total.nodes.sum() * max(ledger.bounds.v_max.max(), 1.0))
        b.stub_sag = pyo.Var(keys, bounds=(-top, top), doc="sum of ``v_junction - v`` over counted nodes of stubs")
        for c, end in keys:
            chain = ledger.core.chains[c]
            node, v_root = (
                chain.nodes[0 if end == 0 else -1],
                float(ledger.bounds.v_max[chain.nodes[0 if end == 0 else -1]]),
            )
            root = node in ledger.roots
            shares = [b.open_at[c, i] for i in positions[c]]
            copies = [v_root * s if root else b.end_v[c, i, end] for i, s in zip(positions[c], shares, strict=True)]
            trees = [ledger.planes.stubs[c, end, i] for i in positions[c]]
            inside = [chain.nodes[1 : i + 1] if end == 0 else chain.nodes[i + 1 : -1] for i in positions[c]]
            counts = [float(total.nodes[list(nodes)].sum()) for nodes in inside]
            needs = [complex(total.need[list(nodes)].sum()) for nodes in inside]
            for k in range(trees[0].sag.shape[1]):
                b.moments.add(
                    b.stub_sag[c, end]
                    >= pyo.quicksum(
                        (float(t.sag[0, k]) - n) * s + (float(t.sag[1, k]) + n) * v
                        for t, n, s, v in zip(trees, counts, shares, copies, strict=True)
                    )
                )
            self.terms.append(b.stub_sag[c, end])
            count = pyo.quicksum(n * s for n, s in zip(counts, shares, strict=True))
            if root:
                self.terms.append((1 - v_root) * count)
            else:
                drawn = [
                    pyo.quicksum(part(n) * s for n, s in zip(needs, shares, strict=True)) for part in (np.real, np.imag)
                ]
                self.flows[node].append((-count, -drawn[0], -drawn[1]))

    def _balance(self) -> None:
        total = self.pieces
        for j, parts in self.flows.items():
            own = float(total.nodes[j]), float(total.need[j].real), float(total.need[j].imag)
            for which in range(3 if parts else 0):
                self.b.moments.add(pyo.quicksum(p[which] for p in parts) == own[which])

    def _hanging(self) -> None:
        """Count what trees sag below the nodes of the core on which they hang."""
        ledger = self.ledger
        for j in ledger.core.junctions:
            tree = ledger.planes.hanging.get(j)
            if tree is not None:
                count = float(self.pieces.nodes[j] - ledger.planes.sagging[j])
                self.terms.append(float(tree.sag[0, -1]) - count + (float(tree.sag[1, -1]) + count) * self.b.v[j])
        for way, passed in self.closed.items():
            for i, one in enumerate(passed[:-1]):
                tree = ledger.planes.hanging.get(one.step.far)
                if tree is not None:
                    count = float(self.pieces.nodes[one.step.far] - ledger.planes.sagging[one.step.far])
                    share, copy = self.b.feed[way], self.b.w[(*way, i + 1)]
                    self.terms.append(
                        (float(tree.sag[0, -1]) - count) * share + (float(tree.sag[1, -1]) + count) * copy
                    )


def moments_at(
    b: pyo.Block, grid: Grid, core: Core, planes: Planes, modes: Sequence[Mode], flow: Flow
) -> Iterator[tuple[Any, float]]:
    """Values of what is behind closed chains and of what stubs sag in an exact state, whose modes are given."""
    nodes, need, _ = pieces_of(grid, core, planes)
    behind = {j: np.array([nodes[j], need[j].real, need[j].imag]) for j in (*core.junctions, *grid.roots.tolist())}
    deep = []
    for mode in modes:
        chain = core.chains[mode.chain]
        if mode.kind:
            deep.append((-int(flow.forest.depth[chain.nodes[-1 if mode.kind == 1 else 0]]), mode))
            continue
        for end, inside in ((0, chain.nodes[1 : mode.at + 1]), (1, chain.nodes[mode.at + 1 : -1])):
            node = chain.nodes[0 if end == 0 else -1]
            hung = [v for j in inside for v in (j, *(s.far for s in core.hanging.get(j, ())))]
            yield b.stub_sag[mode.chain, end], float((planes.sagging[hung] * (flow.v[node] - flow.v[hung])).sum())
            taken = nodes[list(inside)].sum(), need[list(inside)].sum()
            behind[node] = behind[node] + np.array([taken[0], taken[1].real, taken[1].imag])
    for _, mode in sorted(deep):
        way = (mode.chain, mode.kind)
        steps = core.chains[mode.chain].steps(mode.kind == 1)
        carried = behind[steps[-1].far].copy()
        yield b.behind[way], float(carried[0])
        yield b.need[(*way, 0)], float(carried[1])
        yield b.need[(*way, 1)], float(carried[2])
        for i, step in enumerate(reversed(steps)):
            if i:
                carried += (nodes[step.far], need[step.far].real, need[step.far].imag)
            ratio2 = float(grid.ratio[step.branch]) ** 2
            carried[0] *= 1 / ratio2 if step.away else ratio2
        behind[steps[0].near] = behind[steps[0].near] + carried
