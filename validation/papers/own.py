"""What the table of the papers needs and no other study stores: systems, days run again in pandapower, figures."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import common

# --- the systems ----------------------------------------------------------------------------------


def systems() -> common.Record:
    """Facts of the three cases, read from the nets themselves."""
    return {"dispatch": _dispatch_system(), "flexibility": _park(), "rolling": _rolling_system()}


def _nodes(rows: Any) -> list[int]:
    """Nodes as the papers number them."""
    return sorted(int(bus) + 1 for bus in rows["bus"])


def _dispatch_system() -> common.Record:
    from adnflex import networks

    net = networks.load("ieee33_dispatch")
    base = net.load[net.load["type"] != "ev"]
    kinds = {kind: net.sgen[net.sgen["type"] == kind] for kind in ("PV", "WP", "svc")}
    grid, bank, store = net.ext_grid.iloc[0], net.shunt.iloc[0], net.storage.iloc[0]
    return {
        "load_mw": float(base["p_mw"].sum()),
        "load_mvar": float(base["q_mvar"].sum()),
        "vn_kv": float(net.bus.at[0, "vn_kv"]),
        "vm": [float(net.bus["min_vm_pu"].min()), float(net.bus["max_vm_pu"].max())],
        "sun": _nodes(kinds["PV"]),
        "wind": _nodes(kinds["WP"]),
        "rated_mw": sorted({float(p) for kind in ("PV", "WP") for p in kinds[kind]["p_mw"]}),
        "generation_cost": sorted({float(c) for kind in ("PV", "WP") for c in kinds[kind]["cost_per_mwh"]}),
        "tap_range": [1 + 0.01 * float(grid["tap_min"]), 1 + 0.01 * float(grid["tap_max"])],
        "tap_step": float(grid["tap_step_percent"]) / 100,
        "tap_positions": int(grid["tap_max"] - grid["tap_min"]) + 1,
        "tap_moves": int(grid["max_moves_per_day"]),
        "tap_cost": float(grid["cost_per_move"]),
        "tap_start": float(grid["vm_pu"]),
        "banks": _nodes(net.shunt),
        "bank_kvar": [-1e3 * float(bank["q_mvar"]), int(bank["max_step"])],
        "bank_cost": float(bank["cost_per_mvarh"]),
        "svcs": _nodes(kinds["svc"]),
        "svc_mvar": [float(kinds["svc"][c].iloc[0]) for c in ("min_q_mvar", "max_q_mvar")],
        "svc_cost": float(kinds["svc"]["cost_per_mvarh"].iloc[0]),
        "storages": _nodes(net.storage),
        "storage_mw": [float(store["max_p_mw"]), -float(store["min_p_mw"])],
        "storage_percent": [float(store[f"efficiency_{way}_percent"]) for way in ("charge", "discharge")],
        "storage_cost": float(store["cost_per_mwh"]),
        "vehicles": _nodes(net.load[net.load["type"] == "ev"]),
        "carbon": [float(net.study["carbon_price_per_kg"]), float(grid["co2_kg_per_mwh"])],
    }


def _park() -> common.Record:
    from adnflex import networks

    net = networks.load("park33_flexibility")
    store = net.storage.iloc[0]
    return {
        "buses": len(net.bus),
        "lines": len(net.line),
        "ties": [str(name) for name in net.line["name"][~net.line["in_service"].astype(bool)]],
        "pcc": _nodes(net.ext_grid),
        "sun": _nodes(net.sgen),
        "sun_mw": sorted({float(p) for p in net.sgen["p_mw"]}),
        "sun_mva": sorted({float(p) for p in net.sgen["sn_mva"]}),
        "storages": _nodes(net.storage),
        "storage_mw": [float(store["max_p_mw"]), -float(store["min_p_mw"])],
        "storage_mwh": [
            round(float(store["soc_percent"]) / 100 * float(store["max_e_mwh"]), 9),
            float(store["min_e_mwh"]),
            float(store["max_e_mwh"]),
        ],
        "storage_percent": [float(store[f"efficiency_{way}_percent"]) for way in ("charge", "discharge")],
        "published": {str(k): str(v) for k, v in net.study.get("published", {}).items()},
    }


def _rolling_system() -> common.Record:
    from adnflex import networks

    net, larger = networks.load("rolling33"), networks.load("rolling69")
    base, store = net.load[net.load["type"] == "base"], net.storage.iloc[0]
    svc, study = net.sgen[net.sgen["type"] == "svc"].iloc[0], net.study
    # the paper's table of loads, by its own node numbers: node k stands at bus index k
    table = {int(bus): [1e3 * p, 1e3 * q] for bus, p, q in zip(base["bus"], base["p_mw"], base["q_mvar"], strict=True)}
    return {
        "loads": {str(k): [round(x, 6) for x in table[k]] for k in sorted(table)},
        "load_mw": float(base["p_mw"].sum()),
        "load_mvar": float(base["q_mvar"].sum()),
        "hours": int(study["hours"]),
        "battery_kwh": float(study["vehicle"]["battery_kwh"]),
        "charger_kw": float(study["vehicle"]["charger_kw"]),
        "charger_efficiency": float(study["vehicle"]["charger_efficiency"]),
        "storage_share": [0.1, 0.9]
        if abs(store["min_e_mwh"] - 0.12) < 1e-9 and abs(store["max_e_mwh"] - 1.08) < 1e-9
        else [float(store["min_e_mwh"]), float(store["max_e_mwh"])],
        "storage_kwh": round(1e3 * float(store["max_e_mwh"]) / 0.9, 6),
        "storage_kw": [1e3 * float(store["max_p_mw"]), -1e3 * float(store["min_p_mw"])],
        "price": sorted(set(net.profiles["ext_grid"]["flat_price"].astype(float))),
        "renewable_cost": sorted(set(net.sgen["cost_per_mwh"].dropna().astype(float)) - {0.0}),
        "svc_mvar": [float(svc["min_q_mvar"]), float(svc["max_q_mvar"])],
        "weathers": {name: dict(law) for name, law in study["weathers"].items()},
        "larger": {"buses": len(larger.bus), "fleets": int((larger.load["type"] == "ev").sum())},
    }


# --- days, run again ------------------------------------------------------------------------------


def recomputed() -> common.Record:
    """Cost, carbon, energy and currents from the nets that are pushed back, by pandapower and plain sums alone."""
    return {
        "dispatch": {study: _dispatch_day(study) for study in STUDIES},
        "flexibility": {study: _box(study) for study in ("present", "paper")},
        "rolling": [_rolling_day(day) for day in range(3)],
        "generation": _generation(),
    }


def _generation() -> common.Record:
    """The paper's algorithm for its two periods, beside the two linear programmes that settle the same box."""
    import adnflex

    net = adnflex.networks.load("park33_flexibility")
    plain, asked = (adnflex.flexibility(net, periods=[10, 14], method=method) for method in ("auto", "ccg"))
    return {
        "rounds": len(asked.iterations),
        "linear_mwh": asked.linear.total_mwh,
        "other_mwh": plain.linear.total_mwh,
        "bound_mwh": asked.linear.bound,
    }


