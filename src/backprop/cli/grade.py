"""`backprop grade`: tables of answers, graded against a key."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from ..errors import ExitStatus, UsageError, visible
from .common import (
    Output,
    Progress,
    State,
    _writes_signs,
    complain,
    error_lines,
    number_option,
    open_output,
    standard_input,
    terminal_width,
)

if TYPE_CHECKING:
    from ..grading import Graded, Journal, KeyFault, Problem, ProblemTally, Runner, Summary
    from ..render.trace import Column, Section

_COMPLAINTS = 20  # rows that standard error names one by one
_FAULTS = 100  # faults of a key that are listed


@click.command("grade", options_metavar="[OPTIONS]")
@click.argument("answers", metavar="ANSWERS")
@click.option("--key", required=True, metavar="KEY", help="The problems: a table too.")
@click.option(
    "-o", "--output", metavar="FILE", help="Write the graded table to a file, which appears when it is complete."
)
@click.option("--resume", is_flag=True, help="Go on where an interrupted run with the same -o stopped.")
@click.option("--feedback", metavar="DIR", help="Write a Markdown file for each student into a folder.")
@click.option("--input-format", "form", type=click.Choice(["csv", "tsv", "jsonl"]),
              help="What the answers are.  [default: by the file's name, else by its first line]")  # fmt: skip
@click.option("--log10", is_flag=True, help="log is the logarithm to base 10; ln stays natural.")
@click.option("--time-limit", type=float, default=5.0, show_default=True, metavar="S",
              help="Seconds of work on an answer; the rest of it is stopped.")  # fmt: skip
@click.option("--jobs", type=int, default=2, show_default=True, metavar="N", help="Worker processes.")
@click.option("--cluster", metavar="ADDRESS", help="Grade on a Dask cluster, tcp://host:8786; only on one you trust.")
@click.option("-q", "--quiet", is_flag=True, help="No summary.")
@click.option("--ascii", is_flag=True, help="Plain ASCII characters only, in the summary.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
              help="Colours of the summary; auto is on a terminal only.")  # fmt: skip
@click.option("--debug", is_flag=True, help="Show where in the program an internal error came from.")
@click.pass_obj
def grade(state: State, /, **options: Any) -> int:
    """Grade a table of answers against a key.

    Tables are CSV, TSV or JSON lines with a header; - is standard input. The graded table is the table of
    answers with the columns verdict, how, points, mistakes, witness and feedback (those of an earlier
    grading are replaced). A summary says which problem was hard, and which mistake was made how often.

    \b
    Columns of ANSWERS: student, problem_id, answer; others are passed through.
    Columns of KEY:     problem_id, problem; and as wanted: wrt (x or x,y), order, points, of,
                        functions, form (simplified, factored, expanded), log10, up_to_constant

    \b
    Examples:
      backprop grade answers.csv --key key.csv -o graded.csv
      backprop grade answers.csv --key key.csv -o graded.csv --feedback feedback/
      backprop grade answers.csv --key key.csv -o graded.csv --resume
      backprop grade - --key key.csv --input-format jsonl < answers.jsonl
      backprop grade answers.csv --key key.csv -o graded.csv --cluster tcp://10.0.0.5:8786

    \b
    Verdicts:
      correct      gets the key's points; `how` says whether that is proved or sampled
      incorrect    0 points; `witness` is a point at which the values differ
      undecided    no points: decide yourself
      unreadable   no points: see `feedback`

    A text that a spreadsheet would take for a formula gets an apostrophe in front, and loses it when the
    table is read again. While -o FILE is written, FILE.part.jsonl keeps what is done.

    --cluster sends problems and answers, and no names, to the scheduler at that address, in clear text
    unless it begins with tls:// (certificates come from Dask's configuration). Whoever reaches a
    scheduler can run programs on its cluster.

    \b
    Exit status:
      0   every row has a verdict
      2   wrong usage, or a table that cannot be read
      70  the program failed, or the cluster was lost
      130 interrupted
    """
    for key in ("jobs", "time-limit"):
        number_option(key, options[key.replace("-", "_")])
    with ExitStack() as stack:
        runner: Runner
        if options["cluster"]:
            import logging

            from ..cluster import Cluster

            logging.disable()  # Dask reports lost machines with tracebacks; what matters is said as an error
            stack.callback(logging.disable, logging.NOTSET)
            runner = stack.enter_context(Cluster(options["cluster"]))
        else:
            runner = state.session(options["jobs"])
        return _Run(runner, options).all()


class _Run:
    """One call, from reading to printing."""

    def __init__(self, runner: Runner, options: dict[str, Any]) -> None:
        self.runner, self.options = runner, options
        self.output = None if options["output"] == "-" else options["output"]
        self.complaints = 0
        self.status = ExitStatus.OK

    def all(self) -> int:
        """Everything, in the order of the answers. What is written appears when all of it is there."""
        from ..grading import ANSWERS, Feedback, GradedTable, KeyFault, Summary, check_columns, grade_rows, stamp_of
        from ..tables import Table, form_of

        options = self.options
        settings = {"time_limit": options["time_limit"]}
        with ExitStack() as stack:
            table = stack.enter_context(Table(options["answers"], form=options["form"], stdin=standard_input()))
            check_columns(table, ANSWERS, ("problem_id", "answer", *(["student"] if options["feedback"] else [])))
            try:
                problems = self.key()
            except KeyFault as error:
                complain_about(error, options["key"])
                return ExitStatus.USAGE
            journal = self.journal(stamp_of(problems, **settings))
            if journal:
                stack.enter_context(journal)
            feedback = stack.enter_context(Feedback(options["feedback"])) if options["feedback"] else None
            out = stack.enter_context(open_output(self.output, width=None, color="never", ascii=False))
            progress = Progress(out, table, "answers")
            stack.callback(progress.close)
            graded = GradedTable(out.stream, form_of(self.output or "") or table.form, table)
            summary = Summary(problems)
            try:
                for row in grade_rows(table, problems, self.runner, journal=journal, **settings):
                    graded.add(row)
                    if feedback:
                        feedback.add(row)
                    summary.add(row)
                    self.complain(row, progress)
                    progress.step()
            except BaseException as error:
                progress.close()
                if journal and journal.written and not isinstance(error, UsageError):
                    complain([f"stopped after {journal.written} rows, which are kept: go on with --resume"])
                raise
        self.complain_of_the_rest(graded.left_out)
        if not options["quiet"]:
            self.summarize(summary, problems)
        return self.status

    def key(self) -> dict[str, Problem]:
        """The problems, all of which can be differentiated."""
        from ..grading import KEY, check_columns, read_key, try_key
        from ..tables import Table

        name, output = self.options["key"], self.output
        with Table(name) as table:
            check_columns(table, KEY, ("problem_id", "problem"))
            if output and os.path.exists(output) and os.path.samefile(output, name):
                raise UsageError("-o would overwrite the key", hint="choose another file")
            problems = read_key(table, log10=self.options["log10"])
        try_key(problems, self.runner, time_limit=self.options["time_limit"])
        return problems

    def journal(self, stamp: str) -> Journal | None:
        """The journal beside the output, if that is a file."""
        from ..grading import Journal

        target = os.path.realpath(self.output) if self.output else ""
        if target and (os.path.isfile(target) or not os.path.exists(target)):
            return Journal(f"{target}.part.jsonl", stamp, resume=self.options["resume"])
        if self.options["resume"]:
            raise UsageError("--resume needs the file that was to be written", hint="name it with -o FILE")
        return None

    def complain(self, row: Graded, progress: Progress) -> None:
        """Names a row that is not an answer to any problem; of very many, the first ones."""
        if row.reason.startswith("FAILED"):  # our derivative is not the right one
            self.status = ExitStatus.INTERNAL
        elif row.row.error is None and row.problem is not None:
            return
        self.complaints += 1
        if self.complaints <= _COMPLAINTS:
            progress.pause_for(row)
            complain([f"{visible(self.options['answers'])}:{row.row.line}: {row.verdict}: {row.reason}"])

    def complain_of_the_rest(self, left_out: set[str]) -> None:
        """What was not said row by row."""
        if self.complaints > _COMPLAINTS:
            complain([f"… and {self.complaints - _COMPLAINTS} more rows that are no answers"])
        if left_out:
            names = ", ".join(f"`{visible(name)[:40]}`" for name in sorted(left_out))
            complain([f"note: the first row has no {names}; what others have there is not in the table"])

    def summarize(self, summary: Summary, problems: Mapping[str, Problem]) -> None:
        """For the teacher: on standard output if the table is in a file, else on standard error."""
        from ..render.plain import lay_out

        color, ascii = self.options["color"], self.options["ascii"]
        if self.output:
            with open_output(None, width=None, color=color, ascii=ascii) as out:
                out.lines(lay_out(sections(summary, problems), width=out.width, ascii=out.ascii))
            return
        stream = sys.stderr
        terminal = stream.isatty()
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        colour = color == "always" or (color == "auto" and terminal and not plain)
        ascii = ascii or not _writes_signs(stream)
        width = terminal_width(stream) if terminal else None
        Output(stream, width, colour, ascii, terminal).lines(
            lay_out(sections(summary, problems), width=width, ascii=ascii)
        )


def complain_about(error: KeyFault, name: str) -> None:
    """Every fault of a key, with its place."""
    for line, fault in error.faults[:_FAULTS]:
        first, *more = error_lines(fault)
        complain([f"{visible(name)}:{line}: {first}", *more])
    if len(error.faults) > _FAULTS:
        complain([f"… and {len(error.faults) - _FAULTS} more"])


# -- the summary -----------------------------------------------------------------------------------------


def sections(summary: Summary, problems: Mapping[str, Problem]) -> Iterator[Section]:
    """The verdicts, the problems with the hardest first, the mistakes with the most frequent first."""
    from ..render.trace import Column, Section

    number, text = Column("", "number"), Column("", "")
    counts = [(str(n), verdict) for verdict in VERDICTS if (n := summary.verdicts[verdict])]
    total = summary.verdicts.total()
    yield Section(f"{total} answer{'s' * (total != 1)}", "", (number, text), _right(counts), top=True)
    columns: tuple[Column, ...] = (
        Column("problem", "name"), Column("answers", "number"), Column("correct", "number"),
        Column("points", "number"), Column("to decide", "number"), Column("most frequent mistake", "rule"),
    )  # fmt: skip
    rows = [_problem_row(name, tally, problems[name].points, summary) for name, tally in summary.hardest_first()]
    yield Section("By problem", "the hardest first; points are averages", columns, _right(rows, 1, 2, 4))
    if summary.mistakes:
        columns = (
            Column("code", "rule"), Column("mistake", "rule"), Column("answers", "number"), Column("problems", "name"),
        )  # fmt: skip
        found = [
            (code, summary.names[code], str(tally.total()), _several([name for name, _ in tally.most_common()]))
            for code, tally in summary.most_frequent_first()
        ]
        yield Section("By mistake", "the most frequent first", columns, _right(found, 2))
    waiting = summary.verdicts["undecided"] + summary.verdicts["unreadable"]
    if waiting:
        lines = _several([str(line) for line in summary.lines], waiting)
        who, where = ("answers have", "lines") if waiting > 1 else ("answer has", "line")
        said = f"{waiting} {who} no points: decide yourself ({where} {lines})"
        yield Section("", "", (Column("", "note"),), [(said,)])


VERDICTS = ("correct", "incorrect", "undecided", "unreadable")


def _problem_row(name: str, tally: ProblemTally, worth: float, summary: Summary) -> tuple[str, ...]:
    share = f"{100 * tally.verdicts['correct'] / tally.answers:.0f} %" if tally.answers else ""
    points = f"{tally.points / tally.graded:.3g} of {worth}" if tally.graded else ""
    waiting = tally.answers - tally.graded
    mistake = ""
    if tally.mistakes:
        code, count = tally.mistakes.most_common(1)[0]
        mistake = f"{code} {summary.names[code]} ({count})"
    return (_short(name), str(tally.answers), share, points, str(waiting or ""), mistake)


def _right(rows: Sequence[tuple[str, ...]], *places: int) -> list[tuple[str, ...]]:
    """The rows with the cells at these places as wide as the widest of them; without places, the first ones."""
    wide = {i: max((len(row[i]) for row in rows), default=0) for i in places or (0,)}
    return [tuple(cell.rjust(wide.get(i, 0)) for i, cell in enumerate(row)) for row in rows]


def _several(names: Sequence[str], total: int = 0, most: int = 8) -> str:
    """The first names of a list."""
    more = max(len(names), total) - most
    return ", ".join(_short(name) for name in names[:most]) + (f" and {more} more" if more > 0 else "")


def _short(name: str) -> str:
    shown = " ".join(visible(name).split())
    return shown if len(shown) <= 40 else shown[:39] + "…"
