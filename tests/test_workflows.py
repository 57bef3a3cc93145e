"""The verbs keep their promises: a net is only read, the bound never lies, an end in between is an answer."""

from __future__ import annotations

import copy
import math
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest

import adnflex
from adnflex import Progress
from adnflex.errors import InputError

#: Optimum of mv_oberrhein, known from earlier proofs to 1e-4 [MW].
OBERRHEIN_MW = 0.946632
OBERRHEIN_LIMITS = (0.95, 1.05)
CASE33_MW = 0.139551


def contents(net: pp.pandapowerNet) -> dict[str, object]:
    """Everything in a net, private tables too, in a form of its own."""
    return {key: copy.deepcopy(value) for key, value in net.items()}


def assert_unchanged(net: pp.pandapowerNet, before: dict[str, object]) -> None:
    assert list(net.keys()) == list(before)
    for key, old in before.items():
        new = net[key]
        assert type(new) is type(old), key
        if isinstance(old, pd.DataFrame):
            # dtypes, order of columns and rows, index kinds and missing values as well
            pd.testing.assert_frame_equal(new, old, check_exact=True, obj=key)
        elif isinstance(old, np.ndarray):
            np.testing.assert_array_equal(new, old)
        else:
            assert repr(new) == repr(old), key


@pytest.mark.parametrize("ran", [False, True], ids=["fresh", "with results"])
@pytest.mark.parametrize("make", [pn.case33bw, pn.create_cigre_network_mv], ids=["in_service", "switches"])
def test_the_net_of_the_caller_is_only_read(make, ran, tmp_path):
    net = make()
    if ran:
        pp.runpp(net, numba=False)
    before = contents(net)
    plan = adnflex.reconfigure(net, vm_limits=(0.85, 1.1), workers=1)
    assert_unchanged(net, before)
    check = adnflex.validate(plan, net)
    assert_unchanged(net, before)
    applied = plan.apply(net)
    applied.line["in_service"] = False
    applied.switch["closed"] = False
    assert_unchanged(net, before)
    path = tmp_path / "report.html"
    adnflex.report(plan, check, path)
    assert path.stat().st_size > 1000
    assert_unchanged(net, before)
    assert check.passed


def test_a_plan_is_not_changed_by_what_is_done_with_it():
    net = pn.case33bw()
    plan = adnflex.reconfigure(net, workers=1)
    before = {k: copy.deepcopy(v) for k, v in vars(plan).items()}
    plan.apply(net)
    adnflex.validate(plan, net)
    plan.summary()
    for key, old in before.items():
        new = getattr(plan, key)
        if isinstance(old, pd.DataFrame):
            pd.testing.assert_frame_equal(new, old, obj=key)
        else:
            assert repr(new) == repr(old), key


def told(net: pp.pandapowerNet, **options: object) -> tuple[adnflex.Plan, list[Progress]]:
    rows: list[Progress] = []
    return adnflex.reconfigure(net, progress=rows.append, **options), rows


@pytest.mark.parametrize("objective", ["losses", "switching", "voltage", {"losses": 1.0, "switching": 0.001}])
def test_progress_only_gets_better(objective):
    plan, rows = told(pn.case33bw(), objective=objective, workers=1, time_limit=3.0)
    assert rows
    for old, new in pairwise(rows):
        assert new.seconds >= old.seconds
        assert new.bound >= old.bound - 1e-12
        assert new.incumbent <= old.incumbent + 1e-12
    # a bound above the incumbent by rounding is cut for the plan, but never by more
    assert all(row.bound <= row.incumbent + 1e-9 for row in rows if math.isfinite(row.incumbent))
    assert plan.bound <= plan.objective + 1e-12
    assert rows[-1].incumbent == pytest.approx(plan.objective, rel=1e-9, abs=1e-9)
    assert plan.progress[["incumbent", "bound"]].to_numpy().tolist() == [[r.incumbent, r.bound] for r in rows]


def test_an_executor_of_the_caller_gives_the_same_answer():
    alone = adnflex.reconfigure(pn.case33bw(), workers=1)
    with ThreadPoolExecutor(2) as pool:
        shared = adnflex.reconfigure(pn.case33bw(), executor=pool)
        # it is the caller's and stays open
        assert pool.submit(int, 3).result() == 3
    assert shared.open_lines == alone.open_lines == [6, 8, 13, 31, 36]
    assert shared.objective == pytest.approx(alone.objective, abs=1e-12)
    assert shared.status == "optimal"
    assert shared.bound <= CASE33_MW + 1e-6


def test_a_short_time_limit_gives_a_valid_bound_and_a_plan_that_holds():
    net = pn.mv_oberrhein()
    plan = adnflex.reconfigure(net, vm_limits=OBERRHEIN_LIMITS, time_limit=0.5, gap=0.0, workers=1)
    assert plan.status == "time_limit"
    assert plan.seconds < 20
    assert 0 <= plan.bound <= OBERRHEIN_MW
    assert plan.objective >= OBERRHEIN_MW - 1e-5
    assert plan.gap == pytest.approx((plan.objective - plan.bound) / plan.objective)
    assert adnflex.validate(plan, net).passed


@pytest.mark.parametrize("at", [1, 2, 4])
def test_an_interrupt_ends_with_what_is_proven(at):
    """Ctrl-C while the caller is told is an interrupt like any other."""
    net, calls = pn.case33bw(), [0]

    def interrupt(row: Progress) -> None:
        calls[0] += 1
        if calls[0] == at:
            raise KeyboardInterrupt

    plan = adnflex.reconfigure(net, progress=interrupt, workers=1)
    assert plan.status == "interrupted"
    assert plan.bound <= CASE33_MW + 1e-6
    assert plan.objective >= CASE33_MW - 1e-6
    assert adnflex.validate(plan, net).passed


def test_nothing_is_switched_where_nothing_is_violated():
    net = pn.case33bw()
    plan = adnflex.reconfigure(net, "switching", vm_limits=(0.8, 1.1), workers=1)
    assert (plan.operations, plan.objective, plan.bound, plan.gap) == (0, 0.0, 0.0, 0.0)
    assert plan.status == "optimal"
    assert not plan.switches["operated"].any()
    check = adnflex.validate(plan, net)
    assert check.passed
    assert check.losses_mw == pytest.approx(check.losses_before_mw, rel=1e-9)


@pytest.fixture(scope="module")
def present_plan():
    return adnflex.reconfigure(pn.case33bw(), "switching", vm_limits=(0.8, 1.1), workers=1)


@pytest.mark.parametrize(
    "change",
    [
        lambda net: net.load.loc.__setitem__((3, "p_mw"), 0.2),
        lambda net: net.line.loc.__setitem__((3, "in_service"), False),
        lambda net: net.bus.loc.__setitem__((3, "min_vm_pu"), 0.8),
        lambda net: pp.create_load(net, 5, 0.01),
    ],
    ids=["load", "state", "limit", "new load"],
)
def test_a_plan_for_another_net_is_refused(present_plan, change):
    other = pn.case33bw()
    change(other)
    for use in (present_plan.apply, lambda net: adnflex.validate(present_plan, net)):
        with pytest.raises(InputError, match=r"is not the one that the plan was made for .*; make a new plan"):
            use(other)
