"""Grading: a table of answers against a key, one row at a time.

    answers ──▶ Graded, without a verdict ──▶ Session, or Cluster ──▶ Graded ──▶ table, summary, feedback
                                   journal ───────────╯ (rows of an interrupted run)

The results come in the order of the answers, and do not depend on how many workers there are. Nothing
here grows with the number of answers.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any, Protocol, TextIO, TypeVar

from .answers import MAX_NODES
from .errors import BackpropError, LimitError, UsageError, visible
from .session import Job, Question, Session
from .tables import MAX_CELL, Record, Table, Writer, as_text, json_line
from .verdicts import FORMS, Check, Mistake, Witness, answer_question

if TYPE_CHECKING:
    from .parser import Equation

_Item = TypeVar("_Item")

# What grading writes; in a table that was graded before, these columns are written anew.
COLUMNS = ("verdict", "how", "points", "mistakes", "witness", "feedback")

# What is read, with the names that a column may have, the first one that occurs counts.
ANSWERS: Mapping[str, tuple[str, ...]] = {
    "student": ("student", "student_id", "student_name", "name", "user", "username", "email"),
    "problem_id": ("problem_id", "id", "question_id", "exercise_id", "problem", "question", "exercise"),
    "answer": ("answer", "response", "student_answer", "solution"),
}
KEY: Mapping[str, tuple[str, ...]] = {
    "problem_id": ("problem_id", "id", "question_id", "exercise_id"),
    "problem": ("problem", "expression", "function", "equation", "question", "exercise"),
    "wrt": ("wrt", "variable", "variables", "by"),
    "order": ("order",),
    "points": ("points", "point", "max_points", "marks"),
    "of": ("of", "dependent"),
    "functions": ("functions",),
    "form": ("form",),
    "log10": ("log10",),
    "up_to_constant": ("up_to_constant", "antiderivative"),
}

_MARKUP = re.compile(r"[\\`*_\[\]<>&~|#!$@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_MAX_ORDER = 1000
_REMEMBERED = 1024  # answers whose verdict is kept, for the next student who gives the same
_KEPT_LENGTH = 2000  # characters of such an answer
_YES_NO = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True, "x": True}


# -- the key -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Problem:
    """A row of the key: what is to be differentiated, by what, and what it is worth; `line` is its place."""

    id: str
    problem: str
    wrt: tuple[str, ...] | None = None
    order: int | None = None
    points: int | float = 1
    of: str | None = None
    functions: tuple[str, ...] = ()
    form: str | None = None
    log10: bool = False
    up_to_constant: bool = False
    line: int = 0

    def question(self, answer: str, *, diagnose: bool = True) -> dict[str, Any]:
        """The task of a worker that checks an answer to it."""
        return answer_question(
            self.problem, answer, wrt=self.wrt, order=self.order, of=self.of, functions=self.functions,
            log10=self.log10, up_to_constant=self.up_to_constant, form=self.form, diagnose=diagnose,
        )  # fmt: skip


class KeyFault(UsageError):
    """A key that cannot be used; `faults` are all its faults, each with its line."""

    def __init__(self, faults: Sequence[tuple[int, BackpropError]]) -> None:
        self.faults = faults
        lines = [f"line {line}: {error}" for line, error in faults[:20]]
        more = [f"… and {len(faults) - 20} more"] if len(faults) > 20 else []
        super().__init__("the key cannot be used\n" + "\n".join(lines + more))


def read_key(rows: Iterable[Record], *, log10: bool = False) -> dict[str, Problem]:
    """The problems of a key by their id, all of them checked as far as that needs no worker.

    Errors: `KeyFault` with every fault of the key.
    """
    problems: dict[str, Problem] = {}
    faults: list[tuple[int, BackpropError]] = []

    def add(row: Record) -> None:
        problem = _problem(row, log10)
        first = problems.setdefault(problem.id, problem)
        if first is not problem:
            raise UsageError(
                f"the problem_id `{visible(problem.id)}` is also on line {first.line}",
                hint="give every problem its own",
            )

    for row in rows:
        fault = _fault_of(add, row)
        if fault is not None:
            faults.append((row.line, fault))
    if not problems and not faults:
        faults.append((1, UsageError("the key has no problem", hint="write one in each row")))
    if faults:
        raise KeyFault(faults)
    return problems


def _fault_of(work: Callable[[Record], None], row: Record) -> BackpropError | None:
    try:
        work(row)
    except BackpropError as error:
        return error
    return None


def try_key(problems: Mapping[str, Problem], runner: Runner, *, time_limit: float = 5.0) -> None:
    """Have every problem differentiated once: what cannot be is said before anything is graded."""
    questions = (
        Question(
            problem.question(", ".join(["0"] * len(problem.wrt or "x")), diagnose=False),
            time_limit=time_limit, key=problem,
        )
        for problem in problems.values()
    )  # fmt: skip
    faults = []
    for job in runner.stream(questions):
        assert isinstance(job, Question)
        error = job.result.error
        if error is not None and error["in"] == "problem":
            faults.append((job.key.line, UsageError(error["message"], hint=error["hint"])))
    if faults:
        raise KeyFault(faults)


def _problem(row: Record, log10: bool) -> Problem:
    """The problem of a row of the key."""
    from .parser import check_variables, parse_equation

    if row.error is not None:
        raise UsageError(row.error, hint="mend the row")
    cells = _cells(row, KEY, ("problem_id", "problem"))
    _refuse_typos(row.names)
    for name, text in cells.items():
        if len(text.encode("utf-8", "replace")) > MAX_CELL:
            raise LimitError(f"the {name} is longer than {MAX_CELL} bytes", hint="split the problem")
    if not cells["problem_id"]:
        raise UsageError("the row has no problem_id", hint="give every problem one")
    if not cells["problem"]:
        raise UsageError(f"the problem of `{visible(cells['problem_id'])}` is empty", hint="write one, for example x^2")
    wrt = check_variables(_words(cells["wrt"]))
    functions = tuple(_words(cells["functions"]))
    of = cells["of"] or None
    log10 = _is_yes(cells, "log10") or log10
    equation = parse_equation(
        cells["problem"], wrt=[*wrt, *([of] if of else [])], functions=functions, log10=log10, max_nodes=MAX_NODES
    )
    if cells["form"] and cells["form"] not in FORMS:
        raise UsageError(f"there is no form `{visible(cells['form'])}`", hint=f"one of {', '.join(FORMS)}")
    return Problem(
        cells["problem_id"], cells["problem"], tuple(wrt) or _variable(equation, of), _order(cells["order"], equation),
        _points(cells["points"]), of, functions, cells["form"] or None, log10, _is_yes(cells, "up_to_constant"),
        row.line,
    )  # fmt: skip


def _refuse_typos(names: Iterable[str]) -> None:
    """A column that is meant for an option and misspelt would change every verdict unnoticed."""
    from difflib import get_close_matches

    known = {alias for aliases in KEY.values() for alias in aliases}
    for name in map(_plain, names):
        close = get_close_matches(name, known, 1, 0.85) if name not in known else []
        if close:
            raise UsageError(f"there is no column `{visible(name)}`", hint=f"did you mean `{close[0]}`?")


def _variable(equation: Equation, of: str | None) -> tuple[str, ...]:
    """By what to differentiate if the key does not say it: it is never the answer that decides."""
    if equation.wrt is not None:
        return (equation.wrt,)
    graph = equation.graph
    names = list(equation.parameters) or graph.variables([i for i in (equation.root, equation.right) if i is not None])
    if equation.right is not None:
        names = [name for name in names if name != (of or "y")]
    if "x" in names or not names:
        return ("x",)
    if len(names) > 1:
        raise UsageError(
            f"it is not clear by which of {', '.join(map(visible, names[:8]))} to differentiate",
            hint="say it in the column wrt",
        )
    return (names[0],)


def _order(text: str, equation: Equation) -> int | None:
    """The order; without one that of the problem, which may say d²/dx² itself, else 1."""
    if not text:
        return 1 if equation.wrt is None else None
    if not re.fullmatch(r"[1-9]\d{0,3}", text, re.ASCII) or int(text) > _MAX_ORDER:
        raise UsageError(f"`{visible(text)[:50]}` is no order", hint=f"a whole number from 1 to {_MAX_ORDER}")
    return int(text)


def _points(text: str) -> int | float:
    if not text:
        return 1
    if not re.fullmatch(r"\d{1,9}([.,]\d{1,6})?", text, re.ASCII):
        raise UsageError(f"`{visible(text)[:50]}` is no number of points", hint="a number such as 2 or 1.5")
    value = float(text.replace(",", "."))
    return int(value) if value.is_integer() else value


def _is_yes(cells: Mapping[str, str], name: str) -> bool:
    text = cells[name].casefold()
    if text not in _YES_NO:
        raise UsageError(f"`{visible(cells[name])[:50]}` in the column {name} is neither yes nor no", hint="yes or no")
    return _YES_NO[text]


def _words(text: str) -> list[str]:
    """Names with commas or spaces between them; brackets and quotes of a JSON list do not count."""
    return re.findall(r"[^\s,;\[\]\"']+", text)


# -- columns -----------------------------------------------------------------------------------------


def check_columns(table: Table, wanted: Mapping[str, tuple[str, ...]], needed: tuple[str, ...]) -> None:
    """`UsageError` if a column is missing. (Rows of JSON lines may differ: each speaks for itself.)"""
    places = _places(tuple(table.columns), tuple(wanted.items()))
    for name in needed:
        if name not in places and table.form != "jsonl":
            raise UsageError(
                f"{visible(table.name)}:1: there is no column `{name}`",
                hint=f"the first line has: {visible(', '.join(table.columns))[:500]}",
            )


@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    """A column's name without the differences that do not count."""
    return re.sub(r"[\s_-]+", "_", name.strip()).casefold()


