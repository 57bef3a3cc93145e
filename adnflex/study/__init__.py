"""What a study reads beside the network itself, the same for every verb: series and the time axis."""

from adnflex.study.axis import TimeAxis, time_axis
from adnflex.study.series import COLUMNS, Profiles, Series, read_series

__all__ = ["COLUMNS", "Profiles", "Series", "TimeAxis", "read_series", "time_axis"]
