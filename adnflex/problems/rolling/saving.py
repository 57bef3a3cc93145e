"""The state of a schedule on disk, by the one codec of results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.problems.rolling.decisions import Decision
from adnflex.problems.rolling.reactive_stage import ReactiveStage
from adnflex.problems.rolling.vehicles import Vehicles
from adnflex.results.codec import Saved

if TYPE_CHECKING:
    from adnflex.problems.rolling.case import RollingCase
    from adnflex.problems.rolling.policies import Policy
    from adnflex.problems.rolling.scheduler import RollingScheduler


# What the sum of a day of hours rounds [MWh].
_ROUNDING_MWH = 1e-6
_HINT = "give a file written by RollingScheduler.save, an older copy if this one is damaged; it was not changed"


@dataclass(frozen=True, eq=False)
class SchedulerState(Saved):
    """What a schedule needs to go on, and what it has done today; names as in `RollingScheduler`."""

    case: str
    policy: str
    settings: dict[str, Any]
    day: int
    hour: int
    energy_mwh: FloatArray
    vehicles: Vehicles
    weather: Any
    history: tuple[Decision, ...]

    _form, _kind, _writer = "adnflex-rolling-state-1", "state", "RollingScheduler.save"


def write_state(scheduler: RollingScheduler, path: str | Path) -> None:
    """Write what a schedule needs to go on, and what it has done today."""
    s = scheduler
    try:
        weather = _marked(s.weather)
    except TypeError as error:
        raise InputError(
            f"state file {path}: the state of {type(s.case.renewables).__name__} cannot be written ({error}); "
            "let its observe() return numbers, lists, dicts or arrays."
        ) from error
    known = s.case.fingerprint, s.policy.name, s.settings, s.day, s.hour, s.energy, s.vehicles, weather
    SchedulerState(*known, tuple(s.history)).save(path)


def read_state(
    make: Callable[..., RollingScheduler],
    path: str | Path,
    case: RollingCase,
    policy: Policy | None,
    reactive: ReactiveStage | None,
) -> RollingScheduler:
    """Build the schedule that `write_state` wrote."""
    found = SchedulerState.load(path)
    if found.case != case.fingerprint:
        raise InputError(
            f"state file {path}: belongs to a case with the fingerprint {found.case}, and this one has "
            f"{case.fingerprint}; load it with the case (net, prices, limits) that it was saved with."
        )
    if faults := _faults(found, case):
        raise InputError([f"state file {path}: has odd contents ({fault}); {_HINT}." for fault in faults])
    try:
        scheduler = make(case, policy or found.policy, day=found.day, reactive=reactive, **found.settings)
    except InputError as error:
        raise InputError([f"state file {path}: {finding}" for finding in error.findings]) from error
    except (TypeError, ValueError) as error:
        raise InputError(f"state file {path}: has odd contents ({error!r}); {_HINT}.") from error
    scheduler.hour, scheduler.energy, scheduler.vehicles = found.hour, found.energy_mwh, found.vehicles
    scheduler.weather, scheduler.history = _unmarked(found.weather), list(found.history)
    return scheduler


def _faults(found: SchedulerState, case: RollingCase) -> list[str]:
    """Say what no schedule of this case can be."""
    faults, vehicles, energy = [], found.vehicles, found.energy_mwh
    if not 0 <= found.hour <= case.hours or found.day < 0:
        faults.append(f"hour is {found.hour} of day {found.day}, and a day has {case.hours}")
    low, high = case.storages.low, case.storages.high
    if energy.shape != low.shape:
        faults.append(f"energy_mwh has the shape {energy.shape} for {len(low)} storages")
    elif not np.all((energy >= low - _ROUNDING_MWH) & (energy <= high + _ROUNDING_MWH)):
        faults.append(f"energy_mwh is {energy.tolist()}, outside {low.tolist()} to {high.tolist()}")
    values = [getattr(vehicles, f.name) for f in fields(Vehicles)]
    if len({v.shape for v in values}) > 1 or values[0].ndim != 1:
        faults.append("vehicles has arrays of different lengths")
    elif not all(np.isfinite(v).all() for v in values):
        faults.append("vehicles has a value that is no finite number")
    elif len(vehicles.node) and not (vehicles.node.min() >= 0 and vehicles.node.max() < len(case.buses)):
        faults.append("vehicles has a node that the case does not have")
    return faults


def _marked(value: Any) -> Any:
    """Mark arrays, which come back as arrays; what a file cannot hold is a TypeError."""
    if isinstance(value, np.ndarray):
        return {"array": _marked(value.tolist())}
    if isinstance(value, dict):
        return {key: _marked(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_marked(part) for part in value]
    if value is None or isinstance(value, str | bool | int | float | np.generic):
        return value
    raise TypeError(f"{type(value).__name__} is none of them")


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return np.array(value["array"]) if set(value) == {"array"} else {k: _unmarked(v) for k, v in value.items()}
    return [_unmarked(part) for part in value] if isinstance(value, list) else value
