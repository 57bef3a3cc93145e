"""Workers that die, run out of memory, have none beside them or lose their parent: no task and no answer is lost."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import pytest

from adnflex.algorithms.branch_and_bound import Alternative, Relaxed, branch_and_bound
from adnflex.algorithms.workers import run_each, worker_pool
from adnflex.errors import InputError
from tests.algorithms.toys import tree

TASKS = list(range(12))
SQUARES = [x * x for x in TASKS]
posix = pytest.mark.skipif(os.name != "posix", reason="needs fork")


def square(x: int) -> int:
    return x * x


def once(mark: str, how: str, home: int, x: int) -> int:
    """Square; the first to meet 5 in another process comes to grief."""
    if x == 5 and os.getpid() != home:
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return x * x
        _grief(how)
    return x * x


def always(how: str, home: int, x: int) -> int:
    if x % 5 == 0 and os.getpid() != home:
        _grief(how)
    return x * x


def _grief(how: str) -> None:
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        os._exit(3)
    if how == "memory":
        raise MemoryError
    time.sleep(60)


def answers(crew) -> list[int]:
    return [value for _, value in sorted(crew.each(TASKS))]


def pool_of(kind: str) -> Executor:
    if kind == "threads":
        return ThreadPoolExecutor(2)
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(kind))


@pytest.mark.parametrize("workers", [1, 3])
def test_processes_of_our_own_answer_in_order_and_as_they_come(workers):
    with worker_pool(square, workers=workers) as crew:
        assert list(crew.in_order(iter(TASKS))) == SQUARES
        assert answers(crew) == SQUARES
        assert not crew.notes


@pytest.mark.parametrize("kind", ["threads", *multiprocessing.get_all_start_methods()])
def test_every_standard_executor_serves(kind):
    with pool_of(kind) as executor:
        # a built-in needs no import of this module in the worker
        assert run_each(abs, [-x for x in TASKS], executor) == TASKS


@posix
@pytest.mark.parametrize("how", ["killed", "exit", "memory"])
def test_a_worker_that_dies_is_replaced_and_its_task_done(how, tmp_path):
    job = partial(once, str(tmp_path / "mark"), how, os.getpid())
    with worker_pool(job, workers=2) as crew:
        assert answers(crew) == SQUARES
        assert len(crew.notes) == 1
        assert ("memory" if how == "memory" else "died") in crew.notes[0]


@posix
@pytest.mark.parametrize("how", ["killed", "exit", "memory"])
def test_a_task_that_kills_every_worker_is_done_here(how):
    with worker_pool(partial(always, how, os.getpid()), workers=2) as crew:
        assert list(crew.in_order(TASKS)) == SQUARES
        assert crew.notes


@posix
def test_the_pool_of_a_caller_that_breaks_leaves_the_work_to_us():
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as executor:
        assert run_each(partial(always, "exit", os.getpid()), TASKS, executor) == SQUARES
        assert run_each(square, TASKS, executor) == SQUARES  # it is broken by now
    assert run_each(square, TASKS, executor) == SQUARES  # and shut down


@posix
def test_a_search_whose_workers_die_ends_with_the_same_proof(tmp_path):
    """Minimise ``(x - 2.6)²`` over 0…15; every third node kills its worker, once."""
    home, best = os.getpid(), [None, float("inf")]

    def relax(node):
        low, high = node
        mark = tmp_path / f"{low}-{high}"
        if (low + high) % 3 == 0 and os.getpid() != home and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Relaxed((min(max(2.6, low), high) - 2.6) ** 2, None)

    def split(node, point):
        low, high = node
        middle = (low + high) // 2
        return [] if low == high else [Alternative(0.5, ((low, middle), (middle + 1, high)))]

    def leaf(node):
        value = (node[0] - 2.6) ** 2
        if value < best[1]:
            best[:] = [node[0], value]
        return value

    with worker_pool(relax, workers=2) as crew:
        outcome = branch_and_bound(tree(relax, split, leaf, lambda: tuple(best)), gap=0.0, seconds=30, workers=crew)
    assert (outcome.status, outcome.best) == ("optimal", 3)
    assert outcome.bound == pytest.approx(0.16)
    assert crew.notes


def test_a_search_that_runs_out_of_memory_keeps_its_plan_and_a_valid_bound():
    def relax(node):
        if node[1] - node[0] < 8:
            raise MemoryError
        return Relaxed((min(max(2.6, node[0]), node[1]) - 2.6) ** 2, None)

    def split(node, point):
        middle = (node[0] + node[1]) // 2
        return [Alternative(0.5, ((node[0], middle), (middle + 1, node[1])))]

    with worker_pool(relax, workers=1) as crew:
        known = (9, 40.96)
        outcome = branch_and_bound(
            tree(relax, split, lambda node: 0.0, lambda: known), gap=0.0, seconds=30, workers=crew
        )
    assert outcome.status == "interrupted"
    assert outcome.best == 9
    assert outcome.bound <= 0.16
    assert "memory" in crew.notes[0]


def test_an_error_of_the_job_is_raised_as_it_is():
    with pytest.raises(ZeroDivisionError), worker_pool(partial(divmod, 1), workers=2) as crew:
        answers(crew)


@posix
def test_what_cannot_travel_is_named():
    with (
        pool_of("fork") as executor,
        pytest.raises(InputError, match="executor: what its workers need cannot be sent"),
    ):
        run_each(lambda x: x, TASKS, executor)


def test_searches_in_the_threads_that_shall_serve_them_do_not_wait_for_ever():
    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(run_each, square, TASKS, executor).result(timeout=60) == SQUARES


@posix
def test_threads_fork_nothing_and_say_so():
    def search(_):
        with worker_pool(square, workers=2) as crew:
            return answers(crew), crew.notes

    with ThreadPoolExecutor(3) as executor:
        for found, notes in executor.map(search, range(6)):
            assert found == SQUARES
            assert "beside other threads" in notes[0]


def _in_a_daemon(_):
    with worker_pool(square, workers=2) as crew:
        return answers(crew), crew.notes


@posix
def test_a_daemonic_process_works_alone_and_says_so():
    with multiprocessing.get_context("fork").Pool(1) as pool:
        found, notes = pool.apply(_in_a_daemon, (None,))
    assert found == SQUARES
    assert "daemonic" in notes[0]


def test_a_script_without_a_guard_does_not_start_itself_again(monkeypatch):
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(RuntimeError, match="__main__"), worker_pool(square, workers=2):
        pass


# A parent with two workers of its own and two of an executor at work; each leaves a file of its number.
PARENT = """
import os, sys, threading, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from adnflex.algorithms.workers import worker_pool
def job(mark):
    open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
    time.sleep(60)
