"""How time and memory grow with the size of a net: whole calls of `adnflex.dispatch`, 33 to 10,000 buses.

    python validation/benchmarks/growth.py                 # every size: some minutes
    python validation/benchmarks/growth.py 1000x24         # one
    python validation/benchmarks/growth.py --page          # only the page and its figure

Nets are made from a seed (``generated.py``), their ties stay open; every size has a process of its own.  What is timed
is the whole call on a net in memory: reading, checks, the model, the conic solver, exact power flow, tables and the AC
check.  Before it, a dispatch of 33 buses is run, so that no import is counted.  Times are CPU seconds of the process,
of the middle one of three calls: in one of them Python may look through all its objects for garbage, which takes 0.1 s.
Results are stored in ``results/growth.json``; ``growth.md`` and ``growth.svg`` are made of them.
"""

from __future__ import annotations

import math
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import common  # noqa: E402

# Buses and hours of every row.
SIZES = [(n, 1) for n in (33, 100, 316, 1000, 3162, 10_000)] + [(n, 24) for n in (33, 100, 316, 1000)]
NAMES = {f"{n}x{hours}": (n, hours) for n, hours in SIZES}
# Whole call over solver that is to be reached; from so many buses on growth is told.
REQUIRED, FROM = 3.0, 300
LIMIT = 1800.0
SEED = 0
CALLS = 3


# --- in the fresh process -------------------------------------------------------------------------


