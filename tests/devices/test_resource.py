"""What a device offers to a box as inequalities, against the device's own audit and against its description."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.optimize import linprog

from adnflex.devices import Fleet, FlexibleLoad, Generation, Storage
from adnflex.devices.resource import polygon
from adnflex.knobs import Horizon
from adnflex.study import read_study
from tests.flexibility_nets import Battery, Bendable, Feeder, Garage, Line, Sun, Vehicle, unsplit

PERIODS = 3
SIDES = 16


def device(kind, hours: float = 1.0, **parts):
    """Read one device from a net of two buses; also the horizon."""
    load = np.full((PERIODS, 2), 0.1)
    load[:, 0] = 0.0
    lines = (Line(0, 1, 0.01, 0.01, 9.0),)
    feeder = Feeder(lines, load, 0.2 * load, hours=hours, **parts)
    arguments = {k: v for k, v in feeder.arguments.items() if k != "final_energy"}
    study = read_study(feeder.net(), Horizon(**arguments))
    (found,) = (d for d in study.devices if isinstance(d, kind))
    return found, study.horizon


def rows_of(resource):
    """All inequalities over x (T, k) and the levels, as one linear program's arrays."""
    periods, k = resource.low.shape
    levels = len(resource.accumulators)
    size = periods * (k + levels)
    a, b = [], []
    bounds = [(lo, hi) for lo, hi in zip(resource.low.reshape(-1), resource.high.reshape(-1), strict=True)] + [
        (None, None)
    ] * (periods * levels)
    for t in range(periods):
        for row, limit in zip(resource.rows, resource.limits[t], strict=True):
            full = np.zeros(size)
            full[t * k : (t + 1) * k] = row
            a.append(full)
            b.append(limit)
    for n, level in enumerate(resource.accumulators):
        for t in range(periods):
            own = periods * k + n * periods + t
            if np.isfinite(level.limit[t]):
                bounds[own] = (None, float(level.limit[t]))
            for part in level.parts:
                full, before = np.zeros(size), 0.0
                full[t * k : (t + 1) * k] = part[t]
                full[own] = -1.0
                if t:
                    full[own - 1] = level.keep
                else:
                    before = level.keep * level.start
                a.append(full)
                b.append(-before)
    return np.array(a).reshape(-1, size), np.array(b), bounds


def extreme(resource, towards):
    """The point (T, k) furthest in a direction, or None where there is none."""
    a, b, bounds = rows_of(resource)
    cost = np.zeros(len(bounds))
    cost[: towards.size] = -towards.reshape(-1)
    found = linprog(cost, a if len(a) else None, b if len(a) else None, bounds=bounds)
    return None if found.x is None else found.x[: towards.size].reshape(towards.shape)


def holds(resource, p, q=None) -> bool:
    """Whether some columns give the withdrawals p, q (T,)."""
    a, b, bounds = rows_of(resource)
    periods, k = resource.low.shape
    equal, values = [], []
    for part, constant, wanted in ((resource.p, resource.p0, p), (resource.q, resource.q0, q)):
        if wanted is None:
            continue
        for t in range(periods):
            row = np.zeros(len(bounds))
            row[t * k : (t + 1) * k] = part[t]
            equal.append(row)
            values.append(wanted[t] - constant[t])
    found = linprog(np.zeros(len(bounds)), a if len(a) else None, b if len(a) else None, equal, values, bounds)
    return found.status == 0


def audited(spec, horizon, resource, x):
    """Faults of a point by the device's own audit; what is asked of a storage's last hour is the box's affair."""
    written = resource.setpoints(x)
    table = spec.place.table
    faults = spec.audit(lambda column: written[table, column, spec.place.index][None], horizon)
    return [f for f in faults if f.kind != "energy at the end"]


SUN = Sun(1, (0.3, 0.8, 0.0), 0.9, 0.9)
BATTERY = Battery(1, 0.4, 0.5, 0.1, 0.8, 0.5, 0.8, 0.7, 0.95, 0.55, 0.4)
LOAD = Bendable(1, 0.1, 0.6, (0.3, 0.5, 0.2), 0.4, True)
GARAGE = Garage(1, (Vehicle(0, 2, 0.2, 0.25, 0.2), Vehicle(1, 3, 0.0, 0.1, 0.3), Vehicle(0, 3, 0.3, 0.5, 0.2)))
CASES = {
    "sun": (Generation, {"suns": (SUN,)}),
    "sun scaled": (Generation, {"suns": (dataclasses.replace(SUN, scaling=0.5),)}),
    "sun fixed q": (Generation, {"suns": (dataclasses.replace(SUN, q=math.nan, fixed_q=0.3, scaling=2.0),)}),
    "sun little q": (Generation, {"suns": (dataclasses.replace(SUN, q=0.1),)}),
    "storage": (Storage, {"batteries": (BATTERY,)}),
    "storage scaled": (Storage, {"batteries": (dataclasses.replace(BATTERY, scaling=2.0),), "hours": 0.5}),
    "storage without q": (Storage, {"batteries": (dataclasses.replace(BATTERY, q=0.0, rating=0.3),)}),
    "load": (FlexibleLoad, {"bendables": (dataclasses.replace(LOAD, keep_energy=False),)}),
    "load shifted": (FlexibleLoad, {"bendables": (LOAD,), "hours": 0.25}),
    "vehicles": (Fleet, {"garages": (GARAGE,)}),
    "vehicles, long hours": (Fleet, {"garages": (GARAGE,), "hours": 2.0}),
}


