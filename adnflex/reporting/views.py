"""What a kind of report is: how results become views, and its tables of figures and sections.

A figure is a function of a view that draws on a canvas. A section is a row of a table, a `Recipe`: what it is called,
what it says, which figures and tables it shows; or a function of a view that returns a `page.Section`. Each is one
line in its kind's table; nothing else knows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any, ClassVar, Generic, TypeVar

import pandas as pd
from markupsafe import Markup
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting import page
from adnflex.reporting.labels import Labels
from adnflex.reporting.page import Banner, Card, Html, Section
from adnflex.results.contingencies import Contingencies
from adnflex.results.drawn_scenarios import DrawnScenarios
from adnflex.results.sequence import SwitchingSequence


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


@dataclass(frozen=True)
class Orders:
    """Orders of operations: those that are known, and why others are not.

    Attributes
    ----------
    known : tuple of SwitchingSequence
        Of whatever plans.
    faults : tuple of str
        Why there is none of others.
    """

    known: tuple[SwitchingSequence, ...] = ()
    faults: tuple[str, ...] = ()

    def of(self, plan: Any) -> SwitchingSequence | None:
        """Return that of a plan, if it is known."""
        return next((s for s in self.known if s.is_of(plan.fingerprint, plan.switches)), None)


def paired(results: Sequence[Any], checks: Sequence[Any], what: str, some: bool = False) -> list[tuple[Any, Any]]:
    """Put results beside their checks, as many of both, or where `some` will do beside None.

    Examples
    --------
    >>> paired(["a", "b"], ["c"], "plans", some=True)
    [('a', 'c'), ('b', None)]
    """
    if len(checks) > len(results) or not (some or len(checks) == len(results)):
        one = what.removesuffix("s")
        raise InputError(
            f"checks: there are {len(checks)} for {len(results)} {what}; give one for each {one}, or None."
        )
    return list(zip(results, [*checks, *[None] * (len(results) - len(checks))], strict=True))


def numbered(steps: pd.DataFrame) -> dict[tuple[str, int], str]:
    """Numbers of the steps by branch.

    Examples
    --------
    >>> numbered(pd.DataFrame({"element": ["line", "line"], "index": [7, 7]}, index=[1, 4]))
    {('line', 7): '1, 4'}
    """
    found: dict[tuple[str, int], str] = {}
    for step, element, index in zip(steps.index, steps["element"], steps["index"], strict=True):
        key = str(element), int(index)
        found[key] = f"{found[key]}, {step}" if key in found else str(step)
    return found


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
    orders : Orders
        What is known of the order of operations.
    outages : tuple of Contingencies
        Of whatever nets, among the results.
    scenario_sets : tuple of DrawnScenarios
        Of whatever nets, among the results.
    """

    name: str = ""
    suffix: str = ""
    figures: Mapping[str, Callable[[Any], go.Figure]] = field(default_factory=dict)
    orders: Orders = field(default_factory=lambda: Orders())
    outages: tuple[Contingencies, ...] = ()
    scenario_sets: tuple[DrawnScenarios, ...] = ()
    #: Whether rows of its tables have a time, which `when` says.
    timed: ClassVar[bool] = False

    @property
    def answer(self) -> Any:
        """The result itself."""
        raise NotImplementedError

    @cached_property
    def labels(self) -> Labels:
        """Names of buses and branches."""
        return Labels(self.answer.coordinates, self.answer.topology)

    @property
    def known_check(self) -> Any:
        """Its check, or None."""
        return getattr(self, "check", None)

    @property
    def fingerprint(self) -> str:
        """Of the net."""
        return str(self.answer.fingerprint)

    @property
    def sequence(self) -> SwitchingSequence | None:
        """The order of its operations, where it is known."""
        return self.orders.of(self.answer)

    @property
    def step_numbers(self) -> dict[tuple[str, int], str]:
        """Numbers of the steps that operate each branch, where the order is known."""
        return {} if self.sequence is None else numbered(self.sequence.steps)

    def notes(self) -> list[str]:
        """Return what the reader has to know."""
        return [*self.answer.notes, *(self.known_check.notes if self.known_check is not None else ())]

    @property
    def proven(self) -> str:
        """What the status says of this result, where the words for all results do not fit."""
        return ""

    def when(self, _row: Any) -> str:
        """Say when, of a row of a table."""
        return ""

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


