"""What a kind of report is: how results become views, and its tables of figures and sections.

A figure is a function of a view that draws on a canvas, a section is a function of a view that returns a
`page.Section`. Each is one line in its kind's table; nothing else knows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import pandas as pd
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting import page
from adnflex.reporting.page import Banner, Card, Html, Section

__all__ = ["NetFacts", "NothingToDraw", "ReportKind", "View", "joint", "one_of"]


class NothingToDraw(InputError):
    """A result does not have what a figure shows; its section is left out."""


def one_of(known: Mapping[str, Sequence[str]], **chosen: object) -> list[str]:
    """Return findings about choices that do not exist.

    Examples
    --------
    >>> one_of({"state": ("before", "after")}, state="now")
    ["state: is 'now'; give one of before, after."]
    """
    return [
        f"{name}: is {value!r}; give one of {', '.join(known[name])}."
        for name, value in chosen.items()
        if value not in known[name]
    ]


@dataclass(frozen=True, kw_only=True)
class View:
    """A result and its check as one report sees them.

    Attributes
    ----------
    name : str
        By which name the report calls it.
    suffix : str
        What makes its anchors unique in a page of several.
    figures : mapping of str to callable
        The figures of its kind, by name.
    """

    name: str = ""
    suffix: str = ""
    figures: Mapping[str, Callable[[Any], go.Figure]] = field(default_factory=dict)

    def draw(self, figure: str, title: str = "", group: str = "") -> Html:
        """Return a figure of the kind as a block."""
        fig = self.figures[figure](self)
        return page.figure(fig, f"{figure}-figure{self.suffix}", title, group + self.suffix if group else "")

    def drawn(self, *figures: str) -> list[Html]:
        """Those of the figures that can be drawn, at least one."""
        found: list[Html] = []
        reason = None
        for figure in figures:
            try:
                found.append(self.draw(figure))
            except NothingToDraw as nothing:
                reason = nothing
        if not found and reason is not None:
            raise reason
        return found


@dataclass(frozen=True)
class NetFacts:
    """What a net tells beside a result that does not carry it itself.

    Attributes
    ----------
    topology, coordinates : pandas.DataFrame
        Drawing tables, as in `adnflex.Plan`.
    names : pandas.DataFrame
        ``table``, ``index``, ``name`` of devices.
    vm_limits : pandas.DataFrame
        By bus: ``min_vm_pu``, ``max_vm_pu``, as far as the net has them [pu].
    study : mapping
        What the net says about its case, e.g. what is published of it.
    """

    topology: pd.DataFrame = field(default_factory=pd.DataFrame)
    coordinates: pd.DataFrame = field(default_factory=pd.DataFrame)
    names: pd.DataFrame = field(default_factory=pd.DataFrame)
    vm_limits: pd.DataFrame = field(default_factory=pd.DataFrame)
    study: Mapping[str, Any] = field(default_factory=dict)


V = TypeVar("V", bound=View)


def joint(section: Callable[[Sequence[Any]], Section | None]) -> Callable[[Sequence[Any]], Section | None]:
    """Mark a section that is made of all views of its kind at once."""
    section.of_all = True  # type: ignore[attr-defined]
    return section


@dataclass(frozen=True)
class ReportKind(Generic[V]):
    """One kind of report.

    Attributes
    ----------
    results, checks : tuple of type
        The classes of results that it shows, and of their checks.
    views : callable
        Turns results, as many checks (or None) and facts of the net into views; refuses what does not go together.
    title, subtitle, verdict : callable
        Of all views: the headline and the line below it, and the banner.
    cards, notes, made_by : callable
        Of one view: key figures (the second argument is the view that it is compared with, or None), notes, footer.
    sections : list of callable
        Sections in their order, each of one view, or `joint`.
    figures : dict
        Figures by name.
    terms : mapping
        Technical terms, one line each.
    """

    results: tuple[type, ...]
    checks: tuple[type, ...]
    views: Callable[[Sequence[Any], Sequence[Any], NetFacts], list[V]]
    title: Callable[[Sequence[V]], str]
    subtitle: Callable[[Sequence[V]], str]
    verdict: Callable[[Sequence[V]], Banner]
    cards: Callable[[V, V | None], list[Card]]
    notes: Callable[[V], list[str]]
    made_by: Callable[[V], tuple[Mapping[str, str], str]]
    sections: list[Callable[[Any], Section | None]]
    figures: dict[str, Callable[[V], go.Figure]]
    terms: Mapping[str, str]
