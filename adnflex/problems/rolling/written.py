"""What decisions of an hour are in the net: values by ``(table, column, index)``, behind the scaling of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pandapower.auxiliary import pandapowerNet

from adnflex.devices import Positioned, able
from adnflex.grid.write import Key
from adnflex.problems.rolling.positions import fact_of, step_at
from adnflex.problems.rolling.read import RollingStudy


def scaled(net: pandapowerNet, table: str, column: str, powers: Iterable[tuple[int, float]]) -> dict[Key, float]:
    """Values that give powers, behind the scaling of the net's rows."""
    scaling = net[table]["scaling"]
    return {(table, column, int(i)): float(p) / float(scaling.at[int(i)]) for i, p in powers}


def active_values(
    net: pandapowerNet, ev_mw: Mapping[int, float], storage_mw: Mapping[int, float], generation_mw: Mapping[int, float]
) -> dict[Key, float]:
    """Return the first stage: power of fleets, storages, sun and wind, by their index [MW]."""
    return {
        **scaled(net, "load", "p_mw", ev_mw.items()),
        **scaled(net, "storage", "p_mw", storage_mw.items()),
        **scaled(net, "sgen", "p_mw", generation_mw.items()),
    }


def reactive_values(found: RollingStudy, q_mvar: Mapping[int, float], facts: Mapping[str, float]) -> dict[Key, float]:
    """Return the second stage: injections of sites by their index [Mvar], and the positions that its facts name."""
    values = scaled(found.net, "sgen", "q_mvar", q_mvar.items())
    for device in able(found.study.devices, Positioned):
        if fact_of(device) in facts:
            values |= device.written(step_at(device, float(facts[fact_of(device)])))
    return values
