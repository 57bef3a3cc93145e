"""The second stage and the feeder: what is measured, what is promised of it, and its sections of the page."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping
from typing import Any

import common

SEED = 1
# What an independent implementation of the same model reached on its own day (pandapower).
REFERENCE = {"loss_without": 2491, "loss": 2059, "deviation_without": 0.0370, "deviation": 0.0204, "low_without": 0.912}
REFERENCE |= {"low": 0.951, "bus_hours_without": 252, "bus_hours": 0}
# Share of fresh scenarios with a violated limit, expected hour and 20 scenarios.
SHARES = {19: (0.58, 0.09), 20: (0.57, 0.06)}
MILLISECONDS = 150.0
SECONDS = 120.0


def reactive() -> common.Record:
    """Ten days of the default, each hour run as it really comes."""
    return reactive_days("rolling33", 10)


def reactive_days(name: str, count: int) -> common.Record:
    """Days of the default on a case: before and after the second stage, in AC."""
    from adnflex import schedule_rolling, validate
    from adnflex.problems.rolling import RollingCase

    case = RollingCase.load(name)
    days = []
    for day in range(count):
        run = schedule_rolling(case, "rollout", seed=SEED, day=day)
        check = validate(run, case.net)
        h, facts = check.hours, run.reactive_facts
        days.append(
            {
                "loss_without": 1e3 * h["loss_without_mw"].sum(),
                "loss": 1e3 * h["loss_mw"].sum(),
                "deviation_without": h["deviation_without_pu"].mean(),
                "deviation": h["deviation_pu"].mean(),
                "low_without": h["vm_min_without_pu"].min(),
                "low": h["vm_min_pu"].min(),
                "bus_hours_without": check.violating_bus_hours_without,
                "bus_hours": check.violating_bus_hours,
                "invented_kw": facts["invented_kw"].max(),
                "residual": facts["residual"].max(),
                "model_error_pu": facts["model_error_pu"].max(),
                "recovered": int(facts["recovered"].sum()),
                "ac_error_pu": check.deviations.set_index("quantity").at["voltage", "max_abs"],
                "cost_error": check.costs["difference"].abs().max(),
                "faults": len(check.faults),
            }
        )
        print(f"  day {day}: {days[-1]['bus_hours_without']} -> {days[-1]['bus_hours']} bus-hours", flush=True)
    return {"days": [{k: float(v) for k, v in row.items()} for row in days]}


def out_of_sample() -> common.Record:
    """Set-points of few and many scenarios in 2000 fresh ones, at the hours of the peak."""
    import numpy as np

    from adnflex import schedule_rolling
    from adnflex.problems.rolling import RollingCase, ScenarioReactive

    case = RollingCase.load("rolling33")
    rows: list[dict[str, Any]] = []
    for count, drawn in ((1, None), (5, None), (20, None), (50, None), (5, 500), (20, 500)):
        for seed in range(1 if count == 1 else 5):
            stage = ScenarioReactive(scenarios=count, drawn=drawn, seed=seed)
            run = schedule_rolling(case, "rollout", seed=SEED, reactive=stage)
            ready = stage.prepare(case)
            shape = (2000, len(ready.hours.load_index)), (2000, len(case.generators.index))
            for hour in (18, 19, 20, 21):
                rng = np.random.default_rng([7, hour])
                draws = rng.standard_normal(shape[0]), rng.standard_normal(shape[1])
                active = (
                    run.generation.loc[hour].to_numpy(float),
                    run.ev["p_mw"].loc[hour].to_numpy(float),
                    run.storage["p_mw"].loc[hour].to_numpy(float),
                )
                p, q = ready.hours.withdrawals(hour, *active, draws, ready.spread)
                injected = run.reactive.loc[hour].to_numpy(float)
                states = ready.flows.solve_many(p, ready.with_sites(q, injected))
                v, grid = states.v, ready.hours.grid
                bad = ((v < grid.v_min - 2e-6) | (v > grid.v_max + 2e-6))[:, np.isnan(grid.root_v)].any(axis=1)
                rows.append(
                    {
                        "scenarios": count,
                        "drawn": drawn,
                        "seed": seed,
                        "hour": hour,
                        "share": float(bad.mean()),
                        "loss_kw": 1e3 * float(states.loss.mean()) * grid.base_mva,
                        "q": injected.tolist(),
                    }
                )
    return {"tests": rows}


def timing() -> common.Record:
    """Processor time of 30 days of the default policy with the second stage, in one process."""
    from adnflex import schedule_rolling
    from adnflex.problems.rolling import RollingCase

    case = RollingCase.load("rolling33")
    begin, wall = time.process_time(), time.monotonic()
    active, second = [], []
    for day in range(30):
        run = schedule_rolling(case, "rollout", seed=SEED, day=day)
        active += (1e3 * run.decision_seconds["active"]).tolist()
        second += (1e3 * run.decision_seconds["reactive"]).tolist()
    return {
        "processor_seconds": time.process_time() - begin,
        "seconds": time.monotonic() - wall,
        "active_ms": statistics.fmean(active),
        "reactive_ms": statistics.fmean(second),
        "reactive_ms_95": sorted(second)[math.ceil(0.95 * len(second)) - 1],
        "hours": len(second),
    }


def feeder() -> common.Record:
    """Exchange with the net's limits, with the feeder's, and actions within the feeder; 10 days each."""
    from adnflex import networks, schedule_rolling, validate
    from adnflex.problems.rolling import RollingCase, WithinFeeder
    from adnflex.problems.rolling.policy_names import policy_of

    def doubled(**options: Any) -> RollingCase:
        net = networks.load("rolling33")
        net.load["vehicles_per_day"] *= 2
        return RollingCase.from_net(net, name="rolling33, twice the vehicles", **options)

    plain = RollingCase.load("rolling33")
    bounded = RollingCase.load("rolling33", exchange_limit_mw="feeder")
    many = doubled()
    many_bounded = doubled(exchange_limit_mw="feeder")
    base, base_many = policy_of("rollout", plain), policy_of("rollout", many)
    rows: dict[str, tuple[RollingCase, Any, Any]] = {
        "exchange as given": (plain, base, "auto"),
        "exchange by the feeder": (bounded, policy_of("rollout", bounded), "auto"),
        "actions within the feeder": (plain, WithinFeeder(plain, base), "auto"),
        "no reactive power": (plain, base, None),
        "no reactive power, actions within the feeder": (plain, WithinFeeder(plain, base, sites=False), None),
        "twice the vehicles": (many, base_many, "auto"),
        "twice the vehicles, exchange by the feeder": (many_bounded, policy_of("rollout", many_bounded), "auto"),
        "twice the vehicles, actions within the feeder": (many, WithinFeeder(many, base_many), "auto"),
        "twice the vehicles, within the feeder by 0.005 pu": (many, WithinFeeder(many, base_many, 0.005), "auto"),
    }
    found: dict[str, list[dict[str, float]]] = {}
    for label, (case, policy, stage) in rows.items():
        found[label] = []
        for day in range(10):
            run = schedule_rolling(case, policy, seed=SEED, day=day, reactive=stage)
            check = validate(run, case.net)
            found[label].append(
                {
                    "total": run.total,
                    "purchase": float(run.costs.at["purchase", "cost"]),
                    "ev_kwh": float(run.vehicles["given_kwh"].sum()),
                    "exchange_kwh": 1e3 * float(run.exchange["import_mw"].to_numpy().sum()),
                    "bus_hours": float(check.violating_bus_hours),
                    "low": float(check.hours["vm_min_pu"].min()),
                    "loss": 1e3 * float(check.hours["loss_mw"].sum()),
                    "faults": float(len(check.faults)),
                    "unmet_kwh": float(run.vehicles["unmet_kwh"].sum()),
                }
            )
        mean = {k: statistics.fmean(d[k] for d in found[label]) for k in found[label][0]}
        print(f"  {label}: {mean['total']:.1f}, {mean['bus_hours']:.1f} bus-hours, {mean['low']:.4f} pu", flush=True)
    return {"cases_days": found}


PARTS = {"reactive": (reactive, 1200), "out_of_sample": (out_of_sample, 1200), "timing": (timing, 1200)}
PARTS["feeder"] = (feeder, 2400)

# --- what is promised -----------------------------------------------------------------------------


def faults(part: str, record: common.Record) -> list[str]:
    """What a record lacks of what the page promises."""
    if part == "reactive":
        return _reactive_faults(record["days"])
    if part == "out_of_sample":
        few, many = _share(record, 1, 19), _share(record, 20, 19)
        found = [] if many <= 0.15 else [f"20 scenarios violate a limit in {many:.0%} of fresh ones at 19 h"]
        return found if few > 2 * many else [*found, f"20 scenarios are no better ({few:.0%} and {many:.0%}) at 19 h"]
    if part == "timing":
        found = []
        if record["reactive_ms"] > MILLISECONDS:
            found.append(f"a decision takes {record['reactive_ms']:.0f} ms")
        if record["processor_seconds"] / 2 > SECONDS:
            found.append(f"30 days take {record['processor_seconds']:.0f} s of processor time")
        return found
    days = record["cases_days"]
    bad = [label for label, rows in days.items() if any(d["faults"] or d["unmet_kwh"] > 1e-6 for d in rows)]
    return [f"{label}: set-points are wrong, or needs are not met" for label in bad]


def _reactive_faults(days: list[Mapping[str, float]]) -> list[str]:
    found = []
    first = days[0]
    if first["bus_hours"] > 0.05 * first["bus_hours_without"]:
        found.append(f"{first['bus_hours']:.0f} of {first['bus_hours_without']:.0f} bus-hours are left on day 0")
    for name, most in (("residual", 1e-4), ("ac_error_pu", 1e-6), ("cost_error", 0.005), ("faults", 0)):
        worst = max(d[name] for d in days)
        if worst > most:
            found.append(f"{name} is {worst:.2g}")
    return found


def _share(record: common.Record, scenarios: int, hour: int) -> float:
    return statistics.fmean(r["share"] for r in _tests(record, scenarios, None) if r["hour"] == hour)


def _tests(record: common.Record, scenarios: int, drawn: int | None) -> list[common.Record]:
    """Tests of so many scenarios, kept of so many drawn."""
    return [r for r in record["tests"] if (r["scenarios"], r.get("drawn")) == (scenarios, drawn)]


# --- the page -------------------------------------------------------------------------------------


def reactive_section(record: common.Record) -> str:
    """Day 0 and ten days."""
    days = record["days"]
    names = {
        "loss": ("losses, kWh", "{:.0f}"),
        "deviation": ("mean |V - 1|, pu", "{:.4f}"),
        "low": ("lowest voltage, pu", "{:.4f}"),
        "bus_hours": ("bus-hours outside limits", "{:.0f}"),
    }
    lines = []
    for name, (label, form) in names.items():
        for tail, which in (("_without", "without"), ("", "with")):
            values = [d[name + tail] for d in days]
            worst = min(values) if name == "low" else max(values)
            lines.append(
                [
                    label,
                    which,
                    *(form.format(x) for x in (values[0], statistics.fmean(values), worst, REFERENCE[name + tail])),
                ]
            )
    head = ["", "second stage", "day 0", "mean of 10 days", "worst day", "reference"]
    worst = {k: max(d[k] for d in days) for k in ("invented_kw", "residual", "model_error_pu", "ac_error_pu")}
    return f"""## Reactive power: 10 days