def _run(net: Any) -> Any:
    import pandapower as pp

    pp.runpp(net, calculate_voltage_angles=True, init="dc", tolerance_mva=1e-9, numba=False)
    return net


# The paper's three, and two in which tap changer, banks and compensators work.
STUDIES = ("1", "2", "3", "3-free", "3-heavy")


def _dispatch_day(study: str) -> common.Record:
    import numpy as np

    import adnflex

    net = adnflex.networks.study(adnflex.networks.load("ieee33_dispatch"), study)
    plan = adnflex.dispatch(net)
    states = [_run(plan.apply(net, t)) for t in plan.periods]
    price = net.profiles["ext_grid"]["mains_price"].to_numpy(float) * float(net.ext_grid.at[0, "price_per_mwh"])
    imported = np.array([s.res_ext_grid["p_mw"].sum() for s in states])
    lost = np.array([s.res_line["pl_mw"].sum() for s in states])
    current = np.array([1e3 * s.res_line["i_ka"].to_numpy() for s in states])
    sites = net.sgen.index[net.sgen["type"].isin(["PV", "WP"]) & net.sgen["in_service"].astype(bool)]
    sun_wind = np.array([s.res_sgen.loc[sites, "p_mw"].sum() for s in states])
    svc = net.sgen.index[(net.sgen["type"] == "svc") & net.sgen["in_service"].astype(bool)]
    paid = net.sgen.loc[svc, "cost_per_mvarh"]
    active = net.storage.index[net.storage["in_service"].astype(bool)]
    items = {
        "purchase": float(price @ imported),
        "losses": 500.0 * float(lost.sum()),
        "carbon": 0.048 * 581.0 * float(imported.sum()),
        "generation": 100.0 * float(sun_wind.sum()),
        "storage": 100.0 * sum(float(s.res_storage.loc[active, "p_mw"].abs().sum()) for s in states),
        "reactive sources": sum(float((paid * s.res_sgen.loc[svc, "q_mvar"].abs()).sum()) for s in states),
    }
    for table, name in (("ext_grid", "tap moves"), ("shunt", "capacitor moves")):
        rows = net[table].index[net[table]["in_service"].astype(bool)]
        items[name] = sum(_moves(net, states, table, i) for i in rows)
    items["capacitors"] = _bank_energy(net, states)
    known = plan.costs["cost"]
    apart = {name: value - float(known.get(name, 0.0)) for name, value in items.items()}
    rest = {str(name): float(v) for name, v in known.items() if name not in items}
    return {
        "items": items,
        "taken_over": rest,
        "largest_difference": max(abs(v) for v in apart.values()),
        "cost": sum(items.values()) + sum(rest.values()),
        "plan_cost": float(plan.objective),
        "carbon_kg": 581.0 * float(imported.sum()),
        "plan_carbon_kg": float(plan.carbon_kg),
        "imported_mwh": float(imported.sum()),
        "lost_mwh": float(lost.sum()),
        "current_a": {"max": float(current.max()), "mean": float(current.mean())},
        "rated": bool((net.line["max_i_ka"] < 1e3).any()),
        "by_kind": _used(plan, net),
        "ev": _vehicle_hours(plan),
        "storage": _storage_hours(plan),
        "sun_peak_hour": _sun_peak(net),
    }


