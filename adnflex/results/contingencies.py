"""All outages of a net side by side: what each makes dark, what comes back, what limits; present beside planned."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from adnflex.results.base import Answer
from adnflex.results.reliability import ReliabilityIndices
from adnflex.results.status import told_status

# Loads [MW] that are no difference.
_SAME = 1e-6


@dataclass(frozen=True, repr=False, eq=False)
class Contingencies(Answer):
    """One row an outage, the worst first.

    Attributes
    ----------
    net_name, fingerprint, asked_limits, solver, seconds, topology, coordinates, options, notes, versions
        What all answers have (see `adnflex.results.base.Answer`).
    outages : pandas.DataFrame
        Ranked by the load that stays dark. ``element``, ``index``, ``name``; ``dark_mw`` (gross load without supply
        after the fault is parted), ``dark_buses`` (how many), ``fault_mw`` (cannot be parted from the fault),
        ``unreachable_mw`` (nothing that may be closed reaches it), ``tripped_mw`` (what protection trips at first),
        ``restored_mw``, ``left_mw`` [all MW]; ``operations``, ``actions``, ``status`` and ``proof`` as in
        `Restoration`; ``vm_min_pu``, ``vm_max_pu``, ``loading_percent`` (of what has a limit), ``losses_kw``,
        ``margin`` in the end; ``limited_by`` (what keeps more from coming back, in words); ``restored`` and ``left``
        (lists of buses), ``switches`` (that are operated); ``flows``. Of several periods the row is that of the one in
        which an outage leaves most dark: ``period``.
    before : pandas.DataFrame
        The same of the net before; empty where there is none.
    before_fingerprint : str
        Fingerprint of the net before; empty where there is none.
    asked : int
        How many outages were asked for.
    status : str
        ``complete``, ``time_limit`` or ``interrupted``: whether all were looked at.
    indices, indices_before : ReliabilityIndices or None
        How often and how long customers are without supply; None where no load has a customer.
    by_period : pandas.DataFrame
        Where there are several periods, index ``period``: ``outages``, ``dark_mw``, ``restored_mw``, ``left_mw`` (sums)
        [MW], ``worst`` (the outage that leaves most dark) and ``worst_left_mw``; else empty.
    """

    outages: pd.DataFrame
    before: pd.DataFrame = field(default_factory=pd.DataFrame)
    before_fingerprint: str = ""
    asked: int = 0
    status: str = "complete"
    indices: ReliabilityIndices | None = None
    indices_before: ReliabilityIndices | None = None
    by_period: pd.DataFrame = field(default_factory=pd.DataFrame)

    _form = "adnflex-contingencies-1"

    @property
    def compared(self) -> pd.DataFrame:
        """Outages in both states of the net: ``left_mw_before``, ``left_mw``, ``more_mw``, ``actions_before``,
        ``actions``, ``harder`` and ``easier`` (whether more, or less, stays dark); index ``(element, index)``.
        """  # noqa: D205
        if not len(self.before):
            return pd.DataFrame()
        now, then = (t.set_index(["element", "index"]) for t in (self.outages, self.before))
        both = now.index.intersection(then.index, sort=False)
        table = pd.DataFrame(
            {
                "left_mw_before": then.loc[both, "left_mw"],
                "left_mw": now.loc[both, "left_mw"],
                "actions_before": then.loc[both, "actions"],
                "actions": now.loc[both, "actions"],
            },
            index=both,
        )
        more = table["left_mw"] - table["left_mw_before"]
        return table.assign(more_mw=more, harder=more > _SAME, easier=more < -_SAME)

    @property
    def harder(self) -> list[tuple[str, int]]:
        """Outages after which more stays dark than in the net before."""
        table = self.compared
        return [(str(e), int(i)) for e, i in table.index[table["harder"]]] if len(table) else []

    @property
    def unproven(self) -> int:
        """Number of outages of which it is not proven that no set of operations restores more."""
        return int((~self.outages["status"].isin(["optimal", "infeasible"])).sum())

    @property
    def headline(self) -> dict[str, str]:
        """How many outages, what they make dark and what comes back."""
        table = self.outages
        found = {
            "outages": str(len(table)) if len(table) == self.asked else f"{len(table)} of {self.asked}",
            "restored": f"{table['restored_mw'].sum():.3f} of {table['dark_mw'].sum():.3f} MW",
            "not all back": f"{int((table['left_mw'] > _SAME).sum())} outages",
        }
        if len(self.by_period):
            worst = self.by_period["left_mw"].idxmax()
            told = f"{worst} ({self.by_period.at[worst, 'left_mw']:.3f} MW stay dark after all outages)"
            found |= {"periods": str(len(self.by_period)), "worst period": told}
        if len(self.before):
            found["harder than before"] = f"{len(self.harder)} outages"
        return {**found, "status": told_status(self.status)}

    def _lines(self) -> list[str]:
        columns = ["element", "index", "dark_mw", "restored_mw", "left_mw", "actions", "limited_by"]
        columns += ["period"] if "period" in self.outages else []
        worst = self.outages[self.outages["left_mw"] > _SAME][columns].head(20).round(3)
        lines = [super()._lines()[0]]
        if len(worst):
            lines.append(worst.to_string(index=False, max_colwidth=50))
        if self.unproven:
            lines.append(f"not proven: {self.unproven} outages")
        if len(self.before):
            lines.append(told_comparison(self))
        return lines


def told_comparison(found: Contingencies) -> str:
    """Say what a plan makes of the outages, in one sentence."""
    table = found.compared
    harder, easier = int(np.sum(table["harder"])), int(np.sum(table["easier"]))
    named = ", ".join(f"{e} {i}" for e, i in found.harder[:8]) + (" and others" if harder > 8 else "")
    hard = f"makes {harder} of {len(table)} outages harder to restore ({named})" if harder else "makes no outage harder"
    return f"this plan {hard}, {easier} easier; {table['more_mw'].sum():+.3f} MW stay dark in all"
