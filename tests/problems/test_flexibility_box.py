"""Boxes at the coupling point against linear programs of our own over every vertex and every radial state.

``ADNFLEX_SOAK=20`` runs twenty times as many feeders.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
from copy import deepcopy

import networkx as nx
import numpy as np
import pandapower as pp
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings

import adnflex
from adnflex.errors import Infeasible
from adnflex.knobs import Horizon
from adnflex.problems.flexibility.linear_boxes import remembering_box, separable_box
from adnflex.problems.flexibility.study import read_flexibility_study, setpoint_table
from adnflex.problems.flexibility.wishes import Wishes
from tests.dispatch_nets import require_unchanged
from tests.flexibility_nets import (
    POLICIES,
    Battery,
    Bendable,
    Feeder,
    FlexSpec,
    Line,
    Sun,
    flex_specs,
    largest_box,
    linear_state,
    withdrawals,
)

SOAK = float(os.environ.get("ADNFLEX_SOAK", "1"))


def close(value: float, truth: float, relative: float = 1e-5) -> bool:
    """Equal to a relative tolerance, and to 1 W h where next to nothing is left."""
    return abs(value - truth) <= relative * abs(truth) + 1e-6


def answered(feeder: Feeder, proven: bool = True, **arguments):
    """Return a flexibility; None where it says that there is no box. The caller's net stays as it is.

    `proven` False: there may also be a box of the linear model whose states do not hold in AC.
    """
    net = feeder.net()
    before = deepcopy(net)
    missed = None
    try:
        flex = adnflex.flexibility(net, **feeder.arguments, **arguments)
    except Infeasible as error:
        flex, missed = None, error
    require_unchanged(before, net)
    assert missed is None or not proven or "the linear model has a box" not in str(missed), missed
    return flex


def examine(spec: FlexSpec) -> str:
    """Compare one feeder with the truth; return how it ended."""
    feeder = spec.feeder()
    truth = largest_box(feeder, "foresighted")
    apart = largest_box(feeder, "separable")
    flex = answered(feeder)
    if flex is None:
        assert apart is None, f"called infeasible, {apart} is possible"
        return "infeasible"
    assert truth is not None, "a box where there is none"
    assert apart is not None
    outer = largest_box(feeder, vertices=[(0,) * spec.periods, (1,) * spec.periods])
    assert outer is not None
    assert apart.worth <= truth.worth + 1e-7 <= outer.worth + 2e-7
    assert close(flex.separable.total_mwh, apart.worth)
    assert flex.separable.total_mwh <= flex.foresighted.total_mwh + 1e-7
    assert flex.foresighted.total_mwh <= truth.worth + 1e-5 * truth.worth + 1e-6
    assert flex.linear.bound >= truth.worth * (1 - 1e-6) - 1e-7
    assert flex.linear.bound <= outer.worth * (1 + 1e-6) + 1e-6
    if flex.foresighted.status == "optimal":
        assert close(flex.foresighted.total_mwh, truth.worth)
    # every box that is reported holds at every vertex, by a program that never saw how it was found
    for box, policy in ((flex.separable, "separable"), (flex.foresighted, "foresighted")):
        # a hair of room for the rounding of the two solvers
        inner = box.limits["lower_mw"].to_numpy() + 1e-6, box.limits["upper_mw"].to_numpy() - 1e-6
        if (inner[0] <= inner[1]).all():
            assert largest_box(feeder, policy, given=inner) is not None, policy
    return flex.foresighted.status


# found by search: three hours in which energy couples the periods, self-discharge, vehicles, scaling
EXAMPLES = [
    FlexSpec(seed=44037, periods=3, hours=2.0, sun=False, bendable=True, reactive=False, leaking=True,
             tight_lines=True, final=40.0),
    FlexSpec(seed=65542, buses=6, periods=3, fleet=True, reactive=False, leaking=True, scaled=True,
             import_limits=True, final="initial"),
]  # fmt: skip


@settings(max_examples=max(1, int(3 * SOAK)), deadline=None, suppress_health_check=list(HealthCheck))
@example(EXAMPLES[0])
@example(EXAMPLES[1])
@given(flex_specs())
def test_any_feeder(spec: FlexSpec) -> None:
    examine(spec)


@pytest.mark.parametrize(
    "options",
    [
        {"storage": False, "tight_voltage": True},
        {"sun": False, "leaking": True, "final": 60.0, "periods": 3, "seed": 31},
        {"sun": False, "storage": False, "fleet": True, "periods": 4, "hours": 0.5},
        {"sun": False, "bendable": True, "keep_energy": True, "periods": 3},
        {"tight_lines": True, "tight_voltage": True, "reactive": False, "scaled": True},
    ],
    ids=["sun", "storage", "vehicles", "loads", "without-q"],
)
def test_each_device(options) -> None:
    ended = [examine(FlexSpec(**({"seed": 70 + n, "buses": 5} | options))) for n in range(max(1, int(SOAK)))]
    assert "optimal" in ended or SOAK < 5


def test_impossible_voltages_are_no_box() -> None:
    feeder = dataclasses.replace(FlexSpec(seed=2, tight_voltage=True).feeder(), v_min=0.9999)
    assert largest_box(feeder) is None
    assert answered(feeder) is None


# -- other questions -----------------------------------------------------------------------------------------------


def lossless(feeder: Feeder) -> Feeder:
    """The same with next to no impedance: a base schedule of AC power flow then is one of the linear model."""
    lines = tuple(dataclasses.replace(s, r=1e-6 * s.r, x=1e-6 * s.x) for s in feeder.lines)
    return dataclasses.replace(feeder, lines=lines)


@pytest.mark.parametrize("direction", ["up", "down", "symmetric", "both"])
def test_directions_and_widths_around_a_base(direction: str) -> None:
    feeder = lossless(FlexSpec(seed=8, periods=2, tight_lines=True).feeder())
    whole = largest_box(feeder)
    assert whole is not None
    base = ((2 * whole.lower + whole.upper) / 3).tolist()
    width = (0.1 * (whole.upper - whole.lower)).tolist()
    required = (width, width) if direction in ("symmetric", "both") else None
    flex = answered(feeder, direction=direction, base_mw=base, required_mw=required)
    truth = largest_box(feeder, direction=direction, base=base, required=required)
    assert flex is not None
    assert truth is not None
    assert close(flex.foresighted.total_mwh, truth.worth)
    assert flex.box["base_mw"].tolist() == base
    lower, upper = flex.lower_mw.to_numpy(), flex.upper_mw.to_numpy()
    if direction == "up":
        assert lower == pytest.approx(base)
    if direction == "down":
        assert upper == pytest.approx(base)
    if direction == "symmetric":
        assert (lower + upper) / 2 == pytest.approx(base)
    if required is not None:
        assert (np.array(base) - lower >= np.array(width) - 1e-5).all()
        assert (upper - np.array(base) >= np.array(width) - 1e-5).all()


@pytest.mark.parametrize("direction", ["down", "symmetric"])
def test_demand_response_alone_goes_down_from_its_base(direction: str) -> None:
    # the base of AC power flow, losses included, lies above what a model without losses reaches
    load = np.array([[0, 0.2, 0.2]] * 2)
    lines = (Line(0, 1, 0.02, 0.02, 5.0), Line(1, 2, 0.02, 0.02, 5.0))
    feeder = Feeder(lines, load, 0.3 * load, bendables=(Bendable(2, 0.1, 0.5, (0.5, 0.5), 0.3, False),))
    flex = answered(feeder, direction=direction)
    assert flex is not None, "the load can be reduced"
    if direction == "down":
        assert flex.upper_mw.to_numpy() == pytest.approx(flex.box["base_mw"].to_numpy(), abs=1e-6)
        assert flex.total_mwh > 0.8
    else:
        assert flex.total_mwh == pytest.approx(0.0, abs=1e-4)


def test_weights_are_the_worth_of_a_megawatt_hour() -> None:
    feeder = FlexSpec(seed=3, sun=False, periods=3, final="initial").feeder()
    weights = [1.0, 5.0, 0.2]
    flex = answered(feeder, period_weights=weights)
    truth = largest_box(feeder, weights=weights)
    assert flex is not None
    assert truth is not None
    widths = flex.foresighted.limits["upper_mw"] - flex.foresighted.limits["lower_mw"]
    assert close(float(widths.to_numpy() @ weights) * feeder.hours, truth.worth)
    assert close(flex.linear.bound, truth.worth)


@pytest.mark.parametrize("sides", [8, 64])
def test_sides_of_the_polygons(sides: int) -> None:
    feeder = FlexSpec(seed=12, tight_lines=True).feeder()
    flex, truth = answered(feeder, sides=sides), largest_box(feeder, sides=sides)
    assert flex is not None
    assert truth is not None
    assert close(flex.linear.bound, truth.worth)


def test_without_reactive_power() -> None:
    feeder = FlexSpec(seed=12, tight_lines=True, tight_voltage=True).feeder()
    flex, truth = answered(feeder, reactive_power=False), largest_box(feeder, reactive=False)
    assert (flex is None) == (truth is None)
    if flex is not None and truth is not None:
        assert close(flex.linear.bound, truth.worth)


# -- the dispatch rule of the linear model -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_random_trajectories_are_followed_hour_by_hour(seed: int) -> None:
    spec = FlexSpec(
        seed=300 + seed, periods=4, buses=5, bendable=True, fleet=True, leaking=True, tight_lines=True,
        tight_voltage=seed > 0, scaled=True, final="initial" if seed == 2 else "free",
    )  # fmt: skip
    feeder = spec.feeder()
    arguments = {k: v for k, v in feeder.arguments.items() if k != "final_energy"}
    study = read_flexibility_study(feeder.net(), Wishes(final_energy=feeder.final), Horizon(**arguments))
    network = study.network(study.study.grid.closed)
    problem = study.problem(network, np.zeros(feeder.periods))
    ends = separable_box(problem, 60.0)
    truth = largest_box(feeder, "separable")
    assert (ends is None) == (truth is None)
    assert ends is not None, "choose another seed: this feeder has no box"
    rng = np.random.default_rng(seed)
    shares = np.vstack([np.zeros(4), np.ones(4), np.arange(4) % 2, rng.random((40, 4)), rng.integers(0, 2, (20, 4))])
    for share in shares:
        columns = {}
        for r, low, high in zip(problem.resources, problem.split(ends.x_lower), problem.split(ends.x_upper),
                                strict=True):  # fmt: skip
            columns.update(r.setpoints(low + share[:, None] * (high - low)))
        p, q, broken = withdrawals(feeder, setpoint_table(columns, range(4)))
        assert broken <= 1e-6
        for t in range(4):
            power, over = linear_state(feeder, t, p[t], q[t])
            assert over <= 1e-6
            wanted = ends.lower[t] + share[t] * (ends.upper[t] - ends.lower[t])
            assert power == pytest.approx(wanted, abs=1e-6)


# -- where knowing the trajectory helps ----------------------------------------------------------------------------


def opposite_hours() -> Feeder:
    """A full storage that has to be full again, self-discharge, and sun in the second hour only."""
    return Feeder(
        (Line(0, 1, 0.001, 0.001, 5.0),),
        np.array([[0.0, 0.2], [0.0, 0.0]]),
        np.zeros((2, 2)),
        (Sun(1, (0.0, 0.1), 0.1, math.nan),),
        (Battery(1, 0.2, 0.1, 0.0, 0.2, 0.2, 1.0, 1.0, 0.8),),
        final="initial",
    )


def test_the_smallest_case_in_which_separate_periods_promise_less() -> None:
    """Two hours, one storage, one sun, no limit of the network: 0.100 MWh separately, 0.125 MWh with memory.

    The storage (0.2 MWh, full, keeps 80 % over an hour) has 0.16 + p1 after the first hour, at most 0.2, and
    0.8 (0.16 + p1) + p2 after the second, which has to be 0.2 again; so p2 = 0.072 - 0.8 p1. The first hour's import
    is 0.2 + p1; the second's p2 - s, the sun s taking what is between 0 and 0.1 MW.

    * Whatever p1 was, the second hour can be any value common to all: with p1 in an interval of width w, p2 varies by
      0.8 w and the sun makes up for it, which leaves 0.1 - 0.8 w. The sum is 0.1 + 0.2 w, largest at
      w = 0.1 / 0.8 = 0.125 MW (p1 may span 0.14 MW): 0.125 MWh. Nothing of p2 is needed in the first hour, so this is a
      policy without foresight, and the largest one, as with foresight there is no more.
    * A dispatch in which the second hour knows its own value alone has to end full for every mix of both hours,
      which allows w = 0 only: 0.1 MWh.

    So the separable box is no bound on what a controller with memory can promise: that is a gain of a quarter here.
    """
    feeder = opposite_hours()
    truth = {policy: largest_box(feeder, policy) for policy in POLICIES}
    assert truth["separable"].worth == pytest.approx(0.1, abs=1e-9)
    assert truth["causal"].worth == pytest.approx(0.125, abs=1e-9)
    assert truth["foresighted"].worth == pytest.approx(0.125, abs=1e-9)
    flex = answered(feeder)
    assert flex is not None
    assert flex.separable.total_mwh == pytest.approx(0.1, abs=1e-6)
    assert flex.foresighted.total_mwh == pytest.approx(0.125, abs=1e-6)
    assert flex.foresighted.status == flex.linear.status == "optimal"
    assert flex.linear.bound == pytest.approx(0.125, abs=1e-6)
    assert flex.linear.gap == pytest.approx(0.25, abs=1e-4)
    # what is promised is the separable one
    assert flex.total_mwh <= 0.1 + 1e-3
    # a policy that remembers one hour more is the best one here
    remembering = answered(feeder, memory=2)
    assert remembering.remembering.total_mwh == pytest.approx(0.125, abs=1e-6)
    assert "remembering 2 periods 0.1250 MWh" in remembering.summary()


@settings(max_examples=max(1, int(6 * SOAK)), deadline=None, suppress_health_check=list(HealthCheck))
@example(EXAMPLES[0])
@given(flex_specs())
def test_policies_that_remember_lie_between(spec: FlexSpec) -> None:
    """From hour by hour to the best policy without foresight, which the tree of all vertices gives; never beyond."""
    feeder = spec.feeder()
    asked = feeder.arguments
    horizon = Horizon(asked["profiles"], hours_per_period=feeder.hours)
    study = read_flexibility_study(feeder.net(), Wishes(final_energy=feeder.final), horizon)
    problem = study.problem(study.network(study.study.grid.closed))
    apart, causal = largest_box(feeder, "separable"), largest_box(feeder, "causal")
    boxes = [remembering_box(problem, 60.0, k) for k in range(1, feeder.periods + 1)]
    if causal is None:
        assert boxes == [None] * feeder.periods
        return
    assert boxes[-1] is not None
    assert close(boxes[-1].worth, causal.worth)
    sizes = [0.0 if b is None else b.worth for b in boxes]
    assert close(sizes[0], 0.0 if apart is None else apart.worth)
    assert all(a <= b + 1e-6 for a, b in itertools.pairwise(sizes))
    inner = boxes[-1].lower + 1e-6, boxes[-1].upper - 1e-6
    if (inner[0] <= inner[1]).all():
        assert largest_box(feeder, "causal", given=inner) is not None


@pytest.mark.parametrize("feeder", [opposite_hours(), FlexSpec(seed=44037, periods=3, sun=False).feeder()])
def test_generation_of_columns_and_constraints_can_be_seen(feeder: Feeder) -> None:
    """From one vertex on, the master problem shrinks to the box that two linear programs or more vertices settle."""
    plain, forced = answered(feeder), answered(feeder, method="ccg")
    table = forced.iterations
    assert len(table) == forced.foresighted.iterations >= 2
    assert table["vertices"].tolist() == list(range(1, len(table) + 1))
    assert (table["master_mwh"].diff().dropna() <= 1e-7).all()
    assert table["shortage_mw"].iloc[0] > 1e-6 >= table["shortage_mw"].iloc[-1]
    assert bool(table["worst"].iloc[-1])
    assert table["vertex"].str.fullmatch(f"[01]{{{feeder.periods}}}").all()
    assert forced.foresighted.total_mwh == pytest.approx(plain.foresighted.total_mwh, abs=1e-5)
    assert forced.linear.bound == pytest.approx(plain.linear.bound, abs=1e-5)


def two_histories() -> Feeder:
    """Two storages of 0.1 MWh behind a line that holds 0.2 MVA and carries a load of 0.2 MW in the first hour."""
    lost = 0.8
    return Feeder(
        (Line(0, 1, 0.001, 0.001, 0.2),),
        np.array([[0.0, 0.2], [0.0, 0.0]]),
        np.zeros((2, 2)),
        (),
        (
            Battery(1, 0.4, 0.4, 0.0, 0.1, 0.05, 0.8, 0.5, lost),
            Battery(1, 0.1, 0.1, 0.0, 0.1, 0.0, 0.8, 1.0, lost),
        ),
        final="initial",
    )


def test_a_case_in_which_no_policy_without_foresight_reaches_the_foresighted_box() -> None:
    """0.1775 MWh with foresight, 0.1625 MWh for every policy without it: proven by a program over all of them.

    Which storage takes a charge in the first hour has to be decided before the second hour is known; the best choice
    for a low second hour is not the best one for a high one. The program over the tree of vertices is exact for
    policies without foresight: a policy, restricted to the vertices, is a point of it, and interpolating a point of it
    between the vertices, hour by hour, is a policy for every trajectory (the sets are convex).
    """
    feeder = two_histories()
    worth = {policy: largest_box(feeder, policy).worth for policy in POLICIES}
    assert worth == pytest.approx({"separable": 0.1625, "causal": 0.1625, "foresighted": 0.1775}, abs=1e-9)
    flex = answered(feeder)
    assert flex is not None
    assert flex.separable.total_mwh == pytest.approx(0.1625, abs=1e-6)
    assert flex.foresighted.total_mwh == pytest.approx(0.1775, abs=1e-6)
    assert flex.linear.bound == pytest.approx(0.1775, abs=1e-6)


def test_the_smallest_case_by_prices() -> None:
    """A load that keeps its energy gives width to the first hour only as far as the sun takes it back in the second.

    The load's p2 = 0.6 - p1, so a width w of the first hour costs w of the sun's 0.1 MW in the second: w + (0.1 - w).
    Where the first hour is worth three times the second, that is 3 w + 0.1 - w, largest at w = 0.1: 0.3. Separately
    w = 0 and 0.1 remain.
    """
    feeder = Feeder(
        (Line(0, 1, 0.001, 0.001, 5.0),),
        np.zeros((2, 2)),
        np.zeros((2, 2)),
        (Sun(1, (0.0, 0.1), 0.1, math.nan),),
        bendables=(Bendable(1, 0.1, 0.5, (0.3, 0.3), 0.0, True),),
    )
    worth = {p: largest_box(feeder, p, weights=[3, 1]).worth for p in POLICIES}
    assert worth == pytest.approx({"separable": 0.1, "causal": 0.3, "foresighted": 0.3}, abs=1e-9)
    flex = answered(feeder, period_weights=[3.0, 1.0])
    assert flex is not None
    assert flex.linear.worth == pytest.approx(0.1, abs=1e-6)
    assert flex.linear.bound == pytest.approx(0.3, abs=1e-6)


# -- free topology -------------------------------------------------------------------------------------------------


def looped(spec: FlexSpec, *, most: int | None = None, **arguments):
    """Reconfigure, and what the oracle says of every radial state within so many operations."""
    feeder = spec.feeder()
    trees = [s for s in feeder.trees() if most is None or len(s ^ feeder.open) <= most]
    truth = {
        policy: max((b.worth for s in trees if (b := largest_box(feeder, policy, s)) is not None), default=-math.inf)
        for policy in ("separable", "foresighted")
    }
    found = None
    net = feeder.net()
    before = deepcopy(net)
    try:
        found = adnflex.reconfigure_for_flexibility(
            net, **feeder.arguments, max_operations=most, workers=1, time_limit=30.0,
            search_time=1.0, **arguments,
        )  # fmt: skip
    except Infeasible:
        assert truth["separable"] == -math.inf
    finally:
        require_unchanged(before, net)
    return feeder, truth, found


def examine_topology(spec: FlexSpec, most: int | None = None) -> str:
    feeder, truth, found = looped(spec, most=most)
    if found is None:
        return "infeasible"
    assert found.linear.bound >= truth["foresighted"] * (1 - 1e-6) - 1e-7
    assert found.linear.worth <= truth["separable"] * (1 + 1e-5) + 1e-6
    if found.linear.status == "optimal":
        assert found.linear.worth >= truth["foresighted"] * (1 - 1.1e-4) - 1e-6
    # of those whose linear boxes are within a per cent of the best, that with the best AC box is taken
    assert found.linear.worth >= truth["separable"] * (1 - 0.0101) - 1e-6
    opened = frozenset(found.open_lines)
    here = largest_box(feeder, "separable", opened)
    assert here is not None
    assert close(found.separable.total_mwh, here.worth)
    assert len(opened ^ feeder.open) == found.operations
    assert most is None or found.operations <= most
    if most is not None and "radial topologies" in found.linear.bound_kind:
        near = [s for s in feeder.trees() if len(s ^ feeder.open) <= most]
        assert f"all {len(near):,} radial topologies of at most {most} operations" in found.linear.bound_kind
    return found.linear.bound_kind


@settings(max_examples=max(1, int(2 * SOAK)), deadline=None, suppress_health_check=list(HealthCheck))
@given(flex_specs(buses=5, loops=2, periods=2, hours=1.0, tight_lines=True, import_limits=False, keep_energy=False))
def test_any_topology(spec: FlexSpec) -> None:
    examine_topology(spec)


def test_proof_by_the_devices_alone() -> None:
    # lines that hold nothing back in the best topology: what the devices would do without a network
    spec = FlexSpec(seed=5, loops=2, buses=5)
    assert "without a network" in examine_topology(spec)


def test_proof_over_every_tree() -> None:
    spec = FlexSpec(seed=21, loops=2, buses=5, tight_lines=True, tight_voltage=True, reactive=False)
    kind = examine_topology(spec)
    assert f"all {len(list(spec.feeder().trees()))} radial topologies" in kind


@pytest.mark.parametrize("most", [0, 2])
def test_no_more_operations_than_allowed(most: int) -> None:
    examine_topology(FlexSpec(seed=21, loops=2, buses=5, tight_lines=True, tight_voltage=True, reactive=False), most)


def test_a_bound_holds_for_every_base() -> None:
    # the base follows the topology, so that a bound of one topology's base is none for another
    feeder = FlexSpec(seed=80603, buses=5, periods=1, loops=1, reactive=False, tight_lines=True).feeder()
    feeder = dataclasses.replace(
        feeder,
        lines=tuple(dataclasses.replace(s, r=3 * s.r, x=3 * s.x) for s in feeder.lines),
        load_p=2 * feeder.load_p,
        load_q=2 * feeder.load_q,
        v_min=0.85,
    )
    found = adnflex.reconfigure_for_flexibility(
        feeder.net(), **feeder.arguments, direction="down", workers=1, time_limit=20.0, search_time=1.0
    )
    for opened in feeder.trees():
        fixed = answered(dataclasses.replace(feeder, open=opened), proven=False, direction="down")
        assert fixed is None or fixed.linear.worth <= found.linear.bound * (1 + 1e-6) + 1e-7


def test_a_bound_holds_where_devices_may_change_their_source() -> None:
    """Two sources: bus 4 has most of the sun and hangs from the other source; two exchanges bring it over.

    The first of them alone changes nothing, as no device hangs on bus 3. Lines 5 and 6 are long, so that neither the
    present state nor that of least losses uses them.
    """
    net = pp.create_empty_network(sn_mva=1.0)
    for _ in range(6):
        pp.create_bus(net, 10.0, min_vm_pu=0.9, max_vm_pu=1.1)
    first, second, own, middle, far, aside = range(6)
    pp.create_ext_grid(net, first)
    pp.create_ext_grid(net, second)
    ends = [(first, own), (second, aside), (aside, middle), (second, far), (own, middle), (middle, far)]
    for k, (a, b) in enumerate(ends):
        ohm = 2.0 if k > 3 else 0.1
        pp.create_line_from_parameters(net, a, b, 1.0, ohm, ohm, 0.0, 0.5, max_loading_percent=100.0, in_service=k < 4)
    for bus, p in ((own, 0.3), (far, 0.6)):
        pp.create_load(net, bus, 0.1, controllable=False)
        pp.create_sgen(net, bus, p, controllable=True, min_p_mw=0.0, max_p_mw=0.6)
    profiles = {("load", "p_mw"): pd.DataFrame({0: [0.1, 0.1], 1: [0.1, 0.1]})}
    found = adnflex.reconfigure_for_flexibility(
        net, pcc=("ext_grid", 0), profiles=profiles, hours_per_period=1.0, workers=1, time_limit=20.0,
        search_time=1.0,
    )  # fmt: skip
    assert found.linear.bound >= 1.8 - 1e-6
    if found.linear.bound_kind.startswith("all"):
        # both sources are one node of the graph whose trees are counted
        graph = nx.MultiGraph([(second if a == first else a, b) for a, b in ends])
        assert f"all {round(nx.number_of_spanning_trees(graph))} radial" in found.linear.bound_kind
    if found.linear.status == "optimal":
        assert found.linear.worth == pytest.approx(1.8, abs=1e-3)
