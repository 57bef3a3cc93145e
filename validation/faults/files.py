"""Files of strangers, files that are damaged, programs that ask for too much, and disks that fail."""

from __future__ import annotations

import copy
import errno
import hashlib
import importlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandapower as pp
import pandapower.networks as pn

import adnflex
from adnflex.errors import InputError, OutputError
from adnflex.files import append_line, write_text
from adnflex.matpower import read_matpower
from adnflex.net_json import read_net
from tests.reporting.dispatch.example import example as dispatch_example
from tests.reporting.rolling.example import example as rolling_example

TRIES = 5000
ABOUT = (
    "A net file with a stranger's class in it, or changed at random, gives a net or an `InputError`, and nothing is "
    "imported. A result that was changed gives the same result or an `InputError`, also under a new digest. A case "
    "file of random statements ends in 3 GB and 60 s. A write that fails at any call leaves the old file and nothing "
    "beside it."
)
STRANGERS = ["evil", "os", "subprocess", "builtins", "numpy", "pandas", "pandapower", "pandapower.io_utils", "shapely"]
CLASSES = ["function", "Class", "eval", "exec", "DataFrame", "load", "read_pickle", "Index", "method", "Popen", "void"]
WORDS: list[Any] = [None, True, -1, 0, 10**30, 1.5, "", "x", [], {}, [[]], {"float": "inf"}, {"table": []}, [1, "a"]]
MEMORY = 3 * 2**30


