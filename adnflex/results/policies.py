"""Names of policies: what they leave unsaid, and what each is measured against."""

from __future__ import annotations

from collections.abc import Sequence

#: Perfect foresight: what no policy can beat.
FLOOR = "floor"
#: Policies that need no simulation, the better one first.
_BASES = ("pool", "own")


def full_name(policy: str) -> str:
    """Name of a policy with what it leaves unsaid.

    Examples
    --------
    >>> full_name("rollout"), full_name("feeder:rollout:own"), full_name("mpc:5")
    ('rollout:pool/match', 'feeder:rollout:own/match', 'mpc:5')
    """
    kind, _, rest = policy.partition(":")
    if kind == "feeder":
        return f"feeder:{full_name(rest)}"
    if kind != "rollout":
        return policy
    base, _, tail = (rest or "pool/match").partition("/")
    return f"rollout:{base}/{tail or 'match'}"


def base_of(policy: str, names: Sequence[str]) -> str | None:
    """Policy that `policy` is measured against: its own base where that is compared, else the best base policy.

    What stays within the feeder is measured against the same policy that does not.

    Examples
    --------
    >>> base_of("rollout:own/match", ["own", "pool", "rollout:own/match"]), base_of("mpc:5", ["mpc:5", "pool"])
    ('own', 'pool')
    >>> base_of("pool", ["pool", "floor"]) is None
    True
    """
    kind, _, rest = full_name(policy).partition(":")
    if kind == "feeder":
        return next((name for name in names if full_name(name) == rest), base_of(rest, names))
    if kind == "rollout" and rest.partition("/")[0] in names:
        return rest.partition("/")[0]
    return next((name for name in _BASES if name in names and name != policy), None)
