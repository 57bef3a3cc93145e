"""The AC truth, measured only: power flow, limits, structure, verdict."""

from adnflex.powerflow.check import check_plan
from adnflex.powerflow.limits import measure_limits
from adnflex.powerflow.run import losses_mw, run_ac

__all__ = ["check_plan", "losses_mw", "measure_limits", "run_ac"]
