"""Reconfigure for many periods: one topology, or one a window, with least energy lost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import InputError
from adnflex.grid.layout import drawing_tables
from adnflex.knobs import Effort, Horizon, Limits, Switching
from adnflex.problems.clock import Deadline, progress_table
from adnflex.problems.multi_period.reading import PeriodStudy, read_periods
from adnflex.problems.multi_period.solve import SearchedPeriods, solve_periods
from adnflex.problems.multi_period.tables import period_tables, value_of_switching
from adnflex.problems.multi_period.worth import OBJECTIVES, LossPrices
from adnflex.results import MultiPeriodPlan
from adnflex.results.certificate import relative_gap
from adnflex.study.controllers import controller_notes
from adnflex.text import title as title_of
from adnflex.verbs.no_plan import no_plan

# The same as the word, as weights.
_LOSSES = {"losses": 1.0}

# What is kept of the arguments in a result.
_KEPT = ("objective", "max_operations", "switching_cost", "start", "windows", "gap", "time_limit", "solver", "seed")


def reconfigure_periods(net: pandapowerNet, arguments: Mapping[str, Any], clock: Deadline) -> MultiPeriodPlan:
    """Find the topologies of many periods; the arguments are those of `adnflex.reconfigure`.

    Raises
    ------
    InputError
        If the net, its series or an argument is wrong.
    Infeasible
        If no radial state meets every limit in every period; names the period.
    TimeExpired
        If the time was over before any was run.
    """
    asked, switching = Limits.gathered(arguments, soft=True), Switching.gathered(arguments)
    effort = Effort.gathered(arguments)
    _require_known(arguments)
    arguments = {**arguments, "objective": "losses" if arguments["objective"] == _LOSSES else arguments["objective"]}
    study = read_periods(net, Horizon.gathered(arguments), asked, switching, LossPrices.gathered(arguments))
    formulation = str(arguments["formulation"])
    answer = solve_periods(study.points, switching, effort, clock, soft=asked.soft, formulation=formulation)
    if answer.best is None:
        raise no_plan(net, study, answer, switching, asked)
    tables = period_tables(study, answer.search, answer.best)
    topology, coordinates = drawing_tables(net, tables["switches"].drop_duplicates(["element", "index"]))
    return MultiPeriodPlan(
        net_name=title_of(net, arguments["name"]),
        objective=answer.best.objective,
        bound=answer.bound,
        gap=relative_gap(answer.best.objective, answer.bound),
        status=answer.status,
        **tables,
        value_of_switching=_value_of_switching(study, answer),
        setpoints=study.setpoints,
        hours_per_period=study.axis.hours,
        operations=answer.best.operations,
        unit=study.worth.unit,
        currency=study.worth.currency,
        situations=study.names,
        progress=progress_table(answer.progress),
        bound_kind="relaxation at means of periods and exact states" if math.isfinite(answer.bound) else "none",
        solver=answer.solver,
        seconds=clock.now,
        options={**switching.choice, **{k: arguments[k] for k in _KEPT}},
        asked_limits=asked,
        fingerprint=study.grid.fingerprint,
        notes=(*study.notes, *controller_notes(net, read=True), *answer.notes, *_is_it_worth(answer, study.worth.unit)),
        topology=topology,
        coordinates=coordinates,
    )


def _require_known(arguments: Mapping[str, Any]) -> None:
    """Refuse what a reconfiguration of many periods does not know."""
    faults = []
    if arguments["objective"] not in (*OBJECTIVES, _LOSSES):
        faults.append(
            f"objective is {arguments['objective']!r}; of many periods 'losses' (MWh), 'cost' (money) or 'carbon' (kg) "
            "is minimised, with switching_cost in that unit: give one of these, or no profiles."
        )
    if arguments["restorable"] is not None:
        faults.append("restorable: outages are compared at one operating point; leave it out, or give no profiles.")
    if arguments["formulation"] not in ("auto", "directed", "distflow"):
        faults.append(
            f"formulation is {arguments['formulation']!r}; many periods are valued by exact power flow and bounded by "
            "'directed' or 'distflow': give one of these, or leave it out."
        )
    if arguments["solver"] not in ("auto", "clarabel"):
        faults.append(f"solver is {arguments['solver']!r}; many periods are bounded by clarabel: leave it out.")
    if faults:
        raise InputError(faults)


def _value_of_switching(study: PeriodStudy, answer: SearchedPeriods) -> pd.DataFrame:
    """Tabulate the best plans found with so many operations at most."""
    found, runs = answer.search.by_operations(), answer.runs
    bounds = [-math.inf if runs is None else min(runs.least(count), s.objective) for count, s in found]
    return value_of_switching(study, answer.search, found, bounds)


def _is_it_worth(answer: SearchedPeriods, unit: str) -> list[str]:
    """Say what changes of the topology can save at most within the budget, where several windows are asked for."""
    if answer.runs is None or answer.best is None:
        return []
    budget, whole = answer.search.switching.max_operations, answer.search.one_topology()
    if whole is None or not math.isfinite(answer.bound):
        return []
    saved, most = whole.objective - answer.best.objective, max(whole.objective - answer.bound, 0.0)
    share = 100 * most / whole.losses if whole.losses > 0 else 0.0
    at_most, proven = f"{most:.4g} {unit} ({share:.3g} %)", answer.bound > 0
    within = "" if budget is None else f"with at most {budget} operations "
    if len(set(answer.best.states)) == 1:
        if not proven:
            return [f"{within}one topology is the best found; what changing it may save was not bounded in this time."]
        enough = "one topology is enough" if budget is None else "one topology is the best found"
        return [f"{within}{enough}: changing it saves at most {at_most}, proven."]
    told = f"no plan saves more than {at_most} against it, proven"
    told = told if proven else "what other plans may save was not bounded in this time"
    return [f"{within}changing the topology saves {saved:.4g} {unit} against the best single one found, and {told}."]
