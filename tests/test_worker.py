"""Workers: whatever a task does, it has a result, and no other task and no process is lost or left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backprop import worker
from backprop.worker import Pool

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests use signals and process ids")

HERE = Path(__file__).parent
SOURCE = Path(worker.__file__).parent.parent
HANDLER = "worker_handlers:handle"
MEMORY = 400 << 20
linux = pytest.mark.skipif(sys.platform != "linux", reason="a limit that only Linux has")


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The handlers are found on the path of the tests, for nothing is taken from the current folder."""
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def shared() -> Iterator[Pool]:
    """One pool for all tests that it must survive; started in a folder that has nothing."""
    sys.path.insert(0, str(HERE))
    with Pool(handler=HANDLER, warm=(), memory=MEMORY) as pool:
        yield pool
    sys.path.remove(str(HERE))


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(2, handler=HANDLER, warm=(), memory=MEMORY) as pool:
        yield pool


def ask(pool: Pool, do: str, cpu: float = 5.0, **more: Any) -> list[dict[str, Any]]:
    return list(pool.run({"do": do, **more}, cpu=cpu))


def works(pool: Pool) -> bool:
    return ask(pool, "nothing", x=7)[0]["x"] == 7


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie (whom nobody reaps in some containers)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return not state.startswith("Z") and state != ""


