"""Boxes end to end: the published case, directions, the dispatch rule, files, and a check that can be failed."""

from __future__ import annotations

import dataclasses
from copy import deepcopy

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex import networks
from adnflex.errors import Infeasible, InputError
from tests.brute_force import RUNPP
from tests.dispatch_nets import require_unchanged
from tests.flexibility_nets import FlexSpec, withdrawals

SPEC = FlexSpec(
    seed=44, buses=5, periods=3, bendable=True, fleet=True, leaking=True, tight_lines=True, scaled=True, final="initial"
)


@pytest.fixture(scope="module")
def park():
    return networks.load("park33_flexibility")


@pytest.fixture(scope="module")
def feeder():
    return SPEC.feeder()


@pytest.fixture(scope="module")
def small(feeder):
    return adnflex.flexibility(feeder.net(), **feeder.arguments)


def run(net) -> float:
    pp.runpp(net, **RUNPP)
    return float(net.res_ext_grid["p_mw"].sum())


# -- the published case --------------------------------------------------------------------------------------------

# sum of the widths [MWh] with and without reactive power of the sun, by an independent program
TABLE = {
    ("present", (10, 14)): (7.758, 7.037),
    ("least-losses", (10, 14)): (7.125, 7.053),
    ("paper", (10, 14)): (10.010, 8.581),
    ("present", None): (30.618, 30.396),
    ("least-losses", None): (27.883, 27.785),
    ("paper", None): (35.064, 32.133),
}


@pytest.mark.parametrize(("topology", "periods"), TABLE, ids=lambda v: v if isinstance(v, str) else f"{v and len(v)}")
def test_fixed_topologies_of_the_published_case(park, topology, periods) -> None:
    net = networks.study(park, topology)
    # the box of the linear model is there before the AC proof, which the time limit shortens
    limit = 60.0 if periods else 15.0
    for reactive, expected in zip((True, False), TABLE[topology, periods], strict=True):
        flex = adnflex.flexibility(net, periods=periods, reactive_power=reactive, time_limit=limit)
        assert flex.separable.total_mwh == pytest.approx(expected, rel=1e-3)
        assert flex.linear.bound == pytest.approx(flex.separable.total_mwh, rel=1e-5)
        assert flex.separable.iterations == flex.foresighted.iterations == 0
        assert flex.total_mwh == pytest.approx(expected, rel=0.03)


def test_without_reactive_power_by_a_study_of_the_net(park) -> None:
    net = networks.study(networks.study(park, "paper"), "without-q")
    flex = adnflex.flexibility(net, periods=[10, 14])
    assert flex.separable.total_mwh == pytest.approx(8.581, rel=1e-3)
    columns = [c for c in flex.setpoints_upper.columns if c[0] == "sgen" and c[1] == "q_mvar"]
    assert flex.setpoints_upper[columns].abs().to_numpy().max(initial=0.0) < 1e-9


def test_free_topology_of_the_published_case(park) -> None:
    before = deepcopy(park)
    found = adnflex.reconfigure_for_flexibility(
        park, periods=[10, 14], compare={"paper": [7, 8, 27, 32, 35]}, workers=1, time_limit=40.0,
        search_time=4.0,
    )  # fmt: skip
    require_unchanged(before, park)
    assert found.linear.bound == pytest.approx(10.010, rel=1e-3)
    assert found.separable.total_mwh == pytest.approx(10.010, rel=1e-2)
    assert found.linear.status == "optimal" or found.linear.gap > 1e-4
    assert "without a network" in found.linear.bound_kind
    table = found.comparison
    assert {"present", "paper", "least losses", "flexibility"} <= set(table.index)
    assert table.loc["present", "linear_mwh"] == pytest.approx(7.758, rel=1e-3)
    assert table.loc["paper", "linear_mwh"] == pytest.approx(10.010, rel=1e-3)
    assert table.loc["paper", "linear_without_q_mwh"] == pytest.approx(8.581, rel=1e-3)
    without = adnflex.flexibility(park, periods=[10, 14], reactive_power=False)
    assert table.loc["present", "total_without_q_mwh"] == pytest.approx(without.total_mwh, rel=1e-6)
    assert (table["total_without_q_mwh"] < table["total_mwh"]).all()
    assert table.loc["flexibility", "total_mwh"] == pytest.approx(found.total_mwh)
    assert found.useful_mwh == pytest.approx(table.loc["flexibility", "useful_mwh"])
    assert table["useful_mwh"].max() <= found.useful_mwh + 1e-9 <= found.outer_mwh + 1e-8
    assert (
        found.operations
        == int(table.loc["flexibility", "operations"])
        == len(set(found.open_lines) ^ {32, 33, 34, 35, 36})
    )
    check = adnflex.validate(found, park, trajectories=20, levels=3)
    assert check.passed, check.verdict


