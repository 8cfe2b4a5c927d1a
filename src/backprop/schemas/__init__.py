"""JSON Schemas (draft 2020-12) of every JSON line that the program prints: `NAME.json` beside this file.

The files refer to what they share by the `$id` of `error.json`; `schema` gives one that stands alone.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

from ..errors import UsageError, visible

# name -> whose lines it describes
NAMES = {
    "diff": "backprop diff --format json",
    "points": "backprop diff --at FILE --format json",
    "check": "backprop check --format json",
    "equal": "backprop equal --format json",
    "grade": "backprop grade, a table of JSON lines",
    "rule": "backprop rule --format json",
    "error": "a line that failed, in any of them",
}


_SHARED = "urn:backprop:schema:error"


def schema(name: str) -> dict[str, Any]:
    """The schema of a kind of line; what it shares with others is among its `$defs`.

    >>> schema("equal")["title"]
    'A line of backprop equal --format json'
    >>> sorted(schema("equal")["$defs"])
    ['error', 'failure', 'notes', 'place', 'point', 'source', 'verdict', 'version']
    """
    if name not in NAMES:
        raise UsageError(f"there is no schema `{visible(name)[:100]}`", hint=f"choose from {', '.join(NAMES)}")
    if name == "error":
        return _object(_text(name))
    # References inside one document are what every validator is quick at.
    text = _text(name).replace(f'"{_SHARED}#/', '"#/').replace(f'"{_SHARED}"', '"#/$defs/failure"')
    found = _object(text)
    own, shared = found.get("$defs", {}), _object(_text("error"))
    known = shared["$defs"] | {"failure": {key: value for key, value in shared.items() if key[0] != "$"}}
    needed: dict[str, Any] = {}
    texts = [text]
    while texts:
        for part in re.findall(r'"#/\$defs/(\w+)', texts.pop()):
            if part not in own and part not in needed:
                needed[part] = known[part]
                texts.append(json.dumps(known[part]))
    if needed:
        found["$defs"] = own | needed
    return found


def _text(name: str) -> str:
    return files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")


def _object(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found
