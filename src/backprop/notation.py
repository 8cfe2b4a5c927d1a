r"""Expressions as mathematics: LaTeX by the templates of the table of operations, and MathML translated from it.

There is one notation, and the table's column `latex` is where it stands: `to_latex` fills its templates,
and `to_mathml` is the same text in the other language. So a new function is one new row here too. The
commands that a template may have are those that `_translate` knows: \frac \binom \sqrt \operatorname
\mathrm \text, the names of functions and Greek letters, brackets, relations, and cases.

Names keep their meaning: `x1` and `x_1` are x with an index, `theta` is the letter, `loss` is upright. Products
stand side by side where nobody can misread them (5a², (x + 1)(x + 2)), else with a dot (2·3, x·(y + 1)).

Nothing here recurses, and everything is linear in the written-out tree. What would be wider or higher than a
page is for `parts` to find: its nodes get names of their own, as in `Derivation.definitions`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from string import Formatter
from typing import NamedTuple

from .errors import visible
from .expr import LEAVES, RAISED_NAMES, Graph, Key, number_text
from .mathml import GREEK, LETTERS, NAMED, TOKENS, escape_html, mathml, translate
from .ops import CONSTANTS, OPS, POWER, lookup

__all__ = [
    "Written", "escape_html", "escape_latex", "in_ascii", "latex_name", "latex_spelling", "mathml", "mathml_name",
    "number_latex", "parts", "to_latex", "to_mathml", "translate", "width_of", "write",
]  # fmt: skip

Names = Mapping[int, str]
Hole = tuple[int, int]  # the number of an operand, and the precedence that it needs to stand without brackets
Piece = str | tuple[int, int]  # text, or a node and the precedence that it needs

FRACTION = 45  # precedences in print: a fraction's bar holds it together, but not in the base of a power
BARE = 42  # a sine without brackets, sin x, cannot be followed by a factor
FOLLOWED = 45  # what a factor needs if another one follows
TALL = 1.9  # brackets grow around what is higher than this many lines
LONGEST_NUMBER = 60  # digits of a number that are written out
WIDEST, HIGHEST, DEEPEST = 30.0, 7.0, 24  # em, lines and levels of a formula in which nothing needs a name


class Written(str):
    """A name that is in print already: a call such as f(x), which no one should spell anew."""


# -- names and numbers ---------------------------------------------------------------------------------


_RATE = re.compile(r"d(\d*)([^\W\d_]\w*?)_d([^\W\d_]\w*?)(\d*)")
_DIFFERENCE = re.compile(r"([dΔδ∆])([^\W\d_](?:\d*|_[^\W_]+))")
_INDEXED = re.compile(r"([^\W\d_]+)(\d*)((?:_[^\W_]+)*)")


@lru_cache(maxsize=4096)
def _name(name: str) -> str:
    """A name in LaTeX, with letters of other alphabets as they are."""
    if type(name) is Written:
        return name
    if name in LETTERS or len(name) == 1:
        return _letter(name)
    rate = _RATE.fullmatch(name)
    if rate is not None and rate[1] == rate[4]:  # dx_dt, which `--total t` makes
        power = f"^{{{rate[1]}}}" if rate[1] else ""
        return rf"\frac{{\mathrm{{d}}{power}{_indexed(rate[2])}}}{{\mathrm{{d}}{_indexed(rate[3])}{power}}}"
    change = _DIFFERENCE.fullmatch(name)
    if change is not None:
        sign = r"\mathrm{d}" if change[1] == "d" else _letter(change[1]) + " "
        return sign + _indexed(change[2])
    return _indexed(name)


def _indexed(name: str) -> str:
    """A letter or a word with its indices."""
    indexed = _INDEXED.fullmatch(name)
    if indexed is None:
        return _upright(name)
    base, digits, rest = indexed.groups()
    indices = [digits, *rest[1:].split("_")] if rest else [digits]
    below = ",".join(_letter(index) for index in indices if index)
    return _letter(base) + (f"_{{{below}}}" if below else "")


def _letter(word: str) -> str:
    """A letter, Greek or not; a number; else an upright word."""
    if word in GREEK:
        return GREEK[word]
    if word in LETTERS:
        return LETTERS[word]
    return word if (len(word) == 1 and word.isalpha()) or word.isdecimal() else _upright(word)


def _upright(word: str) -> str:
    """A word as it is, without what is no letter or digit."""
    letters = (c if c.isalnum() else r"\_" if c == "_" else "" for c in visible(word))
    return rf"\mathrm{{{''.join(letters) or '?'}}}"


def in_ascii(latex: str) -> str:
    """LaTeX with letters that pdfTeX has no font for as their numbers."""
    return latex if latex.isascii() else re.sub(r"[^\x00-\x7f]", lambda m: f"{{U{{+}}{ord(m[0]):04X}}}", latex)


def latex_spelling(name: str, exactly: bool = False) -> str:
    """A name in LaTeX, with letters of other alphabets as they are; `exactly` as it was typed, letter by letter."""
    return _upright(name) if exactly else _name(name)


def latex_name(name: str) -> str:
    r"""A name as LaTeX, for mathematical mode.

    >>> latex_name("x1"), latex_name("alpha_2"), latex_name("loss"), latex_name("x_max"), latex_name("dx")
    ('x_{1}', '\\alpha_{2}', '\\mathrm{loss}', 'x_{\\mathrm{max}}', '\\mathrm{d}x')
    """
    return in_ascii(_name(name))


def mathml_name(name: str) -> str:
    """A name as MathML.

    >>> mathml_name("x1")
    '<msub><mi>x</mi><mn>1</mn></msub>'
    """
    return translate(_name(name))


_NUMBER = re.compile(r"(-?)(\d*\.?\d*)(?:[eE]([+-]?\d+))?(?:/(\d+))?")


def number_latex(text: str) -> str:
    r"""A number as it is typed or as values are printed: decimal, scientific, a fraction.

    >>> number_latex("-1/2"), number_latex("2.5e-07"), number_latex("1e3"), number_latex("0.50")
    ('-\\frac{1}{2}', '2.5 \\cdot 10^{-7}', '10^{3}', '0.50')
    """
    match = _NUMBER.fullmatch(text)
    if match is None or not any(c.isdecimal() for c in text):
        return in_ascii(_upright(text))
    minus, digits, exponent, bottom = match.groups()
    written = _digits(digits)
    if bottom is not None:
        written = rf"\frac{{{written}}}{{{_digits(bottom)}}}"
    elif exponent is not None:
        power = f"10^{{{int(exponent)}}}"
        written = power if digits == "1" else rf"{written} \cdot {power}"
    return minus + written


def _digits(digits: str) -> str:
    return digits if len(digits) <= LONGEST_NUMBER else rf"{digits[:20]} \ldots {digits[-10:]}"


# -- LaTeX ---------------------------------------------------------------------------------------------


def to_latex(graph: Graph, root: int, names: Names | None = None, required: int = 0) -> str:
    r"""The expression as LaTeX, for mathematical mode.

    `names` are nodes to be written as a name (the root itself is always written out); brackets are put around an
    expression whose precedence is below `required`. As long as the written-out tree; see `parts`.

    >>> from backprop import parse
    >>> node = parse("5a^2/(1 + e^b)")
    >>> to_latex(node.graph, node.position)
    '\\frac{5 a^{2}}{1 + e^{b}}'
    """
    return in_ascii(write(graph, root, names, required))


def write(
    graph: Graph, root: int, names: Names | None = None, required: int = 0, spell: Callable[[str], str] = _name
) -> str:
    """`to_latex` with letters of all alphabets, and another way to spell names."""
    writer = _Writer(graph, root, names or {}, spell)
    out: list[str] = []
    stack: list[Piece] = [(root, required)]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            out.append(item)
        else:
            stack.extend(reversed(writer.pieces(*item)))
    return "".join(out)


class _Writer:
    """One expression on its way to LaTeX."""

    def __init__(self, graph: Graph, root: int, names: Names, spell: Callable[[str], str]) -> None:
        self.nodes, self.root, self.names, self.spell = graph.nodes, root, names, spell
        self.size = _sizes(graph, root, names)

    def is_named(self, position: int) -> bool:
        return position != self.root and position in self.names

    def pieces(self, position: int, required: int) -> Sequence[Piece]:
        """What a node is written as: text, and operands with the precedence that they need."""
        pieces = self._inner(position, required)
        if self.precedence(position, required) >= required:
            return pieces
        return _grown(["(", *pieces, ")"], self.size[position].height, first_and_last=True)

    def _inner(self, position: int, required: int) -> Sequence[Piece]:
        if self.is_named(position):
            return [self.spell(self.names[position])]
        key = self.nodes[position]
        op: str = key[0]
        operands: Sequence[int] = key[1:]
        template: Sequence[str | Hole]
        if op == "var":
            return [self.spell(key[1])]
        if op == "num":
            return [number_latex(number_text(key[1], key[2]))]
        if op == "mul":
            return self._product(position)
        if op == "pow":
            return self._power(operands, required)
        if op == "exp" and self._is_large(operands[0]):
            return self._filled((r"\exp(", (0, 0), ")"), operands)
        template = _template(op)
        if op in ("where", "max", "min"):
            template, operands = self._flat(op, _template(op), operands)
        elif self._is_bare(op, operands[0] if operands else -1, required):
            head = template[0]
            assert isinstance(head, str)
            return [head[:-1] + " ", (operands[0], 100)]
        return self._filled(template, operands)

    def _filled(self, template: Sequence[str | Hole], operands: Sequence[int]) -> Sequence[Piece]:
        pieces: list[Piece] = [
            piece if isinstance(piece, str) else (operands[piece[0]], piece[1]) for piece in template
        ]
        return _grown(pieces, max((self.size[i].height for i in operands), default=1.0))

    def precedence(self, position: int, required: int = 0) -> int:
        """How tightly what is written holds together."""
        if self.is_named(position):
            return self._of_name(self.names[position])
        key = self.nodes[position]
        op = key[0]
        if op == "var":
            return self._of_name(key[1])
        if op == "num":
            text = number_text(key[1], key[2])
            return 35 if text.startswith("-") else FRACTION if "/" in text or "e" in text.lower() else 100
        if op in CONSTANTS:
            return 100
        if op == "pow":
            inner = self.nodes[key[1]]
            bare = self._is_raised(key[1:]) and self._is_bare(inner[0], inner[1], required)
            return BARE if bare else POWER
        if self._is_bare(op, key[1], required):
            return BARE
        if op == "exp":
            return 100 if self._is_large(key[1]) else POWER
        return FRACTION if op == "div" else lookup(op).precedence

    def _of_name(self, name: str) -> int:
        return FRACTION if self.spell(name).startswith(r"\frac") else 100

    def _is_large(self, position: int) -> bool:
        """Whether an exponent is hard to read up there."""
        return self.size[position].height > 2.5 or self.size[position].width > 16

    def _is_leaf(self, position: int) -> bool:
        if self.is_named(position):
            return type(self.names[position]) is not Written and self.precedence(position) == 100
        return self.nodes[position][0] in LEAVES and self.precedence(position) == 100

    def _is_bare(self, op: str, operand: int, required: int) -> bool:
        """Whether a function is written without brackets: sin x."""
        if required > BARE or operand < 0 or op not in _FUNCTIONS:
            return False
        return self._is_leaf(operand)

    # Products.

    def _product(self, position: int) -> list[Piece]:
        factors: list[int] = []
        while self.nodes[position][0] == "mul" and not (factors and self.is_named(position)):
            _, position, right = self.nodes[position]
            factors.append(right)
        factors.append(position)
        factors.reverse()
        pieces: list[Piece] = []
        for k, factor in enumerate(factors):
            if k:
                pieces.append(self._sign(factors[k - 1], factor, last=k == len(factors) - 1))
            pieces.append((factor, FOLLOWED if k < len(factors) - 1 else _LAST))
        return pieces

    def _sign(self, left: int, right: int, last: bool) -> str:
        """What stands between two factors."""
        beside = _BESIDE.get(self._end(left), "")
        first = self._begin(right, _LAST if last else FOLLOWED)
        if first == "difference" and beside and not self._end(left).startswith("f"):
            return r" \, "
        return " " if f" {first} " in beside else _DOT

    def _kind(self, position: int) -> str:
        """letter, word, difference, digit, fraction, bracket, ...: what a factor looks like from outside."""
        if self.is_named(position):
            return self._kind_of_name(self.names[position])
        key = self.nodes[position]
        op = key[0]
        if op == "var":
            return self._kind_of_name(key[1])
        if op == "num":
            return "fraction" if "/" in number_text(key[1], key[2]) else "digit"
        return _KINDS.get(op, "letter" if op in CONSTANTS else "function")

    def _kind_of_name(self, name: str) -> str:
        written = self.spell(name)
        if written[:1].isdecimal() or written.startswith("(-"):  # a number in the place of a name
            return "digit"
        if written.startswith(r"\mathrm{d}"):
            return "difference"
        return "fraction" if written.startswith(r"\frac") else "word" if written.startswith(r"\mathrm") else "letter"

    def _end(self, position: int) -> str:
        """How a factor ends that another one follows."""
        if self.precedence(position, FOLLOWED) < FOLLOWED:
            return "bracket"
        return self._kind(position)

    def _begin(self, position: int, required: int) -> str:
        """How a factor begins."""
        while self.precedence(position, required) >= required:
            kind = self._kind(position)
            operands = self.nodes[position][1:]
            if kind not in ("power", "factorial") or self.is_named(position):
                return kind
            if self.nodes[position][0] == "exp":
                return "letter"
            if kind == "power" and self._is_raised(operands):
                return "function"
            position, required = operands[0], _BASE
        return "bracket"

    # Powers, and operations that are written as one.

    def _is_raised(self, operands: Sequence[int]) -> bool:
        """Whether a power is written as that of a function: sin²(x)."""
        base, exponent = (self.nodes[i] for i in operands)
        return (
            base[0] in RAISED_NAMES and base[0] in _FUNCTIONS and not self.is_named(operands[0])
            and exponent[0] == "num" and type(exponent[1]) is int and exponent[1] > 0 and exponent[2] is None
            and not self.is_named(operands[1])
        )  # fmt: skip

    def _power(self, operands: Sequence[int], required: int) -> Sequence[Piece]:
        base, exponent = operands
        if self._is_raised(operands):
            op, inner = self.nodes[base]
            head = f"{_FUNCTIONS[op]}^{{{self.nodes[exponent][1]}}}"
            if self._is_bare(op, inner, required):
                return [f"{head} ", (inner, 100)]
            return _grown([f"{head}(", (inner, 0), ")"], self.size[inner].height)
        return [(base, _BASE), _RAISE, *self._raised(exponent), _CLOSE]

    def _raised(self, exponent: int) -> list[Piece]:
        """An exponent: 1/2 stays on one line."""
        key = self.nodes[exponent]
        if key[0] == "div" and not self.is_named(exponent) and all(self.nodes[i][0] == "num" for i in key[1:]):
            return [(key[1], 100), "/", (key[2], 100)]
        if key[0] == "num" and not self.is_named(exponent) and "/" in number_text(key[1], key[2]):
            return [number_text(key[1], key[2])]
        return [(exponent, 0)]

    def _flat(
        self, op: str, template: tuple[str | Hole, ...], operands: Sequence[int]
    ) -> tuple[Sequence[str | Hole], Sequence[int]]:
        """max(max(a, b), c) as max(a, b, c), and a case in the last case as one more case."""
        if op == "where":
            before, _, middle, _, between, _, after = template
            flat = list(operands)
            while self.nodes[flat[-1]][0] == op and not self.is_named(flat[-1]):
                flat[-1:] = self.nodes[flat[-1]][1:]
            found: list[str | Hole] = [before]
            for k in range(0, len(flat) - 1, 2):
                found += [(k + 1, 0), middle, (k, 0), between]
            return [*found, (len(flat) - 1, 0), after], flat
        last: list[int] = []
        first = operands[0]
        last.append(operands[1])
        while self.nodes[first][0] == op and not self.is_named(first):
            _, first, second = self.nodes[first]
            last.append(second)
        flat = [first, *reversed(last)]
        before, _, between, _, after = template
        found = [before]
        for k in range(len(flat)):
            found += [between, (k, 0)] if k else [(k, 0)]
        return [*found, after], flat


# How factors look from outside, where that does not follow from the row: what is not here is a function.
_KINDS = {
    "div": "fraction", "pow": "power", "exp": "power", "factorial": "factorial", "sqrt": "root", "cbrt": "root",
    "root": "root", "abs": "fence", "floor": "fence", "ceil": "fence", "binomial": "bracket", "mod": "bracket",
    "mul": "bracket",
}  # fmt: skip
# What may follow a factor without a dot: how it ends -> how the next begins.
_BESIDE = {
    "digit": " letter word function root bracket fence ",
    "letter": " letter function root fence fraction ",
    "power": " letter function root fence fraction bracket ",
    "root": " letter function root fence fraction bracket ",
    "bracket": " letter function root bracket fence fraction ",
    "function": " function ",
    "fraction": " letter function root bracket ",
}


@lru_cache(maxsize=4096)
def _template(op: str) -> tuple[str | Hole, ...]:
    """The row's template: text, and holes with the precedence that their operands need."""
    if op.startswith("call "):
        return _called(op)
    pieces: list[str | Hole] = []
    for text, hole, needed, _ in Formatter().parse(lookup(op).latex):
        if text and pieces and isinstance(pieces[-1], str):
            pieces[-1] += text  # the parser of templates ends a text at each doubled brace
        elif text:
            pieces.append(text)
        if hole is not None:
            pieces.append((int(hole), int(needed or 0)))
    return tuple(pieces)


