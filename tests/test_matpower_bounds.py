"""A few lines of a case file that ask for memory or time without end are refused with their line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import adnflex
from adnflex.errors import InputError
from adnflex.matpower import read_matpower
from adnflex.matpower.bounds import MAX_TEXT

HEAD = "function mpc = c\nmpc.version = '2';\no = (1:99999)*0+1;\n"
# What asks for much, and the line that does.
BOMBS = {
    "one element often": ("c = o(o*0+1, o);", 4),
    "row and column": ("m = [\n" + "1;\n" * 3000 + "];\nc = m + (1:3000);", 3006),
    "row and column, divided": ("m = [\n" + "1;\n" * 3000 + "];\nc = m ./ (1:3000);", 3006),
    "ranges in a row": ("c = [" + "1:999999 " * 6 + "];", None),
    "many variables": ("a = (1:999999);\n" + "".join(f"v{i} = a*1;\n" for i in range(60)), None),
    "assigned often": ("a = (1:999999);\n" + "a(1, 1) = 2;\n" * 400, None),
    "a block that is assigned": ("m = [\n" + "1;\n" * 3000 + "];\nm(m*0+1, m(:,1)*0+1) = 1;", 3006),
    "sums without end": ("a = (1:999999);\nb = a" + " + a" * 500 + ";", 5),
    "functions without end": ("a = (1:999999);\n" + "b = sqrt(a);\n" * 400, None),
    "signs": ("a = (1:999999);\nb = a*" + "-" * 400 + "1;\n" + "b = -a;\n" * 400, None),
    "a range from far": ("c = (1:1e300);", 4),
    "parentheses": ("c = " + "(" * 100_000 + "1" + ")" * 100_000 + ";", 4),
    "parentheses over lines": ("c = [" + "(\n" * 100_000, None),
    "signs in a row": ("c = " + "-" * 100_000 + "1;", 4),
    "a number of a million digits": ("c = " + "9" * 10**6 + ";\nd = nothing;", 5),
    "faults without end": ("x = y;\n" * 200_000, None),
    "quotes": ("c = " + "'" * 99_999 + ";", 4),
    "elements with signs": ("c = [" + "1+1 " * 110_000 + "];", 4),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_asks_for_too_much_is_refused_with_its_line(bomb):
    statement, line = BOMBS[bomb]
    with pytest.raises(InputError) as caught:
        read_matpower(f"{HEAD}{statement}\n")
    assert caught.value.findings[0].startswith("MATPOWER text, line " + (f"{line}: " if line else ""))
    assert len(caught.value.findings) <= 101


def test_a_text_that_is_too_long(tmp_path):
    with pytest.raises(InputError, match="characters; give a smaller case"):
        read_matpower("%\n" * MAX_TEXT)
    path = tmp_path / "long.m"
    with path.open("wb") as file:
        file.truncate(MAX_TEXT + 1)
    with pytest.raises(InputError, match=r"at most 64 are read; give the path of a .m file"):
        read_matpower(path)


def test_matrices_with_too_many_rows():
    rows = "1 0 0 0 0 1 1 1 0 0\n" * 20_001
    with pytest.raises(InputError, match=r"mpc.gen has 20,001 rows; at most 20,000 are read"):
        read_matpower(f"{HEAD}mpc.gen = [\n{rows}];\n")


def test_costs_that_say_a_count_without_end():
    text = (
        "function mpc = c\nmpc.baseMVA = 1;\nmpc.bus = [1 3 0 0 0 0 1 1 0 20 1 1 1; 2 1 1 0 0 0 1 1 0 20 1 1.1 .9];\n"
        "mpc.gen = [1 0 0 1 -1 1 1 1 1 0];\nmpc.branch = [1 2 .01 .01 0 0 0 0 0 0 1];\n"
        "mpc.gencost = [2 0 0 1e15 1 1];\n"
    )
    assert len(read_matpower(text, per_phase=True).poly_cost) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_little_memory_is_enough_to_refuse_them():
    """The largest of them in one process that may have 1 GB more than what is imported."""
    code = f"""
import resource, sys
sys.path[:0] = {[str(Path(adnflex.__file__).parent.parent), str(Path(__file__).parent)]!r}
from adnflex.errors import InputError
from adnflex.matpower import read_matpower
from test_matpower_bounds import BOMBS, HEAD
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 10**9,) * 2)
for name in ("one element often", "row and column", "many variables", "functions without end"):
    statement = BOMBS[name][0]
    try:
        read_matpower(HEAD + statement + "\\n")
    except InputError:
        continue
    sys.exit(name)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
