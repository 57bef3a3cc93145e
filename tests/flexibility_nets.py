"""Small feeders with devices, and the largest box at their coupling point by a linear program of our own.

An oracle for `adnflex.flexibility`: it knows numpy, scipy and the mathematics of LinDistFlow, and nothing of adnflex.
Flows and voltages are variables of every state; a state is one period of one dispatch. What a dispatch may know of
the trajectory is which states are the same:

    foresighted   every vertex of the box has states of its own: the whole trajectory is known beforehand
    causal        vertices that agree up to a period share its state: the best of all policies without foresight, as
                  the interpolation of a policy between vertices is a policy for every trajectory of the box
    separable     all vertices with the same end in a period share its state: a period depends on its own value alone
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import networkx as nx
import numpy as np
import pandapower as pp
import pandas as pd
from hypothesis import strategies as st
from pandapower.auxiliary import pandapowerNet
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

KV = 10.0
Vertex = tuple[int, ...]
POLICIES: dict[str, Callable[[int, Vertex], Any]] = {
    "foresighted": lambda t, a: (t, a),
    "causal": lambda t, a: (t, a[: t + 1]),
    "separable": lambda t, a: (t, a[t]),
}


# -- what is in a feeder -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A line; r, x [pu of 1 MVA], rating [MVA]."""

    start: int
    end: int
    r: float
    x: float
    rating: float


@dataclass(frozen=True)
class Sun:
    """A static generator that may be curtailed; `q` NaN: its reactive power is `fixed_q`."""

    node: int
    available: tuple[float, ...]
    rating: float
    q: float
    fixed_q: float = 0.0
    scaling: float = 1.0


@dataclass(frozen=True)
class Battery:
    """A storage; `q` 0: no reactive power."""

    node: int
    charge: float
    discharge: float
    e_min: float
    e_max: float
    e_start: float
    charging: float
    discharging: float
    keep: float = 1.0
    rating: float = math.nan
    q: float = 0.0
    scaling: float = 1.0


@dataclass(frozen=True)
class Bendable:
    """A flexible load at a fixed ratio of reactive to active power."""

    node: int
    low: float
    high: float
    wanted: tuple[float, ...]
    slope: float
    keep_energy: bool


@dataclass(frozen=True)
class Vehicle:
    """One vehicle: periods of its stay, energy it must and may take [MWh], power [MW]."""

    arrival: int
    departure: int
    need: float
    most: float
    power: float


@dataclass(frozen=True)
class Garage:
    """A load of type ev with its vehicles."""

    node: int
    vehicles: tuple[Vehicle, ...]


