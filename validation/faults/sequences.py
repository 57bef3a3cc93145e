"""The order of operations against every order, and every state on the way against pandapower."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandapower as pp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import adnflex
from tests.brute_force import RUNPP
from tests.verbs.test_switching_sequence import compared, two_states

TRIES = 200
ABOUT = (
    "Random small grids with limits, generation and several sources, and a radial state of each that takes up to four "
    "pairs of operations. No order of them may be better than the one that is found, by an oracle that runs every "
    "state and compares every order; and every state on the way has to be what runpp says of it."
)
MOST = 8
# Larger differences than these are failures [pu, relative].
_PU, _SHARE = 1e-8, 1e-6


def campaign(tries: int, seed: int) -> list[dict[str, Any]]:
    """Compare so many grids, with each kind of check."""
    kinds: list[tuple[str, Callable[[int], int]]] = [
        ("no order is better (operations of a grid, up to four pairs)", lambda k: compared(k, MOST)),
        ("every step is what runpp says", _steps),
    ]
    return [_tried(kind, check, tries, 100_000 * seed) for kind, check in kinds]


def _steps(seed: int) -> int:
    """Compare every state; return the number of operations."""
    found = two_states(seed, MOST)
    if found is None:
        return 0
    net, plan = found
    sequence = adnflex.switching_sequence(plan, net)
    for step, row in sequence.steps.iterrows():
        state = sequence.apply(net, step)
        pp.runpp(state, **RUNPP)
        assert abs(row["vm_min_pu"] - state.res_bus.vm_pu.min()) < _PU, f"step {step}: lowest voltage"
        assert abs(row["vm_max_pu"] - state.res_bus.vm_pu.max()) < _PU, f"step {step}: highest voltage"
        losses = 1e3 * float(state.res_line.pl_mw.sum() + state.res_trafo.pl_mw.sum())
        assert abs(row["losses_kw"] - losses) <= _SHARE * max(losses, 1.0), f"step {step}: losses"
        if row["action"] == "close":
            current = 1e3 * state.res_line.i_ka[row["index"]]
            assert abs(row["closing_current_a"] - current) <= _SHARE * max(current, 1.0), f"step {step}: current"
    return len(sequence.steps)


def _tried(kind: str, check: Callable[[int], int], tries: int, first: int) -> dict[str, Any]:
    count, seed, wrong = 0, first, []
    while count < tries and seed < first + 20 * tries:
        try:
            # without another radial state within so many operations there is nothing to compare
            count += check(seed) > 0
        except Exception as error:
            count += 1
            told = str(error).splitlines()[0] if str(error) else ""
            wrong.append(f"{type(error).__name__}: {told} (seed {seed})")
        seed += 1
    return {"kind": kind, "tries": count, "failures": len(wrong), "example": wrong[0][:200] if wrong else ""}
