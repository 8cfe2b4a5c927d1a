"""What the source may not do, read from its syntax trees."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "backprop"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}

# Lowest first; a module imports only modules on lines above its own (a comma separates equals).
ORDER = [
    "errors, ops, choices, __init__",
    "mistakes, expr, schemas, mathml",
    "explain, tidy, grammar_tables, notation",
    "lexer",
    "parser",
    "rules",
    "reverse, evaluate",
    "forward, decompose",
    "program, passes, linear",
    "values",
    "algebra, symbolic, textbook, derivation, domains, answers, arrays",
    "equivalence, forms, numeric, intuition, constants, onrelation",
    "modes, zeros",
    "alternatives",
    "study",
    "verify, implicit, critical, picture",
    "diagnosis, layout",
    "judge",
    "tasks",
    "worker",
    "breaks",
    "curve",
    "field",
    "verdicts",
    "rows",
    "session",
    "render",
    "tables",
    "points",
    "grading",
    "cluster",
    "cli",
    "__main__",
]
LEVEL = {name.strip(): level for level, names in enumerate(ORDER) for name in names.split(",")}

# Functions that call themselves, with the reason why their depth is small.
RECURSIVE = {
    "algebra.py:Field._numeric_root": "once, with the sign taken off",
    "algebra.py:Field.log": "once, with the number in front split off",
    "algebra.py:Field.pow": "once, for the reciprocal",
    "expr.py:literal_rational": "once, below one sign",
    "lexer.py:Lexer._bare_prefix": "words of at most 40 letters",
    "textbook.py:_Collector.sum_of": "once for a sign, once for a common factor",
    "tidy.py:Tidy.add": "cases in cases, to a fixed depth",
    "tidy.py:Tidy.div": "once, with the signs taken off",
    "tidy.py:Tidy.mul": "once, with signs and numbers taken off; cases in cases, to a fixed depth",
    "tidy.py:Tidy.neg": "a number in front; cases in cases, to a fixed depth",
    "tidy.py:exact_root": "once, with the sign taken off",
    "tidy.py:power": "once, with the root taken",
    "worker.py:_pair": "until a descriptor above 2 is found: at most three times",
}

# `getattr` with a name that is not written there: the columns of the table and the fields of a result, never a
# user's text.
DYNAMIC = {"evaluate.py": 3, "symbolic.py": 1, "worker.py": 2, "__init__.py": 1, "cli/__init__.py": 1, "verdicts.py": 1}


def functions(tree: ast.AST) -> Iterator[tuple[str, ast.FunctionDef]]:
    """All functions, with the class in front of a method's name."""
    stack: list[tuple[str, ast.AST]] = [("", tree)]
    while stack:
        prefix, node = stack.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef):
                yield prefix + child.name, child
                stack.append((f"{prefix}{child.name}.", child))
            elif isinstance(child, ast.ClassDef):
                stack.append((f"{prefix}{child.name}.", child))
            else:
                stack.append((prefix, child))


def called(node: ast.Call) -> str:
    """`f`, `module.f` or `.method` of a call."""
    if isinstance(node.func, ast.Name):
        return node.func.id
    if isinstance(node.func, ast.Attribute):
        owner = node.func.value
        return f"{owner.id if isinstance(owner, ast.Name) else ''}.{node.func.attr}"
    return ""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def test_the_whole_package_is_read():
    assert {"lexer.py", "parser.py", "symbolic.py", "ops.py", "worker.py"} <= set(TREES)
    assert len(TREES) >= 20


def test_nothing_typed_can_be_evaluated():
    forbidden = {"eval", "exec", "compile", "__import__", "input", "breakpoint"}
    methods = {"sympify", "parse_expr", "lambdify", "system", "popen", "loads_pickle", "S", "literal_eval"}
    found = []
    for name, tree in TREES.items():
        for call in calls(tree):
            what = called(call)
            if what in forbidden or what.rpartition(".")[2] in methods:
                found.append((name, call.lineno, what))
        for node in ast.walk(tree):
            if isinstance(node, ast.Name | ast.Attribute):
                text = node.id if isinstance(node, ast.Name) else node.attr
                if text in ("eval", "exec", "sympify", "parse_expr", "lambdify", "literal_eval"):
                    found.append((name, node.lineno, text))
    assert found == []


def test_no_module_reads_pickles_or_starts_a_shell():
    found = []
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                bad = {"pickle", "shelve", "marshal", "dill", "cloudpickle", "code", "codeop", "runpy", "commands"}
                found += [(name, node.lineno, m) for m in modules if m.partition(".")[0] in bad]
            if isinstance(node, ast.keyword) and node.arg == "shell":
                found.append((name, node.value.lineno, "shell="))
    assert found == []