def test_free_topology_without_reactive_power_is_a_lower_bound(park) -> None:
    found = adnflex.reconfigure_for_flexibility(
        park, periods=[10, 14], reactive_power=False, workers=1, time_limit=4.0, search_time=3.0
    )
    # no full proof in so little time: 9.561 is the best of all trees
    assert found.separable.total_mwh >= 8.58
    assert found.separable.total_mwh <= 9.561 * 1.001
    assert found.linear.bound >= 9.561 * 0.999


# -- what is asked -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def calm():
    """A feeder whose limits leave room: what it does if nothing is asked for lies inside the box."""
    return FlexSpec(seed=9, periods=3, bendable=True, final="initial").feeder()


@pytest.mark.parametrize("direction", ["up", "down", "symmetric"])
def test_directions_around_the_base(calm, direction) -> None:
    both = adnflex.flexibility(calm.net(), **calm.arguments)
    flex = adnflex.flexibility(calm.net(), **calm.arguments, direction=direction)
    lower, upper, base = (flex.box[c].to_numpy() for c in ("lower_mw", "upper_mw", "base_mw"))
    assert base == pytest.approx(both.box["base_mw"].to_numpy())
    if direction == "up":
        assert lower == pytest.approx(base, abs=1e-5)
    elif direction == "down":
        assert upper == pytest.approx(base, abs=1e-5)
    else:
        assert upper - base == pytest.approx(base - lower, abs=1e-5)
    assert (upper >= lower).all()
    assert flex.total_mwh > 0.05
    assert flex.linear.bound <= both.linear.bound + 1e-6
    assert flex.options["direction"] == direction


def test_widths_that_are_required(calm) -> None:
    free = adnflex.flexibility(calm.net(), **calm.arguments)
    base = ((free.lower_mw + free.upper_mw) / 2).to_numpy()
    wanted = [0.05, 0.1, 0.02]
    flex = adnflex.flexibility(calm.net(), **calm.arguments, base_mw=base, required_mw=(0.05, wanted))
    assert (base - flex.lower_mw.to_numpy() >= 0.05 - 1e-5).all()
    assert (flex.upper_mw.to_numpy() - base >= np.array(wanted) - 1e-5).all()


def test_a_base_that_breaks_limits_is_said(park) -> None:
    # at noon all the sun overloads the present topology, so no box can begin there
    with pytest.raises(Infeasible) as caught:
        adnflex.flexibility(park, periods=[10, 14], direction="up")
    message = str(caught.value)
    assert "period 1" in message
    assert "base" in message
    assert "MW short" in message


def test_a_base_of_ones_own(feeder, small) -> None:
    base = ((small.lower_mw + small.upper_mw) / 2).tolist()
    flex = adnflex.flexibility(feeder.net(), **feeder.arguments, base_mw=base, direction="up")
    assert flex.box["base_mw"].tolist() == base
    assert flex.lower_mw.to_numpy() == pytest.approx(base)
    assert 0 < flex.total_mwh < small.total_mwh


def test_weights_move_the_box(feeder, small) -> None:
    weights = [0.1, 1.0, 5.0]
    flex = adnflex.flexibility(feeder.net(), **feeder.arguments, period_weights=weights)
    worth = [float(w @ (f.upper_mw - f.lower_mw).to_numpy()) for f in (small, flex) for w in [np.array(weights)]]
    assert worth[1] >= worth[0] * (1 - 1e-3)
    limits = flex.separable.limits
    assert flex.linear.worth == pytest.approx(float(np.array(weights) @ (limits["upper_mw"] - limits["lower_mw"])))


