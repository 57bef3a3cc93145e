"""MATPOWER case files (``.m``) into pandapower nets, without Matlab.

Most distribution cases that come with MATPOWER are typed in ohm and kW and converted by statements at the end
of the file. Reading only the matrices therefore gives a wrong net without a warning, so this reader carries
those statements out: assignments, scaling of columns, named columns, arithmetic with matrices and a few
functions. Whatever else stands in the file is refused with its line number; nothing is skipped silently and
nothing is ever passed to ``eval``.

Two parts: the small language (`tokens`, `program`), and the net (`case`, `builder`).

References
----------
R. D. Zimmerman, C. E. Murillo-Sanchez and R. J. Thomas, "MATPOWER: steady-state operations, planning and
analysis tools for power systems research and education", IEEE Trans. Power Syst. 26(1), 2011,
doi:10.1109/TPWRS.2010.2051168. The branch model is in section 3.2 of the MATPOWER manual.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pandapower.auxiliary import pandapowerNet

from adnflex.errors import InputError
from adnflex.files import read_bytes
from adnflex.matpower.bounds import MAX_TEXT
from adnflex.matpower.builder import UNRATED_KA, NetBuilder
from adnflex.matpower.case import read_case, three_phase, with_typed_impedances
from adnflex.matpower.program import CaseProgram

__all__ = ["UNRATED_KA", "read_matpower"]


def read_matpower(
    path_or_text: str | Path,
    *,
    name: str | None = None,
    impedances: Literal["as_file", "per_unit"] = "as_file",
    impedance_base_mva: float = 100.0,
    per_phase: bool = False,
) -> pandapowerNet:
    """Read a MATPOWER case (format version 2) as a pandapower net.

    Row ``k + 1`` of a matrix of the file has the index ``k`` in pandapower: buses always; a row of the branch
    matrix is the line, the transformer or (without impedance) the bus-bus switch of that index. Branches are
    named by their bus numbers (``"7-16"``), buses by ``mpc.bus_name`` or else their number. What is out of
    service stays as ``in_service=False``: a tie line.

    ======================================== ==============================================================
    MATPOWER                                 pandapower
    ======================================== ==============================================================
    bus of type 3, with its generator        ``ext_grid`` at the generator's set-point VG, one each
    generator at a bus of type 2             ``gen``
    any other generator                      ``sgen``
    PD, QD, also negative                    ``load``
    GS, BS                                   ``shunt``
    branch, TAP 0 or 1 and equal base kV     ``line`` of 1 km (BR_B as its capacitance)
    branch, other TAP, SHIFT or two base kV  ``trafo``, its ratio in the rated voltages (BR_B as two shunts)
    RATE_A > 0                               ``max_i_ka`` or ``sn_mva``, with ``max_loading_percent=100``
    VMIN, VMAX                               ``min_vm_pu``, ``max_vm_pu``
    polynomial costs up to degree 2          ``poly_cost``
    ======================================== ==============================================================

    Not read: other ratings (RATE_B, RATE_C), angle limits, ramp rates, capability curves, areas and zones.

    Parameters
    ----------
    path_or_text : str or pathlib.Path
        The file, or its text (a string with a line break in it).
    name : str, optional
        Name of the net; by default that of the function in the file.
    impedances : {"as_file", "per_unit"}
        With ``"per_unit"`` the columns r and x are taken as they are typed, in per unit on
        `impedance_base_mva`, and what the file does to them is disregarded. ``case16ci`` needs it: the file
        converts from ohm (loss 312.78 kW), while the published loss of 511.44 kW belongs to the same numbers
        in per unit on 100 MVA.
    impedance_base_mva : float
        Base power, in MVA, for ``impedances="per_unit"``.
    per_phase : bool
        The file holds one phase of a balanced three-phase system (``case533mt_hi``, ``case533mt_lo``): powers
        are tripled and voltages multiplied by the square root of 3, so that the net has line-to-line kV and
        total MW.

    Returns
    -------
    pandapowerNet
        The net, with MATPOWER's base power as its ``sn_mva``.

    Raises
    ------
    InputError
        The file is missing, has a statement that this reader does not understand, or data that do not fit
        together; each fault with its line number.

    Examples
    --------
    >>> net = read_matpower('''function mpc = two_buses
    ... mpc.version = '2';
    ... mpc.baseMVA = 10;
    ... mpc.bus = [  % kW and kvar
    ...     1  3  0    0   0  0  1  1  0  12.66  1  1    1;
    ...     2  1  100  60  0  0  1  1  0  12.66  1  1.1  0.9;
    ... ];
    ... mpc.gen = [1  0  0  10  -10  1  100  1  10  0];
    ... mpc.branch = [1  2  0.0922  0.0470  0  0  0  0  0  0  1  -360  360];  % ohm
    ... Zbase = mpc.bus(1, 10)^2 / mpc.baseMVA;
    ... mpc.branch(:, [3 4]) = mpc.branch(:, [3 4]) / Zbase;
    ... mpc.bus(:, 3:4) = mpc.bus(:, 3:4) / 1e3;
    ... ''')
    >>> net.name, float(net.load.p_mw[0]), round(float(net.line.r_ohm_per_km[0]), 4)
    ('two_buses', 0.1, 0.0922)
    """
    if impedances not in ("as_file", "per_unit"):
        raise InputError(f"impedances is {impedances!r}; give 'as_file' or 'per_unit'.")
    if not impedance_base_mva > 0:
        raise InputError(f"impedance_base_mva is {impedance_base_mva:g}; give a base power above 0 MVA.")
    text, label = _source(path_or_text)
    program = CaseProgram(text, label)
    case = read_case(program)
    if impedances == "per_unit":
        case = with_typed_impedances(case, program, impedance_base_mva)
    if per_phase:
        case = three_phase(case)
    return NetBuilder(case, name or program.name or Path(label).stem).net()


def _source(path_or_text: str | Path) -> tuple[str, str]:
    """Text of the case and what to call it in messages."""
    if isinstance(path_or_text, str) and "\n" in path_or_text:
        if len(path_or_text) > MAX_TEXT:
            raise InputError(f"MATPOWER text: has more than {MAX_TEXT:,} characters; give a smaller case.")
        return path_or_text, "MATPOWER text"
    path = Path(path_or_text)
    data = read_bytes(path, "MATPOWER case", "give the path of a .m file", MAX_TEXT)
    # Comments may hold names in any encoding; the statements themselves are ASCII.
    return data.decode("utf-8-sig", errors="replace"), path.name
