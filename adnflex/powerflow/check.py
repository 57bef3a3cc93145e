"""The verdict on a plan: pushed back into pandapower, run in full AC, compared with every claim."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.powerflow.limits import LIMIT_COLUMNS, VIOLATION_COLUMNS, measure_limits
from adnflex.powerflow.run import branch_losses, losses_mw, not_converged, run_ac
from adnflex.powerflow.structure import is_radial, unsupplied
from adnflex.results import Check, Plan

__all__ = ["check_plan"]


def check_plan(plan: Plan, net: pandapowerNet) -> Check:
    """Run a plan in AC power flow and judge it.

    Parameters
    ----------
    plan : Plan
        The plan.
    net : pandapowerNet
        The net that it was made for; it is not changed.

    Raises
    ------
    InputError
        If the net is another one.
    """
    new = plan.apply(net)
    before = copy.deepcopy(net)
    ran_before = run_ac(before)
    converged = run_ac(new)
    supplied_buses = plan.buses.index
    dark = unsupplied(new, supplied_buses)
    radial = is_radial(new, plan.switches)
    if not converged:
        return _not_converged(plan, new, before if ran_before else None, radial, not dark)
    limits, violations, voltage = measure_limits(new, plan.vm_limits)
    losses = losses_mw(new)
    objective = _objective(plan, new, losses)
    passed = radial and not dark and violations.empty
    absolute, relative, notes = _certificate(objective, plan) if passed else (None, None, ())
    if not ran_before:
        notes = (*notes, "AC power flow of the net as given does not converge.")
    return Check(
        passed=passed,
        verdict=_verdict(radial, dark, violations, limits),
        converged=True,
        radial=radial,
        supplied=not dark,
        objective=objective,
        losses_mw=losses,
        losses_before_mw=losses_mw(before) if ran_before else np.nan,
        certificate=relative,
        certificate_absolute=absolute,
        violations=violations,
        limits=limits,
        relaxation=_relaxation(plan),
        deviations=_deviations(plan, new, losses),
        buses=_buses(plan, new, before if ran_before else None, voltage),
        branches=_branches(plan, new, before if ran_before else None),
        notes=notes,
    )


def _certificate(objective: float, plan: Plan) -> tuple[float | None, float | None, tuple[str, ...]]:
    """How far the plan can be from the best, absolutely and relatively; nothing where the bound is disproved."""
    difference = objective - plan.bound
    if difference < -1e-6 * max(abs(objective), 1e-6):
        note = (
            f"the plan's bound {plan.bound:.6g} {plan.unit} lies above its AC objective {objective:.6g} {plan.unit}: "
            "the two disagree, so there is no certificate; please report this."
        )
        return None, None, (note,)
    absolute = max(difference, 0.0)
    return absolute, absolute / abs(objective) if abs(objective) > 1e-9 else None, ()


def _not_converged(plan: Plan, new: pandapowerNet, before: pandapowerNet | None, radial: bool, supplied: bool) -> Check:
    nothing = pd.Series(np.nan, index=new.bus.index)
    buses = pd.DataFrame({"vm_pu": nothing})
    return Check(
        passed=False,
        verdict=not_converged("with these switch states"),
        converged=False,
        radial=radial,
        supplied=supplied,
        objective=np.nan,
        losses_mw=np.nan,
        losses_before_mw=np.nan if before is None else losses_mw(before),
        certificate=None,
        certificate_absolute=None,
        violations=pd.DataFrame(columns=VIOLATION_COLUMNS),
        limits=pd.DataFrame(columns=LIMIT_COLUMNS),
        relaxation=_relaxation(plan),
        deviations=pd.DataFrame(columns=_DEVIATION_COLUMNS),
        buses=buses.assign(vm_before_pu=np.nan, vm_model_pu=np.nan, vm_min_pu=np.nan, vm_max_pu=np.nan),
        branches=pd.DataFrame(columns=_BRANCH_COLUMNS),
    )


def _verdict(radial: bool, dark: list[int], violations: pd.DataFrame, limits: pd.DataFrame) -> str:
    if not radial:
        return "a closed path remains: the net is not radial"
    if dark:
        return f"bus {', '.join(map(str, dark[:5]))} would be without supply"
    if len(violations):
        v = violations.iloc[0]
        return (
            f"{len(violations)} limit{'s' if len(violations) > 1 else ''} violated; worst: {v['kind']} at "
            f"{v['element']} {v['index']}, {v['value']:.5g} {v['unit']} against {v['limit']:.5g} {v['unit']}"
        )
    checked = int(limits["checked"].sum()) if len(limits) else 0
    return f"radial, everything supplied, all {checked} limits met in AC power flow"


def _objective(plan: Plan, net: pandapowerNet, losses: float) -> float:
    """Evaluate the plan's objective with AC values; voltage deviation counts fused buses once."""
    vm = net.res_bus["vm_pu"].reindex(plan.buses.index)
    per_node = (np.abs(vm**2 - 1) / 2).groupby(plan.buses["node"]).first()
    terms = {"losses": losses, "switching": float(plan.operations), "voltage": float(per_node.mean())}
    return float(sum(weight * terms[name] for name, weight in plan.weights.items()))


