"""`check`, `equal` and `rule` on the command line, and what comes back when a worker is stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import backprop
from backprop.errors import BackpropError, UsageError
from backprop.verdicts import Check, Equality, answer_question, equality_question, result_of, take_in
from streams import process

CHECK_KEYS = {"version", "source", "problem", "answer", "reading", "wrt", "order", "verdict", "how", "reason", "points",
              "digits", "expected", "witness", "domain", "mistakes", "notes"}  # fmt: skip


def test_a_wrong_answer_shows_its_witness_and_its_mistake_in_place(cli):
    status, out, err = cli("check", "3x + sin(x^2+3x)", "3+cos(x^2+3x)")
    assert (status, err) == (1, "")
    assert out == (
        "problem   3x + sin(x^2+3x)   by x\n"
        "answer    3+cos(x^2+3x)\n"
        "\n"
        "✗ incorrect: at x = 1/2 the derivative is 2.28701577740203, yours is 2.82175394435051\n"
        "  the derivative is 3·(cos(x² + 3·x) + 1) + 2·x·cos(x² + 3·x)\n"
        "\n"
        "  M01 inner derivative left out (at v4)\n"
        "      in 3·x + sin(x² + 3·x)\n"
        "               ^^^^^^^^^^^^^\n"
        "      inner derivative of x² + 3·x left out; you wrote cos(u), the rule gives cos(u)·u'\n"
        "      your step  cos(x² + 3·x)\n"
        "      right step (2·x + 3)·cos(x² + 3·x)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "verdict", "status"),
    [
        (["x^2", "2x"], "correct", 0),
        (["x^2", "y' = 2x"], "correct", 0),
        (["x^2", "dy/dx = x + x = 2x"], "correct", 0),
        (["x^2", "= x + x = 2x"], "correct", 0),
        (["x^2", "f'(x) = 2x"], "correct", 0),
        (["x^2", "d/dx(x^2)"], "correct", 0),
        (["y = e^x", "y' = y"], "correct", 0),
        (["x^4", "d²y/dx² = 12x²"], "correct", 0),
        (["x^4", "12x^2", "--order", "2"], "correct", 0),
        (["x^4", "4x^3", "--order", "2"], "incorrect", 1),
        (["-x^2", "-2x"], "correct", 0),
        (["x^2 y", "2x y", "--wrt", "x"], "correct", 0),
        (["x^2 + y^2", "[2x, 2y]"], "correct", 0),
        (["x^2 + y^2", "(2x, 2y)"], "correct", 0),
        (["x^2 + y^2", "df/dy = 2y, df/dx = 2x"], "correct", 0),
        (["x^2 + y^2", "[2y, 2x]"], "incorrect", 1),
        (["x^2 + y^2", "[2x]", "--wrt", "x,y"], "unreadable", 2),
        (["x^2+y^2=25", "-x/y"], "correct", 0),
        (["x^2+y^2=25", "y' = -x/sqrt(25-x^2)"], "incorrect", 1),
        (["x^2+y^2=25", "dx/dy = -y/x", "--of", "x", "--wrt", "y"], "correct", 0),
        (["x y = 1", "-1/x^2"], "correct", 0),
        (["x y = 1", "y + x y' = 0"], "correct", 0),
        (["x^2+y^2=25", "2x + 2y dy/dx = 0"], "correct", 0),
        (["2x", "x^2 + C", "--up-to-constant"], "correct", 0),
        (["2x", "x^3 + C", "--up-to-constant"], "incorrect", 1),
        (["log x", "1/(x ln 10)", "--log10"], "correct", 0),
        (["log x", "1/(x ln 10)"], "incorrect", 1),
        (["f(g(x))", "f'(g(x))*g'(x)", "--functions", "f,g"], "correct", 0),
        (["f(g(x))", "f'(g'(x))", "--functions", "f,g"], "incorrect", 1),
        (["x^2", "2X"], "unreadable", 2),
        (["x^2", "2t"], "unreadable", 2),
        (["x^2", "2x +"], "unreadable", 2),
        (["x^2", ""], "unreadable", 2),
        (["sqrt(-1 - x^2)", "1"], "undecided", 3),
        (["9**9**9**9", "0"], "correct", 0),
        (["ln(-x^2-1)", "2x/(x^2+1)"], "undecided", 3),
        (["2x/(x^2+1)", "ln(-x^2-1)", "--up-to-constant"], "undecided", 3),
        (["x^2+y^2=-1", "-x/y"], "undecided", 3),
        (["x^2+y^2+z^2=9", "[-x/z, -y/z]", "--of", "z"], "correct", 0),
        (["x^2+y^2+z^2=9", "[-x/z, sin(x)]", "--of", "z"], "incorrect", 1),
        (["2x*y", "[x^2*y, sin(x)]", "--up-to-constant"], "unreadable", 2),
        (["x = y^2", "1/(2y)", "--wrt", "x", "--of", "y"], "correct", 0),
        (["relu(2x)", "2step(x-abs(x))"], "undecided", 3),
        (["5", "0"], "correct", 0),
        (["abs(x)", "x/abs(x)"], "correct", 0),
        (["ln|x|", "1/|x|"], "incorrect", 1),
        (["cbrt(x)", "1/3 x^(-2/3)"], "correct", 0),
    ],
)
def test_verdicts_and_exit_statuses(cli, arguments, verdict, status):
    result = cli("check", "-q", *arguments)
    assert (result.out, result.status) == (verdict + "\n", status), result.err
    assert bool(result.err) == (verdict == "unreadable")


@pytest.mark.parametrize(
    ("a", "b", "verdict", "how", "status"),
    [
        ("sin(x)^2", "1 - cos(x)^2", "equal", "proved", 0),
        ("sqrt(x^2)", "x", "different", "refuted", 1),
        ("e^(10x)", "e^(10x) + 1e-7", "different", "refuted", 1),
        ("abs(x-1000)", "1000-x", "different", "refuted", 1),
        ("atan(x) + atan(1/x)", "pi/2", "different", "refuted", 1),
        ("gamma(x+1)", "x gamma(x)", "equal", "proved", 0),
        ("sqrt(-1-x^2)", "x", "undecided", None, 3),
        ("sqrt(x)*sqrt(-x)", "0", "undecided", None, 3),
        ("floor(x)", "floor(x + 1e-9)", "different", "refuted", 1),
        ("floor(2x)", "floor(x) + floor(x + 1/2)", "equal", "sampled", 0),
        ("floor(x/3)", "floor(floor(x)/3)", "undecided", None, 3),
        ("sin(", "x", "unreadable", None, 2),
        ("x^2+y^2=25", "y", "unreadable", None, 2),
    ],
)
def test_equal(cli, a, b, verdict, how, status):
    result = cli("equal", "--format", "json", a, b)
    found = json.loads(result.out)
    assert (found["verdict"], found["how"], result.status) == (verdict, how, status)
    assert (found["witness"] is not None) == (verdict == "different")
    if found["witness"]:
        assert set(found["witness"]) == {"at", "a", "b"}
        assert found["witness"]["a"] != found["witness"]["b"]


def test_a_difference_of_domain_is_said_and_is_no_difference(cli):
    status, out, _ = cli("equal", "log(x^2)", "2log(x)")
    assert status == 0
    assert "  domain: the second is undefined for x < 0\n" in out
    found = json.loads(cli("check", "x^3/3", "x^3/x", "--format", "json").out)
    assert (found["verdict"], found["domain"], found["domain_note"]) == (
        "correct", "answer_narrower", "yours is undefined at x = 0",
    )  # fmt: skip


def test_the_json_of_check_has_the_keys_of_the_contract(cli):
    found = json.loads(cli("check", "sin(x^2+3x)", "cos(x^2+3x)", "--format", "json").out)
    assert set(found) >= CHECK_KEYS
    assert found["witness"] == {"at": {"x": "1/2"}, "expected": "-0.712984222597968", "given": "-0.178246055649492"}
    assert found["expected"] == "(2*x + 3)*cos(x**2 + 3*x)"
    (mistake,) = found["mistakes"]
    assert {"code", "name", "node", "where", "message"} <= set(mistake)
    assert (mistake["code"], mistake["node"], mistake["where"]) == ("M01", "f", "sin(x**2 + 3*x)")
    assert "error" not in found
    unreadable = json.loads(cli("check", "x^2", "2X", "--format", "json").out)
    assert unreadable["error"]["in"] == "answer"
    assert (unreadable["error"]["kind"], unreadable["error"]["column"]) == ("name", 2)
    broken = json.loads(cli("check", "x^(", "2", "--format", "json").out)
    assert "verdict" not in broken
    assert broken["error"]["kind"] == "parse"


@pytest.mark.parametrize(
    ("problem", "answer", "texts"),
    [
        ("ln(5x+1)", "1/(5x+1)", ["`log(5*x + 1)`", "chain rule", "1/u·u'"]),
        ("x^3 ln(x)", "3x^2/x", ["`x**3*log(x)`", "product rule", "u'·v + u·v'"]),
        ("x^2", "-2x", ["whole", "sign", "opposite"]),
        ("x sin(x)", "exp(x)+5", ["outermost", "product rule", "u'·v + u·v'"]),
    ],
)
def test_a_higher_hint_never_appears_in_a_lower_one(cli, problem, answer, texts):
    expected = backprop.check(problem, answer).expected
    for level in (1, 2, 3):
        found = json.loads(cli("check", problem, answer, "--hint", str(level), "--format", "json").out)
        shown = cli("check", problem, answer, "--hint", str(level)).out
        assert len(found["hints"]) == level
        assert found["expected"] is None
        assert found["witness"] is None
        assert found["mistakes"] == []
        for k, text in enumerate(texts):
            assert any(text in hint for hint in found["hints"]) == (k < level), (level, text)
        assert f"hint {level}:" in shown
        assert "the derivative is" not in shown.replace("the derivative is of", "").split("hint 3")[0]
        assert expected not in shown.split("hint 3")[0]


def test_forms_are_a_note_and_not_a_wrong_answer(cli):
    for answer, form, note in (
        ("3(x+1)^2", "expanded", "not expanded"),
        ("3x^2+6x+3", "expanded", ""),
        ("3x^2+6x+3", "factored", "not factored"),
        ("3(x+1)^2", "factored", ""),
        ("x^2+2x^2+6x+3", "simplified", "can be simplified"),
        ("3(x+1)^2", "simplified", ""),
    ):
        status, out, _ = cli("check", "(x+1)^3", answer, "--form", form)
        assert status == 0
        assert (note in out) if note else ("note" not in out), (answer, form)


def test_rows_come_from_files_pipes_and_json(cli, tmp_path):
    text = 'x^2\t2x\nx^2\t3x  # wrong\n\nnope\nbad(\t1\n{"problem": "x^2 y", "answer": "x^2", "wrt": ["y"]}\n'
    path = tmp_path / "rows.txt"
    path.write_text(text, encoding="utf-8")
    status, out, err = cli("check", "-f", str(path))
    lines = out.splitlines()
    assert status == 2
    assert [line.split("   ")[0] for line in lines] == ["x^2", "x^2", "nope", "bad( 1", "x^2 y"]
    assert "✓ correct" in lines[0]
    assert "✗ incorrect" in lines[1]
    assert "✓ correct" in lines[4]
    assert f"{path}:4: error: the row is not two expressions" in err
    piped = cli("check", "-q", stdin=text)
    assert piped.out.split("\n") == ["correct", "incorrect", "", "", "correct", ""]
    objects = [json.loads(line) for line in cli("check", "--format", "json", "-", stdin=text).out.splitlines()]
    assert [o.get("verdict") for o in objects] == ["correct", "incorrect", None, None, "correct"]
    assert [o["source"]["line"] for o in objects] == [1, 2, 4, 5, 6]
    pairs = cli("equal", "-q", stdin='x\tx\n{"a": "x", "b": "y"}\n')
    assert (pairs.out, pairs.status) == ("equal\ndifferent\n", 1)


@pytest.mark.parametrize(
    "arguments",
    [["check", "x"], ["check", "x", "1", "2"], ["equal", "x"], ["check", "x", "1", "--hint", "4"],
     ["check", "x", "1", "--order", "0"], ["check", "x", "1", "--jobs", "0"], ["rule"], ["rule", "R999"],
     ["check", "a*b", "a"]],
)  # fmt: skip
def test_wrong_usage_has_a_remedy(cli, arguments):
    status, out, err = cli(*arguments)
    assert (status, out) == (2, "")
    assert "error:" in err


def test_what_is_typed_never_steers_the_terminal(cli):
    status, out, err = cli("check", "x^2", "2x\x1b[31m", terminal=True)
    assert status == 2
    assert "\x1b[31m" not in out + err
    found = cli("check", "--format", "json", "x^2", "[red]2x[/red]\u202e")
    assert "\u202e" not in found.out
    assert found.status == 2


def test_output_in_ascii_and_narrow(cli):
    result = cli("check", "sin(x^2)", "cos(x^2)", "--ascii", "--width", "40")
    assert result.out.isascii()
    assert max(map(len, result.out.splitlines())) <= 40
    assert "no: incorrect" in result.out


def test_rules_and_mistakes_are_explained(cli):
    assert "R38 hyperbolic tangent   tanh(x)" in cli("rule", "tanh").out
    shown = cli("rule", "M01", "r07").out
    assert "M01 inner derivative left out" in shown
    assert "R07 quotient" in shown
    objects = [json.loads(line) for line in cli("rule", "--all", "--format", "json").out.splitlines()]
    assert len(objects) > 150
    assert {o["kind"] for o in objects} == {"rule", "mistake"}


# -- the library -----------------------------------------------------------------------------------------


def test_the_library_gives_dataclasses():
    result = backprop.check("x^4", "4x^3")
    assert isinstance(result, Check)
    assert (result.verdict, result.how, result.wrt, result.order) == ("correct", "proved", ["x"], 1)
    pair = backprop.equal("x", "y")
    assert isinstance(pair, Equality)
    assert pair.witness is not None
    assert pair.witness.at == {"x": "1/2", "y": "2"}
    assert backprop.equal("x^2 + 5", "x^2", up_to_constant=True).verdict == "equal"
    assert backprop.equal("x^2 + x", "x^2", up_to_constant=True).verdict == "different"
    with pytest.raises(BackpropError):
        backprop.check("x^(", "1")
    with pytest.raises(UsageError):
        backprop.check("x", "1", form="nice")


def test_a_stopped_worker_leaves_the_verdict_undecided():
    for reason, said in (("time", "stopped at the time limit"), ("memory", "stopped at the memory limit")):
        result = result_of(answer_question("x^2", "2x"))
        take_in(result, {"stage": "read", "wrt": ["x"]})
        take_in(result, {"ended": "stopped", "reason": reason})
        assert (result.verdict, result.reason, result.limit) == ("undecided", said, True)
    result = result_of(equality_question("x", "y"))
    take_in(result, {"ended": "error", "message": "it broke"})
    assert (result.verdict, result.limit) == ("undecided", False)
    decided = result_of(answer_question("x^2", "3x"))
    take_in(decided, {"stage": "decided", "verdict": "incorrect", "how": "refuted"})
    take_in(decided, {"ended": "stopped", "reason": "time"})
    assert decided.verdict == "incorrect"
    assert decided.notes == ["the mistake was not looked for to the end: stopped at the time limit"]


def test_an_answer_that_takes_too_long_is_undecided_and_the_next_one_is_not():
    hard = "+".join(f"sin({k}x)^{k}*cos(x/{k})^{k}" for k in range(2, 60))
    result = backprop.check(hard, f"{hard} + 1", time_limit=0.05)
    assert result.verdict in ("undecided", "incorrect")
    assert backprop.check("x^2", "2x").verdict == "correct"


def test_the_program_from_the_outside(tmp_path: Path):
    done = process("check", "sin(x^2)", "cos(x^2)", text=True)
    assert done.returncode == 1
    assert "M01" in done.stdout
    assert done.stderr == ""
    piped = process("equal", "-q", input="x\tx\n", stdin=None, text=True)
    assert (piped.stdout, piped.returncode) == ("equal\n", 0)
    target = tmp_path / "out.json"
    assert process("check", "x^2", "2x", "--format", "json", "-o", str(target)).returncode == 0
    assert json.loads(target.read_text(encoding="utf-8"))["verdict"] == "correct"
