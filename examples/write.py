"""Writes the expected output of every file of equations: `python examples/write.py`; --check compares only.

For each `name.eq`, `name.out` is what `backprop diff -f name.eq` prints into a pipe.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def output_of(file: Path) -> str:
    """What the command prints for a file of equations; its exit status must be 0."""
    command = [sys.executable, "-m", "backprop", "diff", "-f", file.name, "--time-limit", "20"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise SystemExit(f"{file.name}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main() -> int:
    """Writes or checks every output."""
    stale = 0
    for file in sorted(HERE.glob("*.eq")):
        expected = file.with_suffix(".out")
        text = output_of(file)
        if "--check" not in sys.argv:
            expected.write_text(text, encoding="utf-8")
            print(f"wrote examples/{expected.name}")
        elif not expected.exists() or expected.read_text(encoding="utf-8") != text:
            print(f"examples/{expected.name} is not what the command prints: run make examples and read the difference")
            stale = 1
    return stale


if __name__ == "__main__":
    raise SystemExit(main())
