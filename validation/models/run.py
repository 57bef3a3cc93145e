"""Solve the Pyomo model of every verb at full size by plain Pyomo and SCIP, beside the verb, and write the page.

    python validation/models/run.py                # everything: about a quarter of an hour
    python validation/models/run.py reconfigure    # one verb
    python validation/models/run.py --page         # only the page

The exit code is 0 only if every optimum agrees with what the verb says.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
# Relative difference that both may have: the gap that the verb was asked for, and SCIP's tolerance of 1e-6.
ALLOWED = 2e-4
SECONDS = 900.0


def by_scip(model: Any) -> dict[str, Any]:
    """Optimum and bound by plain Pyomo."""
    import pyomo.environ as pyo

    begin = time.process_time()
    result = pyo.SolverFactory("scip_direct").solve(model, timelimit=SECONDS)
    return {
        "scip": float(pyo.value(model.objective)),
        "ending": str(result.solver.termination_condition),
        "cpu_s": round(time.process_time() - begin, 1),
    }


def _reconfigure() -> dict[str, Any]:
    import pandapower.networks as pn

    import adnflex

    net = pn.case33bw()
    plan = adnflex.reconfigure(net)
    return {"verb": plan.objective, "unit": "MW", **by_scip(adnflex.model(net, "reconfigure"))}


def _dispatch() -> dict[str, Any]:
    import adnflex
    from adnflex import networks

    net = networks.study(networks.load("ieee33_dispatch"), "2")
    plan = adnflex.dispatch(net, gap=1e-5)
    return {"verb": plan.objective, "unit": plan.currency, **by_scip(adnflex.model(net, "dispatch"))}


def _flexibility(program: str) -> dict[str, Any]:
    import adnflex
    from adnflex import networks

    net = networks.load("park33_flexibility")
    linear = adnflex.flexibility(net).linear
    found = by_scip(adnflex.model(net, "flexibility", program=program))
    found["scip"] = abs(found["scip"])
    return {"verb": linear.worth if program == "box" else linear.bound, "unit": "MWh", **found}


def _switched() -> dict[str, Any]:
    import adnflex
    from adnflex import networks

    net, few = networks.load("park33_flexibility"), {"periods": [10, 14]}
    linear = adnflex.reconfigure_for_flexibility(net, **few).linear
    found = by_scip(adnflex.model(net, "reconfigure_for_flexibility", program="bound", **few))
    found["scip"] = abs(found["scip"])
    return {"verb": linear.bound, "unit": "MWh", **found}


def _region() -> dict[str, Any]:
    import pandapower.networks as pn

    import adnflex

    net = pn.create_cigre_network_mv(with_der="pv_wind")
    net.sgen["controllable"], net.sgen["sn_mva"] = True, 1.1 * net.sgen.p_mw
    net.sgen["min_p_mw"], net.sgen["max_p_mw"] = 0.0, net.sgen.p_mw
    net.sgen["min_q_mvar"], net.sgen["max_q_mvar"] = -net.sgen.sn_mva, net.sgen.sn_mva
    knobs = {"vm_limits": (0.9, 1.1)}
    plane = adnflex.pq_region(net, directions=8, **knobs).halfplanes.iloc[0]
    normal = (plane["normal_p"], plane["normal_q"])
    found = by_scip(adnflex.model(net, "pq_region", normal=normal, exact=True, **knobs))
    found["scip"] = -found["scip"]
    return {"verb": float(plane["reached_mva"]), "unit": "MVA", **found}


def _restoration() -> dict[str, Any]:
    import pandapower.networks as pn

    import adnflex

    net, knobs = pn.case33bw(), {"outage": ("line", 3), "vm_limits": (0.93, 1.1)}
    found = by_scip(adnflex.model(net, "restore", exact=True, **knobs))
    found["scip"] = -found["scip"]
    return {"verb": adnflex.restore(net, **knobs).restored_mw, "unit": "MW", **found}


def _rolling() -> dict[str, Any]:
    import adnflex
    from adnflex.problems.rolling.days import draw_day
    from adnflex.problems.rolling.mpc import Mpc
    from adnflex.problems.rolling.planning import plan
    from adnflex.problems.rolling.scheduler import observation_of

    case = adnflex.RollingCase.load("rolling33")
    asked: list[Any] = []

    class Watched(Mpc):
        def asked(self, state: Any, rng: Any) -> Any:
            asked.append(super().asked(state, rng))
            return asked[-1]

    adnflex.RollingScheduler(case, Watched(case, 20), seed=1).step(observation_of(draw_day(case, 1, 0), 0))
    model = adnflex.model(case.net, "schedule_rolling", policy="mpc:20", hour=0)
    return {"verb": plan(*asked[0]).cost, "unit": case.currency, **by_scip(model)}


STUDIES: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "reconfigure": ("case33bw, all lines switchable", _reconfigure),
    "dispatch": ("ieee33_dispatch, study 2, 24 periods", _dispatch),
    "flexibility": ("park33_flexibility, 24 periods: the box followed hour by hour", lambda: _flexibility("box")),
    "flexibility_bound": ("the same: the master problem", lambda: _flexibility("bound")),
    "reconfigure_for_flexibility": ("park33_flexibility, 2 periods, all lines switchable: the bound", _switched),
    "pq_region": ("CIGRE MV with 9 inverters: the exact equations, largest import", _region),
    "restore": ("case33bw, line 3 out, 0.93 to 1.1 pu, three operations: the exact equations", _restoration),
    "schedule_rolling": ("rolling33, hour 0, 20 scenarios", _rolling),
}


def page(results: dict[str, dict[str, Any]]) -> str:
    """Return the page of all that is stored."""
    rows = [
        f"| `{name.split('_bound')[0]}` | {STUDIES[name][0]} | {r['verb']:.8g} {r['unit']} | {r['scip']:.8g} | "
        f"{difference(r):.1e} | {r['cpu_s']:.1f} |"
        for name, r in results.items()
    ]
    return "\n".join(
        [
            "# The models, solved by another solver",
            "",
            "`adnflex.model(net, verb)` gives the Pyomo model that a verb solves. Here SCIP solves it by plain Pyomo,",
            "without anything of adnflex, at full size. Made by `validation/models/run.py`.",
            "",
            "| verb | case | the verb says | SCIP says | difference | CPU of SCIP [s] |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def difference(record: dict[str, Any]) -> float:
    """Relative difference of both optima."""
    return abs(record["verb"] - record["scip"]) / max(abs(record["verb"]), 1e-9)


def main(words: list[str]) -> int:
    """Run what is asked for."""
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    wanted = [w for w in words if w in STUDIES] or ([] if "--page" in words else list(STUDIES))
    for name in wanted:
        results[name] = STUDIES[name][1]()
        print(name, results[name], flush=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    ordered = {name: results[name] for name in STUDIES if name in results}
    (HERE / "README.md").write_text(page(ordered), encoding="utf-8")
    return int(any(difference(r) > ALLOWED for r in ordered.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
