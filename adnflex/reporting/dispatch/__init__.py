"""Figures of a dispatch, and a report of it, or of several studies side by side, in one HTML file."""

from adnflex.reporting.dispatch.balance import balance_figure
from adnflex.reporting.dispatch.compare import comparison_figure
from adnflex.reporting.dispatch.costs import cost_figure, cost_table
from adnflex.reporting.dispatch.document import dispatch_report
from adnflex.reporting.dispatch.exactness import exactness_figure
from adnflex.reporting.dispatch.fans import fan_figure
from adnflex.reporting.dispatch.heat import cone_gap_figure, loading_heat_figure, voltage_heat_figure
from adnflex.reporting.dispatch.positions import capacitor_figure, tap_figure
from adnflex.reporting.dispatch.reactive import reactive_figure
from adnflex.reporting.dispatch.snapshot import map_figure
from adnflex.reporting.dispatch.storage import storage_figure
from adnflex.reporting.dispatch.vehicles import vehicle_figure

__all__ = [
    "balance_figure",
    "capacitor_figure",
    "comparison_figure",
    "cone_gap_figure",
    "cost_figure",
    "cost_table",
    "dispatch_report",
    "exactness_figure",
    "fan_figure",
    "loading_heat_figure",
    "map_figure",
    "reactive_figure",
    "storage_figure",
    "tap_figure",
    "vehicle_figure",
    "voltage_heat_figure",
]
