"""Tiny feeders with discrete devices only, and every schedule of them by enumeration of power flows.

An oracle for `adnflex.dispatch`: it knows pandapower and the page "Devices", and nothing of adnflex. All states of the
taps, banks and vehicles of a period are run in AC power flow once; all schedules over the periods are then sums over
that table, with the limits on moves counted by hand.
"""

from __future__ import annotations

import itertools
from copy import deepcopy
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
from hypothesis import strategies as st
from pandapower.auxiliary import pandapowerNet

from tests.brute_force import RUNPP

Key = tuple[str, int]


@cache
def _empty() -> pandapowerNet:
    return pp.create_empty_network()


def power_flow(net: pandapowerNet) -> bool:
    """Run AC power flow in place; whether it converged."""
    try:
        pp.runpp(net, **RUNPP)
    except pp.LoadflowNotConverged:
        return False
    return True


def require_unchanged(before: pandapowerNet, after: pandapowerNet) -> None:
    """Compare all of two nets: tables with their types, and everything else that hangs on them."""
    assert list(before.keys()) == list(after.keys())
    for key in before:
        if key != "_empty_res" and not key.startswith("_empty"):
            _require_equal(key, before[key], after[key])


def _require_equal(key: str, a: Any, b: Any) -> None:
    assert type(a) is type(b), key
    if isinstance(a, pd.DataFrame):
        # what is the same to the last bit is told at once
        if not (a.equals(b) and a.columns.equals(b.columns) and a.index.equals(b.index) and _types(a) == _types(b)):
            pd.testing.assert_frame_equal(a, b, obj=key)
    elif isinstance(a, dict):
        assert list(a) == list(b), key
        for k in a:
            _require_equal(f"{key}[{k!r}]", a[k], b[k])
    elif isinstance(a, np.ndarray):
        np.testing.assert_array_equal(a, b, err_msg=key)
    elif isinstance(a, str | int | float | bool | None):
        assert a == b or a != a, key


def _types(table: pd.DataFrame) -> list[object]:
    return [table.index.dtype, table.columns.dtype, type(table.index), table.index.name, *table.dtypes]


@dataclass(frozen=True)
class DispatchSpec:
    """A seed and options, so that a failing example prints as one line."""

    seed: int
    periods: int = 2
    buses: int = 3
    hours: float = 1.0
    root_tap: bool = False
    trafo: str = "none"  # "none", "fixed", "hv", "lv"
    bank: bool = False
    reactor: bool = False
    constant_q: bool = False
    vehicles: bool = False
    generation: bool = False
    charging: bool = False
    source_limits: bool = False
    loading_limits: bool = False
    move_limits: bool = False
    move_costs: bool = False
    low_sell_price: bool = False
    negative_price: bool = False
    odd_indices: bool = False
    absolute: bool = False  # profiles passed to dispatch instead of net.profiles

    def __repr__(self) -> str:
        """Only what differs from the defaults."""
        shown = [f"{f.name}={v!r}" for f in fields(self) if (v := getattr(self, f.name)) != f.default]
        return f"DispatchSpec({', '.join(shown)})"

    def case(self) -> Case:
        """Build the case; every call returns a new, equal one."""
        return _build(self)


FLAGS = tuple(f.name for f in fields(DispatchSpec) if f.type == "bool")


def specs(**fixed: Any) -> st.SearchStrategy[DispatchSpec]:
    """Specs with all options free but those in ``fixed``."""
    parts: dict[str, Any] = {
        "seed": st.integers(0, 2**16 - 1),
        "periods": st.integers(1, 3),
        "buses": st.integers(2, 5),
        "hours": st.sampled_from([1.0, 0.25, 12.0]),
        "trafo": st.sampled_from(["none", "fixed", "hv", "lv"]),
        **{name: st.booleans() for name in FLAGS},
    }
    if unknown := set(fixed) - set(parts):
        raise ValueError(f"unknown options {unknown}")
    parts |= {k: v if isinstance(v, st.SearchStrategy) else st.just(v) for k, v in fixed.items()}
    return st.builds(DispatchSpec, **parts)