def net_of(buses: int) -> Any:
    """Make a radial net: feeders of one substation for every thousand buses, a price of energy."""
    import numpy as np
    import pandapower as pp
    from generated import OVERHEAD, Recipe, made

    substations = max(1, buses // 1000)
    recipe = Recipe(buses, substations, 4 if buses < 200 else 7, 1, 0.4, 20.0, OVERHEAD, 0.05, 0.8)
    net = made(recipe, np.random.default_rng([9, SEED, buses]))
    for source in net.ext_grid.index:
        pp.create_poly_cost(net, source, "ext_grid", cp1_eur_per_mw=80.0)
    return net


def profiles_of(net: Any, hours: int) -> Any:
    """Loads of a day: a common shape, and a little chance."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng([8, SEED, hours])
    shape = 0.6 + 0.4 * np.sin(np.pi * np.arange(hours) / 24) ** 2
    chance = rng.uniform(0.9, 1.0, (hours, len(net.load)))
    return {
        ("load", column): pd.DataFrame(shape[:, None] * net.load[column].to_numpy() * chance, columns=net.load.index)
        for column in ("p_mw", "q_mvar")
    }


def job(buses: int, hours: int) -> common.Record:
    """Time one dispatch."""
    import resource

    import adnflex
    from adnflex.solvers import clarabel

    adnflex.dispatch(net_of(33), gap=1e-3)
    spent = 0.0
    ask = clarabel._ask

    def timed(*args: Any, **options: Any) -> Any:
        nonlocal spent
        begin = time.process_time()
        try:
            return ask(*args, **options)
        finally:
            spent += time.process_time() - begin

    clarabel._ask = timed
    net = net_of(buses)
    options = {} if hours == 1 else {"profiles": profiles_of(net, hours), "hours_per_period": 1.0}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    calls = []
    for _ in range(CALLS):
        spent, begin, wall = 0.0, time.process_time(), time.monotonic()
        plan = adnflex.dispatch(net, gap=1e-3, time_limit=LIMIT, **options)
        calls.append((time.process_time() - begin, time.monotonic() - wall, spent))
    whole, wall, spent = sorted(calls)[CALLS // 2]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "buses": buses,
        "hours": hours,
        "status": plan.status,
        "gap": plan.gap,
        "whole_s": whole,
        "wall_s": wall,
        "solver_s": spent,
        "peak_mib": peak / 1024,
        "more_mib": (peak - before) / 1024,
    }


# --- the page -------------------------------------------------------------------------------------

SERIES = {"whole_s": ("whole call", "#1f77b4"), "solver_s": ("conic solver", "#d95f02")}


def exponent(rows: list[common.Record], name: str) -> float:
    """Exponent of the growth of a quantity with the buses, by least squares of the logarithms."""
    points = [(math.log(r["buses"]), math.log(r[name])) for r in rows if r["buses"] >= FROM and r[name] > 0]
    if len(points) < 2:
        return math.nan
    mean_x, mean_y = (sum(p[k] for p in points) / len(points) for k in (0, 1))
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def by_hours(found: dict[str, common.Record]) -> dict[int, list[common.Record]]:
    """Rows by number of hours, small nets first."""
    rows = [r for r in found.values() if "whole_s" in r]
    return {
        hours: sorted((r for r in rows if r["hours"] == hours), key=lambda r: r["buses"])
        for hours in sorted({r["hours"] for r in rows})
    }


def figure(found: dict[str, common.Record]) -> str:
    """Draw seconds over buses, both logarithmic."""
    width, height, left, bottom = 640, 400, 60, 50
    low, high = (1.4, -2.2), (4.1, 1.8)

    def place(buses: float, seconds: float) -> tuple[float, float]:
        x = left + (math.log10(buses) - low[0]) / (high[0] - low[0]) * (width - left - 130)
        y = height - bottom - (math.log10(max(seconds, 1e-3)) - low[1]) / (high[1] - low[1]) * (height - bottom - 20)
        return x, y

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for buses in (33, 100, 1000, 10_000):
        x, y = place(buses, 10 ** low[1])
        parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x:.1f}" y2="20" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{buses:,}</text>')
    for seconds in (0.01, 0.1, 1.0, 10.0):
        x, y = place(10 ** low[0], seconds)
        parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{width - 130}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{seconds:g} s</text>')
    for hours, rows in by_hours(found).items():
        for name, (label, colour) in SERIES.items():
            points = [place(r["buses"], r[name]) for r in rows]
            dash = "" if hours == 1 else ' stroke-dasharray="5 4"'
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
            x, y = points[-1]
            parts.append(f'<text x="{x + 7:.1f}" y="{y + 4:.1f}" fill="{colour}">{label}, {hours} h</text>')
    parts.append(f'<text x="{(width - 70) / 2}" y="{height - 10}" text-anchor="middle">buses</text></svg>')
    return "\n".join(parts) + "\n"


def faults(name: str, record: common.Record) -> list[str]:
    """What of a row does not hold."""
    if "error" in record:
        return [record["error"]]
    ratio = record["whole_s"] / record["solver_s"]
    small = NAMES[name][0] < 1000
    return (
        [] if small or ratio <= REQUIRED else [f"the whole call takes {ratio:.1f} times the solver, not {REQUIRED:g}"]
    )


def page(found: dict[str, common.Record]) -> str:
    """Make the page of all that is stored."""
    lines = [
        "# Growth with the size of a net",
        "",
        "Whole calls of `adnflex.dispatch` on generated radial nets (`growth.py`), CPU seconds of the middle one of",
        "three calls; *solver* is Clarabel's share. Required: the whole call takes at most three times the solver,",
        "from 1,000 buses on.",
        "",
        common.verdict({name: f for name, record in found.items() if (f := faults(name, record))}),
        "",
        "![seconds over buses](growth.svg)",
        "",
        "| buses | hours | whole s | solver s | whole / solver | wall s | MiB | of the call | gap | busy cores |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for rows in by_hours(found).values():
        for r in rows:
            ratio = r["whole_s"] / r["solver_s"]
            busy = r.get("busy_cores_before")
            lines.append(
                f"| {r['buses']:,} | {r['hours']} | {r['whole_s']:.2f} | {r['solver_s']:.2f} | {ratio:.1f} | "
                f"{r['wall_s']:.1f} | {r['peak_mib']:.0f} | {r['more_mib']:.0f} | {float(r['gap']):.0e} | {busy} |"
            )
    lines += ["", f"Exponents from {FROM} buses on (seconds or MiB grow as buses to that power):", ""]
    lines += ["| hours | whole | solver | memory of the call |", "| ---: | ---: | ---: | ---: |"]
    for hours, rows in by_hours(found).items():
        told = " | ".join(f"{exponent(rows, name):.2f}" for name in ("whole_s", "solver_s", "more_mib"))
        lines.append(f"| {hours} | {told} |")
    lines += [
        "",
        "*busy cores*: what else ran on the two cores just before; where it is not near 0, caches and clock",
        "",
    ]
    lines[-1:] = ["speed were shared and CPU seconds are up to twice those of a quiet machine.", ""]
    return "\n".join([*lines, common.environment_text(found), ""])


PARTS = {name: (partial(job, *size), LIMIT) for name, size in NAMES.items()}

if __name__ == "__main__":
    sys.exit(common.run_parts(__file__, __doc__, PARTS, faults, page, figure))
