"""Boxes of the linear model with what is known of them, and the dispatch that follows a trajectory inside a box."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from adnflex.arguments import public
from adnflex.results.base import Result, applied
from adnflex.results.status import told_status

if TYPE_CHECKING:
    from pandapower import pandapowerNet


@dataclass(frozen=True)
class Box:
    """A box of trajectories in the linear model, with the bound on the best of its kind.

    Attributes
    ----------
    kind : str
        ``separable`` (every hour mixes two dispatches by its own value, without knowledge of later ones),
        ``remembering`` (it knows some values before as well) or ``foresighted`` (the whole trajectory is known before
        the first hour).
    limits : pandas.DataFrame
        Index: period; ``lower_mw``, ``upper_mw`` [MW], import positive.
    total_mwh : float
        Sum of the widths times the hours [MWh].
    bound_mwh : float
        No box of this kind in the linear model is worth more [MWh, weighted where there are weights].
    status : str
        ``optimal`` or ``time_limit``.
    iterations : int
        Rounds of column and constraint generation; 0 where two linear programs settled it.
    """

    kind: str
    limits: pd.DataFrame
    total_mwh: float
    bound_mwh: float
    status: str
    iterations: int = 0


@dataclass(frozen=True)
class LinearFlexibility:
    """What is known of the linear model (LinDistFlow, without losses); nothing of it is a statement about AC.

    Attributes
    ----------
    total_mwh : float
        Size of the separable box of the linear model [MWh].
    worth : float
        The same, weighted where there are weights [MWh, or money where weights are prices].
    bound : float
        No box of the linear model is worth more, causal or not, and in no topology that may be chosen. A box in AC
        may be worth more: it has losses, which count as import.
    gap : float
        ``(bound - worth) / |worth|``.
    bound_kind : str
        What the bound is, in words.
    status : str
        ``optimal`` (of a fixed topology: both boxes of the linear model are the largest of their kind; of
        `reconfigure`: the best topology of the linear model within the gap asked for), ``time_limit`` or
        ``interrupted``.
    """

    total_mwh: float
    worth: float
    bound: float
    gap: float
    bound_kind: str
    status: str

    def summary(self) -> str:
        """Return one line for the terminal."""
        bound = f"bound {self.bound:.4f}, gap {self.gap:.4%}" if math.isfinite(self.bound) else "no bound known"
        size = f"{self.total_mwh:.4f} MWh, {told_status(self.status)}"
        return f"linear model without losses: {size}, {bound} (no bound of AC boxes)"


@dataclass(frozen=True)
class OuterFlexibility:
    """What no box can exceed that full AC power flow follows, whatever the policy.

    Attributes
    ----------
    mwh : float
        No box makes more useful width (`Flexibility.useful_mwh`) [MWh]; inf where no bound is known.
    worth : float
        The same, weighted where there are weights [MWh, or money where weights are prices].
    kind : str
        What the bound is, in words, or why there is none.
    """

    mwh: float
    worth: float
    kind: str


#: No bound, and no reason yet.
UNKNOWN_OUTER = OuterFlexibility(math.inf, math.inf, "not computed")


@dataclass(frozen=True, repr=False, eq=False)
class Disaggregation(Result):
    """A dispatch of every device that follows a trajectory.

    Attributes
    ----------
    net_name, fingerprint : str
        The net that it is of.
    trajectory_mw : pandas.Series
        Index: period; the import asked for [MW].
    share : pandas.Series
        Index: period; 0 is the dispatch of the lower end, 1 that of the upper end.
    setpoints : pandas.DataFrame
        Index: period; columns ``(table, column, index)``: values to be written into the net, chosen positions of taps
        and banks among them.
    energy_mwh : pandas.DataFrame
        Index: period; columns: storage; energy at the end of the period [MWh].
    switches : pandas.DataFrame
        As in `Plan.switches`; empty where the topology was not a decision.
    """

    net_name: str
    fingerprint: str
    trajectory_mw: pd.Series
    share: pd.Series
    setpoints: pd.DataFrame
    energy_mwh: pd.DataFrame
    switches: pd.DataFrame

    _form = "adnflex-disaggregation-1"

    @property
    def headline(self) -> dict[str, str]:
        """Periods, and the imports between which the trajectory runs."""
        low, high = float(self.trajectory_mw.min()), float(self.trajectory_mw.max())
        return {"periods": str(len(self.trajectory_mw)), "import": f"{low:.4g} to {high:.4g} MW"}

    @public()
    def apply(self, net: pandapowerNet, period: int | None = None) -> pandapowerNet:
        """Return a copy of `net` with switch states and set-points of one period; `net` itself is untouched.

        The period may be left out where there is only one.

        Raises
        ------
        InputError
            If the net is another one, or there is no such period.
        """
        return applied(net, self.fingerprint, self.setpoints, period, self.switches)
