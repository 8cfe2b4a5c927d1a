"""The command line: what it reads and prints, its exit statuses, and that nothing makes it fall over."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backprop import __main__ as program
from backprop import derivation as derivation_module
from backprop.cli import common
from backprop.cli.check import KEYS as check_keys
from backprop.cli.check import check
from backprop.cli.diff import ROW_OPTIONS, diff
from backprop.cli.equal import KEYS as equal_keys
from backprop.cli.equal import equal
from backprop.cli.graph import DERIVED, DRAWN, graph
from backprop.cli.plot import plot
from backprop.cli.report import report
from backprop.errors import display_width
from backprop.session import Derive, Job, Session
from streams import SOURCE, Stream, process

FAST = ("--no-verify", "--no-simplify")


# -- what is printed -------------------------------------------------------------------------------------


def test_one_equation_prints_its_whole_trace(cli):
    status, out, err = cli("diff", "3*(x+2)**2", "--wrt", "x")
    assert (status, err) == (0, "")
    assert [line for line in out.splitlines() if line and line[0] != " "] == [
        "read as  f(x) = 3·(x + 2)²",
        "Forward",
        "Backward          (v̄1 means ∂f/∂v1; start with f̄ = 1; sends = adjoint · local derivative)",
        "Adjoints          (what arrives at a node)",
        "Gradient          (df/dx is x̄)",
        "✓ proved equal to sympy.diff",
    ]
    assert "  df/dx = 6·(x + 2)\n" in out


def test_several_equations_print_a_line_each(cli):
    status, out, _ = cli("diff", "x^2", "x*y")
    assert status == 0
    assert out.splitlines() == [
        "f(x) = x²   df/dx = 2·x   ✓ proved equal to sympy.diff",
        "f(x, y) = x·y   ∂f/∂x = y, ∂f/∂y = x   ✓ proved equal to sympy.diff",
    ]


def test_several_equations_with_steps_print_their_traces(cli):
    out = cli("diff", "x^2", "x+", "x^3", "--steps", "all", *FAST).out
    assert out.count("Backward") == 2
    assert "x+   error: the equation ends" in out


def test_one_equation_from_a_pipe_prints_its_trace_and_several_a_line_each(cli):
    assert "Backward" in cli("diff", *FAST, stdin="# one\n\nx^2\n").out
    assert cli("diff", *FAST, stdin="x^2\nx^3\n").out.count("\n") == 2


def test_values_at_a_point_stand_beside_the_formulas(cli):
    out = cli("diff", "5*a**2/(1+exp(b))", "--at", "a=2", "--at", "b=0").out
    assert "  f  = v2/v4   quotient          = 10\n" in out
    assert "  ∂f/∂b = −5·a²·e^b / (1 + e^b)² = −5\n" in out


def test_commas_inside_brackets_of_a_point_do_not_split(cli):
    assert "df/dx = 2·x = 6" in cli("diff", "x^2", "--at", "x=max(1,3)", "--steps", "result").out


def test_the_order_can_be_higher(cli):
    assert cli("diff", "-q", "x^4", "--order", "3").out == "24*x\n"


def test_functions_can_be_declared(cli):
    assert cli("diff", "-q", "f(g(x))", "--functions", "f,g").out == "f'(g(x))*g'(x)\n"


def test_digits_are_chosen(cli):
    out = cli("diff", "sin(x)", "--at", "x=1", "--digits", "30", "--steps", "result").out
    assert "0.540302305868139717400936607443" in out


# -- the quiet form --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["3*(x+2)**2"], "6*(x + 2)"),
        (["x*y"], "[y, x]"),
        (["x*y", "--wrt", "y,x"], "[x, y]"),
        (["x*y", "--wrt", "y"], "x"),
        (["7"], "0"),
        (["x", "--wrt", "z"], "0"),
        (["9**9**9**9 + x"], "1"),
        (["y = x^2"], "2*x"),
        (["d/dx x^2"], "2*x"),
    ],
)
def test_quiet_prints_the_result_alone(cli, arguments, line):
    assert cli("diff", "-q", *arguments) == (0, line + "\n", "")


def test_quiet_prints_an_empty_line_for_a_bad_row_and_says_why_elsewhere(cli):
    status, out, err = cli("diff", "-q", "x^2", "x+", "x^3")
    assert (status, out) == (2, "2*x\n\n3*x**2\n")
    assert err == "error: the equation ends after `+`\n  x+\n   ^ write what comes next\n"


def test_quiet_prints_a_huge_result_as_definitions_on_one_line(cli):
    text = "x"
    for _ in range(200):
        text = f"sin({text})*y"
    out = cli("diff", "-q", text, *FAST).out
    assert out.count("\n") == 1
    assert re.match(r"t1 = .*; t2 = .*; \[.*\]\n", out)


# -- dashes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["-x^2"], "-2*x"),
        (["-x"], "-1"),
        (["--x"], "1"),
        (["--", "-q"], "-1"),
        (["-q*x"], "[-x, -q]"),
        (["-e^x"], "-exp(x)"),
        (["-1/x", "--wrt=x"], "1/x**2"),
        (["--wrt", "x", "-x"], "-1"),
    ],
)
def test_an_argument_that_is_not_exactly_an_option_is_an_equation(cli, arguments, line):
    assert cli("diff", "-q", *arguments).out == line + "\n"


def test_a_short_option_takes_no_equals_sign(cli):
    assert "cannot read" not in cli("diff", "-f=2").err


def test_a_mistyped_option_gets_a_note(cli):
    assert "did you mean `--order`?" in cli("diff", "--ordr", *FAST).err


def test_a_dash_is_standard_input(cli):
    assert cli("diff", "-q", "-", *FAST, stdin="x^2\n").out == "2*x\n"
    assert cli("diff", "-q", "-f", "-", *FAST, stdin="x^2\n").out == "2*x\n"


def test_with_arguments_standard_input_is_not_read(cli):
    assert cli("diff", "-q", "x^3", *FAST, stdin="x^2\n").out == "3*x**2\n"


def test_with_nothing_on_a_terminal_there_is_usage(cli):
    status, out, err = cli("diff", terminal=True)
    assert (status, out) == (2, "")
    assert 'for example: backprop diff "x^2 sin x"' in err


def test_with_standard_input_closed_there_is_usage(cli):
    assert cli("diff", stdin=None).status == 2


# -- JSON ------------------------------------------------------------------------------------------------

KEYS = ["version", "source", "input", "equation", "output", "wrt", "order", "gradient", "nodes", "edges", "at", "value", "gradient_value", "notes", "verified"]  # fmt: skip  # noqa: E501


def test_json_has_exactly_the_keys_of_the_contract(cli):
    status, out, _ = cli("diff", "y = 3(x + 2)²", "--at", "x=1", "--format", "json")
    data = json.loads(out)
    assert status == 0
    assert list(data) == KEYS
    assert data["source"] == {"file": None, "line": 1}
    assert (data["input"], data["equation"], data["output"]) == ("y = 3(x + 2)²", "y = 3*(x + 2)**2", "y")
    assert (data["wrt"], data["order"], data["gradient"]) == (["x"], 1, {"x": "6*(x + 2)"})
    assert (data["at"], data["value"], data["gradient_value"]) == ({"x": "1"}, "27", {"x": "18"})
    assert data["nodes"][1] == {
        "name": "v1", "op": "add", "rule": "R02", "operands": ["x", "2"], "shape": [], "primal": "x + 2",
        "adjoint": "6*(x + 2)", "value": "3", "adjoint_value": "18",
    }  # fmt: skip
    assert set(data["edges"][0]) == {"from", "to", "rule", "partial", "sends", "partial_value", "sends_value"}
    assert set(data["verified"]) == {"status", "how", "points", "digits", "limit"}
    assert data["verified"]["status"] == "proved"


def test_json_rows_come_in_order_with_error_rows_among_them(cli):
    status, out, err = cli("diff", "--format", "json", *FAST, stdin=b"x^2\n\nx+\n\xff\nx\n")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 2
    assert err == ""
    assert [row["source"]["line"] for row in rows] == [1, 3, 4, 5]
    assert rows[1] == {
        "version": 1,
        "source": {"file": "-", "line": 3},
        "input": "x+",
        "error": {
            "kind": "parse",
            "message": "the equation ends after `+`",
            "column": 2,
            "hint": "write what comes next",
        },
    }
    assert rows[2]["error"]["kind"] == "encoding"


def test_json_of_a_huge_result_begins_with_definitions(cli):
    text = "x"
    for _ in range(150):
        text = f"sin({text})*y"
    data = json.loads(cli("diff", text, "--format", "json", *FAST).out)
    assert list(data)[3:5] == ["definitions", "equation"]


def test_json_without_a_variable(cli):
    data = json.loads(cli("diff", "7", "--format", "json").out)
    assert (data["wrt"], data["gradient"]) == ([], {})
    assert data["notes"]


def test_a_json_row_has_its_own_options(cli):
    row = {
        "equation": "a x^2",
        "wrt": ["x"],
        "at": {"a": 3, "x": "1/2"},
        "order": 1,
        "digits": 5,
        "no-verify": True,
        "no-simplify": True,
    }
    data = json.loads(cli("diff", "--format", "json", stdin=json.dumps(row)).out)
    assert data["gradient_value"] == {"x": "3"}
    assert data["input"] == "a x^2"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"equation": "x", "order": 0}, "`order` is a whole number"),
        ({"equation": "x", "order": True}, "`order` is a whole number"),
        ({"equation": "x", "ordr": 2}, "unknown key `ordr`"),
        ({"equation": "x", "format": "json"}, "`format` is for the whole run"),
        ({"wrt": ["x"]}, "no `equation`"),
        ({"equation": 3}, "no `equation`"),
        ({"equation": "x", "wrt": "x,x"}, "named twice"),
        ({"equation": "x", "at": {"x": "y"}}, "is not a number"),
        ({"equation": "x", "at": [1]}, "values of variables"),
        ({"equation": "x", "time-limit": -1}, "positive number of seconds"),
        ({"equation": "x", "time-limit": "nan"}, "positive number of seconds"),
        ({"equation": "x", "no-verify": "yes"}, "true or false"),
    ],
)
def test_a_json_row_with_a_fault_is_an_error_row_of_kind_usage(cli, row, words):
    out = cli("diff", "--format", "json", *FAST, stdin=json.dumps(row) + "\nx\n").out.splitlines()
    error = json.loads(out[0])["error"]
    assert error["kind"] == "usage"
    assert words in error["message"]
    assert json.loads(out[1])["gradient"] == {"x": "1"}


def test_json_is_ascii_where_the_output_is_not_utf_8(cli):
    out = cli("diff", "θ^2", "--format", "json", *FAST, encoding="latin-1").out
    assert out.isascii()
    assert json.loads(out)["wrt"] == ["θ"]


# -- exit statuses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["x^2"], 0),
        (["x^2", "--no-verify"], 0),
        (["x^2", "x+"], 2),
        (["x+y+z", "--max-nodes", "1", *FAST], 4),
        (["x+y+z", "x+", "--max-nodes", "1", *FAST], 2),
        (["sin(x)^3*exp(x^2)*x", "--time-limit", "0.001"], 3),
        (["x", "--order", "0"], 2),
        (["x", "--order", "two"], 2),
        (["x", "--format", "xml"], 2),
        (["x", "--wrt", "x,x"], 2),
        (["x", "--wrt", ""], 2),
        (["x", "--wrt", "pi"], 2),
        (["x", "--at", "x"], 2),
        (["x", "--at", "x=1,x=2"], 2),
        (["x", "--at", "x=y"], 2),
        (["x", "--at", "x=1/0"], 2),
        (["x", "--width", "3"], 2),
        (["x", "--jobs", "0"], 2),
        (["x", "--time-limit", "nan"], 2),
        (["x", "--order"], 2),
        (["-f", "no/such/file"], 2),
        (["x^2 + y^2 = 25"], 0),
        (["x^2 = 25"], 2),
        (["--version=3"], 2),
    ],
)
def test_the_exit_status_is_that_of_the_worst_line(cli, arguments, status):
    result = cli("diff", *arguments)
    assert result.status == status
    assert "Traceback" not in result.err
    assert status in (0, 3) or result.err


def test_a_derivative_that_sympy_contradicts_ends_with_70(cli, monkeypatch):
    def absorb(self, message):
        self.verified = derivation_module.Verification("failed", "FAILED: planted")

    monkeypatch.setattr(derivation_module.Derivation, "absorb", absorb)
    for arguments in (["x^2"], ["x^2", "x"], ["-q", "x^2"], ["x^2", "--format", "json"]):
        assert cli("diff", *arguments).status == 70
    assert "✗ FAILED: planted" in cli("diff", "x^2").out
    assert "FAILED: planted" in cli("diff", "-q", "x^2").err


@pytest.mark.parametrize(
    "fault", [RuntimeError("planted\nfault"), RecursionError(), MemoryError(), ZeroDivisionError("x")]
)
def test_an_unexpected_failure_is_one_row_and_one_line_and_the_others_go_on(cli, monkeypatch, fault):
    true_derive = derivation_module.derive

    def derive(text, *arguments, **options):
        if text == "bad":
            raise fault
        return true_derive(text, *arguments, **options)

    monkeypatch.setattr(derivation_module, "derive", derive)
    status, out, err = cli("diff", "-q", "x^2", "bad", "x^3", *FAST)
    assert (status, out) == (70, "2*x\n\n3*x**2\n")
    assert err.startswith(f"error: internal error: {type(fault).__name__}")
    assert err.count("\n") == 1
    rows = cli("diff", "--format", "json", "bad", *FAST).out
    assert json.loads(rows)["error"]["kind"] == "internal"
    assert "Traceback" in cli("diff", "bad", "--debug", *FAST).err


def test_a_failure_of_the_program_itself_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(common, "run", lambda *_: 1 / 0)
    assert program.main(["diff", "x", *FAST]) == 70
    captured = capsys.readouterr()
    assert captured.err == "internal error: ZeroDivisionError: division by zero\n"
    assert program.main(["diff", "x", "--debug", *FAST]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_ends_with_130(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(common, "run", interrupt)
    assert program.main(["diff", "x", *FAST]) == 130
    assert capsys.readouterr().err == ""


# -- errors ----------------------------------------------------------------------------------------------


def test_an_error_shows_the_place_and_the_remedy(cli):
    assert cli("diff", "3*sni(x+2)").err.splitlines() == [
        "error: unknown function `sni`",
        "  3*sni(x+2)",
        "    ^^^ did you mean `sin`? If s, n and i are variables, write s*n*i*(x+2)",
    ]


def test_an_error_from_a_file_names_file_line_and_column(cli, tmp_path):
    path = tmp_path / "equations.txt"
    path.write_text("x\n\nx+\n")
    assert cli("diff", "-f", str(path), *FAST).err.startswith(f"{path}:3:2: error: the equation ends")
    assert cli("diff", *FAST, stdin="x+\n").err.startswith("-:1:2: error: the equation ends")


def test_the_caret_stands_under_its_place_behind_wide_characters(cli):
    _, line, caret = cli("diff", "日 + $").err.splitlines()
    assert "^" in caret
    assert display_width(line) >= len(caret.split("^")[0])


@pytest.mark.parametrize("text", ["x" * 5 + "$" * 100_000, "(" * 100_000, "sin" * 50_000 + "$"])
def test_no_message_is_long(cli, text):
    assert len(cli("diff", text, *FAST).err) < 4500


@pytest.mark.parametrize("text", ["[red]x", "[/]x", "\x1b[31mx", "x\x00y", "x\x9b31m", "x\u202ey", "x\x7f", "\ud800x"])
@pytest.mark.parametrize("form", [[], ["-q"], ["--format", "json"], ["--color", "always"]])
def test_hostile_text_is_harmless(cli, text, form):
    result = cli("diff", text, "x+$[bold]", *form, *FAST)
    bare = re.sub(r"\x1b\[[0-9;]*m", "", result.out) if "always" in form else result.out
    for shown in (bare, result.err):
        assert not set(re.findall(r"[^\n -~]", shown)) & set("\x1b\x00\x9b\u202e\x7f\t")
    assert "Traceback" not in result.err


def test_arguments_of_invalid_bytes_are_an_error():
    result = process("diff", b"x\xff", *FAST)
    assert result.returncode == 2
    assert b"not UTF-8" in result.stderr


# -- output ----------------------------------------------------------------------------------------------


def test_a_pipe_has_no_escape_codes_and_no_folding(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    out = cli("diff", "x^2 sin(x) cos(x) tan(x) + x^3", *FAST).out
    assert "\x1b" not in out
    assert out.splitlines()[0] == "read as  f(x) = x²·sin(x)·cos(x)·tan(x) + x³"


@pytest.mark.parametrize("columns", [40, 80])
def test_on_a_terminal_lines_are_folded_and_coloured(cli, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for equations in (["5*a**2/(1+exp(b))", "--at", "a=2,b=1/3"], ["x^2 sin(x) cos(x) tan(x) + x^3", "x"]):
        out = cli("diff", *equations, terminal=True).out
        assert "\x1b[" in out
        lines = re.sub(r"\x1b\[[0-9;]*m", "", out).splitlines()
        assert max(map(display_width, lines)) <= columns


@pytest.mark.parametrize("setting", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_switched_off_by_the_environment(cli, monkeypatch, setting):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" in cli("diff", "x", *FAST, terminal=True).out
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    assert "\x1b" not in cli("diff", "x", *FAST, terminal=True).out
    assert "\x1b" in cli("diff", "x", *FAST, "--color", "always").out


def test_colours_can_be_switched_off_by_an_option(cli):
    assert "\x1b" not in cli("diff", "x", *FAST, "--color", "never", terminal=True).out


@pytest.mark.parametrize("columns", ["0", "-5", "abc", "", "1", "99999999999"])
def test_a_senseless_width_is_ignored(cli, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    assert cli("diff", "x", *FAST, terminal=True).status == 0


def test_without_utf_8_the_output_is_ascii(cli):
    for encoding in ("ascii", "latin-1", "cp437"):
        result = cli("diff", "θ^2 + sin(θ)", *FAST, encoding=encoding)
        assert result.status == 0
        assert result.out.isascii()
    assert cli("diff", "θ^2", "--ascii", "-q", *FAST).out == "2*theta\n"


def test_output_to_a_file_is_the_same_as_to_a_pipe(cli, tmp_path):
    path = tmp_path / "out.txt"
    assert cli("diff", "x^2", "-o", str(path), *FAST) == (0, "", "")
    assert path.read_text(encoding="utf-8") == cli("diff", "x^2", *FAST).out
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_file_appears_only_when_it_is_whole(cli, tmp_path, monkeypatch):
    path = tmp_path / "out.txt"
    path.write_text("before")
    true_stream = Session.stream

    def stream(self, jobs):
        for i, job in enumerate(true_stream(self, jobs)):
            assert path.read_text() == "before"
            if i == 1:
                raise KeyboardInterrupt
            yield job

    monkeypatch.setattr(Session, "stream", stream)
    with pytest.raises(KeyboardInterrupt):
        cli("diff", "x", "y", "-q", "-o", str(path), *FAST)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_single_equation_that_fails_leaves_no_file(cli, tmp_path):
    assert cli("diff", "x+", "-o", str(tmp_path / "out.txt")).status == 2
    assert list(tmp_path.iterdir()) == []


def test_rows_with_errors_are_rows_of_the_file(cli, tmp_path):
    path = tmp_path / "out.jsonl"
    assert cli("diff", "x", "x+", "--format", "json", "-o", str(path), *FAST).status == 2
    assert path.read_text().count("\n") == 2


def test_a_file_that_cannot_be_written_is_a_usage_error(cli, tmp_path):
    status, _, err = cli("diff", "x", "-o", str(tmp_path / "no" / "out.txt"), *FAST)
    assert status == 2
    assert "cannot write" in err


def test_a_device_is_written_directly(cli):
    assert cli("diff", "x", "-o", os.devnull, *FAST).status == 0
    assert not os.path.isfile(os.devnull)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("redirect", [True, False])
def test_a_full_disk_gives_a_message(redirect):
    with open("/dev/full", "wb") as full:
        if redirect:
            result = process("diff", "x", *FAST, capture_output=False, stdout=full, stderr=subprocess.PIPE)
        else:
            result = process("diff", "x", *FAST, "-o", "/dev/full")
    assert result.returncode == 70
    assert b"No space left" in result.stderr
    assert result.stderr.count(b"\n") == 1


# -- processes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "line"), [(["-q"], b"2*x\n"), (["--color", "always"], "f(x) = x²   df/dx = 2·x".encode())]
)
def test_a_reader_that_closes_the_pipe_ends_the_program_quietly(tmp_path, how, line):
    path = tmp_path / "many.txt"
    path.write_text("x^2\n" * 20_000)
    command = [sys.executable, "-m", "backprop", "diff", *how, "-f", str(path), *FAST]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": SOURCE}
    ) as running:
        first = running.stdout.readline()
        assert first == line if how == ["-q"] else line in re.sub(rb"\x1b\[[0-9;]*m", b"", first)
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0


def test_ctrl_c_in_a_batch_ends_at_once_with_whole_rows(tmp_path):
    path = tmp_path / "many.txt"
    path.write_text("x^2\n" * 200_000)
    command = [sys.executable, "-m", "backprop", "diff", "-q", "-f", str(path), *FAST]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": SOURCE}
    ) as running:
        first = os.read(running.stdout.fileno(), 100_000)
        begin = time.monotonic()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate()
    assert time.monotonic() - begin < 1
    assert (running.returncode, err) == (130, b"")
    assert set((first + out).splitlines(keepends=True)) == {b"2*x\n"}


def test_an_answer_is_not_held_back_while_a_pipe_is_open():
    with subprocess.Popen(
        [sys.executable, "-m", "backprop", "diff", "-q"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": SOURCE},
    ) as running:  # fmt: skip
        for line, answer in ((b"x^2\n", b"2*x\n"), (b"x^3\n", b"3*x**2\n")):
            running.stdin.write(line)
            running.stdin.flush()
            assert running.stdout.readline() == answer


def test_it_works_with_an_empty_environment(tmp_path):
    code = f"import sys; sys.path.insert(0, {SOURCE!r}); from backprop.__main__ import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code, "diff", "x^2", "--steps", "result"],
        env={}, cwd=tmp_path, capture_output=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, b"")
    assert "df/dx = 2" in result.stdout.decode()


def test_it_works_in_a_poor_environment():
    result = process(
        "diff",
        "θ^2",
        *FAST,
        env={"LC_ALL": "C", "LANG": "C", "TERM": "dumb", "COLUMNS": "0", "HOME": "/no", "NO_COLOR": "1"},
    )
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_survived(closed):
    command = f'exec "$0" -m backprop diff x+ {" ".join(FAST)} {closed}'
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    result = subprocess.run(["sh", "-c", command, sys.executable], env=environment, check=False, capture_output=True)
    assert result.returncode == 2
    assert b"Traceback" not in result.stderr


def test_sympy_missing_leaves_the_derivative_and_says_so(tmp_path):
    (tmp_path / "sympy.py").write_text("raise ImportError('planted')")
    result = process("diff", "x^2 sin(x)", "--steps", "result", env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{SOURCE}"})
    out = result.stdout.decode()
    assert result.returncode == 3
    assert re.search(r"df/dx = .*cos\(x\)", out)
    assert "! not verified: SymPy could not be started" in out
    assert "note: not simplified, shown as derived" in out


def test_the_progress_bar_is_for_long_batches_on_a_terminal_only(tmp_path):
    path = tmp_path / "many.txt"
    path.write_text("x^2\n" * 8_000)
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "backprop", "diff", "-q", "-f", str(path), *FAST],
        stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "PYTHONPATH": SOURCE, "TERM": "xterm"},
    ):  # fmt: skip
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:  # the end of a terminal
            pass
    os.close(ours)
    assert b"equations" in shown


# -- start ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "workers"),
    [
        ("diff x", 1),
        ("diff -x", 1),
        ("diff x y", 2),
        ("diff -f file --jobs 7", 7),
        ("diff -f file --jobs=7", 7),
        ("diff -", 2),
        ("diff x --no-verify", 1),
        ("diff x --no-simplify --no-verify", 0),
        ("diff --help", 0),
        ("diff x -h", 0),
        ("diff -- -h", 1),
        ("--help", 0),
        ("--version", 0),
        ("", 0),
        ("x^2", 0),
        ("diff x --order two", 0),
        ("diff x --order 0", 0),
        ("diff x --order", 0),
        ("diff x --format xml", 0),
        ("diff x --format=xml", 0),
        ("diff x --time-limit nan", 0),
        ("diff x --ascii=3", 0),
        ("diff x --wrt=", 0),
        ("graph x --at x=1", 1),
        ("plot x --open", 1),
        ("report file", 2),
        ("report file --jobs 1 --blank", 1),
        ("report file --format pdf", 0),
    ],
)
def test_the_worker_starts_for_work_and_not_for_help_or_wrong_usage(line, workers, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Stream())
    assert program.workers_wanted(line.split()) == workers


def test_without_input_no_worker_starts(monkeypatch):
    monkeypatch.setattr(sys, "stdin", Stream(terminal=True))
    assert program.workers_wanted(["diff"]) == 0
    monkeypatch.setattr(sys, "stdin", None)
    assert program.workers_wanted(["diff"]) == 0


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        (diff, ROW_OPTIONS), (check, check_keys), (equal, equal_keys), (graph, (*DERIVED, *DRAWN)), (plot, ()),
        (report, ()),
    ],
)  # fmt: skip
def test_the_start_knows_all_options_of_the_command(command, keys):
    options = [option for option in command.params if option.param_type_name == "option"]
    flags = {name for option in options if option.is_flag for name in option.opts}
    values = {name for option in options if not option.is_flag for name in option.opts}
    assert flags == program._FLAGS[command.name]
    assert values == set(program._VALUES[command.name])
    assert {f"--{name}" for name in keys} <= flags | values


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["diff", "--help"], ["diff", "x", "--order", "two"], ["x^2"]]
)
def test_help_and_wrong_usage_load_nothing_heavy(arguments):
    code = f"""
