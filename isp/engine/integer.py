"""Segments in integers: derived from the same definitions that compute in float32, for targets without floating point.

What a segment's definitions are is read back from Halide (`isp.engine.definitions`) and written again, Func by Func and
with the same schedule, in the integers of `isp.engine.fixed`. Ranges follow from what is known: the datapath holds
pixels, and for each array the caller says between which numbers its elements can lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from isp.engine.graph import Graph
from isp.engine.integer_arrays import Span, Table, known_places
from isp.engine.segment import Port, Segment
from isp.engine.whole import literal, types
from isp.errors import ProfileError

if TYPE_CHECKING:
    from isp.engine.binary_point import Number, Whole
    from isp.engine.build import Built
    from isp.engine.definitions import Definition, Term
    from isp.engine.graph import Node

_FARTHEST: Final = 2**18
"""Coordinates lie within it: frames have at most 65535 pixels along an axis, and less than as many around."""
_MOST_PLANES: Final = 4096


@dataclass(frozen=True)
class Code:
    """How pixels are kept between segments: integers of `dtype` in low..high, that stand for 2^-shift times as much."""

    dtype: str
    shift: int
    low: int
    high: int


@dataclass(frozen=True)
class IntegerSegment(Segment):
    """A segment whose program computes in integers.

    Parameters
    ----------
    code : how its source is kept
    spans : of the arrays it reads, in the order of the program's arguments
    """

    code: Code = Code("uint16", 0, 0, 65535)
    spans: tuple[Span, ...] = ()

    @property
    def depends(self) -> str:
        """What the compiled program depends on, beside the engine and the machine."""
        path = self.datapath.array.tolist() if self.datapath else None
        return f"integers {self.code} {path} {self.spans}\n{super().depends}"

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Stage and name of each array that the program reads; the datapath's limits stand in it."""
        return [(step.stage.name, name) for step in self.steps for name in sorted(step.arrays)]

    def _build(self, target: str = "") -> tuple[Any, list[Any]]:
        import halide as hl

        from isp.engine.build import host_target, render_schedule

        built = write_integers(self).built
        machine = hl.Target(target) if target else host_target()
        # most values are int64; code for more lanes than registers have only takes longer to compile
        lanes = 1 if machine.has_feature(hl.TargetFeature.NoNEON) else machine.natural_vector_size(hl.Int(64))
        render_schedule(built, self.tile, machine, lanes)
        return built.output, built.inputs


@dataclass(frozen=True)
class Written:
    """A segment written in integers, unscheduled.

    Attributes
    ----------
    built : its program; arrays are int32
    code : how its pixels are kept
    shifts : for each array the fraction bits of its elements, of a shape that broadcasts to the array's
    """

    built: Built
    code: Code
    shifts: tuple[NDArray[np.int32], ...]


def in_integers(segment: Segment, code: Code, spans: Mapping[tuple[str, str], Span]) -> tuple[IntegerSegment, Written]:
    """A segment with a datapath, whose source is kept as `code`, in integers.

    Raises
    ------
    ProfileError
        A stage has no integer form.
    """
    if segment.datapath is None:
        raise ValueError("integers need a datapath")
    keys = [(step.stage.name, name) for step in segment.steps for name in sorted(step.arrays)]
    fields = {f: getattr(segment, f) for f in Segment.__dataclass_fields__}
    result = IntegerSegment(**fields, code=code, spans=tuple(spans[key] for key in keys))
    result = replace(result, source=replace(segment.source, dtype=code.dtype))
    written = write_integers(result)
    return replace(result, sink=replace(segment.sink, dtype=written.code.dtype)), written


def write_integers(segment: IntegerSegment) -> Written:
    """The segment's definitions in integers."""
    return _Writer(segment).written()


@dataclass(frozen=True)
class _Kept:
    """A Func written in integers; its values with an empty expression, and where each begins among the Func's own."""

    func: Any
    values: tuple[Number, ...]
    places: tuple[int, ...]


