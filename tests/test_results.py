"""A plan on disk is the plan: what is read back is what was written, and what is no plan is refused."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import hashlib
import json
import math
import random
import typing

import pandapower.networks as pn
import pandas as pd
import pytest

import adnflex
from adnflex.errors import InputError
from adnflex.results import Plan, RollingRun
from adnflex.results.boxes import Box
from adnflex.results.codec import Saved, _made, _Odd

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
    assert set(TABLES) >= {"switches", "buses", "branches", "progress", "topology", "coordinates"}
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


def sealed(content: object, form: str = "adnflex-plan-1") -> str:
    """A file with the right digest, as somebody writes it who knows how."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({"format": form, "sha256": digest, "content": content})


WITHOUT = {"vm_limits": None, "max_loading_percent": None, "limits": [], "standard": "", "soft": False}


def changed(**values: object):
    """Change the content, and its digest with it."""

    def change(text: str) -> str:
        content = json.loads(text)["content"] | values
        return sealed({k: v for k, v in content.items() if v != "drop"})

    return change


def marked(form: str):
    return lambda text: sealed(json.loads(text)["content"], form)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (cut, r"cannot be read \(.*\); give a file written by Plan\.save\.$"),
        (lambda text: "not json", r"cannot be read \(.*\); give a file written by Plan\.save\.$"),
        (lambda text: "", r"cannot be read \(.*\); give a file written by Plan\.save\.$"),
        (lambda text: "[]", "is not a plan of format adnflex-plan-1; give a file written by Plan.save.$"),
        (lambda text: "{}", "is not a plan of format adnflex-plan-1; give a file written by Plan.save.$"),
        (marked("adnflex-plan-0"), "is not a plan of format adnflex-plan-1 but of adnflex-plan-0; give"),
        (marked("adnflex-dispatch-1"), "is not a plan of format adnflex-plan-1 but of adnflex-dispatch-1; give"),
        (marked("adnflex-plan-2"), "is of the format adnflex-plan-2, and this version reads .*; update adnflex, or"),
        (lambda text: text.replace('"sha256"', '"sha"'), "carries no digest"),
        (lambda text: json.dumps(json.loads(text)["content"] | {"format": "adnflex-plan-1"}), "carries no digest"),
        (lambda text: text.replace('"gap":', '"gap":1,"gap":'), r"cannot be read \(an object has the same key twice"),
        (lambda text: text.replace('"gap":0.0', '"gap":NaN'), r"cannot be read \(NaN is no JSON\)"),
        (lambda text: "[" * 100_000, r"cannot be read \(nested too deeply\)"),
        (lambda text: text.replace('"closed_after"', '"closed_aftr"', 1), "its digest is .* was written with it, so"),
        (changed(bound="drop"), "lacks or has too much of bound; give a file written by Plan.save.$"),
        (changed(extra=1, gap="drop"), "lacks or has too much of extra, gap; give"),
    ],
    ids=[
        "cut",
        "text",
        "empty",
        "list",
        "object",
        "other format",
        "other kind",
        "newer",
        "no digest",
        "first version",
        "key twice",
        "not a number",
        "deep",
        "edited",
        "missing key",
        "missing and odd key",
    ],
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


def renamed(table: str, old: str, new: str):
    def change(text: str) -> str:
        content = json.loads(text)["content"]
        labels = content[table]["columns"]["labels"]
        labels[labels.index(old)] = new
        return sealed(content)

    return change


