"""CGMES files: pandapower's converter, a source where the files name none, and voltages beside the solved ones."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable
from pathlib import Path

import pandapower as pp
from pandapower.auxiliary import pandapowerNet

from adnflex.adapters.imported import existing, finish, require, runs
from adnflex.errors import InputError

# Loggers of the converter; it tells of every table.
_LOGGER = "cim"


def from_cgmes(files: str | Path | Iterable[str | Path], *, reference: str | None = None) -> pandapowerNet:
    """Read a net from CGMES files (CIM 16, version 2.4.15) with pandapower's own converter.

    States, tap positions and powers are those of the solved state (SV profile) where the files have it. Open switches
    stay as they are. Machines that hold a voltage become ``sgen`` with the power that AC power flow gives them, but for
    the one that is the reference: no formulation here chooses reactive power for a voltage that is held.

    Parameters
    ----------
    files : path, or iterable of path
        One .zip or .xml file, or the profiles EQ, SSH, TP, SV (and boundary) together.
    reference : str, optional
        Name of the machine that is the grid connection; needed where the files have no external network and no
        ``referencePriority``.

    Returns
    -------
    pandapowerNet
        A new net. ``net.import_notes`` says what was changed, ``net.source_voltages`` has the voltages of AC power flow
        beside those of the SV profile.

    Raises
    ------
    InputError
        A file is missing or no CGMES, a package is missing, or there is no reference; one sentence a fault.

    Examples
    --------
    >>> net = from_cgmes("feeder.zip", reference="110 kV")  # doctest: +SKIP
    >>> net.import_notes[-1]  # doctest: +SKIP
    """
    paths = [existing(p) for p in ([files] if isinstance(files, str | Path) else files)]
    require("lxml", "adnflex[cgmes]")
    net = _converted(paths)
    notes = _with_reference(net, reference)
    states = net.measurement[(net.measurement["measurement_type"] == "v") & (net.measurement["element_type"] == "bus")]
    voltages = {int(b): [float(v)] for b, v in zip(states["element"], states["value"], strict=True) if v > 0}
    net.measurement = net.measurement.iloc[:0]
    notes += _without_held(net)
    if len(net.controller):
        notes.append(f"{len(net.controller)} controllers of taps are left out; taps stay at their position.")
        net.controller = net.controller.iloc[:0]
    if net.line["max_i_ka"].isna().any():
        notes.append(f"{int(net.line['max_i_ka'].isna().sum())} lines have no rating in the files, and no limit here.")
    finish(net, "CGMES", notes, voltages)
    return net


def _converted(paths: list[Path]) -> pandapowerNet:
    from pandapower.converter.cim.cim2pp.from_cim import from_cim

    talk = logging.getLogger(_LOGGER)
    level = talk.level
    talk.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas about the converter's own tables
            files = [str(p) for p in paths]
            net: pandapowerNet = from_cim(files, use_sv_data_for_assets=True, create_measurements="SV")
    except Exception as error:  # the converter fails in many ways on what is no CGMES
        raise InputError(
            f"{paths[0]}: pandapower cannot read it as CGMES 2.4.15: {type(error).__name__}: {error}"
        ) from error
    finally:
        talk.setLevel(level)
    if net.bus.empty:
        raise InputError(f"{', '.join(map(str, paths))}: no bus is in it; give EQ, SSH, TP and SV profiles together.")
    return net


def _with_reference(net: pandapowerNet, reference: str | None) -> list[str]:
    """Let one machine be the grid connection, if there is none."""
    if reference is not None:
        found = net.gen.index[net.gen["name"].astype(str) == reference]
        if len(found) != 1:
            raise InputError(f"reference: {len(found)} machines are called '{reference}'; {_machines(net)}")
        net.gen["slack"] = net.gen.index == found[0]
    elif net.ext_grid.empty and not net.gen["slack"].any():
        raise InputError(f"the files name no external network and no reference; {_machines(net)}")
    slack = net.gen[net.gen["slack"].astype(bool)]
    for row in slack.to_dict("records"):
        pp.create_ext_grid(net, row["bus"], vm_pu=row["vm_pu"], name=row["name"])
    net.gen = net.gen.drop(index=slack.index)
    names = ", ".join(slack["name"].astype(str))
    return [f"The grid connection is the machine {names}."] if names else []


def _machines(net: pandapowerNet) -> str:
    names = ", ".join(net.gen["name"].astype(str)[:10])
    return (
        f"give reference=, one of {names}, or in one word FILE:reference=NAME."
        if names
        else "the net has no machine either."
    )


def _without_held(net: pandapowerNet) -> list[str]:
    """Replace machines that hold a voltage by injections of the power that power flow gives them."""
    held = net.gen.index[net.gen["in_service"].astype(bool)]
    if held.empty:
        return []
    if not runs(net, "CGMES"):
        names = ", ".join(net.gen.loc[held, "name"].astype(str)[:5])
        raise InputError(f"machines {names} hold a voltage, and power flow that would give their reactive power fails.")
    names = ", ".join(net.gen.loc[held, "name"].astype(str)[:5])
    pp.toolbox.replace_gen_by_sgen(net, gens=held, sgen_indices=None)
    return [
        f"{len(held)} machines ({names}) hold no voltage here, but the reactive power that AC power flow gives them."
    ]
