"""What `check` and `equal` share: two expressions a row, a worker that judges, a line or a page for each verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from ..errors import BackpropError, ExitStatus, UsageError
from .common import (
    Output,
    Progress,
    State,
    complain,
    error_lines,
    error_object,
    find_files,
    fold_line,
    guarded,
    json_text,
    number_option,
    open_output,
    plain_error,
    row_keys,
    standard_input,
    status_of,
)

if TYPE_CHECKING:
    from ..rows import Row
    from ..session import Job, Session
    from ..verdicts import Check, Equality

OPTIONS = (
    click.option("--format", "form_of_output", type=click.Choice(["text", "json"]), default="text", show_default=True,
                 help="For readers, or one JSON object a line."),
    click.option("-q", "--quiet", is_flag=True, help="The verdict's word alone."),
    click.option("-f", "--file", "files", multiple=True, metavar="FILE",
                 help="Read rows from a file, a tab between the two; - is standard input."),
    click.option("-o", "--output", metavar="FILE", help="Write to a file, which appears when it is complete."),
    click.option("--functions", multiple=True, metavar="f,g", help="Names of unknown functions."),
    click.option("--log10", is_flag=True, help="Read `log` as the logarithm to base 10."),
    click.option("--up-to-constant", is_flag=True, help="Leave a constant out of the comparison."),
    click.option("--time-limit", type=float, default=5.0, show_default=True, metavar="S",
                 help="Seconds of work on a row; the rest of it is stopped."),
    click.option("--jobs", type=int, default=2, show_default=True, metavar="N", help="Worker processes."),
    click.option("--ascii", is_flag=True, help="Plain ASCII characters only."),
    click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
                 help="Colours; auto is on a terminal only."),
    click.option("--width", type=int, metavar="N", help="Fold lines to N columns.  [default: the terminal's]"),
    click.option("--debug", is_flag=True, help="Show where in the program an internal error came from."),
)  # fmt: skip


def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that both commands have, after their own."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


class Asker:
    """What differs between the commands.

    pair     the names of the two expressions, as in a JSON row
    keys     what else a JSON row may say
    task     makes the question from the two and the options
    lines    the page of one verdict, `line` the line of one of several
    wrong    the verdict that means exit status 1
    """

    def __init__(
        self,
        pair: tuple[str, str],
        keys: tuple[str, ...],
        task: Callable[[str, str, dict[str, Any]], dict[str, Any]],
        lines: Callable[..., Iterator[Any]],
        line: Callable[..., Any],
        wrong: str,
        finish: Callable[[Any], Any] = lambda result: result,
    ) -> None:
        self.pair, self.keys, self.task = pair, keys, task
        self.lines, self.line, self.wrong, self.finish = lines, line, wrong, finish


def ask(state: State, asker: Asker, typed: tuple[str, ...], options: dict[str, Any]) -> int:
    """Runs a command: reads rows, asks the workers, prints; the exit status."""
    from ..rows import Row, Rows, read_argument

    for key in ("jobs", "width"):
        if options[key] is not None:
            number_option(key, options[key])
    options["time_limit"] = number_option("time-limit", options["time_limit"])
    words, files = find_files(typed, options["files"])
    if words and (len(words) != 2 or files):
        wanted = " and ".join(name.upper() for name in asker.pair)
        raise click.UsageError(f"{wanted} are wanted: two arguments, or rows from a file or a pipe")
    rows: Iterable[Row | None] = Rows([], files, stdin=standard_input(), idle=True)
    if words:
        read = [read_argument(word, 1) for word in words]
        error = next((row.error for row in read if row.error is not None), None)
        rows = [Row("\t".join(words), dict(zip(asker.pair, words, strict=True)), error)]
    session = state.session(1 if words else options["jobs"])
    with open_output(options["output"], width=options["width"], color=options["color"], ascii=options["ascii"]) as out:
        run = _Run(asker, session, out, options, single=bool(words))
        run.all(rows)
    return run.status


class _Run:
    """The rows of one call, from reading to printing."""

    def __init__(self, asker: Asker, session: Session, out: Output, options: dict[str, Any], single: bool) -> None:
        self.asker, self.session, self.out, self.options, self.single = asker, session, out, options, single
        self.json, self.quiet = options["form_of_output"] == "json", options["quiet"]
        self.status = ExitStatus.OK

    def all(self, rows: Iterable[Row | None]) -> None:
        """Everything, in the order of the input."""
        source = iter(rows)
        if not (self.json or self.quiet or self.single):  # a file of one row is shown like one argument
            first = list(islice((row for row in source if row is not None), 2))
            self.single = len(first) == 1
            source = chain(first, source)
        progress = Progress(self.out, rows, "answers" if self.asker.wrong == "incorrect" else "pairs")
        try:
            for job in self.session.stream(None if row is None else self.job(row) for row in source):
                if job is None:
                    self.out.flush()
                else:
                    progress.pause_for(job.key[1])
                    self.show(job)
                    progress.step()
        finally:
            progress.close()

    def job(self, row: Row) -> Job:
        """The row's question, on its way to a worker."""
        from ..session import Job, Question

        found, error = guarded(lambda: self.question(row), self.options["debug"])
        if error is not None:
            return Job(key=(row, error))
        task, seconds = found
        return Question(task, time_limit=seconds, key=(row, None))

    def question(self, row: Row) -> tuple[dict[str, Any], float]:
        """The task of a row, and its time limit."""
        from ..rows import read_names

        if row.error is not None:
            raise row.error
        first, second = self.asker.pair
        given = {key: self.options[key.replace("-", "_")] for key in self.asker.keys}
        if row.fields is not None:
            fields = row_keys(row, (first, second, *self.asker.keys), click.get_current_context().command)
        else:
            parts = row.text.split("\t")
            if len(parts) != 2:
                raise UsageError("the row is not two expressions with a tab between them", hint=f"{first} TAB {second}")
            fields = dict(zip((first, second), parts, strict=True))
        for name in (first, second):
            if not isinstance(fields.get(name), str):
                raise UsageError(f"the row has no `{name}`", hint=f'write {{"{first}": "...", "{second}": "..."}}')
        given |= {key: fields[key] for key in fields if key not in (first, second)}
        seconds = number_option("time-limit", given.pop("time-limit", self.options["time_limit"]))
        functions = given.pop("functions", ())
        if isinstance(functions, tuple):  # the option, which may be given several times
            functions = ",".join(functions) or []
        given["functions"] = read_names(functions, "functions")
        return self.asker.task(fields[first], fields[second], given), float(seconds)

    def show(self, job: Any) -> None:
        """A row that is done."""
        row, error = job.key
        if error is None:
            result = job.result
            error = _problem_error(result)
        if error is not None:
            self.fail(row, error)
            return
        shown = self.asker.finish(result)
        out, ascii = self.out, self.out.ascii
        if self.json:
            out.text(json_text(shown.as_dict(row.source), ascii=ascii))
        elif self.quiet:
            out.text(shown.verdict)
        elif self.single:
            out.lines(line for whole in self.asker.lines(shown, ascii=ascii) for line in fold_line(whole, out.width))
        else:
            out.lines(fold_line(self.asker.line(shown, ascii=ascii), out.width))
        self.count(row, result)

    def count(self, row: Row, result: Check | Equality) -> None:
        """The exit status; and an unreadable answer's error for those who read."""
        worst = ExitStatus.worst
        if result.reason.startswith("FAILED"):
            self.status = worst(self.status, ExitStatus.INTERNAL)
        elif result.verdict == self.asker.wrong:
            self.status = worst(self.status, ExitStatus.WRONG)
        elif result.verdict == "undecided":
            self.status = worst(self.status, ExitStatus.UNVERIFIED)
        elif result.verdict == "unreadable" and result.error is not None:
            from ..verdicts import Check, error_of

            texts = {"answer": result.answer} if isinstance(result, Check) else {"a": result.a, "b": result.b}
            error = error_of(result.error, texts[result.error["in"]])
            self.status = worst(self.status, ExitStatus.USAGE)
            if not self.json:
                self.out.flush()
                complain(error_lines(error, row.place))

    def fail(self, row: Row, error: BackpropError) -> None:
        """An error row."""
        self.status = ExitStatus.worst(self.status, status_of(error))
        if self.json:
            self.out.text(json_text(error_object(error, row), ascii=self.out.ascii))
            return
        if self.quiet:
            self.out.text("")
        elif not (self.single or self.out.terminal):
            self.out.text(plain_error(error, row, self.out.ascii))
        self.out.flush()
        complain(error_lines(error, row.place))


def _problem_error(result: Any) -> BackpropError | None:
    """A problem that cannot be read is an error row, not a verdict."""
    from ..verdicts import error_of

    if result.error is None or result.error["in"] != "problem":
        return None
    return error_of(result.error, result.problem)
