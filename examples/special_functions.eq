# Functions beyond the calculus course: each has its rule, and the usual rules carry it along.

# Error function: the derivative is a Gaussian.
erf(x)
# Normal distribution function: the derivative is the normal density.
1/2 (1 + erf((x - mu)/(sigma sqrt(2))))
# A product with the complementary error function.
e^(x^2) erfc(x)
# The imaginary error function times a Gaussian, known as Dawson's integral.
sqrt(pi)/2 e^(-x^2) erfi(x)
# Gamma function: its derivative brings the digamma function.
gamma(x + 1)
# The logarithm of gamma is kinder.
lgamma(x) - x ln(x) + x
# Digamma and its family: each derivative raises the order by one.
polygamma(1, x) + digamma(x)
# Beta function: two variables, two digamma differences.
beta(a, b)
# Lambert W, the inverse of w e^w.
lambertw(x)
# Bessel functions: the order is a number here, the argument is differentiated.
x besselj(1, x)
# The modified kind decays instead of oscillating.
besselk(0, k r)
# Airy function, from optics and quantum mechanics.
airyai(a x + b)
# Sine and cosine integrals: the derivative undoes the integral.
Si(x) - Ci(x)
# Exponential integral of a multiple.
x Ei(a x)
# Logarithmic integral, which counts primes.
li(x) - x/ln(x)
# Dilogarithm: its derivative is a logarithm.
polylog(2, x)
# Complete elliptic integrals, here the period of a large swing.
4 sqrt(L/g) elliptic_k(sin(theta/2)^2)
# Incomplete elliptic integral: by phi it is easy, by m it is not.
elliptic_f(phi, m)
# Fresnel integrals of light at an edge.
(1/2 + fresnelc(x))^2 + (1/2 + fresnels(x))^2
# Incomplete gamma function: the derivative by x is elementary.
uppergamma(3/2, x)
# Cardinal sine.
sinc(pi x)
