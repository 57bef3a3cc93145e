"""Validate a box: random trajectories and vertices, disaggregated, pushed back, judged by full AC power flow."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray, IntArray
from adnflex.devices import BrokenLimit, Fleet, Storage, Stores, Timeline
from adnflex.devices.stored_energy import stored_energy
from adnflex.errors import InputError
from adnflex.grid.coupling import Coupling, coupling_of
from adnflex.grid.coupling_alone import alone
from adnflex.grid.identity import require_same
from adnflex.grid.topology import Adjacency
from adnflex.grid.write import write
from adnflex.powerflow.judge import Judgement, judge
from adnflex.powerflow.limits import VIOLATION_COLUMNS, limits_of
from adnflex.powerflow.states import Measured
from adnflex.powerflow.verdict import flaws
from adnflex.problems.flexibility.model import BoxProblem
from adnflex.problems.flexibility.study import FlexibilityStudy, study_of
from adnflex.problems.flexibility.vertices import missing_at_ends
from adnflex.problems.flexibility.wishes import Wishes
from adnflex.results.flexibility import Flexibility
from adnflex.results.flexibility_check import FlexibilityCheck
from adnflex.study import Study, TimeAxis, read_again
from adnflex.study.audit import Row, too_many, violation

# A trajectory is followed where the import differs by less [MW]: 10 W, what interpolating the states leaves.
_FOLLOWED = 1e-5

# Where dispatches of ends that were never run are looked for.
_WHERE = "linear model around the AC states"

# Violations of devices of whole trajectories that are listed.
_LISTED = 50

_COLUMNS = ["trajectory", "period", *VIOLATION_COLUMNS]


def validate_flexibility(
    flex: Flexibility,
    net: pandapowerNet,
    executor: Executor | None = None,
    trajectories: int = 1000,
    levels: int | None = 20,
    seed: int = 0,
    engine: str = "auto",
) -> FlexibilityCheck:
    """Follow vertices and random trajectories of a box and let full AC power flow judge every hour.

    What a period does depends on its own value alone; so the values of a period are drawn from `levels` random ones,
    each of which is run once, and trajectories combine them.

    Parameters
    ----------
    flex : Flexibility
        The box.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    executor, engine
        See `adnflex.powerflow.judge`.
    trajectories : int
        Random trajectories and vertices to try.
    levels : int or None
        Different values of every period, the two ends included; None: every trajectory has values of its own.
    seed : int
        Of the trajectories.

    Raises
    ------
    InputError
        If the net is not the one that the box was made for.
    """
    if trajectories < 2 or (levels is not None and levels < 2):
        raise InputError(f"trajectories is {trajectories} and levels {levels}; give 2 or more.")
    require_same(net, flex.fingerprint)
    if len(flex.positions):
        rows = flex.positions.rename(columns={"index": "place"}).itertuples(index=False)
        net = write(net, {(r.table, r.column, int(r.place)): float(r.after) for r in rows})
    pcc = flex.options.get("pcc")
    coupling = coupling_of(net, None if pcc is None else (str(pcc[0]), int(pcc[1])))
    coupling = alone(coupling) if flex.options.get("alone") else coupling
    study = _study(flex, coupling)
    values, shares = _draw(flex, trajectories, levels, np.random.default_rng(seed))
    judged = _judged(flex, coupling.net, shares, executor, engine)
    measured, found = judged.measured, judged.found
    ac = _ac_table(flex, measured, shares, coupling.source)
    faults = _state_faults(measured, found.violations)
    faults += _following(flex, ac)
    faults += _device_faults(flex, study, shares, values)
    budget = too_many(flex.operations, flex.options.get("max_operations"))
    faults += [(-1, int(flex.box.index[0]), *row) for row in budget]
    beyond = _beyond(flex, study, coupling)
    violations = pd.DataFrame([*beyond, *faults], columns=_COLUMNS)
    passed = violations.empty
    chosen = _examples(values)
    worst = float(np.nanmax(np.abs(ac["import_mw"] - ac["wanted_mw"]))) if len(ac) else math.nan
    examples, setpoints = _example_tables(flex, ac, shares, values, chosen)
    return FlexibilityCheck(
        passed=passed,
        **judged.record,
        verdict=judged.told(_verdict(flex, violations, len(values), len(ac), worst)),
        trajectories=len(values),
        vertices=int(np.sum(np.all((values == 0) | (values == shares.shape[1] - 1), axis=1))),
        states=len(ac),
        seed=seed,
        worst_error_kw=1e3 * worst,
        ac=ac,
        limits=found.limits.drop(columns="level"),
        violations=violations,
        examples=examples,
        example_setpoints=setpoints,
        certificate=flex.certificate if passed and math.isfinite(flex.certificate) else None,
        notes=judged.notes,
    )


def _study(flex: Flexibility, coupling: Coupling) -> Study:
    return read_again(
        coupling.net,
        flex.inputs,
        np.ones(1),
        TimeAxis.counted(
            flex.box.index.tolist(),
            flex.hours_per_period,
            flex.start_hour + float(flex.box.index[0]) * flex.hours_per_period,
        ),
        limits=flex.asked_limits,
        switches=flex.switches,
        prices=False,
    )


def _draw(flex: Flexibility, count: int, levels: int | None, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """Trajectories as places (J, T) among the shares (T, K) of every period; the ends come first and last.

    A third of them are vertices, the all-lower and the all-upper one among them.
    """
    periods = len(flex.box)
    size = count if levels is None else levels
    inner = np.sort(rng.random((periods, size - 2)), axis=1)
    wanted = np.hstack([np.zeros((periods, 1)), inner, np.ones((periods, 1))])
    vertices = rng.integers(0, 2, (max(count // 3, 2), periods)) * (size - 1)
    vertices[0], vertices[1] = 0, size - 1
    rest = count - len(vertices)
    if levels is None:
        # every inner value is used by one trajectory
        drawn = np.array([1 + rng.permutation(size - 2)[:rest] for _ in range(periods)]).T if size > 2 else None
        drawn = vertices[:0] if drawn is None else drawn
    else:
        drawn = rng.integers(0, size, (rest, periods))
    low, high = flex.lower_mw.to_numpy(), flex.upper_mw.to_numpy()
    targets = low[:, None] + wanted * (high - low)[:, None]
    shares = np.array([flex.shares_of(t, row) for t, row in zip(flex.box.index, targets, strict=True)])
    return np.vstack([vertices, drawn]), shares


def _judged(
    flex: Flexibility, net: pandapowerNet, shares: FloatArray, executor: Executor | None, engine: str
) -> Judgement:
    """Run every period at its shares (T, K)."""
    low, high = flex.setpoints_lower.to_numpy(dtype=float), flex.setpoints_upper.to_numpy(dtype=float)
    values = low[:, None, :] + shares[:, :, None] * (high - low)[:, None, :]
    labels = pd.MultiIndex.from_product([flex.box.index, range(shares.shape[1])], names=["period", "level"])
    setpoints = pd.DataFrame(values.reshape(len(labels), -1), labels, flex.setpoints_lower.columns)
    alive = net.bus.index[net.bus["in_service"].astype(bool)]
    known = alive[alive.isin(flex.coordinates.index)] if len(flex.coordinates) else alive
    supplied = known if len(flex.switches) else ()
    limits = limits_of(net, flex.asked_limits)
    return judge(net, setpoints, limits, flex.switches, supplied=supplied, engine=engine, executor=executor)


def _ac_table(flex: Flexibility, measured: Measured, shares: FloatArray, source: tuple[str, int]) -> pd.DataFrame:
    wanted = [flex.import_at(t, row) for t, row in zip(flex.box.index, shares, strict=True)]
    first = {
        "period": measured.labels.get_level_values("period"),
        "share": shares.ravel(),
        "wanted_mw": np.concatenate(wanted),
        "import_mw": measured.of_sources("p_mw")[source].to_numpy(),
    }
    more = measured.extremes().assign(losses_mw=measured.losses_mw).reset_index(drop=True)
    return pd.concat([pd.DataFrame(first), more], axis=1)


def _state_faults(measured: Measured, violations: pd.DataFrame) -> list[Row]:
    nothing = ("net", -1, math.nan, math.nan, math.nan, "")
    # where power flow has no solution, the other states of the period say no more
    rows: list[Row] = list(dict.fromkeys((-1, label[0], text, *nothing) for label, text in flaws(measured)))
    return [*rows, *((-1, *row) for row in violations[_COLUMNS[1:]].itertuples(index=False, name=None))]


def _following(flex: Flexibility, ac: pd.DataFrame) -> list[Row]:
    off = (ac["import_mw"] - ac["wanted_mw"]).abs()
    size = max(float((flex.upper_mw - flex.lower_mw).max()), 1.0)
    bad = ac[~(off <= _FOLLOWED * size)]
    return [
        (-1, r.period, *violation("import", ("net", -1), r.import_mw, r.wanted_mw, "MW"))
        for r in bad.itertuples(index=False)
    ]


def _device_faults(flex: Flexibility, study: Study, shares: FloatArray, values: IntArray) -> list[Row]:
    """Limits of devices over whole trajectories: power, inverter, stored energy, needs of vehicles."""
    along = shares[np.arange(shares.shape[0]), values]
    rows: list[Row] = []
    for d in study.devices:
        if (d.place.table, "p_mw", d.place.index) not in flex.setpoints_lower.columns:
            continue
        # splitting to vehicles is a linear program a trajectory
        along_here = along[:60] if isinstance(d, Fleet) else along
        written = partial(_values, flex, (d.place.table, d.place.index), along_here)
        faults: list[BrokenLimit] = [f for f in d.audit(written, study.horizon) if f.kind != "energy at the end"]
        faults += _final(flex, d, written, study.horizon) if isinstance(d, Stores) else []
        for f in faults[:_LISTED]:
            place = (f.table, f.place)
            broken = violation(f.kind, place, f.value, f.limit, f.unit)
            rows.append((f.scenario, int(flex.box.index[f.period]), *broken))
    return rows


def _values(flex: Flexibility, place: tuple[str, int], along: FloatArray, column: str) -> FloatArray:
    key = (place[0], column, place[1])
    low, high = flex.setpoints_lower[key].to_numpy(dtype=float), flex.setpoints_upper[key].to_numpy(dtype=float)
    return np.asarray(low + along * (high - low))


def _final(
    flex: Flexibility, storage: Storage, written: Callable[[str], FloatArray], horizon: Timeline
) -> list[BrokenLimit]:
    end = flex.options.get("final_energy", "free")
    if end == "free":
        return []
    least = storage.e_start if end == "initial" else float(end) / 100 * storage.e_max
    level = stored_energy(storage, written("p_mw") * storage.scaling, horizon)[:, -1]
    i, t = storage.place.index, len(flex.box) - 1
    return [
        BrokenLimit("energy at the end", "storage", i, int(s), t, float(level[s]), least, "MWh")
        for s in np.flatnonzero(level < least - 1e-4 * storage.e_max)
    ]


def _beyond(flex: Flexibility, study: Study, coupling: Coupling) -> list[Row]:
    """List ends of the box that were never run and that no dispatch of the linear model around the AC states reaches.

    That the linear model has none refutes nothing in AC; but the box has no dispatch that was run either.
    """
    ends = flex.ac["import_mw"].unstack("share")
    low, high = ends.iloc[:, 0], ends.iloc[:, -1]
    size = max(float((flex.upper_mw - flex.lower_mw).max()), 1e-6)
    if not ((flex.lower_mw < low - _FOLLOWED * size).any() or (flex.upper_mw > high + _FOLLOWED * size).any()):
        return []
    problem = _corrected_problem(flex, study, coupling)
    missing = missing_at_ends(problem, flex.lower_mw.to_numpy(), flex.upper_mw.to_numpy())
    rows: list[Row] = []
    for side, name in enumerate(("below", "above")):
        wanted = (flex.lower_mw, flex.upper_mw)[side].to_numpy()
        for t in np.flatnonzero(np.abs(missing[side]) > 1e-6):
            amount = abs(float(missing[side][t]))
            reached = float(wanted[t]) + (amount if side == 0 else -amount)
            place = (side, int(flex.box.index[t]), f"no dispatch found ({_WHERE}) for the import {name}", "net", -1)
            rows.append((*place, reached, float(wanted[t]), amount, "MW"))
    if not rows:
        # the ends themselves may be within reach of other dispatches, but they were never run
        k = int(np.maximum(low - flex.lower_mw, flex.upper_mw - high).to_numpy().argmax())
        place = (-1, int(flex.box.index[k]), "end of the box without a dispatch that was run", "net", -1)
        rows.append((*place, float(high.iloc[k]), float(flex.upper_mw.iloc[k]), math.nan, "MW"))
    return rows


def _corrected_problem(flex: Flexibility, study: Study, coupling: Coupling) -> BoxProblem:
    """Return the linear model around the AC states of both ends that were run."""
    options = flex.options
    wishes = Wishes(
        reactive_power=bool(options.get("reactive_power", True)),
        final_energy=options.get("final_energy", "free"),
        sides=int(options.get("sides", 16)),
    )
    again: FlexibilityStudy = study_of(study, coupling, wishes)
    closed = again.study.grid.closed.copy()
    after = {
        (r.element, int(r.place)): bool(r.closed_after)
        for r in flex.switches.rename(columns={"index": "place"}).itertuples(index=False)
    }
    for k, branch in enumerate(again.study.grid.branches):
        if branch.decision is not None:
            closed[k] = after.get((branch.decision.element, branch.decision.index), closed[k])
    network = again.network(closed, Adjacency(again.study.grid))
    problem = again.problem(network, np.zeros(len(flex.box)))
    sides = []
    for table in (flex.setpoints_lower, flex.setpoints_upper):
        drawn = again.written(table)
        flow = network.solve(drawn)
        lost = np.flatnonzero(~np.isfinite(flow.loss))
        if len(lost):
            raise InputError(f"period {flex.box.index[lost[0]]}: the end has no power flow solution in this net.")
        linear = again.written(table, lossless=True) - network.still
        sides.append(problem.tree.around(flow, linear[:, problem.tree.nodes]))
    return problem.with_operating(sides[0], sides[1])


def _verdict(flex: Flexibility, violations: pd.DataFrame, count: int, states: int, worst: float) -> str:
    if len(violations):
        v = violations.iloc[0]
        more = f"; {len(violations) - 1} more" if len(violations) > 1 else ""
        limit = "" if v["limit"] != v["limit"] else f", {v['value']:.5g} against {v['limit']:.5g} {v['unit']}"
        # of the whole net: no place, as where power flow does not converge
        place = "" if v["element"] == "net" else f" at {v['element']} {v['index']}"
        return f"{v['kind']}{place} in period {v['period']}{limit}{more}"
    return (
        f"{count} trajectories in {len(flex.box)} periods followed to {1e6 * worst:.2g} W; all {states} power flows "
        "converged, every limit of network and devices met"
    )


def _examples(values: IntArray) -> list[int]:
    """Both corners, another vertex, and inner trajectories."""
    first_inner = next((j for j in range(len(values)) if not np.isin(values[j], (0, values.max())).all()), 0)
    return list(dict.fromkeys(j for j in (0, 1, 2, first_inner, first_inner + 1) if j < len(values)))


def _example_tables(
    flex: Flexibility, ac: pd.DataFrame, shares: FloatArray, values: IntArray, chosen: list[int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    periods, size = shares.shape
    wanted, found = (ac[c].to_numpy(dtype=float).reshape(periods, size) for c in ("wanted_mw", "import_mw"))
    columns: dict[tuple[int, str], FloatArray] = {}
    parts = {}
    low, high = flex.setpoints_lower, flex.setpoints_upper
    here = np.arange(periods)
    for j in chosen:
        columns[j, "wanted_mw"], columns[j, "import_mw"] = wanted[here, values[j]], found[here, values[j]]
        share = shares[here, values[j]][:, None]
        parts[j] = low + share * (high - low).to_numpy()
    examples = pd.DataFrame(dict(enumerate(columns.values())), index=flex.box.index)
    examples.columns = pd.MultiIndex.from_tuples(list(columns), names=["trajectory", "name"])
    return examples, pd.concat(parts, names=["trajectory"])
