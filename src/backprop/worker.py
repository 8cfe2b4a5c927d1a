"""Symbolic work in processes that can be killed.

SymPy and ball arithmetic hang, eat memory and abort, and only a process can be stopped. So the parent imports
neither; it talks to workers, and any way in which one of them ends is a result.

    parent ── fork, bury ──▶ zygote (imports SymPy once) ── forks ──▶ worker, worker, …
       ╰──────────── a private socket for each worker: task, stage messages, end ────────────╯

The zygote starts at once and imports while the parent goes on; after that, a new worker costs one fork. A socket
carries JSON objects, each behind its length: no pickle. A worker gets a task only when it has said that it is ready,
and never a second one before the end of the first, so that killing it loses nothing else.

What a handler yields are *stage messages*: dicts of its own making, whose key `stage`, if any, names the stage. After
them comes exactly one message with the key `ended`, whatever happened:

    {"ended": "done"}
    {"ended": "error", "type": "ValueError", "message": "…"}                 the handler raised
    {"ended": "stopped", "reason": "time" | "memory" | "crash" | "cancelled",
     "stage": the last stage that was reported, or None, "message": "…"}     the worker was killed, or died
    {"ended": "unavailable", "message": "…"}                                 there are no workers

The limits: CPU time, by RLIMIT_CPU (whole seconds) and on Linux by the parent, which reads the worker's clock; a
longer time on the wall; the address space, by RLIMIT_AS (macOS ignores it: there only time is limited). Without
`os.fork` (Windows) each worker is a process that imports everything anew, and the clock on the wall is its one limit.
"""

from __future__ import annotations

import _socket  # `socket` would spend 10 ms on enumerations before the first process starts
import os
import select
import sys
import time
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, NoReturn, TypeVar

    Key = TypeVar("Key")
    Message = dict[str, Any]
    Handler = Callable[[Message], Iterable[Message]]

FRAME = 64 << 20  # bytes: the longest task, and the most that may come back from one
PATIENCE = 60.0  # seconds in which a process has to start, to take its task, or to be gone

_CHUNK = 1 << 18
_FORK = hasattr(os, "fork")
_DEBUG = bool(os.environ.get("BACKPROP_DEBUG"))  # what workers print goes to the standard error
_NOSIGNAL = getattr(_socket, "MSG_NOSIGNAL", 0)  # the program may have put SIGPIPE back to its default
_SIGKILL = 9  # `signal` costs 8 ms to import, `json` more: both wait until the zygote is on its way

# What a new interpreter runs. The current folder supplies no module, unless Python itself has it on the path.
_BOOT = """
import sys
here, *given = sys.argv[5:]
own = [entry for entry in sys.path if entry]
sys.path[:] = [entry for entry in given[:-1] if entry != here or entry in own] + given[-1:]
from backprop.worker import _main
_main(*sys.argv[1:5])
"""


class Ticket:
    """One task: whether it has ended, and the messages that nobody has taken yet."""

    __slots__ = ("data", "cpu", "unread", "ended", "stage", "received", "tries")

    def __init__(self, data: bytes, cpu: float) -> None:
        self.data, self.cpu = data, cpu
        self.unread: deque[Message] = deque()
        self.ended = False
        self.stage: object = None
        self.received = self.tries = 0

    def end(self, message: Message) -> None:
        self.unread.append(message)
        self.data, self.ended = b"", True