{common.table(head, lines)}

Every hour is run in AC power flow as it really comes: a fresh draw of each load (5 %) and of each sun and wind
generator (10 %) that the second stage has not seen. The reference is another random day. In the programmes themselves
cones that are not tight invent {worst["invented_kw"]:.2g} kW at most, residuals are {worst["residual"]:.1g} at most,
voltages of all scenarios differ from exact power flow by {worst["model_error_pu"]:.1g} pu at most, and those of the
expected hour from pandapower by {worst["ac_error_pu"]:.1g} pu; {sum(d["recovered"] for d in days):.0f} of
{24 * len(days)} hours had to be recovered. Costs recomputed from the set-points agree to
{max(d["cost_error"] for d in days):.1g} CNY.
"""


def out_of_sample_section(record: common.Record) -> str:
    """Share of fresh scenarios with a violated limit."""
    lines = []
    kinds = sorted({(r["scenarios"], r.get("drawn") or 0) for r in record["tests"]}, key=lambda kind: kind[::-1])
    for count, drawn in kinds:
        line = [f"{count} kept of {drawn}" if drawn else "expected hour" if count == 1 else f"{count} scenarios"]
        for hour in (18, 19, 20, 21):
            rows = [r for r in _tests(record, count, drawn or None) if r["hour"] == hour]
            shares = [r["share"] for r in rows]
            extent = "" if len(shares) == 1 else f" ({min(shares):.0%} to {max(shares):.0%})"
            loss = statistics.fmean(r["loss_kw"] for r in rows)
            line.append(f"{statistics.fmean(shares):.0%}{extent}, {loss:.1f} kW")
        lines.append(line)
    head = ["set-points of", "18 h", "19 h", "20 h", "21 h"]
    return f"""## What scenarios are worth

