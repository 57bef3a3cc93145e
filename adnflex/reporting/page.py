"""The frame of every report: one HTML file that needs nothing else, whatever kind of result it shows.

A `Page` is made of sections, a section of blocks, and the functions here make the blocks (text, cards, tables,
figures) from the macros of ``assets/page.html``. Everything is escaped, and names from files of strangers are tamed;
only `Html` passes as it is.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly import graph_objects as go

from adnflex.reporting.packing import LARGE, packed, taken_apart
from adnflex.reporting.spoken import spoken
from adnflex.text import cut, tamed

T = TypeVar("T")

#: Text that is HTML already and is not escaped again.
Html = Markup

# Longer titles push the verdict from the screen.
_LONGEST_TITLE = 160
# Figures of more data than this are packed: maps of large nets become a tenth.
_MOST_PLAIN = 20_000


@dataclass(frozen=True)
class Banner:
    """What the reader must not miss.

    Attributes
    ----------
    kind : str
        ``pass`` (green), ``caution`` (amber: it passed, with a reservation), ``fail`` or ``open`` (not decided).
    headline, sentence : str
        The verdict in a few words, and why.
    remark : str
        What else belongs to it, e.g. the certificate.
    lines : tuple of str
        Of several results, what is to be said of each.
    scope : str
        What was looked at, and what was not.
    """

    kind: str
    headline: str
    sentence: str
    remark: str = ""
    lines: tuple[str, ...] = ()
    scope: str = ""


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
    """A whole report; the menu lets the reader choose which of its `variants` is shown, at first the one at `opens`."""

    title: str
    subtitle: str
    verdict: Banner
    top: Sequence[Html]
    sections: Sequence[Section]
    footer: str = ""
    variants: Sequence[str] = ()
    opens: int = 1


# Blocks -------------------------------------------------------------------------------------------------------


def escape(text: str) -> Html:
    """Text as HTML shows it, tamed: names come from files of strangers.

    Examples
    --------
    >>> str(escape("a < b"))
    'a &lt; b'
    """
    return text if isinstance(text, Markup) else Markup.escape(tamed(text))


def join(*parts: str) -> Html:
    """Put pieces together; plain strings are escaped.

    Examples
    --------
    >>> str(join("a < b", Html("<br>")))
    'a &lt; b<br>'
    """
    return Markup("").join(escape(p) for p in parts)


def paragraph(text: str, kind: str = "") -> Html:
    """Paragraph, with a class of the style sheet where `kind` is given."""
    return _block("paragraph", text, kind)


def heading(text: str) -> Html:
    """Heading of a part of a section."""
    return _block("heading", text)


def strong(text: object) -> Html:
    """Text that stands out."""
    return join(Html("<strong>"), str(text), Html("</strong>"))


def bar(*blocks: str) -> Html:
    """Badges and choices in one row."""
    return _block("bar", join(*blocks))


def badge(text: str, kind: str) -> Html:
    """Short word on a coloured ground; `kind` is ``close``, ``open``, ``good`` or ``bad``."""
    return _block("badge", text, kind)


def notice(title: str, items: Sequence[str], kind: str = "") -> Html:
    """Box with a title and bullets; nothing where there are no items."""
    return _block("notice", title, items, kind) if items else Markup("")


def cards(items: Sequence[Card]) -> Html:
    """Row of key figures."""
    return _block("cards", items)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[str] = (), total: bool = False
) -> Html:
    """Table; the columns named in `numeric` are aligned to the right, a last row that is a total stands out.

    Examples
    --------
    >>> str(table(["a"], [["<1>"]]))
    '<div class="scroll"><table class="short"><caption></caption><thead><tr><th scope="col">a</th></tr></thead><tbody><tr><td>&lt;1&gt;</td></tr></tbody></table></div>'
    """  # noqa: E501
    return _block("table", columns, list(rows), numeric, total)


def listing(items: Iterable[T], columns: Mapping[str, Callable[[T], str]], **more: Any) -> list[Html]:
    """Table with one row an item: columns say how each is told; those marked by ``>`` are aligned to the right.

    Examples
    --------
    >>> str(listing([0.5], {">value": str})[0]).count('class="number"')
    2
    """
    heads = [head.removeprefix(">") for head in columns]
    numeric = [head[1:] for head in columns if head.startswith(">")]
    return folded(heads, [[tell(item) for tell in columns.values()] for item in items], numeric, **more)


def folded(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    numeric: Sequence[str] = (),
    first: int = 0,
    most: int = 0,
    rest: str = "{count} more",
    total: bool = False,
) -> list[Html]:
    """Table of which only the first rows show at once (all where `first` is 0), and on a click the next up to `most`.

    `rest` is what is clicked on: ``{count}`` more rows are there, ``{shown}`` in all.
    """
    if not first or len(rows) <= first:
        return [table(columns, rows, numeric, total)]
    shown = rows[: most or None]
    words = rest.format(count=len(shown) - first, shown=len(shown))
    return [table(columns, rows[:first], numeric), details(words, table(columns, shown[first:], numeric, total))]


def action(close: object) -> Html:
    """Badge of an operation."""
    return badge("close", "close") if close else badge("open", "open")


def details(summary: str, *blocks: Html) -> Html:
    """Part that opens on a click (and is open in print)."""
    return _block("details", summary, join(*blocks))


def figure(fig: go.Figure, anchor: str, title: str = "", group: str = "") -> Html:
    """Figure as data that the page's script draws.

    Parameters
    ----------
    fig : plotly.graph_objects.Figure
        The figure.
    anchor : str
        Identifier, unique in the page.
    title : str
        What is drawn, by default what its section is called.
    group : str
        Figures of one group zoom together and obey the group's `toggle`.
    """
    # Written anew because plotly writes every sign outside ASCII in six characters; in JSON, `\/` is `/`, and
    # neither `</script` nor `<!--` may stand in a script element.
    content = _tamed(json.loads(fig.to_json(engine="json")))
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    shared = taken_apart(content) if len(data) > LARGE else {}
    if shared:
        data = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    small = len(data) <= _MOST_PLAIN
    data = data.replace("</", "<\\/").replace("<!", "\\u003c!") if small else packed(data)
    told = spoken(fig, title or "Figure")
    height = int(fig.layout.height or 400)
    return _block("figure", anchor, title, told, group, height, Markup(data), not small, shared)


def side_by_side(*blocks: Html) -> Html:
    """Blocks next to each other where the page is wide enough, below each other where not."""
    return _block("side_by_side", join(*blocks))


def toggle(group: str, choices: Sequence[str], label: str) -> Html:
    """Buttons that show, in all figures of a group, the traces whose ``meta.colour`` is the choice."""
    return _block("toggle", group, choices, label)


def variant(places: Sequence[int], *blocks: Html) -> Html:
    """Blocks that are shown with these of the page's variants, counted from 1."""
    return _block("variant", [f"v{k}" for k in places], join(*blocks))


