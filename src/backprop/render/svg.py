"""A compute graph as SVG: one self-contained picture, without scripts, identifiers of others, or outside references.

Every box is `<g class="box KIND STATE" data-key="n3" data-node="3">` with `<text class="value">` and
`<text class="adjoint">`, every wire `<g class="wire STATE" data-key="w3_0" data-link="4">`. Colours are
CSS custom properties (--ink, --paper, --line, --soft, --value, --adjoint, --now) with values for light and
dark screens in `COLOURS`; where a reader knows none, the attributes of the elements hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from unicodedata import combining, east_asian_width

from ..derivation import Derivation
from ..errors import visible
from ..layout import Spacing
from ..picture import DIGITS, LIMIT, Box, Picture, Wire, draw
from .sizes import Metric, Plan, arrange

ROW = 14  # pixels of a unit across, in a drawing to the right
COLUMN = 8  # and in one that leads down
TALL = 32  # a frame
LINE = 18  # a line of text
MARGIN = 16
RADIUS = 7  # of the wires' corners
FILLS = {"value": "#1d4ed8", "adjoint": "#b91c1c"}  # where no style sheet is read
LONGEST = 1120  # pixels of a drawing to the right; a longer one leads down if that is narrower
NARROW, WIDE = "fijlrtI.,:;'|!()[]{} ·-/", "mwMW@%→÷×+=−√∂≤≥≠"

COLOURS = (
    "svg.graph{--ink:#1f2933;--paper:#fff;--line:#64748b;--soft:#f1f5f9;--value:#1d4ed8;--adjoint:#b91c1c;"
    "--now:#d97706;background:var(--paper)}"
    "@media(prefers-color-scheme:dark){svg.graph{--ink:#e5e7eb;--paper:#14181f;--line:#94a3b8;--soft:#232b36;"
    "--value:#8ab4ff;--adjoint:#ff9d8a;--now:#fbbf24}}"
)
STYLE = (
    "svg.graph{max-width:100%;height:auto}"
    'svg.graph text{font:14px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",Arial,sans-serif;'
    "fill:var(--ink,#1f2933);unicode-bidi:isolate}"
    "svg.graph .heading{font-weight:600;font-size:15px}"
    "svg.graph .caption,svg.graph .legend,svg.graph .remark{font-size:13px}"
    "svg.graph .frame{fill:var(--soft,#f1f5f9);stroke:var(--line,#64748b);stroke-width:1.3}"
    "svg.graph .variable .frame{fill:var(--paper,#fff)}"
    "svg.graph .output .frame{stroke:var(--ink,#1f2933);stroke-width:2}"
    "svg.graph .fold.cut .frame{stroke-dasharray:4 3}"
    "svg.graph .label{font-weight:500}"
    "svg.graph .wire .label{font-weight:400}"
    "svg.graph .constant .label{fill:var(--line,#64748b)}"
    "svg.graph .value{font-size:13px;fill:var(--value,#1d4ed8)}"
    "svg.graph .adjoint{font-size:13px;fill:var(--adjoint,#b91c1c)}"
    "svg.graph .line{fill:none;stroke:var(--line,#64748b);stroke-width:1.2}"
    "svg.graph .halo{fill:none;stroke:var(--paper,#fff);stroke-width:6}"
    "svg.graph .gap{fill:var(--paper,#fff)}"
    "svg.graph .head,svg.graph .dot{fill:var(--line,#64748b)}"
    "svg.graph .now .frame{stroke:var(--now,#d97706);stroke-width:3}"
    "svg.graph .now .line{stroke:var(--now,#d97706);stroke-width:3}"
    "svg.graph .now .head{fill:var(--now,#d97706)}"
    "svg.graph .now .label{font-weight:700}"
    "svg.graph .waiting .frame{stroke-dasharray:3 3}"
    "svg.graph .waiting .line{stroke-dasharray:4 4}"
)


def render(
    derivation: Derivation,
    *,
    style: str = "operations",
    step: int | None = None,
    forward_only: bool = False,
    part: int = 0,
    limit: int = LIMIT,
    digits: int = DIGITS,
    direction: str | None = None,
    prefix: str = "",
    with_style: bool = True,
    heading: bool = True,
) -> str:
    """The picture of a derivation as SVG: see `picture.draw` and `picture_svg`.

    >>> from backprop.derivation import derive
    >>> render(derive("x + 2"))[:34]
    '<svg xmlns="http://www.w3.org/2000'
    """
    picture = draw(
        derivation, style=style, step=step, forward_only=forward_only, part=part, limit=limit, digits=digits
    )  # fmt: skip
    return picture_svg(picture, direction=direction, prefix=prefix, with_style=with_style, heading=heading)


def picture_svg(
    picture: Picture, *, direction: str | None = None, prefix: str = "", with_style: bool = True, heading: bool = True
) -> str:
    """A picture as SVG.

    `direction` is "right" or "down"; by default right, unless that is long and down is narrower. `prefix`
    stands before the identifiers, for a page with several; `with_style` False leaves out the style sheet
    (`COLOURS` and `STYLE`), for a page that has it already; `heading` False the title, the caption and the legend.
    """
    plan = None
    down = direction == "down"
    if direction is None:
        plan = _plan(picture, False)
        down = plan.layout.length > LONGEST
        if down:
            other = _plan(picture, True)
            down = other.layout.breadth * COLUMN < plan.layout.length
            plan = other if down else plan
    return _Svg(picture, plan or _plan(picture, down), down, prefix).text(with_style, heading)


def text_width(text: str, size: float = 14) -> float:
    """The width of a text in pixels, about: by classes of characters.

    >>> text_width("v̄1") == text_width("v1")
    True
    """
    total = 0.0
    for c in text:
        if combining(c):
            continue
        if east_asian_width(c) in "WF":
            total += 1.0
        elif c in NARROW:
            total += 0.36
        elif c in WIDE:
            total += 0.8
        else:
            total += 0.68 if c.isupper() else 0.59
    return total * size


def _plan(picture: Picture, down: bool) -> Plan:
    if down:
        spacing = Spacing(apart=2, track=9, lead=10, tail=18, least=20, short=(8, 6))
        metric = Metric(lambda text: int(text_width(text) / COLUMN) + 1, 3, 1, TALL, LINE, 2, 1, spacing)
    else:
        spacing = Spacing(apart=2, track=10, lead=14, tail=22, least=28, short=(12, 12))
        metric = Metric(lambda text: int(text_width(text)) + 1, 22, 6, TALL, LINE, 1, 1, spacing)
    return arrange(picture, metric, lambda text: visible(text), down=down)


def escape(text: str) -> str:
    """A text in XML: no markup, no control character, nothing that turns the direction of writing.

    >>> escape("<script>&\\x01")
    '&lt;script&gt;&amp;U+0001'
    """
    text = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return text.replace("\n", " ").replace("\t", " ")


class _Svg:
    def __init__(self, picture: Picture, plan: Plan, down: bool, prefix: str) -> None:
        self.picture, self.plan, self.down, self.prefix = picture, plan, down, prefix
        self.out: list[str] = []
        layout = plan.layout
        self.width = layout.breadth * COLUMN if down else layout.length
        self.height = layout.length if down else layout.breadth * ROW

    def text(self, with_style: bool, heading: bool) -> str:
        """The whole of it."""
        picture, prefix = self.picture, self.prefix
        above: list[tuple[str, str]] = [("heading", picture.title)] if heading else []
        below: list[tuple[str, str]] = []
        if heading:
            room = max(self.width, 520)
            below += [("caption", line) for line in wrap(picture.caption, room)]
            below += [("remark", line) for sentence in picture.remarks for line in wrap(sentence, room)]
            below += [("legend", line) for line in wrap(picture.legend, room)]
            heads = wrap(picture.title, room, 15)
            above = [("heading", line) for line in heads]
        widest = max([self.width, *(text_width(text) for _, text in (*above, *below))])
        top = MARGIN + len(above) * 24
        width, height = round(widest + 2 * MARGIN), round(top + self.height + MARGIN + len(below) * 20)
        self._wires()
        self._boxes()
        name, described = f"{prefix}graph-title", f"{prefix}graph-description"
        description = f"Compute graph, style {picture.style}. {picture.caption} {picture.legend}"
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" aria-labelledby="{name} {described}" '
            'font-family="sans-serif" font-size="14">',
            f'<title id="{name}">{escape(picture.title)}</title>',
            f'<desc id="{described}">{escape(" ".join(description.split()))}</desc>',
        ]
        if with_style:
            lines.append(f"<style>{COLOURS}{STYLE}</style>")
        y = MARGIN + 8
        for kind, text in above:
            lines.append(f'<text class="{kind}" x="{MARGIN}" y="{y}" font-weight="600">{escape(text)}</text>')
            y += 22
        # Half a pixel further, so that lines of about one pixel look the same however many lie on each other.
        lines.append(f'<g transform="translate({MARGIN + 0.5} {top + 0.5})">')
        lines += self.out
        lines.append("</g>")
        y = round(top + self.height + MARGIN + 12)
        for kind, text in below:
            written = _coloured(text) if kind == "legend" else escape(text)
            lines.append(f'<text class="{kind}" x="{MARGIN}" y="{y}">{written}</text>')
            y += 20
        lines.append("</svg>")
        return "\n".join(lines) + "\n"

    def point(self, along: float, across: float) -> tuple[float, float]:
        """A place in pixels."""
        if self.down:
            return across * COLUMN + COLUMN / 2, along
        return along, across * ROW + ROW / 2

    # Wires.

    def _wires(self) -> None:
        """Net by net: first what keeps it apart from those below, then its wires, then the dots where they part."""
        nets: dict[int, list[int]] = {}
        for k, edge in enumerate(self.plan.edges):
            nets.setdefault(edge.source, []).append(k)
        last: list[str] = []
        shown: set[int] = set()
        for numbers in nets.values():
            paths = {k: self._path(k) for k in numbers}
            for k in numbers:
                self.out.append(f'<path class="halo" fill="none" stroke="#fff" stroke-width="6" d="{_d(paths[k])}"/>')
            for k in numbers:
                wire = self._wire(self.picture.wires[k], k, paths[k], shown)
                (last if self.picture.wires[k].state == "now" else self.out).append(wire)
            for x, y in _forks(list(paths.values())):
                self.out.append(f'<circle class="dot" fill="#64748b" cx="{x:g}" cy="{y:g}" r="2.6"/>')
        self.out += last

    def _path(self, k: int) -> list[tuple[float, float]]:
        """The corners of a wire, from the frame or text where it begins to the frame where it ends."""
        plan = self.plan
        edge, points = plan.edges[k], plan.layout.wires[k]
        begin, end = self._extent(edge.source)[1], self._extent(edge.target)[0]
        corners = [(begin, points[0][1]), *points, (end, points[-1][1])]
        path: list[tuple[float, float]] = []
        for along, across in corners:
            point = self.point(along, across)
            if path and path[-1] == point:
                continue
            while len(path) > 1 and (path[-2][0] == path[-1][0] == point[0] or path[-2][1] == path[-1][1] == point[1]):
                path.pop()
            path.append(point)
        return path

    def _extent(self, k: int) -> tuple[float, float]:
        """Where a frame, or a text without one, begins and ends along the drawing."""
        plan = self.plan
        shape, size = plan.shapes[k], plan.sizes[k]
        begin = plan.layout.boxes[k][0]
        if self.down:
            return begin, begin + (TALL if plan.frames[k] else LINE)
        if plan.frames[k]:
            inset = (shape.length - size) / 2
            return begin + inset, begin + inset + size
        if shape.align > 0:
            return begin, begin + shape.length
        return begin, begin + size

    def _wire(self, wire: Wire, k: int, path: list[tuple[float, float]], shown: set[int]) -> str:
        link = "" if wire.link is None else f' data-link="{wire.link}"'
        parts = [f'<g class="{_classes("wire", wire.state)}" data-key="{wire.key}"{link}>']
        width = "3" if wire.state == "now" else "1.2"
        colour = "#d97706" if wire.state == "now" else "#64748b"
        parts.append(f'<path class="line" fill="none" stroke="{colour}" stroke-width="{width}" d="{_d(path)}"/>')
        back = wire.state == "now"
        if back or self.picture.boxes[self.plan.edges[k].target].kind != "point":
            tip, other = (path[0], path[1]) if back else (path[-1], path[-2])
            parts.append(f'<path class="head" fill="{colour}" d="{_head(tip, other, 5 if back else 4)}"/>')
        label = self.plan.edges[k].label
        if label >= 0 and label not in shown:
            shown.add(label)
            parts.append(self._label(label))
        return "".join([*parts, "</g>"])

    def _label(self, k: int) -> str:
        """What stands on a wire, above and below it; beside it in a drawing downwards."""
        along, across = self.plan.layout.labels[k]
        on, above, below = self.plan.labels[k]
        shape = self.plan.label_shapes[k]
        if self.down:
            x, y = self.point(along, across)
            x += 8
            lines = [("label", on, 13), ("value", above, 13), ("adjoint", below, 13 + (LINE if above else 0))]
            return "".join(_text(kind, x, y + shift, text, "start") for kind, text, shift in lines if text)
        x, y = self.point(along + shape.length / 2, across)
        out = ""
        if on:
            wide = text_width(on) + 6
            out += f'<rect class="gap" fill="#fff" x="{x - wide / 2:g}" y="{y - 9:g}" width="{wide:g}" height="18"/>'
            out += _text("label", x, y + 5, on, "middle")
        out += _text("value", x, y - 5, above, "middle") if above else ""
        out += _text("adjoint", x, y + 15, below, "middle") if below else ""
        return out

    # Boxes.

    def _boxes(self) -> None:
        for k, box in enumerate(self.picture.boxes):
            self.out.append(self._box(box, k))

    def _box(self, box: Box, k: int) -> str:
        plan = self.plan
        label, value, adjoint = plan.written[k]
        across, frame, size = plan.layout.boxes[k][1], plan.frames[k], plan.sizes[k]
        begin, end = self._extent(k)
        cut = "cut" if box.kind == "fold" and self.picture.style != "folded" else ""
        node = "" if box.position is None else f' data-node="{box.position}"'
        parts = [f'<g class="{_classes("box", box.kind, cut, box.state)}" data-key="{box.key}"{node}>']
        if box.formula and box.formula != label:
            parts.append(f"<title>{escape(f'{box.name} = {box.formula}')}</title>")
        x, y = self.point((begin + end) / 2, across)
        if frame:
            wide, tall = (frame * COLUMN - 6, TALL) if self.down else (size, frame * ROW - 10)
            radius = min(wide, tall) / 2 if box.kind == "variable" else 8
            left, top = x - wide / 2, y - tall / 2
            parts.append(
                f'<rect class="frame" fill="#f1f5f9" stroke="#64748b" x="{left:g}" y="{top:g}" width="{wide:g}" '
                f'height="{tall:g}" rx="{radius:g}"/>'
            )
            parts.append(_text("label", x, y + 5, label, "middle"))
            if self.down:
                places = (left + wide + 6, top + 9, left + wide + 6, top + tall, "start")
            else:
                places = (x, top - 5, x, top + tall + 14, "middle")
        else:
            anchor = "middle" if self.down else "end" if plan.shapes[k].align > 0 else "start"
            x = x if self.down else (end - 6 if anchor == "end" else begin + 4)
            parts.append(_text("label", x, y + 5, label, anchor))
            if self.down:
                half = text_width(label) / 2
                places = (x + half + 8, y + 5, x + 8, y + 5 + LINE, "start")
            else:
                places = (x, y - 11, x, y + 20, anchor)
        if box.kind not in ("constant", "point"):
            value_x, value_y, adjoint_x, adjoint_y, anchor = places
            parts.append(_text("value", value_x, value_y, value, anchor))
            parts.append(_text("adjoint", adjoint_x, adjoint_y, adjoint, anchor))
        return "".join([*parts, "</g>"])


def _text(kind: str, x: float, y: float, text: str, anchor: str) -> str:
    fill = FILLS.get(kind, "#1f2933")
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'


def _classes(*names: str) -> str:
    return " ".join(name for name in names if name)


def _d(path: Sequence[tuple[float, float]]) -> str:
    """The commands of a path with rounded corners."""
    parts = [f"M{path[0][0]:g} {path[0][1]:g}"]
    for k in range(1, len(path) - 1):
        (ax, ay), (x, y), (bx, by) = path[k - 1], path[k], path[k + 1]
        before = abs(x - ax) + abs(y - ay)
        behind = abs(bx - x) + abs(by - y)
        r = min(RADIUS, before if k == 1 else before / 2, behind if k == len(path) - 2 else behind / 2)
        sx, sy = x - r * _sign(x - ax), y - r * _sign(y - ay)
        ex, ey = x + r * _sign(bx - x), y + r * _sign(by - y)
        parts.append(f"L{sx:g} {sy:g}Q{x:g} {y:g} {ex:g} {ey:g}")
    parts.append(f"L{path[-1][0]:g} {path[-1][1]:g}")
    return "".join(parts)


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


def _head(tip: tuple[float, float], other: tuple[float, float], half: float) -> str:
    """An arrowhead at `tip`, coming from `other`."""
    (x, y), dx, dy = tip, _sign(tip[0] - other[0]), _sign(tip[1] - other[1])
    length = 2 * half
    bx, by = x - dx * length, y - dy * length
    return f"M{x:g} {y:g}L{bx - dy * half:g} {by - dx * half:g}L{bx + dy * half:g} {by + dx * half:g}Z"


def _forks(paths: list[list[tuple[float, float]]]) -> list[tuple[float, float]]:
    """Where the wires of one net part."""
    found: dict[tuple[float, float], None] = {}
    for one, other in pairwise(sorted(paths)):
        k = 0
        while k < min(len(one), len(other)) and one[k] == other[k]:
            k += 1
        if k == 0 or k == len(one) or k == len(other):
            continue
        (x, y), a, b = one[k - 1], one[k], other[k]
        ways = [(_sign(p[0] - x), _sign(p[1] - y)) for p in (a, b)]
        if ways[0] == ways[1]:
            x, y = min(a, b, key=lambda p: abs(p[0] - x) + abs(p[1] - y))
        found[x, y] = None
    return list(found)


def wrap(text: str, width: float, size: float = 13) -> list[str]:
    """A sentence in lines of about so many pixels, broken at spaces."""
    lines: list[str] = []
    for word in visible(text).split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _coloured(text: str) -> str:
    """The legend, with its words in the colours of what they mean."""
    written = escape(text)
    phrases = {"values": "value", "adjoints": "adjoint", "what flows back": "adjoint"}
    for phrase, kind in phrases.items():
        fill = FILLS[kind]
        written = written.replace(phrase, f'<tspan class="{kind}" fill="{fill}">{phrase}</tspan>')
    return written
