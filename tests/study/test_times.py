"""Times of series: every way to write the same hours gives the same axis, every fault of them is named."""

from __future__ import annotations

import itertools

import numpy as np
import pandapower as pp
import pandas as pd
import pytest
from pandapower.control import ConstControl, DiscreteTapControl
from pandapower.timeseries import DFData

import adnflex
from adnflex.errors import InputError
from adnflex.study import read_series, time_axis

# Around both clock changes, across midnight, in a zone without any, in one of half an hour.
BEGINS = {
    "Europe/Berlin": ["2024-03-31 00:00", "2024-10-27 00:00", "2024-05-29 22:30"],
    "America/New_York": ["2024-03-10 00:00", "2024-11-03 00:00"],
    "Asia/Kolkata": ["2024-10-27 00:00"],
    "UTC": ["2024-10-27 00:00"],
}
CASES = [(zone, begin, step) for zone, begins in BEGINS.items() for begin in begins for step in ("15min", "30min", "h")]


def feeder(storage: bool = False):
    net = pp.create_empty_network()
    a, b = (pp.create_bus(net, 20.0, min_vm_pu=0.95, max_vm_pu=1.05) for _ in range(2))
    pp.create_line_from_parameters(net, a, b, 4.0, 0.3, 0.3, 200.0, 0.2, max_loading_percent=100.0)
    pp.create_ext_grid(net, a, vm_pu=1.02)
    net.ext_grid["price_per_mwh"] = 90.0
    pp.create_load(net, b, 3.0, 0.6, controllable=False)
    pp.create_sgen(net, b, 2.0, 0.0, controllable=True, min_p_mw=0.0)
    if storage:
        pp.create_storage(net, b, 0.0, 2.0, soc_percent=50, controllable=True, min_p_mw=-0.5, max_p_mw=0.5)
        net.storage["efficiency_percent"] = 95.0
    return net


def axis_of(profiles, periods=None, hours=None, start=None, net=None):
    series = read_series(feeder() if net is None else net, profiles, periods)
    return time_axis(series.periods, series.stamps, hours, start), series


def load(values, index=None):
    return {("load", "p_mw"): pd.DataFrame({0: values}, index=index)}


def spellings(times: pd.DatetimeIndex) -> dict[str, pd.DataFrame]:
    """Write the same instants in every way that carries the zone."""
    texts = [t.isoformat(sep=" ") for t in times]
    frame = pd.DataFrame({0: np.arange(len(times), dtype=float)})
    return {
        "zone": frame.set_axis(times),
        "text": frame.set_axis(pd.Index(texts, dtype=object)),
        "T and no colon": frame.set_axis(pd.Index([t.strftime("%Y-%m-%dT%H:%M:%S%z") for t in times], dtype=object)),
        "objects": frame.set_axis(pd.Index([t.to_pydatetime() for t in times], dtype=object)),
        "column": frame.assign(time=texts),
    }


@pytest.mark.parametrize(("zone", "begin", "step"), CASES)
def test_every_spelling_of_the_same_hours_gives_the_same_axis(zone, begin, step):
    times = pd.date_range(begin, periods=30, freq=step, tz=zone)
    wall = [t.hour + t.minute / 60 for t in times]
    for name, frame in spellings(times).items():
        axis, series = axis_of({("load", "p_mw"): frame})
        assert axis.hours == {"15min": 0.25, "30min": 0.5, "h": 1.0}[step], name
        assert axis.clock == pytest.approx(wall), name
        assert (axis.breaks, series.notes) == ((), ()), name
        assert len(set(axis.begins)) == 30, name
    # in UTC the steps are the same, the clock is another one
    axis, _ = axis_of(load(np.ones(30), pd.Index([t.isoformat() for t in times.tz_convert("UTC")], dtype=object)))
    assert axis.breaks == ()