def _texts_and_needs(op: str) -> tuple[list[str], list[int]]:
    """What stands around the operands, and the precedences that they need."""
    template = _template(op)
    texts = [piece for piece in template if isinstance(piece, str)]
    return texts, [piece[1] for piece in template if not isinstance(piece, str)]


def _called(op: str) -> tuple[str | Hole, ...]:
    """f(x), f''(x) of a declared function; f'_{1,2}(x, y) is differentiated by both operands."""
    _, function, arity, *orders = op.split(" ")
    name = _name(function)
    if orders and ("_" in name or "^" in name):
        name = f"{{{name}}}"
    if arity == "1":
        name += "'" * len(orders) if len(orders) < 4 else f"^{{({len(orders)})}}"
    elif orders:
        name += f"'_{{{','.join(str(int(k) + 1) for k in orders)}}}"
    pieces: list[str | Hole] = [f"{name}("]
    for k in range(int(arity)):
        pieces += [", ", (k, 0)] if k else [(k, 0)]
    return (*pieces, ")")


def _heads() -> dict[str, str]:
    r"""The functions with one operand whose argument may stand without brackets: op -> \sin."""
    found = {}
    for op, row in OPS.items():
        match = re.fullmatch(r"(\\([a-z]+)(?:_\{\{\d+\}\})?)\(\{0\}\)", row.latex)
        if match is not None and match[2] in NAMED:
            found[op] = match[1].format()
    return found


