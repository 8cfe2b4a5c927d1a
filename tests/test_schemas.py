"""The JSON Schemas: real output of every command satisfies them, planted faults do not, and no property is dead."""

from __future__ import annotations

import copy
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from backprop.cli import common
from backprop.derivation import derive
from backprop.errors import BackpropError, UsageError
from backprop.schemas import NAMES, schema
from backprop.session import Session

ROOT = Path(__file__).parent.parent
FAST = ("--no-verify", "--no-simplify")

VALIDATORS = {name: jsonschema.Draft202012Validator(schema(name)) for name in NAMES}


def faults(name: str, line: Any) -> list[str]:
    """What a schema has against a line; each with its place."""
    return [f"{error.json_path}: {error.message}" for error in VALIDATORS[name].iter_errors(line)]


# -- samples: what the commands print ------------------------------------------------------------------

DIFF = [
    ("5a^2/(1+e^b)", "--at", "a=2,b=0"),
    ("y = 3(x+2)^2", "--wrt", "x", "--order", "3", "--at", "x=1"),
    ("f(g(x))", "--functions", "f,g"),
    ("a = x+2; b = a^2; y = 3b", "--at", "x=1"),
    ("g(t) = t^2; y = g(x) + g(3)", "--at", "x=1"),
    ("x^2 + y^2 = 25", "--at", "x=3,y=4", "--tangent"),
    ("x^2 + y^2 = 25", "--order", "2"),
    ("x^2 y", "--hessian", "--at", "x=1,y=2"),
    ("x^2 y", "--hessian", "--along", "x=1,y=2", "--at", "x=1,y=2"),
    ("[x y, x + y]", "--jacobian", "--at", "x=1,y=2", "--mode", "all", "--check-gradient"),
    ("u = x y; v = x/y", "--of", "u,v", "--jacobian", "--at", "x=1,y=0"),
    ("x^2 y", "--along", "x=1,y=2", "--at", "x=1,y=2"),
    ("x^3 y", "--mixed", "x,x,y", "--at", "x=1,y=2"),
    ("x^2 y", "--total", "t", "--at", "x=1,y=2"),
    ("x y", "--mode", "all", "--check-gradient", "--explain", "--tangent", "--at", "x=1,y=pi/2"),
    ("x y + x + sin(x y)", "--mode", "forward", "--at", "x=1,y=2"),
    ("1/(1+e^(-x)) + x*x + 3 + x", "--decompose", "nary", "--at", "x=1"),
    ("ln(1 + e^x)", "--decompose", "fused"),
    ("x^3 - 3x + y^2", "--critical"),
    ("sin x", "--critical"),
    ("abs(x)", "--critical", "--at", "x=0"),
    ("1/x", "--at", "x=0", "--digits", "30"),
    ("7",),
    ("2x", "--wrt", "z"),
    ("f(",),
    ("x", "--max-nodes", "1", "sin(x)+1", "--debug"),
]
LINES = b"""\
x^2  # a comment
{"equation": "a x^2", "wrt": ["x"], "at": {"a": 3, "x": "1/2"}}
{"equation": "x", "order": 0}
{"wrt": "x"}
sni(x)
""" + b"caf\xe9 + x\n"  # fmt: skip

CHECK = [
    ("sin(x^2+3x)", "cos(x^2+3x)"),
    ("sin(x^2+3x)", "cos(x^2+3x)", "--hint", "3"),
    ("x^2", "2x"),
    ("x^2", "2x", "--form", "factored"),
    ("log(x)", "log(x)", "--up-to-constant"),
    ("x^2+y^2", "[2x, 2y]"),
    ("x^2+y^2=25", "dy/dx = -x/y"),
    ("sqrt(x)^2", "1"),
    ("x^2", "2x +"),
    ("x^2", "2x $"),
    ("x^2 (", "2x"),
    ("sin(sin(sin(x^9)))^7", "0*x + gamma(x)"),
]
EQUAL = [
    ("sin(x)^2", "1 - cos(x)^2"),
    ("sqrt(x^2)", "x"),
    ("log(x^2)", "2log(x)"),
    ("x(", "x"),
    ("x", "x)"),
    ("log(-1-x^2)", "log(-2-x^2)"),
    ("e^(10x)", "e^(10x) + 1e-7"),
]
RULE = [("--all",), ("R05",), ("M01",), ("tanh",)]
POINTS = "x,y,who\n1,2,Ann\n0,1,Bob\n1/3,pi,Cid\n-1,zz,Dan\n1e308,2,Eve\n-1,-1,\n"
ANSWERS = [
    {"student": "Ann", "problem_id": "p", "answer": "2x cos(x^2)", "room": 7},
    {"student": "Bob", "problem_id": "p", "answer": "cos(x^2)"},
    {"student": "Cid", "problem_id": "p", "answer": "cos(x^2"},
    {"student": "Dan", "problem_id": "q", "answer": "x"},
]
KEY = "problem_id,problem,points\np,sin(x^2),1.5\n"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Any]]:
    """Runs a command in this process; the lines that it prints, as objects."""
    session = Session(1)
    session.close, close = lambda: None, session.close  # type: ignore[method-assign]

    def run(*arguments: str, stdin: bytes = b"") -> list[Any]:
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", io.StringIO())
            common.run(list(arguments), session)
            out.flush()
            text = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
        return [json.loads(line) for line in text.splitlines()]

    yield run  # type: ignore[misc]
    close()


