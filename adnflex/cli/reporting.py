"""``adnflex report``: one report of saved results."""

from __future__ import annotations

import argparse
from typing import Any

import adnflex
from adnflex.cli.exits import EXIT_OK
from adnflex.cli.files import Outputs, require_writable
from adnflex.cli.interruption import Interruption
from adnflex.errors import InputError
from adnflex.results.base import Verdict


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Load all files, put each check behind its plan, write."""
    if args.report is None:
        raise InputError("--report is missing; say which file is to be written, e.g. --report all.html.")
    require_writable({"--report": args.report}, {f"FILE {path}": path for path in args.files})
    plans: list[Any] = []
    checks: list[Any] = []
    for path in args.files:
        result = adnflex.load(path)
        if isinstance(result, Verdict):
            if not checks or checks[-1] is not None:
                kind = type(result).__name__
                raise InputError(f"FILE {path}: is a {kind} without a plan before it; name that first.")
            checks[-1] = result
            continue
        several = list(result.plans) if isinstance(result, adnflex.Pareto) else [result]
        plans += several
        checks += [None] * len(several)
    interruption.started = True
    alone = len(plans) == 1
    files = Outputs()
    shown, judged = (plans[0], checks[0]) if alone else (plans, checks)
    files.write("--report", args.report, lambda path: adnflex.report(shown, judged, path))
    if not args.quiet:
        files.show()
    return files.exit_code(EXIT_OK)
