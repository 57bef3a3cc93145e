"""The check believes nothing that a plan says: tampered plans fail, and only what passed has a certificate."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pytest

import adnflex
from adnflex.errors import InputError
from adnflex.grid import fingerprint
from adnflex.knobs import Limits
from adnflex.powerflow.verdict import not_converged
from adnflex.results import Plan


@pytest.fixture(scope="module")
def net():
    return pn.case33bw()


@pytest.fixture(scope="module")
def plan(net):
    return adnflex.reconfigure(net, workers=1)


def with_states(plan: Plan, **states: bool) -> Plan:
    """Another plan, in which lines are said to be open or closed (``line8=True``)."""
    switches = plan.switches.copy(deep=True)
    for name, closed in states.items():
        row = switches["index"] == int(name.removeprefix("line"))
        switches.loc[row, "closed_after"] = closed
        switches.loc[row, "operated"] = switches.loc[row, "closed_before"].astype(bool) != closed
    return dataclasses.replace(plan, switches=switches)


def test_the_plan_itself_passes_and_its_losses_are_those_of_pandapower(plan, net):
    check = adnflex.validate(plan, net)
    assert (check.passed, check.converged, check.radial, check.supplied) == (True, True, True, True)
    assert check.violations.empty
    assert 0 <= check.certificate <= 1e-4
    assert check.certificate_absolute == pytest.approx(check.objective - plan.bound, abs=1e-12)
    by_hand = copy.deepcopy(net)
    by_hand.line["in_service"] = ~by_hand.line.index.isin(plan.open_lines)
    pp.runpp(by_hand, tolerance_mva=1e-10, numba=False)
    assert check.losses_mw == pytest.approx(by_hand.res_line.pl_mw.sum(), rel=1e-9)
    assert check.objective == check.losses_mw
    assert plan.losses_mw == pytest.approx(check.losses_mw, rel=1e-5)
    np.testing.assert_allclose(check.buses["vm_pu"], by_hand.res_bus.vm_pu, atol=1e-9)
    pp.runpp(by_hand := copy.deepcopy(net), tolerance_mva=1e-10, numba=False)
    assert check.losses_before_mw == pytest.approx(by_hand.res_line.pl_mw.sum(), rel=1e-9)


def test_a_closed_loop_fails(plan, net):
    check = adnflex.validate(with_states(plan, line8=True), net)
    assert not check.passed
    assert not check.radial
    assert check.verdict == "a closed path remains: the net is not radial"
    assert check.certificate is None
    assert check.certificate_absolute is None
    # less losses than any radial state: only the structure tells
    assert check.losses_mw < plan.bound


def test_a_bus_without_supply_fails(plan, net):
    # line 31 is open in the plan, so that opening line 30 cuts off bus 31
    check = adnflex.validate(with_states(plan, line30=False), net)
    assert not check.passed
    assert check.radial
    assert not check.supplied
    assert check.verdict == "bus 31 would be without supply"
    assert check.certificate is None


def test_a_loop_and_a_cut_at_once_are_not_made_up_for_by_counting(plan, net):
    """As many branches closed as in a tree, but no tree."""
    check = adnflex.validate(with_states(plan, line8=True, line30=False), net)
    assert (check.passed, check.radial, check.supplied) == (False, False, False)
    assert check.certificate is None


def test_a_tightened_voltage_limit_fails(plan, net):
    check = adnflex.validate(dataclasses.replace(plan, asked_limits=Limits((0.945, 1.1))), net)
    assert not check.passed
    assert (check.radial, check.supplied, check.converged) == (True, True, True)
    assert check.certificate is None
    low = check.buses["vm_pu"]
    worst = int(low.idxmin())
    count = int((low < 0.945 - 1e-6).sum())
    assert len(check.violations) == count > 1
    assert check.verdict == (
        f"{count} limits violated; worst: voltage low at bus {worst}, {low.min():.5g} pu against 0.945 pu"
    )
    first = check.violations.iloc[0]
    assert (first["kind"], first["element"], first["index"]) == ("voltage low", "bus", worst)
    assert first["excess"] == pytest.approx(0.945 - low.min())
    assert check.violations["excess"].is_monotonic_decreasing
    # the plan's own limits count, in both directions
    assert adnflex.validate(dataclasses.replace(plan, asked_limits=Limits((0.9, 1.1))), net).passed


def test_a_loading_limit_is_measured_in_ac():
    net = pn.create_cigre_network_mv()
    plan = adnflex.reconfigure(net, vm_limits=(0.85, 1.1), workers=1)
    applied = plan.apply(net)
    pp.runpp(applied, tolerance_mva=1e-10, numba=False)
    top = applied.res_line.loading_percent
    # a limit that is new to the net makes it another net; the fingerprint has to be that of the tightened one
    tight = copy.deepcopy(net)
    tight.line["max_loading_percent"] = top.max() - 1
    with pytest.raises(InputError):
        adnflex.validate(plan, tight)
    renamed = dataclasses.replace(plan, fingerprint=fingerprint(tight))
    check = adnflex.validate(renamed, tight)
    assert not check.passed
    assert check.certificate is None
    worst = check.violations.iloc[0]
    assert (worst["kind"], worst["element"], worst["index"], worst["unit"]) == ("loading", "line", top.idxmax(), "%")
    assert worst["value"] == pytest.approx(top.max(), rel=1e-8)
    assert worst["excess"] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("factor", [1.01, 1.5])
def test_a_bound_above_the_truth_is_never_a_clean_certificate(plan, net, factor):
    check = adnflex.validate(dataclasses.replace(plan, bound=factor * plan.objective), net)
    assert check.certificate is None or check.certificate < 0
    assert check.certificate_absolute is None or check.certificate_absolute < 0


def test_what_the_plan_says_of_itself_is_not_believed(plan, net):
    """Losses and objective are measured, the plan's own are only compared."""
    check = adnflex.validate(dataclasses.replace(plan, losses_mw=0.01, objective=0.01), net)
    truth = adnflex.validate(plan, net)
    assert check.losses_mw == truth.losses_mw
    assert check.objective == truth.objective
    off = check.deviations.set_index(["model", "quantity"]).loc["exact power flow", "losses"]
    assert off["max_abs"] == pytest.approx(truth.losses_mw - 0.01)


def test_a_state_without_power_flow_fails(plan, net):
    heavy = copy.deepcopy(net)
    heavy.load["p_mw"] *= 20
    check = adnflex.validate(dataclasses.replace(plan, fingerprint=fingerprint(heavy)), heavy)
    assert (check.passed, check.converged) == (False, False)
    assert check.verdict == not_converged("with these switch states")
    assert check.certificate is None
    assert np.isnan(check.losses_mw)
