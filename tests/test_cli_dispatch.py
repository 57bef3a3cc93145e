"""The command `adnflex dispatch`: every option, studies, files, exit codes, Ctrl-C."""

from __future__ import annotations

import dataclasses
import itertools
import math
import signal
from types import SimpleNamespace

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex import cli
from adnflex.cli import main
from adnflex.cli.comparison import comparison_table
from adnflex.cli.conclusion import Judged
from adnflex.cli.interruption import Interruption
from adnflex.cli.profiles import read_profiles
from adnflex.errors import Infeasible, InputError, SolverError

HOURS = 4


def run(capsys, *words):
    """Exit code and what was written to stdout and stderr."""
    code = main([str(word) for word in words])
    told = capsys.readouterr()
    return SimpleNamespace(code=code, out=told.out, err=told.err)


def small_net():
    """A feeder of three buses with a load, sun that may be curtailed, a storage, and three studies."""
    net = pp.create_empty_network(sn_mva=1.0)
    buses = [pp.create_bus(net, 20.0, min_vm_pu=0.95, max_vm_pu=1.05) for _ in range(3)]
    pp.create_ext_grid(net, buses[0], vm_pu=1.0)
    for a, b in itertools.pairwise(buses):
        pp.create_line_from_parameters(net, a, b, 3.0, 0.3, 0.3, 10.0, 0.3, max_loading_percent=100.0)
    pp.create_load(net, buses[2], 2.0, 0.5, controllable=False)
    pp.create_sgen(net, buses[1], 1.0, controllable=True, min_p_mw=0.0)
    pp.create_storage(
        net, buses[2], 0.0, 1.0, min_e_mwh=0.0, soc_percent=50.0, controllable=True, min_p_mw=-0.4, max_p_mw=0.4
    )
    net.storage["efficiency_percent"], net.sgen["cost_per_mwh"] = 95.0, 90.0
    net.load["profile"], net.sgen["profile"], net.ext_grid["profile"] = "town", "sun", "tariff"
    net.ext_grid["price_per_mwh"], net.ext_grid["co2_kg_per_mwh"] = 100.0, 400.0
    net["profiles"] = {
        "load": pd.DataFrame({"town_pload": [0.5, 0.8, 1.0, 0.7], "town_qload": [0.5, 0.8, 1.0, 0.7]}),
        "renewables": pd.DataFrame({"sun": [0.0, 0.6, 1.0, 0.2]}),
        "ext_grid": pd.DataFrame({"tariff_price": [0.4, 1.0, 1.5, 0.8]}),
    }
    net["study"] = {"currency": "EUR", "hours_per_period": 1.0, "carbon_price_per_kg": 0.01}
    rows = [
        ("plain", "sgen", "in_service", 0, False),
        ("plain", "storage", "in_service", 0, False),
        ("sun", "storage", "in_service", 0, False),
        ("heavy", "load", "scaling", 0, 40.0),
        ("all", "storage", "in_service", 0, True),
    ]
    net["studies"] = pd.DataFrame(rows, columns=["study", "table", "column", "index", "value"])
    net.studies["value"] = net.studies["value"].astype(object)
    return net


@pytest.fixture(scope="module")
def net_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("nets") / "feeder.json"
    pp.to_json(small_net(), str(path))
    return path


@pytest.fixture(scope="module")
def net(net_file):
    return pp.from_json(str(net_file))


@pytest.fixture(scope="module")
def plan(net):
    return adnflex.dispatch(net, name="feeder.json")


@pytest.fixture(scope="module")
def files(net_file, tmp_path_factory):
    """One run with everything written."""
    folder = tmp_path_factory.mktemp("dispatch")
    made = {kind: folder / f"{kind}.{end}" for kind, end in (("report", "html"), ("plan", "json"), ("net", "json"))}
    words = [str(w) for kind, path in made.items() for w in (f"--{kind}", path)]
    code = main(["dispatch", str(net_file), *words, "--net-period", "2", "--quiet"])
    return SimpleNamespace(**made, code=code)


# --- one dispatch -----------------------------------------------------------------------------------------


