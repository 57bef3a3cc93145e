"""The frame of every report: one HTML file that needs nothing else, whatever kind of result it shows.

A `Page` is made of sections, a section of blocks, and the functions here make the blocks (text, cards,
tables, figures). They escape every plain string; only `Html` passes as it is. What a report of one kind of
result says lives elsewhere, e.g. in `adnflex.reporting.reconfiguration`.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from plotly import graph_objects as go
from plotly.offline import get_plotlyjs

from adnflex.results.certificate import amber
from adnflex.text import cut, tamed

__all__ = [
    "Card", "Html", "Page", "Section", "Verdict", "badge", "bullets", "cards", "details", "figure", "join",
    "notice", "paragraph", "passed", "render", "side_by_side", "table", "toggle", "variant",
]  # fmt: skip


# Longer titles push the verdict from the screen.
_LONGEST_TITLE = 160


class Html(str):
    """Text that is HTML already and is not escaped again."""

    __slots__ = ()


@dataclass(frozen=True)
class Verdict:
    """What the reader must not miss.

    Attributes
    ----------
    kind : str
        ``pass`` (green), ``caution`` (amber: it passed, with a reservation), ``fail`` or ``open`` (not decided).
    headline, sentence : str
        The verdict in a few words, and why.
    remark : str
        What else belongs to it, e.g. the certificate.
    """

    kind: str
    headline: str
    sentence: str
    remark: str = ""


def passed(headline: str, sentence: str, remark: str, doubt: str) -> Verdict:
    """Banner of what passed its check: green, or amber with the reason where there is a reservation.

    Examples
    --------
    >>> passed("Passed", "All is met.", "", "there is no certificate").sentence
    'All is met. Amber, as there is no certificate. Green needs a certificate below 5 %.'
    """
    if not doubt:
        return Verdict("pass", headline, sentence, remark)
    return Verdict("caution", headline, f"{sentence} {amber(doubt)}", remark)


@dataclass(frozen=True)
class Card:
    """One key figure: what it is, its value, and a line below."""

    label: str
    value: str
    below: str = ""


@dataclass(frozen=True)
class Section:
    """One part of the page: anchor, title, a line of explanation, its blocks, its word in the menu."""

    anchor: str
    title: str
    intro: str
    blocks: Sequence[Html]
    menu: str = ""


@dataclass(frozen=True)
class Page:
    """A whole report; the menu lets the reader choose which of its `variants` is shown, at first the last."""

    title: str
    subtitle: str
    verdict: Verdict
    top: Sequence[Html]
    sections: Sequence[Section]
    footer: str = ""
    variants: Sequence[str] = ()


def join(*parts: str) -> Html:
    """Put pieces together; plain strings are escaped.

    Examples
    --------
    >>> join("a < b", Html("<br>"))
    'a &lt; b<br>'
    """
    return Html("".join(p if isinstance(p, Html) else escape(p) for p in parts))


def paragraph(text: str, kind: str = "") -> Html:
    """Paragraph, with a class of the style sheet where `kind` is given."""
    return Html(f"<p{_class(kind)}>{join(text)}</p>")


def bullets(items: Iterable[str]) -> Html:
    """List with bullets."""
    return Html("<ul>" + "".join(f"<li>{join(i)}</li>" for i in items) + "</ul>")


def badge(text: str, kind: str) -> Html:
    """Short word on a coloured ground; `kind` is ``close``, ``open``, ``good`` or ``bad``."""
    return Html(f'<span class="badge {escape(kind)}">{join(text)}</span>')


def notice(title: str, items: Sequence[str], kind: str = "") -> Html:
    """Box with a title and bullets; nothing where there are no items."""
    if not items:
        return Html("")
    return Html(f'<aside class="notice {escape(kind)}"><strong>{join(title)}</strong>{bullets(items)}</aside>')


def cards(items: Sequence[Card]) -> Html:
    """Row of key figures."""
    return Html(
        '<dl class="cards">'
        + "".join(
            f'<div class="card"><dt>{join(c.label)}</dt><dd class="value">{join(c.value)}</dd>'
            f'<dd class="below">{join(c.below)}</dd></div>'
            for c in items
        )
        + "</dl>"
    )


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[str] = (), total: bool = False
) -> Html:
    """Table; the columns named in `numeric` are aligned to the right, a last row that is a total stands out.

    Examples
    --------
    >>> table(["a"], [["<1>"]])
    '<div class="scroll"><table><thead><tr><th scope="col">a</th></tr></thead><tbody><tr><td>&lt;1&gt;</td></tr></tbody></table></div>'
    """  # noqa: E501
    kinds = [_class("number" if c in numeric else "") for c in columns]
    head = "".join(f'<th scope="col"{k}>{join(c)}</th>' for c, k in zip(columns, kinds, strict=True))
    lines = ["".join(f"<td{k}>{join(cell)}</td>" for cell, k in zip(row, kinds, strict=True)) for row in rows]
    last = len(lines) - 1
    body = "".join(f"<tr{_class('total' if total and n == last else '')}>{line}</tr>" for n, line in enumerate(lines))
    return Html(f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')


def details(summary: str, *blocks: Html) -> Html:
    """Part that opens on a click (and is open in print)."""
    return Html(f"<details><summary>{join(summary)}</summary>{''.join(blocks)}</details>")


def figure(fig: go.Figure, anchor: str, title: str = "", group: str = "") -> Html:
    """Figure as data that the page's script draws.

    Parameters
    ----------
    fig : plotly.graph_objects.Figure
        The figure.
    anchor : str
        Identifier, unique in the page.
    title : str
        Heading above it.
    group : str
        Figures of one group zoom together and obey the group's `toggle`.
    """
    height = int(fig.layout.height or 400)
    # Written anew because plotly writes every sign outside ASCII in six characters; in JSON, `\/` is `/`, and
    # neither `</script` nor `<!--` may stand in a script element.
    content = _tamed(json.loads(fig.to_json(engine="json")))
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    data = data.replace("</", "<\\/").replace("<!", "\\u003c!")
    heading = f"<h3>{join(title)}</h3>" if title else ""
    return Html(
        f'<div class="panel">{heading}<div class="figure" id="{escape(anchor)}" data-group="{escape(group)}" '
        f'style="height:{height}px" role="img" aria-label="{escape(title or anchor)}"></div>'
        f'<script type="application/json" id="{escape(anchor)}-data">{data}</script></div>'
    )


def side_by_side(*blocks: Html) -> Html:
    """Blocks next to each other where the page is wide enough, below each other where not."""
    return Html('<div class="pair">' + "".join(blocks) + "</div>")


def toggle(group: str, choices: Sequence[str], label: str) -> Html:
    """Buttons that show, in all figures of a group, the traces whose ``meta.colour`` is the choice."""
    buttons = "".join(
        f'<button type="button" data-choice="{escape(c)}" aria-pressed="{"false" if i else "true"}">'
        f"{escape(c)}</button>"
        for i, c in enumerate(choices)
    )
    return Html(
        f'<div class="toggle" data-group="{escape(group)}" role="group"><span>{join(label)}</span>{buttons}</div>'
    )


def variant(name: str, *blocks: Html) -> Html:
    """Blocks that belong to one of the page's variants and are shown with it."""
    return Html(f'<div data-variant="{escape(name)}">{"".join(blocks)}</div>')