def search(executor):
    with worker_pool(job, executor, 2) as crew:
        list(crew.each([1, 2]))
with ProcessPoolExecutor(2, mp_context=get_context("fork")) as executor:
    threading.Thread(target=search, args=(executor,)).start()
    search(None)
"""


def alive(pid: int) -> bool:
    """Whether a process runs; one that is only waited for does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")
def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)])
    try:
        for _ in range(600):
            children = [int(name) for name in os.listdir(tmp_path)]
            if len(children) == 4:
                break
            assert parent.poll() is None
            time.sleep(0.1)
        assert len(children) == 4
        assert all(alive(c) for c in children)
    finally:
        parent.kill()
        parent.wait()
    until = time.monotonic() + 5.0
    while any(alive(c) for c in children) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [c for c in children if alive(c)]


@posix
def test_where_no_process_can_be_had_the_work_is_done_here(monkeypatch):
    def full(self):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("adnflex.algorithms.processes.ProcessTeam._forked", full)
    with worker_pool(square, workers=3) as crew:
        assert list(crew.in_order(TASKS)) == SQUARES
    assert "Resource temporarily unavailable" in crew.notes[0]


@posix
def test_what_was_finished_before_an_interrupt_is_handed_over():
    with worker_pool(square, workers=2) as crew:
        for x in (3, 4):
            crew.start(x)
        time.sleep(1.0)
        assert sorted(crew.rescued()) == [(3, 9), (4, 16)]
