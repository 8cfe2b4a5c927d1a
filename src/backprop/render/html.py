"""A derivation as a page: one file with everything in it, that fetches nothing.

What stands in the page is complete without its script: the question, the graph, every step of the pass as a list, and
the sections of the trace as tables. The script only shows the steps one at a time and lights up the places that a step
is about; it finds them by attributes: `data-node` is a node of the graph, `data-link` an edge of the derivation,
`data-part` the pass. `body` is the content for one derivation, `page` puts contents into a page.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

from ..derivation import Derivation, Link, Step
from ..evaluate import Value
from ..expr import LEAVES, PRETTY, Graph, to_text
from ..intuition import edge_sentence
from ..mathml import escape_html, mathml, translate
from ..notation import Written, mathml_name, to_mathml
from ..ops import lookup
from ..parser import parse_rule
from ..picture import Moment, Signs, draw, walk
from . import svg
from .trace import Column, Part, Row, Section, Trace
from .words import MathmlWords, Words

MOST_NODES = 300  # of a pass that is drawn and stepped through
MOST_PASSES = 12  # that are
MOST_CHARACTERS = 2_000_000  # of the tables of one derivation
MOST_NUMBERS = 6  # that are put into a formula
LONG = 60  # nodes of an adjoint that is written out in a step
LONG_GRAPH = 550  # pixels: the steps of a longer one stand below it, not beside it
SHORT = 14  # characters of a sum that stands below a node

ABOUT = r" \approx "
UNDEFINED = r"\quad\text{is undefined here}"  # behind what has no value at the point
# The usual letters where an operand does not vary: (u^n)' = n·u^(n − 1).
_LETTERS = {"R03": ("c", "u"), "R05": ("n", "u"), "R09": ("c", "v"), "R12": ("a", "v")}
# What a column without a heading is called for those who listen.
_HEADINGS = {"name": "name", "math": "formula", "rule": "rule", "number": "value"}


def render(derivation: Derivation, *, steps: str = "all") -> str:
    """The whole page of one derivation.

    >>> from backprop.derivation import derive
    >>> text = render(derive("x*y"))
    >>> text.startswith("<!doctype html>"), "http:" in text.replace("http://www.w3.org", "")
    (True, False)
    """
    title = f"Backpropagation: {' '.join(derivation.equation.text.split())}"
    return page(title, [body(derivation, steps=steps)])


def page(title: str, bodies: Iterable[str]) -> str:
    """A page of contents made by `body`; the title is text, and is escaped here."""
    style, script = svg.STYLE + asset("style.css"), asset("stepper.js")
    policy = (
        f"default-src 'none'; style-src '{fingerprint(style)}'; script-src '{fingerprint(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return "".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="color-scheme" content="light dark">\n',
            f"<title>{escape_html(title[:200])}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n",
            *bodies,
            f"</main>\n<script>{script}</script>\n</body>\n</html>\n",
        ]
    )


@lru_cache
def asset(name: str) -> str:
    """A file of the page, as it is put into every page."""
    return (files(__package__) / "page" / name).read_text(encoding="utf-8")


def fingerprint(text: str) -> str:
    """What a Content-Security-Policy calls an inline script or style: its SHA-256."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


# -- one derivation ----------------------------------------------------------------------------------


def body(
    derivation: Derivation,
    *,
    heading_level: int = 1,
    ids_prefix: str = "d1",
    steps: str = "all",
    label: str = "",
    blank: bool = False,
) -> str:
    """The content of a page for one derivation, without <html>.

    heading_level   of the equation; the sections stand one level below
    ids_prefix      what the ids of this content begin with: several contents on one page need several
    steps           "all", "adjoints" or "result", as on the command line
    label           stands above the equation
    blank           leave gaps where adjoints and derivatives stand, and the steps out
    """
    return "".join(_Body(derivation, heading_level, ids_prefix, steps, label, blank).parts())


