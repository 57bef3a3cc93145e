"""Do what the pages show, each page from top to bottom as its reader would, in an environment made for it.

    python validation/jobs/run.py                    # everything: about half an hour
    python validation/jobs/run.py restoration        # one job
    python validation/jobs/run.py --page             # only the page

A job is the code of a page, as its notebook has it: nothing is made smaller, as the tests do to be quick. The
environment is made once a run, with pip alone. The exit code is 0 only if every job ran to its end.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE.parent), str(ROOT)]

import common  # noqa: E402

from docs import notebooks  # noqa: E402

# What somebody wants, and the page that shows it.
JOBS = {
    "first_plan": ("least losses of a feeder, with proof and report", "docs/tutorials/first_plan.md"),
    "real_net": ("a real net and its limits", "docs/tutorials/real_net.md"),
    "operations": ("what each switching operation saves", "docs/operations_frontier.md"),
    "sequence": ("in which order to switch", "docs/switching_sequence.md"),
    "restoration": ("what comes back after an outage, for every outage", "docs/restoration.md"),
    "reliability": ("how often and how long customers are without supply", "docs/reliability.md"),
    "situations": ("one topology for several situations", "docs/tutorials/situations.md"),
    "year": ("one topology for a year", "docs/tutorials/year.md"),
    "budgets": ("when it pays to switch", "docs/tutorials/budgets.md"),
    "sweeps": ("many nets and scenarios at once", "docs/tutorials/sweeps.md"),
    "dispatch": ("a day of dispatch with storages, vehicles, taps", "docs/dispatch.md"),
    "one_hour": ("switches and taps together", "docs/one_hour.md"),
    "simbench": ("a day of a SimBench net", "docs/simbench.md"),
    "stochastic": ("a day under uncertainty", "docs/tutorials/stochastic.md"),
    "negative_prices": ("a day with negative prices", "docs/negative_prices.md"),
    "flexibility": ("what a park can promise upstream", "docs/flexibility.md"),
    "rolling": ("a schedule hour by hour, with a policy and a forecast of one's own", "docs/rolling.md"),
    "models": ("the model in Pyomo, changed and solved elsewhere", "docs/models.md"),
    "export": ("files for other programs", "docs/export.md"),
    "device": ("a device of one's own", "CONTRIBUTING.md"),
}
EXTRAS = "simbench,cases,excel,cluster,test"
LIMIT = 1800.0

# Runs the cells of a notebook in one namespace: Python as it stands, lines with ! by the shell.
RUNNER = """
import json, subprocess, sys
names = {"__name__": "__page__"}
for cell in json.loads(open(sys.argv[1], encoding="utf-8").read()):
    if cell.startswith("!"):
        for line in cell.splitlines():
            subprocess.run(line.removeprefix("!"), shell=True, check=True)
    else:
        exec(compile(cell, "page", "exec", dont_inherit=True), names)
"""


def cells(page: str) -> list[str]:
    """The code of a page, in its order."""
    found = json.loads(notebooks.notebook(page))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]


def lines_of_code(page: str) -> int:
    """Lines that are neither empty nor a comment."""
    lines = [line.strip() for cell in cells(page) for line in cell.splitlines()]
    return sum(bool(line) and not line.startswith("#") for line in lines)


def environment(folder: Path) -> tuple[Path, float]:
    """Make an environment with pip alone; its Python, and the seconds that took."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    what = f"{ROOT}[{EXTRAS}]"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", what], check=True)
    return python, time.perf_counter() - begin


def own_files(place: Path) -> None:
    """Files of the reader that the pages name."""
    import pandapower as pp

    from tests.test_cli_dispatch import small_net

    pp.to_json(small_net(), str(place / "feeder.json"))
    (place / "p.csv").write_text("0\n1.0\n1.2\n", encoding="utf-8")
    (place / "sun.csv").write_text("0\n0.3\n0.4\n", encoding="utf-8")


def run(python: Path, page: str) -> common.Record:
    """Run the code of a page in a folder of its own, away from the checkout."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "cells.json").write_text(json.dumps(cells(page)), encoding="utf-8")
        (place / "runner.py").write_text(RUNNER, encoding="utf-8")
        own_files(place)
        command = [str(python), "runner.py", "cells.json"]
        path = f"{python.parent}:/usr/local/bin:/usr/bin:/bin"
        begin = time.perf_counter()
        try:
            ended = subprocess.run(
                command, cwd=place, env={"PATH": path, "HOME": folder}, timeout=LIMIT, capture_output=True, text=True
            )
        except subprocess.TimeoutExpired:
            return {"error": f"not at its end after {LIMIT:.0f} s"}
        seconds = round(time.perf_counter() - begin, 1)
        if ended.returncode:
            last = ended.stderr.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
            return {"error": last[0], "seconds": seconds}
        made = sorted(p.name for p in place.iterdir() if p.suffix in (".html", ".json", ".xlsx", ".csv", ".ipynb"))
        return {"seconds": seconds, "made": [name for name in made if name != "cells.json"]}


def page(stored: dict[str, common.Record]) -> str:
    """The table of jobs."""
    lines = [
        "# Jobs, lines of code, time",
        "",
        "Each job is the code of a page, run from top to bottom in an environment that the script makes with pip",
        "alone. Lines are those that are neither empty nor a comment; seconds are wall time of the whole page, start",
        "of Python and every example of the page included. Made by `python validation/jobs/run.py`.",
        "",
        "| you want | lines | seconds | page | ran |",
        "| --- | --- | --- | --- | --- |",
    ]
    for key, (words, where) in JOBS.items():
        record = stored.get(key)
        if record is None:
            continue
        ran = f"no: {record['error']}" if "error" in record else "yes"
        link = f"[{Path(where).stem}](../../{where})"
        lines.append(f"| {words} | {lines_of_code(where)} | {record.get('seconds', '')} | {link} | {ran} |")
    for line in sorted({_made(record) for record in stored.values()}):
        lines += ["", line]
    return "\n".join(lines) + "\n"


def _made(record: common.Record) -> str:
    made = record["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    return f"{made['date']}, {made['machine']}; environment made in {record['install_seconds']:.0f} s; {versions}"


def main() -> int:
    """Run the command line."""
    arguments_of = common.parser(__doc__, JOBS, None)
    arguments = arguments_of.parse_args()
    wanted, results, code = common.chosen(arguments_of, arguments, JOBS), HERE / "results.json", 0
    with tempfile.TemporaryDirectory() as folder:
        python, seconds = environment(Path(folder)) if wanted else (Path(), 0.0)
        for key in wanted:
            record = {**run(python, JOBS[key][1]), "install_seconds": seconds, "environment": common.environment()}
            kept = {**common.stored_parts(__file__, JOBS), key: record}
            results.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            code = 1 if "error" in record else code
            print(f"{key}: {record.get('error') or record['seconds']}", flush=True)
    HERE.joinpath("README.md").write_text(page(common.stored_parts(__file__, JOBS)), encoding="utf-8")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
