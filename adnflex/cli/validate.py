"""``adnflex validate``: repeat the AC check of a saved plan of any kind."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
from pandapower import pandapowerNet

import adnflex
from adnflex.cli.exits import EXIT_CODES
from adnflex.cli.files import require_writable
from adnflex.cli.interruption import Interruption
from adnflex.cli.judging import judge
from adnflex.cli.words import NET_FORMS, add_outputs
from adnflex.errors import InputError
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
    return judge(plan, net, report=args.report, quiet=args.quiet, written=[])


def load_plan(path: str) -> adnflex.Plan | adnflex.DispatchPlan | adnflex.Flexibility | adnflex.RollingRun:
    """Load a plan of any kind; the file says which it is."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = None  # Plan.load says what is wrong
    kind = str(content.get("format")) if isinstance(content, dict) else ""
    try:
        if kind.startswith("adnflex-dispatch"):
            return adnflex.DispatchPlan.load(path)
        if kind.startswith("adnflex-flexibility"):
            return adnflex.Flexibility.load(path)
        if kind.startswith("adnflex-rolling"):
            return adnflex.RollingRun.load(path)
        return adnflex.Plan.load(path)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"PLAN {path}: the plan is damaged ({type(error).__name__}: {error}); make it again with --plan."
        ) from error


def _as_studied(net: pandapowerNet, plan: adnflex.DispatchPlan) -> pandapowerNet:
    """Write the study into the net that the plan was made for, where it was made for one."""
    study = plan.options.get("study")
    if study is None or not isinstance(net.get("studies"), pd.DataFrame):
        return net
    return adnflex.networks.study(net, str(study))
