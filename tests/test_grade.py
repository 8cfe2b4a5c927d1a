"""Grading tables: what is read and written, that no row is lost, and that nothing in a table does any harm."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from backprop.cli import common
from backprop.errors import BackpropError, UsageError
from backprop.grading import (
    COLUMNS,
    Feedback,
    Graded,
    Journal,
    KeyFault,
    Problem,
    Summary,
    code_span,
    file_name,
    grade,
    grade_rows,
    markdown,
    read_key,
    stamp_of,
    try_key,
)
from backprop.judge import judge
from backprop.session import Session
from backprop.tables import MAX_CELL, MAX_ROW, Record, Table, Writer, form_of
from backprop.worker import Pool

ROOT = Path(__file__).parents[1]
KEY = "problem_id,problem,wrt,order,points\nchain,sin(x^2+3x),x,,2\npower,x^4,,2,1\nsum,x^2+y,x,,1.5\n"


class Instant:
    """Judges at once in this process, and counts what it is asked."""

    def __init__(self):
        self.asked = []

    def stream(self, jobs):
        for job in jobs:
            task = job.task()
            if task is None:
                job.done = True
            else:
                self.asked.append(task["answer"])
                for message in judge(task):
                    job.absorb(message)
                job.absorb({"ended": "done"})
            yield job


class Shared(Session):
    """One session for all tests, so that SymPy is loaded once."""

    def close(self):
        """Stays open."""


@pytest.fixture(scope="module")
def session():
    shared = Shared(2)
    yield shared
    Session.close(shared)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, in which everything happens, with a key in it."""
    monkeypatch.chdir(tmp_path)
    Path("key.csv").write_text(KEY)
    return tmp_path


@pytest.fixture
def run(folder, session, monkeypatch, capsys):
    """Runs `backprop grade` in this process: the exit status, standard output, standard error."""

    def call(*arguments, stdin=b""):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            status = common.run(["grade", *arguments], session)
        out, err = capsys.readouterr()
        return status, out, err

    return call


def records(text, name="answers.csv", **options):
    """The rows of a table: the cells, or the error."""
    data = text if isinstance(text, bytes) else text.encode()
    Path(name).write_bytes(data)
    with Table(name, **options) as table:
        return list(table)


def rows_of(text, delimiter=","):
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def problems(text=KEY):
    return read_key(Record(n, n + 1, list(row), list(row.values())) for n, row in enumerate(rows_of(text), 1))


def graded(*answers, key=KEY, runner=None, **options):
    """Rows (student, problem_id, answer), graded."""
    names = ("student", "problem_id", "answer")
    found = (Record(n, n + 1, names, answer) for n, answer in enumerate(answers, 1))
    return list(grade_rows(found, problems(key), runner or Instant(), **options))


# -- reading tables --------------------------------------------------------------------------------------


def test_the_name_of_a_file_says_its_format():
    assert [form_of(f"a.{end}") for end in ("csv", "TSV", "jsonl", "ndjson", "txt")] == [
        "csv", "tsv", "jsonl", "jsonl", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("a,b\n1,2\n", "csv"),
        ("a;b\n1;2\n", "csv"),
        ("a\tb\n1\t2\n", "tsv"),
        ('{"a": "1", "b": "2"}\n', "jsonl"),
        ("\ufeffa,b\r\n1,2\r\n", "csv"),
    ],
)
def test_without_a_telling_name_the_first_line_says_it(folder, text, form):
    Path("table").write_bytes(text.encode())
    with Table("table") as table:
        assert (table.form, table.columns) == (form, ["a", "b"])
        assert [list(row.cells) for row in table] == [["1", "2"]]


def test_a_quoted_cell_may_have_lines_commas_and_quotes(folder):
    (row, after) = records('a,b\n"x,\n""y""",2\n3,4\n')
    assert (row.cells, row.line, after.cells, after.line) == (['x,\n"y"', "2"], 2, ["3", "4"], 4)


def test_blank_rows_are_skipped_as_spreadsheets_leave_them(folder):
    assert [row.cells for row in records("a,b\n\n,\n1,2\n , \n")] == [["1", "2"]]


def test_short_rows_are_filled_and_empty_cells_at_the_end_are_dropped(folder):
    assert [row.cells for row in records("a,b\n1\n1,2,,\n")] == [["1", ""], ["1", "2"]]


