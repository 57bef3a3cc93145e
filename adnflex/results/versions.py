"""Versions of everything that an answer depends on."""

from __future__ import annotations

import platform
from importlib import metadata

__all__ = ["versions"]

_VERSION = "0.1.0"


def versions() -> dict[str, str]:
    """Versions of everything that an answer depends on.

    Examples
    --------
    >>> sorted(versions())[:3]
    ['adnflex', 'clarabel', 'highspy']
    """
    names = ["adnflex", "pandapower", "pyomo", "highspy", "clarabel", "pyscipopt", "numpy", "pandas"]
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            # adnflex itself may run from a checkout
            found[name] = _VERSION if name == "adnflex" else "not installed"
    found["python"] = platform.python_version()
    return found
