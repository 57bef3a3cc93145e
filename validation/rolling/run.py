"""Run the study of the rolling schedule and write the page about it.

    python validation/rolling/run.py                  # every part
    python validation/rolling/run.py flat weather     # these
    python validation/rolling/run.py --page           # only the page, from the stored results

Each part runs in a process of its own, without further workers, and is stored in ``results.json``; ``page.py`` makes
the page of all that is stored. The exit code is 0 only if every part that ran holds what the page promises.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import beside
import common
import page
import second
from policies import Rows, measured

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
    **beside.PARTS,
    **second.PARTS,
}


if __name__ == "__main__":
    sys.exit(common.run_parts(__file__, __doc__, PARTS, page.faults, page.page))
