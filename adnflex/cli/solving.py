"""Commands that ask a verb: read, solve with a progress line, check in AC power flow, write, print."""

from __future__ import annotations

import argparse
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from pandapower import pandapowerNet

import adnflex
from adnflex.arguments.described import knobs_of
from adnflex.cli.commands import verb_of
from adnflex.cli.conclusion import Judged, conclude, say_interrupted
from adnflex.cli.files import Outputs, require_writable
from adnflex.cli.interruption import Interruption
from adnflex.cli.profiles import profile_files, read_given_profiles
from adnflex.cli.terminal import ProgressLine, say
from adnflex.cli.uncertainty import Uncertainty, nonsense
from adnflex.errors import Infeasible, InputError, SolverError
from adnflex.problems.reconfiguration.objective import parse_objective
from adnflex.sources import open_net
from adnflex.study import read_series, study_facts

Tell = Callable[[adnflex.Progress], None]

_PLANS = (
    adnflex.Plan,
    adnflex.MultiPeriodPlan,
    adnflex.DispatchPlan,
    adnflex.Flexibility,
    adnflex.Region,
    adnflex.RollingRun,
    adnflex.OperationsFrontier,
)


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Ask the verb of a command, check its answer, write."""
    _require_sense(args)
    plans = _plan_files(args)
    given, several = args.given, len(plans) > 1
    outputs = {f"--plan (study {name})" if several else "--plan": path for name, path in plans.items()}
    outputs = {"--report": args.report, **outputs, "--net": args.net_out}
    read = profile_files(args)
    files_in = {f"--{name.replace('_', '-')}": path for name, path in _inputs(args).items()}
    require_writable(outputs, {"NET": args.net, **files_in, **read})
    net, label = open_net(args.net)
    read_given_profiles(args)
    if "follow" in given:
        given["follow"] = adnflex.DispatchPlan.load(given["follow"])
    what = Uncertainty.read(args)
    label = given.pop("name", label)
    nets = _studied(args, net, label)
    _require_period(args, next(iter(nets.values()))[0])
    outcomes: list[Judged] = []
    files = Outputs()
    for name, (chosen, title) in nets.items():
        if interruption.asked:
            break
        for outcome in _answers(args, interruption, Judged(name, chosen), title, several):
            outcome.plan = what.valued(outcome.plan, chosen, known_to("dispatch", given), interruption)
            _keep(args, outcome, plans[name] if outcome.name == name else _beside(plans[name], outcome.name), files)
            outcomes.append(outcome)
    missing = [name for name in nets if several and name not in {o.name for o in outcomes}]
    before, after = _more(args, interruption, outcomes)
    return conclude(args, interruption, outcomes, files, before=[*what.shown, *before], after=after, missing=missing)


def _inputs(args: argparse.Namespace) -> dict[str, Path]:
    """Files that are read beside net and profiles, by option."""
    named = {"follow": args.given.get("follow"), "scenarios": args.given.get("scenarios")}
    return {name: path for name, path in {**named, "out_of_sample": args.out_of_sample}.items() if path is not None}


def _require_sense(args: argparse.Namespace) -> None:
    """Refuse options that mean nothing beside the others."""
    faults = []
    if args.net_period is not None and args.net_out is None:
        faults.append("--net-period: says which period --net writes; give --net FILE.json too.")
    if args.net_out is not None and args.command == "dispatch" and len(args.study) > 1:
        faults.append("--net: writes one net; give one --study.")
    faults += nonsense(args)
    if faults:
        raise InputError(faults)


def _plan_files(args: argparse.Namespace) -> dict[str, Path | None]:
    """Where the plan of each study goes."""
    if args.command != "dispatch" or len(args.study) < 2:
        return {args.study[0] if args.study and args.command == "dispatch" else "": args.plan}
    return {name: _beside(args.plan, name) for name in args.study}


def _beside(path: Path | None, name: str) -> Path | None:
    """Put the name of a study behind that of a file."""
    if path is None:
        return None
    word = re.sub(r"[^\w.-]+", "_", name)
    return path.with_name(f"{path.stem}-{word}{path.suffix}")


def _studied(args: argparse.Namespace, net: pandapowerNet, label: str) -> dict[str, tuple[pandapowerNet, str]]:
    """Write studies into the net: of a dispatch each into its own, which are compared, else one after another."""
    if args.command == "dispatch":
        return {n: (adnflex.networks.study(net, n), f"{label}, study {n}") for n in args.study} or {"": (net, label)}
    for name in args.study:
        net = adnflex.networks.study(net, name)
    return {"": (net, f"{label}, {', '.join(args.study)}" if args.study else label)}


def _require_period(args: argparse.Namespace, net: pandapowerNet) -> None:
    """Look, before the long solve, whether the plan will have the period of ``--net-period``."""
    if args.net_period is None:
        return
    known = read_series(net, args.given.get("profiles"), args.given.get("periods")).periods
    if args.net_period not in known:
        raise InputError(
            f"--net-period {args.net_period}: the plan has {known[0]} to {known[-1]}; give one of its periods."
        )


def _answers(
    args: argparse.Namespace, interruption: Interruption, asked_for: Judged, title: str, several: bool
) -> Iterator[Judged]:
    """Ask the verb; nothing where the user did not want to wait, several plans where it sweeps."""
    name, net = asked_for.name, asked_for.net
    verb, given = ("pareto", {**args.given, "points": args.pareto}) if args.pareto else (args.command, args.given)
    verb = verb.replace("-", "_")
    label = f"study {name} " if several else ""
    try:
        with asked(args, interruption, _unit(verb, given, net), label) as tell:
            answer = getattr(adnflex, verb)(net, **known_to(verb, given), name=title, progress=tell)
    except Infeasible as error:
        if interruption.asked and not error.proven:
            if not several:
                raise
            return
        if args.debug:
            traceback.print_exc()
        say(f"study {name}: {error}" if several else str(error))
        error.net_name = title
        asked_for.error = error
        yield asked_for
        return
    interruption.finish()
    for k, plan in enumerate(answer.plans if verb == "pareto" else [answer], start=1):
        say_interrupted(plan, f"study {name}: " if several else "")
        yield Judged(str(k) if verb == "pareto" else name, net, plan)


@contextmanager
def asked(args: argparse.Namespace, interruption: Interruption | None, unit: str, label: str = "") -> Iterator[Tell]:
    """Show progress while a verb works, and listen to signals where the verb does not do so itself."""
    shown = None if args.quiet else ProgressLine(unit, sys.stderr, label=label)

    def tell(row: adnflex.Progress) -> None:
        if shown is not None:
            shown(row)
        if interruption is not None:
            interruption.heard(row)

    try:
        yield tell
    finally:
        if shown is not None:
            shown.close()


def known_to(verb: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those keywords that a verb has."""
    known = knobs_of(verb_of(verb))
    return {name: value for name, value in given.items() if name in known}


