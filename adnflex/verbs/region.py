"""The P–Q region: which active and reactive power a network can import at its point of common coupling."""

from __future__ import annotations

import math
import numbers
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

import pandas as pd
from pandapower import pandapowerNet

from adnflex.algorithms.workers import worker_pool
from adnflex.arguments import public
from adnflex.devices import Device
from adnflex.errors import Infeasible, InputError, TimeExpired
from adnflex.grid import read_grid
from adnflex.knobs import Horizon, Limits
from adnflex.problems.clock import Deadline, Progress
from adnflex.problems.dispatch.explain import least_violation
from adnflex.problems.dispatch.problem import DispatchProblem
from adnflex.problems.dispatch.reasons import causes, violation_row
from adnflex.problems.reconfiguration.describe import unit_hint
from adnflex.problems.region.answer import Fineness, RegionAnswer
from adnflex.problems.region.reading import RegionJob, read_region
from adnflex.problems.region.solve import PeriodRegion
from adnflex.problems.region.tables import PeriodTables, joined, period_tables
from adnflex.results.region import Region
from adnflex.study import Profiles, Study
from adnflex.text import title as title_of


@public(reading=read_grid)
def pq_region(
    net: pandapowerNet,
    *,
    pcc: tuple[str, int] | None = None,
    profiles: Profiles | None = None,
    periods: Iterable[int] | None = None,
    directions: int = 16,
    vm_limits: tuple[float, float] | None = None,
    max_loading_percent: float | None = None,
    limits: str | Mapping[tuple[str, str], Any] | None = None,
    hours_per_period: float | None = None,
    time_limit: float = 300.0,
    executor: Executor | None = None,
    progress: Callable[[Progress], None] | None = None,
    seed: int = 0,
    name: str | None = None,
) -> Region:
    """Find which active and reactive power a network can import in a period, from outside and from inside.

    The outer polygon holds every import that any set-points and positions reach within all limits in AC power flow; it
    follows from proven bounds of the cone relaxation.  The inner polygons, one a combination of discrete positions, lie
    between states that were run in pandapower and meet every limit of net and devices; imports on their edges and
    inside are verified at samples.

    Storages offer what the energy in ``soc_percent`` allows for one period, flexible loads their whole range; charging
    of electric vehicles stays as it is.

    Parameters
    ----------
    net : pandapowerNet
        The net, its devices in its own tables (see the page "Devices"); it is only read.
    pcc : (str, int), optional
        The point of common coupling, as in `adnflex.flexibility`.
    profiles : mapping, optional
        ``{(table, column): DataFrame}`` with absolute values; by default ``net.profiles``.
    periods : iterable of int, optional
        Rows of the profiles, each a region of its own; by default all.
    directions : int
        Support directions, evenly spread; up to half as many again are added where outer and inner side differ most.
    vm_limits, max_loading_percent, limits
        As in `adnflex.reconfigure`.
    hours_per_period : float, optional
        Length of a period [h], for storages; by default ``net.study`` or the profiles' own step.
    time_limit : float
        Time limit of each period [s]; what is proven and verified by then is returned. The outer polygon is valid at
        any time, an inner one may be missing; ``areas`` says ``time_limit``.
    executor : concurrent.futures.Executor, optional
        Runs periods side by side.
    progress : callable, optional
        Told inner area as ``incumbent``, outer area as ``bound`` [MW·Mvar] and seconds.
    seed : int
        Places half of the samples inside the polygons.
    name : str, optional
        Name of the net in the report.

    Returns
    -------
    Region
        Half-planes, polygons, verified points with their set-points, areas.

    Raises
    ------
    InputError
        If the net, its profiles or an argument is wrong, or a period does not exist.
    Infeasible
        If no set-points meet every limit in a period; names the limit and by how much it is missed.
    TimeExpired
        If the time was over before any state was found that meets every limit.

    Examples
    --------
    >>> import adnflex
    >>> import pandapower.networks as pn
    >>> import pandapower as pp
    >>> net = pn.create_cigre_network_mv()
    >>> _ = pp.create_sgen(net, 7, p_mw=2.0, sn_mva=2.5, min_p_mw=0, max_p_mw=2, min_q_mvar=-2, max_q_mvar=2,
    ...                    controllable=True)
    >>> region = pq_region(net, directions=8, vm_limits=(0.9, 1.1))
    >>> region.periods, bool(region.areas.at[0, "ratio"] > 0.9)
    ([0], True)
    >>> adnflex.validate(region, net).passed
    True
    """
    arguments, started = dict(locals()), time.monotonic()
    _check_arguments(directions, time_limit)
    within = Limits.gathered(arguments)
    coupling, job, wanted = read_region(net, pcc, Horizon.gathered(arguments), within)
    fineness = Fineness(directions=int(directions), seconds=float(time_limit), seed=int(seed))
    title = title_of(net, name)
    parts: dict[int, tuple[PeriodTables, str, float, float]] = {}
    if executor is None:
        for t in wanted:
            parts[t] = _one_period(job, fineness, t, _teller(progress, started, t))
    else:
        with worker_pool(partial(_one_period, job, fineness), executor) as crew:
            for t, part in crew.each(wanted):
                parts[t] = part
                _teller(progress, started, t)(part[0].area["inner"], part[0].area["outer"], "done")
    tables = {t: parts[t][0] for t in wanted}
    first = parts[wanted[0]]
    areas = pd.DataFrame([{**tables[t].area, "seconds": parts[t][3]} for t in wanted], index=_index(wanted))
    options = {"directions": directions, "time_limit": time_limit, "seed": seed}
    return Region(
        net_name=title,
        pcc=coupling.name,
        hours_per_period=first[2],
        areas=areas,
        **{
            item: joined({t: getattr(tables[t], item) for t in wanted})
            for item in ("halfplanes", "outer", "inner", "points", "setpoints", "positions")
        },
        inputs=_input_table(tables),
        options=options,
        asked_limits=within,
        fingerprint=coupling.fingerprint,
        seconds=time.monotonic() - started,
        notes=(*coupling.notes, *_notes(tables)),
    )


