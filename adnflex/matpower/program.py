"""MATPOWER files as a small language: statements carried out."""

from __future__ import annotations

import math

import numpy as np

from adnflex.errors import InputError
from adnflex.matpower.bounds import MAX_FAULTS, Account
from adnflex.matpower.expressions import Expressions, scalar
from adnflex.matpower.tokens import Silent, StatementError, Token, statements
from adnflex.matpower.types import Array, Value

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

_KEYWORDS = frozenset(["if", "else", "elseif", "for", "while", "switch", "case", "try", "catch", "global"])
_CONSTANTS = {"pi": math.pi, "Inf": math.inf, "inf": math.inf, "NaN": math.nan, "nan": math.nan}


class CaseProgram:
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
        self.values: dict[str, Value] = {}
        self.typed: dict[str, Array] = {}
        self.row_lines: dict[str, list[int]] = {}
        self.account = Account()
        self._broken: set[str] = set()
        self._faults: list[str] = []
        try:
            for tokens in statements(text):
                self._attempt(tokens)
                if len(self._faults) >= MAX_FAULTS:
                    self._faults.append(f"{label}: more faults may follow; mend these {MAX_FAULTS} first.")
                    break
        except StatementError as fault:
            self._report(fault)
        if self._faults:
            raise InputError(self._faults)

    def at(self, line: int, sentence: str) -> str:
        """Return the sentence with file and line in front."""
        return f"{self.label}, line {line}: {sentence}"

    def _report(self, fault: StatementError) -> None:
        self._faults.append(self.at(fault.line, fault.sentence))

    def _attempt(self, tokens: list[Token]) -> None:
        """Carry out one statement; after a fault go on, so that all faults of a file come out at once."""
        try:
            self._statement(tokens)
            return
        except StatementError as fault:
            self._report(fault)
        except RecursionError:
            self._report(StatementError(tokens[0].line, "this expression is nested too deeply."))
        except Silent:
            pass
        # What this statement would have set is unknown now: statements that need it are not reported on top.
        until = next((i for i, t in enumerate(tokens) if t.text == "="), 0)
        targets = tokens[: until if tokens[0].text == "[" else 1]
        self._broken.update(t.text for t in targets if t.kind == "name")

    def _statement(self, tokens: list[Token]) -> None:
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
            raise StatementError(
                first.line,
                f"the statement that begins with '{first.text}' is not understood; only assignments are.",
            )

    def _header(self, tokens: list[Token]) -> None:
        """Read ``function mpc = name``."""
        texts = [t.text for t in tokens]
        if len(texts) < 4 or texts[2] != "=" or tokens[1].kind != "name":
            raise StatementError(
                tokens[0].line,
                "the function must return one struct, as in 'function mpc = name'; "
                "convert a case of format version 1 with MATPOWER's savecase.",
            )
        if self.name:
            raise StatementError(tokens[0].line, "a second function in one file is not understood.")
        self.struct, self.name = texts[1], texts[3]

    def _destructure(self, tokens: list[Token]) -> None:
        """Carry out ``[PQ, PV, ...] = idx_bus``."""
        texts = [t.text for t in tokens if t.kind != "newline"]
        end = texts.index("]")
        if texts[end + 1 : end + 2] != ["="] or len(texts) != end + 3 or texts[-1] not in _NAMED_COLUMNS:
            known = ", ".join(_NAMED_COLUMNS)
            raise StatementError(
                tokens[0].line, f"only the named columns of {known} can be assigned to a list of names."
            )
        names = [text for text in texts[1:end] if text != ","]
        if wrong := [text for text in names if not (text.isidentifier() or text == "~")]:
            raise StatementError(tokens[0].line, f"'{wrong[0]}' is no name that a value can be assigned to.")
        self._name_columns(names, texts[-1], tokens[0].line)

    def _name_columns(self, names: list[str], source: str, line: int) -> None:
        columns = _NAMED_COLUMNS[source]
        if len(names) > len(columns):
            raise StatementError(line, f"{source} returns {len(columns)} values, not {len(names)}.")
        for name, column in zip(names, columns, strict=False):
            if name != "~":
                self.values[name] = scalar(column)

    def _assign(self, tokens: list[Token]) -> None:
        """Carry out ``name = value`` and ``name(rows, columns) = value``."""
        reader = Expressions(tokens, self)
        target = reader.take()
        key = self.key(target.text)
        if reader.peek("="):
            reader.take()
            value = reader.whole()
            self._keep(key, value, target.line)
            self._broken.discard(target.text)
            if reader.row_lines and isinstance(value, np.ndarray):
                self._keep(f"{key} as typed", value, target.line, typed=key)
                self.row_lines[key] = reader.row_lines
            return
        array = self.array(target)
        rows, columns = reader.indices(array)
        reader.expect("=")
        value = reader.whole()
        self.account.spend(len(rows) * len(columns) + array.size, target.line)
        block = np.ix_(rows, columns)
        if not isinstance(value, np.ndarray) or (value.size != 1 and value.shape != array[block].shape):
            raise StatementError(
                target.line,
                f"what is assigned does not fit the {len(rows)} x {len(columns)} elements of "
                f"{target.text} on the left.",
            )
        changed = array.copy()
        changed[block] = value
        self.values[key] = changed

    def _keep(self, key: str, value: Value, line: int, typed: str = "") -> None:
        """Set a variable, or keep a matrix as it was typed."""
        self.account.keep(key, value.size if isinstance(value, np.ndarray) else len(value), line)
        if typed and isinstance(value, np.ndarray):
            self.typed[typed] = value.copy()
        else:
            self.values[key] = value

    def key(self, name: str) -> str:
        """Fields are kept under ``mpc``, whatever the file calls its struct."""
        head, dot, rest = name.partition(".")
        return f"mpc.{rest}" if dot and head == self.struct else name

    def lookup(self, token: Token) -> Value:
        """Value of a name."""
        if token.text in self._broken:
            raise Silent
        value = self.values.get(self.key(token.text))
        if value is not None:
            return value
        if token.text in _CONSTANTS:
            return scalar(_CONSTANTS[token.text])
        raise StatementError(token.line, f"'{token.text}' is not known here.")

    def array(self, token: Token) -> Array:
        """Value of a name that must be a number or a matrix."""
        value = self.lookup(token)
        if not isinstance(value, np.ndarray):
            raise StatementError(token.line, f"'{token.text}' is text, not a number.")
        return value
