"""What differs from a net in some periods of its profiles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import InputError
from adnflex.grid.write import write
from adnflex.results.dispatch import DispatchPlan
from adnflex.results.multi_period import MultiPeriodPlan
from adnflex.study import Profiles, read_series, setpoints_of


def setpoints_in(net: pandapowerNet, profiles: Profiles | None, periods: Sequence[int] | None) -> pd.DataFrame:
    """Return what differs from a net in some periods; nothing where it is to stand as it is.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    profiles : mapping or None
        ``{(table, column): DataFrame}``; None: those that the net holds.
    periods : sequence of int or None
        Their rows; None: all of `profiles`, or the net as it stands.

    Raises
    ------
    InputError
        With what is wrong with the profiles.
    """
    if profiles is None and periods is None:
        return pd.DataFrame()
    series = read_series(net, profiles, periods)
    values = {key: array[None] for key, array in series.values.items()}
    return setpoints_of(net, values, series.periods)


# A period (None: the net as it stands) and the net in it.
Standing = list[tuple[int | None, pandapowerNet]]


def nets_in_periods(
    net: pandapowerNet,
    before: pandapowerNet | None,
    plan: MultiPeriodPlan | DispatchPlan | None,
    profiles: Profiles | None,
    periods: Iterable[int] | None,
) -> list[Standing]:
    """Return a net, and that before, in each period; see `adnflex.contingencies`.

    Raises
    ------
    InputError
        If a period is not there, or profiles stand beside a plan, which has its own.
    """
    wanted = None if periods is None else [int(t) for t in periods]
    if plan is None:
        setpoints = setpoints_in(net, profiles, wanted)
        return [_written(one, setpoints) for one in (net, before) if one is not None]
    if profiles is not None:
        raise InputError("profiles: the plan has its own; leave them out.")
    own = plan.of(plan.setpoints, None) if isinstance(plan, DispatchPlan) else plan.setpoints
    wanted = [int(t) for t in own.index] if wanted is None else wanted
    if missing := [t for t in wanted if t not in own.index]:
        raise InputError(f"periods {', '.join(map(str, missing))} are not in the plan; give some of its {len(own)}.")
    planned: Standing = [(t, plan.apply(net, t)) for t in wanted]
    return [planned] if before is None else [planned, _written(before, own.loc[wanted])]


def _written(net: pandapowerNet, setpoints: pd.DataFrame) -> Standing:
    if not len(setpoints):
        return [(None, net)]
    return [(int(t), write(net, row)) for t, row in setpoints.iterrows()]
