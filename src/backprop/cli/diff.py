"""`backprop diff`: differentiate equations and show every step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from importlib import import_module
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from ..choices import FORMATS, MODES
from ..errors import BackpropError, ExitStatus, UsageError
from .common import (
    SUFFIXES,
    EquationCommand,
    Output,
    Progress,
    State,
    browser_file,
    complain,
    error_lines,
    error_object,
    find_files,
    fold_line,
    form_of_file,
    guarded,
    json_text,
    number_option,
    open_output,
    plain_error,
    standard_input,
    status_of,
    typed_text,
)
from .settings import ROW_OPTIONS, Settings, equation_of, given_options, with_options

if TYPE_CHECKING:
    from ..derivation import Derivation
    from ..rows import Row, Rows
    from ..session import Job, Session

# Formats for print and for pages -> the module of `render` that writes them.
EXPORTS = {"latex": "latex", "markdown": "markdown", "html": "html", "ipynb": "notebook"}
ONE_PAGE = ("html", "ipynb")  # with one equation each


@click.command("diff", cls=EquationCommand, options_metavar="[OPTIONS]")
@click.argument("equations", nargs=-1, metavar="[EQUATION]...")
@with_options("wrt")
@click.option("--at", multiple=True, metavar="x=1,y=pi/2", help="Values of variables: numbers beside "
              "the formulas. Or a FILE of points, CSV or JSON lines: a table of values and gradients.")  # fmt: skip
@with_options(
    "order", "program", "of", "jacobian", "hessian", "mixed", "along", "total", "tangent", "critical",
)  # fmt: skip
@click.option("--mode", "mode", multiple=True, metavar="MODE,…", help="Compute the gradient in other ways too: "
              f"{', '.join(MODES)} or all.")  # fmt: skip
@with_options("decompose")
@click.option("--check-gradient", is_flag=True, help="Compare with central differences and complex step at the point.")
@with_options("explain")
@click.option("--format", "form", type=click.Choice(FORMATS), help="For readers, one JSON object a line, or a document "
              "to take away.  [default: by the file's name, else text]")  # fmt: skip
@click.option("--fragment", is_flag=True, help="Of LaTeX, the formulas alone, to be pasted into a document.")
@click.option("--open", "show", is_flag=True, help="Show the page in a browser: --format html, if none is given.")
@click.option("-q", "--quiet", is_flag=True, help="The result alone, in Python's syntax.")
@with_options(
    "file", "output", "steps", "functions", "digits", "time-limit", "max-nodes", "no-simplify", "no-verify", "jobs",
    "ascii", "color", "width", "debug",
)  # fmt: skip
@click.pass_obj
def diff(state: State, /, **options: Any) -> int:
    """Differentiate equations and show every step.

    One equation shows its whole trace: forwards, backwards with the rule of every edge, what
    arrives at each node, the gradient, and how it was checked. Several show one line each.
    An argument that begins with a minus and is not an option is an equation.

    \b
    Examples:
      backprop diff "3(x+2)^2"                          d/dx, step by step
      backprop diff "5*a**2/(1+exp(b))" --wrt a,b --at a=2,b=0
      backprop diff "-x^2 sin x" --order 2              the second derivative
      backprop diff "f(g(x))" --functions f,g           the chain rule for unknown f and g
      backprop diff "a = x+2; b = a^2; y = 3b"          a program: its names stay names
      backprop diff "x^2 + y^2 = 25" --at x=3,y=4       dy/dx of a relation, at a point of the curve
      backprop diff "x^2 y" --hessian                   all second derivatives
      backprop diff "[x y, x + y]" --jacobian           several outputs
      backprop diff "x^2 y" --along dx=1,dy=2           a directional derivative
      backprop diff "x y sin(x y)" --mode all --at x=1,y=2   forward, paths, differences side by side
      backprop diff "x^2 y" --at points.csv             a table of values and gradients
      backprop diff -q "x*y" "ln x / x"                 answers alone: [y, x] and (1 - log(x))/x**2
      backprop diff -f equations.txt --format json      one JSON object a line
      backprop diff "x^2 y" --format latex -o x2y.tex   a document; also markdown, html, ipynb
      backprop diff "x^2 y" --at x=1,y=2 --open         a page that walks through the pass
      cat equations.txt | backprop diff -q              a pipe; # starts a comment

    \b
    A line may be a JSON object that has its own options:
      {"equation": "a x^2", "wrt": ["x"], "at": {"a": 3, "x": "1/2"}}

    \b
    Exit status, the worst of all lines:
      0  every derivative is proved, or equal as far as sampled
      3  some derivative could not be verified (it is printed all the same)
      4  some equation was refused at a limit
      2  some equation could not be read, or wrong usage
      70 SymPy has another derivative, or the program failed
    """
    from ..rows import Rows

    tables = [text for text in options["at"] if "=" not in text]
    for key in ("jobs", "width"):
        if options[key] is not None:
            number_option(key, options[key])
    programs = options["programs"]
    typed, files = (options["equations"], options["files"]) if programs else ((), ())
    if not programs or typed or files:
        typed, files = find_files(options["equations"], options["files"])
    settings = Settings().updated(given_options(options, ROW_OPTIONS))
    rows = Rows(typed, files, programs=programs, stdin=standard_input(), idle=True)
    single = len(typed) + len(programs) == 1 and not files
    session = state.session(1 if single else options["jobs"])
    default = "html" if options["show"] else "latex" if options["fragment"] else "text"
    by_name = default if options["quiet"] else form_of_file(options["output"], SUFFIXES, default)
    form = options["form"] = options["form"] or by_name
    if form in EXPORTS and options["quiet"]:
        raise UsageError(f"`-q` prints Python's syntax, not {form}", hint="--steps result leaves out the steps")
    if options["fragment"] and form != "latex":
        raise UsageError("`--fragment` goes with --format latex", hint="leave it out")
    file = browser_file(options["output"], form) if options["show"] else nullcontext(options["output"])
    with (
        file as name,
        open_output(name, width=options["width"], color=options["color"], ascii=options["ascii"]) as out,
    ):
        run = Run(settings, session, out, options, single=single)
        if tables:
            run.table(rows, tables)
            return run.status
        run.all(rows)
        if not out.written and run.status not in (ExitStatus.OK, ExitStatus.UNVERIFIED):
            raise click.exceptions.Exit(run.status)
    return run.status


class Run:
    """The rows of one call, from reading to printing."""

    def __init__(
        self,
        settings: Settings,
        session: Session,
        out: Output,
        options: dict[str, Any],
        single: bool,
        export: Any = None,
    ) -> None:
        self.settings, self.session, self.out = settings, session, out
        self.form, self.quiet, self.debug = options["form"], options["quiet"], options["debug"]
        self.json = self.form == "json"
        self.export = export  # what writes a document: `part`, `failure` and `document`, and `render` for a page
        if self.form in EXPORTS:
            self.export = import_module(f"...render.{EXPORTS[self.form]}", __name__)
        self.single = single
        several = options["steps"] is None and self.export is None and not single
        self.full = not self.json and not self.quiet and not several
        self.steps = options["steps"] or "all"
        self.fragment = {"fragment": True} if options["fragment"] else {}
        self.status = ExitStatus.OK
        self.shown = 0

    def all(self, rows: Rows) -> None:
        """Everything, in the order of the input."""
        source: Iterator[Row | None] = iter(rows)
        if self.export is not None:
            self.document(source)
            return
        if not (self.json or self.quiet or self.full):  # whether there are several decides how they look
            first = list(islice((row for row in source if row is not None), 2))
            self.single = self.full = len(first) == 1
            source = chain(first, source)
        if self.full and self.single:
            for row in source:
                if row is not None:
                    self.trace(row)
            return
        progress = Progress(self.out, rows)
        try:
            for job in self.session.stream(self.jobs(source)):
                if job is None:
                    self.out.flush()
                else:
                    progress.pause_for(job.key[1])
                    self.show(job)
                    progress.step()
        finally:
            progress.close()

    def document(self, source: Iterator[Row | None]) -> None:
        """A document of all equations, as they come; of a format with one equation a page, that page."""
        assert self.export is not None
        one_page = self.form in ONE_PAGE
        if one_page or self.single:
            first = list(islice((row for row in source if row is not None), 2))
            if one_page and len(first) > 1:
                raise UsageError(f"{self.form} has one equation a page", hint="backprop report makes a page of many")
            self.single = len(first) == 1
            source = chain(first, source)
        parts: Iterable[str] = self.parts(source)
        if self.single:
            parts = list(parts)
            if not parts:
                return
        for text in parts if one_page else self.export.document(parts, **self.fragment):
            self.out.stream.write(text)
            self.out.written = True

    def parts(self, source: Iterator[Row | None]) -> Iterator[str]:
        """What the format writes for each row: a row with an error says so, if it is one of several."""
        assert self.export is not None
        progress = Progress(self.out, source)
        try:
            for job in self.session.stream(self.jobs(source)):
                if job is None:
                    self.out.flush()
                    continue
                progress.pause_for(job.key[1])
                row, error = job.key
                text: Any = ""
                if error is None:
                    text, error = guarded(partial(self.written, job), self.debug)
                if error is None:
                    self.count(job)
                    yield text
                else:
                    self.fail(row, error)
                    if not self.single:
                        yield self.export.failure(typed_text(row), error, **self.fragment)
                progress.step()
        finally:
            progress.close()

    def table(self, rows: Rows, tables: list[str]) -> None:
        """One equation at many points: a table of values and derivatives."""
        from ..points import evaluation_of, read_points, write_csv, write_jsonl
        from ..session import Derive

        asked = self.settings
        if self.export is not None:
            raise UsageError(f"a table of points is no {self.form}", hint="give --format text or json")
        if not self.single or len(tables) > 1 or asked.at:
            raise UsageError("a table of points goes with one equation", hint="give one equation and one --at FILE")
        if asked.mode or asked.decompose or asked.explain or asked.tangent or asked.critical or asked.check_gradient:
            raise UsageError("a table of points has values and gradients only", hint="leave out what else is asked for")
        (row,) = (row for row in rows if row is not None)
        out = self.out
        with read_points(tables[0], (), stdin=standard_input()) as opened:
            job = self.job(row, inputs=opened.columns)
            if not isinstance(job, Derive):
                self.fail(row, job.key[1])
                return
            derivation = job.derivation
            evaluation = evaluation_of(derivation)
            opened.want(derivation.graph.variables([derivation.root]))
            self.session.send(job)  # while it is verified, the first points are read
            progress = Progress(out, opened, "points")
            try:
                found = progress.each(map(evaluation.at, opened.points()), lambda found: len(found.points))
                if self.json:
                    counts = write_jsonl(out.stream, found)
                else:
                    name = derivation.output_name
                    counts = write_csv(
                        out.stream, found, opened.columns, derivation.wrt, output=name, delimiter=opened.delimiter
                    )  # fmt: skip
            finally:
                progress.close()
        out.written = True
        out.flush()
        self.session.wait(job)
        self.count(job)
        total = sum(counts.values())
        parts = ", ".join(f"{count} {status}" for status, count in counts.items() if status != "ok")
        complain([f"{total} point{'s' * (total != 1)}{f': {parts}' if parts else ''}; {derivation.verified.how}"])
        if counts["unreadable"]:
            self.status = ExitStatus.worst(self.status, ExitStatus.USAGE)

    def jobs(self, rows: Iterable[Row | None]) -> Iterator[Job | None]:
        """A job for every row; one without a derivation for a row with an error."""
        for row in rows:
            yield None if row is None else self.job(row)

    def job(self, row: Row, inputs: Sequence[str] = ()) -> Job:
        """The row's derivation, on its way to a worker; `inputs` have values that come later."""
        from ..session import Derive, Job

        found, error = guarded(lambda: self.derive(row, inputs), self.debug)
        if error is not None:
            return Job(key=(row, error))
        derivation, settings = found
        job = Derive(
            derivation, key=(row, None), simplify=not settings.no_simplify, verify=not settings.no_verify,
            time_limit=settings.time_limit, adjoints=self.json or (self.full and self.steps != "result"),
        )  # fmt: skip
        job.critical = settings.critical
        return job

    def derive(self, row: Row, inputs: Sequence[str] = ()) -> tuple[Derivation, Settings]:
        """What needs no worker."""
        text, fields = equation_of(row, ROW_OPTIONS)
        settings = self.settings.updated(fields)
        trace = self.json or (self.full and self.steps != "result") or bool(settings.at or settings.mode)
        derivation = settings.derive(text, program=row.program, inputs=inputs, trace=trace)
        if settings.mode or settings.decompose or settings.check_gradient or settings.critical:
            from ..study import study

            study(
                derivation, modes=settings.mode, decompositions=settings.decompose is not None,
                check=settings.check_gradient, critical=settings.critical,
            )  # fmt: skip
        return derivation, settings

    # Printing.

    def trace(self, row: Row) -> None:
        """One equation: the first rows appear before the worker has answered."""
        from ..render.plain import lay_out
        from ..render.trace import Trace
        from ..session import Derive

        job = self.job(row)
        if not isinstance(job, Derive):
            self.fail(row, job.key[1])
            return
        out = self.out
        self.session.send(job)
        shown = Trace(job.derivation, ascii=out.ascii, steps=self.steps)
        out.lines(lay_out(shown.opening(), width=out.width, ascii=out.ascii))
        out.flush()
        self.session.wait(job)
        self.seek(job)
        out.lines(lay_out(shown.closing(), width=out.width, ascii=out.ascii))
        self.count(job)

    def seek(self, job: Any) -> None:
        """Critical points, if they are asked for."""
        if job.critical:
            from ..session import Seek

            self.session.wait(self.session.send(Seek.of(job.derivation, time_limit=job.time_limit)))

    def show(self, job: Job) -> None:
        """A row of several that is done."""
        row, error = job.key
        text: Any = ""
        if error is None:
            text, error = guarded(lambda: self.written(job), self.debug)
        if error is not None:
            self.fail(row, error)
            return
        if self.full or not (self.json or self.quiet):
            self.out.lines(text)
        else:
            self.out.text(text)
        self.count(job)

    def written(self, job: Any) -> Any:
        """The text of a row: a string, or lines with styles."""
        derivation, out = job.derivation, self.out
        self.seek(job)
        if self.json:
            return json_text(derivation.as_dict(job.key[0].source), ascii=out.ascii)
        if self.export is not None:
            write = self.export.render if self.form in ONE_PAGE else self.export.part
            return write(derivation, steps=self.steps, **self.fragment)
        from ..render.plain import lay_out, result_text, summary
        from ..render.trace import Trace
        from ..render.words import Words

        if self.quiet:
            text = result_text(derivation)
            return Words(ascii=True).final(text) if out.ascii else text
        if not self.full:
            return fold_line(summary(derivation, ascii=out.ascii), out.width)
        shown = Trace(derivation, ascii=out.ascii, steps=self.steps)
        lines = [*lay_out(shown.opening(), width=out.width, ascii=out.ascii)]
        lines += lay_out(shown.closing(), width=out.width, ascii=out.ascii)
        self.shown += 1
        return lines if self.shown == 1 else [[], [], *lines]

    def fail(self, row: Row, error: BackpropError) -> None:
        """An error row: in JSON an object; else a message, and in its place an empty line or the message."""
        self.status = ExitStatus.worst(self.status, status_of(error))
        if self.json:
            self.out.text(json_text(error_object(error, row), ascii=self.out.ascii))
            return
        place = row.place_of(error)
        if self.quiet:
            self.out.text("")
        elif self.export is None and not (self.single or self.out.terminal):
            between = "\n\n" if self.full and self.shown else ""
            self.shown += 1
            self.out.text(between + plain_error(error, row, self.out.ascii))
        self.out.flush()
        complain(error_lines(error, place))

    def count(self, job: Any) -> None:
        """The exit status, and a warning that no reader of `-q` may miss."""
        verified = job.derivation.verified
        if verified.status == "failed":
            self.status = ExitStatus.worst(self.status, ExitStatus.INTERNAL)
            if self.quiet:
                self.out.flush()
                complain([f"{job.key[0].place} error: {verified.how}".strip()])
        elif verified.status == "unverified" and job.verify:
            self.status = ExitStatus.worst(self.status, ExitStatus.UNVERIFIED)
