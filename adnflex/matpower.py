"""MATPOWER case files (``.m``) into pandapower nets, without Matlab.

Most distribution cases that come with MATPOWER are typed in ohm and kW and converted by statements at the end
of the file. Reading only the matrices therefore gives a wrong net without a warning, so this reader carries
those statements out: assignments, scaling of columns, named columns, arithmetic with matrices and a few
functions. Whatever else stands in the file is refused with its line number; nothing is skipped silently and
nothing is ever passed to ``eval``.

Two parts: the small language (`_statements`, `_Program`, `_Reader`), and the net (`_Case`, `_Builder`).

References
----------
R. D. Zimmerman, C. E. Murillo-Sanchez and R. J. Thomas, "MATPOWER: steady-state operations, planning and
analysis tools for power systems research and education", IEEE Trans. Power Syst. 26(1), 2011,
doi:10.1109/TPWRS.2010.2051168. The branch model is in section 3.2 of the MATPOWER manual.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import numpy.typing as npt
import pandapower as pp
from pandapower.auxiliary import pandapowerNet

from adnflex.errors import InputError

__all__ = ["read_matpower"]

log = logging.getLogger(__name__)

_Array = npt.NDArray[np.float64]
_Mask = Any  # comparisons of arrays, which numpy types as bool or array
_Value = _Array | str | list[str]

UNRATED_KA = 99999.0
"""Current rating, in kA, that pandapower's own converters write where a branch has none."""


def read_matpower(
    path_or_text: str | Path,
    *,
    name: str | None = None,
    impedances: Literal["as_file", "per_unit"] = "as_file",
    impedance_base_mva: float = 100.0,
    per_phase: bool = False,
) -> pandapowerNet:
    """Read a MATPOWER case (format version 2) as a pandapower net.

    Row ``k + 1`` of a matrix of the file has the index ``k`` in pandapower: buses always; a row of the branch
    matrix is the line, the transformer or (without impedance) the bus-bus switch of that index. Branches are
    named by their bus numbers (``"7-16"``), buses by ``mpc.bus_name`` or else their number. What is out of
    service stays as ``in_service=False``: a tie line.

    ======================================== ==============================================================
    MATPOWER                                 pandapower
    ======================================== ==============================================================
    bus of type 3, with its generator        ``ext_grid`` at the generator's set-point VG, one each
    generator at a bus of type 2             ``gen``
    any other generator                      ``sgen``
    PD, QD, also negative                    ``load``
    GS, BS                                   ``shunt``
    branch, TAP 0 or 1 and equal base kV     ``line`` of 1 km (BR_B as its capacitance)
    branch, other TAP, SHIFT or two base kV  ``trafo``, its ratio in the rated voltages (BR_B as two shunts)
    RATE_A > 0                               ``max_i_ka`` or ``sn_mva``, with ``max_loading_percent=100``
    VMIN, VMAX                               ``min_vm_pu``, ``max_vm_pu``
    polynomial costs up to degree 2          ``poly_cost``
    ======================================== ==============================================================

    Not read: other ratings (RATE_B, RATE_C), angle limits, ramp rates, capability curves, areas and zones.

    Parameters
    ----------
    path_or_text : str or pathlib.Path
        The file, or its text (a string with a line break in it).
    name : str, optional
        Name of the net; by default that of the function in the file.
    impedances : {"as_file", "per_unit"}
        With ``"per_unit"`` the columns r and x are taken as they are typed, in per unit on
        `impedance_base_mva`, and what the file does to them is disregarded. ``case16ci`` needs it: the file
        converts from ohm (loss 312.78 kW), while the published loss of 511.44 kW belongs to the same numbers
        in per unit on 100 MVA.
    impedance_base_mva : float
        Base power, in MVA, for ``impedances="per_unit"``.
    per_phase : bool
        The file holds one phase of a balanced three-phase system (``case533mt_hi``, ``case533mt_lo``): powers
        are tripled and voltages multiplied by the square root of 3, so that the net has line-to-line kV and
        total MW.

    Returns
    -------
    pandapowerNet
        The net, with MATPOWER's base power as its ``sn_mva``.

    Raises
    ------
    InputError
        The file is missing, has a statement that this reader does not understand, or data that do not fit
        together; each fault with its line number.

    Examples
    --------
    >>> net = read_matpower('''function mpc = two_buses
    ... mpc.version = '2';
    ... mpc.baseMVA = 10;
    ... mpc.bus = [  % kW and kvar
    ...     1  3  0    0   0  0  1  1  0  12.66  1  1    1;
    ...     2  1  100  60  0  0  1  1  0  12.66  1  1.1  0.9;
    ... ];
    ... mpc.gen = [1  0  0  10  -10  1  100  1  10  0];
    ... mpc.branch = [1  2  0.0922  0.0470  0  0  0  0  0  0  1  -360  360];  % ohm
    ... Zbase = mpc.bus(1, 10)^2 / mpc.baseMVA;
    ... mpc.branch(:, [3 4]) = mpc.branch(:, [3 4]) / Zbase;
    ... mpc.bus(:, 3:4) = mpc.bus(:, 3:4) / 1e3;
    ... ''')
    >>> net.name, float(net.load.p_mw[0]), round(float(net.line.r_ohm_per_km[0]), 4)
    ('two_buses', 0.1, 0.0922)
    """
    if impedances not in ("as_file", "per_unit"):
        raise InputError(f"impedances is {impedances!r}; give 'as_file' or 'per_unit'.")
    if not impedance_base_mva > 0:
        raise InputError(f"impedance_base_mva is {impedance_base_mva:g}; give a base power above 0 MVA.")
    text, label = _source(path_or_text)
    program = _Program(text, label)
    case = _case(program)
    if impedances == "per_unit":
        case = _with_typed_impedances(case, program, impedance_base_mva)
    if per_phase:
        case = _three_phase(case)
    return _Builder(case, name or program.name or Path(label).stem).net()


