"""The reading half of a region: arguments and tables to what is free in a period."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pandapower import pandapowerNet

from adnflex.devices import Device, Stores, Supplies, able
from adnflex.devices.inputs import truth
from adnflex.devices.storage_period import of_one_period
from adnflex.errors import InputError
from adnflex.grid.coupling import Coupling, coupling_of
from adnflex.grid.coupling_alone import alone
from adnflex.knobs import Horizon, Limits
from adnflex.study import Study, read_series, read_study, settled


def read_region(
    net: pandapowerNet, pcc: tuple[str, int] | None, asked: Horizon, limits: Limits
) -> tuple[Coupling, RegionJob, list[int]]:
    """Read the coupling point, what all periods share, and which periods are asked for; arguments as in `pq_region`."""
    horizon = settled(net, asked)
    wanted = list(read_series(net, horizon.profiles, horizon.periods).periods)
    coupling = alone(coupling_of(net, pcc))
    return coupling, RegionJob(coupling.net, horizon, coupling.source, limits), wanted


@dataclass(frozen=True)
class RegionJob:
    """What all periods share: the net, its series, the source asked for (None: the only one)."""

    net: pandapowerNet
    horizon: Horizon
    pcc: tuple[str, int] | None
    limits: Limits

    def read(self, t: int) -> tuple[Study, list[Device], Supplies]:
        """Read one period: its study, its devices as they are free in it, the source asked for."""
        study = read_study(
            _vehicles_at_rest(self.net),
            replace(self.horizon, periods=(t,), hours_per_period=self._hours()),
            self.limits,
            prices=False,
            converters=False,
        )
        hours = study.horizon.hours
        study = replace(study, notes=(*study.notes, *_of_a_day(self.net, study.devices)))
        devices = [(of_one_period(d, hours) if isinstance(d, Stores) else d).unpriced() for d in study.devices]
        return study, devices, _source(devices, self.pcc)

    def _hours(self) -> float | None:
        """Length of a period as it was given; an unknown one is refused where a storage needs it."""
        stamps = read_series(self.net, self.horizon.profiles, [0]).stamps
        storages = self.net.storage
        needs = len(storages) and "controllable" in storages.columns and bool(storages["controllable"].eq(True).any())
        if self.horizon.hours_per_period is None and needs and (stamps is None or len(stamps) < 2):
            raise InputError(
                "hours_per_period is not given and the profiles have no time column; a storage's power depends on how "
                "long a period is, so give it, e.g. 1.0 or 0.25."
            )
        return self.horizon.hours_per_period


def _of_a_day(net: pandapowerNet, devices: Sequence[Device]) -> list[str]:
    """Name what belongs to a whole day and is not asked of one period."""
    view = _vehicles_at_rest(net)["load"]
    resting = [] if view is net.load else net.load.index[truth(net.load["controllable"]) & ~truth(view["controllable"])]
    return [
        *(f"load {i}: its vehicles draw what their profile says; they belong to a whole day." for i in resting),
        *(
            f"{d.place}: {column} is not asked of one period."
            for d in devices
            for name, column in (("end_given", "terminal_soc_percent"), ("keep_energy", "keep_energy"))
            if getattr(d, name, False)
        ),
    ]


def _vehicles_at_rest(net: pandapowerNet) -> pandapowerNet:
    """Return the net with electric vehicles that charge as they are; their blocks belong to a whole day."""
    loads = net.load
    if "type" not in loads.columns or "controllable" not in loads.columns or not loads["type"].eq("ev").any():
        return net
    view = copy.copy(net)
    view["load"] = loads.assign(controllable=loads["controllable"].where(loads["type"] != "ev", False))
    return view


def _source(devices: Sequence[Device], pcc: tuple[str, int] | None) -> Supplies:
    sources = {(d.place.table, d.place.index): d for d in able(devices, Supplies)}
    names = ", ".join(repr(key) for key in sources)
    if pcc is None:
        if len(sources) != 1:
            raise InputError(f"the net has {len(sources)} sources; say at which one, pcc= one of {names}.")
        return next(iter(sources.values()))
    if tuple(pcc) not in sources:
        raise InputError(f"pcc is {pcc!r}; give one of {names}.")
    return sources[pcc[0], int(pcc[1])]
