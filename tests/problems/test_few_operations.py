"""The least number of operations: claims hold against enumeration, and small answers are found first."""

from __future__ import annotations

import itertools
import os

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pytest

import adnflex
from adnflex.algorithms.branch_exchange import ExchangeSearch
from adnflex.errors import Infeasible
from adnflex.grid import read_grid
from adnflex.grid.topology import must_close
from adnflex.knobs import Effort, Limits, Switching
from adnflex.problems.reconfiguration.exchange import ExchangeProblem
from adnflex.problems.reconfiguration.feeder_flow import Feeder, FeederFlow
from adnflex.problems.reconfiguration.few_operations import operation_count, try_few_operations
from adnflex.problems.reconfiguration.meshed import nearest_tree
from adnflex.problems.reconfiguration.objective import parse_objective
from adnflex.problems.reconfiguration.radial_search import Incumbent
from adnflex.problems.reconfiguration.solve import solve_reconfiguration
from tests.problems.test_reconfiguration import Case, draw_case

NETS = int(8 * float(os.environ.get("ADNFLEX_SOAK", "1")))


def open_now(grid):
    return frozenset(np.flatnonzero(~grid.closed).tolist())


def cases(seed: int):
    for k in itertools.count():
        case = draw_case(np.random.default_rng([815, seed, k]), most=16)
        if case is not None:
            yield case


def check_against(case: Case) -> str:
    """Compare count, incumbent and plan with every configuration that pandapower accepts."""
    grid = read_grid(case.net, switching=Switching(switchable_lines=case.lines, switchable_switches=case.switches))
    exchange = ExchangeProblem(grid, parse_objective("switching"), must_close(grid))
    search, best = ExchangeSearch(exchange.evaluate, exchange.moves), Incumbent()
    before = operation_count(exchange, open_now(grid))
    after = try_few_operations(exchange, search, best, before, lambda *row: None)
    rows = case.table[case.table.feasible]
    kind = "none" if rows.empty else f"{int(rows.switched_branches.min())}"
    if rows.empty:
        with pytest.raises(Infeasible):
            adnflex.reconfigure(case.net, "switching", switchable_lines=case.lines,
                                switchable_switches=case.switches, workers=1)  # fmt: skip
        return kind
    fewest = int(rows.switched_branches.min())
    assert before.least <= after.least <= fewest, (case.spec, before, after, fewest)
    # the step of two: every radial state, not only the best one
    radial = case.table[case.table.switched_branches.notna()]
    assert set((radial.switched_branches.astype(int) - before.least) % 2) == {0}, case.spec
    assert best.value >= fewest
    plan = adnflex.reconfigure(
        case.net, "switching", switchable_lines=case.lines, switchable_switches=case.switches, workers=1
    )
    assert (plan.operations, plan.bound, plan.status) == (fewest, pytest.approx(fewest), "optimal"), case.spec
    # the nearest tree is as near as any
    nearest = len(nearest_tree(grid, exchange.required) ^ open_now(grid))
    assert nearest == int(radial.switched_branches.min()), case.spec
    return kind


def test_counts_and_plans_agree_with_enumeration():
    seen = [check_against(case) for case in itertools.islice(cases(0), NETS)]
    # zero, one, two, and nothing at all turn up
    assert len(set(seen)) >= 3, seen


def feeder(low: float):
    net = pn.case33bw()
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = low, 1.1
    return net


@pytest.mark.parametrize(("low", "fewest"), [(0.90, 0), (0.93, 2), (0.936, 4)])
def test_small_answers_are_found_and_proven_without_a_model(low, fewest):
    # lowest voltage of case33bw: 0.9131 pu now; 0.9336 pu after one exchange, 0.9373 pu after two
    grid = read_grid(feeder(low))
    answer = solve_reconfiguration(grid, parse_objective("switching"), Effort(workers=1))
    assert (answer.bound, answer.status) == (fewest, "optimal")
    assert int(np.count_nonzero(answer.flow.closed != grid.closed)) == fewest
    # states without a power flow solution are refuted by their flows without losses
    assert answer.solver.startswith(("all ", "the only "))


def test_a_state_beyond_its_limits_by_rounding_alone_is_not_refuted():
    grid = read_grid(pn.case33bw(), limits=Limits((0.9, 1.1)))
    exchange = ExchangeProblem(grid, parse_objective("switching"), must_close(grid))
    lowest = float(np.sqrt(exchange.flow(open_now(grid)).v.min()))
    for above, least in ((1e-7, 0), (1e-6, 0), (1e-5, 2)):
        near = ExchangeProblem(read_grid(pn.case33bw(), limits=Limits((lowest + above, 1.1))),
                               parse_objective("switching"), must_close(grid))  # fmt: skip
        assert operation_count(near, open_now(grid)).least == least


def test_a_state_without_power_flow_is_not_refuted(monkeypatch):
    grid = read_grid(feeder(0.95))
    exchange = ExchangeProblem(grid, parse_objective("switching"), must_close(grid))
    assert operation_count(exchange, open_now(grid)).least == 2
    exchange = ExchangeProblem(grid, parse_objective("switching"), must_close(grid))
    nothing = np.zeros(0, dtype=complex)
    monkeypatch.setattr(FeederFlow, "solve", lambda self, trees: [Feeder(tree, False, nothing) for tree in trees])
    assert operation_count(exchange, open_now(grid)).least == 0


@pytest.mark.parametrize("objective", ["losses", "switching", "voltage", {"losses": 1.0, "switching": 0.001}])
@pytest.mark.parametrize("solver", ["auto", "highs"])
def test_a_present_state_within_its_limits_is_never_infeasible(objective, solver):
    # far too little time for anything: the present state comes back, with a bound below it
    net = feeder(0.9)
    plan = adnflex.reconfigure(net, objective, solver=solver, time_limit=1e-4, workers=1)
    assert plan.objective >= plan.bound - 1e-12
    assert plan.status == ("optimal" if objective == "switching" else "time_limit")
    assert adnflex.validate(plan, net).passed
    if objective == "switching":
        assert plan.operations == 0


def test_interrupted_before_there_is_a_model(monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("adnflex.problems.reconfiguration.solve.build_chosen", interrupt)
    plan = adnflex.reconfigure(feeder(0.9), workers=1)
    # the local search came first
    assert (plan.status, plan.bound) == ("interrupted", 0.0)
    assert plan.objective < 0.15
    with pytest.raises(KeyboardInterrupt):
        adnflex.reconfigure(feeder(0.95), workers=1)


def test_where_nothing_can_be_chosen_the_count_is_no_row() -> None:
    # two lines in a row that are out of service: each has to be closed, and the present state supplies nobody
    net = pp.create_empty_network()
    buses = [pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(3)]
    pp.create_ext_grid(net, buses[0])
    for a, b in itertools.pairwise(buses):
        pp.create_line_from_parameters(net, a, b, 1.0, 0.3, 0.2, 0.0, 0.3, in_service=False)
    pp.create_load(net, buses[2], 0.5, 0.1)
    plan = adnflex.reconfigure(net, objective="switching", switchable_lines=[0, 1], workers=1)
    assert (plan.operations, plan.bound) == (2, 2.0)