@pytest.mark.parametrize("step", ["15min", "h"])
@pytest.mark.parametrize("begin", ["2016-03-27 00:00", "2016-10-30 00:00"])
def test_times_without_a_zone_over_the_clock_change_are_read_and_noted(begin, step):
    """As in the year of SimBench: local time of central Europe, no offset."""
    local = pd.date_range(begin, periods=40, freq=step, tz="Europe/Berlin").tz_localize(None)
    axis, series = axis_of(load(np.ones(40), local))
    assert axis.breaks == ()
    assert axis.clock == pytest.approx([t.hour + t.minute / 60 for t in local])
    assert len(series.notes) == 1
    assert "clock change" in series.notes[0]
    # on another day the same jump is a fault
    with pytest.raises(InputError, match="clock changes give times with a UTC offset"):
        axis_of(load(np.ones(40), local + pd.Timedelta(days=7)))


TIMES = pd.date_range("2024-05-29", periods=12, freq="h")


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
@pytest.mark.parametrize("k", [1, 5, 10])
@pytest.mark.parametrize("kind", ["gap", "twice", "swapped", "missing", "text", "day and month"])
def test_broken_times_name_row_and_way_out(kind, k, zone):
    times = TIMES.tz_localize(zone)
    index: pd.Index = {
        "gap": times.delete(k),
        "twice": times.insert(k, times[k]),
        "swapped": times[[*range(k - 1), k, k - 1, *range(k + 1, 12)]],
        "missing": times.insert(k, pd.NaT).delete(k + 1),
        "text": pd.Index([*map(str, times[:k]), "noon", *map(str, times[k + 1 :])], dtype=object),
        "day and month": pd.Index([*map(str, times[:k]), "2024-29-05 00:00", *map(str, times[k + 1 :])], dtype=object),
    }[kind]
    for frame in (
        pd.DataFrame({0: np.ones(len(index))}, index=index),
        pd.DataFrame({0: np.ones(len(index)), "time": index}),
    ):
        with pytest.raises(InputError) as caught:
            axis_of({("load", "p_mw"): frame})
        (finding,) = caught.value.findings
        assert "profiles[('load', 'p_mw')]" in finding, finding
        assert "row" in finding, finding
        assert "give" in finding or kind == "missing" or "write" in finding, finding


def series_of(times):
    return pd.DataFrame({0: np.ones(len(times))}, index=times)


@pytest.mark.parametrize("rows", [2, 3, 12])
@pytest.mark.parametrize("time", ["2024-05-29 03:00", "2024-10-27 02:00", "2024-03-31 03:00"])
def test_a_time_that_never_moves_on_is_no_axis(time, rows):
    index = pd.DatetimeIndex([time] * rows)
    if rows == 2 and "10-27" in time:  # the hour that comes twice
        assert axis_of(load(np.ones(2), index))[0].hours == 1.0
        return
    with pytest.raises(InputError, match="time stands still"):
        axis_of(load(np.ones(rows), index))


@pytest.mark.parametrize("other", [pd.RangeIndex(1, 5), pd.RangeIndex(96, 100), pd.Index([0.0, 0.25, 0.5, 0.75])])
def test_rows_of_other_numbers_are_not_laid_side_by_side(other):
    first = pd.RangeIndex(4)
    for one, two in itertools.permutations([first, other]):
        with pytest.raises(InputError, match="number their rows alike"):
            axis_of({("load", "p_mw"): series_of(one), ("sgen", "p_mw"): series_of(two)})
    for same in (first, other):
        axis_of({("load", "p_mw"): series_of(same), ("sgen", "p_mw"): series_of(same)}, hours=1.0)
        axis_of({("load", "p_mw"): series_of(same), ("sgen", "p_mw"): series_of(TIMES[:4])})


