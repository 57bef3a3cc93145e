"""How far a plan that passed can be from the best, and below which certificate it is shown without reservation."""

from __future__ import annotations

import math

#: A plan that passed is green only below this certificate (distance from the best possible, as a share).
GREEN_CERTIFICATE = 0.05

# A value below its own bound by more than this shows that the bound is not one.
_DISAGREE = 1e-4

# Differences of this size are rounding.
_EXACT = 1e-9


def relative_gap(value: float, bound: float) -> float:
    """``(value - bound) / |value|``; 0 where both are zero, inf where there is no bound."""
    if not math.isfinite(bound):
        return math.inf
    difference = max(value - bound, 0.0)
    return difference / abs(value) if abs(value) > 1e-12 else (0.0 if difference < 1e-12 else math.inf)


def room_above(value: float, bound: float) -> float:
    """``(bound - value) / |value|`` of what is as large as possible; inf where there is no bound.

    Below zero where the bound is disproved by the value (see `reservation`).

    Examples
    --------
    >>> room_above(2.0, 2.5), room_above(0.0, 0.0), room_above(1.0, math.inf)
    (0.25, 0.0, inf)
    """
    difference = bound - value
    if abs(difference) < 1e-12:
        return 0.0
    return difference / abs(value) if math.isfinite(difference) and abs(value) > 1e-12 else math.inf


def disproved(certificate: float) -> bool:
    """Whether an answer is better than its bound by so much that the bound is none.

    Examples
    --------
    >>> disproved(-0.01), disproved(-1e-6), disproved(0.3)
    (True, False, False)
    """
    return certificate < -_DISAGREE


def reservation(certificate: float | None, absolute: float | None = None, what: str = "certificate") -> str:
    """Say why a plan that passed its AC check is amber and not green; empty where it is green.

    Parameters
    ----------
    certificate : float or None
        Distance from the best possible as a share of the objective; None where there is none.
    absolute : float or None
        The same in the unit of the objective, for an objective of next to nothing.
    what : str
        What the certificate is called.

    Examples
    --------
    >>> reservation(0.0012), reservation(None, 0.0)
    ('', '')
    >>> reservation(0.31)
    'its certificate, 31 %, is not below 5 %: a much better plan is not ruled out'
    >>> reservation(None)
    'there is no certificate: how near it is to the best is not known'
    """
    limit = f"{100 * GREEN_CERTIFICATE:g} %"
    if certificate is None or not math.isfinite(certificate):
        if absolute is not None and abs(absolute) <= _EXACT:
            return ""
        return "there is no certificate: how near it is to the best is not known"
    if disproved(certificate):
        return "there is no certificate: bound and AC power flow disagree"
    if certificate < GREEN_CERTIFICATE:
        return ""
    value = 100 * certificate
    told = f"{value:.2g}" if value < 100 else f"{value:.0f}"
    return f"its {what}, {told} %, is not below {limit}: a much better plan is not ruled out"


def amber(doubt: str) -> str:
    """Tell a reservation in the words of banner and terminal; empty where there is none.

    Examples
    --------
    >>> amber(reservation(None, None))[:34]
    'Amber, as there is no certificate:'
    """
    limit = f"{100 * GREEN_CERTIFICATE:g} %"
    return f"Amber, as {doubt}. Green needs a certificate below {limit}." if doubt else ""


def certificate_of(
    objective: float, bound: float, unit: str, rounding: float = 1e-6
) -> tuple[float | None, float | None, tuple[str, ...]]:
    """How far a plan that passed can be from the best, absolutely and relatively; nothing where the bound is disproved.

    Parameters
    ----------
    objective : float
        As AC power flow has it.
    bound : float
        Of the plan; -inf: none.
    unit : str
        Of both.
    rounding : float
        Share of the objective by which the bound may lie above it.

    Returns
    -------
    absolute, relative : float or None
        None where there is none.
    notes : tuple of str
        What the reader has to know.

    Examples
    --------
    >>> certificate_of(2.0, 1.5, "MW"), certificate_of(2.0, -math.inf, "MW")
    ((0.5, 0.25, ()), (None, None, ()))
    """
    difference = objective - bound
    if not math.isfinite(difference):
        return None, None, ()
    if difference < -rounding * max(abs(objective), 1e-6):
        note = (
            f"the bound {bound:.8g} {unit} lies above the AC objective {objective:.8g} {unit}: the two disagree, so "
            "there is no certificate; please report this."
        )
        return None, None, (note,)
    absolute = max(difference, 0.0)
    return absolute, absolute / abs(objective) if abs(objective) > 1e-9 else None, ()
