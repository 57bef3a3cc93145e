"""Figures of a rolling schedule and of policies over common days, and a report of them in one HTML file."""

from adnflex.reporting.rolling.costs import cost_figure, policy_cost_figure
from adnflex.reporting.rolling.day import balance_figure, exchange_figure, storage_figure, vehicle_figure
from adnflex.reporting.rolling.document import rolling_report
from adnflex.reporting.rolling.gains import days_figure, difference_figure, total_figure
from adnflex.reporting.rolling.inputs import is_rolling
from adnflex.reporting.rolling.voltages import reactive_figure, voltage_figure, voltage_heat_figure

__all__ = [
    "balance_figure",
    "cost_figure",
    "days_figure",
    "difference_figure",
    "exchange_figure",
    "is_rolling",
    "policy_cost_figure",
    "reactive_figure",
    "rolling_report",
    "storage_figure",
    "total_figure",
    "vehicle_figure",
    "voltage_figure",
    "voltage_heat_figure",
]
