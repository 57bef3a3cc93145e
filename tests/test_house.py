"""The house stays as it was planned: sizes, names, no circles, arrows that point down.

`TOO_LONG` and its neighbours list what does not hold yet. They only shrink: what holds has to be taken out, and
nothing may be added.
"""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "adnflex"
LINES, FUNCTION_LINES, PARAMETERS = 350, 60, 8

TOO_LONG: set[str] = set()
LONG_FUNCTIONS: set[str] = set()
MANY_PARAMETERS: set[str] = set()
NAMED_TWICE: set[str] = set()
CIRCLES: set[str] = set()


@cache
def modules() -> dict[str, ast.Module]:
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def functions() -> dict[str, ast.FunctionDef]:
    """Every function and method, by module and name."""
    found = {}
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[f"{module}:{node.name}:{node.lineno}"] = node
    return found


def body_lines(node: ast.FunctionDef) -> int:
    """Lines of code: without signature and docstring, which grow with what they explain."""
    first = node.body[1] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body[0]
    return (node.end_lineno or 0) - first.lineno + 1


def short(key: str) -> str:
    return key.rpartition(":")[0]


def is_verb(node: ast.FunctionDef) -> bool:
    """Whether it is public in the sense of `adnflex.arguments.public`: its knobs are flat keywords."""
    calls = [d.func for d in node.decorator_list if isinstance(d, ast.Call)]
    # an overload has the signature of what it overloads
    calls += [d for d in node.decorator_list if isinstance(d, ast.Name)]
    return any(isinstance(f, ast.Name) and f.id in ("public", "overload") for f in calls)


def compare(found: set[str], listed: set[str], what: str) -> None:
    assert not found - listed, f"new {what}: {sorted(found - listed)}; make them smaller"
    assert not listed - found, f"no longer {what}: {sorted(listed - found)}; take them out of the list"


def long_modules() -> set[str]:
    return {m for m in modules() if len((PACKAGE / m).read_text(encoding="utf-8").splitlines()) > LINES}


def long_functions() -> set[str]:
    return {short(k) for k, node in functions().items() if body_lines(node) > FUNCTION_LINES}


def many_parameters() -> set[str]:
    found = set()
    for key, node in functions().items():
        names = [a.arg for a in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]]
        if len([n for n in names if n not in ("self", "cls")]) > PARAMETERS and not is_verb(node):
            found.add(short(key))
    return found


def named_twice() -> set[str]:
    names = Counter(
        node.name for tree in modules().values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    )
    return {name for name, times in names.items() if times > 1}


def test_modules_are_short():
    compare(long_modules(), TOO_LONG, f"modules of more than {LINES} lines")


def test_functions_are_short():
    compare(long_functions(), LONG_FUNCTIONS, f"functions of more than {FUNCTION_LINES} lines")


def test_functions_have_few_parameters():
    compare(many_parameters(), MANY_PARAMETERS, f"functions of more than {PARAMETERS} parameters")


def test_no_class_name_stands_twice():
    compare(named_twice(), NAMED_TWICE, "class names that stand twice")


def imports() -> nx.DiGraph:
    """Which module imports which, also late, inside functions; not what type checkers alone import."""
    own = {m: "adnflex." + m.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for m in modules()}
    known = set(own.values())
    graph = nx.DiGraph()
    for module, tree in modules().items():
        skipped = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and id(node) not in skipped:
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    graph.add_edge(own[module], full if full in known else node.module)
    graph.remove_nodes_from([n for n in graph if n not in known])
    return graph


def circles() -> set[str]:
    return {" ".join(sorted(c)) for c in nx.strongly_connected_components(imports()) if len(c) > 1}


def test_no_imports_go_in_circles():
    compare(circles(), CIRCLES, "circles of imports")


@pytest.mark.skipif(importlib.util.find_spec("importlinter") is None, reason="import-linter is not installed")
def test_the_arrows_point_down():
    """The contracts of `.importlinter`; an unneeded exception is an error."""
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_only_packages_list_their_names():
    """Elsewhere an underscore says what is private, once; two modules have pages made of their lists."""
    assigned = {
        m: [ast.unparse(n.targets[0]) for n in t.body if isinstance(n, ast.Assign)] for m, t in modules().items()
    }
    listed = {m for m, names in assigned.items() if "__all__" in names and not m.endswith("__init__.py")}
    assert listed == {"errors.py", "networks.py"}


def test_types_are_shipped():
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", ".pre-commit-config.yaml", "docs/architecture.md"])
def test_the_habits_are_written_down(name):
    assert (ROOT / name).is_file()


if __name__ == "__main__":  # the lists as they would have to be now
    for found in (long_modules, long_functions, many_parameters, named_twice, circles):
        print(f"\n{found.__name__}:", *(f'    "{entry}",' for entry in sorted(found())), sep="\n")