import sys
sys.path.insert(0, {SOURCE!r})
from backprop.__main__ import main
main({arguments!r})
heavy = sorted({{name.partition(".")[0] for name in sys.modules}} & {{"sympy", "flint", "lark", "rich", "mpmath"}})
print(heavy, "backprop.worker" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[] False"


def test_help_teaches_with_examples(cli):
    assert 'backprop diff "3*(x+2)**2"' in cli("--help").out
    shown = cli("diff", "--help").out
    assert "Examples:" in shown
    for option in diff.params:
        assert option.param_type_name == "argument" or option.help, option


def test_the_examples_of_the_help_work(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("points.csv").write_text("x,y\n1,2\n3,4\n")
    examples = re.findall(r'^ *backprop (diff (?:-q )?".*?)(?:  .*)?$', diff.help, re.M)
    assert len(examples) >= 4
    import shlex

    for example in examples:
        assert cli(*shlex.split(example)).status == 0, example


def test_an_equation_without_a_command_gets_a_hint(cli):
    status, _, err = cli("x^2")
    assert status == 2
    assert 'backprop diff "x^2"' in err
    assert "did you mean `diff`" in cli("dif").err


# -- the session --------------------------------------------------------------------------------------------


def test_the_stream_keeps_the_order_and_hands_out_what_is_done_when_it_has_to_wait(session):
    derived = [derivation_module.derive(text) for text in ("sin(x)^2*exp(x)", "x", "x^2")]
    jobs = [Derive(derived[0], key=0), Job(key=1), Derive(derived[1], key=2), None, Derive(derived[2], key=3)]
    given = []

    def source():
        for job in jobs:
            if job is not None and job.key == 3:
                assert given == [0, 1, 2, None]
            yield job

    for job in session.stream(source()):
        given.append(None if job is None else job.key)  # noqa: PERF401
    assert given == [0, 1, 2, None, 3]
    assert {d.verified.status for d in derived} == {"proved"}


def test_a_worker_that_breaks_off_leaves_the_derivation_with_a_note():
    with Session() as broken:
        broken._pool = type(broken._pool)(1, handler="no.such.module:handle", warm=())
        derivation = derivation_module.derive("x^2")
        broken.wait(broken.send(Derive(derivation)))
    assert str(derivation.gradient["x"]) == "2*x"
    assert derivation.verified.status == "unverified"
    assert any("not simplified" in note for note in derivation.notes)


def test_the_reason_that_the_judge_gave_is_kept():
    derivation = derivation_module.derive("x^2")
    job = Derive(derivation)
    how = "not verified: some reason"
    job.absorb({"stage": "verified", "status": "unverified", "how": how, "points": 0, "digits": 0})
    job.absorb({"ended": "done"})
    assert job.done
    assert derivation.verified.how == how


def test_what_is_not_asked_for_is_not_done(session):
    derivation = derivation_module.derive("x^2")
    session.wait(session.send(Derive(derivation, simplify=False, verify=False)))
    assert derivation.verified.how == "verification was not asked for"
    session.wait(session.send(Derive(derivation, simplify=True, verify=False)))
    assert derivation.verified.how == "verification was not asked for"


# -- programs, relations, and more than gradients ---------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["a = x + 2; b = a^2; y = 3b"], "a = x + 2; 6*a"),
        (["a = x + 2; b = a^2; y = 3b", "--wrt", "a"], "a = x + 2; 6*a"),
        (["f(u) = u^2 + 1; y = f(sin x)"], "2*sin(x)*cos(x)"),
        (["k = 3; y = k x^2"], "6*x"),
        (["x^2 + y^2 = 25"], "-x/y"),
        (["x^2 + y^2 = 25", "--order", "2"], "-25/y**3"),
        (["x^2 + y^2 + z^2 = 9", "--of", "z"], "[-x/z, -y/z]"),
        (["[x y, x + y^2]"], "[[y, x], [1, 2*y]]"),
        (["u = x y; v = x + y; w = 3", "--of", "u,v", "--wrt", "x"], "[[y], [1]]"),
        (["x^2 y^3", "--hessian"], "[[2*y**3, 6*x*y**2], [6*x*y**2, 6*x**2*y]]"),
        (["x^2 y^3", "--hessian", "--along", "dx=1,dy=2"], "[12*x*y**2 + 2*y**3, 6*x*y**2 + 12*x**2*y]"),
        (["x^2 y^3", "--mixed", "x,x,y"], "6*y**2"),
        (["x^2 y", "--along", "dx=1,dy=2"], "2*x*y + 2*x**2"),
        (["sin(xy)", "--along", "dx=1, dy=-1"], "(y - x)*cos(x*y)"),
        (["x^2 y", "--total", "t"], "2*x*y*dx_dt + x**2*dy_dt"),
        (["x^2 y", "--total", "t", "--wrt", "x"], "2*x*y*dx_dt"),
        (["x^3 - 3x", "--tangent", "--at", "x=2"], "9*x - 16"),
        (["x^2 + y^2 = 25", "--tangent", "--at", "x=3,y=4"], "-3/4*x + 25/4"),
        (["5x^2/(1 + e^x)", "--decompose", "nary", "--wrt", "y"], "0"),
    ],
)
def test_the_answer_alone_is_one_line_that_can_be_read_back(cli, arguments, line):
    result = cli("diff", "-q", *arguments)
    assert (result.out, result.status, result.err) == (line + "\n", 0, "")


