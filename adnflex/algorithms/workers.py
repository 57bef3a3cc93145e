"""Tasks side by side: in processes of our own, in a caller's executor, or one after another here; none is ever lost.

What happens to a worker is no reason to lose an answer: the task of one that died is given to another, a few times,
and then done in this process.
"""

from __future__ import annotations

import itertools
import logging
import math
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from adnflex.algorithms.executors import ExecutorTeam
from adnflex.algorithms.processes import Event, ProcessTeam, can_fork

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

# Dead workers that are replaced; then the work is done in this process.
_REPLACEMENTS = 3


class _Team(Protocol):
    count: int
    ahead: int

    def send(self, ticket: int, task: Any) -> None: ...
    def receive(self, seconds: float) -> list[Event]: ...
    def close(self) -> None: ...


class Workers:
    """Those who do one job for many tasks.

    Parameters
    ----------
    job : callable
        Maps a task to a result.
    team : ProcessTeam, ExecutorTeam or None
        Who does it; None: this process alone.
    patience : float
        Seconds for which this process works alone: a process costs more than it saves where little is to be done.
    lost : callable, optional
        Makes the result of a task whose worker died, from why; nobody else does it: it may cost the next life too.

    Attributes
    ----------
    notes : list of str
        What the caller should know: workers that died, why there are none.

    Examples
    --------
    >>> crew = Workers(lambda x: x * x)
    >>> ticket = crew.start(3)
    >>> crew.finished() == [(ticket, 9)]
    True
    """

    def __init__(
        self,
        job: Callable[[Any], Any],
        team: _Team | None = None,
        patience: float = 0.0,
        lost: Callable[[str], Any] | None = None,
    ) -> None:
        self.job, self._lost = job, lost
        # why nobody is left to do anything, and whose tasks that has ended
        self._broken, self._ended = "", list[int]()
        self._alone_until = time.monotonic() + patience
        self.notes: list[str] = []
        self._team = team
        self._replaced = 0
        self._number = itertools.count(1)
        self._tasks: dict[int, Any] = {}
        # tickets of tasks that are done in this process
        self._here: dict[int, None] = {}

    @property
    def count(self) -> int:
        """How many tasks are worked on at once."""
        return 1 if self._team is None or self._patient else self._team.count

    @property
    def _patient(self) -> bool:
        return time.monotonic() < self._alone_until

    @property
    def alone(self) -> bool:
        """Whether this process does the tasks itself."""
        return self._team is None or self._patient

    @property
    def room(self) -> int:
        """How many more tasks can be started now."""
        return self._room(self.count)

    def _room(self, most: int) -> int:
        return max(most - len(self._tasks), 0)

    @property
    def _ahead(self) -> int:
        """How many tasks may be sent where all are known."""
        return 1 if self._team is None or self._patient else self._team.ahead

    def start(self, task: Any) -> int:
        """Begin a task; the ticket tells its result."""
        ticket = next(self._number)
        self._tasks[ticket] = task
        self._send(ticket)
        return ticket

    def finished(self, seconds: float = 1.0) -> list[tuple[int, Any]]:
        """Wait for results, for so many seconds at most; in a process that works alone one task is done instead."""
        found = self._all_ended()
        if self._team is not None and len(self._tasks) > len(self._here):
            for event in self._team.receive(0.0 if self._here or found else seconds):
                found += self._taken(event)
        if not found and self._here:
            ticket = next(iter(self._here))
            found.append((ticket, self.job(self._tasks[ticket])))
            self._forget(ticket)
        return found

    def each(self, tasks: Iterable[T]) -> Iterator[tuple[T, Any]]:
        """Yield every task with its result, in the order in which they end."""
        waiting, known = iter(tasks), dict[int, T]()
        while True:
            for task in itertools.islice(waiting, self._room(self._ahead)):
                known[self.start(task)] = task
            if not known:
                return
            for ticket, value in self.finished():
                yield known.pop(ticket), value

    def in_order(self, tasks: Iterable[Any], left: Callable[[], float] = lambda: math.inf) -> Iterator[Any]:
        """Yield the results in the order of the tasks, of which some are worked on ahead.

        Parameters
        ----------
        tasks : iterable
            What to do.
        left : callable
            Seconds that are left; the results end where they are over.
        """
        waiting, results = iter(tasks), dict[int, Any]()
        order: list[int] = []
        while True:
            while self._room(self._ahead) and len(order) < 2 * self._ahead:
                task = next(waiting, _NONE)
                if task is _NONE:
                    break
                order.append(self.start(task))
            if not order or left() <= 0:
                return
            results.update(self.finished(min(1.0, left())))
            while order and order[0] in results:
                yield results.pop(order.pop(0))

    def rescued(self) -> list[tuple[Any, Any]]:
        """Tasks that were finished meanwhile, with their results; nothing is waited for, after an interrupt."""
        if self._team is None:
            return []
        events = [e for e in self._team.receive(0.0) if e.kind == "result"]
        return [(self._tasks.pop(e.ticket), e.value) for e in events]

    def close(self) -> None:
        """End the workers."""
        if self._team is not None:
            self._team.close()

    def _all_ended(self) -> list[tuple[int, Any]]:
        ended, self._ended = self._ended, []
        return [self._answered(ticket, self._broken) for ticket in ended if ticket in self._tasks]

    def _answered(self, ticket: int, why: str) -> tuple[int, Any]:
        """Return the result of a task that is lost."""
        assert self._lost is not None
        self._forget(ticket)
        return ticket, self._lost(why)

    def _send(self, ticket: int) -> None:
        if self._broken:
            self._ended.append(ticket)
            return
        if self._team is None or self._patient:
            self._here[ticket] = None
            return
        try:
            self._team.send(ticket, self._tasks[ticket])
        except (OSError, MemoryError) as error:
            why = f"no worker could be had ({error or type(error).__name__})"
            if self._lost is not None:
                self._broken = why
                self._ended.append(ticket)
            else:
                self._alone(why)

    def _taken(self, event: Event) -> list[tuple[int, Any]]:
        """Take what was heard of a task; one without an answer goes to somebody else."""
        ticket, kind, value = event
        if kind == "result":
            self._forget(ticket)
            return [(ticket, value)]
        if kind == "error":
            self._forget(ticket)
            raise value
        if self._lost is not None and kind in ("died", "dropped"):
            return [self._answered(ticket, value)]
        if self._lost is not None and kind == "broken":
            # nobody can tell which of the tasks has broken it
            self._broken, self._ended = value, [t for t in self._tasks if t not in self._here]
            return []
        if kind == "died" and self._team is not None and self._replaced < _REPLACEMENTS:
            self._replaced += 1
            self._say(f"a worker process died ({value}); another one took over its task.")
            self._send(ticket)
        elif kind in ("died", "broken"):
            self._alone(f"the workers died ({value})")
        else:
            self._here[ticket] = None
            if kind == "memory":
                self._say("a worker ran out of memory; the main process did its task. workers=1 needs least.")
            elif kind == "dropped":
                self._say(f"a worker gave no answer ({value}); the main process did its task.")
        return []

    def _forget(self, ticket: int) -> None:
        self._here.pop(ticket, None)
        del self._tasks[ticket]

    def _alone(self, why: str) -> None:
        """Go on in this process; all that was under way is done here."""
        team, self._team = self._team, None
        if team is not None:
            self._say(f"{why}; the work went on in the main process alone.")
            team.close()
        self._here = dict.fromkeys(self._tasks)

    def _say(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)
            log.warning("%s", note)