@lru_cache(maxsize=64)
def _places(names: tuple[str, ...], wanted: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, int]:
    """Where the columns are that are wanted. Errors: `UsageError` for one that is there twice."""
    plain = [_plain(name) for name in names]
    places: dict[str, int] = {}
    taken: set[str] = set()
    for role, aliases in wanted:
        alias = next((alias for alias in aliases if alias in plain and alias not in taken), None)
        if alias is not None:
            if plain.count(alias) > 1:
                raise UsageError(f"there are two columns `{alias}`", hint="rename one of them")
            taken.add(alias)
            places[role] = plain.index(alias)
    return places


def _cells(row: Record, wanted: Mapping[str, tuple[str, ...]], needed: tuple[str, ...] = ()) -> dict[str, str]:
    """The texts of the columns that are wanted, empty if there is none."""
    places = _places(tuple(row.names), tuple(wanted.items()))
    for name in needed:
        if name not in places:
            raise UsageError(f"the row has no `{name}`", hint=f"write one of {', '.join(wanted[name])}")
    return {name: as_text(row.cells[places[name]]).strip() if name in places else "" for name in wanted}


# -- the verdict on a row ----------------------------------------------------------------------------


@dataclass
class Graded:
    """A row of answers with its verdict: correct, incorrect, undecided or unreadable.

    row        as it stands in the table; `problem` is None if its problem is not in the key
    how        proved, refuted or sampled; None if undecided or unreadable
    points     those of the key if correct, 0 if incorrect, else None: the teacher decides
    mistakes   what explains a wrong answer; all that do are listed
    feedback   what to tell the student, without the answer
    reason     for the teacher: why there is no decision
    """

    row: Record
    student: str
    problem_id: str
    answer: str
    problem: Problem | None = None
    verdict: str = "unreadable"
    how: str | None = None
    mistakes: list[Mistake] = field(default_factory=list)
    witness: Witness | None = None
    feedback: str = ""
    reason: str = ""

    @property
    def points(self) -> int | float | None:
        """What the answer is worth."""
        if self.verdict == "correct" and self.problem is not None:
            return self.problem.points
        return 0 if self.verdict == "incorrect" else None

    def columns(self) -> tuple[Any, ...]:
        """The cells of the columns that grading writes."""
        mistakes = "; ".join(f"{mistake.code} {mistake.name}" for mistake in self.mistakes)
        return (self.verdict, self.how or "", self.points, mistakes, _witness_text(self.witness), self.feedback)

    def outcome(self) -> dict[str, Any]:
        """What was found out, as JSON."""
        return {
            "verdict": self.verdict, "how": self.how, "mistakes": [asdict(mistake) for mistake in self.mistakes],
            "witness": None if self.witness is None else asdict(self.witness),
            "feedback": self.feedback, "reason": self.reason,
        }  # fmt: skip

    def take(self, outcome: Mapping[str, Any]) -> None:
        """Take over what was found out before."""
        self.verdict, self.how = outcome["verdict"], outcome["how"]
        self.mistakes = [Mistake(**mistake) for mistake in outcome["mistakes"]]
        self.witness = None if outcome["witness"] is None else Witness(**outcome["witness"])
        self.feedback, self.reason = outcome["feedback"], outcome["reason"]

    def take_check(self, check: Check, remarks: list[str]) -> None:
        """Take over the verdict of a check; `remarks` are the notes that were made after reading."""
        self.verdict, self.how, self.reason = check.verdict, check.how, check.reason
        self.mistakes, self.witness = check.mistakes, check.witness
        self.feedback = _feedback(check, remarks)

    def refuse(self, reason: str) -> None:
        """Say why the row cannot be read."""
        self.reason = reason
        self.feedback = f"This could not be read: {reason}."