class Pool:
    """Up to `size` workers that run one handler; a context manager, for the use of one thread.

    `handler` is the "module:function" of a `handle(task) -> Iterable[dict]`; `warm` are the modules to import before
    the first fork; `memory` is a worker's address space in bytes; a worker is replaced after `recycle` tasks.
    """

    def __init__(
        self,
        size: int = 1,
        *,
        handler: str = "backprop.tasks:handle",
        warm: Iterable[str] = ("flint", "sympy"),
        memory: int = 3 << 29,
        recycle: int = 300,
    ) -> None:
        self._size, self._memory, self._recycle = max(1, size), memory, recycle
        self._settings = [handler, " ".join(warm), str(memory)]
        self._workers: dict[int, _Worker] = {}
        self._queue: deque[Ticket] = deque()
        self._maker: _Zygote | _Spawner | None = None
        self._failures = 0  # workers in a row that ended before they were ready
        self._broken = ""  # why there are no workers

    def __enter__(self) -> Pool:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What a caller does.

    def start(self) -> None:
        """Start the processes, and return within milliseconds. To submit a task starts them too."""
        if self._maker or self._broken:
            return
        try:
            self._maker = _Zygote(self._settings) if _FORK else _Spawner(self._settings)
        except (OSError, ValueError) as error:
            self._fail(f"cannot start a process: {error}")
        for place in range(self._size):
            self._launch(place)

    def submit(self, task: Message, *, cpu: float = 5.0) -> Ticket:
        """Queue a task that may use `cpu` seconds of CPU time.

        On the wall it may last three times that, or 9 s if that is less (but never less than `cpu`).
        ValueError or TypeError: the task is not JSON, or too long, or `cpu` is no positive time.
        """
        if not 0 < cpu < 1e6:
            raise ValueError(f"a task needs a positive number of seconds, not {cpu}")
        self.start()
        ticket = Ticket(_encode({"cpu": cpu, "task": task}), cpu)
        if self._broken:
            ticket.end({"ended": "unavailable", "message": self._broken})
        else:
            self._queue.append(ticket)
            self._dispatch()
        return ticket

    def collect(self, *tickets: Ticket) -> Iterator[tuple[Ticket, Message]]:
        """Yield messages as they come, until these tickets (default: all that are open now) have ended."""
        following = list(tickets) or self._open()
        while following:
            for ticket in following:
                while ticket.unread:
                    yield ticket, ticket.unread.popleft()
            following = [ticket for ticket in following if ticket.unread or not ticket.ended]
            if following and not any(ticket.unread for ticket in following):
                self._step()

    def run(self, task: Message, *, cpu: float = 5.0) -> Iterator[Message]:
        """Submit one task at once, and iterate over its messages; to close the iterator cancels the task."""
        ticket = self.submit(task, cpu=cpu)

        def messages() -> Iterator[Message]:
            try:
                for _, message in self.collect(ticket):
                    yield message
            finally:
                self.cancel(ticket)

        return messages()

    def map(
        self, tasks: Iterable[tuple[Key, Message, float]], *, window: int = 64
    ) -> Iterator[tuple[Key, list[Message]]]:
        """For each (key, task, cpu) yield (key, its messages with the end), in the order of the input.

        A task is read from `tasks` when a worker is free for it, and at most `window` are kept until it is their
        turn: memory stays flat over any number of tasks.
        """
        source, more = iter(tasks), True
        waiting: deque[tuple[Key, Ticket]] = deque()
        try:
            while more or waiting:
                if waiting and waiting[0][1].ended:
                    key, ticket = waiting.popleft()
                    yield key, list(ticket.unread)
                elif more and len(waiting) < window and len(self._open()) < self._size:
                    try:
                        key, task, cpu = next(source)
                    except StopIteration:
                        more = False
                    else:
                        waiting.append((key, self.submit(task, cpu=cpu)))
                else:
                    self._step()
        finally:
            for _, ticket in waiting:
                self.cancel(ticket)

    def cancel(self, ticket: Ticket) -> None:
        """Stop a task, whether it runs or waits; one that has ended stays as it is."""
        if ticket in self._queue:
            self._queue.remove(ticket)
            self._stopped(ticket, "cancelled")
        for worker in list(self._workers.values()):
            if worker.ticket is ticket:
                self._bury(worker, "cancelled")

    def close(self) -> None:
        """End all processes, within 0.2 s; a task that is still open ends as unavailable."""
        self._fail("the pool is closed")

    # How it is done.

    def _open(self) -> list[Ticket]:
        return [worker.ticket for worker in self._workers.values() if worker.ticket] + list(self._queue)

    def _launch(self, place: int) -> None:
        """Have a new worker made, at the other end of a new socket."""
        try:
            if self._maker:
                ours, theirs = _pair()
                ours.setblocking(False)
                self._workers[place] = _Worker(place, _Channel(ours))
                self._maker.launch(place, theirs)
        except (OSError, ValueError) as error:
            self._fail(f"cannot start a worker: {error}")

    def _dispatch(self) -> None:
        for worker in self._workers.values():
            if self._queue and worker.pid and not worker.ticket:
                worker.ticket = self._queue.popleft()
                worker.ticket.tries += 1
                worker.started = False
                worker.clock(PATIENCE)
                worker.channel.send(worker.ticket.data)

    def _step(self) -> None:
        """Hand out tasks, wait until something happens, take it in, stop what is over its limits.

        A worker's clock on the wall runs only while the parent watches, so that neither a caller who takes his time
        between two messages nor a suspended machine costs a task its result.
        """
        self._dispatch()
        workers = {worker.channel.sock.fileno(): worker for worker in self._workers.values()}
        full = [fd for fd, worker in workers.items() if worker.channel.outbox]
        timeout = max(0.0, min((worker.look - worker.wall for worker in workers.values()), default=0.0))
        before = time.monotonic()
        ready = _wait(list(workers), full, timeout)
        waited = min(time.monotonic() - before, timeout + 0.5)
        for worker in workers.values():
            worker.wall += waited
        for fd in ready:
            self._hear(workers[fd])
        for worker in list(self._workers.values()):
            if worker.wall >= worker.look:
                self._overdue(worker)

    def _hear(self, worker: _Worker) -> None:
        worker.channel.flush()
        worker.channel.fill()
        for frame in worker.channel.frames():
            self._take(worker, frame)
        if worker.channel.eof:
            self._bury(worker, "crash")

    def _take(self, worker: _Worker, frame: bytes) -> None:
        """Act on what a worker says, in this order: it is ready, it has its task, the stages, the end."""
        ticket, message = worker.ticket, _decode(frame)
        if message is None:
            self._bury(worker, "crash")
        elif not worker.pid and "ready" in message:
            worker.pid = message["ready"]
            worker.clock()
            self._failures = 0
        elif not worker.pid and "unavailable" in message:
            self._fail(message["unavailable"])
        elif not ticket:
            self._bury(worker, "crash")
        elif not worker.started:
            worker.started, worker.base = True, message["started"]
            worker.clock(ticket.cpu)
        elif "ended" in message:
            worker.ticket = None
            worker.tasks += 1
            worker.clock()
            if message["ended"] == "stopped":  # by a MemoryError; what is left of the worker is not trusted
                self._stopped(ticket, "memory")
                self._bury(worker, "replaced")
            else:
                ticket.end(message)
            if worker.tasks >= self._recycle:
                self._bury(worker, "replaced")
        else:
            ticket.unread.append(message)
            ticket.stage = message.get("stage", ticket.stage)
            ticket.received += len(frame)
            if ticket.received > FRAME:
                self._bury(worker, "memory")

    def _overdue(self, worker: _Worker) -> None:
        """Read the clocks of a worker that was to be looked at now: stop it, or say when to look again."""
        ticket = worker.ticket
        if not worker.pid:
            self._fail(f"no worker was ready within {PATIENCE:g} s")
        elif not ticket or not worker.started:
            self._bury(worker, "crash")
        else:
            left = ticket.cpu - (_cpu_time(worker.pid) - worker.base)
            backstop = min(3 * ticket.cpu, max(9.0, ticket.cpu))
            worker.look = min(backstop, worker.wall + max(0.02, left))
            if left <= 0 or worker.wall >= backstop:
                self._bury(worker, "time")

    def _bury(self, worker: _Worker, reason: str) -> None:
        """Kill a worker, if it still lives; take in its last words, settle its task, replace it."""
        if worker.buried or not self._maker:
            return
        worker.buried = True
        try:
            how = self._maker.bury(worker.place)
        except OSError as error:
            self._fail(str(error))
            return
        while worker.channel.fill():
            pass
        for frame in worker.channel.frames():
            self._take(worker, frame)
        worker.channel.sock.close()
        ticket, worker.ticket = worker.ticket, None
        if ticket and reason == "crash" and not worker.started and ticket.tries < 2:
            self._queue.appendleft(ticket)
        elif ticket and reason == "crash":
            self._stopped(ticket, how["reason"], how["message"])
        elif ticket:
            self._stopped(ticket, reason)
        self._failures += not worker.pid
        if self._failures < 3:
            self._launch(worker.place)
        else:
            self._fail(f"workers end before they are ready: {how['message']}")

    def _stopped(self, ticket: Ticket, reason: str, message: str = "") -> None:
        said = {"time": f"stopped after {ticket.cpu:g} s", "memory": f"stopped at {self._memory >> 20} MiB"}
        message = said.get(reason, message or reason)
        ticket.end({"ended": "stopped", "reason": reason, "stage": ticket.stage, "message": message})

    def _fail(self, why: str) -> None:
        """From now on there are no workers: end all processes and every open task."""
        self._broken = self._broken or why
        for ticket in self._open():
            ticket.end({"ended": "unavailable", "message": self._broken})
        self._queue.clear()
        workers, self._workers = self._workers.values(), {}
        for worker in workers:
            worker.ticket = None
            worker.channel.sock.close()
        if self._maker:
            self._maker.close(0.2 if any(worker.pid for worker in workers) else 0.0)
            self._maker = None


