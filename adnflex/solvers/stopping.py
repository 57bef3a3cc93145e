"""Stop a running solver from a signal handler: it is asked to end, never torn out of its own code.

Python answers a signal only between its own instructions. A solver that calls back now and then gives it the occasion,
but an exception must not fly through compiled code; so it is kept until the solver has returned.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopping:
    """Whether somebody may ask running solvers to end, and has.

    Examples
    --------
    >>> stopping = Stopping()
    >>> stopping.active = True
    >>> with stopping.solver() as asked:
    ...     before, _, after = asked(), stopping.ask(TimeoutError("enough")), asked()
    Traceback (most recent call last):
    ...
    TimeoutError: enough
    >>> before, after
    (False, True)
    """

    def __init__(self) -> None:
        self.active = False
        self._wanted: BaseException | None = None
        self._running = 0

    def ask(self, error: BaseException) -> bool:
        """Ask the solver that runs in the main thread to end, after which `error` is raised; False if none runs."""
        if not self._running:
            return False
        self._wanted = error
        return True

    def wanted(self) -> bool:
        """Whether the solver that runs shall end."""
        return self._wanted is not None

    @contextmanager
    def solver(self, tells: bool = False) -> Iterator[Callable[[], bool] | None]:
        """Run a solver that asks now and then whether it shall end; None where nobody will.

        Parameters
        ----------
        tells : bool
            Whether its answer says that it was interrupted, so that an interrupt is not raised once more: what it has
            proven by then would be lost.
        """
        if not self.active or threading.current_thread() is not threading.main_thread():
            yield None
            return
        self._running += 1
        try:
            yield self.wanted
        finally:
            self._running -= 1
            wanted, self._wanted = self._wanted, None
            if wanted is not None and not (tells and isinstance(wanted, KeyboardInterrupt)):
                raise wanted


STOPPING = Stopping()
