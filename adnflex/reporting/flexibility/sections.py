"""Sections of the report of flexibility: what is promised, what holds it back, and why it may be believed."""

from __future__ import annotations

import math

import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import page, parts, places
from adnflex.reporting.evidence import TERMS
from adnflex.reporting.flexibility.bands import box_figure
from adnflex.reporting.flexibility.compare import comparison_figure, comparison_table, published_table, signed
from adnflex.reporting.flexibility.following import (
    MOST_EXAMPLES,
    example_names,
    following_figure,
    moving,
    setpoint_rows,
)
from adnflex.reporting.flexibility.holding import (
    MOST_LIMITS,
    binding_figure,
    limit_rows,
    relieved_figure,
    relieved_rows,
)
from adnflex.reporting.flexibility.inputs import Study, is_weighted, limit_groups, place, spans
from adnflex.reporting.flexibility.maps import map_figure
from adnflex.reporting.flexibility.proof import HEATS, bounds_figure, rounds_figure, sizes_figure, states_figure
from adnflex.reporting.flexibility.regions import area_figure, region_figure, region_grid_figure, region_periods
from adnflex.reporting.flexibility.storage import has_storages, storage_figure
from adnflex.reporting.flexibility.summary import size, worst_order
from adnflex.reporting.inputs import has_drawing
from adnflex.reporting.page import Html, Section
from adnflex.reporting.text import branch_label, dash, fixed, number, percent, share
from adnflex.results.status import status_words
from adnflex.results.switches import open_branches

__all__ = [
    "box_section", "comparison_section", "details_section", "following_section", "holding_section", "limits_section",
    "map_section", "proof_section", "region_section", "relieved_section", "states_section", "storage_section",
    "switching_section", "terms_section", "violations_section",
]  # fmt: skip

_FIRST_ROWS, _MOST_ROWS = 8, 400
_FIRST_VIOLATIONS, _MOST_VIOLATIONS = 12, 200
_OWN_TERMS = {
    "Box": "For every period a lower and an upper end of the import; every trajectory between them can be followed.",
    "Trajectory": "One value of the import for each period, e.g. what a market or the grid operator asks for.",
    "Coupling point": "Where the network is connected to the grid above; import into the network counts positive.",
    "Hour by hour": "What is done in a period depends on that period's value alone: nobody needs to know later ones.",
    "With foresight": "The whole trajectory is known before the first period; the linear model then gives no less.",
    "AC tightening": "Limits of the linear model are narrowed by what AC power flow shows until every state holds.",
    "Holds back": "A limit that is reached at an end of the box: looser, it would enlarge the box.",
    "Share": "How far a state is on the way from the dispatch of the lower end (0) to that of the upper end (1).",
    "Vertex": "A trajectory that in every period is at one of the two ends.",
    "Period": "One step of the horizon, e.g. an hour; it is named by the clock time from which to which it lasts.",
}
_CHANGED_TERMS = {
    "Bound": "A size that boxes of the linear model (without losses) cannot exceed; boxes in AC can.",
    "Gap": "Distance between the box of the linear model and its bound, in percent of that box.",
    "Certificate": "How far an answer can be from the best. There is none here: no bound on boxes in AC is computed.",
}
_ENDED = {"optimal": "settled", "time_limit": "time limit"}
_NOT_HERE = {"Cone gap", "Invented loss", "Relaxation"}


def violations_section(study: Study) -> Section | None:
    """Violated limits with trajectory, place and hour, worst first; nothing where there are none."""
    check = study.check
    if check is None or check.violations.empty:
        return None
    table = check.violations
    rows = [
        [str(row.kind), place(study.flex, row.element, row.place), _when(study, row.period),
         places.text(row.trajectory), *places.values(str(row.unit), row.value, row.limit, row.excess)]
        for row in table.loc[worst_order(table)[:_MOST_VIOLATIONS]].rename(columns={"index": "place"}).itertuples()
    ]  # fmt: skip
    columns = ["limit", "place", "when", "trajectory", "value", "allowed", "beyond it"]
    blocks = [page.table(columns, rows[:_FIRST_VIOLATIONS], columns[4:])]
    if len(rows) > _FIRST_VIOLATIONS:
        rest = page.table(columns, rows[_FIRST_VIOLATIONS:], columns[4:])
        listed = f"the worst {len(rows)} of {len(table)}" if len(table) > len(rows) else f"all {len(rows)}"
        blocks.append(page.details(f"The following violations ({listed} are listed)", rest))
    count = f"{len(table)} limits are" if len(table) > 1 else "One limit is"
    intro = f"{count} violated in AC power flow on trajectories inside the box; the worst comes first."
    return Section("violations", "Violated limits", intro, blocks, "Violations")


