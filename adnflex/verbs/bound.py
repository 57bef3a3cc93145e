"""How far switch states are above the best that is proven possible."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from pandapower import pandapowerNet

from adnflex.errors import Infeasible, SolverError
from adnflex.results import Check, Plan
from adnflex.results.certificate import certificate_of
from adnflex.results.status import told_status
from adnflex.verbs.reconfigure import reconfigure


def with_bound(
    plan: Plan, check: Check, net: pandapowerNet, time_limit: float, executor: Executor | None = None
) -> Check:
    """Add to a check how far its plan is above the bound that a search of the same choice of switches proves.

    Parameters
    ----------
    plan : Plan
        Switch states, of whatever origin.
    check : Check
        Their AC check.
    net : pandapowerNet
        The net; it is only read.
    time_limit : float
        Of the search [s].
    executor : concurrent.futures.Executor, optional
        Searches side by side.

    Returns
    -------
    Check
        With a certificate where the plan passed and a bound was proven; its notes say what the bound is.
    """
    names = ("switchable_lines", "switchable_switches", "locked_lines", "max_operations", "start")
    choice: dict[str, Any] = {name: plan.options.get(name) for name in names if plan.options.get(name) is not None}
    weights = {k: w for k, w in plan.weights.items() if w}
    try:
        choice |= plan.asked_limits.arguments
        best = reconfigure(net, weights, time_limit=time_limit, executor=executor, **choice)
    except Infeasible as error:
        proven = "it is proven that none do" if error.proven else "not proven"
        return _noted(check, f"bound: no switch states that meet every limit were found ({proven}): {error}")
    except SolverError as error:
        return _noted(check, f"bound: none was proven in {time_limit:g} s ({error})")
    scale, unit = (1e3, "kW") if plan.unit == "MW" else (1.0, plan.unit)
    note = (
        f"bound: no radial switch states of this choice that meet every limit have less than {best.bound * scale:.6g} "
        f"{unit} ({best.bound_kind}); the search ended {told_status(best.status)}, the best state it found has "
        f"{best.objective * scale:.6g} {unit}, open {', '.join(map(str, best.open_lines)) or 'nothing'}."
    )
    if not check.passed:
        return _noted(check, note)
    absolute, relative, notes = certificate_of(check.objective, best.bound, plan.unit)
    if absolute is None:
        return _noted(check, *notes, note)
    verdict = f"{check.verdict}; {absolute * scale:.4g} {unit} above the proven bound {best.bound * scale:.6g} {unit}"
    return replace(
        check, verdict=verdict, certificate=relative, certificate_absolute=absolute, notes=(*check.notes, *notes, note)
    )


def _noted(check: Check, *notes: str) -> Check:
    return replace(check, notes=(*check.notes, *notes))
