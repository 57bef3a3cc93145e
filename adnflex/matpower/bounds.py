"""How much a case file may ask for: a few lines of a stranger's file must not take memory or time without end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adnflex.matpower.tokens import StatementError

# The largest published case, of 82,000 buses, stays far below each of these.
MAX_TEXT = 64 * 2**20
MAX_NUMBERS = 5_000_000
MAX_KEPT = 20_000_000
MAX_WORK = 200_000_000
MAX_FAULTS = 100

_NEXT_STEP = "no case needs that; take the statement out"


class Account:
    """Counts the numbers that a program makes and keeps."""

    def __init__(self) -> None:
        self._work = 0
        self._kept: dict[str, int] = {}

    def spend(self, count: int, line: int) -> None:
        """Allow for `count` numbers that are about to be made.

        Raises
        ------
        StatementError
            These are too many at once, or too many in all.

        Examples
        --------
        >>> Account().spend(10**10, line=3)
        Traceback (most recent call last):
        ...
        adnflex.matpower.tokens.StatementError: this asks for 10,000,000,000 numbers at once, and at most 5,000,000 are made; no case needs that; take the statement out.
        """  # noqa: E501
        if count > MAX_NUMBERS:
            raise StatementError(
                line, f"this asks for {count:,} numbers at once, and at most {MAX_NUMBERS:,} are made; {_NEXT_STEP}."
            )
        self._work += count
        if self._work > MAX_WORK:
            raise StatementError(
                line,
                f"up to here the file asks for more than {MAX_WORK:,} numbers; no case needs that.",
            )

    def hold(self, count: int, line: int) -> None:
        """Allow for a matrix that has `count` numbers by now."""
        if count > MAX_NUMBERS:
            raise StatementError(line, f"this matrix has more than {MAX_NUMBERS:,} numbers; {_NEXT_STEP}.")

    def spend_both(self, left: Sequence[int], right: Sequence[int], line: int) -> None:
        """Allow for what two matrices of these sizes make together; sizes that do not fit make nothing."""
        try:
            shape = np.broadcast_shapes(tuple(left), tuple(right))
        except ValueError:
            return
        self.spend(int(shape[0]) * int(shape[1]), line)

    def keep(self, key: str, count: int, line: int) -> None:
        """Allow for a variable; an older one of this name is gone."""
        self._kept[key] = count
        if sum(self._kept.values()) > MAX_KEPT:
            raise StatementError(line, f"the variables hold more than {MAX_KEPT:,} numbers together; {_NEXT_STEP}.")