class _Worker:
    """One worker from its start to its end, as the parent sees it."""

    def __init__(self, place: int, channel: _Channel) -> None:
        self.place, self.channel = place, channel
        self.pid = 0  # known when it is ready
        self.ticket: Ticket | None = None
        self.started = False  # it has got the task
        self.buried = False
        self.tasks = 0
        self.base = 0.0  # its CPU time when the task came
        self.clock(PATIENCE)

    def clock(self, look: float = float("inf")) -> None:
        """Set the clock on the wall to 0; when it shows `look`, the worker is to be looked at."""
        self.wall, self.look = 0.0, look


class _Channel:
    """One end of a socket that carries frames, bytes behind their length, and beside them descriptors."""

    def __init__(self, sock: _socket.socket) -> None:
        self.sock, self.eof = sock, False
        self.inbox, self.outbox = bytearray(), bytearray()
        self.descriptors: list[int] = []

    def send(self, frame: bytes, descriptor: int | None = None) -> None:
        self.outbox += len(frame).to_bytes(4, "big") + frame
        if descriptor is not None:
            rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptor.to_bytes(4, sys.byteorder))
            del self.outbox[: self.sock.sendmsg([self.outbox], [rights], _NOSIGNAL)]
        self.flush()

    def flush(self) -> None:
        """Write what the socket takes; that is everything if it blocks."""
        try:
            while self.outbox:
                del self.outbox[: self.sock.send(self.outbox[:_CHUNK], _NOSIGNAL)]
        except BlockingIOError:
            pass
        except OSError:  # nobody listens; the next `fill` will find out
            self.outbox.clear()

    def fill(self) -> bool:
        """Read once; False if there is nothing now, or never again (`eof`)."""
        if self.eof:
            return False
        try:
            data, rights, *_ = self.sock.recvmsg(_CHUNK, 64) if _FORK else (self.sock.recv(_CHUNK), [])
        except BlockingIOError:
            return False
        except OSError:
            data, rights = b"", []
        self.descriptors += [int.from_bytes(right[:4], sys.byteorder) for _, _, right in rights]
        self.inbox += data
        self.eof = not data
        return bool(data)

    def frames(self) -> Iterator[bytes]:
        """Take out the frames that are complete; an impossible length ends the channel."""
        while len(self.inbox) >= 4:
            end = 4 + int.from_bytes(self.inbox[:4], "big")
            if end > 4 + FRAME:
                self.eof = True
                self.inbox.clear()
            if len(self.inbox) < end:
                return
            frame = bytes(self.inbox[4:end])
            del self.inbox[:end]
            yield frame

    def listen(self) -> Iterator[bytes]:
        """Wait for frames until the other end is closed."""
        while self.fill():
            yield from self.frames()


