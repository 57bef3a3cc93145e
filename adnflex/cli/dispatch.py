"""``adnflex dispatch``: set-points of every device over a day, or several studies of a net side by side."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pandapower import pandapowerNet

import adnflex
from adnflex.cli.comparison import Outcome, comparison_table
from adnflex.cli.exits import EXIT_CODES, EXIT_FAILED, EXIT_OK
from adnflex.cli.files import Outputs, require_writable
from adnflex.cli.horizon import add_horizon
from adnflex.cli.interruption import Interruption
from adnflex.cli.judging import judge, say_interrupted
from adnflex.cli.profiles import read_profiles
from adnflex.cli.terminal import ProgressLine, say, tell
from adnflex.cli.words import NET_FORMS, add_outputs, add_switchable, count, number, switching
from adnflex.errors import Infeasible, InputError
from adnflex.sources import open_net
from adnflex.study import Profiles, read_series

__all__ = ["add", "run"]

_EXAMPLES = """\
examples:
  adnflex dispatch ieee33_dispatch --plan plan.json --report dispatch.html
  adnflex dispatch ieee33_dispatch --study 1,2,3 --report studies.html
  adnflex dispatch simbench:1-MV-rural--2-sw:day=149 --periods 32:64
  adnflex dispatch feeder.json --profiles load.p_mw=p.csv load.q_mvar=q.csv --switching day --max-operations 4
"""


def add(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "dispatch",
        help="find the cheapest set-points of every device over a day, with a proven gap",
        description=(
            "Find the set-points of every device of a net over a day that cost least, prove how good\n"
            "they are, check every period in full AC power flow and report."
        ),
        epilog=f"{_EXAMPLES}\n{NET_FORMS}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    command.add_argument("net", metavar="NET", help="a file or a name, see below")
    add_horizon(
        command.add_argument_group("when"),
        "studies of net.studies to run one after another and to compare, e.g. 1,2,3",
    )
    _add_objective(command.add_argument_group("what to optimise"))
    _add_topology(command.add_argument_group("what may be switched"))
    _add_effort(command.add_argument_group("how long and with what"))
    add_outputs(command)
    command.add_argument(
        "--plan",
        type=Path,
        metavar="FILE.json",
        help="save the plan, for adnflex validate; of several studies FILE-NAME.json each",
    )
    command.add_argument(
        "--net",
        dest="net_out",
        type=Path,
        metavar="FILE.json",
        help="write the net as it stands in one period (pandapower JSON), if the AC check passes",
    )
    command.add_argument(
        "--net-period", type=count(0), metavar="T", help="the period of --net; default: the first of the plan"
    )


def _add_objective(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--objective", choices=("cost", "carbon"), default="cost", help="what is to be least; default: cost"
    )
    group.add_argument(
        "--loss-cost", type=number(0), metavar="C", help="cost of network losses beside their purchase, per MWh"
    )
    group.add_argument("--carbon-price", type=number(0), metavar="C", help="cost of emissions, per kg")
    group.add_argument("--carbon-budget", type=number(), metavar="KG", help="largest expected emission in kg")
    group.add_argument(
        "--vm-limits",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="voltage limits of all buses in pu; default: those of the net",
    )


def _add_topology(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--switching",
        type=switching,
        default="fixed",
        metavar="WHEN",
        help="fixed (default), day (one set of states), or the hours of a block with the same states",
    )
    add_switchable(group)
    group.add_argument(
        "--max-operations", type=count(0), metavar="N", help="largest number of operations; default: no limit"
    )
    group.add_argument(
        "--switching-cost", type=number(0), default=0.0, metavar="C", help="cost of one operation; default 0"
    )


def _add_effort(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--gap", type=number(0), default=1e-3, metavar="G", help="relative gap to stop at; default 1e-3")
    group.add_argument(
        "--gap-in",
        choices=("cost", "losses"),
        help="what the gap is a share of; default: losses where switches are decided, else cost",
    )
    group.add_argument(
        "--time-limit",
        type=number(0),
        default=300.0,
        metavar="S",
        help="time limit in seconds, of each study; default 300",
    )
    group.add_argument("--formulation", default="distflow", metavar="NAME", help="distflow (default) or lindistflow")
    group.add_argument("--solver", default="auto", metavar="NAME", help="auto (default), highs, scip, gurobi ...")
    group.add_argument(
        "--exact",
        action="store_true",
        help="solve the exact equations by spatial branch and bound (small nets, few periods)",
    )


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Dispatch, check, write."""
    _require_sense(args)
    plans = _plan_files(args)
    outputs = {"--report": args.report, "--net": args.net_out}
    several = len(plans) > 1
    outputs |= {f"--plan (study {name})" if several else "--plan": path for name, path in plans.items()}
    read = {f"--profiles {'.'.join(key)}": path for key, path in args.profiles}
    require_writable(outputs, inputs={"NET": args.net, **read})
    net, label = open_net(args.net)
    profiles = read_profiles(args.profiles)
    nets = {name: adnflex.networks.study(net, name) for name in args.study} or {"": net}
    period = _net_period(args, nets, profiles)
    if len(nets) > 1:
        return _compare(args, interruption, nets, label, profiles, plans)
    ((name, chosen),) = nets.items()
    plan = _solve(args, interruption, chosen, label, name, profiles)
    interruption.finish()
    say_interrupted(plan)
    files = Outputs()
    files.write("--plan", plans[name], plan.save)
    return judge(
        plan,
        chosen,
        report=args.report,
        quiet=args.quiet,
        outputs=files,
        net_out=args.net_out,
        changed=lambda: plan.apply(chosen, plan.periods[0] if period is None else period),
    )


