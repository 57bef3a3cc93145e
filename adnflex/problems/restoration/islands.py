"""Units that may hold an island: each is a source behind an open switch at its bus, and closing it is one operation.

So the search, the sequence and power flow know nothing of islands but two things that are told here: the power of a
started unit stays within its limits, and what has supply without any operation is not handed to an island.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandapower as pp
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import BoolArray, FloatArray
from adnflex.errors import InputError
from adnflex.grid.model import Grid, SwitchableBranch
from adnflex.grid.remaining import joined
from adnflex.grid.state import GridState
from adnflex.grid.switching import decisions
from adnflex.grid.write import write
from adnflex.knobs import Switching
from adnflex.powerflow.structure import source_rows

Key = tuple[str, int]
UNITS = ("sgen", "storage", "gen")
ISLAND_COLUMNS = [
    *("table", "index", "name", "bus", "vm_pu", "p_mw", "q_mvar", "min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar"),
    *("sn_mva", "energy_mwh", "hours"),
]


@dataclass(frozen=True)
class IslandUnit:
    """A unit that may hold an island, powers as it gives them.

    Attributes
    ----------
    table, index, name : str, int, str
        The unit.
    bus : int
        Where it stands.
    vm_pu : float
        Voltage that it holds [pu].
    p_mw, q_mvar : tuple of float
        Least and most that it gives [MW, Mvar].
    sn_mva : float
        Most apparent power [MVA]; inf where there is none.
    energy_mwh : float
        What a storage can give until it is empty [MWh]; NaN where it is not known.
    present : complex
        What it gives while it holds no island, if its bus has supply [MVA].
    switch, source : int
        The switch that starts it, and the bus behind it.
    """

    table: str
    index: int
    name: str
    bus: int
    vm_pu: float
    p_mw: tuple[float, float]
    q_mvar: tuple[float, float]
    sn_mva: float
    energy_mwh: float
    present: complex
    switch: int = -1
    source: int = -1

    def started(self, decision: SwitchableBranch) -> SwitchableBranch:
        """Name the closing of its switch by the unit."""
        named = dataclasses.replace(decision, element=self.table, index=self.index, name=self.name)
        return dataclasses.replace(named, from_bus=self.bus, to_bus=self.bus)

    @property
    def scale(self) -> float:
        """What excess is relative to: its rating [MVA]."""
        known = [abs(x) for x in (*self.p_mw, *self.q_mvar, self.sn_mva) if np.isfinite(x)]
        return max([1e-9, self.sn_mva] if np.isfinite(self.sn_mva) else [1e-9, *known])

    def beyond(self, p: Any, q: Any) -> dict[tuple[str, float], Any]:
        """Powers beyond each limit [MW, Mvar, MVA], by what it is of and its value."""
        rows = {
            ("island active power low", self.p_mw[0]): self.p_mw[0] - p,
            ("island active power high", self.p_mw[1]): p - self.p_mw[1],
            ("island reactive power low", self.q_mvar[0]): self.q_mvar[0] - q,
            ("island reactive power high", self.q_mvar[1]): q - self.q_mvar[1],
            ("island apparent power", self.sn_mva): np.hypot(p, q) - self.sn_mva,
        }
        return {key: excess for key, excess in rows.items() if np.isfinite(key[1])}

    def broken(self, p: float, q: float, tolerance: float) -> Iterator[tuple[str, float, float, float, str]]:
        """Yield limits that powers break: kind, value, limit, excess, unit."""
        values = {"active": (p, "MW"), "reactive": (q, "Mvar"), "apparent": (float(np.hypot(p, q)), "MVA")}
        for (kind, limit), excess in self.beyond(p, q).items():
            if excess > tolerance * self.scale:
                value, unit = values[kind.split()[1]]
                yield kind, value, limit, float(excess), unit

    def row(self, p: float, q: float) -> dict[str, Any]:
        """One row of `Restoration.islands`."""
        hours = self.energy_mwh / p if p > 0 else np.inf if np.isfinite(self.energy_mwh) else np.nan
        return {
            **{name: getattr(self, name) for name in ("table", "index", "name", "bus", "vm_pu", "sn_mva")},
            **{"p_mw": p, "q_mvar": q, "min_p_mw": self.p_mw[0], "max_p_mw": self.p_mw[1]},
            **{"min_q_mvar": self.q_mvar[0], "max_q_mvar": self.q_mvar[1]},
            **{"energy_mwh": self.energy_mwh, "hours": hours},
        }


def islands_read(net: pandapowerNet, keys: Iterable[Key]) -> list[IslandUnit]:
    """Read units that may hold an island.

    Raises
    ------
    InputError
        If one does not exist, cannot hold an island, or has no limits.
    """
    units, faults = [], []
    for key in dict.fromkeys(keys):
        try:
            units.append(_unit(net, *key))
        except InputError as error:
            faults += [f"islands: {fault}" for fault in error.findings]
    if faults:
        raise InputError(faults)
    return units


def _unit(net: pandapowerNet, table: str, index: int) -> IslandUnit:
    """Read one unit."""
    if table not in UNITS:
        raise InputError(f"{table!r} is no unit that can hold an island; give one of {', '.join(UNITS)}.")
    if index not in net[table].index:
        raise InputError(f"{table} {index} is not in net.{table}; give an existing index.")
    if (table, index) in source_rows(net):
        raise InputError(f"gen {index} is a source of the net already; leave it out.")
    row = net[table].loc[index]
    on, bus = bool(row["in_service"]), int(row["bus"])
    if bus not in net.bus.index or not bool(net.bus.at[bus, "in_service"]):
        raise InputError(f"{table} {index} stands at bus {bus}, which is not in service; leave it out.")
    # a gen in service holds a voltage beside the source, which no radial model reads; one on stand-by is not in service
    if not on and table != "gen":
        raise InputError(f"{table} {index} is not in service; put it into service or leave it out.")
    if _truth(row.get("reactive_capability_curve")):
        raise InputError(f"{table} {index} has a reactive capability curve; give min_q_mvar and max_q_mvar instead.")
    sign, scaling = (-1.0 if table == "storage" else 1.0), float(row.get("scaling", 1.0))
    held = complex(float(row["p_mw"]), 0.0 if table == "gen" else float(row["q_mvar"])) * scaling * sign
    energy = _energy(row) if table == "storage" else np.nan
    p, q, sn = _limits(f"{table} {index}", row, sign, held.real)
    if energy <= 0:
        raise InputError(
            f"storage {index} is empty ({row['soc_percent']:g} % of {row['max_e_mwh']:g} MWh); leave it out."
        )
    name = "" if pd.isna(row.get("name")) else str(row["name"])
    vm = float(row["vm_pu"]) if table == "gen" else 1.0
    return IslandUnit(table, index, name, bus, vm, p, q, sn, energy, held if on else 0j)


def _limits(
    place: str, row: pd.Series, sign: float, held: float
) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Limits of active, reactive and apparent power as a unit gives it [MW, Mvar, MVA]."""
    sn = _number(row, "sn_mva")
    low, high = sorted_by(sign, _number(row, "min_p_mw"), _number(row, "max_p_mw"))
    if np.isnan(high):
        high = sn if np.isfinite(sn) else held
    faults = []
    if not high > 0:
        words = "max_p_mw" if sign > 0 else "a min_p_mw below 0"
        faults.append(f"{place} has no limit of active power above 0 MW; give {words} or sn_mva.")
    # a storage takes up what is left over, where it says so; a generator does not
    low = (0.0 if np.isnan(low) else min(low, 0.0)) if sign < 0 else max(0.0, 0.0 if np.isnan(low) else low)
    q_low, q_high = sorted_by(sign, _number(row, "min_q_mvar"), _number(row, "max_q_mvar"))
    if np.isnan(sn) and (np.isnan(q_low) or np.isnan(q_high)):
        faults.append(f"{place} has no limit of reactive power; give sn_mva, or min_q_mvar and max_q_mvar.")
    if faults:
        raise InputError(faults)
    q = -np.inf if np.isnan(q_low) else q_low, np.inf if np.isnan(q_high) else q_high
    return (low, high), q, sn if np.isfinite(sn) else np.inf


