"""``adnflex scenarios``: days that may come, drawn and reduced, for a dispatch."""

from __future__ import annotations

import argparse

import adnflex
from adnflex.cli.exits import EXIT_OK
from adnflex.cli.files import Outputs, require_writable
from adnflex.cli.interruption import Interruption
from adnflex.cli.profiles import profile_files, read_given_profiles
from adnflex.cli.terminal import tell
from adnflex.sources import open_net


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Draw, keep few, write, show."""
    outputs = {"--result": args.result, "--excel": args.excel, "--report": args.report}
    require_writable(outputs, {"NET": args.net, **profile_files(args)})
    net, label = open_net(args.net)
    read_given_profiles(args)
    for name in args.study:
        net = adnflex.networks.study(net, name)
    found = adnflex.draw_scenarios(net, **{"name": label, **args.given})
    interruption.finish()
    files = Outputs()
    files.write_result(args, found, lambda path: adnflex.report(found, None, path))
    if not args.quiet:
        tell(found.summary())
        files.show()
    return files.exit_code(EXIT_OK)
