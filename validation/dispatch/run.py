"""Run the dispatch studies and write the page about them.

    python validation/dispatch/run.py                    # every part
    python validation/dispatch/run.py case tightness     # these
    python validation/dispatch/run.py --page             # only the page, from the stored results

Each part runs in a process of its own and is stored in ``results.json``; ``page.py`` makes the page of all that
is stored. The exit code is 0 only if every part that ran holds what the page promises.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import common
import page

GAP, TIME_LIMIT = 1e-3, 300.0
CASE = "ieee33_dispatch"

# --- one dispatch, measured -----------------------------------------------------------------------


@contextlib.contextmanager
def stopwatch() -> Iterator[dict[str, float]]:
    """Seconds that a dispatch spends on building, solving and recovery."""
    from adnflex.problems.dispatch import search as search_dispatch
    from adnflex.problems.dispatch import solve as solve_dispatch

    names = {
        "build": (search_dispatch, "build_dispatch"),
        "solve": (search_dispatch, "solve_form"),
        "recovery": (solve_dispatch, "recover_dispatch"),
    }
    spent = dict.fromkeys(names, 0.0)
    originals = {label: getattr(module, name) for label, (module, name) in names.items()}

    def timed(label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            begin = time.monotonic()
            try:
                return function(*args, **options)
            finally:
                spent[label] += time.monotonic() - begin

        return call

    for label, (module, name) in names.items():
        setattr(module, name, timed(label, originals[label]))
    try:
        yield spent
    finally:
        for label, (module, name) in names.items():
            setattr(module, name, originals[label])


def measured(net: Any, **options: Any) -> tuple[common.Record, Any]:
    """Dispatch, check in AC, and say what came out; also the plan, None where nothing meets every limit."""
    import adnflex
    from adnflex.errors import Infeasible, TimeExpired

    begin, busy = time.monotonic(), time.process_time()
    with stopwatch() as spent:
        try:
            plan = adnflex.dispatch(net, **{"gap": GAP, "time_limit": TIME_LIMIT, **options})
        except (Infeasible, TimeExpired) as error:
            return {
                "infeasible": str(error),
                "proven": isinstance(error, Infeasible) and bool(error.proven),
                "seconds": time.monotonic() - begin,
                "parts": spent,
            }, None
    spent["cpu"] = time.process_time() - busy
    peak = _peak_mb()
    begin = time.monotonic()
    check = adnflex.validate(plan, net)
    spent = {**spent, "ac": time.monotonic() - begin}
    return {**facts(plan, check), "parts": spent, "peak_mb": peak}, plan


def facts(plan: Any, check: Any) -> common.Record:
    """What is worth keeping of a plan and its check."""
    vm = check.vm_pu.to_numpy(dtype=float)
    moved = plan.devices[plan.devices["moves"].notna()] if len(plan.devices) else plan.devices
    return {
        "status": plan.status,
        "model": plan.objective,
        "cost": check.objective,
        "items": {str(i): float(x) for i, x in check.costs["cost"].items()},
        "bound": plan.bound,
        "plain_bound": _first_bound(plan),
        "gap": plan.gap,
        "passed": check.passed,
        "verdict": check.verdict,
        "certificate": check.certificate,
        "energy": {str(i): float(x) for i, x in plan.energy["mwh"].items()},
        "carbon_kg": plan.carbon_kg,
        # three readings of "peak-valley difference of the voltage"
        "spread": float(vm.max() - vm.min()),
        "spread_bus": float((vm.max(axis=0) - vm.min(axis=0)).max()),
        "spread_mean": float(vm.mean(axis=1).max() - vm.mean(axis=1).min()),
        "spread_period": [float(x) for x in _largest_and_mean(vm.max(axis=1) - vm.min(axis=1))],
        "spread_of_bus": [float(x) for x in _largest_and_mean(vm.max(axis=0) - vm.min(axis=0))],
        "current_a": [float(1e3 * x) for x in _largest_and_mean(_carrying(check.i_ka))],
        "vm": [float(vm.min()), float(vm.max())],
        "periods": len(check.periods),
        "recovered": {str(k): int(n) for k, n in plan.recovery["method"].value_counts().items() if k != "none needed"},
        "invented_kw": float(plan.recovery["invented_kw"].sum()),
        "deviation_pu": float(check.periods["vm_deviation_pu"].max()),
        "moves": {
            f"{r['table']} {r['index']}": [float(r["moves"]), float(r["max_moves"])] for _, r in moved.iterrows()
        },
        "taps": {f"{t} {i}": plan.taps[t, i].astype(int).tolist() for t, i in plan.taps.columns},
        "steps": {str(i): plan.capacitor_steps[i].astype(int).tolist() for i in plan.capacitor_steps.columns},
        "limits": [
            [r["kind"], str(r["element"]), int(r["index"]), int(r["period"]), r["value"], r["limit"]]
            for _, r in check.limits.iterrows()
        ],
        "seconds": plan.seconds,
        "solver": plan.solver,
        "left_out": [note for note in plan.notes if "moves of taps and steps" in note],
    }


def _largest_and_mean(values: Any) -> tuple[float, float]:
    return values.max(), values.mean()


def _carrying(current: Any) -> Any:
    """Currents of the branches that carry any [kA]."""
    values = current.to_numpy(dtype=float)
    return values[:, (values > 0).any(axis=0)]


def _first_bound(plan: Any) -> float:
    """Bound before anything was done about a loose relaxation."""
    before = plan.progress[plan.progress["event"] == "recovery"]["bound"]
    return float(before.iloc[0]) if len(before) else float(plan.bound)


def _peak_mb() -> float | None:
    """Largest memory that this process has had [MiB]."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def warm() -> None:
    """Dispatch something small, so that the first row does not pay for imports and compiled code."""
    measured(_case("1"), periods=range(2))


