"""A compute graph in a terminal: boxes and wires of box-drawing characters, or of plain ASCII.

A crossing of two wires is ┼ (in ASCII, the horizontal one goes under: -|-); where a wire parts, there
is ├, ┬, ┤ or ┴, on all four sides ╋ (+). The edge that was used last is drawn heavy. What is too large
for a drawing becomes a list: a line for each node, with its wires at the left, as in `git log --graph`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple
from unicodedata import combining

from ..derivation import Derivation
from ..errors import display_width, visible
from ..layout import Spacing
from ..picture import DIGITS, LIMIT, Box, Picture, Wire, draw
from .plain import Line
from .sizes import Metric, Plan, arrange
from .words import Words

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
LIGHT = {
    UP: "│", DOWN: "│", UP | DOWN: "│", LEFT: "─", RIGHT: "─", LEFT | RIGHT: "─", DOWN | RIGHT: "╭", DOWN | LEFT: "╮",
    UP | RIGHT: "╰", UP | LEFT: "╯", UP | DOWN | RIGHT: "├", UP | DOWN | LEFT: "┤", LEFT | RIGHT | DOWN: "┬",
    LEFT | RIGHT | UP: "┴", UP | DOWN | LEFT | RIGHT: "╋",
}  # fmt: skip
HEAVY = {
    UP: "┃", DOWN: "┃", UP | DOWN: "┃", LEFT: "━", RIGHT: "━", LEFT | RIGHT: "━", DOWN | RIGHT: "┏", DOWN | LEFT: "┓",
    UP | RIGHT: "┗", UP | LEFT: "┛", UP | DOWN | RIGHT: "┣", UP | DOWN | LEFT: "┫", LEFT | RIGHT | DOWN: "┳",
    LEFT | RIGHT | UP: "┻", UP | DOWN | LEFT | RIGHT: "╋",
}  # fmt: skip
FRAMES = {  # corners and sides: left above, right above, left below, right below, horizontal, vertical
    "variable": "╭╮╰╯─│", "operation": "╭╮╰╯─│", "output": "╔╗╚╝═║", "fold": "┌┐└┘┄┆", "now": "┏┓┗┛━┃",
    "ascii": "++++-|", "ascii output": "++++=|", "ascii now": "####=#", "ascii fold": "++++.:",
}  # fmt: skip
CUT = 12  # characters of what is written in boxes and on wires, if that is needed to fit
MANY = 150  # boxes of which no drawing in two dimensions is tried in a limited width
LANES = 14  # wires beside each other in a list
HEADINGS = ("value", "adjoint")
LEAST = 13  # columns of a formula in a list, before wires are left out
PREFERRED = 80  # columns, where there is no terminal
DIRECTIONS = ("right", "down", "list")


class Cell(NamedTuple):
    """What stands in a place: a character and its style."""

    text: str
    style: str


def metric(down: bool) -> Metric:
    """Measures in characters."""
    spacing = Spacing(apart=2, lead=0, tail=2, least=1) if down else Spacing()
    return Metric(display_width, 4, 1, 3, 1, 2 if down else 1, 1, spacing)


def writer(words: Words, longest: int | None) -> Callable[[str], str]:
    """How a text is written: safe to show, on one line, cut if need be."""
    more = "..." if words.ascii else "…"

    def write(text: str) -> str:
        text = " ".join(words.final(visible(text)).split())
        if longest is None or display_width(text) <= longest:
            return text
        end = len(text)
        while end and display_width(text[:end]) > longest - len(more):
            end -= 1
        return text[:end] + more

    return write


class Canvas:
    """Characters in rows and columns, and the wires that run through them."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.rows: dict[int, dict[int, Cell]] = {}
        self.lines: dict[tuple[int, int], list[tuple[int, int]]] = {}  # (row, column) -> (net, directions)
        self.looks: dict[tuple[int, int], str] = {}  # "now" | "waiting"
        self.arrows: dict[tuple[int, int], str] = {}

    def put(self, row: int, column: int, text: str, style: str) -> None:
        """Writes a text; a wide character takes two places, a combining mark none."""
        cells = self.rows.setdefault(row, {})
        last = column
        for c in text:
            if combining(c) and column > last:
                cells[last] = Cell(cells[last].text + c, style)
                continue
            last = column
            cells[column] = Cell(c, style)
            column += 1
            if display_width(c) == 2:
                cells[column] = Cell("", style)
                column += 1
                last = column - 2

    def line(self, net: int, points: Sequence[tuple[int, int]], look: str) -> None:
        """A wire through these places (row, column)."""
        for (row, column), (end_row, end_column) in pairwise(points):
            if row == end_row:
                step, out, into = (1, RIGHT, LEFT) if end_column > column else (-1, LEFT, RIGHT)
                for c in range(column, end_column, step):
                    self._mark(row, c, net, out, look)
                    self._mark(row, c + step, net, into, look)
            else:
                step, out, into = (1, DOWN, UP) if end_row > row else (-1, UP, DOWN)
                for r in range(row, end_row, step):
                    self._mark(r, column, net, out, look)
                    self._mark(r + step, column, net, into, look)

    def _mark(self, row: int, column: int, net: int, direction: int, look: str) -> None:
        place = (row, column)
        nets = self.lines.setdefault(place, [])
        for k, (other, directions) in enumerate(nets):
            if other == net:
                nets[k] = (net, directions | direction)
                break
        else:
            nets.append((net, direction))
        if look == "now" or place not in self.looks:
            self.looks[place] = look

    def finish(self) -> list[Line]:
        """All rows as lines of spans."""
        for (row, column), nets in self.lines.items():
            cells = self.rows.setdefault(row, {})
            if column in cells:
                continue
            look = self.looks[row, column]
            style = "warn" if look == "now" else "remark"
            cells[column] = Cell(self.arrows.get((row, column)) or self._character(nets, look == "now"), style)
        lines: list[Line] = []
        for row in range(max(self.rows, default=-1) + 1):
            cells = self.rows.get(row, {})
            line: Line = []
            text, style = "", ""
            for column in range(max(cells, default=-1) + 1):
                cell = cells.get(column)
                found = (" ", style) if cell is None else cell
                if found[1] != style and text:
                    line.append((text, style))
                    text = ""
                text, style = text + found[0], found[1]
            if text:
                line.append((text, style))
            lines.append(line)
        return lines

    def _character(self, nets: list[tuple[int, int]], heavy: bool) -> str:
        ascii = self.words.ascii
        if len(nets) > 1:
            return "|" if ascii else "┼"
        directions = nets[0][1]
        if ascii:
            if directions in (LEFT, RIGHT, LEFT | RIGHT):
                return "=" if heavy else "-"
            if directions in (UP, DOWN, UP | DOWN):
                return "#" if heavy else "|"
            return "#" if heavy else "+"
        return (HEAVY if heavy else LIGHT)[directions]


