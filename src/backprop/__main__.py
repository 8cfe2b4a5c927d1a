"""The program: `backprop`, or `python -m backprop`.

SymPy takes half a second to load. So the very first thing is to start the worker that loads it,
before even the command line is read properly; it is ready about when the first rows are printed.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .session import Session

# The options of the commands that need workers: whether a value follows, and what it may be. (A test compares
# this with the commands.)
_INTEGER, _NUMBER, _ANY = object(), object(), object()
_SHARED: dict[str, object] = {
    "--format": ("text", "json"), "-f": _ANY, "--file": _ANY, "-o": _ANY, "--output": _ANY, "--functions": _ANY,
    "--time-limit": _NUMBER, "--jobs": _INTEGER, "--color": ("auto", "always", "never"), "--width": _INTEGER,
}  # fmt: skip
_VALUES: dict[str, dict[str, object]] = {
    "diff": _SHARED | {
        "--format": ("text", "json", "latex", "markdown", "html", "ipynb"),
        "--wrt": _ANY, "--at": _ANY, "--order": _INTEGER, "--steps": ("all", "adjoints", "result"),
        "--digits": _INTEGER, "--max-nodes": _INTEGER, "--program": _ANY, "--of": _ANY, "--mixed": _ANY,
        "--along": _ANY, "--total": _ANY, "--mode": _ANY, "--decompose": _ANY,
    },
    "check": _SHARED | {
        "--wrt": _ANY, "--order": _INTEGER, "--of": _ANY, "--form": ("simplified", "factored", "expanded"),
        "--hint": ("1", "2", "3"),
    },
    "equal": _SHARED,
    "graph": {
        "--style": ("operations", "variables", "circuit", "folded"), "--at": _ANY, "--wrt": _ANY, "--step": _ANY,
        "--pass": _INTEGER, "--format": ("text", "svg", "dot", "mermaid", "tikz"),
        "--direction": ("right", "down", "list"), "--limit": _INTEGER, "--order": _INTEGER, "--program": _ANY,
        "--of": _ANY, "--decompose": _ANY, "-f": _ANY, "--file": _ANY, "-o": _ANY, "--output": _ANY,
        "--functions": _ANY, "--digits": _INTEGER, "--time-limit": _NUMBER, "--max-nodes": _INTEGER,
        "--color": ("auto", "always", "never"), "--width": _INTEGER,
    },
    "plot": {
        "--at": _ANY, "--range": _ANY, "--wrt": _ANY, "--order": _INTEGER, "--of": _ANY, "--program": _ANY,
        "--format": ("text", "svg", "png", "json"), "-f": _ANY, "--file": _ANY, "-o": _ANY, "--output": _ANY,
        "--digits": _INTEGER, "--time-limit": _NUMBER, "--max-nodes": _INTEGER, "--color": ("auto", "always", "never"),
        "--width": _INTEGER, "--height": _INTEGER,
    },
    "report": {
        "--wrt": _ANY, "--at": _ANY, "--order": _INTEGER, "--program": _ANY, "--of": _ANY, "--mixed": _ANY,
        "--along": _ANY, "--total": _ANY, "--decompose": _ANY, "--steps": ("all", "adjoints", "result"),
        "--functions": _ANY, "--digits": _INTEGER, "--time-limit": _NUMBER, "--max-nodes": _INTEGER,
        "--jobs": _INTEGER, "--format": ("html", "latex"), "--title": _ANY, "-o": _ANY, "--output": _ANY,
    },
}  # fmt: skip
_ASKED = frozenset({"-q", "--quiet", "--ascii", "--debug", "--log10", "--up-to-constant"})
_FLAGS: dict[str, frozenset[str]] = {
    "diff": frozenset({
        "-q", "--quiet", "--no-simplify", "--no-verify", "--ascii", "--debug", "--jacobian", "--hessian", "--tangent",
        "--check-gradient", "--explain", "--critical", "--fragment", "--open",
    }),
    "check": _ASKED,
    "equal": _ASKED,
    "graph": frozenset({
        "--forward-only", "--jacobian", "--hessian", "--open", "--no-simplify", "--no-verify", "--ascii", "--debug",
    }),
    "plot": frozenset({"--equal", "--open", "--no-simplify", "--no-verify", "--ascii", "--debug"}),
    "report": frozenset({
        "--jacobian", "--hessian", "--tangent", "--critical", "--explain", "--no-simplify", "--no-verify", "--debug",
        "--blank", "--open",
    }),
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Runs the program and returns its exit status; without arguments given, ends the process with it."""
    if arguments is not None:
        return _guarded(arguments)
    import gc

    gc.set_threshold(100_000, 50, 100)  # the graphs have no cycles: nearly all that is made stays
    _occupy_descriptors()
    status = _guarded(sys.argv[1:])
    os._exit(status)  # everything is flushed; to take a large graph apart takes as long as to build it


