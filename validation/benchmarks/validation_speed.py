"""Time the judge of many states beside a loop of ``runpp`` over 200 of them in the same process, and write the page.

    python validation/benchmarks/validation_speed.py                # all cases
    python validation/benchmarks/validation_speed.py day33          # one case
    python validation/benchmarks/validation_speed.py --page         # only the page

One thread, a fresh process a case. Results are stored under ``results/``, one file a case; the page is made of all that
is stored. The exit code is 0 only if what ran holds.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import common  # noqa: E402

RESULTS, PAGE = HERE / "results", HERE / "validation_speed.md"
# States that runpp is timed on, and what the judge has to be faster by.
LOOP, REQUIRED = 200, 100.0
# Largest difference from runpp [pu, relative], and memory [GiB].
AGREES, MOST_GIB = 1e-8, 2.0
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def day33() -> tuple[Any, Any]:
    """case33bw in 100 scenarios of 24 hours: random factors of every load, seed 0."""
    import numpy as np
    import pandapower.networks as pn
    import pandas as pd

    net = pn.case33bw()
    columns = pd.MultiIndex.from_tuples([("load", c, int(i)) for c in ("p_mw", "q_mvar") for i in net.load.index])
    usual = np.concatenate([net.load["p_mw"], net.load["q_mvar"]])
    index = pd.MultiIndex.from_product([range(100), range(24)], names=["scenario", "period"])
    factors = np.random.default_rng(0).uniform(0.2, 1.0, (len(index), len(usual)))
    return net, pd.DataFrame(usual * factors, index, columns)


def urban_year() -> tuple[Any, Any]:
    """SimBench 1-MV-urban--0-sw in the 35,136 quarter-hours of its own year."""
    import pandas as pd
    import simbench

    net = simbench.get_simbench_net("1-MV-urban--0-sw")
    series = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    parts = {
        (table, column): values
        for (table, column), values in series.items()
        if table in ("load", "sgen", "storage") and column in ("p_mw", "q_mvar") and values.shape[1]
    }
    table = pd.concat(parts, axis=1)
    table.columns = pd.MultiIndex.from_tuples([(t, c, int(i)) for t, c, i in table.columns])
    return net, table.rename_axis("period")


CASES: dict[str, Callable[[], tuple[Any, Any]]] = {"day33": day33, "urban_year": urban_year}


# --- in the fresh process -------------------------------------------------------------------------


def job(key: str, engine: str) -> common.Record:
    """Judge all states of a case, and run some of them in a loop."""
    from adnflex.powerflow import judge as judge_states
    from adnflex.powerflow import limits_of

    module = sys.modules["adnflex.powerflow.judge"]
    net, setpoints = CASES[key]()
    loop = _loop(net, setpoints)
    given = _gib()
    sample = _Clock(module.run_states)
    module.run_states = sample
    begin = time.perf_counter(), time.process_time()
    judged = judge_states(net, setpoints, limits_of(net), engine=engine)
    wall, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
    return {
        "buses": len(net.bus),
        "states": len(setpoints),
        "says": judged.says,
        "notes": judged.notes,
        "by_pandapower": judged.by_pandapower,
        "difference": judged.difference,
        "lost": int((~judged.measured.converged).sum()),
        "loop": loop,
        "kernel": {"seconds": wall - sample.wall, "cpu": cpu - sample.cpu},
        "sample": {"seconds": sample.wall, "cpu": sample.cpu},
        "gib_before": given,
        "gib": _gib(),
    }


def _loop(net: Any, setpoints: Any) -> common.Record:
    """Write and run some states one after another, as one would by hand."""
    import copy

    import numpy as np
    import pandapower as pp

    new, numba = copy.deepcopy(net), importlib.util.find_spec("numba") is not None
    pp.runpp(new, numba=numba)
    places = np.linspace(0, len(setpoints) - 1, LOOP).astype(int)
    groups = {(t, c): [i for a, b, i in setpoints.columns if (a, b) == (t, c)] for t, c, _ in setpoints.columns}
    begin = time.perf_counter(), time.process_time()
    for place in places:
        row = setpoints.iloc[place]
        for (table, column), indices in groups.items():
            new[table].loc[indices, column] = row[table, column].to_numpy()
        pp.runpp(new, numba=numba)
    return {"seconds": time.perf_counter() - begin[0], "cpu": time.process_time() - begin[1], "numba": numba}


class _Clock:
    """A function that is timed."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.wall, self.cpu = function, 0.0, 0.0

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        begin = time.perf_counter(), time.process_time()
        found = self.function(*arguments, **options)
        self.wall += time.perf_counter() - begin[0]
        self.cpu += time.process_time() - begin[1]
        return found