class _Trace(Trace):
    """A trace that knows the number of the pass that its last section is about; None for results."""

    number: int | None = None

    def _title(self, word: str, part: Part) -> str:
        self.number = self.parts.index(part)
        return super()._title(word, part)


class _Body:
    """Writes the content for one derivation."""

    def __init__(
        self, derivation: Derivation, level: int, prefix: str, steps: str, label: str = "", blank: bool = False
    ) -> None:
        self.derivation, self.level, self.prefix, self.steps = derivation, level, prefix, steps
        self.label, self.blank = label, blank
        self.words = MathmlWords()
        self.trace = _Trace(derivation, words=self.words, steps=steps, blank=blank)
        self.room = MOST_CHARACTERS
        self.count = 0  # headings so far

    def parts(self) -> Iterator[str]:
        """The content, in its order."""
        opening = self.trace.opening()
        yield f'<article class="derivation" id="{self.prefix}">\n'
        yield self.question(next(opening))
        if self.steps == "all":
            yield from self.stages()
        for section in opening:
            yield self.table(section)
        for section in self.trace.closing():
            yield self.table(section)
        yield "</article>\n"

    def heading(self, level: int, content: str, css: str = "") -> tuple[str, str]:
        """A heading, and its id."""
        self.count += 1
        tag, name = f"h{min(level, 6)}", f"{self.prefix}-{self.count}"
        return f'<{tag} id="{name}"{css}>{content}</{tag}>\n', name

    def question(self, section: Section) -> str:
        """What was asked: the equation, or the program, and the point."""
        cell = self.words.cell
        rows = [(label, cell(text)) for label, text in section.rows]
        lines = "".join(f'<span class="line">{text}</span>' for label, text in rows if label != "note")
        notes = "".join(f'<p class="note">{text}</p>' for label, text in rows if label == "note")
        point = ", ".join(
            self.words.finished(f"{self.words.name(name)} {self.words.number(text)}")
            for name, text in self.derivation.point_text.items()
        )
        heading, _ = self.heading(self.level, lines, ' class="equation"')
        at = f"<p>at {point}</p>" if point else ""
        label = f'<p class="eyebrow">{escape_html(self.label)}</p>' if self.label else ""
        return f'<header class="question">{label}{heading}{at}{notes}{self.where()}</header>\n'

    def where(self) -> str:
        """What the names stand for that were given to parts of the formulas before."""
        cell = self.words.cell
        rows = [f'<tr><th scope="row">{cell(name)}</th><td>{cell(text)}</td></tr>' for name, text in self.words.where()]
        table = f'<div class="scroll"><table><tbody>{"".join(rows)}</tbody></table></div>\n'
        return f'<p class="remark">where</p>{table}' if rows else ""

    # The graph and the steps.

    def stages(self) -> Iterator[str]:
        """A graph with its steps for every pass, or a sentence that says why not."""
        parts = self.trace.parts
        largest = max((len(part.steps) for part in parts), default=0)
        if largest > MOST_NODES:
            yield f'<p class="remark">The graph has {largest} nodes: too many to be stepped through here.</p>\n'
            return
        for k, part in enumerate(parts[:MOST_PASSES]):
            yield self.stage(k, part)
        if len(parts) > MOST_PASSES:
            yield f'<p class="remark">The graphs of {MOST_PASSES} of {len(parts)} passes are shown.</p>\n'

    def stage(self, k: int, part: Part) -> str:
        """The graph of one pass, and its steps."""
        title = "Compute graph" if self.blank else "Step by step"
        name = Words().partial(part.of, part.by) if len(self.trace.parts) > 1 else ""
        if name:
            title += f": {self.words.finished(self.trace.symbol(part.of, part.by))}"
        picture = draw(self.derivation, part=k, forward_only=self.blank)
        graphs, width = "", 0
        for way in ("right", "down"):
            prefix = f"{self.prefix}-{k}-{way}-"
            drawn = svg.picture_svg(picture, direction=way, prefix=prefix, with_style=False, heading=False)
            graphs += f'<div class="scroll {way}">{drawn}</div>'
            width = width or int(drawn.partition(' width="')[2].partition('"')[0])
        heading, label = self.heading(self.level + 1, title)
        legend = f"<figcaption>{escape_html(picture.legend)}</figcaption>" if picture.legend else ""
        figure = f'<figure class="graph">{graphs}{legend}</figure>\n'
        if self.blank:
            return f'<section class="pass">\n{heading}{figure}</section>\n'
        items = "\n".join(_Walk(self.derivation, k, self.words, self.trace.alone).items())
        about = f'data-part="{k}" data-title="{escape_html(name)}" aria-labelledby="{label}"'
        css = "stage long" if width > LONG_GRAPH else "stage"
        return (
            f'<section class="pass" {about}>\n{heading}'
            f'<div class="{css}">{figure}'
            f'<ol class="walk">\n{items}\n</ol></div>{self.where()}</section>\n'
        )

    # The sections of the trace.

    def table(self, section: Section) -> str:
        """A section."""
        return "".join(self.section(section))

    def section(self, section: Section) -> Iterator[str]:
        """A section as a table; without a title and with one column, as paragraphs."""
        cell = self.words.cell
        if not section.title and len(section.columns) == 1:
            style = section.columns[0].style
            yield "".join(f'<p class="{style or "remark"}">{cell(row[0])}</p>\n' for row in section.rows)
            return
        heading, label = self.heading(self.level + 1, cell(section.title))
        remark = f'<p class="remark">{cell(section.remark)}</p>\n' if section.remark else ""
        kind = "values" if "forward" in section.title.lower() else "adjoints"
        yield f'<section class="part {kind}" aria-labelledby="{label}">\n{heading}{remark}'
        stacked = kind == "adjoints" and any(column.breaks for column in section.columns)
        css = ' class="stacked"' if stacked else ""
        yield f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{label}"><table{css}>\n'
        yield self.head(section.columns)
        yield "<tbody>\n"
        for row in section.rows:
            if self.room <= 0:
                break
            text = self.row(section.columns, row)
            self.room -= len(text)
            yield text
        yield "</tbody></table></div>\n"
        if self.room <= 0:
            yield '<p class="remark">All rows would make this page too long: <code>--format text</code> has them.</p>\n'
        yield f"{self.where()}</section>\n"
        self.trace.number = None

    def head(self, columns: Sequence[Column]) -> str:
        """The headings of a table; they are there for those who listen even where they are not seen."""
        seen = any(column.heading for column in columns)
        cells = [
            f'<th scope="col">{self.words.cell(column.heading)}</th>' if column.heading else
            f'<th scope="col"><span class="unseen">{_HEADINGS.get(column.style, "remark")}</span></th>'
            for column in columns
        ]  # fmt: skip
        hidden = "" if seen else ' class="unseen"'
        return f"<thead{hidden}><tr>{''.join(cells)}</tr></thead>\n"

    def row(self, columns: Sequence[Column], row: Sequence[str]) -> str:
        """A row; one that goes on with the row above has no name."""
        cells = []
        for column, content in zip(columns, row):
            styles = [column.style] if column.style else []
            styles += ["breaks"] if column.breaks and content else []
            css = f' class="{" ".join(styles)}"' if styles else ""
            tag, scope = ("th", ' scope="row"') if column.style == "name" and content else ("td", "")
            label = f' data-label="{escape_html(column.label)} "' if column.label and content else ""
            cells.append(f"<{tag}{scope}{css}{label}>{self.words.cell(content)}</{tag}>")
        more = "" if row[0] else ' class="more"'
        about = ""
        if isinstance(row, Row) and row.link is not None:
            about = f' data-part="{self.derivation.edges[row.link].part}" data-link="{row.link}"'
        elif isinstance(row, Row) and row.node is not None and self.trace.number is not None:
            about = f' data-part="{self.trace.number}" data-node="{row.node}"'
        return f"<tr{more}{about}>{''.join(cells)}</tr>\n"


