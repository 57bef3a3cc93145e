"""One topology for a year of quarter-hours on SimBench networks, and for a day of feeders; writes the page.

    python validation/many_hours/run.py                        # every network
    python validation/many_hours/run.py 1-MV-urban--0-sw       # this one
    python validation/many_hours/run.py case118zh case118zh-pv # days of 24 hours, without and with photovoltaics
    python validation/many_hours/run.py --page                 # only the page, from the stored results

Each network runs in a process of its own and is stored under ``results/``; the page is made of all that is stored. The
exit code is 0 only if every network that ran holds what the page promises.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import common

YEARS = ("1-MV-urban--0-sw", "1-MV-semiurb--0-sw", "1-MV-rural--0-sw", "1-MV-comm--0-sw")
# Days of feeders, and what of their losses may be left unproven.
DAYS = {
    f"{name}{pv}": most
    for name, most in (("case70da", 0.005), ("case118zh", 0.02), ("case136ma", 0.02))
    for pv in ("", "-pv")
}
CASES = (*YEARS, *DAYS)
# Of a day: where a search stops, and photovoltaics as a part of the highest load.
DAY_GAP, DAY_LIMIT, PV_SHARE = 1e-3, 300.0, 0.3
# Where a search stops; what of the losses may be left unproven, and how much memory may be used [MiB].
GAP, TIME_LIMIT = 0.01, 600.0
ALLOWED_GAP, ALLOWED_MB = 0.01, 2048.0
# Largest difference of the plan's losses to power flow in a period [MWh].
SAME = 1e-6


def solve(key: str, gap: float, time_limit: float) -> common.Record:
    """Plan a year or a day, check it, and say what came out."""
    import adnflex
    from adnflex.errors import Infeasible

    net, asked = _opened(key)
    if key in DAYS:
        gap, time_limit = min(gap, DAY_GAP), min(time_limit, DAY_LIMIT)
    begin, cpu = time.monotonic(), _cpu()
    try:
        plan = adnflex.reconfigure(net, gap=gap, time_limit=time_limit, **asked)
    except Infeasible as error:
        return {"infeasible": str(error), "proven": error.proven, "seconds": time.monotonic() - begin}
    seconds, cpu = time.monotonic() - begin, _cpu() - cpu
    memory = _peak_mb()
    begin = time.monotonic()
    check = adnflex.validate(plan, net)
    periods, hours = plan.periods, plan.hours_per_period
    broken = {name: int((periods[name] > 0).sum()) for name in ("violation", "violation_before", "violation_peak")}
    return {
        "buses": len(net.bus),
        "periods": len(periods),
        "status": plan.status,
        "before_mwh": plan.energy_before_mwh,
        "peak_mwh": float((periods["loss_peak_mw"] * periods["weight"]).sum() * hours),
        "plan_mwh": plan.energy_mwh,
        "idle_mwh": _idle_mw(net) * hours * len(periods),
        "bound_mwh": plan.bound,
        "gap": plan.gap,
        "broken": broken,
        "operations": plan.operations,
        "solver": plan.solver,
        "passed": check.passed,
        "verdict": check.verdict,
        "deviation_mwh": check.deviation_mwh,
        "certificate": check.certificate,
        "seconds": seconds,
        "cpu_s": cpu,
        "check_seconds": time.monotonic() - begin,
        "peak_mb": memory,
        "peak_check_mb": _peak_mb(),
    }


def _opened(key: str) -> tuple[Any, dict[str, Any]]:
    """Return a net and which periods are asked for."""
    from adnflex.sources import open_net

    if key in YEARS:
        return open_net(f"simbench:{key}")[0], {"year": True}
    from tests.day33 import day_of

    name, _, pv = key.partition("-")
    net, _ = open_net(f"matpower:{name}")
    return net, {"profiles": day_of(net, PV_SHARE if pv else 0.0), "hours_per_period": 1.0}


def _idle_mw(net: Any) -> float:
    """Losses where nothing is drawn or fed in, which no switch can change much [MW]."""
    import copy

    import pandapower as pp

    idle = copy.deepcopy(net)
    for table in ("load", "sgen", "storage"):
        idle[table]["in_service"] = False
    pp.runpp(idle, numba=False)
    return float(idle.res_line.pl_mw.sum() + idle.res_trafo.pl_mw.sum())


def _cpu() -> float:
    """CPU seconds of this process and of its workers that have ended."""
    import resource

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def _peak_mb() -> float | None:
    """Largest memory that this process has had [MiB]."""
    with contextlib.suppress(ImportError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return None


def faults(key: str, record: common.Record) -> list[str]:
    """What of the promise does not hold."""
    if "error" in record:
        return [str(record["error"])]
    if "infeasible" in record:
        return [f"no plan: {record['infeasible']}"]
    found = []
    if not record["passed"]:
        found.append(f"the check does not pass: {record['verdict']}")
    if record["broken"]["violation"]:
        found.append(f"limits break in {record['broken']['violation']} periods of the plan")
    allowed = DAYS.get(key, ALLOWED_GAP)
    if common.number(record["gap"]) > allowed:
        found.append(f"{common.percent(record['gap'])} of the losses are not proven, not {common.percent(allowed, 1)}")
    if record["deviation_mwh"] > SAME:
        found.append(f"a period loses {record['deviation_mwh']:.1e} MWh more or less in power flow")
    if max(record["peak_mb"] or 0.0, record["peak_check_mb"] or 0.0) > ALLOWED_MB:
        found.append(f"{record['peak_check_mb']:.0f} MiB of memory, not {ALLOWED_MB:.0f}")
    return found


def line(record: common.Record) -> str:
    """One line for the terminal."""
    return (
        f"{record['before_mwh']:.2f} -> {record['plan_mwh']:.2f} MWh, bound {record['bound_mwh']:.2f}, "
        f"gap {common.percent(record['gap'])}, {record['cpu_s']:.0f} CPU s"
    )


def page(records: dict[str, common.Record]) -> str:
    """Make the page."""
    ran = {key: r for key, r in records.items() if "error" not in r and "infeasible" not in r}
    years, days = ({k: r for k, r in ran.items() if (k in DAYS) is day} for day in (False, True))
    return PAGE.format(
        verdict=common.verdict({key: f for key, record in records.items() if (f := faults(key, record))}),
        plans=_plans(years),
        proofs=_proofs(years),
        checks=_checks(years),
        days=_days(days) if days else "No day was run yet.",
        environment=common.environment_text(ran),
        load=common.load_text({key: record.get("busy_cores_before") for key, record in ran.items()}),
        gap=common.gaps_text(years) if years else "–",
        limit=common.limits_text(years) if years else "–",
        day_gap=common.percent(DAY_GAP, 1),
        day_limit=" or ".join(sorted({f"{min(DAY_LIMIT, r['options']['time_limit']):.0f}" for r in days.values()}))
        or "–",
        pv=common.percent(PV_SHARE, 0),
    )


def _plans(ran: dict[str, common.Record]) -> str:
    """Tabulate what the plans lose, beside what is there and what is best in the peak hour."""
    rows = []
    for key, r in ran.items():
        saved, broken = r["before_mwh"] - r["plan_mwh"], r["broken"]
        rows.append(
            [
                f"`{key}`",
                f"{r['before_mwh']:.2f} ({broken['violation_before']})",
                f"{r['peak_mwh']:.2f} ({broken['violation_peak']})",
                f"**{r['plan_mwh']:.2f}** ({broken['violation']})",
                f"{saved:.2f} ({common.percent(saved / r['before_mwh'], 1)})",
                str(r["operations"]),
            ]
        )
    return common.table(["network", "present", "peak hour's best", "plan", "saved", "operations"], rows)


def _proofs(ran: dict[str, common.Record]) -> str:
    """Tabulate bounds, times and memory."""
    rows = []
    for key, r in ran.items():
        open_mwh, moved = r["plan_mwh"] - common.number(r["bound_mwh"]), r["plan_mwh"] - r["idle_mwh"]
        rows.append(
            [
                f"`{key}`",
                f"{common.number(r['bound_mwh']):.2f}",
                f"{open_mwh:.2f}",
                f"**{common.percent(r['gap'])}**",
                f"{r['idle_mwh']:.2f}",
                common.percent(open_mwh / moved, 1),
                common.seconds(r["seconds"]) + ("" if r["status"] == "optimal" else f" ({r['status']})"),
                f"{r['cpu_s']:.0f}",
                f"{r['peak_mb']:.0f} / {r['peak_check_mb']:.0f}",
            ]
        )
    head = ["network", "bound, MWh", "open, MWh", "of all", "idle, MWh", "of the rest", "s", "CPU s", "MiB"]
    return common.table(head, rows)


def _checks(ran: dict[str, common.Record]) -> str:
    """Tabulate what power flow says."""
    rows = [
        [f"`{key}`", r["verdict"], f"{r['deviation_mwh']:.1e}", common.seconds(r["check_seconds"])]
        for key, r in ran.items()
    ]
    return common.table(["network", "verdict", "largest difference, MWh", "s"], rows)


def _days(ran: dict[str, common.Record]) -> str:
    """Tabulate the days."""
    rows = []
    for key, r in ran.items():
        broken = r["broken"]
        rows.append(
            [
                f"`{key}`",
                f"{1e3 * r['before_mwh']:.1f} ({broken['violation_before']})",
                f"{1e3 * r['peak_mwh']:.1f} ({broken['violation_peak']})",
                f"**{1e3 * r['plan_mwh']:.1f}** ({broken['violation']})",
                f"{1e3 * common.number(r['bound_mwh']):.1f}",
                f"**{common.percent(r['gap'])}** of {common.percent(DAYS[key], 1)}",
                common.seconds(r["seconds"]) + ("" if r["status"] == "optimal" else f" ({r['status']})"),
                f"{r['cpu_s']:.0f}",
                r["verdict"],
            ]
        )
    head = ["feeder", "present", "peak hour's best", "plan", "bound", "gap", "s", "CPU s", "in full AC power flow"]
    return common.table(head, rows)


PAGE = """# One topology for a year

