"""A compute graph in the language of Mermaid, which GitHub and many note books draw."""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import wrap

from ..errors import visible
from ..picture import Box, Picture, Wire

# class -> its style; fills are light and the ink is dark, so that it can be read in both themes
CLASSES = {
    "variable": "fill:#e8f0fa,stroke:#333,color:#111",
    "constant": "fill:#f4f4f4,stroke:#777,color:#111,stroke-dasharray:3",
    "operation": "fill:#fff,stroke:#333,color:#111",
    "output": "fill:#fbe9e7,stroke:#333,color:#111",
    "fold": "fill:#eef5e9,stroke:#333,color:#111,stroke-dasharray:3",
    "point": "fill:#fff,stroke:#fff,color:#111",
    "about": "fill:#fff,stroke:#ddd,color:#555",
    "now": "fill:#fff1a8,stroke:#b91c1c,color:#111",
    "waiting": "fill:#fafafa,stroke:#bbb,color:#888",
}
VALUE, ADJOINT = "#1d4ed8", "#b91c1c"
LONGEST = 200  # characters of a text; what is longer is cut


def render(picture: Picture, *, direction: str = "right") -> str:
    """The picture as a Mermaid flowchart: a node for each box, value above and adjoint below; an edge for each wire.

    `direction` is "right" or "down". Caption, legend and remarks are one node more. Whatever the texts contain,
    they are text: see `_text`.

    >>> from backprop.derivation import derive
    >>> from backprop.picture import draw
    >>> print(*render(draw(derive("y = x + 2"), style="variables")).splitlines()[:7], sep="\\n")
    ---
    title: "y = x + 2"
    ---
    flowchart LR
      n0("x<br/><font color='#b91c1c'>1</font>"):::variable
      n2("y<br/><font color='#b91c1c'>1</font>"):::output
      n0 -->|"#43; 2"| n2
    """
    lines = ["---", f"title: {_title(picture.title)}", "---", f"flowchart {'TB' if direction == 'down' else 'LR'}"]
    lines += [f"  {_node(box)}" for box in picture.boxes]
    lines += [f"  {_edge(wire)}" for wire in picture.wires]
    about = [
        row for text in (picture.caption, *picture.remarks, picture.legend) for row in wrap(text, 30)
    ]  # Mermaid's own width
    if about:
        lines.append(f'  about["{"<br/>".join(map(_text, about))}"]:::about')
    used = {_class(box) for box in picture.boxes} | ({"about"} if about else set())
    lines += [f"  classDef {name} {style}" for name, style in CLASSES.items() if name in used]
    lines += [f"  linkStyle {k} {style}" for k, style in _styles(picture)]
    return "\n".join([*lines, ""])


def _class(box: Box) -> str:
    return box.state if box.state in ("now", "waiting") else box.kind


def _node(box: Box) -> str:
    rows = (_coloured(box.value, VALUE), _text(box.label), _coloured(box.adjoint, ADJOINT))
    return f'{box.key}("{"<br/>".join(filter(None, rows))}"):::{_class(box)}'


def _edge(wire: Wire) -> str:
    rows = (_coloured(wire.value, VALUE), _text(wire.label), _coloured(wire.adjoint, ADJOINT))
    label = "<br/>".join(filter(None, rows))
    return f'{wire.source} -->|"{label}"| {wire.target}' if label else f"{wire.source} --> {wire.target}"


def _styles(picture: Picture) -> Iterator[tuple[int, str]]:
    for k, wire in enumerate(picture.wires):
        if wire.state == "now":
            yield k, f"stroke:{ADJOINT},stroke-width:3px"
        elif wire.state == "waiting":
            yield k, "stroke:#bbb"


def _coloured(text: str, colour: str) -> str:
    return f"<font color='{colour}'>{_text(text)}</font>" if text.strip() else ""


# What a label may have as it is. Everything else in ASCII has a meaning: to the parser (" ; [ %), to Markdown, which
# labels are read as (* _ ` + - . at the beginning, www.), to the page (< > &), or to mathematics ($).
_PLAIN = frozenset("()=,/^!'")
_DECIMAL = re.compile(r"(\d)#46;(?=\d)")


def _text(text: str) -> str:
    """A text inside a label: one line, nothing in it hides, and nothing in it is markup; `#43;` is a plus."""
    return _DECIMAL.sub(r"\1.", "".join(c if _is_plain(c) else f"#{ord(c)};" for c in _line(text)))


def _is_plain(character: str) -> bool:
    return not character.isascii() or character.isalnum() or character == " " or character in _PLAIN


def _title(text: str) -> str:
    """A text as a string of YAML."""
    safe = (c if _is_plain(c) or c in "+-*" else f"\\u{ord(c):04x}" for c in _line(text))
    return f'"{"".join(safe)}"'


def _line(text: str) -> str:
    line = " ".join(visible(text).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
