"""What a stage does for one pixel, counted from its definition; and which rows it must keep to do so in a stream.

The rules:

- A count is per pixel of the stage's output: the mean over the period of its CFA sites, all channels together.
- Each operation counts as one: a multiply-add is two, a clamp two. What several results share is there once.
- What is the same for all pixels (``1 / gain``) does not count, nor does the arithmetic of addresses.
- A value that the definition keeps (a stored Func) is computed once for each of its pixels, written once, and read by
  each pixel that uses it. A look-up in a table is a table access; parameters at fixed places are registers.
- Rows: a value must be there from the row that computes it until the last row that reads it, where every Func follows
  its inputs as soon as their rows are there. This is (rows - 1) lines for a stencil of so many rows, and as many lines
  as a branch waits for the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from math import ceil, lcm
from typing import TYPE_CHECKING, Any, Final

from isp.cost.notation import parse
from isp.cost.numbering import OPERATIONS, At, Definition, Node, Numbering, Read, X, Y, definition

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
        """Operations of all classes."""
        return sum(self.operations.values())

    def line_bits(self, width: int, bits: int) -> int:
        """All its line buffers for rows of `width` output pixels [bits]."""
        return sum(each.bits(width, bits) for each in self.lines)


@dataclass
class _Wanted:
    """Of a stored value: planes that are used, and pixels of it for each pixel of the output along x and y."""

    planes: set[int] = field(default_factory=set)
    x: Fraction = Fraction(0)
    y: Fraction = Fraction(0)


@dataclass(frozen=True)
class _Edge:
    """`reader` at row y reads rows (rate y + first) to (rate y + last) of `read`."""

    reader: str
    read: str
    first: Fraction
    last: Fraction


def count_segment(segment: Segment) -> StageCount:
    """The count of a segment that holds one stage; the rounding of a datapath behind it is wiring and not counted.

    Raises
    ------
    ValueError
        It holds more than one, or a definition that cannot be read.
    """
    if len(segment.steps) > 1:
        raise ValueError("stages are counted one by one")
    return _Walk(replace(segment, datapath=None, round_source=False)).result()


class _Walk:
    """From the output back to the source: what is wanted of each stored value, and what that takes."""

    def __init__(self, segment: Segment) -> None:
        import halide as hl

        from isp.engine.build import build_segment

        built = build_segment(segment)
        self._step = segment.steps[0] if segment.steps else None
        nodes = built.graph.nodes
        read = partial(parse, names=[n.func.name() for n in nodes])
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
        self._stored = [n.func.name() for n in stored]
        self._funcs[_OUTPUT] = definition(built.output, read, stored=True)
        self._wanted: dict[str, _Wanted] = defaultdict(_Wanted)
        self._wanted[_OUTPUT] = _Wanted(set(range(segment.sink.channels)), Fraction(1), Fraction(1))
        self._edges: list[_Edge] = []
        self._tables: set[str] = set()
        self._operations: dict[str, Fraction] = dict.fromkeys(OPERATIONS, Fraction(0))
        self._row_reads: dict[str, Fraction] = defaultdict(Fraction)
        self._reads = self._writes = self._table_reads = Fraction(0)

    def _array_names(self) -> list[str]:
        return sorted(self._step.arrays) if self._step is not None else []

    def result(self) -> StageCount:
        for name in (_OUTPUT, *reversed(self._stored)):
            if name in self._wanted:
                self._visit(name)
        latency = self._latencies()
        arrays = self._step.arrays if self._step is not None else {}
        tables = {n: arrays[n].size for n in sorted(self._tables)}
        return StageCount(
            name=self._step.stage.name if self._step is not None else "copy",
            operations={kind: float(number) for kind, number in self._operations.items()},
            reads=float(self._reads),
            writes=float(self._writes),
            table_reads=float(self._table_reads),
            lines=tuple(self._kept(latency)),
            latency=ceil(latency[_OUTPUT]),
            tables=tables,
            registers=sum(a.size for n, a in arrays.items() if n not in tables),
        )

    # -- one value -----------------------------------------------------------------------------------------------

    def _visit(self, name: str) -> None:
        wanted = self._wanted[name]
        numbering = Numbering(self._funcs, [self._source])
        sites: list[tuple[int, int]] = [(_FAR, _FAR)]
        found: dict[tuple[int, int], list[Node]] = {}
        while missing := [site for site in sites if site not in found]:
            # branches taken at these sites may show longer periods
            found |= {site: numbering.used(self._pixels(numbering, name, *site)) for site in missing}
            sites = list(_sites(numbering))
        share = wanted.x * wanted.y / len(sites)
        rates: dict[str, tuple[Fraction, Fraction]] = {}
        offsets: dict[str, list[Fraction]] = defaultdict(list)
        for x, y in sites:
            nodes = found[x, y]
            for kind, number in numbering.operations(nodes).items():
                self._operations[kind] += share * number
            tables = [n.name for n in nodes if n.what == "table"]
            self._tables |= {self._arrays[n] for n in tables if n in self._arrays}
            self._table_reads += share * len(tables)
            reads = numbering.reads(nodes)
            for row in {_row(read, n) for n, read in enumerate(reads)}:
                self._row_reads[row[0]] += share
            for read in reads:
                if read.name not in rates:
                    rates |= self._rates(numbering, name, x, y, reads)
                self._want(read, wanted, rates[read.name])
                offsets[read.name] += self._rows(read, y, rates[read.name][1])
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
        wanted.planes.add((read.place[2] or 0) if len(read.place) > 2 else 0)
        wanted.x, wanted.y = max(wanted.x, reader.x * rate[0]), max(wanted.y, reader.y * rate[1])

    def _rows(self, read: Read, y: int, rate: Fraction) -> list[Fraction]:
        row = read.place[1]
        if row is not None:
            return [row - rate * y]
        # at places computed for each pixel: anywhere the stage says it reaches
        reach = self._step.reach if self._step is not None else 0
        return [Fraction(-reach), Fraction(reach)]

    # -- rows in a stream ----------------------------------------------------------------------------------------

    def _latencies(self) -> dict[str, Fraction]:
        """Rows of the output by which each value lags behind the source."""
        latency = {self._source: Fraction(0)}
        free = []
        for name in (*self._stored, _OUTPUT):
            edges = [e for e in self._edges if e.reader == name and e.read in latency]
            if edges:
                latency[name] = max(latency[e.read] + e.last / self._wanted[e.read].y for e in edges)
            else:
                free.append(name)
        # what does not depend on the source (noise to be added) is made when it is needed
        for name in reversed(free):
            edges = [e for e in self._edges if e.read == name]
            needed = [latency[e.reader] - e.last / self._wanted[name].y for e in edges]
            latency[name] = min(needed, default=Fraction(0))
        return latency

    def _kept(self, latency: Mapping[str, Fraction]) -> Iterator[Lines]:
        for name in (self._source, *self._stored):
            readers = [e for e in self._edges if e.read == name]
            wanted = self._wanted[name]
            lines = max((ceil((latency[e.reader] - latency[name]) * wanted.y - e.first) for e in readers), default=0)
            if lines > 0:
                elements = len(self._funcs[name].terms) if name in self._funcs else 1
                label = "source" if name == self._source else name
                planes = len(wanted.planes) * elements
                accesses = self._row_reads[name] + wanted.x * wanted.y * planes
                yield Lines(label, lines, planes, wanted.x, float(accesses))


def _sites(numbering: Numbering) -> Iterator[tuple[int, int]]:
    """A coordinate of every site of the period that the definition selects by."""
    across, down = (min(lcm(*numbering.periods[axis]), _LONGEST) for axis in (X, Y))
    for y in range(down):
        for x in range(across):
            yield _FAR + x, _FAR + y


def _row(read: Read, number: int) -> tuple[str, ...]:
    """Reads of one row at known places are one access; at computed places each is its own."""
    known = None not in read.place[:2]
    return read.name, str(read.element), str(read.place[1:]) if known else f"#{number}"


def _rate(name: str, here: list[Read], there: list[Read], axis: int) -> Fraction:
    """Pixels of `name` that are read for each pixel of the reader along an axis; 1 where places are computed."""
    places = [[v for r in reads if r.name == name and (v := r.place[axis]) is not None] for reads in (here, there)]
    if not all(places):
        return Fraction(1)
    return Fraction(min(places[1]) - min(places[0]), _FAR)
