# Several definitions on one line: names stay names.
a = x + 2; b = a^2; y = 3*b
r = sqrt(x^2 + y^2); theta = atan2(y, x); z = r^2*sin(2theta)
m = (a + b)/2; s = (a - m)^2 + (b - m)^2; out = sqrt(s/2)

# Functions of one's own.
f(u) = u^2 + 1; y = f(sin x)
sigma(u) = 1/(1 + e^-u); h = sigma(w1 x + b1); y = sigma(w2 h + b2)
g(u, v) = u*v + u; y = g(x, g(x, 2))

# Values first, then what is computed: the numbers come with it.
a = 2; b = -3; c = 10; d = a*b + c; L = -2d

# Relations: dy/dx, from one pass over the difference of the sides.
x^2 + y^2 = 25
x^3 + y^3 = 6x y
e^(x y) = x + y
sin(x + y) = y^2 cos x
y = x y + 1

# Several outputs.
[r cos(t), r sin(t)]
p = x y; q = x + y; J = [p q, p/q]
