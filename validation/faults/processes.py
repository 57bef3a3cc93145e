"""Signals and killed workers at random moments, over all verbs of the command line.

A run is told to end, or loses a worker or its parent, at a random moment between its start and its end. Right is:

* SIGTERM, SIGHUP or Ctrl-C after the first plan was shown: exit code 0 or 1, the plan file is there and passes its own
  check as it says; before that: a plan, or the code of the signal and no file;
* a killed worker: the run ends as if nothing had been, with its plan;
* a killed program: nothing of a plan file that cannot be read;
* in every case no process is left 5 seconds later.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TRIES = 50
ABOUT = (
    "Programs are told to end (SIGTERM as `timeout` sends it, to the program and to its group; SIGHUP; Ctrl-C), lose a "
    "worker (SIGKILL), or are killed themselves, at random moments over all verbs. No plan may be lost and no process "
    "left after 5 s."
)

# Command, and the seconds within which something happens to it.
RUNS = {
    "reconfigure": "reconfigure mv_oberrhein --vm-limits 0.95 1.05 --gap 0 --workers 2 --time-limit 60",
    "reconfigure, outer approximation": "reconfigure case33bw --solver highs --gap 0 --time-limit 60",
    "dispatch": "dispatch ieee33_dispatch --study 3 --gap 1e-6 --time-limit 60",
    "flexibility": "flexibility park33_flexibility --time-limit 60",
    "flexibility, switches": (
        "reconfigure-for-flexibility park33_flexibility --periods 10,14 --workers 2 --time-limit 60"
    ),
    "roll": "roll rolling33 --policy pool --days 40 --reactive none --workers 2",
}
WITH_WORKERS = ("reconfigure", "roll")
SPAN = float(os.environ.get("ADNFLEX_SPAN", "40"))


@dataclass
class Run:
    """One program under way."""

    words: str
    folder: Path
    shown: bool = False
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.plan = self.folder / "plan.json"
        command = [sys.executable, "-m", "adnflex.cli", *self.words.split(), "--plan", str(self.plan)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.family: set[int] = set()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            # the first line that shows a plan that holds; days are shown as such
            self.shown |= bool(re.search(r"best -?\d", line)) and "box" not in line
            days = re.search(r"(\d+) of \d+ days", line)
            self.shown |= days is not None and int(days[1]) > 6

    def look(self) -> list[int]:
        """Remember and return the workers."""
        found = children_of(self.process.pid)
        self.family |= set(found)
        return found

    def end(self, limit: float) -> int | None:
        """Wait for the end; None where it does not come."""
        until = time.monotonic() + limit
        while self.process.poll() is None and time.monotonic() < until:
            self.look()
            time.sleep(0.1)
        return self.process.poll()

    def left(self) -> list[int]:
        """Processes that are there 5 seconds after the program has ended."""
        until = time.monotonic() + 5.0
        while any(alive(p) for p in self.family) and time.monotonic() < until:
            time.sleep(0.1)
        return [p for p in self.family if alive(p)]

    def close(self) -> None:
        """End what a failure left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _stat(pid: str) -> tuple[str, int] | None:
    try:
        words = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return words[0], int(words[1])


def alive(pid: int) -> bool:
    """Whether a process runs."""
    found = _stat(str(pid))
    return found is not None and found[0] not in "ZX"


def children_of(pid: int) -> list[int]:
    """Running children of a process."""
    pairs = ((p, _stat(p)) for p in os.listdir("/proc") if p.isdigit())
    return [int(p) for p, s in pairs if s is not None and s[1] == pid and s[0] not in "ZX"]


@contextlib.contextmanager
def started(words: str) -> Iterator[Run]:
    """Start a program in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(words, Path(folder))
        try:
            yield run
        finally:
            run.close()


def told(words: str, number: signal.Signals, after: float) -> str:
    """Tell a program to end, as `timeout` does: itself and then its group. Return what was wrong."""
    with started(words) as run:
        run.end(after)
        shown, there = run.shown, run.process.poll() is None
        if there:
            run.look()
            os.kill(run.process.pid, number)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.process.pid, number)
        code = run.end(120.0)
        return _judged(run, code, there and not shown, number) or _left(run)


def killed_worker(words: str, after: float) -> str:
    """Kill a worker of a program. Return what was wrong."""
    with started(words) as run:
        until = time.monotonic() + 60.0
        while not run.look() and run.process.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
        run.end(after)
        workers = run.look()
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(random.choice(workers), signal.SIGKILL)
        code = run.end(240.0)
        return _judged(run, code, False, signal.SIGKILL) or _left(run)


def killed_parent(words: str, after: float) -> str:
    """Kill the program itself. Return what was wrong."""
    with started(words) as run:
        run.end(after)
        run.look()
        run.process.kill()
        run.process.wait()
        if run.plan.exists() and not _readable(run.plan):
            return "half a plan was left"
        return _left(run)


def _judged(run: Run, code: int | None, early: bool, number: signal.Signals) -> str:
    if code is None:
        return "it did not end"
    if code in (0, 1) and _readable(run.plan):
        return ""
    # while Python itself starts, the signal does what it does to every program
    if early and code in (128 + number, -number) and not run.plan.exists():
        return ""
    return f"exit code {code}, plan {'there' if run.plan.exists() else 'lost'}: {' | '.join(run.lines[-3:])}"


def _readable(path: Path) -> bool:
    import adnflex

    loaders: list[Callable[[Path], Any]] = [
        adnflex.Plan.load,
        adnflex.DispatchPlan.load,
        adnflex.Flexibility.load,
        adnflex.RollingRun.load,
    ]
    for load in loaders:
        with contextlib.suppress(Exception):
            load(path)
            return True
    return False


def _left(run: Run) -> str:
    left = run.left()
    return f"{len(left)} processes are left" if left else ""


def campaign(tries: int, seed: int) -> list[dict[str, Any]]:
    """Try every kind in turn: 40 % signals, 40 % killed workers, 20 % killed programs."""
    rng = random.Random(seed)
    names = list(RUNS)
    rows: dict[str, dict[str, Any]] = {}
    for k in range(tries):
        kind = ("signal", "worker", "signal", "worker", "program")[k % 5]
        after = rng.uniform(0.5, SPAN)
        if kind == "signal":
            name = names[(k // 2) % len(names)]
            number = rng.choice((signal.SIGTERM, signal.SIGTERM, signal.SIGHUP, signal.SIGINT))
            label, wrong = f"signals: {name}", told(RUNS[name], number, after)
            wrong = wrong and f"{number.name} after {after:.1f} s: {wrong}"
        elif kind == "worker":
            name = WITH_WORKERS[(k // 2) % len(WITH_WORKERS)]
            label, wrong = f"killed worker: {name}", killed_worker(RUNS[name], rng.uniform(0.0, 5.0))
        else:
            name = WITH_WORKERS[(k // 5) % len(WITH_WORKERS)]
            label, wrong = f"killed program: {name}", killed_parent(RUNS[name], after)
        row = rows.setdefault(label, {"kind": label, "tries": 0, "failures": 0, "example": ""})
        row["tries"] += 1
        if wrong:
            row["failures"] += 1
            row["example"] = row["example"] or wrong.replace("|", "/")
        print(f"{k + 1}/{tries} {label}: {wrong or 'as it should be'}", file=sys.stderr, flush=True)
    return [rows[label] for label in sorted(rows)]


if __name__ == "__main__":
    failed = [row for row in campaign(int(os.environ.get("ADNFLEX_TRIES", TRIES)), 1) if row["failures"]]
    sys.exit(1 if failed else 0)
