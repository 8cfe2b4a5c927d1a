# Backpropagation where it got its name: weights, biases, activations and losses written out.

# A neuron: the derivative by w is the derivative by b, times x.
sigmoid(w x + b)
# The same neuron from elementary operations: more edges, equal result.
1/(1 + exp(-(w x + b)))
# The sigmoid unit with a squared error: the factor 2 (output - target) starts every path.
(sigmoid(w x + b) - y)^2
# Logistic loss: the many factors cancel to (output - target) x.
-(y ln(sigmoid(w x + b)) + (1 - y) ln(1 - sigmoid(w x + b)))
# Rectifier: the gradient is cut where the sum is negative.
relu(w x + b)
# Leaky rectifier, as a condition.
z if z > 0 else 0.01 z
# Softplus: its derivative is the sigmoid.
softplus(w x + b)
# Swish: z has two users.
z sigmoid(z)
# Gaussian error unit in its exact form.
x (1 + erf(x/sqrt(2)))/2
# Gaussian error unit in the usual approximation.
0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
# Softmax of three scores, first component: look at the derivatives by the other two.
exp(a)/(exp(a) + exp(b) + exp(c))
# Cross entropy of the same softmax: simpler than its parts.
ln(exp(a) + exp(b) + exp(c)) - a
# One hidden layer of one unit: the chain through w2 to w1.
(w2 tanh(w1 x + b1) + b2 - y)^2
# Two hidden units: x collects what arrives on two paths.
v1 sigmoid(w1 x + b1) + v2 sigmoid(w2 x + b2) + c
# Three layers deep: count the factors on the way to w1.
sigmoid(w3 sigmoid(w2 sigmoid(w1 x)))
# Shared weight, as in a recurrent network: the adjoint of w is a sum over the steps.
tanh(w tanh(w tanh(w h + x1) + x2) + x3)
# Residual connection: the 1 in the derivative keeps the gradient alive.
x + w2 relu(w1 x + b)
# Normalisation of two values: each output depends on both.
(x1 - (x1 + x2)/2)/sqrt(((x1 - x2)/2)^2 + eps)
# Weight decay: the penalty adds 2 lambda w.
(w x - y)^2 + lambda w^2
# Hinge loss: zero gradient once the margin is reached.
max(0, 1 - y (w x + b))
