"""The AC truth about a rolling schedule: every hour pushed back and run, every limit and every cost looked at again."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np
import pandas as pd
from pandapower.auxiliary import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.devices import Storage, Timeline
from adnflex.devices.grid_connection import source_limits
from adnflex.devices.storage_period import free_at_end
from adnflex.devices.stored_energy import stored_energy
from adnflex.devices.vehicles import part_there
from adnflex.errors import InputError
from adnflex.grid.identity import require_same
from adnflex.powerflow.deviations import Pair, deviation_table
from adnflex.powerflow.judge import judge, recorded
from adnflex.powerflow.limits import Compared, limits_of
from adnflex.powerflow.states import Measured, measure
from adnflex.powerflow.verdict import not_converged, violated
from adnflex.problems.rolling.hours import Spread
from adnflex.problems.rolling.read import RollingStudy, read_rolling
from adnflex.problems.rolling.settlement import settle
from adnflex.problems.rolling.states import RunStates, powers
from adnflex.results.rolling import ITEMS, RollingCheck, RollingRun
from adnflex.study import study_facts
from adnflex.study.audit import Row, audited, violation

_FAULTS = ["hour", "kind", "element", "index", "value", "limit", "excess", "unit"]
# Slack of set-points [MW, MWh], and of a cost: half of the last cent.
_POWER, _CENT = 1e-6, 0.005
# What the sum of a day of hours rounds [MWh].
_ENERGY = 1e-6


def validate_rolling(
    run: RollingRun,
    net: pandapowerNet,
    spread: Spread | None = None,
    engine: str = "auto",
    executor: Executor | None = None,
) -> RollingCheck:
    """Run every hour of a schedule in AC power flow and judge it.

    Parameters
    ----------
    run : RollingRun
        The schedule.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    spread : Spread, optional
        How far load, sun and wind of the hour that really comes are from what was expected; by default
        ``net.study["reactive"]``, else 5 % and 10 %.
    engine, executor
        See `adnflex.powerflow.judge`.

    Raises
    ------
    InputError
        If the net is another one.
    """
    if not run.inputs:
        raise InputError("the run has no inputs, so that it was saved by an older version; simulate the day again.")
    require_same(net, run.inputs["fingerprint"])
    day, decided = len(run.inputs["buy_per_mwh"]), len(run.generation)
    found = read_rolling(net, day, priced=False)
    # devices are audited over the hours that were decided
    part = found if decided in (0, day) else read_rolling(net, decided, priced=False)
    states = RunStates(run, found, _spread(net) if spread is None else spread)
    limits = replace(limits_of(net), sources=source_limits(found.sources))
    tables = (states.table(second=second) for second in (True, False))
    with_it, as_given = (judge(net, table, limits, engine=engine, executor=executor) for table in tables)
    measured, without, judged = with_it.measured, as_given.measured, with_it.found
    converged = bool(measured.converged.all() and without.converged.all())
    hours = _hours(net, without, as_given.found, "_without").join(_hours(net, measured, judged, ""))
    hours.index = run.generation.index
    violations = judged.violations
    specs = _specs(run, part.storages)
    faults = pd.DataFrame(
        [*_vehicle_faults(run), *_device_faults(run, net, specs), *_site_faults(run, found, states)], columns=_FAULTS
    )
    costs = _costs(run, net, specs)
    return RollingCheck(
        passed=converged and violations.empty and faults.empty and _exact(costs),
        **recorded([with_it, as_given]),
        verdict=with_it.told(_verdict(run, hours, faults, costs, violations)),
        converged=converged,
        hours=hours,
        vm_pu=_voltages(run, measured),
        vm_without_pu=_voltages(run, without),
        limits=judged.limits,
        violations=violations,
        faults=faults,
        deviations=_deviations(run, measure(net, states.table(expected=True)) if states.sites else None),
        costs=costs,
        options={"load_sd": states.spread.load, "generation_sd": states.spread.generation},
        notes=(*(() if len(run.reactive.columns) else ("the run has no second stage.",)), *with_it.notes),
    )


def _spread(net: pandapowerNet) -> Spread:
    chosen, plain = study_facts(net).get("reactive", {}), Spread()
    return Spread(float(chosen.get("load_sd", plain.load)), float(chosen.get("generation_sd", plain.generation)))


def _hours(net: pandapowerNet, measured: Measured, judged: Compared, tail: str) -> pd.DataFrame:
    """Tabulate what the hours of a run are in AC, in columns with a tail."""
    vm, bad = measured.vm_pu, judged.violations
    volts = bad[bad["kind"].astype(str).str.startswith("voltage")]["hour"].value_counts()
    imports = measured.of_sources("p_mw").reindex(columns=[("ext_grid", i) for i in net.ext_grid.index])
    columns = {
        "loss{}_mw": measured.losses_mw,
        "vm_min{}_pu": vm.min(axis=1),
        "vm_max{}_pu": vm.max(axis=1),
        "deviation{}_pu": (vm - 1.0).abs().mean(axis=1),
        "violating_buses{}": volts.reindex(measured.labels, fill_value=0).astype(int),
        "import{}_mw": imports.sum(axis=1, min_count=1),
    }
    return pd.DataFrame({name.format(tail): column for name, column in columns.items()})


def _voltages(run: RollingRun, measured: Measured) -> pd.DataFrame:
    return measured.vm_pu.set_axis(run.generation.index).rename_axis("bus", axis=1)


def _deviations(run: RollingRun, expected: Measured | None) -> pd.DataFrame:
    """Second stage against AC in the expected hour, and its relaxation against the exact power flow of its own."""
    pairs: list[Pair] = []
    if expected is not None:
        hours = run.vm_pu.index[expected.converged.to_numpy(bool)]
        vm, losses = (part.set_axis(run.vm_pu.index).loc[hours] for part in (expected.vm_pu, expected.losses_mw))
        pairs.append(("exact power flow", "voltage", "pu", vm, run.vm_pu))
        if "expected_loss_mw" in run.reactive_facts:
            pairs.append(
                ("exact power flow", "losses", "MW", losses, run.reactive_facts["expected_loss_mw"].loc[hours])
            )
    if "model_error_pu" in run.reactive_facts:
        apart = run.reactive_facts["model_error_pu"]
        pairs.append(("relaxation", "voltage of the relaxation in its scenarios", "pu", apart, 0.0 * apart))
    return deviation_table(pairs, ("hour",))


def _vehicle_faults(run: RollingRun) -> list[Row]:
    """Split of the fleets' power, powers and energies of vehicles, needs, hours of presence."""
    rows: list[Row] = []
    charging = run.charging
    fleet = charging.T.groupby(level="load").sum().T if len(charging.columns) else pd.DataFrame(index=charging.index)
    by_fleet = powers(run.ev)
    for load in by_fleet.columns:
        sums = fleet[load] if load in fleet else pd.Series(0.0, charging.index)
        off = (by_fleet[load] - sums).abs()
        for hour in off.index[off > _POWER]:
            pair = float(by_fleet.at[hour, load]), float(sums[hour])
            rows.append((int(hour), *violation("fleet not the sum of its vehicles", ("load", int(load)), *pair, "MW")))
    last = int(run.generation.index[-1]) if len(run.generation) else -1
    for row in run.vehicles.itertuples(index=False):
        load, number = int(row.load), int(row.vehicle)
        drawn = charging[load, number]
        given, name = float(drawn.sum()), f"vehicle {number} of load"
        there = part_there(np.array([row.arrival]), np.array([row.departure]), drawn.index.to_numpy())[:, 0]
        most = pd.Series(row.p_max_mw * there, drawn.index)
        for hour in drawn.index[drawn > most + _POWER]:
            kind = f"{name} draws too much" if most[hour] else f"{name} is not there"
            rows.append((int(hour), *violation(kind, ("load", load), float(drawn[hour]), float(most[hour]), "MW")))
        for hour in drawn.index[drawn < -_POWER]:
            rows.append((int(hour), *violation(f"{name} gives power", ("load", load), float(drawn[hour]), 0.0, "MW")))
        end = min(math.ceil(row.departure) - 1, last)
        if given > row.max_kwh / 1e3 + _POWER:
            rows.append((end, *violation(f"{name} gets too much", ("load", load), given, row.max_kwh / 1e3, "MWh")))
        if row.departure <= last + 1 and given < (row.need_kwh - row.unmet_kwh) / 1e3 - _POWER:
            rows.append((end, *violation(f"{name} gets too little", ("load", load), given, row.need_kwh / 1e3, "MWh")))
    return rows