def _require_sense(args: argparse.Namespace) -> None:
    """Refuse options that mean nothing beside the others."""
    faults = []
    if args.switching == "fixed":
        given = {
            "--switchable-lines": args.switchable_lines is not None,
            "--switchable-switches": bool(args.switchable_switches),
            "--locked-lines": bool(args.locked_lines),
            "--max-operations": args.max_operations is not None,
            "--switching-cost": args.switching_cost > 0,
        }
        faults += [
            f"{option}: means nothing while switch states are fixed; add --switching day, or hours such as 6."
            for option, there in given.items()
            if there
        ]
    if args.net_period is not None and args.net_out is None:
        faults.append("--net-period: says which period --net writes; give --net FILE.json too.")
    if args.net_out is not None and len(args.study) > 1:
        faults.append("--net: writes one net; give one --study.")
    if faults:
        raise InputError(faults)


def _plan_files(args: argparse.Namespace) -> dict[str, Path | None]:
    """Where the plan of each study goes."""
    path: Path | None = args.plan
    if len(args.study) < 2 or path is None:
        return dict.fromkeys(args.study or [""], path)
    safe = {name: re.sub(r"[^\w.-]+", "_", name) for name in args.study}
    return {name: path.with_name(f"{path.stem}-{word}{path.suffix}") for name, word in safe.items()}


def _net_period(args: argparse.Namespace, nets: dict[str, pandapowerNet], profiles: Profiles | None) -> int | None:
    """Look, before the long solve, whether the plan will have the period of ``--net-period``."""
    period: int | None = args.net_period
    if period is not None:
        known = read_series(next(iter(nets.values())), profiles, args.periods).periods
        if period not in known:
            raise InputError(f"--net-period {period}: the plan has {known[0]} to {known[-1]}; give one of its periods.")
    return period


def _solve(
    args: argparse.Namespace,
    interruption: Interruption,
    net: pandapowerNet,
    label: str,
    study: str,
    profiles: Profiles | None,
) -> adnflex.DispatchPlan:
    """Dispatch one net, with a progress line."""
    shipped = net.get("dispatch")
    currency = shipped.get("currency", "EUR") if isinstance(shipped, dict) else "EUR"
    unit = str(currency) if args.objective == "cost" else "kg"
    before = f"study {study} " if len(args.study) > 1 else ""
    shown = None if args.quiet else ProgressLine(unit, sys.stderr, label=before)

    def progress(row: adnflex.Progress) -> None:
        if shown is not None:
            shown(row)
        interruption.heard(row)

    try:
        return adnflex.dispatch(
            net,
            profiles=profiles,
            periods=args.periods,
            hours_per_period=args.hours_per_period,
            start_hour=args.start_hour,
            loss_cost_per_mwh=args.loss_cost,
            carbon_price_per_kg=args.carbon_price,
            carbon_budget_kg=args.carbon_budget,
            objective=args.objective,
            vm_limits=None if args.vm_limits is None else (args.vm_limits[0], args.vm_limits[1]),
            switching=args.switching,
            switchable_lines=args.switchable_lines,
            switchable_switches=args.switchable_switches,
            locked_lines=args.locked_lines,
            switching_cost=args.switching_cost,
            max_operations=args.max_operations,
            exact=args.exact,
            gap=args.gap,
            gap_in=args.gap_in,
            time_limit=args.time_limit,
            solver=args.solver,
            formulation=args.formulation,
            progress=progress,
            name=f"{label}, study {study}" if study else label,
        )
    finally:
        if shown is not None:
            shown.close()


def _compare(
    args: argparse.Namespace,
    interruption: Interruption,
    nets: dict[str, pandapowerNet],
    label: str,
    profiles: Profiles | None,
    plans: dict[str, Path | None],
) -> int:
    """Run studies one after another; one that nothing meets does not stop the others."""
    outcomes: list[Outcome] = []
    files = Outputs()
    for name, net in nets.items():
        if interruption.asked:
            break
        try:
            plan = _solve(args, interruption, net, label, name, profiles)
        except Infeasible as error:
            if interruption.asked and not error.proven:
                break
            say(f"study {name}: {error}")
            outcomes.append(Outcome(name))
            continue
        interruption.finish()
        say_interrupted(plan, f"study {name}: ")
        files.write("--plan", plans[name], plan.save)
        check = adnflex.validate(plan, net)
        outcomes.append(Outcome(name, plan, check))
        if not check.passed:
            say(f"study {name}: AC check failed: {check.verdict}.")
    return _conclude(args, interruption, list(nets), outcomes, next(iter(nets.values())), files)


def _conclude(
    args: argparse.Namespace,
    interruption: Interruption,
    names: list[str],
    outcomes: list[Outcome],
    net: pandapowerNet,
    files: Outputs,
) -> int:
    """Report and table of the studies that have a plan, and the exit code."""
    solved = [o for o in outcomes if o.plan is not None]
    if solved:
        both = [o.plan for o in solved if o.plan is not None], [o.check for o in solved]
        files.write("--report", args.report, lambda path: adnflex.report(both[0], both[1], path, net=net))
    if solved and not args.quiet:
        _print_lines(outcomes)
        files.show()
    left = names[len(outcomes) :]
    if left:
        say(f"interrupted; not run to an answer: study {', '.join(left)}.")
    if any(o.check is None or not o.check.passed for o in outcomes):
        return EXIT_FAILED
    return interruption.code if left else files.exit_code(EXIT_OK)


def _print_lines(outcomes: Iterable[Outcome]) -> None:
    found = list(outcomes)
    for o in found:
        if o.plan is not None and o.check is not None:
            tell(o.plan.summary().splitlines()[0])
            tell(o.check.summary().splitlines()[0])
    tell(comparison_table(found))
