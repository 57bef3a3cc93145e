"""Options of a command: the keywords of its verbs, with the words of their docstrings, and a few of its own."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from adnflex.arguments.described import Knob, knobs_of, summary_of
from adnflex.arguments.kind import Kind, WrongValueError
from adnflex.arguments.kinds import indices, several, text, whole
from adnflex.arguments.table import ARGUMENTS, GROUPS
from adnflex.cli.commands import COMMANDS, Command, verb_of
from adnflex.cli.exits import EXIT_CODES, Parser
from adnflex.cli.profiles import PROFILES
from adnflex.errors import InputError

NET_FORMS = """\
NET is one of:
  feeder.json                 a file that pandapower.to_json wrote
  feeder.m                    a MATPOWER case
  case33bw, mv_oberrhein ...  a function of pandapower.networks
  cigre_mv, cigre_mv:all ...  CIGRE networks by their short names
  simbench:CODE               a SimBench net, e.g. simbench:1-MV-urban--0-sw
  simbench:CODE:day=N         the same made a case for dispatch, a day of the year from 0
  matpower:CASE               a case of the package matpower, e.g. matpower:case70da
  ieee33_dispatch ...         a network that comes with adnflex
"adnflex networks" lists the names.
"""

_STUDIES = several("names such as 1,2,3", text())
# What a command line says in its own way: profiles and plans are files, several policies may stand beside each other.
_SAID = {
    "profiles": PROFILES,
    "follow": Kind("a file that --plan wrote", lambda path: path, Path, "PLAN.json"),
    "policy": several("names such as rollout,mpc:mean", text()),
    "days": whole("an integer of at least 1", 1),
    "other_net": text("a file or a name"),
}
# The same of what words cannot say.
_READ = {"scenarios": Kind("a file that adnflex scenarios wrote", lambda path: path, Path, "FILE.json")}
# Defaults of a command line that are not those of the verbs.
_DEFAULTS = {"days": 1}
# Second names of options.
_SHORT = {"open_lines": "--open"}
# Options of the command line alone: destination, name, and what `argparse` is told.
_OWN: dict[str, tuple[str, dict[str, Any]]] = {
    "report": (
        "--report",
        {"type": Path, "metavar": "FILE.html", "help": "write the report, one HTML file; FILE.pdf is printed on A4"},
    ),
    "plan": (
        "--plan",
        {"type": Path, "metavar": "FILE.json", "help": "save the plan, to validate it; of several FILE-NAME.json"},
    ),
    "net_out": (
        "--net",
        {"type": Path, "metavar": "FILE.json", "help": "write the net as the plan has it, if its AC check passes"},
    ),
    "of_plan": (
        "--plan",
        {"type": Path, "metavar": "PLAN", "help": "a plan: outages of the net as planned stand beside those of NET"},
    ),
    "result": ("--result", {"type": Path, "metavar": "FILE.json", "help": "save the result"}),
    "excel": ("--excel", {"type": Path, "metavar": "FILE.xlsx", "help": "write every table as a sheet of a workbook"}),
    "net_period": ("--net-period", {"metavar": "T", "help": "the period of --net; default: the first of the plan"}),
    "study": ("--study", {"metavar": "NAMES", "help": "studies of net.studies, e.g. 1,2,3"}),
    "region": ("--region", {"metavar": "A:B", "help": "P-Q regions of these periods, for the report"}),
    "pareto": (
        "--pareto",
        {"metavar": "N", "help": "N plans from the cheapest to the cleanest, each cheapest within its carbon budget"},
    ),
    "value_of_information": (
        "--value-of-information",
        {
            "action": "store_true",
            "help": "with --scenarios: what planning with them, and what knowing the future, is worth; --time-limit "
            "counts anew",
        },
    ),
    "out_of_sample": (
        "--out-of-sample",
        {
            "type": Path,
            "metavar": "FILE.json",
            "help": "keep what the plan decides in every scenario that adnflex scenarios drew into this file (another "
            "seed), and decide the rest anew; --time-limit counts anew",
        },
    ),
    "no_reference": (
        "--no-reference",
        {"action": "store_true", "help": "compare without the base policy and the floor"},
    ),
}  # fmt: skip
_OWN_KINDS = {
    "net_period": whole("a period of 0 or more", 0),
    "study": _STUDIES,
    "pareto": whole("2 or more", 2),
    "region": indices("rows of the profiles such as 0,6-9 or 0:24", empty=False),
}


def knobs_of_command(command: Command) -> dict[str, Knob]:
    """List the keywords of its verbs that words can say; where two verbs have one, the first counts."""
    found: dict[str, Knob] = {}
    for name in command.verbs:
        for knob in knobs_of(verb_of(name)).values():
            # what a verb means in a way of its own, a command line says so too
            usual = knob.kind is None or knob.kind is ARGUMENTS.get(knob.name)
            kind = _SAID.get(knob.name, knob.kind) if usual else knob.kind
            kind = _READ.get(knob.name, kind) if kind is not None and not kind.sayable else kind
            wanted = knob.name not in command.unsaid and knob.name not in found
            if wanted and kind is not None and (kind.sayable or kind.words == 0):
                found[knob.name] = Knob(knob.name, kind, knob.default, knob.text)
    return {name: knob for name, knob in found.items() if name not in ("plan", "net", "nets", "case")}


def parser_of(name: str) -> argparse.ArgumentParser:
    """Make the parser of a command."""
    command = COMMANDS[name]
    parser = Parser(
        prog=f"adnflex {name}",
        description=summary_of(verb_of(command.verbs[0])) if command.verbs else command.summary,
        epilog="\n".join(_epilog(command)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if "net" in command.own:
        parser.add_argument("net", metavar="NET", help="a file or a name, see below")
    if "nets" in command.own:
        parser.add_argument("nets", metavar="NET", nargs="+", help="files or names, see below")
    if "files" in command.own:
        parser.add_argument(
            "files", metavar="FILE", nargs="+", help="saved by --plan or in Python; a check stands behind its plan"
        )
    if "plan_and_net" in command.own:
        parser.add_argument(
            "plan_in", metavar="PLAN", nargs="?", help="a file that --plan of another command wrote; not with --open"
        )
        parser.add_argument("net", metavar="NET", help="the net that the plan was made for, before the plan")
    knobs = knobs_of_command(command)
    for title, names in GROUPS.items():
        group = parser.add_argument_group(title)
        for knob in (knobs[n] for n in names if n in knobs):
            _add(group, knob)
    outputs = parser.add_argument_group("what is written, and what is shown")
    for key in (k for k in command.own if k in _OWN):
        option, words = _OWN[key]
        outputs.add_argument(option, dest=key, **words)
    outputs.add_argument("--quiet", action="store_true", help="print errors only")
    outputs.add_argument("--debug", action="store_true", help="show where an error came from")
    return parser


def _epilog(command: Command) -> Iterator[str]:
    if command.examples:
        yield "\n".join(["examples:", *(f"  adnflex {line}" for line in command.examples), ""])
    if {"net", "nets", "plan_and_net"} & set(command.own):
        yield NET_FORMS
    yield EXIT_CODES


def _add(group: argparse._ArgumentGroup, knob: Knob) -> None:
    """Declare the option of a keyword; what is not given is left to the verb."""
    assert knob.kind is not None
    words: dict[str, Any] = {"dest": knob.name, "default": argparse.SUPPRESS, "help": _help(knob)}
    option = f"--{knob.name.replace('_', '-')}"
    if knob.name in _SHORT:
        group.add_argument(option, _SHORT[knob.name], action="append", metavar=knob.kind.form, **words)
    elif knob.kind.words == 0:
        group.add_argument(option, action=argparse.BooleanOptionalAction, **words)
    elif knob.kind.words is not None:
        action = "extend" if knob.kind.words == "+" else "store"
        group.add_argument(option, nargs=knob.kind.words, action=action, metavar=knob.kind.form, **words)
    else:
        group.add_argument(option, action="append", metavar=knob.kind.form, **words)


def _help(knob: Knob) -> str:
    """Words of the docstring, plain, with the default where they do not name it."""
    plain = re.sub(r"`+(?:adnflex\.)?([^`]*)`+", r"\1", knob.text)
    default = _DEFAULTS.get(knob.name, knob.default)
    if default not in (None, inspect.Parameter.empty, (), "") and "default" not in plain.lower():
        plain = f"{plain.rstrip('.')}; default: {default}"
    return plain.replace("%", "%%")


def parse(name: str, words: Sequence[str]) -> argparse.Namespace:
    """Read the words behind a command.

    Returns
    -------
    argparse.Namespace
        The options of the command line itself, and ``given``: the keywords of the verbs that were said.

    Raises
    ------
    InputError
        With every word that cannot be read.
    SystemExit
        After help was shown, and where words are missing or unknown.
    """
    command = COMMANDS[name]
    args = parser_of(name).parse_args(list(words))
    knobs = knobs_of_command(command)
    faults: list[str] = []
    given: dict[str, Any] = {}
    wanted = {key: knob.kind for key, knob in knobs.items() if key in args and knob.kind is not None}
    wanted |= {key: kind for key, kind in _OWN_KINDS.items() if getattr(args, key, None) is not None}
    for key, kind in wanted.items():
        said = getattr(args, key)
        try:
            value = said if kind.words == 0 else kind.from_words([said] if isinstance(said, str) else said)
        except InputError as error:
            faults += error.findings
            continue
        except (TypeError, ValueError, OverflowError) as error:
            says = str(error) if isinstance(error, WrongValueError) else kind.says
            shown = said if isinstance(said, str) else " ".join(said if kind.words else said[-1:])
            faults.append(f"--{key.replace('_', '-')}: '{shown}' is not allowed; give {says}.")
            continue
        if key in knobs:
            given[key] = value
        else:
            setattr(args, key, value)
    if faults:
        raise InputError(faults)
    args.given, args.command = given, name
    for key in ("report", "plan", "net_out", "net_period", "region", "pareto", "out_of_sample"):
        if not hasattr(args, key):
            setattr(args, key, None)
    args.study = getattr(args, "study", None) or []
    return args
