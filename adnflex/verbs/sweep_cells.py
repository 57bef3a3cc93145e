"""One cell of a sweep: do it, and say in a row what came of it, whatever that was."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import AdnflexError, Infeasible, InputError, SolverError, TimeExpired
from adnflex.knobs import Horizon
from adnflex.results import Check, Flexibility, FlexibilityCheck, MultiPeriodCheck, MultiPeriodPlan, Plan
from adnflex.sources import open_net
from adnflex.study.variants import varied
from adnflex.verbs.reconfigure import reconfigure
from adnflex.verbs.validate import validate

# What a variant says beside arguments of the verb.
CHANGES = ("scale", "share")


@dataclass(frozen=True, eq=False)
class SweepTask:
    """What is to be done.

    Attributes
    ----------
    net, variant : str
        Names.
    source : str or pandapowerNet
        The net, or the word or path that names it: workers open it themselves.
    changes : mapping
        What the variant says.
    blank : mapping
        Its row as long as nothing is known.
    """

    net: str
    variant: str
    source: str | pandapowerNet
    changes: Mapping[str, Any]
    blank: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the plan."""
        return f"{self.net}, {self.variant}" if self.variant else self.net


@dataclass(frozen=True)
class CellAnswer:
    """What came of it; `plan` and `check` are None where nothing was found."""

    row: dict[str, Any]
    plan: Plan | MultiPeriodPlan | Flexibility | None = None
    check: Check | MultiPeriodCheck | FlexibilityCheck | None = None

    @property
    def final(self) -> bool:
        """Whether it would be the same if it were done once more: worth to be kept."""
        if self.plan is not None:
            return self.plan.status != "interrupted"
        return bool(self.row["status"] == "infeasible")


def run_cell(job: Callable[[SweepTask], CellAnswer], cell: SweepTask) -> CellAnswer:
    """Do a cell; whatever comes of it becomes a row.

    Parameters
    ----------
    job : callable
        What is done with a cell.
    cell : SweepTask
        The cell.
    """
    clock = _cpu_clock()
    begin = clock()
    try:
        answer = job(cell)
    except AdnflexError as error:
        answer = CellAnswer(empty_row(cell, _status(error), str(error)))
    except MemoryError:
        answer = CellAnswer(empty_row(cell, "failed", "its memory ran out; give fewer workers or periods."))
    except Exception as error:
        why = f"internal fault: {type(error).__name__}: {error}; please report it."
        answer = CellAnswer(empty_row(cell, "failed", why))
    answer.row["cpu_s"] = clock() - begin
    return answer


def _cpu_clock() -> Any:
    """CPU seconds of this process; of this thread alone where others may do cells beside it."""
    alone = threading.current_thread() is threading.main_thread()
    return time.process_time if alone else time.thread_time


def reconfigured(options: Mapping[str, Any], cell: SweepTask) -> CellAnswer:
    """Open the net of a cell, change it, reconfigure it and check the plan in AC.

    Parameters
    ----------
    options : mapping
        Arguments of `adnflex.reconfigure` for all cells; those of the variant count before them.
    cell : SweepTask
        The cell.
    """
    arguments = {**options, **{k: v for k, v in cell.changes.items() if k not in CHANGES}}
    net = open_net(cell.source)[0] if isinstance(cell.source, str) else cell.source
    net = varied(net, cell.changes, Horizon.gathered(arguments))
    plan = reconfigure(net, **arguments, workers=1, name=cell.name)
    check = validate(plan, net)
    return CellAnswer({**empty_row(cell, plan.status), **_figures(plan, check)}, plan, check)


def _status(error: AdnflexError) -> str:
    if isinstance(error, Infeasible):
        return "infeasible" if error.proven else "not found"
    if isinstance(error, TimeExpired):
        return "time_limit"
    return "refused" if isinstance(error, InputError) and not isinstance(error, SolverError) else "failed"


def empty_row(cell: SweepTask, status: str, note: str = "") -> dict[str, Any]:
    """Row of a cell without a plan."""
    return {**cell.blank, "status": status, "note": note}


def _figures(plan: Plan | MultiPeriodPlan, check: Check | MultiPeriodCheck) -> dict[str, Any]:
    """Return what a row tells of a plan."""
    found: dict[str, Any] = {
        "passed": check.passed,
        "objective": plan.objective,
        "bound": plan.bound,
        "gap": plan.gap,
        "operations": plan.operations,
        "unit": plan.unit,
        "note": "" if check.passed else f"AC check failed: {check.verdict}",
    }
    if isinstance(plan, MultiPeriodPlan):
        assert isinstance(check, MultiPeriodCheck)
        before = plan.periods["violation_before"].fillna(math.inf)
        return {
            **found,
            "periods": len(plan.periods),
            "losses_before": plan.energy_before_mwh,
            "losses_after": check.energy_mwh,
            "losses_unit": "MWh",
            "topologies": len(plan.topologies),
            "violated_before": int((before > 0).sum()),
            "violated_after": int((check.periods["violations"] > 0).sum()),
        }
    assert isinstance(check, Check)
    return {
        **found,
        "periods": 1,
        "losses_before": check.losses_before_mw,
        "losses_after": check.losses_mw,
        "losses_unit": "MW",
        "topologies": 1,
        "violated_before": int(_breaks_before(check)),
        "violated_after": int(len(check.violations) > 0),
    }


def _breaks_before(check: Check) -> bool:
    """Whether the net as it was breaks a limit, or has no power flow solution."""
    buses, branches = check.buses, check.branches
    vm = buses["vm_before_pu"].to_numpy(dtype=float)
    if not np.isfinite(vm).any():
        return True
    low = (vm < buses["vm_min_pu"].to_numpy(dtype=float)).any()
    high = (vm > buses["vm_max_pu"].to_numpy(dtype=float)).any()
    limit = pd.to_numeric(branches["loading_limit_percent"]).to_numpy(dtype=float)
    loaded = (branches["loading_before_percent"].to_numpy(dtype=float) > limit).any()
    return bool(low or high or loaded)
