"""Optimise active distribution networks held in pandapower, and prove the answer by full AC power flow."""

from adnflex import errors, networks, scenarios
from adnflex.reporting import report
from adnflex.results import (
    Check,
    Disaggregation,
    DispatchCheck,
    DispatchPlan,
    Flexibility,
    FlexibilityCheck,
    Plan,
    Region,
    RegionCheck,
    versions,
)
from adnflex.workflows import (
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
    "dispatch",
    "errors",
    "flexibility",
    "networks",
    "out_of_sample",
    "pareto",
    "pq_region",
    "reconfigure",
    "report",
    "scenarios",
    "validate",
    "value_of_information",
]
__version__ = versions()["adnflex"]