def _device_faults(run: RollingRun, net: pandapowerNet, specs: list[Storage]) -> list[Row]:
    """Powers and energies of storages, limits of exchange."""
    rows: list[Row] = _storage_faults(run, net, specs)
    limit = np.array(run.inputs["exchange_mw"])
    for k, hour in enumerate(run.generation.index):
        for name in ("import_mw", "export_mw"):
            flow = run.exchange[name].iloc[k]
            for j in np.flatnonzero(flow.to_numpy() > limit[int(hour)] + _POWER):
                kind, place = f"{name.removesuffix('_mw')} above its limit", ("bus", int(flow.index[j]))
                numbers = float(flow.iloc[j]), float(limit[int(hour), j])
                rows.append((int(hour), *violation(kind, place, *numbers, "MW")))
        off = float(run.exchange["import_mw"].iloc[k].sum() - run.exchange["export_mw"].iloc[k].sum())
        if abs(off) > _POWER:
            rows.append((int(hour), *violation("imports are not exports", ("net", -1), off, 0.0, "MW")))
    return rows


def _site_faults(run: RollingRun, found: RollingStudy, states: RunStates) -> list[Row]:
    """Let every site's inverter audit its reactive power beside what was measured."""
    rows: list[Row] = []
    hours = run.generation.index
    for k, site in enumerate(found.sites):
        i = site.place.index
        if i in run.reactive.columns:
            known = run.generation[i] if i in run.generation.columns else states.hours.site_mw[: len(hours), k]
            p = site.inverter.within(np.asarray(known, dtype=float)[None])  # more sun than rating is no decision
            broken = site.inverter.audit(site.place, p, run.reactive[i].to_numpy(float)[None])
            rows += [
                (int(hours[b.period]), *violation(b.kind, (b.table, b.place), b.value, b.limit, b.unit)) for b in broken
            ]
    return rows


