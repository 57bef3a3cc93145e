"""The operations of a restoration in their order, every state on the way in AC.

First what is opened in the dark, then transfers between what is supplied (closed before opened where sources may run in
parallel), last what energises.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd
from pandapower import pandapowerNet

from adnflex.algorithms.subset_order import Order
from adnflex.grid.model import SwitchableBranch
from adnflex.powerflow.limits import NetLimits, margins
from adnflex.problems.restoration.islands import IslandUnit
from adnflex.problems.switching.operations import Operation, operations_of
from adnflex.problems.switching.sequence import FieldSequence
from adnflex.problems.switching.states import FieldStates
from adnflex.problems.switching.subsets import Parallel, Subsets, subsets_of
from adnflex.problems.switching.tables import STEP_COLUMNS, step_rows


def switches_of(branches: Sequence[tuple[SwitchableBranch, bool]]) -> pd.DataFrame:
    """Return a table as `Plan.switches` of branches that are operated, each with whether it is closed."""
    columns = ["element", "index", "name", "from_bus", "to_bus", "closed_before", "closed_after"]
    columns += ["operated", "switches", "by_service"]
    rows = [
        (
            *(d.element, d.index, d.name, d.from_bus, d.to_bus, not close, close),
            *(True, list(d.close_switches if close else d.open_switches), d.by_service),
        )
        for d, close in branches
    ]
    return pd.DataFrame(rows, columns=columns)


def plain(switches: pd.DataFrame, units: Mapping[int, IslandUnit]) -> pd.DataFrame:
    """Return a table of `switches_of` without switches that the net itself does not have."""
    kept = [[s for s in mine if s not in units] for mine in switches["switches"]]
    return switches.assign(switches=pd.Series(kept, switches.index, dtype=object))


def ordered(
    net: pandapowerNet, wanted: pandapowerNet, limits: NetLimits, parallel: Parallel, apart: Sequence[int] = ()
) -> FieldSequence:
    """Put the operations between two states of a net in the order of a restoration, and run the states.

    Parameters
    ----------
    net, wanted : pandapowerNet
        The net with the fault parted, and restored; they are not changed.
    limits : NetLimits
        What the states are held against.
    parallel : Parallel
        When sources may run in parallel.
    apart : sequence of int
        Buses whose voltages are nobody's: those behind the switches of units that may be started.
    """
    operations = operations_of(net, wanted)
    subsets = subsets_of(net, operations, parallel)
    found = FieldSequence(operations, subsets, FieldStates(net, operations, limits))
    found.order = Order(_in_order(operations, subsets), True, len(operations) + 1)
    if apart:
        found.states.run(found.sets)
        for done in found.sets:
            measured = found.states.measured[done]
            kept = dataclasses.replace(measured, vm_pu=measured.vm_pu.drop(columns=list(apart)))
            found.states.measured[done] = kept
            if kept.converged.iloc[0]:
                found.states.margin[done] = float(margins(kept, limits)[0])
    return found


def step_table(
    net: pandapowerNet,
    found: FieldSequence | None,
    load_mw: Mapping[int, float],
    fault: Sequence[int],
    units: Mapping[int, IslandUnit],
) -> pd.DataFrame:
    """Return `Restoration.steps`.

    Parameters
    ----------
    net : pandapowerNet
        The net with the fault parted.
    found : FieldSequence or None
        The operations; None where there is no source.
    load_mw : mapping of int to float
        Gross load of the buses that have supply before the outage [MW]; others do not count as dark.
    fault : sequence of int
        Buses with the fault: they are out of service in the net.
    units : mapping of int to IslandUnit
        Units that may be started, by their switches.
    """
    rows = [] if found is None else step_rows(net, found, 0)
    for row in rows:
        row["dark_buses"] = sorted(b for b in {*row["dark_buses"], *fault} if b in load_mw)
        row["dark_mw"] = float(sum(load_mw[b] for b in row["dark_buses"]))
        if row["element"] == "switch" and (unit := units.get(row["index"])):
            row |= {"action": "start", "element": unit.table, "index": unit.index, "name": unit.name}
            row |= {"to_bus": unit.bus, "from_bus": unit.bus, "to_name": row["from_name"], "switches": []}
    return pd.DataFrame(rows, pd.RangeIndex(1, len(rows) + 1, name="step"), STEP_COLUMNS)


def _in_order(operations: Sequence[Operation], subsets: Subsets) -> tuple[int, ...]:
    """Choose one operation after another."""
    done, order = 0, list[int]()
    while len(order) < len(operations):
        left = [j for j in range(len(operations)) if not done >> j & 1]
        best = min(left, key=lambda j: _urgency(operations[j], subsets, done, j))
        order.append(best)
        done |= 1 << best
    return tuple(order)


def _urgency(operation: Operation, subsets: Subsets, done: int, j: int) -> tuple[int, int]:
    """Tell how soon an operation is due; the least comes next."""
    after = done | 1 << j
    more_dark = bool((~subsets.supplied[after] & subsets.supplied[done]).any())
    fewer_dark = bool((subsets.supplied[after] & ~subsets.supplied[done]).any())
    if not operation.close:
        looped = subsets.loops[after] < subsets.loops[done]
        # in the dark, or on a loop that is closed already; else somebody would lose supply
        return (4, j) if more_dark else (0 if looped else 1, j)
    if subsets.barred[done, j]:
        return 5, j
    return (3 if fewer_dark else 2, j)
