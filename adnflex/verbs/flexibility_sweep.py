"""Boxes of many days and coupling points: one `flexibility` each, side by side, into one table."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.arguments.call import keywords_of
from adnflex.arguments.kinds import either, indices, word
from adnflex.arguments.study_kinds import element
from adnflex.errors import InputError
from adnflex.grid.coupling import coupling_of, sources_of
from adnflex.grid.coupling_alone import alone
from adnflex.grid.identity import fingerprint
from adnflex.knobs import Horizon
from adnflex.problems.clock import Deadline, Progress
from adnflex.results import Flexibility, FlexibilityCheck
from adnflex.results.flexibility_sweep import BOX_COLUMNS, FlexibilitySweep
from adnflex.study import Profiles, read_series, settled
from adnflex.study.axis import time_axis
from adnflex.text import title as title_of
from adnflex.verbs.flexibility import flexibility
from adnflex.verbs.sweep_cells import CellAnswer, SweepTask, empty_row
from adnflex.verbs.sweep_run import SweepRun
from adnflex.verbs.sweep_store import SweepStore
from adnflex.verbs.validate import validate

# Arguments of `adnflex.flexibility` that are set here, or that say another horizon.
_OWN = ("progress", "name", "pcc", "profiles", "periods")
# A year of quarter-hours may be asked for without being named.
_MOST_PERIODS = 35_136
_ALSO = {
    "days": indices("days from 0 such as range(366)", empty=False),
    "pcc": either("('ext_grid', 0) or such, or 'every'", word("every"), element("")),
}


@public(options=lambda: [name for name in keywords_of(flexibility) if name not in _OWN], also=_ALSO)
def flexibility_sweep(
    net: pandapowerNet,
    days: Iterable[int] | None = None,
    *,
    pcc: tuple[str, int] | str | None = None,
    profiles: Profiles | None = None,
    trajectories: int = 20,
    store: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    name: str | None = None,
    **options: Any,
) -> FlexibilitySweep:
    """Find a box of active power for every day and coupling point, each checked in AC: one row each.

    Days are independent: each begins with the energy that the storages of the net have, and promises nothing of the
    next one (``final_energy="initial"`` makes them fit one behind the other).

    Parameters
    ----------
    net : pandapowerNet
        The net with profiles of whole days; it is only read.
    days : iterable of int, optional
        Days from 0: day 3 is the fourth 24 hours of the profiles; by default all.
    pcc : (str, int) or str, optional
        As in `adnflex.flexibility`; ``every``: one box for each source of the net.
    profiles
        As in `adnflex.dispatch`.
    trajectories : int
        Random trajectories and vertices by which each box is checked.
    store : str or pathlib.Path, optional
        Folder that gets every box and its check as soon as it ends; a later call with the same arguments goes on with
        those that are missing.
    progress : callable, optional
        Told every box that ends (`done` of `wanted`).
    executor, workers
        As in `adnflex.sweep`.
    name
        As in `adnflex.dispatch`.
    **options
        Arguments of `adnflex.flexibility` for all boxes; `time_limit` is that of a box.

    Returns
    -------
    FlexibilitySweep
        The table, also of days for which there is no box, with the reason. After Ctrl-C it has what is done.

    Raises
    ------
    InputError
        If the profiles have no such day, their step does not divide a day, or the store holds boxes of another study.

    Examples
    --------
    >>> from adnflex import networks
    >>> found = flexibility_sweep(networks.load("park33_flexibility"), hours_per_period=12.0, workers=1, days=[0, 11])
    >>> found.table[["day", "passed", "periods"]].to_numpy().tolist()
    [[0, True, 2], [11, True, 2]]
    """
    title = title_of(net, name)
    parts = _by_day(net, profiles, days, options)
    points = sources_of(net) if isinstance(pcc, str) else [pcc]
    same = {"trajectories": trajectories, "name": title, **options}
    cells = []
    told: list[str] = []
    for point in points:
        coupling = alone(coupling_of(net, point))
        at = coupling.name
        told += coupling.notes
        for day, (there, own) in parts.items():
            variant = f"day {day}" if len(points) == 1 else f"day {day}, {at}"
            blank = {**BOX_COLUMNS, "day": day, "pcc": at}
            cells.append(SweepTask(title, variant, there, {"pcc": point, "profiles": own}, blank))
    run = SweepRun(Deadline(math.inf, progress), SweepStore(store, same))
    run.work(partial(_boxed, same), cells, executor, workers)
    simple = {k: v for k, v in options.items() if isinstance(v, str | int | float | bool)}
    return FlexibilitySweep(
        net_name=title,
        fingerprint=fingerprint(net),
        table=run.table(BOX_COLUMNS),
        **{**run.record, "notes": (*told, *run.notes)},
        options={"days": sorted(parts), "trajectories": trajectories, **simple},
    )


def _by_day(
    net: pandapowerNet, profiles: Profiles | None, days: Iterable[int] | None, options: Mapping[str, Any]
) -> dict[int, tuple[pandapowerNet, Profiles | None]]:
    """Return by day the net, and the profiles of the caller, with the rows of that day alone."""
    asked = settled(net, Horizon.gathered({**options, "profiles": profiles}))
    series = read_series(net, profiles, most=_MOST_PERIODS)
    axis = time_axis(series.periods, series.stamps, asked.hours_per_period, asked.start_hour)
    rows = round(24 / axis.hours)
    if abs(rows * axis.hours - 24) > 1e-6 or len(series) < rows:
        raise InputError(
            f"hours_per_period is {axis.hours:g} and the profiles have {len(series)} rows: no day of 24 h can be cut "
            "from them; give profiles of at least a day in a step that divides it."
        )
    held = len(series) // rows
    chosen = list(range(held)) if days is None else list(days)
    if wrong := [day for day in chosen if not 0 <= day < held]:
        raise InputError(f"days {wrong[:5]} are not in the profiles, which hold days 0 to {held - 1}; give these.")
    if len(set(chosen)) < len(chosen):
        raise InputError("days name one twice; give each once.")
    shipped = net.get("profiles")
    found: dict[int, tuple[pandapowerNet, Profiles | None]] = {}
    for day in chosen:
        part = slice(day * rows, (day + 1) * rows)
        own = None if profiles is None else {key: frame.iloc[part] for key, frame in profiles.items()}
        there = copy.copy(net)
        if isinstance(shipped, dict):
            there["profiles"] = {key: frame.iloc[part] for key, frame in shipped.items()}
        found[day] = (there, own)
    return found


def _boxed(options: Mapping[str, Any], cell: SweepTask) -> CellAnswer:
    """Find the box of a cell and check it in AC."""
    assert isinstance(cell.source, pandapowerNet)
    wishes = {k: v for k, v in options.items() if k != "trajectories"}
    wishes["name"] = f"{options['name']}, {cell.variant}"
    flex = flexibility(cell.source, **wishes, **cell.changes)
    check = validate(flex, cell.source, trajectories=options["trajectories"])
    assert isinstance(check, FlexibilityCheck)
    return CellAnswer({**empty_row(cell, flex.status), **_figures(flex, check)}, flex, check)


def _figures(flex: Flexibility, check: FlexibilityCheck) -> dict[str, Any]:
    """Return what a row tells of a box."""
    return {
        "passed": check.passed,
        "periods": len(flex.box),
        "useful_mwh": flex.useful_mwh,
        "total_mwh": flex.total_mwh,
        "outer_mwh": flex.outer_mwh,
        "certificate": flex.certificate,
        "narrowest_mw": float((flex.upper_mw - flex.lower_mw).min()),
        "lowest_mw": float(flex.lower_mw.min()),
        "highest_mw": float(flex.upper_mw.max()),
        "note": "" if check.passed else f"AC check failed: {check.verdict}",
    }
