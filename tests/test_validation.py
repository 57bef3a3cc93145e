"""The studies in `validation` are run by hand: what they take from the library has to be there all the same."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import adnflex

ROOT = Path(__file__).parent.parent
STUDIES = sorted((ROOT / "validation").rglob("*.py"))


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
