"""The verbs: read, declare, solve, apply, check.  The only place that knows both sides."""

from adnflex.problems.clock import Progress
from adnflex.workflows.dispatch import dispatch
from adnflex.workflows.flexibility import flexibility
from adnflex.workflows.information import out_of_sample, value_of_information
from adnflex.workflows.pareto import Pareto, pareto
from adnflex.workflows.reconfigure import reconfigure
from adnflex.workflows.region import pq_region
from adnflex.workflows.validate import validate

__all__ = [
    "Pareto",
    "Progress",
    "dispatch",
    "flexibility",
    "out_of_sample",
    "pareto",
    "pq_region",
    "reconfigure",
    "validate",
    "value_of_information",
]
