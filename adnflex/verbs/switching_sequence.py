"""Order the operations of a plan, with every state on the way in full AC power flow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.arguments.kinds import of_class
from adnflex.errors import Infeasible, InputError
from adnflex.grid.identity import fingerprint, require_same
from adnflex.grid.switching import SWITCH_STATES
from adnflex.grid.write import PushBack, one_state
from adnflex.knobs import Limits
from adnflex.powerflow.limits import limits_of
from adnflex.problems.clock import Deadline
from adnflex.problems.switching.operations import operations_of
from adnflex.problems.switching.pairs import in_parts
from adnflex.problems.switching.sequence import MOST_OPERATIONS, FieldSequence, field_sequence
from adnflex.problems.switching.short_circuit import short_circuits
from adnflex.problems.switching.subsets import Parallel
from adnflex.problems.switching.tables import ORDER_COLUMNS, STEP_COLUMNS, order_row, step_rows
from adnflex.results import DispatchPlan, Flexibility, MultiPeriodPlan, Plan
from adnflex.results.sequence import SwitchingSequence
from adnflex.text import title as title_of


@public(also={"plan": of_class("Plan", "MultiPeriodPlan", "DispatchPlan", "Flexibility")})
def switching_sequence(
    plan: Plan | MultiPeriodPlan | DispatchPlan | Flexibility,
    net: pandapowerNet,
    *,
    vm_limits: tuple[float, float] | None = None,
    max_loading_percent: float | None = None,
    limits: str | Mapping[tuple[str, str], Any] | None = None,
    parallel_sources: bool = True,
    max_angle_degree: float = 10.0,
    max_vm_difference_pu: float = 0.1,
    short_circuit: bool = False,
    time_limit: float = 60.0,
) -> SwitchingSequence:
    """Put the operations of a plan into the best order, and run every state on the way in full AC power flow.

    Closed is before it is opened where sources may run in parallel, opened before it is closed where not. Of all orders
    the one is chosen that is least, one after the other, in: load without supply (MW times the minutes of the
    operations meanwhile); limits broken on the way beyond what start and end have; loops at once; the largest current
    that a switch closes on, by its rating; changes of station; indices. More than 16 operations are ordered in parts of
    at most 16, each closing together with the opening on its loop; the order of the parts is not searched.

    Parameters
    ----------
    plan : Plan, MultiPeriodPlan, DispatchPlan or Flexibility
        What switches; one that switches several times has one order for each change of its topology.
    net : pandapowerNet
        The net that it was made for; it is not changed. Optional columns of ``net.switch``: ``in_ka`` (rated current
        [kA]), ``remote`` (operated from afar), ``minutes`` (how long it takes [min], 1 by default).
    vm_limits, max_loading_percent, limits
        Limits on the way, e.g. emergency limits; by default those of the plan.
    parallel_sources : bool
        Whether two sources may feed the same part at once.
    max_angle_degree : float
        Largest difference of their angles [degree], phase shifts of transformers included.
    max_vm_difference_pu : float
        Largest difference of their set-points [pu].
    short_circuit : bool
        Whether to tell how far short-circuit currents rise on the way (pandapower's ``calc_sc``, three-phase, largest),
        where the net has the data; a note names what it lacks.
    time_limit : float
        Seconds after which the best order so far is taken.

    Returns
    -------
    SwitchingSequence
        One row an operation.

    Raises
    ------
    InputError
        If the net is another one, or lacks an element that `limits` name.
    Infeasible
        If no order avoids joining sources that may not be in parallel; names them.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> import adnflex
    >>> net = pn.case33bw()
    >>> plan = adnflex.plan_from(net, open_lines=[6, 32, 33, 35, 36])
    >>> steps = switching_sequence(plan, net)
    >>> steps.steps[["action", "index", "loops"]].values.tolist()
    [['close', 34, 1], ['open', 6, 0]]
    """
    require_same(net, plan.fingerprint)
    clock = Deadline(time_limit)
    asked = Limits.gathered(locals())
    within = asked if asked != Limits() else plan.asked_limits
    if faults := within.faults(net):
        raise InputError(faults)
    parallel = Parallel(parallel_sources, max_angle_degree, max_vm_difference_pu)
    steps: list[dict[str, Any]] = []
    orders, notes = [], list[str]()
    for first, standing, wanted in _changes(plan, net):
        parts = list(in_parts(standing, operations_of(standing, wanted), MOST_OPERATIONS))
        for before, after in parts:
            found = field_sequence(before, after, limits_of(before, within), parallel, clock)
            _require_order(found)
            rows = step_rows(before, found, first)
            if short_circuit:
                currents, reason = short_circuits(found)
                rows = [{**row, **more} for row, more in zip(rows, currents, strict=True)]
                notes += [reason] if reason else []
            steps += rows
            orders.append(order_row(found, first, parted=len(parts) > 1))
    return SwitchingSequence(
        net_name=title_of(net, plan.net_name or None),
        fingerprint=fingerprint(net),
        seconds=clock.now,
        asked_limits=within,
        solver="search over the sets of operations, states by pandapower",
        topology=plan.topology,
        coordinates=plan.coordinates,
        options={
            "parallel_sources": parallel_sources,
            "max_angle_degree": max_angle_degree,
            "max_vm_difference_pu": max_vm_difference_pu,
            "short_circuit": short_circuit,
            "time_limit": time_limit,
        },
        steps=pd.DataFrame(steps, pd.RangeIndex(1, len(steps) + 1, name="step"), STEP_COLUMNS),
        setpoints=_setpoints(plan),
        notes=tuple(dict.fromkeys(notes)),
        orders=pd.DataFrame(orders, columns=ORDER_COLUMNS).set_index("first_period"),
    )


def _changes(
    plan: Plan | MultiPeriodPlan | DispatchPlan | Flexibility, net: pandapowerNet
) -> Iterator[tuple[int, pandapowerNet, pandapowerNet]]:
    """Yield the first period of every topology, and the net before and after (with that period's set-points)."""
    switches, setpoints = plan.switches, _setpoints(plan)
    if not len(setpoints):
        yield 0, net, PushBack(net, one_state(), switches).at(0)
        return
    standing = None
    for first in setpoints.index:
        after = PushBack(net, setpoints.rename_axis("period"), switches).at(first)
        before = PushBack(net, setpoints, None).at(first)
        if standing is not None:
            for table, column in SWITCH_STATES:
                before[table][column] = standing[table][column]
        yield int(first), before, after
        standing = after


def _setpoints(plan: Plan | MultiPeriodPlan | DispatchPlan | Flexibility) -> pd.DataFrame:
    """Return what stands in the net while a plan of periods switches, by first period; nothing of other plans."""
    if not isinstance(plan, DispatchPlan | MultiPeriodPlan) or not len(plan.switches):
        return pd.DataFrame()
    firsts = sorted(plan.switches["first_period"].astype(int).unique())
    table = plan.of(plan.setpoints, None) if isinstance(plan, DispatchPlan) else plan.setpoints
    return table.loc[firsts].rename_axis("first_period")


def _require_order(found: FieldSequence) -> None:
    """Refuse what cannot be ordered, by name."""
    if found.order is None:
        barred = [str(o) for j, o in enumerate(found.operations) if found.subsets.barred[:, j].any()]
        raise Infeasible(
            f"no order avoids joining sources that may not be in parallel ({', '.join(barred)}): raise "
            "max_angle_degree or max_vm_difference_pu, or leave these operations out.",
            None,
            True,
        )
