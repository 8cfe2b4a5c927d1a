"""Run all benchmarks and print their tables; with --write, put them into benchmarks/README.md as well."""

import argparse
import subprocess
import sys
from pathlib import Path

import measure

HERE = Path(__file__).parent
PAGE = HERE / "README.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

# Each in a process of its own, so that none finds memory in use or modules loaded by another.
BENCHMARKS = {
    "startup": [],
    "batch": ["--sample", "200"],
    "engines": [],
    "answers": [],
    "points": [],
    "problems": [],
    "scaling": [],
}
QUICK = {
    "startup": ["--rounds", "3"],
    "batch": ["--sample", "50"],
    "engines": ["--rounds", "2"],
    "answers": ["--sample", "40", "--answers", "100"],
    "points": ["--count", "50000", "--rounds", "2"],
    "problems": ["--rounds", "1", "--sizes", "2"],
}


def run(name, arguments):
    """What a benchmark prints."""
    print(f"running {name} …", file=sys.stderr, flush=True)
    command = [sys.executable, str(HERE / f"{name}.py"), *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    if done.returncode:
        raise SystemExit(f"benchmarks/{name}.py failed with exit status {done.returncode}")
    return done.stdout.strip()


def write(figures):
    """Replace what stands between the two marks in the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{PAGE} has no block from `{BEGIN}` to `{END}`")
    PAGE.write_text(f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the tables into benchmarks/README.md")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: to see that everything runs")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    if options.write and (options.names or options.quick):
        parser.error("--write needs a full run: the figures on the page come from one run")
    parts = [f"Measured with {measure.environment()}."]
    print(parts[0])
    for name in options.names or BENCHMARKS:
        arguments = QUICK.get(name, []) if options.quick else BENCHMARKS[name]
        parts.append(run(name, arguments))
        print(f"\n{parts[-1]}", flush=True)
    if options.write:
        write("\n\n".join(parts))


if __name__ == "__main__":
    main()