def test_a_dispatch_passes_and_says_so(capsys, net_file):
    told = run(capsys, "dispatch", net_file)
    assert told.code == cli.EXIT_OK
    assert told.out.startswith("feeder.json: optimal, cost ")
    assert "AC check: passed: all 4 power flows converged" in told.out
    assert "certificate: at most" in told.out
    assert told.err.splitlines()[-1].endswith("exact power flow")
    assert " EUR  bound " in told.err


def test_the_files_of_a_dispatch_can_be_used(files, net, plan):
    assert files.code == cli.EXIT_OK
    saved = adnflex.DispatchPlan.load(files.plan)
    assert saved.objective == pytest.approx(plan.objective, rel=1e-6)
    assert saved.net_name == "feeder.json"
    assert adnflex.validate(saved, net).passed
    there = pp.from_json(str(files.net))
    pd.testing.assert_frame_equal(there.storage[["p_mw"]], saved.apply(net, 2).storage[["p_mw"]])
    assert there.load.at[0, "p_mw"] == pytest.approx(2.0)
    pp.runpp(there)
    assert there.res_bus.vm_pu.to_numpy() == pytest.approx(saved.vm_pu.loc[2].to_numpy(), abs=1e-6)
    assert "<html" in files.report.read_text(encoding="utf-8")


def test_the_net_of_no_named_period_is_that_of_the_first(net_file, net, plan, tmp_path):
    path = tmp_path / "net.json"
    assert main(["dispatch", str(net_file), "--periods", "1:3", "--net", str(path), "--quiet"]) == cli.EXIT_OK
    assert pp.from_json(str(path)).load.at[0, "p_mw"] == pytest.approx(1.6)


def test_quiet_prints_nothing(capsys, net_file):
    told = run(capsys, "dispatch", net_file, "--quiet")
    assert (told.code, told.out, told.err) == (cli.EXIT_OK, "", "")


def test_validate_knows_a_dispatch(capsys, files, net_file, tmp_path):
    told = run(capsys, "validate", files.plan, net_file, "--report", tmp_path / "again.html")
    assert told.code == cli.EXIT_OK
    assert "AC check: passed: all 4 power flows converged" in told.out
    assert (tmp_path / "again.html").stat().st_size > 100_000


def test_validate_refuses_another_net_and_a_damaged_dispatch(capsys, files, net_file, tmp_path):
    told = run(capsys, "validate", files.plan, "case33bw")
    assert told.code == cli.EXIT_INPUT
    assert "is not the one that the plan was made for" in told.err
    damaged = tmp_path / "damaged.json"
    damaged.write_text('{"format": "adnflex-dispatch-1", "net_name": "x"}', encoding="utf-8")
    told = run(capsys, "validate", damaged, net_file)
    assert told.code == cli.EXIT_INPUT
    assert str(damaged) in told.err


def take_options(monkeypatch):
    """Let `adnflex.dispatch` only write down what it is given."""
    seen = {}

    def take(net, **options):
        seen.update(options, net=net)
        raise Infeasible("stop here.", None, True)

    monkeypatch.setattr(adnflex, "dispatch", take)
    return seen


def test_the_options_reach_the_library(capsys, monkeypatch, net_file):
    seen = take_options(monkeypatch)
    words = "--periods 1:4 --hours-per-period 0.25 --start-hour 6.5 --loss-cost-per-mwh 50 --carbon-price-per-kg 0.05"
    words += " --carbon-budget-kg 1234 --objective carbon --vm-limits 0.94 1.06 --windows 2 --switchable-lines 0,1"
    words += " --switchable-switches 3,4 --locked-lines 30,31 --max-operations 6 --switching-cost 20"
    words += " --gap 0.01 --gap-in cost --time-limit 7"
    words += " --solver scip --exact --study sun"
    told = run(capsys, "dispatch", net_file, *words.split())
    assert told.err == "adnflex: stop here.\n"
    studied = seen.pop("net")
    assert not studied.storage.in_service.any()
    del seen["progress"]
    assert seen == {
        "periods": [1, 2, 3],
        "hours_per_period": 0.25,
        "start_hour": 6.5,
        "loss_cost_per_mwh": 50.0,
        "carbon_price_per_kg": 0.05,
        "carbon_budget_kg": 1234.0,
        "objective": "carbon",
        "vm_limits": (0.94, 1.06),
        "windows": 2.0,
        "switchable_lines": [0, 1],
        "switchable_switches": [3, 4],
        "locked_lines": [30, 31],
        "switching_cost": 20.0,
        "max_operations": 6,
        "exact": True,
        "gap": 0.01,
        "gap_in": "cost",
        "time_limit": 7.0,
        "solver": "scip",
        "name": "feeder.json, study sun",
    }


