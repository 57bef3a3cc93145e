"""Sweep: reconfigure many nets in many variants, side by side, into one table."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.arguments.call import keywords_of
from adnflex.arguments.kinds import anything
from adnflex.errors import InputError
from adnflex.problems.clock import Deadline, Progress
from adnflex.results.sweep import SWEEP_COLUMNS, Sweep
from adnflex.sources import net_opener
from adnflex.verbs.reconfigure import reconfigure
from adnflex.verbs.sweep_cells import CHANGES, SweepTask, reconfigured
from adnflex.verbs.sweep_run import SweepRun
from adnflex.verbs.sweep_store import SweepStore

# Arguments of `adnflex.reconfigure` that a sweep sets itself.
_OWN = ("progress", "executor", "workers", "name")


@public(options=lambda: (reconfigure,), also={"nets": anything()})
def sweep(
    nets: pandapowerNet | str | Path | Mapping[str, Any] | Sequence[str | Path],
    variants: Mapping[str, Mapping[str, Any]] | None = None,
    objective: str | Mapping[str, float] = "losses",
    *,
    store: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    **options: Any,
) -> Sweep:
    """Reconfigure nets in variants, each checked in AC power flow: one row a cell.

    Parameters
    ----------
    nets : mapping, sequence, str, path or pandapowerNet
        ``{name: net}``, where a net may be a word or path as for the command line, or a list of such words. Words are
        opened where the cell is run.
    variants : mapping, optional
        ``{name: changes}`` of every net: ``scale`` (factors of powers, ``{"load": 1.2, "sgen.PV": 3}``; a word behind
        the point is the column ``type``), ``share`` (``{"sgen": 0.3}``: energy of these generators over the horizon as
        a share of that of all loads) and arguments of `adnflex.reconfigure`; by default one, the net as it is.
    objective
        As in `adnflex.reconfigure`.
    store : str or pathlib.Path, optional
        Folder that gets the plan and the check of every cell as soon as it ends; a later call with the same arguments
        goes on with the cells that are missing.
    progress : callable, optional
        Told every cell that ends (`done` of `wanted`).
    executor : concurrent.futures.Executor, optional
        Runs the cells side by side: threads, processes of any start method, a cluster's, or a client of a Dask cluster.
        By default forked worker processes.
    workers : int, optional
        How many cells at once; by default one a core, 8 at most. Each cell runs in one process.
    **options
        Arguments of `adnflex.reconfigure` for all cells; `time_limit` is that of a cell.

    Returns
    -------
    Sweep
        The table, also of cells for which there is no plan, with the reason. After Ctrl-C it has what is done.

    Raises
    ------
    InputError
        If nothing has the name of a net, an argument is wrong, or the store holds cells of another study.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> table = sweep({"33": pn.case33bw()}, {"today": {}, "later": {"scale": {"load": 1.1}}}, workers=1).table
    >>> table["losses_after"].mul(1e3).round(3).tolist(), table["status"].tolist()
    ([139.551, 170.554], ['optimal', 'optimal'])
    """
    clock = Deadline(math.inf, progress)
    sources = _named(nets)
    faults = [f"{name}: is set by the sweep itself; leave it out." for name in _OWN if name in options]
    faults += _unknown(sources)
    chosen = variants or {"": {}}
    known = {*keywords_of(reconfigure), "objective", *CHANGES} - set(_OWN)
    faults += [
        f"variants: {name} has {key}, which is no argument of adnflex.reconfigure that a sweep can vary; leave it out."
        for name, changes in chosen.items()
        for key in changes
        if key not in known
    ]
    if faults:
        raise InputError(faults)
    same = {"objective": objective, **options}
    run = SweepRun(clock, SweepStore(store, same))
    cells = [
        SweepTask(net, variant, source, changes, {**SWEEP_COLUMNS, "net": net, "variant": variant})
        for net, source in sources.items()
        for variant, changes in chosen.items()
    ]
    run.work(partial(reconfigured, same), cells, executor, workers)
    simple = {k: v for k, v in options.items() if isinstance(v, str | int | float | bool)}
    return Sweep(table=run.table(SWEEP_COLUMNS), **run.record, options={"variants": variants or {}, **simple})


def _named(nets: Any) -> dict[str, str | pandapowerNet]:
    """Nets by name."""
    if isinstance(nets, pandapowerNet):
        return {str(nets.get("name") or "net"): nets}
    if isinstance(nets, str | os.PathLike):
        nets = [nets]
    if isinstance(nets, Mapping):
        found = {
            str(k): v if isinstance(v, pandapowerNet) else os.fspath(v) if _is_word(v) else v for k, v in nets.items()
        }
    elif isinstance(nets, Iterable):
        words = list(nets)
        if odd := [type(w).__name__ for w in words if not _is_word(w)]:
            raise InputError(f"nets: has a {odd[0]} without a name; give a mapping, {{name: net}}.")
        found = {os.fspath(word): os.fspath(word) for word in words}
        if len(found) < len(words):
            raise InputError("nets: has a word twice; give each net once, or a mapping {name: net}.")
    else:
        found = {}
    if not found:
        raise InputError("nets: there is none; give a net, words such as 'case33bw', or a mapping {name: net}.")
    if odd := [
        f"nets: {k} is a {type(v).__name__}; give a net, a word or a path."
        for k, v in found.items()
        if not isinstance(v, str | pandapowerNet)
    ]:
        raise InputError(odd)
    return found


def _is_word(value: Any) -> bool:
    return isinstance(value, str | os.PathLike)


def _unknown(sources: Mapping[str, str | pandapowerNet]) -> list[str]:
    """Name the words that are no net."""
    faults: list[str] = []
    for source in sources.values():
        if isinstance(source, str):
            try:
                net_opener(source)
            except InputError as error:
                faults += [f"nets: {finding}" for finding in error.findings]
    return faults