def _specs(run: RollingRun, storages: list[Storage]) -> list[Storage]:
    """Storages with the energy that they began the day with."""
    given = run.inputs["storages"]
    start = dict(zip(given["index"], given["start_mwh"], strict=True))
    hours, whole = len(run.generation), len(run.inputs["buy_per_mwh"])
    if not hours:
        return []
    left = [replace(s, e_start=start[s.place.index]) for s in storages]
    # what is asked at the end of the day is asked of a whole day
    return [s if s.end_given and hours == whole else free_at_end(s) for s in left]


def _horizon(run: RollingRun) -> Timeline:
    return Timeline(len(run.generation), 1.0, 0.0, np.ones(1))


def _written(run: RollingRun, net: pandapowerNet, spec: Storage) -> Callable[[str], FloatArray]:
    """Return what gives the values (1, T) that the run writes for a storage, by column."""
    p = run.storage["p_mw", spec.place.index].to_numpy(float)[None] / spec.scaling
    q = np.full_like(p, float(net.storage.at[spec.place.index, "q_mvar"]))
    return {"p_mw": p, "q_mvar": q}.__getitem__


def _storage_faults(run: RollingRun, net: pandapowerNet, specs: list[Storage]) -> list[Row]:
    """Let every storage audit its powers, and compare its energies with what follows from them."""
    hours, rows = run.generation.index, []
    horizon = _horizon(run)
    for spec in specs:
        i, written = spec.place.index, _written(run, net, spec)
        p = written("p_mw") * spec.scaling
        rows += [(int(hours[t]), *row) for _, t, row in audited([spec], lambda _, column: written(column), horizon)]  # noqa: B023
        claimed, then = run.storage["e_mwh", i].to_numpy(float), stored_energy(spec, p, horizon)[0]
        for k in np.flatnonzero(np.abs(claimed - then) > _ENERGY):
            numbers = float(claimed[k]), float(then[k])
            rows.append(
                (int(hours[k]), *violation("energy does not follow from power", ("storage", i), *numbers, "MWh"))
            )
    return rows


