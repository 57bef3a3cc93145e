"""A row of the table: what a paper has, what we have, and how the two stand to each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Stored = Mapping[str, Any]

REPRODUCED, DIFFERS, NOT_RUN, UNCLEAR = "reproduced", "differs", "not run", "not described"
STATUSES = (REPRODUCED, DIFFERS, NOT_RUN, UNCLEAR)
# Where a rerun of a study has changed something that nobody has looked at yet.
UNEXPLAINED = "why is not known yet"
# Pages in which a figure can be looked up.
DISPATCH, FLEXIBILITY = "../dispatch/README.md", "../flexibility/README.md"
ROLLING, HERE = "../rolling/README.md", "#run-again-in-pandapower"


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes
    ----------
    item : str
        What of the paper it is about.
    published : str
        The paper's figure.
    where : str
        Where ours can be looked up, in Markdown.
    ours : callable
        Makes our figure of what is stored; a KeyError means that it was not run.
    holds : callable, False or None
        Whether the two agree in the sense that the item says; that they do is never said without a look at what is
        stored. None: the paper does not describe it well enough.
    because : str
        Why they differ, or what is not described.
    """

    item: str
    published: str
    where: str
    ours: Callable[[Stored], str]
    holds: Callable[[Stored], bool] | Literal[False] | None
    because: str = ""

    def line(self, stored: Stored) -> tuple[str, str, str, str, str]:
        """Item, our figure, published figure, status with its reason, where."""
        try:
            figure = self.ours(stored)
            holds = self.holds(stored) if callable(self.holds) else self.holds
        except (KeyError, IndexError):
            return self.item, "–", self.published, NOT_RUN, self.where
        status = UNCLEAR if holds is None else REPRODUCED if holds else DIFFERS
        why = self.because or UNEXPLAINED
        told = f"{status}: {why}" if status in (DIFFERS, UNCLEAR) else status
        return self.item, figure, self.published, told, self.where


def page(path: str, anchor: str, word: str) -> str:
    """Link to a section of a page."""
    return f"[{word}]({path}#{anchor})"


def near(value: float, other: float, tolerance: float = 1e-6) -> bool:
    """Whether two figures are the same but for a tolerance."""
    return abs(value - other) <= tolerance


def plain(*values: Any) -> str:
    """Write numbers and lists in short."""
    return ", ".join(f"{v:g}" if isinstance(v, int | float) else str(v) for v in values)


def text(word: str) -> Callable[[Stored], str]:
    """Return what says the same whatever is stored, for what is described and not measured."""
    return lambda _: word


SYSTEM, AGAIN = page("", "systems-as-read", "systems"), page("", HERE[1:], "again")


def same(paper: str, item: str, published: str, key: str, value: Any, because: str = "") -> Row:
    """Row about a fact of a paper's system, which is read from our net of it."""

    def fact(s: Stored) -> Any:
        return s["papers"]["systems"][paper][key]

    def ours(s: Stored) -> str:
        found = fact(s)
        return plain(*found) if isinstance(found, list) else plain(found)

    return Row(item, published, SYSTEM, ours, lambda s: _equal(fact(s), value), because)


def _equal(found: Any, value: Any) -> bool:
    """Whether two facts are the same, numbers but for rounding."""
    if isinstance(value, list):
        return len(found) == len(value) and all(_equal(a, b) for a, b in zip(found, value, strict=True))
    return near(found, value) if isinstance(value, int | float) else bool(found == value)


def drawn(stored: Stored, result: str, names: Sequence[str]) -> bool:
    """Whether the report of a result has all these figures."""
    there = stored["papers"]["figures"]["results"][result]["figures"]
    return all(any(anchor == name or anchor.startswith(f"{name}-") for anchor in there) for name in names)


def figure(item: str, result: str, names: Sequence[str], published: str, because: str = "") -> Row:
    """Row about a figure that our report of a result has."""
    called = ", ".join(f"`{name}`" for name in names)
    return Row(
        item,
        published,
        page("", "figures-that-were-drawn", f"report of {result}"),
        lambda s: f"{called} {'drawn' if drawn(s, result, names) else 'not drawn'}",
        lambda s: drawn(s, result, names),
        because or "the report of this study does not have it",
    )
