"""Brute force over all spanning trees agrees with the optimiser.

The oracle runs every radial configuration in pandapower and knows nothing of adnflex.  Small nets are too easy for
the local search: it nearly always finds the optimum, and a wrong proof would go unnoticed.  So every net is solved
twice, as a user would and *blind*: branch and bound without start and without heuristics, which has to find the
optimum in its leaves and fails where a cut or a bound is wrong.

``ADNFLEX_SOAK=20`` runs twenty times as many nets.
"""

from __future__ import annotations

import itertools
import math
import os
from typing import NamedTuple

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex.algorithms.branch_and_bound import Outcome, branch_and_bound
from adnflex.algorithms.branch_exchange import ExchangeSearch
from adnflex.errors import Infeasible
from adnflex.grid import read_grid
from adnflex.grid.topology import must_close
from adnflex.knobs import Switching
from adnflex.problems.reconfiguration.directed import build_directed
from adnflex.problems.reconfiguration.directed_search import DirectedSearch
from adnflex.problems.reconfiguration.exchange import ExchangeProblem
from adnflex.problems.reconfiguration.model import build_reconfiguration
from adnflex.problems.reconfiguration.objective import Objective, parse_objective
from adnflex.problems.reconfiguration.radial_search import Incumbent, RadialSearch
from tests.brute_force import enumerate_configurations, evaluate
from tests.strategies import FLAGS, NetSpec

SOAK = float(os.environ.get("ADNFLEX_SOAK", "1"))
GAP = 1e-6
OBJECTIVES = ["losses", "switching", "voltage", {"losses": 1.0, "switching": 0.003, "voltage": 0.5}]
#: What a coupler joins is one node for the oracle and two for the optimiser, which has to decide on it.
NODE_DEPENDENT = ("voltage", OBJECTIVES[3])


class Case(NamedTuple):
    """A net, what may be switched in it, and all its configurations."""

    spec: NetSpec
    net: pp.pandapowerNet
    lines: list[int]
    switches: list[int]
    table: pd.DataFrame


def _spec(rng: np.random.Generator) -> NetSpec:
    share = rng.choice([0.15, 0.5, 0.85])
    options: dict = {flag: bool(rng.random() < share) for flag in FLAGS}
    style = str(rng.choice(["switches", "in_service", "mixed"]))
    if style == "in_service":
        options |= {"couplers": False, "trafo_switches": False}
    if not options["transformers"]:
        options["trafo_switches"] = False
    n_bus, n_loops = int(rng.integers(4, 9)), int(rng.integers(1, 4))
    return NetSpec(
        int(rng.integers(2**31)),
        n_bus=(n_bus, n_bus),
        n_loops=(n_loops, n_loops),
        switch_style=style,
        present=str(rng.choice(["radial", "meshed", "unsupplied"])),
        limits=str(rng.choice(["generous", "tight", "tight"])),
        **options,
    )


def with_switch(net: pp.pandapowerNet) -> list[int]:
    """Lines with a line switch, also those that are out of service; every line where there is no switch at all."""
    if net.switch.empty:
        return [int(i) for i in net.line.index]
    return sorted({int(i) for i in net.switch.element[net.switch.et == "l"]})


def draw_case(rng: np.random.Generator, most: int = 24) -> Case | None:
    """A random net with few enough configurations; in half of them a lower limit that some or all violate."""
    spec = _spec(rng)
    net = spec.net()
    net.line.loc[net.line.max_i_ka.isna(), "max_loading_percent"] = np.nan
    lines = with_switch(net)
    if rng.random() < 0.3:
        lines = [int(i) for i in net.line.index[~net.line.name.isin(["dead", "into a dead bus"])]]
    switches: list[int] = []
    # with voltage-dependent loads pandapower mixes the shares of the buses that a coupler joins
    if spec.couplers and not spec.zip_loads and rng.random() < 0.6:
        couplers = net.switch.index[net.switch.et == "b"]
        switches = [int(s) for s in couplers[rng.random(len(couplers)) < 0.5]]
    try:
        table = enumerate_configurations(net, lines, bus_switches=switches, max_configurations=most, check=False)
    except ValueError:
        return None
    if rng.random() < 0.5:
        table = _cut_through(net, table, rng)
    return Case(spec, net, lines, switches, table)


