"""A solver's banner never reaches the user: a process that calls every verb writes nothing by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandapower as pp

import adnflex
from tests.region_nets import feeder

ROOT = Path(__file__).parents[2]
LINE = {"length_km": 4.0, "r_ohm_per_km": 0.35, "x_ohm_per_km": 0.3, "c_nf_per_km": 200.0, "max_i_ka": 0.25}


def ring(suns=0):
    """A feeder with one open tie and some generators that may be curtailed."""
    net = feeder(tap=False, bank=False)
    net.sgen.drop(net.sgen.index[suns:], inplace=True)
    tie = pp.create_line_from_parameters(net, 4, 5, **LINE)
    net.line.loc[tie, "in_service"] = False
    return net


def priced():
    net = feeder(storage=True)
    net.ext_grid["price_per_mwh"] = 50.0
    net.ext_grid["min_p_mw"], net.ext_grid["max_p_mw"] = -20.0, 20.0
    return net


def every_verb(folder: str) -> None:
    """Call all verbs once, those that let the user choose with every solver that comes along between them.

    What only calls `dispatch` again (fronts, scenarios in advance or out of sample) is left out.
    """
    limits, hour = {"vm_limits": (0.85, 1.1)}, {"hours_per_period": 1.0}
    net = priced()
    for solver in ("auto", "highs"):
        adnflex.reconfigure(ring(), solver=solver, **limits)
    plan = adnflex.dispatch(net, solver="scip", gap=1e-2, **hour)
    adnflex.report(plan, adnflex.validate(plan, net), Path(folder) / "report.html")
    box = adnflex.flexibility(net, **hour)
    adnflex.validate(box, net, trajectories=2, levels=2)
    adnflex.reconfigure_for_flexibility(ring(suns=2), **limits, **hour)
    adnflex.pq_region(ring(suns=1), directions=4, time_limit=0.1, **limits)
    adnflex.schedule_rolling(adnflex.RollingCase.load("rolling33"), "mpc:mean")


# An answer of a quiet solver does not use up the banner of a noisy one, which is printed once in a process.
CODE = """
import sys
import highspy
from tests.solvers.test_silence import every_verb
every_verb(sys.argv[1])
print("and now a noisy one", flush=True)
highspy.Highs().run()
"""


def test_no_verb_and_no_solver_writes_a_word(tmp_path):
    run = {"cwd": ROOT, "capture_output": True, "text": True, "check": False}
    done = subprocess.run([sys.executable, "-c", CODE, tmp_path], **run)
    assert done.returncode == 0, done.stderr
    quiet, _, noisy = done.stdout.partition("and now a noisy one\n")
    assert (quiet, "HiGHS" in noisy) == ("", True)


def test_one_place_makes_the_solver():
    """Every other constructor prints before it can be told not to."""
    made = [p for p in Path(adnflex.__file__).parent.rglob("*.py") if "highspy.Highs(" in p.read_text(encoding="utf-8")]
    assert [p.name for p in made] == []
