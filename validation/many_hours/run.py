"""One topology for a year of quarter-hours on SimBench networks, proven and checked; writes the page.

    python validation/many_hours/run.py                        # every network
    python validation/many_hours/run.py 1-MV-urban--0-sw       # this one
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

CASES = ("1-MV-urban--0-sw", "1-MV-semiurb--0-sw", "1-MV-rural--0-sw", "1-MV-comm--0-sw")
# Where a search stops; what of the losses may be left unproven, and how much memory may be used [MiB].
GAP, TIME_LIMIT = 0.01, 600.0
ALLOWED_GAP, ALLOWED_MB = 0.01, 2048.0
# Largest difference of the plan's losses to power flow in a period [MWh].
SAME = 1e-6


def solve(key: str, gap: float, time_limit: float) -> common.Record:
    """Plan a year, check it, and say what came out."""
    import adnflex
    from adnflex.errors import Infeasible
    from adnflex.sources import open_net

    net, _ = open_net(f"simbench:{key}")
    begin, cpu = time.monotonic(), _cpu()
    try:
        plan = adnflex.reconfigure(net, year=True, gap=gap, time_limit=time_limit)
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
        found.append(f"limits break in {record['broken']['violation']} quarter-hours of the plan")
    if common.number(record["gap"]) > ALLOWED_GAP:
        found.append(
            f"{common.percent(record['gap'])} of the losses are not proven, not {common.percent(ALLOWED_GAP, 0)}"
        )
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
    plans, proofs, checks = [], [], []
    for key, r in ran.items():
        saved, open_mwh = r["before_mwh"] - r["plan_mwh"], r["plan_mwh"] - common.number(r["bound_mwh"])
        moved, broken = r["plan_mwh"] - r["idle_mwh"], r["broken"]
        plans.append(
            [
                f"`{key}`",
                f"{r['before_mwh']:.2f} ({broken['violation_before']})",
                f"{r['peak_mwh']:.2f} ({broken['violation_peak']})",
                f"**{r['plan_mwh']:.2f}** ({broken['violation']})",
                f"{saved:.2f} ({common.percent(saved / r['before_mwh'], 1)})",
                str(r["operations"]),
            ]
        )
        proofs.append(
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
        checks.append([f"`{key}`", r["verdict"], f"{r['deviation_mwh']:.1e}", common.seconds(r["check_seconds"])])
    return PAGE.format(
        verdict=common.verdict({key: f for key, record in records.items() if (f := faults(key, record))}),
        plans=common.table(["network", "present", "peak hour's best", "plan", "saved", "operations"], plans),
        proofs=common.table(
            ["network", "bound, MWh", "open, MWh", "of all", "idle, MWh", "of the rest", "s", "CPU s", "MiB"], proofs
        ),
        checks=common.table(["network", "verdict", "largest difference, MWh", "s"], checks),
        environment=common.environment_text(ran),
        load=common.load_text({key: record.get("busy_cores_before") for key, record in ran.items()}),
        gap=common.gaps_text(ran) if ran else "–",
        limit=common.limits_text(ran) if ran else "–",
    )


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

## Where and when

{environment}

{load}
"""


if __name__ == "__main__":
    sys.exit(common.study(__file__, __doc__, CASES, GAP, TIME_LIMIT, solve, faults, line, page))
