"""Pieces that every report has, whatever it shows: the file, the footer, notes, terms, tables of facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from adnflex.files import write_text
from adnflex.reporting import page, places
from adnflex.reporting.page import Html, Section

__all__ = ["footer", "run_tables", "sentences", "terms_section", "write"]


def write(content: page.Page, path: str | Path) -> Path:
    """Write a page to a file.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    return write_text(path, page.render(content))


def footer(versions: Mapping[str, str], fingerprint: str) -> str:
    """Name what made the plan, and the net that it belongs to.

    Examples
    --------
    >>> footer({"adnflex": "0.1.0"}, "3f9c")
    'Made by adnflex 0.1.0. Net fingerprint 3f9c.'
    """
    version = versions.get("adnflex", "")
    maker = f"adnflex {version}" if version[:1].isdigit() else "adnflex"
    return f"Made by {maker}. Net fingerprint {fingerprint}."


def sentences(notes: Iterable[str]) -> list[str]:
    """Return the notes without repetition, in their order, as sentences.

    Examples
    --------
    >>> sentences(["a tie is open.", "a tie is open."])
    ['A tie is open.']
    """
    return [note[:1].upper() + note[1:] for note in dict.fromkeys(notes)]


def run_tables(facts: list[list[str]], options: Mapping[str, object], versions: Mapping[str, str]) -> list[Html]:
    """Tables of how a plan was computed: facts at once, options and versions on a click."""
    blocks = [page.table(["what", "value"], facts)]
    if options:
        rows = [[str(key), places.text(value)] for key, value in options.items()]
        blocks.append(page.details("Options of the call", page.table(["option", "value"], rows)))
    software = page.table(["software", "version"], [[name, version] for name, version in versions.items()])
    return [*blocks, page.details("Versions of the software", software)]


def terms_section(terms: Mapping[str, str]) -> Section:
    """Technical terms, one line each."""
    return Section("terms", "Terms", "", [page.terms(terms)])
