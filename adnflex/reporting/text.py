"""Numbers and names as a reader wants them: rounded, with their unit, a dash where there is none."""

from __future__ import annotations

import math
from collections.abc import Iterable

from adnflex.text import shown

#: What stands for a value that does not exist.
dash = "–"
_THIN = "\u202f"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _absent(value: object) -> bool:
    """Whether there is no finite number to show."""
    if value is None or isinstance(value, str):
        return True
    try:
        return not math.isfinite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return True


def fixed(value: float | None, decimals: int, unit: str = "") -> str:
    r"""Write a number with a fixed count of decimals and its unit.

    Examples
    --------
    >>> fixed(0.91309, 4, "pu"), fixed(-1234.7, 0), fixed(float("nan"), 2)
    ('0.9131\u202fpu', '−1\u202f235', '–')
    """
    if value is None or _absent(value):
        return dash
    text = f"{float(value):,.{decimals}f}".replace(",", _THIN)
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("-")
    return text.replace("-", "−") + (_THIN + unit if unit else "")


def number(value: float | None, unit: str = "", digits: int = 4) -> str:
    r"""Write a number with so many significant digits; very small ones as a power of ten.

    Examples
    --------
    >>> number(139.5513, "kW"), number(0.0000321), number(0.0), number(None)
    ('139.6\u202fkW', '3.2\u202f×\u202f10⁻⁵', '0', '–')
    """
    if value is None or _absent(value):
        return dash
    value = float(value)
    if value == 0:
        return "0" + (_THIN + unit if unit else "")
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -4:
        mantissa = value / 10.0**exponent
        power_of_ten = f"10{str(exponent).translate(_SUPERSCRIPT)}"
        return f"{fixed(mantissa, 1)}{_THIN}×{_THIN}{power_of_ten}" + (_THIN + unit if unit else "")
    if value == round(value):
        return fixed(value, 0, unit)
    return fixed(value, max(0, digits - 1 - exponent), unit)


def power(mw: float | None, digits: int = 4) -> str:
    r"""Active power in kW, from 10 MW on in MW, below 0.1 kW in W.

    Examples
    --------
    >>> power(0.2026771), power(12.3456), power(1.1e-5)
    ('202.7\u202fkW', '12.35\u202fMW', '11\u202fW')
    """
    if mw is None or _absent(mw):
        return dash
    if 0 < abs(mw) < 1e-4:
        return number(mw * 1e6, "W", digits)
    return number(mw, "MW", digits) if abs(mw) >= 10 else number(mw * 1e3, "kW", digits)


def change(before: str, after: str) -> str:
    r"""Two texts of numbers as before → after; a common unit is said once, an unknown before not at all.

    Examples
    --------
    >>> change(power(0.2027), power(0.1396)), change(dash, "5"), change("1", "1.1")
    ('202.7 → 139.6\u202fkW', '5', '1 → 1.1')
    """
    if before == dash:
        return after
    value, _, unit = before.rpartition(_THIN)
    same = value and unit == after.rpartition(_THIN)[2] and not unit.isdigit()
    return f"{value if same else before} → {after}"


def percent(value: float | None, decimals: int = 1) -> str:
    r"""Percentage that already is in percent.

    Examples
    --------
    >>> percent(62.345)
    '62.3\u202f%'
    """
    return fixed(value, decimals, "%")


def share(value: float | None) -> str:
    r"""Fraction of one as a percentage with two significant digits.

    Examples
    --------
    >>> share(0.0000812), share(0.123456), share(1e-12)
    ('0.0081\u202f%', '12\u202f%', 'less than 0.0001\u202f%')
    """
    if value is None or _absent(value):
        return dash
    if 0 < abs(value) < 1e-6:
        return f"less than 0.0001{_THIN}%"
    return number(value * 100, "%", 2)


def rounded_up(value: float, digits: int = 2) -> float:
    """Round away from zero to so many significant digits: an "at most" must not be rounded down.

    Examples
    --------
    >>> rounded_up(8.11e-5), rounded_up(0.03), rounded_up(0.0)
    (8.2e-05, 0.03, 0.0)
    """
    if not value or not math.isfinite(value):
        return value
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    scaled = abs(value) * 10.0**decimals
    # Half a millionth of the last digit is the noise of the scaling itself.
    return math.copysign(float(f"{math.ceil(scaled - 1e-6)}e{-decimals}"), value)


def bus_label(index: int, name: object = "") -> str:
    """Bus with its index, and its name where that says more.

    Examples
    --------
    >>> bus_label(3, "North"), bus_label(3, "3"), bus_label(3, None)
    ('bus 3 “North”', 'bus 3', 'bus 3')
    """
    return _label("bus", index, name)


def branch_label(element: str, index: int, name: object = "") -> str:
    """Branch with its table and index, and its name where that says more.

    Examples
    --------
    >>> branch_label("trafo", 0, "T1")
    'transformer 0 “T1”'
    """
    words = {"trafo": "transformer", "trafo3w": "three-winding transformer", "ext_grid": "grid connection"}
    return _label(words.get(str(element), str(element)), index, name)


