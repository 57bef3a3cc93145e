"""PowerFactory projects: pandapower's converter, run beside an installed PowerFactory."""

from __future__ import annotations

import importlib.util

from pandapower.auxiliary import pandapowerNet

from adnflex.adapters.imported import finish
from adnflex.errors import InputError


def from_powerfactory(project: str, *, study_case: str | None = None) -> pandapowerNet:
    """Read a project of PowerFactory with pandapower's own converter.

    PowerFactory has to be installed, and its folder with the module ``powerfactory`` for this version of Python be on
    ``sys.path``. It solves the study case, pandapower reads the project, and the voltages of both stand side by side.

    Parameters
    ----------
    project : str
        Name of the project in PowerFactory.
    study_case : str, optional
        The study case to solve; the active one by default.

    Returns
    -------
    pandapowerNet
        A new net with ``import_notes`` and ``source_voltages``.

    Raises
    ------
    InputError
        PowerFactory is not there, has no such project, or finds no solution.

    Examples
    --------
    >>> net = from_powerfactory("MV feeder")  # doctest: +SKIP
    """
    if importlib.util.find_spec("powerfactory") is None:
        raise InputError(
            "PowerFactory's module powerfactory is not found; install PowerFactory and put its folder Python/3.x on "
            "sys.path."
        )
    import powerfactory
    from pandapower.converter.powerfactory.export_pfd_to_pp import from_pfd

    try:
        net: pandapowerNet = from_pfd(powerfactory.GetApplication(), project, sc_name=study_case)
    except (RuntimeError, UserWarning) as error:
        raise InputError(f"PowerFactory project '{project}': {error}") from error
    if not net.get("pf_converged", True):
        raise InputError(f"PowerFactory project '{project}': load flow finds no solution; let it solve there first.")
    notes = []
    if len(net.controller):
        notes.append(f"{len(net.controller)} controllers are left out; what they set stays as solved.")
        net.controller = net.controller.iloc[:0]
    solved = net.res_bus["pf_vm_pu"].dropna() if "pf_vm_pu" in net.res_bus else ()
    voltages = {int(b): [float(v)] for b, v in dict(solved).items() if v > 0}
    finish(net, "PowerFactory", notes, voltages)
    return net
