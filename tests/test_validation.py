"""The studies in `validation` are run by hand: what they take from the library has to be there all the same."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import adnflex
from tests.forked import FORKS, forked

ROOT = Path(__file__).parent.parent
STUDIES = sorted((ROOT / "validation").rglob("*.py"))
PAGES = sorted(path.parent for path in (ROOT / "validation").glob("*/run.py"))
# What a study takes at least, in the form in which it gives a job to a process of its own.
SMALLEST = {
    "published_optima": {"key": "case33bw", "gap": 1e-2, "time_limit": 60.0},
    "real_networks": {"key": "cigre_mv", "gap": 1e-2, "time_limit": 60.0},
    "flexibility": {"part": "foresight"},
}


def taken(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Line, module and name of everything that is imported from the library or from these tests."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in ("adnflex", "tests"):
            yield from ((node.lineno, node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, a.name, "") for a in node.names if a.name.partition(".")[0] == "adnflex")


def there(module: str, name: str) -> bool:
    """Whether a module, or a name or module in it, exists."""
    try:
        found = importlib.import_module(module)
        return not name or hasattr(found, name) or bool(importlib.import_module(f"{module}.{name}"))
    except ModuleNotFoundError:
        return False


def dotted(node: ast.AST) -> list[str]:
    """Parts of ``a.b.c``; empty for anything else."""
    if isinstance(node, ast.Name):
        return [node.id]
    before = dotted(node.value) if isinstance(node, ast.Attribute) else []
    return [*before, node.attr] if before and isinstance(node, ast.Attribute) else []


def resolved(parts: list[str]) -> object:
    """Return what ``adnflex.a.b`` is, as far as it is modules; an AttributeError names what is missing."""
    found: object = adnflex
    for part in parts[1:]:
        found = getattr(found, part)
        if not isinstance(found, ModuleType):
            break
    return found


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.relative_to(ROOT / "validation").as_posix())
def test_what_a_study_takes_from_the_library_is_there(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    missing = [f"line {line}: {module}.{name}" for line, module, name in taken(tree) if not there(module, name)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (parts := dotted(node))[:1] == ["adnflex"]:
            try:
                resolved(parts)
            except AttributeError as error:
                missing.append(f"line {node.lineno}: {error}")
    assert missing == []


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.relative_to(ROOT / "validation").as_posix())
def test_a_study_calls_the_verbs_by_their_arguments(path):
    unknown = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or (parts := dotted(node.func))[:1] != ["adnflex"] or len(parts) != 2:
            continue
        known = inspect.signature(getattr(adnflex, parts[1])).parameters
        if any(p.kind is p.VAR_KEYWORD for p in known.values()):
            continue
        given = [k.arg for k in node.keywords if k.arg is not None]
        unknown += [f"line {node.lineno}: {parts[1]}({name}=)" for name in given if name not in known]
    assert unknown == []


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a study with the library of these tests."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(folder / "run.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_every_page_is_what_its_script_writes_from_the_stored_results(tmp_path):
    copy = tmp_path / "validation"
    shutil.copytree(ROOT / "validation", copy)
    for folder in PAGES:
        answer = run(copy / folder.name, "--page")
        assert "Traceback" not in answer.stderr, answer.stderr
        written = (copy / folder.name / "README.md").read_text(encoding="utf-8")
        assert written == (folder / "README.md").read_text(encoding="utf-8"), folder.name


@pytest.mark.parametrize(
    "name", ["benchmarks/validation_speed", "benchmarks/proofs", "benchmarks/growth", "many_hours/cluster"]
)
def test_a_page_beside_the_readme_is_what_its_script_writes(name, tmp_path):
    copy = tmp_path / "validation"
    shutil.copytree(ROOT / "validation", copy)
    page = copy / f"{name}.md"
    page.unlink()
    command = [sys.executable, str(page.with_suffix(".py")), "--page"]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    assert page.read_text(encoding="utf-8") == (ROOT / page.relative_to(tmp_path)).read_text(encoding="utf-8")


@FORKS
@pytest.mark.parametrize("name", SMALLEST)
def test_a_study_runs(name, tmp_path):
    """The names a study takes may be there, and what it does with a table may still be of another day."""
    answer = tmp_path / "answer.json"
    job = json.dumps(SMALLEST[name])
    words = [str(ROOT / "validation" / name / "run.py"), "--job", job, "--answer", str(answer)]

    def study():
        sys.argv, sys.path[0:0] = words, [str(Path(words[0]).parent)]
        runpy.run_path(words[0], run_name="__main__")

    done = forked(study)
    assert done.returncode == 0, done.stderr
    assert json.loads(answer.read_text(encoding="utf-8"))
