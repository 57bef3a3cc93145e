"""``adnflex roll``: a day decided hour by hour, or policies over common days."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

import adnflex
from adnflex.cli.conclusion import Judged, conclude
from adnflex.cli.exits import EXIT_FAILED
from adnflex.cli.files import Outputs, require_writable
from adnflex.cli.interruption import Interruption
from adnflex.cli.solving import asked, known_to
from adnflex.cli.terminal import say
from adnflex.errors import InputError, TimeExpired
from adnflex.problems.clock import Deadline
from adnflex.results.policies import FLOOR, base_of, full_name
from adnflex.sources import open_net
from adnflex.study import study_facts

# Part of the time limit for the comparison of days; the day in detail has the rest.
_DAYS_SHARE = 0.75


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
    given = args.given
    clock = Deadline(given.pop("time_limit", math.inf))
    policies, days = given.pop("policy", ["rollout"]), given.pop("days", 1)
    several = days > 1 or len(policies) > 1
    _require_sense(args, several)
    days_file = None
    if args.plan is not None and several:
        days_file = args.plan.with_name(f"{args.plan.stem}-days{args.plan.suffix}")
    outputs = {"--report": args.report, "--plan": args.plan, "--plan (days)": days_file, "--net": args.net_out}
    outputs |= {f"--{name}": given.get(name) for name in ("store", "state")}
    require_writable(outputs, inputs={"NET": args.net})
    net, label = open_net(args.net)
    name = given.pop("name", label.removesuffix(".json"))
    case = adnflex.RollingCase.from_net(net, name=name, **known_to("RollingCase.from_net", given))
    _require_hour(args, case)
    files = Outputs()
    after: list[tuple[Any, str]] = []
    if several:
        names = policies if args.no_reference else with_references(policies)
        comparison = _compared(args, case, names, days, clock)
        files.write("--plan", days_file, comparison.save)
        if not len(comparison.days):
            return _without_days(given, interruption, comparison)
        _say_cut(comparison, days)
        interruption.finish()  # the day in detail takes seconds
        compared = [str(column) for column in comparison.days.columns]
        after.append((comparison, comparison.summary(base_of(policies[0], compared))))
    wishes = known_to("schedule_rolling", given)
    if several:
        day = adnflex.schedule_rolling(case, policies[0], **wishes, time_limit=clock.share(1))
    else:
        with asked(args, None, "") as tell:
            day = adnflex.schedule_rolling(case, policies[0], **wishes, time_limit=clock.share(1), progress=tell)
    day = replace(day, options={**day.options, **_choices(given, case)})
    interruption.finish()
    files.write("--plan", args.plan, day.save)
    outcome = Judged("", case.net, day, adnflex.validate(day, case.net))
    code = conclude(args, interruption, [outcome], files, after=after)
    failed = [sentence for result, _ in after for sentence in _failed(result)]
    for sentence in failed:
        say(sentence)
    return EXIT_FAILED if failed else code


def _failed(comparison: adnflex.Comparison) -> list[str]:
    """Say which policies have days that AC power flow does not pass."""
    return [
        f"AC check failed: {row['days'] - row['passed']:.0f} of {row['days']:.0f} days of policy {policy}."
        for policy, row in comparison.checks.iterrows()
        if row["passed"] < row["days"]
    ]


def _require_sense(args: argparse.Namespace, several: bool) -> None:
    """Refuse options that mean nothing beside the others."""
    faults = []
    given = args.given
    if "reactive" in given and given["reactive"] is None and "scenarios" in given:
        faults.append("--scenarios: means nothing without reactive power; leave out --reactive none.")
    if args.net_period is not None and args.net_out is None:
        faults.append("--net-period: says which hour --net writes; give --net FILE.json too.")
    said = {"--store": "store" in given, "--no-reference": args.no_reference, "--workers": "workers" in given}
    said["--check and --no-check"] = "check" in given
    if not several:
        faults += [
            f"{option}: means nothing for a single day of a single policy; give --days of 2 or more."
            for option, there in said.items()
            if there
        ]
    if faults:
        raise InputError(faults)


def _require_hour(args: argparse.Namespace, case: adnflex.RollingCase) -> None:
    """Look, before the day is simulated, whether it has the hour of ``--net-period``."""
    if args.net_period is not None and args.net_period >= case.hours:
        last = case.hours - 1
        raise InputError(f"--net-period {args.net_period}: the day has the hours 0 to {last}; give one of them.")


def _compared(
    args: argparse.Namespace,
    case: adnflex.RollingCase,
    names: Sequence[str],
    days: int,
    clock: Deadline,
) -> adnflex.Comparison:
    """Simulate all policies over the days; a signal ends it with the days that are finished."""
    wishes = known_to("compare_policies", args.given)
    with asked(args, None, "") as tell:
        found = adnflex.compare_policies(
            case, names, days=days, **wishes, time_limit=clock.part(_DAYS_SHARE).share(1), progress=tell
        )
    return replace(found, options={**found.options, **_choices(args.given, case)})


def _without_days(given: dict[str, Any], interruption: Interruption, comparison: adnflex.Comparison) -> int:
    """Say that no day is common to all policies."""
    if comparison.notes:
        raise TimeExpired(comparison.notes[0])
    kept = f"; finished ones are kept in {given['store']}" if "store" in given else ""
    say(f"interrupted before every policy had finished a day{kept}.")
    return interruption.code


def _say_cut(comparison: adnflex.Comparison, days: int) -> None:
    if comparison.interrupted:
        why = "stopped at the time limit" if comparison.notes else "interrupted"
        say(f"{why}; {len(comparison.days)} of {days} days are finished by every policy.")


def _choices(given: dict[str, Any], case: adnflex.RollingCase) -> dict[str, Any]:
    """Return under which choices of the case a run was made, to be told with it."""
    tariffs = case.net.ext_grid.get("profile", pd.Series(dtype=object)).dropna().unique()
    facts = {**study_facts(case.net), **({"tariff": str(tariffs[0])} if len(tariffs) == 1 else {})}
    chosen = {name: given.get(name, facts.get(name)) for name in ("weather", "tariff", "exchange_limit_mw")}
    # a limit by node or hour is too long to tell
    return {name: value for name, value in chosen.items() if isinstance(value, str | int | float)}
