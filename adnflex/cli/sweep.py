"""``adnflex sweep`` and ``adnflex flexibility-sweep``: many cells, one table, gone on with where it was stopped."""

from __future__ import annotations

import argparse

import adnflex
from adnflex import FlexibilitySweep, Sweep
from adnflex.cli.exits import EXIT_FAILED, EXIT_OK
from adnflex.cli.files import Outputs, require_writable
from adnflex.cli.interruption import Interruption
from adnflex.cli.profiles import profile_files, read_given_profiles
from adnflex.cli.solving import asked
from adnflex.cli.terminal import say, tell
from adnflex.sources import open_net


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Reconfigure the cells that are missing, write, show; a signal ends it with what is done."""
    return _run(args, interruption, {f"NET {k}": net for k, net in enumerate(args.nets, start=1)})


def run_boxes(args: argparse.Namespace, interruption: Interruption) -> int:
    """Find the boxes that are missing, write, show; a signal ends it with what is done."""
    return _run(args, interruption, {"NET": args.net})


def _run(args: argparse.Namespace, interruption: Interruption, inputs: dict[str, str]) -> int:
    outputs = {"--report": args.report, "--plan": args.plan, "--excel": args.excel}
    require_writable(outputs, {**inputs, **profile_files(args)})
    read_given_profiles(args)
    with asked(args, None, "") as shown:
        found: Sweep | FlexibilitySweep
        if args.command == "sweep":
            found = adnflex.sweep(args.nets, **args.given, progress=shown)
        else:
            net, label = open_net(args.net)
            found = adnflex.flexibility_sweep(net, **{"name": label, **args.given}, progress=shown)
    interruption.finish()
    files = Outputs()
    files.write("--plan", args.plan, found.save)
    files.write("--excel", args.excel, found.to_excel)
    files.write("--report", args.report, lambda path: adnflex.report(found, None, path))
    if not args.quiet:
        tell(found.summary())
        files.show()
    if found.interrupted:
        kept = f"; finished ones are kept in {found.store}" if found.store else ""
        missing = int((found.table["status"] == "missing").sum())
        say(f"interrupted; {missing} of {len(found.table)} cells are missing{kept}.")
        return interruption.code
    return files.exit_code(EXIT_OK if bool(found.table["passed"].all()) else EXIT_FAILED)
