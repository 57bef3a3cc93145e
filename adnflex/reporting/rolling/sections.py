"""Sections of the report of a rolling schedule."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from adnflex.reporting import page, parts, places
from adnflex.reporting.inputs import PLACEHOLDER_LOADING
from adnflex.reporting.page import Html, Section
from adnflex.reporting.rolling.costs import cost_figure, policy_cost_figure
from adnflex.reporting.rolling.day import balance_figure, exchange_figure, storage_figure, vehicle_figure
from adnflex.reporting.rolling.gains import days_figure, difference_figure, total_figure
from adnflex.reporting.rolling.inputs import (
    FLOOR,
    ITEM_WORDS,
    Study,
    base_of,
    clock_of,
    full_name,
    main_policy,
    quantity,
)
from adnflex.reporting.rolling.summary import cents, paired, signed, spread
from adnflex.reporting.rolling.voltages import has_voltages, reactive_figure, voltage_figure, voltage_heat_figure
from adnflex.reporting.text import branch_label, dash, energy, fixed, number
from adnflex.results.rolling import ITEMS, Comparison, RollingRun

__all__ = [
    "balance_section", "costs_section", "days_section", "details_section", "exchange_section", "gains_section",
    "limits_section", "published_section", "storage_section", "terms_section", "vehicle_section", "violations_section",
    "voltage_section",
]  # fmt: skip

_FIRST, _MOST = 12, 200
_TERMS = {
    "Policy": "A rule that decides each hour from what is known at its beginning.",
    "Base policy": "A rule without any look ahead: own (each node its own storage) or pool (all storages for all).",
    "Rollout": "Tries candidate actions and simulates the rest of the day with the base policy in random futures.",
    "Feeder": "Before a policy's name: its actions are moved to the nearest ones that the feeder carries.",
    "Floor": "Perfect foresight of the day: no policy can cost less.",
    "Paired difference": "Difference on the same day, so that what all policies have in common cancels.",
    "95 % confidence interval": "Covers the mean of many such days with 95 % probability (Student); ± is half of it.",
    "Elastic capacity": "What vehicles can draw in an hour: from what they must have by now to what chargers give.",
    "Stage two": "Reactive power of the hour, decided after the active power, over scenarios of load, sun and wind.",
    "Bus-hour": "One bus during one hour; a bus outside its limits for three hours counts three.",
    "Spilled": "Sun and wind that nobody could take.",
}
_WORDS = {"sgen": "generator", "trafo": "transformer", "ext_grid": "grid connection"}


# Costs and gains ----------------------------------------------------------------------------------------------


def costs_section(study: Study) -> Section:
    """Costs by item, of the day and of each policy on average."""
    run, comparison = study.run, study.comparison
    blocks: list[Html] = []
    several = comparison is not None and len(comparison.days)
    if run is not None:
        head = f"Day {run.day}: {run.policy}" if several else ""
        figure = page.figure(cost_figure(run), "cost-items", head)
        blocks.append(page.side_by_side(figure, _day_table(run)))
    if comparison is not None and several:
        days = f"{len(comparison.days)} common day{'s' if len(comparison.days) > 1 else ''}"
        blocks.append(page.figure(policy_cost_figure(comparison), "policy-costs", f"Policies: mean over {days}"))
        blocks.append(_policy_table(comparison))
    intro = (
        "Purchase is what is left after exchange and storages. What vehicles pay is income and negative. Sun and wind "
        "are paid for what is available and the subsidy for each arrival: these three do not depend on the policy."
    )
    return Section("costs", "What the day costs", intro, blocks, "Costs")


def _day_table(run: RollingRun) -> Html:
    known = run.costs["cost"].astype(float)
    rows = [[ITEM_WORDS.get(str(item), str(item)), cents(value, run.currency)] for item, value in known.items()]
    rows = [row for row, item in zip(rows, known.index, strict=True) if item != "total"]
    if run.stored_value:
        rows += [["total", cents(run.total, run.currency)]]
        rows += [["value of what is stored at the end", cents(-run.stored_value, run.currency)]]
        rows += [["what policies are compared by", cents(run.objective, run.currency)]]
    else:
        rows += [["total", cents(run.total, run.currency)]]
    return page.table(["item", "cost"], rows, ["cost"], total=True)


def _policy_table(comparison: Comparison) -> Html:
    """Mean of each item by policy, and the total with its interval."""
    table, names = comparison.table, [str(name) for name in comparison.days.columns]
    rows = [[ITEM_WORDS[item], *(cents(float(table.at[n, item])) for n in names)] for item in ITEMS]
    stored = comparison.items["stored_value"].groupby(level="policy").mean() if len(comparison.items) else pd.Series()
    if stored.abs().max() > 5e-3:
        kept = [comparison.items.xs(n, level="policy").loc[comparison.days.index, "stored_value"].mean() for n in names]
        rows.append(["less value of what is stored at the end", *(cents(-float(v)) for v in kept)])
    rows.append(["total", *(spread(float(table.at[n, "mean"]), float(table.at[n, "ci95"])) for n in names)])
    columns = [f"{comparison.currency} a day", *names]
    return page.table(columns, rows, names, total=True)


def gains_section(study: Study) -> Section | None:
    """Paired differences to the base policy and to the floor."""
    comparison = study.comparison
    if comparison is None or not len(comparison.days) or len(comparison.days.columns) < 2:
        return None
    names = [str(name) for name in comparison.days.columns]
    policy = main_policy(study)
    base = (base_of(policy, names) if policy is not None else None) or names[0]
    floor = FLOOR if FLOOR in names and base != FLOOR else None
    figures = [page.figure(difference_figure(comparison, base), "less-base", f"Less {base}")]
    if floor is not None:
        figures.append(page.figure(difference_figure(comparison, floor), "less-floor", "Less the floor"))
    intro = (
        "All policies meet the same sun, wind and vehicles, so that differences show what totals, which vary from day "
        "to day, hide. Filled marks: the 95 % confidence interval does not hold zero."
    )
    blocks = [page.side_by_side(*figures) if len(figures) > 1 else figures[0], _gain_table(comparison, base, floor)]
    return Section("gains", "What each policy gains", intro, blocks, "Gains")


def _gain_table(comparison: Comparison, base: str, floor: str | None) -> Html:
    table, pairs = comparison.table, comparison.against(base)
    columns = ["policy", "total", f"less {base}", "not dearer", "less floor", "bought", "spilled", "decision"]
    if floor is None:
        columns.remove("less floor")
    rows = []
    for name in table.index:
        one = table.loc[name]
        days = f"{int(pairs.at[name, 'not_worse'])} of {int(pairs.at[name, 'days'])} days" if name != base else dash
        rows.append([
            str(name), spread(one["mean"], one["ci95"]), paired(comparison, str(name), base), days,
            *([paired(comparison, str(name), floor)] if floor is not None else []),
            energy(one["bought_mwh"]), energy(one["spilled_mwh"]), number(one["ms"], "ms", 3),
        ])  # fmt: skip
    return page.table(columns, rows, columns[1:])


def days_section(study: Study) -> Section | None:
    """Distribution over the days."""
    comparison = study.comparison
    if comparison is None or len(comparison.days) < 2:
        return None
    names = [str(name) for name in comparison.days.columns]
    policy = main_policy(study)
    base = (base_of(policy, names) if policy is not None else None) or names[0]
    blocks = [page.figure(total_figure(comparison), "day-totals", "Totals")]
    if len(names) > 1:
        # The base is a poor scale where the floor tells the same of all.
        other = page.figure(days_figure(comparison, base), "day-differences", f"Less {base}, day by day")
        blocks = [page.side_by_side(blocks[0], other)]
    rows = [
        [str(day), *(cents(float(v)) for v in row)]
        for day, row in zip(comparison.days.index, comparison.days.to_numpy(), strict=True)
    ]
    table = page.table(["day", *names], rows, names)
    blocks.append(page.details(f"Totals of the {len(rows)} days [{comparison.currency}]", table))
    intro = "Each dot is a day; the box holds the middle half of them, the line in it is the median."
    return Section("days", "From day to day", intro, blocks, "Days")


def published_section(study: Study) -> Section | None:
    """Put published figures beside ours."""
    costs, weathers = (study.published.get(key) for key in ("costs", "total_by_weather"))
    costs = costs if isinstance(costs, Mapping) else {}
    weathers = weathers if isinstance(weathers, Mapping) else {}
    if not costs and not weathers:
        return None
    ours, label = _ours(study)
    blocks: list[Html] = []
    if costs:
        columns = ["item", label, *(f"published: {name}" for name in costs)]
        rows = [
            [ITEM_WORDS[item], cents(float(ours.get(item, float("nan")))), *(_figure(costs[k], item) for k in costs)]
            for item in (*ITEMS, "total")
        ]
        blocks.append(page.table(columns, rows, columns[1:], total=True))
    if weathers:
        mine = str(study.any.options.get("weather") or _weather_of_net(study))
        rows = [
            [str(name), cents(float(ours["total"])) if str(name) == mine else dash, cents(float(value))]
            for name, value in weathers.items()
        ]
        columns = ["total by weather", label, "published"]
        blocks.append(page.table(columns, rows, columns[1:]))
    under = [f"{word} {study.any.options[word]}" for word in ("weather", "tariff") if word in study.any.options]
    if "exchange_limit_mw" in study.any.options:
        limit = study.any.options["exchange_limit_mw"]
        under.append(
            f"exchange up to {limit:g} MW a node" if isinstance(limit, int | float) else f"exchange by {limit}"
        )
    if under:
        blocks.append(page.paragraph(f"Here: {', '.join(under)}.", "small"))
    source = study.published.get("source")
    if source:
        blocks.append(page.paragraph(f"Published: {source}.", "small"))
    intro = (
        f"All in {study.currency} a day. The days, the laws of what comes and the places of most devices are not "
        "printed, so that resemblance can be of order only: no number here is a target."
    )
    return Section("published", "Beside what is published", intro, blocks, "Published")


def _ours(study: Study) -> tuple[pd.Series, str]:
    """Items and total to hold against published ones, and what they are."""
    comparison, policy = study.comparison, main_policy(study)
    if comparison is not None and policy is not None:
        mine = comparison.items.xs(policy, level="policy").loc[comparison.days.index]
        return mine[[*ITEMS, "total"]].mean(), f"here: {policy}, mean of {len(comparison.days)} days"
    if study.run is not None:
        return study.run.costs["cost"].astype(float), f"here: {study.run.policy}, day {study.run.day}"
    return pd.Series(float("nan"), index=[*ITEMS, "total"]), "here"


def _weather_of_net(study: Study) -> str:
    facts = None if study.net is None else study.net.get("rolling")
    return str(facts.get("weather", "")) if isinstance(facts, Mapping) else ""


def _figure(row: object, item: str) -> str:
    value = row.get(item) if isinstance(row, Mapping) else None
    return cents(float(value)) if isinstance(value, int | float) else dash


# The day ------------------------------------------------------------------------------------------------------


def balance_section(study: Study) -> Section | None:
    """Dispatch by hour."""
    run = study.run
    if run is None or not len(run.actions):
        return None
    intro = (
        f"Day {run.day} of seed {run.seed} under {run.policy}. Above zero what supplies the nodes, below zero what "
        "uses it; both sides are equal in every hour. Other loads of the feeder are not part of it."
    )
    blocks = [page.figure(balance_figure(run), "balance-bars")]
    return Section("balance", "The day by hour", intro, blocks, "Dispatch")


def storage_section(study: Study) -> Section | None:
    """Storages."""
    run = study.run
    if run is None or not len(run.actions) or not len(quantity(run.storage, "e_mwh").columns):
        return None
    intro = "Energy at the end of each hour, dashed red its limits; and power, charging positive."
    return Section("storage", "Storage", intro, [page.figure(storage_figure(run), "storage-lines")], "Storage")


def vehicle_section(study: Study) -> Section | None:
    """Vehicles."""
    run = study.run
    if run is None or not len(run.actions) or not len(quantity(run.ev, "p_mw").columns):
        return None
    intro = (
        "The shaded band is the elastic capacity of all vehicles together: below it some would leave without what they "
        "need, above it chargers and batteries end."
    )
    blocks = [page.figure(vehicle_figure(run), "vehicle-lines")]
    if len(run.vehicles):
        blocks.append(page.details(f"Fleets of the {len(run.vehicles)} vehicles", _fleet_table(run)))
    return Section("vehicles", "Vehicles", intro, blocks, "Vehicles")


def _fleet_table(run: RollingRun) -> Html:
    columns = ["fleet", "vehicles", "needed", "given", "taken at most", "unmet"]
    groups = run.vehicles.groupby("load")
    rows = [
        [f"load {load}", str(len(part)), *(fixed(float(part[c].sum()), 0, "kWh") for c in
         ("need_kwh", "given_kwh", "max_kwh")), number(float(part["unmet_kwh"].sum().round(6)), "kWh", 3)]
        for load, part in groups
    ]  # fmt: skip
    return page.table(columns, rows, columns[1:])


def exchange_section(study: Study) -> Section | None:
    """Exchange between nodes."""
    run = study.run
    if run is None or not len(run.actions) or not len(quantity(run.exchange, "import_mw").columns):
        return None
    intro = (
        "What each node receives from the other nodes (orange) and gives to them (blue). A dot is purchase, a ring is "
        "power spilled; the larger, the more."
    )
    blocks = [page.figure(exchange_figure(run, study.net), "exchange-heat")]
    return Section("exchange", "Exchange between the nodes", intro, blocks, "Exchange")


# Voltages and the AC check ------------------------------------------------------------------------------------


def voltage_section(study: Study) -> Section | None:
    """Voltages before and after stage two, and its reactive power."""
    run, check, net = study.run, study.check, study.net
    if run is None or not len(run.actions) or not has_voltages(run, check):
        return None
    blocks = [page.figure(voltage_figure(run, check, net), "voltage-band", "Lowest and highest voltage of any bus")]
    second = bool(len(run.reactive.columns))
    if check is not None:
        before = voltage_heat_figure(run, check, net, without=True)
        heats = [page.figure(before, "voltage-without", "Without stage two")]
        if second:
            heats.append(page.figure(voltage_heat_figure(run, check, net), "voltage-with", "With stage two"))
        blocks.append(page.side_by_side(*heats) if second else heats[0])
        blocks.append(_stage_table(study))
        source = "By AC power flow in the hours as they came: load, sun and wind drawn afresh, seen by no stage."
    else:
        blocks.append(page.figure(voltage_heat_figure(run, check, net), "voltage-with", "With stage two"))
        source = "Of the expected hours, not validated."
    if second:
        blocks.append(page.figure(reactive_figure(run, net), "reactive-bars", "Reactive power of stage two"))
    order = "along the feeders, the supply on top" if net is not None else "by index"
    intro = f"{source} Buses are {order}; a voltage outside its limits is dark, with a white cross."
    title = "Voltages before and after stage two" if second else "Voltages"
    return Section("voltage", title, intro, blocks, "Voltage")


def _stage_table(study: Study) -> Html:
    """Day in numbers, without and with stage two."""
    check, run = study.check, study.run
    assert check is not None
    assert run is not None
    h = check.hours

    def row(name: str, unit: str, decimals: int, values: tuple[float, float], change: bool = True) -> list[str]:
        off = values[1] - values[0]
        sign = "+" if off > 0.5 * 10.0**-decimals else ""
        return [
            name, *(fixed(v, decimals, unit) for v in values), f"{sign}{fixed(off, decimals, unit)}" if change else dash
        ]  # fmt: skip

    count = (float(check.violating_bus_hours_without), float(check.violating_bus_hours))
    rows = [
        row("hours of buses outside their limits", "", 0, count),
        row("lowest voltage", "pu", 4, (h["vm_min_without_pu"].min(), h["vm_min_pu"].min())),
        row("highest voltage", "pu", 4, (h["vm_max_without_pu"].max(), h["vm_max_pu"].max())),
        row("mean distance from 1 pu", "pu", 4, (h["deviation_without_pu"].mean(), h["deviation_pu"].mean())),
        row("losses of the day", "kWh", 0, (1e3 * h["loss_without_mw"].sum(), 1e3 * h["loss_mw"].sum())),
        row("energy from the grid", "MWh", 2, (h["import_without_mw"].sum(), h["import_mw"].sum())),
    ]
    columns = ["by AC power flow", "without stage two", "with stage two", "difference"]
    if not len(run.reactive.columns):
        rows = [r[:2] for r in rows]
        columns = ["by AC power flow", "no stage two"]
    return page.table(columns, rows, columns[1:])


def violations_section(study: Study) -> Section | None:
    """List what is wrong, the worst first."""
    check, run = study.check, study.run
    if check is None or run is None or check.passed:
        return None
    blocks = []
    for table, title in ((check.faults, "Set-points that are wrong"), (check.violations, "Limits violated in AC")):
        if table.empty:
            continue
        excess = (table["excess"].astype(float) / table["limit"].astype(float).abs().clip(lower=1e-9)).abs()
        rows = [_violation(study, row) for _, row in table.loc[excess.sort_values(ascending=False).index].iterrows()]
        columns = ["what", "where", "when", "value", "limit", "BEYOND"]
        blocks += [Html(f"<h3>{title}: {len(rows)}</h3>"), page.table(columns, rows[:_FIRST], columns[3:])]
        if len(rows) > _FIRST:
            rest = page.table(columns, rows[_FIRST:_MOST], columns[3:])
            hidden = f", the first {_MOST}" if len(rows) > _MOST else ""
            blocks.append(page.details(f"All {len(rows)}{hidden}", rest))
    off = check.costs["difference"].abs() if "difference" in check.costs else pd.Series(dtype=float)
    if (off > 0.005).any():
        rows = [
            [ITEM_WORDS.get(str(i), str(i)), *(cents(float(r[c]), run.currency) for c in ("cost", "recomputed")),
             signed(float(r["difference"]), run.currency)]
            for i, r in check.costs.iterrows()
        ]  # fmt: skip
        columns = ["item", "of the run", "of its set-points", "difference"]
        blocks += [Html("<h3>Costs that do not add up</h3>"), page.table(columns, rows, columns[1:], total=True)]
    if not check.converged:
        lost = check.hours.index[check.hours[["loss_mw", "loss_without_mw"]].isna().any(axis=1)]
        told = clock_of(run).spans(int(hour) for hour in lost)
        blocks.append(page.notice("AC power flow does not converge", [told], "bad"))
    intro = "The day must not be carried out as it is. Figures below show it all the same."
    return Section("violations", "What is wrong", intro, blocks, "What is wrong")


def _violation(study: Study, row: pd.Series) -> list[str]:
    unit = str(row["unit"])
    return [
        str(row["kind"]), _place(study, row["element"], row["index"]), _when(study, row["hour"]),
        *places.values(unit, *(float(row[c]) for c in ("value", "limit", "excess"))),
    ]  # fmt: skip


def limits_section(study: Study) -> Section | None:
    """Every kind of limit with its worst place, and the model against AC."""
    check = study.check
    if study.run is None:
        return None
    if check is None:
        return Section("limits", "Limits", "No limit has been checked: the day is not validated.", [])
    violated = set(check.violations["kind"]) if "kind" in check.violations else set()
    rows = [
        [str(r["kind"]), page.badge("violated", "bad") if r["kind"] in violated else page.badge("met", "good"),
         _place(study, r["element"], r["index"]), _when(study, r["hour"]),
         *places.values(str(r["unit"]), *(float(r[c]) for c in ("value", "limit", "margin"))), fixed(r["checked"], 0)]
        for _, r in check.limits.iterrows()
        # ratings that are placeholders are limits of nothing
        if not (r["kind"] == "loading" and float(r["value"]) < PLACEHOLDER_LOADING)
    ]  # fmt: skip
    columns = ["limit", "", "worst place", "when", "value", "allowed", "margin", "checked"]
    converged = page.badge("✓ AC power flow converges in every hour", "good")
    if not check.converged:
        converged = page.badge("✗ AC power flow does not converge in every hour", "bad")
    faults = page.badge("✓ every set-point keeps the limits of its device", "good")
    if len(check.faults):
        faults = page.badge(f"✗ {len(check.faults)} set-points are wrong", "bad")
    exact = not (check.costs["difference"].abs() > 0.005).any()
    priced = page.badge("✓ costs follow from the set-points", "good") if exact else page.badge("✗ costs are off", "bad")
    bar = Html(f'<div class="bar">{converged}{faults}{priced}</div>')
    blocks = [bar, page.table(columns, rows, columns[4:])]
    if len(check.deviations):
        told = [
            [str(r["quantity"]), number(r["max_abs"], r["unit"], 2), _place(study, r["element"], r["index"]),
             _when(study, r["hour"])]
            for _, r in check.deviations.iterrows()
        ]  # fmt: skip
        head = ["quantity", "largest difference", "at", "when"]
        blocks += [Html("<h3>Stage two against AC power flow, in the expected hour</h3>"),
                   page.table(head, told, head[1:2])]  # fmt: skip
    intro = "The worst place of each kind of limit in AC power flow, over all hours as they came."
    return Section("limits", "Limits", intro, blocks, "Limits")


def _place(study: Study, element: object, index: object) -> str:
    """Bus, branch or device by its label."""
    if element in {None, "", "net"} or index is None or index != index:
        return "the whole net" if element == "net" else dash
    place = int(float(str(index)))
    if element == "bus":
        return f"bus {study.bus(place)}"
    net = study.net
    name: object = ""
    if net is not None and str(element) in net and place in net[str(element)].index:
        name = net[str(element)].at[place, "name"]
    return branch_label(_WORDS.get(str(element), str(element)), place, name)


def _when(study: Study, hour: object) -> str:
    assert study.run is not None
    return clock_of(study.run).text(hour)


def details_section(study: Study) -> Section:
    """Everything needed to repeat the run."""
    run, comparison = study.run, study.comparison
    facts = [["case", study.any.case_name or dash], ["seed", str(study.any.seed)]]
    if run is not None:
        facts += [["day", str(run.day)], ["policy", full_name(run.policy)], ["hours", str(len(run.actions))]]
        facts += [["fingerprint of the net", str(run.inputs.get("fingerprint") or dash)]]
    if comparison is not None:
        facts += [["policies compared", ", ".join(map(str, comparison.days.columns)) or dash]]
        facts += [["common days", str(len(comparison.days)) + (" (interrupted)" if comparison.interrupted else "")]]
    if study.check is not None and study.check.options:
        spread_of = study.check.options
        facts += [["hours as they came", ", ".join(f"{k} {v}" for k, v in spread_of.items())]]
    options = {k: v for k, v in study.any.options.items() if k != "published"}
    blocks = parts.run_tables(facts, options, study.any.versions)
    if run is not None and len(run.decision_seconds):
        blocks.insert(1, page.details("Time of each decision", _time_table(run)))
    return Section("details", "How it was computed", "", blocks, "Details")


def _time_table(run: RollingRun) -> Html:
    clock = clock_of(run)
    table = run.decision_seconds.reindex(columns=["active", "reactive"]).astype(float)
    rows = [[clock.text(h), *(number(1e3 * float(v), "ms", 3) for v in row)] for h, row in
            zip(table.index, table.to_numpy(), strict=True)]  # fmt: skip
    return page.table(["hour", "active power", "reactive power"], rows, ["active power", "reactive power"])


def terms_section(study: Study) -> Section:
    """Technical terms, one line each."""
    return parts.terms_section(_TERMS)
