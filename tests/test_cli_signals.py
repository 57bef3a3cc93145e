"""SIGTERM, SIGHUP and Ctrl-C: what was found is written, nothing stays behind, the handlers are given back."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

import adnflex
from adnflex import cli
from adnflex.cli.interruption import Interruption
from adnflex.solvers.linear import minimise_linear
from adnflex.solvers.stopping import STOPPING
from adnflex.sources import open_net
from tests.forked import ended, started

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
ALL = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
PROOF = adnflex.Progress(0.1, 1.0, 0.5, "node")


@pytest.mark.parametrize("number", ALL)
def test_a_signal_before_any_plan_ends_the_run_with_its_own_code(number, capsys, monkeypatch):
    before = [signal.getsignal(n) for n in [*ALL, signal.SIGALRM]]
    monkeypatch.setattr(adnflex, "reconfigure", lambda *_, **__: signal.raise_signal(number))
    assert cli.main(["reconfigure", "case33bw"]) == 128 + number
    assert capsys.readouterr().err == "adnflex: interrupted; stopped at once.\n"
    assert [signal.getsignal(n) for n in [*ALL, signal.SIGALRM]] == before


@pytest.mark.parametrize("number", ALL)
def test_a_signal_in_the_proof_waits_for_the_next_report(number):
    with Interruption() as interruption:
        interruption.heard(PROOF)
        signal.raise_signal(number)
        signal.raise_signal(signal.SIGTERM)  # timeout and systemd send several: the same wish
        with pytest.raises(KeyboardInterrupt):
            interruption.heard(PROOF)
        interruption.heard(PROOF)
        assert interruption.code == 128 + number


def test_a_proof_without_reports_is_interrupted_where_it_is(monkeypatch):
    monkeypatch.setattr("adnflex.cli.interruption._PATIENCE", 0.05)
    with Interruption() as interruption:
        interruption.heard(PROOF)
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            time.sleep(30)
        # once the plan is there, nothing but a second signal ends the run
        interruption.finish()
        time.sleep(0.1)


def test_a_second_signal_ends_what_would_catch_an_interrupt(monkeypatch):
    monkeypatch.setattr("adnflex.cli.interruption._SAME", 0.0)
    with Interruption() as interruption:
        interruption.finish()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == 143


def test_what_is_ignored_as_after_nohup_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            signal.raise_signal(signal.SIGHUP)
            assert not interruption.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_leave_signals_alone():
    before = [signal.getsignal(n) for n in ALL]
    seen = []

    def work():
        with Interruption():
            seen.extend(signal.getsignal(n) for n in ALL)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == before
    assert not STOPPING.active


@pytest.mark.parametrize("solver", ["HiGHS", "Clarabel"])
def test_a_running_solver_is_asked_to_end(solver, monkeypatch):
    """The signal comes while the solver runs; the exception does not fly through its code."""
    import numpy as np
    from scipy import sparse

    from adnflex.solvers.clarabel import solve_relaxation
    from adnflex.solvers.conic import linear_form

    rng = np.random.default_rng(0)
    rows = sparse.random(60, 90, 0.3, random_state=1, format="csr")
    least = rows @ rng.random(90)
    form = linear_form(rng.random(90), rows, (least, np.full(60, np.inf)), (np.zeros(90), np.full(90, 9.0)))
    solve = minimise_linear if solver == "HiGHS" else solve_relaxation
    assert solve(form).status == "optimal"
    asked = []

    class Wanted(KeyboardInterrupt):
        pass

    def running():
        asked.append(STOPPING.ask(Wanted()))
        return True

    with monkeypatch.context() as patch:
        patch.setattr(STOPPING, "active", True)
        patch.setattr(STOPPING, "wanted", running)
        with pytest.raises(Wanted):
            solve(form)
    assert asked
    assert all(asked)
    assert solve(form).status == "optimal"


def children_of(pid: int) -> list[int]:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(name))
    return found


def reports_of(process) -> list[str]:
    """Lines of a run that tell a bound."""
    text = process.err.read_text(encoding="utf-8") if process.err.exists() else ""
    return [line for line in text.splitlines() if "bound" in line]


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")
def test_sigterm_as_timeout_sends_it_leaves_the_plan_and_no_process(tmp_path):
    """To the program and once more to its whole group, workers included."""
    plan_file, net_file = tmp_path / "plan.json", tmp_path / "net.json"
    words = "reconfigure lv_schutterwald --vm-limits 0.85 1.1 --switchable-lines all"
    words += " --gap 0 --workers 2 --time-limit 200 --plan"
    process = started(lambda: cli.main([*words.split(), str(plan_file), "--net", str(net_file)]))
    until = time.monotonic() + 120.0
    while time.monotonic() < until and not any("none yet" not in line for line in reports_of(process)):
        time.sleep(0.05)
    # between two reports workers may come and go: they are asked for until there are some
    while not (workers := children_of(process.pid)) and time.monotonic() < until:
        time.sleep(0.02)
    assert workers
    os.kill(process.pid, signal.SIGTERM)
    os.killpg(process.pid, signal.SIGTERM)
    done = ended(process)
    assert done.returncode == cli.EXIT_OK, done.stderr
    assert "finishing with the best plan so far" in done.stderr
    assert "interrupted; this is the best plan so far, at most" in done.stderr
    assert "Traceback" not in done.stderr
    assert "AC check: passed" in done.stdout
    assert net_file.exists()
    plan = adnflex.Plan.load(plan_file)
    assert plan.status == "interrupted"
    assert 0 < plan.bound <= plan.objective
    # of a net that no run has proven yet
    assert 0.090 < plan.objective < 0.110
    assert adnflex.validate(plan, open_net("lv_schutterwald")[0]).passed
    until = time.monotonic() + 5.0
    while any(os.path.exists(f"/proc/{w}") for w in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [w for w in workers if os.path.exists(f"/proc/{w}")]


def test_scip_is_asked_to_end_and_tells_what_it_has_found(monkeypatch):
    import numpy as np
    import pyomo.environ as pyo

    from adnflex.solvers.gate import solve_model

    model, rng = pyo.ConcreteModel(), np.random.default_rng(2)
    model.x = pyo.Var(range(30), domain=pyo.Binary)
    weights = rng.integers(50, 500, (3, 30))
    model.rows = pyo.Constraint(
        range(3), rule=lambda m, i: sum(int(w) * m.x[k] for k, w in enumerate(weights[i])) >= int(weights[i].sum() // 2)
    )
    model.cost = pyo.Objective(expr=sum(float(c) * model.x[k] for k, c in enumerate(rng.uniform(1, 2, 30))))
    asked = []

    def running():
        asked.append(STOPPING.ask(KeyboardInterrupt()))
        return True

    with monkeypatch.context() as patch:
        patch.setattr(STOPPING, "active", True)
        patch.setattr(STOPPING, "wanted", running)
        answer = solve_model(model, "scip", gap=0.0)
    assert asked
    assert answer.status == "interrupted"