def _check_arguments(directions: int, time_limit: float) -> None:
    faults = []
    if not (isinstance(directions, numbers.Integral) and 4 <= directions <= 360):
        faults.append(f"directions is {directions!r}; give an integer from 4 to 360.")
    if not (isinstance(time_limit, int | float) and math.isfinite(time_limit) and time_limit > 0):
        faults.append(f"time_limit is {time_limit!r}; give seconds above 0.")
    if faults:
        raise InputError(faults)


def _teller(progress: Callable[[Progress], None] | None, started: float, t: int) -> Callable[[float, float, str], None]:
    def tell(inner: float, outer: float, event: str) -> None:
        if progress is not None:
            progress(Progress(time.monotonic() - started, inner, outer, f"period {t}: {event}"))

    return tell


def _one_period(
    job: RegionJob,
    fineness: Fineness,
    t: int,
    tell: Callable[[float, float, str], None] = lambda inner, outer, event: None,
) -> tuple[PeriodTables, str, float, float]:
    """Solve one period and run its states; also the coupling point, the hours and the seconds."""
    clock = Deadline(fineness.seconds)
    study, devices, pcc = job.read(t)
    answer = PeriodRegion(study.points, study.horizon, devices, pcc, fineness, clock, tell).solve()
    if not answer.cells and answer.status != "infeasible" and clock.spent:
        raise TimeExpired(
            f"period {t}: no state that meets every limit was found within {clock.seconds:g} s; it is not proven that "
            "there is none. Give more time_limit."
        )
    if not answer.cells:
        raise _infeasible(job.net, study, devices, answer, t, max(clock.left, _EXPLAIN_SECONDS))
    tables = period_tables(job.net, study, devices, pcc, answer, clock)
    return tables, str(pcc.place), study.horizon.hours, clock.now


# Time to look for the limit in the way where the time is over [s].
_EXPLAIN_SECONDS = 1.0


def _infeasible(
    net: pandapowerNet, study: Study, devices: list[Device], answer: RegionAnswer, t: int, seconds: float
) -> Infeasible:
    """Say which limit is in the way, where and by how much."""
    proven = answer.status == "infeasible"
    excess = least_violation(DispatchProblem(study.points, study.horizon, devices), seconds) or []
    if proven:
        text = f"period {t}: the region is empty, no set-points meet every limit (proven)"
    else:
        text = f"period {t}: no set-points were found that meet every limit in AC power flow (not proven)"
    rows = [violation_row(net, study, e) for e in excess]
    own = causes(net, study, devices)
    if rows:
        r = rows[0]
        text += (
            f"; the least violating ones found break {len(rows)} limit{'s' if len(rows) > 1 else ''}, worst "
            f"{r['kind']} at {r['element']} {r['index']}: {r['value']:.5g} against {r['limit']:.5g} {r['unit']}, "
            f"missed by {r['excess']:.3g} {r['unit']}{unit_hint(r['value'], r['limit'])}; relax that limit or add a "
            "measure there"
        )
    elif proven and not own:
        text += (
            "; even with every limit of the network relaxed the devices find no set-points: set controllable to False "
            "one by one to see whose limits contradict each other"
        )
    return Infeasible(f"{text}{own}.", pd.DataFrame(rows) if rows else None, proven)


def _index(periods: Sequence[int]) -> pd.Index:
    return pd.Index(periods, name="period")


def _input_table(tables: dict[int, PeriodTables]) -> pd.DataFrame:
    """Series by period; a value that is only in some periods' inputs is the net's own in the others (NaN)."""
    frame = pd.DataFrame([part.inputs for part in tables.values()], index=_index(list(tables)))
    if not len(frame.columns):
        empty: list[list[Any]] = [[], [], []]
        frame.columns = pd.MultiIndex.from_arrays(empty, names=["table", "column", "index"])
    return frame


def _notes(tables: dict[int, PeriodTables]) -> list[str]:
    """Collect the notes of all periods; what holds in every one is said once, the rest with its period."""
    shared = set.intersection(*(set(part.notes) for part in tables.values()))
    lines = [n if n in shared else f"period {t}: {n}" for t, part in tables.items() for n in part.notes]
    return list(dict.fromkeys(lines))
