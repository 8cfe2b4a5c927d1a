"""Programs: definitions that build on each other, `a = x + 2; b = a^2; y = 3*b`.

A program is one graph. A defined name stands for its node, so what a program uses twice is there
once: a chain of a hundred doublings has a hundred nodes, though it would fill libraries if it were
written out. A function that the program defines is put in place where it is called.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from .errors import BackpropError, LimitError, NameFault, ParseError, UsageError, visible
from .expr import LEAVES, Graph, fresh_prefix, literal_rational
from .lexer import KEYWORDS
from .ops import CONSTANTS, FUNCTIONS
from .parser import MAX_NODES, Definition, Equation, parse_equation
from .reverse import backpropagate

OPEN, CLOSE = "([{", ")]}"
_LEFT = re.compile(r"\s*([^\W\d_]\w*)\s*=(?!=)")
_CALLED = re.compile(r"\s*([^\W\d_]\w*)\s*\([\w\s,]*\)\s*=(?!=)")
_GOES_ON = re.compile(r"(?:[-+*/^=,·×−÷]|\\)\s*\Z")  # a line that ends so goes on in the next
_LIST = re.compile(r"(?:\s*[^\W\d_]\w*\s*=(?!=))?\s*\[")

Span = tuple[int, int]


def split_top(text: str, separator: str, start: int = 0, end: int | None = None) -> list[Span]:
    """The spans between separators outside brackets; of `=`, only those that compare nothing.

    >>> [("a=f(b, c), d"[low:high]) for low, high in split_top("a=f(b, c), d", ",")]
    ['a=f(b, c)', ' d']
    """
    end = len(text) if end is None else end
    spans, depth, begin = [], 0, start
    for i in range(start, end):
        c = text[i]
        if c in OPEN:
            depth += 1
        elif c in CLOSE:
            depth -= 1
        elif c == separator and depth <= 0:
            if c == "=" and (text[i + 1 : i + 2] == "=" or text[i - 1 : i] in ("=", "<", ">", "!")):
                continue
            spans.append((begin, i))
            begin = i + 1
    return [*spans, (begin, end)]


def is_program(text: str) -> bool:
    """Whether a text has several statements, or is a list of expressions.

    >>> is_program("a = x + 2; y = 3a"), is_program("y = 3x;"), is_program("[x*y, x + y]")
    (True, True, True)
    """
    return ";" in text or (_LIST.match(text) is not None and len(_entries(text, 0, len(text))) > 1)


def statements(text: str) -> list[Span]:
    """The places of the statements: they end at `;`, and at the end of a line where no bracket is open.

    A line that ends with an operator or a backslash goes on in the next; `#` starts a comment.

    >>> text = "a = (x +\\n 2); y = a^2  # the square"
    >>> [text[low:high].strip() for low, high in statements(text)]
    ['a = (x +\\n 2)', 'y = a^2']
    """
    found: list[Span] = []
    begin = depth = 0
    for match in re.finditer(r"#[^\n]*|[;\n()\[\]{}]|\Z", text):
        sign = match[0][:1]
        if sign and sign in OPEN:
            depth += 1
        elif sign and sign in CLOSE:
            depth -= 1
        elif sign == "#" or (sign == "\n" and (depth > 0 or _goes_on(text, begin, match.start()))):
            continue
        else:
            code = _code(text, begin, match.start()).rstrip()
            if code:
                found.append((begin, begin + len(code)))
            begin, depth = match.end(), 0
    return found


def _goes_on(text: str, begin: int, end: int) -> bool:
    """Whether a line that ends there goes on in the next."""
    return _GOES_ON.search(_code(text, max(begin, text.rfind("\n", 0, end) + 1), end)) is not None


def _code(text: str, start: int, end: int) -> str:
    """A part of the text with blanks for its comments, so that places stay what they are."""
    part = text[start:end]
    return re.sub(r"#[^\n]*", lambda found: " " * len(found[0]), part) if "#" in part else part


def _entries(text: str, start: int, end: int) -> list[Span]:
    """The entries of `[a, b]` or `y = [a, b]`; of anything else, the whole."""
    match = _LIST.match(text, start, end)
    part = text[start:end].rstrip()
    if match is None or not part.endswith("]"):
        return [(start, end)]
    inside = (match.end(), start + len(part) - 1)
    depth = 1
    for i in range(*inside):
        depth += (text[i] in OPEN) - (text[i] in CLOSE)
        if depth == 0:
            return [(start, end)]
    return [entry for span in split_top(text, ",", *inside) for entry in _inner_entries(text, *span)]


def _inner_entries(text: str, start: int, end: int) -> list[Span]:
    """The entries of a row `[a, b]` of a matrix; anything else as it is."""
    part = text[start:end].strip()
    if not (part.startswith("[") and part.endswith("]")):
        return [(start, end)]
    begin = text.index("[", start) + 1
    entries = split_top(text, ",", begin, begin + len(part) - 2)
    return entries if len(entries) > 1 else [(start, end)]


def parse_program(
    text: str,
    *,
    wrt: Iterable[str] = (),
    of: Sequence[str] = (),
    functions: Collection[str] = (),
    inputs: Collection[str] = (),
    apart: Collection[str] = (),
    max_nodes: int = MAX_NODES,
    several: bool = False,
) -> Equation:
    """What a program says, over one graph: the equation of its output, with `definitions` and `outputs`.

    `of` names the outputs (default: the last definition; with `several`, all that no other one
    uses). `inputs` are names that stay variables though the program gives them a value, as `w = 3`
    does; so do all of them if otherwise nothing could vary, and those in `apart`, whatever they are.
    `wrt` and `functions` are as for `parse_equation`, and so are the errors, each with its place in the
    text.

    >>> equation = parse_program("a = x + 2; b = a^2; y = 3*b")
    >>> str(equation.node), [definition.name for definition in equation.definitions]
    ('3*(x + 2)**2', ['a', 'b', 'y'])
    """
    text = text.removeprefix("\ufeff")
    spans = statements(text)
    if not spans:
        raise ParseError("the program is empty", text=text, start=0, end=1, hint="write one, for example y = x^2")
    reader = _Reader(text, wrt, functions, inputs, apart, max_nodes)
    equation = reader.read(spans)
    if several and not of and equation.right is None and len(equation.outputs) == 1:
        of = [name for name, _ in sinks(equation)]
    _choose(equation, of)
    outputs = [root for _, root in equation.outputs]
    given = [d.name for d in equation.definitions if d.given and d.position not in outputs]
    if given and equation.right is None and not equation.graph.variables(outputs):
        # Values first, then what is computed from them: `x = 2; y = x^2`.
        reader = _Reader(text, wrt, functions, [*inputs, *given], apart, max_nodes)
        equation = reader.read(spans)
        _choose(equation, of)
    _report(equation, reader.inputs_seen)
    return equation


class _Reader:
    """Reads the statements one after the other into one graph."""

    def __init__(
        self,
        text: str,
        wrt: Iterable[str],
        functions: Collection[str],
        inputs: Collection[str],
        apart: Collection[str],
        max_nodes: int,
    ) -> None:
        self.text, self.functions, self.inputs, self.max_nodes = text, functions, frozenset(inputs), max_nodes
        self.apart = frozenset(apart)
        self.equation = Equation(text, Graph(), [])
        self.graph = self.equation.graph
        self.known = dict.fromkeys(wrt)  # names that are certainly variables
        self.defined: dict[str, Definition] = {}
        self.own_functions: list[str] = []
        self.inputs_seen: dict[str, None] = {}
        self.several = False
        self.later: dict[str, None] = {}
        self.counted = self.operations = 0

    def read(self, spans: Sequence[Span]) -> Equation:
        """The equation of the last statement, with all definitions."""
        equation = self.equation
        self.several = len(spans) > 1
        for start, end in spans:  # a word that is defined later is a name, not a product of letters
            named = _LEFT.match(self.text, start, end)
            if named and len(named[1]) > 1:
                self.later[named[1]] = None
        for start, end in spans[:-1]:
            part, scratch = self._parse(start, end)
            if part.right is not None or part.output is None or part.prefix is not None:
                self._explain_left_side(part, start, end)
                raise self._fault("only the last statement may be something else than a definition", start, end,
                                  "give it a name: a = ...")  # fmt: skip
            self._define(part, scratch, start, end)
        start, end = spans[-1]
        entries = _entries(self.text, start, end)
        if len(entries) > 1:
            named = _LEFT.match(self.text, start, end)
            parts = []
            for low, high in entries:
                part, scratch = self._parse(low, high)
                if part.output is not None or part.right is not None:
                    raise self._fault("an entry of a list has no `=`", low, high, "write [x*y, x + y]")
                self._see(scratch, ())
                parts.append(self._resolve(scratch, part.root, {}, low, high))
            taken = {*self.defined, *self.inputs_seen}
            base = named[1] if named else fresh_prefix(taken, "fghFGHpqr")
            for k, root in enumerate(parts, 1):
                name = f"{base}{k}"
                if name in taken:
                    raise self._fault(f"`{name}` would be the name of an entry, and is taken", start, end,
                                      "write out the definitions of the outputs")  # fmt: skip
                equation.outputs.append((name, root))
            equation.output, equation.root = equation.outputs[0]
        else:
            self._last(start, end)
        equation.definitions = list(self.defined.values())
        return equation

    def _explain_left_side(self, part: Equation, start: int, end: int) -> None:
        """Why what looks like a definition is none."""
        named, called = _LEFT.match(self.text, start, end), _CALLED.match(self.text, start, end)
        if part.right is None or not (named or called):
            return
        if called is not None and called[1] in FUNCTIONS:
            raise self._fault(f"`{called[1]}` is a function already", start, end, "choose another name")
        if named is not None:
            raise self._fault(f"`{visible(named[1])}` is defined by itself", start, end, "choose another name")

    def _last(self, start: int, end: int) -> None:
        """The last statement: a definition, an expression, d/dx of one, or a relation."""
        equation = self.equation
        part, scratch = self._parse(start, end)
        if part.right is not None:
            equation.right = self._resolve(scratch, part.right, {}, start, end)
            equation.root = self._resolve(scratch, part.root, {}, start, end)
        elif part.output is None:
            equation.root = self._resolve(scratch, part.root, {}, start, end)
            equation.wrt, equation.order = part.wrt, part.order
        else:
            equation.root = self._define(part, scratch, start, end, last=True).position
            equation.output, equation.parameters, equation.prefix = part.output, part.parameters, part.prefix
        self._see(scratch, part.parameters)
        equation.outputs = [(equation.output or "", equation.root)]

    def _parse(self, start: int, end: int) -> tuple[Equation, Graph]:
        """A statement by itself, in a graph of its own."""
        named, called = _LEFT.match(self.text, start, end), _CALLED.match(self.text, start, end)
        if named and (named[1] in CONSTANTS or named[1] == "π"):
            raise self._fault(f"`{named[1]}` is a constant and cannot be defined", start, end, "choose another name")
        if named and named[1] in KEYWORDS:
            raise self._fault(f"`{named[1]}` is a word of the language", start, end, "choose another name")
        own = named[1] if named else ""
        known = [name for name in self._known_in(self.text[start:end]) if name != own]
        functions = [*self.own_functions, *([called[1]] if called else [])]
        scratch = Graph()
        try:
            part = parse_equation(
                _code(self.text, start, end).replace("\\\n", " \n").replace("\\\r\n", " \r\n"), wrt=known,
                functions=[*self.functions, *functions], graph=scratch, max_nodes=self.max_nodes,
                definition=self.several and bool(own),
            )  # fmt: skip
        except BackpropError as error:
            if error.start is not None:
                error.text, error.start = self.text, error.start + start
                error.end = None if error.end is None else error.end + start
            raise
        for note in part.notes:
            if note not in self.equation.notes:
                self.equation.notes.append(note)
        return part, scratch

    def _known_in(self, text: str) -> Iterable[str]:
        """The known names that can matter in a statement: a long program has far more."""
        if not text.isascii() or len(self.known) + len(self.later) < 100:
            return [*self.known, *self.later]
        found: dict[str, None] = {}
        for word in dict.fromkeys(re.findall(r"\w+", text)):
            if word in self.known or word in self.later:  # it stays one name, whatever its letters are
                found[word] = None
                continue
            if len(word) > 40:
                return [*self.known, *self.later]
            parts = (word[i:j] for i in range(len(word)) for j in range(i + 1, len(word) + 1))
            found.update((part, None) for part in parts if part in self.known or part in self.later)
        return found

    def _define(self, part: Equation, scratch: Graph, start: int, end: int, last: bool = False) -> Definition:
        """A name for what a statement says. The parameters of a function are its own variables.

        Of the last statement they are those that it is differentiated by.
        """
        name = part.output or ""
        if name in self.defined:
            raise self._fault(f"`{visible(name)}` is defined twice", start, end, "choose another name")
        if name in self.inputs_seen:
            raise self._fault(f"`{visible(name)}` is used before it is defined", start, end,
                              "write its definition first")  # fmt: skip
        called = _called(scratch, part.root)
        if name in called or (name in scratch.variables([part.root]) and name not in part.parameters):
            raise self._fault(f"`{visible(name)}` is defined by itself", start, end, "write what it stands for")
        given = not part.parameters and not scratch.variables([part.root]) and not called
        own = {p: p if last else private(name, p) for p in part.parameters}
        root = value = self._resolve(scratch, part.root, own, start, end)
        if (given and name in self.inputs) or name in self.apart:
            root = self.graph.variable(name)
        elif given and (literal := literal_rational(scratch, part.root)) is not None:
            root = self.graph.number(literal, name)  # a number that is written as its name
        definition = Definition(name, part.parameters, root, value, given)
        self._see(scratch, part.parameters)
        self.known[name] = None
        self.defined[name] = definition
        if part.parameters:
            self.own_functions.append(name)
        return definition

    def _see(self, scratch: Graph, parameters: Sequence[str]) -> None:
        """Takes note of the names that a statement uses."""
        for key in scratch.nodes:
            if key[0] == "var" and key[1] not in parameters:
                self.known[key[1]] = None
                if key[1] not in self.defined:
                    self.inputs_seen[key[1]] = None
                else:
                    self.equation.used.add(key[1])

    def _resolve(self, scratch: Graph, root: int, own: Mapping[str, str], start: int, end: int) -> int:
        """A node of a statement in the graph of the program: names and calls replaced by what they stand for.

        `own` are the parameters of the function that the statement defines, and the variables for them.
        """
        graph = self.graph
        image: dict[int, int] = {}
        for position in scratch.reachable([root]):
            key = scratch.nodes[position]
            if key[0] == "var":
                if key[1] in own:
                    image[position] = graph.variable(own[key[1]])
                    continue
                definition = self.defined.get(key[1])
                if definition is not None and definition.parameters:
                    raise self._fault(f"`{visible(key[1])}` is a function", start, end,
                                      f"write {visible(key[1])}({', '.join(definition.parameters)})")  # fmt: skip
                image[position] = graph.intern(key) if definition is None else definition.position
            elif key[0] in LEAVES:
                image[position] = graph.intern(key)
            else:
                operands = tuple(image[i] for i in key[1:])
                called = key[0].split(" ")[1] if key[0].startswith("call ") else ""
                if called in self.defined:
                    image[position] = self._call(self.defined[called], key[0], operands, start, end)
                else:
                    image[position] = graph.intern((key[0], *operands))
        self.operations += sum(key[0] not in LEAVES for key in graph.nodes[self.counted :])
        self.counted = len(graph.nodes)
        if self.operations > self.max_nodes:
            raise LimitError(f"more than {self.max_nodes} operations", hint="raise it with --max-nodes")
        return image[root]

    def _call(self, function: Definition, op: str, operands: tuple[int, ...], start: int, end: int) -> int:
        """The body of a function with operands for its parameters; f' is the body's derivative."""
        graph = self.graph
        _, name, _, *derivatives = op.split(" ")
        wanted = len(function.parameters)
        if len(operands) != wanted:
            raise self._fault(
                f"`{visible(name)}` takes {wanted} operand{'s' * (wanted != 1)}, here are {len(operands)}", start, end,
                f"write {visible(name)}({', '.join(function.parameters)})",
            )  # fmt: skip
        body = function.position
        own = [private(name, p) for p in function.parameters]
        for k in derivatives:
            slope = backpropagate(graph, body, [own[int(k)]]).gradient[own[int(k)]]
            self.equation.slopes.append((body, own[int(k)], slope))
            body = slope
        by = {graph.variable(p): operand for p, operand in zip(own, operands)}
        result = graph.substitute(body, by)
        if len(graph.nodes) > 2 * self.max_nodes:
            raise LimitError(f"more than {self.max_nodes} operations", hint="raise it with --max-nodes")
        primes = "'" * len(derivatives)
        self.equation.calls.setdefault(result, (name + primes, operands))
        return result

    def _fault(self, message: str, start: int, end: int, hint: str) -> UsageError | NameFault:
        text = self.text[start:end]
        start += len(text) - len(text.lstrip())
        return NameFault(message, text=self.text, start=start, end=start + len(text.strip()), hint=hint)


def private(function: str, parameter: str) -> str:
    """The variable of a parameter in the body of its function: no variable that is typed has this name."""
    return f"{parameter} of {function}"


def parameter_names(graph: Graph, definition: Definition) -> dict[int, str]:
    """How the private variables in the body of a function are written."""
    places = ((graph.index.get(("var", private(definition.name, p))), p) for p in definition.parameters)
    return {position: name for position, name in places if position is not None}


def _called(graph: Graph, root: int) -> set[str]:
    """The names of the functions without a row that are called."""
    ops = (graph.nodes[i][0] for i in graph.reachable([root]))
    return {op.split(" ")[1] for op in ops if op.startswith("call ")}


def _choose(equation: Equation, of: Sequence[str]) -> None:
    """The outputs that were asked for."""
    if not of or equation.right is not None:
        return
    places = {d.name: d for d in equation.definitions}
    entries = {name: Definition(name, (), root, root, False) for name, root in equation.outputs if name}
    places = {**entries, **places}
    for name in of:
        if name not in places:
            known = ", ".join(places) or "none"
            raise UsageError(f"the program defines no `{visible(name)}`", hint=f"it defines {visible(known)}")
    graph = equation.graph
    equation.outputs = []
    for name in of:
        back = {i: graph.variable(p) for i, p in parameter_names(graph, places[name]).items()}
        equation.outputs.append((name, graph.substitute(places[name].position, back)))
    first = places[of[0]]
    equation.output, equation.root, equation.parameters = first.name, equation.outputs[0][1], first.parameters
    equation.wrt, equation.order, equation.prefix = None, 1, None


def sinks(equation: Equation) -> list[tuple[str, int]]:
    """The definitions that no other definition uses, functions left out: the outputs of a Jacobian.

    >>> sinks(parse_program("r = x^2; u = r*y; v = r + y"))[0][0]
    'u'
    """
    return [(d.name, d.position) for d in equation.definitions
            if d.name not in equation.used and not d.parameters and not d.given]  # fmt: skip


def _report(equation: Equation, inputs: Iterable[str]) -> None:
    """Says which definitions and inputs have nothing to do with the outputs."""
    graph = equation.graph
    roots = [root for _, root in equation.outputs] + ([] if equation.right is None else [equation.right])
    reached = set(graph.reachable(roots))
    called = {name.rstrip("'") for name, _ in equation.calls.values()}
    outputs = list(dict.fromkeys(name for name, _ in equation.outputs))
    known: dict[int, str] = {}
    for d in equation.definitions:
        if d.parameters:
            if d.name not in called and d.name not in outputs:
                equation.notes.append(f"{visible(d.name)} is defined but not called")
            continue
        if d.name not in outputs and d.position not in reached:
            named = " or ".join(visible(name) for name in outputs if name) or "the output"
            equation.notes.append(f"{visible(d.name)} is defined but does not reach {named}")
        elif d.position in known:
            equation.notes.append(f"{visible(d.name)} is the same as {visible(known[d.position])}")
        elif graph.nodes[d.position][0] == "var" and not d.given:
            equation.notes.append(f"{visible(d.name)} is another name for {visible(graph.nodes[d.position][1])}")
        known.setdefault(d.position, d.name)
    reaching = set(graph.variables(roots))
    for name in inputs:
        if name not in reaching:
            equation.notes.append(f"the input {visible(name)} does not reach the output")


def read(
    text: str,
    *,
    wrt: Iterable[str] = (),
    of: Sequence[str] = (),
    functions: Collection[str] = (),
    inputs: Collection[str] = (),
    apart: Collection[str] = (),
    max_nodes: int = MAX_NODES,
    several: bool = False,
    program: bool = False,
) -> Equation:
    """An equation or a program, whichever the text is; `program` says that it is one. See `parse_program`."""
    if program or is_program(text):
        return parse_program(
            text, wrt=wrt, of=of, functions=functions, inputs=inputs, apart=apart, max_nodes=max_nodes, several=several
        )  # fmt: skip
    return parse_equation(text, wrt=wrt, functions=functions, max_nodes=max_nodes)
