"""Every snippet of Python and every command of README and docs runs, page by page, from top to bottom.

A comment above a snippet says what the test does otherwise (it is not seen by a reader of the page):

``<!-- snippet: skip, REASON -->``
    it cannot run here;
``<!-- snippet: OLD => NEW -->``
    it runs with a smaller input, to be quick (one line a replacement); where pages give the same command, give the
    same smaller one: it runs once;
``<!-- snippet: exit 1 -->``
    its commands end with this code;
``<!-- snippet setup``, lines of Python, ``-->``
    what the page assumes to be there already.
"""

from __future__ import annotations

import contextlib
import io
import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import pandapower as pp
import pytest

from adnflex.cli import main
from adnflex.cli.commands import COMMANDS
from adnflex.cli.options import parse
from adnflex.formulations import FORMULATIONS
from adnflex.reporting.kinds import KINDS
from adnflex.solvers.capability import SOLVERS
from docs import notebooks
from tests.test_cli_dispatch import small_net

ROOT = Path(__file__).parent.parent
_DOCS = [p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "docs").rglob("*.md"))]
PAGES = ["README.md", "CONTRIBUTING.md", *_DOCS]
SHELL = ("sh", "console", "bash", "shell")


@dataclass
class Snippet:
    """One fenced block, with what its comment says."""

    line: int
    kind: str
    text: str
    words: str = ""

    @property
    def setup(self) -> str:
        return self.words.partition("\n")[2] if self.words.startswith(" setup\n") else ""

    @property
    def orders(self) -> list[str]:
        if not self.words.startswith(":"):
            return []
        return [line.strip() for line in self.words.removeprefix(":").splitlines() if line.strip()]

    def said(self, start: str) -> str:
        return next((o.removeprefix(start).strip() for o in self.orders if o.startswith(start)), "")

    @property
    def smaller(self) -> str:
        text = self.text
        for order in self.orders:
            old, arrow, new = order.partition(" => ")
            if arrow:
                assert old in text, f"line {self.line}: nothing to replace, {old!r} does not stand there"
                text = text.replace(old, new)
        return text


def snippets(page: str) -> list[Snippet]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for match in notebooks.BLOCK.finditer(text):
        line = text[: match.start("text")].count("\n") + 1
        found.append(Snippet(line, match["kind"], match["text"], match["words"] or ""))
    return [s for s in found if s.kind == "python" or s.kind in SHELL]


def commands(snippet: Snippet) -> list[list[str]]:
    """Lines that call adnflex; in a console what stands behind ``$``."""
    lines = snippet.smaller.splitlines()
    if snippet.kind == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    found = [shlex.split(line, comments=True) for line in lines]
    assert all(words[0] == "adnflex" for words in found if words), f"line {snippet.line}: only adnflex is called here"
    return [words[1:] for words in found if words]


def run_before(page: str) -> list[list[str]]:
    """Commands that an earlier page runs in the very same words; those that leave a plan are run by every page."""
    earlier = [s for p in PAGES[: PAGES.index(page)] for s in snippets(p) if s.kind != "python" and not s.said("skip,")]
    return [words for snippet in earlier for words in commands(snippet) if not {"--plan", "plan.json"} & set(words)]


def run_page(page: str) -> None:
    names: dict[str, object] = {"__name__": "__page__"}
    elsewhere = run_before(page)
    for snippet in snippets(page):
        where = f"{page}:{snippet.line}"
        if snippet.said("skip,"):
            continue
        exec(compile(snippet.setup, f"{where} (setup)", "exec", dont_inherit=True), names)
        told = io.StringIO()
        if snippet.kind == "python":
            with contextlib.redirect_stdout(told):
                source = "\n" * (snippet.line - 1) + snippet.smaller
                exec(compile(source, str(ROOT / page), "exec", dont_inherit=True), names)
            continue
        for words in commands(snippet):
            if words in elsewhere:
                continue
            with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
                code = main(words)
            assert code == int(snippet.said("exit") or 0), f"{where}: adnflex {shlex.join(words)}\n{told.getvalue()}"