_FUNCTIONS = _heads()
# What the rows of the two operations say that are not written by their template alone.
(_DOT,), (*_, _LAST) = _texts_and_needs("mul")
(_RAISE, _CLOSE), (_BASE, *_) = _texts_and_needs("pow")
_GROWING = re.compile(r"\(|\\lvert|\\lfloor|\\lceil|\)|\\rvert|\\rfloor|\\rceil")


def _grown(pieces: Sequence[Piece], height: float, first_and_last: bool = False) -> Sequence[Piece]:
    """Pieces whose brackets are as high as what they hold."""
    if height < TALL:
        return pieces

    def grow(text: str) -> str:
        return _GROWING.sub(lambda m: (r"\right" if m[0] == ")" or m[0].startswith(r"\r") else r"\left") + m[0], text)

    last = len(pieces) - 1
    return [
        grow(piece) if isinstance(piece, str) and (not first_and_last or k in (0, last)) else piece
        for k, piece in enumerate(pieces)
    ]


# -- sizes ---------------------------------------------------------------------------------------------


class Size(NamedTuple):
    """How large an expression is in print: em, lines, and levels of layout in each other."""

    width: float
    height: float
    depth: int = 1


def _within(graph: Graph, root: int, names: Names) -> list[int]:
    """The nodes that are written when the root is, those with a name as leaves; operands before their users."""
    nodes, seen, stack = graph.nodes, {root}, [root]
    while stack:
        position = stack.pop()
        key = nodes[position]
        if key[0] in LEAVES or (position != root and position in names):
            continue
        for operand in key[1:]:
            if operand not in seen:
                seen.add(operand)
                stack.append(operand)
    return sorted(seen)


