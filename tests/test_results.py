"""A plan on disk is the plan: what is read back is what was written, and what is no plan is refused."""

from __future__ import annotations

import dataclasses
import json
import math

import pandapower.networks as pn
import pandas as pd
import pytest

import adnflex
from adnflex.errors import AdnflexError, InputError
from adnflex.results import Plan

TABLES = [f.name for f in dataclasses.fields(Plan) if f.type == "pd.DataFrame"]


@pytest.fixture(scope="module")
def net():
    net = pn.create_cigre_network_mv()
    # names that look like numbers, dates and nothing, which no reader may turn into any of these
    net.line["name"] = ["01", "2020-01-01", "", "nan", "True", *net.line["name"].tolist()[5:]]
    net.bus["name"] = ["007", "1e3", *net.bus["name"].tolist()[2:]]
    return net


@pytest.fixture(scope="module")
def plan(net):
    return adnflex.reconfigure(net, vm_limits=(0.85, 1.1), workers=1)


@pytest.fixture
def path(plan, tmp_path):
    plan.save(tmp_path / "plan.json")
    return tmp_path / "plan.json"


def test_tables_survive(plan, path):
    assert set(TABLES) == {"switches", "buses", "branches", "progress", "topology", "coordinates"}
    back = Plan.load(path)
    for name in TABLES:
        old, new = getattr(plan, name), getattr(back, name)
        assert len(old) > 0
        finite = old.replace([math.inf, -math.inf], math.nan)
        pd.testing.assert_frame_equal(
            new.replace([math.inf, -math.inf], math.nan),
            finite,
            check_dtype=False,
            check_names=False,
            rtol=1e-12,
            atol=1e-14,
            obj=name,
        )
    for name, columns in {"switches": ["closed_before", "closed_after", "operated"], "branches": ["closed"]}.items():
        assert all(kind.kind == "b" for kind in getattr(back, name)[columns].dtypes)
    for name in ("switches", "branches"):
        assert getattr(back, name)["index"].dtype == int
    assert back.buses.index.dtype == int
    assert [list(map(int, s)) for s in back.switches["switches"]] == [list(s) for s in plan.switches["switches"]]
    assert back.coordinates["name"].tolist()[:2] == ["007", "1e3"]


def test_everything_else_survives(plan, path):
    back = Plan.load(path)
    for item in dataclasses.fields(Plan):
        if item.name not in (*TABLES, "options"):
            assert getattr(back, item.name) == getattr(plan, item.name), item.name
            assert type(getattr(back, item.name)) is type(getattr(plan, item.name)), item.name
    assert back.summary() == plan.summary()
    assert (back.open_lines, back.operations) == (plan.open_lines, plan.operations)


def test_a_plan_read_back_is_as_good(plan, path, net):
    back = Plan.load(path)
    first, second = adnflex.validate(plan, net), adnflex.validate(back, net)
    assert second.passed
    assert second.certificate == pytest.approx(first.certificate, abs=1e-15)
    assert second.verdict == first.verdict
    # once more through the disk changes nothing
    back.save(again := path.with_name("again.json"))
    assert again.read_text() == path.read_text()


def test_infinities_survive(plan, tmp_path):
    """No bound and no gap are what is left where an end came early."""
    early = dataclasses.replace(plan, bound=-math.inf, gap=math.inf, losses_before_mw=math.nan)
    early.save(tmp_path / "early.json")
    back = Plan.load(tmp_path / "early.json")
    assert (back.bound, back.gap) == (-math.inf, math.inf)
    assert math.isnan(back.losses_before_mw)
    assert back.progress["bound"].dtype == float


def test_infinities_in_progress_survive(plan, path):
    assert (plan.progress["bound"] == -math.inf).any()
    assert Plan.load(path).progress["bound"].tolist() == pytest.approx(plan.progress["bound"].tolist(), rel=1e-12)


def cut(text: str) -> str:
    return text[: len(text) // 2]


def changed(**values: object):
    def change(text: str) -> str:
        content = json.loads(text) | values
        return json.dumps({k: v for k, v in content.items() if v != "drop"})

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (cut, r"cannot be read \(.*\); give a file written by Plan\.save\.$"),
        (lambda text: "not json", r"cannot be read \(.*\); give a file written by Plan\.save\.$"),
        (lambda text: "", r"cannot be read \(.*\); give a file written by Plan\.save\.$"),
        (lambda text: "[]", "is not a plan of format adnflex-plan-1; give a file written by Plan.save.$"),
        (lambda text: "{}", "is not a plan of format adnflex-plan-1; give a file written by Plan.save.$"),
        (changed(format="adnflex-plan-0"), "is not a plan of format adnflex-plan-1"),
        (changed(bound="drop"), "lacks or has too much of bound; give a file written by Plan.save.$"),
        (changed(extra=1, gap="drop"), "lacks or has too much of extra, gap; give"),
    ],
    ids=["cut", "text", "empty", "list", "object", "other format", "missing key", "missing and odd key"],
)
def test_what_is_no_plan_is_refused(path, change, words):
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=rf"^plan file .*{path.name}: {words}"):
        Plan.load(path)


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        Plan.load(tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="cannot be read"):
        Plan.load(tmp_path / "binary.json")


@pytest.mark.parametrize(
    "change",
    [changed(vm_limits=[0.9]), changed(notes=None), changed(switches={"table": {"columns": 3}})],
    ids=["limits", "notes", "table"],
)
def test_a_plan_with_odd_contents_is_refused(path, change):
    path.write_text(change(path.read_text()))
    with pytest.raises(AdnflexError):
        Plan.load(path)