def _witness_text(witness: Witness | None) -> str:
    """`x = 1/2: expected 2.25, yours 3`."""
    if witness is None:
        return ""
    point = ", ".join(f"{name} = {value}" for name, value in witness.at.items())
    return f"{point or 'everywhere'}: expected {witness.first}, yours {witness.second}"


def _feedback(check: Check, remarks: list[str]) -> str:
    """One or two sentences for the student."""
    if check.verdict == "unreadable":
        hint = f" ({check.error['hint']})" if check.error and check.error["hint"] else ""
        return f"This could not be read: {check.reason}{hint}."
    if check.verdict == "undecided":
        return f"It could not be decided whether this is right: {check.reason}."
    if check.verdict == "correct":
        said = ["Correct."]
        if check.domain not in (None, "same") and check.domain_note:
            said.append(f"Equal wherever both are defined: {check.domain_note}.")
        notes = remarks
    else:
        said, notes = ["Not the right answer."], check.notes
        if check.mistakes:
            said = [f"Not the right answer: {'; '.join(mistake.message for mistake in check.mistakes)}."]
        elif check.witness is not None and check.witness.at:
            at = ", ".join(f"{name} = {value}" for name, value in check.witness.at.items())
            said = [f"Not the right answer: at {at} it has another value."]
    if notes:
        said.append(f"Note: {'; '.join(notes)}.")
    return " ".join(said)