def test_the_answer_of_a_program_is_a_program_with_the_same_value(cli):
    line = cli("diff", "-q", "r = sqrt(x^2 + y^2); u = r*sin(x); z = u/r + u").out.strip()
    again = json.loads(cli("diff", line, "--at", "x=1/3,y=2", "--format", "json", *FAST).out)
    first = cli("diff", "r = sqrt(x^2 + y^2); u = r*sin(x); z = u/r + u", "--at", "x=1/3,y=2", "--format", "json").out
    assert list(again["values"].values()) == list(json.loads(first)["gradient_value"].values())


def test_the_json_of_more_than_gradients_has_nested_objects_by_name(cli):
    def data(*arguments):
        return json.loads(cli("diff", "--format", "json", *arguments).out)

    table = data("u = x y; v = x + y", "--jacobian", "--at", "x=2,y=3")
    assert table["jacobian"] == {"u": {"x": "y", "y": "x"}, "v": {"x": "1", "y": "1"}}
    assert table["jacobian_value"] == {"u": {"x": "3", "y": "2"}, "v": {"x": "1", "y": "1"}}
    assert (table["outputs"], table["values"], table["output"]) == (["u", "v"], {"u": "6", "v": "5"}, None)
    second = data("x^2 y", "--hessian", "--at", "x=1,y=2")
    assert second["hessian"] == {"x": {"x": "2*y", "y": "2*x"}, "y": {"x": "2*x", "y": "0"}}
    assert second["hessian_value"] == {"x": {"x": "4", "y": "2"}, "y": {"x": "2", "y": "0"}}
    assert second["gradient"] == {"x": "2*x*y", "y": "x**2"}
    assert second["value"] == "2"
    curve = data("x^2 + y^2 = 25", "--at", "x=3,y=4")
    assert curve["implicit"] == {"equation": "x**2 + y**2 = 25", "dependent": "y"}
    assert (curve["gradient"], curve["gradient_value"], curve["value"]) == ({"x": "-x/y"}, {"x": "-3/4"}, "4")
    program = data("f(u) = u^2; a = x + 2; y = f(a)")
    assert program["definitions"] == [{"name": "a", "expr": "x + 2"}]
    assert program["functions"] == [{"name": "f", "parameters": ["u"], "expr": "u**2"}]
    assert (program["equation"], program["gradient"]) == ("y = a**2", {"x": "2*a"})
    assert [(n["name"], n.get("call")) for n in program["nodes"]] == [("x", None), ("a", None), ("y", "f(a)")]
    modes = data("x y", "--mode", "all", "--at", "x=2,y=3")
    assert [m["mode"] for m in modes["modes"]] == ["reverse", "forward", "paths", "finite-difference", "complex-step"]
    assert all(m["digits"]["x"] >= 9 for m in modes["modes"])
    checked = data("x^3", "--check-gradient", "--at", "x=2")
    assert checked["gradient_check"]["x"]["agrees"] is True
    assert data("x^2", "--tangent", "--at", "x=3")["tangent"] == {"equation": "6*(x - 3) + 9", "collected": "6*x - 9"}
    assert data("x^2 y", "--along", "dx=1,y=2")["along"]["direction"] == {"x": "1", "y": "2"}
    points = data("x^3 - 3x", "--critical")["critical"]
    assert [(p["at"], p["kind"]) for p in points["points"]] == [({"x": "-1"}, "maximum"), ({"x": "1"}, "minimum")]
    assert all("explanation" in edge for edge in data("x sin x", "--explain")["edges"])


