"""Contingencies: every outage of a net and what few operations bring back, present beside planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.algorithms.workers import worker_pool
from adnflex.arguments import public
from adnflex.errors import InputError
from adnflex.grid import read_grid
from adnflex.grid.identity import fingerprint
from adnflex.grid.layout import drawing_tables
from adnflex.knobs import Limits, Switching
from adnflex.problems.clock import Deadline, Progress
from adnflex.problems.reliability.study import reliability
from adnflex.problems.restoration.hours import nets_in_periods
from adnflex.problems.restoration.outage import Key
from adnflex.problems.restoration.rows import OutageRows, by_period, outages_of, ranked, worst_of
from adnflex.results.contingencies import Contingencies
from adnflex.results.dispatch import DispatchPlan
from adnflex.results.multi_period import MultiPeriodPlan
from adnflex.results.reliability import ReliabilityIndices
from adnflex.study import Profiles
from adnflex.text import title as title_of

# Outages of a task of an executor, which reads the net anew.
_A_TASK = 16


@public(reading=read_grid)
def contingencies(
    net: pandapowerNet,
    *,
    before: pandapowerNet | None = None,
    plan: MultiPeriodPlan | DispatchPlan | None = None,
    profiles: Profiles | None = None,
    periods: Iterable[int] | None = None,
    outages: Iterable[str] = ("line", "trafo", "switch", "ext_grid", "gen"),
    max_operations: int | None = 3,
    generation_returns: bool = True,
    emergency_factor: float = 1.0,
    vm_limits: tuple[float, float] | None = None,
    max_loading_percent: float | None = None,
    limits: str | Mapping[tuple[str, str], Any] | None = None,
    switchable_lines: Iterable[int] | str | None = None,
    switchable_switches: Iterable[int] = (),
    locked_lines: Iterable[int] = (),
    time_limit: float = 300.0,
    progress: Callable[[Progress], None] | None = None,
    executor: Executor | None = None,
    workers: int | None = 1,
    name: str | None = None,
) -> Contingencies:
    """Find, for every outage of a net, what few operations bring back; see `adnflex.restore` for the rules.

    Every line, transformer, closed coupler and source that is live is out once. Interrupted, or when the time
    is over, what was done is the answer.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed. Of a plan: ``plan.apply(net)``.
    before : pandapowerNet, optional
        The same net in another switch state, to compare with: what a plan makes harder to restore.
    plan : MultiPeriodPlan or DispatchPlan, optional
        A plan of many periods of the net: each of `periods` as it has it; `before` then stands in the same periods.
    profiles, periods
        Periods in each of which every outage is looked at, rows of the profiles, by default all; each outage is told in
        the period in which it leaves most dark. Without them the net stands as it is.
    outages : iterable of str
        Tables whose elements are out.
    max_operations, generation_returns, emergency_factor, vm_limits, max_loading_percent, limits
        See `adnflex.restore`.
    switchable_lines, switchable_switches, locked_lines
        What may be operated, see `adnflex.reconfigure`.
    time_limit : float
        Seconds after which what was done is the answer.
    progress : callable, optional
        Told every `Progress`.
    executor : concurrent.futures.Executor, optional
        Looks at outages side by side.
    workers : int or None
        Processes that do so without an executor; None: one a core.
    name : str, optional
        Name of the net in results, by default its own.

    Returns
    -------
    Contingencies
        One row an outage, ranked by what stays dark; the same of the net before; indices of reliability.

    Raises
    ------
    InputError
        If one of the nets is not radial, or has no power flow as it stands.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> import adnflex
    >>> found = adnflex.contingencies(pn.case33bw(), vm_limits=(0.85, 1.1), max_operations=1)
    >>> worst = found.outages.iloc[0]
    >>> len(found.outages), worst["element"], round(float(worst["left_mw"]), 3)
    (33, 'line', 3.715)
    """
    clock = Deadline(time_limit, progress)
    asked, switching = Limits.gathered(locals()), Switching.gathered(locals())
    tables = list(outages)
    standing = nets_in_periods(net, before, plan, profiles, periods)
    knobs: Any = (asked, switching, max_operations, generation_returns, emergency_factor)
    work = _Outages(clock, executor, workers)
    sides = [[_Hour(period, OutageRows(n, *knobs), outages_of(n, tables)) for period, n in side] for side in standing]
    every = [work.side(hours) for hours in sides]
    if not every[0] and sides[0] and work.status == "interrupted":
        raise KeyboardInterrupt
    found = [worst_of(rows) for rows in every]
    topology, coordinates = drawing_tables(net)
    indices = [_indices(side[0][1], rows) for side, rows in zip(standing, found, strict=True)]
    notes = [note for _, note in indices[:1] if note]
    many = standing[0][0][0] is not None
    if many and indices[0][0] is not None:
        notes.append("indices: every outage counts in the period in which it leaves most dark.")
    if before is not None:
        notes += _same_net(net, before)
    return Contingencies(
        net_name=title_of(net, name),
        fingerprint=fingerprint(net),
        seconds=clock.now,
        asked_limits=asked,
        solver="all sets of operations in exact power flow",
        topology=topology,
        coordinates=coordinates,
        options={
            "outages": tables,
            "max_operations": max_operations,
            "generation_returns": generation_returns,
            "emergency_factor": emergency_factor,
            **switching.choice,
        },
        notes=(*notes, *work.notes),
        outages=ranked(found[0]),
        before=ranked(found[1]) if before is not None else pd.DataFrame(),
        before_fingerprint="" if before is None else fingerprint(before),
        asked=len({key for hour in sides[0] for key in hour.keys}),
        status=work.status,
        indices=indices[0][0],
        indices_before=indices[1][0] if before is not None else None,
        by_period=by_period(every[0]) if many else pd.DataFrame(),
    )


class _Hour(NamedTuple):
    """One period (None: the net as it stands), what makes its rows, and what is out."""

    period: int | None
    job: OutageRows
    keys: list[Key]


class _Outages:
    """Outages on their way: what is done, whatever interrupts it."""

    def __init__(self, clock: Deadline, executor: Executor | None, workers: int | None) -> None:
        self.clock, self.executor, self.workers = clock, executor, workers
        self.done, self.wanted, self.status = 0, 0, "complete"
        self.notes: list[str] = []

    def side(self, hours: Sequence[_Hour]) -> list[dict[str, Any]]:
        """Return the rows of the outages in some periods, as far as time and user let them be made."""
        for hour in hours:  # whatever is wrong is said at once
            hour.job.study  # noqa: B018
        wanted, found = sum(len(hour.keys) for hour in hours), list[dict[str, Any]]()
        self.wanted += wanted
        for hour in hours:
            found += self._rows(hour)
        if len(found) < wanted:
            self.notes.append(f"{wanted - len(found)} of {wanted} outages were not looked at.")
        return found

    def _rows(self, hour: _Hour) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if self.status != "complete":
            return found
        at = {} if hour.period is None else {"period": hour.period}
        words = "" if hour.period is None else f" in period {hour.period}"
        try:
            for row in self._stream(hour.job, hour.keys):
                found.append({**row, **at})
                self.done += 1
                event = f"outage of {row['element']} {row['index']}{words}, {self.done} of {self.wanted}"
                if self.clock.tell is not None:
                    self.clock.tell(Progress(self.clock.now, np.nan, np.nan, event, self.done, self.wanted))
        except KeyboardInterrupt:
            self.status = "interrupted"
        if len(found) < len(hour.keys) and self.status == "complete":
            self.status = "time_limit"
        return found

    def _stream(self, job: OutageRows, keys: Sequence[Key]) -> Iterator[dict[str, Any]]:
        if self.executor is None and self.workers == 1:
            yield from job.each(keys, lambda: self.clock.spent)
            return
        tasks = [keys[k : k + _A_TASK] for k in range(0, len(keys), _A_TASK)]
        with worker_pool(job, self.executor, self.workers) as crew:
            for rows in crew.in_order(tasks, lambda: self.clock.left):
                yield from rows
            self.notes += crew.notes


def _indices(net: pandapowerNet, rows: Sequence[Mapping[str, Any]]) -> tuple[ReliabilityIndices | None, str]:
    """Return the indices of what was looked at; none, and why, where there are none."""
    # nobody says how often a bus fails
    rows = [row for row in rows if row["element"] != "bus"]
    if not rows:
        return None, ""
    keys = [(str(row["element"]), int(row["index"])) for row in rows]
    waiting = {key: row["left"] for key, row in zip(keys, rows, strict=True)}
    operated = {key: row["switches"] for key, row in zip(keys, rows, strict=True)}
    try:
        return reliability(net, keys, waiting, operated), ""
    except InputError as error:
        return None, f"no indices: {error}"


def _same_net(net: pandapowerNet, before: pandapowerNet) -> list[str]:
    """Say where two nets are not one in two switch states."""
    other = [t for t in ("bus", "line", "trafo", "load", "sgen") if not net[t].index.equals(before[t].index)]
    if other:
        raise InputError(
            f"before: has other elements in {', '.join(other)}; give the same net in another switch state."
        )
    return []
