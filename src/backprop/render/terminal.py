"""A derivation on a terminal: the lines of the plain renderer in colours, by Rich; and a progress bar.

Rich gets `Text` objects only, whose content has passed `errors.visible`: nothing that a user typed
is ever read as markup, or reaches the terminal as a control character.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from rich.console import Console
from rich.text import Text

from ..derivation import Derivation
from .plain import Line, lay_out
from .trace import Trace

COLOURS = {
    "title": "bold", "remark": "dim", "name": "cyan", "math": "", "rule": "green", "number": "magenta",
    "note": "yellow", "good": "bold green", "warn": "bold yellow", "bad": "bold red", "": "",
}  # fmt: skip


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """A reader that closes the pipe early ends the program as it does without colours; Rich would exit with 1."""
        raise BrokenPipeError


def console(stream: TextIO, width: int | None = None) -> Console:
    """A console that writes 16 colours to the stream, whatever the stream is."""
    return _Console(
        file=stream, width=width or 10**6, force_terminal=True, color_system="standard", no_color=False,
        markup=False, emoji=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


def print_lines(target: Console, lines: Iterable[Line]) -> None:
    """Writes lines in colours."""
    for line in lines:
        text = Text(no_wrap=True, overflow="ignore")
        for part, style in line:
            text.append(part, COLOURS[style] or None)
        text.rstrip()
        target.print(text, soft_wrap=True, no_wrap=True, overflow="ignore", crop=False)


def render(derivation: Derivation, *, width: int = 80, ascii: bool = False, steps: str = "all") -> str:
    """The whole trace with escape codes, folded to the width."""
    from io import StringIO
    from itertools import chain

    stream = StringIO()
    trace = Trace(derivation, ascii=ascii, steps=steps)
    print_lines(console(stream), lay_out(chain(trace.opening(), trace.closing()), width=width, ascii=ascii))
    return stream.getvalue()


class Bar:
    """A progress bar on a terminal's standard error."""

    def __init__(self, stream: TextIO, total: int | None, noun: str = "equations") -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn(f"{{task.completed}} {noun}", markup=False), BarColumn(), TimeElapsedColumn(),
            console=Console(file=stream, markup=False, emoji=False, highlight=False), transient=True,
        )  # fmt: skip
        self._bytes = total
        self._task = self._progress.add_task("", total=None)
        self._progress.start()

    def update(self, rows: int, done: int) -> None:
        """So many rows are done, and so many bytes of the input are read."""
        total = None if not self._bytes or not done else max(rows, round(rows * self._bytes / done))
        self._progress.update(self._task, completed=rows, total=total)

    def close(self) -> None:
        """Takes the bar away."""
        self._progress.stop()
