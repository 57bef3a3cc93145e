"""Policies on common days: what is measured of each."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping
from typing import Any

import common

SEED = 1
ITEMS = ("purchase", "ev_profit", "ev_subsidy", "solar", "wind")

Row = Mapping[str, Any]

# Label, policy, and its options.
Rows = dict[str, tuple[str, dict[str, Any]]]


def case_of(name: str = "rolling33", **options: Any) -> Any:
    """Load a case."""
    from adnflex.problems.rolling import RollingCase

    return RollingCase.load(name, **options)


def measured(rows: Rows, days: int, case: Any = None, **options: Any) -> common.Record:
    """Mean, confidence interval and days of each row, all on the same days."""
    from adnflex import compare_policies

    case = case_of(**options) if case is None else case
    found = {}
    for label, (policy, more) in rows.items():
        begin = time.monotonic()
        compared = compare_policies(case, [policy], days=days, seed=SEED, check=False, workers=1, **more)
        table = compared.table.iloc[0].to_dict()
        items = compared.items
        found[label] = {
            **table,
            "days": compared.days.iloc[:, 0].tolist(),
            "stored_value": float(items["stored_value"].mean()),
            "unmet_kwh": float(items["unmet_kwh"].max()),
            "identity": float((items[list(ITEMS)].sum(axis=1) - items["total"]).abs().max()),
            "slowest_ms": 1e3 * float(items["slowest_seconds"].max()),
            "seconds": time.monotonic() - begin,
        }
        print(f"  {label}: {table['mean']:.1f} ± {table['ci95']:.1f}, {table['ms']:.2f} ms", flush=True)
    return {"rows": found}


def paired(row: Row, other: Row) -> tuple[float, float, int]:
    """Mean difference on the same days, half its 95 % confidence interval, and days on which it is not above 0."""
    off = [a - b for a, b in zip(row["days"], other["days"], strict=True)]
    n = len(off)
    from scipy import stats

    half = float(stats.t.ppf(0.975, n - 1)) * statistics.stdev(off) / math.sqrt(n)
    return statistics.fmean(off), half, sum(x <= 1e-6 for x in off)
