"""Arguments of everything public: each wrong kind is refused by name, and nothing but an AdnflexError leaves a verb."""

from __future__ import annotations

import copy
import inspect
import math

import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex.arguments.table import ARGUMENTS
from adnflex.errors import InputError, SolverUnavailable

VERBS = {
    "reconfigure": adnflex.reconfigure,
    "dispatch": adnflex.dispatch,
    "flexibility": adnflex.flexibility,
    "flexibility_sweep": adnflex.flexibility_sweep,
    "reconfigure_for_flexibility": adnflex.reconfigure_for_flexibility,
    "pq_region": adnflex.pq_region,
    "pareto": adnflex.pareto,
    "from_net": adnflex.RollingCase.from_net,
    "schedule_rolling": adnflex.schedule_rolling,
    "compare_policies": adnflex.compare_policies,
    "RollingScheduler": adnflex.RollingScheduler,
    "validate": adnflex.validate,
    "report": adnflex.report,
    "out_of_sample": adnflex.out_of_sample,
    "value_of_information": adnflex.value_of_information,
    "draw_scenarios": adnflex.draw_scenarios,
    "restore": adnflex.restore,
    "contingencies": adnflex.contingencies,
    "switching_sequence": adnflex.switching_sequence,
    "operations_frontier": adnflex.operations_frontier,
    "plan_from": adnflex.plan_from,
}
WRONG: dict[str, object] = {
    "text": "no such thing",
    "no text": "",
    "bytes": b"losses",
    "negative": -3,
    "nan": math.nan,
    "infinite": math.inf,
    "truth": True,
    "nothing": None,
    "empty list": [],
    "list of text": ["a", "b"],
    "numbers": [1.5, math.nan],
    "swapped": (5.0, 1.0),
    "empty dict": {},
    "table": pd.DataFrame({"a": ["b"]}),
    "object": object(),
    "class": dict,
}
# What is right in kind, or judged later with the net.
RIGHT = {
    *((n, "text") for n in ("name", "currency", "solver", "tariff", "weather", "objective", "policy")),
    *((n, "text") for n in ("state", "store", "path")),
    *((n, "truth") for n in ("exact", "reactive_power", "without_q", "bound", "common_weather")),
    *((n, "empty dict") for n in ("objective", "profiles", "compare")),
    *((n, w) for n in ("period_weights", "base_mw") for w in ("negative", "nan", "infinite", "numbers", "swapped")),
    *((n, w) for n in ("required_mw", "exchange_limit_mw") for w in ("numbers", "swapped")),
    *(("exchange_limit_mw", w) for w in ("negative", "nan", "infinite")),
    *((n, "negative") for n in ("carbon_budget_kg", "stored_value_per_mwh", "ev_subsidy_per_vehicle", "import_mw")),
    *((n, w) for n in ("buy_price_per_mwh", "ev_price_per_mwh") for w in ("negative", "swapped")),
    *((n, "infinite") for n in ("time_limit", "search_time")),
    *((n, w) for n in ("switchable_lines", "switchable_switches", "locked_lines") for w in ("empty list", "swapped")),
    ("periods", "swapped"),
    ("policies", "list of text"),
    *((n, "truth") for n in ("generation_returns", "parallel_sources", "short_circuit", "reliability")),
    *((n, "empty list") for n in ("open_lines", "open_switches", "closed_switches")),
    *((n, w) for n in ("taps", "curtailable") for w in ("empty list", "swapped")),
    *(("operations", "swapped"), ("period", "text")),
    ("arrivals", "table"),
    *(("days", w) for w in ("negative", "swapped")),
    *((n, "empty dict") for n in ("sigma_percent", "vehicles")),
    *(("proportional", word) for word in ("empty list", "list of text")),
    *((n, "swapped") for n in ("ar", "ma")),
}


@pytest.fixture(scope="module")
def net() -> pp.pandapowerNet:
    """Two buses, so that what slips through is cheap."""
    net = pp.create_empty_network()
    for _ in range(2):
        pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0)
    pp.create_line_from_parameters(net, 0, 1, 1.0, 0.3, 0.3, 0, 0.2)
    pp.create_load(net, 1, 1.0, 0.2)
    return net


def _may_be_none(parameter: inspect.Parameter) -> bool:
    return parameter.default is None or "None" in str(parameter.annotation)