def _when(study: Study, period: object) -> str:
    """Hour of a finding; of the whole horizon where it has none."""
    return "whole horizon" if period is None or period != period else study.clock.text(period)


def box_section(study: Study) -> Section:
    """Show the box over time."""
    before = study.band_before() is not None
    least = study.band("least losses") is not None
    promise = "Every import inside the blue band can be asked for, period by period, without notice of later ones."
    failed = "The blue band is what was computed; it has not held in AC power flow, so do not promise it."
    words = [promise if study.passed else failed]
    words += ["Grey is the band before."] if before else []
    words += ["The band of the topology with least losses is switched on in the key."] if least else []
    if study.base_outside:
        when = spans(study.clock, study.base_outside)
        words += [
            f"The base schedule (dotted) lies outside in {when}: limits of the network rule it out there, or what is "
            "promised in other periods needs the stored energy."
        ]
    fig = box_figure(study.flex if study.before is None else [study.before, study.flex], study.check)
    blocks = [page.figure(fig, "box-bands")]
    blocks.append(page.details("The box as numbers", _box_table(study)))
    return Section("box", "The box over time", " ".join(words), blocks, "The box")


def _box_table(study: Study) -> Html:
    box, before, clock = study.flex.box.astype(float), study.band_before(), study.clock
    columns = ["when", "lower", "upper", "width", "base", *(["width before", "change"] if before is not None else [])]
    rows = []
    for t, row in box.iterrows():
        width = row["upper_mw"] - row["lower_mw"]
        cells = [clock.text(t), *(fixed(row.get(c), 3, "MW") for c in ("lower_mw", "upper_mw")), fixed(width, 3, "MW"),
                 fixed(row.get("base_mw"), 3, "MW")]  # fmt: skip
        if before is not None:
            was = before.at[t, "upper_mw"] - before.at[t, "lower_mw"]
            cells += [fixed(was, 3, "MW"), signed(100 * (width / was - 1)) if was > 0 else dash]
        rows.append(cells)
    return page.table(columns, rows, columns[1:])


def switching_section(study: Study) -> Section | None:
    """List what is switched; nothing where the topology was no decision."""
    table = study.flex.switches
    if not len(table) or "operated" not in table:
        return None
    moved = table[table["operated"].astype(bool)]
    if moved.empty:
        text = "No topology with a larger box was found: nothing is switched."
        return Section("switching", "What to switch", text, [_open_words(study)], "Switching")
    rows = [
        [page.badge("close", "close") if row.closed_after else page.badge("open", "open"),
         branch_label(row.element, row.place, getattr(row, "name", "")),
         places.ends(study.flex, row.from_bus, row.to_bus), places.text(getattr(row, "how", ""))]
        for row in moved.sort_values("closed_after").rename(columns={"index": "place"}).itertuples(index=False)
    ]  # fmt: skip
    intro = f"{len(moved)} operations before the first period; the topology stays until the last one."
    table = page.table(["do", "branch", "between", "in pandapower"], rows)
    return Section("switching", "What to switch", intro, [table, _open_words(study)], "Switching")


def _open_words(study: Study) -> Html:
    """Name what is open, and what of it is locked."""
    return page.paragraph(f"Open: {', '.join(open_branches(study.flex.switches)) or 'none'}.")


def holding_section(study: Study) -> Section:
    """Tell what holds the box back."""
    flex, groups = study.flex, limit_groups(study.flex.binding)
    title = "What holds it back"
    if not groups:
        text = "No limit of the network is reached at the ends of the box; what the devices can do holds it back."
        return Section("holding", title, text, [], "Limits that bind")
    intro = (
        "Limits that are reached at the ends of the box. Triangles up: more import is held back; down: less import. "
        "Loosening a limit (last column) in all these periods would enlarge the box by about so much; those worth "
        "most come first."
    )
    blocks = [page.figure(binding_figure(flex), "binding-marks")]
    columns = ["limit", "place", "more import held back", "less import held back", "allowed", "worth"]
    rows = limit_rows(flex, groups)
    blocks += _folded(columns, rows, columns[4:], "limits")
    if len(groups) > MOST_LIMITS:
        blocks.insert(1, page.paragraph(f"The picture shows the first {MOST_LIMITS} of {len(groups)} limits.", "small"))
    return Section("holding", title, intro, blocks, "What holds it back")


