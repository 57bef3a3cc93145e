"""Ways to halve the modes of a chain: open or closed, one sense or the other, some positions or the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.formulations.modes import Mode

# Weights of the kinds of splits: what is decided first.
_SENSE, _HALVES = 0.9, 0.3

_FRACTION = 1e-4


class Split(NamedTuple):
    """Two parts of the modes of a chain, and how promising it is to tell them apart."""

    score: float
    first: IntArray
    second: IntArray


class Splits:
    """Splits of modes.

    Parameters
    ----------
    modes : sequence of Mode
        The modes.
    chains : int
        How many chains there are.
    """

    def __init__(self, modes: Sequence[Mode], chains: int) -> None:
        self.chain = np.array([m.chain for m in modes], dtype=np.int64)
        self.kind = np.array([m.kind for m in modes], dtype=np.int64)
        self.at = np.array([m.at for m in modes], dtype=np.int64)
        self.of_chain = [np.flatnonzero(self.chain == c) for c in range(chains)]

    def of(self, allowed: BoolArray, shares: FloatArray) -> list[Split]:
        """List ways to halve the modes of a chain, the most promising first, by the shares of a relaxation."""
        found = []
        for of_chain in self.of_chain:
            left = of_chain[allowed[of_chain]]
            if len(left) < 2:
                continue
            weight = np.clip(shares[left], 0, 1)
            weight = weight / max(float(weight.sum()), 1e-9)
            is_open = self.kind[left] == 0
            opened, closed, share = left[is_open], left[~is_open], float(weight[is_open].sum())
            if len(opened) and len(closed):
                found.append(Split(min(share, 1 - share), opened, closed))
            if len(closed) == 2:
                for i in (0, 1):
                    part = float(weight[~is_open][i])
                    if min(part, 1 - part) > _FRACTION:
                        found.append(
                            Split(_SENSE * min(part, 1 - part), closed[i : i + 1], np.setdiff1d(left, closed[i]))
                        )
            if len(opened) > 1:
                found += self._halves(left, opened[np.argsort(self.at[opened])], shares, bool(len(closed)))
        return sorted(found, key=lambda s: -s.score)

    def _halves(self, left: IntArray, opened: IntArray, shares: FloatArray, may_close: bool) -> list[Split]:
        parts = np.cumsum(np.clip(shares[opened], 0, 1))
        total = float(parts[-1])
        if total <= _FRACTION:
            return []
        cut = int(np.argmin(np.abs(parts / total - 0.5)[:-1]))
        first, part = opened[: cut + 1], float(parts[cut])
        if not may_close:
            return [Split(min(part, total - part) / total, first, opened[cut + 1 :])]
        return [Split(_HALVES * min(part, total - part), first, np.setdiff1d(left, first))]
