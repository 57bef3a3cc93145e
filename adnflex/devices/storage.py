r"""Storage with losses, a charge mode where it is needed, and an inverter.

.. math:: 0 \le c_t \le C b_t, \quad 0 \le d_t \le D (1 - b_t)

and the energy of `adnflex.devices.stored_energy`.

The binary ``b`` is declared only in the periods of ``Frame.modes``.  Elsewhere ``c/C + d/D <= 1`` stands, its
relaxation; a solution in which no storage does both at once proves that the binary was not needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.devices.base import (
    BrokenLimit,
    Contradiction,
    Frame,
    Place,
    Reach,
    Schedule,
    Withdrawal,
    assign,
    scenario_sums,
    table_of,
)
from adnflex.devices.contradictions import storage_contradictions
from adnflex.devices.cost_curve import NO_COST, CostCurve
from adnflex.devices.cost_tables import cost_curve
from adnflex.devices.inputs import Inputs
from adnflex.devices.inverter import Inverter, exceeding, read, read_inverter
from adnflex.devices.inverter_resource import inverter_resource
from adnflex.devices.resource import Accumulator, Resource
from adnflex.devices.stored_energy import EnergyStep, efficiency_fault, stored_energy
from adnflex.devices.timeline import Timeline
from adnflex.formulations.positions import pin

# Power below which a storage does nothing [MW].
_IDLE = 1e-4


@dataclass(frozen=True)
class Storage:
    """A storage.

    Attributes
    ----------
    place : Place
        The pandapower storage.
    charge_mw, discharge_mw : float
        Limits at its terminals.
    e_min, e_max, e_start, e_end : float
        Energy limits, before the horizon, at its end [MWh].
    charging, discharging : float
        Efficiencies (0 to 1].
    keep : float
        Share of the energy left after one hour.
    inverter : Inverter
        What its reactive injection may do.
    scaling : float
        The table's own factor between ``p_mw`` and the withdrawal.
    cost_per_mwh : float
        Of energy charged and of energy discharged [money/MWh].
    curve : CostCurve
        What pandapower's cost tables say of its withdrawal: charging counts positive.
    end_given : bool
        Whether the net says what the energy at the end is to be.
    """

    place: Place
    charge_mw: float
    discharge_mw: float
    e_min: float
    e_max: float
    e_start: float
    e_end: float
    charging: float
    discharging: float
    keep: float
    inverter: Inverter
    scaling: float
    cost_per_mwh: float
    curve: CostCurve = NO_COST
    end_given: bool = True

    @property
    def carries(self) -> str:
        """What it carries from one period to the next."""
        return "stored energy"

    def step(self, hours: float) -> EnergyStep:
        """Return what so many hours do to its energy."""
        return EnergyStep.of(self.keep, self.charging, self.discharging, hours)

    def unpriced(self) -> Storage:
        """Return it with everything for nothing."""
        return replace(self, cost_per_mwh=0.0, curve=NO_COST)

    def at_rest(self, periods: int) -> dict[str, float]:
        """Return nothing: its mode follows its power."""
        return {}

    def reactive_fixed(self) -> Storage:
        """Return it with the reactive power of its profile."""
        return replace(self, inverter=replace(self.inverter, q_min=math.nan, q_max=math.nan))

    def reach(self) -> tuple[Reach, ...]:
        """Range of its withdrawal."""
        q_low, q_high = self.inverter.reach()
        return (Reach(self.place.node, -self.discharge_mw, self.charge_mw, -q_high, -q_low),)

    def declare(self, block: pyo.Block, frame: Frame) -> None:
        """Declare charge ``c``, discharge ``d``, energy ``e`` and reactive injection ``q``."""
        h, base, points = frame.horizon, frame.base_mva, frame.horizon.points
        most_c, most_d = self.charge_mw / base, self.discharge_mw / base
        block.c = pyo.Var(points, bounds=(0, most_c))
        block.d = pyo.Var(points, bounds=(0, most_d))
        block.e = pyo.Var(points, bounds=(self.e_min / base, self.e_max / base))
        block.p = pyo.Var(points, bounds=(-most_d, most_c))
        block.net = pyo.Constraint(points, rule=lambda _, s, t: block.p[s, t] == block.c[s, t] - block.d[s, t])
        step = self.step(h.hours)
        block.energy = pyo.Constraint(
            points,
            rule=lambda _, s, t: (
                block.e[s, t]
                == step.energy(block.e[s, t - 1] if t else self.e_start / base, block.c[s, t], block.d[s, t])
            ),
        )
        block.end = pyo.Constraint(range(h.scenarios), rule=lambda _, s: block.e[s, h.periods - 1] == self.e_end / base)
        self._declare_modes(block, frame, most_c, most_d)
        self.inverter.declare(block, frame)
        self.curve.declare(block, frame, lambda s, t: block.p[s, t], -self.discharge_mw, self.charge_mw)
        for s, t in points:
            frame.at[s, t].withdraw(self.place.node, block.p[s, t], -block.q[s, t])

    def _declare_modes(self, block: pyo.Block, frame: Frame, most_c: float, most_d: float) -> None:
        with_mode = [t for t in range(frame.horizon.periods) if (self.place.table, self.place.index, t) in frame.modes]
        block.mode = pyo.Var(with_mode, domain=pyo.Binary)
        block.exclusive = pyo.ConstraintList()
        for s, t in frame.horizon.points:
            if t in block.mode:
                block.exclusive.add(block.c[s, t] <= most_c * block.mode[t])
                block.exclusive.add(block.d[s, t] <= most_d * (1 - block.mode[t]))
            elif most_c > 0 and most_d > 0:
                block.exclusive.add(block.c[s, t] / most_c + block.d[s, t] / most_d <= 1)

    def stay(self, block: pyo.Block, frame: Frame) -> None:
        """Do nothing, if the energy at the end allows it; else go there by the straight way."""
        h, base = frame.horizon, frame.base_mva
        way = self.e_start + (self.e_end - self.e_start) * np.arange(1, h.periods + 1) / h.periods
        p = self.step(h.hours).power_to(np.concatenate([[self.e_start], way[:-1]]), way)
        c, d = (np.broadcast_to(np.maximum(x, 0.0), (h.scenarios, h.periods)) for x in (p, -p))
        for variable, values in ((block.c, c), (block.d, d), (block.p, c - d)):
            assign(variable, table_of(values, base))
        assign(block.e, table_of(np.broadcast_to(way, c.shape), base))
        assign(block.mode, {t: float(c[0, t] >= d[0, t]) for t in block.mode})
        self.inverter.stay(block, frame, d - c)
        self.curve.stay(block, frame, c - d)

    def resource(self, horizon: Timeline, sides: int) -> Resource:
        r"""Net power ``p``; what it stores lies between two estimates, so that no charge mode is needed.

        The energy gained is ``min(eta_c p, p / eta_d)``.  The lower limit takes that itself, a concave function, the
        upper one its over-estimate ``eta_c p``: every point can be run without charging and discharging at once.
        No energy at the end is asked for but the lower limit, as holding the upper end all day fills the storage.
        """
        periods, step = horizon.periods, self.step(horizon.hours)
        one = np.ones((periods, 1))
        stored, drawn = step.gained * one, step.drawn * one
        columns = self.inverter.columns(np.full(periods, -self.discharge_mw), np.full(periods, self.charge_mw), sides)
        return inverter_resource(
            self.place,
            (("p",), -self.discharge_mw * one, self.charge_mw * one, np.array([[1.0]]), np.zeros((periods, 1))),
            columns,
            consumer=True,
            scaling=self.scaling,
            accumulators=(
                Accumulator("energy high", self.e_start, step.kept, (stored,), np.full(periods, self.e_max)),
                Accumulator("energy low", -self.e_start, step.kept, (-stored, -drawn), np.full(periods, -self.e_min)),
            ),
        )

    def costs(self, block: pyo.Block, frame: Frame) -> dict[str, list[Any]]:
        """Cost of energy charged and discharged."""
        if not self.curve.nothing:
            return {"storage": self.curve.costs(block, frame, lambda s, t: block.p[s, t])}
        if not self.cost_per_mwh:
            return {}
        rate = self.cost_per_mwh * frame.base_mva
        return {"storage": scenario_sums(frame, rate, lambda s, t: block.c[s, t] + block.d[s, t])}

    def conflicts(self, block: pyo.Block, frame: Frame) -> set[tuple[str, int, int]]:
        """Periods in which it charges and discharges, at once or in different scenarios."""
        c, d = read(block.c, frame), read(block.d, frame)
        both = np.minimum(c.max(axis=0) / max(self.charge_mw, 1e-9), d.max(axis=0) / max(self.discharge_mw, 1e-9))
        return {(self.place.table, self.place.index, int(t)) for t in np.flatnonzero(both > 1e-4)}

    def other_side(self, block: pyo.Block, frame: Frame) -> list[Any]:
        """Variables that have to be nothing so that it does one thing only in the periods of `conflicts`."""
        weights = frame.horizon.probabilities
        net = weights @ (read(block.c, frame) - read(block.d, frame))
        return [
            (block.d if net[t] >= 0 else block.c)[s, t]
            for *_, t in sorted(self.conflicts(block, frame))
            for s in range(frame.horizon.scenarios)
        ]

    def schedule(self, block: pyo.Block, frame: Frame) -> Schedule:
        """Power and stored energy; rounding of the solver is taken out of the power, so that it really runs."""
        p = read(block.p, frame)
        c, d = np.clip(p, 0, self.charge_mw), np.clip(-p, 0, self.discharge_mw)
        q = self.inverter.values(block, frame)
        e = stored_energy(self, c - d, frame.horizon)
        i, table = self.place.index, self.place.table
        return Schedule(
            (Withdrawal(self.place.node, c - d, -q),),
            {(table, "p_mw", i): (c - d) / self.scaling, (table, "q_mvar", i): -q / self.scaling},
            {"storage": {("charge_mw", i): c, ("discharge_mw", i): d, ("q_mvar", i): -q, ("e_mwh", i): e}},
            facts={"initial": self.e_start, "low": self.e_min, "high": self.e_max},
        )

    def decisions(self, block: pyo.Block, frame: Frame) -> dict[str, float]:
        """Return the mode of every period in which it does something: 1 charge, 0 discharge."""
        c, d = read(block.c, frame).max(axis=0), read(block.d, frame).max(axis=0)
        used = np.flatnonzero(np.maximum(c, d) > _IDLE)
        return {f"mode:{t}": float(c[t] >= d[t]) for t in used.tolist()}

    def pin(self, block: pyo.Block, frame: Frame, decisions: Mapping[str, float]) -> None:
        """Rule out the other mode in the periods that are named."""
        for name, value in decisions.items():
            t = int(name.removeprefix("mode:"))
            for s in range(frame.horizon.scenarios):
                pin((block.d if value > 0.5 else block.c)[s, t], 0.0)

    def bill(self, setpoints: Callable[[str], FloatArray], horizon: Timeline, v2: FloatArray) -> dict[str, FloatArray]:
        """Price energy charged and discharged."""
        p = setpoints("p_mw") * self.scaling
        worn = self.cost_per_mwh * np.abs(p).sum(axis=1) * horizon.hours
        return {"storage": worn + self.curve.bill(p, horizon.hours)}

    def contradictions(self, horizon: Timeline) -> list[Contradiction]:
        """Energies that no charging and discharging reaches."""
        return storage_contradictions(self, horizon, (self.e_end, self.e_end))

    def audit(self, setpoints: Callable[[str], FloatArray], horizon: Timeline) -> list[BrokenLimit]:
        """Power, energy over the horizon and at its end, inverter."""
        p, q = setpoints("p_mw") * self.scaling, setpoints("q_mvar") * self.scaling
        e = stored_energy(self, p, horizon)
        end = np.zeros_like(e)
        end[:, -1] = np.abs(e[:, -1] - self.e_end)
        # as much as rounding of the power can make over the horizon
        slack = 1e-4 * max(self.e_max, 1e-3)
        return [
            *exceeding("charge", self.place, p, self.charge_mw, "MW"),
            *exceeding("discharge", self.place, -p, self.discharge_mw, "MW"),
            *exceeding("energy high", self.place, e - slack, self.e_max, "MWh"),
            *exceeding("energy low", self.place, -e - slack, -self.e_min, "MWh"),
            *exceeding("energy at the end", self.place, end - slack, 0.0, "MWh"),
            *self.inverter.audit(self.place, -p, -q),
        ]


def read_storage(inputs: Inputs) -> list[Storage]:
    """Read the controllable storages."""
    found = []
    for place, row in inputs.controllable("storage", "storage"):
        if float(row["scaling"]) == 0:
            continue
        spec = _read_one(inputs, place, row)
        if spec is not None:
            found.append(spec)
    return found


def _read_one(inputs: Inputs, place: Place, row: Any) -> Storage | None:
    before = len(inputs.faults)
    low = inputs.number(place, row, "min_p_mw", high=0, hint="0 or negative: the largest discharge")
    high = inputs.number(place, row, "max_p_mw", low=0, hint="the largest charge")
    e_max = inputs.number(place, row, "max_e_mwh", low=0)
    e_min = inputs.number(place, row, "min_e_mwh", 0.0, 0, e_max)
    soc = inputs.number(place, row, "soc_percent", low=0, high=100)
    end = inputs.number(place, row, "terminal_soc_percent", math.nan, 0, 100)
    end_given = not math.isnan(end)
    end = end if end_given else soc
    both = inputs.number(place, row, "efficiency_percent", math.nan, 0, 100)
    hint, known = "percent of one direction; or efficiency_percent for both", len(inputs.faults)
    eta = [
        inputs.number(place, row, f"efficiency_{way}_percent", None if math.isnan(both) else both, 0, 100, hint)
        for way in ("charge", "discharge")
    ]
    for value in dict.fromkeys(eta) if len(inputs.faults) == known else ():
        fault = efficiency_fault(value)
        inputs.require(not fault, place, fault)
    leak = inputs.number(place, row, "self_discharge_percent_per_hour", 0.0, 0, 100)
    inputs.require(
        high > 0 or soc / 100 * e_max > e_min + 1e-9,
        place,
        f"max_p_mw is 0 and soc_percent {soc:g} leaves nothing above min_e_mwh, so it can do nothing; give its power "
        "limits and its charge, or set controllable to False.",
    )
    for name, value in (("soc_percent", soc), ("terminal_soc_percent", end)):
        e = value / 100 * e_max
        inputs.require(
            e_min - 1e-9 <= e <= e_max + 1e-9,
            place,
            f"{name} {value:g} is {e:g} MWh, outside min_e_mwh {e_min:g} and max_e_mwh {e_max:g}.",
        )
    inverter = read_inverter(inputs, place, row, sign=-1.0)
    if len(inputs.faults) > before:
        return None
    return Storage(
        place,
        high,
        -low,
        e_min,
        e_max,
        soc / 100 * e_max,
        end / 100 * e_max,
        eta[0] / 100,
        eta[1] / 100,
        1 - leak / 100,
        inverter,
        float(row["scaling"]),
        inputs.number(place, row, "cost_per_mwh", 0.0, 0),
        cost_curve(inputs, place, ["cost_per_mwh"], (low, high)),
        end_given,
    )
