"""Time and memory against size, and the number of operations of a gradient against that of its function."""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import measure

# ---- texts of growing size


def products(n):
    """n variables, each multiplied by its neighbour."""
    return " + ".join(f"x{i}*x{i + 1}" for i in range(n))


def waves(n):
    """n different terms in the same two variables: a long line, and long sums of adjoints."""
    return " + ".join(f"{i}*sin({i}*x + y)" for i in range(1, n + 1))


def nested_calls(n):
    return "sin(" * n + "x" + ")" * n


def nested_fractions(n):
    return "1/(x + " * n + "y" + ")" * n


def nested_brackets(n):
    return "(" * n + "x" + ")" * n


# family, sizes; the last size is the one that is promised
SIZES = [
    (products, [3_300, 33_000, 333_000]),
    (waves, [2_000, 20_000, 200_000]),
    (nested_calls, [1_000, 10_000, 100_000]),
    (nested_fractions, [1_000, 10_000, 100_000]),
    (nested_brackets, [1_000, 10_000, 100_000]),
]
LIMIT = 120  # seconds, for one size


def peak_memory():
    """Most memory that this process has used so far, in MB."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):  # not Linux
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return used / (1024 * 1024 if sys.platform == "darwin" else 1024)


def measure_one(family, n):
    """Parse, differentiate by every variable, print the function again: seconds of each, sizes and memory."""
    import backprop

    text = globals()[family](n)
    backprop.gradient(backprop.parse("x*sin(y)"), ["x", "y"])  # loads what is loaded once
    before = peak_memory()
    times = [time.perf_counter()]
    node = backprop.parse(text)
    times.append(time.perf_counter())
    names = [f"x{i}" for i in range(n + 1)] if family == "products" else ["x", "y"]
    gradient = backprop.gradient(node, names)
    times.append(time.perf_counter())
    printed = str(node)
    times.append(time.perf_counter())
    seconds = [b - a for a, b in pairwise(times)]
    own = backprop.count_operations([node])
    both = backprop.count_operations([node, *gradient.values()])
    return {
        "characters": len(text),
        "seconds": seconds,
        "operations": own,
        "both": both,
        "memory": peak_memory() - before,
        "printed": len(printed),
    }


def in_child(family, n):
    """In a process of its own, so that memory is counted from nothing."""
    command = [measure.PYTHON, __file__, "--child", family, str(n)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return {"error": f"not done in {LIMIT} s"}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or [f"signal {-done.returncode}"])[-1][:60]}
    return json.loads(done.stdout)


def size_table():
    rows = []
    for family, sizes in SIZES:
        for n in sizes:
            found = in_child(family.__name__, n)
            label = f"{family.__name__.replace('_', ' ')}, {n:,}"
            if "error" in found:
                rows.append([label, found["error"], *[""] * 7])
                continue
            whole = sum(found["seconds"])
            rows.append([
                label,
                f"{found['characters'] / 1e6:.2f} MB",
                f"{found['operations']:,}",
                f"{found['both']:,}",
                *map(measure.duration, found["seconds"]),
                f"{whole / found['characters'] * 1e6:.2f} µs",
                f"{found['memory']:.0f} MB",
            ])  # fmt: skip
    header = ["family, size", "text", "operations", "with gradient", "parse", "pass", "print", "a character", "memory"]
    note = (
        "Wanted: linear, so the time for each character hardly changes from row to row of a family. *pass* is "
        "the reverse pass; *print* writes the function out again; the gradient stays a DAG with shared parts."
    )
    return measure.table("Time and memory against size, library", header, rows, note)


def program_table(rounds=1):
    """The whole program on the largest lines."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for family, n in [(waves, 200_000), (products, 333_000), (nested_calls, 100_000), (nested_brackets, 100_000)]:
            file = Path(folder, family.__name__)
            file.write_text(family(n) + "\n")
            with open(os.devnull, "w") as nowhere:
                start = time.perf_counter()
                command = [*measure.program(), "diff", "-q", "--no-verify", "-f", str(file)]
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=nowhere)
                _, status, usage = os.wait4(process.pid, 0)
                taken = time.perf_counter() - start
                process.returncode = os.waitstatus_to_exitcode(status)
            memory = usage.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
            size = f"{file.stat().st_size / 1e6:.2f} MB"
            label = f"{family.__name__.replace('_', ' ')}, {n:,}"
            rows.append([label, size, measure.duration(taken), f"{memory:.0f} MB", process.returncode])
    header = ["line", "text", "time", "memory", "exit status"]
    return measure.table("`backprop diff -q --no-verify -f` on one long line", header, rows)