def _moves(net: Any, states: list[Any], table: str, index: int) -> float:
    """Cost of the changes of a position, read from the nets as they stand one after the other."""
    import numpy as np

    column = "tap_pos" if table == "ext_grid" else "step"
    at = [float(s[table].at[index, column]) for s in (net, *states)]
    price = float(net[table].get("cost_per_move", {}).get(index, 0.0))
    return 0.0 if np.isnan(price) else price * int(np.count_nonzero(np.diff(at)))


def _bank_energy(net: Any, states: list[Any]) -> float:
    """Cost of the reactive energy of banks, by what stands in for them in power flow."""
    total = 0.0
    for state in states:
        for i, name in state.sgen["name"].items():
            if str(name).startswith("constant-q bank of shunt "):
                price = float(net.shunt.at[int(str(name).rpartition(" ")[2]), "cost_per_mvarh"])
                total += price * abs(float(state.res_sgen.at[i, "q_mvar"]))
    return total


def _used(plan: Any, net: Any) -> dict[str, float]:
    """Share of what sun and wind could give that is used."""
    found = {}
    for kind in ("PV", "WP"):
        sites = [i for i in net.sgen.index[net.sgen["type"] == kind] if ("p_mw", i) in plan.generation.columns]
        if sites:
            used, could = (sum(float(plan.generation[c, i].sum()) for i in sites) for c in ("p_mw", "available_mw"))
            found[kind] = used / could
    return found


def _hours(rows: Any) -> list[int]:
    return [int(t) for t in rows.index[rows.to_numpy(float) > 1e-6]]


