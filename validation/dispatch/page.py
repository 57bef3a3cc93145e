"""What the dispatch studies promise, and the page about them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import common

Row = Mapping[str, Any]

# CNY a day and MWh bought, from two independent solvers on these data.
REFERENCE = {"1": ((36951.0, 36951.0), 58.31), "2": ((13760.0, 13760.0), 13.44), "3": ((13144.1, 13144.7), 11.7)}
# Published percentages: change of cost and of carbon against study 1, peak-valley difference of the voltage.
PAPER = {"1": (None, None, 4.24), "2": (None, None, 2.34), "3": (-47.9, -75.2, 1.79)}
EXPORT = {"curtailable, full load": 1.6357, "curtailable, 30 % load": 3.0442, "switching, full load": 2.0398}
OPEN_LINES = [3, 9, 26, 35, 36]
CERTIFICATE, CASE_SECONDS, SPEED = 2e-3, 120.0, 20.0

# --- what is promised -----------------------------------------------------------------------------


def faults(part: str, record: common.Record) -> list[str]:
    """What a record lacks of what the page promises."""
    if "error" in record:
        return [record["error"]]
    return _FAULTS[part](record)


def _unmet(name: str, row: Row, certificate: float | None = None) -> list[str]:
    """A plan that is missing, that AC power flow refuses, or whose certificate is too large."""
    if "infeasible" in row:
        return [f"{name}: {row['infeasible']}"]
    if not row["passed"]:
        return [f"{name}: the AC check failed: {row['verdict']}"]
    if certificate is not None and not common.number(row["certificate"]) <= certificate:
        return [
            f"{name}: the certificate {common.percent(common.number(row['certificate']))} is above {certificate:.1%}"
        ]
    return []


def _case(record: common.Record) -> list[str]:
    found = []
    for name, row in record["rows"].items():
        found += _unmet(f"study {name}", row, CERTIFICATE)
        if "infeasible" not in row and row["seconds"] > CASE_SECONDS:
            found.append(f"study {name} took {row['seconds']:.0f} s")
    for name, ((low, high), _) in REFERENCE.items():
        cost = record["rows"][name].get("cost", float("nan"))
        if not low * (1 - 1e-4) - 1 <= cost <= high * (1 + 1e-3):
            found.append(f"study {name} costs {cost:,.1f} CNY, the reference is {low:,.1f} to {high:,.1f}")
    return found


def _stressed(record: common.Record) -> list[str]:
    rows = record["rows"]
    found = [
        f"study {name} stressed is not proven infeasible"
        for name in ("1", "2")
        if not ("infeasible" in rows[name] and rows[name]["proven"])
    ]
    for name in ("3", "3 x1.8", "3 x2.3", "3 x2.3, banks with voltage"):
        row = rows[name]
        found += _unmet(f"study {name}", row, CERTIFICATE)
        found += [
            f"study {name}: {place} moves {moves:.0f} times"
            for place, (moves, most) in row.get("moves", {}).items()
            if moves > most
        ]
        for i, (low, high, _) in row.get("svc", {}).items():
            least, most = row["svc_limits"][i]
            if low < least - 1e-6 or high > most + 1e-6:
                found.append(f"study {name}: SVC {i} runs from {low} to {high} Mvar")
    if "infeasible" not in rows["3 x2.3"] and not _acts(rows["3 x2.3"], "shunt"):
        found.append("no bank moves at 2.3 times the load")
    return found


def _devices(record: common.Record) -> list[str]:
    rows = record["rows"]
    found = [fault for name, row in rows.items() for fault in _unmet(f"study {name}", row, CERTIFICATE)]
    if "infeasible" not in rows["3-free"]:
        found += [
            f"{what} does not move in study 3-free"
            for what, table in (("the tap changer", "ext_grid"), ("no bank", "shunt"))
            if not _acts(rows["3-free"], table)
        ]
    return found


def _source(record: common.Record) -> list[str]:
    rows = record["rows"]
    found = [fault for name, row in rows.items() for fault in _unmet(f"study {name}", row, CERTIFICATE)]
    found += [
        f"study {name} costs more where the voltage is free"
        for name in ("1", "2", "3")
        if not found and rows[f"{name} free"]["cost"] > rows[name]["cost"] * (1 + CERTIFICATE)
    ]
    known = [hour for hour in record["runopp"] if hour[2] is not None]
    if not known or any(abs(ours / theirs - 1) > SAME_IMPORT for ours, _, theirs, _ in known):
        found.append("study 1: an hour imports otherwise than by pandapower's optimal power flow")
    return found


# What the import of an hour may differ by from that of pandapower, whose interior point method ends within 1e-4 or so.
SAME_IMPORT = 1e-4


def _acts(row: Row, table: str) -> bool:
    return any(moves > 0 for place, (moves, _) in row["moves"].items() if place.startswith(table))


def _speed(record: common.Record) -> list[str]:
    found = [fault for run in record["runs"] if run["asked"] == "auto" for fault in _unmet(f"study {run['case']}", run)]
    ratio = _ratio(record, "3")
    if ratio is not None and ratio < SPEED:
        found.append(f"study 3 is solved {ratio:.1f} times faster than by SCIP on the same model, not {SPEED:g} times")
    return found


def _ratio(record: common.Record, case: str) -> float | None:
    """Seconds of SCIP over those of the slowest default run."""
    runs = [run for run in record["runs"] if run["case"] == case]
    own = [run["seconds"] for run in runs if run["asked"] == "auto"]
    scip = [run["seconds"] for run in runs if run["asked"] == "scip"]
    return scip[0] / max(own) if scip and own else None


def _stochastic(record: common.Record) -> list[str]:
    found = _unmet("the stochastic dispatch", record["row"], CERTIFICATE)
    if "fresh" in record and record["fresh"]["failed"]:
        found.append(f"{record['fresh']['failed']} fresh scenarios fail in AC")
    return found


def _simbench(record: common.Record) -> list[str]:
    return _unmet("the day", record["row"])


def _taps(record: common.Record) -> list[str]:
    rows = record["rows"]
    found = []
    for name, row in rows.items():
        # fixed taps may well not do; that is what the rows are for
        if not name.endswith("fixed"):
            found += _unmet(name, row)
    return found


def _tightness(record: common.Record) -> list[str]:
    found = []
    for name, exported in EXPORT.items():
        row = record["rows"][name]
        found += _unmet(name, row)
        if "infeasible" not in row and not row["energy"]["exported"] >= exported * (1 - 1e-3):
            found.append(f"{name}: exports {row['energy']['exported']:.4f} MW, known are {exported} MW")
    if not record["rows"]["must-take, full load"].get("proven"):
        found.append("must-take is not called infeasible")
    if (lines := record["rows"]["switching, full load"].get("open")) not in (None, OPEN_LINES):
        found.append(f"switching opens lines {lines}, not {OPEN_LINES}")
    return found


def _pareto(record: common.Record) -> list[str]:
    found = [fault for k, row in enumerate(record["rows"]) for fault in _unmet(f"point {k + 1}", row, CERTIFICATE)]
    found += [f"no sweep within {limit} s: {text}" for limit, text in record["ended"].items()]
    carbon = [row["carbon_kg"] for row in record["rows"]]
    if any(later > earlier + 1e-6 for earlier, later in itertools.pairwise(carbon)):
        found.append("carbon does not fall along the sweep")
    return found


_FAULTS = {
    "case": _case,
    "devices": _devices,
    "source": _source,
    "stressed": _stressed,
    "speed": _speed,
    "stochastic": _stochastic,
    "simbench": _simbench,
    "taps": _taps,
    "tightness": _tightness,
    "pareto": _pareto,
}

# --- the page -------------------------------------------------------------------------------------

_HEAD = [
    "",
    "cost (AC)",
    "bound",
    "gap",
    "AC check",
    "certificate",
    "build s",
    "solve s",
    "recovery s",
    "s in all",
    "of it CPU s",
    "AC s",
]


def _results(rows: Mapping[str, Row], unit: str, digits: int = 1) -> str:
    """Table of costs, proofs and times."""
    return common.table(
        [*_HEAD[:1], f"cost (AC), {unit}", *_HEAD[2:]], [_result(n, r, digits) for n, r in rows.items()]
    )


def _result(name: str, row: Row, digits: int) -> list[str]:
    if "infeasible" in row:
        proof = "infeasible, proven" if row["proven"] else "nothing found"
        return [name, proof, *["–"] * 7, common.seconds(row["seconds"]), "–", "–"]
    parts = row.get("parts", {})
    return [
        name,
        f"{row['cost']:,.{digits}f}",
        f"{common.number(row['bound']):,.{digits}f}",
        common.percent(common.number(row["gap"]), 4),
        "passed" if row["passed"] else "FAILED",
        common.percent(common.number(row["certificate"]), 4),
        *(common.seconds(parts.get(key)) for key in ("build", "solve", "recovery")),
        common.seconds(row["seconds"]),
        common.seconds(parts.get("cpu")),
        common.seconds(parts.get("ac")),
    ]


def _share(value: float, first: float) -> str:
    return f"{100 * (value - first) / first:+.1f} %"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1f} %"


def _items(rows: Mapping[str, Row], unit: str) -> str:
    """Table of the cost items of several studies."""
    names = list(dict.fromkeys(i for row in rows.values() for i, x in row["items"].items() if abs(x) > 5e-3))
    body = [[name, *(f"{row['items'].get(name, 0.0):,.1f}" for row in rows.values())] for name in names]
    total = ["**total**", *(f"**{row['cost']:,.1f}**" for row in rows.values())]
    return common.table([unit, *rows], [*body, total])


def _case_text(record: common.Record) -> str:
    rows = record["rows"]
    three = {name: rows[name] for name in ("1", "2", "3")}
    if any("infeasible" in row for row in rows.values()):
        return "Not solved; see above."
    first = three["1"]
    against = []
    for name, row in three.items():
        (low, high), bought = REFERENCE[name]
        reference = f"{low:,.0f}" if low == high else f"{low:,.1f} to {high:,.1f}"
        energy = row["energy"]["imported"]
        against.append(
            [name, f"{row['cost']:,.1f}", reference, f"{energy:.2f}", f"{bought:g}", f"{row['carbon_kg']:,.0f}"]
        )
    paper = [
        ["cost against study 1", *(_share(r["cost"], first["cost"]) for r in three.values())],
        ["– paper", *(_signed(PAPER[n][0]) for n in three)],
        ["carbon against study 1", *(_share(r["carbon_kg"], first["carbon_kg"]) for r in three.values())],
        ["– paper", *(_signed(PAPER[n][1]) for n in three)],
        [
            "voltage: highest less lowest of all buses and hours",
            *(common.percent(r["spread"], 2) for r in three.values()),
        ],
        ["voltage: of the bus with the widest day", *(common.percent(r["spread_bus"], 2) for r in three.values())],
        ["voltage: of the mean over the buses", *(common.percent(r["spread_mean"], 2) for r in three.values())],
        ['– paper, "peak-valley difference"', *(f"{PAPER[n][2]:.2f} %" for n in three)],
        ["lowest and highest voltage, pu", *(f"{r['vm'][0]:.4f} to {r['vm'][1]:.4f}" for r in three.values())],
        ["curtailed, MWh", *(f"{abs(r['energy']['curtailed']):.2f}" for r in three.values())],
    ]
    banks = rows["3 banks"]["cost"] - rows["3"]["cost"]
    steps = sum(abs(k) for series in rows["3"]["steps"].values() for k in series)
    fleets = []
    for seed, fleet in record["fleets"].items():
        changes = [rows[f"{n} fleet {seed}"]["cost"] - rows[n]["cost"] for n in ("1", "3")]
        fleets.append(
            [
                seed,
                f"{fleet['sampled_mwh']:.3f} against {fleet['fixed_mwh']:.3f}",
                f"{fleet['sampled_peak_mw'] * 1e3:.1f} against {fleet['fixed_peak_mw'] * 1e3:.1f}",
                f"{fleet['largest_difference_mw'] * 1e3:.1f} ({fleet['largest_standard_error_mw'] * 1e3:.1f})",
                *(f"{c:+.1f} ({100 * c / rows[n]['cost']:+.2f} %)" for c, n in zip(changes, ("1", "3"), strict=True)),
            ]
        )
    idle = (
        "No step is switched on in study 3, so that nothing can differ; where the banks do work, see *Under stress*."
        if steps == 0
        else "The banks follow the square of the voltage then."
    )
    moves = sum(m for m, _ in rows["3"]["moves"].values())
    return CASE.format(
        results=_results({f"study {n}": r for n, r in three.items()}, "CNY"),
        against=common.table(["study", "cost, CNY", "reference", "bought, MWh", "reference", "carbon, kg"], against),
        items=_items({f"study {n}": r for n, r in three.items()}, "CNY"),
        paper=common.table(["", *(f"study {n}" for n in three)], paper),
        share=f"{100 * three['2']['energy']['available'] / three['2']['energy']['load']:.0f} %",
        tap=(
            "none moves in study 3: the voltage is within its limits anyway, and a\n  move costs 200 CNY"
            if moves == 0
            else f"{moves:.0f} moves in study 3"
        ),
        banks=f"{banks:+.4f} CNY. {idle}",
        fleets=common.table(
            [
                "seed",
                "energy, MWh",
                "peak, kW",
                "largest difference (standard error), kW",
                "study 1, CNY",
                "study 3, CNY",
            ],
            fleets,
        ),
    )


def _devices_text(record: common.Record) -> str:
    rows = {name: row for name, row in record["rows"].items() if "infeasible" not in row}
    names = [f"study {name}" for name in rows]

    def spread(title: str, key: str, which: int) -> list[str]:
        return [title, *(common.percent(row[key][which], 2) for row in rows.values())]

    readings = [
        ["highest less lowest of all buses and hours", *(common.percent(r["spread"], 2) for r in rows.values())],
        spread("over the buses in an hour, the largest", "spread_period", 0),
        spread("over the buses in an hour, the mean", "spread_period", 1),
        spread("over the hours at a bus, the largest", "spread_of_bus", 0),
        spread("over the hours at a bus, the mean", "spread_of_bus", 1),
        ['– paper, "peak-valley difference"', *(f"{PAPER[n][2]:.2f} %" if n in PAPER else "–" for n in rows)],
        ["largest current, A", *(f"{r['current_a'][0]:.1f}" for r in rows.values())],
        ["mean current of the lines that carry any, A", *(f"{r['current_a'][1]:.2f}" for r in rows.values())],
        ["losses, MWh", *(f"{r['energy']['losses']:.3f}" for r in rows.values())],
    ]
    acts = []
    for name, row in rows.items():
        svc = [f"{low:.3f} to {high:.3f} ({hours} h)" for low, high, hours in row.get("svc", {}).values()]
        moves = f"{_moved(row, 'ext_grid')}; {_moved(row, 'shunt')}"
        acts.append([name, moves, _course(row["taps"]), _course(row["steps"]), "; ".join(svc) or "–"])
    return DEVICES.format(
        results=_results({f"study {n}": r for n, r in record["rows"].items()}, "CNY"),
        readings=common.table(["", *names], readings),
        acts=common.table(
            ["study", "moves: tap; banks", "tap position by hour", "steps by hour", "SVC, Mvar (hours in use)"], acts
        ),
        claim=_claim(rows),
        left_out=" ".join(f"Study {name}: {note}" for name, row in rows.items() for note in row.get("left_out", [])),
    )


def _source_text(record: common.Record) -> str:
    rows, ends = record["rows"], record["ends"]
    lines = [
        [
            f"study {name}",
            f"{rows[name]['cost']:,.1f}",
            f"{rows[f'{name} free']['cost']:,.1f}",
            f"{rows[name]['energy']['losses']:.3f}",
            f"{rows[f'{name} free']['energy']['losses']:.3f}",
            common.percent(common.number(rows[f"{name} free"]["certificate"]), 4),
            "{:.4f} to {:.4f}".format(*ends[f"{name} free"]),
        ]
        for name in ("1", "2", "3")
    ]
    known = [hour for hour in record["runopp"] if hour[2] is not None]
    return SOURCE.format(
        table=common.table(
            ["", "cost, CNY", "voltage free", "losses, MWh", "voltage free", "certificate", "voltage held, pu"], lines
        ),
        hours=len(known),
        every=len(record["runopp"]),
        power=max(abs(1e3 * (ours - theirs)) for ours, _, theirs, _ in known),
        volts=max(abs(ours - theirs) for _, ours, _, theirs in known),
    )


def _claim(rows: Mapping[str, Row]) -> str:
    """Say of what the paper claims of study 3 what holds here."""
    two, three = rows["2"], rows["3"]
    words = []
    for what, before, after, unit in (
        ("the largest current", two["current_a"][0], three["current_a"][0], "A"),
        ("the mean current", two["current_a"][1], three["current_a"][1], "A"),
        ("the energy lost", two["energy"]["losses"], three["energy"]["losses"], "MWh"),
    ):
        words.append(f"{what} {'falls' if after < before else 'rises'} ({before:.4g} to {after:.4g} {unit})")
    agree = sum(word.find("falls") > 0 for word in words)
    here = "All of it holds here" if agree == len(words) else "Here not all of that holds"
    return f"{here}: from study 2 to study 3 {words[0]}, {words[1]}, and {words[2]}."


def _stressed_text(record: common.Record) -> str:
    rows = record["rows"]
    acts = []
    for name, row in rows.items():
        if "infeasible" in row:
            acts.append([name, row["infeasible"].partition(";")[0], *["–"] * 5])
            continue
        svc = [f"{low:.3f} to {high:.3f} ({hours} h)" for low, high, hours in row.get("svc", {}).values()]
        acts.append(
            [
                name,
                "feasible",
                f"{row['vm'][0]:.4f} to {row['vm'][1]:.4f}",
                _course(row["taps"]),
                f"{_moved(row, 'ext_grid')}; {_moved(row, 'shunt')}",
                _course(row["steps"]),
                "; ".join(svc) or "–",
            ]
        )
    places = [[name, rows[name]["infeasible"]] for name in rows if "infeasible" in rows[name]]
    with_voltage, constant = rows["3 x2.3, banks with voltage"], rows["3 x2.3"]
    difference = "–"
    if "infeasible" not in with_voltage and "infeasible" not in constant:
        difference = (
            f"{with_voltage['cost'] - constant['cost']:+.2f} CNY ({_share(with_voltage['cost'], constant['cost'])})"
        )
    return STRESSED.format(
        results=_results({f"study {n}": r for n, r in rows.items()}, "CNY"),
        acts=common.table(
            [
                "study",
                "",
                "voltage, pu",
                "tap position by hour",
                "moves: tap; banks",
                "steps by hour",
                "SVC, Mvar (hours in use)",
            ],
            acts,
        ),
        places=common.table(["study", "what is said"], places),
        difference=difference,
        reading=_stress_reading(rows),
    )


def _stress_reading(rows: Mapping[str, Row]) -> str:
    """Say who has to act, out of the rows themselves."""
    plain, heavier, heavy = rows["3"], rows["3 x1.8"], rows["3 x2.3"]
    lines = []
    if "infeasible" not in plain:
        lines.append(
            "At 1.5 times the load the SVCs alone "
            + ("hold the voltage: no tap and no bank moves." if not _acts(plain, "") else "do not suffice.")
        )
    for text, row in (("1.8", heavier), ("2.3", heavy)):
        if "infeasible" in row:
            continue
        which = [word for word, table in (("tap changer", "ext_grid"), ("banks", "shunt")) if _acts(row, table)]
        lines.append(f"At {text} times the load these move: {' and '.join(which) or 'none'}.")
    needed = [
        f"{name.partition(', ')[2]}: "
        + ("infeasible" + (" (proven)" if row["proven"] else "") if "infeasible" in row else f"{row['cost']:,.1f} CNY")
        for name, row in rows.items()
        if name.startswith("3 x2.3, ") and "voltage" not in name
    ]
    lines.append(f"Whether they are needed at 2.3: {'; '.join(needed)}. The SVCs stay within -0.1 to 0.3 Mvar.")
    return " ".join(lines)


def _moved(row: Row, table: str) -> str:
    found = [f"{m:.0f} of {most:.0f}" for place, (m, most) in row["moves"].items() if place.startswith(table)]
    return ", ".join(found) or "–"


def _course(series: Mapping[str, list[int]]) -> str:
    """Positions over the day, equal ones once: ``2 (0–16), 5 (17–23)``."""
    texts = []
    for name, values in series.items():
        runs: list[list[int]] = []
        for t, value in enumerate(values):
            if runs and runs[-1][0] == value:
                runs[-1][2] = t
            else:
                runs.append([value, t, t])
        always = f"{runs[0][0]} all day" if len(runs) == 1 else ""
        texts.append(
            f"{name}: " + (always or ", ".join(f"{v} ({a}–{b})" if a < b else f"{v} ({a})" for v, a, b in runs))
        )
    return "; ".join(texts) or "–"


def _speed_text(record: common.Record) -> str:
    rows = []
    for run in record["runs"]:
        name = f"{run['case']}, {'SCIP' if run['asked'] == 'scip' else 'default'}"
        busy = "–" if run["busy"] is None else f"{run['busy']:.1f}"
        cells = _result(name, run, 1)
        rows.append([*cells[:5], *cells[6:8], cells[9], busy])
    cases = dict.fromkeys(run["case"] for run in record["runs"])
    ratios = [f"study {case}: {ratio:.1f}" for case in cases if (ratio := _ratio(record, case)) is not None]
    return SPEED_TEXT.format(
        rows=common.table(
            ["study", "cost, CNY", "bound", "gap", "AC check", "build s", "solve s", "s in all", "busy cores before"],
            rows,
        ),
        ratios="; ".join(ratios),
        aim=SPEED,
    )


def _stochastic_text(record: common.Record) -> str:
    row = record["row"]
    if "infeasible" in row:
        return row["infeasible"]
    worth, fresh = record.get("worth"), record.get("fresh")
    scenarios = [
        [str(k), f"{p:.3f}", f"{c:,.1f}"]
        for k, (p, c) in enumerate(zip(record["probabilities"], record["scenario_costs"], strict=True))
    ]
    lines = []
    if worth:
        value = common.number(worth["vss"])
        lines += [
            f"* Wait and see: {common.number(worth['wait_and_see']):,.1f} CNY; expected value of perfect information: "
            f"{common.number(worth['evpi']):,.1f} CNY.",
            f"* Decisions made for the mean of the scenarios: {common.number(worth['expected_value_cost']):,.1f} CNY; "
            f"value of the stochastic solution: {value:,.1f} CNY. Each of these costs is known to within the gap of "
            f"0.1 % ({0.001 * row['cost']:.0f} CNY), so that a value below that is not told from zero. "
            f"{common.seconds(worth['seconds'])} s with two processes.",
        ]
    if fresh:
        bad = fresh["infeasible"] + fresh["failed"]
        mean, sd, low, high = fresh["cost"]
        open_ = f", {fresh['undecided']} not decided in time" if fresh.get("undecided") else ""
        lines.append(
            f"* Out of sample, {fresh['count']} fresh scenarios, the first stage kept: {fresh['infeasible']} without "
            f"recourse, {fresh['failed']} that break a limit in AC: {common.percent(bad / fresh['count'], 1)} in "
            f"all{open_}. Mean cost {mean:,.1f} CNY (standard deviation {sd:,.1f}, {low:,.1f} to {high:,.1f}) against "
            f"{row['cost']:,.1f} expected. {common.seconds(fresh['seconds'])} s with two processes."
        )
        (all_mean, all_sd), (mean, sd), (new_mean, new_sd) = (
            record["available_mwh"][which] for which in ("all", "kept", "fresh")
        )
        lines.append(
            f"* The ten are milder than the days they stand for: what sun and wind could give in a day is {mean:.2f} ± "
            f"{sd:.2f} MWh in them, {all_mean:.2f} ± {all_sd:.2f} in the thousand, {new_mean:.2f} ± {new_sd:.2f} in "
            "the fresh ones (mean and standard deviation). With the first stage kept cost is convex in it, so that the "
            "expected cost over the ten is rather too low; the distance above says how much the reduction leaves out."
        )
    return STOCHASTIC.format(
        draw=f"{record['draw_seconds'] + record['reduce_seconds']:.2f}",
        distance=f"{record['distance']:.3f}",
        one=f"{record['distance_one']:.3f}",
        deviation=", ".join(f"{x:.2f}" for x in record["largest_deviation_mw"]),
        result=_results({"10 × 24": row}, "CNY expected"),
        periods=row["periods"],
        peak=f"{row['peak_mb']:,.0f}",
        scenarios=common.table(["scenario", "probability", "cost, CNY"], scenarios),
        lines="\n".join(lines),
    )


def _simbench_text(record: common.Record) -> str:
    row = record["row"]
    if "infeasible" in row:
        return row["infeasible"]
    energy = row["energy"]
    methods = ", ".join(f"{n} by {m}" for m, n in row["recovered"].items()) or "none"
    return SIMBENCH.format(
        source=record["source"],
        buses=record["buses"],
        storages=record["storages"],
        result=_results({"day 149": row}, "EUR"),
        recovered=methods,
        periods=row["periods"],
        invented=f"{row['invented_kw']:,.0f}",
        plain=f"{common.number(row.get('plain_bound')):,.1f}",
        energy=f"{energy['available']:.1f} MWh available, {energy['used']:.1f} used, {energy['exported']:.1f} "
        f"exported, {energy['imported']:.1f} bought, {energy['losses']:.2f} lost; {record['charged_mwh']:.1f} MWh "
        f"charged, {record['discharged_mwh']:.1f} discharged",
        vm=f"{row['vm'][0]:.4f} to {row['vm'][1]:.4f}",
        peak=f"{row['peak_mb']:,.0f}",
    )


def _taps_text(record: common.Record) -> str:
    rows = record["rows"]
    chosen = [
        [
            name,
            _course(r["taps"]) if r["taps"] else "as given",
            f"{r['vm'][0]:.4f} to {r['vm'][1]:.4f}",
            f"{r['energy']['losses']:.2f}",
        ]
        for name, r in rows.items()
        if "infeasible" not in r
    ]
    said = [[name, r["infeasible"]] for name, r in rows.items() if "infeasible" in r]
    return TAPS.format(
        results=_results(rows, "EUR"),
        chosen=common.table(["", "taps by hour", "voltage (AC), pu", "losses, MWh"], chosen),
        worth=_worth(rows),
        said=common.table(["", "what is said"], said) if said else "",
    )


def _worth(rows: Mapping[str, Row]) -> str:
    """Say by how much free taps are cheaper than those as shipped."""
    fixed = rows["as shipped, fixed"]
    free = [row for name, row in rows.items() if name.endswith("free") and "infeasible" not in row]
    if "infeasible" in fixed or not free:
        return "nothing to compare"
    saved = fixed["cost"] - min(row["cost"] for row in free)
    return (
        f"at best {saved:.2f} EUR ({common.percent(saved / fixed['cost'])}) below the taps as shipped, moves included"
    )


def _tightness_text(record: common.Record) -> str:
    body = []
    for name, row in record["rows"].items():
        known = EXPORT.get(name.removesuffix(", exact"))
        if "infeasible" in row:
            body.append(
                [
                    name,
                    *["–"] * 4,
                    "infeasible" + (", proven" if row["proven"] else ""),
                    *["–"] * 3,
                    f"{row['seconds']:.2f}",
                ]
            )
            continue
        method = ", ".join(row["recovered"]) or "none needed"
        lines = f"; open {' '.join(map(str, row['open']))}" if "open" in row else ""
        body.append(
            [
                name,
                "–" if known is None else f"{known:.4f}",
                "–" if "exact" in name else f"{-common.number(row.get('plain_bound')):.4f}",
                f"{-common.number(row['bound']):.4f}",
                f"{row['energy']['exported']:.4f}{lines}",
                method,
                f"{row['invented_kw']:.1f}",
                ("passed" if row["passed"] else "FAILED") + f", {row['vm'][1]:.4f} pu at most",
                common.percent(common.number(row["certificate"]), 2),
                f"{row['seconds']:.2f}",
            ]
        )
    head = [
        "",
        "known optimum, MW",
        "plain bound, MW",
        "bound, MW",
        "exported, MW",
        "recovered by",
        "invented, kW",
        "AC check",
        "certificate",
        "s",
    ]
    told = [[name, row["infeasible"]] for name, row in record["rows"].items() if "infeasible" in row]
    return TIGHTNESS.format(
        rows=common.table(head, body), told=common.table(["", "what is said"], told) if told else ""
    )


def _pareto_text(record: common.Record) -> str:
    if not record["rows"]:
        return "No sweep came out; see above."
    body = []
    first = record["rows"][0]
    for row in record["rows"]:
        budget = row["budget_kg"]
        body.append(
            [
                "none" if budget is None else f"{budget:,.1f}",
                f"{row['carbon_kg']:,.1f}",
                f"{row['cost']:,.1f}",
                _share(row["cost"], first["cost"]),
                f"{row['energy']['imported']:.2f}",
                common.percent(common.number(row["gap"]), 4),
                "passed" if row["passed"] else "FAILED",
                common.seconds(row["seconds"]),
            ]
        )
    head = ["budget, kg", "carbon, kg", "cost (AC), CNY", "", "bought, MWh", "gap", "AC check", "s"]
    return PARETO.format(
        rows=common.table(head, body), seconds=common.seconds(record["seconds"]), limit=record["limit"]
    )


_TEXTS = {
    "case": ("The case", _case_text),
    "devices": ("Voltages, currents, and studies in which the devices work", _devices_text),
    "source": ("Voltage of the mains as a decision", _source_text),
    "stressed": ("Under stress", _stressed_text),
    "speed": ("Beside SCIP", _speed_text),
    "stochastic": ("Ten scenarios", _stochastic_text),
    "simbench": ("A day of quarter-hours", _simbench_text),
    "taps": ("Tap changers of a real net", _taps_text),
    "tightness": ("Where the relaxation breaks", _tightness_text),
    "pareto": ("Cost against carbon", _pareto_text),
}


def page(records: dict[str, common.Record]) -> str:
    """The page."""
    failed = {part: found for part, record in records.items() if (found := faults(part, record))}
    ran = {part: record for part, record in records.items() if "error" not in record}
    sections = []
    for part, (title, text) in _TEXTS.items():
        body = text(ran[part]) if part in ran else records.get(part, {}).get("error", "Not run.")
        sections.append(f"## {title}\n\nPart `{part}`.\n\n{body.strip()}\n")
    return PAGE.format(
        verdict=common.verdict(failed),
        sections="\n".join(sections),
        environment=common.environment_text(ran),
        load=common.load_text({part: record.get("busy_cores_before") for part, record in ran.items()}),
    )


PAGE = """# Dispatch