def _costs(run: RollingRun, net: pandapowerNet, specs: list[Storage]) -> pd.DataFrame:
    """Price the set-points without a look at the run's own settlement."""
    given, hours = run.inputs, run.generation.index.to_numpy(int)
    buses = run.exchange["buy_mw"].columns.tolist()
    node = {int(bus): k for k, bus in enumerate(buses)}
    residual = np.zeros((len(hours), len(buses)))
    charging = run.charging.T.groupby(level="load").sum().T if len(run.charging.columns) else pd.DataFrame()
    for table, sign, frame in (
        ("sgen", 1.0, run.generation),
        ("load", -1.0, charging),
        ("storage", -1.0, powers(run.storage)),
    ):
        for index in frame.columns:
            residual[:, node[int(net[table].at[index, "bus"])]] += sign * frame[index].to_numpy(float)
    limit = np.array(given["exchange_mw"])
    bought = np.array([settle(residual[k], limit[h]).buys.sum() for k, h in enumerate(hours)])
    drawn = run.charging.to_numpy(float).sum(axis=1) if len(run.charging.columns) else np.zeros(len(hours))
    available = run.generation.to_numpy(float).sum(axis=0) * np.array(given["generators"]["cost"])
    sun = np.array(given["generators"]["sun"], dtype=bool)
    h = _horizon(run)
    worn = [s.bill(_written(run, net, s), h, np.ones((1, h.periods)))["storage"][0] for s in specs]
    items = {
        "storage": float(sum(worn)),
        "purchase": float(np.array(given["buy_per_mwh"])[hours] @ bought),
        "ev_profit": -float(np.array(given["ev_per_mwh"])[hours] @ drawn),
        "ev_subsidy": float(given["subsidy"]) * len(run.vehicles),
        "solar": float(available[sun].sum()),
        "wind": float(available[~sun].sum()),
    }
    items["total"] = sum(items[item] for item in ITEMS)
    table = pd.DataFrame({"cost": run.costs["cost"], "recomputed": pd.Series(items)}).reindex([*ITEMS, "total"])
    return table.assign(difference=table["cost"] - table["recomputed"]).rename_axis("item")


def _verdict(
    run: RollingRun, hours: pd.DataFrame, faults: pd.DataFrame, costs: pd.DataFrame, violations: pd.DataFrame
) -> str:
    """Say what was found, and of how many hours."""
    decided, day = len(run.generation), len(run.inputs["buy_per_mwh"])
    some, every = f"{decided} of {day} hours decided, and ", "in every decided hour as it came"
    if decided == day:
        some, every = "", "in every hour as it came"
    sentence = _flaw(hours, faults, costs) or violated(violations)
    if sentence:
        return f"{some}{'in them ' if some else ''}{sentence}"
    return f"{some}{every} all limits met in AC power flow, all set-points in order, costs add up"


def _flaw(hours: pd.DataFrame, faults: pd.DataFrame, costs: pd.DataFrame) -> str:
    """Say what is wrong beside limits; empty where nothing is."""
    lost = hours.index[hours[["loss_mw", "loss_without_mw"]].isna().any(axis=1)]
    if len(lost):
        return not_converged(f"in hour {', '.join(map(str, lost[:5]))}")
    if len(faults):
        f = faults.iloc[0]
        return (
            f"{len(faults)} set-points are wrong; first: {f['kind']}, {f['element']} {f['index']} in hour {f['hour']}, "
            f"{f['value']:.5g} {f['unit']} against {f['limit']:.5g} {f['unit']}"
        )
    if _exact(costs):
        return ""
    item = str(costs["difference"].abs().idxmax())
    return f"{item} is {costs.at[item, 'cost']:.2f} and the set-points cost {costs.at[item, 'recomputed']:.2f}"


def _exact(costs: pd.DataFrame) -> bool:
    return bool((costs["difference"].abs() < _CENT).all())
