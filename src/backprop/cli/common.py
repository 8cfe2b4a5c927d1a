"""What the commands share: how arguments are told from options, where output goes, how errors are shown."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

import click

from ..errors import BackpropError, ExitStatus, UsageError, excerpt, visible

if TYPE_CHECKING:
    from ..render.plain import Line
    from ..rows import Row
    from ..session import Session

LONGEST_MESSAGE = 4000


class State:
    """What a command gets from the program: the session whose worker is already loading, or none."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session

    def session(self, jobs: int) -> Session:
        """The session that was started, else a new one, which starts when it is needed."""
        if self._session is None:
            from ..session import Session

            self._session = Session(jobs)
        return self._session

    def close(self) -> None:
        """Ends the workers."""
        if self._session is not None:
            self._session.close()


def run(arguments: list[str], session: Session | None = None) -> int:
    """Runs the command line; the exit status. Everything that a user can mend is said and counted here."""
    from . import cli

    state = State(session)
    try:
        # Not `cli.main`, which would turn a closed pipe and Ctrl-C into exceptions of its own.
        with cli.make_context("backprop", list(arguments), obj=state) as context:
            status = cli.invoke(context)
        return status if isinstance(status, int) else ExitStatus.OK
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "backprop"
        complain([f"error: {visible(error.format_message())}", f"  see {path} --help"])
        return ExitStatus.USAGE
    except BackpropError as error:
        complain(error_lines(error))
        return status_of(error)
    finally:
        state.close()


# -- arguments -----------------------------------------------------------------------------------------


class EquationCommand(click.Command):
    """A command whose arguments may begin with a minus: only what it declares is an option.

    `-x`, `-x^2` and `--x` are equations; `-q`, `--wrt x` and `--wrt=x` are options; after `--`
    everything is an equation.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Sorts the options to the front, and the equations behind a `--`."""
        takes_value = {
            name: not (isinstance(option, click.Option) and (option.is_flag or option.count))
            for option in self.get_params(ctx)
            if isinstance(option, click.Option)
            for name in (*option.opts, *option.secondary_opts)
        }
        options: list[str] = []
        equations: list[str] = []
        rest = iter(args)
        for argument in rest:
            name, equals, _ = argument.partition("=")
            if argument == "--":
                equations += rest
            elif argument in takes_value:
                options.append(argument)
                if takes_value[argument]:
                    options += [value for value in [next(rest, None)] if value is not None]
            elif equals and name.startswith("--") and name in takes_value:
                options.append(argument)
            else:
                equations.append(argument)
        self._hint_at_typos([e for e in equations if e.startswith("--")], list(takes_value))
        return super().parse_args(ctx, [*options, "--", *equations])

    def _hint_at_typos(self, arguments: list[str], options: list[str]) -> None:
        for argument in arguments:
            word = argument.partition("=")[0]
            if len(word) > 3 and word[2:].replace("-", "").isalpha():
                from difflib import get_close_matches

                close = get_close_matches(word, options, 1, 0.7)
                if close:
                    complain([f"note: `{visible(word)}` is read as an equation; did you mean `{close[0]}`?"])


def find_files(equations: Iterable[str], files: Iterable[str]) -> tuple[list[str], list[str]]:
    """Equations and files; `-` is standard input, which is also read if nothing else is given.

    On a terminal nothing is read from it: the usage is shown instead.
    """
    typed = [equation for equation in equations if equation != "-"]
    names = [*files, *("-" for equation in equations if equation == "-")]
    if not typed and not names:
        if sys.stdin is None or sys.stdin.isatty():
            context = click.get_current_context()
            raise click.UsageError(f'no equation given; for example: {context.command_path} "x^2 sin x"', context)
        names = ["-"]
    return typed, names


def standard_input() -> Any:
    """The bytes of standard input, or None if it is closed."""
    return getattr(sys.stdin, "buffer", None)


def row_keys(row: Row, own: Iterable[str], command: click.Command) -> dict[str, Any]:
    """The keys of a JSON row, all of which the command must know."""
    fields = row.fields or {}
    known = list(own)
    for key in fields:
        if key not in known:
            options = [name[2:] for option in command.params for name in option.opts if name.startswith("--")]
            if key in options:
                raise UsageError(
                    f"`{key}` is for the whole run, not for one row", hint=f"write --{key} after the command"
                )
            from difflib import get_close_matches

            close = get_close_matches(key, known, 1)
            hint = f"did you mean `{close[0]}`?" if close else f"the keys are {', '.join(known)}"
            raise UsageError(f"unknown key `{visible(key)[:100]}`", hint=hint)
    return fields


RANGES = {"order": (1, 1000), "digits": (1, 10_000), "max-nodes": (1, 10**9), "jobs": (1, 256), "width": (20, 10**6)}


def number_option(key: str, value: object) -> float | int:
    """An option that is a number, in its range."""
    if key == "time-limit":
        try:
            seconds = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else 0.0
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < 1e6:
            raise UsageError(f"`{key}` is a positive number of seconds", hint=f"--{key} 5")
        return seconds
    low, high = RANGES[key]
    if type(value) is not int or not low <= value <= high:
        raise UsageError(f"`{key}` is a whole number from {low} to {high}", hint=f"--{key} {max(low, 1)}")
    return value