def _source(path_or_text: str | Path) -> tuple[str, str]:
    """Text of the case and what to call it in messages."""
    if isinstance(path_or_text, str) and "\n" in path_or_text:
        return path_or_text, "MATPOWER text"
    path = Path(path_or_text)
    try:
        # Comments may hold names in any encoding; the statements themselves are ASCII.
        return path.read_text(encoding="utf-8-sig", errors="replace"), path.name
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{path}: the MATPOWER case cannot be read ({reason}); give the path of a .m file."
        ) from error


# --- the language: tokens -------------------------------------------------------------------------


class _Fault(Exception):
    """One fault in one statement: line and sentence."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line
        self.sentence = sentence


class _Silent(Exception):
    """A statement that cannot be carried out only because of a fault that is reported already."""


@dataclass(frozen=True)
class _Token:
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


def _statements(text: str) -> Iterator[list[_Token]]:
    """Tokens of one statement after the other; comments, blank lines and continuations are gone.

    Raises
    ------
    _Fault
        At a character that no statement here may contain, or a bracket without its partner.
    """
    tokens: list[_Token] = []
    brackets: list[_Token] = []
    continued = in_comment = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() in ("%{", "%}"):
            in_comment = line.strip() == "%{"
            continue
        if in_comment:
            continue
        if [b.text for b in brackets] == ["["] and not continued and (row := _plain_row(line)):
            tokens.append(_Token("row", line.strip(), number, values=row))
            continue
        continued = False
        for token in _line_tokens(line, number, tokens):
            if token.kind == "continue":
                continued = True
                break
            _match_bracket(token, brackets)
            if not brackets and token.text in (";", ",") and token.kind == "op":
                if tokens:
                    yield tokens
                tokens = []
                continue
            tokens.append(token)
        if continued:
            continue
        if brackets:
            tokens.append(_Token("newline", "end of line", number))
        elif tokens:
            yield tokens
            tokens = []
    if brackets:
        raise _Fault(brackets[0].line, f"'{brackets[0].text}' is not closed before the end of the file.")
    if tokens:
        yield tokens


def _match_bracket(token: _Token, brackets: list[_Token]) -> None:
    """Keep the stack of open brackets."""
    if token.kind != "op":
        return
    if token.text in _CLOSES.values():
        brackets.append(token)
    elif token.text in _CLOSES:
        if not brackets or brackets[-1].text != _CLOSES[token.text]:
            raise _Fault(token.line, f"'{token.text}' closes nothing that is open.")
        brackets.pop()


def _line_tokens(line: str, number: int, before: Sequence[_Token]) -> Iterator[_Token]:
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
            yield _Token("continue", "...", number)
            return
        value_before = last is not None and (
            last.kind in ("number", "name", "string") or last.text in _CLOSES
        )
        match = _TOKEN.match(line, at)
        if match is None or (char == "'" and value_before and not spaced):
            raise _Fault(
                number,
                f"the character {char} is not understood here; only numbers, names and arithmetic are.",
            )
        last = _Token(str(match.lastgroup), match.group(), number, spaced)
        yield last
        at, spaced = match.end(), False


# --- the language: statements and values ----------------------------------------------------------

_BUS_NAMES = ("PQ PV REF NONE BUS_I BUS_TYPE PD QD GS BS BUS_AREA VM VA BASE_KV ZONE VMAX VMIN "
              "LAM_P LAM_Q MU_VMAX MU_VMIN")  # fmt: skip
_BRANCH_NAMES = ("F_BUS T_BUS BR_R BR_X BR_B RATE_A RATE_B RATE_C TAP SHIFT BR_STATUS PF QF PT QT "
                 "MU_SF MU_ST ANGMIN ANGMAX MU_ANGMIN MU_ANGMAX")  # fmt: skip
_GEN_NAMES = ("GEN_BUS PG QG QMAX QMIN VG MBASE GEN_STATUS PMAX PMIN MU_PMAX MU_PMIN MU_QMAX MU_QMIN "
              "PC1 PC2 QC1MIN QC1MAX QC2MIN QC2MAX RAMP_AGC RAMP_10 RAMP_30 RAMP_Q APF")  # fmt: skip
_COST_NAMES = "PW_LINEAR POLYNOMIAL MODEL STARTUP SHUTDOWN NCOST COST"

# What MATPOWER's functions of named columns return, in their order (columns count from 1).
_NAMED_COLUMNS: dict[str, tuple[int, ...]] = {
    "idx_bus": (1, 2, 3, 4, *range(1, 18)),
    "idx_brch": (*range(1, 12), *range(14, 20), 12, 13, 20, 21),
    "idx_gen": (*range(1, 11), *range(22, 26), *range(11, 22)),
    "idx_cost": (1, 2, 1, 2, 3, 4, 5),
}
_ALL_NAMES = {
    "idx_bus": _BUS_NAMES,
    "idx_brch": _BRANCH_NAMES,
    "idx_gen": _GEN_NAMES,
    "idx_cost": _COST_NAMES,
}

_LONGEST_RANGE = 1e6
_KEYWORDS = frozenset(["if", "else", "elseif", "for", "while", "switch", "case", "try", "catch", "global"])
_CONSTANTS = {"pi": math.pi, "Inf": math.inf, "inf": math.inf, "NaN": math.nan, "nan": math.nan}
_FUNCTIONS: dict[str, Callable[[_Array], _Array]] = {
    "sqrt": np.sqrt, "abs": np.abs, "exp": np.exp, "log": np.log, "log10": np.log10, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
}  # fmt: skip


def _scalar(value: float) -> _Array:
    return np.array([[value]], dtype=np.float64)


class _Program:
    """A case file carried out, statement by statement.

    Attributes
    ----------
    name : str
        Name of the function, empty where the text has none.
    values : dict
        Every variable and field (``"mpc.bus"``) at the end; numbers are two-dimensional arrays.
    typed : dict
        Every matrix as it was typed, before any statement changed it.
    row_lines : dict
        Line of each row of such a matrix.
    """

    def __init__(self, text: str, label: str) -> None:
        self.label = label
        self.name = ""
        self.struct = "mpc"
        self.values: dict[str, _Value] = {}
        self.typed: dict[str, _Array] = {}
        self.row_lines: dict[str, list[int]] = {}
        self._broken: set[str] = set()
        self._faults: list[str] = []
        try:
            for tokens in _statements(text):
                self._attempt(tokens)
        except _Fault as fault:
            self._report(fault)
        if self._faults:
            raise InputError(self._faults)

    def at(self, line: int, sentence: str) -> str:
        """Return the sentence with file and line in front."""
        return f"{self.label}, line {line}: {sentence}"

    def _report(self, fault: _Fault) -> None:
        self._faults.append(self.at(fault.line, fault.sentence))

    def _attempt(self, tokens: list[_Token]) -> None:
        """Carry out one statement; after a fault go on, so that all faults of a file come out at once."""
        try:
            self._statement(tokens)
            return
        except _Fault as fault:
            self._report(fault)
        except RecursionError:
            self._report(_Fault(tokens[0].line, "this expression is nested too deeply."))
        except _Silent:
            pass
        # What this statement would have set is unknown now: statements that need it are not reported on top.
        until = next((i for i, t in enumerate(tokens) if t.text == "="), 0)
        targets = tokens[: until if tokens[0].text == "[" else 1]
        self._broken.update(t.text for t in targets if t.kind == "name")

    def _statement(self, tokens: list[_Token]) -> None:
        first = tokens[0]
        if first.text == "function":
            self._header(tokens)
        elif first.kind == "name" and len(tokens) == 1 and first.text in ("end", "return", "endfunction"):
            pass
        elif first.text == "define_constants" and len(tokens) == 1:
            for source, names in _ALL_NAMES.items():
                self._name_columns(names.split(), source, first.line)
        elif first.text == "[":
            self._destructure(tokens)
        elif first.kind == "name" and first.text not in _KEYWORDS and any(t.text == "=" for t in tokens):
            self._assign(tokens)
        else:
            raise _Fault(
                first.line,
                f"the statement that begins with '{first.text}' is not understood; only assignments are.",
            )

    def _header(self, tokens: list[_Token]) -> None:
        """Read ``function mpc = name``."""
        texts = [t.text for t in tokens]
        if len(texts) < 4 or texts[2] != "=" or tokens[1].kind != "name":
            raise _Fault(
                tokens[0].line,
                "the function must return one struct, as in 'function mpc = name'; "
                "convert a case of format version 1 with MATPOWER's savecase.",
            )
        if self.name:
            raise _Fault(tokens[0].line, "a second function in one file is not understood.")
        self.struct, self.name = texts[1], texts[3]

    def _destructure(self, tokens: list[_Token]) -> None:
        """Carry out ``[PQ, PV, ...] = idx_bus``."""
        texts = [t.text for t in tokens if t.kind != "newline"]
        end = texts.index("]")
        if texts[end + 1 : end + 2] != ["="] or len(texts) != end + 3 or texts[-1] not in _NAMED_COLUMNS:
            known = ", ".join(_NAMED_COLUMNS)
            raise _Fault(
                tokens[0].line, f"only the named columns of {known} can be assigned to a list of names."
            )
        names = [text for text in texts[1:end] if text != ","]
        if wrong := [text for text in names if not (text.isidentifier() or text == "~")]:
            raise _Fault(tokens[0].line, f"'{wrong[0]}' is no name that a value can be assigned to.")
        self._name_columns(names, texts[-1], tokens[0].line)

    def _name_columns(self, names: list[str], source: str, line: int) -> None:
        columns = _NAMED_COLUMNS[source]
        if len(names) > len(columns):
            raise _Fault(line, f"{source} returns {len(columns)} values, not {len(names)}.")
        for name, column in zip(names, columns, strict=False):
            if name != "~":
                self.values[name] = _scalar(column)

    def _assign(self, tokens: list[_Token]) -> None:
        """Carry out ``name = value`` and ``name(rows, columns) = value``."""
        reader = _Reader(tokens, self)
        target = reader.take()
        key = self.key(target.text)
        if reader.peek("="):
            reader.take()
            value = reader.whole()
            self._broken.discard(target.text)
            self.values[key] = value
            if reader.row_lines and isinstance(value, np.ndarray):
                self.typed[key] = value.copy()
                self.row_lines[key] = reader.row_lines
            return
        array = self.array(target)
        rows, columns = reader.indices(array)
        reader.expect("=")
        value = reader.whole()
        block = np.ix_(rows, columns)
        if not isinstance(value, np.ndarray) or (value.size != 1 and value.shape != array[block].shape):
            raise _Fault(
                target.line,
                f"what is assigned does not fit the {len(rows)} x {len(columns)} elements of "
                f"{target.text} on the left.",
            )
        changed = array.copy()
        changed[block] = value
        self.values[key] = changed

    def key(self, name: str) -> str:
        """Fields are kept under ``mpc``, whatever the file calls its struct."""
        head, dot, rest = name.partition(".")
        return f"mpc.{rest}" if dot and head == self.struct else name

    def lookup(self, token: _Token) -> _Value:
        """Value of a name."""
        if token.text in self._broken:
            raise _Silent
        value = self.values.get(self.key(token.text))
        if value is not None:
            return value
        if token.text in _CONSTANTS:
            return _scalar(_CONSTANTS[token.text])
        raise _Fault(token.line, f"'{token.text}' is not known here.")

    def array(self, token: _Token) -> _Array:
        """Value of a name that must be a number or a matrix."""
        value = self.lookup(token)
        if not isinstance(value, np.ndarray):
            raise _Fault(token.line, f"'{token.text}' is text, not a number.")
        return value


class _Reader:
    """Evaluate the expressions of one statement while reading them, with Matlab's precedence."""

    def __init__(self, tokens: Sequence[_Token], program: _Program) -> None:
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

    def take(self) -> _Token:
        if self.position >= len(self.tokens):
            raise _Fault(self.tokens[-1].line, "the statement ends too early.")
        self.position += 1
        return self.tokens[self.position - 1]

    def expect(self, text: str) -> None:
        token = self.take()
        if token.text != text:
            self.refuse(token, f"; '{text}' is expected")

    def refuse(self, token: _Token, more: str = "") -> NoReturn:
        raise _Fault(token.line, f"'{token.text}' is not understood here{more}.")

    # -- values

    def whole(self) -> _Value:
        """Right-hand side up to the end of the statement."""
        if self.position < len(self.tokens) and self.tokens[self.position].kind == "string":
            value: _Value = self.take().text[1:-1]
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

    def range(self) -> _Array:
        """Read ``a`` or ``a:b``."""
        first = self.sum()
        if not self.peek(":"):
            return first
        colon = self.take()
        last = self.sum()
        if first.size != 1 or last.size != 1 or not abs(last.item() - first.item()) < _LONGEST_RANGE:
            self.refuse(colon)
        return np.arange(first.item(), last.item() + 1.0, dtype=np.float64)[np.newaxis, :]

    def sum(self) -> _Array:
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

    def product(self) -> _Array:
        left = self.unary()
        while self.peek("*", "/", ".*", "./"):
            operator = self.take()
            left = self._combine(left, operator, self.unary())
        return left

    def unary(self) -> _Array:
        if self.peek("+", "-"):
            sign = self.take().text
            value = self.unary()
            return -value if sign == "-" else value
        return self.power()

    def power(self) -> _Array:
        left = self.operand()
        while self.peek("^", ".^"):
            operator = self.take()
            minus = self.peek("-") and bool(self.take())
            right = self.operand()
            left = self._combine(left, operator, -right if minus else right)
        return left

    def _combine(self, left: _Array, operator: _Token, right: _Array) -> _Array:
        """Arithmetic; matrix products and quotients, which no case file needs, are refused."""
        kind = operator.text
        scalars = (left.size == 1, right.size == 1)
        if (
            (kind == "*" and not any(scalars))
            or (kind == "/" and not scalars[1])
            or (kind == "^" and not all(scalars))
        ):
            self.refuse(operator, " between two matrices; write the operation element by element, with a dot")
        try:
            with np.errstate(all="ignore"):  # what is not finite in the end is reported with its row
                return _OPERATIONS[kind.removeprefix(".")](left, right)
        except ValueError:
            raise _Fault(
                operator.line,
                f"the sizes {left.shape} and {right.shape} on both sides of '{kind}' do not fit.",
            ) from None

    def operand(self) -> _Array:
        token = self.take()
        if token.kind == "number":
            return _scalar(float(token.text.lower().replace("d", "e")))
        if token.kind == "name":
            return self._named(token)
        if token.text == "(":
            value = self._outside_matrix(self.range)
            self.expect(")")
            return value
        if token.text == "[":
            return self.matrix()
        self.refuse(token)

    def _outside_matrix(self, read: Callable[[], _Array]) -> _Array:
        """Read something within parentheses, where blanks separate nothing."""
        outer, self.in_matrix = self.in_matrix, False
        value = read()
        self.in_matrix = outer
        return value

    def _named(self, token: _Token) -> _Array:
        """Read a variable, an indexed variable or a call of a function."""
        call = self.peek("(") and not (self.in_matrix and self.tokens[self.position].spaced)
        if not call:
            return self.program.array(token)
        if self.program.key(token.text) in self.program.values or token.text not in _FUNCTIONS:
            array = self.program.array(token)
            rows, columns = self.indices(array)
            return array[np.ix_(rows, columns)]
        self.take()
        argument = self._outside_matrix(self.range)
        self.expect(")")
        with np.errstate(all="ignore"):
            return _FUNCTIONS[token.text](argument)

    def indices(self, array: _Array) -> tuple[list[int], list[int]]:
        """Read ``(rows, columns)`` as positions counted from 0."""
        opening = self.tokens[self.position]
        outer, self.in_matrix = self.in_matrix, False
        self.expect("(")
        rows = self._index(array.shape[0])
        if not self.peek(","):
            raise _Fault(opening.line, "give row and column of an element, separated by a comma.")
        self.take()
        columns = self._index(array.shape[1])
        self.expect(")")
        self.in_matrix = outer
        return rows, columns

    def _index(self, size: int) -> list[int]:
        start = self.tokens[min(self.position, len(self.tokens) - 1)]
        if self.peek(":"):
            self.take()
            return list(range(size))
        chosen = self.range().ravel()
        for value in chosen:
            if not 1 <= value <= size or value != int(value):
                raise _Fault(start.line, f"index {value:g} is outside 1..{size}.")
        return [int(value) - 1 for value in chosen]

    def matrix(self) -> _Array:
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
                continue
            if row:
                if rows and len(row) != len(rows[0]):
                    raise _Fault(
                        token.line, f"this row has {len(row)} columns, the first has {len(rows[0])}."
                    )
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


