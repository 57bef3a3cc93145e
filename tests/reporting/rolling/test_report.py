"""The report of a rolling schedule as a whole: complete, self-contained and honest."""

from __future__ import annotations

import dataclasses
import json
import math

import pandas as pd
import pytest

import adnflex
from adnflex.errors import InputError
from adnflex.reporting.rolling.view import views
from adnflex.reporting.rolling.words import verdict
from adnflex.reporting.views import NetFacts

from ..reader import LIBRARY, Reader, opened


def read(what, check, folder, net=None) -> tuple[Reader, str]:
    return opened(adnflex.report(what, check, folder / "rolling.html", net))


@pytest.fixture(scope="module")
def whole(run, comparison, check, case, tmp_path_factory):
    """The report of a day and a comparison."""
    return read([run, comparison], check, tmp_path_factory.mktemp("report"), case.net)


def test_report_is_complete_and_self_contained(whole):
    reader, source = whole
    assert all(address.startswith("#") for address in reader.addresses)
    assert {a[1:] for a in reader.addresses} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))
    assert "link" not in reader.tags
    assert source.count(LIBRARY) == 1
    for data in reader.data:
        assert set(json.loads(data)) == {"data", "layout"}
    headings = [
        "Passed in AC: this day may be carried out",
        "Cost of day 0",
        "What the day costs",
        "What each policy gains",
        "From day to day",
        "The day by hour",
        "Storage",
        "Vehicles",
        "Exchange between the nodes",
        "Voltages before and after stage two",
        "Reactive power of stage two",
        "Limits",
        "Beside what is published",
        "How it was computed",
        "Terms",
    ]
    assert all(words in reader.text for words in headings)
    assert len(reader.data) == 15
    assert len(source.encode()) < 1_000_000


def test_first_screen_tells_the_numbers(whole, run, comparison, check):
    text = whole[0].text
    first = text[: text.index("What the day costs Purchase")]
    row = comparison.against("pool").loc["rollout"]
    floor = comparison.against("floor").loc["rollout"]
    for words in (
        f"{run.total:,.2f} CNY",
        f"{comparison.days['rollout'].mean():,.2f} ± ",
        f"{row['difference']:+,.2f} ± {row['ci95']:,.2f} CNY",
        f"{floor['difference']:+,.2f} ± {floor['ci95']:,.2f} CNY",
        f"from {check.violating_bus_hours_without} to {check.violating_bus_hours}",
        f"{check.violating_bus_hours_without} → {check.violating_bus_hours} bus-hours",
        f"{1e3 * check.hours['loss_without_mw'].sum():,.0f} → {1e3 * check.hours['loss_mw'].sum():,.0f} kWh",
        "all needs met",
    ):
        assert words.replace(",", " ").replace("-", "−").replace("bus−hours", "bus-hours") in first, words


def test_published_figures_stand_beside_ours_with_their_caveat(whole):
    text = whole[0].text
    part = text[text.index("Beside what is published All in") : text.index("How it was computed what")]
    assert "resemblance can be of order only" in part
    for number in ("88.06", "524.81", "1 330.83", "234.76", "350.81"):
        assert number in part
    assert "doi:10.3390/wevj16090515" in part
    # Ours stands in the row of its own weather only.
    assert part[part.index("cloudy") :].startswith("cloudy – 234.76")


def test_a_case_without_published_figures_has_no_such_section(run, check, tmp_path):
    reader, _ = read(run, check, tmp_path)
    assert "Beside what is published" not in reader.text
    assert "What each policy gains" not in reader.text
    assert "Passed in AC" in reader.text


def test_failure_stands_first(run, comparison, failed, tmp_path, case):
    reader, source = read([run, comparison], [failed, None], tmp_path, case.net)
    assert '<div class="verdict fail"' in source
    for words in (
        "FAILED: do not carry out this day",
        "Limits violated in AC: 2",
        "storage too full storage 1",
        "Costs that do not add up",
        "✗ 1 set-points are wrong",
        "✗ costs are off",
        "violated",
    ):
        assert words in reader.text, words
    assert "Passed in AC" not in reader.text
    first = reader.text.index("Limits violated in AC")
    assert first < reader.text.index("What the day costs Purchase")
    # The worst violation stands in the first row.
    assert "19:00–20:00" in reader.text[first : first + 200]


def test_power_flow_that_fails_is_said(run, check, tmp_path):
    hours, vm = check.hours.astype(float), check.vm_pu.copy()
    hours.loc[[5, 6]], vm.loc[[5, 6]] = math.nan, math.nan
    words = "AC power flow does not converge in hour 5"
    broken = dataclasses.replace(check, passed=False, converged=False, verdict=words, hours=hours, vm_pu=vm)
    reader, source = read(run, broken, tmp_path)
    assert '<div class="verdict fail"' in source
    assert "05:00–07:00" in reader.text
    assert "✗ AC power flow does not converge" in reader.text


