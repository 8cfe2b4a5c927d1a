"""Derivations sent to the workers, and their answers taken in.

Nothing here can fail a derivation: whatever becomes of a worker, it stays as it was derived, and
its notes and `verified` say what was left out.
"""

from __future__ import annotations

from collections import deque

from .worker import Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from .derivation import Derivation
    from .worker import Ticket

WINDOW = 64  # rows that are kept until it is their turn


class Job:
    """A row on its way: a derivation that a worker simplifies and checks, or none; and what it belongs to."""

    __slots__ = ("key", "derivation", "simplify", "verify", "time_limit", "adjoints", "done", "_stages")

    def __init__(
        self,
        derivation: Derivation | None,
        *,
        simplify: bool = True,
        verify: bool = True,
        time_limit: float = 5.0,
        adjoints: bool = True,
        key: Any = None,
    ) -> None:
        self.key, self.derivation = key, derivation
        self.simplify, self.verify, self.time_limit, self.adjoints = simplify, verify, time_limit, adjoints
        self.done = False
        self._stages: set[Any] = set()  # the stages whose outcome has come

    def task(self) -> dict[str, Any] | None:
        """What a worker is to do for it."""
        derivation = self.derivation
        if derivation is None or not (self.simplify or self.verify):
            return None
        task = derivation.task(simplify=self.simplify, verify=self.verify, adjoints=self.adjoints)
        if self.simplify and derivation.wrt and not (task and task["simplify"]):
            derivation.note("too large to be simplified: shown as derived")
        return task

    def absorb(self, message: dict[str, Any]) -> None:
        """Take in a message of the worker."""
        derivation = self.derivation
        assert derivation is not None
        if "ended" not in message:
            derivation.absorb(message)
            self._stages.add(message.get("stage"))
            return
        self.done = True
        if self.verify and "verified" not in self._stages:
            derivation.absorb(message)
        if self.simplify and derivation.wrt and "simplified" not in self._stages and message["ended"] != "done":
            derivation.note(f"not simplified, shown as derived: {_why(message)}")


class Session:
    """`jobs` workers, started once and used for many derivations; a context manager, for one thread."""

    def __init__(self, jobs: int = 1) -> None:
        self.jobs = max(1, jobs)
        self._pool = Pool(self.jobs)
        self._open: dict[Ticket, Job] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the workers, without waiting for them. To submit a derivation starts them too."""
        self._pool.start()

    def submit(
        self,
        derivation: Derivation | None,
        *,
        simplify: bool = True,
        verify: bool = True,
        time_limit: float = 5.0,
        adjoints: bool = True,
        key: Any = None,
    ) -> Job:
        """Send a derivation to the workers and return at once; `wait` for the job takes in the answer."""
        job = Job(
            derivation, simplify=simplify, verify=verify, time_limit=time_limit, adjoints=adjoints, key=key
        )  # fmt: skip
        self.send(job)
        return job

    def send(self, job: Job) -> None:
        """Send a job to the workers, and return at once."""
        derivation = job.derivation
        if derivation is not None and not job.verify:
            from .derivation import Verification

            derivation.verified = Verification("unverified", "verification was not asked for")
        try:
            task = job.task()
            if task is None:
                job.done = True
            else:
                self._open[self._pool.submit(task, cpu=job.time_limit)] = job
        except ValueError as error:  # longer than a worker takes
            job.absorb({"ended": "error", "message": str(error)})

    def wait(self, job: Job) -> None:
        """Take in answers until this job is done."""
        while not job.done:
            self._take()

    def finish(
        self,
        derivation: Derivation,
        *,
        simplify: bool = True,
        verify: bool = True,
        time_limit: float = 5.0,
        adjoints: bool = True,
    ) -> None:
        """Simplify and check a derivation, in place; it returns when that is done, or given up."""
        self.wait(
            self.submit(derivation, simplify=simplify, verify=verify, time_limit=time_limit, adjoints=adjoints)
        )  # fmt: skip

    def stream(self, jobs: Iterable[Job | None]) -> Iterator[Job | None]:
        """Yield the jobs when they are done, in the order of the input.

        Some are read ahead, so that all workers have something to do. None in the input says that
        reading on may take a while: everything on its way is finished and yielded first, then None.
        """
        source, more = iter(jobs), True
        waiting: deque[Job] = deque()
        try:
            while more or waiting:
                if waiting and waiting[0].done:
                    yield waiting.popleft()
                elif more and len(waiting) < WINDOW and len(self._open) <= self.jobs:
                    job = next(source, _END)
                    if job is _END:
                        more = False
                    elif job is None:
                        while waiting:
                            self.wait(waiting[0])
                            yield waiting.popleft()
                        yield None
                    else:
                        assert isinstance(job, Job)
                        self.send(job)
                        waiting.append(job)
                else:
                    self._take()
        finally:
            for ticket in [ticket for ticket, job in self._open.items() if job in waiting]:
                self._pool.cancel(ticket)
                del self._open[ticket]

    def close(self) -> None:
        """End the workers."""
        self._pool.close()

    def _take(self) -> None:
        """Take in one message of any worker."""
        for ticket, message in self._pool.collect(*self._open):
            job = self._open[ticket]
            if "ended" in message:
                del self._open[ticket]
            job.absorb(message)
            break


_END: Any = object()
_SHARED: list[Session] = []


def shared_session() -> Session:
    """The session of the library: one worker, started when it is first needed, ended with the program."""
    if not _SHARED:
        import atexit

        _SHARED.append(Session())
        atexit.register(_SHARED[0].close)
    return _SHARED[0]


def _why(message: dict[str, Any]) -> str:
    if message["ended"] == "unavailable":
        return f"SymPy could not be started ({message['message']})"
    if message["ended"] == "error":
        return "SymPy broke off"
    return f"SymPy was {message['message']}" if message.get("reason") != "crash" else "SymPy broke off"
