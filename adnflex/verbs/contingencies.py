"""Contingencies: every outage of a net and what few operations bring back, present beside planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

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
from adnflex.problems.restoration.outage import Key
from adnflex.problems.restoration.rows import OutageRows, outages_of, ranked
from adnflex.results.contingencies import Contingencies
from adnflex.results.reliability import ReliabilityIndices
from adnflex.text import title as title_of

# Outages of a task of an executor, which reads the net anew.
_A_TASK = 16


@public(reading=read_grid)
def contingencies(
    net: pandapowerNet,
    *,
    before: pandapowerNet | None = None,
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
    nets = [net] if before is None else [net, before]
    jobs = [OutageRows(n, asked, switching, max_operations, generation_returns, emergency_factor) for n in nets]
    for job in jobs:  # whatever is wrong is said at once
        job.study  # noqa: B018
    tables = list(outages)
    keys = [outages_of(n, tables) for n in nets]
    work = _Outages(clock, sum(map(len, keys)), executor, workers)
    found = [work.rows(job, mine) for job, mine in zip(jobs, keys, strict=True)]
    if not found[0] and keys[0] and work.status == "interrupted":
        raise KeyboardInterrupt
    topology, coordinates = drawing_tables(net)
    indices = [_indices(n, rows) for n, rows in zip(nets, found, strict=True)]
    notes = [note for _, note in indices[:1] if note]
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
        asked=len(keys[0]),
        status=work.status,
        indices=indices[0][0],
        indices_before=indices[1][0] if before is not None else None,
    )


class _Outages:
    """Outages on their way: what is done, whatever interrupts it."""

    def __init__(self, clock: Deadline, wanted: int, executor: Executor | None, workers: int | None) -> None:
        self.clock, self.wanted, self.executor, self.workers = clock, wanted, executor, workers
        self.done, self.status = 0, "complete"
        self.notes: list[str] = []

    def rows(self, job: OutageRows, keys: Sequence[Key]) -> list[dict[str, Any]]:
        """Return the rows of outages, as far as time and user let them be made."""
        found: list[dict[str, Any]] = []
        if self.status != "complete":
            return found
        try:
            for row in self._stream(job, keys):
                found.append(row)
                self.done += 1
                event = f"outage of {row['element']} {row['index']}, {self.done} of {self.wanted}"
                if self.clock.tell is not None:
                    self.clock.tell(Progress(self.clock.now, np.nan, np.nan, event, self.done, self.wanted))
        except KeyboardInterrupt:
            self.status = "interrupted"
        if len(found) < len(keys):
            self.status = "time_limit" if self.status == "complete" else self.status
            self.notes.append(f"{len(keys) - len(found)} of {len(keys)} outages were not looked at.")
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
