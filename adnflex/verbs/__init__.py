"""The verbs: read, declare, solve, apply, check.  The only place that knows both sides."""

from adnflex.problems.clock import Progress
from adnflex.verbs.dispatch import dispatch
from adnflex.verbs.flexibility import flexibility
from adnflex.verbs.information import out_of_sample, value_of_information
from adnflex.verbs.pareto import Pareto, pareto
from adnflex.verbs.reconfigure import reconfigure
from adnflex.verbs.region import pq_region
from adnflex.verbs.validate import validate

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
