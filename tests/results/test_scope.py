"""A verdict says what was looked at: points, limits that exist, how far goes what has none, what never is."""

from __future__ import annotations

from dataclasses import replace

import pandapower.networks as pn
import pandas as pd
import pytest

import adnflex
from adnflex.results.base import Verdict
from adnflex.results.flexibility_check import FlexibilityCheck
from adnflex.results.scope import NEVER


@pytest.fixture(scope="module")
def judged():
    """One net: no limit of loading, a limit for lines alone, for all, and ratings that are placeholders."""
    found = {}
    for name in ("none", "lines", "all", "placeholders"):
        net = pn.create_cigre_network_mv()
        net.line["max_loading_percent"] = 120.0 if name in ("lines", "all") else float("nan")
        net.trafo["max_loading_percent"] = 120.0 if name == "all" else float("nan")
        if name == "placeholders":
            net.line["max_i_ka"], net.trafo["sn_mva"] = 99999.0, 1e6
            net.trafo["vk_percent"] *= 1e6 / 25
            net.trafo["vkr_percent"] *= 1e6 / 25
        plan = adnflex.plan_from(net, limits={("bus", "min_vm_pu"): 0.8, ("bus", "max_vm_pu"): 1.2})
        found[name] = (adnflex.validate(plan, net), plan, net)
    return found


def test_what_has_no_limit_is_named_with_its_loading(judged):
    check = judged["none"][0]
    worst = check.branches.loc[check.branches["loading_percent"].idxmax()]
    what = "transformer" if worst["element"] == "trafo" else "line"
    assert f"No loading limit is set: {what} {worst['index']} reaches" in check.scope
    assert "loading at" not in check.scope


def test_some_limits_are_no_limit_for_the_rest(judged):
    check = judged["lines"][0]
    free = check.branches[check.branches["loading_limit_percent"].isna()]
    assert f"{len(free)} branches have no loading limit: transformer" in check.scope
    assert "loading at" in check.scope


def test_where_all_have_a_limit_nothing_is_said_of_none(judged):
    assert "no loading limit" not in judged["all"][0].scope.lower()


def test_placeholders_are_called_so_and_make_no_percentages(judged):
    check = judged["placeholders"][0]
    assert "placeholders" in check.scope
    assert "0.0 %" not in check.scope


def test_every_verdict_says_what_it_never_looks_at_in_text_and_report(judged, tmp_path):
    assert all(NEVER in check.scope and check.scope in check.summary() for check, _, _ in judged.values())
    check, plan, net = judged["placeholders"]
    path = tmp_path / "report.html"
    adnflex.report(plan, check, str(path), net)
    assert "Not looked at: short circuit and protection." in path.read_text()


def test_every_verdict_says_its_scope():
    def below(kind):
        return {kind, *(one for sub in kind.__subclasses__() for one in below(sub))}

    for name in adnflex.__all__:
        getattr(adnflex, name)
    kinds = below(Verdict) - {Verdict}
    assert len(kinds) >= 9
    assert [kind.__name__ for kind in kinds if kind.scope is Verdict.scope] == []


def test_a_box_says_how_far_goes_what_has_no_limit():
    ac = pd.DataFrame({"loading_percent": [20.0, 87.5], "loading_element": "line", "loading_index": [1, 7]})
    limits = pd.DataFrame({"kind": ["voltage low"], "checked": [5]})
    empty = pd.DataFrame()
    check = FlexibilityCheck(
        passed=True, verdict="", trajectories=2, vertices=1, states=2, seed=0, worst_error_kw=0.0, ac=ac, limits=limits,
        violations=empty, examples=empty, example_setpoints=empty,
    )  # fmt: skip
    assert check.scope.startswith(
        "Looked at: 2 states of 2 random trajectories and 1 vertices of the box; limits of volt"
    )
    assert "No loading limit is set: line 7 reaches 87.5 %." in check.scope
    limited = pd.DataFrame({"kind": ["voltage low", "line loading"], "checked": [5, 4]})
    assert "No loading limit" not in replace(check, limits=limited).scope
