"""Notebooks made of pages: ``python docs/notebooks.py`` writes them; a test runs the pages and compares both.

A page is the one source: its text becomes cells of text, its snippets cells of code, in their order. What a page hides
from its reader in a comment ``<!-- snippet setup`` is a cell too, as the code below needs it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: Where they stand.
FOLDER = "docs/tutorials"
#: Pages outside of the folder that have a notebook in it; every page of the folder has one.
MORE = ("docs/dispatch.md", "docs/flexibility.md", "docs/rolling.md", "CONTRIBUTING.md")

#: A fenced block, with the comment above it that tests read.
BLOCK = re.compile(
    r"(?:^<!-- snippet(?P<words>(?: setup\n|:\s).*?)-->\n+)?^ {0,3}```(?P<kind>\S+)[^\n]*\n(?P<text>.*?)^ {0,3}```",
    re.M | re.S,
)
_COMMENT = re.compile(r"<!--.*?-->\n*", re.S)
_LINK = re.compile(r"\]\((?!https?:|#|/)([^)\s]+)\)")


def pages() -> list[str]:
    """List the pages that have a notebook, by their path in the repository."""
    own = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / FOLDER).glob("*.md") if path.stem != "index")
    return [*own, *MORE]


def notebook_path(page: str) -> Path:
    """Return where the notebook of a page is."""
    return ROOT / FOLDER / f"{Path(page).stem.lower()}.ipynb"


def notebook(page: str) -> str:
    """Make the notebook of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    cells = [_cell(k, kind, source) for k, (kind, source) in enumerate(_parts(page, text))]
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": python, "language_info": {"name": "python"}}
    found = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def _parts(page: str, text: str) -> Iterator[tuple[str, str]]:
    """Text and code of a page in their order."""
    end = 0
    for match in BLOCK.finditer(text):
        yield "markdown", _told(page, text[end : match.start()])
        end = match.end()
        words, kind, code = match["words"] or "", match["kind"], match["text"]
        if words.startswith(" setup\n"):
            yield "code", "\n".join(line.rstrip() for line in words.splitlines()[1:])
        if kind == "python":
            yield "code", code
        elif kind == "console":
            lines = [f"!{line.removeprefix('$ ')}" for line in code.splitlines() if line.startswith("$ ")]
            yield "code", "\n".join(lines)
        elif not kind.startswith("{"):  # what is in braces speaks to the page's builder
            yield "markdown", match[0].removeprefix(f"<!-- snippet{words}-->").strip()
    yield "markdown", _told(page, text[end:])


def _told(page: str, text: str) -> str:
    """Text of a cell: no comments, and links that lead from the folder of notebooks."""
    way = os.path.relpath((ROOT / page).parent, ROOT / FOLDER)
    plain = _COMMENT.sub("", text)
    return plain if way == "." else _LINK.sub(rf"]({way}/\1)", plain)


def _cell(number: int, kind: str, source: str) -> dict[str, Any]:
    code = {"execution_count": None, "outputs": []} if kind == "code" else {}
    lines = source.strip("\n").splitlines(keepends=True)
    return {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, **code, "source": lines}


def main() -> None:
    """Write every notebook; one without a page is taken away."""
    wanted = {notebook_path(page): notebook(page) for page in pages()}
    for path in (ROOT / FOLDER).glob("*.ipynb"):
        if path not in wanted:
            path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
