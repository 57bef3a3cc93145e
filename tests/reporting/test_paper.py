"""Reports as PDF: what is given to the browser, and what is said where it is missing or fails."""

from __future__ import annotations

import stat
import sys

import pytest

from adnflex import report
from adnflex.cli import main
from adnflex.errors import OutputError
from adnflex.reporting import paper

from .example import example

_NOTES = """
import pathlib, sys
told = dict(word.lstrip("-").partition("=")[::2] for word in sys.argv[1:])
page = pathlib.Path(sys.argv[-1].removeprefix("file://")).read_bytes()
pathlib.Path(told["print-to-pdf"]).write_bytes(b"%PDF of " + page)
"""
_FAILS = "import sys; sys.exit('no room for pages')"


def installed(folder, monkeypatch, program):
    """Put a program where browsers are looked for."""
    made = folder / "browser"
    made.write_text(f"#!{sys.executable}\n{program}")
    made.chmod(made.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(paper, "BROWSERS", ("never-there", str(made)))


def test_a_name_that_ends_in_pdf_is_the_same_page_printed(tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch, _NOTES)
    html = report(*example(), tmp_path / "r.html").read_bytes()
    assert report(*example(), tmp_path / "r.pdf").read_bytes() == b"%PDF of " + html


def test_a_browser_that_fails_is_quoted_and_nothing_is_left(tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch, _FAILS)
    with pytest.raises(OutputError, match=r"no room for pages.*ends in \.html"):
        report(*example(), tmp_path / "r.pdf")
    assert not (tmp_path / "r.pdf").exists()


def test_without_a_browser_the_next_step_is_said_before_any_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(paper, "BROWSERS", ("never-there",))
    with pytest.raises(OutputError, match=r"no Chromium, Chrome or Edge is installed.*install one, or give a path"):
        report(object(), None, tmp_path / "r.pdf")
    assert main(["reconfigure", "case33bw", "--report", str(tmp_path / "r.pdf")]) == 2
    assert "no Chromium, Chrome or Edge is installed" in capsys.readouterr().err