class _Zygote:
    """The parent's side of the process that imports once and then forks."""

    def __init__(self, settings: list[str]) -> None:
        ours, theirs = _pair()
        ours.settimeout(PATIENCE)
        self.channel = _Channel(ours)
        try:
            self.process = _Process("fork", settings, theirs)
        except BaseException:
            ours.close()
            raise

    def launch(self, place: int, sock: _socket.socket) -> None:
        """Order a worker for this socket; if none can be made, the socket is closed."""
        try:
            self.channel.send(b"fork %d" % place, sock.fileno())
        finally:
            sock.close()

    def bury(self, place: int) -> Message:
        """Kill a worker, and tell why it ended. OSError: there is no zygote any more."""
        self.channel.send(b"bury %d" % place)
        for frame in self.channel.listen():
            how = _decode(frame) or {}
            if "unavailable" in how:
                raise OSError(how["unavailable"])
            return how
        raise OSError("the process that makes the workers ended")

    def close(self, patience: float) -> None:
        """End the zygote; it first ends its workers, for which it gets these seconds."""
        self.channel.sock.close()
        self.process.end(patience)


class _Spawner:
    """Where there is no fork: an interpreter for each worker."""

    def __init__(self, settings: list[str]) -> None:
        self.settings, self.processes = settings, dict[int, _Process]()

    def launch(self, place: int, sock: _socket.socket) -> None:
        self.processes[place] = _Process("serve", self.settings, sock)

    def bury(self, place: int) -> Message:
        return self.processes[place].end()

    def close(self, patience: float) -> None:
        for process in self.processes.values():
            process.end()