_OPERATIONS: dict[str, Callable[[_Array, _Array], _Array]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power,
}  # fmt: skip


# --- the case: matrices that fit together ---------------------------------------------------------

# Columns of MATPOWER's matrices, from 0.
BUS_I, BUS_TYPE, PD, QD, GS, BS, _, _, VA, BASE_KV, _, VMAX, VMIN = range(13)
GEN_BUS, PG, QG, QMAX, QMIN, VG, _, GEN_STATUS, PMAX, PMIN = range(10)
F_BUS, T_BUS, BR_R, BR_X, BR_B, RATE_A, _, _, TAP, SHIFT, BR_STATUS = range(11)

_REFERENCE, _VOLTAGE_CONTROLLED, _ISOLATED = 3, 2, 4

# Fields without meaning for the net; anything else but the matrices is refused.
_IGNORED = frozenset(
    ["areas", "gentype", "genfuel", "branch_name", "gen_name", "baseMVA", "version", "userdata"]
)


@dataclass(frozen=True)
class _Case:
    """The matrices after all statements, in MATPOWER's units (MW, MVAr, per unit on `base_mva`)."""

    label: str
    base_mva: float
    bus: _Array
    gen: _Array
    branch: _Array
    gencost: _Array | None = None
    bus_name: tuple[str, ...] | None = None
    lines: dict[str, list[int]] = field(default_factory=dict)

    def line_of(self, matrix: str, row: int) -> str:
        """``file, line n`` of a row, where it was typed."""
        lines = self.lines.get(f"mpc.{matrix}", [])
        place = f"line {lines[row]}" if row < len(lines) else f"mpc.{matrix} row {row + 1}"
        return f"{self.label}, {place}"

    @property
    def branch_names(self) -> list[str]:
        """Branches by the numbers of their buses: ``7-16``."""
        return [f"{_id(ends[F_BUS])}-{_id(ends[T_BUS])}" for ends in self.branch]


