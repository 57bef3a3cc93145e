"""Optimise active distribution networks held in pandapower, and prove the answer by full AC power flow."""

from adnflex import errors, networks, scenarios
from adnflex.reporting import report
from adnflex.results import Check, DispatchCheck, DispatchPlan, Plan, versions
from adnflex.workflows import Progress, dispatch, reconfigure, validate

__all__ = [
    "Check",
    "DispatchCheck",
    "DispatchPlan",
    "Plan",
    "Progress",
    "dispatch",
    "errors",
    "networks",
    "reconfigure",
    "report",
    "scenarios",
    "validate",
]
__version__ = versions()["adnflex"]
