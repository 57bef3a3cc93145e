"""Indices of reliability against a feeder worked by hand and the published cases of a test system."""

from __future__ import annotations

from copy import deepcopy
from functools import cache

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest

import adnflex
from adnflex.errors import InputError
from adnflex.grid.switching import decisions
from adnflex.knobs import Switching
from adnflex.problems.reliability.indices import OutageSet, system_indices
from adnflex.problems.reliability.protection import Touching, parted, tripped
from adnflex.problems.reliability.rates import default_rate, rates
from adnflex.problems.reliability.study import reliability
from tests.reliability_nets import CASES, bus_2, worked

# SAIFI, SAIDI [h], CAIDI [h], ENS [MWh]: computed from the published data by code that shares nothing with the
# library; ENS agrees with that of Extended-RELRAD to its printed digits in all six cases
KNOWN = {
    "A": (0.24821095, 3.61258726, 14.55450377, 37.745679),
    "B": (0.60235299, 22.49643475, 37.34759388, 231.2633525),
    "C": (0.24821095, 4.16298873, 16.7719783, 43.82444),
    "D": (0.60235299, 6.7498315, 11.20577409, 67.2860715),
    "E": (0.24821095, 0.76557469, 3.08437107, 8.843829),
    "F": (0.60235299, 9.93407573, 16.49211665, 149.1876505),
}


def elements(net):
    return [(table, int(i)) for table in ("line", "trafo") for i in net[table].index]


def waiting(net, ties=True):
    """Buses that no source reaches while the fault is parted, though every tie that there is may be closed."""
    able = deepcopy(net)
    if ties:
        able.switch["closed"] = True
    touching = Touching(able)
    lit = touching.after(elements(net), parted)
    return {key: touching.buses[~row].tolist() for key, row in zip(elements(net), lit, strict=True)}


def told(net):
    return reliability(net, elements(net), waiting(net), {})


@cache
def of_case(name):
    return told(bus_2(CASES[name]))


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_six_cases_of_bus_2(name):
    found = of_case(name)
    assert (found.saifi, found.saidi_hours, found.caidi_hours, found.ens_mwh) == pytest.approx(KNOWN[name], rel=1e-6)
    points = found.load_points
    assert (points["customers"] * points["hours_per_year"]).sum() / 1908 == pytest.approx(found.saidi_hours, rel=1e-12)
    assert found.outages["ens_mwh"].sum() == pytest.approx(found.ens_mwh, rel=1e-12)


def test_the_published_case_to_its_printed_digits():
    found = of_case("E")
    assert round(found.saifi, 3) == 0.248
    assert round(found.saidi_hours, 2) == 0.77
    assert round(found.caidi_hours, 2) == 3.08
    assert round(found.ens_mwh, 3) == 8.844


# every failure that a load point of bus 2 sees in case E, by hand: rate a year, hours
BY_HAND = {
    # own section and own lateral wait for the repair; the rest of the feeder for the switching; the transformer
    "LP1": [(0.065 * (0.75 + 0.6), 5), (0.065 * (0.75 + 0.75 + 0.6), 1), (0.015, 10)],
    "LP4": [(0.065 * (0.75 + 0.6), 5), (0.065 * (0.75 + 0.75 + 0.6), 1), (0.015, 10)],
    "LP9": [(0.065 * (0.6 + 0.8), 5), (0.065 * 0.75, 1)],
    "LP22": [(0.065 * (0.6 + 0.8), 5), (0.065 * (0.8 + 0.75 + 0.75), 1), (0.015, 10)],
}


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_load_points_of_bus_2_by_hand(name):
    points = of_case("E").load_points.set_index("name").loc[name]
    assert points["interruptions_per_year"] == pytest.approx(sum(rate for rate, _ in BY_HAND[name]), rel=1e-12)
    assert points["hours_per_year"] == pytest.approx(sum(rate * h for rate, h in BY_HAND[name]), rel=1e-12)


