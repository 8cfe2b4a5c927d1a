"""What a worker does with an answer: read it, decide, and look for the mistake.

Everything here yields messages stage by stage; `verdicts.take_in` puts them together. An answer that is
called incorrect is refuted by balls at a point, and at that very point the derivative it was
compared with was confirmed by difference quotients of the problem itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from .answers import MAX_LENGTH, MAX_NODES, Answer, Reader, check_names, derivative, other_readings
from .derivation import MAX_SIMPLIFY, Derivation, derive_equation
from .domains import compare_domains
from .equivalence import DIGITS, PRECISIONS, Verdict, compare_at_points, decide, slope_agrees
from .errors import BackpropError, LimitError, UsageError, visible
from .evaluate import Exact, Value, accurate, evaluate, set_precision, to_ball, value_text
from .expr import LEAVES, Graph, number_text, to_text
from .forms import form_note
from .implicit import Relation, decide_on, read_solved
from .lexer import PREFIX
from .parser import Equation, check_variables, parse_equation
from .tidy import Tidy

Message = dict[str, Any]


def judge(task: Mapping[str, Any]) -> Iterator[Message]:
    """The messages of a task whose `kind` is equal or check."""
    return _judge_pair(task) if task["kind"] == "equal" else _Judge(task).messages()


def error_dict(error: BackpropError, place: str) -> Message:
    """An error as a part of a result; `place` is problem, answer, a or b."""
    return {
        "kind": error.kind, "message": visible(error.message)[:4000], "column": error.column,
        "hint": None if error.hint is None else visible(error.hint)[:4000], "in": place,
        "start": error.start, "end": error.end,
    }  # fmt: skip


# -- two expressions -------------------------------------------------------------------------------


def _judge_pair(task: Mapping[str, Any]) -> Iterator[Message]:
    graph = Graph()
    roots: list[int] = []
    notes: list[str] = []
    place = "a"
    try:
        roots.append(_read(task["a"], graph, task, notes))
        place = "b"
        roots.append(_read(task["b"], graph, task, notes))
    except BackpropError as error:
        yield {"stage": "read", "verdict": "unreadable", "reason": error.message, "error": error_dict(error, place)}
        return
    yield {"stage": "read", "notes": notes}
    a, b = roots
    if task.get("up_to_constant"):
        yield _without_constant(graph, a, b, notes)
        return
    verdict = decide_pair(graph, a, b)
    message = _report(verdict, ("equal", "different"), graph.variables(roots))
    yield {"stage": "decided", **message}
    if verdict.verdict == "equal":
        yield {"stage": "domain", **_domain(graph, a, b, (), ("a", "b"), ("the first", "the second"))}
        if verdict.how == "sampled" and _rewrites(graph, a, b):
            yield {"stage": "rewritten", "how": "proved", "reason": "SymPy rewrites the difference to 0"}


def _read(text: str, graph: Graph, task: Mapping[str, Any], notes: list[str]) -> int:
    if len(text) > MAX_LENGTH:
        raise LimitError(f"an expression of more than {MAX_LENGTH} characters", hint="compare shorter ones")
    equation = parse_equation(
        text, functions=task.get("functions", ()), graph=graph, log10=bool(task.get("log10")), max_nodes=MAX_NODES
    )
    if equation.right is not None:
        raise UsageError("an equation where an expression is wanted", text=text, start=0, end=len(text),
                         hint="compare left - right, or write y = ...")  # fmt: skip
    notes += [note for note in equation.notes if note not in notes]
    if equation.wrt is not None:
        return derivative(graph, equation.root, equation.wrt, equation.order)
    return equation.root


def _without_constant(graph: Graph, a: int, b: int, notes: list[str]) -> Message:
    """The two compared by their derivatives: equal if they differ by a constant on every interval."""
    outcomes = []
    for name in graph.variables([a, b]) or ["x"]:
        first, second = (derivative(graph, i, name, 1) for i in (a, b))
        outcomes.append(_report(decide_pair(graph, first, second), ("equal", "different"), graph.variables([a, b])))
    worst = min(outcomes, key=lambda o: ("different", "undecided", "equal").index(o["verdict"]))
    if worst["verdict"] == "equal" and any(o["how"] == "sampled" for o in outcomes):
        worst = next(o for o in outcomes if o["how"] == "sampled")
    return {**worst, "stage": "decided", "notes": [*notes, "their derivatives are compared: a constant is left out"]}


def decide_pair(graph: Graph, a: int, b: int, domain: Sequence[int] = ()) -> Verdict:
    """The verdict on two nodes, with declared functions replaced by concrete ones for a refutation."""
    verdict = decide(graph, a, b, domain=domain, thorough=True)
    if verdict.verdict == "undecided":
        roots, meanings = _made_concrete(graph, [a, b])
        if meanings:
            found = compare_at_points(graph, roots[0], roots[1])
            if found.witness is not None:
                verdict = Verdict("different", "refuted", "", found.agreed, DIGITS, found.witness)
                verdict.meanings = meanings
        a, b = roots
    if verdict.witness is not None:  # the same values, as exact as they can be
        point, *balls = verdict.witness
        exact = evaluate(graph, graph.reachable([a, b]), point)
        first, second = (
            exact[i] if isinstance(exact.get(i), int | Fraction) else ball
            for i, ball in zip((a, b), balls, strict=True)
        )
        verdict.witness = (point, first, second)
    return verdict


def _made_concrete(graph: Graph, roots: Sequence[int]) -> tuple[list[int], dict[str, str]]:
    """The roots with a polynomial for every declared function, and what was taken for them.

    f of operands with the weighted sum s = u + 2v + … is s⁵/20 + (k + 2)·s², so that its derivatives
    by different operands differ.
    """
    tidy = Tidy(graph)
    new: dict[int, int] = {}
    meanings: dict[str, str] = {}
    for position in graph.reachable(roots):
        key = graph.nodes[position]
        op = key[0]
        if op in LEAVES:
            new[position] = position
        elif not op.startswith("call "):
            new[position] = graph.node(op, *[new[i] for i in key[1:]])
        else:
            _, name, _, *orders = op.split(" ")
            k = list(meanings).index(name) if name in meanings else len(meanings)
            letters = ["u"] if len(key) == 2 else [f"u{i + 1}" for i in range(len(key) - 1)]
            weighted = " + ".join(f"{i + 1}*{u}" if i else u for i, u in enumerate(letters))
            base = weighted if len(letters) == 1 else f"({weighted})"
            meanings[name] = f"{base}**5/20 + {k + 2}*{base}**2"
            s = tidy.sum([tidy.mul(graph.number(i + 1), new[j]) for i, j in enumerate(key[1:])])
            new[position] = _polynomial(tidy, s, k, len(orders))
            weight = 1
            for order in orders:
                weight *= int(order) + 1
            new[position] = tidy.mul(graph.number(weight), new[position])
    return [new[i] for i in roots], meanings


def _polynomial(tidy: Tidy, s: int, k: int, order: int) -> int:
    """The derivative of s⁵/20 + (k + 2)·s² of an order."""
    terms = []
    for factor, exponent in ((Fraction(1, 20), 5), (Fraction(k + 2), 2)):
        for i in range(order):
            factor *= exponent - i
        if factor:
            power = tidy.pow(s, tidy.graph.number(exponent - order))
            terms.append(tidy.mul(tidy.graph.number(factor), power))
    return tidy.sum(terms) if terms else tidy.zero


def _rewrites(graph: Graph, a: int, b: int) -> bool:
    """Rung 3 of the ladder: SymPy rewrites the difference to 0."""
    from .symbolic import rewrites_to_zero

    return rewrites_to_zero(graph, Tidy(graph).sub(a, b))


def _report(verdict: Verdict, words: tuple[str, str], names: Sequence[str]) -> Message:
    """A verdict as a message; `words` are those for equal and for different."""
    said = {"equal": words[0], "different": words[1]}.get(verdict.verdict, verdict.verdict)
    message: Message = {
        "verdict": said, "how": verdict.how, "reason": verdict.reason, "points": verdict.points,
        "digits": verdict.digits if verdict.points else 0, "witness": None,
    }  # fmt: skip
    if verdict.witness is not None:
        point, first, second = verdict.witness
        at = {name: _number(point[name]) for name in [*names, *point] if name in point}
        at |= {f"{name}(u)": text for name, text in verdict.meanings.items()}
        message["witness"] = {"at": at, **dict(zip(("first", "second"), _numbers(first, second), strict=True))}
    return message


def _numbers(first: Value, second: Value) -> tuple[str, str]:
    """Two different values as texts: fractions as they are, else with as many digits as it takes to see it."""
    texts = ("", "")
    for digits in (15, 30, 60, 350):
        texts = _number(first, digits), _number(second, digits)
        if value_text(_inexact(first), digits) != value_text(_inexact(second), digits):
            break
    return texts


def _number(value: Value, digits: int = 15) -> str:
    """A value as text: exact if it is a fraction."""
    if isinstance(value, int | Fraction):
        return number_text(value)
    if value is not None and not isinstance(value, bool | Exact) and not accurate(value, 3):
        return str(value.str(3))  # a ball so wide that no digit is certain: [+/- 1.01]
    return value_text(value, digits) or "undefined"


def _inexact(value: Value) -> Value:
    """A value as a ball, whose digits can be compared with those of another."""
    previous = set_precision(PRECISIONS[1])
    try:
        return None if value is None or isinstance(value, bool) else to_ball(value)
    finally:
        set_precision(previous)


def _domain(
    graph: Graph, a: int, b: int, inside: Sequence[int], relations: tuple[str, str], called: tuple[str, str]
) -> Message:
    """How the domains differ; `relations` name the wider one, `called` are the two in a sentence."""
    found = compare_domains(graph, a, b, inside)
    relation = {"a_wider": f"{relations[0]}_wider", "b_wider": f"{relations[1]}_wider"}.get(
        found.relation, found.relation
    )
    parts = [
        f"{who} is undefined {place}" for who, place in ((called[0], found.only_b), (called[1], found.only_a)) if place
    ]
    return {"domain": relation, "domain_note": "; ".join(parts)}


# -- an answer -------------------------------------------------------------------------------------


class _Judge:
    """One answer to one problem."""

    def __init__(self, task: Mapping[str, Any]) -> None:
        self.task = task
        self.graph = Graph()
        self.notes: list[str] = []
        self.log10 = bool(task.get("log10"))
        self.functions: Sequence[str] = task.get("functions") or ()

    def messages(self) -> Iterator[Message]:
        """Everything, stage by stage."""
        try:
            equation, asked = self._problem()
        except BackpropError as error:
            yield {"stage": "read", "reason": error.message, "error": error_dict(error, "problem")}
            return
        try:
            names, answer, relation = self._answer(equation, asked)
        except _ProblemError as error:
            yield {"stage": "read", "reason": error.cause.message, "error": error_dict(error.cause, "problem")}
            return
        except BackpropError as error:
            yield {"stage": "read", "verdict": "unreadable", "reason": error.message, "notes": self.notes,
                   "error": error_dict(error, "answer")}  # fmt: skip
            return
        finals = [steps[-1] for steps in answer.entries]
        readings = [self._text(i) for i in finals]
        yield {
            "stage": "read", "wrt": names, "order": self.order, "notes": self.notes,
            "reading": readings[0] if not answer.is_list else f"[{', '.join(readings)}]",
        }  # fmt: skip
        if self.task.get("up_to_constant"):
            yield from self._antiderivative(equation, names, finals)
        elif relation is not None:
            yield from self._implicit(relation, names, answer)
        else:
            yield from self._derivative(equation, names, answer)

    # -- reading -----------------------------------------------------------------------------------

    def _problem(self) -> tuple[Equation, list[str] | None]:
        task = self.task
        text = task["problem"]
        if not isinstance(text, str) or len(text) > MAX_LENGTH:
            raise LimitError(f"a problem of more than {MAX_LENGTH} characters", hint="check a shorter one")
        asked = None if task.get("wrt") is None else check_variables(task["wrt"])
        known = [*(asked or ()), *([task["of"]] if task.get("of") else ())]
        equation = parse_equation(
            text, wrt=known, functions=self.functions, graph=self.graph, log10=self.log10, max_nodes=MAX_NODES
        )
        self.notes += equation.notes
        return equation, asked

    def _answer(self, equation: Equation, asked: list[str] | None) -> tuple[list[str], Answer, Relation | None]:
        """The variables, the answer, and the relation of an implicit problem."""
        graph, task = self.graph, self.task
        text = task["answer"]
        if not isinstance(text, str):
            raise UsageError("the answer is not a text", hint="write it as a string")
        relation = None
        roots = [equation.root] if equation.right is None else [equation.root, equation.right]
        occurring = graph.variables(roots)
        of = task.get("of")
        prefix = PREFIX.match(text)
        if prefix and prefix["name"] and asked is None and of is None:  # dx/dy = says what depends on what
            of, by = prefix["name"], prefix["wrt"]
            asked = [by] if {of, by} <= {*occurring, equation.output} else None
            of = of if asked else None
        if equation.right is None and equation.output and (of in occurring or equation.output in (asked or ())):
            # x = y^2 with y to be differentiated by x: a relation, not a definition of x
            equation.root, equation.right = graph.variable(equation.output), equation.root
            occurring = graph.variables([equation.root, equation.right])
            equation.output = None
        if equation.right is not None:
            try:
                if task.get("up_to_constant"):
                    raise UsageError("a relation has no antiderivative", hint="check it without --up-to-constant")
                wrt = asked or ([other] if (other := _other(occurring, of)) else None)
                relation = Relation(equation, wrt, of)
            except BackpropError as error:
                raise _ProblemError(error) from None
        output = equation.output if equation.output not in occurring else None
        known = [*occurring, *(asked or ()), *([output] if output else ())]
        answer = None
        if relation is not None:
            answer = read_solved(relation, text, log10=self.log10)
        if answer is None:
            answer = Reader(graph, known, self.functions, log10=self.log10).read(text)
        self.notes += [note for note in answer.notes if note not in self.notes]
        names = asked or self._names(equation, answer, occurring, relation)
        if not task.get("up_to_constant"):
            allowed = [*dict.fromkeys([*known, *names])]
            check_names(graph, answer, allowed)
        if output is not None:
            node = graph.variable(output)
            for steps in answer.entries:
                steps[:] = [graph.substitute(i, {node: equation.root}) for i in steps]
        self.order = task.get("order") or (equation.order if equation.wrt else answer.order) or 1
        if answer.order is not None and answer.order != self.order:
            self.notes.append(f"the left side says order {answer.order}, asked for is order {self.order}")
        said = [name for name in answer.wrt if name is not None]
        if said and not set(said) <= set(names):
            self.notes.append(f"the left side says by {', '.join(map(visible, said))}, asked for is {', '.join(names)}")
        self._sort(answer, names[:1] if task.get("up_to_constant") else names)
        return names, answer, relation

    def _names(self, equation: Equation, answer: Answer, occurring: list[str], relation: Relation | None) -> list[str]:
        """What to differentiate by, if nobody said it."""
        said = [name for name in answer.wrt if name is not None]
        if said:
            return list(dict.fromkeys(said))
        if equation.wrt is not None:
            return [equation.wrt]
        free = [name for name in occurring if relation is None or name != relation.dependent]
        if equation.parameters:
            free = list(equation.parameters)
        if answer.is_list or len(free) == 1:
            return free
        if not free or "x" in free:
            return ["x"]
        raise _ProblemError(UsageError(
            "it is not clear by which variable to differentiate", text=self.task["problem"], start=0,
            end=len(self.task["problem"]), hint=f"say it: --wrt {free[0]}",
        ))  # fmt: skip

    def _sort(self, answer: Answer, names: list[str]) -> None:
        """The entries in the order of the variables; as many as there are variables."""
        if len(answer.entries) != len(names):
            wanted = "one expression" if len(names) == 1 else f"a list of {len(names)} expressions"
            raise UsageError(
                f"{wanted} is wanted, here {'are' if len(answer.entries) > 1 else 'is'} {len(answer.entries)}",
                text=answer.text, start=0, end=len(answer.text),
                hint=f"the derivative{'s' if len(names) > 1 else ''} by {', '.join(map(visible, names))}",
            )  # fmt: skip
        if len(names) > 1 and all(answer.wrt) and set(answer.wrt) == set(names):
            place = [answer.wrt.index(name) for name in names]
            answer.entries = [answer.entries[i] for i in place]
            answer.texts = [answer.texts[i] for i in place]

    # -- judging -----------------------------------------------------------------------------------

    def _derivative(self, equation: Equation, names: list[str], answer: Answer) -> Iterator[Message]:
        graph, root = self.graph, equation.root
        try:
            derivation = derive_equation(equation, names, self.task.get("order") or 1, max_nodes=MAX_NODES)
        except BackpropError as error:
            yield {"stage": "decided", "reason": error.message, "error": error_dict(error, "problem")}
            return
        if derivation.order != self.order:
            derivation = derive_equation(equation, names, self.order, max_nodes=MAX_NODES)
        expected = [derivation.derived[name] for name in names]
        verdicts = []
        for name, wanted, steps in zip(names, expected, answer.entries, strict=True):
            verdict = decide_pair(graph, wanted, steps[-1], [root])
            if verdict.verdict == "different" and not verdict.meanings:
                verdict = self._confirmed(root, name, wanted, verdict)
            verdicts.append(verdict)
        worst = _worst(verdicts)
        message = _report(verdicts[worst], ("correct", "incorrect"), graph.variables([root, *expected]))
        yield {"stage": "decided", **message, "expected": self._expected(root, expected), "notes": self.notes}
        if message["verdict"] == "correct":
            yield from self._when_correct(root, expected, answer, verdicts)
        if message["verdict"] == "incorrect" and self.task.get("diagnose", True):
            yield from self._diagnosis(derivation, names, answer, verdicts)

    def _confirmed(self, root: int, name: str, wanted: int, verdict: Verdict) -> Verdict:
        """A refutation counts only if difference quotients of the problem confirm our derivative there."""
        assert verdict.witness is not None
        agrees, _ = slope_agrees(self.graph, root, [(name, wanted)], verdict.witness[0], self.order)
        if agrees is False:
            reason = "FAILED: difference quotients of the problem give another derivative than ours"
            return Verdict("undecided", None, reason, verdict.points)
        return verdict

    def _when_correct(
        self, root: int, expected: list[int], answer: Answer, verdicts: list[Verdict]
    ) -> Iterator[Message]:
        """The domain, the form that was asked for, wrong steps on the way, and a proof if SymPy has one."""
        graph = self.graph
        finals = [steps[-1] for steps in answer.entries]
        found = [
            _domain(graph, given, wanted, [root], ("answer", "expected"), ("yours", "the derivative"))
            for given, wanted in zip(finals, expected, strict=True)
        ]
        relations = {m["domain"].replace("expected_wider", "answer_narrower") for m in found} - {"same"}
        relation = "same" if not relations else relations.pop() if len(relations) == 1 else "differs"
        places = "; ".join(m["domain_note"] for m in found if m["domain_note"])
        for steps, texts, wanted in zip(answer.entries, answer.texts, expected, strict=True):
            wrong = self._first_wrong(steps, wanted, root)
            if wrong is not None:
                self.notes.append(f"step {wrong + 1}, {visible(texts[wrong])}, is not equal to the derivative")
        form = self.task.get("form")
        if form:
            for given in finals:
                note = form_note(graph, given, form, root)
                self.notes += [note] if note and note not in self.notes else []
        yield {"stage": "domain", "domain": relation, "domain_note": places, "notes": self.notes}
        sampled = [(w, g) for w, g, v in zip(expected, finals, verdicts, strict=True) if v.how == "sampled"]
        if sampled and all(_rewrites(graph, w, g) for w, g in sampled):
            yield {"stage": "rewritten", "how": "proved", "reason": "SymPy rewrites the difference to 0"}

    def _first_wrong(self, steps: list[int], wanted: int, root: int) -> int | None:
        """The first step that is certainly not the derivative."""
        for k, step in enumerate(steps):
            if decide(self.graph, wanted, step, domain=[root], points=4).verdict == "different":
                return k
        return None

    def _diagnosis(
        self, derivation: Derivation, names: list[str], answer: Answer, verdicts: list[Verdict]
    ) -> Iterator[Message]:
        from .diagnosis import diagnose, fact, first_step

        graph, root = self.graph, derivation.root
        expected = [derivation.derived[name] for name in names]
        mistakes: list[Message] = []
        hints: list[str] = []
        for k, (name, verdict) in enumerate(zip(names, verdicts, strict=True)):
            if verdict.verdict != "different":
                continue
            steps, texts = answer.entries[k], answer.texts[k]
            wrong = self._first_wrong(steps, derivation.derived[name], derivation.root) if len(steps) > 1 else 0
            if wrong is not None and len(steps) > 1:
                what = "the first wrong step" if wrong == 0 else f"right up to step {wrong}; the first wrong one"
                self.notes.append(f"{what} is step {wrong + 1}: {visible(texts[wrong])}")
            yield {"stage": "diagnosing", "notes": self.notes}
            given = steps[wrong if wrong is not None else -1]
            if wrong:
                mistakes.append(fact("M74", str(wrong)))
            found = diagnose(graph, root, name, self.order, given, expected[k], derivation.names)
            mistakes += self._other_readings(name, texts[wrong or 0], expected[k], root) + found
            hints = hints or (mistakes[0]["hints"] if mistakes else first_step(graph, root, name, expected[k]))
        yield {"stage": "diagnosed", "mistakes": _numbered(mistakes), "hints": hints}

    def _other_readings(self, name: str, text: str, expected: int, root: int) -> list[Message]:
        """Whether the answer is right if what was typed is read in another way."""
        from .diagnosis import fact

        reader = Reader(self.graph, [*self.graph.variables([root]), name], self.functions, log10=self.log10)
        for node in other_readings(reader, text):
            if decide(self.graph, expected, node, domain=[root], points=6).verdict == "equal":
                return [fact("M71", f"`{self._text(node)}`")]
        return []

    def _implicit(self, relation: Relation, names: list[str], answer: Answer) -> Iterator[Message]:
        given = [steps[-1] for steps in answer.entries]
        try:
            wanted = [relation.derivative(name, self.order) for name in names]
        except BackpropError as error:
            yield {"stage": "decided", "reason": error.message, "error": error_dict(error, "problem")}
            return
        verdicts = [decide_on(relation, w, g) for w, g in zip(wanted, given, strict=True)]
        worst = _worst(verdicts)
        shown = [n for n in relation.names if n != relation.dependent] + [relation.dependent]
        message = _report(verdicts[worst], ("correct", "incorrect"), shown)
        expected = self._expected(relation.difference, wanted)
        yield {"stage": "decided", **message, "expected": expected, "notes": self.notes}
        if message["verdict"] == "incorrect" and self.task.get("diagnose", True):
            from .diagnosis import diagnose_implicit

            found = diagnose_implicit(relation, names[worst], given[worst])
            hints = found[0]["hints"] if found else []
            yield {"stage": "diagnosed", "mistakes": _numbered(found), "hints": hints}

    def _antiderivative(self, equation: Equation, names: list[str], finals: list[int]) -> Iterator[Message]:
        """The answer is right if its derivative is the problem."""
        graph = self.graph
        wanted = equation.root
        given = derivative(graph, finals[0], names[0], self.task.get("order") or 1)
        verdict = decide_pair(graph, wanted, given, [finals[0]])
        self.notes.append("the derivative of the answer is compared with the problem")
        message = _report(verdict, ("correct", "incorrect"), graph.variables([wanted, given]))
        yield {"stage": "decided", **message, "expected": self._text(wanted), "notes": self.notes}
        if verdict.how == "sampled" and _rewrites(graph, wanted, given):
            yield {"stage": "rewritten", "how": "proved", "reason": "SymPy rewrites the difference to 0"}

    # -- texts -------------------------------------------------------------------------------------

    def _text(self, position: int) -> str:
        if self.graph.written_size([position]) > 2000:
            return "(a very long expression)"
        return to_text(self.graph, position)

    def _expected(self, root: int, expected: list[int]) -> str:
        from .textbook import textbook_forms

        small = len(self.graph.reachable([root, *expected])) <= MAX_SIMPLIFY
        forms = textbook_forms(self.graph, root, expected) if small else {}
        texts = [self._text(forms.get(i, i)) for i in expected]
        return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _numbered(mistakes: list[Message]) -> list[Message]:
    """The mistakes without their hints; those that explain the answer together have the same number."""
    numbered: list[Message] = []
    count, last = 0, None
    for mistake in mistakes:
        group = mistake["explanation"]
        if group == 0 or group != last:
            count += 1
        last = group
        numbered.append({**{k: v for k, v in mistake.items() if k != "hints"}, "explanation": count})
    return numbered


class _ProblemError(Exception):
    """The problem does not say enough."""

    def __init__(self, cause: BackpropError) -> None:
        super().__init__(cause.message)
        self.cause = cause


def _other(names: Sequence[str], of: str | None) -> str | None:
    """The independent variable of a relation, if nobody said it: x, else the only one that is not dependent."""
    dependent = of or ("y" if "y" in names else None)
    free = [name for name in names if name != dependent]
    return "x" if "x" in free else free[0] if len(free) == 1 else None


def _worst(verdicts: Sequence[Verdict]) -> int:
    """The index of the verdict that counts for a whole list."""
    rank = {"different": 0, "undecided": 1, "equal": 2}
    return min(range(len(verdicts)), key=lambda k: (rank[verdicts[k].verdict], verdicts[k].how != "sampled", k))
