"""Rows of Xu et al. 2025: two-stage stochastic rolling schedule (doi:10.3390/wevj16090515)."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "rolling"))

from policies import paired
from rows import AGAIN, ROLLING, SYSTEM, Row, Stored, figure, near, page, plain, same, text

FLAT = page(ROLLING, "flat-tariff-sunny-60-days", "rolling")
APART = page(ROLLING, "no-exchange-30-days", "rolling")
GRIDS = page(ROLLING, "two-feeders-30-days", "rolling")
ORDER = page(ROLLING, "the-order-of-the-weathers-30-days-each", "rolling")
STORED = page(ROLLING, "stored-energy-worth-045-cnykwh-at-the-end-20-days", "rolling")
REACTIVE = page(ROLLING, "reactive-power-10-days", "rolling")
WORTH = page(ROLLING, "what-scenarios-are-worth", "rolling")
TIME = page(ROLLING, "time-of-both-stages", "rolling")
MOBILITY = page(ROLLING, "vehicles-from-node-to-node-20-days", "rolling")
THEORY = "[theory](../../docs/theory/rolling.md)"
MANY, ONE, FRESH = "own/match, M = 30", "own/match, M = 1", "own/match, M = 1, no common numbers"
METHOD = "the paper's, M = 30"
LAWS = "laws of arrival and weather, places and number of the devices, and the days are not printed"
# The paper's table of loads [kW, kvar], node by node.
LOADS = {
    1: (93.33, 48), 2: (84, 32), 3: (112, 64), 4: (56, 24), 5: (56, 16), 6: (186.67, 80), 7: (186.67, 80), 8: (56, 16),
    9: (56, 16), 10: (42, 24), 11: (56, 28), 12: (56, 28), 13: (112, 64), 14: (56, 8), 15: (56, 16), 16: (56, 16),
    17: (84, 32), 18: (84, 32), 19: (84, 32), 20: (84, 32), 21: (84, 32), 22: (84, 40), 23: (392, 160), 24: (392, 160),
    25: (56, 20), 26: (56, 20), 27: (56, 16), 28: (112, 56), 29: (186.67, 480), 30: (140, 56), 31: (196, 80),
    32: (56, 32),
}  # fmt: skip


def _system(s: Stored) -> Any:
    return s["papers"]["systems"]["rolling"]


def _flat(s: Stored, row: str) -> Any:
    return s["rolling"]["flat"]["rows"][row]


def _apart(s: Stored, row: str) -> Any:
    return s["rolling"]["no_exchange"]["rows"][row]


def _weather(s: Stored, name: str) -> Any:
    return s["rolling"]["order"]["cases"][name]["rows"][METHOD]


def _dim(s: Stored) -> tuple[float, float]:
    """What a fluctuating weather of the mean of the cloudy one costs more than it, and half the interval [CNY]."""
    return paired(_weather(s, "fluctuating, as dim as cloudy"), _weather(s, "cloudy"))[:2]


def _grid(s: Stored, name: str) -> Any:
    return s["rolling"]["grids"]["cases"][name]["rows"][METHOD]


def _days(s: Stored) -> Any:
    return s["papers"]["recomputed"]["rolling"]


def _broken(s: Stored, count: int) -> float:
    """Share of fresh scenarios at 19 h in which a limit is broken by the set-points of so many scenarios."""
    tests = s["rolling"]["out_of_sample"]["tests"]
    return statistics.fmean(
        r["share"] for r in tests if (r["scenarios"], r.get("drawn"), r["hour"]) == (count, None, 19)
    )


def _reduced(s: Stored) -> tuple[float, float]:
    """Share of fresh scenarios with a broken limit at 19 h, by five scenarios kept of 500 and by five drawn."""
    tests = [r for r in s["rolling"]["out_of_sample"]["tests"] if r["hour"] == 19 and r["scenarios"] == 5]
    kept, drawn = ([r["share"] for r in tests if r.get("drawn") == n] for n in (500, None))
    if not kept:
        raise KeyError("no scenarios were reduced")
    return statistics.fmean(kept), statistics.fmean(drawn)


def _within(row: Any, published: float) -> bool:
    """Whether a published figure lies within the confidence interval of our mean of days."""
    return abs(float(row["mean"]) - published) <= float(row["ci95"])


def _total(row: Any) -> str:
    return f"{row['mean']:.1f} ± {row['ci95']:.1f} CNY"


def _loads_off(s: Stored) -> float:
    """Largest difference of a load to the paper's table [kW, kvar]."""
    there = _system(s)["loads"]
    return max(abs(a - b) for k, pair in LOADS.items() for a, b in zip(there[str(k)], pair, strict=True))


