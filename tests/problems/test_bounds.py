"""No cut removes a feasible state: bounds, chain intervals and the whole model against exact power flow.

Every radial state of small random nets is enumerated with the oracle's own combinatorics and run by exact
power flow.  A state that meets every limit must obey every bound and be a point of the compiled model.  That alone is
weak where limits are wide, so each net is also tested *hugged*: all limits are drawn tight around one state, which
is the worst that bounds can be made of, and that state must stay feasible.

``ADNFLEX_SOAK=100`` runs a hundred times as many nets.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator

import numpy as np
import pandapower as pp
import pytest

from adnflex.formulations.bounds import Bounds, compute_bounds
from adnflex.formulations.chain_hull import stub_flows, withdrawals
from adnflex.grid import Grid, read_grid
from adnflex.grid.flow import flow_of
from adnflex.grid.ratings import collect_ratings
from adnflex.grid.state import Flow
from adnflex.grid.topology import Adjacency, chains
from adnflex.knobs import Switching
from adnflex.problems.reconfiguration.exchange import limit_violation
from adnflex.problems.reconfiguration.model import Reconfiguration, build_reconfiguration
from adnflex.problems.reconfiguration.objective import Objective
from tests.brute_force import radial_choices
from tests.strategies import FLAGS, NetSpec

SOAK = float(os.environ.get("ADNFLEX_SOAK", "1"))
MIX = Objective(losses=1.0, switching=0.1, voltage=0.5)
#: Accuracy of power flow, far below anything that a cut may cost [pu].
EPS = 1e-9


def random_spec(rng: np.random.Generator) -> NetSpec:
    """Options of every kind, sometimes few at once and sometimes nearly all."""
    options: dict = {flag: bool(rng.random() < p) for p in [rng.choice([0.15, 0.5, 0.85])] for flag in FLAGS}
    n_bus, n_loops = int(rng.integers(4, 10)), int(rng.integers(1, 4))
    style = str(rng.choice(["switches", "in_service", "mixed"]))
    if style == "in_service":
        options |= {"couplers": False, "trafo_switches": False}
    if not options["transformers"]:
        options["trafo_switches"] = False
    return NetSpec(
        int(rng.integers(2**31)),
        n_bus=(n_bus, n_bus),
        n_loops=(n_loops, n_loops),
        switch_style=style,
        present=str(rng.choice(["radial", "meshed", "unsupplied"])),
        limits=str(rng.choice(["generous", "tight"])),
        **options,
    )


def with_switch(net: pp.pandapowerNet) -> list[int]:
    """Lines with a line switch, also those that are out of service; every line where there is no switch at all."""
    if net.switch.empty:
        return [int(i) for i in net.line.index]
    return sorted({int(i) for i in net.switch.element[net.switch.et == "l"]})


def random_grid(spec: NetSpec, rng: np.random.Generator) -> Grid:
    """Read a random net, in part with every line and with bus-bus and transformer switches free as well."""
    net = spec.net()
    # the generator leaves a tie that hangs in the air without a rating; a limit without a rating is a fault
    net.line.loc[net.line.max_i_ka.isna(), "max_loading_percent"] = np.nan
    real = net.line.index[~net.line.name.isin(["dead", "into a dead bus"])]
    lines = [int(i) for i in real] if rng.random() < 0.4 else with_switch(net)
    # a coupler beside voltage-dependent loads is refused as a decision
    other = net.switch.index[net.switch.et.isin(["t"] if spec.zip_loads else ["b", "t"])]
    switches = [int(s) for s in other[rng.random(len(other)) < 0.6]] if rng.random() < 0.5 else []
    return read_grid(net, switching=Switching(switchable_lines=lines, switchable_switches=switches))


def with_negative_reactances(grid: Grid, rng: np.random.Generator) -> Grid:
    """Turn the sign of some reactances: series capacitors, and transformers of reduced equivalents."""
    turned = rng.random(grid.m) < 0.35
    return grid.replace(x=np.where(turned, -rng.uniform(0.2, 1.5) * grid.x, grid.x))


def states(grid: Grid) -> Iterator[np.ndarray]:
    """Every radial, fully supplied state, by the oracle's combinatorics."""
    ends = [(int(a), int(b)) for a, b in zip(grid.f, grid.t, strict=True)]
    free = [k for k in range(grid.m) if grid.switchable[k]]
    fixed = [ends[k] for k in range(grid.m) if not grid.switchable[k]]
    roots = [int(r) for r in grid.roots]
    for opened in radial_choices(range(grid.n), roots, fixed, [ends[k] for k in free]):
        closed = np.ones(grid.m, dtype=bool)
        closed[[free[i] for i in opened]] = False
        yield closed


