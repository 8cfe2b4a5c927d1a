"""Tables of points: what is read, what each row says, and what is written."""

from __future__ import annotations

import csv
import io
import json
import math
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backprop import parse
from backprop import points as points_module
from backprop.errors import UsageError
from backprop.points import (
    KINK,
    OK,
    OVERFLOW,
    STATUSES,
    UNDEFINED,
    UNREADABLE,
    Evaluation,
    Points,
    Results,
    read_points,
    table,
    write_csv,
    write_jsonl,
)
from backprop.reverse import gradient


def results(text: str, points: Any, wrt: list[str] | None = None, **options: Any) -> Iterator[Results]:
    node = parse(text)
    derived = {name: d.position for name, d in gradient(node, wrt).items()}
    return table(node.graph, node.position, derived, points, **options)


def at(text: str, **columns: Any) -> tuple[list[str], list[float], dict[str, list[float]], dict[int, str]]:
    """Statuses, values, gradient and notes at some points."""
    (found,) = results(text, [Points.of(columns)])
    return (
        [STATUSES[i] for i in found.status],
        found.value.tolist(),
        {name: column.tolist() for name, column in found.gradient.items()},
        found.notes,
    )


def written(text: str, content: str | bytes, form: str | None = None, to: str = "csv", **options: Any) -> str:
    """What a table of points becomes."""
    content = content if isinstance(content, bytes) else content.encode()
    node = parse(text)
    names = options.pop("wrt", None) or node.variables
    opened = read_points("-", node.variables, form=form, stdin=io.BytesIO(content))
    found = results(text, opened.points(), names, **options)
    out = io.StringIO()
    if to == "jsonl":
        write_jsonl(out, found)
    else:
        write_csv(out, found, opened.columns, names, delimiter=opened.delimiter)
    return out.getvalue()


def rows(text: str, content: str | bytes, **options: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written(text, content, **options))))


def objects(text: str, content: str | bytes, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written(text, content, to="jsonl", **options).splitlines()]


# -- statuses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "x", "note"),
    [
        ("log(x - 2)", 1, "log(x - 2) needs x - 2 > 0"),
        ("1/x", 0, "1/x needs x != 0"),
        ("sqrt(x)", -1, "sqrt(x) needs x >= 0"),
        ("x^-2", 0, "x**(-2) needs x != 0"),
        ("x^(1/2)", -4, "x**(1/2) needs x >= 0"),
        ("x^(-1/3)", 0, "x**(-1/3) needs x != 0"),
        ("x^pi", -1, "x**pi needs x > 0"),
        ("asin(x)", 2, "asin(x) needs abs(x) <= 1"),
        ("atan2(x, x)", 0, "atan2(x, x) needs x != 0 or x != 0"),
        ("mod(1, x)", 0, "mod(1, x) needs x != 0"),
        ("acot(x)", 0, "acot(x) needs x != 0"),
        ("log(x, 1)", 2, "log(x, 1) needs x > 0 and 1 > 0 and 1 != 1"),
        ("gamma(x)", -1, "gamma(x) needs x > 0 or sin(pi*x) != 0"),
        ("log(log(x)) + 1/x", 0, "log(x) needs x > 0"),
        # what an infinity or nan would hide
        ("1/(1/x)", 0, "1/x needs x != 0"),
        ("exp(-1/x^2)", 0, "1/x**2 needs x**2 != 0"),
        ("atan(1/x)", 0, "1/x needs x != 0"),
        ("0*log(x)", 0, "log(x) needs x > 0"),
        ("1 if log(x) > 0 else 2", -1, "log(x) needs x > 0"),
        ("1 if not log(x) < 0 else 2", -1, "log(x) needs x > 0"),
        ("min(x, log(x))", -1, "log(x) needs x > 0"),
        ("x + 1/0", 1, "1/0 needs 0 != 0"),
    ],
)
def test_a_row_without_a_value_names_the_operation_that_has_none(text, x, note):
    statuses, values, gradients, notes = at(text, x=[x, 3.25] if "1/0" not in text and ", 1)" not in text else [x])
    assert statuses[0] == "undefined"
    assert notes[0] == note
    assert math.isnan(values[0])
    assert all(math.isnan(column[0]) for column in gradients.values())
    if len(statuses) > 1 and text not in ("asin(x)",):
        assert statuses[1] == "ok", "the row beside it is not drawn in"


