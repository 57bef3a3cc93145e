"""The one place that writes files, and that opens those of others: whole or not at all, bounded, regular files only.

A file is written beside its place under another name and then moved there, so that at every moment the old one or
the new one is whole: also where the disk is full, a quota ends, or the process is killed in between. The permissions
of an older file stay; a symbolic link stays and the file that it points to is replaced.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from adnflex.errors import InputError, OutputError

# The largest file that is read into memory.
MAX_BYTES = 512 * 2**20

# What a failed write means for the one who asked for it, where the system's own word says too little.
_NEXT_STEP = {
    errno.ENOSPC: "make room on the disk, or give another path",
    errno.EDQUOT: "make room in your quota, or give another path",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), or give another path",
    errno.EACCES: "give a path where you may write",
    errno.EPERM: "give a path where you may write",
    errno.EROFS: "give a path where you may write",
    errno.ENOENT: "make the folder, or give another path",
    errno.EISDIR: "give a file",
}
# Some file systems have nothing to flush.
_NO_FLUSH = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}


def write_text(path: str | Path, text: str) -> Path:
    """Write a text file in UTF-8, at one stroke.

    Parameters
    ----------
    path : str or pathlib.Path
        The file. What is no regular file (a terminal, a pipe) is written to directly.
    text : str
        All of it.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    OutputError
        The file cannot be written; an older one is as it was.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first = write_text(Path(folder) / "a.txt", "old")
    ...     again = write_text(first, "new")
    ...     again.read_text(), [p.name for p in Path(folder).iterdir()]
    ('new', ['a.txt'])
    """
    return write_bytes(path, text.encode("utf-8", errors="backslashreplace"))


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Write a file at one stroke, as `write_text` does.

    Raises
    ------
    OutputError
        The file cannot be written; an older one is as it was.
    """
    target = Path(path)
    try:
        if _is_special(target):
            with _opened(target, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0)) as file:
                _blocking(file)
                _write(file, data)
        else:
            # a link stays, what it points to is replaced
            _replace(Path(os.path.realpath(target)), data)
    except OSError as error:
        raise _failed(target, error) from error
    return target


def append_line(path: str | Path, line: str) -> None:
    """Append one line to a text file, whole or not at all.

    Raises
    ------
    OutputError
        The line cannot be written; what stood in the file is as it was.
    """
    target = Path(path)
    try:
        with _opened(target, os.O_RDWR | os.O_CREAT | os.O_APPEND) as file:
            before = os.fstat(file).st_size
            try:
                _write(file, (line + "\n").encode("utf-8", errors="backslashreplace"))
                _flush(file)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.ftruncate(file, before)
                raise
    except OSError as error:
        raise _failed(target, error) from error


def require_place(path: Path) -> str | None:
    """Say why a file cannot be written at a path, as far as that can be known before; None where it can.

    Examples
    --------
    >>> require_place(Path("no/such/folder/plan.json"))
    'there is no folder no/such/folder; make it or give another path'
    """
    if os.path.isdir(path):
        return "this is a folder; give a file"
    if _is_special(path):
        return None if os.access(path, os.W_OK) else "you may not write there; give another path"
    folder = Path(os.path.realpath(path)).parent
    if not os.path.isdir(folder):
        shown = folder if path.is_symlink() else path.parent
        return f"there is no folder {shown}; make it or give another path"
    if os.path.exists(path) and not os.access(path, os.W_OK):
        return "you may not write there; give another path"
    if not os.access(folder, os.W_OK | os.X_OK):
        return "you may not write there (a new file is made in the folder first); give another path"
    return None


def read_bytes(path: str | Path, what: str, hint: str, limit: int = MAX_BYTES) -> bytes:
    """Read a file of somebody else: a regular file up to a size, so that no device and no pipe holds us up.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.
    what : str
        What it is, for the reader of an error, e.g. ``plan file``; may be empty.
    hint : str
        The next step.
    limit : int
        Largest size [bytes].

    Raises
    ------
    InputError
        It is missing, no regular file, too large, or cannot be read.
    """
    name = f"{what} {path}".strip()
    try:
        # a pipe without a writer would wait for ever
        with _opened(Path(path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)) as file:
            found = os.fstat(file)
            if stat.S_ISDIR(found.st_mode):
                raise InputError(f"{name}: cannot be read (it is a folder); {hint}.")
            if not stat.S_ISREG(found.st_mode):
                raise InputError(f"{name}: cannot be read (it is a pipe or a device, no regular file); {hint}.")
            if found.st_size > limit:
                raise InputError(
                    f"{name}: has {found.st_size / 2**20:,.0f} MiB, and at most {limit / 2**20:,.0f} are read; {hint}."
                )
            data = bytearray()
            while len(data) <= limit and (part := os.read(file, min(limit + 1 - len(data), 2**26))):
                data += part
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{name}: cannot be read ({reason}); {hint}.") from error
    if len(data) > limit:
        raise InputError(f"{name}: has more than {limit / 2**20:,.0f} MiB; {hint}.")
    return bytes(data)


def _replace(target: Path, data: bytes) -> None:
    """Write beside the file and move it there."""
    old = _mode(target)
    if old is not None and not os.access(target, os.W_OK):
        # moving would succeed, and a file that was protected would be gone
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    beside = target.with_name(f".adnflex-{secrets.token_hex(8)}.part")
    try:
        with _opened(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
            if old is not None and hasattr(os, "fchmod"):
                os.fchmod(file, old)
            _write(file, data)
            _flush(file)
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    _flush_folder(target.parent)


def _mode(target: Path) -> int | None:
    """Permissions of a file; None where there is none."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    return stat.S_IMODE(found.st_mode)


def _is_special(path: Path) -> bool:
    """Whether something is there that is neither a file nor a folder: a terminal, a pipe, a device."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    file = os.open(path, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        yield file
    finally:
        os.close(file)


def _blocking(file: int) -> None:
    if hasattr(os, "set_blocking"):
        os.set_blocking(file, True)


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        # one call writes 2 GiB at most
        done = os.write(file, rest[: 2**30])
        if done == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[done:]


def _flush(file: int) -> None:
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in _NO_FLUSH:
            raise


def _flush_folder(folder: Path) -> None:
    """Make the new name last; not every system can, and the file itself is whole either way."""
    with contextlib.suppress(OSError), _opened(folder, os.O_RDONLY) as file:
        os.fsync(file)


def _failed(path: Path, error: OSError) -> OutputError:
    why = error.strerror or str(error)
    step = _NEXT_STEP.get(error.errno or 0, "give another path")
    kept = "; the file that was there is as it was" if os.path.isfile(path) else ""
    return OutputError(f"{path}: writing failed ({why}){kept}; {step}.")
