"""Grading on a Dask cluster: chunks of questions go out as JSON text, what their workers say comes back as such.

On the machines of the cluster the questions go through the same sessions as here, in processes that are
killed at their limits. So a `Cluster` is used like a `Session`, and the results are the same.

A cluster runs what it is given, and whoever can reach its scheduler can give it something: use only one that
you trust. `tls://` addresses take their certificates from Dask's own configuration.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .errors import BackpropError, UsageError, visible
from .session import Job, Session

if TYPE_CHECKING:
    from distributed import Client

CHUNK = 50  # rows that travel together
CHUNK_SIZE = 1 << 20  # characters: a chunk ends when it is longer
TIMEOUT = 10.0  # seconds in which a scheduler must answer
PATIENCE = 60.0  # seconds without any worker until the run is given up
RETRIES = 5  # how often a chunk may fail; Dask itself forgives a lost worker three times before that


class Cluster:
    """The scheduler at an address; a context manager. Errors: `UsageError` if there is none, or no worker."""

    def __init__(self, address: str, *, patience: float = PATIENCE) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise UsageError(
                "the package distributed is not installed", hint='pip install "backprop[cluster]"'
            ) from None
        self.patience = patience
        self.address = visible(address)
        try:
            self._client: Client = Client(address, timeout=TIMEOUT, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())[:300]
            raise UsageError(
                f"cannot reach a Dask scheduler at {self.address}: {visible(reason)}",
                hint="for example tcp://host:8786",
            ) from None

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; what is still on its way is dropped."""
        self._client.close(timeout=5)

    def stream(self, jobs: Iterable[Job | None]) -> Iterator[Job | None]:
        """Yield the jobs when they are done, in the order of the input, like `Session.stream`."""
        chunks, more = _chunks(jobs), True
        waiting: deque[_Chunk] = deque()
        try:
            while more or waiting:
                while more and len(waiting) < self._window():
                    chunk = next(chunks, None)
                    if chunk is None:
                        more = False
                    else:
                        chunk.send(self._client)
                        waiting.append(chunk)
                if waiting:
                    self._finish(waiting[0])
                    yield from waiting.popleft().jobs
        finally:
            self._client.cancel([chunk.future for chunk in waiting if chunk.future is not None])

    def _window(self) -> int:
        """How many chunks are on their way at once: two for each thread of the cluster."""
        return max(2, 2 * int(sum(self._client.nthreads().values())))

    def _finish(self, chunk: _Chunk) -> None:
        """Wait for a chunk; one that failed, or was lost with its workers, is sent again."""
        alone_since = 0.0
        while chunk.future is not None:
            self._wait(chunk)
            now = time.monotonic()
            alone_since = 0.0 if chunk.future is None or self._client.nthreads() else alone_since or now
            if alone_since and now - alone_since > self.patience:
                raise self._lost(f"it has had no worker for {self.patience:g} s")

    def _wait(self, chunk: _Chunk) -> None:
        """Wait for some seconds."""
        from distributed import TimeoutError

        try:
            chunk.absorb(chunk.future.result(timeout=min(2.0, self.patience)))
        except TimeoutError:
            return
        except BackpropError:
            raise
        except Exception as error:
            if chunk.tries > RETRIES or self._client.status != "running":
                raise self._lost(" ".join(str(error).split())[:300] or type(error).__name__) from None
            chunk.send(self._client)

    def _lost(self, reason: str) -> BackpropError:
        return BackpropError(f"the cluster at {self.address} does not answer: {visible(reason)}")


class _Chunk:
    """Some rows; those that need a worker travel, the others only keep their place."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.tasks: list[tuple[Job, dict[str, Any]]] = []
        self.size = 0
        self.tries = 0
        self.future: Any = None

    def add(self, job: Job) -> None:
        """Take in a row."""
        task = job.task()
        job.done = task is None
        self.jobs.append(job)
        if task is not None:
            self.tasks.append((job, task))
            self.size += len(task.get("answer", "")) + len(task.get("problem", ""))

    def send(self, client: Client) -> None:
        """Send the questions, if there are any."""
        if not self.tasks:
            return
        from . import __version__

        self.tries += 1
        text = json.dumps({"version": __version__, "tasks": [[job.time_limit, task] for job, task in self.tasks]})
        self.future = client.submit(grade_chunk, text, pure=False, retries=2)

    def absorb(self, text: str) -> None:
        """Take in the messages of the cluster's workers."""
        answer = json.loads(text)
        if "error" in answer:
            raise UsageError(answer["error"], hint="install the same version on the cluster")
        for (job, _), messages in zip(self.tasks, answer["messages"], strict=True):
            for message in messages:
                job.absorb(message)
        self.future = None


def _chunks(jobs: Iterable[Job | None]) -> Iterator[_Chunk]:
    chunk = _Chunk()
    for job in jobs:
        if job is None:
            continue
        chunk.add(job)
        if len(chunk.jobs) >= CHUNK or chunk.size > CHUNK_SIZE:
            yield chunk
            chunk = _Chunk()
    if chunk.jobs:
        yield chunk


# From here on: what runs on the machines of the cluster.

_IDLE: list[Session] = []  # sessions that no thread uses now


def grade_chunk(text: str) -> str:
    """The messages of the workers on each question of a chunk; JSON in, JSON out.

    Each thread of the cluster's worker has a session of its own, with one process that can be killed.
    """
    from . import __version__

    request = json.loads(text)
    if request["version"] != __version__:
        return json.dumps({"error": f"the cluster has backprop {__version__}, here is {request['version']}"})
    session = _IDLE.pop() if _IDLE else _new_session()
    relays = [_Relay(task, time_limit=seconds) for seconds, task in request["tasks"]]
    try:
        for _ in session.stream(relays):
            pass
        if any(relay.messages[-1]["ended"] == "unavailable" for relay in relays):
            raise RuntimeError(f"no worker could be started: {relays[-1].messages[-1].get('message')}")
    except BaseException:
        session.close()
        raise
    _IDLE.append(session)
    return json.dumps({"messages": [relay.messages for relay in relays]})


def _new_session() -> Session:
    import atexit

    session = Session()
    atexit.register(session.close)
    return session


class _Relay(Job):
    """A question whose messages are passed on."""

    def __init__(self, task: dict[str, Any], *, time_limit: float) -> None:
        super().__init__(time_limit=time_limit)
        self._task = task
        self.messages: list[dict[str, Any]] = []

    def task(self) -> dict[str, Any]:
        """The question."""
        return self._task

    def absorb(self, message: dict[str, Any]) -> None:
        """Keep a message."""
        self.messages.append(message)
        super().absorb(message)
