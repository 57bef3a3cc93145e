"""States run in full AC power flow: one or hundreds, in this process or an executor's, measured only."""

from __future__ import annotations

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
from adnflex.grid.write import PushBack
from adnflex.powerflow.structure import closed_graph, is_radial, source_rows, unsupplied

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
            found[f"{name}_pu"], found[f"{name}_bus"] = values, _named(table.columns, places, -1)
        found["loading_percent"], places = _extreme(self.loading_percent, 1.0)
        for level, nothing in (("element", ""), ("index", -1)):
            names = self.loading_percent.columns.get_level_values(level)
            found[f"loading_{level}"] = _named(names, places, nothing)
        return pd.DataFrame(found, index=self.labels)


def _extreme(table: pd.DataFrame, sign: float) -> tuple[np.ndarray, np.ndarray]:
    """Largest (sign 1) or smallest (-1) value of every row, and the place of its column; NaN and -1 in an empty row."""
    values = table.to_numpy(dtype=float)
    if not values.shape[1]:
        return np.full(len(values), np.nan), np.full(len(values), -1)
    places = np.where(np.isnan(values), -np.inf, sign * values).argmax(axis=1)
    found = values[np.arange(len(values)), places]
    return found, np.where(np.isnan(found), -1, places)


def _named(columns: pd.Index, places: np.ndarray, nothing: object) -> np.ndarray:
    """Look up columns by their places, of which -1 is none."""
    names = np.array([*columns, nothing], dtype=np.asarray(columns).dtype if len(columns) else None)
    return np.asarray(names[places])


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
    places, states = run_states(net, setpoints, switches, supplied=supplied, executor=executor, leave_out=leave_out)
    return tabulated(net, states, setpoints.index[places])


