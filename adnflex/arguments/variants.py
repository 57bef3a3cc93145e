"""The kind of the variants of a sweep: powers that are scaled, and arguments of the verb that each of them changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from adnflex.arguments.kind import Kind, WrongValueError, real, require, shown

#: Tables whose powers a variant may change; ``sgen.PV`` is those of the table whose column ``type`` says so.
SCALED = ("load", "sgen", "storage")
_WAYS = ("scale", "share")


def variants(kinds: Mapping[str, Kind]) -> Kind:
    """Return the kind of ``{name: {"scale": {table: factor}, "share": {table: share}, argument: value}}``.

    Parameters
    ----------
    kinds : mapping of str to Kind
        What arguments of a verb may be, by name; a sweep refuses those that its verb does not have.

    Examples
    --------
    >>> kind = variants({})
    >>> kind.from_words(["today", "share.sgen=0.3", "2035:scale.load=1.2,scale.sgen.PV=3"])["2035"]
    {'scale': {'load': 1.2, 'sgen.PV': 3.0}}
    """

    def read(value: Any) -> dict[str, dict[str, Any]]:
        if isinstance(value, tuple):
            value = _joined(value)
        require(isinstance(value, Mapping) and len(value) > 0)
        return {_name(name): _variant(str(name), changes, kinds) for name, changes in value.items()}

    def parse(word: str) -> dict[str, dict[str, Any]]:
        name, changes = _halves(word)
        found: dict[str, Any] = {}
        for part in re.split(r",(?=[^,=]+=)", changes) if changes else ():
            key, _, text = part.partition("=")
            way, _, table = key.strip().partition(".")
            if way in _WAYS:
                found.setdefault(way, {})[table] = float(text)
            else:
                found[key.strip()] = _said(key.strip(), text, kinds)
        return {name: found}

    says = "{name: {'scale': {'load': 1.2}, 'share': {'sgen': 0.3}, argument: value}}"
    return Kind(says, read, parse, "NAME:KEY=X,KEY=X", "+")


def _halves(word: str) -> tuple[str, str]:
    """Split a word into name and changes; one without a name is called by its changes."""
    name, colon, changes = word.partition(":")
    if colon and "=" not in name:
        return name.strip(), changes
    return word.strip(), word if "=" in word else ""


def _joined(parts: tuple[Any, ...]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for part in parts:
        if twice := set(part) & set(found):
            raise WrongValueError(f"another name for the second {shown(next(iter(twice)))}")
        found |= part
    return found


def _said(name: str, text: str, kinds: Mapping[str, Kind]) -> Any:
    """Read the word of an argument."""
    kind = kinds.get(name)
    if kind is not None and kind.words == 0:
        require(text in ("true", "false"))
        return text == "true"
    if kind is None or not kind.sayable or kind.words is not None:
        raise WrongValueError(f"in Python what {name} shall be; one word cannot say it")
    return kind.from_words([text])


def _name(name: Any) -> str:
    require(isinstance(name, str) and bool(name.strip()))
    return str(name)


def _variant(name: str, changes: Any, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Check one variant."""
    if not isinstance(changes, Mapping):
        raise WrongValueError(
            f"for {name} a mapping such as {{'scale': {{'load': 1.2}}}}, or {{}} for the net as it is"
        )
    found: dict[str, Any] = {}
    for key, value in changes.items():
        if key in _WAYS:
            found[key] = _factors(name, key, value)
        elif key in kinds:
            try:
                found[key] = None if value is None else kinds[key].read(value)
            except (TypeError, ValueError, OverflowError) as error:
                says = str(error) if isinstance(error, WrongValueError) else kinds[key].says
                raise WrongValueError(f"in {name} for {key} {says}, not {shown(value)}") from None
        else:
            raise WrongValueError(f"in {name} 'scale', 'share' or an argument of the verb, not {shown(key)}")
    return found


def _factors(name: str, way: str, given: Any) -> dict[str, float]:
    known = " or ".join(SCALED)
    if not isinstance(given, Mapping) or any(str(t).partition(".")[0] not in SCALED for t in given):
        raise WrongValueError(f"in {name} for {way} numbers by table ({known}; sgen.PV: those of this type)")
    factors = {}
    for table, value in given.items():
        try:
            factors[str(table)] = real(value)
        except ValueError:
            factors[str(table)] = -1.0
        if not 0 <= factors[str(table)] < float("inf"):
            raise WrongValueError(f"in {name} for {way}.{table} a number of 0 or more, not {shown(value)}")
    if way == "share" and any(table.partition(".")[0] != "sgen" for table in factors):
        raise WrongValueError(f"in {name} for share generators only: sgen, or sgen.TYPE")
    return factors