@pytest.fixture(scope="module")
def samples(printed: Callable[..., list[Any]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """Lines of every kind, as the commands print them."""
    folder = tmp_path_factory.mktemp("tables")
    points, answers, key, graded = (str(folder / name) for name in ("p.csv", "a.jsonl", "k.csv", "g.jsonl"))
    Path(points).write_text(POINTS, encoding="utf-8")
    Path(answers).write_text("".join(json.dumps(row) + "\n" for row in ANSWERS), encoding="utf-8")
    Path(key).write_text(KEY, encoding="utf-8")
    slow = {"--critical", "--order"}
    found: dict[str, list[Any]] = {name: [] for name in NAMES}
    for arguments in DIFF:
        speed = () if slow & set(arguments) else FAST
        found["diff"] += printed("diff", *arguments, *speed, "--format", "json")
    found["diff"] += printed("diff", "-", "--format", "json", *FAST, stdin=LINES)
    found["diff"] += printed("diff", "x^2 sin x", "x^x", "--format", "json")  # verified
    found["points"] = printed("diff", "x*log(y)/x^2", "--at", points, "--format", "json", "--no-verify")
    for row in CHECK:
        found["check"] += printed("check", *row, "--format", "json")
    for row in EQUAL:
        found["equal"] += printed("equal", *row, "--format", "json")
    found["equal"] += printed("equal", "-", "--format", "json", stdin=b"no tab\n")
    for row in RULE:
        found["rule"] += printed("rule", *row, "--format", "json")
    printed("grade", answers, "--key", key, "-o", graded, "-q")
    found["grade"] = [json.loads(line) for line in Path(graded).read_text(encoding="utf-8").splitlines()]
    rows = [*found["diff"], *found["check"], *found["equal"]]
    found["error"] = [row for row in rows if "error" in row and "verdict" not in row]
    return found


def accepted() -> list[str]:
    """The texts of grammar/accept.txt."""
    text = (ROOT / "grammar" / "accept.txt").read_text(encoding="utf-8")
    lines = [line for line in text.split("\n") if line and not line.startswith("# ")]
    return [line.rsplit(" => ", 1)[0] for line in lines]


# -- the schemas describe what is printed --------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_a_schema_of_the_draft_that_it_names(name: str) -> None:
    found = schema(name)
    assert found["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]
    assert found["$id"] == f"urn:backprop:schema:{name}"
    jsonschema.Draft202012Validator.check_schema(found)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_commands_print_satisfies_its_schema(name: str, samples: dict[str, list[Any]]) -> None:
    assert len(samples[name]) >= 4
    assert [(row, faults(name, row)) for row in samples[name] if faults(name, row)] == []


def test_every_accepted_line_of_the_grammar_gives_a_line_that_satisfies_the_schema() -> None:
    """At a point too, and as the second derivative: the forms of numbers and passes are many."""
    done, wrong = 0, []
    points = {"x": "1/3", "y": "2", "a": "-1"}
    for k, text in enumerate(accepted()):
        for options in ({"at": points}, {"order": 2} if k % 9 == 0 else {}):
            try:
                line = derive(text, digits=15, **options).as_dict({"file": None, "line": 1})  # type: ignore[arg-type]
            except BackpropError:
                continue  # a relation at a point that is not on its curve, and the like
            done += 1
            line = json.loads(json.dumps(line))
            wrong += [(text, options, fault) for fault in faults("diff", line)]
    assert done > 1000
    assert wrong == []


def test_what_the_library_gives_without_a_source_satisfies_the_schema() -> None:
    assert faults("diff", derive("x y").as_dict()) == []


def test_a_result_with_named_parts_satisfies_the_schema() -> None:
    line = derive("; ".join(["a0 = x", *(f"a{k + 1} = sin(a{k})*a{k}" for k in range(20))])).as_dict()
    assert line["definitions"]
    assert faults("diff", line) == []


# -- and nothing else ----------------------------------------------------------------------------------

# Keys that a line may be without, by schema.
OPTIONAL = {
    "diff": {
        "definitions", "functions", "outputs", "implicit", "jacobian", "hessian", "hessian_vector", "mixed", "along",
        "total", "values", "jacobian_value", "hessian_value", "hessian_vector_value", "mixed_value", "along_value",
        "total_value", "tangent", "tangents", "critical", "decompositions", "gradient_check", "call", "pass",
        "explanation", "paths",
    },
    "points": {"columns", "note"},
    "check": {"hints"},
}  # fmt: skip
# Objects whose keys are the user's: variables, outputs, columns.
NAMED = {
    "at", "gradient", "gradient_value", "jacobian", "jacobian_value", "hessian", "hessian_value", "direction",
    "product", "rates", "values", "hessian_vector_value", "tangents", "gradient_check", "exact", "error", "digits",
    "at_value", "partials", "intuition", "wrong", "right", "columns",
}  # fmt: skip
FREE = {"points": {"at", "columns"}, "grade": {"student", "problem_id", "answer", "room", ""}}


def places(line: Any) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    """Every value inside a line: the path to it, what holds it, and its key there."""
    todo: list[tuple[tuple[Any, ...], Any]] = [((), line)]
    while todo:
        path, holder = todo.pop()
        for key in holder if isinstance(holder, dict) else range(len(holder)):
            yield (*path, key), holder, key
            if isinstance(holder[key], dict | list):
                todo.append(((*path, key), holder[key]))


def described(part: Any) -> Iterator[dict[str, Any]]:
    """Every group of properties of a schema, but for those of conditions."""
    todo: list[Any] = [part]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            if "properties" in part and part.get("type") == "object":
                yield part["properties"]
            todo += [value for key, value in part.items() if key not in ("if", "then")]
        elif isinstance(part, list):
            todo += part


@pytest.mark.parametrize("name", NAMES)
def test_every_property_has_a_description(name: str) -> None:
    home = schema(name)
    silent = []
    for properties in described(home):
        for key, value in properties.items():
            target: Any = home
            for step in value.get("$ref", "#").split("/")[1:]:
                target = target[step]
            if "description" not in value and ("$ref" not in value or "description" not in target):
                silent.append(key)
    assert silent == []


@pytest.mark.parametrize("name", NAMES)
def test_no_property_is_dead(name: str, samples: dict[str, list[Any]]) -> None:
    """Every property of a schema occurs in some sample."""
    met: set[tuple[int, str]] = set()

    def properties(validator: Any, given: dict[str, Any], line: Any, whole: Any) -> Iterator[Any]:
        met.update((id(given), key) for key in given if isinstance(line, dict) and key in line)
        return jsonschema.Draft202012Validator.VALIDATORS["properties"](validator, given, line, whole)

    whole = schema(name)
    validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"properties": properties})(whole)
    for row in samples[name]:
        assert list(validator.iter_errors(row)) == []
    if name == "error":
        del whole["$defs"]["place"]  # for those who borrow it
    expected = {(id(given), key): key for given in described(whole) for key in given}
    assert len(expected) >= 4
    assert [key for place, key in expected.items() if place not in met] == []


@pytest.mark.parametrize("name", NAMES)
def test_planted_faults_are_refused(name: str, samples: dict[str, list[Any]]) -> None:
    """A missing key, an unknown key, a value of another type or another word: everywhere, one at a time."""
    planted, passed = 0, []
    tried: set[Any] = set()
    valid = VALIDATORS[name].is_valid

    def plant(path: tuple[Any, ...], holder: Any, key: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """Plants one fault after the other, and says which."""
        kept = holder[key]
        named = not NAMED.isdisjoint(path[-3:-1])
        if isinstance(holder, dict) and not named and key not in OPTIONAL.get(name, set()):
            del holder[key]
            yield path, "missing"
        for wrong in ([[]], {"planted": [[]]}, "true" if isinstance(kept, bool) else True):
            holder[key] = wrong
            yield path, wrong
        if not isinstance(kept, int | float) and (name, key) not in NUMBERS and not named:
            holder[key] = -1.5
            yield path, -1.5
        if isinstance(kept, dict):
            holder[key] = kept | {"planted": [[]]}
            yield path, "unknown key"
        if isinstance(kept, str) and key in WORDS[name]:
            holder[key] = "planted"
            yield path, "unknown word"
        holder[key] = kept

    for row in copy.deepcopy(samples[name]):
        for path, holder, key in list(places(row)):
            shape = tuple("*" if isinstance(k, int) or set(path[:i]) & NAMED else k for i, k in enumerate(path))
            if shape in tried or set(path) & FREE.get(name, set()):
                continue
            tried.add(shape)
            for fault in plant(path, holder, key):
                planted += 1
                if valid(row):
                    passed.append(fault)
        if name != "grade":
            assert not valid(row | {"planted": 1})
    assert planted >= 20
    assert passed == []


# What may be a number, and words of which there are few.
NUMBERS = {("points", "value"), ("grade", "points")}
WORDS: dict[str, set[str]] = {
    "diff": {"rule", "status", "mode", "value", "adjoint_value", "partial_value", "sends_value", "same_function", "h"},
    "points": {"status"},
    "check": {"verdict", "how", "domain", "code", "in"},
    "equal": {"verdict", "how", "domain", "in"},
    "grade": {"verdict", "how"},
    "rule": {"kind", "code"},
    "error": {"kind"},
}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("diff", {"gradient_value": {"x": "1.5.2"}}),
        ("diff", {"version": 2}),
        ("diff", {"order": 0}),
        ("diff", {"wrt": ["x", "x"]}),
        ("diff", {"jacobian_value": {}}),
        ("diff", {"source": {"file": "-"}}),
        ("check", {"verdict": "unreadable"}),
        ("check", {"error": {"kind": "parse", "message": "m", "column": 1, "hint": None}}),
        ("points", {"status": "undefined"}),
        ("points", {"value": None}),
    ],
)
def test_a_line_that_contradicts_itself_is_refused(
    name: str, change: dict[str, Any], samples: dict[str, list[Any]]
) -> None:
    line = next(row for row in samples[name] if "error" not in row and row.get("status", "ok") == "ok")
    assert faults(name, line) == []
    assert faults(name, line | change) != []