# --- the case -------------------------------------------------------------------------------------


def _case(study: str) -> Any:
    from adnflex import networks

    return networks.study(networks.load(CASE), study)


def _with_vehicles(net: Any, seed: int) -> common.Record:
    """Give the case a fleet of our own Monte Carlo runs; say how it compares with the fixed curve."""
    import numpy as np

    from adnflex.scenarios import sample_fleet

    fleet = sample_fleet(np.random.default_rng(seed), 300, runs=30)
    row = net.load.index[net.load["type"] == "ev"][0]
    before = net.profiles["load"]["ev_pload"].to_numpy() * float(net.load.at[row, "p_mw"])
    net.load.at[row, "p_mw"] = float(fleet.mean_mw.max())
    net.profiles["load"]["ev_pload"] = fleet.mean_mw / fleet.mean_mw.max()
    return {
        "seed": seed,
        "fixed_mwh": float(before.sum()),
        "sampled_mwh": float(fleet.mean_mw.sum()),
        "fixed_peak_mw": float(before.max()),
        "sampled_peak_mw": float(fleet.mean_mw.max()),
        "largest_difference_mw": float(np.abs(fleet.mean_mw - before).max()),
        "largest_standard_error_mw": float(fleet.standard_error_mw.max()),
    }


def case() -> common.Record:
    """The paper's three studies; banks that depend on voltage; vehicles drawn anew."""
    warm()
    rows = {study: measured(_case(study))[0] for study in ("1", "2", "3")}
    banks = _case("3")
    banks.shunt["constant_q"] = False
    rows["3 banks"] = measured(banks)[0]
    fleets = {}
    for study in ("1", "3"):
        for seed in (1, 2):
            net = _case(study)
            fleets[str(seed)] = _with_vehicles(net, seed)
            rows[f"{study} fleet {seed}"] = measured(net)[0]
    return {"rows": rows, "fleets": fleets, "published": _case("3").study.get("published", {})}


