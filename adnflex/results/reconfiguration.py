"""A reconfiguration: the `Plan` (the answer, with its bound) and the `Check` (the AC truth about it)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from adnflex.arguments import public
from adnflex.grid.switch_tables import open_branches, open_lines
from adnflex.results.base import Answer, Verdict
from adnflex.results.scope import looked_at
from adnflex.results.status import told_status

if TYPE_CHECKING:
    from pandapower import pandapowerNet


@dataclass(frozen=True, repr=False, eq=False)
class Plan(Answer):
    """A radial set of switch states, with the bound that says how good it can be.

    Attributes
    ----------
    net_name, fingerprint, asked_limits, solver, seconds, topology, coordinates, options, notes, versions
        What all answers have (see `adnflex.results.base.Answer`).
    objective_name : str
        ``losses``, ``switching``, ``voltage`` or ``mix``.
    weights : dict of str to float
        Weight of each term: ``losses`` [1/MW], ``switching`` [1/operation], ``voltage`` [1/pu].
    objective, bound : float
        Value of the plan and proven lower bound, in `unit`.
    unit : str
        Unit of both: ``MW``, ``operations``, ``pu`` or ``weighted``.
    gap : float
        ``(objective - bound) / |objective|``; 0 where both are zero.
    status : str
        ``optimal`` (the gap asked for is reached), ``time_limit``, ``interrupted`` or ``unproven`` (the solver gave
        up); `adnflex.results.status` has the words of all.
    switches : pandas.DataFrame
        One row a branch that may be switched, and one an open line that is ``locked`` (true: out of service or
        open at a switch, and no part of the choice): ``element`` (``line``, ``trafo``, ``switch``), ``index``,
        ``name``, ``from_bus``, ``to_bus``, ``closed_before``, ``closed_after``, ``operated``,
        ``how`` (e.g. ``switch 12``, ``in_service`` or ``locked``).
    buses : pandas.DataFrame
        Index: pandapower bus; ``vm_pu`` [pu] of the model (NaN where not supplied).
    branches : pandas.DataFrame
        One row a pandapower branch that the model holds: ``element``, ``index``, ``closed``, ``p_from_mw``
        [MW], ``q_from_mvar`` [Mvar], ``i_from_ka``, ``i_to_ka`` [kA], ``loss_mw`` [MW], ``cone_gap`` [-],
        ``cone_loss_mw`` [MW] (loss that the relaxation invented).
    losses_mw : float
        Losses of the model [MW].
    losses_before_mw : float
        Losses of the net as given by AC power flow [MW]; NaN where it does not converge.
    progress : pandas.DataFrame
        ``seconds``, ``incumbent``, ``bound``, ``event``.
    bound_kind : str
        What `bound` rests on: ``optimum of directed`` (the directed chain hull), ``optimum of distflow``, or
        ``relaxation of distflow without integers`` beside a formulation whose own optimum bounds nothing in AC.
    relaxation_buses, relaxation_branches : pandas.DataFrame
        What the relaxation itself says of the chosen switch states: columns as `buses` and `branches`, which hold the
        exact branch flow equations where the two differ. Empty where it gave no point.
    relaxation_losses_mw : float or None
        Losses of the relaxation [MW].
    own_objective, own_bound : float or None
        Of a model that its caller changed (``change=``): its objective in exact power flow, and the proven lower bound.
    """

    objective_name: str
    weights: dict[str, float]
    objective: float
    bound: float
    unit: str
    gap: float
    status: str
    switches: pd.DataFrame
    buses: pd.DataFrame
    branches: pd.DataFrame
    losses_mw: float
    losses_before_mw: float
    progress: pd.DataFrame
    bound_kind: str = "optimum of distflow"
    relaxation_buses: pd.DataFrame = field(default_factory=pd.DataFrame)
    relaxation_branches: pd.DataFrame = field(default_factory=pd.DataFrame)
    relaxation_losses_mw: float | None = None
    own_objective: float | None = None
    own_bound: float | None = None

    _form = "adnflex-plan-1"

    @property
    def open_lines(self) -> list[int]:
        """Pandapower indices of the lines that are open in the plan, also those that are locked (see `switches`)."""
        return open_lines(self.switches)

    @property
    def operations(self) -> int:
        """Number of branches whose state changes."""
        return int(self.switches["operated"].sum())

    @property
    def headline(self) -> dict[str, str]:
        """Status, objective, bound and gap, losses, open lines."""
        scale, unit = (1e3, "kW") if self.unit == "MW" else (1.0, self.unit)
        found = {"": self.status, self.objective_name: f"{self.objective * scale:.6g} {unit}"}
        if math.isfinite(self.bound):
            found |= {"bound": f"{self.bound * scale:.6g} {unit}", "gap": f"{self.gap:.4%}"}
        losses = f"{self.losses_before_mw * 1e3:.3f} -> {self.losses_mw * 1e3:.3f} kW"
        return {
            **found,
            "losses before and after": losses,
            "open lines": ", ".join(map(str, self.open_lines)) or "none",
        }

    @public()
    def apply(self, net: pandapowerNet) -> pandapowerNet:
        """Return a copy of `net` with the plan's switch states; `net` itself is untouched."""
        from adnflex.grid.identity import require_same
        from adnflex.grid.write import write

        require_same(net, self.fingerprint)
        return write(net, switches=self.switches)

    def _lines(self) -> list[str]:
        scale, unit = (1e3, "kW") if self.unit == "MW" else (1.0, self.unit)
        known = math.isfinite(self.bound)
        bound = f"bound {self.bound * scale:.6g} {unit}, gap {self.gap:.4%}" if known else "no bound"
        lines = [
            f"{self.net_name}: {told_status(self.status)}, objective {self.objective_name} = "
            f"{self.objective * scale:.6g} {unit}, {bound}",
            f"losses {self.losses_before_mw * 1e3:.3f} kW -> {self.losses_mw * 1e3:.3f} kW "
            f"with {self.operations} switching operations in {self.seconds:.1f} s",
        ]
        lines.append("open: " + (", ".join(open_branches(self.switches)) or "none"))
        return lines


