"""What all results share: figures and tables, one line for a prompt, a table for a notebook, files of every kind."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from adnflex.arguments import public
from adnflex.errors import InputError
from adnflex.knobs import Limits
from adnflex.results.certificate import amber, reservation
from adnflex.results.codec import Saved
from adnflex.results.export import write_csv, write_excel
from adnflex.results.files import format_of
from adnflex.results.scope import AS_PLACEHOLDERS, PLACEHOLDER_LOADING
from adnflex.results.versions import known_versions

if TYPE_CHECKING:
    from pandapower import pandapowerNet


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class Result(Saved):
    """An answer, or the AC truth about one.

    Attributes
    ----------
    options : dict
        The caller's arguments.
    notes : tuple of str
        What the reader has to know (assumptions, warnings).
    versions : dict
        Versions of everything that it depends on.
    """

    options: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=known_versions)

    @property
    def headline(self) -> dict[str, str]:
        """The few figures that say most, as text with units, by name."""
        return {}

    @property
    def title(self) -> str:
        """What it is of: the name of the net, where it has one."""
        return str(getattr(self, "net_name", ""))

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return every table by its name; those of a part carry its name in front, e.g. ``separable.limits``."""
        return {name: value for name, value in _parts(self) if isinstance(value, pd.DataFrame)}

    def figures(self) -> pd.DataFrame:
        """Return all that is no table: one row a name, column ``value``."""
        found = {name: value for name, value in _parts(self) if not isinstance(value, pd.DataFrame)}
        return pd.DataFrame({"value": list(found.values())}, index=pd.Index(list(found), name="name"), dtype=object)

    def summary(self) -> str:
        """Return a few lines for the terminal, the notes last."""
        return "\n".join([*self._lines(), *(f"note: {note}" for note in self.notes)])

    def _lines(self) -> list[str]:
        """Lines of the summary."""
        return [repr(self)[1:-1]]

    def __repr__(self) -> str:
        """Return one line: kind, title, headline."""
        words = ", ".join(f"{name} {value}" if name else value for name, value in self.headline.items())
        return f"<{type(self).__name__}{f' of {self.title}' if self.title else ''}{f': {words}' if words else ''}>"

    def __dir__(self) -> list[str]:
        """List the public names, as completion shows them."""
        return [name for name in super().__dir__() if name.startswith("__") or not name.startswith("_")]

    def _repr_html_(self) -> str:
        """Return the headline and the shapes of all tables, for a notebook."""
        rows = [(name or "result", value) for name, value in self.headline.items()]
        shapes = [(n, f"{len(t):,} × {len(t.columns):,}") for n, t in self.tables().items() if len(t)]
        left, right = (_html_rows(part) for part in (rows, shapes))
        name = html.escape(f"{type(self).__name__}{f' of {self.title}' if self.title else ''}")
        return (
            f"<div><strong>{name}</strong><table><tbody>{left}</tbody></table>"
            f"<details><summary>{len(shapes)} tables (rows × columns)</summary>"
            f"<table><tbody>{right}</tbody></table></details></div>"
        )

    @public()
    def to_excel(self, path: str | Path) -> Path:
        """Write a workbook at one stroke: a sheet ``figures`` and one sheet a table that is not empty.

        Parameters
        ----------
        path : str or pathlib.Path
            The file, ``….xlsx``; an existing one is replaced.

        Raises
        ------
        InputError
            If openpyxl is not installed (``pip install adnflex[excel]``), or a table has more rows or columns than a
            sheet can hold.
        OutputError
            If the file cannot be written; an older one is as it was.
        """
        return write_excel({"figures": self.figures(), **self.tables()}, path)

    @public()
    def to_csv(self, folder: str | Path) -> list[Path]:
        """Write one CSV file a table that is not empty, and ``figures.csv``, into a folder; it is made if need be.

        Raises
        ------
        OutputError
            If a file cannot be written; every file that is there is whole.
        """
        return write_csv({"figures": self.figures(), **self.tables()}, folder)


