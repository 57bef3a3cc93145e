"""The verbs: read, declare, solve, apply, check.  The only place that knows both sides."""

from adnflex.problems.solve_reconfiguration import Progress
from adnflex.workflows.dispatch import dispatch
from adnflex.workflows.reconfigure import reconfigure
from adnflex.workflows.validate import validate

__all__ = ["Progress", "dispatch", "reconfigure", "validate"]
