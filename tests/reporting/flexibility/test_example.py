"""The example agrees with itself, so that what the report says of it can be checked."""

from __future__ import annotations

import numpy as np
import pytest

from adnflex.results.flexibility import Flexibility

CASES = ["day", "quarters", "two"]


@pytest.mark.parametrize("case", CASES)
def test_box_is_what_the_dispatch_of_its_ends_imports(case, request):
    for flex in request.getfixturevalue(case)[:2]:
        curve = flex.ac["import_mw"].unstack("share")
        assert np.allclose(curve[0.0], flex.lower_mw, rtol=0, atol=1e-12)
        assert np.allclose(curve[1.0], flex.upper_mw, rtol=0, atol=1e-12)
        assert (curve.diff(axis=1).iloc[:, 1:] >= 0).all().all()
        assert flex.box["base_mw"].between(flex.lower_mw, flex.upper_mw).all()


@pytest.mark.parametrize("case", CASES)
def test_every_state_is_within_the_limits_and_what_binds_is_at_them(case, request):
    for flex in request.getfixturevalue(case)[:2]:
        low, high = flex.asked_limits.vm_limits
        # What is between both ends may differ from the ends a little where reactive power bends the voltages.
        assert (flex.ac["vm_min_pu"] >= low - 1e-3).all()
        assert (flex.ac["vm_max_pu"] <= high + 1e-3).all()
        near = {"pu": 1e-5, "%": 1e-2, "MWh": 1e-9}
        for row in flex.binding.itertuples():
            assert abs(row.value - row.limit) <= near[row.unit], row


@pytest.mark.parametrize("case", CASES)
def test_stored_energy_of_the_ends_is_the_reach(case, request):
    flex = request.getfixturevalue(case)[1]
    for setpoints, name in ((flex.setpoints_lower, "low_mwh"), (flex.setpoints_upper, "high_mwh")):
        reach = flex.energy.xs(name, axis=1, level="name")
        assert np.allclose(flex.stored_energy(setpoints), reach, rtol=0, atol=1e-9)


def test_gains_are_those_of_the_boxes(day):
    flex, best, _ = day
    table = best.comparison
    assert table.at["present", "total_mwh"] == pytest.approx(flex.total_mwh)
    assert table.at["flexibility", "total_mwh"] == pytest.approx(best.total_mwh)
    assert table.at["flexibility", "change_percent"] == pytest.approx(100 * (best.total_mwh / flex.total_mwh - 1))
    assert table["losses_kw"].idxmin() == "least losses"


def test_box_is_saved_and_loaded(day, tmp_path):
    best = day[1]
    best.save(tmp_path / "box.json")
    loaded = Flexibility.load(tmp_path / "box.json")
    assert np.allclose(loaded.ac.select_dtypes("number"), best.ac.select_dtypes("number"))
    assert loaded.total_mwh == best.total_mwh


def test_narrow_limits_fail(failing):
    check = failing[2]
    assert not check.passed
    assert len(check.violations) > 0
