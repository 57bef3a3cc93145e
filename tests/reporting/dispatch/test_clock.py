"""Hours are told as clocks tell them."""

from __future__ import annotations

import pytest

from adnflex.reporting.clock import Clock


def test_periods_are_named_by_the_clock():
    clock = Clock(tuple(range(24)), 0.0, 1.0)
    assert (clock.text(0), clock.text(23)) == ("00:00–01:00", "23:00–24:00")
    assert clock.begin(7) == "07:00"


def test_labels_of_periods_need_not_begin_at_zero():
    clock = Clock((48, 49, 50, 51), 6.0, 0.25)
    assert clock.text(49) == "06:15–06:30"
    assert clock.text(3) == "3"
    assert clock.spans([49, 48, 51]) == "06:00–06:30, 06:45–07:00"


def test_several_days():
    clock = Clock(tuple(range(72)), 0.0, 1.0)
    assert clock.text(24) == "day 2, 00:00–01:00"
    assert clock.axis()["ticktext"] == ["<b>day 1</b>", "12", "<b>day 2</b>", "12", "<b>day 3</b>", "12", "24"]


@pytest.mark.parametrize(("count", "step"), [(24, 1.0), (96, 0.25), (4, 0.25), (168, 1.0), (1, 1.0)])
def test_ticks_are_few_and_stand_at_their_hours(count, step):
    clock = Clock(tuple(range(count)), 5.0, step)
    axis, categories = clock.axis(), clock.category_axis()
    assert 1 <= len(axis["tickvals"]) <= 10
    first, last = axis["range"]
    assert all(first <= t <= last for t in axis["tickvals"])
    assert categories["ticktext"] == axis["ticktext"]
    for tick, place in zip(axis["tickvals"], categories["tickvals"], strict=True):
        assert clock.start + (place + 0.5) * step == pytest.approx(tick)


def test_stairs_end_with_the_horizon():
    x, y = Clock((0, 1), 0.0, 0.5).stairs([3.0, 4.0])
    assert x.tolist() == [0.0, 0.5, 1.0]
    assert y.tolist() == [3.0, 4.0, 4.0]