def _html_rows(rows: list[tuple[str, str]]) -> str:
    return "".join(
        f"<tr><th style='text-align:left'>{html.escape(a)}</th><td style='text-align:left'>{html.escape(b)}</td></tr>"
        for a, b in rows
    )


def _parts(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of a result by their path; results within it keep to themselves."""
    dot = f"{name}." if name else ""
    if isinstance(value, pd.Series):
        yield name, value.to_frame("value")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for item in dataclasses.fields(value):
            yield from _parts(getattr(value, item.name), f"{dot}{item.name}")
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _parts(part, f"{dot}{key}")
    elif not (isinstance(value, tuple) and value and isinstance(value[0], Result)):
        yield name, value


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class Answer(Result):
    """What a verb found for a net.

    Attributes
    ----------
    net_name : str
        Name of the net it belongs to.
    fingerprint : str
        Hash of the electrical content of the net (see `adnflex.grid.fingerprint`).
    asked_limits : Limits
        What stands in place of the limits of the net.
    solver : str
        What solved it.
    seconds : float
        Wall time [s].
    topology : pandas.DataFrame
        For drawing, one row a branch: ``element``, ``index``, ``name``, ``from_bus``, ``to_bus``,
        ``closed_before``, ``closed_after``, ``switchable``, ``length_km`` [km] (NaN where it has none).
    coordinates : pandas.DataFrame
        For drawing, index: pandapower bus; ``x``, ``y`` (km on geographic maps, else arbitrary), ``name``,
        ``vn_kv`` [kV], ``kind`` (``root`` or ``bus``), ``p_mw`` [MW] (net load, generation negative),
        ``origin`` (``geo``, ``interpolated`` or ``tree``). Both tables come from
        `adnflex.reporting.drawing_tables`; where they are empty the report has no map.
    """

    net_name: str
    fingerprint: str
    seconds: float
    asked_limits: Limits = field(default_factory=Limits)
    solver: str = ""
    topology: pd.DataFrame = field(default_factory=pd.DataFrame)
    coordinates: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True, repr=False, eq=False)
class Verdict(Result):
    """What full AC power flow says of an answer.

    Attributes
    ----------
    passed : bool
        Whether everything holds that the answer says.
    verdict : str
        One sentence for the reader.
    power_flows, by_pandapower : int
        Number of states that were judged, and how many of them pandapower ran; 0 where that was not kept.
    other_judge : str
        Who judged all of them beside pandapower, e.g. ``the exact kernel``; empty where pandapower ran all.
    judge_difference : float or None
        Largest difference between both in what pandapower ran: voltages [pu], loadings and powers relative.
    """

    passed: bool
    verdict: str
    power_flows: int = field(default=0, kw_only=True)
    by_pandapower: int = field(default=0, kw_only=True)
    other_judge: str = field(default="", kw_only=True)
    judge_difference: float | None = field(default=None, kw_only=True)

    # What a certificate is the distance from.
    _best: ClassVar[str] = "the best possible"

    @property
    def headline(self) -> dict[str, str]:
        """Verdict, and the certificate where there is one."""
        found = {"": f"{'passed' if self.passed else 'FAILED'}: {self.verdict}"}
        certificate = getattr(self, "certificate", None)
        return found if certificate is None else {**found, "certificate": f"{certificate:.4%}"}

    @property
    def doubt(self) -> str:
        """Why what passed is amber and not green (see `adnflex.results.certificate`); else empty."""
        if not self.passed:
            return ""
        return reservation(getattr(self, "certificate", None), getattr(self, "certificate_absolute", None))

    @property
    def scope(self) -> str:
        """What was looked at and what not, in a sentence or two; empty where a check says it otherwise."""
        return ""

    def _lines(self) -> list[str]:
        lines = [f"AC check: {'passed' if self.passed else 'FAILED'}: {self.verdict}", *filter(None, [self.scope])]
        if (certificate := getattr(self, "certificate", None)) is not None:
            lines.append(f"certificate: at most {certificate:.4%} from {self._best}")
        lines += self._more()
        if doubt := self.doubt:
            lines.append(amber(doubt))
        limits = getattr(self, "limits", None)
        if limits is not None:
            lines += [_limit_line(row) for _, row in limits.iterrows()]
        return lines

    def _more(self) -> list[str]:
        """Lines that are a check's own."""
        return []


def _limit_line(row: pd.Series) -> str:
    if row["kind"] == "loading" and row["value"] < PLACEHOLDER_LOADING:
        return f"loading: {AS_PLACEHOLDERS}"
    when = "".join(f" in {name} {row[name]}" for name in ("period", "hour") if name in row)
    return (
        f"{row['kind']}: worst{when} at {row['element']} {row['index']} = {row['value']:.5g} {row['unit']}, "
        f"limit {row['limit']:.5g}"
    )


def chosen_row(known: pd.Index, label: int | None) -> Any:
    """Return a label that is one of some, or the only one there is.

    Examples
    --------
    >>> int(chosen_row(pd.Index([17], name="period"), None))
    17
    """
    if label is None and len(known) == 1:
        return known[0]
    if label is None or label not in known:
        name = known.name or "row"
        what = f"{name} is missing" if label is None else f"{name} {label}"
        raise InputError(f"{what}: there are {len(known)}, {known[0]} to {known[-1]}; give one of these.")
    return label


def applied(
    net: pandapowerNet,
    expected: str,
    setpoints: pd.DataFrame,
    label: int | None,
    switches: pd.DataFrame | None = None,
) -> pandapowerNet:
    """Return a copy of a net as it stands in one row of set-points.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    expected : str
        Fingerprint of the net that the set-points are for.
    setpoints : pandas.DataFrame
        Columns ``(table, column, index)``.
    label : int or None
        Which row; None where there is only one.
    switches : pandas.DataFrame, optional
        As in `Plan.switches` or `DispatchPlan.switches`.

    Raises
    ------
    InputError
        If the net is another one, or there is no such row.
    """
    from adnflex.grid.identity import require_same
    from adnflex.grid.write import PushBack

    row = chosen_row(setpoints.index, label)
    require_same(net, expected)
    return PushBack(net, setpoints, switches).at(row)


@public()
def load(path: str | Path) -> Result:
    """Load any result or check that was saved; the file says what it is.

    Parameters
    ----------
    path : str or pathlib.Path
        A file that `save` of any of them, or ``--plan`` of the command line, wrote.

    Raises
    ------
    InputError
        If it is no such file, is of a newer version, is damaged or was edited.

    Examples
    --------
    >>> import tempfile
    >>> import pandapower.networks as pn
    >>> import adnflex
    >>> plan = adnflex.plan_from(pn.case33bw(), open_lines=[6, 8, 13, 31, 36])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plan.save(f"{folder}/plan.json")
    ...     type(adnflex.load(f"{folder}/plan.json")).__name__
    'Plan'
    """
    import adnflex.results

    named = [c for c in vars(adnflex.results).values() if isinstance(c, type) and issubclass(c, Result)]
    kinds = {cls._form: cls for cls in named if cls._form}
    mark = format_of(path)
    known = kinds.get(mark)
    if known is None:
        # of another version of a kind: its own reader says which
        known = next((c for form, c in kinds.items() if mark.rpartition("-")[0] == form.rpartition("-")[0]), None)
    if known is None and mark:
        names = ", ".join(sorted(c.__name__ for c in kinds.values()))
        raise InputError(f"file {path}: is of the kind {mark}, which is no result; give one that was saved: {names}.")
    found: Result = (known or kinds["adnflex-plan-1"]).load(path)
    return found