def render(page: Page) -> str:
    """Write the page as one HTML text that loads nothing from anywhere.

    Examples
    --------
    >>> text = render(Page("T", "", Verdict("pass", "Passed", ""), [], []))
    >>> text.startswith("<!doctype html>"), "<h1>T</h1>" in text
    (True, True)
    """
    assets = resources.files("adnflex.reporting") / "assets"
    css = (assets / "page.css").read_text(encoding="utf-8")
    script = (assets / "page.js").read_text(encoding="utf-8")
    links = "".join(f'<a href="#{escape(s.anchor)}">{join(s.menu or s.title)}</a>' for s in page.sections)
    body = "".join(_section(s) for s in page.sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{join(cut(page.title, _LONGEST_TITLE))}</title>\n<style>\n{css}</style>\n</head>\n<body>\n"
        f'<header><div class="wide"><h1>{join(cut(page.title, _LONGEST_TITLE))}</h1>'
        f'<p class="subtitle">{join(page.subtitle)}</p></div>'
        f"{_verdict(page.verdict)}</header>\n"
        f'<nav aria-label="sections">{_switch(page.variants)}<div class="wide">{links}</div></nav>\n'
        f'<main class="wide"><div class="top">{"".join(page.top)}</div>{body}</main>\n'
        f'<footer class="wide">{join(page.footer)}</footer>\n'
        "<noscript>The figures need JavaScript; all tables are readable without it.</noscript>\n"
        f"<script>{get_plotlyjs()}</script>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )


def _section(section: Section) -> str:
    """Write one section."""
    intro = f'<p class="intro">{join(section.intro)}</p>' if section.intro else ""
    anchor = escape(section.anchor)
    return f'<section id="{anchor}"><h2>{join(section.title)}</h2>{intro}{"".join(section.blocks)}</section>\n'


def _switch(variants: Sequence[str]) -> str:
    """Buttons that choose the variant; none where there is nothing to choose."""
    if len(variants) < 2:
        return ""
    buttons = "".join(
        f'<button type="button" data-show="{escape(v)}" aria-pressed="{"true" if v == variants[-1] else "false"}">'
        f"{join(v)}</button>"
        for v in variants
    )
    group = f'<div class="toggle" role="group" aria-label="what is shown"><span>Show</span>{buttons}</div>'
    return f'<div class="wide variants">{group}</div>'


_SIGNS = {
    "pass": '<path d="M6 12.5l4 4 8-9"/>',
    "caution": '<path d="M12 6v7M12 17v.5"/>',
    "fail": '<path d="M7 7l10 10M17 7L7 17"/>',
    "open": '<path d="M12 6v7M12 17v.5"/>',
}


def _verdict(verdict: Verdict) -> str:
    """Write the banner with its sign, so that the colour is not the only hint."""
    remark = f'<p class="remark">{join(verdict.remark)}</p>' if verdict.remark else ""
    return (
        f'<div class="verdict {escape(verdict.kind)}" role="status"><div class="wide">'
        '<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="11"/>'
        f"{_SIGNS[verdict.kind]}</svg>"
        f'<div><p class="headline">{join(verdict.headline)}</p><p>{join(verdict.sentence)}</p>{remark}</div>'
        "</div></div>"
    )


def escape(text: str) -> str:
    """Text as HTML shows it, tamed: names come from files of strangers."""
    return html.escape(tamed(text))


def _tamed(value: Any) -> Any:
    """Tame all text of a figure."""
    if isinstance(value, str):
        return tamed(value)
    if isinstance(value, dict):
        return {key: _tamed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [part if isinstance(part, float | int) else _tamed(part) for part in value]
    return value


def _class(kind: str) -> str:
    """Class attribute, or nothing."""
    return f' class="{escape(kind)}"' if kind else ""
