"""The words that an option may have, for the command line's help, which loads nothing else."""

from __future__ import annotations

# Ways to compute a gradient: see `modes`.
MODES = ("reverse", "forward", "paths", "finite-difference", "complex-step")
# Compute graphs of the same equation: see `decompose`.
KINDS = ("typed", "binary", "nary", "fused")
# Ways to draw a compute graph: see `picture`.
STYLES = ("operations", "variables", "circuit", "folded")
# What a derivation is written as: see `render`.
FORMATS = ("text", "json", "latex", "markdown", "html", "ipynb")
