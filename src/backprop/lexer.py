"""The reading of characters and names: text -> tokens that the grammar can decide about.

Everything that depends on context is decided here, in one pass from left to right: products without
a sign, functions without brackets, the two roles of `|`, words that are products of letters. Where a
person could have meant something else, a note says what was read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from fractions import Fraction
from functools import lru_cache
from typing import Any
from unicodedata import name as unicode_name
from unicodedata import normalize

from .errors import EncodingError, LimitError, NameFault, ParseError, visible
from .expr import Graph
from .grammar_tables import load
from .ops import CONSTANTS, FUNCTIONS, GROUPS

MAX_DIGITS = 300

_OPENERS = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
_SKIPPED = frozenset({"SPACE", "COMMENT"})
_CLOSERS = frozenset(_OPENERS.values())
KEYWORDS = {"if": "IF", "else": "ELSE", "and": "AND", "or": "OR", "not": "NOT"}
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣʸᵃᵇᵏᵐᵗ", "0123456789+-()nixyabkmt")
_FRACTIONS = dict(
    zip("½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞", "1/2 1/3 2/3 1/4 3/4 1/5 2/5 3/5 4/5 1/6 5/6 1/8 3/8 5/8 7/8".split(), strict=True)
)
_SUBSCRIPT = re.compile("_?([₀-₉ₐ-ₜᵢ-ᵪ]+)")
_DIFFERENCES = frozenset({"d", "Δ", "δ", "∆"})  # what makes one name of the letter that follows
_RADICALS = {"√": "sqrt", "∛": "cbrt", "∜": "root4"}
_PI_WORDS = frozenset({"pin", "pit", "pie", "pic", "pip", "pig"})
_GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma "
    "tau upsilon phi chi psi omega".split()
)
# Functions that may stand without brackets; all others are plain names unless a bracket follows.
BARE = frozenset(
    name
    for group in ("Exponentials, logarithms and roots", "Trigonometric functions", "Hyperbolic functions")
    for op in GROUPS[group]
    if op.arity == 1
    for name in (op.call, *op.aliases)
) - {"tg", "lb", "lg"}
# These too if a name or a number follows, since a product of that form is hardly meant: erf x, abs x.
_BARE_BEFORE_OPERAND = frozenset(
    "abs sign sgn floor ceil tg lg erf erfc erfi erfinv sinc relu sigmoid softplus factorial lgamma digamma".split()
)
_BY_LENGTH = sorted(BARE, key=len, reverse=True)
_EXTRA_CALLS = frozenset({"piecewise", "root4"})
_DERIVATIVE = re.compile(
    r"\s*[d∂]\s*(?:(?:\^|\*\*)?\s*([2-8²³⁴⁵⁶⁷⁸]))?\s*/\s*[d∂]\s*([^\W\d_][\w]*?)\s*"
    r"(?:(?:\^|\*\*)\s*([2-8])|([²³⁴⁵⁶⁷⁸]))?\s*(?=[(\[{|√]|\s[^-+*/^=)\]},\s])"
)
PREFIX = re.compile(
    r"\s*(?:[d∂]\s*(?:(?:\^|\*\*)?\s*(?P<order>[2-8²³⁴⁵⁶⁷⁸]))?\s*(?P<name>[^\W\d_]\w*?)?\s*/\s*[d∂]\s*"
    r"(?P<wrt>[^\W\d_]\w*?)\s*(?:(?:\^|\*\*)\s*[2-8]|[²³⁴⁵⁶⁷⁸])?"
    r"(?(name)|(?P<of>\s*[(\[{|√][^=]*|\s+[^-+*/^=)\]},\s][^=]*)?)"
    r"|(?P<primed>[^\W\d_]\w*)\s*(?P<primes>['’′″‴]+)\s*(?:\(\s*(?P<at>[^\W\d_]\w*)\s*\))?)\s*=(?!=)"
)
PRIMES = {"'": 1, "’": 1, "′": 1, "″": 2, "‴": 3}


class Tables:
    """The loaded grammar: the tokens' regular expressions and the LALR tables."""

    def __init__(self) -> None:
        tables = load()
        # The last pattern catches the characters that are no token at all.
        patterns, self.terminals = [*tables["tokens"], "."], [*tables["terminals"], "STRANGE"]
        self.pieces = re.compile(rf"(?:{'|'.join(patterns)})\s*", re.DOTALL).findall
        self.classify = re.compile("|".join(f"({p})" for p in patterns), re.DOTALL).match
        self.rules: list[list[Any]] = tables["rules"]
        self.actions: list[dict[str, int]] = tables["actions"]
        self.gotos: list[dict[str, int]] = tables["gotos"]
        self.start: int = tables["start"]
        self.end: int = tables["end"]
        self.contexts: dict[tuple[int, int], Context] = {}

    def context(self, below: int, state: int) -> Context:
        """The context of the two topmost states of the stack."""
        if (below, state) not in self.contexts:
            self.contexts[below, state] = Context(self, below, state)
        return self.contexts[below, state]


class Context(dict[str, Any]):
    """What the automaton does in the topmost of two states, filled in as texts ask for it.

    Maps a terminal to (context after all reductions that only pass a value on, context to push or
    None, rule to reduce by or None), and the origin of a rule to the context to push.
    """

    def __init__(self, tables: Tables, below: int, state: int) -> None:
        self.tables, self.below, self.state = tables, below, state

    def __missing__(self, symbol: str) -> Any:
        tables, state = self.tables, self.state
        if symbol in tables.gotos[state]:
            self[symbol] = tables.context(state, tables.gotos[state][symbol])
            return self[symbol]
        while True:
            action = tables.actions[state].get(symbol)
            rule = None if action is None or action > 0 else tables.rules[-1 - action]
            if rule is None or rule[1] != 1 or rule[2]:
                break
            state = tables.gotos[self.below][rule[0]]
        pushed = tables.context(state, action - 1) if action is not None and action > 0 else None
        self[symbol] = tables.context(self.below, state), pushed, rule
        return self[symbol]


@lru_cache(maxsize=1)
def tables() -> Tables:
    """The grammar's tables, loaded once."""
    return Tables()


class Reading:
    """The tokens of a text: parallel lists of terminals, values and places, and the notes made."""

    __slots__ = ("types", "values", "starts", "ends", "notes")

    def __init__(self) -> None:
        self.types: list[str] = []
        self.values: list[Any] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.notes: list[str] = []

    def emit(self, kind: str, value: Any, start: int, end: int) -> None:
        self.types.append(kind)
        self.values.append(value)
        self.starts.append(start)
        self.ends.append(end)

    def note(self, sentence: str) -> None:
        """Adds a sentence once."""
        if sentence not in self.notes and len(self.notes) < 20:
            self.notes.append(sentence)


class _Level:
    """What is open: a bracket, a bar or the whole text (opener None)."""

    __slots__ = ("opener", "start", "call", "exponent", "argument", "quotient")

    def __init__(self, opener: str | None, start: int, call: bool = False, exponent: str = "") -> None:
        self.opener, self.start, self.call = opener, start, call
        self.exponent = exponent  # "FUNCTION" or "CALL": this bracket is the 2 of sin^2 x, sin^2(x)
        self.argument = -1  # where an argument without brackets began
        self.quotient = -1  # where the divisor after a / began


