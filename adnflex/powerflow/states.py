"""States run in full AC power flow: one or hundreds, in this process or an executor's, measured only."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.algorithms.workers import run_each
from adnflex.grid.ac import branch_losses, losses_mw, run_ac
from adnflex.grid.write import PushBack, one_state
from adnflex.powerflow.structure import is_radial, source_rows, unsupplied

__all__ = [
    "Measured",
    "StateArrays",
    "buses_of",
    "joined",
    "measure",
    "measuring_seconds",
    "state_of",
    "structure_of",
    "tabulated",
]

# Most states of a task of an executor (each makes a copy of the net), and tasks that few states are split into.
_A_TASK, _TASKS = 24, 8

_NO_SWITCHES = pd.DataFrame({"element": [], "index": []})


@dataclass(frozen=True)
class Measured:
    """What AC power flow says of states; every table has one row a state, under the labels of its set-points.

    Attributes
    ----------
    converged, radial : pandas.Series
        Whether power flow converged, and the net is a forest.
    dark : pandas.Series
        Buses without supply, a tuple.
    vm_pu : pandas.DataFrame
        Columns: buses [pu]; NaN where not supplied, and in states without a solution, as everything else.
    loading_percent, i_ka, loss_mw : pandas.DataFrame
        Columns ``(element, index)`` of lines and transformers; current at the end where it is larger, of a transformer
        on its upper side. NaN where out of service.
    losses_mw : pandas.Series
        Network losses [MW].
    sources : pandas.DataFrame
        Columns ``(table, index, column)`` with the columns ``p_mw`` and ``q_mvar`` of every external grid and slack
        generator in service: import [MW, Mvar].
    """

    converged: pd.Series
    radial: pd.Series
    dark: pd.Series
    vm_pu: pd.DataFrame
    loading_percent: pd.DataFrame
    i_ka: pd.DataFrame
    loss_mw: pd.DataFrame
    losses_mw: pd.Series
    sources: pd.DataFrame

    @property
    def labels(self) -> pd.Index:
        """Labels of the states."""
        return self.converged.index

    def of_sources(self, column: str) -> pd.DataFrame:
        """Import at every source, ``p_mw`` or ``q_mvar``; columns ``(table, index)``."""
        return self.sources.xs(column, axis=1, level="column")

    def each(self, change: Callable[[Any], Any]) -> Measured:
        """Return the same with every table changed."""
        return Measured(**{f.name: change(getattr(self, f.name)) for f in fields(self)})

    def extremes(self) -> pd.DataFrame:
        """Lowest and highest voltage and highest loading of every state, with their places.

        Returns
        -------
        pandas.DataFrame
            ``vm_min_pu``, ``vm_min_bus``, ``vm_max_pu``, ``vm_max_bus``, ``loading_percent``, ``loading_element``,
            ``loading_index``; -1 and "" where there is none.
        """
        found: dict[str, Any] = {}
        for name, table, sign in (("vm_min", self.vm_pu, -1.0), ("vm_max", self.vm_pu, 1.0)):
            values, places = _extreme(table, sign)
            found[f"{name}_pu"], found[f"{name}_bus"] = values, [-1 if p is None else int(p) for p in places]
        values, places = _extreme(self.loading_percent, 1.0)
        found["loading_percent"] = values
        found["loading_element"] = ["" if p is None else p[0] for p in places]
        found["loading_index"] = [-1 if p is None else int(p[1]) for p in places]
        return pd.DataFrame(found, index=self.labels)


def _extreme(table: pd.DataFrame, sign: float) -> tuple[np.ndarray, list[Any]]:
    """Largest (sign 1) or smallest (-1) value of every row, and its column; NaN and None in an empty row."""
    values = table.to_numpy(dtype=float)
    if not values.shape[1]:
        return np.full(len(values), np.nan), [None] * len(values)
    signed = np.where(np.isnan(values), -np.inf, sign * values)
    places = signed.argmax(axis=1)
    found = values[np.arange(len(values)), places]
    return found, [None if np.isnan(v) else table.columns[p] for v, p in zip(found, places, strict=True)]


def measure(
    net: pandapowerNet,
    setpoints: pd.DataFrame,
    switches: pd.DataFrame | None = None,
    *,
    supplied: Sequence[int] | pd.Index | None = None,
    executor: Executor | None = None,
    leave_out: Callable[[Hashable], bool] | None = None,
) -> Measured:
    """Run states in pandapower, each written into a private copy of the net.

    Where only powers at buses change from one state to the next, pandapower keeps its matrices (``recycle``): the
    equations are the same and are solved to the same mismatch. What does not converge so is run again from the start.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    setpoints : pandas.DataFrame
        One row a state, columns ``(table, column, index)`` (see `adnflex.grid.write.PushBack`).
    switches : pandas.DataFrame, optional
        As `Plan.switches`, with ``first_period`` where the topology changes.
    supplied : sequence of int, optional
        Buses that have to be supplied; by default all in service.
    executor : concurrent.futures.Executor, optional
        Runs states side by side.
    leave_out : callable, optional
        Told a label before its state is run, says whether it is left out, as the time is over; without an executor.

    Returns
    -------
    Measured
        Of the states that were run.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid.write import one_state
    >>> found = measure(pn.case33bw(), one_state())
    >>> found.converged.tolist(), found.radial.tolist(), round(float(found.losses_mw.iloc[0]), 4)
    ([True], [True], 0.2027)
    """
    watched = buses_of(net, supplied)
    work = partial(_run, net, switches, watched, leave_out)
    size = len(setpoints) if executor is None else min(_A_TASK, -(-len(setpoints) // _TASKS))
    tasks = [setpoints.iloc[k : k + size] for k in range(0, len(setpoints), max(size, 1))]
    rows = [row for part in run_each(work, tasks, executor) for row in part]
    labels, names = [label for label, _ in rows], list(setpoints.index.names)
    index = pd.MultiIndex.from_tuples(labels, names=names) if len(names) > 1 else pd.Index(labels, name=names[0])
    return tabulated(net, [state for _, state in rows], index)


def buses_of(net: pandapowerNet, supplied: Sequence[int] | pd.Index | None) -> pd.Index:
    """Buses that have to be supplied, by default all in service."""
    return net.bus.index[net.bus["in_service"].astype(bool)] if supplied is None else pd.Index(supplied)


# What one state takes at least, and more a bus [s]: a computer that is twice as fast, or slow, is measured.
_STATE_SECONDS, _BUS_SECONDS = 0.02, 1e-4


def measuring_seconds(net: pandapowerNet, states: int, most: float) -> float:
    """Foresee the seconds that so many states of a net take to be measured.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    states : int
        Number of states.
    most : float
        Seconds that do not matter: where the size of the net says less than half of them, nothing is tried.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> measuring_seconds(pn.case33bw(), 2, 1.0)
    0.0
    >>> measuring_seconds(pn.case33bw(), 1000, 1.0) > 1.0
    True
    """
    if states * (_STATE_SECONDS + _BUS_SECONDS * len(net.bus)) < most / 2:
        return 0.0
    push = PushBack(net, one_state())
    begin = time.monotonic()
    if run_ac(push.at(0)):
        losses_mw(push.new)
    return states * (time.monotonic() - begin)


@dataclass(frozen=True)
class StateArrays:
    """Values of some states as arrays, for `tabulated`.

    Attributes
    ----------
    converged, radial : (B,) array of bool
        See `Measured`.
    dark : list of tuple of int
        See `Measured`.
    vm : (B, n) array
        Voltages in the order of ``net.bus`` [pu].
    branches : (B, 3, m) array
        Loading [%], current [kA] and losses [MW] of lines, then transformers.
    losses : (B,) array
        Network losses [MW].
    sources : (B, 2 s) array
        Active and reactive import at every source [MW, Mvar].
    """

    converged: np.ndarray
    radial: np.ndarray
    dark: list[tuple[int, ...]]
    vm: np.ndarray
    branches: np.ndarray
    losses: np.ndarray
    sources: np.ndarray


def _run(
    net: pandapowerNet,
    switches: pd.DataFrame | None,
    watched: pd.Index,
    leave_out: Callable[[Hashable], bool] | None,
    setpoints: pd.DataFrame,
) -> list[tuple[Hashable, StateArrays]]:
    """Run some states one after another in one copy of the net."""
    push = PushBack(net, setpoints, switches)
    found: list[tuple[Hashable, StateArrays]] = []
    structure: tuple[bool, tuple[int, ...]] | None = None
    for label in setpoints.index:
        if leave_out is not None and leave_out(label):
            continue
        new = push.at(label)
        converged = push.held and run_ac(new, recycled=push.only_powers)
        if structure is None or push.switched:
            structure = structure_of(new, switches, watched)
        found.append((label, state_of(new, converged, structure)))
    return found


def structure_of(new: pandapowerNet, switches: pd.DataFrame | None, watched: pd.Index) -> tuple[bool, tuple[int, ...]]:
    """Tell whether a net is a forest, and which of the watched buses have no supply."""
    chosen = _NO_SWITCHES if switches is None or not len(switches) else switches
    return is_radial(new, chosen), tuple(unsupplied(new, watched))


def state_of(new: pandapowerNet, converged: bool, structure: tuple[bool, tuple[int, ...]]) -> StateArrays:
    """Read the result tables of a net that was run."""
    places = source_rows(new)
    count = sum(len(new[element]) for element in ("line", "trafo"))
    vm, branches = np.full(len(new.bus), np.nan), np.full((3, count), np.nan)
    power, losses = np.full(2 * len(places), np.nan), np.nan
    if converged:
        columns = []
        for element, current in (("line", "i_ka"), ("trafo", "i_hv_ka")):
            if len(new[element]):
                result = new[f"res_{element}"].reindex(new[element].index)
                lost = branch_losses(new, element).reindex(result.index)
                block = np.array([result["loading_percent"], result[current], lost], dtype=float)
                block[:, ~new[element]["in_service"].to_numpy(dtype=bool)] = np.nan
                columns.append(block)
        vm = new.res_bus["vm_pu"].reindex(new.bus.index).to_numpy(dtype=float, copy=True)
        power = np.array([float(new[f"res_{table}"].at[i, c]) for table, i in places for c in ("p_mw", "q_mvar")])
        branches, losses = np.hstack(columns) if columns else branches, losses_mw(new)
    flags = np.array([converged]), np.array([structure[0]]), [structure[1]]
    return StateArrays(*flags, vm[None], branches[None], np.array([losses]), power[None])


def tabulated(net: pandapowerNet, parts: Sequence[StateArrays], labels: pd.Index) -> Measured:
    """Put states as tables under the labels of all of them, in the order of the parts."""
    branches = pd.MultiIndex.from_tuples(
        [(element, int(i)) for element in ("line", "trafo") for i in net[element].index], names=["element", "index"]
    )
    sources = pd.MultiIndex.from_tuples(
        [(table, i, column) for table, i in source_rows(net) for column in ("p_mw", "q_mvar")],
        names=["table", "index", "column"],
    )

    def rows(name: str, *shape: int) -> np.ndarray:
        found = [getattr(part, name) for part in parts]
        return np.concatenate(found) if found else np.empty((0, *shape))

    values = rows("branches", 3, len(branches))
    loading, current, loss = (pd.DataFrame(values[:, k], labels, branches) for k in range(3))
    dark = pd.Series([d for part in parts for d in part.dark], labels, dtype=object)
    return Measured(
        converged=pd.Series(rows("converged").astype(bool), labels),
        radial=pd.Series(rows("radial").astype(bool), labels),
        dark=dark,
        vm_pu=pd.DataFrame(rows("vm", len(net.bus)), labels, net.bus.index.rename("bus")),
        loading_percent=loading,
        i_ka=current,
        loss_mw=loss,
        losses_mw=pd.Series(rows("losses").astype(float), labels),
        sources=pd.DataFrame(rows("sources", len(sources)), labels, sources),
    )


def joined(parts: Sequence[Measured], labels: pd.Index) -> Measured:
    """Put states of several parts together, in the order of the labels."""
    found = {f.name: pd.concat([getattr(part, f.name) for part in parts]) for f in fields(Measured)}
    order = found["converged"].index.get_indexer(labels)
    return Measured(**{name: table.iloc[order] for name, table in found.items()})
