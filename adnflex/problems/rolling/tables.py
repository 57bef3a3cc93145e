"""The tables of a day: what was decided hour by hour, and the bill."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from adnflex.grid.identity import fingerprint
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.decisions import Decision
from adnflex.problems.rolling.missing import fallbacks_of, notes_of
from adnflex.problems.rolling.scheduler import RollingScheduler
from adnflex.problems.rolling.vehicles import can, must
from adnflex.results.rolling import ITEMS, RollingRun


def bill(case: RollingCase, history: Sequence[Decision]) -> dict[str, float]:
    """Cost items of the hours decided so far [money].

    Sun and wind are paid for what is available, the subsidy is paid for every arrival: none of the three depends on
    the policy.

    Returns
    -------
    dict of str to float
        The items, and ``total``, their sum.
    """
    prices, generators = case.prices, case.generators
    available = np.array([d.generation_mw * generators.cost for d in history])
    available = available.reshape(len(history), len(generators.index)).sum(axis=0)
    items = {
        "purchase": math.fsum(float(prices.buy[d.hour] * d.buy_mw.sum()) for d in history),
        "storage": math.fsum(float(case.storages.cost(d.storage_mw)) for d in history),
        "ev_profit": -math.fsum(float(prices.ev[d.hour] * d.ev_mw.sum()) for d in history),
        "ev_subsidy": prices.subsidy * sum(d.arrived for d in history),
        "solar": float(available[generators.sun].sum()),
        "wind": float(available[~generators.sun].sum()),
    }
    return {**items, "total": math.fsum(items[item] for item in ITEMS)}


def run_of(control: RollingScheduler) -> RollingRun:
    """Tables of the hours that a schedule has decided today."""
    case, history = control.case, control.history
    hours = pd.Index([d.hour for d in history], name="hour")
    buses, stores = case.buses.tolist(), case.storages.index.tolist()

    def frame(parts: dict[str, Any], labels: list[int], place: str) -> pd.DataFrame:
        columns = pd.MultiIndex.from_product([list(parts), labels], names=["quantity", place])
        values = [np.array(rows, dtype=float).reshape(len(history), len(labels)) for rows in parts.values()]
        return pd.DataFrame(np.hstack(values), index=hours, columns=columns)

    storage_at_node = np.zeros((len(case.storages), len(buses)))
    storage_at_node[np.arange(len(case.storages)), case.storages.node] = 1.0
    actions = {
        "generation_mw": [d.generation_mw @ case.to_nodes for d in history],
        "ev_mw": [d.ev_mw for d in history],
        "ev_must_mw": [d.must_mw for d in history],
        "ev_can_mw": [d.can_mw for d in history],
        "storage_mw": [d.storage_mw @ storage_at_node for d in history],
    }
    storage = {"p_mw": [d.storage_mw for d in history], "e_mwh": [d.after_mwh for d in history]}
    exchange = {
        f"{name}_mw": [getattr(d, f"{name}_mw") for d in history] for name in ("import", "export", "buy", "spill")
    }
    costs = bill(case, history)
    stored = history[-1].after_mwh - case.storages.low if history else np.zeros(0)
    unmet = sum(d.unmet_mwh for d in history)
    generators = case.generators.index.tolist()
    generation = np.array([d.generation_mw for d in history]).reshape(len(history), len(generators))
    return RollingRun(
        case_name=case.name,
        policy=control.policy.name,
        seed=control.seed,
        day=control.day,
        currency=case.currency,
        costs=pd.DataFrame({"cost": costs}).rename_axis("item"),
        stored_value=case.prices.stored * float(stored.sum()),
        actions=frame(actions, buses, "bus"),
        storage=frame(storage, stores, "storage"),
        ev=_by_load(control, hours),
        **_by_vehicle(history, hours),
        exchange=frame(exchange, buses, "bus"),
        **_second_stage(history, hours),
        decision_seconds=pd.DataFrame(
            {
                "active": [d.seconds for d in history],
                "reactive": [d.reactive.seconds if d.reactive else 0.0 for d in history],
            },
            index=hours,
        ),
        options={k: v for k, v in control.settings.items() if k != "seed"},
        notes=(
            *case.notes,
            *([f"{1e3 * unmet:.4g} kWh that vehicles need could not be met; see the log."] if unmet > 1e-9 else []),
            *notes_of(control),
        ),
        status="time_limit" if control.hour < case.hours and control.clock.spent else "complete",
        fallbacks=fallbacks_of(control, hours),
        generation=pd.DataFrame(generation, index=hours, columns=pd.Index(generators, name="sgen")),
        inputs=_inputs(case, history[0].before_mwh if history else case.storages.start),
    )


def _inputs(case: RollingCase, start: np.ndarray) -> dict[str, Any]:
    """Collect what a check has to know of a case."""
    s, g, prices = case.storages, case.generators, case.prices
    return {
        "fingerprint": fingerprint(case.net),
        "buy_per_mwh": prices.buy.tolist(),
        "ev_per_mwh": prices.ev.tolist(),
        "subsidy": prices.subsidy,
        "exchange_mw": case.exchange_mw.tolist(),
        "storages": {
            "index": s.index.tolist(),
            "start_mwh": start.tolist(),
            "min_e_mwh": s.low.tolist(),
            "max_e_mwh": s.high.tolist(),
        },
        "generators": {"index": g.index.tolist(), "sun": g.sun.tolist(), "cost": g.cost.tolist()},
    }


def _by_load(control: RollingScheduler, hours: pd.Index) -> pd.DataFrame:
    """Power, elastic capacity and number of vehicles of each fleet."""
    loads = sorted(control.case.fleets)
    columns = pd.MultiIndex.from_product([["p_mw", "must_mw", "can_mw", "vehicles"], loads], names=["quantity", "load"])
    rows = np.zeros((len(hours), 4, len(loads)))
    for k, d in enumerate(control.history):
        at = np.searchsorted(loads, d.vehicles.load)
        values = (d.vehicle_mw, must(d.vehicles, d.hour), can(d.vehicles, d.hour), np.ones(len(at)))
        for q, value in enumerate(values):
            rows[k, q] = np.bincount(at, weights=value, minlength=len(loads))
    return pd.DataFrame(rows.reshape(len(hours), -1), index=hours, columns=columns)


def _by_vehicle(history: Sequence[Decision], hours: pd.Index) -> dict[str, pd.DataFrame]:
    """One row a vehicle as it arrived, with what it got; and its power by hour."""
    first: dict[tuple[int, int], dict[str, float]] = {}
    power: dict[tuple[int, int], np.ndarray] = {}
    short: dict[tuple[int, int], float] = {}
    for k, d in enumerate(history):
        v = d.vehicles
        for j, key in enumerate(zip(v.load.tolist(), v.number.tolist(), strict=True)):
            if key not in first:
                first[key] = {
                    "load": key[0],
                    "vehicle": key[1],
                    "arrival": float(v.arrival[j]),
                    "departure": float(v.departure[j]),
                    "need_kwh": 1e3 * float(v.need[j]),
                    "max_kwh": 1e3 * float(v.limit[j]),
                    "p_max_mw": float(v.power[j]),
                }
                power[key] = np.zeros(len(history))
            power[key][k] = d.vehicle_mw[j]
            short[key] = 1e3 * float(max(v.need[j] - d.vehicle_mw[j], 0.0)) if v.departure[j] <= d.hour + 1 else 0.0
    keys = sorted(first)
    columns = ["load", "vehicle", "arrival", "departure", "need_kwh", "max_kwh", "p_max_mw"]
    table = pd.DataFrame([first[key] for key in keys], columns=columns)
    table["given_kwh"] = [1e3 * float(power[key].sum()) for key in keys]
    table["unmet_kwh"] = [short[key] for key in keys]
    labels = (
        pd.MultiIndex.from_tuples(keys, names=["load", "vehicle"])
        if keys
        else pd.MultiIndex.from_arrays([[], []], names=["load", "vehicle"])
    )
    drawn = np.array([power[key] for key in keys]).reshape(len(keys), len(history)).T
    return {"vehicles": table, "charging": pd.DataFrame(drawn, index=hours, columns=labels)}


def _second_stage(history: Sequence[Decision], hours: pd.Index) -> dict[str, pd.DataFrame]:
    """Tables of the second stage; empty without one."""
    answers = [d.reactive for d in history]

    def frame(name: str, column: str) -> pd.DataFrame:
        rows = [dict(getattr(a, name)) if a is not None else {} for a in answers]
        table = pd.DataFrame(rows, index=hours)
        return table.rename_axis(column, axis=1)

    return {
        "reactive": frame("q_mvar", "sgen"),
        "vm_pu": frame("vm_pu", "bus"),
        "reactive_facts": frame("facts", "fact"),
        "cone_gap": _by_branch(frame("gaps", "branch")),
    }


def _by_branch(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with columns such as ``line 3`` with the columns ``(element, index)``."""
    words = [str(name).rpartition(" ") for name in table.columns]
    columns = [(element, int(index)) for element, _, index in words]
    names = ["element", "index"]
    empty = pd.MultiIndex.from_arrays([[], []], names=names)
    return table.set_axis(pd.MultiIndex.from_tuples(columns, names=names) if columns else empty, axis=1)