def test_what_is_not_said_is_left_to_the_verb(capsys, monkeypatch, net_file):
    seen = take_options(monkeypatch)
    run(capsys, "dispatch", net_file)
    assert set(seen) == {"net", "name", "progress"}
    assert seen["name"] == "feeder.json"


@pytest.mark.parametrize(
    ("words", "periods"), [(["2:4"], [2, 3]), (["0,2-3"], [0, 2, 3]), (["3"], [3])], ids=["span", "list", "one"]
)
def test_periods(capsys, monkeypatch, net_file, words, periods):
    seen = take_options(monkeypatch)
    run(capsys, "dispatch", net_file, "--periods", *words)
    assert seen["periods"] == periods


@pytest.mark.parametrize(
    ("word", "value"), [("none", None), ("day", "day"), ("fixed", "fixed"), ("1.5", 1.5), ("0,12", [0, 12])]
)
def test_windows(capsys, monkeypatch, net_file, word, value):
    seen = take_options(monkeypatch)
    run(capsys, "dispatch", net_file, "--windows", word)
    assert seen["windows"] == value


def test_the_carbon_options_change_the_answer(capsys, net_file, plan, tmp_path):
    budget = 0.985 * plan.carbon_kg
    told = run(capsys, "dispatch", net_file, "--carbon-budget-kg", budget, "--plan", tmp_path / "p.json")
    bound_by = adnflex.DispatchPlan.load(tmp_path / "p.json")
    assert told.code == cli.EXIT_OK, told.err
    assert bound_by.carbon_kg <= budget * (1 + 1e-4)
    run(capsys, "dispatch", net_file, "--objective", "carbon", "--plan", tmp_path / "c.json")
    assert adnflex.DispatchPlan.load(tmp_path / "c.json").carbon_kg < plan.carbon_kg


# --- profiles from files ----------------------------------------------------------------------------------


def test_profiles_from_csv_and_json_replace_those_of_the_net(capsys, net_file, tmp_path):
    p, sun, plan_file = tmp_path / "p.csv", tmp_path / "sun.json", tmp_path / "plan.json"
    p.write_text("time;0\n2024-05-29 00:00;1.0\n2024-05-29 00:15;1.2\n", encoding="utf-8")
    sun.write_text('{"0": [0.3, 0.4]}', encoding="utf-8")
    told = run(
        capsys, "dispatch", net_file, "--profiles", f"load.p_mw={p}", f"sgen.p_mw={sun}", "--plan", plan_file, "--quiet"
    )
    # net.study says another length of a period than the times of the file
    assert told.code == cli.EXIT_INPUT
    assert "hours_per_period is 1, but the times of the profiles are 0.25 h apart" in told.err
    quarter = ("--quiet", "--hours-per-period", "0.25")
    told = run(
        capsys, "dispatch", net_file, "--profiles", f"load.p_mw={p}", f"sgen.p_mw={sun}", "--plan", plan_file, *quarter
    )
    assert told.code == cli.EXIT_OK, told.err
    made = adnflex.DispatchPlan.load(plan_file)
    assert made.inputs["load", "p_mw", 0].tolist() == [1.0, 1.2]
    assert made.inputs["sgen", "p_mw", 0].tolist() == [0.3, 0.4]
    assert made.hours_per_period == 0.25
    again = run(
        capsys, "dispatch", net_file, "--profiles", f"load.p_mw={p}", "--profiles", f"sgen.p_mw={sun}", *quarter
    )
    assert again.code == cli.EXIT_OK