def _sizes(graph: Graph, root: int, names: Names) -> dict[int, Size]:
    sizes: dict[int, Size] = {}
    for position in _within(graph, root, names):
        name = names.get(position) if position != root else None
        sizes[position] = _size(graph.nodes[position], sizes, name)
    return sizes


def _size(key: Key, sizes: Mapping[int, Size], name: str | None) -> Size:
    op = key[0]
    if name is not None or op in LEAVES:
        written = _name(name) if name is not None else _leaf(key)
        return Size(width_of(written), 2.2 if written.startswith((r"\frac", r"-\frac")) else 1.0)
    inner = [sizes[i] for i in key[1:]]
    depth = 1 + max(size.depth for size in inner)
    widths, heights = [size.width for size in inner], [size.height for size in inner]
    if op in ("add", "sub", "mul") and key[1] in sizes and inner[0].depth > 1:
        depth = max(inner[0].depth, 1 + inner[1].depth)  # a long sum is no deep one
    if op in ("div", "binomial"):
        return Size(max(widths) + 0.4, sum(heights) + 0.2, depth)
    if op == "pow":
        return Size(widths[0] + 0.7 * widths[1] + 0.4, heights[0] + 0.4 * heights[1], depth)
    if op == "exp":
        return Size(0.5 + 0.7 * widths[0], 1 + 0.4 * heights[0], depth)
    if op == "where":
        return Size(max(widths[1] + widths[0], widths[2] + 4) + 4, max(heights[:2]) + heights[2] + 0.2, depth)
    if op in ("sqrt", "cbrt", "root"):
        return Size(widths[0] + 1, heights[0] + 0.15, depth)
    return Size(sum(widths) + _literal_width(op), max(heights), depth)