def test_an_even_box_is_as_large_and_less_narrow() -> None:
    spec = FlexSpec(seed=5, periods=4, sun=False, final="initial", tight_lines=True)
    feeder = spec.feeder()
    plain, even = (
        adnflex.flexibility(feeder.net(), **feeder.arguments, tie_break=t).separable for t in ("none", "even")
    )
    assert even.total_mwh == pytest.approx(plain.total_mwh, rel=1e-5)
    widths = [(b.limits["upper_mw"] - b.limits["lower_mw"]).min() for b in (plain, even)]
    assert widths[1] >= widths[0] - 1e-6


@pytest.mark.parametrize("final", ["free", "initial", 80.0])
def test_energy_at_the_end(final) -> None:
    feeder = FlexSpec(seed=9, periods=3, sun=False).feeder()
    flex = adnflex.flexibility(feeder.net(), **feeder.arguments, final_energy=final)
    store = feeder.batteries[0]
    least = {"free": store.e_min, "initial": store.e_start}.get(str(final), 0.8 * store.e_max)
    rng = np.random.default_rng(0)
    low, high = flex.lower_mw.to_numpy(), flex.upper_mw.to_numpy()
    for share in [np.zeros(3), np.ones(3), *rng.random((10, 3))]:
        energy = flex.disaggregate(low + share * (high - low)).energy_mwh[0]
        assert energy.iloc[-1] >= least - 1e-6
        assert energy.between(store.e_min - 1e-6, store.e_max + 1e-6).all()


# -- the dispatch rule ---------------------------------------------------------------------------------------------


def test_the_net_is_not_changed_and_profiles_neither(feeder) -> None:
    net, arguments = feeder.net(), feeder.arguments
    before, frames = deepcopy(net), deepcopy(arguments["profiles"])
    flex = adnflex.flexibility(net, **arguments)
    flex.apply(net, 1)
    adnflex.validate(flex, net, trajectories=6, levels=2)
    require_unchanged(before, net)
    for key, frame in frames.items():
        pd.testing.assert_frame_equal(frame, arguments["profiles"][key])


def test_trajectories_are_followed(feeder, small) -> None:
    net = feeder.net()
    rng = np.random.default_rng(5)
    low, high = small.lower_mw.to_numpy(), small.upper_mw.to_numpy()
    for share in [np.zeros(3), np.ones(3), np.array([1.0, 0.0, 1.0]), *rng.random((4, 3))]:
        wanted = low + share * (high - low)
        found = small.disaggregate(wanted)
        np.testing.assert_allclose(found.trajectory_mw, wanted)
        assert found.share.between(0, 1).all()
        # devices: limits, energies, a split to the vehicles, by an audit of our own
        assert withdrawals(feeder, found.setpoints)[2] <= 1e-6
        for t in small.box.index:
            applied = small.apply(net, t, float(wanted[t]))
            for (table, column), frame in feeder.arguments["profiles"].items():
                fixed = [i for i in frame.columns if (table, column, i) not in small.setpoints_lower.columns]
                applied[table].loc[fixed, column] = frame.loc[t, fixed].to_numpy()
            assert run(applied) == pytest.approx(float(wanted[t]), abs=2e-5)


def test_a_period_applied_draws_what_was_asked(park) -> None:
    flex = adnflex.flexibility(park, periods=[10, 14], time_limit=20.0)
    for period in (10, 14):
        low, high = float(flex.lower_mw[period]), float(flex.upper_mw[period])
        for wanted in (None, low, 0.3 * low + 0.7 * high, high):
            expected = (low + high) / 2 if wanted is None else wanted
            assert run(flex.apply(park, period, wanted)) == pytest.approx(expected, abs=5e-5)
    with pytest.raises(InputError, match="period 3: there are 2, 10 to 14"):
        flex.apply(park, 3)
    with pytest.raises(InputError, match="period 10: 99 MW"):
        flex.apply(park, 10, 99.0)
    other = deepcopy(park)
    other.load.loc[3, "p_mw"] *= 1.01
    with pytest.raises(InputError):
        flex.apply(other, 10)


