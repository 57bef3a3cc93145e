"""Output paths: tried before the work, written after it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from pandapower import pandapowerNet

from adnflex.errors import InputError

__all__ = ["require_writable", "save_net", "write"]


def require_writable(outputs: Mapping[str, Path | None], inputs: Mapping[str, str | Path]) -> None:
    """Refuse, before the long solve, output paths that cannot be written or that would overwrite an input.

    Parameters
    ----------
    outputs : mapping of str to Path or None
        Path by option.
    inputs : mapping of str to str or Path
        What is read, by its name on the command line; it may be the name of a net.

    Raises
    ------
    InputError
        With every fault found.
    """
    faults = []
    taken = {Path(word).resolve(): name for name, word in inputs.items() if Path(word).is_file()}
    for option, path in outputs.items():
        if path is None:
            continue
        other = taken.setdefault(path.resolve(), option)
        if other != option:
            faults.append(f"{option} {path}: this is the file of {other}; give another one.")
        elif path.is_dir():
            faults.append(f"{option} {path}: this is a folder; give a file.")
        elif not path.parent.is_dir():
            faults.append(f"{option} {path}: there is no folder {path.parent}; make it or give another path.")
        elif not os.access(path if path.exists() else path.parent, os.W_OK):
            faults.append(f"{option} {path}: you may not write there; give another path.")
    if faults:
        raise InputError(faults)


def write(option: str, path: Path, writer: Callable[[Path], object]) -> None:
    """Write a file; an error of the system becomes one of the input."""
    try:
        writer(path)
    except OSError as error:
        why = error.strerror or error
        raise InputError(f"{option} {path}: writing failed ({why}); give another path.") from error


def save_net(net: pandapowerNet, path: Path) -> None:
    """Write a net as pandapower JSON."""
    import pandapower

    pandapower.to_json(net, str(path))
