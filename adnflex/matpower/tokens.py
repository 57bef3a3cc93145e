"""MATPOWER files as a small language: tokens and statements."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


class StatementError(Exception):
    """One fault in one statement: line and sentence."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line
        self.sentence = sentence


class Silent(Exception):
    """A statement that cannot be carried out only because of a fault that is reported already."""


@dataclass(frozen=True)
class Token:
    """One token; `spaced`: a blank stands before it, which separates elements inside brackets."""

    kind: str
    text: str
    line: int
    spaced: bool = False
    values: tuple[float, ...] = ()


_TOKEN = re.compile(
    r"""(?P<number>(?:\d+(?:\.(?![*/^]))?\d*|\.\d+)(?:[eEdD][+-]?\d+)?)
      | (?P<name>[A-Za-z]\w*(?:\.[A-Za-z]\w*)*)
      | (?P<string>'(?:[^']|'')*'|"(?:[^"]|"")*")
      | (?P<op>\.[*/^]|[-+*/^()\[\]{},;:=~])""",
    re.VERBOSE,
)
_PLAIN_ROW = re.compile(r"[-+.\deE\s]+")
# What one statement may have; a matrix of plain numbers has one token a row.
_MAX_TOKENS = 300_000
_MAX_DEPTH = 100
_CLOSES = {")": "(", "]": "[", "}": "{"}


def _plain_row(line: str) -> tuple[float, ...] | None:
    """Numbers of a matrix row that is nothing but numbers; the short cut that makes large matrices fast."""
    text = line.split("%", 1)[0].strip().removesuffix(";")
    if not _PLAIN_ROW.fullmatch(text):
        return None
    try:
        return tuple(float(word) for word in text.split())
    except ValueError:  # an expression such as 1-2
        return None


def statements(text: str) -> Iterator[list[Token]]:
    """Tokens of one statement after the other; comments, blank lines and continuations are gone.

    Raises
    ------
    StatementError
        At a character that no statement here may contain, or a bracket without its partner.
    """
    tokens: list[Token] = []
    brackets: list[Token] = []
    continued = in_comment = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() in ("%{", "%}"):
            in_comment = line.strip() == "%{"
            continue
        if in_comment:
            continue
        if [b.text for b in brackets] == ["["] and not continued and (row := _plain_row(line)):
            tokens.append(Token("row", line.strip(), number, values=row))
            continue
        continued = False
        for token in _line_tokens(line, number, tokens):
            if token.kind == "continue":
                continued = True
                break
            _match_bracket(token, brackets)
            if len(tokens) >= _MAX_TOKENS:
                raise StatementError(
                    number, f"this statement has more than {_MAX_TOKENS:,} parts; type plain rows of numbers."
                )
            if not brackets and token.text in (";", ",") and token.kind == "op":
                if tokens:
                    yield tokens
                tokens = []
                continue
            tokens.append(token)
        if continued:
            continue
        if brackets:
            tokens.append(Token("newline", "end of line", number))
        elif tokens:
            yield tokens
            tokens = []
    if brackets:
        raise StatementError(brackets[0].line, f"'{brackets[0].text}' is not closed before the end of the file.")
    if tokens:
        yield tokens


def _match_bracket(token: Token, brackets: list[Token]) -> None:
    """Keep the stack of open brackets."""
    if token.kind != "op":
        return
    if token.text in _CLOSES.values():
        if len(brackets) >= _MAX_DEPTH:
            raise StatementError(token.line, "this expression is nested too deeply.")
        brackets.append(token)
    elif token.text in _CLOSES:
        if not brackets or brackets[-1].text != _CLOSES[token.text]:
            raise StatementError(token.line, f"'{token.text}' closes nothing that is open.")
        brackets.pop()


def _line_tokens(line: str, number: int, before: Sequence[Token]) -> Iterator[Token]:
    """Tokens of one physical line up to its comment; `before` are the statement's tokens so far."""
    at, spaced, last = 0, True, before[-1] if before else None
    while at < len(line):
        char = line[at]
        if char.isspace():
            at, spaced = at + 1, True
            continue
        if char == "%":
            return
        if line.startswith("...", at):
            yield Token("continue", "...", number)
            return
        value_before = last is not None and (last.kind in ("number", "name", "string") or last.text in _CLOSES)
        match = _TOKEN.match(line, at)
        if match is None or (char == "'" and value_before and not spaced):
            raise StatementError(
                number,
                f"the character {char} is not understood here; only numbers, names and arithmetic are.",
            )
        last = Token(str(match.lastgroup), match.group(), number, spaced)
        yield last
        at, spaced = match.end(), False
