"""Worker processes of our own: forked on demand, each with its own pipe, so that a dead one loses one task only."""

from __future__ import annotations

import _thread
import atexit
import contextlib
import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

# Signals that are the parent's business: `timeout`, systemd and slurm send theirs to the workers too, and a terminal
# sends Ctrl-C to all. Workers go on, and end when the parent ends them or is no more.
_PARENTS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

# Seconds between two looks at whether the parent is still there, where the system does not tell.
_LOOK_EVERY = 1.0
_PR_SET_PDEATHSIG = 1


class Event(NamedTuple):
    """What became of a task.

    Attributes
    ----------
    ticket : int
        The task's number.
    kind : str
        ``result``, ``error``, ``memory`` (too little of it), ``died`` (a worker that can be replaced), ``dropped``
        (this task only), ``returned`` (never begun) or ``broken`` (no worker is left).
    value : object
        The result, the exception, or why.
    """

    ticket: int
    kind: str
    value: Any


def can_fork() -> bool:
    """Whether we can have forked children: daemonic processes cannot, nor can Windows, and other threads should not.

    What a child inherits of a thread that was in the middle of something is broken: CPython was seen to fail in its
    own clean-up after a fork beside threads that were solving.
    """
    alone = threading.current_thread() is threading.main_thread()
    can = "fork" in multiprocessing.get_all_start_methods()
    return can and alone and not multiprocessing.current_process().daemon


def end_with_parent(ours: bool = False) -> None:
    """Let this process, a child by `multiprocessing`, end when its parent ends, however that ends.

    Parameters
    ----------
    ours : bool
        Whether it was forked by `ProcessTeam`. Then Linux shall kill it at once; it does so when the *thread* that
        forked ends, which is right only for children that their thread outlives.
    """
    origin = multiprocessing.parent_process()
    if origin is None or origin.pid is None:
        return
    if ours and sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # a child of a fork server has another parent by the system's count
    direct = os.name == "posix" and (ours or os.getppid() == origin.pid)
    if direct and os.getppid() != origin.pid:  # it ended before we could ask
        os._exit(1)
    # not by `threading`: another thread may have held its locks at the moment of the fork
    _thread.start_new_thread(_watch, (origin.sentinel, origin.pid if direct else None))


def _watch(sentinel: int, parent: int | None) -> None:
    """Leave when the parent has gone: the portable way.

    Siblings that were forked may hold the sentinel open, so that the parent's number is looked at too.
    """
    while not wait([sentinel], _LOOK_EVERY) and (parent is None or os.getppid() == parent):
        continue
    os._exit(1)


class _Member(NamedTuple):
    process: BaseProcess
    pipe: Connection


class ProcessTeam:
    """Forked processes that do one job.

    Parameters
    ----------
    job : callable
        Maps a task to a result; inherited, so that it need not be picklable. Tasks and results are pickled.
    count : int
        Most processes at once; they are forked when there is work for them.
    """

    def __init__(self, job: Callable[[Any], Any], count: int) -> None:
        self.job, self.count = job, count
        # no more is sent than can be begun: what waits would wait for a process that may die
        self.ahead = count
        self._idle: list[_Member] = []
        self._busy: dict[int, _Member] = {}
        atexit.register(self.close)

    @property
    def members(self) -> list[_Member]:
        """All processes."""
        return [*self._idle, *self._busy.values()]

    def send(self, ticket: int, task: Any) -> None:
        """Give a task to an idle process, or to a new one; OSError or MemoryError where there can be none."""
        while self._idle:
            member = self._idle[-1]
            # it is busy before it knows: an interrupt in between must not make it idle with a task
            self._busy[ticket] = self._idle.pop()
            with contextlib.suppress(OSError):
                member.pipe.send((ticket, task))
                return
            del self._busy[ticket]
            self._end(member)
        self._busy[ticket] = self._forked()
        self._busy[ticket].pipe.send((ticket, task))

    def receive(self, seconds: float) -> list[Event]:
        """Wait for something to happen, for so many seconds at most."""
        ready = set(wait([x for m in self._busy.values() for x in (m.pipe, m.process.sentinel)], seconds))
        events = []
        for ticket, member in list(self._busy.items()):
            if member.pipe in ready or member.process.sentinel in ready:
                events.append(self._heard(ticket, member))
        return events

    def _heard(self, ticket: int, member: _Member) -> Event:
        try:
            # of one that died after its answer the answer is still there
            if member.pipe.poll():
                answer, kind, value = pickle.loads(member.pipe.recv_bytes())
                del self._busy[ticket]
                self._idle.append(member)
                return Event(answer, kind, value)
        except (EOFError, OSError):
            pass
        del self._busy[ticket]
        member.process.join(1.0)
        code = member.process.exitcode
        self._end(member)
        return Event(ticket, "died", _how_ended(code))

    def _forked(self) -> _Member:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        strangers = [m.pipe for m in self.members] + [ours]
        process = context.Process(target=_serve, args=(self.job, theirs, strangers), daemon=True)
        with _held_signals():
            process.start()
        theirs.close()
        return _Member(process, ours)

    def close(self) -> None:
        """End all processes at once, whatever they do."""
        atexit.unregister(self.close)
        members = self.members
        self._idle, self._busy = [], {}
        for member in members:
            member.process.kill()
        for member in members:
            self._end(member)

    @staticmethod
    def _end(member: _Member) -> None:
        member.process.kill()
        member.process.join(5.0)
        member.pipe.close()


def _how_ended(code: int | None) -> str:
    """Say how a process ended, from its exit code."""
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        more = ", as the system does where memory runs out" if name == "SIGKILL" else ""
        return f"it was killed by {name}{more}"
    return f"it ended with code {code}"


@contextlib.contextmanager
def _held_signals() -> Iterator[None]:
    """Hold the parent's signals back: between fork and its first line a child would answer them as the parent does."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PARENTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(job: Callable[[Any], Any], pipe: Connection, strangers: list[Connection]) -> None:
    """Do task after task until the parent closes the pipe."""
    for number in _PARENTS:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PARENTS)
    end_with_parent(ours=True)
    for other in strangers:  # inherited; as long as we held them, their ends could not be seen
        other.close()
    with contextlib.suppress(EOFError, OSError):
        while True:
            ticket, task = pipe.recv()
            pipe.send_bytes(_answer(job, ticket, task))
    os._exit(0)


def _answer(job: Callable[[Any], Any], ticket: int, task: Any) -> bytes:
    """Do a task; whatever comes of it becomes a message."""
    try:
        return pickle.dumps((ticket, "result", job(task)))
    except MemoryError:
        return pickle.dumps((ticket, "memory", None))
    except BaseException as error:
        try:
            message = pickle.dumps((ticket, "error", error))
            pickle.loads(message)  # some exceptions can be written and not be read
        except Exception:
            return pickle.dumps((ticket, "error", RuntimeError(f"{type(error).__name__}: {error}")))
        return message