class Drawing(NamedTuple):
    """A drawing in characters."""

    lines: list[Line]
    width: int


def paint(picture: Picture, *, down: bool = False, ascii: bool = False, longest: int | None = None) -> Drawing:
    """The boxes and wires of a picture; `longest` cuts what is written to so many characters."""
    words = Words(ascii)
    plan = arrange(picture, metric(down), writer(words, longest), down=down)
    canvas = Canvas(words)
    for k, wire in enumerate(picture.wires):
        _wire(canvas, picture, plan, k, wire, down)
    for k, box in enumerate(picture.boxes):
        _box(canvas, box, plan, k, down, picture.style)
    for k, (along, across) in enumerate(plan.layout.labels):
        on, above, below = plan.labels[k]
        if down:
            canvas.put(along, across + 2, on, "name")
            canvas.put(along, across + 2, above, "number")
            canvas.put(along + bool(above), across + 2, below, "rule")
        else:
            width = plan.label_shapes[k].length
            canvas.put(across, along, f" {on} " if on else "", "name")
            for text, row, style in ((above, across - 1, "number"), (below, across + 1, "rule")):
                canvas.put(row, along + (width - display_width(text)) // 2, text, style)
    lines = canvas.finish()
    while lines and not any(text.strip() for text, _ in lines[-1]):
        lines.pop()
    return Drawing(lines, max((sum(display_width(text) for text, _ in line) for line in lines), default=0))


def _wire(canvas: Canvas, picture: Picture, plan: Plan, k: int, wire: Wire, down: bool) -> None:
    """A wire, with an arrow at its end; the one that was used last points back."""
    edge = plan.edges[k]
    points = list(plan.layout.wires[k])
    begin, end = plan.layout.boxes[edge.source][0], plan.layout.boxes[edge.target][0]
    # From the frame or the text, which may be shorter than the item, up to the frame.
    if down:
        points.insert(0, (begin + (2 if plan.frames[edge.source] else 0), points[0][1]))
    else:
        size = plan.sizes[edge.source] + (not plan.frames[edge.source])
        points.insert(0, (begin + _inset(plan, edge.source) + size - 1, points[0][1]))
        points.append((end + _inset(plan, edge.target), points[-1][1]))
    look = wire.state if wire.state in ("now", "waiting") else ""
    places = points if down else [(row, column) for column, row in points]
    canvas.line(edge.source, places, look)
    (row, column), (end_row, end_column) = places[0], places[-1]
    ascii = canvas.words.ascii
    if wire.state == "now":
        first = (row + 1, column) if down else (row, column + 1)
        canvas.arrows[first] = ("^" if down else "<") if ascii else ("▲" if down else "◄")
    elif picture.boxes[edge.target].kind != "point":
        last = (end_row - 1, end_column) if down else (end_row, end_column - 1)
        canvas.arrows.setdefault(last, ("v" if down else ">") if ascii else ("▼" if down else "►"))


def _inset(plan: Plan, k: int) -> int:
    """How far a frame or a text begins behind the beginning of its item."""
    shape, size = plan.shapes[k], plan.sizes[k]
    if plan.frames[k]:
        return (shape.length - size) // 2
    return shape.length - size - 1 if shape.align > 0 else 0


TEXT_STYLES = {"variable": "name", "constant": "", "point": "name", "fold": "math"}


def _box(canvas: Canvas, box: Box, plan: Plan, k: int, down: bool, style_of_picture: str) -> None:
    """A box with its value above and its adjoint below; in a drawing downwards, both to its right."""
    along, across = plan.layout.boxes[k]
    shape, frame, size = plan.shapes[k], plan.frames[k], plan.sizes[k]
    label, value, adjoint = plan.written[k]
    style = TEXT_STYLES.get(box.kind, "title")
    if not frame and down:
        left = across - (size - 1) // 2
        canvas.put(along, left, label, style)
        canvas.put(along, left + size + 1, value, "number")
        canvas.put(along + 1, across + 2, adjoint, "rule")
        return
    if not frame:
        canvas.put(across, along + _inset(plan, k), f" {label}" if box.kind == "point" else f"{label} ", style)
        for text, row, look in ((value, across - 1, "number"), (adjoint, across + 1, "rule")):
            free = shape.length - 1 - display_width(text)
            canvas.put(row, along + (free if shape.align > 0 else 0), text, look)
        return
    corners = _frame(box, style_of_picture, canvas.words.ascii)
    look = "warn" if box.state == "now" else "remark" if box.state == "waiting" else ""
    if down:
        top, left, height, wide = along, across - (frame - 1) // 2, 3, frame
        canvas.put(top, left + wide + 1, value, "number")
        canvas.put(top + height - 1, left + wide + 1, adjoint, "rule")
    else:
        top, left, height, wide = across - frame // 2, along + _inset(plan, k), frame, size
        for text, row, style_of_text in ((value, top - 1, "number"), (adjoint, top + height, "rule")):
            canvas.put(row, along + (shape.length - display_width(text)) // 2, text, style_of_text)
    canvas.put(top, left, corners[0] + corners[4] * (wide - 2) + corners[1], look)
    for row in range(top + 1, top + height - 1):
        canvas.put(row, left, corners[5] + " " * (wide - 2) + corners[5], look)
    canvas.put(top + height - 1, left, corners[2] + corners[4] * (wide - 2) + corners[3], look)
    canvas.put(top + height // 2, left + (wide - display_width(label)) // 2, label, style)


def _frame(box: Box, style: str, ascii: bool) -> str:
    """The characters of a frame; where all boxes are folded, a fold looks like others."""
    kind = "now" if box.state == "now" else "operation" if box.kind == "fold" and style == "folded" else box.kind
    return FRAMES[f"ascii {kind}" if f"ascii {kind}" in FRAMES else "ascii"] if ascii else FRAMES[kind]


# -- as a list ---------------------------------------------------------------------------------------


def write_list(picture: Picture, *, width: int | None = None, ascii: bool = False) -> Drawing:
    """The nodes one a line, operands first: wires, name and formula, value, adjoint.

    A node stands in the lane of an operand that is not needed any more, else in a free one. There are
    at most `LANES`: the wires of a node that finds none are left to its name.
    """
    words = Words(ascii)
    write = writer(words, None)
    boxes = [box for box in picture.boxes if box.kind not in ("constant", "point")] or picture.boxes
    operands: dict[str, dict[str, str]] = {}
    uses: dict[str, int] = {}
    for wire in picture.wires:
        known = operands.setdefault(wire.target, {})
        if wire.source not in known:
            uses[wire.source] = uses.get(wire.source, 0) + 1
        if known.get(wire.source) != "now":
            known[wire.source] = wire.state
    cells = {box.key: _cells(box, write) for box in boxes}
    most = LANES
    if width is not None:  # the numbers, and some of the formula, come first
        sizes = [max(display_width(texts[k]) for texts in cells.values()) for k in (1, 2)]
        numbers = sum(max(size, len(word)) + 2 for size, word in zip(sizes, HEADINGS) if size)
        most = min(most, max((width - numbers - LEAST) // 2, 1))
    lanes: list[str | None] = []
    rows: list[tuple[Line, list[str], str]] = []
    for box in boxes:
        inputs = operands.get(box.key, {})
        at = {key: lanes.index(key) for key in inputs if key in lanes}
        ending = []
        for key in inputs:
            uses[key] -= 1
            if not uses[key] and key in at:
                ending.append(at[key])
        free = [k for k, lane in enumerate(lanes) if lane is None]
        own = min(ending) if ending else free[0] if free else len(lanes)
        if own == len(lanes) and len(lanes) < most:
            lanes.append(None)
        rows.append((_lanes(lanes, own, at, ending, inputs, box, ascii), cells[box.key], box.state))
        for k in ending:
            lanes[k] = None
        if own < len(lanes):
            lanes[own] = box.key if uses.get(box.key) else None
        while lanes and lanes[-1] is None:
            lanes.pop()
    return _columns(rows, width, write)


def _lanes(
    lanes: list[str | None], own: int, at: dict[str, int], ending: list[int], inputs: dict[str, str], box: Box,
    ascii: bool,
) -> Line:  # fmt: skip
    """The wires of a row: those that go on, and those that come in from the side."""
    places = [*at.values(), own]
    low, high = min(places), max(places)
    if own >= len(lanes):  # there is no room for it
        low, high = 0, -1
    used = {place: inputs[key] for key, place in at.items()}
    now = any(state == "now" for state in used.values())
    line: Line = []
    for k in range(len(lanes)):
        style = "warn" if (low <= k <= high and now) else "remark"
        if k == own:
            mark = ("@" if box.state == "now" else "o" if box.state == "waiting" else "*") if ascii else (
                "◉" if box.state == "now" else "○" if box.state == "waiting" else "●")  # fmt: skip
            line.append((mark, "warn" if box.state == "now" else "title"))
        else:
            directions = (LEFT if low < k <= high else 0) | (RIGHT if low <= k < high else 0)
            if lanes[k] is None or (k in used and k in ending):
                directions |= UP if k in used else 0
            else:
                directions |= UP | DOWN
            through = k not in used and directions == UP | DOWN | LEFT | RIGHT
            if not directions:
                line.append((" ", ""))
            elif ascii:
                sign = "|" if through or directions == UP | DOWN else "-" if directions == LEFT | RIGHT else "+"
                line.append((sign, style))
            else:
                line.append(("┼" if through else LIGHT[directions], style))
        line.append((("-" if ascii else "─") if low <= k < high else " ", style))
    return line


def _cells(box: Box, write: Callable[[str], str]) -> list[str]:
    """Name with formula, value and adjoint."""
    formula = box.name if box.kind == "variable" else f"{box.name} = {box.formula}" if box.formula else box.label
    return [write(formula), write(box.value), write(box.adjoint)]


def _columns(rows: list[tuple[Line, list[str], str]], width: int | None, write: Callable[[str], str]) -> Drawing:
    """The rows, their texts under each other, the formulas cut to what room there is."""
    room = max((sum(display_width(text) for text, _ in lanes) for lanes, _, _ in rows), default=0)
    sizes = [max((display_width(cells[k]) for _, cells, _ in rows), default=0) for k in range(3)]
    lines: list[Line] = []
    sizes[1:] = [max(size, len(word)) if size else 0 for size, word in zip(sizes[1:], HEADINGS)]
    if width is not None:
        sizes[0] = min(sizes[0], max(width - room - 1 - sum(size + 2 for size in sizes[1:] if size), 8))
    cut = writer(Words(write("…") == "..."), sizes[0])
    if sizes[1] or sizes[2]:
        texts = ["", *(word if size else "" for word, size in zip(HEADINGS, sizes[1:]))]
        lines.append(_spread([(" " * room, "")], texts, ["remark"] * 3, sizes, room))
    for lanes, cells, state in rows:
        styles = ["warn" if state == "now" else "remark" if state == "waiting" else "math", "number", "rule"]
        lines.append(_spread(lanes, [cut(cells[0]), *cells[1:]], styles, sizes, room))
    return Drawing(lines, max((sum(display_width(text) for text, _ in line) for line in lines), default=0))


def _spread(lanes: Line, texts: Sequence[str], styles: Sequence[str], sizes: Sequence[int], room: int) -> Line:
    line = [*lanes, (" " * (room + 1 - sum(display_width(text) for text, _ in lanes)), "")]
    for k, (text, style, size) in enumerate(zip(texts, styles, sizes)):
        if size:
            line += [("  " if k else "", ""), (text, style), (" " * (size - display_width(text)), "")]
    return line


# -- the whole ---------------------------------------------------------------------------------------


def render(
    derivation: Derivation,
    *,
    style: str = "operations",
    step: int | None = None,
    forward_only: bool = False,
    part: int = 0,
    limit: int = LIMIT,
    digits: int = DIGITS,
    width: int | None = None,
    direction: str | None = None,
    ascii: bool = False,
) -> tuple[Picture, list[Line]]:
    """A drawing of a derivation that fits the width if it can, and the picture that was drawn.

    Without a `direction` it leads to the right, else down, else with its chains folded, else with its texts
    cut, else it is a list; the remarks of the picture say which. Without a width lines are as long as
    needed, but to the right only up to 80 columns. Errors: as `picture.draw`.

    >>> from backprop.derivation import derive
    >>> from backprop.render.plain import plain
    >>> for line in render(derive("x + 2", at={"x": 1}), style="variables")[1]:
    ...     print(plain(line))
      1            3
    ╭───╮        ╔═══╗
    │ x │─ + 2 ─►║ f ║
    ╰───╯        ╚═══╝
      1            1
    """

    def picture(style: str = style, fold: bool = False) -> Picture:
        return draw(
            derivation, style=style, step=step, forward_only=forward_only, part=part, limit=limit, ascii=ascii,
            digits=digits, fold=fold,
        )  # fmt: skip

    def listed(*remarks: str) -> tuple[Picture, list[Line]]:
        shown = picture("folded" if style == "folded" else "variables")
        legend = f"adjoint: {shown.meaning}" if shown.meaning else ""
        told = shown._replace(style=style, legend=legend, remarks=[*shown.remarks, *remarks])
        return told, write_list(shown, width=width, ascii=ascii).lines

    if direction == "list":
        return listed()
    shown = picture()
    if direction is not None:
        drawing = paint(shown, down=direction == "down", ascii=ascii)
        if width is not None and drawing.width > width:
            remark = f"{drawing.width} columns wide: `| less -S` shows lines without folding them"
            shown = shown._replace(remarks=[*shown.remarks, remark])
        return shown, drawing.lines
    room = width or PREFERRED
    folded = picture(fold=True)
    tries: list[tuple[Picture, int | None]] = [(shown, None), (folded, None), (shown, CUT), (folded, CUT)]
    if len(folded.boxes) == len(shown.boxes):
        del tries[1::2]
    for one, longest in tries:
        for down in (False, True) if len(one.boxes) <= MANY else ():
            drawing = paint(one, down=down, ascii=ascii, longest=longest)
            if drawing.width <= room:
                cut = [f"what is longer than {CUT} characters is cut"] if longest else []
                return one._replace(remarks=[*one.remarks, *cut]), drawing.lines
    return listed(f"too wide for {room} columns: written as a list; --direction right or down draws it")
