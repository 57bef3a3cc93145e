"""A topology beside others: its sizes, with and without reactive power, in the linear model and run in AC."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from adnflex.arrays import BoolArray
from adnflex.errors import Infeasible, SolverError
from adnflex.grid.topology import Adjacency, closed_of
from adnflex.problems.clock import Deadline
from adnflex.problems.flexibility.linear_boxes import separable_box
from adnflex.problems.flexibility.one_state import StateBox, solve_state
from adnflex.problems.flexibility.study import FlexibilityStudy, study_of


def topology_row(
    study: FlexibilityStudy,
    without_q: FlexibilityStudy,
    adjacency: Adjacency,
    state: frozenset[int],
    box: StateBox | None,
    clock: Deadline,
) -> dict[str, object]:
    """Return the row of a topology in a comparison.

    Parameters
    ----------
    study, without_q : FlexibilityStudy
        What is asked, and the same where inverters give no reactive power.
    adjacency : Adjacency
        Of the grid.
    state : frozenset of int
        Open branches.
    box : StateBox or None
        Its box; None where it was not computed.
    clock : Deadline
        Time limit.
    """
    grid = study.study.grid
    closed = closed_of(grid, state)
    linear, held = _sizes(without_q, adjacency, closed, clock)
    network = study.network(closed, adjacency)
    hours = study.study.horizon.hours
    idle = study.columns.idle
    lost = float(np.mean(network.solve(network.withdrawn(idle)).loss)) * grid.base_mva
    lost += float(study.columns.lost(idle).sum(axis=1).mean())

    def total(lower: Sequence[float] | np.ndarray, upper: Sequence[float] | np.ndarray) -> float:
        return float((np.asarray(upper) - np.asarray(lower)).sum() * hours)

    return {
        "open": ", ".join(str(grid.branches[k]) for k in sorted(state)) or "none",
        "operations": int(np.sum(closed != grid.closed)),
        "total_mwh": math.nan if box is None else total(box.answer.lower, box.answer.upper),
        "useful_mwh": math.nan if box is None else float(box.answer.useful.sum() * hours),
        "linear_mwh": math.nan if box is None else total(box.boxes.separable.lower, box.boxes.separable.upper),
        "total_without_q_mwh": held,
        "linear_without_q_mwh": linear,
        "linear_bound_mwh": math.nan if box is None else box.boxes.bound,
        "losses_kw": 1e3 * lost,
    }


def without_reactive_power(study: FlexibilityStudy) -> FlexibilityStudy:
    """Return the same study where inverters give no reactive power beyond their profile."""
    return study_of(study.study, study.coupling, replace(study.wishes, reactive_power=False))


def present_row(study: FlexibilityStudy, box: StateBox, clock: Deadline) -> pd.DataFrame:
    """Return the comparison of one box: the present topology, with and without reactive power."""
    adjacency = Adjacency(study.study.grid)
    state = frozenset(np.flatnonzero(~box.network.closed).tolist())
    row = topology_row(study, without_reactive_power(study), adjacency, state, box, clock)
    # of branches that nobody may switch the grid knows the closed ones only
    row["open"] = ""
    table = pd.DataFrame.from_dict({"present": row}, orient="index").rename_axis("topology")
    table.insert(3, "change_percent", 0.0)
    return table


def _sizes(study: FlexibilityStudy, adjacency: Adjacency, closed: BoolArray, clock: Deadline) -> tuple[float, float]:
    """Sizes of the boxes of a state, of the linear model and run in AC [MWh]; NaN where the time is over."""
    own = Deadline(clock.left, time_of=clock.time_of)
    try:
        found = solve_state(study, closed, own, adjacency=adjacency)
        ends, held = found.boxes.separable, float((found.answer.upper - found.answer.lower).sum())
    except (Infeasible, SolverError):
        try:
            box = separable_box(study.problem(study.network(closed, adjacency)), clock.left)
        except SolverError:
            box = None
        if box is None:
            return math.nan, math.nan
        ends, held = box, math.nan
    hours = study.study.horizon.hours
    return float((ends.upper - ends.lower).sum()) * hours, held * hours
