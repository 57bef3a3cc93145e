"""A sweep: what its cells say, how it goes on after every way to die, and what it refuses by name."""

from __future__ import annotations

import copy
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex.arguments.table import ARGUMENTS
from adnflex.cli import EXIT_FAILED, EXIT_INPUT, EXIT_OK, main
from adnflex.errors import InputError
from adnflex.knobs import Horizon
from adnflex.study.variants import varied
from adnflex.verbs import sweep_cells
from tests.travelling import Travelling

LIMITS = {"vm_limits": (0.9, 1.1)}


def ring(load: float = 1.0) -> pp.pandapowerNet:
    """Five buses in a ring with a plant of each of two types."""
    net = copy.deepcopy(_ring())
    net.load["p_mw"] *= load
    return net


@cache
def _ring() -> pp.pandapowerNet:
    net = pp.create_empty_network(name="ring")
    for k in range(5):
        pp.create_bus(net, 20.0)
        if k:
            pp.create_load(net, k, 0.5 + 0.2 * k, 0.2)
    pp.create_ext_grid(net, 0)
    for a, b in ((0, 1), (1, 2), (2, 3), (3, 4), (4, 0)):
        pp.create_line_from_parameters(net, a, b, 5.0, 0.2 + 0.1 * a, 0.3, 0.0, 0.5)
    net.line.loc[1, "in_service"] = False
    pp.create_sgen(net, 2, 0.4, type="PV")
    pp.create_sgen(net, 3, 0.2, type="WP")
    return net


def unchanged(table: pd.DataFrame) -> pd.DataFrame:
    """Return what does not depend on the machine or on where it was run."""
    return table.drop(columns=["cpu_s", "file"])


