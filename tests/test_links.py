"""Every link of every page leads to a file that is there, and to a heading that it has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("docs", "validation", "networks", ".")
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in FOLDERS
    for path in ((ROOT / folder).glob("*.md") if folder == "." else (ROOT / folder).rglob("*.md"))
    if "_build" not in path.parts
)
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(`{3,}).*?^\1", re.M | re.S)


def anchors(text: str) -> set[str]:
    """Headings of a page as a link names them: words in lower case, joined by hyphens."""
    found = re.findall(r"^#+ +(.+?) *$", _FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def broken(page: str, root: Path = ROOT) -> list[str]:
    """Links of a page that lead nowhere."""
    path = root / page
    lost = []
    for link in _LINK.findall(re.sub(r"`[^`\n]*`", "", _FENCE.sub("", path.read_text(encoding="utf-8")))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name) if name else path
        if not target.exists() or (
            anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8"))
        ):
            lost.append(link)
    return lost


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page):
    assert broken(page) == []


def test_a_lost_file_and_a_lost_heading_are_found(tmp_path):
    (tmp_path / "a.md").write_text("# A page, of *two*\n[b](b.md) [c](#a-page-of-two) [d](#none) [e](a.md#a-page)\n")
    assert broken("a.md", tmp_path) == ["b.md", "#none", "a.md#a-page"]