def _gib() -> float:
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


# --- judging and the page -------------------------------------------------------------------------


def ratio(record: common.Record, kind: str) -> float:
    """How many times as fast a state is judged as run in the loop, by ``seconds`` or ``cpu``."""
    return (record["loop"][kind] / LOOP) / (record["kernel"][kind] / record["states"])


def faults(record: common.Record) -> list[str]:
    """What does not hold."""
    if "error" in record:
        return [record["error"]]
    found = [f"{record['lost']} states without a solution"] if record["lost"] else []
    if record["difference"] is None or record["difference"] > AGREES:
        found.append(f"differs from pandapower: {record['says']}")
    if ratio(record, "cpu") < REQUIRED:
        found.append(f"only {ratio(record, 'cpu'):.0f} times as fast as the loop")
    if record["gib"] > MOST_GIB:
        found.append(f"{record['gib']:.2f} GiB")
    return found


def page(records: dict[str, common.Record]) -> str:
    """Make the page of all that is stored."""
    wrong = {key: found for key, record in records.items() if (found := faults(record))}
    rows = [
        [
            f"`{key}`", f"{r['states']:,} × {r['buses']}", f"{1e3 * r['loop']['cpu'] / LOOP:.1f}",
            f"{1e6 * r['kernel']['cpu'] / r['states']:.0f}", f"**{ratio(r, 'cpu'):.0f}**", f"{ratio(r, 'seconds'):.0f}",
            f"{r['kernel']['cpu']:.2f}", f"{r['by_pandapower']}: {r['sample']['cpu']:.1f}", f"{r['difference']:.1e}",
            f"{r['gib_before']:.2f} → {r['gib']:.2f}",
        ]
        for key, r in records.items()
        if "error" not in r
    ]  # fmt: skip
    head = ["case", "states × buses", "`runpp`, ms a state", "judge, µs a state", "ratio, CPU", "ratio, wall",
            "judge, CPU s", "sample, states: CPU s", "difference", "memory, GiB"]  # fmt: skip
    cases = "\n".join(f"* `{key}`: {(make.__doc__ or '').strip()}" for key, make in CASES.items())
    return f"""# The judge of many states against a loop of `runpp`

Written by `validation_speed.py` beside this page; do not edit it. `adnflex.powerflow.judge` is what `adnflex.validate`
asks: reading the net, solving every state exactly, loadings of all lines and transformers, comparing all with their
limits. The loop writes {LOOP} of the states into the net and calls `runpp`, in the same process; one thread.

{common.verdict(wrong)}

{common.table(head, rows)}

{cases}
* *judge*: without the states that pandapower runs again, which is the column *sample* (a random hundred and the hundred
  nearest to limits); *difference*: the largest between both there, of voltages in pu, of loadings and powers relative.
* *memory*: of the process, with the set-points, before and after judging.
* The page fails below {REQUIRED:.0f} times by CPU time, above a difference of {AGREES:g} or {MOST_GIB:g} GiB,
  and where a state has no solution.

## When and on what

{common.environment_text(records)}

{common.load_text({key: r.get("busy_cores_before") for key, r in records.items()})}

## Again

    python validation/benchmarks/validation_speed.py
"""


def main() -> int:
    """Run the cases asked for; return the exit code."""
    parser = common.parser(__doc__, CASES, None)
    parser.add_argument("--engine", default="auto", help="auto or power-grid-model")
    arguments = parser.parse_args()
    if arguments.job:
        common.answer(arguments.answer, job(**json.loads(arguments.job)))
        return 0
    os.environ.update(dict.fromkeys(THREADS, "1"))
    code = 0
    for key in common.chosen(parser, arguments, CASES):
        record = common.fresh(Path(__file__), {"key": key, "engine": arguments.engine}, 3600)
        record = {**record, "environment": common.environment()}
        found = faults(record)
        code = 1 if found else code
        told = "; ".join(found) or f"{ratio(record, 'cpu'):.0f} times as fast as the loop"
        print(f"{key}: {told}", flush=True)
        if arguments.engine == "auto":
            common.save(RESULTS, f"validation_speed_{key}", record)
    stored = common.load(RESULTS, [f"validation_speed_{key}" for key in CASES])
    PAGE.write_text(page({key.removeprefix("validation_speed_"): r for key, r in stored.items()}), encoding="utf-8")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
