"""The report of flexibility as a whole: complete, self-contained and honest."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pandas as pd
import pytest

from adnflex import networks, report
from adnflex.errors import InputError
from adnflex.reporting.flexibility import KIND
from adnflex.reporting.flexibility.compare import published_table
from adnflex.reporting.flexibility.view import views
from adnflex.reporting.flexibility.words import certificate_words, key_cards, verdict
from adnflex.results.boxes import OuterFlexibility
from adnflex.results.flexibility import Flexibility
from adnflex.results.region import RegionCheck

from ..reader import LIBRARY, Reader, opened, section


def collected(plans, check=None):
    many = list(plans) if isinstance(plans, list) else [plans]
    return replace(views(many, [check])[0], figures=KIND.figures)


def read(plan, check, folder, **options) -> tuple[Reader, str]:
    return opened(report(plan, check, folder / "flexibility.html", **options))


@pytest.fixture(scope="module")
def whole(day, region, tmp_path_factory) -> tuple[Reader, str]:
    """A report with everything in it."""
    flex, best, check = day
    none = pd.DataFrame()
    published = {
        "source": "table 3",
        "flexibility": {"change_percent": 16.0, "change_without_q_percent": 7.0},
        "least losses": {"total_mwh": 27.9},
    }
    best = replace(best, options={"published": published})
    checks = [check, RegionCheck(False, "one point left its limits.", none, none)]
    return read([flex, best, region], checks, tmp_path_factory.mktemp("report"))


def test_report_is_complete_and_self_contained(whole):
    reader, source = whole
    assert all(address.startswith("#") for address in reader.addresses)
    assert {a[1:] for a in reader.addresses} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))
    assert "link" not in reader.tags
    assert source.count(LIBRARY) == 1
    for data in reader.data:
        assert set(json.loads(data)) == {"data", "layout"}
    for words in (
        "The box over time",
        "What holds it back",
        "What no longer holds it back",
        "What to switch",
        "The network before and after",
        "Gains, and what reactive power adds",
        "Examples of what is followed",
        "Stored energy that can be reached",
        "Active and reactive power together",
        "Limits over all trajectories",
        "How it was found",
        "AC states from end to end",
        "How it was computed",
        "Terms",
    ):
        assert words in reader.text, words
    figures = [i for i in reader.ids if f"{i}-data" in reader.ids]
    assert len(figures) == len(reader.data) == 15
    assert len(source.encode()) < 1_000_000


def test_first_screen_answers_the_four_questions(day, whole):
    flex, best, check = day
    text = whole[0].text
    screen = text[: text.index("The box over time")]
    gain = 100 * (best.total_mwh / flex.total_mwh - 1)
    width = best.upper_mw - best.lower_mw
    for words in (
        f"Passed in AC: {math.floor(100 * best.total_mwh) / 100:.2f} MWh of flexibility can be promised",
        f"{width.min():.2f} to {width.max():.2f} MW",
        f"passed, {check.states} power flows",
        "4 random trajectories, 2 vertices",
        "a larger box may exist",
        f"+{gain:.1f} %",
        "open line 3; close line 8",
        "loading, line 4 “Market street”",
        "voltage low, bus 5 “Church”",
    ):
        assert words in screen, words


def test_failure_stands_first_and_nothing_is_promised(failing, tmp_path):
    flex, best, check = failing
    reader, source = read([flex, best], check, tmp_path)
    assert '<div class="verdict fail"' in source
    worst = check.violations["excess"].max()
    for words in (
        "FAILED: do not promise this box",
        f"{worst:.4f} pu",
        "Violated limits",
        "has not held in AC",
        "violated",
    ):
        assert words in reader.text, words
    for words in ("can be promised", "can be asked for", "Promised over", "Certificate: in"):
        assert words not in reader.text, words
    assert reader.text.index("Violated limits") < reader.text.index("The box over time")
    row = check.violations.loc[check.violations["excess"].idxmax()]
    assert f"Worst: voltage low at bus {row['index']} " in reader.text


def test_box_without_check_is_not_validated(day, tmp_path):
    reader, source = read(day[0], None, tmp_path)
    assert '<div class="verdict open"' in source
    assert "Not validated" in reader.text
    assert "No limit has been checked" in reader.text
    assert "can be promised" not in reader.text
    assert {"following", "relieved", "switching", "comparison", "regions"}.isdisjoint(reader.ids)


@pytest.mark.parametrize("case", ["two", "quarters"])
def test_few_and_many_periods(case, request, tmp_path):
    flex, best, check = request.getfixturevalue(case)
    reader, source = read([flex, best], check, tmp_path)
    assert f"{len(best.box)} periods of {best.hours_per_period:g} h" in reader.text
    assert len(source) < 7e6


def test_sections_without_content_are_left_out(day, tmp_path):
    none = pd.DataFrame()
    empty = dict.fromkeys(
        ("binding", "energy", "rounds", "progress", "switches", "comparison", "bands", "relieved", "storages", "inputs",
         "topology", "coordinates", "ac"), none
    )  # fmt: skip
    check = replace(day[2], examples=none, example_setpoints=none, limits=day[2].limits.iloc[:0])
    reader, _ = read(replace(day[1], **empty, options={}), check, tmp_path)
    gone = {"relieved", "switching", "network", "comparison", "following", "storage", "regions", "states"}
    assert gone.isdisjoint(reader.ids)
    assert {"box", "holding", "limits", "found", "details", "terms"} <= set(reader.ids)
    assert "No limit of the network is reached" in reader.text
    assert "The box carries no map" in reader.text


def test_topology_that_stays_says_so(day):
    best = day[1]
    stays = best.switches.assign(closed_after=best.switches["closed_before"], operated=False)
    topology = best.topology.assign(closed_after=best.topology["closed_before"])
    study = collected(replace(best, switches=stays, topology=topology), day[2])
    assert "nothing is switched" in section(KIND, "switching", study).intro
    assert section(KIND, "network", study).title == "Where it is held back"


def test_many_limits_are_folded(day):
    row = day[1].binding.iloc[0].to_dict()
    rows = [row | {"element": "bus", "index": k, "kind": "voltage low", "unit": "pu"} for k in range(40)]
    study = collected(replace(day[1], binding=pd.DataFrame(rows)), day[2])
    text = "".join(section(KIND, "holding", study).blocks)
    assert "The picture shows the first 15 of 40 limits" in text
    assert "32 more limits" in text


def test_unknown_numbers_are_dashes(day, region, tmp_path):
    flex, best, check = day
    unknown = replace(
        best, linear=replace(best.linear, bound=math.nan, gap=math.nan),
        binding=best.binding.assign(worth_mwh=math.nan), relieved=best.relieved.assign(after=math.nan),
        comparison=best.comparison.assign(linear_bound_mwh=math.nan),
        progress=best.progress.assign(linear_bound_mwh=math.inf),
    )  # fmt: skip
    broken = replace(
        check,
        limits=check.limits.assign(value=math.nan, margin=math.nan, index=math.nan, period=math.nan),
    )  # fmt: skip
    reader, _ = read([flex, unknown, region], broken, tmp_path)
    shown = " ".join([reader.text, *reader.data])
    assert not re.search(r"\bnan\b", shown, flags=re.IGNORECASE)
    assert "no bound known" in reader.text


def test_a_certificate_is_that_of_the_outer_bound_whatever_the_linear_model_says(day):
    _, best, check = day
    for gap in (0.0, 7e-9, 0.03, math.nan):
        linear = replace(best.linear, gap=gap, bound=best.linear.worth * (1 + gap))
        for room, kind in ((0.02, "pass"), (0.2, "caution"), (-0.1, "caution"), (math.inf, "caution")):
            worth = best.useful_mwh * (1 + room)
            study = collected(replace(best, linear=linear, outer=OuterFlexibility(worth, worth, "by hand")), check)
            words = certificate_words(study).replace("\u202f", " ")
            assert words.startswith("Certificate: useful width" if 0 < room < 1 else "No certificate")
            assert "a larger box may exist" in words
            assert verdict(study).kind == kind


def test_no_certificate_without_a_passed_check(day):
    _, best, check = day
    assert check.passed
    for other in (None, replace(check, passed=False)):
        study = collected(best, other)
        assert certificate_words(study).startswith("No certificate")
        assert next(card for card in key_cards(study) if card.label == "Certificate").value == "–"


def test_proof_is_told_once(day):
    _, best, check = day
    told = verdict(collected(best, check))
    assert "Run in full AC power flow" not in told.remark
    other = replace(check, verdict="every trajectory was followed.")
    assert f"{check.states} power flows" in verdict(collected(best, other)).remark.replace("\u202f", " ")


def test_published_figures_stand_beside_ours(day, whole):
    best, text = day[1], whole[0].text
    ours = best.comparison.at["flexibility", "change_percent"]
    assert f"flexibility against the present topology [%] {ours:.2f} 16" in text
    assert re.search(r"the same without reactive power \[%\] \d+\.\d+ 7 ", text)
    least = best.comparison.at["least losses", "total_mwh"]
    assert f"least losses promised [MWh] {least:.2f} 27.90" in text
    assert "Published: table 3." in text


def test_verdict_of_the_regions_is_told(whole):
    text = whole[0].text
    assert "FAILED one point left its limits." in text
    assert "can be promised" in text


def test_what_cannot_be_reported_is_refused(day, region, tmp_path):
    flex, best, check = day
    path = tmp_path / "x.html"
    with pytest.raises(InputError, match="holds 3 boxes"):
        report([flex, best, best], check, path)
    with pytest.raises(InputError, match="there are 2 for 1 boxes"):
        report([best], [check, check], path)
    with pytest.raises(InputError, match="holds no box"):
        report([region], None, path)
    with pytest.raises(InputError, match="check: is a bool"):
        report(best, True, path)
    with pytest.raises(InputError, match="plan: is a str"):
        report([best, "box.json"], None, path)
    with pytest.raises(InputError, match="other periods"):
        report([replace(flex, box=flex.box.iloc[:5]), best], check, path)
    with pytest.raises(InputError, match="writing failed"):
        report(best, check, tmp_path / "missing" / "x.html")


def test_names_from_the_net_are_escaped(day, tmp_path):
    flex, best, check = day
    evil = "</script><script>alert('x')</script><!-- \"&"
    clean, _ = read([flex, best], check, tmp_path)
    dirty = [
        replace(
            one, net_name=evil, solver=evil, notes=(evil,), options={evil: evil}, fingerprint=evil,
            linear=replace(one.linear, bound_kind=evil),
            topology=one.topology.assign(name=evil), coordinates=one.coordinates.assign(name=evil), pcc=evil,
            progress=one.progress.assign(event=evil),
        )
        for one in (flex, best)
    ]  # fmt: skip
    told = replace(check, verdict=evil, notes=(evil,))
    reader, source = read(dirty, told, tmp_path)
    assert reader.tags.count("script") == clean.tags.count("script")
    assert "<!--" not in source.split("<script>")[0]
    for data in reader.data:
        json.loads(data)


def test_saved_and_loaded_boxes_give_the_same_report(day, tmp_path):
    flex, best, check = day
    loaded = []
    for name, one in (("flex", flex), ("best", best)):
        one.save(tmp_path / f"{name}.json")
        loaded.append(Flexibility.load(tmp_path / f"{name}.json"))
    written = [report(boxes, check, tmp_path / "x.html").read_bytes() for boxes in (loaded, [flex, best], [flex, best])]
    # The second comparison: a report is reproducible.
    assert written[0] == written[1] == written[2]


def test_losses_may_make_the_box_larger_than_the_linear_one(day):
    best = day[1]
    small = replace(best.separable, total_mwh=best.total_mwh - 0.5)
    study = collected(
        replace(best, separable=small, linear=replace(best.linear, total_mwh=small.total_mwh, worth=small.total_mwh)),
        day[2],
    )
    card = next(c for c in key_cards(study) if "linear" in c.label)
    assert card.value.replace("\u202f", " ") == "+0.5000 MWh"
    told = "".join(section(KIND, "found", study).blocks).replace("\u202f", " ")
    assert "In AC the box is 0.500 MWh (1.14 %) larger" in told


def test_published_figures_of_other_horizons_are_left_out(day):
    published = {
        "2 periods": {"flexibility_change_percent": 28},
        "24 periods": {"flexibility_change_percent": 16, "opened_lines": ["L8"]},
        "24 periods without q": {"flexibility_change_percent": 7},
    }
    best = replace(day[1], options={"published": published})
    text = re.sub(r"<[^>]+>", " ", "".join(published_table(collected(best, day[2]))))
    text = " ".join(text.replace("\u202f", " ").split())
    ours = best.comparison.at["flexibility", "change_percent"]
    assert "28" not in text
    assert f"24 periods against the present topology [%] {ours:.2f} 16" in text
    assert "24 periods opened Church hill L8" in text
    assert re.search(r"24 periods without q against the present topology \[%\] \d+\.\d+ 7", text)


def test_base_schedule_outside_the_box_is_told(day):
    best = day[1]
    rows = best.box.copy()
    rows.loc[[11, 12], "base_mw"] = rows.loc[[11, 12], "lower_mw"] - 1.0
    study = collected(replace(best, box=rows), day[2])
    assert "lies outside in 11:00–13:00" in section(KIND, "box", study).intro
    card = next(c for c in key_cards(study) if c.label == "More / less import")
    assert "−−" not in card.value + card.below
    assert "lies outside" not in section(KIND, "box", collected(best, day[2])).intro


def test_beside_published_figures_stands_how_the_case_was_chosen(day):
    _, best, check = day
    text = {}
    for horizon in ("24 periods", "7 periods"):
        published = {horizon: {"total_mwh": 1.0, "source": "the paper", "chosen": "after results were seen"}}
        beside = collected(replace(best, options={"published": published}), check)
        text[horizon] = re.sub(r"<[^>]+>", " ", "".join(published_table(beside)))
    assert text["24 periods"].count("after results were seen") == 1
    assert text["7 periods"] == ""


def test_the_case_says_that_nearness_proves_nothing():
    published = networks.load("park33_flexibility")["study"]["published"]
    assert all("after results were seen" in case["chosen"] for case in published.values())
