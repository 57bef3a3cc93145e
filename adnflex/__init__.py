"""Optimise active distribution networks held in pandapower, and prove the answer by full AC power flow."""

from adnflex import errors, networks
from adnflex.reporting import report
from adnflex.results import Check, Plan, versions
from adnflex.workflows import Progress, reconfigure, validate

__all__ = ["Check", "Plan", "Progress", "errors", "networks", "reconfigure", "report", "validate"]
__version__ = versions()["adnflex"]
