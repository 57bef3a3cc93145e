"""The end of every command: write what was asked for, print, and give the exit code."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pandapower import pandapowerNet

import adnflex
from adnflex.cli.comparison import comparison_table
from adnflex.cli.exits import EXIT_FAILED, EXIT_OK
from adnflex.cli.files import Outputs, save_net
from adnflex.cli.interruption import Interruption
from adnflex.cli.terminal import say, tell
from adnflex.errors import Infeasible


@dataclass
class Judged:
    """What became of a study.

    Attributes
    ----------
    name : str
        The study; empty where there is only one thing.
    net : pandapowerNet
        Its net.
    plan, check : Any
        Its plan and the AC check; None where nothing meets every limit.
    error : Infeasible or None
        What was said where nothing does.
    """

    name: str
    net: pandapowerNet
    plan: Any = None
    check: Any = None
    error: Infeasible | None = None


def say_interrupted(plan: Any, label: str = "") -> None:
    """Say how good the plan of an interrupted search is."""
    if getattr(plan, "status", "") != "interrupted":
        return
    if isinstance(plan, adnflex.Flexibility):
        say(f"{label}interrupted; this is the best box so far, how near the best is not known.")
        return
    known = math.isfinite(plan.gap)
    how = f"at most {plan.gap:.2%} from the best possible" if known else "with no bound proven yet"
    say(f"{label}interrupted; this is the best plan so far, {how}.")


def conclude(
    args: argparse.Namespace,
    interruption: Interruption,
    outcomes: Sequence[Judged],
    files: Outputs,
    *,
    before: Sequence[Any] = (),
    after: Sequence[tuple[Any, str]] = (),
    missing: Sequence[str] = (),
) -> int:
    """Write net and report, print, and give the exit code.

    Parameters
    ----------
    args, interruption
        What was asked for, and what signals said.
    outcomes : sequence of Judged
        What came out; several are compared.
    files : Outputs
        What has been written before, and what is written here.
    before : sequence
        Results to be shown before the plan.
    after : sequence of (result, str)
        Results to be shown after it, and what is printed of them.
    missing : sequence of str
        Studies that were not run to an answer.
    """
    solved = [o for o in outcomes if o.plan is not None]
    alone = len(outcomes) == 1 and not missing
    if args.net_out is not None and alone and solved:
        _write_net(args, solved[0], files)
    nothing = [o.error for o in outcomes if o.error is not None]
    if solved or nothing:
        shown = [*before, *(o.plan for o in solved), *(result for result, _ in after), *nothing]
        plans = shown[0] if alone and len(shown) == 1 else shown
        checks = solved[0].check if alone and solved else [o.check for o in solved] or None
        net = outcomes[0].net if nothing else solved[0].net
        files.write("--report", args.report, lambda path: adnflex.report(plans, checks, path, net=net))
    if not args.quiet:
        if solved:
            _print(outcomes, after, alone)
        files.show()
    for o in solved:
        if not o.check.passed:
            say(f"{'' if alone else f'study {o.name}: '}AC check failed: {o.check.verdict}.")
    if missing:
        say(f"interrupted; not run to an answer: study {', '.join(missing)}.")
    if any(o.check is None or not o.check.passed for o in outcomes):
        return EXIT_FAILED
    return interruption.code if missing else files.exit_code(EXIT_OK)


def _write_net(args: argparse.Namespace, outcome: Judged, files: Outputs) -> None:
    """Write the net as the plan has it."""
    plan, net = outcome.plan, outcome.net

    def write(path: Path) -> None:
        if isinstance(plan, adnflex.DispatchPlan | adnflex.MultiPeriodPlan):
            first = plan.setpoints.index.get_level_values("period")[0]
            changed = plan.apply(net, int(first) if args.net_period is None else args.net_period)
        elif isinstance(plan, adnflex.RollingRun):
            changed = plan.apply(net, args.net_period or 0)
        else:
            changed = plan.switched(net) if isinstance(plan, adnflex.Flexibility) else plan.apply(net)
        save_net(changed, path)

    if outcome.check.passed:
        files.write("--net", args.net_out, write)
    else:
        say(f"{args.net_out} is not written: the plan failed its AC check.")


def _print(outcomes: Sequence[Judged], after: Sequence[tuple[Any, str]], alone: bool) -> None:
    """Print summaries; of several studies their first lines and a table."""
    for o in outcomes:
        if o.plan is not None:
            lines = (o.plan.summary(), o.check.summary())
            for text in lines if alone else (line.splitlines()[0] for line in lines):
                tell(text)
    if not alone:
        tell(comparison_table(outcomes))
    for _, text in after:
        tell(text)
