"""Reading an answer as a student types it: what is said in front, chains of equalities, lists.

`dy/dx = 2x + 3x = 5x` is the steps `2x + 3x` and `5x`; `[2x, 2y]` is a gradient. Every part keeps
its place in the text, so that an error shows where it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches

from .errors import BackpropError, LimitError, NameFault, ParseError, visible
from .expr import Graph
from .lexer import PREFIX, PRIMES, SUPERSCRIPTS
from .parser import parse_equation
from .program import split_top
from .reverse import backpropagate

MAX_LENGTH = 64_000  # bytes of one answer
MAX_NODES = 50_000

_NAME = re.compile(r"\s*([^\W\d_]\w*?)\s*(?:\(\s*[^\W\d_]\w*(?:\s*,\s*[^\W\d_]\w*)*\s*\))?\s*")


class Answer:
    """An answer as it was read.

    entries     one list of steps for each entry: nodes of the graph, the last one is the answer
    texts       the text of each step, for each entry
    wrt, order  what `dy/dx =`, `d²y/dx² =` in front says, else None
    is_list     whether it was written as a list
    notes       the readings that were not the only ones
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.entries: list[list[int]] = []
        self.texts: list[list[str]] = []
        self.wrt: list[str | None] = []
        self.order: int | None = None
        self.is_list = False
        self.notes: list[str] = []


class Reader:
    """Reads answers over the names of one problem."""

    def __init__(
        self, graph: Graph, names: Collection[str], functions: Collection[str] = (), *, log10: bool = False
    ) -> None:
        self.graph, self.names, self.functions, self.log10 = graph, list(names), functions, log10

    def read(self, text: str) -> Answer:
        """The answer that a text stands for; `BackpropError` if it is none."""
        if len(text.encode("utf-8", "replace")) > MAX_LENGTH:
            raise LimitError(f"an answer of more than {MAX_LENGTH} bytes", hint="check whether it is an answer")
        if not text.strip():
            raise ParseError("the answer is empty", text=text, start=0, end=1, hint="write one, for example 2x")
        answer = Answer(text)
        start, end = _without_comment(text)
        inside = _brackets(text, start, end)
        parts = split_top(text, ",", *(inside or (start, end)))
        answer.is_list = len(parts) > 1
        for low, high in parts:
            self._entry(answer, low, high)
        return answer

    def _entry(self, answer: Answer, start: int, end: int) -> None:
        """One entry: `left side = step = step`, of which all but one step may be missing."""
        steps = split_top(answer.text, "=", start, end)
        wrt: str | None = None
        prefix = PREFIX.match(_padded(answer.text, 0, end), start)
        if prefix and len(steps) > 1 and (prefix["primed"] or "") not in self.functions:
            steps = split_top(answer.text, "=", prefix.end(), end)
            wrt = self._by(answer, prefix)
        elif len(steps) > 1:
            left = _NAME.fullmatch(answer.text, *steps[0])
            if left and left[1] not in self.names:
                steps = steps[1:]
        if len(steps) > 1 and not answer.text[slice(*steps[0])].strip():
            steps = steps[1:]  # a chain that begins with =
        nodes, texts = [], []
        for low, high in steps:
            nodes.append(self._step(answer, low, high))
            texts.append(answer.text[low:high].strip())
        answer.entries.append(nodes)
        answer.texts.append(texts)
        answer.wrt.append(wrt)

    def _by(self, answer: Answer, prefix: re.Match[str]) -> str | None:
        """The variable that the left side names; it sets the order."""
        if prefix["primed"]:
            answer.order = sum(PRIMES[c] for c in prefix["primes"])
            return prefix["at"]
        answer.order = int((prefix["order"] or "1").translate(SUPERSCRIPTS))
        name = prefix["wrt"]
        return name if name in self.names else name.rstrip("2345678")

    def _step(self, answer: Answer, start: int, end: int) -> int:
        """The node of one step. `d/dx(…)` stands for the derivative that it names."""
        text = _padded(answer.text, start, end)
        try:
            equation = parse_equation(
                text, wrt=self.names, functions=self.functions, graph=self.graph, log10=self.log10
            )
        except BackpropError as error:
            error.text = answer.text
            raise
        if len(self.graph.reachable([equation.root])) > MAX_NODES:
            raise LimitError(f"an answer of more than {MAX_NODES} nodes", hint="check whether it is an answer")
        for note in equation.notes:
            if note not in answer.notes:
                answer.notes.append(note)
        if equation.wrt is not None:
            return derivative(self.graph, equation.root, equation.wrt, equation.order)
        return equation.root