@pytest.mark.parametrize(
    ("other", "word"),
    [
        (pd.date_range("2024-05-29", periods=12, freq="15min"), "row 1"),
        (TIMES + pd.Timedelta(days=181), "row 0"),
        (TIMES + pd.Timedelta(hours=1), "row 0"),
        (TIMES.tz_localize("UTC"), "UTC offset"),
        (pd.date_range("2024-05-29", periods=11, freq="h"), "different lengths"),
    ],
)
def test_series_of_different_times_are_not_laid_side_by_side(other, word):
    for one, two in itertools.permutations([TIMES, other]):
        with pytest.raises(InputError, match=word):
            axis_of({("load", "p_mw"): series_of(one), ("sgen", "p_mw"): series_of(two)})
    # the same instants in two zones are the same times
    same = {("load", "p_mw"): series_of(TIMES.tz_localize("UTC")),
            ("sgen", "p_mw"): series_of(TIMES.tz_localize("UTC").tz_convert("Asia/Tokyo"))}  # fmt: skip
    assert axis_of(same)[0].breaks == ()


def test_the_same_rules_hold_for_profiles_of_the_net():
    net = feeder()
    net.load["profile"], net.sgen["profile"] = "H", "PV"
    here, there = (t.strftime("%d.%m.%Y %H:%M") for t in (TIMES, TIMES + pd.Timedelta(days=1)))
    net["profiles"] = {
        "load": pd.DataFrame({"H_pload": np.ones(12), "time": here}),
        "renewables": pd.DataFrame({"PV": np.ones(12), "time": there}),
    }
    with pytest.raises(InputError, match="not of the same times"):
        read_series(net)
    net.profiles["renewables"]["time"] = net.profiles["load"]["time"]
    assert axis_of(None, net=net)[0].begins[1] == "2024-05-29 01:00"
    net.profiles["load"]["H_pload"] = net.profiles["load"]["H_pload"].astype(object)
    net.profiles["load"].loc[3, "H_pload"] = "n/a"
    with pytest.raises(InputError, match="H_pload, row 3: 'n/a' is no number"):
        read_series(net)


@pytest.mark.parametrize("cell", ["n/a", "1,5", "1.0", True, [1.0], None, np.nan, np.inf])
def test_cells_that_are_no_numbers_are_named(cell):
    values = pd.Series([1.0, cell, 1.0], dtype=object)
    with pytest.raises(InputError) as caught:
        axis_of(load(values))
    words = ("no number", "not a number", "is text")
    assert any("1" in f and any(w in f for w in words) for f in caught.value.findings)


def test_hours_and_clock_may_not_contradict_the_times():
    quarters = pd.date_range("2024-05-29 06:00", periods=12, freq="15min")
    with pytest.raises(InputError, match=r"hours_per_period is 1, but the times of the profiles are 0\.25 h apart"):
        axis_of(load(np.ones(12), quarters), hours=1.0)
    with pytest.raises(InputError, match="start_hour is 0, but the first row of the profiles is 2024-05-29 06:00"):
        axis_of(load(np.ones(12), quarters), start=0.0)
    axis, _ = axis_of(load(np.ones(12), quarters), start=6.0, hours=0.25)
    assert axis.clock[4] == 7.0
    # every fourth quarter-hour stands for its hour if the caller says so, else for itself, with gaps
    assert axis_of(load(np.ones(12), quarters), [0, 4, 8], hours=1.0)[0].breaks == ()
    assert axis_of(load(np.ones(12), quarters), [0, 4, 8])[0].breaks == (1, 2)


def test_rows_that_are_left_out_do_not_carry_energy():
    profiles = load([1.0] * 10)
    with pytest.raises(InputError, match="storage 0: stored energy runs on from row 1 to row 8"):
        adnflex.dispatch(feeder(storage=True), profiles=profiles, hours_per_period=1.0, periods=[0, 1, 8, 9])
    box = adnflex.flexibility(feeder(storage=True), profiles=profiles, hours_per_period=1.0, periods=[0, 8])
    assert any("runs on from row 0 to row 8" in n for n in box.notes)
    plan = adnflex.dispatch(feeder(), profiles=profiles, hours_per_period=1.0, periods=[0, 1, 8, 9])
    assert plan.periods == [0, 1, 8, 9]
    assert plan.times["clock_hour"].tolist() == [0.0, 1.0, 8.0, 9.0]
    assert adnflex.validate(plan, feeder()).passed