def hugged(grid: Grid, flow: Flow, currents: bool) -> Grid:
    """Draw every limit tight around one state; the others stay as wide as they can be."""
    terminals = collect_ratings(grid.branches, rated_only=False)
    unlimited = np.full(len(terminals.limit), np.inf)
    changes = {
        "v_min": np.where(grid.v_min > 0, flow.v * (1 - 1e-10), grid.v_min),
        "v_max": np.where(np.isfinite(grid.v_max), flow.v * (1 + 1e-10), grid.v_max),
        "ratings": dataclasses.replace(terminals, limit=unlimited),
    }
    if currents:
        # an open branch that stays connected at one end charges through that end
        tight = flow.currents_at(grid, terminals) * (1 + 1e-10) + EPS
        changes["ratings"] = dataclasses.replace(terminals, limit=tight)
    return grid.replace(**changes)


def faults(grid: Grid, flow: Flow, problem: Reconfiguration) -> list[str]:
    """Everything that the model claims of its feasible states and this one contradicts."""
    found = [*_bound_faults(grid, flow, problem.bounds), *_chain_faults(grid, flow, problem.bounds)]
    residual = problem.form.residual(problem.point_of(flow))
    if not residual < 1e-7:
        found.append(f"residual {residual:.3g}")
    return found


def _bound_faults(grid: Grid, flow: Flow, bounds: Bounds) -> list[str]:
    found = []
    if (flow.v < bounds.v_min - EPS).any() or (flow.v > bounds.v_max + EPS).any():
        found.append("voltage")
    if (np.sqrt(flow.l) > bounds.i_max + EPS).any():
        found.append(f"current of {np.flatnonzero(np.sqrt(flow.l) > bounds.i_max + EPS).tolist()}")
    tree = flow.forest
    for node in range(grid.n):
        k = int(tree.branch[node])
        if k < 0:
            continue
        down = 1 if tree.away[node] else -1
        # power that arrives at the node; power that leaves is larger by the loss
        p = flow.p[k] - grid.r[k] * flow.l[k] if down > 0 else -flow.p[k]
        q = flow.q[k] - grid.x[k] * flow.l[k] if down > 0 else -flow.q[k]
        if bounds.direction[k] not in (0, down):
            found.append(f"direction of {k}")
        if bounds.one_way_p[k] and p < max(float(grid.p[node]), 0.0) - EPS:
            found.append(f"active flow of {k}")
        if bounds.one_way_q[k] and q < max(float(grid.q[node]), 0.0) - EPS:
            found.append(f"reactive flow of {k}")
        if bounds.falling[k] and flow.v[node] > flow.v[tree.parent[node]] + EPS:
            found.append(f"voltage rises along {k}")
    return found


def _chain_faults(grid: Grid, flow: Flow, bounds: Bounds) -> list[str]:
    found = []
    drawn = withdrawals(grid, bounds)
    for chain in chains(grid):
        opened = [i for i, k in enumerate(chain.branches) if not flow.closed[k]]
        if len(opened) > 1:
            found.append(f"{len(opened)} branches of chain {chain.branches} are open")
        if len(opened) != 1:
            continue
        stub, i = stub_flows(grid, bounds, drawn, chain), opened[0]
        for j, k in enumerate(chain.branches):
            if not stub.p_low[i, j] - EPS <= flow.p[k] <= stub.p_high[i, j] + EPS:
                found.append(f"P of {k}: {stub.p_low[i, j]:.6g} <= {flow.p[k]:.6g} <= {stub.p_high[i, j]:.6g}")
            if not stub.q_low[i, j] - EPS <= flow.q[k] <= stub.q_high[i, j] + EPS:
                found.append(f"Q of {k}: {stub.q_low[i, j]:.6g} <= {flow.q[k]:.6g} <= {stub.q_high[i, j]:.6g}")
            if flow.l[k] < stub.l_low[i, j] - EPS:
                found.append(f"l of {k}: {flow.l[k]:.6g} >= {stub.l_low[i, j]:.6g}")
    return found