class Lexer:
    """Reads one text into tokens; `names` are known to be variables, `functions` to be functions."""

    def __init__(
        self,
        text: str,
        graph: Graph,
        names: Iterable[str] = (),
        functions: Collection[str] = (),
        definition: bool = False,
    ) -> None:
        self.text = text
        self.definition = definition  # a word alone on the left is a name, not a product of letters
        self.graph = graph
        self.functions = frozenset(functions)
        self.reading = Reading()
        self.tables = tables()
        self.kinds: list[str] = []
        self.texts: list[str] = []
        self.starts: list[int] = []
        self.plain: dict[str, int] = {}
        self.numbers: dict[str, int] = {}
        self.spelled: dict[str, str] = {}
        self.partners: dict[int, int] | None = None
        self.given = frozenset(names)
        self._scan()
        self.right = 0  # the first token that is not the left side of a definition
        self._alone: frozenset[str] | None = None

    @property
    def alone(self) -> frozenset[str]:
        """The names that occur by themselves, which tells whether a word is a product of them."""
        if self._alone is None:
            followers = [*self.kinds[1:], ""]
            names = {
                t
                for t, kind, following in zip(
                    self.texts[self.right :], self.kinds[self.right :], followers[self.right :], strict=True
                )
                if kind == "NAME" and (following not in _OPENERS or len(t) == 1)
            }
            self._alone = self.given | names
            self._know(())
        return self._alone

    def _know(self, names: Iterable[str]) -> None:
        """Takes in names that occur alone, and with them the factors of words that are products."""
        alone = set(self.alone).union(names)
        words = [
            (t, i)
            for i, (t, kind) in enumerate(zip(self.texts, self.kinds, strict=True))
            if kind == "NAME" and i >= self.right and not _is_simple(t)
        ]
        unique = dict(words)
        words = [(t, i) for t, i in words if unique[t] == i or t[-1] == "e"]
        size = -1
        while words and size < len(alone):
            size = len(alone)
            self._alone = frozenset(alone)
            for text, i in words:
                pieces = None if text in self.given else self._pieces(text, i)
                alone.update(p for p in pieces or () if len(p) == 1 or p not in FUNCTIONS)
        self._alone = frozenset(alone)

    # -- characters ------------------------------------------------------------------------------

    def _scan(self) -> None:
        kinds, texts, starts = self.kinds, self.texts, self.starts
        # What a piece is depends on its characters alone, so that each spelling is classified once.
        known: dict[str, tuple[str, str]] = {}
        position = 0
        for piece in self.tables.pieces(self.text):
            found = known.get(piece)
            if found is None:
                found = known[piece] = self._classify(piece, position)
            kind, token = found
            if kind == "WORD":
                self._split_alphabets(token, position)
            elif kind:
                kinds.append(kind)
                texts.append(token)
                starts.append(position)
            position += len(piece)

    def _classify(self, piece: str, position: int) -> tuple[str, str]:
        """The terminal that begins a piece ("" to skip it, WORD to split it) and its text."""
        match = self.tables.classify(piece)
        assert match
        assert match.lastindex  # every piece begins with one of the groups
        kind, token = self.tables.terminals[match.lastindex - 1], match[0]
        if kind == "STRANGE":
            raise self._strange(position)
        if kind == "NAME" and not token.isascii() and token not in self.given:
            return "WORD", token
        if kind == "NAME":
            token = re.sub("[{}]", "", token)
        return "" if kind in _SKIPPED else kind, token

    def _split_alphabets(self, token: str, start: int) -> None:
        """Takes in a word with other than ASCII letters: 2πr, ωt and a₁x are products, Δx and θ_0 are names."""
        parts = [""]
        for character in token:
            last = parts[-1]
            kind = _alphabet(character)
            if last and (
                (kind != "subscript" and _alphabet(last[-1]) == "subscript")
                or (
                    kind in ("Latin", "Greek")
                    and "_" not in last
                    and last not in _DIFFERENCES
                    and (_alphabet(last[0]) != kind or kind == "Greek")
                )
            ):
                parts.append("")
            parts[-1] += character
        for k in range(len(parts) - 2, -1, -1):  # xsinθ is x, sin, θ
            function = next((name for name in _BY_LENGTH if parts[k].endswith(name)), "")
            if function and len(parts[k]) - len(function) in (1, 2):
                parts[k : k + 1] = [parts[k][: -len(function)], function]
        offset = start
        mapped = []
        for part in parts:
            mapped.append(part if part.isascii() else self._letters(part, offset))
            self.kinds.append("NAME")
            self.texts.append(mapped[-1])
            self.starts.append(offset)
            offset += len(part)
        if len(parts) > 1 and "π" not in parts and not any(part in BARE for part in parts):
            self.reading.note(f"`{visible(token)}` is read as {'*'.join(mapped)}")

    def _letters(self, token: str, start: int) -> str:
        """A name in ASCII and Greek letters: mathematical alphabets and subscripts are mapped."""
        mapped = normalize("NFKC", _SUBSCRIPT.sub(r"_\1", token))
        mapped = mapped.replace("ℯ", "e").replace("ϕ", "φ").replace("ϵ", "ε").replace("ϑ", "θ")
        for k, character in enumerate(token):
            if not all(
                c.isascii() or c == "ħ" or ("Ͱ" <= c <= "Ͽ" and c.isalpha()) for c in normalize("NFKC", character)
            ):
                raise self._strange(start + k)
        if mapped != token:
            self.reading.note(f"`{visible(token)}` is read as {mapped}")
        return mapped

    def _strange(self, position: int) -> ParseError | EncodingError:
        character = self.text[position]
        code = f"U+{ord(character):04X}"
        at: dict[str, Any] = {"text": self.text, "start": position, "end": position + 1}
        full = unicode_name(character, "")
        if character == "\ufffd" or "\ud800" <= character <= "\udfff":
            return EncodingError("this is not UTF-8 text", hint="save the file as UTF-8", **at)
        if character.isalpha():
            look = _lookalike(full)
            message = f"the letter {visible(character)} ({code}, {full.lower()}) belongs to no alphabet used here"
            hint = f"it looks like the Latin letter {look}; type that" if look else "use Latin or Greek letters"
            return EncodingError(message, hint=hint, **at)
        if character == ";":
            return ParseError("`;` does not belong in an equation", hint="write one equation a line", **at)
        if character == "\\":
            return ParseError(
                "a backslash: LaTeX is not read here",
                hint="write sqrt(x), (a)/(b), x^2",
                **at,
            )
        if character == "∞":
            return ParseError("infinity is not a number of the real line", hint="use a variable", **at)
        if not character.isprintable():
            return ParseError(f"a control character ({code})", hint="remove it", **at)
        shown = f"the character {visible(character)}" + ("" if character.isascii() else f" ({code})")
        return ParseError(f"{shown} is not part of the language", hint=_REMEDIES.get(character), **at)

    # -- tokens ----------------------------------------------------------------------------------

    def read(self) -> Reading:
        """All tokens, with the left side of a definition as one of them."""
        reading, kinds, texts, starts = self.reading, self.kinds, self.texts, self.starts
        types, values, begins, ends = reading.types, reading.values, reading.starts, reading.ends
        plain, numbers = self.plain, self.numbers
        level = _Level(None, 0)
        levels = [level]
        i, count = self._left_side(), len(kinds)
        followers = [*kinds[1:], ""]
        operand = types == ["DEFINED"]  # whether the last token ends an operand
        while i < count:
            kind, start = kinds[i], starts[i]
            text = texts[i]
            if operand and (kind == "STAR" or kind == "PLUS"):
                level.argument = level.quotient = -1
                types.append(kind)
                values.append(text)
                begins.append(start)
                ends.append(start + 1)
                operand = False
                i += 1
                continue
            following = followers[i]
            value = None
            if kind == "NAME" and following not in _MARKED:
                value = plain.get(text)
                if value is None and _is_simple(text) and text not in self.functions:
                    if text not in CONSTANTS and text != "π":
                        value = plain[text] = self.graph.variable(text)
            if value is not None or kind == "NUMBER":
                if operand:
                    if kind == "NUMBER":
                        self._number_after_operand(i)
                    self._juxtapose(level, i)
                if value is None:
                    value = numbers.get(text)
                    if value is None:
                        value = numbers[text] = self._number(text, start)
                types.append(kind)
                values.append(value)
                begins.append(start)
                ends.append(start + len(text))
                operand = True
                i += 1
            elif kind == "NAME":
                if text in KEYWORDS and text not in self.given:
                    level.argument = level.quotient = -1
                    reading.emit(KEYWORDS[text], text, start, start + len(text))
                    operand = False
                    i += 1
                else:
                    i, operand = self._name(i, operand, level)
            elif kind in _OPENERS:
                if operand:
                    self._juxtapose(level, i)
                called = bool(types) and types[-1] == "CALL"
                role = ""
                if types and types[-1] == "RAISED":
                    role = self.raised_role
                elif self.pending_call:
                    called, self.pending_call = True, False
                level = _Level(kind, start, called, role)
                levels.append(level)
                reading.emit(kind, text, start, start + 1)
                operand = False
                i += 1
            elif kind in _CLOSERS:
                if level.opener == "BAR":
                    raise self._fault("a bar | is still open here", level.start, level.start + 1, "close it with |")
                if level.opener is None:
                    raise self._fault(
                        f"`{text}` closes a bracket that was never opened",
                        start,
                        start + 1,
                        "remove it, or open one before it",
                    )
                if _OPENERS[level.opener] != kind:
                    opened = self.text[level.start]
                    raise self._fault(
                        f"`{opened}` is closed by `{text}`",
                        start,
                        start + 1,
                        f"close it with its own kind (opened at column {level.start + 1})",
                    )
                if not operand and types[-1] not in _OPENERS:
                    self._missing_operand(i, kind)
                closed = level
                levels.pop()
                level = levels[-1]
                reading.emit(kind, text, start, start + 1)
                operand = not closed.exponent
                if closed.exponent == "FUNCTION":
                    level.argument = self.raised_start
                elif closed.exponent == "CALL":
                    self.pending_call = True
                i += 1
            elif kind == "BAR":
                if operand and level.opener == "BAR":
                    levels.pop()
                    level = levels[-1]
                    reading.emit("CLOSE", text, start, start + 1)
                else:
                    if operand:
                        self._juxtapose(level, i)
                    level = _Level("BAR", start)
                    levels.append(level)
                    reading.emit("OPEN", text, start, start + 1)
                    operand = False
                i += 1
            elif kind == "SUPERSCRIPT":
                if not operand:
                    raise self._fault("an exponent without a base", start, start + len(text), "put the base before it")
                self._superscript(text, start)
                i += 1
            elif kind == "RADICAL" or kind == "FRACTION":
                if kind == "FRACTION" and i and kinds[i - 1] == "NUMBER" and operand:
                    raise self._fault("a mixed number", starts[i - 1], start + 1, "write it as a decimal or as a sum")
                if operand:
                    self._juxtapose(level, i)
                if kind == "FRACTION":
                    top, bottom = _FRACTIONS[text].split("/")
                    above, below = self._number(top, start), self._number(bottom, start)
                    parts = zip(("LPAR", "NUMBER", "SLASH", "NUMBER", "RPAR"), ("(", above, "/", below, ")"))
                    for part, token in parts:
                        reading.emit(part, token, start, start + 1)
                    operand = True
                    i += 1
                elif following in _OPENERS:
                    i, operand = self._function(i, _RADICALS[text], level)
                else:
                    reading.emit("ROOT", (_RADICALS[text], start, start + 1), start, start + 1)
                    operand = False
                    i += 1
            elif kind == "MINUS" or kind == "PLUS":
                if operand:
                    level.argument = level.quotient = -1
                elif following in ("", "RPAR", "RSQB", "RBRACE", "SLASH", "STAR", "POW"):
                    what = "the end" if not following else f"`{visible(texts[i + 1])}`"
                    raise self._fault(
                        f"an operand is missing between `{text}` and {what}", start, start + 1, "write the operand"
                    )
                if types and types[-1] == "FUNCTION" and (kind == "PLUS" or self.text[start + 1 : start + 2].isspace()):
                    self._missing_operand(i, kind)
                reading.emit(kind, text, start, start + 1)
                operand = False
                i += 1
            else:
                if kind == "DIVIDE":
                    kind = "SLASH"
                if kind == "COMMA":
                    self._comma(i, level)
                if kind == "SLASH":
                    if level.argument >= 0 and operand:
                        shown = visible(self.text[level.argument : start].strip())
                        self.noted = -1
                        reading.note(
                            f"`{shown}/…`: the function takes `{shown.partition(' ')[2] or shown}` only;"
                            " write brackets for the other reading"
                        )
                    level.quotient = start
                    power = self._exponent_text(start, True) if operand and following == "NUMBER" else ""
                    if power:
                        reading.note(
                            f"`{power}/{texts[i + 1]}` is read as ({power})/{texts[i + 1]}: write brackets around"
                            " the whole exponent for the other reading"
                        )
                elif kind == "STAR" or kind == "RELATION" or kind == "EQUAL" or kind == "COMMA":
                    level.quotient = -1
                if kind != "POW" and kind != "BANG":
                    level.argument = -1
                if kind == "PRIMES":
                    raise self._fault(
                        "a prime without a declared function before it",
                        start,
                        start + len(text),
                        "declare the function, as in --functions f, or write d/dx(...)",
                    )
                if kind == "PARTIAL":
                    raise self._fault(
                        "∂ inside an expression",
                        start,
                        start + 1,
                        "write the expression alone and name the variable with --wrt",
                    )
                if not operand and kind in _BINARY:
                    self._missing_operand(i, kind)
                reading.emit(kind, text, start, start + len(text))
                if kind != "BANG":
                    operand = False
                i += 1
        if level.opener is not None:
            what = "a bar |" if level.opener == "BAR" else f"the bracket `{self.text[level.start]}`"
            raise self._fault(f"{what} is never closed", level.start, level.start + 1, "close it")
        if not operand and types:
            self._missing_operand(count, "")
        return reading

    raised_role = ""
    raised_start = 0
    noted = -1  # the argument that the last note about arguments is of
    pending_call = False

    def _juxtapose(self, level: _Level, i: int) -> None:
        """A product without a sign before token i, and the notes that it deserves."""
        start = self.starts[i]
        reading = self.reading
        kind = "JUXTAPOSED" if level.argument >= 0 else "TIMES"
        if len(reading.notes) < 20:
            apart = self.text[start - 1].isspace()
            factor = self._factor_text(i)
            if level.argument >= 0:
                shown = visible(self.text[level.argument : start]) + factor
                note = f"`{shown}`: the function takes all of the product as its argument"
                if self.noted == level.argument and reading.notes and reading.notes[-1].startswith(f"`{shown[:5]}"):
                    reading.notes.pop()  # it was about the factors before this one
                reading.note(note)
                self.noted = level.argument
            if not apart and self.kinds[i] != "RADICAL" and reading.types[-2:-1] == ["ROOT"]:
                radical, under = self.text[reading.starts[-2]], visible(self.text[reading.starts[-1] : start])
                reading.note(
                    f"`{radical}{under}{factor}`: the root takes {under} only; write {radical}({under}{factor})"
                    " for the other reading"
                )
            power = "" if apart else self._exponent_text(start)
            if power:
                reading.note(
                    f"`{power}{factor}` is read as ({power})*{factor}: write brackets around the whole exponent"
                    " for the other reading"
                )
            if level.quotient >= 0:
                divisor = visible(self.text[level.quotient + 1 : start].strip())
                fraction = divisor.isdigit() and self.text[: level.quotient].rstrip()[-1:].isdigit()
                if not (apart and fraction):
                    shown = visible(self.text[level.quotient : start].strip()) + " " * apart
                    reading.note(f"`{shown}{factor}` is read as (…/{divisor})*{factor}: only {divisor} divides")
        level.quotient = -1
        reading.emit(kind, "", start, start)

    def _factor_text(self, i: int) -> str:
        """The token that begins a factor, as typed; `(…)` stands for what a bracket holds."""
        text = visible(self.texts[i])
        if self.kinds[i] in _OPENERS:
            return "(…)"
        return "|…|" if self.kinds[i] == "BAR" else text

    def _exponent_text(self, start: int, number: bool = False) -> str:
        """The power as typed, if the last operand is an exponent that could have gone on: e^2, x^n.

        After the power of a variable with a number, as in x^2y, nobody expects that; `number` asks
        for those only that a fraction could go on, as in x^1/2.
        """
        reading = self.reading
        types, values = reading.types, reading.values
        j = len(types) - 2
        while j > 0 and types[j] == "MINUS":
            j -= 1
        if j < 1 or types[-1] not in ("NUMBER", "NAME") or types[j] != "POW" or reading.starts[j] == reading.starts[-1]:
            return ""
        base = types[j - 1]
        if number:
            if (
                types[-1] != "NUMBER"
                or self.text[reading.starts[j]] == "*"
                or not _ROOT_LIKE.search(self.text, start - 1, start + 3)
            ):
                return ""
        elif base not in ("NUMBER", "NAME") or self.graph.nodes[values[j - 1]][0] == "var":
            if types[-1] == "NUMBER":
                return ""
        shown = visible(self.text[reading.starts[j - 1] : start].strip())
        return shown if base in ("NUMBER", "NAME") else f"(…{shown}"

    def _number_after_operand(self, i: int) -> None:
        if self.kinds[i - 1] == "NUMBER":
            left, right = self.texts[i - 1], self.texts[i]
            if right[0] == "." and self.starts[i - 1] + len(left) == self.starts[i]:
                raise self._fault(
                    "a number with two points",
                    self.starts[i - 1],
                    self.starts[i] + len(right),
                    "a number has one point",
                )
            raise self._fault(
                "two numbers side by side",
                self.starts[i - 1],
                self.starts[i] + len(right),
                f"write {left}*{right}, or one number",
            )
        if self.kinds[i - 1] in ("NAME", *_CLOSERS):
            shown = visible(self.text[self.starts[i - 1] : self.starts[i]]) + self.texts[i]
            self.reading.note(f"`{'…' * (self.kinds[i - 1] != 'NAME')}{shown}` is read as a product")

    def _number(self, text: str, start: int) -> int:
        """The exact number as a node."""
        end = start + len(text)
        mantissa, _, power = text.lower().partition("e")
        digits = len(mantissa) - (1 if "." in mantissa else 0)
        if digits > MAX_DIGITS or (power and (len(power) > 5 or abs(int(power)) > MAX_DIGITS)):
            raise LimitError(
                f"a number with more than {MAX_DIGITS} digits",
                text=self.text,
                start=start,
                end=end,
                hint="use a variable for it",
            )
        if text.isdigit():
            return self.graph.number(int(text), text)
        return self.graph.number(Fraction(text), text)

    def _superscript(self, text: str, start: int) -> None:
        mapped = text.translate(SUPERSCRIPTS)
        end = start + len(text)
        emit = self.reading.emit
        emit("POW", "^", start, end)
        simple = re.fullmatch(r"-?(?:\d+|[a-z])", mapped)
        if not simple:
            emit("LPAR", "(", start, end)
        operand = False
        for part in re.findall(r"\d+|[a-z]|[-+()]", mapped):
            starts_operand = part.isalnum() or part == "("
            if operand and starts_operand:
                emit("TIMES", "", start, end)
            if part.isdigit():
                emit("NUMBER", self._number(part, start), start, end)
            elif part.isalpha():
                emit("NAME", self.graph.variable(part), start, end)
            else:
                emit({"+": "PLUS", "-": "MINUS", "(": "LPAR", ")": "RPAR"}[part], part, start, end)
            operand = part.isalnum() or part == ")"
        if not simple:
            emit("RPAR", ")", start, end)

    def _comma(self, i: int, level: _Level) -> None:
        start = self.starts[i]
        before, after = self.text[start - 1 : start], self.text[start + 1 : start + 2]
        if not level.call:
            if before.isdigit() and after.isdigit():
                groups = re.search(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?!\d)", self.text[max(0, start - 3) : start + 40])
                if groups and ("," in groups[0].partition(",")[2] or not self.text[start + 4 : start + 5].isdigit()):
                    raise self._fault(
                        "a comma inside a number",
                        start,
                        start + 1,
                        f"write {groups[0].replace(',', '')}; a decimal has a point",
                    )
                raise self._fault("a decimal comma", start, start + 1, "write a point, as in 3.5")
            types, begins = self.reading.types, self.reading.starts
            j = next((j for j in range(len(types) - 1, 0, -1) if begins[j] == level.start), 0)
            if types[j - 2 : j] == ["NAME", "TIMES"]:
                name = visible(self.text[begins[j - 2] : level.start].strip())
                raise NameFault(
                    f"`{name}` is no function",
                    text=self.text,
                    start=begins[j - 2],
                    end=level.start,
                    hint=f"declare it with --functions {name}",
                )
            raise self._fault(
                "a comma outside a function's brackets",
                start,
                start + 1,
                "write one equation a line; a decimal has a point",
            )

    def _missing_operand(self, i: int, kind: str) -> None:
        """Two operators in a row, or an operator at the beginning or the end."""
        previous = self.texts[i - 1] if i else ""
        if i >= len(self.kinds):
            last = len(self.kinds) - 1
            start = self.starts[last]
            end = start + len(self.texts[last])
            if self.reading.types[-1] == "ROOT":
                raise self._fault(
                    f"nothing stands under `{visible(previous)}`", start, end, f"write {visible(previous)}x"
                )
            if self.reading.types[-1] in ("NUMBER", "NAME", *_CLOSERS):  # sin^2 without an argument
                at = len(self.reading.types) - self.reading.types[::-1].index("RAISED") - 2
                name, start, end = self.reading.values[at]
                raise self._fault(f"`{visible(name)}` needs an argument", start, end, f"write {visible(name)}(x)")
            if self.reading.types[-1] == "FUNCTION":
                raise self._fault(
                    f"`{visible(previous)}` needs an argument", start, end, f"write {visible(previous)}(x)"
                )
            raise self._fault(f"the equation ends after `{visible(previous)}`", start, end, "write what comes next")
        start = self.starts[i]
        text = self.texts[i]
        end = start + len(text)
        if self.reading.types and self.reading.types[-1] == "FUNCTION":
            raise self._fault(
                f"`{visible(previous)}` needs an argument before `{text}`", start, end, f"write {visible(previous)}(x)"
            )
        if i == 0 or self.kinds[i - 1] in _OPENERS:
            raise self._fault(f"`{text}` has nothing before it", start, end, "write the left operand")
        raise self._fault(
            f"an operand is missing between `{visible(previous)}` and `{text}`",
            start,
            end,
            "write the operand, or remove one of the two",
        )

    def _fault(self, message: str, start: int, end: int, hint: str) -> ParseError:
        return ParseError(message, text=self.text, start=start, end=end, hint=hint)

    # -- left sides ------------------------------------------------------------------------------

    def _left_side(self) -> int:
        """Reads `y =`, `f(x, y) =`, `dy/dx =` or `d/dx` in front; returns the next token's index."""
        kinds, texts = self.kinds, self.texts
        prefix = PREFIX.match(self.text)
        if prefix and (prefix["primed"] is None or prefix["primed"] not in self.functions):
            self.reading.emit("DEFINED", (self._prefix_name(prefix), (), prefix), 0, prefix.end() - 1)
            return kinds.index("EQUAL")
        derivative = _DERIVATIVE.match(self.text)
        if derivative and "EQUAL" not in kinds:
            raised = derivative[3] or derivative[4]
            order = int((derivative[1] or "1").translate(SUPERSCRIPTS))
            name = normalize("NFKC", derivative[2])
            if raised is None and order > 1 and name[1:] == str(order):
                name, raised = name[:1], name[1:]  # d2/dx2
            if (raised or "1").translate(SUPERSCRIPTS) == str(order):
                self.reading.emit("DERIVATIVE", (name, order), 0, derivative.end())
                self._know((name,))
                i = next(i for i, start in enumerate(self.starts) if start >= derivative.end())
                self._whole_operand(i)
                return i
        if "d" in texts and "d" not in self.given:
            self._refuse_derivatives()
        if "EQUAL" not in kinds:
            return 0
        equal = kinds.index("EQUAL")
        left, right = kinds[:equal], set(texts[equal + 1 :])
        if not left:
            raise self._fault("nothing stands before `=`", self.starts[equal], self.starts[equal] + 1, "write y = ...")
        name = texts[0]
        parameters: list[str] = []
        if left == ["NAME"]:
            if (
                name in CONSTANTS
                or name == "π"
                or name in KEYWORDS
                or name in right
                or self._is_word_product(equal, right)
            ):
                return 0
            if any(name in t and set(t) <= set("xyzt") for t in right if 1 < len(t) < 4):
                return 0  # y = xy + 1
            self.right = equal
        elif (
            left[:2] == ["NAME", "LPAR"]
            and left[-1] == "RPAR"
            and left[2:-1:2] == ["NAME"] * len(left[2:-1:2])
            and left[3:-1:2] == ["COMMA"] * len(left[3:-1:2])
            and len(left) >= 4
            and name not in BARE
            and name not in CONSTANTS
            and not (name in FUNCTIONS and not right.issuperset(texts[2 : equal - 1 : 2]))  # relu(y) = x
        ):
            parameters = texts[2 : equal - 1 : 2]
            if len(set(parameters)) < len(parameters):
                raise self._fault("a parameter is named twice", self.starts[2], self.starts[equal - 1], "name it once")
            constants = [p for p in parameters if p in CONSTANTS or p == "π"]
            if constants:
                raise NameFault(
                    f"`{constants[0]}` is a constant, not a parameter",
                    text=self.text,
                    start=self.starts[2],
                    end=self.starts[equal - 1],
                    hint="choose another letter",
                )
        else:
            return 0
        self._know(parameters)
        self.reading.emit("DEFINED", (name, tuple(parameters), None), self.starts[0], self.starts[equal])
        return equal

    def _is_word_product(self, equal: int, right: set[str]) -> bool:
        """`xy = 1`, `xy = x + y`: two letters, equal to something with no other variable or with both letters."""
        word = self.texts[0]
        if self.definition or word in self.given:
            return False
        if not (len(word) == 2 and word.isalpha() and word.islower() and word not in _GREEK and word[0] != "d"):
            return False
        names = {t for k, t in zip(self.kinds[equal:], self.texts[equal:], strict=True) if k == "NAME"}
        if not (names - CONSTANTS) or set(word) <= right:
            self._know(word)
            return True
        return False

    def _prefix_name(self, prefix: re.Match[str]) -> str:
        return " ".join(prefix[0][:-1].split())

    def _refuse_derivatives(self) -> None:
        """1 + d/dx x^2 is refused: only a whole expression is differentiated."""
        kinds, texts, starts = self.kinds, self.texts, self.starts
        for i in range(len(kinds) - 3):
            if texts[i] == "d" and kinds[i + 1 : i + 3] == ["SLASH", "NAME"] and texts[i + 2][0] == "d":
                if len(texts[i + 2]) > 1 and kinds[i + 3] in ("NAME", "NUMBER", "BAR", "RADICAL", *_OPENERS):
                    raise self._fault(
                        "d/dx inside an equation", starts[i], starts[i + 3], "write what is to be differentiated, alone"
                    )

    def _whole_operand(self, i: int) -> None:
        """d/dx(x^2) + 1 could mean two things; it is refused unless the bracket holds everything."""
        if self.kinds[i] in _OPENERS:
            close = self._partner(i)
            if close is not None and any(k in ("PLUS", "MINUS") for k in self.kinds[close + 1 :]):
                raise self._fault(
                    "d/dx of a part of the expression",
                    self.starts[i],
                    self.starts[close] + 1,
                    "put everything that is to be differentiated inside the brackets",
                )

    def _partner(self, i: int) -> int | None:
        """The token that closes the bracket opened by token i, if any."""
        if self.partners is None:
            self.partners = {}
            stack: list[int] = []
            for j, kind in enumerate(self.kinds):
                if kind in _OPENERS:
                    stack.append(j)
                elif kind in _CLOSERS and stack:
                    self.partners[stack.pop()] = j
        return self.partners.get(i)

    # -- names -----------------------------------------------------------------------------------

    def _name(self, i: int, operand: bool, level: _Level) -> tuple[int, bool]:
        """Reads the name at token i; returns the next token and whether an operand ended."""
        text, start = self.texts[i], self.starts[i]
        following = self.kinds[i + 1] if i + 1 < len(self.kinds) else ""
        bracket = following in _OPENERS
        if following == "PRIMES":
            return self._primed(i, operand, level)
        if text in self.functions:
            if operand:
                self._juxtapose_function(level, i)
            if not bracket:
                raise NameFault(
                    f"`{visible(text)}` is a declared function and needs an argument",
                    text=self.text,
                    start=start,
                    end=start + len(text),
                    hint=f"write {visible(text)}(x)",
                )
            return self._function(i, text, level)
        if text in ("Pi", "PI") and text not in self.given:
            self.reading.note(f"`{text}` is read as the constant pi")
            text = "π"
        if text in CONSTANTS or text == "π":
            if operand:
                self._juxtapose(level, i)
            node = self.graph.node("pi" if text == "π" else text)
            self.reading.emit("NAME", node, start, start + len(self.texts[i]))
            return i + 1, True
        function = self._function_name(text, bracket, following)
        if function is not None and text not in self.given:
            if operand:
                self._juxtapose_function(level, i)
            end = start + len(text)
            if not bracket and text in _BARE_BEFORE_OPERAND:
                self.reading.note(f"`{text}` is read as the function; write {text}*… for a product")
            elif bracket and self.text[end : end + 1].isspace() and text in self.alone:
                self.reading.note(f"`{text} (…)` is read as the function {text}; write {text}*(…) for a product")
            if function != text and not text.startswith("log_"):
                self.reading.note(f"`{visible(text)}` is read as the function {function}")
            return self._function(i, function, level)
        if bracket and len(text) > 1 and text not in self.alone and text not in _GREEK:
            return self._letters_before_function(i, operand, level)
        if bracket and not self._is_known(text):
            raise self._undeclared(text, start)
        pieces = self._word(text, i)
        if pieces is None:
            if operand:
                self._juxtapose(level, i)
            node = self.graph.variable(text)
            if len(text) > 1 and text in FUNCTIONS and text not in self.given and text not in _GREEK:
                self.reading.note(f"`{text}` is read as a variable; the function needs brackets")
            if not bracket:
                self.plain.setdefault(text, node)
            else:
                self.reading.note(f"`{visible(text)}(…)` is read as a product: {visible(text)} times the bracket")
            self.reading.emit("NAME", node, start, start + len(text))
            return i + 1, True
        self._say_split(text, pieces)
        return self._emit_pieces(i, pieces, operand, level)

    def _function_name(self, text: str, bracket: bool, following: str = "") -> str | None:
        """The function that a name means here: bare functions anywhere, others before a bracket."""
        if text in BARE or (bracket and (text in FUNCTIONS or text in _EXTRA_CALLS)):
            return text
        if text in _BARE_BEFORE_OPERAND and following in ("NAME", "NUMBER", "RADICAL"):
            return text
        if text.startswith("log_") and (text[4:].isdigit() or (len(text) == 5 and text[4:].isalpha())):
            return text
        lowered = text.lower()
        bare = lowered in BARE and (len(text) > 2 or following in ("NAME", "NUMBER", "RADICAL"))
        if lowered != text and (bare or (bracket and lowered in FUNCTIONS)):
            return lowered
        return None

    def _is_known(self, text: str) -> bool:
        """Whether `text(` can only be a product: a known variable, or a letter that names no function."""
        if text in self.given:
            return True
        return (len(text) == 1 and text not in "fgh") or text in _GREEK or (len(text) > 1 and text in self.alone)

    def _undeclared(self, text: str, start: int) -> NameFault:
        from difflib import get_close_matches

        shown = visible(text)
        if text.endswith("_"):
            return NameFault(
                "a subscript is one word of letters and digits",
                text=self.text,
                start=start,
                end=start + len(text),
                hint=f"write {shown}n1 or {shown}{{n1}}",
            )
        at: dict[str, Any] = {"text": self.text, "start": start, "end": start + len(text)}
        if len(text) == 1:
            return NameFault(
                f"`{shown}(…)`: is {shown} a function or a factor?",
                hint=f"declare it with --functions {shown}, or write {shown}*(…)",
                **at,
            )
        close = [name for name in FUNCTIONS if sorted(name) == sorted(text.lower())]
        close = close or sorted((n for n in FUNCTIONS if len(n) > 2 and text.lower().startswith(n)), key=len)[-1:]
        close = (
            close
            or get_close_matches(text, [*FUNCTIONS, "piecewise"], 1, 0.6)
            or get_close_matches(text.lower(), [*FUNCTIONS, "piecewise"], 1, 0.6)
        )
        if close:
            hint = f"did you mean `{close[0]}`?"
            if len(text) <= 4 and text.isalpha() and len(set(text)) == len(text):
                letters = ", ".join(text[:-1]) + f" and {text[-1]}"
                argument = self._argument_text(start + len(text))
                hint += f" If {letters} are variables, write {'*'.join(text)}*{argument}"
        else:
            hint = f"declare it with --functions {shown}, or write {shown}*(…) for a product"
        return NameFault(f"unknown function `{shown}`", hint=hint, **at)

    def _argument_text(self, position: int) -> str:
        """The bracket that follows, as typed, if it is short."""
        i = next((i for i, start in enumerate(self.starts) if start >= position), None)
        close = self._partner(i) if i is not None else None
        if i is None or close is None or self.starts[close] - self.starts[i] > 30:
            return "(…)"
        return visible(self.text[self.starts[i] : self.starts[close] + 1])

    def _primed(self, i: int, operand: bool, level: _Level) -> tuple[int, bool]:
        """f'(x) and f'[1,2](x, y) of a declared function."""
        text, start = self.texts[i], self.starts[i]
        primes = sum(PRIMES[c] for c in self.texts[i + 1])
        if text not in self.functions:
            shown = visible(text)
            if text in FUNCTIONS:
                raise self._fault(
                    f"the derivative of `{shown}` as a part of an expression",
                    start,
                    start + len(text) + 1,
                    f"write what it is, or d/dx({shown}(x)) alone",
                )
            raise NameFault(
                f"`{shown}'` is the derivative of a function that is not declared",
                text=self.text,
                start=start,
                end=start + len(text) + 1,
                hint=f"declare it with --functions {shown}, or write the expression itself",
            )
        if operand:
            self._juxtapose_function(level, i)
        name = text + "'" * primes
        j = i + 2
        if self.kinds[j : j + 1] == ["LSQB"]:
            close = self._partner(j)
            if close is not None and self.kinds[close + 1 : close + 2] == ["LPAR"]:
                inside = [t for t in self.texts[j + 1 : close] if t != ","]
                if all(t.isdigit() and 0 < int(t[:3]) < 100 for t in inside) and inside and primes == 1:
                    name = f"{text}'[{','.join(inside)}]"
                    j = close + 1
        if self.kinds[j : j + 1] != ["LPAR"]:
            raise self._fault(
                f"`{visible(name)}` needs an argument", start, start + len(text) + 1, f"write {visible(name)}(x)"
            )
        self.reading.emit("CALL", (name, start, start + len(text)), start, start + len(text))
        return j, False

    def _letters_before_function(self, i: int, operand: bool, level: _Level) -> tuple[int, bool]:
        """xsin(x): letters, then a known function; or a word that is no function at all."""
        text, start = self.texts[i], self.starts[i]
        for name in sorted(
            (n for n in (*FUNCTIONS, *self.functions) if text.endswith(n) and n != text), key=len, reverse=True
        ):
            head = text[: -len(name)]
            if len(name) < 2 and name not in self.functions:
                continue
            letters = head.isalpha() and len(head) <= 3 and any(c in self.alone for c in head)
            if len(head) == 1 or head in self.alone or letters:
                pieces = [*(head if head not in self.alone else [head]), name]
                self._say_split(text, pieces)
                return self._emit_pieces(i, pieces, operand, level)
        pieces_or_none = self._word(text, i)
        if pieces_or_none is not None and len(text) <= 3:
            self._say_split(text, pieces_or_none)
            return self._emit_pieces(i, pieces_or_none, operand, level)
        raise self._undeclared(text, start)

    def _word(self, text: str, i: int) -> list[str] | None:
        """The factors that a word (token i) stands for, or None if it is one name."""
        if text in self.spelled or len(text) < 2 or text in self.given:
            return None
        pieces = self._pieces(text, i)
        if pieces is not None:
            return pieces
        self.spelled[text] = text
        if text.isascii() and text.isalpha() and text.islower() and self._looks_like_product(text):
            self.reading.note(f"`{text}` is read as one name; write {'*'.join(text)} for a product")
        return None

    def _pieces(self, text: str, i: int) -> list[str] | None:
        letters = all(c.isalpha() for c in text)
        bare = self._bare_prefix(text)
        if bare is not None:
            return bare
        logarithm = re.fullmatch(r"(log_(?:\d+|[A-Za-z]))([A-Za-z])", text)
        if logarithm and self._is_letter(logarithm[2]):
            return list(logarithm.groups())
        if letters and len(text) == 2 and text[1] == "e" and self._raises_e(i):
            return [text[0], "e"]
        if len(text) == 3 and letters and text[:2] == "pi" and text not in _PI_WORDS:
            return ["pi", text[2]]
        if letters and len(text) <= 3 and not self._is_one_name(text) and not self._is_component(text):
            if any(c in self.alone for c in text):
                return list(text)
        return None

    def _is_component(self, text: str) -> bool:
        """vx beside vy or vz: a component of a vector, not a product."""
        if len(text) != 2 or text[0] not in "vpkuFEBJ" or text[1] not in "xyz" or text[0] in self.alone:
            return False
        return any(text[0] + c in self.texts for c in "xyz" if c != text[1])

    def _raises_e(self, i: int) -> bool:
        """Whether token i ends in Euler's number: an exponent follows, and it is more than a number."""
        kinds = self.kinds[i + 1 : i + 3]
        if kinds[:1] == ["SUPERSCRIPT"]:
            return not self.texts[i + 1].translate(SUPERSCRIPTS).isdigit()
        return bool(kinds[:1] == ["POW"] and kinds[1:] != ["NUMBER"])

    def _looks_like_product(self, text: str) -> bool:
        """Two letters, or three without a vowel inside: `mx`, `xyz`, but not `mu`, `dx`, `mom`."""
        if self._is_one_name(text) or text in FUNCTIONS:
            return False
        return len(text) == 2 or (len(text) == 3 and not set("aeiou") & set(text[1:]))

    def _is_one_name(self, text: str) -> bool:
        """Names of two or three letters that are never products: dx, mu, tau."""
        return text.lower() in _GREEK or (text[0] == "d" and len(text) == 2)

    def _bare_prefix(self, text: str) -> list[str] | None:
        """sinx, lnx, sin2x, xcosx: a function between letters that are variables."""
        if len(text) > 40 or ("_" in text and not text.startswith("log_")):
            return None
        for name in _BY_LENGTH:
            at = text.find(name)
            if at < 0 or at + len(name) == len(text):
                continue
            head, tail = text[:at], text[at + len(name) :]
            if head and not (len(head) == 1 and (head in "xyzt" or head in self.alone)):
                continue
            match = re.fullmatch(r"(\d*)(.+)", tail)
            if match is None:
                continue
            number, rest = match.groups()
            inner = [rest] if len(rest) == 1 else self._bare_prefix(rest)
            if inner is None and len(rest) <= 2 and all(c in self.alone for c in rest):
                inner = list(rest)
            if inner is None or not all(self._is_letter(p) for p in inner if p not in BARE and not p.isdigit()):
                continue
            if text == "cost" and "t" not in self.alone:
                continue
            return [*head, name, *([number] if number else []), *inner]
        return None

    def _is_letter(self, text: str) -> bool:
        return text in "xyztuvθφ" or text in self.alone or text in CONSTANTS

    def _say_split(self, text: str, pieces: list[str]) -> None:
        shown, brackets = "", 0
        for k, piece in enumerate(pieces):
            function = (piece in FUNCTIONS and len(piece) > 1) or piece.startswith("log_")
            if brackets and function and not shown.endswith("("):
                shown, brackets = f"{shown})", 0  # a function ends the argument of the one before
            shown += piece if not k or shown.endswith("(") else f"*{piece}"
            if function:
                shown, brackets = f"{shown}(", brackets + 1
        if shown.endswith("("):
            shown += "…"
        self.reading.note(f"`{visible(text)}` is read as {visible(shown + ')' * brackets)}")

    def _emit_pieces(self, i: int, pieces: list[str], operand: bool, level: _Level) -> tuple[int, bool]:
        """Emits the factors of a word as if they had been typed apart."""
        start = self.starts[i]
        offset = start
        following = i + 1
        together = self._stays_together(i, pieces, operand)
        for k in range(len(pieces) - 1, 0, -1):  # the digits of ln10 are one number
            if pieces[k].isdigit() and pieces[k - 1].isdigit():
                pieces[k - 1 : k + 1] = [pieces[k - 1] + pieces[k]]
        for k, piece in enumerate(pieces):
            last = k == len(pieces) - 1
            end = offset + len(piece)
            name = self._function_name(piece, last) if len(piece) > 1 else None
            if name is None and piece in self.functions and last:
                name = piece
            if name is not None:
                if operand:
                    self._juxtapose_function(level, i)
                if last:
                    following, operand = self._function(i, name, level)
                else:
                    self.reading.emit("FUNCTION", (name, offset, end), offset, end)
                    level.argument, operand = offset, False
            else:
                if operand:
                    kind = "JUXTAPOSED" if level.argument >= 0 and not together else "TIMES"
                    if k == 0:
                        self._juxtapose(level, i)
                    else:
                        self.reading.emit(kind, "", offset, offset)
                if k == 0 and together:
                    self.reading.emit("LPAR", "(", offset, offset)
                if piece.isdigit():
                    self.reading.emit("NUMBER", self._number(piece, offset), offset, end)
                elif piece in CONSTANTS or piece == "π":
                    self.reading.emit("NAME", self.graph.node("pi" if piece == "π" else piece), offset, end)
                else:
                    self.reading.emit("NAME", self.graph.variable(piece), offset, end)
                operand = True
            offset = end
        if together:
            self.reading.emit("RPAR", ")", offset, offset)
        return following, operand

    def _stays_together(self, i: int, pieces: list[str], operand: bool) -> bool:
        """Whether the letters of a word are one operand, as in e^kt and √xy: nothing is attached to the last."""
        types = self.reading.types
        j = len(types) - 1
        while j > 0 and types[j] == "MINUS":
            j -= 1
        if operand or j < 0 or types[j] not in ("POW", "ROOT") or any(p in FUNCTIONS and len(p) > 1 for p in pieces):
            return False
        return self.kinds[i + 1 : i + 2] not in (["POW"], ["SUPERSCRIPT"], *([opener] for opener in _OPENERS))

    def _juxtapose_function(self, level: _Level, i: int) -> None:
        """A product sign before a function's name: it ends an argument without brackets."""
        bracket = i + 1 < len(self.kinds) and self.kinds[i + 1] in _OPENERS and self.texts[i] not in BARE
        if not bracket:
            level.argument = -1
        self._juxtapose(level, i)

    def _function(self, i: int, name: str, level: _Level) -> tuple[int, bool]:
        """Emits a function's name and, for sin^2 x, its exponent; returns what `_name` returns."""
        kinds, start = self.kinds, self.starts[i]
        end = start + len(self.texts[i])
        j = i + 1
        following = kinds[j] if j < len(kinds) else ""
        value = (name, start, end)
        if following in _OPENERS:
            self.reading.emit("CALL", value, start, end)
            return j, False
        if following == "SUPERSCRIPT" or following == "POW":
            k = j + 1
            if following == "POW":
                if kinds[k : k + 1] == ["MINUS"]:
                    k += 1
                if k < len(kinds) and kinds[k] in _OPENERS:
                    close = self._partner(k)
                    k = len(kinds) if close is None else close + 1
                else:
                    k += 1
            role = "CALL" if k < len(kinds) and kinds[k] in _OPENERS else "FUNCTION"
            self.reading.emit(role, value, start, end)
            self.raised_start = start
            return self._raised(j, role, level)
        self.reading.emit("FUNCTION", value, start, end)
        level.argument = start
        return j, False

    def _raised(self, j: int, role: str, level: _Level) -> tuple[int, bool]:
        """The exponent between a function's name and its argument."""
        start = self.starts[j]
        reading = self.reading
        if self.kinds[j] == "SUPERSCRIPT":
            at = len(reading.types)
            self._superscript(self.texts[j], start)
            reading.types[at] = "RAISED"
            j += 1
        else:
            reading.emit("RAISED", "^", start, start + 1)
            j += 1
            if self.kinds[j : j + 1] == ["MINUS"]:
                reading.emit("MINUS", "-", self.starts[j], self.starts[j] + 1)
                j += 1
            if j >= len(self.kinds):
                return j, False
            kind, text, start = self.kinds[j], self.texts[j], self.starts[j]
            if kind in _OPENERS:
                if reading.types[-1] == "MINUS":
                    raise self._fault(
                        "a minus before the bracket of an exponent",
                        start,
                        start + 1,
                        "put the minus inside the bracket",
                    )
                self.raised_role = role
                return j, False
            if kind == "NUMBER":
                reading.emit("NUMBER", self._number(text, start), start, start + len(text))
            elif kind == "NAME" and text not in BARE:
                node = self.graph.node(text) if text in CONSTANTS else self.graph.variable(text)
                reading.emit("NAME", node, start, start + len(text))
            else:
                raise self._fault("an exponent is missing", start, start + len(text), "write a number after ^")
            j += 1
        if role == "FUNCTION":
            level.argument = self.raised_start
        else:
            self.pending_call = True
        return j, False


