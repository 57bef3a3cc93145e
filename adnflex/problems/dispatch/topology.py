"""Which periods of a dispatch share switch states, and the decisions of a plan as pins for another one."""

from __future__ import annotations

from adnflex.errors import InputError
from adnflex.knobs import Switching
from adnflex.problems.dispatch.problem import Pins, Topology
from adnflex.results import DispatchPlan
from adnflex.study import Study, TimeAxis
from adnflex.study.windows import spans_of_windows, window_of_periods


def spans_of(axis: TimeAxis, asked: Switching) -> Topology:
    """Say which periods share switch states; none where nothing is switched."""
    if asked.fixed:
        return Topology()
    spans = spans_of_windows(window_of_periods(axis, asked.windows))
    return Topology(spans, asked.switching_cost, asked.max_operations, asked.start == "free")


def pins_of(plan: DispatchPlan, study: Study, topology: Topology) -> Pins:
    """Turn a plan's decisions into pins for another dispatch of the same horizon.

    Raises
    ------
    InputError
        If the horizons differ.
    """
    if len(plan.periods) != study.horizon.periods or plan.hours_per_period != study.horizon.hours:
        raise InputError(
            f"follow: the plan has {len(plan.periods)} periods of {plan.hours_per_period:g} h, the dispatch "
            f"{study.horizon.periods} of {study.horizon.hours:g} h; give the same horizon."
        )
    devices: dict[tuple[str, int], dict[str, float]] = {}
    for row in plan.decisions.rename(columns={"index": "element"}).itertuples(index=False):
        devices.setdefault((str(row.table), int(row.element)), {})[str(row.name)] = float(row.value)
    closed = []
    for span in topology.spans:
        states = study.grid.closed.copy()
        firsts = plan.switches["first_period"]
        rows = plan.switches[firsts == max(f for f in firsts if f <= study.series.periods[span.start])]
        after = {(e, int(i)): bool(c) for e, i, c in rows[["element", "index", "closed_after"]].itertuples(index=False)}
        for k, branch in enumerate(study.grid.branches):
            if branch.decision is not None:
                states[k] = after.get((branch.decision.element, branch.decision.index), states[k])
        closed.append(states)
    return Pins(devices, tuple(closed))
