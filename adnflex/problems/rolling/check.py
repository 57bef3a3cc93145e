"""The AC truth about a rolling schedule: every hour pushed back and run, every limit and every cost looked at again."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandapower.auxiliary import pandapowerNet

from adnflex.devices import Horizon, Storage
from adnflex.devices.storage import stored_energy
from adnflex.devices.storage_period import free_at_end
from adnflex.errors import InputError
from adnflex.grid.apply import require_same
from adnflex.grid.setpoints import one_state
from adnflex.powerflow.limits import LIMIT_COLUMNS, compare, limits_of
from adnflex.powerflow.run import losses_mw, not_converged, run_ac
from adnflex.powerflow.states import measure
from adnflex.problems.rolling.hours import Hours, Spread, realised
from adnflex.problems.rolling.positions import COLUMNS
from adnflex.problems.rolling.read import storages_of
from adnflex.problems.rolling.settlement import settle
from adnflex.results.rolling import ITEMS, RollingCheck, RollingRun

__all__ = ["check_run"]

Floats = NDArray[np.float64]

_FAULTS = ["hour", "kind", "element", "index", "value", "limit", "excess", "unit"]
# Slack of set-points [kW, kWh, kvar], and of a cost: half of the last cent.
_POWER, _CENT = 1e-3, 0.005
# What the sum of a day of hours rounds [MWh].
_ENERGY = 1e-6


def check_run(run: RollingRun, net: pandapowerNet, spread: Spread | None = None) -> RollingCheck:
    """Run every hour of a schedule in AC power flow and judge it.

    Parameters
    ----------
    run : RollingRun
        The schedule.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    spread : Spread, optional
        How far load, sun and wind of the hour that really comes are from what was expected; by default
        ``net.rolling["reactive"]``, else 5 % and 10 %.

    Raises
    ------
    InputError
        If the net is another one.
    """
    if not run.inputs:
        raise InputError("the run has no inputs, so that it was saved by an older version; simulate the day again.")
    require_same(net, run.inputs["fingerprint"])
    feeder = _Feeder(run, net, _spread(net) if spread is None else spread)
    measured = [feeder.measure(k) for k in range(len(run.generation))]
    converged = all(m["converged"] for m in measured)
    hours = pd.DataFrame([m["row"] for m in measured], index=run.generation.index)
    violations = _stacked([m["violations"].assign(hour=h) for m, h in zip(measured, hours.index, strict=True)], _FAULTS)
    faults = pd.DataFrame([*_vehicle_faults(run), *_device_faults(run, net)], columns=_FAULTS)
    costs = _costs(run, net)
    exact = bool((costs["difference"].abs() < _CENT).all())
    verdict = _verdict(converged, violations, faults, costs, exact, hours)
    return RollingCheck(
        passed=converged and violations.empty and faults.empty and exact,
        verdict=verdict,
        converged=converged,
        hours=hours,
        vm_pu=_frame(measured, "vm", hours.index),
        vm_without_pu=_frame(measured, "vm_without", hours.index),
        limits=_worst([m["limits"].assign(hour=h) for m, h in zip(measured, hours.index, strict=True)]),
        violations=violations,
        faults=faults,
        deviations=_deviations(run, measured),
        costs=costs,
        options={"load_sd": feeder.spread.load, "generation_sd": feeder.spread.generation},
        notes=() if len(run.reactive.columns) else ("the run has no second stage.",),
    )


def _spread(net: pandapowerNet) -> Spread:
    facts = net.get("rolling") if isinstance(net.get("rolling"), dict) else {}
    chosen, plain = facts.get("reactive", {}), Spread()
    return Spread(float(chosen.get("load_sd", plain.load)), float(chosen.get("generation_sd", plain.generation)))


class _Feeder:
    """One private copy of the net, into which hours are written one after another."""

    def __init__(self, run: RollingRun, net: pandapowerNet, spread: Spread) -> None:
        self.run, self.new, self.spread = run, copy.deepcopy(net), spread
        self.generators = run.generation.columns.tolist()
        self.fleets = run.ev["p_mw"].columns.tolist()
        self.storages = run.storage["p_mw"].columns.tolist()
        last = len(run.inputs["buy_per_kwh"])
        self.hours = Hours.of(net, last, self.generators, self.fleets, self.storages)
        self.sites = [k for k in run.reactive.columns if k in net.sgen.index]
        self.given = net.sgen.loc[self.sites, "q_mvar"].to_numpy(float)
        self.net = net
        self.positions: dict[tuple[str, int], Floats] = {}
        for name in run.reactive_facts.columns:
            table, _, rest = str(name).partition(" ")
            index, _, column = rest.partition(" ")
            if COLUMNS.get(table) == column:
                self.positions[table, int(index)] = run.reactive_facts[name].to_numpy(float)
        # transformers in parallel move together
        self.together = {taps.trafos[0]: taps.trafos for taps in self.hours.grid.taps}

    def write(self, k: int, draws: tuple[Floats, Floats], second: bool) -> None:
        """Write row k of the run, as expected (draws of 0) or as it comes."""
        new, run, hour = self.new, self.run, int(self.run.generation.index[k])
        h = self.hours
        factor = 1.0 + self.spread.load * draws[0][0]
        loads = h.load_mva[hour] * factor / new.load.loc[h.load_index, "scaling"].to_numpy(float)
        new.load.loc[h.load_index, "p_mw"] = loads.real
        new.load.loc[h.load_index, "q_mvar"] = loads.imag
        came = np.maximum(1.0 + self.spread.generation * draws[1][0], 0.0)
        for table, index, values in (
            ("load", self.fleets, run.ev["p_mw"].iloc[k].to_numpy(float)),
            ("storage", self.storages, run.storage["p_mw"].iloc[k].to_numpy(float)),
            ("sgen", self.generators, run.generation.iloc[k].to_numpy(float) * came),
        ):
            new[table].loc[index, "p_mw"] = values / new[table].loc[index, "scaling"].to_numpy(float)
        if self.sites:
            scaling = new.sgen.loc[self.sites, "scaling"].to_numpy(float)
            decided = run.reactive[self.sites].iloc[k].to_numpy(float) / scaling
            new.sgen.loc[self.sites, "q_mvar"] = decided if second else self.given
        for (table, index), values in self.positions.items():
            column = COLUMNS[table]
            value = round(float(values[k])) if second else self.net[table].at[index, column]
            for element in self.together.get(index, (index,)) if table == "trafo" else (index,):
                new[table].at[element, column] = value
            if table == "ext_grid":
                # pandapower does not know that its voltage follows a tap
                row = self.net.ext_grid.loc[index]
                at = 1.0 + (value - float(row["tap_neutral"])) * float(row["tap_step_percent"]) / 100.0
                new.ext_grid.at[index, "vm_pu"] = at if second else float(row["vm_pu"])

    def measure(self, k: int) -> dict[str, Any]:
        """Measure an hour as it comes, with and without the second stage, and as it was expected."""
        run, hour = self.run, int(self.run.generation.index[k])
        draws = realised(len(self.hours.load_index), len(self.generators), run.seed, run.day, hour)
        row: dict[str, float] = {}
        found: dict[str, Any] = {"converged": True}
        for tail, second in (("_without", False), ("", True)):
            self.write(k, draws, second)
            good = run_ac(self.new)
            found["converged"] &= good
            if not good:
                self.new.res_bus.loc[:, "vm_pu"] = np.nan
            vm = self.new.res_bus["vm_pu"].copy()
            judged = compare(measure(self.new, one_state()), limits_of(self.new))
            limits, violations = judged.limits, judged.violations
            voltage = violations["kind"].str.startswith("voltage") if len(violations) else []
            row |= {
                f"loss{tail}_mw": losses_mw(self.new) if good else np.nan,
                f"vm_min{tail}_pu": float(vm.min()),
                f"vm_max{tail}_pu": float(vm.max()),
                f"deviation{tail}_pu": float((vm - 1.0).abs().mean()),
                f"violating_buses{tail}": int(np.sum(voltage)),
                f"import{tail}_mw": float(self.new.res_ext_grid["p_mw"].sum()) if good else np.nan,
            }
            found[f"vm{tail}"] = vm
        found |= {"row": row, "limits": limits, "violations": violations, "expected": None, "expected_loss_mw": np.nan}
        if self.sites:
            nothing = np.zeros_like(draws[0]), np.zeros_like(draws[1])
            self.write(k, nothing, True)
            if run_ac(self.new):
                found["expected"] = self.new.res_bus["vm_pu"].copy()
                found["expected_loss_mw"] = losses_mw(self.new)
        return found


def _stacked(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    full = [part for part in parts if len(part)]
    return pd.concat(full, ignore_index=True)[columns] if full else pd.DataFrame(columns=columns)


def _frame(measured: list[dict[str, Any]], name: str, index: pd.Index) -> pd.DataFrame:
    table = pd.DataFrame([m[name].to_numpy() for m in measured], index=index, columns=measured[0][name].index)
    return table.rename_axis("bus", axis=1)


def _worst(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Worst place and hour of each kind of limit."""
    columns = [*LIMIT_COLUMNS[:2], "hour", *LIMIT_COLUMNS[2:]]
    whole = _stacked(parts, columns)
    if not len(whole):
        return whole
    count = whole.groupby("kind")["checked"].sum()
    worst = whole.loc[whole.groupby("kind")["margin"].idxmin()].reset_index(drop=True)
    return worst.assign(checked=count.reindex(worst["kind"]).to_numpy())


