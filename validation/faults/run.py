"""Break inputs, solvers, processes and networks on purpose, and write the page about what came of it.

    python validation/faults/run.py                       # every campaign
    python validation/faults/run.py tables processes      # these
    python validation/faults/run.py --page                # only the page, from the stored results

Each campaign is a module beside this file with ``TRIES`` (how many by default), ``ABOUT`` (one sentence for the page)
and ``campaign(tries, seed)``, which returns rows ``{"kind", "tries", "failures", "example"}``. ``ADNFLEX_TRIES`` and
``ADNFLEX_SEED`` choose other inputs of the same kinds. The exit code is 0 only if nothing failed.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import common

# campaign -> seconds after which it is stopped from outside
LIMITS = {
    "tables": 7200.0,
    "files": 14400.0,
    "times": 3600.0,
    "dispatch": 14400.0,
    "injection": 7200.0,
    "processes": 7200.0,
    "nets": 14400.0,
    "enumeration": 7200.0,
    "columns": 3600.0,
    "hull": 14400.0,
    "kernel": 7200.0,
    "sequences": 7200.0,
    "restoration": 7200.0,
    "many_hours": 7200.0,
}


def run(name: str) -> common.Record:
    """Run a campaign."""
    module = importlib.import_module(name)
    tries, seed = int(os.environ.get("ADNFLEX_TRIES", module.TRIES)), int(os.environ.get("ADNFLEX_SEED", "1"))
    return {"about": module.ABOUT, "seed": seed, "rows": module.campaign(tries, seed)}


def faults(name: str, record: common.Record) -> list[str]:
    """Say what of a campaign failed."""
    if "rows" not in record:
        return [str(record.get("error"))]
    return [f"{r['kind']}: {r['failures']} of {r['tries']} ({r['example']})" for r in record["rows"] if r["failures"]]


def page(records: dict[str, common.Record]) -> str:
    """Write the page."""
    parts = [
        "# Faults on purpose",
        "What was broken, how often it was tried, and how often the outcome was wrong. Repeat it with "
        "`python validation/faults/run.py`; `ADNFLEX_SEED=2` tries other inputs of the same kinds.",
    ]
    for name, record in records.items():
        parts.append(f"## {name}")
        if "rows" not in record:
            parts.append(f"Did not end: {record.get('error')}.")
            continue
        rows = record["rows"]
        total = f"| **all** | **{sum(r['tries'] for r in rows)}** | **{sum(r['failures'] for r in rows)}** | |"
        lines = [f"| {r['kind']} | {r['tries']} | {r['failures']} | {r['example'] or ''} |" for r in rows]
        parts.append(f"{record['about']} Seed {record['seed']}.")
        parts.append("\n".join(["| kind | tries | failures | remark |", "| --- | --- | --- | --- |", *lines, total]))
    parts += ["## Where and when", common.environment_text(records)]
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Run the campaigns asked for."""
    parts = {name: (lambda name=name: run(name), limit) for name, limit in LIMITS.items()}
    return common.run_parts(__file__, __doc__, parts, faults, page)


if __name__ == "__main__":
    sys.exit(main())