Written by `run.py` beside this page; do not edit it.

{verdict}

*cost (AC)* is what full AC power flow of every period makes of the plan, pushed back into the net; *bound* is proven
by relaxation: no plan costs less. *gap* is (model − bound) / model, *certificate* the same
with the AC cost. Searches were to stop at a gap of 0.1 %. *build*, *solve*, *recovery* are parts of *s in all*, which
counts from the call to the plan, with reading the net; *CPU s* is what the processor spent on that, whatever else ran;
*AC s* is the check. The first dispatch of a process, which compiles code, is not counted; Python and imports are not
either.

{sections}
## When and on what

{environment}

{load}

## Again

    python -m pip install '.[cases,simbench]'
    python validation/dispatch/run.py                      # all, about half an hour
    python validation/dispatch/run.py case tightness       # these; the page keeps the other parts
    python validation/dispatch/run.py --page               # only the page

The exit code is not 0 if a part that ran fails. The numbers are in `results.json`.
"""

CASE = """
`networks/ieee33_dispatch.json`: the IEEE 33-bus feeder over 24 hours. Study 1 has no renewables and no devices, study 2
has sun and wind that may be curtailed, study 3 everything.

{results}

References: two independent solvers on these data, with banks of constant reactive power, the tap starting at 1.02, each
block of vehicles moved as a whole and nothing fed back.

