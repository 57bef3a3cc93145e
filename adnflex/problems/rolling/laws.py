"""Laws of sun, wind and vehicles that a net has in ``net.study`` and ``net.ev``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandapower.auxiliary import pandapowerNet

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.devices.vehicles import COLUMNS
from adnflex.problems.rolling.arrivals import Arrivals, RecordedDays
from adnflex.problems.rolling.read import choice
from adnflex.problems.rolling.renewables import Renewables
from adnflex.scenarios import FleetLaw, FleetLaws, LatentWeather, sun_shape


def weather_of(
    facts: dict[str, Any],
    weather: str | None,
    sun: BoolArray,
    rated_mw: FloatArray,
    hours: int,
    index: IntArray,
    findings: list[str],
) -> Renewables | None:
    """Law of sun and wind in ``net.study``."""
    law, weathers = facts.get("renewables"), facts.get("weathers", {})
    if law is None:
        if len(index):
            findings.append(
                f"sgen {index.tolist()}: nothing says what they will generate; give renewables= (adnflex."
                "scenarios.Forecast, or an object with sample(state, hour, n, rng)), or net.study['renewables']."
            )
            return None
        return LatentWeather(rated_mw, sun, np.zeros(hours))
    findings += [
        f"sgen {k}: its rating, p_mw times scaling, is {p:g} MW; give one above 0, or set in_service to False."
        for k, p in zip(index, rated_mw, strict=True)
        if not p > 0
    ]
    name = weather or facts.get("weather")
    if name not in weathers:
        findings.append(
            f"weather {name!r} is not known; " + choice(str(name), weathers, "net.study", "renewables") + "."
        )
        return None
    shape = sun_shape(hours, law["sun_hours"][0], law["sun_hours"][1], law["sun_exponent"], law["sun_equivalent_hours"])
    return LatentWeather(
        rated_mw,
        sun,
        shape,
        **weathers[name],
        common=law["sun_common_share"],
        most=law["sun_most"],
        wind_mean=law["wind_mean"],
        wind_sd=law["wind_sd"],
        wind_rho=law["wind_rho"],
    )


def parking_laws(
    net: pandapowerNet,
    facts: dict[str, Any],
    arrivals: Arrivals | pd.DataFrame | None,
    loads: pd.DataFrame,
    hours: int,
    findings: list[str],
) -> Arrivals:
    """Return where days of vehicles come from: what was given, ``net.ev``, or laws of the fleets."""
    if isinstance(arrivals, pd.DataFrame):
        return RecordedDays(arrivals)
    if arrivals is not None:
        return arrivals
    if isinstance(net.get("ev"), pd.DataFrame):
        return RecordedDays(net["ev"])
    known, vehicle = facts.get("parking", {}), facts.get("vehicle", {})
    if not len(loads):
        return RecordedDays(pd.DataFrame(columns=list(COLUMNS)))
    laws = []
    for k, row in loads.iterrows():
        kind, per_day = row.get("parking"), row.get("vehicles_per_day")
        if kind not in known or per_day is None or not float(per_day) >= 0:
            findings.append(
                f"load {k}: nothing says which vehicles come (parking {kind!r}, vehicles_per_day {per_day}); give "
                "arrivals=, the table net.ev, or both columns with parking one of "
                f"{sorted(known) or '(none in net.study)'}."
            )
            continue
        facts_of: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in {**known[kind], **vehicle}.items()
        }
        laws.append(FleetLaw(int(str(k)), float(per_day), **facts_of))
    return FleetLaws(tuple(laws), hours)


def name_notes(days: Arrivals) -> list[str]:
    """Say which number stands for which vehicle, where they came with names."""
    names = days.names if isinstance(days, RecordedDays) else ()
    listed = ", ".join(f"{k} {name[:40]}" for k, name in enumerate(names[:8]))
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return [f"vehicles are numbered in the order of their names: {listed}{more}."] if names else []
