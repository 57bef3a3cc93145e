"""Options that say when: profiles, periods, hours, studies."""

from __future__ import annotations

import argparse

from adnflex.cli.profiles import profile_word
from adnflex.cli.words import number, periods, studies

__all__ = ["add_horizon"]


def add_horizon(group: argparse._ArgumentGroup, study_help: str) -> None:
    """Add them to a group.

    Parameters
    ----------
    group : argparse group
        The group.
    study_help : str
        What ``--study`` does in this command.
    """
    group.add_argument(
        "--profiles",
        type=profile_word,
        nargs="+",
        action="extend",
        default=[],
        metavar="TABLE.COLUMN=FILE",
        help="absolute values from CSV or JSON files, e.g. load.p_mw=p.csv; default: the profiles of the net",
    )
    group.add_argument(
        "--periods",
        type=periods,
        metavar="A:B",
        help="rows of the profiles, B not included, or a list such as 0,6-9; default: all",
    )
    group.add_argument(
        "--hours-per-period", type=number(above=0), metavar="H", help="length of a period; default: that of the net"
    )
    group.add_argument(
        "--start-hour",
        type=number(0),
        metavar="H",
        help="clock hour at which the first row of the profiles begins; default: the net's",
    )
    group.add_argument("--study", type=studies, default=[], metavar="NAMES", help=study_help)
