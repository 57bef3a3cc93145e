"""One tree of errors; every message names the element, its index, the number, the limit and the next step."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "AdnflexError",
    "Infeasible",
    "InputError",
    "NotRadial",
    "SolverError",
    "SolverUnavailable",
    "UnsupportedElement",
    "ValidationFailed",
]


class AdnflexError(Exception):
    """Base of all errors that adnflex raises on purpose."""


class InputError(AdnflexError):
    """The input is wrong; `findings` holds one sentence a fault, all of them collected before raising.

    Parameters
    ----------
    findings : str or sequence of str
        What is wrong, one sentence a fault.

    Examples
    --------
    >>> raise InputError(["line 3: length_km is -1.0; give a length above 0."])
    Traceback (most recent call last):
    ...
    adnflex.errors.InputError: line 3: length_km is -1.0; give a length above 0.
    """

    def __init__(self, findings: str | Sequence[str]) -> None:
        self.findings: tuple[str, ...] = (findings,) if isinstance(findings, str) else tuple(findings)
        lines = self.findings
        text = lines[0] if len(lines) == 1 else f"{len(lines)} faults:\n" + "\n".join(f"  - {f}" for f in lines)
        super().__init__(text)


class UnsupportedElement(InputError):
    """The net holds an element, or a column value, that no model here represents exactly."""


class NotRadial(InputError):
    """A closed path remains that no switch in the caller's choice can open."""


class Infeasible(AdnflexError):
    """No admissible answer exists; the smallest violation found is named.

    Attributes
    ----------
    violations : pandas.DataFrame or None
        The violated limits of the least violating answer, in the form of `Check.violations`.
    proven : bool
        Whether infeasibility is proven (True) or no answer was found in the time given (False).
    """

    def __init__(self, message: str, violations: object = None, proven: bool = False) -> None:
        super().__init__(message)
        self.violations = violations
        self.proven = proven


class SolverUnavailable(AdnflexError):
    """No installed solver can do what the model needs."""


class SolverError(AdnflexError):
    """A solver ended without a proven status, or its answer failed the residual check."""


class ValidationFailed(AdnflexError):
    """An answer failed its AC validation where the caller asked for a valid one."""