def seeded(seed: int, **fixed: Any) -> DispatchSpec:
    """Draw a spec from a seed, without hypothesis."""
    rng = np.random.default_rng(seed + 7_000_000)
    options: dict[str, Any] = {
        "periods": int(rng.integers(1, 4)),
        "buses": int(rng.integers(2, 6)),
        "hours": float(rng.choice([1.0, 0.25, 12.0])),
        "trafo": str(rng.choice(["none", "fixed", "hv", "lv"])),
        **{name: bool(rng.random() < 0.5) for name in FLAGS},
        "negative_price": bool(rng.random() < 0.1),
    }
    return DispatchSpec(seed=seed, **(options | fixed))


@dataclass
class Vehicles:
    """A load whose block may move and whose part may be reduced, as the page "Devices" says it."""

    index: int
    p: np.ndarray  # as left alone, before scaling
    q: np.ndarray
    scaling: float
    share: float
    block: tuple[int, ...]
    starts: tuple[int, ...]
    cut: float
    cut_periods: tuple[int, ...]
    shortest: int
    longest: int
    most: float
    block_cost: float
    cut_cost: float

    def schedules(self, hours: float) -> list[tuple[np.ndarray, np.ndarray, float]]:
        """All of them: p, q, compensation."""
        n = len(self.p)
        found = []
        reductions = [
            b
            for b in itertools.product((0, 1), repeat=n)
            if all(t in self.cut_periods for t in range(n) if b[t]) and self._allowed(b)
        ]
        energy = self.share * self.scaling * self.p[list(self.block)].sum() * hours if self.block else 0.0
        for start in self.starts or (None,):
            for cut in reductions:
                parts = []
                for wanted in (self.p, self.q):
                    new = wanted * (1 - self.cut * np.array(cut))
                    if start is not None:
                        shape = self.share * wanted[list(self.block)]
                        new[list(self.block)] -= shape
                        new[start : start + len(shape)] += shape
                    parts.append(new)
                cost = self.cut_cost * self.cut * self.scaling * float(self.p @ np.array(cut)) * hours
                if start is not None and start != self.block[0]:
                    cost += self.block_cost * energy
                found.append((parts[0], parts[1], cost))
        return found

    def _allowed(self, cut: tuple[int, ...]) -> bool:
        runs = [len(list(g)) for on, g in itertools.groupby(cut) if on]
        return all(self.shortest <= r <= self.longest for r in runs) and len(runs) <= self.most