def test_a_row_of_json_may_ask_for_all_of_it(cli):
    rows = [
        '{"equation": "x^2 y", "hessian": true}', '{"equation": "x^2 y", "along": {"dx": 1, "dy": "1/2"}}',
        '{"equation": "u = x y; v = x", "of": ["u", "v"]}', '{"equation": "x^2 y", "mixed": ["x", "y"]}',
        '{"equation": "x y", "mode": ["reverse", "paths"]}', '{"equation": "x^2", "hessian": "yes"}',
        '{"equation": "x^2", "mode": "sideways"}', '{"equation": "x^2", "at": "points.csv"}',
    ]  # fmt: skip
    result = cli("diff", "-q", stdin="\n".join(rows))
    answers = ["[[2*y, 2*x], [2*x, 0]]", "2*x*y + x**2/2", "[[y, x], [1, 0]]", "2*x", "[y, x]", "", "", ""]
    assert result.out.splitlines() == answers
    assert result.status == 2
    assert len(result.err.split("error:")) == 4


def test_an_error_in_a_program_has_its_own_line(cli, tmp_path):
    file = tmp_path / "wrong.net"
    file.write_bytes(b"\xef\xbb\xbfa = x + 2\r\n# a comment\r\nb = a^2 +\r\n  \xce\xb1*sni(x)\r\ny = 3b\r\n")
    result = cli("diff", "--program", str(file))
    assert result.status == 2
    assert f"{file}:4:5: error: unknown function `sni`" in result.err
    error = json.loads(cli("diff", "--program", str(file), "--format", "json").out)
    assert (error["source"]["line"], error["error"]["column"]) == (4, 5)