def gone(*pids: int, within: float) -> bool:
    deadline = time.monotonic() + within
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def script(text: str, **more: Any) -> subprocess.Popen[bytes]:
    """A program of its own that has `pool` and `ask`, and this folder on its path."""
    head = f"""
        import os, signal, sys, time
        sys.path[:0] = [{str(SOURCE)!r}, {str(HERE)!r}]
        from backprop.worker import Pool
        def ask(pool, do, cpu=5.0, **more):
            return list(pool.run({{"do": do, **more}}, cpu=cpu))
        pool = Pool(2, handler={HANDLER!r}, warm=(), memory={MEMORY})
    """
    command = [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(text)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


# Results.


def test_stage_messages_come_in_order_and_then_one_end(shared: Pool) -> None:
    first, second, end = ask(shared, "echo", text="é\ud800\x00", x=1)
    assert (first["stage"], first["x"], second, end) == ("begun", 1, {"echo": "é\ud800\x00"}, {"ended": "done"})


def test_map_keeps_the_order_of_the_input_and_keeps_both_workers_busy(pool: Pool) -> None:
    tasks = ((n, {"do": "sleep", "seconds": (7 - n) % 7 / 50, "x": n}, 5.0) for n in range(21))
    rows = list(pool.map(tasks))
    assert [key for key, _ in rows] == list(range(21)) == [messages[0]["x"] for _, messages in rows]
    assert all(messages[-1] == {"ended": "done"} for _, messages in rows)
    assert len({messages[0]["pid"] for _, messages in rows}) == 2


def test_map_reads_a_task_only_when_a_worker_is_free(shared: Pool) -> None:
    """So that a program that writes a line and waits for the answer gets it."""
    read: list[int] = []

    def tasks() -> Iterator[tuple[int, dict[str, Any], float]]:
        for n in range(5):
            read.append(n)
            yield n, {"do": "nothing"}, 5.0

    for key, _ in shared.map(tasks()):
        assert read[-1] == key


def test_map_waits_for_a_slow_first_task_with_a_bounded_window(pool: Pool) -> None:
    read = 0

    def tasks() -> Iterator[tuple[int, dict[str, Any], float]]:
        nonlocal read
        yield 0, {"do": "sleep", "seconds": 0.3}, 5.0
        for read in range(1, 500):
            yield read, {"do": "nothing"}, 5.0

    rows = pool.map(tasks(), window=10)
    assert next(rows)[0] == 0
    assert read == 9
    assert [key for key, _ in rows] == list(range(1, 500))


def test_leaving_map_early_stops_what_it_had_begun(pool: Pool) -> None:
    start = time.monotonic()
    rows = pool.map((n, {"do": "loop" if n else "nothing"}, 5.0) for n in range(5))
    assert next(rows)[0] == 0
    rows.close()  # type: ignore[attr-defined]
    assert list(pool.collect()) == []
    assert time.monotonic() - start < 4


def test_collect_mixes_the_messages_of_several_tasks(pool: Pool) -> None:
    slow = pool.submit({"do": "sleep", "seconds": 0.3})
    fast = pool.submit({"do": "nothing"})
    ends = [ticket for ticket, message in pool.collect() if "ended" in message]
    assert ends == [fast, slow]
    assert list(pool.collect()) == [] == list(pool.collect(slow))


def test_cancelled_tasks_end_whether_they_run_or_wait(shared: Pool) -> None:
    running, waiting = shared.submit({"do": "loop"}), shared.submit({"do": "loop"})
    next(iter(shared.collect(running)))
    shared.cancel(waiting)
    shared.cancel(running)
    shared.cancel(running)
    ends = [message for _, message in shared.collect(running, waiting)]
    assert [end["reason"] for end in ends if "ended" in end] == ["cancelled", "cancelled"]
    assert works(shared)


def test_cancelling_what_is_finished_but_not_yet_read_keeps_its_messages(shared: Pool) -> None:
    assert works(shared)
    ticket = shared.submit({"do": "nothing"})
    time.sleep(0.3)
    shared.cancel(ticket)
    assert [message.get("ended") for _, message in shared.collect(ticket)] == [None, "done"]


def test_closing_the_iterator_of_run_cancels_the_task(shared: Pool) -> None:
    messages = shared.run({"do": "loop"})
    assert next(messages)["stage"] == "begun"
    messages.close()  # type: ignore[attr-defined]
    start = time.monotonic()
    assert works(shared)
    assert time.monotonic() - start < 4


@pytest.mark.parametrize("kind", ["ValueError", "KeyboardInterrupt", "SystemExit", "Unspeakable"])
def test_an_exception_is_a_result_and_the_worker_lives_on(shared: Pool, kind: str) -> None:
    first, end = ask(shared, "raise", kind=kind)
    assert (end["ended"], end["type"]) == ("error", kind)
    assert len(end["message"].encode()) <= 4096
    assert ask(shared, "nothing")[0]["pid"] == first["pid"]


def test_too_deep_a_recursion_is_an_error(shared: Pool) -> None:
    assert ask(shared, "recurse")[-1]["type"] == "RecursionError"
    assert works(shared)


@pytest.mark.parametrize("what", ["list", "ended", "set"])
def test_what_is_no_stage_message_is_an_error(shared: Pool, what: str) -> None:
    assert ask(shared, "answer", what=what)[-1]["type"] == "TypeError"
    assert ask(shared, "answer", what="empty")[1:] == [{}, {"ended": "done"}]


def test_big_messages_pass_both_ways(pool: Pool) -> None:
    text = "abcdefg\n" * 500_000
    rows = list(pool.map((n, {"do": "echo", "text": text}, 5.0) for n in range(4)))
    assert [messages[1]["echo"] == text for _, messages in rows] == [True] * 4


def test_a_task_beyond_the_limits_of_the_interface_is_refused(shared: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError):
        shared.submit({"do": {1, 2}})
    for cpu in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="positive number of seconds"):
            shared.submit({"do": "nothing"}, cpu=cpu)
    monkeypatch.setattr(worker, "FRAME", 1000)
    with pytest.raises(ValueError, match="longer than 1000"):
        shared.submit({"do": "echo", "text": "x" * 1000})


# Limits.


@pytest.mark.parametrize(
    ("do", "more"),
    [("loop", {}), ("big_integer", {}), ("flint", {"exponent": 2 * 10**8}), ("sleep", {"seconds": 60})],
)
def test_a_task_is_stopped_at_its_time_and_keeps_its_stages(shared: Pool, do: str, more: dict[str, Any]) -> None:
    """Also in the middle of C code; one that sleeps, at three times its time on the wall."""
    if do == "flint":
        pytest.importorskip("flint")
    begun, end = ask(shared, do, cpu=0.4, **more)
    assert begun["stage"] == "begun"
    assert end == {"ended": "stopped", "reason": "time", "stage": "begun", "message": "stopped after 0.4 s"}
    assert works(shared)


def test_the_limit_counts_cpu_time_and_parts_of_a_second(shared: Pool) -> None:
    messages = ask(shared, "count", cpu=0.3)
    assert messages[-1]["reason"] == "time"
    assert messages[-2]["stage"] == messages[-1]["stage"]
    assert messages[-2]["stage"] < (0.5 if sys.platform == "linux" else 1.1)  # seconds of CPU time


