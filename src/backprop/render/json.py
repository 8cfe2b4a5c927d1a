"""A derivation as the JSON object of `backprop diff --format json`; expressions are text in Python's syntax."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..derivation import Derivation, Link, Step
from ..expr import LEAVES, PYTHON, to_text
from ..parser import Definition
from ..passes import Entry
from ..program import parameter_names

DENSE = 200  # of more variables than this, entries of a matrix that are 0 are left out


def derivation_object(derivation: Derivation, source: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What is known of a derivation, ready for JSON; `source` says where the equation is from."""
    return _Writer(derivation).whole(source)


class _Writer:
    """Writes one derivation.

    own     the nodes that the program names
    names   these and, where expressions would be huge written out (`made`), more
    """

    def __init__(self, derivation: Derivation) -> None:
        self.derivation, self.graph = derivation, derivation.graph
        self.own = derivation.given_names()
        form = derivation.form
        shown = [*derivation.derived.values(), *(entry.position for entry in derivation.entries)]
        shown += [step.adjoint for step in derivation.nodes if step.adjoint is not None]
        roots = [step.position for step in derivation.nodes]
        self.names = derivation.definitions([*roots, *map(form, shown), *self.own])
        self.made = len(self.names) > len(self.own)
        self.explain: Callable[[Derivation, Link], str] | None = None
        if derivation.explained:
            from ..intuition import edge_sentence

            self.explain = edge_sentence

    def text(self, position: int) -> str:
        """A node by its name, or written out."""
        return self.names[position] if position in self.names else self.written(position)

    def written(self, position: int) -> str:
        """A node written out, in the names of its parts."""
        return to_text(self.graph, position, PYTHON, self.names)

    def readable(self, position: int) -> str:
        """The readable form of a node."""
        return self.text(self.derivation.form(position))

    def whole(self, source: Mapping[str, Any] | None) -> dict[str, Any]:
        """The object."""
        d = self.derivation
        data: dict[str, Any] = {"version": 1, "source": dict(source or {}), "input": d.equation.text}
        data |= self.definitions() | self.equation()
        data |= {
            "wrt": d.wrt,
            "order": d.order,
            "gradient": {name: self.readable(i) for name, i in d.derived.items()},
            **self.results(),
            "nodes": [self.node(step) for step in d.nodes],
            "edges": [self.edge(link) for link in d.edges],
            "at": d.point_text or None,
            "value": d.number(d.value),
            "gradient_value": None,
        }
        if d.point is not None:
            data |= self.values()
        if d.tangent is not None:
            around, collected = (to_text(self.graph, i) for i in d.tangent)
            data["tangent"] = {"equation": around, "collected": collected}
        return data | self.studied() | {"notes": d.notes, "verified": d.verified.as_dict()}

    # What was read.

    def definitions(self) -> dict[str, Any]:
        """The named parts, in an order in which each uses only earlier ones; and the functions."""
        d, graph = self.derivation, self.graph
        listed = [(position, name, self.written(position)) for position, name in self.names.items()]
        for definition in d.equation.definitions:  # and names for a variable or a number
            key = graph.nodes[definition.position]
            alone = definition.position in d.outputs and len(d.outputs) == 1
            if key[0] in LEAVES and not definition.parameters and not alone:
                alias = key[0] == "num" and not definition.given
                text = str(key[1]) if alias else to_text(graph, definition.value)
                listed.append((-1 if definition.given else definition.position, definition.name, text))
        listed.sort(key=lambda row: row[0])
        functions = [f for f in d.equation.definitions if f.parameters and f.position not in d.outputs]
        data: dict[str, Any] = {}
        if listed:
            data["definitions"] = [{"name": name, "expr": text} for _, name, text in listed]
        if functions:
            data["functions"] = [
                {"name": f.name, "parameters": list(f.parameters), "expr": self.body(f)} for f in functions
            ]
        return data

    def body(self, function: Definition) -> str:
        """What a function stands for, in its parameters."""
        names = self.own | parameter_names(self.graph, function)
        alone = function.position in names and self.graph.nodes[function.position][0] == "var"
        return names[function.position] if alone else to_text(self.graph, function.position, PYTHON, names)

    def equation(self) -> dict[str, Any]:
        """The equation as read, and its output."""
        d, equation = self.derivation, self.derivation.equation
        if len(d.outputs) > 1:
            sides = [f"{name} = {self.side(name, i)}" for name, i in equation.outputs]
            return {"equation": "; ".join(sides), "output": None, "outputs": [name for name, _ in equation.outputs]}
        if equation.right is not None:
            text = f"{self.text(equation.root)} = {self.text(equation.right)}"
            implicit = {"equation": text, "dependent": d.answer.dependent}
            return {"equation": text, "output": d.output, "implicit": implicit}
        left = "" if equation.output is None else f"{equation.left_side} = "
        return {"equation": left + self.side(equation.output or "", d.root), "output": d.output}

    def side(self, name: str, root: int) -> str:
        """The right side of an output, written out; a number not as the name that it has."""
        values = [definition.value for definition in self.derivation.equation.definitions if definition.name == name]
        if values and self.graph.nodes[root][0] == "num":
            return to_text(self.graph, values[0])
        return self.text(root) if len(self.derivation.outputs) == 1 else self.written(root)

    # The trace.

    def node(self, step: Step) -> dict[str, Any]:
        """A row of the trace."""
        d = self.derivation
        data: dict[str, Any] = {
            "name": step.name, "op": step.op, "rule": step.code, "operands": step.operands, "shape": [],
            "primal": self.written(step.position) if step.position in self.own else self.text(step.position),
            "adjoint": "0" if step.adjoint is None else self.readable(step.adjoint),
            "value": d.number(step.value), "adjoint_value": d.number(step.adjoint_value),
        }  # fmt: skip
        if step.call:
            data["call"] = step.call
        return data | self.part(step.part)

    def edge(self, link: Link) -> dict[str, Any]:
        """What flows along an edge."""
        d, partial = self.derivation, link.edge.partial
        data: dict[str, Any] = {
            "from": link.source, "to": link.target, "rule": link.code,
            "partial": self.text(partial) if self.made else d.text(partial, names=d.names_in(link.part)),
            "sends": self.sends(link),
            "partial_value": d.number(link.partial_value), "sends_value": d.number(link.sends_value),
        }  # fmt: skip
        if self.explain is not None:
            data["explanation"] = self.explain(d, link)
        return data | self.part(link.part)

    def part(self, part: int) -> dict[str, int]:
        """The number of a pass, if there are several."""
        return {"pass": part} if len(self.derivation.passes) > 1 else {}

    def sends(self, link: Link) -> str:
        """The user's adjoint times the partial, as the pass multiplies them."""
        d, graph, partial = self.derivation, self.graph, link.edge.partial
        adjoint = d.passes[link.part].adjoints[link.edge.user]
        cuts = self.names if self.made else d.names_in(link.part)
        one = graph.number(1)
        if adjoint == one or partial == one:
            position = partial if adjoint == one else adjoint
            return cuts.get(position) or to_text(graph, position, PYTHON, cuts)
        factors = (cuts.get(i) or to_text(graph, i, PYTHON, cuts, required=40) for i in (adjoint, partial))
        return "*".join(factors)

    # The results.

    def results(self) -> dict[str, Any]:
        """The derivatives that are no gradient, by their key."""
        d, answer, kind = self.derivation, self.derivation.answer, self.derivation.kind
        if kind in ("jacobian", "hessian"):
            return {kind: self.nested(lambda entry: self.readable(entry.position), "0")}
        if kind in ("gradient", "implicit"):
            return {}
        direction = {name: self.text(i) for name, i in answer.components.items()}
        if kind == "product":
            product = {entry.path[0]: self.readable(entry.position) for entry in d.entries}
            return {"hessian_vector": {"direction": direction, "product": product}}
        (entry,) = d.entries
        derivative = self.readable(entry.position)
        if kind == "mixed":
            return {"mixed": {"by": list(entry.by), "derivative": derivative}}
        if kind == "along":
            return {"along": {"direction": direction, "derivative": derivative}}
        return {"total": {"by": entry.by[0], "rates": dict(answer.rates), "derivative": derivative}}

    def values(self) -> dict[str, Any]:
        """Their values at the point."""
        d, kind, values = self.derivation, self.derivation.kind, self.derivation.values
        data: dict[str, Any] = {}
        if len(d.outputs) > 1:
            data["values"] = {name: d.number(v) for (name, _), v in zip(d.equation.outputs, d.output_values)}
        if kind in ("gradient", "implicit"):
            return data | {"gradient_value": {name: d.number(value) for name, value in d.gradient_value.items()}}
        data["gradient_value"] = {name: d.number(values.get(("", name))) for name in d.derived}
        if kind in ("jacobian", "hessian"):
            data[f"{kind}_value"] = self.nested(lambda entry: d.number(values.get(entry.path)), "0")
        elif kind == "product":
            data["hessian_vector_value"] = {e.path[0]: d.number(values.get(e.path)) for e in d.entries}
        else:
            data[f"{kind}_value"] = d.number(values.get(()))
        return data

    def nested(self, value: Callable[[Entry], Any], zero: Any) -> dict[str, dict[str, Any]]:
        """Objects in objects; beyond `DENSE` variables, entries that are 0 are left out."""
        d = self.derivation
        rows = [name for name, _ in d.named_outputs] if d.kind == "jacobian" else d.wrt
        dense = len(d.wrt) <= DENSE
        table: dict[str, dict[str, Any]] = {row: dict.fromkeys(d.wrt, zero) if dense else {} for row in rows}
        for entry in d.entries:
            table[entry.path[0]][entry.path[1]] = value(entry)
        return table

    def studied(self) -> dict[str, Any]:
        """What was asked for besides the derivatives."""
        d = self.derivation
        data: dict[str, Any] = {}
        if d.comparison is not None:
            data |= d.comparison.as_dict(d.all_names() if d.names else None)
        if d.tangents:
            data["tangents"] = {one.name: one.as_dict(d) for one in d.tangents}
        if d.critical is not None:
            data["critical"] = d.critical.as_dict()
        if d.alternatives is not None:
            data |= d.alternatives.as_dict(d.digits)
        if d.checks:
            checks = {of: {name: check.as_dict() for name, check in row.items()} for of, row in d.checks.items()}
            data["gradient_check"] = checks if len(d.outputs) > 1 else next(iter(checks.values()))
        return data
