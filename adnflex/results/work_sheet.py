"""The sheet that a switching engineer works from: where, which switch, what to do, what to check."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from adnflex.text import shown

# What is filled in by hand below a sheet.
SIGNED = "Switched by: ____________________   Date, time: ____________________   Checked by: ____________________"

COLUMNS = ("station", "switch", "do", "branch", "between", "by", "check", "afterwards")

# Changes of a voltage below this are not worth a word [pu].
_STEP_PU = 0.0005
# Rises of a short-circuit current below this neither [%].
_RISE = 0.1
_ELEMENTS = {"line": "line", "trafo": "transformer", "switch": "coupler"}


def work_sheet(steps: pd.DataFrame) -> pd.DataFrame:
    """Write the steps of a sequence in words.

    Parameters
    ----------
    steps : pandas.DataFrame
        As `SwitchingSequence.steps`.

    Returns
    -------
    pandas.DataFrame
        One row a step, under the same index.
    """
    rows = [_row(row) for _, row in steps.iterrows()]
    table = pd.DataFrame(rows, steps.index, COLUMNS)
    if steps["first_period"].nunique() > 1:
        table.insert(0, "from", steps["first_period"])
    return table


def _row(step: pd.Series) -> tuple[str, ...]:
    number = ", ".join(str(int(s)) for s in step["switches"])
    switch = f"switch {number}" if number else "no switch: by hand" if step["by_service"] else "no switch"
    return (
        _station(int(step["station"]), str(step["station_name"])),
        _named(switch, step["switch_name"]) + (f" {step['switch_type']}" if step["switch_type"] else ""),
        str(step["action"]),
        _named(f"{_ELEMENTS.get(step['element'], step['element'])} {step['index']}", step["name"]),
        " – ".join(dict.fromkeys(_named(f"bus {step[end]}", step[name]) for end, name in _ENDS)),
        _by(step),
        _sentence(_before(step)),
        _sentence(_after(step)),
    )


_ENDS = (("from_bus", "from_name"), ("to_bus", "to_name"))


def _by(step: pd.Series) -> str:
    """Say how it is operated, and how long that takes where it is no minute."""
    remote = _told(step["remote"])
    how = "" if remote is None else "remote" if remote else "hand"
    return ", ".join(part for part in (how, f"{step['minutes']:g} min" if step["minutes"] != 1 else "") if part)


def _told(value: Any) -> bool | None:
    return None if value is None or pd.isna(value) else bool(value)


def _station(bus: int, name: str) -> str:
    """Name a station; a number alone would not say of what."""
    return _named(f"bus {bus}", name) if name.isdigit() else shown(name)


def _named(what: str, name: object) -> str:
    known = isinstance(name, str) and name and name.casefold() != what and not what.endswith(f" {name}")
    return f"{what} “{shown(name)}”" if known else what


def _sentence(parts: list[str]) -> str:
    text = "; ".join(part for part in parts if part)
    return text[:1].upper() + text[1:]


def _before(step: pd.Series) -> list[str]:
    """Tell what to know of the switch, and what to see at it."""
    found = []
    if not step["breaks_load"]:
        found.append("disconnector: must carry no load")
    if step["joins_sources"]:
        found.append("joins two sources")
    if step["action"] in ("close", "start") and math.isfinite(step["closing_current_a"]):
        share = step["closing_percent"]
        rated = f" ({share:.1f} % of its rating)" if math.isfinite(share) and share >= 0.05 else ""
        found.append(f"{step['closing_current_a']:.1f} A through it{rated}")
    if abs(step["vm_step_pu"]) >= _STEP_PU:
        found.append(f"voltage {step['vm_step_pu']:+.4f} pu at bus {step['vm_step_bus']}")
    return found


def _after(step: pd.Series) -> list[str]:
    """Tell what is seen once it is done."""
    found = []
    if len(step["dark_buses"]):
        count = len(step["dark_buses"])
        found.append(f"{count} bus{'es' if count > 1 else ''} ({step['dark_mw']:.3f} MW) WITHOUT SUPPLY")
    if not step["converged"]:
        return [*found, "power flow has no solution"]
    if step["loops"]:
        found.append(f"{step['loops']} loop{'s' if step['loops'] > 1 else ''} closed")
    if math.isfinite(step["vm_min_pu"]):
        found.append(f"{step['vm_min_pu']:.4f} to {step['vm_max_pu']:.4f} pu")
    if math.isfinite(step["loading_percent"]) and step["loading_percent"] >= 0.05:
        element = _ELEMENTS.get(step["loading_element"], step["loading_element"])
        found.append(f"{step['loading_percent']:.1f} % in {element} {step['loading_index']}")
    rise = step.get("ikss_rise_percent", math.nan)
    if math.isfinite(rise) and rise >= _RISE:
        found.append(f"short circuit {step['ikss_ka']:.2f} kA (+{rise:.1f} %) at bus {step['ikss_bus']}")
    if math.isfinite(step["margin"]) and step["margin"] < 0:
        found.append("LIMIT BROKEN")
    return found