def test_times_give_the_step(tmp_path):
    key = ("load", "p_mw")
    path = tmp_path / "p.csv"
    path.write_text("time,3\n29.05.2024 00:00,1\n29.05.2024 00:15,2\n\n29.05.2024 00:30,3\n", encoding="utf-8")
    frame = read_profiles([(key, path)])[key]
    assert frame.columns.tolist() == [3]
    assert frame[3].tolist() == [1.0, 2.0, 3.0]
    assert frame.index.tolist() == [f"29.05.2024 00:{m:02d}" for m in (0, 15, 30)]
    path.write_text("time,3\n2024-03-05 00:00,1\n2024-03-05 01:00,2\n", encoding="utf-8")
    assert read_profiles([(key, path)])[key].index[0] == "2024-03-05 00:00"
    assert read_profiles([]) is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "0\n", "there are no rows; give headings (element indices) and one row a period."),
        ("x.csv", "0,1\n1,2\n3\n", "row 2 has 1 values under 2 headings; give as many."),
        ("x.csv", "0,0\n1,2\n", "heading 0 stands there twice; keep one."),
        ("x.csv", "feeder\n1\n", "heading 'feeder' is no element index"),
        ("x.csv", "0;1\n1,5;2\n", "column 0, row 1: '1,5' is no number; write e.g. 0.25."),
        ("x.csv", "0,1\n1,\n", "column 1, row 1: '' is no number; write e.g. 0.25."),
        ("x.csv", "0\n" + "x\n" * 9, "... and 4 more of these."),
        ("x.csv", "time,0\nlate,2\n", "column time, row 1: 'late' is no time"),
        (
            "x.csv",
            "time,0\n2024-01-01 00:00,1\n2024-01-01 01:00,1\n2024-01-01 03:00,1\n",
            "column time: steps differ, 1 h in most rows and 2 h from 2024-01-01 01:00 (row 1)",
        ),
        ("x.json", "{", "this is no JSON (line 1"),
        ("x.json", "[1, 2]", "this is no table; write"),
        ("x.json", '{"0": [1], "1": [1, 2]}', "the lists have lengths {'0': 1, '1': 2}; give one value a period"),
        ("x.json", '{"0": [1, true]}', "column 0, row 2: 'True' is no number"),
        ("x.txt", "0\n1\n", "only .csv and .json are read; give one of these."),
        ("none/x.csv", None, "the file cannot be read (No such file or directory); check the path."),
    ],
)
def test_a_fault_in_a_file_names_its_place(capsys, net_file, tmp_path, name, text, message):
    path = tmp_path / name
    if text is not None:
        path.write_text(text, encoding="utf-8")
    told = run(capsys, "dispatch", net_file, "--profiles", f"load.p_mw={path}")
    assert told.code == cli.EXIT_INPUT
    assert f"--profiles load.p_mw={path}: " in told.err
    assert message in told.err


def test_two_files_for_one_column_are_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("0\n1\n", encoding="utf-8")
    with pytest.raises(InputError, match="there are two files for it; give one"):
        read_profiles([(("load", "p_mw"), path)] * 2)


