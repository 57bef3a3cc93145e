"""Net files of strangers: what pandapower writes is read, everything else is refused before anything is built of it."""

from __future__ import annotations

import builtins
import importlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import pandapower as pp
import pandapower.control
import pandapower.networks as pn
import pandapower.timeseries
import pandas as pd
import pytest

from adnflex import RollingCase, cli
from adnflex.errors import InputError
from adnflex.net_json import read_net
from adnflex.sources import open_net
from adnflex.text import cut


@pytest.fixture(scope="module")
def text() -> str:
    return pp.to_json(pn.simple_four_bus_system())


def written(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "net.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_net(path)
    assert len(caught.value.findings) == 1
    return str(caught.value)


# --- what pandapower writes is read -----------------------------------------------------------------------


def everything() -> pp.pandapowerNet:
    """Every kind of value that pandapower writes into a net."""
    net = pn.create_cigre_network_mv(with_der="all")
    net.bus["name"] = ['{"a": 1}', "ä \u202e", "[x]", *net.bus["name"].tolist()[3:]]
    net["scalar"], net["truth"], net["nothing"], net["number"] = np.float64(1.5), np.bool_(True), np.nan, np.int64(3)
    net["array"], net["pair"], net["kinds"] = np.arange(3.0), (1, "a"), {"a", "b"}
    net["index"], net["series"] = pd.Index([1, 2]), pd.Series([1.0, 2.0], index=[4, 5], name="s")
    net["many"] = pd.DataFrame({("a", 1): [1.0], ("b", 2): [2.0]}, index=pd.MultiIndex.from_tuples([(0, 1)]))
    net["dates"] = pd.DataFrame({"t": pd.to_datetime(["2024-01-01"]), "x": pd.Series([1], dtype="Int64")})
    source = pp.timeseries.DFData(pd.DataFrame({"0": [1.0, 2.0]}))
    pp.control.ConstControl(net, "load", "p_mw", element_index=[0], data_source=source, profile_name=["0"])
    net.trafo[["tap_side", "tap_pos", "tap_neutral", "tap_min", "tap_max"]] = ["hv", 0, 0, -2, 2]
    net.trafo[["tap_step_percent", "tap_changer_type"]] = [2.5, "Ratio"]
    pp.control.DiscreteTapControl(net, 0, 0.98, 1.02)
    pp.control.SplineCharacteristic(net, [0.0, 1.0, 2.0], [0.0, 1.0, 4.0])
    return net


def test_every_kind_of_value_is_read_as_pandapower_reads_it(tmp_path):
    path = tmp_path / "all.json"
    pp.to_json(everything(), str(path))
    mine, theirs = read_net(path), pp.from_json(str(path))
    assert set(mine) == set(theirs)
    for key in mine:
        assert type(mine[key]) is type(theirs[key]), key
        if key != "controller":
            assert str(mine[key]) == str(theirs[key]), key
    assert [type(c).__name__ for c in mine.controller["object"]] == ["ConstControl", "DiscreteTapControl"]


def test_a_mark_at_the_beginning_is_no_fault(tmp_path, text):
    path = tmp_path / "bom.json"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert len(read_net(path).bus) == 4


# --- what is refused: nothing is imported, no file opened --------------------------------------------------

_FUNCTION = {"_module": "evil", "_class": "function", "_object": "f"}


def inside(value: object, where: str, text: str) -> object:
    """Put an object into a net file, at one of the places that pandapower takes apart."""
    content = json.loads(text)
    net = content["_object"]
    if where == "net":
        net["x"] = value
    elif where == "list":
        net["x"] = [[1, [value]]]
    elif where == "cell":
        table = {"columns": ["a"], "index": [0], "data": [[value]]}
        net["x"] = {
            "_module": "pandas.core.frame",
            "_class": "DataFrame",
            "_object": json.dumps(table),
            "orient": "split",
        }
    elif where == "cell, written with escapes":
        cell = json.dumps({"columns": ["a"], "index": [0], "data": [[value]]}).replace("_module", "\\u005fmodule")
        net["x"] = {"_module": "pandas.core.frame", "_class": "DataFrame", "_object": cell, "orient": "split"}
    elif where == "controller":
        own = {"_module": "pandapower.control.basic_controller", "_class": "Controller"}
        net["x"] = {**own, "_object": json.dumps({"index": value})}
    elif where == "controller in a cell":
        own = {"_module": "pandapower.control.basic_controller", "_class": "Controller"}
        return inside({**own, "_object": json.dumps({"a": [value]})}, "cell", text)
    elif where == "net as text":
        return {**content, "_object": json.dumps({**content, "_object": {**net, "x": value}})}
    elif where == "argument":
        net["bus"]["dtype"]["name"] = value
    elif where == "array":
        net["x"] = {"_module": "numpy", "_class": "array", "_object": [value]}
    return content


PLACES = [
    "net", "list", "cell", "cell, written with escapes", "controller", "controller in a cell", "net as text",
    "argument", "array",
]  # fmt: skip
# No module of these may be imported, whatever its class is called.
STRANGERS = [
    ("evil", "function"), ("evil", "Class"), ("evil", "DataFrame"), ("evil", "pandapowerNet"), ("evil", "exec"),
    ("os", "system"), ("os", "function"), ("subprocess", "Popen"), ("builtins", "eval"), ("builtins", "open"),
    ("numpy", "function"), ("numpy", "memmap"), ("numpy", "void"), ("numpy", "bytes_"), ("numpy", "fromfile"),
    ("pandas", "read_pickle"), ("pandas", "HDFStore"), ("pandas.io.pickle", "Index"), ("pandapower", "from_pickle"),
    ("pandapower_evil", "Controller"), ("pandapower.evil", "Controller"), ("pandapower.io_utils", "function"),
    ("pandapower.toolbox", "Controller"), ("pandapower.control.basic_controller", "json"), ("shapely", "evil"),
    ("networkx", "Graph"), ("", "function"), ("pandapower.control", "method"),
]  # fmt: skip


@pytest.fixture
def sealed(monkeypatch, tmp_path):
    """A folder with a module in it that says when it is imported; imports and files are watched."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("evil", "pandapower_evil"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')\n")
    imported: list[str] = []
    real = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", lambda name, *a: imported.append(name) or real(name, *a))
    return imported


# every stranger at one place, and every place with some of them
TRIED = [*((where, *who) for where in PLACES for who in STRANGERS[:28:7]), *(("cell", *who) for who in STRANGERS)]


@pytest.mark.parametrize(("where", "module", "name"), list(dict.fromkeys(TRIED)))
def test_no_stranger_is_let_in_at_any_place(tmp_path, text, sealed, where, module, name):
    path = written(tmp_path, inside({"_module": module, "_class": name, "_object": "f"}, where, text))
    message = refusal(path)
    assert message.startswith(f"{path}: net.")
    assert f"'{module}'" in message
    assert message.endswith(
        "take it out of the net and write it again with pandapower.to_json, or read it yourself if you trust it."
    )
    assert sealed == []
    assert not {"evil", "pandapower_evil"} & set(sys.modules)


@pytest.mark.parametrize(
    "target", ["there.json", "/etc/passwd", "http://127.0.0.1:9/x.json", "file:///etc/passwd", "x"]
)
@pytest.mark.parametrize("name", ["DataFrame", "Series"])
def test_no_other_file_is_opened(monkeypatch, tmp_path, text, target, name):
    other = tmp_path / "there.json"
    other.write_text('{"columns": ["a"], "index": [0], "data": [[1]]}')
    target = str(other) if target == "there.json" else target
    content = json.loads(text)
    content["_object"]["x"] = {"_module": "pandas", "_class": name, "_object": target, "orient": "split"}
    path = written(tmp_path, content)

    def refuse(*_, **__):
        raise AssertionError("a file was opened")

    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(io, "open", refuse)
    message = refusal(path)
    monkeypatch.undo()
    assert f"net.x: holds '{cut(target, 60)}' in the place of JSON" in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"_object": "{}", "compression": "zip"}, "a DataFrame has no 'compression'"),
        ({"_object": "{}", "storage_options": {"a": 1}}, "a DataFrame has no 'storage_options'"),
        ({"_object": "{}", "orient": "table"}, "orient is 'table'"),
        ({"_object": "{}", "orient": {"a": 1}}, "orient is '{'a': 1}'"),
        ({"_object": "{}", "orient": ["split"]}, "orient is '['split']'"),
        ({"_object": "{}", "dtype": {"a": "U1000000000"}}, "'U1000000000' is no type of a column that is read"),
        ({"_object": "{}", "dtype": "Sparse[int]"}, "is no type of a column"),
        ({"_object": 5}, "holds no text of JSON"),
        ({"_object": {"a": 1}}, "holds no text of JSON"),
        ({}, "this DataFrame has no content"),
        ({"_object": '{"a": {"_module": "x", "_class": "y"}'}, "the JSON in it is damaged"),
        ({"_object": '{"a\\u00e4": 1, "a\\u00e4": 2}'}, "has the key 'aä' twice"),
        ({"_object": '{"columns": ["geo"], "index": [0], "data": [[{"type": "__class__"}]]}'}, "no type of GeoJSON"),
        ({"_class": ["DataFrame"]}, "names no class"),
    ],
)
def test_nothing_is_passed_on_that_pandapower_does_not_write(tmp_path, text, change, words):
    content = json.loads(text)
    content["_object"]["x"] = {"_module": "pandas.core.frame", "_class": "DataFrame", **change}
    assert ": net.x" in (message := refusal(written(tmp_path, content)))
    assert words in message


def test_damaged_and_odd_files_are_one_sentence(tmp_path, text):
    deep = "[" * 100_000 + "]" * 100_000
    content = json.loads(text)
    cases = {
        "": "this is no JSON",
        text[: len(text) // 2]: "this is no JSON",
        '{"_class": "pandapowerNet", "_class": "pandapowerNet"}': "has the key '_class' twice",
        deep: "is nested too deeply",
        json.dumps({**content, "_object": {**content["_object"], "x": json.loads("[" * 200 + "]" * 200)}}): "nested",
        '{"_class": "pandapowerNet", "x": ' + "9" * 5000 + "}": "Exceeds the limit",
        '{"_class": "pandapowerNet"}': "pandapower",
        '{"_class": "pandapowerNet", "_module": "pandapower.auxiliary"}': "has no content",
        '{"_class": "pandapowerNet", "_module": "pandapower.auxiliary", "_object": 3}': "net: holds no text of JSON",
        json.dumps({**content, "_object": {"format_version": "99.0", "version": "99.0"}}): "pandapower",
    }
    for text_of, words in cases.items():
        assert words in refusal(written(tmp_path, text_of))
    assert "it is a folder" in refusal(tmp_path)


def test_a_truncated_file_never_ends_in_another_error(tmp_path, text):
    for k in range(1, 40):
        refusal(written(tmp_path, text[: len(text) * k // 40 - 1]))


def test_every_way_in_is_guarded(tmp_path, capsys, text, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, inside(_FUNCTION, "net", text))
    with pytest.raises(InputError, match="names a function of the module 'evil'"):
        open_net(str(path))
    with pytest.raises(InputError, match="names a function of the module 'evil'"):
        RollingCase.load(path)
    for verb in ("reconfigure", "dispatch", "flexibility", "roll"):
        assert cli.main([verb, str(path)]) == cli.EXIT_INPUT
        assert "names a function of the module 'evil'" in capsys.readouterr().err
    pickle = tmp_path / "net.p"
    pickle.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(InputError, match="a pickle can run any program"):
        open_net(str(pickle))


# --- files of old versions --------------------------------------------------------------------------------


def of_version_1(net: pp.pandapowerNet, tables_name_their_class: bool) -> dict[str, object]:
    """Write a net as pandapower 1 did: kW with generation below zero, no class around it, or only around tables."""
    kept = {
        "bus": ["name", "vn_kv", "type", "zone", "in_service"],
        "load": ["name", "bus", "p_mw", "q_mvar", "sn_mva", "scaling", "in_service", "type"],
        "sgen": ["name", "bus", "p_mw", "q_mvar", "sn_mva", "scaling", "in_service", "type"],
        "ext_grid": ["name", "bus", "vm_pu", "va_degree", "in_service"],
        "switch": ["bus", "element", "et", "type", "closed"],
        "line": [
            "name",
            "from_bus",
            "to_bus",
            "length_km",
            "r_ohm_per_km",
            "x_ohm_per_km",
            "c_nf_per_km",
            "max_i_ka",
            "parallel",
            "df",
            "in_service",
        ],
        "trafo": [
            "name",
            "hv_bus",
            "lv_bus",
            "sn_mva",
            "vn_hv_kv",
            "vn_lv_kv",
            "pfe_kw",
            "i0_percent",
            "shift_degree",
            "parallel",
            "in_service",
            "tap_side",
            "tap_pos",
            "tap_neutral",
            "tap_min",
            "tap_max",
            "tap_step_percent",
            "tap_step_degree",
        ],
    }
    old = {"p_mw": "p_kw", "q_mvar": "q_kvar", "sn_mva": "sn_kva", "tap_neutral": "tp_mid", "tap_pos": "tp_pos"}
    old |= {"tap_side": "tp_side", "tap_min": "tp_min", "tap_max": "tp_max", "tap_step_percent": "tp_st_percent"}
    old["tap_step_degree"] = "tp_st_degree"
    content: dict[str, object] = {"version": 1.2, "f_hz": 50.0, "name": "old", "converged": False}
    for name, columns in kept.items():
        table = net[name][columns].copy()
        for column in table.columns.intersection(["p_mw", "q_mvar", "sn_mva"]):
            table[column] *= -1e3 if name == "sgen" and column != "sn_mva" else 1e3
        if name == "trafo":
            table[["vsc_percent", "vscr_percent"]] = net.trafo[["vk_percent", "vkr_percent"]]
        table = table.rename(columns=old)
        if tables_name_their_class:
            words = {"dtype": {c: str(t) for c, t in table.dtypes.items()}, "orient": "split"}
            known = {"_module": "pandas.core.frame", "_class": "DataFrame"}
            content[name] = {**known, **words, "_object": table.to_json(orient="split")}
        else:
            content[name] = json.loads(table.to_json())
    return content


@pytest.mark.parametrize("tables_name_their_class", [False, True])
def test_a_net_of_pandapower_1_is_the_same_net(tmp_path, tables_name_their_class):
    net = pn.simple_four_bus_system()
    net.trafo[["tap_side", "tap_pos", "tap_neutral", "tap_min", "tap_max"]] = ["hv", -1, 0, -2, 2]
    net.trafo[["tap_step_percent", "tap_changer_type"]] = [2.5, "Ratio"]
    pp.create_switch(net, 2, 0, et="l", closed=True)
    again = read_net(written(tmp_path, of_version_1(net, tables_name_their_class)))
    for name, column in (("load", "p_mw"), ("sgen", "q_mvar"), ("trafo", "vk_percent"), ("switch", "element")):
        assert again[name][column].tolist() == pytest.approx(net[name][column].tolist())
    for one in (net, again):
        pp.runpp(one)
    np.testing.assert_allclose(again.res_bus.vm_pu, net.res_bus.vm_pu, rtol=0, atol=1e-9)


@pytest.mark.parametrize("value", [_FUNCTION, {"_module": "os", "_class": "system", "_object": "x"}])
def test_no_stranger_comes_in_an_old_net(tmp_path, sealed, value):
    content = of_version_1(pn.simple_four_bus_system(), tables_name_their_class=True)
    before = len(sealed)
    assert "only pandapower's own objects" in refusal(written(tmp_path, {**content, "x": value}))
    assert sealed[before:] == []


def test_what_has_buses_of_another_program_is_no_net(tmp_path):
    for buses in ([], {}, {"1": {"v": 1.0}}, {"vn_kv": 20.0}):
        assert "holds no pandapower net" in refusal(written(tmp_path, {"bus": buses}))
