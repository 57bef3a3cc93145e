"""Scenarios that were drawn for a net: all of them, the few that were kept, and the vehicles behind a load."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from adnflex.results.base import Result
from adnflex.scenarios import ScenarioSet
from adnflex.scenarios.scenario_set import Key


@dataclass(frozen=True, repr=False, eq=False)
class DrawnScenarios(Result):
    """Days that may come: drawn around a forecast, and the few that say most.

    Attributes
    ----------
    net_name, fingerprint : str
        The net that they were drawn for, and the hash of its electrical content.
    drawn : pandas.DataFrame
        Index ``(scenario, period)``, columns ``(table, column, index)``: every scenario that was drawn, all equally
        probable [MW]. A period is the row of the profiles.
    kept : pandas.DataFrame
        Index ``scenario`` (counted from 0); ``drawn`` (its number among those drawn), ``probability``.
    nearest : pandas.DataFrame
        Index: number of a drawn scenario; ``kept``: the kept one that has taken its probability.
    distance, distance_of_one : float
        Kantorovich distance between the kept scenarios and all drawn ones; the same of a single kept one [MW].
    forecast : pandas.DataFrame
        Index ``period``, columns as in `drawn`: what the scenarios lie around [MW].
    sources : pandas.DataFrame
        One row a varying generator, index ``sgen``: ``name``, ``type``, ``rated_mw`` [MW], ``sigma_percent`` [%],
        ``proportional`` (errors in percent of the forecast, not of the rating).
    fleets : pandas.DataFrame
        Index ``(run, period)``, columns: indices of net.load: load of each Monte Carlo run of the vehicles [MW].
    vehicles : pandas.DataFrame
        One row a load with vehicles, index ``load``: ``name``, ``vehicles``, ``mwh`` (mean of the runs, horizon).
    hours_per_period, start_hour : float
        Length of a period, and clock hour at which the first begins [h].
    times : pandas.DataFrame
        Index ``period``; ``begins``, ``clock_hour`` [h].
    options, notes, versions
        What all results have.
    """

    net_name: str
    fingerprint: str
    drawn: pd.DataFrame
    kept: pd.DataFrame
    nearest: pd.DataFrame
    distance: float
    distance_of_one: float
    forecast: pd.DataFrame
    sources: pd.DataFrame
    hours_per_period: float
    start_hour: float
    fleets: pd.DataFrame = field(default_factory=pd.DataFrame)
    vehicles: pd.DataFrame = field(default_factory=pd.DataFrame)
    times: pd.DataFrame = field(default_factory=pd.DataFrame)

    _form = "adnflex-scenarios-1"
    _kind, _writer = "scenario", "adnflex scenarios"

    @property
    def periods(self) -> list[int]:
        """Rows of the profiles, in order."""
        return [int(t) for t in self.forecast.index]

    @property
    def few(self) -> ScenarioSet:
        """The kept scenarios with their probabilities, as `adnflex.dispatch` takes them."""
        return self._set(self.kept["drawn"].to_numpy(dtype=int), self.kept["probability"].to_numpy(dtype=float))

    @property
    def all(self) -> ScenarioSet:
        """Every drawn scenario, as `adnflex.out_of_sample` takes them."""
        count = self._count
        return self._set(np.arange(count), np.full(count, 1 / count))

    @property
    def _count(self) -> int:
        return len(self.drawn) // len(self.forecast)

    def _set(self, chosen: np.ndarray, probabilities: np.ndarray) -> ScenarioSet:
        values = self.drawn.to_numpy(dtype=float).reshape(self._count, len(self.forecast), -1)[chosen]
        keys: dict[Key, list[int]] = {}
        for place, (table, column, _) in enumerate(self.drawn.columns):
            keys.setdefault((str(table), str(column)), []).append(place)
        elements = {key: tuple(int(self.drawn.columns[k][2]) for k in places) for key, places in keys.items()}
        return ScenarioSet(probabilities, {key: values[:, :, places] for key, places in keys.items()}, elements)

    @property
    def headline(self) -> dict[str, str]:
        """How many, of what, and how near the kept ones are."""
        found = {"drawn": f"{self._count} × {len(self.forecast)} periods", "kept": str(len(self.kept))}
        found["distance"] = f"{self.distance:.4g} MW (of one: {self.distance_of_one:.4g} MW)"
        if len(self.vehicles):
            found["vehicles"] = f"{int(self.vehicles['vehicles'].sum())}"
        return found

    def _lines(self) -> list[str]:
        told = ", ".join(f"{p:.3f}" for p in self.kept["probability"])
        lines = [
            f"{self.net_name}: {self._count} scenarios of {len(self.forecast)} periods, {len(self.kept)} kept, "
            f"Kantorovich distance {self.distance:.4g} MW (a single one: {self.distance_of_one:.4g} MW)",
            f"probabilities: {told}",
        ]
        lines += [
            f"sgen {i}: {'wind or sun' if not row.type else row.type}, rated {row.rated_mw:g} MW, sigma "
            f"{row.sigma_percent:g} % of the {'forecast' if row.proportional else 'rating'}"
            for i, row in self.sources.iterrows()
        ]
        lines += [
            f"load {i}: {int(row.vehicles)} vehicles, {row.mwh:.4g} MWh in the mean of the runs"
            for i, row in self.vehicles.iterrows()
        ]
        return lines
