"""Rolling schedules: an hour is decided, carried out, observed, and then the next.

Here are the case (nodes, laws, prices), the policies behind one interface, the schedule that runs hour by hour, and the
simulation and comparison of days.
"""

from adnflex.problems.rolling.arrivals import Arrivals, FleetLaw, FleetLaws, RecordedDays
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.compare import compare_policies
from adnflex.problems.rolling.days import Day, draw_day
from adnflex.problems.rolling.decisions import Decision
from adnflex.problems.rolling.feeder import WithinFeeder, exchange_limits
from adnflex.problems.rolling.observations import Observation
from adnflex.problems.rolling.policies import Action, Policy, State
from adnflex.problems.rolling.reactive import ScenarioReactive
from adnflex.problems.rolling.reactive_stage import ActiveDecision, ReactiveAnswer, ReactiveStage
from adnflex.problems.rolling.renewables import Forecast, LatentWeather, Renewables
from adnflex.problems.rolling.scheduler import RollingScheduler
from adnflex.problems.rolling.simulate import run_of, schedule_rolling, simulate_day

__all__ = [
    "Action",
    "ActiveDecision",
    "Arrivals",
    "Day",
    "Decision",
    "FleetLaw",
    "FleetLaws",
    "Forecast",
    "LatentWeather",
    "Observation",
    "Policy",
    "ReactiveAnswer",
    "ReactiveStage",
    "RecordedDays",
    "Renewables",
    "RollingCase",
    "RollingScheduler",
    "ScenarioReactive",
    "State",
    "WithinFeeder",
    "compare_policies",
    "draw_day",
    "exchange_limits",
    "run_of",
    "schedule_rolling",
    "simulate_day",
]
