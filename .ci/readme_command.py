"""Print the command in the README's fenced block that follows the comment `<!-- setup: NAME -->`."""

import re
import sys
from pathlib import Path

name = sys.argv[1]
readme = Path("README.md").read_text(encoding="utf-8")
blocks = re.findall(rf"^<!-- setup: {re.escape(name)} -->\s*\n```\w*\n(.*?)\n```$", readme, re.MULTILINE | re.DOTALL)
if len(blocks) != 1:
    sys.exit(f"README.md has {len(blocks)} blocks marked `<!-- setup: {name} -->`, not one")
if "\n" in blocks[0]:
    sys.exit(f"the command marked `<!-- setup: {name} -->` in README.md is not one line")
print(blocks[0].removeprefix("$ "))
