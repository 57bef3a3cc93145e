"""Rolling schedules: an hour is decided, carried out, observed, and then the next.

Here are the case (nodes, laws, prices), the policies behind one interface, the schedule that runs hour by hour, and the
simulation and comparison of days.
"""

from adnflex.problems.rolling.arrivals import Arrivals, RecordedDays
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.days import Day, draw_day
from adnflex.problems.rolling.decisions import Decision
from adnflex.problems.rolling.feeder import WithinFeeder
from adnflex.problems.rolling.feeder_limits import exchange_limits
from adnflex.problems.rolling.observations import Observation
from adnflex.problems.rolling.policies import Action, Policy, State
from adnflex.problems.rolling.reactive import ScenarioReactive
from adnflex.problems.rolling.reactive_stage import ActiveDecision, ReactiveAnswer, ReactiveStage
from adnflex.problems.rolling.renewables import Renewables
from adnflex.problems.rolling.scheduler import RollingScheduler, simulate_day
from adnflex.problems.rolling.tables import run_of

__all__ = [
    "Action",
    "ActiveDecision",
    "Arrivals",
    "Day",
    "Decision",
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
    "draw_day",
    "exchange_limits",
    "run_of",
    "simulate_day",
]
