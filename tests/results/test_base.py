"""What all results share, asked of every kind: files, lines, tables, workbooks; and what `load` refuses."""

from __future__ import annotations

import csv
import dataclasses
import math
import sys

import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex import results
from adnflex.errors import InputError, OutputError
from adnflex.problems.reliability.study import reliability
from adnflex.results.base import Result
from tests.region_nets import feeder

KINDS = sorted(
    (c for c in vars(results).values() if isinstance(c, type) and issubclass(c, Result) and c._form),
    key=lambda c: c.__name__,
)


@pytest.fixture(scope="session")
def every():
    """One of each kind, as verbs make them."""
    found: list[Result] = []
    net = pp.networks.case33bw()
    net.line.loc[0, "name"] = "=1+1"  # no formula
    net.line.loc[1, "name"] = "<b>\x07"
    plan = adnflex.plan_from(net, open_lines=[6, 8, 13, 31, 36], name="<case>")
    found += [plan, adnflex.validate(plan, net)]
    frontier = adnflex.operations_frontier(net, [0, 2], workers=1, name="<case>")
    found += [frontier, adnflex.validate(frontier, net)]
    day = adnflex.networks.study(adnflex.networks.load("ieee33_dispatch"), "2")
    dispatch = adnflex.dispatch(day, periods=range(17, 18))
    found += [dispatch, adnflex.validate(dispatch, day)]
    found.append(adnflex.Pareto(pd.DataFrame({"cost": [1.0], "status": ["optimal"]}), (dispatch,)))
    found.append(adnflex.draw_scenarios(day, count=6, keep=2, runs=2, vehicles={32: 3}, name="<case>"))
    park = adnflex.networks.load("park33_flexibility")
    flex = adnflex.flexibility(park, periods=[10])
    found += [flex, adnflex.validate(flex, park, trajectories=6, levels=3)]
    found.append(adnflex.flexibility_sweep(park, [0], hours_per_period=24.0, workers=1, name="<case>"))
    found.append(flex.disaggregate((flex.lower_mw + flex.upper_mw) / 2))
    small = feeder(tap=False, bank=False)
    region = adnflex.pq_region(small, directions=4)
    found += [region, adnflex.validate(region, small)]
    case = adnflex.RollingCase.load("rolling33")
    run = adnflex.schedule_rolling(case, "own", seed=1, reactive=None)
    found += [run, adnflex.validate(run, case.net)]
    switching = adnflex.switching_sequence(plan, net)
    found += [switching, adnflex.validate(switching, net)]
    outage = adnflex.restore(net, ("line", 10), vm_limits=(0.85, 1.1), name="<case>")
    found += [outage, adnflex.validate(outage, net)]
    found.append(adnflex.contingencies(net, outages=["trafo", "ext_grid"], max_operations=1, vm_limits=(0.85, 1.1)))
    ring = feeder(tap=False, bank=False)
    situations = {"day": ring, "night": ring}
    periods = adnflex.reconfigure(ring, situations=situations, workers=1)
    found += [periods, adnflex.validate(periods, ring)]
    found.append(reliability(net, [("line", 0), ("line", 5)], {}, {}))
    found.append(adnflex.sweep({"<case>": ring}, workers=1))
    index = pd.Index([0], name="day")
    items = pd.DataFrame({"total": [1.0], "stored_value": [0.0]}, index=pd.MultiIndex.from_tuples([("base", 0)]))
    found.append(adnflex.Comparison("case", 1, "EUR", pd.DataFrame({"base": [1.0]}, index=index), items))
    return {type(r).__name__: r for r in found}


def test_completion_shows_public_names_only(every):
    for found in (adnflex, *every.values()):
        shown = {name for name in dir(found) if not name.startswith("__")}
        assert not {name for name in shown if name.startswith("_")}
        # nothing public is hidden
        fields = {f.name for f in dataclasses.fields(found)} if isinstance(found, Result) else set(adnflex.__all__)
        assert {name for name in fields if not name.startswith("_")} <= shown
    assert {"save", "load", "summary", "to_excel"} <= set(dir(every["Plan"]))
    assert {name for name in dir(adnflex) if not name.startswith("__")} == set(adnflex.__all__)


