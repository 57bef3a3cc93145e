"""One tree of errors; every message names the element, its index, the number, the limit and the next step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adnflex.text import sentence

__all__ = [
    "AdnflexError",
    "Finding",
    "Infeasible",
    "InputError",
    "NotRadial",
    "OutputError",
    "SolverError",
    "SolverUnavailable",
    "TimeExpired",
    "UnsupportedElement",
    "ValidationFailed",
]


# More indices, or different values, than this are counted in a sentence instead of listed.
_LISTED = 8


class Finding(str):
    """One fault of an input: an object, and the sentence that is made from it.

    Parameters
    ----------
    element : str
        Table of the net, or what else is wrong.
    column : str
        Column, or quantity; empty where the fault is of the whole table.
    indices : sequence
        Indices of the elements; empty where the fault is of the whole column.
    values : sequence
        What is there, one value an index (or one for all).
    limit : str
        What is said of the values, where they alone do not show what is wrong.
    next_step : str
        What to do.

    Examples
    --------
    >>> finding = Finding("line", "length_km", (3,), (-1.0,), next_step="give a value above 0")
    >>> finding
    'line 3: length_km is -1; give a value above 0.'
    >>> finding.element, finding.indices, finding.values
    ('line', (3,), (-1.0,))
    """

    element: str
    column: str
    indices: tuple[object, ...]
    values: tuple[object, ...]
    limit: str
    next_step: str

    def __new__(
        cls,
        element: str,
        column: str = "",
        indices: Sequence[object] = (),
        values: Sequence[object] = (),
        limit: str = "",
        next_step: str = "",
    ) -> Finding:
        """Make the sentence."""
        where = f"{element} {_listed(indices)}" if len(indices) else element
        shown = list(dict.fromkeys(_shown(v) for v in values))
        # without a value, `limit` is the whole sentence
        fault = ", ".join(part for part in (f"{column} is {_listed(shown)}", limit) if part) if shown else limit
        self = super().__new__(cls, f"{where}: {fault}; {next_step}.")
        self.element, self.column, self.limit, self.next_step = element, column, limit, next_step
        self.indices, self.values = tuple(indices), tuple(values)
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        # copies and pickles are made from the object, not from the sentence
        return self.element, self.column, self.indices, self.values, self.limit, self.next_step


def _listed(items: Sequence[object]) -> str:
    rest = len(items) - _LISTED
    head = ", ".join(str(i) for i in items[:_LISTED])
    return head if rest <= 0 else f"{head} and {rest} more"


def _shown(value: object) -> str:
    """Show a value of a table: numbers short, text in quotes, everything else cut."""
    if isinstance(value, float):
        return f"{value:g}"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


class AdnflexError(Exception):
    """Base of all errors that adnflex raises on purpose."""

    def __init__(self, message: object = "") -> None:
        # whatever a file of somebody else has put into it
        super().__init__(sentence(str(message)))


class InputError(AdnflexError):
    """The input is wrong; `findings` holds one sentence a fault, all of them collected before raising.

    Parameters
    ----------
    findings : str or sequence of str
        What is wrong, one sentence a fault; a `Finding` is a sentence that also says its parts.

    Examples
    --------
    >>> raise InputError(["line 3: length_km is -1.0; give a length above 0."])
    Traceback (most recent call last):
    ...
    adnflex.errors.InputError: line 3: length_km is -1.0; give a length above 0.
    """

    def __init__(self, findings: str | Sequence[str]) -> None:
        self.findings: tuple[str, ...] = tuple(
            sentence(finding) for finding in ((findings,) if isinstance(findings, str) else findings)
        )
        lines = self.findings
        text = lines[0] if len(lines) == 1 else f"{len(lines)} faults:\n" + "\n".join(f"  - {f}" for f in lines)
        # each is tamed already, and their number is no reason to cut them
        Exception.__init__(self, text)


class UnsupportedElement(InputError):
    """The net holds an element, or a column value, that no model here represents exactly."""


class OutputError(InputError):
    """A file cannot be written where it was asked for; an older one there is as it was."""


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
    switches : pandas.DataFrame or None
        The switch states of the least violating answer, in the form of `Plan.switches`; None: those of the net.
    net_name : str
        What its report calls the net; empty: as the net does.
    """

    def __init__(self, message: str, violations: object = None, proven: bool = False, switches: object = None) -> None:
        super().__init__(message)
        self.violations = violations
        self.proven = proven
        self.switches = switches
        self.net_name = ""


class SolverUnavailable(AdnflexError):
    """No installed solver can do what the model needs."""


class SolverError(AdnflexError):
    """A solver ended without a proven status, or its answer failed the residual check."""


class TimeExpired(SolverError):
    """The time was over before there was any answer; nothing is proven, neither an answer nor that there is none."""


class ValidationFailed(AdnflexError):
    """An answer failed its AC validation where the caller asked for a valid one."""