def _cut_through(net: pp.pandapowerNet, table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Set a lower voltage limit between two configurations, or above all of them, never close to one.

    The same power flows are then feasible or not by the new limit.
    """
    root = float(net.ext_grid.vm_pu[net.ext_grid.in_service].min())
    found = np.unique(table.min_vm_pu.dropna().to_numpy())
    found = found[found < root - 1e-4]
    if not len(found):
        return table
    edges = [found[0] - 0.01, *found, min(root, found[-1] + 0.002)]
    i = int(rng.integers(len(edges) - 1))
    if edges[i + 1] - edges[i] <= 1e-5:
        return table
    net.bus["min_vm_pu"] = low = (edges[i] + edges[i + 1]) / 2
    over = np.maximum(low - table.min_vm_pu, table.voltage_high_violation)
    return table.assign(feasible=table.converged & (over <= 1e-9) & (table.loading_violation <= 1e-7))


def _values(table: pd.DataFrame, goal: Objective) -> pd.Series:
    """The objective of every feasible configuration."""
    rows = table[table.feasible]
    terms = goal.losses * rows.losses_mw + goal.switching * rows.switched_branches
    return terms + goal.voltage * rows.voltage_deviation_nodes


def blind_search(case: Case, goal: Objective, name: str) -> tuple[float, Outcome]:
    """Bound of the root relaxation, and branch and bound that knows no topology to begin with."""
    grid = read_grid(case.net, switching=Switching(switchable_lines=case.lines, switchable_switches=case.switches))
    exchange = ExchangeProblem(grid, goal, must_close(grid))
    search = ExchangeSearch(exchange.evaluate, exchange.moves)
    if name == "directed":
        tree = DirectedSearch(build_directed(grid, goal), search, Incumbent())
    else:
        tree = RadialSearch(build_reconfiguration(grid, goal), search, Incumbent())
    tree.heuristic = lambda point, count: None
    bounds: list[float] = []
    outcome = branch_and_bound(
        tree, gap=GAP, seconds=120.0, report=lambda incumbent, bound, event: bounds.append(bound)
    )
    assert bounds == sorted(bounds), "the bound never falls"
    return tree.relax(tree.brief(tree.root, math.inf)).bound, outcome


def objectives_of(case: Case) -> list[str | dict[str, float]]:
    """Objectives that the oracle can judge in a case."""
    return [o for o in OBJECTIVES if not (case.switches and o in NODE_DEPENDENT)]


def disagreements(case: Case, objective: str | dict[str, float]) -> list[str]:
    """What brute force and the optimiser do not agree on."""
    goal = parse_objective(objective)
    values = _values(case.table, goal)
    best = float(values.min()) if len(values) else math.inf
    slack = 2e-6 * max(abs(best), 1e-3) if len(values) else 0.0
    found = []
    for name in ("directed", "distflow"):
        root, outcome = blind_search(case, goal, name)
        if root > best + slack:
            found.append(f"the root relaxation's bound by {name} is {root}, the optimum {best}")
        if outcome.bound > best + slack:
            found.append(f"blind, {name}: the bound is {outcome.bound}, the optimum {best}")
        if not _same(outcome.objective, best, slack):
            found.append(f"blind, {name}: {outcome.status} with {outcome.objective}, the optimum is {best}")
    return [*found, *_as_a_user(case, objective, best, slack)]


def _same(value: float, best: float, slack: float) -> bool:
    return value == best or abs(value - best) <= slack


def _as_a_user(case: Case, objective: str | dict[str, float], best: float, slack: float) -> list[str]:
    try:
        plan = adnflex.reconfigure(
            case.net,
            objective,
            switchable_lines=case.lines,
            switchable_switches=case.switches,
            gap=GAP,
            # a fiftieth of it goes into the local search
            time_limit=12.0,
            workers=1,
        )
    except Infeasible as error:
        return [] if best == math.inf and error.proven else [f"{error} (proven: {error.proven}), the optimum is {best}"]
    found = []
    if plan.status != "optimal" or not _same(plan.objective, best, slack):
        found.append(f"{plan.status} with {plan.objective}, the optimum is {best}")
    if plan.bound > best + slack:
        found.append(f"the bound is {plan.bound}, the optimum {best}")
    check = adnflex.validate(plan, case.net)
    if not check.passed:
        found.append(f"check: {check.verdict}")
    elif not _same(check.objective, best, slack):
        found.append(f"check: objective {check.objective}, the optimum is {best}")
    if not _same(plan.apply(case.net).line.in_service.sum(), _closed_lines(case, plan), 0.0):
        found.append("apply: in_service differs")
    return found


def _closed_lines(case: Case, plan: adnflex.Plan) -> int:
    """Lines in service once the plan is applied, from the plan's own table."""
    rows = plan.switches[plan.switches.operated.astype(bool) & plan.switches.by_service.astype(bool)]
    rows = rows[rows.element == "line"]
    return int(case.net.line.in_service.sum() + (2 * rows.closed_after.astype(int) - 1).sum())


@pytest.mark.parametrize("batch", range(6))
def test_brute_force_agrees(batch: int) -> None:
    # hundreds more of the kind are a campaign: validation/faults/enumeration.py
    wanted, seen = int(2 * SOAK), 0
    for seed in itertools.count():
        rng = np.random.default_rng([4711, batch, seed])
        case = draw_case(rng)
        if case is None:
            continue
        allowed = objectives_of(case)
        objective = allowed[seed % len(allowed)]
        found = disagreements(case, objective)
        assert not found, f"{case.spec} lines {case.lines} switches {case.switches} {objective}: {found}"
        seen += 1
        if seen == wanted:
            break


def test_the_random_nets_are_worth_it() -> None:
    # feasible, partly feasible and infeasible ones all turn up, or agreement would say little
    shares = []
    for seed in range(12):
        case = draw_case(np.random.default_rng([4711, 0, seed]), most=24)
        if case is not None:
            shares.append(float(case.table.feasible.mean()))
    assert sum(s == 0 for s in shares) >= 1
    assert sum(0 < s < 1 for s in shares) >= 2
    assert sum(s == 1 for s in shares) >= 2


# -------------------------------------------------------------------------------------------- by hand


def _net(buses: int) -> pp.pandapowerNet:
    net = pp.create_empty_network()
    for _ in range(buses):
        pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0, vm_pu=1.01)
    return net


