"""Make ``feeder.zip``: a ring of four buses at 20 kV with an open line, as pypowsybl writes it.

Run it with pypowsybl installed, which the tests do not need: ``python tests/adapters/make_cgmes.py``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

LINES = ["L12", "L23", "L34", "L41"]
HIGH, RING = "V110", ["V20"] * 4


def main() -> None:
    import pypowsybl

    net = pypowsybl.network.create_empty("feeder")
    net.create_substations(id="S", country="DE")
    net.create_voltage_levels(
        id=["V110", "V20"], substation_id=["S", "S"], nominal_v=[110.0, 20.0], topology_kind=["BUS_BREAKER"] * 2
    )
    net.create_buses(id=["B0"], voltage_level_id=[HIGH])
    net.create_buses(id=["B1", "B2", "B3", "B4"], voltage_level_id=RING)
    net.create_generators(
        id="GRID", voltage_level_id=HIGH, bus_id="B0", min_p=0.0, max_p=99.0, target_p=3.0, target_v=112.0,
        target_q=0.0, voltage_regulator_on=True,
    )  # fmt: skip
    net.create_2_windings_transformers(
        id="T", voltage_level1_id=HIGH, voltage_level2_id="V20", bus1_id="B0", bus2_id="B1", rated_u1=110.0,
        rated_u2=20.0, rated_s=25.0, r=0.03, x=1.6, g=0.0, b=0.0,
    )  # fmt: skip
    net.create_lines(
        id=LINES, voltage_level1_id=RING, voltage_level2_id=RING, bus1_id=["B1", "B2", "B3", "B4"],
        bus2_id=["B2", "B3", "B4", "B1"], r=[0.5, 0.6, 0.7, 0.4], x=[0.4, 0.5, 0.6, 0.3], g1=[0.0] * 4, b1=[1e-6] * 4,
        g2=[0.0] * 4, b2=[1e-6] * 4,
    )  # fmt: skip
    net.create_loads(
        id=["D2", "D3", "D4"],
        voltage_level_id=RING[:3],
        bus_id=["B2", "B3", "B4"],
        p0=[1.0, 1.5, 0.8],
        q0=[0.3, 0.4, 0.2],
    )
    net.create_generators(
        id="WIND", voltage_level_id="V20", bus_id="B3", min_p=0.0, max_p=2.0, target_p=0.6, target_q=0.1, target_v=20.0,
        voltage_regulator_on=False,
    )  # fmt: skip
    limits = [
        {"element_id": line, "side": "ONE", "name": "permanent", "type": "CURRENT", "value": 300.0,
         "acceptable_duration": -1, "fictitious": False}
        for line in LINES
    ]  # fmt: skip
    net.create_operational_limits(pd.DataFrame.from_records(index="element_id", data=limits))
    net.update_lines(id="L34", connected2=False)
    pypowsybl.loadflow.run_ac(net)
    net.save(str(Path(__file__).with_name("feeder.zip")), format="CGMES")


if __name__ == "__main__":
    main()
