"""What Ctrl-C does."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

import adnflex

__all__ = ["Interruption"]

# While the proof runs, Ctrl-C waits for the next report, where no node of the search is half done.
_PROOF = ("perturbed search", "node", "outer approximation", "better topology", "branch exchange of boxes")
# How reports begin at which nothing would catch an interrupt, or nothing is left to interrupt.
_LATE = (
    "AC round",
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


class Interruption:
    """What Ctrl-C does.

    Before there is a plan it acts at once. While the proof runs it waits for the running relaxation, so that
    the bound stays proven. After that the run goes on, as only recovery, checking and writing are left. A second
    Ctrl-C ends everything at once.
    """

    def __init__(self) -> None:
        self.asked = False
        self.started = False
        self.passed_on = False
        self._before: Any = None
        self._here = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Interruption:
        """Take Ctrl-C over."""
        if self._here:  # Python lets only the main thread do so
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give Ctrl-C back."""
        if self._here:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self.asked = self.asked, True
        if again or not self.started:
            raise KeyboardInterrupt
        # print() is not safe in a signal handler
        with contextlib.suppress(OSError):
            os.write(2, _FINISHING)

    def heard(self, row: adnflex.Progress) -> None:
        """Stop the search here, once, if the user asked for it."""
        if row.event in _PROOF:
            self.started = True
        if self.asked and not self.passed_on and not row.event.startswith(_LATE):
            self.passed_on = True
            raise KeyboardInterrupt