SYSTEM_ROWS = [
    Row("table of loads, 32 nodes with load", "kW and kvar by node", SYSTEM,
        lambda s: f"{len(_system(s)['loads'])} nodes, {1e3 * _system(s)['load_mw']:.2f} kW, "
        f"{1e3 * _system(s)['load_mvar']:.0f} kvar; largest difference {_loads_off(s):.2g}",
        lambda s: _loads_off(s) < 0.01 and len(_system(s)["loads"]) == len(LOADS), "a load differs"),
    same("rolling", "hours", "24", "hours", 24),
    same("rolling", "battery of a vehicle [kWh]", "66", "battery_kwh", 66.0),
    same("rolling", "charger [kW]", "6.6", "charger_kw", 6.6),
    Row("0.9 of the table of parameters", "0.9, symbol lost", SYSTEM,
        lambda s: f"efficiency of the charger, {_system(s)['charger_efficiency']:g}", None, "its symbol is an image"),
    Row("0.1 of the table of parameters", "0.1, symbol lost", SYSTEM,
        lambda s: f"least state of charge of a storage, {_system(s)['storage_share'][0]:g}", None,
        "its symbol is an image"),
    same("rolling", "storage [kWh]", "1200", "storage_kwh", 1200.0),
    same("rolling", "storage [kW]", "300", "storage_kw", [300.0, 300.0]),
    same("rolling", "price of purchase [CNY/MWh]", "500", "price", [500.0]),
    same("rolling", "cost of sun and of wind [CNY/MWh]", "350", "renewable_cost", [350.0]),
    same("rolling", "reactive sources [Mvar]", "-0.2, 1", "svc_mvar", [-0.2, 1.0]),
    Row("nodes with vehicles, sun, wind, storage", "not printed", SYSTEM, text("8, 4, 2, 3 of them"), None,
        "number and place are not printed"),
    Row("laws of arrival and of weather", "not printed", THEORY, text("Poisson and normal; AR(1)"), None,
        "not printed"),
    Row("mobility of vehicles between nodes", "random and nonlinear", MOBILITY,
        lambda s: "{:.0f} stays a day, {:.1f} CNY".format(
            s["rolling"]["mobility"]["cases"]["from node to node"]["stays"],
            s["rolling"]["mobility"]["cases"]["from node to node"]["rows"][METHOD]["mean"]),
        None, "how vehicles move between the nodes is not printed; ours is a Markov chain over the nodes"),
]  # fmt: skip

