"""Value numbering: the definition of a pixel, unfolded at one place, in which equal values are one value.

Coordinates are plain integers here, so what selects by CFA site is decided and only the branch taken remains. Values
are numbered as in Cocke and Schwartz (1970): the same operation of the same operands gets the same number, so what a
definition shares is there once. Constants are folded. Nothing is counted that the result does not use.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from operator import add, eq, floordiv, ge, gt, le, lt, mod, mul, ne, sub
from typing import Any, Final

from isp.cost.notation import TYPES, Apply, Name, Number, Term

OPERATIONS: Final = ("add", "multiply", "divide", "compare", "select", "special", "convert", "bitwise")
"""Classes of operations: + - | * | / | < min max abs | select | sqrt exp log pow ... | casts floor | & ^ >>."""
X, Y = 1, 2

_INTEGER: Final[Mapping[str, Callable[[int, int], int]]] = {
    "+": add, "-": sub, "*": mul, "/": floordiv, "%": mod, "min": min, "max": max, "<": lt, "<=": le, ">": gt, ">=": ge,
    "==": eq, "!=": ne, "&&": lambda a, b: a and b, "||": lambda a, b: a or b,
}  # fmt: skip
_EITHER_WAY: Final = ("+", "*", "min", "max")
"""Operations whose operands can change places."""
_COMPARING: Final = ("<", "<=", ">", ">=", "==", "!=")
_CLASS: Final = {
    "+": "add", "-": "add", "neg": "add", "*": "multiply", "/": "divide", "%": "divide", "min": "compare",
    "max": "compare", "abs": "compare", **dict.fromkeys(_COMPARING, "compare"), "select": "select", "floor": "convert",
    "trunc": "convert", "ceil": "add", "round": "add", "shift_left": "bitwise", "shift_right": "bitwise",
    "bitwise_and": "bitwise", "bitwise_or": "bitwise", "bitwise_xor": "bitwise", "bitwise_not": "bitwise",
}  # fmt: skip
_NEUTRAL: Final[Mapping[str, float]] = {"+": 0.0, "-": 0.0, "*": 1.0, "/": 1.0}
_FOLDED: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": add, "-": sub, "*": mul, "min": min, "max": max
}  # fmt: skip
_STEADY: Final[Mapping[str, Callable[[float], float]]] = {"floor": math.floor, "ceil": math.ceil, "round": round}
_BITS: Final = "bits32"
"""The type of a number whose bits are taken as those of a float: its arithmetic is no address."""
_FREE: Final = ("&&", "||", "!", "const", "symbol", "register", "likely", "reinterpret", "return_second")


@dataclass(frozen=True, slots=True)
class At:
    """An integer that is known, the axes of the frame it moves along (`X`, `Y`, both, or 0), and in how many pixels it
    makes a whole number of steps (``x // 4``: 4)."""

    value: int
    axes: int = 0
    stride: int = field(default=1, compare=False)


Value = At | int
"""A known integer, or the number of a value."""
Span = tuple[float, float]
"""The least and the largest that a value can be; infinite where nothing says."""
_ANYTHING: Final[Span] = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Node:
    """A numbered value.

    `what` is an operation, or ``read`` (of the stored Func `name`), ``table``, ``register`` (of the array `name`),
    ``const``, ``symbol``. `axes` are those of the frame along which it changes (`X`, `Y`, both, or 0).
    """

    what: str
    type: str
    arguments: tuple[Value, ...]
    axes: int
    name: str = ""
    element: int = 0


@dataclass(frozen=True)
class Definition:
    """A Func: the names of its coordinates, and a term for each of its values.

    Parameters
    ----------
    stored : its values are read where others use it, rather than computed anew
    update : for running sums, the term that replaces the value at each point of `window`
    window : (name, first, count) of each variable of the sums
    """

    arguments: tuple[str, ...]
    terms: tuple[Term, ...]
    stored: bool = False
    update: Term | None = None
    window: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True)
