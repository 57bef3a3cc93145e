"""A soft open point: right in dispatch and flexibility, held natively by pandapower's dcline, refused elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandapower as pp
import pandas as pd
import pyomo.environ as pyo
import pytest

import adnflex
from adnflex.devices import READERS, SoftOpenPoint
from adnflex.devices.base import NoDecisions, Place, Reach, Schedule, Withdrawal, assign, scenario_sums
from adnflex.devices.inverter import read
from adnflex.errors import InputError, UnsupportedElement
from adnflex.knobs import Horizon
from adnflex.powerflow.structure import is_radial, unsupplied
from adnflex.problems.flexibility.study import read_flexibility_study
from adnflex.problems.flexibility.wishes import Wishes
from adnflex.scenarios import ScenarioSet
from adnflex.study import read_study
from tests.problems.rolling.small import Steady
from tests.study.columns import plain

R, X, KV = 0.4 * 5.0, 0.35 * 5.0, 20.0
# Load at the ends of both feeders by period [MW]; a negative one feeds in.
ENDS = np.array([[6.0, 0.5], [1.0, 6.0], [3.0, 3.0], [5.0, -2.0]])
BETWEEN, Q_ENDS, Q_BETWEEN = 0.5, (2.0, 0.1), 0.1
LIMITS = {f"{side}_q_{end}_mvar": sign for side, sign in (("min", -1.5), ("max", 1.5)) for end in ("from", "to")}


def two_feeders(loss_percent: float = 2.0, loss_mw: float = 0.01, **columns) -> pp.pandapowerNet:
    """Source, two feeders of two lines, a soft open point between their ends."""
    net = pp.create_empty_network()
    for _ in range(5):
        pp.create_bus(net, KV, min_vm_pu=0.94, max_vm_pu=1.06)
    pp.create_ext_grid(net, 0, min_p_mw=-20.0, max_p_mw=20.0)
    net.ext_grid["price_per_mwh"] = 50.0
    for a, b in ((0, 1), (1, 2), (0, 3), (3, 4)):
        pp.create_line_from_parameters(net, a, b, 5.0, 0.4, 0.35, 0.0, 0.25, max_loading_percent=100.0)
    pp.create_load(net, 2, ENDS[0, 0], Q_ENDS[0])
    pp.create_load(net, 1, BETWEEN, Q_BETWEEN)
    pp.create_load(net, 4, ENDS[0, 1], Q_ENDS[1])
    given = {"max_p_mw": 3.0, "sn_mva": 3.0, "controllable": True, **LIMITS, **columns}
    pp.create_dcline(net, 2, 4, 0.0, loss_percent, loss_mw, 1.0, 1.0, **given)
    return net


def profiles(periods: slice = slice(None)) -> dict[tuple[str, str], pd.DataFrame]:
    ends = ENDS[periods]
    return {("load", "p_mw"): pd.DataFrame({0: ends[:, 0], 1: BETWEEN, 2: ends[:, 1]})}


# ------------------------------------------------------------------------ the right answer, by enumeration


def feeder_import(
    p: np.ndarray, q: np.ndarray, p_mid: float, q_mid: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Complex power into a feeder of two lines, lowest voltage, and the largest current [kA]; nothing of adnflex."""
    z = (R + 1j * X) / KV**2
    far, mid = p + 1j * q, p_mid + 1j * q_mid
    v1 = v2 = np.ones_like(far)
    for _ in range(60):
        i2 = np.conj(far / v2)
        i1 = i2 + np.conj(mid / v1)
        v1 = 1 - z * i1
        v2 = v1 - z * i2
    return np.conj(i1), np.minimum(abs(v1), abs(v2)), np.maximum(abs(i1), abs(i2)) / (np.sqrt(3) * KV)


