"""Make the table of what the three papers describe, beside what is stored of our studies.

    python validation/papers/run.py                  # what only this table needs, then the table
    python validation/papers/run.py recomputed       # this part
    python validation/papers/run.py --page           # only the table, from the stored results

The figures of most rows come from the results of the other studies, so that a rerun of a study changes them; run this
with ``--page`` afterwards. A row whose study has not stored what it needs says *not run*. The exit code is 0 only if
what is run again here agrees with what the plans say.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import common
import dispatch_rows
import flexibility_rows
import own
import rolling_rows
from rows import DIFFERS, NOT_RUN, REPRODUCED, STATUSES, UNCLEAR

FOLDER = Path(__file__).parent
STUDIES = ("dispatch", "flexibility", "rolling")
PAPERS = {
    "Dispatch": (
        dispatch_rows.ROWS,
        "Wan et al., *Mixed-integer second-order cone programming method for active distribution network*, Frontiers "
        "in Energy Research 11, 2023, doi:10.3389/fenrg.2023.1259445. Case `ieee33_dispatch`.",
    ),
    "Flexibility": (
        flexibility_rows.ROWS,
        "*Small-Micro Park Network Reconfiguration for Enhancing Grid Connection Flexibility*, Processes 13(10), 3202, "
        "2025, doi:10.3390/pr13103202. Case `park33_flexibility`.",
    ),
    "Rolling schedule": (
        rolling_rows.ROWS,
        "Xu et al., *Active and reactive power scheduling of distribution system based on two-stage stochastic "
        "optimization*, World Electric Vehicle Journal 16, 515, 2025, doi:10.3390/wevj16090515. Cases `rolling33`, "
        "`rolling69`.",
    ),
}
# What the nets pushed back may differ by: money, W of an import, MW of a balance.
CENT, WATTS, BALANCE = 0.01, 100.0, 1e-6


def faults(part: str, record: common.Record) -> list[str]:
    """What a record lacks of what the page promises."""
    if "error" in record:
        return [record["error"]]
    if part != "recomputed":
        return []
    found = [
        f"dispatch, study {k}: an item differs by {d['largest_difference']:.2g} CNY"
        for k, d in record["dispatch"].items()
        if d["largest_difference"] > CENT
    ]
    found += [
        f"box of {k}: an end is off by {d['error_w']:.2g} W"
        for k, d in record["flexibility"].items()
        if d["error_w"] > WATTS
    ]
    for day, d in enumerate(record["rolling"]):
        if d["largest_difference"] > CENT or d["balance_mw"] > BALANCE:
            found.append(f"rolling, day {day}: the bill differs by {d['largest_difference']:.2g} CNY")
    return found


def everything(own_records: Mapping[str, common.Record]) -> dict[str, Any]:
    """What all studies have stored, by study and part."""
    stored: dict[str, Any] = {"papers": own_records}
    for name in STUDIES:
        path = FOLDER.parent / name / "results.json"
        stored[name] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return stored


def page(records: Mapping[str, common.Record]) -> str:
    """Write the page."""
    stored = everything(records)
    tables, counts = [], {}
    for name, (groups, source) in PAPERS.items():
        tables.append(f"## {name}\n\n{source}\n")
        counts[name] = Counter[str]()
        for group, rows in groups.items():
            lines = [row.line(stored) for row in rows]
            counts[name].update(line[3].partition(":")[0] for line in lines)
            tables.append(f"### {name}: {group[0].lower()}{group[1:]}\n")
            tables.append(common.table(["item", "ours", "paper", "status", "where"], lines) + "\n")
    found = {part: faults(part, record) for part, record in records.items()}
    parts = [
        "# The three papers, row by row\n",
        "Written by `run.py` beside this page; do not edit it.\n",
        common.verdict({part: f for part, f in found.items() if f}).replace(
            "Every row that ran holds.", "What is run again here agrees with the plans."
        )
        + "\n",
        _INTRODUCTION,
        _counted(counts),
        *tables,
        *_evidence(records),
        "## When and on what\n\nThe other studies say on their own pages when they were run. Of this folder:\n\n"
        + common.environment_text(records)
        + "\n",
    ]
    return "\n".join(parts)


_INTRODUCTION = f"""Every system, study, comparison and figure of the papers that adnflex began with, beside ours.
The curves, tables and laws of the papers are mostly images or not printed, so that digits can seldom be compared; what
was chosen instead is in `networks/PROVENANCE.md`.