def cell(table: str, column: str, value: object):
    def change(text: str) -> str:
        content = json.loads(text)["content"]
        content[table]["table"][0][content[table]["columns"]["labels"].index(column)] = value
        return sealed(content)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed(asked_limits=WITHOUT | {"vm_limits": [0.9]}), r"asked_limits.vm_limits is \[0.9\], not 2 values"),
        (changed(asked_limits=WITHOUT | {"vm_limits": [1.1, 0.9]}), "vm_limits are 1.1 and 0.9, not in order"),
        (changed(asked_limits=WITHOUT | {"standard": "none"}), "none is no standard of limits"),
        (changed(asked_limits=WITHOUT | {"limits": [["load", "p_mw", 3, 1.0]]}), "load.p_mw is no limit"),
        (changed(notes=None), "notes is None, not a list"),
        (changed(notes=["a", 3]), r"notes\[1\] is 3, not text"),
        (changed(switches={"table": {"columns": 3}}), "table switches: has to have the parts"),
        (changed(bound=None), "bound is None, not a number"),
        (changed(bound={"float": "nan"}), "bound is not a number"),
        (changed(bound=1e9), "bound 1e.09 is above the objective .* that it bounds"),
        (changed(gap=True), "gap is True, not a number"),
        (changed(seconds=10**400), "seconds is 1000.*, not a number"),
        (changed(weights=[]), r"weights is \[\], not an object"),
        (changed(weights={"losses": "much"}), "weights.losses is much, not a number"),
        (changed(status=3), "status is 3, not text"),
        (renamed("switches", "closed_after", "closed"), "table switches has no column closed_after"),
        (renamed("buses", "vm_pu", "name"), "table buses has no column vm_pu"),
        (renamed("switches", "closed_after", "operated"), "table switches has"),
        (cell("switches", "closed_after", 1), "column closed_after holds 1 among values of the type bool"),
        (cell("switches", "index", "3"), "column index holds 3 among values of the type int64"),
        (cell("switches", "index", 10**40), "column index is not of the type int64"),
        (cell("buses", "vm_pu", "high"), "column vm_pu holds high among values of the type float64"),
        (cell("buses", "vm_pu", [1.0]), "column vm_pu holds"),
    ],
)
def test_a_plan_with_odd_contents_is_refused_by_its_field(path, change, words):
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=words) as caught:
        Plan.load(path)
    assert all(f.startswith(f"plan file {path}: ") for f in caught.value.findings)
    assert all(f.endswith("; give a file written by Plan.save.") for f in caught.value.findings)


def test_types_of_columns_are_those_of_tables(path):
    content = json.loads(path.read_text())["content"]
    for kind in ("U1000000000", "Sparse[int]", "interval", 7, "category", ""):
        content["buses"]["dtypes"][0] = kind
        path.write_text(sealed(content))
        with pytest.raises(InputError, match="which no table has"):
            Plan.load(path)


# --- every kind of file: whatever is changed in it, reading gives the same or says what is wrong ---------------


def box() -> Box:
    kinds = {float: 1.0, int: 1, str: "x", bool: True, pd.DataFrame: pd.DataFrame({"a": [1.0]})}
    hints = typing.get_type_hints(Box)
    return Box(**{f.name: kinds.get(hints[f.name]) for f in dataclasses.fields(Box)})


@dataclasses.dataclass(frozen=True)
class Inner(Saved):
    """Every kind of field that results have."""

    text: str
    whole: int
    number: float
    truth: bool
    perhaps: float | None
    limits: tuple[float, float] | None
    notes: tuple[str, ...]
    weights: dict[str, float]
    options: dict[str, typing.Any]
    table: pd.DataFrame
    series: pd.Series
    box: Box
    tables: dict[str, pd.DataFrame]

    _form = "adnflex-inner-1"


def test_every_kind_of_field_survives(tmp_path):
    levels = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None])
    table = pd.DataFrame([[1.0, math.nan], [math.inf, -math.inf]], index=levels, columns=levels)
    mixed = pd.DataFrame({"i": [1, 2], "b": [True, False], "t": ["x", None], "n": pd.array([1, None], dtype="Int64")})
    whole = Inner(
        "ä\u202e\ud800", 3, -math.inf, True, None, (0.9, 1.1), ("a", ""), {"x": math.nan},
        {"a": [1, {"b": math.inf}], "c": None}, table, pd.Series([1.5, 2.5], index=[3, 4]),
        box(),
        {"one": mixed},
    )  # fmt: skip
    whole.save(tmp_path / "x.json")
    back = Inner.load(tmp_path / "x.json")
    for item in dataclasses.fields(Inner):
        old, new = getattr(whole, item.name), getattr(back, item.name)
        if item.name == "table":
            pd.testing.assert_frame_equal(old, new)
        elif item.name == "series":
            pd.testing.assert_series_equal(old, new)
        elif item.name == "tables":
            pd.testing.assert_frame_equal(old["one"], new["one"])
        elif item.name != "box":
            assert str(old) == str(new), item.name
    back.save(tmp_path / "y.json")
    assert (tmp_path / "x.json").read_text() == (tmp_path / "y.json").read_text()


