"""The commands of a box, of a region and of a sweep: what stands beside the answer, and what a signal leaves out."""

from __future__ import annotations

import dataclasses
import signal
from types import SimpleNamespace

import pytest

import adnflex
from adnflex import cli
from adnflex.cli import main
from adnflex.errors import Infeasible

from .reporting.flexibility.example import example

NET = "park33_flexibility"


def run(capsys, *words):
    """Exit code and what was written to stdout and stderr."""
    code = main([str(word) for word in words])
    told = capsys.readouterr()
    return SimpleNamespace(code=code, out=told.out, err=told.err)


@pytest.fixture
def verbs(monkeypatch):
    """Verbs that give at once what the report's example shows, and keep what they were asked and shown."""
    present, best, check = example()[:3]
    seen = SimpleNamespace(asked={}, shown=None, press=None)

    def verb(name, answer):
        def call(net, *, progress=None, **given):
            seen.asked[name] = given
            if seen.press == name:
                progress(adnflex.Progress(0.1, 1.0, 2.0, "node"))
                signal.raise_signal(signal.SIGINT)
                with pytest.raises(KeyboardInterrupt):
                    progress(adnflex.Progress(0.2, 1.0, 2.0, "node"))
                return dataclasses.replace(answer, status="interrupted")
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(adnflex, name, call)

    def report(plan, check, path, net=None):
        seen.shown = plan
        path.write_text("x", encoding="utf-8")

    seen.verb = verb
    verb("flexibility", present)
    verb("reconfigure_for_flexibility", best)
    monkeypatch.setattr(adnflex, "validate", lambda plan, net, **given: seen.asked.update(validate=given) or check)
    monkeypatch.setattr(adnflex, "report", report)
    seen.present, seen.best = present, best
    return seen


def test_new_switch_states_stand_beside_the_present_ones(capsys, verbs, tmp_path):
    report, plan = tmp_path / "r.html", tmp_path / "p.json"
    words = [
        "--periods",
        "10,14",
        "--max-operations",
        "4",
        "--locked-lines",
        "3",
        "--direction",
        "up",
        "--trajectories",
        "9",
        "--seed",
        "2",
    ]
    told = run(capsys, "reconfigure-for-flexibility", NET, *words, "--report", report, "--plan", plan)
    assert told.code == cli.EXIT_OK, told.err
    assert verbs.shown == [verbs.present, verbs.best]
    asked = verbs.asked["reconfigure_for_flexibility"]
    assert {k: asked[k] for k in ("max_operations", "locked_lines", "direction", "seed")} == {
        "max_operations": 4, "locked_lines": [3], "direction": "up", "seed": 2,
    }  # fmt: skip
    # the present box is asked the same, without what is about switching
    assert set(verbs.asked["flexibility"]) == {"periods", "direction", "seed", "name"}
    assert verbs.asked["validate"] == {"trajectories": 9, "seed": 2}
    assert adnflex.Flexibility.load(plan).net_name == verbs.best.net_name


def test_a_present_state_without_a_box_is_said(capsys, verbs, tmp_path):
    verbs.verb("flexibility", Infeasible("it is meshed.", None, True))
    told = run(capsys, "reconfigure-for-flexibility", NET, "--report", tmp_path / "r.html")
    assert told.code == cli.EXIT_OK
    assert "the present switch states have no box: it is meshed." in told.err
    assert verbs.shown is verbs.best


def test_after_ctrl_c_what_stands_beside_is_left_out(capsys, verbs, tmp_path):
    verbs.press = "reconfigure_for_flexibility"
    plan = tmp_path / "p.json"
    told = run(capsys, "reconfigure-for-flexibility", NET, "--plan", plan, "--region", "10", "--quiet")
    assert told.code == cli.EXIT_OK
    assert told.err.splitlines() == [
        "adnflex: interrupted; this is the best box so far, how near the best is not known.",
        "adnflex: interrupted; the box of the present switch states is left out.",
        "adnflex: interrupted; the P-Q region is left out.",
    ]
    assert "flexibility" not in verbs.asked
    assert adnflex.Flexibility.load(plan).status == "interrupted"


def test_a_box_has_no_switching(capsys):
    assert run(capsys, "flexibility", NET, "--max-operations", 2).code == cli.EXIT_INPUT


@pytest.mark.slow
def test_a_region_is_saved_and_validated(capsys, tmp_path):
    plan = tmp_path / "region.json"
    told = run(capsys, "pq-region", NET, "--periods", 10, "--directions", 8, "--plan", plan)
    assert told.code == cli.EXIT_OK, told.err
    assert run(capsys, "validate", plan, NET).code == cli.EXIT_OK


@pytest.mark.slow
def test_a_sweep_is_compared_point_by_point(capsys, tmp_path):
    plan = tmp_path / "p.json"
    words = ("--pareto", 2, "--periods", "17:19", "--plan", plan, "--report", tmp_path / "r.html")
    told = run(capsys, "dispatch", "ieee33_dispatch", *words)
    assert told.code == cli.EXIT_OK, told.err
    plans = [adnflex.DispatchPlan.load(tmp_path / f"p-{k}.json") for k in (1, 2)]
    assert plans[0].carbon_kg >= plans[1].carbon_kg
    assert "study 1" in told.out
    assert (tmp_path / "r.html").exists()
