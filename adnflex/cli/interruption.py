"""What Ctrl-C does, and the signals by which systems end programs: SIGTERM (timeout, systemd, slurm) and SIGHUP."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from adnflex.solvers.stopping import STOPPING

if TYPE_CHECKING:
    import adnflex


# While the proof runs, a signal waits for the next report, where no node of the search is half done.
_PROOF = ("perturbed search", "node", "outer approximation", "better topology", "branch exchange of boxes")
# How reports begin at which nothing would catch an interrupt, or nothing is left to interrupt.
_LATE = (
    "outer box",
    "separable box",
    "building",
    "recovery",
    "exact power flow",
    "optimal",
    "infeasible",
    "time_limit",
    "interrupted",
)
_FINISHING = b"\nadnflex: finishing with the best plan so far; press Ctrl-C again to stop at once.\n"

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

# Signals that follow within so many seconds are the same wish: `timeout` sends each twice, systemd SIGHUP after
# SIGTERM, and a terminal that closes is told by the system and by its shell.
_SAME = 1.0

# Seconds that the proof has to come to its next report; after that it is interrupted where it is.
_PATIENCE = 3.0


class Interruption:
    """What Ctrl-C, SIGTERM and SIGHUP do.

    Before there is a plan they act at once. While the proof runs they wait a little for the running relaxation, so
    that what it proves is kept; a solver that takes longer is asked to end. After that the run goes on, as only
    recovery, checking and writing are left. A second signal ends everything at once, a third one by force.

    Attributes
    ----------
    asked : bool
        Whether the run shall end.
    started : bool
        Whether there is something to show.
    code : int
        Exit code of a run that ends without a plan: 128 and the number of the signal.
    """

    def __init__(self) -> None:
        self.asked = False
        self.started = False
        self.passed_on = False
        self.late = False
        self.code = 128 + signal.SIGINT
        self._at = 0.0
        self._timed = False
        self._before: dict[int, Any] = {}
        self._terminals: list[int] = []
        self._here = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Interruption:
        """Take the signals over; what is ignored, as after nohup, stays ignored."""
        if not self._here:  # Python lets only the main thread do so
            return self
        self._terminals = [fd for fd in (1, 2) if os.isatty(fd)]
        for number in _SIGNALS:
            before = signal.getsignal(number)
            if before is not None and (before != signal.SIG_IGN or number == signal.SIGINT):
                self._before[number] = signal.signal(number, self._handle)
        if hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) == signal.SIG_DFL:
            self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._waited)
            self._timed = True
        STOPPING.active = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back."""
        if not self._here:
            return
        if self._timed:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        for number, before in self._before.items():
            signal.signal(number, before)
        STOPPING.active = False

    def heard(self, row: adnflex.Progress) -> None:
        """Stop the search here, once, if the user asked for it."""
        if row.event in _PROOF or math.isfinite(row.incumbent):
            self.started = True
        # a recovery that has something already gives it back
        given = row.event.startswith("recovery") and math.isfinite(row.incumbent)
        self.late = row.event.startswith(_LATE) and not given
        if not self.late:
            self.leave()

    def leave(self) -> None:
        """Leave here, once, if the user asked for it; the caller has what it needs."""
        if self.asked and not self.passed_on:
            self.passed_on = True
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def beside(self) -> Iterator[None]:
        """Work something out beside the plan; a `KeyboardInterrupt` leaves it out where the user does not wait."""
        self.late = False
        if self.asked:
            raise KeyboardInterrupt
        try:
            yield
        finally:
            self.finish()

    def finish(self) -> None:
        """Say that only checking and writing are left: nothing but a second signal ends that."""
        self.started = self.late = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now, before = time.monotonic(), self._at
        if self.asked and now - before < _SAME:
            return
        if number == getattr(signal, "SIGHUP", None):
            self._without_terminal()
        if self.asked:
            self._end_now(number)
            return
        self.asked, self._at, self.code = True, now, 128 + number
        if not self.started:
            self._raise(KeyboardInterrupt())
            return
        # print() is not safe in a signal handler
        with contextlib.suppress(OSError):
            os.write(2, _FINISHING)
        if self._timed and not self.late:
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE)

    def _waited(self, number: int, frame: FrameType | None) -> None:
        """Interrupt a search that did not come to its next report."""
        if self.asked and not self.passed_on and not self.late:
            self.passed_on = True
            self._raise(KeyboardInterrupt())

    def _end_now(self, number: int) -> None:
        """End, whoever would catch an interrupt; the next signal meets no handler of ours."""
        for taken in self._before:
            signal.signal(taken, signal.SIG_DFL)
        self._raise(SystemExit(128 + number))

    @staticmethod
    def _raise(error: BaseException) -> None:
        if not STOPPING.ask(error):
            raise error

    def _without_terminal(self) -> None:
        """Write to nowhere what a terminal that has gone would refuse: the plan matters more."""
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for stream in self._terminals:
                os.dup2(nowhere, stream)