METHOD_ROWS = [
    Row("section 2.1: active and reactive power decoupled", "two stages", REACTIVE,
        lambda s: f"{len(s['rolling']['reactive']['days'])} days, every hour in both stages",
        lambda s: not any(d["faults"] for d in s["rolling"]["reactive"]["days"]), "set-points are wrong"),
    Row("section 2.2: elastic capacity of vehicles by aggregation", "method", AGAIN,
        lambda s: f"every hour of {len(_days(s))} days within it",
        lambda s: all(d["ev_within"] for d in _days(s)), "an hour is outside"),
    Row("every vehicle gets what it needs", "a constraint", FLAT,
        lambda s: f"unmet at most {max(r['unmet_kwh'] for r in s['rolling']['flat']['rows'].values()):.1g} kWh",
        lambda s: max(r["unmet_kwh"] for r in s["rolling"]["flat"]["rows"].values()) < 1e-6, "needs are not met"),
    Row("algorithm 1: rollout improves its base policy", "it does", FLAT,
        lambda s: f"{_flat(s, MANY)['mean'] - _flat(s, 'own')['mean']:+.1f} CNY, not worse on "
        f"{sum(a <= b + 1e-6 for a, b in zip(_flat(s, MANY)['days'], _flat(s, 'own')['days'], strict=True))} of "
        f"{len(_flat(s, MANY)['days'])} days",
        lambda s: _flat(s, MANY)["mean"] < _flat(s, "own")["mean"], "it does not"),
    Row("nearly optimal", "said of the method", FLAT,
        lambda s: f"{_flat(s, MANY)['mean'] - _flat(s, 'floor')['mean']:+.1f} CNY above perfect foresight",
        lambda s: _flat(s, MANY)["mean"] - _flat(s, "floor")["mean"] < 10.0,
        "a linear programme, and rollout of the better base policy `pool`, come much nearer on the same days"),
    Row("algorithm 1: online", "time not printed", TIME,
        lambda s: f"{s['rolling']['timing']['active_ms']:.0f} ms for active power, "
        f"{s['rolling']['timing']['reactive_ms']:.0f} ms for reactive power an hour (a busy machine)",
        lambda s: s["rolling"]["timing"]["active_ms"] < 1000),
    Row("algorithm 2: scenario-based cone programme", "method", REACTIVE,
        lambda s: f"invents {max(d['invented_kw'] for d in s['rolling']['reactive']['days']):.2g} kW at most, "
        f"voltages within {max(d['model_error_pu'] for d in s['rolling']['reactive']['days']):.1g} pu of exact ones",
        lambda s: max(d["invented_kw"] for d in s["rolling"]["reactive"]["days"]) < 0.05, "cones are not tight"),
    Row("scenario reduction (reference 30 of the paper)", "cited", WORTH,
        lambda s: "limits broken at 19 h in {:.0%} by 5 kept of 500, {:.0%} by 5 drawn".format(*_reduced(s)), None,
        "whether scenarios are reduced, and how many there are, is not printed"),
    Row("the five items add up to the total", "in every row", FLAT,
        lambda s: f"within {max(r['identity'] for r in s['rolling']['flat']['rows'].values()):.1g} CNY",
        lambda s: max(r["identity"] for r in s["rolling"]["flat"]["rows"].values()) < 1e-6, "they do not"),
    Row("the bill, added up again from the nets pushed back", "–", AGAIN,
        lambda s: f"within {max(d['largest_difference'] for d in _days(s)):.1g} CNY on {len(_days(s))} days",
        lambda s: max(d["largest_difference"] for d in _days(s)) < 0.005, "it differs"),
]  # fmt: skip


def _items() -> list[Row]:
    """Rows of the items that do not depend on the policy."""
    rows = []
    for item, word, published in (
        ("ev_subsidy", "subsidy", 1478.50), ("solar", "cost of the sun", 1623.60), ("wind", "cost of the wind", 450.03)
    ):  # fmt: skip
        rows.append(
            Row(f"all policies: {word} [CNY]", f"{published:.2f}", FLAT,
                lambda s, item=item: f"{_flat(s, MANY)[item]:.1f}",
                lambda s, item=item, published=published: near(_flat(s, MANY)[item], published, 0.03 * published),
                f"{LAWS}; the case was chosen so that the means of many days come near")
        )  # fmt: skip
    return rows


def _policy(name: str, row: Any, published: tuple[float, float, float], where: str, because: str) -> list[Row]:
    """Rows of a policy: total, purchase, what vehicles pay."""
    total, purchase, vehicles = published
    return [
        Row(f"{name}: total", f"{total:.2f}", where, lambda s: _total(row(s)), lambda s: _within(row(s), total),
            because),
        Row(f"{name}: purchase", f"{purchase:.2f}", where, lambda s: f"{row(s)['purchase']:.0f}",
            lambda s: near(row(s)["purchase"], purchase, 0.1 * purchase),
            "purchase and what vehicles pay move together at equal prices; our method charges vehicles fuller"),
        Row(f"{name}: paid by vehicles", f"{vehicles:.2f}", where, lambda s: f"{row(s)['ev_profit']:.0f}",
            lambda s: near(row(s)["ev_profit"], vehicles, 0.03 * abs(vehicles)), LAWS),
    ]  # fmt: skip