def workers_wanted(arguments: list[str]) -> int:
    """How many workers a command line asks for; none for help, and for what is a usage error anyway."""
    command = arguments[0] if arguments else ""
    if command not in _VALUES:
        return 0
    values, flags = _VALUES[command], _FLAGS[command]
    given: dict[str, str] = {}
    equations = 0
    rest = iter(arguments[1:])
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument in ("-h", "--help"):
            return 0
        elif argument == "--":
            equations += sum(1 for _ in rest)
        elif argument in flags:
            given[argument] = ""
        elif argument in values or (equals and name.startswith("--") and name in values):
            name, value = (argument, next(rest, "")) if argument in values else (name, value)
            if not _is_fitting(value, values[name]):
                return 0
            given[name] = value
        elif equals and name in flags:
            return 0
        else:
            equations += argument != "-"
            given |= {"-f": "-"} if argument == "-" else {}
    files = "-f" in given or "--file" in given
    if "--no-verify" in given and "--no-simplify" in given:
        return 0
    programs = "--program" in given
    if not equations and not files and not programs and (sys.stdin is None or sys.stdin.isatty()):
        return 0
    jobs = int(given.get("--jobs", "2"))
    single = equations + programs == (2 if command in ("check", "equal") else 1) and not files
    return 1 if single and command != "report" else min(jobs, 256)  # the arguments of a report are files


def _is_fitting(value: str, kind: object) -> bool:
    if kind is _INTEGER:
        return value.isascii() and value.isdigit() and len(value) < 10 and int(value) > 0
    if kind is _NUMBER:
        try:
            return 0 < float(value) < 1e6
        except ValueError:
            return False
    return bool(value) and (kind is _ANY or (isinstance(kind, tuple) and value in kind))


def _guarded(arguments: list[str]) -> int:
    """Runs the command; whatever happens ends in an exit status and at most a message."""
    session: Session | None = None
    try:
        wanted = workers_wanted(arguments)
        if wanted:
            from .session import Session

            session = Session(wanted)
            session.start()
        _make_streams_robust()
        from .cli.common import run

        status = run(arguments, session)
        _flush()
        return status
    except KeyboardInterrupt:
        _flush(quietly=True)
        return 130
    except BrokenPipeError:
        _drop_output()
        return 0
    except OSError as error:
        if sys.stdout is not None and getattr(error, "filename", None) is None:
            _drop_output()
            _complain(f"error: cannot write the output: {error.strerror or error}")
            _show_traceback(arguments)
            return 70
        return _internal(error, arguments)
    except BaseException as error:
        return _internal(error, arguments)
    finally:
        if session is not None:
            session.close()


def _internal(error: BaseException, arguments: list[str]) -> int:
    _flush(quietly=True)
    words = " ".join(str(error).split())[:500]
    said = f"internal error: {type(error).__name__}" + (f": {words}" if words else "")
    _complain("".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in said))
    _show_traceback(arguments)
    return 70


def _show_traceback(arguments: list[str]) -> None:
    if "--debug" in arguments:
        from traceback import print_exc

        print_exc()


def _occupy_descriptors() -> None:
    """If the descriptors 0 to 2 are closed, no file that is opened later may take their place."""
    lowest = os.open(os.devnull, os.O_RDWR)
    while lowest < 3:
        lowest = os.dup(lowest)
    os.close(lowest)


def _make_streams_robust() -> None:
    """A character that the terminal's encoding does not have never ends the program."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def _flush(quietly: bool = False) -> None:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        if not quietly:
            raise


def _drop_output() -> None:
    """What is still in the buffer goes nowhere, so that nothing is said about it later."""
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)
    except (OSError, ValueError, AttributeError):
        pass


def _complain(message: str) -> None:
    try:
        sys.stderr.write(message + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # the working folder, which `python -m` puts first: no module is taken from it
    main()
