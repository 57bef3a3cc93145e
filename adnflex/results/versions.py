"""Versions of everything that an answer depends on."""

from __future__ import annotations

import functools
import platform
from importlib import metadata

from adnflex import __version__


def versions() -> dict[str, str]:
    """Versions of everything that an answer depends on.

    Examples
    --------
    >>> sorted(versions())[:3]
    ['adnflex', 'clarabel', 'highspy']
    """
    names = ["pandapower", "pyomo", "highspy", "clarabel", "pyscipopt", "numpy", "pandas"]
    found = {"adnflex": __version__}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    found["python"] = platform.python_version()
    return found


def known_versions() -> dict[str, str]:
    """Return the same, looked up once in a process; studies make thousands of results."""
    return dict(_once())


@functools.cache
def _once() -> dict[str, str]:
    return versions()
