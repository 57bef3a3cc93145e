"""Validate a switching sequence: every state on the way written into a fresh copy of the net, run and judged."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pandapower import pandapowerNet

from adnflex.grid.identity import require_same
from adnflex.grid.write import one_state
from adnflex.powerflow.limits import VIOLATION_COLUMNS, compare, limits_of, stacked
from adnflex.powerflow.states import Measured, measure
from adnflex.results.sequence import SequenceCheck, SwitchingSequence

# Voltages of a new run may differ from the stored ones by this [pu].
_SAME = 1e-7


def validate_sequence(sequence: SwitchingSequence, net: pandapowerNet) -> SequenceCheck:
    """Run every state of a sequence in pandapower and judge it.

    Parameters
    ----------
    sequence : SwitchingSequence
        The sequence.
    net : pandapowerNet
        The net that it was made for; it is not changed.

    Raises
    ------
    InputError
        If the net is another one.
    """
    require_same(net, sequence.fingerprint)
    rows, broken, faults = [], [], []
    for step in range(sequence.operations + 1):
        state = sequence.apply(net, step)
        measured = measure(state, one_state())
        found = compare(measured, limits_of(state, sequence.asked_limits))
        row = _row(measured, float(found.margin[0]))
        if step:
            told = sequence.steps.loc[step]
            row["off_pu"] = max(abs(row[c] - told[c]) for c in ("vm_min_pu", "vm_max_pu"))
            faults += _faults(step, row, told)
        rows.append({"step": step, "off_pu": 0.0, **row})
        broken.append(found.violations.assign(step=step))
    states = pd.DataFrame(rows).set_index("step")
    violations = stacked(broken, ["step", *VIOLATION_COLUMNS])
    ends = violations[violations["step"].isin([0, sequence.operations])]
    known = set(zip(ends["kind"], ends["element"], ends["index"], strict=True))
    places = zip(violations["kind"], violations["element"], violations["index"], strict=True)
    violations["on_the_way"] = [place not in known for place in places]
    return SequenceCheck(
        passed=not faults and not violations["on_the_way"].any(),
        verdict=_verdict(sequence, states, violations, faults),
        states=states,
        violations=violations,
    )


def _row(measured: Measured, margin: float) -> dict[str, Any]:
    extremes = measured.extremes().iloc[0]
    return {
        "converged": bool(measured.converged.iloc[0]),
        "dark_buses": list(measured.dark.iloc[0]),
        **{name: float(extremes[name]) for name in ("vm_min_pu", "vm_max_pu", "loading_percent")},
        "margin": margin,
    }


def _faults(step: int, row: dict[str, Any], told: pd.Series) -> list[str]:
    """Name what a state is that the sequence does not say."""
    if not row["converged"]:
        return [f"power flow has no solution after step {step}"]
    found = []
    if list(row["dark_buses"]) != list(told["dark_buses"]):
        found.append(f"other buses are without supply after step {step} than it says")
    if not row["off_pu"] <= _SAME:
        found.append(f"voltages after step {step} differ by {row['off_pu']:.1e} pu from what it says")
    return found


def _verdict(sequence: SwitchingSequence, states: pd.DataFrame, violations: pd.DataFrame, faults: list[str]) -> str:
    """One sentence for the reader."""
    if faults:
        return "; ".join(faults)
    way = violations[violations["on_the_way"]]
    if len(way):
        worst = way.iloc[0]
        return (
            f"{len(way)} limits are broken on the way only, first after step {worst['step']}: {worst['kind']} at "
            f"{worst['element']} {worst['index']}: {worst['value']:.5g} against {worst['limit']:.5g} {worst['unit']}"
        )
    dark = states["dark_buses"].map(len).max()
    supply = (
        "everything supplied throughout" if not dark else f"up to {dark} buses without supply meanwhile, as it says"
    )
    rest = f"; {len(violations)} limits broken before or after as well" if len(violations) else ", every limit met"
    return f"{len(states)} {'state' if len(states) == 1 else 'states'} by pandapower, {supply}{rest}"
