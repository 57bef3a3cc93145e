"""The identity of a net: a hash of what power flow and prices read."""

from __future__ import annotations

import csv
import hashlib
import io

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.grid.options import changed_options
from adnflex.grid.sound import checked

# Results and cosmetics do not belong to a net's identity; prices do: a plan's cost and bound are nothing under others.
_OTHER = {"measurement", "controller", "group", "characteristic"}
_COSMETIC = {"name", "geo", "zone", "type", "std_type", "description", "controllable", "profile"}


def fingerprint(net: pandapowerNet) -> str:
    """Hash the electrical content and the prices of a net, present switch states included.

    What is hashed is the net in the types of its description, so that 0 and False, or a missing value of one kind and
    of another, make no difference between the net that was read and the one that is checked.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> net = pn.case33bw()
    >>> fingerprint(net) == fingerprint(pn.case33bw())
    True
    >>> net.load.loc[0, "p_mw"] += 0.001
    >>> fingerprint(net) == fingerprint(pn.case33bw())
    False
    """
    return fingerprint_of_sound(checked(net)[0])


def fingerprint_of_sound(net: pandapowerNet) -> str:
    """Return the fingerprint of a net that has the types of its description already."""
    digest = hashlib.sha256(f"f_hz:{float(net.f_hz):.6g}".encode())
    if changed := changed_options(net):
        digest.update(f"options:{sorted(changed.items())}".encode())
    for table in sorted(t for t in net if isinstance(net[t], pd.DataFrame)):
        rows = net[table]
        if table.startswith(("_", "res_")) or table in _OTHER or not len(rows):
            continue
        columns = sorted(c for c in rows.columns if c not in _COSMETIC)
        digest.update(f"{table}:{columns}".encode())
        for values in (rows.index.to_series(), *(rows[c] for c in columns)):
            digest.update(_told(values))
    return digest.hexdigest()[:16]


def _told(values: pd.Series) -> bytes:
    """Say values as bytes: numbers to twelve digits, whatever their type; all else as text."""
    if values.dtype.kind in "iuf":
        return _to_digits(values.to_numpy(dtype=float))
    if values.dtype == bool or (values.dtype == object and all(isinstance(v, str | bool | None) for v in values)):
        # what pandas writes of such a column, in a tenth of its time
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows((v,) for v in values.tolist())
        return text.getvalue().encode()
    return _as_csv(values)


def _as_csv(values: pd.Series) -> bytes:
    text: str = values.to_csv(index=False, header=False, float_format=f"%.{_DIGITS}g", lineterminator="\n")
    return text.encode()


# More digits than any measurement has, and fewer than a file may lose.
_DIGITS = 12


def _to_digits(values: FloatArray) -> bytes:
    """Decimal mantissas and exponents of numbers, the same for all that agree to twelve digits.

    Examples
    --------
    >>> _to_digits(np.array([0.1 + 0.2, 1000.0])) == _to_digits(np.array([0.3, 1e3 * (1 + 1e-15)]))
    True
    >>> _to_digits(np.array([0.3])) == _to_digits(np.array([0.3 * (1 + 1e-11)]))
    False
    """
    normal = np.isfinite(values) & (values != 0)
    x = np.where(normal, values, 1.0)
    exponent = np.floor(np.log10(np.abs(x)))
    mantissa = np.rint(x / 10.0**exponent * 10.0 ** (_DIGITS - 1))
    carried = np.abs(mantissa) >= 10.0**_DIGITS
    parts = np.where(carried, mantissa / 10, mantissa), exponent + carried
    # what is 0, infinite or missing stands for itself
    return b"".join(np.where(normal, part, values + 0.0).tobytes() for part in parts)


def require_same(net: pandapowerNet, expected: str) -> None:
    """Refuse a net whose fingerprint is another one than a plan's."""
    if fingerprint(net) != expected:
        raise InputError(
            f"the net (fingerprint {fingerprint(net)}) is not the one that the plan was made for ({expected}): data or "
            "switch states differ; make a new plan, or give the net as it was."
        )
