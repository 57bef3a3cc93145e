"""Plans and checks made from AC power flow alone, so that reports are tested without any solver."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace

import networkx as nx
import numpy as np
import pandapower as pp
import pandas as pd

from adnflex.grid.layout import drawing_tables
from adnflex.knobs import Limits
from adnflex.results import Check, Plan

LIMIT_COLUMNS = ["kind", "checked", "element", "index", "value", "limit", "margin", "unit"]
VIOLATION_COLUMNS = ["kind", "element", "index", "value", "limit", "excess", "unit"]


def lines_closed(net) -> pd.Series:
    """State of each line as its own entry and its switches make it."""
    closed = net.line.in_service.copy()
    rows = net.switch[(net.switch.et == "l") & ~net.switch.closed]
    closed[rows.element.unique()] = False
    return closed


def switched(net, opened):
    """Copy of the net with exactly these lines open, through their switches where they have some."""
    after = copy.deepcopy(net)
    rows = after.switch.et == "l"
    with_switch = set(after.switch[rows].element)
    after.switch.loc[rows, "closed"] = ~after.switch[rows].element.isin(opened)
    for line in after.line.index.difference(list(with_switch)):
        after.line.at[line, "in_service"] = line not in opened
    return after


def branch_results(net) -> pd.DataFrame:
    """Flows of lines and transformers."""
    parts = []
    for element, side in (("line", "from"), ("trafo", "hv")):
        result = net[f"res_{element}"]
        ends = ("from", "to") if element == "line" else ("hv", "lv")
        parts.append(
            pd.DataFrame(
                {
                    "element": element,
                    "index": result.index,
                    "p_from_mw": result[f"p_{side}_mw"].to_numpy(),
                    "q_from_mvar": result[f"q_{side}_mvar"].to_numpy(),
                    "i_from_ka": result[f"i_{ends[0]}_ka"].to_numpy(),
                    "i_to_ka": result[f"i_{ends[1]}_ka"].to_numpy(),
                    "loss_mw": result["pl_mw"].to_numpy(),
                    "loading_percent": result["loading_percent"].to_numpy(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def study(net, opened, vm=(0.9, 1.1), switchable=None) -> tuple[Plan, Check]:
    """Plan that opens exactly these lines, and its check, from two AC power flows."""
    before = copy.deepcopy(net)
    pp.runpp(before)
    after = switched(net, set(opened))
    pp.runpp(after)
    was, now = lines_closed(net), lines_closed(after)
    names = net.line.name.where(net.line.name.notna(), "")
    line_switches = net.switch[net.switch.et == "l"]
    with_switch = {line: index for index, line in line_switches["element"][::-1].items()}
    switches = pd.DataFrame(
        {
            "element": "line",
            "index": net.line.index,
            "name": names,
            "from_bus": net.line.from_bus,
            "to_bus": net.line.to_bus,
            "closed_before": was,
            "closed_after": now,
            "operated": was != now,
            "how": [f"switch {with_switch[i]}" if i in with_switch else "in_service" for i in net.line.index],
        }
    ).reset_index(drop=True)
    if switchable is not None:
        switches = switches[switches["index"].isin(switchable)].reset_index(drop=True)
    topology, coordinates = drawing_tables(net, switches)
    return _plan(net, before, after, switches, topology, coordinates), _check(before, after, vm)


def _plan(net, before, after, switches, topology, coordinates) -> Plan:
    table = branch_results(after)
    closed = table.i_from_ka.abs() > 0
    draw = np.random.default_rng(1)
    gap = np.where(closed, 10.0 ** draw.uniform(-10, -6, len(table)), np.nan)
    losses, losses_before = (n.res_line.pl_mw.sum() + n.res_trafo.pl_mw.sum() for n in (after, before))
    seconds = [0.2, 0.9, 1.6, 3.1, 7.9, 12.4]
    incumbent = losses * np.array([np.nan, 1.12, 1.04, 1.0, 1.0, 1.0])
    bound = losses * np.array([0.71, 0.9, 0.95, 0.981, 0.9971, 0.99991])
    return Plan(
        net_name=net.name or "CIGRE MV",
        objective_name="losses",
        weights={"losses": 1.0, "switching": 0.0, "voltage": 0.0},
        objective=losses,
        bound=losses * 0.99992,
        unit="MW",
        gap=8e-5,
        status="optimal",
        switches=switches,
        buses=pd.DataFrame({"vm_pu": after.res_bus.vm_pu}),
        branches=table.assign(closed=closed, cone_gap=gap, cone_loss_mw=gap * table.loss_mw),
        losses_mw=losses,
        losses_before_mw=losses_before,
        progress=pd.DataFrame({"seconds": seconds, "incumbent": incumbent, "bound": bound, "event": "improved"}),
        solver="HiGHS with outer approximation",
        seconds=12.4,
        options={"objective": "losses", "time_limit": 60, "gap": 1e-4},
        asked_limits=Limits((0.9, 1.1)),
        fingerprint="3f9c2b7d01ae",
        notes=("The five ties are marked by in_service; the plan writes them there.",),
        topology=topology,
        coordinates=coordinates,
    )


def _check(before, after, vm) -> Check:
    bus, table, old = after.res_bus, branch_results(after), branch_results(before)
    low, high = bus.vm_pu - vm[0], vm[1] - bus.vm_pu
    full = table.loading_percent.idxmax()
    violations = [("voltage low", "bus", b, bus.vm_pu[b], vm[0], -low[b], "pu") for b in bus.index[low < 0]]
    heavy = table[table.loading_percent > 100]
    violations += [
        ("loading", row.element, i, row.loading_percent, 100.0, row.loading_percent - 100, "%")
        for i, row in zip(heavy["index"], heavy.itertuples(), strict=True)
    ]
    limits = [
        ("voltage low", len(bus), "bus", low.idxmin(), bus.vm_pu.min(), vm[0], low.min(), "pu"),
        ("voltage high", len(bus), "bus", high.idxmin(), bus.vm_pu.max(), vm[1], high.min(), "pu"),
        ("loading", len(table), table.element[full], table["index"][full], table.loading_percent[full], 100.0,
         100 - table.loading_percent[full], "%"),
    ]  # fmt: skip
    losses, losses_before = table.loss_mw.sum(), old.loss_mw.sum()
    gap = np.full(len(table), 1e-9)
    passed = not violations
    return Check(
        passed=passed,
        verdict="power flow converged, the net is radial, every bus is supplied and every limit is met."
        if passed
        else f"{len(violations)} limits are violated, the voltage worst at bus {low.idxmin()} "
        f"with {bus.vm_pu.min():.4f} pu.",
        converged=True,
        radial=True,
        supplied=True,
        objective=losses,
        losses_mw=losses,
        losses_before_mw=losses_before,
        certificate=8.1e-5 if passed else None,
        certificate_absolute=8.1e-5 * losses if passed else None,
        violations=pd.DataFrame(violations, columns=VIOLATION_COLUMNS),
        limits=pd.DataFrame(limits, columns=LIMIT_COLUMNS),
        relaxation=table[["element", "index"]].assign(
            cone_gap=gap * np.arange(1, len(table) + 1) ** 2, cone_loss_mw=gap * table.loss_mw
        )[table.i_from_ka.abs() > 1e-9],
        deviations=pd.DataFrame(
            [
                ("plan", "voltage", 3.2e-7, "pu", "bus", 17, 3.4e-7),
                ("plan", "current", 4.1e-6, "kA", "line", 0, 2e-5),
                ("plan", "losses", 1e-9, "MW", "", "", 1e-8),
            ],
            columns=["model", "quantity", "max_abs", "unit", "element", "index", "relative"],
        ),
        buses=pd.DataFrame(
            {
                "vm_before_pu": before.res_bus.vm_pu,
                "vm_pu": bus.vm_pu,
                "vm_model_pu": bus.vm_pu,
                "vm_min_pu": vm[0],
                "vm_max_pu": vm[1],
            }
        ),
        branches=table[["element", "index"]].assign(
            loading_before_percent=old.loading_percent.where(old.loading_percent > 0),
            loading_percent=table.loading_percent.where(table.loading_percent > 0),
            loading_limit_percent=100.0,
            loss_mw=table.loss_mw,
            i_ka=table.i_from_ka,
            i_model_ka=table.i_from_ka,
        ),
    )


def oberrhein_plan(net) -> list[int]:
    """Another radial state: four ties exchanged for the least loaded line on their loop."""
    pp.runpp(net)
    opened = set(lines_closed(net).pipe(lambda s: s.index[~s]))
    graph = nx.Graph()
    graph.add_edges_from(
        (a, b, {"line": i}) for i, a, b in net.line[["from_bus", "to_bus"]].itertuples() if i not in opened
    )
    graph.add_edges_from((a, b, {"line": -1}) for a, b in net.trafo[["hv_bus", "lv_bus"]].itertuples(index=False))
    graph.add_edge(*net.ext_grid.bus, line=-1)
    for tie in sorted(opened)[:4]:
        a, b = net.line.loc[tie, ["from_bus", "to_bus"]]
        path = nx.shortest_path(graph, a, b)
        lines = [graph.edges[e]["line"] for e in itertools.pairwise(path)]
        out = min((i for i in lines if i >= 0), key=lambda i: abs(net.res_line.p_from_mw[i]))
        u, v = net.line.loc[out, ["from_bus", "to_bus"]]
        graph.remove_edge(u, v)
        graph.add_edge(a, b, line=tie)
        opened = opened - {tie} | {out}
    return sorted(opened)


def bare(plan: Plan) -> Plan:
    """The plan without its drawing tables."""
    return replace(plan, topology=pd.DataFrame(), coordinates=pd.DataFrame())
