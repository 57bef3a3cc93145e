"""What every verb reads of a net: series, time axis, devices, prices, limits, facts of the whole."""

from adnflex.study.axis import TimeAxis, time_axis
from adnflex.study.facts import settings, settled, study_facts
from adnflex.study.following import following, input_table, setpoints_of
from adnflex.study.reader import (
    OwnReading,
    Study,
    carried_over_breaks,
    device_inputs,
    read_again,
    read_study,
    times_table,
)
from adnflex.study.series import COLUMNS, Profiles, Series, read_series

__all__ = [
    "COLUMNS",
    "OwnReading",
    "Profiles",
    "Series",
    "Study",
    "TimeAxis",
    "carried_over_breaks",
    "device_inputs",
    "following",
    "input_table",
    "read_again",
    "read_series",
    "read_study",
    "setpoints_of",
    "settings",
    "settled",
    "study_facts",
    "time_axis",
    "times_table",
]
