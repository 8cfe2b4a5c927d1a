"""Ways to run the command line: standard streams in memory, a session that many tests share, a process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from backprop.session import Session

SOURCE = str(Path(__file__).parents[1] / "src")


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


def process(*arguments: str | bytes, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Runs a command line in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": SOURCE, **options.pop("env", {})}
    settings = {"stdin": subprocess.DEVNULL, "capture_output": True, "timeout": 60, "env": environment} | options
    return subprocess.run([sys.executable, "-m", "backprop", *arguments], check=False, **settings)
