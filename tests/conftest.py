"""What tests of the command line share: a way to run it in this process, with one worker for all tests."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from backprop.cli import common
from backprop.session import Session


class Result(NamedTuple):
    """What a command line did."""

    status: int
    out: str
    err: str


class Stream(io.TextIOWrapper):
    """A standard stream in memory, which may pretend to be a terminal."""

    def __init__(self, data: bytes = b"", terminal: bool = False, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(data), encoding=encoding, errors="backslashreplace", newline="\n")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    @property
    def bytes(self) -> bytes:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue()

    @property
    def text(self) -> str:
        return self.bytes.decode(self.encoding)


class Shared(Session):
    """One session for all tests, so that SymPy is loaded once."""

    def close(self) -> None:
        """Stays open."""


@pytest.fixture(scope="session")
def session() -> Iterator[Session]:
    shared = Shared(1)
    shared.start()
    yield shared
    Session.close(shared)


@pytest.fixture
def cli(session: Session, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command line in this process."""

    def run(
        *arguments: str, stdin: str | bytes | None = b"", terminal: bool = False, encoding: str = "utf-8"
    ) -> Result:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        out, err = Stream(terminal=terminal, encoding=encoding), Stream()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", None if given is None else Stream(given, terminal))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            status = common.run(list(arguments), session)
        return Result(status, out.text, err.text)

    return run
