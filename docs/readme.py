"""Runs the console blocks of some pages and writes what they print below them; with --check it compares only.

A block begins with lines `$ command`; what follows each until the next `$` or the end is its output.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def output_of(command: str) -> str:
    """What a shell command prints, with this Python's `backprop` and `python` in front of the path."""
    with tempfile.TemporaryDirectory() as folder:
        for name, module in (("backprop", "-m backprop "), ("python", "")):
            script = Path(folder) / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module}"$@"\n', encoding="utf-8")
            script.chmod(0o755)
        path = folder + os.pathsep + os.environ["PATH"]
        done = subprocess.run(
            ["bash", "-c", f"{command} 2>&1"], cwd=ROOT / "examples",
            env={**os.environ, "PATH": path, "PYTHONUTF8": "1"},
            capture_output=True, text=True, encoding="utf-8", check=False,
        )  # fmt: skip
    return done.stdout


def run_block(block: str) -> str:
    """The block with the output of each of its commands."""
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"{command}\n{output_of(command[2:])}" for command in commands)


PAGES = ("README.md", "docs/derivatives.md", "docs/plots.md", "docs/exports.md", "docs/graphs.md")


def main() -> int:
    """Writes or checks the blocks."""
    stale = 0
    for name in PAGES:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        new = BLOCK.sub(lambda match: f"```console\n{run_block(match[1])}```", text)
        if "--check" not in sys.argv:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {name}")
        elif new != text:
            print(f"{name} does not show what its commands print: run make docs")
            stale = 1
    return stale


if __name__ == "__main__":
    raise SystemExit(main())
