"""Figures of results, and the pages of reports; `adnflex.report` writes them."""

from adnflex.reporting.kinds import KINDS, figure
from adnflex.reporting.reconfiguration.steps import switching_steps

__all__ = ["KINDS", "figure", "switching_steps"]
