"""``adnflex switching-sequence``: the order in which to do what a saved plan wants."""

from __future__ import annotations

import argparse

import adnflex
from adnflex.cli.exits import EXIT_FAILED, EXIT_OK
from adnflex.cli.files import Outputs, require_writable
from adnflex.cli.interruption import Interruption
from adnflex.errors import InputError
from adnflex.sources import open_net

_SWITCHING = (adnflex.Plan, adnflex.MultiPeriodPlan, adnflex.DispatchPlan, adnflex.Flexibility)


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Order, check every state again, show, write."""
    if args.plan_in is None:
        raise InputError("PLAN is missing; give a file that --plan of another command wrote.")
    inputs = {"NET": args.net, "PLAN": args.plan_in}
    require_writable({"--plan": args.plan, "--excel": args.excel, "--report": args.report}, inputs)
    net, _ = open_net(args.net)
    plan = adnflex.load(args.plan_in)
    if not isinstance(plan, _SWITCHING):
        raise InputError(f"PLAN {args.plan_in}: is a {type(plan).__name__}; give a plan that switches.")
    interruption.started = True
    steps = adnflex.switching_sequence(plan, net, **args.given)
    check = adnflex.validate(steps, net)
    files = Outputs()
    files.write("--plan", args.plan, steps.save)
    files.write("--excel", args.excel, steps.to_excel)
    files.write("--report", args.report, lambda path: adnflex.report([plan, steps], [None, check], path, net=net))
    if not args.quiet:
        print(steps.summary(), check.summary(), sep="\n")
        files.show()
    return files.exit_code(EXIT_OK if check.passed else EXIT_FAILED)