@pytest.mark.parametrize(
    ("ties", "hours", "system"),
    [
        (True, [2.2, 1.7, 2.6, 3.0], (0.78875, 2.225, 2.225 / 0.78875, 2.30)),
        (False, [2.2, 2.0, 3.5, 4.2], (0.78875, 2.5625, 2.5625 / 0.78875, 2.75)),
    ],
)
def test_the_feeder_worked_by_hand(ties, hours, system):
    found = told(worked(ties))
    assert found.load_points["interruptions_per_year"].tolist() == pytest.approx([0.76, 0.80, 0.86, 0.81], rel=1e-12)
    assert found.load_points["hours_per_year"].tolist() == pytest.approx(hours, rel=1e-12)
    assert (found.saifi, found.saidi_hours, found.caidi_hours, found.ens_mwh) == pytest.approx(system, rel=1e-12)
    assert not [note for note in found.notes if "failures" in note or "hours" in note or "customers" in note]


def test_the_indices_of_all_outages_with_a_tie_that_is_too_narrow():
    # worked by hand: a failure of M1 leaves 0.6 MW behind a tie of 0.45 MW: 0.4 MW come back, load point 2 waits
    found = adnflex.contingencies(worked(tie_ka=0.45 / (3**0.5 * 11))).indices
    assert found.load_points["hours_per_year"].tolist() == pytest.approx([2.2, 2.0, 2.6, 3.0], rel=1e-12)
    system = (0.78875, 2.30, 2.30 / 0.78875, 2.36)
    assert (found.saifi, found.saidi_hours, found.caidi_hours, found.ens_mwh) == pytest.approx(system, rel=1e-12)


def test_a_line_that_hangs_open_at_its_end_fails_as_well():
    net = worked()
    tie = int(net.line.index[net.line["name"] == "tie"][0])
    net.switch.loc[net.switch["element"] == tie, "bus"] = int(net.line.at[tie, "to_bus"])
    net.line.loc[tie, "failures_per_km_year"] = 0.5
    row = (
        adnflex.contingencies(net, outages=["line"], max_operations=1)
        .indices.outages.set_index(["element", "index"])
        .loc[("line", tie)]
    )
    # it cannot be parted from the end of the feeder: all are interrupted, the load point there waits
    assert row["customers_interrupted"] == 200
    assert row["customers_waiting"] == 25


def test_fuses_are_no_switches():
    net = worked()
    fuse = set(net.switch["element"][net.switch["type"] == "FUSE"])
    chosen, _ = decisions(net, Switching())
    assert not fuse & {d.index for d in chosen}
    assert {d.index for d in decisions(net, Switching(switchable_lines=sorted(fuse)))[0]} == fuse


def test_nobody_waits_longer_than_the_repair_takes():
    arrays = np.array([1.0]), np.array([2.0]), np.array([5.0])
    outages = OutageSet(*arrays, interrupted=np.array([[True, True, False]]), waits=np.array([[True, False, False]]))
    assert outages.hours.tolist() == [[2.0, 2.0, 0.0]]


def test_indices_of_a_system_without_interruptions():
    zero = np.zeros(2)
    found = system_indices(zero, zero, np.ones(2), np.ones(2))
    assert (found.saifi, found.saidi, found.ens) == (0, 0, 0)
    assert np.isnan(found.caidi)


