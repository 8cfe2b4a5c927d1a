"""From nothing to the full gradient of functions of 1,000 variables: backprop, SymEngine, CasADi.

- backprop: from text, `parse` and `gradient`; no SymPy.
- SymEngine: from the same text, `sympify` and `diff` by each variable.
- CasADi: built entry by entry through its Python interface, then `gradient`. It reads no text.

One process, interleaved, medians; each repetition has new variable names. Then the gradients are compared at a point.
"""

import argparse
import math
import operator
import random

import casadi
import families
import measure
import symengine

import backprop


def ours(text, names):
    return backprop.gradient(backprop.parse(text), names)


def with_symengine(text, names):
    function = symengine.sympify(text)
    return [function.diff(symengine.Symbol(name)) for name in names]


def with_casadi(build, letter, count):
    x = families.casadi_variables(letter, count)
    return x, casadi.gradient(build(x), casadi.vertcat(*x))


# The operations that occur in the gradients of families.py. Plain floats and none of backprop's own rules.
OPERATIONS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
    "pow": operator.pow,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "sech": lambda x: 1 / math.cosh(x),
}


def our_values(gradient, point):
    """The numbers that a gradient (name -> Node) has at a point (name -> float), in the order of the gradient."""
    graph = next(iter(gradient.values())).graph
    if any(node.graph is not graph for node in gradient.values()):
        raise SystemExit("the partials of one gradient do not share one graph")
    value = {}
    for position in graph.reachable(node.position for node in gradient.values()):
        op, *rest = graph.nodes[position]
        if op == "var":
            value[position] = point[rest[0]]
        elif op == "num":
            value[position] = float(rest[0])
        elif op in ("e", "pi"):
            value[position] = getattr(math, op)
        else:
            value[position] = OPERATIONS[op](*(value[operand] for operand in rest))
    return [value[node.position] for node in gradient.values()]


def symengine_values(partials, point):
    substitutions = {symengine.Symbol(name): value for name, value in point.items()}
    return [float(partial.subs(substitutions)) for partial in partials]


def casadi_values(x, gradient, point):
    function = casadi.Function("gradient", [casadi.vertcat(*x)], [gradient])
    return [float(value) for value in function(list(point.values())).full().ravel()]


def largest_difference(values, reference):
    """Relative to the largest entry of the reference."""
    scale = max(map(abs, reference))
    if len(values) != len(reference) or not 0 < scale < math.inf:
        return math.inf
    return max(abs(a - b) for a, b in zip(values, reference)) / scale


def agreement(title, count, text, build, interval, symengine_too):
    """Fail unless the gradients agree at a random point; the largest relative difference."""
    names = families.names("x", count)
    chance = random.Random(title)
    point = {name: chance.uniform(*interval) for name in names}
    reference = casadi_values(*with_casadi(build, "x", count), point)
    differences = [largest_difference(our_values(ours(text("x"), names), point), reference)]
    if symengine_too:
        differences.append(largest_difference(symengine_values(with_symengine(text("x"), names), point), reference))
    if not max(differences) < 1e-9:
        raise SystemExit(f"{title}: the gradients differ by {differences}")
    return max(differences)


def tables(rounds=5, symengine_too=True):
    letters = "xuwzqrstv"  # one for each repetition
    rounds = min(rounds, len(letters) - 1)
    rows = []
    for title, count, text, build, interval in families.FAMILIES:
        texts = [text(letter) for letter in letters]
        names = [families.names(letter, count) for letter in letters]
        jobs = {
            "ours": lambda n: ours(texts[n], names[n]),  # noqa: B023 - called before the loop goes on
            "casadi": lambda n: with_casadi(build, letters[n], count),  # noqa: B023
        }
        times = measure.interleave(jobs, rounds)
        if symengine_too:  # after the others: what runs next to it in one process takes up to three times as long
            times |= measure.interleave({"symengine": lambda n: with_symengine(texts[n], names[n])}, rounds)  # noqa: B023
        difference = agreement(title, count, text, build, interval, symengine_too)
        slow = times.get("symengine")
        rows.append([
            title,
            f"{len(texts[0]):,}",
            measure.duration(times["ours"]),
            measure.duration(times["casadi"]),
            measure.duration(slow) if slow else "",
            f"{times['ours'] / times['casadi']:.2f}",
            f"{slow / times['ours']:.0f}" if slow else "",
            f"{difference:.0e}",
        ])  # fmt: skip
    header = ["function", "characters", "ours", "CasADi", "SymEngine", "ours/CasADi", "SymEngine/ours", "disagreement"]
    note = (
        "Wanted: ours/CasADi at most 1.5, SymEngine/ours at least 10. Ours and SymEngine start from text, CasADi from "
        f"Python calls. Medians of {rounds} repetitions, ours and CasADi's interleaved, SymEngine's after them; "
        "*disagreement* is the largest difference between the gradients at a random point, relative to the largest "
        "entry."
    )
    return [measure.table("Text to full gradient, 1,000 variables, no SymPy", header, rows, note)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-symengine", action="store_true", help="leave out the slow one")
    options = parser.parse_args()
    print(*tables(options.rounds, not options.no_symengine), sep="\n\n")
