"""What comes out: plans (answers, with their bound) and checks (the AC truth about them).

All are frozen, made of DataFrames under the caller's pandapower indices, and plans save to disk.
"""

from adnflex.results.dispatch import NOT_PASSED, DispatchCheck, DispatchPlan
from adnflex.results.flexibility import Box, Disaggregation, Flexibility, FlexibilityCheck
from adnflex.results.reconfiguration import Check, Plan
from adnflex.results.region import Region, RegionCheck
from adnflex.results.rolling import Comparison, RollingCheck, RollingRun
from adnflex.results.versions import versions

__all__ = [
    "NOT_PASSED",
    "Box",
    "Check",
    "Comparison",
    "Disaggregation",
    "DispatchCheck",
    "DispatchPlan",
    "Flexibility",
    "FlexibilityCheck",
    "Plan",
    "Region",
    "RegionCheck",
    "RollingCheck",
    "RollingRun",
    "versions",
]