def stressed() -> common.Record:
    """The stressed studies, and heavier ones in which tap changer and banks have to act."""
    warm()
    rows = {study: measured(_case(f"{study}-stressed"))[0] for study in ("1", "2")}
    rows["3"] = _with_svc(_case("3-stressed"))
    rows["3 x1.8"] = _with_svc(_loaded(1.8))
    rows["3 x2.3"] = _with_svc(_loaded(2.3))
    for name, changes in BLOCKED.items():
        net = _loaded(2.3)
        for table, column, value in changes:
            net[table][column] = value
        rows[f"3 x2.3, {name}"] = _with_svc(net)
    return {"rows": rows}


def devices() -> common.Record:
    """Study 3 and two variants in which tap changer, banks and compensators work, beside the studies without them."""
    warm()
    rows = {name: _with_svc(_case(name)) for name in ("1", "2", "3", "3-free", "3-heavy")}
    return {"rows": rows}


def source() -> common.Record:
    """The three studies with the voltage of the mains free, and study 1 hour by hour by pandapower's own optimum."""
    warm()
    rows, ends, least = {}, {}, []
    for study in ("1", "2", "3"):
        rows[study] = measured(_case(study))[0]
        net = _with_free_voltage(study)
        rows[f"{study} free"], plan = measured(net)
        if plan is not None:
            vm = plan.source_vm_pu["ext_grid", 0]
            ends[f"{study} free"] = [float(vm.min()), float(vm.max())]
        if study == "1" and plan is not None:
            least = [_by_runopp(plan.apply(net, t), float(vm[t]), float(plan.balance["grid_mw"][t])) for t in vm.index]
    return {"rows": rows, "ends": ends, "runopp": least}


def _with_free_voltage(study: str) -> Any:
    """A study without tap positions at the mains: its voltage is any between the limits of its bus."""
    net = _case(study)
    net.ext_grid = net.ext_grid.drop(columns=[c for c in net.ext_grid.columns if c.startswith("tap_")])
    net.ext_grid["controllable"] = True
    return net


def _by_runopp(net: Any, vm_pu: float, import_mw: float) -> list[float | None]:
    """Least import of an hour by pandapower's interior point method, and its voltage; None where it does not converge.

    Beside the import and the voltage of the plan.
    """
    import pandapower as pp

    for table in ("poly_cost", "pwl_cost"):
        net[table] = net[table].iloc[:0]
    for table in ("load", "sgen", "storage"):
        net[table]["controllable"] = False
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=1.0)
    try:
        pp.runopp(net, numba=False)
    except pp.OPFNotConverged:
        return [import_mw, vm_pu, None, None]
    return [import_mw, vm_pu, float(net.res_ext_grid.at[0, "p_mw"]), float(net.res_bus.at[0, "vm_pu"])]


# What is taken away, or changed, in the heaviest of them.
BLOCKED: dict[str, list[tuple[str, str, bool]]] = {
    "tap blocked": [("ext_grid", "controllable", False)],
    "banks out": [("shunt", "in_service", False)],
    "tap blocked, banks out": [("ext_grid", "controllable", False), ("shunt", "in_service", False)],
    "banks with voltage": [("shunt", "constant_q", False)],
}


def _loaded(factor: float) -> Any:
    """Study 3 under stress with another load of the feeder."""
    net = _case("3-stressed")
    net.load.loc[net.load["type"] != "ev", "scaling"] = factor
    return net


def _with_svc(net: Any) -> common.Record:
    """Measure, and add the range in which the static compensators ran [Mvar]."""
    row, plan = measured(net)
    if plan is None:
        return row
    svcs = net.sgen.index[net.sgen["type"] == "svc"]
    used = {str(i): plan.generation["q_mvar", i] for i in svcs if ("q_mvar", i) in plan.generation.columns}
    limits = {str(i): [float(net.sgen.at[i, c]) for c in ("min_q_mvar", "max_q_mvar")] for i in svcs}
    ranges = {i: [float(q.min()), float(q.max()), int((q.abs() > 1e-4).sum())] for i, q in used.items()}
    return {**row, "svc": ranges, "svc_limits": limits}


