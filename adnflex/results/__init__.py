"""What comes out: plans (answers, with their bound) and checks (the AC truth about them).

All are frozen and made of DataFrames under the caller's pandapower indices; all save to disk, and `load` reads any.
"""

from adnflex.results.base import Result, load
from adnflex.results.boxes import Box, Disaggregation
from adnflex.results.common_days import Comparison
from adnflex.results.comparison import compare_plans
from adnflex.results.contingencies import Contingencies
from adnflex.results.dispatch import DispatchPlan
from adnflex.results.dispatch_check import DispatchCheck
from adnflex.results.drawn_scenarios import DrawnScenarios
from adnflex.results.flexibility import Flexibility
from adnflex.results.flexibility_check import FlexibilityCheck
from adnflex.results.flexibility_sweep import FlexibilitySweep
from adnflex.results.multi_period import MultiPeriodCheck, MultiPeriodPlan
from adnflex.results.operations_frontier import FrontierCheck, OperationsFrontier
from adnflex.results.pareto import Pareto
from adnflex.results.reconfiguration import Check, Plan
from adnflex.results.region import Region, RegionCheck
from adnflex.results.reliability import ReliabilityIndices
from adnflex.results.restoration import Restoration, RestorationCheck
from adnflex.results.rolling import RollingCheck, RollingRun
from adnflex.results.sequence import SequenceCheck, SwitchingSequence
from adnflex.results.status import NOT_PASSED
from adnflex.results.sweep import Sweep
from adnflex.results.versions import versions

__all__ = [
    "NOT_PASSED",
    "Box",
    "Check",
    "Comparison",
    "Contingencies",
    "Disaggregation",
    "DispatchCheck",
    "DispatchPlan",
    "DrawnScenarios",
    "Flexibility",
    "FlexibilityCheck",
    "FlexibilitySweep",
    "FrontierCheck",
    "MultiPeriodCheck",
    "MultiPeriodPlan",
    "OperationsFrontier",
    "Pareto",
    "Plan",
    "Region",
    "RegionCheck",
    "ReliabilityIndices",
    "Restoration",
    "RestorationCheck",
    "Result",
    "RollingCheck",
    "RollingRun",
    "SequenceCheck",
    "Sweep",
    "SwitchingSequence",
    "compare_plans",
    "load",
    "versions",
]