# -- grading -----------------------------------------------------------------------------------------


class Runner(Protocol):
    """Who does the work: a `Session`, or a `Cluster`."""

    def stream(self, jobs: Iterable[Job | None]) -> Iterator[Job | None]:
        """The jobs when they are done, in their order."""


class _Answer(Question):
    """An answer on its way to a worker and back."""

    remarks = 0  # how many notes were made in reading

    def absorb(self, message: dict[str, Any]) -> None:
        """Take in a message of the worker; without workers there is no verdict, and the run must end."""
        if message.get("ended") == "unavailable":
            raise BackpropError(f"no worker could be started: {message['message']}")
        if message.get("stage") == "read":
            self.remarks = len(message.get("notes", ()))
        super().absorb(message)

    def give_to(self, row: Graded) -> None:
        """Hand over the verdict."""
        assert isinstance(self.result, Check)
        row.take_check(self.result, self.result.notes[self.remarks :])


def grade(
    answers: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
    key: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
    *,
    jobs: int = 2,
    time_limit: float = 5.0,
    log10: bool = False,
) -> Iterator[Graded]:
    """Grade answers against a key; both are files (CSV, TSV, JSON lines) or rows by column.

    The key is checked at once; the verdicts come one by one, in the order of the answers.
    Errors: `KeyFault` with all faults of the key, `UsageError` for a table that cannot be read.

    >>> key = [{"problem_id": "p1", "problem": "sin(x^2)", "points": 2}]
    >>> answers = [{"student": "Ann", "problem_id": "p1", "answer": "2x cos(x^2)"}]
    >>> [(row.student, row.verdict, row.how, row.points) for row in grade(answers, key)]
    [('Ann', 'correct', 'proved', 2)]
    """
    problems = read_key(_records(key, KEY, ("problem_id", "problem")), log10=log10)
    session = Session(jobs)
    try:
        try_key(problems, session, time_limit=time_limit)
        rows = _records(answers, ANSWERS, ("problem_id", "answer"))
    except BaseException:
        session.close()
        raise
    return _within(session, grade_rows(rows, problems, session, time_limit=time_limit))


def _records(
    source: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
    wanted: Mapping[str, tuple[str, ...]],
    needed: tuple[str, ...],
) -> Iterator[Record]:
    if not isinstance(source, str | os.PathLike):
        return (Record(n, n, list(row), list(row.values())) for n, row in enumerate(source, 1))
    table = Table(os.fspath(source))
    try:
        check_columns(table, wanted, needed)
    except UsageError:
        table.close()
        raise
    return _within(table, iter(table))


