"""Who judges: pandapower up to a hundred states, beyond that an exact kernel for all and pandapower for a sample."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.powerflow.arrays import Solver, exact_kernel, measure_arrays
from adnflex.powerflow.limits import Compared, NetLimits, compare
from adnflex.powerflow.second_judge import power_grid_model
from adnflex.powerflow.states import Measured, joined, measure

__all__ = ["ENGINES", "Judgement", "judge"]


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
    """

    name: str
    solver: Solver
    beyond: int
    fewest: int


#: By the name that a caller gives; None: pandapower alone.
ENGINES: dict[str, Engine | None] = {
    "auto": Engine("the exact kernel", exact_kernel, 100, 4),
    "pandapower": None,
    "power-grid-model": Engine("power-grid-model", power_grid_model, 0, 1),
}

# Of what another engine solves pandapower runs so many states drawn at random, and so many that are nearest to limits.
_DRAWN, _NEAREST = 100, 100

# Largest difference between two solvers that is rounding: of voltages [pu], loadings and powers relative.
_AGREES = 1e-6


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
    """

    measured: Measured
    found: Compared
    by_pandapower: int
    difference: float | None = None
    says: str = ""
    notes: tuple[str, ...] = ()

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
        all, however few, and pandapower as before. Where the other judge differs from pandapower by more than rounding,
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
    other = ENGINES[engine]
    every = f"{len(setpoints):,}"

    def run(rows: pd.DataFrame) -> Measured:
        return measure(net, rows, switches, supplied=supplied, executor=executor, leave_out=leave_out)

    def against(measured: Measured) -> Compared:
        return compare(measured, limits, float(net.sn_mva))

    # a clock that leaves states out counts the seconds of pandapower
    if other is None or leave_out is not None or len(setpoints) <= other.beyond:
        measured = run(setpoints)
        return Judgement(measured, against(measured), len(measured.labels))
    name = other.name
    solved, refused = measure_arrays(net, setpoints, switches, other.solver, supplied, other.fewest)
    notes = tuple(f"{name} leaves states to pandapower: {text}" for text in refused)
    sample = run(setpoints.iloc[_chosen(setpoints.index, solved, against(solved))])
    difference, where = _difference(sample, solved)
    if difference > _AGREES:
        measured = sample if len(sample.labels) == len(setpoints) else run(setpoints)
        why = f"{name} differs from it by {difference:.2g} in state {where}"
        says = f"all {every} by pandapower: {why}"
        return Judgement(measured, against(measured), len(setpoints), difference, says, notes)
    kept = solved.each(lambda table: table[~table.index.isin(sample.labels)])
    measured = joined([kept, sample], setpoints.index)
    says = f"{len(sample.labels):,} of {every} by pandapower"
    if len(solved.labels):
        says += f", {len(solved.labels):,} by {name}, largest difference {difference:.2g}"
    found = difference if len(solved.labels) else None
    return Judgement(measured, against(measured), len(sample.labels), found, says, notes)


def _chosen(index: pd.Index, solved: Measured, found: Compared) -> np.ndarray:
    """Places of what pandapower runs: a sample that is the same each time, what is nearest to limits, what is left."""
    places = index.get_indexer(solved.labels)
    drawn = np.random.default_rng(0).choice(len(index), min(_DRAWN, len(index)), replace=False)
    nearest = places[np.argsort(found.margin, kind="stable")[:_NEAREST]]
    left = np.setdiff1d(np.arange(len(index)), places)
    return np.unique(np.concatenate([drawn, nearest, left])).astype(np.int64)


def _difference(sample: Measured, solved: Measured) -> tuple[float, object]:
    """Largest difference in the states that both have solved, and where it is."""
    both = sample.labels.intersection(solved.labels, sort=False)
    if not len(both):
        return 0.0, None
    a, b = (part.each(lambda table: table.reindex(both)) for part in (sample, solved))
    power = max(float(np.nanmax(np.abs(a.sources.to_numpy(dtype=float)), initial=0.0)), 1e-9)
    off = np.stack(
        [
            _off(a.vm_pu, b.vm_pu, 1.0),
            _off(a.loading_percent, b.loading_percent, np.maximum(100.0, a.loading_percent.abs())),
            _off(a.sources, b.sources, power),
            _off(a.losses_mw.to_frame(), b.losses_mw.to_frame(), power),
        ]
    ).max(axis=0)
    return float(off.max()), both[int(off.argmax())]


def _off(a: pd.DataFrame, b: pd.DataFrame, scale: float | pd.DataFrame) -> np.ndarray:
    """Largest difference by state; infinite where only one has a value."""
    apart = ((a - b).abs() / scale).to_numpy(dtype=float)
    apart = np.where(a.isna().to_numpy() & b.isna().to_numpy(), 0.0, np.where(np.isnan(apart), np.inf, apart))
    return np.asarray(apart.max(axis=1, initial=0.0))
