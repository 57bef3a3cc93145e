"""Every column that docs/devices.md names, in every verb: does what is written down happen?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.study.columns import EXPECTED, VALUES, VERBS, outcome

TRIES = 4 * len(EXPECTED)
ABOUT = (
    "Every column of the devices, in every verb: honoured, refused by name or noted, as the table of the tests says."
)


def campaign(tries: int, seed: int) -> list[dict[str, Any]]:
    """Change one column after another; the order does not depend on the seed."""
    rows = []
    for k, verb in enumerate(VERBS):
        done = list(EXPECTED)[: -(-tries // len(VERBS))]
        odd = [f"{t}.{c}" for t, c in done if outcome(verb, t, c, VALUES[t, c]) != EXPECTED[t, c][k]]
        rows.append({"kind": verb, "tries": len(done), "failures": len(odd), "example": ", ".join(odd[:5])})
    return rows