def test_a_day_without_check_is_not_validated(run, tmp_path):
    reader, source = read(run, None, tmp_path)
    assert '<div class="verdict open"' in source
    assert "Not validated" in reader.text
    assert "No limit has been checked" in reader.text
    assert "Of the expected hours, not validated" in reader.text
    assert "Proven" not in reader.text


def test_a_comparison_alone_claims_nothing_about_ac(comparison, tmp_path, case):
    reader, source = read(comparison, None, tmp_path, case.net)
    assert '<div class="verdict open"' in source
    assert "without AC check" in reader.text
    assert "rollout less pool on the same days" in reader.text
    assert "The day by hour" not in reader.text


def test_what_is_missing_or_few_is_said(run, comparison, check, tmp_path):
    stopped = dataclasses.replace(comparison, interrupted=True)
    text = read([run, stopped], check, tmp_path)[0].text
    assert "The comparison was stopped early: 4 days" in text
    assert "4 days are few" in text
    other = dataclasses.replace(comparison, case_name="another", seed=7)
    text = read([run, other], check, tmp_path)[0].text
    assert "they do not belong together" in text
    assert "the comparison of seed 7" in text
    strange = dataclasses.replace(run, policy="mpc:5")
    assert "does not hold the policy of the day, mpc:5" in read([strange, comparison], check, tmp_path)[0].text


def test_a_comparison_without_a_common_day_is_survived(run, comparison, check, tmp_path):
    none = dataclasses.replace(comparison, days=pd.DataFrame(), items=comparison.items.iloc[:0], interrupted=True)
    reader, _ = read([run, none], check, tmp_path)
    assert "No day was finished by every policy" in reader.text
    assert "Passed in AC" in reader.text
    assert "Not validated" not in read(none, None, tmp_path)[0].text


def test_a_day_without_second_stage_vehicles_or_storage_is_survived(run, check, tmp_path):
    bare = dataclasses.replace(
        run,
        reactive=pd.DataFrame(index=run.reactive.index),
        vm_pu=pd.DataFrame(index=run.vm_pu.index),
        reactive_facts=pd.DataFrame(index=run.reactive.index),
        vehicles=run.vehicles.iloc[:0],
        ev=pd.DataFrame(index=run.ev.index),
        storage=pd.DataFrame(index=run.storage.index),
    )
    reader, _ = read(bare, check, tmp_path)
    assert "Voltages before and after" not in reader.text
    assert "no stage two" in reader.text
    assert "storage-figure" not in reader.ids
    assert "vehicles-figure" not in reader.ids


def test_what_is_stored_is_told_apart_from_the_total(run, check, tmp_path):
    text = read(dataclasses.replace(run, stored_value=12.5), check, tmp_path)[0].text
    assert "what policies are compared by" in text
    assert f"{run.total - 12.5:,.2f} CNY".replace("-", "−") in text


def test_unmet_needs_are_not_hidden(run, check, tmp_path):
    short = run.vehicles.copy()
    short.loc[0, "unmet_kwh"] = 3.5
    text = read(dataclasses.replace(run, vehicles=short), check, tmp_path)[0].text
    assert "3.5 kWh unmet" in text
    assert "1 left with less than they need" in text


def test_names_of_the_net_are_escaped(run, comparison, check, case, tmp_path):
    named = dataclasses.replace(run, case_name="<b>x</b>", policy="mine<script>")
    source = read([named, comparison], check, tmp_path, case.net)[1]
    assert "<b>x</b>" not in source
    assert "mine<script>" not in source


def test_saved_results_make_the_same_report(run, comparison, check, tmp_path):
    for result, name in ((run, "run"), (comparison, "comparison"), (check, "check")):
        result.save(tmp_path / f"{name}.json")
    loaded = (
        adnflex.RollingRun.load(tmp_path / "run.json"),
        adnflex.Comparison.load(tmp_path / "comparison.json"),
        adnflex.RollingCheck.load(tmp_path / "check.json"),
    )
    text = read(list(loaded[:2]), loaded[2], tmp_path)[0].text
    assert text == read([run, comparison], check, tmp_path)[0].text


def test_wrong_arguments_are_refused(run, comparison, check, tmp_path):
    for what, checks, words in (
        ([run, run], None, "2 runs"),
        ([run, "plan"], None, "plan: is a str"),
        (comparison, check, "a comparison has none"),
        (run, "passed", "check: is a str"),
    ):
        with pytest.raises(InputError, match=words):
            adnflex.report(what, checks, tmp_path / "x.html")
    with pytest.raises(InputError, match="writing failed"):
        adnflex.report(run, check, tmp_path / "nowhere" / "x.html")


def test_verdict_of_a_check_is_its_own(run, check):
    assert verdict(views([run], [check], NetFacts())[0]).kind == "caution"
    assert verdict(views([run], [dataclasses.replace(check, passed=False)], NetFacts())[0]).kind == "fail"
    assert verdict(views([run], [None], NetFacts())[0]).kind == "open"
