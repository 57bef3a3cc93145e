"""What the paper compares, measured and read: its policies, two feeders, three weathers.

The method of the paper is called `PAPER` here: rollout of its base policy `BASE`, thirty simulations.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import common
import second
from policies import SEED, Rows, case_of, measured, paired

BASE, PAPER = "own", "rollout:own/match"
MANY, ONE, FRESH = "the paper's, M = 30", "the paper's, M = 1", "the paper's, M = 1, no common numbers"
DAYS = 30
ROWS: Rows = {
    "floor": ("floor", {}),
    "base policy": (BASE, {}),
    MANY: (PAPER, {"simulations": 30}),
    ONE: (PAPER, {"simulations": 1}),
    FRESH: (PAPER, {"simulations": 1, "common": False}),
    "pool/match, M = 30 (default)": ("rollout:pool/match", {"simulations": 30}),
}
FEW: Rows = {key: ROWS[key] for key in ("floor", "base policy", MANY)}
# What the paper prints [CNY a day]: total and purchase.
PUBLISHED_GRIDS = {"33 buses": (88.06, 83.51), "69 buses": (266.36, 126.57), "69 buses, second row": (1894.40, 2197.70)}
PUBLISHED_WEATHER = {"sunny": (88.06, 83.51), "cloudy": (234.76, 286.95), "fluctuating": (350.81, 343.43)}


def _same_nodes() -> Any:
    """Case of the eight nodes of ``rolling33`` on the 69-bus feeder: same laws, same devices, another network."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "networks"))
    import make_baran_wu_69
    import make_rolling33 as study

    from adnflex.problems.rolling import RollingCase

    net = make_baran_wu_69.build()
    net.name, net.sn_mva = "the eight nodes on 69 buses", study.BASE_MVA
    study.devices(net, study.NODES, [study.VEHICLES_PER_DAY] * len(study.NODES))
    study.svcs(net, study.SVC_BUSES)
    net["study"] = study.facts(study.published())
    study.series(net)
    return RollingCase.from_net(net)


def grids() -> common.Record:
    """Two feeders, with and without exchange and a value of what is stored; and voltages of the larger one."""
    stored = {"stored_value_per_mwh": 450.0}
    cases = {
        "33 buses": measured(ROWS, DAYS),
        "69 buses": measured(ROWS, DAYS, case_of("rolling69")),
        "69 buses, the eight nodes of the 33": measured(FEW, DAYS, _same_nodes()),
        "33 buses, no exchange": measured(FEW, DAYS, exchange_limit_mw=0.0),
        "69 buses, no exchange": measured(FEW, DAYS, case_of("rolling69", exchange_limit_mw=0.0)),
        "33 buses, stored energy worth 0.45": measured(FEW, DAYS, **stored),
        "69 buses, stored energy worth 0.45": measured(FEW, DAYS, case_of("rolling69", **stored)),
    }
    sizes = {name: _size(case) for name, case in (("33", case_of()), ("69", case_of("rolling69")))}
    return {"cases": cases, "sizes": sizes, "voltages": second.reactive_days("rolling69", 5)}


def _size(case: Any) -> dict[str, float]:
    s, g = case.storages, case.generators
    return {
        "nodes": len(case.buses),
        "fleets": len(case.fleets),
        "sun_kw": 1e3 * float(g.rated_mw[g.sun].sum()),
        "wind_kw": 1e3 * float(g.rated_mw[~g.sun].sum()),
        "storages": len(s),
        "stored_kwh": 1e3 * float((s.start - s.low).sum()),
    }


def order() -> common.Record:
    """Three weathers, and a fluctuating one with no more energy than the cloudy one."""
    from adnflex import networks
    from adnflex.problems.rolling import RollingCase, draw_day

    net = networks.load("rolling33")
    laws = net.study["weathers"]
    laws["fluctuating, as dim as cloudy"] = {**laws["fluctuating"], "mean": laws["cloudy"]["mean"]}
    found = {}
    for name in laws:
        case = RollingCase.from_net(net, weather=name)
        sun = [draw_day(case, SEED, day).generation_mw[:, case.generators.sun].sum() for day in range(DAYS)]
        found[name] = {
            **measured(FEW, DAYS, case),
            "sun_kwh": 1e3 * statistics.fmean(map(float, sun)),
            "law": laws[name],
        }
    return {"cases": found}


