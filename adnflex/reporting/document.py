"""The page of a report: one result, several of a kind, or results of several kinds side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adnflex.reporting import page
from adnflex.reporting.findings import made_by
from adnflex.reporting.page import Card, Html, Page, Section
from adnflex.reporting.proof import together
from adnflex.reporting.text import capital, dash, sentences
from adnflex.reporting.views import NothingToDraw, ReportKind, View


@dataclass(frozen=True)
class Shown:
    """Results of one kind as views, their places among the variants of the page, and what makes anchors unique."""

    kind: ReportKind[Any]
    views: Sequence[View]
    places: Sequence[int] = ()
    suffix: str = ""


def document(shown: Sequence[Shown]) -> Page:
    """Put a report together: first what to do, then why it may be believed.

    Parameters
    ----------
    shown : sequence of Shown
        One for each kind; with several views in all the reader chooses which is shown.
    """
    single = sum(len(part.views) for part in shown) == 1
    placed = [part if single else _placed(part, shown) for part in shown]
    main = placed[0]
    sections = [section for part in placed for section in _sections(part)]
    top = [block for part in placed for block in _top(part)]
    if not single and len(placed) > 1:
        top = [*_side_by_side(placed), *top]
    terms = {word: told for part in reversed(placed) for word, told in part.kind.terms.items()}
    named = [(view.name, part.kind.verdict(view)) for part in placed for view in part.views]
    what = main.kind.several if len(placed) == 1 else "results"
    return Page(
        title="; ".join(part.kind.title(part.views) for part in placed),
        subtitle=main.kind.subtitle(main.views),
        verdict=together([name for name, _ in named], [verdict for _, verdict in named], what),
        top=top,
        sections=[*sections, Section("terms", "Terms", "", [page.terms(terms)])],
        footer=made_by(main.views[-1].answer.versions, main.views[-1].fingerprint),
        variants=[] if single else [view.name for part in placed for view in part.views],
        # what was planned is shown first, of several that are compared the last
        opens=len(main.views),
    )


def _placed(part: Shown, shown: Sequence[Shown]) -> Shown:
    """Give views their places among all variants, anchors of their own, and names that no other has."""
    first = 1 + sum(len(other.views) for other in shown[: shown.index(part)])
    names = [view.name for other in shown for view in other.views]
    places = range(first, first + len(part.views))
    views = [
        replace(view, suffix=f"-{k}", name=view.name if names.count(view.name) == 1 else f"{view.name} ({k})")
        for k, view in zip(places, part.views, strict=True)
    ]
    return Shown(part.kind, views, places, f"-{first}" if len(shown) > 1 else "")


def _top(part: Shown) -> list[Html]:
    """Key figures and notes of each view."""
    first = part.views[0] if len(part.views) > 1 else None
    blocks = []
    for k, view in enumerate(part.views):
        cards = page.cards(part.kind.cards(view, None if view is first else first))
        notes = page.notice("What you should know", sentences(view.notes()), "plain")
        told = [cards, notes]
        blocks += [page.variant([part.places[k]], *told)] if part.places else told
    return blocks


def _side_by_side(shown: Sequence[Shown]) -> list[Html]:
    """Key figures that results of several kinds have in common; nothing where there are none."""
    views = [(part, view) for part in shown for view in part.views]
    cards: list[dict[str, Card]] = [{card.label: card for card in part.kind.cards(view, None)} for part, view in views]
    labels = dict.fromkeys(label for known in cards for label in known)
    common = [label for label in labels if sum(label in known for known in cards) > 1]
    names = [view.name for _, view in views]
    rows = [[label, *(known[label].value if label in known else dash for known in cards)] for label in common]
    return [page.table(["", *names], rows, names)] if rows else []


def _sections(part: Shown) -> list[Section]:
    """Sections of one kind; what a view has nothing for is left out."""
    found = []
    for make in part.kind.sections:
        if getattr(make, "of_all", False):
            made = _made(make, part.views)
            if made is not None and part.places:
                made = replace(made, intro="", blocks=[page.variant(part.places, _intro(made.intro), *made.blocks)])
        else:
            made = _joined(make, part)
        if made is not None:
            found.append(replace(made, anchor=made.anchor + part.suffix))
    return found


def _joined(make: Callable[[Any], Section | None], part: Shown) -> Section | None:
    """One section of all views that have it; the reader chooses which of them is shown."""
    made = [(k, view, _made(make, view)) for k, view in enumerate(part.views)]
    there = [(k, view, section) for k, view, section in made if section is not None]
    if not there or not part.places:
        return there[0][2] if there else None
    blocks = []
    for k, view, section in there:
        # So that a reader who jumped here knows whose it is.
        intro = page.join(page.strong(capital(view.name)), ". ", section.intro)
        blocks.append(page.variant([part.places[k]], _intro(intro), *section.blocks))
    return replace(there[0][2], intro="", blocks=blocks)


def _made(make: Callable[[Any], Section | None], of: Any) -> Section | None:
    try:
        return make(of)
    except NothingToDraw:
        return None


def _intro(text: str) -> Html:
    return page.paragraph(text, "intro") if text else Html("")