def test_a_comma_without_quotes_is_found_out(folder):
    (row,) = records("student,problem_id,answer\nAnn,grad,[2x, 2y]\n")
    assert row.error == "4 cells, but 3 columns: a cell with a comma in it needs quotes"


@pytest.mark.parametrize("rest", ["Cyd,p,3\nDan,p,4\n", 'Cyd,p,"3"\nDan,p,"4"\n'])
def test_a_quote_that_is_never_closed_costs_its_own_row_only(folder, rest):
    found = records('student,id,answer\nAnn,p,1\nBob,p,"2\n' + rest)
    assert [row.cells[0] for row in found] == ["Ann", "Bob", "Cyd", "Dan"]
    assert [(row.line, row.error) for row in found if row.error] == [(3, "a quote is never closed")]
    assert [row.line for row in found] == [2, 3, 4, 5]


def test_what_stands_behind_a_quote_is_read_as_spreadsheets_do(folder):
    assert records('a,b\n"x"y ,2\n')[0].cells == ["xy ", "2"]


def test_bytes_that_are_not_utf8_cost_their_row_only(folder):
    bad, good = records(b"student,id\nM\xfcller,p\nM\xc3\xbcller,p\n")
    assert bad.error == "byte 0xFC is not UTF-8: save the table as UTF-8"
    assert (bad.cells[0], good.cells[0], good.error) == ("M\\xfcller", "Müller", None)


def test_a_nul_and_a_carriage_return_stay_in_their_cell(folder):
    (row, after) = records(b"a,b\n1\0,2\r3\n4,5\n")
    assert (row.cells, after.cells) == (["1\0", "2\r3"], ["4", "5"])


def test_a_long_cell_is_cut_and_said_to_be_too_long(folder):
    fits, long = records(f"a,b\n{'x' * MAX_CELL},1\n{'x' * (MAX_CELL + 1)},1\n")
    assert (fits.error, len(fits.cells[0])) == (None, MAX_CELL)
    assert (long.error, len(long.cells[0])) == (f"a cell is longer than {MAX_CELL} bytes", 1001)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_row_without_end_is_cut(folder, name):
    start, end = ('{"a": "', '"}\n') if name.endswith("l") else ("", "\n")
    first = '{"a": "1"}\n' if name.endswith("l") else "a\n1\n"
    one, long, last = records(first + start + "x" * 3 * MAX_ROW + end + start + "z" + end, name)
    assert (one.error, long.error, last.error) == (None, f"the row is longer than {MAX_ROW} bytes", None)
    assert last.cells == ["z"]


def test_json_lines_keep_their_values_and_bad_ones_their_place(folder):
    found = records(
        '{"a": 1.5, "b": ["x", null], "c": true}\n'
        '[1]\n{"a": \n{"a": 1, "a": 2}\n\n{"a": 1e999, "b": NaN}\n' + '{"a":' + "[" * 50_000 + "\n",
        "a.jsonl",
    )
    assert found[0].cells == [1.5, ["x", None], True]
    assert [row.error for row in found] == [
        None, "not a JSON object", "not a JSON object: Expecting value", "the key `a` stands twice", None,
        "not a JSON object: nested too deeply",
    ]  # fmt: skip
    assert found[4].cells == ["1e999", "NaN"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the table is empty"),
        (b"\xff\xfea\0,\0", "looks like UTF-16"),
        (b"a,\xff\n", "the header cannot be read"),
        (b'a,"b\n1,2\n', "the header cannot be read"),
    ],
)
def test_a_table_without_a_header_is_an_error(folder, data, message):
    with pytest.raises(UsageError, match=message):
        records(data)


def test_a_file_that_is_not_there_is_an_error(folder):
    with pytest.raises(UsageError, match=r"cannot read none\.csv: No such file"):
        Table("none.csv")


# -- writing tables --------------------------------------------------------------------------------------


def written(cells, form="csv", delimiter=","):
    stream = io.StringIO()
    names = [f"c{i}" for i in range(len(cells))]
    Writer(stream, form, names, delimiter=delimiter).row(names, cells)
    return stream.getvalue()


