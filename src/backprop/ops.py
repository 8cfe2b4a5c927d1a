"""The table of operations: one row each, and the only place that knows any of them.

A row is the line of a textbook's table of derivatives, written as data. The parser, the printers,
values at a point, SymPy's constructors, the reverse pass, the documentation page and the tests all
read it, so a new function is one new row.

Partials, domains and places of smoothness are text in the program's own input language, written in
the names of the operands: the rule that is shown is the rule that is computed. Partials never say
`result/x`, which is wrong at 0.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["CONDITIONS", "CONSTANTS", "FUNCTIONS", "GROUPS", "OPS", "Op", "Singularity", "lookup", "unknown_function"]


class Singularity:
    """What holds at the places where an operand expression vanishes and the partials say nothing.

    `where` is the expression that vanishes there; `partials` are the values used there, one for
    each operand; `kink` tells whether the derivative does not exist (the values are a convention)
    or does (the singularity of the formula is removable).
    """

    __slots__ = ("where", "partials", "kink")

    def __init__(self, where: str, partials: tuple[str, ...], kink: bool = True) -> None:
        self.where, self.partials, self.kink = where, partials, kink


class Op:
    """One row of the table.

    name, aliases   how it is called in the language; the name is also the one in JSON
    operands        the names that partials, domain and smooth use, in order
    code, rule      stable code and the textbook's name of the derivative rule
    special         position of an operand that does not vary -> (code, rule) that then applies
    partials        the partial derivative by each operand as text, or None
    reason          why a partial is None, as the end of "there is no partial by n: ..."
    symbol          infix, prefix or postfix symbol; `precedence` and `right` as printers need it
    latex           template with {0}, {1} ... for the operands; {0:40} has brackets around an operand that binds
                    looser than 40. Round brackets grow with what they hold, and a sine of a lone x goes without.
                    `notation` writes MathML from it as well: it says which commands there may be. Default: the name
    ball            how ball arithmetic evaluates it: the name of a method of `flint.arb`, the
                    name of a function in `evaluate.BALLS`, or "= text" in the language itself
    array           how arrays of floats evaluate it: the name of a function in `arrays.ARRAYS`, or "= text";
                    default: the column `ball`. A name that is not there means point by point, in balls. Where
                    there is no value it gives nan or an infinity (hence terms such as 0/x)
    sympy           the name of SymPy's constructor, or of a function in `symbolic.BUILDERS`
    domain, smooth  where the value exists, and where the partials hold
    exceptions      see `Singularity`
    parity          "odd" or "even" in its last operand, if it is
    elementary      what it is made of, as text: the same value and the same domain
    intuition       what the reverse pass does here and why, in one sentence: one for all operands, or by
                    position of the operand and by code of the rule; "" is the default of `explain`. Its
                    holes are the operands' names, {this} and {other} operand, {value} for the node's own
                    name and {partial}
    """

    __slots__ = (
        "name", "aliases", "operands", "code", "rule", "special", "partials", "reason", "symbol",
        "precedence", "right", "latex", "ball", "sympy", "domain", "smooth", "exceptions",
        "parity", "call", "intuition", "array", "elementary",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        operands: str,
        code: str,
        rule: str,
        partials: tuple[str | None, ...],
        *,
        ball: str,
        sympy: str,
        latex: str = "",
        aliases: str = "",
        special: dict[int, tuple[str, str]] | None = None,
        reason: str = "",
        symbol: str = "",
        precedence: int = 100,
        right: bool = False,
        domain: str = "",
        smooth: str = "",
        exceptions: tuple[Singularity, ...] = (),
        parity: str = "",
        call: str = "",
        elementary: str = "",
        intuition: str | dict[int | str, str] = "",
        array: str = "",
    ) -> None:
        self.name = name
        self.operands = tuple(operands.split())
        self.code, self.rule, self.partials = code, rule, partials
        self.ball, self.sympy, self.array = ball, sympy, array or ball
        self.call = call or name
        holes = ", ".join(f"{{{i}}}" for i in range(len(self.operands)))
        called = self.call.replace("_", r"\_")
        self.latex = latex or rf"\operatorname{{{{{called}}}}}({holes})"
        self.aliases = tuple(aliases.split())
        self.special = special or {}
        self.reason, self.symbol, self.precedence, self.right = reason, symbol, precedence, right
        self.domain, self.smooth = domain, smooth or domain
        self.exceptions, self.parity = exceptions, parity
        self.elementary = elementary
        self.intuition: dict[int | str, str] = {"": intuition} if isinstance(intuition, str) else intuition

    @property
    def arity(self) -> int:
        """The number of operands."""
        return len(self.operands)

    def __repr__(self) -> str:
        return f"<Op {self.name}({', '.join(self.operands)})>"


# Precedences of the infix operations; a function call binds tighter than all of them.
CONDITIONAL, OR, AND, NOT, COMPARISON, SUM, NEGATION, PRODUCT, POWER, POSTFIX, ATOM = (
    5, 10, 15, 20, 25, 30, 35, 40, 50, 60, 100,
)  # fmt: skip

_KINK_AT_0 = (Singularity("x", ("0",)),)
_NEVER = ("0",)
# Sentences that several rows share.
_LOG = "small inputs count much, large ones little: the adjoint is multiplied by the slope {partial}"
_ROOT = "a root is steep near 0 and flat far from it: the adjoint is multiplied by the slope {partial}"
_ENDS = "steep near the ends of its domain, least so in the middle, where the slope is 1: times {partial}"
_JUMP = "flat on both sides of its jump: nothing passes back to {x}"
_STAIRS = "flat between its jumps: nothing passes back to {x}"
_INTEGRAL = "an integral grows by its integrand: the adjoint is multiplied by {partial}"
_CONDITION = "a condition is true or false and has no slope: nothing passes back"
_CONSTANT = "a constant does not move: nothing passes back to it"

_ARITHMETIC = [
    Op("add", "x y", "R02", "sum", ("1", "1"), symbol="+", precedence=SUM,
       ball="add", sympy="Add", latex="{0:30} + {1:40}",
       intuition="each term moves the sum one for one: {this} gets the adjoint unchanged"),
    Op("sub", "x y", "R04", "difference", ("1", "-1"), symbol="-", precedence=SUM,
       ball="sub", sympy="sub", latex="{0:30} - {1:40}",
       intuition={0: "the first term moves the difference one for one: {x} gets the adjoint unchanged",
                  1: "what is taken away pulls the difference down: {y} gets the adjoint with its sign flipped"}),
    Op("neg", "x", "R08", "negation", ("-1",), symbol="-", precedence=NEGATION,
       ball="neg", sympy="neg", latex="-{0:40}", parity="odd",
       intuition="the minus sign turns every change round: {x} gets the adjoint with its sign flipped"),
    Op("mul", "x y", "R06", "product", ("y", "x"), symbol="*", precedence=PRODUCT,
       special={0: ("R03", "constant multiple"), 1: ("R03", "constant multiple")},
       ball="mul", sympy="Mul", latex=r"{0:40} \cdot {1:41}",
       intuition={"": "the factors swap: {this} gets the adjoint times the other factor, {other}",
                  "R03": "the constant factor scales every change of {this}: the adjoint is multiplied by {other}"}),
    Op("div", "x y", "R07", "quotient", ("1/y", "-x/y^2"), symbol="/", precedence=PRODUCT,
       special={0: ("R09", "reciprocal"), 1: ("R03", "constant multiple")},
       ball="div", sympy="div", latex=r"\frac{{{0}}}{{{1}}}", domain="y != 0", aliases="divide",
       intuition={0: "dividing {x} divides every change of it: {x} gets the adjoint divided by {y}",
                  1: "the quotient shrinks as {y} moves away from 0: {y} gets the adjoint times {partial}",
                  "R09": "a reciprocal is steep near 0 and flat far from it: {y} gets the adjoint times {partial}",
                  "R03": "the constant divisor divides every change of {x}: the adjoint is divided by {y}"}),
    Op("pow", "x y", "R10", "general power", ("y*x^(y - 1)", "log(x)*x^y"), symbol="^",
       precedence=POWER, right=True, special={1: ("R05", "power"), 0: ("R12", "exponential, base a")},
       ball="pow", sympy="pow", latex="{0:61}^{{{1}}}", domain="x > 0", aliases="power",
       intuition={0: "as with a constant exponent, {y} comes down as a factor: {x} gets the adjoint times {partial}",
                  1: "as with a constant base, the value times a logarithm: {y} gets the adjoint times {partial}",
                  "R05": "the exponent comes down as a factor and the power drops by one: the adjoint times {partial}",
                  "R05 above 1": "flat near 0, steep far from it: the exponent comes down, the adjoint times {partial}",
                  "R05 below 1": "steep near 0, flat far from it: the exponent comes down, the adjoint times {partial}",
                  "R12": "it changes in step with its own value, as exp does: the adjoint times {partial}"}),
]  # fmt: skip

_ELEMENTARY = [
    Op("exp", "x", "R11", "exponential", ("exp(x)",), ball="exp", sympy="exp", latex="e^{{{0}}}",
       intuition="the slope of exp is its own value: the adjoint is multiplied by {value}"),
    Op("log", "x", "R13", "logarithm", ("1/x",), ball="log", sympy="log", aliases="ln",
       latex=r"\ln({0})", domain="x > 0",
       intuition=_LOG),
    Op("log_base", "x b", "R14", "logarithm, base b", ("1/(x*log(b))", "-log(x)/(b*log(b)^2)"),
       call="log", ball="= log(x)/log(b)", array="= log(x)/log(b) + 0*log(b)", sympy="log", latex=r"\log_{{{1}}}({0})",
       domain="x > 0 and b > 0 and b != 1",
       intuition={0: _LOG},
       elementary="log(x)/log(b)"),
    Op("log2", "x", "R15", "logarithm, base 2", ("1/(x*log(2))",), aliases="lb",
       ball="= log(x)/log(2)", array="log2", sympy="log2", latex=r"\log_{{2}}({0})", domain="x > 0",
       intuition=_LOG,
       elementary="log(x)/log(2)"),
    Op("log10", "x", "R16", "logarithm, base 10", ("1/(x*log(10))",), aliases="lg",
       ball="= log(x)/log(10)", array="log10", sympy="log10", latex=r"\log_{{10}}({0})", domain="x > 0",
       intuition=_LOG,
       elementary="log(x)/log(10)"),
    Op("log1p", "x", "R17", "logarithm of 1 + x", ("1/(1 + x)",), ball="log1p", sympy="log1p",
       domain="x > -1",
       intuition="the slope is that of log, taken at 1 more than {x}: the adjoint times {partial}",
       elementary="log(1 + x)"),
    Op("expm1", "x", "R18", "exponential minus 1", ("exp(x)",), ball="expm1", sympy="expm1",
       intuition="the 1 that is taken off does not move: the slope is that of exp, {partial}",
       elementary="exp(x) - 1"),
    Op("sqrt", "x", "R19", "square root", ("1/(2*sqrt(x))",), ball="sqrt", sympy="sqrt",
       latex=r"\sqrt{{{0}}}", domain="x >= 0", smooth="x > 0",
       intuition=_ROOT),
    Op("cbrt", "x", "R20", "cube root", ("1/(3*cbrt(x)^2)",), ball="cbrt", sympy="cbrt",
       latex=r"\sqrt[3]{{{0}}}", smooth="x != 0", parity="odd",
       intuition=_ROOT),
    Op("root", "x n", "R21", "nth root", ("1/(n*root(x, n)^(n - 1))", None),
       reason="the index of a root is a constant", aliases="nthroot", ball="root", sympy="root",
       latex=r"\sqrt[{1}]{{{0}}}", domain="x >= 0 or mod(n, 2) == 1",
       smooth="x > 0 or mod(n, 2) == 1 and x != 0"),
]  # fmt: skip

_TRIGONOMETRIC = [
    Op("sin", "x", "R22", "sine", ("cos(x)",), ball="sin", sympy="sin", latex=r"\sin({0})", parity="odd",
       intuition="the slope of sin is cos, at the same {x}: none at the peaks, most at the zeros"),
    Op("cos", "x", "R23", "cosine", ("-sin(x)",), ball="cos", sympy="cos", latex=r"\cos({0})", parity="even",
       intuition="the slope of cos is minus sin, at the same {x}: none at the peaks, most at the zeros"),
    Op("tan", "x", "R24", "tangent", ("sec(x)^2",), ball="tan", sympy="tan", latex=r"\tan({0})",
       aliases="tg", domain="cos(x) != 0", parity="odd",
       intuition="tan rises everywhere, without bound near its poles: the adjoint times {partial}",
       elementary="sin(x)/cos(x)"),
    Op("cot", "x", "R25", "cotangent", ("-csc(x)^2",), ball="cot", array="= 1/tan(x)", sympy="cot", latex=r"\cot({0})",
       aliases="cotan ctg", domain="sin(x) != 0", parity="odd",
       intuition="cot falls everywhere, without bound near its poles: the adjoint times {partial}",
       elementary="cos(x)/sin(x)"),
    Op("sec", "x", "R26", "secant", ("sec(x)*tan(x)",), ball="sec", array="= 1/cos(x)", sympy="sec", latex=r"\sec({0})",
       domain="cos(x) != 0", parity="even",
       elementary="1/cos(x)"),
    Op("csc", "x", "R27", "cosecant", ("-csc(x)*cot(x)",), ball="csc",
       array="= 1/sin(x)", sympy="csc", latex=r"\csc({0})",
       aliases="cosec", domain="sin(x) != 0", parity="odd",
       elementary="1/sin(x)"),
    Op("asin", "x", "R28", "arcsine", ("1/sqrt(1 - x^2)",), ball="asin", sympy="asin",
       aliases="arcsin", latex=r"\arcsin({0})", domain="abs(x) <= 1", smooth="abs(x) < 1", parity="odd",
       intuition=_ENDS),
    Op("acos", "x", "R29", "arccosine", ("-1/sqrt(1 - x^2)",), ball="acos", sympy="acos",
       aliases="arccos", latex=r"\arccos({0})", domain="abs(x) <= 1", smooth="abs(x) < 1",
       intuition="acos falls everywhere, steeply near the ends of its domain: the adjoint times {partial}"),
    Op("atan", "x", "R30", "arctangent", ("1/(1 + x^2)",), ball="atan", sympy="atan",
       aliases="arctan arctg", latex=r"\arctan({0})", parity="odd",
       intuition="at most the whole adjoint passes, nearly nothing far from 0, where atan is flat: times {partial}"),
    Op("acot", "x", "R31", "arccotangent", ("-1/(1 + x^2)",), ball="= atan(1/x)",
       array="= atan(1/x) + 0/x", sympy="acot", latex=r"\operatorname{{arccot}}({0})",
       aliases="arccot", domain="x != 0", parity="odd",
       elementary="atan(1/x)"),
    Op("asec", "x", "R32", "arcsecant", ("1/(abs(x)*sqrt(x^2 - 1))",), ball="= acos(1/x)",
       array="= atan2(sqrt((abs(x) - 1)*(abs(x) + 1)), sign(x))",
       sympy="asec", latex=r"\operatorname{{arcsec}}({0})", aliases="arcsec", domain="abs(x) >= 1", smooth="abs(x) > 1",
       elementary="acos(1/x)"),
    Op("acsc", "x", "R33", "arccosecant", ("-1/(abs(x)*sqrt(x^2 - 1))",), ball="= asin(1/x)",
       array="= atan2(sign(x), sqrt((abs(x) - 1)*(abs(x) + 1)))",
       sympy="acsc",
       latex=r"\operatorname{{arccsc}}({0})",
       aliases="arccsc arccosec", domain="abs(x) >= 1", smooth="abs(x) > 1", parity="odd",
       elementary="asin(1/x)"),
    Op("atan2", "y x", "R34", "angle of a point", ("x/(x^2 + y^2)", "-y/(x^2 + y^2)"),
       aliases="arctan2", ball="atan2", sympy="atan2", domain="x != 0 or y != 0", smooth="x > 0 or y != 0",
       intuition="the angle turns fast near the origin and slowly far from it: the adjoint times {partial}"),
    Op("sinc", "x", "R35", "sinc", ("(x*cos(x) - sin(x))/x^2",), ball="sinc", sympy="sinc",
       exceptions=(Singularity("x", ("0",), kink=False),), parity="even"),
]  # fmt: skip

_HYPERBOLIC = [
    Op("sinh", "x", "R36", "hyperbolic sine", ("cosh(x)",), ball="sinh", sympy="sinh",
       latex=r"\sinh({0})", parity="odd",
       intuition="the slope of sinh is cosh, at the same {x}: at least 1, and it grows like exp",
       elementary="(exp(x) - exp(-x))/2"),
    Op("cosh", "x", "R37", "hyperbolic cosine", ("sinh(x)",), ball="cosh", sympy="cosh",
       latex=r"\cosh({0})", parity="even",
       intuition="the slope of cosh is sinh, at the same {x}: none at the lowest point, where {x} is 0",
       elementary="(exp(x) + exp(-x))/2"),
    Op("tanh", "x", "R38", "hyperbolic tangent", ("1 - tanh(x)^2",), ball="tanh", sympy="tanh",
       latex=r"\tanh({0})", parity="odd",
       intuition="the whole adjoint passes at 0, nearly nothing where tanh is saturated: times {partial}",
       elementary="(exp(x) - exp(-x))/(exp(x) + exp(-x))"),
    Op("coth", "x", "R39", "hyperbolic cotangent", ("-csch(x)^2",), ball="coth", array="= 1/tanh(x)", sympy="coth",
       latex=r"\coth({0})", domain="x != 0", parity="odd",
       elementary="(exp(x) + exp(-x))/(exp(x) - exp(-x))"),
    Op("sech", "x", "R40", "hyperbolic secant", ("-sech(x)*tanh(x)",), ball="sech", array="= 1/cosh(x)", sympy="sech",
       parity="even",
       elementary="2/(exp(x) + exp(-x))"),
    Op("csch", "x", "R41", "hyperbolic cosecant", ("-csch(x)*coth(x)",), ball="csch", array="= 1/sinh(x)", sympy="csch",
       aliases="cosech", domain="x != 0", parity="odd",
       elementary="2/(exp(x) - exp(-x))"),
    Op("asinh", "x", "R42", "inverse hyperbolic sine", ("1/sqrt(x^2 + 1)",), ball="asinh",
       sympy="asinh", latex=r"\operatorname{{arsinh}}({0})", aliases="arcsinh arsinh", parity="odd",
       elementary="log(x + sqrt(x^2 + 1))"),
    Op("acosh", "x", "R43", "inverse hyperbolic cosine", ("1/sqrt(x^2 - 1)",), ball="acosh",
       sympy="acosh", latex=r"\operatorname{{arcosh}}({0})", aliases="arccosh arcosh", domain="x >= 1", smooth="x > 1",
       intuition="steep at the lower end of its domain, flat far from it: the adjoint times {partial}",
       elementary="log(x + sqrt(x^2 - 1))"),
    Op("atanh", "x", "R44", "inverse hyperbolic tangent", ("1/(1 - x^2)",), ball="atanh",
       sympy="atanh",
       latex=r"\operatorname{{artanh}}({0})", aliases="arctanh artanh", domain="abs(x) < 1", parity="odd",
       intuition=_ENDS,
       elementary="log((1 + x)/(1 - x))/2"),
    Op("acoth", "x", "R45", "inverse hyperbolic cotangent", ("1/(1 - x^2)",), ball="= atanh(1/x)",
       array="= sign(x)*log1p(2/(abs(x) - 1))/2",
       sympy="acoth",
       latex=r"\operatorname{{arcoth}}({0})", aliases="arccoth arcoth", domain="abs(x) > 1", parity="odd",
       elementary="log((x + 1)/(x - 1))/2"),
    Op("asech", "x", "R46", "inverse hyperbolic secant", ("-1/(x*sqrt(1 - x^2))",),
       ball="= acosh(1/x)",
       array="= asinh(sqrt((1 - x)*(1 + x)/x)/sqrt(x))",
       sympy="asech", latex=r"\operatorname{{arsech}}({0})", aliases="arcsech arsech", domain="x > 0 and x <= 1",
       smooth="x > 0 and x < 1",
       elementary="log((1 + sqrt(1 - x^2))/x)"),
    Op("acsch", "x", "R47", "inverse hyperbolic cosecant", ("-1/(abs(x)*sqrt(1 + x^2))",),
       ball="= asinh(1/x)", sympy="acsch",
       latex=r"\operatorname{{arcsch}}({0})", aliases="arccsch arcsch", domain="x != 0", parity="odd",
       elementary="log(1/x + sqrt(1/x^2 + 1))"),
]  # fmt: skip

_KINKED = [
    Op("abs", "x", "R48", "absolute value", ("sign(x)",), ball="abs", sympy="Abs",
       latex=r"\lvert {0} \rvert", smooth="x != 0", exceptions=_KINK_AT_0, parity="even",
       intuition="the adjoint passes unchanged if {x} is above 0, with its sign flipped if it is below"),
    Op("sign", "x", "R49", "sign", _NEVER, ball="sgn", sympy="sign",
       latex=r"\operatorname{{sgn}}({0})", aliases="sgn signum",
       smooth="x != 0", exceptions=_KINK_AT_0, parity="odd",
       intuition=_JUMP),
    Op("floor", "x", "R50", "floor", _NEVER, ball="floor", sympy="floor",
       latex=r"\lfloor {0} \rfloor", smooth="sin(pi*x) != 0",
       exceptions=(Singularity("x - floor(x)", ("0",)),),
       intuition=_STAIRS),
    Op("ceil", "x", "R51", "ceiling", _NEVER, ball="ceil", sympy="ceiling", aliases="ceiling",
       latex=r"\lceil {0} \rceil", smooth="sin(pi*x) != 0",
       exceptions=(Singularity("x - ceil(x)", ("0",)),),
       intuition=_STAIRS),
    Op("mod", "x n", "R52", "remainder", ("1", "-floor(x/n)"), ball="= x - n*floor(x/n)", array="mod", sympy="Mod",
       latex=r"({0:40} \bmod {1:41})", domain="n != 0", smooth="n != 0 and sin(pi*x/n) != 0",
       exceptions=(Singularity("x - n*floor(x/n)", ("1", "0")),),
       intuition={0: "between its jumps the remainder follows {x} one for one: the adjoint passes unchanged",
                  1: "every whole {n} that is taken off counts: {n} gets the adjoint times {partial}"},
       elementary="x - n*floor(x/n)"),
    Op("step", "x", "R53", "unit step", _NEVER, ball="step", sympy="Heaviside",
       aliases="heaviside unitstep", smooth="x != 0", exceptions=_KINK_AT_0,
       intuition=_JUMP),
    Op("relu", "x", "R54", "rectifier", ("step(x)",), ball="= max(x, 0)", sympy="relu",
       smooth="x != 0", exceptions=_KINK_AT_0,
       intuition="a gate: the adjoint passes unchanged if {x} is above 0, and not at all if it is below",
       elementary="max(x, 0)"),
    Op("max", "x y", "R55", "maximum", ("step(x - y)", "step(y - x)"), ball="max", sympy="Max",
       latex=r"\max({0}, {1})", aliases="maximum", smooth="x != y",
       exceptions=(Singularity("x - y", ("1/2", "1/2")),),
       intuition="the larger one gets the whole adjoint, the other nothing: {this} if it is above {other}"),
    Op("min", "x y", "R56", "minimum", ("step(y - x)", "step(x - y)"), ball="min", sympy="Min",
       latex=r"\min({0}, {1})", aliases="minimum", smooth="x != y",
       exceptions=(Singularity("x - y", ("1/2", "1/2")),),
       intuition="the smaller one gets the whole adjoint, the other nothing: {this} if it is below {other}"),
    Op("hypot", "x y", "R57", "hypotenuse", ("x/hypot(x, y)", "y/hypot(x, y)"),
       ball="= sqrt(x^2 + y^2)", array="hypot", sympy="hypot", smooth="x != 0 or y != 0",
       exceptions=(Singularity("hypot(x, y)", ("0", "0")),),
       intuition="a side counts by its share of the length, at most 1: {this} gets the adjoint times {partial}",
       elementary="sqrt(x^2 + y^2)"),
]  # fmt: skip

_NETWORKS = [
    Op("sigmoid", "x", "R58", "logistic sigmoid", ("sigmoid(x)*(1 - sigmoid(x))",),
       ball="sigmoid",
       array="= 1/(1 + exp(-x))", sympy="sigmoid", aliases="logistic expit", latex=r"\sigma({0})",
       intuition="at most a quarter of the adjoint passes, nearly nothing where sigmoid is saturated: times {partial}",
       elementary="1/(1 + exp(-x))"),
    Op("softplus", "x", "R59", "softplus", ("sigmoid(x)",), ball="softplus",
       array="= max(x, 0) + log1p(exp(-abs(x)))", sympy="softplus",
       intuition="a soft gate: nearly nothing passes far below 0, nearly all far above: times {partial}",
       elementary="log(1 + exp(x))"),
]  # fmt: skip

_SPECIAL = [
    Op("erf", "x", "R60", "error function", ("2*exp(-x^2)/sqrt(pi)",), ball="erf", sympy="erf", parity="odd",
       intuition="the slope is a bell: most at 0, nearly nothing where erf is saturated: times {partial}"),
    Op("erfc", "x", "R61", "complementary error function", ("-2*exp(-x^2)/sqrt(pi)",), ball="erfc", sympy="erfc",
       intuition="the slope is a bell upside down: nearly nothing where erfc is saturated: times {partial}"),
    Op("erfi", "x", "R62", "imaginary error function", ("2*exp(x^2)/sqrt(pi)",), ball="erfi", sympy="erfi",
       parity="odd",
       intuition=_INTEGRAL),
    Op("erfinv", "x", "R63", "inverse error function", ("sqrt(pi)*exp(erfinv(x)^2)/2",), ball="erfinv",
       sympy="erfinv", latex=r"\operatorname{{erf}}^{{-1}}({0})", domain="abs(x) < 1", parity="odd"),
    Op("gamma", "x", "R64", "gamma function", ("gamma(x)*digamma(x)",), ball="gamma", sympy="gamma",
       latex=r"\Gamma({0})", domain="x > 0 or sin(pi*x) != 0"),
    Op("lgamma", "x", "R65", "logarithm of the gamma function", ("digamma(x)",), ball="lgamma",
       sympy="loggamma", aliases="loggamma gammaln", domain="x > 0"),
    Op("digamma", "x", "R66", "digamma function", ("polygamma(1, x)",), ball="digamma", sympy="digamma",
       latex=r"\psi({0})",
       aliases="psi", domain="x > 0 or sin(pi*x) != 0"),
    Op("polygamma", "n x", "R67", "polygamma function", (None, "polygamma(n + 1, x)"),
       reason="the order of a polygamma function is a constant", ball="polygamma", sympy="polygamma",
       latex=r"\psi^{{({0})}}({1})",
       domain="x > 0"),
    Op("factorial", "x", "R68", "factorial", ("gamma(x + 1)*digamma(x + 1)",), ball="= gamma(x + 1)",
       sympy="factorial", symbol="!", precedence=POSTFIX, aliases="fact", latex="{0:61}!",
       domain="x > -1 or sin(pi*x) != 0",
       elementary="gamma(x + 1)"),
    Op("binomial", "n k", "R69", "binomial coefficient",
       ("binomial(n, k)*(digamma(n + 1) - digamma(n - k + 1))",
        "binomial(n, k)*(digamma(n - k + 1) - digamma(k + 1))"),
       ball="= gamma(n + 1)/(gamma(k + 1)*gamma(n - k + 1))",
       array="point by point", sympy="binomial", aliases="choose binom",
       latex=r"\binom{{{0}}}{{{1}}}", domain="n > -1 and k > -1 and n - k > -1"),
    Op("beta", "x y", "R70", "beta function",
       ("beta(x, y)*(digamma(x) - digamma(x + y))", "beta(x, y)*(digamma(y) - digamma(x + y))"),
       ball="= gamma(x)*gamma(y)/gamma(x + y)", array="point by point", sympy="beta",
       latex=r"\mathrm{{B}}({0}, {1})", domain="x > 0 and y > 0"),
    Op("lowergamma", "s x", "R71", "lower incomplete gamma function", (None, "x^(s - 1)*exp(-x)"),
       reason="its derivative by the order is not a function of this table", ball="lowergamma",
       sympy="lowergamma", latex=r"\gamma({0}, {1})", domain="x > 0 and s > 0",
       intuition={1: _INTEGRAL}),
    Op("uppergamma", "s x", "R72", "upper incomplete gamma function", (None, "-x^(s - 1)*exp(-x)"),
       reason="its derivative by the order is not a function of this table", ball="uppergamma",
       sympy="uppergamma", latex=r"\Gamma({0}, {1})", domain="x > 0",
       intuition={1: "the integral begins at {x}, so it loses its integrand there: the adjoint times {partial}"}),
    Op("lambertw", "x", "R73", "Lambert W function", ("1/(x + exp(lambertw(x)))",), ball="lambertw",
       sympy="LambertW", latex=r"\operatorname{{W}}({0})", aliases="LambertW", domain="x >= -1/e", smooth="x > -1/e"),
    Op("besselj", "n x", "R74", "Bessel function J", (None, "(besselj(n - 1, x) - besselj(n + 1, x))/2"),
       reason="the order of a Bessel function is a constant", ball="besselj", sympy="besselj",
       latex=r"\operatorname{{J}}_{{{0}}}({1})", domain="x > 0"),
    Op("bessely", "n x", "R75", "Bessel function Y", (None, "(bessely(n - 1, x) - bessely(n + 1, x))/2"),
       reason="the order of a Bessel function is a constant", ball="bessely", sympy="bessely",
       latex=r"\operatorname{{Y}}_{{{0}}}({1})", domain="x > 0"),
    Op("besseli", "n x", "R76", "modified Bessel function I", (None, "(besseli(n - 1, x) + besseli(n + 1, x))/2"),
       reason="the order of a Bessel function is a constant", ball="besseli", sympy="besseli",
       latex=r"\operatorname{{I}}_{{{0}}}({1})", domain="x > 0"),
    Op("besselk", "n x", "R77", "modified Bessel function K", (None, "-(besselk(n - 1, x) + besselk(n + 1, x))/2"),
       reason="the order of a Bessel function is a constant", ball="besselk", sympy="besselk",
       latex=r"\operatorname{{K}}_{{{0}}}({1})", domain="x > 0"),
    Op("airyai", "x", "R78", "Airy function Ai", ("airyaiprime(x)",), ball="airy_ai", sympy="airyai",
       latex=r"\operatorname{{Ai}}({0})"),
    Op("airybi", "x", "R79", "Airy function Bi", ("airybiprime(x)",), ball="airy_bi", sympy="airybi",
       latex=r"\operatorname{{Bi}}({0})"),
    Op("airyaiprime", "x", "R80", "derivative of Ai", ("x*airyai(x)",), ball="airyaiprime", sympy="airyaiprime",
       latex=r"\operatorname{{Ai}}'({0})"),
    Op("airybiprime", "x", "R81", "derivative of Bi", ("x*airybi(x)",), ball="airybiprime", sympy="airybiprime",
       latex=r"\operatorname{{Bi}}'({0})"),
    Op("Ei", "x", "R82", "exponential integral Ei", ("exp(x)/x",), ball="ei", sympy="Ei", aliases="ei",
       domain="x != 0",
       intuition=_INTEGRAL),
    Op("li", "x", "R83", "logarithmic integral", ("1/log(x)",), ball="li", sympy="li",
       domain="x > 0 and x != 1",
       intuition=_INTEGRAL),
    Op("Si", "x", "R84", "sine integral", ("sinc(x)",), ball="si", sympy="Si", parity="odd",
       intuition=_INTEGRAL),
    Op("Ci", "x", "R85", "cosine integral", ("cos(x)/x",), ball="ci", sympy="Ci", domain="x > 0",
       intuition=_INTEGRAL),
    Op("Shi", "x", "R86", "hyperbolic sine integral", ("sinh(x)/x",), ball="shi", sympy="Shi",
       exceptions=(Singularity("x", ("1",), kink=False),), parity="odd",
       intuition=_INTEGRAL),
    Op("Chi", "x", "R87", "hyperbolic cosine integral", ("cosh(x)/x",), ball="chi", sympy="Chi",
       domain="x > 0",
       intuition=_INTEGRAL),
    Op("expint", "n x", "R88", "exponential integral E", (None, "-expint(n - 1, x)"),
       reason="the order of an exponential integral is a constant", ball="expint", sympy="expint",
       latex=r"\operatorname{{E}}_{{{0}}}({1})",
       domain="x > 0"),
    Op("zeta", "s", "R89", "zeta function", (None,),
       reason="the derivative of the zeta function is not a function of this table", ball="zeta",
       sympy="zeta", latex=r"\zeta({0})", domain="s > 1"),
    Op("hurwitz", "s a", "R90", "Hurwitz zeta function", (None, "-s*zeta(s + 1, a)"), call="zeta",
       reason="its derivative by the order is not a function of this table", ball="hurwitz",
       sympy="zeta", latex=r"\zeta({0}, {1})", domain="s > 1 and a > 0"),
    Op("polylog", "s x", "R91", "polylogarithm", (None, "polylog(s - 1, x)/x"),
       reason="the order of a polylogarithm is a constant", ball="polylog", sympy="polylog",
       latex=r"\operatorname{{Li}}_{{{0}}}({1})",
       domain="x < 1", smooth="x < 1 and x != 0", exceptions=(Singularity("x", ("0", "1"), kink=False),)),
    Op("fresnels", "x", "R92", "Fresnel integral S", ("sin(pi*x^2/2)",), ball="fresnel_s", sympy="fresnels",
       latex=r"\operatorname{{S}}({0})",
       parity="odd",
       intuition=_INTEGRAL),
    Op("fresnelc", "x", "R93", "Fresnel integral C", ("cos(pi*x^2/2)",), ball="fresnel_c", sympy="fresnelc",
       latex=r"\operatorname{{C}}({0})",
       parity="odd",
       intuition=_INTEGRAL),
    Op("elliptic_k", "m", "R94", "complete elliptic integral K",
       ("(elliptic_e(m) - (1 - m)*elliptic_k(m))/(2*m*(1 - m))",), ball="elliptic_k", sympy="elliptic_k",
       latex=r"\operatorname{{K}}({0})",
       domain="m < 1", smooth="m < 1 and m != 0", aliases="EllipticK"),
    Op("elliptic_e", "m", "R95", "complete elliptic integral E",
       ("(elliptic_e(m) - elliptic_k(m))/(2*m)",), ball="elliptic_e", sympy="elliptic_e",
       latex=r"\operatorname{{E}}({0})",
       domain="m < 1", smooth="m < 1 and m != 0", aliases="EllipticE"),
    Op("elliptic_f", "z m", "R96", "elliptic integral F",
       ("1/sqrt(1 - m*sin(z)^2)",
        "elliptic_e(z, m)/(2*m*(1 - m)) - elliptic_f(z, m)/(2*m)"
        " - sin(2*z)/(4*(1 - m)*sqrt(1 - m*sin(z)^2))"),
       ball="elliptic_f", sympy="elliptic_f", latex=r"\operatorname{{F}}({0} \mid {1})", aliases="EllipticF",
       domain="m < 1 and abs(z) < pi/2", smooth="m < 1 and m != 0 and abs(z) < pi/2"),
    Op("elliptic_e_inc", "z m", "R97", "elliptic integral E",
       ("sqrt(1 - m*sin(z)^2)", "(elliptic_e(z, m) - elliptic_f(z, m))/(2*m)"), call="elliptic_e",
       ball="elliptic_e_inc", sympy="elliptic_e", latex=r"\operatorname{{E}}({0} \mid {1})",
       domain="m < 1 and abs(z) < pi/2", smooth="m < 1 and m != 0 and abs(z) < pi/2"),
    Op("elliptic_pi", "n m", "R98", "complete elliptic integral Pi",
       ("(elliptic_e(m) + (m - n)*elliptic_k(m)/n + (n^2 - m)*elliptic_pi(n, m)/n)/(2*(m - n)*(n - 1))",
        "(elliptic_e(m)/(m - 1) + elliptic_pi(n, m))/(2*(n - m))"),
       ball="elliptic_pi", sympy="elliptic_pi", latex=r"\Pi({0} \mid {1})", aliases="EllipticPi",
       domain="m < 1 and n < 1", smooth="m < 1 and n < 1 and n != 0 and n != m"),
    Op("elliptic_pi_inc", "n z m", "R99", "elliptic integral Pi",
       ("(elliptic_e(z, m) + (m - n)*elliptic_f(z, m)/n + (n^2 - m)*elliptic_pi(n, z, m)/n"
        " - n*sqrt(1 - m*sin(z)^2)*sin(2*z)/(2*(1 - n*sin(z)^2)))/(2*(m - n)*(n - 1))",
        "1/(sqrt(1 - m*sin(z)^2)*(1 - n*sin(z)^2))",
        "(elliptic_e(z, m)/(m - 1) + elliptic_pi(n, z, m)"
        " - m*sin(2*z)/(2*(m - 1)*sqrt(1 - m*sin(z)^2)))/(2*(n - m))"),
       call="elliptic_pi", ball="elliptic_pi_inc", sympy="elliptic_pi", latex=r"\Pi({0}; {1} \mid {2})",
       domain="m < 1 and n < 1 and abs(z) < pi/2",
       smooth="m < 1 and n < 1 and n != 0 and n != m and abs(z) < pi/2"),
]  # fmt: skip

# Conditions have no derivative; `where` chooses between two values by one of them.
_CONDITIONS = [
    Op("where", "c x y", "R100", "case by case",
       (None, "1 if c else 0", "0 if c else 1"),
       reason="a condition has no derivative", precedence=CONDITIONAL,
       ball="where", sympy="where",
       latex=r"\begin{{cases}} {1} & \text{{if }} {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
       intuition={0: _CONDITION,
                  1: "the branch that is taken gets the whole adjoint: {x} if the condition holds",
                  2: "the branch that is taken gets the whole adjoint: {y} if the condition fails"}),
    *(Op(name, "x y", "R101", "comparison", (None, None), reason="a condition has no derivative",
         symbol=symbol, precedence=COMPARISON, ball=name, sympy=sympy, latex=f"{{0:26}} {latex} {{1:26}}",
         intuition=_CONDITION)
      for name, symbol, sympy, latex in (
          ("lt", "<", "StrictLessThan", "<"), ("le", "<=", "LessThan", r"\le"),
          ("gt", ">", "StrictGreaterThan", ">"), ("ge", ">=", "GreaterThan", r"\ge"),
          ("eq", "==", "Equality", "="), ("ne", "!=", "Unequality", r"\ne"))),
    Op("and", "x y", "R102", "both conditions", (None, None), reason="a condition has no derivative",
       symbol="and", precedence=AND, ball="and", sympy="And", latex=r"{0:15} \land {1:16}",
       intuition=_CONDITION),
    Op("or", "x y", "R103", "either condition", (None, None), reason="a condition has no derivative",
       symbol="or", precedence=OR, ball="or", sympy="Or", latex=r"{0:10} \lor {1:11}",
       intuition=_CONDITION),
    Op("not", "x", "R104", "negated condition", (None,), reason="a condition has no derivative",
       symbol="not", precedence=NOT, ball="not", sympy="Not", latex=r"\lnot {0:20}",
       intuition=_CONDITION),
]  # fmt: skip

_CONSTANTS = [
    Op("e", "", "R01", "constant", (), ball="const_e", sympy="E", latex="e", intuition=_CONSTANT),
    Op("pi", "", "R01", "constant", (), ball="pi", sympy="pi", latex=r"\pi", aliases="π", intuition=_CONSTANT),
]

GROUPS: dict[str, list[Op]] = {
    "Arithmetic": _ARITHMETIC,
    "Exponentials, logarithms and roots": _ELEMENTARY,
    "Trigonometric functions": _TRIGONOMETRIC,
    "Hyperbolic functions": _HYPERBOLIC,
    "Functions with kinks and jumps": _KINKED,
    "Neural networks": _NETWORKS,
    "Special functions": _SPECIAL,
    "Conditions": _CONDITIONS,
    "Constants": _CONSTANTS,
}

OPS: dict[str, Op] = {op.name: op for group in GROUPS.values() for op in group}
CONSTANTS = frozenset(op.name for op in _CONSTANTS)
CONDITIONS = frozenset(op.name for op in _CONDITIONS if op.name != "where")

# What can be called by name, and with how many operands: (name, arity) -> row.
FUNCTIONS: dict[str, dict[int, Op]] = {}
for _op in OPS.values():
    if _op.name not in CONSTANTS and _op.name not in CONDITIONS and _op.name != "where":
        for _name in (_op.call, *_op.aliases):
            FUNCTIONS.setdefault(_name, {})[_op.arity] = _op
for _name in ("add", "sub", "neg", "mul"):
    del FUNCTIONS[_name]


def lookup(name: str) -> Op:
    """The row of an operation by the name that nodes carry, also for functions declared by a user."""
    op = OPS.get(name)
    return op if op is not None else _declared(name)


def unknown_function(function: str, arity: int, derivatives: tuple[int, ...] = ()) -> str:
    """The name that a node of a declared function carries; `derivatives` are operand positions.

    >>> lookup(unknown_function("f", 1)).partials
    ("f'(x)",)
    """
    return "call " + " ".join((function, str(arity), *map(str, sorted(derivatives))))


@lru_cache(maxsize=4096)
def _declared(name: str) -> Op:
    """The row of a declared function: its partial by an operand is one more derivative of it.

    f''(x) is printed for one operand, f'[1,2](x, y) for several (differentiated by the first and
    the second operand).
    """
    _, function, arity_text, *orders = name.split(" ")
    arity, derivatives = int(arity_text), tuple(map(int, orders))
    operands = ("x",) if arity == 1 else tuple(f"x{i + 1}" for i in range(arity))

    def called(by: tuple[int, ...]) -> str:
        if arity == 1:
            return function + "'" * len(by)
        return function + (f"'[{','.join(str(i + 1) for i in sorted(by))}]" if by else "")

    arguments = ", ".join(operands)
    return Op(
        name, " ".join(operands), "R105", "declared function",
        tuple(f"{called((*derivatives, i))}({arguments})" for i in range(arity)),
        call=called(derivatives), ball="declared", sympy="declared",
    )  # fmt: skip