VARIANTS = {"today": {}, "more": {"scale": {"load": 1.5}}, "few": {"max_operations": 0}}
TWO = {"today": {}, "few": {"max_operations": 0}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep") / "new" / "store"
    return adnflex.sweep({"a": ring()}, VARIANTS, workers=2, store=folder, **LIMITS)


def test_a_row_says_what_the_verb_itself_says(whole):
    net, found = ring(), whole
    assert found.table["status"].tolist() == ["optimal"] * 3
    assert found.table["passed"].all()
    for name, changes in VARIANTS.items():
        arguments = {k: v for k, v in changes.items() if k != "scale"}
        other = varied(net, changes, Horizon())
        alone = adnflex.reconfigure(other, workers=1, **LIMITS, **arguments)
        check = adnflex.validate(alone, other)
        row = found.table.set_index("variant").loc[name]
        assert (row["objective"], row["bound"], row["operations"]) == (alone.objective, alone.bound, alone.operations)
        assert (row["losses_after"], row["losses_before"]) == (check.losses_mw, check.losses_before_mw)
        assert found.result("a", name).switches.equals(alone.switches)
        assert found.result("a", name, "check").verdict == check.verdict
    assert found.by_variant("operations").loc["a", "few"] == 0
    assert found.by_variant("saved_percent").loc["a", "today"] == pytest.approx(
        100 * (1 - found.table["losses_after"][0] / found.table["losses_before"][0])
    )


def test_many_periods_and_named_nets(tmp_path):
    net = ring()
    pp.to_json(net, str(tmp_path / "feeder.json"))
    frame = pd.DataFrame(np.outer([1.0, 2.0], net.load["p_mw"]), columns=net.load.index)
    same = {
        "profiles": {("load", "p_mw"): frame},
        "hours_per_period": 2.0,
        "vm_limits": (0.99, 1.1),
        "limits": "soft",
    }
    found = adnflex.sweep({"a": net, "b": tmp_path / "feeder.json"}, workers=1, **same)
    a, b = found.table.to_dict("records")
    alone = adnflex.reconfigure(net, workers=1, **same)
    assert a["losses_unit"] == a["unit"] == "MWh"
    assert a["losses_before"] == alone.energy_before_mwh
    assert a["violated_after"] == len(alone.infeasible_periods)
    assert a["violated_before"] == int((alone.periods["violation_before"] > 0).sum())
    numbers = ["losses_before", "losses_after", "objective", "gap"]  # a file keeps fewer digits
    assert [a[k] for k in numbers] == pytest.approx([b[k] for k in numbers], rel=1e-9)
    assert all(a[k] == b[k] for k in a if k not in ("net", "cpu_s", "bound", *numbers))


@pytest.mark.parametrize("key", ["sgen", "sgen.PV"])
@pytest.mark.parametrize("many", [False, True])
def test_a_share_of_generation_is_one_of_energy(key, many):
    net = ring()
    net.load.loc[0, "in_service"] = False
    horizon = Horizon()
    if many:
        frame = pd.DataFrame({0: [0.0, 0.3, 0.1], 1: [0.2, 0.1, 0.0]})
        horizon = Horizon(profiles={("sgen", "p_mw"): frame}, period_weights=[1.0, 2.0, 5.0])
    other = varied(net, {"share": {key: 0.3}, "scale": {"load": 1.1}}, horizon)
    mine = [0, 1] if key == "sgen" else [0]
    energy = np.array([1.0 * 0.0 + 2 * 0.3 + 5 * 0.1, 0.2 + 2 * 0.1]) if many else np.array([0.4, 0.2])
    taken = 1.1 * net.load["p_mw"][1:].sum() * (8 if many else 1)
    scaling = other.sgen["scaling"].to_numpy()
    assert (energy * scaling)[mine].sum() == pytest.approx(0.3 * taken)
    assert (net.sgen["scaling"] == 1).all()
    assert (np.delete(scaling, mine) == 1).all()


class Stop:
    """Progress that ends the run after so many cells, in some way."""

    def __init__(self, cells: int, end) -> None:
        self.cells, self.end = cells, end

    def __call__(self, row: adnflex.Progress) -> None:
        assert 0 < row.done <= row.wanted
        if row.done == self.cells:
            self.end()


def interrupt() -> None:
    raise KeyboardInterrupt


def test_after_ctrl_c_there_is_what_was_done_and_it_goes_on(tmp_path, whole):
    first = adnflex.sweep({"a": ring()}, TWO, store=tmp_path, workers=1, progress=Stop(1, interrupt), **LIMITS)
    assert first.interrupted
    assert first.table["status"].tolist() == ["optimal", "missing"]
    second = adnflex.sweep({"a": ring()}, TWO, store=tmp_path, workers=1, **LIMITS)
    assert not second.interrupted
    assert any(note.startswith("1 of 2 cells") for note in second.notes)
    both = unchanged(whole.table).iloc[[0, 2]].reset_index(drop=True)
    pd.testing.assert_frame_equal(unchanged(second.table), both, check_exact=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_sweep_goes_on(tmp_path):
    child = os.fork()
    if child == 0:
        try:
            kill = Stop(1, lambda: os.kill(os.getpid(), signal.SIGKILL))
            adnflex.sweep({"a": ring()}, TWO, store=tmp_path, workers=1, progress=kill, **LIMITS)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(kept) == 3
    found = adnflex.sweep({"a": ring()}, TWO, store=tmp_path, workers=1, **LIMITS)
    assert found.table["status"].tolist() == ["optimal"] * 2
    assert all((tmp_path / name).read_bytes() == data for name, data in kept.items())


def deadly(net, **arguments):
    """Reconfigure, or die where the load says so."""
    if net.load["p_mw"].sum() > 40:
        os.kill(os.getpid(), signal.SIGKILL)
    return adnflex.reconfigure(net, **arguments)


def test_a_dead_worker_loses_its_cell_only(monkeypatch, tmp_path):
    monkeypatch.setattr(sweep_cells, "reconfigure", deadly)
    found = adnflex.sweep({"a": ring(50.0), "b": ring()}, workers=2, store=tmp_path, **LIMITS)
    assert found.table["status"].tolist() == ["died", "optimal"]
    assert "killed by SIGKILL" in found.table["note"][0]
    assert len(list(tmp_path.glob("*-cell.json"))) == 1  # a later call tries it again


class Lost(Travelling):
    """An executor that breaks at its first task."""

    def submit(self, job, *args, **kwargs):
        raise RuntimeError("cannot schedule new futures after shutdown")


def test_an_executor_that_breaks_costs_what_it_had_and_never_the_main_process(monkeypatch):
    monkeypatch.setattr(sweep_cells, "reconfigure", None)  # nothing is done here
    found = adnflex.sweep(ring(), VARIANTS, executor=Lost(), **LIMITS)
    assert found.table["status"].tolist() == ["died"] * 3
    assert found.table["note"].str.contains("cannot schedule").all()


def kill_me(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_pool_of_the_caller_that_breaks(monkeypatch):
    with ProcessPoolExecutor(1) as pool:
        future = pool.submit(kill_me)
        assert future.exception() is not None
        found = adnflex.sweep(ring(), VARIANTS, executor=pool, **LIMITS)
    assert found.table["status"].tolist() == ["died"] * 3


def test_cells_travel(whole):
    executor = Travelling()
    there = adnflex.sweep({"a": ring()}, {"few": VARIANTS["few"]}, executor=executor, **LIMITS)
    assert executor.tasks == 1
    few = unchanged(whole.table).iloc[2:].reset_index(drop=True)
    pd.testing.assert_frame_equal(unchanged(there.table), few, check_exact=True)


def test_what_cannot_be_done_has_its_reason_and_the_others_go_on(tmp_path):
    net, broken = ring(), ring()
    broken.line.loc[3, "length_km"] = -1.0
    variants = {
        "low": {"vm_limits": (0.9999, 1.1)},
        "no wind": {"scale": {"sgen.offshore": 2.0}},
        "dark": {"scale": {"sgen": 0.0}, "share": {"sgen": 0.3}},
    }
    found = adnflex.sweep({"a": net, "broken": broken}, variants, store=tmp_path, workers=1, vm_limits=(0.9, 1.1))
    table = found.table.set_index(["net", "variant"])
    assert table.loc["a", "status"].tolist() == ["infeasible", "refused", "refused"]
    assert "types are PV, WP" in table.loc[("a", "no wind"), "note"]
    assert "gives 0 MWh" in table.loc[("a", "dark"), "note"]
    assert (table.loc["broken", "status"] == "refused").all()
    assert "length_km is -1" in table.loc[("broken", "low"), "note"]
    # what is proven is kept, what the user can mend is not
    assert len(list(tmp_path.glob("*-cell.json"))) == 1
    with pytest.raises(InputError, match="has no file"):
        found.result("a", "low")
    with pytest.raises(InputError, match="no cell is of net 'c'"):
        found.result("c", "low")
    with pytest.raises(InputError, match="'loss' is not in the table"):
        found.by_variant("loss")
    assert "length_km" in found.summary()


WRONG = [
    ({"nets": "case33bx"}, "did you mean case33bw"),
    ({"nets": ["case33bw", "no/such.json"]}, "there is no such file"),
    ({"nets": []}, "nets: there is none"),
    ({"nets": ["case33bw", "case33bw"]}, "has a word twice"),
    ({"nets": [ring()]}, "without a name"),
    ({"nets": {"a": 3}}, "a is a int"),
    ({"variants": {}}, "variants is {}"),
    ({"variants": {"a": {"scale": {"line": 2}}}}, "in a for scale numbers by table"),
    ({"variants": {"a": {"scale": {"load": -2}}}}, "for scale.load a number of 0 or more"),
    ({"variants": {"a": {"share": {"load": 2}}}}, "generators only"),
    ({"variants": {"a": {"skale": {"load": 2}}}}, "not 'skale'"),
    ({"variants": {"a": {"points": 3}}}, "a has points, which is no argument of adnflex.reconfigure"),
    ({"variants": {"a": {"workers": 3}}}, "a has workers"),
    ({"variants": {"a": {"gap": "x"}}}, "in a for gap a relative gap"),
    ({"variants": {"a": 3}}, "for a a mapping"),
    ({"name": "x"}, "name: is set by the sweep itself"),
    ({"gup": 1.0}, "did you mean 'gap'"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=lambda v: v if isinstance(v, str) else "")
def test_wrong_input_is_refused_before_anything_is_run(arguments, message, monkeypatch):
    monkeypatch.setattr(sweep_cells, "reconfigure", None)
    with pytest.raises(InputError) as error:
        adnflex.sweep(**{"nets": ring(), **arguments})
    assert message in str(error.value)


def test_a_store_of_another_study_or_damaged_is_refused_by_name(tmp_path):
    adnflex.sweep({"a": ring()}, {"x": {}}, store=tmp_path, workers=1, **LIMITS)
    (cell,) = tmp_path.glob("*-cell.json")
    for nets, arguments in (({"a": ring(1.1)}, LIMITS), ({"a": ring()}, {**LIMITS, "gap": 1e-2})):
        with pytest.raises(InputError, match="net a, variant x was run with other arguments"):
            adnflex.sweep(nets, {"x": {}}, store=tmp_path, workers=1, **arguments)
    cell.write_text(cell.read_text().replace("optimal", "optimum"))
    with pytest.raises(InputError, match="its digest is"):
        adnflex.sweep({"a": ring()}, {"x": {}}, store=tmp_path, workers=1, **LIMITS)


def test_what_is_minimised_carries_its_own_unit():
    frame = pd.DataFrame([[0.7, 0.9, 1.1, 1.3], [0.4, 0.5, 0.6, 0.7]], columns=range(4))
    options = {**LIMITS, "profiles": {("load", "p_mw"): frame}, "hours_per_period": 1.0, "workers": 1}
    asked = {"energy": {}, "money": {"objective": "cost", "loss_cost_per_mwh": 50.0}}
    table = adnflex.sweep({"ring": ring()}, asked, **options).table.set_index("variant")
    energy, money = table.loc["energy"], table.loc["money"]
    assert (energy["unit"], energy["losses_unit"], money["losses_unit"]) == ("MWh", "MWh", "MWh")
    assert money["unit"] not in ("MWh", "")
    assert money["objective"] == pytest.approx(50 * energy["objective"], rel=1e-6)


def test_profiles_of_the_net_belong_to_what_a_cell_depends_on(tmp_path):
    from adnflex.verbs.sweep_store import _told

    net, other = ring(), ring()
    net["profiles"] = {"load": pd.DataFrame({"a_pload": [0.1, 0.2]})}
    other["profiles"] = {"load": pd.DataFrame({"a_pload": [0.1, 0.3]})}
    assert _told(net) != _told(other)
    assert _told({"periods": range(3)}) == _told({"periods": [0, 1, 2]})
    assert _told(np.array([1.0, 2.0])) != _told(np.array([1.0, 3.0]))
    (tmp_path / "a.json").write_text("{}")
    first = _told(str(tmp_path / "a.json"))
    (tmp_path / "a.json").write_text("[]")
    assert _told(str(tmp_path / "a.json")) != first


def test_words_of_the_command_line():
    kind = ARGUMENTS["variants"]
    words = ["today", "share.sgen.PV=0.3", "2035: scale.load=1.2,max_operations=4,limits=soft,year=true"]
    assert kind.from_words(words) == {
        "today": {},
        "share.sgen.PV=0.3": {"share": {"sgen.PV": 0.3}},
        "2035": {"scale": {"load": 1.2}, "max_operations": 4, "limits": "soft", "year": True},
    }
    for wrong in (["a:gap=1", "a:gap=2"], ["a:vm_limits=0.9"], ["a:scale.load=x"], ["a:scale.bus=1"]):
        with pytest.raises(ValueError, match=r"another name|one word cannot|could not convert|numbers by table"):
            kind.from_words(wrong)


def test_the_command_writes_table_report_and_workbook(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pp.to_json(ring(), "a.json")
    words = [
        "sweep",
        "a.json",
        "--vm-limits",
        "0.9",
        "1.1",
        "--variants",
        "today",
        "sun:share.sgen=0.3",
        "--workers",
        "1",
    ]
    outputs = ["--store", "runs", "--plan", "s.json", "--report", "s.html", "--excel", "s.xlsx"]
    assert main([*words, *outputs]) == EXIT_OK
    assert "plans 2 of 2, passed 2 of 2" in capsys.readouterr().out
    loaded = adnflex.load("s.json")
    assert loaded.result("a.json", "sun").open_lines
    assert "Passed: all 2 cells" in Path("s.html").read_text(encoding="utf-8")
    assert main(["report", "s.json", "--report", "t.html", "--quiet"]) == EXIT_OK
    assert main([*words[:6], "no:scale.sgen.X=1", "--quiet"]) == EXIT_FAILED
    assert main(["sweep", "b.json", "--quiet"]) == EXIT_INPUT


def test_a_share_of_a_year_is_one_of_all_its_periods():
    net = ring()
    net["profiles"] = {"load": pd.DataFrame({"a_pload": [0.5, 1.5], "a_qload": [1.0, 1.0]})}
    net.load["profile"] = "a"
    other = varied(net, {"share": {"sgen": 0.3}}, Horizon(year=True))
    given = (other.sgen["p_mw"] * other.sgen["scaling"]).sum()
    assert 2 * given == pytest.approx(0.3 * 2.0 * net.load["p_mw"].sum())