FORMULAS = ["=1+1", "+1+1", "-2x", "@SUM(A1)", "  =1", "\t=1", "\tx", "＝1", "-1-1", "=HYPERLINK(0)"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_gets_an_apostrophe_and_loses_it_when_it_is_read(folder, text):
    for form in ("csv", "tsv"):
        table = written([text, "x"], form)
        assert next(csv.reader(io.StringIO(table.split("\n", 1)[1]), delimiter="\t" if form == "tsv" else ",")) == [
            "'" + text, "x",
        ]  # fmt: skip
        assert records(table, f"a.{form}")[0].cells == [text, "x"]


@pytest.mark.parametrize("text", ["-3", "-2.5", "x-1", "2x", "'quoted'", "1-1"])
def test_what_is_no_formula_stays_as_it_is(text):
    assert written([text]).split("\n")[1] == text


def test_a_formula_in_a_header_is_none_either():
    stream = io.StringIO()
    Writer(stream, "csv", ["=1", "b"])
    assert stream.getvalue() == "'=1,b\n"


def test_json_lines_need_no_apostrophe():
    assert json.loads(written(["=1", None, 2, 1.5, ["x"]], "jsonl")) == {
        "c0": "=1", "c1": None, "c2": 2, "c3": 1.5, "c4": ["x"],
    }  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_no_control_character_is_written(form):
    text = written(["a\x1b[31m\0\x7f\x9b\u202e\r\ud800b", "two\nlines"], form)
    assert all(c.isprintable() or c in "\n\t" for c in text)
    if form == "jsonl":
        assert json.loads(text)["c0"] == "a\x1b[31m\0\x7f\x9b\u202e\r\ud800b"


def test_columns_of_the_same_name_are_told_apart_in_json():
    stream = io.StringIO()
    Writer(stream, "jsonl", ["a", "a"]).row(["a", "a"], ["1", "2"])
    assert json.loads(stream.getvalue()) == {"a": "1", "a_2": "2"}


# -- the key ---------------------------------------------------------------------------------------------


def test_a_key_says_what_is_asked():
    key = 'ID,Function,Variable,order,Max Points,functions,form,log10\np,"f(x) y",x y,2,"1,5",f,factored,yes\n'
    assert problems(key)["p"] == Problem("p", "f(x) y", ("x", "y"), 2, 1.5, None, ("f",), "factored", True, line=2)


@pytest.mark.parametrize(
    ("problem", "wrt"),
    [("x^2", ("x",)), ("t^2", ("t",)), ("a x^2", ("x",)), ("7", ("x",)), ("d/dt (a t)", ("t",)), ("x^2+y^2=25", ("x",)),
     ("u^2+y^2=1", ("u",)), ("f(t) = a t", ("t",))],
)  # fmt: skip
def test_the_variable_is_settled_by_the_key_and_not_by_an_answer(problem, wrt):
    assert problems(f"id,problem\np,{problem}\n")["p"].wrt == wrt


def test_an_answer_cannot_choose_its_question():
    rows = graded(("Ann", "p", "dx/dt = 0"), ("Bob", "p", "y'' = 2"), key="id,problem\np,x^2\n")
    assert [row.verdict for row in rows] == ["incorrect", "incorrect"]


def test_all_faults_of_a_key_are_listed_with_their_lines():
    key = (
        "id,problem,wrt,order,points,form,log10\na,x^,,,,,\na2,,,,,,\n,x,,,,,\nb,x,,0,,,\nc,x,,,-1,,\nd,x,,,,short,\n"
        'e,x,"x,x",,,,\nf,a*b,,,,,\ng,x,,,,,maybe\nh,x,,,,,\nh,x^2,,,,,\ni,sni(x),,,,,\n'
    )
    with pytest.raises(KeyFault) as caught:
        problems(key)
    assert [line for line, _ in caught.value.faults] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13]
    assert "line 12: the problem_id `h` is also on line 11" in str(caught.value)


def test_a_misspelt_column_of_the_key_is_an_error():
    with pytest.raises(KeyFault, match=r"no column `ordr` \(did you mean `order`\?\)"):
        problems("id,problem,ordr\np,x,2\n")
    assert problems("id,problem,title,chapter\np,x,Chains,3\n")


def test_a_problem_that_has_no_derivative_is_a_fault_of_the_key():
    key = problems('id,problem,wrt\nq,x,x\np,"besselj(n,x)",n\n')
    with pytest.raises(KeyFault) as caught:
        try_key(key, Instant())
    assert [line for line, _ in caught.value.faults] == [3]