def test_a_plan_over_the_end_of_summer_time_has_25_hours_and_passes(tmp_path):
    times = pd.date_range("2024-10-27", periods=25, freq="h", tz="Europe/Berlin")
    net = feeder(storage=True)
    plan = adnflex.dispatch(net, profiles=load(np.ones(25), times))
    assert plan.hours_per_period == 1.0
    assert len(plan.periods) == 25
    assert plan.times["clock_hour"].tolist() == [0.0, 1.0, 2.0, 2.0, *range(3, 24)]
    plan.save(tmp_path / "p.json")
    again = adnflex.DispatchPlan.load(tmp_path / "p.json")
    check = adnflex.validate(again, net)
    assert check.passed
    from adnflex.reporting.dispatch.view import views

    texts = views([again], [check])[0].clock.texts
    assert texts[2] == "02:00–03:00"
    assert texts[3] == "02:00–03:00"
    assert texts[24] == "23:00–24:00"


# --- controllers ----------------------------------------------------------------------------------


def test_series_of_controllers_are_read_as_pandapower_would_write_them():
    net = feeder()
    pp.create_load(net, 1, 1.0, 0.0, controllable=False)
    data = DFData(pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]}))
    ConstControl(net, "load", "p_mw", [0, 1], profile_name=["b", "a"], data_source=data, scale_factor=0.5)
    ConstControl(net, "sgen", "p_mw", 0, profile_name="a", data_source=data)
    series = read_series(net)
    assert series.values["load", "p_mw"].tolist() == [[2.0, 0.5], [2.5, 1.0], [3.0, 1.5]]
    for t in range(3):
        for controller in net.controller["object"]:
            controller.time_step(net, t)
        assert net.load.p_mw.tolist() == series.values["load", "p_mw"][t].tolist()
        assert net.sgen.p_mw.tolist() == series.values["sgen", "p_mw"][t].tolist()
    # given series stand for them, and the plan says so
    plan = adnflex.dispatch(net, profiles=load([1.0]))
    assert any("ConstControl" in n for n in plan.notes)


@pytest.mark.parametrize("fault", ["variable", "column", "count", "text", "index"])
def test_series_of_controllers_that_cannot_be_read_are_refused(fault):
    net = feeder()
    pp.create_load(net, 1, 1.0, 0.0, controllable=False)
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, dtype=object if fault == "text" else float)
    if fault == "text":
        frame.loc[1, "a"] = "x"
    ConstControl(net, "load", "scaling" if fault == "variable" else "p_mw", [0, 1] if fault == "count" else [0],
                 profile_name=["z"] if fault == "column" else ["a"], data_source=DFData(frame))  # fmt: skip
    if fault == "index":
        ConstControl(net, "load", "p_mw", [1], profile_name=["a"], data_source=DFData(frame.iloc[:2]))
    with pytest.raises(InputError) as caught:
        read_series(net)
    assert "controller" in str(caught.value)


def test_other_controllers_are_named_in_every_plan():
    net = pp.networks.mv_oberrhein()
    DiscreteTapControl(net, 114, 0.98, 1.02)
    assert any("DiscreteTapControl (controller 0)" in n for n in read_series(net).notes)
    small = feeder()
    pp.create_line_from_parameters(small, 0, 1, 4.0, 0.3, 0.3, 200.0, 0.2, max_loading_percent=100.0)
    ConstControl(small, "load", "p_mw", [0], profile_name=["a"], data_source=DFData(pd.DataFrame({"a": [1.0]})))
    assert any("ConstControl (controller 0)" in n for n in adnflex.reconfigure(small, workers=1).notes)
