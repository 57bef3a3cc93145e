"""The Pyomo model that a verb solves, whole: to be read, printed, exported, changed, and solved by anything."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.errors import InputError
from adnflex.formulations import formulation_named
from adnflex.grid import read_grid
from adnflex.grid.topology import closed_of, must_close
from adnflex.knobs import Horizon, Limits, Switching
from adnflex.problems.dispatch.charge_modes import all_modes
from adnflex.problems.dispatch.model import build_dispatch
from adnflex.problems.flexibility.linear_boxes import outer_box
from adnflex.problems.flexibility.study import FlexibilityStudy, read_flexibility_study
from adnflex.problems.flexibility.switching import declare_switched_box
from adnflex.problems.flexibility.whole import declare_box, declare_worst_vertex
from adnflex.problems.flexibility.wishes import Wishes
from adnflex.problems.multi_period.joint import joint_model
from adnflex.problems.multi_period.reading import read_periods
from adnflex.problems.multi_period.worth import LossPrices
from adnflex.problems.own_model import apply_change
from adnflex.problems.reconfiguration.changed import changed_model
from adnflex.problems.reconfiguration.choice import build_chosen, require_formulation
from adnflex.problems.reconfiguration.describe import require_reconfigurable
from adnflex.problems.reconfiguration.meshed import meshed_start
from adnflex.problems.region.model import build_region
from adnflex.problems.region.reading import read_region
from adnflex.problems.restoration.flows import Ceiling
from adnflex.problems.restoration.model import build_restoration
from adnflex.problems.restoration.study import RestorationStudy
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.days import draw_day, stream
from adnflex.problems.rolling.mpc import Mpc
from adnflex.problems.rolling.scheduler import RollingScheduler, observation_of
from adnflex.problems.rolling.whole import declare_plan
from adnflex.solvers.cones import make_equations
from adnflex.verbs.dispatch import dispatch
from adnflex.verbs.dispatch_task import read_task
from adnflex.verbs.flexibility import flexibility
from adnflex.verbs.reconfigure import read_reconfiguration, reconfigure
from adnflex.verbs.reconfigure_for_flexibility import reconfigure_for_flexibility
from adnflex.verbs.region import pq_region
from adnflex.verbs.restore import elements_of, restore
from adnflex.verbs.schedule_rolling import schedule_rolling


def _reconfiguration(net: pandapowerNet, knobs: Mapping[str, Any]) -> pyo.ConcreteModel:
    switching = Switching.gathered(knobs)
    if knobs["restorable"] is not None:
        raise InputError("restorable: what outages leave dark stands in no model; leave it out.")
    if (horizon := Horizon.gathered(knobs)).many:
        if knobs["change"] is not None:
            raise InputError("change: is for one operating point; change the model of many periods as it comes.")
        if knobs["windows"] is not None:
            raise InputError("windows: the model has one topology for all periods; leave windows out.")
        points = read_periods(net, horizon, Limits.gathered(knobs), switching, LossPrices.gathered(knobs)).points
        free = switching.start == "free"
        price, most = (0.0, None) if free else (switching.switching_cost, switching.max_operations)
        return joint_model(points, knobs["formulation"], price, most)
    grid, goal = read_reconfiguration(net, knobs["objective"], Limits.gathered(knobs), switching)
    require_formulation(knobs["formulation"])
    most = switching.of_one_state.max_operations
    if knobs["change"] is not None:
        return changed_model(grid, goal, knobs["change"], knobs["formulation"], most)[0].model
    return build_chosen(grid, goal, knobs["formulation"], operations=(0, most), whole=True)[0].model


def _dispatch(net: pandapowerNet, knobs: Mapping[str, Any]) -> pyo.ConcreteModel:
    task = read_task(net, knobs)
    study = task.study
    # the verb adds charge modes as its solutions show them to be needed; here none may be missing
    modes = all_modes(study.horizon, study.devices)
    built = build_dispatch(task.problem, modes).model
    if knobs["change"] is not None:
        apply_change(built, knobs["change"])
    if knobs["exact"]:
        make_equations(built)
    return built


def _study(net: pandapowerNet, knobs: Mapping[str, Any], switching: Switching) -> FlexibilityStudy:
    asked = Wishes.gathered(knobs), Horizon.gathered(knobs), Limits.gathered(knobs)
    return read_flexibility_study(net, *asked, switching)


def _flexibility(net: pandapowerNet, knobs: Mapping[str, Any]) -> pyo.ConcreteModel:
    if knobs["positions"] != "fixed":
        raise InputError("positions='search' tries one model after another; give positions='fixed' for one of them.")
    program = _program(knobs, ("box", "bound", "vertex"))
    study = _study(net, knobs, Switching(windows="fixed"))
    problem = study.problem(study.network(study.study.grid.closed))
    ends = [np.zeros(problem.periods), np.ones(problem.periods)]
    if program != "vertex":
        return declare_box(problem, ends, separable=program == "box", effort=program == "box")
    box = outer_box(problem, ends, knobs["time_limit"])
    if box is None:
        raise InputError("program='vertex' needs a box, and the linear model has none; look at program='bound'.")
    return declare_worst_vertex(problem, box.lower, box.upper)


def _reconfigure_for_flexibility(net: pandapowerNet, knobs: Mapping[str, Any]) -> pyo.ConcreteModel:
    program = _program(knobs, ("box", "bound"))
    study = _study(net, knobs, Switching.gathered(knobs))
    grid = study.study.grid
    require_reconfigurable(grid, Switching.gathered(knobs).locked_lines)
    required = must_close(grid)
    # the problem of any radial state: what depends on the state is declared anew
    network = study.network(closed_of(grid, meshed_start(grid, required)))
    return declare_switched_box(study.problem(network), network, required, knobs["max_operations"], program == "box")


def _program(knobs: Mapping[str, Any], known: tuple[str, ...]) -> str:
    if knobs["program"] not in known:
        raise InputError(f"program is {knobs['program']!r}; give one of {', '.join(known)}.")
    return str(knobs["program"])


def _region(net: pandapowerNet, knobs: Mapping[str, Any]) -> pyo.ConcreteModel:
    normal = np.asarray(knobs["normal"], dtype=float)
    if normal.shape != (2,) or not np.isfinite(normal).all() or not normal.any():
        raise InputError(f"normal is {knobs['normal']!r}; give a direction (p, q), e.g. (1, 0) for the largest import.")
    _, job, wanted = read_region(net, knobs["pcc"], Horizon.gathered(knobs), Limits.gathered(knobs))
    if len(wanted) != 1:
        raise InputError(f"pq_region has a model a period, and {len(wanted)} are asked for; give periods=[t].")
    study, devices, source = job.read(wanted[0])
    # the verb leaves charge modes out of its relaxation, and keeps them in the states that it runs
    modes = all_modes(study.horizon, devices)
    region = build_region(study.points, study.horizon, devices, source, modes)
    region.declare_towards(normal / np.hypot(*normal))
    found = region.dispatch.model
    found.name = "pq_region"
    if knobs["exact"]:
        make_equations(found)
    return found


def _restoration(net: pandapowerNet, knobs: Mapping[str, Any]) -> pyo.ConcreteModel:
    if knobs["outage"] is inspect.Parameter.empty:
        raise InputError("outage is missing; give what is out, e.g. outage=('line', 12).")
    chosen = formulation_named(knobs["formulation"], ())
    given: Any = {"generation_returns": knobs["generation_returns"], "factor": knobs["emergency_factor"]}
    study = RestorationStudy(net, Limits.gathered(knobs), Switching.gathered(knobs), **given)
    outage = study.outage(elements_of(knobs["outage"]))
    supply = study.supply(outage)
    if supply is None:
        raise InputError(f"outage of {outage}: no source is left, so there is no network to model.")
    ceiling = Ceiling.of(supply.grid, study.before)
    found = build_restoration(supply, ceiling, chosen, knobs["max_operations"])
    if knobs["exact"]:
        make_equations(found)
    return found


def _rolling(net: pandapowerNet, knobs: Mapping[str, Any]) -> pyo.ConcreteModel:
    case = knobs["case"] if isinstance(knobs["case"], RollingCase) else RollingCase.from_net(net)
    control = RollingScheduler(case, knobs["policy"], seed=knobs["seed"], day=knobs["day"])
    if not isinstance(control.policy, Mpc):
        raise InputError(f"policy {control.policy.name!r} solves no programme; give 'mpc:mean' or 'mpc:<scenarios>'.")
    if knobs["hour"] not in range(case.hours):
        raise InputError(f"hour is {knobs['hour']!r}; give one from 0 to {case.hours - 1}.")
    day = draw_day(case, knobs["seed"], knobs["day"])
    while control.hour < knobs["hour"]:
        control.step(observation_of(day, control.hour))
    state = control.observed(observation_of(day, control.hour))[0]
    return declare_plan(*control.policy.asked(state, stream(control.seed, control.day, state.hour)))


# Every verb that has a model: itself, how its model is built, further knobs, and the formulations that it can have.
_MODELS: dict[str, tuple[Callable[..., Any], Callable[..., pyo.ConcreteModel], dict[str, Any]]] = {
    "reconfigure": (reconfigure, _reconfiguration, {}),
    "dispatch": (dispatch, _dispatch, {}),
    "flexibility": (flexibility, _flexibility, {"program": "box"}),
    "reconfigure_for_flexibility": (reconfigure_for_flexibility, _reconfigure_for_flexibility, {"program": "box"}),
    "pq_region": (pq_region, _region, {"normal": (1.0, 0.0), "exact": False}),
    "restore": (restore, _restoration, {"formulation": "distflow", "exact": False}),
    "schedule_rolling": (schedule_rolling, _rolling, {"policy": "mpc:mean", "hour": 0, "case": None}),
}


def _known_knobs() -> list[str]:
    found: dict[str, None] = {}
    for verb, _, more in _MODELS.values():
        found |= dict.fromkeys([*_signature(verb), *more])
    return list(found)


def _signature(verb: Callable[..., Any]) -> dict[str, Any]:
    """Arguments of a verb with their defaults, without the net."""
    parameters = inspect.signature(verb).parameters
    return {name: p.default for name, p in parameters.items() if name not in ("net", "case", "options")}


@public(options=_known_knobs, reading=read_grid)
def model(net: pandapowerNet, verb: str, formulation: str | None = None, **knobs: Any) -> pyo.ConcreteModel:
    """Return the Pyomo model that a verb solves for a net.

    It is whole: cones, radiality and limits are constraints. Its ``doc`` says what its parts are and in which units;
    ``pprint``, ``write`` and every solver of Pyomo that takes its constraints can have it. It may be changed; the net
    and the verb are not.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    verb : str
        ``reconfigure``, ``dispatch``, ``flexibility``, ``reconfigure_for_flexibility``, ``pq_region``, ``restore``
        or ``schedule_rolling``.
    formulation : str, optional
        Of the branch flow, as in `adnflex.dispatch`; by default that of the verb. Boxes are ``lindistflow``, a region
        is ``distflow``, and ``schedule_rolling`` has no network.
    **knobs
        The arguments of the verb. Those that steer its search (``gap``, ``time_limit``, ``workers`` ...) change nothing
        in a model. ``reconfigure`` with ``profiles``, ``periods`` or ``situations`` has one topology for means of
        groups of periods, which bounds what it loses in all of them. With ``exact=True`` the cones of a dispatch, a
        region or a restoration are equations. ``flexibility`` has several linear programs, ``program=``: ``box``
        (default; the box that can be followed hour by hour), ``bound`` (the master problem: no box is larger) or
        ``vertex`` (the subproblem: what is hardest to follow in the box of ``bound``). ``reconfigure_for_flexibility``
        has the first two, its switch states are binary. ``pq_region`` has a model for each direction of its
        half-planes, ``normal=(p, q)``, in one period; discrete positions are binary. ``restore`` has the blocks that
        have supply again and what is operated as binaries; its objective is the first aim alone, what comes back.
        ``schedule_rolling`` has a model an hour where its policy is ``mpc:mean`` (here the default) or
        ``mpc:<scenarios>``: ``hour=`` says which one, the hours before are decided by the policy. ``case=`` takes a
        `adnflex.RollingCase` of the net that was read with arguments of its own.

    Returns
    -------
    pyomo ConcreteModel
        The model; its objective is that of the verb (MW of losses, money; MWh of the box, MVA of the half-plane or MW
        that come back with a minus).

    Raises
    ------
    InputError
        If the net or an argument is wrong.

    Notes
    -----
    A verb does more than solve its model: it runs the answer in AC power flow, and looks for another one where the
    model's does not hold. Its bound is that of the model, its objective that of power flow.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> m = model(pn.case33bw(), "reconfigure")
    >>> m.name, len(m.open_at), len(m.feed)
    ('reconfiguration_directed', 36, 25)
    >>> m = model(pn.case33bw(), "reconfigure", formulation="distflow")
    >>> m.name, len(m.z), len(m.cone)
    ('reconfiguration_distflow', 36, 37)
    """
    if not isinstance(verb, str) or verb not in _MODELS:
        raise InputError(f"verb is {verb!r}; those with a model are {', '.join(_MODELS)}.")
    function, build, more = _MODELS[verb]
    known = {**_signature(function), **more}
    faults = [f"{name}: is no argument of {verb}; known are {', '.join(known)}." for name in knobs if name not in known]
    own = _OWN_FORMULATION.get(verb, ("without a network", None))
    if formulation is not None and "formulation" not in known and formulation != own[1]:
        faults.append(f"formulation is {formulation!r}; the model of {verb} is {own[0]}: leave it out.")
    if faults:
        raise InputError(faults)
    if formulation is not None and "formulation" in known:
        knobs = {**knobs, "formulation": formulation}
    return build(net, {**known, **knobs})


# What a verb without `formulation` is made of, and its name where it has one.
_OWN_FORMULATION = {
    "flexibility": ("linear around a state", "lindistflow"),
    "reconfigure_for_flexibility": ("linear", "lindistflow"),
    "pq_region": ("the cone relaxation", "distflow"),
}