# -- output ----------------------------------------------------------------------------------------------


class Output:
    """Where results go: standard output, or a file that appears under its name only when it is whole."""

    def __init__(self, stream: TextIO, width: int | None, colour: bool, ascii: bool, terminal: bool) -> None:
        self.stream, self.width, self.colour, self.ascii, self.terminal = stream, width, colour, ascii, terminal
        self.written = False
        self._console: Any = None

    def text(self, text: str) -> None:
        """Writes one line."""
        self.stream.write(text + "\n")
        self.written = True

    def lines(self, lines: Iterable[Line]) -> None:
        """Writes lines with their styles."""
        self.written = True
        if self.colour:
            from ..render.terminal import console, print_lines

            self._console = self._console or console(self.stream)
            print_lines(self._console, lines)
        else:
            from ..render.plain import plain

            for line in lines:
                self.stream.write(plain(line) + "\n")

    def flush(self) -> None:
        """What was written is there now."""
        self.stream.flush()


@contextmanager
def open_output(name: str | None, *, width: int | None, color: str, ascii: bool) -> Iterator[Output]:
    """The output of a command, ended by the end of the block; a file is given up if the block fails."""
    if name is not None and name != "-":
        if not name or name.endswith(("/", os.sep)):
            raise UsageError(f"`{visible(name)}` is no name of a file", hint="-o FILE")
        with _file(name) as stream:
            yield Output(stream, width, color == "always", ascii, False)
        return
    if sys.stdout is None:
        raise UsageError("standard output is closed", hint="write to a file with -o FILE")
    terminal = sys.stdout.isatty()
    if color == "auto":
        colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    else:
        colour = color == "always"
    if width is None and terminal:
        width = terminal_width(sys.stdout)
    yield Output(sys.stdout, width, colour, ascii or not _writes_signs(sys.stdout), terminal)
    sys.stdout.flush()


def terminal_width(stream: TextIO) -> int:
    """The width of a terminal: COLUMNS if it is a positive number, else what the terminal says, else 80."""
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isascii() and columns.isdigit() and len(columns) < 6 else 0
    if not width:
        try:
            width = os.get_terminal_size(stream.fileno()).columns
        except (OSError, ValueError):
            width = 0
    return max(width or 80, 20)


def _writes_signs(stream: TextIO) -> bool:
    try:
        "→∂·−√²✓\u0304".encode(stream.encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


@contextmanager
def _file(name: str) -> Iterator[TextIO]:
    """A temporary file in the same folder, renamed at the end; a device or a pipe is written directly."""
    import tempfile

    target = os.path.realpath(name)
    direct = os.path.exists(target) and not os.path.isfile(target)
    temporary = target
    mode = None
    try:
        if direct:
            descriptor = os.open(target, os.O_WRONLY)
        else:
            mode = os.stat(target).st_mode & 0o777 if os.path.exists(target) else None
            descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".backprop-", suffix=".part")
    except (OSError, ValueError) as error:
        raise _unwritable(name, error) from None
    try:
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            yield stream
            stream.flush()
            if not direct:
                os.fsync(descriptor)
        if direct:
            return
        if mode is None:
            mask = os.umask(0)
            os.umask(mask)
            mode = 0o666 & ~mask
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        if not direct:
            with suppress(OSError):
                os.unlink(temporary)
        raise


def _unwritable(name: str, error: Exception) -> UsageError:
    reason = getattr(error, "strerror", None) or str(error)
    return UsageError(f"cannot write {visible(name)}: {visible(reason)}", hint="choose another file")


# Kinds of files by the ends of their names.
SUFFIXES = {"html": "html", "htm": "html", "tex": "latex", "md": "markdown", "ipynb": "ipynb"}
FOREIGN = frozenset({"pdf", "ps", "eps", "png", "jpg", "jpeg", "gif", "svg", "webp", "docx", "odt", "doc"})


def form_of_file(name: str | None, suffixes: Mapping[str, str], default: str) -> str:
    """The format that the end of a file's name asks for.

    Errors: `UsageError` for one that everyone would take for another format than those.
    """
    suffix = (name or "").rpartition(".")[2].lower() if "." in (name or "") else ""
    if suffix in FOREIGN and suffix not in suffixes:
        known = ", ".join(f".{end}" for end in suffixes)
        raise UsageError(f"nothing here is written as .{suffix}", hint=f"choose from {known}, or say --format")
    return suffixes.get(suffix, default)


# What a browser shows.
BROWSABLE = frozenset({"html", "svg", "png"})


@contextmanager
def browser_file(name: str | None, form: str) -> Iterator[str]:
    """The file for what a browser is to show, opened in one once it is written; a new one that is kept without a name.

    Errors: `UsageError` for a format that no browser shows.
    """
    if form not in BROWSABLE:
        raise UsageError(f"a browser does not show {form}", hint=f"--open goes with {', '.join(sorted(BROWSABLE))}")
    if name == "-":
        raise UsageError("--open needs a file", hint="leave out -o, or write -o FILE")
    folder = None
    if name is None:
        import tempfile

        folder = tempfile.mkdtemp(prefix="backprop-")
        name = os.path.join(folder, f"backprop.{form}")
    try:
        yield name
    finally:
        if folder is not None and not os.listdir(folder):
            os.rmdir(folder)
    open_in_browser(name)