def sorted_by(sign: float, low: float, high: float) -> tuple[float, float]:
    """Limits of what is given, from those of what is drawn where the sign is -1."""
    return (low, high) if sign > 0 else (-high, -low)


def _energy(row: pd.Series) -> float:
    """Return what a storage can give until it is at its least energy [MWh]; NaN where it is not known."""
    least = _number(row, "min_e_mwh")
    return _number(row, "soc_percent") / 100 * _number(row, "max_e_mwh") - (0.0 if np.isnan(least) else least)


def _number(row: pd.Series, column: str) -> float:
    value = row.get(column)
    return float("nan") if value is None or pd.isna(value) else float(value)


def _truth(value: Any) -> bool:
    return value is not None and not pd.isna(value) and bool(value)


class WithIslands(NamedTuple):
    """A net with units that may be started.

    Attributes
    ----------
    net : pandapowerNet
        The net, with a source behind an open switch at the bus of each.
    switching : Switching
        What may be operated, those switches included.
    units : dict of int to IslandUnit
        The units by their switches.
    """

    net: pandapowerNet
    switching: Switching
    units: dict[int, IslandUnit]

    @property
    def choice(self) -> dict[str, list[Key]]:
        """Units that may hold an island, as they are kept in a result."""
        return {"islands": [(unit.table, unit.index) for unit in self.units.values()]}

    @property
    def sources(self) -> list[int]:
        """Buses that the net itself does not have."""
        return [unit.source for unit in self.units.values()]


