"""Verdicts on answers: is it the derivative? Are two expressions the same?

`equal` and `check` are what a library user calls; the work is done in a worker process by
`judge`, which sends what it knows stage by stage: if a worker has to be
stopped, what was known before stays, and the verdict is *undecided*, never *incorrect*.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .errors import BackpropError, UsageError, visible

FORMS = ("simplified", "factored", "expanded")


@dataclass(frozen=True)
class Witness:
    """A point at which two expressions have different values; all are strings, exact where they can be."""

    at: dict[str, str]
    first: str
    second: str


@dataclass(frozen=True)
class Mistake:
    """A mistake that explains an answer.

    code, name     of the row of the table (`backprop rule CODE` explains it)
    node, where    the node of the derivation at which it was made, and what is written there
    message        what was written, and what the rule gives
    wrong, right   the step as the answer has it, and as the rule has it
    explanation    the number of the explanation: mistakes with the same number were made together
    """

    code: str
    name: str
    node: str | None
    where: str | None
    message: str
    wrong: str = ""
    right: str = ""
    explanation: int = 1


@dataclass
class Equality:
    """The verdict on two expressions: equal, different, undecided or unreadable.

    how       proved, refuted or sampled; None if undecided
    reason    why it is undecided, or by what it was proved
    points    how many points were compared to `digits` digits
    domain    same, a_wider, b_wider, differs, or None; `domain_note` says where
    error     of an expression that could not be read: kind, message, column, hint, in
    """

    a: str
    b: str
    verdict: str = "undecided"
    how: str | None = None
    reason: str = ""
    points: int = 0
    digits: int = 0
    witness: Witness | None = None
    domain: str | None = None
    domain_note: str = ""
    notes: list[str] = field(default_factory=list)
    error: dict[str, Any] | None = None
    limit: bool = False

    def as_dict(self, source: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object of `backprop equal --format json`."""
        data = {"version": 1, "source": dict(source or {}), **asdict(self)}
        if self.witness is not None:
            data["witness"] = {"at": self.witness.at, "a": self.witness.first, "b": self.witness.second}
        return _without(data, "error")


