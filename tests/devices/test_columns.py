"""Every column that pandapower's `create_*` functions write, against what every verb that decides reads of a net.

What a column does is said once here; a column that pandapower adds later fails the first test.
"""

from __future__ import annotations

import copy
import functools
import inspect

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

from adnflex.devices import Inputs, Timeline, read_devices
from adnflex.errors import InputError
from adnflex.grid import read_grid
from adnflex.knobs import Horizon
from adnflex.study import read_series, read_study

# What a value does in dispatch, flexibility and pq_region:
#   counts   what the verbs know of the devices is another
#   refused  by name
#   none     pandapower's power flow and optimal power flow do not read it either, or it is about what is written
COUNTS, REFUSED, NONE = "counts", "refused", "none"

COLUMNS: dict[str, dict[str, tuple[str, object]]] = {
    "sgen": {
        "p_mw": (COUNTS, 0.5),
        "scaling": (COUNTS, 0.5),
        "in_service": (COUNTS, False),
        "controllable": (COUNTS, False),
        "max_p_mw": (COUNTS, 0.4),
        "min_p_mw": (REFUSED, 7.0),
        "max_q_mvar": (COUNTS, 0.01),
        "min_q_mvar": (REFUSED, 2.0),
        "sn_mva": (COUNTS, 0.8),
        "id_q_capability_characteristic": (COUNTS, 0),
        "reactive_capability_curve": (REFUSED, True),
        "curve_style": (NONE, "straightLineYValues"),
        **dict.fromkeys(("k", "rx", "max_ik_ka", "kappa", "lrc_pu"), (NONE, 0.3)),
        **dict.fromkeys(("generator_type",), (NONE, "x")),
        "current_source": (NONE, False),
    },
    "storage": {
        "max_e_mwh": (COUNTS, 0.6),
        "min_e_mwh": (COUNTS, 0.5),
        "soc_percent": (COUNTS, 90.0),
        "scaling": (COUNTS, 0.5),
        "in_service": (COUNTS, False),
        "controllable": (COUNTS, False),
        "max_p_mw": (COUNTS, 0.05),
        "min_p_mw": (COUNTS, -0.05),
        "max_q_mvar": (COUNTS, 0.01),
        "min_q_mvar": (REFUSED, 2.0),
        "sn_mva": (COUNTS, 0.1),
        "p_mw": (NONE, 0.0),
        "q_mvar": (NONE, 0.0),
    },
    "load": {
        "p_mw": (COUNTS, 0.7),
        "q_mvar": (COUNTS, 0.6),
        "scaling": (COUNTS, 0.5),
        "in_service": (COUNTS, False),
        "controllable": (COUNTS, False),
        "max_p_mw": (COUNTS, 0.4),
        "min_p_mw": (COUNTS, 0.4),
        "max_q_mvar": (REFUSED, 0.0),
        "min_q_mvar": (REFUSED, 3.0),
        "const_i_p_percent": (REFUSED, 10.0),
        "const_i_q_percent": (REFUSED, 10.0),
        "const_z_p_percent": (REFUSED, 10.0),
        "const_z_q_percent": (REFUSED, 10.0),
        "sn_mva": (NONE, 0.1),
    },
    "ext_grid": {
        "vm_pu": (COUNTS, 1.03),
        "max_p_mw": (COUNTS, 1.0),
        "min_p_mw": (COUNTS, 2.0),
        "max_q_mvar": (COUNTS, 0.05),
        "min_q_mvar": (COUNTS, 0.4),
        "controllable": (COUNTS, True),
        **dict.fromkeys(("s_sc_max_mva", "s_sc_min_mva"), (NONE, 100.0)),
        **dict.fromkeys(("rx_max", "rx_min", "r0x0_max", "x0x_max"), (NONE, 0.2)),
        "va_degree": (NONE, 5.0),
        "slack_weight": (NONE, 2.0),
    },
}
SQUARE = {"net", "bus", "name", "index", "type", "kwargs", "in_service"}


def feeder():
    """Return the net anew; making it takes longer than copying it."""
    return copy.deepcopy(plain_net())