def test_attributes_are_looked_up_by_written_names_only():
    found: dict[str, int] = {}
    for name, tree in TREES.items():
        for call in calls(tree):
            if called(call) in ("getattr", "setattr", "delattr", "hasattr") and not isinstance(
                call.args[1], ast.Constant
            ):
                found[name] = found.get(name, 0) + 1
            assert name == "__init__.py" or called(call) not in ("globals", "locals", "vars"), (name, call.lineno)
    assert found == DYNAMIC


def test_no_function_over_expressions_calls_itself():
    found = set()
    for name, tree in TREES.items():
        for function, node in functions(tree):
            own = node.name
            for call in calls(node):
                what = called(call)
                if what in ((f"self.{own}", f"cls.{own}") if "." in function else (own,)):
                    found.add(f"{name}:{function}")
    assert found == set(RECURSIVE)


def imported(name: str, tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """The modules of the package that a module imports, and whether at its top level."""
    parts = name.removesuffix(".py").split("/")
    folder = parts[:-1]
    top = set(tree.body)
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            base = folder[: len(folder) - (node.level - 1)]
            target = [*base, *(node.module or "").split(".")] if node.module else base
            names = [a.name for a in node.names] if not target or not node.module else [target[0]]
            names = ["__init__" if name == "__version__" else name for name in names]
            for found in names:
                yield (target[0] if target and target[0] else found), node in top
        elif (node.module or "").split(".")[0] == "backprop":
            yield [*(node.module or "").split("."), "__init__"][1], node in top


def module(name: str) -> str:
    """The name of a file's module in `ORDER`: a folder counts as one."""
    return name.removesuffix(".py").split("/")[0]


def is_for_types_only(tree: ast.Module) -> set[ast.AST]:
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            found |= set(ast.walk(node))
    return found


def test_every_module_has_its_place():
    assert {module(name) for name in TREES} <= set(LEVEL)


@pytest.mark.parametrize("name", sorted(TREES))
def test_imports_point_downwards(name):
    own = LEVEL[module(name)]
    wrong = [
        (target, own)
        for target, at_top in imported(name, TREES[name])
        if target != module(name)
        and (LEVEL[target] > own or (LEVEL[target] == own and at_top))
        and (name, target) not in UPWARDS
    ]
    assert wrong == []


# Imports inside functions that point upwards, with the reason.
UPWARDS = {
    **{
        ("__init__.py", name): "public names, loaded when first asked for"
        for name in "critical derivation expr forward parser passes points program reverse verdicts grading".split()
    },
    ("verdicts.py", "session"): "equal() and check() start a worker",
    ("derivation.py", "session"): "differentiate() starts a worker",
    ("critical.py", "session"): "critical_points() starts a worker",
    ("derivation.py", "render"): "str() of a derivation",
    ("derivation.py", "intuition"): "the sentences about a derivation that has a point",
    **{
        ("derivation.py", name): "what `study` adds to a derivation: types, and the call in differentiate()"
        for name in ("study", "alternatives", "modes", "numeric", "critical")
    },
    ("values.py", "derivation"): "the type of what it fills in",
    ("values.py", "numeric"): "whether a derivative exists at a kink",
    ("values.py", "implicit"): "the point of a curve is searched with what proves answers about relations",
}


@pytest.mark.parametrize("name", sorted(TREES))
def test_only_the_border_imports_sympy(name):
    heavy = {"sympy", "flint", "lark"}
    top_level: set[str] = set()
    for node in TREES[name].body:
        if isinstance(node, ast.Import):
            top_level |= {a.name.partition(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            top_level.add((node.module or "").partition(".")[0])
    assert top_level & heavy == ({"sympy"} if name == "symbolic.py" else set())
    anywhere = {
        (a.name if isinstance(node, ast.Import) else node.module or "").partition(".")[0]
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Import | ast.ImportFrom)
        for a in node.names
    }
    assert "sympy" not in anywhere or name in ("symbolic.py", "worker.py", "tasks.py")


@pytest.mark.parametrize(
    "program",
    [
        "import backprop",
        "import backprop; backprop.parse('x^2 + sin x')",
        "from backprop import parse, gradient; gradient(parse('x^x'))",
    ],
)
def test_the_library_starts_light(program):
    heavy = ["click", "flint", "lark", "mpmath", "rich", "sympy"]
    code = f"{program}\nimport sys\nprint([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_planted_faults_of_this_file_are_found():
    """The readers above do see what they look for."""
    tree = ast.parse("def f(x):\n    return f(x - 1)\nclass A:\n    def g(self):\n        return self.g()\n")
    assert [name for name, _ in functions(tree)] == ["f", "A.g"]
    assert sorted(called(c) for c in calls(tree)) == ["f", "self.g"]
    assert list(imported("render/plain.py", ast.parse("from ..expr import Graph\nfrom .terminal import x"))) == [
        ("expr", True),
        ("render", True),
    ]
    assert list(imported("verify.py", ast.parse("def f():\n    from .symbolic import x"))) == [("symbolic", False)]
    assert list(imported("verify.py", ast.parse("from . import rules"))) == [("rules", True)]