def least_import(ends: np.ndarray, share: float, constant: float, most: float = 3.0, q_most: float = 1.5) -> float:
    """Least import of a period over all powers of the soft open point, on grids that become finer [MW]."""
    centre, width, best = np.zeros(3), np.array([most, q_most, q_most]), np.inf
    for _ in range(9):
        axes = [
            np.clip(np.linspace(c - w, c + w, 17), -m, m)
            for c, w, m in zip(centre, width, (most, q_most, q_most), strict=True)
        ]
        p, q1, q2 = np.meshgrid(*axes, indexing="ij")
        other = constant - (1 - share) * abs(p)
        p1, p2 = np.where(p > 0, p, other), np.where(p > 0, other, -p)
        one = feeder_import(ends[0] + p1, Q_ENDS[0] + q1, BETWEEN, Q_BETWEEN)
        two = feeder_import(ends[1] + p2, Q_ENDS[1] + q2, 0.0, 0.0)
        total = one[0].real + two[0].real
        good = (np.hypot(p1, q1) <= 3) & (np.hypot(p2, q2) <= 3)
        good &= (np.minimum(one[1], two[1]) >= 0.94) & (np.maximum(one[2], two[2]) <= 0.25)
        total = np.where(good, total, np.inf)
        at = np.unravel_index(np.argmin(total), total.shape)
        if total[at] < best:
            best, centre = float(total[at]), np.array([p[at], q1[at], q2[at]])
        width = width / 2.5
    return best


@pytest.fixture(scope="module", params=[(2.0, 0.01), (3.0, 0.0)], ids=["both losses", "proportional loss"])
def dispatched(request):
    net = two_feeders(*request.param)
    plan = adnflex.dispatch(net, profiles=profiles(), hours_per_period=1.0, gap=1e-6)
    return net, plan, request.param


def test_a_dispatch_is_the_best_of_all_powers(dispatched):
    _, plan, (percent, constant) = dispatched
    for t, ends in enumerate(ENDS):
        assert plan.balance.at[t, "grid_mw"] == pytest.approx(least_import(ends, percent / 100, constant), abs=2e-4)
    assert plan.gap < 1e-5


def test_what_is_written_is_held_by_a_plain_runpp(dispatched):
    net, plan, _ = dispatched
    before = net.dcline.copy()
    check = adnflex.validate(plan, net)
    assert check.passed, check.verdict
    np.testing.assert_allclose(check.periods["losses_mw"], check.periods["losses_model_mw"], atol=1e-7)
    for t in plan.periods:
        new = plan.apply(net, t)
        pp.runpp(new, numba=False)
        result = new.res_dcline.loc[0]
        for name in ("p_from_mw", "p_to_mw", "q_from_mvar", "q_to_mvar"):
            assert result[name] == pytest.approx(plan.converters.at[t, (name, 0)], abs=1e-6)
        assert result["pl_mw"] == pytest.approx(plan.converters.at[t, ("loss_mw", 0)], abs=1e-7)
        lost = new.res_line["pl_mw"].sum() + result["pl_mw"]
        assert check.periods.loc[(0, t), "losses_mw"] == pytest.approx(lost, abs=1e-7)
        assert new.res_ext_grid.at[0, "p_mw"] == pytest.approx(plan.balance.at[t, "grid_mw"], abs=1e-6)
    pd.testing.assert_frame_equal(net.dcline, before)


@pytest.mark.parametrize("p", [-2.0, -1e-6, 0.0, 1e-6, 2.0])
def test_losses_are_those_of_pandapower_in_both_directions(p):
    net = two_feeders(5.0, 0.02)
    net.dcline["p_mw"] = p
    pp.runpp(net, numba=False)
    link = SoftOpenPoint(Place("soft open point", "dcline", 0, "", 2, 2), 4, 3.0, 0.05, 0.02, (), 0.0)
    np.testing.assert_allclose(link.ends(p), net.res_dcline.loc[0, ["p_from_mw", "p_to_mw"]].astype(float), atol=1e-12)


def test_the_model_of_the_verb_has_it_whole(dispatched):
    net, plan, _ = dispatched
    model = adnflex.model(net, "dispatch", profiles=profiles(), hours_per_period=1.0)
    pyo.SolverFactory("scip_direct").solve(model)
    objective = next(model.component_data_objects(pyo.Objective, active=True))
    assert pyo.value(objective) == pytest.approx(plan.objective, rel=1e-5)