* **{REPRODUCED}**: the same value, or the same direction where the item is a direction.
* **{DIFFERS}**: another value or direction, with the reason as far as it is known.
* **{UNCLEAR}**: the paper does not describe it well enough to compare, and why.
* **{NOT_RUN}**: nothing is stored of it.
"""


def _counted(counts: Mapping[str, Counter[str]]) -> str:
    lines = [
        [name, *(str(count[status]) for status in STATUSES), str(sum(count.values()))] for name, count in counts.items()
    ]
    sums = sum(counts.values(), Counter[str]())
    lines.append(["all", *(str(sums[status]) for status in STATUSES), str(sum(sums.values()))])
    return common.table(["", *STATUSES, "rows"], lines) + "\n"


def _evidence(records: Mapping[str, common.Record]) -> list[str]:
    """Sections about what was run for this page alone."""
    parts = []
    if "systems" in records:
        parts.append(
            "## Systems as read\n\nPart `systems`: facts of the nets that come with adnflex, read from their tables "
            "and compared with what the papers print.\n"
        )
    if "recomputed" in records:
        parts.append(_again(records["recomputed"]))
    if "figures" in records:
        lines = [
            [result, ", ".join(sorted({a.partition("-figure")[0] for a in found["figures"]}))]
            for result, found in records["figures"]["results"].items()
        ]
        parts.append(
            "## Figures that were drawn\n\nPart `figures`: reports were written, and these figures are in them.\n\n"
            + common.table(["report of", "figures"], lines)
            + "\n"
        )
    return parts


def _again(record: common.Record) -> str:
    """Say what came out when the nets pushed back were run."""
    lines = [
        [
            f"study {study}",
            f"{d['plan_cost']:,.2f}",
            f"{d['largest_difference']:.1g}",
            f"{d['plan_carbon_kg']:,.1f}",
            f"{d['carbon_kg'] - d['plan_carbon_kg']:.1g}",
            f"{d['imported_mwh']:.3f}",
            f"{d['lost_mwh']:.3f}",
            f"{d['current_a']['max']:.1f}",
            f"{d['current_a']['mean']:.2f}",
        ]
        for study, d in record["dispatch"].items()
    ]
    head = ["dispatch", "cost, CNY", "items off by", "carbon, kg", "off by", "bought, MWh", "lost, MWh"]
    boxes = [
        [lines_of, f"{d['promised_mwh']:.4f}", f"{d['error_w']:.1g}", f"{d['vm'][0]:.4f} to {d['vm'][1]:.4f}",
         f"{d['loading']:.2f}"]
        for lines_of, d in record["flexibility"].items()
    ]  # fmt: skip
    days = [
        [str(k), f"{d['run_total']:.2f}", f"{d['largest_difference']:.1g}", f"{d['balance_mw']:.1g}",
         f"{d['ev_mwh']:.3f}", f"{d['exchanged_mwh']:.3f}", f"{d['bought_mwh']:.3f}"]
        for k, d in enumerate(record["rolling"])
    ]  # fmt: skip
    return f"""## Run again in pandapower

Part `recomputed`: every hour is pushed back into a copy of the net, `pandapower.runpp` runs it, and sums of its result
tables are compared with what the plans say. No solver, no formulation and no check of adnflex takes part in the sums.

{common.table([*head, "highest current, A", "mean current, A"], lines)}

Purchase, losses, carbon, generation, storage, reactive power of compensators and banks, and moves are added up again;
what is paid for moved and reduced vehicles is not in a power flow and is taken over.

{common.table(["box of 24 h, lines", "MWh", "an end is off by, W", "voltages, pu", "highest loading, %"], boxes)}

Both ends of every hour are set and run.

{
        common.table(
            [
                "rolling, day",
                "total, CNY",
                "items off by",
                "balance off by, MW",
                "vehicles, MWh",
                "exchanged, MWh",
                "bought, MWh",
            ],
            days,
        )
    }

The paper's method (`rollout:own/match`, 30 simulations); exchange and purchase are settled again from the power at each
node.
"""


if __name__ == "__main__":
    sys.exit(common.run_parts(__file__, __doc__, own.PARTS, faults, page))
