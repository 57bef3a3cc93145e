"""The directed chain hull against the enumeration of all radial states of random nets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.problems.test_directed import cases, check_expansion, check_points, check_search, searchable
from tests.problems.test_regions import check_cuts

TRIES = 2000
ABOUT = (
    "Random small grids with ratios, charging, shunts, generation, several roots, negative reactances and limits, as "
    "they are and with every limit drawn tight around one state; four objectives. Every radial state within the limits "
    "has to be a point of the directed chain hull and worth no less, the relaxation has to be below all of them, its "
    "reduced costs, probing and the cuts of its regions must lose none of them, and the search has to find the best "
    "one and bound it."
)


def campaign(tries: int, seed: int) -> list[dict[str, Any]]:
    """Try so many grids, with each kind of check."""
    first = 1_000_000 * seed
    kinds: list[tuple[str, Callable[..., Any], Iterator[Any]]] = [
        ("every state is a point, the relaxation is below it", check_points, cases(tries, first)),
        ("no expansion loses a state", check_expansion, searchable(tries // 4, first)),
        ("no cut of a region loses a state", check_cuts, searchable(tries // 4, first)),
        ("the search ends with the best one, gap 0.01 %", lambda *c: check_search(*c, 1e-4), searchable(tries, first)),
        (
            "the search ends with the best one, gap 5 %",
            lambda *c: check_search(*c, 0.05),
            searchable(tries // 4, first),
        ),
    ]
    return [_tried(*kind) for kind in kinds]


def _tried(kind: str, check: Callable[..., Any], some: Iterator[Any]) -> dict[str, Any]:
    count, wrong = 0, []
    for case in some:
        # without a state within the limits there is nothing to compare
        if not case[3]:
            continue
        count += 1
        try:
            check(*case)
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''} (seed {case[0]})")
    return {"kind": kind, "tries": count, "failures": len(wrong), "example": wrong[0][:200] if wrong else ""}
