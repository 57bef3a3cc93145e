"""``adnflex roll``: a day decided hour by hour, or policies over common days."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import adnflex
from adnflex.cli.exits import EXIT_CODES, EXIT_FAILED, EXIT_OK
from adnflex.cli.files import Outputs, require_writable
from adnflex.cli.interruption import Interruption
from adnflex.cli.terminal import DaysLine, say, tell
from adnflex.cli.words import NET_FORMS, add_outputs, count, number
from adnflex.errors import InputError, TimeExpired
from adnflex.problems.clock import Deadline
from adnflex.reporting.rolling.inputs import FLOOR, base_of, full_name
from adnflex.sources import open_net

__all__ = ["add", "exchange", "policies", "run", "with_references"]

# Part of the time limit for the comparison of days; the day in detail has the rest.
_DAYS_SHARE = 0.75

_EXAMPLES = """\
examples:
  adnflex roll rolling33 --report day.html
  adnflex roll rolling33 --policy rollout,mpc:mean --days 30 --report rolling.html
  adnflex roll rolling33 --tariff "time of use" --weather cloudy --days 30 --store days.jsonl
  adnflex roll feeder.json --policy pool --no-reactive --plan day.json
"""
_POLICIES = """\
POLICY is one of:
  own, pool                   base policies: charge at once, use the own storage or all of them
  rollout                     rollout:pool/match: simulate candidates with the base policy
  rollout:BASE/CANDIDATES     base own or pool; candidates match or full, with +plans or +mpc behind
  mpc:mean, mpc:5             a linear programme over the rest of the day, for the mean future or for scenarios
  floor                       the future known: what no policy can beat
  feeder:POLICY               the same, moved to what the feeder carries
"""


def add(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "roll",
        help="decide a day hour by hour under a policy, and compare policies over many days",
        description=(
            "Decide vehicles, storages and exchange of a net hour by hour, without knowing what comes, and\n"
            "reactive power after them; check the day in full AC power flow and report. With --days,\n"
            "simulate policies over common days and compare them."
        ),
        epilog=f"{_EXAMPLES}\n{_POLICIES}\n{NET_FORMS}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    command.add_argument(
        "net", metavar="NET", help="a file or a name, see below; docs/rolling.md says what it must hold"
    )
    _add_policy(command.add_argument_group("what decides"))
    _add_days(command.add_argument_group("which days"))
    _add_stage(command.add_argument_group("reactive power"))
    command.add_argument(
        "--time-limit",
        type=number(0),
        default=math.inf,
        metavar="S",
        help="time limit in seconds; the hours, or days, that were decided by then are the result; default: none",
    )
    add_outputs(command)
    command.add_argument(
        "--plan",
        type=Path,
        metavar="FILE.json",
        help="save the day, for adnflex validate; several days or policies also as FILE-days.json",
    )
    command.add_argument(
        "--store",
        type=Path,
        metavar="FILE.jsonl",
        help="keep each simulated day as soon as it is finished; the same command goes on where it ended",
    )


def _add_policy(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--policy",
        type=policies,
        default=["rollout"],
        metavar="NAMES",
        help="one or several, e.g. rollout,mpc:mean; the first is shown in detail; default: rollout",
    )
    group.add_argument(
        "--simulations", type=count(1), default=30, metavar="M", help="futures that a rollout looks at; default 30"
    )
    group.add_argument(
        "--no-reference",
        action="store_true",
        help="do not add the base policy and the floor where days or policies are compared",
    )


def _add_days(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--days", type=count(1), default=1, metavar="N", help="number of common days; default 1")
    group.add_argument("--seed", type=count(0), default=1, metavar="S", help="seed of days and futures; default 1")
    group.add_argument("--weather", metavar="NAME", help="one of the net's, e.g. cloudy; default: the net's choice")
    group.add_argument(
        "--tariff", metavar="NAME", help="one of the net's, e.g. 'time of use'; default: the net's choice"
    )
    group.add_argument(
        "--exchange-limit",
        type=exchange,
        metavar="MW",
        help="most that a node gives or receives; 0: no exchange; feeder: what the feeder carries",
    )
    group.add_argument(
        "--workers", type=count(1), metavar="N", help="processes that simulate days; default: one a core, 8 at most"
    )


def _add_stage(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--scenarios", type=count(1), metavar="N", help="scenarios of an hour that it is decided over; default 20"
    )
    group.add_argument("--no-reactive", action="store_true", help="decide active power only")


def policies(text: str) -> list[str]:
    """Read names of policies.

    Examples
    --------
    >>> policies("rollout, mpc:5")
    ['rollout', 'mpc:5']
    """
    names = [part.strip() for part in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"'{text}' are no policies; give names such as rollout,mpc:mean")
    return list(dict.fromkeys(names))


def exchange(text: str) -> float | str:
    """Read a limit of exchange.

    Examples
    --------
    >>> exchange("0.3"), exchange("feeder")
    (0.3, 'feeder')
    """
    return "feeder" if text.strip() == "feeder" else number(0)(text)


def with_references(names: Sequence[str]) -> list[str]:
    """Names, and what they are measured against: the base of the first one, and the floor.

    Examples
    --------
    >>> with_references(["rollout:own/match"]), with_references(["pool", "floor"])
    (['rollout:own/match', 'own', 'floor'], ['pool', 'floor'])
    >>> with_references(["feeder:mpc:5"])
    ['feeder:mpc:5', 'mpc:5', 'floor']
    """
    found = list(names)
    kind, _, rest = full_name(found[0]).partition(":")
    base = rest if kind == "feeder" else rest.partition("/")[0] if kind == "rollout" else "pool"
    there = {full_name(name) for name in found}
    return found + [name for name in (base, FLOOR) if full_name(name) not in there]


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Simulate, check, write."""
    several = args.days > 1 or len(args.policy) > 1
    _require_sense(args, several)
    days_file = None
    if args.plan is not None and several:
        days_file = args.plan.with_name(f"{args.plan.stem}-days{args.plan.suffix}")
    outputs = {"--report": args.report, "--plan": args.plan, "--plan (days)": days_file, "--store": args.store}
    require_writable(outputs, inputs={"NET": args.net})
    case = _case(args)
    clock = Deadline(args.time_limit)
    names = args.policy if args.no_reference or not several else with_references(args.policy)
    files = Outputs()
    comparison = _compared(args, case, names, clock) if several else None
    if comparison is not None:
        files.write("--plan", days_file, comparison.save)
        if not len(comparison.days):
            if comparison.notes:
                raise TimeExpired(comparison.notes[0])
            kept = f"; finished ones are kept in {args.store}" if args.store is not None else ""
            say(f"interrupted before every policy had finished a day{kept}.")
            return interruption.code
        if comparison.interrupted:
            why = "stopped at the time limit" if comparison.notes else "interrupted"
            say(f"{why}; {len(comparison.days)} of {args.days} days are finished by every policy.")
        interruption.finish()  # the day in detail takes seconds
    day = _told(args, case, _day(args, case, clock))
    interruption.finish()
    files.write("--plan", args.plan, day.save)
    return _conclude(args, case, day, comparison, files)


