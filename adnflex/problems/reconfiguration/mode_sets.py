"""Modes of chains, and the sets of which exactly one is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adnflex.arrays import IntArray
from adnflex.formulations.modes import Mode
from adnflex.grid.core import Core


@dataclass(frozen=True)
class ModeSets:
    """Modes of some chains.

    Attributes
    ----------
    modes : tuple of Mode
        The modes; their chains count from 0.
    chains : int
        How many chains there are; one without a mode cannot be used in any way.
    feeding : tuple of (tuple of int)
        Modes that feed each junction.
    """

    modes: tuple[Mode, ...]
    chains: int
    feeding: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, core: Core, modes: Sequence[Mode]) -> ModeSets:
        """Take all modes of a core."""
        into: dict[int, list[int]] = {j: [] for j in core.junctions}
        for i, mode in enumerate(modes):
            if mode.kind:
                into[core.chains[mode.chain].nodes[-1 if mode.kind == 1 else 0]].append(i)
        return cls(tuple(modes), len(core.chains), tuple(map(tuple, into.values())))

    def part(self, chosen: IntArray, junctions: Sequence[int]) -> ModeSets:
        """Take the modes of some chains, all that each of them has, and some junctions by their number."""
        number = {m: i for i, m in enumerate(chosen.tolist())}
        names, chain = np.unique([self.modes[m].chain for m in number], return_inverse=True)
        modes = tuple(self.modes[m]._replace(chain=c) for m, c in zip(number, chain.tolist(), strict=True))
        return ModeSets(modes, len(names), tuple(tuple(number[m] for m in self.feeding[j]) for j in junctions))