def _folded(columns: list[str], rows: list[list[str]], numeric: list[str], what: str) -> list[Html]:
    """Table of which only the first rows show at once."""
    blocks = [page.table(columns, rows[:_FIRST_ROWS], numeric)]
    rest = rows[_FIRST_ROWS:_MOST_ROWS]
    if rest:
        more = f" (of {len(rows)})" if len(rows) > _MOST_ROWS else ""
        blocks.append(page.details(f"{len(rest)} more {what}{more}", page.table(columns, rest, numeric)))
    return blocks


def relieved_section(study: Study) -> Section | None:
    """Tell what held the present topology back and no longer does; nothing where nothing did."""
    flex, groups = study.flex, limit_groups(study.flex.relieved)
    if not groups:
        return None
    gain = f" (by {signed(study.gain_percent)})" if math.isfinite(study.gain_percent) else ""
    intro = (
        f"Why the box changes{gain}: these limits held the present topology back and no longer do. Each is shown "
        "in the period in which the least room was gained; the orange stroke is the limit."
    )
    columns = ["limit", "place", "held back", "when", "before", "now", "allowed", "room now"]
    blocks = [page.figure(relieved_figure(flex), "relieved-lines")]
    blocks += _folded(columns, relieved_rows(flex, groups), columns[4:], "limits")
    return Section("relieved", "What no longer holds it back", intro, blocks, "What is relieved")


def map_section(study: Study) -> Section | None:
    """Draw maps before and after, with what limits; nothing where there is no map."""
    flex = study.flex
    if not has_drawing(flex):
        return None
    moved = bool(len(flex.switches) and flex.switches["operated"].any())
    intro = (
        "Red lines and ringed buses hold the box back, the stronger the more hours they do. Point at them for the "
        "hours."
    )
    if not moved:
        fig = map_figure(flex, None, "after")
        return Section("network", "Where it is held back", intro, [page.figure(fig, "network-after")], "Map")
    maps = map_figure(flex, None, "before", study.limits_before), map_figure(flex, None, "after")
    _same_key(*maps)
    before = page.figure(maps[0], "network-before", "Before", "network")
    after = page.figure(maps[1], "network-after", "After", "network")
    return Section("network", "The network before and after", intro, [page.side_by_side(before, after)], "Map")


def _same_key(*maps: go.Figure) -> None:
    """Give maps the same entries in their keys, as else their keys and so the maps themselves differ in size."""
    entries = {trace.name: trace for fig in maps for trace in fig.data if trace.showlegend}
    for fig in maps:
        known = {trace.name for trace in fig.data if trace.showlegend}
        for name in [n for n in entries if n not in known]:
            fig.add_trace(go.Scatter(entries[name]).update(x=[None], y=[None], hovertext=None))


def comparison_section(study: Study) -> Section | None:
    """Topologies side by side; nothing where nothing was compared or published."""
    flex = study.flex
    published = published_table(flex)
    if flex.comparison.empty:
        if not published:
            return None
        return Section("comparison", "Beside published figures", "", published[1:], "Published")
    intro = (
        "The same devices in three topologies: as it stands, the one with least losses, and the one chosen. Pale "
        "bars are the linear model without reactive power of the devices, blue is what holds in AC power flow; the "
        "orange stroke is the bound of the linear model, which boxes in AC may exceed."
    )
    blocks = [page.figure(comparison_figure(flex), "comparison-bars"), comparison_table(flex), *published]
    return Section("comparison", "Gains, and what reactive power adds", intro, blocks, "Gains")


