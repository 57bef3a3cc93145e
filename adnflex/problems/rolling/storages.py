r"""Storages of the nodes as arrays: the powers that keep every energy limit to come, energy after an hour, wear.

The energy is that of `adnflex.devices.stored_energy`. Where a storage has an energy to end with, the powers of an hour
are those after which it can still be reached, whatever comes; so every policy reaches it.

References
----------
Xu et al., doi:10.3390/wevj16090515, section 2.2 (dynamics of the storage), with losses in both directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adnflex.arrays import FloatArray, IntArray
from adnflex.devices import Storage
from adnflex.devices.stored_energy import EnergyStep, reachable

# An hour is the step [h].
_HOUR = 1.0


@dataclass(frozen=True, eq=False)
class Storages:
    """Storages as arrays of length k over H hours; a node may have several.

    Attributes
    ----------
    index : (k,) int array
        Index in ``net.storage``.
    node : (k,) int array
        Position of their node in the case, ascending.
    low, high, start : (k,) array
        Least, most and first energy [MWh].
    charge, discharge : (k,) array
        Largest powers [MW].
    step : EnergyStep
        What an hour does to their energy.
    wear, price : (k,) array
        Cost of energy charged and of energy discharged; cost of energy charged, which discharging earns [money/MWh].
    floor, ceiling : (H + 1, k) array
        Energies at the start of each hour from which all limits to come can be kept [MWh].
    """

    index: IntArray
    node: IntArray
    low: FloatArray
    high: FloatArray
    start: FloatArray
    charge: FloatArray
    discharge: FloatArray
    step: EnergyStep
    wear: FloatArray
    price: FloatArray
    floor: FloatArray
    ceiling: FloatArray

    @classmethod
    def of(cls, specs: Sequence[Storage], node: IntArray, hours: int) -> Storages:
        """Put devices side by side.

        Parameters
        ----------
        specs : sequence of Storage
            The devices, in the order of their nodes.
        node : (k,) int array
            Their nodes in the case.
        hours : int
            Number H of hours.
        """

        def each(name: str) -> FloatArray:
            return np.array([getattr(s, name) for s in specs], dtype=float)

        # what the rating leaves beside the reactive power that stays
        charge, discharge = (
            np.array([float(s.inverter.within(np.full((1, 1), getattr(s, name))).min()) for s in specs])
            for name in ("charge_mw", "discharge_mw")
        )
        step = EnergyStep.of(each("keep"), each("charging"), each("discharging"), _HOUR)
        low, high = each("e_min"), each("e_max")
        end = np.where([s.end_given for s in specs], each("e_end"), np.nan).astype(float)
        floor, ceiling = reachable(step, (low, high), (discharge, charge), end, hours)
        return cls(
            index=np.array([s.place.index for s in specs], dtype=np.int64),
            node=node,
            low=low,
            high=high,
            start=np.clip(each("e_start"), each("e_min"), each("e_max")),
            charge=charge,
            discharge=discharge,
            step=step,
            wear=each("cost_per_mwh"),
            price=np.array([s.curve.slope for s in specs], dtype=float),
            floor=floor,
            ceiling=ceiling,
        )

    @cached_property
    def sites(self) -> IntArray:
        """Nodes (m,) that have any, ascending."""
        return np.unique(self.node)

    def of_sites(self, values: FloatArray) -> FloatArray:
        """Sum values (k,) or (k, B) of the storages of each site, (m,) or (m, B)."""
        if len(self.sites) == len(self.node):
            return values
        return np.asarray(np.add.reduceat(values, np.searchsorted(self.node, self.sites), axis=0))

    def taken(self, residual: FloatArray, power: FloatArray) -> None:
        """Take their powers (k,) or (k, B) out of the residual of the nodes (n,) or (n, B), in place."""
        if len(self.sites) == len(self.node):
            residual[self.node] -= power
        else:
            np.subtract.at(residual, self.node, power)

    def __len__(self) -> int:
        return len(self.index)

    def powers(self, energy: FloatArray, hour: int) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest power in an hour from an energy, charge positive, (k,) or (k, B) [MW].

        Where a limit cannot be kept any more, both are the power that comes nearest.
        """
        wide = (slice(None), *(None for _ in energy.shape[1:]))
        step, charge, discharge = self._wide(energy.ndim), self.charge[wide], self.discharge[wide]
        low = np.maximum(-discharge, step.power_to(energy, self.floor[hour + 1][wide]))
        high = np.minimum(charge, step.power_to(energy, self.ceiling[hour + 1][wide]))
        return np.minimum(low, charge), np.maximum(high, -discharge)

    def clip(self, energy: FloatArray, power: FloatArray, hour: int) -> FloatArray:
        """Bring powers into their limits, (k,) or (k, B) [MW]."""
        low, high = self.powers(energy, hour)
        return np.minimum(np.maximum(power, low), high)

    def after(self, energy: FloatArray, power: FloatArray) -> FloatArray:
        """Energy after an hour of a power within its limits, (k,) or (k, B) [MWh]."""
        result: FloatArray = self._wide(energy.ndim).after(energy, power)
        return result

    @property
    def priced(self) -> bool:
        """Whether their power costs anything."""
        return bool(self.wear.any() or self.price.any())

    def cost(self, power: FloatArray) -> FloatArray:
        """Cost of the powers of an hour (k,) or (k, B), () or (B,) [money]."""
        result: FloatArray = self.wear @ np.abs(power) + self.price @ power
        return result

    def band(self, energy: FloatArray, hour: int) -> tuple[FloatArray, FloatArray]:
        """Band (T, k) at the end of every hour from `hour` on, widened to where `energy` can get at all [MWh]."""
        floor, ceiling = self.floor[hour + 1 :].copy(), self.ceiling[hour + 1 :].copy()
        bottom = top = energy
        for t in range(len(floor)):
            bottom = np.maximum(self.step.energy(bottom, 0.0, self.discharge), self.low)
            top = np.minimum(self.step.energy(top, self.charge, 0.0), self.high)
            floor[t], ceiling[t] = np.minimum(floor[t], top), np.maximum(ceiling[t], bottom)
        return floor, ceiling

    def _wide(self, ndim: int) -> EnergyStep:
        """Step for energies (k,) or (k, B)."""
        s = self.step
        return s if ndim == 1 else EnergyStep(s.kept[:, None], s.gained[:, None], s.drawn[:, None])


def split_among(total: FloatArray, node: IntArray, powers: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Split powers of sites (m, B) among the storages of each, in proportion to what each can take or give, (k, B).

    All storages of a site charge or all discharge, as far as their limits let them.

    Examples
    --------
    >>> low, high = np.array([[-1.0], [-1.0]]), np.array([[0.0], [3.0]])
    >>> split_among(np.array([[2.0]]), np.zeros(2, dtype=int), (low, high)).ravel().tolist()
    [0.0, 2.0]
    >>> split_among(np.array([[-1.0]]), np.zeros(2, dtype=int), (low, high)).ravel().tolist()
    [-0.5, -0.5]
    """
    sites, site = np.unique(node, return_inverse=True)
    if len(sites) == len(node):
        return total
    low, high = powers
    rest = np.clip(0.0, low, high)
    starts = np.searchsorted(node, sites)
    more = (total - np.add.reduceat(rest, starts, axis=0))[site]
    room = np.where(more > 0, high - rest, rest - low)
    whole = np.add.reduceat(room, starts, axis=0)[site]
    return np.asarray(rest + np.divide(more * room, whole, out=np.zeros_like(more), where=whole > 0))