@pytest.mark.parametrize(
    ("text", "x", "value", "slope"),
    [
        ("sqrt(x) if x > 0 else x^2", -3, 9, -6),
        ("1/x if x != 0 else 5", 0, 5, 0),
        ("3 if x > 0 or log(-x) > 0 else 4", 2, 3, 0),
        ("3 if x > 0 and log(x) > 0 else 4", -2, 4, 0),
        ("(1/x if x > 1 else x) + (x if x < 1 else log(x))", 0, 0, 2),
        ("(-2)^3 + x^3", -2, -16, 12),
        ("besselj(2, x)", -1, 0.1149034849319005, -0.2102436158811326),
    ],
)
def test_what_is_not_chosen_need_not_exist(text, x, value, slope):
    statuses, values, gradients, notes = at(text, x=[x])
    assert (statuses, notes) == (["ok"], {})
    assert values == pytest.approx([value], rel=1e-14)
    assert gradients["x"] == pytest.approx([slope], rel=1e-13)


@pytest.mark.parametrize(
    ("text", "x", "value", "slope", "place"),
    [
        ("abs(x)", 0, 0, 0, "x = 0 (absolute value)"),
        ("abs(x - 1)*3", 1, 0, 0, "x - 1 = 0 (absolute value)"),
        ("relu(x)", 0, 0, 0, "x = 0 (rectifier)"),
        ("max(x, 2)", 2, 2, 0.5, "x - 2 = 0 (maximum)"),
        ("min(x^2, x)", 1, 1, 1.5, "x**2 - x = 0 (minimum)"),
        ("sign(x)", 0, 0, 0, "x = 0 (sign)"),
        ("x*sign(x)", 0, 0, 0, "x = 0 (sign)"),
        ("floor(x)", 2, 2, 0, "x - floor(x) = 0 (floor)"),
        ("hypot(x, 0)", 0, 0, 0, "hypot(x, 0) = 0 (hypotenuse)"),
    ],
)
def test_at_a_kink_the_value_is_given_and_the_slope_is_the_convention(text, x, value, slope, place):
    statuses, values, gradients, notes = at(text, x=[x, x + 0.25])
    assert statuses == ["not differentiable", "ok"]
    assert (values[0], gradients["x"][0]) == (value, slope)
    assert notes[0].startswith(f"not differentiable at {place}")


@pytest.mark.parametrize(
    ("text", "slope"), [("x*abs(x)", 0), ("relu(x)^2", 0), ("hypot(x, 0)^2", 0), ("abs(x)^3 + x", 1), ("abs(2) + x", 1)]
)
def test_a_kink_that_nothing_passes_back_to_does_no_harm(text, slope):
    statuses, _, gradients, _ = at(text, x=[0])
    assert (statuses, gradients["x"]) == (["ok"], [slope])


@pytest.mark.parametrize("text", ["abs(x) if x > 1 else 3x", "abs(x)*y"])
def test_a_kink_in_a_case_that_is_not_chosen_or_of_another_variable_does_no_harm(text):
    (found,) = results(text, [Points.of({"x": [0], "y": [2]})], ["y"] if "y" in text else ["x"])
    assert found.status.tolist() == [OK]


@pytest.mark.parametrize(
    ("text", "x", "value", "note"),
    [
        ("sqrt(x)", 0, 0, "the rule for the derivative of sqrt(x) needs x > 0"),
        ("cbrt(x)", 0, 0, "the rule for the derivative of cbrt(x) needs x != 0"),
        ("x^(2/3)", 0, 0, "the rule for the derivative of x**(2/3) needs x != 0"),
        ("asin(x)", 1, math.pi / 2, "the rule for the derivative of asin(x) needs abs(x) < 1"),
        ("sqrt(x^2)", 0, 0, "the rule for the derivative of sqrt(x**2) needs x**2 > 0"),
        ("sqrt(x^2) + 1", 0, 1, "the rule for the derivative of sqrt(x**2) needs x**2 > 0"),
    ],
)
def test_where_the_slope_has_no_number_the_value_still_has_one(text, x, value, note):
    statuses, values, gradients, notes = at(text, x=[x])
    assert (statuses, values, notes) == (["not differentiable"], [value], {0: note})
    assert not math.isfinite(gradients["x"][0])


