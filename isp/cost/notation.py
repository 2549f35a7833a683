"""Halide's notation of expressions, read back: what `str` gives of the value of a `halide.Func`.

The Python package of Halide has no visitor for expressions, but it prints them completely: operators in parentheses,
``(let t = value in body)``, calls ``(float32)name(x + 1, y)``, casts ``int32(value)``, constants ``0.5f`` and
``(uint32)5``, bits taken as another type ``reinterpret<int32>(value)``. Numbers are rounded to six digits, which
changes no count; which value of a Func of several is read is not printed (`isp.cost.counting.NamedGraph`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

TYPES: Final = re.compile(r"(?:u?int(?:1|8|16|32|64)|float(?:16|32|64)|bool)$")
_WORD: Final = r"[A-Za-z_][\w$]*(?:\.[\w$]+)*"
_TOKEN: Final = (
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?f?)"
    r"|(?P<name>{words})"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%<>!(),=]))"
)
_BINDS: Final = {
    "||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float
    type: str


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or a name bound by `Let`."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator, a cast (`function` is a type) or a call."""

    function: str
    arguments: tuple[Term, ...]
    type: str = ""


@dataclass(frozen=True, slots=True)
class Let:
    """`body` with names for values, each of which may use those before it."""

    bindings: tuple[tuple[str, Term], ...]
    body: Term


Term = Number | Name | Apply | Let


def parse(text: str, names: Iterable[str] = ()) -> Term:
    """The term that `text` stands for.

    `names` are those of Funcs, which may hold signs (``near-1_squares``); others need not be given.

    Raises
    ------
    ValueError
        It is not in Halide's notation.
    """
    return _Reader(text.strip(), names).whole()


class _Reader:
    def __init__(self, text: str, names: Iterable[str]) -> None:
        odd = sorted((n for n in names if not re.fullmatch(_WORD, n)), key=len, reverse=True)
        token = re.compile(_TOKEN.format(words="|".join([*map(re.escape, odd), _WORD])))
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            found = token.match(text, at)
            if found is None or found.lastgroup is None:
                raise ValueError(f"{text[at : at + 20]!r} is not in Halide's notation")
            self._tokens.append((found.lastgroup, found.group(found.lastgroup)))
            at = found.end()
        self._tokens.append(("end", ""))
        self._at = 0

    def whole(self) -> Term:
        term = self._expression(0)
        if self._peek() != ("end", ""):
            raise ValueError(f"{self._peek()[1]!r} follows a whole expression")
        return term

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, sign: str) -> None:
        found = self._next()
        if found[1] != sign:
            raise ValueError(f"{sign!r} expected, found {found[1]!r}")

    def _expression(self, least: int) -> Term:
        left = self._operand()
        while self._peek()[0] == "sign" and _BINDS.get(self._peek()[1], -1) > least:
            sign = self._next()[1]
            left = Apply(sign, (left, self._expression(_BINDS[sign])))
        return left

    def _operand(self) -> Term:
        kind, text = self._next()
        if kind == "number":
            return Number(float(text.rstrip("f")), _type_of(text))
        if kind == "name":
            return self._named(text, "")
        if text == "!":
            return Apply("!", (self._operand(),))
        if text == "-":
            inner = self._operand()
            return Number(-inner.value, inner.type) if isinstance(inner, Number) else Apply("neg", (inner,))
        if text != "(":
            raise ValueError(f"{text!r} begins no expression")
        if self._peek()[1] == "let":
            return self._lets()
        if TYPES.match(self._peek()[1]) and self._peek(1)[1] == ")":
            return self._typed()
        inner = self._expression(0)
        self._take(")")
        return inner

    def _typed(self) -> Term:
        """What follows ``(type)``: a constant or a call."""
        kind = self._next()[1]
        self._take(")")
        if self._peek()[0] == "name":
            return self._named(self._next()[1], kind)
        inner = self._operand()
        return Number(inner.value, kind) if isinstance(inner, Number) else Apply(kind, (inner,), kind)

    def _named(self, name: str, kind: str) -> Term:
        if name == "reinterpret":
            self._take("<")
            kind = self._next()[1]
            self._take(">")
        if self._peek()[1] != "(":
            return Name(name)
        self._next()
        arguments = []
        while self._peek()[1] != ")":
            arguments.append(self._expression(0))
            if self._peek()[1] == ",":
                self._next()
        self._take(")")
        return Apply(name, tuple(arguments), name if TYPES.match(name) else kind)

    def _lets(self) -> Term:
        # in a loop, as hundreds of them nest
        bindings = []
        while True:
            self._take("let")
            name = self._next()[1]
            self._take("=")
            bindings.append((name, self._expression(0)))
            self._take("in")
            if (self._peek()[1], self._peek(1)[1]) != ("(", "let"):
                break
            self._next()
        body = self._expression(0)
        for _ in bindings:
            self._take(")")
        return Let(tuple(bindings), body)


def _type_of(number: str) -> str:
    if number.endswith("f"):
        return "float32"
    return "float64" if "." in number else "int32"