def test_an_index_that_the_net_lacks_is_named(capsys, net_file, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("7\n1\n", encoding="utf-8")
    told = run(capsys, "dispatch", net_file, "--profiles", f"load.p_mw={path}")
    assert told.code == cli.EXIT_INPUT
    assert "columns 7 are no index of net.load" in told.err


def test_an_output_never_overwrites_profiles(capsys, net_file, tmp_path):
    path = tmp_path / "p.json"
    path.write_text('{"0": [1.0]}', encoding="utf-8")
    told = run(capsys, "dispatch", net_file, "--profiles", f"load.p_mw={path}", "--plan", path)
    assert told.code == cli.EXIT_INPUT
    assert told.err == f"adnflex: --plan {path}: this is the file of --profiles load.p_mw; give another one.\n"


# --- studies ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared(net_file, tmp_path_factory):
    """Three studies, one of which nothing can meet."""
    folder = tmp_path_factory.mktemp("studies")
    return SimpleNamespace(
        report=folder / "studies.html",
        plan=folder / "p.json",
        words=[
            *["dispatch", net_file, "--study", "plain,heavy,sun"],
            *["--report", folder / "studies.html", "--plan", folder / "p.json"],
        ],
    )


def test_an_infeasible_study_does_not_stop_the_others(capsys, compared, net_file):
    told = run(capsys, *compared.words)
    assert told.code == cli.EXIT_FAILED
    assert "adnflex: study heavy: no set-points meet every limit" in told.err
    lines = told.out.splitlines()
    assert any(line.split() == ["study", "plain", "study", "heavy", "study", "sun"] for line in lines)
    checks = next(line for line in lines if line.startswith("AC check  "))
    assert checks.split()[2:] == ["passed", "infeasible", "passed"]
    cost = next(line for line in lines if line.startswith("cost [EUR]")).split()[2:]
    change = next(line for line in lines if line.startswith("  against study plain")).split()[3:]
    plain, sun = (float(cost[k].replace(",", "")) for k in (0, 2))
    assert cost[1] == "-"
    assert change == ["-", "-", f"{100 * (sun / plain - 1):+.1f}", "%"]
    assert any(line.startswith("imported [MWh]") for line in lines)
    assert any(line.startswith("peak-valley voltage") for line in lines)
    names = [compared.plan.with_name(f"p-{name}.json") for name in ("plain", "sun")]
    assert lines[-1] == f"written: {names[0]}, {names[1]}, {compared.report}"
    assert not compared.plan.with_name("p-heavy.json").exists()
    page = compared.report.read_text(encoding="utf-8")
    assert "<html" in page
    assert "FAILED: feeder.json, study heavy" in page
    # a saved study knows which one it is
    again = run(capsys, "validate", names[0], net_file)
    assert again.code == cli.EXIT_OK, again.err
    assert "feeder.json, study plain" in again.out


def test_one_study_is_one_plan(capsys, net_file, tmp_path):
    told = run(
        capsys, "dispatch", net_file, "--study", "plain", "--plan", tmp_path / "p.json", "--net", tmp_path / "n.json"
    )
    assert told.code == cli.EXIT_OK
    assert told.out.startswith("feeder.json, study plain: optimal")
    assert adnflex.DispatchPlan.load(tmp_path / "p.json").options["study"] == "plain"
    assert not pp.from_json(str(tmp_path / "n.json")).storage.in_service.any()


def test_an_infeasible_dispatch_exits_1(capsys, net_file, tmp_path):
    report = tmp_path / "r.html"
    told = run(capsys, "dispatch", net_file, "--study", "heavy", "--plan", tmp_path / "p.json", "--report", report)
    assert told.code == cli.EXIT_FAILED
    assert "no set-points meet every limit" in told.err
    assert not (tmp_path / "p.json").exists()
    page = report.read_text(encoding="utf-8")
    assert "No state meets every limit and condition (proven)" in page
    assert "feeder.json, study heavy" in page
    assert 'id="network-figure"' in page
    assert "period " in page


def test_only_infeasible_studies_print_no_table(capsys, monkeypatch, net_file, tmp_path):
    take_options(monkeypatch)
    told = run(capsys, "dispatch", net_file, "--study", "plain,sun", "--report", tmp_path / "r.html")
    assert told.code == cli.EXIT_FAILED
    assert told.out == f"written: {tmp_path / 'r.html'}\n"
    assert told.err.splitlines() == ["adnflex: study plain: stop here.", "adnflex: study sun: stop here."]
    assert "FAILED: feeder.json, study plain, feeder.json, study sun" in (tmp_path / "r.html").read_text("utf-8")


def test_a_failed_check_of_one_study_exits_1(capsys, monkeypatch, net_file, net, plan):
    check = adnflex.validate(plan, net)
    failed = dataclasses.replace(check, passed=False, verdict="1 limit violated", certificate=None)
    checks = iter([check, failed])
    monkeypatch.setattr(adnflex, "dispatch", lambda *_, **__: plan)
    monkeypatch.setattr(adnflex, "validate", lambda *_: next(checks))
    told = run(capsys, "dispatch", net_file, "--study", "all,sun")
    assert told.code == cli.EXIT_FAILED
    assert told.err == "adnflex: study sun: AC check failed: 1 limit violated.\n"
    assert "FAILED" in told.out


def test_published_figures_stand_below_ours(net, plan):
    theirs = {
        "all": {"voltage_spread_percent": 2.5, "cost": 400, "source": "a paper"},
        "sun": {"cost_change_percent": -9},
    }
    mine = dataclasses.replace(plan, options={**plan.options, "published": theirs})
    check = adnflex.validate(plan, net)
    text = comparison_table([Judged("all", net, mine, check), Judged("sun", net, mine, check)])
    lines = text.splitlines()
    below = {
        lines[k - 1].split()[0]: lines[k].split()[1:] for k in range(len(lines)) if lines[k].startswith("  published")
    }
    assert below == {"cost": ["400.00", "-"], "against": ["-", "-9.0", "%"], "peak-valley": ["2.50", "%", "-"]}
    assert lines[-1] == "published: a paper"
    flat = dataclasses.replace(plan, options={**plan.options, "published": {"imported_mwh": 4.5}})
    assert "  published" in comparison_table([Judged("all", net, flat, check)])


def test_an_unknown_study_exits_2_before_anything_is_solved(capsys, monkeypatch, net_file):
    monkeypatch.setattr(adnflex, "dispatch", lambda *_, **__: pytest.fail("solved in vain"))
    told = run(capsys, "dispatch", net_file, "--study", "plain,snu")
    assert told.code == cli.EXIT_INPUT
    assert "net.studies has no study 'snu'. Did you mean sun?" in told.err
    told = run(capsys, "dispatch", "case33bw", "--study", "1")
    assert told.code == cli.EXIT_INPUT
    assert "this net has no studies" in told.err


# --- wrong words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--periods", "4:2"], "--periods: '4:2' is not allowed; give rows of the profiles, each once and in order"),
        (["--periods", "a"], "--periods: 'a' is not allowed"),
        (["--periods", "2:9"], "periods 4, 5, 6, 7, 8 are outside the profiles"),
        (["--hours-per-period", "0"], "--hours-per-period: '0' is not allowed; give hours above 0."),
        (["--start-hour", "-1"], "--start-hour: '-1' is not allowed; give a clock hour of 0 or more."),
        (
            ["--loss-cost-per-mwh", "x"],
            "--loss-cost-per-mwh: 'x' is not allowed; give one number, or one for each period.",
        ),
        (["--carbon-price-per-kg", "-1"], "--carbon-price-per-kg: '-1' is not allowed"),
        (["--carbon-budget-kg", "inf"], "--carbon-budget-kg: 'inf' is not allowed; give kilograms"),
        (["--objective", "losses"], "--objective: 'losses' is not allowed; give 'cost' or 'carbon'."),
        (["--windows", "night"], "--windows: 'night' is not allowed; give None (one topology), 'month'"),
        (["--windows", "-1"], "--windows: '-1' is not allowed"),
        (["--windows", "0.5"], "windows is 0.5 h, and a period has"),
        (["--max-operations", "1.5"], "--max-operations: '1.5' is not allowed; give 0 or more"),
        (["--study", "1,,2"], "--study: '1,,2' is not allowed; give names such as 1,2,3."),
        (["--net-period", "-1"], "--net-period: '-1' is not allowed"),
        (
            ["--profiles", "load.p_mw"],
            "--profiles: 'load.p_mw' is not allowed; give a file too ('load.p_mw' names none), e.g. load.p_mw=day.csv",
        ),
        (["--profiles", "load.p=x.csv"], "give what varies in time ('load.p' does not): load.p_mw,"),
        (
            ["--vm-limits", "1.1", "0.9"],
            "--vm-limits: '1.1 0.9' is not allowed; give a lower limit below the upper one",
        ),
        (["--net-period", "2"], "--net-period: says which period --net writes; give --net FILE.json too."),
        (["--max-operations", "2"], "mean nothing while windows is 'fixed'; give windows=None"),
        (["--switching-cost", "2"], "mean nothing while windows is 'fixed'"),
        (["--switchable-lines", "2"], "mean nothing while windows is 'fixed'"),
        (["--switchable-switches", "2"], "mean nothing while windows is 'fixed'"),
    ],
)
def test_wrong_options_exit_2(capsys, net_file, words, message):
    told = run(capsys, "dispatch", net_file, *words)
    assert told.code == cli.EXIT_INPUT, told.err
    assert message in told.err


