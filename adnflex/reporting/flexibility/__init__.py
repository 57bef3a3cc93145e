"""Figures of flexibility at the point of common coupling, and a report of it in one HTML file."""

from adnflex.reporting.flexibility.bands import box_figure
from adnflex.reporting.flexibility.compare import comparison_figure
from adnflex.reporting.flexibility.document import flexibility_report
from adnflex.reporting.flexibility.following import following_figure
from adnflex.reporting.flexibility.holding import binding_figure, relieved_figure
from adnflex.reporting.flexibility.inputs import is_flexibility
from adnflex.reporting.flexibility.maps import map_figure
from adnflex.reporting.flexibility.proof import bounds_figure, rounds_figure, sizes_figure, states_figure
from adnflex.reporting.flexibility.regions import area_figure, region_figure, region_grid_figure
from adnflex.reporting.flexibility.storage import storage_figure

__all__ = [
    "area_figure",
    "binding_figure",
    "bounds_figure",
    "box_figure",
    "comparison_figure",
    "flexibility_report",
    "following_figure",
    "is_flexibility",
    "map_figure",
    "region_figure",
    "region_grid_figure",
    "relieved_figure",
    "rounds_figure",
    "sizes_figure",
    "states_figure",
    "storage_figure",
]
