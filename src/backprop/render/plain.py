"""A derivation as plain text: how the sections of a trace are laid out in lines, folded to a width.

`render` gives plain text; the renderer for terminals takes the same lines, which are made of spans (a text and
the name of its style), and adds colours. What is shown is for `trace`, how it is said for `words`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from operator import le

from ..derivation import Derivation
from ..errors import LimitError, display_width
from ..expr import PYTHON, to_text
from .trace import FORMULA, HUGE, NAME, NUMBER, STEPS, STYLES, Column, Section, Trace, verdict_mark
from .words import SIMPLE, Words

__all__ = [
    "FORMULA", "NAME", "NUMBER", "STEPS", "STYLES", "Column", "Line", "Section", "Span", "Trace", "Words", "fold",
    "fold_spans", "lay_out", "plain", "render", "result_text", "summary", "verdict_mark",
]  # fmt: skip

Span = tuple[str, str]  # a text and its style: see `trace.STYLES`
Line = list[Span]

SAMPLE = 400  # rows that decide on the widths of the columns
LONGEST_MATRIX = 4_000_000  # entries on one line
WIDEST = 44  # in uncut text: a cell that is wider than this moves only its own row
NARROW = 60  # on less columns, one row that gets long has all rows of its section stacked
TOKEN = 24  # a column is at least as wide as its longest word, up to this; if that is too wide, rows are stacked


def result_text(derivation: Derivation) -> str:
    """The result alone, on one line, in Python's syntax: `2*x`, `[y, x]`, `t1 = …; t2 = …; [t1*2, t2]`.

    >>> from backprop.derivation import derive
    >>> result_text(derive("x*y")), result_text(derive("7"))
    ('[y, x]', '0')
    """
    graph = derivation.graph
    if derivation.tangent is not None:
        return to_text(graph, derivation.tangent.collected)
    entries = {entry.path: derivation.form(entry.position) for entry in derivation.entries}
    names = derivation.definitions(entries.values())

    def written(path: tuple[str, ...]) -> str:
        position = entries.get(path)
        if position is None:
            return "0"
        return names[position] if position in names else to_text(graph, position, PYTHON, names)

    def row(name: str) -> str:
        return f"[{', '.join(written((name, by)) for by in derivation.wrt)}]"

    if derivation.kind in ("jacobian", "hessian"):
        rows = [name for name, _ in derivation.named_outputs] if derivation.kind == "jacobian" else derivation.wrt
        if len(rows) * len(derivation.wrt) > LONGEST_MATRIX:
            raise LimitError(f"a matrix of {len(rows)} by {len(derivation.wrt)} entries is too long for a line",
                             hint="--format json leaves out the entries that are 0")  # fmt: skip
        line = f"[{', '.join(map(row, rows))}]"
    else:
        results = [written(path) for path in entries]
        line = "0" if not results else results[0] if len(results) == 1 else f"[{', '.join(results)}]"
    parts = [f"{name} = {to_text(graph, i, PYTHON, names)}" for i, name in names.items()]
    used = set(graph.reachable(entries.values()))
    numbers = [d for d in derivation.equation.definitions if d.given and d.position in used]
    given = [f"{d.name} = {to_text(graph, d.value)}" for d in numbers if graph.nodes[d.position][0] == "num"]
    return "; ".join([*given, *parts, line])


def summary(derivation: Derivation, *, ascii: bool = False) -> Line:
    """One line: the equation, its derivatives, how they were verified, and the notes."""
    trace = Trace(derivation, ascii=ascii, steps="result")
    words = trace.words
    reading = [text for title, text in trace._header().rows if title != "note"]
    equation = "; ".join(reading)
    if trace.own == {} and derivation.graph.written_size(derivation.outputs) > HUGE:
        equation = " ".join(derivation.equation.text.split())  # the trace's names are not explained here
    *_, section = trace._results()
    shown = [" ".join(cell for cell in row if cell) for row in section.rows]
    count = len(derivation.entries) if derivation.kind != "hessian" else len(shown)
    where, results = shown[: len(shown) - count], ", ".join(shown[len(shown) - count :])
    results = (results if derivation.wrt else "") or "no variable"
    if derivation.kind in ("implicit", "along", "total"):
        results, where = ", ".join(shown).replace(", =", " ="), []
    if where and derivation.wrt:
        results += f"  where {'; '.join(where)}"
    mark, style = verdict_mark(derivation, ascii)
    line = [(words.final(equation), "math"), ("   ", ""), (words.final(results), "math"), ("   ", "")]
    line.append((words.final(f"{mark} {derivation.verified.how}"), style))
    if derivation.notes:
        line.append((words.final(f"   ({'; '.join(derivation.notes)})"), "note"))
    return line


# -- how it is laid out --------------------------------------------------------------------------------


def lay_out(sections: Iterable[Section], *, width: int | None = None, ascii: bool = False) -> Iterator[Line]:
    """The lines of the sections, a blank line between two; folded to the width if there is one."""
    words = Words(ascii)
    for section in sections:
        yield from _lay_out_section(section, width, words.final)


def _lay_out_section(section: Section, width: int | None, final: Callable[[str], str]) -> Iterator[Line]:
    indent = 2 if section.title else 0
    if not section.top:
        yield []
    if section.title:
        yield from _heading(section, width, final)
    rows = ([final(cell) for cell in row] for row in section.rows)
    sample = list(islice(rows, SAMPLE))
    if not sample:
        return
    columns = section.columns
    headings = [final(column.heading) for column in columns]
    measured = [*sample, headings] if any(headings) else sample
    natural = [max((_width(row[i]) for row in measured), default=0) for i in range(len(columns))]
    gaps = [column.gap for column in columns]
    if width is None:
        widths = [min(w, WIDEST) for w in natural]
        room = None
    else:
        room = max(width - indent, 16)
        least = [min(TOKEN, n, max((_longest(row[i]) for row in measured), default=0)) for i, n in enumerate(natural)]
        widths = _fit(natural, least, room - _gaps(natural, gaps))
        narrow = len(columns) > 2 and width < NARROW and any(_lines_needed(row, widths) > 3 for row in sample)
        if len(columns) > 1 and (narrow or sum(widths) + _gaps(widths, gaps) > room):
            for row in chain(sample, rows):
                yield from _stacked(row, columns, room, indent)
            return
    if any(headings):
        yield from _table_row(headings, ["remark"] * len(columns), widths, gaps, indent, room)
    styles = [column.style for column in columns]
    for row in chain(sample, rows):
        own = ["note", "note"] if row[0] == "note" and len(columns) == 2 else styles
        if room is not None and len(columns) > 2 and _lines_needed(row, widths) > 4:
            yield from _stacked(row, columns, room, indent)
        else:
            yield from _table_row(row, own, widths, gaps, indent, room)


def _heading(section: Section, width: int | None, final: Callable[[str], str]) -> Iterator[Line]:
    title, remark = final(section.title), final(section.remark)
    if width is not None and _width(title) > width:
        for text in fold(title, width):
            yield [(text, "title")]
        title = ""
    elif not remark:
        yield [(title, "title")]
        return
    gap = " " * max(2, 18 - len(title))
    if width is None or (title and _width(title) + len(gap) + _width(remark) + 2 <= width):
        yield [(title, "title"), (gap, ""), (f"({remark})", "remark")]
        return
    if title:
        yield [(title, "title")]
    for text in fold(f"({remark})", max(width - 2, 14), hang=1) if remark else ():
        yield [("  ", ""), (text, "remark")]


def _gaps(widths: Sequence[int], gaps: Sequence[int]) -> int:
    """The space between cells; none beside a column that is empty."""
    used = [gap for w, gap in zip(widths, gaps) if w]
    return sum(used[1:])


def _fit(natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Column widths that fit, if they can: the widest give way first, and equally."""
    widths = list(natural)
    excess = sum(widths) - room
    while excess > 0:
        open_ones = [i for i, w in enumerate(widths) if w > least[i]]
        if not open_ones:
            break
        widest = max(widths[i] for i in open_ones)
        at = [i for i in open_ones if widths[i] == widest]
        below = max([w for i, w in enumerate(widths) if i in open_ones and w < widest] + [least[i] for i in at])
        step = max(1, min(widest - below, excess // len(at)))
        for i in at:
            taken = min(step, excess)
            widths[i] -= taken
            excess -= taken
    return widths


def _longest(text: str) -> int:
    """The width that the longest part needs which is not to be broken, on a line that is indented."""
    return max(map(_width, _PART.findall(text[: 50 * TOKEN])), default=0) + 2


def _lines_needed(row: Sequence[str], widths: Sequence[int]) -> int:
    return max((-(-_width(cell) // w) for cell, w in zip(row, widths) if w), default=1)


def _table_row(
    row: Sequence[str], styles: Sequence[str], widths: Sequence[int], gaps: Sequence[int], indent: int, room: int | None
) -> Iterator[Line]:
    """The lines of a row: one, if every cell fits or may be uncut, else as many as its longest cell."""
    if room is None or all(map(le, map(_width, row), widths)):
        yield _aligned(row, styles, widths, gaps, indent)
        return
    cells = [fold(cell, w) if w else [cell] for cell, w in zip(row, widths)]
    for k in range(max(map(len, cells))):
        texts = [cell[k] if k < len(cell) else "" for cell in cells]
        yield _aligned(texts, styles, widths, gaps, indent)


def _aligned(
    texts: Sequence[str], styles: Sequence[str], widths: Sequence[int], gaps: Sequence[int], indent: int
) -> Line:
    """Texts under each other's columns; a column without width takes no space."""
    line: Line = [(" " * indent, "")]
    owed = 0  # columns of space before the next text
    first = True
    for text, style, w, gap in zip(texts, styles, widths, gaps):
        if w:
            if not first:
                owed += gap
            first = False
            if text:
                line.append((" " * owed + text, style) if owed > 0 else (text, style))
                owed = -_width(text)
            owed = max(0, owed + w) if owed <= 0 else owed + w
    return line


def _stacked(row: Sequence[str], columns: Sequence[Column], room: int, indent: int) -> Iterator[Line]:
    """A row on several lines: as many cells as fit on one, the following lines indented."""
    groups: list[list[tuple[Span, Span]]] = [[]]
    for cell, column in zip(row, columns):
        if column.breaks:
            groups.append([])
        if not cell:
            continue
        head = (column.label, "remark")
        if column == FORMULA and groups[-1]:
            head = groups[-1].pop()[1]  # a name and its formula stay together
        groups[-1].append((head, (cell, column.style)))
    first = True
    for group in groups:
        margin = indent if first and row[0] else indent + 2
        line: Line = []
        for head, (cell, style) in group:
            lead: Line = [head, (" ", "")] if head[0] else []
            used = _width("".join(text for text, _ in line))
            size = _width(cell) + sum(_width(text) for text, _ in lead)
            if line and used + 1 + size > room - (margin - indent):
                yield [(" " * margin, ""), *line]
                line, margin = [], indent + 4
            if size > room - (margin - indent):
                begin = "".join(text for text, _ in lead)
                texts = fold(begin + cell, room - (margin - indent), hang=2)
                begin = begin if texts[0].startswith(begin) else ""
                pieces: list[Line] = [[*(lead if begin else []), (texts[0][len(begin) :], style)]]
                pieces += [[(text, style)] for text in texts[1:]]
                for piece in pieces[:-1]:
                    yield [(" " * margin, ""), *piece]
                line = pieces[-1]
            else:
                line += [*([(" ", "")] if line else []), *lead, (cell, style)]
        if line:
            yield [(" " * margin, ""), *line]
            first = False


_PART = re.compile(r"[^ ·*,)]+[·*,)]*")  # what `fold` leaves in one piece


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) - text.count("\u0304") - text.count("\u0307") if SIMPLE.fullmatch(text) else display_width(text)


def fold(text: str, width: int, hang: int = 2) -> list[str]:
    """The text in lines of at most so many columns; all but the first begin with `hang` spaces.

    It is broken after a space or a sign if there is one in the last two thirds of a line, else where
    the line is full; a combining mark stays with its letter.

    >>> fold("alpha + beta + gamma", 10)
    ['alpha +', '  beta +', '  gamma']
    """
    if _width(text) <= width:
        return [text]
    hang = min(hang, width // 3)
    lines: list[str] = []
    start, size = 0, len(text)
    while start < size:
        margin = hang if lines else 0
        end, used = start, 0
        while end < size:
            w = _width(text[end])
            if used + w > width - margin and end > start:
                break
            used += w
            end += 1
        if end < size:
            end = _break(text, start, end)
        lines.append(" " * margin + text[start:end].rstrip(" "))
        start = end
        while start < size and text[start] == " ":
            start += 1
    return lines


def fold_spans(line: Line, width: int, hang: int = 4) -> list[Line]:
    """A line of spans in lines of at most so many columns."""
    whole = "".join(text for text, _ in line)
    if _width(whole) <= width:
        return [line]
    lead = len(whole) - len(whole.lstrip(" "))
    hang += lead
    folded: list[Line] = []
    pieces = [(text, style) for text, style in line if text.strip()]
    for text, style in pieces:
        text = text.strip()
        room = width - (hang if folded else lead)
        if folded and sum(_width(part) for part, _ in folded[-1]) + 3 + _width(text) <= width:
            folded[-1] += [("   ", ""), (text, style)]
            continue
        margin: Line = [(" " * (hang if folded else lead), "")] if folded or lead else []
        folded += [[*margin, (part, style)] for part in fold(text, room)]
    return folded


def _break(text: str, start: int, end: int) -> int:
    """Where to end a line that is full at `end`: at a space in its second half, else after a sign."""
    space = text.rfind(" ", start + (end - start) // 2, end + 1)
    if space > start:
        return space
    for at in range(end, start + (end - start) // 3, -1):
        if text[at - 1] in " ·*/,)" and text[at] not in " ,)∂":
            return at
    return end


def plain(line: Line) -> str:
    """A line without its styles."""
    return "".join(text for text, _ in line).rstrip()


def render(derivation: Derivation, *, width: int | None = None, ascii: bool = False, steps: str = "all") -> str:
    """The whole trace as text; uncut and unfolded without a width.

    >>> from backprop.derivation import derive
    >>> print(render(derive("x*y"), steps="result"))
    read as  f(x, y) = x·y
    <BLANKLINE>
    Gradient
      ∂f/∂x = y
      ∂f/∂y = x
    <BLANKLINE>
    ! not verified
    """
    trace = Trace(derivation, ascii=ascii, steps=steps)
    sections = chain(trace.opening(), trace.closing())
    return "\n".join(plain(line) for line in lay_out(sections, width=width, ascii=ascii))
