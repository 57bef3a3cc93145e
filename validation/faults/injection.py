"""Every fault of a solver, at every kind of call, under every verb: the answer is honest, or an error of adnflex.

The nets are small, so that the truth is known from a run without faults.
"""

from __future__ import annotations

import functools
import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandapower as pp
import pandas as pd
from pandapower import pandapowerNet

import adnflex
from adnflex.errors import AdnflexError, Infeasible
from adnflex.problems.rolling import RollingCase
from adnflex.solvers.injection import FAULTS, KINDS, injected

TRIES = 400
ABOUT = (
    "Solvers are made to give up, run out of time, err, and to return wrong points and wrong bounds, at every kind of "
    "call and with every probability. Right is an answer whose bound holds and whose plan passes its own check, or an "
    "error that says what was not solved; never a refutation of what exists."
)

# Relative difference between two runs that is none.
_SAME = 1e-3


class Truth(NamedTuple):
    """What a run without faults proves: the optimum lies between both."""

    low: float
    high: float


def ring(devices: bool = True) -> pandapowerNet:
    """Seven buses, two ties; a storage and an inverter where devices are asked for."""
    net = pp.create_empty_network(sn_mva=1.0)
    buses = [pp.create_bus(net, 12.66, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(7)]
    pp.create_ext_grid(net, buses[0])
    net.ext_grid["price_per_mwh"] = 100.0
    for a, b, closed in ((0, 1, 1), (1, 2, 1), (2, 3, 1), (0, 4, 1), (4, 5, 1), (5, 6, 1), (3, 6, 0), (2, 5, 0)):
        line = pp.create_line_from_parameters(
            net, buses[a], buses[b], 1.0, 0.4, 0.3, 0.0, 0.3, max_loading_percent=100.0, in_service=bool(closed)
        )
        assert line == len(net.line) - 1
    for k in range(1, 7):
        pp.create_load(net, buses[k], 0.2 + 0.15 * k, 0.1, controllable=False)
    if devices:
        pp.create_sgen(net, buses[3], 0.6, sn_mva=0.8, max_p_mw=0.6, min_p_mw=0.0, controllable=True)
        pp.create_storage(
            net, buses[5], 0.0, max_e_mwh=0.8, min_e_mwh=0.1, soc_percent=50.0, min_p_mw=-0.3, max_p_mw=0.3,
            controllable=True,
        )  # fmt: skip
        net.storage["efficiency_percent"] = 90.0
    return net


def tapped() -> pandapowerNet:
    """The ring behind a transformer whose positions are decided too."""
    net = ring()
    high = pp.create_bus(net, 110.0)
    net.ext_grid["bus"] = high
    pp.create_transformer_from_parameters(
        net, high, 0, sn_mva=10.0, vn_hv_kv=110.0, vn_lv_kv=12.66, vkr_percent=0.5, vk_percent=10.0, pfe_kw=5.0,
        i0_percent=0.05, tap_side="hv", tap_neutral=0, tap_min=-1, tap_max=1, tap_step_percent=2.0, tap_pos=0,
        tap_changer_type="Ratio",
    )  # fmt: skip
    net.trafo["controllable"] = True
    return net


def day() -> RollingCase:
    """Four hours of two vehicles, a storage, sun, and a site of reactive power."""
    net = pp.create_empty_network()
    buses = [pp.create_bus(net, 12.66, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(3)]
    pp.create_ext_grid(net, buses[0])
    for a, b in ((0, 1), (1, 2)):
        pp.create_line_from_parameters(net, buses[a], buses[b], 1.0, 0.1, 0.1, 0.0, 1.0)
    pp.create_sgen(net, buses[1], 0.05, type="PV", controllable=False)
    pp.create_sgen(
        net, buses[2], 0.0, type="svc", min_p_mw=0.0, max_p_mw=0.0, min_q_mvar=-0.1, max_q_mvar=0.3, controllable=True
    )
    pp.create_storage(
        net, buses[1], 0.0, max_e_mwh=0.1, min_e_mwh=0.01, soc_percent=50.0, min_p_mw=-0.02, max_p_mw=0.03,
        controllable=True,
    )  # fmt: skip
    net.storage["efficiency_percent"] = 100.0
    pp.create_load(net, buses[2], 0.0, type="ev", controllable=True)
    pp.create_load(net, buses[2], 0.4, 0.3, controllable=False)
    rows = [(0, 0, 3, 13.2, 19.8), (1, 2, 4, 6.6, 6.6)]
    vehicles = pd.DataFrame(rows, columns=["vehicle", "arrival", "departure", "need_kwh", "max_kwh"])
    net["ev"] = vehicles.assign(load=0, p_max_mw=6.6e-3)
    net.ext_grid["price_per_mwh"], net.ext_grid["profile"] = 1.0, "flat"
    net["profiles"] = {"ext_grid": pd.DataFrame({"flat_price": [100.0, 50.0, 120.0, 80.0]})}
    net["study"] = {
        "hours": 4,
        "ev_price_per_mwh": 120.0, "ev_subsidy_per_vehicle": 1.0, "exchange_limit_mw": 0.1,
    }  # fmt: skip
    return RollingCase.from_net(net, renewables=_Steady())


class _Steady:
    hours, count = 4, 1

    def sample(self, state: Any, hour: int, n: int, rng: np.random.Generator) -> np.ndarray:
        last = np.full(self.count, 0.02) if state is None else np.asarray(state)[-1]
        return last * rng.uniform(0.8, 1.2, (n, self.hours - hour - 1, self.count))


def _scenarios(net: pandapowerNet) -> Any:
    from adnflex.scenarios import ScenarioSet

    own = _flat(net)["load", "p_mw"]
    return ScenarioSet.from_profiles([{("load", "p_mw"): own}, {("load", "p_mw"): 1.2 * own}])


# --- verbs: each returns (what is judged) or raises ---------------------------------------------------------------

_LIMIT = 20.0
_TWO = {"hours_per_period": 1.0}


def _flat(net: pandapowerNet) -> Any:
    own = net.load.p_mw
    return {("load", "p_mw"): pd.DataFrame([own.to_numpy(), 0.5 * own.to_numpy()], columns=own.index)}


def _reconfigure(solver: str) -> tuple[Any, pandapowerNet]:
    net = ring(False)
    return adnflex.reconfigure(net, solver=solver, time_limit=_LIMIT, workers=1, gap=1e-4), net


def _dispatch(solver: str = "auto", exact: bool = False, taps: bool = True) -> tuple[Any, pandapowerNet]:
    net = tapped() if taps else ring()
    options = {"profiles": _flat(net), **_TWO}
    return adnflex.dispatch(net, solver=solver, exact=exact, time_limit=_LIMIT, **options), net


def _switching() -> tuple[Any, pandapowerNet]:
    net = ring()
    return adnflex.dispatch(net, windows=None, time_limit=_LIMIT, **_TWO), net


def _flexibility() -> tuple[Any, pandapowerNet]:
    net = ring()
    return adnflex.flexibility(net, profiles=_flat(net), time_limit=_LIMIT, **_TWO), net


def _flexible_switches() -> tuple[Any, pandapowerNet]:
    net = ring()
    found = adnflex.reconfigure_for_flexibility(
        net, profiles=_flat(net), time_limit=_LIMIT, workers=1, search_time=0.3, **_TWO
    )
    return found, net


def _region() -> tuple[Any, pandapowerNet]:
    net = ring()
    return adnflex.pq_region(net, directions=8, time_limit=_LIMIT, **_TWO), net


def _rolling(policy: str) -> tuple[Any, pandapowerNet]:
    case = day()
    run = adnflex.schedule_rolling(case, policy, **({"simulations": 2} if policy == "rollout" else {}))
    return run, case.net


def _information() -> tuple[Any, pandapowerNet]:
    net = ring()
    scenarios = _scenarios(net)
    options = {"time_limit": _LIMIT, **_TWO}
    plan = adnflex.dispatch(net, scenarios=scenarios, **options)
    return adnflex.value_of_information(plan, net, scenarios, **options), net


def _out_of_sample() -> tuple[Any, pandapowerNet]:
    net = ring()
    plan = adnflex.dispatch(net, scenarios=_scenarios(net), time_limit=_LIMIT, **_TWO)
    return adnflex.out_of_sample(plan, net, _scenarios(net), time_limit=_LIMIT), net


def _pareto() -> tuple[Any, pandapowerNet]:
    net = ring()
    net.ext_grid["co2_kg_per_mwh"] = 300.0
    return adnflex.pareto(net, points=2, time_limit=_LIMIT, profiles=_flat(net), **_TWO), net


VERBS: dict[str, Callable[[], tuple[Any, pandapowerNet]]] = {
    "reconfigure": functools.partial(_reconfigure, "auto"),
    "reconfigure by highs": functools.partial(_reconfigure, "highs"),
    "reconfigure by scip": functools.partial(_reconfigure, "scip"),
    "dispatch": _dispatch,
    "dispatch without positions": functools.partial(_dispatch, taps=False),
    "dispatch by scip": functools.partial(_dispatch, "scip"),
    "dispatch exact": functools.partial(_dispatch, "scip", True),
    "dispatch with switches": _switching,
    "flexibility": _flexibility,
    "reconfigure for flexibility": _flexible_switches,
    "pq_region": _region,
    "schedule_rolling mpc": functools.partial(_rolling, "mpc:mean"),
    "schedule_rolling feeder": functools.partial(_rolling, "feeder:pool"),
    "schedule_rolling rollout": functools.partial(_rolling, "rollout"),
    "value_of_information": _information,
    "out_of_sample": _out_of_sample,
    "pareto": _pareto,
}


@functools.cache
def truth(verb: str) -> Truth:
    """Run a verb without faults."""
    answer, _ = VERBS[verb]()
    if isinstance(answer, adnflex.Plan | adnflex.DispatchPlan):
        return Truth(answer.bound, answer.objective)
    if isinstance(answer, adnflex.Flexibility):
        return Truth(answer.linear.worth, answer.linear.bound)
    return Truth(math.nan, math.nan)


def wrong(verb: str, answer: Any, net: pandapowerNet) -> str:
    """Say what of an answer is not honest; empty where it is."""
    known = truth(verb)
    if isinstance(answer, adnflex.Plan | adnflex.DispatchPlan):
        return _wrong_plan(known, answer, net)
    if isinstance(answer, adnflex.Flexibility):
        return _wrong_box(known, answer, net)
    if isinstance(answer, adnflex.Region):
        check = adnflex.validate(answer, net)
        return "" if check.passed else f"the region fails its check: {check.summary()[:200]}"
    if isinstance(answer, adnflex.RollingRun):
        check = adnflex.validate(answer, net)
        return "" if check.passed else f"the day fails its check: {check.summary()[:200]}"
    if isinstance(answer, adnflex.Pareto):
        return "; ".join(filter(None, (_wrong_plan(None, p, net) for p in answer.plans)))
    return ""


def _wrong_plan(known: Truth | None, plan: Any, net: pandapowerNet) -> str:
    off = _SAME * abs(plan.objective) + 1e-6
    if known is not None and plan.bound > known.high + off:
        return f"bound {plan.bound:.6g} above a plan of {known.high:.6g}"
    if plan.bound > plan.objective + off:
        return f"bound {plan.bound:.6g} above its own plan of {plan.objective:.6g}"
    if known is not None and plan.status == "optimal" and plan.objective > known.high * (1 + 2e-3) + 1e-6:
        return f"optimal at {plan.objective:.6g}, where {known.high:.6g} is known"
    if plan.status == "optimal" and not math.isfinite(plan.bound):
        return "optimal without a bound"
    check = adnflex.validate(plan, net)
    if not check.passed and plan.status not in ("not_passed",):
        return f"{plan.status}, but the plan fails its check: {check.summary()[:200]}"
    return ""


def _wrong_box(known: Truth, box: Any, net: pandapowerNet) -> str:
    off = _SAME * abs(known.low) + 1e-6
    if box.linear.bound < known.low - off:
        return f"bound {box.linear.bound:.6g} below a box of {known.low:.6g}"
    if box.linear.status == "optimal" and box.linear.worth < known.low - off:
        return f"optimal at {box.linear.worth:.6g}, where {known.low:.6g} is known"
    check = adnflex.validate(box, net, trajectories=20, levels=None)
    return "" if check.passed else f"the box fails its check: {check.summary()[:200]}"


def tried(verb: str, fault: str, share: float, seed: int, kinds: tuple[str, ...] = KINDS, after: int = 0) -> str:
    """Run a verb with a fault; say what was wrong with the outcome, empty where nothing was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        truth(verb)
        try:
            with injected(fault, share, seed, kinds, after):
                answer, net = VERBS[verb]()
        except Infeasible as error:
            return f"what exists is called infeasible, proven: {error}" if error.proven else ""
        except AdnflexError:
            return ""
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return wrong(verb, answer, net)


def campaign(tries: int, seed: int) -> list[dict[str, Any]]:
    """Try all verbs and faults with certainty, then at random."""
    rng = np.random.default_rng(seed)
    cells = list(itertools.product(VERBS, FAULTS))
    outcomes: dict[tuple[str, str], list[str]] = {cell: [] for cell in cells}
    for k in range(max(tries, 1)):
        verb, fault = cells[k % len(cells)]
        sure = k < len(cells)
        share = 1.0 if sure else float(rng.choice([0.1, 0.3, 0.6, 1.0]))
        kinds = KINDS if sure or rng.random() < 0.5 else (str(rng.choice(KINDS)),)
        after = 0 if sure else int(rng.choice([0, 0, 1, 3, 10]))
        what = tried(verb, fault, share, int(rng.integers(1 << 30)), kinds, after)
        outcomes[verb, fault].append(what and f"share {share:g}, {'/'.join(kinds)}, after {after}: {what}")
    return [
        {
            "kind": f"{verb}: {fault}",
            "tries": len(found),
            "failures": sum(bool(f) for f in found),
            "example": next((f for f in found if f), ""),
        }
        for (verb, fault), found in outcomes.items()
        if found
    ]
