"""The report of a dispatch as a whole: complete, self-contained and honest."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pandas as pd
import pytest

from adnflex import report
from adnflex.errors import InputError
from adnflex.reporting import figure
from adnflex.reporting.dispatch.readings import READINGS
from adnflex.reporting.dispatch.view import views
from adnflex.reporting.dispatch.words import verdict
from adnflex.results import DispatchPlan, Pareto

from ..reader import LIBRARY, Reader, opened


def read(plan, check, folder, **options) -> tuple[Reader, str]:
    return opened(report(plan, check, folder / "dispatch.html", **options))


def test_report_is_complete_and_self_contained(day, tmp_path):
    reader, source = read(*day, tmp_path)
    assert all(address.startswith("#") for address in reader.addresses)
    assert {a[1:] for a in reader.addresses} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))
    assert "link" not in reader.tags
    assert source.count(LIBRARY) == 1
    for data in reader.data:
        assert set(json.loads(data)) == {"data", "layout"}
    headings = [
        "Passed: this schedule may be carried out",
        "Cost of 24 h",
        "Cost and carbon",
        "Dispatch by hour",
        "Tap positions and capacitor steps",
        "Reactive power",
        "Storage",
        "Electric vehicles before and after",
        "Soft open points",
        "Voltage by bus and hour",
        "Loading of lines and transformers",
        "How exact is the model",
        "Model against AC power flow",
        "Limits",
        "How the answer was found",
        "The network in its worst hour",
        "How it was computed",
        "Terms",
    ]
    places = [reader.text.rindex(words) if words == "Terms" else reader.text.index(words) for words in headings[2:]]
    assert all(words in reader.text for words in headings)
    figures = [i for i in reader.ids if f"{i}-data" in reader.ids]
    assert len(figures) == len(reader.data) == 18
    assert len(places) == 16
    assert len(source.encode()) < 1_000_000


def test_first_screen_tells_the_numbers(day, tmp_path):
    plan, check = day
    text = read(*day, tmp_path)[0].text
    for words in (
        f"{check.objective:,.2f} EUR".replace(",", " "),
        f"{plan.carbon_kg:,.0f} kg CO₂".replace(",", " "),
        f"{plan.energy.at['imported', 'mwh']:.2f} MWh",
        "at most 0.051 % from the best possible cost",
        "3 of 24 recovered",
        "11:00–12:00 (priced loss); 12:00–14:00 (sequential)",
        "tap changer 4, capacitor bank 2",
    ):
        assert words in text, words


def test_costs_of_the_table_add_up_to_the_total(day, tmp_path):
    text = read(*day, tmp_path)[0].text
    table = text[text.index("item cost share in the model") : text.index("of the horizon carbon")]
    # Cost, share and model of each item stand in a row; a narrow space divides the thousands.
    numbers = [float(n.replace(" ", "").replace("−", "-")) for n in re.findall(r"(−?\d[\d ]*\.\d\d) EUR", table)]
    costs, total = numbers[0:-2:2], numbers[-2]
    assert len(costs) == len(day[1].costs)
    assert sum(costs) == pytest.approx(total, abs=0.005 * len(costs))


def test_failure_stands_first_and_nothing_is_certified(failing, tmp_path):
    reader, source = read(*failing, tmp_path)
    assert '<div class="verdict fail"' in source
    worst = failing[1].violations["excess"].max()
    for words in (
        "FAILED: do not carry out this schedule",
        "No certificate: it exists only for a schedule that passes",
        f"{len(failing[1].violations)} limits are violated",
        "violated",
        f"{worst:.4f} pu",
        "BEYOND",
    ):
        assert words in reader.text, words
    assert "Passed" not in reader.text
    assert "may be carried out" not in reader.text
    first = reader.text.index("Violated limits")
    assert first < reader.text.index("Cost and carbon")
    # The worst violation stands in the first row, with its place and hour.
    row = failing[1].violations.loc[failing[1].violations["excess"].idxmax()]
    top = reader.text[first : first + 200]
    assert f"bus {row['index']} " in top
    assert f"{int(row['period']):02d}:00–" in top


def test_plan_without_check_is_not_validated(day, tmp_path):
    reader, source = read(day[0], None, tmp_path)
    assert '<div class="verdict open"' in source
    assert "Not validated" in reader.text
    assert "of the model, not validated" in reader.text
    assert "No limit has been checked" in reader.text
    assert "Passed" not in reader.text
    assert "Certificate:" not in reader.text


def test_quarter_hours_on_many_buses(quarters, tmp_path):
    reader, source = read(*quarters, tmp_path)
    assert "96 periods of 0.25 h" in reader.text
    assert "10:15" in reader.text
    assert len(source) < 8e6


def test_scenarios_have_their_section(fan, day, tmp_path):
    reader, _ = read(*fan, tmp_path)
    for words in (
        "4 scenarios share taps",
        "value of the stochastic solution (VSS)",
        "expected value of perfect information (EVPI)",
        "expected over 4 scenarios",
        "scenario 0",
    ):
        assert words in reader.text, words
    reader, _ = read(*day, tmp_path)
    assert "fan-figure" not in reader.ids


def test_sections_without_content_are_left_out(day, tmp_path):
    plan, check = day
    none = pd.DataFrame()
    bare = replace(
        plan,
        taps=none,
        capacitor_steps=none,
        storage=none,
        ev=none,
        generation=none,
        cone_gap=none,
        recovery=plan.recovery.iloc[:0],
        progress=none,
        topology=none,
        coordinates=none,
        devices=plan.devices.iloc[:0],
        loading_percent=none,
        i_ka=none,
        load_mw=none,
        load_mvar=none,
        converters=none,
        bank_mvar=none,
    )
    check = replace(check, loading_percent=none, i_ka=none, deviations=check.deviations.iloc[:0])
    reader, _ = read(bare, check, tmp_path)
    gone = {"positions", "storage", "vehicles", "loading", "currents", "loads", "exactness", "progress", "network"}
    assert gone.isdisjoint(reader.ids)
    assert {"costs", "balance", "voltage", "limits", "details", "terms"} <= set(reader.ids)


def hidden(table: pd.DataFrame) -> pd.DataFrame:
    """The table without what it knows of its first two periods."""
    known = table.copy()
    known.iloc[:2] = math.nan
    return known


def test_unknown_numbers_are_dashes(day, tmp_path):
    plan, check = day
    broken = replace(
        check,
        passed=False,
        verdict="power flow does not converge in 2 periods.",
        objective=math.nan,
        certificate=None,
        certificate_absolute=None,
        costs=check.costs.assign(cost=math.nan),
        vm_pu=hidden(check.vm_pu),
        loading_percent=hidden(check.loading_percent),
        periods=check.periods.assign(converged=check.periods.index.get_level_values("period") > 1),
        limits=check.limits.assign(value=math.nan, margin=math.nan, index=math.nan, period=math.nan),
    )
    reader, _ = read(plan, broken, tmp_path)
    shown = " ".join([reader.text, *reader.data])
    assert not re.search(r"\bnan\b", shown, flags=re.IGNORECASE)
    assert "does not converge in 00:00–02:00" in reader.text
    assert "of the model, not validated" in reader.text


def test_income_is_not_saved(day):
    plan, check = day
    remark = verdict(views([plan], [replace(check, objective=-1545.3, certificate_absolute=35.1)])[0]).remark
    assert "be better by more than 36 EUR than −1 545.30 EUR" in remark.replace("\u202f", " ")


def test_limit_touched_within_rounding_is_met(day, tmp_path):
    plan, check = day
    low = check.vm_min_pu * 0 + check.vm_pu.min().min() + 1e-9
    reader, _ = read(plan, replace(check, vm_min_pu=low), tmp_path)
    assert "nearest to its limit (it is at it)" in reader.text
    assert "BEYOND" not in reader.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"certificate": None, "certificate_absolute": None}, "the check gives none"),
        ({"certificate": None, "certificate_absolute": 2.0}, "better by more than 2 EUR"),
        ({"certificate": 0.0, "certificate_absolute": 0.0}, "this is the best possible"),
        ({"certificate": -0.02, "certificate_absolute": -9.0}, "the bound does not hold"),
        ({"certificate": 0.0301, "certificate_absolute": 91.234}, "at most 3.1 % from the best possible cost"),
        ({"certificate": 0.0301, "certificate_absolute": 91.234}, "save more than 92 EUR"),
    ],
)
def test_certificate_in_words(day, changes, words):
    plan, check = day
    assert words in verdict(views([plan], [replace(check, **changes)])[0]).remark.replace("\u202f", " ")


def test_unproven_bound_is_told(day, tmp_path):
    plan = replace(day[0], bound=-math.inf, gap=math.inf)
    check = replace(day[1], certificate=None, certificate_absolute=None)
    reader, _ = read(plan, check, tmp_path)
    assert "proved no lower bound" in reader.text
    assert "inf" not in reader.text.split("Terms")[0].split()


def test_switching_within_the_day_is_told_block_by_block(day, tmp_path):
    columns = ["element", "index", "name", "from_bus", "to_bus", "closed_before", "closed_after", "how", "first_period"]
    rows = [
        ("line", 2, "tie", 1, 3, False, True, "switch 5", 0),
        ("line", 3, "main", 2, 3, True, True, "in_service", 0),
        ("line", 2, "tie", 1, 3, False, False, "switch 5", 12),
        ("line", 3, "main", 2, 3, True, True, "in_service", 12),
    ]
    plan = replace(day[0], switches=pd.DataFrame(rows, columns=columns))
    text = read(plan, day[1], tmp_path)[0].text
    assert "00:00 close line 2 “tie” switch 5 12:00 open line 2 “tie” switch 5" in text
    assert "line 3 “main” in_service" not in text


# Several studies --------------------------------------------------------------------------------------------------


def test_studies_are_compared_with_the_first(three, tmp_path):
    plans, checks = three
    reader, source = read(plans, checks, tmp_path)
    change = 100 * (checks[2].objective / checks[0].objective - 1)
    against = f"−{-change:.1f} % against study 1"
    for words in ("Passed: all 3 studies", "The studies by hour", against, "cost against the first"):
        assert words in reader.text, words
    assert [source.count(f'data-show="v{k}"') for k in (1, 2, 3)] == [1, 1, 1]
    assert {"voltage-figure-1", "voltage-figure-2", "voltage-figure-3"} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))
    for check in checks:
        assert f"{check.objective:,.2f}".replace(",", " ") in reader.text


def test_a_sweep_is_reported_as_its_plans_and_least_carbon_is_told_in_kilograms(three, tmp_path):
    plans, checks = three
    clean = replace(
        plans[2], objective=plans[2].carbon_kg, bound=0.9 * plans[2].carbon_kg, options={"objective": "carbon"}
    )
    sweep = Pareto(table=pd.DataFrame(), plans=(*plans[:2], clean))
    reader, _ = read(sweep, checks, tmp_path)
    assert "Cost against carbon" in reader.text
    drawn = figure("front", sweep, checks).data
    assert drawn[0].y.tolist() == pytest.approx([c.objective for c in checks[::-1]])
    assert math.isnan(drawn[1].y[2])
    assert drawn[1].y[0] == pytest.approx(plans[0].bound)
    change = {"certificate": 0.1, "certificate_absolute": 0.1 * clean.carbon_kg}
    view = views([clean], [replace(checks[2], **change)])[0]
    told = verdict(view).remark.replace("\u202f", " ")
    assert re.search(r"10 % from the best possible emission\. .* more than [\d ]+ kg CO₂", told)
    # without a check the cost is that of the items, not the emission that was made least
    assert views([clean], [None])[0].cost == pytest.approx(clean.costs["cost"].sum())
    with pytest.raises(InputError, match="give two or more"):
        figure("front", plans[0], checks[0])


def test_study_without_a_device_has_no_section_of_it(three, tmp_path):
    plans, checks = three
    plans = [replace(plans[0], storage=pd.DataFrame()), *plans[1:]]
    reader, _ = read(plans, checks, tmp_path)
    assert "storage-figure-1" not in reader.ids
    assert "storage-figure-2" in reader.ids


def test_one_failing_study_fails_the_report(three, failing, tmp_path):
    plans, checks = three
    reader, source = read([*plans, failing[0]], [*checks, failing[1]], tmp_path)
    assert '<div class="verdict fail"' in source
    assert "FAILED: feeder of eight" in reader.text


def test_study_that_was_not_validated_is_named(three, tmp_path):
    plans, checks = three
    reader, source = read(plans, [checks[0], None, checks[2]], tmp_path)
    assert '<div class="verdict open"' in source
    assert "Not validated: study 2" in reader.text
    assert "by AC power flow, except study 2 (of the model)" in reader.text


@pytest.mark.parametrize("by_study", [True, False])
def test_published_figures_stand_beside_ours(three, tmp_path, by_study):
    plans, checks = three
    figures = {"source": "table 7", "cost_change_percent": -47.9, "voltage_spread_percent": 1.79, "tap_moves": 5}
    published = {"3": figures} if by_study else figures
    plans = [*plans[:2], replace(plans[2], options={"study": "3", "published": published})]
    text = read(plans, checks, tmp_path)[0].text
    change = 100 * (checks[2].objective / checks[0].objective - 1)
    assert f"study 3 cost against the first study [%] −{-change:.2f} −47.90" in text
    for reading in READINGS.values():
        assert re.search(rf"study 3 peak-valley voltage {reading} \[%\] \d\.\d+ 1\.790", text), reading
    assert "study 3 tap_moves – 5" in text
    assert "Published: table 7." in text


def test_what_cannot_be_reported_is_refused(three, day, tmp_path):
    plans, checks = three
    with pytest.raises(InputError, match="there are 2 for 3 plans"):
        report(plans, checks[:2], tmp_path / "x.html")
    with pytest.raises(InputError, match="the list is empty"):
        report([], [], tmp_path / "x.html")
    with pytest.raises(InputError, match="check: is a bool"):
        report(day[0], True, tmp_path / "x.html")
    with pytest.raises(InputError, match="plan: is a str"):
        report(["plan.json"], [None], tmp_path / "x.html")
    with pytest.raises(InputError, match="writing failed"):
        report(*day, tmp_path / "missing" / "x.html")


# ----------------------------------------------------------------------------------------------------------------


def test_names_from_the_net_are_escaped(three, tmp_path):
    plans, checks = three
    evil = "</script><script>alert('x')</script><!-- \"&"
    clean, _ = read(plans, checks, tmp_path)
    dirty = [
        replace(
            p,
            net_name=evil,
            solver=evil,
            notes=(evil,),
            options={evil: evil, "study": f"{evil}{k}"},
            fingerprint=evil,
            devices=p.devices.assign(name=evil),
            topology=p.topology.assign(name=evil),
            coordinates=p.coordinates.assign(name=evil),
        )
        for k, p in enumerate(plans)
    ]
    reader, source = read(dirty, [replace(c, verdict=evil, notes=(evil,)) for c in checks], tmp_path)
    assert reader.tags.count("script") == clean.tags.count("script")
    assert "<!--" not in source.split("<script>")[0]
    assert "alert('x')" in reader.text
    for data in reader.data:
        json.loads(data)


@pytest.mark.parametrize("case", ["day", "fan"])
def test_saved_and_loaded_plan_gives_the_same_report(case, request, tmp_path):
    plan, check = request.getfixturevalue(case)
    plan.save(tmp_path / "plan.json")
    loaded = DispatchPlan.load(tmp_path / "plan.json")
    assert read(loaded, check, tmp_path)[0].text == read(plan, check, tmp_path)[0].text


def test_report_is_reproducible(day, tmp_path):
    assert read(*day, tmp_path)[1] == read(*day, tmp_path)[1]


def test_net_gives_the_map_that_a_plan_lacks(tmp_path):
    pn = pytest.importorskip("pandapower.networks")
    from .example import example

    plan, check = example(buses=33)
    plan = replace(plan, topology=pd.DataFrame(), coordinates=pd.DataFrame())
    assert "network-figure" not in read(plan, check, tmp_path)[0].ids
    assert "network-figure" in read(plan, check, tmp_path, net=pn.case33bw())[0].ids