def test_a_key_may_be_rows_of_json(folder):
    Path("key.jsonl").write_text('{"id": 1, "problem": "x^2 y", "wrt": ["x", "y"], "points": 2.5, "log10": false}\n')
    with Table("key.jsonl") as table:
        found = read_key(table)
    assert (found["1"].wrt, found["1"].points, found["1"].log10) == (("x", "y"), 2.5, False)


# -- verdicts --------------------------------------------------------------------------------------------


def test_every_verdict_has_its_points_and_its_words():
    right, wrong, bad, unknown, empty = graded(
        ("Ann", "chain", "(2x+3)cos(x^2+3x)"), ("Bob", "sum", "2x+1"), ("Cyd", "chain", "2x++"), ("Dan", "nix", "2x"),
        ("Eve", "power", "  "),
    )  # fmt: skip
    assert right.columns() == ("correct", "proved", 2, "", "", "Correct.")
    assert (wrong.verdict, wrong.how, wrong.points) == ("incorrect", "refuted", 0)
    assert re.fullmatch(
        r"x = \S+, y = \S+: expected \S+, yours \S+|x = \S+: expected \S+, yours \S+", wrong.columns()[4]
    )
    assert wrong.feedback.startswith("Not the right answer")
    assert (bad.verdict, bad.how, bad.points) == ("unreadable", None, None)
    assert bad.feedback.startswith("This could not be read: ")
    assert unknown.feedback == "This could not be read: there is no problem `nix` in the key."
    assert empty.reason == "the answer is empty"


def test_the_order_is_that_of_the_key():
    assert [row.verdict for row in graded(("Ann", "power", "12x^2"), ("Bob", "power", "4x^3"))] == [
        "correct", "incorrect",
    ]  # fmt: skip


def test_a_difference_of_domain_is_told_and_is_not_wrong():
    (row,) = graded(("Ann", "p", "1/(2 sqrt(x)) + ln(x) - ln(x)"), key="id,problem\np,sqrt(x)\n")
    assert row.verdict == "correct"
    (row,) = graded(("Ann", "p", "2 sqrt(x)^2"), key="id,problem\np,x^2\n")
    assert row.feedback.startswith("Correct. Equal wherever both are defined: yours is undefined for x < 0.")


def test_a_right_answer_hears_of_its_form_and_not_how_it_was_read():
    row, odd = graded(("A", "p", "2x(x+1)+x^2"), ("B", "p", "3x^2+2x"), key="id,problem,form\np,x^3+x^2,expanded\n")
    assert row.feedback == "Correct. Note: right, but not expanded: a product of sums is left."
    assert odd.feedback == "Correct."


def test_feedback_does_not_say_the_values():
    (row,) = graded(("Ann", "sum", "x^9"))
    assert row.witness.first not in row.feedback.split("value")[-1]


def test_the_same_answer_is_asked_once_and_graded_for_everybody():
    runner = Instant()
    answers = [(name, "chain", answer) for name in "ABCDE" for answer in ("cos(x^2+3x)", "2x")]
    rows = graded(*answers, runner=runner)
    assert sorted(runner.asked) == ["2x", "cos(x^2+3x)"]
    alone = [row for answer in answers for row in graded(answer)]
    assert [row.columns() for row in rows] == [row.columns() for row in alone]


def test_without_workers_the_run_ends_with_an_error():
    class Broken(Instant):
        def stream(self, jobs):
            for job in jobs:
                job.absorb({"ended": "unavailable", "message": "out of processes"})
                yield job

    with pytest.raises(BackpropError, match="no worker could be started: out of processes"):
        graded(("Ann", "chain", "2x"), runner=Broken())


def work(task):
    """What a worker does in the next test: some answers are too much for it."""
    while task["answer"] == "hang":
        pass
    if task["answer"] == "crash":
        os.abort()
    yield from judge(task)


def test_an_answer_that_takes_forever_is_stopped_and_the_others_go_on():
    with Session(2) as session:
        session._pool = Pool(2, handler="test_grade:work", warm=("flint",))
        begin = time.monotonic()
        answers = ["2x", "hang", "2x+1", "crash", "2x+2"]
        rows = graded(*[("A", "p", text) for text in answers], key="id,problem\np,x^2\n", runner=session, time_limit=1)
        seconds = time.monotonic() - begin
    assert [row.verdict for row in rows] == ["correct", "undecided", "incorrect", "undecided", "incorrect"]
    assert rows[1].feedback == "It could not be decided whether this is right: stopped at the time limit."
    assert rows[3].reason == "the check broke off"
    assert seconds < 10


