"""Text -> expression graph: the LALR automaton of grammar/equation.lark, run in one loop.

Lark builds the tables; this loop runs them, because a long equation has far more tokens than a
general parser object for each of them could bear. Reductions that only pass a value on (atom ->
power -> product -> ...) are followed once and remembered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from .errors import BackpropError, LimitError, NameFault, ParseError, UsageError, visible
from .expr import LEAVES, Graph, Node, to_text
from .lexer import Lexer, Reading, tables
from .ops import CONDITIONS, FUNCTIONS, OPS, unknown_function

MAX_NODES = 1_000_000

_RELATIONS = {"<": "lt", "<=": "le", "≤": "le", ">": "gt", ">=": "ge", "≥": "ge", "==": "eq", "!=": "ne", "≠": "ne"}
_INVERSES = {name: f"a{name}" for name in "sin cos tan cot sec csc sinh cosh tanh coth sech csch".split()}
_BINARY = frozenset({"add", "sub", "mul", "div", "pow", "and", "or"})


class Definition(NamedTuple):
    """A statement of a program: a name, the parameters of a function, and the node that it stands for.

    `value` is the node of what was written, `given` says that it is a value, with no name in it:
    `w = 3`, which is a variable with a value (`position` is the variable) if it is to vary.
    """

    name: str
    parameters: tuple[str, ...]
    position: int
    value: int
    given: bool


class Equation:
    """What a text says.

    root        the expression to differentiate
    output      the name on the left side, or None
    parameters  of `f(x, y) = ...`, else ()
    right       for an implicit equation, the right side; then `root` is the left side
    wrt, order  from a `d/dx` in front, else None and 1
    prefix      the match of a derivative on the left side: `dy/dx =`, `y' =`
    notes       the readings that were not the only ones

    Of a program (see `program`):

    definitions its named parts, in order
    calls       node -> the function that it is a call of, and the operands
    used        the names that a definition uses
    slopes      for f' of a function of the program: its body, the parameter, and the derivative
    outputs     the name and the node of each output; `root` is the first
    """

    __slots__ = (
        "text", "graph", "root", "right", "output", "parameters", "wrt", "order", "prefix", "notes", "definitions",
        "calls", "outputs", "used", "slopes",
    )  # fmt: skip

    def __init__(self, text: str, graph: Graph, notes: list[str]) -> None:
        self.text, self.graph, self.notes = text, graph, notes
        self.root = -1
        self.right: int | None = None
        self.output: str | None = None
        self.parameters: tuple[str, ...] = ()
        self.wrt: str | None = None
        self.order = 1
        self.prefix: Any = None
        self.definitions: list[Definition] = []
        self.calls: dict[int, tuple[str, tuple[int, ...]]] = {}
        self.outputs: list[tuple[str, int]] = []
        self.used: set[str] = set()
        self.slopes: list[tuple[int, str, int]] = []

    @property
    def node(self) -> Node:
        """The expression as a node."""
        return Node(self.graph, self.root)

    @property
    def left_side(self) -> str:
        """`y`, `f(x, y)`, or nothing."""
        if self.output is None:
            return ""
        return self.output + (f"({', '.join(self.parameters)})" if self.parameters else "")

    def __str__(self) -> str:
        left = f"{self.left_side} = " if self.output is not None else ""
        right = "" if self.right is None else f" = {to_text(self.graph, self.right)}"
        return f"{left}{to_text(self.graph, self.root)}{right}"


def parse(text: str, *, wrt: Iterable[str] = (), functions: Collection[str] = ()) -> Node:
    """The expression that the text stands for; of `y = ...` and `f(x) = ...`, the right side.

    `wrt` are names known to be variables, which matters for words that could be products (`xy`);
    `functions` are the names of unknown functions. Errors: `ParseError`, `NameFault`,
    `EncodingError`, `LimitError`, each with the place in the text.

    >>> str(parse("y = 3(x + 2)²"))
    '3*(x + 2)**2'
    """
    return parse_equation(text, wrt=wrt, functions=functions).node


def parse_equation(
    text: str,
    *,
    wrt: Iterable[str] = (),
    functions: Collection[str] = (),
    graph: Graph | None = None,
    max_nodes: int = MAX_NODES,
    log10: bool = False,
    definition: bool = False,
) -> Equation:
    """The equation that the text stands for, with its left side and the notes on its reading.

    With `log10`, `log` is the logarithm to base 10; `ln` never is. With `definition`, a word alone on
    the left side is a name: `uv = u*v` says what uv is.
    """
    if text[:1] == "\ufeff":
        text = text[1:]
    graph = Graph() if graph is None else graph
    if not text.strip():
        raise ParseError("the equation is empty", text=text, start=0, end=1, hint="write one, for example x^2")
    lexer = Lexer(text, graph, wrt, functions, definition)
    reading = lexer.read()
    if not reading.types:
        raise ParseError("there is only a comment", text=text, start=0, end=1, hint="write an equation before the #")
    if len(reading.types) > 4 * max_nodes:
        raise LimitError(f"more than {max_nodes} operations", hint="raise --max-nodes")
    equation = Equation(text, graph, reading.notes)
    _Builder(equation, reading, lexer.functions, log10).build()
    if len(graph.nodes) > max_nodes:
        operations = sum(key[0] not in LEAVES for key in graph.nodes)
        if operations > max_nodes:
            raise LimitError(f"{operations} operations; the limit is {max_nodes}", hint="raise it with --max-nodes")
    _check_conditions(equation)
    return equation


class _Builder:
    """Runs the automaton over the tokens and builds the nodes."""

    def __init__(self, equation: Equation, reading: Reading, functions: frozenset[str], log10: bool = False) -> None:
        self.equation, self.reading, self.functions, self.log10 = equation, reading, functions, log10
        self.graph = equation.graph

    def build(self) -> None:
        """Sets what the equation says."""
        loaded = tables()
        intern, known = self.graph.intern, self.graph.index
        e = intern(("e",)) if ("e",) in known else None
        stack = [loaded.context(-1, loaded.start)]
        values: list[Any] = [None]
        types = [*self.reading.types, "$END"]
        tokens = [*self.reading.values, None]
        for position, (kind, token) in enumerate(zip(types, tokens, strict=True)):
            while True:
                stack[-1], pushed, rule = stack[-1][kind]
                if pushed is not None:
                    stack.append(pushed)
                    values.append(token)
                    break
                if rule is None:
                    raise self._unexpected(position, kind, loaded.actions[stack[-1].state])
                origin, length, alias, kept = rule
                if alias in _BINARY:
                    third = values.pop()
                    values.pop()
                    first = values[-1]
                    # e^u is the exponential function, whichever way it is typed.
                    key = ("exp", third) if first == e and alias == "pow" else (alias, first, third)
                    value = known.get(key)
                    values[-1] = intern(key) if value is None else value
                    del stack[-2:]
                    stack[-1] = stack[-2][origin]
                    continue
                arguments = values[len(values) - length :]
                del values[len(values) - length :], stack[len(stack) - length :]
                values.append(self._reduce(alias, [arguments[k] for k in kept], position))
                stack.append(stack[-1][origin])
                if stack[-1].state == loaded.end:
                    return

    def _reduce(self, alias: str, arguments: Any, position: int) -> Any:
        graph = self.graph
        if alias == "neg" or alias == "not":
            return graph.node(alias, arguments[1])
        if alias == "abs":
            return graph.node("abs", arguments[1])
        if alias == "factorial":
            return graph.node("factorial", arguments[0])
        if alias == "arguments":
            return [arguments[0]]
        if alias == "more_arguments":
            arguments[0].append(arguments[-1])
            return arguments[0]
        if alias == "call":
            return self._call(arguments[0], arguments[1])
        if alias == "apply":
            return self._call(arguments[0], [arguments[1]])
        if alias == "call_raised" or alias == "apply_raised":
            function, _, exponent, operands = arguments
            return self._raised(function, exponent, operands if isinstance(operands, list) else [operands])
        if alias == "relation":
            return self._relation(*arguments)
        if alias == "conditional":
            value, _, condition, _, otherwise = arguments
            return graph.node("where", condition, value, otherwise)
        if alias in ("start", "definition", "implicit", "derivative"):
            return self._finish(alias, arguments)
        return arguments[-1]  # a bracket, or a plus sign in front

    def _finish(self, alias: str, arguments: Any) -> None:
        equation = self.equation
        if alias == "definition":
            (equation.output, equation.parameters, equation.prefix), equation.root = arguments[0], arguments[-1]
        elif alias == "implicit":
            equation.root, equation.right = arguments[0], arguments[-1]
        elif alias == "derivative":
            (equation.wrt, equation.order), equation.root = arguments
        else:
            equation.root = arguments[0]

    def _relation(self, left: int, symbol: str, right: int) -> int:
        """0 < x < 1 is read as 0 < x and x < 1."""
        graph = self.graph
        name = _RELATIONS[symbol]
        relation = graph.nodes[left]
        if relation[0] == "and":
            relation = graph.nodes[relation[2]]
        if relation[0] in CONDITIONS:
            return graph.node("and", left, graph.node(name, relation[2], right))
        return graph.node(name, left, right)

    # -- functions -------------------------------------------------------------------------------

    def _call(self, function: tuple[str, int, int], operands: list[int]) -> int:
        """The node of a function called by any of its names."""
        name, start, end = function
        graph = self.graph
        base = name.partition("'")[0]
        if base in self.functions:
            return graph.node(self._declared(name, len(operands), start, end), *operands)
        if name == "piecewise":
            return self._piecewise(operands, start, end)
        if name == "root4":
            return graph.node("root", operands[0], graph.number(4))
        if name.startswith("log_"):
            return self._logarithm(name[4:], operands, start, end)
        if name == "log" and self.log10 and len(operands) == 1:
            self.reading.note("`log` is read as the logarithm to base 10, as asked for")
            name = "log10"
        rows = FUNCTIONS[name]
        row = rows.get(len(operands))
        if row is None and name in ("max", "min", "maximum", "minimum", "gcd") and len(operands) > 2:
            op = "max" if name.startswith("max") else "min"
            result = operands[0]
            for operand in operands[1:]:
                result = graph.node(op, result, operand)
            return result
        if row is None:
            wanted = " or ".join(str(n) for n in sorted(rows))
            plural = "" if wanted == "1" else "s"
            example = next(iter(rows.values()))
            raise ParseError(
                f"`{name}` takes {wanted} operand{plural}, here are {len(operands)}",
                text=self.equation.text,
                start=start,
                end=end,
                hint=f"write {name}({', '.join(example.operands)})",
            )
        return graph.node(row.name, *operands)

    def _declared(self, name: str, arity: int, start: int, end: int) -> str:
        base, _, primes = name.partition("'")
        if primes.startswith("["):
            derivatives = tuple(int(part) - 1 for part in primes[1:-1].split(","))
        else:
            derivatives = (0,) * (name.count("'"))
        if derivatives and (arity > 1) != primes.startswith("["):
            raise ParseError(
                "which operand is the derivative by?",
                text=self.equation.text,
                start=start,
                end=end,
                hint=f"write {base}'[1](x, y) for the first of several, {base}'(x) for one",
            )
        if any(i >= arity for i in derivatives):
            raise ParseError(
                f"`{name}` has {arity} operands",
                text=self.equation.text,
                start=start,
                end=end,
                hint="count them from 1",
            )
        return unknown_function(base, arity, derivatives)

    def _piecewise(self, operands: list[int], start: int, end: int) -> int:
        if len(operands) < 3 or len(operands) % 2 == 0:
            raise ParseError(
                "piecewise takes pairs of a condition and a value, and at last the value otherwise",
                text=self.equation.text,
                start=start,
                end=end,
                hint="write piecewise(x > 0, x, -x)",
            )
        result = operands[-1]
        for i in range(len(operands) - 3, -1, -2):
            result = self.graph.node("where", operands[i], operands[i + 1], result)
        return result

    def _logarithm(self, base: str, operands: list[int], start: int, end: int) -> int:
        if len(operands) != 1:
            raise ParseError(
                f"`log_{base}` takes 1 operand",
                text=self.equation.text,
                start=start,
                end=end,
                hint=f"write log_{base}(x)",
            )
        if base in ("2", "10"):
            return self.graph.node(f"log{base}", operands[0])
        if base == "e":
            return self.graph.node("log", operands[0])
        node = self.graph.number(int(base)) if base.isdigit() else self.graph.variable(base)
        return self.graph.node("log_base", operands[0], node)

    def _raised(self, function: tuple[str, int, int], exponent: int, operands: list[int]) -> int:
        """sin^2 x is sin(x)^2, and sin^-1 x is the inverse function."""
        graph = self.graph
        key = graph.nodes[exponent]
        if key[0] == "neg" and graph.nodes[key[1]][:2] == ("num", 1):
            row = FUNCTIONS.get(function[0], {}).get(1)
            inverse = _INVERSES.get(row.name) if row is not None else None
            if inverse is not None:
                self.reading.note(
                    f"`{function[0]}^-1` is read as the inverse function {inverse};"
                    f" write {function[0]}(x)^-1 for 1/{function[0]}(x)"
                )
                return self._call((inverse, *function[1:]), operands)
        return graph.node("pow", self._call(function, operands), exponent)

    # -- errors ----------------------------------------------------------------------------------

    def _unexpected(self, position: int, kind: str, expected: dict[str, int]) -> BackpropError:
        reading, text = self.reading, self.equation.text
        if position >= len(reading.types):
            last = len(reading.types) - 1
            if "ELSE" in expected:
                return ParseError(
                    "`if` without `else`",
                    text=text,
                    start=reading.starts[last],
                    end=reading.ends[last],
                    hint="write value if condition else value",
                )
            return ParseError(
                f"the equation ends too early, after `{self._shown(last)}`",
                text=text,
                start=reading.starts[last],
                end=reading.ends[last],
                hint="write what is missing",
            )
        start, end = reading.starts[position], max(reading.ends[position], reading.starts[position] + 1)
        shown = self._shown(position)
        if kind == "EQUAL":
            hint = "compare with == in a condition; an equation has one ="
            return ParseError("a second `=`", text=text, start=start, end=end, hint=hint)
        if position and reading.types[position - 1] == "FUNCTION":
            name = reading.values[position - 1][0]
            return ParseError(
                f"`{visible(name)}` needs an argument before `{shown}`",
                text=text,
                start=start,
                end=end,
                hint=f"write {visible(name)}(x)",
            )
        if (
            kind in ("RPAR", "RSQB", "RBRACE")
            and position
            and reading.types[position - 1] in ("LPAR", "LSQB", "LBRACE")
        ):
            return ParseError(
                "nothing stands between the brackets", text=text, start=start, end=end, hint="fill or remove them"
            )
        if kind == "CLOSE":
            return ParseError(
                "nothing stands between the bars", text=text, start=start, end=end, hint="fill or remove them"
            )
        if kind in ("IF", "ELSE", "AND", "OR", "NOT", "RELATION"):
            hint = "write value if condition else value; a comparison stands in a condition only"
            return ParseError(f"`{shown}` does not fit here", text=text, start=start, end=end, hint=hint)
        return ParseError(
            f"`{shown}` is not expected here",
            text=text,
            start=start,
            end=end,
            hint="an operand or a bracket is missing, or one is too many",
        )

    def _shown(self, position: int) -> str:
        reading = self.reading
        typed = self.equation.text[reading.starts[position] : reading.ends[position]]
        return visible(typed) or "a product"


def _check_conditions(equation: Equation) -> None:
    """Conditions stand only where a condition is asked for, and nowhere else."""
    graph = equation.graph
    roots = [equation.root] if equation.right is None else [equation.root, equation.right]
    nodes = graph.nodes
    if not any(key[0] in CONDITIONS or key[0] == "where" for key in nodes):
        return
    at: dict[str, Any] = {"text": equation.text, "start": 0, "end": len(equation.text)}
    for position in graph.reachable(roots):
        key = nodes[position]
        if key[0] in LEAVES:
            continue
        for i, operand in enumerate(key[1:]):
            wanted = key[0] in ("and", "or", "not") or (key[0] == "where" and i == 0)
            given = nodes[operand][0] in CONDITIONS
            if wanted and not given:
                raise ParseError(
                    f"`{to_text(graph, operand)}` is a value where a condition is needed",
                    hint="compare it, as in x > 0",
                    **at,
                )
            if given and not wanted:
                raise ParseError(
                    f"the condition `{to_text(graph, operand)}` is used as a number",
                    hint="write 1 if condition else 0",
                    **at,
                )
    for root in roots:
        if nodes[root][0] in CONDITIONS:
            equation_meant = nodes[root][0] == "eq"
            raise ParseError(
                "a condition is not an equation that can be differentiated",
                hint="an equation has one =" if equation_meant else "write value if condition else value",
                **at,
            )


def parse_rule(text: str, graph: Graph, names: Iterable[str], functions: Collection[str] = ()) -> int:
    """A text of one of the tables, in the names of its operands; `functions` have no row: f'(u)*du."""
    lexer = Lexer(text, graph, names, functions)
    equation = Equation(text, graph, [])
    _Builder(equation, lexer.read(), lexer.functions).build()
    return equation.root


def check_variables(names: Iterable[str]) -> list[str]:
    """The names as a list; a repeated one, or one that cannot be a variable, is an error."""
    result: dict[str, None] = {}
    for raw in names:
        name = raw.strip()
        if name in result:
            raise UsageError(f"the variable `{visible(name)}` is named twice", hint="name it once")
        if (name in OPS and OPS[name].arity == 0) or name == "π":
            raise NameFault(f"`{visible(name)}` is a constant, not a variable", hint="choose another letter")
        if not name or not (name[0].isalpha() and name.replace("_", "a").isalnum()):
            raise UsageError(f"`{visible(name)}` is no name of a variable", hint="a letter, then letters, digits or _")
        result[name] = None
    return list(result)
