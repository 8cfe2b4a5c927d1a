"""What the workers of test_worker.py are asked to do: good work, bad work, and worse."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def handle(task: dict[str, Any]) -> Iterator[Any]:
    """Report the stage `begun` with the process ids and `x`, then do what `do` says."""
    yield {"stage": "begun", "x": task.get("x"), "pid": os.getpid(), "zygote": os.getppid()}
    yield from globals()["do_" + task["do"]](task)


def do_nothing(task: dict[str, Any]) -> Iterator[Any]:
    return iter(())


def do_echo(task: dict[str, Any]) -> Iterator[Any]:
    yield {"echo": task["text"]}


def do_sleep(task: dict[str, Any]) -> Iterator[Any]:
    time.sleep(task["seconds"])
    yield {"stage": "slept"}


def do_loop(task: dict[str, Any]) -> Iterator[Any]:
    while True:
        pass


def do_count(task: dict[str, Any]) -> Iterator[Any]:
    """Report the CPU time since the start of the task, again and again."""
    begun = time.process_time()
    while True:
        yield from do_work({"seconds": 0.01})
        yield {"stage": time.process_time() - begun}


def do_work(task: dict[str, Any]) -> Iterator[Any]:
    until = time.process_time() + task["seconds"]
    while time.process_time() < until:
        pass
    yield {"stage": "worked"}


def do_big_integer(task: dict[str, Any]) -> Iterator[Any]:
    yield {"bits": (9**9**9).bit_length()}


def do_flint(task: dict[str, Any]) -> Iterator[Any]:
    import flint

    yield {"bits": (flint.fmpz(3) ** task["exponent"]).bit_length()}


def do_hoard(task: dict[str, Any]) -> Iterator[Any]:
    hoard = []
    while True:
        hoard.append("x" * 1_000_000)


def do_flood(task: dict[str, Any]) -> Iterator[Any]:
    while True:
        yield {"text": "x" * 100_000}


def do_abort(task: dict[str, Any]) -> Iterator[Any]:
    os.abort()


def do_exit(task: dict[str, Any]) -> Iterator[Any]:
    os._exit(3)


def do_segfault(task: dict[str, Any]) -> Iterator[Any]:
    os.kill(os.getpid(), signal.SIGSEGV)
    yield {}


def do_scribble(task: dict[str, Any]) -> Iterator[Any]:
    """Write rubbish into every descriptor, as C code gone wild might."""
    for fd in range(3, 40):
        with suppress(OSError):
            os.write(fd, b"\xff" * 64)
    yield {}


def do_print(task: dict[str, Any]) -> Iterator[Any]:
    print("noise on stdout", flush=True)
    print("noise on stderr", file=sys.stderr, flush=True)
    os.write(1, b"noise on 1\n")
    os.write(2, b"noise on 2\n")
    yield {"input": sys.stdin.read()}


def do_raise(task: dict[str, Any]) -> Iterator[Any]:
    kinds = {
        "ValueError": ValueError("é" * 100_000),
        "KeyboardInterrupt": KeyboardInterrupt(),
        "SystemExit": SystemExit(1),
        "Unspeakable": Unspeakable(),
    }
    raise kinds[task["kind"]]


def do_recurse(task: dict[str, Any]) -> Iterator[Any]:
    yield from do_recurse(task)


def do_answer(task: dict[str, Any]) -> Iterator[Any]:
    yield {"empty": {}, "list": [1], "ended": {"ended": "done"}, "set": {"x": {1, 2}}}[task["what"]]


def do_environment(task: dict[str, Any]) -> Iterator[Any]:
    names = ("PYTHONHASHSEED", "SYMPY_GROUND_TYPES", "SYMPY_USE_CACHE")
    blocked = sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    yield {"random": random.random(), "hash": hash("x"), "blocked": blocked, **{n: os.environ.get(n) for n in names}}
    random.seed(os.urandom(8))


def do_sympy(task: dict[str, Any]) -> Iterator[Any]:
    import sympy
    from sympy.core.random import random as sympy_random

    yield {"file": sympy.__file__, "answer": str(sympy.diff("x**2")), "random": sympy_random()}
    sympy_random()