@dataclass
class Case:
    """A net for `adnflex.dispatch`, and what the oracle needs to know of it."""

    net: pandapowerNet
    spec: DispatchSpec
    periods: int
    hours: float
    start_hour: float
    loss_cost: float
    carbon_price: float
    values: dict[tuple[str, str], pd.DataFrame]  # absolute, (period x element), before scaling
    domains: dict[Key, tuple[int, ...]]
    initial: dict[Key, int]
    most: dict[Key, float]
    move_cost: dict[Key, float]
    vehicles: Vehicles | None
    profiles: dict[tuple[str, str], pd.DataFrame] | None
    _table: dict[Any, dict[str, Any]] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments for `adnflex.dispatch`."""
        return {
            "profiles": self.profiles,
            "hours_per_period": self.hours,
            "start_hour": self.start_hour,
            "loss_cost_per_mwh": self.loss_cost,
            "carbon_price_per_kg": self.carbon_price,
        }

    @property
    def states(self) -> list[dict[Key, int]]:
        """All combinations of positions."""
        return [dict(zip(self.domains, c, strict=True)) for c in itertools.product(*self.domains.values())]

    def days(self) -> list[range]:
        """Periods of every 24 h, from the start of the horizon."""
        length = round(24 / self.hours)
        return [range(a, min(a + length, self.periods)) for a in range(0, self.periods, length)]

    def run(self, t: int, state: dict[Key, int], ev: tuple[float, float] | None) -> dict[str, Any]:
        """One AC power flow, remembered."""
        key = (t, tuple(state.values()), None if ev is None else (round(ev[0], 12), round(ev[1], 12)))
        if key not in self._table:
            self._table[key] = self._run(t, state, ev)
        return self._table[key]

    def _run(self, t: int, state: dict[Key, int], ev: tuple[float, float] | None) -> dict[str, Any]:
        net = self.work
        for (table, column), frame in self.values.items():
            if table != "ext_grid":
                net[table].loc[frame.columns, column] = frame.iloc[t].to_numpy()
        if ev is not None:
            assert self.vehicles is not None
            net.load.loc[self.vehicles.index, ["p_mw", "q_mvar"]] = ev
        for (table, i), position in state.items():
            if table == "ext_grid":
                row = net.ext_grid.loc[i]
                net.ext_grid.loc[i, "vm_pu"] = 1 + (position - row.tap_neutral) * row.tap_step_percent / 100
            elif table == "trafo":
                net.trafo.loc[i, "tap_pos"] = position
            elif (table, i) in self.stand_in:
                net.sgen.loc[self.stand_in[table, i], "q_mvar"] = -net.shunt.at[i, "q_mvar"] * position
                net.sgen.loc[self.stand_in[table, i], "p_mw"] = -net.shunt.at[i, "p_mw"] * position
            else:
                net.shunt.loc[i, "step"] = position
        if not power_flow(net):
            return {"converged": False}
        shunt_q = {i: float(net.res_shunt.q_mvar.fillna(0.0)[i]) for i in net.shunt.index}
        for (_, i), s in self.stand_in.items():
            shunt_q[i] = -float(net.sgen.at[s, "q_mvar"])
        return {
            "converged": True,
            "vm": net.res_bus.vm_pu.to_numpy(copy=True),
            "loading": np.concatenate([net.res_line.loading_percent, net.res_trafo.loading_percent]),
            "p": float(net.res_ext_grid.p_mw.iloc[0]),
            "q": float(net.res_ext_grid.q_mvar.iloc[0]),
            "losses": float(net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum()),
            "shunt_q": shunt_q,
        }

    @property
    def work(self) -> pandapowerNet:
        """A private copy, with a static generator for each bank of constant q."""
        if not hasattr(self, "_work"):
            self._work = deepcopy(self.net)
            self.stand_in: dict[Key, int] = {}
            for i in self.net.shunt.index:
                if bool(self.net.shunt.constant_q.fillna(False)[i]):
                    bus = int(self.net.shunt.at[i, "bus"])
                    bank = pp.create_sgen(self._work, bus, p_mw=0, q_mvar=0, index=900 + i)
                    self.stand_in["shunt", int(i)] = int(bank)
                    self._work.shunt.loc[i, "in_service"] = False
        return self._work

    def feasible(self, row: dict[str, Any], slack: float = 0.0) -> bool:
        """Whether every limit is met with ``slack`` pu, MW, Mvar and times 100 % (negative: with a margin)."""
        if not row["converged"]:
            return False
        net = self.net
        g = net.ext_grid.iloc[0]
        tables = [net[e] for e in ("line", "trafo") if len(net[e])]
        limit = np.concatenate([table.max_loading_percent.to_numpy(dtype=float) for table in tables])
        # the import is judged relative to the power of the net, which is some MW
        source = 10 * slack if slack > 0 else slack
        # the voltage of a source bus is judged where a tap decides it (docs/theory/validation.md)
        tapped = any(table == "ext_grid" for table, _ in self.domains)
        free = np.ones(len(net.bus), dtype=bool) if tapped else ~net.bus.index.isin(net.ext_grid.bus)
        return bool(
            (row["vm"] >= net.bus.min_vm_pu.to_numpy() - slack)[free].all()
            and (row["vm"] <= net.bus.max_vm_pu.to_numpy() + slack)[free].all()
            and (row["loading"] <= limit + 100 * slack).all()
            and not row["p"] < g.min_p_mw - source
            and not row["p"] > g.max_p_mw + source
            and not row["q"] < g.min_q_mvar - source
            and not row["q"] > g.max_q_mvar + source
        )

    def cost(self, t: int, row: dict[str, Any]) -> float:
        """Cost of a period without moves and vehicles."""
        prices = {c: float(self.values["ext_grid", c].iloc[t, 0]) for c in ("price_per_mwh", "sell_price_per_mwh")}
        total = row["p"] * prices["price_per_mwh" if row["p"] > 0 else "sell_price_per_mwh"]
        total += self.carbon_price * float(self.net.ext_grid.co2_kg_per_mwh.iloc[0]) * row["p"]
        total += self.loss_cost * row["losses"]
        for i, q in row["shunt_q"].items():
            total += float(self.net.shunt.cost_per_mvarh[i]) * abs(q)
        return total * self.hours

    def best(self, slack: float = 0.0) -> float:
        """Least cost of all schedules that meet every limit; inf where there is none."""
        states = self.states
        plans = [(None, None, 0.0)] if self.vehicles is None else self.vehicles.schedules(self.hours)
        positions = {k: np.array([s[k] for s in states]) for k in self.domains}
        found = np.inf
        for p, q, compensation in plans:
            costs = []
            for t in range(self.periods):
                rows = [self.run(t, s, None if p is None else (p[t], q[t])) for s in states]
                costs.append(np.array([self.cost(t, r) if self.feasible(r, slack) else np.inf for r in rows]))
            total = np.zeros((len(states),) * self.periods)
            for t, c in enumerate(costs):
                total = total + c.reshape([-1 if a == t else 1 for a in range(self.periods)])
            for k, at in positions.items():
                moves = [(at != self.initial[k]).reshape([-1] + [1] * (self.periods - 1))]
                for t in range(1, self.periods):
                    pair = at[:, None] != at[None, :]
                    moves.append(pair.reshape([len(states) if a in (t - 1, t) else 1 for a in range(self.periods)]))
                for day in self.days():
                    count = sum(moves[t].astype(int) for t in day)
                    total = np.where(count > self.most[k], np.inf, total + self.move_cost[k] * count)
            found = min(found, float(total.min()) + compensation)
        return found

    def of_plan(self, plan: Any) -> tuple[bool, float]:
        """Whether a plan's own schedule meets all limits, and what it costs, both by hand."""
        total, ok = 0.0, True
        before = dict(self.initial)
        moves = {k: np.zeros(self.periods) for k in self.domains}
        for t, period in enumerate(plan.periods):
            state = {}
            for table, i in self.domains:
                where = plan.capacitor_steps if table == "shunt" else plan.taps
                column = i if table == "shunt" else (table, i)
                value = float(where[column].loc[period])
                assert value == round(value)
                state[table, i] = int(value)
            ok &= all(state[k] in self.domains[k] for k in state)
            for k in state:
                moves[k][t] = state[k] != before[k]
            before = state
            ev = None
            if self.vehicles is not None:
                v = self.vehicles.index
                ev = tuple(float(plan.setpoints.loc[period, ("load", c, v)]) for c in ("p_mw", "q_mvar"))
            row = self.run(t, state, ev)
            ok &= self.feasible(row, 2e-6)
            total += self.cost(t, row) if row["converged"] else np.inf
        for k, moved in moves.items():
            total += self.move_cost[k] * moved.sum()
            ok &= all(moved[list(day)].sum() <= self.most[k] for day in self.days())
        if self.vehicles is not None:
            after = plan.setpoints["load", "p_mw", self.vehicles.index].to_numpy(dtype=float)
            matching = [c for p, _, c in self.vehicles.schedules(self.hours) if np.allclose(p, after, atol=1e-7)]
            ok &= bool(matching)
            total += min(matching, default=np.inf)
        return ok, total


