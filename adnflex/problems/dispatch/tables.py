"""The tables of a dispatch plan, from the state that it runs in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.devices import Supplies
from adnflex.grid import switch_table
from adnflex.problems.dispatch.network_tables import RatedElements, load_tables, network_tables
from adnflex.problems.dispatch.solve import PRESENT, DispatchAnswer
from adnflex.problems.dispatch.state import DispatchState
from adnflex.study import Study, following

# A branch counts as tight up to this relative gap or this invented loss [kW].
_TIGHT_GAP, _TIGHT_KW = 1e-4, 1e-3


def by_period(study: Study) -> pd.Index:
    """Index of the plan's tables: period, or (scenario, period) where there are several scenarios."""
    periods = list(study.series.periods)
    if study.horizon.scenarios == 1:
        return pd.Index(periods, name="period")
    pairs = [(s, t) for s in range(study.horizon.scenarios) for t in periods]
    return pd.MultiIndex.from_tuples(pairs, names=["scenario", "period"])


def plan_tables(net: pandapowerNet, study: Study, answer: DispatchAnswer, state: DispatchState) -> dict[str, Any]:
    """Return every table field of `DispatchPlan` by its name.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    study : Study
        What was dispatched.
    answer : DispatchAnswer
        What solving gave.
    state : DispatchState
        The dispatch as it runs.
    """
    index = by_period(study)
    horizon = study.horizon
    scenarios = pd.DataFrame(
        {"probability": horizon.probabilities}, index=pd.RangeIndex(horizon.scenarios, name="scenario")
    )
    balance = _balance(net, study, state, index)
    setpoints = _setpoints(net, study, state, index)
    rated = RatedElements.of(net, study.grid)
    return {
        "scenarios": scenarios,
        **_costs(study, state, scenarios.index),
        "balance": balance,
        "energy": _energy(study, balance),
        "carbon_kg": float(horizon.probabilities @ state.carbon_kg),
        "setpoints": setpoints,
        **load_tables(net, setpoints),
        "bank_mvar": _bank_mvar(study, state, index),
        "taps": _daily(study, state, "taps"),
        "source_vm_pu": _merged(state, "source_vm_pu", index).rename_axis(columns=["table", "index"]),
        "capacitor_steps": _daily(study, state, "capacitor_steps").droplevel(0, axis=1),
        "storage": _merged(state, "storage", index),
        "ev": _merged(state, "ev", index),
        "converters": _merged(state, "converters", index),
        "generation": _merged(state, "generation", index),
        "switches": _switches(study, answer, state),
        "decisions": _decisions(study, state),
        "devices": _devices(study, state),
        **network_tables(rated, study, state, index),
        "cone_gap": rated.table(answer.gap_of.reshape(len(index), -1)[:, rated.branch], index),
        "recovery": _recovery(answer, index),
        **_by_relaxation(net, rated, study, answer, index),
    }


def _bank_mvar(study: Study, state: DispatchState, index: pd.Index) -> pd.DataFrame:
    """Tabulate what each switched bank feeds in, at the voltages of exact power flow [Mvar]."""
    shape = (study.horizon.scenarios, study.horizon.periods)
    found: dict[int, FloatArray] = {}
    for device, schedule in zip(study.devices, state.schedules, strict=True):
        if device.place.table != "shunt":
            continue
        (drawn,) = schedule.withdrawals
        v2 = np.array([np.nan if flow is None else flow.v[drawn.node] for flow in state.flows.values()])
        shunt = _flat(np.asarray(drawn.shunt_mva).imag, shape)
        found[device.place.index] = -(_flat(drawn.q_mvar, shape) + np.where(shunt == 0, 0.0, shunt * v2))
    return pd.DataFrame(found, index=index).rename_axis(columns="index")


# What power flow decides, of the columns of a balance.
_OF_THE_NETWORK = ["grid_mw", "grid_mvar", "losses_mw"]