def terms(known: Mapping[str, str]) -> Html:
    """Technical terms, one line each."""
    return _block("terms", known)


def map_key(ink: str, grey: str, close: str, opened: str, transformer: bool) -> Html:
    """Key of the maps' signs in the colours of the maps."""
    return _block("map_key", ink, grey, close, opened, transformer)


def render(page: Page) -> str:
    """Write the page as one HTML text that loads nothing from anywhere.

    Examples
    --------
    >>> text = render(Page("T", "", Banner("pass", "Passed", ""), [], []))
    >>> text.startswith("<!doctype html>"), "<h1>T</h1>" in text
    (True, True)
    """
    assets = resources.files("adnflex.reporting") / "assets"
    css, script = (Markup((assets / name).read_text(encoding="utf-8")) for name in ("page.css", "page.js"))
    counts = dict.fromkeys(("Table", "Figure"), 0)
    top = [_captioned("Key figures", page.top, counts)]
    sections = [replace(s, blocks=[_captioned(s.title, s.blocks, counts)]) for s in page.sections]
    titled = replace(page, title=cut(page.title, _LONGEST_TITLE), top=top, sections=sections)
    seen: set[str] = set()
    return _SHARED.sub(lambda each: _once(each, seen), str(_block("document", titled, css, script, Markup(_library()))))


_HEADS = re.compile(
    r"<h3>(?P<heading>.*?)</h3>|<summary>(?P<summary>.*?)</summary>"
    r"|<caption>(?P<table>)</caption>|<figcaption>(?P<figure>.*?)</figcaption>"
)


def _captioned(title: str, blocks: Iterable[Html], counts: dict[str, int]) -> Html:
    """Give tables and figures a number through the page, and the words above them or those of the section."""
    above = escape(title)

    def told(match: re.Match[str]) -> str:
        nonlocal above
        kind = match.lastgroup or ""
        if kind in ("heading", "summary"):
            above = Markup(re.sub("<[^>]*>", "", match[kind]))
            return match[0]
        word, tag = ("Table", "caption") if kind == "table" else ("Figure", "figcaption")
        counts[word] += 1
        return f"<{tag}>{word} {counts[word]}. {match[kind] or above}</{tag}>"

    return Markup(_HEADS.sub(told, join(*blocks)))


_SHARED = re.compile(r'<script type="application/gzip;base64" id="(shared-[0-9a-f]+)">[^<]*</script>')


def _once(script: re.Match[str], seen: set[str]) -> str:
    """Keep the first of those that are the same."""
    again = script[1] in seen
    seen.add(script[1])
    return "" if again else script[0]


@cache
def _library() -> str:
    """Return the part of plotly.js that draws on x and y, packed: gzip in base64."""
    packed = resources.files("adnflex.reporting") / "assets" / "plotly-cartesian.min.js.gz"
    return b64encode(packed.read_bytes()).decode("ascii")


def _block(macro: str, *arguments: object) -> Html:
    """Call one macro of the template."""
    return Markup(getattr(_macros(), macro)(*arguments))


@cache
def _macros() -> Any:
    environment = Environment(
        loader=PackageLoader("adnflex.reporting", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: tamed(value) if type(value) is str else value,
    )
    return environment.get_template("page.html").module


def _tamed(value: Any) -> Any:
    """Tame all text of a figure."""
    if isinstance(value, str):
        return tamed(value)
    if isinstance(value, dict):
        return {key: _tamed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [part if isinstance(part, float | int) else _tamed(part) for part in value]
    return value
