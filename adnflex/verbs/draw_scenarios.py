"""Scenarios for a net: ARMA errors around its forecast of wind and sun, vehicles by Monte Carlo, few of many kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.arguments.kinds import word
from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.grid import read_grid
from adnflex.grid.identity import fingerprint
from adnflex.knobs import Horizon
from adnflex.results.drawn_scenarios import DrawnScenarios
from adnflex.scenarios import Arma, FleetSample, ScenarioSet, VehicleLaw, arma_scenarios, sample_fleet
from adnflex.study import Profiles, TimeAxis, read_series, settled, time_axis, times_table
from adnflex.text import title as title_of

_USUAL = VehicleLaw()
_POWER = "p_mw"
# Draws of generators and of vehicles are independent: they have streams of their own.
_GENERATORS, _VEHICLES = 0, 1
# What this drew cannot be told from a forecast of nothing [MW].
_NOTHING = 1e-9


@public(reading=read_grid, also={"method": word("forward", "backward")})
def draw_scenarios(
    net: pandapowerNet,
    *,
    sigma_percent: float | Mapping[str, float] = 2.5,
    proportional: Sequence[str] = ("PV",),
    common_weather: bool = False,
    ar: Sequence[float] = Arma.ar,
    ma: Sequence[float] = Arma.ma,
    vehicles: Mapping[int, int] | None = None,
    law: VehicleLaw = _USUAL,
    fleet: str = "mean",
    runs: int = 30,
    count: int = 1000,
    keep: int | None = 10,
    method: str = "forward",
    profiles: Profiles | None = None,
    periods: Iterable[int] | None = None,
    hours_per_period: float | None = None,
    start_hour: float | None = None,
    seed: int = 0,
    name: str | None = None,
) -> DrawnScenarios:
    """Draw days that may come around the forecast of a net, and keep the few that say most.

    Parameters
    ----------
    net : pandapowerNet
        The net; its profiles are the forecast. It is only read.
    sigma_percent : float or mapping
        Standard deviation of the white noise in percent of the rating, of all generators that feed in, or by their
        ``type``, such as ``{"PV": 5.0, "WP": 4.0}``; types that are not named keep to their forecast.
    proportional : sequence of str
        Types whose errors are in percent of the forecast instead, so that nights stay dark.
    common_weather : bool
        Whether generators of one type see the same weather; else their errors are independent.
    ar, ma : sequence of float
        How an error remembers those of the periods before (see `adnflex.scenarios.Arma`).
    vehicles : mapping, optional
        Number of electric vehicles by index of ``net.load``: their load is drawn by Monte Carlo and takes the place of
        the profile.
    law : VehicleLaw
        How vehicles drive, arrive and charge.
    fleet : str
        ``mean`` (every scenario has the mean of the runs) or ``runs`` (scenario s has run s, counted round).
    runs : int
        Monte Carlo runs of the vehicles.
    count : int
        Number of scenarios that are drawn.
    keep : int, optional
        Number of scenarios that are kept; None: all.
    method : str
        ``forward`` (fast forward selection) or ``backward`` (simultaneous backward reduction).
    profiles, periods, hours_per_period, start_hour
        As in `adnflex.dispatch`.
    seed : int
        Of the random numbers.
    name : str, optional
        Name of the net in the report.

    Returns
    -------
    DrawnScenarios
        All that was drawn, and what is kept: ``few`` is what `adnflex.dispatch` takes as ``scenarios``, ``all`` what
        `adnflex.out_of_sample` takes.

    Raises
    ------
    InputError
        If the net, its profiles or an argument is wrong, or nothing would vary.

    Examples
    --------
    >>> from adnflex import networks
    >>> drawn = draw_scenarios(networks.load("ieee33_dispatch"), count=50, keep=3, vehicles={32: 300})
    >>> round(float(drawn.kept["probability"].sum()), 9), drawn.all.count, drawn.few.count
    (1.0, 50, 3)
    """
    asked = settled(net, Horizon(profiles, periods, hours_per_period, start_hour))
    series = read_series(net, asked.profiles, asked.periods)
    axis = time_axis(series.periods, series.stamps, asked.hours_per_period, asked.start_hour)
    forecast = series.values["sgen", _POWER]
    sources = _sources(net, forecast, sigma_percent, proportional)
    fleets = _fleets(net, axis, vehicles or {}, law, runs, seed)
    _require_something(axis, sources, fleets)
    process = Arma(tuple(ar), tuple(ma))
    drawn = _drawn(net, forecast, sources, process, (common_weather, seed, count))
    loads = {i: _of_fleet(f, fleet, count) / float(net.load.at[i, "scaling"]) for i, f in fleets.items()}
    keys = [("sgen", _POWER, i) for i in drawn] + [("load", _POWER, i) for i in loads]
    values = np.stack([*drawn.values(), *loads.values()], axis=2)
    known = {**{("sgen", i): forecast[:, net.sgen.index.get_loc(i)] for i in drawn}}
    known |= {("load", i): f.mean_mw / float(net.load.at[i, "scaling"]) for i, f in fleets.items()}
    columns = pd.MultiIndex.from_tuples(keys, names=["table", "column", "index"])
    rows = pd.Index(list(axis.rows), name="period")
    table = pd.DataFrame(
        values.reshape(-1, len(keys)),
        index=pd.MultiIndex.from_product([range(count), rows], names=["scenario", "period"]),
        columns=columns,
    )
    kept = _kept(values, count if keep is None else keep, method)
    return DrawnScenarios(
        net_name=title_of(net, name),
        fingerprint=fingerprint(net),
        drawn=table,
        **kept,
        forecast=pd.DataFrame(np.stack([known[t, i] for t, _, i in keys], axis=1), index=rows, columns=columns),
        sources=sources,
        fleets=_fleet_table(fleets, rows),
        vehicles=_vehicle_table(net, fleets, vehicles or {}, axis),
        hours_per_period=axis.hours,
        start_hour=axis.clock[0],
        times=times_table(axis),
        options=_told(locals()),
        notes=tuple(series.notes),
    )


_OPTIONS = ("common_weather", "ar", "ma", "fleet", "runs", "count", "keep", "method", "seed")


def _told(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that say how was drawn."""
    given = {key: arguments[key] for key in _OPTIONS}
    return {key: list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
            for key, value in given.items()}  # fmt: skip


