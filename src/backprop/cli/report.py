"""`backprop report`: a file of equations as one document, or as a worksheet."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import click

from ..errors import ExitStatus, UsageError
from .common import SUFFIXES, State, browser_file, find_files, form_of_file, open_output, standard_input
from .diff import Run
from .settings import Settings, given_options, with_options

FORMATS = ("html", "latex")
ENDS = ("html", "htm", "tex")  # of names of files that it writes
# What is asked of every equation: keys of a JSON row.
ASKED = (
    "wrt", "at", "order", "of", "jacobian", "hessian", "mixed", "along", "total", "tangent", "critical", "decompose",
    "explain", "functions", "digits", "time-limit", "max-nodes", "no-simplify", "no-verify",
)  # fmt: skip


@click.command("report")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--blank", is_flag=True, help="A worksheet: gaps where local derivatives, adjoints and results stand, "
              "and the solutions at the end.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(FORMATS), help="A page, or a document for pdfLaTeX.  "
              "[default: by the file's name, else html]")  # fmt: skip
@click.option("--title", metavar="TEXT", help="The title of the document.")
@with_options("output", "open", "program", *ASKED, "steps", "jobs", "debug")
@click.pass_obj
def report(state: State, /, **options: Any) -> int:
    """Turn a file of equations into one document with contents.

    A FILE has one equation a line, as for diff; a line may be a JSON object with options of its own, such
    as a point. The document is one file that needs no network: for every equation its compute graph, both
    passes and the gradient, and in HTML the steps one by one. Run pdflatex twice for the page numbers.

    \b
    Examples:
      backprop report homework.eq -o homework.html
      backprop report homework.eq --blank --title "Chain rule" -o sheet.html
      backprop report homework.eq --blank -o sheet.tex && pdflatex sheet && pdflatex sheet
      backprop report homework.eq --at x=1 --open
      cat homework.eq | backprop report > homework.html

    \b
    Exit status, the worst of all lines:
      0  every derivative is proved, or equal as far as sampled
      3  some derivative could not be verified (it is in the document all the same)
      4  some equation was refused at a limit
      2  some equation could not be read, or wrong usage
      70 SymPy has another derivative, or the program failed
    """
    from ..render.report import TITLE, HtmlReport, LatexReport
    from ..rows import Rows

    form = options["form"] or form_of_file(options["output"], {end: SUFFIXES[end] for end in ENDS}, "html")
    files = options["files"]
    if not (options["programs"] and not files):
        _, files = find_files((), files)
    if any("=" not in text for text in options["at"]):
        raise UsageError("a report has points, no tables", hint="--at x=1,y=2")
    settings = Settings().updated(given_options(options, ASKED))
    rows = Rows((), files, programs=options["programs"], stdin=standard_input(), idle=True)
    file = browser_file(options["output"], form) if options["show"] else nullcontext(options["output"])
    with file as name, open_output(name, width=None, color="never", ascii=False) as out:
        kind = HtmlReport if form == "html" else LatexReport
        export = kind(options["title"] or TITLE, blank=options["blank"])
        options |= {"form": "report", "quiet": False, "fragment": False}
        run = Run(settings, state.session(options["jobs"]), out, options, single=False, export=export)
        run.all(rows)
        if not out.written and run.status not in (ExitStatus.OK, ExitStatus.UNVERIFIED):
            raise click.exceptions.Exit(run.status)
    return run.status
