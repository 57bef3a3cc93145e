"""How much a whole call takes beside its conic solve: radial feeders without devices, and write the page.

    python validation/benchmarks/around_a_solve.py                  # all cases
    python validation/benchmarks/around_a_solve.py 1000x1           # one case
    python validation/benchmarks/around_a_solve.py --page           # only the page

A fresh process a case, one thread. The first call, which imports and caches, is not counted. The exit code is 0 only if
what ran holds.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import common  # noqa: E402

RESULTS, PAGE = HERE / "results", HERE / "around_a_solve.md"
# Buses and hours; the whole call may take so many times the solve.
CASES = {"1000x1": (1000, 1), "1000x24": (1000, 24), "10000x1": (10_000, 1)}
MOST = 3.0
REPEATS = 3


def feeder(buses: int, hours: int) -> tuple[Any, Any]:
    """A random tree of seed 0 whose loads follow one shape, and its profiles."""
    import numpy as np
    import pandapower as pp
    import pandas as pd

    rng = np.random.default_rng(0)
    net = pp.create_empty_network(sn_mva=1.0)
    bus = pp.create_buses(net, buses, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    parent = np.array([int(rng.integers(max(0, i - 8), i)) for i in range(1, buses)])
    pp.create_lines_from_parameters(net, parent, bus[1:], 0.1, 0.3, 0.3, 10.0, 1.0)
    pp.create_loads(net, bus[1:], p_mw=3.0 / buses, q_mvar=0.6 / buses)
    pp.create_ext_grid(net, 0, vm_pu=1.02)
    net.ext_grid["price_per_mwh"] = 50.0
    shape = 0.5 + 0.5 * np.sin(np.arange(hours) / 4) ** 2
    return net, {
        ("load", column): pd.DataFrame(np.outer(shape, net.load[column]), columns=net.load.index)
        for column in ("p_mw", "q_mvar")
    }


def job(key: str) -> common.Record:
    """Time whole calls of `adnflex.dispatch`, and Clarabel within."""
    import clarabel

    import adnflex

    spent = [0.0]
    plain = clarabel.DefaultSolver

    def timed(run: Any, *given: Any) -> Any:
        begin = time.process_time()
        answer = run(*given)
        spent[0] += time.process_time() - begin
        return answer

    class Timed:
        def __init__(self, *given: Any) -> None:
            self.inner = timed(plain, *given)

        def solve(self) -> Any:
            return timed(self.inner.solve)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    clarabel.DefaultSolver = Timed
    net, profiles = feeder(*CASES[key])
    runs = []
    for _ in range(REPEATS + 1):
        spent[0], begin, wall = 0.0, time.process_time(), time.perf_counter()
        plan = adnflex.dispatch(net, profiles=profiles, hours_per_period=1.0)
        runs.append((time.process_time() - begin, spent[0], time.perf_counter() - wall))
    whole, solver, wall = min(runs[1:])
    return {"buses": len(net.bus), "hours": CASES[key][1], "status": plan.status, "cpu": whole, "solver": solver,
            "seconds": wall, "environment": common.environment()}  # fmt: skip


def faults(record: common.Record) -> list[str]:
    """What does not hold."""
    ratio = record["cpu"] / record["solver"]
    found = [] if record["status"] == "optimal" else [f"it ended {record['status']}"]
    return found if ratio <= MOST else [*found, f"the whole call takes {ratio:.1f} times the solve, not {MOST:g}"]


HEAD = """# A whole call beside its conic solve

Written by `around_a_solve.py` beside this page; do not edit it. `adnflex.dispatch` of random radial feeders without
devices, from a net in memory to the checked plan: reading, model, Clarabel, tables, and the audit of every hour in AC.
CPU seconds of one thread, the fastest of three calls after a first one. To hold: the whole takes at most three times
the solve.

{verdict}

"""


def page(records: dict[str, common.Record]) -> str:
    """Return the page of what is stored."""
    rows = [
        [key, f"{r['cpu']:.2f}", f"{r['solver']:.2f}", f"{r['cpu'] / r['solver']:.1f}", f"{r['seconds']:.2f}"]
        for key, r in records.items()
    ]
    missed = [f"* `{key}`: {text}" for key, r in records.items() for text in faults(r)]
    verdict = "\n".join(["**Not everything holds:**", "", *missed]) if missed else "Everything holds."
    table = common.table(["buses x hours", "whole, CPU s", "Clarabel, CPU s", "ratio", "whole, wall s"], rows)
    return HEAD.format(verdict=verdict) + table + "\n"


def main() -> int:
    """Run what is asked for."""
    parser = common.parser(__doc__, CASES, 600.0)
    arguments = parser.parse_args()
    if arguments.job:
        common.answer(arguments.answer, job(**json.loads(arguments.job)))
        return 0
    code = 0
    for key in common.chosen(parser, arguments, CASES):
        record = common.fresh(__file__, {"key": key}, 600.0)
        common.save(RESULTS, f"around_a_solve_{key}", record)
        found = ["error" in record and str(record["error"])] if "error" in record else faults(record)
        print(f"{key}: {'; '.join(map(str, found)) if found else 'holds'}", flush=True)
        code = 1 if found else code
    stored = {key: r for key in CASES for r in common.load(RESULTS, [f"around_a_solve_{key}"]).values()}
    PAGE.write_text(page(stored), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
