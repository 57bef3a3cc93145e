"""The marker `slow`: what costs more than 0.8 CPU seconds, all its parameters together, stands in `slow.txt`.

``pytest -n 2 --write-slow`` measures and writes the list; of tests that did not run it keeps what it says.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

LIST = Path(__file__).with_name("slow.txt")
SLOW = frozenset(LIST.read_text(encoding="utf-8").split())
#: More than so many CPU seconds are slow.
MOST = 0.8


def listed_as(item: pytest.Item) -> str:
    """Name of a test in the list: file and function, or file and documented object."""
    return f"{item.path.name}::{getattr(item, 'originalname', item.name)}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-slow", action="store_true", help="measure CPU seconds and write the names of slow tests to slow.txt"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--write-slow"):
        config.pluginmanager.register(Measured(), "measured")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if listed_as(item) in SLOW:
            item.add_marker(pytest.mark.slow)


def cpu_seconds() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    return sum(os.times()[:4])


class Measured:
    """CPU seconds of tests and of fixtures that several share; in processes of xdist they travel with the reports."""

    def __init__(self) -> None:
        self.tests: Counter[str] = Counter()
        self.fixtures: Counter[str] = Counter()
        self.uses: dict[str, set[str]] = {}
        self.shared: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        begin, inside = cpu_seconds(), sum(self.shared.values())
        result = yield
        if fixturedef.scope != "function":
            # what other shared fixtures within this one took is theirs
            self.shared[_name(fixturedef)] += cpu_seconds() - begin - (sum(self.shared.values()) - inside)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.begin, self.shared = cpu_seconds(), Counter()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        report = yield
        if call.when == "teardown":
            info = getattr(item, "_fixtureinfo", None)
            used = [_name(one[-1]) for one in info.name2fixturedefs.values() if one] if info else []
            own = cpu_seconds() - self.begin - sum(self.shared.values())
            report.user_properties.append(("cpu", [listed_as(item), own, dict(self.shared), used]))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for key, value in report.user_properties:
            if key == "cpu":
                name, own, shared, used = value
                self.tests[name] += own
                self.uses.setdefault(name, set()).update(used)
                self.fixtures |= Counter(shared)  # made once a worker: the longest counts

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workerinput"):
            return
        slow = {name for name, seconds in self.tests.items() if self._whole(name, seconds) > MOST}
        LIST.write_text("".join(f"{x}\n" for x in sorted(slow | (SLOW - set(self.tests)))), encoding="utf-8")

    def _whole(self, name: str, seconds: float) -> float:
        return seconds + sum(self.fixtures[used] for used in self.uses[name])


def _name(fixture: pytest.FixtureDef[Any]) -> str:
    return f"{fixture.baseid}::{fixture.argname}"