def test_a_net_is_of_one_study_and_of_a_period_of_the_plan(capsys, monkeypatch, net_file, tmp_path):
    monkeypatch.setattr(adnflex, "dispatch", lambda *_, **__: pytest.fail("solved in vain"))
    told = run(capsys, "dispatch", net_file, "--study", "plain,sun", "--net", tmp_path / "n.json")
    assert (told.code, told.err) == (cli.EXIT_INPUT, "adnflex: --net: writes one net; give one --study.\n")
    told = run(capsys, "dispatch", net_file, "--net", tmp_path / "n.json", "--net-period", "7")
    assert told.code == cli.EXIT_INPUT
    assert told.err == "adnflex: --net-period 7: the plan has 0 to 3; give one of its periods.\n"


def test_paths_are_checked_before_anything_runs(capsys, monkeypatch, net_file, tmp_path):
    monkeypatch.setattr(adnflex, "dispatch", lambda *_, **__: pytest.fail("solved in vain"))
    lost = tmp_path / "none" / "p.json"
    told = run(capsys, "dispatch", net_file, "--study", "plain,sun", "--plan", lost)
    assert told.code == cli.EXIT_INPUT
    assert f"--plan (study plain) {lost.with_name('p-plain.json')}: there is no folder {lost.parent}" in told.err
    told = run(capsys, "dispatch", net_file, "--report", net_file)
    assert told.err == f"adnflex: --report {net_file}: this is the file of NET; give another one.\n"


