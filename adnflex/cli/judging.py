"""Check a plan in AC power flow, write what was asked for, print the summary: the end of every command."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from pandapower import pandapowerNet

import adnflex
from adnflex.cli.exits import EXIT_FAILED, EXIT_OK
from adnflex.cli.files import Outputs, save_net
from adnflex.cli.terminal import say, tell

__all__ = ["judge", "say_interrupted"]


def say_interrupted(plan: adnflex.Plan | adnflex.DispatchPlan | adnflex.Flexibility, label: str = "") -> None:
    """Say how good the plan of an interrupted search is."""
    if plan.status == "interrupted":
        if isinstance(plan, adnflex.Flexibility):
            say(f"{label}interrupted; this is the best box so far, how near the best is not known.")
            return
        known = math.isfinite(plan.gap)
        how = f"at most {plan.gap:.2%} from the best possible" if known else "with no bound proven yet"
        say(f"{label}interrupted; this is the best plan so far, {how}.")


def judge(
    plan: adnflex.Plan | adnflex.DispatchPlan | adnflex.Flexibility | adnflex.RollingRun,
    net: pandapowerNet,
    *,
    report: Path | None,
    quiet: bool,
    outputs: Outputs,
    net_out: Path | None = None,
    changed: Callable[[], pandapowerNet] | None = None,
) -> int:
    """Judge one plan.

    Parameters
    ----------
    plan : Plan, DispatchPlan, Flexibility or RollingRun
        The plan.
    net : pandapowerNet
        The net that it was made for.
    report, net_out : Path or None
        Where to write.
    quiet : bool
        Print errors only.
    outputs : Outputs
        What has been written before, and what is written here.
    changed : callable, optional
        Makes the net for `net_out`; it is written only if the check passes.

    Returns
    -------
    int
        Exit code.
    """
    check = adnflex.validate(plan, net)
    if net_out is not None and changed is not None:
        if check.passed:
            make = changed
            outputs.write("--net", net_out, lambda path: save_net(make(), path))
        else:
            say(f"{net_out} is not written: the plan failed its AC check.")
    outputs.write("--report", report, lambda path: adnflex.report(plan, check, path, net=net))
    if not quiet:
        tell(plan.summary())
        tell(check.summary())
        outputs.show()
    if not check.passed:
        say(f"AC check failed: {check.verdict}.")
    return outputs.exit_code(EXIT_OK if check.passed else EXIT_FAILED)