@pytest.mark.parametrize("case", CASES)
def test_every_point_passes_the_audit(case: str) -> None:
    spec, horizon = device(CASES[case][0], **CASES[case][1])
    resource = spec.resource(horizon, SIDES)
    rng = np.random.default_rng(1)
    points = [extreme(resource, rng.normal(size=resource.low.shape)) for _ in range(12)]
    assert all(x is not None for x in points)
    for _ in range(12):
        # mixes: the set is convex
        share = rng.dirichlet(np.ones(len(points)))
        points.append(np.tensordot(share, np.array(points[:12]), 1) if len(share) == 12 else points[0])
    for x in points:
        assert audited(spec, horizon, resource, x) == []
        # what is written into the net is what the network was told
        written = resource.setpoints(x)
        p, q = resource.power(x)
        table, i = spec.place.table, spec.place.index
        np.testing.assert_allclose(written[table, "p_mw", i] * resource.withdrawal_per_unit, p, atol=1e-12)
        np.testing.assert_allclose(written[table, "q_mvar", i] * resource.withdrawal_per_unit, q, atol=1e-12)
        ((_, low, high, q_low, q_high),) = spec.reach()
        assert (p >= np.asarray(low) - 1e-9).all()
        assert (p <= np.asarray(high) + 1e-9).all()
        assert (q >= q_low - 1e-9).all()
        assert (q <= q_high + 1e-9).all()


@pytest.mark.parametrize("case", ["sun", "sun fixed q", "storage", "load", "vehicles"])
def test_what_is_outside_fails_the_audit(case: str) -> None:
    spec, horizon = device(CASES[case][0], **CASES[case][1])
    resource = spec.resource(horizon, 64)
    rng = np.random.default_rng(2)
    for _ in range(8):
        towards = rng.normal(size=resource.low.shape)
        x = extreme(resource, towards)
        pushed = x + 0.1 * np.sign(x - (resource.low + resource.high) / 2) * (resource.high - resource.low)
        p, q = resource.power(pushed)
        if not holds(resource, p, q):
            assert audited(spec, horizon, resource, pushed), pushed


def test_left_alone() -> None:
    for case in CASES:
        spec, horizon = device(CASES[case][0], **CASES[case][1])
        resource = spec.resource(horizon, SIDES)
        p, q = resource.power(resource.idle)
        assert holds(resource, p, q), case
        if isinstance(spec, Generation):
            assert -p == pytest.approx(spec.high[0])
        elif isinstance(spec, Storage):
            assert p == pytest.approx(np.zeros(PERIODS))
        else:
            assert p == pytest.approx(np.asarray(spec.wanted).reshape(-1))


def test_a_storage_never_needs_both_at_once() -> None:
    # charging before discharging: every point of the set is run without burning energy
    spec, horizon = device(Storage, batteries=(BATTERY,))
    resource = spec.resource(horizon, SIDES)
    assert holds(resource, np.array([0.1, -0.1, 0.1]))
    # energy by hand: 0.5 * 0.95 - 0.2 / 0.7 = 0.1893, then 0.1798 - 0.05 / 0.7 = 0.1084, then 0.1030 - p / 0.7 >= 0.1
    assert holds(resource, np.array([-0.2, -0.05, -0.002]))
    assert not holds(resource, np.array([-0.2, -0.05, -0.003]))
    # the upper limit over-estimates what discharging frees: 0.475 + 0.8 * 0.4 = 0.795 <= 0.8 in the first hour
    assert holds(resource, np.array([0.4, 0.0, 0.0]))
    assert not holds(resource, np.array([0.41, 0.0, 0.0]))
    # 0.75525 + 0.8 p <= 0.8 in the second one
    assert holds(resource, np.array([0.4, 0.0559, 0.0]))
    assert not holds(resource, np.array([0.4, 0.0561, 0.0]))


def test_a_load_that_keeps_its_energy_keeps_it() -> None:
    spec, horizon = device(FlexibleLoad, bendables=(LOAD,), hours=0.25)
    resource = spec.resource(horizon, SIDES)
    assert holds(resource, np.array([0.3, 0.5, 0.2]))
    assert holds(resource, np.array([0.6, 0.1, 0.3]))
    assert not holds(resource, np.array([0.6, 0.1, 0.31]))
    assert not holds(resource, np.array([0.6, 0.1, 0.29]))


