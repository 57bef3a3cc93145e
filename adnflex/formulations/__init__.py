"""Branch flow, radiality, positions: what a model of a network is made of; a formulation is one line here.

>>> sorted(FORMULATIONS)
['distflow', 'lindistflow']
"""

from adnflex.errors import InputError
from adnflex.formulations.distflow import DISTFLOW
from adnflex.formulations.formulation import Formulation
from adnflex.formulations.lindistflow import LINDISTFLOW

__all__ = ["FORMULATIONS", "Formulation", "formulation_named"]

#: Every formulation by the name that `adnflex.dispatch` and `adnflex.reconfigure` know it by.
FORMULATIONS: dict[str, Formulation] = {
    "distflow": DISTFLOW,
    "lindistflow": LINDISTFLOW,
}


def formulation_named(name: str) -> Formulation:
    """Return a formulation by its name.

    Examples
    --------
    >>> formulation_named("lindistflow").bounds_ac
    False
    >>> formulation_named("flow")
    Traceback (most recent call last):
    ...
    adnflex.errors.InputError: formulation is 'flow'; known are distflow, lindistflow.
    """
    if name not in FORMULATIONS:
        raise InputError(f"formulation is {name!r}; known are {', '.join(FORMULATIONS)}.")
    return FORMULATIONS[name]
