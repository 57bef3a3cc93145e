"""Small random pandapower nets with every element kind adnflex supports, to compare with brute force.

Independent of adnflex. Every net is feasible in this sense: at least one radial, fully supplied configuration
exists, and the AC power flow converges on each of them with all voltages in about 0.9 … 1.07 pu.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, TypeVar

import numpy as np
import pandapower as pp
from pandapower.auxiliary import pandapowerNet

from tests.brute_force import apply_configuration, evaluate, radial_choices

SwitchStyle = Literal["switches", "in_service", "mixed"]
Present = Literal["any", "radial", "meshed", "unsupplied"]
Limits = Literal["generous", "tight", "none"]

T = TypeVar("T")

#: Largest voltage drop and rise along the lines, over all configurations (LinDistFlow estimate).
_DROP = (0.03, 0.07)
_RISE = 0.025


def _pick(rng: np.random.Generator, *options: T) -> T:
    return options[int(rng.integers(len(options)))]


def _chance(rng: np.random.Generator, p: float) -> bool:
    return bool(rng.random() < p)


@cache
def _empty() -> pandapowerNet:
    """Copying an empty net is ten times as fast as creating one."""
    return pp.create_empty_network()


def _uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


@dataclass
class _Numbers:
    """Indices for one table: consecutive, or scattered and out of order."""

    rng: np.random.Generator
    odd: bool
    _free: list[int] = field(default_factory=list)
    _next: int = 0

    def __call__(self) -> int:
        if not self.odd:
            self._next += 1
            return self._next - 1
        if not self._free:
            self._free = [int(i) for i in self.rng.permutation(60)]
        return self._free.pop()


@dataclass
class _Plan:
    """A line between two electrical nodes, before it becomes a row of the net."""

    u: int
    v: int
    r: float
    x: float
    length: float
    parallel: int
    switched: bool = True
    regulator: bool = False


def random_net(
    rng: np.random.Generator,
    *,
    n_bus: tuple[int, int] = (4, 9),
    n_loops: tuple[int, int] = (1, 3),
    generation: bool = False,
    two_sources: bool = False,
    parallel_switches: bool = False,
    shunts: bool = False,
    transformers: bool = False,
    trafo_switches: bool = False,
    charging: bool = False,
    zip_loads: bool = False,
    couplers: bool = False,
    storage: bool = False,
    out_of_service: bool = False,
    odd_indices: bool = False,
    switch_style: SwitchStyle = "switches",
    present: Present = "any",
    limits: Limits = "generous",
) -> pandapowerNet:
    """Build one net; the same generator state and options give the same net.

    Parameters
    ----------
    n_bus, n_loops
        inclusive ranges: electrical nodes of the medium-voltage part (couplers, transformers and dead ends
        add buses), and independent loops with everything closed (a path between two sources counts as one)
    generation
        sgens, in part more than the local load, so that flows reverse
    two_sources
        two ext_grids of different ``vm_pu``: the configurations are forests
    parallel_switches
        two lines, each with its own switches, between the same two buses
    shunts
        capacitors and reactors in steps, their ``vn_kv`` differing from that of the bus
    transformers
        some of: one or two parallel infeed transformers at 110 kV, an in-line regulator within a loop, MV/LV
        transformers with their load on the LV side; "Ratio" taps on either side, off neutral; iron losses
    trafo_switches
        closed switches at some transformers, and a spare transformer that an open switch holds off at its LV
        side (it still magnetises). Needs ``transformers``
    charging
        ``c_nf_per_km`` and ``g_us_per_km``
    zip_loads
        constant-impedance shares. pandapower averages the shares over a bus, unweighted, and applies them to
        the bus total (sgens included), of fused buses one wins, and ``res_ext_grid`` ignores the shares: so
        all loads of a node have the same shares here, neither sgen nor storage nor source stands there
    couplers
        busbars in sections behind closed bus-bus switches, some with ``z_ohm`` > 0, and open couplers
    storage
        storage units that charge or discharge
    out_of_service
        dead lines, loads, sgens, shunts and buses, a line into a dead bus, and an isolated bus in service
    odd_indices
        indices that neither start at 0 nor are in order
    switch_style
        "switches": every line has line switches at one or both ends; "in_service": no switch rows at all,
        ties are out of service; "mixed": some lines have no switch. The oracle's default rule fits all three
    present
        the switch state as built; "any" is mostly radial
    limits
        "generous": nothing binds; "tight": at least one configuration is feasible and mostly some are not;
        "none": the limit columns are missing
    """
    if switch_style == "in_service" and (couplers or trafo_switches):
        raise ValueError("in_service means: no switch rows; couplers and trafo_switches are switch rows")
    if trafo_switches and not transformers:
        raise ValueError("trafo_switches needs transformers")
    return _Builder(rng, odd_indices).build(
        n_bus=n_bus,
        n_loops=n_loops,
        generation=generation,
        two_sources=two_sources,
        parallel_switches=parallel_switches,
        shunts=shunts,
        transformers=transformers,
        trafo_switches=trafo_switches,
        charging=charging,
        zip_loads=zip_loads,
        couplers=couplers,
        storage=storage,
        out_of_service=out_of_service,
        switch_style=switch_style,
        present=present,
        limits=limits,
    )


class _Builder:
    def __init__(self, rng: np.random.Generator, odd: bool) -> None:
        self.rng = rng
        self.numbers = {t: _Numbers(rng, odd) for t in ("bus", "line", "trafo", "switch", "load", "sgen", "shunt")}

    def new(self, table: str) -> int:
        return self.numbers[table]()

    # ---------------------------------------------------- the plan

    def graph(self, n: int, loops: int, roots: int, double: bool) -> list[tuple[int, int]]:
        """Edges of a connected multigraph with ``loops`` loops once the ``roots`` first nodes are merged."""
        rng = self.rng
        # rather long feeders than stars: a new node mostly hangs on one of the last two
        edges = [
            (int(rng.integers(max(0, v - 2), v)) if _chance(rng, 0.7) else int(rng.integers(v)), v) for v in range(1, n)
        ]
        if roots == 2 and (0, 1) in edges:  # the sources shall not be neighbours of nothing in between
            edges[0] = (0, 2)
            edges[1] = (1, 2)
        missing = loops - (roots - 1)
        if double and missing > 0:
            edges.append(edges[int(rng.integers(len(edges)))])
            missing -= 1
        absent = [(u, v) for u in range(n) for v in range(u + 1, n) if (u, v) not in edges and (v, u) not in edges]
        absent = [e for e in absent if not (roots == 2 and e == (0, 1))]
        for i in rng.permutation(len(absent))[:missing]:
            edges.append(absent[int(i)])
        return [(u, v) if _chance(rng, 0.5) else (v, u) for u, v in edges]

    def lengths(
        self, plans: list[_Plan], n: int, roots: int, s: np.ndarray, vn_kv: float, drop: float
    ) -> list[frozenset[int]]:
        """Scale the lengths so that the worst configuration has this drop; return all configurations."""
        trees = list(radial_choices(range(n), range(roots), [], [(p.u, p.v) for p in plans]))
        worst, best = 0.0, 0.0
        for opened in trees:
            drops = _drops(plans, opened, n, roots, s, vn_kv)
            worst, best = max(worst, drops.max()), min(best, drops.min())
        scale = drop / max(worst, 1e-6)
        if best < 0:
            scale = min(scale, _RISE / -best)
        for p in plans:
            p.length *= scale
        # least losses first, roughly: the sum of |S|² z goes with the weighted drop
        return sorted(trees, key=lambda t: float((_drops(plans, t, n, roots, s, vn_kv) * s.real).sum()))

    # ----------------------------------------------------- the net

    def build(
        self,
        *,
        n_bus: tuple[int, int],
        n_loops: tuple[int, int],
        generation: bool,
        two_sources: bool,
        parallel_switches: bool,
        shunts: bool,
        transformers: bool,
        trafo_switches: bool,
        charging: bool,
        zip_loads: bool,
        couplers: bool,
        storage: bool,
        out_of_service: bool,
        switch_style: SwitchStyle,
        present: Present,
        limits: Limits,
    ) -> pandapowerNet:
        rng = self.rng
        roots = 2 if two_sources else 1
        n = max(int(rng.integers(n_bus[0], n_bus[1] + 1)), roots + 1)
        loops = int(rng.integers(n_loops[0], n_loops[1] + 1))
        vn = _pick(rng, 10.0, 20.0)
        # neither choice may change a result: pandapower works per unit of net.sn_mva
        net = deepcopy(_empty())
        net.f_hz, net.sn_mva = _pick(rng, 50.0, 50.0, 60.0), _pick(rng, 1.0, 1.0, 10.0)

        size = (vn / 20.0) ** 2
        p = np.where(rng.random(n) < 0.85, rng.uniform(0.1, 1.2, n) * size, 0.0)
        p[:roots] *= rng.random(roots) < 0.25
        if not p[roots:].any():
            p[-1] = size
        q = p * np.tan(np.arccos(rng.uniform(0.85, 1.0, n)))
        zip_node = (rng.random(n) < 0.6) & zip_loads
        zip_node[:roots] = False
        if zip_loads and not (zip_node & (p > 0)).any():
            zip_node[roots + int(np.argmax(p[roots:]))] = True
        p_gen, q_gen = np.zeros(n), np.zeros(n)
        if generation:
            places = np.flatnonzero(~zip_node)
            for v in rng.choice(places, size=min(len(places), int(rng.integers(1, 4))), replace=False):
                p_gen[v] = _uniform(rng, 0.2, 2.2) * size
                q_gen[v] = p_gen[v] * _uniform(rng, -0.33, 0.33)

        plans = []
        for u, v in self.graph(n, loops, roots, parallel_switches):
            x = _uniform(rng, 0.08, 0.4)
            r = min(x * float(np.exp(rng.uniform(np.log(0.3), np.log(3.0)))), 1.2)
            plans.append(_Plan(u, v, r, x, _uniform(rng, 0.3, 3.0), 2 if _chance(rng, 0.15) else 1))
        total = max(float(np.hypot(p.sum(), q.sum())), float(np.hypot(p_gen.sum(), q_gen.sum())), 0.2)
        q_shunt = np.zeros(n)
        if shunts:  # consumer sign: a capacitor is negative; the first one always is one
            places = rng.choice(n, size=min(n, int(rng.integers(1, 4))), replace=False)
            signs = np.where(rng.random(len(places)) < 0.7, -1.0, 1.0)
            signs[0] = -1.0
            q_shunt[places] = signs * total * rng.uniform(0.03, 0.15, len(places))
        drop = _uniform(rng, *_DROP) * (0.75 if transformers else 1.0)
        trees = self.lengths(plans, n, roots, (p - p_gen) + 1j * (q - q_gen + q_shunt), vn, drop)
        reference = trees[0] if _chance(rng, 0.4) else trees[int(rng.integers(len(trees)))]

        groups = self.buses(net, n, vn, couplers)
        kinds: set[str] = set()
        if transformers:
            kinds = {k for k, c in (("infeed", 0.7), ("regulator", 0.45), ("lv", 0.6)) if _chance(rng, c)} or {"infeed"}
        self.sources(net, groups, roots, vn, total, "infeed" in kinds, trafo_switches, out_of_service)
        if "regulator" in kinds:
            plans[int(rng.integers(len(plans)))].regulator = True
        lv_nodes = [v for v in range(roots, n) if p[v] > 0 and _chance(rng, 0.4)] if "lv" in kinds else []
        self.injections(net, groups, p, q, zip_node, lv_nodes, vn, out_of_service, trafo_switches)
        self.generators(net, groups, p_gen, q_gen, generation and out_of_service)
        if storage:
            places = np.flatnonzero(~zip_node)
            for v in rng.choice(places, size=min(len(places), int(rng.integers(1, 3))), replace=False):
                self.store(net, self.at(groups[int(v)]), size)
        if shunts:
            self.shunts(net, groups, q_shunt, vn, out_of_service)

        # which lines have switches, and which are closed as the net stands
        tie_by_flag = set(range(len(plans))) if switch_style == "in_service" else set()
        if switch_style == "mixed":
            # without a switch the default rule takes a line as it is: those that the reference closes stay
            # closed and the others open, so that the default rule still finds a configuration
            tie_by_flag = {i for i in range(len(plans)) if _chance(rng, 0.25)}
            if len(tie_by_flag) == len(plans):
                tie_by_flag.pop()
        opened = self.present_state(plans, trees, present)
        if switch_style == "mixed":
            opened = (opened - tie_by_flag) | (reference & tie_by_flag)
        lines = self.lines(net, groups, plans, opened, tie_by_flag, charging, total, vn, trafo_switches)

        if couplers:
            self.open_couplers(net, groups)
        if out_of_service:
            self.dead(net, groups, vn, switch_style)
        self.limits(net, limits, lines, reference, total, vn)
        return net

    def at(self, group: list[int]) -> int:
        """One of the buses of a node."""
        return group[int(self.rng.integers(len(group)))]

    def bus(self, net: pandapowerNet, vn: float, name: str, in_service: bool = True) -> int:
        return int(pp.create_bus(net, vn_kv=vn, name=name, in_service=in_service, index=self.new("bus")))

    def switch(self, net: pandapowerNet, bus: int, element: int, et: str, closed: bool, z_ohm: float = 0.0) -> None:
        kind = _pick(self.rng, "CB", "LBS")
        pp.create_switch(net, bus, element, et=et, closed=closed, type=kind, z_ohm=z_ohm, index=self.new("switch"))

    def buses(self, net: pandapowerNet, n: int, vn: float, couplers: bool) -> list[list[int]]:
        """One bus for each node, or several sections behind closed couplers."""
        rng = self.rng
        groups = [[self.bus(net, vn, f"node {v}")] for v in range(n)]
        if couplers:
            for k, v in enumerate(rng.choice(n, size=min(n, int(rng.integers(1, 4))), replace=False)):
                group = groups[int(v)]
                for section in range(_pick(rng, 1, 1, 2)):
                    new = self.bus(net, vn, f"node {v} section {section + 2}")
                    # the first one is always without impedance, so that fusing is always tested
                    z = _uniform(rng, 0.02, 0.3) if k and _chance(rng, 0.5) else 0.0
                    ends = (group[-1], new) if _chance(rng, 0.5) else (new, group[-1])
                    self.switch(net, *ends, et="b", closed=True, z_ohm=z)
                    group.append(new)
        return groups

    def open_couplers(self, net: pandapowerNet, groups: list[list[int]]) -> None:
        """Open bus-bus switches join nothing, wherever they are."""
        for _ in range(int(self.rng.integers(1, 3))):
            u, v = self.rng.choice(len(groups), size=2, replace=False)
            z = _pick(self.rng, 0.0, 0.1)
            self.switch(net, self.at(groups[int(u)]), self.at(groups[int(v)]), et="b", closed=False, z_ohm=z)

    def trafo(self, net: pandapowerNet, hv: int, lv: int, s_mva: float, **fixed: Any) -> int:
        """Create a transformer for a load of ``s_mva``, its tap off neutral where the voltage allows it."""
        rng = self.rng
        vn_hv, vn_lv = float(net.bus.at[hv, "vn_kv"]), float(net.bus.at[lv, "vn_kv"])
        parallel = 2 if _chance(rng, 0.25) else 1
        neutral = _pick(rng, 0, 0, 3)
        step = _pick(rng, 0.625, 1.25, 1.5, -1.25)
        sn = max(s_mva * _uniform(rng, 1.3, 2.5), 0.1) / parallel
        side = _pick(rng, "hv", "lv")
        over = fixed.get("vn_lv_kv", vn_lv * _pick(rng, 1.0, 1.0, 1.02)) / vn_lv
        boost = {k: over * (1 + k * step / 100) ** (1 if side == "lv" else -1) for k in (-3, -2, -1, 1, 2, 3)}
        taps = [k for k, ratio in boost.items() if 0.99 <= ratio <= 1.025] or [0]
        values: dict[str, Any] = {
            "sn_mva": sn,
            "vn_hv_kv": vn_hv,
            "vn_lv_kv": vn_lv * over,
            "vk_percent": _uniform(rng, 4.0, 9.0),
            "vkr_percent": _uniform(rng, 0.4, 1.3),
            "pfe_kw": _pick(rng, 0.0, 1.5 * sn, 1.5 * sn),
            "i0_percent": _pick(rng, 0.0, 0.4, 0.8),
            "shift_degree": 0.0,
            "tap_side": side,
            "tap_neutral": neutral,
            "tap_min": neutral - 5,
            "tap_max": neutral + 5,
            "tap_pos": neutral + _pick(rng, *taps),
            "tap_step_percent": step,
            "tap_changer_type": "Ratio",
            "parallel": parallel,
            "df": _pick(rng, 1.0, 1.0, 0.9),
        }
        values |= fixed
        return int(pp.create_transformer_from_parameters(net, hv, lv, index=self.new("trafo"), **values))

    def sources(
        self,
        net: pandapowerNet,
        groups: list[list[int]],
        roots: int,
        vn: float,
        total: float,
        infeed: bool,
        switches: bool,
        out_of_service: bool,
    ) -> None:
        rng = self.rng
        vm = [_uniform(rng, 1.0, 1.03), _uniform(rng, 0.99, 1.02)]
        shift = 0.0
        for k in range(roots):
            bus = self.at(groups[k])
            if k == 0 and infeed:
                hv = self.bus(net, 110.0, "grid 110 kV")
                shift = _pick(rng, 0.0, 150.0)
                first = self.trafo(net, hv, bus, total, shift_degree=shift)
                same = ("vn_hv_kv", "vn_lv_kv", "tap_side", "tap_neutral", "tap_min", "tap_max", "tap_pos")
                twin = {c: net.trafo.at[first, c] for c in (*same, "tap_step_percent", "shift_degree")}
                if switches:
                    self.switch(net, hv, first, et="t", closed=True)
                if _chance(rng, 0.3):  # equal ratio, other impedance: they share the flow, no loop to decide on
                    second = self.trafo(net, hv, self.at(groups[k]), total, **twin)
                    if switches and _chance(rng, 0.5):
                        self.switch(net, int(net.trafo.at[second, "lv_bus"]), second, et="t", closed=True)
                if switches:
                    lv = self.at(groups[k])
                    spare = self.trafo(net, hv, lv, total, **twin)
                    self.switch(net, lv, spare, et="t", closed=False)
                if out_of_service:
                    self.trafo(net, hv, self.at(groups[k]), total, in_service=False)
                bus = hv
            # in phase with the first, lest the present state drives a huge current where it is meshed
            pp.create_ext_grid(net, bus, vm_pu=vm[k], va_degree=-shift if k else 0.0)
        if out_of_service and len(groups) > roots:
            pp.create_ext_grid(net, self.at(groups[-1]), vm_pu=1.04, in_service=False)

    def injections(
        self,
        net: pandapowerNet,
        groups: list[list[int]],
        p: np.ndarray,
        q: np.ndarray,
        zip_node: np.ndarray,
        lv_nodes: list[int],
        vn: float,
        out_of_service: bool,
        switches: bool,
    ) -> None:
        rng = self.rng
        for v, group in enumerate(groups):
            if p[v] == 0:
                continue
            shares = {}
            if zip_node[v]:
                shares = {f"const_z_{c}_percent": _uniform(rng, 0.0, 100.0) for c in "pq"}
            parts = [1.0] if _chance(rng, 0.7) else [0.35, 0.65]
            if v in lv_nodes:
                lv = self.bus(net, 0.4, f"node {v} low voltage")
                hv = self.at(group)
                t = self.trafo(net, hv, lv, float(np.hypot(p[v], q[v])))
                if switches and _chance(rng, 0.5):
                    self.switch(net, hv, t, et="t", closed=True)
                group = [lv]
            for part in parts:
                scaling = _pick(rng, 1.0, _uniform(rng, 0.5, 1.5))
                values = {"p_mw": p[v] * part / scaling, "q_mvar": q[v] * part / scaling}
                pp.create_load(
                    net,
                    self.at(group),
                    scaling=scaling,
                    index=self.new("load"),
                    name=f"load {v}",
                    **values,
                    **shares,
                )
            if out_of_service and _chance(rng, 0.4):
                # the same shares: pandapower leaves it out of the mean, others might not
                pp.create_load(
                    net,
                    self.at(group),
                    5.0,
                    3.0,
                    index=self.new("load"),
                    name="dead",
                    in_service=False,
                    **shares,
                )

    def generators(self, net: pandapowerNet, groups: list[list[int]], p: np.ndarray, q: np.ndarray, dead: bool) -> None:
        rng = self.rng
        for v in np.flatnonzero(p):
            scaling = _pick(rng, 1.0, _uniform(rng, 0.6, 1.2))
            pp.create_sgen(
                net,
                self.at(groups[v]),
                p_mw=p[v] / scaling,
                q_mvar=q[v] / scaling,
                sn_mva=float(np.hypot(p[v], q[v])) / scaling * 1.1,
                scaling=scaling,
                index=self.new("sgen"),
                type=_pick(rng, "PV", "WP"),
            )
            if dead:
                pp.create_sgen(net, self.at(groups[v]), p_mw=7.0, index=self.new("sgen"), in_service=False)

    def store(self, net: pandapowerNet, bus: int, size: float) -> None:
        rng = self.rng
        p_max = _uniform(rng, 0.05, 0.3) * size
        pp.create_storage(
            net,
            bus,
            p_mw=_uniform(rng, -p_max, p_max),
            q_mvar=_uniform(rng, -0.3, 0.3) * p_max,
            max_e_mwh=p_max * _pick(rng, 1.0, 2.0, 4.0),
            min_e_mwh=0.0,
            soc_percent=_uniform(rng, 20.0, 80.0),
            sn_mva=1.1 * p_max,
            scaling=_pick(rng, 1.0, 0.8),
        )

    def shunts(
        self, net: pandapowerNet, groups: list[list[int]], q: np.ndarray, vn: float, out_of_service: bool
    ) -> None:
        rng = self.rng
        for v in np.flatnonzero(q):
            max_step = int(rng.integers(1, 5))
            step = int(rng.integers(1, max_step + 1))
            pp.create_shunt(
                net,
                self.at(groups[v]),
                q_mvar=q[v] / step,
                p_mw=_pick(rng, 0.0, 0.01 * abs(q[v])),
                vn_kv=vn * _pick(rng, 1.0, 1.05, 0.97),
                step=step if _chance(rng, 0.85) else 0,
                max_step=max_step,
                index=self.new("shunt"),
            )
        if out_of_service:
            bus = self.at(groups[-1])
            pp.create_shunt(net, bus, q_mvar=-3.0, index=self.new("shunt"), in_service=False)

    def present_state(self, plans: list[_Plan], trees: list[frozenset[int]], present: Present) -> set[int]:
        """Positions of the lines that are open as the net stands."""
        rng = self.rng
        if present == "any":
            present = _pick(rng, "radial", "radial", "radial", "meshed", "unsupplied")
        opened = set(trees[int(rng.integers(len(trees)))])
        if present == "meshed":
            for i in rng.permutation(sorted(opened))[: int(rng.integers(1, len(opened) + 1)) if opened else 0]:
                opened.discard(int(i))
        elif present == "unsupplied":
            closed = sorted(set(range(len(plans))) - opened)
            opened.add(closed[int(rng.integers(len(closed)))])
        return opened

    def lines(
        self,
        net: pandapowerNet,
        groups: list[list[int]],
        plans: list[_Plan],
        opened: set[int],
        tie_by_flag: set[int],
        charging: bool,
        total: float,
        vn: float,
        trafo_switches: bool,
    ) -> list[int]:
        rng = self.rng
        indices = []
        for i, plan in enumerate(plans):
            start, end = self.at(groups[plan.u]), self.at(groups[plan.v])
            if plan.regulator:
                middle = self.bus(net, vn, "behind the regulator")
                t = self.trafo(net, start, middle, total, vn_lv_kv=vn, vk_percent=_uniform(rng, 2.0, 4.0))
                if trafo_switches:
                    self.switch(net, middle, t, et="t", closed=True)
                start = middle
            c = g = 0.0
            if charging:
                # about 30 kvar/km at 20 kV, but not more than a good part of the load on a long line
                cap = 0.3 * total / len(plans) / (plan.length * plan.parallel * vn**2 * 2 * np.pi * net.f_hz * 1e-9)
                c = min(_uniform(rng, 150.0, 350.0), cap)
                g = _pick(rng, 0.0, _uniform(rng, 0.1, 2.0))
            line = int(
                pp.create_line_from_parameters(
                    net,
                    start,
                    end,
                    length_km=plan.length,
                    # two systems in parallel have half the impedance; keep the planned one
                    r_ohm_per_km=plan.r * plan.parallel,
                    x_ohm_per_km=plan.x * plan.parallel,
                    c_nf_per_km=c,
                    g_us_per_km=g,
                    max_i_ka=3 * total / (np.sqrt(3) * vn),
                    parallel=plan.parallel,
                    df=_pick(rng, 1.0, 1.0, _uniform(rng, 0.7, 1.0)),
                    index=self.new("line"),
                    name=f"line {i}",
                )
            )
            indices.append(line)
            if i in tie_by_flag:
                net.line.loc[line, "in_service"] = i not in opened
                continue
            ends = _pick(rng, (start, end), (start, end), (start,), (end,))
            state = [True] * len(ends)
            if i in opened:
                how = _pick(rng, "one", "one", "all", "flag") if len(ends) == 2 else _pick(rng, "one", "one", "flag")
                if how == "one":
                    state[int(rng.integers(len(ends)))] = False
                elif how == "all":
                    state = [False] * len(ends)
                else:  # a tie that is out of service although it has switches, open or closed
                    net.line.loc[line, "in_service"] = False
                    state[0] = _pick(rng, True, False)
            for bus, closed in zip(ends, state, strict=True):
                self.switch(net, bus, line, et="l", closed=closed)
        return indices

    def dead(self, net: pandapowerNet, groups: list[list[int]], vn: float, style: SwitchStyle) -> None:
        """Things that must not matter, and a line into a dead bus whose charging does."""
        rng = self.rng
        self.bus(net, vn, "isolated, empty, in service")
        out = self.bus(net, vn, "out of service", in_service=False)
        pp.create_load(net, out, 2.0, 1.0, index=self.new("load"), name="at a dead bus")
        common = {"length_km": 1.0, "r_ohm_per_km": 0.3, "x_ohm_per_km": 0.3, "max_i_ka": 0.4}
        cable = {**common, "c_nf_per_km": float(net.line.c_nf_per_km.max())}
        alive = _chance(rng, 0.5)
        pp.create_line_from_parameters(
            net,
            self.at(groups[-1]),
            out,
            **cable,
            index=self.new("line"),
            name="into a dead bus",
            in_service=alive,
        )
        if style != "in_service":  # there it would be one more tie
            u, v = rng.choice(len(groups), size=2, replace=False)
            pp.create_line_from_parameters(
                net,
                self.at(groups[int(u)]),
                self.at(groups[int(v)]),
                **cable,
                index=self.new("line"),
                name="dead",
                in_service=False,
            )

    def limits(
        self,
        net: pandapowerNet,
        limits: Limits,
        lines: list[int],
        reference: frozenset[int],
        total: float,
        vn: float,
    ) -> None:
        rng = self.rng
        if limits == "none":
            net.bus.drop(columns=["min_vm_pu", "max_vm_pu"], errors="ignore", inplace=True)
            net.line.drop(columns=["max_loading_percent"], errors="ignore", inplace=True)
            net.trafo.drop(columns=["max_loading_percent"], errors="ignore", inplace=True)
            return
        net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 0.85, 1.15
        net.line["max_loading_percent"] = 100.0
        if len(net.trafo):
            net.trafo["max_loading_percent"] = 200.0
        if limits == "generous":
            return
        # just outside what one configuration needs, so that one is feasible and others are not
        state = apply_configuration(net, [lines[i] for i in reference], lines)
        found = evaluate(state)
        if not found["converged"]:
            raise RuntimeError("the reference configuration does not converge")
        net.bus["min_vm_pu"] = found["min_vm_pu"] - _uniform(rng, 0.0005, 0.01)
        net.bus["max_vm_pu"] = found["max_vm_pu"] + _uniform(rng, 0.0005, 0.01)
        full = total / (np.sqrt(3) * vn)
        for line in lines:
            net.line.loc[line, "max_loading_percent"] = limit = _pick(rng, 100.0, 80.0)
            units = net.line.at[line, "df"] * net.line.at[line, "parallel"]
            # a line without voltage has no current
            needed = float(np.nan_to_num(state.res_line.at[line, "i_ka"]))
            rating = needed / _uniform(rng, 0.6, 0.95) if _chance(rng, 0.7) else full
            net.line.loc[line, "max_i_ka"] = max(rating, 0.15 * full, needed * 1.05) / units / (limit / 100.0)
        for t in net.trafo.index:
            net.trafo.loc[t, "max_loading_percent"] = max(float(state.res_trafo.at[t, "loading_percent"]) * 1.1, 60.0)


def _drops(plans: list[_Plan], opened: frozenset[int], n: int, roots: int, s: np.ndarray, vn_kv: float) -> np.ndarray:
    """Voltage drop in pu from the root to each node of one configuration, loss-free and linear."""
    near: dict[int, list[tuple[int, _Plan]]] = {v: [] for v in range(n)}
    for i, plan in enumerate(plans):
        if i not in opened:
            near[plan.u].append((plan.v, plan))
            near[plan.v].append((plan.u, plan))
    order: list[tuple[int, int, _Plan]] = []
    seen = set(range(roots))
    queue = list(range(roots))
    for u in queue:
        for v, plan in near[u]:
            if v not in seen:
                seen.add(v)
                queue.append(v)
                order.append((u, v, plan))
    flow = s.astype(complex).copy()
    for u, v, _ in reversed(order):
        flow[u] += flow[v]
    drop = np.zeros(n)
    for u, v, plan in order:
        drop[v] = drop[u] + plan.length * (plan.r * flow[v].real + plan.x * flow[v].imag) / vn_kv**2
    return drop