def _case(program: _Program) -> _Case:
    """Collect what the program left behind; all faults of the data at once."""
    faults = _unknown_fields(program)
    version = program.values.get("mpc.version", "2")
    if _shown(version).strip("'") != "2":
        faults.append(
            f"{program.label}: the format version is {_shown(version)}; only version 2 is read, "
            "which MATPOWER's savecase writes."
        )
    base = program.values.get("mpc.baseMVA")
    if not (isinstance(base, np.ndarray) and base.size == 1 and 0 < base.item() < math.inf):
        faults.append(f"{program.label}: mpc.baseMVA is {_shown(base)}; give a base power above 0 MVA.")
    matrices = {name: _matrix(program, name, width, faults) for name, width in _WIDTHS.items()}
    if faults:
        raise InputError(faults)
    costs, names = program.values.get("mpc.gencost"), program.values.get("mpc.bus_name")
    case = _Case(
        label=program.label,
        base_mva=float(np.asarray(base).item()),
        bus=matrices["bus"],
        gen=matrices["gen"],
        branch=matrices["branch"],
        gencost=costs if isinstance(costs, np.ndarray) and costs.size else None,
        bus_name=tuple(names) if isinstance(names, list) else None,
        lines=program.row_lines,
    )
    if faults := [*_bus_faults(case), *_gen_faults(case), *_branch_faults(case), *_cost_faults(case)]:
        raise InputError(faults)
    return case


