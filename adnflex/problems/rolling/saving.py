"""The state of a schedule on disk: JSON with a format mark and a digest, written at one stroke."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adnflex.errors import InputError
from adnflex.problems.rolling.decisions import Decision
from adnflex.problems.rolling.reactive_stage import ReactiveAnswer, ReactiveStage
from adnflex.problems.rolling.vehicles import Vehicles
from adnflex.results.files import read_envelope, write_envelope

if TYPE_CHECKING:
    from adnflex.problems.rolling.case import RollingCase
    from adnflex.problems.rolling.policies import Policy
    from adnflex.problems.rolling.scheduler import RollingScheduler

__all__ = ["read_state", "write_state"]

_FORMAT = "adnflex-rolling-state-1"
# What the sum of a day of hours rounds [MWh].
_ROUNDING_MWH = 1e-6


def write_state(scheduler: RollingScheduler, path: str | Path) -> None:
    """Write what a schedule needs to go on, and what it has done today."""
    content = {
        "case": scheduler.case.fingerprint,
        "policy": scheduler.policy.name,
        "settings": scheduler.settings,
        "day": scheduler.day,
        "hour": scheduler.hour,
        "energy_mwh": scheduler.energy,
        "vehicles": scheduler.vehicles,
        "weather": scheduler.weather,
        "history": scheduler.history,
    }
    try:
        held = json.loads(json.dumps(_plain(content), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"state file {path}: the state of {type(scheduler.case.renewables).__name__} cannot be written ({error}); "
            "let its observe() return numbers, lists, dicts or arrays."
        ) from error
    write_envelope(path, _FORMAT, held)


def read_state(
    kind: type[RollingScheduler],
    path: str | Path,
    case: RollingCase,
    policy: Policy | None,
    reactive: ReactiveStage | None,
) -> RollingScheduler:
    """Build the schedule that `write_state` wrote."""
    hint = "give a file written by RollingScheduler.save, an older copy if this one is damaged; it was not changed"
    content = read_envelope(path, _FORMAT, "RollingScheduler.save", "state")
    if not isinstance(content, dict) or not isinstance(content.get("case"), str):
        raise InputError(f"state file {path}: has odd contents (it names no case); {hint}.")
    if content["case"] != case.fingerprint:
        raise InputError(
            f"state file {path}: belongs to a case with the fingerprint {content['case']}, and this one has "
            f"{case.fingerprint}; load it with the case (net, prices, limits) that it was saved with."
        )
    try:
        settings = dict(content["settings"])
        scheduler = kind(case, policy or content["policy"], day=int(content["day"]), reactive=reactive, **settings)
        scheduler.hour = int(content["hour"])
        scheduler.energy = np.array(content["energy_mwh"]["array"], dtype=float)
        scheduler.vehicles = _vehicles(content["vehicles"])
        scheduler.weather = _restored(content["weather"])
        scheduler.history = [_decision(row) for row in content["history"]]
    except InputError as error:
        raise InputError([f"state file {path}: {finding}" for finding in error.findings]) from error
    except (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise InputError(f"state file {path}: has odd contents ({error!r}); {hint}.") from error
    if faults := _faults(scheduler):
        raise InputError([f"state file {path}: has odd contents ({fault}); {hint}." for fault in faults])
    return scheduler


def _faults(scheduler: RollingScheduler) -> list[str]:
    """Say what no schedule of this case can be."""
    found, case, vehicles = [], scheduler.case, scheduler.vehicles
    if not 0 <= scheduler.hour <= case.hours or scheduler.day < 0:
        found.append(f"hour is {scheduler.hour} of day {scheduler.day}, and a day has {case.hours}")
    low, high = case.storages.low, case.storages.high
    if scheduler.energy.shape != low.shape:
        found.append(f"energy_mwh has the shape {scheduler.energy.shape} for {len(low)} storages")
    elif not np.all((scheduler.energy >= low - _ROUNDING_MWH) & (scheduler.energy <= high + _ROUNDING_MWH)):
        found.append(f"energy_mwh is {scheduler.energy.tolist()}, outside {low.tolist()} to {high.tolist()}")
    values = [getattr(vehicles, f.name) for f in fields(Vehicles)]
    if len({v.shape for v in values}) > 1 or values[0].ndim != 1:
        found.append("vehicles has arrays of different lengths")
    elif not all(np.isfinite(v).all() for v in values):
        found.append("vehicles has a value that is no finite number")
    elif len(vehicles.node) and not (vehicles.node.min() >= 0 and vehicles.node.max() < len(case.buses)):
        found.append("vehicles has a node that the case does not have")
    return found


def _plain(value: Any) -> Any:
    """Turn a value into what JSON can hold; arrays keep their shape."""
    if isinstance(value, np.ndarray):
        return {"array": value.tolist()}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, ReactiveAnswer):
        answer = asdict(value)
        return {k: list(v.items()) if isinstance(v, dict) else v for k, v in answer.items()}
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        return np.array(value["array"]) if set(value) == {"array"} else {k: _restored(v) for k, v in value.items()}
    return [_restored(v) for v in value] if isinstance(value, list) else value


def _vehicles(content: dict[str, Any]) -> Vehicles:
    whole = ("node", "load", "number", "arrival", "departure")
    arrays: dict[str, Any] = {
        f.name: np.array(content[f.name]["array"], dtype=np.dtype(np.int64 if f.name in whole else np.float64))
        for f in fields(Vehicles)
    }
    return Vehicles(**arrays)


def _decision(content: dict[str, Any]) -> Decision:
    values = {key: value if key == "vehicles" else _restored(value) for key, value in content.items()}
    values = {key: v.astype(float) if isinstance(v, np.ndarray) else v for key, v in values.items()}
    answer = content["reactive"]
    if answer is not None:
        numbers = {k: {int(a): b for a, b in answer[k]} for k in ("q_mvar", "vm_pu")}
        answer = ReactiveAnswer(**numbers, seconds=answer["seconds"], facts=dict(answer["facts"]))
    return Decision(**{**values, "vehicles": _vehicles(content["vehicles"]), "reactive": answer})