def test_the_words_of_the_schemas_are_those_of_the_program() -> None:
    from backprop.choices import KINDS, MODES
    from backprop.errors import BackpropError
    from backprop.points import STATUSES

    diff = schema("diff")["$defs"]
    kinds = {kind.kind for kind in BackpropError.__subclasses__()} | {BackpropError.kind}
    assert diff["mode"]["properties"]["mode"]["enum"] == list(MODES)
    assert diff["decomposition"]["properties"]["kind"]["enum"] == list(KINDS)
    assert schema("points")["properties"]["status"]["enum"] == list(STATUSES)
    assert set(schema("error")["$defs"]["error"]["properties"]["kind"]["enum"]) == kinds | {"shape"}


# -- and can be had ------------------------------------------------------------------------------------


def test_the_command_prints_a_schema_that_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert common.run(["schema", "check"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == schema("check")
    line = {"version": 1, "source": {}, "input": "x", "error": {"kind": "usage", "message": "m", "column": None}}
    found = [error.message for error in jsonschema.Draft202012Validator(printed).iter_errors(line)]
    assert found == ["'hint' is a required property"]  # looked up in the schema of errors, which is inside


def test_the_command_lists_the_schemas(capsys: pytest.CaptureFixture[str]) -> None:
    assert common.run(["schema"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(NAMES)
    assert {path.stem for path in (ROOT / "src" / "backprop" / "schemas").glob("*.json")} == set(NAMES)


def test_an_unknown_schema_is_an_error_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert common.run(["schema", "../errors"]) == 2
    assert "choose from diff" in capsys.readouterr().err
    with pytest.raises(UsageError):
        schema("nothing")
