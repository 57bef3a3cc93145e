r"""Names of strangers in sentences, on the terminal and in reports: nothing in them moves, hides or floods the rest.

Marks of writing direction let a name read as another one, signs without width hide in it, control characters steer
the terminal. They are shown as what they are, ``\u202e``. The data themselves stay as they came.
"""

from __future__ import annotations

import re
from typing import Any

# A path may have this many characters; what is longer is no word.
_LONGEST_WORD = 1024
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")
_LONGEST_SENTENCE = 8000

# Control characters but tab and line feed; signs without width; marks of direction; line separators; halves of pairs.
_WILD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff\U0001d173-\U0001d17a]"
)
# Beyond some marks above a letter they run over the lines around it.
_STACKED = re.compile("([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})"
                      "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")  # fmt: skip


def tamed(text: str) -> str:
    r"""Show what moves, hides or steers as what it is; line feeds stay.

    Examples
    --------
    >>> print(tamed("feeder \u202egnp.exe"))
    feeder \u202egnp.exe
    >>> tamed("Köln 380 kV → 110 kV") == "Köln 380 kV → 110 kV"
    True
    """
    if text.isascii() and text.isprintable():
        return text
    return _STACKED.sub(r"\1", _WILD.sub(_written, text))


def shown(value: object, longest: int = 80) -> str:
    r"""Return a name as one short line.

    Examples
    --------
    >>> shown("a\nb"), shown("x" * 100, 10)
    ('a\\nb', 'xxxxx…xxxx')
    """
    return cut(tamed(str(value)).replace("\n", "\\n").replace("\t", " "), longest)


def cut(text: str, longest: int) -> str:
    """Take out the middle of what is too long.

    Examples
    --------
    >>> cut("substation", 10), cut("substations", 10)
    ('substation', 'subst…ions')
    """
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 2
    return f"{text[: longest - 1 - tail]}…{text[len(text) - tail :]}"


def sentence(text: str) -> str:
    """Return a message with whatever a stranger's file put into it: readable, and not longer than a screen."""
    words = tamed(text)
    if len(words) > _LONGEST_WORD:
        words = _LONG_WORD.sub(lambda match: cut(match[0], _LONGEST_WORD), words)
    return cut(words, _LONGEST_SENTENCE)


def title(net: Any, name: str | None = None) -> str:
    """Name a net in results and reports: by the name given, its own, or ``net``.

    Examples
    --------
    >>> title({"name": "North"}), title({"name": "North"}, "case 1"), title({})
    ('North', 'case 1', 'net')
    """
    own = net.get("name")
    return shown(name or (own if isinstance(own, str) else "") or "net", 120)


def _written(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
