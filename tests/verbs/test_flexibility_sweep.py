"""Boxes of many days: each says what the verb says of that day, goes on after a stop, and other days are refused."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest

import adnflex
from adnflex.cli import EXIT_INPUT, EXIT_OK, main
from adnflex.errors import InputError
from tests.verbs.test_sweep import Stop, interrupt

FACTORS = np.array([1.0, 0.7, 1.2, 0.9])
KNOBS = {"hours_per_period": 12.0, "workers": 1, "trajectories": 4}


@pytest.fixture(scope="module")
def net():
    """Two days of two half-days each."""
    net = copy.deepcopy(adnflex.networks.load("park33_flexibility"))
    net.profiles = {key: frame.iloc[: len(FACTORS)].mul(FACTORS, axis=0) for key, frame in net.profiles.items()}
    return net


@pytest.fixture(scope="module")
def found(net, tmp_path_factory):
    return adnflex.flexibility_sweep(net, store=tmp_path_factory.mktemp("boxes"), **KNOBS)


def unchanged(table: pd.DataFrame) -> pd.DataFrame:
    """Return what does not depend on the machine or on where it was run."""
    return table.drop(columns=["cpu_s", "file"])


def test_a_row_says_what_the_verb_itself_says_of_that_day(net, found):
    assert found.table["day"].tolist() == [0, 1]
    assert found.table["passed"].all()
    alone = adnflex.flexibility(net, periods=[2, 3], hours_per_period=12.0)
    row = found.table.loc[1]
    for name in ("useful_mwh", "total_mwh", "outer_mwh", "certificate"):
        assert row[name] == pytest.approx(getattr(alone, name), abs=1e-9)
    assert row["narrowest_mw"] == pytest.approx((alone.upper_mw - alone.lower_mw).min())
    assert (row["lowest_mw"], row["highest_mw"]) == pytest.approx((alone.lower_mw.min(), alone.upper_mw.max()))
    assert len(set(found.table["total_mwh"])) == 2
    box = found.result(1)
    assert box.lower_mw.to_numpy() == pytest.approx(alone.lower_mw.to_numpy())
    assert adnflex.validate(box, net, trajectories=2).passed  # of the net with all days
    assert found.result(1, kind="check").passed


def test_profiles_of_the_caller_are_cut_the_same_way(net, found):
    bare = copy.deepcopy(net)
    series = adnflex.flexibility(net, hours_per_period=12.0).inputs
    profiles = {
        (table, column): series[table][column].reset_index(drop=True)
        for table, column in dict.fromkeys((t, c) for t, c, _ in series.columns)
        if table in ("load", "sgen")
    }
    bare.profiles = {}
    there = adnflex.flexibility_sweep(bare, [1], profiles=profiles, **KNOBS)
    assert there.table["total_mwh"].tolist() == pytest.approx(found.table["total_mwh"].tolist()[1:], abs=1e-6)


def test_after_a_stop_there_is_what_was_done_and_it_goes_on(net, found, tmp_path):
    first = adnflex.flexibility_sweep(net, store=tmp_path, progress=Stop(1, interrupt), **KNOBS)
    assert first.interrupted
    assert first.table["status"].tolist()[1:] == ["missing"]
    second = adnflex.flexibility_sweep(net, store=tmp_path, **KNOBS)
    assert any(note.startswith("1 of 2 cells") for note in second.notes)
    pd.testing.assert_frame_equal(unchanged(second.table), unchanged(found.table), check_exact=True)
    with pytest.raises(InputError, match="run with other arguments"):
        adnflex.flexibility_sweep(net, store=tmp_path, direction="up", **KNOBS)
    other = copy.deepcopy(net)
    other.profiles = {key: frame * 1.01 for key, frame in net.profiles.items()}
    with pytest.raises(InputError, match="or another net"):
        adnflex.flexibility_sweep(other, store=tmp_path, **KNOBS)


def test_a_day_without_a_box_is_a_row_with_the_reason(net):
    part = adnflex.flexibility_sweep(net, [0, 1], required_mw=(9.0, 9.0), **KNOBS)
    assert part.table["status"].tolist() == ["not found"] * 2  # the linear model refutes it, AC is not asked
    assert part.table["note"].ne("").all()
    assert not part.table["passed"].any()


@pytest.mark.parametrize(
    ("days", "step", "words"),
    [
        ([2], 12.0, "hold days 0 to 1"),
        ([0, 0], 12.0, "name one twice"),
        ([-1], 12.0, "hold days 0 to 1"),
        ([0], 9.0, "no day of 24 h"),
        ([0], 3.0, "no day of 24 h"),
    ],
)
def test_other_days_are_refused_by_name(net, days, step, words):
    with pytest.raises(InputError, match=words):
        adnflex.flexibility_sweep(net, days, hours_per_period=step)


def test_the_command_line_says_the_same(found, tmp_path, capsys):
    words = ["flexibility-sweep", "park33_flexibility", "--hours-per-period", "12", "--workers", "1"]
    files = {"--plan": tmp_path / "a.json", "--report": tmp_path / "a.html", "--excel": tmp_path / "a.xlsx"}
    more = [str(word) for pair in files.items() for word in pair]
    assert main([*words, "--days", "0:1", "--pcc", "every", "--quiet", *more]) == EXIT_OK
    table = adnflex.load(tmp_path / "a.json").table
    assert table[["day", "pcc", "passed"]].to_numpy().tolist() == [[d, "ext_grid 0", True] for d in (0,)]
    page = (tmp_path / "a.html").read_text()
    assert all(word in page for word in ("Every day", "Most useful day", "no box above", "Useful width"))
    assert main([*words, "--days", "99"]) == EXIT_INPUT
    assert "hold days 0 to 11" in capsys.readouterr().err