def _deviations(run: RollingRun, measured: list[dict[str, Any]]) -> pd.DataFrame:
    """Second stage against AC in the expected hour."""
    columns = ["quantity", "max_abs", "unit", "hour", "element", "index"]
    rows: list[dict[str, Any]] = []
    there = [k for k, m in enumerate(measured) if m["expected"] is not None]
    if len(run.vm_pu.columns) and there:
        off = pd.DataFrame(
            [(run.vm_pu.iloc[k] - measured[k]["expected"].reindex(run.vm_pu.columns)).abs() for k in there]
        )
        off.index = run.vm_pu.index[there]
        hour, bus = off.stack().idxmax()
        rows.append(dict(zip(columns, ("voltage", float(off.max().max()), "pu", hour, "bus", int(bus)), strict=True)))
    if "model_error_pu" in run.reactive_facts:
        apart = run.reactive_facts["model_error_pu"]
        place = ("voltage of the relaxation in its scenarios", float(apart.max()), "pu", apart.idxmax(), "net", -1)
        rows.append(dict(zip(columns, place, strict=True)))
    if "expected_loss_mw" in run.reactive_facts and there:
        loss = run.reactive_facts["expected_loss_mw"].iloc[there]
        apart = (loss - [measured[k]["expected_loss_mw"] for k in there]).abs()
        place = ("losses", float(apart.max()), "MW", apart.idxmax(), "net", -1)
        rows.append(dict(zip(columns, place, strict=True)))
    return pd.DataFrame(rows, columns=columns)