def test_a_failed_check_exits_1_and_writes_no_net(capsys, monkeypatch, net_file, net, plan, tmp_path):
    failed = dataclasses.replace(adnflex.validate(plan, net), passed=False, verdict="1 limit violated")
    monkeypatch.setattr(adnflex, "dispatch", lambda *_, **__: plan)
    monkeypatch.setattr(adnflex, "validate", lambda *_: failed)
    path = tmp_path / "n.json"
    told = run(capsys, "dispatch", net_file, "--net", path)
    assert told.code == cli.EXIT_FAILED
    assert f"{path} is not written: the plan failed its AC check." in told.err
    assert "AC check failed: 1 limit violated." in told.err
    assert not path.exists()


def test_solver_faults_exit_3(capsys, monkeypatch, net_file):
    told = run(capsys, "dispatch", net_file, "--solver", "nonesuch")
    assert told.code == cli.EXIT_SOLVER
    assert told.err.splitlines()[-1].startswith("adnflex: solver 'nonesuch' is unknown; use auto or one of:")

    def fail(*_, **__):
        raise SolverError("no proof.")

    monkeypatch.setattr(adnflex, "dispatch", fail)
    assert run(capsys, "dispatch", net_file, "--study", "plain,sun").code == cli.EXIT_SOLVER


def test_a_fault_exits_4(capsys, monkeypatch, net_file):
    monkeypatch.setattr(adnflex, "dispatch", lambda *_, **__: 1 / 0)
    told = run(capsys, "dispatch", net_file)
    assert told.code == cli.EXIT_FAULT
    assert "internal fault: ZeroDivisionError" in told.err


# --- Ctrl-C -----------------------------------------------------------------------------------------------


