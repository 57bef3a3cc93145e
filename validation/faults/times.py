"""Times of series: random hours in random zones, written in every way, and every fault of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd

TRIES = 2000
ABOUT = (
    "The same hours written in another way have to give the same time axis (steps in absolute time, clock on the "
    "wall); a fault has to be an `InputError` that names series and row."
)

ZONES = ["Europe/Berlin", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]
STEPS = ["5min", "15min", "30min", "h", "2h"]


def feeder() -> Any:
    """Two buses, a load, a sgen."""
    net = pp.create_empty_network()
    a, b = pp.create_bus(net, 20.0), pp.create_bus(net, 20.0)
    pp.create_line_from_parameters(net, a, b, 4.0, 0.3, 0.3, 200.0, 0.2)
    pp.create_ext_grid(net, a)
    pp.create_load(net, b, 3.0, 0.6)
    pp.create_sgen(net, b, 2.0)
    return net


def hours(rng: np.random.Generator, zone: str | None = None) -> pd.DatetimeIndex:
    """Draw hours of a zone, half of them near a clock change."""
    zone = zone or str(rng.choice(ZONES))
    day = pd.Timestamp("2024-01-01") + pd.Timedelta(days=int(rng.integers(0, 366)))
    if rng.random() < 0.5:
        day = pd.Timestamp(str(rng.choice(["2024-03-31", "2024-10-27", "2024-03-10", "2024-11-03", "2024-04-07"])))
    begin = pd.Timestamp(day).tz_localize(zone) + pd.Timedelta(minutes=int(rng.choice([0, 15, 30])))
    return pd.date_range(begin, periods=int(rng.integers(3, 60)), freq=str(rng.choice(STEPS)))


def written(rng: np.random.Generator, times: pd.DatetimeIndex) -> pd.DataFrame:
    """Write times in one of the ways that keep the zone."""
    frame = pd.DataFrame({0: rng.random(len(times))})
    texts = [t.isoformat(sep=str(rng.choice([" ", "T"]))) for t in times]
    return [
        lambda: frame.set_axis(times),
        lambda: frame.set_axis(pd.Index(texts, dtype=object)),
        lambda: frame.set_axis(pd.Index([t.strftime("%Y-%m-%dT%H:%M:%S%z") for t in times], dtype=object)),
        lambda: frame.set_axis(pd.Index([t.to_pydatetime() for t in times], dtype=object)),
        lambda: frame.assign(time=texts),
        lambda: from_file(frame.assign(time=texts)),
    ][int(rng.integers(0, 6))]()


def from_file(frame: pd.DataFrame) -> pd.DataFrame:
    """Take the way over a CSV file, as the command line does."""
    from adnflex.cli.profiles import read_profiles

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.csv"
        frame.to_csv(path, index=False)
        found = read_profiles([(("load", "p_mw"), path)])
    assert found is not None
    return found["load", "p_mw"]


def axis_of(net: Any, frames: dict[tuple[str, str], pd.DataFrame]) -> Any:
    """Read the axis."""
    from adnflex.study import read_series, time_axis

    series = read_series(net, frames)
    return time_axis(series.periods, series.stamps, None, None)


def same(rng: np.random.Generator, net: Any) -> str:
    """Every spelling gives the same axis; say what differs."""
    times = hours(rng)
    axis = axis_of(net, {("load", "p_mw"): written(rng, times), ("sgen", "p_mw"): written(rng, times)})
    wall = [t.hour + t.minute / 60 for t in times]
    step = (times[1] - times[0]).total_seconds() / 3600
    good = abs(axis.hours - step) < 1e-9 and not axis.breaks and np.allclose(axis.clock, wall)
    return "" if good else f"{times[0]} step {step}: hours {axis.hours}, breaks {axis.breaks}"


def broken(kind: str) -> Callable[[np.random.Generator, Any], str]:
    """Make a try of a fault."""

    def attempt(rng: np.random.Generator, net: Any) -> str:
        from adnflex.errors import InputError

        times = hours(rng)
        k = int(rng.integers(1, len(times) - 1))
        try:
            axis_of(net, frames_of(kind, rng, times, k))
        except InputError as error:
            return "" if all("profiles[" in f or "column time" in f for f in error.findings) else str(error)[:120]
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:120]
        return f"accepted: {times[0]}, row {k}"

    return attempt


def frames_of(
    kind: str, rng: np.random.Generator, times: pd.DatetimeIndex, k: int
) -> dict[tuple[str, str], pd.DataFrame]:
    """Series with one fault."""
    key, other = ("load", "p_mw"), ("sgen", "p_mw")
    good = written(rng, times)
    n = len(times)
    if kind in ("gap", "twice", "swapped"):
        order = {"gap": [*range(k), *range(k + 1, n)], "twice": [*range(k + 1), *range(k, n)]}
        swapped = [*range(k - 1), k, k - 1, *range(k + 1, n)]
        rows = order.get(kind, swapped)
        # a gap at the end of three rows leaves one step; take a longer one
        return {key: written(rng, times[rows] if len(rows) > 2 else times[[0, 1, 1]])}
    if kind == "text in a cell":
        values = good[0].astype(object)
        values.iloc[k] = str(rng.choice(["n/a", "1,5", "-", "1.0 "]))
        return {key: good.drop(columns=0).assign(x=values).rename(columns={"x": 0})}
    if kind == "no time in a row":
        labels = [*map(str, times[:k]), "noon", *map(str, times[k + 1 :])]
        return {key: pd.DataFrame({0: np.ones(n)}, index=pd.Index(labels))}
    moved = {
        "another day": times + pd.Timedelta(days=int(rng.integers(1, 300))),
        "another step": pd.date_range(times[0], periods=n, freq="7min"),
        "another zone": times.tz_localize(None).tz_localize("Asia/Tokyo"),
        "no zone": times.tz_localize(None),
    }[kind]
    frame = pd.DataFrame({0: np.ones(n)}, index=moved)
    return {key: good, other: frame} if rng.random() < 0.5 else {other: frame, key: good}


KINDS: dict[str, Callable[[np.random.Generator, Any], str]] = {
    "same hours, another spelling": same,
    **{
        f"fault: {kind}": broken(kind)
        for kind in (
            "gap", "twice", "swapped", "text in a cell", "no time in a row", "another day", "another step",
            "another zone", "no zone",
        )
    },
}  # fmt: skip


def campaign(tries: int, seed: int) -> list[dict[str, Any]]:
    """Try each kind equally often."""
    net, rows = feeder(), []
    for number, (kind, attempt) in enumerate(KINDS.items()):
        count = max(tries // len(KINDS), 1)
        told = [attempt(np.random.default_rng([seed, number, k]), net) for k in range(count)]
        failed = [t for t in told if t]
        rows.append({"kind": kind, "tries": count, "failures": len(failed), "example": failed[0] if failed else ""})
    return rows
