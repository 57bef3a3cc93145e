"""Indices of reliability: how often and how long customers are without supply, by load point and for the system."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from adnflex.results.base import Result


@dataclass(frozen=True, repr=False, eq=False)
class ReliabilityIndices(Result):
    """How often and how long customers are without supply, as outages, repair and switching have it.

    Attributes
    ----------
    saifi : float
        Interruptions a customer and year.
    saidi_hours : float
        Hours without supply a customer and year [h].
    caidi_hours : float
        Hours an interruption [h]; NaN where there is none.
    asui : float
        Share of the time without supply.
    ens_mwh : float
        Energy not supplied a year [MWh].
    aens_kwh : float
        The same a customer [kWh].
    load_points : pandas.DataFrame
        One row a load in service that has supply, index ``load``: ``bus``, ``name``, ``customers``, ``average_mw``
        [MW], ``interruptions_per_year``, ``hours_per_year`` [h], ``hours_per_interruption`` [h] and ``ens_mwh`` [MWh]
        a year.
    outages : pandas.DataFrame
        One row an outage: ``element``, ``index``, ``failures_per_year``, ``repair_hours``, ``switching_hours`` [h],
        ``assumed`` (columns that the net does not have, so that a default stands), ``customers_interrupted``,
        ``customers_waiting`` (until the repair), and what it adds to the indices: ``saifi``, ``saidi_hours`` [h],
        ``ens_mwh`` [MWh].
    options, notes, versions
        What all results have.
    """

    saifi: float
    saidi_hours: float
    caidi_hours: float
    asui: float
    ens_mwh: float
    aens_kwh: float
    load_points: pd.DataFrame
    outages: pd.DataFrame

    _form = "adnflex-reliability-1"

    @property
    def headline(self) -> dict[str, str]:
        """The indices with their units."""
        return {
            "SAIFI": f"{self.saifi:.4g} per customer and year",
            "SAIDI": f"{self.saidi_hours:.4g} h",
            "CAIDI": f"{self.caidi_hours:.4g} h",
            "ENS": f"{self.ens_mwh:.5g} MWh a year",
        }