# ------------------------------------------------------------- building


def _build(spec: DispatchSpec) -> Case:
    rng = np.random.default_rng(spec.seed)
    net = deepcopy(_empty())
    net.sn_mva = float(rng.choice([1.0, 1.0, 10.0]))
    step = 7 if spec.odd_indices else 1
    first = 3 if spec.odd_indices else 0

    def number(table: str) -> int:
        return first + step * len(net[table])

    vn = float(rng.choice([10.0, 20.0]))
    size = (vn / 20) ** 2
    n = spec.buses
    root = pp.create_bus(net, 110.0 if spec.trafo != "none" else vn, index=number("bus"))
    at = [root]
    if spec.trafo != "none":
        at = [pp.create_bus(net, vn, index=number("bus"))]
        _transformer(net, rng, spec, root, at[0], number("trafo"))
    for _ in range(n - 1):
        new = pp.create_bus(net, vn, index=number("bus"))
        x = float(rng.uniform(0.1, 0.4))
        up = at[-1] if rng.random() < 0.7 else at[int(rng.integers(len(at)))]
        ends = (up, new) if rng.random() < 0.6 else (new, up)
        pp.create_line_from_parameters(
            net,
            *ends,
            length_km=float(rng.uniform(1, 4)) * 3 / n,
            r_ohm_per_km=float(x * np.exp(rng.uniform(-1, 1))),
            x_ohm_per_km=x,
            c_nf_per_km=float(rng.uniform(100, 400)) if spec.charging else 0.0,
            g_us_per_km=float(rng.uniform(0, 2)) if spec.charging else 0.0,
            max_i_ka=0.4,
            parallel=2 if rng.random() < 0.15 else 1,
            index=number("line"),
        )
        at.append(new)
    periods = spec.periods
    frames: dict[str, pd.DataFrame] = {}
    day = pd.DataFrame({"h_pload": rng.uniform(0.2, 1, periods), "h_qload": rng.uniform(0.2, 1, periods)})
    for bus in at[1:]:
        if rng.random() < 0.8 or bus == at[-1]:
            pp.create_load(
                net,
                bus,
                p_mw=float(rng.uniform(0.3, 3)) * size,
                q_mvar=float(rng.uniform(-0.1, 1)) * size,
                scaling=float(rng.choice([1.0, 1.0, 0.8])),
                index=number("load"),
            )
    net.load["profile"] = pd.Series(["h"] * len(net.load), index=net.load.index, dtype=object)
    net.load["controllable"] = False
    if spec.generation:
        for _ in range(int(rng.integers(1, 3))):
            pp.create_sgen(
                net,
                int(rng.choice(at)),
                p_mw=float(rng.uniform(0.5, 5)) * size,
                q_mvar=float(rng.uniform(-0.5, 0.5)) * size,
                scaling=float(rng.choice([1.0, 0.9])),
                index=number("sgen"),
            )
        net.sgen["profile"] = pd.Series(["w"] * len(net.sgen), index=net.sgen.index, dtype=object)
        net.sgen["controllable"] = False
        frames["renewables"] = pd.DataFrame({"w": rng.uniform(0, 1, periods)})

    domains: dict[Key, tuple[int, ...]] = {}
    initial: dict[Key, int] = {}
    source = int(number("ext_grid"))
    pp.create_ext_grid(net, root, vm_pu=float(rng.choice([1.0, 1.02])), index=source)
    few = 2 if spec.bank or spec.reactor else 3
    if spec.root_tap:
        low, high = -int(rng.integers(0, few)), int(rng.integers(1, few))
        pos, neutral = int(rng.integers(low, high + 1)), int(rng.choice([0, 0, 1]))
        percent = float(rng.choice([1.25, 2.5, -1.5]))
        columns = {"tap_pos": pos, "tap_min": low, "tap_max": high, "tap_neutral": neutral, "tap_step_percent": percent}
        for k, v in columns.items():
            net.ext_grid[k] = v
        net.ext_grid["controllable"] = True
        net.ext_grid["vm_pu"] = 1 + (pos - neutral) * percent / 100
        domains["ext_grid", source], initial["ext_grid", source] = tuple(range(low, high + 1)), pos
    if spec.trafo in ("hv", "lv"):
        t = int(net.trafo.index[0])
        row = net.trafo.loc[t]
        domains["trafo", t] = tuple(range(int(row.tap_min), int(row.tap_max) + 1))
        initial["trafo", t] = int(row.tap_pos)
    banks = [(-1.0, spec.bank), (1.0, spec.reactor)]
    for sign, there in banks:
        if there:
            i = number("shunt")
            most, least = int(rng.integers(1, 3)), int(rng.choice([0, 0, 1]))
            now = int(rng.integers(min(least, most), most + 1))
            pp.create_shunt(
                net,
                int(rng.choice(at)),
                q_mvar=sign * float(rng.uniform(0.2, 0.8)) * size,
                p_mw=float(rng.choice([0.0, 0.01])) * size,
                vn_kv=vn * float(rng.choice([1.0, 1.05, 0.95])),
                step=now,
                max_step=most,
                index=i,
            )
            net.shunt.loc[i, "min_step"] = min(least, most)
            domains["shunt", i], initial["shunt", i] = tuple(range(min(least, most), most + 1)), now
    for column, value in (("controllable", True), ("constant_q", spec.constant_q)):
        net.shunt[column] = value
    costly = spec.move_costs and rng.random() < 0.6
    net.shunt["cost_per_mvarh"] = [float(rng.uniform(0.1, 3)) if costly else 0.0 for _ in net.shunt.index]
    limits, prices = dict.fromkeys(domains, np.inf), dict.fromkeys(domains, 0.0)
    for table, i in domains:
        for column, wanted, drawn in (
            ("max_moves_per_day", spec.move_limits, float(rng.integers(0, 3))),
            ("cost_per_move", spec.move_costs, float(rng.uniform(0.01, 3)) * spec.hours),
        ):
            if wanted:
                net[table].loc[i, column] = drawn
                (limits if column == "max_moves_per_day" else prices)[table, i] = drawn

    # a period across midnight would be in no window of the clock
    start = float(rng.choice([0.0, 12.0])) if spec.hours == 12 else float(rng.choice([0.0, 6.0, 22.0]))
    vehicles = None
    if spec.vehicles and spec.periods > 1:
        vehicles = _vehicles(net, rng, spec, at, size, frames, number, start)
    frames["load"] = pd.concat([day, *([frames["load"]] if "load" in frames else [])], axis=1)
    net.ext_grid["price_per_mwh"] = 1.0
    price = rng.uniform(20, 120, periods)
    if spec.negative_price:
        price[int(rng.integers(periods))] = -float(rng.uniform(5, 30))
    sell = price - np.abs(rng.uniform(0, 40, periods)) if spec.low_sell_price else price
    net.ext_grid["sell_price_per_mwh"] = 1.0
    net.ext_grid["profile"] = "m"
    frames["ext_grid"] = pd.DataFrame({"m_price": price, "m_sell_price": sell})
    net.ext_grid["co2_kg_per_mwh"] = float(rng.choice([0.0, 500.0]))
    for c in ("min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar"):
        net.ext_grid[c] = np.nan
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 0.8, 1.2
    net.line["max_loading_percent"] = 1000.0
    if len(net.trafo):
        net.trafo["max_loading_percent"] = 1000.0

    values = _absolute(net, frames)
    case = Case(
        net,
        spec,
        periods,
        spec.hours,
        start,
        float(rng.choice([0.0, 10.0])),
        float(rng.choice([0.0, 0.05])),
        values,
        domains,
        initial,
        limits,
        prices,
        vehicles,
        None,
    )
    _limits(case, rng)
    if spec.absolute:
        case.profiles = values
        for table in ("load", "sgen", "ext_grid"):
            if "profile" in net[table].columns:
                del net[table]["profile"]
    else:
        net["profiles"] = frames
    if hasattr(case, "_work"):
        del case._work
    return case


