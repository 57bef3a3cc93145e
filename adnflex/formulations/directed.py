r"""The directed chain hull: one copy of a chain's flow for every way in which the chain can be used.

In a radial state a chain of the contracted grid (`adnflex.grid.core`) is used in exactly one way: open at branch `i`
(:math:`\lambda_i`), or closed and feeding one way or the other (:math:`\mu_d`); their sum is 1, and every junction is
fed by one chain.  Open, the chain is two stubs without choice, bounded by their supporting planes
(`adnflex.formulations.supporting_planes`).  Closed, its flow has variables of its own that are zero where
:math:`\mu_d = 0`, so that every constraint of branch flow is homogeneous in them:

.. math::

    P_{k+1} = P_k - r_k l_k - \mu\,p_k, \quad w_{k+1} = w_k - 2 (r_k P_k + x_k Q_k) + |z_k|^2 l_k, \quad
    P_k^2 + Q_k^2 \le l_k w_k, \quad \underline v \mu \le w_k \le \overline v \mu .

Squared voltages of junctions are the sums of their copies at every chain end, which is what a disjunction of convex
sets asks for (Ceria and Soares 1999, doi:10.1007/s101070050106).  Every radial state within the limits is a point of
the model with the same losses, so its optimum bounds AC from below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.formulations.closed_chains import declare_closed
from adnflex.formulations.directed_planes import Planes
from adnflex.formulations.ledger import Ledger, plane_at
from adnflex.formulations.modes import Mode
from adnflex.formulations.open_chains import declare_open
from adnflex.formulations.voltage_moments import declare_moments
from adnflex.grid.core import Core
from adnflex.grid.model import Grid
from adnflex.solvers.sums import IndexedTerms, Linear, RowList, summed, total


@dataclass(frozen=True)
class DirectedHull:
    """The formulation by its name; it decides switch states of one operating point, and its optimum bounds AC."""

    name: str = "directed"
    bounds_ac: bool = True


DIRECTED = DirectedHull()


def declare_directed(
    block: pyo.Block,
    grid: Grid,
    core: Core,
    modes: Sequence[Mode],
    planes: Planes,
    *,
    loss_cap: float = np.inf,
    off: bool = False,
) -> None:
    """Declare modes, flows and balances.

    Parameters
    ----------
    block : pyomo Block
        Gets binaries ``open_at`` (chain, position) and ``feed`` (chain, sense), squared voltages ``v`` of junctions,
        flows and expression ``loss`` [pu]; with `off` also variable ``off``, a lower bound of the sum of ``|v - 1|``
        over all nodes that are buses.
    grid, core : Grid, Core
        The grid, its core.
    modes : sequence of Mode
        See `modes_of`.
    planes : Planes
        See `find_planes`.
    loss_cap : float
        Losses of a known state [pu]: states that lose more may be cut off.
    off : bool
        Whether voltage deviations are asked for.
    """
    declare_modes(block, [planes], core, modes)
    declare_flows(block, Ledger(block, grid, core, planes, loss_cap, off), modes)


def declare_flows(block: pyo.Block, ledger: Ledger, modes: Sequence[Mode]) -> None:
    """Declare the flows and balances of one operating point; several of them may share their modes.

    Parameters
    ----------
    block : pyomo Block
        Has ``open_at`` and ``feed``, or references to them.
    ledger : Ledger
        Of the block, nothing in it yet.
    modes : sequence of Mode
        As in `declare_modes`.
    """
    bounds = ledger.bounds
    block.v = pyo.Var(
        ledger.core.junctions,
        bounds=lambda _, j: (bounds.v_min[j], bounds.v_max[j]),
        doc="squared voltage of a junction [pu]",
    )
    opened = [(m.chain, m.at) for m in modes if m.kind == 0]
    closed = declare_closed(ledger, [(m.chain, m.kind) for m in modes if m.kind != 0])
    declare_open(ledger, opened)
    v = IndexedTerms(block.v)
    _join_voltages(ledger, v)
    _join_pairs(ledger, v)
    _balance_junctions(ledger, v)
    ledger.rows.declare(block, "flow", doc="branch flow of closed chains, balances of junctions")
    loose = len(ledger.away)
    _hang_on_roots(ledger)
    block.loss = pyo.Expression(expr=total(ledger.lost), doc="losses [pu]")
    if ledger.off:
        fixed = ledger.away[loose:]
        _declare_deviation(ledger, declare_moments(ledger, closed, opened) + pyo.quicksum(fixed))


def declare_modes(b: pyo.Block, planes: Sequence[Planes], core: Core, modes: Sequence[Mode]) -> None:
    """Declare binaries ``open_at`` and ``feed``: every chain is used in one way, every junction fed by one chain.

    Parameters
    ----------
    b : pyomo Block
        Gets them.
    planes : sequence of Planes
        Of every operating point that shares them.
    core : Core
        The core of the grid.
    modes : sequence of Mode
        See `modes_of`.
    """
    b.open_at = pyo.Var(
        [(m.chain, m.at) for m in modes if m.kind == 0],
        domain=pyo.Binary,
        doc="1 where a chain is open at that branch",
    )
    b.feed = pyo.Var(
        [(m.chain, m.kind) for m in modes if m.kind != 0],
        domain=pyo.Binary,
        doc="1 where a chain feeds its last (1) or first (-1) node",
    )
    ways: dict[int, list[Any]] = {c: [] for c in range(len(core.chains))}
    feeding: dict[int, list[Any]] = {j: [] for j in core.junctions}
    for m in modes:
        share = b.open_at[m.chain, m.at] if m.kind == 0 else b.feed[m.chain, m.kind]
        ways[m.chain].append(share)
        if m.kind:
            feeding[core.chains[m.chain].nodes[-1 if m.kind == 1 else 0]].append(share)
    b.one_way = pyo.Constraint(
        [c for c, way in ways.items() if way],
        rule=lambda _, c: pyo.quicksum(ways[c]) == 1,
        doc="a chain is used in one way",
    )
    b.fed_once = pyo.Constraint(
        [j for j, way in feeding.items() if way],
        rule=lambda _, j: pyo.quicksum(feeding[j]) == 1,
        doc="a junction is fed by one chain",
    )
    if not (all(p.possible for p in planes) and all(ways.values()) and all(feeding.values())):
        b.never = pyo.Var(bounds=(0, 1), doc="what nothing satisfies")
        b.impossible = pyo.Constraint(expr=b.never >= 2, doc="a limit that no state meets")


def _join_voltages(ledger: Ledger, v: IndexedTerms) -> None:
    chains, same, fed = ledger.core.chains, RowList(), RowList()
    for (c, end), copies in ledger.ends.items():
        same.equal(summed(copies) - v[chains[c].nodes[0 if end == 0 else -1]])
    for j, copies in ledger.fed.items():
        fed.equal(summed(copies) - v[j])
    same.declare(
        ledger.block,
        "same_voltage",
        doc="the voltage of a junction is that of the way in which each of its chains is used",
    )
    fed.declare(ledger.block, "fed_voltage", doc="the voltage of a junction is that of the chain that feeds it")


def _join_pairs(ledger: Ledger, v: IndexedTerms) -> None:
    """At most one of the chains between two junctions is closed: the voltages in these cases are parts of one whole."""
    rows, bounds = RowList(), ledger.bounds
    for (j, _), cases in ledger.joined.items():
        # of a single chain its open cases say so
        if len({chain for chain, _, _ in cases}) > 1:
            rest, others = v[j] - summed([w for _, w, _ in cases]), 1 - summed([share for *_, share in cases])
            rows.at_most(rest - float(bounds.v_max[j]) * others)
            rows.at_least(rest - float(bounds.v_min[j]) * others)
    rows.declare(ledger.block, "joined_once", doc="of all chains between two junctions at most one is closed")


def _declare_deviation(ledger: Ledger, sagging: Any) -> None:
    """Bound the deviation by what every voltage is away from 1, and by how far all of them sag together."""
    b, bounds = ledger.block, ledger.bounds
    widest = np.maximum(np.abs(bounds.v_max - 1), np.abs(bounds.v_min - 1))
    b.off = pyo.Var(bounds=(0, float(widest.sum())), doc="sum of |v - 1| over buses, from below [pu]")
    b.each_off = pyo.Constraint(expr=b.off >= pyo.quicksum(ledger.away), doc="voltage by voltage")
    b.all_off = pyo.Constraint(expr=b.off >= sagging, doc="all together")


def _balance_junctions(ledger: Ledger, v: IndexedTerms) -> None:
    for j in ledger.core.junctions:
        y, base = complex(ledger.grid.y[j]), complex(ledger.base[j])
        rest_p = summed(ledger.p_in[j]) - base.real - y.real * v[j]
        rest_q = summed(ledger.q_in[j]) - base.imag + y.imag * v[j]
        tree = ledger.planes.hanging.get(j)
        if tree is None:
            ledger.rows.equal(rest_p)
            ledger.rows.equal(rest_q)
        else:
            ledger.hang(tree, (rest_p, rest_q), v[j], Linear([], 1.0))


def _hang_on_roots(ledger: Ledger) -> None:
    """Count what hangs on the roots, which has no choice."""
    for j in sorted(ledger.roots):
        v = float(ledger.bounds.v_max[j])
        tree = ledger.planes.hanging.get(j)
        if tree is not None:
            ledger.lost.append(plane_at(tree.loss, Linear([], 1.0), Linear([], v)))
            if ledger.off:
                ledger.away.append(float(tree.off[0, -1] + tree.off[1, -1] * v))
        if ledger.off and ledger.grid.buses[j]:
            ledger.away.append(abs(v - 1))