def test_what_fits_the_time_is_not_stopped(shared: Pool) -> None:
    """Although the worker has used more than that before."""
    for _ in range(3):
        assert ask(shared, "work", cpu=1.0, seconds=0.4)[-1] == {"ended": "done"}
    assert ask(shared, "sleep", cpu=0.3, seconds=0.4)[-1] == {"ended": "done"}


def test_a_parent_that_does_not_watch_costs_no_task_its_result(shared: Pool) -> None:
    messages = shared.run({"do": "sleep", "seconds": 0.5}, cpu=0.2)
    assert next(messages)["stage"] == "begun"
    time.sleep(0.7)  # more than three times 0.2 s
    assert [message.get("ended") for message in messages] == [None, "done"]
    messages = shared.run({"do": "echo", "text": "x" * 3_000_000}, cpu=0.2)
    assert next(messages)["stage"] == "begun"
    time.sleep(0.7)  # the worker waits to write
    assert [len(message.get("echo", "")) for message in messages] == [3_000_000, 0]


def test_a_worker_that_does_not_read_holds_up_nobody(pool: Pool) -> None:
    begun = [message for _, message in pool.collect(*(pool.submit({"do": "sleep", "seconds": 0.2}) for _ in range(2)))]
    stopped = begun[0]["pid"]
    os.kill(stopped, signal.SIGSTOP)
    tickets = [pool.submit({"do": "echo", "text": "x" * 3_000_000}) for _ in range(2)]
    for _, message in pool.collect(*tickets):
        if "ended" in message:
            os.kill(stopped, signal.SIGCONT)
    assert [ticket.ended for ticket in tickets] == [True, True]


def test_the_system_stops_a_loop_that_the_parent_does_not_watch(shared: Pool) -> None:
    ticket = shared.submit({"do": "loop"}, cpu=0.2)
    pid = next(iter(shared.collect(ticket)))[1]["pid"]
    assert gone(pid, within=30)
    assert [message["reason"] for _, message in shared.collect(ticket)] == ["time"]


@linux
@pytest.mark.parametrize(("do", "more"), [("hoard", {}), ("flint", {"exponent": 10**10})])
def test_a_memory_bomb_ends_as_memory_and_the_next_task_works(shared: Pool, do: str, more: dict[str, Any]) -> None:
    """In Python it is a MemoryError, in GMP and FLINT an abort."""
    if do == "flint":
        pytest.importorskip("flint")
    begun, end = ask(shared, do, **more)
    assert end == {"ended": "stopped", "reason": "memory", "stage": "begun", "message": "stopped at 400 MiB"}
    after = ask(shared, "nothing")
    assert after[-1] == {"ended": "done"}
    assert after[0]["pid"] != begun["pid"]


def test_an_endless_answer_ends_as_memory(shared: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "FRAME", 1_000_000)
    messages = ask(shared, "flood")
    assert (messages[-1]["reason"], messages[-1]["stage"]) == ("memory", "begun")
    assert works(shared)


@pytest.mark.parametrize(
    ("do", "message"),
    [("abort", "killed by signal 6"), ("segfault", "killed by signal 11"), ("exit", "exit status 3"), ("scribble", "")],
)
def test_a_crash_is_a_result(shared: Pool, do: str, message: str) -> None:
    begun, end = ask(shared, do)
    assert (begun["stage"], end["ended"], end["reason"], end["stage"]) == ("begun", "stopped", "crash", "begun")
    assert message in end["message"]
    assert works(shared)


def test_after_an_impossible_length_nothing_more_is_believed() -> None:
    ours, theirs = worker._pair()
    wild, channel = worker._Channel(theirs), worker._Channel(ours)
    theirs.send(b"\xff" * 8)
    assert (channel.fill(), list(channel.frames())) == (True, [])
    wild.send(b'{"ended": "done"}')
    assert (channel.fill(), list(channel.frames())) == (False, [])
    ours.close()
    theirs.close()


