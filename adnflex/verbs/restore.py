"""Restore: what few operations bring back after an outage, proven in full AC power flow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.errors import InputError
from adnflex.grid import read_grid
from adnflex.grid.identity import fingerprint
from adnflex.grid.layout import drawing_tables
from adnflex.grid.write import write
from adnflex.knobs import Limits, Switching
from adnflex.powerflow.limits import limits_of
from adnflex.problems.clock import Deadline
from adnflex.problems.reliability.protection import Touching
from adnflex.problems.restoration.hours import setpoints_in
from adnflex.problems.restoration.rows import tripped_at_first
from adnflex.problems.restoration.setting import Settable, restore_with
from adnflex.problems.restoration.steps import ordered, step_table, switches_of
from adnflex.problems.restoration.study import RestorationStudy, Restored
from adnflex.problems.restoration.tables import (
    at_fault,
    bus_table,
    by_operations,
    isolation,
    left_out,
    limiting,
    moved,
    power,
    proof_of,
    status_of,
)
from adnflex.problems.switching.sequence import FieldSequence
from adnflex.problems.switching.subsets import Parallel
from adnflex.results.restoration import Restoration
from adnflex.study import Profiles
from adnflex.text import title as title_of


@public(reading=read_grid)
def restore(
    net: pandapowerNet,
    outage: tuple[str, int] | Sequence[tuple[str, int]],
    *,
    profiles: Profiles | None = None,
    period: int | None = None,
    max_operations: int | None = 3,
    generation_returns: bool = True,
    taps: Iterable[int] = (),
    curtailable: Iterable[int] | str = (),
    emergency_factor: float = 1.0,
    vm_limits: tuple[float, float] | None = None,
    max_loading_percent: float | None = None,
    limits: str | Mapping[tuple[str, str], Any] | None = None,
    switchable_lines: Iterable[int] | str | None = None,
    switchable_switches: Iterable[int] = (),
    locked_lines: Iterable[int] = (),
    parallel_sources: bool = True,
    max_angle_degree: float = 10.0,
    max_vm_difference_pu: float = 0.1,
    time_limit: float = 60.0,
    name: str | None = None,
) -> Restoration:
    """Find what at most so many operations bring back after an outage, and prove that no others bring back more.

    The fault is parted by the switches around it, which are free and held open; what no switch parts from it waits for
    the repair. Buses that no switch separates are supplied as a whole or not at all. One branch that is opened or
    closed is one operation. The state in the end is radial, nothing that was supplied loses supply, nothing is fed by
    an island, and no limit is broken; one that was broken before the outage becomes no worse. Of all sets the one is
    chosen that restores most gross load (times ``load.priority``), then has the fewest operations, the least losses
    and the lowest indices. Set-points stay as they are, taps and
    loads too unless they are named.

    Parameters
    ----------
    net : pandapowerNet
        The net before the outage; it is not changed. Optional columns: ``load.priority`` (1 by default);
        ``min_vm_pu_emergency``, ``max_vm_pu_emergency`` of buses and ``max_loading_percent_emergency`` of lines and
        transformers count in place of the limits of every day.
    outage : tuple of (str, int)
        What is out: ``("line", 12)``, also of ``trafo``, ``switch`` (between buses: it is open), ``ext_grid``, ``gen``
        (a source) or ``bus``; or a list of them, out at once.
    profiles, period
        The period of the outage, a row of `profiles` or of those that the net holds; without, the net stands as it is.
        In a plan of many periods: ``restore(plan.apply(net, period), ...)``.
    max_operations : int, optional
        Largest number of operations; None: any. The time that a proof takes grows with it.
    generation_returns : bool
        Whether generation comes back with the buses that it stands at, at its set-point; else it stays off.
    taps : iterable of int
        Transformers whose tap may be moved, from ``tap_min`` to ``tap_max``: every position is tried.
    curtailable : iterable of int or "all"
        Loads, of those that the outage makes dark, that may come back in part; of constant power.
    emergency_factor : float
        What the loading limits of the net are multiplied by after an outage, where it has none for emergencies; those
        that are given here stay as they are.
    vm_limits, max_loading_percent, limits
        Limits after the outage, in place of those of the net.
    switchable_lines, switchable_switches, locked_lines
        What may be operated, see `adnflex.reconfigure`.
    parallel_sources, max_angle_degree, max_vm_difference_pu
        When two sources may feed the same part on the way, see `adnflex.switching_sequence`.
    time_limit : float
        Seconds after which the best answer so far is taken.
    name : str, optional
        Name of the net in results, by default its own.

    Returns
    -------
    Restoration
        Operations in their order, what comes back, what stays dark and why, what limits, and what is proven.

    Raises
    ------
    InputError
        If there is no such element, the net is not radial, or has no power flow as it stands.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> import adnflex
    >>> net = pn.case33bw()
    >>> found = adnflex.restore(net, ("line", 10), vm_limits=(0.85, 1.1))
    >>> found.actions, round(found.restored_mw, 3), found.status
    ('close line 34', 0.51, 'optimal')
    """
    clock = Deadline(time_limit)
    setpoints = _in_period(net, profiles, period)
    given, net = net, write(net, setpoints.iloc[0]) if len(setpoints) else net
    options = {
        "max_operations": max_operations,
        "generation_returns": generation_returns,
        "emergency_factor": emergency_factor,
        "time_limit": time_limit,
    }
    asked, switching = Limits.gathered(locals()), Switching.gathered(locals())
    more: Any = {"generation_returns": generation_returns, "factor": emergency_factor}
    study = RestorationStudy(net, asked, switching, **more)
    gone = study.outage(elements_of(outage))
    loads = study.net.load.index if isinstance(curtailable, str) else curtailable
    settable = Settable([int(i) for i in taps], [int(i) for i in loads])
    found = restore_with(study, gone, max_operations, clock, settable)
    moves, curtailed = moved(study, found), left_out(study, found)
    chosen = found.chosen
    off = [] if generation_returns else study.generation(found.dark)
    set_now = {(t, c, i): after for t, c, i, _, after in moves.itertuples(index=False)}
    standing = write(gone.isolated(net), {**set_now, **{("sgen", "in_service", i): 0.0 for i in off}})
    switches = switches_of([] if chosen is None else found.named(chosen))
    wanted = write(standing, switches=switches)
    parallel = Parallel(parallel_sources, max_angle_degree, max_vm_difference_pu)
    # without a source there is nothing to run
    sequence = None if chosen is None else ordered(standing, wanted, limits_of(study.net, asked), parallel)
    topology, coordinates = drawing_tables(net, switches)
    return Restoration(
        net_name=title_of(given, name),
        fingerprint=fingerprint(given),
        seconds=clock.now,
        asked_limits=asked,
        solver="all sets of operations in exact power flow, states by pandapower",
        topology=topology,
        coordinates=coordinates,
        options={**options, **settable.choice, **switching.choice, "parallel_sources": parallel_sources},
        notes=tuple(_notes(study, found)),
        outage=str(gone),
        status=status_of(found),
        proof=proof_of(study, found),
        **_powers(study, found),
        restored_mw=power(study, found.back) - float(curtailed["left_out_mw"].sum()),
        bound_mw=found.bound,
        switches=switches,
        isolation=isolation(net, gone, off),
        buses=bus_table(study, found),
        by_operations=by_operations(found, max_operations),
        limiting=limiting(study, found),
        steps=step_table(standing, sequence, study.load_of, gone.buses),
        state=_state(sequence),
        flows=0 if found.search is None else found.search.flows.count,
        setpoints=setpoints,
        moves=moves,
        curtailed=curtailed,
    )


def _powers(study: RestorationStudy, found: Restored) -> dict[str, Any]:
    """Gross loads [MW] that are dark, and why."""
    fault, gone = at_fault(study, found.outage), found.outage.elements
    return {
        "dark_mw": power(study, found.dark),
        "fault_mw": power(study, fault & found.dark),
        "unreachable_mw": power(study, found.dark & ~found.reachable & ~fault),
        "tripped_mw": power(study, tripped_at_first(study, Touching(study.net), gone)),
    }


def _in_period(net: pandapowerNet, profiles: Profiles | None, period: int | None) -> pd.DataFrame:
    """Return what differs from the net in the period that is asked for."""
    if profiles is not None and period is None:
        raise InputError("period is missing: profiles have many; give the row in which the outage is, e.g. period=18.")
    return setpoints_in(net, profiles, None if period is None else [period])


def elements_of(outage: tuple[str, int] | Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """List what is out, one element or several."""
    given: Any = [outage] if isinstance(outage[0], str) else outage
    return [(str(table), int(index)) for table, index in given]


def _state(sequence: FieldSequence | None) -> pd.DataFrame:
    """Return `Restoration.state`."""
    if sequence is None:
        return pd.DataFrame()
    last = sequence.sets[-1]
    measured = sequence.states.together([last])
    row = measured.extremes().iloc[0].to_dict()
    row |= {"losses_kw": float(measured.losses_mw.iloc[0]) * 1e3, "margin": sequence.states.margin[last]}
    return pd.DataFrame([row])


def _notes(study: RestorationStudy, found: Restored) -> list[str]:
    """Say what the reader has to know."""
    notes = []
    if not study.supplied.all():
        count = int((~study.supplied).sum())
        notes.append(f"{count} buses have no supply before the outage either; they do not count.")
    if study.before.vm_pu or study.before.loading:
        count = len(study.before.vm_pu) + len({key[:2] for key in study.before.loading})
        notes.append(f"{count} limits are broken before the outage already: they are judged by 'no worse than before'.")
    moving = [f"{t}.controllable" for t in ("sgen", "storage", "load", "dcline") if _controllable(study.net, t)]
    if moving:
        notes.append(f"set-points stay as they are, also those that may move ({', '.join(moving)}).")
    return notes


def _controllable(net: pandapowerNet, table: str) -> bool:
    rows = net.get(table)
    return rows is not None and "controllable" in rows and bool(rows["controllable"].fillna(False).astype(bool).any())
