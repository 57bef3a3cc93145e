"""Run the study of the rolling schedule and write the page about it.

    python validation/rolling/run.py                  # every part
    python validation/rolling/run.py flat weather     # these
    python validation/rolling/run.py --page           # only the page, from the stored results

Each part runs in a process of its own, without further workers, and is stored in ``results.json``; ``page.py`` makes
the page of all that is stored. The exit code is 0 only if every part that ran holds what the page promises.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import common
import page
import second

SEED = 1

# Label, policy, and its options.
Rows = dict[str, tuple[str, dict[str, Any]]]
FLAT: Rows = {
    "floor": ("floor", {}),
    "own": ("own", {}),
    "own/match, M = 1, mean future": ("rollout:own/match", {"simulations": 1, "future": "mean"}),
    "own/match, M = 1": ("rollout:own/match", {"simulations": 1}),
    "own/match, M = 1, no common numbers": ("rollout:own/match", {"simulations": 1, "common": False}),
    "own/match, M = 10": ("rollout:own/match", {"simulations": 10}),
    "own/match, M = 10, no common numbers": ("rollout:own/match", {"simulations": 10, "common": False}),
    "own/match, M = 30": ("rollout:own/match", {"simulations": 30}),
    "own/full, M = 30": ("rollout:own/full", {"simulations": 30}),
    "own/full, M = 1, no common numbers": ("rollout:own/full", {"simulations": 1, "common": False}),
    "pool": ("pool", {}),
    "pool/match, M = 30 (default)": ("rollout:pool/match", {"simulations": 30}),
    "pool/full, M = 30": ("rollout:pool/full", {"simulations": 30}),
    "pool/full+mpc, M = 10": ("rollout:pool/full+mpc", {"simulations": 10}),
    "mpc:mean": ("mpc:mean", {}),
    "mpc:5": ("mpc:5", {}),
}
FEW: Rows = {
    key: FLAT[key] for key in ("floor", "own", "own/match, M = 30", "pool", "pool/match, M = 30 (default)", "mpc:mean")
}
APART: Rows = {**FEW, "mpc:5": FLAT["mpc:5"]}
TARIFF: Rows = {
    **APART,
    "pool/match+plans, M = 30": ("rollout:pool/match+plans", {}),
    "pool/match+mpc, M = 30": ("rollout:pool/match+mpc", {}),
}


def measured(rows: Rows, days: int, **options: Any) -> common.Record:
    """Mean, confidence interval and days of each row, all on the same days."""
    from adnflex import compare_policies
    from adnflex.problems.rolling import RollingCase

    case = RollingCase.load("rolling33", **options)
    found = {}
    for label, (policy, more) in rows.items():
        begin = time.monotonic()
        compared = compare_policies(case, [policy], days=days, seed=SEED, workers=1, **more)
        table = compared.table.iloc[0].to_dict()
        items = compared.items
        found[label] = {
            **table,
            "days": compared.days.iloc[:, 0].tolist(),
            "stored_value": float(items["stored_value"].mean()),
            "unmet_kwh": float(items["unmet_kwh"].max()),
            "identity": float((items[list(page.ITEMS)].sum(axis=1) - items["total"]).abs().max()),
            "slowest_ms": 1e3 * float(items["slowest_seconds"].max()),
            "seconds": time.monotonic() - begin,
        }
        print(f"  {label}: {table['mean']:.1f} ± {table['ci95']:.1f}, {table['ms']:.2f} ms", flush=True)
    return {"rows": found}


def flat() -> common.Record:
    """Every policy at the flat tariff, sunny."""
    return measured(FLAT, 60)


def weather() -> common.Record:
    """The three weathers."""
    return {"cases": {name: measured(FEW, 30, weather=name) for name in ("sunny", "cloudy", "fluctuating")}}


def no_exchange() -> common.Record:
    """Nodes that cannot exchange."""
    return measured(APART, 30, exchange_limit_mw=0.0)


def tariff() -> common.Record:
    """Time-of-use tariff."""
    return measured(TARIFF, 20, tariff="time of use")


def stored() -> common.Record:
    """Stored energy that is worth something at the end of the day."""
    rows: Rows = {
        **FEW,
        "own/full, M = 30": FLAT["own/full, M = 30"],
        "own/full, M = 1": ("rollout:own/full", {"simulations": 1}),
        "own/match, M = 1": FLAT["own/match, M = 1"],
    }
    return measured(rows, 20, stored_value_per_mwh=450.0)


def ties() -> common.Record:
    """Which of several candidates of equal cost is taken, shown by trying *match* after the other powers."""
    from adnflex.problems.rolling import rollout

    rows: Rows = {"floor": FLAT["floor"], "own/full, M = 30": FLAT["own/full, M = 30"]}
    found = measured(rows, 30)["rows"]
    usual = rollout._Moment._storage

    def match_last(self: Any, *arguments: Any) -> list[float]:
        now, *others = usual(self, *arguments)
        return [now, *others[1:], *others[:1]]

    rollout._Moment._storage = match_last  # type: ignore[method-assign]
    last = measured({"own/full, M = 30": FLAT["own/full, M = 30"]}, 30)["rows"]
    return {"rows": {**found, "own/full, M = 30, match last": last["own/full, M = 30"]}}


# Each with the seconds after which it is stopped from outside.
PARTS: dict[str, tuple[Callable[[], common.Record], float]] = {
    "flat": (flat, 3600),
    "weather": (weather, 1800),
    "no_exchange": (no_exchange, 1800),
    "tariff": (tariff, 1800),
    "stored": (stored, 1800),
    "ties": (ties, 1800),
    **second.PARTS,
}


if __name__ == "__main__":
    sys.exit(common.run_parts(__file__, __doc__, PARTS, page.faults, page.page))
