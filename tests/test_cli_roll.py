"""The command `adnflex roll`: policies, days, files, exit codes, Ctrl-C."""

from __future__ import annotations

import signal
from dataclasses import replace
from types import SimpleNamespace

import pandapower as pp
import pytest

import adnflex
from adnflex import cli
from adnflex.cli import main
from adnflex.errors import InputError

from .reporting.rolling.example import example

# The base policy alone breaks voltage limits on this day.
CHEAP = ("--policy", "rollout", "--simulations", "3")


def run(capsys, *words):
    """Exit code and what was written to stdout and stderr."""
    code = main([str(word) for word in words])
    told = capsys.readouterr()
    return SimpleNamespace(code=code, out=told.out, err=told.err)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One run over days with everything written."""
    folder = tmp_path_factory.mktemp("roll")
    made = {"report": folder / "rolling.html", "plan": folder / "day.json", "store": folder / "days.jsonl"}
    words = [str(word) for option, path in made.items() for word in (f"--{option}", path)]
    command = ["roll", "rolling33", *CHEAP, "--days", "2", "--no-check", "--scenarios", "2"]
    command += ["--workers", "1", "--quiet"]
    code = main([*command, *words])
    return SimpleNamespace(**made, days=folder / "day-days.json", code=code, command=[*command, *words])


@pytest.fixture
def unchecked(monkeypatch):
    """Every day passes: power flow takes seconds, and these tests are about something else."""
    check = example()[2]
    monkeypatch.setattr(adnflex, "validate", lambda *_: check)
    return ("--policy", "pool", "--reactive", "none", "--no-check", "--workers", 1)


def test_a_day_is_decided_checked_and_reported(capsys, tmp_path):
    report = tmp_path / "day.html"
    told = run(capsys, "roll", "rolling33", *CHEAP, "--scenarios", "2", "--report", report)
    assert told.code == cli.EXIT_OK, told.err
    assert told.out.startswith("rolling33: rollout:pool/match, day 0 of seed 1, total ")
    assert "0 bus-hours outside limits" in told.out
    assert "common days" not in told.out
    assert told.err.splitlines()[-1].endswith("hour 24 of 24 decided")
    assert "Passed in AC" in report.read_text(encoding="utf-8")


def test_days_are_compared_with_the_base_and_the_floor(files):
    assert files.code == cli.EXIT_OK
    comparison = adnflex.Comparison.load(files.days)
    assert list(comparison.days.columns) == ["rollout", "pool", "floor"]
    assert len(comparison.days) == 2
    assert comparison.options["weather"] == "sunny"
    assert len(files.store.read_text().splitlines()) == 6
    day = adnflex.RollingRun.load(files.plan)
    assert (day.day, day.policy, day.options["tariff"]) == (0, "rollout:pool/match", "flat")
    assert day.objective == pytest.approx(comparison.days.at[0, "rollout"])
    text = files.report.read_text(encoding="utf-8")
    assert "Above the floor" in text
    assert "Beside what is published" in text


def test_a_saved_day_can_be_validated_again(capsys, files, tmp_path):
    report = tmp_path / "again.html"
    told = run(capsys, "validate", files.plan, "rolling33", "--report", report)
    assert told.code == cli.EXIT_OK, told.err
    assert "passed: " in told.out
    assert "Passed in AC" in report.read_text(encoding="utf-8")
    assert run(capsys, "validate", files.days, "rolling33").code == cli.EXIT_INPUT


def test_stored_days_are_not_simulated_again(files, monkeypatch, unchecked):
    monkeypatch.setattr("adnflex.verbs.compare_policies._one_day", lambda *_: pytest.fail("a stored day was simulated"))
    before = files.store.read_text()
    assert main(files.command) == cli.EXIT_OK
    assert files.store.read_text() == before


def test_policies_are_compared_in_a_table(capsys, unchecked):
    words = (*unchecked, "--policy", "mpc:mean,pool", "--days", 2, "--no-reference")
    told = run(capsys, "roll", "rolling33", *words, "--weather", "cloudy", "--tariff", "time of use")
    assert told.code == cli.EXIT_OK, told.err
    rows = [line.split()[0] for line in told.out.splitlines()[-3:-1]]
    assert rows == ["mpc:mean", "pool"]
    assert "less pool" in told.out
    assert "4 of 4 days of policies simulated" in told.err


@pytest.mark.parametrize(("bad", "code"), [(("own", 1), cli.EXIT_FAILED), (None, cli.EXIT_OK)])
def test_any_day_of_any_policy_that_fails_is_told_by_name(capsys, monkeypatch, unchecked, bad, code):
    check = example()[2]
    monkeypatch.setattr(
        "adnflex.verbs.compare_policies.validate_rolling",
        lambda day, net: replace(check, passed=(day.policy, day.day) != bad),
    )
    told = run(capsys, "roll", "rolling33", *unchecked[2:4], "--policy", "pool,own", "--days", 2, "--workers", 1)
    assert told.code == code, told.err
    assert ("AC check failed: 1 of 2 days of policy own." in told.err) == (bad is not None)
    assert "days of policy pool" not in told.err


def test_a_net_of_the_users_own_works_like_the_name(capsys, tmp_path, unchecked):
    net = adnflex.networks.load("rolling33")
    path = tmp_path / "mine.json"
    pp.to_json(net, str(path))
    mine, shipped = (run(capsys, "roll", name, *unchecked[:4]) for name in (path, "rolling33"))
    assert mine.code == shipped.code == cli.EXIT_OK
    assert mine.out.splitlines()[0] == shipped.out.splitlines()[0].replace("rolling33", "mine")


def test_the_net_of_an_hour_is_written(capsys, tmp_path, unchecked):
    new, plan = tmp_path / "evening.json", tmp_path / "day.json"
    words = ("roll", "rolling33", "--policy", "pool", "--scenarios", 2, "--plan", plan, "--net", new, "--net-period")
    assert run(capsys, *words, 19).code == cli.EXIT_OK
    day = adnflex.RollingRun.load(plan)
    expected, there = day.apply(adnflex.networks.load("rolling33"), 19), pp.from_json(str(new))
    for table in ("sgen", "storage", "load"):
        for column in ("p_mw", "q_mvar"):
            assert there[table][column].tolist() == pytest.approx(expected[table][column].tolist())
    assert there.sgen["q_mvar"].abs().max() > 0.01
    told = run(capsys, *words, 24)
    assert told.code == cli.EXIT_INPUT
    assert "--net-period 24: the day has the hours 0 to 23" in told.err
    told = run(capsys, "roll", "rolling33", "--net-period", 3)
    assert told.code == cli.EXIT_INPUT
    assert "give --net FILE.json too" in told.err


def test_without_reactive_power_the_limits_fail(capsys, tmp_path):
    report = tmp_path / "day.html"
    told = run(capsys, "roll", "rolling33", "--policy", "pool", "--reactive", "none", "--report", report)
    assert told.code == cli.EXIT_FAILED
    assert "AC check failed" in told.err
    assert "FAILED: do not carry out this day" in report.read_text(encoding="utf-8")


def test_no_exchange_costs_more(capsys, unchecked):
    totals = []
    for limit in ("0.3", "0"):
        told = run(capsys, "roll", "rolling33", *unchecked[:4], "--exchange-limit-mw", limit)
        totals.append(float(told.out.partition("total ")[2].partition(" CNY")[0].replace(",", "")))
    assert totals[1] > totals[0] + 500


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rolling33", "--policy", "pol"], "policy 'pol' is not known"),
        (["rolling33", "--policy", "pool,pol", "--days", "2"], "policy 'pol' is not known"),
        (["rolling33", "--weather", "cloudi"], "weather 'cloudi' is not known"),
        (["rolling33", "--tariff", "night"], "tariff 'night' is not known"),
        (["ieee33_dispatch"], "load 32"),
        (["nowhere.json"], "nowhere.json"),
        (["rolling33", "--store", "days.jsonl"], "--store: means nothing for a single day"),
        (["rolling33", "--reactive", "none", "--scenarios", "3"], "--scenarios: means nothing without reactive power"),
        (["rolling33", "--report", "nowhere/x.html"], "there is no folder nowhere"),
    ],
)
def test_wrong_input_is_one_sentence_and_code_2(capsys, words, told):
    found = run(capsys, "roll", *words)
    assert found.code == cli.EXIT_INPUT
    assert told in found.err
    assert found.out == ""


@pytest.mark.parametrize("words", [["--policy", "pool,"], ["--days", "0"], ["--exchange-limit-mw", "-1"]])
def test_words_that_mean_nothing_are_refused(capsys, words):
    assert run(capsys, "roll", "rolling33", *words).code == cli.EXIT_INPUT


# --- interruption -----------------------------------------------------------------------------------------


def pressed_after(days, monkeypatch):
    """Press Ctrl-C after so many days of policies."""
    from adnflex.verbs import compare_policies

    calls, original = [], compare_policies._one_day

    def once(*arguments):
        calls.append(arguments)
        if len(calls) == days + 1:  # once: a second time ends at once
            signal.raise_signal(signal.SIGINT)
        return original(*arguments)

    monkeypatch.setattr(compare_policies, "_one_day", once)


def test_ctrl_c_keeps_the_days_that_are_finished(capsys, monkeypatch, tmp_path, unchecked):
    pressed_after(5, monkeypatch)
    store, report = tmp_path / "days.jsonl", tmp_path / "rolling.html"
    words = (*unchecked, "--days", 9, "--store", store, "--report", report)
    told = run(capsys, "roll", "rolling33", *words)
    assert told.code == cli.EXIT_OK, told.err
    assert "interrupted; 2 of 9 days are finished by every policy" in told.err
    assert len(store.read_text().splitlines()) == 5
    assert "The comparison was stopped early: 2 days" in report.read_text(encoding="utf-8")


def test_ctrl_c_before_any_common_day_exits_130(capsys, monkeypatch, tmp_path):
    pressed_after(1, monkeypatch)
    store = tmp_path / "days.jsonl"
    words = ("--policy", "pool", "--days", 3, "--workers", 1, "--store", store)
    told = run(capsys, "roll", "rolling33", *words)
    assert told.code == cli.EXIT_INTERRUPTED
    assert f"finished ones are kept in {store}" in told.err
    assert len(store.read_text().splitlines()) == 1


def test_ctrl_c_in_a_single_day_stops_at_once(capsys, monkeypatch):
    monkeypatch.setattr(adnflex, "schedule_rolling", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    told = run(capsys, "roll", "rolling33", "--policy", "pool")
    assert (told.code, told.err) == (cli.EXIT_INTERRUPTED, "adnflex: interrupted; stopped at once.\n")


def test_ctrl_c_after_the_days_does_not_lose_them(capsys, monkeypatch, unchecked):
    original = adnflex.schedule_rolling

    def pressed(*arguments, **options):
        signal.raise_signal(signal.SIGINT)
        return original(*arguments, **options)

    monkeypatch.setattr(adnflex, "schedule_rolling", pressed)
    told = run(capsys, "roll", "rolling33", *unchecked, "--days", 2, "--no-reference")
    assert told.code == cli.EXIT_OK
    assert "2 common days" in told.out


def test_faults_of_a_check_are_no_fault_of_the_program(capsys, monkeypatch):
    def refuse(*_):
        raise InputError("the net is another one.")

    monkeypatch.setattr(adnflex, "validate", refuse)
    assert run(capsys, "roll", "rolling33", "--policy", "pool", "--reactive", "none").code == cli.EXIT_INPUT