# --- speed ----------------------------------------------------------------------------------------


def speed() -> common.Record:
    """Study 3, and two in which more has to be decided, by default and by SCIP: the same model, one after the other."""
    warm()
    runs = []
    cases = {"3": (_case("3"), 300.0), "3 stressed": (_case("3-stressed"), 120.0), "3 x2.3": (_loaded(2.3), 120.0)}
    for name, (net, limit) in cases.items():
        for solver in ("auto", "auto", "auto", "scip"):
            busy = common.busy_cores()
            row, _ = measured(net, solver=solver, time_limit=limit)
            runs.append({"case": name, "asked": solver, "busy": busy, "limit": limit, **row})
            print(f"  {name}, {solver}: {row['seconds']:.1f} s, busy before {busy}", flush=True)
    return {"runs": runs}


# --- scenarios ------------------------------------------------------------------------------------

SIGMA = {"PV": 5.0, "WP": 4.0}
SEED = {"scenarios": 2023, "fresh": 2024}


def _scenarios(net: Any, seed: int, count: int) -> Any:
    """ARMA scenarios of every site's sun (in percent of the forecast) and wind (in percent of the rating)."""
    import numpy as np

    from adnflex.scenarios import ScenarioSet, arma_scenarios

    rng = np.random.default_rng(seed)
    sites = net.sgen.index[net.sgen["type"].isin(list(SIGMA))]
    drawn = []
    for i in sites:
        kind, rated = net.sgen.at[i, "type"], float(net.sgen.at[i, "p_mw"])
        forecast = net.profiles["renewables"][net.sgen.at[i, "profile"]].to_numpy(dtype=float) * rated
        options = {"rated": rated, "sigma_percent": SIGMA[kind], "proportional": kind == "PV", "count": count}
        drawn.append(arma_scenarios(rng, forecast, **options))
    key = ("sgen", "p_mw")
    return ScenarioSet(np.full(count, 1 / count), {key: np.stack(drawn, axis=2)}, {key: tuple(int(i) for i in sites)})


def _available(scenarios: Any) -> list[float]:
    """Mean and standard deviation of the energy of the day that sun and wind could give [MWh]."""
    energy = scenarios.profiles["sgen", "p_mw"].sum(axis=(1, 2))
    mean = float(scenarios.probabilities @ energy)
    return [mean, float(scenarios.probabilities @ (energy - mean) ** 2) ** 0.5]


def stochastic() -> common.Record:
    """Ten of a thousand scenarios in one dispatch; what they are worth; two hundred fresh ones."""
    import adnflex

    net = _case("3")
    begin = time.monotonic()
    many = _scenarios(net, SEED["scenarios"], 1000)
    draw = time.monotonic() - begin
    new = _scenarios(net, SEED["fresh"], 200)
    begin = time.monotonic()
    ten, reduction = many.reduce(10)
    reduce = time.monotonic() - begin
    spread = many.profiles["sgen", "p_mw"].std(axis=0).max(axis=0)
    row, plan = measured(net, scenarios=ten, time_limit=600)
    record: common.Record = {
        "row": row,
        "draw_seconds": draw,
        "reduce_seconds": reduce,
        "distance": reduction.distance,
        "distance_one": many.reduce(1)[1].distance,
        "probabilities": ten.probabilities.tolist(),
        "largest_deviation_mw": spread.tolist(),
        "available_mwh": {"all": _available(many), "kept": _available(ten), "fresh": _available(new)},
    }
    if plan is None:
        return record
    record["scenario_costs"] = plan.scenario_costs.sum(axis=1).tolist()
    print(f"  dispatch: {row['seconds']:.1f} s, gap {row['gap']:.2e}", flush=True)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        begin = time.monotonic()
        worth = adnflex.value_of_information(plan, net, ten, pool, gap=GAP, time_limit=TIME_LIMIT)
        record["worth"] = {
            "wait_and_see": worth.wait_and_see,
            "expected_value_cost": worth.expected_value_cost,
            "evpi": worth.value_of_perfect_information,
            "vss": worth.value_of_stochastic_solution,
            "seconds": time.monotonic() - begin,
        }
        print(f"  worth: {record['worth']}", flush=True)
        begin = time.monotonic()
        fresh = adnflex.out_of_sample(plan, net, new, pool, gap=GAP, time_limit=60).out_of_sample
    # None: neither a dispatch was found in time, nor is it proven that there is none
    feasible = fresh["feasible"].eq(True)
    cost = fresh.loc[feasible, "cost"]
    record["fresh"] = {
        "count": len(fresh),
        "seconds": time.monotonic() - begin,
        "infeasible": int(fresh["feasible"].eq(False).sum()),
        "undecided": int(fresh["feasible"].isna().sum()),
        "failed": int((feasible & ~fresh["passed"].astype(bool)).sum()),
        "cost": [float(cost.mean()), float(cost.std()), float(cost.min()), float(cost.max())],
        "verdicts": fresh.loc[~fresh["passed"].astype(bool), "verdict"].head(5).tolist(),
    }
    return record