@pytest.mark.parametrize(
    ("text", "x", "value", "slope"),
    [
        ("sinc(x)", 0.0, 1, 0),
        ("sinc(x)", 1e-8, 1, -1e-8 / 3),
        ("sinc(2x) + x", 1e-5, 1 + 1e-5 - (2e-5) ** 2 / 6, 1 - 4e-5 / 3),
        ("Shi(x)", 0.0, 0, 1),
        ("polylog(2, x)", 0.0, 0, 1),
    ],
)
def test_at_a_removable_singularity_the_derivative_exists(text, x, value, slope):
    statuses, values, gradients, _ = at(text, x=[x])
    assert statuses == ["ok"]
    assert values == pytest.approx([value], rel=1e-14)
    assert gradients["x"] == pytest.approx([slope], rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(
    ("text", "x", "value", "slope"),
    [
        ("exp(x)/(1 + exp(x))", 800, 1, 0),
        ("log(exp(x))", 800, 800, 1),
        ("log(exp(-x))", 800, -800, -1),
        ("sqrt(x^2)", 1e200, 1e200, 1),
        ("acos(x/0.1)", 0.05, math.acos(0.5), -10 / math.sqrt(0.75)),
        ("binomial(200 + x, 3)", 0, 1313400, None),
        ("1 if exp(x) > exp(x - 1) else 2", 1000, 1, 0),
    ],
)
def test_a_number_beyond_double_precision_on_the_way_does_no_harm(text, x, value, slope):
    statuses, values, gradients, _ = at(text, x=[x])
    assert statuses == ["ok"]
    assert values == pytest.approx([value], rel=1e-14)
    if slope is not None:
        assert gradients["x"] == pytest.approx([slope], rel=1e-13, abs=1e-300)


@pytest.mark.parametrize(
    ("text", "x", "note"),
    [
        ("exp(x)", 800, "the value is too large for double precision"),
        ("x^x", 200, "the value is too large for double precision"),
        ("1/exp(-x)", 800, "the value is too large for double precision"),
        ("x^(4/3)/10^400*10^399 + x^-2", 1e-160, "the value is too large for double precision"),
        ("1/x", 1e-200, "the derivative by x is too large for double precision"),
    ],
)
def test_what_is_too_large_says_so(text, x, note):
    statuses, values, _, notes = at(text, x=[x])
    assert (statuses, notes) == (["overflow"], {0: note})
    assert math.isinf(values[0]) == ("value" in note)


def test_exact_work_has_a_limit_and_says_so():
    (found,) = results("log(exp(x))", [Points.of({"x": [800.0] * 5})], limit=2)
    assert found.status.tolist() == [OK, OK, OVERFLOW, OVERFLOW, OVERFLOW]
    assert "only the first 2 such rows are computed exactly" in found.notes[4]
    (found,) = results("sinc(x)", [Points.of({"x": [1e-5] * 3})], limit=1)
    assert found.status.tolist() == [OK] * 3
    assert "may be inaccurate" in found.notes[2]


def test_the_first_operation_in_the_order_of_the_table_is_named():
    assert at("sqrt(y) + log(x)", x=[-1, 1, -1], y=[-1, -1, 1])[3] == {
        0: "sqrt(y) needs y >= 0",
        1: "sqrt(y) needs y >= 0",
        2: "log(x) needs x > 0",
    }


def test_a_huge_formula_is_not_written_into_a_note():
    inner = " + ".join(f"x^{k}" for k in range(1, 60))
    assert at(f"log({inner} - 10^9)", x=[0.5])[3] == {0: "log(x) needs x > 0"}


def test_a_row_does_not_depend_on_its_neighbours():
    """In one chunk, in chunks of every size, and by itself, with all kinds of rows mixed."""
    rng = np.random.default_rng(5)
    x = rng.choice([-2.0, -1.0, 0.0, 1e-8, 0.5, 1.0, 2.0, 800.0], 300)
    y = rng.choice([-1.0, 0.0, 1.0, 3.0], 300)
    text = "1/(1/x) + abs(y) + x^y + sinc(x) + log(exp(x)) + (sqrt(x) if x > 0 else y)"
    (whole,) = results(text, [Points.of({"x": x, "y": y})])
    assert len(set(whole.status.tolist())) >= 3
    for size in (1, 7, 100):
        parts = [Points.of({"x": x[i : i + size], "y": y[i : i + size]}) for i in range(0, 300, size)]
        found = list(results(text, parts))
        assert np.array_equal(np.concatenate([f.status for f in found]), whole.status)
        assert np.array_equal(np.concatenate([f.value for f in found]), whole.value, equal_nan=True)
        for name, column in whole.gradient.items():
            assert np.array_equal(np.concatenate([f.gradient[name] for f in found]), column, equal_nan=True)
        notes = {k * size + row: note for k, f in enumerate(found) for row, note in f.notes.items()}
        assert notes == whole.notes


def test_statuses_agree_with_exact_values_on_random_functions():
    """Whether there is a value, and which, at special points: against `evaluate`, which is exact there."""
    from backprop.evaluate import evaluate

    numbers = [-2, -1, 0, 1, 2, 3]
    texts = """x/y log(x)/y sqrt(x-y) x^y (x-y)^(1/3) 1/(1-1/x) abs(x)/x max(1/x,y) atan2(x,y) log(x,y) mod(x,y)
    x/y*y gamma(x)/gamma(y) acosh(x)+asin(y) tan(x)*0 exp(1/x) binomial(x,y) (x*y)! 1/(x^2-y^2) log(x*y)""".split()
    compared = 0
    for text in texts:
        node = parse(text)
        grid = [(x, y) for x in numbers for y in numbers]
        (found,) = results(text, [Points.of({"x": [p[0] for p in grid], "y": [p[1] for p in grid]})], [])
        for (x, y), value, status in zip(grid, found.value.tolist(), found.status.tolist()):
            order = node.graph.reachable([node.position])
            exact = evaluate(node.graph, order, {"x": x, "y": y}, precision=200)[node.position]
            assert (status == UNDEFINED) == (exact is None), (text, x, y)
            if exact is not None:
                assert value == pytest.approx(points_module.nearest(exact), rel=1e-13, abs=1e-300), (text, x, y)
                compared += 1
    assert compared > 300


def test_second_derivatives_are_marked_too():
    node = parse("abs(x)*x^2")
    first = gradient(node)["x"]
    second = gradient(first)["x"]
    (found,) = table(node.graph, node.position, {"x": second.position}, [Points.of({"x": [0.0, 1.0]})])
    assert found.value.tolist() == [0, 1]
    assert found.gradient["x"].tolist() == [0, 6]


def test_points_need_a_value_for_every_variable():
    with pytest.raises(UsageError, match="no values for y"):
        list(results("x + y", [Points.of({"x": [1]})]))


def test_points_from_arrays_that_are_not_finite_are_unreadable():
    statuses, values, _, _ = at("x + 1", x=[1.0, math.nan, math.inf])
    assert statuses == ["ok", "unreadable", "unreadable"]
    assert math.isnan(values[2])


def test_no_derivative_or_no_variable_is_fine():
    (found,) = results("x^2", [Points.of({"x": [1, 2]})], [])
    assert (found.value.tolist(), found.gradient) == ([1, 4], {})
    (found,) = results("3", [Points.of({"x": [1, 2]})], [])
    assert found.value.tolist() == [3, 3]


# -- reading -------------------------------------------------------------------------------------------

MIXED = (
    "id,x,y\na,1,2\nb,pi/2,1/4\nc,one,2\nd,3\ne,3,4,5\nf,1e999,1\ng,nan,1\nh,,1\ni, 2 ,0x10\n\n# no row\nj,-1e-3,+.5\n"
)


def test_every_row_comes_out_in_its_place_with_its_reason():
    found = rows("x*y", MIXED)
    assert [row["id"] for row in found] == list("abcdefghij")
    assert [row["status"] for row in found] == ["ok"] * 2 + ["unreadable"] * 7 + ["ok"]
    assert float(found[1]["f"]) == math.pi / 8
    assert float(found[9]["df/dx"]) == 0.5
    assert [row["note"] for row in found[2:9]] == [
        "x: `one` is not a number",
        "no value for y",
        "4 cells, but 3 columns: a cell with a comma in it needs quotes",
        "x: `1e999` is too large for double precision",
        "x: `nan` is not a number",
        "no value for x",
        found[8]["note"],
    ]
    assert found[8]["note"].startswith("y: ")
    assert [o["line"] for o in objects("x*y", MIXED)] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 13]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("last", [True, False])