@dataclass(frozen=True)
class Feeder:
    """All the oracle knows; `net` builds the same for pandapower.

    Node 0 is the source at 1 pu. `open` are the lines that are open as it stands.
    """

    lines: tuple[Line, ...]
    load_p: np.ndarray  # (T, n)
    load_q: np.ndarray
    suns: tuple[Sun, ...] = ()
    batteries: tuple[Battery, ...] = ()
    bendables: tuple[Bendable, ...] = ()
    garages: tuple[Garage, ...] = ()
    v_min: float = 0.9
    v_max: float = 1.1
    hours: float = 1.0
    open: frozenset[int] = frozenset()
    final: str | float = "free"
    import_limits: tuple[float, float] | None = None

    @property
    def periods(self) -> int:
        return len(self.load_p)

    @property
    def nodes(self) -> int:
        return self.load_p.shape[1]

    def trees(self) -> Iterator[frozenset[int]]:
        """Open lines of every radial state."""
        spare = len(self.lines) - self.nodes + 1
        for left in itertools.combinations(range(len(self.lines)), spare):
            graph = nx.MultiGraph()
            graph.add_nodes_from(range(self.nodes))
            graph.add_edges_from((s.start, s.end) for k, s in enumerate(self.lines) if k not in left)
            if nx.is_connected(graph):
                yield frozenset(left)

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments for `adnflex.flexibility`."""
        frames = {
            ("load", "p_mw"): pd.DataFrame(self.load_p[:, 1:], columns=range(self.nodes - 1)),
            ("load", "q_mvar"): pd.DataFrame(self.load_q[:, 1:], columns=range(self.nodes - 1)),
        }
        for k, b in enumerate(self.bendables):
            frames["load", "p_mw"][self.nodes - 1 + k] = np.array(b.wanted)
            frames["load", "q_mvar"][self.nodes - 1 + k] = b.slope * np.array(b.wanted)
        if self.suns:
            frames["sgen", "p_mw"] = pd.DataFrame(
                {k: np.array(s.available) / s.scaling for k, s in enumerate(self.suns)}
            )
        found: dict[str, Any] = {"profiles": frames, "hours_per_period": self.hours}
        return found | ({} if self.final == "free" else {"final_energy": self.final})

    def net(self) -> pandapowerNet:
        """Build the net; every call returns a new one."""
        net = pp.create_empty_network(sn_mva=1.0)
        for _ in range(self.nodes):
            pp.create_bus(net, KV, min_vm_pu=self.v_min, max_vm_pu=self.v_max)
        pp.create_ext_grid(net, 0)
        if self.import_limits is not None:
            net.ext_grid["min_p_mw"], net.ext_grid["max_p_mw"] = self.import_limits
        for k, s in enumerate(self.lines):
            pp.create_line_from_parameters(
                net, s.start, s.end, 1.0, s.r * KV**2, s.x * KV**2, 0.0, s.rating / (math.sqrt(3) * KV),
                max_loading_percent=100.0, in_service=k not in self.open,
            )  # fmt: skip
        for i in range(1, self.nodes):
            pp.create_load(net, i, float(self.load_p[0, i]), float(self.load_q[0, i]), controllable=False)
        for b in self.bendables:
            pp.create_load(net, b.node, b.wanted[0], b.slope * b.wanted[0], controllable=True)
            i = net.load.index[-1]
            net.load.loc[i, ["min_p_mw", "max_p_mw"]] = b.low, b.high
            net.load.loc[i, "keep_energy"] = b.keep_energy
        rows = []
        for g in self.garages:
            i = int(pp.create_load(net, g.node, 0.0, type="ev", controllable=True))
            rows += [
                (i, f"car {k}", v.arrival, v.departure, 1e3 * v.need, 1e3 * v.most, v.power)
                for k, v in enumerate(g.vehicles)
            ]
        if rows:
            columns = ["load", "vehicle", "arrival", "departure", "need_kwh", "max_kwh", "p_max_mw"]
            net["ev"] = pd.DataFrame(rows, columns=columns)
        for s in self.suns:
            pp.create_sgen(
                net, s.node, s.available[0] / s.scaling, s.fixed_q / s.scaling, sn_mva=s.rating, scaling=s.scaling,
                controllable=True, min_p_mw=0.0, max_p_mw=s.rating, min_q_mvar=-s.q, max_q_mvar=s.q,
            )  # fmt: skip
        for b in self.batteries:
            i = pp.create_storage(
                net, b.node, 0.0, b.e_max, min_e_mwh=b.e_min, soc_percent=100 * b.e_start / b.e_max,
                min_p_mw=-b.discharge, max_p_mw=b.charge, sn_mva=b.rating, scaling=b.scaling, controllable=True,
                min_q_mvar=-b.q, max_q_mvar=b.q,
            )  # fmt: skip
            extra = ["efficiency_charge_percent", "efficiency_discharge_percent", "self_discharge_percent_per_hour"]
            net.storage.loc[i, extra] = 100 * b.charging, 100 * b.discharging, 100 * (1 - b.keep)
        return net


# -- the oracle ----------------------------------------------------------------------------------------------------


def ring(sides: int = 16) -> np.ndarray:
    """Unit normals of the inscribed polygon with a vertex at angle 0; its edges lie cos(pi / sides) out."""
    angle = (2 * np.arange(sides) + 1) * math.pi / sides
    return np.column_stack([np.cos(angle), np.sin(angle)])


@dataclass
class _Lp:
    """``min c x`` with rows ``a x <= b`` and ``a x = b``, collected one by one."""

    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    rows: dict[str, list[dict[int, float]]] = field(default_factory=lambda: {"ub": [], "eq": []})
    rhs: dict[str, list[float]] = field(default_factory=lambda: {"ub": [], "eq": []})

    def variable(self, low: float = -math.inf, high: float = math.inf) -> int:
        self.low.append(low)
        self.high.append(high)
        return len(self.low) - 1

    def add(self, row: dict[int, float], kind: str, value: float) -> None:
        self.rows[kind].append(row)
        self.rhs[kind].append(value)

    def disc(self, p: dict[int, float], q: dict[int, float], radius: float, sides: int) -> None:
        for a, b in ring(sides):
            row = {k: a * w for k, w in p.items()}
            for k, w in q.items():
                row[k] = row.get(k, 0.0) + b * w
            self.add(row, "ub", radius * math.cos(math.pi / sides))

    def solve(self, cost: dict[int, float]) -> np.ndarray | None:
        c = np.zeros(len(self.low))
        c[list(cost)] = list(cost.values())
        parts = {}
        for kind in ("ub", "eq"):
            entries = [(i, j, w) for i, row in enumerate(self.rows[kind]) for j, w in row.items()]
            i, j, w = zip(*entries, strict=True) if entries else ((), (), ())
            parts[kind] = coo_matrix((w, (i, j)), shape=(len(self.rows[kind]), len(c))).tocsr()
        found = linprog(
            c, parts["ub"], self.rhs["ub"] or None, parts["eq"], self.rhs["eq"] or None,
            list(zip(self.low, self.high, strict=True)), method="highs",
        )  # fmt: skip
        if found.status not in (0, 2):
            raise RuntimeError(found.message)
        return found.x if found.status == 0 else None


@dataclass
class _State:
    """Variables of one period of one dispatch."""

    power: int  # the import
    gained: list[tuple[int, int]]  # of every battery: net power, what it stores at least
    bent: list[int]
    charged: list[list[int | None]]


@dataclass(frozen=True)
class Box:
    """A box of the oracle [MW], its weighted size, and the dispatches by state."""

    lower: np.ndarray
    upper: np.ndarray
    worth: float


def _state(lp: _Lp, feeder: Feeder, closed: Sequence[Line], t: int, sides: int, reactive: bool) -> _State:
    """Textbook LinDistFlow of one period with all limits of network and devices."""
    n = feeder.nodes
    p_in: list[dict[int, float]] = [{} for _ in range(n)]  # withdrawal of the devices by node
    q_in: list[dict[int, float]] = [{} for _ in range(n)]
    p_fixed, q_fixed = feeder.load_p[t].copy(), feeder.load_q[t].copy()
    for s in feeder.suns:
        p = lp.variable(0.0, min(s.available[t], s.rating))
        p_in[s.node][p] = -1.0
        if not reactive or math.isnan(s.q):
            q_fixed[s.node] -= s.fixed_q
            lp.high[p] = min(lp.high[p], math.sqrt(s.rating**2 - s.fixed_q**2))
        else:
            q = lp.variable(-s.q, s.q)
            q_in[s.node][q] = -1.0
            if math.hypot(min(max(s.available), s.rating), s.q) > s.rating:
                lp.disc({p: 1.0}, {q: 1.0}, s.rating, sides)
    gained = []
    for b in feeder.batteries:
        p, gain = lp.variable(-b.discharge, b.charge), lp.variable()
        lp.add({gain: 1.0, p: -b.charging}, "ub", 0.0)
        lp.add({gain: 1.0, p: -1.0 / b.discharging}, "ub", 0.0)
        p_in[b.node][p] = 1.0
        gained.append((p, gain))
        if b.q > 0 and reactive:
            q = lp.variable(-b.q, b.q)
            q_in[b.node][q] = 1.0
            if math.hypot(max(b.charge, b.discharge), b.q) > b.rating:
                lp.disc({p: 1.0}, {q: 1.0}, b.rating, sides)
        elif not math.isnan(b.rating):
            lp.low[p], lp.high[p] = max(lp.low[p], -b.rating), min(lp.high[p], b.rating)
    bent = []
    for d in feeder.bendables:
        p = lp.variable(d.low, d.high)
        p_in[d.node][p], q_in[d.node][p] = 1.0, d.slope
        bent.append(p)
    charged: list[list[int | None]] = []
    for g in feeder.garages:
        own: list[int | None] = []
        for v in g.vehicles:
            there = v.arrival <= t < v.departure
            own.append(lp.variable(0.0, v.power) if there else None)
            if there:
                p_in[g.node][len(lp.low) - 1] = 1.0
        charged.append(own)

    v = [lp.variable(feeder.v_min**2, feeder.v_max**2) if i else lp.variable(1.0, 1.0) for i in range(n)]
    power, reactive_power = lp.variable(), lp.variable()
    p_at: list[dict[int, float]] = [{power: 1.0} if i == 0 else {} for i in range(n)]
    q_at: list[dict[int, float]] = [{reactive_power: 1.0} if i == 0 else {} for i in range(n)]
    for s in closed:
        flow_p, flow_q = lp.variable(), lp.variable()
        lp.disc({flow_p: 1.0}, {flow_q: 1.0}, s.rating, sides)
        lp.add({v[s.end]: 1.0, v[s.start]: -1.0, flow_p: 2 * s.r, flow_q: 2 * s.x}, "eq", 0.0)
        for at, flow in ((p_at, flow_p), (q_at, flow_q)):
            at[s.start][flow], at[s.end][flow] = -1.0, 1.0
    for i in range(n):
        lp.add(p_at[i] | {k: -w for k, w in p_in[i].items()}, "eq", float(p_fixed[i]))
        lp.add(q_at[i] | {k: -w for k, w in q_in[i].items()}, "eq", float(q_fixed[i]))
    return _State(power, gained, bent, charged)


def _along(lp: _Lp, feeder: Feeder, path: Sequence[_State]) -> None:
    """Energy limits of one trajectory."""
    h, periods = feeder.hours, feeder.periods
    for i, b in enumerate(feeder.batteries):
        kept = b.keep**h
        end = {"free": b.e_min, "initial": b.e_start}.get(str(feeder.final))
        least = max(b.e_min, float(feeder.final) / 100 * b.e_max if end is None else end)
        for t in range(periods):
            share = {u: kept ** (t - u) for u in range(t + 1)}
            begin = kept ** (t + 1) * b.e_start
            high = {path[u].gained[i][0]: b.charging * h * w for u, w in share.items()}
            low = {path[u].gained[i][1]: -h * w for u, w in share.items()}
            lp.add(high, "ub", b.e_max - begin)
            lp.add(low, "ub", begin - (least if t == periods - 1 else b.e_min))
    for i, d in enumerate(feeder.bendables):
        if d.keep_energy:
            lp.add({s.bent[i]: 1.0 for s in path}, "eq", float(sum(d.wanted)))
    for i, g in enumerate(feeder.garages):
        for k, vehicle in enumerate(g.vehicles):
            taken = {s.charged[i][k]: h for s in path if s.charged[i][k] is not None}
            lp.add({j: -w for j, w in taken.items()}, "ub", -vehicle.need)  # type: ignore[misc]
            lp.add(taken, "ub", vehicle.most)  # type: ignore[arg-type]


def largest_box(
    feeder: Feeder,
    policy: str = "foresighted",
    open_lines: frozenset[int] | None = None,
    *,
    weights: Sequence[float] | None = None,
    direction: str = "both",
    required: tuple[Sequence[float], Sequence[float]] | None = None,
    base: Sequence[float] | None = None,
    sides: int = 16,
    reactive: bool = True,
    vertices: Sequence[Vertex] | None = None,
    given: tuple[np.ndarray, np.ndarray] | None = None,
) -> Box | None:
    """Largest box that one kind of dispatch can follow; None where there is none.

    `vertices` takes some vertices only (a bound from above), `given` a box whose feasibility is asked.
    """
    lp, periods = _Lp(), feeder.periods
    closed = [s for k, s in enumerate(feeder.lines) if k not in (feeder.open if open_lines is None else open_lines)]
    least, most = feeder.import_limits or (-math.inf, math.inf)
    ends = [[lp.variable(least, most) for _ in range(periods)] for _ in range(2)]
    worths = np.ones(periods) if weights is None else np.asarray(weights, dtype=float)
    states: dict[Any, _State] = {}
    for vertex in vertices or itertools.product((0, 1), repeat=periods):
        path = []
        for t, side in enumerate(vertex):
            key = POLICIES[policy](t, tuple(vertex))
            if key not in states:
                states[key] = _state(lp, feeder, closed, t, sides, reactive)
                lp.add({states[key].power: 1.0, ends[side][t]: -1.0}, "eq", 0.0)
            path.append(states[key])
        _along(lp, feeder, path)
    for t in range(periods):
        low, high = ends[0][t], ends[1][t]
        lp.add({low: 1.0, high: -1.0}, "ub", 0.0)
        if given is not None:
            for column, value in ((low, given[0][t]), (high, given[1][t])):
                lp.low[column] = lp.high[column] = float(value)
        if required is not None and base is not None:
            lp.high[low] = min(lp.high[low], base[t] - required[0][t])
            lp.low[high] = max(lp.low[high], base[t] + required[1][t])
        if base is not None and direction in ("up", "down"):
            held = low if direction == "up" else high
            lp.low[held] = lp.high[held] = base[t]
        if base is not None and direction == "symmetric":
            lp.add({low: 1.0, high: 1.0}, "eq", 2 * base[t])
    cost = {}
    for t in range(periods):
        cost[ends[0][t]], cost[ends[1][t]] = worths[t] * feeder.hours, -worths[t] * feeder.hours
    x = lp.solve(cost)
    if x is None:
        return None
    lower, upper = x[ends[0]], x[ends[1]]
    return Box(lower, upper, float(worths @ (upper - lower) * feeder.hours))


# -- random feeders ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FlexSpec:
    """A seed and options, so that a failing example prints as one line."""

    seed: int
    buses: int = 4
    periods: int = 2
    loops: int = 0
    hours: float = 1.0
    sun: bool = True
    storage: bool = True
    bendable: bool = False
    keep_energy: bool = False
    fleet: bool = False
    reactive: bool = True
    leaking: bool = False
    tight_voltage: bool = False
    tight_lines: bool = False
    scaled: bool = False
    import_limits: bool = False
    final: str | float = "free"

    def __repr__(self) -> str:
        """Only what differs from the defaults."""
        shown = [f"{f.name}={v!r}" for f in fields(self) if (v := getattr(self, f.name)) != f.default]
        return f"FlexSpec({', '.join(shown)})"

    def feeder(self) -> Feeder:
        """Build the feeder; every call returns an equal one."""
        return _build(self)


_FLAGS = tuple(f.name for f in fields(FlexSpec) if f.type == "bool")


def flex_specs(**fixed: Any) -> st.SearchStrategy[FlexSpec]:
    """Specs with all options free but those in ``fixed``; one kind of device at least."""
    parts: dict[str, Any] = {
        "seed": st.integers(0, 2**16 - 1),
        "buses": st.integers(4, 6),
        "periods": st.integers(2, 3),
        "hours": st.sampled_from([1.0, 0.5, 2.0]),
        "final": st.sampled_from(["free", "initial", 40.0]),
        **{name: st.booleans() for name in _FLAGS},
    }
    parts |= {k: v if isinstance(v, st.SearchStrategy) else st.just(v) for k, v in fixed.items()}
    found = st.builds(FlexSpec, **parts)
    return found.filter(lambda s: s.sun or s.storage or s.bendable or s.fleet)


def _build(spec: FlexSpec) -> Feeder:
    rng = np.random.default_rng(spec.seed)
    n, periods = spec.buses, spec.periods
    pairs = [(int(rng.integers(0, i)) if i > 1 else 0, i) for i in range(1, n)]
    others = [(i, j) for i in range(n) for j in range(i + 1, n) if (i, j) not in pairs]
    rng.shuffle(others)
    lines = []
    for i, j in [*pairs, *others[: spec.loops]]:
        r = rng.uniform(0.004, 0.02)
        rating = rng.uniform(0.7, 1.6) if spec.tight_lines else 5.0
        start, end = (i, j) if rng.random() < 0.5 else (j, i)
        lines.append(Line(start, end, r, r * rng.uniform(0.5, 1.2), rating))
    load_p = rng.uniform(0.05, 0.35, n) * rng.uniform(0.6, 1.0, (periods, 1))
    load_p[:, 0] = 0.0
    load_q = load_p * rng.uniform(0.1, 0.5)
    nodes = lambda: int(rng.integers(1, n))  # noqa: E731
    scaling = float(rng.choice([0.5, 2.0])) if spec.scaled else 1.0
    suns = tuple(_sun(spec, rng, nodes(), scaling) for _ in range(int(rng.integers(1, 3)) if spec.sun else 0))
    batteries = tuple(
        _battery(spec, rng, nodes(), scaling) for _ in range(int(rng.integers(1, 3)) if spec.storage else 0)
    )
    bendables: list[Bendable] = []
    if spec.bendable:
        wanted = rng.uniform(0.2, 0.5, periods)
        bendables.append(
            Bendable(nodes(), 0.1, 0.6, tuple(wanted.tolist()), float(rng.uniform(0, 0.4)), spec.keep_energy)
        )
    garages = ()
    if spec.fleet:
        garages = (Garage(nodes(), tuple(_vehicle(spec, rng) for _ in range(int(rng.integers(1, 4))))),)
    return Feeder(
        tuple(lines),
        load_p,
        load_q,
        suns,
        batteries,
        tuple(bendables),
        garages,
        v_min=float(rng.uniform(0.97, 0.985)) if spec.tight_voltage else 0.9,
        v_max=float(rng.uniform(1.002, 1.012)) if spec.tight_voltage else 1.1,
        hours=spec.hours,
        open=frozenset(range(n - 1, len(lines))),
        final=spec.final,
        import_limits=(-0.3, float(rng.uniform(0.8, 1.5))) if spec.import_limits else None,
    )


def _sun(spec: FlexSpec, rng: np.random.Generator, node: int, scaling: float) -> Sun:
    size = float(rng.uniform(0.3, 0.9))
    available = tuple((size * rng.uniform(0.2, 1.0, spec.periods)).tolist())
    free = spec.reactive and rng.random() < 0.8
    q = float(rng.choice([0.2, 1.0])) * size if free else math.nan
    return Sun(node, available, size, q, 0.0 if free else 0.1 * size, scaling)


def _battery(spec: FlexSpec, rng: np.random.Generator, node: int, scaling: float) -> Battery:
    e_max = float(rng.uniform(0.3, 1.5))
    e_min = float(rng.uniform(0.0, 0.2)) * e_max
    efficiency = rng.uniform(0.7, 1.0, 2)
    charge, discharge = rng.uniform(0.1, 0.6, 2).tolist()
    free = spec.reactive and rng.random() < 0.5
    return Battery(
        node, charge, discharge, e_min, e_max, float(rng.uniform(e_min + 0.4 * (e_max - e_min), e_max)),
        float(efficiency[0]), float(efficiency[1]), float(rng.uniform(0.9, 0.99)) if spec.leaking else 1.0,
        1.05 * max(charge, discharge) if free else math.nan, 0.8 * max(charge, discharge) if free else 0.0, scaling,
    )  # fmt: skip


def _vehicle(spec: FlexSpec, rng: np.random.Generator) -> Vehicle:
    arrival = int(rng.integers(0, spec.periods))
    departure = int(rng.integers(arrival + 1, spec.periods + 1))
    power = float(rng.uniform(0.05, 0.3))
    reach = power * (departure - arrival) * spec.hours
    need = float(rng.choice([0.0, rng.uniform(0.0, 0.8)])) * reach
    return Vehicle(arrival, departure, need, need + float(rng.uniform(0.0, 0.6)) * reach, power)


# -- following a trajectory ----------------------------------------------------------------------------------------


def linear_state(
    feeder: Feeder, t: int, p: np.ndarray, q: np.ndarray, open_lines: frozenset[int] | None = None, sides: int = 16
) -> tuple[float, float]:
    """Import [MW] of LinDistFlow at withdrawals of the devices by node, and by how much a network limit is broken."""
    opened = feeder.open if open_lines is None else open_lines
    graph = nx.Graph()
    for k, s in enumerate(feeder.lines):
        if k not in opened:
            graph.add_edge(s.start, s.end, line=s)
    power = feeder.load_p[t] + p + 1j * (feeder.load_q[t] + q)
    below = power.astype(complex)
    order = list(nx.bfs_edges(graph, 0))
    for parent, child in reversed(order):
        below[parent] += below[child]
    v, broken = np.ones(feeder.nodes), -math.inf
    for parent, child in order:
        line, flow = graph.edges[parent, child]["line"], below[child]
        v[child] = v[parent] - 2 * (line.r * flow.real + line.x * flow.imag)
        reach = float((ring(sides) @ [flow.real, flow.imag]).max()) / math.cos(math.pi / sides)
        broken = max(broken, reach - line.rating, feeder.v_min**2 - v[child], v[child] - feeder.v_max**2)
    return float(below[0].real), broken


def withdrawals(feeder: Feeder, setpoints: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, float]:
    """Withdrawal of the devices (T, n) for values by (table, column, index), and by how much a device is broken.

    Exact circles, not polygons: an inscribed polygon leaves room to them. Energies as the storage really has them.
    """
    found = np.zeros((2, feeder.periods, feeder.nodes))
    worst = [-math.inf]

    def values(table: str, index: int) -> tuple[np.ndarray, np.ndarray]:
        columns = [setpoints.get((table, c, index), pd.Series(0.0, setpoints.index)) for c in ("p_mw", "q_mvar")]
        return columns[0].to_numpy(dtype=float), columns[1].to_numpy(dtype=float)

    for k, s in enumerate(feeder.suns):
        p, q = (s.scaling * x for x in values("sgen", k))
        found[0][:, s.node] -= p
        found[1][:, s.node] -= q
        worst += [-p.min(), (p - np.array(s.available)).max(), (np.hypot(p, q) - s.rating).max()]
        worst.append(np.abs(q - s.fixed_q).max() if math.isnan(s.q) else np.abs(q).max() - s.q)
    for k, b in enumerate(feeder.batteries):
        p, q = (b.scaling * x for x in values("storage", k))
        found[0][:, b.node] += p
        found[1][:, b.node] += q
        level = b.e_start
        for x in p.tolist():
            stored = b.charging * x if x > 0 else x / b.discharging
            level = b.keep**feeder.hours * level + stored * feeder.hours
            worst += [level - b.e_max, b.e_min - level]
        least = {"free": b.e_min, "initial": b.e_start}.get(str(feeder.final))
        worst.append((float(feeder.final) / 100 * b.e_max if least is None else least) - level)
        worst += [p.max() - b.charge, -p.min() - b.discharge, np.abs(q).max() - b.q]
        if not math.isnan(b.rating):
            worst.append((np.hypot(p, q) - b.rating).max())
    first = feeder.nodes - 1
    for k, d in enumerate(feeder.bendables):
        p, q = values("load", first + k)
        found[0][:, d.node] += p
        found[1][:, d.node] += q
        worst += [d.low - p.min(), p.max() - d.high, np.abs(q - d.slope * p).max()]
        worst.append(abs(p.sum() - sum(d.wanted)) if d.keep_energy else -math.inf)
    for k, g in enumerate(feeder.garages):
        p, _ = values("load", first + len(feeder.bendables) + k)
        found[0][:, g.node] += p
        worst.append(unsplit(g, p, feeder.hours))
    return found[0], found[1], max(worst)


def unsplit(garage: Garage, power: np.ndarray, hours: float) -> float:
    """Least power [MW] by which a withdrawal (T,) misses every split to the vehicles."""
    lp = _Lp()
    short = [lp.variable(0.0) for _ in power]
    rows: list[dict[int, float]] = [{short[t]: 1.0} for t in range(len(power))]
    over = [lp.variable(0.0) for _ in power]
    for v in garage.vehicles:
        taken = {lp.variable(0.0, v.power): t for t in range(v.arrival, min(v.departure, len(power)))}
        for column, t in taken.items():
            rows[t][column] = 1.0
        lp.add(dict.fromkeys(taken, hours), "ub", v.most)
        lp.add(dict.fromkeys(taken, -hours), "ub", -v.need)
    for t, row in enumerate(rows):
        lp.add(row | {over[t]: -1.0}, "eq", float(power[t]))
    x = lp.solve(dict.fromkeys([*short, *over], 1.0))
    return math.inf if x is None else float(x[[*short, *over]].sum())
