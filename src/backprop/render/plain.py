"""A derivation as text: what is shown (sections of rows of cells), and how it is laid out in lines.

This is the one place that knows what a trace looks like. `render` gives plain text; the renderer for
terminals takes the same lines, which are made of spans (a text and the name of its style), and adds
colours. Everything is a generator, so that the first rows of a long trace appear at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice
from operator import le
from typing import NamedTuple

from ..derivation import Derivation, Link, Step
from ..errors import LimitError, display_width, visible
from ..evaluate import Value
from ..expr import ASCII, LEAVES, PRETTY, PYTHON, Style, to_text
from ..ops import lookup
from ..passes import ALONG, Entry
from ..program import parameter_names
from ..reverse import Edge, Pass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..study import TangentPass

Span = tuple[str, str]  # a text and its style: see STYLES
Line = list[Span]

# What the styles mean; a renderer decides what they look like.
STYLES = ("title", "remark", "name", "math", "rule", "number", "note", "good", "warn", "bad", "")

STEPS = ("all", "adjoints", "result")
HUGE = 20_000  # adjoints that are longer than this when written out are shown in the names of the trace
LONG_PART = 30  # what one user sends is written out up to this many nodes
SAMPLE = 400  # rows that decide on the widths of the columns
LONGEST_MATRIX = 4_000_000  # entries on one line
WIDEST = 44  # in uncut text: a cell that is wider than this moves only its own row
NARROW = 60  # on less columns, one row that gets long has all rows of its section stacked
TOKEN = 24  # a column is at least as wide as its longest word, up to this; if that is too wide, rows are stacked


class Column(NamedTuple):
    """A column: its heading, the style of its cells, and how it goes on in a stacked row."""

    heading: str
    style: str
    breaks: bool = False  # in a stacked row it begins a line
    label: str = ""  # what a stacked row says in front of it
    gap: int = 2  # columns of space before it


class Section(NamedTuple):
    """A part of the trace: a title with a remark, and rows of cells."""

    title: str
    remark: str
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[str]]
    top: bool = False  # the first one, with no blank line above it


# -- what is shown -----------------------------------------------------------------------------------


NAME, FORMULA = Column("", "name"), Column("", "math", gap=1)
NUMBER = Column("", "number", gap=1)


class Words:
    """The signs of a trace: pretty, or ASCII only."""

    def __init__(self, ascii: bool = False) -> None:
        self.ascii = ascii
        self.style: Style = ASCII if ascii else PRETTY
        self.arrow = "->" if ascii else "→"
        self.times = "*" if ascii else "·"

    def bar(self, name: str) -> str:
        """The name of an adjoint: v̄4."""
        if not self.ascii and re.fullmatch(r"[^\W\d_][\d_]*", name):
            return f"{name[0]}\u0304{name[1:]}"
        return f"bar({name})"

    def dot(self, name: str) -> str:
        """The name of a tangent: v̇4."""
        if not self.ascii and re.fullmatch(r"[^\W\d_][\d_]*", name):
            return f"{name[0]}\u0307{name[1:]}"
        return f"dot({name})"

    def number(self, text: str | None) -> str:
        """A value, with the sign of this style; nothing if there is none."""
        return "" if text is None else f"= {text if self.ascii else text.replace('-', '−')}"

    def partial(self, of: str, by: Sequence[str], alone: bool = False) -> str:
        """∂²f/∂x∂y; D f along a direction.

        >>> Words().partial("f", ["x", "x", "y"]), Words(ascii=True).partial("f", ["x"])
        ('∂³f/∂x²∂y', 'df/dx')
        """
        runs = [(name, len(list(group))) for name, group in groupby(by)]
        if not runs:
            return of
        if runs[0][0] == ALONG:
            (_, order), *runs = runs
            of, by = f"D{self.raised(order)} {of}", by[order:]
            if not runs:
                return of
            of = f"({of})"
        d = "d" if alone or self.ascii else "∂"
        below = "".join(f"{d}{name}{self.raised(n)}" for name, n in runs)
        return f"{d}{self.raised(len(by))}{of}/{below}"

    def raised(self, n: int) -> str:
        """An exponent; nothing for 1."""
        return "" if n == 1 else f"^{n}" if self.ascii else str(n).translate(_RAISED)

    def final(self, text: str) -> str:
        """Safe to show: no control characters, and in ASCII nothing else."""
        if _SIMPLE.fullmatch(text) and not (self.ascii and not text.isascii()):
            return text
        text = visible(text)
        return _transliterate(text) if self.ascii and not text.isascii() else text


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_PARTS = {
    "mul": ("first factor", "second factor"), "div": ("top", "bottom"), "pow": ("base", "exponent"),
    "add": ("", ""), "sub": ("first term", "second term"), "where": ("", "if it holds", "otherwise"),
    "max": ("first operand", "second operand"), "min": ("first operand", "second operand"),
    "log_base": ("argument", "base"),
}  # fmt: skip
_SELF_EXPLAINING = frozenset({"add", "sub", "neg", "mul", "div"})


def ordinal(n: int) -> str:
    """second, third, 11th."""
    return _ORDINALS[n] if n < len(_ORDINALS) else f"{n}th"


class Trace:
    """The sections of a derivation. `opening` needs no worker; `closing` comes after its answer."""

    def __init__(self, derivation: Derivation, *, ascii: bool = False, steps: str = "all") -> None:
        self.derivation, self.words, self.steps = derivation, Words(ascii), steps
        self.graph = derivation.graph
        self.own = derivation.given_names()
        occurring = self.graph.variables(derivation.outputs)
        self.alone = len(occurring) <= (2 if derivation.kind == "implicit" else 1) and len(derivation.wrt) <= 1
        if derivation.kind == "implicit" and derivation.equation.right is not None:
            self.alone = len(self.graph.variables([derivation.answer.difference])) <= 2
        self.parts = _parts(derivation)
        self.seen: set[int] = set()  # the rows that were shown
        self.names = derivation.names_in(0) if self.parts else derivation.names

    # Small words.

    def text(self, position: int, required: int = 0, *, whole: bool = False) -> str:
        """A node in the names of the trace; `whole` writes it out."""
        names = self.own if whole else self.names
        if position in names:
            return names[position]
        return to_text(self.graph, position, self.words.style, names, required)

    def value(self, value: Value, formula: str = "") -> str:
        """A value with `=` in front; nothing if the formula says it already."""
        if isinstance(value, bool):
            return f"= {str(value).lower()}"
        text = self.words.number(self.derivation.number(value))
        return "" if text == f"= {formula}" else text

    @property
    def function(self) -> str:
        """What the output is called."""
        return self.derivation.output_name or "f"

    def symbol(self, of: str, by: Sequence[str]) -> str:
        """∂f/∂x."""
        by_time = self.derivation.kind == "total" and set(by) == set(self.derivation.entries[0].by)
        return self.words.partial(of or self.function, by, self.alone or by_time)

    def label(self, part: Part) -> str:
        """The name of the output of a pass."""
        return self.derivation.names.get(part.output) or self.symbol(part.of, part.by)

    # Sections.

    def opening(self) -> Iterator[Section]:
        """What is known before a worker has answered: the reading, the pass forwards, the pass backwards."""
        yield self._header()
        if self.steps == "all":
            for part in self.parts:
                yield self._forward(part)
                if self.derivation.tangents:
                    continue
                yield self._backward(part)
                if self.derivation.explained and part.links:
                    yield self._in_words(part)
            for one in self.derivation.tangents:
                yield self._tangents(one)

    def closing(self) -> Iterator[Section]:
        """The adjoints, the gradient, how it was verified, and the notes."""
        if self.steps != "result" and not self.derivation.tangents:
            for part in self.parts:
                adjoints = self._adjoints(part)
                if adjoints is not None:
                    yield adjoints
        yield from self._results()
        if self.derivation.tangent is not None:
            yield self._tangent()
        yield from self._studied()
        mark, style = verdict_mark(self.derivation, self.words.ascii)
        yield Section("", "", (Column("", style),), [(f"{mark} {self.derivation.verified.how}",)])
        reading = set(self.derivation.equation.notes)
        notes = [(f"note: {note}",) for note in self.derivation.notes if note not in reading]
        if notes:
            yield Section("", "", (Column("", "note"),), notes, top=True)

    def _header(self) -> Section:
        derivation, equation = self.derivation, self.derivation.equation
        rows = self._definitions()
        if derivation.kind == "implicit":
            assert equation.right is not None
            sides = (self.written(i) for i in (equation.root, equation.right))
            rows.append(("", " = ".join(sides)))
        elif len(derivation.outputs) == 1:
            variables = self.graph.variables([derivation.root])
            left = equation.left_side or f"{self.function}({', '.join(variables)})"
            if not variables and not equation.left_side:
                left = self.function
            rows.append(("", f"{left} = {self.text_of_root()}"))
        rows[0] = ("read as", rows[0][1])
        rows += [("note", sentence) for sentence in equation.notes if sentence in derivation.notes]
        return Section("", "", (Column("", "remark"), Column("", "math")), rows, top=True)

    def _definitions(self) -> list[tuple[str, str]]:
        """The statements of a program before its output."""
        derivation = self.derivation
        rows = []
        for d in derivation.equation.definitions:
            if d.name == derivation.equation.output and len(derivation.outputs) == 1:
                continue
            left = d.name + (f"({', '.join(d.parameters)})" if d.parameters else "")
            rows.append(("", f"{left} = {self.written(d.value, parameter_names(self.graph, d))}"))
        defined = {d.name for d in derivation.equation.definitions}
        if len(derivation.outputs) > 1:  # the entries of a list have no definition
            named = derivation.equation.outputs
            rows += [("", f"{name} = {self.written(i)}") for name, i in named if name not in defined]
        return rows

    def written(self, position: int, parameters: Mapping[int, str] | None = None) -> str:
        """A node in the program's names, with the calls of its functions, itself written out."""
        calls = self.derivation.equation.calls
        own = self.own | dict(parameters or {})
        if parameters and position in parameters:
            return parameters[position]
        if self.graph.written_size([position], frozenset(self.own)) > HUGE:
            return "…" if not self.words.ascii else "..."
        if not calls:
            return to_text(self.graph, position, self.words.style, own)
        names = dict(own)
        for node in self.graph.reachable([position]):
            if node in calls and (node not in names or node == position):
                function, operands = calls[node]
                arguments = [names.get(i) or to_text(self.graph, i, self.words.style, names) for i in operands]
                names[node] = f"{function}({', '.join(arguments)})"
        return names[position] if position in calls else to_text(self.graph, position, self.words.style, names)

    def text_of_root(self) -> str:
        """The equation's right side."""
        names = self.derivation.names
        whole = self.graph.written_size([self.derivation.root], frozenset(self.own)) <= HUGE
        if not whole and names and not self.own:
            return to_text(self.graph, self.derivation.root, self.words.style, names)
        return self.written(self.derivation.root)

    def _point(self) -> str:
        given = self.derivation.point_text
        return ", ".join(f"{name} {self.words.number(text)}" for name, text in given.items())

    def _title(self, word: str, part: Part) -> str:
        derivation, order = self.derivation, self.derivation.order
        if derivation.kind == "gradient" and order > 1:
            return f"{ordinal(order).capitalize()} derivative by {part.variable}: {word.lower()}"
        if len(self.parts) == 1:
            return word
        joint = {"Forward": "to", "Backward": "from", "Adjoints": "of", "In words": "from"}[word]
        return f"{word} {joint} {self.symbol(part.of, part.by)}"

    def _forward(self, part: Part) -> Section:
        order = self.derivation.order
        remark = self._point()
        if order > 1 and self.derivation.kind == "gradient":
            from_here = f"through the {ordinal(order - 1)} derivative"
            remark = f"{from_here}; {remark}" if remark else from_here
        elif part is not self.parts[0]:
            remark = "what is new"
        columns = (NAME, FORMULA, Column("", "rule", True), NUMBER)
        return Section(self._title("Forward", part), remark, columns, self._forward_rows(part))

    def _forward_rows(self, part: Part) -> Iterator[Sequence[str]]:
        shown = False
        for step in part.steps:
            if step.op == "var" and (step.position != part.output or step.position in self.seen):
                continue
            if step.position in self.seen and len(self.parts) > 1 and self.derivation.kind != "gradient":
                continue
            shown = True
            self.seen.add(step.position)
            name = self.label(part) if step.position == part.output else step.name
            formula = to_text(self.graph, step.position, self.words.style, self.derivation.names)
            rule = f"{step.rule}, {step.call}" if step.call else step.rule
            yield name, f"= {formula}", rule, self.value(step.value, formula)
        if not shown:
            yield self.label(part), f"= {self.text(part.output)}", "", ""

    def _backward(self, part: Part) -> Section:
        words, label = self.words, self.label(part)
        title = self._title("Backward", part)
        if not part.links:
            if self.graph.nodes[part.output][0] == "var" and any(step.adjoint is not None for step in part.steps):
                name = self.text(part.output)
                text = f"{label} is {name} itself: nothing to pass on, {words.bar(name)} = {words.bar(label)} = 1"
            else:
                text = f"{label} does not depend on what it is differentiated by: nothing is sent back"
            return Section(title, "", (Column("", "math"),), [(text,)])
        example = next((step.name for step in part.steps if step.op != "var" and step.name != label), None)
        example = example or part.links[-1].target
        meaning = words.partial(label if "/" not in label else f"({label})", [example])
        sends = f"sends = adjoint {words.times} local derivative"
        called = (
            f"{label} is {self.symbol(part.of, part.by)}; "
            if part.by and "/" not in label and not label.startswith("D")
            else ""
        )
        remark = f"{called}{words.bar(example)} means {meaning}; start with {words.bar(label)} = 1; {sends}"
        columns = (
            Column("edge", "name"), Column("rule", "rule"), Column("", "rule", gap=1),
            Column("local derivative", "math", True, "local derivative"), NUMBER,
            Column("sends", "math", True, "sends"), NUMBER,
        )  # fmt: skip
        return Section(title, remark, columns, (self._edge(part, link) for link in part.links))

    def _edge(self, part: Part, link: Link) -> Sequence[str]:
        self.names = self.derivation.names_in(link.part)
        partial = self.text(link.edge.partial)
        return (
            f"{link.source} {self.words.arrow} {link.target}",
            link.code,
            self._rule(part, link),
            partial,
            self.value(link.partial_value, partial),
            self._sends(link),
            self.value(link.sends_value),
        )

    def _rule(self, part: Part, link: Link) -> str:
        """The rule's name, and what it was applied to: which operand, or at which inner function."""
        key = self.graph.nodes[link.edge.user]
        varying = sum(operand in part.varying for operand in key[1:])
        if varying > 1 or key[0] == "where" or (key[0] == "div" and link.code == "R09"):
            names = _PARTS.get(key[0])
            if names is None:
                names = tuple(f"by {name}" for name in lookup(key[0]).operands)
            which = names[link.edge.operand]
            return f"{link.rule}, {which}" if which and link.code != "R09" else link.rule
        if key[0] not in _SELF_EXPLAINING and self.graph.nodes[link.edge.target][0] not in LEAVES:
            return f"{link.rule}, at {link.target}"
        return link.rule

    def _sends(self, link: Link) -> str:
        return f"{self.words.bar(link.source)} {self.words.times} {self.text(link.edge.partial, 40)}"

    def _in_words(self, part: Part) -> Section:
        """A sentence for every edge, and for every node with several users."""
        from ..intuition import edge_sentence, node_sentence

        derivation, style = self.derivation, self.words.style
        rows = [(f"{k.source} {self.words.arrow} {k.target}", edge_sentence(derivation, k, style)) for k in part.links]
        said = [(step.name, node_sentence(derivation, step, style)) for step in reversed(part.steps)]
        rows += [(name, sentence) for name, sentence in said if sentence]
        return Section(self._title("In words", part), "", (NAME, Column("", "")), rows)

    def _tangents(self, one: TangentPass) -> Section:
        """A forward pass: the tangent of every node from those of its operands."""
        words, derivation = self.words, self.derivation
        arriving: dict[int, list[Edge]] = {}
        for edge in one.tangents.edges:
            arriving.setdefault(edge.user, []).append(edge)
        rows = []
        for position in one.tangents.order:
            if position not in arriving:
                continue
            terms = []
            for edge in arriving[position]:
                partial = self.text(edge.partial, 40)
                dot = words.dot(self.text(edge.target))
                terms.append(dot if partial == "1" else f"{partial}{words.times}{dot}")
            rule = next((step.rule for step in derivation.nodes if step.position == position), "")
            value = self.value(one.values.get(one.tangents.tangents[position]))
            rows.append((words.dot(self.text(position)), f"= {' + '.join(terms)}", rule, value))
        example = self.text(one.tangents.order[-1]) if one.tangents.order else one.name
        remark = (
            f"{words.dot(example)} means {words.partial(example, [one.name])}; start with {words.dot(one.name)} = 1"
        )
        columns = (NAME, FORMULA, Column("", "rule", True), NUMBER)
        return Section(f"Tangents by {one.name}", remark, columns, rows or [("", "nothing depends on it", "", "")])

    def _studied(self) -> Iterator[Section]:
        """Other modes, other decompositions, the check by numbers."""
        derivation, ascii = self.derivation, self.words.ascii
        if derivation.critical is not None:
            from .critical import critical_sections

            yield from critical_sections(derivation.critical, ascii=ascii)
        if derivation.comparison is None and derivation.alternatives is None and not derivation.checks:
            return
        from .modes import check_sections, decomposition_sections, mode_sections

        if derivation.comparison is not None:
            yield from mode_sections(
                derivation.comparison, ascii=ascii, function=self.function,
                names=derivation.all_names() if derivation.names else None,
            )  # fmt: skip
        if derivation.alternatives is not None:
            yield from decomposition_sections(derivation.alternatives, ascii=ascii, function=self.function)
        if derivation.checks:
            yield from check_sections(derivation.checks, ascii=ascii, alone=self.alone)

    def _adjoints(self, part: Part) -> Section | None:
        inner = [
            step for step in reversed(part.steps)
            if step.adjoint is not None and step.position != part.output
            and len(part.arriving.get(step.position, ())) > (step.op == "var")
        ]  # fmt: skip
        if not inner:
            return None
        inner.sort(key=lambda step: step.op == "var")
        title = self._title("Adjoints", part)
        columns = (NAME, FORMULA, Column("", "rule", True), NUMBER)
        many = any(len(part.arriving.get(step.position, ())) > 1 for step in inner)
        remark = "the sum of what arrives at a node" if many else "what arrives at a node"
        rows = chain.from_iterable(self._adjoint(part, step) for step in inner)
        return Section(title, remark, columns, rows)

    def _adjoint(self, part: Part, step: Step) -> Iterator[Sequence[str]]:
        assert step.adjoint is not None
        self.names = self.derivation.names_in(step.part)
        name, links = self.words.bar(step.name), part.arriving.get(step.position, [])
        text = "" if self.huge else self.text(self.derivation.form(step.adjoint), whole=True)
        value = self.value(step.adjoint_value, text)
        if self.huge or len(links) > 1:
            sign = "="
            for link in reversed(links):
                sent = self._contribution(part, link, first=sign == "=")
                origin = f"from {link.source} = {self._user(link)}, {link.rule}"
                yield name, f"{sign} {sent}", origin, self.value(link.sends_value, sent)
                name, sign = "", "+"
            if len(links) == 1 or (self.huge and not value):
                return
        yield name, f"= {text}" if text else "", "", value

    def _contribution(self, part: Part, link: Link, first: bool) -> str:
        """What a user sends, written out if that is short: its adjoint times the local derivative."""
        sends = link.edge.sends
        if self.huge or self.graph.written_size([sends]) > LONG_PART:
            return self._sends(link)
        tidied = self.text(sends, 0 if first else 40, whole=True)
        adjoint = self.derivation.form(self.derivation.passes[link.part].adjoints[link.edge.user])
        if self.graph.written_size([adjoint]) > LONG_PART:
            return tidied
        factors = [self.text(i, 40, whole=True) for i in (adjoint, link.edge.partial)]
        product = self.words.times.join(factor for factor in factors if factor != "1")
        return product if product and len(product) < len(tidied) else tidied

    def _user(self, link: Link) -> str:
        """The formula of an edge's user, in the names of the trace."""
        return to_text(self.graph, link.edge.user, self.words.style, self.names)

    @property
    def huge(self) -> bool:
        """Whether the adjoints are too long to be written out."""
        if not hasattr(self, "_huge"):
            derivation = self.derivation
            forms = [derivation.form(s.adjoint) for s in derivation.nodes if s.adjoint is not None]
            self._huge = self.graph.written_size(forms, frozenset(self.own)) > HUGE
        return self._huge

    def _results(self) -> Iterator[Section]:
        """The derivatives that were asked for; in front of those that are made from it, the gradient."""
        derivation, kind = self.derivation, self.derivation.kind
        gradient = [Entry((x,), i, "", (x,)) for x, i in derivation.derived.items()]
        if kind in ("hessian", "product", "along", "total"):
            of = derivation.passes[0].of if derivation.passes else ""
            yield self._answers("Gradient", "", [e._replace(of=of, path=("", *e.path)) for e in gradient])
        if kind == "gradient" and derivation.order > 1:
            yield self._answers(f"{ordinal(derivation.order).capitalize()} derivative", "", derivation.entries)
        elif kind == "gradient":
            remark = ""
            if derivation.entries and self.steps == "all" and not derivation.tangents:
                first = derivation.entries[0]
                remark = f"{self.symbol(first.of, first.by)} is {self.words.bar(first.name)}"
            yield self._answers("Gradient", remark, derivation.entries)
        elif kind == "jacobian":
            yield self._answers("Jacobian", "a row for each output", derivation.entries)
        elif kind == "hessian":
            place = {name: k for k, name in enumerate(derivation.wrt)}
            half = [e for e in derivation.entries if place[e.path[0]] <= place[e.path[1]]]
            count = len(derivation.wrt) * (len(derivation.wrt) + 1) // 2
            remark = "symmetric; what is not shown is 0" if len(half) < count else "symmetric"
            yield self._answers("Hessian", remark if len(derivation.wrt) > 1 else "", half)
        elif kind == "product":
            yield self._answers("Hessian times the direction", self._direction(), derivation.entries)
        elif kind == "mixed":
            yield self._answers("Mixed derivative", "", derivation.entries)
        elif kind == "along":
            yield self._answers("Along the direction", self._direction(), derivation.entries, self._sum_of_products())
        elif kind == "total":
            stands = [f"{name} is {rate}" for name, rate in derivation.answer.rates.items()]
            yield self._answers("Total derivative", "; ".join(stands), derivation.entries, self._sum_of_products())
        else:
            yield self._answers("Implicit derivative", "", derivation.entries)

    def _answers(self, title: str, remark: str, entries: Sequence[Entry], first: str = "") -> Section:
        """Derivatives as rows, behind the definitions that they need."""
        derivation, style = self.derivation, self.words.style
        forms = [derivation.form(entry.position) for entry in entries]
        names = derivation.definitions(forms)
        rows: list[Sequence[str]] = []
        if not entries:
            rows.append(("0", "", ""))
        for position, name in names.items():
            if position not in self.own:
                rows.append((name, f"= {to_text(self.graph, position, style, names)}", ""))
        for entry, form in zip(entries, forms):
            text = names[form] if form in names else to_text(self.graph, form, style, names)
            name = self.symbol(entry.of, entry.by)
            if first:
                rows.append((name, f"= {first}", ""))
                name = ""
            if derivation.kind == "implicit":
                name = self._first_derivative(rows, entry, name)
            value = self.value(derivation.values.get(entry.path), text)
            before = derivation.forms.get(entry.position, entry.position)
            if entry.position in derivation.on_curve:
                rows.append((name, f"= {to_text(self.graph, before, style)}", ""))
                name, value = "", f"{value} on the curve".strip()
            rows.append((name, f"= {text}", value))
        return Section(title, remark, (NAME, FORMULA, NUMBER), rows)

    def _tangent(self) -> Section:
        """The linear approximation at the point."""
        derivation, tangent = self.derivation, self.derivation.tangent
        assert tangent is not None
        title = {1: "Tangent line", 2: "Tangent plane"}.get(len(derivation.wrt), "Linear approximation")
        occurring = self.graph.variables(derivation.outputs)
        free = (c for c in "yzw" if c not in occurring)
        name = derivation.output_name if derivation.output is not None else next(free, derivation.output_name)
        rows = [(name, f"= {self.text(tangent.around, whole=True)}")]
        if tangent.collected != tangent.around:
            rows.append(("", f"= {self.text(tangent.collected, whole=True)}"))
        return Section(title, self._point(), (NAME, FORMULA), rows)

    def _first_derivative(self, rows: list[Sequence[str]], entry: Entry, name: str) -> str:
        """The rows of −(∂F/∂x)/(∂F/∂y), also before a higher derivative; what the next row is called."""
        by = entry.by[0]
        if len(entry.by) == 1:
            rows.append((name, f"= {self._quotient(by)}", ""))
            return ""
        slope = self.derivation.form(self.derivation.answer.slopes[by])
        rows.append((self.symbol(entry.of, [by]), f"= {self._quotient(by)}", ""))
        rows.append(("", f"= {to_text(self.graph, slope, self.words.style, self.own)}", ""))
        return name

    def _quotient(self, variable: str) -> str:
        """−(∂F/∂x)/(∂F/∂y)."""
        function, words = self.derivation.passes[0].of, self.words
        above, below = (words.partial(function, [name]) for name in (variable, self.derivation.answer.dependent))
        return f"{words.style.minus}({above}) / ({below})"

    def _direction(self) -> str:
        components = self.derivation.answer.components
        return ", ".join(f"d{name} = {self.text(i, whole=True)}" for name, i in components.items())

    def _sum_of_products(self) -> str:
        """∂f/∂x·dx + ∂f/∂y·dy, for one derivative along a direction or by t."""
        if self.derivation.order > 1:
            return ""
        answer, words = self.derivation.answer, self.words
        terms = []
        for name, component in answer.components.items():
            factor = answer.rates.get(self.text(component)) or self.text(component, 40, whole=True)
            slope = words.partial(self.derivation.passes[0].of, [name])
            terms.append(slope if factor == "1" else f"{slope}{words.times}{factor}")
        return " + ".join(terms)


