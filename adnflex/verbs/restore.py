"""Restore: what few operations bring back after an outage, proven in full AC power flow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
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
from adnflex.problems.restoration.islands import WithIslands, islands_read, with_islands
from adnflex.problems.restoration.rows import tripped_at_first
from adnflex.problems.restoration.setting import Settable, restore_with
from adnflex.problems.restoration.steps import ordered, plain, step_table, switches_of
from adnflex.problems.restoration.study import RestorationStudy, Restored
from adnflex.problems.restoration.tables import (
    at_fault,
    bus_table,
    by_operations,
    islands_of,
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
    islands: tuple[str, int] | Sequence[tuple[str, int]] | None = None,
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
    an island but by units that are named, and no limit is broken; one that was broken before the outage becomes no
    worse. Of all sets the one is chosen that restores most gross load (times ``load.priority``), then has the fewest
    operations, the fewest islands, the least losses and the lowest indices. Set-points stay as they are, taps and loads
    too unless they are named.

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
    islands : tuple of (str, int), optional
        Units that may hold an island: ``("sgen", 3)``, also of ``storage`` or ``gen`` (on stand-by), or a list of them.
        Each may be started, which is one operation, and then holds the voltage (1 pu, of a ``gen`` its ``vm_pu``) of
        the dark part that it stands in, within its limits of power. Not with `curtailable`.
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
        "parallel_sources": parallel_sources,
    }
    asked, switching = Limits.gathered(locals()), Switching.gathered(locals())
    wider = _with_units(net, islands, switching, elements_of(outage), generation_returns)
    more: Any = {"generation_returns": generation_returns, "factor": emergency_factor, "units": wider.units}
    study = RestorationStudy(wider.net, asked, wider.switching, **more)
    gone = study.outage(elements_of(outage))
    settable = _settable(study, taps, curtailable)
    found = restore_with(study, gone, max_operations, clock, settable)
    chosen, moves, curtailed = found.chosen, moved(study, found), left_out(study, found)
    off = [] if generation_returns else study.generation(found.dark)
    set_now = {(t, c, i): after for t, c, i, _, after in moves.itertuples(index=False)}
    standing = write(
        gone.isolated(wider.net), {**set_now, **dict.fromkeys((("sgen", "in_service", i) for i in off), 0.0)}
    )
    switches = switches_of([] if chosen is None else found.named(chosen))
    wanted = write(standing, switches=switches)
    parallel = Parallel(parallel_sources, max_angle_degree, max_vm_difference_pu)
    held = limits_of(study.net, asked)
    # without a source there is nothing to run
    sequence = None if chosen is None else ordered(standing, wanted, held, parallel, wider.sources)
    switches = plain(switches, wider.units)
    topology, coordinates = drawing_tables(net, switches)
    return Restoration(
        net_name=title_of(given, name),
        fingerprint=fingerprint(given),
        seconds=clock.now,
        asked_limits=asked,
        solver="all sets of operations in exact power flow, states by pandapower",
        topology=topology,
        coordinates=coordinates,
        options={**options, **settable.choice, **switching.choice, **wider.choice},
        notes=tuple(_notes(study, found)),
        outage=str(gone),
        status=status_of(found),
        proof=proof_of(study, found),
        **_powers(study, found),
        restored_mw=power(study, found.back) - float(curtailed["left_out_mw"].sum()),
        bound_mw=found.bound,
        switches=switches,
        isolation=isolation(wider, gone, off),
        buses=bus_table(study, found),
        by_operations=by_operations(found, max_operations),
        limiting=limiting(study, found),
        steps=step_table(standing, sequence, study.load_of, gone.buses, wider.units),
        state=_state(sequence),
        flows=0 if found.search is None else found.search.flows.count,
        setpoints=setpoints,
        moves=moves,
        curtailed=curtailed,
        islands=islands_of(found),
    )


def _settable(study: RestorationStudy, taps: Iterable[int], curtailable: Iterable[int] | str) -> Settable:
    """Tell what may be set beside switches."""
    loads = study.net.load.index if isinstance(curtailable, str) else curtailable
    found = Settable([int(i) for i in taps], [int(i) for i in loads])
    if study.units and found.loads:
        raise InputError("islands and curtailable cannot be asked for together; leave one of them out.")
    return found


def _with_units(
    net: pandapowerNet,
    asked: tuple[str, int] | Sequence[tuple[str, int]] | None,
    switching: Switching,
    outage: Sequence[tuple[str, int]],
    returns: bool,
) -> WithIslands:
    """Return the net with the units that may hold an island, and what may be operated."""
    units = islands_read(net, elements_of(asked or []))
    # an element of the wider net is none that can be out
    if units and (
        new := [f"{t} {i}" for t, i in outage if t in ("bus", "switch", "ext_grid") and i not in net[t].index]
    ):
        raise InputError([f"outage: {one} is not in the net; give an existing index." for one in new])
    found = with_islands(net, units, switching)
    silent = {s: replace(u, present=0j) for s, u in found.units.items() if u.table == "sgen" and not returns}
    return found._replace(units={**found.units, **silent})


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
    given: Any = [outage] if outage and isinstance(outage[0], str) else outage
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
    notes += _island_notes(study, found)
    moving = [f"{t}.controllable" for t in ("sgen", "storage", "load", "dcline") if _controllable(study.net, t)]
    if moving:
        notes.append(f"set-points stay as they are, also those that may move ({', '.join(moving)}).")
    return notes


def _island_notes(study: RestorationStudy, found: Restored) -> list[str]:
    """Say which units could not hold an island, and how long those that do last."""
    notes = []
    live, dark = set(study.buses[~found.dark]), set(study.buses[found.dark])
    for unit in study.units.values():
        place = f"{unit.table} {unit.index}"
        if unit.switch in found.outage.held:
            notes.append(f"{place} stands where no switch parts it from the fault: it cannot hold an island.")
        elif unit.bus in live - dark:
            notes.append(f"{place} has supply at bus {unit.bus}: it stays as it is.")
    for row in islands_of(found).itertuples():
        if row.table == "storage":
            lasts = "its energy is not known" if row.hours != row.hours else f"it lasts {row.hours:.1f} h"
            notes.append(f"storage {row[2]} gives {row.p_mw:.3f} MW in its island: {lasts}.")
    return notes


def _controllable(net: pandapowerNet, table: str) -> bool:
    rows = net.get(table)
    return rows is not None and "controllable" in rows and bool(rows["controllable"].fillna(False).astype(bool).any())
