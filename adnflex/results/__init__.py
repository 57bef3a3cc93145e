"""What comes out: plans (answers, with their bound) and checks (the AC truth about them).

All are frozen, made of DataFrames under the caller's pandapower indices, and plans save to disk.
"""

from adnflex.results.dispatch import DispatchCheck, DispatchPlan
from adnflex.results.reconfiguration import Check, Plan
from adnflex.results.rolling import Comparison, RollingCheck, RollingRun
from adnflex.results.versions import versions

__all__ = ["Check", "Comparison", "DispatchCheck", "DispatchPlan", "Plan", "RollingCheck", "RollingRun", "versions"]
