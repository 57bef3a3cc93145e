"""The words of a verdict on measured states: one vocabulary for every check."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from adnflex.powerflow.states import Measured


def not_converged(where: str = "") -> str:
    """Say that power flow ended without a solution, and no more than that.

    Examples
    --------
    >>> not_converged("in hour 3")
    'AC power flow does not converge in hour 3, so the plan is neither confirmed nor refuted'
    """
    return (
        f"AC power flow does not converge{f' {where}' if where else ''}, so the plan is neither confirmed nor refuted"
    )


def where(names: list[str], label: Any) -> str:
    """Say which state it is; empty for the only one of a net.

    Examples
    --------
    >>> where(["scenario", "period"], (0, 3)), where(["scenario", "period"], (2, 3)), where(["state"], 0)
    ('in period 3', 'in period 3 of scenario 2', '')
    """
    told = dict(zip(names, label if isinstance(label, tuple) else (label,), strict=True))
    words = [f"in {name} {told[name]}" for name in ("period", "hour") if name in told]
    return " ".join([*words, f"of scenario {told['scenario']}"] if told.get("scenario") else words)


def flaw(measured: Measured, of_the_one: str = "") -> str:
    """Say why the first state that has a flaw cannot be, and which it is; empty where none has.

    Parameters
    ----------
    measured : Measured
        The states.
    of_the_one : str
        What is said of the only state of a net in place of its label.
    """
    names = [str(n) for n in measured.labels.names]
    flawed = _flawed(measured)
    if not len(flawed):
        return ""
    first, label = int(flawed[0]), measured.labels[flawed[0]]
    sentence = _flaw(measured, first, where(names, label) or of_the_one)
    lost = flawed[~measured.converged.to_numpy(dtype=bool)[flawed]]
    if first not in lost or len(lost) == 1:
        return sentence
    others = [where(names, measured.labels[k]) for k in lost[1:4]]
    more = [f"{len(lost) - 4:,} more"] if len(lost) > 4 else []
    return f"{sentence}; nor does it {' or '.join([*others, *more])}"


def flaws(measured: Measured) -> list[tuple[Any, str]]:
    """List all states that cannot be: label, and why, without the place."""
    return [(measured.labels[k], _flaw(measured, int(k), "")) for k in _flawed(measured)]


def _flawed(measured: Measured) -> np.ndarray:
    """Places of the states that cannot be."""
    dark = np.fromiter((bool(buses) for buses in measured.dark), dtype=bool, count=len(measured.labels))
    return np.flatnonzero(~measured.converged.to_numpy(dtype=bool) | ~measured.radial.to_numpy(dtype=bool) | dark)


def _flaw(measured: Measured, k: int, place: str) -> str:
    """No solution, a closed path, a bus without supply; else empty."""
    if not measured.converged.iloc[k]:
        return not_converged(place)
    tail = f" {place}" if place and len(measured.labels) > 1 else ""
    if not measured.radial.iloc[k]:
        return f"a closed path remains{tail}: the net is not radial"
    if dark := measured.dark.iloc[k]:
        return f"bus {', '.join(map(str, dark[:5]))} would be without supply{tail}"
    return ""


def violated(violations: pd.DataFrame) -> str:
    """Say how many limits are violated, and the worst of them, relative to its limit; empty where there is none.

    Parameters
    ----------
    violations : pandas.DataFrame
        As `DispatchCheck.violations`, with or without the columns of the states' labels.
    """
    if not len(violations):
        return ""
    share = violations["excess"].astype(float).abs() / violations["limit"].astype(float).abs().clip(lower=1e-9)
    v = violations.loc[share.idxmax()]
    names = [n for n in ("scenario", "period", "hour") if n in v.index]
    place = where(names, tuple(v[n] for n in names)) if names else ""
    count = f"{len(violations)} limit{'s' if len(violations) > 1 else ''} violated"
    return (
        f"{count}; worst: {v['kind']} at {v['element']} {v['index']}{f' {place}' if place else ''}, "
        f"{v['value']:.5g} {v['unit']} against {v['limit']:.5g} {v['unit']}"
    )
