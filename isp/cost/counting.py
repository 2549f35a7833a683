"""What a stage does for one pixel, counted from its definition; and which rows it must keep to do so in a stream.

The rules:

- A count is per pixel of the stage's output: the mean over the period of its CFA sites, all channels together.
- Each operation counts as one: a multiply-add is two, a clamp two, an absolute value one. What several results share
  is there once. Casts and floors are told apart but are no operations: in fixed point they choose bits.
- What is the same for all pixels (``1 / gain``), or all along a row, does not count, nor does the arithmetic of
  addresses. A division by such a number is a multiplication.
- A value that the definition keeps (a stored Func) is computed once for each of its pixels, written once, and read by
  each pixel that uses it. A look-up in a table is a table access; parameters at fixed places are registers.
- Rows: time goes by rows of the output, and every Func lags behind the source by so many. A row of a plane is there
  from when it is computed until its last reader has passed: (rows - 1) lines for a stencil of so many rows; more where
  a branch waits for another, or where rows are used again (a plane of half the rows serves two rows of its readers: a
  line). The lags are those of the least latency, and among them of the least memory (`isp.cost.streaming`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from math import ceil, inf, isinf, lcm
from typing import TYPE_CHECKING, Any, Final

import halide as hl

from isp.cost.notation import parse
from isp.cost.numbering import OPERATIONS, At, Definition, Node, Numbering, Read, X, Y, definition
from isp.cost.streaming import Kept, Reader, schedule
from isp.engine.build import build_segment
from isp.engine.graph import Expr, Graph, Image

if TYPE_CHECKING:
    from isp.engine.segment import Segment

_FAR: Final = 4 * 720720
"""A coordinate, and a distance, that every period of up to 16, and 32 and 64, divide."""
_LONGEST: Final = 64
"""Longest period of sites along an axis [px]; beyond it, this many are looked at."""
_OUTPUT: Final = "output"


@dataclass(frozen=True)
class Lines:
    """Rows of one value that are kept.

    Parameters
    ----------
    name : of the value: ``source``, or of a Func of the definition
    lines : rows kept beside the one being computed
    planes : channels
    density : pixels of it along a row, for each pixel of the stage's output
    accesses : of the memory, for each pixel of the output: what is written, and from each row that a reader needs one
        value, as its neighbours along the row stay in registers
    """

    name: str
    lines: int
    planes: int
    density: Fraction
    accesses: float

    def bits(self, width: int, bits: int) -> int:
        """Size for rows of `width` output pixels of `bits` [bits]: (rows - 1) x width x bits."""
        return ceil(self.lines * self.planes * self.density * width) * bits


@dataclass(frozen=True)
class StageCount:
    """What one stage takes; numbers of operations and accesses are per pixel of its output.

    Parameters
    ----------
    name : str
    operations : mapping of class of operation (`isp.cost.numbering.OPERATIONS`) to count
    reads, writes : pixels read from the input and from values kept inside; pixels written
    table_reads : numbers looked up
    lines : tuple of Lines
    latency : rows of its output that it lags behind its input
    tables : entries of each array that is looked up
    registers : numbers of all other parameters
    """

    name: str
    operations: Mapping[str, float]
    reads: float
    writes: float
    table_reads: float
    lines: tuple[Lines, ...] = ()
    latency: int = 0
    tables: Mapping[str, int] = field(default_factory=dict)
    registers: int = 0

    @property
    def total(self) -> float:
        """All operations; conversions are none."""
        return sum(number for kind, number in self.operations.items() if kind != "convert")

    def line_bits(self, width: int, bits: int) -> int:
        """All its line buffers for rows of `width` output pixels [bits]."""
        return sum(each.bits(width, bits) for each in self.lines)


@dataclass
class _Wanted:
    """Of a stored value: planes that are used, and pixels of it for each pixel of the output along x and y."""

    planes: set[int] = field(default_factory=set)
    x: Fraction = Fraction(0)
    y: Fraction = Fraction(0)


_Plane = tuple[str, int, int]
"""A stored Func, the number of its value, and that of the channel."""


@dataclass(frozen=True)
class _Edge:
    """`reader` at row y reads rows (rate y + first) to (rate y + last) of `read`."""

    reader: str
    read: _Plane
    first: Fraction
    last: Fraction


def count_segment(segment: Segment) -> StageCount:
    """The count of a segment that holds one stage, without the rounding to a datapath or to codes of a file behind it.

    Raises
    ------
    ValueError
        It holds more than one, or a definition that cannot be read.
    """
    if len(segment.steps) > 1:
        raise ValueError("stages are counted one by one")
    sink = replace(segment.sink, dtype="float32")
    return _Walk(replace(segment, datapath=None, round_source=False, sink=sink)).result()


class NamedGraph(Graph):
    """A graph in which each value of a Func that computes several is read by a name of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: dict[str, tuple[str, int]] = {}
        """By that name, the Func and the number of the value."""

    def bundle(
        self, name: str, exprs: Sequence[Expr], planes: int, *, rows: int = 1, fan: int = 1
    ) -> tuple[Image, ...]:
        """As the engine's, for reading only."""
        images = super().bundle(name, exprs, planes, rows=rows, fan=fan)
        func = self.nodes[-1].func
        for number, image in enumerate(images if len(images) > 1 else ()):
            image.source = hl.ImageParam(hl.Float(32), func.dimensions(), f"{self.stage}_{name}_{number}")
            self.elements[hl.Func(image.source).name()] = (func.name(), number)
        return images


