"""The command line: every exit code, every message, Ctrl-C."""

from __future__ import annotations

import dataclasses
import io
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pandapower as pp
import pandapower.networks as pn
import pandapower.topology as top
import pytest

import adnflex
from adnflex import cli
from adnflex.cli import main
from adnflex.cli.interruption import Interruption
from adnflex.cli.terminal import ProgressLine
from adnflex.errors import Infeasible, SolverError, SolverUnavailable

RUN = ["reconfigure", "case33bw", "--workers", "1"]


def run(capsys, *words):
    """Exit code and what was written to stdout and stderr."""
    code = main([str(word) for word in words])
    told = capsys.readouterr()
    return SimpleNamespace(code=code, out=told.out, err=told.err)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One run of the main job with everything written."""
    folder = tmp_path_factory.mktemp("cli")
    made = {kind: folder / f"{kind}.{end}" for kind, end in (("report", "html"), ("plan", "json"), ("net", "json"))}
    words = [str(w) for kind, path in made.items() for w in (f"--{kind}", path)]
    done = subprocess.run(
        [sys.executable, "-m", "adnflex.cli", *RUN, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return SimpleNamespace(**made, done=done)


# --- 0: passed --------------------------------------------------------------------------------------------


def test_the_main_job_passes_and_says_so(files):
    assert files.done.returncode == cli.EXIT_OK, files.done.stderr
    out, err = files.done.stdout, files.done.stderr
    assert "open: line 6, line 8, line 13, line 31, line 36" in out
    assert "AC check: passed" in out
    assert f"written: {files.plan}, {files.net}, {files.report}" in out
    assert "best 139.551 kW" in err
    assert err.splitlines()[-1].endswith("optimal")
    assert "Traceback" not in err


def test_the_files_of_the_main_job_can_be_used(files):
    plan = adnflex.Plan.load(files.plan)
    assert plan.open_lines == [6, 8, 13, 31, 36]
    assert plan.net_name == "case33bw"
    net = pp.from_json(str(files.net))
    assert net.line.index[~net.line.in_service].tolist() == plan.open_lines
    assert not top.unsupplied_buses(net)
    pp.runpp(net)
    assert net.res_line.pl_mw.sum() * 1e3 == pytest.approx(139.551, abs=1e-3)
    assert "<html" in files.report.read_text(encoding="utf-8")


def test_validate_repeats_the_check(capsys, files, tmp_path):
    told = run(capsys, "validate", files.plan, "case33bw", "--report", tmp_path / "again.html")
    assert told.code == cli.EXIT_OK
    assert "AC check: passed" in told.out
    assert (tmp_path / "again.html").stat().st_size > 100_000


def test_networks_lists_names_and_forms(capsys):
    told = run(capsys, "networks")
    assert told.code == cli.EXIT_OK
    for word in ("baran_wu_69", "case33bw", "mv_oberrhein", "cigre_mv:all", "simbench:CODE", "matpower:CASE"):
        assert word in told.out


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["reconfigure", "--help"], ["dispatch", "--help"], ["validate", "--help"]]
)
def test_help_and_version(capsys, words):
    told = run(capsys, *words)
    assert told.code == cli.EXIT_OK
    assert "adnflex" in told.out


@pytest.mark.parametrize("command", ["reconfigure", "dispatch", "validate"])
def test_help_names_every_exit_code(capsys, command):
    text = run(capsys, command, "--help").out
    codes = [
        cli.EXIT_OK,
        cli.EXIT_FAILED,
        cli.EXIT_INPUT,
        cli.EXIT_SOLVER,
        cli.EXIT_FAULT,
        cli.EXIT_MEMORY,
        cli.EXIT_INTERRUPTED,
        128 + signal.SIGTERM,
    ]
    told = text.partition("exit codes:")[2].splitlines()
    assert [int(line.split()[0]) for line in told if line.strip()] == codes


def test_quiet_prints_nothing(capsys, files):
    told = run(capsys, "validate", files.plan, "case33bw", "--quiet")
    assert (told.code, told.out, told.err) == (cli.EXIT_OK, "", "")


def test_the_options_reach_the_library(capsys, monkeypatch):
    seen = {}

    def take(net, **options):
        seen.update(options)
        raise Infeasible("stop here.")

    monkeypatch.setattr(adnflex, "reconfigure", take)
    words = "--objective losses=1,voltage=0.1 --switching-cost 0.002 --vm-limits 0.9 1.1"
    words += " --switchable-lines 1,2,5-7 --switchable-switches 3,4 --locked-lines 30,31 --gap 0.01 --time-limit 7"
    words += " --solver clarabel --workers 2 --seed 5"
    run(capsys, "reconfigure", "case33bw", *words.split())
    del seen["progress"]
    assert seen == {
        "objective": {"losses": 1.0, "voltage": 0.1},
        "vm_limits": (0.9, 1.1),
        "switchable_lines": [1, 2, 5, 6, 7],
        "switchable_switches": [3, 4],
        "locked_lines": [30, 31],
        "switching_cost": 0.002,
        "gap": 0.01,
        "time_limit": 7.0,
        "solver": "clarabel",
        "workers": 2,
        "seed": 5,
        "name": "case33bw",
    }


# --- 1: infeasible, or the AC check failed ----------------------------------------------------------------


def test_a_limit_that_nothing_meets_exits_1(capsys, tmp_path):
    plan = tmp_path / "plan.json"
    told = run(capsys, *RUN, "--vm-limits", 0.97, 1.05, "--plan", plan, "--quiet")
    assert told.code == cli.EXIT_FAILED
    assert told.err.startswith("adnflex: no radial switch state meets every limit (proven); the least violating one")
    assert "voltage low at bus" in told.err
    assert not plan.exists()


def test_a_limit_that_nothing_meets_is_reported(capsys, tmp_path):
    report, net = tmp_path / "report.html", tmp_path / "net.json"
    told = run(capsys, *RUN, "--vm-limits", 0.97, 1.05, "--report", report, "--net", net)
    assert told.code == cli.EXIT_FAILED
    assert told.out == f"written: {report}\n"
    assert not net.exists()
    page = report.read_text(encoding="utf-8")
    assert "No state meets every limit and condition (proven)" in page
    assert "voltage low" in page
    # the map shows the least violating state, not the present one: what it operates is named
    assert 'id="network-figure"' in page
    assert "<b>line 34</b>" in page.replace("<\\/", "</")


def test_nothing_is_reported_without_a_net_and_a_table(tmp_path):
    page = adnflex.report(Infeasible("none was found."), None, tmp_path / "r.html").read_text("utf-8")
    assert "(not proven)" in page
    assert "no table of broken limits" in page
    assert "There is no map" in page
    assert 'id="network-figure"' not in page


def test_a_failed_check_exits_1_and_writes_no_net(capsys, monkeypatch, files, tmp_path):
    plan = adnflex.Plan.load(files.plan)
    failed = dataclasses.replace(adnflex.validate(plan, pn.case33bw()), passed=False, verdict="1 limit violated")
    monkeypatch.setattr(adnflex, "reconfigure", lambda *_, **__: plan)
    monkeypatch.setattr(adnflex, "validate", lambda *_: failed)
    net, report = tmp_path / "net.json", tmp_path / "report.html"
    told = run(capsys, *RUN, "--net", net, "--report", report)
    assert told.code == cli.EXIT_FAILED
    assert f"adnflex: {net} is not written: the plan failed its AC check." in told.err
    assert "adnflex: AC check failed: 1 limit violated." in told.err
    assert not net.exists()
    assert report.exists()


# --- 2: wrong input ---------------------------------------------------------------------------------------


def test_missing_limits_exit_2_and_name_the_option(capsys):
    told = run(capsys, "reconfigure", "mv_oberrhein", "--quiet")
    assert told.code == cli.EXIT_INPUT
    assert "min_vm_pu" in told.err
    assert "--vm-limits 0.95 1.05" in told.err
    assert "Traceback" not in told.err


def test_an_unknown_net_exits_2(capsys):
    told = run(capsys, "reconfigure", "case33bv")
    assert told.code == cli.EXIT_INPUT
    assert told.err.startswith("adnflex: no net is named 'case33bv'; did you mean case33bw")


def test_another_net_exits_2(capsys, files):
    told = run(capsys, "validate", files.plan, "baran_wu_69")
    assert told.code == cli.EXIT_INPUT
    assert "is not the one that the plan was made for" in told.err


def test_the_changed_net_is_not_the_one_of_the_plan(capsys, files):
    assert run(capsys, "validate", files.plan, files.net).code == cli.EXIT_INPUT


def test_no_plan_exits_2(capsys, files, tmp_path):
    told = run(capsys, "validate", files.net, "case33bw")
    assert told.code == cli.EXIT_INPUT
    assert "give a file written by Plan.save" in told.err
    assert run(capsys, "validate", tmp_path / "none.json", "case33bw").code == cli.EXIT_INPUT
    damaged = tmp_path / "damaged.json"
    damaged.write_text('{"format": "adnflex-plan-1"}', encoding="utf-8")
    told = run(capsys, "validate", damaged, "case33bw")
    assert told.code == cli.EXIT_INPUT
    assert str(damaged) in told.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--gap", "x"], "--gap: 'x' is not allowed; give a relative gap of 0 or more, e.g. 1e-4."),
        (["--gap", "-1"], "--gap: '-1' is not allowed; give a relative gap of 0 or more"),
        (["--time-limit", "nan"], "--time-limit: 'nan' is not allowed; give seconds above 0."),
        (["--workers", "0"], "--workers: '0' is not allowed; give 1 or more, or None for one a core."),
        (["--seed", "1.5"], "--seed: '1.5' is not allowed; give a whole number of 0 or more."),
        (["--vm-limits", "0.9"], "argument --vm-limits: expected 2 arguments"),
        (
            ["--switchable-lines", "1,x"],
            "--switchable-lines: '1,x' is not allowed; give line indices, 'all' or",
        ),
        (
            ["--switchable-lines", "9-5"],
            "--switchable-lines: '9-5' is not allowed; give line indices, 'all' or",
        ),
        (
            ["--objective", "losses=much"],
            "objective 'losses=much' is unknown; give 'losses', 'switching', 'voltage'",
        ),
        (["--objective", "loses"], "objective 'loses' is unknown; give 'losses', 'switching', 'voltage'"),
        (
            ["--vm-limits", "1.1", "0.9"],
            "--vm-limits: '1.1 0.9' is not allowed; give a lower limit below the upper one",
        ),
        (
            ["--switchable-lines", "99"],
            "switchable_lines: line 99 is not in net.line; give existing indices.",
        ),
    ],
)
def test_wrong_options_exit_2(capsys, words, message):
    told = run(capsys, *RUN, *words)
    assert told.code == cli.EXIT_INPUT
    assert message in told.err


def test_no_command_exits_2(capsys):
    assert run(capsys).code == cli.EXIT_INPUT


def test_output_paths_are_checked_before_anything_runs(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(adnflex, "reconfigure", lambda *_, **__: pytest.fail("solved in vain"))
    lost, both = tmp_path / "none" / "r.html", tmp_path / "x.json"
    told = run(capsys, *RUN, "--report", lost, "--plan", tmp_path, "--net", both)
    assert told.code == cli.EXIT_INPUT
    assert told.err.splitlines() == [
        "adnflex: 2 faults:",
        f"  - --report {lost}: there is no folder {lost.parent}; make it or give another path.",
        f"  - --plan {tmp_path}: this is a folder; give a file.",
    ]
    told = run(capsys, *RUN, "--plan", both, "--net", both)
    assert told.err == f"adnflex: --net {both}: this is the file of --plan; give another one.\n"


def test_an_output_never_overwrites_an_archive_that_is_read_with_a_word(capsys, tmp_path):
    grid = tmp_path / "grid.zip"
    grid.write_bytes(b"kept")
    told = run(capsys, "reconfigure", f"{grid}:reference=G1", "--report", grid)
    assert told.code == cli.EXIT_INPUT
    assert "this is the file of NET" in told.err
    assert grid.read_bytes() == b"kept"


def test_an_output_never_overwrites_the_input(capsys, tmp_path):
    net = tmp_path / "net.json"
    pp.to_json(pn.case33bw(), str(net))
    told = run(capsys, "reconfigure", net, "--net", net)
    assert told.code == cli.EXIT_INPUT
    assert told.err == f"adnflex: --net {net}: this is the file of NET; give another one.\n"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="this user may write everywhere")
def test_a_folder_without_permission_exits_2(capsys, tmp_path):
    tmp_path.chmod(0o500)
    told = run(capsys, *RUN, "--plan", tmp_path / "plan.json")
    assert told.code == cli.EXIT_INPUT
    assert "you may not write there" in told.err


def test_a_full_disk_is_one_sentence(capsys, monkeypatch, files, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    plan = adnflex.Plan.load(files.plan)
    monkeypatch.setattr(adnflex, "reconfigure", lambda *_, **__: plan)
    monkeypatch.setattr(adnflex.Plan, "save", full)
    told = run(capsys, *RUN, "--plan", tmp_path / "plan.json")
    assert told.code == cli.EXIT_INPUT
    assert "writing failed (No space left on device); give another path." in told.err


# --- 3: no solver, 4: a fault of adnflex ------------------------------------------------------------------


@pytest.mark.parametrize("error", [SolverUnavailable("gurobi is not installed."), SolverError("no proof.")])
def test_no_solver_exits_3(capsys, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(adnflex, "reconfigure", fail)
    told = run(capsys, *RUN)
    assert told.code == cli.EXIT_SOLVER
    assert told.err == f"adnflex: {error}\n"


def test_an_unknown_solver_exits_3(capsys):
    told = run(capsys, *RUN, "--solver", "nonesuch")
    assert told.code == cli.EXIT_SOLVER
    assert told.err.startswith("adnflex: solver 'nonesuch' is unknown; use auto or one of:")


def test_a_fault_exits_4_and_asks_for_a_report(capsys, monkeypatch):
    def fail(*_, **__):
        raise ValueError("broken")

    monkeypatch.setattr(adnflex, "reconfigure", fail)
    told = run(capsys, *RUN)
    assert told.code == cli.EXIT_FAULT
    assert told.err.splitlines() == [
        "adnflex: internal fault: ValueError: broken",
        "adnflex: please report it with this command and the net; --debug shows where.",
    ]
    assert "Traceback" in run(capsys, *RUN, "--debug").err


# --- interruption -----------------------------------------------------------------------------------------


def test_ctrl_c_before_any_plan_exits_130(capsys, monkeypatch):
    def press(*_, **__):
        signal.raise_signal(signal.SIGINT)
        pytest.fail("Ctrl-C was ignored")

    monkeypatch.setattr(adnflex, "reconfigure", press)
    told = run(capsys, *RUN)
    assert told.code == cli.EXIT_INTERRUPTED
    assert told.err == "adnflex: interrupted; stopped at once.\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupted_search_without_plan_exits_130(capsys, monkeypatch):
    def press(*_, **__):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise Infeasible("no radial switch state was found in the time given (not proven).")

    monkeypatch.setattr(adnflex, "reconfigure", press)
    told = run(capsys, *RUN)
    assert told.code == cli.EXIT_INTERRUPTED
    assert told.err == "adnflex: interrupted before any plan was found; nothing was written.\n"


def test_ctrl_c_in_the_proof_waits_for_the_next_report(monkeypatch):
    with Interruption() as interruption:
        interruption.heard(adnflex.Progress(0.1, 1.0, 0.5, "perturbed search"))
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interruption.heard(adnflex.Progress(0.2, 1.0, 0.6, "node"))
        # only once, or a solver that has caught it would be interrupted while it returns its answer
        interruption.heard(adnflex.Progress(0.3, 1.0, 0.6, "highs"))
        interruption.heard(adnflex.Progress(0.3, 1.0, 0.6, "interrupted"))
        signal.raise_signal(signal.SIGINT)  # so soon it is the same wish
        monkeypatch.setattr("adnflex.cli.interruption._SAME", 0.0)
        with pytest.raises(SystemExit) as ended:  # which no search catches
            signal.raise_signal(signal.SIGINT)
        assert ended.value.code == 130


# --- progress ---------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


ROWS = [
    adnflex.Progress(0.1, float("inf"), float("-inf"), "branch exchange"),
    adnflex.Progress(1.0, 0.2, 0.1, "node"),
    adnflex.Progress(1.5, 0.2, 0.15, "optimal"),
]


def test_progress_rewrites_one_line_on_a_terminal():
    stream = Terminal()
    shown = ProgressLine("MW", stream)
    for row in ROWS:
        shown(row)
    shown.close()
    text = stream.getvalue()
    assert text.count("\r") == 3
    assert text.count("\n") == 1
    assert "best 200 kW  bound 150 kW  gap 25 %  optimal" in text


def test_progress_elsewhere_is_a_line_now_and_then_and_the_last_one():
    stream = io.StringIO()
    shown = ProgressLine("operations", stream, every=60)
    for row in ROWS:
        shown(row)
    shown.close()
    assert [line.strip() for line in stream.getvalue().splitlines()] == [
        "0.1 s  best none yet  bound none yet  gap unknown  branch exchange",
        "1.5 s  best 0.2 operations  bound 0.15 operations  gap 25 %  optimal",
    ]
