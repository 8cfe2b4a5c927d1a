r"""Derivations as Markdown for GitHub: headings, tables, mathematics, and the compute graph as Mermaid.

Mathematics stands between $` and `$: there GitHub leaves `_`, `*` and backslashes alone, also in tables. Nothing
that a user typed is markup: names are letters and digits, and longer texts stand in code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from ..derivation import Derivation
from ..errors import BackpropError, visible
from .latex import broken
from .trace import Section, Trace
from .words import Print, runs

SHORT_TITLE = 100  # characters of an equation in a heading
ROOM = 70.0  # em: the width of a line in a block of formulas
# GitHub's Mermaid refuses more characters and edges than 50,000 and 500.
LONGEST_GRAPH, MOST_WIRES = 45_000, 450


# What means something to Markdown, and what GitHub makes links of.
_MARKUP = re.compile(r"[\\`*_{}\[\]<>#|~$&@]|:(?=//)|(?<=www)\.", re.IGNORECASE)


class MarkdownWords(Print):
    """The words of Markdown."""

    width, height, depth = 50.0, 8.0, 24

    def finished(self, latex: str) -> str:
        """Mathematics in a line, safe from Markdown."""
        return f"$`{latex}`$"

    def escaped(self, prose: str) -> str:
        """Without markup."""
        return escape_markdown(prose)


def escape_markdown(prose: str) -> str:
    r"""Prose in which nothing is markup, on one line.

    >>> escape_markdown("a_b *c* <script> [x](y) `z` | #1")
    'a\\_b \\*c\\* \\<script\\> \\[x\\](y) \\`z\\` \\| \\#1'
    """
    return _MARKUP.sub(r"\\\g<0>", visible(prose).replace("\n", " "))


def code(text: str) -> str:
    """A text as code in a line, whatever it contains."""
    shown = " ".join(visible(text).split())
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{ticks}{space}{shown}{space}{ticks}"


def block(text: str, language: str) -> str:
    """A text as a block of code."""
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}\n"


def render(derivation: Derivation, *, steps: str = "all") -> str:
    """The whole derivation.

    >>> from backprop.derivation import derive
    >>> print(render(derive("x*y"), steps="result"), end="")
    ## `x*y`
    <BLANKLINE>
    ```math
    f(x, y) = x y
    ```
    <BLANKLINE>
    ### Gradient
    <BLANKLINE>
    |   | formula |
    |---|---|
    | $`\\frac{\\partial f}{\\partial x}`$ | $`= y`$ |
    | $`\\frac{\\partial f}{\\partial y}`$ | $`= x`$ |
    <BLANKLINE>
    **! not verified**
    """
    return part(derivation, steps=steps)


def part(derivation: Derivation, *, steps: str = "all") -> str:
    """One derivation under a heading of its own."""
    words = MarkdownWords()
    trace = Trace(derivation, words=words, steps=steps)
    blocks = [heading(derivation.equation.text)]
    for section in chain(trace.opening(), trace.closing()):
        blocks += _section(section, words)
        where = trace.where()
        if where:
            blocks += ["where\n", _math(f"{_latex(name)} {_latex(formula)}" for name, formula in where)]
        if steps == "all" and section.top and len(blocks) < 4:
            blocks += _graph(derivation)
    return "\n".join(blocks)


def document(parts: Iterable[str]) -> Iterator[str]:
    """Parts, one after another, as they come."""
    between = ""
    for one in parts:
        yield between + one
        between = "\n"


def heading(typed: str) -> str:
    """The heading of a part: what was typed, as code."""
    shown = " ".join(typed.split())
    return f"## {code(shown if len(shown) <= SHORT_TITLE else shown[: SHORT_TITLE - 1] + '…')}\n"


def failure(typed: str, error: BackpropError) -> str:
    """An equation that could not be differentiated, as a part."""
    hint = f"\n  {visible(error.hint)}" if error.hint else ""
    return f"{heading(typed)}\n{block(f'error: {visible(error.message)}{hint}', 'text')}"


def _section(section: Section, words: MarkdownWords) -> Iterator[str]:
    rows = [tuple(row) for row in section.rows]
    if section.title:
        yield f"### {words.cell(section.title)}\n"
    if section.remark:
        yield f"{words.cell(section.remark)}\n"
    if not rows:
        return
    if len(section.columns) == 1:
        bold = "**" if section.columns[0].style in ("good", "warn", "bad") else ""
        yield "".join(f"{bold}{words.cell(cell)}{bold}\n" for (cell,) in rows).replace("\n", "\n\n").rstrip() + "\n"
    elif section.top:
        yield _math(_latex(math) for word, math in rows if word != "note")
        yield from (f"note: {words.cell(sentence)}\n" for word, sentence in rows if word == "note")
    else:
        yield _table(
            [column.heading for column in section.columns], [column.style for column in section.columns], rows, words
        )


_HEADINGS = {"math": "formula", "rule": "rule", "number": "value"}  # where the trace has none: GitHub wants some


def _table(headings: Sequence[str], styles: Sequence[str], rows: Sequence[Sequence[str]], words: MarkdownWords) -> str:
    """A table without the columns that are empty."""
    used = [k for k in range(len(headings)) if headings[k] or any(row[k] for row in rows)]
    if not any(headings):
        headings = [_HEADINGS.get(style, "") for style in styles]
    lines = [[words.cell(headings[k]) or " " for k in used], ["---"] * len(used)]
    lines += [[words.cell(row[k]) for k in used] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" if line[0] != "---" else f"|{'|'.join(line)}|\n" for line in lines)


def _latex(cell: str) -> str:
    return " ".join(text for _, text in runs(cell))


def _math(formulas: Iterable[str]) -> str:
    """A block of formulas, long ones broken over lines."""
    lines = [broken(formula, ROOM) for formula in formulas]
    if len(lines) == len(lines[0]) == 1:
        return block(lines[0][0], "math")
    inside = " \\\\\n".join(f"& {line}" for formula in lines for line in formula)
    return block(f"\\begin{{aligned}}\n{inside}\n\\end{{aligned}}", "math")


def _graph(derivation: Derivation) -> Iterator[str]:
    """The compute graph."""
    from ..picture import draw
    from .mermaid import render as mermaid

    if not derivation.nodes:
        return
    picture = draw(derivation)
    text = mermaid(picture)
    if len(text) > LONGEST_GRAPH or len(picture.wires) > MOST_WIRES:
        yield "The compute graph is too large for Mermaid: `backprop graph` draws it.\n"
        return
    yield "### Compute graph\n"
    yield block(text, "mermaid")