{against}

{items}

### Beside the paper

Wan et al. 2023, doi:10.3389/fenrg.2023.1259445, reports percentages only.

{paper}

Why they differ:

* The paper's curves of load, sun and wind, and its tariff, are images or not printed. Those of the case are chosen
  (`networks/PROVENANCE.md`), so that {share} of the load's energy could come from sun and wind, at 0.1 CNY/kWh
  against 0.25 to 0.82 from the mains. Nearly all of the fall is study 2, which has no device but curtailment; what the
  others add is the small step from study 2 to 3. In the paper 83.8 % of the sun and 96.1 % of the wind are used in
  study 3, here all of both. The direction and the order of the studies agree with the paper; the digits cannot.
* What the paper's peak-valley difference is of is not known here. None of the three readings above gives its figures,
  and only the first falls from study to study as the paper's does; for a single bus, and for the mean, sun and wind
  *widen* the day in study 2. Nothing in the objective asks for a flat voltage, only for one within 0.94 to 1.06 pu.
* The paper's tap changer moves five times; here {tap}.

### Other banks, other vehicles

Banks that depend on voltage (`constant_q` False) change study 3 by {banks}

The vehicles drawn anew, 30 runs of 300 (`adnflex.scenarios.sample_fleet`), in place of the fixed curve, which was drawn
in the same way:

{fleets}
"""

SOURCE = """
The studies with the tap changer at the mains, which rests in all three, and without its positions: then any voltage
from 0.94 to 1.06 pu is a decision of every hour, as `ext_grid.controllable` says (pandapower's own meaning).

{table}

Beside pandapower: the hours of study 1 have nothing else to decide, so that its `runopp` looks for the same optimum. It
converges in {hours} of {every} hours; the import differs by {power:.2g} kW at most, the voltage by {volts:.1g} pu.
"""

DEVICES = """
*3-free* is study 3 with moves of the tap changer and reactive power of banks and compensators for nothing; *3-heavy* is
study 3 under stress with 2.3 times the load. Both are studies of the case: `--study 3,3-free,3-heavy`.

{results}

The paper's figures 8 and 9 are voltages by node and currents by branch. Which peak-valley difference its percentages
are of is not said; every reading, by AC power flow:

{readings}

The paper says that in study 3 the current of each branch is clearly lower than in studies 1 and 2, and that this lowers
the losses. {claim} The devices of study 3 are paid for what they do, and losses are a small part of the bill: storages
and vehicles follow the tariff, which moves energy through the lines in other hours, and reactive power costs more than
the losses that it saves. Where it costs nothing (*3-free*) the losses fall.

What the devices do:

{acts}

{left_out}
"""

STRESSED = """
Load of the feeder × 1.5, three times as many vehicles from 18 to 21 h, a quarter of the wind; `x1.8` and `x2.3` are the
same with that load factor instead. Limits 0.94 to 1.06 pu. The tap changer and each bank may move 5 times a day.

{results}

{acts}

What adnflex says of those that cannot be met:

{places}

{reading}

Banks that depend on voltage instead of banks of constant reactive power, at 2.3 times the load: {difference}.
"""

SPEED_TEXT = """
To a gap of 0.1 %, the same model in the same process, one after the other; SCIP had 300 s for study 3 and 120 s for the
others.

{rows}

Seconds of SCIP over those of the slowest default run: **{ratios}**.

Both solve the model that adnflex builds, so that SCIP has the good of its strengthening too, and of the charge modes
that are left out until they are needed. The 204 s of SCIP that the project set out from were measured on a textbook
model, which is not repeated here. A factor of {aim:g} was asked for on the same model.
"""

STOCHASTIC = """
Study 3 with 1000 scenarios of the sun and wind at each of the four sites: ARMA errors, independent between the sites,
of 5 % of the forecast (sun) and 4 % of the rating (wind) in the white noise; the largest standard deviation of a site
is {deviation} MW of its 1.5 MW.

Reduced to 10 by fast forward selection, in {draw} s with the drawing; Kantorovich distance {distance} MW, where a
single scenario would have {one} MW. Taps, steps, blocks, reductions and charge modes are the same in every scenario.

{result}

All {periods} power flows are in the check. Largest memory of the process after the dispatch: {peak} MiB.

{scenarios}

{lines}
"""

SIMBENCH = """
`{source}`: {buses} buses, {storages} storages, 96 quarter-hours; see `docs/simbench.md`. A negative cost is income.

{result}

Recovered periods: {recovered}, of {periods}; the plain relaxation invents {invented} kW of loss, added up over them,
and bounds the cost at {plain} EUR; the bound in the table has secants of the cone in it.

{energy}. Voltage {vm} pu in AC, limits 0.965 to 1.055.
Largest memory of the process after the dispatch: {peak} MiB.
"""

TAPS = """
`mv_oberrhein`, its two 25 MVA transformers with 19 positions of 1.5 % each, a working day of load (no generation, as
shipped), 100 EUR/MWh, 5 EUR a move, 6 moves a day at most. *as shipped*: positions −2 and −3 before the day,
0.95 to 1.05 pu. *from neutral*: 0 and 0 before the day. *narrow*: as shipped, 0.96 to 1.04 pu; *by hand at −2* shows
that an answer exists there. *free* has 120 s.

{results}

{chosen}

A *free* row is within its gap of the best, and the gap is more than what the taps are worth here ({worth}). So these
rows tell that taps are chosen and hold in AC, not which are best.

{said}
"""

TIGHTNESS = """
case33bw with 2, 1, 1 and 2 MW of sun at buses 18, 22, 25 and 33, one hour, 0.9 to 1.05 pu, energy fed back is paid 1
EUR/MWh. The known optima are proven by spatial branch and bound on the exact equations.

{rows}

* *plain bound* is that of the relaxation, *bound* the one after secants of the cone, both as export; in the rows
  *exact* it is that of the exact equations. What lies between it and the export is the
  relaxation's fault, not the plan's: the rows *exact* tell how good the plan is.
* *invented*: loss of the relaxation that does not exist.

{told}
"""

PARETO = """
Study 3, six plans from the cheapest to the cleanest, within {limit} s; {seconds} s in all.

{rows}
"""