RESULT_ROWS = [
    *_policy("several simulations", lambda s: _flat(s, MANY), (88.06, 83.51, -3547.58), FLAT, LAWS),
    *_policy("one simulation", lambda s: _flat(s, FRESH), (524.81, 266.49, -3293.81), FLAT, LAWS),
    *_policy("no exchange", lambda s: _apart(s, MANY), (1330.83, 2020.28, -4241.58), APART,
             "nearer to the base policy; without exchange ours buys less, as it sees the evening coming"),
    *_items(),
    Row("several < one < no exchange", "88 < 525 < 1331", FLAT,
        lambda s: f"{_flat(s, MANY)['mean']:.0f} < {_flat(s, FRESH)['mean']:.0f} < {_apart(s, MANY)['mean']:.0f}",
        lambda s: _flat(s, MANY)["mean"] < _flat(s, FRESH)["mean"] < _apart(s, MANY)["mean"], "another order"),
    Row("one simulation is much worse than several", "+436.75", FLAT,
        lambda s: f"{_flat(s, FRESH)['mean'] - _flat(s, MANY)['mean']:+.0f} with numbers of its own for each candidate",
        lambda s: _flat(s, FRESH)["mean"] - _flat(s, MANY)["mean"] > 200, "it is not"),
    Row("the same with common random numbers", "not told apart", FLAT,
        lambda s: f"{_flat(s, ONE)['mean'] - _flat(s, MANY)['mean']:+.0f}", False,
        "a single future that all candidates share is nearly as good as thirty: what the paper shows is what common "
        "numbers are worth, not the number of simulations"),
    *(
        Row(f"{name}: total", f"{total:.2f}", ORDER, lambda s, key=key: _total(_weather(s, key)),
            lambda s, key=key, total=total: _within(_weather(s, key), total), LAWS)
        for name, key, total in (("sunny", "sunny", 88.06), ("cloudy", "cloudy", 234.76),
                                 ("highly fluctuating", "fluctuating", 350.81))
    ),
    Row("sunny is the cheapest", "it is", ORDER,
        lambda s: f"{_weather(s, 'sunny')['mean']:.0f} of " + ", ".join(
            f"{_weather(s, k)['mean']:.0f}" for k in ("sunny", "cloudy", "fluctuating")),
        lambda s: _weather(s, "sunny")["mean"] < min(_weather(s, k)["mean"] for k in ("cloudy", "fluctuating")),
        "another is"),
    Row("cloudy < highly fluctuating", "235 < 351", ORDER,
        lambda s: f"{_weather(s, 'cloudy')['mean']:.0f}, {_weather(s, 'fluctuating')['mean']:.0f}",
        lambda s: _weather(s, "cloudy")["mean"] < _weather(s, "fluctuating")["mean"],
        "our cloudy days have a quarter less sun and our fluctuating ones as much as sunny ones"),
    Row("cloudy < fluctuating where both have the same mean", "–", ORDER,
        lambda s: "{:+.1f} ± {:.1f} CNY".format(*_dim(s)), lambda s: _dim(s)[0] > _dim(s)[1],
        "thirty days do not tell the two apart: fluctuation alone costs little here"),
    *(
        Row(f"{name}: purchase", f"{value:.2f}", ORDER, lambda s, key=key: f"{_weather(s, key)['purchase']:.0f}",
            lambda s, key=key, value=value: near(_weather(s, key)["purchase"], value, 0.15 * value), LAWS)
        for name, key, value in (("sunny", "sunny", 83.51), ("cloudy", "cloudy", 286.95),
                                 ("highly fluctuating", "fluctuating", 343.43))
    ),
    Row("69 buses: total", "266.36", GRIDS, lambda s: _total(_grid(s, "69 buses")),
        lambda s: _within(_grid(s, "69 buses"), 266.36),
        "devices of the larger case are not printed; the network does not enter the cost at all"),
    Row("69 buses: purchase", "126.57", GRIDS, lambda s: f"{_grid(s, '69 buses')['purchase']:.0f}",
        lambda s: near(_grid(s, "69 buses")["purchase"], 126.57, 15), "as for the total"),
    Row("69 buses cost more than 33", "266 > 88", GRIDS,
        lambda s: f"{_grid(s, '69 buses')['mean']:.1f}, {_grid(s, '33 buses')['mean']:.1f}",
        lambda s: _grid(s, "69 buses")["mean"] > _grid(s, "33 buses")["mean"],
        "our larger case has more stock to sell for each vehicle; the page takes the difference apart"),
    Row("the same nodes on another feeder cost the same", "–", GRIDS,
        lambda s: f"{_grid(s, '69 buses, the eight nodes of the 33')['mean']:.2f}, {_grid(s, '33 buses')['mean']:.2f}",
        lambda s: near(_grid(s, "69 buses, the eight nodes of the 33")["mean"], _grid(s, "33 buses")["mean"])),
    Row("69 buses, second row: total and purchase", "1894.40; 2197.70", GRIDS,
        lambda s: f"{_grid(s, '69 buses, no exchange')['mean']:.0f}; "
        f"{_grid(s, '69 buses, no exchange')['purchase']:.0f} without exchange", None, "its label is an image"),
    Row("section 4.3: vehicles wait for cheaper energy within their elastic capacity", "they do", AGAIN,
        lambda s: f"less than they could in {statistics.fmean(d['ev_deferred_hours'] for d in _days(s)):.0f} of 24 h",
        lambda s: all(d["ev_deferred_hours"] > 0 for d in _days(s)), "they do not"),
    Row("section 4.4: exchange replaces purchase", "it does", AGAIN,
        lambda s: f"{statistics.fmean(d['exchanged_mwh'] for d in _days(s)):.2f} MWh exchanged, "
        f"{statistics.fmean(d['bought_mwh'] for d in _days(s)):.2f} bought a day",
        lambda s: all(d["exchanged_mwh"] > d["bought_mwh"] for d in _days(s)), "more is bought"),
    Row("section 4.5: voltages within their limits after the second stage", "improved", REACTIVE,
        lambda s: f"{statistics.fmean(d['bus_hours_without'] for d in s['rolling']['reactive']['days']):.0f} bus-hours "
        f"outside, then {statistics.fmean(d['bus_hours'] for d in s['rolling']['reactive']['days']):.1f}",
        lambda s: statistics.fmean(d["bus_hours"] for d in s["rolling"]["reactive"]["days"]) < 1.0,
        "some stay outside"),
    Row("section 4.5: losses and deviation fall", "improved", REACTIVE,
        lambda s: "{:.0f} to {:.0f} kWh, {:.4f} to {:.4f} pu".format(
            *(statistics.fmean(d[k] for d in s["rolling"]["reactive"]["days"])
              for k in ("loss_without", "loss", "deviation_without", "deviation"))),
        lambda s: all(d["loss"] < d["loss_without"] and d["deviation"] < d["deviation_without"]
                      for d in s["rolling"]["reactive"]["days"]), "they do not"),
    Row("section 4.5: scenarios are worth it", "said", WORTH,
        lambda s: f"limits broken in {_broken(s, 1):.0%} of fresh scenarios at 19 h by the expected hour, "
        f"{_broken(s, 20):.0%} by 20 scenarios", lambda s: _broken(s, 20) < _broken(s, 1), "they are not"),
    Row("section 4.6: fluctuation of the sun", "three weathers", ORDER,
        lambda s: ", ".join(f"{k} {s['rolling']['order']['cases'][k]['sun_kwh']:.0f} kWh"
                            for k in ("sunny", "cloudy", "fluctuating")), None, "its laws are not printed"),
    Row("section 4.7: storage fills by day and empties in the evening", "it does", AGAIN,
        lambda s: f"day 0: charges {plain(_days(s)[0]['charge_hours'][0])} to {plain(_days(s)[0]['charge_hours'][-1])} "
        f"h, discharges {plain(_days(s)[0]['discharge_hours'][0])} to {plain(_days(s)[0]['discharge_hours'][-1])} h",
        lambda s: all({17, 18, 19} <= set(d["discharge_hours"]) and {11, 12} <= set(d["charge_hours"])
                      for d in _days(s)), "at other hours"),
    Row("energy in storage at the end of the day", "not said", STORED,
        lambda s: f"free: {_flat(s, MANY)['mean']:.0f} CNY; worth 0.45 CNY/kWh: "
        f"{s['rolling']['stored']['rows'][MANY]['mean']:.0f}", None, "whether the stock may be sold is not said"),
    Row("tables 1 and 7: qualitative comparison with other work", "marks", "–", text("–"), None,
        "no figures to compare"),
]  # fmt: skip

FIGURE_ROWS = [
    figure("policies side by side", "rolling", ("policy-costs", "totals", "difference"), "a table"),
    figure("section 4.3: vehicles and their elastic capacity", "rolling", ("vehicles",), "curves"),
    figure("section 4.4: exchange and purchase by node", "rolling", ("exchange", "balance"), "curves"),
    figure("section 4.5: voltages before and after", "rolling", ("voltage-band", "voltage", "voltage-without"),
           "curves"),
    figure("section 4.5: reactive power of the sites", "rolling", ("reactive",), "curves"),
    figure("section 4.7: storage", "rolling", ("storage",), "curves"),
]  # fmt: skip

ROWS = {
    "Systems and settings": SYSTEM_ROWS,
    "Methods": METHOD_ROWS,
    "Studies and comparisons": RESULT_ROWS,
    "Figures": FIGURE_ROWS,
}
