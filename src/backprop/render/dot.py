"""A compute graph in the language of Graphviz: `dot -Tsvg` draws it."""

from __future__ import annotations

from html import escape
from textwrap import wrap

from ..errors import visible
from ..picture import Box, Picture, Wire

VALUE, ADJOINT, QUIET, PALE, NOW = "#1d4ed8", "#b91c1c", "#8a8a8a", "#b8b8b8", "#fff1a8"
FILLS = {"variable": "#e8f0fa", "constant": "#f4f4f4", "operation": "#ffffff", "output": "#fbe9e7", "fold": "#eef5e9"}
LONGEST = 200  # characters of a text; what is longer is cut


def render(picture: Picture, *, direction: str = "right") -> str:
    """The picture as a DOT file: a node for each box, value above and adjoint below it; an edge for each wire.

    `direction` is "right" or "down". Whatever the texts contain, they are text: see `_text`.

    >>> from backprop.derivation import derive
    >>> from backprop.picture import draw
    >>> print(*(line for line in render(draw(derive("x + 2"))).splitlines() if "->" in line), sep="\\n")
      n0:b -> n2:b [id="w2_0"];
      c2_1:b -> n2:b [id="w2_1"];
      n2:b -> out:b [id="w"];
    """
    down = direction == "down"
    ports = (":b:s", ":b:n") if down else (":b", ":b")
    lines = [
        "digraph backprop {",
        f'  graph [rankdir={"TB" if down else "LR"}, ranksep=0.45, nodesep=0.3, labelloc=t, bgcolor="white",',
        f'         fontname="Helvetica", fontsize=13, label=<{_heading(picture)}>];',
        '  node [shape=none, margin=0, fontname="Helvetica", fontsize=13];',
        '  edge [fontname="Helvetica", fontsize=11, arrowsize=0.6, color="#555555"];',
    ]
    lines += [f"  {_node(box, down, box.key in picture.ordered)}" for box in picture.boxes]
    lines += [f"  {_edge(wire, ports)}" for wire in picture.wires]
    return "\n".join([*lines, "}", ""])


def _heading(picture: Picture) -> str:
    """Equation, caption, remarks and legend above the picture."""
    rows = [line for text in (picture.title, picture.caption, *picture.remarks) for line in wrap(text, 80)]
    shown = [_text(row) for row in rows]
    if picture.legend:
        shown.append(f'<font point-size="11" color="#555555">{_text(picture.legend)}</font>')
    return "".join(f"{row}<br/>" for row in shown)


def _node(box: Box, down: bool, ordered: bool) -> str:
    """A table, one cell of which has the frame and the edges.

    The numbers stand above and below it, or beside it where the edges come from above.
    """
    waiting = box.state == "waiting"
    fill = NOW if box.state == "now" else FILLS.get(box.kind, "#ffffff")
    style = "rounded,dashed" if box.kind in ("constant", "fold") else "rounded"
    line, ink = (PALE, QUIET) if waiting else ("#333333", "#111111")
    frame = f'border="1" style="{style}" color="{line}" bgcolor="{fill}" cellpadding="5"'
    if box.kind == "point":
        frame = 'border="0" cellpadding="2"'
    middle = f'<td port="b" {frame}>{_coloured(box.label, ink)}</td>'
    value, adjoint = _coloured(box.value, VALUE), _coloured(box.adjoint, QUIET if waiting else ADJOINT)
    beside = "<br/>".join(filter(None, (value, adjoint)))
    if down and beside:
        rows = [f'{middle}<td border="0">{beside}</td>']
    else:
        rows = (
            [f'<td border="0">{value}</td>'] * bool(value)
            + [middle]
            + [f'<td border="0">{adjoint}</td>'] * bool(adjoint)
        )
    cells = "".join(f"<tr>{row}</tr>" for row in rows)
    order = ", ordering=in" if ordered else ""
    table = f'<table border="0" cellspacing="1" cellpadding="1">{cells}</table>'
    return f'{box.key} [id="{box.key}"{order}, label=<{table}>];'


def _edge(wire: Wire, ports: tuple[str, str]) -> str:
    waiting = wire.state == "waiting"
    rows = ((wire.value, VALUE), (wire.label, QUIET if waiting else "#111111"), (wire.adjoint, ADJOINT))
    label = "<br/>".join(_coloured(text, colour) for text, colour in rows if text)
    attributes = [f'id="{wire.key}"']
    if label:
        attributes.append(f"label=<{label}>")
    if wire.state == "now":
        attributes.append(f'color="{ADJOINT}", penwidth=2')
    elif waiting:
        attributes.append(f'color="{PALE}"')
    return f"{wire.source}{ports[0]} -> {wire.target}{ports[1]} [{', '.join(attributes)}];"


def _coloured(text: str, colour: str) -> str:
    return f'<font color="{colour}">{_text(text)}</font>' if text.strip() else ""


def _text(text: str) -> str:
    """A text inside a label: one line, nothing in it hides, and nothing in it is markup."""
    line = " ".join(visible(text).split())
    return escape(line if len(line) <= LONGEST else line[: LONGEST - 1] + "…")