class Part:
    """One pass of a derivation: its output, the variable that it is for, its nodes and edges."""

    def __init__(self, one: Pass, variable: str, steps: list[Step], links: list[Link]) -> None:
        self.output, self.of, self.by = one.output, one.of, one.by
        self.variable, self.steps, self.links = variable, steps, links
        self.varying = {step.position for step in steps if step.adjoint is not None}
        self.arriving: dict[int, list[Link]] = {}
        for link in links:
            self.arriving.setdefault(link.edge.target, []).append(link)


def _parts(derivation: Derivation) -> list[Part]:
    """The passes of a derivation with what belongs to each."""
    if not derivation.nodes:
        return []
    steps: list[list[Step]] = [[] for _ in derivation.passes]
    links: list[list[Link]] = [[] for _ in derivation.passes]
    for step in derivation.nodes:
        steps[step.part].append(step)
    for link in derivation.edges:
        links[link.part].append(link)
    return [
        Part(one, next(iter(one.gradient), ""), own, sent) for one, own, sent in zip(derivation.passes, steps, links)
    ]


def verdict_mark(derivation: Derivation, ascii: bool = False) -> tuple[str, str]:
    """A mark for how the result was verified, and its style."""
    marks = {"proved": ("✓", "ok", "good"), "sampled": ("~", "~", "good"), "failed": ("✗", "X", "bad")}
    pretty, plain, style = marks.get(derivation.verified.status, ("!", "!", "warn"))
    return (plain if ascii else pretty), style


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
# Characters that are known to be one column wide, but for the macron and the dot over a letter, which have none.
_SIMPLE = re.compile(
    "[\x20-\x7e\xa1-\xac\xae-\u02ff\u0304\u0307\u0370-\u0377\u0391-\u03ff\u2010-\u2027\u2030-\u205e"
    "\u2070-\u209c\u2190-\u22ff\u2713\u2717]*"
)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) - text.count("\u0304") - text.count("\u0307") if _SIMPLE.fullmatch(text) else display_width(text)


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


def _transliterate(text: str) -> str:
    """Greek letters by their names, everything else by its number."""
    from unicodedata import name, normalize

    out = []
    for c in normalize("NFKD", text):
        if c.isascii():
            out.append(c)
            continue
        called = name(c, "")
        if called.startswith("GREEK") and " LETTER " in called:
            letter = called.rpartition(" ")[2].lower()
            out.append(letter.capitalize() if "CAPITAL" in called else letter)
        else:
            out.append(_SIGNS.get(c) or f"U+{ord(c):04X}")
    return "".join(out)


_SIGNS = {"·": "*", "×": "*", "−": "-", "√": "sqrt", "∂": "d", "→": "->", "≤": "<=", "≥": ">=", "≠": "!=",
          "…": "...", "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "÷": "/",
          "\u0304": "", "\u0307": ""}  # fmt: skip
