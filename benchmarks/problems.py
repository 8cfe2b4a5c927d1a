"""Classical test problems of automatic differentiation: what derivatives cost, in operations and beside CasADi.

The problems are those of `classical.py`. backprop starts from the text of a program; CasADi from the same function,
built entry by entry through its Python interface. One process, interleaved, medians; each repetition has new names of
variables. Before a time is believed, the derivatives of both are compared at a point.
"""

import argparse
import re

import casadi
import classical
import measure

from backprop.derivation import derive_equation
from backprop.evaluate import evaluate
from backprop.expr import LEAVES
from backprop.passes import Asked
from backprop.program import parse_program

LETTERS = "uvwxyzabc"  # one for each repetition

# problem, three sizes, whether its Hessian is asked for; the last ones have several outputs: their Jacobian is
SIZES = [
    (classical.rosenbrock, [(10,), (100,), (1000,)], True),
    (classical.speelpenning, [(10,), (50,), (250,)], True),
    (classical.helmholtz, [(5,), (20,), (60,)], True),
    (classical.gaussian_mixture, [(2, 2, 10), (2, 4, 20), (3, 4, 40)], True),
    (classical.planar_arm, [(10,), (100,), (1000,)], False),
    (classical.revolute_arm, [(6,), (24,), (96,)], False),
    (classical.bundle_adjustment, [(1, 5), (2, 10), (3, 20)], False),
]


def renamed(problem, letter):
    """The same problem with other names."""
    own = {*problem.names, *re.findall(r"^(\w+) =", problem.text, re.MULTILINE)}

    def name(old):
        return f"{old}_{letter}" if old in own else old

    text = re.sub(r"[A-Za-z]\w*", lambda match: name(match[0]), problem.text)
    return problem._replace(text=text, names=[*map(name, problem.names)], outputs=[*map(name, problem.outputs)])


def read(problem):
    return parse_program(problem.text, wrt=problem.names, of=problem.outputs)


def ours(problem, equation, hessian=False):
    """The derivation from a program that was read."""
    asked = Asked(problem.names, hessian=hessian, jacobian=len(problem.outputs) > 1)
    return derive_equation(equation, problem.names, asked=asked, trace=False)


def with_casadi(problem, hessian=False):
    """Variables, and the gradient, Jacobian or Hessian of the problem's function."""
    x = {name: casadi.SX.sym(name) for name in problem.names}
    given = {name: float(text) for name, text in problem.given.items()}
    plain = dict(zip(problem.point, x.values()))
    outputs = casadi.vertcat(*problem.function(casadi, plain | given))
    inputs = casadi.vertcat(*x.values())
    if hessian:
        return inputs, casadi.hessian(outputs, inputs)[0]
    return inputs, casadi.gradient(outputs, inputs) if len(problem.outputs) == 1 else casadi.jacobian(outputs, inputs)


def our_values(problem, result):
    """The derivatives at the point as floats: (row, column) -> value, of a gradient (row, 0)."""
    point = dict(zip(problem.names, problem.point.values()))
    order = result.graph.reachable(entry.position for entry in result.entries)
    values = evaluate(result.graph, order, point, precision=64, exact=False)
    place = {name: k for k, name in enumerate(problem.names)}
    rows = {name: k for k, name in enumerate(problem.outputs)} if result.kind == "jacobian" else place
    found = {}
    for entry in result.entries:
        row, column = (*entry.path, None)[:2]
        found[rows[row], 0 if column is None else place[column]] = float(values[entry.position])
    return found


def disagreement(problem, hessian):
    """The largest difference between our derivatives and CasADi's, relative to the largest entry."""
    inputs, derivative = with_casadi(problem, hessian)
    function = casadi.Function("derivative", [inputs], [derivative])
    theirs = function([float(value) for value in problem.point.values()]).full()
    found = our_values(problem, ours(problem, read(problem), hessian))
    scale = abs(theirs).max()
    for (row, column), value in found.items():
        theirs[row, column] -= value
    difference = abs(theirs).max() / scale
    if not difference < 1e-9:
        raise SystemExit(f"{problem.title}, {problem.size}: the derivatives differ by {difference}")
    return difference


