# Formulas with many parameters: without a list of variables, each name gets its derivative in the same pass.

# Kinetic energy: the derivative by v is the momentum.
E = 1/2 m v^2
# Pendulum: the period grows with the root of the length.
T = 2 pi sqrt(L/g)
# Gravitation: compare the signs of the derivatives by m_1 and by r.
F = G m_1 m_2/r^2
# Damped oscillation: only t is asked for, the rest are constants.
x(t) = A e^(-b t) cos(omega t + phi)
# Range of a throw: the derivative by theta is zero at 45 degrees.
R = v^2 sin(2 theta)/g
# Ideal gas: three easy partial derivatives.
P = n R T/V
# Van der Waals gas: volume occurs twice, so its adjoint is a sum.
P = n R T/(V - n b) - a n^2/V^2
# Lens formula: a quotient of quotients.
f = 1/(1/u + 1/v)
# Relativistic energy: the same v feeds a root in a denominator.
E = m c^2/sqrt(1 - v^2/c^2)
# Two resistors: the result by R_1 is (R_2/(R_1 + R_2))^2.
R = R_1 R_2/(R_1 + R_2)
# Power in a load: zero derivative where R equals r.
P = V^2 R/(R + r)^2
# Impedance of a series circuit: omega appears under two roofs.
Z = sqrt(R^2 + (omega L - 1/(omega C))^2)
# Lennard-Jones potential: minus its derivative is the force.
V(r) = 4 epsilon*((sigma/r)^12 - (sigma/r)^6)
# Planck's law: exponentials, powers and a quotient at once.
u = 8 pi h f^3/(c^3 (exp(h f/(k T)) - 1))
# Reaction rate after Arrhenius: the derivative by T gives the activation energy.
k = A exp(-E_a/(R T))
# Diffusion front: the error function of a quotient.
C(x, t) = C_0*erfc(x/(2 sqrt(D t)))
# Uncertainty of a measured g: each derivative is the weight of one error.
g = 4 pi^2 L/T^2
