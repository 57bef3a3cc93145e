"""Who judges: pandapower up to a hundred states, beyond that an exact kernel for all and pandapower for a sample."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import InputError
from adnflex.grid.ac import losses_mw, run_ac
from adnflex.grid.write import PushBack, one_state
from adnflex.powerflow.arrays import Solver, exact_kernel, solve_arrays
from adnflex.powerflow.limits import Compared, NetLimits, compare, margins
from adnflex.powerflow.second_judge import power_grid_model
from adnflex.powerflow.states import Measured, StateArrays, run_states, tabulated

log = logging.getLogger(__name__)


class Engine(NamedTuple):
    """Who solves states beside pandapower.

    Attributes
    ----------
    name : str
        As a sentence says it.
    solver : callable
        See `adnflex.powerflow.arrays.Solver`.
    beyond : int
        Of so many states pandapower runs all, and the engine none.
    fewest : int
        States of one topology and setting that it is worth reading the net for.
    sample : int
        Of what it solves pandapower runs so many states drawn at random, and as many that are nearest to limits.
    """

    name: str
    solver: Solver
    beyond: int
    fewest: int
    sample: int = 100


#: By the name that a caller gives; None: pandapower alone. The last is for verbs, before a plan leaves them.
ENGINES: dict[str, Engine | None] = {
    "auto": Engine("the exact kernel", exact_kernel, 100, 4),
    "pandapower": None,
    "power-grid-model": Engine("power-grid-model", power_grid_model, 0, 1),
    "audit": Engine("the exact kernel", exact_kernel, 8, 8, 2),
}

# Largest difference between two solvers that is rounding: of voltages [pu], loadings and powers relative.
_AGREES = 1e-6

# What a run of pandapower takes at least, and more a bus; what reading the net for the kernel takes, and the kernel a
# state and bus [s]. A computer that is twice as fast, or slow, is measured.
_STATE_SECONDS, _BUS_SECONDS, _READING_SECONDS, _KERNEL_SECONDS = 0.02, 1e-4, 0.5, 2e-6

# Largest tables of states that are made.
_MOST_BYTES = 4 * 2**30


@dataclass(frozen=True)
class Judgement:
    """What states are, what limits say of them, and who says so.

    Attributes
    ----------
    measured : Measured
        The states; those that pandapower ran as it has them.
    found : Compared
        Their comparison with the limits.
    by_pandapower : int
        How many of them pandapower ran.
    difference : float or None
        Largest difference between pandapower and the other judge in what both have solved: voltages [pu], loadings and
        powers relative; None where there is no other.
    says : str
        Who judged, as part of a sentence; empty where pandapower judged alone, as it does few states.
    notes : tuple of str
        Why the other judge was left out.
    other : str
        Name of the judge beside pandapower; empty where there is none, or it was wrong.
    judges : pandas.Series
        Who judged each state: ``pandapower``, or the name of the other.
    """

    measured: Measured
    found: Compared
    judges: pd.Series
    by_pandapower: int
    difference: float | None = None
    says: str = ""
    notes: tuple[str, ...] = ()
    other: str = ""

    @property
    def record(self) -> dict[str, Any]:
        """Who judged, as the fields of a check (see `adnflex.results.base.Verdict`)."""
        return recorded([self])

    def told(self, verdict: str) -> str:
        """Return a verdict with who gave it."""
        return f"{verdict} ({self.says})" if self.says else verdict


def judge(
    net: pandapowerNet,
    setpoints: pd.DataFrame,
    limits: NetLimits,
    switches: pd.DataFrame | None = None,
    *,
    supplied: Sequence[int] | pd.Index | None = None,
    engine: str = "auto",
    executor: Executor | None = None,
    leave_out: Callable[[Hashable], bool] | None = None,
) -> Judgement:
    """Run states and compare them with limits.

    Parameters
    ----------
    net, setpoints, switches, supplied, executor, leave_out
        See `adnflex.powerflow.measure`.
    limits : NetLimits
        What the states are compared with.
    engine : str
        ``auto``: pandapower runs up to 100 states; of more, the exact kernel solves all, and pandapower a random sample
        of 100 and the 100 nearest to or beyond a limit. ``pandapower``: it runs all. ``power-grid-model``: that solves
        all, however few, and pandapower as before. ``audit``, of a verb's own plan: the same as ``auto``, but from 9
        states on, with 2 drawn and the 2 nearest. Where the other judge differs from pandapower by more than rounding,
        pandapower runs all.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid.write import one_state
    >>> from adnflex.knobs import Limits
    >>> from adnflex.powerflow.limits import limits_of
    >>> net = pn.case33bw()
    >>> found = judge(net, one_state(), limits_of(net, Limits((0.95, 1.05))))
    >>> len(found.found.violations), found.by_pandapower, found.difference
    (21, 1, None)
    """
    other, count = ENGINES[engine], len(setpoints)
    require_memory(net, count)

    def run(rows: pd.DataFrame) -> tuple[np.ndarray, StateArrays]:
        return run_states(net, rows, switches, supplied=supplied, executor=executor, leave_out=leave_out)

    def judged(states: StateArrays, labels: pd.Index, ran: np.ndarray, *who: Any) -> Judgement:
        measured = tabulated(net, states, labels)
        judges = pd.Series("pandapower" if other is None else other.name, labels, dtype=object)
        judges.iloc[ran] = "pandapower"
        return Judgement(measured, compare(measured, limits, float(net.sn_mva)), judges, len(ran), *who)

    # a clock that leaves states out counts the seconds of pandapower
    if other is None or leave_out is not None or count <= other.beyond:
        places, states = run(setpoints)
        return judged(states, setpoints.index[places], np.arange(len(places)))
    name = other.name
    states, refused = solve_arrays(net, setpoints, switches, other.solver, supplied, other.fewest)
    solved = states.converged.copy()
    notes = tuple(f"{name} leaves states to pandapower: {text}" for text in refused)
    margin = margins(tabulated(net, states, setpoints.index), limits, float(net.sn_mva))
    places = _chosen(solved, margin, other.sample)
    _, sample = run(setpoints.iloc[places])
    both = np.flatnonzero(solved[places])
    difference, place = _difference(sample.at(both), states.at(places[both]))
    if difference > _AGREES:
        states = sample if len(places) == count else run(setpoints)[1]
        why = f"{name} differs from it by {difference:.2g} in state {setpoints.index[places[both[place]]]}"
        says = f"all {count:,} by pandapower: {why}"
        return judged(states, setpoints.index, np.arange(count), difference, says, notes)
    states.put(places, sample)
    says = f"{len(places):,} of {count:,} by pandapower"
    if solved.any():
        says += f", {int(solved.sum()):,} by {name}, largest difference {difference:.2g}"
    if not solved.any():
        return judged(states, setpoints.index, places, None, says, notes)
    return judged(states, setpoints.index, places, difference, says, notes, name)


def recorded(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Say who gave several judgements, as the fields of a check."""
    differences = [j.difference for j in judgements if j.difference is not None]
    return {
        "power_flows": sum(len(j.measured.labels) for j in judgements),
        "by_pandapower": sum(j.by_pandapower for j in judgements),
        "other_judge": next((j.other for j in judgements if j.other), ""),
        "judge_difference": max(differences, default=None),
    }


