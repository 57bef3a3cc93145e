"""Figures of a plan, and a report of it in one HTML file that opens anywhere."""

from adnflex.reporting.bars import loading_figure, loss_figure
from adnflex.reporting.effects import network_figure
from adnflex.reporting.layout import drawing_tables
from adnflex.reporting.profile import voltage_profile_figure
from adnflex.reporting.progress import progress_figure
from adnflex.reporting.steps import switching_steps
from adnflex.reporting.tightness import tightness_figure
from adnflex.reporting.verb import figure, report

__all__ = [
    "drawing_tables",
    "figure",
    "loading_figure",
    "loss_figure",
    "network_figure",
    "progress_figure",
    "report",
    "switching_steps",
    "tightness_figure",
    "voltage_profile_figure",
]
