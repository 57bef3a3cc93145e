"""Words of the command line: what options hold, and what several commands have in common."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

__all__ = [
    "NET_FORMS",
    "add_debug",
    "add_outputs",
    "add_switchable",
    "count",
    "indices",
    "lines",
    "number",
    "objective",
    "periods",
    "studies",
    "switching",
]

NET_FORMS = """\
NET is one of:
  feeder.json                 a file that pandapower.to_json wrote
  feeder.m                    a MATPOWER case
  case33bw, mv_oberrhein ...  a function of pandapower.networks
  cigre_mv, cigre_mv:all ...  CIGRE networks by their short names
  simbench:CODE               a SimBench net, e.g. simbench:1-MV-urban--0-sw
  simbench:CODE:day=N         the same made a case for dispatch, a day of the year from 0
  matpower:CASE               a case of the package matpower, e.g. matpower:case70da
  ieee33_dispatch ...         a network that comes with adnflex
"adnflex networks" lists the names.
"""


def add_outputs(command: argparse.ArgumentParser) -> None:
    """Options of every command that judges a plan."""
    command.add_argument("--report", type=Path, metavar="FILE.html", help="write the report, one HTML file")
    command.add_argument("--quiet", action="store_true", help="print errors only")
    add_debug(command)


def add_debug(command: argparse.ArgumentParser) -> None:
    """Option of every command."""
    command.add_argument("--debug", action="store_true", help="show where an error came from")


def add_switchable(group: argparse._ArgumentGroup) -> None:
    """Options that name what may be switched."""
    group.add_argument(
        "--switchable-lines",
        type=lines,
        metavar="LINES",
        help="all, or indices such as 1,2,5-9; default: lines with a line switch, without any switch all",
    )
    group.add_argument(
        "--switchable-switches",
        type=indices,
        default=[],
        metavar="SWITCHES",
        help="bus-bus and transformer switches that may be operated as well, e.g. 3,4; default: none",
    )
    group.add_argument(
        "--locked-lines",
        type=indices,
        default=[],
        metavar="LINES",
        help="lines that keep their present state, e.g. 3,7-9; default: none",
    )


def objective(text: str) -> str | dict[str, float]:
    """Read the objective as `adnflex.reconfigure` takes it.

    Examples
    --------
    >>> objective("losses=1, voltage=0.1")
    {'losses': 1.0, 'voltage': 0.1}
    """
    if "=" not in text:
        return text.strip()
    weights = {}
    for part in text.split(","):
        term, _, weight = part.partition("=")
        try:
            weights[term.strip()] = float(weight)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{part.strip()}' is no weight; give e.g. losses=1,voltage=0.1") from None
    return weights


def lines(text: str) -> str | list[int]:
    """Read ``all`` or indices of lines."""
    return "all" if text.strip() == "all" else indices(text)


def indices(text: str) -> list[int]:
    """Read indices and ranges, both ends included.

    Examples
    --------
    >>> indices("1,2,5-9")
    [1, 2, 5, 6, 7, 8, 9]
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise argparse.ArgumentTypeError(f"'{part.strip()}' is no index; give indices such as 1,2,5-9")
        found.extend(range(int(first), int(last if dash else first) + 1))
    return list(dict.fromkeys(found))


def periods(text: str) -> list[int]:
    """Read rows of the profiles: ``A:B`` without B, or a list.

    Examples
    --------
    >>> periods("96:100"), periods("0,6-8")
    ([96, 97, 98, 99], [0, 6, 7, 8])
    """
    first, colon, end = text.strip().partition(":")
    try:
        if not colon:
            return indices(text)
        if first.isdecimal() and end.isdecimal() and int(first) < int(end):
            return list(range(int(first), int(end)))
    except argparse.ArgumentTypeError:
        pass
    raise argparse.ArgumentTypeError(f"'{text}' are no periods; give A:B (B not included) or a list such as 0,6-9")


def studies(text: str) -> list[str]:
    """Read names of studies.

    Examples
    --------
    >>> studies("1, 2,3-stressed")
    ['1', '2', '3-stressed']
    """
    names = [part.strip() for part in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"'{text}' are no studies; give names such as 1,2,3")
    return list(dict.fromkeys(names))


def switching(text: str) -> str | float:
    """Read how often switch states may change.

    Examples
    --------
    >>> switching("day"), switching("6")
    ('day', 6.0)
    """
    if text.strip() in ("fixed", "day"):
        return text.strip()
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not (math.isfinite(hours) and hours > 0):
        raise argparse.ArgumentTypeError(f"'{text}' is not allowed; give fixed, day, or the hours of a block")
    return hours


def element(text: str) -> tuple[str, int]:
    """Read an element of the net.

    Examples
    --------
    >>> element("trafo:3")
    ('trafo', 3)
    """
    table, _, index = text.partition(":")
    if not table or not index.strip().isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is no element; give e.g. ext_grid:0 or trafo:3")
    return table.strip(), int(index)


def topology(text: str) -> tuple[str, list[int]]:
    """Read a named topology by its open lines.

    Examples
    --------
    >>> topology("mine=7,8,27-28")
    ('mine', [7, 8, 27, 28])
    """
    name, equals, rest = text.partition("=")
    if not equals or not name.strip():
        raise argparse.ArgumentTypeError(f"'{text}' names no topology; give e.g. mine=7,8,27,32,35")
    return name.strip(), indices(rest)


def number(least: float = -math.inf, above: float = -math.inf) -> Callable[[str], float]:
    """Make a reader of finite numbers of at least `least` and more than `above`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if math.isfinite(value) and value >= least and value > above:
            return value
        allowed = " above 0" if above == 0 else "" if least == -math.inf else f" of {least:g} or more"
        raise argparse.ArgumentTypeError(f"'{text}' is not allowed; give a number{allowed}")

    return read


def count(least: int) -> Callable[[str], int]:
    """Make a reader of whole numbers of at least `least`."""

    def read(text: str) -> int:
        if not text.strip().isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"'{text}' is not allowed; give a whole number of {least} or more")
        return int(text)

    return read
