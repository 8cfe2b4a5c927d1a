"""Gradients at a million points against careful NumPy written by hand; a table of points in, a table out."""

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import measure
import numpy as np
import scaling

import backprop
from backprop.arrays import Program

TERMS = range(9)
ROSENBROCK = "100*(y - x^2)^2 + (1 - x)^2"
ROSENBROCK_10 = " + ".join(f"100*(x{i + 1} - x{i}^2)^2 + (1 - x{i})^2" for i in TERMS)
PERCEPTRON = "sigmoid(v1*sigmoid(a1*x + b1*y + c1) + v2*sigmoid(a2*x + b2*y + c2) + d)"


# What somebody would write who knows the formulas and NumPy: what occurs twice is computed once, and powers are
# products.


def rosenbrock(x, y):
    inner = y - x * x
    return [-400 * x * inner - 2 * (1 - x), 200 * inner]


def rosenbrock_10(*x):
    inner = [x[i + 1] - x[i] * x[i] for i in TERMS]
    gradient = [-400 * x[i] * inner[i] - 2 * (1 - x[i]) for i in TERMS]
    gradient.append(200 * inner[-1])
    for i in range(1, 9):
        gradient[i] += 200 * inner[i - 1]
    return gradient


def quotient(x, y):
    grown = np.exp(y)
    below = 1 / (1 + grown)
    slope = 10 * x * below
    return [slope, -0.5 * slope * x * grown * below]


def perceptron(v1, a1, x, b1, y, c1, v2, a2, b2, c2, d):
    s1 = 1 / (1 + np.exp(-(a1 * x + b1 * y + c1)))
    s2 = 1 / (1 + np.exp(-(a2 * x + b2 * y + c2)))
    out = 1 / (1 + np.exp(-(v1 * s1 + v2 * s2 + d)))
    last = out * (1 - out)
    back1 = last * v1 * s1 * (1 - s1)
    back2 = last * v2 * s2 * (1 - s2)
    return [
        last * s1, back1 * x, back1 * a1 + back2 * a2, back1 * y, back1 * b1 + back2 * b2, back1,
        last * s2, back2 * x, back2 * y, back2, last,
    ]  # fmt: skip


def waves(x, y, z):
    bell, angle = np.exp(-x * x), x * y
    sine, slope = bell * np.sin(angle), bell * np.cos(angle)
    return [slope * y - 2 * x * sine, slope * x, 2 * z / (1 + z * z)]


FUNCTIONS = [
    ("Rosenbrock, 2 variables", ROSENBROCK, ["x", "y"], rosenbrock),
    ("Rosenbrock, 10 variables", ROSENBROCK_10, [f"x{i}" for i in range(10)], rosenbrock_10),
    ("5x²/(1 + e^y)", "5x^2/(1 + e^y)", ["x", "y"], quotient),
    ("perceptron, 11 variables", PERCEPTRON, "v1 a1 x b1 y c1 v2 a2 b2 c2 d".split(), perceptron),
    ("e^(−x²)·sin(xy) + ln(1 + z²)", "exp(-x^2)*sin(x*y) + log(1 + z^2)", ["x", "y", "z"], waves),
]


def compiled(text, names):
    gradient = backprop.gradient(backprop.parse(text), names)
    return Program(gradient[names[0]].graph, [node.position for node in gradient.values()])


def interleaved(ours, theirs, rounds):
    """The best time of each, and the median of the ratios of neighbours in time."""
    pairs = [(measure.seconds(ours), measure.seconds(theirs)) for _ in range(rounds + 1)][1:]
    best = [min(times) for times in zip(*pairs)]
    return *best, statistics.median(a / b for a, b in pairs)


def gradients(count, rounds):
    rows = []
    for title, text, names, by_hand in FUNCTIONS:
        rng = np.random.default_rng(len(names))
        columns = {name: rng.uniform(-2, 2, count) for name in names}
        program, values = compiled(text, names), list(columns.values())
        found, true = np.array(program.run(columns)), np.array(by_hand(*values))
        difference = float((abs(found - true).max(axis=1) / abs(true).max(axis=1)).max())
        if not difference < 1e-12:
            raise SystemExit(f"{title}: the gradients differ by {difference}")
        del found, true
        ours, theirs, ratio = interleaved(lambda: program.run(columns), lambda: by_hand(*values), rounds)  # noqa: B023
        best = f"{ours / theirs:.2f}"
        rows.append(
            [title, measure.duration(ours), measure.duration(theirs), best, f"{ratio:.2f}", f"{difference:.0e}"]
        )
    note = (
        "Wanted: a ratio of at most 3. Arrays in, arrays out, the program compiled before. "
        f"Best of {rounds} interleaved runs, and the median of the ratios of neighbours; *disagreement* is the "
        "largest difference of an entry, relative to its largest value."
    )
    header = ["gradient", "ours", "NumPy by hand", "ratio", "median ratio", "disagreement"]
    return measure.table(f"Gradients at {count:,} points", header, rows, note)


def whole(text, source, target):
    """Read a table, evaluate, write a table: rows, seconds from the imports on, and memory."""
    start = time.perf_counter()
    from backprop.points import read_points, table, write_csv

    node = backprop.parse(text)
    derived = {name: partial.position for name, partial in backprop.gradient(node).items()}
    with read_points(source, node.variables) as points, open(target, "w", encoding="utf-8") as out:
        found = table(node.graph, node.position, derived, points.points())
        counts = write_csv(out, found, points.columns, list(derived))
    return sum(counts.values()), time.perf_counter() - start, scaling.peak_memory()


def tables_of_points(count):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "points.csv"), Path(folder, "out.csv")
        for size in (count // 10, count):
            columns = np.random.default_rng(1).uniform(-2, 2, (2, size)).tolist()
            with source.open("w", encoding="utf-8") as out:
                out.write("x,y\n")
                out.writelines(f"{x!r},{y!r}\n" for x, y in zip(*columns))
            for text in (ROSENBROCK, "log(x)*y"):
                command = [measure.PYTHON, __file__, "--child", text, str(source), str(target)]
                done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
                written, seconds, peak = map(float, done.stdout.split())
                if written != size:
                    raise SystemExit(f"{written:.0f} rows came out of {size}")
                megabytes = source.stat().st_size / 1e6
                cells = [f"{size:,}", f"{megabytes:.0f} MB", measure.duration(seconds), f"{peak:.0f} MB"]
                rows.append([f"`{text}`", *cells])
    note = (
        "In a process of its own, from the imports to the last row, with value, gradient and status for every point; "
        "every second row of `log(x)*y` is undefined, and says why. Memory does not grow with the table."
    )
    return measure.table("A table in, a table out", ["function", "rows", "table", "time", "memory"], rows, note)


def tables(count=1_000_000, rounds=9):
    return [gradients(count, rounds), tables_of_points(count)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="points")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(*whole(*options.child))
    else:
        print(*tables(options.count, options.rounds), sep="\n\n")
