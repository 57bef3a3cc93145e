"""Nets made from a seed are what they are said to be, and the same every time."""

from __future__ import annotations

import numpy as np
import pandapower as pp
import pandapower.topology as top
import pytest

from tests.generated import load_generated


@pytest.fixture(scope="module")
def generated():
    return load_generated()


SIZES = {"substation": ((80, 90), 1, 13), "town": ((400, 400), 2, 60), "small": ((8, 17), None, None)}


@pytest.mark.parametrize(
    ("kind", "seed"), [("substation", 0), ("substation", 7), ("town", 0), ("small", 0), ("small", 31)]
)
def test_a_net_is_radial_within_limits_and_of_its_size(generated, kind, seed):
    net = generated.make(kind, seed)
    (least, most), roots, loops = SIZES[kind]
    assert least <= len(net.bus) <= most
    assert roots is None or len(net.ext_grid) == roots
    ties = int((~net.line["in_service"]).sum())
    assert loops is None or ties == loops
    # a forest that supplies every bus: one line in service for each bus but the roots
    assert len(net.line) - ties == len(net.bus) - len(net.ext_grid)
    assert not top.unsupplied_buses(net)
    pp.runpp(net, numba=False)
    assert net.bus["min_vm_pu"].max() < net.res_bus["vm_pu"].min()
    assert net.res_bus["vm_pu"].max() < net.bus["max_vm_pu"].min()
    assert net.res_line["loading_percent"].max() < 100


def test_a_seed_gives_the_same_net(generated):
    one, same, other = (generated.make("substation", seed) for seed in (3, 3, 4))
    assert one.line.equals(same.line)
    assert one.load.equals(same.load)
    assert not np.array_equal(one.load["p_mw"].to_numpy(), other.load["p_mw"].to_numpy())