def _line(net: pp.pandapowerNet, a: int, b: int, km: float, **values: float) -> int:
    values = {"r_ohm_per_km": 0.3, "x_ohm_per_km": 0.2, "c_nf_per_km": 0.0, "max_i_ka": 0.3} | values
    return int(pp.create_line_from_parameters(net, a, b, km, **values))


def _ring(n: int = 4) -> pp.pandapowerNet:
    net = _net(n)
    for k in range(n):
        _line(net, k, (k + 1) % n, 3.0 + k)
    for b in range(1, n):
        pp.create_load(net, b, 1.0, 0.3)
    return net


def _agree(net: pp.pandapowerNet, lines: list[int], switches: list[int], objective: str = "losses") -> pd.DataFrame:
    table = enumerate_configurations(net, lines, bus_switches=switches)
    case = Case(NetSpec(0), net, lines, switches, table)
    assert not disagreements(case, objective)
    return table


def test_two_sources_joined_by_a_switchable_line() -> None:
    net = _ring()
    pp.create_ext_grid(net, 1, vm_pu=1.0)
    table = _agree(net, [0, 1, 2, 3], [])
    assert all(0 in opened for opened in table.open_lines)


def test_a_coupler_in_a_ring_can_be_the_best_to_open() -> None:
    net = _ring()
    other = pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    net.line.loc[2, "from_bus"] = other  # lines 0, 1 and 2, 3 are the halves of the ring
    pp.create_load(net, other, 1.0, 0.3)
    net.line["length_km"] = 3.0
    coupler = int(pp.create_switch(net, 2, other, et="b", closed=True))
    table = _agree(net, [0, 1, 2, 3], [coupler])
    best = table.sort_values("losses_mw").iloc[0]
    assert best.open_bus_switches == {coupler}
    plan = adnflex.reconfigure(net, switchable_lines="all", switchable_switches=[coupler], workers=1)
    assert (plan.open_lines, plan.operations) == ([], 1)