def test_scenarios_decide_its_way_anew():
    net = two_feeders()
    ends = np.array([[5.5, 0.5], [0.5, 5.5]])
    values = np.array([[[a, BETWEEN, b]] for a, b in ends])
    scenarios = ScenarioSet(np.array([0.5, 0.5]), {("load", "p_mw"): values}, {("load", "p_mw"): (0, 1, 2)})
    plan = adnflex.dispatch(net, profiles=profiles(slice(0, 1)), hours_per_period=1.0, scenarios=scenarios, gap=1e-6)
    for s in (0, 1):
        wanted = least_import(ends[s], 0.02, 0.01)
        assert plan.of(plan.balance, s)["grid_mw"].iloc[0] == pytest.approx(wanted, abs=2e-4)
    powers = plan.setpoints["dcline", "p_mw", 0]
    assert powers.min() < -1 < 1 < powers.max()
    assert adnflex.validate(plan, net).passed


def test_switches_are_chosen_beside_it():
    net = two_feeders(max_p_mw=0.5)
    pp.create_line_from_parameters(net, 2, 3, 5.0, 0.4, 0.35, 0.0, 0.25, max_loading_percent=100.0, in_service=False)
    net.load["p_mw"] = [3.0, 4.0, 0.5]
    plan, kept = (adnflex.dispatch(net, windows=windows) for windows in (None, "fixed"))
    assert len(plan.switches[plan.switches["operated"]])
    assert plan.objective < kept.objective
    check = adnflex.validate(plan, net)
    assert check.passed, check.verdict


def test_energy_is_not_burnt_by_both_ways_at_once():
    net = two_feeders(10.0, 0.05)
    net.ext_grid["price_per_mwh"] = -50.0  # every MWh lost earns
    plan = adnflex.dispatch(net, profiles=profiles(slice(0, 2)), hours_per_period=1.0, gap=1e-3)
    p = plan.setpoints["dcline", "p_mw", 0].to_numpy()
    np.testing.assert_allclose(plan.converters["loss_mw", 0], 0.1 * abs(p) + 0.05, atol=1e-9)
    assert (abs(p) <= 3.0 + 1e-9).all()
    assert adnflex.validate(plan, net).passed


def test_a_price_of_pandapowers_cost_table_counts():
    net = two_feeders(0.0, 0.0)
    pp.create_poly_cost(net, 0, "dcline", cp1_eur_per_mw=40.0)
    plan = adnflex.dispatch(net, profiles=profiles(slice(0, 1)), hours_per_period=1.0)
    p = plan.setpoints["dcline", "p_mw", 0].iloc[0]
    # each MW carried from the second feeder to the first earns 40, so it goes to its limit
    assert p < -2.9
    assert plan.costs.at["soft open points", "cost"] == pytest.approx(40 * p, abs=1e-6)
    assert adnflex.validate(plan, net).objective == pytest.approx(plan.objective, abs=1e-4)


# ------------------------------------------------------------------------ flexibility


def sunny(end_load: float = 2.0, in_service: bool = True, **columns) -> pp.pandapowerNet:
    """The same feeders with more sun at one end than its feeder carries away."""
    net = two_feeders(in_service=in_service, **columns)
    net.load["p_mw"] = [end_load, 0.5, 3.0]
    pp.create_sgen(net, 2, 12.0, 0.0, controllable=True, min_p_mw=0.0, max_p_mw=12.0, min_q_mvar=-1.0, max_q_mvar=1.0)
    return net


def test_a_box_is_larger_with_a_soft_open_point_and_holds_in_ac():
    series = {("sgen", "p_mw"): pd.DataFrame({0: [12.0, 6.0]})}
    without, given = (
        adnflex.flexibility(sunny(in_service=on), profiles=series, hours_per_period=1.0) for on in (False, True)
    )
    wider = (given.upper_mw - given.lower_mw) - (without.upper_mw - without.lower_mw)
    assert wider[0] > 1.0
    assert wider[1] == pytest.approx(0.0, abs=0.01)  # where the feeder carries everything, it gains nothing
    net = sunny()
    check = adnflex.validate(given, net, trajectories=30, levels=6)
    assert check.passed, check.verdict
    new = given.apply(net, 0, import_mw=float(given.lower_mw[0]))
    pp.runpp(new, numba=False)
    lost = new.res_line["pl_mw"].sum() + new.res_dcline.at[0, "pl_mw"]
    assert given.ac.loc[(0, 0.0), "losses_mw"] == pytest.approx(lost, abs=1e-6)
    assert new.res_dcline.at[0, "p_from_mw"] > 1.0
    for name in ("q_from_mvar", "q_to_mvar"):
        assert new.res_dcline.at[0, name] == pytest.approx(given.setpoints_lower["dcline", name, 0][0], abs=1e-6)
    assert not adnflex.validate(given.enlarged(0.05), net, trajectories=10, levels=3).passed


