"""Operations of a definition on numbers whose binary point is known, on whole numbers, and on what is true or false."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from isp.engine import binary_point, fixed
from isp.engine.binary_point import Fixed, Number, Scaled, Whole, whole_number
from isp.engine.whole import COMPARISONS, OPERATIONS, fitted, held_part, operation_bounds, types

_NUMBERS: Final = {
    "+": "add", "-": "subtract", "*": "multiply", "/": "divide", "min": "minimum", "max": "maximum", "abs": "absolute",
    "floor": "floor", "round": "nearest_even", "sqrt": "square_root", "exp": "exponential", "log": "logarithm",
}  # fmt: skip
Value = Any
"""A `Number`, a `Whole`, or what is true or false as an expression."""


class NoIntegerFormError(Exception):
    """There is no such operation in integers; says which."""


def cast(kind: str, value: Value) -> Value:
    """A value as another type, by Halide's name of it."""
    import halide as hl

    if kind.startswith("float"):
        if isinstance(value, Whole):
            return value if value.cut is not None else whole_number(value)
        if not isinstance(value, (Fixed, Scaled)):
            return fixed.select(value, binary_point.constant(1), binary_point.constant(0))
        return value
    if isinstance(value, (Fixed, Scaled)):
        value = fixed.truncated(value)
        if kind == "int32":
            return value
    if not isinstance(value, Whole):
        return Whole(hl.cast(types()[kind], value), 0, 1)
    return fitted(hl.cast(types()[kind], value.expr), kind, value.low, value.high)


def reinterpreted(kind: str, value: Value) -> Value:
    """The bits of a value as another type."""
    import halide as hl

    if isinstance(value, Whole):
        if kind == "float32":
            return fixed.from_bits(value)
        return fitted(hl.reinterpret(types()[kind], value.expr), kind, value.low, value.high)
    try:
        return fixed.bits_of(value)
    except ValueError as error:
        raise NoIntegerFormError(str(error)) from error


def operation(name: str, given: Sequence[Value]) -> Value:
    """What a function of Halide gives, or an operator.

    Raises
    ------
    NoIntegerFormError
    """
    what = name.removesuffix("_f32")
    if what in ("likely", "likely_if_innermost"):
        return given[0]
    if what == "select":
        return _select(*given)
    if any(isinstance(g, (Fixed, Scaled)) for g in given):
        return _of_numbers(what, given)
    if what in ("!", "bitwise_not") and not isinstance(given[0], Whole):
        return ~given[0]
    if not all(isinstance(g, Whole) for g in given):
        if what in ("&&", "bitwise_and"):
            return given[0] & given[1]
        if what in ("||", "bitwise_or"):
            return given[0] | given[1]
        raise NoIntegerFormError(f"the function {what} of what is true or false")
    if what in COMPARISONS:
        return COMPARISONS[what](given[0].expr, given[1].expr)
    if what not in OPERATIONS:
        raise NoIntegerFormError(f"the function {what} of integers")
    expr = OPERATIONS[what](*(g.expr for g in given))
    kind = str(expr.type())
    result = fitted(expr, kind, *operation_bounds(what, given, kind))
    return replace(result, cut=held_part(what, *given)) if what in ("min", "max") else result


def _of_numbers(what: str, given: Sequence[Value]) -> Value:
    operands = [_number(g) for g in given]
    if what == "-" and isinstance(given[1], Whole) and isinstance(given[0], Fixed):
        return fixed.fraction(given[0], given[1])
    if what == "unsafe_promise_clamped":
        value, low, high = operands
        return binary_point.within(value, low.range[0], high.range[1])
    if what in COMPARISONS:
        return _compared(what, *operands)
    if what not in _NUMBERS:
        raise NoIntegerFormError(f"the function {what}")
    return getattr(fixed, _NUMBERS[what])(*operands)


def _number(value: Number | Whole) -> Number:
    return whole_number(value) if isinstance(value, Whole) else value


def _compared(what: str, a: Number, b: Number) -> Value:
    if what in ("==", "!="):
        return fixed.equal(a, b) if what == "==" else ~fixed.equal(a, b)
    if what in (">", "<="):
        a, b = b, a
    less = fixed.less(a, b)
    return less if what in ("<", ">") else ~less


def _select(condition: Value, yes: Value, no: Value) -> Value:
    import halide as hl

    if isinstance(yes, (Fixed, Scaled)) or isinstance(no, (Fixed, Scaled)):
        return fixed.select(condition, _number(yes), _number(no))
    if isinstance(yes, Whole):
        expr = hl.select(condition, yes.expr, no.expr)
        return Whole(expr, min(yes.low, no.low), max(yes.high, no.high))
    return (condition & yes) | (~condition & no)
