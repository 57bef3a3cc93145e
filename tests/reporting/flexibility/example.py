"""A promise of flexibility small enough to read: two feeders, sun, batteries, vehicles, and a tie that helps.

The numbers are those of a simple radial power flow with losses, and they agree with each other: the box is what the
dispatch of its ends imports, its width is what the limits leave, and the stored energy stays within its limits. The
examples in the documentation use it, and so may whoever wants to see a report before having solved anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from adnflex.arrays import FloatArray
from adnflex.grid.drawn_forest import grow
from adnflex.knobs import Limits
from adnflex.results.boxes import Box, LinearFlexibility, OuterFlexibility
from adnflex.results.flexibility import Flexibility
from adnflex.results.flexibility_check import FlexibilityCheck

__all__ = ["example"]

_NAMES = ["Grid", "Substation", "Harbour", "Mill", "School", "Church", "Market", "Bridge", "Works", "Farm"]
#: From, to, name, resistance [pu of 1 MVA], rating [MVA], length [km].
_BRANCHES = [
    (0, 1, "T1", 0.001, 6.0, math.nan),
    (1, 2, "Harbour road", 0.0065, 3.0, 2.1),
    (2, 3, "Mill lane", 0.0080, 2.0, 2.6),
    (3, 4, "School street", 0.0090, 2.6, 3.0),
    (4, 5, "Church hill", 0.0080, 2.4, 2.8),
    (1, 6, "Market street", 0.0015, 2.55, 1.6),
    (6, 7, "Old bridge", 0.0015, 4.0, 1.7),
    (7, 8, "Works siding", 0.0030, 3.0, 2.0),
    (8, 9, "Farm track", 0.0040, 3.2, 2.4),
    (5, 9, "tie north", 0.0030, 3.0, 1.4),
    (3, 7, "tie middle", 0.0012, 1.2, 2.2),
]
#: Open branches, by their position.
_PRESENT, _LEAST_LOSSES, _BEST = (9, 10), (2, 4), (4, 10)
_LOAD_SHARE = np.array([0, 0, 0.2, 0.2, 0.1, 0.06, 0.14, 0.1, 0.12, 0.08])
_LOAD = np.array([45, 41, 39, 38, 39, 43, 50, 59, 66, 70, 73, 71, 69, 66, 65, 66, 69, 73, 78, 80, 78, 70, 60, 51]) / 80
_SUN = np.array([0, 0, 0, 0, 0, 2, 10, 24, 42, 60, 74, 83, 86, 82, 72, 57, 40, 22, 8, 1, 0, 0, 0, 0]) / 100
_VEHICLES = np.array([9, 7, 5, 3, 2, 1, 1, 1, 1, 1, 1, 3, 4, 7, 11, 15, 20, 23, 24, 24, 23, 21, 17, 13]) / 24
_LIMITS = (0.95, 1.05)
_SHARES = np.linspace(0.0, 1.0, 6)
#: Table, index, bus of what is dispatched.
_DEVICES = [("sgen", 0, 5), ("sgen", 1, 4), ("storage", 0, 5), ("storage", 1, 8), ("load", 7, 5)]
#: Size of the batteries for a whole day [MWh]; for less time they are smaller.
_CAPACITY, _EFFICIENCY = {0: 5.0, 1: 3.0}, 0.95
_BASE_SHARE = 0.35
#: So much larger is the box of the linear model than that which holds in AC power flow.
_LINEAR = 1.006


def example(
    periods: int = 24, hours: float = 1.0, vm_limits: tuple[float, float] = _LIMITS, start_hour: float = 0.0
) -> tuple[Flexibility, Flexibility, FlexibilityCheck]:
    """Return what the present topology promises, what the best one does, and the check of the latter.

    Parameters
    ----------
    periods : int
        How many periods there are.
    hours : float
        Length of a period [h].
    vm_limits : tuple of float
        Voltage limits of the check [pu]; narrower ones than 0.95 to 1.05 make it fail.
    start_hour : float
        Clock hour at which the first period begins [h].

    Examples
    --------
    >>> flex, best, check = example()
    >>> check.passed, best.total_mwh > flex.total_mwh, best.open_lines
    (True, True, [3, 9])
    """
    day = _Day(periods, hours, start_hour)
    flex, best = day.flexibility(_PRESENT), day.compared()
    return flex, best, day.check(best, vm_limits)


@dataclass(frozen=True)
class _Flow:
    """Power flow of many states at once: the last axis is the bus or the branch."""

    imported: FloatArray
    reactive: FloatArray
    losses: FloatArray
    vm: FloatArray
    loading: FloatArray


@dataclass(frozen=True)
class _Day:
    """All numbers of the example; arrays are period × device or period × bus."""

    count: int
    hours: float
    start: float

    # Time and devices -------------------------------------------------------------------------------------

    @cached_property
    def period(self) -> pd.Index:
        return pd.RangeIndex(self.count, name="period")

    def _curve(self, day: FloatArray) -> FloatArray:
        hour = (self.start + np.arange(self.count) * self.hours) % 24
        return np.asarray(np.interp(hour, np.arange(24), day))

    @cached_property
    def available(self) -> FloatArray:
        return np.column_stack([2.5 * self._curve(_SUN), 2.1 * self._curve(_SUN)])

    @cached_property
    def capacity(self) -> dict[int, float]:
        return {k: c * min(1.0, self.count * self.hours / 24) for k, c in _CAPACITY.items()}

    @cached_property
    def reserve(self) -> FloatArray:
        """What each battery may gain or lose in a period, so that the whole horizon just fits [MW]."""
        weight = 0.25 + self._curve(_VEHICLES)
        return np.column_stack([0.5 * c * weight / weight.sum() / self.hours for c in self.capacity.values()])

    @cached_property
    def corners(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Middle, lowest and highest power drawn of every device [MW]."""
        vehicles = (0.6 * self._curve(_VEHICLES))[:, None]
        out, into = -self.reserve * _EFFICIENCY, self.reserve / _EFFICIENCY
        low = np.hstack([-self.available, out, 0.5 * vehicles])
        high = np.hstack([0.0 * self.available, into, 1.5 * vehicles])
        middle = np.hstack([-0.4 * self.available, 0 * out, vehicles])
        return middle, low, high

    # Power flow -------------------------------------------------------------------------------------------

    def flow(self, opened: tuple[int, ...], p: FloatArray, q: FloatArray) -> _Flow:
        """Sum the flows from the leaves, then the voltage drops from the supply."""
        closed = [k for k in range(len(_BRANCHES)) if k not in opened]
        forest = grow(len(_NAMES), [_BRANCHES[k][:2] for k in closed], [0])
        load = 2.85 * self._curve(_LOAD)[:, None] * _LOAD_SHARE
        active, reactive = load.copy(), 0.3 * load
        for k, (table, _, bus) in enumerate(_DEVICES):
            active[:, bus] += p[:, k]
            reactive[:, bus] += q[:, k] if table == "sgen" else 0.0
        losses = np.zeros((self.count, len(_BRANCHES)))
        loading = np.full((self.count, len(_BRANCHES)), math.nan)
        drop = np.zeros((self.count, len(_NAMES)))
        for bus in forest.order[:0:-1].tolist():
            k = closed[int(forest.via[bus])]
            _, _, _, r, rating, _ = _BRANCHES[k]
            losses[:, k] = r * (active[:, bus] ** 2 + reactive[:, bus] ** 2)
            loading[:, k] = 100 * np.hypot(active[:, bus], reactive[:, bus]) / rating
            drop[:, bus] = r * (active[:, bus] + 0.6 * reactive[:, bus])
            active[:, forest.parent[bus]] += active[:, bus] + losses[:, k]
            reactive[:, forest.parent[bus]] += reactive[:, bus]
        vm = np.ones((self.count, len(_NAMES)))
        for bus in forest.order[1:].tolist():
            vm[:, bus] = vm[:, forest.parent[bus]] - drop[:, bus]
        return _Flow(active[:, 0], reactive[:, 0], losses.sum(axis=1), vm, loading)

    def _reactive(self, p: FloatArray, with_q: bool) -> FloatArray:
        """Let generators draw reactive power while they feed in, and give it while they do not."""
        q = np.zeros_like(p)
        if with_q:
            q[:, :2] = -0.25 - 0.22 * p[:, :2]
        return q

    def _moved(self, part: FloatArray, end: FloatArray) -> FloatArray:
        """Go from the middle a part of the way to an end; batteries always go all of it."""
        middle = self.corners[0]
        p = middle + part[:, None] * (end - middle)
        p[:, 2:4] = end[:, 2:4]
        return p

    def _excess(self, flow: _Flow) -> FloatArray:
        """How far each state is beyond its limits; below zero where it is within all of them."""
        low, high = _LIMITS
        beyond = [low - flow.vm.min(axis=1), flow.vm.max(axis=1) - high, np.nanmax(flow.loading, axis=1) / 100 - 1]
        return np.asarray(np.max(beyond, axis=0))

    def end(self, opened: tuple[int, ...], end: FloatArray, with_q: bool = True) -> FloatArray:
        """Dispatch of one end: as far as the limits allow, found by halving."""
        low, high = np.zeros(self.count), np.ones(self.count)
        for _ in range(28):
            part = np.where(high == 1.0, 1.0, (low + high) / 2)
            p = self._moved(part, end)
            fits = self._excess(self.flow(opened, p, self._reactive(p, with_q))) <= 0
            low, high = np.where(fits, part, low), np.where(fits, high, np.where(part == 1.0, 1 - 1e-12, part))
            low, high = np.where(fits & (part == 1.0), 1.0, low), np.where(fits & (part == 1.0), 1.0, high)
        return self._moved(low, end)

    def ends(self, opened: tuple[int, ...], with_q: bool = True) -> tuple[FloatArray, FloatArray]:
        """Dispatch of both ends."""
        if (opened, with_q) not in self._found:
            _, low, high = self.corners
            self._found[opened, with_q] = self.end(opened, low, with_q), self.end(opened, high, with_q)
        return self._found[opened, with_q]

    @cached_property
    def _found(self) -> dict[tuple[tuple[int, ...], bool], tuple[FloatArray, FloatArray]]:
        """Ends that are known already: finding them takes most of the time."""
        return {}

    def width(self, opened: tuple[int, ...], with_q: bool = True) -> float:
        """Size of the box of the linear model [MWh]."""
        ends = self.ends(opened, with_q)
        low, high = (self.flow(opened, p, self._reactive(p, with_q)).imported for p in ends)
        return float((high - low).sum() * self.hours * _LINEAR)

    # Tables -----------------------------------------------------------------------------------------------

    def _between(self, ends: tuple[FloatArray, FloatArray], share: FloatArray) -> tuple[FloatArray, FloatArray]:
        p = ends[0] + share[:, None] * (ends[1] - ends[0])
        q = self._reactive(ends[0], True)
        return p, q + share[:, None] * (self._reactive(ends[1], True) - q)

    def _setpoints(self, p: FloatArray) -> pd.DataFrame:
        """Turn what is drawn into what is written into the net: generators feed in."""
        q = self._reactive(p, True)
        columns = {(t, "p_mw", i): (-p[:, k] if t == "sgen" else p[:, k]) for k, (t, i, _) in enumerate(_DEVICES)}
        columns |= {(t, "q_mvar", i): -q[:, k] for k, (t, i, _) in enumerate(_DEVICES) if t == "sgen"}
        table = pd.DataFrame(columns, index=self.period)
        table.columns.names = ["table", "column", "index"]
        return table

    def _state(self, opened: tuple[int, ...], ends: tuple[FloatArray, FloatArray], share: FloatArray) -> pd.DataFrame:
        """Return what AC power flow says of one state a period."""
        flow = self.flow(opened, *self._between(ends, share))
        most = np.nanargmax(flow.loading, axis=1)
        return pd.DataFrame(
            {
                "period": self.period, "share": share, "import_mw": flow.imported, "import_mvar": flow.reactive,
                "losses_mw": flow.losses, "vm_min_pu": flow.vm.min(axis=1), "vm_min_bus": flow.vm.argmin(axis=1),
                "vm_max_pu": flow.vm[:, 1:].max(axis=1), "vm_max_bus": flow.vm[:, 1:].argmax(axis=1) + 1,
                "loading_percent": np.nanmax(flow.loading, axis=1), "loading_element": np.where(most, "line", "trafo"),
                "loading_index": np.maximum(most - 1, 0),
            }
        )  # fmt: skip

    def _binding(self, opened: tuple[int, ...], ends: tuple[FloatArray, FloatArray]) -> pd.DataFrame:
        """Limits that are reached at the ends, each with what loosening it would give."""
        rows: list[tuple[Any, ...]] = []
        for side, share, way in (("lower", 0.0, self.corners[1]), ("upper", 1.0, self.corners[2])):
            flow = self.flow(opened, *self._between(ends, np.full(self.count, share)))
            further = ends[int(share)] + 0.01 * (way - self.corners[0])
            more = self.flow(opened, further, self._reactive(further, True))
            gain = np.abs(more.imported - flow.imported) * self.hours
            kinds = (
                ("voltage low", flow.vm, more.vm, _LIMITS[0], 1e-6, "pu", -1.0),
                ("voltage high", flow.vm, more.vm, _LIMITS[1], 1e-6, "pu", 1.0),
                ("loading", flow.loading, more.loading, 100.0, 1e-4, "%", 1.0),
            )
            for kind, value, beyond, limit, near, unit, sign in kinds:
                for t, k in np.argwhere(np.nan_to_num(sign * (value - limit), nan=-9.0) > -near).tolist():
                    place = ("bus", k) if unit == "pu" else ("trafo", 0) if k == 0 else ("line", k - 1)
                    slope = abs(float(beyond[t, k] - value[t, k])) / (1.0 if unit == "pu" else 100.0)
                    worth = float(gain[t]) / slope if slope > 1e-9 else math.nan
                    rows.append((t, side, kind, *place, float(value[t, k]), limit, unit, worth))
        for index, size in self.capacity.items():
            worths = 1 / _EFFICIENCY, _EFFICIENCY
            rows.append((self.count - 1, "upper", "energy", "storage", index, size, size, "MWh", worths[0]))
            rows.append((self.count - 1, "lower", "energy", "storage", index, 0.0, 0.0, "MWh", worths[1]))
        columns = ["period", "side", "kind", "element", "index", "value", "limit", "unit", "worth_mwh"]
        return pd.DataFrame(rows, columns=columns)

    def _energy(self) -> pd.DataFrame:
        gained = np.cumsum(self.reserve, axis=0) * self.hours
        found: dict[tuple[int, str], Any] = {}
        for k, size in self.capacity.items():
            reach = {"low_mwh": 0.5 * size - gained[:, k], "high_mwh": 0.5 * size + gained[:, k]}
            reach |= {"min_mwh": np.zeros(self.count), "max_mwh": np.full(self.count, size)}
            found |= {(k, name): values for name, values in reach.items()}
        table = pd.DataFrame(found, index=self.period)
        table.columns.names = ["storage", "name"]
        return table

    def _topology(self, opened: tuple[int, ...]) -> pd.DataFrame:
        count = range(len(_BRANCHES))
        return pd.DataFrame(
            {
                "element": ["trafo"] + ["line"] * (len(_BRANCHES) - 1), "index": [max(k - 1, 0) for k in count],
                "name": [b[2] for b in _BRANCHES], "from_bus": [b[0] for b in _BRANCHES],
                "to_bus": [b[1] for b in _BRANCHES], "closed_before": [k not in _PRESENT for k in count],
                "closed_after": [k not in opened for k in count], "switchable": [k > 0 for k in count],
                "length_km": [b[5] for b in _BRANCHES],
            }
        )  # fmt: skip

    def _coordinates(self) -> pd.DataFrame:
        places = {"x": [0, 1, 2, 3.2, 4.4, 5.6, 2, 3.2, 4.4, 5.6], "y": [1, 1, 2, 2.2, 2.2, 1.8, 0, -0.2, -0.2, 0.2]}
        table = pd.DataFrame(places | {"name": _NAMES, "vn_kv": 20.0, "kind": "bus", "p_mw": 2.85 * _LOAD_SHARE})
        table.loc[0, ["kind", "vn_kv"]] = "root", 110.0
        return table.assign(origin="geo").rename_axis("bus")

    def _rounds(self, linear: float, total: float) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "total_mwh": [linear, total + 0.02 * (linear - total), total],
                "voltage_excess_pu": [0.0013, 0.00006, 0.0], "loading_excess_percent": [2.1, 0.08, 0.0],
                "import_error_kw": [61.0, 0.9, 0.02],
            },
            index=pd.RangeIndex(3, name="round"),
        )  # fmt: skip

    def _progress(self, linear: float, bound: float, total: float) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "seconds": [0.3, 1.1, 2.0, 3.4, 5.2, 6.8],
                "box_mwh": [0.86 * linear, 0.95 * linear, 0.992 * linear, linear, total, total],
                "linear_bound_mwh": [1.2 * bound, 1.1 * bound, 1.04 * bound, 1.008 * bound, 1.001 * bound, bound],
                "event": ["present topology", "exchange", "exchange", "exchange", "AC tightening", "bound"],
            }
        )

    # What is promised -------------------------------------------------------------------------------------

    def flexibility(self, opened: tuple[int, ...]) -> Flexibility:
        """Box of one topology."""
        ends = self.ends(opened)
        states = [self._state(opened, ends, np.full(self.count, share)) for share in _SHARES]
        ac = pd.concat(states).set_index(["period", "share"]).sort_index()
        imports = ac["import_mw"].unstack("share")
        base = self._state(opened, ends, np.full(self.count, _BASE_SHARE))["import_mw"].to_numpy()
        box = pd.DataFrame({"lower_mw": imports[0.0], "upper_mw": imports[1.0], "base_mw": base}, index=self.period)
        total = float((box["upper_mw"] - box["lower_mw"]).sum() * self.hours)
        more = (_LINEAR - 1) / 2 * (box["upper_mw"] - box["lower_mw"])
        linear = pd.DataFrame({"lower_mw": box["lower_mw"] - more, "upper_mw": box["upper_mw"] + more})
        size = _LINEAR * total
        bound = 1.004 * size
        topology = self._topology(opened)
        switches = topology.loc[1:, ["element", "index", "name", "from_bus", "to_bus", "closed_before", "closed_after"]]
        operated = switches["closed_before"] != switches["closed_after"]
        low, high = (self._setpoints(e) for e in ends)
        facts = {"charging": _EFFICIENCY, "discharging": _EFFICIENCY, "keep": 1.0, "scaling": 1.0}
        kind = "linear model, this topology" if opened == _PRESENT else "linear model, every topology"
        return Flexibility(
            net_name="two feeders", pcc="ext_grid 0", hours_per_period=self.hours, start_hour=self.start, box=box,
            linear=LinearFlexibility(size, size, bound, (bound - size) / size, kind, "optimal"),
            outer=OuterFlexibility(1.02 * total, 1.02 * total, "by hand"),
            status="complete", separable=Box("separable", linear, size, bound, "optimal"),
            remembering=Box("remembering", linear, size, bound, "optimal"),
            foresighted=Box("foresighted", linear, 1.001 * size, bound, "optimal", 1),
            iterations=self._iterations(1.001 * size),
            binding=self._binding(opened, ends), setpoints_lower=low, setpoints_upper=high, energy=self._energy(),
            ac=ac, rounds=self._rounds(size, total), progress=self._progress(size, bound, total),
            switches=pd.DataFrame() if opened == _PRESENT else switches.assign(operated=operated, how="in_service"),
            comparison=pd.DataFrame(), bands=pd.DataFrame(), relieved=pd.DataFrame(), solver="by hand", seconds=6.8,
            options={"gap": 1e-3}, asked_limits=Limits(_LIMITS), fingerprint="two-feeders",
            storages=pd.DataFrame({"start_mwh": {k: 0.5 * c for k, c in self.capacity.items()}, **facts}),
            inputs=self._inputs(), versions={"adnflex": "0.1.0"}, topology=topology, coordinates=self._coordinates(),
        )  # fmt: skip

    def _iterations(self, size: float) -> pd.DataFrame:
        """One round of column and constraint generation."""
        row = {"vertices": 2, "master_mwh": size, "shortage_mw": 0.0, "vertex": "01" * (self.count // 2), "worst": True}
        return pd.DataFrame([row], pd.RangeIndex(1, 2, name="iteration"))

    def _inputs(self) -> pd.DataFrame:
        series = {("sgen", "p_mw", k): self.available[:, k] for k in range(2)}
        return pd.DataFrame(series | {("load", "p_mw", 7): 0.6 * self._curve(_VEHICLES)}, index=self.period)

    def compared(self) -> Flexibility:
        """Box of the best topology, beside the others."""
        kinds = {"present": _PRESENT, "least losses": _LEAST_LOSSES, "flexibility": _BEST}
        found = {name: self.flexibility(opened) for name, opened in kinds.items()}
        rows = {
            name: {
                "open": ", ".join(f"line {k - 1}" for k in sorted(kinds[name])),
                "operations": len(set(kinds[name]) ^ set(_PRESENT)),
                "total_mwh": one.total_mwh,
                "change_percent": 100 * (one.total_mwh / found["present"].total_mwh - 1),
                "total_without_q_mwh": 0.99 * self.width(kinds[name], with_q=False),
                "linear_mwh": self.width(kinds[name]), "linear_without_q_mwh": self.width(kinds[name], with_q=False),
                "linear_bound_mwh": one.linear.bound,
                "losses_kw": 1e3 * float(one.ac.xs(0.4, level="share")["losses_mw"].mean()),
            }
            for name, one in found.items()
        }  # fmt: skip
        bands = pd.concat({n: one.box[["lower_mw", "upper_mw"]] for n, one in found.items()}, axis=1)
        comparison = pd.DataFrame.from_dict(rows, orient="index").rename_axis("topology")
        best = found["flexibility"]
        options = {"gap": 1e-3, "topology": "free", "published": {"source": "an example", "change_percent": 16.0}}
        relieved = self._relieved(found["present"], best)
        return replace(best, comparison=comparison, bands=bands, relieved=relieved, options=options)

    def _relieved(self, present: Flexibility, best: Flexibility) -> pd.DataFrame:
        """Limits of the present topology that the best one does not reach, with the value there now."""
        old, new = present.binding, best.binding
        keys = ["period", "side", "kind", "element", "index"]
        held = set(new[keys].itertuples(index=False, name=None))
        gone = old[[key not in held for key in old[keys].itertuples(index=False, name=None)]]
        ends = self.ends(_BEST)
        flows = {
            side: self.flow(_BEST, *self._between(ends, np.full(self.count, share)))
            for side, share in (("lower", 0.0), ("upper", 1.0))
        }
        after = []
        for t, side, _, element, index in gone[keys].itertuples(index=False):
            if element == "bus":
                after.append(flows[side].vm[t, index])
            else:
                after.append(flows[side].loading[t, 0 if element == "trafo" else index + 1])
        return gone.assign(after=np.nan_to_num(np.array(after, dtype=float))).reset_index(drop=True)

    # Check ------------------------------------------------------------------------------------------------

    def check(self, best: Flexibility, vm_limits: tuple[float, float]) -> FlexibilityCheck:
        """Run trajectories through the power flow and hold them against limits."""
        random = np.random.default_rng(7)
        low, high = best.lower_mw.to_numpy(), best.upper_mw.to_numpy()
        wishes = [low, high, *(low + random.random(self.count) * (high - low) for _ in range(4))]
        tables, found, ends = [], {}, self.ends(_BEST)
        for k, wanted in enumerate(wishes):
            dispatch = best.disaggregate(wanted)
            found[k] = dispatch
            state = self._state(_BEST, ends, dispatch.share.to_numpy())
            tables.append(state.assign(trajectory=k, wanted_mw=wanted))
        ac = pd.concat(tables, ignore_index=True)
        violations = _violations(ac, vm_limits)
        passed = violations.empty
        shown = ["wanted_mw", "import_mw"]
        examples = pd.concat({k: t.set_index("period")[shown] for k, t in enumerate(tables)}, axis=1)
        error = float((ac["wanted_mw"] - ac["import_mw"]).abs().max() * 1e3)
        words = "every trajectory is followed and every limit is met"
        if not passed:
            worst = violations.loc[violations["excess"].idxmax()]
            words = f"{len(violations)} limits are violated, worst at bus {worst['index']} with {worst['value']:.4f} pu"
        return FlexibilityCheck(
            passed=passed,
            verdict=f"AC power flow was run on {len(ac)} states of 4 random trajectories and 2 vertices; {words}.",
            trajectories=4, vertices=2, states=len(ac), seed=7,
            worst_error_kw=error,
            ac=ac.drop(columns="trajectory"), limits=_limits(ac, best, vm_limits), violations=violations,
            examples=examples, example_setpoints=pd.concat({k: d.setpoints for k, d in found.items()}),
        )  # fmt: skip


def _violations(ac: pd.DataFrame, vm_limits: tuple[float, float]) -> pd.DataFrame:
    low, high = vm_limits
    rows: list[tuple[Any, ...]] = []
    for row in ac.itertuples():
        for kind, value, limit, bus in (
            ("voltage low", row.vm_min_pu, low, row.vm_min_bus),
            ("voltage high", row.vm_max_pu, high, row.vm_max_bus),
        ):
            excess = limit - value if kind == "voltage low" else value - limit
            if excess > 1e-5:
                rows.append((row.trajectory, row.period, kind, "bus", bus, value, limit, excess, "pu"))
    columns = ["trajectory", "period", "kind", "element", "index", "value", "limit", "excess", "unit"]
    return pd.DataFrame(rows, columns=columns)


def _limits(ac: pd.DataFrame, best: Flexibility, vm_limits: tuple[float, float]) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = []
    low, high = ac.loc[ac["vm_min_pu"].idxmin()], ac.loc[ac["vm_max_pu"].idxmax()]
    full = ac.loc[ac["loading_percent"].idxmax()]
    for kind, row, value, limit, sign, element, index, unit in (
        ("voltage low", low, low["vm_min_pu"], vm_limits[0], 1, "bus", low["vm_min_bus"], "pu"),
        ("voltage high", high, high["vm_max_pu"], vm_limits[1], -1, "bus", high["vm_max_bus"], "pu"),
        ("loading", full, full["loading_percent"], 100.0, -1, full["loading_element"], full["loading_index"], "%"),
    ):
        margin = sign * (value - limit)
        rows.append((kind, len(ac), row["trajectory"], row["period"], element, index, value, limit, margin, unit))
    least = float(best.energy.xs("low_mwh", axis=1, level="name").min().min())
    rows.append(("energy low", len(best.box), 0, math.nan, "storage", 0, least, 0.0, least, "MWh"))
    columns = ["kind", "checked", "trajectory", "period", "element", "index", "value", "limit", "margin", "unit"]
    return pd.DataFrame(rows, columns=columns)