Written by `run.py` beside this page; do not edit it. SimBench networks with the profiles of their year, 35,136
quarter-hours, all limits of the networks in every one; one set of switch states with least energy lost, beside the
present ones and those that are best in the quarter-hour of highest losses. Energy lost in MWh, in brackets the
quarter-hours in which a limit breaks.

{verdict}

## Plans

{plans}

## What is proven

{proofs}

* *bound*: no radial states that keep every limit in every quarter-hour lose less. *open*: between plan and bound, in
  MWh and as a part of all losses. Searches were to stop at a gap of {gap} or after {limit} s.
* *idle*: what the network loses where nothing is drawn or fed in, iron of transformers above all; no switch can change
  that by much. *of the rest*: the open MWh as a part of all other losses.
* *s*: from the net in memory to the plan; *CPU s*: of this process and its workers that had ended. *MiB*: most memory
  of the main process, of the plan and with its check.

## The same plans in full AC power flow

{checks}

Every quarter-hour by the exact kernel, a sample of 100 and the 100 nearest to a limit by `runpp`.

## A day of 24 hours

Feeders of MATPOWER with three shapes of load by bus (homes, work, steady; bus number modulo 3); `-pv`: photovoltaics at
every third load, together {pv} of the highest load. Energy lost in kWh, in brackets the hours in which a limit breaks;
searches were to stop at a gap of {day_gap} or after {day_limit} s.

{days}

## Where and when

{environment}

{load}
"""


if __name__ == "__main__":
    sys.exit(common.study(__file__, __doc__, CASES, GAP, TIME_LIMIT, solve, faults, line, page))