def _within(resource: AbstractContextManager[Any], items: Iterator[_Item]) -> Iterator[_Item]:
    with resource:
        yield from items


def grade_rows(
    rows: Iterable[Record],
    problems: Mapping[str, Problem],
    runner: Runner,
    *,
    time_limit: float = 5.0,
    journal: Journal | None = None,
) -> Iterator[Graded]:
    """The rows with their verdicts, in order; what is in the journal is not graded again."""
    recent: OrderedDict[tuple[str, str], _Answer] = OrderedDict()

    def job(row: Graded) -> Job:
        """What is to be done for a row. What another student has just answered is not asked again."""
        known = journal.take(row) if journal else None
        if known is not None:
            row.take(known)
        if known is not None or row.problem is None or row.reason:
            return Job(key=(row, None))
        place = (row.problem_id, row.answer)
        if place in recent:
            recent.move_to_end(place)
            return Job(key=(row, recent[place]))
        answer = _Answer(row.problem.question(row.answer), time_limit=time_limit)
        answer.key = (row, answer)
        if len(row.answer) <= _KEPT_LENGTH:
            recent[place] = answer
            if len(recent) > _REMEMBERED:
                recent.popitem(last=False)
        return answer

    def all_jobs() -> Iterator[Job]:
        for record in rows:
            yield job(_row(record, problems))
        if journal:
            journal.expect_end()

    for done in runner.stream(all_jobs()):
        assert done is not None
        row, answer = done.key
        done.key = None  # a verdict that is kept for the next student shall not keep the row
        if answer is not None:
            answer.give_to(row)
        if journal:
            journal.add(row)
        yield row


def _row(record: Record, problems: Mapping[str, Problem]) -> Graded:
    """A row before it is graded; `reason` says why it cannot be."""
    try:
        cells = _cells(record, ANSWERS)
        row = Graded(record, cells["student"], cells["problem_id"], cells["answer"])
        error = record.error
    except UsageError as fault:  # two columns of one name
        row, error = Graded(record, "", "", ""), record.error or fault.message
    row.problem = problems.get(row.problem_id)
    if error is None and not row.problem_id:
        error = "the row has no problem_id"
    if error is None and row.problem is None:
        error = f"there is no problem `{visible(row.problem_id)[:100]}` in the key"
    if error is None and not row.answer:
        error = "the answer is empty"
    if error is None and len(row.answer.encode("utf-8", "replace")) > MAX_CELL:
        error = f"the answer is longer than {MAX_CELL} bytes"
    if error is not None:
        row.refuse(error)
    return row


# -- the graded table --------------------------------------------------------------------------------


class GradedTable:
    """Writes graded rows as they come: the columns of the answers, then those of grading.

    JSON lines may have other keys in every row; a CSV or TSV made of them has the columns of the first row, and
    `left_out` names some of the keys that have no place in it.
    """

    def __init__(self, stream: TextIO, form: str, answers: Table) -> None:
        self.left_out: set[str] = set()
        self._columns = [name for name in answers.columns if _plain(name) not in COLUMNS] or list(ANSWERS)
        self._fixed = form != "jsonl" and answers.form == "jsonl"
        self._writer = Writer(stream, form, [*self._columns, *COLUMNS], delimiter=answers.delimiter)

    def add(self, row: Graded) -> None:
        """Write a row."""
        found = [(name, cell) for name, cell in zip(row.row.names, row.row.cells) if _plain(name) not in COLUMNS]
        if self._fixed:
            cells = dict(found)
            if len(self.left_out) < 10:
                self.left_out |= cells.keys() - set(self._columns)
            found = [(name, cells.get(name)) for name in self._columns]
        names, values = [name for name, _ in found], [cell for _, cell in found]
        self._writer.row([*names, *COLUMNS], [*values, *row.columns()])


# -- the journal -------------------------------------------------------------------------------------