def _fault(hour: int, kind: str, element: str, index: int, value: float, limit: float, unit: str) -> dict[str, Any]:
    place = {"hour": hour, "kind": kind, "element": element, "index": index}
    return {**place, "value": value, "limit": limit, "excess": abs(value - limit), "unit": unit}


def _vehicle_faults(run: RollingRun) -> list[dict[str, Any]]:
    """Split of the fleets' power, powers and energies of vehicles, needs, hours of presence."""
    rows: list[dict[str, Any]] = []
    charging = 1e3 * run.charging
    fleet = charging.T.groupby(level="load").sum().T if len(charging.columns) else pd.DataFrame(index=charging.index)
    for load in run.ev["p_mw"].columns:
        sums = fleet[load] if load in fleet else pd.Series(0.0, charging.index)
        off = (1e3 * run.ev["p_mw"][load] - sums).abs()
        for hour in off.index[off > _POWER]:
            powers = float(1e3 * run.ev.at[hour, ("p_mw", load)]), float(sums[hour])
            rows.append(_fault(int(hour), "fleet not the sum of its vehicles", "load", int(load), *powers, "kW"))
    last = int(run.generation.index[-1]) if len(run.generation) else -1
    for row in run.vehicles.itertuples(index=False):
        load, number = int(row.load), int(row.vehicle)
        drawn = charging[load, number]
        given, name = float(drawn.sum()), f"vehicle {number} of load"
        absent = drawn[(drawn.index < row.arrival) | (drawn.index >= row.departure)]
        for hour in absent.index[absent.abs() > _POWER]:
            rows.append(_fault(int(hour), f"{name} is not there", "load", load, float(absent[hour]), 0.0, "kW"))
        for hour in drawn.index[drawn < -_POWER]:
            rows.append(_fault(int(hour), f"{name} gives power", "load", load, float(drawn[hour]), 0.0, "kW"))
        end = min(int(row.departure) - 1, last)
        if given > row.max_kwh + _POWER:
            rows.append(_fault(end, f"{name} gets too much", "load", load, given, float(row.max_kwh), "kWh"))
        if row.departure <= last + 1 and given < row.need_kwh - row.unmet_kwh - _POWER:
            rows.append(_fault(end, f"{name} gets too little", "load", load, given, float(row.need_kwh), "kWh"))
    return rows