def test_ctrl_c_before_any_plan_exits_130(capsys, monkeypatch, net_file):
    monkeypatch.setattr(adnflex, "dispatch", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    told = run(capsys, "dispatch", net_file)
    assert (told.code, told.err) == (cli.EXIT_INTERRUPTED, "adnflex: interrupted; stopped at once.\n")


def test_ctrl_c_is_not_raised_where_nothing_catches_it():
    with Interruption() as interruption:
        interruption.heard(adnflex.Progress(0.1, 2.0, 1.0, "outer approximation"))
        signal.raise_signal(signal.SIGINT)
        for event in ("exact power flow", "building", "infeasible; looking for the reason"):
            interruption.heard(adnflex.Progress(0.2, 2.0, 1.0, event))
        interruption.heard(adnflex.Progress(0.2, math.inf, 1.0, "recovery"))
        # it has something to give back, where a solver would too
        with pytest.raises(KeyboardInterrupt):
            interruption.heard(adnflex.Progress(0.3, 2.0, 1.0, "recovery"))


def interrupted(plan, pressed_in):
    """Return what `adnflex.dispatch` gives when Ctrl-C is pressed in its proof in one of several calls."""
    calls = []

    def take(net, progress, **_):
        calls.append(net)
        progress(adnflex.Progress(0.1, 2.0, 1.0, "outer approximation"))
        if len(calls) != pressed_in:
            return plan
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            progress(adnflex.Progress(0.2, 2.0, 1.0, "outer approximation"))
        return dataclasses.replace(plan, status="interrupted", gap=0.25)

    return take


def test_ctrl_c_in_the_proof_keeps_the_best_plan(capsys, monkeypatch, net_file, plan, tmp_path):
    monkeypatch.setattr(adnflex, "dispatch", interrupted(plan, 1))
    told = run(capsys, "dispatch", net_file, "--plan", tmp_path / "p.json", "--quiet")
    assert told.code == cli.EXIT_OK
    assert told.err == "adnflex: interrupted; this is the best plan so far, at most 25.00% from the best possible.\n"
    assert adnflex.DispatchPlan.load(tmp_path / "p.json").status == "interrupted"


def test_ctrl_c_in_a_study_leaves_out_the_rest(capsys, monkeypatch, net_file, net, plan):
    check = adnflex.validate(plan, net)
    monkeypatch.setattr(adnflex, "dispatch", interrupted(plan, 2))
    monkeypatch.setattr(adnflex, "validate", lambda *_: check)
    told = run(capsys, "dispatch", net_file, "--study", "all,sun,plain")
    assert told.code == cli.EXIT_INTERRUPTED
    assert "study sun: interrupted; this is the best plan so far" in told.err
    assert told.err.splitlines()[-1] == "adnflex: interrupted; not run to an answer: study plain."
    assert "study all  study sun" in told.out


def test_ctrl_c_before_the_plan_of_a_later_study_keeps_the_earlier(capsys, monkeypatch, net_file, net, plan):
    check = adnflex.validate(plan, net)

    def take(studied, progress, **_):
        if studied.storage.in_service.any():
            return plan
        signal.raise_signal(signal.SIGINT)
        raise Infeasible("no set-points were found in the time given (interrupted, not proven).", None, False)

    monkeypatch.setattr(adnflex, "dispatch", take)
    monkeypatch.setattr(adnflex, "validate", lambda *_: check)
    told = run(capsys, "dispatch", net_file, "--study", "all,sun")
    assert told.code == cli.EXIT_INTERRUPTED
    assert "not run to an answer: study sun" in told.err
    assert "study all" in told.out


def test_an_unproven_plan_says_so(capsys, monkeypatch, net_file, plan):
    open_end = dataclasses.replace(plan, status="interrupted", gap=np.inf, bound=-np.inf)
    monkeypatch.setattr(adnflex, "dispatch", lambda *_, **__: open_end)
    told = run(capsys, "dispatch", net_file, "--quiet")
    assert "this is the best plan so far, with no bound proven yet." in told.err


# --- the case that comes with adnflex ---------------------------------------------------------------------


def test_the_three_studies_of_the_shipped_case(capsys, tmp_path):
    report = tmp_path / "studies.html"
    told = run(capsys, "dispatch", "ieee33_dispatch", "--study", "1,2,3", "--report", report)
    assert told.code == cli.EXIT_OK, told.err
    rows = {" ".join(line.split()[:2]): line.split()[2:] for line in told.out.splitlines()}
    assert rows["AC check"] == ["passed"] * 3
    costs = [float(x.replace(",", "")) for x in rows["cost [CNY]"]]
    assert costs == pytest.approx([36_950.5, 13_759.8, 13_144.6], rel=2e-3)
    assert [float(x) for x in rows["imported [MWh]"]] == pytest.approx([58.31, 13.44, 11.74], abs=0.05)
    assert report.stat().st_size > 500_000