@contextlib.contextmanager
def tables_as_they_were():
    """Take back the lines that a page adds to tables: what is tried there is no part of the library."""
    dicts = [FORMULATIONS, SOLVERS, *(kind.figures for kind in KINDS)]
    lists = [kind.sections for kind in KINDS]
    known = [dict(d) for d in dicts], [list(one) for one in lists]
    try:
        yield
    finally:
        for table, before in zip(dicts, known[0], strict=True):
            table.clear()
            table.update(before)
        for table, before in zip(lists, known[1], strict=True):
            table[:] = before


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the user's own files that the pages name."""
    monkeypatch.chdir(tmp_path)
    net = small_net()
    pp.to_json(net, "feeder.json")
    Path("p.csv").write_text("0\n1.0\n1.2\n", encoding="utf-8")
    Path("sun.csv").write_text("0\n0.3\n0.4\n", encoding="utf-8")


@pytest.mark.parametrize("page", [p for p in PAGES if snippets(p)])
def test_the_snippets_of_a_page_can_be_read(page):
    for snippet in snippets(page):
        compile(snippet.setup, page, "exec")
        if snippet.kind == "python":
            compile(snippet.smaller, page, "exec")
        elif not snippet.said("skip,"):
            for words in commands(snippet):
                name = words[0]
                assert name in COMMANDS
                parse(name, words[1:])


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if snippets(p)])
def test_the_snippets_of_a_page_run(page, folder):
    with tables_as_they_were():
        run_page(page)


@pytest.mark.parametrize("page", PAGES)
def test_every_comment_for_this_test_is_read(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert text.count("<!-- snippet") == sum(bool(s.words) for s in snippets(page))


def test_every_skipped_snippet_says_why():
    for page in PAGES:
        for snippet in snippets(page):
            assert not any(order in ("skip", "skip,") for order in snippet.orders), f"{page}:{snippet.line}"
            assert sum(order.startswith("skip") for order in snippet.orders) in (0, 1)


def test_fenced_blocks_are_read_with_their_comments(tmp_path, monkeypatch):
    text = "<!-- snippet: 300 => 3\nexit 1\n-->\n```console\n$ adnflex x --time-limit 300  # a while\ntold\n```\n"
    text += "<!-- snippet setup\nb = 2\n-->\n```python\nassert b == 2\n```\n```text\nnothing\n```\n"
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    first, second = snippets("page.md")
    assert commands(first) == [["x", "--time-limit", "3"]]
    assert first.said("exit") == "1"
    assert second.setup == "b = 2\n"
    assert run_page is not None


# --- notebooks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", notebooks.pages())
def test_a_notebook_is_what_its_page_says(page):
    """The pages run in the tests above, so that the notebooks do: `python docs/notebooks.py` writes them anew."""
    assert notebooks.notebook_path(page).read_text(encoding="utf-8") == notebooks.notebook(page)
    assert page in PAGES
    found = json.loads(notebooks.notebook(page))
    code = ["".join(cell["source"]) for cell in found["cells"] if cell["cell_type"] == "code"]
    told = "".join("".join(cell["source"]) for cell in found["cells"] if cell["cell_type"] == "markdown")
    assert "<!--" not in told
    mine = [s for s in snippets(page) if s.kind == "python"]
    assert all(s.text.strip("\n") in code for s in mine)
    assert [c for c in code if c.startswith("!")] == [
        "\n".join(f"!{line[2:]}" for line in s.text.splitlines() if line.startswith("$ "))
        for s in snippets(page)
        if s.kind == "console"
    ]


def test_no_notebook_is_without_a_page():
    there = {path.name for path in (ROOT / notebooks.FOLDER).glob("*.ipynb")}
    assert there == {notebooks.notebook_path(page).name for page in notebooks.pages()}
