"""The one push-back: states, as plain tables of set-points and switches, written into a private copy of a net."""

from __future__ import annotations

import copy
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
from pandapower import pandapowerNet

from adnflex.grid.apply import apply_switches

__all__ = ["PushBack", "one_state"]

# Columns that change the power at a bus and nothing else of a power flow.
_POWERS = {(table, column) for table in ("load", "sgen", "storage") for column in ("p_mw", "q_mvar")}


class PushBack:
    """One private copy of a net, into which states are written one after another.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    setpoints : pandas.DataFrame
        One row a state, columns ``(table, column, index)``: values to write; NaN: the net's own. The table
        ``constant_q`` is a shunt of constant reactive power [Mvar, drawn positive], which pandapower lacks: an sgen
        stands in for it.
    switches : pandas.DataFrame, optional
        As `Plan.switches`; with a column ``first_period`` one block a topology, of which each state takes that of its
        period (its label, or the level ``period`` of it).

    Attributes
    ----------
    only_powers : bool
        Whether the state written last differs from the one before in powers at buses only.
    switched : bool
        Whether the state written last has other switch states than the one before.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> columns = pd.MultiIndex.from_tuples([("load", "p_mw", 0)])
    >>> push = PushBack(pn.case33bw(), pd.DataFrame([[0.2], [0.3]], columns=columns))
    >>> float(push.at(1).load.at[0, "p_mw"]), float(push.at(0).load.at[0, "p_mw"]), push.only_powers
    (0.3, 0.2, True)
    """

    def __init__(self, net: pandapowerNet, setpoints: pd.DataFrame, switches: pd.DataFrame | None = None) -> None:
        self.new = copy.deepcopy(net)
        self.only_powers, self.switched = False, False
        self._original = net
        self._setpoints = setpoints.fillna(_own(net, setpoints)) if setpoints.isna().to_numpy().any() else setpoints
        self._switches = switches if switches is not None and len(switches) else None
        self._block: int | None = None
        self._written: np.ndarray | None = None
        stand_in: dict[int, int] = {}
        for index in sorted({i for table, _, i in setpoints.columns if table == "constant_q"}):
            self.new.shunt.loc[index, "in_service"] = False
            bus = int(self.new.shunt.at[index, "bus"])
            name = f"constant-q bank of shunt {index}"
            stand_in[index] = int(pp.create_sgen(self.new, bus, p_mw=0.0, q_mvar=0.0, name=name))
        self._groups = self._grouped(stand_in)
        self._power = np.array(
            [table == "constant_q" or (table, column) in _POWERS for table, column, _ in setpoints.columns], dtype=bool
        )

    def _grouped(self, stand_in: dict[int, int]) -> list[tuple[str, str, list[int], np.ndarray, float]]:
        """Columns of the table that go into the same column of the net: where, which rows, which places, sign."""
        groups: dict[tuple[str, str, float], tuple[list[int], list[int]]] = {}
        for place, (table, column, index) in enumerate(self._setpoints.columns):
            bank = table == "constant_q"
            rows, places = groups.setdefault(("sgen" if bank else table, column, -1.0 if bank else 1.0), ([], []))
            rows.append(stand_in[index] if bank else int(index))
            places.append(place)
        return [(t, c, rows, np.array(places), sign) for (t, c, sign), (rows, places) in groups.items()]

    def at(self, label: Hashable) -> pandapowerNet:
        """Write the state of a label and return the net (the same object every time)."""
        place = self._setpoints.index.get_loc(label)
        self.switched = self._switch(label)
        values = self._setpoints.iloc[place].to_numpy(dtype=float)
        before, self._written = self._written, values
        self.only_powers = bool(before is not None and not self.switched and np.all((before == values) | self._power))
        for table, column, rows, places, sign in self._groups:
            self._write(table, column, rows, sign * values[places])
        return self.new

    def _write(self, table: str, column: str, rows: list[int], values: np.ndarray) -> None:
        target = self.new[table]
        given: Any = [round(v) for v in values.tolist()] if target[column].dtype.kind in "iu" else values
        target.loc[rows, column] = given

    def _switch(self, label: Hashable) -> bool:
        """Write the switch states of a state; return whether others stood before."""
        switches = self._switches
        if switches is None:
            return False
        block = 0
        if "first_period" in switches:
            names = list(self._setpoints.index.names)
            period = label[names.index("period")] if isinstance(label, tuple) else label
            firsts = switches["first_period"].astype(int)
            block = int(firsts[firsts <= period].max())
            switches = switches[firsts == block]
        if block == self._block:
            return False
        self._block = block
        state = apply_switches(self._original, switches)
        self.new.switch["closed"] = state.switch["closed"]
        for table in ("line", "trafo"):
            self.new[table]["in_service"] = state[table]["in_service"]
        return True


def _own(net: pandapowerNet, setpoints: pd.DataFrame) -> pd.Series:
    """Values of the net itself in the places of set-points."""
    found = [0.0 if t == "constant_q" else float(net[t].at[i, c]) for t, c, i in setpoints.columns]
    return pd.Series(found, index=setpoints.columns)


def one_state(values: pd.Series | None = None) -> pd.DataFrame:
    """Table of a single state (label 0), by default the net's own.

    Parameters
    ----------
    values : pandas.Series, optional
        Index ``(table, column, index)``.
    """
    if values is None:
        return pd.DataFrame(index=pd.RangeIndex(1, name="state"), columns=pd.MultiIndex.from_arrays([[], [], []]))
    return pd.DataFrame([values.to_numpy()], index=pd.RangeIndex(1, name="state"), columns=values.index)
