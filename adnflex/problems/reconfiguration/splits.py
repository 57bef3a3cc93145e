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

# Weight of a part that is not decided, beside the power that moves as a part of the most in any split. Of chains that
# carry little it matters little where they are open, however undecided that is: of 39 junctions and 84 chains one line
# made three quarters of the gap, and it was the fifteenth in the order of shares.
_FRACTIONAL = 0.3


class Split(NamedTuple):
    """Two parts of the modes of a chain, and how promising it is to tell them apart.

    Attributes
    ----------
    score : float
        How far the relaxation is from having told them apart.
    first, second : array of int
        The parts.
    loose : float
        Power that moves where it is decided: what a part carries, times the share of the other one.
    """

    score: float
    first: IntArray
    second: IntArray
    loose: float = 0.0


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

    def of(self, allowed: BoolArray, shares: FloatArray, carried: FloatArray | None = None) -> list[Split]:
        """List ways to halve the modes of a chain, the most promising first.

        Parameters
        ----------
        allowed : (k,) array of bool
            The modes that are left.
        shares : (k,) array
            Their shares at the optimum of a relaxation.
        carried : (k,) array, optional
            Power that they carry there.
        """
        found = []
        power = np.zeros(len(shares)) if carried is None else carried
        for of_chain in self.of_chain:
            left = of_chain[allowed[of_chain]]
            if len(left) < 2:
                continue
            weight = np.clip(shares[left], 0, 1)
            weight = weight / max(float(weight.sum()), 1e-9)
            is_open = self.kind[left] == 0
            opened, closed = left[is_open], left[~is_open]

            def split(first: BoolArray, left: IntArray = left, weight: FloatArray = weight) -> Split:
                part = float(weight[first].sum())
                loose = float(power[left[first]].sum()) * (1 - part) + float(power[left[~first]].sum()) * part
                return Split(min(part, 1 - part), left[first], left[~first], loose)

            if len(opened) and len(closed):
                found.append(split(is_open))
            if len(closed) == 2:
                sides = [split(left == k) for k in closed]
                found += [s._replace(score=_SENSE * s.score) for s in sides if s.score > _FRACTION]
            if len(opened) > 1:
                found += self._halves(left, opened[np.argsort(self.at[opened])], shares, bool(len(closed)))
        most = max((s.loose for s in found), default=0.0)
        unit = 1 / most if most > 0 else 0.0
        return sorted(found, key=lambda s: -(s.loose * unit + _FRACTIONAL * s.score))

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
