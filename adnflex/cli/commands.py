"""The table of commands: which verbs each of them calls; their keywords are its options.

Nothing heavy is imported here, so that ``adnflex --help`` is there at once.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes
    ----------
    summary : str
        What it does, in one line.
    run : str
        Module and function that runs it.
    verbs : tuple of str
        Names of the functions of `adnflex` whose keywords are its options; the first is what it does.
    own : tuple of str
        Options beside them, see `adnflex.cli.options`.
    examples : tuple of str
        Command lines, without the name of the program.
    unsaid : tuple of str
        Keywords that the command sets itself.
    """

    summary: str
    run: str = "adnflex.cli.solving:run"
    verbs: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()


COMMANDS = {
    "reconfigure": Command(
        "find the best radial switch states, with a proven gap",
        verbs=("reconfigure",),
        own=("net", "report", "plan", "net_out", "net_period"),
        examples=(
            "reconfigure case33bw --report report.html",
            "reconfigure mv_oberrhein --vm-limits 0.95 1.05 --plan plan.json --net new.json",
            "reconfigure simbench:1-MV-urban--0-sw --periods 0:672 --windows day --max-operations 4 --plan week.json",
            "reconfigure simbench:1-MV-urban--0-sw --year --gap 0.01 --time-limit 600 --report year.html",
        ),
    ),
    "sweep": Command(
        "reconfigure many nets in many variants, side by side, into one table that can be gone on with",
        run="adnflex.cli.sweep:run",
        verbs=("sweep",),
        own=("nets", "report", "plan", "excel"),
        examples=(
            "sweep case33bw baran_wu_69 --variants today later:scale.load=1.1 --store runs --excel sweep.xlsx",
            "sweep simbench:1-MV-urban--0-sw --periods 0:96 --variants share.sgen=0 share.sgen=0.3 --store runs",
        ),
        unsaid=("name",),
    ),
    "operations-frontier": Command(
        "find what each number of switching operations saves at most, with a proven gap",
        verbs=("operations_frontier",),
        own=("net", "report", "plan"),
        examples=(
            "operations-frontier case33bw --report frontier.html",
            "operations-frontier simbench:1-MV-rural--0-sw --operations 0,2,4 --plan frontier.json",
        ),
    ),
    "dispatch": Command(
        "find the cheapest set-points of every device over a day, with a proven gap",
        verbs=("dispatch", "pareto", "value_of_information", "out_of_sample"),
        own=(
            "net",
            "study",
            "report",
            "plan",
            "net_out",
            "net_period",
            "pareto",
            "value_of_information",
            "out_of_sample",
        ),
        examples=(
            "dispatch ieee33_dispatch --plan plan.json --report dispatch.html",
            "dispatch ieee33_dispatch --study 1,2,3 --report studies.html",
            "dispatch ieee33_dispatch --pareto 4 --report pareto.html",
            "dispatch ieee33_dispatch --scenarios days.json --value-of-information --out-of-sample fresh.json",
            "dispatch simbench:1-MV-rural--2-sw:day=149 --periods 32:64",
            "dispatch feeder.json --profiles load.p_mw=p.csv load.q_mvar=q.csv --windows none --max-operations 4",
        ),
        unsaid=("points",),
    ),
    "scenarios": Command(
        "draw days that may come (vehicles, wind, sun), and keep the few that say most, for dispatch",
        run="adnflex.cli.scenarios:run",
        verbs=("draw_scenarios",),
        own=("net", "study", "report", "result", "excel"),
        examples=(
            "scenarios ieee33_dispatch --vehicles 32=300 --sigma-percent PV=5,WP=4 --result days.json",
            "scenarios ieee33_dispatch --count 200 --seed 1 --keep none --result fresh.json",
        ),
    ),
    "flexibility": Command(
        "find the active power that a network can promise at its coupling point, hour by hour",
        verbs=("flexibility", "validate"),
        own=("net", "study", "report", "plan", "region"),
        examples=(
            "flexibility park33_flexibility --report flexibility.html",
            "flexibility simbench:1-MV-rural--2-sw:day=149 --direction up --report up.html",
        ),
        unsaid=("bound",),
    ),
    "flexibility-sweep": Command(
        "find such boxes of many days and coupling points, in one table that can be gone on with",
        run="adnflex.cli.sweep:run_boxes",
        verbs=("flexibility_sweep",),
        own=("net", "report", "plan", "excel"),
        examples=(
            "flexibility-sweep simbench:1-MV-rural--2-sw:year --store boxes --report year.html",
            "flexibility-sweep simbench:1-MV-rural--2-sw:week=21 --days 0:2 --store boxes --excel boxes.xlsx",
        ),
    ),
    "reconfigure-for-flexibility": Command(
        "find switch states that enlarge what a network can promise at its coupling point",
        verbs=("reconfigure_for_flexibility", "validate"),
        own=("net", "study", "report", "plan", "net_out", "region"),
        examples=(
            "reconfigure-for-flexibility park33_flexibility --report flexibility.html",
            "reconfigure-for-flexibility park33_flexibility --periods 10,14 --max-operations 4",
        ),
        unsaid=("bound",),
    ),
    "pq-region": Command(
        "find the active and reactive power that a network can import, from outside and from inside",
        verbs=("pq_region",),
        own=("net", "study", "plan"),
        examples=("pq-region park33_flexibility --periods 10 --plan region.json",),
    ),
    "roll": Command(
        "decide a day hour by hour under a policy, and compare policies over many days",
        run="adnflex.cli.roll:run",
        verbs=("schedule_rolling", "compare_policies", "RollingCase.from_net"),
        own=("net", "report", "plan", "net_out", "net_period", "no_reference"),
        examples=(
            "roll rolling33 --report day.html",
            "roll rolling33 --policy rollout,mpc:mean --days 30 --report rolling.html",
            'roll rolling33 --tariff "time of use" --weather cloudy --days 30 --store days.jsonl',
            "roll feeder.json --policy pool --reactive none --plan day.json",
            "roll rolling33 --net evening.json --net-period 19",
        ),
        unsaid=("policies",),
    ),
    "switching-sequence": Command(
        "put the operations of a saved plan into the best order, each state on the way in AC",
        run="adnflex.cli.sequence:run",
        verbs=("switching_sequence",),
        own=("plan_and_net", "report", "plan", "excel"),
        examples=("switching-sequence plan.json mv_oberrhein --report steps.html --excel steps.xlsx",),
    ),
    "restore": Command(
        "find what few operations bring back after an outage, proven in AC",
        run="adnflex.cli.restoration:run",
        verbs=("restore",),
        own=("net", "report", "plan", "excel"),
        examples=('restore simbench:1-MV-rural--0-sw --outage "line 12" --vm-limits 0.9 1.1 --report outage.html',),
    ),
    "contingencies": Command(
        "find, for every outage, what few operations bring back; present beside planned",
        run="adnflex.cli.restoration:run_all",
        verbs=("contingencies",),
        own=("net", "report", "of_plan", "result", "excel"),
        examples=("contingencies simbench:1-MV-rural--0-sw --vm-limits 0.9 1.1 --report outages.html",),
    ),
    "validate": Command(
        "repeat the AC check of a saved plan, or check switch states of your own",
        run="adnflex.cli.solving:check",
        verbs=("validate", "plan_from"),
        own=("plan_and_net", "report"),
        examples=(
            "validate plan.json mv_oberrhein --report report.html",
            "validate --open 6,8,13,31,36 case33bw",
        ),
    ),
    "report": Command(
        "write one report of saved plans and checks, of any mix of kinds",
        run="adnflex.cli.reporting:run",
        own=("files", "report"),
        examples=("report plan-1.json plan-2.json day.json --report all.html",),
    ),
    "networks": Command("list the names that NET may be", run="adnflex.cli.networks:run"),
}


def verb_of(name: str) -> Callable[..., Any]:
    """Import a verb, and nothing that it does not need."""
    import adnflex

    owner, _, method = name.partition(".")
    found = getattr(importlib.import_module(adnflex._HOME_OF[owner]), owner)
    verb: Callable[..., Any] = getattr(found, method) if method else found
    return verb