class _Process:
    """A new interpreter that runs `_main`, with a socket as its standard input and no output."""

    def __init__(self, mode: str, settings: list[str], sock: _socket.socket) -> None:
        try:
            here = os.getcwd()
        except OSError:  # the folder is gone
            here = ""
        path = [os.path.abspath(entry) if here else entry for entry in sys.path]
        path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        command = [sys.executable or "", "-c", _BOOT, mode, *settings, here, *path]
        dropped = ("PYTHONPATH", "PYTHONINSPECT", "SYMPY_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        environment |= {"PYTHONHASHSEED": "0", "SYMPY_GROUND_TYPES": "python"}
        self._memory, self._how = int(settings[-1]), dict[str, object]()
        try:
            if sys.platform == "win32":
                from subprocess import CREATE_NO_WINDOW, DEVNULL, PIPE, Popen

                self._popen = Popen(
                    command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, env=environment, creationflags=CREATE_NO_WINDOW
                )
                assert self._popen.stdin
                self._popen.stdin.write(sock.share(self._popen.pid))
                self._popen.stdin.close()
            else:
                null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in ((1,) if _DEBUG else (1, 2))]
                actions = [(os.POSIX_SPAWN_DUP2, sock.fileno(), 0), *null]
                self._pid = os.posix_spawn(command[0], command, environment, file_actions=actions, setpgroup=0)
        finally:
            sock.close()

    def end(self, patience: float = 0.0) -> Message:
        """Kill the process, if it does not end by itself within these seconds, and tell why it ended."""
        if sys.platform == "win32":
            self._popen.kill()
            return {"reason": "crash", "message": f"exit status {self._popen.wait()}"}
        self._how = self._how or _reap(self._pid, self._memory, patience)
        return self._how


