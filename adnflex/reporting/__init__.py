"""Figures of results, and reports of them in one HTML file that opens anywhere."""

from adnflex.reporting.layout import drawing_tables
from adnflex.reporting.reconfiguration.steps import switching_steps
from adnflex.reporting.verb import KINDS, figure, report

__all__ = ["KINDS", "drawing_tables", "figure", "report", "switching_steps"]
