"""Voltages and loadings of a dispatch as tables: elements with their ratings, read once for several states."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandapower import pandapowerNet
from scipy import sparse

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.grid import Grid
from adnflex.grid.ratings import Ratings, collect_ratings
from adnflex.problems.dispatch.state import DispatchState
from adnflex.study import Study


@dataclass(frozen=True)
class RatedElements:
    """Elements of the branches, two terminals each, and what they carry.

    Attributes
    ----------
    terminals : Ratings
        All terminals, also those without a rating.
    ampacity : (2 e,) array
        Current of 100 % loading at each, per unit.
    base_ka : (2 e,) array
        Current of 1 pu at each [kA].
    told : (2 e,) array of bool
        Whether the current there is one that pandapower tells: both of a line, the upper side of a transformer.
    elements : list of (str, int)
        The elements.
    branch : (e,) array of int
        Their branches.
    """

    terminals: Ratings
    ampacity: FloatArray
    base_ka: FloatArray
    told: BoolArray
    elements: list[tuple[str, int]]
    branch: IntArray

    @classmethod
    def of(cls, net: pandapowerNet, grid: Grid) -> RatedElements:
        """Read those of a grid."""
        terminals = collect_ratings(grid.branches, rated_only=False)
        elements = [(m.element, m.index) for b in grid.branches for m in b.members]
        branch = np.repeat(np.arange(grid.m), [len(b.members) for b in grid.branches])
        base = grid.base_mva / math.sqrt(3) / grid.base_kv[_buses(grid, terminals)]
        return cls(terminals, _ampacity(net, grid, terminals, base), base, _told(grid, terminals), elements, branch)

    def table(self, values: FloatArray, index: pd.Index, shown: BoolArray | None = None) -> pd.DataFrame:
        """Tabulate values of elements (rows, e), of all or some."""
        chosen = np.arange(len(self.elements)) if shown is None else np.flatnonzero(shown)
        names = ["element", "index"]
        some = [self.elements[k] for k in chosen.tolist()]
        columns = (
            pd.MultiIndex.from_tuples(some, names=names) if some else pd.MultiIndex.from_arrays([[], []], names=names)
        )
        return pd.DataFrame(values[:, chosen], index, columns)


def network_tables(
    rated: RatedElements, study: Study, state: DispatchState, index: pd.Index
) -> dict[str, pd.DataFrame]:
    """Tabulate voltages, loadings and currents of a state."""
    grid, terminals = study.grid, rated.terminals
    buses = sorted(grid.node_of)
    nodes = [grid.node_of[b] for b in buses]
    v = np.full((len(index), grid.n), np.nan)
    current = np.full((len(index), len(rated.ampacity)), np.nan)
    for row, ((s, t), flow) in enumerate(state.flows.items()):
        if flow is None:
            continue
        v[row] = flow.v
        now = state.grids[s, t]
        behind = np.where(terminals.at_from, now.ratio[terminals.branch], 1.0)
        current[row] = flow.currents_at(now, terminals) / behind
    # each element has two terminals, one after the other
    worst = _larger(100 * current / rated.ampacity)
    carries = np.array([e != "switch" for e, _ in rated.elements], dtype=bool)
    shown = np.isfinite(worst).any(axis=0) & carries
    return {
        "vm_pu": pd.DataFrame(np.sqrt(np.maximum(v[:, nodes], 0)), index=index, columns=pd.Index(buses, name="bus")),
        "loading_percent": rated.table(worst, index, shown),
        "i_ka": rated.table(_larger(np.where(rated.told, current * rated.base_ka, np.nan)), index, carries),
    }


def load_tables(net: pandapowerNet, setpoints: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tabulate what loads draw at each bus, at nominal voltage, as `DispatchPlan.load_mw` and `load_mvar`.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    setpoints : pandas.DataFrame
        What is written into it, columns ``(table, column, index)``.
    """
    rows = net.load[net.load["in_service"].astype(bool)]
    buses, at = np.unique(rows["bus"].to_numpy(dtype=np.int64), return_inverse=True)
    scaling = rows["scaling"].to_numpy(dtype=float)
    where = sparse.csr_matrix((scaling, (np.arange(len(rows)), at)), shape=(len(rows), len(buses)))
    found = {}
    for name, column in (("load_mw", "p_mw"), ("load_mvar", "q_mvar")):
        drawn = np.tile(rows[column].to_numpy(dtype=float), (len(setpoints), 1))
        written = {i: k for k, (table, of, i) in enumerate(setpoints.columns) if (table, of) == ("load", column)}
        here = [(k, written[i]) for k, i in enumerate(rows.index) if i in written]
        if here:
            row, of_setpoint = np.array(here).T
            drawn[:, row] = setpoints.to_numpy(dtype=float)[:, of_setpoint]
        found[name] = pd.DataFrame(drawn @ where, setpoints.index, pd.Index(buses, name="bus"))
    return found


def _larger(values: FloatArray) -> FloatArray:
    """Larger one of the two terminals of each element."""
    return np.asarray(np.fmax(values[:, ::2], values[:, 1::2]))


def _buses(grid: Grid, terminals: Ratings) -> IntArray:
    """Node of each terminal."""
    return np.asarray(np.where(terminals.at_from, grid.f[terminals.branch], grid.t[terminals.branch]))


def _told(grid: Grid, terminals: Ratings) -> BoolArray:
    """Whether pandapower's ``i_ka`` is of a terminal."""
    flipped = np.array([grid.branches[k].flipped for k in terminals.branch], dtype=bool)
    members = zip(terminals.branch.tolist(), terminals.member.tolist(), strict=True)
    trafo = np.array([grid.branches[k].members[j].element == "trafo" for k, j in members], dtype=bool)
    return np.asarray(~trafo | (terminals.at_from != flipped))


def _ampacity(net: pandapowerNet, grid: Grid, terminals: Ratings, base_ka: FloatArray) -> FloatArray:
    """Tabulate the current of 100 % loading at every terminal, per unit on its own bus; NaN: no rating."""
    branch, at_from = terminals.branch, terminals.at_from
    members = [grid.branches[k].members[j] for k, j in zip(branch.tolist(), terminals.member.tolist(), strict=True)]
    element, index = np.array([m.element for m in members]), np.array([m.index for m in members], dtype=np.int64)
    ka = np.full(len(members), np.nan)
    for table, size in (("line", "max_i_ka"), ("trafo", "sn_mva")):
        here = np.flatnonzero(element == table)
        if not len(here):
            continue
        rows = net[table].loc[index[here]]
        derating = rows["df"].to_numpy(dtype=float) if "df" in rows.columns else 1.0
        most = rows[size].to_numpy(dtype=float) * derating * rows["parallel"].to_numpy(dtype=float)
        if table == "trafo":
            flipped = np.array([grid.branches[k].flipped for k in branch[here]], dtype=bool)
            kv = np.where(at_from[here] != flipped, rows["vn_hv_kv"], rows["vn_lv_kv"]).astype(float)
            most = most / math.sqrt(3) / kv
        ka[here] = most
    # pandapower's 99999 kA stands for "not known"
    return np.where(np.isfinite(ka) & (ka < 9e4), ka / base_ka, np.nan)
