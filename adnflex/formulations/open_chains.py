"""Open chains of the directed chain hull: two stubs without choice each, bounded by their supporting planes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray, IntArray
from adnflex.formulations.directed_planes import Drawn
from adnflex.formulations.ledger import Ledger
from adnflex.solvers.sums import IndexedTerms, Linear, RowList, summed


def declare_open(ledger: Ledger, ways: Sequence[tuple[int, int]]) -> None:
    """Declare copies ``end_v`` of voltages by (chain, position, end) and what stubs draw and lose by (chain, end).

    `ways` are chains with the position of an open branch.
    """
    _Open(ledger, ways).declare()


class _Open:
    def __init__(self, ledger: Ledger, ways: Sequence[tuple[int, int]]) -> None:
        self.ledger, self.b, self.grid, self.bounds = ledger, ledger.block, ledger.grid, ledger.bounds
        self.ways, self.rows = ways, RowList()
        self.positions: dict[int, list[int]] = {}
        for c, i in ways:
            self.positions.setdefault(c, []).append(i)

    def declare(self) -> None:
        b = self.b
        self.open_at = IndexedTerms(b.open_at)
        self._copies()
        keys = [(c, end) for c in self.positions for end in (0, 1)]
        b.stub_p = pyo.Var(keys, bounds=lambda _, c, e: self._span(c, e, "p"), doc="beyond constant power [pu]")
        b.stub_q = pyo.Var(keys, bounds=lambda _, c, e: self._span(c, e, "q"), doc="beyond constant power [pu]")
        b.stub_loss = pyo.Var(keys, bounds=lambda _, c, e: self._span(c, e, "loss"), doc="losses [pu]")
        if self.ledger.off:
            b.stub_off = pyo.Var(keys, bounds=lambda _, c, e: self._span(c, e, "off"), doc="deviations [pu]")
        named = [
            ("loss", b.stub_loss),
            ("p", b.stub_p),
            ("q", b.stub_q),
            *([("off", b.stub_off)] if self.ledger.off else []),
        ]
        self.drawn = {what: IndexedTerms(variable) for what, variable in named}
        for c, end in keys:
            self._stub(c, end)
        self.rows.declare(b, "stub", doc="what the stubs of open chains draw and lose")

    def _node(self, chain: int, end: int) -> int:
        return self.ledger.core.chains[chain].nodes[0 if end == 0 else -1]

    def _trees(self, chain: int, end: int) -> list[Drawn]:
        return [self.ledger.planes.stubs[chain, end, i] for i in self.positions[chain]]

    def _copies(self) -> None:
        b, ledger, high = self.b, self.ledger, self.bounds.v_max
        ends = [(c, i, end) for c, i in self.ways for end in (0, 1) if self._node(c, end) not in ledger.roots]
        b.end_v = pyo.Var(
            ends,
            bounds=lambda _, c, i, end: (0, high[self._node(c, end)]),
            doc="squared voltage at the end of a chain that is open at a branch, else 0 [pu]",
        )
        self.end_v = IndexedTerms(b.end_v)
        for c, i, end in ends:
            node, copy, share = self._node(c, end), self.end_v[c, i, end], self.open_at[c, i]
            # limits within the stub count as limits of the voltage where it hangs
            low, top = (float(v) for v in ledger.planes.stubs[c, end, i].span)
            self.rows.at_most(copy - min(top, float(high[node])) * share)
            self.rows.at_least(copy - max(low, float(self.bounds.v_min[node])) * share)
            ledger.ends.setdefault((c, end), []).append(copy)

    # -- one end of a chain --------------------------------------------------------------------------------------

    def _stub(self, c: int, end: int) -> None:
        ledger, node = self.ledger, self._node(c, end)
        trees, root = self._trees(c, end), node in ledger.roots
        shares = [self.open_at[c, i] for i in self.positions[c]]
        v_root = float(self.bounds.v_max[node])
        copies = [v_root * s if root else self.end_v[c, i, end] for i, s in zip(self.positions[c], shares, strict=True)]
        for what in ("loss", *(() if root else ("p", "q")), *(("off",) if ledger.off else ())):
            self._supported(self.drawn[what][c, end], [getattr(t, what) for t in trees], shares, copies)
        ledger.lost.append(self.drawn["loss"][c, end])
        if ledger.off:
            ledger.away.append(self.b.stub_off[c, end])
        if not root:
            self._draw(c, end, trees, shares)

    def _supported(
        self, variable: Linear, planes: list[FloatArray], shares: list[Linear], copies: list[Linear]
    ) -> None:
        """Keep what all positions add up to above every one of their planes."""
        count = planes[0].shape[1]
        rows = {tuple(np.round(np.concatenate([p[:, k] for p in planes]), 14)) for k in range(count)}
        for k in range(count) if len(rows) > 1 else (count - 1,):
            parts = [
                part
                for plane, share, copy in zip(planes, shares, copies, strict=True)
                for part in (float(plane[0, k]) * share, float(plane[1, k]) * copy)
            ]
            self.rows.at_least(variable - summed(parts))

    def _draw(self, c: int, end: int, trees: list[Drawn], shares: list[Linear]) -> None:
        """Book what the stubs draw from their junction."""
        ledger, node = self.ledger, self._node(c, end)
        p, q, loss = (self.drawn[what][c, end] for what in ("p", "q", "loss"))
        per_loss = max(t.per_loss for t in trees)
        if all(t.plain for t in trees):
            self.rows.equal(p - loss)
            if np.isfinite(per_loss):
                self.rows.at_most(q - per_loss * loss)
        ledger.p_in[node].append(-p - summed(float(t.base.real) * s for t, s in zip(trees, shares, strict=True)))
        ledger.q_in[node].append(-q - summed(float(t.base.imag) * s for t, s in zip(trees, shares, strict=True)))

    # -- ranges --------------------------------------------------------------------------------------------------

    def _span(self, c: int, end: int, what: str) -> tuple[float, float]:
        """Range of a stub variable: the lowest of all planes, and what losses and charging can come to at most."""
        most, node = self._most(c, what), self._node(c, end)
        if what in ("loss", "off"):
            return 0.0, most
        planes = [getattr(tree, what) for tree in self._trees(c, end)]
        span = float(self.bounds.v_min[node]), float(self.bounds.v_max[node])
        # each plane is a bound, so the highest of them at a voltage is one; over all voltages, any single one
        low = [max(min(a + b * v for v in span) for a, b in plane.T) for plane in planes]
        return min(0.0, *low), most

    def _most(self, c: int, what: str) -> float:
        """Largest value of what a chain's stubs can draw beyond constant power, lose or deviate."""
        g, bounds, cap = self.grid, self.bounds, self.ledger.loss_cap
        branches, nodes = self._all_of(c)
        v, y, l_max = bounds.v_max[nodes], g.y[nodes], self.ledger.planes.l_max[branches]
        if what == "off":
            return float(np.maximum(np.abs(v - 1), np.abs(bounds.v_min[nodes] - 1)).sum())
        at_from, at_to = bounds.v_max[g.f[branches]] / g.ratio[branches] ** 2, bounds.v_max[g.t[branches]]
        if what == "q":
            shunt = np.maximum(np.maximum(-g.y_from[branches].imag, -g.open_from[branches].imag), 0) * at_from
            shunt = shunt + np.maximum(np.maximum(-g.y_to[branches].imag, -g.open_to[branches].imag), 0) * at_to
            series = float((np.maximum(g.x[branches], 0) * l_max).sum())
            return series + float(shunt.sum() + (np.maximum(-y.imag, 0) * v).sum())
        shunt = np.maximum(g.y_from[branches].real, g.open_from[branches].real) * at_from
        shunt = shunt + np.maximum(g.y_to[branches].real, g.open_to[branches].real) * at_to
        lost = min(float((g.r[branches] * l_max).sum() + np.maximum(shunt, 0).sum()), cap)
        return lost if what == "loss" else lost + float((np.maximum(y.real, 0) * v).sum())

    def _all_of(self, c: int) -> tuple[IntArray, IntArray]:
        """Branches and nodes of a chain with all that hangs on it."""
        core = self.ledger.core
        chain = core.chains[c]
        steps = [s for node in chain.nodes[1:-1] for s in core.hanging.get(node, ())]
        branches, nodes = [*chain.branches, *(s.branch for s in steps)], [*chain.nodes, *(s.far for s in steps)]
        return np.array(branches, dtype=np.int64), np.array(nodes, dtype=np.int64)