def test_what_the_net_does_not_say_is_assumed_and_told():
    net = worked()
    for table in ("line", "trafo"):
        net[table] = net[table].drop(columns=["repair_hours", "switching_hours"])
    net.line = net.line.drop(columns="failures_per_km_year")
    net.load = net.load.drop(columns=["customers", "average_mw"])
    net.line.loc[0, "repair_hours"] = 4.0
    net.line["type"] = ["cs", *["ol"] * (len(net.line) - 1)]
    table = rates(net, [("line", 0), ("line", 1), ("trafo", 0)])
    assert table["failures_per_year"].tolist() == pytest.approx([0.04, 2 * 0.065, 0.01])
    assert table["repair_hours"].tolist() == [4.0, 5.0, 10.0]
    assert table["assumed"].tolist() == [
        "failures_per_km_year, switching_hours",
        "failures_per_km_year, repair_hours, switching_hours",
        "repair_hours, switching_hours",
    ]
    notes = " ".join(told(net).notes)
    for name in ("failures_per_km_year", "repair_hours", "switching_hours", "customers", "average_mw"):
        assert name in notes


@pytest.mark.parametrize("value", [-1.0, float("inf"), "often"])
def test_rates_hours_and_customers_that_cannot_be_are_refused_by_name(value):
    net = worked()
    hours = ("repair_hours", "switching_hours")
    columns = {
        "line": ("failures_per_km_year", *hours),
        "trafo": ("failures_per_year", *hours),
        "switch": ("failures_per_year", *hours),
        "ext_grid": ("failures_per_year", *hours),
        "load": ("customers", "average_mw"),
    }
    for table, names in columns.items():
        for name in names:
            net[table][name] = pd.Series(np.nan, net[table].index, dtype=object)
            net[table].loc[0, name] = value
    with pytest.raises(InputError) as refused:
        adnflex.plan_from(net)
    for table, names in columns.items():
        for name in names:
            assert f"{table} 0: {name} is" in str(refused.value)


def test_switching_takes_as_long_as_its_switches():
    net = worked()
    net.line = net.line.drop(columns="switching_hours")
    net.switch["minutes"] = 30.0
    # a fault of M4 is parted by its own disconnect alone: 30 min; the tie is one more
    m4 = int(net.line.index[net.line["name"] == "M4"][0])
    alone = reliability(net, [("line", m4)], {}, {})
    assert alone.outages["switching_hours"].tolist() == [0.5]
    assert alone.outages["assumed"].tolist() == [""]
    tie = int(net.switch.index[net.switch["type"] == "LBS"][0])
    assert reliability(net, [("line", m4)], {}, {("line", m4): [tie]}).outages["switching_hours"].tolist() == [1.0]


def test_loads_without_supply_or_customers():
    net = worked()
    net.line.loc[net.line["name"] == "T4", "in_service"] = False
    found = reliability(net, [("line", 0)], {}, {})
    assert "1 loads have no supply at all and are left out: load 3" in " ".join(found.notes)
    assert 3 not in found.load_points.index
    net.load["customers"] = 0.0
    with pytest.raises(InputError, match="no load with supply has a customer"):
        reliability(net, [("line", 0)], {}, {})


@pytest.mark.parametrize("kind", ["CB", "LBS"])
def test_a_coupler_fails_the_same_way_from_either_of_its_buses(kind):
    net = pp.create_empty_network()
    pp.create_buses(net, 6, 20.0)
    pp.create_ext_grid(net, 0)
    # a breaker before each half of a busbar (1 and 2, coupled), a feeder on either, all behind breakers
    for a, b in ((0, 1), (1, 3), (2, 4), (0, 5)):
        line = pp.create_line_from_parameters(net, a, b, 1.0, 0.1, 0.1, 0.0, 1.0)
        pp.create_switch(net, a, line, "l", type="CB")
    coupler = pp.create_switch(net, 1, 2, "b", type=kind)
    for bus in range(1, 6):
        pp.create_load(net, bus, 1.0)
    turned = deepcopy(net)
    turned.switch.loc[coupler, ["bus", "element"]] = [2, 1]
    for one in (net, turned):
        touching = Touching(one)
        # what trips are the breakers around it; what stays parted is what hangs behind it
        assert touching.buses[~touching.after([("switch", coupler)], tripped)[0]].tolist() == [1, 2, 3, 4]
        assert touching.buses[~touching.after([("switch", coupler)], parted)[0]].tolist() == [2, 4]
        assert set(touching.border(("switch", coupler))) == {coupler}
        # a fault behind a breaker that couples trips that breaker alone
        far = touching.buses[~touching.after([("line", 2)], tripped)[0]].tolist()
        assert far == [4]
        other = touching.buses[~touching.after([("bus", 2)], tripped)[0]].tolist()
        assert other == ([2, 4] if kind == "CB" else [1, 2, 3, 4])
    turned.switch.loc[coupler, "closed"] = False
    assert (
        Touching(turned).after([("switch", coupler)], tripped)[0].tolist()
        == Touching(turned).supplied()[Touching(turned).bus].tolist()
    )