def _device_faults(run: RollingRun, net: pandapowerNet) -> list[dict[str, Any]]:
    """Powers and energies of storages, limits of exchange and of the sites' reactive power."""
    rows: list[dict[str, Any]] = _storage_faults(run, net)
    limit = np.array(run.inputs["exchange_kw"])
    for k, hour in enumerate(run.generation.index):
        for name in ("import_mw", "export_mw"):
            flow = 1e3 * run.exchange[name].iloc[k]
            for j in np.flatnonzero(flow.to_numpy() > limit[int(hour)] + _POWER):
                where = (int(hour), f"{name.removesuffix('_mw')} above its limit", "bus", int(flow.index[j]))
                rows.append(_fault(*where, float(flow.iloc[j]), float(limit[int(hour), j]), "kW"))
        off = 1e3 * float(run.exchange["import_mw"].iloc[k].sum() - run.exchange["export_mw"].iloc[k].sum())
        if abs(off) > _POWER:
            rows.append(_fault(int(hour), "imports are not exports", "net", -1, off, 0.0, "kW"))
    for site in [k for k in run.reactive.columns if k in net.sgen.index]:
        for hour, q in run.reactive[site].items():
            low, high = (float(net.sgen.at[site, name]) for name in ("min_q_mvar", "max_q_mvar"))
            if not low - 1e-6 <= q <= high + 1e-6:
                where = (int(hour), "reactive power outside its limits", "sgen", int(site))
                rows.append(_fault(*where, float(q), low if q < low else high, "Mvar"))
    return rows


def _specs(run: RollingRun, net: pandapowerNet) -> list[Storage]:
    """Read the storages of the net once more, with the energy that they began the day with."""
    given, findings = run.inputs["storages"], list[str]()
    start = dict(zip(given["index"], given["start_mwh"], strict=True))
    buses = {int(bus): k for k, bus in enumerate(np.unique(net.storage["bus"]))}
    whole = len(run.inputs["buy_per_kwh"])
    specs, _ = storages_of(net, buses, len(run.generation), findings)
    if findings:
        raise InputError(findings)
    left = [replace(s, e_start=start[s.place.index]) for s in specs if s.place.index in start]
    # what is asked at the end of the day is asked of a whole day
    return [s if s.end_given and len(run.generation) == whole else free_at_end(s) for s in left]


def _storage_faults(run: RollingRun, net: pandapowerNet) -> list[dict[str, Any]]:
    """Let every storage audit its powers, and compare its energies with what follows from them."""
    hours = run.generation.index
    if not len(hours):
        return []
    rows, horizon = [], Horizon(len(hours), 1.0, 0.0, np.ones(1))
    for spec in _specs(run, net):
        i = spec.place.index
        p = run.storage["p_mw", i].to_numpy(float)[None]
        q = np.full_like(p, float(net.storage.at[i, "q_mvar"]))
        written = {"p_mw": p / spec.scaling, "q_mvar": q}
        for f in spec.audit(written.__getitem__, horizon):
            rows.append(_fault(int(hours[f.period]), f.kind, f.table, f.place, f.value, f.limit, f.unit))
        claimed, then = run.storage["e_mwh", i].to_numpy(float), stored_energy(spec, p, horizon)[0]
        for k in np.flatnonzero(np.abs(claimed - then) > _ENERGY):
            place = int(hours[k]), "energy does not follow from power", "storage", i
            rows.append(_fault(*place, float(claimed[k]), float(then[k]), "MWh"))
    return rows


