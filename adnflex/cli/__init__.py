"""The command line: ``adnflex reconfigure``, ``dispatch``, ``validate`` and ``networks``.

It parses words, shows progress, writes files and turns every outcome into an exit code; all work is done by
the public functions of the library.
"""

from adnflex.cli.exits import EXIT_FAILED, EXIT_FAULT, EXIT_INPUT, EXIT_INTERRUPTED, EXIT_MEMORY, EXIT_OK, EXIT_SOLVER
from adnflex.cli.program import main

__all__ = [
    "EXIT_FAILED",
    "EXIT_FAULT",
    "EXIT_INPUT",
    "EXIT_INTERRUPTED",
    "EXIT_MEMORY",
    "EXIT_OK",
    "EXIT_SOLVER",
    "main",
]