def test_every_kind_is_tried(every):
    assert set(every) == {kind.__name__ for kind in KINDS}


def same(a: object, b: object, place: str) -> None:
    if isinstance(a, pd.DataFrame | pd.Series):
        assert list(a.index) == list(b.index), place
        frames = (x.to_frame() if isinstance(x, pd.Series) else x for x in (a, b))
        left, right = (x.astype(object).where(x.notna(), None).to_numpy().tolist() for x in frames)
        assert str(left) == str(right), place
    elif dataclasses.is_dataclass(a):
        assert type(a) is type(b)
        for item in dataclasses.fields(a):
            same(getattr(a, item.name), getattr(b, item.name), f"{place}.{item.name}")
    elif isinstance(a, tuple) and a and dataclasses.is_dataclass(a[0]):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            same(one, other, place)
    elif place.endswith(".options"):
        assert set(a) == set(b)
    else:
        assert str(a) == str(b), place


@pytest.mark.parametrize("kind", [k.__name__ for k in KINDS])
def test_saved_loaded_and_shown_again(every, kind, tmp_path):
    result = every[kind]
    result.save(tmp_path / "a.json")
    back = adnflex.load(tmp_path / "a.json")
    same(result, back, kind)
    assert result in [back, result]  # tables have no truth value: a result equals itself only
    assert back != result
    back.save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()
    assert repr(back) == repr(result)
    assert "\n" not in repr(result)
    assert len(repr(result)) < 400
    assert repr(result).startswith(f"<{kind}")
    html = result._repr_html_()
    assert kind in html
    assert "<case>" not in html
    assert html.count("<tr>") == len(result.headline) + sum(len(t) > 0 for t in result.tables().values())


def test_the_only_period_need_not_be_named(every):
    day = adnflex.networks.study(adnflex.networks.load("ieee33_dispatch"), "2")
    park = adnflex.networks.load("park33_flexibility")
    for kind, net in (("DispatchPlan", day), ("Flexibility", park), ("Disaggregation", park)):
        alone, named = every[kind].apply(net), every[kind].apply(net, 17 if net is day else 10)
        assert alone.sgen.p_mw.equals(named.sgen.p_mw)
        with pytest.raises(InputError, match="there are 1"):
            every[kind].apply(net, 3)


