"""What the benchmarks share: fair timing, and tables."""

import gc
import os
import statistics
import sys
import time
from pathlib import Path

PYTHON = sys.executable


def program():
    """The command that starts backprop: the installed script beside this Python, else the module."""
    script = Path(PYTHON).with_name("backprop")
    return [str(script)] if script.exists() else [PYTHON, "-m", "backprop"]


def seconds(job, *arguments):
    """How long one call takes, without rubbish of earlier calls being collected in it."""
    gc.collect()
    start = time.perf_counter()
    job(*arguments)
    return time.perf_counter() - start


def interleave(jobs, rounds):
    """Time jobs (name -> function of the round's number) as A B C A B C …; the median for each name.

    Interleaving lets a machine that slows down for a while slow all of them down. Round 0 warms up and is not counted.
    """
    times = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, job in jobs.items():
            taken = seconds(job, number)
            if number:
                times[name].append(taken)
    return {name: statistics.median(values) for name, values in times.items()}


def duration(value):
    """Seconds in a unit in which people can compare them.

    >>> duration(0.01234), duration(12.34)
    ('12.3 ms', '12.3 s')
    """
    return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def table(title, header, rows, note=""):
    """A Markdown table under a heading, its columns as wide as their content, for reading in a terminal too."""
    rows = [[str(cell) for cell in row] for row in [header, *rows]]
    first, *others = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for label, *cells in rows:
        lines.append("| " + " | ".join([label.ljust(first), *map(str.rjust, cells, others)]) + " |")
    lines.insert(1, "|" + "|".join(["-" * (first + 2), *("-" * (width + 1) + ":" for width in others)]) + "|")
    return "\n".join([f"### {title}", "", *lines, *(["", note] if note else [])])


def environment():
    """The versions that the figures depend on."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    def found(name):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            return ""

    packages = filter(None, map(found, ["sympy", "symengine", "casadi", "python-flint", "lark"]))
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, " + ", ".join(packages)