def _unit(verb: str, given: Mapping[str, Any], net: pandapowerNet) -> str:
    currency = str(study_facts(net).get("currency", "EUR"))
    many = any(given.get(name) is not None for name in ("profiles", "periods", "situations")) or given.get("year")
    if verb == "reconfigure" and many:
        return {"cost": currency, "carbon": "kg"}.get(str(given.get("objective")), "MWh")
    if verb in ("reconfigure", "operations_frontier"):
        return parse_objective(given.get("objective", "losses"), given.get("switching_cost", 0.0)).unit
    if verb in ("dispatch", "pareto"):
        return "kg" if given.get("objective") == "carbon" else currency
    return "MW·Mvar" if verb == "pq_region" else "MWh"


def _keep(args: argparse.Namespace, outcome: Judged, path: Path | None, files: Outputs) -> None:
    """Write a plan as soon as it is there, and check it."""
    if outcome.plan is None:
        return
    files.write("--plan", path, outcome.plan.save)
    asked_so = isinstance(outcome.plan, adnflex.Flexibility) or args.command == "validate"
    own = known_to("validate", args.given) if asked_so else {}
    outcome.check = adnflex.validate(outcome.plan, outcome.net, **own)


def _more(
    args: argparse.Namespace, interruption: Interruption, outcomes: list[Judged]
) -> tuple[list[Any], list[tuple[Any, str]]]:
    """Work out what stands beside a box: that of the present switch states before it, P-Q regions after it."""
    before: list[Any] = []
    after: list[tuple[Any, str]] = []
    last = outcomes[-1] if outcomes else None
    if last is None or not isinstance(last.plan, adnflex.Flexibility):
        return before, after

    def tell(row: adnflex.Progress) -> None:
        interruption.leave()

    if args.command == "reconfigure-for-flexibility":
        try:
            with interruption.beside():
                wishes = known_to("flexibility", args.given)
                before.append(adnflex.flexibility(last.net, **wishes, name=last.plan.net_name, progress=tell))
        except KeyboardInterrupt:
            say("interrupted; the box of the present switch states is left out.")
        except (Infeasible, InputError, SolverError) as error:
            # the present state may be meshed or break limits; the best one stands alone then
            say(f"the present switch states have no box: {error}")
    if args.region is not None:
        try:
            with interruption.beside():
                wishes = {**known_to("pq_region", args.given), "periods": args.region, "progress": tell}
                region = adnflex.pq_region(last.net, **wishes)
            after.append((region, region.summary()))
        except KeyboardInterrupt:
            say("interrupted; the P-Q region is left out.")
    return before, after


def check(args: argparse.Namespace, interruption: Interruption) -> int:
    """Repeat the AC check of a saved plan, or check switch states that somebody chose."""
    chosen = {n: v for n, v in known_to("plan_from", args.given).items() if n not in knobs_of(adnflex.validate)}
    if args.plan_in is None and not chosen:
        raise InputError("PLAN is missing; give a file that --plan of another command wrote, or --open LINES.")
    if args.plan_in is not None and chosen:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in chosen)
        raise InputError(f"{words}: describes switch states of your own; leave it out, or leave PLAN out.")
    inputs = {"NET": args.net, "PLAN": args.plan_in or "", "--other-net": chosen.get("other_net", "")}
    require_writable({"--report": args.report}, inputs)
    net, label = open_net(args.net)
    plan: Any
    if args.plan_in is None:
        if "other_net" in chosen:
            chosen["other_net"] = open_net(chosen["other_net"])[0]
        plan = adnflex.plan_from(net, **{"name": label, **chosen})
        args.given.setdefault("bound", True)
    else:
        plan = adnflex.load(args.plan_in)
        if not isinstance(plan, _PLANS):
            raise InputError(f"PLAN {args.plan_in}: is a {type(plan).__name__}; give a plan, which is checked anew.")
    study = plan.options.get("study")
    if isinstance(plan, adnflex.DispatchPlan) and study is not None and isinstance(net.get("studies"), pd.DataFrame):
        net = adnflex.networks.study(net, str(study))
    interruption.started = True
    outcome = Judged("", net, plan)
    _keep(args, outcome, None, Outputs())
    return conclude(args, interruption, [outcome], Outputs())