# What could have been meant by what was typed: 1/2x for 1/(2x), e^2x for e^(2x), sin^-1 x for 1/sin x.
_FACTOR = r"(?:[A-Za-z√]\w*(?:\([^()]*\))?|\([^()]*\))(?:\^\d+)?"
_READINGS = (
    (re.compile(rf"/\s*((?:\d+(?:\.\d+)?|[A-Za-z])(?:\^\d+)?(?:\s*[*·]?\s*{_FACTOR})+)"), r"/(\1)"),
    (re.compile(r"(?:\^|\*\*)\s*(-?(?:\d+(?:\.\d+)?|[A-Za-z])(?:[A-Za-z]|\([^()]*\))+)"), r"^(\1)"),
    (re.compile(r"\b(sin|cos|tan)\s*\^\s*\(?-1\)?\s*\(?(\w+)\)?"), r"1/\1(\2)"),
)


def other_readings(reader: Reader, text: str) -> Iterator[int]:
    """The nodes of other readings of an answer than the one that was taken."""
    for pattern, instead in _READINGS if len(text) < 1000 else ():
        changed = pattern.sub(instead, text)
        try:
            if changed != text:
                yield reader.read(changed).entries[0][-1]
        except BackpropError:
            continue  # not a reading at all


def derivative(graph: Graph, root: int, name: str, order: int) -> int:
    """The derivative of a node, as derived."""
    for _ in range(order):
        root = backpropagate(graph, root, [name]).gradient[name]
    return root


def check_names(graph: Graph, answer: Answer, allowed: Sequence[str]) -> None:
    """An answer may use the letters of its problem only: another letter is not a wrong answer but no answer."""
    for steps in answer.entries:
        for name in graph.variables(steps):
            if name not in allowed:
                raise _strange_name(answer, name, allowed)


def _strange_name(answer: Answer, name: str, allowed: Sequence[str]) -> NameFault:
    place = re.search(rf"(?<![A-Za-z]){re.escape(name)}", answer.text)
    start = place.start() if place else max(0, answer.text.find(name))
    same = [other for other in allowed if other.lower() == name.lower()]
    close = same or get_close_matches(name, allowed, 1, 0.6)
    if close:
        hint = f"did you mean `{visible(close[0])}`?"
    elif allowed:
        hint = f"it uses {', '.join(visible(n) for n in allowed[:8])}"
    else:
        hint = "it has no variable"
    return NameFault(
        f"`{visible(name)}` does not occur in the problem", text=answer.text, start=start, end=start + len(name),
        hint=hint,
    )  # fmt: skip


def _brackets(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The inside of brackets around the whole text, if a list may stand in them."""
    inner = text[start:end]
    low, high = start + len(inner) - len(inner.lstrip()), start + len(inner.rstrip())
    pairs = {"[": "]", "(": ")", "{": "}", "<": ">", "⟨": "⟩"}
    if high - low < 2 or pairs.get(text[low]) != text[high - 1]:
        return None
    depth = 0
    for i in range(low, high - 1):
        depth += (text[i] in "([{<⟨") - (text[i] in ")]}>⟩")
        if depth == 0:
            return None
    return (low + 1, high - 1) if len(split_top(text, ",", low + 1, high - 1)) > 1 else None


def _without_comment(text: str) -> tuple[int, int]:
    mark = text.find("#")
    return 0, len(text) if mark < 0 else mark


def _padded(text: str, start: int, end: int) -> str:
    """A part of a text at its own place, so that the places of errors are those of the whole."""
    return " " * start + text[start:end]
