"""Random reconfigurations against the enumeration of all radial states in pandapower, as a user and blind."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.problems.test_reconfiguration import disagreements, draw_case, objectives_of

TRIES = 400
ABOUT = (
    "Small random nets of every kind of switch, each solved as a user would and once more blind (branch and bound "
    "without start and heuristics): optimum, bound, proven infeasibility, check and push-back have to be those of all "
    "radial states run in pandapower. The suite tries 40 of the same kind with other seeds."
)


def campaign(tries: int, seed: int) -> list[dict[str, Any]]:
    """Try so many nets."""
    found: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    number = done = 0
    while done < tries:
        rng = np.random.default_rng([1729, seed, number])
        case, number = draw_case(rng), number + 1
        if case is None:
            continue
        allowed = objectives_of(case)
        objective = allowed[number % len(allowed)]
        kind = objective if isinstance(objective, str) else "losses, switching and voltage"
        try:
            wrong = disagreements(case, objective)
        except Exception as error:
            wrong = [f"{type(error).__name__}: {error}"]
        counts[kind] = counts.get(kind, 0) + 1
        found.setdefault(kind, []).extend([f"{wrong[0]} (try {number - 1})"] if wrong else [])
        done += 1
    return [
        {"kind": k, "tries": n, "failures": len(found[k]), "example": found[k][0][:200] if found[k] else ""}
        for k, n in sorted(counts.items())
    ]
