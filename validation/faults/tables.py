"""Broken tables: each table × column × kind of fault, in several nets, through every verb; and as files, through the
command line."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from adnflex.cli import main
from tests import broken_nets

TRIES = 1000
ABOUT = (
    "Nets broken in one table: wrong where anything but an InputError that names table, column and index leaves a "
    "verb, where a net that only uses other types answers otherwise, or where the command line ends with exit code 4."
)
# Share of the tries whose net says the same in other types.
_SAME = 0.15
_FILES = ("everything", "case33bw")


def campaign(tries: int, seed: int) -> list[dict[str, Any]]:
    """Break so many nets; the rows are kinds of faults."""
    rng = np.random.default_rng(seed)
    rows: dict[str, dict[str, Any]] = {}
    for k in range(tries):
        verb, kind, text = _by_file(rng) if k % 20 == 0 else _by_verb(rng)
        row = rows.setdefault(kind, {"kind": kind, "tries": 0, "failures": 0, "example": ""})
        row["tries"] += 1
        if text:
            row["failures"] += 1
            row["example"] = row["example"] or f"try {k}, {verb}: {text}"[:300].replace("|", "/").replace("\n", " ")
    return sorted(rows.values(), key=lambda row: row["kind"])


def _by_verb(rng: np.random.Generator) -> tuple[str, str, str]:
    """Break a net and give it to a verb."""
    name, fault, net, index = broken_nets.draw(rng, (*broken_nets.BASES, broken_nets.SIMBENCH), _SAME)
    planned = broken_nets.plan_of(name) is not None
    verbs = [v for v in broken_nets.VERBS if planned or v not in ("validate", "apply")]
    # the same answer is looked for where an answer is cheap
    verb = str(rng.choice(verbs if fault.refused or name == "everything" else ["reconfigure"]))
    text = broken_nets.wrong(verb, name, fault, net, index)
    return f"{verb} {name}", fault.kind, text and f"{fault}: {text}"


def _by_file(rng: np.random.Generator) -> tuple[str, str, str]:
    """Break a net, write it and give it to the command line."""
    name, fault, net, _ = broken_nets.draw(rng, _FILES, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.json"
        try:
            pp.to_json(net, str(path))
        except Exception:  # what pandapower cannot write is no file
            return "command line", fault.kind, ""
        words = io.StringIO()
        with contextlib.redirect_stderr(words), contextlib.redirect_stdout(words):
            code = main(["reconfigure", str(path), "--workers", "1", "--time-limit", "5"])
    # a file may lose what is wrong (an index of floats, an object), so that an answer is no fault
    return f"command line {name}", fault.kind, f"{fault}: exit code 4, {words.getvalue()}" if code == 4 else ""


if __name__ == "__main__":
    for line in campaign(
        int(sys.argv[1]) if len(sys.argv) > 1 else TRIES, int(sys.argv[2]) if len(sys.argv) > 2 else 1
    ):
        print(line)