def test_all_dialects_read_the_same(end, mark, delimiter, last):
    lines = ["# made by hand", "x,y", "1,2", "", "  # in between", "3,-4.5e1"]
    text = end.join(line.replace(",", delimiter) for line in lines) + (end if last else "")
    form = "tsv" if delimiter == "\t" else None
    found = objects("x + y", mark + text.encode(), form=form)
    assert [(o["line"], o["at"], o["value"]) for o in found] == [(3, {"x": 1, "y": 2}, 3), (6, {"x": 3, "y": -45}, -42)]


def test_the_fast_way_and_the_slow_way_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    lines = [f"{a!r},n{k},{b!r}" for k, (a, b) in enumerate(rng.normal(size=(500, 2)).tolist())]
    text = "x,name,y\n" + "\n".join(lines) + "\n"
    fast = written("x*y", text)
    monkeypatch.setattr(points_module.PointTable, "_block", lambda *_: None)
    assert written("x*y", text) == fast
    assert written("x*y", text.replace("n3,", '"n3",')) == fast


def test_quoted_cells_are_read_the_fast_way_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'name,x\n"a, b","1"\n"c ""d""",-2\n# none\ne,3\n'
    slow = written("x^2", text, to="jsonl")
    monkeypatch.setattr(points_module.PointTable, "_one_by_one", None)
    assert written("x^2", text, to="jsonl") == slow
    assert [row["name"] for row in rows("x^2", text)] == ["a, b", 'c "d"', "e"]