def test_a_line_to_a_bus_out_of_service_is_left_alone() -> None:
    net = _ring()
    dead = pp.create_bus(net, 20.0, in_service=False, min_vm_pu=0.9, max_vm_pu=1.1)
    tie = _line(net, 2, dead, 1.0, c_nf_per_km=300.0)
    net.line.loc[tie, "in_service"] = False
    _agree(net, [0, 1, 2, 3, tie], [])
    plan = adnflex.reconfigure(net, "switching", workers=1)
    new = plan.apply(net)
    assert not new.line.at[tie, "in_service"], "nobody asked for a line onto a dead bus"
    assert plan.operations == 1


def test_generation_can_make_an_island_attractive() -> None:
    # bus 3 supplies itself: without connection constraints an island there costs nothing
    net = _ring(6)
    pp.create_sgen(net, 3, 1.0, 0.3)
    pp.create_sgen(net, 4, 1.0, 0.3)
    _line(net, 3, 4, 0.5)
    _agree(net, list(range(7)), [])


def test_zero_loads_all_around() -> None:
    net = _ring()
    net.load[["p_mw", "q_mvar"]] = 0.0
    plan = adnflex.reconfigure(net, workers=1)
    assert plan.status == "optimal"
    assert plan.objective == pytest.approx(0.0, abs=1e-9)
    assert adnflex.validate(plan, net).passed


def test_nothing_to_decide() -> None:
    net = _net(3)
    _line(net, 0, 1, 2.0)
    _line(net, 1, 2, 2.0)
    pp.create_load(net, 2, 1.0, 0.2)
    plan = adnflex.reconfigure(net, workers=1)
    assert (plan.open_lines, plan.operations, plan.status) == ([], 0, "optimal")
    assert plan.objective == pytest.approx(evaluate(net)["losses_mw"], rel=1e-7)


def test_equal_lines_tie() -> None:
    net = _net(2)
    for _ in range(4):
        _line(net, 0, 1, 2.0)
    pp.create_load(net, 1, 1.0, 0.2)
    plan = adnflex.reconfigure(net, workers=1, gap=GAP)
    assert (len(plan.open_lines), plan.status) == (3, "optimal")


def test_a_limit_no_topology_meets_is_proven_and_named() -> None:
    net = _ring()
    net.load["p_mw"] = 4.0
    net.bus["min_vm_pu"] = 0.999
    assert not enumerate_configurations(net).feasible.any()
    with pytest.raises(Infeasible, match=r"no radial switch state meets every limit \(proven\)") as caught:
        adnflex.reconfigure(net, workers=1)
    assert caught.value.proven
    worst = caught.value.violations.iloc[0]
    assert (worst.kind, worst.element) == ("voltage low", "bus")
    # the least violating state: no configuration has a smaller worst violation in all
    table = enumerate_configurations(net)
    assert worst.excess <= table.voltage_violation.max() + 1e-9
    assert worst.value == pytest.approx(0.999 - worst.excess)


def test_case33bw_is_proven() -> None:
    plan = adnflex.reconfigure(pp.networks.case33bw(), workers=1, gap=1e-4)
    assert plan.open_lines == [6, 8, 13, 31, 36]
    assert plan.objective == pytest.approx(0.139551, abs=5e-7)
    assert plan.status == "optimal"
    assert 0.139551 * (1 - 1.1e-4) < plan.bound <= plan.objective