def test_what_is_no_trajectory(small) -> None:
    middle = ((small.lower_mw + small.upper_mw) / 2).to_numpy()
    with pytest.raises(InputError, match=r"\(2,\).*3 periods"):
        small.disaggregate(middle[:2])
    above = middle.copy()
    above[1] = small.upper_mw[1] + 0.01
    above[2] = np.nan
    with pytest.raises(InputError) as caught:
        small.disaggregate(above)
    assert len(caught.value.findings) == 2
    assert "period 1" in caught.value.findings[0]
    assert f"{small.upper_mw[1]:.6g}" in caught.value.findings[0]
    assert "period 2" in caught.value.findings[1]
    # rounding at the ends is none
    small.disaggregate(small.upper_mw.to_numpy() + 5e-8)


# -- files ---------------------------------------------------------------------------------------------------------


def test_saved_and_loaded_it_is_the_same(feeder, small, tmp_path) -> None:
    small.save(tmp_path / "flex.json")
    again = adnflex.Flexibility.load(tmp_path / "flex.json")
    for item in dataclasses.fields(small):
        a, b = getattr(small, item.name), getattr(again, item.name)
        if isinstance(a, pd.DataFrame) and not len(a):
            # nothing says what an empty table's numbers would be
            assert a.shape == b.shape, item.name
        elif isinstance(a, pd.DataFrame):
            pd.testing.assert_frame_equal(a, b, check_exact=False, obj=item.name, check_column_type=False)
        elif item.name in ("separable", "remembering", "foresighted"):
            pd.testing.assert_frame_equal(a.limits, b.limits)
            assert (a.total_mwh, a.bound_mwh, a.status, a.kind) == (b.total_mwh, b.bound_mwh, b.status, b.kind)
        elif item.name == "linear":
            assert a == b
            assert isinstance(b, type(a))
        else:
            assert a == b or (a != a and b != b), item.name
    assert again.summary() == small.summary()
    middle = ((small.lower_mw + small.upper_mw) / 2).to_numpy()
    pd.testing.assert_frame_equal(again.disaggregate(middle).setpoints, small.disaggregate(middle).setpoints)
    assert adnflex.validate(again, feeder.net(), trajectories=6, levels=2).passed


def test_another_file_is_refused(tmp_path) -> None:
    (tmp_path / "x.json").write_text('{"format": "else"}', encoding="utf-8")
    with pytest.raises(InputError, match="flexibility"):
        adnflex.Flexibility.load(tmp_path / "x.json")


# -- the check -----------------------------------------------------------------------------------------------------


def test_the_check_passes_and_is_repeatable(feeder, small) -> None:
    net = feeder.net()
    check = adnflex.validate(small, net, trajectories=30, levels=4, seed=3)
    assert check.passed, check.verdict
    assert check.states == 3 * 4
    assert check.trajectories == 30
    assert check.vertices >= 10
    assert check.worst_error_kw < 0.05
    assert check.violations.empty
    again = adnflex.validate(small, net, trajectories=30, levels=4, seed=3)
    pd.testing.assert_frame_equal(check.ac, again.ac)
    every = adnflex.validate(small, net, trajectories=6, levels=None)
    assert every.passed
    assert every.states == 3 * 6
    for arguments in ({"trajectories": 1}, {"levels": 1}):
        with pytest.raises(InputError, match="2 or more"):
            adnflex.validate(small, net, **arguments)


def changed(flex, name: str, edit):
    table = getattr(flex, name).copy()
    edit(table)
    return dataclasses.replace(flex, **{name: table})


def _scale(column_of, factor):
    def edit(table) -> None:
        for c in table.columns:
            if c[1] == column_of[1] and c[0] == column_of[0]:
                table[c] *= factor

    return edit


