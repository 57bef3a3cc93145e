"""States on the way, by full AC power flow of the net itself, run when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.grid.ac import run_ac
from adnflex.grid.switching import is_ideal_switch
from adnflex.grid.write import PushBack
from adnflex.powerflow.limits import NetLimits, margins
from adnflex.powerflow.states import Measured, state_of, tabulated
from adnflex.problems.switching.operations import Operation, switch_table

# Impedance of a coupler whose current is asked for [pu of 1 MVA]; pandapower tells none of one without impedance.
_COUPLER_PU = 1e-6


class FieldStates:
    """AC states of sets of operations; each is run once.

    Parameters
    ----------
    net : pandapowerNet
        The net before; it is not changed.
    operations : sequence of Operation
        The operations, numbered by their bits.
    limits : NetLimits
        What the states are held against.
    """

    def __init__(self, net: pandapowerNet, operations: Sequence[Operation], limits: NetLimits) -> None:
        self.net, self.operations, self.limits = net, tuple(operations), limits
        self.measured: dict[int, Measured] = {}
        self.margin: dict[int, float] = {}
        self._current_ka: dict[tuple[int, int], float] = {}

    def run(self, sets: Iterable[int]) -> None:
        """Run those sets that were not run before."""
        new = [s for s in dict.fromkeys(sets) if s not in self.measured]
        if not new:
            return
        push = self._push(self.net, new)
        for done in new:
            state = push.at(done)
            arrays = state_of(state, run_ac(state), (True, ()))
            found = tabulated(self.net, arrays, pd.Index([done], name="done"))
            self.measured[done] = found
            solved = bool(found.converged.iloc[0])
            self.margin[done] = float(margins(found, self.limits)[0]) if solved else -np.inf

    def _push(self, net: pandapowerNet, sets: Sequence[int]) -> PushBack:
        """Return what writes each set into one private copy of a net."""
        blocks = []
        for done in sets:
            turned = [bool(done >> j & 1) for j in range(len(self.operations))]
            blocks.append(switch_table(self.operations, turned).assign(first_period=done))
        empty = pd.MultiIndex.from_arrays([[], [], []])
        setpoints = pd.DataFrame(index=pd.Index(sets, name="period"), columns=empty, dtype=float)
        return PushBack(net, setpoints, pd.concat(blocks, ignore_index=True))

    def nets(self, sets: Sequence[int]) -> Iterator[pandapowerNet]:
        """Yield the net as it stands in each set; the same private copy, written anew."""
        push = self._push(self.net, list(dict.fromkeys(sets)))
        for done in sets:
            yield push.at(done)

    def current_ka(self, done: int, operation: int) -> float:
        """Return the current through an operated branch in a set in which it is closed [kA]; NaN without a solution."""
        self.run([done])
        branch = self.operations[operation]
        if branch.element != "switch":
            return float(self.measured[done].i_ka.iloc[0].get((branch.element, branch.index), np.nan))
        key = done, operation
        if key not in self._current_ka:
            self._current_ka[key] = self._through_coupler(done, branch)
        return self._current_ka[key]

    def _through_coupler(self, done: int, branch: Operation) -> float:
        """Return the current of a coupler [kA]: one that is ideal is given next to no impedance."""
        if not self.measured[done].converged.iloc[0]:
            return np.nan
        state = self._push(self.net, [done]).at(done)
        if is_ideal_switch(state, branch.index):
            kv = float(state.bus.at[branch.from_bus, "vn_kv"])
            state.switch["z_ohm"] = state.switch.get("z_ohm", pd.Series(0.0, index=state.switch.index)).astype(float)
            state.switch.loc[branch.index, "z_ohm"] = _COUPLER_PU * kv**2
        return float(state.res_switch.at[branch.index, "i_ka"]) if run_ac(state) else np.nan

    def together(self, sets: Sequence[int]) -> Measured:
        """Tables of some sets, in their order, a set as often as it is named."""
        self.run(sets)
        parts = [self.measured[done] for done in sets]
        labels = pd.RangeIndex(len(sets))
        tables = {f.name: pd.concat([getattr(part, f.name) for part in parts]) for f in fields(Measured)}
        return Measured(**{name: table.set_axis(labels) for name, table in tables.items()})