class Journal:
    """What is done so far, beside the output: one finished row a line, so that nothing is graded twice.

    The first line says of what run it is: `stamp` is made of the key, the options and the version of the
    program; every row carries a digest of its cells. A journal of other input is refused. A context
    manager: it is removed when the block ends well, and stays with its rows when it does not.
    """

    def __init__(self, path: str, stamp: str, *, resume: bool) -> None:
        self.path, self.kept, self.written = path, 0, 0
        self._taken = 0
        self._old: IO[bytes] | None = None
        head = json_line({"journal": 1, "stamp": stamp}).encode() + b"\n"
        try:
            end = self._measure(head) if resume and os.path.exists(path) else 0
            self._new = open(path, "r+b" if end else "wb")  # noqa: SIM115
            self._new.truncate(end)
            self._new.seek(end)
            if not end:
                self._put(head)
            if self.kept:
                self._old = open(path, "rb")  # noqa: SIM115
                self._old.readline()
        except OSError as error:
            raise UsageError(
                f"cannot write the journal {visible(path)}: {error.strerror}", hint="choose another place for -o"
            ) from None

    def _measure(self, head: bytes) -> int:
        """The length of what is whole: a run that was killed may have left half a line at the end."""
        with open(self.path, "rb") as stream:
            first = stream.readline()
            if not first.endswith(b"\n"):
                return 0
            if first != head:
                raise self._foreign("it is of another key, other options or another version of the program")
            end = len(first)
            for line in stream:
                if not line.endswith(b"\n"):
                    break
                end += len(line)
                self.kept += 1
        return end

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._new.close()
        if self._old:
            self._old.close()
        if kind is None or not (self.kept or self.written):
            with suppress(OSError):
                os.unlink(self.path)

    def take(self, row: Graded) -> dict[str, Any] | None:
        """What was found out about a row, if it is done."""
        if self._old is None or self._taken >= self.kept:
            return None
        self._taken += 1
        try:
            entry = json.loads(self._old.readline())
            same = entry["digest"] == _digest(row)
            outcome: dict[str, Any] = entry["outcome"]
            Graded(row.row, "", "", "").take(outcome)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._foreign(f"its line {self._taken + 1} is damaged") from None
        if not same:
            raise self._foreign(f"row {row.row.number} of the answers is not the one that was graded")
        return outcome

    def add(self, row: Graded) -> None:
        """Note down a row; what was in the journal already comes first."""
        self.written += 1
        if self.written > self.kept:
            self._put(json_line({"digest": _digest(row), "outcome": row.outcome()}).encode() + b"\n")

    def expect_end(self) -> None:
        """`UsageError` if the journal has more rows than the table."""
        if self._taken < self.kept:
            raise self._foreign("it has more rows than the table")

    def _put(self, line: bytes) -> None:
        self._new.write(line)
        self._new.flush()

    def _foreign(self, why: str) -> UsageError:
        return UsageError(
            f"the journal {visible(self.path)} does not belong to this run: {why}",
            hint="grade from the beginning: leave --resume out",
        )


def stamp_of(problems: Mapping[str, Problem], **options: Any) -> str:
    """A digest of everything that a verdict depends on, but for the answer."""
    from . import __version__

    return _hash([__version__, [[p.id, p.points, p.question("")] for p in problems.values()], options])


def _digest(row: Graded) -> str:
    return _hash([list(row.row.names), list(row.row.cells), row.row.error])


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


# -- for the teacher ---------------------------------------------------------------------------------


@dataclass
class ProblemTally:
    """How a problem went: the verdicts, the points given, and the mistakes by code."""

    verdicts: Counter[str] = field(default_factory=Counter)
    points: float = 0.0
    mistakes: Counter[str] = field(default_factory=Counter)

    @property
    def answers(self) -> int:
        """How many answers there are."""
        return sum(self.verdicts.values())

    @property
    def graded(self) -> int:
        """How many of them have points."""
        return self.verdicts["correct"] + self.verdicts["incorrect"]