def test_a_box_whose_ends_pull_both_ways_is_followed_between_them():
    # with sun the first feeder has too much, without it too little: losses have a corner where the power turns
    net = sunny(end_load=9.5)
    box = adnflex.flexibility(net, hours_per_period=1.0)
    check = adnflex.validate(box, net, trajectories=30, levels=10)
    assert check.passed, check.verdict
    lower, upper = box.setpoints_lower["dcline", "p_mw", 0], box.setpoints_upper["dcline", "p_mw", 0]
    assert (lower * upper > 0).all()


def test_a_box_without_reactive_power_uses_none():
    net = sunny()
    box = adnflex.flexibility(net, hours_per_period=1.0, reactive_power=False)
    for table in (box.setpoints_lower, box.setpoints_upper):
        assert (table["dcline"][["q_from_mvar", "q_to_mvar"]] == 0).all(axis=None)
    assert adnflex.validate(box, net, trajectories=10, levels=4).passed


# ------------------------------------------------------------------------ structure


def test_a_soft_open_point_is_no_branch_and_supplies_nobody():
    net = two_feeders()
    nothing = pd.DataFrame({"element": [], "index": []})
    assert is_radial(net, nothing)
    net.line.loc[3, "in_service"] = False
    assert unsupplied(net, net.bus.index) == [4]
    net.load.loc[2, "in_service"] = False
    with pytest.raises(InputError, match="dcline 0: its to_bus 4 is not supplied"):
        adnflex.dispatch(net)


# ------------------------------------------------------------------------ refusals


VERBS = {
    "reconfigure": lambda net: adnflex.reconfigure(net, workers=1),
    "pq_region": lambda net: adnflex.pq_region(net, profiles=profiles(), periods=[0]),
    "not controllable": lambda net: adnflex.dispatch(net),
}


@pytest.mark.parametrize("verb", VERBS)
def test_other_verbs_refuse_it_by_name(verb):
    net = two_feeders(controllable=verb != "not controllable")
    with pytest.raises(UnsupportedElement, match=r"dcline 0 is not supported.*dispatch and flexibility decide"):
        VERBS[verb](net)


COUNTS = {
    "from_bus": 1,
    "to_bus": 3,
    "p_mw": 0.5,
    "loss_percent": 1.0,
    "loss_mw": 0.02,
    "max_p_mw": 2.0,
    "sn_mva": 2.5,
    "min_q_from_mvar": -1.0,
    "max_q_from_mvar": 1.0,
    "min_q_to_mvar": -1.0,
    "max_q_to_mvar": 1.0,
    "controllable": False,
    "in_service": False,
}


def known(net: pp.pandapowerNet) -> tuple[str, str]:
    """What dispatch and flexibility know of the last device."""
    study = read_flexibility_study(net, Wishes(), Horizon(hours_per_period=1.0))
    return repr(study.study.devices[-1]), repr(study.resources[-1])


@pytest.fixture(scope="module")
def as_it_is():
    return known(sunny())


@pytest.mark.parametrize("column", COUNTS)
def test_every_column_counts_in_dispatch_and_flexibility(column, as_it_is):
    net = sunny()
    net.dcline[column] = COUNTS[column]
    if column == "controllable":
        with pytest.raises(UnsupportedElement, match="dcline 0"):
            known(net)
        return
    device, resource = known(net)
    assert device != as_it_is[0]
    assert resource != as_it_is[1]


def test_voltages_of_the_net_do_not_count_and_the_plan_says_so():
    studies = []
    for vm in (1.0, 1.02):
        net = two_feeders()
        net.dcline["vm_from_pu"] = net.dcline["vm_to_pu"] = vm
        studies.append(read_study(net))
    assert repr(studies[0].devices) == repr(studies[1].devices)
    assert any("dcline 0: vm_from_pu and vm_to_pu of the net do not count" in note for note in studies[0].notes)


