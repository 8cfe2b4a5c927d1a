"""Equality of labelled pairs against SymPy's `simplify(a - b) == 0`, and a class of 1,000 answers graded."""

import argparse
import csv
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure

CORPUS = Path(__file__).parents[1] / "tests" / "corpus"
PATIENCE = 5  # seconds for SymPy on one pair; longer counts as undecided


def rows(name):
    lines = (CORPUS / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]


def ours(pairs):
    """(verdict, seconds) of each pair, in this process."""
    from backprop.tasks import handle
    from backprop.verdicts import equality_question, result_of, take_in

    results = []
    for a, b, _ in pairs:
        task = equality_question(a, b)
        begin = time.perf_counter()
        result = result_of(task)
        for message in handle(task):
            take_in(result, message)
        results.append((result.verdict, time.perf_counter() - begin))
    return results


def theirs(pairs):
    """What a script with SymPy would do; a difference that is not rewritten to 0 counts as different."""
    import sympy

    x = sympy.Symbol("x")
    known = {"e": sympy.E, "cbrt": sympy.Lambda(x, sympy.real_root(x, 3)), "abs": sympy.Abs, "ln": sympy.log,
             "log10": sympy.Lambda(x, sympy.log(x, 10)), "log2": sympy.Lambda(x, sympy.log(x, 2))}  # fmt: skip

    def stop(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, stop)
    results = []
    for a, b, _ in pairs:
        begin = time.perf_counter()
        signal.alarm(PATIENCE)
        try:
            difference = sympy.sympify(f"({a}) - ({b})", locals=known)
            verdict = "equal" if sympy.simplify(difference) == 0 else "different"
        except Exception:
            verdict = "undecided"
        finally:
            signal.alarm(0)
        results.append((verdict, time.perf_counter() - begin))
    return results


def readable(pairs):
    """The pairs in Python's syntax, without what SymPy's parser cannot read."""
    import backprop

    found = []
    for a, b, label, _ in pairs:
        texts = [str(backprop.parse(text)) for text in (a, b)]
        if not any(word in text for text in texts for word in (" if ", "piecewise", "floor", "root(")):
            found.append((*texts, label))
    return found


def summary(name, pairs, results):
    """A row of the table: times, and how many verdicts were right, wrong, undecided."""
    times = sorted(seconds for _, seconds in results)
    right = sum(verdict == label for (verdict, _), (_, _, label) in zip(results, pairs, strict=True))
    undecided = sum(v == "undecided" != label for (v, _), (_, _, label) in zip(results, pairs, strict=True))
    return [name, measure.duration(statistics.median(times)), measure.duration(times[int(0.9 * len(times))]),
            right, len(results) - right - undecided, undecided]  # fmt: skip


def compare(sample):
    pairs = readable(rows("pairs.tsv"))[::sample]
    child = subprocess.run(
        [sys.executable, __file__, "--theirs"], input=json.dumps(pairs), capture_output=True, text=True, check=True
    )
    table = [
        summary("backprop equal", pairs, ours(pairs)),
        summary("simplify(a - b) == 0", pairs, json.loads(child.stdout)),
    ]
    print(measure.table(
        f"{len(pairs)} labelled pairs", ["", "median", "90 %", "right", "wrong", "undecided"], table,
        "Wanted: a median under 20 ms, none wrong, undecided at most 1 in 100. Each in one process, after start-up; "
        f"SymPy is stopped after {PATIENCE} s at a pair.",
    ))  # fmt: skip


def grade(count):
    """A whole process that grades `count` answers of the corpus."""
    answers = [row for row in rows("answers.tsv") if row[3]]
    with tempfile.TemporaryDirectory() as folder:
        table, key, out = (str(Path(folder) / name) for name in ("answers.csv", "key.csv", "graded.csv"))
        with open(key, "w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["problem_id", "problem", "wrt", "order"])
            for k in range(count):
                problem, wrt, order, *_ = answers[k % len(answers)]
                writer.writerow([k, problem, wrt or "", order])
        with open(table, "w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["student", "problem_id", "answer"])
            writer.writerows([f"s{k % 40}", k, answers[k % len(answers)][3]] for k in range(count))
        begin = time.perf_counter()
        done = subprocess.run(
            [*measure.program(), "grade", table, "--key", key, "-o", out], capture_output=True, check=False
        )
        seconds = time.perf_counter() - begin
    print("\n" + measure.table(
        "A class's answers", ["answers", "`backprop grade`", "an answer", "exit status"],
        [[f"{count:,}", measure.duration(seconds), measure.duration(seconds / count), done.returncode]],
        "Wanted: 1,000 in under 60 s on two cores. The whole process; every answer is one of another problem.",
    ))  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=6, help="every so many pairs")
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--theirs", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.theirs:
        print(json.dumps(theirs(json.load(sys.stdin))))
        return
    compare(options.sample)
    grade(options.answers)


if __name__ == "__main__":
    main()
