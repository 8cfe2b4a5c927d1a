"""1,000 textbook equations: `backprop diff -q -f FILE`, whole process, against a loop of sympify, diff and simplify."""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure

CORPUS = Path(__file__).parents[1] / "tests" / "corpus" / "textbook.tsv"


def textbook(count):
    """`count` pairs (equation, names). When the corpus is used up it comes again, its variables renamed.

    Exercises with a condition (`x if x > 0 else -x`) are left out: SymPy's parser does not read them.
    """
    import backprop

    exercises = []
    for line in CORPUS.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            equation, wrt, _ = line.split("\t", 2)
            if " if " not in str(backprop.parse(equation, wrt=tuple(wrt.split(",")))):
                exercises.append((equation, wrt.split(",")))
    pairs = exercises[:count]
    turn = 1
    while len(pairs) < count:
        turn += 1
        for equation, wrt in exercises[: count - len(pairs)]:
            # In the canonical text every name stands by itself, so that it can be replaced as a word.
            text = str(backprop.parse(equation, wrt=tuple(wrt)))
            for name in wrt:
                text = re.sub(rf"\b{re.escape(name)}\b", f"{name}_{turn}", text)
            pairs.append((text, [f"{name}_{turn}" for name in wrt]))
    return pairs


def canonical(pairs):
    """The same in Python's syntax, which SymPy reads; names that are Python's keywords are changed."""
    import backprop

    def renamed(text):
        return re.sub(r"\blambda\b", "lambda_", text)

    return [
        (renamed(str(backprop.parse(equation, wrt=tuple(wrt)))), [renamed(name) for name in wrt])
        for equation, wrt in pairs
    ]


def loop(rows):
    """What a script would do; given are the functions that SymPy spells otherwise, and the names it would misread."""
    import sympy

    x = sympy.Symbol("x")
    known = {
        "e": sympy.E,
        "cbrt": sympy.Lambda(x, sympy.real_root(x, 3)),
        "log10": sympy.Lambda(x, sympy.log(x, 10)),
        "log2": sympy.Lambda(x, sympy.log(x, 2)),
        "abs": sympy.Abs,
        "ln": sympy.log,
    }
    words = {word for text, _ in rows for word in re.findall(r"[^\W\d]\w*(?!\w|\()", text)} - {"pi", "e"}
    known.update((word, sympy.Symbol(word)) for word in words)
    for text, wrt in rows:
        expression = sympy.sympify(text, locals=known)
        for name in wrt:
            str(sympy.simplify(sympy.diff(expression, sympy.Symbol(name))))


def timed_loop(rows):
    """Whole-process seconds of the loop, in a process of its own: (start and import of SymPy, the loop)."""
    start = time.perf_counter()
    child = subprocess.run(
        [measure.PYTHON, __file__, "--child"], input=json.dumps(rows), capture_output=True, text=True, check=True
    )
    whole = time.perf_counter() - start
    inside = float(child.stdout)
    return whole - inside, inside


def tables(count=1000, sample=None):
    pairs = textbook(count)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "equations.txt")
        lines = [json.dumps({"equation": equation, "wrt": ",".join(wrt)}) for equation, wrt in pairs]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        start = time.perf_counter()
        done = subprocess.run(
            [*measure.program(), "diff", "-q", "-f", str(file)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        ours = time.perf_counter() - start
    answers = done.stdout.splitlines()
    if done.returncode not in (0, 3) or len(answers) != count or not all(answers):
        failed = f"exit status {done.returncode}, {len(answers)} lines, {answers.count('')} of them empty"
        raise SystemExit(f"{failed}\n{done.stderr[:2000]}")
    chosen = canonical(pairs)
    if sample:
        chosen = chosen[:: max(1, count // sample)][:sample]
    starting, looping = timed_loop(chosen)
    theirs = starting + looping * count / len(chosen)
    row = [f"{count:,}", measure.duration(ours), measure.duration(theirs), f"{theirs / ours:.1f}", done.returncode]
    note = (
        "Wanted: at least 5 times faster. Both are whole processes; ours verifies every derivative as well "
        "(exit status 0: all verified; 3: some could not be)."
    )
    if len(chosen) < count:
        note += f" The loop ran on {len(chosen)} evenly spaced equations, and its time was scaled up."
    header = ["equations", "`backprop diff -q -f`", "SymPy loop", "times faster", "exit status"]
    return [measure.table("A file of textbook equations", header, [row], note)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--sample", type=int, help="run the loop on so many equations only, and scale its time")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        import sympy  # noqa: F401 - starting SymPy is counted apart

        rows = json.load(sys.stdin)
        print(measure.seconds(loop, rows))
    else:
        print(*tables(options.count, options.sample), sep="\n\n")