def test_a_batch_that_is_half_bombs_loses_no_good_line(pool: Pool) -> None:
    bombs = ["abort", "exit", "segfault", "loop", "raise"]
    tasks = [
        (n, {"do": bombs[n // 2 % 5] if n % 2 else "echo", "text": str(n), "kind": "ValueError"}) for n in range(30)
    ]
    rows = dict(pool.map((n, task, 0.2) for n, task in tasks))
    assert [rows[n][1:] for n in range(0, 30, 2)] == [[{"echo": str(n)}, {"ended": "done"}] for n in range(0, 30, 2)]
    assert [rows[n][-1]["ended"] for n in range(1, 30, 2)] == ["stopped", "stopped", "stopped", "stopped", "error"] * 3


def test_a_worker_killed_from_outside_costs_its_own_task_only(shared: Pool) -> None:
    ticket = shared.submit({"do": "sleep", "seconds": 60})
    os.kill(next(iter(shared.collect(ticket)))[1]["pid"], signal.SIGKILL)
    end = [message for _, message in shared.collect(ticket)][-1]
    assert (end["reason"], end["message"]) == ("crash", "killed by signal 9")
    assert works(shared)


def test_a_task_sent_to_a_worker_that_is_already_dead_goes_to_another(shared: Pool) -> None:
    for _ in range(10):
        pid = ask(shared, "nothing")[0]["pid"]
        os.kill(pid, signal.SIGKILL)
        begun, end = ask(shared, "nothing")
        assert end == {"ended": "done"}
        assert begun["pid"] != pid


def test_recycling_loses_no_task() -> None:
    with Pool(2, handler=HANDLER, warm=(), recycle=7) as pool:
        rows = list(pool.map((n, {"do": "nothing", "x": n}, 5.0) for n in range(100)))
    assert [messages[0]["x"] for _, messages in rows] == list(range(100))
    pids = [messages[0]["pid"] for _, messages in rows]
    assert max(pids.count(pid) for pid in pids) == 7


@linux
def test_memory_of_the_parent_is_flat_over_thousands_of_tasks(pool: Pool) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def many(count: int) -> None:
        for _ in pool.map((n, {"do": "echo", "text": "x" * 10_000}, 5.0) for n in range(count)):
            pass

    many(300)
    before = resident()
    many(2000)
    assert resident() - before < 5_000_000  # the texts alone are 20 MB each way


# Determinism, and what a worker sees.


def test_every_task_starts_with_the_same_random_numbers_and_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "123")
    monkeypatch.setenv("SYMPY_USE_CACHE", "debug")
    monkeypatch.setenv("SYMPY_GROUND_TYPES", "flint")
    with Pool(handler=HANDLER, warm=()) as pool:
        seen = [ask(pool, "environment")[1] for _ in range(3)]
    with Pool(handler=HANDLER, warm=()) as pool:
        seen += [ask(pool, "environment")[1]]
    assert seen == [seen[0]] * 4
    assert (seen[0]["PYTHONHASHSEED"], seen[0]["SYMPY_GROUND_TYPES"], seen[0]["SYMPY_USE_CACHE"]) == (
        "0",
        "python",
        None,
    )


def test_nothing_is_imported_from_the_current_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither through '' (an interactive Python) nor through its full name (python -m) nor through PYTHONPATH."""
    pytest.importorskip("sympy")
    for name in ("sympy", "flint", "random", "json", "backprop", "worker_handlers"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a module from the current folder')")
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", str(tmp_path)]))
    with Pool(handler=HANDLER, warm=("sympy",)) as pool:
        once, again = ask(pool, "sympy"), ask(pool, "sympy")
    assert once[1]["answer"] == "2*x"
    assert "site-packages" in once[1]["file"] or not once[1]["file"].startswith(str(tmp_path))
    assert once[1]["random"] == again[1]["random"]


def test_the_parent_imports_neither_sympy_nor_anything_heavy() -> None:
    code = f"""
        import sys
        sys.path.insert(0, {str(SOURCE / "backprop")!r})
        before = set(sys.modules)
        import worker
        sys.path.pop(0)
        print(*sorted(set(sys.modules) - before))
    """
    run = subprocess.run(
        [sys.executable, "-S", "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    heavy = {"sympy", "flint", "multiprocessing", "subprocess", "socket", "signal", "json", "typing", "threading"}
    assert heavy.isdisjoint(run.stdout.split())


def test_no_output_of_a_worker_reaches_the_user() -> None:
    program = script("print(ask(pool, 'print')[1], ask(pool, 'raise', kind='ValueError')[1]['type']); pool.close()")
    assert program.communicate(timeout=20) == (b"{'input': ''} ValueError\n", b"")


# Without workers.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"warm": ("no_such_module",)}, "ModuleNotFoundError: No module named 'no_such_module'"),
        ({"handler": "worker_handlers:missing"}, "AttributeError"),
        ({"handler": "worker_handlers"}, "AttributeError"),
    ],
)
@pytest.mark.parametrize("fork", [True, False])
def test_a_failing_import_makes_every_task_unavailable(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], message: str, fork: bool
) -> None:
    monkeypatch.setattr(worker, "_FORK", fork)
    with Pool(2, **{"handler": HANDLER, "warm": (), **settings}) as pool:
        rows = list(pool.map((n, {"do": "nothing"}, 5.0) for n in range(5)))
    assert [[message["ended"] for message in messages] for _, messages in rows] == [["unavailable"]] * 5
    assert message in rows[0][1][0]["message"]


@pytest.mark.parametrize("executable", ["/no/such/python", "", None, "/bin/false"])
@pytest.mark.parametrize("fork", [True, False])
def test_an_interpreter_that_does_not_start_makes_every_task_unavailable(
    monkeypatch: pytest.MonkeyPatch, executable: str | None, fork: bool
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    monkeypatch.setattr(worker, "_FORK", fork)
    with Pool(handler=HANDLER, warm=()) as pool:
        assert [message["ended"] for message in ask(pool, "nothing") + ask(pool, "nothing")] == ["unavailable"] * 2


def test_an_interpreter_that_hangs_makes_every_task_unavailable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hanging = tmp_path / "python"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(hanging))
    monkeypatch.setattr(worker, "PATIENCE", 0.2)
    with Pool(handler=HANDLER, warm=()) as pool:
        assert "within 0.2 s" in ask(pool, "nothing")[0]["message"]


def test_a_killed_zygote_makes_every_task_unavailable_and_leaves_no_worker(pool: Pool) -> None:
    tickets = [pool.submit({"do": do}) for do in ("loop", "loop", "nothing")]
    begun = next(iter(pool.collect(tickets[0])))[1]
    os.kill(begun["zygote"], signal.SIGKILL)
    ends = [message for _, message in pool.collect(*tickets) if "ended" in message]
    assert [end["ended"] for end in ends] == ["unavailable"] * 3
    assert ask(pool, "nothing")[0]["ended"] == "unavailable"
    assert gone(begun["pid"], begun["zygote"], within=1 if sys.platform == "linux" else 8)


def test_a_closed_pool_answers_that_it_is_closed(pool: Pool) -> None:
    ticket = pool.submit({"do": "loop"})
    pool.close()
    pool.close()
    assert [message["message"] for _, message in pool.collect(ticket)] == ["the pool is closed"]
    assert ask(pool, "nothing") == [{"ended": "unavailable", "message": "the pool is closed"}]


def test_without_fork_every_promise_holds_but_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_FORK", False)
    # Spawned from this very process, a worker starts with its peak of memory: leave room above a long test run's.
    with Pool(2, handler=HANDLER, warm=(), memory=3 * MEMORY, recycle=4) as pool:
        doing = ["nothing", "loop", "abort", "nothing", "raise", "hoard", *["nothing"] * 6]
        rows = list(
            pool.map((n, {"do": do, "kind": "ValueError"}, 5.0 if do == "hoard" else 0.5) for n, do in enumerate(doing))
        )
        pids = {messages[0]["pid"] for _, messages in rows}
    ends = [messages[-1].get("reason", messages[-1]["ended"]) for _, messages in rows]
    assert ends == ["done", "time", "crash", "done", "error", ends[5], *["done"] * 6]
    assert ends[5] == "memory" or sys.platform != "linux"
    assert gone(*pids, within=1)


# The end of the parent, and odd surroundings.


@pytest.mark.parametrize("do", ["loop", "big_integer", "sleep"])
def test_close_ends_busy_workers_at_once(pool: Pool, do: str) -> None:
    tickets = [pool.submit({"do": do, "seconds": 60}) for _ in range(2)]
    begun = [next(iter(pool.collect(ticket)))[1] for ticket in tickets]
    start = time.monotonic()
    pool.close()
    assert time.monotonic() - start < 1  # and 0.2 s on a machine that has nothing else to do
    assert gone(*(message[name] for message in begun for name in ("pid", "zygote")), within=0.1)


BUSY = """
    pool.start()
    tickets = [pool.submit({"do": do}, cpu=60) for do in ("loop", "big_integer")]
    pids = [next(iter(pool.collect(ticket)))[1] for ticket in tickets]
    print(*(message[name] for message in pids for name in ("pid", "zygote")), flush=True)
    with pool:
        for _ in pool.collect(*tickets): pass
"""


def test_a_killed_parent_leaves_no_process() -> None:
    program = script(BUSY)
    assert program.stdout
    pids = [int(pid) for pid in program.stdout.readline().split()]
    assert len(pids) == 4
    assert all(alive(pid) for pid in pids)
    program.kill()
    program.communicate(timeout=20)
    assert gone(*pids, within=5)


def test_a_parent_killed_while_the_zygote_imports_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "slow_module.py").write_text(
        f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(0.5)\n"
    )
    program = script(f"sys.path.append({str(tmp_path / 'lib')!r}); Pool(warm=('slow_module',)).start(); time.sleep(60)")
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.02)
    program.kill()
    program.communicate(timeout=20)
    assert gone(int((tmp_path / "pid").read_text()), within=5)


def test_an_interrupt_from_the_terminal_ends_everything_within_a_second() -> None:
    program = script(BUSY, start_new_session=True)
    assert program.stdout
    pids = [int(pid) for pid in program.stdout.readline().split()]
    start = time.monotonic()
    os.killpg(program.pid, signal.SIGINT)
    program.communicate(timeout=20)
    assert time.monotonic() - start < 3
    assert gone(*pids, within=0.5)


def test_workers_hold_nothing_open_that_the_program_inherited() -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    with Pool(handler=HANDLER, warm=()) as other:
        assert works(other)
        os.close(writer)
        assert os.read(reader, 1) == b""
    os.close(reader)


ODD: dict[str, tuple[str, dict[str, Any]]] = {
    "closed standard streams": (
        "os.closerange(0, 3); ask(pool, 'nothing'); os.open(os.devnull, 2) and os._exit(1)",
        {},
    ),
    "closed standard input": ("os.close(0)", {"stdin": subprocess.DEVNULL}),
    "empty environment": ("", {"env": {}}),
    "deleted folder": ("os.mkdir('x'); os.chdir('x'); os.rmdir('../x')", {}),
    "read-only folder": ("os.mkdir('x', 0o555); os.chdir('x')", {}),
    "SIGCHLD ignored": ("signal.signal(signal.SIGCHLD, signal.SIG_IGN)", {}),
    "SIGPIPE at its default": ("signal.signal(signal.SIGPIPE, signal.SIG_DFL)", {}),
    "an interrupt at the start": (
        "signal.signal(signal.SIGINT, lambda *_: None); pool.start(); os.killpg(0, signal.SIGINT)",
        {"start_new_session": True},
    ),
    "signals blocked": ("signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))", {}),
    "signals all the time": (
        "signal.signal(signal.SIGALRM, lambda *_: None); signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)",
        {},
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_surroundings_change_nothing(name: str, tmp_path: Path) -> None:
    prepare, more = ODD[name]
    result = tmp_path / "result"
    program = script(
        f"""
        out = open({str(result)!r}, "w")
        {prepare}
        ends = [ask(pool, do, cpu=0.3)[-1] for do in ("nothing", "loop", "abort", "nothing")]
        pid = ask(pool, "nothing")[0]["pid"]
        os.kill(pid, 9)
        time.sleep(0.2)
        ends.append(ask(pool, "nothing")[-1])
        blocked = ask(pool, "environment")[1]["blocked"]
        pool.close()
        print(*(end.get("message", end["ended"]) for end in ends), blocked, sep="; ", file=out, flush=True)
        """,
        **more,
    )
    _, errors = program.communicate(timeout=20)
    assert (result.read_text(), errors) == ("done; stopped after 0.3 s; killed by signal 6; done; done; []\n", b"")
