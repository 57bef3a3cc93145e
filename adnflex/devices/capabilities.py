"""What some devices can do beyond a `Device`: nobody asks which class a device is, only what it is able to.

`able` picks the devices with a capability, whatever their class; a new device takes part in everything whose members
it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import pyomo.environ as pyo

from adnflex.arrays import FloatArray, IntArray
from adnflex.devices.base import Frame, Place, Schedule

if TYPE_CHECKING:
    from adnflex.devices.inverter import Inverter
    from adnflex.devices.moves import MoveRules


T = TypeVar("T")


def able(devices: Iterable[Any], capability: type[T]) -> list[T]:
    """Return the devices that have a capability, in their order."""
    return [d for d in devices if isinstance(d, capability)]


@runtime_checkable
class Lossy(Protocol):
    """Loses power between its terminals, which counts as a loss of the network: the sum of its withdrawals."""

    place: Place

    def lost(self, block: pyo.Block, s: int, t: int) -> Any:
        """Loss of a declared block in scenario and period [pu]."""


@runtime_checkable
class MovesVoltages(Protocol):
    """Sets ratios of branches or voltages of roots."""

    place: Place

    def voltages(self) -> tuple[dict[int, tuple[float, float]], dict[int, tuple[float, float]]]:
        """Range of the ratios of branches, and of the squared voltages of roots [pu]."""


@runtime_checkable
class MovesTogether(Protocol):
    """Moves tap positions (E, K) of elements together."""

    place: Place
    elements: tuple[int, ...]
    positions: FloatArray


@runtime_checkable
class Positioned(Protocol):
    """Stands at one of several positions, each a step; the step before the horizon is `initial`."""

    place: Place
    initial: int
    rules: MoveRules

    @property
    def count(self) -> int:
        """Number of steps."""

    @property
    def admitted(self) -> list[int]:
        """Steps that it may take."""

    def position(self, step: int) -> float:
        """Value of a step in the net's own column."""

    def written(self, step: int) -> dict[tuple[str, str, int], float]:
        """Return what is written into the net for a step, by (table, column, index)."""

    def at(self, steps: IntArray, scenarios: int, /) -> Schedule:
        """Return what steps (T,) do, the same in all scenarios."""

    def only(self, step: int) -> Any:
        """Return the device with that step alone, free of any rule about moves."""


@runtime_checkable
class Supplies(Protocol):
    """Is a source of the network: it takes what the network asks, within limits, at a price."""

    place: Place
    p_min: float
    p_max: float
    q_min: float
    q_max: float
    price: FloatArray
    carbon: FloatArray
    carbon_given: bool

    @property
    def priced(self) -> bool:
        """Whether an import costs anything."""

    def imported(self, block: pyo.Block, frame: Frame) -> tuple[FloatArray, FloatArray]:
        """Import (S, T) of the solved block [MW, Mvar]."""

    def emissions(self, block: pyo.Block, frame: Frame) -> list[Any]:
        """Emissions by scenario [kg]."""

    def purchase(self, p_mw: FloatArray, hours: float) -> FloatArray:
        """Cost of an import (S, T) by scenario [money]."""

    def slope(self, p_mw: FloatArray) -> FloatArray:
        """Cost of a little more import (S, T) [money/MWh]; NaN where its curve is no straight price."""

    def unlimited(self) -> Any:
        """Return the source without limits of its import."""


@runtime_checkable
class TwoWays(Protocol):
    """Does one of two things in a period, never both; a relaxation may mix them."""

    place: Place

    def conflicts(self, block: pyo.Block, frame: Frame) -> set[tuple[str, int, int]]:
        """Return (table, index, period) where a solved block mixes both ways."""

    def other_side(self, block: pyo.Block, frame: Frame) -> list[Any]:
        """Variables that have to be nothing so that it does one thing only in the periods of `conflicts`."""


@runtime_checkable
class ByInverter(Protocol):
    """Has an inverter, which may choose its reactive power."""

    place: Place
    inverter: Inverter


@runtime_checkable
class Reactive(Protocol):
    """Chooses its reactive power."""

    def reactive_fixed(self) -> Any:
        """Return it with the reactive power of its profile."""


@runtime_checkable
class Stores(Protocol):
    """Holds energy [MWh], which grows by `charging` and falls by 1 / `discharging` of what it takes and gives."""

    place: Place
    e_min: float
    e_max: float
    e_start: float
    e_end: float
    charging: float
    discharging: float
    keep: float
    scaling: float

    def step(self, hours: float) -> Any:
        """Return what so many hours do to its energy."""

    def contradictions(self, horizon: Any) -> list[Any]:
        """Energies that nothing reaches."""

    def decisions(self, block: pyo.Block, frame: Frame) -> Mapping[str, float]:
        """Return what was decided for all scenarios, by name."""