def test_the_library_takes_rows_and_files(folder):
    answers = [{"name": "Ann", "problem_id": "chain", "answer": "2x"}]
    assert [row.verdict for row in grade(answers, "key.csv", jobs=1)] == ["incorrect"]
    with pytest.raises(KeyFault):
        grade(answers, [{"id": "p", "problem": "x^"}])


# -- the command -----------------------------------------------------------------------------------------

ANSWERS = (
    "Name,problem id,answer,Remark\n"
    'Ann,chain,(2x+3)cos(x^2+3x),"=HYPERLINK(""http://evil"")"\n'
    "Bob,chain,cos(x^2+3x),-3\nCyd,power,-12x^2,\nDan,nix,2x,\n"
)


def test_the_graded_table_has_the_columns_of_the_answers_and_its_own(run):
    Path("answers.csv").write_text(ANSWERS)
    status, out, err = run("answers.csv", "--key", "key.csv")
    assert status == 0
    assert out.split("\n")[0] == "Name,problem id,answer,Remark," + ",".join(COLUMNS)
    rows = rows_of(out)
    assert [row["verdict"] for row in rows] == ["correct", "incorrect", "incorrect", "unreadable"]
    assert [row["points"] for row in rows] == ["2", "0", "0", ""]
    assert [row["Remark"] for row in rows] == ['\'=HYPERLINK("http://evil")', "-3", "", ""]
    assert rows[2]["answer"] == "'-12x^2"
    assert err.startswith("answers.csv:5: unreadable: there is no problem `nix` in the key\n4 answers\n")


def test_the_summary_says_what_was_hard(run):
    Path("answers.csv").write_text(ANSWERS + "Eve,chain,cos(x^2+3x),\n")
    status, out, _ = run("answers.csv", "--key", "key.csv", "-o", "graded.csv")
    assert status == 0
    lines = [line.split() for line in out.splitlines()]
    shown = {line[0]: line[1:7] for line in lines if line}
    assert shown["power"] == ["1", "0", "%", "0", "of", "1"]
    assert shown["chain"] == ["3", "33", "%", "0.667", "of", "2"]
    assert "1 answer has no points: decide yourself (line 5)" in out
    assert run("answers.csv", "--key", "key.csv", "-q")[2].count("\n") == 1


def test_a_graded_table_is_graded_again_to_the_same_bytes(run):
    Path("answers.csv").write_text(ANSWERS)
    run("answers.csv", "--key", "key.csv", "-o", "one.csv")
    run("one.csv", "--key", "key.csv", "-o", "two.csv")
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()


@pytest.mark.parametrize("name", ["graded.tsv", "graded.jsonl"])
def test_the_name_of_the_output_chooses_its_format(run, name):
    Path("answers.csv").write_text(ANSWERS)
    assert run("answers.csv", "--key", "key.csv", "-o", name)[0] == 0
    text = Path(name).read_text()
    rows = rows_of(text, "\t") if name.endswith("tsv") else [json.loads(line) for line in text.splitlines()]
    assert [row["verdict"] for row in rows] == ["correct", "incorrect", "incorrect", "unreadable"]
    if name.endswith("jsonl"):
        assert [row["points"] for row in rows] == [2, 0, 0, None]
        run(name, "--key", "key.csv", "-o", "again.csv")
        run("answers.csv", "--key", "key.csv", "-o", "first.csv")
        assert Path("again.csv").read_bytes() == Path("first.csv").read_bytes()


def test_a_column_that_only_later_rows_have_is_mentioned(run):
    lines = ['{"id": "chain", "answer": "2x"}', '{"id": "chain", "answer": "2x", "mood": "good"}']
    _, _, err = run("-", "--key", "key.csv", "-o", "out.csv", "--input-format", "jsonl",
                    stdin="\n".join(lines).encode())  # fmt: skip
    assert "note: the first row has no `mood`" in err
    assert Path("out.csv").read_text().startswith("id,answer,verdict,")


