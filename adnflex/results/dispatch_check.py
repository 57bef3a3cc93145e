"""What full AC power flow, period by period, says about a dispatch."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from adnflex.results.base import Verdict
from adnflex.results.certificate import reservation
from adnflex.results.scope import highest, looked_at


@dataclass(frozen=True, repr=False, eq=False)
class DispatchCheck(Verdict):
    """What full AC power flow, period by period, says about a dispatch.

    Attributes
    ----------
    passed : bool
        Whether every period of every scenario converged and every limit of net and devices is met.
    verdict : str
        One sentence for the reader.
    objective : float
        Expected cost with the import and the losses that AC power flow gives [currency].
    costs : pandas.DataFrame
        Index ``item``; ``cost`` (AC, expected) and ``model`` [currency].
    certificate, certificate_absolute : float or None
        ``(objective - bound) / |objective|`` and ``objective - bound`` [currency]; None unless `passed`.
    certificate_losses : float or None
        `certificate_absolute` as a share of the value of the losses, where switches are decided (see
        `DispatchPlan.loss_gap`); None unless `passed`.
    periods : pandas.DataFrame
        Index ``(scenario, period)``, always both; ``converged``, ``vm_min_pu``, ``vm_min_bus``, ``vm_max_pu``,
        ``vm_max_bus``, ``loading_percent``, ``loading_element``, ``loading_index``, ``losses_mw``, ``losses_model_mw``,
        ``grid_mw``, ``grid_model_mw``, ``grid_mvar``, ``grid_model_mvar``, ``vm_deviation_pu``, ``vm_deviation_bus``,
        ``cone_gap``, ``invented_kw``, ``method``, ``violations`` (count), ``judge`` (who solved its power flow:
        ``pandapower``, or the judge that the verdict names beside it).
    violations : pandas.DataFrame
        ``scenario``, ``period``, ``kind``, ``element``, ``index``, ``value``, ``limit``, ``excess``, ``unit``.
    limits : pandas.DataFrame
        One row a kind of limit: ``kind``, ``checked`` (count), ``scenario``, ``period``, ``element``, ``index`` (worst
        place), ``value``, ``limit``, ``margin`` (negative: violated), ``unit``.
    vm_pu, loading_percent : pandas.DataFrame
        AC voltages [pu] and loadings [%], as the plan's tables of these names.
    i_ka : pandas.DataFrame
        AC currents, as `DispatchPlan.i_ka` [kA].
    loading_limit_percent : pandas.Series
        Index ``(element, index)``; NaN: none.
    vm_min_pu, vm_max_pu : pandas.Series
        Voltage limits by bus [pu].
    deviations : pandas.DataFrame
        Model against AC: ``model`` (``exact power flow``: what the plan's tables say; ``relaxation``: what the
        optimiser believed at its own set-points), ``quantity``, ``max_abs``, ``unit``, ``scenario``, ``period``,
        ``element``, ``index``.
    options, notes, versions
        As in `DispatchPlan`.
    """

    objective: float
    costs: pd.DataFrame
    certificate: float | None
    certificate_absolute: float | None
    periods: pd.DataFrame
    violations: pd.DataFrame
    limits: pd.DataFrame
    vm_pu: pd.DataFrame
    loading_percent: pd.DataFrame
    loading_limit_percent: pd.Series
    vm_min_pu: pd.Series
    vm_max_pu: pd.Series
    deviations: pd.DataFrame
    certificate_losses: float | None = None
    i_ka: pd.DataFrame = field(default_factory=pd.DataFrame)

    _form = "adnflex-dispatch-check-1"

    @property
    def scope(self) -> str:
        """What was looked at: every period, its limits, and how far goes what has none."""
        points = f"{len(self.periods)} operating point{'' if len(self.periods) == 1 else 's'}"
        return looked_at(points, self.limits, highest(self.loading_percent), self.loading_limit_percent)

    @property
    def doubt(self) -> str:
        """Why a schedule that passed is amber and not green (see `adnflex.results.certificate`); else empty."""
        found = Verdict.doubt.fget(self)  # type: ignore[attr-defined]
        if self.passed and not found and self.certificate_losses is not None:
            found = reservation(self.certificate_losses, what="certificate in losses")
        return str(found)

    def _more(self) -> list[str]:
        if self.certificate_losses is None:
            return []
        return [f"certificate in losses: at most {self.certificate_losses:.4%} of their value left to save"]