def _by_relaxation(
    net: pandapowerNet, rated: RatedElements, study: Study, answer: DispatchAnswer, index: pd.Index
) -> dict[str, pd.DataFrame]:
    """Tabulate what the plain relaxation itself says; nothing where it gave no point."""
    state = answer.by_relaxation
    if state is None:
        return {}
    network = network_tables(rated, study, state, index)
    return {
        "relaxation_vm_pu": network["vm_pu"],
        "relaxation_loading_percent": network["loading_percent"],
        "relaxation_balance": _balance(net, study, state, index)[_OF_THE_NETWORK],
    }


def _costs(study: Study, state: DispatchState, scenarios: pd.Index) -> dict[str, pd.DataFrame]:
    items = pd.DataFrame(state.items, index=scenarios)
    order = [i for i in _ORDER if i in items.columns]
    items = items[order + [i for i in items.columns if i not in order]]
    expected = pd.DataFrame({"cost": study.horizon.probabilities @ items.to_numpy()}, index=items.columns)
    expected.index.name = "item"
    return {"costs": expected, "scenario_costs": items}


_ORDER = (
    "purchase",
    "losses",
    "carbon",
    "generation",
    "storage",
    "EV transfer",
    "EV reduction",
    "flexible load",
    "reactive sources",
    "capacitors",
    "capacitor moves",
    "tap moves",
    "soft open points",
    "switching",
)


def _flat(array: Any, shape: tuple[int, int]) -> FloatArray:
    return np.broadcast_to(np.asarray(array, dtype=float), shape).reshape(-1)


def _balance(net: pandapowerNet, study: Study, state: DispatchState, index: pd.Index) -> pd.DataFrame:
    h = study.horizon
    shape = (h.scenarios, h.periods)
    total = {name: np.zeros(shape) for name in _BALANCE}
    total["grid_mw"], total["grid_mvar"] = state.grid_mw.sum(axis=2), state.grid_mvar.sum(axis=2)
    total["losses_mw"] = np.nan_to_num(state.losses_mw)
    controlled = study.controlled
    for table in ("load", "sgen", "storage"):
        rows = net[table]
        there = rows["in_service"].to_numpy(dtype=bool) & rows["bus"].isin(study.grid.node_of.keys()).to_numpy()
        there &= np.array([(table, int(i)) not in controlled for i in rows.index], dtype=bool)
        power = study.values[table, "p_mw"] * np.where(there, rows["scaling"].to_numpy(dtype=float), 0.0)
        power[:, :, ~there] = 0.0
        if table == "load":
            vehicles = (rows["type"] == "ev").to_numpy(dtype=bool)
            total["ev_mw"] += power[:, :, vehicles].sum(axis=2)
            total["load_mw"] += power[:, :, ~vehicles].sum(axis=2)
        elif table == "sgen":
            total["must_take_mw"] += power.sum(axis=2)
        else:
            total["charge_mw"] += np.maximum(power, 0).sum(axis=2)
            total["discharge_mw"] += np.maximum(-power, 0).sum(axis=2)
    for device, plan in zip(study.devices, state.schedules, strict=True):
        kind = device.place.kind
        if kind in ("electric vehicles", "vehicles"):
            total["ev_mw"] += plan.p_mw
        elif kind == "flexible load":
            total["load_mw"] += plan.p_mw
        elif kind == "generation":
            total["used_mw"] -= plan.p_mw
            total["available_mw"] += plan.tables["generation"]["available_mw", device.place.index]
        elif kind == "storage":
            total["charge_mw"] += np.maximum(plan.p_mw, 0)
            total["discharge_mw"] += np.maximum(-plan.p_mw, 0)
        elif isinstance(device, Supplies) and not total["price"].any():
            total["price"] = device.price
    return pd.DataFrame({name: _flat(a, shape) for name, a in total.items()}, index=index)


_BALANCE = (
    "grid_mw",
    "grid_mvar",
    "load_mw",
    "ev_mw",
    "must_take_mw",
    "available_mw",
    "used_mw",
    "charge_mw",
    "discharge_mw",
    "losses_mw",
    "price",
)


