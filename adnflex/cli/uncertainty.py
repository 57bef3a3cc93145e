"""Scenarios on the command line: read for a dispatch, what they are worth, and the plan's decisions on fresh ones."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pandapower import pandapowerNet

import adnflex
from adnflex.cli.interruption import Interruption
from adnflex.cli.terminal import say
from adnflex.errors import Infeasible, InputError, SolverError
from adnflex.results import DrawnScenarios

# Arguments of a dispatch that mean nothing to what comes after it.
_OWN = ("scenarios", "follow", "time_limit", "name", "progress")


def nonsense(args: argparse.Namespace) -> list[str]:
    """Say which options of a dispatch mean nothing beside the others."""
    if args.command != "dispatch":
        return []
    faults = []
    if args.value_of_information and "scenarios" not in args.given:
        faults.append("--value-of-information: is that of scenarios; give --scenarios FILE.json too.")
    for option, there in (
        ("--value-of-information", args.value_of_information),
        ("--out-of-sample", args.out_of_sample is not None),
    ):
        if args.pareto and there:
            faults.append(f"{option}: is that of one plan; leave out --pareto.")
    if args.pareto and len(args.study) > 1:
        faults.append("--pareto: sweeps one net; give one --study.")
    if args.pareto and args.net_out is not None:
        faults.append("--net: writes one net; leave out --pareto.")
    if args.pareto:
        words = [name for name in ("objective", "carbon_budget_kg") if name in args.given]
        faults += [f"--{name.replace('_', '-')}: is set by --pareto itself; leave it out." for name in words]
    if "workers" in args.given and not (args.value_of_information or args.out_of_sample is not None):
        faults.append(
            "--workers: is of --value-of-information and --out-of-sample; give one of these, or leave it out."
        )
    return faults


@dataclass(frozen=True)
class Uncertainty:
    """What a command reads and asks of scenarios.

    Attributes
    ----------
    planned, fresh : DrawnScenarios or None
        Those that the plan is made for, and those that it is tried on.
    valued_too : bool
        Whether the value of information is asked for.
    """

    planned: DrawnScenarios | None = None
    fresh: DrawnScenarios | None = None
    valued_too: bool = False
    limit: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, args: argparse.Namespace) -> Uncertainty:
        """Read the files; the scenarios take the place of their file among the arguments."""
        if args.command != "dispatch":
            return cls()
        planned = fresh = None
        if "scenarios" in args.given:
            planned = DrawnScenarios.load(args.given["scenarios"])
            args.given["scenarios"] = planned.few
        if args.out_of_sample is not None:
            fresh = DrawnScenarios.load(args.out_of_sample)
        limit = {name: args.given[name] for name in ("time_limit", "workers") if name in args.given}
        return cls(planned, fresh, args.value_of_information, limit)

    @property
    def shown(self) -> list[DrawnScenarios]:
        """What stands in the report before the plan."""
        return [] if self.planned is None else [self.planned]

    def valued(self, plan: Any, net: pandapowerNet, options: Mapping[str, Any], interruption: Interruption) -> Any:
        """Give a plan what its scenarios are worth and what its decisions do on fresh ones, as far as asked for."""
        if plan is None:
            return None
        more = {key: value for key, value in options.items() if key not in _OWN} | dict(self.limit or {})
        if self.valued_too and self.planned is not None:
            scenarios = self.planned.few
            plan = _beside(
                plan, "the value of information", interruption,
                lambda: adnflex.value_of_information(plan, net, scenarios, **more),
            )  # fmt: skip
        if self.fresh is not None:
            every, known = self.fresh.all, plan
            plan = _beside(
                plan, "the fresh scenarios", interruption, lambda: adnflex.out_of_sample(known, net, every, **more)
            )
        return plan


def _beside(plan: Any, what: str, interruption: Interruption, ask: Callable[[], Any]) -> Any:
    """Ask for more of a plan, which is kept whatever becomes of that."""
    try:
        with interruption.beside():
            return ask()
    except KeyboardInterrupt:
        say(f"interrupted; {what} left out.")
    except (Infeasible, InputError, SolverError) as error:
        say(f"{what} left out: {error}")
    return plan
