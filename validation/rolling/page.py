"""What the study of the rolling schedule promises, and the page about it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import beside
import common
import second
from policies import Row, paired

# Total [CNY a day] and half its 95 % confidence interval (unpaired; None: not known), from an independent
# implementation of the same model on other random days.
REFERENCE: dict[str, tuple[float, float | None]] = {
    "own": (765.8, 44),
    "own/match, M = 1, mean future": (102.4, 27),
    "own/match, M = 1": (109.6, 27),
    "own/match, M = 1, no common numbers": (501.0, 43),
    "own/match, M = 10": (85.1, 31),
    "own/match, M = 10, no common numbers": (415.8, None),
    "own/match, M = 30": (87.8, 29),
    "own/full, M = 30, match last": (270.9, 29),
    "own/full, M = 1, no common numbers": (1252, 91),
    "pool": (19.0, 27),
    "pool/full, M = 30": (17.5, None),
    "pool/full+mpc, M = 10": (13.2, 26),
    "mpc:mean": (22.4, None),
    "mpc:5": (14.4, 25),
    "floor": (13.15, 26),
}
FLOOR = 13.15
WEATHER = {
    "sunny": {"own/match, M = 30": 88.5, "mpc:mean": 29.2, "floor": 17.7},
    "cloudy": {"own/match, M = 30": 184.7, "mpc:mean": 147.9, "floor": 146.9},
    "fluctuating": {"own/match, M = 30": 128.1, "mpc:mean": 84.8, "floor": 83.6},
}
APART = {"own": 1347, "own/match, M = 30": 1187, "mpc:mean": 1212, "mpc:5": 1198, "floor": 1152}
TARIFF = {
    "floor": -109.4,
    "own": 1314,
    "own/match, M = 30": 46.6,
    "pool": 182,
    "pool/match, M = 30 (default)": 17.1,
    "pool/match+plans, M = 30": 13.7,
    "pool/match+mpc, M = 30": 8.3,
    "mpc:mean": -44.7,
    "mpc:5": -58.7,
}
STORED = {
    "own/match, M = 30": 45.8,
    "own/full, M = 30": 45.7,
    "own/match, M = 1": 49.0,
}
PUBLISHED = {"several simulations": 88.06, "one simulation": 524.81, "no exchange": 1330.83}
PUBLISHED_WEATHER = {"sunny": 88.06, "cloudy": 234.76, "fluctuating": 350.81}
MILLISECONDS = 10.0
# Each rollout row and the base policy that it must not be worse than; those with common random numbers and samples.
BASES = {
    "own/match, M = 10": "own",
    "own/match, M = 30": "own",
    "own/full, M = 30": "own",
    "pool/match, M = 30 (default)": "pool",
    "pool/full, M = 30": "pool",
    "pool/full+mpc, M = 10": "pool",
    "pool/match+plans, M = 30": "pool",
    "pool/match+mpc, M = 30": "pool",
}

# --- what is promised -----------------------------------------------------------------------------


def faults(part: str, record: common.Record) -> list[str]:
    """What a record lacks of what the page promises."""
    if "error" in record:
        return [record["error"]]
    if part in second.PARTS:
        return second.faults(part, record)
    groups = record["cases"].items() if "cases" in record else [("", record)]
    found = []
    for name, group in groups:
        rows = group["rows"]
        found += [f"{name} {fault}".strip() for fault in _always(rows)]
    if part in ("flat", "ties"):
        found += _agreement(record["rows"])
    if part in beside.PARTS:
        found += beside.faults(part, record)
    if part == "flat":
        default = record["rows"]["pool/match, M = 30 (default)"]
        if default["ms"] > MILLISECONDS:
            found.append(f"a decision of the default policy takes {default['ms']:.1f} ms")
    return found


def _always(rows: Mapping[str, Row]) -> list[str]:
    """Nothing beats the floor on any day, rollout is not significantly worse than its base, the items add up."""
    found = []
    for label, row in rows.items():
        beaten = [d for d, (a, b) in enumerate(zip(row["days"], rows["floor"]["days"], strict=True)) if a < b - 0.01]
        found += [f"{label} is below the floor on day {d}" for d in beaten]
        if row["identity"] > 1e-6:
            found.append(f"{label}: the items add up to the total but for {row['identity']:g}")
        if row["unmet_kwh"] > 1e-6:
            found.append(f"{label}: {row['unmet_kwh']:g} kWh of need are not met")
    for label, base in BASES.items():
        if label in rows and base in rows:
            mean, half, _ = paired(rows[label], rows[base])
            if mean - half > 0:
                found.append(f"{label} is worse than {base} by {mean:.2f} ± {half:.2f}")
    return found


def _agreement(rows: Mapping[str, Row]) -> list[str]:
    """Rows that are farther from the reference than both confidence intervals allow."""
    found = []
    for label, (value, half) in REFERENCE.items():
        if half is None or label not in rows:
            continue
        row = rows[label]
        both = math.hypot(half, row["ci95"])
        if abs(row["mean"] - value) > both:
            found.append(f"{label} is {row['mean']:.1f}, the reference {value:.1f}, farther apart than {both:.1f}")
    return found


# --- the page -------------------------------------------------------------------------------------


def page(records: Mapping[str, common.Record]) -> str:
    """Write the page."""
    found = {part: faults(part, record) for part, record in records.items()}
    parts = [
        "# The rolling schedule\n",
        common.verdict({part: f for part, f in found.items() if f}) + "\n",
        _INTRODUCTION,
    ]
    for part, record in records.items():
        if "error" not in record:
            parts.append(_SECTIONS[part](record))
    parts.append("## Where and when\n\n" + common.environment_text(records) + "\n")
    parts.append(common.load_text({k: r.get("busy_cores_before") for k, r in records.items()}) + "\n")
    return "\n".join(parts)


_INTRODUCTION = """The case is `rolling33`: 33 buses, eight nodes with vehicles, four with sun, two with wind, three
with storage. What is published of it and what was chosen is in `networks/PROVENANCE.md`. All policies of a table meet
the same days (seed 1); ± is half a 95 % confidence interval of the mean over days (Student). *Less floor* and *less
base* are paired differences on the same days. *Reference* is what an independent implementation of the same model
reached on other random days (30 of them, unless a table says otherwise), so that totals may differ by both intervals.
Every row is checked: the floor is not beaten on any day, a rollout with common random numbers is not significantly
worse than its base policy, the five items add up to the total, every need is met.
"""


def _table(rows: Mapping[str, Row], reference: Mapping[str, float | tuple[float, float | None]]) -> str:
    lines = []
    for label, row in rows.items():
        known = reference.get(label)
        value, half = known if isinstance(known, tuple) else (known, None)
        base = BASES.get(label)
        off, off_half, _ = paired(row, rows["floor"])
        less = ""
        if base in rows:
            mean, width, good = paired(row, rows[base])
            less = f"{mean:+.2f} ± {width:.2f} ({good} of {len(row['days'])} days not worse)"
        lines.append(
            [
                label,
                f"{row['mean']:.1f} ± {row['ci95']:.1f}",
                "" if value is None else f"{value:g}" + ("" if half is None else f" ± {half:g}"),
                f"{row['purchase']:.0f}",
                f"{1e3 * row['spilled_mwh']:.0f}",
                "" if label == "floor" else f"{off:+.2f} ± {off_half:.2f}",
                less,
                f"{row['ms']:.2f}",
            ]
        )
    head = ["policy", "total, CNY", "reference", "purchase, CNY", "spilled, kWh", "less floor", "less base", "ms"]
    return common.table(head, lines) + "\n"


def _pair(rows: Mapping[str, Row], label: str, other: str) -> str:
    mean, half, _ = paired(rows[label], rows[other])
    return f"{mean:+.1f} ± {half:.1f}"


def _count(rows: Mapping[str, Row]) -> int:
    return len(rows["floor"]["days"])


def _flat_section(record: common.Record) -> str:
    rows = record["rows"]
    gap = {key: REFERENCE[key][0] - FLOOR for key in ("pool", "mpc:mean", "mpc:5")}
    default = rows["pool/match, M = 30 (default)"]
    return f"""## Flat tariff, sunny: {_count(rows)} days

