"""What a dispatch is asked for: arguments and net, read and checked; for the verb and for its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pandapower import pandapowerNet

from adnflex.errors import InputError
from adnflex.formulations import formulation_for, formulation_named
from adnflex.knobs import Horizon, Limits, Switching
from adnflex.problems.dispatch.prices import require_prices
from adnflex.problems.dispatch.problem import Costs, DispatchProblem
from adnflex.problems.dispatch.reasons import require_possible
from adnflex.problems.dispatch.topology import pins_of, spans_of
from adnflex.problems.reconfiguration.describe import require_reconfigurable
from adnflex.study import Study, carried_over_breaks, read_study, settings, settled


@dataclass(frozen=True)
class Task:
    """What a dispatch is asked for, read and checked.

    Attributes
    ----------
    study : Study
        Timeline, grid, devices.
    facts : dict
        Settings, of the caller or of the net.
    problem : DispatchProblem
        What is solved.
    """

    study: Study
    facts: dict[str, Any]
    problem: DispatchProblem


def read_task(net: pandapowerNet, knobs: Mapping[str, Any]) -> Task:
    """Read a net for a dispatch.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    knobs : mapping
        The arguments of `dispatch` that say what is asked, by name.

    Raises
    ------
    InputError
        If the net, its profiles or an argument is wrong.
    """
    objective, switching = knobs["objective"], Switching.gathered(knobs)
    if objective not in ("cost", "carbon"):
        raise InputError(f"objective is {objective!r}; give 'cost' or 'carbon'.")
    name = "distflow" if knobs["exact"] and knobs["formulation"] == "auto" else knobs["formulation"]
    if knobs["exact"] and name != "auto" and not formulation_named(name).bounds_ac:
        raise InputError(
            f"exact means the equations that the cones of 'distflow' relax; formulation={name!r} has none."
        )
    if knobs["exact"] and knobs["change"] is not None:
        raise InputError(
            "exact and change: the exact equations are solved of the model as it is; leave one of them out."
        )
    if switching.fixed and switching != Switching(windows="fixed"):
        raise InputError(
            "max_operations, switching_cost, start, switchable and locked elements mean nothing while windows is "
            "'fixed'; give windows=None for one topology, or windows in which it may change."
        )
    facts = settings(net, {name: knobs[name] for name in _SETTINGS})
    study = read_study(net, settled(net, Horizon.gathered(knobs)), Limits.gathered(knobs), switching)
    carried = [
        f"{text}; choose rows without gaps, or set its controllable to False." for text in carried_over_breaks(study)
    ]
    if carried:
        raise InputError(carried)
    topology = spans_of(study.axis, switching)
    cones = study.grid.m * len(study.horizon.points)
    formulation, why = formulation_for(name, cones, switched=not switching.fixed)
    study = replace(study, notes=(*study.notes, why)) if why else study
    if topology.spans:
        require_reconfigurable(study.grid, switching.locked_lines)
    costs = Costs(
        float(facts["loss_cost_per_mwh"]), float(facts["carbon_price_per_kg"]), facts["carbon_budget_kg"], objective
    )
    require_prices(study.devices, costs, topology)
    require_possible(study.devices, study.horizon, study.series.periods)
    follow = knobs["follow"]
    pins = None if follow is None else pins_of(follow, study, topology)
    problem = DispatchProblem(study.points, study.horizon, study.devices, costs, topology, pins, formulation)
    return Task(study, facts, problem)


# Arguments that a net may carry itself.
_SETTINGS = ("hours_per_period", "start_hour", "loss_cost_per_mwh", "carbon_price_per_kg", "carbon_budget_kg")