def with_islands(net: pandapowerNet, units: Sequence[IslandUnit], switching: Switching) -> WithIslands:
    """Return a net with its units behind switches; the net itself where there are none."""
    if not units:
        return WithIslands(net, switching, {})
    # what a net without switches may operate is not what one with switches may: it is told before they are there
    chosen, faults = decisions(net, switching)
    if faults:
        raise InputError(faults)
    new, known = write(net), dict[int, IslandUnit]()
    for unit in units:
        source = int(pp.create_bus(new, float(new.bus.at[unit.bus, "vn_kv"]), name=f"{unit.table} {unit.index}"))
        pp.create_ext_grid(new, source, vm_pu=unit.vm_pu)
        switch = int(pp.create_switch(new, unit.bus, source, "b", closed=False))
        known[switch] = dataclasses.replace(unit, switch=switch, source=source)
    switches = [s for d in chosen if d.element != "line" for s in (*d.open_switches, *d.close_switches)]
    lines = [d.index for d in chosen if d.element == "line"]
    return WithIslands(new, Switching(lines, [*dict.fromkeys(switches), *known]), known)


class Start(NamedTuple):
    """A unit of a grid: the branch that starts it, its root, and the sign of the power of the branch."""

    unit: IslandUnit
    branch: int
    root: int
    sign: float

    def power(self, grid: Grid, states: GridState) -> tuple[FloatArray, FloatArray]:
        """Return what it gives in each state [MW, Mvar]: what the source gives, and what it gives at its set-point."""
        k = self.branch
        l = 0.0 if self.sign > 0 else states.l[:, k]  # noqa: E741
        p = self.sign * (states.p[:, k] - grid.r[k] * l) * grid.base_mva + self.unit.present.real
        q = self.sign * (states.q[:, k] - grid.x[k] * l) * grid.base_mva + self.unit.present.imag
        return p, q


def starts_of(grid: Grid, units: Mapping[int, IslandUnit]) -> tuple[Start, ...]:
    """Find the units of a grid that can be started."""
    found = []
    for k, branch in enumerate(grid.branches if units else ()):
        d = branch.decision
        if d is not None and d.element == "switch" and d.index in units:
            unit = units[d.index]
            root = grid.node_of[unit.source]
            found.append(Start(unit, k, root, 1.0 if grid.f[k] == root else -1.0))
    return tuple(found)


def island_excess(starts: Sequence[Start], grid: Grid, states: GridState) -> FloatArray:
    """How far the power of the started units is beyond a limit, relative to their ratings (s,); -inf without any."""
    found = np.full(len(states.p), -np.inf)
    for start in starts:
        p, q = start.power(grid, states)
        most = np.max(list(start.unit.beyond(p, q).values()), axis=0) / start.unit.scale
        found = np.maximum(found, np.where(states.closed[:, start.branch], most, -np.inf))
    return found


def feeds_lit(starts: Sequence[Start], grid: Grid, closed: BoolArray, lit: BoolArray) -> bool:
    """Whether an island feeds nodes that have supply without any operation."""
    roots = [start.root for start in starts if closed[start.branch]]
    if not roots:
        return False
    part, others = joined(grid.n, grid.f[closed], grid.t[closed]), lit.copy()
    others[[start.root for start in starts]] = False
    return bool(np.isin(part[others], part[roots]).any())


def island_table(starts: Sequence[Start], grid: Grid, states: GridState) -> pd.DataFrame:
    """Return `Restoration.islands` of one state."""
    rows = []
    for start in starts:
        if states.closed[0, start.branch]:
            p, q = start.power(grid, states)
            rows.append(start.unit.row(float(p[0]), float(q[0])))
    return pd.DataFrame(rows, columns=ISLAND_COLUMNS)


def unit_of(row: Any) -> IslandUnit:
    """Read a unit back from a row of `Restoration.islands`."""
    limits = (row.min_p_mw, row.max_p_mw), (row.min_q_mvar, row.max_q_mvar)
    return IslandUnit(
        row.table, int(row.index_), row.name, int(row.bus), row.vm_pu, *limits, row.sn_mva, row.energy_mwh, 0j
    )
