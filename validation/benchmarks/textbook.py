"""The textbook model of least-loss reconfiguration, as an independent yardstick.

A mixed-integer second-order cone programme as the literature has it, built straight from the tables of a
pandapower net and sharing no code with adnflex: branch flow equations with the relaxed cone
``P² + Q² <= l v``, the voltage drop released by a big-M where a line is open, and radiality by a parent for
each bus.  No chain cuts, no perspective, no direction cuts, no bound tightening, no start solution.

The base is 1 MVA and the objective in kW, because SCIP's feasibility tolerance of 1e-6 is absolute: on the usual
100 MVA it calls 138.92 kW the optimum of case33bw, on 10 MVA 139.549, on 1 MVA 139.551.  Continuous instead of
binary parents, the closed state substituted by them, and separate bounds for P and Q were tried on three of the
feeders: none was better throughout, and none reached 0.1 % on case118zh in 300 s.

References
----------
J. A. Taylor and F. S. Hover, "Convex models of distribution system reconfiguration", IEEE Trans. Power Syst.
27(3), 2012, doi:10.1109/TPWRS.2012.2184307 (the cone model and its radiality by parents).
M. Farivar and S. H. Low, "Branch flow model: relaxations and convexification, part I", IEEE Trans. Power Syst.
28(3), 2013, doi:10.1109/TPWRS.2013.2255317 (the equations).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

BASE_MVA = 1.0
# Flows are bounded by the total load and this much for losses; published optima lose up to 6 %.
LOSS_MARGIN = 1.2


@dataclass(frozen=True)
class Answer:
    """What SCIP made of the textbook model.

    Attributes
    ----------
    status : str
        SCIP's reason to stop, by Pyomo's name.
    loss_mw, bound_mw : float or None
        Loss of the best solution and proven bound [MW]; None where there is none.
    open_lines : list of int
        Pandapower indices of the lines that the best solution opens.
    build_seconds, solve_seconds : float
        Building the Pyomo model; Pyomo's translation and SCIP together.
    scip_seconds : float
        SCIP alone, by its own clock.
    nodes : int
        Nodes of SCIP's tree.
    """

    status: str
    loss_mw: float | None
    bound_mw: float | None
    open_lines: list[int]
    build_seconds: float
    solve_seconds: float
    scip_seconds: float
    nodes: int

    @property
    def gap(self) -> float | None:
        """``(loss - bound) / loss``."""
        if self.loss_mw is None or self.bound_mw is None:
            return None
        return max(self.loss_mw - self.bound_mw, 0.0) / self.loss_mw


def build(net: Any) -> pyo.ConcreteModel:
    """Build the model of a net that consists of lines, constant-power loads and external grids.

    Raises
    ------
    ValueError
        If the net has anything else.
    """
    _require_plain(net)
    buses = [int(b) for b in net.bus.index]
    roots = {int(r.bus): float(r.vm_pu) ** 2 for r in net.ext_grid.itertuples()}
    lines = {int(k): (int(r.from_bus), int(r.to_bus)) for k, r in net.line.iterrows()}
    ohm = net.bus.loc[net.line["from_bus"], "vn_kv"].to_numpy() ** 2 / BASE_MVA
    length, parallel = net.line["length_km"].to_numpy(), net.line["parallel"].to_numpy()
    r = dict(zip(lines, net.line["r_ohm_per_km"].to_numpy() * length / parallel / ohm, strict=True))
    x = dict(zip(lines, net.line["x_ohm_per_km"].to_numpy() * length / parallel / ohm, strict=True))
    load = net.load[net.load["in_service"].astype(bool)]
    scaled = load[["p_mw", "q_mvar"]].multiply(load["scaling"], axis=0) / BASE_MVA
    demand = scaled.groupby(load["bus"]).sum()
    p = demand["p_mw"].reindex(buses, fill_value=0.0).to_dict()
    q = demand["q_mvar"].reindex(buses, fill_value=0.0).to_dict()
    low, high = net.bus["min_vm_pu"].to_dict(), net.bus["max_vm_pu"].to_dict()

    inner = [b for b in buses if b not in roots]
    flow_max = LOSS_MARGIN * float(np.hypot(sum(p.values()), sum(q.values())))
    v_low = {b: roots.get(b, low[b] ** 2) for b in buses}
    v_high = {b: roots.get(b, high[b] ** 2) for b in buses}
    l_max = {k: min(_rating(net, k), flow_max**2 / v_low[i]) for k, (i, _) in lines.items()}
    towards: dict[int, list[int]] = {b: [] for b in buses}
    away: dict[int, list[int]] = {b: [] for b in buses}
    for k, (i, j) in lines.items():
        away[i].append(k)
        towards[j].append(k)

    m = pyo.ConcreteModel()
    m.z = pyo.Var(lines, within=pyo.Binary)  # closed
    m.down = pyo.Var(lines, within=pyo.Binary)  # "from" is the parent of "to"
    m.up = pyo.Var(lines, within=pyo.Binary)  # "to" is the parent of "from"
    m.v = pyo.Var(buses, bounds=lambda _, b: (v_low[b], v_high[b]))
    m.p = pyo.Var(lines, bounds=(-flow_max, flow_max))
    m.q = pyo.Var(lines, bounds=(-flow_max, flow_max))
    m.l = pyo.Var(lines, bounds=lambda _, k: (0, l_max[k]))

    m.parent = pyo.Constraint(lines, rule=lambda m, k: m.down[k] + m.up[k] == m.z[k])
    m.one_parent = pyo.Constraint(
        inner, rule=lambda m, b: sum(m.down[k] for k in towards[b]) + sum(m.up[k] for k in away[b]) == 1
    )
    m.no_parent = pyo.Constraint(
        list(roots), rule=lambda m, b: sum(m.down[k] for k in towards[b]) + sum(m.up[k] for k in away[b]) == 0
    )
    m.p_balance = pyo.Constraint(
        inner,
        rule=lambda m, b: sum(m.p[k] - r[k] * m.l[k] for k in towards[b]) - sum(m.p[k] for k in away[b]) == p[b],
    )
    m.q_balance = pyo.Constraint(
        inner,
        rule=lambda m, b: sum(m.q[k] - x[k] * m.l[k] for k in towards[b]) - sum(m.q[k] for k in away[b]) == q[b],
    )

    def drop(m: Any, k: int) -> Any:
        i, j = lines[k]
        z2 = r[k] ** 2 + x[k] ** 2
        return m.v[j] - m.v[i] + 2 * (r[k] * m.p[k] + x[k] * m.q[k]) - z2 * m.l[k]

    def big(k: int) -> float:
        i, j = lines[k]
        return float(max(v_high[j] - v_low[i], v_high[i] - v_low[j]))

    m.drop_low = pyo.Constraint(lines, rule=lambda m, k: drop(m, k) >= -big(k) * (1 - m.z[k]))
    m.drop_high = pyo.Constraint(lines, rule=lambda m, k: drop(m, k) <= big(k) * (1 - m.z[k]))
    m.cone = pyo.Constraint(lines, rule=lambda m, k: m.p[k] ** 2 + m.q[k] ** 2 <= m.l[k] * m.v[lines[k][0]])
    m.p_off_low = pyo.Constraint(lines, rule=lambda m, k: m.p[k] >= -flow_max * m.z[k])
    m.p_off_high = pyo.Constraint(lines, rule=lambda m, k: m.p[k] <= flow_max * m.z[k])
    m.q_off_low = pyo.Constraint(lines, rule=lambda m, k: m.q[k] >= -flow_max * m.z[k])
    m.q_off_high = pyo.Constraint(lines, rule=lambda m, k: m.q[k] <= flow_max * m.z[k])
    m.l_off = pyo.Constraint(lines, rule=lambda m, k: m.l[k] <= l_max[k] * m.z[k])
    # in kW, so that SCIP's absolute tolerances mean little
    m.loss = pyo.Objective(expr=1e3 * BASE_MVA * sum(r[k] * m.l[k] for k in lines))
    return m


def solve(net: Any, gap: float, time_limit: float) -> Answer:
    """Build the model and solve it with SCIP through Pyomo, to ``(loss - bound) / loss <= gap``."""
    from pyomo.contrib.solver.common.factory import SolverFactory

    started = time.perf_counter()
    model = build(net)
    built = time.perf_counter()
    results = SolverFactory("scip_direct").solve(
        model,
        time_limit=time_limit,
        # SCIP divides by the smaller of the two
        rel_gap=gap / (1 - gap),
        load_solutions=False,
        raise_exception_on_nonoptimal_result=False,
    )
    solved = time.perf_counter()
    loss = results.incumbent_objective
    opened: list[int] = []
    if loss is not None:
        values = results.solution_loader.get_vars([model.z[k] for k in model.z])
        opened = [int(k) for k in model.z if values[model.z[k]] < 0.5]
    bound = results.objective_bound
    return Answer(
        status=results.termination_condition.name,
        loss_mw=None if loss is None else float(loss) / 1e3,
        bound_mw=None if bound is None or not np.isfinite(bound) else float(bound) / 1e3,
        open_lines=opened,
        build_seconds=built - started,
        solve_seconds=solved - built,
        scip_seconds=float(results.timing_info.scip_time),
        nodes=int(results.extra_info["NNodes"]),
    )


def _rating(net: Any, k: int) -> float:
    """Squared current limit of a line [pu], infinite where it has none."""
    row = net.line.loc[k]
    percent = float(row.get("max_loading_percent", np.nan))
    if np.isnan(percent):
        return float("inf")
    base_ka = BASE_MVA / np.sqrt(3) / net.bus.at[int(row["from_bus"]), "vn_kv"]
    return float((percent / 100 * row["max_i_ka"] * row["df"] * row["parallel"] / base_ka) ** 2)


def _require_plain(net: Any) -> None:
    others = ("trafo", "trafo3w", "switch", "shunt", "gen", "sgen", "storage", "ward", "xward", "impedance")
    found = [f"{len(net[name])} {name}" for name in others if len(net[name])]
    if (net.line["c_nf_per_km"] != 0).any() or (net.line["g_us_per_km"] != 0).any():
        found.append("lines with charging")
    if not net.bus["in_service"].all() or not net.ext_grid["in_service"].all():
        found.append("elements out of service that are no lines")
    if found:
        raise ValueError(f"the textbook model knows lines, loads and external grids only; found {', '.join(found)}")
