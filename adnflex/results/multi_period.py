"""A reconfiguration of many periods: the `MultiPeriodPlan`, with its bound, and the `MultiPeriodCheck`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from adnflex.arguments import public
from adnflex.results.base import Answer, Verdict, applied
from adnflex.results.scope import looked_at
from adnflex.results.status import told_status

if TYPE_CHECKING:
    from pandapower import pandapowerNet


@dataclass(frozen=True, repr=False, eq=False)
class MultiPeriodPlan(Answer):
    """Radial switch states for many periods, one set a window, with the bound that says how good they can be.

    Attributes
    ----------
    net_name, fingerprint, asked_limits, solver, seconds, topology, coordinates, options, notes, versions
        What all answers have (see `adnflex.results.base.Answer`).
    objective, bound : float
        What is minimised of the losses, and the price of the operations, and its proven lower bound [`unit`].
    gap : float
        ``(objective - bound) / |objective|``.
    status : str
        ``optimal`` (the gap asked for is reached), ``gap``, ``time_limit``, ``interrupted`` or ``unproven``.
    energy_mwh, energy_before_mwh : float
        Energy lost over the horizon, each period as often as it counts, with the plan and with the present switch
        states [MWh]; NaN where these have no power flow solution.
    switches : pandas.DataFrame
        As `Plan.switches`, one block a topology, with ``first_period``.
    topologies : pandas.DataFrame
        One row a topology, index ``first_period``: ``last_period``, ``periods``, ``hours`` [h], ``operations`` (from
        the one before), ``energy_mwh`` [MWh], ``open`` (names of the open branches).
    periods : pandas.DataFrame
        Index ``period``: ``begins``, ``weight``, ``loss_mw``, ``loss_before_mw`` (present states),
        ``loss_peak_mw`` (the states that are best in the period of highest losses) [MW], ``loss_cost_per_mwh``
        [currency/MWh] and ``co2_kg_per_mwh`` [kg/MWh] of energy lost, where they are known, ``violation``,
        ``violation_before``, ``violation_peak`` (sum of violated voltage limits [pu] and relative overloads),
        ``topology`` (its first period).
    critical_periods : pandas.DataFrame
        Index ``period``: ``kind``, ``element``, ``index``, ``value``, ``limit``, ``margin``, ``unit``: where each kind
        of limit is nearest.
    infeasible_periods : pandas.DataFrame
        Index ``period``: ``violation`` that is left in the plan; empty where every limit is met.
    value_of_switching : pandas.DataFrame
        Index ``operations``, of the best plan found with at most so many: ``energy_mwh``, ``saving_mwh`` (against the
        present states) [MWh], ``objective``, ``saving``, ``bound`` (-inf where nothing is proven), ``saving_at_most``
        (what no plan exceeds) [`unit`].
    setpoints : pandas.DataFrame
        What differs from the net by period; columns ``(table, column, index)``.
    hours_per_period : float
        Length of a period [h].
    operations : int
        Branches that change over the horizon.
    unit : str
        Of `objective` and `bound`: ``MWh``, the currency, or ``kg``.
    currency : str
        Of prices.
    situations : tuple of str
        Names of the periods, where they are named operating points.
    progress : pandas.DataFrame
        ``seconds``, ``incumbent``, ``bound``, ``event``.
    bound_kind : str
        What `bound` rests on.
    """

    objective: float
    bound: float
    gap: float
    status: str
    energy_mwh: float
    energy_before_mwh: float
    switches: pd.DataFrame
    topologies: pd.DataFrame
    periods: pd.DataFrame
    critical_periods: pd.DataFrame
    infeasible_periods: pd.DataFrame
    value_of_switching: pd.DataFrame
    setpoints: pd.DataFrame
    hours_per_period: float
    operations: int
    unit: str = "MWh"
    currency: str = "EUR"
    situations: tuple[str, ...] = ()
    progress: pd.DataFrame = field(default_factory=pd.DataFrame)
    bound_kind: str = "none"

    _form = "adnflex-multi-period-plan-1"

    @property
    def saving_mwh(self) -> float:
        """Energy saved against the present switch states [MWh]."""
        return self.energy_before_mwh - self.energy_mwh

    def _worth(self, column: str, loss: str) -> float | None:
        """Multiply what is lost by what it is worth; None where that is not known."""
        if column not in self.periods:
            return None
        table = self.periods[["weight", column, loss]].astype(float)
        table = table[table["weight"] > 0]
        return float(table.prod(axis=1, skipna=False).sum(skipna=False) * self.hours_per_period)

    @property
    def cost(self) -> float | None:
        """What the losses cost [currency]; None where no price is known."""
        return self._worth("loss_cost_per_mwh", "loss_mw")

    @property
    def cost_before(self) -> float | None:
        """What they cost with the present switch states [currency]."""
        return self._worth("loss_cost_per_mwh", "loss_before_mw")

    @property
    def saving_cost(self) -> float | None:
        """Money saved against the present switch states, without the price of operations [currency]."""
        before, after = self.cost_before, self.cost
        return None if before is None or after is None else before - after

    @property
    def carbon_kg(self) -> float | None:
        """What the losses emit [kg]; None where no emission factor is known."""
        return self._worth("co2_kg_per_mwh", "loss_mw")

    @property
    def carbon_before_kg(self) -> float | None:
        """What they emit with the present switch states [kg]."""
        return self._worth("co2_kg_per_mwh", "loss_before_mw")

    @property
    def saving_carbon_kg(self) -> float | None:
        """Emission saved against the present switch states [kg]."""
        before, after = self.carbon_before_kg, self.carbon_kg
        return None if before is None or after is None else before - after

    @property
    def gap_absolute(self) -> float:
        """``objective - bound`` [`unit`]; inf where there is no bound."""
        return max(self.objective - self.bound, 0.0)

    @property
    def gap_mwh(self) -> float:
        """``objective - bound`` where energy is minimised [MWh]; NaN where money or carbon is."""
        return self.gap_absolute if self.unit == "MWh" else math.nan

    @property
    def headline(self) -> dict[str, str]:
        """Status, energy, bound and gap, saving, operations."""
        found = {"": self.status, "losses": f"{self.energy_mwh:.6g} MWh"}
        if math.isfinite(self.bound):
            told = f"{self.gap:.4%} ({self.gap_absolute:.4g} {self.unit})"
            found |= {"bound": f"{self.bound:.6g} {self.unit}", "gap": told}
        return {
            **found,
            "saved": self._saved,
            "topologies": str(len(self.topologies)),
            "operations": str(self.operations),
        }

    @property
    def _saved(self) -> str:
        """What is saved, in every unit that is known."""
        named = ((self.saving_mwh, "MWh"), (self.saving_cost, self.currency), (self.saving_carbon_kg, "kg CO2"))
        return ", ".join(f"{value:.6g} {unit}" for value, unit in named if value is not None)

    @public()
    def apply(self, net: pandapowerNet, period: int | str | None = None) -> pandapowerNet:
        """Return a copy of `net` as it stands in a period: its powers and switch states; `net` itself is untouched.

        Parameters
        ----------
        net : pandapowerNet
            The net.
        period : int or str, optional
            A period, or the name of a situation; by default the first one.

        Raises
        ------
        InputError
            If the net is another one, or there is no such period.
        """
        label = self.situations.index(period) if isinstance(period, str) and period in self.situations else period
        label = self.setpoints.index[0] if label is None else label
        return applied(net, self.fingerprint, self.setpoints, label, self.switches)  # type: ignore[arg-type]

    def _lines(self) -> list[str]:
        known = math.isfinite(self.bound)
        unit = self.unit
        bound = f"bound {self.bound:.6g} {unit}, gap {self.gap:.4%} ({self.gap_absolute:.4g} {unit})"
        bound = bound if known else "no bound"
        lines = [
            f"{self.net_name}: {told_status(self.status)}, {len(self.periods)} periods of {self.hours_per_period:g} h, "
            f"objective {self.objective:.6g} {unit}, {bound}",
            f"losses {self.energy_before_mwh:.6g} MWh -> {self.energy_mwh:.6g} MWh with {self.operations} switching "
            f"operations in {self.seconds:.1f} s; saved {self._saved}",
        ]
        lines += [f"from period {first}: open {row['open']}" for first, row in self.topologies.iterrows()]
        return lines


@dataclass(frozen=True, repr=False, eq=False)
class MultiPeriodCheck(Verdict):
    """What full AC power flow says of a plan for many periods.

    Attributes
    ----------
    passed : bool
        Whether every period converged, is radial and supplied, and meets every limit.
    verdict : str
        One sentence for the reader.
    energy_mwh, objective : float
        As they truly run [MWh], and in the plan's unit.
    certificate, certificate_absolute : float or None
        ``(objective - bound) / |objective|`` and ``objective - bound`` in the plan's unit; None unless `passed`.
    violations : pandas.DataFrame
        As `DispatchCheck.violations`, by ``period``.
    limits : pandas.DataFrame
        One row a kind of limit with its worst place and period.
    periods : pandas.DataFrame
        Index ``period``: ``converged``, ``losses_mw``, ``losses_model_mw`` [MW], ``vm_min_pu``, ``vm_min_bus``,
        ``vm_max_pu``, ``vm_max_bus``, ``loading_percent``, ``loading_element``, ``loading_index``, ``violations``,
        ``judge`` (who solved its power flow).
    deviation_mwh : float
        Largest difference between the plan's losses and those of power flow in a period [MWh].
    """

    energy_mwh: float
    objective: float
    certificate: float | None
    certificate_absolute: float | None
    violations: pd.DataFrame
    limits: pd.DataFrame
    periods: pd.DataFrame
    deviation_mwh: float

    @property
    def scope(self) -> str:
        """What was looked at: every period, and the kinds of limits."""
        return looked_at(f"{len(self.periods)} operating points", self.limits)

    _form = "adnflex-multi-period-check-1"
