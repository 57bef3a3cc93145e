"""One topology for several hours, and sequences of them, against every state and every sequence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from adnflex.problems.multi_period.all_sequences import AllSequences
from tests.problems.test_multi_period import KINDS, compared

TRIES = 150
ABOUT = (
    "Random small grids of three to six hours that differ wildly, with limits, generation, two sources, charging, "
    "storages and loads of constant impedance. The plan has to be the best of all radial states that keep every limit "
    "in every hour (enumerated one by one, hour by hour), or of all sequences of them within a price and a budget; its "
    "bound may not be above that, and every hour is run by pandapower. The last kind lists no states, as on grids that "
    "have too many: its bound is that of runs of hours."
)
_HOURS = (3, 7)


def campaign(tries: int, seed: int) -> list[dict[str, Any]]:
    """Compare so many grids, with one topology and with one an hour."""
    kinds: list[tuple[str, Callable[[int], None]]] = [
        ("one topology", lambda k: compared(k, KINDS[k % len(KINDS)], one=True, sequence=False, hours=_HOURS)),
        ("one an hour, priced", lambda k: compared(k, KINDS[k % len(KINDS)], one=False, sequence=True, hours=_HOURS)),
        ("one an hour, by runs", _unlisted),
    ]
    return [_tried(kind, check, tries, 100_000 * seed) for kind, check in kinds]


def _unlisted(seed: int) -> None:
    """Compare one topology an hour without a list of states."""
    with mock.patch.object(AllSequences, "of", return_value=None):
        compared(seed, KINDS[seed % len(KINDS)], one=False, sequence=True, hours=_HOURS)


def _tried(kind: str, check: Callable[[int], None], tries: int, first: int) -> dict[str, Any]:
    wrong = []
    for seed in range(first, first + tries):
        try:
            check(seed)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            told = str(error).splitlines()[0] if str(error) else ""
            wrong.append(f"{type(error).__name__}: {told} (seed {seed})")
    return {"kind": kind, "tries": tries, "failures": len(wrong), "example": wrong[0][:200] if wrong else ""}
