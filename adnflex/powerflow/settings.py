"""What differs from state to state, as arrays of a grid: powers, shunts, voltages of roots, ratios."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandapower import pandapowerNet
from scipy.sparse import csr_matrix

from adnflex.arrays import ComplexArray, FloatArray, IntArray
from adnflex.errors import UnsupportedElement
from adnflex.grid.model import Grid
from adnflex.grid.write import PushBack

# Direction of a set-point, as a withdrawal.
_SIGN = {"load": 1.0, "storage": 1.0, "sgen": -1.0, "constant_q": 1.0}

_SHUNT = ("step", "p_mw", "q_mvar")


def kinds_of(net: pandapowerNet, push: PushBack) -> np.ndarray:
    """Say what each column of set-points changes: ``power``, ``root``, ``shunt``, ``tap`` or ``other``."""

    def kind(table: str, column: str, index: int) -> str:
        if table == "trafo" and column == "tap_pos":
            return "tap"
        if column == "vm_pu" and (table == "ext_grid" or (table == "gen" and bool(net.gen.at[index, "slack"]))):
            return "root"
        if table == "shunt" and column in _SHUNT:
            by_table = "step_dependency_table" in net.shunt.columns and bool(
                net.shunt.at[index, "step_dependency_table"]
            )
            return "other" if by_table else "shunt"
        return "other"

    columns = push.setpoints.columns
    return np.array(
        ["power" if power else kind(*key) for key, power in zip(columns, push.power, strict=True)], dtype=str
    )


class Settings:
    """Set-points of states as arrays of a grid.

    Parameters
    ----------
    net : pandapowerNet
        The net in one of the states.
    grid : Grid
        The grid read from it; with the positions that differ as steps.
    push : PushBack
        Whose set-points they are.
    kinds : (c,) array
        What each of its columns changes (see `kinds_of`).
    first : (c,) array
        Set-points of that one state.
    """

    def __init__(self, net: pandapowerNet, grid: Grid, push: PushBack, kinds: np.ndarray, first: FloatArray) -> None:
        self._grid, self._first, columns = grid, first, push.setpoints.columns
        self._power = np.flatnonzero(kinds == "power")
        self._at_nodes = [_at_nodes(net, grid, columns[self._power], letter) for letter in "pq"]
        self._roots = [
            (int(place), int(grid.node_of[int(net[columns[place][0]].at[columns[place][2], "bus"])]))
            for place in np.flatnonzero(kinds == "root")
            if bool(net[columns[place][0]].at[columns[place][2], "in_service"])
        ]
        self._shunts = _shunts(net, grid, columns, kinds == "shunt")
        self._taps = {int(columns[place][2]): int(place) for place in np.flatnonzero(kinds == "tap")}
        self._shared = bool(np.any(grid.z_share_p) or np.any(grid.z_share_q))

    def drawn(self, values: FloatArray) -> tuple[FloatArray, FloatArray, ComplexArray | None, FloatArray | None]:
        """Return what states draw: P, Q (B, n), and shunts and squared voltages of roots where they differ [pu].

        Powers are added to what the net has in its state; a share of them that depends on the voltage is a shunt.
        """
        grid = self._grid
        change = np.ascontiguousarray((values[:, self._power] - self._first[self._power]).T)
        p, q = (matrix @ change for matrix in self._at_nodes)
        y: ComplexArray | None = None
        if self._shared or self._shunts:
            y = np.repeat(grid.y[:, None], len(values), axis=1)
            y += grid.z_share_p[:, None] * p - 1j * grid.z_share_q[:, None] * q
            p, q = (1 - grid.z_share_p)[:, None] * p, (1 - grid.z_share_q)[:, None] * q
            for shunt in self._shunts:
                y[shunt.node] += shunt.admittance(values) - shunt.admittance(self._first[None])
        p += grid.p[:, None]
        q += grid.q[:, None]
        return p.T, q.T, None if y is None else y.T, self._root_v(values)

    def _root_v(self, values: FloatArray) -> FloatArray | None:
        if not any(np.any(values[:, place] != self._first[place]) for place, _ in self._roots):
            return None
        found = np.repeat(self._grid.root_v[None], len(values), axis=0)
        for place, node in self._roots:
            found[:, node] = values[:, place] ** 2
        return found

    def by_ratio(self, values: FloatArray, rows: IntArray) -> Iterator[tuple[IntArray, Grid]]:
        """Split states by their tap positions: rows, and the grid with their ratios."""
        moving = self._grid.taps
        if not moving:
            yield rows, self._grid
            return
        places = [self._taps[i] for t in moving for i in t.trafos]
        positions, which = np.unique(values[rows][:, places], axis=0, return_inverse=True)
        for k, position in enumerate(positions):
            told = dict(
                zip((i for t in moving for i in t.trafos), np.round(position).astype(int).tolist(), strict=True)
            )
            ratio = self._grid.ratio.copy()
            for t in moving:
                there = tuple(told[i] for i in t.trafos)
                if there not in t.positions:
                    raise UnsupportedElement(f"trafo {t.trafos[0]}: has no position {there[0]}")
                ratio[t.branch] = t.ratios[t.positions.index(there)]
            yield rows[which.ravel() == k], self._grid.replace(ratio=ratio)


class _Shunt(NamedTuple):
    """A shunt with set-points: its node, what 1 MW at rated voltage is there [pu], its values and their places."""

    node: int
    factor: float
    own: dict[str, float]
    places: dict[str, int]

    def admittance(self, values: FloatArray) -> ComplexArray:
        """Return its admittance in some states (B,) [pu]."""
        step, p, q = (values[:, self.places[c]] if c in self.places else self.own[c] for c in _SHUNT)
        return np.asarray(step * (p - 1j * q) * self.factor)


def _shunts(net: pandapowerNet, grid: Grid, columns: pd.MultiIndex, chosen: np.ndarray) -> list[_Shunt]:
    places: dict[int, dict[str, int]] = {}
    for place in np.flatnonzero(chosen):
        places.setdefault(int(columns[place][2]), {})[columns[place][1]] = int(place)
    found = []
    for index, mine in places.items():
        row = net.shunt.loc[index]
        node = grid.node_of.get(int(row["bus"]))
        if node is None or not row["in_service"]:
            continue
        factor = (float(net.bus.at[int(row["bus"]), "vn_kv"]) / float(row["vn_kv"])) ** 2 / grid.base_mva
        found.append(_Shunt(node, factor, {c: float(row[c]) for c in _SHUNT}, mine))
    return found


def _at_nodes(net: pandapowerNet, grid: Grid, columns: pd.MultiIndex, letter: str) -> csr_matrix:
    """Return what set-points of active (``p``) or reactive power add to the withdrawals of the nodes (n, c) [pu]."""
    places, nodes, factors = [], [], []
    for place, (table, column, index) in enumerate(columns):
        source = "shunt" if table == "constant_q" else table
        node = grid.node_of.get(int(net[source].at[index, "bus"]))
        # a bank of constant reactive power is a shunt out of service with an sgen in its place
        lives = table == "constant_q" or bool(net[table].at[index, "in_service"])
        if node is None or not lives or not str(column).startswith(letter):
            continue
        scaling = 1.0 if table == "constant_q" else float(net[table].at[index, "scaling"])
        places.append(place)
        nodes.append(node)
        factors.append(_SIGN[table] * scaling / grid.base_mva)
    return csr_matrix((factors, (nodes, places)), shape=(grid.n, len(columns)))