def test_faults_of_the_key_end_the_run_before_it_begins(run):
    Path("answers.csv").write_text(ANSWERS)
    Path("key.csv").write_text("id,problem\nchain,sin(x\np,\n")
    status, out, err = run("answers.csv", "--key", "key.csv", "-o", "out.csv")
    assert (status, out) == (2, "")
    assert re.search(r"^key\.csv:2: error: .*\n  sin\(x\n     \^", err, re.MULTILINE)
    assert "key.csv:3: error: the problem of `p` is empty" in err
    assert sorted(os.listdir()) == ["answers.csv", "key.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv"], "cannot read none.csv"),
        (["key.csv"], "there is no column `answer`"),
        (["answers.csv", "--jobs", "0"], "`jobs` is a whole number"),
        (["answers.csv", "--time-limit", "nan"], "`time-limit` is a positive number"),
        (["answers.csv", "-o", "key.csv"], "-o would overwrite the key"),
        (["answers.csv", "-o", "no/where.csv"], "cannot write"),
        (["answers.csv", "--resume"], "--resume needs the file"),
        (["answers.csv", "--feedback", "key.csv"], "cannot write into key.csv"),
        (["nobody.csv", "--feedback", "d"], "there is no column `student`"),
        (["two.csv"], "there are two columns `answer`"),
    ],
)
def test_wrong_usage_is_said(run, arguments, message):
    Path("answers.csv").write_text(ANSWERS)
    Path("nobody.csv").write_text("id,answer\nchain,2x\n")
    Path("two.csv").write_text("id,answer,Answer\nchain,2x,3\n")
    status, _, err = run(*arguments, "--key", "key.csv")
    assert (status, message in err) == (2, True), err
    assert "Traceback" not in err
    assert not [name for name in os.listdir() if "part" in name or name.startswith(".")]


