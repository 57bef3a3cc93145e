"""The plan that a searched topology is: what the exact equations say of it, and what its relaxation said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.formulations.formulation import bound_kind
from adnflex.grid import Grid, switch_table
from adnflex.grid.layout import drawing_tables
from adnflex.grid.state import Flow, GridState
from adnflex.grid.tables import branch_table, bus_table
from adnflex.grid.write import one_state
from adnflex.knobs import Limits
from adnflex.powerflow import measure
from adnflex.problems.clock import progress_table
from adnflex.problems.reconfiguration.answer import SearchedTopology
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.results import Plan
from adnflex.results.certificate import relative_gap
from adnflex.study.controllers import controller_notes


@dataclass(frozen=True)
class _Model:
    """What the model says of the chosen topology, and what its relaxation said."""

    state: GridState
    relaxed: GridState
    notes: tuple[str, ...]


# Up to this difference to the exact losses, as a share of them, the relaxation counts as exact.
_TIGHT = 1e-5


def _model_values(grid: Grid, answer: SearchedTopology, flow: Flow) -> _Model:
    """Exact values are shown; the relaxation's own stand beside, and where they differ a note says by how much."""
    if answer.relaxed is None:
        note = "no relaxation was solved for the chosen topology; the exact branch flow equations are shown."
        return _Model(flow, flow, (note,))
    relaxed = answer.relaxed
    if not answer.formulation.bounds_ac:
        note = (
            f"the switch states are those of {answer.formulation.name}, by which they lose "
            f"{relaxed.loss * grid.base_mva * 1e3:.6g} kW; the values shown are those of exact power flow."
        )
        return _Model(flow, relaxed, (note,))
    invented = float(relaxed.invented_loss(grid).sum())
    off = abs(relaxed.loss - flow.loss)
    if max(invented, off) <= _TIGHT * max(flow.loss, 1e-9) and float(np.abs(relaxed.v - flow.v).max()) < 1e-5:
        return _Model(flow, relaxed, ())
    note = (
        "the cone relaxation of the chosen topology is not exact: its losses are off by "
        f"{off * grid.base_mva * 1e3:.3g} kW, of which its cones invent {invented * grid.base_mva * 1e3:.3g} kW; the "
        "values shown solve the exact branch flow equations, the bound stays valid."
    )
    return _Model(flow, relaxed, (note,))


def plan_of(
    net: pandapowerNet,
    grid: Grid,
    goal: Objective,
    answer: SearchedTopology,
    limits: Limits,
    options: dict[str, Any],
    title: str,
    seconds: float,
) -> Plan:
    """Tabulate the radial state of an answer as a plan; the arguments are those of `reconfigure`, read."""
    flow = answer.flow
    assert flow is not None
    model = _model_values(grid, answer, flow)
    switches = switch_table(grid, flow.closed.tolist())
    value = goal.of_flow(grid, flow)
    topology, coordinates = drawing_tables(net, switches)
    return Plan(
        net_name=title,
        objective_name=goal.name,
        weights=goal.weights,
        objective=value,
        bound=answer.bound,
        unit=goal.unit,
        gap=relative_gap(value, answer.bound),
        status=answer.status,
        switches=switches,
        buses=bus_table(grid, model.state.v),
        branches=branch_table(grid, model.state, model.relaxed),
        losses_mw=model.state.loss * grid.base_mva,
        losses_before_mw=float(measure(net, one_state()).losses_mw.iloc[0]),
        progress=progress_table(answer.progress),
        solver=answer.solver,
        seconds=seconds,
        options=options,
        asked_limits=limits,
        fingerprint=grid.fingerprint,
        notes=(
            *grid.notes,
            *controller_notes(net, read=False),
            *_limit_notes(grid, switches),
            *model.notes,
            *answer.notes,
        ),
        bound_kind=(answer.proof or bound_kind(answer.formulation)) if math.isfinite(answer.bound) else "none",
        topology=topology,
        coordinates=coordinates,
        **_by_relaxation(grid, answer),
    )


def _by_relaxation(grid: Grid, answer: SearchedTopology) -> dict[str, Any]:
    """Return what the relaxation itself says of the plan's switch states."""
    relaxed = answer.relaxed
    if relaxed is None:
        return {}
    return {
        "relaxation_buses": bus_table(grid, relaxed.v),
        "relaxation_branches": branch_table(grid, relaxed, relaxed),
        "relaxation_losses_mw": relaxed.loss * grid.base_mva,
    }


def _limit_notes(grid: Grid, switches: pd.DataFrame) -> list[str]:
    notes = []
    rated = np.isin(np.arange(grid.m), grid.ratings.branch)
    if not rated.any():
        notes.append("no loading limit: max_loading_percent is not set for any line or transformer.")
    elif not rated.all():
        notes.append(f"{int((~rated).sum())} of {grid.m} branches have no loading limit (max_loading_percent not set).")
    served = switches["by_service"].astype(bool) & switches["operated"].astype(bool)
    if served.any():
        notes.append(
            "lines without a switch are put in or out of service: in the field somebody has to open or close them "
            "by hand."
        )
    return notes