@pytest.mark.parametrize("size", [64, 100, 1000])
def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Blocks of a few bytes, with faults in some of them, give what one block gives."""
    text = "x,k\n" + "".join(f"{'pi' if k % 97 == 50 else k / 8},{k}\n" + "\n# c\n" * (k % 41 == 7) for k in range(400))
    text += 'no,"1,\n2"\n5,6\n'
    whole = written("x^2", text), written("x^2", text, to="jsonl")
    monkeypatch.setattr(points_module, "_BLOCK", size)
    monkeypatch.setattr(points_module, "_ROWS", 13)
    assert (written("x^2", text), written("x^2", text, to="jsonl")) == whole
    assert whole[1].count("\n") == 402
    assert '"line": 424' in whole[1].splitlines()[-1]


def test_json_lines_are_read_with_numbers_and_expressions():
    text = '{"x": 1, "y": "pi/2", "id": "a"}\n\n{"y": 2, "x": 3, "id": "b"}\n{"x": 1, "y": 1, "id": 3, "more": [1]}\n'
    found = objects("x*y", text)
    assert [o["value"] for o in found] == [math.pi / 2, 6, 1]
    assert [o["line"] for o in found] == [1, 3, 4]
    assert found[0]["at"] == {"x": 1, "y": "pi/2"}
    assert [o["columns"] for o in found] == [{"id": "a"}, {"id": "b"}, {"id": 3, "more": [1]}]


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("nonsense", "not a JSON object"),
        ("[1, 2]", "not a JSON object"),
        ('{"x": 1, "x": 2}', "the key `x` stands twice"),
        ('{"x": null}', "no value for x"),
        ('{"x": true}', "x: `true` is not a number"),
        ('{"x": NaN}', "x: `NaN` is not a number"),
        ('{"x": 1e999}', "x: `1e999` is too large"),
        ('{"x": ' + "9" * 400 + "}", "x: `999"),
        ('{"x": [1]}', "x: "),
        ('{"y": 1}', "no value for x"),
        ('{"x": 1}, {"x": 2}', "not a JSON object"),
        ('{"x": "' + "(" * 2000 + '"}', "x: the cell is too long"),
        ("[" * 100_000, "not a JSON object"),
    ],
)
def test_a_bad_json_line_is_a_row_of_its_own(line, note):
    found = objects("2*x", '{"x": 1}\n' + line + '\n{"x": 2}\n')
    assert [o["status"] for o in found] == ["ok", "unreadable", "ok"]
    assert found[1]["note"].startswith(note)
    assert (found[1]["value"], found[1]["gradient"]) == (None, {"x": None})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,x\n1,2\n", "no column for the variables y, z; its columns are a, x"),
        ("x,y,x,z\n1,2,3,4\n", "two columns are called x"),
        ("", "the table is empty"),
        ("# nothing but a comment\n", "the table is empty"),
        ('"x,y\n', "the header cannot be read"),
        ('{"x": 1}\n', "no column for the variables y, z"),
        (b"\xff\xfex\x00", "UTF-16"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(content, message):
    content = content if isinstance(content, bytes) else content.encode()
    with pytest.raises(UsageError, match=message):
        read_points("-", ["x", "y", "z"], stdin=io.BytesIO(content))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        read_points(str(tmp_path / "none.csv"), ["x"])
    with pytest.raises(UsageError, match="cannot read"):
        read_points(str(tmp_path), ["x"])


HOSTILE = [
    b"x\n\xff\n2\n",
    b"x\n1\x00\n2\n",
    b"x\n1\r5\n2\n",
    b"x\n" + b"9" * (3 << 20) + b"\n2\n",
    b"x\n" + b"(" * 200_000 + b"\n2\n",
    b'x\n"1\n2\n',
    b"x\n1;2\n2\n",
    b"x\n1_0\n2\n",
    "x\n\uff11 7\n2\n".encode(),
    b"x\n=1+1\n2\n",
    b"x\n9^9^9^9\n2\n",
    b"x\n__import__('os')\n2\n",
    b"x\n0x10p3\n2\n",
    b"x\n\x1b[31m1\n2\n",
]


@pytest.mark.parametrize("content", HOSTILE, ids=[repr(c[2:14]) for c in HOSTILE])
def test_a_hostile_row_is_unreadable_and_the_next_one_is_read(content):
    found = rows("3*x", content)
    assert [row["status"] for row in found[-2:]] == ["unreadable", "ok"]
    assert found[-1]["f"] == "6.0"
    assert len(written("3*x", content)) < 100_000
    assert "\x1b" not in written("3*x", content)
    assert [o["status"] for o in objects("3*x", content)] == [row["status"] for row in found]


def test_a_typed_multiple_of_pi_is_exact():
    """tan has a pole at π/2, and the double beside it a value of 10^16; sin(π) is 0 and not 10^−16."""
    found = rows("tan(x)", "x\npi/2\n1.5707963267948966\n")
    assert [row["status"] for row in found] == ["undefined", "ok"]
    assert found[0]["note"] == "tan(x) needs cos(x) != 0"
    assert rows("sin(x)", "x\npi\n")[0]["f"] == "0.0"
    assert rows("abs(sin(x))", "x\npi\n")[0]["status"] == "not differentiable"


def test_a_decimal_is_what_was_typed_when_it_matters():
    assert [row["status"] for row in rows("1/(10x - 1)", "x\n0.1\n0.2\n")] == ["undefined", "ok"]
    assert rows("asin(x/0.1)", "x\n0.1\n")[0]["f"] == repr(math.pi / 2)


# -- writing -------------------------------------------------------------------------------------------


def test_csv_has_the_columns_as_typed_and_numbers_as_short_as_they_can_be():
    text = written("z = x^2/8 + y", "id,x,y\n007,1.50,1e2\nb,0.1,0\n").splitlines()
    assert text == [
        "id,x,y,f,df/dx,df/dy,status,note",
        "007,1.50,1e2,100.28125,0.375,1.0,ok,",
        "b,0.1,0,0.0012500000000000002,0.025,1.0,ok,",
    ]


def test_the_output_goes_by_its_own_name_and_columns_of_one_name_get_a_number():
    opened = read_points("-", ["x"], stdin=io.BytesIO(b"x,y,note\n1,2,3\n"))
    out = io.StringIO()
    write_csv(out, results("x^2", opened.points()), opened.columns, ["x"], output="y")
    assert out.getvalue().splitlines() == ["x,y,note,y_2,dy/dx,status,note_2", "1,2,3,1.0,2.0,ok,"]


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-2x", "@SUM(1)", " =1", "＝1", "=HYPERLINK(1)"])
@pytest.mark.parametrize("quoted", [True, False])
def test_a_formula_in_a_column_is_defused_and_a_number_is_not(cell, quoted):
    typed = f'"{cell}"' if quoted else cell
    found = rows("x", f"x,id\n-1.5,-2\n-1e-5,{typed}\n+3,ok\n")
    assert [row["id"] for row in found] == ["-2", "'" + cell, "ok"]
    assert [row["x"] for row in found] == ["-1.5", "-1e-5", "+3"]
    assert [row["f"] for row in found] == ["-1.5", "-1e-05", "3.0"]


def test_a_formula_in_the_header_or_in_an_unreadable_cell_is_defused():
    text = written("x", "x,=1\n=2+,3\n1,4\n")
    assert text.splitlines()[0] == "x,'=1,f,df/dx,status,note"
    assert text.splitlines()[1].startswith("'=2+,3,")


def test_what_was_quoted_is_quoted_again():
    text = 'x;name\n1;"a;b"\n2;"say ""hi"""\n3;"two\nlines"\n4;c\n'
    found = list(csv.DictReader(io.StringIO(written("x", text)), delimiter=";"))
    assert [row["name"] for row in found] == ["a;b", 'say "hi"', "two\nlines", "c"]
    assert [row["f"] for row in found] == ["1.0", "2.0", "3.0", "4.0"]