def contradictions(grid: Grid, rng: np.random.Generator | None = None, most: int = 4) -> list[str]:
    """Faults of all states within the given limits, and of some (None: all) states with limits hugging them."""
    found, adjacency = [], Adjacency(grid)
    problem = build_reconfiguration(grid, MIX)
    flows = [flow for closed in states(grid) if (flow := flow_of(grid, closed, adjacency)) is not None]
    assert flows, "a net without any state tests nothing"
    for flow in flows:
        if limit_violation(grid, flow) == 0:
            found += [f"open {np.flatnonzero(~flow.closed).tolist()}: {x}" for x in faults(grid, flow, problem)]
    picked = flows if rng is None else [flows[i] for i in rng.permutation(len(flows))[:most]]
    for flow in picked:
        for currents in (True, False):
            tight = hugged(grid, flow, currents)
            where = f"hugged{' with ratings' if currents else ''}, open {np.flatnonzero(~flow.closed).tolist()}"
            found += [f"{where}: {x}" for x in faults(tight, flow, build_reconfiguration(tight, MIX))]
    return found


@pytest.mark.parametrize("batch", range(6))
def test_no_cut_removes_a_feasible_state_of_a_random_net(batch: int) -> None:
    for seed in range(int(4 * SOAK)):
        rng = np.random.default_rng([batch, seed])
        spec = random_spec(rng)
        grid = random_grid(spec, rng)
        found = contradictions(with_negative_reactances(grid, rng) if seed % 2 else grid, rng)
        assert not found, f"{spec} (batch {batch}, seed {seed}): {found[:3]} and {len(found)} in all"


# ------------------------------------------------------------------------------- nets that once broke a cut


def _net(buses: int, low: float = 0.8, high: float = 1.2) -> pp.pandapowerNet:
    net = pp.create_empty_network()
    for _ in range(buses):
        pp.create_bus(net, 20.0, min_vm_pu=low, max_vm_pu=high)
    pp.create_ext_grid(net, 0, vm_pu=1.02)
    return net


def _line(net: pp.pandapowerNet, a: int, b: int, km: float = 3.0, **values: float) -> int:
    values = {"r_ohm_per_km": 0.3, "x_ohm_per_km": 0.2, "c_nf_per_km": 0.0, "max_i_ka": 0.4} | values
    return int(pp.create_line_from_parameters(net, a, b, km, **values))


def _ring(net: pp.pandapowerNet, *buses: int) -> None:
    for k, a in enumerate(buses):
        _line(net, a, buses[(k + 1) % len(buses)], 2.0 + k)


def test_a_busbar_fed_by_a_bridge_is_no_node_within_a_chain() -> None:
    # the feed comes in at bus 1, which has two branches in loops: they look like a chain through it
    net = _net(5)
    _line(net, 0, 1)
    _ring(net, 1, 2, 3)
    _line(net, 2, 4)
    _line(net, 4, 3)
    for b in (1, 2, 3, 4):
        pp.create_load(net, b, 1.0, 0.3)
    assert not contradictions(read_grid(net))


def test_a_ring_behind_a_ring_is_fed_at_its_entry() -> None:
    net = _net(8)
    _ring(net, 0, 1, 2)
    _line(net, 2, 3)
    _ring(net, 3, 4, 5)
    _line(net, 4, 5, 1.7)
    _line(net, 5, 6)
    _ring(net, 6, 7)
    for b in (2, 4, 5, 7):
        pp.create_load(net, b, 0.7, 0.2)
    assert not contradictions(read_grid(net))


def test_a_ring_fed_through_a_transformer() -> None:
    net = _net(3)
    hv = pp.create_bus(net, 110.0, min_vm_pu=0.8, max_vm_pu=1.2)
    net.ext_grid["bus"] = hv
    pp.create_transformer(net, hv, 0, "25 MVA 110/20 kV")
    _ring(net, 0, 1, 2)
    _line(net, 1, 2, 1.7)
    for b in (1, 2):
        pp.create_load(net, b, 2.0, 0.5)
    assert not contradictions(read_grid(net))


def test_a_rated_branch_may_be_fed_from_the_end_of_higher_voltage() -> None:
    # |S| at the fed end and at the feeding end differ: a bound of one is none of the other
    net = _net(4)
    _ring(net, 0, 1, 2, 3)
    for b in (1, 2, 3):
        pp.create_load(net, b, 2.0, 0.5)
    assert not contradictions(read_grid(net))


def test_an_ideal_coupler_in_a_ring_carries_current() -> None:
    net = _net(5)
    _ring(net, 0, 1, 2, 3)
    net.line.loc[1, "from_bus"] = 4
    coupler = pp.create_switch(net, 1, 4, et="b", closed=True)
    for b in (1, 2, 3):
        pp.create_load(net, b, 1.0, 0.3)
    grid = read_grid(net, switching=Switching(switchable_lines="all", switchable_switches=[int(coupler)]))
    assert sum(1 for _ in states(grid)) == 5
    assert not contradictions(grid)