def walked(net, line, stops):
    """Buses that a fault of a line reaches, walking until switches that stop it; an oracle without arrays."""
    at = {(int(r.element), int(r.bus)): r for r in net.switch[net.switch["et"] == "l"].itertuples()}

    def passes(index, bus):
        switch = at.get((index, bus))
        return switch is None or (switch.closed and not stops(switch))

    ends = {int(i): (int(a), int(b)) for i, a, b in net.line[["from_bus", "to_bus"]].itertuples()}
    lines, buses, queue = {line}, set(), [line]
    while queue:
        index = queue.pop()
        for bus in ends[index]:
            if passes(index, bus) and bus not in buses:
                buses.add(bus)
                for other, both in ends.items():
                    if bus in both and passes(other, bus) and other not in lines:
                        lines.add(other)
                        queue.append(other)
    return lines, buses


@pytest.mark.parametrize("seed", range(6))
def test_what_is_tripped_and_what_is_parted_on_random_nets(seed):
    rng = np.random.default_rng(seed)
    net = pp.create_empty_network()
    count = int(rng.integers(5, 12))
    for _ in range(count):
        pp.create_bus(net, 20.0)
    pp.create_ext_grid(net, 0)
    pairs = [(int(rng.integers(0, b)), b) for b in range(1, count)]
    pairs += [tuple(sorted(rng.choice(count, 2, replace=False).tolist())) for _ in range(2)]
    for a, b in pairs:
        index = pp.create_line_from_parameters(net, a, b, 1.0, 0.1, 0.1, 0.0, 1.0)
        for bus in (a, b):
            kind = rng.choice(["CB", "DS", "FUSE", ""])
            if kind or bus == 0:
                closed = bool(rng.random() < 0.9)
                # the head of every feeder has a breaker, so that none is assumed
                pp.create_switch(net, bus, index, "l", closed=closed, type="CB" if bus == 0 else kind)
    touching = Touching(net)
    assert not touching.assumed
    for cut, stops in ((tripped, lambda s: s.type in ("CB", "FUSE")), (parted, lambda s: True)):
        lit = touching.after([("line", int(i)) for i in net.line.index], cut)
        for row, line in zip(lit, net.line.index, strict=True):
            lines, buses = walked(net, int(line), stops)
            rest = deepcopy(net)
            rest.line.loc[sorted(lines), "in_service"] = False
            rest.bus.loc[sorted(buses), "in_service"] = False
            dark = set(pp.topology.unsupplied_buses(rest)) | buses
            assert set(touching.buses[~row]) == dark, (line, cut)


def test_defaults_follow_voltage_and_kind():
    net = pn.mv_oberrhein()
    assert default_rate(net, "line", int(net.line.index[net.line["type"] == "ol"][0])).failures == 0.065
    assert default_rate(net, "trafo", int(net.trafo.index[0])).failures == 0.01
    assert default_rate(net, "switch", int(net.switch.index[0])).repair_h == 4
    assert default_rate(net, "ext_grid", int(net.ext_grid.index[0])).failures == 0
    touching = Touching(net)
    heads = {("line", int(i)) for i in net.switch["element"][net.switch["type"] == "CB"]}
    assert not heads & set(touching.assumed)