def _reap(pid: int, memory: int, patience: float = 0.0, ear: int = -1) -> Message:
    """Kill a child, if it does not end by itself, and tell why it ended; `ear` hears what its C code printed."""
    import signal

    try:
        deadline = time.monotonic() + patience
        while not (result := os.wait4(pid, os.WNOHANG))[0] and time.monotonic() < deadline:
            time.sleep(0.001)
        if not result[0]:
            os.kill(pid, _SIGKILL)
            result = os.wait4(pid, 0)
    except ChildProcessError:  # the program ignores SIGCHLD, or waits for everybody's children
        return {"reason": "crash", "message": "killed"}
    try:
        said = os.read(ear, 1 << 16).decode("utf-8", "replace").strip()
    except OSError:
        said = ""
    code = os.waitstatus_to_exitcode(result[1])
    peak = result[2].ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    full = peak > memory // 2 or "memory" in said.lower() or "overflow in mpz" in said  # GMP and FLINT abort
    reason = "time" if code == -signal.SIGXCPU else "memory" if code < 0 and full else "crash"
    message = f"killed by signal {-code}" if code < 0 else f"exit status {code}"
    return {"reason": reason, "message": message + (said and f": {said[-400:]}")}


def _encode(message: Message) -> bytes:
    from json import dumps

    frame = dumps(message).encode("ascii")
    if len(frame) > FRAME:
        raise ValueError(f"a message of {len(frame)} bytes is longer than {FRAME}")
    return frame


def _decode(frame: bytes) -> Message | None:
    """The object in a frame; None if it is anything else."""
    from json import loads

    try:
        message = loads(frame)
    except (ValueError, RecursionError):
        message = None
    return message if isinstance(message, dict) else None


def _wait(readable: list[int], writable: list[int], seconds: float) -> list[int]:
    """The descriptors that can be read, or written, within these seconds."""
    if not hasattr(select, "poll"):
        return [fd for ready in select.select(readable, writable, [], seconds) for fd in ready]
    poll = select.poll()
    for fd in readable:
        poll.register(fd, select.POLLIN | (select.POLLOUT if fd in writable else 0))
    return [fd for fd, _ in poll.poll(min(seconds, 3600.0) * 1000)]


def _cpu_time(pid: int) -> float:
    """The CPU seconds that another process has used; 0 where the system does not tell."""
    try:
        return time.clock_gettime(~pid << 3 | 2) if sys.platform == "linux" else 0.0
    except OSError:
        return 0.0


def _pair() -> tuple[_socket.socket, _socket.socket]:
    """Two connected sockets, never on the descriptors 0 to 2, which a program may have closed."""
    if sys.platform == "win32":
        from socket import socketpair
    else:
        from _socket import socketpair
    ours, theirs = socketpair()
    if min(ours.fileno(), theirs.fileno()) > 2:
        return ours, theirs
    try:
        return _pair()
    finally:
        ours.close()
        theirs.close()


# From here on: what runs in the zygote and in the workers.


def _main(mode: str, handler: str, warm: str, memory: str) -> NoReturn:
    """The life of a new interpreter: import everything, then make workers, or (mode `serve`) be one."""
    import signal
    from importlib import import_module

    try:
        if sys.platform == "win32":
            channel = _Channel(_socket.socket(0, 0, 0, sys.stdin.buffer.read()))
        else:
            os.closerange(3, 1024)  # what the program inherited from others
            channel = _Channel(_socket.socket(fileno=os.dup(0)))
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and closes the pool
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGXCPU, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if not _DEBUG:
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        try:
            for name in (*warm.split(), "json", "random"):
                import_module(name)
            module, _, function = handler.partition(":")
            handle: Handler = getattr(import_module(module), function)
        except BaseException as error:
            channel.send(_encode({"unavailable": "{type}: {message}".format(**_brief(error))}))
        else:
            _limit("RLIMIT_CORE", 0)
            live = _zygote if mode == "fork" else _serve
            live(channel, handle, int(memory))
    finally:
        os._exit(0)  # to tear down an interpreter with SymPy takes 200 ms


