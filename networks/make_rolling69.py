"""Build ``rolling69.json``: the study of ``rolling33`` on the 69-bus feeder, with half as many nodes again.

Run it from the root of the repository: ``python networks/make_rolling69.py``. What was chosen, which is everything but
the feeder, is in ``PROVENANCE.md`` beside this file. Laws, prices and sizes are those of ``make_rolling33.py``.
"""

from __future__ import annotations

from pathlib import Path

import make_baran_wu_69
import make_rolling33 as study
import pandapower as pp
from make_rolling33 import Node
from pandapower.auxiliary import pandapowerNet

# All the feeder's branches have one node at least; sun, wind and storage grow with the number of vehicles.
NODES = (
    Node(7, "work", 200, 0, 1),
    Node(11, "home", 200, 0, 0),
    Node(16, "home", 0, 0, 0),
    Node(21, "shop", 0, 100, 0),
    Node(27, "home", 200, 0, 1),
    Node(35, "shop", 0, 0, 0),
    Node(39, "work", 200, 0, 1),
    Node(46, "shop", 0, 100, 0),
    Node(49, "work", 200, 0, 1),
    Node(53, "home", 0, 0, 0),
    Node(61, "home", 200, 0, 1),
    Node(68, "shop", 0, 100, 0),
)
SVC_BUSES = (21, 50, 61)


def build() -> pandapowerNet:
    """Build the net: the feeder, the devices of the nodes, and ``net.study``."""
    net = make_baran_wu_69.build()
    net.name, net.sn_mva = "rolling69", study.BASE_MVA
    study.devices(net, NODES, [study.VEHICLES_PER_DAY] * len(NODES))
    study.svcs(net, SVC_BUSES)
    net["study"] = study.facts(published())
    study.series(net)
    return net


def published() -> dict[str, object]:
    """Costs that the paper prints for its 69-bus feeder [CNY]; its nodes and devices are not known."""
    rows = {"first": (266.36, 126.57), "second": (1894.40, 2197.70)}
    return {
        "source": study.published()["source"],
        "costs": {name: {"total": total, "purchase": purchase} for name, (total, purchase) in rows.items()},
    }


if __name__ == "__main__":
    pp.to_json(build(), str(Path(__file__).with_name("rolling69.json")))