def test_every_result_that_is_saved_has_fields_that_can_be(tmp_path):
    """An annotation that the reader does not know would be found only by whoever reads the first file."""
    kinds = [k for k in vars(adnflex.results).values() if isinstance(k, type) and issubclass(k, Saved) and k._form]
    assert {k.__name__ for k in kinds} >= {"Plan", "DispatchPlan", "Flexibility", "Region", "RollingRun", "Comparison"}
    assert len({k._form for k in kinds}) == len(kinds)
    for kind in kinds:
        content = {f.name: None for f in dataclasses.fields(kind)}
        path = tmp_path / "x.json"
        path.write_text(sealed(content, kind._form))
        with pytest.raises(InputError, match="has odd contents"):
            kind.load(path)
        for name, hint in typing.get_type_hints(kind).items():
            if name in content:
                with contextlib.suppress(_Odd):
                    _made(hint, None, name)  # a TypeError says that the codec does not know it


WORDS = [None, True, -1, 0, 10**30, 1.5, "", "x", [], {}, [[]], {"float": "inf"}, {"table": []}, "NaN", [1, "a"]]


def mutated(content: object, rng: random.Random) -> object:
    """Change one thing somewhere: a value, a key, the length of a list."""
    places = []

    def walk(value):
        keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
        for key in keys:
            places.append((value, key))
            walk(value[key])

    walk(content)
    # a value near the top is as likely as one of ten thousand cells
    parent, key = rng.choice(places[: rng.choice([5, 50, 500, len(places)])])
    how = rng.randrange(4)
    if how == 0:
        del parent[key]
    elif how == 1 and isinstance(parent, dict):
        parent[rng.choice(["x", "", "index", key + "_"])] = parent.pop(key)
    elif how == 2 and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    else:
        parent[key] = copy.deepcopy(rng.choice(WORDS))
    return content


@pytest.mark.parametrize("with_digest", [True, False])
def test_whatever_is_changed_reading_gives_the_same_or_an_input_error(path, tmp_path, with_digest):
    original = json.loads(path.read_text())
    same, faults = 0, []
    for seed in range(150):
        rng = random.Random(seed)
        if with_digest:
            text = sealed(mutated(copy.deepcopy(original["content"]), rng))
        else:
            text = json.dumps(mutated(copy.deepcopy(original), rng))
        other = tmp_path / "other.json"
        other.write_text(text)
        try:
            back = Plan.load(other)
        except InputError as error:
            faults += error.findings
            continue
        same += 1
        back.save(other)
        if not with_digest:
            assert other.read_text() == path.read_text()
        back.summary()
    assert same < (100 if with_digest else 15)
    assert all(fault.startswith("plan file ") for fault in faults)


def test_bytes_that_are_changed_are_found(path, tmp_path):
    data = path.read_bytes()
    for seed in range(100):
        rng = random.Random(seed)
        k = rng.randrange(len(data))
        other = tmp_path / "other.json"
        other.write_bytes(data[:k] + bytes([rng.randrange(256)]) + data[k + 1 :])
        try:
            back = Plan.load(other)
        except InputError:
            continue
        back.save(other)
        assert other.read_bytes() == data


def test_a_row_that_is_read_by_name_is_missed_when_a_file_is_read(tmp_path):
    case = adnflex.RollingCase.load("rolling33", library_days=20)
    run = adnflex.schedule_rolling(case, policy="pool", seed=1, reactive=None)
    for row in run.costs.index:
        for costs in (run.costs.drop(index=row), run.costs.rename(index={row: "x"})):
            dataclasses.replace(run, costs=costs).save(tmp_path / "run.json")
            with pytest.raises(InputError, match=f"table costs has not one row {row}"):
                RollingRun.load(tmp_path / "run.json")
    run.save(tmp_path / "run.json")
    assert RollingRun.load(tmp_path / "run.json").summary() == run.summary()