# --- other nets -----------------------------------------------------------------------------------


def simbench() -> common.Record:
    """A day of quarter-hours with ninety storages."""
    from adnflex.sources import open_net

    source = "simbench:1-MV-rural--2-sw:day=149"
    net, label = open_net(source)
    row, plan = measured(net, name=label)
    record: common.Record = {"source": source, "row": row, "buses": len(net.bus), "storages": len(net.storage)}
    if plan is not None:
        record["charged_mwh"] = float(plan.balance["charge_mw"].sum() * plan.hours_per_period)
        record["discharged_mwh"] = float(plan.balance["discharge_mw"].sum() * plan.hours_per_period)
        times = plan.progress[["event", "seconds", "incumbent", "bound"]]
        record["progress"] = [list(r) for r in times.itertuples(index=False)][-20:]
    return record


# A working day of a medium-voltage net, in parts of the loads as shipped.
DAY = [
    *(0.42, 0.38, 0.36, 0.35, 0.37, 0.45, 0.60, 0.78, 0.86, 0.88, 0.90, 0.94),
    *(0.96, 0.90, 0.86, 0.84, 0.86, 0.92, 1.00, 0.98, 0.90, 0.78, 0.62, 0.50),
]
TAP_CASES = {
    "as shipped": ((-2, -3), (0.95, 1.05)),
    "from neutral": ((0, 0), (0.95, 1.05)),
    "narrow": ((-2, -3), (0.96, 1.04)),
}


def _oberrhein(positions: tuple[int, int], controllable: bool) -> Any:
    import numpy as np
    import pandapower.networks as pn
    import pandas as pd

    net = pn.mv_oberrhein()
    net.load["profile"] = "day"
    net["profiles"] = {"load": pd.DataFrame({"day_pload": DAY, "day_qload": DAY})}
    net.trafo["tap_pos"] = np.array(positions, dtype=float)
    net.trafo["controllable"] = controllable
    net.trafo["max_moves_per_day"] = 6.0
    net.trafo["cost_per_move"] = 5.0
    net.ext_grid["price_per_mwh"] = 100.0
    for column in ("min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar"):
        net.ext_grid[column] = np.nan
    return net


def taps() -> common.Record:
    """Tap changers at the two transformers of a real net, against taps that stay."""
    warm()
    rows = {}
    for name, (positions, limits) in TAP_CASES.items():
        options = {"vm_limits": limits, "hours_per_period": 1.0, "time_limit": 120}
        for controllable in (False, True):
            key = f"{name}, {'free' if controllable else 'fixed'}"
            rows[key], _ = measured(_oberrhein(positions, controllable), **options)
            print(f"  {key}: {rows[key]['seconds']:.1f} s", flush=True)
    # The narrow band again with both taps held at -2: an answer exists, whatever the search says.
    options = {"vm_limits": (0.96, 1.04), "hours_per_period": 1.0}
    rows["narrow, by hand at -2"], _ = measured(_oberrhein((-2, -2), False), **options)
    return {"rows": rows}


