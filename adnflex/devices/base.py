"""What every device is to a dispatch: a spec read from the net, its variables, its costs, its results, its audit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.devices.timeline import Timeline
from adnflex.formulations.attachments import Attachments

if TYPE_CHECKING:
    from adnflex.devices.resource import Resource


class Reach(NamedTuple):
    """Lowest and highest withdrawal at a node, numbers or (S, T) arrays [MW, Mvar]."""

    node: int
    p_low: FloatArray | float
    p_high: FloatArray | float
    q_low: FloatArray | float
    q_high: FloatArray | float


class Withdrawal(NamedTuple):
    """What a device takes at a node: constant power (S, T) [MW, Mvar], and a shunt.

    `shunt_mva` is ``P + jQ`` at 1 pu, which goes with the squared voltage [MVA], an (S, T) array or 0.
    """

    node: int
    p_mw: FloatArray
    q_mvar: FloatArray
    shunt_mva: Any = 0.0


@dataclass(frozen=True)
class Place:
    """Which element of the net a device is.

    Attributes
    ----------
    kind : str
        ``storage``, ``tap changer`` ...
    table, index, name : str, int, str
        The pandapower element.
    bus, node : int
        Its bus and the grid's node.
    """

    kind: str
    table: str
    index: int
    name: str
    bus: int
    node: int

    def __str__(self) -> str:
        return f"{self.table} {self.index}"


@dataclass(frozen=True)
class Frame:
    """What a device meets when it declares itself: the time axis, voltages, and where to attach.

    Attributes
    ----------
    horizon : Timeline
        Scenarios and periods.
    base_mva : float
        Base power [MVA].
    voltage : callable
        Squared voltage variable of (scenario, period, node).
    v_min, v_max : (n,) array
        Its bounds [pu].
    at : dict
        Attachments of every (scenario, period).
    modes : set of (str, int, int)
        Table, index and period of devices that need a binary for which of two things they do.
    """

    horizon: Timeline
    base_mva: float
    voltage: Callable[[int, int, int], Any]
    v_min: FloatArray
    v_max: FloatArray
    at: dict[tuple[int, int], Attachments]
    modes: frozenset[tuple[str, int, int]] = frozenset()


@dataclass
class Schedule:
    """What a device does, once it is solved.

    Attributes
    ----------
    withdrawals : tuple of Withdrawal
        One a terminal; none of a device that only moves voltages, or whose power the network decides.
    setpoints : dict of (table, column, index) to (S, T) array
        What is written into the net.
    tables : dict of str to dict
        Columns of the plan's tables: ``{"storage": {("charge_mw", 3): (S, T) array}}``.
    moves : (T,) array or None
        1 where a position changes.
    facts : dict
        For `DispatchPlan.devices`: ``initial``, ``low``, ``high``, ``max_moves``.
    squared_ratio, root_v : dict of int to (S, T) array
        Squared ratio of branches and squared voltage of roots that it sets [pu].
    losses_mw : (S, T) array or 0
        What it loses between its terminals, a loss of the network [MW].
    """

    withdrawals: tuple[Withdrawal, ...]
    setpoints: dict[tuple[str, str, int], FloatArray] = field(default_factory=dict)
    tables: dict[str, dict[tuple[str, int], FloatArray]] = field(default_factory=dict)
    moves: FloatArray | None = None
    facts: dict[str, float] = field(default_factory=dict)
    squared_ratio: dict[int, FloatArray] = field(default_factory=dict)
    root_v: dict[int, FloatArray] = field(default_factory=dict)
    losses_mw: FloatArray | float = 0.0

    @property
    def p_mw(self) -> FloatArray:
        """Active power of all terminals (S, T) [MW]; of a device with two its losses."""
        return np.asarray(sum(w.p_mw for w in self.withdrawals))


class BrokenLimit(NamedTuple):
    """A device limit that a schedule breaks."""

    kind: str
    table: str
    place: int
    scenario: int
    period: int
    value: float
    limit: float
    unit: str


class Contradiction(NamedTuple):
    """Limits of one device that nothing can meet together, whatever the network does."""

    place: Place
    period: int
    sentence: str


class Device(Protocol):
    """A frozen spec that can declare, price, read back and audit itself."""

    @property
    def place(self) -> Place:
        """Which element of the net it is."""

    @property
    def carries(self) -> str:
        """What it carries from one period to the next, in words; empty where each period stands for itself."""

    def reach(self) -> tuple[Reach, ...]:
        """Range of its withdrawal at each of its terminals."""

    def declare(self, block: pyo.Block, frame: Frame) -> None:
        """Declare variables and limits, and attach the withdrawal."""

    def stay(self, block: pyo.Block, frame: Frame) -> None:
        """Give the variables of a declared block what the device does if nobody asks anything of it."""

    def costs(self, block: pyo.Block, frame: Frame) -> dict[str, list[Any]]:
        """Return cost expressions by item, one a scenario."""

    def schedule(self, block: pyo.Block, frame: Frame) -> Schedule:
        """Read the solved block."""

    def decisions(self, block: pyo.Block, frame: Frame) -> dict[str, float]:
        """Return what was decided for all scenarios, by name."""

    def pin(self, block: pyo.Block, frame: Frame, decisions: Mapping[str, float]) -> None:
        """Fix a declared block to such decisions."""

    def at_rest(self, periods: int) -> dict[str, float]:
        """Return the decisions of a horizon in which nothing is asked of it."""

    def unpriced(self) -> Device:
        """Return it with everything for nothing."""

    def bill(self, setpoints: Callable[[str], FloatArray], horizon: Timeline, v2: FloatArray) -> dict[str, FloatArray]:
        """Price values written into the net, by item and scenario; `v2` (S, T) is the squared AC voltage at its bus."""

    def audit(self, setpoints: Callable[[str], FloatArray], horizon: Timeline) -> list[BrokenLimit]:
        """Check values written into the net (by column, (S, T)) against the device's own limits."""


