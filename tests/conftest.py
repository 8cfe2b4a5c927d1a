"""What tests of the command line share: a way to run it in this process, with one worker for all tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from backprop.cli import common
from backprop.session import Session
from streams import Result, Shared, Stream


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
