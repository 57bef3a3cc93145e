"""Optimise active distribution networks held in pandapower, and prove the answer by full AC power flow.

A name is imported when it is first asked for: ``adnflex --help`` needs neither pandapower nor Pyomo.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adnflex import adapters as adapters
    from adnflex import errors as errors
    from adnflex import networks as networks
    from adnflex import scenarios as scenarios
    from adnflex.problems import rolling as rolling
    from adnflex.problems.clock import Progress as Progress
    from adnflex.problems.rolling import RollingCase as RollingCase
    from adnflex.problems.rolling import RollingScheduler as RollingScheduler
    from adnflex.results import Check as Check
    from adnflex.results import Comparison as Comparison
    from adnflex.results import Contingencies as Contingencies
    from adnflex.results import Disaggregation as Disaggregation
    from adnflex.results import DispatchCheck as DispatchCheck
    from adnflex.results import DispatchPlan as DispatchPlan
    from adnflex.results import DrawnScenarios as DrawnScenarios
    from adnflex.results import Flexibility as Flexibility
    from adnflex.results import FlexibilityCheck as FlexibilityCheck
    from adnflex.results import FlexibilitySweep as FlexibilitySweep
    from adnflex.results import FrontierCheck as FrontierCheck
    from adnflex.results import MultiPeriodCheck as MultiPeriodCheck
    from adnflex.results import MultiPeriodPlan as MultiPeriodPlan
    from adnflex.results import OperationsFrontier as OperationsFrontier
    from adnflex.results import Pareto as Pareto
    from adnflex.results import Plan as Plan
    from adnflex.results import Region as Region
    from adnflex.results import RegionCheck as RegionCheck
    from adnflex.results import ReliabilityIndices as ReliabilityIndices
    from adnflex.results import Restoration as Restoration
    from adnflex.results import RestorationCheck as RestorationCheck
    from adnflex.results import RollingCheck as RollingCheck
    from adnflex.results import RollingRun as RollingRun
    from adnflex.results import SequenceCheck as SequenceCheck
    from adnflex.results import Sweep as Sweep
    from adnflex.results import SwitchingSequence as SwitchingSequence
    from adnflex.results import compare_plans as compare_plans
    from adnflex.results import load as load
    from adnflex.verbs.compare_policies import compare_policies as compare_policies
    from adnflex.verbs.contingencies import contingencies as contingencies
    from adnflex.verbs.dispatch import dispatch as dispatch
    from adnflex.verbs.draw_scenarios import draw_scenarios as draw_scenarios
    from adnflex.verbs.flexibility import flexibility as flexibility
    from adnflex.verbs.flexibility_sweep import flexibility_sweep as flexibility_sweep
    from adnflex.verbs.information import out_of_sample as out_of_sample
    from adnflex.verbs.information import value_of_information as value_of_information
    from adnflex.verbs.model import model as model
    from adnflex.verbs.operations_frontier import operations_frontier as operations_frontier
    from adnflex.verbs.pareto import pareto as pareto
    from adnflex.verbs.plan_from import plan_from as plan_from
    from adnflex.verbs.reconfigure import reconfigure as reconfigure
    from adnflex.verbs.reconfigure_for_flexibility import reconfigure_for_flexibility as reconfigure_for_flexibility
    from adnflex.verbs.region import pq_region as pq_region
    from adnflex.verbs.report import report as report
    from adnflex.verbs.restore import restore as restore
    from adnflex.verbs.schedule_rolling import schedule_rolling as schedule_rolling
    from adnflex.verbs.sweep import sweep as sweep
    from adnflex.verbs.switching_sequence import switching_sequence as switching_sequence
    from adnflex.verbs.validate import validate as validate

__version__ = "0.1.0"

# Where each public name stands, for what runs; the lines above say the same to type checkers (a test compares them).
_HOMES = {
    "adnflex": "adapters errors networks scenarios",
    "adnflex.problems": "rolling",
    "adnflex.problems.clock": "Progress",
    "adnflex.problems.rolling": "RollingCase RollingScheduler",
    "adnflex.results": (
        "Check Comparison Contingencies Disaggregation DispatchCheck DispatchPlan DrawnScenarios Flexibility "
        "FlexibilityCheck FlexibilitySweep FrontierCheck MultiPeriodCheck MultiPeriodPlan OperationsFrontier Pareto "
        "Plan Region RegionCheck ReliabilityIndices Restoration RestorationCheck RollingCheck RollingRun "
        "SequenceCheck Sweep SwitchingSequence compare_plans load"
    ),
    "adnflex.verbs.compare_policies": "compare_policies",
    "adnflex.verbs.contingencies": "contingencies",
    "adnflex.verbs.dispatch": "dispatch",
    "adnflex.verbs.draw_scenarios": "draw_scenarios",
    "adnflex.verbs.flexibility": "flexibility",
    "adnflex.verbs.flexibility_sweep": "flexibility_sweep",
    "adnflex.verbs.information": "out_of_sample value_of_information",
    "adnflex.verbs.model": "model",
    "adnflex.verbs.operations_frontier": "operations_frontier",
    "adnflex.verbs.pareto": "pareto",
    "adnflex.verbs.plan_from": "plan_from",
    "adnflex.verbs.reconfigure": "reconfigure",
    "adnflex.verbs.reconfigure_for_flexibility": "reconfigure_for_flexibility",
    "adnflex.verbs.region": "pq_region",
    "adnflex.verbs.report": "report",
    "adnflex.verbs.restore": "restore",
    "adnflex.verbs.schedule_rolling": "schedule_rolling",
    "adnflex.verbs.sweep": "sweep",
    "adnflex.verbs.switching_sequence": "switching_sequence",
    "adnflex.verbs.validate": "validate",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'adnflex' has no attribute {name!r}")
    if home == __name__ or name == "rolling":
        found: Any = importlib.import_module(f"{home}.{name}")
    else:
        found = getattr(importlib.import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names, imported or not, and none that stand here for other reasons."""
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
