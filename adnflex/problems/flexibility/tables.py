"""The tables of a flexibility result, from the states that it runs in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.devices import Stores, able
from adnflex.devices.stored_energy import stored_energy
from adnflex.grid.layout import drawing_tables
from adnflex.grid.model import Grid
from adnflex.problems.clock import Deadline
from adnflex.problems.flexibility.explain import Binding, binding_limits, measured
from adnflex.problems.flexibility.linear_boxes import Ends, LinearBoxes
from adnflex.problems.flexibility.model import LOADING, VOLTAGE_HIGH, VOLTAGE_LOW, BoxProblem
from adnflex.problems.flexibility.proven_box import BoxAnswer
from adnflex.problems.flexibility.states import Network
from adnflex.problems.flexibility.study import FlexibilityStudy, setpoint_table
from adnflex.results.boxes import Box, LinearFlexibility
from adnflex.results.certificate import relative_gap
from adnflex.study import following, input_table

_BINDING = ["period", "side", "kind", "element", "index", "value", "limit", "unit", "worth_mwh"]
_KINDS = {"voltage low": VOLTAGE_LOW, "voltage high": VOLTAGE_HIGH, "loading": LOADING}
_SIDES = ("lower", "upper")

# Time that the last two linear programs have where the limit is reached: they only add what is known of the box [s].
_LEAST_SECONDS = 0.5


def flexibility_tables(
    net: pandapowerNet,
    study: FlexibilityStudy,
    network: Network,
    problem: BoxProblem,
    boxes: LinearBoxes,
    answer: BoxAnswer,
    clock: Deadline,
) -> dict[str, Any]:
    """Return the fields of `Flexibility` that follow from a box.

    Parameters
    ----------
    net : pandapowerNet
        The caller's net.
    study : FlexibilityStudy
        What was asked.
    network : Network
        The exact model.
    problem : BoxProblem
        The linear model before it was corrected.
    boxes : LinearBoxes
        Its boxes.
    answer : BoxAnswer
        The box that holds.
    clock : Deadline
        Time limit and progress.
    """
    index = pd.Index(study.periods, name="period")
    lower, upper = _trimmed(problem, answer)
    box = pd.DataFrame({"lower_mw": lower, "upper_mw": upper, "base_mw": problem.base}, index=index)
    setpoints = [_setpoints(study, problem, x, index) for x in (answer.ends.x_lower, answer.ends.x_upper)]
    topology, coordinates = drawing_tables(net, None)
    settled = boxes.settled and not clock.spent
    return {
        "box": box,
        "linear": _linear(problem, boxes, settled),
        "status": "complete" if settled else "time_limit",
        "separable": _box("separable", boxes.separable, boxes.bound, True, problem, index),
        "remembering": _box("remembering", boxes.remembering or boxes.separable, boxes.bound, True, problem, index),
        "foresighted": replace(
            _box("foresighted", boxes.foresighted, boxes.bound, boxes.settled, problem, index),
            iterations=len(boxes.iterations),
        ),
        "iterations": _iterations(boxes),
        "binding": binding_table(study, binding_limits(answer.problem, answer, max(clock.left, _LEAST_SECONDS))),
        "setpoints_lower": setpoints[0],
        "setpoints_upper": setpoints[1],
        "energy": _energy(study, problem, answer, index),
        "ac": ac_table(study, network, answer),
        "rounds": _rounds(answer),
        "progress": pd.DataFrame(
            [(r.seconds, r.incumbent, r.bound, r.event) for r in clock.rows],
            columns=["seconds", "box_mwh", "linear_bound_mwh", "event"],
        ),
        "comparison": pd.DataFrame(),
        "bands": pd.DataFrame(index=index),
        "relieved": pd.DataFrame(columns=[*_BINDING, "after"]),
        "storages": _storages(study),
        "inputs": input_table(study.coupling.net, study.study, index),
        "notes": (*study.study.grid.notes, *study.notes),
        "topology": topology,
        "coordinates": coordinates,
    }


def _linear(problem: BoxProblem, boxes: LinearBoxes, settled: bool) -> LinearFlexibility:
    ends, value = boxes.separable, boxes.separable.worth
    return LinearFlexibility(
        total_mwh=float((ends.upper - ends.lower).sum() * problem.hours),
        worth=value,
        bound=boxes.bound,
        gap=relative_gap(-value, -boxes.bound),
        bound_kind="largest box in LinDistFlow (no losses) with full knowledge of the trajectory",
        status="optimal" if settled else "time_limit",
    )


def _trimmed(problem: BoxProblem, answer: BoxAnswer) -> tuple[FloatArray, FloatArray]:
    """Cut an AC box back to the base where one end is the base, or both lie evenly around it."""
    lower, upper, base = answer.lower.copy(), answer.upper.copy(), problem.base
    if problem.direction == "up":
        lower = np.maximum(lower, base)
    elif problem.direction == "down":
        upper = np.minimum(upper, base)
    elif problem.direction == "symmetric":
        half = np.maximum(np.minimum(upper - base, base - lower), 0.0)
        lower, upper = base - half, base + half
    return lower, np.maximum(upper, lower)


def _box(kind: str, ends: Ends, bound: float, settled: bool, problem: BoxProblem, index: pd.Index) -> Box:
    limits = pd.DataFrame({"lower_mw": ends.lower, "upper_mw": ends.upper}, index=index)
    total = float((ends.upper - ends.lower).sum() * problem.hours)
    return Box(kind, limits, total, bound, "optimal" if settled else "time_limit")


def _iterations(boxes: LinearBoxes) -> pd.DataFrame:
    rows = [
        (i.vertices, i.bound, i.shortage, "".join(str(int(a)) for a in i.vertex), i.proven) for i in boxes.iterations
    ]
    index = pd.RangeIndex(1, len(rows) + 1, name="iteration")
    return pd.DataFrame(rows, index, ["vertices", "master_mwh", "shortage_mw", "vertex", "worst"])


def _setpoints(study: FlexibilityStudy, problem: BoxProblem, x: Any, index: pd.Index) -> pd.DataFrame:
    taking_part = {(r.place.table, r.place.index) for r in study.resources}
    columns = {key: part[0] for key, part in following(study.coupling.net, study.study.values, taking_part).items()}
    for r, own in zip(problem.resources, problem.split(np.clip(x, *problem.bounds())), strict=True):
        columns.update(r.setpoints(own))
    return setpoint_table(columns, list(index))


def _energy(study: FlexibilityStudy, problem: BoxProblem, answer: BoxAnswer, index: pd.Index) -> pd.DataFrame:
    """Lowest and highest energy that trajectories inside the box can reach: at the energy's own worst mixes."""
    devices = {d.place.index: d for d in able(study.study.devices, Stores)}
    columns: dict[tuple[int, str], FloatArray] = {}
    split = [problem.split(np.asarray(x)) for x in (answer.ends.x_lower, answer.ends.x_upper)]
    for i, r in enumerate(problem.resources):
        if r.place.table != "storage":
            continue
        spec = devices[r.place.index]
        power = np.stack([split[side][i][:, 0] for side in range(2)])
        for name, p in (("low_mwh", power.min(axis=0)), ("high_mwh", power.max(axis=0))):
            columns[r.place.index, name] = stored_energy(spec, p[None], study.study.horizon)[0]
        columns[r.place.index, "min_mwh"] = np.full(len(index), spec.e_min)
        columns[r.place.index, "max_mwh"] = np.full(len(index), spec.e_max)
    frame = pd.DataFrame(dict(enumerate(columns.values())), index=index)
    frame.columns = pd.MultiIndex.from_tuples(list(columns), names=["storage", "name"]) if columns else frame.columns
    return frame


