r"""MathML Core translated from the LaTeX that `notation` and the words of traces write, and from nothing else.

The dialect is small: \frac \binom \sqrt \bar \dot \overline, exponents and indices, \mathrm \operatorname \text,
names of functions, Greek letters, brackets, relations, cases. What stands between two factors that are written side
by side, and between a function and its argument, is there for those who listen. Nothing recurses; linear.
"""

from __future__ import annotations

import re
from html import escape

from .errors import visible

__all__ = ["GREEK", "LETTERS", "NAMED", "TOKENS", "escape_html", "mathml", "translate"]

GREEK = dict(
    zip(
        "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩϵϕςħ∆",
        r"\alpha \beta \gamma \delta \varepsilon \zeta \eta \theta \iota \kappa \lambda \mu \nu \xi \pi \rho \sigma "
        r"\tau \upsilon \varphi \chi \psi \omega \Gamma \Delta \Theta \Lambda \Xi \Pi \Sigma \Upsilon \Phi \Psi "
        r"\Omega \epsilon \phi \varsigma \hbar \Delta".split(),
    )
)
LETTERS = {command[1:]: command for command in GREEK.values()}  # alpha -> \alpha
# The names of functions that TeX knows; the argument of one may stand without brackets.
NAMED = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth ln log".split()
)  # fmt: skip

TOKENS = re.compile(r"\\[a-zA-Z]+ ?|\\.|\d+(?:\.\d*)?|\.\d+|[^\s]", re.DOTALL)


def mathml(inner: str, block: bool = False) -> str:
    """A complete <math>, as a part of a line or as a block of its own."""
    display = ' display="block"' if block else ""
    return f"<math{display}><mrow>{inner}</mrow></math>"


_OPERATORS = {
    "-": "−", r"\cdot": "·", r"\le": "≤", r"\ge": "≥", r"\ne": "≠", r"\land": "∧", r"\lor": "∨", r"\lnot": "¬",
    r"\to": "→", r"\approx": "≈", r"\mid": "∣", r"\bmod": "mod", r"\ldots": "…", r"\prime": "′",
}  # fmt: skip
_OPEN = {"(": "(", r"\lvert": "|", r"\lfloor": "⌊", r"\lceil": "⌈", "[": "["}
_CLOSE = {")": ")", r"\rvert": "|", r"\rfloor": "⌋", r"\rceil": "⌉", "]": "]"}
_CHARACTERS = {command: letter for letter, command in reversed(GREEK.items())} | {
    r"\partial": "∂", r"\infty": "∞", r"\Delta": "Δ"
}  # fmt: skip
_SPACES = {r"\,": "0.17em", r"\quad": "1em", r"\qquad": "2em", r"\;": "0.28em"}
# With arguments: what stands before, after, and how many there are.
_LAYOUT = {
    r"\frac": ("<mfrac>", "</mfrac>", 2),
    r"\binom": ('<mrow><mo>(</mo><mfrac linethickness="0">', "</mfrac><mo>)</mo></mrow>", 2),
    r"\sqrt": ("<msqrt>", "</msqrt>", 1),
    # As accents, Chromium sets them onto the letter; as what stands above it, they must not be small.
    r"\bar": ("<mover>", '<mo stretchy="false" scriptlevel="+0">¯</mo></mover>', 1),
    r"\dot": ("<mover>", '<mo stretchy="false" scriptlevel="+0">˙</mo></mover>', 1),
    r"\overline": ("<mover>", '<mo scriptlevel="+0">―</mo></mover>', 1),  # as wide as a word, unlike a macron
    "^": ("<msup>", "</msup>", 1),
    "_": ("<msub>", "</msub>", 1),
}
_TIMES, _APPLY = "<mo>\u2062</mo>", "<mo>\u2061</mo>"  # invisible: for those who listen
_THIN_SPACE = '<mspace width="0.17em"></mspace>'
_ORDER = re.compile(r"\{(?:\\left)?\([^(){}]*\)\}(?=\(|\\left\()")
_WORD = re.compile(r"((?:[^\\{}]|\\.)*)\}")


