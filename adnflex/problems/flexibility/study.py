"""The reading half of a flexibility study: arguments and tables to network, devices and the problem of a box."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import BoolArray, ComplexArray, FloatArray
from adnflex.devices import Device, Offering, Positioned, Reactive, Stores, Supplies
from adnflex.devices.resource import Accumulator, Resource
from adnflex.errors import InputError
from adnflex.formulations.radial import Operating
from adnflex.grid.coupling import Coupling, coupling_of
from adnflex.grid.coupling_alone import alone
from adnflex.grid.operating_points import operating_points
from adnflex.grid.topology import Adjacency
from adnflex.knobs import Horizon, Limits, Switching
from adnflex.problems.flexibility import network_limits
from adnflex.problems.flexibility.columns import Columns
from adnflex.problems.flexibility.model import BoxProblem
from adnflex.problems.flexibility.network_limits import NetworkRows
from adnflex.problems.flexibility.states import Network
from adnflex.problems.flexibility.wishes import Wishes, check_wishes, series_of
from adnflex.study import Study, carried_over_breaks, read_study, settled

# All rows, the limits of the net, its switches as they are.
_ALL, _OWN, _AS_IT_IS = Horizon(), Limits(), Switching(windows="fixed")


@dataclass(frozen=True)
class FlexibilityStudy:
    """What a box is computed for, whatever the switch states.

    Attributes
    ----------
    coupling : Coupling
        The coupling point and the net behind it.
    study : Study
        Timeline, series, grid, devices.
    devices : list of Device
        Devices that take part, as free as they are in a box.
    resources : list of Resource
        The same as inequalities.
    wishes : Wishes
        What the caller asks.
    connection : Supplies
        Limits of the import.
    notes : tuple of str
        What the reader has to know.
    columns : Columns
        Columns of the resources.
    still : (T, n) complex array
        See `Network.still`.
    """

    coupling: Coupling
    study: Study
    devices: list[Device]
    resources: list[Resource]
    wishes: Wishes
    connection: Supplies
    notes: tuple[str, ...]
    columns: Columns
    still: ComplexArray

    @property
    def periods(self) -> list[int]:
        """Rows of the time index."""
        return [int(t) for t in self.study.series.periods]

    @cached_property
    def network_rows(self) -> NetworkRows:
        """Limits of the network, compiled once for all its states."""
        return network_limits.compile_limits(self.study.grid, self.wishes.sides)

    def network(self, closed: BoolArray, adjacency: Adjacency | None = None) -> Network:
        """Return the exact model of one radial state."""
        grid = self.study.grid
        return Network(
            grid,
            self.study.points,
            closed,
            self.connection.place.node,
            Adjacency(grid) if adjacency is None else adjacency,
            self.columns,
            self.still,
        )

    @property
    def asks(self) -> bool:
        """Whether the box has to lie in some way around the base schedule."""
        return self.wishes.direction != "both" or self.wishes.required_mw is not None

    def problem(self, network: Network, base: FloatArray | None = None) -> BoxProblem:
        """Return the linear model of one radial state.

        Parameters
        ----------
        network : Network
            The state.
        base : (T,) array, optional
            Import if nothing is asked for [MW]; by default that of the model itself, which has no losses.
        """
        horizon = self.study.horizon
        operating = _Lossless(network, horizon.periods)
        shape = (2, horizon.periods)
        if base is None:
            base = self._lossless_base(network, operating)
        required = np.full(shape, -math.inf)
        if self.wishes.required_mw is not None:
            required = np.stack([series_of(w, horizon.periods, "required_mw") for w in self.wishes.required_mw])
        return BoxProblem(
            network.grid,
            network.tree,
            self.resources,
            network.columns,
            (operating, operating),
            horizon.hours,
            self.weights,
            base,
            self.wishes.direction,
            required,
            self.wishes.sides,
            self.network_rows,
            limits=np.array(
                [
                    [self.connection.p_min, self.connection.p_max],
                    [self.connection.q_min, self.connection.q_max],
                ]
            ),
            alike=len(network.grid.roots) == 1 and not (self.asks and self.wishes.base_mw is not None),
        )

    def _lossless_base(self, network: Network, operating: Sequence[Operating]) -> FloatArray:
        """Import without losses if nothing is asked for; a base of the caller's less the losses of that state [MW]."""
        c, periods = self.columns, self.study.horizon.periods
        if not self.asks:
            return np.full(periods, math.nan)
        mine = network.tree.imports[c.place]
        fixed = np.array([operating[t].import_p for t in range(periods)])
        found = fixed * network.grid.base_mva + (c.p * c.idle) @ mine
        if self.wishes.base_mw is None:
            return np.asarray(found)
        lost = replace(self, wishes=replace(self.wishes, base_mw=None)).base(network) - found
        return np.asarray(series_of(self.wishes.base_mw, periods, "base_mw") - np.nan_to_num(lost))

    def written(self, setpoints: pd.DataFrame, lossless: bool = False) -> ComplexArray:
        """Withdrawals (T, n) with the devices at set-points by (table, column, index) [pu]; converters `lossless`."""
        points, base = self.study.points, self.study.grid.base_mva
        total: ComplexArray = points.p[0] + 1j * points.q[0]
        for r in self.resources:
            for w in r.held(setpoints, lossless):
                total[:, w.node] += (w.p_mw + 1j * w.q_mvar) / base
        return total

    @property
    def weights(self) -> FloatArray:
        """Worth of a MWh in every period."""
        periods, given = self.study.horizon.periods, self.wishes.period_weights
        return np.ones(periods) if given is None else series_of(given, periods, "period_weights")

    @property
    def given_base(self) -> FloatArray | None:
        """The caller's base schedule (T,) [MW]; None where it gives none."""
        given = self.wishes.base_mw
        return None if given is None else series_of(given, self.study.horizon.periods, "base_mw")

    def base(self, network: Network) -> FloatArray:
        """Import if nothing is asked for, by exact power flow unless the caller gives it [MW]."""
        if self.given_base is not None:
            return self.given_base
        idle = network.solve(network.withdrawn(self.columns.idle))
        return np.asarray(network.import_mw(idle).real)