def _sources(
    net: pandapowerNet, forecast: FloatArray, sigma: float | Mapping[str, float], proportional: Sequence[str]
) -> pd.DataFrame:
    """Tabulate the generators that vary: rating, noise and of what it is a percentage."""
    there = net.sgen["in_service"].to_numpy(dtype=bool) & (np.abs(forecast).max(axis=0, initial=0.0) > _NOTHING)
    kinds = net.sgen["type"].fillna("").astype(str) if "type" in net.sgen else pd.Series("", index=net.sgen.index)
    known = sorted(set(kinds[there]))
    if isinstance(sigma, Mapping) and (odd := [kind for kind in sigma if kind not in known]):
        raise InputError(
            f"sigma_percent: no generator that feeds in has the type {', '.join(map(repr, odd))}; known are "
            f"{', '.join(map(repr, known)) or 'none'}."
        )
    rows = []
    for place in np.flatnonzero(there):
        index = net.sgen.index[place]
        noise = sigma.get(kinds[index]) if isinstance(sigma, Mapping) else sigma
        if noise is not None:
            told = str(net.sgen.at[index, "name"] or "") if "name" in net.sgen else ""
            rows.append(
                (int(index), told, kinds[index], _rating(net, index), float(noise), kinds[index] in proportional)
            )
    columns = ["sgen", "name", "type", "rated_mw", "sigma_percent", "proportional"]
    return pd.DataFrame(rows, columns=columns).set_index("sgen")


def _rating(net: pandapowerNet, index: int) -> float:
    """Return the rating of a generator, or what it feeds in without a profile where it has none [MW]."""
    rated = float(net.sgen.at[index, "sn_mva"]) if "sn_mva" in net.sgen else np.nan
    return rated if np.isfinite(rated) and rated > 0 else abs(float(net.sgen.at[index, _POWER]))


def _require_something(axis: TimeAxis, sources: pd.DataFrame, fleets: Mapping[int, FleetSample]) -> None:
    faults = []
    if axis.breaks:
        faults.append(
            f"periods: row {axis.rows[axis.breaks[0]]} does not follow on the one before, and errors remember those "
            "of the period before; give rows without gaps."
        )
    if sources.empty and not fleets:
        faults.append(
            "nothing would vary: no generator in service feeds in, and no vehicles are given; give net.sgen profiles, "
            "or vehicles={load: number}."
        )
    if faults:
        raise InputError(faults)