# ---- operations of function and gradient together, over those of the function


def horner(n):
    text = f"a{n}"
    for i in reversed(range(n)):
        text = f"({text})*x + a{i}"
    return text


def continued_fraction(n):
    text = f"x{n}"
    for i in reversed(range(n)):
        text = f"x{i} + 1/({text})"
    return text


def vandermonde(n):
    return "*".join(f"(x{j} - x{i})" for i in range(n) for j in range(i + 1, n))


def quotients(n):
    return " - ".join(f"x{i}/x{i + 1}" for i in range(n))


def quotient_of_products(n):
    return "*".join(f"x{i}" for i in range(n)) + "/(" + "*".join(f"y{i}" for i in range(n)) + ")"


def moebius(n):
    """(a z + b)/(c z + d), applied n times: as a tree twice the size at each step, as a DAG not."""
    text = "z"
    for i in range(n):
        text = f"(a{i}*({text}) + b{i})/(c{i}*({text}) + d{i})"
    return text


def squarings(n):
    text = "x"
    for i in range(n):
        text = f"(({text})*({text}) - y{i})"
    return text


def random_tree(n):
    """n operations + - * / in random places, over n // 8 variables."""
    chance = random.Random(n)
    parts = [f"x{chance.randrange(max(2, n // 8))}" for _ in range(n + 1)]
    while len(parts) > 1:
        right = parts.pop(chance.randrange(len(parts)))
        place = chance.randrange(len(parts))
        parts[place] = f"({parts[place]} {chance.choice('+-*/')} {right})"
    return parts[0]


RATIONAL = [
    ("product", lambda n: "*".join(f"x{i}" for i in range(n)), 1000),
    ("sum of products", products, 1000),
    ("sum of quotients", quotients, 1000),
    ("quotient of products", quotient_of_products, 1000),
    ("product of differences", vandermonde, 40),
    ("Horner's scheme", horner, 1000),
    ("continued fraction", continued_fraction, 1000),
    ("Möbius maps, nested", moebius, 10),
    ("squarings, nested", squarings, 12),
    ("random", random_tree, 100),
    ("random", random_tree, 1000),
    ("random", random_tree, 10000),
]


def operation_table():
    import re

    import backprop

    rows = []
    for title, family, n in RATIONAL:
        text = family(n)
        node = backprop.parse(text)
        gradient = backprop.gradient(node, sorted(set(re.findall(r"[a-z]\d*", text))))
        own = backprop.count_operations([node])
        both = backprop.count_operations([node, *gradient.values()])
        rows.append([f"{title}, {n}", len(gradient), f"{own:,}", f"{both:,}", f"{both / own:.2f}"])
        if both > 5 * own:
            rows[-1][-1] += " (over 5)"
    header = ["function of + − × ÷", "variables", "operations", "with gradient", "ratio"]
    note = "Wanted: at most 5, the bound of Baur and Strassen's theorem, whatever the number of variables."
    return measure.table("Operations of function and gradient together", header, rows, note)


def tables():
    return [size_table(), program_table(), operation_table()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure_one(options.child[0], int(options.child[1]))))
    else:
        print(*tables(), sep="\n\n")
