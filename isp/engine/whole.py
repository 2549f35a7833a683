"""Operations on the integers of a definition itself, coordinates and places in tables, and bounds of their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from isp.engine.binary_point import Whole
    from isp.engine.definitions import Term

COMPARISONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip


def _of_halide(name: str) -> Callable[..., Any]:
    def applied(*given: Any) -> Any:
        import halide as hl

        return getattr(hl, name)(*given)

    return applied


OPERATIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a // b,
    "%": lambda a, b: a % b, "min": _of_halide("min"), "max": _of_halide("max"), "abs": _of_halide("abs"),
    "bitwise_and": lambda a, b: a & b, "bitwise_or": lambda a, b: a | b, "bitwise_xor": lambda a, b: a ^ b,
    "bitwise_not": lambda a: ~a,
    "shift_left": lambda a, b: a << b, "shift_right": lambda a, b: a >> b,
}  # fmt: skip


def operation_bounds(what: str, given: Sequence[Whole], kind: str) -> tuple[int, int]:
    """Bounds of an operation on integers; those of its type where it may be anything."""
    low, high = _limits(kind)
    if what in ("+", "-", "*"):
        a, b = given
        found = [OPERATIONS[what](p, q) for p in (a.low, a.high) for q in (b.low, b.high)]
        return min(found), max(found)
    if what in ("min", "max"):
        pick = min if what == "min" else max
        return pick(g.low for g in given), pick(g.high for g in given)
    if what == "/" and given[1].low > 0:
        found = [p // q for p in (given[0].low, given[0].high) for q in (given[1].low, given[1].high)]
        return min(found), max(found)
    if what == "%" and given[1].low > 0:
        return 0, given[1].high - 1
    return low, high


def held_part(what: str, a: Whole, b: Whole) -> tuple[Any, int, int] | None:
    """What `Whole.cut` says of the smaller or larger of a whole part and a constant."""
    if a.cut is None:
        a, b = b, a
    if a.cut is None or b.low != b.high:
        return None
    number, low, high = a.cut
    return (number, min(low, b.low), min(high, b.low)) if what == "min" else (number, max(low, b.low), max(high, b.low))


def _limits(kind: str) -> tuple[int, int]:
    """The least and largest integer of a type."""
    if kind == "uint1":
        return 0, 1
    bits = int(kind.lstrip("uint"))
    return (0, 2**bits - 1) if kind.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def fitted(expr: Any, kind: str, low: int, high: int) -> Whole:
    """An integer of a type, which may be anything where it does not fit."""
    from isp.engine.binary_point import Whole

    least, largest = _limits(kind)
    return Whole(expr, low, high) if least <= low and high <= largest else Whole(expr, least, largest)


def types() -> dict[str, Any]:
    """Halide's types by the names that terms have."""
    import halide as hl

    found = {f"int{n}": hl.Int(n) for n in (8, 16, 32, 64)} | {f"uint{n}": hl.UInt(n) for n in (1, 8, 16, 32, 64)}
    return found | {"float32": hl.Float(32)}


def literal(term: Term) -> Any:
    """A constant of an integer type."""
    import halide as hl

    if term.type == "int32":
        return hl.Expr(int(term.value))
    value = int(term.value)
    return hl.cast(types()[term.type], hl.i64(value if value < 2**63 else value - 2**64))
