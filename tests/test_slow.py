"""The list of slow tests names tests that there are."""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).parent


def test_every_slow_test_exists_and_the_list_is_in_order():
    names = (HERE / "slow.txt").read_text(encoding="utf-8").split()
    assert names == sorted(set(names))
    there = {
        f"{path.name}::{node.name}"
        for path in HERE.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert set(names) <= there