def _label(word: str, index: int, name: object) -> str:
    """Word, index and, where it says more than the index, the name in quotation marks."""
    told = "" if name is None or name != name else shown(str(name).strip(), 60)
    told = "" if told.lower() in {"", str(index), "none", "nan", f"{word} {index}"} else f" “{told}”"
    return f"{word} {int(index)}{told}"


def signed(value: float, decimals: int = 1, unit: str = "%") -> str:
    r"""Change with its sign.

    Examples
    --------
    >>> signed(15.35), signed(-8.2), signed(float("nan")), signed(0.004, 2, "EUR")
    ('+15.3\u202f%', '−8.2\u202f%', '–', '0.00\u202fEUR')
    """
    text = fixed(value, decimals, unit)
    return f"+{text}" if value > 0 and any(d in text for d in "123456789") else text


def relative(value: float, reference: float) -> str:
    r"""Change against a reference in percent, with its sign.

    Examples
    --------
    >>> relative(52.1, 100.0), relative(1.0, 0.0)
    ('−47.9\u202f%', '–')
    """
    if _absent(value) or _absent(reference) or reference == 0:
        return dash
    return signed((value - reference) / abs(reference) * 100)


def money(value: float, currency: str, scale: float | None = None) -> str:
    r"""Sum of money; cents only where they can matter beside `scale` (by default the sum itself).

    Examples
    --------
    >>> money(1234.567, "EUR"), money(13144.1, "CNY"), money(3.5, "CNY", scale=250000)
    ('1\u202f234.57\u202fEUR', '13\u202f144.1\u202fCNY', '4\u202fCNY')
    """
    size = abs(value if scale is None else scale)
    decimals = 2 if not size >= 1e4 else 1 if size < 1e5 else 0
    return fixed(value, decimals, currency)


def energy(mwh: float) -> str:
    r"""Write an energy, no finer than a kWh.

    Examples
    --------
    >>> energy(58.3123), energy(0.03216), energy(-1e-12), energy(float("nan"))
    ('58.31\u202fMWh', '0.032\u202fMWh', '0\u202fMWh', '–')
    """
    if abs(mwh) < 5e-4:
        return fixed(0, 0, "MWh")
    return fixed(mwh, 3 if abs(mwh) < 1 else 2 if abs(mwh) < 1e3 else 0, "MWh")


def mass(kg: float) -> str:
    r"""Write emissions, no finer than can matter.

    Examples
    --------
    >>> mass(6823.5), mass(12.34)
    ('6\u202f824\u202fkg CO₂', '12.3\u202fkg CO₂')
    """
    return fixed(kg, 1 if abs(kg) < 1e3 else 0, "kg CO₂")


def measured(unit: str, *values: float) -> list[str]:
    r"""Values of one kind of limit with its unit; powers and energies below a watt are what solvers leave of zero.

    Examples
    --------
    >>> measured("pu", 0.95, 0.9), measured("MW", 1e-9)
    (['0.9500\u202fpu', '0.9000\u202fpu'], ['0\u202fMW'])
    """
    decimals = {"pu": 4, "%": 1}.get(unit)
    noise = 1e-6 if unit in {"MW", "Mvar", "MWh"} else 0.0
    found = (0.0 if abs(v) < noise else v for v in values)
    return [number(v, unit) if decimals is None else fixed(v, decimals, unit) for v in found]


def distance(certificate: float, sign: str = "at most") -> str:
    r"""Distance from the best possible, rounded up, with the word or sign that it is an upper limit.

    Examples
    --------
    >>> distance(5.03e-4), distance(2e-9), distance(-1e-12, "≤")
    ('at most 0.051\u202f%', 'less than 0.0001\u202f%', '≤ 0\u202f%')
    """
    value = rounded_up(max(certificate, 0.0))
    return share(value) if 0 < value < 1e-6 else f"{sign} {share(value)}"


def many(count: int, word: str) -> str:
    """Count with its word.

    Examples
    --------
    >>> many(1, "period"), many(2, "period"), many(2, "bus")
    ('1 period', '2 periods', '2 buses')
    """
    return f"{count} {word}" + ("" if count == 1 else "es" if word.endswith("s") else "s")


def cell(value: object) -> str:
    """Text of a cell; a dash where there is nothing."""
    text = "" if value is None or value != value else str(value).strip()
    return text if text and text.lower() != "nan" else dash


def capital(text: str) -> str:
    """Return a sentence that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def sentences(notes: Iterable[str]) -> list[str]:
    """Return the notes without repetition, in their order, as sentences.

    Examples
    --------
    >>> sentences(["a tie is open.", "a tie is open."])
    ['A tie is open.']
    """
    return [capital(note) for note in dict.fromkeys(notes)]
