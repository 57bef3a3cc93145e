"""``adnflex sweep``: many nets in many variants, one table."""

from __future__ import annotations

import argparse

import adnflex
from adnflex.cli.exits import EXIT_FAILED, EXIT_OK
from adnflex.cli.files import Outputs, require_writable
from adnflex.cli.interruption import Interruption
from adnflex.cli.profiles import profile_files, read_given_profiles
from adnflex.cli.solving import asked
from adnflex.cli.terminal import say, tell


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Run the cells that are missing, write, show; a signal ends it with what is done."""
    given = args.given
    inputs = {f"NET {k}": net for k, net in enumerate(args.nets, start=1)}
    outputs = {"--report": args.report, "--plan": args.plan, "--excel": args.excel}
    require_writable(outputs, {**inputs, **profile_files(args)})
    read_given_profiles(args)
    with asked(args, None, "") as shown:
        found = adnflex.sweep(args.nets, **given, progress=shown)
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