_WIDTHS = {"bus": 13, "gen": 10, "branch": 11}
"""Columns that must be there; what stands right of them is not needed for the net."""


def _id(number: float) -> str:
    """Write a bus number in full, however large."""
    return f"{number:.15g}"


def _shown(value: _Value | None) -> str:
    if value is None:
        return "missing"
    if isinstance(value, np.ndarray) and value.size == 1:
        return f"{value.item():g}"
    return repr(value) if isinstance(value, str) else "no number"


def _unknown_fields(program: _Program) -> list[str]:
    """Fields that would change the net but are not represented."""
    faults = []
    for key, value in program.values.items():
        name = key.removeprefix("mpc.")
        if name == key or name in _IGNORED or name in _WIDTHS or name in ("gencost", "bus_name"):
            continue
        if isinstance(value, np.ndarray) and value.size == 0:
            continue
        faults.append(
            f"{program.label}: the field mpc.{name} is not understood; remove it if the net does not need it."
        )
    return faults


def _matrix(program: _Program, name: str, width: int, faults: list[str]) -> _Array:
    """One of the three matrices, wide enough."""
    value = program.values.get(f"mpc.{name}")
    if not isinstance(value, np.ndarray) or not value.size:
        faults.append(f"{program.label}: the matrix mpc.{name} is missing.")
    elif value.shape[1] < width:
        faults.append(
            f"{program.label}: mpc.{name} has {value.shape[1]} columns; format version 2 has {width} or more."
        )
    else:
        return value
    return np.empty((0, width))


def _faults_in(case: _Case, matrix: str, checks: Sequence[tuple[_Mask, Callable[[int], str]]]) -> list[str]:
    """One finding for all rows with the same fault: the first is shown, the others are counted."""
    faults = []
    for wrong, sentence in checks:
        rows = np.flatnonzero(wrong).tolist()
        more = f" ({len(rows)} rows have this fault.)" if len(rows) > 1 else ""
        faults += [f"{case.line_of(matrix, row)}: {sentence(row)}{more}" for row in rows[:1]]
    return faults


