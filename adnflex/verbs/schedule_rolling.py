"""Schedule rolling: a day decided hour by hour, each hour observed, decided, settled; then the bill."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from adnflex.arguments import public
from adnflex.arguments.kinds import whole
from adnflex.errors import InputError, TimeExpired
from adnflex.problems.clock import Deadline, Progress
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.days import draw_day
from adnflex.problems.rolling.hours import Spread
from adnflex.problems.rolling.policies import Policy
from adnflex.problems.rolling.policy_names import OPTIONS
from adnflex.problems.rolling.reactive import reactive_of
from adnflex.problems.rolling.reactive_stage import ReactiveStage
from adnflex.problems.rolling.scheduler import RollingScheduler, simulate_day
from adnflex.problems.rolling.states import RunStates
from adnflex.problems.rolling.tables import run_of
from adnflex.results.rolling import RollingRun
from adnflex.verbs.validate_rolling import validate_rolling


@public(options=lambda: OPTIONS, also={"scenarios": whole("an integer of at least 1", 1)})
def schedule_rolling(
    case: RollingCase,
    policy: str | Policy = "rollout",
    *,
    simulations: int = 30,
    seed: int = 1,
    day: int = 0,
    reactive: str | ReactiveStage | None = "auto",
    scenarios: int = 20,
    state: str | Path | None = None,
    time_limit: float = math.inf,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> RollingRun:
    """Simulate a day of a rolling schedule.

    Parameters
    ----------
    case : RollingCase
        The case.
    policy : str or Policy
        ``own``, ``pool``: base policies; ``rollout:<base>/<candidates>`` with candidates ``match`` or ``full`` and
        ``+plans`` or ``+mpc`` behind, ``rollout`` alone being ``rollout:pool/match``; ``mpc:mean``,
        ``mpc:<scenarios>``; ``floor``: perfect foresight. Or an object with ``name`` and ``decide(state, rng)``.
    simulations : int
        Futures M that a rollout looks at.
    seed : int
        Seed of the day and of the futures.
    day : int
        Which of the seed's days.
    reactive : {"auto", "scenarios", "mean"}, callable or None
        Second stage, called after each hour's decision: reactive power over scenarios of the hour, or for the expected
        hour (see `adnflex.rolling.ScenarioReactive`). ``auto``: ``scenarios`` where the net has sites of reactive
        power. It does not change what the first stage decides, nor the costs.
    scenarios : int
        Number of its scenarios.
    state : str or pathlib.Path, optional
        File that keeps the state after every hour. Where it exists, the day goes on where it was stopped, with the same
        result as if it had not been; it is left when the day is over.
    time_limit : float
        Time limit [s]; by default none. The hours that were decided by then are returned, with the status
        ``time_limit`` and a note that names the others; with `state` a later call decides them. A policy that has to
        end an hour early decides with what it has found by then. What is drawn and built before the first hour, some
        seconds, is no less for a short limit.
    progress : callable, optional
        Told every hour that is decided (`done` of `wanted`).
    **options
        Further options of a rollout: ``future`` (``sample`` or ``mean``), ``common`` (random numbers), ``sweeps``.

    Returns
    -------
    RollingRun
        What was done and what it cost. Where a solver gave the policy no answer for an hour, the base policy decided
        it: `RollingRun.fallbacks` says which hours and why, and a note what AC power flow says of that day.

    Raises
    ------
    TimeExpired
        If the time was over before the first hour was decided.
    SolverError
        If the plan of ``floor`` is not solved: what is no optimum is no floor.

    Examples
    --------
    >>> case = RollingCase.load("rolling33")
    >>> run = schedule_rolling(case, "pool", seed=1)
    >>> run.costs["cost"].round(2).to_dict()  # doctest: +ELLIPSIS
    {'purchase': ..., 'ev_profit': ..., 'ev_subsidy': ..., 'solar': ..., 'wind': ..., 'total': ...}
    >>> bool(run.vehicles["unmet_kwh"].max() < 1e-6)
    True
    """
    clock = Deadline(time_limit)
    stage = reactive_of(case, reactive, scenarios)
    control = RollingScheduler(case, policy, simulations=simulations, seed=seed, day=day, reactive=stage, **options)
    if state is not None and Path(state).exists():
        control = _resumed(control, state, policy, stage)
    control.clock = clock

    def after(hour: int) -> None:
        if state is not None:
            control.save(state)
        if progress is not None:
            event = f"hour {hour + 1} of {case.hours} decided"
            progress(Progress(clock.now, math.nan, math.nan, event, hour + 1, case.hours))

    simulate_day(control, draw_day(case, seed, day), after)
    if not control.history:
        raise TimeExpired(f"no hour was decided within {time_limit:g} s; give more time_limit.")
    run = _judged(run_of(control), case)
    # studies of thousands of days leave it out
    return replace(run, setpoints=RunStates(run, case.found, Spread()).table(expected=True))


def _resumed(
    asked: RollingScheduler, path: str | Path, policy: str | Policy, stage: ReactiveStage | None
) -> RollingScheduler:
    """Load a state, if it belongs to the very run that is asked for."""
    own = None if isinstance(policy, str) else policy
    found = RollingScheduler.load(path, asked.case, policy=own, reactive=stage)
    for name, there, here in (
        ("policy", found.policy.name, asked.policy.name),
        ("day", found.day, asked.day),
        *((key, found.settings.get(key), value) for key, value in asked.settings.items()),
    ):
        if there != here:
            raise InputError(
                f"state file {path}: belongs to {name} {there!r}, and {here!r} is asked for; ask for the same run, or "
                "give another file."
            )
    return found


def _judged(run: RollingRun, case: RollingCase) -> RollingRun:
    """Let AC power flow judge a day with hours that its policy did not decide."""
    if not len(run.fallbacks):
        return run
    verdict = validate_rolling(run, case.net).verdict
    return replace(run, notes=(*run.notes, f"AC check of the day with these hours: {verdict}."))