def limits_section(study: Study) -> Section:
    """Every kind of limit with its worst place, hour and margin over all trajectories."""
    check = study.check
    if check is None:
        return Section("limits", "Limits", "No limit has been checked: the box is not validated.", [])
    violated = set(check.violations["kind"]) if "kind" in check.violations else set()
    rows = [
        [str(row.kind), page.badge("violated", "bad") if row.kind in violated else page.badge("met", "good"),
         place(study.flex, row.element, row.place), _when(study, row.period), *_values(row), fixed(row.checked, 0)]
        for row in check.limits.rename(columns={"index": "place"}).itertuples(index=False)
    ]  # fmt: skip
    columns = ["limit", "", "worst place", "when", "value", "allowed", "margin", "checked"]
    intro = (
        f"Worst case of {fixed(check.states, 0)} AC power flows on trajectories inside the box; margin is what is left."
    )
    return Section("limits", "Limits over all trajectories", intro, [page.table(columns, rows, columns[4:])], "Limits")


def _values(row: object) -> list[str]:
    """Value, limit and margin; powers and energies below a watt are what solvers leave of zero."""
    unit = str(getattr(row, "unit", ""))
    noise = 1e-6 if unit in {"MW", "Mvar", "MWh"} else 0.0
    found = (float(getattr(row, c, math.nan)) for c in ("value", "limit", "margin"))
    return places.values(unit, *(0.0 if abs(v) < noise else v for v in found))


def proof_section(study: Study) -> Section:
    """How the box was found and what holding in AC costs."""
    flex = study.flex
    gap = share(max(flex.linear.gap, 0.0)) if math.isfinite(flex.linear.gap) else dash
    intro = (
        f"The box of the linear model is computed with a bound of that model ({flex.linear.bound_kind}), then "
        "corrected until every state tried holds in AC power flow. "
        f"The search: {status_words(flex.status)}; gap of the linear model {gap}. "
        "None of this bounds boxes in AC: a larger one may exist."
    )
    pieces: list[Html] = [page.figure(sizes_figure(flex), "proof-sizes", "From the linear model to the promise")]
    pieces.append(page.paragraph(_foresight(study)))
    if not flex.progress.empty:
        pieces.append(page.figure(bounds_figure(flex), "proof-bounds", "The linear model as it converged"))
        if flex.tightening_mwh < 0:
            words = "The box in AC lies above that of the linear model, which knows no losses."
            pieces.append(page.paragraph(words, "small"))
    if not flex.rounds.empty:
        pieces.append(page.figure(rounds_figure(flex), "proof-rounds", "Rounds of AC tightening"))
        pieces.append(page.details("The rounds as numbers", _rounds_table(study)))
    pieces.append(_boxes(study))
    return Section("found", "How it was found", intro, pieces, "How it was found")


def _foresight(study: Study) -> str:
    """Say what knowing the trajectory beforehand would give, and what holding in AC costs."""
    flex = study.flex
    more = flex.foresighted.total_mwh - flex.separable.total_mwh
    cost = flex.tightening_mwh
    if more <= 1e-6 * max(flex.separable.total_mwh, 1e-9):
        told = "In the linear model, knowing the whole trajectory beforehand would gain nothing."
    else:
        told = f"Knowing the whole trajectory beforehand would gain {number(more, 'MWh', 3)} in the linear model."
    part = _part(abs(cost), flex.separable.total_mwh)
    if cost < 0:
        return f"{told} In AC the box is {number(-cost, 'MWh', 3)} ({part}) larger: the linear model knows no losses."
    return f"{told} Holding in AC costs {number(cost, 'MWh', 3)} ({part})."


def _part(value: float, whole: float) -> str:
    return percent(100 * value / whole, 2) if whole > 0 else dash


def _rounds_table(study: Study) -> Html:
    names = {
        "total_mwh": ("box", "MWh"), "voltage_excess_pu": ("voltage beyond its limit", "pu"),
        "loading_excess_percent": ("loading beyond its limit", "%"), "import_error_kw": ("import off by", "kW"),
    }  # fmt: skip
    columns = ["round", *(names.get(str(c), (str(c), ""))[0] for c in study.flex.rounds.columns)]
    units = [names.get(str(c), ("", ""))[1] for c in study.flex.rounds.columns]
    rows = [
        [str(n), *(number(v, u) for v, u in zip(row, units, strict=True))]
        for n, row in enumerate(study.flex.rounds.astype(float).to_numpy(), start=1)
    ]
    return page.table(columns, rows, columns[1:])