def test_json_is_json_whatever_the_names_are():
    found = objects("x_1*2", '{"x_1": 1, "100%": "%s", "\\u001b[31m": "\\"", "é": 1}\n{"x_1": 0.5, "100%": 1}\n')
    assert found[0]["columns"] == {"100%": "%s", "\x1b[31m": '"', "é": 1}
    assert [o["value"] for o in found] == [2, 1]
    assert "\x1b" not in written("x_1", '{"x_1": 1, "\\u001b": 2}\n', to="jsonl")


def test_undefined_cells_are_empty_or_null():
    assert rows("log(x)", "x\n-1\n")[0]["f"] == ""
    found = objects("sqrt(x)", "x\n0\n-1\n")
    assert (found[0]["value"], found[0]["gradient"]["x"]) == (0, None)
    assert found[1]["value"] is None


def test_counts_are_returned():
    opened = read_points("-", ["x"], stdin=io.BytesIO(b"x\n1\n-1\n0\nno\n800\n"))
    counts = write_csv(io.StringIO(), results("sqrt(x) + 0*exp(x) + exp(x)", opened.points()), opened.columns, ["x"])
    assert counts == {"ok": 1, "undefined": 1, "not differentiable": 1, "unreadable": 1, "overflow": 1}
    assert STATUSES[UNREADABLE] == "unreadable"
    assert STATUSES[KINK] == "not differentiable"