def _zygote(channel: _Channel, handle: Handler, memory: int) -> None:
    """Fork and bury workers as ordered; when the parent closes the channel, or dies, end them all."""
    import gc

    gc.freeze()  # collections in the workers leave the shared pages alone
    children: dict[bytes, tuple[int, int]] = {}
    for frame in channel.listen():
        order, place = frame.split()
        if order == b"fork":
            sock = _socket.socket(fileno=channel.descriptors.pop(0))
            child = _fork(channel, sock, handle, memory)
            if child:
                children[place] = child
            sock.close()
        else:
            how: Message = {"reason": "crash", "message": "cannot fork"}
            if place in children:
                pid, ear = children.pop(place)
                how = _reap(pid, memory, ear=ear)
                os.close(ear)
            channel.send(_encode(how | {"place": int(place)}))
    for pid, _ in children.values():
        os.kill(pid, _SIGKILL)
    for pid, _ in children.values():
        os.waitpid(pid, 0)


def _fork(channel: _Channel, sock: _socket.socket, handle: Handler, memory: int) -> tuple[int, int] | None:
    """Make a worker: its process, and a pipe with what its C code prints (what does not fit is dropped)."""
    zygote = os.getpid()
    ear, mouth = os.pipe()
    os.set_blocking(ear, False)
    os.set_blocking(mouth, False)
    try:
        pid = os.fork()
    except OSError:  # the parent will find the socket closed, and order the burial
        os.close(ear)
        os.close(mouth)
        return None
    if pid:
        os.close(mouth)
        return pid, ear
    try:
        channel.sock.close()
        for fd in () if _DEBUG else (1, 2):
            os.dup2(mouth, fd)
        try:
            from ctypes import CDLL

            CDLL(None).prctl(1, _SIGKILL)  # PR_SET_PDEATHSIG: die with the zygote, even in the middle of C code
        except (ImportError, AttributeError, OSError):  # not Linux
            pass
        if os.getppid() == zygote:
            _serve(_Channel(sock), handle, memory)
    finally:
        os._exit(0)


def _serve(channel: _Channel, handle: Handler, memory: int) -> None:
    """Do one task after the other, until the parent closes the channel."""
    _limit("RLIMIT_AS", memory)
    channel.send(_encode({"ready": os.getpid()}))
    for frame in channel.listen():
        channel.send(_encode({"started": time.process_time()}))
        channel.send(_encode(_work(channel, handle, frame)))


def _work(channel: _Channel, handle: Handler, frame: bytes) -> Message:
    """Do one task, send its stage messages, return its end."""
    import math
    import random

    try:
        request = _decode(frame) or {}
        _limit("RLIMIT_CPU", math.ceil(time.process_time() + request["cpu"]))
        random.seed(0)
        if "sympy.core.random" in sys.modules:  # SymPy's own: one seed may take sixty times as long as another
            sys.modules["sympy.core.random"].seed(0)
        for message in handle(request["task"]):
            if not isinstance(message, dict) or "ended" in message:
                raise TypeError("a stage message must be a dict without the key `ended`")
            channel.send(_encode(message))
    except MemoryError:
        return {"ended": "stopped"}
    except BaseException as error:
        return {"ended": "error"} | _brief(error)
    return {"ended": "done"}


def _brief(error: BaseException) -> Message:
    """What to say about an exception, in at most 4 kB."""
    if _DEBUG:
        from traceback import print_exception

        print_exception(type(error), error, error.__traceback__)
    try:
        text = str(error)[:1000]  # characters
    except Exception:
        text = ""
    return {"type": type(error).__name__, "message": text}


def _limit(name: str, soft: int) -> None:
    """Set one of the system's limits, where the system has it."""
    try:
        import resource

        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        resource.setrlimit(which, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    except (ImportError, AttributeError, OSError, ValueError):
        pass