# -- the steps of a pass -----------------------------------------------------------------------------


class _Walk:
    """The steps of one pass as items of a list, with what the script needs to know in their attributes."""

    def __init__(self, derivation: Derivation, number: int, words: MathmlWords, alone: bool = False) -> None:
        self.derivation, self.number, self.words = derivation, number, words
        self.alone = alone  # whether a derivative of the result is written with d: dy/dx
        self.graph, self.one, self.signs = derivation.graph, derivation.passes[number], Signs()
        self.names = derivation.names_in(number)
        self.own = derivation.given_names()
        self.grouped = {group.top for group in derivation.groups}  # sums and products of several terms
        self.steps = {step.position: step for step in derivation.nodes if step.part == number}
        self.values = {step.position: step.value for step in derivation.nodes if step.value is not None}
        self.moments = walk(derivation, number)
        self.free = self._free()
        self.known = not self.free  # so what has no value is undefined
        self.name = self.steps[self.one.output].name if self.one.output in self.steps else self.one.of
        self.arriving: dict[int, list[int]] = {}
        self.leaving: dict[int, list[int]] = {}
        for moment in self.moments:
            if moment.link is not None:
                edge = derivation.edges[moment.link].edge
                self.arriving.setdefault(edge.target, []).append(moment.link)
                self.leaving.setdefault(edge.user, []).append(moment.link)

    def _free(self) -> set[int]:
        """The nodes whose values are not known: a variable has none, or a function has no formula."""
        point = self.derivation.point or {}
        free: set[int] = set()
        for position in self.graph.reachable([self.one.output]):
            name, *rest = self.graph.nodes[position]
            unknown = rest[0] not in point if name == "var" else name.startswith("call ")
            if unknown or not free.isdisjoint(self.graph.operands(position)):
                free.add(position)
        return free

    def items(self) -> Iterator[str]:
        """All items: a word before, forwards, the seed, backwards, and what was found."""
        nodes = sum(moment.phase == "forward" for moment in self.moments)
        edges = sum(moment.phase == "backward" for moment in self.moments)
        yield self.start(nodes, edges)
        forwards = backwards = 0
        sent: dict[int, int] = {}
        for moment in self.moments:
            if moment.phase == "forward":
                forwards += 1
                yield self.forward(moment, f"Forward: node {forwards} of {nodes}")
            elif moment.phase == "seed":
                yield self.seed(moment)
            else:
                backwards += 1
                sent[moment.position] = sent.get(moment.position, 0) + 1
                yield self.backward(moment, f"Backward: edge {backwards} of {edges}", sent[moment.position])
        yield self.end()

    # Words.

    def math(self, *sides: str) -> str:
        """An equation of the sides that say something new; a number that is rounded stands behind ≈."""
        shown = list(dict.fromkeys(side for side in sides if side))
        rest = (side if side.startswith((ABOUT, UNDEFINED)) else f" = {side}" for side in shown[1:])
        return self.words.finished("".join([*shown[:1], *rest]))

    def node(self, position: int, required: int = 0) -> str:
        """A node in the names of the trace."""
        if position in self.names:
            return self.words.name(self.names[position])
        return self.words.expression(self.graph, position, self.names, required)

    def value(self, value: Value, known: bool = False) -> str:
        """A number; if there is none, nothing, or that it is undefined where all that it needs is known."""
        if isinstance(value, bool):
            return rf"\text{{{str(value).lower()}}}"
        exact, text = self.derivation.number(value), self.signs.number(value).replace("−", "-")
        if exact is None:
            return UNDEFINED if known else ""
        return self.words.figure(text) if text == exact else ABOUT + self.words.figure(text)

    def with_numbers(self, position: int) -> str:
        """What a node computes, with numbers for the nodes in it; nothing if one is unknown or long."""
        nodes, found, stack = self.graph.nodes, dict[int, str](), [position]
        while stack:
            i = stack.pop()
            if i != position and i in self.values:
                text = self.signs.number(self.values[i]).replace("−", "-")
                if text != self.derivation.number(self.values[i]) or len(found) == MOST_NUMBERS:
                    return ""
                found[i] = Written(f"({self.words.figure(text)})" if text.startswith("-") else self.words.figure(text))
            elif nodes[i][0] == "var":
                return ""
            else:
                stack.extend(self.graph.operands(i))
        return self.words.expression(self.graph, position, found) if found else ""

    def slope(self, link: Link) -> list[str]:
        """A local derivative, with numbers in it, and its value."""
        partial = link.edge.partial
        named = partial in self.names or self.graph.nodes[partial][0] in LEAVES
        sides = [self.node(partial), "" if named else self.with_numbers(partial)]
        return [*sides, self.value(link.partial_value, self.known)]

    def product(self, link: Link) -> str:
        """The numbers that are multiplied where an edge sends something, if they are short."""
        factors: list[str] = []
        if self.graph.nodes[link.edge.partial][0] == "num":  # it stands there already
            return ""
        for value in (self.steps[link.edge.user].adjoint_value, link.partial_value):
            text = self.signs.number(value).replace("−", "-")
            if not text or text != self.derivation.number(value):
                return ""
            negative = text.startswith("-") and factors
            factors.append(f"({self.words.figure(text)})" if negative else self.words.figure(text))
        return f" {self.words.times} ".join(factors)

    def adjoint(self, step: Step) -> str:
        """The adjoint of a node written out; nothing if that is long."""
        if step.adjoint is None:
            return ""
        form = self.derivation.form(step.adjoint)
        if self.graph.written_size([form], frozenset(self.own)) > LONG:
            return ""
        if form in self.own:
            return self.words.name(self.own[form])
        return self.words.expression(self.graph, form, self.own)

    # Items.

    def item(self, phase: str, head: str, what: str, rest: str, say: str, about: str = "") -> str:
        """One step: what is shown, what is said aloud, and what it is about."""
        return (
            f'<li class="{phase}" data-phase="{phase}"{about} data-say="{escape_html(say)}">'
            f'<p class="phase">{head}</p><p class="what">{what}</p>{rest}</li>'
        )

    def start(self, nodes: int, edges: int) -> str:
        """What is going to happen."""
        all_nodes = "the node" if nodes == 1 else f"each of the {nodes} nodes"
        all_edges = "the edge" if edges == 1 else f"each of the {edges} edges"
        why = f"Forwards, {all_nodes} gets its value from its operands. "
        if edges:
            why += (
                f"Backwards, {all_edges} sends the adjoint of a node, times the local derivative, to one of its "
                "operands; what arrives there is added up."
            )
        else:
            why += "Backwards, nothing is sent."
        short = self.graph.written_size([self.one.output], frozenset(self.own)) <= LONG
        names = {i: name for i, name in (self.own if short else self.names).items() if i != self.one.output}
        what = self.math(self.words.name(self.name), self.words.expression(self.graph, self.one.output, names))
        return self.item("start", "Start", what, f'<p class="why">{why}</p>', why)

    def forward(self, moment: Moment, head: str) -> str:
        """A node gets its value."""
        step, position = self.steps[moment.position], moment.position
        name, value = self.words.name(step.name), self.value(step.value, position not in self.free)
        if step.op == "var":
            what, said = self.math(name, value), ""
            rule = "a variable" if value else "a variable without a value"
        else:
            formula = self.words.expression(self.graph, position, self.names)
            what = self.math(name, formula, self.with_numbers(position), value)
            said = to_text(self.graph, position, PRETTY, self.names)
            if value == UNDEFINED:
                said += " is undefined here"
            rule = f"{step.rule}, {step.call}" if step.call else step.rule
        sides = [step.name, said, self.derivation.number(step.value)]
        links = " ".join(map(str, self.leaving.get(position, ())))
        about = f' data-node="{position}" data-links="{links}"'
        say = f"{head}: {' = '.join(side for side in sides if side)}, {rule}"
        return self.item("forward", head, what, f'<p class="rule">{escape_html(rule)}</p>', say, about)

    def seed(self, moment: Moment) -> str:
        """The output's adjoint is 1."""
        why = f"The pass begins at the output: {self.name} changes with itself one for one."
        what = self.math(self.words.bar(self.name), self.words.partial(self.name, [self.name]), "1")
        rest = f'<p class="why">{escape_html(why)}</p>'
        say = f"Seed: the adjoint of {self.name} is 1"
        return self.item("seed", "Seed", what, rest, say, f' data-node="{moment.position}"')

    def backward(self, moment: Moment, head: str, count: int) -> str:
        """An edge sends something to an operand."""
        assert moment.link is not None
        derivation, words = self.derivation, self.words
        link, step = derivation.edges[moment.link], self.steps[moment.position]
        sends = f"{words.bar(link.source)} {words.times} {self.node(link.edge.partial, 40)}"
        slope = words.partial(link.source, [link.target])
        rows = [
            ("rule", "", "" if link.edge.user in self.grouped else general(link, self.graph)),
            ("here", "", self.math(slope, *self.slope(link))),
            ("sends", "", self.math(sends, self.product(link), self.value(link.sends_value, self.known))),
            ("adjoint" if moment.complete else "so far", ' class="sum"', self.sum(moment, step, count)),
        ]
        listed = "".join(f"<dt>{name}</dt><dd{css}>{content}</dd>" for name, css, content in rows if content)
        rule = f'<p class="rule">{escape_html(link.rule)} <span class="code">{link.code}</span></p>'
        sentence = edge_sentence(derivation, link, PRETTY)
        why = f'<p class="why">{escape_html(sentence[:1].upper() + sentence[1:])}.</p>'
        about = f' data-node="{moment.position}" data-user="{link.edge.user}" data-link="{moment.link}"'
        said = self.signs.number(moment.arrived) or moment.arrived_text
        if not moment.complete:
            about += f' data-sum="{escape_html(said if len(said) <= SHORT else "…")}"'
        amount = derivation.number(link.sends_value) or "its part"
        say = f"{head}: {link.source} sends {amount} to {link.target}, {link.rule}"
        say += f"; the adjoint of {link.target} is {said}" if moment.complete else f"; so far {said}"
        what = self.words.finished(f"{words.name(link.source)} {words.arrow} {words.name(link.target)}")
        return self.item("backward", head, what, f"{rule}<dl>{listed}</dl>{why}", say, about)

    def sum(self, moment: Moment, step: Step, count: int) -> str:
        """The sum of what has arrived at a node so far, term by term if it has several users."""
        links = self.arriving[moment.position]
        bar, value = self.words.bar(step.name), self.value(moment.arrived, self.known)
        if len(links) == 1:
            return self.math(bar, self.adjoint(step), value)
        lines = []
        for k, index in enumerate(links[:count]):
            link = self.derivation.edges[index]
            sent = self.value(link.sends_value).removeprefix(ABOUT)
            sent = sent or f"{self.words.bar(link.source)} {self.words.times} {self.node(link.edge.partial, 40)}"
            origin = f"from {self.words.finished(self.words.name(link.source))}"
            lines.append((bar if k == 0 else "", "+" if k else "=", sent, origin))
        if moment.complete:
            total = dict.fromkeys(side for side in (self.adjoint(step), value) if side)
            for side in total:
                sign = r"\approx" if side.startswith(ABOUT) else "" if side == UNDEFINED else "="
                lines.append(("", sign, side.removeprefix(ABOUT), ""))
        else:
            waits = dict.fromkeys(self.derivation.edges[index].source for index in links[count:])
            names = ", ".join(self.words.finished(self.words.name(name)) for name in waits)
            lines.append(("", "+", r"\ldots", f"{len(links) - count} more to come, from {names}"))
        cells = (
            f"<span>{self.words.finished(left)}</span><span>{self.words.finished(sign)}</span>"
            f'<span>{self.words.finished(right)}</span><span class="origin">{origin}</span>'
            for left, sign, right, origin in lines
        )
        return f'<span class="terms">{"".join(cells)}</span>'

    def end(self) -> str:
        """What was found."""
        lines, said = [], []
        steps = {step.name: step for step in self.steps.values()}
        for name, position in self.one.gradient.items():
            step = steps.get(name)
            value = step.adjoint_value if step is not None else None
            form = self.derivation.form(position)
            short = self.graph.written_size([form], frozenset(self.own)) <= LONG
            bar = self.words.bar(name) if step is not None and step.adjoint is not None else ""
            formula = self.words.expression(self.graph, form, self.own) if short else ""
            value_shown = self.value(value, self.known)
            sides = (self.words.partial(self.name, [name]), bar, formula, value_shown)
            lines.append(self.math(*sides))
            text = to_text(self.graph, form, PRETTY, self.own) if short else "a long formula"
            if value_shown == UNDEFINED:
                text += ", undefined here"
            said.append(f"by {name}: {self.derivation.number(value) or text}")
        why = "What has arrived at a variable is the derivative by it."
        if self.derivation.kind == "implicit" and self.number in (0, len(self.derivation.passes) - 1):
            why += f" The derivatives of {self.derivation.answer.dependent} are made from these."
            for formula, text in self.implicit():
                lines.append(formula)
                said.append(text)
        say = f"Done. The derivative {', '.join(said)}"
        terms = "".join(f'<span class="term">{line}</span>' for line in lines)
        return self.item("end", "Done", terms, f'<p class="why">{why}</p>', say)

    def implicit(self) -> Iterator[tuple[str, str]]:
        """The derivatives of a relation's dependent variable: as formulas, and as they are said aloud."""
        derivation, answer = self.derivation, self.derivation.answer
        first = [(answer.dependent, (by,), position, None) for by, position in answer.slopes.items()]
        asked = [(e.of, e.by, e.position, derivation.values.get(e.path)) for e in derivation.entries]
        last = self.number == len(derivation.passes) - 1
        for of, by, position, value in asked if last else first:
            quotient = ""
            if len(by) == 1:
                above, below = (self.words.partial(self.name, [name]) for name in (by[0], of))
                quotient = self.words.minus_quotient(above, below)
            form = derivation.form(position)
            short = self.graph.written_size([form], frozenset(self.own)) <= LONG
            formula = self.words.expression(self.graph, form, self.own) if short else ""
            known = self.known and last
            sides = (self.words.partial(of, by, self.alone), quotient, formula, self.value(value, known))
            text = to_text(self.graph, form, PRETTY, self.own) if short else "a long formula"
            yield self.math(*sides), f"{Words().partial(of, by, self.alone)}: {derivation.number(value) or text}"


def general(link: Link, graph: Graph) -> str:
    """The rule of an edge as the table of operations has it: z = x/y, ∂z/∂y = −x/y²."""
    row = lookup(graph.nodes[link.edge.user][0])
    text = row.partials[link.edge.operand]
    if text is None:
        return ""
    names = list(row.operands)
    if link.code in _LETTERS:
        fixed, varying = _LETTERS[link.code]
        names = [varying if k == link.edge.operand else fixed for k in range(len(names))]
    scratch = Graph()
    shown = {scratch.variable(operand): name for operand, name in zip(row.operands, names)}
    whole = scratch.node(row.name, *shown)
    functions = (row.name.split(" ")[1],) if row.name.startswith("call ") else ()
    partial = parse_rule(text, scratch, row.operands, functions)
    slope = translate(rf"\quad \frac{{\partial z}}{{\partial {names[link.edge.operand]}}}")
    sides = [translate("z"), to_mathml(scratch, whole, shown), slope, to_mathml(scratch, partial, shown)]
    if shown.get(partial):  # the other operand itself
        sides[3] = mathml_name(shown[partial])
    return mathml("{}<mo>=</mo>{}<mo>,</mo>{}<mo>=</mo>{}".format(*sides))