def test_the_cluster_must_be_there(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    Path("answers.csv").write_text(ANSWERS)
    status, _, err = run("answers.csv", "--key", "key.csv", "--cluster", "tcp://127.0.0.1:9")
    assert status == 2
    assert 'pip install "backprop[cluster]"' in err


# -- feedback --------------------------------------------------------------------------------------------


def test_every_student_gets_a_file_and_no_name_is_a_path(run):
    evil = ["../../up", "/etc/passwd", "..", "a/b", "a b", "A b", "con", "", "é<script>"]
    Path("answers.csv").write_text("student,id,answer\n" + "".join(f"{name},chain,2x\n" for name in evil))
    assert run("answers.csv", "--key", "key.csv", "-o", "out.csv", "--feedback", "texts/all")[0] == 0
    names = os.listdir("texts/all")
    assert len(names) == len(evil) - 1
    assert all(re.fullmatch(r"[a-z0-9-]+-[0-9a-f]{12}\.md", name) for name in names)
    assert sorted(os.listdir()) == ["answers.csv", "key.csv", "out.csv", "texts"]


def test_the_rows_of_a_student_come_together(folder):
    rows = graded(("Ann", "chain", "(2x+3)cos(x^2+3x)"), ("Bob", "chain", "2x"), ("Ann", "power", "`x`<b>*2*</b>"))
    with Feedback("texts") as feedback:
        for row in rows:
            feedback.add(row)
        assert [name for name in os.listdir("texts") if not name.startswith(".")] == []
    text = Path("texts", file_name("Ann")).read_text()
    assert text.startswith("# Feedback for `Ann`\n\n## Problem `chain`\n\n- Problem: `sin(x^2+3x)`, by `x`\n")
    assert "- Your answer: `` `x`<b>*2*</b> ``\n" in text
    assert "- Points: 2 of 2\n\nCorrect.\n" in text


def test_feedback_that_breaks_off_leaves_nothing(folder):
    (row,) = graded(("Ann", "chain", "2x"))
    feedback = Feedback("texts")
    feedback.add(row)
    feedback.__exit__(KeyboardInterrupt)
    assert os.listdir("texts") == []


@pytest.mark.parametrize("text", ["`", "``", "a`b``c", " ` ", "<script>", "a\n\n# b", "\\`", "x" * 5000, "\x1b[1m"])
def test_a_code_span_ends_where_it_should(text):
    span = code_span(text)
    fence = re.match("`+", span)[0]
    assert span.endswith(fence)
    assert "\n" not in span
    assert "\x1b" not in span
    inside = span[len(fence) : -len(fence)]
    assert fence not in [run[0] for run in re.finditer("`+", inside)]
    assert len(span) < 1100


def test_a_sentence_is_never_markup():
    said = markdown("`ok` <img src=x> [a](http://b) *c* _d_ `e \\ www.x.y & | #\n\n# no")
    assert said == ("`ok` \\<img src=x\\> \\[a\\](http\\://b) \\*c\\* \\_d\\_ \\`e \\\\ www\\.x.y \\& \\| \\# \\# no")


# -- interruptions ---------------------------------------------------------------------------------------


def interrupted(answers, key, runner, after):
    """Grades with a journal, until Ctrl-C comes after so many rows."""
    names = ("student", "problem_id", "answer")
    found = (Record(n, n + 1, names, row) for n, row in enumerate(answers, 1))
    with suppress(KeyboardInterrupt), Journal("journal", stamp_of(key), resume=False) as journal:
        for n, _ in enumerate(grade_rows(found, key, runner, journal=journal), 1):
            if n == after:
                raise KeyboardInterrupt


def resumed(answers, key, runner):
    """Goes on with that journal."""
    names = ("student", "problem_id", "answer")
    found = (Record(n, n + 1, names, row) for n, row in enumerate(answers, 1))
    with Journal("journal", stamp_of(key), resume=True) as journal:
        return [row.columns() for row in grade_rows(found, key, runner, journal=journal)]


@pytest.mark.parametrize("torn", [b"", b'{"digest": "half a li'])  # a run that was killed may leave half a line
def test_a_resumed_run_asks_only_what_is_left(folder, torn):
    answers = [("Ann", "chain", f"{k}x") for k in range(1, 7)]
    first, second = Instant(), Instant()
    interrupted(answers, problems(), first, after=4)
    with open("journal", "ab") as stream:
        stream.write(torn)
    assert resumed(answers, problems(), second) == [row.columns() for row in graded(*answers)]
    assert (first.asked, second.asked) == (["1x", "2x", "3x", "4x"], ["5x", "6x"])
    assert not os.path.exists("journal")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("key", "another key, other options or another version"),
        ("row", "row 1 of the answers is not the one that was graded"),
        ("fewer", "it has more rows than the table"),
        ("damage", "its line 2 is damaged"),
    ],
)
def test_a_journal_of_something_else_is_refused(folder, change, message):
    answers, key = [("Ann", "chain", "2x"), ("Bob", "chain", "3x"), ("Cyd", "chain", "4x")], problems()
    interrupted(answers, key, Instant(), after=2)
    if change == "key":
        key = problems(KEY.replace("x^4", "x^5"))
    elif change == "row":
        answers[0] = ("Ann", "chain", "4x")
    elif change == "fewer":
        answers = answers[:1]
    else:
        lines = Path("journal").read_bytes().split(b"\n")
        Path("journal").write_bytes(b"\n".join([lines[0], b"[]", *lines[2:]]))
    before = Path("journal").read_bytes()
    with pytest.raises(UsageError, match=message):
        resumed(answers, key, Instant())
    assert Path("journal").read_bytes() == before


def process(*arguments, **options):
    """`backprop grade` in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "backprop", "grade", *arguments]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, **options
    )


def wait_for_rows(count, name="out.csv.part.jsonl"):
    """Wait until so many rows are done."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if Path(name).read_bytes().count(b"\n") > count:
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError("no rows")


