"""The table of the three papers: it follows what is stored, and says nothing of what is not."""

from __future__ import annotations

import copy
import importlib
import json
import re
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "validation" / "papers"
NAMES = ("common", "rows", "policies", "own", "dispatch_rows", "flexibility_rows", "rolling_rows")


@pytest.fixture(scope="module")
def table():
    """All rows of the papers, and what is stored for them."""
    before = list(sys.path)
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent), str(FOLDER.parent / "rolling")]
    try:
        found = {name: importlib.import_module(name) for name in NAMES}
        papers = [found[name].ROWS for name in NAMES if name.endswith("_rows")]
        rows = [row for groups in papers for group in groups.values() for row in group]
        stored = {"papers": json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))}
        for study in ("dispatch", "flexibility", "rolling"):
            stored[study] = json.loads((FOLDER.parent / study / "results.json").read_text(encoding="utf-8"))
        yield rows, stored
    finally:
        sys.path[:] = before
        for name in NAMES:
            sys.modules.pop(name, None)


def status(line):
    return line[3].partition(":")[0]


def test_what_is_not_stored_is_not_run(table):
    rows, _ = table
    nothing = {"papers": {}, "dispatch": {}, "flexibility": {}, "rolling": {}}
    found = {status(row.line(nothing)) for row in rows}
    assert "reproduced" not in found
    assert "not run" in found


@pytest.mark.parametrize("study", ["papers", "dispatch", "flexibility", "rolling"])
def test_a_study_that_is_gone_takes_its_rows_with_it(table, study):
    rows, stored = table
    lost = {**stored, study: {}}
    gone = [row.item for row in rows if status(row.line(lost)) == "not run"]
    assert len(gone) >= 10
    assert all(status(row.line(stored)) != "not run" for row in rows)


def test_every_figure_follows_what_is_stored(table):
    """Numbers and verdicts changed at random places: no row that read them stays as it was."""
    rows, stored = table
    worse = copy.deepcopy(stored)
    for study in ("1", "2", "3"):
        row = worse["dispatch"]["case"]["rows"][study]
        row["cost"], row["passed"] = 1e6 * int(study), False
    for day in worse["papers"]["recomputed"]["rolling"]:
        day["largest_difference"] = 7.0
    changed = {row.item: status(row.line(worse)) for row in rows if row.line(worse) != row.line(stored)}
    assert changed["Table 3: order of the costs of the three studies"] == "differs"
    assert changed["Fig. 8: no voltage outside its limits"] == "differs"
    assert changed["study 2: solved, all limits met in AC"] == "differs"
    assert changed["the bill, added up again from the nets pushed back"] == "differs"


def test_whatever_differs_says_why(table):
    rows, stored = table
    for row in rows:
        told = row.line(stored)[3]
        assert not told.endswith("why is not known yet"), row.item
        assert row.holds is not True


def anchors(page):
    """Anchors of the headings of a page, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_place_to_look_it_up_is_there():
    page = FOLDER / "README.md"
    links = set(re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")))
    for path, anchor in links:
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"
