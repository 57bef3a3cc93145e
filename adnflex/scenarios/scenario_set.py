"""The scenarios of a day: what varies, how, and with which probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.scenarios._checks import probability_findings
from adnflex.scenarios.reduction import Method, Reduction, reduce_scenarios

Key = tuple[str, str]

_POWERS = ("p_mw", "q_mvar")


@dataclass(frozen=True, eq=False)
class ScenarioSet:
    """Profiles of some elements in S scenarios of T periods.

    Only what is listed varies: an element that is in no profile follows its own in every scenario.

    Parameters
    ----------
    probabilities : array_like, shape (S,)
        Probabilities; they sum to 1 within 1e-9, and are divided by their sum.
    profiles : mapping of (table, column) to array_like, shape (S, T, E)
        Absolute values, such as ``("sgen", "p_mw")`` [MW]. A period is the 0-based row of the time index.
    elements : mapping of (table, column) to sequence of int
        Indices, in the net's table, of the E elements of each profile.

    Raises
    ------
    InputError
        For shapes that do not fit, elements named twice, values that are not finite, or probabilities that do
        not sum to 1; all findings at once.

    Notes
    -----
    The arrays are copied and read-only.

    Examples
    --------
    A calm and a windy day of two periods, for the static generator 4:

    >>> wind = ScenarioSet(
    ...     probabilities=[0.25, 0.75],
    ...     profiles={("sgen", "p_mw"): [[[0.0], [0.2]], [[1.0], [1.4]]]},
    ...     elements={("sgen", "p_mw"): (4,)},
    ... )
    >>> wind.mean()["sgen", "p_mw"]
          4
    0  0.75
    1  1.10
    """

    probabilities: FloatArray
    profiles: Mapping[Key, FloatArray]
    elements: Mapping[Key, tuple[int, ...]]

    def __post_init__(self) -> None:
        probabilities = np.array(self.probabilities, dtype=float)
        profiles = {key: np.array(values, dtype=float) for key, values in self.profiles.items()}
        elements = {key: tuple(names) for key, names in self.elements.items()}
        findings = probability_findings(probabilities) + _profile_findings(probabilities, profiles, elements)
        if findings:
            raise InputError(findings)
        # products of sets would otherwise add up the last digits
        probabilities /= probabilities.sum()
        for array in (probabilities, *profiles.values()):
            array.setflags(write=False)
        object.__setattr__(self, "probabilities", probabilities)
        # plain dicts: a read-only view could not be sent to another process
        object.__setattr__(self, "profiles", profiles)
        object.__setattr__(self, "elements", {key: tuple(int(e) for e in names) for key, names in elements.items()})

    @property
    def count(self) -> int:
        """Number of scenarios S."""
        return len(self.probabilities)

    @property
    def periods(self) -> int:
        """Number of periods T."""
        return int(next(iter(self.profiles.values())).shape[1])

    @classmethod
    def from_profiles(
        cls, frames: Sequence[Mapping[Key, pd.DataFrame]], probabilities: ArrayLike | None = None
    ) -> ScenarioSet:
        """Build from one dict of tables a scenario, the form of ``simbench.get_absolute_values``.

        Parameters
        ----------
        frames : sequence of {(table, column): DataFrame}
            Absolute values, one row a period, one column an element index. Every scenario has the same keys,
            columns and rows.
        probabilities : array_like or None, shape (S,)
            Probabilities; None takes 1/S each.

        Returns
        -------
        ScenarioSet
            The set; rows are periods from now on, whatever the tables' index.

        Raises
        ------
        InputError
            Where scenarios differ in keys, columns or rows, and as the class does.

        Examples
        --------
        >>> key = ("load", "p_mw")
        >>> days = [{key: pd.DataFrame({7: [1.0, 2.0]})}, {key: pd.DataFrame({7: [3.0, 6.0]})}]
        >>> ScenarioSet.from_profiles(days).mean()[key][7].tolist()
        [2.0, 4.0]
        """
        findings = _frame_findings(frames)
        if findings:
            raise InputError(findings)
        keys = list(frames[0])
        return cls(
            probabilities=np.asarray(
                np.full(len(frames), 1 / len(frames)) if probabilities is None else probabilities, dtype=float
            ),
            profiles={key: np.stack([frame[key].to_numpy(float) for frame in frames]) for key in keys},
            elements={key: _columns(frames[0][key]) for key in keys},
        )

    def scenario(self, s: int) -> dict[Key, pd.DataFrame]:
        """Tables of scenario `s`: one row a period, one column an element index."""
        if not 0 <= s < self.count:
            raise InputError(f"scenario {s} does not exist; give one from 0 to {self.count - 1}.")
        return {key: self._frame(key, values[s]) for key, values in self.profiles.items()}

    def mean(self) -> dict[Key, pd.DataFrame]:
        """Tables of the expected values, in the form of `scenario`."""
        return {
            key: self._frame(key, np.tensordot(self.probabilities, values, axes=1))
            for key, values in self.profiles.items()
        }

    def _frame(self, key: Key, values: FloatArray) -> pd.DataFrame:
        return pd.DataFrame(values, columns=list(self.elements[key]), copy=True)

    def reduce(
        self, keep: int, method: Method = "forward", *, scale: Mapping[Key, float] | None = None
    ) -> tuple[ScenarioSet, Reduction]:
        """Keep a few scenarios, see `reduce_scenarios`.

        The distance of two scenarios is the root of the sum of squares over all elements and periods of all profiles,
        so that a MW (or Mvar) counts the same wherever it is.

        Parameters
        ----------
        keep : int
            Number of scenarios kept.
        method : {"forward", "backward"}
            As in `reduce_scenarios`.
        scale : mapping of (table, column) to float, or None
            Weight of a profile's values; 1 for ``p_mw`` and ``q_mvar`` unless given. Other columns have no unit in
            common with MW and need one.

        Returns
        -------
        (ScenarioSet, Reduction)
            The reduced set, and what was kept of the old one at which distance.

        Raises
        ------
        InputError
            For a weight that is missing or of no profile, and as `reduce_scenarios` does.

        Examples
        --------
        >>> values = np.array([0.0, 0.1, 0.9, 1.0, 1.1]).reshape(5, 1, 1)
        >>> five = ScenarioSet([0.2] * 5, {("sgen", "p_mw"): values}, {("sgen", "p_mw"): (0,)})
        >>> two, reduction = five.reduce(2)
        >>> two.probabilities, reduction.kept
        (array([0.4, 0.6]), array([0, 2]))
        """
        weights = self._weights(scale or {})
        stacked = np.concatenate(
            [weights[key] * values.reshape(self.count, -1) for key, values in self.profiles.items()], axis=1
        )
        reduction = reduce_scenarios(stacked, self.probabilities, keep=keep, method=method)
        profiles = {key: values[reduction.kept] for key, values in self.profiles.items()}
        return ScenarioSet(reduction.probabilities, profiles, self.elements), reduction

    def _weights(self, scale: Mapping[Key, float]) -> dict[Key, float]:
        findings = [
            f"scale names {key}, which is no profile of this set; take one of {list(self.profiles)}."
            for key in scale
            if key not in self.profiles
        ]
        findings += [
            f"profile {key}: {key[1]} does not add up with MW; give its weight, scale={{{key}: ...}}."
            for key in self.profiles
            if key not in scale and key[1] not in _POWERS
        ]
        findings += [
            f"scale of profile {key} is {weight}; give a finite number of 0 or more."
            for key, weight in scale.items()
            if not (np.isfinite(weight) and weight >= 0)
        ]
        if findings:
            raise InputError(findings)
        return {key: float(scale.get(key, 1.0)) for key in self.profiles}

    def product(self, other: ScenarioSet) -> ScenarioSet:
        """Combine with an independent set: every scenario of this with every one of the other.

        Parameters
        ----------
        other : ScenarioSet
            A set of as many periods whose elements are not in this one.

        Returns
        -------
        ScenarioSet
            S₁ S₂ scenarios; scenario ``i * S₂ + j`` is `i` of this and `j` of the other set.

        Raises
        ------
        InputError
            For other periods, or an element that varies in both.

        Examples
        --------
        >>> key = ("sgen", "p_mw")
        >>> wind = ScenarioSet([0.5, 0.5], {key: [[[1.0]], [[2.0]]]}, {key: (0,)})
        >>> sun = ScenarioSet([0.2, 0.8], {key: [[[3.0]], [[4.0]]]}, {key: (5,)})
        >>> both = wind.product(sun)
        >>> both.probabilities, both.profiles[key][:, 0].tolist()
        (array([0.1, 0.4, 0.1, 0.4]), [[1.0, 3.0], [1.0, 4.0], [2.0, 3.0], [2.0, 4.0]])
        """
        findings = [
            f"{key[0]} {element}: its {key[1]} varies in both sets; leave it out of one."
            for key in self.profiles
            for element in self.elements[key]
            if element in other.elements.get(key, ())
        ]
        if self.periods != other.periods:
            findings.append(f"the sets have {self.periods} and {other.periods} periods; give both the same horizon.")
        if findings:
            raise InputError(findings)
        mine = {key: np.repeat(values, other.count, axis=0) for key, values in self.profiles.items()}
        theirs = {key: np.tile(values, (self.count, 1, 1)) for key, values in other.profiles.items()}
        keys = [*mine, *(key for key in theirs if key not in mine)]
        return ScenarioSet(
            np.outer(self.probabilities, other.probabilities).ravel(),
            {key: np.concatenate([part[key] for part in (mine, theirs) if key in part], axis=2) for key in keys},
            {key: (*self.elements.get(key, ()), *other.elements.get(key, ())) for key in keys},
        )


def _profile_findings(
    probabilities: FloatArray, profiles: Mapping[Key, FloatArray], elements: Mapping[Key, tuple[int, ...]]
) -> list[str]:
    if not profiles:
        return ["no profile is given; name at least one (table, column) that varies."]
    findings = [
        f"profile {key!r}: give (table, column), such as ('sgen', 'p_mw')."
        for key in profiles
        if not (isinstance(key, tuple) and len(key) == 2)
    ]
    if findings:
        return findings
    findings += [
        f"profile {key}: its elements are not given; name their indices." for key in profiles.keys() - elements
    ]
    findings += [f"elements of {key} are given, but no profile; add it." for key in elements.keys() - profiles]
    periods: dict[Key, int] = {}
    for key, values in profiles.items():
        if values.ndim != 3 or values.size == 0:
            findings.append(f"profile {key} has shape {values.shape}; give (scenarios, periods, elements), none empty.")
            continue
        periods[key] = values.shape[1]
        findings += _one_profile(key, values, elements.get(key), probabilities.size)
    if len(set(periods.values())) > 1:
        findings.append(f"the profiles have different numbers of periods, {periods}; give all the same horizon.")
    return findings


def _one_profile(key: Key, values: FloatArray, names: tuple[int, ...] | None, scenarios: int) -> list[str]:
    findings = []
    if len(values) != scenarios:
        findings.append(f"profile {key} has {len(values)} scenarios, and there are {scenarios} probabilities.")
    if names is not None and len(names) != values.shape[2]:
        findings.append(f"profile {key} has {values.shape[2]} columns, and {len(names)} elements are named.")
    if names is not None:
        wrong_names = [name for name in names if not isinstance(name, Integral)]
        findings += [f"profile {key}: element {name!r} is no index of {key[0]}; give integers." for name in wrong_names]
        twice = {name: None for name in names if names.count(name) > 1}
        findings += [f"profile {key}: {key[0]} {name} is named more than once; merge its columns." for name in twice]
    wrong = ~np.isfinite(values)
    if wrong.any():
        s, t, e = np.unravel_index(int(wrong.argmax()), values.shape)
        who = f"{key[0]} {names[e]}" if names is not None and e < len(names) else f"column {e}"
        findings.append(
            f"profile {key}: {who} in scenario {s}, period {t} is {values[s, t, e]} ({int(wrong.sum())} values "
            "are not finite); fill the gap or drop the scenario."
        )
    return findings


def _columns(table: pd.DataFrame) -> tuple[Any, ...]:
    """Column names as they are; whether they are indices is checked with the rest."""
    return tuple(table.columns)


def _frame_findings(frames: Sequence[Mapping[Key, pd.DataFrame]]) -> list[str]:
    if len(frames) == 0:
        return ["no scenario is given; give at least one dict of tables."]
    findings = []
    for s, frame in enumerate(frames):
        if frame.keys() != frames[0].keys():
            findings.append(f"scenario {s} has the profiles {sorted(frame)}, scenario 0 {sorted(frames[0])}.")
            continue
        for key, table in frame.items():
            first = frames[0][key]
            if list(table.columns) != list(first.columns):
                findings.append(
                    f"scenario {s}, profile {key}: its columns {list(table.columns)} are not those of scenario 0, "
                    f"{list(first.columns)}; give the same elements in the same order."
                )
            texts = [name for name, dtype in table.dtypes.items() if not pd.api.types.is_numeric_dtype(dtype)]
            findings += [f"scenario {s}, profile {key}: column {name!r} holds no numbers." for name in texts]
            if len(table) != len(first):
                findings.append(f"scenario {s}, profile {key} has {len(table)} periods, scenario 0 has {len(first)}.")
    return findings