class _Row:
    """An open group: where its last atom begins, and what its end needs."""

    __slots__ = ("last", "close", "start", "arguments", "function", "letter", "quiet", "kept")

    def __init__(self, close: str, start: int, arguments: int = 0) -> None:
        self.last = -1  # where the last atom begins in the output; -1 after an operator or a bracket that opens
        self.close, self.start, self.arguments = close, start, arguments
        self.function = False  # whether the last atom is the name of a function that waits for its argument
        self.letter = False  # whether it is a name: brackets behind one hold its arguments, as in f(x)
        self.quiet = False  # whether it is a d or ∂, whose product with what follows is none
        self.kept: list[str] = []  # the index of a root, which comes first in LaTeX and last in MathML


class _Translator:
    """LaTeX as `write` and the words of traces make it, on its way to MathML."""

    def __init__(self, latex: str) -> None:
        self.latex, self.at = latex, 0
        self.grows = False  # whether the bracket that comes is as high as what it holds
        self.out: list[str] = []
        self.rows = [_Row("", 0)]

    def run(self) -> str:
        latex = self.latex
        while (match := TOKENS.search(latex, self.at)) is not None:
            self.at = match.end()
            self.token(match[0].rstrip())
        while len(self.rows) > 1:  # nothing of ours is left open
            self.out.append(self.rows.pop().close)
        return "".join(self.out)

    def token(self, token: str) -> None:
        if token == "{":
            self.group()
        elif token == "}":
            self.end()
        elif token in ("^", "_"):
            self.script(token)
        elif token == "'":
            self.script("^", "<mo>′</mo>")
        elif token in _LAYOUT:
            self.layout(token)
        elif token in (r"\mathrm", r"\operatorname", r"\text"):
            self.word(token)
        elif token in _OPEN:
            self.open(_OPEN[token])
        elif token in _CLOSE:
            self.close(_CLOSE[token])
        elif token in (r"\begin", r"\end", "&", r"\\"):
            self.cases(token)
        elif token == r"\gap":
            self.begin()
            self.out.append('<mspace class="blank" width="7em" height="1em"></mspace>')
        elif token in _SPACES:
            self.out.append(f'<mspace width="{_SPACES[token]}"></mspace>')
        elif token in (r"\left", r"\right"):
            self.grows = True
        else:
            self.symbol(token)

    @property
    def row(self) -> _Row:
        return self.rows[-1]

    def begin(self, function: bool = False, bracket: bool = False) -> None:
        """An atom comes: what stands invisibly between it and the one before."""
        row = self.row
        if row.letter and bracket:
            self.out.append(_APPLY)
        elif row.function:
            self.out.append(_APPLY if bracket else _APPLY + _THIN_SPACE)
        elif row.last >= 0 and not row.quiet:
            self.out.append(_TIMES + (_THIN_SPACE if function else ""))
        row.last, row.function, row.letter, row.quiet = len(self.out), function, False, False

    def symbol(self, token: str) -> None:
        """A letter, a number, a sign, or the name of a function."""
        if token[1:] in NAMED or token in (r"\exp", r"\max", r"\min"):
            self.begin(function=True)
            self.out.append(f"<mi>{token[1:]}</mi>")
        elif token[0].isdecimal() or token[0] == ".":
            self.begin()
            self.out.append(f"<mn>{token}</mn>")
        elif token in _CHARACTERS:
            self.begin()
            upright = ' mathvariant="normal"' if token[1].isupper() else ""
            self.out.append(f"<mi{upright}>{_CHARACTERS[token]}</mi>")
            self.row.quiet, self.row.letter = token == r"\partial", True
        elif token in _OPERATORS or token in "+=<>,;:/!":
            self.sign(token)
        else:
            self.begin()
            self.out.append(f"<mi>{escape(token.lstrip(chr(92)))}</mi>")
            self.row.letter = True

    def sign(self, token: str) -> None:
        row = self.row
        shown = escape(_OPERATORS.get(token, token))
        prefix = row.last < 0 and token in ("-", r"\lnot")
        attributes = ' form="prefix"' if prefix else ' lspace="0" rspace="0"' if token == "/" else ""
        if row.last < 0 and token == "+":  # what goes on with the sum in the row above
            attributes = ' form="infix"'
        self.out.append(f"<mo{attributes}>{shown}</mo>")
        if token != "!":
            row.last, row.function, row.letter = -1, False, False

    def word(self, command: str) -> None:
        r"""\mathrm{loss}, \operatorname{erf}, \text{if }."""
        match = _WORD.match(self.latex, self.at + 1)
        assert match is not None
        self.at = match.end()
        text = re.sub(r"\\(.)", r"\1", match[1])
        if command == r"\text":
            self.out.append(f"<mtext>{escape(text).replace(' ', chr(160))}</mtext>")
            self.row.last = -1
            return
        self.begin(function=command == r"\operatorname")
        variant = ' mathvariant="normal"' if len(text) == 1 else ""
        self.out.append(f"<mi{variant}>{escape(text)}</mi>")
        self.row.quiet, self.row.letter = command == r"\mathrm" and text in ("d", "D"), True

    def layout(self, command: str) -> None:
        before, after, count = _LAYOUT[command]
        self.begin()
        if command == r"\sqrt" and self.latex.startswith("[", self.at):
            self.at += 1
            self.out.append("<mroot>")
            self.rows.append(_Row("</mroot>", len(self.out), 2))
            self.group(close="index")
            return
        self.out.append(before)
        self.rows.append(_Row(after, len(self.out), count))

    def script(self, sign: str, text: str = "") -> None:
        """An exponent or an index of the last atom."""
        row = self.row
        before, after, _ = _LAYOUT[sign]
        if row.last < 0:  # of nothing: it cannot be, but what is written must stay well-formed
            row.last = len(self.out)
            self.out.append("<mrow></mrow>")
        self.out[row.last] = before + self.out[row.last]
        if text:
            self.out.append(text + after)
        else:
            # x²(y + 1) is a product; ψ⁽¹⁾(x) is the value of a derivative, whose order stands in brackets.
            row.letter = row.letter and (sign == "_" or _ORDER.match(self.latex, self.at) is not None)
            self.rows.append(_Row(after, len(self.out), 1))

    def group(self, close: str = "</mrow>") -> None:
        """An argument, or a group of its own."""
        if not self.row.arguments:
            self.begin()
        self.out.append("<mrow>")
        self.rows.append(_Row(close, len(self.out) - 1))

    def end(self) -> None:
        """The end of a group, and of what it was the last argument of."""
        row = self.rows.pop()
        if row.close == "index":
            self.row.kept = [*self.out[row.start :], "</mrow>"]
            del self.out[row.start :]
        else:
            self.out.append(row.close)
            if len(self.out) - row.start == 3:  # one element needs no row
                self.out[row.start] = self.out[-1] = ""
        owner = self.row
        if not owner.arguments:
            return
        owner.arguments -= 1
        if not owner.arguments:
            self.rows.pop()
            self.out += [*owner.kept, owner.close]

    def open(self, sign: str) -> None:
        self.begin(bracket=sign == "(" or self.row.function)  # |y| behind a name is a factor
        self.out.append(f"<mrow>{self.fence('prefix', sign)}")
        self.rows.append(_Row("</mrow>", len(self.out)))

    def close(self, sign: str) -> None:
        if sign == "]" and self.row.close == "index":
            self.end()
            return
        self.out.append(f"{self.fence('postfix', sign)}</mrow>")
        if len(self.rows) > 1:
            self.rows.pop()

    def fence(self, form: str, sign: str) -> str:
        """A bracket; one that need not grow must not, or fonts set it apart."""
        stretchy = "" if self.grows else ' stretchy="false"'
        self.grows = False
        return f'<mo fence="true" form="{form}"{stretchy}>{sign}</mo>'

    def cases(self, token: str) -> None:
        """One row for each case."""
        if token in (r"\begin", r"\end"):
            self.at = self.latex.index("}", self.at) + 1
        if token == r"\begin":
            self.begin()
            self.out.append('<mrow><mo fence="true" form="prefix">{</mo><mtable class="cases"><mtr><mtd>')
            self.rows.append(_Row("", len(self.out)))
        elif token == r"\end":
            self.out.append("</mtd></mtr></mtable></mrow>")
            self.rows.pop()
        else:
            self.out.append("</mtd><mtd>" if token == "&" else "</mtd></mtr><mtr><mtd>")
            self.row.last, self.row.function = -1, False


def translate(latex: str) -> str:
    """MathML of LaTeX that this program wrote: what stands inside of <math>."""
    return _Translator(latex).run()


def escape_html(prose: str) -> str:
    """Prose for a page: nothing in it is markup, and nothing hides.

    >>> escape_html("<script> & \u202e")
    '&lt;script&gt; &amp; U+202E'
    """
    return escape(visible(prose))