@pytest.mark.parametrize("hours", [1.0, 0.5, 2.0])
def test_a_fleet_is_the_sum_of_its_vehicles(hours: float) -> None:
    garage = Garage(1, tuple(dataclasses.replace(v, need=v.need * hours, most=v.most * hours) for v in GARAGE.vehicles))
    spec, horizon = device(Fleet, hours=hours, garages=(garage,))
    resource = spec.resource(horizon, SIDES)
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(60):
        p = rng.uniform(0, 0.45, PERIODS)
        fits = unsplit(garage, p, hours) < 1e-9
        assert holds(resource, p) == fits
        short, _ = spec.shortage(p, hours)
        assert (short <= 1e-4) == fits or abs(short) < 1e-3
        inside += fits
    assert 5 < inside < 55
    # outside its stay a vehicle takes nothing
    assert resource.high[2, 0] == resource.high[0, 1] == 0.0


def test_a_fleet_left_alone_charges_as_soon_as_possible() -> None:
    spec, _ = device(Fleet, garages=(GARAGE,))
    # 0.2 at once, 0 of the second (no need), 0.2 then 0.1
    assert spec.wanted == pytest.approx([0.4, 0.1, 0.0])


def test_without_a_limit_of_the_battery_there_is_no_row_for_it() -> None:
    garage = Garage(1, (Vehicle(0, 3, 0.0, 9.0, 0.2),))
    spec, horizon = device(Fleet, garages=(garage,))
    assert spec.resource(horizon, SIDES).accumulators == ()


@pytest.mark.parametrize("sides", [8, 16, 64])
def test_polygon(sides: int) -> None:
    normals, rhs = polygon(2.0, sides)
    assert normals.shape == (sides, 2)
    np.testing.assert_allclose(np.hypot(*normals.T), 1.0)
    corners = 2 * math.pi * np.arange(sides) / sides
    at = 2.0 * np.column_stack([np.cos(corners), np.sin(corners)])
    # every corner is on the circle and on two edges; nothing inside the polygon leaves the circle
    slack = rhs - at @ normals.T
    assert slack.min() == pytest.approx(0.0, abs=1e-12)
    assert ((slack < 1e-9).sum(axis=1) == 2).all()
    assert rhs[0] == pytest.approx(2.0 * math.cos(math.pi / sides))
    rng = np.random.default_rng(0)
    points = rng.uniform(-2.5, 2.5, (500, 2))
    inside = (points @ normals.T <= rhs).all(axis=1)
    assert (np.hypot(*points[inside].T) <= 2.0 + 1e-12).all()
    assert inside[np.hypot(*points.T) <= 2.0 * math.cos(math.pi / sides)].all()


def test_a_power_factor_and_an_injection_that_must_not_be_zero() -> None:
    feeder = Feeder(
        (Line(0, 1, 0.01, 0.01, 9.0),), np.zeros((PERIODS, 2)), np.zeros((PERIODS, 2)), (dataclasses.replace(SUN),)
    )
    net = feeder.net()
    net.sgen["min_cos_phi"] = 0.9
    (spec,) = (d for d in read_study(net, Horizon(**feeder.arguments)).devices if isinstance(d, Generation))
    study = read_study(net, Horizon(**feeder.arguments))
    resource = spec.resource(study.horizon, SIDES)
    tan = math.tan(math.acos(0.9))
    assert holds(resource, np.array([-0.3, -0.5, 0.0]), np.array([0.3 * tan, -0.5 * tan, 0.0]))
    assert not holds(resource, np.array([-0.3, -0.5, 0.0]), np.array([0.31 * tan, -0.5 * tan, 0.0]))
    assert not holds(resource, np.array([-0.3, -0.5, 0.0]), np.array([0.0, 0.0, 0.01]))
    del net.sgen["min_cos_phi"]
    net.sgen["min_q_mvar"], net.sgen["max_q_mvar"] = 0.1, 0.2
    study = read_study(net, Horizon(**feeder.arguments))
    (spec,) = (d for d in study.devices if isinstance(d, Generation))
    resource = spec.resource(study.horizon, SIDES)
    assert holds(resource, np.zeros(PERIODS), np.full(PERIODS, -0.1))
    assert holds(resource, np.zeros(PERIODS), np.full(PERIODS, -0.2))
    assert not holds(resource, np.zeros(PERIODS), np.full(PERIODS, -0.09))
    assert not holds(resource, np.zeros(PERIODS), np.full(PERIODS, 0.1))
    # if nothing is asked for, the injection is the smallest that is allowed
    assert resource.power(resource.idle)[1] == pytest.approx(np.full(PERIODS, -0.1))
