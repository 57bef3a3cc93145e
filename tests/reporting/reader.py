"""Reads a report as its reader does: words, figures' data, addresses."""

from __future__ import annotations

import gzip
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

from adnflex.reporting.page import _library

LIBRARY = _library()


class Reader(HTMLParser):
    """Collects addresses, texts outside scripts, and the figures' data."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.data: list[str] = []
        self.within = ""
        self.kind = ""

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        self.addresses += [attributes[a] for a in ("src", "href", "action", "poster") if a in attributes]
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag in ("script", "style"):
            self.within, self.kind = tag, attributes.get("type", "")

    def handle_endtag(self, tag):
        if tag == self.within:
            self.within = self.kind = ""

    def handle_data(self, data):
        if not self.within:
            self.words.append(data)
        elif self.kind == "application/json":
            self.data.append(data)
        elif self.kind == "application/gzip;base64" and data:
            self.data.append(gzip.decompress(b64decode(data)).decode())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u202f", " ").split())


def opened(path: Path) -> tuple[Reader, str]:
    """A written report, taken apart, and its source."""
    source = path.read_text(encoding="utf-8")
    reader = Reader()
    # The library of figures says nothing about the report.
    reader.feed(source.replace(LIBRARY, ""))
    return reader, source


def section(kind, anchor: str, view):
    """The section of a kind of report that has this anchor, made of a view."""
    return next(part for part in kind.sections if getattr(part, "anchor", "") == anchor)(view)
