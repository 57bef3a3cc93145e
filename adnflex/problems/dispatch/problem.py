"""What a dispatch is asked, read: points, time, devices, prices, what may be switched, what is decided already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from adnflex.arrays import BoolArray
from adnflex.devices import Device, Timeline
from adnflex.formulations import FORMULATIONS, Formulation
from adnflex.grid.operating_points import OperatingPoints


@dataclass(frozen=True)
class Costs:
    """Prices that belong to no device.

    Attributes
    ----------
    loss_per_mwh : float
        Of energy lost in the network [money/MWh].
    carbon_per_kg : float
        Of emissions [money/kg].
    carbon_budget_kg : float or None
        Largest expected emission [kg].
    minimise : str
        ``cost`` or ``carbon``.
    """

    loss_per_mwh: float = 0.0
    carbon_per_kg: float = 0.0
    carbon_budget_kg: float | None = None
    minimise: str = "cost"


@dataclass(frozen=True)
class Topology:
    """Which periods share switch states, and what operations cost.

    Attributes
    ----------
    spans : tuple of range
        Periods with the same states, in order; empty: the present states stay.
    cost : float
        Of one operation [money].
    budget : int or None
        Largest number of operations over the horizon.
    free_start : bool
        Whether the states of the first span are no operations; else they are counted from the present ones.
    """

    spans: tuple[range, ...] = ()
    cost: float = 0.0
    budget: int | None = None
    free_start: bool = False

    def span_of(self, t: int) -> int:
        """Return the number of the span that a period belongs to."""
        return next(i for i, span in enumerate(self.spans) if t in span)


@dataclass(frozen=True)
class Pins:
    """Decisions that are taken already.

    Attributes
    ----------
    devices : dict of (table, index) to dict
        Decisions of devices by name (see `Device.decisions`).
    closed : tuple of (m,) array
        Branch states of every span; empty: free.
    """

    devices: dict[tuple[str, int], dict[str, float]] = field(default_factory=dict)
    closed: tuple[BoolArray, ...] = ()


@dataclass(frozen=True)
class DispatchProblem:
    """What is asked.

    Attributes
    ----------
    points : OperatingPoints
        The grid and what follows its profile.
    horizon : Timeline
        Scenarios and periods.
    devices : sequence of Device
        What is dispatched.
    costs : Costs
        Prices that belong to no device.
    topology : Topology
        What may be switched when.
    pins : Pins or None
        Decisions that are taken already.
    formulation : Formulation
        Of the branch flow.
    """

    points: OperatingPoints
    horizon: Timeline
    devices: Sequence[Device]
    costs: Costs = field(default_factory=Costs)
    topology: Topology = field(default_factory=Topology)
    pins: Pins | None = None
    formulation: Formulation = FORMULATIONS["distflow"]
