"""The words that an option may have, for the command line's help, which loads nothing else."""

from __future__ import annotations

# Ways to compute a gradient: see `modes`.
MODES = ("reverse", "forward", "paths", "finite-difference", "complex-step")
# Compute graphs of the same equation: see `decompose`.
KINDS = ("typed", "binary", "nary", "fused")