def mobility() -> common.Record:
    """Vehicles that drive between home, work and shops, as many and as hungry as those that come by themselves."""
    from adnflex.problems.rolling import RollingCase, draw_day
    from adnflex.scenarios import TravellingFleet

    plain = case_of()
    fleets = sorted(plain.fleets)
    kinds = [str(plain.net.load.at[k, "parking"]) for k in fleets]
    shares = {"home": {"work": 0.7, "shop": 0.3}, "work": {"home": 0.6, "shop": 0.4}, "shop": {"home": 1.0}}

    def row(towards: Mapping[str, float]) -> tuple[float, ...]:
        return tuple(towards.get(kind, 0.0) / kinds.count(kind) for kind in kinds)

    stays = {"home": (10.0, 2.0), "work": (8.0, 1.0), "shop": (1.5, 0.5)}
    law = TravellingFleet(
        tuple(fleets),
        130.0,
        row({"home": 0.9, "work": 0.1}),
        tuple(row(shares[kind]) for kind in kinds),
        stay_h=tuple(stays[kind] for kind in kinds),
        trip_kwh=(12.0, 5.0),
        soc_at_start=(0.3, 0.7),
    )
    moving = RollingCase.load("rolling33", arrivals=law)
    found = {}
    for name, case in (("each node by itself", plain), ("from node to node", moving)):
        days = [draw_day(case, SEED, day).vehicles for day in range(20)]
        found[name] = {
            **measured(FEW, 20, case),
            "stays": statistics.fmean(len(v) for v in days),
            "need_kwh": statistics.fmean(1e3 * float(v.need.sum()) for v in days),
        }
    return {"cases": found}


PARTS = {"grids": (grids, 3600), "order": (order, 3600), "mobility": (mobility, 1800)}

# --- what is promised -----------------------------------------------------------------------------


def faults(part: str, record: common.Record) -> list[str]:
    """What a record lacks of what the page promises, beside what `page` asks of every row."""
    if part != "grids":
        return []
    same, small = (record["cases"][k]["rows"] for k in ("69 buses, the eight nodes of the 33", "33 buses"))
    apart = max(abs(a - b) for row in FEW for a, b in zip(same[row]["days"], small[row]["days"], strict=True))
    return [f"the same nodes on another feeder cost up to {apart:.2f} CNY more or less"] if apart > 1e-6 else []


# --- the page -------------------------------------------------------------------------------------


def _line(name: str, row: Mapping[str, Any], printed: tuple[float, float] | None) -> list[str]:
    return [
        name,
        f"{row['mean']:.1f} ± {row['ci95']:.1f}",
        "" if printed is None else f"{printed[0]:.2f}",
        f"{row['purchase']:.0f}",
        "" if printed is None else f"{printed[1]:.2f}",
        f"{row['ev_profit']:.0f}",
        f"{1e3 * row['spilled_mwh']:.0f}",
    ]


HEAD = ["", "total, CNY", "paper", "purchase, CNY", "paper", "vehicles, CNY", "spilled, kWh"]


def grids_section(record: common.Record) -> str:
    """Two feeders side by side, and why the direction differs."""
    cases = record["cases"]
    small, large = cases["33 buses"]["rows"], cases["69 buses"]["rows"]
    lines = []
    for name, case in cases.items():
        printed = PUBLISHED_GRIDS.get(name)
        lines += [
            _line(f"{name}: {row}", case["rows"][row], printed if row == MANY else None)
            for row in case["rows"]
            if row in FEW or row in (ONE, FRESH)
        ]
    lines.append(["69 buses, second row of the paper", "", "1894.40", "", "2197.70", "", ""])
    a, b = record["sizes"]["33"], record["sizes"]["69"]
    ratio = b["fleets"] / a["fleets"]
    more = (b["stored_kwh"] - ratio * a["stored_kwh"]) * 0.5
    # totals of these cases are less the value of all that is left, the stock at the start included
    held = [
        cases[f"{n} buses, stored energy worth 0.45"]["rows"][MANY]["mean"] + 0.45 * size["stored_kwh"]
        for n, size in (("33", a), ("69", b))
    ]
    noise, noise_large = (rows[FRESH]["mean"] - rows[MANY]["mean"] for rows in (small, large))
    volts = record["voltages"]["days"]
    first = statistics.fmean(d["bus_hours_without"] for d in volts), statistics.fmean(d["bus_hours"] for d in volts)
    loss = statistics.fmean(d["loss_without"] for d in volts), statistics.fmean(d["loss"] for d in volts)
    return f"""## Two feeders: {DAYS} days

`{PAPER}` with 30 simulations is the paper's method as it can be read, `{BASE}` its base policy.

{common.table(HEAD, lines)}

The paper's total rises from {PUBLISHED_GRIDS["33 buses"][0]} CNY on 33 buses to {PUBLISHED_GRIDS["69 buses"][0]} on 69;
ours goes from {small[MANY]["mean"]:.1f} to {large[MANY]["mean"]:.1f}. How to read that:

* **The feeder does not enter the cost.** The first stage, in the paper as here, knows nodes and their exchange and no
  network. The eight nodes of the 33-bus case, put on the 69-bus feeder, cost the same to the last digit on every day.
  So what the paper's two totals differ by comes of what stands at the nodes, or of other random days, and neither is
  printed.
* **What stands at our nodes.** {b["fleets"]:.0f} fleets for {a["fleets"]:.0f}, {b["sun_kw"]:.0f} kW of sun for
  {a["sun_kw"]:.0f}, {b["wind_kw"]:.0f} kW of wind for {a["wind_kw"]:.0f}: all {ratio:.2g} times. Storages are
  {b["storages"]:.0f} for {a["storages"]:.0f}, which begin half full and may end empty: {b["stored_kwh"]:.0f} kWh can be
  used up instead of {a["stored_kwh"]:.0f}, which saves {more:.0f} CNY of purchase more than {ratio:.2g} times as much
  would.
  If what is taken out of the stock is charged at 0.45 CNY/kWh, the days cost {held[0]:.0f} and {held[1]:.0f} CNY:
  {held[1] / held[0]:.2f} times as much, for {ratio:.2g} times as many fleets. So the direction is the paper's once
  nobody lives on the stock, and more nodes that exchange even out a little more.
* A single simulation with numbers of its own for every candidate costs {noise:.0f} CNY more than thirty on 33 buses and
  {noise_large:.0f} on 69; with common numbers {small[ONE]["mean"] - small[MANY]["mean"]:.0f} and
  {large[ONE]["mean"] - large[MANY]["mean"]:.0f}. The label of the paper's second 69-bus row
  (1894.40, of it 2197.70 purchase) cannot be read.
  Without exchange we have {cases["69 buses, no exchange"]["rows"][MANY]["mean"]:.0f}, and
  {cases["69 buses, no exchange"]["rows"]["base policy"]["mean"]:.0f} under the base policy, with a purchase of
  {cases["69 buses, no exchange"]["rows"][MANY]["purchase"]:.0f}: it is probably the row without exchange.

Second stage on 69 buses, mean of {len(volts)} days by AC power flow: {first[0]:.0f} bus-hours outside the limits (0.9
to 1.05 pu) without it, {first[1]:.1f} with it; losses {loss[0]:.0f} and {loss[1]:.0f} kWh.
"""


