"""The page about results names them all; its snippets are run by `tests/test_docs.py`."""

from __future__ import annotations

from pathlib import Path

import adnflex
from adnflex.results import Result

PAGE = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")


def test_every_result_of_the_page_is_one_and_all_are_on_it():
    kinds = {n for n, c in vars(adnflex.results).items() if isinstance(c, type) and issubclass(c, Result)} - {"Result"}
    assert {kind for kind in kinds if f"`{kind}`" in PAGE} == kinds
