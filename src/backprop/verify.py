"""The cross-check of a gradient: SymPy's own derivative, and our own tree in ball arithmetic.

Two judges that share nothing with the rules: `sympy.diff` of the function, compared by the ladder
of `equivalence`; and difference quotients of the function, evaluated in balls by python-flint,
which also guard against an error in the translation to SymPy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .equivalence import DIGITS, Verdict, compare_at, decide, direction_of, sample_points, slope_agrees
from .evaluate import set_precision, to_ball
from .expr import Graph
from .tidy import Tidy

_SLOPES = 3  # points at which difference quotients are compared
_LARGE = 20_000  # nodes of a graph from which one such point has to do


class Claim(NamedTuple):
    """What is to be checked: a function, and its derivative of some order by each variable.

    By those in `names` that have no entry in `results` it is 0.
    """

    root: int
    results: dict[str, int]
    order: int = 1
    names: tuple[str, ...] = ()


def verify(
    graph: Graph,
    root: int,
    claims: Sequence[Claim],
    forms: Mapping[int, int],
    *,
    use_sympy: bool,
    identities: Sequence[tuple[int, int]] = (),
) -> dict[str, Any]:
    """Checks claims, and the readable forms of anything, where the function `root` has a value.

    Of higher and mixed derivatives there is a claim for each step, so that one judged right rests on
    another that is; `identities` are pairs of nodes that must be equal, for what is made of derivatives
    that are claimed. Returns status, how, points, digits and notes, and `rejected_forms`: the forms that
    are not shown because they could not be shown equal to what they stand for.
    """
    rejected = {form for node, form in forms.items() if form != node and not _faithful(graph, root, node, form)}
    slope, points = _slopes(graph, claims)
    report: dict[str, Any] = {"points": points, "digits": DIGITS if points else 0, "notes": [], "limit": False,
                              "rejected_forms": rejected}  # fmt: skip
    if not any(claim.results for claim in claims):
        return report | {"status": "proved", "how": "nothing depends on a variable", "points": 0, "digits": 0}
    witnesses: list[tuple[Claim, str, int, Any]] = []
    outcomes = []
    for claim in claims if use_sympy else ():
        outcomes += [_by_sympy(graph, claim, name, i, witnesses) for name, i in claim.results.items()]
    assembled: list[str] = []
    for a, b in identities:
        verdict = Verdict("equal", "proved") if a == b else decide(graph, a, b, domain=[claims[0].root])
        if verdict.verdict == "different":
            return report | {"status": "failed", "how": "FAILED: the derivatives are put together wrongly"}
        assembled.append(verdict.how or verdict.reason)
    differs = list(dict.fromkeys(name for _, name, _, _ in witnesses))
    # Where SymPy's derivative is another one, the function itself decides, at that very point.
    backed = all(_backed(graph, claim, name, i, witness) for claim, name, i, witness in witnesses)
    if slope is False or (differs and not (slope and backed)):
        by = "difference quotients" if slope is False else "sympy.diff"
        return report | {"status": "failed", "how": f"FAILED: {by} of the function give another derivative"}
    if differs:
        report["notes"].append(f"sympy.diff gives another derivative by {', '.join(differs)}; the function's own"
                               " difference quotients agree with the one shown")  # fmt: skip
    elif outcomes and all(o == "proved" for o in (*outcomes, *assembled)):
        occurring = set(graph.variables([claim.root for claim in claims]))
        unknown = any(key[0].startswith("call ") for key in graph.nodes)  # such a function has no values at all
        if not points and not unknown and not occurring.isdisjoint(name for claim in claims for name in claim.results):
            report["notes"].append("the function has no value at any of the points tried")
        return report | {"status": "proved", "how": "proved equal to sympy.diff"}
    elif outcomes and all(o in ("proved", "sampled") for o in (*outcomes, *assembled)):
        how = f"equal to sympy.diff as far as sampled ({_count(max(points, 1))}, {DIGITS} digits)"
        return report | {"status": "sampled", "how": how, "digits": DIGITS}
    if slope and all(o in ("proved", "sampled") for o in assembled):
        how = f"equal to difference quotients in ball arithmetic as far as sampled ({_count(points)}, {DIGITS} digits)"
        return report | {"status": "sampled", "how": how}
    reason = next(
        (o for o in (*outcomes, *assembled) if o not in ("proved", "sampled", "different")),
        "no point of the domain was found",
    )
    return report | {"status": "unverified", "how": f"not verified: {reason}"}


def _count(points: int) -> str:
    return f"{points} point{'s' if points != 1 else ''}"


def _by_sympy(
    graph: Graph, claim: Claim, name: str, derivative: int, witnesses: list[tuple[Claim, str, int, Any]]
) -> str:
    """proved, sampled, different (then the point is added to `witnesses`), or why SymPy could not judge."""
    from .symbolic import Translation, Unsupported, rewrites_to_zero, sympy_derivative

    translation = Translation(graph)
    try:
        theirs = sympy_derivative(translation, claim.root, name, claim.order)
    except Unsupported as reason:
        return f"SymPy's derivative has {reason}"
    except (RecursionError, ArithmeticError, AttributeError, NotImplementedError, TypeError, ValueError) as error:
        # SymPy gives up in many ways; whichever it is, it judges nothing.
        return f"SymPy gave up ({type(error).__name__})"

    def rewriting() -> bool:
        return rewrites_to_zero(graph, Tidy(graph).sub(derivative, theirs))

    small = len(graph.reachable([derivative, theirs])) <= 25
    verdict = decide(graph, derivative, theirs, domain=[claim.root], rewriting=rewriting if small else None)
    if verdict.verdict == "equal":
        return verdict.how or ""
    if verdict.verdict == "different":
        assert verdict.witness is not None
        witnesses.append((claim, name, derivative, verdict.witness))
        return "different"
    return verdict.reason


def _backed(graph: Graph, claim: Claim, name: str, derivative: int, witness: Any) -> bool:
    """Whether the function's difference quotient is our derivative, and certainly not SymPy's, at the witness."""
    point, ours, theirs = witness
    outcome, quotient = slope_agrees(graph, claim.root, [(name, derivative)], point, claim.order)
    if outcome is not True:
        return False
    previous = set_precision(1200)
    try:
        slope = quotient / to_ball(direction_of(0) ** claim.order)
        return bool(abs(slope - ours).upper() * 1000 < abs(ours - theirs).lower())
    finally:
        set_precision(previous)


def _slopes(graph: Graph, claims: Sequence[Claim]) -> tuple[bool | None, int]:
    """Whether difference quotients agree (None: no point could tell), and at how many points.

    Several claims of first order are checked together, by the sum of their functions with rational
    weights: an error in one of them does not cancel in it.
    """
    groups = [(c.root, [pair], c.order) for c in claims if c.order > 1 for pair in c.results.items()]
    together: dict[tuple[str, ...], list[Claim]] = {}
    for claim in claims:
        if claim.order == 1:
            together.setdefault(claim.names or tuple(sorted(claim.results)), []).append(claim)
    for names, group in together.items():
        groups.append((*_weighted(graph, group, names), 1))
    wanted = _SLOPES if len(graph.nodes) < _LARGE else 1
    least: int | None = None
    for root, results, order in groups:
        occurring = set(graph.variables([root]))
        moved = [(name, i) for name, i in results if name in occurring]
        if not moved:
            continue
        agreed = unclear = 0
        roots = [root, *(i for _, i in moved)]
        for point in sample_points(graph, roots, graph.variables(roots)):
            outcome, quotient = slope_agrees(graph, root, moved, point, order)
            if outcome is False:
                return False, agreed
            agreed += outcome is True
            unclear += outcome is None and quotient is not None
            if agreed >= wanted:
                break
        if unclear and agreed < wanted:  # the few points that agree may be special ones, as 0 is
            agreed = 0
        least = agreed if least is None else min(least, agreed)
    return (True if least else None), least or 0


def _weighted(graph: Graph, claims: Sequence[Claim], names: Sequence[str]) -> tuple[int, list[tuple[str, int]]]:
    """The sum of the functions with weights, and of their derivatives."""
    if len(claims) == 1 and len(claims[0].results) == len(names):
        return claims[0].root, list(claims[0].results.items())
    tidy = Tidy(graph)
    zero = [tidy.zero]
    parts: dict[str, list[int]] = {name: [] for name in names}
    functions: list[int] = []
    for k, claim in enumerate(claims):
        weight = graph.number(direction_of(k) + k * k)
        functions.append(graph.node("mul", weight, claim.root))
        for name, i in claim.results.items():
            parts[name].append(tidy.mul(weight, i))
    return tidy.sum(functions), [(name, tidy.sum(terms or zero)) for name, terms in parts.items()]


def _faithful(graph: Graph, root: int, node: int, form: int) -> bool:
    """Whether a readable form has the value and, inside the function's domain, the domain of its node."""
    verdict = decide(graph, node, form, domain=[root], points=4)
    if verdict.verdict != "equal":
        return False
    roots = [node, form, root]
    order = graph.reachable(roots)
    checked = 0
    for point in sample_points(graph, roots, graph.variables(roots)):
        if any(x.denominator == 1 for x in point.values()):
            continue  # cancelled factors vanish at such points, and a single point is no domain
        outcome, (first, second) = compare_at(graph, order, node, form, point, [root])
        if outcome is None and (first is None) != (second is None):
            from .evaluate import evaluate

            if evaluate(graph, graph.reachable([root]), point, exact=False).get(root) is not None:
                return False
        checked += outcome is True
        if checked >= 5:  # by the fourth, all variables were negative once
            break
    return True