def _vehicle_hours(plan: Any) -> dict[str, list[int]]:
    """Hours in which the block of vehicles stood and stands, and in which load is reduced."""
    if not len(plan.ev.columns):
        return {}
    sums = {name: plan.ev[name].sum(axis=1) for name in ("block_before_mw", "block_mw", "reduced_mw")}
    return {name.removesuffix("_mw"): _hours(rows) for name, rows in sums.items()}


def _storage_hours(plan: Any) -> dict[str, list[int]]:
    if not len(plan.storage.columns):
        return {}
    return {name: _hours(plan.storage[f"{name}_mw"].sum(axis=1)) for name in ("charge", "discharge")}


def _sun_peak(net: Any) -> int:
    return int(net.profiles["renewables"]["PV"].to_numpy(float).argmax())


def _box(study: str) -> common.Record:
    """A box over 24 hours: both ends of every hour, set, run, measured."""
    import numpy as np

    import adnflex

    net = adnflex.networks.study(adnflex.networks.load("park33_flexibility"), study)
    flex = adnflex.flexibility(net)
    ends = []
    worst = {"vm": [2.0, 0.0], "loading": 0.0, "error_w": 0.0}
    for t, low, high in zip(flex.lower_mw.index, flex.lower_mw, flex.upper_mw, strict=True):
        measured = []
        for wanted in (low, high):
            state = _run(flex.apply(net, period=int(t), import_mw=float(wanted)))
            measured.append(float(state.res_ext_grid["p_mw"].sum()))
            vm = state.res_bus["vm_pu"].dropna()
            worst["vm"] = [min(worst["vm"][0], float(vm.min())), max(worst["vm"][1], float(vm.max()))]
            on = state.line["in_service"].astype(bool)
            worst["loading"] = max(worst["loading"], float(state.res_line.loc[on, "loading_percent"].max()))
            worst["error_w"] = max(worst["error_w"], 1e6 * abs(measured[-1] - float(wanted)))
        ends.append(measured)
    width = np.array(ends)
    return {"total_mwh": float((width[:, 1] - width[:, 0]).sum()), "promised_mwh": float(flex.total_mwh), **worst}


def _rolling_day(day: int) -> common.Record:
    """A day under the paper's method: hours run as expected, the bill added up from what stands in the net."""
    import numpy as np

    import adnflex

    case = adnflex.RollingCase.load("rolling33")
    net, run = case.net, adnflex.schedule_rolling(case, "rollout:own/match", day=day)
    ev = net.load.index[net.load["type"] == "ev"]
    sites = net.sgen.index[net.sgen["type"].isin(["PV", "WP"])]
    bill, energy = {"purchase": 0.0, "ev_profit": 0.0, "solar": 0.0, "wind": 0.0}, 0.0
    exchanged = bought = 0.0
    balance = 0.0
    for hour in run.generation.index:
        state = _run(run.apply(net, int(hour)))
        node: dict[int, float] = {}
        for table, rows, sign in (("sgen", sites, 1.0), ("load", ev, -1.0), ("storage", net.storage.index, -1.0)):
            for i in rows:
                bus = int(net[table].at[i, "bus"])
                node[bus] = node.get(bus, 0.0) + sign * float(state[f"res_{table}"].at[i, "p_mw"])
        rest = np.array(list(node.values()))
        lack, over = np.maximum(-rest, 0.0), np.maximum(rest, 0.0)
        traded = min(np.minimum(lack, 0.3).sum(), np.minimum(over, 0.3).sum())
        exchanged, bought = exchanged + traded, bought + lack.sum() - traded
        drawn = float(state.res_load.loc[ev, "p_mw"].sum())
        bill["purchase"] += 500.0 * (lack.sum() - traded)
        bill["ev_profit"] -= 500.0 * drawn
        energy += drawn
        for kind, item in (("PV", "solar"), ("WP", "wind")):
            bill[item] += 350.0 * float(state.res_sgen.loc[sites[net.sgen.loc[sites, "type"] == kind], "p_mw"].sum())
        supplied = float(state.res_ext_grid["p_mw"].sum() + state.res_sgen["p_mw"].sum())
        used = float(state.res_load["p_mw"].sum() + state.res_storage["p_mw"].sum() + state.res_line["pl_mw"].sum())
        balance = max(balance, abs(supplied - used))
    bill["ev_subsidy"] = 5.0 * len(run.vehicles)
    known = run.costs["cost"]
    power, must, can = (run.ev[q].sum(axis=1) for q in ("p_mw", "must_mw", "can_mw"))
    stored = run.storage["p_mw"].sum(axis=1)
    return {
        "items": {k: float(v) for k, v in bill.items()},
        "total": float(sum(bill.values())),
        "run_total": float(run.total),
        "largest_difference": max(abs(float(v) - float(known[k])) for k, v in bill.items()),
        "balance_mw": balance,
        "vehicles": len(run.vehicles),
        "ev_mwh": energy,
        "ev_within": bool(((power >= must - 1e-9) & (power <= can + 1e-9)).all()),
        "ev_deferred_hours": int((power < can - 1e-6).sum()),
        "exchanged_mwh": float(exchanged),
        "bought_mwh": float(bought),
        "charge_hours": _hours(stored.clip(lower=0.0)),
        "discharge_hours": _hours((-stored).clip(lower=0.0)),
    }