def _energy(study: Study, balance: pd.DataFrame) -> pd.DataFrame:
    h = study.horizon
    weight = np.repeat(h.probabilities, h.periods) * h.hours
    load = balance["load_mw"] + balance["ev_mw"]
    parts = {
        "imported": balance["grid_mw"].clip(lower=0),
        "exported": (-balance["grid_mw"]).clip(lower=0),
        "losses": balance["losses_mw"],
        "load": load,
        "available": balance["available_mw"],
        "used": balance["used_mw"],
        "curtailed": balance["available_mw"] - balance["used_mw"],
    }
    frame = pd.DataFrame({"mwh": {name: float(weight @ part.to_numpy()) for name, part in parts.items()}})
    frame.index.name = "quantity"
    return frame


def _setpoints(net: pandapowerNet, study: Study, state: DispatchState, index: pd.Index) -> pd.DataFrame:
    """Everything that differs from the net: devices, and what follows a profile."""
    shape = (study.horizon.scenarios, study.horizon.periods)
    columns = {key: part.reshape(-1) for key, part in following(net, study.values, study.controlled).items()}
    for plan in state.schedules:
        for key, array in plan.setpoints.items():
            columns[key] = _flat(array, shape)
    return _frame(columns, index, ["table", "column", "index"])


def _frame(columns: dict[Any, FloatArray], index: pd.Index, names: list[str]) -> pd.DataFrame:
    if not columns:
        return pd.DataFrame(index=index, columns=pd.MultiIndex.from_arrays([[]] * len(names), names=names))
    return pd.DataFrame(
        np.column_stack(list(columns.values())), index, pd.MultiIndex.from_tuples(list(columns), names=names)
    )


def _daily(study: Study, state: DispatchState, name: str) -> pd.DataFrame:
    """Decisions that are the same in every scenario, by period."""
    index = pd.Index(list(study.series.periods), name="period")
    columns = {key: a[0] for plan in state.schedules for key, a in plan.tables.get(name, {}).items()}
    return _frame(columns, index, ["table", "index"])


def _merged(state: DispatchState, name: str, index: pd.Index) -> pd.DataFrame:
    columns = {key: a.reshape(-1) for plan in state.schedules for key, a in plan.tables.get(name, {}).items()}
    return _frame(columns, index, ["quantity", "index"])


def _switches(study: Study, answer: DispatchAnswer, state: DispatchState) -> pd.DataFrame:
    spans = answer.dispatch.topology.spans
    parts = []
    for span in spans:
        parts.append(
            switch_table(study.grid, state.closed[span.start].tolist()).assign(
                first_period=study.series.periods[span.start]
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["first_period"])


def _decisions(study: Study, state: DispatchState) -> pd.DataFrame:
    rows = [
        (d.place.table, d.place.index, name, value)
        for d, taken in zip(study.devices, state.decisions, strict=True)
        for name, value in taken.items()
    ]
    return pd.DataFrame(rows, columns=["table", "index", "name", "value"])


def _devices(study: Study, state: DispatchState) -> pd.DataFrame:
    rows = []
    for device, plan in zip(study.devices, state.schedules, strict=True):
        place, facts = device.place, plan.facts
        if isinstance(device, Supplies):
            continue
        rows.append(
            {
                "kind": place.kind,
                "table": place.table,
                "index": place.index,
                "name": place.name,
                "bus": place.bus,
                "moves": math.nan if plan.moves is None else float(plan.moves.sum()),
                "max_moves": facts.get("max_moves", math.nan),
                "initial": facts.get("initial", math.nan),
                "low": facts.get("low", math.nan),
                "high": facts.get("high", math.nan),
            }
        )
    columns = ["kind", "table", "index", "name", "bus", "moves", "max_moves", "initial", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _recovery(answer: DispatchAnswer, index: pd.Index) -> pd.DataFrame:
    shape = answer.gap_of.shape
    gap = answer.gap_of.reshape(-1, shape[2]).max(axis=1, initial=0.0)
    kw = answer.invented_kw.reshape(-1, shape[2]).sum(axis=1)
    loose = (gap > _TIGHT_GAP) & (kw > _TIGHT_KW)
    if answer.relaxed is None or answer.method == PRESENT:
        loose = np.ones(len(gap), dtype=bool)  # no period is as the relaxation has it
    used = answer.method or "exact power flow"
    method = np.where(loose, used, "none needed")
    return pd.DataFrame({"gap": gap, "invented_kw": kw, "method": method}, index=index)
