"""The public verb `adnflex.report`: one name for the report of every kind of result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adnflex.arguments import public
from adnflex.arguments.kinds import anything
from adnflex.reporting.dispatch import dispatch_report
from adnflex.reporting.flexibility import flexibility_report, is_flexibility
from adnflex.reporting.reconfiguration import reconfiguration_report
from adnflex.reporting.rolling import is_rolling, rolling_report
from adnflex.results import Check, DispatchCheck, DispatchPlan, Plan
from adnflex.results.flexibility import Flexibility, FlexibilityCheck
from adnflex.results.region import Region, RegionCheck
from adnflex.results.rolling import Comparison, RollingCheck, RollingRun

if TYPE_CHECKING:
    from pandapower import pandapowerNet

__all__ = ["report"]


@public(also={"plan": anything()})
def report(
    plan: Plan
    | DispatchPlan
    | Flexibility
    | RollingRun
    | Comparison
    | Sequence[DispatchPlan]
    | Sequence[Flexibility | Region]
    | Sequence[RollingRun | Comparison],
    check: Check
    | DispatchCheck
    | FlexibilityCheck
    | RollingCheck
    | Sequence[DispatchCheck | None]
    | Sequence[FlexibilityCheck | RegionCheck | None]
    | Sequence[RollingCheck | None]
    | None,
    path: str | Path,
    net: pandapowerNet | None = None,
) -> Path:
    """Write the report of a plan as one HTML file that opens anywhere, without a network connection.

    Parameters
    ----------
    plan : Plan, DispatchPlan, Flexibility, RollingRun, Comparison, or sequence
        The plan: of a reconfiguration, of a dispatch, or several dispatch studies that are compared with the first;
        the flexibility at the point of common coupling, alone or after that of the present topology, with its regions
        of active and reactive power where there are any; the day of a rolling schedule, policies over common days, or
        one of each.
    check : Check, DispatchCheck, FlexibilityCheck, RollingCheck, sequence, or None
        Its AC check, or their checks in the same order; of flexibility before and after, the check of the latter
        is enough; a comparison of policies has none. None reports what was not validated, and the first line says so.
    path : str or pathlib.Path
        File to write; an existing one is replaced.
    net : pandapowerNet, optional
        The net before the plan. Only needed for the maps of a plan that carries no drawing tables, and of a rolling
        schedule for names and for what is published of its case.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    InputError
        If `plan` or `check` is something else, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from adnflex.reporting._example import example
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report(*example(), path=f"{folder}/report.html").name
    'report.html'
    """
    if is_flexibility(plan):
        return flexibility_report(plan, check, path, net)  # type: ignore[arg-type]
    if is_rolling(plan):
        return rolling_report(plan, check, path, net)  # type: ignore[arg-type]
    if isinstance(plan, DispatchPlan) or (isinstance(plan, Sequence) and not isinstance(plan, str | bytes)):
        return dispatch_report(plan, check, path, net)  # type: ignore[arg-type]
    return reconfiguration_report(plan, check, path, net)  # type: ignore[arg-type]
