"""Definitions of Halide Funcs, read back exactly: what `halide.serialize_pipeline` writes, as terms.

The Python package of Halide has no visitor for expressions, and what it prints rounds numbers to six decimals. A
serialized pipeline holds everything. It is a FlatBuffer (google.github.io/flatbuffers, "internals") in Halide's own
schema, of which the parts that describe definitions are named here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_EXPRESSIONS: Final = (
    "", "int", "uint", "float", "string", "cast", "reinterpret", "+", "-", "*", "/", "%", "min", "max", "==", "!=",
    "<", "<=", ">", ">=", "&&", "||", "!", "select", "load", "ramp", "broadcast", "let", "call", "variable",
)  # fmt: skip
"""Kinds of expressions in the order of the schema's union."""
_VERSION: Final = "18.0.1"
"""Of the schema."""
_BINARY: Final = frozenset(["+", "-", "*", "/", "%", "min", "max", "==", "!=", "<", "<=", ">", ">=", "&&", "||"])
_FORMATS: Final = {"int": "q", "uint": "Q", "float": "d"}
_CODES: Final = ("int", "uint", "float")


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """A part of an expression.

    Attributes
    ----------
    what : an operator; ``number``, ``variable``, ``cast``, ``reinterpret``, ``select``; ``let`` (of `name`, a value and
        a body); ``call`` (of the Func or image `name`); or the name of an intrinsic function
    type : `float32`, `int32`, `uint1` ..., where the term says it
    arguments : what it is applied to
    name, value, element : of a variable, call or let; of a number; of a Func with several values
    """

    what: str
    type: str = ""
    arguments: tuple[Term, ...] = ()
    name: str = ""
    value: float = 0
    element: int = 0


@dataclass(frozen=True)
class Definition:
    """A Func: names of its coordinates, its values, and the values of each update."""

    arguments: tuple[str, ...]
    values: tuple[Term, ...]
    updates: tuple[tuple[Term, ...], ...] = ()


@dataclass(frozen=True)
class Definitions:
    """All Funcs of a pipeline by name, and the arrays that stand in it, indexed as in NumPy."""

    funcs: Mapping[str, Definition]
    buffers: Mapping[str, NDArray[Any]]


def read_definitions(output: Any) -> Definitions:
    """What the Func `output` and all it calls are defined as.

    Raises
    ------
    ValueError
        The pipeline was written by a Halide that writes them differently.
    """
    import halide as hl

    data = bytes(hl.serialize_pipeline(hl.Pipeline([output])))
    root = _Table(data, struct.unpack_from("<I", data)[0])
    if root.text(9) != _VERSION:
        raise ValueError(f"Halide writes pipelines in version {root.text(9)!r} of its format; known: {_VERSION}")
    funcs = {}
    for func in root.tables(0):
        updates = tuple(tuple(_terms(u, 3)) for u in func.tables(8))
        funcs[func.text(0)] = Definition(tuple(func.texts(5)), tuple(_terms(func.table(7), 3)), updates)
    return Definitions(funcs, {b.text(1): _array(b) for b in root.tables(7)})


class _Table:
    """A table of a FlatBuffer; fields by their number."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - self._read("i", at)
        self._size = self._read("H", self._fields)

    def _read(self, kind: str, at: int) -> Any:
        return struct.unpack_from("<" + kind, self._data, at)[0]

    def _place(self, field: int) -> int:
        """Where a field lies; 0 if it has its default."""
        entry = 4 + 2 * field
        offset = self._read("H", self._fields + entry) if entry < self._size else 0
        return self._at + offset if offset else 0

    def number(self, field: int, kind: str) -> Any:
        place = self._place(field)
        return self._read(kind, place) if place else 0

    def _target(self, field: int) -> int:
        place = self._place(field)
        return place + self._read("I", place) if place else 0

    def text(self, field: int) -> str:
        return self._text(self._target(field))

    def _text(self, at: int) -> str:
        return self._data[at + 4 : at + 4 + self._read("I", at)].decode() if at else ""

    def table(self, field: int) -> _Table:
        return _Table(self._data, self._target(field))

    def _items(self, field: int) -> Iterator[int]:
        at = self._target(field)
        for i in range(self._read("I", at) if at else 0):
            place = at + 4 + 4 * i
            yield place + self._read("I", place)

    def tables(self, field: int) -> list[_Table]:
        return [_Table(self._data, at) for at in self._items(field)]

    def texts(self, field: int) -> list[str]:
        return [self._text(at) for at in self._items(field)]

    def content(self, field: int) -> bytes:
        """The bytes of a vector."""
        at = self._target(field)
        return self._data[at + 4 : at + 4 + self._read("I", at)] if at else b""


def _terms(table: _Table, field: int) -> list[Term]:
    """The expressions of a vector of unions, whose kinds are in the field before."""
    return [_term(kind, each) for kind, each in zip(table.content(field), table.tables(field + 1), strict=True)]


def _one(table: _Table, field: int) -> Term:
    return _term(table.number(field, "B"), table.table(field + 1))


def _term(number: int, table: _Table) -> Term:
    kind = _EXPRESSIONS[number] if number < len(_EXPRESSIONS) else ""
    if kind in _BINARY:
        return Term(kind, "", (_one(table, 0), _one(table, 2)))
    if kind in _FORMATS:
        return Term("number", _type(table.table(1)), value=table.number(0, _FORMATS[kind]))
    if kind == "variable":
        return Term(kind, _type(table.table(1)), name=table.text(0))
    if kind in ("cast", "reinterpret"):
        return Term(kind, _type(table.table(2)), (_one(table, 0),))
    if kind == "!":
        return Term(kind, "uint1", (_one(table, 0),))
    if kind == "select":
        return Term(kind, "", (_one(table, 0), _one(table, 2), _one(table, 4)))
    if kind == "let":
        return Term(kind, "", (_one(table, 1), _one(table, 3)), table.text(0))
    if kind == "call":
        return _call(table)
    raise ValueError(f"expression of kind {number} is in no definition")


def _call(table: _Table) -> Term:
    arguments = tuple(_terms(table, 1))
    stands_for_values = table.number(3, "B") in (0, 4)  # an image, or a Func
    what, name = ("call", table.text(0)) if stands_for_values else (table.text(0), "")
    return Term(what, _type(table.table(8)), arguments, name, element=table.number(5, "i"))


def _type(table: _Table) -> str:
    return f"{_CODES[table.number(0, 'b')]}{table.number(1, 'B')}"


def _array(table: _Table) -> NDArray[Any]:
    kind = np.dtype(_type(table.table(2)))
    shape = [d.number(1, "i") for d in table.tables(4)][::-1]
    return np.frombuffer(table.content(5), kind).reshape(shape)
