"""Scenarios: charging of electric vehicles, wind and sun, and fewer scenarios that say nearly the same.

Arrays in, arrays out; the random generator is an argument, so that a seed fixes everything.
"""

from adnflex.scenarios.arma import Arma, arma_scenarios
from adnflex.scenarios.charging import charging_load
from adnflex.scenarios.distributions import Distribution, LogNormal, WrappedNormal
from adnflex.scenarios.electric_vehicles import FleetSample, VehicleLaw, sample_fleet, sample_vehicles
from adnflex.scenarios.parking import FleetLaw, FleetLaws
from adnflex.scenarios.reduction import Method, Reduction, reduce_scenarios
from adnflex.scenarios.scenario_set import ScenarioSet
from adnflex.scenarios.travelling import TravellingFleet
from adnflex.scenarios.weather import Forecast, LatentWeather, sun_shape

__all__ = [
    "Arma",
    "Distribution",
    "FleetLaw",
    "FleetLaws",
    "FleetSample",
    "Forecast",
    "LatentWeather",
    "LogNormal",
    "Method",
    "Reduction",
    "ScenarioSet",
    "TravellingFleet",
    "VehicleLaw",
    "WrappedNormal",
    "arma_scenarios",
    "charging_load",
    "reduce_scenarios",
    "sample_fleet",
    "sample_vehicles",
    "sun_shape",
]
