"""Turns grammar/equation.lark into LALR tables with Lark, and loads them.

Building the tables takes longer than differentiating most equations, so the built tables are kept
beside the grammar in equation.tables.json, stamped with the grammar's digest. A grammar that was
edited is built anew in memory; `python -m backprop.grammar_tables` writes the file.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

GRAMMAR = "equation.lark"
TABLES = "equation.tables.json"


def folder() -> Path:
    """The folder of the grammar: inside the installed package, else at the top of the checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "grammar"
    return installed if installed.is_dir() else here.parent.parent / "grammar"


def load() -> dict[str, Any]:
    """The tables for the grammar as it is on disk now."""
    place = folder()
    grammar = (place / GRAMMAR).read_text(encoding="utf-8")
    try:
        tables: dict[str, Any] = json.loads((place / TABLES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        tables = {}
    return tables if tables.get("digest") == digest(grammar) else build(grammar)


def digest(grammar: str) -> str:
    """A fingerprint of the grammar's text."""
    return sha256(grammar.encode()).hexdigest()


# The tokens that most texts are made of are tried first; ** comes before *.
_COMMON = ("NAME", "NUMBER", "POW", "STAR", "PLUS", "LPAR", "RPAR", "MINUS", "SLASH")


class _KeepAllTerminals:
    """Tells Lark to keep the terminals that only our own reading of names uses."""

    always_accept = ("SUPERSCRIPT", "FRACTION", "RADICAL", "PARTIAL", "PRIMES", "BAR", "DIVIDE")

    def process(self, stream: Any) -> Any:
        return stream


def build(grammar: str) -> dict[str, Any]:
    """LALR tables of the grammar.

    `tokens` are the regular expressions of `terminals`, in the order to try; `actions` maps
    each state's terminals to a shift (state + 1) or a reduction (-1 - rule); `gotos` maps each
    state's rules to the next state; a rule is [origin, length, alias, positions of what is kept].
    """
    from lark import Lark

    lark = Lark(grammar, parser="lalr", lexer="basic", postlex=_KeepAllTerminals(), propagate_positions=False)
    table = lark.parser.parser._parse_table
    rules = sorted(lark.rules, key=lambda rule: (rule.origin.name, rule.order, [s.name for s in rule.expansion]))
    number = {id(rule): i for i, rule in enumerate(rules)}
    names = {rule: i for i, rule in enumerate(rules)}
    nonterminals = {rule.origin.name for rule in rules}
    actions: list[dict[str, int]] = []
    gotos: list[dict[str, int]] = []
    # States are numbered as they are met from the start, so that a grammar has one file of tables.
    order = [table.start_states["start"]]
    place = {order[0]: 0}
    for state in order:
        for _, (action, argument) in sorted(table.states[state].items()):
            if action.name == "Shift" and argument not in place:
                place[argument] = len(order)
                order.append(argument)
    for state in order:
        row, following = {}, {}
        for symbol, (action, argument) in sorted(table.states[state].items()):
            if symbol in nonterminals:
                following[symbol] = place[argument]
            elif action.name == "Shift":
                row[symbol] = place[argument] + 1
            else:
                row[symbol] = -1 - number.get(id(argument), names[argument])
        actions.append(row)
        gotos.append(following)
    patterns = sorted(
        lark.terminals,
        key=lambda t: (_COMMON.index(t.name) if t.name in _COMMON else 99, -t.pattern.max_width, t.name),
    )
    return {
        "digest": digest(grammar),
        "tokens": [t.pattern.to_regexp() for t in patterns],
        "terminals": [t.name for t in patterns],
        "start": place[table.start_states["start"]],
        "end": place[table.end_states["start"]],
        "rules": [
            [
                rule.origin.name,
                len(rule.expansion),
                rule.alias or ("" if rule.options.expand1 and len(rule.expansion) == 1 else rule.origin.name),
                [i for i, symbol in enumerate(rule.expansion) if not getattr(symbol, "filter_out", False)],
            ]
            for rule in rules
        ],
        "actions": actions,
        "gotos": gotos,
    }


if __name__ == "__main__":
    place = folder()
    built = build((place / GRAMMAR).read_text(encoding="utf-8"))
    (place / TABLES).write_text(json.dumps(built, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"wrote {place / TABLES}")
