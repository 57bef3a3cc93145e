"""Files are whole or not there: whatever fails while one is written, the old one stays and the others are written."""

from __future__ import annotations

import ast
import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pandapower.networks as pn
import pytest

import adnflex
from adnflex import cli
from adnflex.cli import conclusion
from adnflex.cli.files import Outputs, save_net
from adnflex.errors import InputError, OutputError
from adnflex.files import append_line, read_bytes, write_text
from tests.forked import forked

LIBRARY = Path(adnflex.__file__).parent
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")

# --- one writer -------------------------------------------------------------------------------------------

_WRITERS = {"write_text", "write_bytes", "to_csv", "to_excel", "to_pickle", "write_html", "write_image", "to_sqlite"}


def _calls_that_write(tree: ast.AST) -> list[ast.Call]:
    found = []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        owner = getattr(call.func, "value", None)
        if name in ("write_text", "write_bytes") and owner is None:
            continue  # ours
        opened = name == "open" and any(
            isinstance(a, ast.Constant) and isinstance(a.value, str) and set(a.value) & set("wax+") and len(a.value) < 4
            for a in [*call.args, *(k.value for k in call.keywords)]
        )
        named = name in ("to_json", "to_csv") and bool(call.args) and name != "to_csv"
        written = name in _WRITERS and (name != "to_csv" or bool(call.args))
        # pandapower.to_json(net) gives text, pandapower.to_json(net, path) writes
        if name == "to_json" and isinstance(owner, ast.Name) and owner.id in ("pp", "pandapower"):
            named = len(call.args) > 1
        if opened or written or named or (name == "dump" and getattr(owner, "id", "") in ("json", "pickle")):
            found.append(call)
    return found


def test_nothing_in_the_library_writes_a_file_by_itself():
    found = []
    for path in LIBRARY.rglob("*.py"):
        if path == LIBRARY / "files.py":
            continue
        calls = _calls_that_write(ast.parse(path.read_text(encoding="utf-8")))
        found += [f"{path.relative_to(LIBRARY)}:{call.lineno}" for call in calls]
    assert found == [], "use adnflex.files.write_text"


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("Path(p).write_text('x')", True),
        ("open(p, 'w')", True),
        ("p.open('a', encoding='utf-8')", True),
        ("open(p, mode='r+b')", True),
        ("frame.to_csv(p)", True),
        ("pp.to_json(net, p)", True),
        ("json.dump(x, f)", True),
        ("open(p)", False),
        ("p.open('rb')", False),
        ("pp.to_json(net)", False),
        ("frame.to_csv(sep=';')", False),
        ("write_text(p, 'x')", False),
    ],
)
def test_the_search_for_writers_finds_them(line, caught):
    assert bool(_calls_that_write(ast.parse(line))) is caught


# --- whole or as it was -----------------------------------------------------------------------------------


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "old.json"
    path.write_text("old")
    return path


def alone(path: Path) -> bool:
    """Whether nothing but this file is left in its folder."""
    return [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "open"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES, errno.EROFS])
def test_a_system_that_refuses_at_any_step_leaves_the_old_file(monkeypatch, old, call, number):
    before = getattr(os, call)

    def refuse(first, *rest):
        if call == "open" and not str(first).endswith(".part"):
            return before(first, *rest)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OutputError) as caught:
        write_text(old, "new")
    monkeypatch.undo()
    assert str(caught.value).startswith(
        f"{old}: writing failed ({os.strerror(number)}); the file that was there is as it was; "
    )
    assert old.read_text() == "old"
    assert alone(old)


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_ctrl_c_at_any_step_leaves_the_old_file(monkeypatch, old, call):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, call, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_text(old, "new")
    monkeypatch.undo()
    assert old.read_text() == "old"
    assert alone(old)


def test_half_a_write_goes_on(monkeypatch, old):
    """The system may take fewer bytes than it is given."""
    before = os.write
    monkeypatch.setattr(os, "write", lambda file, data: before(file, bytes(data)[:3]))
    write_text(old, "longer than three")
    assert old.read_text() == "longer than three"