def _leaf(key: Key) -> str:
    if key[0] == "var":
        return _name(key[1])
    return number_latex(number_text(key[1], key[2])) if key[0] == "num" else lookup(key[0]).latex


@lru_cache(maxsize=4096)
def _literal_width(op: str) -> float:
    """What stands around the operands."""
    return 0.6 if op == "mul" else width_of("".join(piece for piece in _template(op) if isinstance(piece, str)))


def parts(
    graph: Graph, root: int, names: Names | None = None,
    width: float = WIDEST, height: float = HIGHEST, depth: int = DEEPEST,
) -> list[int]:  # fmt: skip
    """The nodes to give a name so that nothing is too wide (em), too high (lines) or too deep; operands first.

    A sum or a product that is the whole formula, or a term of it, may be as long as it likes: it can be broken over
    lines. What is inside of something else cannot.

    >>> from backprop import parse
    >>> node = parse("sin(" + " + ".join(f"x{i}" for i in range(99)) + ")")
    >>> [str(node)[4:-1] == str(type(node)(node.graph, part)) for part in parts(node.graph, node.position)]
    [True]
    """
    names = names or {}
    nodes = graph.nodes
    sizes: dict[int, Size] = {}
    found: list[int] = []
    for position in _within(graph, root, names):
        name = names.get(position) if position != root else None
        key = nodes[position]
        size = _size(key, sizes, name)
        if name is None and key[0] not in LEAVES:
            # Widest or deepest first; the terms of a sum and the factors of a product need no room together.
            for operand in sorted(set(key[1:]), key=lambda i: sizes[i], reverse=True):
                whole = sizes[operand] if _breaks(nodes, key, operand) is not None else size
                if _breaks(nodes, key, operand):
                    whole = whole._replace(width=0.0)
                if size.depth <= depth and (
                    (whole.width <= width and whole.height <= height) or sizes[operand].width < 3
                ):
                    continue
                if nodes[operand][0] in LEAVES or operand in names:
                    continue
                found.append(operand)
                sizes[operand] = Size(1.5, 1.0)
                size = _size(key, sizes, None)
        sizes[position] = size
    return sorted(set(found))