@functools.cache
def plain_net():
    """Source, two lines, a sun, a storage and a flexible load that all have something to decide."""
    net = pp.create_empty_network(sn_mva=1.0)
    bus = [pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(3)]
    for a, b in ((0, 1), (1, 2)):
        pp.create_line_from_parameters(net, bus[a], bus[b], 6.0, 0.5, 0.4, 0.0, 0.3, max_loading_percent=100.0)
    pp.create_ext_grid(net, bus[0])
    net.ext_grid["price_per_mwh"] = 90.0
    pp.create_load(net, bus[2], 1.5, 0.5, controllable=False)
    pp.create_load(net, bus[1], 1.0, 0.2, controllable=True, min_p_mw=0.2, max_p_mw=1.2)
    net.load["cost_per_mwh"] = 300.0
    q = {"min_q_mvar": -0.3, "max_q_mvar": 0.3}
    pp.create_sgen(net, bus[2], 1.0, 0.1, controllable=True, min_p_mw=0.0, **q)
    pp.create_storage(
        net, bus[2], 0.0, 2.0, soc_percent=50.0, min_p_mw=-0.4, max_p_mw=0.4, min_e_mwh=0.1, controllable=True, **q
    )
    net.storage["max_e_mwh"], net.storage["efficiency_percent"] = 2.0, 90.0
    curve = [(0, 0.0, -0.02, 0.02), (0, 1.0, -0.02, 0.02)]
    net["q_capability_curve_table"] = pd.DataFrame(
        curve, columns=["id_q_capability_curve", "p_mw", "q_min_mvar", "q_max_mvar"]
    )
    return net


def changed(table: str, column: str, value: object):
    net = feeder()
    row = net[table].index[-1]
    if column not in net[table].columns:
        net[table][column] = None if isinstance(value, str) else np.nan
    if isinstance(value, bool | str) or column.startswith("id_"):
        net[table][column] = net[table][column].astype(object)
    net[table].loc[row, column] = value
    if column == "id_q_capability_characteristic":
        net[table]["reactive_capability_curve"] = True
    return net


@pytest.mark.parametrize("table", COLUMNS)
def test_every_column_of_pandapower_is_known(table):
    given = set(inspect.signature(getattr(pp, f"create_{table}")).parameters) - SQUARE
    assert given <= set(COLUMNS[table]) | {"q_mvar"}


PROFILE = {("ext_grid", "price_per_mwh"): pd.DataFrame({0: [60.0, 120.0]})}


@functools.cache
def plain_grid():
    return read_grid(feeder())


def read(net) -> str:
    """All that a verb can know of the devices of a net; the network around them stays as it is."""
    grid, horizon = plain_grid(), Timeline(2, 1.0, 0.0, np.ones(1))
    values = {key: array[None] for key, array in read_series(net, PROFILE).values.items()}
    inputs = Inputs(net, horizon, values, grid.node_of, set())
    devices = read_devices(inputs, grid, grid.v_max)
    if inputs.faults:
        raise InputError(inputs.faults)
    return repr((devices, inputs.notes))


def read_with_network(net) -> str:
    """The same with the network read anew."""
    study = read_study(net, Horizon(PROFILE, hours_per_period=1.0))
    return repr((study.devices, np.nan_to_num(study.grid.root_v), study.notes))


@functools.cache
def plain(of) -> str:
    return of(feeder())


# Columns that the network is made of too.
OF_THE_NETWORK = ("vm_pu", "const_")


CASES = [(table, column, *what) for table, columns in COLUMNS.items() for column, what in columns.items()]


@pytest.mark.parametrize(("table", "column", "what", "value"), CASES)
def test_a_column_counts_or_is_refused(table, column, what, value):
    net = changed(table, column, value)
    of = read_with_network if column.startswith(OF_THE_NETWORK) else read
    if what == REFUSED:
        stem = "voltage-dependent" if column.startswith("const_z") else column
        with pytest.raises(InputError, match=rf"{table} \d.*{stem}"):
            of(net)
    else:
        assert (of(net) != plain(of)) == (what == COUNTS)


@pytest.mark.parametrize("flag", [None, np.nan, False, 0])
def test_what_is_not_said_to_be_controllable_is_no_decision(flag):
    assert "kind='generation'" in read(feeder())
    assert "kind='generation'" not in read(changed("sgen", "controllable", flag))
