"""The order in which to switch: every closing is followed by the opening that takes its loop away again."""

from __future__ import annotations

from collections import deque

import pandas as pd

from adnflex.results import Plan

_Edge = tuple[int, int]


def switching_steps(plan: Plan) -> pd.DataFrame:
    """Operations of a plan in an order that keeps every bus supplied throughout.

    Closing a branch makes one loop; the branch of that loop that the plan opens is opened next, so there is
    never more than one loop at a time. Such an order always exists between two radial states. What finds no
    partner (a state that was not radial) is closed first, or opened last.
    """
    moved = plan.switches[plan.switches["operated"].astype(bool)].reset_index(drop=True)
    order = _order(plan, moved)
    steps = moved.loc[[row for row, _ in order]].reset_index(drop=True)
    steps.insert(0, "step", range(1, len(steps) + 1))
    steps["close"] = steps["closed_after"].astype(bool)
    steps["joins_roots"] = pd.Series([joins for _, joins in order], dtype=bool)
    steps["cuts_supply"] = pd.Series(_cuts(plan, steps), dtype=bool)
    return steps


def _order(plan: Plan, moved: pd.DataFrame) -> list[tuple[int, bool]]:
    """Rows of `moved` in the order to operate them, and whether each joins two roots."""
    closing = moved.index[moved["closed_after"].astype(bool)].tolist()
    opening = moved.index[~moved["closed_after"].astype(bool)].tolist()
    state = _ClosedBranches(plan)
    paired: list[tuple[int, bool]] = []
    waiting: list[tuple[int, bool]] = []
    for row in closing:
        loop, joins = state.loop(*_ends(moved, row))
        state.switch(moved, row, True)
        partner = next((o for o in opening if state.key(moved, o) in loop), None)
        if partner is None:
            waiting.append((row, joins))
            continue
        paired += [(row, joins), (partner, False)]
        opening.remove(partner)
        state.switch(moved, partner, False)
    # Closings without a partner bring supply back or make the loops that the last openings end.
    return [*waiting, *paired, *((o, False) for o in opening)]


def _cuts(plan: Plan, steps: pd.DataFrame) -> list[bool]:
    """Whether each step parts the net; never known, and so never claimed, without the drawing tables."""
    state = _ClosedBranches(plan)
    cuts = []
    for row in range(len(steps)):
        close = bool(steps.at[row, "close"])
        state.switch(steps, row, close)
        way, joins = state.loop(*_ends(steps, row)) if not close else (set(), True)
        cuts.append(_has_drawing(plan) and not way and not joins)
    return cuts


def _ends(moved: pd.DataFrame, row: int) -> _Edge:
    """Both buses of a branch."""
    return int(moved.at[row, "from_bus"]), int(moved.at[row, "to_bus"])


def _has_drawing(plan: Plan) -> bool:
    return len(plan.topology) > 0 and len(plan.coordinates) > 0


class _ClosedBranches:
    """Closed branches at one moment, and the loop that one more would make."""

    def __init__(self, plan: Plan) -> None:
        table = plan.topology if _has_drawing(plan) else plan.switches
        self.roots = set(plan.coordinates.index[plan.coordinates["kind"] == "root"]) if _has_drawing(plan) else set()
        self.neighbours: dict[int, dict[tuple[str, int], int]] = {}
        for element, index, a, b in table.loc[
            table["closed_before"].astype(bool), ["element", "index", "from_bus", "to_bus"]
        ].itertuples(index=False):
            self._join((str(element), int(index)), int(a), int(b))

    @staticmethod
    def key(moved: pd.DataFrame, row: int) -> tuple[str, int]:
        """Element and index of a branch."""
        return str(moved.at[row, "element"]), int(moved.at[row, "index"])

    def switch(self, moved: pd.DataFrame, row: int, close: bool) -> None:
        """Close or open a branch."""
        key, (a, b) = self.key(moved, row), _ends(moved, row)
        if close:
            self._join(key, a, b)
        else:
            self.neighbours.get(a, {}).pop(key, None)
            self.neighbours.get(b, {}).pop(key, None)

    def _join(self, key: tuple[str, int], a: int, b: int) -> None:
        self.neighbours.setdefault(a, {})[key] = b
        self.neighbours.setdefault(b, {})[key] = a

    def loop(self, a: int, b: int) -> tuple[set[tuple[str, int]], bool]:
        """Branches on the way from a to b, and whether it leads over two roots, joined at their source."""
        came: dict[int, tuple[int, tuple[str, int] | None]] = {a: (a, None)}
        queue = deque([a])
        while queue and b not in came:
            bus = queue.popleft()
            steps: list[tuple[int, tuple[str, int] | None]] = [
                (other, key) for key, other in self.neighbours.get(bus, {}).items()
            ]
            if bus in self.roots:
                steps += [(other, None) for other in sorted(self.roots - {bus})]
            for other, key in steps:
                if other not in came:
                    came[other] = (bus, key)
                    queue.append(other)
        if b not in came:
            return set(), False
        found: set[tuple[str, int]] = set()
        joins = False
        while b != a:
            b, key = came[b]
            if key is None:
                joins = True
            else:
                found.add(key)
        return found, joins