@dataclass(frozen=True, repr=False, eq=False)
class Check(Verdict):
    """What full AC power flow says about a plan.

    Attributes
    ----------
    passed : bool
        Whether the plan may be switched: power flow converged, radial, everything supplied, every limit met.
    verdict : str
        One sentence for the reader.
    converged, radial, supplied : bool
        The structural findings, taken from the pushed-back net itself.
    objective : float
        The objective as it truly runs, in the plan's unit.
    losses_mw, losses_before_mw : float
        AC losses of the plan and of the net as given [MW].
    certificate : float or None
        ``(objective - bound) / |objective|`` with the AC objective; None unless `passed`.
    certificate_absolute : float or None
        ``objective - bound`` in the plan's unit; None unless `passed`.
    violations : pandas.DataFrame
        ``kind`` (``voltage low``, ``voltage high``, ``loading``), ``element``, ``index``, ``value``, ``limit``,
        ``excess``, ``unit``; empty where every limit is met.
    limits : pandas.DataFrame
        One row a kind of limit: ``kind``, ``checked`` (count), ``element``, ``index`` (worst place), ``value``,
        ``limit``, ``margin`` (negative: violated), ``unit``.
    relaxation : pandas.DataFrame
        One row a closed branch: ``element``, ``index``, ``cone_gap`` [-], ``cone_loss_mw`` [MW].
    deviations : pandas.DataFrame
        Model against AC: ``model`` (``exact power flow``: what the plan's tables say; ``relaxation``), ``quantity``,
        ``max_abs``, ``unit``, ``element``, ``index`` (worst place), ``relative``.
    buses : pandas.DataFrame
        Index: pandapower bus; ``vm_before_pu``, ``vm_pu`` (AC), ``vm_model_pu``, ``vm_min_pu``, ``vm_max_pu``.
    branches : pandas.DataFrame
        One row a line or transformer: ``element``, ``index``, ``loading_before_percent``, ``loading_percent``,
        ``loading_limit_percent`` (NaN: none), ``loss_before_mw``, ``loss_mw``, ``i_ka``, ``i_model_ka``.
    options, notes, versions
        As in `Plan`.
    """

    converged: bool
    radial: bool
    supplied: bool
    objective: float
    losses_mw: float
    losses_before_mw: float
    certificate: float | None
    certificate_absolute: float | None
    violations: pd.DataFrame
    limits: pd.DataFrame
    relaxation: pd.DataFrame
    deviations: pd.DataFrame
    buses: pd.DataFrame
    branches: pd.DataFrame

    @property
    def loadings(self) -> pd.DataFrame:
        """``loading_percent`` and ``loading_limit_percent`` by element and index."""
        columns = ["element", "index", "loading_percent", "loading_limit_percent"]
        return self.branches.reindex(columns=columns).set_index(columns[:2])

    @property
    def scope(self) -> str:
        """What was looked at: one operating point, its limits, and how far goes what has none."""
        loading, allowed = self.loadings["loading_percent"], self.loadings["loading_limit_percent"]
        return looked_at("one operating point, that of the net's tables", self.limits, loading, allowed)

    _form = "adnflex-check-1"
