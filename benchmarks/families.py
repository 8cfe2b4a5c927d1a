"""Functions of 1,000 variables, each as the text of one equation and as CasADi's own expression.

`letter` names the variables (x1, x2, …), so that each repetition can use names that no engine has met before: nothing
kept from an earlier repetition can then be used again. CasADi is imported only where it is used.
"""

import random
from itertools import pairwise

SIZE = 1000


def names(letter, count=SIZE):
    return [f"{letter}{i}" for i in range(1, count + 1)]


def casadi_variables(letter, count=SIZE):
    import casadi

    return [casadi.SX.sym(name) for name in names(letter, count)]


# ---- Rosenbrock's valley: neighbours are coupled


def rosenbrock_text(letter="x"):
    x = names(letter)
    return " + ".join(f"100*({b} - {a}**2)**2 + (1 - {a})**2" for a, b in pairwise(x))


def rosenbrock_casadi(x):
    total = 0
    for a, b in pairwise(x):
        total = total + 100 * (b - a**2) ** 2 + (1 - a) ** 2
    return total


# ---- Speelpenning's product: the classical case for the reverse mode, every partial has 999 factors


def speelpenning_text(letter="x"):
    return "*".join(names(letter))


def speelpenning_casadi(x):
    total = x[0]
    for a in x[1:]:
        total = total * a
    return total


# ---- log-sum-exp: one node with 1,000 operands


def logsumexp_text(letter="x"):
    return "log(" + " + ".join(f"exp({a})" for a in names(letter)) + ")"


def logsumexp_casadi(x):
    import casadi

    total = casadi.exp(x[0])
    for a in x[1:]:
        total = total + casadi.exp(a)
    return casadi.log(total)


# ---- a multi-layer perceptron: 26 inputs, hidden layers of 25 and 12 tanh units, one output, squared loss.
# Its 1,000 weights and biases are the variables; the inputs are numbers. The text writes the first layer out for
# each unit of the second, as a formula on one line has to; CasADi's version builds each unit once.

LAYERS = [26, 25, 12]
WEIGHTS = sum((inputs + 1) * units for inputs, units in pairwise(LAYERS)) + LAYERS[-1] + 1
RANDOM = random.Random(1)
INPUTS = [round(RANDOM.uniform(0.1, 0.9), 3) for _ in range(LAYERS[0])]
TARGET = 0.25


def perceptron(weights, inputs, unit, tanh):
    """The loss, with `weights` taken in order; `unit(weights, inputs, bias)` is the weighted sum."""
    weights = iter(weights)
    values = inputs
    for units in LAYERS[1:]:
        values = [tanh(unit([next(weights) for _ in values], values, next(weights))) for _ in range(units)]
    return unit([next(weights) for _ in values], values, next(weights))


def mlp_text(letter="x"):
    def unit(weights, inputs, bias):
        return " + ".join([*(f"{w}*{a}" for w, a in zip(weights, inputs)), bias])

    output = perceptron(names(letter, WEIGHTS), [str(v) for v in INPUTS], unit, "tanh({})".format)
    return f"({output} - {TARGET})**2"


def mlp_casadi(x):
    import casadi

    def unit(weights, inputs, bias):
        total = weights[0] * inputs[0]
        for w, a in zip(weights[1:], inputs[1:]):
            total = total + w * a
        return total + bias

    return (perceptron(x, INPUTS, unit, casadi.tanh) - TARGET) ** 2


# title, number of variables, text, CasADi's expression, range of the point at which gradients are compared
FAMILIES = [
    ("Rosenbrock", SIZE, rosenbrock_text, rosenbrock_casadi, (-1.5, 1.5)),
    ("Speelpenning's product", SIZE, speelpenning_text, speelpenning_casadi, (0.9, 1.1)),
    ("log-sum-exp", SIZE, logsumexp_text, logsumexp_casadi, (-2, 2)),
    ("multi-layer perceptron", WEIGHTS, mlp_text, mlp_casadi, (-0.3, 0.3)),
]

if __name__ == "__main__":
    for title, count, text, _, _ in FAMILIES:
        print(f"{title}: {count} variables, {len(text()):,} characters")
