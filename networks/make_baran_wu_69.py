"""Build ``baran_wu_69.json`` from the published table: the 69-bus feeder of Baran and Wu with five tie lines.

Run it from the root of the repository: ``python networks/make_baran_wu_69.py``. What is published and what
was chosen is in ``PROVENANCE.md`` beside this file.
"""

from __future__ import annotations

from pathlib import Path

import pandapower as pp
from pandapower.auxiliary import pandapowerNet

NOMINAL_KV = 12.66
ROOT_VM_PU = 1.0
MIN_VM_PU, MAX_VM_PU = 0.9, 1.05
# pandapower's own mark for a line without a rating: the feeder is published without ratings.
UNRATED_KA = 99999.0

# from, to, r in ohm, x in ohm, and the load at the bus "to": P in kW, Q in kvar.
# Bus 1, the substation, has no load.
SECTIONS = """
  1   2   0.0005   0.0012      0.0     0.0
  2   3   0.0005   0.0012      0.0     0.0
  3   4   0.0015   0.0036      0.0     0.0
  4   5   0.0251   0.0294      0.0     0.0
  5   6   0.3660   0.1864      2.6     2.2
  6   7   0.3810   0.1941     40.4    30.0
  7   8   0.0922   0.0470     75.0    54.0
  8   9   0.0493   0.0251     30.0    22.0
  9  10   0.8190   0.2707     28.0    19.0
 10  11   0.1872   0.0619    145.0   104.0
 11  12   0.7114   0.2351    145.0   104.0
 12  13   1.0300   0.3400      8.0     5.5
 13  14   1.0440   0.3400      8.0     5.5
 14  15   1.0580   0.3496      0.0     0.0
 15  16   0.1966   0.0650     45.5    30.0
 16  17   0.3744   0.1238     60.0    35.0
 17  18   0.0047   0.0016     60.0    35.0
 18  19   0.3276   0.1083      0.0     0.0
 19  20   0.2106   0.0690      1.0     0.6
 20  21   0.3416   0.1129    114.0    81.0
 21  22   0.0140   0.0046      5.3     3.5
 22  23   0.1591   0.0526      0.0     0.0
 23  24   0.3463   0.1145     28.0    20.0
 24  25   0.7488   0.2475      0.0     0.0
 25  26   0.3089   0.1021     14.0    10.0
 26  27   0.1732   0.0572     14.0    10.0
  3  28   0.0044   0.0108     26.0    18.6
 28  29   0.0640   0.1565     26.0    18.6
 29  30   0.3978   0.1315      0.0     0.0
 30  31   0.0702   0.0232      0.0     0.0
 31  32   0.3510   0.1160      0.0     0.0
 32  33   0.8390   0.2816     14.0    10.0
 33  34   1.7080   0.5646     19.5    14.0
 34  35   1.4740   0.4873      6.0     4.0
  3  36   0.0044   0.0108     26.0    18.6
 36  37   0.0640   0.1565     26.0    18.6
 37  38   0.1053   0.1230      0.0     0.0
 38  39   0.0304   0.0355     24.0    17.0
 39  40   0.0018   0.0021     24.0    17.0
 40  41   0.7283   0.8509      1.2     1.0
 41  42   0.3100   0.3623      0.0     0.0
 42  43   0.0410   0.0478      6.0     4.3
 43  44   0.0092   0.0116      0.0     0.0
 44  45   0.1089   0.1373     39.2    26.3
 45  46   0.0009   0.0012     39.2    26.3
  4  47   0.0034   0.0084      0.0     0.0
 47  48   0.0851   0.2083     79.0    56.4
 48  49   0.2898   0.7091    384.7   274.5
 49  50   0.0822   0.2011    384.7   274.5
  8  51   0.0928   0.0473     40.5    28.3
 51  52   0.3319   0.1140      3.6     2.7
  9  53   0.1740   0.0886      4.3     3.5
 53  54   0.2030   0.1034     26.4    19.0
 54  55   0.2842   0.1447     24.0    17.2
 55  56   0.2813   0.1433      0.0     0.0
 56  57   1.5900   0.5337      0.0     0.0
 57  58   0.7837   0.2630      0.0     0.0
 58  59   0.3042   0.1006    100.0    72.0
 59  60   0.3861   0.1172      0.0     0.0
 60  61   0.5075   0.2585   1244.0   888.0
 61  62   0.0974   0.0496     32.0    23.0
 62  63   0.1450   0.0738      0.0     0.0
 63  64   0.7105   0.3619    227.0   162.0
 64  65   1.0410   0.5302     59.0    42.0
 11  66   0.2012   0.0611     18.0    13.0
 66  67   0.0047   0.0014     18.0    13.0
 12  68   0.7394   0.2444     28.0    20.0
 68  69   0.0047   0.0016     28.0    20.0
"""

# from, to, r in ohm, x in ohm; out of service in the published state.
TIES = """
 11  43   0.5000   0.5000
 13  21   0.5000   0.5000
 15  46   1.0000   0.5000
 50  59   2.0000   1.0000
 27  65   1.0000   0.5000
"""


def rows(table: str) -> list[list[float]]:
    """Read a typed table as numbers, one list a row."""
    return [[float(word) for word in line.split()] for line in table.strip().splitlines()]


def build() -> pandapowerNet:
    """Build the net: bus ``n`` has the index ``n - 1``, the branch in row ``k`` the line index ``k - 1``."""
    net = pp.create_empty_network(name="baran_wu_69", sn_mva=10.0, add_stdtypes=False)
    sections, ties = rows(SECTIONS), rows(TIES)
    numbers = range(1, len(sections) + 2)
    pp.create_buses(
        net,
        len(numbers),
        vn_kv=NOMINAL_KV,
        name=[str(number) for number in numbers],
        min_vm_pu=MIN_VM_PU,
        max_vm_pu=MAX_VM_PU,
    )
    pp.create_ext_grid(net, 0, vm_pu=ROOT_VM_PU, name="substation")
    branches = [section[:4] for section in sections] + ties
    pp.create_lines_from_parameters(
        net,
        [int(f) - 1 for f, _, _, _ in branches],
        [int(t) - 1 for _, t, _, _ in branches],
        length_km=1.0,
        r_ohm_per_km=[r for _, _, r, _ in branches],
        x_ohm_per_km=[x for _, _, _, x in branches],
        c_nf_per_km=0.0,
        max_i_ka=UNRATED_KA,
        name=[f"{int(f)}-{int(t)}" for f, t, _, _ in branches],
        in_service=[True] * len(sections) + [False] * len(ties),
    )
    loads = [(int(to), p_kw, q_kvar) for _, to, _, _, p_kw, q_kvar in sections if p_kw or q_kvar]
    pp.create_loads(
        net,
        [to - 1 for to, _, _ in loads],
        p_mw=[p_kw / 1e3 for _, p_kw, _ in loads],
        q_mvar=[q_kvar / 1e3 for _, _, q_kvar in loads],
        name=[str(to) for to, _, _ in loads],
    )
    return net


if __name__ == "__main__":
    pp.to_json(build(), str(Path(__file__).with_name("baran_wu_69.json")))