class _Draw(NamedTuple):
    """How scenarios are drawn."""

    common: bool
    seed: int
    scenarios: int


def _drawn(
    net: pandapowerNet, forecast: FloatArray, sources: pd.DataFrame, process: Arma, how: tuple[bool, int, int]
) -> dict[int, FloatArray]:
    """Scenarios (S, T) of each generator that varies [MW]."""
    draw, found, faults = _Draw(*how), {}, []
    weathers = {kind: k for k, kind in enumerate(dict.fromkeys(sources["type"]))}
    for row in sources.itertuples():
        stream = weathers[row.type] if draw.common else int(row.Index)
        rng = np.random.default_rng([draw.seed, _GENERATORS, stream])
        ahead = forecast[:, net.sgen.index.get_loc(row.Index)]
        try:
            found[int(row.Index)] = arma_scenarios(
                rng, ahead, process, rated=row.rated_mw, sigma_percent=row.sigma_percent, count=draw.scenarios,
                proportional=row.proportional,
            )  # fmt: skip
        except InputError as error:
            faults += [f"sgen {row.Index}: {finding}" for finding in error.findings]
    if faults:
        # what is wrong with the process is wrong for all of them
        told = {finding.partition(": ")[2]: finding for finding in faults}
        raise InputError(list(told.values()))
    return found


def _fleets(
    net: pandapowerNet, axis: TimeAxis, vehicles: Mapping[int, int], law: VehicleLaw, runs: int, seed: int
) -> dict[int, FleetSample]:
    """Monte Carlo runs of the vehicles at each load."""
    loads = set(net.load.index[net.load["in_service"].astype(bool) & (net.load["scaling"] != 0)])
    if odd := [i for i in vehicles if i not in loads]:
        raise InputError([f"vehicles: {i} is no load in service with a scaling above 0; see net.load." for i in odd])
    return {
        i: sample_fleet(
            np.random.default_rng([seed, _VEHICLES, i]), number, law, load=i, runs=runs, periods=len(axis),
            hours_per_period=axis.hours, start_hour=axis.clock[0],
        )
        for i, number in vehicles.items()
    }  # fmt: skip


def _of_fleet(sample: FleetSample, fleet: str, count: int) -> FloatArray:
    """Load of a fleet in each scenario [MW]."""
    if fleet == "mean":
        return np.tile(sample.mean_mw, (count, 1))
    return sample.load_mw[np.arange(count) % len(sample.load_mw)]


def _kept(values: FloatArray, keep: int, method: str) -> dict[str, Any]:
    """Reduce, and say what became of every scenario."""
    count = len(values)
    places = tuple(range(values.shape[2]))
    every = ScenarioSet(np.full(count, 1 / count), {("sgen", _POWER): values}, {("sgen", _POWER): places})
    _, found = every.reduce(keep, "backward" if method == "backward" else "forward")
    kept = pd.DataFrame({"drawn": found.kept, "probability": found.probabilities})
    number = {int(drawn): k for k, drawn in enumerate(found.kept)}
    nearest = pd.DataFrame({"kept": [number[int(k)] for k in found.nearest]})
    return {
        "kept": kept.rename_axis("scenario"),
        "nearest": nearest.rename_axis("drawn"),
        "distance": found.distance,
        "distance_of_one": every.reduce(1)[1].distance,
    }


def _fleet_table(fleets: Mapping[int, FleetSample], rows: pd.Index) -> pd.DataFrame:
    if not fleets:
        return pd.DataFrame()
    runs = len(next(iter(fleets.values())).load_mw)
    index = pd.MultiIndex.from_product([range(runs), rows], names=["run", "period"])
    return pd.DataFrame({i: f.load_mw.ravel() for i, f in fleets.items()}, index=index).rename_axis(columns="load")


def _vehicle_table(
    net: pandapowerNet, fleets: Mapping[int, FleetSample], vehicles: Mapping[int, int], axis: TimeAxis
) -> pd.DataFrame:
    rows = [
        (i, str(net.load.at[i, "name"] or ""), int(vehicles[i]), float(f.mean_mw.sum()) * axis.hours)
        for i, f in fleets.items()
    ]
    return pd.DataFrame(rows, columns=["load", "name", "vehicles", "mwh"]).set_index("load")