def _costs(run: RollingRun, net: pandapowerNet) -> pd.DataFrame:
    """Price the set-points without a look at the run's own settlement."""
    given, hours = run.inputs, run.generation.index.to_numpy(int)
    buses = run.exchange["buy_mw"].columns.tolist()
    node = {int(bus): k for k, bus in enumerate(buses)}
    residual = np.zeros((len(hours), len(buses)))
    charging = run.charging.T.groupby(level="load").sum().T if len(run.charging.columns) else pd.DataFrame()
    for table, sign, frame in (
        ("sgen", 1.0, run.generation),
        ("load", -1.0, charging),
        ("storage", -1.0, run.storage["p_mw"]),
    ):
        for index in frame.columns:
            residual[:, node[int(net[table].at[index, "bus"])]] += sign * 1e3 * frame[index].to_numpy(float)
    limit = np.array(given["exchange_kw"])
    bought = np.array([settle(residual[k], limit[h]).buys.sum() for k, h in enumerate(hours)])
    drawn = 1e3 * run.charging.to_numpy(float).sum(axis=1) if len(run.charging.columns) else np.zeros(len(hours))
    available = 1e3 * run.generation.to_numpy(float).sum(axis=0) * np.array(given["generators"]["cost"])
    sun = np.array(given["generators"]["sun"], dtype=bool)
    worn = {s.place.index: s.cost_per_mwh for s in _specs(run, net)}
    items = {
        "storage": sum(cost * float(run.storage["p_mw", i].abs().sum()) for i, cost in worn.items()),
        "purchase": float(np.array(given["buy_per_kwh"])[hours] @ bought),
        "ev_profit": -float(np.array(given["ev_per_kwh"])[hours] @ drawn),
        "ev_subsidy": float(given["subsidy"]) * len(run.vehicles),
        "solar": float(available[sun].sum()),
        "wind": float(available[~sun].sum()),
    }
    items["total"] = sum(items[item] for item in ITEMS)
    table = pd.DataFrame({"cost": run.costs["cost"], "recomputed": pd.Series(items)}).reindex([*ITEMS, "total"])
    return table.assign(difference=table["cost"] - table["recomputed"]).rename_axis("item")


def _verdict(
    converged: bool,
    violations: pd.DataFrame,
    faults: pd.DataFrame,
    costs: pd.DataFrame,
    exact: bool,
    hours: pd.DataFrame,
) -> str:
    if not converged:
        lost = hours.index[hours[["loss_mw", "loss_without_mw"]].isna().any(axis=1)]
        return not_converged(f"in hour {', '.join(map(str, lost[:5]))}")
    if len(faults):
        f = faults.iloc[0]
        return (
            f"{len(faults)} set-points are wrong; first: {f['kind']}, {f['element']} {f['index']} in hour {f['hour']}, "
            f"{f['value']:.5g} {f['unit']} against {f['limit']:.5g} {f['unit']}"
        )
    if not exact:
        item = str(costs["difference"].abs().idxmax())
        return f"{item} is {costs.at[item, 'cost']:.2f} and the set-points cost {costs.at[item, 'recomputed']:.2f}"
    if len(violations):
        v = violations.loc[violations["excess"].astype(float).idxmax()]
        count = f"{len(violations)} limit{'s' if len(violations) > 1 else ''} violated"
        place = f"{v['kind']} at {v['element']} {v['index']} in hour {v['hour']}"
        return f"{count}; worst: {place}, {v['value']:.5g} {v['unit']} against {v['limit']:.5g} {v['unit']}"
    return "all limits met in AC power flow in every hour as it came, all set-points in order, costs add up"
