"""Controllers that a pandapower net carries: series of `ConstControl` are read, all others are named as not run."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd
from pandapower import pandapowerNet
from pandapower.control import ConstControl
from pandapower.timeseries import DFData

from adnflex.grid.checks import shorten

Frames = dict[tuple[str, str], pd.DataFrame]


def controller_notes(net: pandapowerNet, *, read: bool) -> list[str]:
    """Name the controllers in service that no verb runs.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    read : bool
        Whether series of `ConstControl` are read, and so not to be named.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> import pandapower.control as control
    >>> net = pn.mv_oberrhein()
    >>> _ = control.DiscreteTapControl(net, 114, 0.98, 1.02)
    >>> controller_notes(net, read=True)[0][:43]
    'DiscreteTapControl (controller 0): not run;'
    """
    kinds: dict[str, list[int]] = {}
    for index, controller in _in_service(net):
        if not (read and isinstance(controller, ConstControl)):
            kinds.setdefault(type(controller).__name__, []).append(index)
    return [
        f"{kind} (controller {shorten(who)}): not run; what it acts on stays as the tables say, or is decided here."
        for kind, who in kinds.items()
    ]


def controller_profiles(
    net: pandapowerNet, known: Collection[tuple[str, str]], *, ignored: bool, faults: list[str]
) -> tuple[Frames, list[str]]:
    """Series that the net's own `ConstControl` would write, as absolute values.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    known : collection of (table, column)
        What may vary in time.
    ignored : bool
        Whether the caller gives series of its own instead.
    faults : list of str
        Controllers that cannot be read are added here.

    Returns
    -------
    profiles : dict of (table, column) to DataFrame
        One column an element index, before `scaling`.
    notes : list of str
        What the reader has to know.
    """
    notes = controller_notes(net, read=not ignored)
    if ignored:
        return {}, notes
    parts: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for index, controller in _in_service(net):
        if not isinstance(controller, ConstControl) or controller.data_source is None:
            continue
        key = (str(controller.element), str(controller.variable))
        frame = _frame(f"controller {index}", controller, key in known, faults)
        if frame is not None:
            parts.setdefault(key, []).append(frame)
    return {key: _joined(key, frames, faults) for key, frames in parts.items()}, notes


def _in_service(net: pandapowerNet) -> list[tuple[int, Any]]:
    table = net.get("controller")
    if not isinstance(table, pd.DataFrame) or not {"object", "in_service"} <= set(table.columns):
        return []
    return [(int(i), c) for i, c, on in zip(table.index, table["object"], table["in_service"], strict=True) if on]


def _frame(name: str, controller: Any, known: bool, faults: list[str]) -> pd.DataFrame | None:
    """Series of one controller, one column an element."""
    place = f"{name} (ConstControl of {controller.element}.{controller.variable})"
    way_out = f"take it out of service, net.controller.at[{name.split()[1]}, 'in_service'] = False, or give profiles="
    if not known:
        faults.append(f"{place}: this column does not vary in time here; {way_out}.")
        return None
    source = controller.data_source
    if not isinstance(source, DFData):
        faults.append(f"{place}: its data source is a {type(source).__name__}, only DFData is read; {way_out}.")
        return None
    elements = _listed(controller.element_index)
    titles = _listed(controller.profile_name)
    if len(titles) != len(elements):
        faults.append(f"{place}: has {len(titles)} profile names for {len(elements)} elements; give as many.")
        return None
    missing = [t for t in titles if t not in source.df.columns]
    if missing:
        faults.append(f"{place}: profile {shorten(map(str, missing))} is no column of its data source; add it.")
        return None
    frame = source.df[titles].set_axis(elements, axis=1)
    numeric = [c for c in range(frame.shape[1]) if pd.api.types.is_numeric_dtype(frame.dtypes.iloc[c])]
    # text stays as it is, to be refused by the reader of series with its row
    return frame * float(controller.scale_factor) if len(numeric) == frame.shape[1] else frame


def _listed(value: Any) -> list[Any]:
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, str) else [value]


def _joined(key: tuple[str, str], frames: list[pd.DataFrame], faults: list[str]) -> pd.DataFrame:
    first = frames[0]
    if any(not frame.index.equals(first.index) for frame in frames[1:]):
        faults.append(f"controllers of {'.'.join(key)} have series of different rows; give all of them the same.")
        return first
    return pd.concat(frames, axis=1)