class Summary:
    """What a teacher wants to know: which problem was hard, and which mistake was made how often.

    problems    id -> tally, for every problem of the key
    mistakes    code -> tally of the problems in which it was made; `names` has the names
    verdicts    verdict -> number of answers
    lines       the first lines of the table with an answer that a teacher must look at
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = {problem: ProblemTally() for problem in problems}
        self.mistakes: dict[str, Counter[str]] = {}
        self.names: dict[str, str] = {}
        self.verdicts: Counter[str] = Counter()
        self.lines: list[int] = []

    def add(self, row: Graded) -> None:
        """Count a row. An answer that several mistakes explain counts for each of them."""
        self.verdicts[row.verdict] += 1
        if row.verdict in ("undecided", "unreadable") and len(self.lines) < 20:
            self.lines.append(row.row.line)
        tally = self.problems.get(row.problem_id)
        if tally is None:
            return
        tally.verdicts[row.verdict] += 1
        tally.points += row.points or 0
        for code, name in {mistake.code: mistake.name for mistake in row.mistakes}.items():
            self.names[code] = name
            tally.mistakes[code] += 1
            self.mistakes.setdefault(code, Counter())[row.problem_id] += 1

    def hardest_first(self) -> list[tuple[str, ProblemTally]]:
        """The problems by the share of correct answers; those without answers at the end."""
        return sorted(
            self.problems.items(),
            key=lambda item: item[1].verdicts["correct"] / item[1].answers if item[1].answers else 2.0,
        )

    def most_frequent_first(self) -> list[tuple[str, Counter[str]]]:
        """The mistakes by how often they were made."""
        return sorted(self.mistakes.items(), key=lambda item: (-item[1].total(), item[0]))


# -- for the students --------------------------------------------------------------------------------


class Feedback:
    """One Markdown file for each student, in a folder; a context manager.

    The files are written row by row in a folder beside them, and get their names when the block has ended
    well. A name is made of letters and digits of the student's and of a digest: it is never a path.
    """

    def __init__(self, folder: str) -> None:
        import tempfile

        self.folder = folder
        try:
            os.makedirs(folder, exist_ok=True)
            self._temporary = tempfile.mkdtemp(dir=folder, prefix=".backprop-")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(
                f"cannot write into {visible(folder)}: {visible(reason)}", hint="choose another folder"
            ) from None

    def __enter__(self) -> Feedback:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        import shutil

        try:
            if kind is None:
                for name in sorted(os.listdir(self._temporary)):
                    os.replace(os.path.join(self._temporary, name), os.path.join(self.folder, name))
        finally:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def add(self, row: Graded) -> None:
        """Write down what to tell the student about a row; one without a student is for nobody."""
        if not row.student:
            return
        path = os.path.join(self._temporary, file_name(row.student))
        is_new = not os.path.exists(path)
        with open(path, "a", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            if is_new:
                stream.write(f"# Feedback for {code_span(row.student)}\n")
            stream.write("\n".join(["", *_feedback_lines(row), ""]))


def _feedback_lines(row: Graded) -> Iterator[str]:
    yield f"## Problem {code_span(row.problem_id or '?')}"
    yield ""
    if row.problem is not None:
        wrt = f", by {code_span(', '.join(row.problem.wrt))}" if row.problem.wrt else ""
        yield f"- Problem: {code_span(row.problem.problem)}{wrt}"
    yield f"- Your answer: {code_span(row.answer)}"
    worth = "" if row.problem is None else f" of {row.problem.points}"
    points = "not decided yet" if row.points is None else f"{row.points}{worth}"
    yield f"- Points: {points}"
    yield ""
    yield markdown(row.feedback)


def file_name(student: str) -> str:
    """The name of a student's file: different for every student, and harmless whatever the student's is.

    >>> file_name("Ann Lee"), file_name("../../etc/passwd")
    ('ann-lee-a36e143c5359.md', 'etc-passwd-3754d6cb3a38.md')
    """
    digest = hashlib.sha256(student.encode("utf-8", "backslashreplace")).hexdigest()[:12]
    words = "-".join(re.findall(r"[a-z0-9]+", student.lower()))[:40].strip("-")
    return f"{words}-{digest}.md" if words else f"student-{digest}.md"


def code_span(text: str, longest: int = 1000) -> str:
    """A text as code in Markdown, whatever is in it; on one line, and cut if it is very long.

    >>> print(code_span("x`y"), code_span("`<b>"), code_span(""))
    ``x`y`` `` `<b> `` (nothing)
    """
    text = " ".join(visible(text).split())
    if not text:
        return "(nothing)"
    if len(text) > longest:
        text = text[:longest] + "…"
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    space = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{fence}{space}{text}{space}{fence}"


def markdown(text: str) -> str:
    """A sentence in which nothing is read as markup but its own pairs of backticks.

    >>> print(markdown("`a*b` <b> 2*x*y www.example.org `"))
    `a*b` \\<b\\> 2\\*x\\*y www\\.example.org \\`
    """
    parts = re.split("(`[^`]+`)", " ".join(visible(text).split()))
    return "".join(part if i % 2 else _MARKUP.sub(r"\\\g<0>", part) for i, part in enumerate(parts))
