"""Optimise active distribution networks held in pandapower, and prove the answer by full AC power flow."""

from adnflex import errors, networks, scenarios
from adnflex.problems import rolling
from adnflex.problems.rolling import RollingCase, RollingScheduler, compare_policies, schedule_rolling
from adnflex.reporting import report
from adnflex.results import (
    Check,
    Comparison,
    Disaggregation,
    DispatchCheck,
    DispatchPlan,
    Flexibility,
    FlexibilityCheck,
    Plan,
    Region,
    RegionCheck,
    RollingCheck,
    RollingRun,
    versions,
)
from adnflex.verbs import (
    Pareto,
    Progress,
    dispatch,
    flexibility,
    out_of_sample,
    pareto,
    pq_region,
    reconfigure,
    validate,
    value_of_information,
)

__all__ = [
    "Check",
    "Comparison",
    "Disaggregation",
    "DispatchCheck",
    "DispatchPlan",
    "Flexibility",
    "FlexibilityCheck",
    "Pareto",
    "Plan",
    "Progress",
    "Region",
    "RegionCheck",
    "RollingCase",
    "RollingCheck",
    "RollingRun",
    "RollingScheduler",
    "compare_policies",
    "dispatch",
    "errors",
    "flexibility",
    "networks",
    "out_of_sample",
    "pareto",
    "pq_region",
    "reconfigure",
    "report",
    "rolling",
    "scenarios",
    "schedule_rolling",
    "validate",
    "value_of_information",
]
__version__ = versions()["adnflex"]
