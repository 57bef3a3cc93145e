"""Expressions of a MATPOWER file, evaluated while they are read, with Matlab"s precedence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol

import numpy as np

from adnflex.matpower.bounds import Account
from adnflex.matpower.tokens import StatementError, Token
from adnflex.matpower.types import Array, Value

_LONGEST_RANGE = 1e6


_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "sqrt": np.sqrt, "abs": np.abs, "exp": np.exp, "log": np.log, "log10": np.log10, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
}  # fmt: skip


def scalar(value: float) -> Array:
    """Make a number the 1 by 1 matrix that it is in this language."""
    return np.array([[value]], dtype=np.float64)


class Names(Protocol):
    """What an expression may look up, and who counts what it takes."""

    account: Account
    values: dict[str, Value]

    def key(self, name: str, /) -> str:
        """Name under which a variable or field is kept."""

    def array(self, token: Token, /) -> Array:
        """Value of a name that must be a number or a matrix."""


class Expressions:
    """Evaluate the expressions of one statement while reading them, with Matlab's precedence."""

    def __init__(self, tokens: Sequence[Token], program: Names) -> None:
        self.tokens = tokens
        self.program = program
        self.position = 0
        self.row_lines: list[int] = []
        # True directly inside [ ], where a blank separates two elements.
        self.in_matrix = False

    # -- moving along

    def peek(self, *texts: str) -> bool:
        """Whether the next token is one of these operators."""
        if self.position >= len(self.tokens):
            return False
        token = self.tokens[self.position]
        return token.kind == "op" and token.text in texts

    def take(self) -> Token:
        """Return the next token and go on."""
        if self.position >= len(self.tokens):
            raise StatementError(self.tokens[-1].line, "the statement ends too early.")
        self.position += 1
        return self.tokens[self.position - 1]

    def expect(self, text: str) -> None:
        """Take a token that has to be this one."""
        token = self.take()
        if token.text != text:
            self.refuse(token, f"; '{text}' is expected")

    def refuse(self, token: Token, more: str = "") -> NoReturn:
        """Say that a token is not understood."""
        raise StatementError(token.line, f"'{token.text}' is not understood here{more}.")

    # -- values

    def whole(self) -> Value:
        """Right-hand side up to the end of the statement."""
        if self.position < len(self.tokens) and self.tokens[self.position].kind == "string":
            value: Value = self.take().text[1:-1]
        elif self.peek("{"):
            value = self.cell()
        else:
            value = self.range()
        if self.position < len(self.tokens):
            self.refuse(self.tokens[self.position])
        return value

    def cell(self) -> list[str]:
        """Strings of a cell array; nothing else in it is used."""
        self.take()
        found = []
        while not self.peek("}"):
            token = self.take()
            if token.kind == "string":
                found.append(token.text[1:-1])
        self.take()
        return found

    def range(self) -> Array:
        """Read ``a`` or ``a:b``."""
        first = self.sum()
        if not self.peek(":"):
            return first
        colon = self.take()
        last = self.sum()
        if first.size != 1 or last.size != 1 or not abs(last.item() - first.item()) < _LONGEST_RANGE:
            self.refuse(colon)
        self.program.account.spend(int(max(last.item() - first.item(), 0)) + 1, colon.line)
        return np.arange(first.item(), last.item() + 1.0, dtype=np.float64)[np.newaxis, :]

    def sum(self) -> Array:
        """Read a sum."""
        left = self.product()
        while self.peek("+", "-") and not self._starts_element():
            operator = self.take()
            right = self.product()
            left = self._combine(left, operator, right)
        return left

    def _starts_element(self) -> bool:
        """Inside brackets ``[1 -2]`` are two elements, ``[1 - 2]`` and ``[1-2]`` are one."""
        if not self.in_matrix:
            return False
        sign, after = self.tokens[self.position], self.tokens[self.position + 1 : self.position + 2]
        return sign.spaced and bool(after) and not after[0].spaced

    def product(self) -> Array:
        """Read a product."""
        left = self.unary()
        while self.peek("*", "/", ".*", "./"):
            operator = self.take()
            left = self._combine(left, operator, self.unary())
        return left

    def unary(self) -> Array:
        """Read a value with its signs."""
        if self.peek("+", "-"):
            sign = self.take().text
            value = self.unary()
            return -value if sign == "-" else value
        return self.power()

    def power(self) -> Array:
        """Read a power."""
        left = self.operand()
        while self.peek("^", ".^"):
            operator = self.take()
            minus = self.peek("-") and bool(self.take())
            right = self.operand()
            left = self._combine(left, operator, -right if minus else right)
        return left

    def _combine(self, left: Array, operator: Token, right: Array) -> Array:
        """Arithmetic; matrix products and quotients, which no case file needs, are refused."""
        kind = operator.text
        scalars = (left.size == 1, right.size == 1)
        if (kind == "*" and not any(scalars)) or (kind == "/" and not scalars[1]) or (kind == "^" and not all(scalars)):
            self.refuse(operator, " between two matrices; write the operation element by element, with a dot")
        self.program.account.spend_both(left.shape, right.shape, operator.line)
        try:
            with np.errstate(all="ignore"):  # what is not finite in the end is reported with its row
                return _OPERATIONS[kind.removeprefix(".")](left, right)
        except ValueError:
            raise StatementError(
                operator.line,
                f"the sizes {left.shape} and {right.shape} on both sides of '{kind}' do not fit.",
            ) from None

    def operand(self) -> Array:
        """Read a number, a name, parentheses or a matrix."""
        token = self.take()
        if token.kind == "number":
            return scalar(float(token.text.lower().replace("d", "e")))
        if token.kind == "name":
            return self._named(token)
        if token.text == "(":
            value = self._outside_matrix(self.range)
            self.expect(")")
            return value
        if token.text == "[":
            return self.matrix()
        self.refuse(token)

    def _outside_matrix(self, read: Callable[[], Array]) -> Array:
        """Read something within parentheses, where blanks separate nothing."""
        outer, self.in_matrix = self.in_matrix, False
        value = read()
        self.in_matrix = outer
        return value

    def _named(self, token: Token) -> Array:
        """Read a variable, an indexed variable or a call of a function."""
        call = self.peek("(") and not (self.in_matrix and self.tokens[self.position].spaced)
        if not call:
            array = self.program.array(token)
            # a sign before it, or a function around it, makes as many again
            self.program.account.spend(array.size, token.line)
            return array
        if self.program.key(token.text) in self.program.values or token.text not in _FUNCTIONS:
            array = self.program.array(token)
            rows, columns = self.indices(array)
            self.program.account.spend(len(rows) * len(columns), token.line)
            return array[np.ix_(rows, columns)]
        self.take()
        argument = self._outside_matrix(self.range)
        self.expect(")")
        with np.errstate(all="ignore"):
            return _FUNCTIONS[token.text](argument)

    def indices(self, array: Array) -> tuple[list[int], list[int]]:
        """Read ``(rows, columns)`` as positions counted from 0."""
        opening = self.tokens[self.position]
        outer, self.in_matrix = self.in_matrix, False
        self.expect("(")
        rows = self._index(array.shape[0])
        if not self.peek(","):
            raise StatementError(opening.line, "give row and column of an element, separated by a comma.")
        self.take()
        columns = self._index(array.shape[1])
        self.expect(")")
        self.in_matrix = outer
        return rows, columns

    def _index(self, size: int) -> list[int]:
        start = self.tokens[min(self.position, len(self.tokens) - 1)]
        if self.peek(":"):
            self.take()
            self.program.account.spend(size, start.line)
            return list(range(size))
        chosen = self.range().ravel()
        for value in chosen:
            if not 1 <= value <= size or value != int(value):
                raise StatementError(start.line, f"index {value:g} is outside 1..{size}.")
        return [int(value) - 1 for value in chosen]

    def matrix(self) -> Array:
        """Read ``[...]`` after its opening bracket."""
        outer, self.in_matrix = self.in_matrix, True
        whole_value = self.position == 3  # name = [
        rows: list[tuple[float, ...]] = []
        lines: list[int] = []
        row: list[float] = []
        while True:
            token = self.tokens[self.position]
            if token.kind == "row":
                self.take()
                row.extend(token.values)
            ends = token.kind in ("row", "newline") or self.peek(";", "]")
            if not ends:
                row.extend(self._element(bool(row)))
            self.program.account.hold(len(rows) * len(rows[0] if rows else row) + len(row), token.line)
            if not ends:
                continue
            if row:
                if rows and len(row) != len(rows[0]):
                    raise StatementError(token.line, f"this row has {len(row)} columns, the first has {len(rows[0])}.")
                rows.append(tuple(row))
                lines.append(token.line)
                row = []
            if token.kind != "row" and self.take().text == "]":
                break
        self.in_matrix = outer
        if whole_value:
            self.row_lines = lines
        return np.array(rows, dtype=np.float64) if rows else np.empty((0, 0))

    def _element(self, follows: bool) -> list[float]:
        """Elements of one entry of a row: a number, or a row vector such as ``3:4``."""
        token = self.tokens[self.position]
        if self.peek(","):
            self.take()
            if not follows:
                self.refuse(token)
            return []
        before = self.tokens[self.position - 1]
        if follows and not token.spaced and before.text != ",":
            self.refuse(token)
        value = self.range()
        if value.shape[0] != 1:
            self.refuse(token, "; only numbers and row vectors are")
        return [float(v) for v in value[0]]


_OPERATIONS: dict[str, Callable[[Array, Array], Array]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power,
}  # fmt: skip