def _breaks(nodes: Sequence[Key], key: Key, operand: int) -> bool | None:
    """Whether an operand may be broken over lines if its user may; None if the user is no sum or product."""
    op: str = key[0]
    first: int = key[1]
    inner: str = nodes[operand][0]
    if op in ("add", "sub"):
        return inner == "mul" or (inner in ("add", "sub") and operand == first)
    if op == "neg":
        return inner == "mul"
    if op == "mul":
        return inner == "mul" and operand == first
    return None


_THIN = frozenset(r"\left \right \begin \end \frac \binom \mathrm \operatorname \text \bar \dot \overline \,".split())


def width_of(latex: str) -> float:
    """About how wide a formula is, in em.

    >>> width_of("x + y") < width_of("x + y + z"), width_of(r"\\frac{x + y}{2}") < width_of("x + y + z")
    (True, True)
    """
    # One entry for each open group: its width so far, its scale, and of a fraction the part before it.
    stack: list[list[float]] = [[0.0, 1.0]]
    waiting: list[list[float]] = []  # fractions whose parts come: [stack height, parts to come, widest]
    widest: list[float] = []
    scale = 1.0
    for match in TOKENS.finditer(latex):
        token = match[0].rstrip()
        if token == "{":
            stack.append([0.0, scale])
            scale = 1.0
        elif token == "}" and len(stack) > 1:
            inner, factor = stack.pop()
            if waiting and waiting[-1][0] == len(stack):
                waiting[-1][1] -= 1
                waiting[-1][2] = max(waiting[-1][2], inner)
                if not waiting[-1][1]:
                    stack[-1][0] += waiting.pop()[2] + 0.3
            else:
                stack[-1][0] += factor * inner
        elif token in ("^", "_"):
            scale = 0.7
        elif token in (r"\begin", r"\\", r"\end"):  # cases: as wide as the widest
            if token == r"\begin":
                stack.append([0.0, 1.0])
                widest.append(0.0)
            elif widest and len(stack) > 1:
                widest[-1] = max(widest[-1], stack[-1][0])
                stack[-1][0] = 0.0
            if token == r"\end" and widest and len(stack) > 1:
                stack.pop()
                stack[-1][0] += widest.pop()
            stack[-1][0] -= 0.0 if token == r"\\" else 2.2  # the name of the environment
        elif token in (r"\frac", r"\binom"):
            waiting.append([len(stack), 2, 0.0])
        else:
            stack[-1][0] += _token_width(token)
    return sum(width * factor for width, factor in stack)