@dataclass
class Check:
    """The verdict on an answer: correct, incorrect, undecided or unreadable.

    reading     the answer as it was read, one line for each entry of a list
    expected    the derivative, in readable form
    how         proved, refuted or sampled; None if undecided
    mistakes    what explains a wrong answer, most likely first; all that do are listed
    hints       for a wrong answer: where it goes wrong, which rule applies there, what the step should be;
                part of the JSON if `hint_level` is not 0
    domain      answer_wider, answer_narrower, same, differs or None; `domain_note` says where
    """

    problem: str
    answer: str
    reading: str | None = None
    wrt: list[str] = field(default_factory=list)
    order: int = 1
    verdict: str = "undecided"
    how: str | None = None
    reason: str = ""
    points: int = 0
    digits: int = 0
    expected: str | None = None
    witness: Witness | None = None
    domain: str | None = None
    domain_note: str = ""
    mistakes: list[Mistake] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    hint_level: int = 0
    notes: list[str] = field(default_factory=list)
    error: dict[str, Any] | None = None
    limit: bool = False

    def as_dict(self, source: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object of `backprop check --format json`."""
        data = {"version": 1, "source": dict(source or {}), **asdict(self)}
        if self.witness is not None:
            data["witness"] = {"at": self.witness.at, "expected": self.witness.first, "given": self.witness.second}
        if not data.pop("hint_level"):
            del data["hints"]
        return _without(data, "error")

    def with_hints(self, level: int) -> Check:
        """The same without anything that gives the answer away, but for hints up to a level from 1 to 3."""
        if self.verdict != "incorrect":
            return replace(self, expected=None, hints=[], hint_level=level)
        return replace(self, expected=None, witness=None, mistakes=[], hints=self.hints[:level], hint_level=level)


def _without(data: dict[str, Any], key: str) -> dict[str, Any]:
    """Without a key that says nothing."""
    if data[key] is None:
        del data[key]
    return data


# -- for users of the library ----------------------------------------------------------------------


def equal(
    a: str,
    b: str,
    *,
    functions: Collection[str] = (),
    log10: bool = False,
    up_to_constant: bool = False,
    time_limit: float = 5.0,
) -> Equality:
    """Are two expressions the same wherever both are defined and real?

    Errors in reading them are part of the result (verdict *unreadable*). With `log10`, `log` is the
    logarithm to base 10; with `up_to_constant` they may differ by a number.

    >>> equal("sin(x)^2", "1 - cos(x)^2").verdict
    'equal'
    >>> result = equal("sqrt(x^2)", "x")
    >>> result.verdict, result.how, result.witness.at, result.witness.first, result.witness.second
    ('different', 'refuted', {'x': '-1/2'}, '1/2', '-1/2')
    """
    from .session import shared_session

    question = equality_question(a, b, functions=functions, log10=log10, up_to_constant=up_to_constant)
    result: Equality = shared_session().ask(question, time_limit=time_limit)
    return result


def check(
    problem: str,
    answer: str,
    *,
    wrt: Sequence[str] | None = None,
    order: int | None = None,
    of: str | None = None,
    functions: Collection[str] = (),
    log10: bool = False,
    up_to_constant: bool = False,
    form: str | None = None,
    diagnose: bool = True,
    time_limit: float = 5.0,
) -> Check:
    """Is the answer the derivative of the problem?

    `wrt` are the variables, by default that of the answer's left side, else the problem's only one,
    else x; for a list, all. `order` is by default that of the left sides, else 1. `of` is the
    dependent variable of an implicit problem. With `up_to_constant` the answer is an antiderivative
    of the problem. `form` asks for a note if the answer is not in that form.
    An answer that cannot be read is part of the result (verdict *unreadable*); a problem that cannot
    be read raises `BackpropError`.

    >>> result = check("sin(x^2+3x)", "cos(x^2+3x)")
    >>> result.verdict, result.mistakes[0].name
    ('incorrect', 'inner derivative left out')
    """
    from .session import shared_session

    question = answer_question(
        problem, answer, wrt=wrt, order=order, of=of, functions=functions, log10=log10,
        up_to_constant=up_to_constant, form=form, diagnose=diagnose,
    )  # fmt: skip
    result: Check = shared_session().ask(question, time_limit=time_limit)
    if result.error is not None and result.error["in"] == "problem":
        raise error_of(result.error, problem)
    return result


def equality_question(a: str, b: str, **options: Any) -> dict[str, Any]:
    """The task of a worker that compares two expressions."""
    return {"kind": "equal", "a": a, "b": b, **_plain(options)}


def answer_question(problem: str, answer: str, **options: Any) -> dict[str, Any]:
    """The task of a worker that checks an answer; see `check` for the options."""
    form = options.get("form")
    if form is not None and form not in FORMS:
        raise UsageError(f"there is no form {visible(str(form))}", hint=f"one of {', '.join(FORMS)}")
    return {"kind": "check", "problem": problem, "answer": answer, **_plain(options)}


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple | set | frozenset) else v for k, v in options.items()}


def result_of(task: Mapping[str, Any]) -> Equality | Check:
    """The result of a task before anything is known."""
    if task["kind"] == "equal":
        return Equality(task["a"], task["b"])
    return Check(task["problem"], task["answer"], order=task.get("order") or 1)


def take_in(result: Equality | Check, message: Mapping[str, Any]) -> None:
    """Puts a message of a worker into the result; `ended` says that no more will come."""
    if "ended" in message:
        if message["ended"] != "done" and result.verdict == "undecided":
            result.reason, result.limit = _why(message)
        elif message["ended"] != "done" and isinstance(result, Check) and result.verdict == "incorrect":
            result.notes.append("the mistake was not looked for to the end: " + _why(message)[0])
            result.limit = _why(message)[1]
        return
    for key, value in message.items():
        if key == "witness" and value is not None:
            value = Witness(**value)
        elif key == "mistakes":
            value = [Mistake(**mistake) for mistake in value]
        if key != "stage":
            setattr(result, key, value)


def _why(message: Mapping[str, Any]) -> tuple[str, bool]:
    reason = message.get("reason")
    if reason in ("time", "memory"):
        return f"stopped at the {reason} limit", True
    if message["ended"] == "unavailable":
        return "no worker could be started", False
    return "the check broke off", False


def error_of(error: Mapping[str, Any], text: str) -> BackpropError:
    """The exception that an error in a result stands for."""
    kinds = {kind.kind: kind for kind in BackpropError.__subclasses__()}
    return kinds.get(error["kind"], BackpropError)(
        error["message"], text=text, start=error["start"], end=error["end"], hint=error["hint"]
    )
