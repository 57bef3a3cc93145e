"""The list of slow tests names tests that there are, and can be measured again."""

from __future__ import annotations

import ast
import subprocess
import sys
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
    # of a docstring: the file of the library
    documented = {name for name in names if (HERE.parent / "adnflex").joinpath(*_parts(name)).exists()}
    assert set(names) <= there | documented


def _parts(name: str) -> list[str]:
    """Path of the module whose docstrings hold an example."""
    file, _, where = name.partition("::")
    words = where.split(".")
    last = words.index(file.removesuffix(".py")) if file.removesuffix(".py") in words else 0
    return [*words[1:last], file]


TESTS = """
import pytest

def burn(seconds):
    import time
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

@pytest.fixture(scope="module")
def dear():
    burn(0.5)

def test_dear_in_all(dear): pass
def test_with_the_same_fixture(dear): pass
@pytest.mark.parametrize("k", range(3))
def test_parameters_count_together(k): burn(0.2)
def test_quick(): pass
"""


def test_what_is_slow_is_measured_with_its_fixtures_and_all_its_parameters(tmp_path):
    """In a folder of its own, with a limit that a test can afford."""
    text = (HERE / "slow.py").read_text(encoding="utf-8").replace("MOST = 0.8", "MOST = 0.4")
    (tmp_path / "slow.py").write_text(text, encoding="utf-8")
    (tmp_path / "slow.txt").write_text("test_x.py::test_quick\ntest_y.py::test_not_run_today\n")
    (tmp_path / "conftest.py").write_text("pytest_plugins = ['slow']\n")
    (tmp_path / "test_x.py").write_text(TESTS, encoding="utf-8")
    words = ["-m", "pytest", "-q", "-n", "1", "--write-slow", "-p", "no:cacheprovider", "-o", "pythonpath=."]
    done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "slow.txt").read_text().split() == [
        "test_x.py::test_dear_in_all",
        "test_x.py::test_parameters_count_together",
        "test_x.py::test_with_the_same_fixture",
        "test_y.py::test_not_run_today",
    ]
