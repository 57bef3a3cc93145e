"""``adnflex reconfigure``: the best radial switch states, with a proven gap."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import adnflex
from adnflex.cli.exits import EXIT_CODES
from adnflex.cli.files import Outputs, require_writable
from adnflex.cli.interruption import Interruption
from adnflex.cli.judging import judge, say_interrupted
from adnflex.cli.terminal import ProgressLine
from adnflex.cli.words import NET_FORMS, add_outputs, add_switchable, count, number, objective
from adnflex.problems.reconfiguration.objective import parse_objective
from adnflex.sources import open_net

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "reconfigure",
        help="find the best radial switch states, with a proven gap",
        description=(
            "Find the radial switch states of a net that minimise an objective, prove how good\n"
            "they are, check them in full AC power flow and report."
        ),
        epilog=f"{NET_FORMS}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    command.add_argument("net", metavar="NET", help="a file or a name, see below")
    study = command.add_argument_group("what to optimise")
    study.add_argument(
        "--objective",
        type=objective,
        default="losses",
        metavar="WHAT",
        help="losses (default), switching, voltage, or weights: losses=1,voltage=0.1 (per MW, operation, pu)",
    )
    study.add_argument(
        "--switching-cost",
        type=number(0),
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
    add_switchable(study)
    effort = command.add_argument_group("how long and with what")
    effort.add_argument(
        "--gap", type=number(0), default=1e-4, metavar="G", help="relative gap to stop at; default 1e-4"
    )
    effort.add_argument(
        "--time-limit", type=number(0), default=300.0, metavar="S", help="time limit in seconds; default 300"
    )
    effort.add_argument("--formulation", default="distflow", metavar="NAME", help="distflow (default) or lindistflow")
    effort.add_argument(
        "--solver", default="auto", metavar="NAME", help="auto (default), clarabel, highs, scip, gurobi ..."
    )
    effort.add_argument(
        "--workers", type=count(1), metavar="N", help="worker processes; default: one a core, 8 at most"
    )
    effort.add_argument("--seed", type=count(0), default=0, metavar="N", help="seed of the local search")
    add_outputs(command)
    command.add_argument("--plan", type=Path, metavar="FILE.json", help="save the plan, for adnflex validate")
    command.add_argument(
        "--net",
        dest="net_out",
        type=Path,
        metavar="FILE.json",
        help="write the net with the new switch states (pandapower JSON), if the AC check passes",
    )


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Search, check, write."""
    outputs = {"--report": args.report, "--plan": args.plan, "--net": args.net_out}
    require_writable(outputs, inputs={"NET": args.net})
    goal = parse_objective(args.objective, args.switching_cost)
    net, label = open_net(args.net)
    shown = None if args.quiet else ProgressLine(goal.unit, sys.stderr)

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
            locked_lines=args.locked_lines,
            switching_cost=args.switching_cost,
            gap=args.gap,
            time_limit=args.time_limit,
            solver=args.solver,
            formulation=args.formulation,
            progress=progress,
            workers=args.workers,
            seed=args.seed,
            name=label,
        )
    finally:
        if shown is not None:
            shown.close()
    interruption.finish()
    say_interrupted(plan)
    files = Outputs()
    files.write("--plan", args.plan, plan.save)
    return judge(
        plan,
        net,
        report=args.report,
        quiet=args.quiet,
        outputs=files,
        net_out=args.net_out,
        changed=lambda: plan.apply(net),
    )