def test_points_without_a_table_are_written_too():
    found = list(results("x*y", [Points.of({"x": [1, 2], "y": 3})]))
    out = io.StringIO()
    write_csv(out, found, ["x", "y"], ["x", "y"])
    assert out.getvalue().splitlines()[1:] == ["1.0,3.0,3.0,3.0,1.0,ok,", "2.0,3.0,6.0,3.0,2.0,ok,"]
    out = io.StringIO()
    write_jsonl(out, found)
    assert json.loads(out.getvalue().splitlines()[1])["gradient"] == {"x": 3, "y": 2}


# -- size ----------------------------------------------------------------------------------------------


def test_a_hundred_thousand_rows_come_back_with_the_closed_form(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    x, y = rng.uniform(-2, 2, (2, 100_000))
    file = tmp_path / "points.csv"
    with file.open("w", encoding="utf-8") as out:
        out.write("x,y,id\n")
        out.writelines(f"{a!r},{b!r},{k}\n" for k, (a, b) in enumerate(zip(x.tolist(), y.tolist())))
    with read_points(str(file), ["x", "y"]) as opened, (tmp_path / "out.csv").open("w", encoding="utf-8") as out:
        found = results("100*(y - x^2)^2 + (1 - x)^2", opened.points(), ["x", "y"])
        assert write_csv(out, found, opened.columns, ["x", "y"]) == {"ok": 100_000}
    columns = np.loadtxt(tmp_path / "out.csv", delimiter=",", skiprows=1, usecols=range(6), unpack=True)
    assert np.array_equal(columns[0], x)
    assert np.array_equal(columns[1], y)
    assert np.array_equal(columns[2], np.arange(100_000))
    assert np.allclose(columns[3], 100 * (y - x**2) ** 2 + (1 - x) ** 2, rtol=1e-13)
    assert np.allclose(columns[4], -400 * x * (y - x**2) - 2 * (1 - x), rtol=1e-12, atol=1e-11)
    assert np.allclose(columns[5], 200 * (y - x**2), rtol=1e-12, atol=1e-12)


class Endless(io.RawIOBase):
    """A table of so many rows, made as it is read."""

    def __init__(self, line: bytes, count: int) -> None:
        self.line, self.left, self.rest = line, count, b"x,y\n"

    def read(self, size: int = -1) -> bytes:
        take = min(self.left, max(1, size // len(self.line)))
        self.left -= take
        found, self.rest = self.rest + self.line * take, b""
        return found

    def readline(self, size: int | None = -1) -> bytes:
        if self.rest:
            found, self.rest = self.rest, b""
            return found
        self.left -= self.left > 0
        return self.line if self.left else b""


class Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)

    def writelines(self, lines: Any) -> None:
        for _ in lines:
            pass


@pytest.mark.parametrize("line", [b"0.25,0.5\n", b"-1,0\n", b"pi,0\n"])
def test_memory_does_not_grow_with_the_table(monkeypatch: pytest.MonkeyPatch, line: bytes) -> None:
    monkeypatch.setattr(points_module, "_BLOCK", 1 << 16)
    monkeypatch.setattr(points_module, "_ROWS", 1 << 12)

    def peak(count: int) -> int:
        opened = read_points("-", ["x", "y"], stdin=Endless(line, count))  # type: ignore[arg-type]
        tracemalloc.start()
        try:
            write_csv(Nowhere(), results("log(x) + y", opened.points(), limit=10), opened.columns, ["x", "y"])
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    count = 30_000 if line[:1] != b"p" else 8_000
    few = peak(count)
    assert peak(4 * count) < 1.3 * few


# -- the tests themselves --------------------------------------------------------------------------------


def test_planted_faults_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the second look at rows, the tests above do fail."""
    monkeypatch.setattr(Evaluation, "_undefined", lambda *_: None)
    with pytest.raises(AssertionError):
        test_a_row_without_a_value_names_the_operation_that_has_none("atan(1/x)", 0, "1/x needs x != 0")
    monkeypatch.setattr(Evaluation, "_singularities", lambda *_: None)
    with pytest.raises(AssertionError):
        test_at_a_kink_the_value_is_given_and_the_slope_is_the_convention("relu(x)", 0, 0, 0, "x = 0 (rectifier)")
    monkeypatch.setattr(Evaluation, "_exactly", lambda *_: None)
    with pytest.raises(AssertionError):
        test_a_number_beyond_double_precision_on_the_way_does_no_harm("log(exp(x))", 800, 800, 1)
