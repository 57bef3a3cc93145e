"""Rolling schedules: the `RollingRun` of a day, and the AC truth about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from adnflex.arguments import public
from adnflex.errors import InputError
from adnflex.results.base import Result, Verdict, applied
from adnflex.results.scope import looked_at
from adnflex.results.status import told_status

if TYPE_CHECKING:
    from pandapower import pandapowerNet


ITEMS = ("purchase", "storage", "ev_profit", "ev_subsidy", "solar", "wind")


@dataclass(frozen=True, repr=False, eq=False)
class RollingRun(Result):
    """A day of a rolling schedule.

    Tables *by hour* have the index ``hour`` (0-based); their columns name elements of the net. Powers are the mean of
    the hour.

    Attributes
    ----------
    case_name, policy : str
        Name of the case and of the policy.
    seed, day : int
        Seed of the run and number of the day.
    currency : str
        Unit of money.
    costs : pandas.DataFrame
        Index ``item``: ``purchase``, ``storage`` (wear), ``ev_profit`` (negative: paid by vehicles), ``ev_subsidy``,
        ``solar``, ``wind``, and ``total``, their sum; ``cost`` [currency].
    stored_value : float
        Value of what is stored at the end above the least, not part of the total [currency].
    actions : pandas.DataFrame
        By hour; columns ``(quantity, bus)``: ``generation_mw``, ``ev_mw``, ``ev_must_mw``, ``ev_can_mw`` (elastic
        capacity), ``storage_mw`` (charge positive).
    storage : pandas.DataFrame
        By hour; columns ``(quantity, storage)``: ``p_mw`` (charge positive), ``e_mwh`` (at the end of the hour).
    ev : pandas.DataFrame
        By hour; columns ``(quantity, load)``: ``p_mw``, ``must_mw``, ``can_mw``, ``vehicles`` (count).
    vehicles : pandas.DataFrame
        One row a vehicle: ``load``, ``vehicle``, ``arrival``, ``departure`` [h], ``need_kwh``, ``max_kwh``,
        ``p_max_mw``, ``given_kwh``, ``unmet_kwh``.
    charging : pandas.DataFrame
        By hour; columns ``(load, vehicle)``: power of each vehicle [MW].
    exchange : pandas.DataFrame
        By hour; columns ``(quantity, bus)``: ``import_mw``, ``export_mw``, ``buy_mw``, ``spill_mw``.
    reactive : pandas.DataFrame
        By hour; columns: sgens of the second stage, reactive injection [Mvar]; empty without one.
    vm_pu : pandas.DataFrame
        By hour; columns: buses; voltages of the second stage [pu]; empty without one.
    reactive_facts : pandas.DataFrame
        By hour; what else the second stage says.
    cone_gap : pandas.DataFrame
        By hour; columns ``(element, index)``; relative slack of each branch's cone in the second stage, the largest of
        its scenarios. Where it is not nearly zero, exact power flow decided (``recovered`` of `reactive_facts`).
    decision_seconds : pandas.DataFrame
        By hour; ``active`` and ``reactive`` [s].
    generation : pandas.DataFrame
        By hour; columns: sgens; available sun and wind [MW].
    setpoints : pandas.DataFrame
        By hour; columns ``(table, column, index)``: everything that is written into the net, with load, sun and wind as
        expected. Empty in days of a comparison.
    inputs : dict
        What a check has to know: the net's fingerprint, prices [currency/MWh], limits of exchange and storages.
    status : str
        ``complete``, or ``time_limit`` where the later hours of the day were not reached.
    fallbacks : pandas.DataFrame
        Index ``hour``, the hours in which a solver gave the policy no answer: ``policy``, the base policy that decided
        them, and ``why``.
    options, versions, notes
        As in `adnflex.DispatchPlan`.
    """

    case_name: str
    policy: str
    seed: int
    day: int
    currency: str
    costs: pd.DataFrame
    stored_value: float
    actions: pd.DataFrame
    storage: pd.DataFrame
    ev: pd.DataFrame
    vehicles: pd.DataFrame
    charging: pd.DataFrame
    exchange: pd.DataFrame
    reactive: pd.DataFrame
    vm_pu: pd.DataFrame
    reactive_facts: pd.DataFrame
    decision_seconds: pd.DataFrame
    cone_gap: pd.DataFrame = field(default_factory=pd.DataFrame)
    generation: pd.DataFrame = field(default_factory=pd.DataFrame)
    inputs: dict[str, Any] = field(default_factory=dict)
    setpoints: pd.DataFrame = field(default_factory=pd.DataFrame)
    status: str = "complete"
    fallbacks: pd.DataFrame = field(default_factory=pd.DataFrame)

    _form = "adnflex-rolling-run-1"
    _rows: ClassVar[dict[str, tuple[str, ...]]] = {"costs": (*ITEMS, "total")}

    @property
    def title(self) -> str:
        """Name of the case."""
        return self.case_name

    @property
    def headline(self) -> dict[str, str]:
        """Status, policy, day, cost."""
        day = {"": self.status, "policy": self.policy, "day": f"{self.day} of seed {self.seed}"}
        return {**day, "cost": f"{self.objective:,.2f} {self.currency}"}

    @property
    def total(self) -> float:
        """Sum of the cost items [currency]."""
        return float(self.costs.at["total", "cost"])

    @property
    def objective(self) -> float:
        """Total cost less the value of what is stored at the end [currency]: what policies are compared by."""
        return self.total - self.stored_value

    @public()
    def apply(self, net: pandapowerNet, hour: int) -> pandapowerNet:
        """Return a copy of `net` with all set-points of an hour, load, sun and wind as expected; `net` is untouched.

        Parameters
        ----------
        net : pandapowerNet
            The net that the schedule was made for.
        hour : int
            A row of `setpoints`.

        Raises
        ------
        InputError
            If the net is another one, there is no such hour, or the day is one of a comparison.
        """
        return applied(net, self._fingerprint(), self.setpoints, hour)

    @public()
    def to_timeseries(self, net: pandapowerNet) -> pandapowerNet:
        """Return a copy of `net` with the day as a pandapower time series, as `DispatchPlan.to_timeseries` does."""
        from adnflex.grid.identity import require_same
        from adnflex.grid.time_series import with_time_series

        require_same(net, self._fingerprint())
        return with_time_series(net, self.setpoints)

    def _fingerprint(self) -> str:
        if not len(self.setpoints):
            raise InputError(
                "the day has no set-points, as days of a comparison have none; run it by schedule_rolling."
            )
        return str(self.inputs["fingerprint"])

    def summary(self) -> str:
        """Return a few lines for the terminal."""
        seconds = self.decision_seconds["active"]
        bought, spilled = (
            float(self.exchange[q].to_numpy().sum()) if q in self.exchange else 0.0 for q in ("buy_mw", "spill_mw")
        )
        ended = "" if self.status == "complete" else f", {told_status(self.status)}"
        lines = [
            f"{self.case_name}: {self.policy}, day {self.day} of seed {self.seed}{ended}, total {self.total:,.2f} "
            f"{self.currency}, {bought:.3f} MWh bought, {spilled:.3f} MWh spilled",
            "costs: " + ", ".join(f"{item} {self.costs.at[item, 'cost']:,.2f}" for item in ITEMS),
            f"vehicles: {len(self.vehicles)}, {self.vehicles['given_kwh'].sum():,.1f} kWh, "
            f"unmet {self.vehicles['unmet_kwh'].sum():,.3g} kWh",
            f"decisions: {1e3 * seconds.mean():.2f} ms, {1e3 * seconds.max():.2f} ms at most",
        ]
        if self.stored_value:
            lines.append(f"value of what is stored at the end: {self.stored_value:,.2f} {self.currency}")
        lines.extend(f"note: {note}" for note in self.notes)
        return "\n".join(lines)


@dataclass(frozen=True, repr=False, eq=False)
class RollingCheck(Verdict):
    """The AC truth about a `RollingRun`.

    Every hour is run as it really comes: a fresh draw of load, sun and wind that no stage has seen. *Without* is the
    same hour with the reactive power of the net as given.

    Attributes
    ----------
    passed : bool
        Whether power flow converges, every limit is met in it, the set-points keep the limits of the devices, and the
        costs are those of the set-points.
    verdict : str
        The same in a sentence.
    converged : bool
        Whether all power flows converged.
    hours : pandas.DataFrame
        By hour; ``loss_mw``, ``vm_min_pu``, ``vm_max_pu``, ``deviation_pu`` (mean of ``|V - 1|`` over the buses),
        ``violating_buses``, ``import_mw`` (at the sources), each also with ``_without`` before its unit or behind.
    vm_pu, vm_without_pu : pandas.DataFrame
        By hour; columns: buses [pu].
    limits : pandas.DataFrame
        One row a kind of limit with its worst place: ``kind``, ``checked``, ``hour``, ``element``, ``index``,
        ``value``, ``limit``, ``margin``, ``unit``.
    violations : pandas.DataFrame
        Every violated limit: ``hour``, ``kind``, ``element``, ``index``, ``value``, ``limit``, ``excess``, ``unit``.
    faults : pandas.DataFrame
        Limits of devices and of the settlement that the set-points break, columns as `violations`.
    deviations : pandas.DataFrame
        Second stage against AC in the expected hour: ``quantity``, ``max_abs``, ``unit``, ``hour``, ``element``,
        ``index``; empty without a second stage.
    costs : pandas.DataFrame
        Index ``item``; ``cost`` of the run, ``recomputed`` from the set-points, ``difference`` [currency].
    options, versions, notes
        As in `adnflex.DispatchPlan`.
    """

    converged: bool
    hours: pd.DataFrame
    vm_pu: pd.DataFrame
    vm_without_pu: pd.DataFrame
    limits: pd.DataFrame
    violations: pd.DataFrame
    faults: pd.DataFrame
    deviations: pd.DataFrame
    costs: pd.DataFrame

    _form = "adnflex-rolling-check-1"

    @property
    def scope(self) -> str:
        """What was looked at: every hour as it came, and the kinds of limits."""
        return looked_at(f"{len(self.hours)} hours, each as it came", self.limits)

    @property
    def violating_bus_hours(self) -> int:
        """Number of hours, over all buses, that are outside the voltage limits."""
        return int(self.hours["violating_buses"].sum())

    @property
    def violating_bus_hours_without(self) -> int:
        """The same without the second stage."""
        return int(self.hours["violating_buses_without"].sum())

    def _more(self) -> list[str]:
        h, lines = self.hours, []
        for label, tail in (("with reactive power", ""), ("without", "_without")):
            count = int(h[f"violating_buses{tail}"].sum())
            lines.append(
                f"{label}: losses {1e3 * h[f'loss{tail}_mw'].sum():,.0f} kWh, mean |V - 1| "
                f"{h[f'deviation{tail}_pu'].mean():.4f} pu, voltages {h[f'vm_min{tail}_pu'].min():.4f} to "
                f"{h[f'vm_max{tail}_pu'].max():.4f} pu, {count} bus-hours outside limits"
            )
        lines += [
            f"model against AC: {row['quantity']} {row['max_abs']:.2g} {row['unit']} at most"
            for _, row in self.deviations.iterrows()
        ]
        off = float(self.costs["difference"].abs().max())
        return [*lines, f"costs recomputed from the set-points: off by {off:.2g} at most"]
