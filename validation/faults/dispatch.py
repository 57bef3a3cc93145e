"""Random dispatches with storage at voltage limits: every plan passes its own check, or its status says why not."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd

TRIES = 500
ABOUT = (
    "Small feeders at a voltage limit with a lossy storage, sun that may be curtailed or not, taps, banks, vehicles "
    "and negative prices. A plan has to pass its own check or say why not; what a few set-points reach in pandapower "
    "may neither be called infeasible nor lie below the bound."
)

# Seconds for one dispatch: some end by it on purpose.
LIMITS = (0.01, 1.0, 20.0)

KINDS = ("upper limit", "must-take sun", "negative price", "taps and banks", "vehicles", "switching", "time is short")


@dataclass
class Case:
    """A net, its series, and the arguments of its dispatch."""

    kind: str
    net: Any
    profiles: dict[tuple[str, str], pd.DataFrame]
    options: dict[str, Any]
    hours: float

    @property
    def periods(self) -> int:
        """Number of periods."""
        return len(self.profiles["ext_grid", "price_per_mwh"])


def feeder(kind: str, rng: np.random.Generator) -> Case:
    """Draw a feeder whose sun lifts the voltage to its limit."""
    net = pp.create_empty_network(sn_mva=float(rng.choice([0.1, 1.0, 100.0])))
    high = float(rng.uniform(1.03, 1.07))
    n, periods = int(rng.integers(3, 7)), int(rng.integers(1, 5))
    first = pp.create_bus(net, 0.4, min_vm_pu=0.9, max_vm_pu=high)
    bus = [first]
    for _ in range(n - 1):
        bus.append(pp.create_bus(net, 0.4, min_vm_pu=0.9, max_vm_pu=high))
        start = int(rng.choice(bus[max(0, len(bus) - 3) : -1]))
        _line(net, start, bus[-1], rng)
    pp.create_ext_grid(net, first, vm_pu=float(rng.uniform(0.99, 1.02)))
    series: dict[tuple[str, str], pd.DataFrame] = {}
    price = rng.uniform(-60 if kind == "negative price" else 20, 120, periods)
    series["ext_grid", "price_per_mwh"] = pd.DataFrame({0: np.round(price, 2)})
    loads, suns = {}, {}
    for b in bus[1:]:
        i = pp.create_load(net, b, 0.01, float(rng.uniform(0, 0.005)), controllable=False)
        loads[i] = np.round(rng.uniform(0.0, 0.03, periods), 5)
    for b in rng.choice(bus[1:], size=int(rng.integers(1, 3))).tolist():
        rigid = kind == "must-take sun" and rng.random() < 0.7
        reactive = {"min_q_mvar": -0.03, "max_q_mvar": 0.03, "sn_mva": 0.12} if rng.random() < 0.4 else {}
        i = pp.create_sgen(net, int(b), 0.1, 0.0, controllable=not rigid, min_p_mw=0.0, max_p_mw=0.2, **reactive)
        suns[i] = np.round((0.5 if rigid else 1.0) * rng.uniform(0.02, 0.1, periods), 5)
    net.sgen["cost_per_mwh"] = rng.choice([0.0, 20.0, 45.0], len(net.sgen))
    pp.create_storage(
        net, int(rng.choice(bus[1:])), 0.0, 0.2, soc_percent=float(rng.choice([30, 50, 80])), min_e_mwh=0.02,
        controllable=True, min_p_mw=-0.1, max_p_mw=0.1,
    )  # fmt: skip
    net.storage["efficiency_percent"] = float(rng.choice([80.0, 90.0, 97.0]))
    if rng.random() < 0.3:
        net.storage["self_discharge_percent_per_hour"] = 1.0
    options: dict[str, Any] = {"gap": float(rng.choice([1e-3, 1e-5])), "time_limit": LIMITS[-1]}
    if kind == "taps and banks":
        _movable(net, bus, rng)
    if kind == "vehicles":
        loads |= _vehicles(net, int(bus[-1]), periods, rng)
    if kind == "switching":
        tie = _line(net, bus[1], bus[-1], rng)
        pp.create_switch(net, bus[1], tie, et="l", closed=False)
        options |= {"windows": None, "switchable_lines": "all"}
    if kind == "time is short":
        _movable(net, bus, rng)
        options["time_limit"] = float(rng.choice(LIMITS[:2]))
    series["load", "p_mw"], series["sgen", "p_mw"] = pd.DataFrame(loads), pd.DataFrame(suns)
    return Case(kind, net, series, options, float(rng.choice([0.25, 1.0])))


def _line(net: Any, a: int, b: int, rng: np.random.Generator) -> int:
    km, r = float(rng.uniform(0.05, 0.25)), float(rng.choice([0.2, 0.32]))
    return int(pp.create_line_from_parameters(net, a, b, km, r, 0.08, 0.0, 0.4, max_loading_percent=100.0))


def _movable(net: Any, bus: list[int], rng: np.random.Generator) -> None:
    pp.create_shunt(net, bus[-1], q_mvar=-0.01, step=1, max_step=3)
    net.shunt["controllable"], net.shunt["cost_per_move"] = True, float(rng.choice([0.0, 0.2]))
    if rng.random() < 0.6:
        vm = float(net.ext_grid.vm_pu.iloc[0])
        columns = {"tap_pos": 0, "tap_min": -2, "tap_max": 2, "tap_neutral": (1 - vm) / 0.01, "tap_step_percent": 1.0}
        for column, value in columns.items():
            net.ext_grid[column] = value
        net.ext_grid["controllable"] = True
        net.ext_grid["max_moves_per_day"] = float(rng.integers(0, 3))


def _vehicles(net: Any, bus: int, periods: int, rng: np.random.Generator) -> dict[int, np.ndarray]:
    i = int(pp.create_load(net, bus, 0.02, 0.0, type="ev", controllable=True))
    given = {"transferable_share": 0.0, "reducible_share": 0.5, "reduce_windows": "0-24", "reduction": 0.6,
             "reduce_cost_per_mwh": 30.0}  # fmt: skip
    for column, value in given.items():
        net.load[column] = pd.Series([value if k == i else None for k in net.load.index], index=net.load.index)
    return {i: np.round(rng.uniform(0.005, 0.03, periods), 5)}


# --- what a few set-points reach, without adnflex ----------------------------------------------------


def reached(case: Case) -> float:
    """Least cost of a few schedules that meet every limit in pandapower; inf where none does."""
    net = case.net
    if "self_discharge_percent_per_hour" in net.storage.columns:
        return math.inf  # standing still is no schedule then
    free = net.sgen.index[net.sgen["controllable"].astype(bool)]
    return min(_cost_of(case, free, share) for share in (1.0, 0.6, 0.3, 0.0))


def _cost_of(case: Case, free: pd.Index, share: float) -> float:
    from copy import deepcopy

    net, total = deepcopy(case.net), 0.0
    for t in range(case.periods):
        for (table, column), frame in case.profiles.items():
            if table != "ext_grid":
                net[table].loc[frame.columns, column] = frame.iloc[t].to_numpy(dtype=float)
        net.sgen.loc[free, "p_mw"] *= share
        try:
            pp.runpp(net, tolerance_mva=1e-10, numba=False)
        except pp.LoadflowNotConverged:
            return math.inf
        # a margin: what is right at a limit may be called either
        vm, loading = net.res_bus.vm_pu.iloc[1:], net.res_line.loading_percent
        if not vm.between(0.9 + 1e-5, float(net.bus.max_vm_pu.iloc[0]) - 1e-5).all() or loading.max() > 99.99:
            return math.inf
        price = float(case.profiles["ext_grid", "price_per_mwh"].iloc[t, 0])
        spent = price * net.res_ext_grid.p_mw.sum() + (net.sgen.cost_per_mwh * net.sgen.p_mw).sum()
        total += float(spent) * case.hours
    return total


# --- one try -----------------------------------------------------------------------------------------


def outcome(case: Case) -> tuple[str, str]:
    """What came of a dispatch, and what is wrong with it; nothing where all is right."""
    import adnflex
    from adnflex.errors import Infeasible

    best = reached(case)
    begin = time.process_time()
    try:
        plan = adnflex.dispatch(case.net, profiles=case.profiles, hours_per_period=case.hours, **case.options)
    except Infeasible as error:
        if best < math.inf:
            return "infeasible", f"called infeasible, but {best:.6g} is reached: {error}"
        return ("infeasible" if error.proven else "not found"), ""
    except Exception as error:  # that is what is looked for
        return "error", f"{type(error).__name__}: {error}"[:300]
    spent = time.process_time() - begin
    check = adnflex.validate(plan, case.net)
    if not check.passed and plan.status != "not_passed":
        return plan.status, f"{plan.status}, but its own check fails: {check.verdict}"
    if check.passed and plan.status == "not_passed":
        return plan.status, "called not passed, but its check passes"
    if plan.bound > best + 1e-5 * abs(best) + 1e-6:
        return plan.status, f"bound {plan.bound:.8g} above {best:.8g}, which is reached"
    if plan.status == "not_passed" and best < math.inf:
        return plan.status, f"not passed, but {best:.6g} is reached: {check.verdict}"
    if spent > case.options["time_limit"] + 30:
        return plan.status, f"{spent:.0f} s for {case.options['time_limit']:g} s"
    return plan.status, ""


def campaign(tries: int, seed: int) -> list[dict[str, Any]]:
    """Run all kinds in turn."""
    rows = []
    for place, kind in enumerate(KINDS):
        count = len(range(place, tries, len(KINDS)))
        wrong, came = [], dict[str, int]()
        for k in range(count):
            case = feeder(kind, np.random.default_rng([seed, place, k]))
            word, fault = outcome(case)
            came[word] = came.get(word, 0) + 1
            if fault:
                wrong.append(f"seed {seed}, try {k}: {fault}")
        told = ", ".join(f"{n} {word}" for word, n in sorted(came.items()))
        rows.append({"kind": kind, "tries": count, "failures": len(wrong), "example": wrong[0] if wrong else told})
    return rows