def test_two_roots_joined_by_a_line_that_can_only_be_open() -> None:
    net = _net(4)
    pp.create_ext_grid(net, 2, vm_pu=1.0)
    _ring(net, 0, 1, 2, 3)
    _line(net, 0, 2)
    for b in (1, 3):
        pp.create_load(net, b, 1.0, 0.3)
    grid = read_grid(net)
    assert all(not closed[4] for closed in states(grid))
    assert not contradictions(grid)


@pytest.mark.parametrize("where", [[0], [2], [1, 3], [0, 1, 2, 3]])
def test_the_voltage_rises_along_a_series_capacitor(where: list[int]) -> None:
    net = _net(6)
    _ring(net, 0, 1, 2, 3)
    _line(net, 2, 4)
    _line(net, 4, 5, x_ohm_per_km=-0.8)
    net.line.loc[where, "x_ohm_per_km"] = -1.2
    for b in (1, 2, 3, 5):
        pp.create_load(net, b, 2.0, 1.0)
    grid = read_grid(net)
    assert not contradictions(grid)
    bounds = compute_bounds(grid)
    assert not bounds.falling[grid.x < 0].any()
    assert not bounds.one_way_q[[k for k in range(grid.m) if grid.branches[k].members[0].index == 4]].any()


def test_regulators_in_series_multiply() -> None:
    net = _net(10)
    for k in range(8):
        pp.create_transformer_from_parameters(
            net, k, k + 1, 50.0, 20.0, 20.0, 0.01, 1.0, 0.0, 0.0,
            tap_side="lv", tap_neutral=0, tap_pos=2, tap_step_percent=2.0, tap_changer_type="Ratio",
        )  # fmt: skip
    _line(net, 8, 9, 0.01)
    _line(net, 8, 9, 0.01)
    pp.create_load(net, 9, 3.0, 0.0)
    assert not contradictions(read_grid(net))


@pytest.mark.parametrize("side", ["hv", "lv"])
@pytest.mark.parametrize("tap", [-4, 4])
def test_regulators_around_a_ring(side: str, tap: int) -> None:
    net = _net(7)
    _ring(net, 0, 1, 2, 3)
    for k, line in enumerate((0, 2, 3)):
        bus = 4 + k
        far = int(net.line.at[line, "to_bus"])
        net.line.loc[line, "to_bus"] = bus
        ends = (bus, far) if k % 2 else (far, bus)
        pp.create_transformer_from_parameters(
            net, *ends, 20.0, 20.0, 20.0, 0.3, 4.0, 10.0, 0.3,
            tap_side=side, tap_neutral=0, tap_pos=tap, tap_step_percent=1.25, tap_changer_type="Ratio",
        )  # fmt: skip
    for b in (1, 2, 3):
        pp.create_load(net, b, 1.0, 0.3)
    pp.create_sgen(net, 2, 4.0, 0.5)
    assert not contradictions(read_grid(net))


def test_charging_and_generation_above_the_load() -> None:
    net = _net(6)
    _ring(net, 0, 1, 2, 3)
    _line(net, 2, 4, 8.0, c_nf_per_km=400.0, g_us_per_km=3.0)
    _line(net, 4, 5, 8.0, c_nf_per_km=400.0)
    net.line["c_nf_per_km"] = 350.0
    pp.create_sgen(net, 5, 5.0, 1.0)
    pp.create_load(net, 3, 1.0, 0.3, const_z_p_percent=60.0, const_z_q_percent=100.0)
    pp.create_shunt(net, 4, q_mvar=-0.5)
    pp.create_shunt(net, 1, q_mvar=0.4)
    for line in range(3):
        pp.create_switch(net, int(net.line.at[line, "to_bus"]), line, et="l", closed=line != 1)
        pp.create_switch(net, int(net.line.at[line, "from_bus"]), line, et="l")
    assert not contradictions(read_grid(net, switching=Switching(switchable_lines=[0, 1, 2, 3])))


def test_voltage_bounds_are_no_wider_than_the_limits() -> None:
    grid = read_grid(NetSpec(3, generation=True).net())
    bounds = compute_bounds(grid)
    inner = np.isnan(grid.root_v)
    assert (bounds.v_max[inner] <= grid.v_max[inner]).all()
    assert (bounds.v_min[inner] >= grid.v_min[inner]).all()
    assert (bounds.v_min[~inner] == bounds.v_max[~inner]).all()