def test_a_program_comes_from_a_file_or_from_a_pipe(cli, tmp_path):
    text = "# a network\nh = sigmoid(w*x)\nL = (h - t)^2\n"
    file = tmp_path / "a.net"
    file.write_text(text)
    expected = "h = sigmoid(w*x); 2*x*h*(h - t)*(1 - h)\n"
    assert cli("diff", "-q", "--program", str(file), "--wrt", "w").out == expected
    assert cli("diff", "-q", "--program", "-", "--wrt", "w", stdin=text).out == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x y", "--jacobian", "--hessian"], "do not go together"),
        (["x y", "--hessian", "--order", "2"], "do not go together"),
        (["[x, y]", "--hessian"], "one output"),
        (["x y", "--of", "z"], "no output z"),
        (["u = x y; v = u", "--of", "z"], "defines no `z`"),
        (["x^2 + y^2 = 25", "--at", "x=3"], "2 points"),
        (["x^2 + y^2 = 25", "--at", "x=3,y=5"], "not on the curve"),
        (["x^2 + y^2 = 25", "--hessian"], "for formulas"),
        (["x^2 = 25"], "only one variable"),
        (["x + y + z = 1", "--of", "y,z"], "one variable depends"),
        (["x + 0y = 25", "--of", "y"], "cancels"),
        (["x y", "--along", "q=1"], "no component"),
        (["x y", "--mode", "sideways"], "no value of mode"),
        (["x y", "--decompose", "sideways"], "no value of decompose"),
        (["x y", "--tangent"], "needs a point"),
        (["x y", "--check-gradient"], "at a point"),
        (["x y = 1", "--critical"], "critical points"),
        (["a = x^2; y = a x", "--hessian", "--wrt", "a,x"], "first derivatives"),
        (["x y", "--at", "no/such/file.csv"], "No such file"),
        (["x y", "x", "--at", "points.csv"], "one equation"),
    ],
)
def test_what_cannot_be_asked_is_said_with_a_remedy(cli, arguments, message):
    result = cli("diff", *arguments)
    assert result.status == 2
    assert message in result.err
    assert len(result.err.splitlines()) >= 2