class _Writer:
    def __init__(self, segment: IntegerSegment) -> None:
        import halide as hl

        from isp.engine.build import build_segment
        from isp.engine.definitions import read_definitions

        self._segment = segment
        graph = Graph()
        graph.bounded = True
        self._float = build_segment(_as_floats(segment), graph)
        found = read_definitions(self._float.output)
        self._definitions = found.funcs
        self._stage = ""
        self._images = {hl.Func(p).name(): p for p in self._float.inputs}
        self._kept: dict[str, _Kept] = {}
        dims = 2 if segment.source.channels == 1 else 3
        self._source = hl.ImageParam(types()[segment.code.dtype], dims, "source")
        given = self._float.inputs
        self._limits = hl.Func(given[-1]).name() if segment.datapath else ""
        arrays = given[1 : len(given) - bool(segment.datapath)]
        known = known_places(
            v for d in self._definitions.values() for v in (*d.values, *(u for us in d.updates for u in us))
        )
        self._tables: dict[str, Table] = {}
        self._names: dict[str, int] = {}
        for param, span in zip(arrays, segment.spans, strict=True):
            image = hl.ImageParam(hl.Int(32), param.dimensions(), param.name())
            name = hl.Func(param).name()
            self._tables[name] = Table.of(image, span, known.get(name, ()))
            for i in range(param.dimensions()):
                self._names[f"{param.name()}.extent.{i}"] = span.low.shape[-1 - i]
        self._order = [self._tables[hl.Func(param).name()] for param in arrays]
        self._inputs = [self._source, *(t.image for t in self._order)]
        for name, array in found.buffers.items():
            self._tables[name] = Table.baked(array, known.get(name, ()))

    def written(self) -> Written:
        from isp.engine.build import Built

        graph = copy(self._float.graph)
        names = self._float.output.name()
        nodes: dict[int, Node] = {}
        for node in self._float.graph.nodes:
            if node.func.name() in self._definitions:
                nodes[id(node)] = self._node(node)
        for node in nodes.values():
            node.rolling = nodes.get(id(node.rolling)) if node.rolling is not None else None
        graph.nodes = list(nodes.values())
        output, code = self._output(self._definitions[names])
        segment = replace(self._segment, sink=replace(self._segment.sink, dtype=code.dtype))
        return Written(Built(self._inputs, output, graph, segment), code, tuple(t.shifts for t in self._order))

    # -- Funcs ---------------------------------------------------------------------------------------------------

    def _node(self, node: Node) -> Node:
        name = node.func.name()
        self._stage = next((s.stage.name for s in self._segment.steps if name.startswith(f"{s.stage.name}_")), name)
        new = copy(node)
        if node.sums is not None:
            new.sums = self._sums(node)
        new.func = self._written(name, node.stored)
        return new

    def _written(self, name: str, stored: bool) -> Any:
        """The Func `name` in integers."""
        import halide as hl

        from isp.engine import binary_point

        given = self._definitions[name]
        if given.updates:
            raise self._refusal("an update")
        places, bound = self._coordinates(given)
        values = [self._number(v, bound) for v in given.values]
        if stored:
            values = [binary_point.stored(v) for v in values]
        func = hl.Func(name.partition("$")[0])
        parts: list[Any] = []
        starts = []
        for value in values:
            starts.append(len(parts))
            parts += _parts(value)
        func[places] = tuple(parts) if len(parts) > 1 else parts[0]
        self._kept[name] = _Kept(func, tuple(values), tuple(starts))
        return func

    def _coordinates(self, given: Definition) -> tuple[tuple[Any, ...], dict[str, Any]]:
        import halide as hl

        from isp.engine.binary_point import Whole

        places = tuple(hl.Var(a) for a in given.arguments)
        bounds = [(-_FARTHEST, _FARTHEST)] * 2 + [(0, _MOST_PLANES)] * 2
        return places, {
            a: Whole(hl.Expr(v), *b) for a, v, b in zip(given.arguments, places, bounds, strict=False)
        }

    def _sums(self, node: Node) -> Any:
        """Running sums in integers: as many terms as the window has places."""
        import halide as hl

        from isp.engine import binary_point

        name = node.sums.name()
        given = self._definitions[name]
        if len(given.updates) != 1:
            raise self._refusal(f"{len(given.updates)} updates")
        places, bound = self._coordinates(given)
        window = node.window
        count = 1
        for i in range(window.dimensions()):
            extent = int(str(window[i].extent()).partition(": ")[2][:-1])
            bound[window[i].name()] = binary_point.Whole(hl.Expr(window[i]), -_FARTHEST, _FARTHEST)
            count *= extent
        # of the sum so far, which adds nothing to the term
        self._kept[name] = _Kept(None, (binary_point.constant(0),), (0,))
        term = binary_point.settled(self._number(given.updates[0][0], bound))
        if not isinstance(term, binary_point.Fixed):
            raise self._refusal("sums of numbers of any size")
        term = binary_point.shortened(term, 63 - count.bit_length())
        total = binary_point.Fixed(None, term.shift, count * min(term.low, 0), count * max(term.high, 0), term.grain)
        kind = hl.Int(64 if total.wide else 32)
        running = hl.Func(name.partition("$")[0])
        running[places] = hl.cast(kind, 0)
        running[places] += hl.cast(kind, term.expr)
        self._kept[name] = _Kept(running, (total,), (0,))
        return running

    def _output(self, given: Definition) -> tuple[Any, Code]:
        import halide as hl

        from isp.engine import binary_point

        places, bound = self._coordinates(given)
        value = self._value(given.values[0], bound)
        func = hl.Func("output")
        if isinstance(value, binary_point.Whole):
            func[places] = value.expr
            return func, Code(self._segment.sink.dtype, 0, value.low, value.high)
        value = binary_point.stored(binary_point.settled(value))
        if not isinstance(value, binary_point.Fixed):
            raise self._refusal("a result of any size")
        kind = _memory(value)
        func[places] = hl.cast(hl.Int(kind), value.expr)
        return func, Code(f"int{kind}", value.shift, value.low, value.high)

    # -- terms ---------------------------------------------------------------------------------------------------

    def _refusal(self, what: str) -> ProfileError:
        return ProfileError(f"stage {self._stage!r} has no integer form: it needs {what}")

    def _number(self, term: Term, bound: Mapping[str, Any]) -> Number:
        from isp.engine.binary_point import Whole, whole_number

        value = self._value(term, bound)
        return whole_number(value) if isinstance(value, Whole) else value

    def _value(self, term: Term, bound: Mapping[str, Any]) -> Any:
        """A `Number`, a `Whole`, or what is true or false as an expression."""
        import halide as hl

        from isp.engine import binary_point
        from isp.engine.integer_operations import NoIntegerFormError, cast, operation, reinterpreted

        inner = dict(bound)
        while term.what == "let":
            inner[term.name] = self._value(term.arguments[0], inner)
            term = term.arguments[1]
        if term.what == "number":
            if term.type.startswith("float"):
                return binary_point.constant(term.value)
            if term.type == "uint1":
                return hl.Expr(bool(term.value))
            return binary_point.Whole(literal(term), int(term.value), int(term.value))
        if term.what == "variable":
            if term.name in inner:
                return inner[term.name]
            if term.name in self._names:
                length = self._names[term.name]
                return binary_point.Whole(hl.i32(length), length, length)
            raise self._refusal(f"{term.name!r}")
        given = [self._value(a, inner) for a in term.arguments]
        if term.what == "call":
            return self._read(term, given)
        try:
            if term.what == "cast":
                return cast(term.type, given[0])
            if term.what == "reinterpret":
                return reinterpreted(term.type, given[0])
            return operation(term.what, given)
        except NoIntegerFormError as error:
            raise self._refusal(str(error)) from error

    def _read(self, term: Term, given: Sequence[Whole]) -> Any:
        import halide as hl

        from isp.engine import binary_point

        place = tuple(g.expr for g in given)
        if term.name == self._limits and self._segment.datapath is not None:
            return binary_point.constant(float(self._segment.datapath.array[given[0].low]))
        if term.name in self._kept:
            return _again(self._kept[term.name], term.element, place)
        if term.name in self._tables:
            return self._tables[term.name].element(term, place)
        if term.name in self._images:
            code = self._segment.code
            pixel = self._source[place]
            if code.shift == 0 and code.dtype.startswith("uint"):
                return binary_point.Whole(pixel, code.low, code.high)
            wide = code.dtype == "int64"
            expr = hl.cast(hl.Int(64 if wide else 32), pixel)
            return binary_point.Fixed(expr, code.shift, code.low, code.high, binary_point.Grain(-code.shift))
        # a Func of no node, such as the wrapper of an image
        self._written(term.name, False)
        return _again(self._kept[term.name], term.element, place)