{_table(rows, REFERENCE)}
Less its floor the reference has {gap["pool"]:.2f} (pool), {gap["mpc:mean"]:.2f} (mpc:mean) and {gap["mpc:5"]:.2f}
(mpc:5). What the programmes lose they lose on a few days, so that it differs much between samples of days. ms
is the mean time of a decision; {len(default["days"])} days of the default policy take
{default["seconds"]:.0f} s in one process, tables and all.

The paper's table has {PUBLISHED["several simulations"]} CNY with several simulations and
{PUBLISHED["one simulation"]} with one. A single simulation with common random numbers costs
{_pair(rows, "own/match, M = 1", "own/match, M = 30")} more than thirty. Without common numbers it costs
{_pair(rows, "own/match, M = 1, no common numbers", "own/match, M = 30")} more, about what the paper has for one.
"""


def _weather_section(record: common.Record) -> str:
    parts = [f"## Weather: {_count(record['cases']['sunny']['rows'])} days each\n"]
    for name, group in record["cases"].items():
        parts.append(f"{name.capitalize()} (the paper prints {PUBLISHED_WEATHER[name]} CNY):\n")
        parts.append(_table(group["rows"], WEATHER[name]))
    return "\n".join(parts)


def _apart_section(record: common.Record) -> str:
    rows, rollout = record["rows"], "own/match, M = 30"
    return f"""## No exchange: {_count(record["rows"])} days

{_table(record["rows"], APART)}
The rollout less `mpc:mean` is {_pair(rows, rollout, "mpc:mean")}, less `mpc:5` {_pair(rows, rollout, "mpc:5")}; the
reference has -25 ± 18 and -11 ± 16, on 24 days. The paper prints {PUBLISHED["no exchange"]} CNY.
"""


def _tariff_section(record: common.Record) -> str:
    return f"""## Time-of-use tariff: {_count(record["rows"])} days

{_table(record["rows"], TARIFF)}
The reference has the same three prices, but its hours of each are not known, so that only the order can be compared.
A rollout of a base policy that charges vehicles as soon as possible cannot see a tariff hours away; a linear programme
can, and a rollout profits where the action of one is a candidate (`+mpc`).
"""


def _stored_section(record: common.Record) -> str:
    return f"""## Stored energy worth 0.45 CNY/kWh at the end: {_count(record["rows"])} days

{_table(record["rows"], STORED)}
Totals are less the value of what is stored. Once stored energy has a value, the wide set of candidates does no harm,
and a single simulation is nearly as good as thirty.
"""


def _ties_section(record: common.Record) -> str:
    return f"""## Candidates of equal cost: {_count(record["rows"])} days

{_table(record["rows"], REFERENCE)}
Under the base policy `own` stored energy at a node without demand is worth nothing to the simulation, so that *match*
and a full discharge cost the same. The first candidate wins; *match* is tried first, and the reference is met by trying
it last.
"""


_SECTIONS = {
    "flat": _flat_section,
    "weather": _weather_section,
    "no_exchange": _apart_section,
    "tariff": _tariff_section,
    "stored": _stored_section,
    "ties": _ties_section,
    **beside.SECTIONS,
    **second.SECTIONS,
}