def open_in_browser(name: str) -> None:
    """Shows a file in the browser; where there is none, says where the file is."""
    import webbrowser
    from pathlib import Path

    address = Path(name).resolve().as_uri()
    try:
        shown = webbrowser.open(address)
    except webbrowser.Error:
        shown = False
    complain([f"shown in the browser: {visible(name)}" if shown else f"no browser was found; open {visible(name)}"])


# -- errors ----------------------------------------------------------------------------------------------


def status_of(error: BackpropError) -> int:
    """The exit status that an error leads to."""
    return {"limit": ExitStatus.REFUSED, "internal": ExitStatus.INTERNAL}.get(error.kind, ExitStatus.USAGE)


def error_lines(error: BackpropError, place: str = "") -> list[str]:
    """An error for a reader: `file:line:column: error: message`, the line, and the hint behind the caret."""
    shown = excerpt(error)
    column = f"{error.column}:" if place and error.column is not None else ""
    first = f"{place}{column} error: " if place else "error: "
    lines = [first + visible(error.message)[:LONGEST_MESSAGE]]
    hint = visible(error.hint)[:LONGEST_MESSAGE] if error.hint else ""
    if shown:
        return [*lines, f"  {shown[0]}", f"  {shown[1]} {hint}".rstrip()]
    return [*lines, f"  {hint}"] if hint else lines


def error_object(error: BackpropError, row: Row) -> dict[str, Any]:
    """The JSON object of a row that failed."""
    said: dict[str, Any] = {"kind": error.kind, "message": visible(error.message)[:LONGEST_MESSAGE]}
    said["column"] = error.column
    said["hint"] = None if error.hint is None else visible(error.hint)[:LONGEST_MESSAGE]
    source = {**row.source, "line": row.line_of(error)}
    return {"version": 1, "source": source, "input": typed_text(row), "error": said}


def typed_text(row: Row) -> str:
    """The equation of a row as it was typed, if it has one."""
    typed = (row.fields or {}).get("equation")
    return typed if isinstance(typed, str) else row.text


def json_text(data: dict[str, Any], ascii: bool = False) -> str:
    """One line of JSON without any character that a terminal could take as a command."""
    import json

    text = json.dumps(data, ensure_ascii=ascii)
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    import json

    return json.dumps(character)[1:-1] if ord(character) != 0x7F else "\\u007f"


def complain(lines: Iterable[str]) -> None:
    """Writes to standard error, after what was already written to standard output."""
    if sys.stdout is not None:
        sys.stdout.flush()
    if sys.stderr is not None:
        sys.stderr.write("".join(line + "\n" for line in lines))
        sys.stderr.flush()


def guarded(work: Callable[[], Any], debug: bool) -> tuple[Any, BackpropError | None]:
    """What the work gives, or why it failed: one row never ends the run of the others."""
    try:
        return work(), None
    except BackpropError as error:
        return None, error
    except Exception as error:
        if debug:
            from traceback import print_exc

            print_exc()
        words = " ".join(str(error).split())[:500]
        return None, BackpropError(f"internal error: {type(error).__name__}" + (f": {words}" if words else ""))


def fold_line(line: Any, width: int | None) -> Any:
    """A line of several in a batch; on a terminal it goes on indented."""
    from ..render.plain import fold_spans

    return [line] if width is None else fold_spans(line, width)


def plain_error(error: BackpropError, row: Row, ascii: bool) -> str:
    """An error as the one line of its row."""
    from ..render.words import Words

    return Words(ascii).final(f"{row.text[:200]}   error: {error.message[:1000]}").replace("\n", " ").replace("\t", " ")


class Progress:
    """A bar on standard error for a long batch, if that is a terminal and standard output is not."""

    def __init__(self, out: Output, rows: Any, noun: str = "equations") -> None:
        import sys

        self.rows, self.noun, self.done = rows, noun, 0
        self.wanted = not out.terminal and sys.stderr is not None and sys.stderr.isatty()
        self.begin = time.monotonic()
        self.bar: Any = None

    def step(self) -> None:
        """One row more is done."""
        self.done += 1
        if self.bar is None and self.wanted and time.monotonic() - self.begin > 0.7:
            import sys

            from ..render.terminal import Bar

            self.bar = Bar(sys.stderr, getattr(self.rows, "size", None), self.noun)
        if self.bar is not None:
            self.bar.update(self.done, getattr(self.rows, "done", 0))

    def each(self, items: Iterable[Any], size: Callable[[Any], int]) -> Iterator[Any]:
        """The items, each of which counts for so many steps."""
        for item in items:
            yield item
            self.done += size(item) - 1
            self.step()

    def pause_for(self, error: object) -> None:
        """Makes room for a message."""
        if error is not None and self.bar is not None:
            self.close()

    def close(self) -> None:
        """Takes the bar away."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
