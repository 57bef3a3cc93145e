r"""Spanning forest with one root a tree.

Parent-child orientation with a unit fictitious flow:

.. math::

    \beta_{ft} + \beta_{tf} = z_{ft}, \quad
    \sum_{in} \beta = 1 \ \text{at every node but the roots}, \quad
    -\beta_{tf} \le \varphi_{ft} \le \beta_{ft}, \quad
    \sum_{in} \varphi - \sum_{out} \varphi = 1/N

References
----------
Jabr, Singh and Pal, "Minimum loss network reconfiguration using mixed-integer convex programming", IEEE
Trans. Power Systems 27(2), 2012, doi:10.1109/TPWRS.2011.2180406 (parent-child); Lavorato et al., IEEE Trans.
Power Systems 27(1), 2012, doi:10.1109/TPWRS.2011.2161349 (why generation needs the fictitious flow).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyomo.environ as pyo

from adnflex.arrays import IntArray
from adnflex.grid.model import Grid


def declare_radiality(
    block: pyo.Block,
    grid: Grid,
    free: Sequence[int],
    direction: IntArray,
    chains: Sequence[Sequence[int]] = (),
    connection: bool = True,
    supplied: Mapping[int, Any] | None = None,
) -> None:
    """Declare the states ``z`` of the free branches and keep them a spanning forest.

    Parameters
    ----------
    block : pyomo Block
        Gets variables ``z`` (binary, over `free`), expressions ``beta_f``, ``beta_t`` (the branch feeds its to, its
        from node) and, with `connection`, variables ``phi``.
    grid : Grid
        The branches and the roots, which have no parent.
    free : sequence of int
        Branches that may be open; all others are closed.
    direction : (m,) array of int
        1 or -1 where a closed branch can only feed its to or its from node, else 0.  Known directions are no
        variables: pinned variables would leave the relaxation without interior, which conic solvers need.
    chains : sequence of sequence of int
        Sets of free branches of which at most one may be open.
    connection : bool
        Declare the fictitious flow; superfluous where every node withdraws active power and nothing feeds in.
    supplied : mapping of int to variable, optional
        1 where a node has supply, binary; the others hang nowhere, and their branches count as open. Nodes without one
        always have supply.
    """
    lit = dict(supplied or {})
    b, f, t, m, n = block, grid.f, grid.t, grid.m, grid.n
    is_free, is_root = set(free), {int(r) for r in grid.roots}
    useless = [k for k in free if int(f[k]) in is_root and int(t[k]) in is_root]
    b.z = pyo.Var(list(free), domain=pyo.Binary, doc="1 where a branch is closed")
    for k in useless:
        b.z[k].setub(0)
    undecided = [k for k in range(m) if direction[k] == 0 and k not in set(useless)]
    b.feeds_to = pyo.Var(undecided, bounds=(0, 1), doc="1 where a branch feeds its to node")
    state = [b.z[k] if k in is_free else lit.get(int(f[k]), 1.0) for k in range(m)]
    b.feeds_at_most = pyo.Constraint(
        [k for k in undecided if not isinstance(state[k], float)],
        rule=lambda _, k: b.feeds_to[k] <= state[k],
        doc="an open branch feeds nothing",
    )
    forward = [b.feeds_to[k] if k in b.feeds_to else (state[k] if direction[k] > 0 else 0.0) for k in range(m)]
    backward = [
        state[k] - b.feeds_to[k] if k in b.feeds_to else (state[k] if direction[k] < 0 else 0.0) for k in range(m)
    ]
    b.beta_f = pyo.Expression(range(m), rule=lambda _, k: forward[k])
    b.beta_t = pyo.Expression(range(m), rule=lambda _, k: backward[k])
    into: list[list[tuple[int, bool]]] = [[] for _ in range(n)]
    for k in range(m):
        into[t[k]].append((k, True))
        into[f[k]].append((k, False))
    b.parent = pyo.Constraint(
        [j for j in range(n) if j not in is_root],
        rule=lambda _, j: _one_parent([forward[k] if fwd else backward[k] for k, fwd in into[j]], lit.get(j, 1.0)),
        doc="one branch feeds a node",
    )
    b.chain = pyo.Constraint(range(len(chains)), rule=lambda _, c: sum(b.z[k] for k in chains[c]) >= len(chains[c]) - 1)
    if connection:
        _declare_connection(b, m, n, into, is_root, direction, lit)


def _one_parent(feeds: list[Any], lit: Any) -> Any:
    """One of the branches at a node with supply feeds it; nothing to decide where that is known."""
    variable = [e for e in feeds if not isinstance(e, float)]
    if not variable or (len(variable) == 1 and variable[0] is lit):
        return pyo.Constraint.Skip
    return sum(variable) == lit - sum(e for e in feeds if isinstance(e, float))


def _declare_connection(
    b: pyo.Block,
    m: int,
    n: int,
    into: list[list[tuple[int, bool]]],
    is_root: set[int],
    direction: IntArray,
    lit: Mapping[int, Any],
) -> None:
    # in units of all nodes together, so that the flow is of order one
    demand = 1.0 / (n - len(is_root))
    b.phi = pyo.Var(
        range(m),
        bounds=lambda _, k: (0 if direction[k] > 0 else -1, 0 if direction[k] < 0 else 1),
        doc="fictitious flow that connects every node with a root",
    )
    b.phi_upper = pyo.Constraint([k for k in range(m) if direction[k] >= 0], rule=lambda _, k: b.phi[k] <= b.beta_f[k])
    b.phi_lower = pyo.Constraint([k for k in range(m) if direction[k] <= 0], rule=lambda _, k: b.phi[k] >= -b.beta_t[k])
    b.phi_balance = pyo.Constraint(
        [j for j in range(n) if j not in is_root],
        rule=lambda _, j: sum(b.phi[k] if fwd else -b.phi[k] for k, fwd in into[j]) == demand * lit.get(j, 1.0),
    )
