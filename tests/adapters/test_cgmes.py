"""CGMES files: a small ring, read, compared with the state in the file, and planned."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

import adnflex
from adnflex.adapters import from_cgmes, from_powerfactory
from adnflex.errors import InputError

FEEDER = Path(__file__).with_name("feeder.zip")


@pytest.fixture(scope="module")
def net():
    return from_cgmes(FEEDER, reference="GRID")


def test_the_net_is_that_of_the_file_with_its_tie(net):
    assert (len(net.bus), len(net.load), len(net.sgen), len(net.gen), len(net.ext_grid)) == (5, 3, 1, 0, 1)
    assert net.line.set_index("name").in_service.to_dict() == {"L12": True, "L23": True, "L34": False, "L41": True}
    assert net.line.max_i_ka.tolist() == [0.3] * 4
    assert net.trafo.sn_mva.tolist() == [25.0]


def test_voltages_are_those_of_the_state_in_the_file(net):
    table = net.source_voltages
    assert len(table) == len(net.bus)
    assert (table["vm_pu"] - table["source_vm_pu"]).abs().max() < 2e-4
    assert any("5 buses beside those of CGMES" in note for note in net.import_notes)


def test_a_plan_of_it_passes_and_tells_what_was_imported(net):
    plan = adnflex.reconfigure(net, switchable_lines="all", vm_limits=(0.9, 1.1), workers=1)
    assert adnflex.validate(plan, net).passed
    assert set(net.import_notes) <= set(plan.notes)


def test_profiles_one_by_one_are_the_same_net(net, tmp_path):
    with zipfile.ZipFile(FEEDER) as archive:
        archive.extractall(tmp_path)
    again = from_cgmes(sorted(tmp_path.glob("*.xml")), reference="GRID")
    assert again.line.name.tolist() == net.line.name.tolist()
    assert again.source_voltages.vm_pu.tolist() == pytest.approx(net.source_voltages.vm_pu.tolist())


def test_without_a_reference_the_machines_are_named():
    with pytest.raises(InputError, match=r"no reference; give reference=, one of GRID"):
        from_cgmes(FEEDER)
    with pytest.raises(InputError, match=r"0 machines are called 'grid'"):
        from_cgmes(FEEDER, reference="grid")


@pytest.mark.parametrize("text", ["", "<rdf/>", "no markup"])
def test_what_is_no_cgmes_is_refused_by_its_name(tmp_path, text):
    path = tmp_path / "other.xml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"other\.xml"):
        from_cgmes(path)


def test_powerfactory_that_is_not_there_is_named():
    with pytest.raises(InputError, match="install PowerFactory"):
        from_powerfactory("feeder")
