"""A day of dispatch small enough to read: a feeder with sun, a battery, vehicles, a tap changer and a capacitor bank.

The numbers are those of a simple linear power flow, and they agree with each other: the balance is met in every
period and the costs add up. The examples in the documentation use it, and so may whoever wants to see a report
before having solved anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from adnflex.arrays import FloatArray
from adnflex.grid.drawn_forest import grow
from adnflex.grid.tidy_tree import place
from adnflex.results import DispatchCheck, DispatchPlan

__all__ = ["example"]

_NAMES = ["Grid", "Substation", "Harbour", "Mill", "School", "Church", "Market", "Farm"]
_PRICE = np.array([70.0] * 6 + [110.0] * 4 + [90.0] * 6 + [150.0] * 5 + [90.0] * 3)
_LOAD = np.array([45, 41, 39, 38, 39, 43, 50, 59, 66, 70, 73, 71, 69, 66, 65, 66, 69, 73, 78, 80, 78, 70, 60, 51]) / 80
_SUN = np.array([0, 0, 0, 0, 0, 2, 10, 24, 42, 60, 74, 83, 86, 82, 72, 57, 40, 22, 8, 1, 0, 0, 0, 0]) / 100
_VEHICLES = np.array([9, 7, 5, 3, 2, 1, 1, 1, 1, 1, 1, 3, 4, 7, 11, 15, 20, 23, 24, 24, 23, 21, 17, 13]) / 100
_CO2, _LOSS_COST, _CARBON_PRICE, _SUN_COST, _WEAR, _MOVE = 581.0, 60.0, 0.05, 10.0, 12.0, 4.0
_TAN_PHI = 0.25


def example(
    periods: int = 24,
    hours: float = 1.0,
    buses: int = 8,
    scenarios: int = 1,
    load_mw: float = 3.0,
    vm_limits: tuple[float, float] = (0.95, 1.05),
) -> tuple[DispatchPlan, DispatchCheck]:
    """Return the dispatch of a feeder and its check.

    Parameters
    ----------
    periods : int
        How many periods there are.
    hours : float
        Length of a period [h].
    buses : int
        Size of the feeder, at least 8.
    scenarios : int
        With several, the sun differs between them.
    load_mw : float
        Highest load.
    vm_limits : tuple of float
        Voltage limits [pu]; narrow ones make the check fail.

    Examples
    --------
    >>> plan, check = example()
    >>> check.passed, len(plan.periods), plan.currency
    (True, 24, 'EUR')
    >>> bool(abs(plan.costs["cost"].sum() - plan.objective) < 1e-9)
    True
    """
    day = _Day(periods, hours, buses, scenarios, load_mw, vm_limits)
    return day.plan(), day.check()


@dataclass(frozen=True)
class _Day:
    """All numbers of the example; arrays are scenario × period, voltages scenario × period × bus."""

    count: int
    hours: float
    buses: int
    scenarios: int
    load_mw: float
    vm_limits: tuple[float, float]

    # Time, scenarios, curves ------------------------------------------------------------------------------

    @cached_property
    def hour(self) -> Any:
        return np.floor(np.arange(self.count) * self.hours).astype(int) % 24

    @cached_property
    def probability(self) -> FloatArray:
        share = np.arange(self.scenarios, 0, -1) + (1.0 if self.scenarios > 1 else 0.0)
        return np.asarray(share / share.sum())

    @cached_property
    def index(self) -> pd.Index:
        period = pd.RangeIndex(self.count, name="period")
        if self.scenarios == 1:
            return period
        return pd.MultiIndex.from_product([range(self.scenarios), period], names=["scenario", "period"])

    def _curve(self, day: FloatArray) -> FloatArray:
        return np.asarray(np.interp(np.arange(self.count) * self.hours % 24, np.arange(24), day))

    @cached_property
    def load(self) -> FloatArray:
        return self.load_mw * np.tile(self._curve(_LOAD), (self.scenarios, 1))

    @cached_property
    def sun(self) -> FloatArray:
        factor = np.linspace(1.0, 0.7, self.scenarios) if self.scenarios > 1 else np.ones(1)
        return 1.25 * self.load_mw * factor[:, None] * self._curve(_SUN)

    @cached_property
    def used(self) -> FloatArray:
        return np.minimum(self.sun, 0.95 * self.load_mw)

    @cached_property
    def must_take(self) -> FloatArray:
        return np.full((self.scenarios, self.count), 0.03 * self.load_mw)

    # Vehicles: the block of the evening goes into the night, and one hour is reduced --------------------------

    @cached_property
    def ev_before(self) -> FloatArray:
        return self.load_mw * self._curve(_VEHICLES)

    @cached_property
    def block_before(self) -> FloatArray:
        return np.where((self.hour >= 18) & (self.hour < 21), 0.4 * self.ev_before, 0.0)

    @cached_property
    def block(self) -> FloatArray:
        shift = round(17 / self.hours)
        return np.roll(self.block_before, -shift) if self.count * self.hours >= 24 else self.block_before

    @cached_property
    def reduced(self) -> FloatArray:
        return np.where(self.hour == 17, 0.2 * self.ev_before, 0.0)

    @cached_property
    def ev(self) -> FloatArray:
        return self.ev_before - self.block_before + self.block - self.reduced

    # Battery: charged at noon, discharged at the dear hours; 90 % each way -------------------------------------

    @cached_property
    def charge(self) -> FloatArray:
        return np.where((self.hour >= 11) & (self.hour < 15), 0.08 * self.load_mw, 0.0)

    @cached_property
    def discharge(self) -> FloatArray:
        return np.where((self.hour >= 17) & (self.hour < 21), 0.81 * 0.08 * self.load_mw, 0.0)

    @cached_property
    def energy(self) -> FloatArray:
        flow = 0.9 * self.charge - self.discharge / 0.9
        return 0.15 * self.load_mw + np.cumsum(flow) * self.hours

    @property
    def _reach(self) -> tuple[float, float, float]:
        """Energy before the day, lowest and highest [MWh]."""
        return 0.15 * self.load_mw, 0.05 * self.load_mw, 0.5 * self.load_mw

    @cached_property
    def tap(self) -> Any:
        return np.where((self.hour >= 10) & (self.hour < 15), 0, 2) - (self.hour >= 22)

    @cached_property
    def steps(self) -> Any:
        return np.where((self.hour >= 7) & (self.hour < 22), 2, 1)

    # Power flow --------------------------------------------------------------------------------------------

    @cached_property
    def parent(self) -> Any:
        above = np.arange(self.buses) - 1
        lateral = (np.arange(self.buses) % 6 == 5) & (np.arange(self.buses) > 1)
        above[lateral] = np.maximum(1, np.arange(self.buses)[lateral] // 2)
        return above

    def _below(self, at_bus: FloatArray) -> FloatArray:
        """Sum over everything below each bus; the last axis is the bus."""
        total = at_bus.copy()
        for bus in range(self.buses - 1, 0, -1):
            total[..., self.parent[bus]] += total[..., bus]
        return total

    @cached_property
    def places(self) -> dict[str, int]:
        """Bus of each device."""
        return {"sun": self.buses // 2, "storage": self.buses - 1, "ev": self.buses - 2, "shunt": self.buses // 2 - 1}

    @cached_property
    def drawn(self) -> tuple[FloatArray, FloatArray]:
        """Active and reactive power drawn at each bus [MW, Mvar]."""
        share = np.r_[0.0, 0.0, np.full(self.buses - 2, 1 / (self.buses - 2))]
        p = self.load[..., None] * share
        q = _TAN_PHI * p
        p[..., 2] -= self.must_take
        p[..., self.places["sun"]] -= self.used
        p[..., self.places["storage"]] += self.charge - self.discharge
        p[..., self.places["ev"]] += self.ev
        q[..., self.places["sun"]] += 0.1 * self.used
        q[..., self.places["shunt"]] -= 0.1 * self.load_mw * self.steps
        return p, q

    @cached_property
    def flows(self) -> tuple[FloatArray, FloatArray]:
        p, q = self.drawn
        return self._below(p), self._below(q)

    @cached_property
    def resistance(self) -> FloatArray:
        """Resistance of the branch above each bus, so that the day uses much of the limits [pu of 1 MW]."""
        r = np.full(self.buses, 0.016 / self.load_mw * 8 / self.buses)
        r[:2] = 0.0, 0.002 / self.load_mw
        return r

    @cached_property
    def vm(self) -> FloatArray:
        p, q = self.flows
        vm = np.ones((self.scenarios, self.count, self.buses))
        ratio = 1 + 0.0125 * self.tap
        for bus in range(1, self.buses):
            drop = self.resistance[bus] * (p[..., bus] + 0.7 * q[..., bus])
            vm[..., bus] = vm[..., self.parent[bus]] * (ratio if bus == 1 else 1.0) - drop
        return vm

    @cached_property
    def losses(self) -> FloatArray:
        p, q = self.flows
        return np.asarray(((p**2 + q**2) * self.resistance)[..., 1:].sum(axis=-1))

    @cached_property
    def grid(self) -> FloatArray:
        return self.load + self.ev + self.charge + self.losses - self.must_take - self.used - self.discharge

    @cached_property
    def loading(self) -> FloatArray:
        p, q = self.flows
        rating = np.r_[1.0, 1.35, np.full(self.buses - 2, 1.2)] * self.load_mw
        return np.asarray(100 * np.hypot(p, q) / rating)[..., 1:]

    @cached_property
    def gaps(self) -> FloatArray:
        """Loose where much sun meets high voltage."""
        weight = np.r_[1.0, 0.2, 0.05, np.full(self.buses - 4, 1e-3)]
        noise: FloatArray = 1e-8 * (1 + np.sin(np.arange(self.count))[:, None] ** 2) * weight
        return noise + np.where(self.used[..., None] < self.sun[..., None] - 1e-9, 2e-3 * weight, 0.0)

    # Money -------------------------------------------------------------------------------------------------

    def _sum(self, power: FloatArray) -> FloatArray:
        return np.asarray((np.broadcast_to(power, self.load.shape) * self.hours).sum(axis=1))

    @cached_property
    def imported(self) -> FloatArray:
        return np.maximum(self.grid, 0)

    @cached_property
    def items(self) -> pd.DataFrame:
        moves = _moves(self.tap) + _moves(self.steps)
        items = {
            "purchase": self._sum(np.maximum(self.grid, 0) * self._curve(_PRICE)),
            "sales": -self._sum(np.maximum(-self.grid, 0) * 0.5 * self._curve(_PRICE)),
            "losses": _LOSS_COST * self._sum(self.losses),
            "carbon": _CARBON_PRICE * _CO2 * self._sum(self.imported),
            "generation": _SUN_COST * self._sum(self.used),
            "storage": _WEAR * self._sum(self.charge + self.discharge),
            "electric vehicles": 30.0 * self._sum(self.block) + 40.0 * self._sum(self.reduced),
            "moves": np.full(self.scenarios, _MOVE * moves),
        }
        return pd.DataFrame(items, index=pd.RangeIndex(self.scenarios, name="scenario"))

    @cached_property
    def cost(self) -> pd.Series:
        return self.items.mul(self.probability, axis=0).sum()

    # Tables ------------------------------------------------------------------------------------------------

    def _table(self, columns: dict[Any, Any]) -> pd.DataFrame:
        shape = self.load.shape
        table = pd.DataFrame({k: np.broadcast_to(v, shape).ravel() for k, v in columns.items()})
        table.index = self.index
        if columns and isinstance(next(iter(columns)), tuple):
            table.columns = pd.MultiIndex.from_tuples(list(columns))
        return table

    @property
    def branches(self) -> list[tuple[str, int]]:
        return [("trafo", 0)] + [("line", i) for i in range(self.buses - 2)]

    def _by_bus(self, values: FloatArray) -> pd.DataFrame:
        return self._table({bus: values[..., bus] for bus in range(self.buses)})

    def _by_branch(self, values: FloatArray) -> pd.DataFrame:
        return self._table({branch: values[..., k] for k, branch in enumerate(self.branches)})

    def _balance(self) -> pd.DataFrame:
        _, q = self.flows
        return self._table(
            {
                "grid_mw": self.grid, "grid_mvar": q[..., 0], "load_mw": self.load, "ev_mw": self.ev,
                "must_take_mw": self.must_take, "available_mw": self.sun, "used_mw": self.used,
                "charge_mw": self.charge, "discharge_mw": self.discharge, "losses_mw": self.losses,
                "price": self._curve(_PRICE),
            }
        )  # fmt: skip

    def _energy(self) -> pd.DataFrame:
        powers = {
            "imported": self.imported, "exported": np.maximum(-self.grid, 0), "losses": self.losses,
            "load": self.load + self.ev, "available": self.sun, "used": self.used, "curtailed": self.sun - self.used,
        }  # fmt: skip
        mwh = {k: float(self._sum(v) @ self.probability) for k, v in powers.items()}
        return pd.DataFrame({"mwh": mwh}).rename_axis("quantity")

    def _devices(self) -> pd.DataFrame:
        at = self.places

        rows = [
            ("tap changer", "trafo", 0, "T1", 1, _moves(self.tap), 6.0, 1.0, -4.0, 4.0),
            ("capacitor bank", "shunt", 0, "bank", at["shunt"], _moves(self.steps), 4.0, 1.0, 0.0, 3.0),
            ("source voltage", "ext_grid", 0, "Grid", 0, math.nan, math.nan, 1.0, 0.95, 1.05),
            ("storage", "storage", 0, "battery", at["storage"], math.nan, math.nan, *self._reach),
            ("electric vehicles", "load", 99, "car park", at["ev"], math.nan, math.nan, math.nan, math.nan, math.nan),
            ("generation", "sgen", 0, "solar park", at["sun"], math.nan, math.nan, math.nan, math.nan, math.nan),
        ]
        columns = ["kind", "table", "index", "name", "bus", "moves", "max_moves", "initial", "low", "high"]
        return pd.DataFrame(rows, columns=columns)

    def _recovery(self) -> pd.DataFrame:
        gap = self.gaps.max(axis=-1)
        method = np.where(gap > 1e-5, np.where(self.hour >= 12, "sequential", "priced loss"), "none needed")
        invented = 1e3 * (self.gaps * self.losses[..., None] / (self.buses - 1)).sum(axis=-1)
        table = self._table({"gap": gap, "invented_kw": invented})
        return table.assign(method=np.broadcast_to(method, gap.shape).ravel())

    def _progress(self) -> pd.DataFrame:
        best = float(self.cost.sum())
        return pd.DataFrame(
            {
                "seconds": [0.2, 0.9, 1.6, 2.4],
                "incumbent": [math.nan, 1.04 * best, 1.002 * best, best],
                "bound": [0.93 * best, 0.985 * best, 0.998 * best, 0.9995 * best],
                "event": ["relaxation", "incumbent", "incumbent", "optimal"],
            }
        )

    def _topology(self) -> pd.DataFrame:
        below = np.arange(1, self.buses)
        return pd.DataFrame(
            {
                "element": [e for e, _ in self.branches],
                "index": [i for _, i in self.branches],
                "name": ["T1"] + [f"section {i}" for i in range(self.buses - 2)],
                "from_bus": self.parent[below], "to_bus": below,
                "closed_before": True, "closed_after": True, "switchable": False,
                "length_km": [math.nan] + [1.0] * (self.buses - 2),
            }
        )  # fmt: skip

    def _coordinates(self) -> pd.DataFrame:
        x, y = place(grow(self.buses, [(int(self.parent[b]), b) for b in range(1, self.buses)], [0]))
        names = [*_NAMES, *(f"node {b}" for b in range(len(_NAMES), self.buses))]
        columns = {"x": x, "y": y, "name": names, "vn_kv": 10.0, "kind": "bus", "p_mw": 0.0, "origin": "tree"}
        table = pd.DataFrame(columns)
        table.loc[0, ["kind", "vn_kv"]] = "root", 110.0
        return table.rename_axis("bus")

    # Plan and check ----------------------------------------------------------------------------------------

    def plan(self) -> DispatchPlan:
        """Put the plan together."""
        cost = float(self.cost.sum())
        energy = self._energy()
        devices = self._devices()
        several = self.scenarios > 1
        return DispatchPlan(
            net_name="feeder of eight" if self.buses == 8 else f"feeder of {self.buses}",
            objective=cost,
            bound=0.9995 * cost,
            gap=0.0005,
            status="optimal",
            currency="EUR",
            hours_per_period=self.hours,
            start_hour=0.0,
            scenarios=pd.DataFrame({"probability": self.probability}).rename_axis("scenario"),
            costs=pd.DataFrame({"cost": self.cost}).rename_axis("item"),
            scenario_costs=self.items,
            energy=energy,
            carbon_kg=_CO2 * float(energy.at["imported", "mwh"]),
            balance=self._balance(),
            setpoints=self._table({("sgen", "p_mw", 0): self.used}),
            taps=self._first_stage({("trafo", 0): self.tap}),
            capacitor_steps=self._first_stage({0: self.steps}),
            storage=self._table(
                {
                    ("charge_mw", 0): self.charge, ("discharge_mw", 0): self.discharge, ("q_mvar", 0): 0.0,
                    ("e_mwh", 0): self.energy,
                }
            ),
            ev=self._table(
                {
                    ("before_mw", 99): self.ev_before, ("after_mw", 99): self.ev, ("block_mw", 99): self.block,
                    ("block_before_mw", 99): self.block_before, ("reduced_mw", 99): self.reduced,
                }
            ),
            generation=self._table(
                {("available_mw", 0): self.sun, ("p_mw", 0): self.used, ("q_mvar", 0): -0.1 * self.used}
            ),
            converters=self._table(
                {
                    ("p_from_mw", 0): 0.1 * self.load, ("p_to_mw", 0): -0.098 * self.load,
                    ("loss_mw", 0): 0.002 * self.load,
                }
            ),
            source_vm_pu=self._table({("ext_grid", 0): 1.02 - 0.001 * self.load}),
            inputs=pd.DataFrame(),
            switches=pd.DataFrame(),
            devices=devices,
            vm_pu=self._by_bus(self.vm),
            loading_percent=self._by_branch(self.loading),
            i_ka=self._by_branch(self.loading / 500),
            load_mw=self._by_bus(0.1 * self.vm),
            load_mvar=self._by_bus(0.03 * self.vm),
            cone_gap=self._by_branch(self.gaps),
            recovery=self._recovery(),
            progress=self._progress(),
            solver="by hand",
            seconds=2.4,
            options={"gap": 1e-3},
            fingerprint="feeder-of-eight",
            value_of_stochastic_solution=0.012 * cost if several else None,
            value_of_perfect_information=0.02 * cost if several else None,
            wait_and_see=0.98 * cost if several else None,
            expected_value_cost=1.012 * cost if several else None,
            versions={"adnflex": "0.1.0"},
            topology=self._topology(),
            coordinates=self._coordinates(),
        )  # fmt: skip

    def _first_stage(self, columns: dict[Any, Any]) -> pd.DataFrame:
        table = pd.DataFrame(columns, index=pd.RangeIndex(self.count, name="period"))
        if isinstance(next(iter(columns)), tuple):
            table.columns = pd.MultiIndex.from_tuples(list(columns), names=["table", "index"])
        return table

    def _periods(self) -> pd.DataFrame:
        """Return what AC power flow says of each period: the model's values, and a little more loss."""
        vm, loading = self.vm, self.loading
        most = loading.argmax(axis=-1)
        losses = self.losses * 1.0001
        columns = {
            "converged": True,
            "vm_min_pu": vm.min(axis=-1), "vm_min_bus": vm.argmin(axis=-1),
            "vm_max_pu": vm.max(axis=-1), "vm_max_bus": vm.argmax(axis=-1),
            "loading_percent": loading.max(axis=-1),
            "loading_index": np.maximum(most - 1, 0),
            "losses_mw": losses, "losses_model_mw": self.losses,
            "grid_mw": self.grid + losses - self.losses, "grid_model_mw": self.grid,
            "grid_mvar": self.flows[1][..., 0], "grid_model_mvar": self.flows[1][..., 0],
            "vm_deviation_pu": 1e-6, "vm_deviation_bus": self.buses - 1,
            "cone_gap": 1e-8, "invented_kw": 1e-6,
            "violations": ((vm < self.vm_limits[0]) | (vm > self.vm_limits[1])).sum(axis=-1),
        }  # fmt: skip
        table = self._table(columns).assign(
            loading_element=np.where(most == 0, "trafo", "line").ravel(), method=self._recovery()["method"].to_numpy()
        )
        both = [range(self.scenarios), range(self.count)]
        table.index = pd.MultiIndex.from_product(both, names=["scenario", "period"])
        return table

    def _violations(self) -> pd.DataFrame:
        low, high = self.vm_limits
        rows: list[tuple[Any, ...]] = []
        for kind, over, limit in (("voltage low", low - self.vm, low), ("voltage high", self.vm - high, high)):
            for s, t, bus in np.argwhere(over > 0).tolist():
                rows.append((s, t, kind, "bus", bus, float(self.vm[s, t, bus]), limit, float(over[s, t, bus]), "pu"))
        columns = ["scenario", "period", "kind", "element", "index", "value", "limit", "excess", "unit"]
        return pd.DataFrame(rows, columns=columns)

    def _limits(self) -> pd.DataFrame:
        low, high = self.vm_limits
        rows: list[tuple[Any, ...]] = []
        for kind, margin, limit in (("voltage low", self.vm - low, low), ("voltage high", high - self.vm, high)):
            s, t, bus = (int(k) for k in np.unravel_index(margin.argmin(), margin.shape))
            rows.append((kind, margin.size, s, t, "bus", bus, self.vm[s, t, bus], limit, margin[s, t, bus], "pu"))
        s, t, k = (int(v) for v in np.unravel_index(self.loading.argmax(), self.loading.shape))
        full = float(self.loading[s, t, k])
        rows.append(("loading", self.loading.size, s, t, *self.branches[k], full, 100.0, 100.0 - full, "%"))
        rows.append(("moves", 1, 0, math.nan, "trafo", 0, float(_moves(self.tap)), 6.0, 6.0 - _moves(self.tap), ""))
        columns = ["kind", "checked", "scenario", "period", "element", "index", "value", "limit", "margin", "unit"]
        return pd.DataFrame(rows, columns=columns)

    def check(self) -> DispatchCheck:
        """Put the check together."""
        more = 1.0001
        model = self.cost
        true = model.copy()
        # A ten-thousandth more loss is bought, and booked as loss.
        extra = float(self._sum(self.losses * (more - 1) * self._curve(_PRICE)) @ self.probability)
        true["purchase"] += extra
        true["losses"] *= more
        violations = self._violations()
        passed = violations.empty
        cost, bound = float(true.sum()), 0.9995 * float(model.sum())
        worst = "every limit is met in every period."
        if not passed:
            first = violations.loc[violations["excess"].idxmax()]
            where = f"bus {first['index']} with {first['value']:.4f} pu"
            worst = f"{len(violations)} limits are violated, worst at {where}."
        buses = pd.RangeIndex(self.buses)
        return DispatchCheck(
            passed=passed,
            verdict=f"power flow converged in all {self.count * self.scenarios} cases; {worst}",
            objective=cost,
            costs=pd.DataFrame({"cost": true, "model": model}).rename_axis("item"),
            certificate=(cost - bound) / abs(cost) if passed else None,
            certificate_absolute=cost - bound if passed else None,
            periods=self._periods(),
            violations=violations,
            limits=self._limits(),
            vm_pu=self._by_bus(self.vm),
            loading_percent=self._by_branch(self.loading),
            i_ka=self._by_branch(self.loading / 500),
            loading_limit_percent=pd.Series(100.0, index=pd.MultiIndex.from_tuples(self.branches)),
            vm_min_pu=pd.Series(self.vm_limits[0], index=buses),
            vm_max_pu=pd.Series(self.vm_limits[1], index=buses),
            deviations=pd.DataFrame(
                [("exact power flow", "voltage", 1e-6, "pu", 0, 18 % self.count, "bus", self.buses - 1),
                 ("exact power flow", "losses", float((self.losses * 1e-4).max()), "MW", 0, 19 % self.count, "net",
                  math.nan)],
                columns=["model", "quantity", "max_abs", "unit", "scenario", "period", "element", "index"],
            ),
        )  # fmt: skip


def _moves(positions: Any) -> int:
    """Count the changes of position, the one from position 1 before the day among them."""
    return int((np.diff(np.r_[1, positions]) != 0).sum())
