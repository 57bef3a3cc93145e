"""Names of policies, from general to special: ``own``, ``rollout:pool/match``, ``mpc:5`` ..."""

from __future__ import annotations

import difflib
from typing import Any

from adnflex.errors import InputError
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.feeder import WithinFeeder
from adnflex.problems.rolling.mpc import Mpc, PerfectForesight
from adnflex.problems.rolling.policies import BASES, BasePolicy, Policy
from adnflex.problems.rolling.rollout import Rollout

# Arguments of `policy_of` that the verbs hand on.
OPTIONS = ("future", "common", "sweeps")

_CANDIDATES, _MORE = ("match", "full"), ("plans", "mpc")
_EXAMPLES = (
    "own",
    "pool",
    "rollout",
    "rollout:own/match",
    "rollout:pool/full+plans+mpc",
    "mpc:mean",
    "mpc:5",
    "floor",
    "feeder:rollout",
)


def policy_of(
    name: str,
    case: RollingCase,
    *,
    simulations: int = 30,
    future: str = "sample",
    common: bool = True,
    sweeps: int = 1,
) -> Policy:
    """Make a policy of its name.

    Parameters
    ----------
    name : str
        ``own``, ``pool``; ``rollout:<base>/<candidates>`` with candidates ``match`` or ``full``, and ``+plans``
        or ``+mpc`` behind (``rollout`` alone is ``rollout:pool/match``); ``mpc:mean``, ``mpc:<scenarios>``; ``floor``;
        ``feeder:<policy>``, see `adnflex.rolling.WithinFeeder`.
    case : RollingCase
        The case.
    simulations, future, common, sweeps
        Of a rollout, see `Rollout`.

    Raises
    ------
    InputError
        If there is no such policy, or a number is out of range.

    Examples
    --------
    >>> case = RollingCase.load("rolling33")
    >>> policy_of("rollout", case).name, policy_of("rollout:own/full+mpc", case, simulations=10).name
    ('rollout:pool/match', 'rollout:own/full+mpc')
    """
    findings = [
        f"{key} is {value!r}; give an integer of at least 1."
        for key, value in (("simulations", simulations), ("sweeps", sweeps))
        if isinstance(value, bool) or not isinstance(value, int) or value < 1
    ]
    if future not in ("sample", "mean"):
        findings.append(f"future is {future!r}; give 'sample' or 'mean'.")
    if findings:
        raise InputError(findings)
    if isinstance(name, str) and name.startswith("feeder:"):
        inner = name.removeprefix("feeder:")
        if inner == "floor":
            raise InputError("policy 'feeder:floor': the floor is planned at once for the day; give another policy.")
        same: dict[str, Any] = {"simulations": simulations, "future": future, "common": common, "sweeps": sweeps}
        return WithinFeeder(case, policy_of(inner, case, **same))
    kind, _, rest = str(name).partition(":")
    if name in BASES:
        return BasePolicy(name, case)
    if name == "floor":
        return PerfectForesight(case)
    if kind == "mpc" and (rest == "mean" or (rest.isdecimal() and int(rest) > 0)):
        return Mpc(case, 0 if rest == "mean" else int(rest))
    if kind == "rollout":
        words = _words(rest or "pool/match")
        if words is not None:
            base, candidates, more = words
            options: dict[str, Any] = {"simulations": simulations, "future": future, "common": common, "sweeps": sweeps}
            lead = Mpc(case) if "mpc" in more else None
            return Rollout(case, base, candidates, "plans" in more, lead, **options)
    close = difflib.get_close_matches(str(name), _EXAMPLES, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    raise InputError(
        f"policy {name!r} is not known.{meant} Give own, pool, rollout:<base>/<candidates> (base own or pool; "
        "candidates match or full, with +plans or +mpc behind), mpc:mean, mpc:<scenarios> or floor."
    )


def base_name(name: str) -> str:
    """Name of the base policy that stands in for a policy that is not solved.

    Examples
    --------
    >>> [base_name(name) for name in ("mpc:5", "rollout:own/full+mpc", "feeder:rollout:own/match", "somebody's")]
    ['pool', 'own', 'own', 'pool']
    """
    kind, _, rest = name.partition(":")
    if kind == "feeder":
        return base_name(rest)
    base = rest.partition("/")[0] if kind == "rollout" else kind
    return base if base in BASES else "pool"


def _words(rest: str) -> tuple[str, str, list[str]] | None:
    """Read base, candidates and what else is tried; None where a word is not known."""
    base, _, tail = rest.partition("/")
    candidates, *more = (tail or "match").split("+")
    good = base in BASES and candidates in _CANDIDATES and all(word in _MORE for word in more)
    return (base, candidates, more) if good and len(set(more)) == len(more) else None
