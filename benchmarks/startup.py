"""One equation, as a whole process: `backprop diff` against a bare script that uses SymPy; and how soon it answers."""

import argparse
import os
import statistics
import subprocess
import time

import measure

EQUATIONS = [
    ("3*(x+2)**2", "x"),
    ("x**2*sin(x)", "x"),
    ("exp(-x**2/2)", "x"),
    ("log(x)/x", "x"),
    ("sqrt(1 + x**2)", "x"),
    ("5*a**2/(1+exp(b))", "a,b"),
]

BARE_SCRIPT = """
import sys
import sympy
text, wrt = sys.argv[1:]
expression = sympy.parse_expr(text, local_dict={"e": sympy.E})
for name in wrt.split(","):
    print(sympy.simplify(sympy.diff(expression, sympy.Symbol(name))))
"""


def run(command):
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def time_to_first_byte(command):
    """Seconds from starting a command on a terminal to the first byte it shows there."""
    shown, terminal = os.openpty()
    start = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal, close_fds=True)
    os.close(terminal)
    first = os.read(shown, 1)
    taken = time.perf_counter() - start
    try:
        while os.read(shown, 65536):
            pass
    except OSError:  # Linux reports the end of a terminal's output as an error
        pass
    os.close(shown)
    if process.wait() or not first:
        raise SystemExit(f"exit status {process.returncode} of {command}")
    return taken


def median_of(job, rounds):
    job()
    return statistics.median(job() for _ in range(rounds))


def tables(rounds=9):
    program = measure.program()
    rows = []
    for text, wrt in EQUATIONS:
        ours = [*program, "diff", text, "--wrt", wrt]
        bare = [measure.PYTHON, "-c", BARE_SCRIPT, text, wrt]
        times = measure.interleave({"ours": lambda n: run(ours), "bare": lambda n: run(bare)}, rounds)  # noqa: B023
        first = median_of(lambda: time_to_first_byte(ours), rounds)  # noqa: B023
        rows.append([
            f"`{text}`",
            measure.duration(times["ours"]),
            measure.duration(times["bare"]),
            f"{times['ours'] / times['bare']:.2f}",
            measure.duration(first),
        ])  # fmt: skip
    note = (
        f"Wanted: ratio at most 1.15, first byte on a terminal within 0.3 s. Medians of {rounds} interleaved runs; "
        "ours prints the whole trace and verifies it, the script prints the simplified derivatives."
    )
    header = ["equation", "`backprop diff`", "SymPy script", "ratio", "first byte"]
    answers = []
    for arguments, wanted in [(["--help"], "0.15 s"), (["--version"], "0.15 s"), (["diff", "--help"], "0.15 s")]:
        taken = median_of(lambda: measure.seconds(run, [*program, *arguments]), rounds)  # noqa: B023
        answers.append([f"`backprop {' '.join(arguments)}`", measure.duration(taken), wanted])
    bare = median_of(lambda: measure.seconds(run, [measure.PYTHON, "-c", "pass"]), rounds)
    answers.append(["`python -c pass`, for comparison", measure.duration(bare), ""])
    return [
        measure.table("One equation, whole process", header, rows, note),
        measure.table("Answers that need no mathematics", ["command", "time", "wanted"], answers),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    print(*tables(parser.parse_args().rounds), sep="\n\n")
