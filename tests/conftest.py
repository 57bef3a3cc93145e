"""The marker `slow`: what costs more than a CPU second, all its parameters together, stands in `slow.txt`."""

from __future__ import annotations

from pathlib import Path

import pytest

SLOW = frozenset((Path(__file__).parent / "slow.txt").read_text(encoding="utf-8").split())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if f"{item.path.name}::{getattr(item, 'originalname', item.name)}" in SLOW:
            item.add_marker(pytest.mark.slow)
