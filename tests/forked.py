"""A process of its own without the seconds that its imports take: a fork of this one."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

#: Where processes fork; elsewhere a test starts a fresh interpreter, or is left out.
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")


def started(
    work: Callable[[], int | None],
    folder: Path | None = None,
    stdout: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> SimpleNamespace:
    """Start `work` in a fork, in a session of its own; return its ``pid`` and the files ``out`` and ``err`` it writes.

    What `work` returns or exits with is the exit code; 1 after an exception, whose traceback goes to ``err``.
    """
    kept = tempfile.mkdtemp()
    out, err = os.path.join(kept, "out") if stdout is None else os.fspath(stdout), os.path.join(kept, "err")
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return SimpleNamespace(pid=pid, out=Path(out), err=Path(err))
    code = 1
    try:
        os.setsid()
        for number, path in ((1, out), (2, err)):
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(opened, number)
            os.close(opened)
        sys.stdout, sys.stderr = (os.fdopen(k, "w", encoding="utf-8", buffering=1, closefd=False) for k in (1, 2))
        os.environ.update(environment or {})
        os.chdir(folder or os.getcwd())
        code = work() or 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        # not through what pytest would do at its own end
        os._exit(code)


def ended(process: SimpleNamespace) -> SimpleNamespace:
    """Wait for a fork; return its ``returncode``, ``stdout`` and ``stderr``."""
    _, status = os.waitpid(process.pid, 0)
    texts = [p.read_text(encoding="utf-8") if p.is_file() else "" for p in (process.out, process.err)]
    return SimpleNamespace(returncode=os.waitstatus_to_exitcode(status), stdout=texts[0], stderr=texts[1])


def forked(work: Callable[[], int | None], *arguments: Any, **options: Any) -> SimpleNamespace:
    """Run `work` in a fork to its end, see `started` and `ended`."""
    return ended(started(work, *arguments, **options))