def _require_sense(args: argparse.Namespace, several: bool) -> None:
    """Refuse options that mean nothing beside the others."""
    faults = []
    if args.no_reactive and args.scenarios is not None:
        faults.append("--scenarios: means nothing without reactive power; leave out --no-reactive.")
    given = {"--store": args.store is not None, "--no-reference": args.no_reference, "--workers": bool(args.workers)}
    if not several:
        faults += [
            f"{option}: means nothing for a single day of a single policy; give --days of 2 or more."
            for option, there in given.items()
            if there
        ]
    if faults:
        raise InputError(faults)


def _case(args: argparse.Namespace) -> adnflex.RollingCase:
    """Read the case, a net of the user's own as one that comes with adnflex."""
    net, label = open_net(args.net)
    return adnflex.RollingCase.from_net(
        net,
        name=label.removesuffix(".json"),
        weather=args.weather,
        tariff=args.tariff,
        exchange_limit_mw=args.exchange_limit,
    )


def _compared(
    args: argparse.Namespace, case: adnflex.RollingCase, names: list[str], clock: Deadline
) -> adnflex.Comparison:
    """Simulate all policies over the days, with a progress line; Ctrl-C ends it with the days that are finished."""
    line = None if args.quiet else DaysLine(sys.stderr)
    try:
        found = adnflex.compare_policies(
            case,
            names,
            days=args.days,
            seed=args.seed,
            simulations=args.simulations,
            workers=args.workers,
            store=args.store,
            time_limit=clock.part(_DAYS_SHARE).share(1),
            progress=None if line is None else (lambda row: line.count(row.done, row.wanted)),
        )
    finally:
        if line is not None:
            line.close()
    return replace(found, options={**found.options, **_choices(args, case)})


def _day(args: argparse.Namespace, case: adnflex.RollingCase, clock: Deadline) -> adnflex.RollingRun:
    """Run the first day of the first policy, with its reactive power."""
    return adnflex.schedule_rolling(
        case,
        args.policy[0],
        simulations=args.simulations,
        seed=args.seed,
        reactive=None if args.no_reactive else "auto",
        scenarios=args.scenarios or 20,
        time_limit=clock.share(1),
    )


def _told(args: argparse.Namespace, case: adnflex.RollingCase, day: adnflex.RollingRun) -> adnflex.RollingRun:
    """Let the run say under which choices of the case it was made."""
    return replace(day, options={**day.options, **_choices(args, case)})


def _choices(args: argparse.Namespace, case: adnflex.RollingCase) -> dict[str, Any]:
    facts = case.net.get("rolling")
    facts = facts if isinstance(facts, dict) else {}
    given = {"weather": args.weather, "tariff": args.tariff, "exchange_limit_mw": args.exchange_limit}
    chosen = {name: facts.get(name) if value is None else value for name, value in given.items()}
    # a limit by node or hour is too long to tell
    return {name: value for name, value in chosen.items() if isinstance(value, str | int | float)}


def _conclude(
    args: argparse.Namespace,
    case: adnflex.RollingCase,
    day: adnflex.RollingRun,
    comparison: adnflex.Comparison | None,
    files: Outputs,
) -> int:
    """Check the day, write the report, print, and say how it ended."""
    check = adnflex.validate(day, case.net)
    shown: list[adnflex.RollingRun | adnflex.Comparison] = [day]
    shown += [] if comparison is None else [comparison]
    files.write("--report", args.report, lambda path: adnflex.report(shown, check, path, net=case.net))
    if not args.quiet:
        tell(day.summary())
        tell(check.summary())
        if comparison is not None:
            compared = [str(name) for name in comparison.days.columns]
            tell(comparison.summary(base_of(args.policy[0], compared)))
        files.show()
    if not check.passed:
        say(f"AC check failed: {check.verdict}.")
    return files.exit_code(EXIT_OK if check.passed else EXIT_FAILED)