@runtime_checkable
class Offering(Protocol):
    """A device whose power may vary continuously, so that it can take part in a box of trajectories."""

    @property
    def place(self) -> Place:
        """Which element of the net it is."""

    def resource(self, horizon: Timeline, sides: int) -> Resource:
        """Return its limits as inequalities; circles as polygons of so many sides."""


class NoDecisions:
    """For devices that decide everything anew in every scenario."""

    def decisions(self, block: pyo.Block, frame: Frame) -> dict[str, float]:
        """Return nothing."""
        return {}

    def pin(self, block: pyo.Block, frame: Frame, decisions: Mapping[str, float]) -> None:
        """Leave everything free."""

    def at_rest(self, periods: int) -> dict[str, float]:
        """Return nothing."""
        return {}


def assign(variable: Any, values: Mapping[Any, float] | float) -> None:
    """Give variables values, 0 where there is none; members that are no variables are left alone."""
    for key in variable:
        value = values.get(key, 0.0) if isinstance(values, Mapping) else values
        variable[key].set_value(float(value), skip_validation=True)


def table_of(values: FloatArray, base: float = 1.0) -> dict[tuple[int, int], float]:
    """Values (S, T) by their point, per unit of `base`."""
    return {(s, t): float(x) / base for (s, t), x in np.ndenumerate(values)}


def scenario_sums(frame: Frame, rate: FloatArray | float, power: Callable[[int, int], Any]) -> list[Any]:
    """Sum ``rate · power · hours`` over the periods of each scenario; `rate` is a number or an (S, T) array."""
    h = frame.horizon
    rates = np.broadcast_to(np.asarray(rate, dtype=float), (h.scenarios, h.periods))
    return [
        pyo.quicksum(float(rates[s, t]) * h.hours * power(s, t) for t in range(h.periods)) for s in range(h.scenarios)
    ]