# x, x12, x_1, w1_20: names that can be nothing but variables.
_is_simple = re.compile(r"[A-Za-zΑ-Ωα-ωϵϕ](?:_?[0-9]+)*").fullmatch

_ROOT_LIKE = re.compile(r"1/\d|2/3\b|3/2\b")  # hardly a power and then a quotient

_MARKED = frozenset({*_OPENERS, "PRIMES"})
_BINARY = frozenset({"SLASH", "STAR", "POW", "RELATION", "EQUAL", "COMMA", "BANG"})
_REMEDIES = {
    "&": "write and",
    "@": "matrices need declared shapes",
    "$": "remove it",
    "%": "write mod(a, b), or divide by 100",
    "?": "write `value if condition else value`",
    ":": "remove it",
    "~": "remove it",
    "≈": "write =",
    "∞": "use a variable",
    "∫": "integrals are not read",
    "∑": "write the sum out",
    "`": "remove it",
    '"': "remove the quotes",
    "°": "write *pi/180",
    "±": "write two equations",
    "₋": "a subscript is one word, as in x_n1",
    "₊": "a subscript is one word, as in x_n1",
    ".": "a number has digits beside its point",
    "_": "a name begins with a letter",
}


def _alphabet(character: str) -> str:
    """Latin, Greek, subscript (also _ and what follows it), or digit."""
    if _SUBSCRIPT.fullmatch(character):
        return "subscript"
    if character.isdigit() or character == "_":
        return "digit"
    return "Greek" if "Ͱ" <= normalize("NFKC", character)[0] <= "Ͽ" else "Latin"


def _lookalike(name: str) -> str:
    """The Latin letter that a letter of another alphabet resembles, by its Unicode name."""
    table = {
        "A": "a",
        "IE": "e",
        "O": "o",
        "ER": "p",
        "ES": "c",
        "U": "y",
        "HA": "x",
        "BYELORUSSIAN-UKRAINIAN I": "i",
        "JE": "j",
        "DZE": "s",
        "VE": "B",
        "KA": "K",
        "EM": "M",
        "EN": "H",
        "TE": "T",
        "SHORT I": "u",
    }
    match = re.fullmatch(r"CYRILLIC (SMALL|CAPITAL) LETTER (.+)", name)
    if match is None or match[2] not in table:
        return ""
    return table[match[2]].upper() if match[1] == "CAPITAL" else table[match[2]]