_NONE = object()


@contextmanager
def worker_pool(
    job: Callable[[Any], Any],
    executor: Executor | None = None,
    workers: int | None = None,
    patience: float = 0.0,
    lost: Callable[[str], Any] | None = None,
) -> Iterator[Workers]:
    """Provide workers for a job that maps tasks to results.

    Processes are forked, so that a script needs no ``if __name__ == "__main__"`` guard; where that cannot be (on
    Windows, in another thread than the main one, inside a daemonic process such as a worker of
    ``multiprocessing.Pool`` or of a Dask nanny), the job runs in this process unless the caller brings an executor.

    Parameters
    ----------
    job : callable
        Picklable where the caller's executor runs processes.
    executor : concurrent.futures.Executor, optional
        The caller's executor; stays open.
    workers : int, optional
        How many at once; by default one a core, 8 at most.
    patience : float
        See `Workers`; the caller's executor is not kept waiting.
    lost : callable, optional
        See `Workers`.

    Examples
    --------
    >>> with worker_pool(abs, workers=1) as crew:
    ...     list(crew.in_order([-2, 1, -3]))
    [2, 1, 3]
    """
    _require_guard()
    count = workers or _cores()
    if executor is not None:
        crew = Workers(job, ExecutorTeam(job, executor, count), lost=lost)
    elif count > 1 and can_fork():
        crew = Workers(job, ProcessTeam(job, count), patience, lost)
    else:
        crew = Workers(job)
        if count > 1:
            crew.notes.append(f"no worker processes: {_why_alone()}; the work was done in one process.")
            log.info("%s", crew.notes[0])
    try:
        yield crew
    finally:
        crew.close()


def run_each(job: Callable[[T], R], tasks: Iterable[T], executor: Executor | None = None) -> list[R]:
    """Return the results of a job in the order of its tasks: in the caller's executor, else in this process.

    Parameters
    ----------
    job : callable
        Picklable where the executor runs processes.
    tasks : iterable
        What to do.
    executor : concurrent.futures.Executor, optional
        The caller's executor.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as threads:
    ...     run_each(abs, [-2, 1, -3], threads)
    [2, 1, 3]
    """
    with worker_pool(job, executor, None if executor is not None else 1) as crew:
        return list(crew.in_order(tasks))


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 8)


def _why_alone() -> str:
    if multiprocessing.current_process().daemon:
        return "a daemonic process (multiprocessing.Pool, a Dask nanny) may have no children"
    if threading.current_thread() is not threading.main_thread():
        return "beside other threads no process can be forked safely (give an executor)"
    return "this platform cannot fork (give an executor)"


def _require_guard() -> None:
    """Refuse to work where a new worker imports its script: it would do all of it once more, workers included."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(
            "this script is being imported by a worker process that it has started itself; put what it does under "
            "`if __name__ == '__main__':`, as processes that are spawned need it."
        )