def auditing_seconds(net: pandapowerNet, states: int, most: float) -> float:
    """Foresee the seconds that so many states of a net take to be judged by `judge` with the engine ``audit``.

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
    >>> auditing_seconds(pn.case33bw(), 2, 1.0)
    0.0
    >>> auditing_seconds(pn.case33bw(), 1000, 1.0) > 0.5
    True
    """
    audit = ENGINES["audit"]
    assert audit is not None
    few = states <= audit.beyond
    runs = states if few else min(states, 2 * audit.sample)
    kernel = 0.0 if few else _READING_SECONDS + _KERNEL_SECONDS * len(net.bus) * states
    if runs * (_STATE_SECONDS + _BUS_SECONDS * len(net.bus)) + kernel < most / 2:
        return 0.0
    push = PushBack(net, one_state())
    begin = time.monotonic()
    if run_ac(push.at(0)):
        losses_mw(push.new)
    return runs * (time.monotonic() - begin) + kernel


def require_memory(net: pandapowerNet, count: int) -> None:
    """Refuse states whose tables do not fit, before anything is run.

    Raises
    ------
    InputError
        With what they take and how many may be given.
    """
    need = StateArrays.bytes_of(net, count)
    told = f"{count:,} states of {len(net.bus):,} buses: their tables take {need / 2**30:.1f} GiB"
    if need > _MOST_BYTES:
        most = int(count * _MOST_BYTES // need)
        raise InputError(f"{told}, more than {_MOST_BYTES / 2**30:.0f}; give at most {most:,} at a time.")
    log.log(logging.INFO if need > _MOST_BYTES / 16 else logging.DEBUG, "%s", told)


def _chosen(solved: np.ndarray, margin: np.ndarray, sample: int) -> np.ndarray:
    """Places of what pandapower runs: a sample that is the same each time, what is nearest to limits, what is left."""
    count = len(solved)
    drawn = np.random.default_rng(0).choice(count, min(sample, count), replace=False)
    places = np.flatnonzero(solved)
    nearest = places[np.argsort(margin[places], kind="stable")[:sample]]
    return np.unique(np.concatenate([drawn, nearest, np.flatnonzero(~solved)])).astype(np.int64)


def _difference(a: StateArrays, b: StateArrays) -> tuple[float, int]:
    """Largest difference in states that both have solved, and in which it is."""
    if not len(a.converged):
        return 0.0, 0
    power = max(float(np.nanmax(np.abs(a.sources), initial=0.0)), 1e-9)
    off = np.stack(
        [
            _off(a.vm, b.vm, 1.0),
            _off(a.branches[0], b.branches[0], np.maximum(100.0, np.abs(a.branches[0]))),
            _off(a.sources, b.sources, power),
            _off(a.losses[None], b.losses[None], power),
        ]
    ).max(axis=0)
    return float(off.max()), int(off.argmax())


def _off(a: np.ndarray, b: np.ndarray, scale: float | np.ndarray) -> np.ndarray:
    """Largest difference by state; infinite where only one has a value."""
    apart = np.abs(a - b) / scale
    apart = np.where(np.isnan(a) & np.isnan(b), 0.0, np.where(np.isnan(apart), np.inf, apart))
    return np.asarray(apart.max(axis=0, initial=0.0))