def _bus_faults(case: _Case) -> list[str]:
    bus, name = case.bus, [f"bus {_id(number)}" for number in case.bus[:, BUS_I]]
    used = bus[:, [BUS_I, BUS_TYPE, PD, QD, GS, BS, VA, BASE_KV]]
    first = {number: row for row, number in reversed(list(enumerate(name)))}
    faults = _faults_in(case, "bus", [
        (~np.isfinite(used).all(axis=1), lambda k: f"{name[k]} has a value that is no number."),
        ([first[number] != row for row, number in enumerate(name)], lambda k: f"{name[k]} is there twice."),
        (~np.isin(bus[:, BUS_TYPE], (1, 2, 3, 4)),
         lambda k: f"{name[k]} is of type {bus[k, BUS_TYPE]:g}; give 1, 2, 3 or 4."),
        (~(bus[:, BASE_KV] > 0),
         lambda k: f"{name[k]} has a base of {bus[k, BASE_KV]:g} kV; give its nominal voltage."),
        (~(bus[:, VMIN] <= bus[:, VMAX]),
         lambda k: f"{name[k]} has VMIN {bus[k, VMIN]:g} above VMAX {bus[k, VMAX]:g} per unit; swap them."),
    ])  # fmt: skip
    if case.bus_name is not None and len(case.bus_name) != len(bus):
        faults.append(f"{case.label}: mpc.bus_name has {len(case.bus_name)} names for {len(bus)} buses.")
    if not np.any(bus[:, BUS_TYPE] == _REFERENCE):
        faults.append(f"{case.label}: no bus is a reference (type 3); give the type 3 to the feeding bus.")
    return faults


def _gen_faults(case: _Case) -> list[str]:
    bus, gen = case.bus, case.gen
    at, on = gen[:, GEN_BUS], gen[:, GEN_STATUS] > 0
    used = gen[:, [GEN_BUS, PG, QG, VG, GEN_STATUS]]
    unfed = (bus[:, BUS_TYPE] == _REFERENCE) & ~np.isin(bus[:, BUS_I], at[on])
    faults = _faults_in(case, "gen", [
        (~np.isfinite(used).all(axis=1), lambda k: "this generator has a value that is no number."),
        (~np.isin(at, bus[:, BUS_I]),
         lambda k: f"the generator is at bus {_id(at[k])}, which mpc.bus does not have."),
    ])  # fmt: skip
    faults += _faults_in(case, "bus", [
        (unfed, lambda k: f"bus {_id(bus[k, BUS_I])} is a reference (type 3) without a generator in service; "
         "add one, whose VG is the set-point."),
    ])  # fmt: skip
    controlled = set(bus[np.isin(bus[:, BUS_TYPE], (_VOLTAGE_CONTROLLED, _REFERENCE)), BUS_I].tolist())
    first: dict[float, int] = {}
    for k in np.flatnonzero(on).tolist():
        other = first.setdefault(at[k], k)
        if at[k] in controlled and gen[other, VG] != gen[k, VG]:
            faults.append(
                f"{case.line_of('gen', k)}: the set-point VG at bus {_id(at[k])} is {gen[k, VG]:g}, "
                f"another generator there has {gen[other, VG]:g}; give one."
            )
    return faults


def _branch_faults(case: _Case) -> list[str]:
    branch, name = case.branch, [f"the branch {text}" for text in case.branch_names]
    ends = branch[:, [F_BUS, T_BUS]]
    used = branch[:, [F_BUS, T_BUS, BR_R, BR_X, BR_B, TAP, SHIFT, BR_STATUS]]
    faults = _faults_in(case, "branch", [
        (~np.isfinite(used).all(axis=1) | np.isnan(branch[:, RATE_A]),
         lambda k: f"{name[k]} has a value that is no number."),
        (~np.isin(ends, case.bus[:, BUS_I]).all(axis=1),
         lambda k: f"{name[k]} ends at a bus that mpc.bus does not have."),
        (ends[:, 0] == ends[:, 1], lambda k: f"{name[k]} begins and ends at the same bus."),
        (branch[:, TAP] < 0,
         lambda k: f"{name[k]} has the ratio {branch[k, TAP]:g}; give 0 for a line, or a ratio above 0."),
        (branch[:, RATE_A] < 0,
         lambda k: f"{name[k]} has RATE_A {branch[k, RATE_A]:g} MVA; give 0 for no limit, or more."),
    ])  # fmt: skip
    if faults:
        return faults
    more_than_a_switch = (_kinds(case) == "trafo") | (branch[:, BR_B] != 0)
    return _faults_in(case, "branch", [
        ((branch[:, BR_R] == 0) & (branch[:, BR_X] == 0) & more_than_a_switch,
         lambda k: f"{name[k]} has a ratio, two base voltages or charging, but r = x = 0; give x."),
    ])  # fmt: skip


def _cost_faults(case: _Case) -> list[str]:
    costs, generators = case.gencost, len(case.gen)
    if costs is None:
        return []
    if costs.shape[1] < 5 or len(costs) not in (generators, 2 * generators):
        return [
            f"{case.label}: mpc.gencost has {len(costs)} rows and {costs.shape[1]} columns; give one row for "
            f"each of the {generators} generators, with 5 columns or more."
        ]
    no_number = ~np.isfinite(costs).all(axis=1)
    return _faults_in(case, "gencost", [(no_number, lambda k: "this cost has a value that is no number.")])


def _positions(case: _Case, numbers: _Array) -> npt.NDArray[np.int64]:
    """Rows of the bus matrix that carry these bus numbers."""
    row = {number: k for k, number in enumerate(case.bus[:, BUS_I].tolist())}
    return np.array([row[n] for n in numbers.tolist()], dtype=np.int64)


