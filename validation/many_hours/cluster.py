"""A sweep of eight days on a local Dask cluster of two workers, beside the same sweep in one process; writes the page.

    python validation/many_hours/cluster.py

Both runs end by gap, so that they have to give the same numbers to the last digit. The exit code is 0 only if they do
and the cluster is faster; starting it and what its workers import is not counted, as they go on to other sweeps.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import common

# Impedance of each net as a part of that of the 33 buses, and where a search stops.
SCALES, GAP = tuple(0.65 + 0.05 * k for k in range(8)), 5e-3
# What is the machine's affair, and not the same twice.
TIMES = ("cpu_s", "file")


def nets() -> tuple[dict[str, Any], Any]:
    """Eight nets of 33 buses, and their day of 24 hours."""
    from tests.day33 import day33

    found = {}
    for scale in SCALES:
        net, day = day33()
        net.line[["r_ohm_per_km", "x_ohm_per_km"]] *= scale
        found[f"{scale:.2f}"] = net
    return found, day


def compared() -> common.Record:
    """Run the sweep both ways."""
    from distributed import Client, LocalCluster

    import adnflex

    given, day = nets()
    asked = {"profiles": day, "gap": GAP, "hours_per_period": 1.0, "time_limit": 600.0}

    def run(**how: Any) -> tuple[Any, float]:
        begin = time.monotonic()
        return adnflex.sweep(given, **asked, **how).table, time.monotonic() - begin

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.run(importlib.import_module, "adnflex.verbs.reconfigure")
        there, cluster_s = run(executor=client)
    here, alone_s = run(workers=1)
    kept = [column for column in here.columns if column not in TIMES]
    return {
        "cells": len(here),
        "same": bool(here[kept].equals(there[kept])),
        "status": sorted(set(here["status"])),
        "alone_s": alone_s,
        "cluster_s": cluster_s,
        "losses_mwh": [float(v) for v in here["losses_after"]],
    }


def faults(part: str, record: common.Record) -> list[str]:
    """What of the promise does not hold."""
    if "same" not in record:
        return [str(record.get("error"))]
    found = [] if record["same"] else ["the numbers are not the same to the last digit"]
    if record["status"] != ["optimal"]:
        found.append(f"cells ended with {', '.join(record['status'])}")
    if record["cluster_s"] >= record["alone_s"]:
        found.append(f"{record['cluster_s']:.1f} s on the cluster, {record['alone_s']:.1f} s in one process")
    return found


def page(records: dict[str, common.Record]) -> str:
    """Make the page."""
    rows = [
        [
            str(r["cells"]),
            ", ".join(r["status"]),
            "yes" if r["same"] else "**no**",
            common.seconds(r["alone_s"]),
            common.seconds(r["cluster_s"]),
            f"{r['alone_s'] / r['cluster_s']:.2f}",
        ]
        for r in records.values()
        if "same" in r
    ]
    if not rows:
        return f"{PAGE.partition('{verdict}')[0]}It was not run to its end yet.\n"
    head = ["cells", "ended", "same to the last digit", "one process, s", "cluster, s", "times as fast"]
    return PAGE.format(
        verdict=common.verdict({part: f for part, r in records.items() if (f := faults(part, r))}),
        table=common.table(head, rows),
        environment=common.environment_text(records),
        load=common.load_text({part: r.get("busy_cores_before") for part, r in records.items()}),
    )


PAGE = """# A sweep on a cluster

Written by `cluster.py` beside this page; do not edit it. Eight nets of 33 buses with a day of 24 hours each, one
topology for the day, by `adnflex.sweep` in one process and on a local Dask cluster of two workers,
which had imported adnflex before.

{verdict}

{table}

{environment}

{load}
"""

PARTS = {"sweep": (compared, 3600.0)}

if __name__ == "__main__":
    sys.exit(common.run_parts(__file__, __doc__, PARTS, faults, page))
