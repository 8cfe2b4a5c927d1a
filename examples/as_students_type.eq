# Careless typing that still has one reading. Look at the line "read as", and at the notes.

# No multiplication signs.
y = 2x(x + 1)
# A space is a product.
f(x) = a x^2 + b x + c
# Letters side by side are a product when one of them is a variable of the line.
f(x, y) = 5xy³
# No brackets after a function.
y = sin x + cos 2x
# A power between the name and its argument.
y = sin^2 x + cos^2(x)
# The exponent belongs to x, not to the sine.
y = sin x^2
# The inverse function, not the reciprocal.
y = sin^-1 x
# Name and argument glued together.
y = 3sinx + lnx
# A variable glued to a function.
y = xsin(x)
# Unicode for powers, roots and signs.
y = x² − 3·x + √(x + 1)
# Bars for the absolute value.
y = |x| + |x - 1|
# Brackets of any kind.
y = [x + (1 - x)^2]{x - 1}
# Half of x, not one over 2x.
y = 1/2x
# The exponent is 2 and x is a factor: for the other reading type e^(2x).
y = e^2x
# Towers are read from the right.
y = x^x^2
# Two signs in a row.
y = --x + -x^2
# Numbers without a leading or a trailing digit.
y = .5x^2 + 1.x
# A negative exponent without brackets.
y = x^-2
# Capitals and long names of functions.
y = Sin(x) + Arctan(x)
# Greek letters are ordinary names, π is not.
A = π r² + θ r
# A factorial.
y = x!/2
