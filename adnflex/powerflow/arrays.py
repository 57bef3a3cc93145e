"""Many states at once: the net is read for every topology, and all states of it are solved as arrays.

Powers, steps and powers of shunts, voltages of sources and tap positions may differ from state to state; for whatever
else differs the net is read again. States are solved some at a time, so that what is in between stays small.

What is done here is done again by pandapower for a sample (see `adnflex.powerflow.judge`). What the arrays do not hold
is refused by name, and pandapower runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import ComplexArray, FloatArray, IntArray
from adnflex.errors import InputError
from adnflex.grid.ac import run_ac
from adnflex.grid.flow import RadialFlow
from adnflex.grid.model import Grid
from adnflex.grid.read import read_grid
from adnflex.grid.state import Flow
from adnflex.grid.sweep import RadialSweep
from adnflex.grid.write import PushBack
from adnflex.knobs import Switching
from adnflex.powerflow.elements import ElementValues
from adnflex.powerflow.settings import Settings, kinds_of
from adnflex.powerflow.states import StateArrays, buses_of, state_of, structure_of

# Of withdrawals P and Q (B, n), and of shunts and squared voltages of roots where they differ [pu].
SolveStates = Callable[[FloatArray, FloatArray, ComplexArray | None, FloatArray | None], Flow]

# Makes the solver of a grid.
Solver = Callable[[Grid], SolveStates]

# Every branch stays as it stands.
_NOTHING = Switching(switchable_lines=())


def exact_kernel(grid: Grid) -> SolveStates:
    """Solve states by `adnflex.grid.flow.RadialFlow`.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> grid = read_grid(pn.case33bw(), switching=Switching(switchable_lines=()))
    >>> flow = exact_kernel(grid)(grid.p[None], grid.q[None], None, None)
    >>> round(float(flow.loss[0] * grid.base_mva), 4)
    0.2027
    """
    return RadialFlow(grid).solve_many


def solve_arrays(
    net: pandapowerNet,
    setpoints: pd.DataFrame,
    switches: pd.DataFrame | None,
    solver: Solver,
    supplied: Sequence[int] | pd.Index | None = None,
    fewest: int = 1,
) -> tuple[StateArrays, list[str]]:
    """Solve states as arrays.

    Parameters
    ----------
    net, setpoints, switches, supplied
        See `adnflex.powerflow.measure`.
    solver : callable
        Makes what solves a grid for many withdrawals.
    fewest : int
        Fewer states of one topology and setting are left to pandapower, as reading the net for them costs as much.

    Returns
    -------
    StateArrays, list of str
        Of all states, those that could not be solved so as not converged; and why.
    """
    work = _Work(net, PushBack(net, setpoints, switches), switches, solver, buses_of(net, supplied))
    found = StateArrays.empty(net, len(setpoints))
    refused: dict[str, None] = {}
    pending = [(members, True) for members in work.groups(np.arange(len(setpoints)), taps=True)]
    while pending:
        members, taps = pending.pop()
        if len(members) < fewest:
            refused["other settings than powers change from state to state"] = None
            continue
        try:
            work.solve(members, found)
        except InputError as fault:
            # positions that are no steps of a ratio: the net is read for each of them
            again = work.groups(members, taps=False) if taps else [members]
            if len(again) > 1:
                pending += [(part, False) for part in again]
            else:
                refused |= dict.fromkeys(fault.findings)
                found.converged[members] = False
    return found, [str(text) for text in refused]


@dataclass
class _Work:
    """States to be solved."""

    net: pandapowerNet
    push: PushBack
    switches: pd.DataFrame | None
    solver: Solver
    watched: pd.Index

    def __post_init__(self) -> None:
        self._values = self.push.setpoints.to_numpy(dtype=float)
        self._kinds = kinds_of(self.net, self.push)

    def groups(self, rows: IntArray, taps: bool) -> list[IntArray]:
        """Split states by what the arrays do not hold: topology, other settings, and positions unless taps are held."""
        other = self._values[:, (self._kinds == "other") | ((self._kinds == "tap") & (not taps))]
        settings = [other[row].tobytes() if other.shape[1] else b"" for row in rows.tolist()]
        found: dict[tuple[int, bytes], list[int]] = {}
        topologies = self.push.topologies(self.push.setpoints.index[rows]).tolist()
        for row, key in zip(rows.tolist(), zip(topologies, settings, strict=True), strict=True):
            found.setdefault(key, []).append(row)
        return [np.array(members, dtype=np.int64) for members in found.values()]

    def solve(self, members: IntArray, into: StateArrays) -> None:
        """Solve states that differ in what the arrays hold only."""
        row = self._template(members, into)
        net, values = self.push.new, self._values
        moved = [place for place in np.flatnonzero(self._kinds == "tap") if np.ptp(values[members, place]) > 0]
        trafos = sorted({int(i) for _, _, i in self.push.setpoints.columns[moved]})
        grid = read_grid(net, switching=_NOTHING, need_limits=False, tap_trafos=trafos)
        elements, settings = ElementValues(net, grid), Settings(net, grid, self.push, self._kinds, values[row])
        width = RadialSweep.width(grid.n)
        for rows, now in settings.by_ratio(values, members):
            solved = self.solver(now)
            for k in range(0, len(rows), width):
                part = rows[k : k + width]
                elements.write(into, part, solved(*settings.drawn(values[part])), now)

    def _template(self, members: IntArray, into: StateArrays) -> int:
        """Write a state that has a solution into the net, put what is no branch of the grid everywhere, and say which.

        Where none of three has one the last stays.
        """
        for row in dict.fromkeys(members[[0, len(members) // 2, -1]].tolist()):
            new = self.push.at(self.push.setpoints.index[row])
            state = state_of(new, self.push.held and run_ac(new), structure_of(new, self.switches, self.watched))
            if state.converged[0]:
                break
        into.branches[:, :, members], into.radial[members], into.dark[members] = (
            state.branches,
            state.radial,
            state.dark,
        )
        return int(row)