def test_a_table_of_points_gives_a_table_of_values_and_gradients(cli, tmp_path):
    points = tmp_path / "points.csv"
    points.write_text("id,x,y\na,1,2\nb,-1,3\nc,two,1\n")
    out = tmp_path / "out.csv"
    result = cli("diff", "y log(x)", "--wrt", "x", "--at", str(points), "-o", str(out))
    assert out.read_text().splitlines() == [
        "id,x,y,f,df/dx,status,note", "a,1,2,0.0,2.0,ok,", "b,-1,3,,,undefined,log(x) needs x > 0",
        "c,two,1,,,unreadable,x: `two` is not a number",
    ]  # fmt: skip
    assert result.status == 2
    assert "3 points: 1 undefined, 1 unreadable; proved equal to sympy.diff" in result.err
    lines = cli("diff", "y log(x)", "--at", "-", "--format", "json", stdin='{"x": 1, "y": "1/2"}\n').out
    assert json.loads(lines)["gradient"] == {"x": 0.5, "y": 0.0}


def test_forward_mode_alone_shows_tangents_instead_of_adjoints(cli):
    out = cli("diff", "x y + sin x", "--mode", "forward", "--at", "x=0,y=2").out
    assert "Tangents by x" in out
    assert "v\u03072 = cos(x)·x\u0307  sine    = 1" in out
    assert "Backward" not in out


