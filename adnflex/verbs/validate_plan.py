"""Validate switch states: pushed back, run in full AC power flow, compared with every claim of the plan."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.grid.identity import require_same
from adnflex.grid.write import one_state
from adnflex.powerflow.deviations import Pair, deviation_table
from adnflex.powerflow.judge import judge
from adnflex.powerflow.limits import VIOLATION_COLUMNS, NetLimits, limits_of, stacked
from adnflex.powerflow.states import Measured, measure
from adnflex.powerflow.verdict import flaw, violated
from adnflex.results import Check, Plan
from adnflex.results.certificate import certificate_of
from adnflex.study.audit import too_many


def validate_plan(plan: Plan, net: pandapowerNet, engine: str = "auto") -> Check:
    """Run a plan in AC power flow and judge it.

    Parameters
    ----------
    plan : Plan
        The plan.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    engine : str
        See `adnflex.powerflow.judge`.

    Raises
    ------
    InputError
        If the net is another one.
    """
    require_same(net, plan.fingerprint)
    before = measure(net, one_state())
    limits = limits_of(net, plan.asked_limits)
    judged = judge(net, one_state(), limits, plan.switches, supplied=plan.buses.index, engine=engine)
    after, found = judged.measured, judged.found
    counted = plan.options.get("start") != "free"
    budget = too_many(plan.operations, plan.options.get("max_operations")) if counted else []
    violations = stacked([found.violations, pd.DataFrame(budget, columns=VIOLATION_COLUMNS)], VIOLATION_COLUMNS)
    wrong = flaw(after, "with these switch states")
    passed = not wrong and violations.empty
    converged, losses = bool(after.converged.iloc[0]), float(after.losses_mw.iloc[0])
    objective = _objective(plan, after.vm_pu.iloc[0], losses) if converged else np.nan
    absolute, relative, notes = certificate_of(objective, plan.bound, plan.unit) if passed else (None, None, ())
    if not before.converged.iloc[0]:
        notes = (*notes, "AC power flow of the net as given does not converge.")
    good = f"radial, everything supplied, all {int(found.limits['checked'].sum())} limits met in AC power flow"
    return Check(
        passed=passed,
        **judged.record,
        verdict=judged.told(wrong or violated(violations) or good),
        converged=converged,
        radial=bool(after.radial.iloc[0]),
        supplied=not after.dark.iloc[0],
        objective=objective,
        losses_mw=losses,
        losses_before_mw=float(before.losses_mw.iloc[0]),
        certificate=relative,
        certificate_absolute=absolute,
        violations=violations,
        limits=found.limits,
        relaxation=_relaxation(plan),
        deviations=_deviations(plan, after),
        buses=_buses(plan, before, after, limits),
        branches=_branches(plan, before, after, limits),
        notes=(*notes, *judged.notes),
    )


def _objective(plan: Plan, vm_pu: pd.Series, losses: float) -> float:
    """Evaluate the plan's objective with AC values; voltage deviation counts fused buses once."""
    vm = vm_pu.reindex(plan.buses.index)
    per_node = (np.abs(vm**2 - 1) / 2).groupby(plan.buses["node"]).first()
    terms = {"losses": losses, "switching": float(plan.operations), "voltage": float(per_node.mean())}
    return float(sum(weight * terms[name] for name, weight in plan.weights.items()))


def _relaxation(plan: Plan) -> pd.DataFrame:
    closed = plan.branches["closed"].astype(bool)
    return plan.branches.loc[closed, ["element", "index", "cone_gap", "cone_loss_mw"]].reset_index(drop=True)


def _deviations(plan: Plan, after: Measured) -> pd.DataFrame:
    """Compare what the plan's tables say with AC, then what the relaxation said: voltage, currents, losses."""
    models = [("exact power flow", plan.buses, plan.branches, plan.losses_mw)]
    if plan.relaxation_losses_mw is not None:
        models.append(("relaxation", plan.relaxation_buses, plan.relaxation_branches, plan.relaxation_losses_mw))
    state = after.labels
    pairs: list[Pair] = []
    for model, buses, branches, losses in models if after.converged.iloc[0] else ():
        pairs.append((model, "voltage", "pu", after.vm_pu, buses[["vm_pu"]].T.set_axis(state)))
        closed = branches[branches["closed"].astype(bool)]
        for element in ("line", "trafo"):
            told = _model_current(closed, element)
            keys = pd.MultiIndex.from_product([[element], told.index])
            said = pd.DataFrame([told.to_numpy(float)], index=state, columns=keys)
            pairs.append((model, f"{element} current", "kA", after.i_ka.reindex(columns=keys), said))
        pairs.append((model, "losses", "MW", after.losses_mw, pd.Series([losses], index=state)))
    return deviation_table(pairs, ())


def _model_current(branches: pd.DataFrame, element: str) -> pd.Series:
    """Look up a model's currents of lines, at the end where it is larger, or of upper sides of transformers [kA]."""
    mine = branches[branches["element"] == element].set_index("index")
    return mine["i_from_ka"] if element == "trafo" else mine[["i_from_ka", "i_to_ka"]].max(axis=1)


def _buses(plan: Plan, before: Measured, after: Measured, limits: NetLimits) -> pd.DataFrame:
    index = limits.voltage.index.rename(None)
    return pd.DataFrame(
        {
            "vm_before_pu": before.vm_pu.iloc[0].reindex(index),
            "vm_pu": after.vm_pu.iloc[0].reindex(index),
            "vm_model_pu": plan.buses["vm_pu"].reindex(index),
            "vm_min_pu": limits.voltage["vm_min_pu"],
            "vm_max_pu": limits.voltage["vm_max_pu"],
        },
        index=index,
    )


def _branches(plan: Plan, before: Measured, after: Measured, limits: NetLimits) -> pd.DataFrame:
    keys = after.i_ka.columns
    model = {(e, i): x for e in ("line", "trafo") for i, x in _model_current(plan.branches, e).items()}
    return pd.DataFrame(
        {
            "element": keys.get_level_values(0),
            "index": keys.get_level_values(1),
            "loading_before_percent": before.loading_percent.iloc[0].to_numpy(),
            "loading_percent": after.loading_percent.iloc[0].to_numpy(),
            "loading_limit_percent": limits.loading_percent.reindex(keys).to_numpy(dtype=float),
            "loss_before_mw": before.loss_mw.iloc[0].to_numpy(),
            "loss_mw": after.loss_mw.iloc[0].to_numpy(),
            "i_ka": after.i_ka.iloc[0].to_numpy(),
            "i_model_ka": [model.get(key, np.nan) for key in keys],
        }
    )
