"""What the documentation shows is what the program prints, and what its code blocks say is true."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("script", ["docs/write.py", "docs/readme.py", "examples/write.py"])
def test_generated_pages_and_outputs_are_up_to_date(script: str) -> None:
    done = subprocess.run(
        [sys.executable, script, "--check"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("page", "least"), [("README.md", 12), ("docs/derivatives.md", 6), ("docs/plots.md", 4), ("docs/graphs.md", 5)]
)
def test_the_python_sessions_are_true(page: str, least: int) -> None:
    failed, attempted = doctest.testfile(str(ROOT / page), module_relative=False)
    assert attempted >= least
    assert failed == 0


def test_every_example_has_an_expected_output_in_which_everything_is_verified() -> None:
    files = sorted((ROOT / "examples").glob("*.eq"))
    assert len(files) >= 5
    for file in files:
        rows = file.with_suffix(".out").read_text(encoding="utf-8").splitlines()
        equations = [line for line in file.read_text(encoding="utf-8").splitlines() if line.split("#")[0].strip()]
        assert len(rows) == len(equations)
        assert all("✓ proved" in row or "~ " in row for row in rows), file.name


def test_the_readme_names_only_files_that_exist() -> None:
    import re

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target
