"""Backpropagation on typed equations, with the work shown."""
from .expr import Node, count_operations
from .parser import parse
from .reverse import gradient