class _Lossless(Sequence[Operating]):
    """Constants of LinDistFlow by period, made when they are asked for: most topologies are judged by one period."""

    def __init__(self, network: Network, periods: int) -> None:
        self._make = network.lossless
        self._known: dict[int, Operating] = {}
        self._periods = periods

    def __len__(self) -> int:
        return self._periods

    def __getitem__(self, t: Any) -> Any:
        if t not in self._known:
            self._known[t] = self._make(t)
        return self._known[t]


def read_flexibility_study(
    net: pandapowerNet,
    wishes: Wishes,
    horizon: Horizon = _ALL,
    limits: Limits = _OWN,
    switching: Switching = _AS_IT_IS,
) -> FlexibilityStudy:
    """Read a net for a box; all faults at once."""
    check_wishes(wishes)
    coupling = coupling_of(net, wishes.pcc)
    if switching.fixed:  # else a part that is fed from elsewhere may come to this source
        coupling = alone(coupling)
    study = read_study(coupling.net, settled(net, horizon), limits, switching, prices=False)
    found = study_of(study, coupling, wishes)
    # lengths are checked before any work is done
    _ = found.weights
    for name in ("base_mw", "required_mw"):
        given = getattr(wishes, name)
        for part in () if given is None else (given if name == "required_mw" else (given,)):
            series_of(part, study.horizon.periods, name)
    return found


