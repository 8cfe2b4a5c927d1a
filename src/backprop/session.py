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

    from .critical import CriticalPoints
    from .derivation import Derivation
    from .worker import Ticket

WINDOW = 64  # rows that are kept until it is their turn


class Job:
    """A row on its way to a worker and back; `done` once nothing more will come.

    A job without a task is done at once: it is a row with an error, which keeps its place.
    """

    def __init__(self, *, time_limit: float = 5.0, key: Any = None) -> None:
        self.key, self.time_limit, self.done = key, time_limit, False

    def task(self) -> dict[str, Any] | None:
        """What a worker is to do for it, or None."""
        return None

    def absorb(self, message: dict[str, Any]) -> None:
        """Take in a message of the worker."""
        self.done = self.done or "ended" in message


class Derive(Job):
    """A derivation that a worker simplifies and checks."""

    def __init__(
        self,
        derivation: Derivation,
        *,
        simplify: bool = True,
        verify: bool = True,
        time_limit: float = 5.0,
        adjoints: bool = True,
        key: Any = None,
    ) -> None:
        super().__init__(time_limit=time_limit, key=key)
        self.derivation = derivation
        self.simplify, self.verify, self.adjoints = simplify, verify, adjoints
        self.critical = False  # whether critical points are to be looked for, too
        self._stages: set[Any] = set()  # the stages whose outcome has come

    def task(self) -> dict[str, Any] | None:
        """Its nodes; None if nothing is asked for."""
        derivation = self.derivation
        if not self.verify:
            from .derivation import Verification

            derivation.verified = Verification("unverified", "verification was not asked for")
            if not self.simplify:
                return None
        task = derivation.task(simplify=self.simplify, verify=self.verify, adjoints=self.adjoints)
        if self.simplify and derivation.wrt and not (task and task["simplify"]):
            derivation.note("too large to be simplified: shown as derived")
        return task

    def absorb(self, message: dict[str, Any]) -> None:
        """Take in a message of the worker."""
        derivation = self.derivation
        if "ended" not in message:
            derivation.absorb(message)
            self._stages.add(message.get("stage"))
            return
        self.done = True
        if self.verify and "verified" not in self._stages:
            derivation.absorb(message)
        if self.simplify and derivation.wrt and "simplified" not in self._stages and message["ended"] != "done":
            derivation.note(f"not simplified, shown as derived: {_why(message)}")


class Question(Job):
    """A question about answers, from `verdicts.equality_question` or `verdicts.answer_question`; see its `result`."""

    def __init__(self, task: dict[str, Any], *, time_limit: float = 5.0, key: Any = None) -> None:
        super().__init__(time_limit=time_limit, key=key)
        from .verdicts import result_of

        self._task = task
        self.result = result_of(task)

    def task(self) -> dict[str, Any]:
        """The question itself."""
        return self._task

    def absorb(self, message: dict[str, Any]) -> None:
        """Take in a message of the worker."""
        from .verdicts import take_in

        take_in(self.result, message)
        self.done = "ended" in message


class Seek(Job):
    """A search for critical points, from `critical.question`; see its `result`."""

    def __init__(
        self, result: CriticalPoints, task: dict[str, Any] | None, *, time_limit: float = 5.0, key: Any = None
    ) -> None:
        super().__init__(time_limit=time_limit, key=key)
        self.result, self._task = result, task

    @classmethod
    def of(cls, derivation: Derivation, *, time_limit: float = 5.0) -> Seek:
        """A search for those of a derivation, which takes in what is found."""
        from .critical import question_of

        derivation.critical, task = question_of(derivation)
        return cls(derivation.critical, task, time_limit=time_limit)

    def task(self) -> dict[str, Any] | None:
        """The question; None if it was refused."""
        return self._task

    def absorb(self, message: dict[str, Any]) -> None:
        """Take in a message of the worker."""
        from .critical import take_in

        take_in(self.result, message)
        self.done = "ended" in message


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

    def send(self, job: Job) -> Job:
        """Send a job to the workers and return it at once; `wait` for it takes in the answer."""
        try:
            task = job.task()
            if task is None:
                job.done = True
            else:
                self._open[self._pool.submit(task, cpu=job.time_limit)] = job
        except ValueError as error:  # longer than a worker takes
            job.absorb({"ended": "error", "message": str(error)})
        return job

    def wait(self, job: Job) -> None:
        """Take in answers until this job is done."""
        while not job.done:
            self._take()

    def ask(self, task: dict[str, Any], *, time_limit: float = 5.0) -> Any:
        """The result of a question; it returns when the worker has answered, or was given up."""
        question = Question(task, time_limit=time_limit)
        self.wait(self.send(question))
        return question.result

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
