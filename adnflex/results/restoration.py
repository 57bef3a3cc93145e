"""What few operations bring back after an outage, what stays dark and why, and what is proven of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from adnflex.arguments import public
from adnflex.errors import InputError
from adnflex.results.base import Answer, Verdict
from adnflex.results.scope import looked_at_each
from adnflex.results.status import told_status

if TYPE_CHECKING:
    from pandapower import pandapowerNet


@dataclass(frozen=True, repr=False, eq=False)
class Restoration(Answer):
    """The best set of operations after an outage.

    Attributes
    ----------
    net_name, fingerprint, asked_limits, solver, seconds, topology, coordinates, options, notes, versions
        What all answers have (see `adnflex.results.base.Answer`).
    outage : str
        What is out, e.g. ``line 12``.
    status : str
        ``optimal``: no set of so many operations restores more; ``time_limit``: not all were decided, and
        `bound_mw` says what the others can restore at most; ``unproven``: where loads come back in part, the bound is
        not reached; ``infeasible``: no set, and nothing done neither, meets every limit.
    proof : str
        What was proven, in one sentence.
    dark_mw : float
        Gross load without supply after the fault is parted by its own switches [MW].
    fault_mw : float
        Part of it that no switch parts from the fault: it waits for the repair [MW].
    unreachable_mw : float
        Part of it that nothing that may be closed reaches [MW].
    tripped_mw : float
        Gross load that protection trips at first [MW].
    restored_mw : float
        Part of `dark_mw` that the operations bring back [MW].
    bound_mw : float
        No set of at most so many operations restores more [MW], weighted by priority where loads have one.
    switches : pandas.DataFrame
        What is operated, as `Plan.switches`: ``element``, ``index``, ``name``, ``from_bus``, ``to_bus``,
        ``closed_before``, ``closed_after``, ``operated``, ``switches``, ``by_service``.
    isolation : pandas.DataFrame
        What parts the fault: ``table``, ``column``, ``index``; all are turned off. Generation that is to stay off too.
        Of switches also their ``station`` and what they are ``of``.
    buses : pandas.DataFrame
        Buses that the outage makes dark, index ``bus``: ``load_mw`` [MW], ``priority`` (of its loads, weighted),
        ``restored`` and ``why`` (it stays dark: ``fault``, ``no tie``, ``limits`` or ``operations``; else empty).
    by_operations : pandas.DataFrame
        Index ``operations``, from 0: the best of at most so many: ``restored`` [MW, weighted], ``actions``,
        ``losses_kw`` [kW].
    limiting : pandas.DataFrame
        Limits that the set worth most among those worth more breaks: ``kind``, ``element``, ``index``, ``value``,
        ``limit``, ``excess``, ``unit``; ``actions`` says which set.
    steps : pandas.DataFrame
        The operations in their order, each state in AC power flow; as `SwitchingSequence.steps`.
    state : pandas.DataFrame
        One row, the state in the end by pandapower: ``vm_min_pu`` to ``loading_index``, ``losses_kw``, ``margin``.
    flows : int
        Sets of operations that were run in power flow; all others that may restore more were ruled out by what they
        reach.
    setpoints : pandas.DataFrame
        What differs from the net in the period of the outage, one row, index ``period``, columns ``(table, column,
        index)``; empty where the net stands as it is.
    moves : pandas.DataFrame
        What is set beside switches, before they are operated: ``table``, ``column``, ``index``, ``before``, ``after``;
        positions of taps, and the power of loads that come back in part.
    curtailed : pandas.DataFrame
        Index ``load``: ``bus``, ``load_mw`` and ``left_out_mw`` of loads that come back in part [MW].
    islands : pandas.DataFrame
        Units that are started and hold an island: ``table``, ``index``, ``name``, ``bus``, ``vm_pu``; what they give,
        ``p_mw`` and ``q_mvar``, and its limits ``min_p_mw``, ``max_p_mw``, ``min_q_mvar``, ``max_q_mvar``, ``sn_mva``;
        of a storage ``energy_mwh`` and the ``hours`` that it lasts.
    """

    outage: str
    status: str
    proof: str
    dark_mw: float
    fault_mw: float
    unreachable_mw: float
    tripped_mw: float
    restored_mw: float
    bound_mw: float
    switches: pd.DataFrame
    isolation: pd.DataFrame
    buses: pd.DataFrame
    by_operations: pd.DataFrame
    limiting: pd.DataFrame
    steps: pd.DataFrame
    state: pd.DataFrame
    flows: int = 0
    setpoints: pd.DataFrame = field(default_factory=pd.DataFrame)
    moves: pd.DataFrame = field(default_factory=pd.DataFrame)
    curtailed: pd.DataFrame = field(default_factory=pd.DataFrame)
    islands: pd.DataFrame = field(default_factory=pd.DataFrame)

    _form = "adnflex-restoration-1"

    @property
    def operations(self) -> int:
        """Number of operations."""
        return len(self.switches)

    @property
    def left_mw(self) -> float:
        """Gross load that stays without supply [MW]."""
        return self.dark_mw - self.restored_mw

    @property
    def actions(self) -> str:
        """What is set and operated, in its order, in words."""
        told = [self.settings, actions_of(self.steps) if len(self.steps) else ""]
        return ", ".join(part for part in told if part) or "nothing to operate"

    @property
    def told_islands(self) -> list[str]:
        """What each island unit gives and how long a storage lasts, in words."""
        found = []
        for unit in named(self.islands) if len(self.islands) else ():
            most = f"{unit.p_mw:.3f} MW of {unit.max_p_mw:.3f} MW, {unit.q_mvar:.3f} Mvar"
            lasts = f", lasts {unit.hours:.1f} h" if 0 < unit.hours < float("inf") else ""
            found.append(f"{unit.table} {unit.index_} holds an island at bus {unit.bus}: {most}{lasts}")
        return found

    @property
    def settings(self) -> str:
        """What is set before the first operation, in words; empty where nothing is."""
        taps = self.moves[self.moves["column"] == "tap_pos"] if len(self.moves) else self.moves
        told = [f"tap of {row.table} {row.index_} to {row.after:g}" for row in named(taps)]
        told += [f"load {i} at {1 - row.left_out_mw / row.load_mw:.0%}" for i, row in self.curtailed.iterrows()]
        return ", ".join(told)

    @property
    def headline(self) -> dict[str, str]:
        """What is out, what comes back, by which operations."""
        return {
            "outage of": self.outage + (f" in period {self.setpoints.index[0]}" if len(self.setpoints) else ""),
            "restored": f"{self.restored_mw:.3f} of {self.dark_mw:.3f} MW",
            "": self.actions,
            "status": told_status(self.status),
        }

    def _lines(self) -> list[str]:
        lines = [super()._lines()[0], self.proof, *self.told_islands]
        if len(self.steps):
            columns = ["action", "element", "index", "station_name", "closing_current_a", "loops", "dark_mw"]
            columns += ["vm_min_pu", "vm_max_pu", "loading_percent"]
            digits = {"closing_current_a": 1, "dark_mw": 3, "vm_min_pu": 4, "vm_max_pu": 4, "loading_percent": 1}
            lines.append(self.steps[columns].round(digits).to_string())
        if len(self.limiting):
            row = self.limiting.iloc[0]
            place = f"{row['kind']} at {row['element']} {row['index']}: {row['value']:.5g} {row['unit']}"
            lines.append(f"more is limited by {place}, limit {row['limit']:.5g}, after: {row['actions']}")
        return lines

    @public()
    def apply(self, net: pandapowerNet, step: int | None = None) -> pandapowerNet:
        """Return a copy of `net` with the fault parted and the operations done.

        Parameters
        ----------
        net : pandapowerNet
            The net before the outage; it is not changed.
        step : int, optional
            0 (nothing done but the fault parted) to the number of operations, the default.

        Raises
        ------
        InputError
            If the net is another one, or there is no such step.
        """
        import pandapower as pp

        from adnflex.grid.identity import require_same
        from adnflex.grid.write import write

        last = self.operations if step is None else step
        if not 0 <= last <= self.operations:
            raise InputError(f"step is {step}; give 0 to {self.operations}.")
        require_same(net, self.fingerprint)
        off = zip(self.isolation["table"], self.isolation["column"], self.isolation["index"], strict=True)
        done = self.steps.iloc[:last]
        table = done.assign(operated=True, closed_after=done["action"] == "close")
        moved = {(str(t), str(c), int(i)): float(new) for t, c, i, _, new in self.moves.itertuples(index=False)}
        gone = {(str(t), str(c), int(i)): 0.0 for t, c, i in off}
        started = self.started(last)
        gone |= {(str(unit.table), "in_service", int(unit.index_)): 0.0 for unit in started}
        new = write(net, {**self._drawn, **moved, **gone}, table[table["action"] != "start"])
        for unit in started:
            pp.create_ext_grid(new, int(unit.bus), float(unit.vm_pu), name=f"island of {unit.table} {unit.index_}")
        return new

    def started(self, step: int) -> list[Any]:
        """Return the rows of `islands` of the units that run after a step, in the order in which they are started.

        Parameters
        ----------
        step : int
            0 to the number of operations.
        """
        done = self.steps.iloc[:step]
        done = done[done["action"] == "start"] if len(done) else done
        rows = {(row.table, row.index_): row for row in named(self.islands)} if len(self.islands) else {}
        return [rows[key] for key in zip(done["element"], done["index"], strict=True)] if len(done) else []

    @public()
    def before(self, net: pandapowerNet) -> pandapowerNet:
        """Return a copy of `net` as it stands before the outage, in the period of the outage.

        Parameters
        ----------
        net : pandapowerNet
            The net; it is not changed.

        Raises
        ------
        InputError
            If the net is another one.
        """
        from adnflex.grid.identity import require_same
        from adnflex.grid.write import write

        require_same(net, self.fingerprint)
        return write(net, self._drawn)

    @property
    def _drawn(self) -> dict[tuple[str, str, int], float]:
        """What differs from the net in the period of the outage."""
        if not len(self.setpoints):
            return {}
        return {(str(t), str(c), int(i)): float(value) for (t, c, i), value in self.setpoints.iloc[0].items()}


def named(table: pd.DataFrame) -> Any:
    """Return the rows of a table whose column ``index`` stands as ``index_``."""
    return table.rename(columns={"index": "index_"}).itertuples(index=False)


def actions_of(steps: pd.DataFrame) -> str:
    """Say operations in one line: ``close line 93, open line 10``."""
    rows = zip(steps["action"], steps["element"], steps["index"], strict=True)
    return ", ".join(f"{action} {element} {index}" for action, element, index in rows)


@dataclass(frozen=True, repr=False, eq=False)
class RestorationCheck(Verdict):
    """What full AC power flow says of every state of a restoration.

    Attributes
    ----------
    passed : bool
        Whether every state runs as the restoration says, nobody else is without supply, and the state in the end breaks
        no limit that was not broken before the outage.
    verdict : str
        One sentence for the reader.
    states : pandas.DataFrame
        Index ``step``, from 0 (the fault is parted): ``converged``, ``dark_buses``, ``dark_mw``, ``vm_min_pu``,
        ``vm_max_pu``, ``loading_percent``, ``margin``, ``off_pu`` (largest difference of a voltage extreme to what the
        restoration says).
    violations : pandas.DataFrame
        ``step``, ``kind``, ``element``, ``index``, ``value``, ``limit``, ``excess``, ``unit``, ``before`` (whether it
        was as bad before the outage).
    """

    states: pd.DataFrame
    violations: pd.DataFrame = field(default_factory=pd.DataFrame)

    _form = "adnflex-restoration-check-1"

    @property
    def scope(self) -> str:
        """What was looked at: every state from the parted fault to the last operation."""
        points = f"{len(self.states)} states, from the parted fault to the last operation"
        return looked_at_each(points, self.states["loading_percent"])

    @property
    def doubt(self) -> str:
        """Nothing: there is no best value that a certificate could be of."""
        return ""
