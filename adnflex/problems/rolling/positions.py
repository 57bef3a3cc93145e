"""Devices with positions in the second stage: carried from hour to hour, written back.

Positions are carried in the facts of the hour before, ``"trafo 0 tap_pos"`` or ``"shunt 2 step"``, with the moves of
the day so far, ``"trafo 0 moves"``, so that ``max_moves_per_day`` holds over all hours and not anew in each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adnflex.devices import Positioned, able
from adnflex.devices.footprint import Stamped, stamp
from adnflex.errors import InputError
from adnflex.grid.model import Grid
from adnflex.problems.dispatch.reactive import ReactiveProblem
from adnflex.problems.rolling.read import RollingStudy


@dataclass(frozen=True, eq=False)
class Positions:
    """Devices with positions.

    Attributes
    ----------
    devices : tuple of Positioned
        As they are in the net.
    grid : Grid
        The grid without what stands at them.
    """

    devices: tuple[Positioned, ...]
    grid: Grid

    @classmethod
    def of(cls, found: RollingStudy) -> Positions:
        """Take the devices with positions of a study.

        Raises
        ------
        InputError
            If the power of one does not follow the voltage.
        """
        devices, grid = tuple(able(found.study.devices, Positioned)), found.study.grid
        y = grid.y.copy()
        for device in devices:
            for w in device.at(np.array([device.count - 1]), 1).withdrawals:
                if np.any(w.p_mw) or np.any(w.q_mvar):
                    raise InputError(
                        f"{device.place}: constant_q is set, and the rolling schedule's reactive power takes banks "
                        "whose power follows the voltage; set net.shunt.constant_q to False, or controllable to False."
                    )
            for w in device.at(np.array([device.initial]), 1).withdrawals:
                y[w.node] -= np.conj(np.asarray(w.shunt_mva).sum()) / grid.base_mva
        return cls(devices, grid.replace(y=y))

    def __len__(self) -> int:
        return len(self.devices)

    def now(self, before: Mapping[str, float] | None, weight: float) -> list[Any]:
        """Devices as they stand, with the moves that are left today, each move weighing `weight` in the objective."""
        found = []
        for d in self.devices:
            name, moves, at = fact_of(d), f"{d.place} moves", d.initial
            if before is not None and name in before:
                at = step_at(d, before[name])
            made = 0.0 if before is None else before.get(moves, 0.0)
            rules = replace(d.rules, most=max(d.rules.most - made, 0.0), cost=max(weight, 1e-9))
            same: Any = d
            found.append(replace(same, initial=at, rules=rules))
        return found

    def read(self, problem: ReactiveProblem, before: Mapping[str, float] | None) -> tuple[dict[str, float], Grid]:
        """Positions of a solved hour as facts, and the grid at them."""
        blocks = [(i, d) for i, d in enumerate(problem.devices) if isinstance(d, Positioned)]
        taken = [int(d.decisions(problem.model.device[i], problem.frame)["position:0"]) for i, d in blocks]
        return self._at([d for _, d in blocks], taken, before)

    def held(self, before: Mapping[str, float] | None) -> tuple[dict[str, float], Grid]:
        """Positions of the hour before, or of the net, as facts, and the grid at them."""
        devices = self.now(before, 0.0)
        return self._at(devices, [d.initial for d in devices], before)

    def _at(
        self, devices: Sequence[Positioned], steps: Sequence[int], before: Mapping[str, float] | None
    ) -> tuple[dict[str, float], Grid]:
        facts: dict[str, float] = {}
        for device, step in zip(devices, steps, strict=True):
            facts[fact_of(device)] = device.position(step)
            made = 0.0 if before is None else before.get(f"{device.place} moves", 0.0)
            facts[f"{device.place} moves"] = made + float(step != device.initial)
        g = self.grid
        p, q, ratio, root_v = (part[None, None].copy() for part in (g.p, g.q, g.ratio, g.root_v))
        there = Stamped(p, q, g.y[None, None].copy(), ratio, root_v)
        stamp([d.at(np.array([k]), 1) for d, k in zip(devices, steps, strict=True)], there, g.base_mva)
        return facts, g.replace(y=there.y[0, 0], ratio=there.ratio[0, 0], root_v=there.root_v[0, 0])


def fact_of(device: Positioned) -> str:
    """Name of the fact that says where a device stands: element and column."""
    _, column, _ = next(iter(device.written(device.initial)))
    return f"{device.place} {column}"


def step_at(device: Positioned, position: float) -> int:
    """Step of a device that comes nearest to a position."""
    return int(np.argmin([abs(device.position(k) - position) for k in range(device.count)]))
