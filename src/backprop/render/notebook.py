"""A derivation as a Jupyter notebook: what the trace says in cells of Markdown, and one cell of code that repeats it.

The notebook is plain JSON of format 4.5, written without Jupyter. The cell of code calls `differentiate` with the
text that was typed as a quoted string, so that it is never code; its output is stored, as if it had been run.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from ..derivation import Derivation
from ..mathml import escape_html
from ..notation import escape_latex
from . import svg
from .latex import whole
from .markdown import escape_markdown
from .trace import Section, Trace
from .words import Print, runs

MOST_ROWS = 500  # of one table
FEW_ROWS, FEW_BOXES = 200, 100  # in the output of a cell
MOST_BOXES = 300  # of the graph


class NotebookWords(Print):
    """The words of Jupyter's Markdown, in which mathematics stands between dollars."""

    width, height, depth = 50.0, 8.0, 24

    def finished(self, latex: str) -> str:
        """Mathematics in a line."""
        return f"${latex.strip()}$"

    def escaped(self, prose: str) -> str:
        """Without markup."""
        return escape_markdown(prose)


class OutputWords(NotebookWords):
    """The words of what a cell puts out: HTML, in which Jupyter sets what stands between dollars."""

    def finished(self, latex: str) -> str:
        """Mathematics in a line, in which fractions are not small."""
        return escape_html(super().finished(rf"\displaystyle {latex}" if r"\frac" in latex else latex))

    def escaped(self, prose: str) -> str:
        """Without markup, and no mathematics."""
        return escape_html(prose).replace("$", r"\$")