class Read:
    """An access to a stored Func: where its coordinates can lie, which is one place where they are known."""

    name: str
    element: int
    place: tuple[Span, ...]

    @property
    def known(self) -> bool:
        """False where the row or column is computed from pixels or parameters."""
        return all(low == high for low, high in self.place[:2])

    @property
    def plane(self) -> int:
        """Number of the channel."""
        return int(self.place[2][0]) if len(self.place) > 2 else 0


class Numbering:
    """The values of one pixel.

    Parameters
    ----------
    definitions : by name
    images : names whose accesses are reads of pixels; all other unknown names are parameter arrays
    elements : by a name of its own, the definition and number of one value of several
    lengths : of parameter arrays, by the names that Halide has for them
    """

    def __init__(
        self,
        definitions: Mapping[str, Definition],
        images: Iterable[str],
        elements: Mapping[str, tuple[str, int]] | None = None,
        lengths: Mapping[str, int] | None = None,
    ) -> None:
        self._definitions, self._images = definitions, frozenset(images)
        self._elements, self._lengths = elements or {}, lengths or {}
        self.nodes: list[Node] = []
        self.periods: dict[int, set[int]] = {X: set(), Y: set()}
        self._numbers: dict[Node, int] = {}
        self._known: dict[tuple[str, int, tuple[Value, ...]], Value] = {}
        self._spans: dict[int, Span] = {}

    def pixel(self, name: str, element: int, place: Sequence[Value]) -> Value:
        """The value of a Func's definition at a place."""
        key = (name, element, tuple(place))
        if key not in self._known:
            given = self._definitions[name]
            bound = dict(zip(given.arguments, place, strict=True))
            value = self._value(given.terms[element], bound)
            if given.update is not None:
                for point in product(*(range(first, first + count) for _, first, count in given.window)):
                    inner = {n: At(v) for (n, _, _), v in zip(given.window, point, strict=True)}
                    self._known[key] = value  # what the update reads of itself
                    value = self._value(given.update, {**bound, **inner})
            self._known[key] = value
        return self._known[key]

    # -- terms ---------------------------------------------------------------------------------------------------

    def _value(self, term: Term, bound: Mapping[str, Value]) -> Value:
        # by type, most frequent first: pattern matching takes three times as long, and this is where time goes
        if isinstance(term, Apply):
            if term.function == "select":
                condition, yes, no = term.arguments
                chosen = self._value(condition, bound)
                if isinstance(chosen, At):
                    return self._value(yes if chosen.value else no, bound)
                return self._select(chosen, self._value(yes, bound), self._value(no, bound))
            return self._applied(term, tuple([self._value(a, bound) for a in term.arguments]))
        if isinstance(term, Name):
            known = bound.get(term.name)
            if known is not None:
                return known
            length = self._lengths.get(term.name)
            return self._number(Node("symbol", "int32", (), 0, term.name)) if length is None else At(length)
        if isinstance(term, Number):
            if term.type == "int32":
                return At(int(term.value))
            return self._constant(term.type, term.value)
        inner = dict(bound)
        for name, each in term.bindings:
            inner[name] = self._value(each, inner)
        return self._value(term.body, inner)

    def _applied(self, term: Apply, given: tuple[Value, ...]) -> Value:
        name, element = self._elements.get(term.function, (term.function, 0))
        if name in self._definitions or name in self._images:
            stored = name in self._images or self._definitions[name].stored
            if not stored:
                return self.pixel(name, element, given)
            return self._number(Node("read", term.type, given, self._axes(given), name, element))
        if TYPES.match(name):
            return self._cast(name, given[0])
        if name in ("likely", "likely_if_innermost"):
            return given[0]
        if len(given) == 2 and name in _INTEGER:
            known = self._integer(name, *given)
            if known is not None:
                return known
        if name in ("!", "bitwise_not") and isinstance(given[0], At):
            inverse = 1 - given[0].value if term.type == "uint1" or name == "!" else ~given[0].value
            return At(inverse, given[0].axes)
        if name == "reinterpret" and self._type(given[0]) == "int32" and not isinstance(given[0], At):
            given = (self._number(replace(self.nodes[given[0]], type=_BITS)),)
        if name in _CLASS or name in _FREE or name.rpartition("_")[2] in ("f16", "f32", "f64"):
            return self._operation(name.removesuffix("_f32"), term.type, given)
        axes = self._axes(given)
        return self._number(Node("table" if axes else "register", term.type, given, axes, name))

    def _axes(self, given: tuple[Value, ...]) -> int:
        axes = 0
        for value in given:
            axes |= value.axes if isinstance(value, At) else self.nodes[value].axes
        return axes

    def _constant(self, kind: str, value: float) -> int:
        return self._number(Node("const", kind, (), 0, repr(float(value))))

    def _integer(self, name: str, a: Value, b: Value) -> Value | None:
        """The result where it is known; None where the operation stays."""
        if isinstance(a, At) and isinstance(b, At):
            axes, stride = a.axes | b.axes, math.lcm(a.stride, b.stride)
            if name in ("/", "%") and not b.axes:
                stride *= abs(b.value)
                for axis in (X, Y):
                    if a.axes & axis:
                        self.periods[axis].add(stride)
                axes = 0 if name == "%" else axes
            return At(int(_INTEGER[name](a.value, b.value)), axes, stride if axes else 1)
        if name in ("&&", "||"):
            for known, other in ((a, b), (b, a)):
                if isinstance(known, At):
                    return other if bool(known.value) == (name == "&&") else At(known.value, known.axes)
        return None

    def _select(self, condition: int, yes: Value, no: Value) -> Value:
        return yes if yes == no else self._operation("select", self._type(yes), (condition, yes, no))

    def _cast(self, kind: str, value: Value) -> Value:
        if isinstance(value, At):
            if kind == "int32":
                return value
            if not value.axes:
                return self._constant(kind, value.value)
        elif self.nodes[value].type == kind:
            return value
        return self._operation("convert", kind, (value,))

    def _operation(self, name: str, kind: str, given: tuple[Value, ...]) -> Value:
        if name in _NEUTRAL:
            if self._is(given[1], _NEUTRAL[name]):
                return given[0]
            if name in "+*" and self._is(given[0], _NEUTRAL[name]):
                return given[1]
            # infinities and what is no number do not occur where colours are computed
            if name == "*" and (self._is(given[0], 0.0) or self._is(given[1], 0.0)):
                return self._constant(self._type(given[0]), 0.0)
        if name in _FOLDED:
            numbers = [self._float(v) for v in given]
            if None not in numbers:
                return self._constant(self._type(given[0]), _FOLDED[name](*numbers))  # type: ignore[arg-type]
        if name in _EITHER_WAY:
            given = tuple(sorted(given, key=_rank))
        kind = "uint1" if name in _COMPARING else kind or self._type(given[0])
        return self._number(Node(name, kind, given, self._axes(given)))

    def _is(self, value: Value, number: float) -> bool:
        return self._float(value) == number

    def _float(self, value: Value) -> float | None:
        """A constant's number."""
        node = None if isinstance(value, At) else self.nodes[value]
        return float(node.name) if node is not None and node.what == "const" else None

    def _type(self, value: Value) -> str:
        return "int32" if isinstance(value, At) else self.nodes[value].type

    def _number(self, node: Node) -> int:
        if node not in self._numbers:
            self._numbers[node] = len(self.nodes)
            self.nodes.append(node)
        return self._numbers[node]

    # -- what is there -------------------------------------------------------------------------------------------

    def used(self, results: Iterable[Value]) -> list[Node]:
        """The values that the results are made of, each once, but for those that are the same all along a row."""
        seen: set[int] = set()
        waiting = [v for v in results if not isinstance(v, At)]
        while waiting:
            number = waiting.pop()
            if number not in seen and self.nodes[number].axes & X:
                seen.add(number)
                waiting += [v for v in self.nodes[number].arguments if not isinstance(v, At)]
        return [self.nodes[n] for n in sorted(seen)]

    def operations(self, nodes: Iterable[Node]) -> Counter[str]:
        """How many there are of each of `OPERATIONS`; arithmetic of 32-bit integers computes addresses and is free."""
        found: Counter[str] = Counter()
        for node in nodes:
            kind = self._class(node)
            if kind:
                found[kind] += 1
        return found

    def _class(self, node: Node) -> str:
        if node.what in ("read", "table", *_FREE):
            return ""
        if node.what == "convert":
            # an index made of a value, or a bit that selects, is wiring
            return "" if self._type(node.arguments[0]) == "uint1" else "convert"
        operand = self._type(node.arguments[-1] if node.what == "select" else node.arguments[0])
        if operand in ("int32", "uint1") and node.type != _BITS:
            return ""
        if node.what == "/" and not self._axes(node.arguments[1:]) & X:
            return "multiply"  # by the reciprocal
        return _CLASS.get(node.what, "special")

    def reads(self, nodes: Iterable[Node]) -> list[Read]:
        """The accesses to stored Funcs."""
        return [Read(n.name, n.element, tuple(map(self.span, n.arguments))) for n in nodes if n.what == "read"]

    def span(self, value: Value) -> Span:
        """What a value can be, by interval arithmetic (R. Moore, 1966): definitions clamp the places they compute."""
        if isinstance(value, At):
            return value.value, value.value
        if value not in self._spans:
            node = self.nodes[value]
            known = self._float(value)
            self._spans[value] = (known, known) if known is not None else self._spread(node)
        return self._spans[value]

    def _spread(self, node: Node) -> Span:
        what = node.what
        if what not in ("+", "-", "*", "min", "max", "select", "convert", *_STEADY):
            return _ANYTHING
        spans = [self.span(v) for v in node.arguments]
        if what == "select":
            return min(s[0] for s in spans[1:]), max(s[1] for s in spans[1:])
        if what == "convert" or what in _STEADY:
            steady = _STEADY.get(what, math.trunc if node.type.startswith(("int", "uint")) else float)
            low, high = (v if math.isinf(v) else steady(v) for v in spans[0])
            return low, high
        (a, b), (c, d) = spans
        if what == "-":
            return a - d, b - c
        if what == "*":
            ends = [0.0 if 0 in pair else pair[0] * pair[1] for pair in product((a, b), (c, d))]
            return min(ends), max(ends)
        return _FOLDED[what](a, c), _FOLDED[what](b, d)


def _rank(value: Value) -> tuple[bool, int]:
    return (True, value.value) if isinstance(value, At) else (False, value)


def definition(func: Any, parse: Callable[[str], Term], *, stored: bool, sums: Any = None) -> Definition:
    """What Halide knows of a Func: its coordinates and values. `sums` is the `halide.RDom` of running sums."""
    values = func.values() if func.outputs() > 1 else [func.value()]
    update: Term | None = None
    window: tuple[tuple[str, int, int], ...] = ()
    if sums is not None:
        update = parse(_text(func.update_value(0)))
        window = tuple(
            (sums[i].name(), int(_text(sums[i].min())), int(_text(sums[i].extent()))) for i in range(sums.dimensions())
        )
    arguments = tuple(v.name() for v in func.args())
    return Definition(arguments, tuple(parse(_text(v)) for v in values), stored, update, window)


def _text(expr: Any) -> str:
    """``<halide.Expr of type float32: TEXT>`` without what is around it."""
    return str(expr).partition(": ")[2][:-1]