def _kinds(case: _Case) -> npt.NDArray[np.str_]:
    """Tell what each branch is: ``line``, ``trafo`` or, without impedance, ``switch``."""
    branch = case.branch
    kv = case.bus[:, BASE_KV]
    two_levels = kv[_positions(case, branch[:, F_BUS])] != kv[_positions(case, branch[:, T_BUS])]
    # Some files write the ratio 1 for every line; with equal voltages it means nothing.
    trafo = ~np.isin(branch[:, TAP], (0.0, 1.0)) | (branch[:, SHIFT] != 0) | two_levels
    bare = (branch[:, BR_R] == 0) & (branch[:, BR_X] == 0)
    return np.where(trafo, "trafo", np.where(bare, "switch", "line"))


def _with_typed_impedances(case: _Case, program: _Program, base_mva: float) -> _Case:
    """Take r and x as typed, in per unit on `base_mva`, not as the file's statements leave them."""
    typed = program.typed.get("mpc.branch")
    if typed is None or typed.shape != case.branch.shape:
        raise InputError(
            f"{case.label}: impedances='per_unit' needs mpc.branch typed as one matrix of numbers; "
            "read the case with impedances='as_file'."
        )
    branch = case.branch.copy()
    branch[:, [BR_R, BR_X]] = typed[:, [BR_R, BR_X]] * (case.base_mva / base_mva)
    return replace(case, branch=branch)


def _three_phase(case: _Case) -> _Case:
    """Return the three-phase system of which the case holds one phase; per-unit values stay."""
    bus, gen, branch = case.bus.copy(), case.gen.copy(), case.branch.copy()
    bus[:, [PD, QD, GS, BS]] *= 3
    bus[:, BASE_KV] *= math.sqrt(3)
    gen[:, [PG, QG, QMAX, QMIN, PMAX, PMIN]] *= 3
    branch[:, RATE_A] *= 3
    costs = None if case.gencost is None else case.gencost.copy()
    for row in () if costs is None else costs:
        # A phase that costs c(p) makes 3 c(P / 3) of the three; pieces (model 1) are not read at all.
        powers = np.arange(int(row[3]) - 1, -1, -1)
        row[4 : 4 + powers.size] *= 3.0 ** (1 - powers) if row[0] == 2 else 1.0
    return replace(case, base_mva=case.base_mva * 3, bus=bus, gen=gen, branch=branch, gencost=costs)


# --- the net --------------------------------------------------------------------------------------


