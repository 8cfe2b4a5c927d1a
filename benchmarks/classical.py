"""Classical test problems of automatic differentiation, as programs in backprop's language and as Python functions.

Each is there twice, written from the formulas of the source and not from each other: `text` is a program with named
intermediates; `function` computes the same with any numbers (floats, mpmath, CasADi's or SymEngine's expressions), so
that it can be differenced for a test and differentiated by another engine for a comparison.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple


class Problem(NamedTuple):
    """A function of many variables.

    title, size  what it is called, and how large it is
    text         the program: the lines that define `given`, then the intermediates, then the outputs
    names        the variables, in order
    point        rational values of the variables at which everything exists
    given        constants: name -> decimal number, as text
    outputs      the names of the outputs; one of them means that a gradient is asked for, several a Jacobian
    function     (mathematics, values) -> the outputs; `mathematics` has sin, cos, atan2, exp, log, sqrt and pi, and
                 `values` has a number for each of the variables and the given constants
    """

    title: str
    size: str
    text: str
    names: list[str]
    point: dict[str, Fraction]
    given: dict[str, str]
    outputs: list[str]
    function: Callable[[Any, Mapping[str, Any]], list[Any]]


def numbered(letter: str, count: int) -> list[str]:
    return [f"{letter}{i}" for i in range(1, count + 1)]


def program(given: Mapping[str, str], lines: Sequence[str]) -> str:
    return "\n".join([*(f"{name} = {value}" for name, value in given.items()), *lines])


def plus(*terms: str) -> str:
    """A sum without its zeros; of a term with a minus, a difference."""
    first, *others = [term for term in terms if term != "0"] or ["0"]
    return first + "".join(f" - {term[1:]}" if term[0] == "-" else f" + {term}" for term in others)


def times(a: str, b: str) -> str:
    """A product of names, 0, 1 and -1, with the sign in front."""
    if "0" in (a, b):
        return "0"
    sign = "-" * (a[0] != b[0] and "-" in (a[0], b[0]))
    factors = [factor for factor in (a.lstrip("-"), b.lstrip("-")) if factor != "1"]
    return sign + ("*".join(factors) or "1")


def negative(a: str) -> str:
    return times("-1", a)


def needed(lines: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """The definitions that the outputs need."""
    wanted, kept = set(outputs), []
    for line in reversed(lines):
        name, _, right = line.partition(" = ")
        if name in wanted:
            wanted.update(re.findall(r"[A-Za-z]\w*", right))
            kept.append(line)
    return kept[::-1]


# ---- Rosenbrock's valley (1960), for n variables


def rosenbrock(n: int) -> Problem:
    """f = Σ 100·(x_{i+1} − x_i²)² + (1 − x_i)²: only neighbours meet, the Hessian has three bands."""
    x = numbered("x", n)
    lines = []
    for i, (a, b) in enumerate(pairwise(x), 1):
        lines += [f"t{i} = {b} - {a}^2", f"u{i} = 1 - {a}"]
    lines.append("y = " + plus(*(f"100*t{i}^2 + u{i}^2" for i in range(1, n))))

    def function(m: Any, v: Mapping[str, Any]) -> list[Any]:
        return [sum(100 * (v[b] - v[a] * v[a]) ** 2 + (1 - v[a]) ** 2 for a, b in pairwise(x))]

    point = {name: Fraction((5 * i) % 7 - 3, 4) for i, name in enumerate(x)}
    return Problem("Rosenbrock", f"n = {n}", program({}, lines), x, point, {}, ["y"], function)


# ---- Speelpenning's product (1980): every partial has n − 1 factors, the gradient costs 3 operations for one


def speelpenning(n: int) -> Problem:
    """f = x_1·x_2·…·x_n, multiplied from the left."""
    x = numbered("x", n)
    products = [x[0], *(f"p{i}" for i in range(2, n)), "y"]
    lines = [f"{after} = {before}*{name}" for (before, after), name in zip(pairwise(products), x[1:])]

    def function(m: Any, v: Mapping[str, Any]) -> list[Any]:
        total = v[x[0]]
        for name in x[1:]:
            total = total * v[name]
        return [total]

    point = {name: Fraction(n + 1 + i % 3, n) * (-1) ** (i % 5 == 4) for i, name in enumerate(x)}
    return Problem("Speelpenning's product", f"n = {n}", program({}, lines), x, point, {}, ["y"], function)


# ---- the Helmholtz energy of a mixed fluid (Griewank 1989; Griewank and Walther, Evaluating Derivatives)


def helmholtz(n: int) -> Problem:
    """R·T·Σ x_i·log(x_i/(1 − bᵀx)) − xᵀAx/(√8·bᵀx)·log((1 + (1 + √2)·bᵀx)/(1 + (1 − √2)·bᵀx))."""
    random = Random(n)
    x = numbered("x", n)
    given = {"R": "1.987", "T": "0.35"}
    given |= {f"b{i}": f"0.{random.randrange(100, 700)}" for i in range(1, n + 1)}
    for i in range(1, n + 1):
        given |= {f"A{i}_{j}": f"0.{random.randrange(100, 999)}" for j in range(i, n + 1)}

    def entry(i: int, j: int) -> str:
        return f"A{min(i, j)}_{max(i, j)}"

    each = range(1, n + 1)
    lines = [
        "B = " + plus(*(f"b{i}*x{i}" for i in each)),
        "C = 1 - B",
        *(f"s{i} = x{i}*log(x{i}/C)" for i in each),
        *(f"r{i} = " + plus(*(f"{entry(i, j)}*x{j}" for j in each)) for i in each),
        "Q = " + plus(*(f"x{i}*r{i}" for i in each)),
        "L = log((1 + (1 + sqrt(2))*B)/(1 + (1 - sqrt(2))*B))",
        "y = R*T*(" + plus(*(f"s{i}" for i in each)) + ") - Q/(sqrt(8)*B)*L",
    ]

    def function(m: Any, v: Mapping[str, Any]) -> list[Any]:
        weighted = sum(v[f"b{i}"] * v[f"x{i}"] for i in each)
        ideal = sum(v[f"x{i}"] * m.log(v[f"x{i}"] / (1 - weighted)) for i in each)
        form = sum(v[f"x{i}"] * v[entry(i, j)] * v[f"x{j}"] for i in each for j in each)
        root = m.sqrt(2)
        ratio = (1 + (1 + root) * weighted) / (1 + (1 - root) * weighted)
        return [v["R"] * v["T"] * ideal - form / (m.sqrt(8) * weighted) * m.log(ratio)]

    point = {name: Fraction(3 + i % 4, 8 * n) for i, name in enumerate(x)}
    return Problem("Helmholtz energy", f"n = {n}", program(given, lines), x, point, given, ["y"], function)


# ---- robot arms


def planar_arm(n: int) -> Problem:
    """The hand of n links in a plane: x = Σ l_i·cos(θ_1 + … + θ_i), y = Σ l_i·sin(θ_1 + … + θ_i)."""
    angles = numbered("q", n)
    given = {f"l{i}": f"0.{90 - 70 * i // (n + 1)}" for i in range(1, n + 1)}
    turns = ["q1", *(f"w{i}" for i in range(2, n + 1))]
    lines = [f"{after} = {before} + {angle}" for (before, after), angle in zip(pairwise(turns), angles[1:])]
    for output, f in (("X", "cos"), ("Y", "sin")):
        lines.append(f"{output} = " + plus(*(f"l{i}*{f}({w})" for i, w in enumerate(turns, 1))))

    def function(m: Any, v: Mapping[str, Any]) -> list[Any]:
        right = up = turned = 0
        for i in range(1, n + 1):
            turned = turned + v[f"q{i}"]
            right, up = right + v[f"l{i}"] * m.cos(turned), up + v[f"l{i}"] * m.sin(turned)
        return [right, up]

    point = {name: Fraction((3 * i) % 11 - 4, 5) for i, name in enumerate(angles)}
    return Problem("planar arm", f"{n} links", program(given, lines), angles, point, given, ["X", "Y"], function)


# Denavit and Hartenberg's parameters of the PUMA 560 as in Corke's Robotics Toolbox, with a hand on it: the length and
# the offset of each joint in metres, and its twist in quarter turns.
PUMA = [
    ("0", "0", 1), ("0.4318", "0", 0), ("0.0203", "0.15005", -1), ("0", "0.4318", 1), ("0", "0", -1),
    ("0.05", "0.0563", 0),
]  # fmt: skip


def revolute_arm(joints: int = 6) -> Problem:
    """A chain of revolute joints; 6 of them are the PUMA 560, more of them repeat it.

    The outputs are where the hand is, and its roll, pitch and yaw. The program carries the three axes n, o, a of each
    joint's frame along; the function multiplies matrices of 4 × 4.
    """
    angles = numbered("q", joints)
    rows = [PUMA[i % len(PUMA)] for i in range(joints)]
    given = {}
    for i, (length, offset, _) in enumerate(rows, 1):
        given |= {f"{letter}{i}": value for letter, value in (("r", length), ("d", offset)) if value != "0"}
    lines = []

    def named(letter: str, i: int, entries: list[str]) -> list[str]:
        """The entries of a vector, with a name for each that is more than a number or a name."""
        found = []
        for axis, text in zip("xyz", entries):
            short = text.lstrip("-").isalnum()
            if not short:
                lines.append(f"{letter}{axis}{i} = {text}")
            found.append(text if short else f"{letter}{axis}{i}")
        return found

    n, o, a, p = ["1", "0", "0"], ["0", "1", "0"], ["0", "0", "1"], ["0", "0", "0"]
    for i, (_, _, twist) in enumerate(rows, 1):
        lines += [f"c{i} = cos(q{i})", f"s{i} = sin(q{i})"]
        turned = named("n", i, [plus(times(f"c{i}", u), times(f"s{i}", v)) for u, v in zip(n, o)])
        across = named("o", i, [plus(times(f"c{i}", v), negative(times(f"s{i}", u))) for u, v in zip(n, o)])
        length, offset = (name if name in given else "0" for name in (f"r{i}", f"d{i}"))
        p = named("p", i, [plus(w, times(offset, u), times(length, v)) for w, u, v in zip(p, a, turned)])
        n = turned
        if twist > 0:
            o, a = a, [negative(u) for u in across]
        elif twist < 0:
            o, a = [negative(u) for u in a], across
        else:
            o = across
    lines += [
        f"roll = atan2({o[2]}, {a[2]})",
        f"pitch = atan2(-{n[2]}, sqrt({n[0]}^2 + {n[1]}^2))",
        f"yaw = atan2({n[1]}, {n[0]})",
    ]
    outputs = [*p, "roll", "pitch", "yaw"]

    def function(m: Any, v: Mapping[str, Any]) -> list[Any]:
        frame: list[list[Any]] = [[int(i == j) for j in range(4)] for i in range(4)]
        for i, (_, _, twist) in enumerate(rows, 1):
            c, s = m.cos(v[f"q{i}"]), m.sin(v[f"q{i}"])
            length, offset = v.get(f"r{i}", 0), v.get(f"d{i}", 0)
            step = [
                [c, -s * (twist == 0), s * twist, length * c],
                [s, c * (twist == 0), -c * twist, length * s],
                [0, twist, int(twist == 0), offset],
                [0, 0, 0, 1],
            ]
            frame = [[sum(row[k] * step[k][j] for k in range(4)) for j in range(4)] for row in frame]
        (nx, _, _, x), (ny, _, _, y), (nz, oz, az, z), _ = frame
        return [x, y, z, m.atan2(oz, az), m.atan2(-nz, m.sqrt(nx * nx + ny * ny)), m.atan2(ny, nx)]

    point = {name: Fraction((4 * i) % 9 - 3, 5) for i, name in enumerate(angles)}
    text = program(given, needed(lines, outputs))
    return Problem("revolute arm", f"{joints} joints", text, angles, point, given, outputs, function)


# ---- Gaussian mixture model (ADBench, after Srajer, Kukelova and Fitzgibbon 2018)


def log_gamma(m: Any, twice: int) -> Any:
    """log Γ(twice/2), from Γ(1) = 1, Γ(1/2) = √π and Γ(a + 1) = a·Γ(a)."""
    value = m.log(m.pi) / 2 if twice % 2 else 0
    while twice > 2:
        twice -= 2
        value = value + m.log(twice) - m.log(2)
    return value


def gaussian_mixture(d: int, k: int, n: int) -> Problem:
    """The log-posterior of n points in d dimensions under k Gaussians, with a Wishart prior.

    Component c has the weight exp(a_c)/Σ exp(a), the mean m_c and the inverse covariance QᵀQ: Q is lower triangular,
    its diagonal is exp(q_c), and below the diagonal are l_c, column by column.
    """
    random = Random(100 * d + 10 * k + n)
    dimensions, components, points = range(1, d + 1), range(1, k + 1), range(1, n + 1)
    below = [(row, column) for column in dimensions for row in range(column + 1, d + 1)]
    lower = {place: number for number, place in enumerate(below, 1)}
    names = [f"a{c}" for c in components]
    names += [f"m{c}_{j}" for c in components for j in dimensions]
    for c in components:
        names += [f"q{c}_{j}" for j in dimensions] + [f"l{c}_{i}" for i in lower.values()]
    given = {"gamma": "1.5"}
    given |= {f"x{i}_{j}": f"{random.randrange(-999, 999) / 1000}" for i in points for j in dimensions}
    wishart = 2  # the prior's own m

    lines = []
    for c in components:
        lines += [f"D{c}_{j} = exp(q{c}_{j})" for j in dimensions]
        lines.append(f"S{c} = " + plus(*(f"q{c}_{j}" for j in dimensions)))
        squares = [*(f"D{c}_{j}^2" for j in dimensions), *(f"l{c}_{i}^2" for i in lower.values())]
        lines.append(f"F{c} = {plus(*squares)}")
    for i in points:
        for c in components:
            lines += [f"z{i}_{c}_{j} = x{i}_{j} - m{c}_{j}" for j in dimensions]
            for row in dimensions:
                left = [f"l{c}_{lower[row, column]}*z{i}_{c}_{column}" for column in range(1, row)]
                lines.append(f"w{i}_{c}_{row} = " + plus(f"D{c}_{row}*z{i}_{c}_{row}", *left))
            lines.append(f"t{i}_{c} = a{c} + S{c} - (" + plus(*(f"w{i}_{c}_{j}^2" for j in dimensions)) + ")/2")
        lines.append(f"e{i} = log(" + plus(*(f"exp(t{i}_{c})" for c in components)) + ")")
    freedom = d + wishart + 1
    lines += [
        "W = log(" + plus(*(f"exp(a{c})" for c in components)) + ")",
        f"C = {freedom * d}*(log(gamma) - log(2)/2)",
        f"G = {d * (d - 1)}*log(pi)/4 + " + plus(*(f"lgamma({freedom + 1 - j}/2)" for j in dimensions)),
        "H = gamma^2/2*(" + plus(*(f"F{c}" for c in components)) + f") - {wishart}*("
        + plus(*(f"S{c}" for c in components)) + ")",
        f"y = -{n * d}*log(2*pi)/2 + " + plus(*(f"e{i}" for i in points)) + f" - {n}*W + H - {k}*(C - G)",
    ]  # fmt: skip

    def log_sum_exp(m: Any, values: Sequence[Any]) -> Any:
        return m.log(sum(m.exp(value) for value in values))

    def function(m: Any, v: Mapping[str, Any]) -> list[Any]:
        total = -m.log(2 * m.pi) * (n * d) / 2
        diagonals = {c: [v[f"q{c}_{j}"] for j in dimensions] for c in components}
        for i in points:
            terms = []
            for c in components:
                centred = [v[f"x{i}_{j}"] - v[f"m{c}_{j}"] for j in dimensions]
                moved = [m.exp(q) * z for q, z in zip(diagonals[c], centred)]
                for (row, column), number in lower.items():
                    moved[row - 1] = moved[row - 1] + v[f"l{c}_{number}"] * centred[column - 1]
                terms.append(v[f"a{c}"] + sum(diagonals[c]) - sum(w * w for w in moved) / 2)
            total = total + log_sum_exp(m, terms)
        total = total - n * log_sum_exp(m, [v[f"a{c}"] for c in components])
        gamma = v["gamma"]
        normal = freedom * d * m.log(gamma / m.sqrt(2))
        normal = normal - d * (d - 1) * m.log(m.pi) / 4 - sum(log_gamma(m, freedom + 1 - j) for j in dimensions)
        for c in components:
            frobenius = sum(m.exp(2 * q) for q in diagonals[c]) + sum(v[f"l{c}_{i}"] ** 2 for i in lower.values())
            total = total + gamma * gamma / 2 * frobenius - wishart * sum(diagonals[c]) - normal
        return [total]

    point = {name: Fraction(random.randrange(-40, 40), 64) for name in names}
    size = f"d = {d}, k = {k}, n = {n}"
    return Problem("Gaussian mixture", size, program(given, lines), names, point, given, ["y"], function)


# ---- bundle adjustment (ADBench): where cameras see points, against where they were seen

CAMERA = "rx ry rz cx cy cz f ux uy k p".split()  # rotation, centre, focal length, principal point, distortion


def bundle_adjustment(cameras: int, points: int) -> Problem:
    """Each camera sees each point: two reprojection errors, weighted, and 1 − w² for the weight of the observation.

    The rotation is given by its axis times its angle (Rodrigues). The program rotates the vector, X·cos θ + w×X·sin θ +
    w·(w·X)·(1 − cos θ); the function builds the matrix of the rotation.
    """
    random = Random(10 * cameras + points)
    eyes, spots = range(1, cameras + 1), range(1, points + 1)
    names = [f"{letter}{c}" for c in eyes for letter in CAMERA]
    names += [f"{axis}{i}" for i in spots for axis in "XYZ"]
    pairs = [(c, i) for c in eyes for i in spots]
    names += [f"w{c}_{i}" for c, i in pairs]
    given = {f"m{axis}{c}_{i}": f"{random.randrange(-999, 999) / 1000}" for c, i in pairs for axis in "xy"}
    lines = []
    for c in eyes:
        lines += [
            f"t{c} = sqrt(rx{c}^2 + ry{c}^2 + rz{c}^2)", f"co{c} = cos(t{c})", f"si{c} = sin(t{c})",
            *(f"a{axis}{c} = r{axis}{c}/t{c}" for axis in "xyz"),
        ]  # fmt: skip
    outputs = []
    for c, i in pairs:
        o = f"{c}_{i}"
        lines += [f"d{axis.lower()}{o} = {axis}{i} - c{axis.lower()}{c}" for axis in "XYZ"]
        for u, v, w in ("xyz", "yzx", "zxy"):
            lines.append(f"h{u}{o} = a{v}{c}*d{w}{o} - a{w}{c}*d{v}{o}")
        lines.append(f"g{o} = (ax{c}*dx{o} + ay{c}*dy{o} + az{c}*dz{o})*(1 - co{c})")
        lines += [f"v{axis}{o} = d{axis}{o}*co{c} + h{axis}{o}*si{c} + a{axis}{c}*g{o}" for axis in "xyz"]
        lines += [
            f"sx{o} = vx{o}/vz{o}", f"sy{o} = vy{o}/vz{o}", f"rr{o} = sx{o}^2 + sy{o}^2",
            f"L{o} = 1 + k{c}*rr{o} + p{c}*rr{o}^2",
            f"ex{o} = w{o}*(sx{o}*L{o}*f{c} + ux{c} - mx{o})",
            f"ey{o} = w{o}*(sy{o}*L{o}*f{c} + uy{c} - my{o})",
            f"ew{o} = 1 - w{o}^2",
        ]  # fmt: skip
        outputs += [f"ex{o}", f"ey{o}", f"ew{o}"]

    def function(m: Any, v: Mapping[str, Any]) -> list[Any]:
        errors = []
        for c, i in pairs:
            turn = [v[f"r{axis}{c}"] for axis in "xyz"]
            angle = m.sqrt(sum(r * r for r in turn))
            x, y, z = (r / angle for r in turn)
            s, e = m.sin(angle), 1 - m.cos(angle)
            matrix = [
                [1 - e * (y * y + z * z), e * x * y - s * z, e * x * z + s * y],
                [e * x * y + s * z, 1 - e * (x * x + z * z), e * y * z - s * x],
                [e * x * z - s * y, e * y * z + s * x, 1 - e * (x * x + y * y)],
            ]
            away = [v[f"{axis}{i}"] - v[f"c{axis.lower()}{c}"] for axis in "XYZ"]
            right, up, depth = (sum(a * b for a, b in zip(row, away)) for row in matrix)
            right, up = right / depth, up / depth
            squared = right * right + up * up
            scale = v[f"f{c}"] * (1 + v[f"k{c}"] * squared + v[f"p{c}"] * squared * squared)
            weight = v[f"w{c}_{i}"]
            errors.append(weight * (scale * right + v[f"ux{c}"] - v[f"mx{c}_{i}"]))
            errors.append(weight * (scale * up + v[f"uy{c}"] - v[f"my{c}_{i}"]))
            errors.append(1 - weight * weight)
        return errors

    point = {name: Fraction(random.randrange(10, 60), 64) for name in names}
    for i in spots:
        point[f"Z{i}"] += 4  # in front of the cameras
    size = f"{cameras} × {points} observations" if cameras > 1 else f"{points} observations"
    return Problem("bundle adjustment", size, program(given, lines), names, point, given, outputs, function)