def drawn_from(part: Callable[[Any], Any], draw: Callable[[Any], go.Figure]) -> Callable[[Any], go.Figure]:
    """Figure of a view that is drawn from a part of it; it says of itself what `draw` says."""

    @wraps(draw)
    def drawn(view: Any) -> go.Figure:
        return draw(part(view))

    return drawn


class SteppedView(View):
    """A view of steps, one after the other."""

    timed = True

    def when(self, row: Any) -> str:
        """Say after which step, of a row of a table."""
        return f"step {row['step']}" if "step" in row else ""


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
    orders : Orders
        The orders of operations that were found on it.
    """

    topology: pd.DataFrame = field(default_factory=pd.DataFrame)
    coordinates: pd.DataFrame = field(default_factory=pd.DataFrame)
    names: pd.DataFrame = field(default_factory=pd.DataFrame)
    vm_limits: pd.DataFrame = field(default_factory=pd.DataFrame)
    study: Mapping[str, Any] = field(default_factory=dict)
    orders: Orders = field(default_factory=Orders)


V = TypeVar("V", bound=View)


#: Text, or what says it of a view.
Text = str | Callable[[Any], str]
Sections = list[Callable[[Any], Section | None]]


@dataclass(frozen=True)
class Recipe:
    """A section as a row of a kind's table; called with a view it makes the section.

    Attributes
    ----------
    anchor, title : str
        Its anchor and heading.
    intro : str or callable
        The line below the heading, or what says it of a view.
    shows : tuple
        What stands in it, in order: names of figures, ``(figure, heading)`` or ``(figure, heading, group)``, and
        functions of a view that return blocks.
    menu : str
        Its word in the menu, by default the title.
    needs : callable
        Whether a view has it.
    of_all : bool
        Whether it is made of all views of its kind at once.
    """

    anchor: str
    title: Text
    intro: Text
    shows: tuple[Any, ...] = ()
    menu: str = ""
    needs: Callable[[Any], object] = bool
    of_all: bool = False

    def __call__(self, view: Any) -> Section | None:
        """Make the section of a view; None where the view does not have it."""
        if not self.needs(view):
            return None
        blocks = [block for item in self.shows for block in shown(view, item)]
        title, intro = (text if isinstance(text, str) else text(view) for text in (self.title, self.intro))
        return Section(self.anchor, title, intro, blocks, self.menu or title)


def shown(view: Any, item: Any) -> list[Html]:
    """Blocks of one item of `Recipe.shows`."""
    if isinstance(item, str):
        return [view.draw(item)]
    made = view.draw(*item) if isinstance(item, tuple) else item(view)
    return [made] if isinstance(made, Markup) else [block for block in made if block]


def beside(*items: Any) -> Callable[[Any], list[Html]]:
    """Items of `Recipe.shows` next to each other."""
    return lambda view: [page.side_by_side(*(block for item in items for block in shown(view, item)))]


@dataclass(frozen=True)
class ReportKind(Generic[V]):
    """One kind of report.

    Attributes
    ----------
    results, checks : tuple of type
        The classes of results that it shows, and of their checks.
    views : callable
        Turns results, as many checks (or None) and facts of the net into views; refuses what does not go together.
    title, subtitle : callable
        Of all views: the headline and the line below it.
    verdict, cards : callable
        Of one view: banner, and key figures (the second argument is the view that it is compared with, or None).
    sections : list of callable
        Sections in their order, each a `Recipe` or a function of one view.
    figures : dict
        Figures by name.
    terms : mapping
        Technical terms, one line each.
    several : str
        What several results are called.
    """

    results: tuple[type, ...]
    checks: tuple[type, ...]
    views: Callable[[Sequence[Any], Sequence[Any], NetFacts], list[V]]
    title: Callable[[Sequence[V]], str]
    subtitle: Callable[[Sequence[V]], str]
    verdict: Callable[[V], Banner]
    cards: Callable[[V, V | None], list[Card]]
    sections: Sections
    figures: dict[str, Callable[[V], go.Figure]]
    terms: Mapping[str, str]
    several: str = "plans"
