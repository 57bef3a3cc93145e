r"""A restoration as a mixed-integer second-order cone programme: which blocks have supply, and what is closed for it.

With a binary :math:`u_b` of every block that is dark without operations, and states :math:`z` of what may be switched:

.. math::

    \max \sum_b \omega_b u_b, \quad
    \sum_{in} \beta = u_j, \quad
    u_j \underline v_j \le v_j \le u_j \overline v_j, \quad
    p_j u_j, \ q_j u_j

so that a dark node has no parent, no voltage and no power, and all that depends on its voltage vanishes with it. A
branch that is open now costs an operation where it is closed; one that is closed now where it is open although one of
its ends has supply: :math:`o \ge u_f - z,\ o \ge u_t - z`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pyomo.environ as pyo

from adnflex.formulations import Formulation
from adnflex.formulations.attachments import Attachments
from adnflex.formulations.bounds import Ranges, compute_bounds, ranges_of
from adnflex.formulations.branch_flow import declare_voltages
from adnflex.formulations.radiality import declare_radiality
from adnflex.grid.model import Grid
from adnflex.problems.restoration.flows import TOLERANCE, Ceiling
from adnflex.problems.restoration.supply import Supply

_DOC = """Restoration after an outage.

lit: 1 where a block (buses that no switch separates) that the outage leaves dark has supply again. z: 1 where a branch
is closed and carries supply; opened: 1 where one that is closed now is opened. v: squared voltage of a node, 0 without
supply; p, q: power into a branch at its from end; l: squared current; all per unit on the base power of the net
(net.sn_mva). The objective is what comes back [MW, times load.priority] with a minus. Nodes and branches count from 0,
as the grid without the fault has them: `block` names the buses of each block, `branch` the branches.
"""


class Share(NamedTuple):
    """A load that may come back in part: node, power [pu], and what all of it is worth."""

    node: int
    power: complex
    worth: float


def build_restoration(
    supply: Supply,
    ceiling: Ceiling,
    formulation: Formulation,
    most: int | None,
    shares: Mapping[int, Share] | None = None,
    price: float = 0.0,
) -> pyo.ConcreteModel:
    """Declare the model of a restoration.

    Parameters
    ----------
    supply : Supply
        The blocks of the grid without the fault.
    ceiling : Ceiling
        The limits.
    formulation : Formulation
        Of the branch flow.
    most : int or None
        Largest number of operations; None: any.
    shares : mapping of int to Share, optional
        Loads that may come back in part, at nodes that may be dark: ``cut`` is what is left out of each.
    price : float
        Of an operation.
    """
    shares = shares or {}
    grid = _within(supply.grid, ceiling)
    dark = sorted(set(supply.block[supply.part[supply.block] > 0].tolist()))
    m = pyo.ConcreteModel(name=f"restoration_{formulation.name}", doc=_DOC)
    m.lit = pyo.Var(dark, domain=pyo.Binary, doc="1 where a block has supply")
    lit = {j: m.lit[b] for j, b in enumerate(supply.block.tolist()) if b in m.lit}
    # what both ends of lie in one block would close a loop
    free = np.flatnonzero(grid.switchable).tolist()
    bounds = compute_bounds(grid, _ranges(grid, lit, shares.values()))
    declare_radiality(m, grid, free, bounds.direction, supplied=lit)
    declare_voltages(m, grid, bounds)
    for j in lit:
        m.v[j].setlb(0.0)
    m.lowest = pyo.Constraint(list(lit), rule=lambda _, j: m.v[j] >= float(bounds.v_min[j]) * lit[j])
    m.highest = pyo.Constraint(list(lit), rule=lambda _, j: m.v[j] <= float(bounds.v_max[j]) * lit[j])
    more = Attachments(supplied=lit)
    for j, has in lit.items():
        if grid.p[j] or grid.q[j]:
            more.withdraw(j, float(grid.p[j]) * has, float(grid.q[j]) * has)
    m.cut = pyo.Var(list(shares), bounds=(0, 1), doc="what is left out of a load")
    m.cut_of_supplied = pyo.Constraint(list(shares), rule=lambda _, i: m.cut[i] <= lit[shares[i].node])
    for i, share in shares.items():
        more.withdraw(share.node, -share.power.real * m.cut[i], -share.power.imag * m.cut[i])
    off = np.isin(np.arange(grid.n), list(lit))
    drawing = grid.replace(p=np.where(off, 0.0, grid.p), q=np.where(off, 0.0, grid.q))
    formulation.declare(m, drawing, bounds, free, more)
    _declare_operations(m, supply, free, most)
    back = pyo.quicksum(float(supply.worth[b]) * m.lit[b] for b in dark if supply.worth[b])
    left_out = pyo.quicksum(share.worth * m.cut[i] for i, share in shares.items())
    m.objective = pyo.Objective(expr=left_out - back + (price * m.operations if price else 0.0))
    m.block = pyo.Param(dark, within=pyo.Any, initialize=_buses(supply, dark), doc="buses of a block")
    names = {k: str(branch) for k, branch in enumerate(grid.branches)}
    m.branch = pyo.Param(range(grid.m), within=pyo.Any, initialize=names, doc="elements of a branch")
    return m


def _within(grid: Grid, ceiling: Ceiling) -> Grid:
    """Return the grid with the limits that states are held against, and their tolerance, in place of its own."""
    free = np.isnan(grid.root_v)
    v_min = np.where(free, np.maximum(ceiling.vm_min - TOLERANCE, 0.0) ** 2, grid.v_min)
    v_max = np.where(free, (ceiling.vm_max + TOLERANCE) ** 2, grid.v_max)
    limit = grid.ratings.limit * (ceiling.loading + TOLERANCE)
    return grid.replace(v_min=v_min, v_max=v_max, ratings=dataclasses.replace(grid.ratings, limit=limit))


def _ranges(grid: Grid, may_be_dark: Iterable[int], shares: Iterable[Share]) -> Ranges:
    """Return what varies: nodes that may be dark draw all or nothing, or all without a part of their load."""
    found = ranges_of(grid)
    here = np.isin(np.arange(grid.n), list(may_be_dark))
    for values in (found.p, found.q, found.g, found.b):
        values[0, here] = np.minimum(values[0, here], 0.0)
        values[1, here] = np.maximum(values[1, here], 0.0)
    for node, power, _ in shares:
        for values, own, part in ((found.p, grid.p, power.real), (found.q, grid.q, power.imag)):
            # several loads of one node may be left out together
            values[0, node] = min(values[0, node], own[node]) - max(part, 0.0)
            values[1, node] = max(values[1, node], own[node]) - min(part, 0.0)
    return found


def _declare_operations(m: pyo.ConcreteModel, supply: Supply, free: list[int], most: int | None) -> None:
    """Count what is closed, and what is opened with supply at one end at least."""
    grid = supply.grid
    ends = {k: (int(supply.a[k]), int(supply.b[k])) for k in free}
    sides = [(k, b) for k in free for b in dict.fromkeys(ends[k]) if b in m.lit]
    m.carried = pyo.Constraint(sides, rule=lambda _, k, b: m.z[k] <= m.lit[b], doc="what is closed has supply")
    shut = [k for k in free if grid.closed[k]]
    m.opened = pyo.Var(shut, bounds=(0, 1), doc="1 where a branch is opened")
    m.opens = pyo.ConstraintList(doc="a branch that is not closed any more, beside supply, is opened")
    for k in shut:
        for b in dict.fromkeys(ends[k]):
            m.opens.add(m.opened[k] >= m.lit[b] - m.z[k] if b in m.lit else m.opened[k] >= 1 - m.z[k])
    closings = [m.z[k] for k in free if not grid.closed[k]]
    m.operations = pyo.Expression(expr=pyo.quicksum([*closings, *m.opened.values()]), doc="number of operations")
    if most is not None and (closings or shut):
        m.max_operations = pyo.Constraint(expr=m.operations <= most)


def _buses(supply: Supply, dark: list[int]) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = {b: [] for b in dark}
    for j, b in enumerate(supply.block.tolist()):
        if b in found:
            found[b] += supply.grid.buses[j]
    return {b: tuple(sorted(buses)) for b, buses in found.items()}