class _Walk:
    """From the output back to the source: what is wanted of each stored value, and what that takes."""

    def __init__(self, segment: Segment) -> None:
        graph = NamedGraph()
        built = build_segment(segment, graph)
        self._step = segment.steps[0] if segment.steps else None
        nodes, self._elements = graph.nodes, graph.elements
        read = partial(parse, names=[*(n.func.name() for n in nodes), *self._elements])
        self._source = hl.Func(built.inputs[0]).name()
        self._arrays = {hl.Func(p).name(): n for p, n in zip(built.inputs[1:], self._array_names(), strict=True)}
        self._funcs: dict[str, Definition] = {}
        # what the output hands on as it is needs no memory of its own
        copied = str(built.output.value())
        stored = [n for n in nodes if n.stored and f"{n.func.name()}(x, y" not in copied]
        for node in nodes:
            self._funcs[node.func.name()] = definition(node.func, read, stored=node in stored)
            if node.sums is not None:
                self._funcs[node.sums.name()] = definition(node.sums, read, stored=False, sums=node.window)
        self._lengths = {
            f"{p.name()}.extent.{axis}": length
            for p, n in zip(built.inputs[1:], self._array_names(), strict=True)
            for axis, length in enumerate(reversed(self._step.arrays[n].shape if self._step is not None else ()))
        }
        self._stored = [n.func.name() for n in stored]
        self._funcs[_OUTPUT] = definition(built.output, read, stored=True)
        self._wanted: dict[str, _Wanted] = defaultdict(_Wanted)
        self._wanted[_OUTPUT] = _Wanted(set(range(segment.sink.channels)), Fraction(1), Fraction(1))
        self._edges: list[_Edge] = []
        self._tables: set[str] = set()
        self._operations: dict[str, Fraction] = dict.fromkeys(OPERATIONS, Fraction(0))
        self._row_reads: dict[_Plane, Fraction] = defaultdict(Fraction)
        self._reads = self._writes = self._table_reads = Fraction(0)

    def _array_names(self) -> list[str]:
        return sorted(self._step.arrays) if self._step is not None else []

    def result(self) -> StageCount:
        for name in (_OUTPUT, *reversed(self._stored)):
            if name in self._wanted:
                self._visit(name)
        latency, lines = self._lines()
        arrays = self._step.arrays if self._step is not None else {}
        tables = {n: arrays[n].size for n in sorted(self._tables)}
        return StageCount(
            name=self._step.stage.name if self._step is not None else "copy",
            operations={kind: float(number) for kind, number in self._operations.items()},
            reads=float(self._reads),
            writes=float(self._writes),
            table_reads=float(self._table_reads),
            lines=tuple(lines),
            latency=ceil(latency),
            tables=tables,
            registers=sum(a.size for n, a in arrays.items() if n not in tables),
        )

    # -- one value -----------------------------------------------------------------------------------------------

    def _visit(self, name: str) -> None:
        wanted = self._wanted[name]
        numbering = Numbering(self._funcs, [self._source], self._elements, self._lengths)
        sites: list[tuple[int, int]] = [(_FAR, _FAR)]
        found: dict[tuple[int, int], list[Node]] = {}
        while missing := [site for site in sites if site not in found]:
            # branches taken at these sites may show longer periods
            found |= {site: numbering.used(self._pixels(numbering, name, *site)) for site in missing}
            sites = list(_sites(numbering))
        share = wanted.x * wanted.y / len(sites)
        rates: dict[str, tuple[Fraction, Fraction]] = {}
        offsets: dict[_Plane, list[Fraction]] = defaultdict(list)
        for x, y in sites:
            nodes = found[x, y]
            for kind, number in numbering.operations(nodes).items():
                self._operations[kind] += share * number
            tables = [n.name for n in nodes if n.what == "table"]
            self._tables |= {self._arrays[n] for n in tables if n in self._arrays}
            self._table_reads += share * len(tables)
            reads = numbering.reads(nodes)
            for plane, _ in {_row(read, n) for n, read in enumerate(reads)}:
                self._row_reads[plane] += share
            for read in reads:
                if read.name not in rates:
                    rates |= self._rates(numbering, name, x, y, reads)
                self._want(read, wanted, rates[read.name])
                offsets[_plane(read)] += self._rows(read, y, rates[read.name][1])
                self._reads += share
        self._writes += wanted.x * wanted.y * len(wanted.planes) * len(self._funcs[name].terms)
        self._edges += [_Edge(name, n, min(rows), max(rows)) for n, rows in offsets.items()]

    def _pixels(self, numbering: Numbering, name: str, x: int, y: int) -> list[Any]:
        func = self._funcs[name]
        places = [(At(x, X), At(y, Y), At(c)) for c in sorted(self._wanted[name].planes)]
        return [
            numbering.pixel(name, element, place[: len(func.arguments)])
            for place in places for element in range(len(func.terms))
        ]  # fmt: skip

    def _rates(
        self, numbering: Numbering, name: str, x: int, y: int, here: list[Read]
    ) -> dict[str, tuple[Fraction, Fraction]]:
        """Of all that is read at one site: pixels along x and y for each pixel of the reader."""
        # a step along both axes at once, as no definition turns the picture
        there = numbering.reads(numbering.used(self._pixels(numbering, name, x + _FAR, y + _FAR)))
        return {n: (_rate(n, here, there, 0), _rate(n, here, there, 1)) for n in {read.name for read in here}}

    def _want(self, read: Read, reader: _Wanted, rate: tuple[Fraction, Fraction]) -> None:
        wanted = self._wanted[read.name]
        wanted.planes.add(read.plane)
        wanted.x, wanted.y = max(wanted.x, reader.x * rate[0]), max(wanted.y, reader.y * rate[1])

    def _rows(self, read: Read, y: int, rate: Fraction) -> list[Fraction]:
        low, high = read.place[1]
        if isinf(low) or isinf(high):
            # nothing in the definition bounds it: anywhere the stage says it reaches
            reach = self._step.reach if self._step is not None else 0
            return [Fraction(-reach), Fraction(reach)]
        return [Fraction(low) - rate * y, Fraction(high) - rate * y]

    # -- rows in a stream ----------------------------------------------------------------------------------------

    def _lines(self) -> tuple[Fraction, list[Lines]]:
        """The latency in rows of the output, and the rows that are kept.

        The lags are those of an integer linear program, as in J. Hegarty et al., "Darkroom: compiling high-level image
        processing code into hardware pipelines", ACM TOG 33(4), 2014.
        """
        by_plane: dict[_Plane, list[Reader]] = defaultdict(list)
        for edge in self._edges:
            by_plane[edge.read].append((edge.reader, edge.first, edge.last))
        alike: dict[tuple[str, tuple[Reader, ...]], list[_Plane]] = defaultdict(list)
        for plane, readers in by_plane.items():
            if self._wanted[plane[0]].y:  # of what is there once a frame there are no rows
                alike[plane[0], tuple(sorted(readers))].append(plane)
        names = [self._source, *self._stored, _OUTPUT]
        rates = {name: self._wanted[name].y for name in names}
        kept = [Kept(name, found, len(planes) * self._wanted[name].x) for (name, found), planes in alike.items()]
        latency, lines = schedule(names, rates, kept)
        together: dict[tuple[str, int], list[_Plane]] = defaultdict(list)
        for (name, _), planes, count in zip(alike, alike.values(), lines, strict=True):
            if count and self._wanted[name].x:  # a line that is as long for every width is a table's
                together[name, count] += planes
        return latency, [self._kept(name, count, planes) for (name, count), planes in together.items()]

    def _kept(self, name: str, lines: int, planes: Sequence[_Plane]) -> Lines:
        wanted = self._wanted[name]
        accesses = sum(self._row_reads[p] for p in planes) + wanted.x * wanted.y * len(planes)
        return Lines("source" if name == self._source else name, lines, len(planes), wanted.x, float(accesses))


def _sites(numbering: Numbering) -> Iterator[tuple[int, int]]:
    """A coordinate of every site of the period that the definition selects by."""
    across, down = (min(lcm(*numbering.periods[axis]), _LONGEST) for axis in (X, Y))
    for y in range(down):
        for x in range(across):
            yield _FAR + x, _FAR + y


def _plane(read: Read) -> _Plane:
    return read.name, read.element, read.plane


def _row(read: Read, number: int) -> tuple[_Plane, float | str]:
    """Reads of one row at known places are one access; at computed places each is its own."""
    return _plane(read), read.place[1][0] if read.known else f"#{number}"


def _rate(name: str, here: list[Read], there: list[Read], axis: int) -> Fraction:
    """Pixels of `name` that are read for each pixel of the reader along an axis; 1 where nothing bounds the places."""
    least = [min((r.place[axis][0] for r in reads if r.name == name), default=-inf) for reads in (here, there)]
    return Fraction(1) if any(map(isinf, least)) else Fraction(int(least[1] - least[0]), _FAR)
