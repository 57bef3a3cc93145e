"""Names of strangers: nothing in them moves, hides, steers or floods what stands around them."""

from __future__ import annotations

import re
import sys
import unicodedata

import pandapower.networks as pn
import pytest

import adnflex
from adnflex import cli
from adnflex.errors import AdnflexError, Infeasible, InputError
from adnflex.text import sentence, shown, tamed

# Categories: control, format, surrogate, separators of lines and paragraphs.
WILD = [chr(c) for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c)) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
# Prefixes of Indic and Arabic numbers belong to writing.
READABLE = {"\n", "\t", *(chr(c) for c in (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD))}
EVIL = "T\u202e1\u200b\x1b[31m\u2066<img src=x onerror=alert(1)>\x00\ud800\r"


def test_everything_that_moves_or_hides_is_shown():
    kept = [f"U+{ord(c):04X}" for c in WILD if c not in READABLE and c in tamed(f"a{c}b")]
    # shorthand and hieroglyph controls join signs within one word only
    assert [k for k in kept if not re.match(r"U\+(1343|1BCA)", k)] == []


@pytest.mark.parametrize("text", ["Köln", "東京", "مرحبا", "№ 3 → 4", "a\nb", "Zähler 1 µH", "é"])
def test_what_people_write_stays(text):
    assert tamed(text) == text


def test_signs_without_end():
    assert tamed("a" + "\u0301" * 500) == "a" + "\u0301" * 4
    assert len(shown("x" * 10**6)) == 80
    assert len(sentence("x" * 10**6)) <= 1024
    assert len(sentence("word " * 10**5)) <= 8000


@pytest.mark.parametrize("error", [AdnflexError(EVIL), InputError([EVIL, EVIL]), Infeasible(EVIL)])
def test_errors_are_tame(error):
    assert not set(str(error)) & (set(WILD) - {"\n"})
    str(error).encode()


@pytest.fixture(scope="module")
def solved():
    net = pn.case33bw()
    net["name"] = EVIL + "n" * 5000
    net.bus["name"] = [f"{EVIL}{i}" for i in net.bus.index]
    net.line["name"] = EVIL + "</script><script>alert(1)</script>" + "y" * 5000
    plan = adnflex.reconfigure(net, workers=1)
    return net, plan, adnflex.validate(plan, net)


def test_a_report_shows_what_names_are(solved, tmp_path):
    net, plan, check = solved
    path = adnflex.report(plan, check, tmp_path / "r.html", net=net)
    page = path.read_text(encoding="utf-8")
    script = page.rindex('<script type="application/gzip')  # plotly and our own are not from the net
    body = page[:script]
    assert not set(body) & (set(WILD) - {"\n"})
    figures = "".join(re.findall(r'<script type="application/json".*?</script>', body, flags=re.DOTALL))
    assert "\\\\u202e" in figures  # a backslash and five letters, not the sign
    assert not re.search(r"(?<!\\)\\u(202e|200b|2066|001b|0000|d800)", figures)
    assert "<img" not in body
    assert "<script>alert" not in body
    assert max(map(len, re.findall("n+", body))) < 200
    assert max(map(len, re.findall("y+", body))) < 200
    assert "\\u202e" in body


def test_the_terminal_and_its_errors_are_tame(solved, capsys, monkeypatch, tmp_path):
    _net, plan, _ = solved
    monkeypatch.setattr(adnflex, "reconfigure", lambda *_, **__: plan)
    assert cli.main(["reconfigure", "case33bw", "--quiet", "--plan", str(tmp_path / "p.json")]) == cli.EXIT_OK
    cli.main(["validate", str(tmp_path / "p.json"), "case33bw"])
    cli.main(["reconfigure", f"{tmp_path}/\u202e\x1b[31m.json"])
    told = capsys.readouterr()
    assert "\\u202e\\x1b[31m.json: there is no such file" in told.err
    assert not set(told.out + told.err) & (set(WILD) - {"\n"})