def render(derivation: Derivation, *, steps: str = "all") -> str:
    """The notebook as JSON.

    >>> from backprop.derivation import derive
    >>> notebook = json.loads(render(derive("x*y")))
    >>> notebook["nbformat"], [cell["cell_type"] for cell in notebook["cells"]][-1]
    (4, 'code')
    >>> print(notebook["cells"][-1]["source"])
    from backprop import differentiate
    <BLANKLINE>
    derivation = differentiate('x*y')
    derivation
    """
    cells = [*_cells(derivation, steps), _code(derivation)]
    notebook = {
        "cells": [{"id": f"cell-{k}", **cell} for k, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, ensure_ascii=True, indent=1) + "\n"


def call(derivation: Derivation) -> str:
    """The Python expression that makes a derivation again; everything that was typed stands in quotes.

    >>> from backprop.derivation import derive
    >>> print(call(derive("a x^2", ["x"], at={"a": "1/2"}, order=2)))
    differentiate('a x^2', wrt=['x'], at={'a': '1/2'}, order=2)
    """
    given = dict(derivation.asked)
    for name in ("at", "along"):  # values may be objects of any kind
        if name in given:
            given[name] = {
                key: value if type(value) in (int, str) else str(value) for key, value in given[name].items()
            }
    if derivation.comparison is not None:
        given["modes"] = [result.mode for result in derivation.comparison.results]
    if derivation.alternatives is not None:
        given.setdefault("decompose", "typed")
    given |= {"check_gradient": True} if derivation.checks else {}
    given |= {"critical": True} if derivation.critical is not None else {}
    return f"differentiate({', '.join([repr(derivation.equation.text), *(f'{k}={v!r}' for k, v in given.items())])})"


def results(derivation: Derivation) -> str:
    """The derivatives as a formula between dollars: what Jupyter shows where it shows mathematics."""
    words = NotebookWords()
    trace = Trace(derivation, words=words, steps="result")
    sections = ((section.title, [tuple(row) for row in section.rows]) for section in trace._results())
    found = (row for title, rows in sections for row in whole(title, rows, trace.function, words))
    rows = [[_latex(cell) for cell in row] for row in found]
    rows += [[_latex(cell) for cell in row] for row in trace.where()]
    lines = [f"{name} & {' '.join(cell for cell in rest if cell)}" for name, *rest in rows[:MOST_ROWS]]
    return "$\\displaystyle \\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}$"


def excerpt(derivation: Derivation) -> str:
    """What a cell shows of a derivation: the equation, the graph, the derivatives, and all steps to be opened.

    JupyterLab takes <math>, <svg> and <style> out of a notebook that is not trusted, and what is left of a formula
    would be a wrong one; so formulas are LaTeX between dollars, and the graph is an image.
    """
    words = OutputWords()
    trace = Trace(derivation, words=words)
    opening = trace.opening()
    shown = [f"<p>{text}</p>\n" for text in (*_header(derivation, next(opening), words), *_where(trace, words))]
    if derivation.nodes:
        drawn = b64encode(svg.render(derivation, heading=False, limit=FEW_BOXES).encode()).decode()
        shown.append(f'<img alt="The compute graph" src="data:image/svg+xml;base64,{drawn}">\n')
    steps = ["".join(_output(section, trace, words)) for section in opening]
    for section in trace.closing():
        place = steps if section.title.startswith("Adjoints") else shown
        place.append("".join(_output(section, trace, words)))
    return "".join(["<div>\n", *shown, "<details><summary>Every step</summary>\n", *steps, "</details>\n</div>\n"])


def _output(section: Section, trace: Trace, words: OutputWords) -> Iterator[str]:
    """A section of what a cell shows."""
    if section.title:
        yield f"<h4>{words.cell(section.title)}</h4>\n"
    if section.remark:
        yield f"<p>{words.cell(section.remark)}</p>\n"
    rows = [tuple(row) for row in islice(section.rows, FEW_ROWS + 1)]
    if len(section.columns) == 1:
        yield from (f"<p>{words.cell(cell)}</p>\n" for (cell,) in rows[:FEW_ROWS])
    elif rows:
        head, *body = _cells_of([column.heading for column in section.columns], rows[:FEW_ROWS], words)
        yield "<table>\n"
        if any(head):
            yield f"<thead>{_line('th', head)}</thead>\n"
        yield f"<tbody>\n{''.join(_line('td', line) for line in body)}</tbody>\n</table>\n"
    if len(rows) > FEW_ROWS:
        yield "<p>All rows would be too many here: <code>print</code> shows them.</p>\n"
    yield from (f"<p>{text}</p>\n" for text in islice(_where(trace, words), FEW_ROWS))


def _line(tag: str, cells: Sequence[str]) -> str:
    """A row; Jupyter's style sheet would set it to the right."""
    inside = "".join(f'<{tag} style="text-align: left">{cell}</{tag}>' for cell in cells)
    return f"<tr>{inside}</tr>\n"


def _latex(cell: str) -> str:
    """A cell as mathematics."""
    return " ".join(text if is_math else rf"\text{{{escape_latex(text)}}}" for is_math, text in runs(cell))


def _code(derivation: Derivation) -> dict[str, Any]:
    """The cell that makes the derivation again, with what running it shows."""
    data = {"text/plain": repr(derivation), "text/latex": results(derivation)}
    drawn = derivation._repr_svg_()
    if drawn is not None:
        data["image/svg+xml"] = drawn
    output = {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data}
    source = f"from backprop import differentiate\n\nderivation = {call(derivation)}\nderivation"
    return {"cell_type": "code", "execution_count": 1, "metadata": {}, "source": source, "outputs": [output]}


def _cells(derivation: Derivation, steps: str) -> Iterator[dict[str, Any]]:
    """The cells of Markdown: the equation, the graph, and a cell for each section."""
    words = NotebookWords()
    trace = Trace(derivation, words=words, steps=steps)
    opening = trace.opening()
    header = next(opening)
    yield _markdown("\n\n".join(["# Backpropagation", *_header(derivation, header, words), *_where(trace, words)]))
    yield from _graph(derivation)
    rest: list[str] = []
    for section in chain(opening, trace.closing()):
        blocks = [*_section(section, words), *_where(trace, words)]
        if section.title:
            yield _markdown("\n\n".join(blocks))
        else:
            rest += blocks
    if rest:
        yield _markdown("\n\n".join(rest))


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _header(derivation: Derivation, section: Section, words: NotebookWords) -> Iterator[str]:
    for label, text in section.rows:
        yield f"note: {words.cell(text)}" if label == "note" else f"${words.cell(text)}$"
    point = ", ".join(
        words.finished(f"{words.name(name)} {words.number(text)}") for name, text in derivation.point_text.items()
    )
    if point:
        yield f"at {point}"


def _section(section: Section, words: NotebookWords) -> Iterator[str]:
    if section.title:
        yield f"## {words.cell(section.title)}"
    if section.remark:
        yield words.cell(section.remark)
    rows = [tuple(row) for row in islice(section.rows, MOST_ROWS + 1)]
    if len(section.columns) == 1:
        yield from (words.cell(cell) for (cell,) in rows[:MOST_ROWS])
    elif rows:
        yield _table([column.heading for column in section.columns], rows[:MOST_ROWS], words)
    if len(rows) > MOST_ROWS:
        yield "All rows would make this notebook too long: `--format text` has them."


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], words: NotebookWords) -> str:
    """A table in Markdown."""
    head, *body = _cells_of(headings, rows, words)
    lines = [[cell or " " for cell in head], [":--"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells_of(headings: Sequence[str], rows: Sequence[Sequence[str]], words: NotebookWords) -> Iterator[list[str]]:
    """The headings and the rows of a table, without the columns that are empty."""
    used = [k for k in range(len(headings)) if headings[k] or any(row[k] for row in rows)]
    yield from ([words.cell(row[k]) for k in used] for row in (headings, *rows))


def _where(trace: Trace, words: NotebookWords) -> Iterator[str]:
    rows = trace.where()
    if rows:
        yield "where"
        yield from (f"{words.cell(name)} {words.cell(formula)}" for name, formula in rows)


def _graph(derivation: Derivation) -> Iterator[dict[str, Any]]:
    """The compute graph, in the cell itself: JupyterLab shows no SVG among attachments."""
    if not derivation.nodes:
        return
    drawn = b64encode(svg.render(derivation, limit=MOST_BOXES).encode()).decode()
    yield _markdown(f"## Compute graph\n\n![The compute graph](data:image/svg+xml;base64,{drawn})")
