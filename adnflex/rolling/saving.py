"""The state of a schedule on disk: JSON with a format mark and a digest, written at one stroke."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adnflex.errors import InputError
from adnflex.rolling.decisions import Decision
from adnflex.rolling.seams import ReactiveAnswer, ReactiveStage
from adnflex.rolling.vehicles import Vehicles

if TYPE_CHECKING:
    from adnflex.rolling.case import RollingCase
    from adnflex.rolling.policies import Policy
    from adnflex.rolling.scheduler import RollingScheduler

__all__ = ["read_state", "replace_file", "write_state"]

_FORMAT = "adnflex-rolling-state-1"


def replace_file(path: Path, text: str) -> None:
    """Write a file so that at every moment the old one or the new one is whole."""
    beside = path.with_name(path.name + ".part")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def write_state(scheduler: RollingScheduler, path: str | Path) -> None:
    """Write what a schedule needs to go on, and what it has done today."""
    content = {
        "case": scheduler.case.fingerprint,
        "policy": scheduler.policy.name,
        "settings": scheduler.settings,
        "day": scheduler.day,
        "hour": scheduler.hour,
        "energy_kwh": scheduler.energy,
        "vehicles": scheduler.vehicles,
        "weather": scheduler.weather,
        "history": scheduler.history,
    }
    try:
        held = json.loads(json.dumps(_plain(content)))
    except TypeError as error:
        raise InputError(
            f"state file {path}: the state of {type(scheduler.case.renewables).__name__} cannot be written ({error}); "
            "let its observe() return numbers, lists, dicts or arrays."
        ) from error
    replace_file(Path(path), json.dumps({"format": _FORMAT, "sha256": _digest(held), "content": held}))


def read_state(
    kind: type[RollingScheduler],
    path: str | Path,
    case: RollingCase,
    policy: Policy | None,
    reactive: ReactiveStage | None,
) -> RollingScheduler:
    """Build the schedule that `write_state` wrote."""
    hint = "give a file written by RollingScheduler.save, an older copy if this one is damaged; it was not changed"
    try:
        whole = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"state file {path}: cannot be read ({error}); {hint}.") from error
    if not isinstance(whole, dict) or whole.get("format") != _FORMAT:
        raise InputError(f"state file {path}: is not a state of format {_FORMAT}; {hint}.")
    content: Any = whole.get("content")
    digest = _digest(content)
    if digest != whole.get("sha256"):
        raise InputError(
            f"state file {path}: its digest is {digest[:12]}… and {str(whole.get('sha256'))[:12]}… was written with "
            f"it, so that something in it was changed; {hint}."
        )
    if content["case"] != case.fingerprint:
        raise InputError(
            f"state file {path}: belongs to a case with the fingerprint {content['case']}, and this one has "
            f"{case.fingerprint}; load it with the case (net, prices, limits) that it was saved with."
        )
    try:
        settings = dict(content["settings"])
        scheduler = kind(case, policy or content["policy"], day=int(content["day"]), reactive=reactive, **settings)
        scheduler.hour = int(content["hour"])
        scheduler.energy = np.array(content["energy_kwh"]["array"], dtype=float)
        scheduler.vehicles = _vehicles(content["vehicles"])
        scheduler.weather = _restored(content["weather"])
        scheduler.history = [_decision(row) for row in content["history"]]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"state file {path}: has odd contents ({error!r}); {hint}.") from error
    return scheduler


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


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