class _Builder:
    """Write one case into a new pandapower net."""

    def __init__(self, case: _Case, name: str) -> None:
        self.case = case
        self.result = pp.create_empty_network(name=name, sn_mva=case.base_mva)
        self.names = case.bus_name or tuple(_id(number) for number in case.bus[:, BUS_I])
        self.kv = case.bus[:, BASE_KV]
        ends = case.branch[:, [F_BUS, T_BUS]]
        self.ends = _positions(case, ends.ravel()).reshape(ends.shape)
        self.branch_names = case.branch_names
        self.on = case.branch[:, BR_STATUS] > 0
        # An infinite rating is none.
        self.rated = (case.branch[:, RATE_A] > 0) & np.isfinite(case.branch[:, RATE_A])

    def net(self) -> pandapowerNet:
        """Build everything, in the order of the file's matrices."""
        self._buses()
        self._loads()
        self._generators()
        kind = _kinds(self.case)
        self._lines(np.flatnonzero(kind == "line"))
        self._transformers(np.flatnonzero(kind == "trafo"))
        self._switches(np.flatnonzero(kind == "switch"))
        return self.result

    def _buses(self) -> None:
        bus = self.case.bus
        pp.create_buses(
            self.result,
            len(bus),
            vn_kv=self.kv,
            name=list(self.names),
            in_service=bus[:, BUS_TYPE] != _ISOLATED,
            min_vm_pu=bus[:, VMIN],
            max_vm_pu=bus[:, VMAX],
        )

    def _loads(self) -> None:
        bus = self.case.bus
        rows = np.flatnonzero((bus[:, PD] != 0) | (bus[:, QD] != 0))
        if rows.size:
            pp.create_loads(
                self.result,
                rows,
                p_mw=bus[rows, PD],
                q_mvar=bus[rows, QD],
                name=[self.names[k] for k in rows],
            )
        rows = np.flatnonzero((bus[:, GS] != 0) | (bus[:, BS] != 0))
        # MATPOWER counts BS as injected, pandapower a shunt's q as consumed.
        self._shunts(
            rows, bus[rows, GS], -bus[rows, BS], [self.names[k] for k in rows], np.ones(rows.size, dtype=bool)
        )

    def _shunts(
        self, buses: npt.NDArray[np.int64], p_mw: _Array, q_mvar: _Array, names: list[str], on: _Mask
    ) -> None:
        if buses.size:
            pp.create_shunts(
                self.result, buses, q_mvar=q_mvar, p_mw=p_mw, vn_kv=self.kv[buses], name=names, in_service=on
            )

    def _generators(self) -> None:
        """Add generators by the type of their bus; a reference's first in service is its external grid."""
        gen, types = self.case.gen, self.case.bus[:, BUS_TYPE]
        done: set[int] = set()
        for k, bus in enumerate(_positions(self.case, gen[:, GEN_BUS]).tolist()):
            on = bool(gen[k, GEN_STATUS] > 0)
            limits = {
                "max_p_mw": gen[k, PMAX],
                "min_p_mw": gen[k, PMIN],
                "max_q_mvar": gen[k, QMAX],
                "min_q_mvar": gen[k, QMIN],
                "name": self.names[bus],
            }
            if types[bus] == _REFERENCE and on and bus not in done:
                done.add(bus)
                table = "ext_grid"
                index = pp.create_ext_grid(
                    self.result, bus, vm_pu=gen[k, VG], va_degree=self.case.bus[bus, VA], **limits
                )
            elif types[bus] == _VOLTAGE_CONTROLLED:
                table = "gen"
                index = pp.create_gen(
                    self.result,
                    bus,
                    p_mw=gen[k, PG],
                    vm_pu=gen[k, VG],
                    in_service=on,
                    controllable=True,
                    **limits,
                )
            else:
                table = "sgen"
                index = pp.create_sgen(
                    self.result,
                    bus,
                    p_mw=gen[k, PG],
                    q_mvar=gen[k, QG],
                    in_service=on,
                    controllable=True,
                    **limits,
                )
            self._cost(k, table, int(index))

    def _cost(self, row: int, table: str, index: int) -> None:
        """Cost of one generator, where it is a polynomial that pandapower can hold."""
        costs = self.case.gencost
        if costs is None:
            return
        terms = int(costs[row, 3])
        if costs[row, 0] != 2 or not 1 <= terms <= 3 or costs.shape[1] < 4 + terms:
            log.warning(
                "%s: the cost is left out; only polynomials up to degree 2 are read.",
                self.case.line_of("gencost", row),
            )
            return
        c0, c1, c2 = [*costs[row, 4 : 4 + terms][::-1], 0.0, 0.0][:3]
        pp.create_poly_cost(self.result, index, table, cp1_eur_per_mw=c1, cp0_eur=c0, cp2_eur_per_mw2=c2)

    def _lines(self, rows: npt.NDArray[np.int64]) -> None:
        if not rows.size:
            return
        branch, kv = self.case.branch[rows], self.kv[self.ends[rows, 0]]
        ohm = kv**2 / self.case.base_mva
        # The net's frequency only turns the given susceptance into a capacitance and back.
        nanofarad = branch[:, BR_B] / ohm / (2 * math.pi * self.result.f_hz) * 1e9
        with np.errstate(invalid="ignore"):
            rating_ka = np.where(self.rated[rows], branch[:, RATE_A] / (math.sqrt(3) * kv), UNRATED_KA)
        pp.create_lines_from_parameters(
            self.result,
            self.ends[rows, 0],
            self.ends[rows, 1],
            length_km=1.0,
            r_ohm_per_km=branch[:, BR_R] * ohm,
            x_ohm_per_km=branch[:, BR_X] * ohm,
            c_nf_per_km=nanofarad,
            max_i_ka=rating_ka,
            max_loading_percent=np.where(self.rated[rows], 100.0, np.nan),
            name=[self.branch_names[k] for k in rows],
            index=rows,
            in_service=self.on[rows],
        )

    def _transformers(self, rows: npt.NDArray[np.int64]) -> None:
        """Add transformers; MATPOWER's ratio stands at the from bus, its impedance on the other side.

        In pandapower the impedance belongs to the rated voltage of the low side. Where the from bus is the
        low side, its rated voltage carries the ratio and so refers the impedance exactly.
        """
        if not rows.size:
            return
        case, branch = self.case, self.case.branch[rows]
        tap = np.where(branch[:, TAP] == 0, 1.0, branch[:, TAP])
        from_is_high = self.kv[self.ends[rows, 0]] >= self.kv[self.ends[rows, 1]]
        rated_kv = self.kv[self.ends[rows]] * np.column_stack([tap, np.ones_like(tap)])
        high, low = np.where(from_is_high, 0, 1), np.where(from_is_high, 1, 0)
        k = np.arange(rows.size)
        sn_mva = np.where(self.rated[rows], branch[:, RATE_A], case.base_mva)
        percent = 100 * sn_mva / case.base_mva
        # pandapower derives |x| from vk and vkr and takes the sign of vk for it.
        sign = np.where(branch[:, BR_X] < 0, -1.0, 1.0)
        pp.create_transformers_from_parameters(
            self.result,
            self.ends[rows][k, high],
            self.ends[rows][k, low],
            sn_mva=sn_mva,
            vn_hv_kv=rated_kv[k, high],
            vn_lv_kv=rated_kv[k, low],
            vkr_percent=branch[:, BR_R] * percent,
            vk_percent=sign * np.hypot(branch[:, BR_R], branch[:, BR_X]) * percent,
            pfe_kw=0.0,
            i0_percent=0.0,
            shift_degree=np.where(from_is_high, 1.0, -1.0) * branch[:, SHIFT],
            max_loading_percent=np.where(self.rated[rows], 100.0, np.nan),
            name=[self.branch_names[i] for i in rows],
            index=rows,
            in_service=self.on[rows],
        )
        self._charging(rows, tap)

    def _charging(self, rows: npt.NDArray[np.int64], tap: _Array) -> None:
        """Half the charging of a transformer at each end; at the from bus it lies behind the ratio."""
        branch = self.case.branch
        charged = branch[rows, BR_B] != 0
        rows, tap = rows[charged], tap[charged]
        half = -0.5 * branch[rows, BR_B] * self.case.base_mva
        names = [f"charging of {self.branch_names[k]}" for k in rows]
        self._shunts(self.ends[rows, 0], np.zeros(rows.size), half / tap**2, names, self.on[rows])
        self._shunts(self.ends[rows, 1], np.zeros(rows.size), half, names, self.on[rows])

    def _switches(self, rows: npt.NDArray[np.int64]) -> None:
        """Branches without any impedance."""
        if not rows.size:
            return
        rating_ka = self.case.branch[rows, RATE_A] / (math.sqrt(3) * self.kv[self.ends[rows, 0]])
        pp.create_switches(
            self.result,
            self.ends[rows, 0],
            self.ends[rows, 1],
            et="b",
            closed=self.on[rows],
            name=[self.branch_names[k] for k in rows],
            index=rows,
            in_ka=np.where(self.rated[rows], rating_ka, np.nan),
        )