def _token_width(token: str) -> float:
    if token in _THIN or token in "&":
        return 0.17
    if token[0] == "\\":
        word = token[1:]
        if word in NAMED or word in ("exp", "max", "min"):
            return 0.5 * len(word) + 0.2
        return {"cdot": 0.75, "gap": 7.0, "to": 1.7, "quad": 1.0, "sqrt": 0.9, "ldots": 1.2}.get(
            word, 1.2 if word in _WIDE else 0.6
        )
    if token[0].isdecimal() or token[0] == ".":
        return 0.5 * len(token)
    return 1.35 if token in "+-=<>" else 0.4 if token in "(),;!|'/" else 0.55


_WIDE = frozenset("le ge ne land lor bmod mid".split())


def to_mathml(graph: Graph, root: int, names: Names | None = None, required: int = 0) -> str:
    """The expression as MathML Core: what stands inside of <math>; see `to_latex` for the arguments.

    >>> from backprop import parse
    >>> node = parse("a^2/3")
    >>> to_mathml(node.graph, node.position)
    '<mfrac><mrow><msup><mi>a</mi><mn>2</mn></msup></mrow><mn>3</mn></mfrac>'
    """
    return translate(write(graph, root, names, required))


# -- prose ---------------------------------------------------------------------------------------------