def _storages(study: FlexibilityStudy) -> pd.DataFrame:
    rows = {
        d.place.index: (d.e_start, d.charging, d.discharging, d.keep**study.study.horizon.hours, d.scaling)
        for d in able(study.study.devices, Stores)
    }
    columns = ["start_mwh", "charging", "discharging", "keep", "scaling"]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    frame.index.name = "storage"
    return frame


def ac_table(study: FlexibilityStudy, network: Network, answer: BoxAnswer) -> pd.DataFrame:
    """Every state that was run, by period and share."""
    grid, net, sampled = network.grid, study.coupling.net, answer.sampled
    free = np.flatnonzero(np.isnan(grid.root_v) & np.array([bool(b) for b in grid.buses]))
    vm, load, rated = np.sqrt(sampled.flow.v[..., free]), sampled.excess.load, bool(len(grid.ratings.limit))
    first = [b.members[0] for b in grid.branches]
    limit = np.array([_limit_percent(net, m.element, m.index) for m in first])
    bus = np.array([grid.buses[node][0] for node in free])
    worst = load.argmax(axis=-1)
    columns = {
        "import_mw": sampled.imports.real,
        "import_mvar": sampled.imports.imag,
        "losses_mw": sampled.flow.loss * grid.base_mva + sampled.converted,
        "vm_min_pu": vm.min(axis=-1),
        "vm_min_bus": bus[vm.argmin(axis=-1)],
        "vm_max_pu": vm.max(axis=-1),
        "vm_max_bus": bus[vm.argmax(axis=-1)],
        "loading_percent": (1 + load.max(axis=-1)) * limit[worst] if rated else np.full(worst.shape, np.nan),
        "loading_element": np.array([m.element if rated else "" for m in first], dtype=object)[worst],
        "loading_index": np.array([m.index if rated else -1 for m in first])[worst],
    }
    index = pd.MultiIndex.from_product([study.periods, sampled.shares.tolist()], names=["period", "share"])
    frame = pd.DataFrame({name: np.ravel(values) for name, values in columns.items()}, index=index)
    return frame[np.isfinite(sampled.imports).ravel()]


