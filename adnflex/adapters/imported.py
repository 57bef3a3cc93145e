"""What every import has in common: packages that may be missing, notes, and voltages beside those of the source."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from pandapower.auxiliary import pandapowerNet

from adnflex.errors import InputError
from adnflex.grid.ac import run_ac
from adnflex.grid.notes import IMPORT_NOTES
from adnflex.text import shown

logger = logging.getLogger(__name__)

# Entry of an imported net with the voltages of both programs.
VOLTAGES = "source_voltages"

# Columns of VOLTAGES [pu].
COLUMNS = ("vm_pu", "source_vm_pu", "source_min_vm_pu", "source_max_vm_pu")

# Difference of voltages above which a note warns [pu].
_NOTICEABLE = 0.005


def require(package: str, pip: str) -> None:
    """Refuse to go on without a package that is not required.

    Parameters
    ----------
    package : str
        Name to import.
    pip : str
        What pip has to install.
    """
    if importlib.util.find_spec(package) is None:
        raise InputError(f"{package} is not installed; install it with: pip install '{pip}'.")


def existing(path: str | Path) -> Path:
    """Return a path that exists, or say that it does not."""
    found = Path(path)
    if not found.exists():
        raise InputError(f"{found}: there is no such file; check the path.")
    return found


def finish(net: pandapowerNet, source: str, notes: Sequence[str], voltages: Mapping[int, Sequence[float]]) -> None:
    """Write notes into an imported net, and its voltages beside those that the source has.

    Parameters
    ----------
    net : pandapowerNet
        The imported net; it is changed.
    source : str
        Name of the program, for the notes.
    notes : sequence of str
        What was approximated or left out, one sentence each.
    voltages : mapping of int to sequence of float
        By bus: voltages of its phases in the source [pu]; a bus that has none there is missing.
    """
    told = [*notes, *_compared(net, source, voltages)]
    net[IMPORT_NOTES] = told
    for note in told:
        logger.info("%s: %s", source, note)


def runs(net: pandapowerNet, source: str) -> bool:
    """Whether AC power flow of an imported net converges; what it cannot even begin with is a fault of the files."""
    try:
        return run_ac(net)
    except MemoryError:
        raise
    except Exception as error:  # whatever stands in tables of the converter
        raise InputError(
            f"pandapower cannot run the net that its converter makes of the {source} files ({type(error).__name__}: "
            f"{shown(error, 200)}); take that element out of them."
        ) from error


def _compared(net: pandapowerNet, source: str, voltages: Mapping[int, Sequence[float]]) -> list[str]:
    """Write `VOLTAGES`, and say how far power flow of the net is from the source."""
    if not voltages:
        return [f"{source} gives no voltages to compare with."]
    table = pd.DataFrame(index=list(voltages), columns=list(COLUMNS), dtype=float)
    table["source_vm_pu"] = [sum(values) / len(values) for values in voltages.values()]
    table["source_min_vm_pu"] = [min(values) for values in voltages.values()]
    table["source_max_vm_pu"] = [max(values) for values in voltages.values()]
    if not runs(net, source):
        return [f"AC power flow of the imported net does not converge, so its voltages are not compared with {source}."]
    table["vm_pu"] = net.res_bus["vm_pu"].reindex(table.index)
    net[VOLTAGES] = table
    off = (table["vm_pu"] - table["source_vm_pu"]).abs().dropna()
    if off.empty:
        return [f"No bus with a voltage in {source} is supplied in the imported net."]
    worst = int(off.idxmax())
    spread = float((table["source_max_vm_pu"] - table["source_min_vm_pu"]).max())
    note = (
        f"Voltages of {len(off)} buses beside those of {source}: {off.mean():.4f} pu apart on average, "
        f"{off.max():.4f} pu at most (bus {worst}, {net.bus.at[worst, 'name']})"
    )
    if spread > 1e-4:
        note += f"; phases of one bus are up to {spread:.4f} pu apart in {source}, and one here"
    if off.max() > _NOTICEABLE:
        note += ". Compare net.source_voltages before you trust limits of voltage"
    return [f"{note}."]
