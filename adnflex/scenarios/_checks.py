"""Checks that several modules of this package need; each returns its findings, the caller raises them all at once."""

from __future__ import annotations

import math

import numpy as np

from adnflex.arrays import FloatArray

SUM_TOLERANCE = 1e-9


def at_least_one(**counts: int) -> list[str]:
    """Find counts that are no integer of 1 or more."""
    return [
        f"{name} is {value!r}; give an integer of at least 1."
        for name, value in counts.items()
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1
    ]


def positive(**values: float) -> list[str]:
    """Find numbers that are not finite and above 0."""
    return [
        f"{name} is {value}; give a finite number above 0."
        for name, value in values.items()
        if not (math.isfinite(value) and value > 0)
    ]


def not_negative(**values: float) -> list[str]:
    """Find numbers that are not finite and 0 or more."""
    return [
        f"{name} is {value}; give a finite number of 0 or more."
        for name, value in values.items()
        if not (math.isfinite(value) and value >= 0)
    ]


def probability_findings(probabilities: FloatArray, count: int | None = None) -> list[str]:
    """Find what is wrong with probabilities: one number a scenario, none negative, sum 1.

    Parameters
    ----------
    probabilities : ndarray
        To be checked.
    count : int or None
        Number of scenarios; None takes the probabilities' own.
    """
    if probabilities.ndim != 1 or probabilities.size == 0:
        return [f"probabilities have shape {probabilities.shape}; give one number a scenario, at least one."]
    if count is not None and probabilities.size != count:
        return [f"there are {count} scenarios and {probabilities.size} probabilities; give one number a scenario."]
    findings = [
        f"scenario {s}: its probability is {probabilities[s]}; give a finite number of 0 or more."
        for s in np.flatnonzero(~(np.isfinite(probabilities) & (probabilities >= 0)))
    ]
    total = float(probabilities.sum())
    if not findings and abs(total - 1) > SUM_TOLERANCE:
        findings.append(f"the probabilities sum to {total:.12g}; divide them by their sum so that they give 1.")
    return findings
