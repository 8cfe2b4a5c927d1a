"""`backprop graph`: the compute graph of an equation, with values forwards and adjoints backwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from importlib import import_module
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..choices import STYLES
from ..errors import BackpropError, ExitStatus, UsageError, visible
from .common import (
    EquationCommand,
    Output,
    State,
    browser_file,
    complain,
    error_lines,
    find_files,
    form_of_file,
    guarded,
    number_option,
    open_output,
    plain_error,
    standard_input,
    status_of,
)
from .settings import Settings, equation_of, given_options, with_options

if TYPE_CHECKING:
    from ..derivation import Derivation
    from ..render.plain import Line
    from ..rows import Row, Rows
    from ..session import Session

# Formats -> the module of `render` that draws them, and the ends of the names of their files.
FORMATS = {"text": "boxes", "svg": "svg", "dot": "dot", "mermaid": "mermaid", "tikz": "tikz"}
SUFFIXES = {"svg": "svg", "dot": "dot", "gv": "dot", "mmd": "mermaid", "mermaid": "mermaid", "tex": "tikz"}
DIRECTIONS = ("right", "down", "list")
SMALL = 60  # nodes up to which adjoints are simplified, and what was proved is part of the picture
NOTES = 12
BOXES, DIGITS = 500, 4  # what `picture` has, which is not loaded for the help

# What a JSON row may say: options of `diff`, and those of a drawing.
DERIVED = (
    "wrt", "at", "order", "of", "jacobian", "hessian", "decompose", "functions", "time-limit", "max-nodes",
    "no-simplify", "no-verify",
)  # fmt: skip
DRAWN = ("style", "step", "pass", "limit", "digits", "forward-only")
LOWEST = {"step": 0, "pass": 1, "limit": 1, "digits": 1}


class Look(NamedTuple):
    """How one equation is drawn."""

    style: str = "operations"
    step: int | None = None
    part: int = 1
    limit: int = BOXES
    digits: int = DIGITS
    forward_only: bool = False

    def options(self) -> dict[str, Any]:
        """These as arguments of `picture.draw`."""
        return {**self._asdict(), "part": self.part - 1}

    def updated(self, given: dict[str, Any]) -> Look:
        """With some options (by their long names) given anew, and checked."""
        changes: dict[str, Any] = {}
        for key, value in given.items():
            if key == "style":
                if value not in STYLES:
                    raise UsageError(f"`{visible(str(value))}` is no style", hint=f"choose from {', '.join(STYLES)}")
                changes[key] = value
            elif key == "forward-only":
                if not isinstance(value, bool):
                    raise UsageError(f"`{key}` is true or false", hint=f'write "{key}": true')
                changes["forward_only"] = value
            else:
                low = LOWEST[key]
                if type(value) is not int or not low <= value <= 10**6:
                    raise UsageError(f"`{key}` is a whole number from {low}", hint=f"--{key} {max(low, 1)}")
                changes["part" if key == "pass" else key] = value
        return self._replace(**changes)


@click.command("graph", cls=EquationCommand, options_metavar="[OPTIONS]")
@click.argument("equations", nargs=-1, metavar="[EQUATION]...")
@click.option("--style", type=click.Choice(STYLES), default="operations", show_default=True,
              help="What is a node and what is an edge; in circuits, the wires have the numbers.")  # fmt: skip
@with_options("at", "wrt")
@click.option("--forward-only", is_flag=True, help="Without the backward pass.")
@click.option("--step", type=int, metavar="K", help="The state after K edges of the backward pass; 0: its start.")
@click.option("--pass", "part", type=int, default=1, show_default=True, metavar="N",
              help="Of several passes (higher derivatives, several outputs), the one to draw.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(tuple(FORMATS)),
              help="For the terminal, or a picture.  [default: by the file's name, else text]")  # fmt: skip
@click.option("--direction", type=click.Choice(DIRECTIONS), help="Where the drawing leads.  [default: what fits]")
@click.option("--limit", type=int, default=BOXES, show_default=True, metavar="N",
              help="Boxes; of more, chains are folded, and what is furthest from the output is left out.")  # fmt: skip
@with_options("order", "jacobian")
@click.option("--hessian", is_flag=True, help="A pass for each variable: all second derivatives.")
@with_options("program", "of", "decompose", "functions", "file", "output", "open")
@click.option("--digits", type=int, default=DIGITS, show_default=True, metavar="N", help="Digits of rounded numbers.")
@with_options("time-limit", "max-nodes", "no-simplify", "no-verify", "ascii", "color", "width", "debug")
@click.pass_obj
def graph(state: State, /, **options: Any) -> int:
    """Draw the compute graph of an equation.

    The value stands above a node, the adjoint below it: the number where there is a point, else the
    formula if it is short, else its name. Shared nodes are drawn once. A drawing that is too wide for the
    terminal leads down, or has its chains folded, or is written as a list.

    \b
    Examples:
      backprop graph "3(x+2)^2" --at x=1                values above, adjoints below
      backprop graph "5x^2/(1+e^x)" --style circuit --at x=1
      backprop graph "x y + sin x" --style variables    variables as nodes, operations on edges
      backprop graph "x y + sin x" --at x=0,y=2 --step 3    after three edges of the backward pass
      backprop graph "a = x+2; b = a^2; y = 3b" -o graph.svg
      backprop graph "x^2 y" --at x=1,y=2 --open        a picture in the browser
      backprop graph "x^2 y" --format dot | dot -Tpdf -o graph.pdf

    \b
    Exit status:
      0  the derivative is proved, or equal as far as sampled
      3  it could not be verified (the graph is drawn all the same)
      4  refused at a limit
      2  the equation could not be read, or wrong usage
      70 SymPy has another derivative, or the program failed
    """
    from ..rows import Rows

    form = options["form"] = _form(options)
    if options["direction"] == "list" and form != "text":
        raise UsageError("a list is text", hint="--direction right or down")
    if any("=" not in text for text in options["at"]):
        raise UsageError("a graph has one point", hint="--at x=1,y=2")
    settings = Settings().updated(given_options(options, DERIVED))
    look = Look().updated(given_options({**options, "pass": options["part"]}, DRAWN))
    if options["width"] is not None:
        number_option("width", options["width"])
    programs = options["programs"]
    typed, files = (options["equations"], options["files"]) if programs else ((), ())
    if not programs or typed or files:
        typed, files = find_files(options["equations"], options["files"])
    rows = Rows(typed, files, programs=programs, stdin=standard_input(), idle=True)
    file = browser_file(options["output"], form) if options["show"] else nullcontext(options["output"])
    with (
        file as name,
        open_output(name, width=options["width"], color=options["color"], ascii=options["ascii"]) as out,
    ):
        run = _Run(settings, look, state.session(1), out, options)
        run.all(rows)
        if not out.written and run.status not in (ExitStatus.OK, ExitStatus.UNVERIFIED):
            raise click.exceptions.Exit(run.status)
    return run.status


def _form(options: dict[str, Any]) -> str:
    """The format: as asked, by the name of the file, for a browser svg, else text."""
    if options["form"] is not None:
        return str(options["form"])
    return form_of_file(options["output"], SUFFIXES, "svg" if options["show"] else "text")


def hints(derivation: Derivation, look: Look) -> list[str]:
    """How to see what a drawing does not show."""
    nodes = sum(step.part == look.part - 1 for step in derivation.nodes)
    found = [f"--limit {nodes} shows every node"] if nodes > look.limit else []
    return [*found, "--pass N shows another pass"] if len(derivation.passes) > 1 else found


class _Run:
    """The rows of one call, from reading to drawing."""

    def __init__(self, settings: Settings, look: Look, session: Session, out: Output, options: dict[str, Any]) -> None:
        self.settings, self.look, self.session, self.out = settings, look, session, out
        self.form, self.direction, self.debug = options["form"], options["direction"], options["debug"]
        self.status = ExitStatus.OK
        self.shown = 0

    def all(self, rows: Rows) -> None:
        """Every row, in the order of the input."""
        source: Iterator[Row] = (row for row in rows if row is not None)
        first = list(islice(source, 2))
        several = len(first) > 1
        if several and self.form != "text":
            raise UsageError(f"{self.form} draws one equation", hint="give one equation, or --format text")
        for row in chain(first, source):
            error = self.row(row)
            if error is not None:
                self.fail(row, error, several)
            self.out.flush()

    def row(self, row: Row) -> BackpropError | None:
        """One equation, or why it is not drawn. A large one is drawn before the worker has answered."""
        from ..session import Derive

        found, error = guarded(partial(self.derive, row), self.debug)
        if error is not None:
            return error
        derivation, settings, look = found
        small = len(derivation.nodes) <= SMALL
        formulas = not set(derivation.graph.variables(derivation.outputs)) <= (derivation.point or {}).keys()
        job = Derive(
            derivation, simplify=small and formulas and not settings.no_simplify, verify=not settings.no_verify,
            time_limit=settings.time_limit,
        )  # fmt: skip
        self.session.send(job)
        if small:
            self.session.wait(job)
        work = self.text if self.form == "text" else self.picture
        drawn, error = guarded(partial(work, derivation, look, small), self.debug)
        if error is not None:
            return error
        if self.form == "text":
            self.out.lines([[], [], *drawn] if self.shown else drawn)
        else:
            self.out.stream.write(drawn)
            self.out.written = True
        self.shown += 1
        self.out.flush()
        self.session.wait(job)
        self.close(derivation, said=small and self.form != "text")
        if derivation.verified.status == "failed":
            self.status = ExitStatus.worst(self.status, ExitStatus.INTERNAL)
        elif derivation.verified.status == "unverified" and job.verify:
            self.status = ExitStatus.worst(self.status, ExitStatus.UNVERIFIED)
        return None

    def derive(self, row: Row) -> tuple[Derivation, Settings, Look]:
        """The derivation of a row, and how it is to be drawn."""
        text, fields = equation_of(row, (*DERIVED, *DRAWN))
        look = self.look.updated({key: fields.pop(key) for key in DRAWN if key in fields})
        settings = self.settings.updated(fields)
        return settings._replace(digits=max(15, look.digits)).derive(text, program=row.program), settings, look

    def text(self, derivation: Derivation, look: Look, _: bool) -> list[Line]:
        """The drawing under its heading, and below it what it shows."""
        from ..render.boxes import render

        picture, lines = render(
            derivation, width=self.out.width, direction=self.direction, ascii=self.out.ascii, **look.options()
        )  # fmt: skip
        point = ", ".join(f"{name} = {text}" for name, text in derivation.point_text.items())
        above = [(picture.title + (f"   ({point})" if point else ""), "title")]
        below = [(picture.caption, "warn"), (picture.legend, "remark")]
        below += [(remark, "remark") for remark in picture.remarks]
        below += [(hint, "remark") for hint in hints(derivation, look)]
        return [*self.folded(above), [], *lines, [], *self.folded(below)]

    def picture(self, derivation: Derivation, look: Look, verified: bool) -> str:
        """The file of another format, which says how the derivative was checked if that is known."""
        from ..picture import draw

        picture = draw(derivation, **look.options())
        complain(hints(derivation, look))
        if verified:
            picture.remarks.append(verdict_of(derivation)[0])
        if self.form == "svg":
            from ..render.svg import picture_svg

            return picture_svg(picture, direction=self.direction)
        render = import_module(f"...render.{FORMATS[self.form]}", __name__).render
        return str(render(picture, direction=self.direction or "right"))

    def close(self, derivation: Derivation, *, said: bool) -> None:
        """How it was checked, unless the picture has said it, and the notes: below a text, else as messages."""
        texts = [] if said else [verdict_of(derivation, self.out.ascii)]
        texts += notes_of(derivation)
        if self.form == "text":
            self.out.lines(self.folded(texts))
        elif texts:
            complain(visible(text) for text, _ in texts)

    def folded(self, texts: Iterable[tuple[str, str]]) -> Iterator[Line]:
        """Sentences as lines that fit."""
        from ..render.plain import fold
        from ..render.words import Words

        width, final = self.out.width, Words(self.out.ascii).final
        for text, style in texts:
            for piece in fold(final(text), width) if width else [final(text)]:
                if piece:
                    yield [(piece, style)]

    def fail(self, row: Row, error: BackpropError, several: bool) -> None:
        """An error: a message, and in the place of one of several drawings its line."""
        self.status = ExitStatus.worst(self.status, status_of(error))
        if several and not self.out.terminal:
            self.out.text(("\n\n" if self.shown else "") + plain_error(error, row, self.out.ascii))
            self.shown += 1
        self.out.flush()
        complain(error_lines(error, row.place_of(error)))


def verdict_of(derivation: Derivation, ascii: bool = False) -> tuple[str, str]:
    """How the derivative was checked, and the style of that line."""
    from ..render.trace import verdict_mark

    mark, style = verdict_mark(derivation, ascii)
    return f"{mark} {derivation.verified.how}", style


def notes_of(derivation: Derivation) -> list[tuple[str, str]]:
    """The first notes as lines, and how many more there are."""
    notes = [f"note: {note}" for note in derivation.notes]
    more = [f"note: and {len(notes) - NOTES} more"] if len(notes) > NOTES else []
    return [(note, "note") for note in [*notes[:NOTES], *more]]
