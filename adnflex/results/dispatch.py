"""A day of dispatch: the `DispatchPlan`, every set-point with its bound."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from adnflex.arguments import public
from adnflex.errors import InputError
from adnflex.grid.switch_tables import open_branches
from adnflex.results.base import Answer, applied
from adnflex.results.status import NO_RECOVERY, told_status
from adnflex.results.uncertainty import uncertainty_lines

if TYPE_CHECKING:
    from pandapower import pandapowerNet


@dataclass(frozen=True, repr=False, eq=False)
class DispatchPlan(Answer):
    """Set-points of every device in every period, and of every scenario where there are several.

    Tables *by period* have the index ``period`` (0-based row of the time index) and, where the plan has several
    scenarios, the index ``(scenario, period)``; `of` returns one scenario of any of them, indexed by period.

    Attributes
    ----------
    objective, bound : float
        Expected cost of the horizon as the model has it, and the proven lower bound [currency]; with
        ``objective="carbon"`` both are emissions [kg].
    gap : float
        ``(objective - bound) / |objective|``.
    status : str
        ``optimal`` (the gap asked for is reached), ``gap`` (ended above it, e.g. because the relaxation is loose),
        ``time_limit``, ``interrupted``, ``unproven`` (the solver failed: a plan without a bound) or ``not_passed``
        (the set-points fail their own AC check, and are no answer; see `notes`).
    currency : str
        Unit of money, e.g. ``EUR``.
    hours_per_period : float
        Length of a period [h].
    start_hour : float
        Clock hour at which the first period begins [h].
    times : pandas.DataFrame
        Index ``period``; ``begins`` (date and time as the series have them; empty where they have none),
        ``clock_hour`` [h].
    scenarios : pandas.DataFrame
        Index ``scenario``; ``probability``.
    costs : pandas.DataFrame
        Index ``item`` (``purchase``, ``losses``, ``carbon``, ``generation`` ...); ``cost`` (expected) [currency]. The
        rows add up to `objective`.
    scenario_costs : pandas.DataFrame
        Index ``scenario``, columns the same items [currency].
    energy : pandas.DataFrame
        Index ``quantity`` (``imported``, ``exported``, ``losses``, ``load``, ``available``, ``used``, ``curtailed``);
        ``mwh`` (expected). And ``carbon`` in `carbon_kg`.
    carbon_kg : float
        Expected emissions of the imported energy [kg].
    balance : pandas.DataFrame
        By period; ``grid_mw``, ``grid_mvar`` (import positive), ``load_mw`` (all rigid and flexible load without
        electric vehicles), ``ev_mw``, ``must_take_mw`` (uncontrollable generation), ``available_mw``, ``used_mw``
        (controllable generation), ``charge_mw``, ``discharge_mw``, ``losses_mw``, ``price`` [currency/MWh].
    setpoints : pandas.DataFrame
        By period; columns ``(table, column, index)``: every value that is written into the net before a power flow,
        e.g. ``("sgen", "p_mw", 3)``, ``("trafo", "tap_pos", 0)``, ``("shunt", "step", 1)``.
    inputs : pandas.DataFrame
        By period; columns ``(table, column, index)``: the series that the plan was made for (what is available, what is
        wanted, prices), in the net's own units before `scaling`.
    taps : pandas.DataFrame
        Index ``period``; columns ``(table, index)``, table ``trafo`` or ``ext_grid``: tap positions.
    source_vm_pu : pandas.DataFrame
        By period; columns ``(table, index)``, table ``ext_grid`` or ``gen``: voltages of sources where they are chosen
        [pu].
    capacitor_steps : pandas.DataFrame
        Index ``period``; columns: shunt indices; steps in service.
    bank_mvar : pandas.DataFrame
        By period; columns: shunt indices; reactive power that switched banks feed in [Mvar].
    storage : pandas.DataFrame
        By period; columns ``(quantity, index)`` with ``charge_mw``, ``discharge_mw``, ``q_mvar`` (drawn is positive),
        ``e_mwh`` (at the end of the period).
    ev : pandas.DataFrame
        By period; columns ``(quantity, index)`` with ``before_mw``, ``after_mw``, ``block_mw`` (the transferable block
        where it now stands), ``block_before_mw``, ``reduced_mw``.
    generation : pandas.DataFrame
        By period; columns ``(quantity, index)`` of controllable sgens: ``available_mw``, ``p_mw``, ``q_mvar``.
    decisions : pandas.DataFrame
        What is decided for all scenarios: ``table``, ``index``, ``name`` (``position:t``, ``start:day``, ``cut:t``,
        ``mode:t``; t counts from 0), ``value``. `adnflex.dispatch` with ``follow=`` keeps them.
    switches : pandas.DataFrame
        One row a switchable branch and block of periods, as `Plan.switches` with ``first_period``; empty where the
        topology is given.
    converters : pandas.DataFrame
        By period; columns ``(quantity, index)`` of net.dcline: ``p_from_mw``, ``p_to_mw``, ``q_from_mvar``,
        ``q_to_mvar`` (drawn at both ends, as in ``res_dcline``) and ``loss_mw``, which counts as a loss of the network.
    devices : pandas.DataFrame
        One row a device that was dispatched: ``kind`` (``tap changer``, ``capacitor bank``, ``storage``, ``electric
        vehicles``, ``vehicles``, ``generation``, ``reactive source``, ``flexible load``, ``soft open point``, ``source
        voltage``),
        ``table``, ``index``, ``name``, ``bus``, and for those that move ``moves``, ``max_moves`` (a day; NaN: none),
        ``initial``, ``low``, ``high`` (positions, steps; of a storage MWh, of a source pu).
    vm_pu : pandas.DataFrame
        By period; columns: pandapower buses; the model's voltages [pu].
    loading_percent : pandas.DataFrame
        By period; columns ``(element, index)``; the model's loading of lines and transformers [%].
    i_ka : pandas.DataFrame
        By period; columns ``(element, index)``; the model's current of lines (at the end where it is larger) and
        transformers (on their upper side), as pandapower has it [kA].
    load_mw, load_mvar : pandas.DataFrame
        By period; columns: pandapower buses with loads; what they draw there, vehicles included [MW, Mvar].
    cone_gap : pandas.DataFrame
        By period; columns ``(element, index)``; relative slack of the cone in the plain relaxation.
    recovery : pandas.DataFrame
        By period; ``gap`` (largest cone gap of the plain relaxation), ``invented_kw`` (loss it invents), ``method``
        (``none needed``, ``margin``, ``priced loss``, ``sequential``, ``LinDistFlow cap``, ``exact``; ``exact power
        flow`` where the plain relaxation is loose but its set-points hold as they are; ``present state`` where nothing
        better was found than to do nothing): whose values are shown. NaN where the relaxation gave no point.
    relaxation_vm_pu, relaxation_loading_percent, relaxation_balance : pandas.DataFrame
        What the plain relaxation itself says: as `vm_pu`, `loading_percent` and the columns ``grid_mw``,
        ``grid_mvar``, ``losses_mw`` of `balance`, which are those of exact power flow. Empty where it gave no point.
    bound_kind : str
        What `bound` rests on: ``optimum of distflow``, or ``relaxation of distflow without integers`` beside a
        formulation whose own optimum bounds nothing in AC.
    loss_gap : float or None
        Where switches are decided: ``(objective - bound)`` as a share of what the losses are worth in the objective.
        With these set-points no other switch states save a larger part of it. None where the losses are worth
        nothing there, or nothing is proven.
    loss_bound_mwh : float or None
        Where switches are decided: no set-points and switch states within the limits lose less, whatever they cost
        (expected, by the continuous relaxation with the losses as its objective) [MWh].
    own_objective, own_bound : float or None
        Of a model that its caller changed (``change=``): its objective in exact power flow, and the proven lower bound.
    value_of_stochastic_solution, value_of_perfect_information : float or None
        Where they were asked for [currency].
    wait_and_see, expected_value_cost : float or None
        The costs that the two are made of [currency].
    out_of_sample : pandas.DataFrame
        Where it was asked for, one row a fresh scenario in which the decisions were kept: ``probability``,
        ``feasible`` (None where neither a dispatch was found nor it is proven that there is none), ``passed`` (AC),
        ``cost`` (AC) [currency], ``violations``, ``verdict``.
    progress : pandas.DataFrame
        ``seconds``, ``incumbent``, ``bound``, ``event``.
    net_name, fingerprint, asked_limits, solver, seconds, topology, coordinates, options, notes, versions
        What all answers have (see `adnflex.results.base.Answer`).
    """

    objective: float
    bound: float
    gap: float
    status: str
    currency: str
    hours_per_period: float
    start_hour: float
    scenarios: pd.DataFrame
    costs: pd.DataFrame
    scenario_costs: pd.DataFrame
    energy: pd.DataFrame
    carbon_kg: float
    balance: pd.DataFrame
    setpoints: pd.DataFrame
    taps: pd.DataFrame
    capacitor_steps: pd.DataFrame
    storage: pd.DataFrame
    ev: pd.DataFrame
    generation: pd.DataFrame
    switches: pd.DataFrame
    devices: pd.DataFrame
    vm_pu: pd.DataFrame
    loading_percent: pd.DataFrame
    cone_gap: pd.DataFrame
    recovery: pd.DataFrame
    progress: pd.DataFrame
    value_of_stochastic_solution: float | None = None
    value_of_perfect_information: float | None = None
    wait_and_see: float | None = None
    expected_value_cost: float | None = None
    bound_kind: str = "optimum of distflow"
    out_of_sample: pd.DataFrame = field(default_factory=pd.DataFrame)
    inputs: pd.DataFrame = field(default_factory=pd.DataFrame)
    decisions: pd.DataFrame = field(default_factory=pd.DataFrame)
    times: pd.DataFrame = field(default_factory=pd.DataFrame)
    converters: pd.DataFrame = field(default_factory=pd.DataFrame)
    relaxation_vm_pu: pd.DataFrame = field(default_factory=pd.DataFrame)
    relaxation_loading_percent: pd.DataFrame = field(default_factory=pd.DataFrame)
    relaxation_balance: pd.DataFrame = field(default_factory=pd.DataFrame)
    i_ka: pd.DataFrame = field(default_factory=pd.DataFrame)
    load_mw: pd.DataFrame = field(default_factory=pd.DataFrame)
    load_mvar: pd.DataFrame = field(default_factory=pd.DataFrame)
    bank_mvar: pd.DataFrame = field(default_factory=pd.DataFrame)
    source_vm_pu: pd.DataFrame = field(default_factory=pd.DataFrame)
    loss_gap: float | None = None
    loss_bound_mwh: float | None = None
    own_objective: float | None = None
    own_bound: float | None = None

    _form = "adnflex-dispatch-1"
    _rows: ClassVar[dict[str, tuple[str, ...]]] = {
        "energy": ("imported", "exported", "losses", "load", "available", "used", "curtailed")
    }

    @property
    def periods(self) -> list[int]:
        """The periods, in order."""
        return [int(t) for t in self.of(self.balance).index]

    @property
    def headline(self) -> dict[str, str]:
        """Status, cost or emission, bound and gap, size of the horizon, import."""
        carbon = self.options.get("objective") == "carbon"
        what, money = ("emission", "kg") if carbon else ("cost", self.currency)
        found = {"": self.status, what: f"{self.objective:,.2f} {money}"}
        if math.isfinite(self.bound):
            found |= {"bound": f"{self.bound:,.2f} {money}", "gap": f"{self.gap:.4%}"}
        several = f", {len(self.scenarios)} scenarios" if len(self.scenarios) > 1 else ""
        found["horizon"] = f"{len(self.periods)} × {self.hours_per_period:g} h{several}"
        return {**found, "imported": f"{self.energy.at['imported', 'mwh']:.4g} MWh"}

    @property
    def tight(self) -> bool:
        """Whether the plain relaxation was exact in every period, so that nothing had to be recovered."""
        return bool((self.recovery["method"] == NO_RECOVERY).all())

    def of(self, table: pd.DataFrame, scenario: int | None = None) -> pd.DataFrame:
        """Return one scenario of a table by period (the first one by default).

        Parameters
        ----------
        table : pandas.DataFrame
            One of the plan's or the check's tables by period.
        scenario : int, optional
            Its number, as in `scenarios`.
        """
        if table.index.nlevels == 1:
            return table
        chosen = self.scenarios.index[0] if scenario is None else scenario
        return table.xs(chosen, level="scenario")

    @public()
    def apply(self, net: pandapowerNet, period: int | None = None, scenario: int | None = None) -> pandapowerNet:
        """Return a copy of `net` as it stands in one period of the plan; `net` itself is untouched.

        Parameters
        ----------
        net : pandapowerNet
            The net that the plan was made for.
        period : int, optional
            One of `periods`; may be left out where there is only one.
        scenario : int, optional
            One of `scenarios`; the first by default.

        Raises
        ------
        InputError
            If the net is another one, or the plan has no such period.
        """
        self._require_scenario(scenario)
        return applied(net, self.fingerprint, self.of(self.setpoints, scenario), period, self.switches)

    @public()
    def to_timeseries(self, net: pandapowerNet, scenario: int | None = None) -> pandapowerNet:
        """Return a copy of `net` with the plan as a pandapower time series: `ConstControl` objects and their profiles.

        ``pandapower.timeseries.run_timeseries(new, time_steps=plan.periods)`` runs every period to the voltages of
        `adnflex.validate`. Controllers of the net's own are out of service; where the plan changes the topology, switch
        states are profiles too.

        Parameters
        ----------
        net : pandapowerNet
            The net that the plan was made for.
        scenario : int, optional
            One of `scenarios`; the first by default.

        Raises
        ------
        InputError
            If the net is another one, or there is no such scenario.
        """
        from adnflex.grid.identity import require_same
        from adnflex.grid.time_series import with_time_series

        self._require_scenario(scenario)
        require_same(net, self.fingerprint)
        return with_time_series(net, self.of(self.setpoints, scenario), self.switches)

    def _require_scenario(self, scenario: int | None) -> None:
        if scenario is not None and scenario not in self.scenarios.index:
            raise InputError(f"scenario {scenario}: the plan has {list(self.scenarios.index)}; give one of these.")

    def _lines(self) -> list[str]:
        carbon = self.options.get("objective") == "carbon"
        what, money = ("emission", "kg") if carbon else ("cost", self.currency)
        lines = [
            f"{self.net_name}: {told_status(self.status)}, {what} {self.objective:,.2f} {money}, "
            f"bound {self.bound:,.2f} {money}, gap {self.gap:.4%}, "
            f"{len(self.periods)} {'periods' if len(self.periods) > 1 else 'period'} of {self.hours_per_period:g} h"
            + (f", {len(self.scenarios)} scenarios" if len(self.scenarios) > 1 else "")
            + f", {self.seconds:.1f} s",
            "costs: " + ", ".join(f"{i} {c:,.2f}" for i, c in self.costs["cost"].items() if abs(c) > 5e-3),
            f"imported {self.energy.at['imported', 'mwh']:.4g} MWh, carbon {self.carbon_kg:,.1f} kg",
        ]
        lines.extend(self._loss_lines())
        moved = self.devices[self.devices["moves"].fillna(0) > 0] if len(self.devices) else self.devices
        if len(moved):
            lines.append("moves: " + ", ".join(f"{r.kind} {r.table} {r.index_}: {int(r.moves)}" for r in _named(moved)))
        ends = self.source_vm_pu.agg(["min", "max"]) if len(self.source_vm_pu.columns) else self.source_vm_pu
        lines.extend(f"{t} {i} holds {a:.4f} to {b:.4f} pu" for (t, i), (a, b) in ends.items())
        if len(self.switches):
            lines.extend(
                f"open from period {first}: {', '.join(open_branches(rows)) or 'none'}"
                for first, rows in self.switches.groupby("first_period", sort=True)
            )
        if not self.tight:
            used = self.recovery["method"].value_counts()
            lines.append("recovered periods: " + ", ".join(f"{n} by {m}" for m, n in used.items() if m != NO_RECOVERY))
        return [*lines, *uncertainty_lines(self)]

    def _loss_lines(self) -> list[str]:
        """Say what is proven of the losses; nothing where no switches are decided."""
        if not len(self.switches):
            return []
        gap = "not proven" if self.loss_gap is None else f"{self.loss_gap:.4%} of their value"
        line = f"losses {self.energy.at['losses', 'mwh']:.6g} MWh, gap in losses {gap}"
        if self.loss_bound_mwh is None:
            return [line]
        return [f"{line}; no set-points within the limits lose less than {self.loss_bound_mwh:.6g} MWh"]


def _named(devices: pd.DataFrame) -> Any:
    return devices.rename(columns={"index": "index_"}).itertuples(index=False)