def operations(result, positions):
    return sum(result.graph.nodes[i][0] not in LEAVES for i in result.graph.reachable(positions))


def counts(problem, hessian):
    """Operations of the function, with first derivatives, with second ones; entries of the Hessian; nodes."""
    result = ours(problem, read(problem))
    roots, entries = result.outputs, [entry.position for entry in result.entries]
    found = [operations(result, roots), operations(result, [*roots, *entries])]
    if not hessian:
        return [*found, None, None, len(result.graph.nodes)]
    result = ours(problem, read(problem), hessian=True)
    entries = [*result.derived.values(), *(entry.position for entry in result.entries)]
    return [*found, operations(result, [*roots, *entries]), len(result.entries), len(result.graph.nodes)]


def times(problems, rounds, hessian):
    """Seconds: reading, the passes, and CasADi's way to the same."""
    first = [read(problem) for problem in problems]
    second = [read(problem) for problem in problems] if hessian else []
    jobs = {
        "read": lambda n: read(problems[n]),
        "first": lambda n: ours(problems[n], first[n]),
        "casadi": lambda n: with_casadi(problems[n]),
    }
    if hessian:
        jobs["second"] = lambda n: ours(problems[n], second[n], hessian=True)
        jobs["casadi second"] = lambda n: with_casadi(problems[n], hessian=True)
    return measure.interleave(jobs, rounds)


def grouped(number):
    return "" if number is None else f"{number:,}"


def tables(rounds=5, sizes=3):
    rounds = min(rounds, len(LETTERS) - 1)
    costs, speeds = [], []
    for build, all_sizes, hessian in SIZES:
        for size in all_sizes[:sizes]:
            problem = build(*size)
            function, first, second, entries, nodes = counts(problem, hessian)
            label = f"{problem.title}, {problem.size}"
            costs.append([
                label, grouped(len(problem.names)), grouped(len(problem.outputs)), grouped(function), grouped(first),
                f"{first / function:.2f}", grouped(second), grouped(entries), grouped(nodes),
            ])  # fmt: skip
            found = times([renamed(problem, letter) for letter in LETTERS[: rounds + 1]], rounds, hessian)
            row = [label, *map(measure.duration, (found["read"], found["first"], found["casadi"]))]
            row.append(f"{(found['read'] + found['first']) / found['casadi']:.2f}")
            worst = disagreement(problem, hessian=False)
            if hessian:
                row += [measure.duration(found["second"]), measure.duration(found["casadi second"])]
                row.append(f"{(found['read'] + found['second']) / found['casadi second']:.2f}")
                worst = max(worst, disagreement(problem, hessian=True))
            speeds.append([*row, *[""] * (8 - len(row)), f"{worst:.0e}"])
    of_costs = "problem, variables, outputs, operations, with first, ratio, with Hessian, entries, nodes".split(", ")
    of_speeds = "problem, read, first, CasADi, ours/CasADi, Hessian, CasADi, ours/CasADi, disagreement".split(", ")
    about_costs = (
        "*with first*: the function and its gradient (Jacobian, if there are several outputs) in one graph; *with "
        "Hessian*: and all second derivatives, of which *entries* are not 0; *nodes*: all of the graph then, also "
        "variables, numbers, and what was found on the way and is not needed. Wanted: a gradient costs at most 5 "
        "operations for one of the function (Baur and Strassen)."
    )
    about_speeds = (
        "*read*: the text of the program; *first*: the passes of the gradient or the Jacobian; *Hessian*: those of "
        "gradient and Hessian. CasADi builds the function entry by entry and differentiates it; ours/CasADi compares "
        "this with reading and passes together. The revolute arm multiplies matrices in CasADi's version, and "
        f"carries axes along in ours. Medians of {rounds} interleaved repetitions; *disagreement* is the largest "
        "difference at a point, relative to the largest entry."
    )
    return [
        measure.table("Classical problems: operations", of_costs, costs, about_costs),
        measure.table("Classical problems: time, no SymPy", of_speeds, speeds, about_speeds),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, default=3, help="how many of the three sizes, the smallest first")
    options = parser.parse_args()
    print(*tables(options.rounds, options.sizes), sep="\n\n")
