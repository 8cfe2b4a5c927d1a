"""The table of mistakes: one row each, written as data.

A mistake is a wrong tangent rule. Where the right rule for a product is `du*v + u*dv`, a student
writes `du*dv`; both are text in the program's own language. `diagnosis` puts the wrong rule at a
node of the derivation, differentiates on correctly, and looks whether the answer comes out.

The rows are in the order in which explanations are listed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from .ops import Op

__all__ = ["MISTAKES", "PATTERNS", "WHOLE", "Mistake", "Pattern", "filled", "lookup_mistake"]


class Pattern:
    """A kind of step: its right tangent rule, in the names of its parts.

    names   the parts: u, v, w are what varies, du, dv, dw their derivatives, a, c, n constants, and
            t is the variable itself
    right   the derivative of the step; in patterns of functions, F(…) is the function and D(…)
            its derivative
    rule    the name of the rule that was due
    """

    __slots__ = ("names", "right", "rule")

    def __init__(self, names: str, right: str, rule: str) -> None:
        self.names, self.right, self.rule = tuple(names.split()), right, rule


PATTERNS: Mapping[str, Pattern] = {
    "function": Pattern("u du t", "D(u)*du", "chain rule"),
    "trigonometric": Pattern("u du t", "D(u)*du", "derivative of the function"),
    "power": Pattern("u n du t", "n*u^(n - 1)*du", "power rule"),
    "exponential": Pattern("a v dv t", "log(a)*a^v*dv", "exponential rule"),
    "tower": Pattern("u v du dv t", "v*u^(v - 1)*du + log(u)*u^v*dv", "general power rule"),
    "product": Pattern("u v du dv t", "du*v + u*dv", "product rule"),
    "multiple": Pattern("c u du t", "c*du", "constant multiple rule"),
    "quotient": Pattern("u v du dv t", "(du*v - u*dv)/v^2", "quotient rule"),
    "reciprocal": Pattern("c v dv t", "-c*dv/v^2", "reciprocal rule"),
    "sum": Pattern("u v du dv t", "du + dv", "sum rule"),
    "difference": Pattern("u v du dv t", "du - dv", "difference rule"),
    "negation": Pattern("u du t", "-du", "sign"),
    "constant added": Pattern("u c du t", "du", "derivative of a constant"),
    "constant taken off": Pattern("u c du t", "du", "derivative of a constant"),
    "taken from a constant": Pattern("c u du t", "-du", "derivative of a constant"),
    "difference of a sum": Pattern("u v w du dv dw t", "du - dv - dw", "difference rule"),
    "difference of a difference": Pattern("u v w du dv dw t", "du - dv + dw", "difference rule"),
    "power of a function": Pattern("w n dw t", "n*F(w)^(n - 1)*D(w)*dw", "chain rule"),
    "function of a power": Pattern("w n dw t", "D(w^n)*n*w^(n - 1)*dw", "chain rule"),
    "other variable": Pattern("t", "0", "derivative of a constant"),
    "constant": Pattern("t", "0", "derivative of a constant"),
    "constant power": Pattern("u n t", "0", "derivative of a constant"),
    "constant exponential": Pattern("n t", "0", "derivative of a constant"),
    "constant root": Pattern("u t", "0", "derivative of a constant"),
    "relation": Pattern("p q t", "-p/q", "implicit differentiation"),
}  # fmt: skip


class Mistake:
    """A row of the table.

    code, name  stable code, and what teachers call it
    rules       pattern or function -> the wrong tangent rules that this mistake writes for it
    sentence    what went wrong, with {where} for what is written at the place, {u}, {v} for its parts
    examples    (problem, wrong answer) or (problem, wrong answer, order); a test runs each
    nested      whether it can be made only where the operand is more than the variable itself
    """

    __slots__ = ("code", "name", "rules", "sentence", "examples", "nested")

    def __init__(
        self,
        code: str,
        name: str,
        rules: Mapping[str, str],
        sentence: str,
        *examples: tuple[str, str] | tuple[str, str, int],
        nested: bool = False,
    ) -> None:
        self.code, self.name, self.sentence, self.examples, self.nested = code, name, sentence, examples, nested
        self.rules = {key: tuple(text.split("; ")) for key, text in rules.items()}

    def __repr__(self) -> str:
        return f"<{self.code} {self.name}>"


MISTAKES: tuple[Mistake, ...] = (
    Mistake("M01", "inner derivative left out",
            {"function": "D(u)", "power": "n*u^(n - 1)", "exponential": "log(a)*a^v", "reciprocal": "-c/v^2"},
            "inner derivative of `{u}` left out",
            ("sin(x^2+3x)", "cos(x^2+3x)"), ("(5x+1)^3", "3(5x+1)^2"), ("ln(x^2+4)", "1/(x^2+4)"),
            ("exp(sin(5x+2))", "exp(sin(5x+2))cos(5x+2)"), ("1/(x^2+1)", "-1/(x^2+1)^2")),
    Mistake("M02", "outer derivative taken at the inner derivative",
            {"function": "D(du); D(du)*du", "power": "n*du^(n - 1); n*du^(n - 1)*du",
             "exponential": "log(a)*a^dv; log(a)*a^dv*dv"},
            "the outer derivative is taken at the derivative of `{u}` instead of at `{u}` itself",
            ("sin(x^3+x)", "cos(3x^2+1)"), ("(x^2+x)^3", "3(2x+1)^2"), nested=True),
    Mistake("M03", "argument lost",
            {"function": "D(t)*du; D(t)", "power": "n*t^(n - 1)*du; n*t^(n - 1)", "exponential": "log(a)*a^t*dv"},
            "the outer derivative is taken at `{t}` instead of at `{u}`",
            ("cos(7x-1)", "-7sin(x)"), ("ln(3x)", "3/x")),
    Mistake("M04", "a layer left out",
            {"function": "du"},
            "the derivative of `{where}` is passed over; only that of `{u}` is there",
            ("exp(sin(5x+2))", "5exp(sin(5x+2))")),
    Mistake("M05", "product of the derivatives",
            {"product": "du*dv"},
            "the derivative of a product is not the product of the derivatives",
            ("x^4 atan(x)", "4x^3/(1+x^2)")),
    Mistake("M06", "product rule with each factor times its own derivative",
            {"product": "u*du + v*dv"},
            "each derivative is multiplied by the other factor, not by its own",
            ("x^2 sinh(x)", "2x^3+sinh(x)cosh(x)")),
    Mistake("M07", "product rule with a minus",
            {"product": "du*v - u*dv; u*dv - du*v"},
            "the two terms of the product rule are added",
            ("x^3 ln(x)", "3x^2 ln(x) - x^2")),
    Mistake("M08", "one term of the product rule only",
            {"product": "du*v; u*dv"},
            "the product rule has a second term",
            ("x^3 ln(x)", "3x^2 ln(x)"), ("x sin(x)", "x cos(x)")),
    Mistake("M09", "quotient of the derivatives",
            {"quotient": "du/dv"},
            "the derivative of a quotient is not the quotient of the derivatives",
            ("(x^2+1)/(x^3-2)", "2/(3x)")),
    Mistake("M10", "quotient rule with a plus",
            {"quotient": "(du*v + u*dv)/v^2"},
            "the second term of the quotient rule is subtracted",
            ("sinh(x)/x", "(x cosh(x)+sinh(x))/x^2")),
    Mistake("M11", "quotient rule with its terms swapped",
            {"quotient": "(u*dv - du*v)/v^2"},
            "the quotient rule begins with the derivative of the numerator",
            ("sin(x)/x", "(sin(x) - x cos(x))/x^2")),
    Mistake("M12", "denominator not squared",
            {"quotient": "(du*v - u*dv)/v", "reciprocal": "-c*dv/v"},
            "the quotient rule squares the denominator",
            ("sin(x)/x", "(x cos(x) - sin(x))/x")),
    Mistake("M13", "numerator squared below",
            {"quotient": "(du*v - u*dv)/u^2"},
            "the quotient rule squares the denominator, not the numerator",
            ("sinh(x)/x", "(x cosh(x) - sinh(x))/sinh(x)^2")),
    Mistake("M14", "denominator forgotten",
            {"quotient": "du*v - u*dv", "reciprocal": "-c*dv"},
            "the quotient rule divides by the square of the denominator",
            ("sin(x)/x", "x cos(x) - sin(x)")),
    Mistake("M15", "one part of the quotient held constant",
            {"quotient": "du/v; -u*dv/v^2"},
            "both the numerator and the denominator vary",
            ("sin(x)/x", "cos(x)/x")),
    Mistake("M16", "derivative of the denominator below",
            {"quotient": "(du*v - u*dv)/dv^2; (du*v - u*dv)/dv"},
            "the square of the denominator itself stands below",
            ("x/sin(x)", "(sin(x) - x cos(x))/cos(x)^2")),
    Mistake("M17", "power rule on an exponential",
            {"exponential": "v*a^(v - 1)*dv; v*a^(v - 1)", "exp": "u*exp(u - 1)*du; u*exp(u - 1)"},
            "in `{where}` the exponent varies: the power rule does not apply",
            ("5^x", "x 5^(x-1)"), ("exp(2x)", "2*2x*exp(2x-1)")),
    Mistake("M18", "exponent of an exponential lowered",
            {"exponential": "log(a)*a^(v - 1)*dv; a^(v - 1)*dv", "exp": "exp(u - 1)*du"},
            "the exponent of `{where}` stays as it is",
            ("2^x", "2^(x-1) ln 2")),
    Mistake("M19", "ln a left out",
            {"exponential": "a^v*dv; a^v", "log10": "du/u", "log2": "du/u"},
            "the logarithm of the base is missing",
            ("5^x", "5^x"), ("log10(x)", "1/x")),
    Mistake("M20", "ln a on the wrong side of the fraction",
            {"exponential": "a^v/log(a)*dv", "log10": "du*log(10)/u", "log2": "du*log(2)/u"},
            "the logarithm of the base multiplies an exponential and divides a logarithm",
            ("5^x", "5^x/ln 5")),
    Mistake("M21", "power rule where base and exponent vary",
            {"tower": "v*u^(v - 1)*du; v*u^(v - 1); v*u^(v - 1)*du*dv"},
            "in `{where}` the exponent varies too: write it as e^(v·ln u)",
            ("x^(2x)", "2x x^(2x-1)")),
    Mistake("M22", "exponential rule where base and exponent vary",
            {"tower": "log(u)*u^v*dv; log(u)*u^v; u^v*dv"},
            "in `{where}` the base varies too: write it as e^(v·ln u)",
            ("x^(2x)", "2 ln(x) x^(2x)")),
    Mistake("M23", "exponent not brought down",
            {"power": "u^(n - 1)*du"},
            "the exponent becomes a factor",
            ("x^5", "x^4")),
    Mistake("M24", "exponent not lowered",
            {"power": "n*u^n*du; n*u^n", "sqrt": "sqrt(u)*du/2; sqrt(u)/2"},
            "the exponent is lowered by 1",
            ("x^5", "5x^5")),
    Mistake("M25", "exponent stepped the wrong way",
            {"power": "n*u^(n + 1)*du", "sqrt": "u*sqrt(u)*du/2"},
            "the exponent is lowered by 1, not raised",
            ("x^(-5)", "-5x^(-4)")),
    Mistake("M26", "lowered exponent brought down",
            {"power": "(n - 1)*u^(n - 1)*du; (n - 1)*u^n*du"},
            "the factor is the exponent before it is lowered",
            ("x^5", "4x^4")),
    Mistake("M27", "exponent left out",
            {"power": "n*u*du; n*du"},
            "a power of `{u}` is left",
            ("x^5", "5x")),
    Mistake("M28", "power of the derivative",
            {"power": "du^n"},
            "the derivative of a power is not the power of the derivative",
            ("(x^2+x)^3", "(2x+1)^3"), nested=True),
    Mistake("M29", "reciprocal by parts",
            {"reciprocal": "c/dv; -c/dv"},
            "the derivative of a reciprocal is not the reciprocal of the derivative",
            ("1/x^21", "1/(21x^20)")),
    Mistake("M30", "sign of the reciprocal's derivative lost",
            {"reciprocal": "c*dv/v^2"},
            "the derivative of a reciprocal has a minus",
            ("1/(x^2+1)", "2x/(x^2+1)^2")),
    Mistake("M31", "sign of the function's derivative",
            {"trigonometric": "-D(u)*du", "exp": "-exp(u)*du", "log": "-du/u"},
            "the derivative of `{where}` has the other sign",
            ("cos(x)+x", "sin(x)+1"), ("sin(3x)", "-3cos(3x)")),
    Mistake("M32", "derivative of the function confused",
            {"tan": "sec(u)*du; sec(u)*tan(u)*du; du/(1 + u^2); -csc(u)^2*du; tan(u)^2*du; sec(u^2)*du",
             "sec": "sec(u)^2*du; tan(u)^2*du; tan(u)*du; -sec(u)*tan(u)*du; csc(u)*cot(u)*du",
             "cot": "csc(u)^2*du; -csc(u)*du; -csc(u)*cot(u)*du; sec(u)^2*du; -sec(u)^2*du; du/tan(u); -csc(u^2)*du",
             "csc": "-csc(u)^2*du; -cot(u)^2*du; csc(u)^2*du; sec(u)*tan(u)*du; -sec(u)*tan(u)*du",
             "sin": "sin(u)*du; tan(u)*du", "cos": "cos(u)*du; tan(u)*du",
             "asin": "du/sqrt(1 + u^2); du/(1 - u^2); du/(1 + u^2); du/sqrt(u^2 - 1); -cos(u)/sin(u)^2*du; du/cos(u)",
             "acos": "-du/sqrt(1 + u^2); -du/(1 - u^2); -du/(1 + u^2); sin(u)/cos(u)^2*du; -du/sin(u)",
             "atan": "du/(1 - u^2); du/sqrt(1 - u^2); du/sqrt(1 + u^2); -csc(u)^2*du; du/(u^2 - 1); du/cos(u)^2",
             "sinh": "sinh(u)*du", "cosh": "cosh(u)*du",
             "tanh": "sech(u)*du; tanh(u)^2*du; (1 + tanh(u)^2)*du; -sech(u)^2*du",
             "asinh": "du/sqrt(u^2 - 1); du/sqrt(1 - u^2); du/(1 + u^2)", "acosh": "du/sqrt(u^2 + 1); du/sqrt(1 - u^2)",
             "atanh": "du/(1 + u^2); du/sqrt(1 - u^2)", "softplus": "du/(1 + exp(u)); exp(u)*du; softplus(u)*du",
             "log": "log(u)*du; du*exp(u); du/log(u)", "exp": "log(u)*du; du/u",
             "sigmoid": "sigmoid(u)*du; (1 - sigmoid(u))*du; u*(1 - u)*du",
             "relu": "relu(u)*du; du"},
            "this is not the derivative of `{where}`",
            ("tan(x)", "sec(x)"), ("arctan(x)", "1/(1-x^2)"), ("sec(x)", "sec(x)^2")),
    Mistake("M33", "function of the derivative",
            {"function": "F(du)"},
            "the derivative of a function of `{u}` is not the function of the derivative",
            ("sqrt(x^2+4)", "sqrt(2x)"), ("sin(x^2)", "sin(2x)"), nested=True),
    Mistake("M34", "function not differentiated",
            {"function": "F(u)*du"},
            "`{where}` itself is not differentiated, only its argument",
            ("sin(x^2)", "2x sin(x^2)"), ("tan(3x)", "3tan(3x)")),
    Mistake("M35", "half of the root lost",
            {"sqrt": "du/sqrt(u); 1/sqrt(u)", "cbrt": "du/cbrt(u)^2"},
            "the derivative of a root has the factor one over its index",
            ("sqrt(x^2+4)", "2x/sqrt(x^2+4)")),
    Mistake("M36", "constant factor lost",
            {"multiple": "du"},
            "the factor `{c}` stays",
            ("7x^3", "3x^2"), ("5sin(x)", "cos(x)")),
    Mistake("M37", "added constant kept",
            {"constant added": "du + c", "constant taken off": "du - c", "taken from a constant": "c - du"},
            "the derivative of the constant `{c}` is 0",
            ("x^6+7", "6x^5+7")),
    Mistake("M38", "constant treated as a variable",
            {"other variable": "1"},
            "`{where}` is a constant here: its derivative is 0",
            ("a x^2", "2 a x + x^2")),
    Mistake("M39", "constant factor differentiated",
            {"multiple": "c + du; u + c*du"},
            "`{c}` is a constant factor: it stays, and only `{u}` is differentiated",
            ("3sin(x)", "sin(x) + 3cos(x)")),
    Mistake("M40", "constant differentiated by the power rule",
            {"constant": "1", "constant power": "n*u^(n - 1)", "constant exponential": "n*exp(n - 1)",
             "constant root": "1/(2*sqrt(u))"},
            "`{where}` is a number: its derivative is 0",
            ("pi^3 + x", "3pi^2 + 1"), ("e^3 + x", "3e^2 + 1")),
    Mistake("M41", "sign of a term",
            {"sum": "du - dv; dv - du", "difference": "du + dv; -du - dv", "taken from a constant": "du",
             "negation": "du"},
            "a term has the wrong sign",
            ("x^5-x^3", "5x^4+3x^2"), ("-x^2", "2x")),
    Mistake("M42", "minus lost before brackets",
            {"difference of a sum": "du - dv + dw", "difference of a difference": "du - dv - dw"},
            "the minus before the brackets belongs to every term in them",
            ("x^3-(x^2+sin(x))", "3x^2-2x+cos(x)")),
    Mistake("M43", "a term left out",
            {"sum": "du; dv", "difference": "du; -dv"},
            "a term of the sum is missing",
            ("x^2+x^3+sin(x)", "2x+cos(x)")),
    Mistake("M44", "integrated instead of differentiated",
            {"power": "u^(n + 1)/(n + 1); u^(n + 1)/(n + 1)*du; u^(n + 1)*du; n*u^(n + 1)/(n + 1)*du"},
            "the power is integrated, not differentiated",
            ("x^4 + x^2", "x^5/5 + 2x")),
    Mistake("M45", "multiplied by the inner function",
            {"function": "D(u)*u", "power": "n*u^(n - 1)*u*du", "exponential": "log(a)*a^v*v"},
            "the factor is the derivative of `{u}`, not `{u}` itself",
            ("sin(x^2)", "x^2 cos(x^2)"), nested=True),
    Mistake("M46", "inner derivative added",
            {"function": "D(u) + du", "power": "n*u^(n - 1) + du"},
            "the derivative of `{u}` is a factor, not a term",
            ("sin(x^2)", "cos(x^2)+2x"), nested=True),
    Mistake("M47", "inner derivative taken twice",
            {"function": "D(u)*du^2", "power": "n*u^(n - 1)*du^2"},
            "the derivative of `{u}` is a factor once",
            ("sin(x^2)", "4x^2 cos(x^2)"), nested=True),
    Mistake("M48", "divided by the inner derivative",
            {"function": "D(u)/du", "power": "n*u^(n - 1)/du", "exponential": "log(a)*a^v/dv"},
            "the derivative of `{u}` is a factor; one divides by it when one integrates",
            ("sin(3x)", "cos(3x)/3"), nested=True),
    Mistake("M49", "absolute value dropped",
            {"abs": "du; abs(du); -du; u*du; sign(u)"},
            "the derivative of `{where}` is the sign of `{u}` times the inner derivative",
            ("abs(x^2-1)", "2x")),
    Mistake("M50", "power of a function read as function of a power",
            {"power of a function": "D(w^n)*n*w^(n - 1)*dw; D(w^n)*dw; n*D(w)^(n - 1)*dw",
             "function of a power": "n*F(w)^(n - 1)*D(w)*dw; n*F(w)^(n - 1)*dw; n*D(w)^(n - 1)*dw"},
            "sin² x is (sin x)², and sin x² is sin(x²)",
            ("tan(x)^2", "2x sec(x^2)^2"), ("sin(x^2)", "2sin(x)cos(x)")),
    Mistake("M51", "outer derivative left out of a power of a function",
            {"power of a function": "n*D(w)^(n - 1)*dw; D(w)^n*dw; n*D(w)"},
            "first the power rule, then the derivative of `{w}`",
            ("sin(x)^3", "cos(x)^3")),
)  # fmt: skip

# What the answer as a whole is: no rule of a node explains it. `D` stands for the right derivative.
WHOLE: tuple[Mistake, ...] = (
    Mistake("M61", "the sign", {}, "the answer has the opposite sign", ("x^2 sin(x)", "-2x sin(x) - x^2 cos(x)")),
    Mistake("M62", "off by a factor", {}, "the answer is {k} times the derivative", ("x^3+x", "6x^2+2")),
    Mistake("M63", "off by a constant", {}, "the answer is the derivative {k}", ("x^3+x", "3x^2+2")),
    Mistake("M64", "a term of the derivative is missing", {}, "the term `{k}` is missing",
            ("(x^2+1)sin(x)", "2x sin(x) + x^2 cos(x)")),
    Mistake("M65", "a term of the derivative has the wrong sign", {}, "the term `{k}` has the wrong sign",
            ("(x^2+1)sin(x)", "2x sin(x) + x^2 cos(x) - cos(x)")),
    Mistake("M66", "the function itself", {}, "this is the function itself, not its derivative", ("x^2+1", "x^2+1")),
    Mistake("M67", "integrated", {}, "this is an antiderivative: the function was integrated", ("x^4", "x^5/5")),
    Mistake("M68", "another order", {}, "this is the derivative of order {k}", ("x^4", "12x^2")),
    Mistake("M69", "power of the first derivative", {}, "the second derivative is not the square of the first",
            ("x^4", "16x^6", 2)),
    Mistake("M70", "another variable", {}, "this is the derivative by {k}", ("x^2 y", "x^2")),
    Mistake("M71", "another reading of what was typed", {}, "right if it is read as {k}", ("ln(x)/2", "1/2x")),
    Mistake("M72", "one over the derivative", {}, "this is one over the derivative", ("x^2", "1/(2x)")),
    Mistake("M73", "the function times the derivative", {}, "a factor too many: the function itself",
            ("sin(x)", "sin(x)cos(x)")),
    Mistake("M74", "an error in transforming", {}, "step {k} is still right: the mistake is in what follows",
            ("x^3", "x^2+2x^2 = 4x^2")),
    Mistake("M75", "sign lost in implicit differentiation", {"relation": "p/q"},
            "a minus is lost when the terms are brought to the other side", ("x^2+y^2=25", "x/y")),
    Mistake("M76", "y' left out", {"relation": "-p; p; -p - q; p + q"},
            "y depends on x: differentiating y gives y', by the chain rule", ("x y = 1", "-y")),
    Mistake("M77", "fraction upside down", {"relation": "-q/p; q/p"},
            "the partial derivative by y stands below", ("x^3+y^2=9", "-2y/(3x^2)")),
    Mistake("M78", "y held constant", {}, "y varies with x: it is no constant", ("x^2 y + y^3 = 10", "-2x y/(3y^2)")),
)  # fmt: skip


@lru_cache(maxsize=1)
def _by_code() -> dict[str, Mistake]:
    return {row.code: row for row in (*MISTAKES, *WHOLE)}


def lookup_mistake(code: str) -> Mistake | None:
    """The row of a code, or None."""
    return _by_code().get(code)


@lru_cache(maxsize=4096)
def filled(text: str, function: Op) -> str:
    """The text of a rule with F(…) as the function and D(…) as its partial: D(u)*du is cos(u)*du for the sine."""
    operand = function.operands[0]
    while mark := re.search(r"\b([DF])\(", text):
        depth, end = 1, mark.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        inner = text[mark.end() : end - 1]
        if mark[1] == "F":
            made = f"{function.call}({inner})"
        else:
            bare = inner if inner.isalnum() else f"({inner})"
            made = re.sub(rf"\b{operand}\b", bare, str(function.partials[0]))
            made = made if _is_call(made) else f"({made})"
        text = text[: mark.start()] + made + text[end:]
    return text


def _is_call(text: str) -> bool:
    return re.fullmatch(r"[\w']+\([^()]*\)", text) is not None