def test_vanishing_adjoints_are_pointed_out_and_ordinary_zeros_are_not(cli):
    assert "relu is closed at v1 = -1" in cli("diff", "relu(x - 2)", "--at", "x=1", *FAST).out
    assert "note" not in cli("diff", "x*y + sin x", "--at", "x=0,y=2", *FAST).out


# -- files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "begins"),
    [("a.tex", "\\documentclass"), ("a.html", "<!doctype html>"), ("a.md", "## "), ("a.ipynb", "{"), ("a.txt", "read")],
)
def test_the_end_of_a_files_name_decides_on_the_format(cli, tmp_path, name, begins):
    path = tmp_path / name
    assert cli("diff", "x^2", "-o", str(path), *FAST).status in (0, 3)
    assert path.read_text().lstrip().startswith(begins)
    assert cli("diff", "x^2", "-o", str(path), "--format", "text", *FAST).status in (0, 3)
    assert path.read_text().startswith("read as")


@pytest.mark.parametrize("command", ["diff", "graph", "plot", "report"])
def test_a_file_is_not_given_the_name_of_another_format(cli, tmp_path, command):
    path = tmp_path / "out.pdf"
    (tmp_path / "in.eq").write_text("x^2\n")
    status, _, err = cli(command, str(tmp_path / "in.eq") if command == "report" else "x^2", "-o", str(path))
    assert status == 2
    assert "nothing here is written as .pdf" in err
    assert not path.exists()
    for bad in ("", f"{tmp_path}/"):
        assert "is no name of a file" in cli("diff", "x^2", "-o", bad, *FAST).err


@pytest.mark.parametrize("command", ["diff", "graph", "plot"])
def test_no_module_is_taken_from_the_working_folder(tmp_path, command):
    for name in ("sympy", "numpy", "lark", "flint", "rich", "click", "fast_sugiyama", "plotille", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken from the working folder')\n")
    done = process(command, "x^2", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
