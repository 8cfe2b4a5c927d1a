# The rules of differentiation, one at a time. Look at the Backward part: each edge carries one rule.

# Power rule: a constant exponent never takes a logarithm.
3x^4 - 7/x
# Sum and constant multiple: the constants travel along, the lone constant vanishes.
2x^3 - 5x + pi
# Product rule: x has two users, so its adjoint is a sum of two terms.
x^2 sin(x)
# Quotient rule: one edge to the top, one to the bottom.
(x^2 + 1)/(x^3 - 2)
# Chain rule: what arrives is multiplied by the local derivative and sent on.
sin(x^2 + 3x)
# Three layers: three edges, three factors.
exp(sin(5x + 2))
# A square of a sine is not the sine of a square.
sin(x)^2 + sin(x^2)
# Roots: sqrt is an operation of its own.
sqrt(x + sqrt(x))
# Odd roots exist for negative x too.
cbrt(x^2 - 1)
# An exponential with another base brings ln of the base.
5^x + x^5
# Variable base and variable exponent: both edges of the power are used.
x^x
# The logarithm of a product: compare with 1/x + cot x.
ln(x sin(x))
# Inverse functions have algebraic derivatives.
x arctan(x) - ln(1 + x^2)/2
# Hyperbolic functions: the same pattern as sine and cosine, without the minus.
ln(cosh(x)) + tanh(x)^2
# A corner: the derivative exists everywhere but at x = 2.
|x - 2| + x^2
# A function in pieces: the condition is not differentiated, the branches are.
x^2 if x > 0 else -x^2
# Two variables, one pass: both partial derivatives come out together.
f(x, y) = x^2 y + sin(x y)
# A shared part is computed once: look for the node with two users.
(x + 1/x)^3 + ln(x + 1/x)
# Nested fractions: deep, yet every edge is a simple quotient.
1/(1 + 1/(1 + 1/x))
# Symbolic constants: name the variable, and the others stay as they are.
f(x) = a x^2 + b x + c