def _boxes(study: Study) -> Html:
    """Both boxes of the linear model with their bounds."""
    flex = study.flex
    rows = [
        [words, size(box.total_mwh), size(box.bound_mwh), _part(box.bound_mwh - box.total_mwh, box.total_mwh),
         _ENDED.get(box.status, box.status), str(box.iterations) if box.iterations else "two linear programs"]
        for words, box in (("hour by hour", flex.separable), ("with foresight", flex.foresighted))
    ]  # fmt: skip
    columns = ["linear model", "box", "bound of its kind", "gap", "status", "iterations"]
    return page.table(columns, rows, columns[1:4])


def states_section(study: Study) -> Section | None:
    """AC states between both ends; nothing where none was recorded."""
    if study.flex.ac.empty:
        return None
    intro = (
        "Every state between the lower end (below) and the upper end (above) of each period, in full AC power flow: "
        "dark is low voltage or high loading. Point at a cell for the place."
    )
    bar = Html(f'<div class="bar">{page.toggle("states", list(HEATS), "Show")}</div>')
    blocks = [bar, page.figure(states_figure(study.flex), "states-heat", "", "states")]
    return Section("states", "AC states from end to end", intro, blocks, "AC states")


def storage_section(study: Study) -> Section | None:
    """Reach of the stored energy; nothing where there are no storages."""
    if not has_storages(study.flex):
        return None
    examples = " Thin lines are the examples." if study.check is not None else ""
    intro = (
        "Whatever trajectory inside the box is asked for, the stored energy stays in the blue band, and so within "
        f"its limits (dashed).{examples}"
    )
    fig = storage_figure(study.flex, study.check)
    return Section(
        "storage", "Stored energy that can be reached", intro, [page.figure(fig, "storage-reach")], "Storage"
    )


def following_section(study: Study) -> Section | None:
    """Examples of trajectories; nothing where the check has none."""
    check = study.check
    if check is None or check.examples.empty:
        return None
    names = example_names(check)
    total = len(set(check.examples.columns.get_level_values(0)))
    more = f" ({MOST_EXAMPLES} of {total} are shown)" if total > MOST_EXAMPLES else ""
    intro = (
        f"Trajectories inside the box, each followed hour by hour{more}: what was asked for and what AC power flow "
        "gives, the power of every device that moves, and the stored energy."
    )
    blocks: list[Html] = []
    if len(names) > 1:
        blocks.append(Html(f'<div class="bar">{page.toggle("following", list(names), "Show")}</div>'))
    blocks.append(page.figure(following_figure(study.flex, check), "following-lines", "", "following"))
    first = next(iter(names.values()), None)
    if first is not None and not check.example_setpoints.empty:
        setpoints = check.example_setpoints.xs(first, level=0)
        head, rows = setpoint_rows(study.flex, moving(study.flex, setpoints))
        if len(head) <= 25:
            title = f"Set-points of {next(iter(names))}"
            blocks.append(page.details(title, page.table(head, rows, head[1:])))
    return Section("following", "Examples of what is followed", intro, blocks, "Examples")


def region_section(study: Study) -> Section | None:
    """Regions of active and reactive power; nothing where none were given."""
    if not study.regions:
        return None
    regions, flex = study.regions, study.flex
    count = len(region_periods(regions))
    intro = (
        "Active and reactive power at the coupling point, each period on its own. Nothing can be beyond the orange "
        "line (proven); the corners of the blue polygon and the dots were verified in AC power flow, the inside is "
        "sampled. Dotted green: the box of active power, which holds over all periods at once."
    )
    blocks: list[Html] = [_region_verdict(study)] if study.region_checks else []
    if count > 1:
        blocks.append(page.figure(region_grid_figure(regions, flex), "region-grid", "Through the day"))
    title = "Any period: move the slider" if count > 1 else ""
    blocks.append(page.figure(region_figure(regions, flex), "region-slider", title))
    if count > 1:
        blocks.append(page.figure(area_figure(regions, flex), "region-areas", "Areas"))
    blocks.append(page.details("The regions as numbers", _region_table(study)))
    return Section("regions", "Active and reactive power together", intro, blocks, "P–Q regions")


def _region_verdict(study: Study) -> Html:
    badges = [
        page.join(page.badge("passed" if c.passed else "FAILED", "good" if c.passed else "bad"), f" {c.verdict}")
        for c in study.region_checks
    ]
    return Html(f'<div class="bar">{"".join(f"<span>{b}</span>" for b in badges)}</div>')


