"""The public verb `adnflex.report`: one name for the report of every kind of result, and of any mix of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from adnflex.arguments import public
from adnflex.arguments.kinds import anything
from adnflex.errors import Infeasible, InputError
from adnflex.files import write_bytes, write_text
from adnflex.grid.layout import drawing_tables
from adnflex.grid.switch_tables import moved
from adnflex.problems.clock import Deadline
from adnflex.reporting.document import document
from adnflex.reporting.kinds import listed, sorted_by_kind
from adnflex.reporting.nothing_found import NothingFound
from adnflex.reporting.page import render
from adnflex.reporting.paper import browser, is_paper, pdf
from adnflex.reporting.views import NetFacts, Orders
from adnflex.results import DispatchPlan, Flexibility, MultiPeriodPlan, Plan, SwitchingSequence
from adnflex.text import title
from adnflex.verbs.switching_sequence import switching_sequence

if TYPE_CHECKING:
    from pandapower import pandapowerNet


_SWITCHING = (Plan, MultiPeriodPlan, DispatchPlan, Flexibility)


@public(also={"plan": anything(), "check": anything()})
def report(plan: Any, check: Any, path: str | Path, net: pandapowerNet | None = None) -> Path:
    """Write the report of results as one file that opens anywhere, without a network connection: HTML or PDF.

    Parameters
    ----------
    plan : Plan, MultiPeriodPlan, DispatchPlan, Pareto, Flexibility, Region, RollingRun, Comparison, or several of them
        What is reported: of a reconfiguration, or an `OperationsFrontier`; a `SwitchingSequence`; of a dispatch, or
        several dispatch studies that are compared with the first (a `Pareto` is its plans); the flexibility at the
        point of common coupling, alone or after that of the present topology, with its regions of active and reactive
        power where there are any; the day of a rolling schedule, policies over common days, or one of each; and any mix
        of these, of which the reader chooses one at a time. An `adnflex.errors.Infeasible` is reported too: whether it
        is proven, which limits are in the way and where, and with `net` the map of the least violating state.
    check : Check, MultiPeriodCheck, DispatchCheck, FlexibilityCheck, RegionCheck, RollingCheck, sequence, or None
        Its AC check, or their checks in the same order; of flexibility before and after, the check of the latter
        is enough; a comparison of policies has none. None reports what was not validated, and the first line says so.
    path : str or pathlib.Path
        File to write; an existing one is replaced. A name that ends in ``.pdf`` is printed on A4 by Chromium, Chrome or
        Edge, whichever is installed; every other one is HTML.
    net : pandapowerNet, optional
        The net before the plan. Needed for the order of the operations of a plan that switches, where none of the
        results is its `SwitchingSequence`: the report then finds it, with the limits of the plan, in at most 60 s. Also
        for the maps of a plan that carries no drawing tables, and of a rolling schedule for names and for what is
        published of its case.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    InputError
        If `plan` or `check` is something else, the file cannot be written, or it is a PDF and no browser prints it.

    Examples
    --------
    >>> import tempfile
    >>> import adnflex, pandapower.networks
    >>> plan = adnflex.reconfigure(pandapower.networks.simple_mv_open_ring_net(), vm_limits=(0.9, 1.1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report(plan, None, f"{folder}/report.html").name
    'report.html'
    """
    if is_paper(path):
        browser()  # said before the order of operations is searched for
    results = [_drawn(result, net) for result in listed(plan)]
    facts = NetFacts() if net is None else replace(net_facts(net), orders=_orders(results, net))
    page = render(document(sorted_by_kind(results, check, facts)))
    return write_bytes(path, pdf(page)) if is_paper(path) else write_text(path, page)


# Seconds for the orders of all plans of a report.
_ORDER_SECONDS = 60.0


def _orders(results: Sequence[Any], net: pandapowerNet) -> Orders:
    """Find the order of operations of every plan that switches and has none among the results."""
    given = Orders(tuple(result for result in results if isinstance(result, SwitchingSequence)))
    clock = Deadline(_ORDER_SECONDS)
    found, faults = [], []
    for result in results:
        for plan in getattr(result, "plans", (result,)):
            if not isinstance(plan, _SWITCHING) or moved(plan.switches).empty or given.of(plan) is not None:
                continue
            try:
                found.append(switching_sequence(plan, net, time_limit=max(clock.left, 1e-3)))
            except (InputError, Infeasible) as error:
                faults.append(str(error))
    return Orders(tuple(found), tuple(dict.fromkeys(faults)))


def net_facts(net: pandapowerNet) -> NetFacts:
    """Return what the net tells of results that do not carry it themselves.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    """
    topology, coordinates = drawing_tables(net)
    tables = ("sgen", "gen", "load", "storage", "shunt", "dcline", "ext_grid")
    named = [table for table in tables if "name" in net[table]]
    names = [net[table][["name"]].rename_axis("index").reset_index().assign(table=table) for table in named]
    limits = net.bus[[column for column in ("min_vm_pu", "max_vm_pu") if column in net.bus]]
    told = net.get("study")
    return NetFacts(
        topology, coordinates, pd.concat(names, ignore_index=True), limits, told if isinstance(told, Mapping) else {}
    )


def _drawn(result: Any, net: pandapowerNet | None) -> Any:
    """Give a result without a map one of the net; an error becomes what a report shows of it."""
    if isinstance(result, Infeasible):
        if net is None:
            return NothingFound(result)
        named = copy.copy(result)
        named.net_name = result.net_name or title(net, None)
        return NothingFound(named, *drawing_tables(net, cast("pd.DataFrame | None", result.switches)))
    if net is None or not hasattr(result, "topology") or len(result.topology):
        return result
    switches = getattr(result, "switches", None)  # a region is of the net as it stands
    topology, coordinates = drawing_tables(net, switches if switches is not None and len(switches) else None)
    return replace(result, topology=topology, coordinates=coordinates)
