"""The networks that come with adnflex.

They are pandapower JSON files. What is published in them and what was chosen is in ``PROVENANCE.md`` beside
them.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import pandapower as pp
from pandapower.auxiliary import pandapowerNet

from adnflex.errors import InputError

__all__ = ["load", "names"]


def load(name: str) -> pandapowerNet:
    """Load a network by its name.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    pandapowerNet
        A new net at every call.

    Raises
    ------
    InputError
        No network has this name.

    Examples
    --------
    >>> net = load("baran_wu_69")
    >>> len(net.bus), len(net.line), int((~net.line.in_service).sum())
    (69, 73, 5)
    """
    known = names()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3)
        meant = f" Did you mean {' or '.join(close)}?" if close else ""
        raise InputError(f"no network is named '{name}'.{meant} The networks are: {', '.join(known)}.")
    return pp.from_json(str(_folder() / f"{name}.json"))


def names() -> list[str]:
    """Names of all networks, in alphabetical order.

    Returns
    -------
    list of str
        What `load` takes.

    Examples
    --------
    >>> "baran_wu_69" in names()
    True
    """
    return sorted(path.stem for path in _folder().glob("*.json"))


def _folder() -> Path:
    """Folder with the data: inside an installed package, or beside the package in a checkout."""
    # The build backend maps networks/ into the wheel; an editable install leaves it where it is.
    package = Path(__file__).resolve().parent
    installed = package / "_networks"
    return installed if installed.is_dir() else package.parent / "networks"
