"""The columns of all devices of a box side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import block_diag

from adnflex.arrays import ComplexArray, FloatArray, IntArray
from adnflex.devices.resource import Resource

# A power that says which way a converter stands [MW].
_A_LITTLE = 1e-9


@dataclass(frozen=True)
class Columns:
    """The columns of all resources side by side, k of them a period; the same for every topology.

    Attributes
    ----------
    nodes : (d,) array of int
        Nodes of the resources.
    place : (k,) array of int
        Position among `nodes` of every column.
    p, q : (T, k) array
        Withdrawal per unit [MW, Mvar].
    low, high : (T, k) array
        Bounds.
    rows, limits, owner : (R, k), (T, R), (R,) array
        Rows within a period, ``rows @ x_t <= limits[t]``, and whose they are.
    effort : (k,) array
        Small prices.
    idle : (T, k) array
        Columns if nothing is asked for.
    widths : tuple of int
        Columns of every resource.
    opposite : (o, 2) array of int
        Columns that are the two ways of one power (see `Resource.opposite`).
    converters : tuple of (int, Resource)
        Those that withdraw other than their columns say, and where these begin.
    """

    nodes: IntArray
    place: IntArray
    p: FloatArray
    q: FloatArray
    low: FloatArray
    high: FloatArray
    rows: FloatArray
    limits: FloatArray
    owner: IntArray
    effort: FloatArray
    idle: FloatArray
    widths: tuple[int, ...]
    opposite: IntArray
    converters: tuple[tuple[int, Resource], ...]

    @classmethod
    def of(cls, resources: Sequence[Resource]) -> Columns:
        """Put resources side by side."""
        nodes, place = np.unique(np.concatenate([r.node_of for r in resources]), return_inverse=True)
        widths = tuple(len(r.names) for r in resources)
        owned = list(zip(np.cumsum([0, *widths[:-1]]).tolist(), resources, strict=True))
        return cls(
            nodes,
            place,
            np.hstack([r.p for r in resources]),
            np.hstack([r.q for r in resources]),
            np.hstack([r.low for r in resources]),
            np.hstack([r.high for r in resources]),
            block_diag(*(r.rows for r in resources)),
            np.hstack([r.limits for r in resources]),
            np.repeat(np.arange(len(resources)), [len(r.rows) for r in resources]),
            np.concatenate([r.effort for r in resources]),
            np.hstack([r.idle for r in resources]),
            widths,
            np.array([(a + b, a + c) for a, r in owned for b, c in r.opposite], dtype=np.int64).reshape(-1, 2),
            tuple((a, r) for a, r in owned if r.exact is not None),
        )

    def drawn(self, x: FloatArray) -> ComplexArray:
        """Withdrawals (T, d) at `nodes` for columns (T, k), constants left out [MW + j Mvar]."""
        found = np.zeros((len(self.nodes), len(x)), dtype=complex)
        np.add.at(found, self.place, ((self.p + 1j * self.q) * x).T)
        return found.T

    def lost(self, x: FloatArray) -> FloatArray:
        """Losses of converters (T, d) at `nodes` for columns (T, k), which these leave out [MW]."""
        found = np.zeros((len(x), len(self.nodes)))
        for begin, r in self.converters:
            for node, p in r.lost(x[:, begin : begin + len(r.names)]):
                found[:, np.searchsorted(self.nodes, node)] += p
        return found

    def one_way(self, lower: FloatArray, upper: FloatArray) -> Columns:
        """Leave every power one way in a period, that of both dispatches (T, k) on balance, and never nothing.

        So the states between two such dispatches go smoothly from one to the other: none of them turns a converter.
        """
        low, high = self.low.copy(), self.high.copy()
        for a, b in self.opposite.tolist():
            both = lower + upper
            forth = both[:, a] >= both[:, b]
            high[forth, b] = high[~forth, a] = 0.0
            low[forth, a], low[~forth, b] = (np.minimum(_A_LITTLE, high[side]) for side in ((forth, a), (~forth, b)))
        return replace(self, low=low, high=high)
