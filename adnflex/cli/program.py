"""The program: its commands, and what becomes of their errors."""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Callable

import adnflex
from adnflex.cli.commands import COMMANDS
from adnflex.cli.exits import (
    EXIT_CODES,
    EXIT_FAULT,
    EXIT_INPUT,
    EXIT_INTERRUPTED,
    EXIT_MEMORY,
    EXIT_OK,
    MEMORY,
    Parser,
    exit_code,
)
from adnflex.cli.interruption import Interruption
from adnflex.cli.terminal import hush, say
from adnflex.errors import AdnflexError, Infeasible, TimeExpired


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        Words after the program's name; by default those of this process.

    Returns
    -------
    int
        Exit code: 0 passed, 1 infeasible or AC check failed, 2 wrong input, 3 no solver, 4 a fault of
        adnflex, 5 memory ran out, 130 interrupted before there was a plan (143 by SIGTERM, 129 by SIGHUP).

    Examples
    --------
    >>> main(["reconfigure", "case33bw", "--workers", "1", "--quiet"])
    0
    """
    try:
        first = _parser().parse_args(argv)
    except SystemExit as end:  # argparse has printed help, version or what is wrong
        return end.code if isinstance(end.code, int) else EXIT_OK
    with Interruption() as interruption:
        try:
            return _guarded(first.command, first.words, interruption)
        except SystemExit as end:  # a second signal, or argparse has printed help or what is wrong
            return end.code if isinstance(end.code, int) else EXIT_INTERRUPTED


def _guarded(name: str, words: list[str], interruption: Interruption) -> int:
    """Run a command; every error becomes one message and an exit code."""
    debug = "--debug" in words
    try:
        with contextlib.nullcontext() if debug else hush():
            code = _run(name, words, interruption)
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        say("interrupted; stopped at once.")
        return interruption.code
    except BrokenPipeError:  # the reader of our output has gone, e.g. `adnflex networks | head`
        _drop_unwritten()
        return EXIT_OK
    except AdnflexError as error:
        if debug:
            traceback.print_exc()
        nothing = isinstance(error, TimeExpired) or (isinstance(error, Infeasible) and not error.proven)
        if interruption.asked and nothing:
            say("interrupted before any plan was found; nothing was written.")
            return interruption.code
        say(str(error))
        return exit_code(error)
    except OSError as error:  # no disk, no more processes, a standard output that is full
        if debug:
            traceback.print_exc()
        try:
            sys.stdout.flush()
        except OSError:
            _drop_unwritten()
        where = f" {error.filename}" if error.filename else ""
        say(f"the system refused to go on:{where} {error.strerror or error}. Files named above are whole.")
        return EXIT_INPUT
    except MemoryError as error:
        # the frames that the error holds on to hold the memory
        error.__traceback__ = error.__context__ = error.__cause__ = None
        gc.collect()
        say(f"{MEMORY} Files named above are whole.")
        return EXIT_MEMORY
    except Exception as error:
        if debug:
            traceback.print_exc()
        more = "" if debug else "; --debug shows where"
        say(f"internal fault: {type(error).__name__}: {error}")
        say(f"please report it with this command and the net{more}.")
        return EXIT_FAULT


def _run(name: str, words: list[str], interruption: Interruption) -> int:
    """Import what a command needs, read its options, and run it."""
    from adnflex.cli.options import parse  # it imports the verb

    args = parse(name, words)
    module, _, function = COMMANDS[name].run.partition(":")
    run: Callable[[argparse.Namespace, Interruption], int] = getattr(importlib.import_module(module), function)
    return run(args, interruption)


def _drop_unwritten() -> None:
    """Let nothing be written to a standard output that takes nothing, also not when Python ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    """Make the parser of what stands before a command; the command's own is made when it is asked for."""
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:{width}}  {command.summary}" for name, command in COMMANDS.items())
    examples = "\n".join(f"  adnflex {line}" for c in COMMANDS.values() for line in c.examples[:1])
    parser = Parser(
        prog="adnflex",
        description=(
            "Optimise active distribution networks held in pandapower,\nand prove the answer by full AC power flow."
        ),
        epilog=f"commands (adnflex COMMAND --help says more):\n{listed}\n\nexamples:\n{examples}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"adnflex {adnflex.__version__}")
    parser.add_argument("command", metavar="COMMAND", choices=list(COMMANDS), help="see below")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="its options")
    return parser
