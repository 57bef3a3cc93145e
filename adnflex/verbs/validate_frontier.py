"""Validate a frontier of operations: every row's plan in full AC power flow."""

from __future__ import annotations

import math

import pandas as pd
from pandapower import pandapowerNet

from adnflex.results import FrontierCheck, OperationsFrontier
from adnflex.verbs.validate_plan import validate_plan


def validate_frontier(frontier: OperationsFrontier, net: pandapowerNet, engine: str = "auto") -> FrontierCheck:
    """Run every plan of a frontier in AC power flow and judge it.

    Parameters
    ----------
    frontier : OperationsFrontier
        The frontier.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    engine : str
        See `adnflex.powerflow.judge`.
    """
    checks = tuple(validate_plan(plan, net, engine) for plan in frontier.plans)
    scale = 1e3 if frontier.unit == "kW" else 1.0
    rows = [
        {
            "operations": int(plan.options["max_operations"]),
            "passed": check.passed,
            "objective": check.objective * scale,
            "certificate": math.nan if check.certificate is None else check.certificate,
            "verdict": check.verdict,
        }
        for plan, check in zip(frontier.plans, checks, strict=True)
    ]
    table = pd.DataFrame(rows)
    bad = {row["operations"]: row["verdict"] for row in rows if not row["passed"]}
    known = [check.certificate for check in checks]
    return FrontierCheck(
        passed=not bad,
        verdict=(
            f"with at most {', '.join(map(str, bad))} operations: {next(iter(bad.values()))}"
            if bad
            else f"all {len(table)} plans: {checks[-1].verdict}"
        ),
        certificate=None if bad or None in known else max(c for c in known if c is not None),
        table=table,
        checks=checks,
        notes=tuple(dict.fromkeys(note for check in checks for note in check.notes)),
    )
