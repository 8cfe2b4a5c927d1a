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
from ..notation import escape_latex
from . import svg
from .markdown import escape_markdown
from .trace import Section, Trace
from .words import Print, runs

MOST_ROWS = 500  # of one table
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
    rows = [[_latex(cell) for cell in row] for section in trace._results() for row in section.rows]
    rows += [[_latex(cell) for cell in row] for row in trace.where()]
    lines = [f"{name} & {' '.join(cell for cell in rest if cell)}" for name, *rest in rows[:MOST_ROWS]]
    return "$\\displaystyle \\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}$"


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
    """A table without the columns that are empty."""
    used = [k for k in range(len(headings)) if headings[k] or any(row[k] for row in rows)]
    lines = [[words.cell(headings[k]) or " " for k in used], [":--"] * len(used)]
    lines += [[words.cell(row[k]) for k in used] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


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