def _region_table(study: Study) -> Html:
    columns = ["when", "proven from outside", "verified from inside", "part", "points", "status"]
    rows = []
    for period, region in region_periods(study.regions):
        area = region.areas.loc[period]
        points = region.points
        count = int((points.index.get_level_values("period") == period).sum()) if len(points) else 0
        rows.append(
            [study.clock.text(period), fixed(area["outer"], 3, "MW·Mvar"), fixed(area["inner"], 3, "MW·Mvar"),
             percent(100 * float(area["ratio"])), str(count), places.text(area["status"]).replace("_", " ")]
        )  # fmt: skip
    return page.table(columns, rows, columns[1:5])


def details_section(study: Study) -> Section:
    """Everything needed to repeat the run."""
    flex, clock = study.flex, study.clock
    limits = "those in the net" if flex.vm_limits is None else f"{flex.vm_limits[0]:g} to {flex.vm_limits[1]:g} pu"
    periods = clock.periods
    begin, end = clock.begin(periods[0]), clock.text(periods[-1]).rpartition("–")[2]
    facts = [
        ["net", flex.net_name or dash],
        ["coupling point", place(flex, *flex.pcc.rsplit(" ", 1)) if " " in flex.pcc else flex.pcc],
        ["fingerprint", flex.fingerprint or dash],
        ["horizon", f"{len(periods)} periods of {flex.hours_per_period:g} h, from {begin} to {end}"],
        ["size of the linear model, its bound", _worths(study, flex.linear.worth, flex.linear.bound)],
        ["size after AC tightening", number(flex.total_mwh, "MWh", 6)],
        ["what the linear model's bound is", flex.linear.bound_kind or dash],
        ["how the linear model ended", f"{flex.linear.status}: {status_words(flex.linear.status)}"],
        ["voltage limits", limits],
        ["solver", flex.solver],
        ["status", f"{flex.status}: {status_words(flex.status)}"],
        ["time", number(flex.seconds, "s", 3)],
        *([["seed of the random trajectories", str(study.check.seed)]] if study.check is not None else []),
    ]
    options = {k: v for k, v in flex.options.items() if k != "published"}
    blocks = parts.run_tables(facts, options, flex.versions)
    return Section(
        "details", "How it was computed", "", [*blocks[:1], *_storages(study), *_inputs(study), *blocks[1:]], "Details"
    )


def _worths(study: Study, *values: float) -> str:
    """Sizes and bounds; weighted ones have no unit that is known here."""
    unit = "" if is_weighted(study.flex) else "MWh"
    return ", ".join(number(v, unit, 6) for v in values) + (" (weighted)" if not unit else "")


def _storages(study: Study) -> list[Html]:
    """Storages as the model has them."""
    table = study.flex.storages
    if table.empty:
        return []
    rows = [
        [place(study.flex, "storage", index), fixed(row.get("start_mwh"), 3, "MWh"),
         *(percent(100 * float(row.get(c, math.nan))) for c in ("charging", "discharging", "keep"))]
        for index, row in table.iterrows()
    ]  # fmt: skip
    columns = ["storage", "at the start", "charging efficiency", "discharging efficiency", "left after a period"]
    return [page.details(f"The {len(rows)} storages", page.table(columns, rows, columns[1:]))]


def _inputs(study: Study) -> list[Html]:
    """Range of every series used."""
    table = study.flex.inputs
    if table.empty or not len(table.columns):
        return []
    rows = []
    for column in table.columns:
        key = column if isinstance(column, tuple) else (column,)
        values = pd.to_numeric(table[column], errors="coerce")
        name = place(study.flex, key[0], key[-1]) if len(key) == 3 else " ".join(map(str, key))
        what = str(key[1]) if len(key) == 3 else ""
        rows.append([name, what, *(number(float(f), digits=4) for f in (values.min(), values.mean(), values.max()))])
    columns = ["series", "column", "lowest", "mean", "highest"]
    return [page.details(f"The {len(rows)} input series", page.table(columns, rows[:_MOST_ROWS], columns[2:]))]


def terms_section() -> Section:
    """Technical terms, one line each."""
    common = {k: _CHANGED_TERMS.get(k, v) for k, v in TERMS.items() if k not in _NOT_HERE}
    return parts.terms_section(_OWN_TERMS | common)