@POSIX
def test_killed_before_the_last_step(old):
    code = (
        "import os, sys; from adnflex.files import write_text\nos.replace = lambda *_: os._exit(9)\n"
        "write_text(sys.argv[1], 'new')"
    )
    done = subprocess.run([sys.executable, "-c", code, old], check=False)
    assert done.returncode == 9
    assert old.read_text() == "old"


@POSIX
def test_permissions_and_links_stay(old, tmp_path):
    old.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(old.name)
    write_text(link, "new")
    assert link.is_symlink()
    assert old.read_text() == "new"
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "fresh.json", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "fresh.json").stat().st_mode) == 0o640
    dangling = tmp_path / "dangling.json"
    dangling.symlink_to("to_be_made.json")
    write_text(dangling, "y")
    assert dangling.is_symlink()
    assert (tmp_path / "to_be_made.json").read_text() == "y"


@POSIX
@pytest.mark.skipif(sys.platform != "win32" and os.geteuid() == 0, reason="this user may write everywhere")
def test_a_protected_file_is_not_replaced(old):
    old.chmod(0o400)
    with pytest.raises(OutputError, match="Permission denied"):
        write_text(old, "new")
    assert old.read_text() == "old"
    assert alone(old)


def test_a_folder_and_a_folder_that_is_missing(tmp_path):
    with pytest.raises(OutputError, match="give a file"):
        write_text(tmp_path, "x")
    with pytest.raises(OutputError, match="make the folder, or give another path"):
        write_text(tmp_path / "none" / "x.json", "x")
    with pytest.raises(OutputError, match="writing failed"):
        write_text(tmp_path / ("n" * 300), "x")


@POSIX
def test_pipes_and_devices_are_written_to_as_they_are(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match="writing failed"):
        write_text(pipe, "nobody reads")
    # the pipe itself keeps so little; a reader of its own could come when the writer is gone, and wait for ever
    file = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(pipe, "x" * 30)
        assert os.read(file, 100) == b"x" * 30
    finally:
        os.close(file)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    if Path("/dev/full").exists():
        with pytest.raises(OutputError, match=r"No space left on device\); make room on the disk"):
            write_text("/dev/full", "x")


def test_half_a_line_is_taken_back(monkeypatch, old):
    append_line(old, " line")
    before = os.write

    def half(file, data):
        if len(data) < 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return before(file, bytes(data)[:2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OutputError, match="No space left"):
        append_line(old, "another")
    monkeypatch.undo()
    assert old.read_text() == "old line\n"


# --- files of others --------------------------------------------------------------------------------------


@POSIX
def test_no_pipe_and_no_device_is_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, words in [
        (pipe, "a pipe or a device"),
        ("/dev/zero", "a pipe or a device"),
        (tmp_path, "it is a folder"),
        (tmp_path / "none", "No such file"),
        ("bad\0name", "null"),
    ]:
        with pytest.raises(InputError, match=words):
            read_bytes(path, "plan file", "give another")


def test_a_file_that_is_too_large(old):
    assert read_bytes(old, "", "give another", limit=3) == b"old"
    with pytest.raises(InputError, match=r"has 0 MiB, and at most 0 are read; give another\.$"):
        read_bytes(old, "", "give another", limit=2)


# --- the command line -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plan():
    return adnflex.reconfigure(pn.case33bw(), workers=1)


@pytest.fixture
def solved(monkeypatch, plan):
    """Commands that find this plan at once."""
    monkeypatch.setattr(adnflex, "reconfigure", lambda *_, **__: plan)


FULL = (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), cli.EXIT_INPUT, "No space left on device")
EMPTY = (MemoryError(), 5, "memory ran out; give fewer --workers")
FAULT = (ValueError("odd"), cli.EXIT_FAULT, "internal fault: ValueError: odd")