def test_an_interrupted_run_leaves_no_table_and_goes_on_to_the_same_bytes(run):
    lines = [f"s{k % 7},power,12x^2 + {k % 5}x - {k}x" for k in range(150)]
    Path("answers.csv").write_text("student,id,answer\n" + "\n".join(lines) + "\n")
    arguments = ["answers.csv", "--key", "key.csv", "-o", "out.csv", "--feedback", "texts"]
    kept = 0
    for how, status in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        running = process(*arguments, *(["--resume"] if kept else []))
        wait_for_rows(kept + 10)
        running.send_signal(how)
        _, err = running.communicate(timeout=20)
        assert running.returncode == status
        assert (b"rows, which are kept: go on with --resume" in err) == (how == signal.SIGINT)
        assert not os.path.exists("out.csv")
        before, kept = kept, Path("out.csv.part.jsonl").read_bytes().count(b"\n") - 1
        assert before + 10 <= kept < 150
    assert run(*arguments, "--resume", "-q")[0] == 0
    assert run("answers.csv", "--key", "key.csv", "-o", "whole.csv", "-q")[0] == 0
    assert Path("out.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert not os.path.exists("out.csv.part.jsonl")
    assert len([name for name in os.listdir("texts") if not name.startswith(".")]) == 7


# -- a whole class, and some who are not kind ------------------------------------------------------------

HOSTILE = [
    "9**9**9**9", "(" * 50_000, "(" * 20_000 + "x" + ")" * 20_000, "2x\0", "2x\x1b[31m", "2x\u202e", "2x\r+1",
    '=HYPERLINK("http://evil")', "@SUM(A1)", "\t=1", "x" * 70_000, "+".join("x" * 5000), "sin(" * 300 + "x" + ")" * 300,
    "x^(x^(x^(x^x)))", "factorial(10^9)", "(1+x)^100000", "sin(10^(10^9))", "<b>2x</b>", "`2x`", "2x,2y", "'2x", "[1,2",
    "2x\n\n\n+ 1", '"2x"', "𝟐x", "2х", "gamma(x^1000)", "1/0", "e^(e^(e^(e^(e^x))))", "_", "#", "None",
    "__import__('os')",
]  # fmt: skip


def test_a_thousand_mixed_answers_all_get_a_verdict(run):
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["student", "id", "answer", "remark"])
    for k in range(1000):
        answer = HOSTILE[k // 10 % len(HOSTILE)] if k % 10 == 0 else f"{k % 23}x + {k % 5} cos(x^2+3x)(2x+3)"
        table.writerow([f"s{k % 40}", ["chain", "sum", "power"][k % 3], answer, f"={k}"])
    lines = stream.getvalue().encode("utf-8", "surrogatepass").split(b"\n")
    lines[1] = b"s\xff,chain,2x,"
    lines[2] = b's,chain,"2x,'
    Path("answers.csv").write_bytes(b"\n".join(lines))
    begin = time.monotonic()
    status, _, err = run("answers.csv", "--key", "key.csv", "-o", "out.csv", "--time-limit", "2")
    assert (status, time.monotonic() - begin < 60) == (0, True), err
    text = Path("out.csv").read_text(encoding="utf-8")
    rows = rows_of(text)
    assert len(rows) == 1000
    assert all(row["verdict"] in ("correct", "incorrect", "undecided", "unreadable") for row in rows)
    assert [row["remark"] for row in rows[2:]] == [f"'={k}" for k in range(2, 1000)]
    assert all(c.isprintable() or c in "\n\t" for c in text)
    assert not [cell for row in rows for cell in row.values() if re.match(r"\s*[=+@\t]|-(?!\d+$)", cell)]


def test_the_number_of_workers_changes_nothing(run):
    lines = [f"s{k},{['chain', 'power', 'sum'][k % 3]},{k % 9}x^2 + cos({k}x)" for k in range(60)]
    Path("answers.csv").write_text("student,id,answer\n" + "\n".join(lines) + "\n")
    alone = process("answers.csv", "--key", "key.csv", "--jobs", "1")
    _, out, err = run("answers.csv", "--key", "key.csv")  # the session of these tests has two workers
    assert [text.decode() for text in alone.communicate(timeout=60)] == [out, err]
    assert out.count("\n") == 61


# -- the summary -----------------------------------------------------------------------------------------


def test_the_summary_counts_each_mistake_once_for_an_answer():
    from backprop.verdicts import Mistake

    row = Graded(Record(1, 2, (), ()), "Ann", "p", "2", problems("id,problem\np,x^2\n")["p"], verdict="incorrect")
    row.mistakes = [Mistake("M01", "one", None, None, ""), Mistake("M01", "one", "v1", None, ""),
                    Mistake("M05", "five", None, None, "")]  # fmt: skip
    summary = Summary(["p", "q"])
    for _ in range(3):
        summary.add(row)
    assert summary.most_frequent_first() == [("M01", {"p": 3}), ("M05", {"p": 3})]
    assert [name for name, _ in summary.hardest_first()] == ["p", "q"]


def test_the_examples_are_graded(session):
    with Table(str(ROOT / "examples" / "key.csv")) as table:
        key = read_key(table)
    with Table(str(ROOT / "examples" / "answers.csv")) as table:
        rows = list(grade_rows(table, key, session))
    assert {row.verdict for row in rows} == {"correct", "incorrect", "unreadable"}
    assert all(row.problem is not None for row in rows)