def cases() -> list[tuple[str, str, str]]:
    """Every wrong word for every argument; one for those that mean in a verb what they mean in one before."""
    found: list[tuple[str, str, str]] = []
    tried: set[tuple[str, int]] = set()
    for verb, function in VERBS.items():
        public = getattr(function, "public", None)
        for name, parameter in inspect.signature(function).parameters.items():
            if (
                name in ("net", "check", "self")
                or (verb, name) == ("report", "plan")
                or parameter.kind is parameter.VAR_KEYWORD
            ):
                continue
            words = [
                word
                for word in WRONG
                if (name, word) not in RIGHT and not (word == "nothing" and _may_be_none(parameter))
            ]
            same = (name, id(public.kinds.get(name) if public else ARGUMENTS.get(name)))
            found += [(verb, name, word) for word in (words[:1] if same in tried else words)]
            tried.add(same)
    return found


def needed(function: object, net: pp.pandapowerNet) -> dict[str, object]:
    """Something for every argument that has no default; wrong ones are found all at once."""
    return {
        name: net if name == "net" else None
        for name, p in inspect.signature(function).parameters.items()
        if p.default is p.empty and p.kind is not p.VAR_KEYWORD
    }


@pytest.mark.parametrize("verb", VERBS)
def test_every_wrong_kind_is_refused_by_the_name_of_its_argument(verb, net) -> None:
    silent = []
    for _, name, word in (c for c in cases() if c[0] == verb):
        try:
            VERBS[verb](**{**needed(VERBS[verb], net), name: WRONG[word]})
        except InputError as error:
            if any(str(f).startswith((name, f"unknown argument {name}")) for f in error.findings):
                continue
            silent.append((name, word, str(error)))
        else:
            silent.append((name, word, "accepted"))
    assert not silent


@pytest.mark.parametrize("verb", VERBS)
def test_every_argument_has_a_kind(verb) -> None:
    named = {n for n, p in inspect.signature(VERBS[verb]).parameters.items() if p.kind is not p.VAR_KEYWORD}
    assert named - {"net", "check", "self"} <= set(ARGUMENTS)


@pytest.mark.parametrize(
    ("verb", "name"),
    [
        ("flexibility", "sides"), ("pareto", "points"), ("pq_region", "directions"), ("validate", "trajectories"),
        ("validate", "levels"), ("compare_policies", "days"), ("schedule_rolling", "simulations"),
        ("reconfigure", "workers"), ("dispatch", "max_operations"),
    ],
)  # fmt: skip
def test_a_number_that_no_computer_can_count_to_is_refused_by_name(verb, name, net) -> None:
    with pytest.raises(InputError) as caught:
        VERBS[verb](**{**needed(VERBS[verb], net), name: 10**30 * 4})
    assert any(f.startswith(f"{name} is 4") and "give" in f for f in caught.value.findings)


def test_plans_are_compared_only_by_what_they_are_called(net) -> None:
    plan = adnflex.plan_from(net)
    for wrong in ("ab", ["a", 1], 3):
        with pytest.raises(InputError, match=r"^names is "):
            adnflex.compare_plans(plan, plan, names=wrong)
    with pytest.raises(InputError, match="unknown argument 'name' of compare_plans; did you mean 'names'"):
        adnflex.compare_plans(plan, plan, name=["a", "b"])
    assert len(adnflex.compare_plans(plan, plan, names=["a", "b"])) == 2


@pytest.mark.parametrize("verb", [["dispatch"], {}, None, 3, "dispach"])
def test_a_model_is_of_a_verb(verb, net) -> None:
    with pytest.raises(InputError, match=r"^verb is "):
        adnflex.model(net, verb)


@pytest.mark.parametrize("verb", ["reconfigure", "dispatch"])
def test_a_solver_that_is_unknown_is_said_however_little_time_there_is(verb, net) -> None:
    priced = copy.deepcopy(net)
    priced.ext_grid["price_per_mwh"] = 1.0
    with pytest.raises(SolverUnavailable, match="'nonesuch' is unknown"):
        VERBS[verb](priced, solver="nonesuch", time_limit=1e-6)


def test_a_name_means_one_thing():
    """A keyword of the same name in two groups would be read as the later one says, in every verb."""
    from adnflex.arguments.table import GROUPS

    names = [name for group in GROUPS.values() for name in group]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_methods_of_two_verbs_are_told_apart():
    net = adnflex.networks.load("park33_flexibility")
    assert adnflex.flexibility(net, periods=[10], method="auto").total_mwh > 0
    with pytest.raises(InputError, match="method is 'forward'; give 'auto' or 'ccg'"):
        adnflex.flexibility(net, method="forward")
    with pytest.raises(InputError, match="method is 'ccg'; give 'forward' or 'backward'"):
        adnflex.draw_scenarios(net, method="ccg")
