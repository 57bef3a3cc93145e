"""Nets made from a seed, for sizes and shapes of which no published feeder can be had.

    python validation/benchmarks/generated.py town 3 town3.json      # one net as a pandapower file
    python validation/benchmarks/generated.py region 0               # what it is like

| kind | what it is |
| --- | --- |
| ``substation`` | 80 to 90 buses, 10 to 12 feeders of one substation, 13 loops by ties at ends and middles |
| ``town`` | 400 buses, 14 feeders of two substations, 60 loops, ties everywhere |
| ``region`` | 10,000 buses, 12 substations with 7 feeders each, 260 loops, and laterals that are in no loop |
| ``small`` | 8 to 17 buses, 3 to 6 loops, one to three roots; generation, shunts, impedance loads by chance |

Buses lie in a plane, lines run between neighbours (edges of the Delaunay triangulation), and the feeders grow side by
side from their substations until every bus is supplied; ties are edges that are left.  Lines are standard types of
pandapower (overhead in the country, cable in town) with their ratings and charging, chosen by the current they carry
as it is and a reserve.  Loads are those of distribution transformers of 100 to 630 kVA at 0.90 to 0.98, scaled so that
the deepest voltage as it is has the given drop, or the heaviest line its given loading.  Every bus has voltage limits,
every line a loading limit.  The same kind and seed give the same net.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandapower as pp
from numpy.typing import NDArray
from scipy.spatial import Delaunay

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Edge = tuple[int, int]

CABLES = tuple(f"NA2XS2Y 1x{mm} RM/25 12/20 kV" for mm in (95, 150, 240))
OVERHEAD = tuple(f"{name} 20.0" for name in ("34-AL1/6-ST1A", "70-AL1/11-ST1A", "149-AL1/24-ST1A", "243-AL1/39-ST1A"))

# Distribution transformers [MVA] and how often they are met; what of them is drawn at the hour of peak load.
TRANSFORMERS, OFTEN = (0.1, 0.16, 0.25, 0.4, 0.63), (0.2, 0.25, 0.3, 0.17, 0.08)
DRAWN, POWER_FACTOR = (0.25, 0.75), (0.90, 0.98)

# A conductor carries so much of its rating at most as it is, so that neighbours can be supplied over it.
RESERVE = 0.55
# Detour of a line beyond the straight way.
DETOUR = 1.2


@dataclass(frozen=True)
class Recipe:
    """What a net is like.

    Attributes
    ----------
    buses, substations, feeders, loops : int
        How many; feeders of each substation.
    spacing_km : float
        Typical distance of neighbours [km].
    kv : float
        Voltage [kV].
    types : tuple of str
        Standard types of its lines, the thinnest first.
    drop, loading : float
        Largest voltage drop [pu] and loading [-] as it is; the first of the two that is met sets the loads.
    ends : float
        Share of the ties that join the ends of feeders; the others are anywhere.
    uneven : float
        How unevenly the feeders have grown: 0 gives feeders of like load.
    vm_limits : tuple of float
        Voltage limits of all buses [pu]; the substations hold 1.02 pu.
    """

    buses: int
    substations: int
    feeders: int
    loops: int
    spacing_km: float
    kv: float
    types: tuple[str, ...]
    drop: float
    loading: float
    ends: float = 0.5
    uneven: float = 0.3
    vm_limits: tuple[float, float] = (0.9, 1.05)


@dataclass
class Layout:
    """Where everything lies: substations come first among the nodes.

    Attributes
    ----------
    place : (n, 2) array
        Coordinates [km].
    near : list of list of int
        Neighbours of every node.
    parent, feeder : (n,) array of int
        From which node and by which feeder a node is supplied; -1 for substations.
    """

    place: Floats
    near: list[list[int]]
    parent: Ints
    feeder: Ints
    order: list[int] = field(default_factory=list)

    def km(self, a: int, b: int) -> float:
        """Straight distance of two nodes [km]."""
        return float(np.hypot(*(self.place[a] - self.place[b])))


# --- the four kinds -------------------------------------------------------------------------------


def substation(seed: int) -> pp.pandapowerNet:
    """One substation with 10 to 12 feeders, 80 to 90 buses and 13 loops."""
    rng = np.random.default_rng([1, seed])
    buses, feeders = int(rng.integers(80, 91)), int(rng.integers(10, 13))
    return made(Recipe(buses, 1, feeders, 13, 0.9, 10.0, CABLES + OVERHEAD[1:3], 0.06, 0.8), rng)


def town(seed: int) -> pp.pandapowerNet:
    """Two substations with 7 feeders each, 400 buses and 60 loops."""
    return made(Recipe(400, 2, 7, 60, 0.45, 10.0, CABLES, 0.07, 0.9, 0.2), np.random.default_rng([2, seed]))


def region(seed: int) -> pp.pandapowerNet:
    """Twelve substations with 7 feeders each, 10,000 buses and 260 loops."""
    return made(Recipe(10_000, 12, 7, 260, 0.4, 20.0, OVERHEAD, 0.07, 0.9, 0.6), np.random.default_rng([3, seed]))


def small(seed: int) -> pp.pandapowerNet:
    """A few buses and loops, with whatever else a net may hold."""
    rng = np.random.default_rng([4, seed])
    roots = int(rng.integers(1, 4))
    buses = int(rng.integers(6, 12)) + 2 * roots
    recipe = Recipe(buses, roots, 2, int(rng.integers(3, 7)), 5.0, 20.0, OVERHEAD, 0.06, 0.9, 0.3, 1.0)
    net = made(recipe, rng)
    for bus in rng.permutation(net.load["bus"].to_numpy())[:2]:
        if rng.random() < 0.5:
            pp.create_sgen(net, int(bus), float(rng.uniform(0.2, 2.0) * net.load["p_mw"].mean()))
        if rng.random() < 0.3:
            pp.create_shunt(net, int(bus), q_mvar=-float(net.load["q_mvar"].mean()))
    if rng.random() < 0.3:
        net.load["const_z_p_percent"] = net.load["const_z_q_percent"] = 30.0
    if rng.random() < 0.3:
        net.ext_grid["vm_pu"] = np.round(rng.uniform(1.0, 1.03, len(net.ext_grid)), 3)
    return net


KINDS: dict[str, Callable[[int], pp.pandapowerNet]] = {
    "substation": substation,
    "town": town,
    "region": region,
    "small": small,
}


def make(kind: str, seed: int = 0) -> pp.pandapowerNet:
    """Return the net of a kind and a seed."""
    net = KINDS[kind](seed)
    net.name = f"{kind} {seed}"
    return net


# --- growing --------------------------------------------------------------------------------------


def open_row(name: str) -> pp.pandapowerNet:
    """Make the net of ``kind:seed``, or open what `adnflex.sources.open_net` knows."""
    from adnflex.sources import open_net

    kind, colon, seed = name.partition(":")
    return make(kind, int(seed)) if colon and kind in KINDS else open_net(name)[0]


def made(recipe: Recipe, rng: np.random.Generator) -> pp.pandapowerNet:
    """Make a net of a recipe."""
    layout = _placed(recipe, rng)
    kva = rng.choice(TRANSFORMERS, recipe.buses, p=OFTEN) * rng.uniform(*DRAWN, recipe.buses)
    kva[: recipe.substations] = 0.0
    _grow(layout, recipe, kva, rng)
    ties = _ties(layout, recipe, rng)
    angle = np.arccos(rng.uniform(*POWER_FACTOR, recipe.buses))
    return _net(layout, recipe, kva * np.exp(1j * angle), ties)


def _placed(recipe: Recipe, rng: np.random.Generator) -> Layout:
    """Buses on a grid of streets from which each has moved somewhat, and substations amid them."""
    count = recipe.buses - recipe.substations
    side = int(np.ceil(np.sqrt(1.15 * count)))
    cells = rng.permutation(side * side)[:count]
    place = np.column_stack([cells % side, cells // side]) + rng.uniform(-0.35, 0.35, (count, 2))
    # substations on a lattice of their own over the whole area
    columns = int(np.ceil(np.sqrt(recipe.substations)))
    rows = int(np.ceil(recipe.substations / columns))
    at = np.arange(recipe.substations)
    centres = np.column_stack([(at % columns + 0.5) / columns, (at // columns + 0.5) / rows]) * side - 0.5
    place = np.concatenate([centres + rng.uniform(-0.2, 0.2, centres.shape), place]) * recipe.spacing_km
    near: list[set[int]] = [set() for _ in range(recipe.buses)]
    for corners in Delaunay(place).simplices.tolist():
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            near[a].add(b)
            near[b].add(a)
    nobody = np.full(recipe.buses, -1, dtype=np.int64)
    return Layout(place, [sorted(s) for s in near], nobody.copy(), nobody.copy())


def _grow(layout: Layout, recipe: Recipe, kva: Floats, rng: np.random.Generator) -> None:
    """Let the feeders grow side by side; the one of least load for its appetite takes the next bus."""
    n = recipe.buses
    count = recipe.substations * recipe.feeders
    appetite = np.exp(recipe.uneven * rng.normal(size=count))
    reach: list[list[tuple[float, int, int]]] = [[] for _ in range(count)]
    for feeder, (root, first) in enumerate(_heads(layout, recipe)):
        reach[feeder] = [(layout.km(root, first), root, first)]
    turn = [(0.0, feeder) for feeder in range(count)]
    load = np.zeros(count)
    while turn:
        _, feeder = heapq.heappop(turn)
        while reach[feeder] and layout.feeder[reach[feeder][0][2]] >= 0:
            heapq.heappop(reach[feeder])
        if not reach[feeder]:
            continue
        _, parent, node = heapq.heappop(reach[feeder])
        layout.parent[node], layout.feeder[node] = parent, feeder
        layout.order.append(node)
        load[feeder] += kva[node]
        for other in layout.near[node]:
            if other >= recipe.substations and layout.feeder[other] < 0:
                heapq.heappush(reach[feeder], (layout.km(node, other) * rng.uniform(0.6, 1.4), node, other))
        heapq.heappush(turn, (load[feeder] / appetite[feeder], feeder))
    assert len(layout.order) == n - recipe.substations, "a bus is out of reach of every feeder"


def _heads(layout: Layout, recipe: Recipe) -> list[Edge]:
    """The first bus of every feeder: the nearest to the substation in each direction."""
    found: list[Edge] = []
    taken = set(range(recipe.substations))
    for root in range(recipe.substations):
        way = layout.place - layout.place[root]
        far = np.hypot(*way.T)
        turned = np.arctan2(way[:, 1], way[:, 0])
        for feeder in range(recipe.feeders):
            off = np.abs(np.angle(np.exp(1j * (turned - 2 * np.pi * feeder / recipe.feeders))))
            # 1 rad off the direction is as bad as a detour of its own length
            order = np.argsort(far * (1 + off), kind="stable")
            first = next(int(v) for v in order if int(v) not in taken)
            taken.add(first)
            found.append((root, first))
    return found


def _ties(layout: Layout, recipe: Recipe, rng: np.random.Generator) -> list[Edge]:
    """Choose edges that close loops: some between ends of feeders, the others anywhere, mostly between two feeders."""
    ends = np.ones(recipe.buses, dtype=bool)
    ends[layout.parent[layout.order]] = False
    between, within = [], []
    for a in range(recipe.substations, recipe.buses):
        for b in layout.near[a]:
            if a < b and layout.parent[a] != b and layout.parent[b] != a:
                (between if layout.feeder[a] != layout.feeder[b] else within).append((a, b))
    # long ties are rarely built
    weight = [rng.exponential() * layout.km(a, b) for a, b in between]
    ranked = [edge for _, edge in sorted(zip(weight, between, strict=True))]
    tips = [e for e in ranked if ends[e[0]] and ends[e[1]]] + [e for e in ranked if ends[e[0]] != ends[e[1]]]
    inside = [within[i] for i in rng.permutation(len(within))]
    chosen: list[Edge] = []
    for wanted, pool in (
        (round(recipe.ends * recipe.loops), tips),
        (round(0.9 * recipe.loops), ranked),
        (recipe.loops, inside + ranked),
    ):
        chosen += [e for e in pool if e not in set(chosen)][: max(wanted - len(chosen), 0)]
    assert len(chosen) == recipe.loops, "there are too few edges for so many loops"
    return chosen


# --- pandapower -----------------------------------------------------------------------------------


def _net(layout: Layout, recipe: Recipe, power: NDArray[np.complex128], ties: list[Edge]) -> pp.pandapowerNet:
    """Choose conductors, scale the loads, and write the tables."""
    net = pp.create_empty_network()
    low, high = recipe.vm_limits
    names = [f"substation {i}" if i < recipe.substations else f"bus {i}" for i in range(recipe.buses)]
    pp.create_buses(
        net,
        recipe.buses,
        recipe.kv,
        name=names,
        min_vm_pu=low,
        max_vm_pu=high,
        geodata=[(float(x), float(y)) for x, y in layout.place],
    )
    for root in range(recipe.substations):
        pp.create_ext_grid(net, root, vm_pu=1.02)
    edges = [(int(layout.parent[v]), v) for v in layout.order] + ties
    kinds = {name: pp.load_std_type(net, name, "line") for name in recipe.types}
    ohm = np.array([complex(t["r_ohm_per_km"], t["x_ohm_per_km"]) for t in kinds.values()])
    ampere = np.array([t["max_i_ka"] for t in kinds.values()])
    km = np.maximum(np.round([DETOUR * layout.km(a, b) for a, b in edges], 3), 0.01)
    below, drop = power.copy(), np.zeros(recipe.buses)
    for v in reversed(layout.order):
        below[layout.parent[v]] += below[v]
    # conductors by the shares of currents, then loads by voltage drop and loading
    carried = np.abs([below[b] if layout.parent[b] == a else 0.0 for a, b in edges])
    heaviest = carried.max()
    most = recipe.loading * ampere.max() * np.sqrt(3) * recipe.kv / heaviest
    need = carried * most / (np.sqrt(3) * recipe.kv) / RESERVE
    by_rating = np.argsort(ampere, kind="stable")
    kind = by_rating[np.minimum(np.searchsorted(ampere[by_rating], need), len(ampere) - 1)]
    kind[len(layout.order) :] = by_rating[len(by_rating) // 2]
    for (a, b), length, k in zip(edges[: len(layout.order)], km, kind, strict=False):
        drop[b] = drop[a] + float((np.conj(ohm[k] * length) * below[b]).real) / recipe.kv**2
    scale = min(most, recipe.drop / drop.max())
    load = np.round(scale * power, 5)
    kept = np.flatnonzero(power)
    pp.create_loads(net, kept.tolist(), p_mw=load[kept].real, q_mvar=load[kept].imag)
    _lines(net, edges, km, [list(kinds)[k] for k in kind], len(layout.order))
    return net


def _lines(net: Any, edges: list[Edge], km: Floats, types: list[str], closed: int) -> None:
    """Write the lines; the ties come last and are out of service."""
    frame = np.array(types)
    for name in dict.fromkeys(types):
        of_type = np.flatnonzero(frame == name)
        pp.create_lines(
            net,
            [edges[i][0] for i in of_type],
            [edges[i][1] for i in of_type],
            km[of_type],
            name,
            index=of_type,
            in_service=of_type < closed,
            max_loading_percent=100.0,
        )
    net.line.sort_index(inplace=True)


def main() -> int:
    """Write one net, or say what it is like."""
    if len(sys.argv) < 2 or sys.argv[1] not in KINDS:
        print(__doc__)
        return 2
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    net = make(sys.argv[1], seed)
    if len(sys.argv) > 3:
        pp.to_json(net, sys.argv[3])
    pp.runpp(net, numba=False)
    ties = int((~net.line["in_service"]).sum())
    print(
        f"{net.name}: {len(net.bus)} buses, {len(net.line)} lines, {ties} loops, {len(net.ext_grid)} roots, "
        f"{net.load['p_mw'].sum():.3f} MW, losses {net.res_line['pl_mw'].sum():.4f} MW, "
        f"lowest voltage {net.res_bus['vm_pu'].min():.4f} pu, "
        f"heaviest line {net.res_line['loading_percent'].max():.0f} %"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