def order_section(record: common.Record) -> str:
    """Order of the weathers."""
    cases = record["cases"]
    lines = []
    for name, case in cases.items():
        line = _line(name, case["rows"][MANY], PUBLISHED_WEATHER.get(name))
        lines.append([*line, f"{case['sun_kwh']:.0f}"])
    total = {name: case["rows"][MANY]["mean"] for name, case in cases.items()}
    dim = "fluctuating, as dim as cloudy"
    pairs = {
        other: paired(cases[dim]["rows"][MANY], cases[other]["rows"][MANY])[:2] for other in ("cloudy", "fluctuating")
    }
    mean, half = pairs["cloudy"]
    found = "the paper's order." if mean > half else "not told apart." if mean > -half else "the other order."
    ours = " < ".join(sorted(PUBLISHED_WEATHER, key=total.__getitem__))
    return f"""## The order of the weathers: {DAYS} days each

{common.table([*HEAD, "sun, kWh"], lines)}

All rows: {MANY}. The paper has sunny < cloudy < fluctuating, here it is {ours}. The laws behind the paper's names are
not printed. Here *cloudy* takes a quarter of the sun away and *fluctuating* none, so that what a day of each costs is
first of all the energy it brings. With the mean of *cloudy* the fluctuating weather costs {total[dim]:.1f} CNY,
{pairs["cloudy"][0]:+.1f} ± {pairs["cloudy"][1]:.1f} against *cloudy* on the same days: {found} So the paper's
fluctuating days have to be dimmer than ours, or far more irregular. Its purchases differ by 56 CNY between the two
weathers, and by 203 from sunny to cloudy.
"""


def mobility_section(record: common.Record) -> str:
    """Vehicles by themselves, and on the move."""
    cases = record["cases"]
    lines = [
        [*_line(f"{name}: {row}", case["rows"][row], None), f"{case['stays']:.0f}", f"{case['need_kwh']:.0f}"]
        for name, case in cases.items()
        for row in FEW
    ]
    lines = [[*line[:2], line[3], *line[5:]] for line in lines]
    head = ["", "total, CNY", "purchase, CNY", "vehicles, CNY", "spilled, kWh", "stays a day", "need, kWh a day"]
    return f"""## Vehicles from node to node: 20 days

{common.table(head, lines)}

The paper names the mobility of vehicles and prints no law of it. Here 130 of them begin the day at home or at work,
drive on by a Markov chain over the eight nodes (`adnflex.scenarios.TravellingFleet`), and arrive with what they used
on the way; their stays begin and end within hours. All needs are met under every policy. Totals of the two cannot be
compared, since what they need and pay differs; what can is the order of the policies.
"""


SECTIONS = {"mobility": mobility_section, "grids": grids_section, "order": order_section}