Share of 2000 fresh scenarios in which any bus leaves its limits, and their mean loss; in brackets the range over five
draws of the scenarios. *Kept of*: drawn, and reduced by fast forward selection to those that stand for all.
The reference has 58 % with the expected hour and 9 % with 20 scenarios at 19 h, 57 % and 6 % at 20 h.

{common.table(head, lines)}

Keeping few out of many gains nothing sure on as many drawn in pairs: their ranges overlap. Loads and
generators vary by themselves here, so that no few scenarios stand for all of them.
"""


def timing_section(record: common.Record) -> str:
    """Times."""
    return f"""## Time of both stages

{record["hours"]} hours of the default policy with 20 scenarios took {record["processor_seconds"]:.0f} s of processor
time in one process ({record["seconds"]:.0f} s by the clock), all tables included: {record["active_ms"]:.1f} ms for
active and {record["reactive_ms"]:.1f} ms for reactive power by the clock
(95 % of them below {record["reactive_ms_95"]:.0f} ms). The reference needed 130 ms for 20 scenarios.
"""


def feeder_section(record: common.Record) -> str:
    """Cost and voltages of bounds by the feeder."""
    lines = []
    for label, days in record["cases_days"].items():
        mean = {k: statistics.fmean(d[k] for d in days) for k in days[0]}
        lines.append(
            [
                label,
                f"{mean['total']:.1f}",
                f"{mean['purchase']:.0f}",
                f"{mean['exchange_kwh']:.0f}",
                f"{mean['ev_kwh']:.0f}",
                f"{mean['bus_hours']:.1f}",
                f"{min(d['low'] for d in days):.4f}",
                f"{mean['loss']:.0f}",
            ]
        )
    head = ["", "total, CNY", "purchase, CNY", "exchanged, kWh", "vehicles, kWh", "bus-hours outside", "lowest, pu"]
    return f"""## Bounds by the feeder: {len(next(iter(record["cases_days"].values())))} days

{common.table([*head, "losses, kWh"], lines)}

All with `rollout`. *Exchange by the feeder* bounds exchange alone: what is not imported is bought and comes over the
same lines, so that it costs money and leaves the voltages as they are. *Actions within the feeder* moves charging and
storage as little as LinDistFlow asks for. With reactive power it has nothing to do on this feeder. With twice the
vehicles it cannot do anything: in the evening `rollout` gives vehicles no more than they must get already, and the
storages are empty. What would help is charging earlier in the day, which a bound on the present hour does not see.
"""


SECTIONS = {
    "reactive": reactive_section,
    "out_of_sample": out_of_sample_section,
    "timing": timing_section,
    "feeder": feeder_section,
}
