"""What is written about the arguments of a verb: its signature, and the words of its docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from adnflex.arguments.call import Public, Target
from adnflex.arguments.kind import Kind


@dataclass(frozen=True)
class Knob:
    """An argument of a verb.

    Attributes
    ----------
    name : str
        Its name.
    kind : Kind or None
        What it may be; None where nothing is checked before the verb itself looks at it.
    default : Any
        Its default.
    text : str
        What the docstring says of it.
    """

    name: str
    kind: Kind | None
    default: Any
    text: str


def knobs_of(verb: Target) -> dict[str, Knob]:
    """List the arguments of a public function by name, those that it hands on to others included.

    Examples
    --------
    >>> from adnflex import dispatch, pareto
    >>> knobs_of(dispatch)["gap"].default, knobs_of(pareto)["gap"].text
    (0.001, 'Relative gap at which to stop.')
    """
    known: Public = verb.__dict__["public"]
    texts = parameter_texts(verb)
    found: dict[str, Knob] = {}
    for name, parameter in inspect.signature(verb).parameters.items():
        if parameter.kind is not parameter.VAR_KEYWORD and name not in ("self", "cls"):
            found[name] = Knob(name, known.kinds.get(name), parameter.default, texts.get(name, ""))
    for option in known.options():
        if isinstance(option, str):
            found.setdefault(option, Knob(option, known.kinds.get(option), None, texts.get("**options", "")))
        else:
            named = {n for n, p in inspect.signature(option).parameters.items() if p.kind is _NAMED}
            found = {**{k: v for k, v in knobs_of(option).items() if k in named}, **found}
    return found


_NAMED = inspect.Parameter.KEYWORD_ONLY


def summary_of(verb: Target) -> str:
    """Return what a docstring says before its parameters."""
    return (inspect.getdoc(verb) or "").partition("\nParameters\n---")[0].strip()


def parameter_texts(verb: Target) -> dict[str, str]:
    """Read the section ``Parameters`` of a docstring in numpydoc's form.

    "As in `adnflex.dispatch`" is followed, so that the words of a knob stand in one place.

    Examples
    --------
    >>> from adnflex import flexibility
    >>> parameter_texts(flexibility)["periods"]
    'Rows of the profiles; by default all.'
    """
    return {name: _followed(name, text) for name, text in _own_texts(verb).items()}


@cache
def _own_texts(verb: Target) -> Mapping[str, str]:
    """Read that section as it stands."""
    doc = inspect.getdoc(verb) or ""
    match = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", doc, re.S | re.M)
    if match is None:
        return {}
    found: dict[str, str] = {}
    for head, body in re.findall(r"^(\S(?:(?<=,)\n(?=\S)|[^\n])*)\n((?:(?: [^\n]*)?\n)*)", match[1], re.M):
        text = " ".join(body.split())
        for name in head.partition(" : ")[0].replace("\n", " ").split(","):
            found[name.strip()] = text
    return found


def _followed(name: str, text: str) -> str:
    """Put the words of another verb in the place of a hint at them."""
    hint = re.match(r"As (?:in|for) `adnflex\.(\w+)`", text)
    if hint is None:
        return text
    import adnflex  # everything public stands above its arguments

    words = _own_texts(getattr(adnflex, hint[1])).get(name)
    there, rest = text if words is None else _followed(name, words), text[hint.end() :]
    return there if rest in ("", ".") else there.rstrip(".") + rest
