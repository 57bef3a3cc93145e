"""What a MWh that is lost is worth, period by period: itself, money, or carbon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.knobs import Gathered
from adnflex.study.facts import settings, study_facts

# What may be minimised of many periods.
OBJECTIVES = ("losses", "cost", "carbon")

_Values = Mapping[tuple[str, str], FloatArray]


@dataclass(frozen=True)
class LossPrices(Gathered):
    """What a caller says of the worth of losses; the names are those of the arguments.

    Attributes
    ----------
    objective : str
        ``losses`` [MWh], ``cost`` [money] or ``carbon`` [kg].
    loss_cost_per_mwh, co2_kg_per_mwh : float, array or None
        Price [money/MWh] and emission [kg/MWh] of energy lost; None: those of the net.
    carbon_price_per_kg : float or None
        Price of an emission [money/kg], part of the cost; None: that of the net.
    """

    objective: Any = "losses"
    loss_cost_per_mwh: Any = None
    co2_kg_per_mwh: Any = None
    carbon_price_per_kg: float | None = None


@dataclass(frozen=True)
class Worth:
    """What a MWh lost is worth.

    Attributes
    ----------
    objective : str
        What is minimised.
    currency : str
        Of the prices.
    price, carbon : (T,) array or None
        Money [currency/MWh], a price of carbon included, and emission [kg/MWh]; None: not known.
    """

    objective: str
    currency: str
    price: FloatArray | None
    carbon: FloatArray | None

    @property
    def unit(self) -> str:
        """Unit of the objective."""
        return {"losses": "MWh", "cost": self.currency, "carbon": "kg"}[self.objective]

    @property
    def of_objective(self) -> FloatArray | float:
        """What is minimised of a MWh lost, by period."""
        found = {"losses": 1.0, "cost": self.price, "carbon": self.carbon}[self.objective]
        assert found is not None  # it was asked for as it was read
        return found

    @property
    def columns(self) -> dict[str, FloatArray]:
        """What is known, as columns of a table of periods."""
        named = {"loss_cost_per_mwh": self.price, "co2_kg_per_mwh": self.carbon}
        return {name: values for name, values in named.items() if values is not None}


def read_worth(net: pandapowerNet, asked: LossPrices, values: _Values, count: int) -> tuple[Worth, list[str]]:
    """Read what losses are worth; also notes of where it is from.

    Parameters
    ----------
    net : pandapowerNet
        The net: prices may stand in ``net.study`` or with its external grids.
    asked : LossPrices
        What the caller says, which counts first.
    values : mapping
        Values of the external grids by period, as `adnflex.study.read_series` reads them.
    count : int
        Number of periods.

    Raises
    ------
    InputError
        If a price is wrong, or one is missing that is asked for.
    """
    facts = settings(net, {"carbon_price_per_kg": asked.carbon_price_per_kg})
    faults: list[str] = []
    notes: list[str] = []
    price = _by_period("loss_cost_per_mwh", asked.loss_cost_per_mwh, count, faults)
    if price is None and "loss_cost_per_mwh" in study_facts(net):
        price = np.full(count, float(facts["loss_cost_per_mwh"]))
    if price is None and (price := _of_sources(net, values, "price_per_mwh", count)) is not None:
        notes.append("losses cost what the external grid's energy costs, ext_grid.price_per_mwh.")
    carbon = _by_period("co2_kg_per_mwh", asked.co2_kg_per_mwh, count, faults)
    if carbon is None and (carbon := _of_sources(net, values, "co2_kg_per_mwh", count)) is not None:
        notes.append("losses emit what the external grid's energy emits, ext_grid.co2_kg_per_mwh.")
    charge = float(facts["carbon_price_per_kg"])
    if charge and carbon is not None:
        price = (0.0 if price is None else price) + charge * carbon
    elif charge and asked.carbon_price_per_kg:
        faults.append("carbon_price_per_kg: the emission of losses is not known; give co2_kg_per_mwh.")
    if not faults:  # else what is missing may be what was not understood
        _require(asked.objective, price, carbon, faults)
    if faults:
        raise InputError(faults)
    return Worth(asked.objective, str(facts["currency"]), price, carbon), notes


def _require(objective: str, price: FloatArray | None, carbon: FloatArray | None, faults: list[str]) -> None:
    """Refuse an objective that is not known, not there, or zero whatever is decided, and one that pays for losses."""
    missing = (
        "give loss_cost_per_mwh or co2_kg_per_mwh, one number or one for each period, or the same of every ext_grid."
    )
    for name, known, unit in (("cost", price, "money/MWh"), ("carbon", carbon, "kg/MWh")):
        if objective != name:
            continue
        if known is None:
            faults.append(f"objective is {name!r}, and what losses are worth is not known; {missing}")
            continue
        if not known.any():
            faults.append(f"objective is {name!r}, and it is 0 in every period, so that nothing counts; {missing}")
        below = np.flatnonzero(known < 0)
        if len(below):
            t = int(below[0])
            faults.append(
                f"objective is {name!r}, and it is below 0 in {len(below)} of {len(known)} periods, first in period "
                f"{t} with {known[t]:g} {unit}: to waste energy would pay there, which bounds nothing; give 0 there."
            )


def _by_period(name: str, given: Any, count: int, faults: list[str]) -> FloatArray | None:
    """Values by period from one number, or one for each."""
    if given is None:
        return None
    values = np.asarray(given, dtype=float).ravel()
    if len(values) not in (1, count):
        faults.append(f"{name}: are {len(values)}, and there are {count} periods; give one number, or one for each.")
        return None
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        faults.append(f"{name}: that of period {bad[0]} is {values[bad[0]]:g}; give finite numbers.")
        return None
    return np.broadcast_to(values, count).copy()


def _of_sources(net: pandapowerNet, values: _Values, column: str, count: int) -> FloatArray | None:
    """Value by period of all external grids in service; None where they differ or one has none."""
    known = values.get(("ext_grid", column))
    here = net.ext_grid["in_service"].to_numpy(dtype=bool)
    if known is None or not here.any():
        return None
    mine = known[:, here]
    if not np.isfinite(mine).all() or (mine != mine[:, :1]).any():
        return None
    return np.asarray(np.broadcast_to(mine[:, 0], count).copy())


def worth_by_period(periods: pd.DataFrame, objective: str) -> FloatArray:
    """Return what is minimised of a MWh lost, from the table of a plan's periods."""
    column = {"cost": "loss_cost_per_mwh", "carbon": "co2_kg_per_mwh"}.get(objective)
    return np.ones(len(periods)) if column is None else periods[column].to_numpy(dtype=float)
