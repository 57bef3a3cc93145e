"""The page about results does what it says: every snippet runs, in order, in one session."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

import adnflex
from adnflex.results import Result

PAGE = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")


def test_every_snippet_runs(tmp_path, monkeypatch, capsys):
    pytest.importorskip("openpyxl")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    snippets = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert len(snippets) >= 6
    for snippet in snippets:
        exec(snippet, names)  # the snippets of our own page
    shown = capsys.readouterr().out
    assert "kW above the proven bound 139.551 kW" in shown
    assert {p.name for p in tmp_path.iterdir()} == {"plan.json", "check.json", "plan.xlsx", "plan_tables"}
    assert isinstance(names["table"], pd.DataFrame)


def test_every_result_of_the_page_is_one_and_all_are_on_it():
    kinds = {n for n, c in vars(adnflex.results).items() if isinstance(c, type) and issubclass(c, Result)} - {"Result"}
    assert {kind for kind in kinds if f"`{kind}`" in PAGE} == kinds