# --- figures --------------------------------------------------------------------------------------


def figures() -> common.Record:
    """Write reports of the three studies; which figures are in them."""
    import adnflex

    found: dict[str, common.Record] = {}
    net = adnflex.networks.load("ieee33_dispatch")
    for study in ("3", "3-stressed"):
        chosen = adnflex.networks.study(net, study)
        plan = adnflex.dispatch(chosen)
        found[f"dispatch, study {study}"] = _drawn([plan], [adnflex.validate(plan, chosen)], chosen)
    chosen = adnflex.networks.study(net, "3")
    plans = [adnflex.dispatch(adnflex.networks.study(net, study)) for study in ("1", "2", "3")]
    found["dispatch, three studies"] = _drawn(plans, [None] * 3, net)
    days = adnflex.draw_scenarios(chosen, sigma_percent={"WP": 2.5}, vehicles={32: 300}, count=100, keep=3)
    plan = adnflex.dispatch(chosen, scenarios=days.few, periods=range(6, 12), gap=1e-2)
    found["dispatch, scenarios"] = _drawn([days, plan], [None, adnflex.validate(plan, chosen)], chosen)
    park = adnflex.networks.load("park33_flexibility")
    before = adnflex.flexibility(park, periods=[10, 14])
    best = adnflex.reconfigure_for_flexibility(park, periods=[10, 14], search_time=5, time_limit=30)
    check = adnflex.validate(best, park, trajectories=20)
    found["flexibility"] = _drawn([before, best], check, park)
    region = adnflex.pq_region(park, periods=[10])
    found["P-Q region"] = _drawn([best, region], [check, None], park)
    case = adnflex.RollingCase.load("rolling33")
    day = adnflex.schedule_rolling(case, "rollout:own/match", simulations=10)
    days = adnflex.compare_policies(case, ["own", "rollout:own/match", "floor"], days=3, simulations=10, workers=1)
    found["rolling"] = _drawn([day, days], [adnflex.validate(day, case.net), None], case.net)
    return {"results": found}


def _drawn(results: Iterable[Any], checks: Any, net: Any) -> common.Record:
    """Names of the figures that a report of results has, by the anchors in it."""
    import re
    import tempfile

    import adnflex

    with tempfile.TemporaryDirectory() as folder:
        page = adnflex.report(list(results), checks, Path(folder) / "report.html", net).read_text(encoding="utf-8")
    anchors = re.findall(r'<div class="figure" id="([^"]+)"', page)
    return {"figures": sorted(set(anchors)), "kilobytes": len(page) // 1024}


PARTS: Mapping[str, Any] = {
    "systems": (systems, 300),
    "recomputed": (recomputed, 1200),
    "figures": (figures, 1800),
}
