"""The one push-back: plain values by ``(table, column, index)``, and switch tables, written into a copy of a net.

The caller's net is never changed. What is written has to exist in it, be finite, and keep the type of its column; all
that does not is told at once, before anything is written.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import InputError
from adnflex.grid.converters import REACTIVE, hold_reactive_powers, with_reactive_powers
from adnflex.grid.private_copy import private_copy

# A place in the net: table, column, index.
Key = tuple[str, str, int]

# Columns that change the power at a bus and nothing else of a power flow.
_POWERS = {(table, column) for table in ("load", "sgen", "storage") for column in ("p_mw", "q_mvar")}


# What a step or a position may be off a whole number by.
_WHOLE = 1e-6


def write(
    net: pandapowerNet, values: Mapping[Key, float] | pd.Series | None = None, switches: pd.DataFrame | None = None
) -> pandapowerNet:
    """Return a copy of a net with some values and switch states written in; see `PushBack`.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    values : mapping or pandas.Series, optional
        Values by ``(table, column, index)``.
    switches : pandas.DataFrame, optional
        As `Plan.switches`.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> float(write(pn.case33bw(), {("load", "p_mw", 0): 0.3}).load.at[0, "p_mw"])
    0.3
    """
    return PushBack(net, one_state(values), switches).at(0)


class PushBack:
    """One private copy of a net, into which states are written one after another.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    setpoints : pandas.DataFrame
        One row a state, columns ``(table, column, index)``: values to write; NaN: the net's own. The table
        ``constant_q`` is a shunt of constant reactive power [Mvar, drawn positive], which pandapower lacks: an sgen
        stands in for it. The columns ``q_from_mvar`` and ``q_to_mvar`` of the table ``dcline`` are held by its voltages
        (see `adnflex.grid.converters`).
    switches : pandas.DataFrame, optional
        As `Plan.switches`; with a column ``first_period`` one block a topology, of which each state takes that of its
        period (its label, or the level ``period`` of it).

    Raises
    ------
    InputError
        If the net lacks a table, column or element, a value is not finite, or a position is no whole number.

    Attributes
    ----------
    only_powers : bool
        Whether the state written last differs from the one before in powers at buses only.
    switched : bool
        Whether the state written last has other switch states than the one before.
    held : bool
        Whether converters hold the reactive powers of the state written last; True where there are none.
    setpoints : pandas.DataFrame
        What is written, the net's own values where nothing is to be.
    power : (c,) array of bool
        Which of its columns change the power at a bus and nothing else.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> columns = pd.MultiIndex.from_tuples([("load", "p_mw", 0)])
    >>> push = PushBack(pn.case33bw(), pd.DataFrame([[0.2], [0.3]], columns=columns))
    >>> float(push.at(1).load.at[0, "p_mw"]), float(push.at(0).load.at[0, "p_mw"]), push.only_powers
    (0.3, 0.2, True)
    """

    def __init__(self, net: pandapowerNet, setpoints: pd.DataFrame, switches: pd.DataFrame | None = None) -> None:
        self._converters = any(table == "dcline" and column in REACTIVE for table, column, _ in setpoints.columns)
        net = with_reactive_powers(net) if self._converters else net
        if faults := [*_missing(net, setpoints.columns), *_unfit(net, setpoints), *_unknown(net, switches)]:
            raise InputError(faults)
        self.new = private_copy(net)
        self.only_powers, self.switched, self.held = False, False, True
        self.setpoints = setpoints.fillna(_own(net, setpoints)) if setpoints.isna().to_numpy().any() else setpoints
        self._switches = switches if switches is not None and len(switches) else None
        self._block: int | None = None
        self._closed: dict[Key, bool] = {}
        self._written: np.ndarray | None = None
        stand_in: dict[int, int] = {}
        for index in sorted({i for table, _, i in setpoints.columns if table == "constant_q"}):
            self.new.shunt.loc[index, "in_service"] = False
            bus = int(self.new.shunt.at[index, "bus"])
            name = f"constant-q bank of shunt {index}"
            stand_in[index] = int(pp.create_sgen(self.new, bus, p_mw=0.0, q_mvar=0.0, name=name))
        self._groups = self._grouped(stand_in)
        self.power = np.array(
            [table == "constant_q" or (table, column) in _POWERS for table, column, _ in setpoints.columns], dtype=bool
        )

    def _grouped(self, stand_in: dict[int, int]) -> list[tuple[str, str, list[int], np.ndarray, float]]:
        """Columns of the table that go into the same column of the net: where, which rows, which places, sign."""
        groups: dict[tuple[str, str, float], tuple[list[int], list[int]]] = {}
        for place, (table, column, index) in enumerate(self.setpoints.columns):
            bank = table == "constant_q"
            rows, places = groups.setdefault(("sgen" if bank else table, column, -1.0 if bank else 1.0), ([], []))
            rows.append(stand_in[index] if bank else int(index))
            places.append(place)
        return [(t, c, rows, np.array(places), sign) for (t, c, sign), (rows, places) in groups.items()]

    @property
    def places(self) -> list[tuple[str, str, list[int]]]:
        """What is written: table, column, rows of the net that `at` returns."""
        return [(table, column, rows) for table, column, rows, _, _ in self._groups]

    def at(self, label: Hashable) -> pandapowerNet:
        """Write the state of a label and return the net (the same object every time)."""
        place = self.setpoints.index.get_loc(label)
        self.switched = self._switch(int(self.topologies(self.setpoints.index[place : place + 1])[0]))
        values = self.setpoints.iloc[place].to_numpy(dtype=float)
        before, self._written = self._written, values
        self.only_powers = bool(before is not None and not self.switched and np.all((before == values) | self.power))
        for table, column, rows, places, sign in self._groups:
            # what stands there already needs no second writing; converters move what they are told
            if self._converters or before is None or not np.array_equal(before[places], values[places]):
                _put(self.new, table, column, rows, sign * values[places])
        if self._converters:
            self.held, self.only_powers = hold_reactive_powers(self.new), False
        return self.new

    def topologies(self, labels: pd.Index) -> np.ndarray:
        """Return the first period of the switch states that hold in each state; 0 where there is one topology."""
        switches = self._switches
        if switches is None or "first_period" not in switches:
            return np.zeros(len(labels), dtype=np.int64)
        periods = labels.get_level_values("period") if labels.nlevels > 1 else labels
        firsts = np.unique(switches["first_period"].to_numpy(dtype=np.int64))
        return np.asarray(firsts[np.searchsorted(firsts, np.asarray(periods), side="right") - 1])

    def _switch(self, block: int) -> bool:
        """Write the switch states from a period on; return whether others stood before."""
        switches = self._switches
        if switches is None:
            return False
        if "first_period" in switches:
            switches = switches[switches["first_period"].astype(int) == block]
        if block == self._block:
            return False
        self._block = block
        # what the topology before wrote goes back to the net's own first
        for key, value in {**self._closed, **(wanted := _states(switches))}.items():
            table, column, index = key
            if key in wanted:
                self._closed.setdefault(key, bool(self.new[table].at[index, column]))
            _put(self.new, table, column, [index], [value])
        return True


def _put(net: pandapowerNet, table: str, column: str, rows: Sequence[int], values: Iterable[Any]) -> None:
    """Write values into a column, in its own type."""
    series = net[table][column].copy()
    kind = series.dtype.kind
    given = [bool(v) if kind == "b" else round(v) if kind in "iu" else v for v in values]
    # by places, as pandas takes several times as long to find rows by their labels
    series.iloc[series.index.get_indexer(list(rows))] = given
    net[table][column] = series


def _states(switches: pd.DataFrame) -> dict[Key, bool]:
    """Return what the operated rows of a switch table write."""
    found: dict[Key, bool] = {}
    for row in switches[switches["operated"].astype(bool)].rename(columns={"index": "place"}).itertuples(index=False):
        after = bool(row.closed_after)
        found |= {("switch", "closed", int(s)): after for s in row.switches}
        if row.by_service:
            found[row.element, "in_service", int(row.place)] = after
    return found


def _missing(net: pandapowerNet, keys: Iterable[Key]) -> list[str]:
    """Name the places that the net does not have."""
    found: list[str] = []
    known: dict[tuple[str, str], set[int] | None] = {}
    for table, column, index in keys:
        where, name = ("shunt", "q_mvar") if table == "constant_q" else (table, column)
        if (where, name) not in known:
            rows = net.get(where)
            there = isinstance(rows, pd.DataFrame) and name in rows.columns
            known[where, name] = set(rows.index.tolist()) if there else None
        indices = known[where, name]
        if indices is None:
            found.append(f"net.{where} has no column {name}, where a value of {where} {index} is to be written")
        elif index not in indices:
            found.append(f"{where} {index} is not in the net, and its {name} is to be written")
    return [f"{text}; give the net that the values were made for." for text in found]


def _unfit(net: pandapowerNet, setpoints: pd.DataFrame) -> list[str]:
    """Name values that are infinite or no number, and positions that are no whole number; NaN is the net's own."""
    found, numbers = [], setpoints.to_numpy(dtype=float)
    pairs = dict.fromkeys((t, c) for t, c, _ in setpoints.columns)
    whole = {(t, c) for t, c in pairs if t in net and c in net[t] and net[t][c].dtype.kind in "iu"}
    steps_in = np.array([(t, c) in whole for t, c, _ in setpoints.columns], dtype=bool)
    # column by column where there may be something: of a year of states a table more would be felt
    for place in np.flatnonzero(steps_in | ~np.isfinite(numbers.sum(axis=0))):
        table, column, index = setpoints.columns[place]
        values, steps = numbers[:, place], steps_in[place]
        bad = np.isinf(values)
        if steps:
            with np.errstate(invalid="ignore"):
                bad |= np.abs(values - np.round(values)) > _WHOLE
        if bad.any():
            row = int(bad.argmax())
            text = f"{table} {index}: {column} is to be {values[row]:g} in state {_label(setpoints.index[row])}"
            found.append(f"{text}; give a {'whole' if steps else 'finite'} number.")
    return found


def _unknown(net: pandapowerNet, switches: pd.DataFrame | None) -> list[str]:
    """Name switches and elements of a switch table that the net does not have."""
    return [] if switches is None or not len(switches) else _missing(net, _states(switches))


def _own(net: pandapowerNet, setpoints: pd.DataFrame) -> pd.Series:
    """Values of the net itself in the places of set-points."""
    found = [0.0 if t == "constant_q" else float(net[t].at[i, c]) for t, c, i in setpoints.columns]
    return pd.Series(found, index=setpoints.columns)


def one_state(values: Mapping[Key, float] | pd.Series | None = None) -> pd.DataFrame:
    """Table of a single state (label 0), by default the net's own.

    Parameters
    ----------
    values : mapping or pandas.Series, optional
        Values by ``(table, column, index)``.
    """
    given = {} if values is None else dict(values.items())
    columns = pd.MultiIndex.from_arrays([[k[level] for k in given] for level in range(3)])
    return pd.DataFrame([list(given.values())], index=pd.RangeIndex(1, name="state"), columns=columns)


def _label(state: object) -> str:
    """Name a row of the index, several levels as ``1, 7``."""
    return ", ".join(str(part) for part in state) if isinstance(state, tuple) else str(state)
