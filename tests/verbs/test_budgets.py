"""Budgets, prices and locks of switching in one hour, in all combinations, against every configuration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandapower.networks as pn
import pytest

import adnflex
from adnflex.cli import main
from adnflex.errors import Infeasible, InputError, NotRadial
from adnflex.problems.reconfiguration.objective import parse_objective
from tests.brute_force import default_switchable, enumerate_configurations
from tests.problems.test_reconfiguration import draw_case


def locked_cases(seed: int, count: int):
    """Nets with random locks: what may be switched is named, all, or those with switches; and all configurations."""
    found = 0
    for k in itertools.count():
        rng = np.random.default_rng([9090, seed, k])
        case = draw_case(rng, most=20)
        if case is None:
            continue
        locked = [int(i) for i in case.net.line.index if rng.random() < 0.15]
        choice = [[i for i in case.lines if i not in locked], "all", None][int(rng.integers(3))]
        known = {"all": [int(i) for i in case.net.line.index], None: default_switchable(case.net)}
        lines = choice if isinstance(choice, list) else [i for i in known[choice] if i not in locked]
        try:
            table = enumerate_configurations(
                case.net, lines, bus_switches=case.switches, max_configurations=30, check=False
            )
        except ValueError:
            continue
        if table.empty:
            continue
        asked = {"switchable_lines": choice, "switchable_switches": case.switches, "locked_lines": locked}
        yield case.net, asked, table, rng
        found += 1
        if found == count:
            return


def test_budget_price_and_locks_are_kept_together():
    refused = 0
    for net, asked, table, rng in locked_cases(3, 2):
        for most in (None, 0, 2):
            cost = float(rng.choice([0.0, 1e-4, 0.01]))
            goal = parse_objective("losses", cost)
            rows = table[table.feasible & (table.switched_branches <= (math.inf if most is None else most))]
            wanted = {**asked, "max_operations": most, "switching_cost": cost, "gap": 1e-6, "workers": 1}
            if rows.empty:
                with pytest.raises(Infeasible) as error:
                    adnflex.reconfigure(net, **wanted)
                assert error.value.proven
                fewest = table[table.feasible].switched_branches.min()
                least = table.switched_branches.min()
                if most is not None and (most < least or np.isfinite(fewest)):
                    number = int(least if most < least else fewest)
                    assert f"{number}" in str(error.value)
                    assert "proven" in str(error.value)
                    assert "or more" in str(error.value)
                refused += 1
                continue
            best = float((goal.losses * rows.losses_mw + goal.switching * rows.switched_branches).min())
            plan = adnflex.reconfigure(net, **wanted)
            assert plan.objective == pytest.approx(best, rel=2e-6, abs=2e-9)
            assert plan.bound <= best * (1 + 2e-6) + 2e-9
            assert plan.status == "optimal"
            assert most is None or plan.operations <= most
            assert not set(plan.switches[plan.switches.operated]["index"]) & set(asked["locked_lines"]) or (
                plan.switches[plan.switches.operated].element.ne("line").any()
            )
            assert adnflex.validate(plan, net).passed
    assert refused


def test_the_smallest_budget_that_works_is_named_and_proven():
    net = pn.case33bw()
    words = r"at most 0 operations \(proven\); 2 are the fewest that do \(proven\): close line 34, open line 6; give"
    with pytest.raises(Infeasible, match=words):
        adnflex.reconfigure(net, vm_limits=(0.93, 1.05), max_operations=0, workers=1)
    with pytest.raises(Infeasible, match="6 are the fewest that do"):
        adnflex.reconfigure(net, vm_limits=(0.94, 1.05), max_operations=2, workers=1)
    # with any number there is none: the limit is the cause, not the budget
    with pytest.raises(Infeasible, match=r"no radial switch state meets every limit \(proven\)") as error:
        adnflex.reconfigure(net, vm_limits=(0.99, 1.05), max_operations=2, switchable_lines=[6, 7, 34], workers=1)
    assert "max_operations" not in str(error.value)


@pytest.mark.parametrize(("line", "on", "step"), [(32, True, "open line 32"), (5, False, "close line 5")])
def test_a_budget_below_what_supply_needs_says_so(line, on, step):
    net = pn.case33bw()
    net.line.loc[line, "in_service"] = on
    words = rf"takes at least 1 operation \(proven\), such as {step}; max_operations is 0: give 1 or more"
    with pytest.raises(Infeasible, match=words) as error:
        adnflex.reconfigure(net, max_operations=0, workers=1)
    assert error.value.proven


def test_a_lock_that_stands_in_the_way_is_named():
    net = pn.case33bw()
    net.line.loc[0, "in_service"] = False
    with pytest.raises(InputError, match="buses cannot be supplied unless line 0 is closed, which is locked open"):
        adnflex.reconfigure(net, locked_lines=[0])
    net = pn.case33bw()
    net.line.loc[32, "in_service"] = True
    loop = [1, 2, 3, 4, 5, 6, 17, 18, 19, 32]
    with pytest.raises(NotRadial, match=r"locked are line .*: leave one out of locked_lines"):
        adnflex.reconfigure(net, locked_lines=loop)
    assert adnflex.reconfigure(net, locked_lines=loop[:-1], workers=1).operations >= 1


def test_a_free_start_counts_nothing_and_says_so(capsys, tmp_path):
    net = pn.case33bw()
    free = adnflex.reconfigure(net, start="free", max_operations=0, switching_cost=1.0, workers=1)
    assert free.open_lines == [6, 8, 13, 31, 36]
    assert free.objective == pytest.approx(0.139551, abs=1e-6)
    assert any("bind nothing" in note for note in free.notes)
    assert adnflex.validate(free, net).passed
    with pytest.raises(InputError, match="the objective prices them"):
        adnflex.reconfigure(net, "switching", start="free")
    built = adnflex.model(net, "reconfigure", start="free", max_operations=2)
    assert not hasattr(built, "max_operations")
    words = ["reconfigure", "case33bw", "--start", "free", "--max-operations", "0", "--plan", str(tmp_path / "p.json")]
    assert main([*words, "--workers", "1"]) == 0
    assert adnflex.load(tmp_path / "p.json").operations == 8
    assert main(["reconfigure", "case33bw", "--max-operations", "0", "--vm-limits", "0.93", "1.05"]) == 1
    assert "2 are the fewest that do (proven)" in capsys.readouterr().err