def _transformer(net: pandapowerNet, rng: np.random.Generator, spec: DispatchSpec, hv: int, lv: int, i: int) -> None:
    low, high = -int(rng.integers(0, 2)), int(rng.integers(1, 3))
    pp.create_transformer_from_parameters(
        net,
        hv,
        lv,
        sn_mva=float(rng.choice([16.0, 25.0])),
        vn_hv_kv=float(rng.choice([110.0, 112.0])),
        vn_lv_kv=float(net.bus.at[lv, "vn_kv"]) * float(rng.choice([1.0, 1.03])),
        vkr_percent=float(rng.uniform(0.3, 1.0)),
        vk_percent=float(rng.uniform(8, 16)),
        pfe_kw=float(rng.uniform(5, 40)),
        i0_percent=float(rng.uniform(0.03, 0.3)),
        shift_degree=float(rng.choice([0.0, 150.0])),
        parallel=int(rng.choice([1, 1, 2])),
        tap_side="lv" if spec.trafo == "lv" or (spec.trafo == "fixed" and rng.random() < 0.5) else "hv",
        tap_neutral=int(rng.choice([0, 0, 1])),
        tap_min=low,
        tap_max=high,
        tap_step_percent=float(rng.choice([1.5, 2.5, -1.5])),
        tap_step_degree=0.0,
        tap_pos=int(rng.integers(low, high + 1)),
        tap_changer_type="Ratio",
        index=i,
    )
    net.trafo["controllable"] = spec.trafo in ("hv", "lv")


