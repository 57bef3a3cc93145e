"""Envelope of saved files: JSON with a format mark and a digest of the content, written at one stroke."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from adnflex.errors import InputError
from adnflex.files import read_bytes, write_text
from adnflex.text import shown

# Plans of a year with scenarios are large.
_MAX_BYTES = 2 * 2**30


def write_envelope(path: str | Path, form: str, content: Any) -> None:
    """Write content under a format mark, with its digest.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    # in its own order, which reports show; the digest is that of the sorted form
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    digest = _digest(_canonical(content))
    write_text(path, f'{{"format": {json.dumps(form)}, "sha256": "{digest}", "content": {text}}}\n')


def read_envelope(path: str | Path, form: str, writer: str, kind: str) -> Any:
    """Read a file that `write_envelope` wrote, and check mark and digest.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.
    form : str
        The format mark that it has to carry, with its version behind the last hyphen.
    writer : str
        What writes such files, for the reader of an error.
    kind : str
        What it is in a word, ``plan`` or ``state``.

    Returns
    -------
    object
        The content, as JSON has it.

    Raises
    ------
    InputError
        If the file is none of these, is of a newer version, is damaged or was edited.
    """
    name, hint = f"{kind} file {path}", f"give a file written by {writer}"
    whole = _parsed(read_bytes(path, f"{kind} file", hint, _MAX_BYTES), name, hint)
    mark = whole.get("format") if isinstance(whole, dict) else None
    if mark != form:
        raise InputError(f"{name}: {_other(mark, form, kind)}; {hint}.")
    if set(whole) != {"format", "sha256", "content"} or not isinstance(whole["sha256"], str):
        raise InputError(
            f"{name}: carries no digest (its parts have to be format, sha256 and content), so that it cannot be known "
            f"to be whole; {hint}."
        )
    digest = _digest(_canonical(whole["content"]))
    if digest != whole["sha256"]:
        raise InputError(
            f"{name}: its digest is {digest[:12]}… and {shown(whole['sha256'][:12])}… was written with it, so that "
            f"something in it was changed; {hint}, an older copy if this one is damaged; it was not changed."
        )
    return whole["content"]


def format_of(path: str | Path) -> str:
    """Format mark of a file; empty where it has none or cannot be read: whoever reads it says what is wrong.

    Examples
    --------
    >>> format_of("no such file")
    ''
    """
    try:
        whole = _parsed(read_bytes(path, "", "", _MAX_BYTES), "", "")
    except InputError:
        return ""
    return str(whole.get("format", "")) if isinstance(whole, dict) else ""


def _parsed(data: bytes, name: str, hint: str) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_number)
    except RecursionError:
        raise InputError(f"{name}: cannot be read (nested too deeply); {hint}.") from None
    except ValueError as error:  # also UnicodeDecodeError, JSONDecodeError, whole numbers of thousands of digits
        raise InputError(f"{name}: cannot be read ({error}); {hint}.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _other(mark: Any, form: str, kind: str) -> str:
    """Say what a file with another mark is."""
    ours, theirs = re.fullmatch(r"(.*)-(\d{1,9})", form), re.fullmatch(r"(.*)-(\d{1,9})", str(mark))
    if ours and theirs and ours[1] == theirs[1] and int(theirs[2]) > int(ours[2]):
        return f"is of the format {shown(mark)}, and this version reads {form}; update adnflex, or"
    found = f" but of {shown(mark)}" if isinstance(mark, str) and mark.startswith("adnflex-") else ""
    return f"is not a {kind} of format {form}{found}"


def _canonical(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
