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
from tests.verbs.test_switching_sequence import require_best, two_states

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
    """Compare so many grids; without another radial state within so many operations there is nothing to compare."""
    kinds = ("no order is better (operations of a grid, up to four pairs)", "every step is what runpp says")
    wrong: dict[str, list[str]] = {kind: [] for kind in kinds}
    count, at = 0, 100_000 * seed
    while count < tries and at < 100_000 * seed + 20 * tries:
        if (found := two_states(at, MOST)) is not None:
            count += 1
            for kind, check in zip(kinds, (require_best, _require_steps), strict=True):
                wrong[kind] += _faults(check, found, at)
        at += 1
    return [
        {"kind": kind, "tries": count, "failures": len(faults), "example": faults[0][:200] if faults else ""}
        for kind, faults in wrong.items()
    ]


def _faults(check: Callable[[Any, Any], Any], found: tuple[Any, Any], seed: int) -> list[str]:
    """Say what is wrong with a plan of a net."""
    try:
        check(*found)
    except Exception as error:
        told = str(error).splitlines()[0] if str(error) else ""
        return [f"{type(error).__name__}: {told} (seed {seed})"]
    return []


def _require_steps(net: Any, plan: Any) -> None:
    """Compare every state on the way."""
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