def _vehicles(
    net: pandapowerNet,
    rng: np.random.Generator,
    spec: DispatchSpec,
    at: list[int],
    size: float,
    frames: dict[str, pd.DataFrame],
    number: Any,
    start: float,
) -> Vehicles:
    n, h = spec.periods, spec.hours
    i = number("load")
    scaling = float(rng.choice([1.0, 0.7]))
    peak = float(rng.uniform(0.5, 2)) * size
    pp.create_load(net, at[-1], p_mw=peak, q_mvar=0.2 * peak, scaling=scaling, type="ev", index=i, controllable=True)
    curves = rng.uniform(0.3, 1, (2, n))
    frames["load"] = pd.DataFrame({"e_pload": curves[0], "e_qload": curves[1]})
    net.load.loc[i, "profile"] = "e"
    # windows as text, every day the same: with periods of 12 h the third one is the first again
    span = n if h * n <= 24 else int(24 / h)
    length = int(rng.integers(1, span))
    block = tuple(range(a := int(rng.integers(0, span - length + 1)), a + length))
    low, high = int(rng.integers(0, block[0] + 1)), int(rng.integers(block[-1], span)) + 1
    text = _window(start, h, block[0], block[-1] + 1)
    within = _window(start, h, low, high)
    b, c = sorted(int(x) for x in rng.choice(span + 1, size=2, replace=False))
    share = float(rng.choice([0.0, 0.4, 0.5]))
    reducible = float(rng.choice([0.0, 0.5]))
    shortest, longest = (1, 3) if rng.random() < 0.6 else (int(rng.integers(1, 3)), int(rng.integers(2, 4)))
    most = float(rng.choice([1, 2]))
    block_cost, cut_cost = float(rng.choice([0, 5, 30])), float(rng.choice([10, 60, 90]))
    columns = {
        "transferable_share": share,
        "transfer_block": text,
        "transfer_window": within,
        "transfer_cost_per_mwh": block_cost,
        "reducible_share": reducible,
        "reduce_windows": _window(start, h, b, c),
        "reduction": 0.6,
        "max_reductions": most,
        "min_reduction_hours": shortest * h,
        "max_reduction_hours": longest * h,
        "reduce_cost_per_mwh": cut_cost,
    }
    for k, v in columns.items():
        if k not in net.load.columns:
            kind = object if isinstance(v, str) else float
            net.load[k] = pd.Series([None] * len(net.load), index=net.load.index, dtype=kind)
        net.load.loc[i, k] = v
    cut_periods = tuple(t for t in range(n) if b <= t % span < c)
    days = 1 if n <= span else 2
    if days == 2:  # two blocks would be chosen apart, and the oracle moves one
        share = 0.0
        net.load.loc[i, "transferable_share"] = 0.0
    return Vehicles(
        index=i,
        p=peak * curves[0],
        q=0.2 * peak * curves[1],
        scaling=scaling,
        share=share,
        block=block if share else (),
        starts=tuple(range(low, high - length + 1)) if share else (),
        cut=0.6 * reducible,
        cut_periods=cut_periods if reducible else (),
        shortest=shortest,
        longest=longest,
        most=most,
        block_cost=block_cost,
        cut_cost=cut_cost,
    )