def run_states(
    net: pandapowerNet,
    setpoints: pd.DataFrame,
    switches: pd.DataFrame | None = None,
    *,
    supplied: Sequence[int] | pd.Index | None = None,
    executor: Executor | None = None,
    leave_out: Callable[[Hashable], bool] | None = None,
) -> tuple[np.ndarray, StateArrays]:
    """Return the rows of set-points that were run, and what `measure` makes tables of."""
    watched = buses_of(net, supplied)
    work = partial(_run, net, switches, watched, leave_out)
    size = len(setpoints) if executor is None else min(_A_TASK, -(-len(setpoints) // _TASKS))
    firsts = range(0, len(setpoints), max(size, 1))
    parts = run_each(work, [setpoints.iloc[k : k + size] for k in firsts], executor)
    rows = [(first + row, state) for first, part in zip(firsts, parts, strict=True) for row, state in part]
    places, found = np.array([row for row, _ in rows], dtype=np.int64), StateArrays.empty(net, len(rows))
    for k, (_, state) in enumerate(rows):
        found.put(np.array([k]), state)
    return places, found


def buses_of(net: pandapowerNet, supplied: Sequence[int] | pd.Index | None) -> pd.Index:
    """Buses that have to be supplied, by default all in service."""
    return net.bus.index[net.bus["in_service"].astype(bool)] if supplied is None else pd.Index(supplied)


@dataclass(frozen=True)
class StateArrays:
    """Values of states as arrays, to be filled, for `tabulated`; states side by side, as a table keeps its columns.

    Attributes
    ----------
    converged, radial : (B,) array of bool
        See `Measured`.
    dark : (B,) array of object
        Tuples of int, see `Measured`.
    vm : (n, B) array
        Voltages in the order of ``net.bus`` [pu].
    branches : (3, m, B) array
        Loading [%], current [kA] and losses [MW] of lines, then transformers.
    losses : (B,) array
        Network losses [MW].
    sources : (2 s, B) array
        Active and reactive import at every source [MW, Mvar].
    """

    converged: np.ndarray
    radial: np.ndarray
    dark: np.ndarray
    vm: np.ndarray
    branches: np.ndarray
    losses: np.ndarray
    sources: np.ndarray

    @classmethod
    def empty(cls, net: pandapowerNet, count: int) -> StateArrays:
        """Room for so many states of a net, none of which has a solution yet."""
        elements = sum(len(net[element]) for element in ("line", "trafo"))
        flags = (np.zeros(count, dtype=bool), np.zeros(count, dtype=bool), np.empty(count, dtype=object))
        shapes = ((len(net.bus), count), (3, elements, count), (count,), (2 * len(source_rows(net)), count))
        return cls(*flags, *(np.full(shape, np.nan) for shape in shapes))

    @staticmethod
    def bytes_of(net: pandapowerNet, count: int) -> int:
        """How much memory they take."""
        elements = sum(len(net[element]) for element in ("line", "trafo"))
        return count * (8 * (len(net.bus) + 3 * elements + 2 * len(source_rows(net)) + 2) + 2)

    def put(self, places: np.ndarray, other: StateArrays) -> None:
        """Write other states into some places."""
        for item in fields(StateArrays):
            getattr(self, item.name)[..., places] = getattr(other, item.name)

    def at(self, places: np.ndarray) -> StateArrays:
        """Return some of the states."""
        return StateArrays(*(getattr(self, item.name)[..., places] for item in fields(StateArrays)))


def _run(
    net: pandapowerNet,
    switches: pd.DataFrame | None,
    watched: pd.Index,
    leave_out: Callable[[Hashable], bool] | None,
    setpoints: pd.DataFrame,
) -> list[tuple[int, StateArrays]]:
    """Run some states one after another in one copy of the net, and say which rows they are."""
    push = PushBack(net, setpoints, switches)
    found: list[tuple[int, StateArrays]] = []
    structure: tuple[bool, tuple[int, ...]] | None = None
    for row, label in enumerate(setpoints.index):
        if leave_out is not None and leave_out(label):
            continue
        new = push.at(label)
        converged = push.held and run_ac(new, recycled=push.only_powers)
        if structure is None or push.switched:
            structure = structure_of(new, switches, watched)
        found.append((row, state_of(new, converged, structure)))
    return found


def structure_of(new: pandapowerNet, switches: pd.DataFrame | None, watched: pd.Index) -> tuple[bool, tuple[int, ...]]:
    """Tell whether a net is a forest, and which of the watched buses have no supply."""
    chosen = _NO_SWITCHES if switches is None or not len(switches) else switches
    graph = closed_graph(new)
    return is_radial(new, chosen, graph), tuple(unsupplied(new, watched, graph))


def state_of(new: pandapowerNet, converged: bool, structure: tuple[bool, tuple[int, ...]]) -> StateArrays:
    """Read the result tables of a net that was run."""
    found = StateArrays.empty(new, 1)
    found.converged[0], found.radial[0], found.dark[0] = converged, *structure
    if converged:
        start = 0
        for element, current in (("line", "i_ka"), ("trafo", "i_hv_ka")):
            if len(new[element]):
                result = new[f"res_{element}"].reindex(new[element].index)
                lost = branch_losses(new, element).reindex(result.index)
                block = np.array([result["loading_percent"], result[current], lost], dtype=float)
                block[:, ~new[element]["in_service"].to_numpy(dtype=bool)] = np.nan
                found.branches[:, start : start + len(result), 0] = block
                start += len(result)
        found.vm[:, 0] = new.res_bus["vm_pu"].reindex(new.bus.index)
        places = source_rows(new)
        found.sources[:, 0] = [float(new[f"res_{t}"].at[i, c]) for t, i in places for c in ("p_mw", "q_mvar")]
        found.losses[0] = losses_mw(new)
    return found


def tabulated(net: pandapowerNet, states: StateArrays, labels: pd.Index) -> Measured:
    """Put states as tables under their labels; the tables are views of the arrays."""
    branches = pd.MultiIndex.from_tuples(
        [(element, int(i)) for element in ("line", "trafo") for i in net[element].index], names=["element", "index"]
    )
    sources = pd.MultiIndex.from_tuples(
        [(table, i, column) for table, i in source_rows(net) for column in ("p_mw", "q_mvar")],
        names=["table", "index", "column"],
    )
    loading, current, loss = (pd.DataFrame(table.T, labels, branches) for table in states.branches)
    return Measured(
        converged=pd.Series(states.converged, labels),
        radial=pd.Series(states.radial, labels),
        dark=pd.Series(states.dark, labels),
        vm_pu=pd.DataFrame(states.vm.T, labels, net.bus.index.rename("bus")),
        loading_percent=loading,
        i_ka=current,
        loss_mw=loss,
        losses_mw=pd.Series(states.losses, labels),
        sources=pd.DataFrame(states.sources.T, labels, sources),
    )