def _relaxation(plan: Plan) -> pd.DataFrame:
    closed = plan.branches["closed"].astype(bool)
    return plan.branches.loc[closed, ["element", "index", "cone_gap", "cone_loss_mw"]].reset_index(drop=True)


_DEVIATION_COLUMNS = ["model", "quantity", "max_abs", "unit", "element", "index", "relative"]


def _deviations(plan: Plan, net: pandapowerNet, losses: float) -> pd.DataFrame:
    """Compare what the plan's tables say with AC, then what the relaxation said: voltage, currents, losses."""
    rows = _against("exact power flow", plan.buses, plan.branches, plan.losses_mw, net, losses)
    if plan.relaxation_losses_mw is not None:
        said = plan.relaxation_buses, plan.relaxation_branches, plan.relaxation_losses_mw
        rows += _against("relaxation", *said, net, losses)
    return pd.DataFrame(rows, columns=_DEVIATION_COLUMNS)


def _against(
    model: str, buses: pd.DataFrame, branches: pd.DataFrame, losses_mw: float, net: pandapowerNet, losses: float
) -> list[tuple[object, ...]]:
    """Largest differences between one model and AC."""
    rows: list[tuple[object, ...]] = []
    vm = (buses["vm_pu"] - net.res_bus["vm_pu"].reindex(buses.index)).abs().dropna()
    if len(vm):
        worst = int(vm.idxmax())
        rows.append((model, "voltage", float(vm.max()), "pu", "bus", worst, float(vm.max())))
    for element, column in (("line", "i_from_ka"), ("trafo", "i_hv_ka")):
        mine = branches[(branches["element"] == element) & branches["closed"].astype(bool)]
        if not len(mine):
            continue
        told = mine.set_index("index")["i_from_ka"]
        real = net[f"res_{element}"][column].reindex(told.index)
        difference = (told - real).abs().dropna()
        if len(difference):
            worst = int(difference.idxmax())
            top = float(real.abs().max())
            largest = float(difference.max())
            rows.append((model, f"{element} current", largest, "kA", element, worst, largest / top if top > 0 else 0.0))
    off = abs(losses_mw - losses)
    rows.append((model, "losses", off, "MW", "net", "", off / losses if losses > 1e-12 else 0.0))
    return rows


def _buses(plan: Plan, new: pandapowerNet, before: pandapowerNet | None, voltage: pd.DataFrame) -> pd.DataFrame:
    index = new.bus.index
    nothing = pd.Series(np.nan, index=index)
    return pd.DataFrame(
        {
            "vm_before_pu": nothing if before is None else before.res_bus["vm_pu"].reindex(index),
            "vm_pu": new.res_bus["vm_pu"].reindex(index),
            "vm_model_pu": plan.buses["vm_pu"].reindex(index),
            "vm_min_pu": voltage["vm_min_pu"],
            "vm_max_pu": voltage["vm_max_pu"],
        },
        index=index,
    )


_BRANCH_COLUMNS = [
    "element",
    "index",
    "loading_before_percent",
    "loading_percent",
    "loading_limit_percent",
    "loss_before_mw",
    "loss_mw",
    "i_ka",
    "i_model_ka",
]


def _branches(plan: Plan, new: pandapowerNet, before: pandapowerNet | None) -> pd.DataFrame:
    parts = []
    for element, current in (("line", "i_ka"), ("trafo", "i_hv_ka")):
        table = new[element]
        if not len(table):
            continue
        index = table.index
        nothing = pd.Series(np.nan, index=index)
        result = new[f"res_{element}"].reindex(index)
        mine = plan.branches[plan.branches["element"] == element].set_index("index")
        model = mine["i_from_ka"] if element == "trafo" else mine[["i_from_ka", "i_to_ka"]].max(axis=1)
        past = None if before is None else before[f"res_{element}"].reindex(index)
        parts.append(
            pd.DataFrame(
                {
                    "element": element,
                    "index": [int(i) for i in index],
                    "loading_before_percent": (nothing if past is None else past["loading_percent"]).to_numpy(
                        dtype=float
                    ),
                    "loading_percent": result["loading_percent"].to_numpy(dtype=float),
                    "loading_limit_percent": table.get("max_loading_percent", nothing).to_numpy(dtype=float),
                    "loss_before_mw": _losses(before, element, index),
                    "loss_mw": _losses(new, element, index),
                    "i_ka": result[current].to_numpy(dtype=float),
                    "i_model_ka": model.reindex(index).to_numpy(dtype=float),
                }
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_BRANCH_COLUMNS)


def _losses(net: pandapowerNet | None, element: str, index: pd.Index) -> np.ndarray:
    if net is None:
        return np.full(len(index), np.nan)
    losses: np.ndarray = branch_losses(net, element).reindex(index).to_numpy(dtype=float)
    return losses