def test_a_rolling_schedule_refuses_it_by_name():
    net = plain(True)
    pp.create_dcline(net, 2, 3, 0.0, 1.0, 0.0, 1.0, 1.0, controllable=True, sn_mva=0.1)
    with pytest.raises(UnsupportedElement, match="dcline 0"):
        adnflex.RollingCase.from_net(net, renewables=Steady(hours=4), hours=4, library_days=1)


FAULTS = {
    "no limit": ({"max_p_mw": np.nan, "sn_mva": np.nan}, "its largest power is inf MW; give max_p_mw or sn_mva"),
    "nothing": ({"max_p_mw": 0.0}, "its largest power is 0 MW"),
    "one q": ({"min_q_from_mvar": np.nan}, "only one of min_q_from_mvar and max_q_from_mvar"),
    "q turned": ({"min_q_to_mvar": 2.0}, "min_q_to_mvar 2 is above max_q_to_mvar 1.5"),
    "no q": ({"min_q_to_mvar": np.nan, "max_q_to_mvar": np.nan, "sn_mva": np.nan}, "no sn_mva limits them"),
    "all lost": ({"loss_percent": 100.0}, "loss_percent is 100"),
    "constant loss": ({"loss_mw": 3.0}, "loss_mw 3 is not below sn_mva 3"),
    "negative loss": ({"loss_mw": -0.1}, "loss_mw"),
    "at the source": ({"from_bus": 0}, "its from_bus 0 is that of a source"),
    "one bus": ({"from_bus": 4}, "both ends are one bus"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_bad_input_is_named(name):
    columns, text = FAULTS[name]
    net = two_feeders()
    for column, value in columns.items():
        net.dcline[column] = value
    with pytest.raises(InputError) as caught:
        adnflex.dispatch(net)
    assert "dcline 0" in str(caught.value)
    assert text in str(caught.value)


def test_two_at_one_bus_are_refused():
    net = two_feeders()
    pp.create_dcline(net, 1, 4, 0.0, 1.0, 0.0, 1.0, 1.0, controllable=True, sn_mva=1.0)
    with pytest.raises(InputError, match="dcline 1: its to_bus 4 is that of another one"):
        adnflex.dispatch(net)


# ------------------------------------------------------------------------ the seam


@dataclass(frozen=True)
class Heater(NoDecisions):
    """A toy: draws what it likes, and each MWh is worth so much."""

    place: Place
    most: float
    worth: float
    carries = ""

    def reach(self):
        return (Reach(self.place.node, 0.0, self.most, 0.0, 0.0),)

    def declare(self, block, frame):
        block.p = pyo.Var(frame.horizon.points, bounds=(0, self.most / frame.base_mva))
        for s, t in frame.horizon.points:
            frame.at[s, t].withdraw(self.place.node, block.p[s, t], 0.0)

    def stay(self, block, frame):
        assign(block.p, 0.0)

    def costs(self, block, frame):
        return {"heat": scenario_sums(frame, -self.worth * frame.base_mva, lambda s, t: block.p[s, t])}

    def schedule(self, block, frame):
        p = np.clip(read(block.p, frame), 0, self.most)
        return Schedule((Withdrawal(self.place.node, p, 0 * p),), {("sgen", "p_mw", self.place.index): -p})

    def bill(self, setpoints, horizon, v2):
        return {"heat": self.worth * setpoints("p_mw").sum(axis=1) * horizon.hours}

    def contradictions(self, horizon):
        return []

    def audit(self, setpoints, horizon):
        return []


def test_a_new_device_is_one_class_and_one_line(monkeypatch):
    net = two_feeders()
    heated = pp.create_sgen(net, 3, 0.0)

    def read_heater(inputs, grid, v_max):
        return [Heater(Place("heater", "sgen", heated, "", 3, inputs.node_of[3]), 0.4, 200.0)]

    monkeypatch.setitem(READERS, "heaters", read_heater)
    plan = adnflex.dispatch(net)
    assert plan.setpoints["sgen", "p_mw", heated].iloc[0] == pytest.approx(-0.4, abs=1e-5)
    assert plan.costs.at["heat", "cost"] == pytest.approx(-80.0, abs=1e-2)
    assert adnflex.validate(plan, net).passed
