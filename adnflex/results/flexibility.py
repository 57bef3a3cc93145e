"""Flexibility at the point of common coupling: the box that is promised, and its dispatch rule."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from adnflex.arguments import public
from adnflex.grid.switch_tables import open_lines
from adnflex.results.base import Answer, chosen_row
from adnflex.results.boxes import Box, Disaggregation, LinearFlexibility, OuterFlexibility
from adnflex.results.certificate import room_above
from adnflex.results.dispatch_rule import inside, levels_of, share_of, useful_at, with_constants
from adnflex.results.flexibility_words import lines_of, named

if TYPE_CHECKING:
    from pandapower import pandapowerNet


@dataclass(frozen=True, repr=False, eq=False)
class Flexibility(Answer):
    """The box of active power that a network promises at its point of common coupling.

    Every trajectory with ``lower_mw[t] <= p[t] <= upper_mw[t]`` can be followed hour by hour, without knowledge of
    later hours, and every state on the way was run in AC power flow on the grid's own equations.

    Attributes
    ----------
    net_name, fingerprint, asked_limits, solver, seconds, topology, coordinates, options, notes, versions
        What all answers have (see `adnflex.results.base.Answer`).
    pcc : str
        The coupling point, e.g. ``ext_grid 0``; import (into the network) counts positive.
    hours_per_period, start_hour : float
        Length of a period, clock hour at which row 0 of the time index begins [h].
    box : pandas.DataFrame
        Index: period; ``lower_mw``, ``upper_mw``, ``base_mw`` (import if nothing is asked for) [MW].
    linear : LinearFlexibility
        Size, bound, gap and status of the linear model, kept together; no statement about AC.
    outer : OuterFlexibility
        What no box in AC can exceed in useful width; `certificate` puts the box beside it.
    status : str
        How the search ended: ``complete``, ``time_limit`` or ``interrupted``.
    separable, remembering, foresighted : Box
        Boxes of the linear model before the AC tightening, of policies that know more and more: a period's value alone;
        some periods before as well (``memory``); the whole trajectory beforehand.
    iterations : pandas.DataFrame
        Rounds of column and constraint generation, index ``iteration``: ``vertices`` of the master problem,
        ``master_mwh`` (its box), ``shortage_mw`` at the worst ``vertex`` found (a digit a period, 1 the upper end),
        ``worst`` (whether no vertex is worse). Empty where two linear programs settled it.
    binding : pandas.DataFrame
        Limits that hold the box back: ``period``, ``side`` (``lower`` or ``upper``), ``kind`` (``voltage low``,
        ``voltage high``, ``loading``, ``energy``), ``element``, ``index``, ``value``, ``limit``, ``unit`` and
        ``worth_mwh`` (what the box gains per unit of the limit, per pu, per 100 % of the rating, per MWh).
    setpoints_lower, setpoints_upper : pandas.DataFrame
        Index: period; columns ``(table, column, index)``: the dispatch of both ends.
    energy : pandas.DataFrame
        Index: period; columns ``(storage, name)`` with the names ``low_mwh`` and ``high_mwh`` (what trajectories can
        reach), ``min_mwh`` and ``max_mwh`` (its limits).
    ac : pandas.DataFrame
        Index ``(period, share)``, share from 0 (lower end) to 1: ``import_mw``, ``import_mvar``, ``losses_mw``,
        ``vm_min_pu``, ``vm_min_bus``, ``vm_max_pu``, ``vm_max_bus``, ``loading_percent``, ``loading_element``,
        ``loading_index`` of the AC state.
    rounds : pandas.DataFrame
        One row a round of AC tightening: ``total_mwh``, ``voltage_excess_pu``, ``loading_excess_percent``,
        ``import_error_kw``.
    progress : pandas.DataFrame
        ``seconds``, ``box_mwh``, ``linear_bound_mwh``, ``event``.
    switches : pandas.DataFrame
        As in `Plan.switches`; empty where the topology was not a decision.
    comparison : pandas.DataFrame
        Index ``topology`` (``present``, ``least losses``, ``flexibility``); ``open`` (text), ``operations``,
        ``total_mwh`` (run in AC), ``useful_mwh`` (less losses; by it the answer is chosen, and weighted where there are
        period weights), ``change_percent``, ``total_without_q_mwh`` (run in AC, inverters
        without reactive power), ``linear_mwh``, ``linear_without_q_mwh``, ``linear_bound_mwh``, ``losses_kw``.
        Of `flexibility` with ``without_q`` the row ``present`` alone. Empty where nothing was compared.
    bands : pandas.DataFrame
        Index: period; columns ``(topology, lower_mw)`` and ``(topology, upper_mw)`` of the comparison.
    relieved : pandas.DataFrame
        Limits that held the present topology back and no longer do: the columns of `binding`, and ``after`` (value of
        the same quantity now).
    storages : pandas.DataFrame
        Index: storage; ``start_mwh``, ``charging``, ``discharging``, ``keep`` (share left after one period),
        ``scaling``.
    inputs : pandas.DataFrame
        The series used, by period (see `DispatchPlan.inputs`).
    positions : pandas.DataFrame
        Taps and steps chosen for the whole horizon: ``table``, ``column``, ``index``, ``before``, ``after``; empty
        where they were not searched.
    """

    pcc: str
    hours_per_period: float
    start_hour: float
    box: pd.DataFrame
    linear: LinearFlexibility
    outer: OuterFlexibility
    status: str
    separable: Box
    remembering: Box
    foresighted: Box
    iterations: pd.DataFrame
    binding: pd.DataFrame
    setpoints_lower: pd.DataFrame
    setpoints_upper: pd.DataFrame
    energy: pd.DataFrame
    ac: pd.DataFrame
    rounds: pd.DataFrame
    progress: pd.DataFrame
    switches: pd.DataFrame
    comparison: pd.DataFrame
    bands: pd.DataFrame
    relieved: pd.DataFrame
    storages: pd.DataFrame
    inputs: pd.DataFrame
    positions: pd.DataFrame = field(default_factory=pd.DataFrame)

    _form = "adnflex-flexibility-3"

    @property
    def headline(self) -> dict[str, str]:
        """Status, size of the box, horizon, coupling point, the linear model's bound."""
        low, high = float(self.lower_mw.min()), float(self.upper_mw.max())
        return {
            "": self.status,
            "box": f"{self.total_mwh:.4f} MWh at {self.pcc}, {low:.3f} to {high:.3f} MW",
            "horizon": f"{len(self.box)} × {self.hours_per_period:g} h",
            "linear model": f"{self.linear.total_mwh:.4f} MWh",
        }

    @property
    def lower_mw(self) -> pd.Series:
        """Lower end by period [MW]."""
        return self.box["lower_mw"]

    @property
    def upper_mw(self) -> pd.Series:
        """Upper end by period [MW]."""
        return self.box["upper_mw"]

    @property
    def total_mwh(self) -> float:
        """Sum of the widths times the hours [MWh]."""
        return float((self.upper_mw - self.lower_mw).sum() * self.hours_per_period)

    @property
    def useful_mw(self) -> pd.DataFrame:
        """What the devices make of the import at both ends [MW]: index period, columns ``lower_mw``, ``upper_mw``.

        Import less what is lost in the network, in converters and in storages. Power that is burnt counts as import and
        is no use to anybody, so that a box is measured without it.
        """
        if self.ac.empty:
            return pd.DataFrame(math.nan, self.box.index, ["lower_mw", "upper_mw"])
        ends = {"lower_mw": (0.0, self.setpoints_lower), "upper_mw": (1.0, self.setpoints_upper)}
        return pd.DataFrame(
            {
                name: useful_at(self.ac.xs(share, level="share"), setpoints, self.storages, self.hours_per_period)
                for name, (share, setpoints) in ends.items()
            }
        )

    @property
    def useful_mwh(self) -> float:
        """Useful width of the box (see `useful_mw`) [MWh]."""
        useful = self.useful_mw
        return float((useful["upper_mw"] - useful["lower_mw"]).sum(skipna=False) * self.hours_per_period)

    @property
    def outer_mwh(self) -> float:
        """No box in AC has a larger useful width [MWh]; inf where no bound is known."""
        return self.outer.mwh

    @property
    def certificate(self) -> float:
        """By how much the largest box in AC may be more useful than this one, relative; inf where nothing is known.

        Weighted where there are period weights: that is what was asked for.
        """
        useful, given = self.useful_mw, self.options.get("period_weights")
        weights = np.broadcast_to(np.asarray(1.0 if given is None else given, dtype=float), len(useful))
        worth = float((weights * (useful["upper_mw"] - useful["lower_mw"])).sum(skipna=False) * self.hours_per_period)
        return room_above(worth, self.outer.worth)

    @property
    def tightening_mwh(self) -> float:
        """What holding in AC power flow costs against the box of the linear model [MWh]."""
        return self.separable.total_mwh - self.total_mwh

    @property
    def open_lines(self) -> list[int]:
        """Pandapower indices of the lines that are open, locked ones too, where the topology was a decision."""
        return open_lines(self.switches)

    @property
    def operations(self) -> int:
        """Number of branches whose state changes."""
        return int(self.switches["operated"].sum()) if len(self.switches) else 0

    @public()
    def disaggregate(self, trajectory_mw: ArrayLike) -> Disaggregation:
        """Dispatch every device so that the import follows a trajectory inside the box.

        Hour by hour: what a period does depends on that period's value alone.

        Parameters
        ----------
        trajectory_mw : (T,) array_like
            Import of every period [MW].

        Raises
        ------
        InputError
            If it has another length or leaves the box; names the period, the value and the limits.
        """
        wanted = inside(self.box, np.asarray(trajectory_mw, dtype=float))
        shares = np.array([self.shares_of(t, np.array([p]))[0] for t, p in zip(self.box.index, wanted, strict=True)])
        index = self.box.index
        low, high = self.setpoints_lower.to_numpy(), self.setpoints_upper.to_numpy()
        setpoints = pd.DataFrame(low + shares[:, None] * (high - low), index, self.setpoints_lower.columns)
        positions = {(r.table, r.column, int(r.index_)): float(r.after) for r in named(self.positions)}
        return Disaggregation(
            net_name=self.net_name,
            fingerprint=self.fingerprint,
            trajectory_mw=pd.Series(wanted, index, name="import_mw"),
            share=pd.Series(shares, index, name="share"),
            setpoints=with_constants(setpoints, positions),
            energy_mwh=self.stored_energy(setpoints),
            switches=self.switches,
        )

    def shares_of(self, period: int, imports_mw: np.ndarray) -> np.ndarray:
        """Shares (K,) between both ends at which a period imports given values (K,) [MW]; 0 or 1 beyond the ends.

        Parameters
        ----------
        period : int
            The period.
        imports_mw : (K,) array
            Values.
        """
        return np.array([share_of(self.ac.loc[period, "import_mw"], p) for p in imports_mw.tolist()])

    def import_at(self, period: int, shares: np.ndarray) -> np.ndarray:
        """Import (K,) of a period at shares (K,) between both ends [MW]."""
        from scipy.interpolate import PchipInterpolator

        curve = self.ac.loc[period, "import_mw"]
        return np.asarray(PchipInterpolator(curve.index.to_numpy(dtype=float), curve.to_numpy())(shares))

    def stored_energy(self, setpoints: pd.DataFrame) -> pd.DataFrame:
        """Energy of every storage at the end of each period for given set-points [MWh].

        Parameters
        ----------
        setpoints : pandas.DataFrame
            As `setpoints_lower`.
        """
        found = {}
        for row in self.storages.itertuples():
            power = setpoints[("storage", "p_mw", int(row.Index))].to_numpy(dtype=float) * row.scaling
            found[int(row.Index)] = levels_of(power, row, self.hours_per_period)
        return pd.DataFrame(found, index=setpoints.index, columns=pd.Index(list(found), name="storage"))

    def enlarged(self, share: float) -> Flexibility:
        """Return the same answer with a box that is wider by a share, each end by half of it; to fail its check.

        Its dispatch rule still reaches the old box only; `validate` looks for a dispatch of what is beyond in the
        linear model around the AC states.
        """
        more = (self.upper_mw - self.lower_mw) * share / 2
        box = self.box.assign(lower_mw=self.lower_mw - more, upper_mw=self.upper_mw + more)
        return dataclasses.replace(self, box=box, notes=(*self.notes, f"box enlarged by {share:.1%}"))

    @public()
    def apply(self, net: pandapowerNet, period: int | None = None, import_mw: float | None = None) -> pandapowerNet:
        """Return a copy of `net` with switch states, positions and the set-points that draw `import_mw` in one period.

        Parameters
        ----------
        net : pandapowerNet
            The net that it was made for.
        period : int, optional
            One of the periods of `box`; may be left out where there is only one.
        import_mw : float, optional
            A value inside the box; by default the middle.

        Raises
        ------
        InputError
            If the net is another one, there is no such period, or the value lies outside the box.
        """
        period = chosen_row(self.box.index.rename("period"), period)
        trajectory = (self.lower_mw + self.upper_mw) / 2
        if import_mw is not None:
            trajectory[period] = import_mw
        return self.disaggregate(trajectory).apply(net, period)

    @public()
    def switched(self, net: pandapowerNet) -> pandapowerNet:
        """Return a copy of `net` with the switch states, its set-points as they were; `net` itself is untouched."""
        from adnflex.grid.identity import require_same
        from adnflex.grid.write import write

        require_same(net, self.fingerprint)
        return write(net, switches=self.switches)

    def _lines(self) -> list[str]:
        return lines_of(self)
