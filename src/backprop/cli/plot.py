"""`backprop plot`: a function, its derivative and tangents, on the terminal or as a picture."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from ..errors import ExitStatus, UsageError, visible
from .common import (
    EquationCommand,
    State,
    browser_file,
    complain,
    error_lines,
    find_files,
    form_of_file,
    json_text,
    number_option,
    open_output,
    standard_input,
)
from .settings import Settings, equation_of, given_options, with_options

if TYPE_CHECKING:
    from ..derivation import Derivation
    from ..evaluate import Value
    from ..field import Chosen
    from ..rows import Row

FORMATS = ("text", "svg", "png", "json")
HEIGHT = 22  # rows of a plot on a terminal
WIDEST = 120  # columns that a plot takes by itself


@click.command("plot", cls=EquationCommand, options_metavar="[OPTIONS]")
@click.argument("equations", nargs=-1, metavar="[EQUATION]")
@click.option("--at", multiple=True, metavar="x=1,a=2", help="Points for tangents (give it several times for more), "
              "and values of the variables that are not plotted.")  # fmt: skip
@click.option("--range", "ranges", multiple=True, metavar="x=-3..5", help="The window: also y=0..2, and pi.  "
              "[default: what there is to see]")  # fmt: skip
@click.option("--wrt", multiple=True, metavar="x,y", help="The variables that are plotted: one or two.")
@click.option("--order", type=int, default=1, show_default=True, metavar="N", help="Draw the N-th derivative.")
@click.option("--equal", is_flag=True, help="The same scale in both directions: slopes look as they are.")
@click.option("--of", multiple=True, metavar="y", help="The output of a program; of a relation, what depends on x.")
@with_options("program")
@click.option("--format", "form", type=click.Choice(FORMATS), help="The terminal's signs, a picture, or the samples.  "
              "[default: by the file's name, else text]")  # fmt: skip
@click.option("-f", "--file", "files", multiple=True, metavar="FILE",
              help="Read the equation from a file; - is standard input.")  # fmt: skip
@with_options("output", "open")
@click.option("--digits", type=int, default=6, show_default=True, metavar="N", help="Digits of values.")
@with_options("time-limit", "max-nodes", "no-simplify", "no-verify", "ascii", "color")
@click.option("--width", type=int, metavar="N", help="Columns of the plot.  [default: the terminal's; else 80]")
@click.option("--height", type=int, metavar="N", help=f"Rows of the plot.  [default: {HEIGHT}]")
@with_options("debug")
@click.pass_obj
def plot(state: State, /, **options: Any) -> int:
    """Plot a function with its derivative and tangents.

    One variable: the function, below it its derivative, tangents at the points of --at, the steepest
    quarter of the window shaded. Poles, jumps and missing points stay open: what is drawn without a gap
    was proved to have none. Two variables: level lines and the gradient as arrows. A relation: its curve.

    \b
    Examples:
      backprop plot "x^2 sin x"                         on the terminal
      backprop plot "x^3 - 3x" --at x=1 --at x=2        two tangents, with a table
      backprop plot "tan x" --range x=-pi..pi,y=-5..5   the window
      backprop plot "sqrt x" --equal -o root.svg        a picture, with equal scales
      backprop plot "ln x" --format png -o ln.png --open
      backprop plot "a x^2" --at a=2 --at x=1           a parameter has a value
      backprop plot "x^2 - y^2" --at x=2,y=1            level lines, gradients, and a tangent
      backprop plot "x^2 + y^2 = 25" --at x=3           the curve of a relation, with its tangents
      backprop plot "x^2 sin x" --format json           the samples

    \b
    Exit status:
      0  the derivative is proved, or equal as far as sampled
      3  it could not be verified (it is drawn all the same)
      4  refused at a limit
      2  the equation could not be read, or wrong usage
      70 SymPy has another derivative, or the program failed
    """
    from ..field import choose
    from ..rows import read_point

    form = _form(options)
    if options["width"] is not None:
        number_option("width", options["width"])
    settings = Settings().updated(given_options(options, ("wrt", "order", "of", "digits", "max-nodes", "time-limit")))
    if settings.wrt is not None and len(settings.wrt) > 2:
        raise UsageError("a plot shows one variable or two", hint=f"--wrt {visible(settings.wrt[0])}")
    if options["height"] is not None and not 10 <= options["height"] <= 500:
        raise UsageError("`height` is a whole number from 10 to 500", hint=f"--height {HEIGHT}")
    row = _row(options)
    given = [{name: str(text) for name, text in read_point(text).items()} for text in options["at"]]
    derivation = _derive(row, settings, given)
    return _show(state, derivation, choose(derivation, given, settings.wrt or []), form, options, row)


def _form(options: Mapping[str, Any]) -> str:
    """The format; a picture needs a place to go to."""
    name = options["output"]
    form: str | None = options["form"]
    if form is None:
        suffixes = {form: form for form in ("svg", "png", "json")}
        form = form_of_file(name, suffixes, "svg" if options["show"] else "text")
    to_terminal = name in (None, "-") and not options["show"]
    if form == "png" and to_terminal and sys.stdout is not None and sys.stdout.isatty():
        raise UsageError("a PNG is no text for a terminal", hint="write it to a file: -o plot.png")
    return form


def _row(options: Mapping[str, Any]) -> Row:
    """The one equation."""
    from ..rows import Rows

    programs = options["programs"]
    typed, files = (options["equations"], options["files"]) if programs else ((), ())
    if not programs or typed or files:
        typed, files = find_files(options["equations"], options["files"])
    rows = [row for row in Rows(typed, files, programs=programs, stdin=standard_input()) if row is not None]
    if len(rows) != 1:
        raise UsageError(f"a plot shows one equation, not {len(rows)}", hint="call it once for each")
    row = rows[0]
    if row.error is not None:
        complain(error_lines(row.error, row.place))
        raise click.exceptions.Exit(ExitStatus.USAGE)
    return row


def _derive(row: Row, settings: Settings, given: list[dict[str, str]]) -> Derivation:
    """The derivation; of a constant, by x."""
    from ..parser import check_variables

    names = check_variables(dict.fromkeys(name for point in given for name in point))
    text, _ = equation_of(row, ())
    derivation = settings.derive(text, program=row.program, inputs=names, trace=False)
    if not derivation.wrt and derivation.kind != "implicit":
        derivation = settings._replace(wrt=["x"]).derive(text, program=row.program, inputs=names, trace=False)
    if len(derivation.outputs) > 1:
        called = [visible(name) for name, _ in derivation.named_outputs]
        raise UsageError("a plot shows one function", hint=f"--of {called[0]}")
    return derivation


def _ranges(options: Mapping[str, Any]) -> dict[str, tuple[Value, Value]]:
    """The windows that are given: x=-3..5."""
    from ..rows import split_list
    from ..values import parse_value

    found: dict[str, tuple[Value, Value]] = {}
    for text in options["ranges"]:
        for part in split_list(text):
            name, equals, both = (piece.strip() for piece in part.partition("="))
            low, dots, high = (piece.strip() for piece in both.partition(".."))
            if not (name and equals and low and dots and high):
                raise UsageError(f"`{visible(part)}` is no range", hint="write for example x=-3..5 or x=0..2*pi")
            if name in found:
                raise UsageError(f"{visible(name)} has two ranges", hint="give it one")
            found[name] = parse_value(low), parse_value(high)
    return found


def _show(
    state: State,
    derivation: Derivation,
    chosen: Chosen,
    form: str,
    options: Mapping[str, Any],
    row: Row,
) -> int:
    """Draws, while a worker checks the derivative."""
    from ..field import View, draw
    from ..session import Derive

    ranges = _ranges(options)
    job = Derive(derivation, simplify=not options["no_simplify"], verify=not options["no_verify"],
                 time_limit=options["time_limit"], adjoints=False)  # fmt: skip
    session = state.session(1)
    session.send(job)
    file = browser_file(options["output"], form) if options["show"] else nullcontext(options["output"])
    with (
        file as name,
        open_output(name, width=options["width"], color=options["color"], ascii=options["ascii"]) as out,
    ):
        width = out.width if options["width"] else min(out.width or 80, WIDEST)
        height = options["height"] or HEIGHT
        single = len(chosen.variables) == 1
        size, reach = _page(form, single, width or 80, height)
        view = View(chosen.fixed, chosen.points, ranges, options["equal"] or None, size, reach)
        found = draw(derivation, chosen.variables, view)
        session.wait(job)
        if form == "text":
            from ..render.plot import render

            out.lines(render(found, width=width or 80, height=height, ascii=out.ascii))
        elif form == "json":
            from ..render.samples import plot_object

            out.text(json_text(plot_object(found, row.source), ascii=out.ascii))
        else:
            from ..render import figure

            out.flush()
            out.stream.buffer.write(figure.render(found, form))
            out.written = True
    verified = derivation.verified
    if verified.status == "failed":
        if form != "text":
            complain([f"error: {verified.how}"])
        return ExitStatus.INTERNAL
    return ExitStatus.UNVERIFIED if verified.status == "unverified" and not options["no_verify"] else ExitStatus.OK


def _page(form: str, single: bool, width: int, height: int) -> tuple[tuple[float, float], float]:
    """The size of the drawing, on which it depends what equal scales are, and how far a tangent reaches in it."""
    if form in ("svg", "png"):
        from ..render import figure

        return (figure.page_size() if single else figure.field_size()), 0.17
    from ..render import plot as terminal

    return (terminal.page_size(width, height) if single else terminal.field_size(width, height)), terminal.REACH
