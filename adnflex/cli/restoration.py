"""``adnflex restore`` and ``adnflex contingencies``: what few operations bring back after an outage, or after each."""

from __future__ import annotations

import argparse

import adnflex
from adnflex.cli.exits import EXIT_FAILED, EXIT_OK
from adnflex.cli.files import Outputs, require_writable
from adnflex.cli.interruption import Interruption
from adnflex.cli.profiles import profile_files, read_given_profiles
from adnflex.cli.solving import asked
from adnflex.cli.terminal import say, tell
from adnflex.errors import InputError
from adnflex.sources import open_net


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Restore, check every state again, show, write."""
    if "outage" not in args.given:
        raise InputError('--outage is missing; give what is out, e.g. --outage "line 12".')
    read = profile_files(args)
    require_writable({"--plan": args.plan, "--excel": args.excel, "--report": args.report}, {"NET": args.net, **read})
    net, _ = open_net(args.net)
    read_given_profiles(args)
    interruption.started = True
    found = adnflex.restore(net, **args.given)
    check = adnflex.validate(found, net)
    files = Outputs()
    files.write("--plan", args.plan, found.save)
    files.write("--excel", args.excel, found.to_excel)
    files.write("--report", args.report, lambda path: adnflex.report(found, check, path))
    if not args.quiet:
        print(found.summary(), check.summary(), sep="\n")
        files.show()
    return files.exit_code(EXIT_OK if check.passed else EXIT_FAILED)


def run_all(args: argparse.Namespace, interruption: Interruption) -> int:
    """Look at every outage, of a plan beside the present; a signal ends it with what is done."""
    outputs = {"--result": args.result, "--excel": args.excel, "--report": args.report}
    read = {**profile_files(args), **({} if args.of_plan is None else {"--plan": args.of_plan})}
    require_writable(outputs, {"NET": args.net, **read})
    net, _ = open_net(args.net)
    read_given_profiles(args)
    planned, given = net, dict(args.given)
    if args.of_plan is not None:
        plan = adnflex.load(args.of_plan)
        if isinstance(plan, adnflex.MultiPeriodPlan | adnflex.DispatchPlan):
            given |= {"plan": plan, "before": net}
        elif isinstance(plan, adnflex.Plan):
            planned, given["before"] = plan.apply(net), net
        else:
            raise InputError(
                f"--plan {args.of_plan}: is a {type(plan).__name__}; give what reconfigure or dispatch wrote."
            )
    with asked(args, None, "") as shown:
        found = adnflex.contingencies(planned, **given, progress=shown)
    interruption.finish()
    files = Outputs()
    files.write_result(args, found, lambda path: adnflex.report(found, None, path))
    if not args.quiet:
        tell(found.summary())
        files.show()
    if found.status == "interrupted":
        say(f"interrupted; {len(found.outages)} of {found.asked} outages were looked at.")
        return interruption.code
    return files.exit_code(EXIT_OK)
