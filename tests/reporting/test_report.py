"""The page as a whole: complete, self-contained and honest."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pandapower.networks as pn
import pandas as pd
import pytest

from adnflex import report
from adnflex.errors import InputError
from adnflex.reporting.reconfiguration import KIND
from adnflex.reporting.reconfiguration.view import views
from adnflex.reporting.reconfiguration.words import verdict
from adnflex.results import Check, Plan

from .reader import LIBRARY, Reader, opened, section
from .studies import bare


def viewed(plan, check):
    return replace(views([plan], [check])[0], figures=KIND.figures)


def read(plan, check, folder, **options) -> tuple[Reader, str]:
    return opened(report(plan, check, folder / "report.html", **options))


def test_report_is_complete_and_self_contained(oberrhein, tmp_path):
    plan, check = oberrhein
    reader, source = read(plan, replace(check, passed=True, certificate=8e-5, certificate_absolute=1e-4), tmp_path)
    assert all(address.startswith("#") for address in reader.addresses)
    assert {a[1:] for a in reader.addresses} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))
    assert "link" not in reader.tags
    assert "@import" not in source.split("<script>")[0]
    assert source.count(LIBRARY) == 1
    assert len(source.encode()) < 1_000_000
    zoomed = [i for i in reader.ids if re.fullmatch(r"changes-\d+-figure", i)]
    assert zoomed
    assert len(reader.data) == 7 + len(zoomed)
    assert "loading-figure" in reader.ids
    for data in reader.data:
        assert set(json.loads(data)) == {"data", "layout"}
    for words in (
        "What to switch",
        "Voltage along the feeders",
        "Terms",
        "Passed: this plan may be switched",
    ):
        assert words in reader.text


def test_first_screen_tells_the_numbers(case33, tmp_path):
    reader, _ = read(*case33, tmp_path)
    for words in (
        "202.7 → 139.6 kW",
        "−31.1 %",
        "0.9131 → 0.9378 pu",
        "bus 17 → bus 31",
        "at most 0.0081 % from the best possible losses",
        "4 to close, 4 to open",
        "Open as before: line 36.",
        "In which order is not known: these are no steps",
    ):
        assert words in reader.text


def test_failure_stands_first_and_nothing_is_certified(failing, tmp_path):
    reader, source = read(*failing, tmp_path)
    assert '<div class="verdict fail"' in source
    for words in (
        "FAILED: do not switch this plan",
        "No certificate: it exists only for a plan that passes",
        "Violated limits",
        "it is listed for study, not to be carried out",
        "0.9378 pu",
    ):
        assert words in reader.text
    assert "Passed" not in reader.text
    assert reader.text.index("Violated limits") < reader.text.index("What to switch")


def test_plan_without_check_is_not_validated(case33, tmp_path):
    reader, source = read(case33[0], None, tmp_path)
    assert '<div class="verdict open"' in source
    assert "Not validated" in reader.text
    assert "it needs the AC check" in reader.text
    assert "Passed" not in reader.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"certificate": None, "certificate_absolute": None}, "the check gives none"),
        ({"certificate": None, "certificate_absolute": 2e-6}, "better by more than 2 W"),
        ({"certificate": 0.0, "certificate_absolute": 0.0}, "this is the best possible"),
        (
            {"certificate": 1e-7, "certificate_absolute": 2e-8},
            "Certificate: less than 0.0001 % from the best",
        ),
        ({"certificate": -1e-5, "certificate_absolute": -1e-6}, "this is the best possible"),
        ({"certificate": -0.02, "certificate_absolute": -3e-3}, "the bound does not hold"),
        (
            {"certificate": 0.0301, "certificate_absolute": 4.3e-3},
            "at most 3.1 % from the best possible losses",
        ),
    ],
)
def test_certificate_in_words(case33, changes, words):
    plan, check = case33
    assert words in verdict(views([plan], [replace(check, **changes)])[0]).remark.replace("\u202f", " ")


def test_unproven_bound_is_told(case33, tmp_path):
    plan = replace(case33[0], bound=-math.inf, gap=math.inf)
    check = replace(case33[1], certificate=None, certificate_absolute=None)
    reader, _ = read(plan, check, tmp_path)
    assert "proved no lower bound" in reader.text
    assert "inf" not in reader.text.split("Terms")[0].split()


def broken(check: Check) -> Check:
    """Power flow did not converge: nothing is known."""
    unknown = dict.fromkeys(("vm_before_pu", "vm_pu", "vm_model_pu"), math.nan)
    return replace(
        check,
        passed=False,
        verdict="power flow does not converge.",
        converged=False,
        radial=False,
        supplied=False,
        objective=math.nan,
        losses_mw=math.nan,
        losses_before_mw=math.nan,
        certificate=None,
        certificate_absolute=None,
        buses=check.buses.assign(**unknown),
        branches=check.branches.assign(loading_before_percent=math.nan, loading_percent=math.nan, loss_mw=math.nan),
        limits=check.limits.assign(value=math.nan, margin=math.nan, index=math.nan),
    )


def test_unknown_numbers_are_dashes(case33, tmp_path):
    plan = replace(case33[0], losses_before_mw=math.nan)
    reader, _ = read(plan, broken(case33[1]), tmp_path)
    shown = " ".join([reader.text, *reader.data])
    assert not re.search(r"\bnan\b", shown, flags=re.IGNORECASE)
    for words in (
        "AC power flow does not converge",
        "not radial",
        "not every bus supplied",
        "– before, – with the plan",
    ):
        assert words in reader.text


def test_tables_without_columns_do_no_harm(case33, tmp_path):
    empty = dict.fromkeys(("violations", "limits", "relaxation", "deviations", "buses", "branches"), pd.DataFrame())
    reader, _ = read(case33[0], replace(broken(case33[1]), **empty), tmp_path)
    assert "FAILED" in reader.text


def test_names_from_the_net_are_escaped(case33, tmp_path):
    plan, check = case33
    evil = "</script><script>alert('x')</script><!-- \"&"
    plan = replace(
        plan,
        net_name=evil,
        solver=evil,
        notes=(evil,),
        options={evil: evil},
        fingerprint=evil,
        switches=plan.switches.assign(name=evil, how=evil),
        topology=plan.topology.assign(name=evil),
        coordinates=plan.coordinates.assign(name=evil),
    )
    check = replace(check, verdict=evil, notes=(evil,))
    clean, _ = read(*case33, tmp_path)
    reader, source = read(plan, check, tmp_path)
    assert reader.tags.count("script") == clean.tags.count("script")
    assert "<!--" not in source.split("<script>")[0]
    assert "alert('x')" in reader.text
    for data in reader.data:
        json.loads(data)


def test_net_gives_the_map_that_the_plan_lacks(case33, tmp_path):
    reader, _ = read(bare(case33[0]), case33[1], tmp_path)
    assert "give report() the net" in reader.text
    assert "network-before-figure" not in reader.ids
    reader, _ = read(bare(case33[0]), case33[1], tmp_path, net=pn.case33bw())
    assert "network-before-figure" in reader.ids


def test_saved_and_loaded_plan_gives_the_same_report(oberrhein, tmp_path):
    plan, check = oberrhein
    plan.save(tmp_path / "plan.json")
    loaded = Plan.load(tmp_path / "plan.json")
    assert read(loaded, check, tmp_path)[0].text == read(plan, check, tmp_path)[0].text
    assert loaded.coordinates["name"].tolist() == plan.coordinates["name"].tolist()


def test_report_is_reproducible(case33, tmp_path):
    assert read(*case33, tmp_path)[1] == read(*case33, tmp_path)[1]


def test_what_cannot_be_reported_is_refused(case33, tmp_path):
    plan, check = case33
    with pytest.raises(InputError, match="plan: is a str"):
        report("plan.json", check, tmp_path / "x.html")
    with pytest.raises(InputError, match="check: is a bool"):
        report(plan, True, tmp_path / "x.html")
    with pytest.raises(InputError, match="writing failed"):
        report(plan, check, tmp_path / "missing" / "x.html")


def test_ratings_that_are_placeholders_are_named(case33, tmp_path):
    reader, _ = read(*case33, tmp_path)
    assert "placeholders" in reader.text
    assert "loading-figure" not in reader.ids


def test_limit_touched_within_rounding_is_met(case33, tmp_path):
    plan, check = case33
    touched = check.limits.assign(margin=-1e-9)
    reader, _ = read(plan, replace(check, limits=touched), tmp_path)
    assert reader.tags.count("section") > 5
    assert "violated" not in reader.text


@pytest.mark.parametrize(
    ("gap", "loss_mw", "words"),
    [
        (1e-7, 1e-12, "the relaxation is exact here. Invented loss in all: below 1 W of 139.6 kW"),
        (0.01, 1e-6, "without weight"),
        (0.01, 1e-3, "the relaxation is not exact"),
    ],
)
def test_tightness_is_judged_by_gap_and_by_invented_loss(case33, gap, loss_mw, words):
    plan, check = case33
    relaxation = check.relaxation.assign(cone_gap=0.0, cone_loss_mw=0.0)
    relaxation.loc[3, ["cone_gap", "cone_loss_mw"]] = gap, loss_mw
    made = section(KIND, "exactness", viewed(plan, replace(check, relaxation=relaxation)))
    assert words in made.blocks[0].replace("\u202f", " ")
    assert "at line 3:" in made.blocks[0]
