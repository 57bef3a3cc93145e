"""The decorator of everything public: arguments are checked, and the net is opened and made sound, before the call."""

from __future__ import annotations

import difflib
import functools
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, ParamSpec, TypeVar

from adnflex.arguments.kind import Kind, WrongValueError, shown
from adnflex.arguments.table import ARGUMENTS
from adnflex.errors import InputError
from adnflex.grid.sound import checked
from adnflex.knobs import Limits, Switching

P = ParamSpec("P")
R = TypeVar("R")

Target = Callable[..., Any]


class Public(NamedTuple):
    """What is known of a public function: the kinds of its arguments, and what its ``**`` arguments are."""

    kinds: Mapping[str, Kind]
    options: Callable[[], Iterable[str | Target]]


def public(
    *,
    options: Callable[[], Iterable[str | Target]] = tuple,
    also: Mapping[str, Kind] | None = None,
    reading: Target | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function check its arguments.

    Parameters
    ----------
    options : callable
        Returns what the ``**`` arguments are: names, or functions whose keywords they are.
    also : mapping, optional
        Kinds of arguments that mean something of their own in this function.
    reading : callable, optional
        What reads the whole net in this function: where tables are wrong, it is asked for all other faults of net and
        arguments, so that they are reported together.

    Examples
    --------
    >>> @public()
    ... def f(seed: int = 0) -> int:
    ...     return seed
    >>> f(sead=3)
    Traceback (most recent call last):
    ...
    adnflex.errors.InputError: unknown argument 'sead' of f; did you mean 'seed'?
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        kinds = {**ARGUMENTS, **(also or {})}

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = _bound(signature, function.__qualname__.removesuffix(".__init__"), args, kwargs, options)
            faults = _read(bound, signature, kinds)
            if "net" in bound.arguments and not (bound.arguments["net"] is None and _optional(signature, "net")):
                _take_net(bound, reading, faults)
            if faults:
                raise InputError(faults)
            return function(*bound.args, **bound.kwargs)

        call.__dict__["public"] = Public(kinds, options)
        return call

    return decorate


def keywords_of(target: Target) -> list[str]:
    """List the arguments of a function that are given by name only.

    Examples
    --------
    >>> def f(a: int, *, b: int = 0) -> None: ...
    >>> keywords_of(f)
    ['b']
    """
    return [n for n, p in inspect.signature(target).parameters.items() if p.kind is p.KEYWORD_ONLY]


def _bound(
    signature: inspect.Signature,
    name: str,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    options: Callable[[], Iterable[str | Target]],
) -> inspect.BoundArguments:
    """Match what was given to the parameters; unknown and missing ones are named."""
    parameters = signature.parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    listed = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    known = [n for n, p in parameters.items() if p.kind not in kinds and n not in ("self", "cls")]
    if open_ended:
        known += [k for option in options() for k in ([option] if isinstance(option, str) else keywords_of(option))]
        known = list(dict.fromkeys(known))
    faults = [_unknown(k, known, name) for k in kwargs if k not in known]
    places = [n for n, p in parameters.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(args) > len(places) and not listed:
        faults.append(f"{name}: {len(args)} arguments are given by place; name those after {places[-1]}.")
    faults += [f"{n}: is given twice to {name}; give it once." for n in places[: len(args)] if n in kwargs]
    missing = [
        n
        for n, p in parameters.items()
        if p.default is p.empty and p.kind not in kinds
        if n not in kwargs and n not in places[: len(args)]
    ]
    faults += [f"{n}: is missing; give it to {name}." for n in missing]
    if faults:
        raise InputError(faults)
    return signature.bind(*args, **kwargs)


def _unknown(word: str, known: list[str], name: str) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    meant = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}."
    return f"unknown argument {word!r} of {name}; {meant}"


def _optional(signature: inspect.Signature, name: str) -> bool:
    return signature.parameters[name].default is None


def _read(bound: inspect.BoundArguments, signature: inspect.Signature, kinds: Mapping[str, Kind]) -> list[str]:
    """Put every argument into its usual type; what is of another kind is said."""
    faults: list[str] = []

    def read(name: str, value: Any, none: bool) -> Any:
        kind = kinds.get(name)
        if kind is None or (value is None and none):
            return value
        try:
            return kind.read(value)
        except (TypeError, ValueError, OverflowError) as error:
            says = str(error) if isinstance(error, WrongValueError) else kind.says
            faults.append(f"{name} is {shown(value)}; give {says}.")
            return value

    for name, value in list(bound.arguments.items()):
        parameter = signature.parameters[name]
        if parameter.kind is parameter.VAR_KEYWORD:
            bound.arguments[name] = {k: read(k, v, True) for k, v in value.items()}
        elif name not in ("self", "cls", "net"):
            # the signature says where nothing is something, whatever the default
            none = parameter.default is None or "None" in str(parameter.annotation).split(" | ")
            bound.arguments[name] = read(name, value, none)
    return faults


def _take_net(bound: inspect.BoundArguments, reading: Target | None, faults: list[str]) -> None:
    """Put a sound net in place of what was given, and collect what is wrong with it."""
    net = bound.arguments["net"]
    try:
        if isinstance(net, str | os.PathLike):
            from adnflex.sources import open_net  # it is above everything that is checked here

            net = open_net(os.fspath(net))[0]
        bound.arguments["net"], tables = checked(net)
    except InputError as error:
        faults += error.findings
        return
    whole = not faults and not tables.types and bound.arguments.get("pcc") is None
    faults += [*tables.types, *tables.values]
    if tables.values and whole and reading is not None:
        given = bound.arguments
        try:
            reading(given["net"], limits=Limits.gathered(given, soft=True), switching=Switching.gathered(given))
        except InputError as error:
            faults[:] = error.findings
