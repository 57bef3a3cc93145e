"""The core of a grid: junctions, the chains of branches between them, and the trees that hang on both.

What hangs on a node by bridges only is stripped; of what is left, the roots (as one) and the nodes of more than two
branches are junctions, and the paths between them are chains.  In a radial state every chain has at most one open
branch, and the trees hang as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adnflex.grid.model import Grid


@dataclass(frozen=True)
class Step:
    """A branch of a hanging tree, walked away from where the tree hangs.

    Attributes
    ----------
    near, far : int
        Nodes at its two ends.
    branch : int
        The branch.
    away : bool
        Whether it points (from, to) from `near` to `far`.
    """

    near: int
    far: int
    branch: int
    away: bool


@dataclass(frozen=True)
class CoreChain:
    """A path of branches between two junctions (or a junction or root twice).

    Attributes
    ----------
    nodes : tuple of int
        Nodes of the grid along the path, both ends included; an end at a root is the root itself.
    branches : tuple of int
        Branches in order, one fewer.
    along : tuple of bool
        Whether a branch points (from, to) along the path.
    """

    nodes: tuple[int, ...]
    branches: tuple[int, ...]
    along: tuple[bool, ...]

    def steps(self, forward: bool = True) -> tuple[Step, ...]:
        """Return its branches as they are walked from the first node, or from the last one."""
        found = tuple(
            Step(a, b, k, s)
            for a, b, k, s in zip(self.nodes[:-1], self.nodes[1:], self.branches, self.along, strict=True)
        )
        return found if forward else tuple(Step(s.far, s.near, s.branch, not s.away) for s in reversed(found))


@dataclass(frozen=True)
class Core:
    """The contracted grid.

    Attributes
    ----------
    junctions : tuple of int
        Nodes of the core with more than two branches; roots are not among them.
    chains : tuple of CoreChain
        The paths between junctions and roots.
    hanging : dict of int to tuple of Step
        The tree that hangs on a node of the core, every branch after the one above it; nodes without one are left out.
    """

    junctions: tuple[int, ...]
    chains: tuple[CoreChain, ...]
    hanging: dict[int, tuple[Step, ...]]


def contract(grid: Grid) -> Core:
    """Strip the hanging trees and find junctions and chains.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> core = contract(read_grid(pn.case33bw()))
    >>> len(core.junctions), len(core.chains), sum(len(c.branches) for c in core.chains), core.hanging
    (9, 14, 37, {})
    """
    at = _neighbours(grid)
    roots = set(grid.roots.tolist())
    inside = _stripped(at, roots)
    degree = {v: sum(s.far in inside for s in at[v]) for v in inside}
    junctions = tuple(sorted(v for v in inside if v not in roots and degree[v] != 2))
    ends = roots | set(junctions)
    chains: list[CoreChain] = []
    used: set[int] = set()
    for start in (*sorted(roots), *junctions):
        for first in at[start]:
            if first.branch not in used and first.far in inside:
                path = [first]
                while path[-1].far not in ends:
                    path.append(next(s for s in at[path[-1].far] if s.branch != path[-1].branch and s.far in inside))
                used.update(s.branch for s in path)
                nodes = (start, *(s.far for s in path))
                chains.append(CoreChain(nodes, tuple(s.branch for s in path), tuple(s.away for s in path)))
    hanging = {v: tree for v in sorted(inside) if (tree := tuple(_hanging(at, inside, v)))}
    return Core(junctions, tuple(chains), hanging)


def _neighbours(grid: Grid) -> list[list[Step]]:
    at: list[list[Step]] = [[] for _ in range(grid.n)]
    for k, (f, t) in enumerate(zip(grid.f.tolist(), grid.t.tolist(), strict=True)):
        at[f].append(Step(f, t, k, True))
        at[t].append(Step(t, f, k, False))
    return at


def _stripped(at: list[list[Step]], roots: set[int]) -> set[int]:
    """Nodes that are left where nodes of one branch are taken away as long as there are any; roots stay."""
    inside = set(range(len(at)))
    degree = [len(steps) for steps in at]
    stack = [v for v in inside if degree[v] == 1 and v not in roots]
    while stack:
        node = stack.pop()
        inside.discard(node)
        for step in at[node]:
            if step.far in inside:
                degree[step.far] -= 1
                if degree[step.far] == 1 and step.far not in roots:
                    stack.append(step.far)
    return inside


def _hanging(at: list[list[Step]], inside: set[int], start: int) -> Iterator[Step]:
    """Branches of the tree that hangs on a node of the core, every one after the one above it."""
    stack = [(start, -1)]
    while stack:
        node, above = stack.pop()
        for step in at[node]:
            if step.branch != above and step.far not in inside:
                yield step
                stack.append((step.far, step.branch))