@pytest.mark.parametrize("kind", [k.__name__ for k in KINDS])
def test_workbook_and_csv_hold_every_table(every, kind, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    result = every[kind]
    filled = {"figures": result.figures(), **{n: t for n, t in result.tables().items() if len(t)}}
    files = result.to_csv(tmp_path / "new" / "folder")
    assert {p.stem for p in files} == set(filled)
    book = openpyxl.load_workbook(result.to_excel(tmp_path / "x.xlsx"))
    assert len(book.sheetnames) == len(filled)
    for sheet, (name, table) in zip(book.worksheets, filled.items(), strict=True):
        size = len(table) + table.columns.nlevels, len(table.columns) + table.index.nlevels
        assert (sheet.max_row, sheet.max_column) == size, name
        assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
        with (tmp_path / "new" / "folder" / f"{name}.csv").open(newline="") as file:
            rows = list(csv.reader(file))
        assert (len(rows), len(rows[0])) == size, name


@pytest.mark.parametrize(
    ("kind", "net"),
    [
        ("Plan", pp.networks.case33bw),
        ("DispatchPlan", lambda: adnflex.networks.load("ieee33_dispatch")),
        ("Flexibility", lambda: adnflex.networks.load("park33_flexibility")),
        ("Region", lambda: feeder(tap=False, bank=False)),
        ("RollingRun", lambda: adnflex.RollingCase.load("rolling33").net),
    ],
)
def test_a_report_draws_a_result_without_a_map_from_the_net(every, kind, net, tmp_path):
    result = every[kind]
    if hasattr(result, "topology"):
        result = dataclasses.replace(result, topology=pd.DataFrame(), coordinates=pd.DataFrame())
    beside = [every["Flexibility"]] if kind == "Region" else []
    text = adnflex.report([*beside, result], None, tmp_path / "r.html", net=net()).read_text(encoding="utf-8")
    assert "give report() the net" not in text


def test_values_of_a_workbook_are_those_of_the_tables(every, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    plan = every["Plan"]
    sheet = openpyxl.load_workbook(plan.to_excel(tmp_path / "x.xlsx"))["buses"]
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == ("bus", "vm_pu", "node")
    assert [row[1] for row in rows[1:]] == plan.buses["vm_pu"].tolist()
    names = [row[3] for row in openpyxl.load_workbook(tmp_path / "x.xlsx")["topology"].iter_rows(values_only=True)]
    assert names[1:3] == ["=1+1", "<b>�"]


def test_figures_hold_infinity_and_nothing_as_words(every, tmp_path):
    plan = every["Plan"]
    assert math.isinf(plan.bound)
    text = next(p for p in plan.to_csv(tmp_path) if p.stem == "figures").read_text()
    assert "bound,-inf" in text


def test_without_openpyxl_the_error_says_what_to_install(every, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(InputError, match=r"pip install 'adnflex\[excel\]'.*to_csv"):
        every["Plan"].to_excel(tmp_path / "x.xlsx")
    assert not list(tmp_path.iterdir())


def test_what_a_sheet_cannot_hold_is_refused_by_name(every, tmp_path):
    pytest.importorskip("openpyxl")
    wide = dataclasses.replace(every["Plan"], progress=pd.DataFrame(0.0, index=[0], columns=range(17_000)))
    with pytest.raises(InputError, match=r"table progress has 2 rows and 17,001 columns .*use to_csv"):
        wide.to_excel(tmp_path / "x.xlsx")


def test_a_folder_that_cannot_be_made_is_an_output_error(every, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        every["Plan"].to_csv(tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read"),
        ("{}", "give a file written by"),
        ('{"format": "adnflex-plan-99", "sha256": "", "content": {}}', "update adnflex"),
        ('{"format": "adnflex-check-99", "sha256": "", "content": {}}', r"update adnflex.*Check\.save"),
        ('{"format": "adnflex-scheduler-1", "sha256": "", "content": {}}', "is of the kind adnflex-scheduler-1, which"),
    ],
)
def test_load_says_what_a_file_is(tmp_path, text, words):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=words):
        adnflex.load(tmp_path / "x.json")


def test_compare_plans_refuses_a_mix(every):
    with pytest.raises(InputError, match="kinds Plan, Region, give all of one kind"):
        adnflex.compare_plans(every["Plan"], every["Region"])
    with pytest.raises(InputError, match="give two or more"):
        adnflex.compare_plans(every["Plan"])
    with pytest.raises(InputError, match="kinds Check"):
        adnflex.compare_plans(every["Check"], every["Check"])
    other = dataclasses.replace(every["Plan"], weights={"voltage": 1.0}, objective_name="voltage", unit="pu")
    with pytest.raises(InputError, match="different objectives"):
        adnflex.compare_plans(every["Plan"], other)


@pytest.mark.parametrize("kind", ["Plan", "DispatchPlan", "Flexibility", "Region", "RollingRun"])
def test_a_plan_beside_itself_changes_nothing(every, kind):
    table = adnflex.compare_plans(every[kind], every[kind])
    assert table.index.is_unique
    assert table["change_percent"].tolist() == [0.0, 0.0]
    assert table.iloc[0].astype(str).tolist() == table.iloc[1].astype(str).tolist()


def test_the_command_line_reports_any_mix_of_saved_results(every, tmp_path, capsys):
    from adnflex.cli import main

    names = ["DispatchPlan", "DispatchCheck", "Flexibility", "FlexibilityCheck", "RollingRun"]
    for name in ["Plan", "Check", *names]:
        every[name].save(tmp_path / f"{name}.json")
    plan, check = (str(tmp_path / f"{name}.json") for name in ("Plan", "Check"))
    files = [str(tmp_path / f"{name}.json") for name in names]
    for place, given in enumerate([[plan, check, *files], [plan, check], [plan]]):
        assert main(["report", *given, "--report", str(tmp_path / f"{place}.html")]) == 0
    assert "&lt;case&gt;" in (tmp_path / "1.html").read_text(encoding="utf-8")
    assert main(["report", check, plan, "--report", str(tmp_path / "no.html")]) == 2
    assert "without a plan before it" in capsys.readouterr().err
    assert not (tmp_path / "no.html").exists()
