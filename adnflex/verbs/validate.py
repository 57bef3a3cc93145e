"""Validate: push a plan back into a copy of the net and let full AC power flow judge it."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import overload

from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.errors import InputError
from adnflex.results import (
    Check,
    DispatchCheck,
    DispatchPlan,
    Flexibility,
    FlexibilityCheck,
    FrontierCheck,
    MultiPeriodCheck,
    MultiPeriodPlan,
    OperationsFrontier,
    Plan,
    Region,
    RegionCheck,
    Restoration,
    RestorationCheck,
    RollingCheck,
    RollingRun,
    SequenceCheck,
    SwitchingSequence,
)
from adnflex.verbs.bound import with_bound
from adnflex.verbs.validate_dispatch import validate_dispatch
from adnflex.verbs.validate_flexibility import validate_flexibility
from adnflex.verbs.validate_frontier import validate_frontier
from adnflex.verbs.validate_periods import validate_periods
from adnflex.verbs.validate_plan import validate_plan
from adnflex.verbs.validate_region import validate_region
from adnflex.verbs.validate_restoration import validate_restoration
from adnflex.verbs.validate_rolling import validate_rolling
from adnflex.verbs.validate_sequence import validate_sequence


@overload
def validate(
    plan: Plan,
    net: pandapowerNet,
    executor: Executor | None = None,
    *,
    engine: str = "auto",
    bound: bool = False,
    time_limit: float = 60.0,
) -> Check: ...
@overload
def validate(
    plan: OperationsFrontier, net: pandapowerNet, executor: Executor | None = None, *, engine: str = "auto"
) -> FrontierCheck: ...
@overload
def validate(
    plan: MultiPeriodPlan, net: pandapowerNet, executor: Executor | None = None, *, engine: str = "auto"
) -> MultiPeriodCheck: ...
@overload
def validate(
    plan: DispatchPlan, net: pandapowerNet, executor: Executor | None = None, *, engine: str = "auto"
) -> DispatchCheck: ...
@overload
def validate(
    plan: Region, net: pandapowerNet, executor: Executor | None = None, *, engine: str = "auto"
) -> RegionCheck: ...
@overload
def validate(
    plan: RollingRun, net: pandapowerNet, executor: Executor | None = None, *, engine: str = "auto"
) -> RollingCheck: ...
@overload
def validate(plan: SwitchingSequence, net: pandapowerNet) -> SequenceCheck: ...
@overload
def validate(plan: Restoration, net: pandapowerNet) -> RestorationCheck: ...
@overload
def validate(
    plan: Flexibility,
    net: pandapowerNet,
    executor: Executor | None = None,
    *,
    engine: str = "auto",
    trajectories: int = 1000,
    levels: int | None = 20,
    seed: int = 0,
) -> FlexibilityCheck: ...
@public()
def validate(
    plan: Plan
    | MultiPeriodPlan
    | DispatchPlan
    | Flexibility
    | Region
    | RollingRun
    | OperationsFrontier
    | SwitchingSequence
    | Restoration,
    net: pandapowerNet,
    executor: Executor | None = None,
    *,
    engine: str = "auto",
    trajectories: int = 1000,
    levels: int | None = 20,
    seed: int = 0,
    bound: bool = False,
    time_limit: float = 60.0,
) -> (
    Check
    | MultiPeriodCheck
    | DispatchCheck
    | FlexibilityCheck
    | RegionCheck
    | RollingCheck
    | FrontierCheck
    | SequenceCheck
    | RestorationCheck
):
    """Push a plan into a copy of the net, run full AC power flow and judge it.

    Parameters
    ----------
    plan : Plan, MultiPeriodPlan, DispatchPlan, Flexibility, Region, RollingRun and others
        The plan, the box of a flexibility, a P-Q region, the day of a rolling schedule, a frontier of operations,
        whose rows are run one by one, or a sequence of operations or a restoration, whose states are.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    executor : concurrent.futures.Executor, optional
        Runs states side by side.
    engine : str
        Who runs power flow. ``auto``: pandapower up to 100 states; of more, the exact kernel runs all, and pandapower a
        sample of 100 and the 100 nearest to or beyond a limit. ``pandapower``: it runs every state.
        ``power-grid-model`` (an optional extra): that runs every state as a second judge beside pandapower. Where two
        differ by more than rounding, pandapower runs every state, and the verdict says so.
    trajectories : int
        Of a box: random trajectories and vertices to follow.
    levels : int or None
        Of a box: different values of every period (each is one power flow), which the trajectories combine, as a
        period's dispatch depends on its own value alone; None: every trajectory has values of its own.
    seed : int
        Of the trajectories.
    bound : bool
        Of a reconfiguration, e.g. of `adnflex.plan_from`: search for the best switch states of the same choice as well,
        and say how far above the proven bound the plan is.
    time_limit : float
        Of that search [s]; the bound that is proven by then counts.

    Returns
    -------
    Check, MultiPeriodCheck, DispatchCheck, FlexibilityCheck, RegionCheck, RollingCheck, FrontierCheck and others
        Verdict, certificate, limits, violations, tightness, deviations.

    Raises
    ------
    InputError
        If the net is not the one that the plan was made for.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex import reconfigure
    >>> net = pn.case33bw()
    >>> check = validate(reconfigure(net, workers=1), net)
    >>> check.passed, check.certificate < 1e-4
    (True, True)
    """
    if isinstance(plan, Plan):
        check = validate_plan(plan, net, engine)
        return with_bound(plan, check, net, time_limit, executor) if bound else check
    if bound:
        raise InputError("bound is for the switch states of one hour; this plan carries what is proven of it already.")
    if isinstance(plan, MultiPeriodPlan):
        return validate_periods(plan, net, executor, engine)
    if isinstance(plan, SwitchingSequence | Restoration):
        if engine == "power-grid-model":
            raise InputError(f"engine is {engine!r}; states on the way have loops and are run by pandapower alone.")
        return validate_sequence(plan, net) if isinstance(plan, SwitchingSequence) else validate_restoration(plan, net)
    if isinstance(plan, Region):
        return validate_region(plan, net, executor, engine)
    if isinstance(plan, Flexibility):
        return validate_flexibility(plan, net, executor, trajectories, levels, seed, engine)
    if isinstance(plan, RollingRun):
        return validate_rolling(plan, net, engine=engine, executor=executor)
    if isinstance(plan, OperationsFrontier):
        return validate_frontier(plan, net, engine)
    if not isinstance(plan, DispatchPlan):
        raise InputError(
            f"plan is a {type(plan).__name__}; give what reconfigure, dispatch, flexibility, pq_region, "
            "schedule_rolling or operations_frontier returned."
        )
    return validate_dispatch(plan, net, executor, engine)