@pytest.mark.parametrize("side", ["setpoints_lower", "setpoints_upper"])
@pytest.mark.parametrize("column", [("sgen", "p_mw"), ("storage", "p_mw"), ("load", "p_mw"), ("sgen", "q_mvar")])
def test_setpoints_that_were_changed_are_found(feeder, small, side, column) -> None:
    table = getattr(small, side)
    size = table[[c for c in table.columns if c[:2] == column]].abs().to_numpy().max(initial=0.0)
    if size < 1e-3:
        pytest.skip("nothing to change by 2 %")
    check = adnflex.validate(changed(small, side, _scale(column, 1.02)), feeder.net(), trajectories=6, levels=2)
    assert not check.passed
    assert not check.violations.empty


def test_an_enlarged_box_fails_its_check(feeder, small) -> None:
    check = adnflex.validate(small.enlarged(0.05), feeder.net(), trajectories=6, levels=2)
    assert not check.passed
    assert check.violations["kind"].str.contains("no dispatch found").any()
    worst = check.violations[check.violations["kind"].str.contains("no dispatch")].iloc[0]
    assert worst["period"] in small.box.index
    assert worst["excess"] > 0
    assert worst["unit"] == "MW"


@pytest.mark.parametrize(("column", "by"), [("lower_mw", -0.02), ("upper_mw", 0.02)])
def test_a_claim_that_was_changed_is_found(feeder, small, column, by) -> None:
    def edit(table) -> None:
        table.loc[1, column] += by

    check = adnflex.validate(changed(small, "box", edit), feeder.net(), trajectories=6, levels=2)
    assert not check.passed
    # energy may be missing in another hour than the one whose claim is wrong
    assert check.violations["kind"].str.contains("dispatch").all()


def test_a_smaller_box_holds_as_well(feeder, small) -> None:
    check = adnflex.validate(small.enlarged(-0.2), feeder.net(), trajectories=6, levels=3)
    assert check.passed, check.verdict


def test_energy_over_a_trajectory_is_judged(feeder, small) -> None:
    # every hour alone is possible, all of them together overfill the storage
    assert len(feeder.batteries)

    def edit(table) -> None:
        for k, b in enumerate(feeder.batteries):
            table["storage", "p_mw", k] = b.charge / b.scaling

    check = adnflex.validate(changed(small, "setpoints_upper", edit), feeder.net(), trajectories=6, levels=2)
    assert not check.passed
    assert check.violations["kind"].str.contains("energy").any()


def test_another_net_is_refused(feeder, small) -> None:
    net = feeder.net()
    net.line.loc[0, "length_km"] *= 1.1
    with pytest.raises(InputError):
        adnflex.validate(small, net)


def test_progress_and_options(feeder) -> None:
    told = []
    flex = adnflex.flexibility(feeder.net(), **feeder.arguments, progress=told.append, name="a feeder", seed=7)
    assert [t.event for t in told][:2] == ["outer box", "separable box"]
    assert len(flex.progress) == len(told)
    assert flex.net_name == "a feeder"
    assert "a feeder" in flex.summary()
    assert flex.options["seed"] == 7
    assert flex.pcc == "ext_grid 0"


def test_with_and_without_reactive_power_in_one_call(tmp_path):
    net = adnflex.networks.load("park33_flexibility")
    both = adnflex.flexibility(net, periods=[10], without_q=True)
    plain = adnflex.flexibility(net, periods=[10], reactive_power=False)
    row = both.comparison.loc["present"]
    assert row["total_without_q_mwh"] == pytest.approx(plain.total_mwh, abs=1e-6)
    assert row["linear_without_q_mwh"] == pytest.approx(plain.separable.total_mwh, abs=1e-6)
    assert row["total_mwh"] == pytest.approx(both.total_mwh, abs=1e-9) != row["total_without_q_mwh"]
    assert f"without reactive power {plain.total_mwh:.4f} MWh run in AC" in both.summary()
    adnflex.report(both, None, tmp_path / "both.html", net)
    assert "Gains, and what reactive power adds" in (tmp_path / "both.html").read_text()
    assert adnflex.flexibility(net, periods=[10]).comparison.empty
