"""Branch flow, radiality, positions: what a model of a network is made of; a formulation is one line here.

>>> sorted(FORMULATIONS)
['distflow', 'lindistflow']
"""

from collections.abc import Sequence

from adnflex.errors import InputError
from adnflex.formulations.directed import DIRECTED
from adnflex.formulations.distflow import DISTFLOW
from adnflex.formulations.formulation import Formulation
from adnflex.formulations.lindistflow import LINDISTFLOW

__all__ = ["FORMULATIONS", "Formulation", "formulation_for", "formulation_named"]

#: Every formulation by the name that `adnflex.dispatch` and `adnflex.reconfigure` know it by.
FORMULATIONS: dict[str, Formulation] = {
    "distflow": DISTFLOW,
    "lindistflow": LINDISTFLOW,
}


def formulation_named(name: str, others: Sequence[str] = ("auto",)) -> Formulation:
    """Return a formulation by its name; `others` are words that the caller knows beside them.

    Examples
    --------
    >>> formulation_named("lindistflow").bounds_ac
    False
    >>> formulation_named("flow")
    Traceback (most recent call last):
    ...
    adnflex.errors.InputError: formulation is 'flow'; known are auto, distflow, lindistflow.
    """
    if name not in FORMULATIONS:
        hint = f" {DIRECTED.name!r} belongs to reconfigure." if name == DIRECTED.name else ""
        raise InputError(f"formulation is {name!r}; known are {', '.join([*others, *FORMULATIONS])}.{hint}")
    return FORMULATIONS[name]


# Cones up to which ``auto`` takes the cone programme: to declare as many takes about a minute, and every node of a
# search over switch states solves them all.
_MOST_CONES = 30_000


def formulation_for(name: str, cones: int, switched: bool) -> tuple[Formulation, str]:
    """Return a formulation by its name or, for ``auto``, by the model; also why, in a sentence.

    Parameters
    ----------
    name : str
        A name of `FORMULATIONS`, or ``auto``.
    cones : int
        Branches of all operating points together.
    switched : bool
        Whether switch states are decided.

    Examples
    --------
    >>> formulation_for("auto", 37, True)[1]
    'formulation: distflow, as its cones bound AC.'
    >>> formulation_for("auto", 40_000, True)[0].name
    'lindistflow'
    """
    if name != "auto":
        return formulation_named(name), ""
    if switched and cones > _MOST_CONES:
        return (
            LINDISTFLOW,
            f"formulation: lindistflow, as the model decides switch states beside {cones} cones, too many.",
        )
    return DISTFLOW, "formulation: distflow, as its cones bound AC."
