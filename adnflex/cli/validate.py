"""``adnflex validate``: repeat the AC check of a saved plan of any kind."""

from __future__ import annotations

import argparse
from typing import Any

import pandas as pd
from pandapower import pandapowerNet

import adnflex
from adnflex.cli.exits import EXIT_CODES
from adnflex.cli.files import Outputs, require_writable
from adnflex.cli.interruption import Interruption
from adnflex.cli.judging import judge
from adnflex.cli.words import NET_FORMS, add_outputs
from adnflex.results.files import format_of
from adnflex.sources import open_net

__all__ = ["add", "load_plan", "run"]


def add(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "validate",
        help="repeat the AC check of a saved plan",
        description="Push a saved plan into its net and check it in full AC power flow, a dispatch in every period.",
        epilog=f"{NET_FORMS}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    command.add_argument("plan", metavar="PLAN", help="a file that --plan of another command wrote")
    command.add_argument("net", metavar="NET", help="the net that the plan was made for, before the plan")
    add_outputs(command)


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Load, check, report."""
    require_writable({"--report": args.report}, inputs={"PLAN": args.plan, "NET": args.net})
    plan = load_plan(args.plan)
    net, _ = open_net(args.net)
    if isinstance(plan, adnflex.DispatchPlan):
        net = _as_studied(net, plan)
    interruption.started = True
    return judge(plan, net, report=args.report, quiet=args.quiet, outputs=Outputs())


def load_plan(path: str) -> adnflex.Plan | adnflex.DispatchPlan | adnflex.Flexibility | adnflex.RollingRun:
    """Load a plan of any kind; the file says which it is."""
    kind = format_of(path)
    if kind.startswith("adnflex-dispatch"):
        return adnflex.DispatchPlan.load(path)
    if kind.startswith("adnflex-flexibility"):
        return adnflex.Flexibility.load(path)
    if kind.startswith("adnflex-rolling"):
        return adnflex.RollingRun.load(path)
    return adnflex.Plan.load(path)


def _as_studied(net: pandapowerNet, plan: adnflex.DispatchPlan) -> pandapowerNet:
    """Write the study into the net that the plan was made for, where it was made for one."""
    study = plan.options.get("study")
    if study is None or not isinstance(net.get("studies"), pd.DataFrame):
        return net
    return adnflex.networks.study(net, str(study))
