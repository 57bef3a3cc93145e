"""Write the set-points of a dispatch into a copy of the caller's net, period by period."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandapower as pp
import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import InputError
from adnflex.grid.apply import apply_switches, require_same

if TYPE_CHECKING:
    from adnflex.results.dispatch import DispatchPlan
    from adnflex.results.flexibility import Flexibility

__all__ = ["Follow", "PushBack", "apply_setpoints"]


def apply_setpoints(plan: DispatchPlan, net: pandapowerNet, period: int, scenario: int | None = None) -> pandapowerNet:
    """Return a copy of `net` as it stands in one period of a plan.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    period, scenario : int
        Which.

    Raises
    ------
    InputError
        If the net is another one, or the plan has no such period or scenario.
    """
    if scenario is not None and scenario not in plan.scenarios.index:
        raise InputError(f"scenario {scenario}: the plan has {list(plan.scenarios.index)}; give one of these.")
    periods = plan.periods
    if period not in periods:
        raise InputError(f"period {period}: the plan has {periods[0]} to {periods[-1]}; give one of its periods.")
    require_same(net, plan.fingerprint)
    return PushBack(plan, net).at(period, scenario)


class PushBack:
    """One private copy of a net, into which a plan's periods are written one after another.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    """

    def __init__(self, plan: DispatchPlan, net: pandapowerNet) -> None:
        self.plan = plan
        self.new = copy.deepcopy(net)
        self._original = net
        self._span: int | None = None
        self._stand_in: dict[int, int] = {}
        for index in sorted({i for table, _, i in plan.setpoints.columns if table == "constant_q"}):
            # pandapower has no shunt of constant reactive power
            self.new.shunt.loc[index, "in_service"] = False
            bus = int(self.new.shunt.at[index, "bus"])
            name = f"constant-q bank of shunt {index}"
            self._stand_in[index] = int(pp.create_sgen(self.new, bus, p_mw=0.0, q_mvar=0.0, name=name))

    def at(self, period: int, scenario: int | None = None) -> pandapowerNet:
        """Write a period and return the net (the same object every time)."""
        self._switch(period)
        values = self.plan.of(self.plan.setpoints, scenario).loc[period]
        self._write(values)
        return self.new

    def _switch(self, period: int) -> None:
        switches = self.plan.switches
        if not len(switches):
            return
        first = max(int(f) for f in switches["first_period"] if f <= period)
        if first == self._span:
            return
        self._span = first
        state = apply_switches(self._original, switches[switches["first_period"] == first])
        self.new.switch["closed"] = state.switch["closed"]
        for table in ("line", "trafo"):
            self.new[table]["in_service"] = state[table]["in_service"]

    def _write(self, values: pd.Series) -> None:
        _write_values(self.new, values, self._stand_in)


def _write_values(net: pandapowerNet, values: pd.Series, stand_in: Mapping[int, int]) -> None:
    """Write set-points by (table, column, index); `stand_in` is the sgen of every bank of constant reactive power."""
    columns: dict[tuple[str, str], tuple[list[int], list[float]]] = {}
    for (table, column, index), value in values.items():
        constant_q = table == "constant_q"
        where = "sgen" if constant_q else str(table)
        indices, numbers = columns.setdefault((where, str(column)), ([], []))
        indices.append(stand_in[int(index)] if constant_q else int(index))
        numbers.append(-float(value) if constant_q else float(value))
    for (table, column), (indices, numbers) in columns.items():
        integral = net[table][column].dtype.kind in "iu"
        net[table].loc[indices, column] = [round(v) for v in numbers] if integral else numbers


class Follow:
    """One private copy of a net with the switch states of a flexibility, into which set-points are written.

    Parameters
    ----------
    flex : Flexibility
        The flexibility.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    """

    def __init__(self, flex: Flexibility, net: pandapowerNet) -> None:
        require_same(net, flex.fingerprint)
        self.new = apply_switches(net, flex.switches) if len(flex.switches) else copy.deepcopy(net)

    def write(self, values: pd.Series) -> pandapowerNet:
        """Write set-points and return the net (the same object every time)."""
        _write_values(self.new, values, {})
        return self.new
