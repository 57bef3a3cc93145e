"""Many states at once: the net is read for every topology, and all states of it are solved as arrays.

What is done here is done again by pandapower for a sample (see `adnflex.powerflow.judge`). What the arrays do not hold
is refused by name, and pandapower runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandapower import pandapowerNet
from scipy.sparse import csr_matrix

from adnflex.errors import InputError, UnsupportedElement
from adnflex.grid.ac import run_ac
from adnflex.grid.flow import RadialFlow
from adnflex.grid.model import FloatArray, Grid
from adnflex.grid.options import power_flow_options
from adnflex.grid.ratings import collect_ratings
from adnflex.grid.read import read_grid
from adnflex.grid.state import Flow
from adnflex.grid.write import PushBack
from adnflex.knobs import Switching
from adnflex.powerflow.states import Measured, StateArrays, buses_of, state_of, structure_of, tabulated
from adnflex.powerflow.structure import source_rows

__all__ = ["Solver", "exact_kernel", "measure_arrays"]

# Solves a grid for withdrawals P and Q (B, n) [pu].
Solver = Callable[[Grid, FloatArray, FloatArray], Flow]

# Every branch stays as it stands.
_NOTHING = Switching(switchable_lines=())

# Direction of a set-point, as a withdrawal.
_SIGN = {"load": 1.0, "storage": 1.0, "sgen": -1.0, "constant_q": 1.0}


def exact_kernel(grid: Grid, p: FloatArray, q: FloatArray) -> Flow:
    """Solve all states by `adnflex.grid.flow.RadialFlow`.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> grid = read_grid(pn.case33bw(), switching=Switching(switchable_lines=()))
    >>> round(float(exact_kernel(grid, grid.p[None], grid.q[None]).loss[0] * grid.base_mva), 4)
    0.2027
    """
    return RadialFlow(grid).solve_many(p, q)


class _Group(NamedTuple):
    """States that differ in powers at buses only: the net as it stands in the first of them, and its places."""

    net: pandapowerNet
    first: StateArrays
    members: np.ndarray


def measure_arrays(
    net: pandapowerNet,
    setpoints: pd.DataFrame,
    switches: pd.DataFrame | None,
    solver: Solver,
    supplied: Sequence[int] | pd.Index | None = None,
    fewest: int = 1,
) -> tuple[Measured, list[str]]:
    """Solve states as arrays.

    Parameters
    ----------
    net, setpoints, switches, supplied
        See `adnflex.powerflow.measure`.
    solver : callable
        Solves a grid for many withdrawals.
    fewest : int
        Fewer states of one topology and setting are left to pandapower, as reading the net for them costs as much.

    Returns
    -------
    Measured, list of str
        Of the states that could be solved so, and why others could not.
    """
    push, watched = PushBack(net, setpoints, switches), buses_of(net, supplied)
    values = push.setpoints.to_numpy(dtype=float)
    groups: dict[tuple[int, bytes], list[int]] = {}
    for row, label in enumerate(setpoints.index):
        groups.setdefault((push.topology(label), values[row, ~push.power].tobytes()), []).append(row)
    parts, done = list[StateArrays](), list[np.ndarray]()
    refused: dict[str, None] = {}
    for rows in groups.values():
        members = np.array(rows)
        if len(rows) < fewest:
            refused["other settings than powers change from state to state"] = None
            continue
        new = push.at(setpoints.index[rows[0]])
        first = state_of(new, push.held and run_ac(new), structure_of(new, switches, watched))
        try:
            parts.append(_solved(_Group(new, first, members), push, values, solver))
        except InputError as fault:
            refused |= dict.fromkeys(fault.findings)
        else:
            done.append(members)
    places = np.concatenate(done) if done else np.empty(0, dtype=np.int64)
    found = tabulated(net, parts, setpoints.index[places])
    order = np.argsort(places, kind="stable")
    solved = order[found.converged.to_numpy(dtype=bool)[order]]
    return found.each(lambda table: table.iloc[solved]), [str(text) for text in refused]


def _solved(group: _Group, push: PushBack, values: FloatArray, solver: Solver) -> StateArrays:
    """Solve the states of a group."""
    net, count = group.net, len(group.members)
    grid = read_grid(net, switching=_NOTHING, need_limits=False)
    _require_held(net, grid)
    # converters and positions are those of the first state; powers are added to what the net then has
    drawn = np.stack([np.repeat(part[None], count, axis=0) for part in (grid.p, grid.q)])
    change = values[group.members][:, push.power] - values[group.members[0], push.power]
    columns = push.setpoints.columns[push.power]
    for k, letter in enumerate("pq"):
        drawn[k] += change @ _at_nodes(net, grid, columns, letter)
    flow = solver(grid, drawn[0], drawn[1])
    return StateArrays(
        converged=np.isfinite(flow.loss),
        radial=np.repeat(group.first.radial, count),
        dark=group.first.dark * count,
        vm=_voltages(net, grid, flow),
        branches=_branches(net, grid, flow, group.first.branches[0]),
        losses=flow.loss * grid.base_mva,
        sources=_sources(net, grid, flow),
    )


def _require_held(net: pandapowerNet, grid: Grid) -> None:
    """Refuse what depends on more than the powers of a state."""
    if np.any(grid.z_share_p != 0) or np.any(grid.z_share_q != 0):
        raise UnsupportedElement("loads depend on the voltage, by shares of a bus that move with the powers")
    nodes = [grid.node_of.get(int(net[table].at[i, "bus"]), -1) for table, i in source_rows(net)]
    if len(set(nodes)) < len(nodes) or -1 in nodes:
        raise UnsupportedElement("several sources share a bus")


def _at_nodes(net: pandapowerNet, grid: Grid, columns: pd.MultiIndex, letter: str) -> csr_matrix:
    """Return what set-points of active (``p``) or reactive power add to the withdrawals of the nodes (c, n) [pu]."""
    rows, nodes, factors = [], [], []
    for row, (table, column, index) in enumerate(columns):
        source = "shunt" if table == "constant_q" else table
        node = grid.node_of.get(int(net[source].at[index, "bus"]))
        # a bank of constant reactive power is a shunt out of service with an sgen in its place
        lives = table == "constant_q" or bool(net[table].at[index, "in_service"])
        if node is None or not lives or not str(column).startswith(letter):
            continue
        scaling = 1.0 if table == "constant_q" else float(net[table].at[index, "scaling"])
        rows.append(row)
        nodes.append(node)
        factors.append(_SIGN[table] * scaling / grid.base_mva)
    return csr_matrix((factors, (rows, nodes)), shape=(len(columns), grid.n))


def _voltages(net: pandapowerNet, grid: Grid, flow: Flow) -> FloatArray:
    """Voltages (B, buses) [pu]."""
    nodes = np.array([grid.node_of.get(int(bus), -1) for bus in net.bus.index], dtype=np.int64)
    return np.where(nodes >= 0, np.sqrt(flow.v[:, nodes]), np.nan)


def _sources(net: pandapowerNet, grid: Grid, flow: Flow) -> FloatArray:
    nodes = [grid.node_of[int(net[table].at[i, "bus"])] for table, i in source_rows(net)]
    power = flow.supplied[:, nodes] * grid.base_mva
    return np.stack([power.real, power.imag], axis=-1).reshape(len(power), -1)


def _branches(net: pandapowerNet, grid: Grid, flow: Flow, first: FloatArray) -> FloatArray:
    """Tabulate loading, current and losses (B, 3, elements); what is no branch of the grid has those of the first."""
    found = np.repeat(first[None], len(flow.loss), axis=0)
    members = [(k, m) for k, branch in enumerate(grid.branches) for m in branch.members]
    ends, base_ka = collect_ratings(grid.branches, rated_only=False), grid.base_mva / np.sqrt(3) / grid.base_kv
    current = flow.currents_at(grid, ends)
    k = ends.branch[::2]
    i_from, i_to = current[:, ::2] * (base_ka[grid.f[k]] / grid.ratio[k]), current[:, 1::2] * base_ka[grid.t[k]]
    share, own = ends.share[::2], (ends.y[::2].real, ends.y[1::2].real)
    at_from, at_to = flow.v[:, grid.f[k]] / grid.ratio[k] ** 2, flow.v[:, grid.t[k]]
    series = ((grid.r + 1j * grid.x)[k] * np.conj(share)).real
    lost = (series * flow.l[:, k] + own[0] * at_from + own[1] * at_to) * grid.base_mva
    start = 0
    for element in ("line", "trafo"):
        rows = net[element]
        here = np.array([j for j, (_, m) in enumerate(members) if m.element == element], dtype=np.int64)
        if len(here):
            index = np.array([members[j][1].index for j in here])
            place = start + rows.index.get_indexer(index)
            table = rows.loc[index]
            if element == "line":
                shown = np.maximum(i_from[:, here], i_to[:, here])
                rating = (table["max_i_ka"] * table["df"] * table["parallel"]).to_numpy(dtype=float)
                loading = 100 * shown / rating
            else:
                shown, loading = _trafo_loading(net, grid, table, flow, (i_from[:, here], i_to[:, here]), k[here])
            found[:, 0, place], found[:, 1, place], found[:, 2, place] = loading, shown, lost[:, here]
        start += len(rows)
    return found


def _trafo_loading(
    net: pandapowerNet,
    grid: Grid,
    table: pd.DataFrame,
    flow: Flow,
    current: tuple[FloatArray, FloatArray],
    branch: np.ndarray,
) -> tuple[FloatArray, FloatArray]:
    """Return current at the upper side [kA] and loading [%] of transformers (B, k), whichever way they stand."""
    upper = np.array([grid.node_of[int(bus)] for bus in table["hv_bus"]])
    as_told = upper == grid.f[branch]
    high, low = np.where(as_told, *current), np.where(as_told, *reversed(current))
    kv = table["vn_hv_kv"].to_numpy(dtype=float), table["vn_lv_kv"].to_numpy(dtype=float)
    if power_flow_options(net).trafo_loading == "power":
        ends = np.where(as_told, grid.f[branch], grid.t[branch]), np.where(as_told, grid.t[branch], grid.f[branch])
        kv = tuple(np.sqrt(flow.v[:, end]) * grid.base_kv[end] for end in ends)
    size = (table["sn_mva"] * table["parallel"] * table["df"]).to_numpy(dtype=float)
    return high, 100 * np.sqrt(3) * np.maximum(high * kv[0], low * kv[1]) / size