def campaign(tries: int, seed: int) -> list[dict[str, Any]]:
    """Run all kinds; each has its share of the tries."""
    kinds: list[tuple[str, int, Callable[[random.Random, Path], str | None]]] = [
        ("net files with a stranger in them", tries // 5, stranger),
        ("net files changed at random", tries // 10, changed_net),
        ("plans changed, with a new digest", tries // 5, lambda r, p: changed_result(r, p, plan())),
        (
            "dispatches changed, with a new digest",
            tries // 20,
            lambda r, p: changed_result(r, p, dispatch_example()[0]),
        ),
        (
            "rolling days changed, with a new digest",
            tries // 10,
            lambda r, p: changed_result(r, p, rolling_example()[0]),
        ),
        ("plans with a byte changed", tries // 5, changed_byte),
        ("writes that fail at a call of the system", tries // 10, failing_disk),
    ]
    rows = []
    for kind, count, one in kinds:
        found = []
        with tempfile.TemporaryDirectory() as folder:
            for k in range(count):
                wrong = tried(one, random.Random(f"{kind} {seed} {k}"), Path(folder))
                found += [f"{wrong} (try {k})"] if wrong else []
        rows.append(row(kind, count, found))
    return [*rows, bombs(max(tries // 20, 1), seed)]


def row(kind: str, tries: int, found: list[str]) -> dict[str, Any]:
    """Result of a kind."""
    return {"kind": kind, "tries": tries, "failures": len(found), "example": found[0][:200] if found else ""}


def tried(one: Callable[[random.Random, Path], str | None], rng: random.Random, folder: Path) -> str | None:
    """Try once; an error that is no `InputError` is a failure."""
    try:
        return one(rng, folder)
    except InputError as error:
        return None if all(len(f) < 9000 for f in error.findings) else "a message without end"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


_KEPT: dict[str, Any] = {}


def kept(name: str, make: Callable[[], Any]) -> Any:
    """Make a thing once."""
    if name not in _KEPT:
        _KEPT[name] = make()
    return _KEPT[name]


def plan() -> adnflex.Plan:
    """Return a plan of a net with 33 buses."""
    return kept("plan", lambda: adnflex.reconfigure(pn.case33bw(), workers=1))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a tree of lists and dicts."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        yield value, key
        yield from places(value[key])


def some_place(content: Any, rng: random.Random) -> tuple[Any, Any]:
    """Choose a place, one near the top as likely as one of ten thousand cells."""
    found = list(places(content))
    return rng.choice(found[: rng.choice([5, 50, 500, len(found)])])


def change(content: Any, rng: random.Random) -> None:
    """Change one thing in it."""
    parent, key = some_place(content, rng)
    how = rng.randrange(4)
    if how == 0:
        del parent[key]
    elif how == 1 and isinstance(parent, dict):
        parent[rng.choice(["x", "", "index", f"{key}_"])] = parent.pop(key)
    elif how == 2 and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    else:
        parent[key] = copy.deepcopy(rng.choice(WORDS))


def net_text() -> str:
    """Return a net with tables of every kind, as pandapower writes it."""
    return kept("net", lambda: pp.to_json(pn.create_cigre_network_mv(with_der="all")))


def opened(text: str) -> dict[str, Any]:
    """JSON with the JSON in its tables taken apart."""
    content: dict[str, Any] = json.loads(text)
    for value in content["_object"].values():
        if isinstance(value, dict) and isinstance(value.get("_object"), str):
            value["_object"] = json.loads(value["_object"])
    return content


def closed(content: Any) -> str:
    """Put the tables back into strings, as far as they still are tables."""
    inner = content.get("_object") if isinstance(content, dict) else None
    for value in inner.values() if isinstance(inner, dict) else []:
        if isinstance(value, dict) and isinstance(value.get("_object"), dict):
            value["_object"] = json.dumps(value["_object"])
    return json.dumps(content)


def stranger(rng: random.Random, folder: Path) -> str | None:
    """Put an object of a class that is not let in at a random place; nothing may be imported."""
    content = opened(net_text())
    parent, key = some_place(content["_object"], rng)
    module, name = rng.choice(STRANGERS), rng.choice(CLASSES)
    if (module, name) in {("pandas", "DataFrame"), ("pandas", "Index")}:
        module = "evil"
    parent[key] = {"_module": module, "_class": name, "_object": rng.choice(["f", [], {}, 1, "/etc/passwd"])}
    path = folder / "net.json"
    path.write_text(closed(content), encoding="utf-8")
    asked: list[str] = []
    real = importlib.import_module
    importlib.import_module = lambda name, package=None: asked.append(name) or real(name, package)  # type: ignore
    try:
        read_net(path)
    except InputError:
        return f"{asked} was imported" if module in asked else None
    finally:
        importlib.import_module = real
    return f"{module}.{name} was let in"


def changed_net(rng: random.Random, folder: Path) -> str | None:
    """Change a net file at random."""
    content = opened(net_text())
    for _ in range(rng.choice([1, 1, 3])):
        change(content, rng)
    path = folder / "net.json"
    path.write_text(closed(content), encoding="utf-8")
    return None if isinstance(read_net(path), pp.pandapowerNet) else "no net"


def changed_result(rng: random.Random, folder: Path, result: Any) -> str | None:
    """Change the content of a saved result and write a digest that fits."""
    kind = type(result).__name__

    def text() -> str:
        result.save(folder / "made.json")
        return (folder / "made.json").read_text(encoding="utf-8")

    whole = json.loads(kept(kind, text))
    for _ in range(rng.choice([1, 1, 3])):
        change(whole["content"], rng)
    canonical = json.dumps(whole["content"], sort_keys=True, separators=(",", ":"))
    whole["sha256"] = hashlib.sha256(canonical.encode()).hexdigest()
    path = folder / "changed.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    back = type(result).load(path)
    back.save(path)
    type(result).load(path)
    back.summary()
    return None


def changed_byte(rng: random.Random, folder: Path) -> str | None:
    """Change, drop or double a byte; what is read then has to be what was saved."""
    path = folder / "plan.json"
    plan().save(path)
    data = path.read_bytes()
    k = rng.randrange(len(data))
    path.write_bytes(data[:k] + rng.choice([b"", bytes([rng.randrange(256)]), data[k : k + 1] * 2]) + data[k + 1 :])
    adnflex.Plan.load(path).save(path)
    return None if path.read_bytes() == data else "another plan was read"


def failing_disk(rng: random.Random, folder: Path) -> str | None:
    """Let a call of the system fail, at once or after some bytes."""
    path = folder / "old.json"
    path.write_text("old\n")
    call, number = (
        rng.choice(["write", "fsync", "replace", "open"]),
        rng.choice([errno.ENOSPC, errno.EIO, errno.EDQUOT]),
    )
    real, after = getattr(os, call), rng.randrange(3)
    writer = rng.choice([write_text, append_line])

    def fail(*arguments: Any) -> Any:
        nonlocal after
        after -= 1
        if after >= 0:
            return real(arguments[0], bytes(arguments[1])[:2]) if call == "write" else real(*arguments)
        raise OSError(number, os.strerror(number))

    setattr(os, call, fail)
    try:
        writer(path, "new content")
        whole = {"new content", "old\nnew content\n"}
    except OutputError:
        whole = {"old\n"}
    finally:
        setattr(os, call, real)
    left = sorted(p.name for p in folder.iterdir())
    return None if path.read_text() in whole and left == ["old.json"] else f"{path.read_text()!r}, {left} after {call}"


# --- case files ---------------------------------------------------------------------------------------------


def program(rng: random.Random) -> str:
    """Write random statements that like to be large."""
    names = ["a", "b", "c"]
    big = [
        "1:99999",
        "(1:3000)",
        "a",
        "b",
        "c",
        "a+b",
        "a*2",
        "b(b*0+1, c)",
        "a(1, 1:9)",
        "sqrt(a)",
        "[a b]",
        "[1 2; 3 4]",
    ]
    lines = ["function mpc = c", "a = (1:999);", "b = (1:99999)*0+1;", "c = [" + "1;" * rng.choice([2, 3000]) + "];"]
    for _ in range(rng.choice([3, 30, 300])):
        value = rng.choice(big)
        for _ in range(rng.choice([0, 1, 5])):
            value = f"({value}) {rng.choice(['+', '.*', './', '-', '.^'])} {rng.choice(big)}"
        deep = rng.choice([0, 0, 1, 50, 5000])
        target = rng.choice([*names, f"v{rng.randrange(500)}", "a(1, 1)", "b(b, b)"])
        lines.append(f"{target} = {'(' * deep}{value}{')' * deep};")
    return "\n".join(lines) + "\n"


def bombs(tries: int, seed: int) -> dict[str, Any]:
    """Carry random programs out in a process that has little memory."""
    found = []
    for k in range(tries):
        job = [sys.executable, __file__, str(seed), str(k)]
        path = os.pathsep.join([str(Path(adnflex.__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
        try:
            done = subprocess.run(
                job, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PYTHONPATH": path}
            )
            found += [f"{done.stderr[-150:]} (try {k})"] if done.returncode else []
        except subprocess.TimeoutExpired:
            found.append(f"60 s were not enough (try {k})")
    return row("case files of random statements", tries, found)


def main() -> int:
    """Carry one program out."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    wrong = tried(lambda rng, _: read_matpower(program(rng)) and None, random.Random(" ".join(sys.argv[1:])), Path())
    if wrong:
        print(wrong, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
