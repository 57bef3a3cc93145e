"""A switching sequence: which switch after which, and what full AC power flow says of every state on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from adnflex.arguments import public
from adnflex.errors import InputError
from adnflex.grid.switch_tables import moved
from adnflex.results.base import Answer, Verdict
from adnflex.results.scope import looked_at_each
from adnflex.results.status import told_status
from adnflex.results.work_sheet import work_sheet

if TYPE_CHECKING:
    from pandapower import pandapowerNet


@dataclass(frozen=True, repr=False, eq=False)
class SwitchingSequence(Answer):
    """The operations of a plan in their order.

    Attributes
    ----------
    net_name, fingerprint, asked_limits, solver, seconds, topology, coordinates, options, notes, versions
        What all answers have (see `adnflex.results.base.Answer`).
    steps : pandas.DataFrame
        Index ``step``, from 1. What is done: ``first_period`` (of the topology that it belongs to; 0 where there is
        one), ``action`` (``close`` or ``open``), ``element``, ``index``, ``name``, ``from_bus``, ``to_bus``,
        ``from_name``, ``to_name``, ``switches`` (indices, empty where a branch has none), ``switch_name``,
        ``by_service`` (whether ``in_service`` is changed), ``station`` (bus), ``station_name``, ``switch_type``,
        ``breaks_load``, ``remote`` (None: the net does not say),
        ``minutes`` [min]. What happens: ``joins_sources``, ``closing_current_a`` [A], ``closing_percent`` (of the
        smaller rating of switch and branch), ``vm_step_pu``, ``vm_step_bus`` (largest change of a voltage). The state
        after: ``loops`` (beside those that stand throughout, as parallel transformers), ``dark_buses`` (a list),
        ``dark_mw`` [MW], ``converged``, ``vm_min_pu``, ``vm_min_bus``,
        ``vm_max_pu``, ``vm_max_bus``, ``loading_percent``, ``loading_element``, ``loading_index``, ``losses_kw`` [kW],
        ``margin`` (to the nearest limit, of 1 pu or of the rating; negative: broken). Where it was asked for,
        ``ikss_ka`` (largest initial three-phase short-circuit current [kA]), ``ikss_bus`` and ``ikss_rise_percent``:
        where that is highest against the larger of the states before and after the whole sequence.
    orders : pandas.DataFrame
        One row a topology (a part of its operations where there are more than 16), index ``first_period``:
        ``operations``, ``states`` (that were run), ``status`` (``optimal``: no order is better; ``unproven``: none of
        this part is), ``dark_mw_min`` (load without supply [MW min]), ``loops`` (most at once),
        ``closing_percent`` (largest), ``visits``, ``margin_before``, ``margin`` (least on the way), ``margin_after``.
    setpoints : pandas.DataFrame
        Of a dispatch, index ``first_period``, columns ``(table, column, index)``: what is written into the net while a
        topology is switched, the set-points of its first period.
    """

    steps: pd.DataFrame
    orders: pd.DataFrame
    setpoints: pd.DataFrame = field(default_factory=pd.DataFrame)

    _form = "adnflex-sequence-1"

    @property
    def operations(self) -> int:
        """Number of operations."""
        return len(self.steps)

    @property
    def status(self) -> str:
        """The weakest status of all topologies."""
        rest = [s for s in self.orders["status"] if s != "optimal"]
        return str(rest[0]) if rest else "optimal"

    @property
    def headline(self) -> dict[str, str]:
        """Operations, and what is without supply meanwhile."""
        dark = float(self.orders["dark_mw_min"].sum())
        meanwhile = f"{dark:.3f} MW min without supply" if dark else "nobody without supply"
        return {"operations": str(self.operations), "": meanwhile, "order": told_status(self.status)}

    @property
    def work_sheet(self) -> pd.DataFrame:
        """One row a step for who switches: station, switch, action, what to check; the same in every form of output.

        Index ``step``: ``from`` (first period, where there are several topologies), ``station``, ``switch``, ``do``,
        ``branch``, ``between``, ``by``, ``check``, ``afterwards``.
        """
        return work_sheet(self.steps)

    def is_of(self, fingerprint: str, switches: pd.DataFrame) -> bool:
        """Whether it is the order of exactly the operations of a plan: of its net, and of its `switches`."""
        if fingerprint != self.fingerprint or not len(switches):
            return False
        columns = ["first_period", "element", "index"]
        mine = zip(*(self.steps[c] for c in columns), self.steps["action"] == "close", strict=True)
        rows = moved(switches)
        theirs = zip(*(rows[c] for c in columns), rows["closed_after"].astype(bool), strict=True)
        return sorted(mine) == sorted(theirs)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return every table by its name, the work sheet first."""
        return {"work_sheet": self.work_sheet, **super().tables()}

    def _lines(self) -> list[str]:
        return [super()._lines()[0], self.work_sheet.to_string()] if len(self.steps) else super()._lines()

    @public()
    def apply(self, net: pandapowerNet, step: int) -> pandapowerNet:
        """Return a copy of `net` in which the switches stand as after a step (0: before the first).

        Parameters
        ----------
        net : pandapowerNet
            The net that the sequence was made for; it is not changed.
        step : int
            0 to the number of operations.

        Raises
        ------
        InputError
            If the net is another one, or there is no such step.
        """
        from adnflex.grid.identity import require_same
        from adnflex.grid.write import write

        if not 0 <= step <= self.operations:
            raise InputError(f"step is {step}; give 0 to {self.operations}.")
        require_same(net, self.fingerprint)
        done = self.steps.iloc[:step].drop(columns="first_period")
        # rows are written one after the other, so that the last word on a switch counts
        table = done.assign(operated=True, closed_after=done["action"] == "close")
        # before the first step of a topology the set-points of its first period hold already
        row = self.steps.iloc[max(step - 1, 0)]["first_period"] if self.operations else None
        values = self.setpoints.loc[row].dropna() if row in self.setpoints.index else None
        return write(net, values, table)


@dataclass(frozen=True, repr=False, eq=False)
class SequenceCheck(Verdict):
    """What full AC power flow says of every state of a sequence.

    Attributes
    ----------
    passed : bool
        Whether every state runs as the sequence says, nobody else is without supply, and no limit is broken on the way
        that is not broken before or after as well.
    verdict : str
        One sentence for the reader.
    states : pandas.DataFrame
        Index ``step``, from 0 (before): ``converged``, ``dark_buses``, ``vm_min_pu``, ``vm_max_pu``,
        ``loading_percent``, ``margin``, ``off_pu`` (largest difference of a voltage extreme to the sequence's).
    violations : pandas.DataFrame
        ``step``, ``kind``, ``element``, ``index``, ``value``, ``limit``, ``excess``, ``unit``, ``on_the_way`` (whether
        it is broken neither before nor after).
    """

    states: pd.DataFrame
    violations: pd.DataFrame

    _form = "adnflex-sequence-check-1"

    @property
    def scope(self) -> str:
        """What was looked at: every state on the way."""
        points = f"{len(self.states)} states, before, between and after the operations"
        return looked_at_each(points, self.states["loading_percent"])

    @property
    def doubt(self) -> str:
        """Nothing: there is no best value that a certificate could be of."""
        return ""