_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "'": "'{}", "`": "`{}", "-": "-{}",
    "−": "$-$", "·": r"$\cdot$", "→": r"$\to$", "∂": r"$\partial$", "√": r"$\surd$", "≤": r"$\le$", "≥": r"$\ge$",
    "≠": r"$\ne$", "×": r"$\times$", "÷": r"$\div$", "±": r"$\pm$", "≈": r"$\approx$", "∞": r"$\infty$",
    "…": r"\ldots{}", "’": "'", "‘": "`", "“": "``", "”": "''", "–": "--", "—": "---", "\n": " ", "\t": " ",
    "✓": r"$\checkmark$", "✗": r"$\times$", "⟨": r"$\langle$", "⟩": r"$\rangle$",
    "∈": r"$\in$", "\u0304": "", "\u0307": "",
}  # fmt: skip
_RAISED = {c: f"$^{{{n}}}$" for c, n in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", [*"0123456789", "-"])}
_LOWERED = {c: f"$_{{{n}}}$" for n, c in enumerate("₀₁₂₃₄₅₆₇₈₉")}
_ACCENTS = {"\u0304": r"\bar", "\u0307": r"\dot"}
_PROSE = (
    {letter: f"${command}$" for letter, command in GREEK.items()} | _SPECIAL | _RAISED | _LOWERED
)  # fmt: skip


def escape_latex(prose: str) -> str:
    r"""Prose for a LaTeX document: nothing in it is a command, and letters without a font are shown as U+XXXX.

    >>> escape_latex("50% of x_1 \\input{a} ∂f")
    '50\\% of x\\_1 \\textbackslash{}input\\{a\\} $\\partial$f'
    """
    return "".join(_prose_pieces(visible(prose)))


def _prose_pieces(text: str) -> Iterator[str]:
    for k, c in enumerate(text):
        accent = _ACCENTS.get(text[k + 1 : k + 2])
        if accent is not None:
            yield f"${accent}{{{GREEK.get(c, c if c.isascii() and c.isalpha() else '')}}}$"
        elif c in _PROSE:
            yield _PROSE[c]
        elif c.isascii():
            yield c
        else:
            yield f"U+{ord(c):04X}"