def _as_floats(segment: IntegerSegment) -> Segment:
    """The segment as it computes in float32, as far as definitions go."""
    arrays = iter(segment.spans)
    steps = tuple(
        replace(s, arrays={n: np.zeros(next(arrays).low.shape, np.float32) for n in sorted(s.arrays)})
        for s in segment.steps
    )
    whole = segment.sink.dtype in ("uint8", "uint16")
    sink = segment.sink if whole else replace(segment.sink, dtype="float32")
    source = Port("float32" if segment.code.dtype.startswith("int") else segment.code.dtype, segment.source.channels)
    return Segment(steps, source, sink, segment.datapath, segment.tile, segment.raw, segment.round_source)


def _memory(value: Any) -> int:
    return 16 if value.bits <= 16 else 32 if value.bits <= 32 else 64


def _parts(value: Any) -> list[Any]:
    """What a Func keeps of a number."""
    import halide as hl

    from isp.engine.binary_point import Fixed

    if isinstance(value, Fixed):
        return [hl.cast(hl.Int(_memory(value)), value.expr)]
    return [value.mantissa, value.exponent]


def _again(kept: _Kept, element: int, place: tuple[Any, ...]) -> Any:
    """A value of a Func at a place."""
    import halide as hl

    from isp.engine.binary_point import Fixed, Scaled, constant

    value, start = kept.values[element], kept.places[element]
    if kept.func is None:
        return constant(0)
    call = kept.func[place]
    one = kept.func.outputs() == 1
    if isinstance(value, Fixed):
        part = call if one else call[start]
        return Fixed(hl.cast(hl.Int(64 if value.wide else 32), part), value.shift, value.low, value.high, value.grain)
    return Scaled(hl.Expr(call[start]), hl.Expr(call[start + 1]), value.low, value.high, value.grain)
