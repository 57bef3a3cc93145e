"""Tasks in an executor that the caller brings: threads, processes of any start method, a cluster's."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from typing import Any

from adnflex.algorithms.processes import Event, end_with_parent
from adnflex.errors import InputError

# Tasks sent where all can be sent at once: a cluster may have any number of workers.
_AHEAD = 1000
# Seconds without any answer after which a task that no thread has begun is taken back: all threads may be busy with
# those who wait for them, where searches in an executor use that same executor.
_PATIENCE = 1.0
_IMPATIENCE = 0.05


class SentJob:
    """A job on its way to another process, which ends with the process that sent it.

    Parameters
    ----------
    job : callable
        Maps a task to a result; picklable where the executor runs processes.
    """

    def __init__(self, job: Callable[[Any], Any]) -> None:
        self.job, self.sender = job, os.getpid()

    def __call__(self, task: Any) -> Any:
        """Do a task."""
        _follow(self.sender)
        return self.job(task)


_watching: set[int] = set()


def _follow(sender: int) -> None:
    """Watch the sender from its own child; a worker of a cluster has another parent, and a thread is no process."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid == sender and os.getpid() not in _watching:
        _watching.add(os.getpid())
        end_with_parent()


class ExecutorTeam:
    """A caller's executor; it stays open.

    Parameters
    ----------
    job : callable
        Maps a task to a result.
    executor : concurrent.futures.Executor
        The executor, or what has one to give: a client of a Dask cluster.
    count : int
        Most tasks at once.
    """

    def __init__(self, job: Callable[[Any], Any], executor: Executor, count: int) -> None:
        self.job, self.count = SentJob(job), count
        # pure: Dask would look whether it knows the answer to the same task
        give = getattr(executor, "get_executor", None)
        self.executor: Executor = executor if give is None else give(pure=False)
        self.ahead = _AHEAD
        self._tickets: dict[Future[Any], int] = {}
        self._patience = _PATIENCE
        self._heard = time.monotonic()

    def send(self, ticket: int, task: Any) -> None:
        """Submit a task; OSError where the executor takes none."""
        try:
            future = self.executor.submit(self.job, task)
        except (BrokenExecutor, RuntimeError) as error:
            raise OSError(str(error) or type(error).__name__) from error
        if not self._tickets:
            self._heard = time.monotonic()
        self._tickets[future] = ticket

    def receive(self, seconds: float) -> list[Event]:
        """Wait for something to happen, for so many seconds at most."""
        done, _ = wait(self._tickets, timeout=min(seconds, self._patience), return_when=FIRST_COMPLETED)
        events = [self._event(self._tickets[future], future) for future in done]
        for future in done:
            del self._tickets[future]
        if events:
            self._heard = time.monotonic()
            return events
        return self._taken_back()

    def _event(self, ticket: int, future: Future[Any]) -> Event:
        try:
            return Event(ticket, "result", future.result())
        except MemoryError:
            return Event(ticket, "memory", None)
        except BrokenExecutor as error:
            return Event(ticket, "broken", str(error) or type(error).__name__)
        except CancelledError:
            return Event(ticket, "dropped", "its task was cancelled")
        except Exception as error:
            if type(error).__module__.partition(".")[0] == "distributed":  # a cluster lost its worker
                return Event(ticket, "dropped", f"{type(error).__name__}: {error}")
            if "pickle" in f"{type(error).__name__} {error}".lower():
                return Event(ticket, "error", _cannot_travel(error))
            return Event(ticket, "error", error)

    def _taken_back(self) -> list[Event]:
        """Take back a task that no thread begins."""
        if not isinstance(self.executor, ThreadPoolExecutor) or time.monotonic() - self._heard < self._patience:
            return []
        if any(future.running() for future in self._tickets):
            return []
        for future, ticket in self._tickets.items():
            if future.cancel():
                del self._tickets[future]
                self._patience = _IMPATIENCE  # it will not be better for the next
                return [Event(ticket, "returned", None)]
        return []

    def close(self) -> None:
        """Cancel what has not begun."""
        for future in self._tickets:
            with contextlib.suppress(Exception):
                future.cancel()
        self._tickets = {}


def _cannot_travel(error: Exception) -> InputError:
    return InputError(
        f"executor: what its workers need cannot be sent to other processes ({error}); define your classes and "
        "functions at the top of a module instead of inside a function, use no lambda, or give a ThreadPoolExecutor."
    )
