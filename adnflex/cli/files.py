"""Output paths: tried before the work, written after it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from pandapower import pandapowerNet

from adnflex.cli.exits import EXIT_FAULT, EXIT_INPUT, EXIT_MEMORY, EXIT_OK, MEMORY, exit_code
from adnflex.cli.terminal import say, tell
from adnflex.errors import AdnflexError, InputError, OutputError
from adnflex.files import require_place, write_text
from adnflex.reporting.paper import browser, is_paper
from adnflex.results.base import Result
from adnflex.sources import file_of


def require_writable(outputs: Mapping[str, Path | None], inputs: Mapping[str, str | Path]) -> None:
    """Refuse, before the long solve, output paths that cannot be written or that would overwrite an input.

    Parameters
    ----------
    outputs : mapping of str to Path or None
        Path by option.
    inputs : mapping of str to str or Path
        What is read, by its name on the command line; it may be the name of a net.

    Raises
    ------
    InputError
        With every fault found.
    """
    faults = []
    taken = {path.resolve(): name for name, word in inputs.items() if (path := file_of(word)) is not None}
    for option, path in outputs.items():
        if path is None:
            continue
        other = taken.setdefault(path.resolve(), option)
        if other != option:
            faults.append(f"{option} {path}: this is the file of {other}; give another one.")
        elif (why := require_place(path)) is not None:
            faults.append(f"{option} {path}: {why}.")
        elif option == "--report" and is_paper(path):
            try:
                browser()
            except OutputError as error:
                faults.append(f"{option} {path}: {str(error).removeprefix('path ')}")
    if faults:
        raise InputError(faults)


class Outputs:
    """The files of one command: each is tried, whatever became of the others.

    Attributes
    ----------
    written : list of Path
        What was written, in order.
    code : int
        Exit code of the first that failed; 0 where none did.
    """

    def __init__(self) -> None:
        self.written: list[Path] = []
        self.code = EXIT_OK

    def write_result(self, args: argparse.Namespace, found: Result, report: Callable[[Path], object]) -> None:
        """Write ``--result``, ``--excel`` and ``--report`` of a command whose answer needs no check of its own."""
        self.write("--result", args.result, found.save)
        self.write("--excel", args.excel, found.to_excel)
        self.write("--report", args.report, report)

    def write(self, option: str, path: Path | None, writer: Callable[[Path], object]) -> None:
        """Write a file; what goes wrong is said at once, and kept for the exit code.

        Parameters
        ----------
        option : str
            The option that asked for it.
        path : Path or None
            Where; None where it was not asked for.
        writer : callable
            Writes it; takes the path.
        """
        if path is None:
            return
        try:
            writer(path)
        except AdnflexError as error:
            self._failed(f"{option} {str(error).removeprefix('path ')}", exit_code(error))
        except OSError as error:
            why = error.strerror or error
            self._failed(f"{option} {path}: writing failed ({why}); give another path.", EXIT_INPUT)
        except MemoryError:
            self._failed(f"{option} {path}: {MEMORY}", EXIT_MEMORY)
        except Exception as error:  # the other files have to be written whatever is wrong with this one
            self._failed(
                f"{option} {path}: is not written: internal fault: {type(error).__name__}: {error}; please report it.",
                EXIT_FAULT,
            )
        else:
            self.written.append(path)

    def show(self) -> None:
        """Print what was written."""
        if self.written:
            tell(f"written: {', '.join(map(str, self.written))}")

    def exit_code(self, code: int) -> int:
        """Exit code of the command, where `code` is that of its answer: an output that failed is never a 0."""
        return code or self.code

    def _failed(self, message: str, code: int) -> None:
        say(message)
        self.code = self.code or code


def save_net(net: pandapowerNet, path: Path) -> None:
    """Write a net as pandapower JSON."""
    import pandapower

    write_text(path, pandapower.to_json(net))
