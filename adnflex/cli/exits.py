"""Exit codes, and which error means which."""

from __future__ import annotations

import argparse
from typing import NoReturn

from adnflex.errors import AdnflexError, Infeasible, InputError, SolverError, SolverUnavailable, ValidationFailed

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_SOLVER = 3
EXIT_FAULT = 4
EXIT_MEMORY = 5
EXIT_INTERRUPTED = 130

# The first class that fits counts.
_EXIT_OF: tuple[tuple[type[AdnflexError], int], ...] = (
    (InputError, EXIT_INPUT),
    (SolverUnavailable, EXIT_SOLVER),
    (SolverError, EXIT_SOLVER),
    (Infeasible, EXIT_FAILED),
    (ValidationFailed, EXIT_FAILED),
    (AdnflexError, EXIT_INPUT),
)

# What to do where memory ran out.
MEMORY = (
    "memory ran out; give fewer --workers, periods or scenarios, close other programs, or use a machine that has more."
)

EXIT_CODES = """\
exit codes:
  0    the plan passed its AC check (also a plan that a signal or the time limit cut short)
  1    nothing meets every limit, or the AC check failed (of several studies or days: of any)
  2    the input is wrong: net, profiles, plan or option; or an output could not be written (the others were)
  3    no installed solver fits, or the solver gave no answer that can be proven
  4    a fault of adnflex itself; please report it
  5    memory ran out
  130  Ctrl-C before there was any plan (of several studies: before each had one; of days: before one was common)
  143  the same by SIGTERM; 129 by SIGHUP
"""


def exit_code(error: AdnflexError) -> int:
    """Exit code of an error.

    Examples
    --------
    >>> exit_code(SolverUnavailable("gurobi is not installed.")), exit_code(InputError("no such net."))
    (3, 2)
    """
    return next(code for kind, code in _EXIT_OF if isinstance(error, kind))


class Parser(argparse.ArgumentParser):
    """A parser whose error is one line: the usage of a command with forty options hides what is wrong."""

    def error(self, message: str) -> NoReturn:
        """End the program with what is wrong and where the options are listed."""
        self.exit(EXIT_INPUT, f"{self.prog}: error: {message}; '{self.prog} --help' lists all there is.\n")