# one place writes all outputs: every output and every error is tried, not all of their pairs
@pytest.mark.parametrize(
    ("broken", "error", "code", "words"),
    [("plan", *FULL), ("net", *FULL), ("report", *FULL), ("plan", *EMPTY), ("report", *FAULT)],
    ids=["plan-disk", "net-disk", "report-disk", "plan-memory", "report-fault"],
)
def test_an_output_that_fails_does_not_drop_the_others(
    capsys, monkeypatch, solved, tmp_path, broken, error, code, words
):
    def fail(*_, **__):
        raise error

    paths = {name: tmp_path / f"{name}.out" for name in ("plan", "net", "report")}
    monkeypatch.setattr(
        *{"plan": (adnflex.Plan, "save"), "net": (conclusion, "save_net"), "report": (adnflex, "report")}[broken], fail
    )
    words_of = [x for name, path in paths.items() for x in (f"--{name}", str(path))]
    assert cli.main(["reconfigure", "case33bw", "--quiet", *words_of]) == code
    told = capsys.readouterr().err
    assert told.startswith(f"adnflex: --{broken} {paths[broken]}: ")
    assert words in told
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"{n}.out" for n in paths if n != broken)


@POSIX
def test_a_limit_of_file_sizes_costs_only_what_is_too_large(tmp_path, plan):
    """As `ulimit -f` sets it: the report is too large, the plan is not; old files stay."""
    old = {name: tmp_path / name for name in ("plan.json", "report.html")}
    for path in old.values():
        path.write_text("old")

    def with_little():
        import resource

        adnflex.reconfigure = lambda *_, **__: plan
        resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))
        return cli.main(["reconfigure", "case33bw", "--quiet", "--plan", "plan.json", "--report", "report.html"])

    done = forked(with_little, tmp_path)
    assert done.returncode == cli.EXIT_INPUT
    assert done.stderr == (
        "adnflex: --report report.html: writing failed (File too large); the file that was there is as it was; "
        "raise the limit of file sizes (ulimit -f), or give another path.\n"
    )
    assert old["report.html"].read_text() == "old"
    assert adnflex.Plan.load(old["plan.json"]).status == "optimal"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("where", ["adnflex.reconfigure", "adnflex.grid.read.matrices", "pandapower.from_json"])
def test_memory_that_runs_out_in_a_verb(capsys, monkeypatch, tmp_path, where):
    def empty(*_, **__):
        raise MemoryError

    net = tmp_path / "net.json"
    save_net(pn.case33bw(), net)
    monkeypatch.setattr(where, empty)
    assert cli.main(["reconfigure", str(net), "--quiet", "--plan", str(tmp_path / "p.json")]) == 5
    assert capsys.readouterr().err == (
        "adnflex: memory ran out; give fewer --workers, periods or scenarios, close other programs, or use a machine "
        "that has more. Files named above are whole.\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_standard_output_that_is_full(solved, tmp_path, plan):
    def with_no_room():
        adnflex.reconfigure = lambda *_, **__: plan
        return cli.main(["reconfigure", "case33bw", "--plan", "plan.json"])

    done = forked(with_no_room, tmp_path, "/dev/full")
    assert done.returncode == cli.EXIT_INPUT
    assert "the system refused to go on: No space left on device" in done.stderr
    assert adnflex.Plan.load(tmp_path / "plan.json").status == "optimal"


def test_the_net_is_written_as_pandapower_would(tmp_path):
    import pandapower as pp

    net = pn.case33bw()
    save_net(net, tmp_path / "a.json")
    pp.to_json(net, str(tmp_path / "b.json"))
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()


def test_the_code_of_an_answer_comes_before_that_of_an_output():
    files = Outputs()
    assert files.exit_code(cli.EXIT_OK) == cli.EXIT_OK
    files.write("--plan", Path("no") / "such" / "folder", lambda path: write_text(path, "x"))
    assert (files.exit_code(cli.EXIT_OK), files.exit_code(cli.EXIT_FAILED)) == (cli.EXIT_INPUT, cli.EXIT_FAILED)
