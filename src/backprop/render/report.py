r"""Many derivations as one document with contents, in HTML or LaTeX; as a worksheet, with the solutions at the end.

A report is made of parts, one for each equation, in their order: `part` makes one of a derivation, `failure` one
of an equation that could not be differentiated, `document` puts them together. A worksheet has every part twice:
first with gaps where local derivatives, adjoints and results stand, then whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..derivation import Derivation
from ..errors import BackpropError, UsageError, visible
from ..mathml import escape_html
from ..notation import escape_latex
from . import html, latex

TITLE = "Derivatives by backpropagation"
MOST_BOXES = 40  # of a graph that is drawn in a LaTeX document


class Part(NamedTuple):
    """An equation of a report: as typed, the exercise (of a worksheet, else ""), and the derivation or the error."""

    typed: str
    exercise: str
    whole: str
    failed: bool = False


class Report:
    """What both formats share. `blank` makes a worksheet."""

    def __init__(self, title: str = TITLE, *, blank: bool = False) -> None:
        self.title, self.blank = title, blank
        self.count = 0

    def part(self, derivation: Derivation, *, steps: str = "all") -> Part:
        """The next equation."""
        self.count += 1
        exercise = self.written(derivation, steps, blank=True) if self.blank else ""
        return Part(derivation.equation.text, exercise, self.written(derivation, steps, blank=False))

    def failure(self, typed: str, error: BackpropError) -> Part:
        """The next equation, which could not be differentiated."""
        self.count += 1
        said = self.said(typed, error)
        return Part(typed, said if self.blank else "", said, failed=True)

    def written(self, derivation: Derivation, steps: str, *, blank: bool) -> str:
        """A derivation in the format of this report."""
        raise NotImplementedError

    def said(self, typed: str, error: BackpropError) -> str:
        """An error in the format of this report."""
        raise NotImplementedError

    def document(self, parts: Iterable[Part]) -> Iterator[str]:
        """The whole document."""
        raise NotImplementedError


class HtmlReport(Report):
    """A page; see `html` for what is on it."""

    def written(self, derivation: Derivation, steps: str, *, blank: bool) -> str:
        """An article, with an id that the contents lead to."""
        kind = "exercise" if blank else "solution" if self.blank else "equation"
        level = 3 if self.blank else 2
        return html.body(
            derivation, heading_level=level, ids_prefix=f"{kind}-{self.count}", steps=steps,
            label=f"{kind.capitalize()} {self.count}", blank=blank,
        )  # fmt: skip

    def said(self, typed: str, error: BackpropError) -> str:
        """A paragraph."""
        hint = f" ({escape_html(error.hint)})" if error.hint else ""
        shown = f"<code>{escape_html(short(typed))}</code>"
        message = f'<span class="bad">error:</span> {escape_html(error.message)}{hint}'
        label = f'<p class="eyebrow">No. {self.count}</p>'
        return f'<section class="failed">{label}<p>{shown}</p><p>{message}</p></section>\n'

    def document(self, parts: Iterable[Part]) -> Iterator[str]:
        """The page: contents first, then all parts, the solutions at the end."""
        parts = some(parts)
        kind = "exercise" if self.blank else "equation"
        pieces = [f'<header class="question"><h1>{escape_html(self.title)}</h1></header>\n', self.contents(parts, kind)]
        if self.blank:
            pieces += ['<h2 id="exercises">Exercises</h2>\n', *(part.exercise for part in parts)]
            pieces += ['<h2 id="solutions">Solutions</h2>\n']
        pieces += [part.whole for part in parts if not (self.blank and part.failed)]
        yield html.page(self.title, pieces)

    def contents(self, parts: Iterable[Part], kind: str) -> str:
        """Every equation with a link to its place."""
        rows = []
        for number, part in enumerate(parts, 1):
            shown = f"<code>{escape_html(short(part.typed))}</code>"
            rows.append(f"<li>{shown}</li>\n" if part.failed else f'<li><a href="#{kind}-{number}">{shown}</a></li>\n')
        solutions = '<p><a href="#solutions">Solutions</a></p>' if self.blank else ""
        return f'<nav class="contents" aria-label="Contents"><ol>\n{"".join(rows)}</ol>{solutions}</nav>\n'


class LatexReport(Report):
    """A document for pdfLaTeX; run it twice for the page numbers of the contents."""

    def written(self, derivation: Derivation, steps: str, *, blank: bool) -> str:
        """A section, with the graph if it is small."""
        shown = rf"\texttt{{{escape_latex(short(derivation.equation.text))}}}"
        solution = self.blank and not blank
        head = rf"\section*{{{self.count}\quad {shown}}}" if solution else rf"\section{{{shown}}}"
        formulas = latex.part(derivation, steps=steps, blank=blank).partition("\n")[2]
        reading, next_one, rest = formulas.partition("\\subsection*")
        return f"{head}\n{reading}{self.graph(derivation, blank)}{next_one}{rest}"

    def graph(self, derivation: Derivation, blank: bool) -> str:
        """The compute graph, no wider than the text; nothing for a large one."""
        from ..picture import draw
        from . import tikz

        through_derivatives = blank and bool(derivation.passes[0].by)  # it would tell what they are
        if not 0 < len(derivation.nodes) <= MOST_BOXES or through_derivatives:
            return ""
        drawn = tikz.render(draw(derivation, forward_only=blank), fragment=True)
        return f"\\subsection*{{Compute graph}}\n\\graph{{%\n{drawn}}}\n"

    def said(self, typed: str, error: BackpropError) -> str:
        """A section with the message."""
        hint = rf" (\emph{{{escape_latex(error.hint)}}})" if error.hint else ""
        head = rf"\section{{\texttt{{{escape_latex(short(typed))}}}}}"
        return f"{head}\n\\textbf{{error:}} {escape_latex(error.message)}{hint}\n"

    def document(self, parts: Iterable[Part]) -> Iterator[str]:
        """The document: contents first, then all parts, the solutions at the end."""
        parts = some(parts)
        opening, begin, _ = latex.OPENING.partition(r"\begin{document}")
        yield opening + PREAMBLE + begin + "\n"
        yield rf"\title{{{escape_latex(self.title)}}}\author{{}}\date{{}}\maketitle" + "\n\\tableofcontents\n"
        solutions = []
        for part in parts:
            yield part.exercise or part.whole
            if self.blank and not part.failed:
                solutions.append(part.whole)
        if solutions:
            yield "\\clearpage\n\\section*{Solutions}\\addcontentsline{toc}{section}{Solutions}\n"
            yield from solutions
        yield latex.CLOSING


# A graph that is wider than the text is made smaller.
PREAMBLE = r"""\usepackage{tikz}
\usetikzlibrary{arrows.meta}
\newcommand{\gap}{\rule{0pt}{3.5ex}\underline{\hspace{7em}}}
\newsavebox{\drawing}
\newcommand{\graph}[1]{\par\noindent\sbox{\drawing}{#1}%
  \ifdim\wd\drawing>\linewidth\resizebox{\linewidth}{!}{\usebox{\drawing}}\else\usebox{\drawing}\fi\par}
"""


def some(parts: Iterable[Part]) -> list[Part]:
    """All parts. Errors: `UsageError` if there are none."""
    found = list(parts)
    if not found:
        raise UsageError("there is no equation to write about", hint="write one equation a line")
    return found


def short(typed: str) -> str:
    """An equation as it was typed, for a heading: on one line, and cut."""
    shown = " ".join(visible(typed).split())
    return shown if len(shown) <= latex.SHORT_TITLE else shown[: latex.SHORT_TITLE - 1] + "…"
