"""Worker processes for relaxations, where the platform can fork."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

__all__ = ["Workers", "worker_pool"]

_job: Callable[[Any], Any] | None = None


def _begin(job: Callable[[Any], Any]) -> None:
    """Keep the job in the worker; leave Ctrl-C to the parent, which stops the workers itself."""
    global _job
    _job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(task: Any) -> Any:
    assert _job is not None
    return _job(task)


class Workers:
    """An executor and the function to submit to it."""

    def __init__(self, executor: Executor | None, call: Callable[[Any], Any], count: int) -> None:
        self.executor, self.call, self.count = executor, call, count


@contextmanager
def worker_pool(
    job: Callable[[Any], Any], executor: Executor | None = None, workers: int | None = None
) -> Iterator[Workers]:
    """Provide workers for a job that maps tasks to results.

    Processes are forked, so that a script needs no ``if __name__ == "__main__"`` guard; where the platform
    cannot fork, the job runs in this process unless the caller brings an executor.

    Parameters
    ----------
    job : callable
        Picklable; sent to each worker once.
    executor : concurrent.futures.Executor, optional
        The caller's executor; stays open.
    workers : int, optional
        How many at once; by default one a core, 8 at most.
    """
    count = workers or min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 8)
    if executor is not None:
        yield Workers(executor, job, count)
    elif count == 1 or "fork" not in multiprocessing.get_all_start_methods():
        yield Workers(None, job, 1)
    else:
        context = multiprocessing.get_context("fork")
        pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(job,))
        try:
            yield Workers(pool, _run, count)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list((pool._processes or {}).values()):
                process.terminate()