def _window(start: float, hours: float, a: int, b: int) -> str:
    ends = [(start + hours * k) % 24 for k in (a, b)]
    if ends[0] == ends[1]:
        return "0-24"
    return "-".join(_clock(e) if e or k == 0 else "24" for k, e in enumerate(ends))


def _clock(hour: float) -> str:
    return f"{int(hour)}:{round(60 * (hour % 1)):02d}"


def _absolute(net: pandapowerNet, frames: dict[str, pd.DataFrame]) -> dict[tuple[str, str], pd.DataFrame]:
    endings = {
        ("load", "p_mw"): ("load", "_pload"),
        ("load", "q_mvar"): ("load", "_qload"),
        ("sgen", "p_mw"): ("renewables", ""),
        ("ext_grid", "price_per_mwh"): ("ext_grid", "_price"),
        ("ext_grid", "sell_price_per_mwh"): ("ext_grid", "_sell_price"),
    }
    found = {}
    for (table, column), (key, ending) in endings.items():
        if key in frames and len(net[table]):
            own = net[table]
            found[table, column] = pd.DataFrame(
                {i: own.at[i, column] * frames[key][f"{own.at[i, 'profile']}{ending}"].to_numpy() for i in own.index}
            )
    return found


def _limits(case: Case, rng: np.random.Generator) -> None:
    """Put limits close to what one schedule reaches, so that they bind and mostly leave an answer."""
    net, spec = case.net, case.spec
    states = case.states
    left_alone = None if case.vehicles is None else case.vehicles
    rows = []
    for t in range(case.periods):
        ev = None if left_alone is None else (left_alone.p[t], left_alone.q[t])
        found = [r for s in states if (r := case.run(t, s, ev))["converged"]]
        if not found:
            return
        # the middle ones: some states are cut off by the lower limit and some by the upper one
        found.sort(key=lambda r: float(r["vm"].min()))
        rows.append(found[int(rng.integers(len(found)))])
    margin = float(rng.choice([0.0005, 0.005, 0.02]))
    low = min(r["vm"].min() for r in rows) - margin * rng.random()
    high = max(r["vm"].max() for r in rows) + margin * rng.random()
    if rng.random() < 0.1:
        low = min(low + 0.01, high - 0.001)
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = float(low), float(high)
    if spec.loading_limits:
        top = np.max([r["loading"] for r in rows], axis=0) * (1.001 + 0.05 * rng.random())
        net.line["max_loading_percent"] = top[: len(net.line)]
        if len(net.trafo):
            net.trafo["max_loading_percent"] = top[len(net.line) :]
    if spec.source_limits:
        p, q = ([r[k] for r in rows] for k in "pq")
        net.ext_grid["min_p_mw"], net.ext_grid["max_p_mw"] = min(p) - 0.01 * rng.random(), max(p) + 0.01 * rng.random()
        net.ext_grid["min_q_mvar"] = min(q) - 0.1 * rng.random()
        net.ext_grid["max_q_mvar"] = max(q) + 0.1 * rng.random()
