"""``adnflex restore``: what few operations bring back after an outage."""

from __future__ import annotations

import argparse

import adnflex
from adnflex.cli.exits import EXIT_FAILED, EXIT_OK
from adnflex.cli.files import Outputs, require_writable
from adnflex.cli.interruption import Interruption
from adnflex.errors import InputError
from adnflex.sources import open_net


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Restore, check every state again, show, write."""
    if "outage" not in args.given:
        raise InputError('--outage is missing; give what is out, e.g. --outage "line 12".')
    require_writable({"--plan": args.plan, "--excel": args.excel}, {"NET": args.net})
    net, _ = open_net(args.net)
    interruption.started = True
    found = adnflex.restore(net, **args.given)
    check = adnflex.validate(found, net)
    files = Outputs()
    files.write("--plan", args.plan, found.save)
    files.write("--excel", args.excel, found.to_excel)
    if not args.quiet:
        print(found.summary(), check.summary(), sep="\n")
        files.show()
    return files.exit_code(EXIT_OK if check.passed else EXIT_FAILED)
