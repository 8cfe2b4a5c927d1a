"""What a trace shows: a derivation as sections of rows of cells, in the words of any renderer.

This is the one place that knows what a trace looks like. Everything is a generator, so that the first rows of a
long trace appear at once. How the rows are laid out is for the renderers: `plain` (and `terminal`), `latex`,
`markdown`, `html`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from ..derivation import Derivation, Link, Step
from ..evaluate import Value
from ..expr import LEAVES
from ..ops import lookup
from ..passes import Entry
from ..program import parameter_names
from ..reverse import Edge, Pass
from .words import Words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..study import TangentPass

# What the styles of cells mean; a renderer decides what they look like.
STYLES = ("title", "remark", "name", "math", "rule", "number", "note", "good", "warn", "bad", "")

STEPS = ("all", "adjoints", "result")
HUGE = 20_000  # adjoints that are longer than this when written out are shown in the names of the trace
LONG_PART = 30  # what one user sends is written out up to this many nodes


class Column(NamedTuple):
    """A column: its heading, the style of its cells, and how it goes on in a stacked row."""

    heading: str
    style: str
    breaks: bool = False  # in a stacked row it begins a line
    label: str = ""  # what a stacked row says in front of it
    gap: int = 2  # columns of space before it


class Row(tuple[str, ...]):
    """The cells of a row that is about a node (a position in the graph) or an edge (its place in the trace)."""

    node: int | None = None
    link: int | None = None

    @classmethod
    def of(cls, *cells: str, node: int | None = None, link: int | None = None) -> Row:
        """The row with what it is about."""
        row = cls(cells)
        row.node, row.link = node, link
        return row


class Section(NamedTuple):
    """A part of the trace: a title with a remark, and rows of cells."""

    title: str
    remark: str
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[str]]
    top: bool = False  # the first one, with no blank line above it


NAME, FORMULA = Column("", "name"), Column("", "math", gap=1)
NUMBER = Column("", "number", gap=1)

_ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_PARTS = {
    "mul": ("first factor", "second factor"), "div": ("top", "bottom"), "pow": ("base", "exponent"),
    "add": ("", ""), "sub": ("first term", "second term"), "where": ("", "if it holds", "otherwise"),
    "max": ("first operand", "second operand"), "min": ("first operand", "second operand"),
    "log_base": ("argument", "base"),
}  # fmt: skip
_SELF_EXPLAINING = frozenset({"add", "sub", "neg", "mul", "div"})


PLAIN = Words()  # for what is decided by how it looks in text


def ordinal(n: int) -> str:
    """second, third, 11th."""
    return _ORDINALS[n] if n < len(_ORDINALS) else f"{n}th"


class Trace:
    """The sections of a derivation. `opening` needs no worker; `closing` comes after its answer.

    With `blank`, local derivatives, what is sent, adjoints and results are gaps to be filled in; passes through
    derivatives, which would tell what they are, are left out.
    """

    def __init__(
        self,
        derivation: Derivation,
        *,
        ascii: bool = False,
        steps: str = "all",
        words: Words | None = None,
        blank: bool = False,
    ) -> None:
        self.derivation, self.words, self.steps, self.blank = derivation, words or Words(ascii), steps, blank
        self.graph = derivation.graph
        self.own = derivation.given_names()
        occurring = self.graph.variables(derivation.outputs)
        self.alone = len(occurring) <= (2 if derivation.kind == "implicit" else 1) and len(derivation.wrt) <= 1
        if derivation.kind == "implicit" and derivation.equation.right is not None:
            self.alone = len(self.graph.variables([derivation.answer.difference])) <= 2
        self.parts = [part for part in _parts(derivation) if not (blank and part.by)]
        self.seen: set[int] = set()  # the rows that were shown
        self._sizes: dict[int, int] = {}
        self.names = derivation.names_in(0) if self.parts else derivation.names
        self.math = self.words.math
        if self.words.printed:
            defined = (d.name for d in derivation.equation.definitions)
            shared = derivation.definitions([entry.position for entry in derivation.entries]).values()
            taken = [*occurring, *derivation.wrt, *derivation.names.values(), *defined, *shared, derivation.output_name]
            self.words.reserve(dict.fromkeys(taken))

    # Small words.

    def text(self, position: int, required: int = 0, *, whole: bool = False) -> str:
        """A node in the names of the trace; `whole` writes it out."""
        names = self.own if whole else self.names
        if position in names:
            return self.words.name(names[position])
        return self.words.expression(self.graph, position, names, required)

    def value(self, value: Value, formula: str = "") -> str:
        """A value with `=` in front, as a cell; nothing if the formula says it already."""
        if isinstance(value, bool):
            return self.math(self.words.number(str(value).lower()))
        text = self.words.number(self.derivation.number(value))
        return "" if text == f"= {formula}" else self.math(text)

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
        name = self.derivation.names.get(part.output)
        return self.words.name(name) if name else self.symbol(part.of, part.by)

    def where(self) -> list[tuple[str, str]]:
        """What names of parts stand for that the last section has used first: none in text."""
        return self.words.where()

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
                if self.derivation.explained and part.links and not self.blank:
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
        if self.blank:
            yield from self._asked_besides()
            return
        if self.derivation.tangent is not None:
            yield self._tangent()
        yield from self._studied()
        mark, style = verdict_mark(self.derivation, self.words.ascii)
        yield Section("", "", (Column("", style),), [(f"{mark} {self.derivation.verified.how}",)])
        reading = set(self.derivation.equation.notes)
        notes = [(self.words.prose(f"note: {note}"),) for note in self.derivation.notes if note not in reading]
        if notes:
            yield Section("", "", (Column("", "note"),), notes, top=True)

    def _header(self) -> Section:
        derivation, equation, words = self.derivation, self.derivation.equation, self.words
        rows = self._definitions()
        if derivation.kind == "implicit":
            assert equation.right is not None
            sides = (self.written(i) for i in (equation.root, equation.right))
            rows.append(("", self.math(" = ".join(sides))))
        elif len(derivation.outputs) == 1:
            variables = self.graph.variables([derivation.root])
            parameters = variables
            if equation.output is not None:
                parameters = list(equation.parameters)
            left = words.name(self.function if equation.output is None else equation.output)
            if parameters:
                left = words.call(left, map(words.name, parameters))
            rows.append(("", self.math(f"{left} = {self.text_of_root()}")))
        rows[0] = ("read as", rows[0][1])
        rows += [("note", words.prose(sentence)) for sentence in equation.notes if sentence in derivation.notes]
        return Section("", "", (Column("", "remark"), Column("", "math")), rows, top=True)

    def _definitions(self) -> list[tuple[str, str]]:
        """The statements of a program before its output."""
        derivation, words = self.derivation, self.words
        rows = []
        for d in derivation.equation.definitions:
            if d.name == derivation.equation.output and len(derivation.outputs) == 1:
                continue
            left = words.call(d.name, map(words.name, d.parameters)) if d.parameters else words.name(d.name)
            rows.append(("", self.math(f"{left} = {self.written(d.value, parameter_names(self.graph, d))}")))
        defined = {d.name for d in derivation.equation.definitions}
        if len(derivation.outputs) > 1:  # the entries of a list have no definition
            named = derivation.equation.outputs
            entries = [(words.name(name), self.written(i)) for name, i in named if name not in defined]
            rows += [("", self.math(f"{name} = {formula}")) for name, formula in entries]
        return rows

    def written(self, position: int, parameters: Mapping[int, str] | None = None) -> str:
        """A node in the program's names, with the calls of its functions, itself written out."""
        calls = self.derivation.equation.calls
        own = self.own | dict(parameters or {})
        words = self.words
        if parameters and position in parameters:
            return words.name(parameters[position])
        if self._size(position) > HUGE:
            return words.dots
        if not calls:
            return words.expression(self.graph, position, own)
        names = dict(own)
        for node in self.graph.reachable([position]):
            if node in calls and (node not in names or node == position):
                names[node] = self._called(*calls[node], names)
        return names[position] if position in calls else words.expression(self.graph, position, names)

    def _size(self, position: int) -> int:
        """How many nodes are written for one, in the program's names."""
        if not self._sizes:  # of all definitions in one go
            graph, sizes = self.graph, self._sizes
            roots = [d.value for d in self.derivation.equation.definitions]
            for i in graph.reachable([*roots, *self.derivation.outputs]):
                total = 1 + sum(1 if j in self.own else sizes[j] for j in graph.operands(i))
                sizes[i] = min(total, HUGE + 1)
        return self._sizes.get(position) or self.graph.written_size([position], frozenset(self.own))

    def _called(self, function: str, operands: Sequence[int], names: Mapping[int, str]) -> str:
        """The call of a function of the user's."""
        words = self.words
        return words.call(
            function,
            (words.name(names[i]) if i in names else words.expression(self.graph, i, names) for i in operands),
        )

    def text_of_root(self) -> str:
        """The equation's right side."""
        names = self.derivation.names
        whole = self.graph.written_size([self.derivation.root], frozenset(self.own)) <= HUGE
        if not whole and names and not self.own:
            return self.words.expression(self.graph, self.derivation.root, names)
        return self.written(self.derivation.root)

    def _point(self) -> str:
        given = self.derivation.point_text
        words = self.words
        return self.math(", ".join(f"{words.name(name)} {words.number(text)}" for name, text in given.items()))

    def _title(self, word: str, part: Part) -> str:
        derivation, order = self.derivation, self.derivation.order
        if derivation.kind == "gradient" and order > 1:
            by = self.math(self.words.name(part.variable))
            return f"{ordinal(order).capitalize()} derivative by {by}: {word.lower()}"
        if len(self.parts) == 1:
            return word
        joint = {"Forward": "to", "Backward": "from", "Adjoints": "of", "In words": "from"}[word]
        return f"{word} {joint} {self.math(self.symbol(part.of, part.by))}"

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
            name = self.label(part) if step.position == part.output else self.words.name(step.name)
            formula = self.words.expression(self.graph, step.position, self.derivation.names)
            rule = f"{step.rule}, {self._call(step)}" if step.call else step.rule
            value = self.value(step.value, formula)
            yield Row.of(self.math(name), self.math(f"= {formula}"), rule, value, node=step.position)
        if not shown:  # it is a node that was there before
            name = self.symbol(part.of, part.by) if part.by else self.label(part)
            cells = (self.math(name), self.math(f"= {self.text(part.output)}"), "", "")
            yield Row.of(*cells, node=part.output)

    def _call(self, step: Step) -> str:
        """The call that a step is the result of."""
        if not self.words.printed:
            return step.call
        return self.math(self._called(*self.derivation.equation.calls[step.position], self.derivation.names))

    def _backward(self, part: Part) -> Section:
        words, label, math = self.words, self.label(part), self.math
        title = self._title("Backward", part)
        if not part.links:
            if self.graph.nodes[part.output][0] == "var" and any(step.adjoint is not None for step in part.steps):
                name = self.text(part.output)
                ones = math(f"{words.bar(name)} = {words.bar(label)} = 1")
                text = f"{math(label)} is {math(name)} itself: nothing to pass on, {ones}"
            else:
                text = f"{math(label)} does not depend on what it is differentiated by: nothing is sent back"
            return Section(title, "", (Column("", "math"),), [(text,)])
        named = part.output in self.derivation.names
        plain = self.derivation.names[part.output] if named else PLAIN.partial(part.of or self.function, part.by)
        steps = (step.name for step in part.steps if step.op != "var" and (not named or step.name != plain))
        example = next(steps, None) or part.links[-1].target
        called = part.by and "/" not in plain and not plain.startswith("D")
        remark = (
            (f"{math(label)} is {math(self.symbol(part.of, part.by))}; " if called else "")
            + f"{math(words.bar(example))} means {math(words.partial_of(label, example))}; "
            + f"start with {math(f'{words.bar(label)} = 1')}; sends = adjoint {math(words.times)} local derivative"
        )
        columns = (
            Column("edge", "name"), Column("rule", "rule"), Column("", "rule", gap=1),
            Column("local derivative", "math", True, "local derivative"), NUMBER,
            Column("sends", "math", True, "sends"), NUMBER,
        )  # fmt: skip
        rows = (self._edge(part, link, part.first + k) for k, link in enumerate(part.links))
        return Section(title, remark, columns, rows)

    def _edge(self, part: Part, link: Link, number: int) -> Sequence[str]:
        self.names = self.derivation.names_in(link.part)
        math = self.math
        if self.blank:
            gap = math(self.words.gap())
            return Row.of(math(self._ends(link)), link.code, self._rule(part, link), gap, "", gap, "", link=number)
        partial = self.text(link.edge.partial)
        return Row.of(
            math(self._ends(link)),
            link.code,
            self._rule(part, link),
            math(partial),
            self.value(link.partial_value, partial),
            math(self._sends(link)),
            self.value(link.sends_value),
            link=number,
        )

    def _ends(self, link: Link) -> str:
        words = self.words
        return f"{words.name(link.source)} {words.arrow} {words.name(link.target)}"

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
            return f"{link.rule}, at {self.math(self.words.name(link.target))}"
        return link.rule

    def _sends(self, link: Link) -> str:
        return f"{self.words.bar(link.source)} {self.words.times} {self.text(link.edge.partial, 40)}"

    def _in_words(self, part: Part) -> Section:
        """A sentence for every edge, and for every node with several users."""
        from ..intuition import edge_sentence, node_sentence

        derivation, style = self.derivation, self.words.style
        words, math = self.words, self.math
        rows = [
            Row.of(math(self._ends(link)), words.prose(edge_sentence(derivation, link, style)), link=part.first + k)
            for k, link in enumerate(part.links)
        ]
        for step in reversed(part.steps):
            sentence = node_sentence(derivation, step, style)
            if sentence:
                rows.append(Row.of(math(words.name(step.name)), words.prose(sentence), node=step.position))
        return Section(self._title("In words", part), "", (NAME, Column("", "")), rows)

    def _tangents(self, one: TangentPass) -> Section:
        """A forward pass: the tangent of every node from those of its operands."""
        words, derivation = self.words, self.derivation
        arriving: dict[int, list[Edge]] = {}
        for edge in one.tangents.edges:
            arriving.setdefault(edge.user, []).append(edge)
        rows: list[Sequence[str]] = []
        for position in one.tangents.order:
            if position not in arriving:
                continue
            terms = []
            for edge in arriving[position]:
                partial = self.text(edge.partial, 40)
                dot = words.dot(self._name(edge.target))
                terms.append(dot if partial == "1" else f"{partial}{words.tight}{dot}")
            rule = next((step.rule for step in derivation.nodes if step.position == position), "")
            value = self.value(one.values.get(one.tangents.tangents[position]))
            cells = (self.math(words.dot(self._name(position))), self.math(f"= {' + '.join(terms)}"), rule, value)
            rows.append(Row.of(*cells, node=position))
        example = self._name(one.tangents.order[-1]) if one.tangents.order else one.name
        remark = (
            f"{self.math(words.dot(example))} means {self.math(words.partial(example, [one.name]))}; "
            f"start with {self.math(f'{words.dot(one.name)} = 1')}"
        )
        columns = (NAME, FORMULA, Column("", "rule", True), NUMBER)
        return Section(
            f"Tangents by {self.math(words.name(one.name))}",
            remark,
            columns,
            rows or [("", "nothing depends on it", "", "")],
        )

    def _name(self, position: int) -> str:
        """A node that has a name, or is one."""
        return self.names.get(position) or PLAIN.expression(self.graph, position, self.names)

    def _studied(self) -> Iterator[Section]:
        """Other modes, other decompositions, the check by numbers."""
        derivation, words = self.derivation, self.words
        if derivation.critical is not None:
            from .critical import critical_sections

            yield from critical_sections(derivation.critical, words=words)
        if derivation.comparison is None and derivation.alternatives is None and not derivation.checks:
            return
        from .modes import check_sections, decomposition_sections, mode_sections

        if derivation.comparison is not None:
            yield from mode_sections(
                derivation.comparison, words=words, function=self.function,
                names=derivation.all_names() if derivation.names else None,
            )  # fmt: skip
        if derivation.alternatives is not None:
            yield from decomposition_sections(derivation.alternatives, words=words, function=self.function)
        if derivation.checks:
            yield from check_sections(derivation.checks, words=words, alone=self.alone)

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
        math, links = self.math, part.arriving.get(step.position, [])
        name = math(self.words.bar(step.name))
        if self.blank:
            yield Row.of(name, math(f"= {self.words.gap()}"), "", "", node=step.position)
            return
        text = "" if self.huge else self.text(self.derivation.form(step.adjoint), whole=True)
        value = self.value(step.adjoint_value, text)
        if self.huge or len(links) > 1:
            sign = "="
            for link in reversed(links):
                sent = self._contribution(part, link, first=sign == "=")
                user = math(f"{self.words.name(link.source)} = {self._user(link)}")
                cells = (name, math(f"{sign} {sent}"), f"from {user}, {link.rule}", self.value(link.sends_value, sent))
                yield Row.of(*cells, node=step.position)
                name, sign = "", "+"
            if len(links) == 1 or (self.huge and not value):
                return
        yield Row.of(name, math(f"= {text}") if text else "", "", value, node=step.position)

    def _contribution(self, part: Part, link: Link, first: bool) -> str:
        """What a user sends, written out if that is short: its adjoint times the local derivative."""
        sends = link.edge.sends
        if self.huge or self.graph.written_size([sends]) > LONG_PART:
            return self._sends(link)
        required = 0 if first else 40
        adjoint = self.derivation.form(self.derivation.passes[link.part].adjoints[link.edge.user])
        if self.graph.written_size([adjoint]) <= LONG_PART:
            # Which of the two is shorter is decided in text, so that all renderers show the same.
            factors = [i for i in (adjoint, link.edge.partial) if self.graph.nodes[i] != ("num", 1, None)]
            product = PLAIN.times.join(self._plain(i, 40) for i in factors)
            if product and len(product) < len(self._plain(sends, required)):
                return self.words.tight.join(self.text(i, 40, whole=True) for i in factors)
        return self.text(sends, required, whole=True)

    def _plain(self, position: int, required: int) -> str:
        words = PLAIN if self.words.printed else self.words
        return self.own.get(position) or words.expression(self.graph, position, self.own, required)

    def _user(self, link: Link) -> str:
        """The formula of an edge's user, in the names of the trace."""
        return self.words.expression(self.graph, link.edge.user, self.names)

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
                bar = self.words.bar(first.name)
                remark = f"{self.math(self.symbol(first.of, first.by))} is {self.math(bar)}"
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
            rates = {} if self.words.printed else derivation.answer.rates  # in print they look like what they are
            stands = "; ".join(f"{name} is {rate}" for name, rate in rates.items())
            yield self._answers("Total derivative", stands, derivation.entries, self._sum_of_products())
        else:
            yield self._answers("Implicit derivative", "", derivation.entries)

    def _answers(self, title: str, remark: str, entries: Sequence[Entry], first: str = "") -> Section:
        """Derivatives as rows, behind the definitions that they need."""
        derivation, words, math = self.derivation, self.words, self.math
        if self.blank:
            gaps = [(math(self.symbol(of, by)), math(f"= {words.gap()}"), "") for of, by in self._wanted(entries)]
            return Section(title, "", (NAME, FORMULA, NUMBER), gaps)
        forms = [derivation.form(entry.position) for entry in entries]
        names = derivation.definitions(forms)
        rows: list[Sequence[str]] = []
        if not entries:
            rows.append((math("0"), "", ""))
        for position, name in names.items():
            if position not in self.own:
                formula = words.expression(self.graph, position, names)
                rows.append(Row.of(math(words.name(name)), math(f"= {formula}"), "", node=position))
        for entry, form in zip(entries, forms):
            text = words.name(names[form]) if form in names else words.expression(self.graph, form, names)
            name = math(self.symbol(entry.of, entry.by))
            if first:
                rows.append((name, math(f"= {first}"), ""))
                name = ""
            if derivation.kind == "implicit":
                name = self._first_derivative(rows, entry, name)
            value = self.value(derivation.values.get(entry.path), text)
            before = derivation.forms.get(entry.position, entry.position)
            if entry.position in derivation.on_curve:
                rows.append((name, math(f"= {words.expression(self.graph, before)}"), ""))
                name, value = "", f"{value} on the curve".strip()
            rows.append(Row.of(name, math(f"= {text}"), value, node=entry.position))
        return Section(title, remark, (NAME, FORMULA, NUMBER), rows)

    def _wanted(self, entries: Sequence[Entry]) -> list[tuple[str, tuple[str, ...]]]:
        """What a section of derivatives is about, those that are 0 included."""
        derivation, names = self.derivation, self.derivation.wrt
        wanted = [(entry.of, entry.by) for entry in entries]
        if any(entry.path[:1] == ("",) for entry in entries):  # the gradient in front of something else
            return wanted
        if derivation.kind == "hessian":
            of = derivation.passes[0].of
            return [(of, (x, y)) for k, x in enumerate(names) for y in names[k:]]
        if derivation.kind == "jacobian":
            return [(of, (x,)) for of, _ in derivation.named_outputs for x in names]
        return wanted

    def _asked_besides(self) -> Iterator[Section]:
        """In a blank trace, the gaps for what else was asked for."""
        gap = self.math(self.words.gap())
        if self.derivation.tangent is not None:
            yield Section(self._tangent().title, self._point(), (NAME, FORMULA), [("", gap)])
        if self.derivation.critical is not None:
            yield Section("Critical points", "", (NAME, FORMULA), [("", gap)])

    def _tangent(self) -> Section:
        """The linear approximation at the point."""
        derivation, tangent = self.derivation, self.derivation.tangent
        assert tangent is not None
        title = {1: "Tangent line", 2: "Tangent plane"}.get(len(derivation.wrt), "Linear approximation")
        occurring = self.graph.variables(derivation.outputs)
        free = (c for c in "yzw" if c not in occurring)
        name = derivation.output_name if derivation.output is not None else next(free, derivation.output_name)
        rows = [(self.math(self.words.name(name)), self.math(f"= {self.text(tangent.around, whole=True)}"))]
        if tangent.collected != tangent.around:
            rows.append(("", self.math(f"= {self.text(tangent.collected, whole=True)}")))
        return Section(title, self._point(), (NAME, FORMULA), rows)

    def _first_derivative(self, rows: list[Sequence[str]], entry: Entry, name: str) -> str:
        """The rows of −(∂F/∂x)/(∂F/∂y), also before a higher derivative; what the next row is called."""
        by = entry.by[0]
        if len(entry.by) == 1:
            rows.append((name, self.math(f"= {self._quotient(by)}"), ""))
            return ""
        slope = self.derivation.form(self.derivation.answer.slopes[by])
        rows.append((self.math(self.symbol(entry.of, [by])), self.math(f"= {self._quotient(by)}"), ""))
        rows.append(("", self.math(f"= {self.words.expression(self.graph, slope, self.own)}"), ""))
        return name

    def _quotient(self, variable: str) -> str:
        """−(∂F/∂x)/(∂F/∂y)."""
        function, words = self.derivation.passes[0].of, self.words
        above, below = (words.partial(function, [name]) for name in (variable, self.derivation.answer.dependent))
        return words.minus_quotient(above, below)

    def _direction(self) -> str:
        components = self.derivation.answer.components
        each = [(self.words.name(f"d{name}"), self.text(i, whole=True)) for name, i in components.items()]
        return self.math(", ".join(f"{name} = {component}" for name, component in each))

    def _sum_of_products(self) -> str:
        """∂f/∂x·dx + ∂f/∂y·dy, for one derivative along a direction or by t."""
        if self.derivation.order > 1:
            return ""
        answer, words = self.derivation.answer, self.words
        terms = []
        for name, component in answer.components.items():
            key = self.graph.nodes[component]
            rate = answer.rates.get(key[1]) if key[0] == "var" else None
            factor = words.rate(key[1], rate) if rate else self.text(component, 40, whole=True)
            slope = words.partial(self.derivation.passes[0].of, [name])
            terms.append(slope if factor == "1" else f"{slope}{words.tight}{factor}")
        return " + ".join(terms)


class Part:
    """One pass of a derivation: its output, the variable that it is for, its nodes and edges."""

    def __init__(self, one: Pass, variable: str, steps: list[Step], links: list[Link], first: int) -> None:
        self.output, self.of, self.by = one.output, one.of, one.by
        self.variable, self.steps, self.links = variable, steps, links
        self.first = first  # the place of the first link in the trace
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
    found: list[Part] = []
    first = 0
    for one, own, sent in zip(derivation.passes, steps, links):
        found.append(Part(one, next(iter(one.gradient), ""), own, sent, first))
        first += len(sent)
    return found


def verdict_mark(derivation: Derivation, ascii: bool = False) -> tuple[str, str]:
    """A mark for how the result was verified, and its style."""
    marks = {"proved": ("✓", "ok", "good"), "sampled": ("~", "~", "good"), "failed": ("✗", "X", "bad")}
    pretty, plain, style = marks.get(derivation.verified.status, ("!", "!", "warn"))
    return (plain if ascii else pretty), style