# --- where the relaxation breaks ------------------------------------------------------------------


def _sunny(curtailable: bool, scale: float = 1.0) -> Any:
    """case33bw with 6 MW of sun; what is exported is paid 1 EUR/MWh."""
    import numpy as np
    import pandapower as pp
    import pandapower.networks as pn

    net = pn.case33bw()
    net.poly_cost.drop(net.poly_cost.index, inplace=True)  # the price is a column of the source
    for bus, p in ((17, 2.0), (21, 1.0), (24, 1.0), (32, 2.0)):
        options = {"controllable": curtailable, "min_p_mw": 0.0, "max_p_mw": p, "name": f"PV {bus + 1}"}
        pp.create_sgen(net, bus, p_mw=p, q_mvar=0.0, **options)
    net.load["scaling"] = scale
    net.ext_grid["price_per_mwh"] = 1.0
    for column in ("min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar"):
        net.ext_grid[column] = np.nan
    return net


def tightness() -> common.Record:
    """The cases that were made to break the relaxation."""
    warm()
    rows = {}
    for name, curtailable, scale, options in (
        ("curtailable, full load", True, 1.0, {}),
        ("curtailable, full load, exact", True, 1.0, {"exact": True}),
        ("curtailable, 30 % load", True, 0.3, {}),
        ("curtailable, 30 % load, exact", True, 0.3, {"exact": True}),
        ("must-take, full load", False, 1.0, {}),
        ("switching, full load", True, 1.0, {"windows": None, "time_limit": 200}),
    ):
        row, plan = measured(_sunny(curtailable, scale), vm_limits=(0.9, 1.05), **options)
        if plan is not None and len(plan.switches):
            opened = plan.switches.loc[~plan.switches["closed_after"].astype(bool), "index"]
            row["open"] = sorted(int(i) + 1 for i in opened)
        rows[name] = row
        print(f"  {name}: {row['seconds']:.1f} s", flush=True)
    return {"rows": rows}


def pareto() -> common.Record:
    """Cost against carbon, six minutes for the sweep; more where that ends without one."""
    import adnflex
    from adnflex.errors import Infeasible, TimeExpired

    warm()
    net = _case("3")
    ended: dict[str, str] = {}
    for limit in (360, 1080):
        begin = time.monotonic()
        try:
            sweep = adnflex.pareto(net, points=6, gap=GAP, time_limit=limit)
        except (Infeasible, TimeExpired) as error:
            ended[str(limit)] = str(error)
            print(f"  {limit} s: {error}", flush=True)
            continue
        seconds = time.monotonic() - begin
        rows = [
            {**facts(plan, adnflex.validate(plan, net)), "budget_kg": plan.options["carbon_budget_kg"]}
            for plan in sweep.plans
        ]
        return {"rows": rows, "seconds": seconds, "limit": limit, "ended": ended}
    return {"rows": [], "ended": ended}


# --- the parts ------------------------------------------------------------------------------------

# Each with the seconds after which it is stopped from outside.
PARTS: dict[str, tuple[Callable[[], common.Record], float]] = {
    "case": (case, 600),
    "devices": (devices, 900),
    "source": (source, 900),
    "stressed": (stressed, 600),
    "speed": (speed, 900),
    "stochastic": (stochastic, 3600),
    "simbench": (simbench, 900),
    "taps": (taps, 1200),
    "tightness": (tightness, 900),
    "pareto": (pareto, 1800),
}


if __name__ == "__main__":
    sys.exit(common.run_parts(__file__, __doc__, PARTS, page.faults, page.page))
