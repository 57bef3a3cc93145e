"""A report on paper: the page as PDF, printed by an installed Chromium, without a window and without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from adnflex.errors import OutputError
from adnflex.files import write_text

#: Commands of browsers that print without a window, in the order in which they are tried.
BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)  # fmt: skip
# The browser's own clock may run ahead by this much while it draws [ms], and the whole may take this long [s].
_DRAWING_MS, _PATIENCE = 60_000, 180.0
_NEXT = "give a path that ends in .html, open that file in a browser and print it there (its print style is A4)"


def is_paper(path: str | Path) -> bool:
    """Whether a report of this name is a PDF.

    Examples
    --------
    >>> is_paper("plan.PDF"), is_paper("plan.html")
    (True, False)
    """
    return Path(path).suffix.lower() == ".pdf"


def browser() -> str:
    """Return the command of the first browser that is there.

    Raises
    ------
    OutputError
        There is none.
    """
    found = next((where for name in BROWSERS if (where := shutil.which(name)) is not None), None)
    if found is None:
        raise OutputError(
            "path ends in .pdf, and no Chromium, Chrome or Edge is installed (none of their commands is on the "
            f"PATH) to print the report; install one, or {_NEXT}."
        )
    return found


def pdf(page: str) -> bytes:
    """Print a page of HTML.

    Parameters
    ----------
    page : str
        The page; what it needs stands in it.

    Returns
    -------
    bytes
        The PDF, on A4.

    Raises
    ------
    OutputError
        There is no browser, or it does not print.
    """
    command = browser()
    # folders of its own: no profile, no history, no other window of the reader is touched
    with TemporaryDirectory(prefix="adnflex-", ignore_cleanup_errors=True) as folder:
        source, target = Path(folder) / "report.html", Path(folder) / "report.pdf"
        write_text(source, page)
        options = [
            "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-background-networking",
            f"--user-data-dir={Path(folder) / 'profile'}", f"--virtual-time-budget={_DRAWING_MS}",
            "--no-pdf-header-footer", f"--print-to-pdf={target}",
        ]  # fmt: skip
        if sys.platform == "linux" and os.geteuid() == 0:
            options.append("--no-sandbox")  # Chromium refuses root otherwise; the page loads nothing
        try:
            ran = subprocess.run([command, *options, source.as_uri()], capture_output=True, timeout=_PATIENCE)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise OutputError(f"path ends in .pdf, and {command} does not print ({error}); {_NEXT}.") from None
        if not target.is_file():
            told = ran.stderr.decode(errors="replace").strip().splitlines()
            why = told[-1] if told else f"it ended with code {ran.returncode}"
            raise OutputError(f"path ends in .pdf, and {command} did not print ({why[:200]}); {_NEXT}.")
        return target.read_bytes()