def _limit_percent(net: pandapowerNet, element: str, index: int) -> float:
    table = net[element]
    value = table["max_loading_percent"].get(index, 100.0) if "max_loading_percent" in table.columns else 100.0
    return float(value) if value == value else 100.0


def _rounds(answer: BoxAnswer) -> pd.DataFrame:
    rows = [(size, v / 2, 100 * load, 1e3 * off) for size, v, load, off in answer.rounds]
    return pd.DataFrame(rows, columns=["total_mwh", "voltage_excess_pu", "loading_excess_percent", "import_error_kw"])


def binding_table(study: FlexibilityStudy, limits: list[Binding]) -> pd.DataFrame:
    """Tabulate binding limits, the dearest first."""
    grid, net = study.study.grid, study.coupling.net
    rows = []
    for b in limits:
        element, index, scale, unit = _named(study, grid, net, b)
        side = _SIDES[b.side] if b.kind in _KINDS else "both"
        rows.append((study.periods[b.t], side, b.kind, element, index, b.value * scale, b.limit * scale, unit, b.worth))
    return pd.DataFrame(rows, columns=_BINDING)


def _named(study: FlexibilityStudy, grid: Grid, net: pandapowerNet, b: Binding) -> tuple[str, int, float, str]:
    if b.kind == "loading":
        member = grid.branches[b.where].members[0]
        return member.element, member.index, _limit_percent(net, member.element, member.index), "%"
    if b.kind in _KINDS:
        buses = grid.buses[b.where]
        return "bus", buses[0] if buses else -1, 1.0, "pu"
    place = study.resources[b.where].place
    return place.table, place.index, 1.0, "MWh"


def relieved_table(
    study: FlexibilityStudy,
    before: list[Binding],
    after: list[Binding],
    answer: BoxAnswer,
) -> pd.DataFrame:
    """Limits of the network that held one topology back and do not hold another one back, with their values there.

    Parameters
    ----------
    study : FlexibilityStudy
        What was asked.
    before, after : list of Binding
        Binding limits of both topologies.
    answer : BoxAnswer
        The box of the second one.
    """
    still = {(b.kind, b.where, b.t, b.side) for b in after}
    gone = [b for b in before if b.kind in _KINDS and (b.kind, b.where, b.t, b.side) not in still]
    table = binding_table(study, gone)
    now = [
        measured(answer, answer.problem, _KINDS[b.kind], b.where, b.t, b.side)[0]
        * (_named(study, study.study.grid, study.coupling.net, b)[2])
        for b in gone
    ]
    return table.assign(after=np.array(now, dtype=float))
