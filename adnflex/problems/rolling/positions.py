"""Tap changers and banks of steps in the second stage: read from the net, carried from hour to hour, written back.

Positions are carried in the facts of the hour before, ``"trafo 0 tap_pos"`` or ``"shunt 2 step"``, with the moves of
the day so far, ``"trafo 0 moves"``, so that ``max_moves_per_day`` holds over all hours and not anew in each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pandapower.auxiliary import pandapowerNet

from adnflex.devices import CapacitorBank, Inputs, TapChanger, Timeline, controlled_trafos
from adnflex.devices.capacitor_bank import read_capacitor_banks
from adnflex.devices.footprint import Stamped, stamp
from adnflex.devices.tap_changer import read_tap_changers
from adnflex.errors import InputError
from adnflex.grid.model import Grid
from adnflex.problems.dispatch.reactive import ReactiveProblem

__all__ = ["COLUMNS", "Positions"]

# Column that says the position of each table.
COLUMNS = {"trafo": "tap_pos", "ext_grid": "tap_pos", "shunt": "step"}

Stepped = TapChanger | CapacitorBank


@dataclass(frozen=True, eq=False)
class Positions:
    """Devices with positions.

    Attributes
    ----------
    devices : tuple of TapChanger or CapacitorBank
        As they are in the net.
    grid : Grid
        The grid without the banks.
    """

    devices: tuple[Stepped, ...]
    grid: Grid

    @classmethod
    def of(cls, net: pandapowerNet, grid: Grid) -> Positions:
        """Read the controllable tap changers and banks of a net; `grid` knows its taps.

        Raises
        ------
        InputError
            If something is missing or wrong; all faults at once.
        """
        inputs = Inputs(net, Timeline(1, 1.0, 0.0, np.ones(1)), {}, grid.node_of, set())
        # the voltage limits of the rolling schedule are soft, but a bank has to be sized for some voltage
        banks = read_capacitor_banks(inputs, np.full(grid.n, 1.5**2))
        devices: tuple[Stepped, ...] = (*read_tap_changers(inputs, grid), *banks)
        if inputs.faults:
            raise InputError(inputs.faults)
        assert set(controlled_trafos(inputs)) >= {d.place.index for d in devices if d.place.table == "trafo"}
        y = grid.y.copy()
        for bank in banks:
            if bank.constant_q:
                raise InputError(
                    f"{bank.place}: constant_q is set, and the rolling schedule's reactive power takes banks whose "
                    "power follows the voltage; set net.shunt.constant_q to False, or controllable to False."
                )
            y[bank.place.node] -= np.conj(complex(bank.p_mw, bank.q_mvar)) * bank.steps[bank.initial] / grid.base_mva
        return cls(devices, grid.replace(y=y))

    def __len__(self) -> int:
        return len(self.devices)

    def now(self, before: Mapping[str, float] | None, weight: float) -> list[Stepped]:
        """Devices as they stand, with the moves that are left today, each move weighing `weight` in the objective."""
        found: list[Stepped] = []
        for d in self.devices:
            name, moves, at = _name(d), f"{d.place} moves", d.initial
            if before is not None and name in before:
                off = [abs(d.position(k) - before[name]) for k in range(d.count)]
                at = off.index(min(off))
            made = 0.0 if before is None else before.get(moves, 0.0)
            rules = replace(d.rules, most=max(d.rules.most - made, 0.0), cost=max(weight, 1e-9))
            found.append(replace(d, initial=at, rules=rules))
        return found

    def read(self, problem: ReactiveProblem, before: Mapping[str, float] | None) -> tuple[dict[str, float], Grid]:
        """Positions of a solved hour as facts, and the grid at them."""
        devices = [d for d in problem.devices if isinstance(d, Stepped)]
        taken = [d.decisions(problem.model.device[i], problem.frame)["position:0"] for i, d in enumerate(devices)]
        return self._at(devices, [int(k) for k in taken], before)

    def held(self, before: Mapping[str, float] | None) -> tuple[dict[str, float], Grid]:
        """Positions of the hour before, or of the net, as facts, and the grid at them."""
        devices = self.now(before, 0.0)
        return self._at(devices, [d.initial for d in devices], before)

    def _at(
        self, devices: Sequence[Stepped], steps: Sequence[int], before: Mapping[str, float] | None
    ) -> tuple[dict[str, float], Grid]:
        facts: dict[str, float] = {}
        for device, step in zip(devices, steps, strict=True):
            facts[_name(device)] = device.position(step)
            made = 0.0 if before is None else before.get(f"{device.place} moves", 0.0)
            facts[f"{device.place} moves"] = made + float(step != device.initial)
        g = self.grid
        p, q, ratio, root_v = (part[None, None].copy() for part in (g.p, g.q, g.ratio, g.root_v))
        there = Stamped(p, q, g.y[None, None].copy(), ratio, root_v)
        stamp([d.at(np.array([k]), 1) for d, k in zip(devices, steps, strict=True)], there, g.base_mva)
        return facts, g.replace(y=there.y[0, 0], ratio=there.ratio[0, 0], root_v=there.root_v[0, 0])


def _name(device: Stepped) -> str:
    return f"{device.place} {COLUMNS[device.place.table]}"
