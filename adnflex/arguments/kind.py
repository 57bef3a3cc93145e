"""What a kind of value is: it reads what a caller gave, in Python or as words of a command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd


class WrongValueError(ValueError):
    """Right in kind, wrong in value; the text says what would be right."""


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes
    ----------
    says : str
        What is right, to stand after "give".
    read : callable
        Returns the value in its usual type; raises ValueError or TypeError where it is of another kind.
    parse : callable, optional
        Makes such a value of a word of a command line; None where words cannot say it.
    form : str
        How such a word looks, for help.
    words : int or "+", optional
        How many words it is (`argparse` calls it ``nargs``), 0 for a switch; None: one.
    """

    says: str
    read: Callable[[Any], Any]
    parse: Callable[[str], Any] | None = None
    form: str = ""
    words: int | str | None = None

    @property
    def sayable(self) -> bool:
        """Whether words of a command line can say it."""
        return self.parse is not None

    def from_words(self, words: Sequence[str]) -> Any:
        """Read the words of a command line.

        Examples
        --------
        >>> from adnflex.arguments.study_kinds import limits
        >>> limits().from_words(["0.95", "1.05"])
        (0.95, 1.05)
        """
        assert self.parse is not None
        parsed = [self.parse(word) for word in words]
        if self.words is None:  # given several times, parts of a mapping come together, of the rest the last one counts
            merged = {key: value for part in parsed if isinstance(part, dict) for key, value in part.items()}
            return self.read(merged or parsed[-1])
        return self.read(tuple(parsed))


def shown(value: object) -> str:
    """Show a value in a sentence.

    Examples
    --------
    >>> shown("a"), shown([1, 2]), shown(pd.DataFrame({"a": [1]}))
    ("'a'", '[1, 2]', 'a DataFrame')
    """
    if isinstance(value, pd.DataFrame | pd.Series | np.ndarray) and value.size != 1:
        return f"a {type(value).__name__}"
    try:
        words = repr(value)
    except Exception:  # a caller's class may raise anything
        return f"a {type(value).__name__}"
    if words.startswith("<") or "\n" in words:
        return f"a {type(value).__name__}"
    return words if len(words) <= 60 else f"{words[:57]}..."


def require(good: bool) -> None:
    """Raise where a value is of another kind."""
    if not good:
        raise ValueError


def real(value: Any) -> float:
    """Return a number that is no truth and no text."""
    require(isinstance(value, Real) and not isinstance(value, bool | np.bool_))
    return float(value)


def indices_of(word: str) -> list[int]:
    """Read indices and ranges: ``1,2,5-9`` with both ends, ``A:B`` without B.

    Examples
    --------
    >>> indices_of("1,2,5-7"), indices_of("96:99")
    ([1, 2, 5, 6, 7], [96, 97, 98])
    """
    found: list[int] = []
    for part in word.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:([-:])\s*(\d+)\s*)?", part)
        require(match is not None)
        assert match is not None
        first, last = int(match[1]), int(match[3] or match[1]) - (match[2] == ":")
        require(first <= last)
        found.extend(range(first, last + 1))
    return list(dict.fromkeys(found))


def numbers_of(word: str) -> float | list[float]:
    """Read a number, or several with commas between."""
    found = [float(part) for part in word.split(",")]
    return found if "," in word else found[0]