def study_of(study: Study, coupling: Coupling, wishes: Wishes) -> FlexibilityStudy:
    """Pick what takes part in a box from a net that was read.

    Parameters
    ----------
    study : Study
        The net as read.
    coupling : Coupling
        Its coupling point.
    wishes : Wishes
        What the caller asks.

    Raises
    ------
    InputError
        If no device can vary its power.
    """
    connection = _connection(study, coupling)
    devices = [_as_wished(d, wishes) for d in study.devices if isinstance(d, Offering)]
    resources = [_resource(d, study, wishes) for d in devices]
    if not resources:
        raise InputError(
            "no device can vary its power: set controllable to True on sgens, storages, loads or vehicles (docs: "
            "devices), with the limits that they need."
        )
    taking_part = {(r.place.table, r.place.index) for r in resources}
    points = operating_points(coupling.net, study.grid, study.values, taking_part)
    carried = [f"{text}, as if they followed one another." for text in carried_over_breaks(study)]
    notes = (*coupling.notes, *study.notes, *carried, *_notes(study), *_silent_vehicles(coupling.net, study))
    still = points.p[0] + 1j * points.q[0]
    for r in resources:
        still[:, r.place.node] += (r.p0 + 1j * r.q0) / study.grid.base_mva
    columns = Columns.of(resources)
    return FlexibilityStudy(
        coupling, replace(study, points=points), devices, resources, wishes, connection, notes, columns, still
    )


def _connection(study: Study, coupling: Coupling) -> Supplies:
    for d in study.devices:
        if isinstance(d, Supplies) and (d.place.table, d.place.index) == coupling.source:
            return d
    table, index = coupling.source
    raise InputError(f"pcc: {table} {index} is no source of the net; give one that is in service.")


def _as_wished(device: Any, wishes: Wishes) -> Any:
    return device.reactive_fixed() if not wishes.reactive_power and isinstance(device, Reactive) else device


def _resource(device: Any, study: Study, wishes: Wishes) -> Resource:
    resource: Resource = device.resource(study.horizon, wishes.sides)
    if isinstance(device, Stores) and wishes.final_energy != "free":
        end = wishes.final_energy
        least = device.e_start if end == "initial" else float(end) / 100 * device.e_max
        if least > device.e_max + 1e-9:
            raise InputError(f"{device.place}: final_energy {least:g} MWh is above max_e_mwh {device.e_max:g}.")
        resource = replace(
            resource, accumulators=tuple(_ending(a, max(least, device.e_min)) for a in resource.accumulators)
        )
    return resource


def _ending(level: Accumulator, least: float) -> Accumulator:
    """Ask for some energy at the end of the horizon."""
    if level.kind != "energy low":
        return level
    limit = level.limit.copy()
    limit[-1] = -least
    return replace(level, limit=limit)


def _notes(study: Study) -> list[str]:
    notes = []
    for d in study.devices:
        if isinstance(d, Positioned):
            what = next(column for _, column, _ in d.written(d.initial))
            notes.append(f"{d.place} keeps one {what} over the horizon, {d.position(d.initial):g}.")
        elif getattr(d, "end_given", False):
            notes.append(f"{d.place}: terminal_soc_percent is not asked of a box; final_energy says what is.")
        elif not isinstance(d, Offering | Supplies):
            notes.append(f"{d.place}: vehicles draw what their profile says, as net.ev does not list them one by one.")
    return notes


def _silent_vehicles(net: pandapowerNet, study: Study) -> list[str]:
    """Name fleets whose vehicles are listed and yet take no part."""
    table = net.get("ev")
    if not isinstance(table, pd.DataFrame) or "load" not in table.columns:
        return []
    fleets = {d.place.index for d in study.devices if d.place.kind == "vehicles"}
    return [
        f"load {i}: its vehicles in net.ev take no part: it is not controllable, out of service or not of type 'ev'; "
        "it draws what its profile says."
        for i in sorted({int(i) for i in table["load"]} - fleets)
    ]


def setpoint_table(columns: Mapping[tuple[str, str, int], FloatArray], periods: Sequence[int]) -> pd.DataFrame:
    """Put values (T,) side by side, by period."""
    frame = pd.DataFrame(dict(enumerate(columns.values())), index=pd.Index(periods, name="period"))
    frame.columns = pd.MultiIndex.from_tuples(list(columns), names=["table", "column", "index"])
    return frame
