"""What devices add to the branch flow model of one operating point, as expressions of their own variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Attachments:
    """Expressions per node and branch, all per unit on the grid's base.

    Attributes
    ----------
    p, q : dict of int to list
        Power withdrawn at a node, beside the grid's own constant withdrawal.
    supply_p, supply_q : dict of int to expression
        Power that comes in at a root.
    behind : dict of int to expression
        Squared voltage behind the ratio of a branch whose ratio is a decision.
    squared_ratio : dict of int to expression
        Its squared ratio.
    supplied : dict of int to variable
        1 where a node has supply, binary; its ``v`` is 0 where it has none. Nodes without one always have supply.

    Examples
    --------
    >>> more = Attachments()
    >>> more.withdraw(3, 0.5, 0.1)
    >>> more.p, more.q
    ({3: [0.5]}, {3: [0.1]})
    """

    p: dict[int, list[Any]] = field(default_factory=dict)
    q: dict[int, list[Any]] = field(default_factory=dict)
    supply_p: dict[int, Any] = field(default_factory=dict)
    supply_q: dict[int, Any] = field(default_factory=dict)
    behind: dict[int, Any] = field(default_factory=dict)
    squared_ratio: dict[int, Any] = field(default_factory=dict)
    supplied: dict[int, Any] = field(default_factory=dict)

    def withdraw(self, node: int, p: Any, q: Any) -> None:
        """Add a withdrawal at a node."""
        self.p.setdefault(node, []).append(p)
        self.q.setdefault(node, []).append(q)
